"""Accuracy and belief by round, where judges report as the debate goes on.

A match that has ended keeps its last report in every later round: accuracy among the debates that
went on would be that of the hard ones. Round 0 is before anything was said. A judge's readings of a
match in several listings are one line, their mean. A report of even odds on the way is one half, by
any rule for ties: nothing was decided yet. Intervals are those of shares clustered by story
or question (`arena.stats.means.share`), for accuracy and for the mean probability of the truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from arena.report.units import By, Group, Reading, Step, Ties, given, mean
from arena.report.values import interval
from arena.stats.accuracy import by_round

LINES = 200
"""The most trajectories that are given one by one."""
Line = dict[int, float]
"""A value by round."""


@dataclass(slots=True)
class Lines:
    """The reports of an arm: of each unit its cluster, and a value by round."""

    by: By
    cluster: dict[str, str] = field(default_factory=dict)
    right: dict[str, Line] = field(default_factory=dict)
    belief: dict[str, Line] = field(default_factory=dict)


def rounds(arms: Iterable[Group]) -> list[dict[str, Any]]:
    """Accuracy by round of every arm whose judge reported on the way. ``carried`` of the ``n``
    judgments of a round were made in an earlier one."""
    out = []
    for group in arms:
        if (found := lines(group)) is not None:
            table = _by_round(found.right, found)
            out.append({**group.name, "rounds": _named(table, "accuracy"), "by": found.by})
    return out


def trajectories(arms: Iterable[Group]) -> list[dict[str, Any]]:
    """The truth's probability by round: its mean, and up to 200 matches one by one. A line begins
    with the round before which nothing was said, None where nothing had been reported yet."""
    out = []
    for group in arms:
        found = lines(group)
        if found is None or not found.belief:
            continue
        table = _by_round(found.belief, found)
        shown = [_list(line) for line in list(found.belief.values())[:LINES]]
        out.append(
            {**group.name, "rounds": _named(table, "mean"), "lines": shown, "by": found.by}
        )  # fmt: skip
    return out


def _named(table: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [{name if key == "value" else key: one for key, one in row.items()} for row in table]


def lines(group: Group) -> Lines | None:
    """The reports of an arm's verdicts by round; None where nobody reported on the way."""
    if not any(one.steps for one in group.readings):
        return None
    units: dict[str, dict[tuple[int, ...], Reading]] = {}
    for one in group.readings:
        if one.known and one.mode in ("live", "stepped"):
            units.setdefault(f"{one.match} {one.judge}", {}).setdefault(one.listing, one)
    stories = any(one.story is not None for one in group.readings)
    found = Lines("story" if stories else "question")
    for unit, listings in units.items():
        first = next(iter(listings.values()))
        found.cluster[unit] = first.cluster if stories else first.question
        found.right[unit] = _merged([_credits(one, group.ties) for one in listings.values()])
        beliefs = [line for one in listings.values() if (line := _beliefs(one))]
        if beliefs:
            found.belief[unit] = _merged(beliefs)
    return found if found.right else None


def _credits(one: Reading, ties: Ties) -> Line:
    assert one.right is not None
    line = {
        step.round: given(
            step.choice, one.right, one.options, "tie" if _even(step) else "ok", "half"
        )
        for step in one.steps
    }
    line[one.round] = given(one.choice, one.right, one.options, one.status, ties)
    return line


def _even(step: Step) -> bool:
    """Whether a report favours neither of two options but for rounding, as 0.5000000000000001."""
    return step.p is not None and len(step.p) == 2 and abs(step.p[0] - step.p[1]) < 1e-9


def _beliefs(one: Reading) -> Line:
    assert one.right is not None
    line = {step.round: step.p[one.right] for step in one.steps if step.p is not None}
    if one.p is not None:
        line[one.round] = one.p[one.right]
    return line


def _merged(found: list[Line]) -> Line:
    """The mean of several readings of one match, each of which keeps its last value."""
    if len(found) == 1:
        return found[0]
    out: Line = {}
    for at in sorted({at for line in found for at in line}):
        held = [_held(line, at) for line in found]
        known = [one for one in held if one is not None]
        out[at] = mean(known)
    return out


def _held(line: Line, at: int) -> float | None:
    """The last value by a round; None before the first."""
    before = [when for when in line if when <= at]
    return line[max(before)] if before else None


def _list(line: Line) -> list[float | None]:
    return [_held(line, at) for at in range(max(line) + 1)]


def _by_round(values: dict[str, Line], found: Lines) -> list[dict[str, Any]]:
    rows = [(unit, at, one) for unit, line in values.items() for at, one in line.items()]
    table = by_round(
        [unit for unit, _, _ in rows], [at for _, at, _ in rows], [one for _, _, one in rows],
        found.cluster,
    )  # fmt: skip
    return [
        {
            "round": one.round, "n": one.accuracy.n, "value": one.accuracy.value,
            "interval": interval(one.accuracy), "carried": one.carried,
        }
        for one in table
    ]  # fmt: skip
