"""A question whose answers are listed the other way round is the same to whoever judges it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stage import match, question, stage
from test_seen import looks, sits, told

from arena.batch import Batch
from arena.desk import acts, identity, planning, seen, steps, worklist
from arena.desk.chairs import PersonError
from arena.desk.settings import Settings
from arena.desk.worklist import assignment_id
from arena.questions import Item, Question
from arena.store import Store
from arena.twins import SAME, name_of, one_name, twins


def turned(one: Question) -> Question:
    return replace(one, answers=one.answers[::-1])


def keep(store: Store, *questions: Question) -> None:
    store.write(Batch(items=[Item(one) for one in questions]))


def test_twins_are_questions_that_differ_in_the_order_of_answers_alone(tmp_path: Path) -> None:
    one = Question("Which?", ("b", "a", "c"), "A story.", "s", "g")
    other = replace(one, answers=("c", "a", "b"))
    strangers = [
        replace(one, passage="Another."), replace(one, passage=None), replace(one, source="t"),
        replace(one, text="Whose?"), replace(one, answers=("b", "a", "d")),
        replace(one, answers=("b", "a")), replace(one, answers=("b", "a", "c", "c")),
    ]  # fmt: skip
    with Store(tmp_path / "s.db") as store:
        assert twins(store) == {}
        keep(store, one, *strangers)
        assert twins(store) == {}
        keep(store, other)  # it is looked for again
        both = tuple(sorted((one.id, other.id)))
        assert twins(store) == {one.id: both, other.id: both}
        assert one_name(twins(store), one.id) == one_name(twins(store), other.id) == both[0]
        assert one_name(twins(store), strangers[0].id) == strangers[0].id


def test_the_name_the_query_and_the_table_say_the_same_of_any_two_questions() -> None:
    parts = (("Q", "R"), (("x", "y"), ("y", "x"), ("x", "z")), (None, "P"), ("", "s"))
    made = [Question(*one) for one in itertools.product(*parts)]
    with Store(None) as store:
        keep(store, *made)
        known = twins(store)
        sql = f"SELECT a.id AS one, b.id AS other FROM questions AS a JOIN questions AS b ON {SAME}"
        rows = store.query(sql.format(a="a", b="b"))
        same = {(row["one"], row["other"]) for row in rows}
    named = {
        one.id: name_of(one.id, one.text, one.answers, one.passage, one.source) for one in made
    }
    assert len(set(named.values())) == 2 * 2 * 2 * 2
    for a, b in itertools.product(made, made):
        alike = named[a.id] == named[b.id]
        assert ((a.id, b.id) in same) == alike
        assert (b.id in known.get(a.id, (a.id,))) == alike
    assert all(named[one.id] == one.id for one in made if one.answers == tuple(sorted(one.answers)))


@pytest.mark.parametrize("happens", [looks, sits, told])
@pytest.mark.parametrize("once", ["story", "question", "debate"])
def test_who_has_seen_a_question_is_not_given_its_twin(happens: Any, once: Any) -> None:
    asked = question(0)
    first, second = match(asked), match(turned(asked), seed=1)
    assert first.question.id != second.question.id
    with stage(None, [first, second]) as store:
        ada, bo = (identity.register(store, name) for name in ("Ada", "Bo"))
        happens(store, first, ada)
        made = planning.preview(store, planning.PlanRequest("trial", (ada, bo), k=2, once=once))
        assert second.id not in {row.match for row in made.rows if row.person == ada}
        assert second.id not in {row.match for row in worklist.queue(store, ada)}
        assert second.id in {row.match for row in worklist.queue(store, bo)}
        with pytest.raises(PersonError, match="not in your queue"):
            worklist.begin(store, ada, assignment_id(second.id, "judge", ada))
        stepped = Settings(undo=None)
        for settings in (None, Settings(mode="whole")):
            with pytest.raises(PersonError, match="choose another"):
                acts.submit(store, second, ada, "A", 0.8, "x", settings=settings)
        shown = steps.reading(store, second, ada, stepped).view.digest
        with pytest.raises(PersonError, match="choose another"):
            steps.believe(store, second, ada, stepped, 0.5, shown)
        query = seen.SEEN.format(match="?1", person="?2")  # asked in the transaction of every act
        assert store.one(query, second.id, ada) is not None
        assert store.one(query, second.id, bo) is None


@pytest.mark.parametrize("once", ["story", "question"])
def test_a_plan_gives_nobody_a_question_and_its_twin(once: Any) -> None:
    asked = [question(n) for n in range(4)]
    made = [match(one) for one in asked] + [match(turned(one), seed=1) for one in asked]
    with stage(None, made) as store:
        people = tuple(identity.register(store, name) for name in ("Ada", "Bo", "Cy"))
        plan = planning.preview(store, planning.PlanRequest("trial", people, k=1, once=once))
        names = {one.id: tuple(sorted(one.question.answers)) for one in made}
        of = {one.id: (one.question.text, names[one.id]) for one in made}
        given = [(row.person, of[row.match]) for row in plan.rows]
        assert len(given) == len(set(given)) == 8  # each once, and to somebody else than its twin
        # Once it is judged, it is not planned for the same person later either.
        (row, *_) = (row for row in plan.rows if row.person == people[0])
        (done,) = (one for one in made if one.id == row.match)
        acts.submit(store, done, people[0], "A", 0.8, "x")
        again = planning.preview(store, planning.PlanRequest("trial", people[:1], k=2, once=once))
        assert of[done.id] not in {of[row.match] for row in again.rows}


def test_who_has_judged_a_question_is_offered_its_twin_last_and_is_told() -> None:
    asked = question(0)
    first, second = match(asked), match(turned(asked), seed=1)
    others = [match(question(n)) for n in range(1, 5)]
    with stage(None, [first, second, *others]) as store:
        ada = identity.register(store, "Ada")
        acts.submit(store, first, ada, "A", 0.8, "x")
        assert worklist.read_before(store, second, ada)
        assert not worklist.read_before(store, others[0], ada)
        queue = [row.match for row in worklist.queue(store, ada) if row.state == "to do"]
        assert queue[-1] == second.id and len(queue) == 5


def test_a_place_as_a_judge_of_a_twin_is_given_up_by_a_look() -> None:
    asked = question(0)
    first, second = match(asked), match(turned(asked), seed=1)
    with stage(None, [first, second]) as store:
        ada = identity.register(store, "Ada")
        worklist.begin(store, ada, assignment_id(second.id, "judge", ada))
        assert seen.costs(store, first, ada) == 1
        assert seen.judging(store, first, ada, 0.0)
        seen.look(store, first, ada)
        assert seen.costs(store, first, ada) == 0
