"""``arena work``: play the machines' turns of matches that wait for them."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Annotated, Any

import typer

from ui.options import DEFAULT_STORE, AsJson, StorePath, one_line, open_store, print_json


def work(
    store: StorePath = DEFAULT_STORE,
    run: Annotated[str | None, typer.Option("--run", help="Play matches of this run only.")] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Play what waits now, then stop; else stay and watch.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.001, help="Stop after so many minutes.")
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Play so many matches at a time.")] = 16,
    device: Annotated[str, typer.Option(help="Where local models run.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads of local models.")] = 1,
    dtype: Annotated[str | None, typer.Option(help="Precision of local models.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let the machines go on in matches that people take part in; stop it with Ctrl+C.

    Any number of workers may run on one store.
    """
    from arena.leases import empty_chairs
    from ui.tables import say
    from ui.work import Worker, check_run

    def tell(line: str) -> None:
        say(f"arena: {line}", error=True)

    with one_line(), open_store(store, must_exist=True) as opened:
        if run is not None:
            check_run(opened, run)
        how = {"device": device, "threads": threads, "dtype": dtype}
        with Worker(store, run, how, width, tell=tell) as worker, _stopping():
            if not once:
                tell(f"machines' turns of {store} are played as they come  (Ctrl+C stops it)")
            try:
                worker.work(once, minutes)
            except KeyboardInterrupt:
                tell("stopped; the same command goes on")
        found = worker.summary
        waiting = empty_chairs(opened, run)
    if as_json:
        print_json(
            {
                "run": run,
                "store": str(store),
                "done": found.done,
                "turns": found.turns,
                "waiting": [{"match": match, "seat": seat} for match, seat in waiting],
                "failed": [
                    {"match": match, "seat": seat, "reason": line}
                    for match, (seat, line) in found.failed.items()
                ],
            }
        )
    else:
        say(f"{found.turns} turns were made and {found.done} matches finished; "
            f"{len(waiting)} chairs wait for people")  # fmt: skip
        if waiting:
            say(f"arena ui --store {store}" + (f" --run {run}" if run else ""))
    if found.failed:
        raise typer.Exit(1)


class _stopping:
    """Until this is over, being told to end (SIGTERM) is what Ctrl+C is."""

    def __enter__(self) -> None:
        self._before: Any = signal.signal(signal.SIGTERM, self._stop)

    def __exit__(self, *exc: object) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt
