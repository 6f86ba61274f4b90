"""Calibration: the golden NYU figures, scikit-learn, scipy, identities and simulated judges."""

from __future__ import annotations

import json
from math import log2
from typing import Any

import numpy as np
import pytest
from nyu_reports import rooms
from test_nyu import data, real

from arena.stats import scores
from arena.stats.calibration import (
    binned,
    brier_parts,
    confidence,
    ece,
    null_ece,
    overconfidence,
    reliability,
    temperature,
)

SETTINGS = ("AI Consultancy", "AI Debate", "Human Consultancy", "Human Debate")


def judge(
    rng: np.random.Generator, n: int, factor: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences of two-option beliefs, whether they were right, and the truth's probability;
    the best multiplier of their logits is ``factor``."""
    c = rng.uniform(0.5, 0.97, n)
    real = 1 / (1 + ((1 - c) / c) ** factor)
    y = (rng.random(n) < real).astype(float)
    return c, y, np.where(y == 1, c, 1 - c)


# ---------------------------------------------------------------------------------------------
# The NYU figures.


@real
@pytest.mark.parametrize("setting", SETTINGS)
def test_ece_by_the_raw_rule_has_the_golden_figures(setting: str) -> None:
    known = json.loads((data().parent / "nyu_golden.json").read_text(encoding="utf-8"))[setting]
    here = [one for one in rooms() if one.setting == setting]
    assert len(here) == known["n"]
    final = ece(*confidence([one.p[-1] for one in here]))
    every = ece(*confidence([p for one in here for p in one.p]))
    assert final == pytest.approx(known["ece_final"], abs=1e-6)
    assert every == pytest.approx(known["ece_turn"], abs=1e-6)
    brier = brier_parts([one.p[-1] for one in here], np.ones(len(here)))
    assert brier is not None and brier.score == pytest.approx(known["brier"], abs=1e-6)


@real
def test_the_rule_for_edges_changes_the_ece_of_the_data_set() -> None:
    c, y = confidence([one.p[-1] for one in rooms() if one.setting == "AI Consultancy"])
    raw, rounded, right = (ece(c, y, rule=rule) or 0 for rule in ("raw", "rounded", "right"))
    assert abs(raw - rounded) > 0.02 and abs(raw - right) > 0.02


@real
def test_the_judges_of_the_data_set_are_over_confident() -> None:
    """Study part 3 has multipliers of .39 to .52 on the whole data set."""
    for setting in SETTINGS:
        here = [one for one in rooms() if one.setting == setting]
        found = temperature([one.p[-1] for one in here], cluster=[one.story for one in here])
        assert found is not None and 0.3 < found.multiplier.value < 0.7
        assert found.multiplier.high is not None and found.multiplier.high < 1
        assert found.after > found.before
        stories = {one.story for one in here}
        assert found.multiplier.clusters == len(stories)
        gap = overconfidence(*confidence([one.p[-1] for one in here]))
        assert gap is not None and gap.value > 0.05


# ---------------------------------------------------------------------------------------------
# Bins and ECE.


def test_a_value_on_an_edge_belongs_where_the_rule_says() -> None:
    raw = 0.6000000000000001  # as 1 - 0.4 is stored
    c = [0.5, 0.6, raw, 0.7, 0.7 - 1e-12, 0.95, 1.0, 0.0]
    assert binned(c, rule="raw").tolist() == [5, 6, 6, 7, 6, 9, 9, 0]
    assert binned(c, rule="rounded").tolist() == [5, 6, 6, 7, 7, 9, 9, 0]
    assert binned(c, rule="right").tolist() == [4, 5, 5, 6, 6, 9, 9, 0]
    assert binned([0.3], rule="raw").tolist() == [3] and binned([0.1 + 0.2]).tolist() == [3]
    assert binned([0.29999999999999993]).tolist() == [2]


def test_ece_by_hand() -> None:
    # .65 and .62 in one bin, half right; .9 alone and right
    assert ece([0.65, 0.62, 0.9], [1, 0, 1]) == pytest.approx(
        2 / 3 * abs(0.5 - 0.635) + 1 / 3 * 0.1
    )
    assert ece([0.9] * 4, [1, 1, 1, 0.5]) == pytest.approx(0.9 - 0.875)
    assert ece([], []) is None


def test_bins_are_those_of_scikit_learn_away_from_edges() -> None:
    from sklearn.calibration import calibration_curve

    c, y, _ = judge(np.random.default_rng(1), 500)
    bars = reliability(c, y)
    true, said = calibration_curve(y, c, n_bins=10)
    assert [one.accuracy.value for one in bars] == pytest.approx(true)
    assert [one.confidence for one in bars] == pytest.approx(said)
    assert sum(one.n for one in bars) == 500
    assert ece(c, y) == pytest.approx(
        sum(one.n * abs(one.accuracy.value - one.confidence) for one in bars) / 500
    )


def test_bars_are_wilsons_and_wider_by_cluster() -> None:
    from scipy.stats import binomtest

    rng = np.random.default_rng(2)
    story = np.repeat(np.arange(20), 10)
    y = (rng.random(20) < 0.7).astype(float)[story]
    (alone,) = reliability(np.full(200, 0.75), y)
    known = binomtest(int(y.sum()), 200).proportion_ci(method="wilson")
    assert (alone.accuracy.low, alone.accuracy.high) == pytest.approx((known.low, known.high))
    assert (alone.low, alone.high, alone.n) == (0.7, 0.8, 200)
    (clustered,) = reliability(np.full(200, 0.75), y, story)
    assert alone.accuracy.low is not None and clustered.accuracy.low is not None
    assert clustered.accuracy.low < alone.accuracy.low - 0.05


def test_the_null_ece_of_verdicts_on_one_question_draws_one_answer_to_it() -> None:
    rng = np.random.default_rng(6)
    c = rng.uniform(0.5, 1, 80)
    y = (rng.random(80) < c).astype(float)
    one = null_ece(c, y, draws=3000)
    asked = np.repeat(np.arange(80), 4)
    copied = null_ece(np.repeat(c, 4), np.repeat(y, 4), draws=3000, questions=asked)
    fresh = null_ece(np.repeat(c, 4), np.repeat(y, 4), draws=3000)
    assert one is not None and copied is not None and fresh is not None
    assert one == null_ece(c, y, draws=3000, questions=range(80))
    assert copied.observed == pytest.approx(one.observed)
    assert copied.mean == pytest.approx(one.mean, rel=0.03)
    assert copied.p == pytest.approx(one.p, abs=0.05) and fresh.mean < 0.6 * one.mean
    # Who is as sure of one answer as another is of the other: one of the two is right.
    even = null_ece([0.75, 0.75] * 9, [1, 0] * 9, draws=4000, questions=np.arange(18) // 2)
    assert even is not None
    rights = np.abs(np.array([_pair(rng) for _ in range(4000)]) - 1.5).mean() / 2
    assert even.mean == pytest.approx(rights, abs=0.005)


def _pair(rng: np.random.Generator) -> float:
    """How many of nine pairs' verdicts are right, over nine: each pair's both with probability one
    half, else the one or the other."""
    u = rng.random(9)
    return float(((u < 0.75).astype(float) + (u >= 0.25)).mean())


def test_the_null_ece_is_what_calibrated_judges_show() -> None:
    rng = np.random.default_rng(3)
    c = np.round(rng.uniform(0.5, 0.99, 100), 2)
    shown = [ece(c, (rng.random(100) < c).astype(float)) or 0 for _ in range(3000)]
    found = null_ece(c, np.ones(100), draws=3000)
    assert found is not None
    assert found.mean == pytest.approx(np.mean(shown), abs=0.002)
    assert found.high == pytest.approx(np.quantile(shown, 0.95), abs=0.004)
    assert found.p < 0.01 and found.observed == ece(c, np.ones(100))
    assert found == null_ece(c, np.ones(100), draws=3000)
    assert found != null_ece(c, np.ones(100), draws=3000, seed=1)


def test_the_null_p_of_calibrated_judges_is_uniform() -> None:
    rng = np.random.default_rng(4)
    below = 0
    for seed in range(300):
        c, y, _ = judge(rng, 80)
        found = null_ece(c, y, draws=200, seed=seed)
        assert found is not None and found.mean > 0.03  # never 0, though nothing is wrong
        below += found.p <= 0.1
    assert 0.05 < below / 300 < 0.16


# ---------------------------------------------------------------------------------------------
# Scores.


def test_the_brier_score_is_scikit_learns_and_its_parts_add_up() -> None:
    from sklearn.metrics import brier_score_loss

    rng = np.random.default_rng(5)
    p = np.round(rng.random(400), 2)
    y = (rng.random(400) < p).astype(float)
    for bins in (10, 3, None):
        found = brier_parts(p, y, bins)
        assert found is not None
        assert found.score == pytest.approx(brier_score_loss(y, p), abs=1e-12)
        parts = found.reliability - found.resolution + found.uncertainty + found.within
        assert found.score == pytest.approx(parts, abs=1e-12)
        assert found.uncertainty == pytest.approx(y.mean() * (1 - y.mean()))
        assert min(found.reliability, found.resolution) >= 0
    by_value = brier_parts(p, y, None)
    assert by_value is not None and by_value.within == pytest.approx(0, abs=1e-12)
    assert brier_parts([], []) is None


def test_the_extremes_of_the_brier_parts() -> None:
    sure = brier_parts([1, 0, 1, 0], [1, 0, 1, 0])
    assert sure is not None
    assert (sure.score, sure.reliability, sure.resolution) == (0, 0, 0.25)
    flat = brier_parts([0.5] * 4, [1, 0, 1, 0])
    assert flat is not None and (flat.score, flat.resolution, flat.uncertainty) == (0.25, 0, 0.25)


def test_overconfidence_is_the_mean_gap_with_an_interval_by_cluster() -> None:
    rng = np.random.default_rng(6)
    c, y, _ = judge(rng, 2000, factor=0.4)
    found = overconfidence(c, y)
    assert found is not None and found.value == pytest.approx(c.mean() - y.mean())
    assert found.low is not None and found.low > 0
    story = np.repeat(np.arange(40), 50)
    by_story = overconfidence(c, y, story)
    assert by_story is not None and by_story.clusters == 40
    assert overconfidence([], []) is None


@pytest.mark.parametrize("factor", [0.4, 1.0, 1.6])
def test_a_planted_temperature_is_recovered_within_two_standard_errors(factor: float) -> None:
    _, _, p = judge(np.random.default_rng(int(10 * factor)), 5000, factor)
    found = temperature(p)
    assert found is not None and found.multiplier.se is not None
    assert abs(found.multiplier.value - factor) < 2 * found.multiplier.se
    assert found.before == pytest.approx(np.mean([log2(one) for one in p]))
    assert found.after >= found.before


def test_the_temperature_is_a_logistic_slope_by_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(8)
    _, _, p = judge(rng, 600, 0.7)
    story = rng.integers(0, 40, 600)
    x = np.log(p / (1 - p))
    flip = rng.choice([-1, 1], 600)  # which option is the first
    known = sm.GLM((flip > 0).astype(float), flip * x, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": story, "use_correction": False}, tol=1e-14
    )
    found = temperature(p, cluster=story)
    assert found is not None
    assert found.multiplier.value == pytest.approx(known.params[0], abs=1e-6)
    assert found.multiplier.se == pytest.approx(known.bse[0] * (40 / 39) ** 0.5, rel=1e-4)


def test_the_temperature_of_many_options_is_scipys_best() -> None:
    from scipy.optimize import minimize_scalar

    rng = np.random.default_rng(9)
    p = rng.dirichlet([2, 2, 2, 2], 400)
    truth = np.array([rng.choice(4, p=one**0.5 / (one**0.5).sum()) for one in p])

    def loss(m: float) -> float:
        w = np.clip(p, 0.01, 0.99) ** m
        return -float(np.log(w[np.arange(400), truth] / w.sum(1)).sum())

    found = temperature(p, truth)
    assert found is not None
    best = minimize_scalar(loss, bounds=(0, 3), method="bounded", options={"xatol": 1e-10}).x
    assert found.multiplier.value == pytest.approx(best, abs=1e-6)
    two = np.stack([p[:, 0], 1 - p[:, 0]], axis=1)
    assert temperature(two, np.zeros(400)) == temperature(p[:, 0])


def test_temperature_intervals_cover_the_planted_one() -> None:
    rng, hits = np.random.default_rng(10), 0
    for _ in range(300):
        found = temperature(judge(rng, 150, 0.5)[2])
        assert found is not None and found.multiplier.low is not None
        assert found.multiplier.high is not None
        hits += found.multiplier.low <= 0.5 <= found.multiplier.high
    assert 0.91 <= hits / 300 <= 0.985


def test_what_has_no_temperature_is_none() -> None:
    assert temperature([0.9, 0.8, 0.7]) is None  # all right: the sharper the better
    assert temperature([0.1, 0.2]) is None
    assert temperature([0.5, 0.5]) is None
    assert temperature([]) is None
    one = temperature([0.9, 0.2], cluster=["s", "s"])
    assert one is not None and one.multiplier.low is None


def test_two_options_have_a_confidence_and_ties_are_half_right() -> None:
    c, y = confidence([0.9, 0.5, 0.2])
    assert c.tolist() == [0.9, 0.5, 0.8] and y.tolist() == [1, 0.5, 0]


def test_bad_input_is_said_in_a_line() -> None:
    cases: list[tuple[Any, str]] = [
        (lambda: ece([0.5, 1.2], [1, 0]), "confidences from 0 to 1, got 1.2"),
        (lambda: ece([0.5], [1, 0]), "as many outcomes as confidences"),
        (lambda: ece([0.5], [2]), "outcomes from 0 to 1"),
        (lambda: ece([float("nan")], [1]), "NaN"),
        (lambda: ece([0.5], [1], rule="left"), "raw, rounded or right"),  # type: ignore[arg-type]
        (lambda: ece([0.5], [1], bins=0), "at least 1 bin"),
        (lambda: null_ece([0.5], [1], draws=0), "at least 1 draw"),
        (lambda: temperature([[0.5, 0.6]], [0]), "sum to 1"),
        (lambda: temperature([[0.5, 0.5]], [2]), "index of the true option"),
        (lambda: temperature([[0.5, 0.5]]), "index of the true option"),
        (lambda: temperature([0.5, 1.5]), "from 0 to 1"),
        (lambda: reliability([0.5], [1], ["a", "b"]), "a cluster for each of 1"),
    ]
    for call, said in cases:
        with pytest.raises(ValueError, match=said):
            call()


def test_scores_of_known_probabilities() -> None:
    assert scores.log2_score(0.5) == -1 and scores.log2_score(0) == log2(0.01)
    assert scores.judge_score(0.5, 3) == -1.15
    assert scores.brier((0.7, 0.3), 1) == pytest.approx(0.49)
    assert scores.normalised([0.0, 0.0]) == (0.5, 0.5)
