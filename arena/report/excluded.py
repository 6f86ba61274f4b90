"""Exclusions: the verdicts of a study that its declared rules leave out of every figure.

The store keeps all of them. Rules are asked in a fixed order, so that each verdict that is left out
is counted under one of them, by setting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from arena.report.readings import Evidence, questions_of
from arena.report.units import Group, Reading, mean
from arena.store import Store
from arena.studyfile import RULES, Rule

_FORFEITED = """
SELECT DISTINCT mt.match FROM run_matches AS rm JOIN match_turns AS mt ON mt.match = rm.match
JOIN turns AS t ON t.id = mt.turn JOIN speeches AS s ON s.id = t.speech
WHERE rm.run = ? AND t.origin <> 'candidate' AND s.status = 'over limit'
"""
_SPLITS = """
SELECT id, split FROM questions WHERE split NOT NULL AND id IN (
  SELECT m.question FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match WHERE rm.run = ?)
"""
Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Screen:
    """What the rules ask, looked up beforehand: matches with a forfeited speech, the splits of
    questions, and by judge the questions whose answer it knew under the ``floor``."""

    rules: Mapping[str, Any]
    forfeited: frozenset[str]
    split: Mapping[str, str]
    known: Mapping[str, frozenset[str]]
    floor: str | None

    def rule(self, setting: str, judge: str, one: Reading) -> Rule | None:
        """The first rule by which a verdict is in no figure."""
        if self.split.get(one.question) in self.rules["splits"]:
            return "split"
        if one.story is not None and one.story in self.rules["stories"]:
            return "story"
        if setting != self.floor and one.question in self.known.get(judge, ()):
            return "known"
        if one.match in self.forfeited:
            return "forfeited"
        return "truncated" if self.rules["truncated"] and one.status == "truncated" else None


def exclude(
    store: Store, evidence: Evidence, content: Content, who: Callable[[str], str]
) -> dict[str, dict[str, int]]:
    """Take what a study excludes out of its evidence; return how many verdicts, by setting and
    rule. ``who`` is a judge's id, one for all people."""
    rules = content["exclude"]
    if not any(rules.values()):
        return {}
    screen = _screen(store, evidence, content, who)
    counted: dict[str, Counter[Rule]] = {}
    for group in evidence.read.values():
        setting = group.head["setting"]
        mine = counted.setdefault(setting, Counter())
        kept = []
        for one in group.readings:
            rule = screen.rule(setting, who(one.judge), one)
            if rule is None:
                kept.append(one)
            else:
                mine[rule] += 1
        group.readings = kept
    return {
        setting: {rule: mine[rule] for rule in RULES if mine[rule]}
        for setting, mine in counted.items()
    }


def floor_of(content: Content) -> str | None:
    """The condition in which a judge is asked with no argument and nothing to read."""
    if content["sandwich"] is not None:
        return str(content["sandwich"]["floor"])
    arms = content["conditions"].items()
    return next((name for name, one in arms if one["arm"] == "naive"), None)


def _screen(
    store: Store, evidence: Evidence, content: Content, who: Callable[[str], str]
) -> _Screen:  # fmt: skip
    rules = content["exclude"]
    forfeited: frozenset[str] = frozenset()
    if rules["forfeited"]:
        forfeited = frozenset(row["match"] for row in store.query(_FORFEITED, evidence.run))
    split: dict[str, str] = {}
    if rules["splits"]:
        names = questions_of(store, evidence.run)
        split = {
            names[row["id"]][0]: row["split"] for row in store.query(_SPLITS, evidence.run)
        }  # fmt: skip
    known: dict[str, dict[str, list[float]]] = {}
    floor = None
    if rules["known"] is not None:
        floor = floor_of(content)
        for group in evidence.read.values():
            if group.head["setting"] == floor:
                _told(group, known.setdefault(who(group.head["judge_id"]), {}))
    least = rules["known"] or 1.0
    knew = {
        judge: frozenset(question for question, p in some.items() if mean(p) >= least)
        for judge, some in known.items()
    }
    return _Screen(rules, forfeited, split, knew, floor)


def _told(group: Group, into: dict[str, list[float]]) -> None:
    """What a judge gave the truth of each question, or whether it chose it."""
    for one in group.readings:
        if one.known and one.right is not None:
            p = float(one.choice == one.right) if one.p is None else one.p[one.right]
            into.setdefault(one.question, []).append(p)
