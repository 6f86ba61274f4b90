"""The files of the NYU human-debate data set, as values: what a room and its metadata line hold.

Field names are the data's own (reference: julianmichael/debate, branch 2023-nyu-experiments), so
an error names the place in the file. Keys that are not listed here are not read.
"""

from __future__ import annotations

import typing
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Literal, TypeVar

T = TypeVar("T")


class BadRoom(ValueError):
    """A room that cannot be imported; the message is the reason, in one line."""


def _one_of(value: object) -> None:
    """Check that exactly one field of a tagged union is there: two would lose one in silence."""
    names = [one.name for one in fields(value)]  # type: ignore[arg-type]
    there = [name for name in names if getattr(value, name) is not None]
    if len(there) != 1:
        raise ValueError(f"expected one of {', '.join(names)}, got {', '.join(there) or 'none'}")


LATEST = 253_402_300_799_999  # milliseconds: the end of the year 9999
MOST_CYCLES = 1000


def _times(value: object, *names: str) -> None:
    """Check that these are milliseconds that a calendar has; the data's -1 is an unknown time."""
    for name in names:
        time = getattr(value, name)
        if time is not None and not -1 <= time <= LATEST:
            raise ValueError(f"{name} must be milliseconds from 1970 to 9999")


# -- a room: debates/official/<name>.json ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    span: tuple[int, int]  # tokens [begin, end) of the story


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a speech: exactly one of the two."""

    Text: Words | None = None
    Quote: Cited | None = None

    def __post_init__(self) -> None:
        _one_of(self)


@dataclass(frozen=True, slots=True)
class Said:
    speaker: str
    timestamp: int  # milliseconds since 1970
    content: tuple[Part, ...]

    def __post_init__(self) -> None:
        _times(self, "timestamp")


@dataclass(frozen=True, slots=True)
class Report:
    """A judge's probabilities with its text, and whether it ends the debate."""

    distribution: tuple[float, ...]
    feedback: Said
    endDebate: bool


@dataclass(frozen=True, slots=True)
class Speeches:
    speeches: Mapping[str, Said]  # by the index of the debater's answer: "0", "1"


@dataclass(frozen=True, slots=True)
class Votes:
    votes: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one offline judge reported: after each round of speeches, or once."""

    mode: Literal["timed", "stepped"]
    startTimeMillis: int
    judgments: tuple[Report, ...]

    def __post_init__(self) -> None:
        _times(self, "startTimeMillis")


@dataclass(frozen=True, slots=True)
class Readings:
    judgments: Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class Played:
    """A round as it was played: exactly one of these."""

    JudgeFeedback: Report | None = None
    SimultaneousSpeeches: Speeches | None = None
    SequentialSpeeches: Speeches | None = None
    NegotiateEnd: Votes | None = None
    OfflineJudgments: Readings | None = None

    def __post_init__(self) -> None:
        _one_of(self)


@dataclass(frozen=True, slots=True)
class FeedbackRule:
    charLimit: int | None = None


@dataclass(frozen=True, slots=True)
class SpeechRule:
    charLimit: int | None = None
    quoteLimit: int | None = None
    assignedDebatersOnly: bool = False


@dataclass(frozen=True, slots=True)
class RoundRule:
    """A round that the rules foresee: exactly one of these."""

    JudgeFeedbackRound: FeedbackRule | None = None
    SimultaneousSpeechesRound: SpeechRule | None = None
    SequentialSpeechesRound: SpeechRule | None = None
    NegotiateEndRound: SpeechRule | None = None

    def __post_init__(self) -> None:
        _one_of(self)


@dataclass(frozen=True, slots=True)
class ClosingRule:
    maxRepeatCycles: int
    rounds: tuple[RoundRule, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.maxRepeatCycles <= MOST_CYCLES:
            raise ValueError(f"maxRepeatCycles must be 0 to {MOST_CYCLES}")


@dataclass(frozen=True, slots=True)
class Rules:
    fixedOpening: tuple[RoundRule, ...]
    repeatingStructure: tuple[RoundRule, ...]
    fixedClosing: ClosingRule | None = None
    globalQuoteRestriction: int | None = None


@dataclass(frozen=True, slots=True)
class Story:
    articleId: str
    title: str
    contents: tuple[str, ...]  # Penn Treebank tokens


@dataclass(frozen=True, slots=True)
class Material:
    QuALITYSourceMaterial: Story


@dataclass(frozen=True, slots=True)
class Setup:
    question: str
    answers: tuple[str, str]
    correctAnswerIndex: Literal[0, 1]
    roles: Mapping[str, str]
    sourceMaterial: Material
    rules: Rules
    creationTime: int
    offlineJudges: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _times(self, "creationTime")


@dataclass(frozen=True, slots=True)
class Room:
    setup: Setup
    rounds: tuple[Played, ...]
    feedback: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scratchpads: Mapping[str, tuple[tuple[Part, ...], ...]] = field(default_factory=dict)


# -- a line of debates-metadata.jsonl ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    isHuman: bool
    isDebate: bool


@dataclass(frozen=True, slots=True)
class JudgingInfo:
    numContinues: int
    finalJudgement: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Result:
    correctAnswerIndex: int
    endedBy: Mapping[str, Any]
    judgingInfo: JudgingInfo | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    result: Result


@dataclass(frozen=True, slots=True)
class Status:
    """Complete, or waiting to begin or in progress (which carry nothing)."""

    Complete: Completed | None = None


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    setting: Setting
    question: str
    roleAssignments: Mapping[str, str]
    creationTime: int
    status: Status
    includedInPaper: bool
    latestUpdateTime: int | None = None

    def __post_init__(self) -> None:
        _times(self, "creationTime", "latestUpdateTime")


@lru_cache(maxsize=4)
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def read(kind: type[T], text: bytes) -> T:
    """JSON text as a ``kind``. Raises BadRoom naming the first field that does not fit."""
    from pydantic import ValidationError

    try:
        value: T = _adapter(typing.cast(Hashable, kind)).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRoom(f"{where}: {first['msg']}" if where else str(first["msg"])) from None
    return value
