"""A queue of scripted matches, and verdicts on it: for tests of what becomes of them."""

from __future__ import annotations

from stage import Says, go_on, match, question

from arena import queue
from arena.batch import Batch
from arena.desk import acts, chairs, worklist
from arena.match import Match
from arena.play import append
from arena.protocols import Limits, debate, verdict_slot
from arena.questions import Item
from arena.store import Store
from arena.turns import Turn, Verdict

RUN = "school"
BRIEF = debate(rounds=1, limits=Limits(tokens=8))


def team(version: int) -> tuple[Says, Says]:
    """The debaters as they were at a version: other words, other ids."""
    return tuple(Says(f"{name}@{version}", (f"{name} says {version}",)) for name in ("a", "b"))  # type: ignore[return-value]


def wait(store: Store, version: int, count: int, *, questions: int = 0) -> list[Match]:
    """A version's matches, played and waiting; on so many questions, or each on its own."""
    if store.one("SELECT 1 FROM runs") is None:
        store.start_run(RUN, "train", {}, {})
    agents = team(version)
    made = [
        match(question(n % questions if questions else 1000 * version + n), BRIEF, agents=agents,
              seed=n)
        for n in range(count)
    ]  # fmt: skip
    rest = Batch(items=[Item(one.question, 0) for one in made], protocols=[BRIEF])
    labels = {"setting": "x", "learners": {"A": "a", "B": "b"}, "opponent": None}
    queue.enqueue(store, RUN, version, [(one, labels) for one in made], rest)
    for one in made:
        go_on(store, one, agents)
    return made


def otherwise(store: Store, one: Match, person: str, verdict: Verdict, attempt: int = 0) -> Turn:
    """A verdict that another page than ours has recorded, with fewer rules."""
    spoken = store.transcript(one)
    turn = append(one, spoken, 1, verdict_slot(one.protocol), verdict, person, sample=attempt,
                  origin="person", at=0.0)  # fmt: skip
    key = f"verdict:{one.id}:reader:{person}:{attempt}"
    store.write(Batch(turns=[(one, turn)], events=[
        {"key": key, "kind": "verdict", "match": one.id, "turn": turn.id, "person": person}
    ]))  # fmt: skip
    return turn


def judge(store: Store, person: str, winner: str = "A", sure: float | None = 0.8) -> Match | None:
    """What a click on the page does, on whatever the page would show."""
    one = worklist.next_unjudged(store, person, RUN)
    if one is not None:
        at = chairs.chair(store, one, person)
        assert at is not None
        shown = chairs.page_view(one, at.transcript, person, at).digest
        acts.submit(store, one, person, winner, sure, "because", shown=shown)
    return one
