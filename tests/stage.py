"""Small deterministic players, and stores of matches that they played: for tests of pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.batch import Batch
from arena.flow import Flow, batch, run
from arena.match import PERSON, Match, View, participant_id
from arena.play import play, waiting_for
from arena.protocols import JUDGE, Protocol, debate
from arena.questions import Item, Question
from arena.rewards import reward_rows
from arena.store import Store
from arena.turns import Speech, Turn, Verdict

PASSAGE = (
    "The ferry left before the storm broke.\n"
    "CANARY-PASSAGE stays with those who may read it.\n"
    "Twelve crates were loaded in the morning, each marked with the sign of the mill.\n"
)


@dataclass(frozen=True)
class Says:
    """An agent that says its lines in turn, with a thought of its own."""

    name: str
    lines: tuple[str, ...]

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": self.name}

    def speak(self, view: View) -> Flow[Speech]:
        yield from ()
        said = sum(turn.mine for turn in view.turns)
        return Speech(self.lines[said % len(self.lines)], thought="CANARY-THOUGHT")


@dataclass(frozen=True)
class Decides:
    """A judge who holds one view throughout."""

    name: str = "judge"

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": self.name}

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ()
        return Verdict(0, (0.875, 0.125), reason="CANARY-BELIEF")


ALICE = Says("alice", ("It sank. <quote>Twelve crates were loaded in the morning</quote>.",
                       "See [1], and [40], and [3]."))  # fmt: skip
BOB = Says("bob", ("It was sold: <quote>the miller took the silver</quote>.", "He is wrong."))


def question(n: int, group: str | None = None) -> Question:
    """Question ``n``."""
    return Question(
        f"What became of crate {n}?", ("It sank", "It was sold"), PASSAGE, "test", group
    )


def match(
    asked: Question,
    protocol: Protocol | None = None,
    judge: str | None = None,
    agents: Sequence[Says] = (ALICE, BOB),
    seed: int = 0,
) -> Match:
    """A debate of two agents about a question; ``judge`` is the judge's seat, if it has one."""
    protocol = protocol or debate()
    seats = [(seat, participant_id(who)) for seat, who in zip("AB", agents, strict=True)]
    if judge is not None:
        seats.append((JUDGE, judge))
    return Match(asked, protocol, (("A", 0), ("B", 1)), tuple(seats), seed)


def go_on(store: Store, one: Match, agents: Sequence[Says] = (ALICE, BOB)) -> tuple[Turn, ...]:
    """Play a match from where the store has it, as far as it gets, and keep that."""
    seats = dict(one.seats)
    cast: dict[str, Any] = {
        seat: who for seat, who in zip("AB", agents, strict=False) if seats.get(seat) != PERSON
    }
    seated = seats.get(JUDGE)
    judge = Decides()
    if seated == participant_id(judge):
        cast[JUDGE] = judge
    before = store.transcript(one)
    (after,) = run([play(one, cast, before)], batch(lambda requests: []))
    turns = [(one, turn) for turn in after[len(before) :]]
    kept = Batch(
        turns=turns, participants={participant_id(who): who.record for who in cast.values()}
    )
    if not waiting_for(one, after):
        kept.played = [one.id]
    for turn in after[len(before) :]:
        if turn.kind == "verdict":
            kept.rewards += reward_rows(one, turn, after)
    store.write(kept)
    return after


def stage(
    path: Path | None,
    matches: Sequence[Match],
    truth: int | None = 0,
    agents: Sequence[Says] = (ALICE, BOB),
    name: str = "trial",
) -> Store:
    """A store with these matches in one run, each played as far as it gets."""
    store = Store(path)
    store.start_run(name, "play", {}, {})
    store.write(
        Batch(
            items=[Item(one.question, truth) for one in matches],
            protocols=[one.protocol for one in matches],
            matches=list(matches),
            run_matches=[(name, i, one.id, {}) for i, one in enumerate(matches)],
        )
    )
    for one in matches:
        go_on(store, one, agents)
    return store


__all__ = ["ALICE", "BOB", "PERSON", "Decides", "Says", "go_on", "match", "question", "stage"]
