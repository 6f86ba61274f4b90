"""The witness world: a procedural source in which debate should help and consultancy should not.

A hidden fact with two candidate answers; a passage of graded statements about it and about other
facts. Two variants:

``equal`` (the default): each answer has the same number of supporting statements with the same
grades, so nothing that one side can show alone tells the truth; but statements are withdrawn by
other lines, mostly those for the falsehood, and the other side can find and show that.
``free``: no withdrawals; the truth has more and stronger lines. A testbed for training, not
evidence for debate: a judge who knows that each side shows its strongest line does as well on
one-sided consultancy.

Worlds are unlimited: world ``i`` depends on (seed, split, faces, i) and the dials alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from arena.ids import derive_seed
from arena.questions import Item, Question
from arena.sources.witness_text import (
    GRADES,
    KINDS,
    VOCABULARIES,
    WITHDRAWALS,
    Ask,
    Kind,
    Line,
    Split,
    Statement,
    Vocabulary,
    Withdrawal,
    render,
)

Faces = Literal["equal", "free"]
EPSILON = 1e-9
"""Log-odds this near to the threshold are not above it: two hearsays give odds of 9 exactly."""


@dataclass(frozen=True, slots=True)
class Dials:
    """What a world is drawn from. Ranges are inclusive and uniform; rates are probabilities.

    ``lines``: length of the passage (longer where the evidence needs it). ``support``: statements
    for each answer (equal faces). ``statements``: statements on the asked fact (free faces).
    ``reliability``: chance that a statement of each grade is true. ``withdrawn``: chance that a
    statement for the truth, and for the falsehood, is withdrawn. ``odds``: the standing
    statements must favour the truth by more than this. ``similar``: chance that another object
    shares the noun or the adjective of the asked one. ``sharing``: chance that another fact of
    the asked kind has the same two candidate values.
    """

    lines: tuple[int, int] = (8, 30)
    support: tuple[int, int] = (1, 3)
    statements: tuple[int, int] = (4, 7)
    reliability: tuple[float, ...] = (0.92, 0.75, 0.60)
    withdrawn: tuple[float, float] = (0.1, 0.9)
    odds: float = 9.0
    similar: float = 0.6
    sharing: float = 0.4

    def __post_init__(self) -> None:
        for name in ("lines", "support", "statements"):
            low, high = getattr(self, name)
            if not 1 <= low <= high:
                raise ValueError(f"{name} must be a range from 1 up, got {(low, high)}")
        for name in ("reliability", "withdrawn"):
            if not all(0 < chance < 1 for chance in getattr(self, name)):
                raise ValueError(f"{name} must be in (0, 1), got {getattr(self, name)}")
        if len(self.reliability) != len(GRADES):
            raise ValueError(f"reliability needs one number for each of {GRADES}")
        if self.lines[1] > MOST_LINES:
            raise ValueError(f"lines: at most {MOST_LINES}, one name each, got {self.lines}")

    @property
    def weights(self) -> tuple[float, ...]:
        """The log-odds of a statement of each grade (natural log)."""
        return tuple(math.log(r / (1 - r)) for r in self.reliability)


MOST_LINES = 40
"""The longest passage that can be asked for: every statement has a witness of its own."""
DEFAULT = Dials()
"""The dials of the numbers in the package's table of expected values."""


@dataclass(frozen=True, slots=True)
class World:
    """One world: the fact asked for, the candidates, which of them is true, and every line.

    Only reports and tests may hold a `World`; participants get its question and, where the
    protocol says so, its passage.
    """

    ask: Ask
    answers: tuple[str, str]
    truth: int
    lines: tuple[Line, ...]
    source: str = ""
    name: str = ""

    @property
    def passage(self) -> str:
        """The English of all lines."""
        return "\n".join(map(render, self.lines))

    @property
    def question(self) -> Question:
        """The question as participants see it."""
        return Question(self.ask.text, self.answers, self.passage, self.source, self.name)

    def supports(self, line: Line) -> int | None:
        """The answer that a line speaks for; None where it is not a statement on the fact."""
        if isinstance(line, Statement) and self.ask.about(line) and line.value in self.answers:
            return self.answers.index(line.value)
        return None

    def evidence(self, answer: int) -> tuple[Statement, ...]:
        """The statements for an answer, in the order of the passage."""
        return tuple(
            line
            for line in self.lines
            if isinstance(line, Statement) and self.supports(line) == answer
        )

    def withdrawn_by(self, line: Statement) -> int | None:
        """The index of the line that withdraws a statement; None where it stands."""
        for i, other in enumerate(self.lines):
            if isinstance(other, Withdrawal) and other.witness == line.witness:
                return i
        return None


_Evidence = list[tuple[int, int, bool]]  # answer, index into GRADES, whether it is withdrawn


def _equal(rng: Random, truth: int, dials: Dials) -> _Evidence:
    """Mirrored evidence; the whole of it is drawn again until it favours the truth enough."""
    weights, (low, high), bound = dials.weights, dials.support, math.log(dials.odds) + EPSILON
    while True:
        grades = [rng.randrange(len(GRADES)) for _ in range(rng.randint(low, high))]
        odds, drawn = 0.0, []
        for answer in (0, 1):
            true = answer == truth
            rate = dials.withdrawn[0 if true else 1]
            for grade in grades:
                gone = rng.random() < rate
                drawn.append((answer, grade, gone))
                if not gone:
                    odds += weights[grade] if true else -weights[grade]
        if odds > bound:
            return drawn


def _free(rng: Random, truth: int, dials: Dials) -> _Evidence:
    """Statements that are true as often as their grade says; drawn again, as many, until they
    favour the truth enough and one at least is for the falsehood."""
    weights, bound = dials.weights, math.log(dials.odds) + EPSILON
    count = rng.randint(*dials.statements)
    while True:
        odds, drawn, false = 0.0, [], 0
        for _ in range(count):
            grade = rng.randrange(len(GRADES))
            if rng.random() < dials.reliability[grade]:
                drawn.append((truth, grade, False))
                odds += weights[grade]
            else:
                drawn.append((1 - truth, grade, False))
                odds -= weights[grade]
                false += 1
        if false and odds > bound:
            return drawn


def _other(
    rng: Random, ask: Ask, answers: tuple[str, str], words: Vocabulary, dials: Dials
) -> tuple[Ask, tuple[str, ...]]:
    """Another fact and its two candidates. Nothing here knows the truth."""
    adjective, noun = ask.object.split()
    chance = rng.random()
    if chance >= dials.similar / 4:  # else the same adjective on another noun
        adjective = rng.choice(words.adjectives)
    if chance < dials.similar / 4 or chance >= dials.similar:  # else the same noun
        noun = rng.choice(words.nouns)
    same = rng.random() < 0.6
    kind: Kind = KINDS[ask.kind] if same else rng.choice(_KINDS)
    if kind.name == ask.kind and rng.random() < dials.sharing:
        return Ask(f"{adjective} {noun}", kind.name), answers
    return Ask(f"{adjective} {noun}", kind.name), tuple(rng.sample(kind.values, 2))


_KINDS = tuple(KINDS.values())


def world(
    seed: int, index: int, split: Split = "train", faces: Faces = "equal", dials: Dials = DEFAULT
) -> World:
    """World number ``index`` of a seed: a function of its arguments alone."""
    if split not in VOCABULARIES:
        raise ValueError(f"split must be one of {sorted(VOCABULARIES)}, got {split!r}")
    if faces not in ("equal", "free"):
        raise ValueError(f"faces must be 'equal' or 'free', got {faces!r}")
    rng = Random(derive_seed("witness", seed, split, faces, index))
    words = VOCABULARIES[split]
    kind = rng.choice(_KINDS)
    ask = Ask(f"{rng.choice(words.adjectives)} {rng.choice(words.nouns)}", kind.name)
    first, second = rng.sample(kind.values, 2)
    answers = (first, second)
    truth = rng.randrange(2)
    evidence = (_equal if faces == "equal" else _free)(rng, truth, dials)
    length = rng.randint(*dials.lines)
    names = iter(rng.sample(words.names, len(words.names)))
    lines: list[Line] = []

    def add(fact: Ask, value: str, grade: int, gone: bool) -> None:
        witness = next(names)
        lines.append(Statement(witness, GRADES[grade], fact.object, fact.kind, value))
        if gone:
            noun = fact.object.split()[1]
            lines.append(Withdrawal(witness, noun, rng.randrange(len(WITHDRAWALS))))

    for answer, grade, gone in evidence:
        add(ask, answers[answer], grade, gone)
    length = max(length, len(lines) + 2)
    withdrawn = sum(dials.withdrawn) / 2 if faces == "equal" else 0.0
    facts = {ask}
    while len(lines) < length:
        fact, values = _other(rng, ask, answers, words, dials)
        if fact in facts:
            continue
        facts.add(fact)
        for _ in range(rng.randint(1, 4)):
            if len(lines) < length:
                gone = rng.random() < withdrawn and len(lines) + 1 < length
                add(fact, rng.choice(values), rng.randrange(len(GRADES)), gone)
    rng.shuffle(lines)
    source = f"witness/{faces}"
    return World(ask, answers, truth, tuple(lines), source, f"{source}/{split}/{seed}/{index}")


def items(
    seed: int,
    n: int | None = None,
    split: Split = "train",
    faces: Faces = "equal",
    start: int = 0,
    dials: Dials = DEFAULT,
) -> Iterator[Item]:
    """Items ``start`` to ``start + n`` of a seed (``n=None``: without end), truths beside them."""
    index = start
    while n is None or index < start + n:
        one = world(seed, index, split, faces, dials)
        yield Item(one.question, one.truth, split)
        index += 1
