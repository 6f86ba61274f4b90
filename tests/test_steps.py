"""Reading step by step: what is shown, what a belief pays for, and what takes it back."""

import json
import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as of_test
from hypothesis import strategies as st
from players import PASSAGE, PRIVATE, PROTOCOLS, make_match, played, text_of
from stage import Decides, go_on, match, question, stage

from arena.batch import Batch
from arena.desk import acts, chairs, identity, reading, steps
from arena.desk.chairs import PersonError
from arena.desk.settings import Settings
from arena.match import PERSON, Match, participant_id
from arena.play import path
from arena.protocols import JUDGE, debate
from arena.questions import Item, Question
from arena.store import Store
from arena.turns import Turn

STEPPED = Settings()
SEQUENTIAL = debate(simultaneous=False)


def events(store: Store, kind: str) -> list[dict[str, Any]]:
    return list(store.query("SELECT * FROM events WHERE kind = ? ORDER BY id", kind))


def state(store: Store, one: Match, person: str, asked: Settings = STEPPED) -> reading.Reading:
    return steps.reading(store, one, person, asked)


def believe(store: Store, one: Match, person: str, p: float, asked: Settings = STEPPED) -> Turn:
    """A click on the page as it is now."""
    shown = state(store, one, person, asked).view.digest
    return steps.believe(store, one, person, asked, p, shown)


def kept(one: Match, turns: Sequence[Turn]) -> Store:
    """A store with one match that is over."""
    store = Store(None)
    store.start_run("trial", "play", {}, {})
    store.write(
        Batch(items=[Item(one.question, 0)], protocols=[one.protocol], matches=[one],
              run_matches=[("trial", 0, one.id, {})], turns=[(one, turn) for turn in turns],
              played=[one.id])
    )  # fmt: skip
    return store


# What a step is.


def test_a_simultaneous_round_is_one_step_and_a_turn_of_a_sequential_one_is_one() -> None:
    for protocol, ends in ((debate(), (2, 4)), (SEQUENTIAL, (1, 2, 3, 4))):
        one = make_match(protocol)
        assert steps.steps(one, played(one)) == ends
    assert steps.steps(match(question(0)), ()) == ()


def test_what_a_judge_never_sees_makes_no_step() -> None:
    one = make_match(PRIVATE)
    spoken = path(played(one))
    # The notes (B's is seen), A's turn with B's hidden one after it, the last round.
    assert [(t.seat, t.place) for t in spoken] == [
        ("A", 0), ("B", 0), ("A", 1), ("B", 1), ("A", 3), ("B", 3)
    ]  # fmt: skip
    assert steps.steps(one, spoken) == (2, 3, 6)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_prefix_shows_its_turns_and_nothing_of_what_follows(protocol: Any) -> None:
    one = make_match(protocol)
    transcript = played(one)
    spoken = path(transcript)
    said = {turn.id: turn.speech.text for turn in spoken}
    assert len(set(said.values())) == len(spoken)
    with kept(one, transcript) as store:
        ada = identity.register(store, "Ada")
        whole = state(store, one, ada, Settings(mode="whole"))
        readable = {shown.text for shown in whole.view.turns}
        assert whole.charged == 0  # nobody asked this reader to go on
        ends = steps.steps(one, spoken)
        for step in range(len(ends) + 1):
            now = state(store, one, ada)
            assert (now.step, now.steps) == (step, len(ends))
            cut = ends[step - 1] if step else 0
            shown = text_of(now.view)
            before = {said[t.id] for t in spoken[:cut]} & readable
            assert {seen.text for seen in now.view.turns} == before
            # A longer text may hold a shorter one: only marks that no shown turn has are telling.
            for turn in spoken[cut:]:
                mark = said[turn.id].split("»")[0] + "»"
                assert mark not in shown
            assert "THOUGHT" not in shown and "REASON" not in shown
            assert now.view.passage == (PASSAGE if JUDGE in protocol.passage_to else None)
            if step < len(ends):
                assert now.next == "belief"
                believe(store, one, ada, 0.5)
        assert now.next == "verdict"
        assert now.shown == tuple(t for t in spoken if said[t.id] in readable)


def test_every_step_shows_something_new() -> None:
    for protocol in PROTOCOLS.values():
        one = make_match(protocol)
        transcript = played(one)
        ends = (0, *steps.steps(one, transcript))
        with kept(one, transcript) as store:
            ada = identity.register(store, "Ada")
            sizes = [len(chairs.page_view(one, path(transcript)[:end], ada).turns) for end in ends]
        assert sizes == sorted(set(sizes)), protocol.name


# Beliefs.


def test_a_belief_is_a_leaf_on_the_last_turn_shown_with_its_event() -> None:
    one = match(question(0), SEQUENTIAL)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        spoken = path(store.transcript(one))
        order = chairs.listing(one, ada)
        parents = []
        for n, p in enumerate((0.5, 0.7, 0.2, 0.9)):
            before = state(store, one, ada)
            turn = believe(store, one, ada, p)
            parents.append(turn.parent)
            said = turn.verdict
            assert (turn.kind, said.mode, turn.author, turn.origin) == (
                "belief", "stepped", ada, "person")  # fmt: skip
            assert said.elicited is not None and said.order == order
            assert said.elicited[order[0]] == p and said.elicited[order[1]] == pytest.approx(1 - p)
            assert turn.seen == before.view.digest and said.status == ("tie" if p == 0.5 else "ok")
            assert said.choice == (None if p == 0.5 else order[0 if p > 0.5 else 1])
            row = events(store, "belief")[-1]
            assert (row["turn"], row["match"], row["person"]) == (turn.id, one.id, ada)
            assert json.loads(row["value"]) == {"step": n, "steps": 4} and row["number"] == n + 1
        assert parents == [one.root, *(turn.id for turn in spoken[:3])]
        now = state(store, one, ada)
        assert now.next == "verdict" and [b.step for b in now.beliefs] == [0, 1, 2, 3]
        verdict = acts.submit(store, one, ada, "A", 0.8, "because", settings=STEPPED,
                              shown=now.view.digest)  # fmt: skip
        assert verdict.parent == spoken[-1].id and verdict.verdict.mode == "stepped"
        assert json.loads(events(store, "verdict")[0]["value"])["step"] == 4


def test_a_stepped_reading_leaves_what_a_machines_does() -> None:
    """The same leaves hang where `arena.play.read` hangs those of a machine."""
    from players import Talker, read_by

    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        while state(store, one, ada).next == "belief":
            believe(store, one, ada, 0.4)
        acts.submit(store, one, ada, "A", 0.8, "because", settings=STEPPED)
        own = [t for t in store.turns(one.id) if t.author == ada]
        machines = read_by(one, store.transcript(one), Talker(), mode="stepped")
        places = [(t.parent, t.place, t.seat, t.kind, t.verdict.mode) for t in machines]
        assert [
            (t.parent, t.place, t.seat, t.kind, "whole") for t in own
        ] == [(*place[:-1], "whole") for place in places]  # fmt: skip


def test_without_a_prior_the_first_step_is_shown_at_once() -> None:
    one = match(question(0))
    asked = Settings(prior=False)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        assert state(store, one, ada).step == 0 and not state(store, one, ada).view.turns
        now = state(store, one, ada, asked)
        assert (now.step, len(now.view.turns), now.charged) == (1, 2, 0)
        believe(store, one, ada, 0.6, asked)
        now = state(store, one, ada, asked)
        assert (now.step, now.next, now.charged) == (2, "verdict", 1)
        # A study that asks for a prior from now on does not hide what has been read.
        assert state(store, one, ada, Settings(prior=True)).step == 2


def test_with_nothing_to_read_there_is_only_the_verdict() -> None:
    one = make_match(PROTOCOLS["naive"])
    with kept(one, ()) as store:
        ada = identity.register(store, "Ada")
        now = state(store, one, ada)
        assert (now.next, now.step, now.steps) == ("verdict", 0, 0)
        turn = acts.submit(store, one, ada, "A", 0.8, "because", settings=STEPPED)
        assert turn.parent == one.root and turn.verdict.mode == "stepped"


def test_a_second_click_on_a_belief_changes_nothing() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        shown = state(store, one, ada).view.digest
        first = steps.believe(store, one, ada, STEPPED, 0.7, shown)
        assert steps.believe(store, one, ada, STEPPED, 0.2, shown) == first
        assert state(store, one, ada).step == 1 and len(events(store, "belief")) == 1
        with pytest.raises(PersonError, match="reload"):
            steps.believe(store, one, ada, STEPPED, 0.2, "of another page")
        assert len(events(store, "belief")) == 1


def test_clicks_at_the_same_moment_pay_for_one_step(tmp_path: Path) -> None:
    path_, one = tmp_path / "s.db", match(question(0))
    with stage(path_, [one]) as store:
        ada = identity.register(store, "Ada")
        shown = state(store, one, ada).view.digest
    start, made = threading.Barrier(4), []

    def click(n: int) -> None:
        with Store(path_) as own:
            start.wait()
            made.append(steps.believe(own, one, ada, STEPPED, 0.5 + n / 10, shown).id)

    threads = [threading.Thread(target=click, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(path_) as store:
        assert len(made) == 4 and len(set(made)) == 1 and len(events(store, "belief")) == 1
        assert state(store, one, ada).step == 1


def test_two_tabs_that_go_on_and_decide_at_once_do_one_of_the_two(tmp_path: Path) -> None:
    """Many rounds of one tab's belief against another's early verdict, on the same page."""
    ends = set()
    for n in range(12):
        path_, one = tmp_path / f"{n}.db", match(question(0))
        with stage(path_, [one]) as store:
            ada = identity.register(store, "Ada")
            believe(store, one, ada, 0.6)
            shown = state(store, one, ada).view.digest
        start, refused = threading.Barrier(2), []

        def go_on_(path_: Path = path_, one: Match = one, ada: str = ada, shown: str = shown,
                   start: Any = start, refused: list[str] = refused) -> None:  # fmt: skip
            with Store(path_) as own:
                start.wait()
                try:
                    steps.believe(own, one, ada, STEPPED, 0.7, shown)
                except PersonError:
                    refused.append("belief")

        def decide(path_: Path = path_, one: Match = one, ada: str = ada, shown: str = shown,
                   start: Any = start, refused: list[str] = refused) -> None:  # fmt: skip
            with Store(path_) as own:
                start.wait()
                try:
                    acts.submit(own, one, ada, "A", 0.9, "x", shown=shown, settings=STEPPED)
                except PersonError:
                    refused.append("verdict")

        threads = [threading.Thread(target=act) for act in (go_on_, decide)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with Store(path_) as store:
            now = state(store, one, ada)
            assert len(refused) == 1
            assert (now.verdict is None, len(now.beliefs)) == (
                (True, 2) if refused == ["verdict"] else (False, 1)
            )
            ends.add(refused[0])
    assert ends <= {"belief", "verdict"}


@pytest.mark.parametrize(
    ("probability", "said"),
    [(None, "how likely"), (1.2, "100 %"), (-0.1, "100 %"), (math.nan, "100 %"),
     ((0.5, 0.6), "100 %"), ((1.0,), "100 %")],
)  # fmt: skip
def test_odd_probabilities_are_refused(probability: Any, said: str) -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        shown = state(store, one, ada).view.digest
        with pytest.raises(PersonError, match=said):
            steps.believe(store, one, ada, STEPPED, probability, shown)
        assert not events(store, "belief")


def test_more_than_two_answers_take_a_belief_each() -> None:
    one = match(Question("Which?", ("one", "two", "three"), None, "test"))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        now = state(store, one, ada)
        with pytest.raises(PersonError, match="each one"):
            steps.believe(store, one, ada, STEPPED, 0.4, now.view.digest)
        turn = steps.believe(store, one, ada, STEPPED, (0.2, 0.3, 0.5), now.view.digest)
        assert turn.verdict.elicited is not None
        assert [turn.verdict.elicited[i] for i in now.view.order] == [0.2, 0.3, 0.5]
        assert turn.verdict.choice == now.view.order[2]


def test_a_belief_is_durable_before_it_is_acknowledged() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        shown = state(store, one, ada).view.digest
        said: list[str] = []
        store.conn.set_trace_callback(said.append)
        steps.believe(store, one, ada, STEPPED, 0.5, shown)
        begin = next(i for i, line in enumerate(said) if line.startswith("BEGIN"))
        assert said[begin - 1] == "PRAGMA synchronous = FULL"
        assert sum(line.startswith(("BEGIN", "COMMIT")) for line in said) == 2


def test_nobody_sees_anothers_beliefs() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        believe(store, one, ada, 0.9)
        before = state(store, one, bo)
        assert (before.step, before.beliefs) == (0, ())
        believe(store, one, ada, 0.8)
        assert state(store, one, bo) == before


# Undo.


def test_a_belief_that_is_taken_back_hides_the_step_that_it_paid_for() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        assert steps.take_back(store, one, ada, STEPPED) is None
        believe(store, one, ada, 0.6)
        second = believe(store, one, ada, 0.7)
        assert state(store, one, ada).step == 2
        assert steps.take_back(store, one, ada, STEPPED) == second
        assert state(store, one, ada).step == 1
        row = events(store, "withdrawn")[0]
        assert row["turn"] == second.id
        assert json.loads(row["value"]) == {"kind": "belief", "step": 1, "shown": 2}
        assert acts.undo(store, one, ada, STEPPED, turn=second.id) is None  # a second click
        assert state(store, one, ada).step == 1
        again = believe(store, one, ada, 0.7)  # the same words are another turn
        assert again.id != second.id and again.sample == 1
        assert [b.turn for b in state(store, one, ada).beliefs][-1] == again


def test_beliefs_and_verdicts_are_taken_back_while_the_study_allows_it() -> None:
    one = match(question(0))
    short, never = Settings(undo=60), Settings(undo=0)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        shown = state(store, one, ada).view.digest
        steps.believe(store, one, ada, short, 0.5, shown, now=1000)
        now = state(store, one, ada, short)
        assert (now.undoes, now.undo) == ("belief", 1060)
        assert now.can_undo(1060) and not now.can_undo(1060.1)
        with pytest.raises(PersonError, match="60 seconds"):
            steps.take_back(store, one, ada, short, now=1061)
        assert steps.take_back(store, one, ada, short, now=1060) is not None
        steps.believe(store, one, ada, short, 0.5, shown, now=2000)
        acts.submit(store, one, ada, "A", 0.9, "x", now=2010, settings=short)
        now = state(store, one, ada, short)
        assert (now.undoes, now.undo, now.next) == ("verdict", 2070, None)
        with pytest.raises(PersonError, match="verdict stands"):
            steps.take_back(store, one, ada, short, now=2011)
        with pytest.raises(PersonError, match="0 seconds"):
            acts.withdraw(store, one, ada, now=2011, settings=never)
        with pytest.raises(PersonError, match="60 seconds"):
            acts.undo(store, one, ada, short, now=2071)
        assert acts.undo(store, one, ada, short, now=2070) is not None
        assert state(store, one, ada, Settings(undo=None)).undo == math.inf
        assert state(store, one, ada, short).step == 1


# Verdicts.


def test_an_early_verdict_hangs_on_the_last_turn_shown_and_shows_nothing_more() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        spoken = path(store.transcript(one))
        assert not state(store, one, ada).early  # nothing is shown yet
        with pytest.raises(PersonError, match="read on"):
            acts.submit(store, one, ada, "A", 0.9, "x", settings=STEPPED)
        believe(store, one, ada, 0.6)
        now = state(store, one, ada)
        assert now.early and now.next == "belief"
        late = Settings(early=False)
        with pytest.raises(PersonError, match="read on"):
            acts.submit(store, one, ada, "A", 0.9, "x", settings=late)
        turn = acts.submit(store, one, ada, "A", 0.9, "x", settings=STEPPED,
                           shown=now.view.digest)  # fmt: skip
        assert (turn.kind, turn.parent, turn.place) == ("verdict", spoken[1].id, 1)
        assert acts.submit(store, one, ada, "B", 0.6, "y", settings=STEPPED,
                           shown=now.view.digest) == turn  # fmt: skip
        after = state(store, one, ada)
        assert after.verdict == turn and after.step == 1 and len(after.view.turns) == 2
        assert len(list(store.query("SELECT * FROM rewards WHERE turn = ?", turn.id))) == 4
        with pytest.raises(PersonError, match="not waiting"):
            steps.believe(store, one, ada, STEPPED, 0.5, after.view.digest)
        assert acts.withdraw(store, one, ada, settings=STEPPED) == turn
        assert state(store, one, ada).step == 1 and state(store, one, ada).next == "belief"


def test_what_a_study_does_not_allow_is_refused_on_the_server() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        strict = Settings(mode="whole", tie=False)
        with pytest.raises(PersonError, match=r"Choose one of the answers\.$"):
            acts.submit(store, one, ada, acts.TIE, None, "x", settings=strict)
        with pytest.raises(PersonError, match="reason"):
            acts.submit(store, one, ada, "A", 0.9, " ", settings=strict)
        free = Settings(mode="whole", reason=False)
        assert acts.submit(store, one, ada, "A", 0.9, " ", settings=free).verdict.reason == ""


def test_a_verdict_after_the_time_limit_is_kept_and_called_late() -> None:
    timed = Settings(mode="timed", seconds=100)
    matches = [match(question(n)) for n in range(4)]
    with stage(None, matches) as store:
        ada = identity.register(store, "Ada")
        found = []
        for one, seconds in zip(matches[:3], (99, 104, 106), strict=True):
            steps.begin(store, one, ada, timed, now=1000)
            steps.begin(store, one, ada, timed, now=1050)  # a reload
            now = state(store, one, ada, timed)
            assert (now.mode, now.began, now.until, len(now.shown)) == ("timed", 1000, 1100, 4)
            turn = acts.submit(store, one, ada, "A", 0.9, "x", now=1000 + seconds, settings=timed)
            assert turn.verdict.mode == "timed"
            found.append(json.loads(events(store, "verdict")[-1]["value"])["late"])
        assert found == [False, False, True]
        assert len(events(store, "shown")) == 3
        acts.submit(store, matches[3], ada, "A", 0.9, "x", settings=timed)
        assert json.loads(events(store, "verdict")[-1]["value"])["late"] is None  # never shown


# Chairs.


def test_a_seated_judge_reads_live_whatever_the_mode() -> None:
    one = match(question(0), debate(rounds=3, stop="judge"), PERSON)
    with stage(None, [one]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        now = state(store, one, ada)
        assert (now.mode, now.next, now.step, len(now.shown)) == ("live", "belief", 1, 2)
        acts.submit(store, one, ada, "B", 0.6, "so far", stop=False, settings=STEPPED)
        waiting = state(store, one, ada)
        assert (waiting.next, waiting.mode, waiting.shown) == (None, "live", now.shown)
        assert [b.step for b in waiting.beliefs] == [1]
        assert state(store, one, bo).shown == ()  # the chair is Ada's
        go_on(store, one)
        now = state(store, one, ada)
        assert now.next == "belief" and len(now.shown) == 4 and now.undoes is None
        ends = replace(STEPPED, undo=0)
        turn = acts.submit(store, one, ada, "A", 0.9, "enough", settings=ends)
        assert turn.verdict.mode == "live"
        assert state(store, one, ada).verdict == turn and state(store, one, ada).shown == now.shown
        assert state(store, one, bo).mode == "stepped"  # who may read it now


def test_the_leaves_of_a_seated_machine_are_no_part_of_a_stepped_reading() -> None:
    judge = participant_id(Decides())
    one = match(question(0), debate(rounds=2, stop="judge"), judge)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        assert any(turn.is_leaf for turn in store.transcript(one))
        assert state(store, one, ada).steps == 2
        believe(store, one, ada, 0.5)
        assert all(turn.kind == "speech" for turn in state(store, one, ada).view.turns)


def test_a_planned_order_of_options_is_the_one_shown() -> None:
    one = match(question(0))
    orders = set()
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        for listing in ("[0,1]", "[1,0]"):
            store.conn.execute(
                "INSERT OR REPLACE INTO assignments (match, seat, holder, until, listing) "
                "VALUES (?, 'judge', ?, 0, ?)", (one.id, ada, listing))  # fmt: skip
            now = state(store, one, ada)
            assert list(now.view.order) == json.loads(listing)
            orders.add(now.view.order)
        believe(store, one, ada, 0.8)
        turn = acts.submit(store, one, ada, "A", 0.9, "x", settings=STEPPED)
        assert turn.verdict.order == (1, 0) == state(store, one, ada).view.order
    assert orders == {(0, 1), (1, 0)}


# Random acts from two tabs, against a model that is a list.

ACTS = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from(["believe", "believe", "believe", "verdict", "undo", "look"]),
        st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
    ),
    max_size=14,
)


@of_test(max_examples=60, deadline=None)
@given(ACTS, st.booleans(), st.booleans())
def test_any_acts_from_two_tabs_come_to_what_a_list_says(
    clicks: list[tuple[int, str, float]], prior: bool, early: bool
) -> None:
    one = match(question(0), SEQUENTIAL)
    asked = Settings(prior=prior, early=early, undo=None)
    first, last = (0 if prior else 1), 4
    said: list[float] = []  # the model: beliefs that stand, and the verdict
    decided: float | None = None
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        spoken = path(store.transcript(one))
        order = chairs.listing(one, ada)
        tabs = [(first, state(store, one, ada, asked).view.digest)] * 2
        for tab, what, p in clicks:
            seen, digest = tabs[tab]
            at = first + len(said)
            if what == "believe":
                answered = seen - first < len(said)
                open_ = decided is None and seen == at and at < last
                if answered or open_:
                    turn = steps.believe(store, one, ada, asked, p, digest)
                    if open_:
                        said.append(p)
                    assert turn.verdict.elicited is not None
                    assert turn.verdict.elicited[order[0]] == said[seen - first]
                else:
                    with pytest.raises(PersonError):
                        steps.believe(store, one, ada, asked, p, digest)
            elif what == "verdict":
                sure = 0.5 + max(p, 0.01) / 2
                may = seen == at and (at == last or (early and at > 0))
                if decided is not None or may:
                    decided = sure if decided is None else decided
                    turn = acts.submit(store, one, ada, "A", sure, "x", shown=digest,
                                       settings=asked)  # fmt: skip
                    assert turn.verdict.elicited == (decided, 1 - decided)
                else:
                    with pytest.raises(PersonError):
                        acts.submit(store, one, ada, "A", sure, "x", shown=digest, settings=asked)
            elif what == "undo":
                done = acts.undo(store, one, ada, asked)
                assert (done is None) == (decided is None and not said)
                if decided is not None:
                    decided = None
                elif said:
                    said.pop()
            now = state(store, one, ada, asked)
            assert now.step == first + len(said)
            assert now.shown == spoken[: now.step] and len(now.view.turns) == now.step
            assert [b.turn.verdict.elicited[order[0]] for b in now.beliefs
                    if b.turn.verdict.elicited] == said  # fmt: skip
            assert (now.verdict is None) == (decided is None)
            standing = list(store.query("SELECT id FROM verdicts WHERE author = ?", ada))
            assert len(standing) == (decided is not None)
            if what == "look" and decided is None:  # a page with a form on it
                tabs[tab] = (now.step, now.view.digest)
