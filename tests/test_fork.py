"""Forks: what is shared, who sees what, and that nothing else is touched."""

import json
from pathlib import Path
from typing import Any

import pytest
from stage import ALICE, BOB, Decides, Says, go_on, match, question, stage
from test_browse import model_verdict

from arena import leases
from arena.batch import Batch
from arena.desk import acts, chairs, identity, siblings
from arena.desk.browse import BrowseError
from arena.desk.fork import KIND, fork, is_fork, shared, shared_turns
from arena.flow import Flow
from arena.ids import canonical
from arena.match import PERSON, Match, View, participant_id, view
from arena.participants import SpecError
from arena.play import path, waiting_for
from arena.protocols import JUDGE, debate, pending
from arena.report import report
from arena.store import Store
from arena.turns import Speech, Verdict
from ui.forking import play_fork

CAROL = Says("carol", ("I am Carol.", "Carol again."))


class Sees(Says):
    """Says its lines, and keeps what it was shown."""

    views: list[View] = []  # noqa: RUF012 (of one test at a time)

    def speak(self, view: View) -> Flow[Speech]:
        self.views.append(view)
        return super().speak(view)


def known(store: Store, *who: Any) -> None:
    store.write(Batch(participants={participant_id(one): one.record for one in who}))


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in store.query(sql)]


@pytest.fixture
def one() -> Match:
    return match(question(0), debate(rounds=3))


def test_a_fork_shares_the_turns_up_to_the_one_it_is_from(one: Match) -> None:
    with stage(None, [one]) as store:
        known(store, CAROL)
        spoken = path(store.transcript(one))
        made = fork(store, one, 3, {"A": participant_id(CAROL)})
        assert made.root == one.root and made.id != one.id
        assert dict(made.seats) == {**dict(one.seats), "A": participant_id(CAROL)}
        assert store.transcript(made) == spoken[:4] and store.match(made.id) == made
        go_on(store, made, (CAROL, BOB))
        after = path(store.transcript(made))
        assert after[:4] == spoken[:4] and len(after) == len(spoken) == 6
        assert [turn.author for turn in after[4:]] == [participant_id(CAROL), participant_id(BOB)]
        assert path(store.transcript(one)) == spoken
        assert {t.id for t in after} & {t.id for t in spoken} == {t.id for t in spoken[:4]}


def test_a_fork_within_a_round_that_is_spoken_at_once_hides_its_other_half() -> None:
    """The seat that goes on must not see the shared speech that it would not have seen."""
    one = match(question(0))
    with stage(None, [one]) as store:
        who = Sees("watcher", ("New.",))
        known(store, who)
        made = fork(store, one, 2, {"B": participant_id(who)})
        Sees.views.clear()
        go_on(store, made, (ALICE, who))
        first = Sees.views[0]
        assert [(seen.seat, seen.place) for seen in first.turns] == [("B", 0), ("A", 0)]
        assert store.transcript(made)[2].speech.text not in canonical([t.text for t in first.turns])


def test_whoever_takes_a_seat_sees_what_was_said_there_and_none_of_its_thoughts() -> None:
    one = match(question(0), debate(rounds=2))
    with stage(None, [one]) as store:
        known(store, CAROL)
        made = fork(store, one, 1, {"A": participant_id(CAROL)})
        kept = store.transcript(made)
        place, slots = pending(made.protocol, kept, ["A", "B"])
        seen = {slot.seat: view(made, kept, slot, place) for slot in slots}
        assert [turn.mine for turn in seen["A"].turns] == [True, False]
        assert "CANARY-THOUGHT" not in canonical([turn.thought for turn in seen["A"].turns])
        # Bob stays, and goes on with his own.
        assert [t.thought for t in seen["B"].turns if t.mine] == ["CANARY-THOUGHT"]
        assert seen["A"].passage is not None and "CANARY-PASSAGE" in seen["A"].passage
        judge = view(made, kept, made.protocol.closing[-1].slots[0])
        assert judge.passage is None and not [turn for turn in judge.turns if turn.thought]


def test_reports_on_the_original_and_its_record_stay_as_they_were(one: Match) -> None:
    with stage(None, [one]) as store:
        known(store, CAROL)
        model_verdict(store, one, Verdict(0, (0.75, 0.25)))
        before = report(store, "trial")
        tables = ("turns", "match_turns", "run_matches", "matches", "speeches", "rewards")
        held = {table: rows(store, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}
        made = fork(store, one, 1, {"A": participant_id(CAROL)})
        go_on(store, made, (CAROL, BOB))
        model_verdict(store, made, Verdict(1, (0.25, 0.75)))
        assert report(store, "trial") == before
        (row,) = report(store, "trial (forks)")["settings"]
        assert (row["setting"], row["n"], row["accuracy"]) == (one.protocol.name, 1, 0.0)
        for table in tables:
            now = rows(store, f"SELECT * FROM {table} ORDER BY 1, 2")
            assert set(map(repr, held[table])) <= set(map(repr, now)), table
        mine = [row[1] for row in rows(store, "SELECT match, turn FROM match_turns")
                if row[0] == one.id]  # fmt: skip
        assert len(mine) == 7


def test_the_same_fork_twice_is_one_and_others_are_others(one: Match) -> None:
    with stage(None, [one]) as store:
        known(store, CAROL)
        seats = {"A": participant_id(CAROL)}
        first = fork(store, one, 1, seats)
        assert fork(store, one, 1, seats) == first
        others = [
            fork(store, one, 2, seats), fork(store, one, 1, seats, seed=1), fork(store, one, 1),
            fork(store, one, -1, seats),
        ]  # fmt: skip
        assert len({made.id for made in (one, first, *others)}) == 6
        sql = "SELECT position, match FROM run_matches WHERE run = 'trial (forks)' ORDER BY 1"
        assert rows(store, sql) == [(n, m.id) for n, m in enumerate([first, *others])]
        assert len(rows(store, "SELECT * FROM events WHERE kind = 'forked'")) == 5
        assert shared(store, one, -1) == () == store.transcript(others[-1])
        assert (shared_turns(store, first.id), is_fork(store, first.id)) == (2, True)
        assert (shared_turns(store, one.id), is_fork(store, one.id)) == (0, False)
        # A fork of a fork is a branch of the same tree, in the same run.
        again = fork(store, first, 0, {"B": participant_id(CAROL)})
        assert again.root == one.root
        (row,) = store.query("SELECT * FROM run_matches WHERE match = ?", again.id)
        assert row["run"] == "trial (forks)" and json.loads(row["labels"])["fork of"] == first.id


def test_the_event_says_who_forked_what(one: Match) -> None:
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        made = fork(store, one, 2, person=ada, run="what if")
        (row,) = store.query("SELECT * FROM events WHERE kind = 'forked'")
        assert (row["person"], row["match"], row["turn"]) == (
            ada, made.id, path(store.transcript(one))[2].id
        )  # fmt: skip
        assert json.loads(row["value"]) == {
            "from": one.id, "turn": 2, "shared": 3, "run": "what if"
        }  # fmt: skip
        assert rows(store, "SELECT kind FROM runs WHERE name = 'what if'") == [(KIND,)]
        assert KIND in leases.KINDS  # so a worker plays it on


def test_what_a_seated_judge_reported_before_the_turn_is_shared(one: Match) -> None:
    asks = debate(rounds=2, stop="judge", judge_questions=True)
    who = Decides()
    judged = match(question(0), asks, PERSON)
    with stage(None, [judged]) as store:
        ada = identity.register(store, "Ada")
        acts.submit(store, judged, ada, "A", 0.6, "so far", stop=False)
        acts.ask(store, judged, ada, "Why?")
        go_on(store, judged)
        known(store, who, CAROL)
        spoken = path(store.transcript(judged))
        asked = next(n for n, turn in enumerate(spoken) if turn.kind == "question")
        made = fork(store, judged, asked, {JUDGE: participant_id(who), "A": participant_id(CAROL)})
        kept = store.transcript(made)
        assert [t.kind for t in kept if t.seat == JUDGE] == ["belief", "question"]
        assert waiting_for(made, kept) == ("A", "B")
        before = fork(store, judged, asked - 1, {JUDGE: participant_id(who)})
        assert waiting_for(before, store.transcript(before)) == (JUDGE,)
        assert fork(store, judged, asked - 1, {JUDGE: PERSON}) != before


def test_a_person_goes_on_in_a_chair_whose_shared_turns_another_filled(one: Match) -> None:
    asks = debate(rounds=2, stop="judge", judge_questions=True)
    judged = match(question(0), asks, PERSON)
    with stage(None, [judged]) as store:
        ada, bob = (identity.register(store, name) for name in ("Ada", "Bob"))
        acts.submit(store, judged, ada, "A", 0.6, "so far", stop=False)
        acts.ask(store, judged, ada, "Why?")
        go_on(store, judged)
        asked = next(
            n for n, t in enumerate(path(store.transcript(judged))) if t.kind == "question"
        )
        made = fork(store, judged, asked, {JUDGE: PERSON})
        go_on(store, made)
        at = chairs.chair(store, made, bob)
        assert at is not None and at.slot.seat == JUDGE
        verdict = acts.submit(store, made, bob, "B", 0.8, "Another view.")
        assert verdict.verdict.mode == "live" and verdict in store.transcript(made)
        reads = chairs.chair(store, made, ada)
        assert reads is not None and reads.place is None  # the chair was Bob's, so Ada reads


def test_a_person_takes_a_debaters_chair_that_has_spoken_in_what_is_shared(one: Match) -> None:
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        made = fork(store, one, 1, {"A": PERSON, "B": PERSON})
        assert chairs.chair(store, made, ada, "A") is not None
        acts.say(store, made, ada, "A", "I take over.")
        assert path(store.transcript(made))[-1].author == ada


def test_a_person_may_take_a_seat_of_a_fork(one: Match) -> None:
    with stage(None, [one]) as store:
        made = fork(store, one, 1, {JUDGE: PERSON})
        assert go_on(store, made)[-1].seat == "B" and waiting_for(
            made, store.transcript(made)
        ) == (JUDGE,)  # fmt: skip
        ada = identity.register(store, "Ada")
        assert chairs.chair(store, made, ada) is not None
        turn = acts.submit(store, made, ada, "B", 0.75, "because")
        assert turn.verdict.mode == "live" and waiting_for(made, store.transcript(made)) == ()


def test_forks_that_make_no_sense_are_refused_and_leave_nothing(one: Match) -> None:
    with stage(None, [one]) as store:
        before = list(store.conn.iterdump())
        last = len(path(store.transcript(one))) - 1
        cases: list[tuple[int, dict[str, str], str | None, str]] = [
            (last, {}, None, "over with that turn"),
            (last + 1, {}, None, "no such turn"),
            (-2, {}, None, "no such turn"),
            (0, {"C": PERSON}, None, "expected some of A, B, judge"),
            (0, {"A": "<b>"}, None, "participant of this store"),
            (0, {}, "trial", "holds no forks"),
        ]
        for turn, seats, run, said in cases:
            with pytest.raises(BrowseError, match=said) as caught:
                fork(store, one, turn, seats, run=run)
            assert "<b>" not in str(caught.value)
        assert list(store.conn.iterdump()) == before


def test_turns_of_a_fork_do_not_enter_the_value_of_what_they_hang_on(one: Match) -> None:
    with stage(None, [one]) as store:
        known(store, CAROL)
        model_verdict(store, one, Verdict(0, (0.75, 0.25)))

        def value() -> Any:
            (found,) = siblings.siblings(store, one, 1)
            return [v["value"] for v in found["values"] if v["rule"] == "win"], found["below"]

        assert value()[0] == [-1.0]  # of seat B
        made = fork(store, one, 1, {"A": participant_id(CAROL)})
        go_on(store, made, (CAROL, BOB))
        model_verdict(store, made, Verdict(1, (0.25, 0.75)))
        values, below = value()
        assert values == [-1.0] and below["verdicts"] == 2 and below["p"] == [0.5, 0.5]
        shown = siblings.siblings(store, one, 2)
        assert [(s["mine"], s["origin"]) for s in shown] == [(True, "sampled"), (False, "fork")]


# Played on.

WITNESS = "scripted:witness,p=1,s=0,b=1"


@pytest.fixture
def witnesses(tmp_path: Path) -> Any:
    """A store with a run of scripted witnesses and judges."""
    from arena.runfile import read_run_file
    from ui.runs import run_file

    file = tmp_path / "run.yaml"
    file.write_text(
        "name: trial\nquestions: {source: witness, n: 2, seed: 3}\nprotocols: [debate]\n"
        f"players: {{a: '{WITNESS}', b: 'scripted:witness,p=.5,s=0,b=.5'}}\n"
        "judges: {j: scripted:literal}\n"
    )
    with Store(tmp_path / "s.db") as store:
        run = read_run_file(file, ())
        run_file(run, tmp_path, store)
        (key, *_) = [row["match"] for row in store.query("SELECT match FROM run_matches")]
        yield store, store.match(key)


def test_a_fork_is_played_on_with_agents_by_their_strings(witnesses: Any) -> None:
    store, one = witnesses
    before = report(store, "trial")
    spoken = path(store.transcript(one))
    replies: list[int] = []
    done = play_fork(
        store, one, 0, {"A": WITNESS, "B": "scripted:random"}, judges=["scripted:literal"],
        progress=replies.append,
    )  # fmt: skip
    assert done.done and done.run == "trial (forks)" and not done.waiting
    after = path(store.transcript(done.match))
    assert after[0] == spoken[0] and len(after) == len(spoken)
    assert len(rows(store, f"SELECT * FROM verdicts WHERE match = '{done.match.id}'")) == 1
    assert report(store, "trial") == before
    assert report(store, "trial (forks)")["settings"][0]["n"] == 1
    again = play_fork(
        store, one, 0, {"A": WITNESS, "B": "scripted:random"}, judges=["scripted:literal"]
    )
    assert again.match == done.match and path(store.transcript(again.match)) == after


def test_a_fork_with_a_person_waits_for_it_and_a_worker_can_go_on(witnesses: Any) -> None:
    store, one = witnesses
    done = play_fork(store, one, 0, {"A": "person", "B": "scripted:random"})
    assert not done.done and "A" in done.waiting
    claimed = [found.match for found in leases.claimed(store, done.run)]
    assert claimed == [done.match.id]
    who = dict(done.match.seats)["B"]
    assert leases.specs_of(store, who, done.run) == ["scripted:random"]


def test_whoever_cannot_be_built_again_leaves_an_empty_chair(witnesses: Any) -> None:
    store, one = witnesses
    store.conn.execute("DELETE FROM artifacts")
    store.conn.execute("UPDATE participants SET kind = 'local'")  # the record does not say it all
    done = play_fork(store, one, -1, {"A": "scripted:random"})
    assert not done.done and done.waiting == ("B",)


def test_a_scripted_player_is_built_again_from_its_record_alone(witnesses: Any) -> None:
    store, one = witnesses
    store.conn.execute("DELETE FROM artifacts")
    done = play_fork(store, one, -1, {"A": "scripted:random"})
    assert done.done and dict(done.match.seats)["B"] == dict(one.seats)["B"]


def test_whoever_is_left_in_a_seat_plays_on_and_a_worker_knows_how(
    witnesses: Any, tmp_path: Path
) -> None:
    """No record says how a replay is built: a run without people notes its players as well."""
    from arena.runfile import read_run_file
    from ui.runs import run_file
    from ui.work import Worker

    store, one = witnesses
    file = tmp_path / "second.yaml"
    file.write_text(
        "name: second\nquestions: {source: witness, n: 2, seed: 3}\nprotocols: [debate]\n"
        f"players: {{a: 'replay:{one.id}', b: 'scripted:random'}}\n"
        "judges: {j: scripted:literal}\n"
    )
    run_file(read_run_file(file, ()), tmp_path, store)
    sql = "SELECT m.id FROM run_matches AS r JOIN matches AS m ON m.id = r.match WHERE run = ?"
    replayed = next(m for row in store.query(sql, "second")
                    if (m := store.match(row["id"])).question == one.question)  # fmt: skip
    seats = dict(replayed.seats)
    specs = {seat: leases.specs_of(store, who, "second") for seat, who in seats.items()}
    assert specs == {"A": [f"replay:{one.id}"], "B": ["scripted:random"]}
    done = play_fork(store, replayed, 0)
    assert done.done and dict(done.match.seats) == seats
    made = fork(store, replayed, 1)  # by hand: nothing is noted with it
    with Worker(tmp_path / "s.db") as worker:
        assert not worker.work(once=True).failed
    assert not waiting_for(made, store.transcript(made))


def test_a_string_that_names_nobody_leaves_nothing_behind(witnesses: Any) -> None:
    store, one = witnesses
    before = list(store.conn.iterdump())
    with pytest.raises(SpecError):
        play_fork(store, one, 0, {"A": "scripted:nobody"})
    assert list(store.conn.iterdump()) == before
