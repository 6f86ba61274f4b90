"""Whoever has seen what judges must not see does not judge: in plans, in the queue, at any act."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desks import debates, desk, everybody, keep, people
from stage import go_on, match, question, stage
from test_people import between

from arena.desk import acts, identity, planning, record, seen, steps, upkeep, worklist
from arena.desk.chairs import PersonError
from arena.desk.settings import Settings, set_settings
from arena.desk.worklist import assignment_id
from arena.match import PERSON, Match
from arena.protocols import BUILT_IN, debate
from arena.store import Store

STEPPED = Settings(undo=None)


def events(store: Store, kind: str) -> list[dict[str, Any]]:
    return list(store.query("SELECT * FROM events WHERE kind = ? ORDER BY id", kind))


def looks(store: Store, one: Match, person: str) -> None:
    """Opens the debate as a researcher, and switches the truth on."""
    seen.look(store, one, person, truth=True)


def sits(store: Store, one: Match, person: str) -> None:
    """Takes a debater's chair: the passage is read there before anything is said."""
    assert worklist.take(store, one, person, time.time(), 60.0, "A")


def told(store: Store, one: Match, person: str) -> None:
    """Is told the answer after a verdict."""
    settings = Settings(mode="whole", feedback=True, undo=0)
    acts.submit(store, one, person, "A", 0.8, "x", now=0.0, settings=settings)
    assert record.feedback(store, one, person, settings) is not None


Happens = Callable[[Store, Match, str], None]


@pytest.mark.parametrize(
    ("happens", "group", "reason"),
    [(looks, "s", "as a researcher"), (sits, "s", "a debater's chair"), (told, None, "the answer")],
)
@pytest.mark.parametrize("once", ["story", "question", "debate"])
def test_such_a_debate_is_neither_planned_nor_offered_nor_taken(
    happens: Happens, group: str | None, reason: str, once: Any
) -> None:
    # Another debate about the same: of the same question, or of another one of the same story.
    asked = question(1, group) if group else question(0)
    first, second = match(question(0, group)), match(asked, seed=1)
    third = match(question(2, "another story"))
    with stage(None, [first, second, third]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        happens(store, first, ada)
        made = planning.preview(store, planning.PlanRequest("trial", (ada, bo), k=2, once=once))
        mine = {row.match for row in made.rows if row.person == ada}
        assert second.id not in mine and third.id in mine
        if once == "debate":  # nothing else keeps it from Bo
            assert second.id in {row.match for row in made.rows if row.person == bo}
        assert any("been told its answer" in line for line in made.violations)
        rows = {row.match: row.state for row in worklist.queue(store, ada)}
        assert second.id not in rows and third.id in rows
        assert second.id in {row.match for row in worklist.queue(store, bo)}
        with pytest.raises(PersonError, match="not in your queue"):
            worklist.begin(store, ada, assignment_id(second.id, "judge", ada))
        for settings in (None, Settings(mode="whole")):
            with pytest.raises(PersonError, match=reason) as refused:
                acts.submit(store, second, ada, "A", 0.8, "x", settings=settings)
            assert "\n" not in str(refused.value)
        shown = steps.reading(store, second, ada, STEPPED).view.digest
        with pytest.raises(PersonError, match=reason):
            steps.believe(store, second, ada, STEPPED, 0.5, shown)
        assert not store.leaves(second.id, ada)
        acts.submit(store, second, bo, "A", 0.8, "x")
        acts.submit(store, third, ada, "A", 0.8, "x")


def test_a_look_without_a_passage_bars_its_question_alone() -> None:
    with desk(6, 1, stories=1) as store:
        (ada,) = everybody(store)
        first, second, *_ = debates(6, stories=1)
        seen.look(store, first, ada)
        (event,) = events(store, "looked")
        assert '"passage":false' in event["value"] and '"truth":false' in event["value"]
        with pytest.raises(PersonError, match="as a researcher"):
            acts.submit(store, first, ada, "A", 0.8, "x")
        acts.submit(store, second, ada, "A", 0.8, "x")


def test_every_set_of_switches_is_noted_once() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        for _ in range(2):
            seen.look(store, one, ada)
            seen.look(store, one, ada, truth=True, metadata=True)
        first, second = (event["value"] for event in events(store, "looked"))
        assert '"metadata":false' in first and '"reports":false' in first
        assert '"truth":true' in second and '"metadata":true' in second


ACTS: dict[str, Callable[[Store, Match, str, str], object]] = {
    "submit": lambda store, one, ada, shown: acts.submit(store, one, ada, "A", 0.8, "x"),
    "decide": lambda store, one, ada, shown: acts.submit(
        store, one, ada, "A", 0.8, "x", settings=Settings(mode="whole")),
    "believe": lambda store, one, ada, shown: steps.believe(store, one, ada, STEPPED, 0.5, shown),
}  # fmt: skip


@pytest.mark.parametrize("act", sorted(ACTS))
@pytest.mark.parametrize("happens", [looks, sits])
def test_what_is_seen_between_the_look_and_the_write_undoes_the_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, happens: Happens
) -> None:
    one, other = match(question(0, "s")), match(question(1, "s"), seed=1)
    stage(tmp_path / "s.db", [one, other]).close()
    with Store(tmp_path / "s.db") as store, Store(tmp_path / "s.db") as forged:
        ada = identity.register(store, "Ada")
        shown = steps.reading(store, one, ada, STEPPED).view.digest
        between(monkeypatch, lambda: happens(forged, other, ada))
        with pytest.raises(PersonError, match="you cannot judge it"):
            ACTS[act](store, one, ada, shown)
        assert not events(store, "verdict") and not events(store, "belief")
        assert store.one("SELECT 1 FROM turns WHERE author = ?", ada) is None


def test_a_question_is_not_asked_by_who_has_read_the_debate() -> None:
    one = match(question(0), BUILT_IN["debate with questions"], PERSON)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        seen.look(store, one, ada)
        with pytest.raises(PersonError, match="as a researcher"):
            acts.ask(store, one, ada, "Why?")
        assert not events(store, "question")


def test_a_verdict_that_stands_is_not_taken_back_after_a_look() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        turn = acts.submit(store, one, ada, "A", 0.8, "x")
        seen.look(store, one, ada, truth=True)
        with pytest.raises(PersonError, match="as a researcher: your verdict stands"):
            acts.withdraw(store, one, ada)
        assert acts.verdict_by(store, one, ada) == turn
        assert acts.submit(store, one, ada, "B", 0.9, "y") == turn  # a stale tab changes nothing
        assert [row.state for row in worklist.queue(store, ada)] == ["done"]


def test_who_reads_as_a_researcher_steps_down_and_its_place_is_free_for_others() -> None:
    with desk(4, 2) as store:
        keep(store, debates(2, seed=1, name="g"), "other")
        ada, bo = everybody(store)
        plan = planning.preview(store, planning.PlanRequest("trial", (ada,)))
        planning.commit(store, plan, None)
        (first, *rest) = [store.match(row.match) for row in plan.rows]
        assert seen.costs(store, first, ada) == 1 and seen.costs(store, first, bo) == 0
        seen.look(store, first, ada, reports=True)
        assert seen.costs(store, first, ada) == 0
        row = store.one("SELECT closed FROM assignments WHERE match = ?", first.id)
        assert row == {"closed": "recused"}
        assert [event["match"] for event in events(store, "recused")] == [first.id]
        again = planning.preview(store, planning.PlanRequest("trial", (ada, bo)))
        assert [(row.person, row.match) for row in again.rows] == [(bo, first.id)]
        assert {row.match for row in worklist.queue(store, ada, "trial")} == {
            one.id for one in (first, *rest)
        }  # it sees that it has stepped down


def test_a_place_that_its_person_must_not_fill_is_stale_at_once() -> None:
    """However it came about: here by a plan of another desk, after the look."""
    with desk(3, 2) as store:
        ada, _ = everybody(store)
        plan = planning.preview(store, planning.PlanRequest("trial", (ada,)))
        first = store.match(plan.rows[0].match)
        planning.commit(store, plan, None)
        value = '{"passage":false}'
        store.execute({"INSERT INTO events (at, kind, match, person, value) VALUES (?,?,?,?,?)": [
            (time.time(), "looked", first.id, ada, value)]})  # fmt: skip
        (found,) = upkeep.stale(store, "trial")
        assert (found.match, found.why) == (first.id, "has seen what its judges must not")
        assert upkeep.reclaim(store, "trial", None) == [found]


def test_a_plan_that_was_looked_at_is_refused_once_somebody_has_read_a_debate() -> None:
    with desk(3, 1) as store:
        (ada,) = everybody(store)
        plan = planning.preview(store, planning.PlanRequest("trial", (ada,)))
        seen.look(store, store.match(plan.rows[0].match), ada)
        with pytest.raises(PersonError, match="has changed since"):
            planning.commit(store, plan, None)


def test_practice_is_not_given_to_who_knows_its_answer() -> None:
    with desk(2, 1) as store:
        (ada,) = everybody(store)
        (before,) = debates(1, seed=3, name="p")
        keep(store, [before], "before")
        set_settings(store, "trial", Settings(practice="before"))
        seen.look(store, before, ada)
        plan = planning.preview(store, planning.PlanRequest("trial", (ada,)))
        assert {row.kind for row in plan.rows} == {"judging"}


def test_nobody_sits_down_to_debate_what_it_is_to_judge() -> None:
    seats = debate(rounds=2)
    judged = match(question(0, "s"))
    asked = question(1, "s")
    live = Match(asked, seats, (("A", 0), ("B", 1)), (("A", PERSON), ("B", PERSON)))
    with stage(None, [judged, live]) as store:
        ada = identity.register(store, "Ada")
        assert worklist.next_unjudged(store, ada) == judged
        place = assignment_id(live.id, "A", ada)
        line = "You are to judge a debate about the same story"
        with pytest.raises(PersonError, match=line):
            worklist.may_debate(store, live, ada)
        sits(store, live, ada)  # as by a plan: then it is the judging that is refused
        assert place in {row["id"] for row in store.query("SELECT id FROM assignments")}
        with pytest.raises(PersonError, match="a debater's chair"):
            acts.submit(store, judged, ada, "A", 0.8, "x")


def test_people_of_an_imported_study_do_not_judge_what_they_debated() -> None:
    with desk(3, 0) as store:
        (ada,) = people(store, 1)
        (old, new) = debates(2, stories=1, seed=5, name="told")
        keep(store, [new], "fresh")
        keep(store, [old], "old study")
        store.execute({
            "UPDATE runs SET kind = 'import' WHERE name = 'old study'": [()],
            "UPDATE turns SET author = ? WHERE id IN (SELECT turn FROM match_turns "
            "WHERE match = ?)": [(ada, old.id)],
        })  # fmt: skip
        assert new.id not in {row.match for row in worklist.queue(store, ada)}
        with pytest.raises(PersonError, match="a debater's chair"):
            acts.submit(store, new, ada, "A", 0.8, "x")


def test_whoever_goes_on_in_a_chair_may_debate_though_it_has_looked() -> None:
    """A debater is not blind: only judging is refused."""
    one = Match(question(0), debate(rounds=1), (("A", 0), ("B", 1)), (("A", PERSON), ("B", PERSON)))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        seen.look(store, one, ada)
        acts.say(store, one, ada, "A", "It sank.")
        assert events(store, "speech") and go_on(store, one)
