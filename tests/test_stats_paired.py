"""Paired and unpaired differences, McNemar's test, Holm's correction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from arena.stats.paired import (
    holm,
    mcnemar,
    paired_difference,
    sign_test,
    unpaired_difference,
)


def both_arms(seed: int, questions: int = 300, sd: float = 3.0) -> Any:
    """Each question once in each arm; questions differ greatly, the arms by .1 or so."""
    rng = np.random.default_rng(seed)
    hard = sd * rng.normal(size=questions)
    pi = 1 / (1 + np.exp(-(hard[:, None] + np.array([1.5, 2.6]))))
    y = (rng.random((questions, 2)) < pi).astype(float)
    return y.ravel(), np.tile([0, 1], questions), np.repeat(np.arange(questions), 2)


@pytest.mark.parametrize("each", [2, 5, 20])
def test_questions_with_several_verdicts_are_as_sure_as_students_t_of_their_differences(
    each: int,
) -> None:
    rng = np.random.default_rng(each)
    pi = 1 / (1 + np.exp(-0.5 * rng.normal(size=(200, 1)) - np.array([0.0, 0.4])))
    means = rng.binomial(each, pi) / each
    d = means[:, 1] - means[:, 0]
    found = paired_difference(means.ravel(), [0, 1] * 200, np.repeat(np.arange(200), 2), (1, 0))
    expected = stats.ttest_1samp(d, 0).confidence_interval()
    assert found is not None
    assert found.low == pytest.approx(expected.low, abs=0.08 * (expected.high - expected.low))
    assert found.high == pytest.approx(expected.high, abs=0.08 * (expected.high - expected.low))


def test_scores_that_lie_close_together_are_told_apart_as_by_students_t() -> None:
    rng = np.random.default_rng(0)
    brier = np.clip(rng.normal([0.10, 0.16], 0.04, (100, 2)), 0, 1)
    found = paired_difference(brier.ravel(), [0, 1] * 100, np.repeat(np.arange(100), 2), (1, 0))
    expected = stats.ttest_rel(brier[:, 1], brier[:, 0])
    low, high = expected.confidence_interval()
    assert found is not None and found.low is not None and found.high is not None
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)
    assert found.p is not None and found.p < 1e-6 and expected.pvalue < 1e-6


def test_the_paired_difference_is_the_mean_of_the_questions_differences() -> None:
    y, arm, q = both_arms(0)
    found = paired_difference(y, arm, q, (1, 0))
    d = y.reshape(-1, 2) @ [-1, 1]
    assert found is not None and found.n == found.clusters == 300
    assert found.value == pytest.approx(d.mean())
    assert found.se == pytest.approx(d.std(ddof=1) / 300**0.5, rel=0.03)
    free = paired_difference(y, arm, q, (1, 0), bounded=False)
    expected = stats.ttest_1samp(d, 0)
    assert free is not None
    assert (free.low, free.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert free.p == pytest.approx(expected.pvalue, rel=1e-6)


def test_a_question_weighs_the_same_however_often_it_was_judged() -> None:
    y = [1, 1, 1, 0, 1, 0]
    arm, q = ["d", "d", "d", "c", "d", "c"], [1, 1, 1, 1, 2, 2]
    found = paired_difference(y, arm, q, ("d", "c"))
    assert found is not None and found.value == 1 and found.n == 2
    assert paired_difference(y, arm, [1, 1, 1, 2, 1, 2], ("d", "c")) is None


def test_only_shared_questions_count() -> None:
    """The easy questions of one arm alone make its mean higher, and the paired difference not."""
    y, arm, q = both_arms(1)
    more_y = np.concatenate([y, np.ones(200)])
    more_arm = np.concatenate([arm, np.ones(200, int)])
    more_q = np.concatenate([q, np.arange(1000, 1200)])
    alone, paired = (
        unpaired_difference(more_y, more_arm, (1, 0), more_q),
        paired_difference(more_y, more_arm, more_q, (1, 0)),
    )
    same = paired_difference(y, arm, q, (1, 0))
    assert alone is not None and paired is not None and same is not None
    assert paired == same and alone.value > paired.value + 0.03


def test_pairing_narrows_where_questions_differ() -> None:
    y, arm, q = both_arms(2)
    paired = paired_difference(y, arm, q, (1, 0))
    apart = unpaired_difference(y, arm, (1, 0), np.arange(len(y)))
    assert paired is not None and apart is not None and paired.low is not None
    assert (paired.high - paired.low) < 0.8 * (apart.high - apart.low)  # type: ignore[operator]


def test_the_unpaired_difference_knows_of_shared_clusters() -> None:
    """Clustered by question it is as sure as the paired one, whose questions are the same."""
    y, arm, q = both_arms(3)
    paired = paired_difference(y, arm, q, (1, 0))
    clustered = unpaired_difference(y, arm, (1, 0), q)
    assert paired is not None and clustered is not None
    assert clustered.value == pytest.approx(paired.value)
    assert clustered.se == pytest.approx(paired.se, rel=1e-6)


def test_independent_arms_have_newcombes_interval() -> None:
    """56 of 70 against 48 of 80: Newcombe (1998), Table II, method 10."""
    y = np.repeat([1, 0, 1, 0], [56, 14, 48, 32])
    arm = np.repeat(["a", "b"], [70, 80])
    found = unpaired_difference(y, arm, ("a", "b"), np.arange(150))
    assert found is not None and found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_arms_without_a_mistake_still_have_a_width() -> None:
    q = np.repeat(np.arange(20), 2)
    found = paired_difference(np.ones(40), np.tile([0, 1], 20), q, (1, 0), q // 2)
    assert found is not None and found.value == 0 and found.low is not None
    assert found.low < -0.05 and found.high > 0.05 and found.p is not None  # type: ignore[operator]
    assert found.p > 0.9


def test_mcnemars_test_is_scipys_fair_coin() -> None:
    y, _, _ = both_arms(4)
    table = y.reshape(-1, 2).astype(int)
    found = mcnemar(table[:, 0], table[:, 1])
    assert found.both + found.first_only + found.second_only + found.neither == len(table)
    b, c = found.first_only, found.second_only
    assert found.p == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-12)
    assert (found.neither, found.both) == ((table.sum(1) == 0).sum(), (table.sum(1) == 2).sum())


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (0, 6), (5, 5), (3, 17), (700, 800)])
def test_the_sign_test_is_exact(wins: int, losses: int) -> None:
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert sign_test(wins, losses) == pytest.approx(expected, rel=1e-10)


def test_holm_equals_statsmodels_in_any_order() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="no statsmodels here")
    p = [0.04, 0.001, 0.2, 0.012, 0.011, 1.0, 0.012]
    expected = multitest.multipletests(p, method="holm")[1]
    assert list(holm(p).values()) == pytest.approx(list(expected))
    assert holm({"a": 0.03, "b": 0.02}) == {"a": 0.04, "b": 0.04} and holm([]) == {}


def test_planted_effects_are_recovered() -> None:
    """From 20 studies each, the mean estimate lies within 3 of its errors from the truth."""
    nodes = np.random.default_rng(0).normal(size=200_000) * 3
    truth = float(np.mean(1 / (1 + np.exp(-nodes - 2.6)) - 1 / (1 + np.exp(-nodes - 1.5))))
    found = [paired_difference(*both_arms(10 + seed), (1, 0), test=False) for seed in range(20)]
    values = np.array([one.value for one in found if one is not None])
    assert abs(values.mean() - truth) < 3 * values.std(ddof=1) / 20**0.5


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: paired_difference([1, 0], ["a", "b"], [1, 1], ("a", "a")),
        lambda: paired_difference([1, 0], ["a", "b"], [1, 1], ("a", "b"), ["s", "t"]),
        lambda: paired_difference([1, 0], ["a"], [1, 1], ("a", "b")),
        lambda: paired_difference([1, 2], ["a", "b"], [1, 1], ("a", "b")),
        lambda: mcnemar([1], [1, 0]), lambda: mcnemar([0.5], [1]), lambda: sign_test(-1, 2),
        lambda: holm([1.5]), lambda: holm({"a": float("nan")}),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        wrong()
    assert "\n" not in str(error.value)
