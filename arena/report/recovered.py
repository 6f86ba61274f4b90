"""The performance gap recovered: how far a setting comes from no help to the passage itself.

``(accuracy - floor) / (ceiling - floor)`` under one judge (Burns et al. 2023), where the floor is
its accuracy without any argument and the ceiling that with the passage in hand, over the questions
that it judged in all three, each of which weighs the same: `arena.stats.behaviour.gap_recovered`.
Where the ceiling does not exceed the floor there is no gap, and the share is not defined, never
infinite; the gain over the floor always is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from arena.report.units import Group, Units, mean
from arena.report.values import estimate
from arena.stats.behaviour import gap_recovered

NO_GAP = "the ceiling does not exceed the floor, so there is no gap to recover"
OPEN = "the gap is not clear of 0, so that the verdicts allow any share"


def recovered(arms: Iterable[Group]) -> list[dict[str, Any]]:
    """Every setting with speakers, by judge, against that judge's floor and ceiling.

    Empty where the run has no setting without an argument (naive) or none with the passage and no
    argument (expert). Of several such settings the first is taken. ``undefined`` says why there is
    no ``value``, ``open`` why it has no interval.
    """
    judges: dict[Any, list[Group]] = {}
    for group in arms:
        judges.setdefault(group.judge, []).append(group)
    groups = [group for found in judges.values() for group in found]
    if {"floor", "ceiling"} - {group.anchor for group in groups}:
        return []
    called = {group.anchor: group.head["setting"] for group in reversed(groups)}
    return [row for found in judges.values() for row in _rows(found, called)]


def _rows(groups: list[Group], called: Mapping[Any, str]) -> list[dict[str, Any]]:
    """One judge's; ``called`` names the floor and the ceiling that it may not have judged."""
    anchors = {
        anchor: next((g for g in groups if g.anchor == anchor and g.units.credit), None)
        for anchor in ("floor", "ceiling")
    }
    floor, ceiling = anchors["floor"], anchors["ceiling"]
    rows = []
    for group in groups:
        if group.anchor is not None:
            continue
        row: dict[str, Any] = {
            **{key: value for key, value in group.name.items() if key != "setting"},
            "floor": called.get("floor") if floor is None else floor.head["setting"],
            "ceiling": called.get("ceiling") if ceiling is None else ceiling.head["setting"],
            "setting": group.head["setting"],
            "value": None,
            "undefined": None,
        }
        if floor is None or ceiling is None:
            lacking = "without an argument" if floor is None else "with the passage in hand"
            row["undefined"] = f"this judge has no scored verdict {lacking}"
        elif not group.units.credit:
            row["undefined"] = "no verdict here could be scored"
        else:
            row |= _measured(floor, group, ceiling)
        rows.append(row)
    return rows


def _measured(floor: Group, group: Group, ceiling: Group) -> dict[str, Any]:
    parts = [floor.units, group.units, ceiling.units]
    by = "story" if any(one.stories for one in parts) else "question"
    means = [_by_question(one) for one in parts]
    shared = [one for one in means[1] if one in means[0] and one in means[2]]
    if not shared:
        return {"undefined": "no question was judged in all three"}
    home = dict(zip(group.units.question, group.units.story, strict=True))
    labels = [home[one] if by == "story" else one for one in shared]
    floored, argued, sighted = ([some[one] for one in shared] for some in means)
    found, n = gap_recovered((floored, labels), (argued, labels), (sighted, labels)), len(shared)
    assert found is not None  # there are shared questions
    row: dict[str, Any] = {
        name: estimate(replace(one, n=n, method=f"paired, {one.method}"), by)
        for name, one in (("gain", found.gain), ("gap", found.gap))
    }
    if found.share is None:
        return {"undefined": NO_GAP, **row}
    if found.share.low is None and found.gap.low is not None:
        row["open"] = OPEN
    return {"value": estimate(replace(found.share, n=n), by), **row}


def _by_question(one: Units) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for question, credit in zip(one.question, one.credit, strict=True):
        found.setdefault(question, []).append(credit)
    return {question: mean(credits_) for question, credits_ in found.items()}
