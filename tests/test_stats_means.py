"""Shares and means of values that come in clusters: what holds whatever the values are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from arena.stats.intervals import wilson
from arena.stats.means import mean, share


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_share_of_independent_values_is_wilsons(values: list[bool]) -> None:
    found = share([float(v) for v in values], [str(i) for i in range(len(values))])
    assert found is not None and found.n == len(values)
    assert (found.low, found.high) == pytest.approx(wilson(sum(values), len(values)))
    assert found.value == pytest.approx(np.mean(values))


@given(st.lists(st.booleans(), min_size=2, max_size=30), st.integers(2, 5))
def test_copies_of_a_value_within_its_cluster_add_no_evidence(
    values: list[bool], times: int
) -> None:
    once = share([float(v) for v in values], [str(i) for i in range(len(values))])
    copied = share(
        [float(v) for v in values for _ in range(times)],
        [str(i) for i in range(len(values)) for _ in range(times)],
    )
    assert once is not None and copied is not None
    assert copied.value == pytest.approx(once.value) and copied.n == times * once.n
    assert copied.low is not None and copied.high is not None and copied.clusters == len(values)
    assert once.low is not None and once.high is not None
    # A little wider: that the copies are copies is estimated.
    assert copied.low <= once.low + 1e-12 and copied.high >= once.high - 1e-12


def test_values_that_balance_within_clusters_claim_no_more_than_independent_ones() -> None:
    found = share([0.0, 1.0] * 20, [str(i // 2) for i in range(40)])
    assert found is not None and found.low is not None and found.high is not None
    low, high = wilson(20, 40) or (0.0, 1.0)
    assert low - 0.01 < found.low <= low and high <= found.high < high + 0.01


def test_one_cluster_has_no_interval_and_nothing_has_no_estimate() -> None:
    for estimate in (share, mean):
        alone = estimate([1.0, 0.0, 1.0], ["a"] * 3)
        assert alone is not None and alone.value == pytest.approx(2 / 3)
        assert alone.low is alone.high is None
        assert estimate([], []) is None
    with pytest.raises(ValueError, match="a cluster for each of 2"):
        mean([1.0, 2.0], ["a"])


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=40))
def test_the_mean_of_independent_values_has_students_interval(values: list[float]) -> None:
    found = mean(values, [str(i) for i in range(len(values))])
    n = len(values)
    half = t.ppf(0.975, n - 1) * np.std(values, ddof=1) / math.sqrt(n)
    assert found is not None
    centre = float(np.mean(values))
    assert (found.low, found.value, found.high) == pytest.approx(
        (centre - half, centre, centre + half), abs=1e-9
    )
