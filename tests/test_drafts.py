"""Drafts that survive, and active time that a browser cannot make up."""

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as of_test
from hypothesis import strategies as st
from stage import match, question, stage

from arena.desk import acts, drafts, identity, steps, worklist
from arena.desk.chairs import PersonError
from arena.desk.settings import Settings
from arena.match import PERSON
from arena.protocols import debate
from arena.store import Store


def test_fields_are_kept_apart_and_survive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path) as store:
        assert drafts.load(store, "ada", "m") == {}
        assert drafts.save(store, "ada", "m", "reason", 'He said "no"; $.notes')
        assert drafts.save(store, "ada", "m", "notes", "line\nline\x00 \ud800 end")
        assert drafts.save(store, "ada", "m", "reason", "Better.")
        assert drafts.save(store, "bo", "m", "reason", "another's")
        assert drafts.save(store, "ada", "n", "question", "Why?")
    with Store(path) as store:
        assert drafts.load(store, "ada", "m") == {
            "reason": "Better.", "notes": "line\nline\x00 \N{REPLACEMENT CHARACTER} end"
        }  # fmt: skip
        drafts.save(store, "ada", "m", "reason", "")
        assert list(drafts.load(store, "ada", "m")) == ["notes"]


TEXTS = (*(one for one in drafts.FIELDS if one not in ("highlights", "reason")),
         drafts.reason_at(0), drafts.reason_at(4))  # fmt: skip


@of_test(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(TEXTS), st.text(max_size=50)), max_size=12))
def test_the_last_word_of_each_field_stands(said: list[tuple[str, str]]) -> None:
    with Store(None) as store:
        for field, text in said:
            drafts.save(store, "ada", "m", field, text)
        assert drafts.load(store, "ada", "m") == {k: v for k, v in dict(said).items() if v}


def test_what_cannot_be_a_draft_is_refused() -> None:
    with Store(None) as store:
        drafts.save(store, "ada", "m", "notes", "x" * 20_000)
        with pytest.raises(PersonError, match="up to 20000 characters; this one has 20001"):
            drafts.save(store, "ada", "m", "notes", "x" * 20_001)
        odd = ("reason ", "reason -1", "reason 01", "reason 10000", "reason 1\n", "notes 1")
        for field in ("winner", "$.x", "reason.a", "", 'reason 1"', *odd):
            with pytest.raises(PersonError, match="nothing else"):
                drafts.save(store, "ada", "m", field, "x")
        assert len(drafts.load(store, "ada", "m")["notes"]) == 20_000


def test_an_act_clears_its_draft_and_notes_stay() -> None:
    both = debate(rounds=2, stop="judge", judge_questions=True)
    one, other = match(question(0), both, PERSON), match(question(1))
    with stage(None, [one, other]) as store:
        ada = identity.register(store, "Ada")

        def write(where: str) -> None:
            for field in drafts.FIELDS:
                drafts.save(store, ada, where, field, "[[0,1,2]]")

        own = {"notes", "highlights", "speech"}
        write(one.id)
        acts.submit(store, one, ada, "A", 0.6, "so far", stop=False)
        assert set(drafts.load(store, ada, one.id)) == own | {"question", "problem"}
        acts.ask(store, one, ada, "Why?")
        assert set(drafts.load(store, ada, one.id)) == own | {"problem"}
        acts.report(store, one, ada, Settings(), "It is odd.")
        assert set(drafts.load(store, ada, one.id)) == own
        write(other.id)
        shown = steps.reading(store, other, ada, Settings()).view.digest
        steps.believe(store, other, ada, Settings(), 0.5, shown)
        assert "reason" not in drafts.load(store, ada, other.id)
        drafts.save(store, ada, other.id, "reason", "once more")
        with pytest.raises(PersonError):
            acts.submit(store, other, ada, "A", 0.1, "odd")
        assert drafts.load(store, ada, other.id)["reason"] == "once more"  # nothing was recorded


def test_each_step_has_a_draft_of_its_own_and_an_act_clears_its_step_alone() -> None:
    one = match(question(0), debate(rounds=3))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")

        def believe(reason: str, now: float) -> None:
            shown = steps.reading(store, one, ada, Settings()).view.digest
            steps.believe(store, one, ada, Settings(), 0.5, shown, reason, now=now)

        for turns in (0, 2, 4):
            assert drafts.save(store, ada, one.id, drafts.reason_at(turns), f"after {turns}")
        believe("x", 100.0)
        assert drafts.load(store, ada, one.id) == {"reason 2": "after 2", "reason 4": "after 4"}
        assert not drafts.save(store, ada, one.id, "reason 0", "late", drawn=99.0)
        believe("x", 200.0)
        assert drafts.load(store, ada, one.id) == {"reason 4": "after 4"}
        acts.undo(store, one, ada, Settings(undo=None), now=300.0)
        assert drafts.save(store, ada, one.id, "reason 2", "once more", drawn=301.0)
        saved = drafts.load(store, ada, one.id)
        assert [drafts.reason(saved, n) for n in (0, 2, 4)] == ["", "once more", "after 4"]
        shown = steps.reading(store, one, ada, Settings()).view.digest
        acts.submit(store, one, ada, "A", 0.9, "x", shown=shown, settings=Settings())
        assert drafts.load(store, ada, one.id) == {"reason 4": "after 4"}


def test_a_draft_from_before_steps_had_their_own_is_read_until_it_is_replaced_or_said() -> None:
    one = match(question(0), debate(rounds=3))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        drafts.save(store, ada, one.id, "reason", "old")
        assert drafts.reason(drafts.load(store, ada, one.id), 0) == "old"
        drafts.save(store, ada, one.id, "reason 0", "")  # the person has emptied the box
        assert drafts.reason(drafts.load(store, ada, one.id), 0) == ""
        drafts.save(store, ada, one.id, "reason", "old")
        shown = steps.reading(store, one, ada, Settings()).view.digest
        steps.believe(store, one, ada, Settings(), 0.5, shown, "old")
        assert drafts.load(store, ada, one.id) == {}


def test_highlights_are_positions_and_nothing_else() -> None:
    with Store(None) as store:
        assert drafts.highlights(drafts.load(store, "ada", "m")) == []
        assert drafts.save(store, "ada", "m", "highlights", "[[3, 0, 12],[0,5,6]]")
        assert drafts.load(store, "ada", "m") == {"highlights": "[[3,0,12],[0,5,6]]"}
        assert drafts.load(store, "bo", "m") == {}
        odd = ("x", "{}", "[1]", "[[0,1]]", "[[0,1,2,3]]", '[[0,1,"2"]]', "[[0,1,2.0]]",
               "[[0,true,2]]", "[[0,2,2]]", "[[0,3,2]]", "[[-1,0,2]]", "[[0,-1,2]]",
               "[[10000,0,2]]", "[[0,0,10000001]]", "[[0,1,NaN]]", "null", "[null]", "[" * 9000,
               "[[0,1," + "9" * 5000 + "]]", json.dumps([[0, 0, 1]] * 501))  # fmt: skip
        for text in odd:
            with pytest.raises(PersonError, match="up to 500 triples"):
                drafts.save(store, "ada", "m", "highlights", text)
        assert drafts.highlights(drafts.load(store, "ada", "m")) == [[3, 0, 12], [0, 5, 6]]
        most = json.dumps([[n, 0, 9] for n in range(500)])
        assert drafts.save(store, "ada", "m", "highlights", most)
        assert drafts.save(store, "ada", "m", "highlights", "[]")
        assert drafts.load(store, "ada", "m") == {}


def test_a_draft_that_comes_after_its_act_does_not_come_back() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        acts.submit(store, one, ada, "A", 0.9, "x", now=100.0)
        assert not drafts.save(store, ada, one.id, "reason", "late", drawn=99.0)
        assert drafts.save(store, ada, one.id, "notes", "mine", drawn=99.0)
        assert drafts.load(store, ada, one.id) == {"notes": "mine"}
        assert drafts.save(store, ada, one.id, "reason", "after an undo", drawn=101.0)


def test_active_time_is_added_by_turn() -> None:
    with Store(None) as store:
        assert drafts.add(store, "ada", "m", 0, 4000, now=100.0) == 4000
        assert drafts.add_all(store, "ada", "m", {0: 1000, 3: 2000, -1: 500}, now=105.0) == 3500
        rows = store.query("SELECT place, milliseconds FROM activity ORDER BY place")
        assert [(row["place"], row["milliseconds"]) for row in rows] == [
            (-1, 500), (0, 5000), (3, 2000)
        ]  # fmt: skip


def test_no_more_is_kept_than_has_passed() -> None:
    with Store(None) as store:
        assert drafts.add(store, "ada", "m", 0, 1e9, now=1000.0) == drafts.MOST
        assert drafts.add_all(store, "ada", "m", {0: 9000, 1: 3000}, now=1002.0) == 2500
        row = store.one("SELECT milliseconds FROM activity WHERE place = 1")
        assert row == {"milliseconds": pytest.approx(2500 / 4)}
        assert drafts.add(store, "ada", "other", 0, 9000, now=1002.0) == 0  # the slack is taken
        assert drafts.add(store, "ada", "m", 0, 9e9, now=1e6) == drafts.MOST
        for nothing in (0, -5, float("nan"), float("inf")):
            assert drafts.add(store, "ada", "m", 7, nothing, now=2e6) == 0
        assert drafts.add(store, "ada", "m", 0, 9000, now=0.0) <= drafts.SLACK  # a clock set back
        assert store.one("SELECT 1 FROM activity WHERE place = 7") is None


def test_a_verdict_carries_the_active_time_that_led_to_it() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        drafts.add_all(store, ada, one.id, {0: 4000, 1: 3000}, now=100.0)
        acts.submit(store, one, ada, "A", 0.9, "x", now=110.0)
        row = store.one("SELECT active, value FROM events WHERE kind = 'verdict'")
        assert row is not None and row["active"] == 7000
        assert json.loads(row["value"])["before"] == 0


def test_however_many_reports_come_no_more_is_kept_than_real_time(tmp_path: Path) -> None:
    path, one = tmp_path / "s.db", match(question(0))
    with stage(path, [one]) as store:
        ada = identity.register(store, "Ada")
        assert worklist.next_unjudged(store, ada, now=1000.0) == one
        kept = [drafts.add(store, ada, one.id, n % 3, 9000, now=1000 + n / 50) for n in range(501)]
        assert sum(kept) == pytest.approx(10_000 + drafts.SLACK)
    gate, found = threading.Barrier(6), list[float]()

    def report() -> None:
        with Store(path) as own:
            gate.wait()
            found.append(drafts.add(own, ada, one.id, 0, 60_000, now=1050.0))

    threads = [threading.Thread(target=report) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and sum(found) == pytest.approx(40_000)
    with Store(path) as store:
        row = store.one("SELECT sum(milliseconds) AS n FROM activity")
        assert row is not None and row["n"] == pytest.approx(50_000 + drafts.SLACK)


def test_no_time_is_counted_at_a_closed_place() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        worklist.next_unjudged(store, ada, now=1000.0)
        assert drafts.add(store, ada, one.id, 0, 2000, now=1010.0) == 2000
        acts.recuse(store, one, ada, "I know it.", now=1011.0)
        with pytest.raises(PersonError, match="is closed"):
            drafts.add(store, ada, one.id, 0, 2000, now=1020.0)
        assert store.one("SELECT sum(milliseconds) AS n FROM activity") == {"n": 2000}
