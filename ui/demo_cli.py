"""``arena demo``: the main job on what the package ships; start it again to go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.options import DEFAULT_STORE, AsJson, StorePath, one_line, open_store, print_json

if TYPE_CHECKING:
    from arena.store import Store
    from ui.demo import Settings

Questions = Annotated[
    int | None, typer.Option("--n", min=1, help="Questions for each condition.", show_default="400")
]
Minutes = Annotated[
    float | None,
    typer.Option(
        help="For each training at most; for the consultant's, which is one policy, half of it.",
        show_default="2",
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Train to the end, however long it takes.")]
Scripted = Annotated[
    bool,
    typer.Option("--scripted", help="Train nobody: scripted debaters of known skill."),
]


def demo(
    store: StorePath = DEFAULT_STORE,
    n: Questions = None,
    minutes: Minutes = None,
    full: Full = False,
    scripted: Scripted = False,
    as_json: AsJson = False,
) -> None:
    """Train debaters live, measure what debate is worth, and stop a run that games its judge."""
    from arena.config import ConfigError

    with one_line():
        if scripted and (full or minutes is not None):
            raise ConfigError("--scripted trains nobody: leave --minutes and --full out")
        if full and minutes is not None:
            raise ConfigError("--full trains to the end: leave --minutes out, or --full")
        if scripted:
            _scripted(store, n, as_json)
            return
        from ui.demo import MINUTES, QUESTIONS, Settings

        limit = None if full else MINUTES if minutes is None else minutes
        settings = Settings(QUESTIONS if n is None else n, limit)
        with open_store(store) as opened:
            _demo(opened, settings, as_json)


def _demo(store: Store, settings: Settings, as_json: bool) -> None:
    from agents.losses import LearnerError
    from ui.demo import Faces, perform_demo
    from ui.demo_tables import print_conditions, print_goodhart, print_next, write_all_plots
    from ui.tables import console, progress_bar, say
    from ui.train_cli import showing

    faces = Faces(showing, progress_bar, lambda text: say(text, error=True))
    to = console()
    try:
        done = perform_demo(
            store, settings, faces,
            lambda found: None if as_json else print_conditions(to, found),
        )  # fmt: skip
    except LearnerError as error:
        say(f"arena: the demo stopped: {error}; its checkpoints are intact", error=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        say("arena: the demo stopped; the same command goes on", error=True)
        raise typer.Exit(1) from None
    plots = write_all_plots(store)
    if as_json:
        print_json(done.value)
        return
    print_goodhart(to, store, done)
    print_next(to, store, done, plots)


def _scripted(path: Path, n: int | None, as_json: bool) -> None:
    from arena.report import report
    from ui import demo_scripted as show
    from ui.tables import console, progress_bar

    with open_store(path) as store:
        with progress_bar("playing and judging") as progress:
            outcome = show.perform_scripted(store, show.QUESTIONS if n is None else n, progress)
        rows = show.compare(report(store, show.NAME, sections=())["settings"])
        if as_json:
            print_json(
                {"run": show.NAME, "store": str(path), "done": outcome.done, "waiting": [],
                 "failed": dict(outcome.failed), "results": {"settings": rows}}
            )  # fmt: skip
        else:
            show.print_table(console(), rows, path)
