"""Helpers that several test modules share: engines, talkative players, protocols, small matches.

The players here are built to be caught: every thought, speech and reason carries a mark that says
whose it is, so that a view which holds one it must not hold can be searched for it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeVar

from arena.flow import Engine, Flow, Message, Reply, Request, Ticket, ask, run
from arena.ids import canonical, content_id, derive_seed
from arena.match import Agent, Chosen, Judge, Match, Transcript, View, participant_id
from arena.play import play, read
from arena.protocols import (
    BUILT_IN,
    JUDGE,
    Limits,
    Protocol,
    Round,
    Seat,
    Slot,
    consultancy,
    debate,
)
from arena.questions import Question
from arena.turns import Speech, Turn, Verdict

T = TypeVar("T")

LINES = (
    "Alma said that the bell was made of tin; ORCHID.",
    "Boris said that the bell was made of iron; PRIMROSE.",
    "Cleo said that the gate was painted green; FOXGLOVE.",
    "Later Alma said that the part about the bell was invented; LARKSPUR.",
)
FLOWERS = ("ORCHID", "PRIMROSE", "FOXGLOVE", "LARKSPUR")
PASSAGE = "\n".join(LINES)
QUESTION = Question("What was the bell made of?", ("tin", "iron"), PASSAGE, "test", "bell")

PRIVATE = Protocol(
    "private notes",
    (Seat("A", "debater"), Seat("B", "debater"), Seat(JUDGE, "judge")),
    opening=(
        Round((Slot("A", seen_by=("A",)), Slot("B", seen_by=("B", JUDGE))), name="notes"),
        Round((Slot("A"), Slot("B", seen_by=("A",))), simultaneous=False),
        Round((Slot(JUDGE, "belief", seen_by=(JUDGE,)),)),
        Round((Slot("A", replies_to="opponent"), Slot("B", replies_to="opponent"))),
    ),
    closing=(Round((Slot(JUDGE, "verdict", seen_by=(JUDGE,)),)),),
    passage_to=("A", "B"),
    beliefs_to=("B",),
)
EXTRA: dict[str, Protocol] = {
    "open debate": debate(sides="chosen"),
    "open consultancy": consultancy(rounds=2, sides="chosen"),
    "concession": debate(rounds=4, stop="concession"),
    "negotiated end": debate(rounds=4, judge_questions=True, stop="agreement"),
    "private notes": PRIVATE,
}
PROTOCOLS: dict[str, Protocol] = {**BUILT_IN, **EXTRA}


# ---------------------------------------------------------------------------------------------
# Engines.


def echo(request: Request) -> Reply:
    """A reply that is a function of the request alone."""
    draw = random.Random(request.key)
    words = " ".join(draw.choices(("yes", "no", "but", "tin", "iron"), k=4))
    return Reply(text=words, usage=(len(request.messages), 4), model=request.model)


def instant(answer: Callable[[Request], Reply] = echo) -> Counting:
    """Answers everything at the first collect."""
    return Counting(answer, lambda waiting, _: list(waiting))


def shuffled(seed: int) -> Counting:
    """Answers a random part of what waits, in random order."""
    noise = random.Random(seed)

    def some(waiting: Sequence[int], _: int) -> list[int]:
        return noise.sample(list(waiting), noise.randint(1, len(waiting)))

    return Counting(echo, some)


def one_at_a_time(newest: bool = False) -> Counting:
    """Answers one request a collect: the oldest, or the newest."""
    return Counting(echo, lambda waiting, _: [waiting[-1 if newest else 0]])


class Counting:
    """An engine that picks which tickets to answer, and counts what it was asked."""

    def __init__(
        self,
        answer: Callable[[Request], Reply],
        pick: Callable[[Sequence[int], int], list[int]],
    ) -> None:
        self.answer, self.pick = answer, pick
        self.waiting: dict[Ticket, Request] = {}
        self.asked: list[Request] = []
        self.collects = 0

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        for ticket, request in requests:
            assert ticket not in self.waiting
            self.waiting[ticket] = request
            self.asked.append(request)

    def collect(self) -> list[tuple[Ticket, Reply]]:
        self.collects += 1
        tickets = self.pick(list(self.waiting), self.collects)
        return [(ticket, self.answer(self.waiting.pop(ticket))) for ticket in tickets]


def finish(flow: Flow[T], engine: Engine | None = None) -> T:
    """The result of one flow."""
    (result,) = run([flow], engine or instant())
    return result


# ---------------------------------------------------------------------------------------------
# Players.


@dataclass
class Talker:
    """Asks an engine a varying number of times, and marks all that it says.

    It quotes line ``line`` of the passage when it speaks first, chooses a side where it has to,
    and stops from its ``stops``-th stoppable slot on.
    """

    name: str = "talker"
    line: int | None = 2
    stops: int = 2
    rounds: int = 2
    views: list[View] = field(default_factory=list)

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": self.name}

    def _ask(self, view: View) -> Flow[str]:
        """Up to ``rounds`` exchanges of one to three requests; the words of the last."""
        self.views.append(view)
        words, noise = "", random.Random(view.seed)
        for step in range(noise.randint(1, self.rounds) if self.rounds else 0):
            content = canonical([view.digest, self.name, step, words])
            asked = [
                Request("m", (Message("user", content),), 9, derive_seed(view.seed, step, i))
                for i in range(noise.randint(1, 3))
            ]
            replies = yield from ask(*asked)
            words = " ".join(reply.text for reply in replies)
        return words

    def speak(self, view: View) -> Flow[Speech]:
        words = yield from self._ask(view)
        first = not any(turn.mine for turn in view.turns)
        cited = f" [{self.line}]" if self.line and view.passage and first else ""
        free = view.side is None and view.role != "judge" and view.role != "critic"
        could = sum(t.mine and t.slot is not None and t.slot.may_stop for t in view.turns)
        return Speech(
            f"{mark('SAID', view)} {words}{cited}",
            thought=f"{mark('THOUGHT', view)} because of {words}",
            side=view.seed % len(view.answers) if free and first else None,
            stop=view.slot.may_stop and could + 1 >= self.stops,
        )

    def decide(self, view: View) -> Flow[Verdict]:
        words = yield from self._ask(view)
        n = len(view.options)
        weights = [1 + words.count(option.text) for option in view.options]
        p = tuple(w / sum(weights) for w in weights)
        could = sum(t.mine and t.kind == "belief" for t in view.turns)
        return Verdict(
            random.Random(view.seed).randrange(n),
            p,
            reason=mark("REASON", view) + self.name,
            stop=view.slot.may_stop and could + 1 >= self.stops,
        )


def mark(what: str, view: View) -> str:
    """``«SAID A 1 speech»``: what, whose, when."""
    return f"«{what} {view.seat} {view.place} {view.slot.kind}»"


class Scripted:
    """An agent and judge that says what a function of the view says, asking nobody."""

    def __init__(
        self,
        say: Callable[[View], Speech | Chosen] = lambda view: Speech("words"),
        decide: Callable[[View], Verdict] = lambda view: Verdict(0),
        name: str = "scripted",
    ) -> None:
        self._say, self._decide = say, decide
        self.record: Mapping[str, object] = {"kind": "test", "name": name}

    def speak(self, view: View) -> Flow[Speech | Chosen]:
        yield from ()
        return self._say(view)

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ()
        return self._decide(view)


# ---------------------------------------------------------------------------------------------
# Matches.


def make_match(
    protocol: Protocol,
    who: Mapping[str, str] | None = None,
    question: Question = QUESTION,
    first: int = 0,
    seed: int = 7,
) -> Match:
    """A match in which every speaker has a seat, and the judge where it takes part."""
    names = list(protocol.speakers) + [JUDGE] * protocol.asks
    chosen = {seat: f"who-{seat}" for seat in names} if who is None else who
    seats = tuple((seat, chosen[seat]) for seat in names if seat in chosen)
    if protocol.options == "right or wrong":
        return Match(question, protocol, (("A", 0), ("B", 1)), seats, seed, first)
    n = len(question.answers)
    sides = tuple((seat, (first + i) % n) for i, seat in enumerate(protocol.speakers))
    return Match(question, protocol, sides if protocol.sides == "assigned" else (), seats, seed)


def cast_of(match: Match, one: Talker | None = None) -> dict[str, Agent | Judge]:
    """A talker of its own in every seat of a match, or the same one in all."""
    return {seat: one or Talker(f"talker {seat}") for seat, _ in match.seats}


def played(
    match: Match,
    cast: Mapping[str, Agent | Judge] | None = None,
    transcript: Transcript = (),
    engine: Engine | None = None,
    record: Callable[[Turn], None] = lambda turn: None,
) -> Transcript:
    """The match played on from ``transcript``."""
    cast = cast_of(match) if cast is None else cast
    return finish(play(match, cast, transcript, record), engine)


def read_by(
    match: Match,
    transcript: Transcript,
    judge: Judge,
    order: tuple[int, ...] | None = None,
    mode: str = "whole",
) -> Transcript:
    """The leaves of a judge who has no seat."""
    return finish(read(match, judge, transcript, participant_id(judge), order, mode))  # type: ignore[arg-type]


def text_of(view: View) -> str:
    """Everything in a view, as canonical JSON."""
    return canonical(asdict(view))


def texts(flows: Iterable[Flow[T]], engine: Engine, width: int = 64) -> list[T]:
    """The results of flows, in an order that does not depend on the engine."""
    return sorted(run(flows, engine, width), key=lambda one: content_id("x", repr(one)))


def expansion(protocol: Protocol) -> Iterator[Round]:
    """Every round of a protocol if nobody stops."""
    yield from protocol.opening
    for _ in range(protocol.cycles):
        yield from protocol.cycle
    yield from protocol.closing


SHORT = Limits(characters=40, quoted=20)
