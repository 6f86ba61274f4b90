"""People as debaters: the chair, the limits, and a round in which two people speak at once."""

import itertools
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stage import ALICE, BOB, PASSAGE, go_on, question, stage

from arena.batch import Batch
from arena.desk import acts, chairs, identity, steps, worklist
from arena.desk.chairs import PersonError
from arena.desk.settings import Settings
from arena.match import PERSON, Match, participant_id
from arena.play import waiting_for
from arena.protocols import (
    JUDGE,
    Limits,
    Protocol,
    consultancy,
    critique,
    cross_critique,
    debate,
)
from arena.questions import Item
from arena.store import Store

ALICES, BOBS = participant_id(ALICE), participant_id(BOB)
WHOLE = Settings(mode="whole")


def of(protocol: Protocol, *who: str, judge: str | None = None) -> Match:
    """A match of these in the speakers' seats."""
    seats = (*zip(protocol.speakers, who, strict=True), *([(JUDGE, judge)] if judge else []))
    sides = {seat: i for i, seat in enumerate(protocol.speakers)}
    proposal = None
    if protocol.options == "right or wrong":
        proposal = None
    elif protocol.sides == "chosen":
        sides = {}
    return Match(question(0), protocol, tuple(sides.items()), tuple(seats), 0, proposal)


def people(store: Store, *names: str) -> list[str]:
    return [identity.register(store, name) for name in names]


def texts(store: Store, one: Match) -> list[str]:
    return [turn.speech.text for turn in store.transcript(one) if not turn.is_leaf]


def view(store: Store, one: Match, person: str, seat: str | None = None) -> Any:
    return steps.reading(store, one, person, WHOLE, seat).view


# One person and a machine.


def test_a_person_debates_a_machine_and_quotes_are_checked_by_the_platform() -> None:
    one = of(debate(simultaneous=False), PERSON, BOBS)
    with stage(None, [one]) as store:
        (ada,) = people(store, "Ada")
        assert waiting_for(one, store.transcript(one)) == ("A",)
        seen = view(store, one, ada, "A")
        assert seen.passage == PASSAGE and seen.quoted_left == 500 and seen.side == "A"
        words = "The ferry left before the storm"
        text = f"It left: <quote>{words}</quote>, <quote>and sank there</quote>."
        turn = acts.say(store, one, ada, "A", f" {text} ", shown=seen.digest, now=5.0)
        assert turn is not None and (turn.author, turn.origin, turn.at) == (ada, "person", 5.0)
        assert turn.speech.text == text and turn.seen == seen.digest and turn.parent == one.root
        good, bad = turn.speech.quotes
        assert good.span is not None and bad.span is None
        assert PASSAGE[slice(*good.span)] == words
        with pytest.raises(PersonError, match="not waiting"):
            acts.say(store, one, ada, "A", "Again.", shown="of another page")
        go_on(store, one)
        assert len(store.transcript(one)) == 2
        seen = view(store, one, ada)
        assert [t.mine for t in seen.turns] == [True, False]
        assert acts.say(store, one, ada, "A", "He is wrong.", shown=seen.digest) is not None
        after = go_on(store, one)
        assert [t.seat for t in after] == ["A", "B", "A", "B"] and not waiting_for(one, after)
        assert store.one("SELECT played FROM matches") == {"played": 1}


@pytest.mark.parametrize("first", [True, False])
def test_a_simultaneous_round_with_a_machine_hides_its_speech(first: bool) -> None:
    one = of(debate(), PERSON, BOBS) if first else of(debate(), ALICES, PERSON)
    own, machine = ("A", "B") if first else ("B", "A")
    with stage(None, [one]) as store:
        (ada,) = people(store, "Ada")
        for n in (1, 2):
            now = steps.reading(store, one, ada, WHOLE, own)
            hidden = [t for t in store.transcript(one) if t.seat == machine][n - 1 :]
            assert len(hidden) == (not first)
            assert len(now.view.turns) == len(now.shown) == 2 * (n - 1)
            assert acts.say(store, one, ada, own, f"Speech {n}.", shown=now.view.digest)
            go_on(store, one)
        after = store.transcript(one)
        assert [t.seat for t in after] == ["A", "B", "A", "B"] and not waiting_for(one, after)
        for before, turn in itertools.pairwise(after):
            assert turn.parent == before.id
        assert store.one("SELECT played FROM matches") == {"played": 1}


def test_a_second_click_says_nothing_twice() -> None:
    one = of(debate(simultaneous=False), PERSON, BOBS)
    with stage(None, [one]) as store:
        (ada,) = people(store, "Ada")
        shown = view(store, one, ada, "A").digest
        turn = acts.say(store, one, ada, "A", "First.", shown=shown)
        assert acts.say(store, one, ada, "A", "Second.", shown=shown) == turn
        assert acts.say(store, one, ada, "A", "Third.") == turn
        go_on(store, one)
        assert acts.say(store, one, ada, "A", "Fourth.", shown=shown) == turn
        assert [t for t in texts(store, one) if t[0] in "FST"] == ["First."]


def test_a_speech_is_durable_before_it_is_acknowledged() -> None:
    one = of(debate(), PERSON, PERSON)
    with stage(None, [one]) as store:
        ada, bo = people(store, "Ada", "Bo")
        for person, seat in ((bo, "B"), (ada, "A")):
            said: list[str] = []
            store.conn.set_trace_callback(said.append)
            acts.say(store, one, person, seat, "x")
            store.conn.set_trace_callback(None)
            begin = next(i for i, line in enumerate(said) if line.startswith("BEGIN"))
            assert said[begin - 1] == "PRAGMA synchronous = FULL"
            assert sum(line.startswith(("BEGIN", "COMMIT")) for line in said) == 2


# Limits.


QUOTED = PASSAGE.split("\n")[2][:61]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * 101, "up to 100 characters; yours has 101"),
        ("   ", "empty"),
        (f"<quote>{QUOTED}</quote>", "may quote 60 new characters of the passage; yours quotes 61"),
        (f"<quote>{'made up ' * 8}</quote>", "may quote 60 new .* yours quotes 64"),
    ],
)
def test_a_speech_over_a_limit_is_refused_and_nothing_is_kept(text: str, said: str) -> None:
    limits = Limits(characters=100, quoted=60)
    one = of(debate(simultaneous=False, limits=limits), PERSON, BOBS)
    with stage(None, [one]) as store:
        (ada,) = people(store, "Ada")
        with pytest.raises(PersonError, match=said):
            acts.say(store, one, ada, "A", text)
        assert not store.transcript(one)
        assert store.one("SELECT 1 FROM events WHERE kind = 'speech'") is None
        assert acts.say(store, one, ada, "A", f"<quote>{QUOTED[:60]}</quote>") is not None


def test_what_was_quoted_before_is_free_and_the_total_is_kept() -> None:
    rules = replace(debate(rounds=2, simultaneous=False), quoted_total=50)
    one = of(rules, PERSON, BOBS)
    with stage(None, [one]) as store:
        (ada,) = people(store, "Ada")
        words = "Twelve crates were loaded in the morning"
        assert len(words) == 40
        acts.say(store, one, ada, "A", f"<quote>{words}</quote>")
        go_on(store, one)
        assert view(store, one, ada).quoted_left == 10
        with pytest.raises(PersonError, match="may quote 10 new characters of the passage; yours"):
            acts.say(store, one, ada, "A", "<quote>The ferry left before the storm</quote>")
        assert acts.say(store, one, ada, "A", f"Once more: <quote>{words}</quote>") is not None


def test_a_side_is_chosen_once_where_the_rules_let_the_speaker_choose() -> None:
    one = of(debate(sides="chosen", simultaneous=False), PERSON, BOBS)
    with stage(None, [one]) as store:
        (ada,) = people(store, "Ada")
        for side in (None, "C"):
            with pytest.raises(PersonError, match="Choose the answer"):
                acts.say(store, one, ada, "A", "x", side=side)
        turn = acts.say(store, one, ada, "A", "x", side="B")
        assert turn is not None and turn.speech.side == 1
        go_on(store, one)
        later = acts.say(store, one, ada, "A", "y", side="A")
        assert later is not None and later.speech.side == 1
    told = of(debate(simultaneous=False), PERSON, BOBS)
    with stage(None, [told]) as store:
        (ada,) = people(store, "Ada")
        turn = acts.say(store, told, ada, "A", "x", side="B")
        assert turn is not None and turn.speech.side is None  # its side is the match's


def test_only_who_may_stop_stops() -> None:
    for stop, ends in (("concession", True), ("rounds", False)):
        one = of(debate(rounds=4, simultaneous=False, stop=stop), PERSON, BOBS)  # type: ignore[arg-type]
        with stage(None, [one]) as store:
            (ada,) = people(store, "Ada")
            opening = acts.say(store, one, ada, "A", "x", stop=True)
            assert opening is not None and not opening.speech.stop
            go_on(store, one)
            turn = acts.say(store, one, ada, "A", "I concede.", stop=True)
            assert turn is not None and turn.speech.stop == ends


@pytest.mark.parametrize(
    ("protocol", "kinds"),
    [
        (critique(reply=True), ["answer", "critique", "speech"]),
        (cross_critique(), ["answer", "answer", "critique", "critique"]),
        (consultancy(rounds=2), ["speech", "speech"]),
    ],
    ids=["critique with reply", "cross-critique", "consultancy"],
)
def test_people_fill_every_kind_of_speech(protocol: Protocol, kinds: list[str]) -> None:
    one = of(protocol, *[PERSON] * len(protocol.speakers))
    with stage(None, [one], agents=()) as store:
        who = dict(zip(protocol.speakers, people(store, "Ada", "Bo"), strict=False))
        for _ in kinds:
            seat = waiting_for(one, store.transcript(one))[0]
            label = view(store, one, who[seat], seat).answers[0].label
            assert acts.say(store, one, who[seat], seat, f"{seat} speaks.", label) is not None
        after = store.transcript(one)
        assert [t.kind for t in after] == kinds and not waiting_for(one, after)
        if "critique" in kinds:
            assert next(t for t in after if t.kind == "critique").replies_to


# Two people.


def test_who_comes_early_in_a_simultaneous_round_is_kept_and_hidden() -> None:
    one = of(debate(), PERSON, PERSON)
    with stage(None, [one]) as store:
        ada, bo, cy = people(store, "Ada", "Bo", "Cy")
        shown = view(store, one, bo, "B").digest
        assert acts.say(store, one, bo, "B", "SECRET of Bo", shown=shown, now=7.0) is None
        assert acts.say(store, one, bo, "B", "another", shown=shown) is None  # a double click
        assert acts.say(store, one, bo, "B", "another") is None
        assert not store.transcript(one) and chairs.chair(store, one, bo) is None
        (row,) = store.query("SELECT * FROM events WHERE kind = 'speech'")
        assert row["turn"] is None and json.loads(row["value"])["text"] == "SECRET of Bo"
        for person, seat in ((ada, "A"), (bo, None), (cy, None)):
            assert "SECRET" not in repr(view(store, one, person, seat))
        assert chairs.chair(store, one, cy, "B") is None  # the chair is Bo's
        turn = acts.say(store, one, ada, "A", "Ada speaks.", now=9.0)
        first, second = store.transcript(one)
        assert first == turn and second.parent == first.id
        assert (second.author, second.at, second.seen) == (bo, 7.0, shown)
        assert second.speech.text == "SECRET of Bo" and second.origin == "person"
        (placed,) = store.query("SELECT * FROM events WHERE kind = 'placed'")
        assert placed["turn"] == second.id and placed["person"] is None
        assert json.loads(placed["value"]) == {"speech": row["id"]}
        assert acts.say(store, one, bo, "B", "late", shown=shown) == second
        assert len(view(store, one, ada).turns) == len(view(store, one, bo).turns) == 2
        acts.say(store, one, ada, "A", "Rebuttal.")
        assert len(view(store, one, bo).turns) == 2  # hidden until Bo has spoken
        acts.say(store, one, bo, "B", "Rebuttal of Bo.")
        assert not waiting_for(one, store.transcript(one))
        assert store.one("SELECT played FROM matches") == {"played": 1}


def test_both_orders_give_one_chain_in_seat_order() -> None:
    found = []
    for order in (("A", "B"), ("B", "A")):
        one = of(debate(rounds=1), PERSON, PERSON)
        with stage(None, [one]) as store:
            who = dict(zip("AB", people(store, "Ada", "Bo"), strict=True))
            for seat in order:
                acts.say(store, one, who[seat], seat, f"{seat} speaks.", now=5.0)
            found.append(store.transcript(one))
    assert found[0] == found[1] and [t.seat for t in found[0]] == ["A", "B"]


def test_people_who_speak_at_the_same_moment_are_both_heard(tmp_path: Path) -> None:
    for n in range(10):
        path, one = tmp_path / f"{n}.db", of(debate(rounds=1), PERSON, PERSON)
        with stage(path, [one]) as store:
            who = dict(zip("AB", people(store, "Ada", "Bo"), strict=True))
        start = threading.Barrier(4)

        def click(
            seat: str, path: Path = path, one: Match = one, who: Any = who, start: Any = start
        ) -> None:
            with Store(path) as own:
                start.wait()
                acts.say(own, one, who[seat], seat, f"{seat} speaks.")

        threads = [threading.Thread(target=click, args=(seat,)) for seat in "AABB"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with Store(path) as store:
            assert texts(store, one) == ["A speaks.", "B speaks."]
            assert not waiting_for(one, store.transcript(one))
            assert len(list(store.query("SELECT * FROM events WHERE kind = 'speech'"))) == 2


def test_nobody_waits_behind_a_machine_that_has_not_spoken() -> None:
    """A speech is held only behind people: whoever speaks ahead of it places it."""
    one = of(debate(), ALICES, PERSON)
    with stage(None, []) as store:
        store.write(
            Batch(items=[Item(one.question, 0)], protocols=[one.protocol], matches=[one],
                  run_matches=[("trial", 0, one.id, {})])
        )  # fmt: skip
        (ada,) = people(store, "Ada")
        with pytest.raises(PersonError, match="not waiting"):
            acts.say(store, one, ada, "B", "x")
        go_on(store, one)
        assert acts.say(store, one, ada, "B", "x") is not None


def test_a_person_judges_what_two_people_debate_and_asks_between() -> None:
    one = of(debate(judge_questions=True), PERSON, PERSON, judge=PERSON)
    with stage(None, [one]) as store:
        ada, bo, cy = people(store, "Ada", "Bo", "Cy")
        acts.say(store, one, bo, "B", "Bo opens.")
        assert chairs.chair(store, one, cy) is None
        acts.say(store, one, ada, "A", "Ada opens.")
        assert acts.ask(store, one, cy, "Why?").speech.text == "Why?"
        with pytest.raises(PersonError, match="not waiting"):
            acts.say(store, one, cy, "A", "The judge speaks up.")
        acts.say(store, one, ada, "A", "Because.")
        acts.say(store, one, bo, "B", "It is not.")
        turn = acts.submit(store, one, cy, "A", 0.9, "x", settings=Settings())
        assert turn.verdict.mode == "live" and not waiting_for(one, store.transcript(one))
        done = {(r["seat"], r["done"]) for r in store.query("SELECT seat, done FROM assignments")}
        assert all(done for _, done in done)


# Whose chair it is.


def test_who_debates_does_not_judge_and_sees_its_own_seat_alone() -> None:
    one = of(debate(rounds=1), PERSON, BOBS)
    with stage(None, [one]) as store:
        ada, bo = people(store, "Ada", "Bo")
        acts.say(store, one, ada, "A", "x")
        go_on(store, one)
        assert store.one("SELECT played FROM matches") == {"played": 1}
        with pytest.raises(PersonError, match="in a debater's chair about this"):
            acts.submit(store, one, ada, "A", 0.9, "x")
        own = steps.reading(store, one, ada, Settings())
        assert (own.seat, own.next, own.verdict) == ("A", None, None)
        assert own.view.seat == "A" and "CANARY-THOUGHT" not in repr(own.view)
        acts.submit(store, one, bo, "B", 0.9, "CANARY-REASON")
        assert "CANARY-REASON" not in repr(steps.reading(store, one, ada, Settings()))


def test_a_kept_chair_is_for_whom_it_is_kept() -> None:
    one = of(debate(), PERSON, PERSON)
    with stage(None, [one]) as store:
        ada, bo = people(store, "Ada", "Bo")
        store.conn.execute(
            "INSERT INTO assignments (match, seat, holder, until, made_by) "
            "VALUES (?, 'A', ?, 0, 'admin')", (one.id, ada))  # fmt: skip
        assert chairs.seat_of(store, one, ada) == "A"
        at = chairs.chair(store, one, ada)
        assert at is not None and at.slot.seat == "A"
        assert chairs.chair(store, one, ada, "B") is None
        with pytest.raises(PersonError, match="not waiting"):
            acts.say(store, one, bo, "A", "x")
        assert acts.say(store, one, bo, "B", "x") is None  # held
        assert acts.say(store, one, ada, "A", "x") is not None


def test_a_debater_who_steps_down_leaves_the_chair_to_another() -> None:
    one = of(debate(rounds=2, simultaneous=False), PERSON, BOBS)
    with stage(None, [one]) as store:
        ada, bo = people(store, "Ada", "Bo")
        acts.say(store, one, ada, "A", "x")
        go_on(store, one)
        assert chairs.chair(store, one, bo, "A") is None
        acts.recuse(store, one, ada, "I know the author.")
        with pytest.raises(PersonError, match="not waiting"):
            acts.say(store, one, ada, "A", "y", shown="of some page")
        assert acts.say(store, one, bo, "A", "z") is not None
        go_on(store, one)
        with pytest.raises(PersonError, match="in a debater's chair about this"):
            acts.submit(store, one, ada, "A", 0.9, "x")


def test_a_chair_from_the_queue_is_a_debaters_place_and_a_judges_place_bars_from_it(
    tmp_path: Path,
) -> None:
    made = of(debate(), PERSON, BOBS)
    with stage(tmp_path / "s.db", [made]) as store:
        ada, bob = (identity.register(store, name) for name in ("Ada", "Bob"))
        now = time.time()
        assert worklist.take(store, made, ada, now, 60, "A")
        (row,) = store.query("SELECT kind FROM assignments WHERE holder = ?", ada)
        assert row["kind"] == "debating"
        assert worklist.take(store, made, bob, now, 60)  # the judge's
        store.execute({"UPDATE assignments SET until = 0 WHERE holder = ?": [(ada,)]})
        assert chairs.chair(store, made, bob, "A") is None
        assert chairs.chair(store, made, ada, "A") is not None
