"""``arena train``: train debaters on verdicts, as a file describes; start it again to resume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.options import DEFAULT_STORE, AsJson, StorePath, one_line, open_store, print_json

if TYPE_CHECKING:
    from arena.store import Store
    from ui.training import Shows, Trained

File = Annotated[Path, typer.Argument(metavar="FILE.yaml", help="What to train: see the README.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Override a field, as in train.steps=50.")
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder", help="Checkpoints and adapters; if absent, STORE-training/NAME beside it."
    ),
]


def train(
    file: File,
    store: StorePath = DEFAULT_STORE,
    override: Set = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Train debaters on a judge's verdicts; start it again to resume."""
    from agents.losses import LearnerError
    from arena.runfile import protocols_of, read_run_file, refuse_verb
    from ui.tables import say
    from ui.training import train_file

    with one_line():
        run = read_run_file(file, tuple(override or ()))
        refuse_verb(run, "train", file)
        protocols_of(run, file.parent)  # what is refused here opens no store
        with open_store(store) as opened:
            try:
                with showing(f"training {run.name}") as shows:
                    done = train_file(run, file.parent, opened, shows, folder)
            except LearnerError as error:
                say(f"arena: run {run.name!r} stopped: {error}; its checkpoints are intact", True)
                raise typer.Exit(1) from None
            except KeyboardInterrupt:
                say(f"arena: run {run.name!r} stopped; the same command goes on", error=True)
                raise typer.Exit(1) from None
            _conclude(opened, store, run.name, done, as_json)


class _Bar:
    """A bar with the time left, and lines above it."""

    def __init__(self, bar: Any, task: Any, to: Any) -> None:
        self._bar, self._task, self._to = bar, task, to

    def at(self, share: float, text: str) -> None:
        """Move the bar."""
        from arena.text import visible

        self._bar.update(self._task, completed=share, text=visible(text))

    def note(self, text: str) -> None:
        """Print a line."""
        from ui.tables import plain

        self._to.print(plain(text), soft_wrap=True)


@contextmanager
def showing(what: str) -> Iterator[Shows]:
    """What a training run shows on standard error: a bar on a terminal, one line an evaluation."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from arena.text import visible
    from ui.tables import console

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(),
        TextColumn("{task.fields[text]}", markup=False), Remaining(elapsed_when_finished=True),
    )  # fmt: skip
    to = console(error=True)
    with Progress(*columns, console=to, transient=True, disable=not to.is_terminal,
                  speed_estimate_period=120.0) as bar:  # fmt: skip
        task = bar.add_task(visible(what), total=1.0, text="loading")
        yield _Bar(bar, task, to)


def results(store: Store, name: str, done: Trained) -> dict[str, Any]:
    """What a training run has come to, as JSON values: its report, why it is over, its adapters,
    and the table of its last evaluation."""
    from arena.report import report
    from arena.training_report import training_report

    last = store.one("SELECT name FROM runs WHERE name = ?", f"{name}@{done.steps}")
    places = {what: place for what, (_, place) in store.artifacts(name).items() if "@" in what}
    return {
        **training_report(store, name),
        "reason": done.reason,
        "adapters": places,
        "settings": report(store, last["name"], sections=())["settings"] if last else [],
    }


OVER = {
    "steps": "all are done",
    "minutes": "its time is up",
    "budget": "its tokens are spent",
}
"""Why a run is over, in words."""


def _conclude(store: Store, path: Path, name: str, done: Trained, as_json: bool) -> None:
    from arena.text import visible
    from ui.tables import console, plain
    from ui.training_report import print_training

    found = results(store, name, done)
    if as_json:
        print_json(
            {"run": name, "store": str(path), "done": done.steps,
             "waiting": [{"match": match, "seat": seat} for match, seat in done.waiting],
             "failed": dict(done.failed), "results": found}
        )  # fmt: skip
        return
    to = console()
    print_training(to, found)
    lines = [f"{name}: {done.steps} steps; {OVER.get(done.reason, done.reason)}."]
    if done.waiting:
        lines.append(
            f"{len(done.waiting)} debates wait for a person: arena ui --store {path} --run {name}; "
            "then run this again."
        )
    newest = sorted(what for what in found["adapters"] if what.endswith(f"@{done.steps}"))
    if newest:
        names = ", ".join(f"local:BASE#{done.place / 'adapters' / what}" for what in newest)
        lines.append(f"The players as they are now: {visible(names)}")
    if store.one("SELECT 1 FROM runs WHERE name = ?", f"{name}@{done.steps}"):
        lines.append(f"Read its matches: arena report {name}@{done.steps} --store {path}")
    for line in lines:
        to.print(plain(line), soft_wrap=True)
