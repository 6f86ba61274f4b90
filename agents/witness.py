"""Scripted players of the witness world, with a skill that is set and therefore known.

`WitnessDebater` reads the passage and the question as any participant does, from their text, and
plays the policy (p, s, b) whose value the package's table of expected accuracies gives: the
referee, the judges and the statistics are checked against it. It does not know the truth.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

from arena.flow import Flow
from arena.match import Seen, View
from arena.protocols import JUDGE
from arena.quotes import CLOSE, OPEN
from arena.sources.witness_odds import literal_posterior
from arena.sources.witness_text import (
    GRADES,
    Line,
    Statement,
    Withdrawal,
    parse,
    parse_passage,
    parse_question,
)
from arena.turns import Speech


@dataclass(frozen=True, slots=True)
class Reading:
    """What a debater has understood of a passage; every number is an index of a line.

    ``own`` are the lines for each answer, ``best`` those among them that are the strongest
    standing (the strongest of all, where none stands), ``other`` the statements on other facts,
    ``taken_back`` the line that withdraws each witness's statement, ``odds`` the posterior of
    each answer given the whole passage.
    """

    own: tuple[tuple[int, ...], ...]
    best: tuple[tuple[int, ...], ...]
    other: tuple[int, ...]
    taken_back: Mapping[str, int]
    odds: tuple[float, ...]


def understand(question: str, answers: Sequence[str], lines: Sequence[Line | None]) -> Reading:
    """Sort the lines of a passage by what they are to a question."""
    ask = parse_question(question)
    own: list[list[int]] = [[] for _ in answers]
    other: list[int] = []
    taken_back: dict[str, int] = {}
    strength: dict[int, tuple[bool, int]] = {}  # withdrawn, grade: the smaller the stronger
    for i, line in enumerate(lines):
        if isinstance(line, Withdrawal):
            taken_back[line.witness] = i
    for i, line in enumerate(lines):
        if not isinstance(line, Statement):
            continue
        if ask is not None and ask.about(line) and line.value in answers:
            own[answers.index(line.value)].append(i)
            strength[i] = (line.witness in taken_back, GRADES.index(line.grade))
        else:
            other.append(i)
    tops = [min((strength[i] for i in mine), default=None) for mine in own]
    return Reading(
        own=tuple(map(tuple, own)),
        best=tuple(
            tuple(i for i in mine if strength[i] == top)
            for mine, top in zip(own, tops, strict=True)
        ),
        other=tuple(other),
        taken_back=taken_back,
        odds=literal_posterior(
            question,
            answers,
            [line for line in lines if isinstance(line, Statement)],
            [line for line in lines if isinstance(line, Withdrawal)],
        ),
    )


@lru_cache(maxsize=256)
def _read(question: str, answers: tuple[str, ...], passage: str) -> Reading:
    return understand(question, answers, parse_passage(passage))


def opening(reading: Reading, answer: int, p: float, s: float, rng: Random) -> int | None:
    """The line that an opening quotes for ``answer``; None where there is none to quote.

    With chance p an own line: with chance s the strongest standing one, else any; otherwise any
    statement on another fact. Always two draws before the choice, so skills share their noise.
    """
    relevant, strong = rng.random() < p, rng.random() < s
    lines = reading.best[answer] if strong else reading.own[answer]
    if not (relevant and lines):
        lines = reading.other
    return rng.choice(lines) if lines else None


def rebuttal(reading: Reading, witnesses: Collection[str], b: float, rng: Random) -> int | None:
    """With chance b a line that withdraws a statement of ``witnesses``, else None."""
    found = rng.random() < b
    lines = sorted(reading.taken_back[who] for who in witnesses if who in reading.taken_back)
    return rng.choice(lines) if found and lines else None


def moves(view: View) -> list[int]:
    """The lines (indices) of a passage that may be quoted now, in a debate that can be won.

    A speech that opens may quote any statement; one that answers an opponent a withdrawal, or what
    its own side has quoted before. New statements there could not be answered any more, and then
    the equal-face debate is a tie in most worlds: the falsehood keeps a line for the last word. A
    critic may do both. Where a passage is not of the witness world, all its lines are moves.
    """
    text = (view.passage or "").split("\n")
    lines = parse_passage(view.passage or "")
    said = [i for i, line in enumerate(lines) if isinstance(line, Statement)]
    gone = [i for i, line in enumerate(lines) if isinstance(line, Withdrawal)]
    if not said:
        return [i for i, line in enumerate(text) if line.strip()]
    if view.slot.replies_to != "opponent":
        return sorted(said + gone) if view.role == "critic" else said
    mine = {line for turn in view.turns if turn.mine for line in statements(turn)}
    return sorted(gone + [i for i in said if lines[i] in mine]) or said


def statements(turn: Seen) -> tuple[Statement, ...]:
    """The statements that a turn quotes in full."""
    lines = [parse(text) for quote in turn.quotes if quote.text for text in quote.text.split("\n")]
    return tuple(line for line in lines if isinstance(line, Statement))


@dataclass(frozen=True, slots=True)
class WitnessDebater:
    """A debater, consultant, proposer or critic of skill (p, s, b), each in [0, 1].

    It opens with one line (`opening`); every later turn cites the line that withdraws what others
    have shown, where `rebuttal` finds one, and nothing else. A critic looks for a withdrawal
    first and opens for another answer where it has found none. Where the side is its own choice,
    it takes the answer that the whole passage favours with chance p, else any.

    ``style``: ``cite`` says a sentence and cites the line by its number; ``quote`` says the line
    and nothing else, as a debater does whose speeches are restricted to lines, and where it has
    nothing to rebut with, its opening once more.
    """

    p: float = 1.0
    s: float = 1.0
    b: float = 1.0
    style: Literal["cite", "quote"] = "cite"

    def __post_init__(self) -> None:
        if self.style not in ("cite", "quote"):
            raise ValueError(f"style must be cite or quote, got {self.style!r}")
        for name in ("p", "s", "b"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a chance in [0, 1], got {getattr(self, name)}")

    @property
    def record(self) -> Mapping[str, object]:
        """The name of the script and its skill."""
        settings = {"p": float(self.p), "s": float(self.s), "b": float(self.b)}
        style = {} if self.style == "cite" else {"style": self.style}
        return {"kind": "scripted", "name": "witness", "revision": 1, "settings": settings | style}

    def speak(self, view: View) -> Flow[Speech]:
        """A flow that asks nothing."""
        yield from ()
        rng = Random(view.seed)
        answers = tuple(option.text for option in view.answers)
        reading = _read(view.question, answers, view.passage or "")
        theirs = [turn for turn in view.turns if not turn.mine and turn.seat != JUDGE]
        opened = any(turn.mine for turn in view.turns if turn.kind != "question")
        side, chosen = self._side(view, reading, theirs, rng)
        if opened or view.role == "critic":
            witnesses = {line.witness for turn in theirs for line in statements(turn)}
            found = rebuttal(reading, witnesses, self.b, rng)
            if found is not None:
                said = f"That was withdrawn: see [{found + 1}]."
                return Speech(self._said(view, found, said), side=chosen)
            if opened:
                first = next(
                    turn.text for turn in view.turns if turn.mine and turn.kind != "question"
                )
                again = "What I quoted stands." if self.style == "cite" else first
                return Speech(again, side=chosen)
        line = opening(reading, side, self.p, self.s, rng)
        cited = "" if line is None else f": see [{line + 1}]"
        said = f"It was {answers[side]}{cited}."
        return Speech(self._said(view, line, said), side=chosen)

    def _said(self, view: View, line: int | None, sentence: str) -> str:
        """A speech that cites a line of the passage (an index), in its style."""
        if self.style == "cite":
            return sentence
        if line is None:
            return ""
        if view.quotes == "lines":
            return f"[{line + 1}]"
        return f"{OPEN}{(view.passage or '').split(chr(10))[line]}{CLOSE}"

    def _side(
        self, view: View, reading: Reading, theirs: Sequence[Seen], rng: Random
    ) -> tuple[int, int | None]:
        """The answer to speak for, and the one to announce as chosen, if it has to be announced."""
        index = {option.label: i for i, option in enumerate(view.answers)}
        if view.role == "critic":
            on_trial = [index[t.side] for t in theirs if t.kind == "answer" and t.side in index]
            against = [i for i in range(len(index)) if i not in on_trial[-1:]]
            return rng.choice(against), None
        earlier = [t.side for t in view.turns if t.mine and t.side is not None]
        label = view.side or next(iter(earlier), None)
        if label is not None:
            side = index[label]
        elif rng.random() < self.p:
            top = max(reading.odds)
            side = rng.choice([i for i, odds in enumerate(reading.odds) if odds == top])
        else:
            side = rng.randrange(len(index))
        return side, side if view.goal is None or view.role == "proposer" else None
