"""The queue of people's verdicts: what each pays, and what a step learns from."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queued import RUN, judge, otherwise, wait

from arena import queue
from arena.accounts import account, people_report, spent_and_withdrawn
from arena.credit import CreditSettings, Running, credit, running_key
from arena.desk import acts, identity, worklist
from arena.queue import Judged, agrees, fate, held_out, pay
from arena.store import Store
from arena.turns import Verdict

# -- what a verdict pays


@given(st.floats(0, 1), st.sampled_from([0, 1]))
def test_a_probability_pays_its_log_odds_clamped_and_the_two_sides_zero_sum(
    p: float, side: int
) -> None:
    numbers = (p, 1 - p)
    verdict = Verdict(int(numbers[1] > numbers[0]), numbers)
    held = min(max(numbers[side], 0.01), 0.99)
    paid = pay(verdict, side), pay(verdict, 1 - side)
    assert paid[0] == pytest.approx(math.log(held / (1 - held)), abs=1e-9)
    assert paid[0] == pytest.approx(-paid[1], abs=1e-9)  # type: ignore[operator]


def test_without_a_probability_the_winner_pays_and_a_tie_pays_nothing_but_zero() -> None:
    assert [pay(Verdict(1), side) for side in (0, 1)] == [-1.0, 1.0]
    for tie in (Verdict(status="tie"), Verdict(None, (0.5, 0.5), status="tie")):
        assert [pay(tie, side) for side in (0, 1)] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("verdict", "fits"),
    [
        (Verdict(0, (0.6, 0.4)), True),
        (Verdict(0, (0.4, 0.6)), False),
        (Verdict(0, (0.5, 0.5)), True),
        (Verdict(2, (0.2, 0.3, 0.5)), True),
        (Verdict(1, (0.2, 0.3, 0.5)), False),
        (Verdict(None, (0.4, 0.6), status="tie"), False),
        (Verdict(status="unparsed"), False),
    ],
)
def test_a_winner_that_is_not_the_likeliest_pays_nothing(verdict: Verdict, fits: bool) -> None:
    assert agrees(verdict) == fits
    assert (pay(verdict, 0) is not None) == fits


# -- what is held out


def test_the_held_out_share_is_drawn_from_person_and_question_alone() -> None:
    pairs = [(f"p{i}", f"q{j}") for i in range(40) for j in range(50)]
    for share in (0.0, 0.1, 0.5):
        found = mean(held_out(*pair, share) for pair in pairs)
        spread = math.sqrt(share * (1 - share) / len(pairs))
        assert abs(found - share) <= 4 * spread
    assert all(held_out(*pair, 0.5) for pair in pairs if held_out(*pair, 0.1))
    of_person = [mean(held_out(f"p{i}", f"q{j}", 0.5) for j in range(50)) for i in range(40)]
    of_question = [mean(held_out(f"p{i}", f"q{j}", 0.5) for i in range(40)) for j in range(50)]
    assert min(*of_person, *of_question) > 0.15 and max(*of_person, *of_question) < 0.85


# -- the queue, through what the page calls


def test_a_step_learns_from_what_was_judged_and_from_nothing_twice(store: Store) -> None:
    wait(store, 0, 4)
    ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
    assert len(queue.open_matches(store, RUN, 0)) == 4
    first = judge(store, ada)
    second = judge(store, bo, acts.TIE, None)
    assert first is not None and second is not None
    assert len(queue.open_matches(store, RUN, 0)) == 4 - len({first.id, second.id})
    found = queue.spend(store, RUN, 1, 0.0)
    assert {one.person for one in found} == {ada, bo}
    assert queue.spend(store, RUN, 1, 0.0) == found  # killed, and taken again
    assert queue.spend(store, RUN, 2, 0.0) == []  # for the next step they are gone
    assert account(store, RUN, 1, 0.0).counts == {
        **dict.fromkeys(queue.FATES, 0), "spent": 1, "tie": 1
    }  # fmt: skip
    rows = list(store.query("SELECT * FROM paid WHERE rule = 'person' AND judge = ?", ada))
    assert {r["match"] for r in rows} == {first.id}
    assert {(r["seat"], r["judge"], r["quantity"], r["uses_truth"]) for r in rows} == {
        (seat, ada, "elicited", 0) for seat in "AB"
    }
    side = {seat: first.side(seat) for seat in "AB"}
    assert {r["seat"]: r["value"] for r in rows} == {
        seat: pytest.approx(math.log(4) * (1 if first.labels[side[seat]] == "A" else -1))  # type: ignore[index]
        for seat in "AB"
    }


def test_what_is_withdrawn_before_its_step_pays_nothing_and_after_it_is_listed(
    store: Store,
) -> None:
    wait(store, 0, 3)
    ada = identity.register(store, "Ada")
    before, after = judge(store, ada), judge(store, ada)
    assert before is not None and after is not None
    acts.withdraw(store, before, ada)
    (spent,) = queue.spend(store, RUN, 1, 0.0)
    assert spent.match == after.id
    acts.withdraw(store, after, ada)
    found = account(store, RUN, 1, 0.0)
    assert found.counts == {**dict.fromkeys(queue.FATES, 0), "spent": 1, "withdrawn": 1}
    assert [one.match for one in found.taken_back] == [after.id]
    (listed,) = spent_and_withdrawn(store, RUN)
    assert listed == {"step": 1, "person": "Ada", "match": after.id, "turn": spent.turn}
    assert queue.of_step(store, RUN, 1)[0].turn == spent.turn  # the weights are not undone


def test_what_is_taken_back_while_it_is_being_spent_is_either_withdrawn_or_spent(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The withdrawal comes between the look at the store and the writing."""
    wait(store, 0, 2)
    ada = identity.register(store, "Ada")
    one, other = judge(store, ada), judge(store, ada)
    assert one is not None and other is not None
    look = queue.spendable

    def late(*args: Any) -> list[Judged]:
        found = look(*args)
        acts.withdraw(store, one, ada)
        return found

    monkeypatch.setattr(queue, "spendable", late)
    (spent,) = queue.spend(store, RUN, 1, 0.0)
    assert spent.match == other.id
    assert store.one("SELECT count(*) AS n FROM rewards WHERE rule = 'person'") == {"n": 2}
    assert spent_and_withdrawn(store, RUN) == []


def test_a_person_teaches_once_by_a_match_though_it_judges_it_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = wait(store, 0, 1)
    ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
    assert judge(store, ada) == one
    (first,) = queue.spend(store, RUN, 1, 0.0)
    acts.withdraw(store, one, ada)
    second = acts.submit(store, one, ada, "B", 0.9, "on second thoughts")
    assert queue.spendable(store, RUN, 1, 0.0) == queue.spend(store, RUN, 2, 0.0) == []
    found = account(store, RUN, 1, 0.0)
    assert found.counts == {**dict.fromkeys(queue.FATES, 0), "spent": 1, "too old": 1}
    assert [judged.turn for judged in found.of("too old")] == [second.id]
    look = queue.judged(store, RUN)
    monkeypatch.setattr(queue, "spendable", lambda *_: look[1:])  # a look that has not seen it
    assert queue.spend(store, RUN, 2, 0.0) == []
    monkeypatch.undo()
    theirs = acts.submit(store, one, bo, "A", 0.7, "another person may")
    assert [judged.turn for judged in queue.spend(store, RUN, 2, 0.0)] == [theirs.id]
    assert list(store.query("SELECT step, turn FROM spent ORDER BY step")) == [
        {"step": 1, "turn": first.turn}, {"step": 2, "turn": theirs.id}
    ]  # fmt: skip
    assert store.one("SELECT 1 FROM rewards WHERE rule = 'person' AND turn = ?", second.id) is None


def test_a_step_that_was_never_kept_gives_back_what_was_withdrawn_since(store: Store) -> None:
    wait(store, 0, 2)
    ada = identity.register(store, "Ada")
    one, other = judge(store, ada), judge(store, ada)
    assert one is not None and other is not None
    queue.spend(store, RUN, 1, 0.0)  # and here the process is killed
    acts.withdraw(store, one, ada)
    queue.retake(store, RUN, 0)
    assert [row.match for row in queue.of_step(store, RUN, 1)] == [other.id]
    assert account(store, RUN, 0, 0.0).counts["withdrawn"] == 1
    assert spent_and_withdrawn(store, RUN) == []
    queue.retake(store, RUN, 1)  # where its weights were kept, nothing is given back
    acts.withdraw(store, other, ada)
    queue.retake(store, RUN, 1)
    assert [row.match for row in queue.of_step(store, RUN, 1)] == [other.id]


def test_a_verdict_feeds_two_versions_after_its_own_and_is_too_old_for_the_third(
    store: Store,
) -> None:
    wait(store, 0, 1)
    wait(store, 1, 1)
    ada = identity.register(store, "Ada")
    judge(store, ada), judge(store, ada)
    versions = {one.version: one for one in queue.judged(store, RUN)}
    assert set(versions) == {0, 1}
    for version, expected in {0: "waiting", 1: "waiting", 2: "waiting", 3: "too old"}.items():
        assert fate(versions[0], version, 0.0) == expected
    assert {one.version for one in queue.spendable(store, RUN, 2, 0.0)} == {0, 1}
    assert {one.version for one in queue.spendable(store, RUN, 3, 0.0)} == {1}
    assert {one.version for one in queue.spendable(store, RUN, 0, 0.0)} == {0}  # not yet spoken


def test_nobody_is_asked_to_judge_what_cannot_pay_any_more_but_who_reads_it_may_go_on(
    store: Store,
) -> None:
    wait(store, 0, 3)
    ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
    reading = worklist.next_unjudged(store, bo, RUN)
    judged = judge(store, ada)
    assert judged is not None and reading is not None and judged != reading
    queue.retire(store, RUN, 2)
    assert worklist.progress(store, ada, RUN) == (1, 1)  # the third, while Bo reads the other
    queue.retire(store, RUN, 3)
    assert worklist.next_unjudged(store, ada, RUN) is None
    assert worklist.progress(store, ada, RUN) == (1, 0)  # what it has judged stays its own
    assert worklist.next_unjudged(store, bo, RUN) == reading
    acts.submit(store, reading, bo, "A", 0.7, "because")
    assert worklist.next_unjudged(store, bo, RUN) is None
    assert account(store, RUN, 3, 0.0).counts["too old"] == 2
    assert queue.open_matches(store, RUN, 3) == []


def test_who_leaves_in_the_middle_of_a_debate_keeps_it_for_its_lease_and_not_for_ever(
    store: Store,
) -> None:
    (one,) = wait(store, 0, 1)
    ada, di = identity.register(store, "Ada"), identity.register(store, "Di")
    begin = time.time()
    assert worklist.next_unjudged(store, di, RUN, now=begin) == one  # and Di closes the page
    late = begin + worklist.LEASE_SECONDS
    assert worklist.next_unjudged(store, ada, RUN, now=late - 1) is None
    assert queue.open_matches(store, RUN, 0) == [one.id]  # what the run still waits for
    assert worklist.next_unjudged(store, ada, RUN, now=late + 1) == one
    first = acts.submit(store, one, ada, "A", 0.7, "because", now=late + 2)
    assert queue.open_matches(store, RUN, 0) == []
    assert [row.turn for row in queue.spend(store, RUN, 1, 0.0)] == [first.id]
    # Di's page is still open: what comes from it after all is a verdict like any other.
    second = acts.submit(store, one, di, "B", 0.9, "because", now=late + 3)
    assert [row.turn for row in queue.spend(store, RUN, 2, 0.0)] == [second.id]
    assert account(store, RUN, 2, 0.0).counts["spent"] == 2


def test_what_a_page_without_a_probability_records_pays_by_its_winner_and_what_disagrees_is_listed(
    store: Store,
) -> None:
    made = wait(store, 0, 3)
    ada = identity.register(store, "Ada")
    otherwise(store, made[0], ada, Verdict(1))
    bad = otherwise(store, made[1], ada, Verdict(0, (0.3, 0.7)))
    otherwise(store, made[2], ada, Verdict(1, (0.0, 1.0)))
    queue.spend(store, RUN, 1, 0.0)
    most = math.log(0.99 / 0.01)
    sql = "SELECT match, seat, quantity, value FROM rewards WHERE rule = 'person' ORDER BY match"
    paid = {(row["match"], row["seat"]): row for row in store.query(sql)}
    assert {key: row["value"] for key, row in paid.items()} == {
        (made[n].id, seat): pytest.approx(value if made[n].side(seat) == 1 else -value)
        for n, value in ((0, 1.0), (2, most))
        for seat in "AB"
    }
    assert {row["quantity"] for row in paid.values()} == {"choice", "elicited"}
    assert queue.spend(store, RUN, 2, 0.0) == []  # and never will the third one be spent
    found = people_report(store, RUN, 2, 0.0, {})
    assert found is not None and found["fates"]["disagreeing"] == 1
    assert found["listed"]["disagreeing"] == [
        {"person": "Ada", "match": made[1].id, "turn": bad.id, "age": 2}
    ]


def test_one_verdict_on_two_matches_that_went_alike_is_two_verdicts(store: Store) -> None:
    wait(store, 0, 3, questions=1)  # three seeds, the same words: the same turns
    ada = identity.register(store, "Ada")
    made = {one.id: one for one in (judge(store, ada) for _ in range(3)) if one is not None}
    turns = {row.match: row.turn for row in queue.judged(store, RUN)}
    assert set(turns) == set(made) and len(set(turns.values())) < 3  # of two listings
    twice = next(turn for turn in turns.values() if list(turns.values()).count(turn) > 1)
    first, *rest = [key for key in turns if turns[key] == twice]
    acts.withdraw(store, made[first], ada)
    spent = {one.match for one in queue.spend(store, RUN, 1, 0.0)}
    assert spent == set(made) - {first} and spent >= set(rest)


def test_people_are_reported_by_name_and_their_held_out_verdicts_apart(store: Store) -> None:
    wait(store, 0, 30)
    share = 0.4
    ada = identity.register(store, "Ada")
    right: list[bool] = []
    while (one := worklist.next_unjudged(store, ada, RUN)) is not None:
        winner = "AB"[len(right) % 3 == 0]
        acts.submit(store, one, ada, winner, 0.9, "because")
        right.append(one.labels.index(winner) == 0)  # the truth is the first answer
    apart = [
        right[i] for i, row in enumerate(store.query(
            "SELECT m.question FROM events AS e JOIN matches AS m ON m.id = e.match "
            "WHERE e.kind = 'verdict' ORDER BY e.id"))
        if held_out(ada, row["question"], share)
    ]  # fmt: skip
    assert 0 < len(apart) < 30
    queue.spend(store, RUN, 1, share)
    found = people_report(store, RUN, 1, share, store.truths())
    assert found is not None
    assert found["fates"] == found["people"]["Ada"]
    assert found["fates"]["held out"] == len(apart)
    assert found["fates"]["spent"] == 30 - len(apart)
    assert found["held_out_accuracy"]["n"] == len(apart)
    assert found["held_out_accuracy"]["value"] == pytest.approx(mean(apart))
    spent = {row["turn"] for row in store.query("SELECT turn FROM spent")}
    assert spent.isdisjoint(one.turn for one in account(store, RUN, 1, share).of("held out"))
    assert people_report(store, "another", 1, share, {}) is None


# -- advantages: leave-one-out where others of the group are judged, else the running mean


def test_the_baseline_is_the_group_where_it_is_judged_and_else_the_running_mean(
    store: Store,
) -> None:
    made = wait(store, 0, 5, questions=2)  # three matches on one question, two on the other
    ada = identity.register(store, "Ada")
    sure = {made[0].id: 0.9, made[2].id: 0.6, made[1].id: 0.7}  # two of three, one of two
    for one in made:
        if one.id in sure:
            acts.submit(store, one, ada, "A", sure[one.id], "because")
    found = queue.spend(store, RUN, 1, 0.0)
    forest = [(one.tree, one.rows) for one in queue.waited(store, RUN, found)]
    keys = {seat: running_key(made[0], seat, made[0].side(seat)) for seat in "AB"}
    before = Running({keys["A"]: 0.5, keys["B"]: -0.25})
    how = CreditSettings(baseline="leave-one-out or running")
    credits = credit(forest, how, before)
    assert credits.missing == 0 and credits.alone == 2
    logits = {key: math.log(p / (1 - p)) for key, p in sure.items()}
    for seat, sign, mean_before in (("A", 1, 0.5), ("B", -1, -0.25)):
        mine = [one for one in credits.advantages if one.spoken.seat == seat]
        paid = {key: sign * value for key, value in logits.items()}
        expected = [
            paid[made[0].id] - paid[made[2].id],
            paid[made[1].id] - mean_before,
            paid[made[2].id] - paid[made[0].id],
        ]
        by_match = dict(zip([one.tree.match.id for one in queue.waited(store, RUN, found)],
                            [one.advantage for one in mine], strict=True))  # fmt: skip
        assert [by_match[made[i].id] for i in range(3)] == pytest.approx(expected)
        moved = mean_before
        for key in by_match:
            moved = 0.95 * moved + 0.05 * paid[key]
        assert credits.running.read(keys[seat]) == pytest.approx(moved)


def test_two_people_on_one_match_are_one_member_of_its_group(store: Store) -> None:
    """Nothing is left out that says the same speech: it is held against the running mean."""
    made = wait(store, 0, 2, questions=1)
    for name, sure in (("Ada", 0.9), ("Bo", 0.6)):
        acts.submit(store, made[0], identity.register(store, name), "A", sure, "because")
    found = queue.waited(store, RUN, queue.spend(store, RUN, 1, 0.0))
    both = (math.log(9) + math.log(1.5)) / 2
    keys = {seat: running_key(made[0], seat, made[0].side(seat)) for seat in "AB"}
    before = Running({keys["A"]: 0.5})
    for how in ("tree", "transcript"):
        settings = CreditSettings(how, "leave-one-out or running")
        credits = credit([(one.tree, one.rows) for one in found], settings, before)
        gained = {one.spoken.seat: one.advantage for one in credits.advantages}
        assert gained == pytest.approx({"A": both - 0.5, "B": -both})
        moved = {"A": 0.95 * 0.5 + 0.05 * both, "B": -0.05 * both}  # once for the match
        assert {seat: credits.running.read(keys[seat]) for seat in "AB"} == pytest.approx(moved)


def test_the_mixed_baseline_has_no_deviation_to_divide_by() -> None:
    with pytest.raises(ValueError, match="scale: none"):
        CreditSettings(baseline="leave-one-out or running", scale="sd")


def test_only_the_learning_seats_of_a_match_are_learnt_from(store: Store) -> None:
    (one,) = wait(store, 0, 1)
    labels = {"learners": {"B": "b"}, "opponent": ["B", "a base"], "version": 0}
    store.execute({"UPDATE run_matches SET labels = ?": [(json.dumps(labels),)]})
    ada = identity.register(store, "Ada")
    acts.submit(store, one, ada, "A", 0.8, "because")
    (made,) = queue.waited(store, RUN, queue.spend(store, RUN, 1, 0.0))
    assert [said.seat for said in made.tree.spoken] == ["B"]
    assert made.learners == {"B": "b"} and made.opponent == ("B", "a base")
    (path,) = made.tree.paths
    assert path == store.transcript(one) and [t.seat for t in path] == ["A", "B"]


# -- a store from before there was a queue


def test_an_older_store_is_given_the_table_when_it_is_opened(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as old:
        old.conn.execute("DROP TABLE spent")
        old.conn.execute("DELETE FROM _sqlite_migrations WHERE name = 'm002_spent_verdicts'")
    with Store(tmp_path / "s.db") as opened:
        wait(opened, 0, 1)
        judge(opened, identity.register(opened, "Ada"))
        assert len(queue.spend(opened, RUN, 1, 0.0)) == 1
