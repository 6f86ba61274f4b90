"""``arena demo --scripted``: the witness world under five protocols, with debaters of known skill.

Every cell has a known expected value, computed by a simulation that shares no code with the
package; the demo plays real matches through the referee and prints both side by side.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from agents.models import Models
from arena.ids import canonical
from arena.protocols import BUILT_IN
from arena.runner import Outcome, Planned
from arena.sources.witness import items
from arena.store import Store, StoreError
from arena.text import visible
from arena.tournament import schedule
from ui.runs import Cast, Progress, perform

NAME = "demo-scripted"
QUESTIONS = 1000
SEED = 20
SKILLS: dict[str, tuple[float, float, float]] = {
    "weak": (0.3, 0.0, 0.3),
    "skilled": (0.9, 0.8, 0.9),
    "optimal": (1.0, 1.0, 1.0),
}
CONDITIONS = {  # the name of a condition, here and in the simulation -> the protocol
    "naive": "naive",
    "consultancy": "consultancy",
    "debate without rebuttal": "debate without rebuttal",
    "debate with rebuttal": "debate",
    "expert": "expert",
}


def perform_scripted(store: Store, n: int, progress: Progress) -> Outcome:
    """Play every condition on the same ``n`` questions, judged by both Bayes judges.

    Raises StoreError where the store holds a demo over another number of questions.
    """
    config = {"questions": n, "seed": SEED}
    kept = store.one("SELECT config FROM runs WHERE name = ?", NAME)
    if kept is not None and kept["config"] != canonical(config):
        raise StoreError(
            f"store {store.path} holds a scripted demo with --n "
            f"{json.loads(kept['config'])['questions']}; "
            "give the same --n again, or name another store with --store"
        )
    asked = list(items(SEED, n, "test"))
    questions = [item.question for item in asked]
    cast = Cast(Models(), store)
    planned: list[Planned] = []
    literal = cast.judge("scripted:literal")
    for skill, (p, s, b) in chain([("", SKILLS["optimal"])], SKILLS.items()):
        judges = {
            "literal": literal,
            "strategic": cast.judge(f"scripted:strategic,p={p},s={s},b={b}"),
        }
        player = {skill: cast.player(f"scripted:witness,p={p},s={s},b={b}")} if skill else {}
        for condition, name in CONDITIONS.items():
            protocol = BUILT_IN[name]
            if bool(protocol.speakers) != bool(skill):
                continue
            called = f"{condition} / {skill}" if skill else condition
            planned += schedule(questions, {called: protocol}, player, judges, SEED, mirrored=False)
    return perform(store, NAME, "demo", config, asked, planned, cast, progress=progress)


def expected() -> dict[tuple[str, str, str], tuple[float, float]]:
    """(condition, skill, judge) -> expected accuracy and its standard error, by simulation."""
    text = files("arena").joinpath("data/witness_expected.json").read_text(encoding="utf-8")
    return {
        (row["condition"], row["skill"] or "", row["judge"]): (row["accuracy"], row["se"])
        for row in json.loads(text)
        if row["faces"] == "equal"
    }


def compare(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The report's rows in the demo's order, each with its condition, skill and expected value."""
    known = expected()
    out = []
    for row in rows:
        condition, _, skill = str(row["setting"]).partition(" / ")
        judge = "strategic" if "strategic" in str(row["judge"]) else "literal"
        value = known[condition, skill, judge][0]
        named = {"condition": condition, "skill": skill, "judge": judge, "expected": value}
        out.append({**row, **named})
    order = list(CONDITIONS)
    skills = ["", *SKILLS]
    out.sort(
        key=lambda row: (order.index(row["condition"]), skills.index(row["skill"]), row["judge"])
    )
    return out


def print_table(console: Any, rows: Sequence[Mapping[str, Any]], store: Path) -> None:
    """The demo's one table, and what to do next."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = "Who can tell the truth? The witness world, judged by two Bayes judges"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name in ("condition", "debaters", "judge"):
        table.add_column(name, no_wrap=True)
    for name in ("n", "judge\naccuracy", "95 %\ninterval", "expected"):
        table.add_column(name, justify="right", no_wrap=True)
    last = ""
    for row in rows:
        low, high = row["wilson"]
        if last and row["condition"] != last:
            table.add_row()
        table.add_row(
            row["condition"] if row["condition"] != last else "",
            row["skill"],
            row["judge"],
            str(row["n"]),
            f"{row['accuracy']:.3f}",
            f"{low:.3f}-{high:.3f}",
            f"{row['expected']:.3f}",
        )
        last = row["condition"]
    console.print(table)
    console.print(
        "The judge sees only what debaters cite. literal: takes it at face value; strategic:\n"
        "knows how debaters choose it. A tie counts one half. Consultants argue both sides of\n"
        "each question. expected: an independent simulation of the same world."
    )
    where = visible(str(store))
    arena = "arena" if shutil.which("arena") else sys.argv[0]
    console.print(
        f"\nThe store is {where}. Judge a debate yourself:  {arena} ui --store {where}\n"
        f"See all that was measured:  {arena} report {NAME} --store {where}",
        soft_wrap=True,
    )
