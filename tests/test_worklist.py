"""The queue: what a person is given and told, by plan or not; leases; what it costs."""

import threading
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path

import pytest
from desks import debates, desk, everybody, keep, people
from stage import ALICE, BOB, go_on, match, question, stage
from test_planning import study

from arena.desk import acts, chairs, identity, offers, planning, standing, waiting, worklist
from arena.desk.chairs import PersonError
from arena.desk.planning import PlanRequest
from arena.desk.worklist import Row
from arena.match import PERSON, Match, participant_id
from arena.protocols import debate
from arena.store import Store

ASKS = debate(rounds=3, judge_questions=True)


def states(store: Store, person: str, **given: float) -> dict[str, str]:
    return {row.match: row.state for row in worklist.queue(store, person, **given)}


# Leases.


def test_what_is_taken_from_the_open_queue_has_a_row_an_id_and_an_event() -> None:
    with stage(None, [match(question(0))]) as store:
        ada = identity.register(store, "Ada")
        assert worklist.assignment(store, worklist.assignment_id("m", "judge", ada)) is None
        one = worklist.next_unjudged(store, ada, now=100.0)
        assert one is not None
        (row,) = store.query("SELECT * FROM assignments")
        assert (row["run"], row["kind"], row["made_at"]) == ("trial", "judging", 100.0)
        assert (row["listing"], row["made_by"], row["closed"]) == (None, None, None)
        assert row["id"] == worklist.assignment_id(one.id, "judge", ada)
        found = worklist.assignment(store, row["id"], now=200.0)
        assert found is not None and found.state == "in progress"
        assert (found.match, found.person, found.run) == (one.id, ada, "trial")
        (taken,) = store.query("SELECT * FROM events WHERE kind = 'taken'")
        assert (taken["assignment"], taken["person"], taken["match"]) == (row["id"], ada, one.id)


def test_a_lease_runs_out_and_an_act_prolongs_it() -> None:
    with stage(None, [match(question(0))]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        one = worklist.next_unjudged(store, ada, now=1000.0)
        assert one is not None
        (row,) = worklist.queue(store, ada, now=2000.0)
        assert (row.state, row.deadline) == ("in progress", 1000 + worklist.LEASE_SECONDS)
        assert worklist.queue(store, bo, now=2000.0) == []
        store.execute({worklist.PROLONG: worklist.prolong_row(one, ada, 4000.0)})
        late = 4000 + worklist.LEASE_SECONDS
        assert worklist.next_unjudged(store, bo, now=late - 1) is None
        assert states(store, ada, now=late + 1) == {one.id: "expired"}
        assert worklist.next_unjudged(store, bo, now=late + 1) == one
        store.execute({worklist.PROLONG: worklist.prolong_row(one, ada, late + 2)})
        (held,) = store.query("SELECT holder FROM assignments WHERE until > ?", late + 2)
        assert held["holder"] == bo  # an act does not win back what somebody else has taken


def test_an_act_does_not_lease_what_was_never_begun() -> None:
    with desk(2, 1) as store:
        (ada,) = everybody(store)
        planning.commit(store, planning.preview(store, PlanRequest("trial", (ada,))), None)
        row = worklist.queue(store, ada, "trial")[0]
        store.execute({worklist.PROLONG: worklist.prolong_row(store.match(row.match), ada, 9.0)})
        assert {r["until"] for r in store.query("SELECT until FROM assignments")} == {0}


def at_once(path: Path, people: list[str], act: Callable[[Store, str], object]) -> list[object]:
    """Everybody acts in the same moment, each on a connection of its own."""
    start, found = threading.Barrier(len(people)), []

    def go(person: str) -> None:
        with Store(path) as own:
            start.wait()
            found.append(act(own, person))

    threads = [threading.Thread(target=go, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("n", [1, 3])
def test_of_those_who_take_the_last_matches_at_once_each_gets_another_or_none(
    tmp_path: Path, n: int
) -> None:
    path = tmp_path / "s.db"
    with stage(path, [match(question(i)) for i in range(n)]) as store:
        who = [identity.register(store, f"Judge {i}") for i in range(6)]
    found = at_once(path, who, lambda store, person: worklist.next_unjudged(store, person))
    got = [one.id for one in found if isinstance(one, Match)]
    assert len(got) == len(set(got)) == n
    with Store(path) as store:
        assert len(list(store.query("SELECT 1 FROM assignments"))) == n
        assert len(list(store.query("SELECT 1 FROM events WHERE kind = 'taken'"))) == n


def test_who_opens_a_row_holds_it_and_nobody_opens_anothers(tmp_path: Path) -> None:
    with stage(None, [match(question(n)) for n in range(2)]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        second = worklist.queue(store, ada)[1]
        found = worklist.begin(store, ada, second.id)
        assert (found.match, found.state) == (second.match, "in progress")
        assert worklist.begin(store, ada, second.id) == found  # twice is once
        assert len(list(store.query("SELECT 1 FROM events WHERE kind = 'taken'"))) == 1
        theirs = worklist.assignment_id(second.match, "judge", bo)
        for id in (second.id, theirs, "nonsense"):
            with pytest.raises(PersonError, match="not in your queue"):
                worklist.begin(store, bo, id)


# By plan.


def planned(store: Store, **given: object) -> planning.Preview:
    made = planning.preview(store, PlanRequest("trial", everybody(store), **given))  # type: ignore[arg-type]
    assert planning.commit(store, made, None)
    return made


def test_a_plan_gives_what_it_says_in_its_order_and_nothing_else() -> None:
    with desk(12, 3) as store:
        made = planned(store, k=2)
        for person in everybody(store):
            mine = [row.match for row in made.rows if row.person == person]
            rows = worklist.queue(store, person, "trial")
            assert [row.match for row in rows] == mine
            assert [row.position for row in rows] == [1 + n for n in range(8)]
            given = []
            while (one := worklist.next_unjudged(store, person, "trial")) is not None:
                given.append(one.id)
                listing = next(r.listing for r in made.rows if (r.person, r.match) == (
                    person, one.id))  # fmt: skip
                assert worklist.listing_of(store, one, person) == listing
                turn = acts.submit(store, one, person, "A", 0.75, "because")
                assert turn.verdict.order == listing
            assert given == mine
            assert worklist.progress(store, person, "trial") == (8, 0)
        assert worklist.progress_of_run(store, "trial") == (24, 24)
        late = identity.register(store, "Late")
        assert worklist.next_unjudged(store, late, "trial") is None
        assert worklist.queue(store, late) == []


def test_two_people_may_read_a_planned_match_at_the_same_time() -> None:
    with desk(1, 2) as store:
        planned(store, k=2)
        ada, bo = everybody(store)
        assert worklist.next_unjudged(store, ada) == worklist.next_unjudged(store, bo) is not None


def test_a_skipped_one_comes_last_and_what_is_held_first() -> None:
    with desk(4, 1) as store:
        made = planned(store)
        (ada,) = everybody(store)
        first, second, third, fourth = [row.match for row in made.rows]
        one = worklist.next_unjudged(store, ada)
        assert one is not None and one.id == first
        acts.skip(store, one, ada)
        held = worklist.begin(store, ada, worklist.assignment_id(third, "judge", ada))
        assert held.state == "in progress"
        assert [row.match for row in worklist.queue(store, ada)] == [third, second, fourth, first]


def test_what_a_plan_leaves_open_is_offered_to_those_who_may_have_it() -> None:
    with desk(6, 2) as store:
        ada, bo = everybody(store)
        late, out = people(store, 4)[2:]
        stories = [row["grp"] for row in store.query(
            "SELECT q.grp FROM run_matches JOIN matches AS m ON m.id = match "
            "JOIN questions AS q ON q.id = m.question ORDER BY position")]  # fmt: skip
        barred = tuple((out, story) for story in stories)
        request = PlanRequest("trial", (ada, bo), cap=2, rest=True, exclusions=barred)
        made = planning.preview(store, request)
        planning.commit(store, made, None)
        left = {row["match"] for row in store.query("SELECT match FROM run_matches")}
        left -= {row.match for row in made.rows}
        assert set(states(store, late)) == left and len(left) == 2
        assert set(states(store, ada)) == left | {r.match for r in made.rows if r.person == ada}
        assert states(store, out) == {}
        mine = [row.match for row in made.rows if row.person == ada]
        assert [row.match for row in worklist.queue(store, ada)][:2] == mine
        one = worklist.next_unjudged(store, late)
        assert one is not None and one.id in left
        acts.submit(store, one, late, "A", 0.75, "because")
        assert set(states(store, ada)) == left - {one.id} | set(mine)  # it has its judge


def test_gold_and_duplicates_look_like_any_other_row() -> None:
    assert {field.name for field in fields(Row)} == {
        "id", "match", "seat", "run", "state", "protocol", "rounds", "length", "position",
        "deadline", "practice",
    }  # fmt: skip
    with Store(None) as store:
        study(store, judges=1, gold_share=0.2, again_share=0.2)
        (ada,) = everybody(store)
        made = planned(store, distance=4)
        kinds = {row.match: row.kind for row in made.rows}
        rows = worklist.queue(store, ada, "trial")
        assert [row.practice for row in rows] == [kinds[row.match] == "practice" for row in rows]
        told = {
            kind: {
                (row.seat, row.run, row.state, row.rounds, row.deadline, row.practice)
                for row in rows
                if kinds[row.match] == kind
            }
            for kind in ("judging", "gold", "duplicate")
        }
        assert told["judging"] == told["gold"] == told["duplicate"]
        assert len(told["gold"]) == 1 and {row.protocol for row in rows if not row.practice} == {
            row.protocol for row in rows if kinds[row.match] == "judging"
        }
        ids = {len(row.id) for row in rows} | {row.id[0] for row in rows}
        assert ids == {33, "g"}
        done, left = worklist.progress(store, ada, "trial")
        assert (done, left) == (0, len(made.rows))


def test_who_recused_itself_sees_that_and_what_an_admin_took_back_is_gone() -> None:
    with desk(3, 1) as store:
        made = planned(store)
        (ada,) = everybody(store)
        one, two, three = [row.match for row in made.rows]
        sql = "UPDATE assignments SET closed = ? WHERE match = ?"
        store.conn.execute(sql, ("recused", one))
        store.conn.execute(sql, ("withdrawn", two))
        assert states(store, ada) == {one: "recused", three: "to do"}
        found = worklist.next_unjudged(store, ada)
        assert found is not None and found.id == three
        for key in (one, two):
            gone = store.match(key)
            assert not worklist.take(store, gone, ada, 1.0, 60.0)
            store.execute({worklist.LEASE: worklist.lease_row(gone, ada, 1.0, 60.0)})
            held = store.one("SELECT until FROM assignments WHERE match = ?", key)
            assert held == {"until": 0}
        with pytest.raises(PersonError):
            worklist.begin(store, ada, worklist.assignment_id(two, "judge", ada))
        counted = worklist.counts(store, ada)
        assert (counted["recused"], counted["in progress"], counted["to do"]) == (1, 1, 0)


# Matches in which people sit.


def test_a_live_debate_says_whose_turn_it_is() -> None:
    one = match(question(0), ASKS, PERSON)
    with stage(None, [one]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        assert states(store, ada) == {one.id: "waiting for your question"}
        assert worklist.next_unjudged(store, ada) == one
        acts.ask(store, one, ada, "Where?")
        assert states(store, ada) == {one.id: "waiting on a debater"}
        assert states(store, bo) == {} and worklist.progress(store, ada) == (0, 0)
        go_on(store, one)
        assert states(store, ada) == {one.id: "waiting for your question"}
        acts.ask(store, one, ada, "When?")
        go_on(store, one)
        assert states(store, ada) == {one.id: "in progress"}
        assert states(store, bo) == {}
        acts.submit(store, one, ada, "A", 0.75, "because")
        assert states(store, ada) == {one.id: "done"} and states(store, bo) == {one.id: "to do"}


def test_a_second_planned_judge_waits_for_the_one_in_the_chair() -> None:
    one = match(question(0), ASKS, PERSON)
    with stage(None, [one]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        planned(store, k=2)
        acts.ask(store, one, ada, "Where?")
        assert states(store, bo)[one.id].startswith("waiting on")
        go_on(store, one)
        assert states(store, bo) == {one.id: "waiting on the judge"}
        assert worklist.next_unjudged(store, bo) is None
        assert states(store, ada) == {one.id: "waiting for your question"}


def test_a_debaters_chair_is_the_planned_persons() -> None:
    seats = (("A", PERSON), ("B", participant_id(BOB)))
    one = Match(question(0), debate(), (("A", 0), ("B", 1)), seats)
    with stage(None, [one], agents=(ALICE, BOB)) as store:
        (ada,) = people(store, 1)
        planned(store, seats=("A",))
        (row,) = worklist.queue(store, ada)
        assert (row.seat, row.state) == ("A", "to do")
        found = worklist.next_up(store, ada)
        assert found is not None and (found.seat, found.kind) == ("A", "debating")
        assert worklist.next_unjudged(store, ada) is None  # there is nothing to judge


@pytest.mark.parametrize("judged", [0, 1, 2])
def test_whose_turn_it_is_agrees_with_the_chair(judged: int) -> None:
    protocols = [ASKS, debate(rounds=2, stop="judge"), debate(), debate(simultaneous=False)]
    matches = [match(question(n), one, PERSON) for n, one in enumerate(protocols)]
    with stage(None, matches) as store:
        ada = identity.register(store, "Ada")
        for one in matches[:judged]:
            at = chairs.chair(store, one, ada)
            assert at is not None
            if at.slot.kind == "question":
                acts.ask(store, one, ada, "Why?")
            else:
                acts.submit(store, one, ada, "A", 0.75, "because", stop=False)
        sql = "SELECT id AS match, 'judge' AS seat, seats, protocol, played FROM matches"
        found = waiting.whose_turn(store, store.query(sql), ada)
        for one in matches:
            sits = chairs.chair(store, one, ada) is not None
            assert sits == (found[one.id, "judge"] in worklist.READY), one.protocol.name


# What it costs.


def seconds(*acts: Callable[[], object]) -> list[float]:
    """Processor time of each act: the best of some rounds, in which they take turns."""
    best = [float("inf")] * len(acts)
    for _ in range(5):
        for n, act in enumerate(acts):
            begin = time.process_time()
            act()
            best[n] = min(best[n], time.process_time() - begin)
    return best


def test_a_planned_queue_costs_what_it_is_long_and_not_what_the_store_holds() -> None:
    with desk(300, 2) as small, desk(300, 2) as large:
        keep(large, debates(5700, seed=5, name="t"), "elsewhere")
        for store in (small, large):
            planned(store)
        few, many = seconds(
            *(partial(worklist.queue, s, everybody(s)[0], "trial") for s in (small, large))
        )
        assert many < 4 * few


def test_an_open_queue_grows_no_faster_than_its_length() -> None:
    with desk(300, 1) as small, desk(3000, 1) as large:
        few, many = seconds(
            *(partial(worklist.queue, s, everybody(s)[0], "trial") for s in (small, large))
        )
        assert many < 30 * few


def test_every_table_of_the_record_is_reached_by_an_index() -> None:
    with desk(3, 1) as store:
        (ada,) = everybody(store)
        of_run = (standing.OPEN_OF_RUN, (ada, 0.0, "{}", "trial"))
        queries = [
            (standing.OWN, (ada, "trial")), of_run,
            (worklist.LENGTHS, ("[]",)), (waiting.SAID, ("[]",)), (offers.ABOUT, ("[]",)),
            (offers.OFFERS_OF_RUN, (ada, 0.0, "{}", "trial")),
            (offers.COUNT_OF_RUN, (ada, 0.0, "{}", "trial", "[]")),
        ]  # fmt: skip
        for sql, values in queries:
            plan = [r["detail"] for r in store.query(f"EXPLAIN QUERY PLAN {sql}", *values)]
            scans = [line for line in plan if line.startswith("SCAN")]
            # The names of runs, the list of a query's own arguments, and the run's own matches.
            assert all(
                line.split()[1] in ("runs", "desks", "wanted", "plan", "mine") for line in scans
            ), scans  # fmt: skip


def test_a_queue_takes_the_same_few_queries_however_long_it_is() -> None:
    made = {}
    for n in (3, 60):
        with desk(n, 1) as store:
            planned(store)
            (ada,) = everybody(store)
            said: list[str] = []
            store.conn.set_trace_callback(said.append)
            worklist.queue(store, ada, "trial")
            made[n] = len(said)
    assert made[3] == made[60] <= 8


def test_two_tabs_that_take_the_same_debate_take_it_once() -> None:
    with desk(2, 1) as store:
        (ada,) = everybody(store)
        found = worklist.next_up(store, ada)
        assert found is not None
        assert worklist.take(store, store.match(found.match), ada, time.time(), 60)
        taken = [row["match"] for row in store.query("SELECT match FROM events WHERE kind='taken'")]
        assert taken == [found.match]
