"""The scripted demo's table against the independent simulation, and what the README shows of it."""

import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from arena.report import report
from arena.store import Store
from ui.demo_scripted import (
    CONDITIONS,
    NAME,
    QUESTIONS,
    SKILLS,
    compare,
    expected,
    perform_scripted,
    print_table,
)


def measured(n: int) -> list[dict[str, Any]]:
    with Store(None) as store:
        perform_scripted(store, n, lambda done, total: None)
        return compare(report(store, NAME)["settings"])


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return measured(QUESTIONS)


def spread_of_one_world() -> dict[tuple[str, str, str], float]:
    """The standard deviation of a cell over worlds, from the simulation's standard errors."""
    text = files("arena").joinpath("data/witness_expected.json").read_text(encoding="utf-8")
    return {
        (row["condition"], row["skill"] or "", row["judge"]): row["se"] * row["n"] ** 0.5
        for row in json.loads(text)
        if row["faces"] == "equal"
    }


def test_every_cell_of_the_demo_is_within_three_standard_errors_of_the_simulation(
    rows: list[dict[str, Any]],
) -> None:
    """The unit is the question: a consultant argues both sides of each, in two matches."""
    assert len(rows) == 2 * (2 + 3 * len(SKILLS))
    spread = spread_of_one_world()
    for row in rows:
        error = spread[row["condition"], row["skill"], row["judge"]] / QUESTIONS**0.5
        assert abs(row["accuracy"] - row["expected"]) <= 3 * error + 1e-9, row


def test_the_conditions_of_the_demo_are_those_of_the_simulation() -> None:
    known = {condition for condition, _, _ in expected()}
    assert set(CONDITIONS) == known


def test_the_readme_shows_the_table_that_the_demo_prints(rows: list[dict[str, Any]]) -> None:
    out = io.StringIO()
    print_table(Console(file=out, width=110), rows, Path("demo.db"))
    table = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    begin = next(i for i, line in enumerate(table) if line.startswith("  naive"))
    end = next(i for i, line in enumerate(table) if line.startswith("The judge sees"))
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for line in table[begin:end]:
        assert line in readme, f"README.md lacks {line!r}: copy the demo's table there"


@pytest.mark.check
def test_over_20000_worlds_every_cell_is_within_one_hundredth_of_the_simulation() -> None:
    for row in measured(20_000):
        assert abs(row["accuracy"] - row["expected"]) <= 0.01, row
