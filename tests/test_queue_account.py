"""The account of people's verdicts is exact, whatever people and processes do."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from queued import RUN, otherwise, wait

from arena import queue
from arena.accounts import account
from arena.desk import acts, identity, worklist
from arena.match import Match
from arena.queue import Judged, agrees, fate
from arena.store import Store
from arena.turns import Verdict


@dataclass
class Act:
    """A verdict as the model of the test knows it."""

    person: str
    match: Match
    version: int
    verdict: Verdict
    step: int | None = None
    withdrawn: bool = False


@dataclass
class Book:
    """What should be in the store, kept by hand."""

    acts: dict[tuple[str, str], Act] = field(default_factory=dict)
    version: int = 0


SHARE = 0.25
NAMES = ("Ada", "Bo", "Cy", "Di")


def apart(act: Act) -> bool:
    """The held-out share, from its definition."""
    text = json.dumps(["held out", act.person, act.match.question.id], separators=(",", ":"))
    return int(sha256(text.encode()).hexdigest()[:16], 16) // 2 < SHARE * 2**63


NUMBERS = (Verdict(0), Verdict(1), Verdict(0, (0.3, 0.7)))
names = st.sampled_from(NAMES)
surely = st.sampled_from([None, 0.6, 0.9, 1.0, *NUMBERS])
answers = st.tuples(names, surely, st.sampled_from("AB"))
doings = st.one_of(
    st.tuples(st.just("judge"), st.lists(answers, min_size=1, max_size=4)),
    st.tuples(st.just("take"), st.tuples(names, st.booleans())),
    st.tuples(st.just("take_back"), st.integers(0, 1000)),
    st.tuples(st.just("step"), st.sampled_from(["kept", "killed"])),
    st.tuples(st.just("step"), st.just("kept")),
    st.tuples(st.just("resume"), st.none()),
)


class Accounts:
    """People judge, take back, skip and leave; steps are taken, killed, and taken again."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.book = Book()
        self.who = {name: identity.register(self.store, name) for name in NAMES}
        self.made = {one.id: 0 for one in wait(self.store, 0, 5, questions=3)}

    def judge(self, given: list[tuple[str, float | Verdict | None, str]]) -> None:
        """On the page, where no probability makes a tie here; or on another one, which asks for
        none, or lets it disagree."""
        for name, sure, label in given:
            person, known = self.who[name], self.book.acts
            one = worklist.next_unjudged(self.store, person, RUN)
            if one is None:
                continue
            if isinstance(sure, Verdict):
                attempt = sum(a.person == person and a.match == one for a in known.values())
                turn = otherwise(self.store, one, person, sure, attempt)
            else:
                winner = acts.TIE if sure is None else label
                turn = acts.submit(self.store, one, person, winner, sure, "because")
            assert (one.id, turn.id) not in known
            known[one.id, turn.id] = Act(person, one, self.made[one.id], turn.verdict)

    def take(self, given: tuple[str, bool]) -> None:
        """Takes a match, and skips it or leaves."""
        name, skips = given
        one = worklist.next_unjudged(self.store, self.who[name], RUN)
        if skips and one is not None:
            acts.skip(self.store, one, self.who[name])

    def take_back(self, number: int) -> None:
        stand = [(k, act) for k, act in self.book.acts.items() if not act.withdrawn]
        if stand:
            (_, turn), act = stand[number % len(stand)]
            found = acts.withdraw(self.store, act.match, act.person)
            assert found is not None and found.id == turn
            act.withdrawn = True

    def step(self, ends: str) -> None:
        """The rows of the next step are written (one that was begun goes on with those it has);
        then its weights are kept and the next matches wait, or the process is killed."""
        book = self.book
        step = book.version + 1
        begun = any(act.step == step for act in book.acts.values())
        for act in () if begun else book.acts.values():
            free = act.step is None and not act.withdrawn and not apart(act)
            free = free and not self.taught(act)
            if free and agrees(act.verdict) and 0 <= book.version - act.version <= 2:
                act.step = step
        found = queue.of_step(self.store, RUN, step) or queue.spend(self.store, RUN, step, SHARE)
        assert {(one.match, one.turn) for one in found} == {
            k for k, act in book.acts.items() if act.step == step
        }
        if ends == "kept":
            book.version = step
            queue.retire(self.store, RUN, step)
            for one in wait(self.store, step, 3, questions=3):
                self.made[one.id] = step

    def resume(self, _: None) -> None:
        """Of a step that was begun and not kept, what was taken back since is given back."""
        queue.retake(self.store, RUN, self.book.version)
        for act in self.book.acts.values():
            if act.step is not None and act.step > self.book.version and act.withdrawn:
                act.step = None

    def every_verdict_has_the_fate_that_it_should(self) -> None:
        book = self.book
        found = account(self.store, RUN, book.version, SHARE)
        assert {(one.match, one.turn): what for one, what in found.entries} == {
            key: self.fate(act) for key, act in book.acts.items()
        }
        assert sum(found.counts.values()) == len(found.entries) == len(book.acts)
        assert Counter(what for _, what in found.entries) == +Counter(found.counts)
        assert {(one.match, one.turn) for one in found.taken_back} == {
            key for key, act in book.acts.items() if act.step is not None and act.withdrawn
        }

    def fate(self, act: Act) -> str:
        if act.step is not None:
            return "spent" if act.verdict.status == "ok" else "tie"
        if act.withdrawn:
            return "withdrawn"
        if apart(act):
            return "held out"
        if act.verdict.choice is not None and act.verdict.elicited == (0.3, 0.7):
            return "disagreeing"
        late = self.taught(act) or self.book.version - act.version > 2
        return "too old" if late else "waiting"

    def taught(self, act: Act) -> bool:
        """Whether a step has learnt from another verdict of the person on the match."""
        return any(
            (other.person, other.match) == (act.person, act.match) and other.step is not None
            for other in self.book.acts.values()
            if other is not act
        )

    def rows_are_of_verdicts_that_may_pay(self) -> None:
        for row in self.store.query("SELECT * FROM spent"):
            act = self.book.acts[row["match"], row["turn"]]
            assert not apart(act) and agrees(act.verdict)
            assert 0 <= row["step"] - 1 - row["version"] <= queue.OLDEST
            assert (row["step"], row["version"]) == (act.step, act.version)


@settings(max_examples=40, deadline=None)
@given(st.lists(doings, min_size=8, max_size=25))
def test_every_verdict_is_in_one_account_whatever_people_and_processes_do(
    done: list[tuple[str, Any]],
) -> None:
    with Store(None) as store:
        one = Accounts(store)
        for what, how in done:
            getattr(one, what)(how)
            one.every_verdict_has_the_fate_that_it_should()
            one.rows_are_of_verdicts_that_may_pay()


def test_the_order_of_fates_is_one_of_precedence() -> None:
    one = Judged("m", "t", "p", "q", Verdict(0, (0.9, 0.1)), 0)
    assert fate(one, 0, 0.0) == "waiting"
    assert fate(replace(one, step=1, withdrawn=True), 9, 0.999) == "spent"
    assert fate(replace(one, withdrawn=True), 9, 0.999) == "withdrawn"
