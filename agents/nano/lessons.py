"""What the debater base is taught: turns of mixed scripted debaters, in the very prompts of play.

Each lesson is one passage with several open prompts and the turn that a script answers each with.
The scripts are mediocre on purpose: they cite an own line, the other side's, one on another fact
or a withdrawal, with the chances of `Habits`. What a base learns from them is to restate a claim
as the passage states it and to go on to its witness, and how often it does so to the point is left
for reinforcement learning to raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from agents.debater import open_prompt
from agents.prompts import Messages
from agents.templates import TERSE
from arena.ids import derive_seed
from arena.match import Match, Transcript, view
from arena.play import append
from arena.protocols import Protocol, Slot, consultancy, critique, debate, pending
from arena.questions import Question
from arena.quotes import CLOSE, OPEN, anchor
from arena.sources.witness import Dials, Faces, World, world
from arena.sources.witness_text import (
    KINDS,
    Ask,
    Split,
    Statement,
    Withdrawal,
    render,
)
from arena.turns import Speech

SHORT = Dials(lines=(8, 14))
"""The worlds of the shipped models: passages of 8 to 14 lines, longer where the evidence is."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a scripted turn is what; the rest of an opening is a line on another fact.

    ``own``: an opening cites an own line. ``theirs``: the other side's. ``stray``: a withdrawal.
    ``found``: a rebuttal cites the withdrawal of what the opponent has shown, where there is one.
    ``guess``: otherwise it cites any withdrawal; the rest is an opening once more.
    """

    own: float = 0.40
    theirs: float = 0.12
    stray: float = 0.06
    found: float = 0.35
    guess: float = 0.35


MEDIOCRE = Habits()


@dataclass(frozen=True, slots=True)
class Lesson:
    """A prompt and the turn that is taught for it."""

    messages: Messages
    turn: str


def quotation(line: str) -> str:
    """The speech that is one quotation of one line."""
    return f"{OPEN}{line}{CLOSE}"


def _matter(one: World, question: Question, ask: Ask) -> tuple[list[list[int]], list[int]]:
    """Indices of the lines for each answer of a question, and of statements on other facts."""
    mine: list[list[int]] = [[], []]
    other: list[int] = []
    for i, line in enumerate(one.lines):
        if isinstance(line, Statement):
            if ask.about(line) and line.value in question.answers:
                mine[question.answers.index(line.value)].append(i)
            else:
                other.append(i)
    return mine, other


def _opening(one: World, question: Question, ask: Ask, side: int, how: Habits, rng: Random) -> int:
    """The line that a scripted opening cites."""
    mine, other = _matter(one, question, ask)
    stray = [i for i, line in enumerate(one.lines) if isinstance(line, Withdrawal)]
    drawn = rng.random()
    for chance, lines in ((how.own, mine[side]), (how.theirs, mine[1 - side]), (how.stray, stray)):
        if drawn < chance and lines:
            return rng.choice(lines)
        drawn -= chance
    return rng.choice(other or mine[side] or mine[1 - side])


def _rebuttal(
    one: World, question: Question, ask: Ask, side: int, shown: int, how: Habits, rng: Random
) -> int:
    """The line that a scripted rebuttal cites after the opponent has shown line ``shown``."""
    line = one.lines[shown]
    hit = one.withdrawn_by(line) if isinstance(line, Statement) else None
    stray = [i for i, line in enumerate(one.lines) if isinstance(line, Withdrawal)]
    if hit is not None and rng.random() < how.found:
        return hit
    if stray and rng.random() < how.guess:
        return rng.choice(stray)
    return _opening(one, question, ask, side, how, rng)


def _question(one: World, rng: Random) -> tuple[Question, Ask]:
    """The world's own question, or one on another fact of its passage (two in five)."""
    others = [line for line in one.lines if isinstance(line, Statement) and not one.ask.about(line)]
    if not others or rng.random() < 0.6:
        return one.question, one.ask
    line = rng.choice(others)
    ask = Ask(line.object, line.kind)
    said = {other.value for other in others if ask.about(other)}
    pool = list(said - {line.value}) or [v for v in KINDS[line.kind].values if v != line.value]
    answers = [line.value, rng.choice(sorted(pool))]
    rng.shuffle(answers)
    return Question(ask.text, (answers[0], answers[1]), one.passage, one.source), ask


_DEBATE, _CONSULTANCY, _CRITIQUE = debate(), consultancy(), critique()


def spoken(match: Match, transcript: Transcript, slot: Slot, text: str) -> Transcript:
    """A transcript with one more speech, its quotations found as play finds them."""
    place, _ = pending(match.protocol, transcript, list(match.protocol.speakers))
    quotes = anchor(text, match.question.passage, match.protocol.quotes)
    side = match.proposal if slot.kind == "answer" else None
    speech = Speech(text, quotes=quotes, side=side)
    return (*transcript, append(match, transcript, place, slot, speech, ""))


def _ask(match: Match, transcript: Transcript, seat: str) -> Messages:
    """The open prompt of the seat whose turn it is."""
    place, slots = pending(match.protocol, transcript, list(match.protocol.speakers))
    slot = next(slot for slot in slots if slot.seat == seat)
    return open_prompt(view(match, transcript, slot, place), TERSE)


def _criticism(one: World, question: Question, ask: Ask, how: Habits, rng: Random) -> Lesson:
    """A proposer's answer, or a critic's attack on one."""
    side = rng.randrange(2)
    match = Match(question, _CRITIQUE, (("A", 0), ("B", 1)), (("A", ""), ("B", "")), proposal=side)
    shown = _opening(one, question, ask, side, how, rng)
    if rng.random() < 0.5:
        return Lesson(_ask(match, (), "A"), quotation(render(one.lines[shown])))
    slot = _CRITIQUE.opening[0].slots[0]
    transcript = spoken(match, (), slot, quotation(render(one.lines[shown])))
    said = _rebuttal(one, question, ask, 1 - side, shown, how, rng)
    return Lesson(_ask(match, transcript, "B"), quotation(render(one.lines[said])))


def lessons(
    one: World, count: int, rng: Random, how: Habits = MEDIOCRE, rebuttals: float = 0.5
) -> list[Lesson]:
    """``count`` lessons on one passage, a share ``rebuttals`` of them second turns of a debate."""
    found = []
    for _ in range(count):
        question, ask = _question(one, rng)
        kind = rng.random()
        if kind < 0.08:
            found.append(_criticism(one, question, ask, how, rng))
            continue
        side, seat = rng.randrange(2), rng.choice("AB")
        again = rng.random() < rebuttals
        protocol: Protocol = _CONSULTANCY if kind > 0.9 else _DEBATE
        seat, again = ("A", False) if protocol is _CONSULTANCY else (seat, again)
        sides = tuple((name, side if name == seat else 1 - side) for name in protocol.speakers)
        match = Match(question, protocol, sides, tuple((name, "") for name, _ in sides))
        transcript: Transcript = ()
        cited = _opening(one, question, ask, side, how, rng)
        if again:
            strong = Habits(own=0.7)  # opponents of any strength
            shown = _opening(one, question, ask, 1 - side, strong, rng)
            lines = {name: cited if name == seat else shown for name in protocol.speakers}
            for slot in protocol.opening[0].slots:
                line = render(one.lines[lines[slot.seat]])
                transcript = spoken(match, transcript, slot, quotation(line))
            cited = _rebuttal(one, question, ask, side, shown, how, rng)
        turn = quotation(render(one.lines[cited]))
        found.append(Lesson(_ask(match, transcript, seat), turn))
    return found


def course(
    seed: int, count: int = 8, start: int = 0, lines: tuple[int, int] = SHORT.lines
) -> Iterator[list[Lesson]]:
    """Passages with their lessons, without end, from number ``start``; both kinds of faces."""
    dials = Dials(lines=lines)
    index = start
    while True:
        rng = Random(derive_seed("lesson", seed, index))
        faces: Faces = "equal" if rng.random() < 0.6 else "free"
        split: Split = "test" if rng.random() < 0.3 else "train"
        one = world(derive_seed("course", seed), index, split, faces, dials)
        yield lessons(one, count, rng, rebuttals=0.6 if faces == "equal" else 0.2)
        index += 1
