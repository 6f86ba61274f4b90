"""The figures of one row of a report, and the differences between rows: verdicts in, values out.

A judge's verdicts on one match are one observation (a *unit*), whose credit is their mean. Every
accuracy has an interval for each way in which units share what made them right: the question, its
story where questions have one, the judge and the pair of players where a row has several; and
Wilson's, which would hold if they shared nothing. The linearised intervals
(`arena.stats.accuracy`) are the table's; the cluster bootstrap, and for crossed judges and
questions the two-way sandwich and the pigeonhole bootstrap, stand beside them as a check that rests
on other assumptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import pstdev
from typing import Any

from arena.report.behaviour import read_twice
from arena.report.units import (
    Group,
    Probabilities,
    Reading,
    Ties,
    Units,
    by_match,
    credit,
    draws,
    mean,
    units,
    whole,
)
from arena.report.values import ends, estimate, interval
from arena.stats import scores
from arena.stats.accuracy import accuracy, balanced, missing, stratified, youden
from arena.stats.behaviour import belief_moved
from arena.stats.calibration import confidence, ece
from arena.stats.clusters import bootstrap_means, codes, spread
from arena.stats.intervals import Estimate, wilson
from arena.stats.paired import holm, paired_difference
from arena.stats.scores import average

__all__ = ["Group", "Reading", "Units", "make_row", "paired_rows", "units"]
DRAWS = 4000
"""Samples of stories in the bootstrap of an import's settings."""


def make_row(group: Group, ties: Ties) -> dict[str, Any]:
    """The figures of one row; those that nothing could be computed for are None."""
    decided = [one for one in group.readings if one.decided]
    known = [one for one in group.readings if one.known]
    seen = group.units if ties == group.ties else units(known, ties)
    n, correct = len(seen.credit), sum(seen.credit)
    scored = [
        (one, one.p, one.right)
        for one in known if one.p is not None and one.right is not None
    ]  # fmt: skip
    quantities = sorted({one.quantity for one, _, _ in scored if one.quantity})
    plain = wilson(correct, n)
    row: dict[str, Any] = {
        **group.head,
        "n": n,
        "correct": whole(correct),
        "accuracy": average(seen.credit),
        "wilson": None if plain is None else list(plain),
        **_clustered(seen),
        "ties": ties,
        "verdicts": len(known),
        "scored": len(scored),
        "quantity": " and ".join(quantities) or None,
        "log2_score": average([scores.log2_score(p[right]) for _, p, right in scored]),
        "judge_score": average(
            [scores.judge_score(p[right], one.turns) for one, p, right in scored]
        ),
        "brier": average([scores.brier(p, right) for _, p, right in scored]),
        "turns": average([one.turns for one in known]),
    }
    if group.own:
        row |= _own(known, seen)
    else:
        row["ece"] = _ece([(p, right) for _, p, right in scored])
    row |= _chance(group, seen)
    if group.alone:
        for role in ("honest", "dishonest"):
            part = [
                credit
                for credit, concerned in zip(seen.credit, seen.concerned, strict=True)
                if concerned == role
            ]
            row[role] = {"n": len(part), "correct": whole(sum(part))}
        row["stratified"] = _stratified(seen)
    row["missing"] = counted(group.readings)
    row |= bounds(group.readings, ties)
    row["without_truth"] = len(decided) - len(known)
    bias = _position_bias(decided)
    if bias is not None:
        row["position_bias"] = bias
    return row


def counted(readings: Sequence[Reading]) -> dict[str, dict[str, int]]:
    """The verdicts without a decision: how many of each status, and whom they concerned."""
    found: dict[str, dict[str, int]] = {}
    for one in readings:
        if not one.decided:
            sides = found.setdefault(one.status, {"n": 0})
            sides["n"] += 1
            sides[one.concerned] = sides.get(one.concerned, 0) + 1
    return found


def bounds(readings: Sequence[Reading], ties: Ties) -> dict[str, Any]:
    """What missing verdicts leave open: empty where none is missing of a question with a truth.

    ``bounds`` are the accuracy if all of them were wrong, and if all were right, over every match;
    they are no interval, as no chance is in them. ``missing_side`` asks whether they fall on one
    side (of whom they concern): Fisher's exact test on matches, of which one is incomplete if any
    of its listings is missing; None in ``p`` unless there are just two sides.
    """
    scorable = [one for one in readings if one.right is not None]
    if all(one.decided for one in scorable):
        return {}
    least: list[float] = []
    most: list[float] = []
    sure: list[float] = []
    sides: dict[str, tuple[int, int]] = {}
    for listings in by_match(scorable).values():
        parts = list(listings.values())
        first = parts[0][0]
        for each, worth in ((least, 0.0), (most, 1.0)):
            each.append(mean([
                mean([credit(one, ties) if one.decided else worth for one in part])
                for part in parts
            ]))  # fmt: skip
        lost, of = sides.get(first.concerned, (0, 0))
        complete = all(one.decided for part in parts for one in part)
        sides[first.concerned] = (lost + (not complete), of + 1)
        if complete:
            sure.append(least[-1])
    test = missing(sure, sides)
    return {
        "bounds": [mean(least), mean(most)],
        "missing_side": {
            "p": test.p,
            "test": "Fisher's exact test, by match",
            "sides": {side: {"missing": k, "of": n} for side, (k, n) in sorted(sides.items())},
        },
    }


def _chance(group: Group, seen: Units) -> dict[str, Any]:
    """Balanced accuracy and Youden's J, which are 1/2 and 0 for a judge who always says the same.

    Of verdicts over two options of which each is the true one somewhere: right and wrong, or the
    places of the answers in their question.
    """
    if any(one.options != 2 for one in group.readings) or len(set(seen.right)) != 2:
        return {}
    labels = seen.clusters
    return {
        "balanced": estimate(balanced(seen.credit, seen.right, labels), seen.by),
        "youden": estimate(youden(seen.credit, seen.right, labels), seen.by),
    }


def _interval(one: Estimate) -> dict[str, Any]:
    """An estimate's interval, which one cluster alone does not give, and its number of clusters."""
    return {"interval": interval(one), "clusters": one.clusters}


def _widest(by: Mapping[str, Estimate]) -> str | None:
    """The clustering with the widest interval; one that gives none at all before the others."""

    def width(name: str) -> float:
        one = by[name]
        return 2.0 if one.low is None or one.high is None else one.high - one.low

    return max(by, key=width, default=None)


def _clustered(seen: Units) -> dict[str, Any]:
    """The intervals of an accuracy by each clustering, and which of them is the widest.

    ``bootstrap`` is Wilson's on the variance of a cluster bootstrap by the wider of question and
    story. Where several judges share questions, ``two_way`` (Cameron, Gelbach and Miller 2011) and
    ``pigeonhole`` (Owen 2007) let both be drawn.
    """
    clusterings = seen.clusterings()
    found = accuracy(seen.credit, clusterings, draws=0) if seen.credit else None
    if found is None:
        return {"clustered": {}, "widest": None}
    by = {name: _interval(one) for name, one in found.by.items()}
    row: dict[str, Any] = {"clustered": by, "widest": found.widest}
    name = _widest({one: found.by[one] for one in ("question", "story") if one in by})
    assert name is not None
    tries = draws(found.by[name].clusters or 1)
    drawn = accuracy(seen.credit, {name: clusterings[name]}, draws=tries)
    assert drawn is not None
    row["bootstrap"] = interval(drawn.bootstrap.get(name))
    if "judge" in clusterings:
        pair = {one: clusterings[one] for one in ("question", "judge")}
        crossed = accuracy(seen.credit, pair, ("question", "judge"), tries)
        assert crossed is not None
        both, pigeons = crossed.two_way, crossed.pigeonhole
        row["two_way"] = estimate(both, "question x judge")
        row["pigeonhole"] = None if pigeons is None else ends(pigeons.low, pigeons.high)
    return row


def _stratified(seen: Units) -> dict[str, Any] | None:
    """Half the sum of honest and dishonest accuracy, whatever their numbers; None without both."""
    kept = [i for i, one in enumerate(seen.concerned) if one in ("honest", "dishonest")]
    credit = [seen.credit[i] for i in kept]
    honest = [seen.concerned[i] == "honest" for i in kept]
    by: dict[str, Estimate] = {}
    for name, labels in seen.clusterings().items():
        found = stratified(credit, honest, [labels[i] for i in kept]) if kept else None
        if found is None:
            return None
        by[name] = found.both
    return {
        "accuracy": by["question"].value,
        "clustered": {name: _interval(one) for name, one in by.items()},
        "widest": _widest(by),
    }


def _own(known: Sequence[Reading], seen: Units) -> dict[str, Any]:
    """What the reports of an import's own judges tell besides, by the NYU rules.

    ``ece_turn`` is over every report, first and last included; ``bits_per_round`` is pooled, so
    that a match weighs as its rounds; the bootstrap's interval is the plain percentile one.
    """
    told = [
        (i, [(p, one.right) for p in (*one.before, one.p)])
        for i, one in enumerate(known) if one.p is not None and one.right is not None
    ]  # fmt: skip
    truths = [[p[right] for p, right in reports] for _, reports in told]
    moved = belief_moved(
        [p for reports in truths for p in reports],
        [i for (i, _), reports in zip(told, truths, strict=True) for _ in reports],
        [turn for reports in truths for turn in range(len(reports))],
    )
    story = None
    if seen.stories:
        code, count = codes(seen.story)
        drawn = bootstrap_means(seen.credit, code, DRAWS, seed=0)
        story = spread(drawn, mean(seen.credit), count, how="percentile")
    return {
        "turns_sd": pstdev(one.turns for one in known) if known else None,
        "ece_final": _ece([reports[-1] for _, reports in told]),
        "ece_turn": _ece([one for _, reports in told for one in reports]),
        "bits_per_round": None if moved is None else moved.bits.value,
        "story_bootstrap": None if story is None else list(story),
    }


def _ece(reports: Sequence[tuple[Probabilities, int]]) -> float | None:
    """The expected calibration error in ten bins on the probabilities as they were stored.

    Of two options the confidence is the larger of p and 1 - p for the truth's p; of more, the
    largest probability, where a tie with the truth is right by its share.
    """
    if all(len(p) == 2 for p, _ in reports):
        return ece(*confidence([p[right] for p, right in reports]))
    top = [max(p) for p, _ in reports]
    right = [
        (p[right] == most) / p.count(most) for (p, right), most in zip(reports, top, strict=True)
    ]
    return ece([min(1.0, one) for one in top], right)


def _position_bias(decided: Sequence[Reading]) -> float | None:
    """What the first-listed option gets beyond its share, where matches were read in both listings.

    The mean of its probability where every verdict has one, else of its share of choices (a tie
    gives each its share); minus one over the number of options. None without both listings.
    """
    both = read_twice(decided)
    probabilities = all(one.p is not None for one in both)
    excess: dict[tuple[str, str, tuple[int, ...]], list[float]] = {}
    for one in both:
        first, share = one.listing[0], 1 / len(one.listing)
        if probabilities and one.p is not None:
            found = one.p[first]
        else:
            found = share if one.choice is None else float(one.choice == first)
        excess.setdefault((one.match, one.judge, one.listing), []).append(found - share)
    return average([mean(values) for values in excess.values()])


def paired_rows(groups: Mapping[str, Group], ties: Ties) -> list[dict[str, Any]]:
    """Every setting of two speakers less every one of a single speaker, on the questions of both.

    Each question weighs the same; the interval is by story where questions have one, else by
    question. ``holm`` is p adjusted for all of the differences in the list.
    """
    seen = {
        name: units([one for one in group.readings if one.known], ties)
        for name, group in groups.items()
    }
    found: dict[str, dict[str, Any]] = {}
    for first in (name for name in seen if not groups[name].alone):
        for second in (name for name in seen if groups[name].alone):
            one, other = seen[first], seen[second]
            by = "story" if one.stories or other.stories else "question"
            arms = [first] * len(one.credit) + [second] * len(other.credit)
            gap = paired_difference(
                one.credit + other.credit, arms, one.question + other.question, (first, second),
                getattr(one, by) + getattr(other, by),
            )  # fmt: skip
            if gap is not None:
                found[f"{first} {second}"] = {
                    "first": first, "second": second, "questions": gap.n,
                    "difference": gap.value, **_interval(gap), "by": by, "p": gap.p,
                }  # fmt: skip
    adjusted = holm({name: one["p"] for name, one in found.items() if one["p"] is not None})
    return [{**one, "holm": adjusted.get(name)} for name, one in found.items()]
