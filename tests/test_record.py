"""Feedback and a judge's own record: what is told, to whom, and when."""

import math
from random import Random
from typing import Any

import pytest
from desks import debates, keep, people
from stage import match, question, stage

from arena.desk import acts, identity, planning, record, steps
from arena.desk.chairs import PersonError
from arena.desk.settings import Settings, set_settings
from arena.match import Match
from arena.protocols import critique
from arena.store import Store

TELLS = Settings(mode="whole", feedback=True, undo=60)
SHOWS = Settings(mode="whole", calibration=True, undo=60)


def test_the_truth_is_told_once_the_verdict_stands_for_good() -> None:
    one = match(question(0))
    with stage(None, [one], truth=1) as store:
        ada = identity.register(store, "Ada")
        assert record.feedback(store, one, ada, TELLS) is None
        acts.submit(store, one, ada, "A", 0.75, "x", now=1000, settings=TELLS)
        silent = Settings(mode="whole")
        assert record.feedback(store, one, ada, silent, True, now=9999) is None
        assert record.feedback(store, one, ada, TELLS, now=1060) is None  # it could be taken back
        found = record.feedback(store, one, ada, TELLS, now=1061)
        assert found == record.Feedback(1, 0, 0.25, math.log2(0.25), pytest.approx(0.75**2))
        assert record.feedback(store, one, ada, TELLS, now=1062) == found
        rows = list(store.query("SELECT * FROM events WHERE kind = 'feedback'"))
        assert len(rows) == 1 and rows[0]["person"] == ada
        for settings in (None, Settings(undo=None)):
            with pytest.raises(PersonError, match="which answer is right"):
                acts.withdraw(store, one, ada, now=1063, settings=settings)
        state = steps.reading(store, one, ada, Settings(undo=None))
        assert state.verdict is not None and state.undoes is None and state.undo is None


def test_who_confirms_is_told_at_once_and_cannot_take_it_back() -> None:
    one = match(question(0))
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        acts.submit(store, one, ada, "A", 0.75, "x", now=1000, settings=TELLS)
        assert acts.withdraw(store, one, ada, now=1001, settings=TELLS) is not None
        assert record.feedback(store, one, ada, TELLS, True, now=1002) is None  # nothing stands
        acts.submit(store, one, ada, "A", 0.75, "x", now=1003, settings=TELLS)
        found = record.feedback(store, one, ada, TELLS, True, now=1004)
        assert found is not None and found.right == found.chosen == 0
        with pytest.raises(PersonError, match="stands"):
            acts.withdraw(store, one, ada, now=1005, settings=TELLS)


def test_practice_always_tells_and_what_is_not_known_is_not_told() -> None:
    one, other = match(question(0)), match(question(1))
    silent = Settings(mode="whole")
    with stage(None, [one, other]) as store:
        ada = identity.register(store, "Ada")
        for what in (one, other):
            acts.submit(store, what, ada, "A", 0.75, "x", now=1000)
        store.conn.execute(
            "INSERT INTO assignments (match, seat, holder, until, kind) "
            "VALUES (?, 'judge', ?, 0, 'practice')", (one.id, ada))  # fmt: skip
        assert record.feedback(store, one, ada, silent, now=2000) is not None
        assert record.feedback(store, other, ada, silent, now=2000) is None
        store.conn.execute("DELETE FROM truths")
        assert record.feedback(store, other, ada, TELLS, now=2000) is None
        assert not list(store.query("SELECT 1 FROM events WHERE kind = 'feedback' AND match = ?",
                                    other.id))  # fmt: skip


def test_right_or_wrong_is_right_of_the_answer_on_trial() -> None:
    from stage import ALICE, BOB

    from arena.match import participant_id

    seats = (("A", participant_id(ALICE)), ("B", participant_id(BOB)))
    for proposal in (0, 1):
        one = Match(question(0), critique(), (("A", 0), ("B", 1)), seats, 0, proposal)
        with stage(None, [one], truth=1) as store:
            ada = identity.register(store, "Ada")
            acts.submit(store, one, ada, one.labels[0], 0.75, "x", now=0)
            found = record.feedback(store, one, ada, TELLS, now=100)
            assert found is not None and found.right == 1 - proposal


# The own record.


def verdicts(store: Store, person: str, given: list[tuple[Match, str, float | None]]) -> None:
    for n, (one, winner, p) in enumerate(given):
        acts.submit(store, one, person, winner, p, "x", now=1000.0 + n)


def test_a_record_over_nothing_is_empty() -> None:
    with stage(None, [match(question(0))]) as store:
        ada = identity.register(store, "Ada")
        assert record.record(store, ada) == record.Record(0, 0, None, None, None, None, ())


def test_a_record_is_what_is_computed_by_hand() -> None:
    draw = Random(4)
    matches = [match(question(n)) for n in range(12)]
    with stage(None, matches, truth=1) as store:
        set_settings(store, "trial", SHOWS)
        ada, bo = identity.register(store, "Ada"), identity.register(store, "Bo")
        given: list[Any] = []
        for one in matches[:11]:
            p = draw.choice([None, 0.55, 0.65, 0.75, 0.95, 1.0])
            given.append((one, acts.TIE if p is None else draw.choice("AB"), p))
        verdicts(store, ada, given)
        verdicts(store, bo, [(matches[0], "A", 0.6)])
        found = record.record(store, ada, now=5000)
        on_truth = [0.5 if p is None else p if w == "B" else 1 - p for _, w, p in given]
        right = [0.5 if p is None else float(w == "B") for _, w, p in given]
        assert (found.n, found.waiting) == (11, 0)
        assert found.accuracy == pytest.approx(sum(right) / 11)
        assert found.brier == pytest.approx(sum((1 - p) ** 2 for p in on_truth) / 11)
        clamped = [min(0.99, max(0.01, p)) for p in on_truth]
        assert found.bits == pytest.approx(sum(math.log2(p) for p in clamped) / 11)
        n, k, z = 11, sum(right), 1.959963984540054
        centre, half = (k + z * z / 2) / (n + z * z), z * math.sqrt(k * (n - k) / n + z * z / 4)
        assert found.interval == pytest.approx(
            (centre - half / (n + z * z), centre + half / (n + z * z))
        )
        for one in found.bins:
            inside = [
                (p or 0.5, r)
                for (_, _, p), r in zip(given, right, strict=True)
                if one.low <= (p or 0.5) < one.high or (p == one.high == 1)
            ]
            assert one.n == len(inside) > 0
            assert one.mean == pytest.approx(sum(p for p, _ in inside) / one.n)
            assert one.share == pytest.approx(sum(r for _, r in inside) / one.n)
            assert one.interval[0] <= one.share <= one.interval[1]
        assert sum(one.n for one in found.bins) == 11


def test_what_can_be_taken_back_and_what_a_study_does_not_show_is_not_counted() -> None:
    matches = [match(question(n)) for n in range(4)]
    with stage(None, matches) as store:
        ada = identity.register(store, "Ada")
        verdicts(store, ada, [(one, "A", 0.8) for one in matches])
        assert record.record(store, ada, now=5000).n == 0  # the study does not show it
        set_settings(store, "trial", SHOWS)
        assert record.record(store, ada, now=5000).n == 4
        early = record.record(store, ada, now=1061.5)
        assert (early.n, early.waiting) == (2, 2)
        acts.withdraw(store, matches[0], ada)
        assert record.record(store, ada, now=5000).n == 3
        endless = Settings(mode="whole", calibration=True, feedback=True, undo=None)
        set_settings(store, "trial", endless)
        found = record.record(store, ada, now=5000)
        assert (found.n, found.waiting) == (0, 3)
        record.feedback(store, matches[1], ada, endless, confirmed=True)
        assert record.record(store, ada, now=5000).n == 1


def test_what_is_gold_elsewhere_is_in_no_record() -> None:
    matches = [match(question(n)) for n in range(3)]
    with stage(None, matches) as store:
        ada = identity.register(store, "Ada")
        set_settings(store, "trial", SHOWS)
        verdicts(store, ada, [(one, "A", 0.8) for one in matches])
        assert record.record(store, ada, now=5000).n == 3
        set_settings(store, "another", Settings(gold="trial", gold_share=0.1))
        assert record.record(store, ada, now=5000).n == 0


def test_a_truth_that_is_turned_turns_nothing_but_the_record() -> None:
    found = []
    for truth in (0, 1):
        one = match(question(0))
        with stage(None, [one], truth=truth) as store:
            ada = identity.register(store, "Ada")
            set_settings(store, "trial", SHOWS, now=0)
            shown = steps.reading(store, one, ada, SHOWS)
            acts.submit(store, one, ada, "A", 0.8, "x", now=1000, settings=SHOWS)
            after = steps.reading(store, one, ada, SHOWS)
            found.append((shown, after, record.record(store, ada, now=5000).accuracy))
    assert found[0][:2] == found[1][:2] and (found[0][2], found[1][2]) == (1, 0)


# Gold and repeats: nothing tells them from others.

MIXED = Settings(mode="whole", calibration=True, undo=60, gold="known", gold_share=0.2,
                 again_share=0.2)  # fmt: skip


def planned(store: Store, settings: Settings = MIXED) -> list[dict[str, Any]]:
    """Ada's places in order: debates of the trial, some of them gold, some given twice."""
    keep(store, debates(12, name="t"))
    keep(store, debates(6, seed=1, name="g"), "known")
    set_settings(store, "trial", settings)
    (ada,) = people(store, 1)
    plan = planning.preview(store, planning.PlanRequest("trial", (ada,), distance=3))
    planning.commit(store, plan, None)
    rows = list(store.query("SELECT match, kind, holder FROM assignments ORDER BY position"))
    assert {row["kind"] for row in rows} == {"judging", "gold", "duplicate"}
    return rows


def test_a_record_stands_still_until_all_is_done_and_then_counts_gold_and_repeats_alike() -> None:
    with Store(None) as store:
        rows = planned(store)
        ada = rows[0]["holder"]
        for n, row in enumerate(rows, start=1):
            one = store.match(row["match"])
            acts.submit(store, one, ada, "A", 0.8, "x", now=100.0 * n, settings=MIXED)
            # Long after the verdict and nothing else: the same whatever was judged, right or wrong.
            found = record.record(store, ada, now=100.0 * n + 61)
            last = n == len(rows)
            assert (found.n, found.held, found.waiting) == ((n, 0, 0) if last else (0, n, 0))
            assert (found.accuracy is None, found.bins == ()) == (not last, not last)
        early = record.record(store, ada, now=100.0 * len(rows) + 59)  # could be taken back
        assert (early.n, early.held) == (0, len(rows))


def test_a_record_that_is_held_back_counts_verdicts_whose_answers_nobody_knows() -> None:
    with Store(None) as store:
        rows = planned(store)
        ada = rows[0]["holder"]
        store.execute({
            "DELETE FROM truths WHERE question IN (SELECT question FROM matches WHERE id IN "
            "(SELECT match FROM run_matches WHERE run = 'trial'))": [()]
        })  # fmt: skip
        for n, row in enumerate(rows[:-1], start=1):
            one = store.match(row["match"])
            acts.submit(store, one, ada, "A", 0.8, "x", now=100.0, settings=MIXED)
            assert record.record(store, ada, now=900).held == n


def test_whoever_has_no_gold_and_nothing_twice_sees_its_record_move() -> None:
    with Store(None) as store:
        planned(store)
        (bo,) = [identity.register(store, "Bo")]
        for n in range(3):
            one = debates(12, name="t")[n]
            acts.submit(store, one, bo, "A", 0.8, "x", now=100.0, settings=MIXED)
            assert record.record(store, bo, now=900).n == n + 1


def test_feedback_does_not_go_with_gold_or_repeats() -> None:
    for shares in ({"gold": "known", "gold_share": 0.1}, {"again_share": 0.1}):
        with pytest.raises(ValueError, match=r"^feedback must be false where") as refused:
            Settings(feedback=True, **shares)  # type: ignore[arg-type]
        said = str(refused.value)
        assert "got feedback true with gold_share" in said and "set feedback to false" in said
        assert "\n" not in said
    Settings(feedback=True, gold="known", practice="known")  # named, and none is given


def test_feedback_that_is_switched_on_after_a_plan_waits_until_all_is_done() -> None:
    told = Settings(mode="whole", feedback=True, undo=60)
    with Store(None) as store:
        rows = planned(store)
        ada = rows[0]["holder"]
        set_settings(store, "trial", told)
        for row in rows:
            one = store.match(row["match"])
            acts.submit(store, one, ada, "A", 0.8, "x", now=100.0, settings=told)
            last = row == rows[-1]
            assert record.tells(store, one, ada, told) is last
            assert (record.feedback(store, one, ada, told, True, now=500) is None) is not last


def test_practice_is_told_beside_gold_and_repeats() -> None:
    with Store(None) as store:
        keep(store, debates(1, seed=2, name="p"), "before")
        settings = Settings(mode="whole", undo=60, practice="before", gold="known",
                            gold_share=0.2, again_share=0.2)  # fmt: skip
        keep(store, debates(12, name="t"))
        keep(store, debates(6, seed=1, name="g"), "known")
        set_settings(store, "trial", settings)
        (ada,) = people(store, 1)
        plan = planning.preview(store, planning.PlanRequest("trial", (ada,), distance=3))
        planning.commit(store, plan, None)
        (one,) = debates(1, seed=2, name="p")
        acts.submit(store, one, ada, "A", 0.8, "x", now=100.0, settings=settings)
        assert record.feedback(store, one, ada, settings, now=500) is not None
