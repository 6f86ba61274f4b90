"""Proper scores of known probabilities."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.stats import scores


def test_scores_of_known_probabilities() -> None:
    assert scores.log2_score(0.5) == -1
    assert scores.log2_score(0) == scores.log2_score(0.01) == log2(0.01)
    assert scores.judge_score(0.5, 3) == -1.15
    assert scores.brier((0.7, 0.3), 1) == pytest.approx(0.49)
    assert scores.brier((1, 0, 0), 0) == 0
    assert scores.brier((1, 0, 0), 2) == 1
    assert scores.average([]) is None


@given(st.lists(st.floats(-50, 0), min_size=2, max_size=5))
def test_normalised_probabilities_sum_to_one(values: list[float]) -> None:
    p = scores.normalised(values)
    assert sum(p) == pytest.approx(1)
    assert p[values.index(max(values))] == max(p)
