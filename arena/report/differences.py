"""Differences of accuracy between settings under one judge: on shared questions, and on all.

Paired first: questions differ more than protocols do, and a difference on the questions of both
settings is free of which questions each happens to have. Every shared question weighs the same
(`arena.stats.paired`); the interval is by story where questions have one, else by question. Where
several people judge, what a judge's verdicts share counts as well, if that is wider: the two-way
sandwich by story (or question) and judge, on the same weights. The unpaired difference is of all
verdicts, with the covariance of clusters that are in both arms.
McNemar's exact test is there where each shared question has one match in either setting, over the
questions that were decided in both (neither a tie nor two listings that disagree). ``holm`` is the
paired p adjusted for all of the differences in the list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from arena.report.units import Group, Units
from arena.report.values import estimate, number
from arena.stats.intervals import Estimate, p_value
from arena.stats.means import mean
from arena.stats.paired import holm, mcnemar, paired_difference, unpaired_difference

MOST = 12
"""The most settings under one judge of which every pair is compared without being asked for."""
Contrast = tuple[str, str]


def differences(
    arms: Iterable[Group], contrasts: Collection[Contrast] = ()
) -> tuple[list[dict[str, Any]], list[str]]:
    """Every pair of settings under one judge in the order of settings; and what was left out.

    ``contrasts`` names the pairs that are wanted alone (first setting, second setting).
    """
    judges: dict[Any, list[Group]] = {}
    for group in arms:
        if group.units.credit:
            judges.setdefault(group.judge, []).append(group)
    found, notes = [], []
    for groups in judges.values():
        settings = {str(group.head.get("setting")): group for group in groups}
        wanted = [pair for pair in contrasts if pair[0] in settings and pair[1] in settings]
        if not contrasts:
            if len(settings) > MOST:
                notes.append(_left_out(groups[0], len(settings)))
                continue
            wanted = list(combinations(settings, 2))
        for first, second in wanted:
            if first != second:
                found.append(_row(settings[first], settings[second]))
    told = {(row["first"], row["second"]) for row in found}
    for first, second in contrasts:
        if (first, second) not in told:
            notes.append(
                f"differences: no judge has verdicts that could be scored in both {first!r} and "
                f"{second!r}, so they are not compared"
            )
    adjust(found)
    return found, notes


def adjust(rows: Sequence[dict[str, Any]]) -> None:
    """Give each paired difference its p adjusted by Holm for all of these, as ``holm``."""
    tested = [row["paired"] for row in rows if row["paired"] is not None and "p" in row["paired"]]
    for i, adjusted in holm({str(i): one["p"] for i, one in enumerate(tested)}).items():
        tested[int(i)]["holm"] = number(adjusted)


def _left_out(group: Group, settings: int) -> str:
    pairs = settings * (settings - 1) // 2
    who = group.head.get("judge") or "the rooms' own judges"
    return (
        f"differences: {settings} settings under {who} make {pairs} pairs, none of which is "
        f"compared (up to {MOST} settings are); name the contrasts that are wanted"
    )


def _row(first: Group, second: Group) -> dict[str, Any]:
    one, other = first.units, second.units
    names = (str(first.head["setting"]), str(second.head["setting"]))
    values = one.credit + other.credit
    arm = [0] * len(one.credit) + [1] * len(other.credit)
    questions = one.question + other.question
    by = "story" if one.stories or other.stories else "question"
    labels = one.story + other.story if by == "story" else questions
    row: dict[str, Any] = {"first": names[0], "second": names[1]}
    row |= {key: value for key, value in first.name.items() if key != "setting"}
    row |= compared(values, arm, questions, labels, one.judge + other.judge, (0, 1), by)
    row["mcnemar"] = _mcnemar(one, other)
    return row


def compared(
    values: Sequence[float], arms: Sequence[Any], questions: Sequence[str], labels: Sequence[str],
    judges: Sequence[str], pair: tuple[Any, Any], by: str, bounded: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """The first arm less the second, ``paired`` on shared questions and ``unpaired``, as values;
    by ``labels``, or by these and judges where there are several and that is wider."""
    paired = paired_difference(values, arms, questions, pair, labels, bounded=bounded)
    apart = unpaired_difference(values, arms, pair, labels, bounded=bounded)
    crossed = f"{by} x judge" if len(set(judges)) > 1 else by
    found: dict[str, Any] = {"paired": estimate(paired, by), "unpaired": estimate(apart, by)}
    if crossed != by and paired is not None:
        two = _two_way(values, arms, questions, labels, judges, pair, bounded)
        found["paired"] = estimate(two, crossed) if _wider(two, paired) else found["paired"]
    if crossed != by and apart is not None:
        two = unpaired_difference(values, arms, pair, labels, judges, bounded=bounded)
        found["unpaired"] = estimate(two, crossed) if _wider(two, apart) else found["unpaired"]
    if told := found["paired"]:
        found["paired"] = {**told, "questions": told["n"]}
    return found


def _wider(one: Estimate | None, other: Estimate) -> bool:
    if one is None or one.low is None or one.high is None:
        return False
    return other.low is not None and other.high is not None and (
        one.high - one.low > other.high - other.low
    )  # fmt: skip


def _two_way(
    values: Sequence[float], arms: Sequence[Any], questions: Sequence[str], labels: Sequence[str],
    judges: Sequence[str], pair: tuple[Any, Any], bounded: bool,
) -> Estimate | None:  # fmt: skip
    """The paired difference as one weighted mean, of twice how far each value is from its arm's
    mean, so that rows may be clustered by their judge: a question's judges are not the same in
    both arms. Every shared question weighs the same."""
    cells: dict[tuple[str, Any], list[float]] = {}
    for question, arm, value in zip(questions, arms, values, strict=True):
        cells.setdefault((question, arm), []).append(value)
    shared = {q for q, _ in cells if all((q, arm) in cells for arm in pair)}
    if not shared:
        return None
    means = {
        arm: sum(sum(cells[q, arm]) / len(cells[q, arm]) for q in shared) / len(shared)
        for arm in pair
    }
    gap, sign = means[pair[0]] - means[pair[1]], {pair[0]: 2.0, pair[1]: -2.0}
    rows = [i for i, question in enumerate(questions) if question in shared and arms[i] in sign]
    found = mean(
        [gap + sign[arms[i]] * (values[i] - means[arms[i]]) for i in rows],
        [labels[i] for i in rows], [judges[i] for i in rows],
        weights=[1 / len(cells[questions[i], arms[i]]) for i in rows],
    )  # fmt: skip
    if found is None or found.low is None or found.high is None:
        return found
    low, high = found.low, found.high
    if bounded:
        low, high = max(-1.0, low), min(1.0, high)
    p = p_value(found)
    method = f"paired, {found.method}"
    return replace(found, low=low, high=high, n=len(shared), p=p, iid=None, method=method)


def _mcnemar(one: Units, other: Units) -> dict[str, Any] | None:
    """McNemar's test; None where a shared question has several matches in a setting, or no
    question was decided in both."""
    a = dict(zip(one.question, one.credit, strict=True))
    b = dict(zip(other.question, other.credit, strict=True))
    shared = [question for question in a if question in b]
    often = {*_repeated(one.question), *_repeated(other.question)}
    if any(question in often for question in shared):
        return None
    clear = [q for q in shared if a[q] in (0.0, 1.0) and b[q] in (0.0, 1.0)]
    if not clear:
        return None
    test = mcnemar([a[q] for q in clear], [b[q] for q in clear])
    return {
        "p": test.p, "b": test.first_only, "c": test.second_only,
        "left_out": len(shared) - len(clear),
    }  # fmt: skip


def _repeated(questions: list[str]) -> set[str]:
    seen: set[str] = set()
    twice = set()
    for one in questions:
        if one in seen:
            twice.add(one)
        seen.add(one)
    return twice
