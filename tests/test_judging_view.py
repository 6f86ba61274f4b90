"""The judging page without a browser: what it offers in every state, and to whom."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest
from deskpages import Desk, kinds, open_desk, set_up, take, verdicts
from stage import ALICE, BOB, PERSON, Decides, Says, go_on, match, question, stage

from arena import leases
from arena.batch import Batch
from arena.desk import acts, drafts, identity, steps, worklist
from arena.desk.settings import Settings
from arena.match import Match, participant_id
from arena.protocols import BUILT_IN, Protocol, consultancy, debate, expert
from arena.questions import Item, Question
from arena.store import Store
from arena.text import visible

THREE = debate(rounds=3)
STEPPED = Settings(undo=3600)  # whatever else the machine does meanwhile
WHOLE = Settings(mode="whole", confirm=False, undo=None)
HOSTILE = (
    "![x](http://outside.invalid/beacon.png) <script>window.__pwn = 1</script> "
    ":green-badge[:material/verified: Verified] $\\rule{800px}{400px}$ [x](javascript:alert(1)) "
    "\u202egnorw\u202c # Heading"
)


def room(
    tmp_path: Path, settings: Settings, protocol: Protocol | None = None, **how: object
) -> Path:
    """A store with one debate, and what its study allows."""
    path = tmp_path / "s.db"
    judge = how.pop("judge", None)
    assert not how and (judge is None or isinstance(judge, str))
    stage(path, [match(question(0), protocol or THREE, judge)]).close()
    set_up(path, settings)
    return path


def answer(desk: Desk, winner: str, percent: float | None, why: str = "It was seen.") -> Desk:
    """Fill in the verdict, as clicks and keys would."""
    desk.percent, desk.text["reason"] = percent, why
    desk.choose(winner)
    return desk


# Step by step.


def test_a_step_is_shown_for_a_probability_and_hidden_again_when_it_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, STEPPED)
    desk = open_desk(path, monkeypatch, id=take(path))
    assert desk.turns() == [] and "tree" not in desk.parts()
    desk.click("Save and show next")
    assert "Say how likely you find the answers" in desk.words() and desk.turns() == []
    desk.percent = 60
    desk.click("Save and show next")
    assert "Saved. Step 1 is shown; 2 to come." in desk.words()
    assert [turn["number"] for turn in desk.turns()] == [0, 1]
    assert desk.part("probability")["initial"] == 60  # what the page still holds
    desk.percent = 70
    desk.click("Save and show next")
    assert len(desk.turns()) == 4 and len(desk.part("beliefs")["lines"][0]["points"]) == 3
    assert desk.part("beliefs")["lines"][0]["points"] == [60, 70, None]
    desk.percent = None
    desk.click("Undo")
    assert len(desk.turns()) == 2 and "Taken back." in desk.words()
    assert desk.part("probability")["initial"] == 70
    assert kinds(path).count("belief") == 2 and kinds(path)[-1] == "withdrawn"
    desk.click("Save and show next")  # as it was
    assert len(desk.turns()) == 4


def test_a_reload_and_another_tab_show_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, STEPPED)
    id = take(path)
    desk = open_desk(path, monkeypatch, id=id)
    desk.percent = 60
    desk.click("Save and show next")
    shown = desk.turns()
    again = open_desk(path, monkeypatch, id=id)
    assert again.turns() == shown and again.part("probability")["initial"] is None


def test_a_verdict_is_confirmed_recorded_and_taken_back_with_all_that_was_in_the_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    path = room(tmp_path, Settings())
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.percent = 60
    for _ in range(3):
        desk.click("Save and show next")
    assert "Save and show next" not in desk.buttons()
    answer(desk, "B", 30)
    desk.click("Submit verdict")
    assert not verdicts(path) and "B, 70 %" in desk.words()
    behind = [
        button for button in desk.app.button if button.label not in ("Yes, submit", "Back (Esc)")
    ]
    assert behind and all(button.disabled for button in behind)
    desk.click("Back (Esc)").again()
    assert not verdicts(path) and "Yes, submit" not in desk.buttons()
    desk.click("Submit verdict").click("Yes, submit").again()
    (row,) = verdicts(path)
    assert (row["choice"], json.loads(row["elicited"])) == (1, [0.3, 0.7])
    assert (row["reason"], row["mode"]) == ("It was seen.", "stepped")
    assert "Your verdict is recorded" in desk.words() and "B, 70 %" in desk.words()
    assert desk.part("countdown")["left"] == 60
    desk.percent, desk.text = None, {}
    desk.click("Undo")
    assert not verdicts(path) and desk.part("probability")["initial"] == 30
    assert "B \N{CHECK MARK}" in desk.buttons() and "A" in desk.buttons()
    with Store(path) as store:
        ada = identity.local(store, "Ada").id
        (found,) = store.query("SELECT match FROM assignments")
        assert drafts.load(store, ada, found["match"]) == {drafts.reason_at(6): "It was seen."}
    desk.click("Submit verdict").click("Yes, submit").again()
    assert len(verdicts(path)) == 1


def test_whoever_may_decides_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, Settings(confirm=False))
    desk = open_desk(path, monkeypatch, id=take(path))
    assert "Decide now" not in desk.buttons()  # nothing is read yet
    desk.percent = 60
    desk.click("Save and show next").click("Decide now")
    assert "Save and show next" not in desk.buttons()
    desk.click("Read on instead").click("Decide now")
    answer(desk, "A", 90)
    desk.click("Submit verdict")
    assert len(verdicts(path)) == 1 and len(desk.turns()) == 2


def test_where_the_study_says_so_nobody_decides_early_and_there_is_no_tie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, Settings(early=False, tie=False))
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.percent = 60
    for _ in range(3):
        assert "Decide now" not in desk.buttons()
        desk.click("Save and show next")
    assert "A" in desk.buttons() and "Tie" not in desk.buttons()


def test_the_price_of_a_step_is_shown_as_long_as_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, Settings(price=0.05))
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.percent = 50
    pays = ["if A is right", "if B is right"]
    assert [name for name, _ in desk.part("probability")["payoffs"]] == pays  # the first is free
    desk.click("Save and show next")
    names = [name for name, _ in desk.part("probability")["payoffs"]]
    assert names[:2] == pays and len(names) == 3
    desk.click("Save and show next").click("Save and show next")
    rows = dict(desk.part("probability")["payoffs"])
    assert len(rows) == 2 and rows["if A is right"][49] == pytest.approx(-1.1)  # two steps on
    assert desk.part("probability")["note"] == "The steps have cost 0.1."
    set_up(path, Settings(score="none"))
    assert desk.again().part("probability")["payoffs"] == []


# Everything at once.


def test_a_second_click_and_a_stale_tab_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    id = take(path)
    first, second = (open_desk(path, monkeypatch, id=id) for _ in range(2))
    assert len(first.turns()) == 6
    second.percent = 80  # the slider of the tab that was opened last is the one that is read
    second.text["reason"] = "x"
    first.choose("A").click("Submit verdict")
    second.choose("A")
    assert "Submit verdict" not in second.buttons()  # it shows what stands
    assert len(verdicts(path)) == 1
    assert "Your verdict is recorded" in second.words()


def test_a_stale_tab_submits_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    id = take(path)
    desk = open_desk(path, monkeypatch, id=id)
    answer(desk, "A", 80)
    with Store(path) as store:
        ada = identity.local(store, "Ada").id
        (one,) = store.query("SELECT match FROM assignments")
        acts.submit(store, store.match(one["match"]), ada, "B", 0.9, "first")
    desk.click("Submit verdict")
    assert "given before, in another window" in desk.words() and "B, 90 %" in desk.words()
    assert len(verdicts(path)) == 1


def test_a_choice_that_the_probability_belies_is_pointed_out_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "A", 30)
    assert [one.value for one in desk.app.warning] == ["You chose A, and find B likelier."]
    desk.click("Submit verdict")
    assert not verdicts(path) and "needs the highest probability" in desk.words()
    answer(desk, "Tie", 30)
    assert "a tie is 50 %" in desk.words()
    answer(desk, "A", 70)
    assert not desk.app.warning


@pytest.mark.parametrize(
    ("winner", "percent", "why", "line"),
    [
        ("", 70, "x", "Choose one of the answers, or Tie."),
        ("A", None, "x", "Say how sure you are"),
        ("A", 70, " ", "Give a reason"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    winner: str,
    percent: float,
    why: str,
    line: str,
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.percent, desk.text["reason"] = percent, why
    if winner:
        desk.choose(winner)
    desk.click("Submit verdict")
    assert len(desk.app.error) == 1 and line in desk.app.error[0].value
    assert not verdicts(path) and not desk.app.warning


def test_a_tie_needs_no_probability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "Tie", None).click("Submit verdict")
    (row,) = verdicts(path)
    assert (row["choice"], row["status"], json.loads(row["elicited"])) == (None, "tie", [0.5, 0.5])


def test_after_the_time_for_it_nothing_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    path = room(tmp_path, Settings(mode="whole", confirm=False, undo=30))
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "A", 80).click("Submit verdict")
    monkeypatch.setattr(time, "time", lambda: now + 31)
    (button,) = (one for one in desk.app.button if one.label == "Undo")
    button.click().run()  # from the page that was drawn before
    assert "they are over" in desk.words() and len(verdicts(path)) == 1
    assert "Undo" not in desk.buttons() and "It can no longer be taken back." in desk.words()


def test_when_the_time_to_read_is_over_the_debate_is_hidden_and_a_late_verdict_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    path = room(tmp_path, Settings(mode="timed", seconds=60, confirm=False))
    desk = open_desk(path, monkeypatch, id=take(path))
    assert desk.part("clock")["left"] == 60 and len(desk.turns()) == 6
    monkeypatch.setattr(time, "time", lambda: now + 61)
    desk.again()
    assert "The time to read is over" in desk.words()
    assert not {"reader", "quotes", "tree"} & set(desk.parts())
    assert b"Twelve crates" not in b"".join(desk.sent())
    monkeypatch.setattr(time, "time", lambda: now + 90)
    answer(desk, "A", 80).click("Submit verdict")
    with Store(path) as store:
        row = store.one("SELECT value FROM events WHERE kind = 'verdict'")
    assert row is not None and json.loads(row["value"])["late"] is True
    assert len(desk.turns()) == 6  # the verdict is in, and the debate can be read again


def test_more_than_two_answers_have_a_probability_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    asked = Question("Who?", ("one", "two", "three"), "text", "test")
    one = Match(asked, expert())
    with Store(path) as store:
        store.start_run("trial", "play", {}, {})
        store.write(Batch(items=[Item(asked, 0)], protocols=[one.protocol], matches=[one],
                          played=[one.id], run_matches=[("trial", 0, one.id, {})]))  # fmt: skip
    set_up(path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.text["reason"] = "x"
    assert desk.part("percents")["initial"] == {"A": None, "B": None, "C": None}
    desk.choose("A").click("Submit verdict")
    assert not verdicts(path) and "give each one its own probability" in desk.words()
    desk.percents = {"A": 60, "B": None, "C": None}
    desk.click("Submit verdict")
    assert not verdicts(path) and "together they make 100 %" in desk.words()
    desk.percents = {"A": 60, "B": 30, "C": None}
    desk.click("Submit verdict")
    (row,) = verdicts(path)
    assert json.loads(row["elicited"]) == pytest.approx([0.6, 0.3, 0.1])
    desk.percents = None
    desk.click("Undo")
    assert desk.part("percents")["initial"] == {"A": 60, "B": 30, "C": 10}


def test_an_answer_on_trial_is_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = room(tmp_path, WHOLE, BUILT_IN["critique"])
    desk = open_desk(path, monkeypatch, id=take(path))
    assert "Is the answer right?" in desk.words()
    assert desk.part("probability")["label"] == "How likely is it that the answer is right? In %"
    answer(desk, "A", 80).click("Submit verdict")
    assert verdicts(path)[0]["choice"] == 0


# Who is asked, and who is not.


def test_another_judges_place_is_one_line_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, STEPPED)
    id = take(path, "Bob")
    for address in (id, "g" + "0" * 32, "x", "é\u202e"):
        desk = open_desk(path, monkeypatch, id=address)
        assert desk.words() == "This debate is not in your queue. Choose one there."
        assert desk.buttons() == ["Continue with the next", "Queue"] and desk.parts() == []
    assert kinds(path).count("shown") == 0


def test_a_click_on_a_page_whose_place_has_become_anothers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, STEPPED)
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.percent = 60
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE assignments SET closed = 'withdrawn'")
    desk.click("Save and show next")
    assert "not in your queue" in desk.words() and "belief" not in kinds(path)


def test_who_signs_out_meanwhile_records_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "A", 80)
    monkeypatch.setattr("ui.web.who.current", lambda store, args: None)
    desk.click("Submit verdict")
    assert not verdicts(path) and desk.parts() == ["way"]


def test_who_steps_down_gives_a_reason_and_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, STEPPED)
    id = take(path)
    desk = open_desk(path, monkeypatch, id=id)
    desk.click("Step down")
    (button,) = (one for one in desk.app.button if one.key == "yes")
    button.click().run()
    assert "A reason is empty" in desk.words() and "recused" not in kinds(path)
    desk.text["problem"] = "I wrote the question."
    (button,) = (one for one in desk.app.button if one.key == "yes")
    button.click().run()
    assert kinds(path)[-1] == "recused"
    desk = open_desk(path, monkeypatch, id=id)
    assert desk.words() == "You have stepped down from this debate." and desk.parts() == []


def test_a_skipped_debate_makes_room_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(n)) for n in range(2)]).close()
    id = take(path)
    desk = open_desk(path, monkeypatch, id=id)
    asked = desk.part("reader")["question"]
    desk.click("Skip").click("Yes, skip").again()
    assert desk.part("reader")["question"] != asked
    with Store(path) as store:
        row = store.one("SELECT value FROM events WHERE kind = 'skipped'")
    assert row is not None and json.loads(row["value"]) == {"reason": "Not now"}


def test_a_problem_is_reported_with_its_turn_and_the_page_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.click("Next").click("Report")
    (where,) = desk.app.selectbox
    assert where.value == 1 and len(where.options) == 7
    where.set_value(2)
    desk.text["problem"] = "It names its model."
    desk.click("Send")
    assert "Reported. Thank you." in desk.words() and len(desk.turns()) == 6
    with Store(path) as store:
        row = store.one("SELECT value FROM events WHERE kind = 'reported'")
    assert row is not None and json.loads(row["value"])["number"] == 2


def test_a_run_that_is_done_leads_back_to_a_queue_with_nothing_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "A", 80).click("Submit verdict").click("Continue with the next").again()
    assert "Nothing left to judge" in desk.words()


def test_the_selected_turn_moves_and_stays_within_the_debate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    assert desk.part("select")["selected"] == 0
    for _ in range(5):
        desk.click("Next")
    assert desk.part("select")["selected"] == 5
    (button,) = (one for one in desk.app.button if one.label == "Next")
    assert button.disabled
    assert desk.click("Previous").part("select")["selected"] == 4
    nodes = desk.part("tree")["nodes"]
    assert [node["unread"] for node in nodes] == [False] * 6


def test_all_quotations_can_be_read_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.click("All quotes")
    assert "reader" not in desk.parts() and desk.part("quotes")["entries"]
    desk.click("Side by side")
    assert desk.part("reader")["layout"] == "columns" and "quotes" not in desk.parts()
    desk.click("Transcript")
    assert desk.part("reader")["layout"] == "rows"


def test_the_key_of_the_ways_to_read_is_on_the_one_that_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    for way in ("All quotes", "Side by side", "Transcript", "All quotes"):
        keyed = {one.label for one in desk.app.button if one.proto.shortcut == "t"}
        assert keyed == {way}
        desk.click(way)


def test_one_who_speaks_alone_stands_beside_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    alone = Match(
        question(0), consultancy(), (("A", 0),), (("A", participant_id(ALICE)),)
    )  # fmt: skip
    stage(path, [alone], agents=(ALICE,)).close()
    set_up(path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    assert "All quotes" in desk.buttons() and "Side by side" not in desk.buttons()
    desk.click("All quotes").click("Transcript")
    assert {turn["column"] for turn in desk.turns()} == {0}


def test_columns_are_in_the_order_of_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    assert [turn["column"] for turn in desk.turns()] == [0, 1] * 3
    assert desk.part("reader")["columns"] == 2


def test_an_address_may_name_the_turn_to_begin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, STEPPED)
    id = take(path)
    desk = open_desk(path, monkeypatch, id=id)
    desk.percent = 60
    desk.click("Save and show next").click("Save and show next")
    for given, found in (("1", 1), ("3", 3), ("4", 2), ("-1", 2), ("x", 2), ("1" * 99, 2)):
        again = open_desk(path, monkeypatch, id=id, turn=given)
        assert again.part("select") == {"selected": found, "address": True}, given
    again = open_desk(path, monkeypatch, id=id, turn="1")
    again.percent = 60
    again.click("Save and show next")  # what the address said before is not what is new
    assert again.part("select")["selected"] == 4


def test_highlights_go_to_the_browser_as_positions_and_only_where_notes_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    id = take(path)
    with Store(path) as store:
        ada = identity.local(store, "Ada").id
        (found,) = store.query("SELECT match FROM assignments")
        drafts.save(store, ada, found["match"], "highlights", "[[2,0,5],[99,0,5]]")
    desk = open_desk(path, monkeypatch, id=id)
    assert desk.part("highlights")["text"] == "[[2,0,5],[99,0,5]]"
    assert desk.part("highlights")["assignment"] == desk.part("reader")["place"] == id
    set_up(path, Settings(mode="whole", notes=False))
    desk = open_desk(path, monkeypatch, id=id)
    assert "highlights" not in desk.parts() and desk.part("reader")["place"] is None


def test_what_is_written_at_a_step_is_that_steps_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, STEPPED)
    id = take(path)
    desk = open_desk(path, monkeypatch, id=id)

    def box() -> tuple[str, str]:
        drawn = desk.part("draft", "reason")
        return drawn["field"], drawn["initial"]

    def write(turns: int, text: str) -> None:
        with Store(path) as store:
            ada = identity.local(store, "Ada").id
            (found,) = store.query("SELECT match FROM assignments")
            drafts.save(store, ada, found["match"], drafts.reason_at(turns), text)

    desk.percent = 60
    write(0, "before")
    assert desk.again() and box() == ("reason 0", "before")
    desk.click("Save and show next")
    assert box() == ("reason 2", "")
    write(2, "not said yet")
    desk.click("Undo")
    assert box() == ("reason 0", "before")
    desk.click("Save and show next")
    assert box() == ("reason 2", "not said yet")


# Debates in which the judge takes part.


def test_a_question_is_asked_waited_for_and_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, Settings(confirm=False), BUILT_IN["debate with questions"], judge=PERSON)
    id = take(path)
    desk = open_desk(path, monkeypatch, id=id)
    assert desk.part("draft", "question")["limit"] == 1500
    desk.text["question"] = "x" * 1501
    desk.click("Ask")
    assert "up to 1500 characters; yours has 1501" in desk.words()
    desk.text["question"] = "Where was the mill?"
    desk.click("Ask")
    assert "The debaters are to answer, 0:0" in desk.words().replace("**", "")
    assert "You can leave: your place is kept" in desk.words() and "Ask" not in desk.buttons()
    desk = open_desk(path, monkeypatch, id=id)  # left, and came back
    assert "are to answer" in desk.words()
    with Store(path) as store:
        (row,) = store.query("SELECT match FROM assignments")
        one = store.match(row["match"])
        go_on(store, one)
    desk.again()
    assert [turn["who"] for turn in desk.turns()][2:] == ["Judge", *(
        turn["who"] for turn in desk.turns()[:2])]  # fmt: skip
    answer(desk, "A", 70).click("Submit verdict")
    assert verdicts(path)[0]["mode"] == "live"


def test_an_empty_question_is_asked_at_the_second_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, Settings(), BUILT_IN["debate with questions"], judge=PERSON)
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.click("Ask")
    assert "Press Q once more" in desk.words() and "question" not in kinds(path)
    desk.click("Ask")
    assert "question" in kinds(path)


def test_a_belief_lets_the_debate_go_on_or_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, Settings(confirm=False), debate(rounds=3, stop="judge"), judge=PERSON)
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "A", 60).click("Note this and hear more")
    assert "are to answer" in desk.words()
    with Store(path) as store:
        (row,) = store.query("SELECT match FROM assignments")
        go_on(store, store.match(row["match"]))
    desk.again()
    answer(desk, "A", 90).click("Decide and end the debate")
    assert len(verdicts(path)) == 1 and "Your verdict is recorded" in desk.words()


def test_what_failed_is_tried_again_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, Settings(), BUILT_IN["debate with questions"], judge=PERSON)
    desk = open_desk(path, monkeypatch, id=take(path))
    desk.text["question"] = "Why?"
    desk.click("Ask")
    with Store(path) as store:
        (one,) = (due for c in leases.claimed(store) if (due := leases.due(store, c)) is not None)
        leases.failed(store, one, "no such host: secret.invalid", passing=False)
    desk.again()
    assert "The other side could not answer." in desk.words() and "secret" not in desk.words()
    desk.click("Retry")
    assert kinds(path)[-1] == "retry" and "are to answer" in desk.again().words()


# After the verdict.


def test_the_answer_is_told_once_the_verdict_stands_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, Settings(mode="whole", confirm=False, feedback=True, undo=None))
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "B", 20).click("Submit verdict")
    assert "right answer" not in desk.words()
    desk.click("It stands: show me the answer")
    assert "The right answer is **A**; you chose another." in desk.words()
    assert "You gave it 20 %." in desk.words() and "Undo" not in desk.buttons()


def test_without_feedback_nothing_says_which_answer_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, Settings(mode="whole", confirm=False, undo=0))
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "B", 20).click("Submit verdict").again()
    told = ("The right answer", "is right, as you said", "is not known", "You gave it")
    assert not [line for line in told if line in desk.words()] and "feedback" not in kinds(path)


def test_the_survey_is_answered_by_choice_and_can_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(mode="whole", confirm=False, survey=("sides", "human"))
    path = room(tmp_path, settings)
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "B", 20).click("Submit verdict")
    desk.click("Save answers")
    assert "How convincing was debater A?" in desk.app.error[0].value
    for group in desk.app.get("button_group")[-2:]:
        group.set_value("4")
    for radio in desk.app.radio:
        radio.set_value("person")
    desk.click("Save answers")
    assert "Your answers are kept." in desk.words() and "Change answers" in desk.buttons()
    with Store(path) as store:
        row = store.one("SELECT value FROM events WHERE kind = 'survey'")
    assert row is not None
    kept = json.loads(row["value"])["answers"]
    assert kept["convincing_A"] == 4 and kept["human_B"] == "person"


# What reaches the browser.


@pytest.mark.parametrize("mode", ["stepped", "whole"])
def test_the_page_does_not_depend_on_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Byte for byte, in every state up to the verdict, and after it where nothing is told."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    pages = []
    for truth in (0, 1):
        path = tmp_path / f"{truth}.db"
        stage(path, [match(question(0))], truth).close()
        set_up(path, Settings(mode=mode, confirm=False))  # type: ignore[arg-type]
        desk = open_desk(path, monkeypatch, id=take(path))
        states = [desk.sent()]
        desk.percent = 60
        for _ in range(2 if mode == "stepped" else 0):
            states.append(desk.click("Save and show next").sent())
        states.append(answer(desk, "A", 70).sent())
        states.append(desk.click("Submit verdict").sent())
        pages.append(states)
    assert pages[0] == pages[1] and all(len(state) > 10 for state in pages[0])


def test_what_a_judge_may_not_know_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    one = match(question(0), debate(stop="judge"), participant_id(Decides()))
    with stage(path, [one]) as store:
        bob = identity.local(store, "Bob").id
        acts.submit(store, one, bob, "A", 0.8125, "CANARY-OTHER")
        ids = {one.id, *(turn.id for turn in store.turns(one.id)), *dict(one.seats).values(), bob}
    desk = open_desk(path, monkeypatch, id=take(path))
    canaries = [b"CANARY", b"0.8125", b"81.25", b"0.875", *(id.encode() for id in ids)]
    wires = [b"".join(desk.sent())]
    desk.percent = 60
    wires.append(b"".join(desk.click("Save and show next").sent()))
    assert b"Twelve crates were loaded" in wires[1] and b"He is wrong" not in wires[1]
    wires.append(b"".join(desk.click("Save and show next").sent()))
    assert b"He is wrong" in wires[2]
    wires.append(b"".join(desk.click("All quotes").sent()))
    wires.append(b"".join(desk.click("Help").sent()))
    for wire in wires:
        assert not [canary for canary in canaries if canary in wire]


def test_nothing_that_somebody_wrote_is_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elements that parse Markdown or HTML, and labels, hold the page's own words alone."""
    path = tmp_path / "s.db"
    name = "![n](http://outside.invalid/n.png)"
    hostile = Question(HOSTILE, (HOSTILE, "no " + HOSTILE), HOSTILE, "test")
    agents = (Says("h", (HOSTILE,)), BOB)
    stage(path, [match(hostile, agents=agents)], agents=agents, name=name).close()
    set_up(path, Settings(instructions=HOSTILE, survey=("sides",)), name)
    desk = open_desk(path, monkeypatch, person=name, run=name)
    pages = [desk]

    def check() -> None:
        app = desk.app
        shown = (*app.markdown, *app.caption, *app.error, *app.warning, *app.subheader, *app.info)
        labels = (*app.button, *app.text_area, *app.radio, *app.selectbox, *app.expander)
        assert not [one.value for one in shown if "outside.invalid" in str(one.value)]
        assert not [one.label for one in labels if "outside.invalid" in str(one.label)]
        bodies = [one.proto.body for one in app.get("html")]
        assert bodies and not [body for body in bodies if "outside" in body]

    check()
    assert visible(HOSTILE) in [one.value for one in desk.app.text]  # the instructions
    desk.click("Continue")
    check()
    desk.percent, desk.text["reason"] = 60, HOSTILE
    desk.click("Save and show next").click("Save and show next")
    assert visible(HOSTILE) in desk.part("reader")["question"]
    check()
    desk.click("Help")
    check()
    desk.click("Back (Esc)").again().choose("A").click("Submit verdict")
    check()
    desk.click("Yes, submit").again()
    check()
    assert visible(HOSTILE) in [one.value for one in desk.app.text]  # one's own reason
    assert pages


# The store.


def test_a_store_that_cannot_be_written_loses_nothing_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = room(tmp_path, WHOLE)
    desk = open_desk(path, monkeypatch, id=take(path))
    answer(desk, "A", 80)
    monkeypatch.setattr("arena.store.TIMEOUT", 0.1, raising=False)
    real = Store.execute

    def locked(self: Store, *args: object, **named: object) -> object:
        from arena.store import StoreError

        raise StoreError("database is locked")

    monkeypatch.setattr(Store, "execute", locked)
    desk.click("Submit verdict")
    assert "nothing is recorded yet. Try again." in desk.words()
    monkeypatch.setattr(Store, "execute", real)
    desk.click("Submit verdict")
    assert len(verdicts(path)) == 1


def test_places_of_steps_and_leases_are_the_stores_not_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another tab has done is what the next run shows."""
    path = room(tmp_path, STEPPED)
    id = take(path)
    desk = open_desk(path, monkeypatch, id=id)
    with Store(path) as store:
        ada = identity.local(store, "Ada").id
        place = worklist.assignment(store, id)
        assert place is not None
        one = store.match(place.match)
        state = steps.reading(store, one, ada, Settings())
        steps.believe(store, one, ada, Settings(), 0.6, state.view.digest)
    desk.percent = 99
    desk.click("Save and show next")  # about what is no longer the state
    assert kinds(path).count("belief") == 1 and len(desk.turns()) == 2
