"""The demo's table against the independent simulation, and the store that it leaves."""

import pytest

from arena.report import report
from arena.store import Store
from ui.demo import CONDITIONS, NAME, SKILLS, compare, expected, perform_demo


def rows(n: int) -> list[dict[str, object]]:
    with Store(None) as store:
        perform_demo(store, n, lambda done, total: None)
        return compare(report(store, NAME)["settings"])


def test_every_cell_of_the_demo_is_within_three_standard_errors_of_the_simulation() -> None:
    """The standard error is the simulation's own spread of one match, not the demo's."""
    found = rows(400)
    assert len(found) == 2 * (2 + 3 * len(SKILLS))
    for row in found:
        value = expected()[row["condition"], row["skill"], row["judge"]][0]  # type: ignore[index]
        n, accuracy = row["n"], row["accuracy"]
        assert isinstance(n, int) and isinstance(accuracy, float)
        error = (value * (1 - value) / n) ** 0.5
        assert abs(accuracy - value) <= max(3 * error, 1e-12), row


def test_the_conditions_of_the_demo_are_those_of_the_simulation() -> None:
    known = {condition for condition, _, _ in expected()}
    assert set(CONDITIONS) == known


@pytest.mark.check
def test_over_20000_worlds_every_cell_is_within_one_hundredth_of_the_simulation() -> None:
    for row in rows(20_000):
        assert abs(row["accuracy"] - row["expected"]) <= 0.01, row  # type: ignore[operator]
