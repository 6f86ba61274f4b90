"""Where a figure could claim more than its verdicts say: all alike, few questions, many people."""

from __future__ import annotations

import random
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from test_report import ANNE, BOB, Hand

from arena.match import Match, Transcript
from arena.protocols import debate, expert, naive
from arena.questions import Question
from arena.stats.paired import paired_difference
from arena.store import Store
from arena.turns import Speech
from ui.sections import remarks
from ui.sheets import CLUSTERED, figures, sheet, texts
from ui.sheets_accuracy import pooled
from ui.sheets_judges import recovered
from ui.tables import table


@pytest.fixture
def hand() -> Iterator[Hand]:
    with Store(None) as store:
        yield Hand(store)


def asked(i: int) -> Question:
    return Question(f"question {i}?", ("yes", "no"))


def direct(hand: Hand, protocol: Any, i: int, right: bool) -> None:
    sides = () if not protocol.speakers else None
    match = hand.match(protocol, 0, sides=sides, question=asked(i))
    hand.verdict(match, 0.8 if right else 0.2)


def test_the_gap_recovered_has_a_width_where_all_verdicts_are_right(hand: Hand) -> None:
    """A bootstrap of debates and experts that are all right never draws anything else."""
    for i in range(20):
        direct(hand, naive(), i, i % 2 == 0)
        direct(hand, debate(), i, True)
        direct(hand, expert(), i, True)
    (row,) = hand.report()["recovered"]
    low, high = row["value"]["interval"]
    assert row["value"]["value"] == 1 and low < 0.9 and high > 1.05
    assert row["gap"]["interval"][0] < 0.5 < row["gap"]["interval"][1]


def test_a_gap_that_is_not_clear_of_nothing_leaves_its_share_open(hand: Hand) -> None:
    for i in range(20):
        direct(hand, naive(), i, i % 2 == 0)
        direct(hand, debate(), i, i % 5 != 0)
        direct(hand, expert(), i, i % 2 == 0 or i == 1)
    found = hand.report()
    (row,) = found["recovered"]
    assert row["value"]["value"] == pytest.approx(0.3 / 0.05) and row["value"]["interval"] is None
    assert "any share" in row["open"]
    sheet = recovered(found)[0]
    assert sheet.column("95 % interval") == ["open"] and "any share" in sheet.notes[1]


def test_the_gap_recovered_is_over_the_questions_of_all_three(hand: Hand) -> None:
    for i in range(30):
        direct(hand, naive(), i, i % 2 == 0)
        if i < 20:
            direct(hand, expert(), i, True)
        if i >= 10:
            direct(hand, debate(), i, i < 15 or i >= 20)
    (row,) = hand.report()["recovered"]
    assert row["value"]["n"] == 10  # 10 to 19, of which the debates were right on half
    assert row["value"]["value"] == pytest.approx((0.5 - 0.5) / (1 - 0.5))


def test_a_judge_without_a_floor_is_told_so_by_its_name(hand: Hand) -> None:
    for i in range(4):
        direct(hand, naive(), i, True)
        direct(hand, expert(), i, True)
        hand.verdict(hand.match(debate(), 0, question=asked(i)), 0.8, BOB)
    (row,) = hand.report()["recovered"][-1:]
    assert "without an argument" in row["undefined"] and row["value"] is None
    assert (row["floor"], row["ceiling"]) == ("naive", "expert")  # though it has judged neither


@pytest.mark.parametrize(("questions", "audited"), [(9, False), (10, True)])
def test_fewer_than_ten_questions_are_not_audited(
    hand: Hand, questions: int, audited: bool
) -> None:
    """Whatever says nothing of the truth tells it of so few: the longer side is always right."""
    for i in range(questions):
        truth = i % 2
        said = [Speech("ab " * (9 + i % 3 + 4 * (k == truth))) for k in range(2)]
        match: tuple[Match, Transcript] = hand.match(
            debate(rounds=1), truth, said, question=asked(i)
        )
        hand.verdict(match, 0.8)
    found = hand.report()["leaks"]
    assert ("auc" in found) == audited
    if not audited:
        assert "9 questions are too few" in found["reason"] and "warning" not in found


def test_no_interval_of_agreement_leaves_out_its_estimate(hand: Hand) -> None:
    """Two judges who differ on every match: every draw is alike, and alpha is below 0."""
    for i in range(6):
        match = hand.match(debate(), 0, question=asked(i))
        hand.verdict(match, 0.8, ANNE)
        hand.verdict(match, 0.2, BOB)
    (row,) = hand.report()["agreement"]
    assert row["alpha"]["value"] < 0
    for key in ("alpha", "alpha_interval", "kappa"):
        one = row[key]
        if one is not None and one["interval"] is not None:
            assert one["interval"][0] <= one["value"] <= one["interval"][1], key


PEOPLE = [{"kind": "person", "name": f"reader {k}"} for k in range(6)]


def test_differences_under_several_people_are_clustered_by_person_as_well(hand: Hand) -> None:
    """Three people read only one setting and three only the other, and each has a skill of their
    own, which questions cannot tell from the settings'."""
    rng = random.Random(3)
    skill = [0.95, 0.9, 0.5, 0.6, 0.4, 0.5]
    values, arms, questions = [], [], []
    for i in range(90):
        for k in (i % 3, 3 + i % 3):
            right = rng.random() < skill[k]
            setting = "xy"[k // 3]
            match = hand.match(debate(), 0, labels={"setting": setting}, question=asked(i))
            hand.verdict(match, 0.8 if right else 0.2, PEOPLE[k])
            values.append(float(right))
            arms.append(setting)
            questions.append(i)
    found = hand.report()
    (row,) = found["differences"]
    plain = paired_difference(values, arms, questions, ("x", "y"))
    assert plain is not None and plain.low is not None and plain.low > 0
    for key in ("paired", "unpaired"):
        assert row[key]["by"] == "question x judge" and row[key]["clusters"] == 6
        assert row[key]["value"] == pytest.approx(plain.value)
        assert row[key]["interval"][0] < 0 < row[key]["interval"][1]
        assert row[key]["p"] > 0.05
    assert row["paired"]["questions"] == 90
    # By hand: influences of rows, summed by question, by reader, and by themselves.
    mean = {a: sum(v for v, b in zip(values, arms, strict=True) if b == a) / 90 for a in "xy"}
    parts: dict[tuple[str, int], float] = {}
    for i, (value, arm) in enumerate(zip(values, arms, strict=True)):
        off = (value - mean[arm]) / 90 * (1 if arm == "x" else -1)
        reader = questions[i] % 3 + 3 * (arm == "y")
        for kind, which in (("question", questions[i]), ("reader", reader), ("row", i)):
            parts[kind, which] = parts.get((kind, which), 0.0) + off
    square = {of: sum(v * v for (kind, _), v in parts.items() if kind == of)
              for of in ("question", "reader", "row")}  # fmt: skip
    error = (square["question"] + square["reader"] - square["row"]) ** 0.5
    low, high = row["paired"]["interval"]
    assert (high - low) / 2 > 2.3 * error  # t of few people, and the factors for few clusters
    (sheet,) = pooled(found)
    assert sheet.title.endswith("over people")


def test_verdicts_on_unknown_truths_are_said_to_be_in_no_accuracy(hand: Hand) -> None:
    for i in range(3):
        hand.verdict(hand.match(debate(), None, question=asked(i)), 0.8)
    assert any(
        "truth is not known, in no accuracy: 3" in line for line in remarks(hand.report(), {})
    )


def test_a_name_is_folded_between_its_words_where_the_console_has_room() -> None:
    """The widest table of differences, under a judge that the terminal once cut in two."""
    settings = ("consultancy", "debate: critique only")
    rows = [(*settings, "scripted:literal", "120", "+0.119", "-0.085, +0.306", "40 stories",
             "<0.001", "0.500", "10 / 12")]  # fmt: skip
    columns = (
        *texts("setting", "less setting", "judge"),
        *figures("verdicts", "differ-\nence", "95 %\ninterval"), CLUSTERED,
        *figures("p", "McNemar's\np", "only the first /\nthe second right"),
    )  # fmt: skip
    (one,) = sheet("unpaired", "Differences", columns, rows)
    for width, whole in ((130, True), (100, False)):
        to = Console(width=width, record=True, file=StringIO())
        to.print(table(one, width))
        assert ("scripted:literal" in to.export_text()) == whole
