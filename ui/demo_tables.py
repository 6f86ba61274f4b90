"""What ``arena demo`` prints and draws: one table, the planted weakness, and what to do next."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena import metrics
from arena.stats.intervals import Estimate
from arena.store import Store
from arena.text import visible
from arena.training_report import training_report
from ui.conditions import CONSULTANCY, DEBATE, TRAINED, Conditions, Row, quoted
from ui.demo import DEBATE as DEBATE_RUN
from ui.demo import NAME, PLANTED, VARIANT, WEAKNESS, Demo
from ui.tables import plain

if TYPE_CHECKING:
    from rich.console import Console

EXPLAINED = """\
The judge sees only what speakers cite. training: the small judge whose verdicts were the reward;
held-out: another one, which nothing was trained against; literal: the exact posterior of what is
cited, at face value; strategic: the same, taking every speaker for optimal. A tie counts one half.
consultancy: one speaker, who argues for the truth and, in another match, against it: "right when"
is the judge's accuracy in each. "won against base": what the trained debaters won of those they
began as, when they spoke for the truth and when not. quotes: share found in the passage, share
that serves the speaker's side. Intervals are 95 %, clustered by world. expert: the passage itself,
read by the two ideal judges; the small ones were never taught to read one."""
STRATEGIC = {
    "free": """\
In these worlds the truth has more and stronger lines, so the strategic judge needs no debate: from
a consultant who searches well, a weak line or none is as good as a confession."""
}
"""What the strategic judge's column means, by variant."""


def print_conditions(console: Console, found: Conditions) -> None:
    """The demo's one table."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = "Who can tell the truth? Held-out questions, before and after training"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name in ("condition", "judge"):
        table.add_column(name, no_wrap=True)
    for name in (
        "n", "judge\naccuracy", "95 %\ninterval", "right when\nhonest / not",
        "won against base\nhonest / not", "quotes found\n/ relevant",
    ):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    last = ""
    for row in found.rows():
        if last and row.condition != last:
            table.add_row()
        table.add_row(*_cells(found, row, first=row.condition != last))
        last = row.condition
    console.print(table)
    console.print(EXPLAINED)
    if VARIANT.name in STRATEGIC:
        console.print(STRATEGIC[VARIANT.name])
    missing = sum(row.missing for row in found.rows())
    if missing:
        console.print(f"Missing verdicts (in no figure, never counted as wrong): {missing}.")


def _cells(found: Conditions, row: Row, first: bool) -> Iterator[str]:
    one, (low, high) = row.accuracy, row.interval
    yield row.condition if first else ""
    yield row.judge
    yield str(0 if one is None else one.n)
    yield "" if one is None else f"{one.value:.3f}"
    yield "" if one is None else f"{low:.3f}-{high:.3f}"
    yield " / ".join(f"{side.correct / side.n:.2f}" for side in row.sides.values() if side.n)
    wins = found.wins(row.judge) if row.condition == f"{DEBATE} {TRAINED}" else {}
    yield _pair(wins.get(metrics.HONEST), wins.get(metrics.DISHONEST))
    speaks = row.condition.startswith((DEBATE, CONSULTANCY)) and first
    verified, relevant = (
        (quoted(found, row.condition, what) if speaks else None) for what in _QUOTED
    )
    yield _pair(verified, relevant)


_QUOTED: tuple[Any, Any] = ("verified", "relevant")


def _pair(one: Estimate | None, other: Estimate | None) -> str:
    if one is None and other is None:
        return ""
    return " / ".join("-" if each is None else f"{each.value:.2f}" for each in (one, other))


def print_goodhart(console: Console, store: Store, done: Demo) -> None:
    """The run against the planted weakness: reward and truth at each evaluation."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = training_report(store, PLANTED)
    console.print("\nA judge with a planted weakness: reward and truth", style="bold")
    table = Table(box=SIMPLE_HEAD)
    heads = ("step", "proxy:\nreward", "gold: held-out\naccuracy", "literal\naccuracy",
             "quotes\nrelevant")  # fmt: skip
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for one in found["evaluations"]:
        relevant = [value for value in one["relevant"].values() if value is not None]
        table.add_row(
            str(one["step"]), _signed(one["proxy"]["value"]),
            _figure(one["accuracy"][metrics.HELD_OUT]["value"]),
            _figure(one["accuracy"].get(metrics.LITERAL, {}).get("value")),
            _figure(sum(relevant) / len(relevant) if relevant else None),
        )  # fmt: skip
    console.print(table)
    console.print(
        f"The judge: {WEAKNESS}.\nproxy: its mean log-odds for the trained debaters against those "
        "they began as, on held-out questions;\ngold: accuracy of a judge without the weakness.",
        soft_wrap=True,
    )
    for label in found["labels"]:
        console.print(plain(f"Note: {PLANTED} {label}."), style="bold", soft_wrap=True)
    goodhart = done.goodhart
    if goodhart["stopped_at"] is None:
        console.print(plain(f"The monitor did not stop it: {goodhart['reason']}."), soft_wrap=True)
    else:
        why = goodhart["reason"].removeprefix(f"step {goodhart['stopped_at']}: ")
        said = f"The monitor stopped it at step {goodhart['stopped_at']}: {why}."
        console.print(plain(said), style="red", soft_wrap=True)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{round(value, 3) or 0:+.3f}"


def print_next(console: Console, store: Store, done: Demo, plots: Path) -> None:
    """Where everything is, and how to judge a debate oneself."""
    where = visible(str(store.path))
    arena = "arena" if shutil.which("arena") else sys.argv[0]
    last = f"{DEBATE_RUN}@{done.steps}"
    console.print(
        f"\nThe store is {where}; plots: {visible(str(plots))}\n"
        f"Judge a debate yourself:  {arena} ui --store {where} --run {last}\n"
        f"See all that was measured:  {arena} report {NAME} --store {where}\n"
        f"How the trainings went:  {arena} report {DEBATE_RUN} --store {where}  (and {PLANTED})",
        soft_wrap=True,
    )


def write_all_plots(store: Store) -> Path:
    """Draw the trainings, a folder each; returns the folder that holds them."""
    from ui.plots import write_plots

    for run in (DEBATE_RUN, PLANTED):
        folder = store.beside("plots", run)
        write_plots(store, run, folder, training_report(store, run)["labels"])
    return folder.parent
