"""An estimate with its interval, and the two intervals that the others are made of."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt
from statistics import NormalDist

LEVEL = 0.95
"""The level of every interval unless another is asked for."""

LARGEST = 1e100
"""No figure is larger, so that squares and sums of figures are finite."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure from ``n`` observations with its interval, in the units of the figure.

    ``low`` and ``high`` are None where one cluster is all there is: nothing then says how far the
    figure may be off. ``clusters`` counts the independent units that the interval rests on, ``se``
    is the standard error, ``df`` the degrees of freedom of its Student's t, ``method`` says in a
    few words how the interval was made, and ``iid`` is the interval that would hold if the
    observations were independent, to be shown beside and never instead. ``p`` is two-sided, of a
    true figure of 0, where the figure is a difference.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    clusters: int | None = None
    se: float | None = None
    method: str = ""
    iid: tuple[float, float] | None = None
    df: float | None = None
    p: float | None = None


def check_level(level: float) -> float:
    """``level`` itself; ValueError where it is not strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"expected a level between 0 and 1, such as 0.95, got {level}")
    return level


def wilson(
    k: float, n: float, level: float = LEVEL, df: float | None = None
) -> tuple[float, float] | None:
    """The Wilson score interval of a proportion ``k / n``; None where ``n`` is 0.

    ``(k + z²/2 ± z √(k (n - k) / n + z²/4)) / (n + z²)`` (Wilson 1927; Brown, Cai and DasGupta
    2001 recommend it for small n). ``k`` may be fractional, where ties count a half; the interval
    is then the same formula, which no longer has an exact justification. ``df`` puts the quantile
    of Student's t in the place of ``z``, for an ``n`` that was itself estimated from clusters.
    Raises ValueError where ``k`` is not within [0, n].
    """
    if not 0 <= k <= n or not 0 < level < 1:
        raise ValueError(f"expected 0 <= k <= n and 0 < level < 1, got k={k}, n={n}, level={level}")
    if n == 0:
        return None
    z = quantile(level, df)
    centre, half = k + z * z / 2, z * sqrt(k * (n - k) / n + z * z / 4)
    low, high = (centre - half) / (n + z * z), (centre + half) / (n + z * z)
    return (0.0 if k == 0 else max(0.0, low)), (1.0 if k == n else min(1.0, high))


def quantile(level: float = LEVEL, df: float | None = None) -> float:
    """The two-sided quantile: 1.96 at 0.95 for the normal, Student's with ``df`` (> 0) degrees."""
    check_level(level)
    if df is None:
        return NormalDist().inv_cdf((1 + level) / 2)
    if not df > 0:
        raise ValueError(f"expected more than 0 degrees of freedom, got {df}")
    if df == inf:
        return quantile(level)
    from scipy.special import stdtrit

    found = float(stdtrit(df, (1 + level) / 2))
    if not isfinite(found):
        raise ValueError(f"expected more degrees of freedom for an interval, got {df}")
    return found


def student(centre: float, se: float, df: float, level: float = LEVEL) -> tuple[float, float]:
    """``centre ± t se`` with Student's quantile for ``df`` degrees of freedom (Student 1908).

    In the units of ``centre``. Raises ValueError for a negative or infinite ``se`` or ``df <= 0``.
    """
    if not (abs(centre) <= LARGEST and 0 <= se <= LARGEST):
        raise ValueError(f"expected a finite centre and standard error >= 0, got {centre}, {se}")
    half = quantile(level, df) * se
    return centre - half, centre + half


def p_value(estimate: Estimate, null: float = 0.0) -> float | None:
    """The two-sided p of ``value = null`` by Student's t on ``se`` and ``df``.

    None where the estimate has no standard error or a standard error of 0: all observations are
    alike then, and t has no scale. Raises ValueError for a ``null`` that is not finite.
    """
    if not abs(null) <= LARGEST:
        raise ValueError(f"expected a finite value to compare with, got {null}")
    if not estimate.se or not estimate.df:
        return None
    from scipy.special import stdtr

    return float(2 * stdtr(estimate.df, -abs(estimate.value - null) / estimate.se))
