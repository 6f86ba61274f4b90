"""Behaviour: the NYU figures, statsmodels, what hand counts say, and planted biases."""

from __future__ import annotations

import json
from math import log2
from typing import Any

import numpy as np
import pytest
from nyu_reports import rooms
from test_nyu import data, real

from arena.stats.behaviour import (
    belief_moved,
    flip_rate,
    gap_recovered,
    length_bias,
    position_bias,
    score_difference,
    win_rates,
)


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def reports(setting: str) -> tuple[list[float], list[int], list[int], list[str]]:
    """Every live report of a setting: probability, room, turn and story."""
    rows = [
        (p, i, t, one.story)
        for i, one in enumerate(rooms()) if one.setting == setting
        for t, p in enumerate(one.p)
    ]  # fmt: skip
    return tuple(map(list, zip(*rows, strict=True)))  # type: ignore[return-value]


# ---------------------------------------------------------------------------------------------
# The NYU figures.


@real
@pytest.mark.parametrize("setting", ["AI Consultancy", "AI Debate", "Human Consultancy",
                                     "Human Debate"])  # fmt: skip
def test_bits_a_round_have_the_golden_figures(setting: str) -> None:
    known = json.loads((data().parent / "nyu_golden.json").read_text(encoding="utf-8"))[setting]
    p, match, turn, story = reports(setting)
    found = belief_moved(p, match, turn, story)
    assert found is not None
    assert found.bits.value == pytest.approx(known["bits_per_round"], abs=1e-6)
    assert found.bits.low is not None and found.bits.high is not None
    assert found.bits.low < found.bits.value < found.bits.high
    assert found.bits.clusters == len(set(story))


@real
def test_the_agent_score_difference_tells_the_protocols_apart_as_in_the_study() -> None:
    """Study part 2.1 has 3.35 bits for human debate and 1.89 for human consultancy, of the whole
    data set; these must lie in the intervals of the part, or near."""
    found = {}
    for setting in ("Human Debate", "Human Consultancy"):
        here = [one for one in rooms() if one.setting == setting]
        honest = None if here[0].honest is None else [int(bool(one.honest)) for one in here]
        found[setting] = score_difference(
            [one.p[-1] for one in here], honest, [one.story for one in here]
        )
    for one, known in zip(found.values(), (3.35, 1.89), strict=True):
        assert one is not None and one.low is not None and one.high is not None
        assert one.low < known < one.high


# ---------------------------------------------------------------------------------------------
# The agent score difference.


def test_the_score_difference_of_debates_is_the_mean_log_odds() -> None:
    found = score_difference([0.8, 0.5, 0.001])
    assert found is not None
    assert found.value == pytest.approx((2 + 0 + log2(0.01 / 0.99)) / 3)
    bounded = score_difference([0.8, 0.5, 0.0], unit="probability")
    assert bounded is not None and bounded.value == pytest.approx((0.6 + 0 - 1) / 3)


def test_the_score_difference_of_single_speakers_is_by_honesty() -> None:
    p, honest = [0.8, 0.6, 0.3, 0.9], [1, 1, 0, 0]
    found = score_difference(p, honest)
    assert found is not None
    expected = (log2(0.8) + log2(0.6)) / 2 - (log2(0.7) + log2(0.1)) / 2
    assert found.value == pytest.approx(expected)
    bounded = score_difference(p, honest, unit="probability")
    assert bounded is not None and bounded.value == pytest.approx(0.7 - 0.4)
    assert score_difference(p, [1] * 4) is None
    assert score_difference([]) is None


def test_dropping_no_row_an_unbalanced_sample_says_the_same() -> None:
    """Honest speakers three times as often: the mean would follow them, the difference does not."""
    p = [0.9] * 30 + [0.4] * 10
    found = score_difference(p, [1] * 30 + [0] * 10, unit="probability")
    again = score_difference([0.9, 0.4], [1, 0], unit="probability")
    assert found is not None and again is not None
    assert found.value == pytest.approx(again.value)


def test_intervals_of_the_score_difference_cover() -> None:
    rng, hits = np.random.default_rng(1), 0
    said = logistic(np.random.default_rng(2).normal(0.8, np.sqrt(0.36 + 1), 400_000))
    truth = 2 * said.mean() - 1  # honest or not, the judge believes what is argued as much
    for _ in range(300):
        story = np.repeat(np.arange(40), 4)
        honest = rng.integers(0, 2, 160)
        x = rng.normal(0.8, 0.6, 40)[story] + rng.normal(0, 1, 160)  # a story may be easy
        found = score_difference(logistic(x), honest, story, "probability")
        assert found is not None and found.low is not None and found.high is not None
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / 300 <= 0.985


# ---------------------------------------------------------------------------------------------
# The gap recovered.


def arms(
    rng: np.random.Generator, questions: int = 80, means: tuple[float, ...] = (0.5, 0.8, 0.9)
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Verdicts under three conditions on the same questions, some of them harder for all."""
    hard = rng.normal(0, 0.1, questions)
    return [
        ((rng.random(questions) < np.clip(mean + hard, 0, 1)).astype(float), np.arange(questions))
        for mean in means
    ]


def test_the_gap_recovered_is_a_ratio_of_two_gaps() -> None:
    found = gap_recovered(([0, 1, 0, 1], "abcd"), ([1, 1, 0, 1], "abcd"), ([1, 1, 1, 1], "abcd"))
    assert found is not None and found.share is not None
    assert found.share.value == pytest.approx(0.25 / 0.5)
    assert (found.gain.value, found.gap.value) == (0.25, 0.5)
    assert gap_recovered(([], []), ([1], "a"), ([1], "a")) is None


def test_without_a_gap_nothing_is_recovered_of_it() -> None:
    for ceiling in (0.7, 0.5):
        values = [np.r_[np.ones(int(100 * m)), np.zeros(100 - int(100 * m))]
                  for m in (0.7, 0.8, ceiling)]  # fmt: skip
        found = gap_recovered(*((one, range(100)) for one in values))
        assert found is not None and found.share is None
        assert found.gain.value == pytest.approx(0.1) and found.gain.low is not None
        assert found.gap.value == pytest.approx(ceiling - 0.7)


def test_a_gap_that_may_be_none_gives_no_interval_of_the_share() -> None:
    values = [np.r_[np.ones(right), np.zeros(40 - right)] for right in (20, 24, 22)]
    found = gap_recovered(*((one, np.arange(40) + 100 * i) for i, one in enumerate(values)))
    assert found is not None and found.share is not None
    assert found.share.value == pytest.approx(2)
    assert (found.share.low, found.share.high) == (None, None)
    assert found.gap.low is not None and found.gap.low < 0
    assert found.gain.low is not None


def test_what_arms_share_narrows_the_interval() -> None:
    """On the same questions, arms that answer alike differ by little."""
    rng = np.random.default_rng(4)
    easy = rng.random(200)
    shared = [((easy > 1 - m).astype(float), np.arange(200)) for m in (0.5, 0.7, 0.9)]
    apart = [(values, np.arange(200) + 1000 * i) for i, (values, _) in enumerate(shared)]
    one, two = gap_recovered(*shared), gap_recovered(*apart)
    assert one is not None and two is not None
    assert one.gain.value == two.gain.value
    assert one.gain.se is not None and two.gain.se is not None
    assert one.gain.se < 0.8 * two.gain.se


def test_intervals_of_the_gap_recovered_cover() -> None:
    rng, hits = np.random.default_rng(5), 0
    for _ in range(200):
        found = gap_recovered(*arms(rng, 150, (0.4, 0.6, 0.8)))
        assert found is not None and found.share is not None
        assert found.share.low is not None and found.share.high is not None
        hits += found.share.low <= 0.5 <= found.share.high
    assert 0.90 <= hits / 200 <= 0.99


# ---------------------------------------------------------------------------------------------
# Wins, places, lengths.


def test_win_rates_are_told_apart_by_honesty() -> None:
    found = win_rates([1, 0.5, 0, 1, 1], [1, 1, 0, 0, 0])
    assert found.overall is not None and found.overall.value == pytest.approx(0.7)
    assert found.honest is not None and found.honest.value == 0.75
    assert found.dishonest is not None and found.dishonest.value == pytest.approx(2 / 3)
    assert found.advantage is not None and found.advantage.value == pytest.approx(1 / 12)
    one_sided = win_rates([1, 0], [1, 1])
    assert one_sided.dishonest is None and one_sided.advantage is None


def test_a_judge_that_takes_the_first_has_the_largest_position_bias() -> None:
    match, listing = [1, 1, 2, 2], ["ab", "ba", "ab", "ba"]
    always = position_bias([1, 1, 1, 1], match, listing)
    assert always is not None and always.value == always.high == 0.5
    assert always.low is not None and always.low < 0.5 and always.clusters == 2
    never = position_bias([1, 0, 0, 1], match, listing)
    assert never is not None and never.value == 0


def test_position_bias_is_of_matches_read_in_both_listings() -> None:
    found = position_bias(
        [1, 0, 1, 1, 0.5], ["m", "m", "n", "n", "o"], ["ab", "ba", "ab", "ab", "ab"]
    )
    assert found is not None and (found.value, found.n) == (0, 2)
    weighed = position_bias([1, 1, 0, 0], ["m"] * 4, ["ab", "ab", "ab", "ba"])
    assert weighed is not None and weighed.value == pytest.approx((2 / 3 + 0) / 2 - 0.5)
    assert position_bias([1, 1], ["m", "n"], ["ab", "ab"]) is None
    assert position_bias([], [], []) is None
    three = position_bias([1, 0, 0], ["m"] * 3, ["abc", "bca", "cab"], options=3)
    assert three is not None and three.value == pytest.approx(0)


def test_a_planted_position_bias_is_recovered_and_truth_cancels_out() -> None:
    rng = np.random.default_rng(6)
    match, listing = np.repeat(np.arange(800), 2), np.tile([0, 1], 800)
    truth_first = (listing == 0) == np.repeat(rng.random(800) < 0.9, 2)
    first = (rng.random(1600) < np.where(truth_first, 0.85, 0.35)).astype(float)
    found = position_bias(first, match, listing)
    assert found is not None and found.se is not None
    assert abs(found.value - 0.10) < 2 * found.se


def test_flips_are_counted_by_match_and_ties_are_half_a_flip() -> None:
    match = [1, 1, 2, 2, 3, 3, 4]
    listing = ["ab", "ba"] * 3 + ["ab"]
    found = flip_rate(["a", "a", "a", "b", "a", None, "b"], match, listing)
    assert found is not None and found.value == pytest.approx((0 + 1 + 0.5) / 3)
    assert found.n == 3
    same = flip_rate(["a"] * 4, [1, 1, 2, 2], ["ab", "ba"] * 2)
    assert same is not None and same.value == 0 and same.high is not None and same.high > 0.3
    ties = flip_rate([None, None], [1, 1], ["ab", "ba"])
    assert ties is not None and ties.value == 0
    assert flip_rate(["a"], [1], ["ab"]) is None
    with pytest.raises(ValueError, match="at most two listings"):
        flip_rate(["a", "b", "a"], [1, 1, 1], ["abc", "bca", "cab"])


def test_length_bias_and_its_error_are_those_of_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(7)
    longer, honest = rng.normal(0, 800, 900), rng.integers(0, 2, 900)
    story = rng.integers(0, 50, 900)
    eta = 0.5 * longer / 1000 + 1.0 * (2 * honest - 1) + rng.normal(0, 0.5, 50)[story]
    y = (rng.random(900) < logistic(eta)).astype(float)
    x = np.stack([longer / 1000, 2 * honest - 1], axis=1)
    known = sm.GLM(y, x, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": story, "use_correction": False}, tol=1e-14
    )
    found = length_bias(y, longer, honest, story)
    assert found is not None
    for one, b, se in zip((found.length, found.honesty), known.params, known.bse, strict=True):
        assert one.value == pytest.approx(b, abs=1e-6)
        assert one.se == pytest.approx(se * (50 / 49) ** 0.5, rel=1e-4)
    assert found.length.se is not None and abs(found.length.value - 0.5) < 2.5 * found.length.se
    turned = length_bias(1 - y, -longer, 1 - honest, story)
    assert turned is not None and turned.length.value == pytest.approx(found.length.value)


def test_a_length_that_decides_all_has_no_finite_effect() -> None:
    rng = np.random.default_rng(8)
    longer = rng.normal(0, 800, 100)
    assert length_bias((longer > 0).astype(float), longer, rng.integers(0, 2, 100)) is None
    assert length_bias([1.0], [0.0], [1]) is None
    assert length_bias([], [], []) is None


def test_belief_moves_by_bits_a_turn() -> None:
    p, match = [0.25, 0.5, 0.5, 0.9, 0.6, 0.7], ["m", "m", "m", "n", "n", "o"]
    found = belief_moved(p, match, [0, 1, 2, 0, 1, 0])
    assert found is not None
    assert found.bits.value == pytest.approx((1 + log2(0.6 / 0.9)) / 3)
    assert found.distance.value == pytest.approx((0.25 + 0 + 0.3) / 3)
    assert found.bits.n == 2  # the match with a single report has no turn
    shuffled = belief_moved(p[::-1], match[::-1], [0, 1, 0, 2, 1, 0])
    assert shuffled is not None and shuffled.bits.value == pytest.approx(found.bits.value)
    assert belief_moved([0.5], ["m"], [0]) is None and belief_moved([], [], []) is None


def test_bad_input_is_said_in_a_line() -> None:
    cases: list[tuple[Any, str]] = [
        (lambda: score_difference([1.2]), "from 0 to 1, got 1.2"),
        (lambda: score_difference([0.5], [2]), "honest as a column of 0 and 1"),
        (lambda: score_difference([0.5], unit="nats"), "'bits' or 'probability'"),
        (lambda: score_difference([0.5], cluster=["a", "b"]), "a cluster for each of 1"),
        (lambda: gap_recovered(([1], "ab"), ([1], "a"), ([1], "a")), "a cluster for each of 1"),
        (lambda: win_rates([1, 0], [1]), "with 2 rows"),
        (lambda: position_bias([1], ["m"], []), "a match and a listing"),
        (lambda: position_bias([1], ["m"], ["a"], options=1), "at least 2 options"),
        (lambda: length_bias([1], [1, 2], [1]), "a length for each of 1"),
        (lambda: belief_moved([0.5], ["m"], [0, 1]), "a match and a turn"),
        (lambda: belief_moved([float("nan")], ["m"], [0]), "NaN"),
    ]
    for call, said in cases:
        with pytest.raises(ValueError, match=said):
            call()
