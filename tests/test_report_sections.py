"""The sections of reports: planted runs whose figures can be worked out by hand, and libraries that
know nothing of ours on columns read from the store by plain SQL."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from math import log, log2
from typing import Any

import numpy as np
import pytest
from test_report import ANNE, BOB, Hand

from arena.match import Match, Transcript
from arena.protocols import consultancy, critique, debate, expert, naive
from arena.questions import Question
from arena.report import report
from arena.stats.means import share
from arena.store import Store
from arena.turns import Quote, Speech

CAROL = {"kind": "scripted", "name": "carol"}
ADA, BEN = ({"kind": "person", "name": name} for name in ("ada", "ben"))


@pytest.fixture
def hand() -> Iterator[Hand]:
    with Store(None) as store:
        yield Hand(store)


def asked(i: int, story: str | None = None) -> Question:
    return Question(f"question {i}?", ("yes", "no"), group=story)


def named(found: dict[str, Any], section: str, **wanted: Any) -> dict[str, Any]:
    """The one row of a section with these values."""
    (row,) = (
        one for one in found[section] if all(one.get(key) == value for key, value in wanted.items())
    )
    return dict(row)


def columns(store: Store) -> list[dict[str, Any]]:
    """Every elicited verdict of the store with its truth: nothing of the report's own."""
    sql = """
      SELECT v.match, v.author, v.choice, v.listing, m.question, q.grp AS story, tr.truth,
        json_extract(v.elicited, '$[' || tr.truth || ']') AS p,
        json_extract(v.elicited, '$[0]') AS first, rm.labels ->> 'setting' AS setting
      FROM verdicts AS v JOIN matches AS m ON m.id = v.match JOIN truths AS tr USING (question)
      JOIN questions AS q ON q.id = m.question JOIN run_matches AS rm ON rm.match = m.id
      ORDER BY rm.position, v.id"""
    return list(store.query(sql))


# ---------------------------------------------------------------------------------------------
# Rows.


def test_balanced_accuracy_and_youdens_j_are_those_of_a_judge_who_always_says_yes(
    hand: Hand,
) -> None:
    from sklearn.metrics import balanced_accuracy_score

    for i in range(30):
        hand.verdict(hand.match(debate(), int(i < 6), question=asked(i)), 0.9)
    for i in range(20):
        p = 0.9 if i % 3 else 0.2
        hand.verdict(hand.match(debate(), i % 2, question=asked(100 + i)), p, BOB)
    found = hand.report()
    row = named(found, "settings", judge="scripted:anne,p=0.5")
    assert row["accuracy"] == pytest.approx(24 / 30)
    assert row["balanced"]["value"] == pytest.approx(0.5)
    assert row["youden"]["value"] == pytest.approx(0)
    assert row["balanced"]["interval"][0] < 0.5 < row["balanced"]["interval"][1]
    row = named(found, "settings", judge="scripted:bob")
    who = [one for one in columns(hand.store) if one["author"] == row["judge_id"]]
    known = balanced_accuracy_score([one["truth"] for one in who], [one["choice"] for one in who])
    assert row["balanced"]["value"] == pytest.approx(known)
    assert row["youden"]["value"] == pytest.approx(2 * known - 1)
    assert row["balanced"]["by"] == "question" and row["balanced"]["clusters"] == 20


def test_balanced_accuracy_of_critiques_is_over_right_and_wrong(hand: Hand) -> None:
    sides = (("A", 0), ("B", 1))
    for i in range(12):
        match = hand.match(critique(), 0, proposal=int(i < 3), sides=sides, question=asked(i))
        hand.verdict(match, 0.9)  # always "right"; the answer on trial is right 9 times of 12
    (row,) = hand.report()["settings"]
    assert row["accuracy"] == pytest.approx(0.75)
    assert row["balanced"]["value"] == pytest.approx(0.5)


def test_missing_verdicts_leave_bounds_and_a_test_whether_they_fall_on_one_side(
    hand: Hand,
) -> None:
    from scipy.stats import fisher_exact

    for i in range(20):
        match = hand.match(debate(), i % 2, question=asked(i))
        if i % 2 and i < 12:
            hand.verdict(match, status="truncated")
        else:
            hand.verdict(match, 0.9)  # right where the truth is 0
    hand.verdict(hand.match(debate(), None), status="refused")  # nothing to be right about
    (row,) = hand.report()["settings"]
    assert (row["n"], row["correct"]) == (14, 10)
    assert row["bounds"] == [pytest.approx(10 / 20), pytest.approx(16 / 20)]
    side = row["missing_side"]
    assert side["sides"] == {"A": {"missing": 0, "of": 10}, "B": {"missing": 6, "of": 10}}
    assert side["p"] == pytest.approx(fisher_exact([[0, 10], [6, 4]]).pvalue)


def test_a_listing_that_is_missing_is_half_of_its_match_in_the_bounds(hand: Hand) -> None:
    match = hand.match(debate(), 0)
    hand.verdict(match, 0.9, order=(0, 1))
    hand.verdict(match, status="unparsed", order=(1, 0))
    hand.verdict(hand.match(debate(), 0), 0.9)
    (row,) = hand.report()["settings"]
    assert (row["n"], row["accuracy"]) == (2, 1)
    assert row["bounds"] == [0.75, 1]


def test_a_row_without_missing_verdicts_has_no_bounds(hand: Hand) -> None:
    hand.verdict(hand.match(debate(), 0), 0.9)
    (row,) = hand.report()["settings"]
    assert "bounds" not in row and "missing_side" not in row


def test_the_bootstrap_is_near_the_linearised_interval_of_the_wider_clustering(hand: Hand) -> None:
    rng = random.Random(1)
    for i in range(240):
        story = f"story {i % 30}"
        right = rng.random() < (0.9 if i % 30 < 20 else 0.4)
        hand.verdict(hand.match(debate(), 0, question=asked(i % 60, story)), 0.8 if right else 0.2)
    (row,) = hand.report()["settings"]
    low, high = row["clustered"]["story"]["interval"]
    assert row["widest"] == "story"
    assert row["bootstrap"] == pytest.approx([low, high], abs=0.02)
    assert high - low > 1.3 * (row["wilson"][1] - row["wilson"][0])


def test_judges_who_share_questions_are_crossed_with_them(hand: Hand) -> None:
    """People are one judge together: with effects of each judge, the two-way interval is wider than
    by question alone, and the pigeonhole's is no narrower."""
    rng = random.Random(2)
    people = [{"kind": "person", "name": f"p{i}"} for i in range(12)]
    skill = [0.95 if i % 2 else 0.45 for i in range(12)]
    for i in range(40):
        match = hand.match(debate(), 0, question=asked(i))
        for person, p in zip(people, skill, strict=True):
            hand.verdict(match, 0.8 if rng.random() < p else 0.2, person)
    found = hand.report()
    assert len(found["settings"]) == 12
    (row,) = found["pooled"]
    assert (row["judge"], row["judge_id"], row["n"]) == ("people", "people", 480)
    by = {name: one["clusters"] for name, one in row["clustered"].items()}
    assert by == {"question": 40, "judge": 12}

    def width(ends: list[float]) -> float:
        return ends[1] - ends[0]

    two = row["two_way"]
    assert (two["by"], two["clusters"], two["n"]) == ("question x judge", 12, 480)
    assert width(two["interval"]) > 2 * width(row["clustered"]["question"]["interval"])
    assert width(row["pigeonhole"]) > 0.95 * width(two["interval"])
    # Each judge read every question: the mean is over judges, and so is Student's interval of it.
    known = columns(hand.store)
    means = [
        np.mean([one["p"] > 0.5 for one in known if one["author"] == who])
        for who in sorted({one["author"] for one in known})
    ]
    assert row["accuracy"] == pytest.approx(np.mean(means))
    half = 2.201 * np.std(means, ddof=1) / 12**0.5  # t of 11 degrees of freedom
    assert width(two["interval"]) == pytest.approx(2 * half, rel=0.25)
    assert {one["judge"] for one in found["calibration"]} == {"people"}
    assert len(found["cards"]) == 12


def test_pairs_of_players_are_a_clustering_where_there_are_several(hand: Hand) -> None:
    from dataclasses import replace

    credit, pairs = [], []
    for i in range(24):
        match, said = hand.match(debate(), 0, question=asked(i))
        team = (("A", f"a{i % 3}"), ("B", "a9"))[:: 1 if i % 2 else -1]
        seated = replace(match, seats=tuple(zip("AB", (who for _, who in team), strict=True)))
        hand.batch.matches[-1] = seated
        hand.batch.run_matches[-1] = (hand.name, i, seated.id, {"setting": "debate"})
        hand.batch.turns = [
            (seated if one is match else one, turn) for one, turn in hand.batch.turns
        ]
        right = i % 3 != 0
        hand.verdict((seated, said), 0.8 if right else 0.2)
        credit.append(float(right))
        pairs.append(i % 3)  # whatever the seats
    (row,) = hand.report()["settings"]
    known = share(credit, pairs)
    assert known is not None
    assert row["clustered"]["pair"] == {
        "interval": pytest.approx([known.low, known.high]), "clusters": 3,
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------
# Behaviour.


def test_the_score_difference_of_debates_is_the_mean_log_odds_of_the_truth(hand: Hand) -> None:
    given = [(0.8, 0), (0.3, 1), (0.4, 0), (0.999, 0), (0.5, 1)]
    for i, (p, truth) in enumerate(given):
        hand.verdict(hand.match(debate(), truth, question=asked(i)), p)
    row = named(hand.report(), "behaviour", setting=debate().name)
    on_truth = [p if truth == 0 else 1 - p for p, truth in given]
    clipped = [min(max(p, 0.01), 0.99) for p in on_truth]
    bits = [log2(p / (1 - p)) for p in clipped]
    assert row["score_difference"]["value"] == pytest.approx(sum(bits) / 5)
    assert row["score_difference_probability"]["value"] == pytest.approx(
        sum(2 * p - 1 for p in on_truth) / 5
    )
    low, high = row["score_difference"]["interval"]
    half = 2.776445 * np.std(bits, ddof=1) / 5**0.5
    assert (high - low) / 2 == pytest.approx(half, rel=1e-4)
    assert row["win_rate_honest"]["value"] == pytest.approx(3.5 / 5)


def test_two_listings_of_a_match_are_one_value_of_the_score_difference(hand: Hand) -> None:
    for i, (one, other) in enumerate(((0.9, 0.6), (0.3, 0.7), (0.8, 0.8))):
        match = hand.match(debate(), 0, question=asked(i))
        hand.verdict(match, one, order=(0, 1))
        hand.verdict(match, other, order=(1, 0))
    row = named(hand.report(), "behaviour", setting=debate().name)
    known = columns(hand.store)
    bits = [log2(one["p"] / (1 - one["p"])) for one in known]
    assert row["score_difference"]["value"] == pytest.approx(np.mean(bits))
    assert row["score_difference"]["n"] == 3 and len(known) == 6
    assert row["score_difference_probability"]["n"] == 3


def test_a_lone_speakers_score_difference_is_honest_less_dishonest(hand: Hand) -> None:
    one = consultancy()
    for i, (side, p) in enumerate(((0, 0.9), (0, 0.7), (0, 0.8), (1, 0.6), (1, 0.2))):
        hand.verdict(hand.match(one, 0, sides=(("A", side),), question=asked(i)), p)
    row = named(hand.report(), "behaviour", setting=one.name)
    honest = np.mean([log2(0.9), log2(0.7), log2(0.8)])
    against = np.mean([log2(1 - 0.6), log2(1 - 0.2)])
    assert row["score_difference"]["value"] == pytest.approx(honest - against)
    assert row["score_difference_probability"]["value"] == pytest.approx(0.8 - 0.6)
    assert row["win_rate_honest"] is None and row["length_bias"] is None


def test_two_listings_of_a_lone_speaker_are_one_value_of_its_score(hand: Hand) -> None:
    one = consultancy()
    table = {0: ((0.9, 0.6), (0.7, 0.5)), 1: ((0.2, 0.8),)}
    for side, pairs in table.items():
        for i, (p, turned) in enumerate(pairs):
            match = hand.match(one, 0, sides=(("A", side),), question=asked(10 * side + i))
            hand.verdict(match, p, order=(0, 1))
            hand.verdict(match, turned, order=(1, 0))
    row = named(hand.report(), "behaviour", setting=one.name)
    honest = np.mean([log2(p) for pair in table[0] for p in pair])
    against = np.mean([log2(1 - p) for pair in table[1] for p in pair])
    assert row["score_difference"]["value"] == pytest.approx(honest - against)
    assert row["score_difference"]["n"] == 3
    assert row["score_difference_probability"]["value"] == pytest.approx(0.675 - 0.5)


def test_nobody_argues_in_a_direct_judgment(hand: Hand) -> None:
    for i in range(3):
        hand.verdict(hand.match(naive(), 0, sides=(), question=asked(i)), 0.8)
    row = named(hand.report(), "behaviour", setting="naive")
    assert row["score_difference"] is None and row["win_rate_honest"] is None


def test_position_bias_and_flips_are_of_matches_read_in_both_listings(hand: Hand) -> None:
    for i in range(10):
        match = hand.match(debate(), i % 2, question=asked(i))
        hand.verdict(match, 0.7, order=(0, 1))
        hand.verdict(match, 0.3 if i < 4 else 0.7, order=(1, 0))  # four follow the list
    hand.verdict(hand.match(debate(), 0), 0.99)  # in one listing only
    found = hand.report()
    row = named(found, "behaviour", setting=debate().name)
    assert row["flip_rate"]["value"] == pytest.approx(0.4)
    assert row["flip_rate"]["n"] == 10
    assert row["position_bias"]["value"] == pytest.approx((4 * 0.2 + 6 * 0) / 10)
    assert row["position_bias"]["value"] == pytest.approx(found["settings"][0]["position_bias"])


def test_a_planted_length_bias_is_recovered_as_statsmodels_does(hand: Hand) -> None:
    import statsmodels.api as sm

    rng = random.Random(3)
    for i in range(400):
        a, b = rng.randrange(1000), rng.randrange(1000)
        said = [Speech("x" * a), Speech("y" * b)]
        truth = i % 2
        logit = 2.0 * (a - b) / 1000 + (0.8 if truth == 0 else -0.8)
        chosen = rng.random() < 1 / (1 + np.exp(-logit))
        question = asked(i % 100, f"story {i % 50}")
        hand.verdict(hand.match(debate(rounds=1), truth, said, question=question),
                     0.8 if chosen else 0.2)  # fmt: skip
    row = named(hand.report(), "behaviour", setting=debate().name)
    sql = """SELECT v.choice, q.grp, t.truth,
      sum((s.seat = 'A') * length(x.text)) - sum((s.seat = 'B') * length(x.text)) AS longer
      FROM verdicts AS v JOIN matches AS m ON m.id = v.match JOIN truths AS t USING (question)
      JOIN questions AS q ON q.id = m.question JOIN match_turns AS mt ON mt.match = m.id
      JOIN turns AS s ON s.id = mt.turn JOIN speeches AS x ON x.id = s.speech GROUP BY v.match"""
    rows = list(hand.store.query(sql))
    y = np.array([one["choice"] == 0 for one in rows], float)
    x = np.array([[one["longer"] / 1000, 1.0 if one["truth"] == 0 else -1.0] for one in rows])
    groups = np.unique([one["grp"] for one in rows], return_inverse=True)[1]
    fit = sm.GLM(y, x, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    bias = row["length_bias"]
    assert bias["slope"]["value"] == pytest.approx(fit.params[0], rel=1e-6)
    assert bias["honesty"]["value"] == pytest.approx(fit.params[1], rel=1e-6)
    low, high = bias["slope"]["interval"]
    half = 2.009575 * fit.bse[0] * (50 / 49) ** 0.5  # t of 49 degrees of freedom
    assert (high - low) / 2 == pytest.approx(half, rel=1e-3)
    assert low < 2.0 < high
    assert bias["slope"]["by"] == "story" and bias["per"] == "1000 characters"


# ---------------------------------------------------------------------------------------------
# Calibration.


def test_the_temperature_and_the_gap_of_an_overconfident_judge_are_worked_out(hand: Hand) -> None:
    for i in range(50):
        right = i % 5 < 3  # sixty of a hundred, where it says eighty
        hand.verdict(hand.match(debate(), 0, question=asked(i)), 0.8 if right else 0.2)
    row = named(hand.report(), "calibration", setting=debate().name)
    assert row["n"] == 50
    assert row["overconfidence"]["value"] == pytest.approx(0.2)
    assert row["ece"] == pytest.approx(0.2)
    assert row["temperature"]["value"] == pytest.approx(log(0.6 / 0.4) / log(0.8 / 0.2))
    assert row["temperature"]["before"] == pytest.approx(0.6 * log2(0.8) + 0.4 * log2(0.2))
    assert row["temperature"]["after"] == pytest.approx(0.6 * log2(0.6) + 0.4 * log2(0.4))
    (bar,) = row["bins"]
    assert (bar["low"], bar["high"], bar["n"]) == (0.8, 0.9, 50)
    assert (bar["confidence"], bar["accuracy"]) == (pytest.approx(0.8), pytest.approx(0.6))
    assert row["rule"] == "raw"


def test_calibration_agrees_with_scikit_learn_on_the_stored_columns(hand: Hand) -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    rng = random.Random(4)
    for i in range(300):
        p = rng.uniform(0.02, 0.98)
        hand.verdict(hand.match(debate(), int(rng.random() > p), question=asked(i)), p)
    found = hand.report()
    row, main = found["calibration"][0], found["settings"][0]
    known = columns(hand.store)
    came = np.array([one["truth"] == 0 for one in known], float)
    first = np.array([one["first"] for one in known])
    brier = row["brier"]
    assert brier["brier"] == pytest.approx(brier_score_loss(came, first))
    assert brier["brier"] == pytest.approx(main["brier"])
    parts = brier["reliability"] - brier["resolution"] + brier["uncertainty"] + brier["within"]
    assert parts == pytest.approx(brier["brier"])
    said = np.maximum(first, 1 - first)
    right = (first > 0.5) == (came == 1)
    freq, mean = calibration_curve(right, said, n_bins=10)
    assert [one["accuracy"] for one in row["bins"]] == pytest.approx(list(freq))
    assert [one["confidence"] for one in row["bins"]] == pytest.approx(list(mean))
    assert row["ece"] == pytest.approx(main["ece"])
    # Calibrated by construction: what chance alone would show is not exceeded by much.
    assert row["null_ece"]["mean"] < row["null_ece"]["high"]
    assert row["null_ece"]["p"] > 0.01


# ---------------------------------------------------------------------------------------------
# Agreement.


def test_agreement_is_that_of_scikit_learn_and_of_krippendorffs_own_sums(hand: Hand) -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = random.Random(5)
    said: list[tuple[int, int]] = []
    for i in range(60):
        match = hand.match(debate(), None if i % 7 else 0, question=asked(i))
        a = rng.random() < 0.5
        b = a if rng.random() < 0.7 else not a
        for judge, first in ((ANNE, a), (BOB, b)):
            hand.verdict(match, 0.8 if first else 0.1, judge, order=(0, 1))
        said.append((int(not a), int(not b)))
    for i in range(5):  # only one of them: says nothing of agreement
        hand.verdict(hand.match(debate(), 0, question=asked(100 + i)), 0.9)
    row = named(hand.report(), "agreement", setting=debate().name)
    a_, b_ = (np.array(one) for one in zip(*said, strict=True))
    assert (row["units"], row["judgments"]) == (60, 120)
    assert row["judges"] == ["scripted:anne,p=0.5", "scripted:bob"] or row["judges"] == [
        "scripted:bob", "scripted:anne,p=0.5",
    ]  # fmt: skip
    assert row["percent"] == pytest.approx(np.mean(a_ == b_))
    assert row["kappa"]["value"] == pytest.approx(cohen_kappa_score(a_, b_))
    ones = a_.sum() + b_.sum()
    apart = 2 * ones * (120 - ones) / (120 * 119)  # expected disagreement of two drawn at random
    assert row["alpha"]["value"] == pytest.approx(1 - np.mean(a_ != b_) / apart)
    assert row["alpha"]["by"] == "question" and row["alpha"]["clusters"] == 60


def test_a_judges_two_listings_are_one_judgment_of_its_match(hand: Hand) -> None:
    for i in range(8):
        match = hand.match(debate(), 0, question=asked(i))
        hand.verdict(match, 0.9, ANNE, order=(0, 1))
        hand.verdict(match, 0.3, ANNE, order=(1, 0))  # on average .6: the first option
        hand.verdict(match, 0.8 if i else 0.2, BOB)
    row = named(hand.report(), "agreement", setting=debate().name)
    assert (row["units"], row["judgments"], row["percent"]) == (8, 16, pytest.approx(7 / 8))


def test_one_judge_alone_agrees_with_nobody(hand: Hand) -> None:
    hand.verdict(hand.match(debate(), 0), 0.9)
    assert hand.report()["agreement"] == []


# ---------------------------------------------------------------------------------------------
# Differences.


def under(hand: Hand, setting: str, i: int, right: bool, judge: Any = ANNE) -> None:
    match = hand.match(debate(), 0, labels={"setting": setting}, question=asked(i))
    hand.verdict(match, 0.8 if right else 0.2, judge)


def test_every_pair_of_settings_is_compared_under_each_judge(hand: Hand) -> None:
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.multitest import multipletests

    table = {"x": lambda i: i % 4 != 0, "y": lambda i: i % 3 == 0, "z": lambda i: i % 2 == 0}
    for setting, right in table.items():
        for i in range(4 if setting == "z" else 0, 24):
            under(hand, setting, i, right(i))
    under(hand, "x", 0, True, BOB)  # has one setting: nothing to compare
    found = hand.report()["differences"]
    assert [(one["first"], one["second"]) for one in found] == [("x", "y"), ("x", "z"), ("y", "z")]
    for row in found:
        first, second = table[row["first"]], table[row["second"]]
        shared = [i for i in range(24) if i >= 4 or row["second"] != "z"]
        a, b = ([float(f(i)) for i in shared] for f in (first, second))
        assert row["paired"]["questions"] == len(shared)
        assert row["paired"]["value"] == pytest.approx(np.mean(a) - np.mean(b))
        cells = [[sum(x == i and y == j for x, y in zip(a, b, strict=True)) for j in (1, 0)]
                 for i in (1, 0)]  # fmt: skip
        test = mcnemar(cells, exact=True)
        assert row["mcnemar"]["p"] == pytest.approx(test.pvalue)
        assert (row["mcnemar"]["b"], row["mcnemar"]["c"]) == (cells[0][1], cells[1][0])
        assert row["mcnemar"]["left_out"] == 0
        whole = [[float(f(i)) for i in range(4 if name == "z" else 0, 24)]
                 for name, f in ((row["first"], first), (row["second"], second))]  # fmt: skip
        assert row["unpaired"]["value"] == pytest.approx(np.mean(whole[0]) - np.mean(whole[1]))
        assert row["judge"] == "scripted:anne,p=0.5"
    p = [row["paired"]["p"] for row in found]
    assert [row["paired"]["holm"] for row in found] == pytest.approx(
        list(multipletests(p, method="holm")[1])
    )


def test_mcnemar_leaves_ties_out_and_is_not_for_several_matches_a_question(hand: Hand) -> None:
    for i in range(6):
        under(hand, "x", i, i < 4)
        match = hand.match(debate(), 0, labels={"setting": "y"}, question=asked(i))
        hand.verdict(match, 0.5 if i == 0 else 0.8)
    for i in range(6):
        under(hand, "z", i, True)
        under(hand, "z", i, i % 2 == 0)
    found = {(one["first"], one["second"]): one for one in hand.report()["differences"]}
    assert found["x", "y"]["mcnemar"] == {"p": 0.5, "b": 0, "c": 2, "left_out": 1}
    assert found["x", "z"]["mcnemar"] is None
    assert found["x", "z"]["paired"]["questions"] == 6


def test_settings_without_a_shared_question_have_no_paired_difference(hand: Hand) -> None:
    for i in range(4):
        under(hand, "x", i, True)
        under(hand, "y", 10 + i, i > 1)
    (row,) = hand.report()["differences"]
    assert (row["paired"], row["mcnemar"]) == (None, None)
    assert row["unpaired"]["value"] == pytest.approx(0.5)


def test_more_settings_than_can_be_compared_are_not_and_contrasts_can_be_named(hand: Hand) -> None:
    for setting in range(13):
        for i in range(3):
            under(hand, f"s{setting}", i, i < setting % 3)
    found = hand.report()
    assert found["differences"] == []
    (note,) = found["notes"]
    assert "13 settings" in note and "78 pairs" in note
    again = report(hand.store, hand.name, sections=["differences"], contrasts=[("s2", "s0")])
    (row,) = again["differences"]
    assert (row["first"], row["second"]) == ("s2", "s0")
    assert row["paired"]["value"] == pytest.approx(2 / 3)
    assert "notes" not in again and "cards" not in again
    none = report(hand.store, hand.name, sections=["differences"], contrasts=[("s2", "absent")])
    assert none["differences"] == [] and "'absent'" in none["notes"][0]


# ---------------------------------------------------------------------------------------------
# The gap recovered, and cards.


def direct(hand: Hand, protocol: Any, i: int, right: bool) -> None:
    sides = () if not protocol.speakers else None
    match = hand.match(protocol, 0, sides=sides, question=asked(i, f"story {i // 2}"))
    hand.verdict(match, 0.8 if right else 0.2)


def test_the_gap_recovered_is_the_gain_over_the_gap(hand: Hand) -> None:
    for i in range(40):
        direct(hand, naive(), i, i % 2 == 0)
        direct(hand, expert(), i, i % 10 != 0)
        direct(hand, debate(), i, i % 10 < 7)
    (row,) = hand.report()["recovered"]
    assert (row["floor"], row["ceiling"], row["setting"]) == ("naive", "expert", debate().name)
    assert row["value"]["value"] == pytest.approx((0.7 - 0.5) / (0.9 - 0.5))
    assert row["gain"]["value"] == pytest.approx(0.2) and row["gap"]["value"] == pytest.approx(0.4)
    low, high = row["value"]["interval"]
    assert low < 0.5 < high and row["value"]["clusters"] == 20
    assert row["undefined"] is None


@pytest.mark.parametrize("ceiling", [0.5, 0.3])
def test_without_a_gap_its_share_is_undefined_and_never_infinite(
    hand: Hand, ceiling: float
) -> None:
    for i in range(20):
        direct(hand, naive(), i, i < 10)
        direct(hand, expert(), i, i < 20 * ceiling)
        direct(hand, debate(), i, i < 15)
    (row,) = hand.report()["recovered"]
    assert row["value"] is None and "does not exceed" in row["undefined"]
    assert row["gain"]["value"] == pytest.approx(0.25)


def test_a_run_without_floor_or_ceiling_has_no_gap(hand: Hand) -> None:
    for i in range(4):
        direct(hand, naive(), i, True)
        direct(hand, debate(), i, True)
    assert hand.report()["recovered"] == []


def test_a_card_draws_a_judge_of_few_verdicts_to_the_others(hand: Hand) -> None:
    for i in range(60):
        hand.verdict(hand.match(debate(), 0, question=asked(i)), 0.9 if i % 10 < 7 else 0.1, ANNE)
        hand.verdict(hand.match(debate(), 0, question=asked(i)), 0.8 if i % 10 < 6 else 0.2, BOB)
    for i in range(2):
        hand.verdict(hand.match(debate(), 0, question=asked(i)), 0.9, CAROL)
    hand.verdict(hand.match(debate(), 1), status="refused", judge=CAROL)
    found = hand.report()["cards"]
    cards = {one["judge"].removeprefix("scripted:")[:4]: one for one in found}
    anne, carol = cards["anne"], cards["caro"]
    assert [cards[name]["n"] for name in ("anne", "bob", "caro")] == [60, 60, 2]
    assert anne["accuracy"]["value"] == pytest.approx(0.7)
    assert anne["overconfidence"]["value"] == pytest.approx(0.2)
    assert abs(anne["shrunk"]["value"] - 0.7) < 0.03
    assert carol["accuracy"]["value"] == 1 and carol["shrunk"]["value"] < 0.85
    assert carol["missing"] == {"refused": {"n": 1, "B": 1}}
    assert anne["position_bias"] is None


# ---------------------------------------------------------------------------------------------
# Leaks.


def spoken(hand: Hand, i: int, truth: int, lengths: tuple[int, int], quotes: int = 0) -> None:
    said = [
        Speech("ab " * n, quotes=tuple(Quote(j, j + 1) for j in range(quotes if k else 0)))
        for k, n in enumerate(lengths)
    ]
    match: tuple[Match, Transcript] = hand.match(
        debate(rounds=1), truth, said, question=asked(i), sides=(("A", i % 2), ("B", 1 - i % 2))
    )
    hand.verdict(match, 0.8)


def test_a_side_that_is_longer_where_it_is_true_leaks(hand: Hand) -> None:
    from sklearn.metrics import roc_auc_score

    rng = random.Random(6)
    for i in range(120):
        truth = rng.randrange(2)
        right_is_a = truth == i % 2
        extra = rng.randrange(12)
        a, b = rng.randrange(10, 30), rng.randrange(10, 30)
        spoken(hand, i, truth, (a + extra * right_is_a, b + extra * (not right_is_a)))
    found = hand.report()["leaks"]
    assert found["warning"] and "all together" in found["leaking"]
    assert found["auc"]["value"] > 0.62 and found["auc"]["clusters"] == 120
    assert (found["n"], found["matches"]) == (240, 120)
    sql = """SELECT t.seat, length(s.text) AS n, m.sides, tr.truth FROM matches AS m
      JOIN match_turns AS mt ON mt.match = m.id JOIN turns AS t ON t.id = mt.turn
      JOIN speeches AS s ON s.id = t.speech JOIN truths AS tr ON tr.question = m.question"""
    rows = list(hand.store.query(sql))
    true = [dict(json.loads(one["sides"]))[one["seat"]] == one["truth"] for one in rows]
    known = roc_auc_score(true, [one["n"] for one in rows])
    assert found["each"]["characters"]["value"] == pytest.approx(known)


def test_what_says_nothing_of_the_truth_does_not_leak(hand: Hand) -> None:
    rng = random.Random(7)
    for i in range(160):
        lengths = (rng.randrange(10, 30), rng.randrange(10, 30))
        spoken(hand, i, rng.randrange(2), lengths, rng.randrange(3))
    found = hand.report()["leaks"]
    assert not found["warning"] and found["leaking"] == []
    assert found["auc"]["interval"][0] < 0.5 < found["auc"]["interval"][1]
    assert {"characters", "quotations", "sits first", "place of its option"} <= set(
        found["features"]
    )
    assert "quotations not in the passage" in found["features"]
    assert "submits first" not in found["features"]  # no times are stored


def test_sides_of_one_story_are_one_cluster_of_the_audit_and_never_in_two_folds(
    hand: Hand,
) -> None:
    """In each story all questions are alike, so that questions of a story would give it away."""
    rng = random.Random(9)
    for i in range(120):
        story = i % 12
        truth = rng.randrange(2)
        longer = (story % 2 == 0) == (truth == 0)
        said = [Speech("ab " * (20 + story + 9 * (longer == k))) for k in (1, 0)]
        question = Question(f"{i}?", ("yes", "no"), group=f"story {story}")
        hand.verdict(hand.match(debate(rounds=1), truth, said, question=question), 0.8)
    found = hand.report()["leaks"]
    assert (found["auc"]["by"], found["auc"]["clusters"]) == ("story", 12)
    assert all(one["clusters"] == 12 for one in found["each"].values() if one)
    assert not found["warning"]


def test_fewer_than_ten_stories_are_not_audited(hand: Hand) -> None:
    for i in range(40):
        said = [Speech("ab " * (5 + i % 7 + k)) for k in (0, 1)]
        question = Question(f"{i}?", ("yes", "no"), group=f"story {i % 9}")
        hand.verdict(hand.match(debate(rounds=1), i % 2, said, question=question), 0.8)
    assert hand.report()["leaks"] == {
        "reason": "9 stories are too few to tell: an audit takes 10 or more"
    }


def test_the_audit_reads_no_word_of_the_argument(hand: Hand) -> None:
    audits = []
    for word in ("yes", "nay"):
        with Store(None) as store:
            other = Hand(store)
            rng = random.Random(8)
            for i in range(40):
                truth = rng.randrange(2)
                said = [Speech(f"{word} " * rng.randrange(1, 9)) for _ in "AB"]
                other.verdict(other.match(debate(rounds=1), truth, said, question=asked(i)), 0.8)
            audits.append(other.report()["leaks"])
    assert audits[0] == audits[1] and "auc" in audits[0]


def test_an_audit_of_nothing_says_why(hand: Hand) -> None:
    hand.verdict(hand.match(naive(), 0, sides=()), 0.8)
    assert "nobody has spoken" in hand.report()["leaks"]["reason"]
    with Store(None) as store:
        other = Hand(store)
        other.verdict(other.match(debate(), None), 0.8)
        assert "truth is known" in other.report()["leaks"]["reason"]
