"""What a person does to the store: taking, judging, skipping, withdrawing; and the empty chair."""

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desks import desk, everybody
from stage import ALICE, Decides, go_on, match, question, stage

from arena.desk import acts, chairs, identity, planning, steps, upkeep, worklist
from arena.desk.chairs import PersonError
from arena.desk.settings import Settings, set_settings
from arena.desk.standing import assignment_id
from arena.match import PERSON, Match, participant_id
from arena.play import waiting_for
from arena.protocols import Limits, consultancy, debate
from arena.questions import Question
from arena.rewards import reward_rows
from arena.store import Store

ROOT = Path(__file__).parent.parent


def events(store: Store, kind: str) -> list[dict[str, Any]]:
    return list(store.query("SELECT * FROM events WHERE kind = ? ORDER BY id", kind))


def judge_next(store: Store, person: str, **given: Any) -> Match:
    one = worklist.next_unjudged(store, person)
    assert one is not None
    acts.submit(store, one, person, given.get("winner", "A"), 0.75, "because")
    return one


# Who.


def test_a_name_is_one_person() -> None:
    with Store(None) as store:
        ada = identity.register(store, "Ada  Lovelace ")
        assert identity.register(store, "Ada Lovelace") == ada != identity.register(store, "Bo")
        assert store.participant(ada) == {"kind": "person", "name": "Ada Lovelace"}
        assert [row["name"] for row in store.query("SELECT name FROM people")] == [
            "Ada Lovelace",
            "Bo",
        ]
        for name in (" ", "x" * 81):
            with pytest.raises(PersonError, match="1 to 80"):
                identity.register(store, name)


# What there is to judge.


def test_a_person_keeps_what_it_holds_and_nobody_else_gets_it() -> None:
    with stage(None, [match(question(n)) for n in range(2)]) as store:
        ada, bo, cy = (identity.register(store, name) for name in ("Ada", "Bo", "Cy"))
        first = worklist.next_unjudged(store, ada, now=1000)
        assert first is not None
        assert worklist.next_unjudged(store, ada, now=2000) == first
        second = worklist.next_unjudged(store, bo, now=2000)
        assert second is not None and second != first
        assert worklist.next_unjudged(store, cy, now=2000) is None
        assert worklist.next_unjudged(store, cy, now=1000 + 3601) == first  # the lease ran out
        assert len(events(store, "taken")) == 3


def test_only_finished_matches_of_the_run_are_given() -> None:
    with stage(None, [match(question(0))]) as store:
        ada = identity.register(store, "Ada")
        assert worklist.next_unjudged(store, ada, run="another") is None
        assert worklist.progress(store, ada, "another") == (0, 0)
        assert worklist.next_unjudged(store, ada, run="trial") is not None
        store.conn.execute("UPDATE matches SET played = 0")
        assert worklist.next_unjudged(store, ada) is None
        assert worklist.progress(store, ada) == (0, 0)


def test_each_person_has_an_order_of_its_own() -> None:
    firsts = set()
    for name in ("Ada", "Bo", "Cy", "Di", "Ed", "Flo"):
        with stage(None, [match(question(n)) for n in range(3)]) as store:
            one = worklist.next_unjudged(store, identity.register(store, name))
            assert one is not None
            firsts.add(one.question.text)
    assert len(firsts) > 1


@pytest.mark.parametrize("name", ["Ada", "Bo", "Cy", "Di"])
def test_a_story_that_was_read_about_comes_last(name: str) -> None:
    matches = [match(question(n, group)) for n, group in enumerate(("x", "x", "y", "y"))]
    with stage(None, matches) as store:
        person = identity.register(store, name)
        seen = []
        for _ in matches:
            one = worklist.next_unjudged(store, person)
            assert one is not None
            seen.append((one.question.group, worklist.read_before(store, one, person)))
            acts.submit(store, one, person, "A", 0.75, "because")
        assert {group for group, _ in seen[:2]} == {"x", "y"}
        assert [known for _, known in seen] == [False, False, True, True]
        assert worklist.next_unjudged(store, person) is None
        assert worklist.progress(store, person, "trial") == (4, 0)
        last = json.loads(events(store, "verdict")[-1]["value"])
        assert last["before"] == 3 and last["read before"] and last["seconds"] >= 0


def test_what_was_skipped_comes_again_at_the_end() -> None:
    with stage(None, [match(question(n)) for n in range(2)]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        first = worklist.next_unjudged(store, ada)
        assert first is not None
        acts.skip(store, first, ada)
        second = worklist.next_unjudged(store, ada)
        assert second is not None and second != first
        assert worklist.next_unjudged(store, bo) == first  # nobody holds it
        acts.skip(store, first, bo)
        acts.submit(store, second, ada, "B", 0.75, "because")
        assert worklist.next_unjudged(store, ada) == first
        assert len(events(store, "skipped")) == 2


# Judging.


def test_a_verdict_is_kept_in_canonical_order_with_its_listing_and_rewards() -> None:
    orders = set()
    for name in ("Ada", "Bo", "Cy", "Di", "Ed"):
        with stage(None, [match(question(0))]) as store:
            person = identity.register(store, name)
            one = worklist.next_unjudged(store, person)
            assert one is not None
            transcript = store.transcript(one)
            seen = chairs.page_view(one, transcript, person)
            turn = acts.submit(store, one, person, "B", 0.75, " It was sold. ", now=5.0)
            verdict = turn.verdict
            orders.add(verdict.order)
            assert verdict.order == seen.order == chairs.listing(one, person)
            assert (verdict.choice, verdict.elicited) == (1, (0.25, 0.75))
            assert (verdict.reason, verdict.mode, verdict.status) == ("It was sold.", "whole", "ok")
            assert (turn.author, turn.origin, turn.at) == (person, "person", 5.0)
            assert turn.parent == transcript[-1].id and turn.seen == seen.digest
            (row,) = store.query("SELECT * FROM verdicts WHERE author = ?", person)
            assert row["id"] == turn.id and row["listing"] == json.dumps(list(seen.order)).replace(
                " ", ""
            )
            kept = {
                (r["seat"], r["rule"], r["quantity"], r["value"])
                for r in store.query("SELECT * FROM rewards WHERE turn = ?", turn.id)
            }
            rows = reward_rows(one, turn, transcript)
            assert kept == {(r.seat, r.rule, r.quantity, r.value) for r in rows} and len(kept) == 4
            (held,) = store.query("SELECT * FROM assignments")
            assert held["done"] == 1
    assert orders == {(0, 1), (1, 0)}


def test_a_tie_has_no_choice_and_equal_numbers() -> None:
    with stage(None, [match(question(0))]) as store:
        ada = identity.register(store, "Ada")
        one = match(question(0))
        verdict = acts.submit(store, one, ada, acts.TIE, None, "even").verdict
        assert (verdict.choice, verdict.elicited, verdict.status) == (None, (0.5, 0.5), "tie")


@pytest.mark.parametrize(
    ("winner", "probability", "reason", "said"),
    [
        ("", 0.9, "x", "Choose one"),
        ("C", 0.9, "x", "Choose one"),
        ("A", None, "x", "how sure"),
        ("A", 0.5, "x", "above 50"),
        ("A", 0.4, "x", "above 50"),
        ("A", 1.01, "x", "above 50"),
        ("Tie", 0.9, "x", "Undecided"),
        ("A", 0.9, "  \n", "reason"),
        ("A", (0.2, 0.8), "x", "highest"),
        ("A", (0.5, 0.5), "x", "highest"),
        ("Tie", (0.4, 0.6), "x", "make them equal"),
        ("A", (0.8, 0.8), "x", "100 %"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    winner: str, probability: Any, reason: str, said: str
) -> None:
    with stage(None, [match(question(0))]) as store:
        ada = identity.register(store, "Ada")
        with pytest.raises(PersonError, match=said):
            acts.submit(store, match(question(0)), ada, winner, probability, reason)
        assert not list(store.query("SELECT * FROM verdicts")) and not events(store, "verdict")


def test_more_than_two_answers_take_a_number_each() -> None:
    asked = Question("Which?", ("one", "two", "three"), None, "test")
    with stage(None, [match(asked)]) as store:
        ada = identity.register(store, "Ada")
        one = match(asked)
        labels = [o.label for o in chairs.page_view(one, store.transcript(one), ada).options]
        with pytest.raises(PersonError, match="each one"):
            acts.submit(store, one, ada, "C", 0.9, "x")
        numbers = [{"A": 0.3, "B": 0.1, "C": 0.6}[label] for label in labels]
        verdict = acts.submit(store, one, ada, "C", numbers, "x").verdict
        assert verdict.choice == 2 and verdict.elicited == (0.3, 0.1, 0.6)


def test_a_second_click_changes_nothing() -> None:
    with stage(None, [match(question(0))]) as store:
        ada = identity.register(store, "Ada")
        one = match(question(0))
        first = acts.submit(store, one, ada, "A", 0.9, "first")
        assert acts.submit(store, one, ada, "B", 0.6, "second") == first
        assert len(list(store.query("SELECT * FROM turns WHERE kind = 'verdict'"))) == 1


def test_clicks_at_the_same_moment_write_one_verdict(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    one = match(question(0))
    with stage(path, [one]) as store:
        ada = identity.register(store, "Ada")
    start = threading.Barrier(4)
    made: list[str] = []

    def click(n: int) -> None:
        with Store(path) as own:
            start.wait()
            made.append(acts.submit(own, one, ada, "A", 0.9, f"click {n}").id)

    threads = [threading.Thread(target=click, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(path) as store:
        assert len(made) == 4 and len(set(made)) == 1
        assert len(list(store.query("SELECT * FROM turns WHERE kind = 'verdict'"))) == 1
        assert len(events(store, "verdict")) == 1


def test_a_verdict_is_durable_before_it_is_acknowledged() -> None:
    with stage(None, [match(question(0))]) as store:
        ada = identity.register(store, "Ada")
        said: list[str] = []
        store.conn.set_trace_callback(said.append)
        acts.submit(store, match(question(0)), ada, "A", 0.9, "x")
        begin = next(i for i, line in enumerate(said) if line.startswith("BEGIN"))
        assert said[begin - 1] == "PRAGMA synchronous = FULL"
        assert sum(line.startswith(("BEGIN", "COMMIT")) for line in said) == 2


def test_a_withdrawn_verdict_is_left_out_and_can_be_given_again() -> None:
    with stage(None, [match(question(n)) for n in range(2)]) as store:
        ada = identity.register(store, "Ada")
        one = judge_next(store, ada)
        first = acts.verdict_by(store, one, ada)
        assert first is not None and acts.withdraw(store, one, ada) == first
        assert acts.withdraw(store, one, ada) is None
        assert worklist.progress(store, ada) == (0, 2)
        assert worklist.next_unjudged(store, ada) == one  # it is held again
        again = acts.submit(store, one, ada, "A", 0.75, "because")
        assert again.sample == 1 and again.id != first.id
        assert [row["id"] for row in store.query("SELECT id FROM verdicts")] == [again.id]


# An imported or finished debate that others have judged, and the empty chair.


def test_a_judged_debate_is_judged_again_without_others_beliefs() -> None:
    judge = participant_id(Decides())
    one = match(question(0), debate(rounds=2, stop="judge"), judge)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        assert worklist.next_unjudged(store, ada) == one
        transcript = store.transcript(one)
        assert {turn.kind for turn in transcript} == {"speech", "belief", "verdict"}
        seen = chairs.page_view(one, transcript, ada)
        assert {turn.kind for turn in seen.turns} == {"speech"} and seen.passage is None
        acts.submit(store, one, ada, "B", 0.9, "x")
        found = {row["author"] for row in store.query("SELECT author FROM verdicts")}
        assert found == {ada, judge}


def test_an_empty_chair_pauses_the_play_and_a_verdict_ends_it() -> None:
    one = match(question(0), debate(rounds=3, stop="judge"), PERSON)
    with stage(None, [one]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        assert waiting_for(one, store.transcript(one)) == ("judge",)
        assert worklist.progress(store, ada) == (0, 1)
        assert worklist.next_unjudged(store, ada) == one
        belief = acts.submit(store, one, ada, "B", 0.6, "so far", stop=False)
        assert (belief.kind, belief.verdict.mode, belief.place) == ("belief", "live", 1)
        assert acts.submit(store, one, ada, "B", 0.6, "again", stop=False) == belief
        assert worklist.next_unjudged(store, ada) is None  # the debaters' turn
        longer = go_on(store, one)
        assert [turn.kind for turn in longer[-2:]] == ["speech", "speech"]
        assert worklist.next_unjudged(store, bo) is None  # the chair is Ada's
        with pytest.raises(PersonError, match="somebody else"):
            acts.submit(store, one, bo, "B", 0.6, "mine")
        assert worklist.next_unjudged(store, ada) == one
        verdict = acts.submit(store, one, ada, "A", 0.9, "enough")
        assert verdict.kind == "verdict" and verdict.verdict.stop
        assert go_on(store, one)[-1] == verdict and not waiting_for(one, store.transcript(one))
        assert store.one("SELECT played FROM matches") == {"played": 1}
        assert worklist.next_unjudged(store, ada) is None
        assert worklist.next_unjudged(store, bo) == one  # who may read it now, as anybody may


def test_a_chair_that_waits_for_the_final_verdict() -> None:
    one = match(question(0), judge=PERSON)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        assert worklist.next_unjudged(store, ada) == one
        turn = acts.submit(store, one, ada, "A", 0.9, "x")
        assert (turn.kind, turn.verdict.mode, turn.verdict.stop) == ("verdict", "live", False)
        assert go_on(store, one)[-1] == turn
        assert store.one("SELECT played FROM matches") == {"played": 1}


def test_a_verdict_taken_back_from_a_chair_is_given_again_in_the_chair() -> None:
    one = match(question(0), judge=PERSON)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        first = acts.submit(store, one, ada, "A", 0.9, "x")
        go_on(store, one)
        assert acts.withdraw(store, one, ada) == first
        assert waiting_for(one, store.transcript(one)) == ("judge",)
        assert worklist.next_unjudged(store, ada) == one
        again = acts.submit(store, one, ada, "B", 0.8, "y")
        assert again.verdict.mode == "live" and again != first
        assert acts.submit(store, one, ada, "B", 0.8, "y") == again  # a double click
        assert go_on(store, one)[-1] == again and not waiting_for(one, store.transcript(one))
        assert store.one("SELECT played FROM matches") == {"played": 1}
        assert store.one("SELECT count(*) AS n FROM verdicts") == {"n": 1}


def test_a_page_that_is_out_of_date_cannot_judge_what_it_did_not_show() -> None:
    one = match(question(0), debate(rounds=3, stop="judge"), PERSON)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        at = chairs.chair(store, one, ada)
        assert at is not None
        old = chairs.page_view(one, at.transcript, ada, at).digest
        belief = acts.submit(store, one, ada, "B", 0.6, "x", stop=False, shown=old)
        assert acts.submit(store, one, ada, "B", 0.6, "x", stop=False, shown=old) == belief
        go_on(store, one)
        with pytest.raises(PersonError, match="reload"):
            acts.submit(store, one, ada, "A", 0.9, "from the old tab", shown=old)
        at = chairs.chair(store, one, ada)
        assert at is not None
        new = chairs.page_view(one, at.transcript, ada, at).digest
        assert acts.submit(store, one, ada, "A", 0.9, "x", shown=new).kind == "verdict"


# The judge's question.


ASKS = debate(rounds=3, judge_questions=True, limits=Limits(characters=1000))


def test_a_debate_that_waits_for_a_question_is_offered_and_goes_on_after_it() -> None:
    one = match(question(0), ASKS, PERSON)
    with stage(None, [one]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        assert worklist.progress(store, ada) == (0, 1)
        assert worklist.next_unjudged(store, ada) == one
        at = chairs.chair(store, one, ada)
        assert at is not None and (at.slot.kind, at.place) == ("question", 1)
        turn = acts.ask(store, one, ada, " Where was the mill? ", now=5.0)
        assert (turn.kind, turn.seat, turn.place) == ("question", "judge", 1)
        assert (turn.author, turn.origin, turn.at) == (ada, "person", 5.0)
        assert turn.speech.text == "Where was the mill?"
        assert turn.seen == chairs.page_view(one, at.transcript, ada, at).digest
        assert store.transcript(one)[-1] == turn
        assert worklist.next_unjudged(store, ada) is None  # the debaters' turn
        assert waiting_for(one, store.transcript(one)) == ("A", "B")
        longer = go_on(store, one)
        assert [t.kind for t in longer] == ["speech"] * 2 + ["question"] + ["speech"] * 2
        assert worklist.next_unjudged(store, bo) is None  # the chair is Ada's
        assert acts.ask(store, one, ada, "").speech.text == ""
        go_on(store, one)
        assert acts.submit(store, one, ada, "A", 0.9, "x").kind == "verdict"
        assert store.one("SELECT played FROM matches") == {"played": 1}
        assert [json.loads(e["value"])["before"] for e in events(store, "question")] == [0, 0]


def test_a_question_over_its_limit_is_refused_and_nothing_is_kept() -> None:
    one = match(question(0), ASKS, PERSON)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        with pytest.raises(PersonError, match="up to 1000 characters; yours has 1001"):
            acts.ask(store, one, ada, "x" * 1001)
        assert len(store.transcript(one)) == 2 and not events(store, "question")
        assert len(acts.ask(store, one, ada, "x" * 1000).speech.text) == 1000


def test_a_question_is_asked_once_however_often_it_is_clicked(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    one = match(question(0), ASKS, PERSON)
    with stage(path, [one]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
    start = threading.Barrier(4)
    made: list[str] = []

    def click(n: int) -> None:
        with Store(path) as own:
            start.wait()
            made.append(acts.ask(own, one, ada, f"click {n}").id)

    threads = [threading.Thread(target=click, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(path) as store:
        assert len(made) == 4 and len(set(made)) == 1
        assert len(events(store, "question")) == 1 and len(store.transcript(one)) == 3
        with pytest.raises(PersonError, match="not waiting for a question"):
            acts.ask(store, one, bo, "mine")


def test_a_question_is_durable_before_it_is_acknowledged() -> None:
    one = match(question(0), ASKS, PERSON)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        said: list[str] = []
        store.conn.set_trace_callback(said.append)
        acts.ask(store, one, ada, "x")
        begin = next(i for i, line in enumerate(said) if line.startswith("BEGIN"))
        assert said[begin - 1] == "PRAGMA synchronous = FULL"
        assert sum(line.startswith(("BEGIN", "COMMIT")) for line in said) == 2


def test_questions_and_verdicts_do_not_take_each_others_place() -> None:
    one = match(question(0), ASKS, PERSON)
    other = match(question(1), judge=PERSON)
    with stage(None, [one, other]) as store:
        ada = identity.register(store, "Ada")
        with pytest.raises(PersonError, match="waits for your question first"):
            acts.submit(store, one, ada, "A", 0.9, "x")
        with pytest.raises(PersonError, match="not waiting for a question"):
            acts.ask(store, other, ada, "x")
        assert not list(store.query("SELECT * FROM turns WHERE author = ?", ada))


def test_whoever_goes_on_at_once_keeps_the_match() -> None:
    both = debate(rounds=2, stop="judge", judge_questions=True)
    with stage(None, [match(question(n), both, PERSON) for n in range(4)]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        one = worklist.next_unjudged(store, ada)
        assert one is not None
        belief = acts.submit(store, one, ada, "A", 0.6, "so far", stop=False)
        assert acts.submit(store, one, ada, "A", 0.6, "so far", stop=False) == belief
        assert worklist.next_unjudged(store, ada) == one  # for its question
        assert worklist.next_unjudged(store, bo) != one
        acts.ask(store, one, ada, "Why?")
        assert worklist.next_unjudged(store, ada) != one


def test_a_consultant_can_be_asked() -> None:
    asks = consultancy(rounds=2, judge_questions=True)
    one = Match(question(0), asks, (("A", 0),), (("A", participant_id(ALICE)), ("judge", PERSON)))
    with stage(None, [one], agents=(ALICE,)) as store:
        ada = identity.register(store, "Ada")
        acts.ask(store, one, ada, "Why?")
        assert [t.kind for t in go_on(store, one, (ALICE,))] == ["speech", "question", "speech"]


# What a verdict pays, and what imports leave empty.


def test_a_verdict_that_was_taken_back_pays_nothing() -> None:
    one, other = match(question(0)), match(question(1))
    with stage(None, [one, other]) as store:
        ada = identity.register(store, "Ada")

        def paying() -> set[str]:
            return {row["turn"] for row in store.query("SELECT * FROM paid")}

        beside = acts.submit(store, other, ada, "A", 0.75, "because")
        first = acts.submit(store, one, ada, "A", 0.75, "because")
        assert paying() == {beside.id, first.id}
        acts.withdraw(store, one, ada)
        assert paying() == {beside.id}
        again = acts.submit(store, one, ada, "B", 0.75, "because")
        assert paying() == {beside.id, again.id}
        assert len(list(store.query("SELECT * FROM rewards"))) == 12  # the record keeps all
        assert len(list(store.query("SELECT * FROM paid WHERE match = ?", one.id))) == 4


def test_rooms_that_an_import_left_unfinished_are_not_offered() -> None:
    one = match(question(0), judge=PERSON)
    with stage(None, [one]) as store:
        store.conn.execute("UPDATE runs SET kind = 'import'")
        ada = identity.register(store, "Ada")
        assert worklist.next_unjudged(store, ada) is None
        assert worklist.progress(store, ada) == worklist.progress(store, ada, "trial") == (0, 0)
        store.conn.execute("UPDATE matches SET played = 1")
        assert worklist.next_unjudged(store, ada) == one and worklist.progress(store, ada) == (0, 1)


# Stepping aside, and saying what is wrong.


def test_a_reason_for_skipping_is_kept_and_a_second_click_skips_nothing() -> None:
    matches = [match(question(n)) for n in range(2)]
    with stage(None, matches) as store:
        ada = identity.register(store, "Ada")
        first = worklist.next_unjudged(store, ada)
        assert first is not None
        acts.skip(store, first, ada, " Too long. ")
        acts.skip(store, first, ada, "Too long.")
        assert [json.loads(row["value"])["reason"] for row in events(store, "skipped")] == [
            "Too long."
        ]
        second = worklist.next_unjudged(store, ada)
        assert second is not None and second != first
        acts.skip(store, second, ada)
        again = worklist.next_unjudged(store, ada)
        assert again == first
        acts.skip(store, first, ada)
        assert len(events(store, "skipped")) == 3


def test_a_match_never_comes_back_to_who_recused_itself() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        assert worklist.next_unjudged(store, ada) == one
        with pytest.raises(PersonError, match="empty"):
            acts.recuse(store, one, ada, " ")
        acts.recuse(store, one, ada, "I wrote the story.", now=50.0)
        acts.recuse(store, one, ada, "I wrote the story.", now=51.0)
        (row,) = events(store, "recused")
        assert json.loads(row["value"]) == {"reason": "I wrote the story.", "seat": "judge"}
        (held,) = store.query("SELECT * FROM assignments WHERE holder = ?", ada)
        assert (held["closed"], held["closed_at"], held["until"]) == ("recused", 50.0, 0)
        assert row["assignment"] == held["id"] is not None
        assert worklist.next_unjudged(store, ada) is None and chairs.chair(store, one, ada) is None
        state = steps.reading(store, one, ada, Settings())
        assert state.next is None and not state.view.turns and state.shown == ()
        with pytest.raises(PersonError, match="not waiting"):
            acts.submit(store, one, ada, "A", 0.9, "from the old tab")
        with pytest.raises(PersonError, match="not waiting"):
            steps.believe(store, one, ada, Settings(), 0.5, state.view.digest)
        assert worklist.next_unjudged(store, bo) == one


def test_who_has_judged_takes_the_verdict_back_before_stepping_down() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        acts.submit(store, one, ada, "A", 0.9, "x")
        with pytest.raises(PersonError, match="take the verdict back"):
            acts.recuse(store, one, ada, "I wrote the story.")
        acts.withdraw(store, one, ada)
        acts.recuse(store, one, ada, "I wrote the story.")
        assert chairs.chair(store, one, ada) is None


def test_a_judge_who_steps_down_leaves_the_chair_to_another() -> None:
    one = match(question(0), ASKS, PERSON)
    with stage(None, [one]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        acts.ask(store, one, ada, "Why?")
        go_on(store, one)
        assert chairs.chair(store, one, bo) is None
        acts.recuse(store, one, ada, "I must leave.")
        assert chairs.chair(store, one, ada) is None
        assert acts.ask(store, one, bo, "And why?").author == bo


def test_a_problem_is_reported_on_a_turn_that_is_shown_or_on_the_debate() -> None:
    one = match(question(0))
    settings = Settings(prior=False)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        assert worklist.next_unjudged(store, ada) == one
        state = steps.reading(store, one, ada, settings)
        for _ in range(2):  # a double click
            acts.report(store, one, ada, settings, "It is empty.", 1)
        acts.report(store, one, ada, settings, "It is not English.")
        on_turn, on_all = events(store, "reported")
        wanted = next(t for t in state.shown if t.seat == state.view.turns[1].seat)
        assert on_turn["turn"] == wanted.id and on_all["turn"] is None
        assert json.loads(on_turn["value"]) == {
            "reason": "It is empty.", "number": 1, "place": 0
        }  # fmt: skip
        for number in (2, 3, -1, 99):  # not shown yet, or not there
            with pytest.raises(PersonError, match="not on this page"):
                acts.report(store, one, ada, settings, "x", number)
        with pytest.raises(PersonError, match="up to 20000"):
            acts.report(store, one, ada, settings, "x" * 20_001)
        assert worklist.next_unjudged(store, ada) == one  # it goes on


def test_every_act_is_an_event_with_its_place_in_the_sitting() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        worklist.next_unjudged(store, ada)
        settings = Settings(undo=None)
        steps.begin(store, one, ada, settings)
        for p in (0.5, 0.6):
            shown = steps.reading(store, one, ada, settings).view.digest
            steps.believe(store, one, ada, settings, p, shown)
        steps.take_back(store, one, ada, settings)
        acts.report(store, one, ada, settings, "x")
        acts.submit(store, one, ada, "A", 0.9, "x", settings=settings)
        acts.withdraw(store, one, ada)
        acts.skip(store, one, ada)
        acts.recuse(store, one, ada, "x")
        found = list(store.query("SELECT * FROM events WHERE person = ? ORDER BY id", ada))
        assert [row["kind"] for row in found] == [
            "taken", "shown", "belief", "belief", "withdrawn", "reported", "verdict", "withdrawn",
            "skipped", "recused",
        ]  # fmt: skip
        assert [(row["sitting"], row["number"]) for row in found] == [
            (1, n) for n in range(1, 11)
        ]  # fmt: skip
        assert len({row["assignment"] for row in found}) == 1
        assert all(row["active"] == 0 and row["match"] == one.id for row in found)


def between(monkeypatch: pytest.MonkeyPatch, other: Callable[[], object]) -> None:
    """Let ``other`` happen after the next act has looked at the store and before it writes."""
    real = Store.execute

    def late(store: Store, *args: Any, **given: Any) -> dict[str, int]:
        monkeypatch.setattr(Store, "execute", real)
        other()
        return real(store, *args, **given)

    monkeypatch.setattr(Store, "execute", late)


@pytest.mark.parametrize("mode", ["whole", "stepped"])
@pytest.mark.parametrize("how", ["recused", "withdrawn", "reassigned"])
def test_no_verdict_is_written_at_a_place_that_was_closed_meanwhile(
    monkeypatch: pytest.MonkeyPatch, mode: Any, how: str
) -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        settings = Settings(mode=mode, prior=False)
        planned = planning.preview(store, planning.PlanRequest("trial", (ada,), k=1))
        planning.commit(store, planned, None)
        assert worklist.next_unjudged(store, ada) == one
        while mode == "stepped" and (state := steps.reading(store, one, ada, settings)).early:
            if state.step == state.steps:
                break
            steps.believe(store, one, ada, settings, 0.5, state.view.digest)
        place = assignment_id(one.id, "judge", ada)
        between(monkeypatch, {
            "recused": lambda: acts.recuse(store, one, ada, "I know it."),
            "withdrawn": lambda: upkeep.withdraw(store, place, None),
            "reassigned": lambda: upkeep.reassign(store, place, bo, None),
        }[how])  # fmt: skip
        with pytest.raises(PersonError) as refused:
            acts.submit(store, one, ada, "A", 0.9, "x", settings=settings)
        assert "\n" not in str(refused.value)
        assert store.one("SELECT 1 FROM verdicts") is None and not events(store, "verdict")
        row = store.one("SELECT closed, done FROM assignments WHERE holder = ?", ada)
        assert row == {"closed": "recused" if how == "recused" else "withdrawn", "done": 0}


@pytest.mark.parametrize("how", ["recused", "withdrawn"])
def test_no_belief_is_written_at_a_place_that_another_connection_closes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    one = match(question(0))
    stage(tmp_path / "s.db", [one]).close()
    settings = Settings(undo=None)
    with Store(tmp_path / "s.db") as store, Store(tmp_path / "s.db") as forged:
        ada = identity.register(store, "Ada")
        planned = planning.preview(store, planning.PlanRequest("trial", (ada,), k=1))
        planning.commit(store, planned, None)
        assert worklist.next_unjudged(store, ada) == one
        place = assignment_id(one.id, "judge", ada)
        shown = steps.reading(store, one, ada, settings).view.digest
        between(monkeypatch, {
            "recused": lambda: acts.recuse(forged, one, ada, "I know it."),
            "withdrawn": lambda: upkeep.withdraw(forged, place, None),
        }[how])  # fmt: skip
        with pytest.raises(PersonError, match="not waiting for a probability"):
            steps.believe(store, one, ada, settings, 0.5, shown)
        assert not events(store, "belief")
        assert store.one("SELECT 1 FROM turns WHERE author = ?", ada) is None


@pytest.mark.parametrize("how", ["recused", "withdrawn"])
def test_no_speech_is_kept_from_a_chair_that_another_connection_closes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    chairs = (("A", PERSON), ("B", PERSON))
    one = Match(question(0), debate(rounds=1), (("A", 0), ("B", 1)), chairs)
    stage(tmp_path / "s.db", [one]).close()
    for seat in "AB":  # spoken at once, and held until the seat before it has spoken
        with Store(tmp_path / "s.db") as store, Store(tmp_path / "s.db") as forged:
            who = identity.register(store, f"Speaker {seat}")
            planned = planning.preview(
                store, planning.PlanRequest("trial", (who,), seats=(seat,), once="debate")
            )
            planning.commit(store, planned, None)
            place = assignment_id(one.id, seat, who)
            between(monkeypatch, {
                "recused": lambda who=who, forged=forged: acts.recuse(forged, one, who, "No."),
                "withdrawn": lambda id=place, forged=forged: upkeep.withdraw(forged, id, None),
            }[how])  # fmt: skip
            with pytest.raises(PersonError, match="not waiting for a speech"):
                acts.say(store, one, who, seat, "It sank.")
            assert not events(store, "speech") and not store.transcript(one)


def test_what_has_been_judged_a_second_time_stays_judged_by_who_leaves_the_first() -> None:
    with desk(4, 1) as store:
        (ada,) = everybody(store)
        set_settings(store, "trial", Settings(again_share=0.3))
        planned = planning.preview(store, planning.PlanRequest("trial", (ada,), distance=0))
        planning.commit(store, planned, None)
        (again, *_) = [row for row in planned.rows if row.kind == "duplicate"]
        assert again.of is not None
        first, second = store.match(again.of), store.match(again.match)
        for one in (first, second):
            acts.submit(store, one, ada, "A", 0.8, "x", settings=Settings(mode="whole"))
        acts.withdraw(store, first, ada)
        acts.recuse(store, first, ada, "I know it.")
        rows = {row.match: row.state for row in worklist.queue(store, ada)}
        assert (rows[first.id], rows[second.id]) == ("recused", "done")
        place = worklist.assignment(store, assignment_id(second.id, "judge", ada))
        assert place is not None and place.state == "done"
        assert acts.verdict_by(store, second, ada) is not None


def test_nobody_steps_down_or_is_taken_off_where_its_verdict_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        planned = planning.preview(store, planning.PlanRequest("trial", (ada,), k=1))
        planning.commit(store, planned, None)
        assert worklist.next_unjudged(store, ada) == one
        between(monkeypatch, lambda: acts.submit(store, one, ada, "A", 0.9, "x"))
        with pytest.raises(PersonError, match="take the verdict back first"):
            acts.recuse(store, one, ada, "I know it.")
        place = assignment_id(one.id, "judge", ada)
        with pytest.raises(PersonError, match="a verdict stays where it is"):
            upkeep.withdraw(store, place, None)
        with pytest.raises(PersonError, match="a verdict stays where it is"):
            upkeep.reassign(store, place, bo, None)
        assert not events(store, "recused") and len(events(store, "verdict")) == 1
        row = store.one("SELECT closed, done FROM assignments WHERE holder = ?", ada)
        assert row == {"closed": None, "done": 1}


def test_a_belief_is_the_answer_only_to_the_page_that_gave_it() -> None:
    one = match(question(0), debate(rounds=2, stop="judge"), PERSON)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        at = chairs.chair(store, one, ada)
        assert at is not None
        shown = chairs.page_view(one, at.transcript, ada, at).digest
        given = acts.submit(store, one, ada, "A", 0.6, "so far", stop=False, shown=shown)
        assert acts.submit(store, one, ada, "A", 0.6, "so far", stop=False, shown=shown) == given
        assert acts.submit(store, one, ada, "B", 0.9, "x", stop=False) == given
        with pytest.raises(PersonError, match="not waiting for your verdict"):
            acts.submit(store, one, ada, "B", 0.9, "x", shown="another page")
        assert len(events(store, "belief")) == 1


# Blindness, by reading the code.

READ_TRUTH = {"record.py", "browse.py", "transcripts.py", "export_rows.py"}
"""What a judge is told after the verdict where the study allows it, and what researchers read."""


def test_no_page_and_no_act_of_a_person_reads_the_truth() -> None:
    reads = re.compile(r"truths|\bItem\b|FROM truth|JOIN truth")
    desk = [file for file in (ROOT / "arena/desk").glob("*.py") if reads.search(file.read_text())]
    assert {file.name for file in desk} == READ_TRUTH
    pages = [
        ROOT / "ui/reading.py",
        ROOT / "ui/quoting.py",
        ROOT / "ui/serve.py",
        *(ROOT / "ui/web").rglob("*.py"),
    ]
    assert not [file for file in pages if reads.search(file.read_text())]
