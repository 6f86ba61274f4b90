"""The figures of one row of a report, and the differences between rows: verdicts in, values out.

A judge's verdicts on one match are one observation (a *unit*), whose credit is their mean. Every
accuracy has an interval for each way in which units share what made them right: the question, its
story where questions have one, the judge where a row has several; and Wilson's, which would hold
if they shared nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import pstdev
from typing import Any, Literal

from arena.stats import scores
from arena.stats.accuracy import accuracy, stratified
from arena.stats.behaviour import belief_moved
from arena.stats.calibration import confidence, ece
from arena.stats.clusters import bootstrap_means, codes, spread
from arena.stats.intervals import Estimate, wilson
from arena.stats.paired import holm, paired_difference
from arena.stats.scores import average

Quantity = Literal["elicited", "choice_logprobs"]
Ties = Literal["wrong", "half"]
Probabilities = tuple[float, ...]
DRAWS = 4000
"""Samples of stories in the bootstrap of an import's settings."""


@dataclass(slots=True)
class Reading:
    """One verdict with what scoring it takes. ``right`` is the true option, if it is known."""

    match: str
    status: str
    choice: int | None
    p: Probabilities | None
    quantity: Quantity | None
    listing: tuple[int, ...]
    turns: int
    right: int | None
    concerned: str  # whose case was the true one: a seat, or honest or dishonest for one speaker
    question: str
    story: str | None
    judge: str
    before: tuple[Probabilities, ...] = ()  # what the judge reported earlier, in order


@dataclass(slots=True)
class Group:
    """The verdicts of one row."""

    head: dict[str, Any]
    alone: bool = False  # one speaker: honest and dishonest are told apart
    own: bool = False  # of an import's own judges, who reported as the debate went on
    readings: list[Reading] = field(default_factory=list)


@dataclass(slots=True)
class Units:
    """Columns of one entry a match: its mean credit, whom it concerned, and what it shares."""

    credit: list[float] = field(default_factory=list)
    concerned: list[str] = field(default_factory=list)
    question: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)  # a question without one is a story of its own
    judge: list[str] = field(default_factory=list)
    stories: bool = False  # whether any question has one

    def clusterings(self) -> dict[str, list[str]]:
        """What the units are clustered by: name and labels."""
        found = {"question": self.question}
        if self.stories:
            found["story"] = self.story
        if len(set(self.judge)) > 1:
            found["judge"] = self.judge
        return found


def _credit(one: Reading, ties: Ties) -> float:
    """1 for the true option, 0 for another; a tie is wrong, or one half (of two options)."""
    if one.status == "tie":
        return 0.0 if ties == "wrong" else 1 / (len(one.p) if one.p else 2)
    return float(one.choice == one.right)


def _known(group: Group) -> list[Reading]:
    """The verdicts that were given, on questions whose truth is known."""
    return [one for one in group.readings if one.status in ("ok", "tie") and one.right is not None]


def units(known: Sequence[Reading], ties: Ties) -> Units:
    """The mean credit of each match, over its listings, with whom it concerned.

    A judge's two listings of one match are one observation: counted as two, an interval would
    claim evidence that is not there. A listing that was read twice weighs no more than the other.
    """
    matches: dict[str, dict[tuple[int, ...], list[Reading]]] = {}
    for one in known:
        matches.setdefault(one.match, {}).setdefault(one.listing, []).append(one)
    out = Units()
    for listings in matches.values():
        first = next(iter(listings.values()))[0]
        out.credit.append(
            _mean([_mean([_credit(one, ties) for one in group]) for group in listings.values()])
        )
        out.concerned.append(first.concerned)
        out.question.append(first.question)
        out.story.append(first.question if first.story is None else first.story)
        out.judge.append(first.judge)
        out.stories |= first.story is not None
    return out


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value


def make_row(group: Group, ties: Ties) -> dict[str, Any]:
    """The figures of one row; those that nothing could be computed for are None."""
    decided = [one for one in group.readings if one.status in ("ok", "tie")]
    known = _known(group)
    seen = units(known, ties)
    n, correct = len(seen.credit), sum(seen.credit)
    scored = [
        (one, one.p, one.right)
        for one in known if one.p is not None and one.right is not None
    ]  # fmt: skip
    quantities = sorted({one.quantity for one, _, _ in scored if one.quantity})
    interval = wilson(correct, n)
    row: dict[str, Any] = {
        **group.head,
        "n": n,
        "correct": _whole(correct),
        "accuracy": average(seen.credit),
        "wilson": None if interval is None else list(interval),
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
    if group.alone:
        for role in ("honest", "dishonest"):
            part = [
                credit
                for credit, concerned in zip(seen.credit, seen.concerned, strict=True)
                if concerned == role
            ]
            row[role] = {"n": len(part), "correct": _whole(sum(part))}
        row["stratified"] = _stratified(seen)
    missing: dict[str, dict[str, int]] = {}
    for one in group.readings:
        if one.status not in ("ok", "tie"):
            sides = missing.setdefault(one.status, {"n": 0})
            sides["n"] += 1
            sides[one.concerned] = sides.get(one.concerned, 0) + 1
    row["missing"] = missing
    row["without_truth"] = len(decided) - len(known)
    bias = _position_bias(decided)
    if bias is not None:
        row["position_bias"] = bias
    return row


def _interval(one: Estimate) -> dict[str, Any]:
    """An estimate's interval, which one cluster alone does not give, and its number of clusters."""
    given = None if one.low is None or one.high is None else [one.low, one.high]
    return {"interval": given, "clusters": one.clusters}


def _widest(by: Mapping[str, Estimate]) -> str | None:
    """The clustering with the widest interval; one that gives none at all before the others."""

    def width(name: str) -> float:
        one = by[name]
        return 2.0 if one.low is None or one.high is None else one.high - one.low

    return max(by, key=width, default=None)


def _clustered(seen: Units) -> dict[str, Any]:
    """The intervals of an accuracy by each clustering, and which of them is the widest."""
    found = accuracy(seen.credit, seen.clusterings(), draws=0) if seen.credit else None
    if found is None:
        return {"clustered": {}, "widest": None}
    by = {name: _interval(one) for name, one in found.by.items()}
    return {"clustered": by, "widest": found.widest}


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
        story = spread(drawn, _mean(seen.credit), count, how="percentile")
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
    listings: dict[str, set[tuple[int, ...]]] = {}
    for one in decided:
        if one.listing:
            listings.setdefault(one.match, set()).add(one.listing)
    both = [one for one in decided if len(listings.get(one.match, ())) > 1]
    probabilities = all(one.p is not None for one in both)
    excess: dict[tuple[str, tuple[int, ...]], list[float]] = {}
    for one in both:
        first, share = one.listing[0], 1 / len(one.listing)
        if probabilities and one.p is not None:
            found = one.p[first]
        else:
            found = share if one.choice is None else float(one.choice == first)
        excess.setdefault((one.match, one.listing), []).append(found - share)
    return average([_mean(values) for values in excess.values()])


def paired_rows(groups: Mapping[str, Group], ties: Ties) -> list[dict[str, Any]]:
    """Every setting of two speakers less every one of a single speaker, on the questions of both.

    Each question weighs the same; the interval is by story where questions have one, else by
    question. ``holm`` is p adjusted for all of the differences in the list.
    """
    seen = {name: units(_known(group), ties) for name, group in groups.items()}
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
