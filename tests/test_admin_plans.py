"""Settings, plans and places on the page of assignments: every act, and every refusal."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from desks import desk as made_desk
from desks import everybody
from office import built, events, key, opened, person, refused, table
from stage import match, question

from arena.desk import acts, audit, identity, planning, worklist
from arena.desk.planning import PlanRequest
from arena.desk.settings import Settings, set_settings, settings_of
from arena.store import Store
from ui.web.views import places_part, settings_form
from ui.web.views.admin_desk import RUN


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return built(tmp_path / "s.db")


# Settings.


OTHER = Settings(
    mode="timed", seconds=90, prior=False, early=False, tie=False, reason=False, confirm=False,
    undo=None, score="brier", price=0.25, survey=("sides", "human"), calibration=True,
    notes=False, instructions="Read *slowly*.", practice="gold run", gold="gold run",
    gold_share=0.25, again_share=0.125,
)  # fmt: skip
TELLS = Settings(feedback=True, survey=("key",), practice="gold run")


@pytest.mark.parametrize("wanted", [OTHER, TELLS])
def test_the_form_has_every_field_and_what_is_saved_stands(
    path: Path, monkeypatch: pytest.MonkeyPatch, wanted: Settings
) -> None:
    assert list(settings_form.MEANINGS) == [one.name for one in fields(Settings)]
    with Store(path) as store:
        store.start_run("gold run", "play", {}, {})
        sql = "INSERT INTO run_matches SELECT 'gold run', match, position, '{}' FROM run_matches"
        store.execute({f"{sql} WHERE run = ?": [("trial",)]})
    same = [one.name for one in fields(Settings)
            if getattr(OTHER, one.name) == getattr(TELLS, one.name)]  # fmt: skip
    assert same == ["practice"]  # of every other field two values are saved
    desk = opened(path, monkeypatch, "assignments", part="Settings", **{RUN: "trial"})
    kinds = {"mode": "radio", "score": "radio", "survey": "multiselect", "practice": "selectbox",
             "gold": "selectbox", "instructions": "text_area"}  # fmt: skip
    for name, value in asdict(wanted).items():
        kind = kinds.get(name, "checkbox" if isinstance(value, bool) else "number_input")
        given = list(value) if isinstance(value, tuple) else value
        element = key(desk, "toggle" if kind == "checkbox" else kind, name)
        assert element.label == settings_form.MEANINGS[name]
        if name == "undo":
            key(desk, "toggle", "limitless").set_value(value is None)
            continue
        element.set_value(float(given) if kind == "number_input" and given is not None else given)
    desk.click("Save settings")
    with Store(path) as store:
        assert settings_of(store, "trial") == wanted
    assert "The settings are saved." in desk.words() and "by Carol." in desk.words()
    assert desk.click("Save settings").words().count("Nothing has changed.") == 1
    assert events(path).count("settings") == 1


def test_feedback_is_not_saved_together_with_gold_or_repeats(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(path, monkeypatch, "assignments", part="Settings")
    key(desk, "toggle", "feedback").set_value(True)
    key(desk, "number_input", "again_share").set_value(0.2)
    desk.click("Save settings")
    said = refused(desk)
    assert said.startswith("Nothing is saved: feedback must be false where gold_share or ")
    assert "got feedback true with gold_share 0 and again_share 0.2" in said and "\n" not in said
    with Store(path) as store:
        assert settings_of(store, "trial") == Settings()


def test_settings_that_do_not_fit_or_are_not_the_latest_are_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(path, monkeypatch, "assignments", part="Settings")
    key(desk, "radio", "mode").set_value("timed")
    desk.click("Save settings")
    assert refused(desk).startswith("Nothing is saved: mode timed needs seconds")
    with Store(path) as store:
        set_settings(store, "trial", Settings(tie=False))
    desk.app.button[-1].click().run()
    assert refused(desk).startswith("Somebody has saved these settings in the meantime")
    assert key(desk, "toggle", "tie").value is False  # what stands is shown
    with Store(path) as store:
        assert settings_of(store, "trial") == Settings(tie=False)


# Plans.


def rows_of(path: Path) -> list[dict[str, Any]]:
    with Store(path) as store:
        return list(store.query("SELECT * FROM assignments WHERE made_by NOT NULL ORDER BY id"))


def test_a_plan_is_previewed_then_committed_as_it_was_shown(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(path, monkeypatch, "assignments")
    key(desk, "number_input", "k").set_value(2)
    desk.click("Preview")
    assert not rows_of(path) and "plan" not in events(path)  # nothing is written
    assert "Everything is as it was asked for." in desk.words()
    loads, places = table(desk, "With earlier plans"), table(desk, "For")
    assert loads["Person"] == ["Ada", "Bob"] and loads["Judging"] == [6, 6]
    assert loads["Options as listed"] == [3, 3] and loads["Options reversed"] == [3, 3]
    assert loads["of debate simultaneous"] == [6, 6]
    assert len(places["Person"]) == 12 and set(places["For"]) == {"judging"}
    assert "Places: 12. At the most, people's loads differ by 0," in desk.words()
    with Store(path) as store:
        people = tuple(identity.named(store, name).id for name in ("Ada", "Bob"))
        expected = planning.preview(store, PlanRequest("trial", people, 2))
    desk.click("Yes, commit")
    assert "Places that are planned now: 12." in desk.words() and "Preview" not in desk.words()
    made = {(row["holder"], row["match"], row["position"], row["listing"]) for row in rows_of(path)}
    assert made == {(row.person, row.match, row.position, json.dumps(list(row.listing or ()),
                     separators=(",", ":"))) for row in expected.rows}  # fmt: skip
    with Store(path) as store:
        carol = identity.named(store, "Carol").id
        assert {row["made_by"] for row in rows_of(path)} == {carol}
        assert [row.state for row in worklist.queue(store, people[0], "trial")] == ["to do"] * 6


def test_a_preview_of_another_store_is_refused_in_one_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(path, monkeypatch, "assignments").click("Preview")
    with Store(path) as store:
        worklist.next_up(store, identity.named(store, "Ada").id, "trial")
    desk.click("Yes, commit")
    assert refused(desk).startswith("The store has changed since this preview")
    assert not rows_of(path) and "Yes, commit" not in desk.buttons()
    desk.click("Preview")
    with Store(path) as store:  # another admin is faster
        people = (identity.named(store, "Ada").id,)
        planning.commit(store, planning.preview(store, PlanRequest("trial", people)), None)
    before = rows_of(path)
    desk.click("Yes, commit")
    assert refused(desk).startswith("Somebody has planned this run in the meantime")
    assert rows_of(path) == before


def test_what_cannot_be_done_is_said_in_words(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = opened(path, monkeypatch, "assignments")
    key(desk, "number_input", "k").set_value(3)
    key(desk, "number_input", "cap").set_value(4)
    desk.click("Preview")
    assert "Not as it was asked for" in desk.words()
    assert "instead of 3" in desk.words() and "the cap allows" in desk.words()
    key(desk, "multiselect", "people").set_value([])
    desk.click("Preview")
    assert refused(desk) == "Choose the people to plan for, each one once."
    assert "Yes, commit" not in desk.buttons()


def test_nobody_is_given_what_they_are_excluded_from(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(path, monkeypatch, "assignments")
    desk.app.selectbox(key="exclude who").set_value(person(path, "Ada").id)
    desk.app.selectbox(key="exclude what").set_value("story 1")
    desk.click("Exclude")
    desk.app.selectbox(key="exclude who").set_value(person(path, "Ada").id)
    desk.app.text_input(key="exclude id").set_value(match(question(2, "story 2")).id)
    desk.click("Exclude")
    assert table(desk, "Is not given")["Person"] == ["Ada", "Ada"]
    desk.app.text_input(key="exclude id").set_value("no such debate")
    desk.click("Exclude")
    assert refused(desk).startswith("No debate, question or story of this run")
    key(desk, "number_input", "k").set_value(2)
    desk.click("Preview").click("Yes, commit")
    ada = {row["match"] for row in rows_of(path) if row["holder"] == person(path, "Ada").id}
    kept = {match(question(n, f"story {n}")).id for n in (0, 3, 4, 5)}
    assert ada == kept and len(rows_of(path)) == 10
    again = opened(path, monkeypatch, "assignments")  # the plan's exclusions are the next one's
    assert len(table(again, "Is not given")["Person"]) == 2


# Places.


def planned(path: Path, *names: str, k: int = 1) -> None:
    with Store(path) as store:
        people = tuple(identity.named(store, name).id for name in names)
        planning.commit(store, planning.preview(store, PlanRequest("trial", people, k)), None)


def select(monkeypatch: pytest.MonkeyPatch, *rows: int) -> None:
    """Select these rows of the table of places."""
    monkeypatch.setattr(places_part, "picked", lambda key: list(rows))


def test_places_are_listed_given_on_and_taken_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(path, "Ada")
    with Store(path) as store:
        ada, bob = identity.named(store, "Ada").id, identity.named(store, "Bob").id
        first = worklist.next_up(store, ada, "trial")
        assert first is not None
    desk = opened(path, monkeypatch, "assignments", part="Places")
    shown = table(desk, "Kept for")
    assert shown["Person"] == ["Ada"] * 6 and shown["#"] == [1, 2, 3, 4, 5, 6]
    assert shown["State"] == ["in progress"] + ["to do"] * 5 and shown["Kept for"][0] == "60 min"
    select(monkeypatch, 4, 5)
    desk.again()
    desk.app.selectbox(key="give to").set_value(bob)
    desk.click("Give to them")
    assert "Places that were given to them: 2 of 2." in desk.words()
    with Store(path) as store:
        assert len(worklist.queue(store, bob, "trial")) == 2
    assert table(desk, "Kept for")["Person"] == ["Ada"] * 4 + ["Bob"] * 2
    desk.app.text_input(key="why back").set_value("on leave")
    desk.click("Yes, take back")  # rows 4 and 5 are Bob's now
    assert "Places that were taken back: 2 of 2." in desk.words()
    with Store(path) as store:
        assert not worklist.queue(store, bob, "trial")
        row = audit.log(store)[0][0]
    assert row["kind"] == "withdrawn assignment" and ["why", "on leave"] in row["details"]


def test_what_is_done_stays_with_whoever_did_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(path, "Ada")
    with Store(path) as store:
        ada = identity.named(store, "Ada").id
        found = worklist.next_up(store, ada, "trial")
        assert found is not None
        acts.submit(store, store.match(found.match), ada, "A", 0.75, "because")
    desk = opened(path, monkeypatch, "assignments", part="Places", place_state="Done")
    assert table(desk, "Kept for")["State"] == ["done"]
    select(monkeypatch, 0)
    desk.again().click("Yes, take back")
    assert refused(desk).startswith(
        "Places that were taken back: 0 of 1. This debate has been judged here"
    )
    desk = opened(path, monkeypatch, "assignments", part="Progress")
    people = table(desk, "Stepped down")
    assert (people["Person"], people["Done"], people["Left"]) == (["Ada"], [1], [5])
    assert table(desk, "Wanted")["Judgments"] == [1] and table(desk, "Wanted")["Wanted"] == [6]


def test_what_lies_idle_is_seen_first_and_taken_back_as_it_was_seen(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(path, "Ada", "Bob", k=2)
    with Store(path) as store:
        long_ago = time.time() - 10 * 86_400
        ada = identity.named(store, "Ada").id
        store.execute({"UPDATE events SET at = ? WHERE person = ?": [(long_ago, ada)],
                       "UPDATE assignments SET made_at = ?": [(long_ago,)]})  # fmt: skip
    desk = opened(path, monkeypatch, "assignments", part="Places")
    idle = table(desk, "Why")
    assert set(idle["Person"]) == {"Ada"} and idle["Last seen"][0] == "10 d ago"
    assert len(idle["Person"]) == 6
    desk.app.number_input(key="idle days").set_value(20.0)
    assert "Nothing lies idle." in desk.again().words()
    desk.app.number_input(key="idle days").set_value(3.0)
    desk.again().click("Yes, take all back")
    assert "Places that were taken back: 6 of 6." in desk.words()
    with Store(path) as store:
        assert not worklist.queue(store, ada, "trial")
        assert len(worklist.queue(store, identity.named(store, "Bob").id, "trial")) == 6


def test_many_places_are_listed_in_good_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with made_desk(600, 12, path=tmp_path / "s.db") as store:
        plan = planning.preview(store, PlanRequest("trial", everybody(store), 2))
        planning.commit(store, plan, None)
        began = time.process_time()
        found = places_part.places_of(store, "trial", time.time())
        assert len(found) == len(plan.rows) >= 600 and all(one.open for one in found)
        assert time.process_time() - began < 2
