"""Clustered intervals, calibration and paired differences of made runs, against the estimators
called by hand; and the report's cost."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2
from typing import Any

import pytest
from rich.console import Console
from test_report import ANNE, BOB, Hand

from arena.protocols import consultancy, debate
from arena.questions import Question
from arena.report import report
from arena.report.rows import Group, Reading, make_row
from arena.report.units import credit
from arena.stats.intervals import Estimate, wilson
from arena.stats.means import share
from arena.stats.paired import paired_difference
from arena.store import Store
from ui.tables import print_report

CAROL = {"kind": "scripted", "name": "carol"}


@pytest.fixture
def hand() -> Iterator[Hand]:
    with Store(None) as store:
        yield Hand(store)


def asked(i: int, story: str | None = None) -> Question:
    return Question(f"question {i}?", ("yes", "no"), group=story)


def ends(one: Estimate | None) -> list[float]:
    assert one is not None and one.low is not None and one.high is not None
    return [one.low, one.high]


def reading(p: tuple[float, ...] | None, right: int = 0, **given: Any) -> Reading:
    """A verdict on a match of its own, by default on a question of its own as well."""
    number = given.pop("number")
    choice = None if p is None else max(range(len(p)), key=p.__getitem__)
    told = {"match": f"m{number}", "status": "ok", "choice": choice, "p": p,
            "quantity": None if p is None else "elicited", "listing": (0, 1), "turns": 0,
            "right": right, "concerned": "A", "question": f"q{number}", "story": None,
            "judge": "anne"}  # fmt: skip
    return Reading(**{**told, **given})


# ---------------------------------------------------------------------------------------------
# Clusters.


def test_a_row_has_intervals_by_question_and_story_as_the_estimators_give_them(hand: Hand) -> None:
    credit, questions, stories = [], [], []
    for i in range(24):
        question, story = i % 8, f"story {i % 8 // 2}"
        right = i % 8 // 2 != 1 or i < 4
        hand.verdict(
            hand.match(debate(), 0, question=asked(question, story)), 0.8 if right else 0.3
        )
        credit.append(float(right))
        questions.append(question)
        stories.append(story)
    (row,) = hand.report()["settings"]
    assert row["n"] == 24 and row["wilson"] == pytest.approx(wilson(sum(credit), 24))
    assert row["clustered"] == {
        "question": {"interval": pytest.approx(ends(share(credit, questions))), "clusters": 8},
        "story": {"interval": pytest.approx(ends(share(credit, stories))), "clusters": 4},
    }
    assert row["widest"] == "story"


def test_without_stories_there_is_no_interval_by_story(hand: Hand) -> None:
    for i in range(4):
        hand.verdict(hand.match(debate(), 0), 0.9 if i else 0.1)
    (row,) = hand.report()["settings"]
    assert row["clustered"] == {"question": {"interval": row["wilson"], "clusters": 4}}


def test_a_question_without_a_story_is_a_story_of_its_own(hand: Hand) -> None:
    for i, story in enumerate(["one", "one", None, None]):
        hand.verdict(hand.match(debate(), 0, question=asked(i, story)), 0.9)
    (row,) = hand.report()["settings"]
    assert row["clustered"]["story"]["clusters"] == 3


def test_a_question_with_its_answers_the_other_way_round_is_the_same_question(hand: Hand) -> None:
    for i in range(3):
        for answers, p in ((("yes", "no"), 0.9), (("no", "yes"), 0.2)):
            question = Question(f"question {i}?", answers, passage="p", group=f"story {i}")
            hand.verdict(hand.match(debate(), 0, question=question), p)
    other = Question("question 2?", ("yes", "no"), passage="another", group="story 2")
    hand.verdict(hand.match(debate(), 0, question=other), 0.9)
    (row,) = hand.report()["settings"]
    clusters = {name: one["clusters"] for name, one in row["clustered"].items()}
    assert (row["n"], clusters) == (7, {"question": 4, "story": 3})


def test_two_listings_of_a_match_are_one_value_of_its_cluster(hand: Hand) -> None:
    for i in range(3):
        match = hand.match(debate(), 0, question=asked(i))
        hand.verdict(match, 0.9, order=(0, 1))
        hand.verdict(match, 0.1 if i else 0.9, order=(1, 0))
    (row,) = hand.report()["settings"]
    assert row["clustered"]["question"]["interval"] == pytest.approx(
        ends(share([1, 0.5, 0.5], [0, 1, 2]))
    )


def test_one_cluster_has_no_interval_and_the_table_says_none(hand: Hand) -> None:
    for _ in range(3):
        hand.verdict(hand.match(debate(), 0, question=asked(1, "one")), 0.9)
    found = hand.report()
    (row,) = found["settings"]
    assert row["clustered"]["question"] == {"interval": None, "clusters": 1}
    assert row["widest"] == "question" and row["wilson"] is not None
    console = Console(record=True, width=100)
    print_report(console, found)
    assert "3     1.000      none  1 question  0.439-1.000" in console.export_text()


def test_a_row_of_missing_verdicts_has_no_clusters(hand: Hand) -> None:
    hand.verdict(hand.match(consultancy(), 1), status="timed out")
    (row,) = hand.report()["settings"]
    assert (row["clustered"], row["widest"]) == ({}, None)
    assert (row["ece"], row["stratified"]) == (None, None)


def test_only_a_row_of_several_judges_is_clustered_by_judge(hand: Hand) -> None:
    hand.kind = "import"
    labels = {"setting": "human debate", "sample": "paper"}
    judges, credit = [], []
    for i in range(12):
        judge, right = (ANNE, BOB, CAROL)[i % 3], i % 3 != 0 or i == 0
        match = hand.match(debate(), 0, labels=labels)
        hand.verdict(match, 0.8 if right else 0.2, judge, mode="live")
        hand.verdict(match, 0.8, BOB)
        judges.append(judge["name"])
        credit.append(float(right))
    found = hand.report()
    (row,), (reader,) = found["settings"], found["readers"]
    assert row["clustered"]["judge"] == {
        "interval": pytest.approx(ends(share(credit, judges))), "clusters": 3,
    }  # fmt: skip
    assert row["widest"] == "judge"
    assert "judge" not in reader["clustered"]


# ---------------------------------------------------------------------------------------------
# Calibration and what an import's judges reported.


def test_the_calibration_error_is_there_where_probabilities_are(hand: Hand) -> None:
    for p, truth in ((0.8, 0), (0.84, 1), (0.5, 0)):
        hand.verdict(hand.match(debate(), truth), p)
    hand.verdict(hand.match(debate(), 0), choice=0, judge=BOB)
    rows = {row["judge"]: row for row in hand.report()["settings"]}
    assert rows["scripted:anne,p=0.5"]["ece"] == pytest.approx(2 / 3 * (0.82 - 0.5))
    assert rows["scripted:bob"]["ece"] is None


def test_of_more_than_two_options_the_confidence_is_the_largest_and_ties_share_the_truth() -> None:
    given = [
        reading((0.2, 0.5, 0.3), 1, number=0), reading((0.2, 0.5, 0.3), 2, number=1),
        reading((0.4, 0.4, 0.2), 0, number=2), reading((0.4, 0.4, 0.2), 2, number=3),
    ]  # fmt: skip
    row = make_row(Group({}, readings=given), "half")
    # at .5: right in one of two; at .4: half right, and wrong
    assert row["ece"] == pytest.approx(0.5 * 0 + 0.5 * abs(0.25 - 0.4))


def test_a_tie_of_four_options_is_a_quarter_whatever_was_said_of_them() -> None:
    told = reading((0.25,) * 4, 1, number=0, options=4, status="tie", choice=None)
    silent = reading(None, 1, number=1, options=4, status="tie")
    assert [credit(one, "half") for one in (told, silent)] == [0.25, 0.25]
    assert [credit(one, "wrong") for one in (told, silent)] == [0, 0]


def test_an_imports_own_judges_have_figures_of_all_their_reports() -> None:
    given = [
        reading((0.8, 0.2), 0, number=0, before=((0.5, 0.5), (0.6, 0.4)), turns=2, story="s"),
        reading((0.3, 0.7), 0, number=1, before=((0.4, 0.6),), turns=1, story="s"),
        reading((0.9, 0.1), 0, number=2, turns=0, story="t"),
        reading(None, 0, number=3, turns=5, story="t", choice=0),
    ]  # fmt: skip
    row = make_row(Group({}, own=True, readings=given), "wrong")
    assert row["ece_final"] == pytest.approx((abs(1 - 0.8) + abs(0 - 0.7) + abs(1 - 0.9)) / 3)
    # every report by bin: .5 half right; .6 right once of two; .7 wrong; .8 and .9 right
    assert row["ece_turn"] == pytest.approx((0 + 2 * abs(0.5 - 0.6) + 0.7 + 0.2 + 0.1) / 6)
    assert row["bits_per_round"] == pytest.approx((log2(0.8 / 0.5) + log2(0.3 / 0.4)) / 3)
    assert row["turns_sd"] == pytest.approx((14 / 4) ** 0.5)
    assert row["story_bootstrap"] == [0.5, 1.0]  # two stories: half right, and right
    assert "ece" not in row
    without = make_row(Group({}, own=True, readings=[reading((0.9, 0.1), number=0)]), "wrong")
    assert (without["bits_per_round"], without["story_bootstrap"]) == (None, None)


# ---------------------------------------------------------------------------------------------
# Paired differences.


def imported(hand: Hand, setting: str, i: int, right: bool, story: str | None) -> None:
    hand.kind = "import"
    labels = {"setting": setting, "sample": "paper"}
    protocol = debate() if "debate" in setting else consultancy()
    sides = None if "debate" in setting else (("A", i % 2),)
    match = hand.match(protocol, 0, labels=labels, sides=sides, question=asked(i, story))
    hand.verdict(match, 0.8 if right else 0.2, mode="live")


@pytest.mark.parametrize("stories", [True, False])
def test_settings_are_paired_on_the_questions_that_they_share(hand: Hand, stories: bool) -> None:
    columns: list[tuple[float, str, int, str]] = []
    for i in range(16):
        story = f"story {i // 2}"
        for setting, here, right in (
            ("x debate", i < 14, i % 5 != 0), ("x consultancy", i > 1, i % 3 != 0),
        ):  # fmt: skip
            if here:
                imported(hand, setting, i, right, story if stories else None)
                columns.append((float(right), setting, i, story if stories else str(i)))
    imported(hand, "y debate", 99, True, None)  # shares no question with the consultancy
    (row,) = hand.report()["paired"]
    values, arms, questions, labels = zip(*columns, strict=True)
    known = paired_difference(values, arms, questions, ("x debate", "x consultancy"), labels)
    assert known is not None
    assert (row["first"], row["second"]) == ("x debate", "x consultancy")
    assert (row["questions"], row["clusters"]) == (12, 6 if stories else 12)
    assert row["by"] == ("story" if stories else "question")
    assert row["difference"] == pytest.approx(known.value)
    assert row["interval"] == pytest.approx(ends(known))
    assert row["p"] == row["holm"] == pytest.approx(known.p)


def test_a_pair_on_one_question_has_a_difference_and_nothing_else(hand: Hand) -> None:
    imported(hand, "a debate", 1, True, None)
    imported(hand, "a consultancy", 1, False, None)
    found = hand.report()
    (row,) = found["paired"]
    assert (row["difference"], row["interval"], row["p"], row["holm"]) == (1, None, None, None)
    console = Console(record=True, width=100)
    print_report(console, found)
    assert "a debate - a consultancy" in console.export_text()


def test_half_honest_and_half_dishonest_weigh_the_same_whatever_their_numbers(hand: Hand) -> None:
    one = consultancy()
    for side, p in ((0, 0.9), (0, 0.9), (0, 0.9), (0, 0.2), (1, 0.3)):
        hand.verdict(hand.match(one, 0, sides=(("A", side),)), p)
    (row,) = hand.report()["settings"]
    assert row["accuracy"] == pytest.approx(3 / 5)
    assert row["stratified"]["accuracy"] == pytest.approx((3 / 4 + 0) / 2)
    assert row["stratified"]["widest"] == "question"
    low, high = row["stratified"]["clustered"]["question"]["interval"]
    assert 0 <= low < 3 / 8 < high <= 1


# ---------------------------------------------------------------------------------------------
# Cost.


def test_a_report_reads_the_store_as_often_for_few_matches_as_for_many() -> None:
    counts = []
    for n in (2, 40):
        with Store(None) as store:
            hand = Hand(store)
            for i in range(n):
                hand.verdict(hand.match(debate(), 0, question=asked(i, str(i // 2))), 0.9)
            hand.report()
            said: list[str] = []
            store.conn.set_trace_callback(said.append)
            report(store, hand.name)
            counts.append(len(said))
    assert counts[0] == counts[1]
