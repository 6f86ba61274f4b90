"""Estimates and the two basic intervals, against scipy and closed forms."""

from __future__ import annotations

import pytest
from scipy import stats

from arena.stats.intervals import Estimate, p_value, quantile, student, wilson


@pytest.mark.parametrize(
    ("k", "n"), [(0, 1), (1, 1), (3, 10), (61, 76), (130, 154), (0, 40), (40, 40)]
)
def test_wilson_equals_scipys(k: int, n: int) -> None:
    theirs = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_with_many_degrees_of_freedom_is_wilson_and_with_few_is_wider() -> None:
    plain, many, few = wilson(7, 10), wilson(7, 10, df=1e9), wilson(7, 10, df=3)
    assert plain is not None and many is not None and few is not None
    assert many == pytest.approx(plain, abs=1e-7)
    assert few[0] < plain[0] < plain[1] < few[1]


def test_nothing_has_no_wilson_interval() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize("df", [1, 2.5, 7, 29, 1e6])
def test_students_interval_equals_scipys(df: float) -> None:
    expected = stats.t.interval(0.9, df, loc=2, scale=0.3)
    assert student(2, 0.3, df, 0.9) == pytest.approx(expected, rel=1e-9)


def test_quantiles_tend_from_students_to_the_normal() -> None:
    assert quantile() == pytest.approx(1.959964, abs=1e-6)
    assert quantile(0.95, 1e9) == pytest.approx(quantile(), abs=1e-7)
    assert quantile(0.95, 3) == pytest.approx(3.182446, abs=1e-6)


def test_a_p_value_is_that_of_students_t() -> None:
    found = p_value(Estimate(1.0, None, None, 9, se=0.4, df=8))
    assert found == pytest.approx(2 * stats.t.sf(2.5, 8), rel=1e-9)
    assert p_value(Estimate(1.0, None, None, 9)) is None
    assert p_value(Estimate(1.0, 1.0, 1.0, 9, se=0.0, df=8)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: wilson(3, 2), lambda: wilson(-1, 2), lambda: wilson(1, 2, 1.0),
        lambda: wilson(float("nan"), 2), lambda: wilson(1, 2, df=0),
        lambda: student(0, -1, 3), lambda: student(float("nan"), 1, 3), lambda: student(0, 1, 0),
        lambda: quantile(0),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        wrong()  # type: ignore[operator]
    assert "\n" not in str(error.value)
