"""``arena play``, ``arena tournament`` and ``arena judge``: matches and verdicts into a store."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.options import DEFAULT_STORE, AsJson, Html, StorePath, one_line, open_store, print_json

if TYPE_CHECKING:
    from arena.runner import Outcome
    from arena.store import Store


class Order(StrEnum):
    """The listings of the options that a judge is shown."""

    both = "both"
    listed = "listed"
    swapped = "swapped"


class ReadingMode(StrEnum):
    """Whether a judge reads everything at once or reports after every round."""

    whole = "whole"
    stepped = "stepped"


File = Annotated[Path, typer.Argument(metavar="FILE.yaml", help="What to play: see the README.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Override a field, as in questions.n=50.")
]


def conclude(
    store: Store,
    path: Path,
    name: str,
    outcome: Outcome,
    as_json: bool,
    found: dict[str, Any] | None = None,
) -> None:
    """Print what a run came to: its report, unless ``found`` is what to print."""
    from arena.leases import claimed
    from arena.report import report
    from ui.tables import console, plain, print_report, say

    found = report(store, name, unmatched=True) if found is None else found
    for note in outcome.notes:
        say(f"arena: {note}", error=True)
    if as_json:
        waiting = [{"match": match, "seat": seat} for match, seat in outcome.waiting]
        print_json(
            {"run": name, "store": str(path), "done": outcome.done, "waiting": waiting,
             "failed": dict(outcome.failed), "results": found}
        )  # fmt: skip
        return
    print_report(to := console(), found)
    if outcome.waiting:
        seats = ", ".join(sorted({seat for _, seat in outcome.waiting}))
        matches = len({match for match, _ in outcome.waiting})
        many = f"{matches} matches wait for a person ({seats})"
        to.print(plain(f"{many}: arena ui --store {path}"), soft_wrap=True)
        if next(claimed(store, name), None) is not None:
            then = "The machines go on as people act: arena work"
            to.print(plain(f"{then} --store {path}"), soft_wrap=True)


def play(
    file: File, store: StorePath = DEFAULT_STORE, override: Set = None, as_json: AsJson = False
) -> None:
    """Play and judge the matches that a file describes; start it again to resume."""
    from arena.runfile import protocols_of, read_run_file, refuse_verb
    from ui.runs import run_file
    from ui.tables import progress_bar

    with one_line():
        run = read_run_file(file, tuple(override or ()))
        refuse_verb(run, "play", file)
        protocols_of(run, file.parent)  # what is refused here opens no store
        with open_store(store) as opened:
            with progress_bar(f"play {run.name}") as progress:
                outcome = run_file(run, file.parent, opened, progress)
            conclude(opened, store, run.name, outcome, as_json)


def tournament(
    file: File,
    store: StorePath = DEFAULT_STORE,
    override: Set = None,
    as_json: AsJson = False,
    html: Html = None,
) -> None:
    """Play a file's players against each other, all pairs or Swiss rounds; start it again to
    resume, or with more players to continue."""
    from arena.report import report
    from arena.runfile import protocols_of, read_run_file, refuse_verb
    from ui.tables import progress_bar
    from ui.tournament import run_tournament

    with one_line():
        run = read_run_file(file, tuple(override or ()))
        refuse_verb(run, "tournament", file)
        protocols_of(run, file.parent)
        if html is not None:
            from ui.page import refuse_page

            refuse_page(html, store)
        with open_store(store) as opened:
            with progress_bar(f"tournament {run.name}") as progress:
                outcome = run_tournament(run, file.parent, opened, progress)
            found = report(opened, run.name)
            if html is not None:
                from ui.page import write_page

                write_page(found, html)
            conclude(opened, store, run.name, outcome, as_json, found)


def judge(
    of: Annotated[str, typer.Option("--of", help="The run or import whose matches are read.")],
    spec: Annotated[str, typer.Option("--judge", help="The judge, as in scripted:literal.")],
    store: StorePath = DEFAULT_STORE,
    order: Annotated[Order, typer.Option(help="Listings of the options.")] = Order.listed,
    mode: Annotated[ReadingMode, typer.Option(help="At once, or round by round.")] = (
        ReadingMode.whole
    ),
    limit: Annotated[int | None, typer.Option(min=1, help="Read so many matches only.")] = None,
    device: Annotated[str, typer.Option(help="Where a local model runs.")] = "cpu",
    as_json: AsJson = False,
) -> None:
    """Have a judge read stored matches and hang its verdicts on them."""
    from ui.runs import judge_run
    from ui.tables import progress_bar

    with one_line(), open_store(store, must_exist=True) as opened:
        with progress_bar(f"judging {of}") as progress:
            outcome = judge_run(
                opened, of, spec, order.value, mode.value, limit, {"device": device}, progress
            )
        conclude(opened, store, of, outcome, as_json)
