"""Verdicts in groups, and the units that they make: what every section of a report counts.

A judge's verdicts on one match are one observation (a *unit*), whose credit is their mean. A
`Group` is the verdicts of one row: a setting under one judge, or what several judges or pairings
of a setting come to together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from arena.stats import scores

if TYPE_CHECKING:
    from arena.stats.clusters import Floats

Quantity = Literal["elicited", "choice_logprobs"]
Ties = Literal["wrong", "half"]
Probabilities = tuple[float, ...]
By = Literal["question", "story"]
DRAWS = 1000
"""Draws of a bootstrap where clusters are few; see `draws`."""
DECIDED = ("ok", "tie")
"""The statuses of a verdict that was given."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a judge reported on the way, after a number of rounds."""

    round: int
    p: Probabilities | None
    choice: int | None


@dataclass(slots=True)
class Reading:
    """One verdict with what scoring it takes. ``right`` is the true option, if it is known.

    ``concerned`` is whose case was the true one: a seat, or honest or dishonest for one speaker.
    ``first`` and ``second`` are the options of the two speaking seats, and ``longer`` the
    characters that the first wrote beyond the second; ``players`` names who spoke, whatever their
    seats. ``steps`` are the reports before the verdict, which came after ``round`` rounds; ``mode``
    is how the judge read.
    """

    match: str
    status: str
    choice: int | None
    p: Probabilities | None
    quantity: Quantity | None
    listing: tuple[int, ...]
    turns: int
    right: int | None
    concerned: str
    question: str
    story: str | None
    judge: str
    before: tuple[Probabilities, ...] = ()  # what an import's judge reported earlier, in order
    players: str = ""
    options: int = 2
    first: int | None = None
    second: int | None = None
    longer: int = 0
    steps: tuple[Step, ...] = ()
    round: int = 0
    mode: str = "whole"

    @property
    def decided(self) -> bool:
        """Whether a verdict was given."""
        return self.status in DECIDED

    @property
    def known(self) -> bool:
        """Whether a verdict was given, on a question whose truth is known."""
        return self.right is not None and self.status in DECIDED

    @property
    def opposed(self) -> bool:
        """Whether two speakers defended different options, one of them the true one."""
        return self.right is not None and self.first != self.second and (
            self.right in (self.first, self.second)
            and self.first is not None
            and self.second is not None
        )  # fmt: skip

    @property
    def cluster(self) -> str:
        """The story, or the question where it has none."""
        return self.question if self.story is None else self.story


@dataclass(slots=True)
class Units:
    """Columns of one entry a match and judge: mean credit, whom it concerned, what it shares."""

    credit: list[float] = field(default_factory=list)
    concerned: list[str] = field(default_factory=list)
    question: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)  # a question without one is a story of its own
    judge: list[str] = field(default_factory=list)
    pair: list[str] = field(default_factory=list)
    match: list[str] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    stories: bool = False  # whether any question has one

    @property
    def by(self) -> By:
        """The highest that questions are clustered in: their stories where they have any."""
        return "story" if self.stories else "question"

    @property
    def clusters(self) -> list[str]:
        """The labels of that clustering."""
        return self.story if self.stories else self.question

    def clusterings(self) -> dict[str, list[str]]:
        """What the units are clustered by: name and labels.

        Judges, and pairs of players, are a clustering where there are several of them.
        """
        found = {"question": self.question}
        if self.stories:
            found["story"] = self.story
        for name, labels in (("judge", self.judge), ("pair", self.pair)):
            if len(set(labels)) > 1:
                found[name] = labels
        return found


@dataclass(slots=True)
class Scored:
    """Columns of the verdicts that have probabilities, on questions whose truth is known.

    ``p`` is the true option's probability, ``unit`` counts matches and judges, so that the
    listings of one match share it, and ``cluster`` are the labels of the highest clustering.
    """

    readings: list[Reading]
    p: Floats
    unit: list[int]
    cluster: list[str]
    by: By

    @property
    def binary(self) -> bool:
        """Whether every verdict was over two options."""
        return all(len(one.p or ()) == 2 for one in self.readings)


@dataclass(slots=True)
class Group:
    """The verdicts of one row."""

    head: dict[str, Any]
    alone: bool = False  # one speaker: honest and dishonest are told apart
    own: bool = False  # of an import's own judges, who reported as the debate went on
    readings: list[Reading] = field(default_factory=list)
    anchor: Literal["floor", "ceiling"] | None = None  # of the performance gap recovered
    _units: dict[Ties, Units] = field(default_factory=dict, repr=False)
    _scored: Scored | None = field(default=None, repr=False)

    @property
    def ties(self) -> Ties:
        """What a tie counts: nothing by the NYU rules, else one half."""
        return "wrong" if self.own else "half"

    @property
    def name(self) -> dict[str, Any]:
        """The head of a row of a section: setting, judge, and mode where that is told apart."""
        found = {key: self.head.get(key) for key in ("setting", "judge", "judge_id")}
        return {**found, "mode": self.head["mode"]} if "mode" in self.head else found

    @property
    def judge(self) -> tuple[Any, Any]:
        """Under whom settings can be compared: the judge, and how it read."""
        return self.head.get("judge_id"), self.head.get("mode")

    @property
    def units(self) -> Units:
        """The units of the verdicts that were given where the truth is known."""
        if self.ties not in self._units:
            self._units[self.ties] = units([one for one in self.readings if one.known], self.ties)
        return self._units[self.ties]

    @property
    def scored(self) -> Scored:
        """The verdicts that have probabilities where the truth is known."""
        if self._scored is None:
            self._scored = scored(self.readings)
        return self._scored


def credit(one: Reading, ties: Ties) -> float:
    """1 for the true option, 0 for another; a tie is wrong, or one over the number of options."""
    return given(one.choice, one.right, one.options, one.status, ties)


def given(choice: int | None, right: int | None, options: int, status: str, ties: Ties) -> float:
    """The credit of a report over so many options; see `credit`."""
    if status == "tie" or choice is None:
        return 0.0 if ties == "wrong" else 1 / options
    return float(choice == right)


def units(known: Sequence[Reading], ties: Ties) -> Units:
    """The mean credit of each match under each judge, over its listings.

    A judge's two listings of one match are one observation: counted as two, an interval would
    claim evidence that is not there. A listing that was read twice weighs no more than the other.
    """
    out = Units()
    for listings in by_match(known).values():
        first = next(iter(listings.values()))[0]
        out.credit.append(
            mean([mean([credit(one, ties) for one in group]) for group in listings.values()])
        )
        out.concerned.append(first.concerned)
        out.question.append(first.question)
        out.story.append(first.cluster)
        out.judge.append(first.judge)
        out.pair.append(first.players)
        out.match.append(first.match)
        out.right.append(first.right or 0)
        out.stories |= first.story is not None
    return out


Listings = dict[tuple[int, ...], list[Reading]]


def by_match(readings: Sequence[Reading]) -> dict[tuple[str, str], Listings]:
    """The verdicts of each judge on each match, by the listing in which they were given."""
    found: dict[tuple[str, str], Listings] = {}
    for one in readings:
        listings = found.setdefault((one.match, one.judge), {})
        listings.setdefault(one.listing, []).append(one)
    return found


def scored(readings: Sequence[Reading]) -> Scored:
    """The columns of those verdicts that have probabilities and whose truth is known."""
    import numpy as np

    kept = [one for one in readings if one.p is not None and one.known]
    place: dict[tuple[str, str], int] = {}
    unit = [place.setdefault((one.match, one.judge), len(place)) for one in kept]
    p = np.fromiter((one.p[one.right] for one in kept), np.float64, len(kept))  # type: ignore[index]
    stories = any(one.story is not None for one in kept)
    cluster = [one.cluster if stories else one.question for one in kept]
    return Scored(kept, p, unit, cluster, "story" if stories else "question")


def mean(values: Sequence[float]) -> float:
    """The plain mean of what is not empty."""
    return sum(values) / len(values)


def whole(value: float) -> float | int:
    """A count without its point, where ties make no halves."""
    return int(value) if value == int(value) else value


def draws(clusters: int) -> int:
    """How many bootstrap draws a section makes: fewer where clusters are many.

    With ten thousand clusters and more the distribution is smooth and every draw is dear; 200
    draws give its standard deviation to one part in twenty.
    """
    return min(DRAWS, max(200, 10_000_000 // max(1, clusters)))


def probabilities(elicited: Any, logprobs: Any) -> tuple[Probabilities | None, Quantity | None]:
    """The probabilities of a report over its options and what they are; None where it has none.

    Those that a judge stated come before those of its label tokens. Raises ValueError where
    numbers that are there are no probabilities.
    """
    if elicited is not None:
        p = tuple(map(float, elicited))
        if len(p) < 2 or not min(p) >= 0 or not abs(sum(p) - 1) <= 1e-6:
            raise ValueError(f"expected probabilities that sum to 1, got {p}")
        return tuple(min(1.0, one) for one in p), "elicited"
    if logprobs is not None:
        logs = tuple(map(float, logprobs))
        if len(logs) < 2 or not all(-1e9 < one <= 1e-6 for one in logs):
            raise ValueError(f"expected natural logarithms of probabilities, got {logs}")
        return scores.normalised(logs), "choice_logprobs"
    return None, None
