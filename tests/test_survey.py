"""What a judge is asked after the verdict."""

import json
from typing import Any

import pytest
from stage import match, question, stage

from arena.desk import acts, identity, survey
from arena.desk.chairs import PersonError
from arena.desk.settings import Settings
from arena.store import Store

ALL = Settings(mode="whole", survey=("sides", "key", "human"), feedback=True)
GIVEN = {"convincing_A": 4, "convincing_B": "2", "key": "right", "human_A": "machine",
         "human_B": "unknown", "comment": " Fine. "}  # fmt: skip
KEPT = {"convincing_A": 4, "convincing_B": 2, "key": "right", "human_A": "machine",
        "human_B": "unknown", "comment": "Fine."}  # fmt: skip


def events(store: Store) -> list[dict[str, Any]]:
    return list(store.query("SELECT * FROM events WHERE kind = 'survey' ORDER BY id"))


def test_a_study_asks_what_it_names() -> None:
    one = match(question(0))

    def names(*asked: Any, feedback: bool = True) -> list[str]:
        found = Settings(survey=asked, feedback=feedback)
        return [item.name for item in survey.questions(found, one)]

    assert names() == []
    assert names("sides") == ["convincing_A", "convincing_B", "comment"]
    assert names("human") == ["human_A", "human_B", "comment"]
    assert names("key") == ["key", "comment"]
    with pytest.raises(ValueError, match="needs feedback"):  # nobody is told the key
        names("key", feedback=False)
    sides = survey.questions(ALL, one)[0]
    assert [name for name, _ in sides.choices] == ["1", "2", "3", "4", "5"]
    assert sides.text == "How convincing was debater A?"


def test_answers_come_after_the_verdict_and_are_one_event() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        with pytest.raises(PersonError, match="after the verdict"):
            survey.answer(store, one, ada, ALL, GIVEN)
        turn = acts.submit(store, one, ada, "A", 0.9, "x", settings=ALL)
        assert survey.answers_of(store, one, ada) is None
        assert survey.answer(store, one, ada, ALL, GIVEN) == KEPT
        assert survey.answer(store, one, ada, ALL, GIVEN) == KEPT  # a double click
        (row,) = events(store)
        assert (row["turn"], row["person"], row["number"]) == (turn.id, ada, 2)
        assert json.loads(row["value"]) == {"answers": KEPT}
        survey.answer(store, one, ada, ALL, {**GIVEN, "key": "open"})
        survey.answer(store, one, ada, ALL, GIVEN)
        assert len(events(store)) == 3
        assert survey.answers_of(store, one, ada) == KEPT
        assert survey.answers_of(store, one, bo) is None
        acts.withdraw(store, one, ada)
        with pytest.raises(PersonError, match="after the verdict"):
            survey.answer(store, one, ada, ALL, GIVEN)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"convincing_A": None}, "How convincing was debater A"),
        ({"convincing_A": 0}, "How convincing"),
        ({"convincing_A": 6}, "How convincing"),
        ({"convincing_A": 2.5}, "How convincing"),
        ({"key": "<b>right</b>"}, "Is the answer key right"),
        ({"human_B": "A person"}, "Who do you think debater B was"),
        ({"comment": "x" * 2001}, "up to 2000 characters; yours has 2001"),
        ({"more": "x"}, "reload"),
    ],
)
def test_odd_answers_are_refused_and_nothing_is_kept(change: dict[str, Any], said: str) -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        acts.submit(store, one, ada, "A", 0.9, "x", settings=ALL)
        with pytest.raises(PersonError, match=said) as caught:
            survey.answer(store, one, ada, ALL, {**GIVEN, **change})
        assert "<b>" not in str(caught.value) and not events(store)
        with pytest.raises(PersonError, match="asks nothing"):
            survey.answer(store, one, ada, Settings(), {})
