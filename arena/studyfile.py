"""The ``study`` block of a run file: what is compared with what, declared before it is played.

Frozen dataclasses, validated by `arena.config.validate` like the rest of the file. What needs other
parts of the file (players, judges, protocols) is checked where they meet, in `arena.study`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Figure = Literal["accuracy", "log2_score", "brier"]
Matched = Literal["visible tokens", "total tokens", "cost"]
Rule = Literal["split", "story", "known", "forfeited", "truncated"]
RULES: tuple[Rule, ...] = ("split", "story", "known", "forfeited", "truncated")
"""The exclusion rules in the order in which they are asked: a verdict counts under the first."""


@dataclass(frozen=True, slots=True)
class Information:
    """Who sees what, in the place of what the protocol says: ``passage_to`` names seats."""

    passage_to: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One arm of a study: a protocol, who speaks in it, who judges it, and what they are shown.

    ``protocol`` is a built-in name, a file or a value. ``debaters`` names players, by seat or in
    the order of the speaking seats; left out, the file's players in their order (one player takes
    every seat). ``judges`` names judges; left out, all of them. ``speeches`` makes a consultancy
    one of so many speeches, for consultants who are to show as much as debaters. ``mirrored``,
    ``seats``, ``listings`` and ``replicates`` are as in a tournament.
    """

    protocol: Any
    debaters: tuple[str, ...] | dict[str, str] = ()
    judges: tuple[str, ...] | None = None
    information: Information = Information()
    speeches: int | None = None
    mirrored: bool = False
    seats: Literal["fixed", "alternate", "both"] = "fixed"
    listings: Literal["listed", "swapped", "both"] = "listed"
    replicates: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.replicates <= 1_000_000:
            raise ValueError(f"replicates must be from 1 to 1000000, got {self.replicates}")
        if self.speeches is not None and not 1 <= self.speeches <= 100:
            raise ValueError(f"speeches must be from 1 to 100, got {self.speeches}")
        if self.judges is not None and not self.judges:
            raise ValueError("judges must name at least one, got none; leave it out for all")


@dataclass(frozen=True, slots=True)
class Contrast:
    """A comparison: a figure of ``first`` less that of ``second`` under ``judge``, who may be left
    out where both have the same only judge.

    On the questions that both judged. ``expect`` is what the two accuracies are expected to be and
    ``sd`` how much questions differ (of log-odds): for the power in the plan, and nothing else.
    """

    first: str
    second: str
    judge: str | None = None
    figure: Figure = "accuracy"
    expect: tuple[float, float] | None = None
    sd: float = 0.0

    def __post_init__(self) -> None:
        if self.first == self.second:
            raise ValueError(f"second must be another condition than first, got {self.first!r}")
        for one in self.expect or ():
            if not 0 < one < 1:
                raise ValueError(f"expect must be two accuracies between 0 and 1, got {one}")
        if not 0 <= self.sd <= 10:
            raise ValueError(f"sd must be from 0 to 10, got {self.sd}")


@dataclass(frozen=True, slots=True)
class Exclude:
    """Which verdicts are in no figure, by rules that are fixed before any is there.

    The store keeps all of them; a report leaves them out and says how many, by setting and rule.

    ``splits`` and ``stories`` name the questions of a split, or of a group. ``forfeited``: verdicts
    on matches in which a speech was forfeited (over its limits). ``truncated``: verdicts that were
    cut off; without the rule they are missing ones, and bound the accuracy. ``known``: the judge
    knew the answer, since under the study's floor (nobody argues, nothing to read) it gave the
    truth at least this probability, on average, or chose it this often where it names none. What
    people gave there counts for all people.

    A question is chosen by ``known`` on what one verdict happened to be, so the floor itself is
    left whole, and is not to be compared with what is left of the others: a contrast with it and
    the gap recovered are refused.
    """

    splits: tuple[str, ...] = ()
    stories: tuple[str, ...] = ()
    forfeited: bool = False
    truncated: bool = False
    known: float | None = None

    def __post_init__(self) -> None:
        if self.known is not None and not 0.5 < self.known <= 1:
            raise ValueError(f"known must be above 0.5, and 1 at most, got {self.known}")


@dataclass(frozen=True, slots=True)
class Stop:
    """How large a study is, fixed beforehand.

    ``questions``: so many of the file's. ``verdicts``: so many matches judged by each judge in
    each condition, and as many questions as that takes. ``minutes`` since the study was begun and
    ``budget`` (sampled tokens of all of its players) end it wherever it is then, on the same
    questions in every arm but for what was under way.

    There is no rule that looks at a figure. To stop when an interval is narrow enough, or clear of
    zero, is to choose the moment by the outcome: the intervals here would then hold less often
    than they say (looked at after every verdict, a 95 % interval misses in half of all studies),
    and the sequential methods that allow it (always-valid intervals, e-values) are not part of
    this package. For the same reason a report of an unfinished study calls its figures interim.
    """

    questions: int | None = None
    verdicts: int | None = None
    minutes: float | None = None
    budget: int | None = None

    def __post_init__(self) -> None:
        if self.questions is not None and self.verdicts is not None:
            raise ValueError("verdicts must be left out where questions says how many there are")
        for name in ("questions", "verdicts", "budget"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= 10**15:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"minutes must be more than 0, got {self.minutes}")


@dataclass(frozen=True, slots=True)
class Matching:
    """What arms that are compared must have the same amount of, a verdict: they differ by at most
    ``within``, as a share of the larger one.

    ``visible tokens``: of the speeches that the judge is shown. ``total tokens``: read and written
    by speakers and judge. ``cost``: the same in money, by the file's ``prices``.
    """

    on: Matched = "visible tokens"
    within: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.within < 1:
            raise ValueError(f"within must be 0 or more, and below 1, got {self.within}")


@dataclass(frozen=True, slots=True)
class Sandwich:
    """The conditions between which the others lie: ``floor`` (question and answers alone) and
    ``ceiling`` (the judge reads the passage). One that the study does not have is added."""

    floor: str = "naive"
    ceiling: str = "expert"

    def __post_init__(self) -> None:
        for name in ("floor", "ceiling"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} must be the name of a condition, got an empty one")
        if self.floor == self.ceiling:
            raise ValueError(f"ceiling must be another condition than floor, got {self.floor!r}")


@dataclass(frozen=True, slots=True)
class StudyBlock:
    """``study``: conditions on the same questions, and what they are to show.

    ``primary`` is the one comparison that the study is for, ``contrasts`` are others that are
    declared with it; whatever else a report compares is exploratory. ``critique``: beside every
    debate that models judge stands an arm of its critiques alone (`arena.study.critique_only`).
    ``sandwich: true`` is ``{floor: naive, ceiling: expert}``.
    """

    conditions: dict[str, Condition] = field(default_factory=dict)
    primary: Contrast | None = None
    contrasts: tuple[Contrast, ...] = ()
    exclude: Exclude = Exclude()
    stop: Stop = Stop()
    match: Matching | None = None
    critique: bool = True
    sandwich: bool | Sandwich = False

    def __post_init__(self) -> None:
        if not self.conditions:
            raise ValueError("conditions must name at least one, as in `naive: {protocol: naive}`")
        if empty := [name for name in self.conditions if not name.strip()]:
            raise ValueError(f"conditions must have names, got {empty[0]!r}")

    @property
    def declared(self) -> tuple[Contrast, ...]:
        """The primary contrast and the others, in this order."""
        return (*(() if self.primary is None else (self.primary,)), *self.contrasts)

    @property
    def between(self) -> Sandwich | None:
        """The sandwich, if there is one."""
        if isinstance(self.sandwich, Sandwich):
            return self.sandwich
        return Sandwich() if self.sandwich else None


@dataclass(frozen=True, slots=True)
class Price:
    """Money for a million tokens read (``input``) and written (``output``), in any currency."""

    input: float
    output: float

    def __post_init__(self) -> None:
        for name in ("input", "output"):
            if not 0 <= getattr(self, name) < 1e9:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
