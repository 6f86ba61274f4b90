"""Judge cards: each judge of a run over all of its settings.

``accuracy`` is a judge's own record, clustered by story or question; ``shrunk`` draws it towards
the other judges' as far as it rests on little (beta-binomial on as many verdicts as clustered ones
are worth, `arena.stats.cards`), so that a judge of five verdicts leads no list. The biases are
those of `arena.report.behaviour` over all settings. A judge's accuracy depends on what it was given
to judge: cards of judges with other settings are not a ranking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from arena.report.behaviour import fights, length_bias, position_bias, read_twice
from arena.report.calibration import confidences
from arena.report.rows import counted
from arena.report.units import By, Group, Reading, Ties, Units, scored, units
from arena.report.values import estimate
from arena.stats.calibration import overconfidence
from arena.stats.cards import cards as stats


def cards(groups: Iterable[Group], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """A card for every judge that gave or owes a verdict, by name; ``n`` counts matches."""
    readings: dict[str, list[Reading]] = {}
    ties: dict[str, dict[Ties, list[Reading]]] = {}
    for group in groups:
        for one in group.readings:
            readings.setdefault(one.judge, []).append(one)
            if one.known:
                ties.setdefault(one.judge, {}).setdefault(group.ties, []).append(one)
    records = {who: _record(parts) for who, parts in ties.items()}
    shown = {card.judge: card for card in _drawn(records)}
    out = []
    for who in sorted(readings, key=lambda one: (names.get(one, one), one)):
        mine = readings[who]
        decided = [one for one in mine if one.decided]
        by: By = "story" if any(one.story is not None for one in decided) else "question"
        card, told = shown.get(who), scored(mine)
        out.append({
            "judge": names.get(who, who),
            "judge_id": who,
            "n": 0 if card is None else card.n,
            "accuracy": None if card is None else estimate(card.accuracy, by),
            "shrunk": None if card is None else estimate(card.shrunk, by),
            "position_bias": estimate(position_bias(read_twice(decided), by), by),
            "length_bias": length_bias(fights(decided), by),
            "overconfidence": None if not told.readings else estimate(
                overconfidence(*confidences(told), told.cluster), told.by
            ),
            "missing": counted(mine),
        })  # fmt: skip
    return out


def _record(parts: Mapping[Ties, list[Reading]]) -> Units:
    """A judge's units, each by the rule for ties that its setting has."""
    out = Units()
    for rule, known in parts.items():
        one = units(known, rule)
        out.credit += one.credit
        out.question += one.question
        out.story += one.story
        out.stories |= one.stories
    return out


def _drawn(records: Mapping[str, Units]) -> Any:
    judge, credit, cluster = [], [], []
    for who, one in records.items():
        judge += [who] * len(one.credit)
        credit += one.credit
        cluster += one.clusters
    return stats(judge, credit, cluster)
