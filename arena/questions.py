"""Questions, and the ground truth that is kept beside them.

A `Question` never holds its truth: the two travel together only in an `Item`, which sources
yield and the store splits into two tables. Nothing that a participant can reach holds an `Item`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from arena.ids import content_id


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its candidate answers, and the passage that a judge may not see.

    ``group`` names what questions share (a story, a world): the unit for splits and for clustered
    statistics. The id covers text, answers, passage and source, never the truth.
    """

    text: str
    answers: tuple[str, ...]
    passage: str | None = None
    source: str = ""
    group: str | None = None
    id: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.answers) < 2:
            raise ValueError(f"a question needs two or more answers, got {len(self.answers)}")
        value = [self.text, self.answers, self.passage, self.source]
        object.__setattr__(self, "id", content_id("q", value))


@dataclass(frozen=True, slots=True)
class Item:
    """A question with what only reports may read: the index of the true answer, if known."""

    question: Question
    truth: int | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        n = len(self.question.answers)
        if self.truth is not None and not 0 <= self.truth < n:
            raise ValueError(f"truth must be an index below {n} or null, got {self.truth}")
