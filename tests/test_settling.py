"""A verdict from the chair that can be taken back: nobody else reads a debate that may go on."""

from __future__ import annotations

import time
from typing import Any

import pytest
from stage import BOB, Decides, go_on, match, question, stage

from arena import leases
from arena.batch import Batch
from arena.desk import acts, chairs, identity, planning, settling, worklist
from arena.desk.chairs import PersonError
from arena.desk.settings import Settings
from arena.desk.worklist import assignment_id
from arena.flow import batch
from arena.match import PERSON, Match, participant_id
from arena.protocols import debate
from arena.runner import Planned, execute
from arena.store import Store

UNTIL = debate(rounds=4, stop="judge")
MINUTE = Settings(mode="whole", undo=60)


def judged(store: Store, one: Match, settings: Settings | None = MINUTE) -> str:
    """Ada ends the debate from the chair, after one round of four."""
    ada = identity.register(store, "Ada")
    assert worklist.next_unjudged(store, ada) == one
    turn = acts.submit(store, one, ada, "A", 0.9, "enough", settings=settings)
    assert turn.kind == "verdict" and turn.verdict.mode == "live"
    assert store.one("SELECT played FROM matches WHERE id = ?", one.id) == {"played": 1}
    return ada


@pytest.fixture
def one() -> Match:
    return match(question(0), UNTIL, PERSON)


@pytest.mark.parametrize("planned", [False, True])
def test_nobody_else_is_offered_a_debate_that_may_go_on(
    one: Match, planned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage(None, [one]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        if planned:
            plan = planning.preview(store, planning.PlanRequest("trial", (ada, bo), k=2))
            planning.commit(store, plan, None)
        judged(store, one)
        assert worklist.next_unjudged(store, bo) is None
        rows = worklist.queue(store, bo)
        assert [row.state for row in rows] == (["waiting on the judge"] if planned else [])
        place = assignment_id(one.id, "judge", bo)
        if planned:
            found = worklist.assignment(store, place)
            assert found is not None and found.state == "waiting on the judge"
        assert chairs.chair(store, one, bo) is None
        with pytest.raises(PersonError, match="not waiting for your verdict"):
            acts.submit(store, one, bo, "A", 0.8, "x")
        # It does go on: what would have been read was shorter.
        assert acts.withdraw(store, one, ada, settings=MINUTE) is not None
        acts.submit(store, one, ada, "A", 0.6, "so far", stop=False, settings=MINUTE)
        go_on(store, one)
        acts.submit(store, one, ada, "A", 0.9, "now", settings=MINUTE)
        assert worklist.next_unjudged(store, bo) is None
        later = time.time() + 61
        monkeypatch.setattr(time, "time", lambda: later)
        assert worklist.next_unjudged(store, bo) == one
        turn = acts.submit(store, one, bo, "A", 0.8, "x")
        (tip, *_) = [t.id for t in reversed(store.transcript(one)) if not t.is_leaf]
        assert turn.parent == tip and len([t for t in store.transcript(one) if t.seat == "A"]) == 2
        with pytest.raises(PersonError, match="they are over"):
            acts.withdraw(store, one, ada, settings=MINUTE)


def test_without_a_time_for_undoing_nobody_waits(one: Match) -> None:
    with stage(None, [one]) as store:
        bo = identity.register(store, "Bo")
        judged(store, one, Settings(mode="whole", undo=0))
        assert worklist.next_unjudged(store, bo) == one


def test_without_a_limit_others_wait_for_an_hour_and_then_the_verdict_stands(
    one: Match, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = Settings(mode="whole", undo=None)
    with stage(None, [one]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        began = time.time()
        judged(store, one, endless)
        monkeypatch.setattr(time, "time", lambda: began + settling.LONGEST - 1)
        assert worklist.next_unjudged(store, bo) is None
        monkeypatch.setattr(time, "time", lambda: began + settling.LONGEST + 60)
        assert worklist.next_unjudged(store, bo) == one
        assert acts.verdict_by(store, one, ada) is not None
        acts.submit(store, one, bo, "B", 0.7, "x")
        with pytest.raises(PersonError, match="Somebody else has judged this debate: your verdict"):
            acts.withdraw(store, one, ada, settings=endless)
        assert acts.verdict_by(store, one, ada) is not None
        assert store.one("SELECT played FROM matches WHERE id = ?", one.id) == {"played": 1}
        # A reader's verdict is about the same debate whoever else has read it.
        assert acts.withdraw(store, one, bo, settings=endless) is not None


def test_a_verdict_that_comes_between_the_look_and_the_undoing_stops_it(
    one: Match, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_people import between

    with stage(None, [one]) as store:
        ada = judged(store, one, Settings(mode="whole", undo=0))
        bo = identity.register(store, "Bo")
        between(monkeypatch, lambda: acts.submit(store, one, bo, "B", 0.7, "x"))
        with pytest.raises(PersonError, match="Somebody else has judged"):
            acts.withdraw(store, one, ada, settings=Settings(undo=None))
        assert not list(store.query("SELECT 1 FROM events WHERE kind = 'withdrawn'"))


def test_machines_read_it_when_it_is_over(one: Match, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Decides("reader")
    who = participant_id(reader)
    with stage(None, [one]) as store:
        store.write(Batch(participants={who: reader.record}))
        labels = f'{{"judges":["{who}"]}}'
        store.execute({"UPDATE run_matches SET labels = ?": [(labels,)]})
        ada = judged(store, one)
        (claim,) = leases.claimed(store)
        now = time.time()
        found = leases.due(store, claim)
        assert found is not None and now < found.opens <= now + 60

        def read() -> Any:
            return execute(store, [Planned(one, judges=(who,))], {}, {who: reader},
                           batch(lambda requests: []))  # fmt: skip

        assert read().waiting == [(one.id, "judge")]
        assert not list(store.query("SELECT 1 FROM verdicts WHERE author = ?", who))
        monkeypatch.setattr(time, "time", lambda: now + 62)
        assert not read().waiting
        (row,) = store.query("SELECT parent FROM verdicts WHERE author = ?", who)
        assert row["parent"] == acts.verdict_by(store, one, ada).parent  # type: ignore[union-attr]
        assert leases.due(store, claim) is None


def test_a_worker_waits_as_long(one: Match, tmp_path: Any) -> None:
    from test_fork import known

    from ui.work import Worker

    with stage(tmp_path / "s.db", [one]) as store:
        known(store, BOB)
        labels = '{"judges":["nobody"]}'
        store.execute({"UPDATE run_matches SET labels = ?": [(labels,)]})
        judged(store, one)
    with Worker(tmp_path / "s.db") as worker:
        assert worker.step() == 0 and not worker.summary.failed
    with Store(tmp_path / "s.db") as store:
        store.execute({"UPDATE events SET value = json_set(value, '$.settles', 1) "
                       "WHERE kind = 'verdict'": [()]})  # fmt: skip
    with Worker(tmp_path / "s.db") as worker:
        assert worker.step() == 1 and worker.summary.failed  # nobody is known by that id
