"""Arms: the groups that the sections of a report are about, one a setting and judge.

Mostly those are the rows of its table. But what has a handful of verdicts in each row is pooled:
people are one judge together, since each of them reads little and reads a question once; and the
pairings of a tournament are one setting, its protocol's, since players are compared by ratings.
"""

from __future__ import annotations

from collections.abc import Iterable

from arena.report.readings import Evidence
from arena.report.units import Group

PEOPLE = "people"
"""The judge of what several people judged, in the place of a name and of an id."""


def arms(evidence: Evidence) -> tuple[list[Group], list[Group]]:
    """The arms of a run in the order of its table, and those of them that were pooled."""
    own = [evidence.own[setting] for setting in sorted(evidence.own)]
    read = list(evidence.read.values())
    pairings = evidence.kind == "tournament"
    people = {group.head["judge_id"] for group in read} & evidence.people
    found: dict[tuple[str | None, ...], list[Group]] = {}
    for group in read:
        head = group.head
        setting, who = head["setting"], head["judge_id"]
        if pairings:
            setting = protocol_of(setting, evidence.protocols)
        if who in people and len(people) > 1:
            who = PEOPLE
        found.setdefault((setting, who, head.get("mode")), []).append(group)
    out, pooled = list(own), []
    for (setting, who, _), parts in found.items():
        one = parts[0]
        if who == PEOPLE or setting != one.head["setting"]:
            head = {**one.head, "setting": setting, "judge_id": who}
            if who == PEOPLE:
                head["judge"] = PEOPLE
            one = together(head, parts)
            pooled.append(one)
        out.append(one)
    return out, pooled


def protocol_of(setting: str, protocols: dict[str, str]) -> str:
    """A tournament's setting without its pairing: ``debate: ada v bob`` is ``debate``."""
    protocol = protocols.get(setting)
    return protocol if protocol and setting.startswith(f"{protocol}: ") else setting


def together(head: dict[str, object], parts: Iterable[Group]) -> Group:
    """One group of the verdicts of several that are of one kind."""
    groups = list(parts)
    first = groups[0]
    return Group(
        head, first.alone, first.own, [one for group in groups for one in group.readings],
        first.anchor,
    )  # fmt: skip
