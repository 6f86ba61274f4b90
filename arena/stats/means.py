"""Means, shares and contrasts of arms, where values come in clusters; intervals that hold with few.

Variance and degrees of freedom are those of `arena.stats.sandwich`. Shares get Wilson's interval
on as many effective values as would give that variance (Kish 1965; never more than there are, where
a mean of several verdicts is as many draws as the spread of such means says, `Arms.worth`), and
contrasts of shares combine their arms' intervals (Newcombe 1998; Zou and Donner 2008), so that an
arm without a mistake still has a width. `benchmarks/coverage.py` prints what these intervals cover
with 4 to 100 clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from arena.stats.clusters import Floats, codes, finite
from arena.stats.intervals import LARGEST, LEVEL, Estimate, check_level, student, wilson
from arena.stats.sandwich import Arms, Fit, Labels, arms_of, fitted

Interval = tuple[float, float]


def share(
    values: ArrayLike, labels: Labels, second: Labels | None = None, level: float = LEVEL
) -> Estimate | None:
    """The mean of values in [0, 1] with its interval by clusters; None of nothing.

    Plain Wilson where each cluster has one value; without an interval where one cluster is all;
    of as many values as there are clusters where all values are 0 or all 1. ``labels`` name each
    value's cluster; with ``second`` the values share two crossed factors, see `mean`.
    """
    return _shares(arms_of(values, None, (1.0,)), labels, second, level)


def mean(
    values: ArrayLike,
    labels: Labels,
    second: Labels | None = None,
    level: float = LEVEL,
    weights: ArrayLike | None = None,
    bounds: tuple[float, float] | None = None,
) -> Estimate | None:
    """The mean of any values with Student's interval by clusters, in their units; None of nothing.

    ``weights`` above 0, such as how many turns a value is the mean of, make it ``Σ w x / Σ w``.
    ``bounds`` that no value can pass (log2 scores: -6.64 and -0.01) make the interval Wilson's on
    that scale, whose longer side is where skewed values have their tail; Student's is symmetric.
    With ``second`` the values share two crossed factors (questions and judges). The variance is
    then ``V_a + V_b - V_ab`` (Cameron, Gelbach and Miller 2011) or, where that is larger, ``V_a``
    or ``V_b`` alone (MacKinnon, Nielsen and Webb 2024), with the fewer degrees of freedom of the
    two, and ``clusters`` is the smaller number of clusters.
    """
    data = arms_of(values, None, (1.0,), weights)
    return _means(data, labels, second, level, False, bounds)


def difference(
    values: ArrayLike,
    labels: Labels,
    less: ArrayLike,
    less_labels: Labels,
    level: float = LEVEL,
    bounded: bool = False,
) -> Estimate | None:
    """The mean of ``values`` minus the mean of ``less``, which may share clusters; see `contrast`.

    None where one of them is empty.
    """
    x, y = finite(values), finite(less)
    arms = np.repeat([1, 0], [len(x), len(y)])
    both, names = np.concatenate([x, y]), [*labels, *less_labels]
    return contrast(both, arms, [(1, 1.0), (0, -1.0)], names, level=level, bounded=bounded)


def contrast(
    values: ArrayLike,
    arms: Labels,
    coefficients: Sequence[tuple[Any, float]],
    labels: Labels,
    second: Labels | None = None,
    level: float = LEVEL,
    bounded: bool = True,
    test: bool = True,
) -> Estimate | None:
    """``Σ c_k mean_k`` over arms, such as a difference; None where an arm has no value.

    ``coefficients`` pairs each arm with its number; values of other arms are left out. What arms
    share, by clusters that have values in several of them, is in the interval. ``bounded``: the
    values are in [0, 1]; otherwise the interval is Student's. ``p`` of the result is that of a
    contrast of 0, from the same interval: it is below 0.05 just where 0 is outside at 95 %;
    ``test`` is whether to compute it.
    """
    arm = arms.tolist() if isinstance(arms, np.ndarray) else list(arms)
    names = [name for name, _ in coefficients]
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"expected each arm once with its coefficient, got {names}")
    x = finite(values)
    if len(arm) != len(x):
        raise ValueError(f"expected an arm for each of {len(x)} values, got {len(arm)}")
    table = {name: k for k, name in enumerate(names)}
    code = np.fromiter((table.get(name, -1) for name in arm), np.int64, len(arm))
    kept = code >= 0
    if len(np.unique(code[kept])) < len(names):
        return None
    data = arms_of(x[kept], code[kept], [c for _, c in coefficients])
    made = _shares if bounded else _means
    first = codes(labels)[0]
    other = None if second is None else codes(second)[0]
    for given in (first, *([] if other is None else [other])):
        if len(given) != len(x):
            raise ValueError(f"expected a cluster for each of {len(x)} values, got {len(given)}")
    return made(data, first[kept], None if other is None else other[kept], level, test)


def by_variance(
    estimate: Estimate, variance: float, method: str, level: float = LEVEL, worth: float = 1.0
) -> Estimate:
    """A share with the interval that another variance of it gives, such as a bootstrap's.

    Wilson's on as many effective values as would give ``variance``, each of which is ``worth`` so
    many draws of 0 or 1 (`arena.stats.sandwich.Arms.worth`). Percentiles of a bootstrap are
    too narrow for few or unequal clusters, and have no width where all values are alike. Raises
    ValueError for a variance below 0.
    """
    if not 0 <= variance <= LARGEST:
        raise ValueError(f"expected a variance from 0 on, got {variance}")
    count = estimate.clusters or 0
    if count < 2:
        return replace(estimate, low=None, high=None, method=method)
    df = estimate.df or count - 1.0
    low, high = _arm(estimate.value, estimate.n * worth, variance, df, count, inf, level)
    return replace(
        estimate, low=low, high=high, se=sqrt(variance), method=f"{method}, {count} clusters", df=df
    )


def _means(
    data: Arms | None,
    labels: Labels,
    second: Labels | None,
    level: float,
    test: bool = False,
    bounds: Interval | None = None,
) -> Estimate | None:
    check_level(level)
    if data is None:
        return None
    size, value = len(data.x), data.value
    fit = fitted(data, labels, second)
    if isinstance(fit, int):
        return Estimate(value, None, None, size, fit, method="one cluster")
    se = _error(data, fit.cov)
    iid, rows, parts = None, np.bincount(data.arm).astype(np.float64), np.zeros(1)
    if (rows > 1).all():
        off = (data.x - data.p[data.arm]) * (1.0 if data.w is None else data.w)
        parts = (
            np.bincount(data.arm, off**2) * (data.coefficients / data.n) ** 2 * rows / (rows - 1)
        )
        iid = student(value, sqrt(parts.sum()), _satterthwaite(parts, rows - 1), level)
    made = partial(student, value, se, fit.df)
    if bounds is not None:
        made = partial(_within, data, max(se, sqrt(parts.sum())), fit, bounds)
    p = p_from(made) if test and se else None
    low, high = made(level)
    return Estimate(value, low, high, size, fit.count, se, _method("Student", fit, second), iid,
                    fit.df, p)  # fmt: skip


def _within(data: Arms, se: float, fit: Fit, bounds: Interval, level: float) -> Interval:
    """Wilson's interval of a mean of values within bounds, as a share of the way between them."""
    least, width = bounds[0], bounds[1] - bounds[0]
    if not width > 0 or data.x.min() < least or data.x.max() > bounds[1]:
        raise ValueError(
            f"expected values within {bounds}, got {data.x.min():.6g} to {data.x.max():.6g}"
        )
    at, variance = (data.value - least) / width, (se / width) ** 2
    most = at * (1 - at) / variance if variance > 0 else float(fit.count)
    low, high = _arm(at, most, variance, fit.df, fit.count, inf, level)
    return least + width * low, least + width * high


def _shares(
    data: Arms | None, labels: Labels, second: Labels | None, level: float, test: bool = False
) -> Estimate | None:
    check_level(level)
    if data is None:
        return None
    if data.x.min() < 0 or data.x.max() > 1:
        raise ValueError(f"expected shares in [0, 1], got {data.x.min()} to {data.x.max()}")
    size, value, worth = len(data.x), data.value, data.worth
    plain = np.diag(data.p * (1 - data.p) / (data.n * worth))
    independent = partial(_combined, data, plain, None)
    first, made, cov, freedom, method = codes(labels)[0], independent, plain, None, "Wilson"
    fit = fitted(data, first, second)
    alone = second is None and len(np.unique(first)) == size and not (worth > 1).any()
    count = fit if isinstance(fit, int) else fit.count
    if not alone:
        if isinstance(fit, int):
            return Estimate(
                value, None, None, size, count, method="one cluster", iid=independent(level)
            )
        floor = np.sqrt(np.maximum(1.0, _ratio(np.diag(plain), np.diag(fit.cov))))
        cov = fit.cov * np.outer(floor, floor)
        made = partial(_combined, data, cov, fit)
        freedom, method = fit.df, _method("Wilson by design effect", fit, second)
    se = _error(data, cov)
    p = p_from(made) if test else None
    low, high = made(level)
    return Estimate(value, low, high, size, count, se, method, independent(level), freedom, p)


def _error(data: Arms, cov: Floats) -> float:
    """The standard error of the contrast."""
    return sqrt(max(0.0, float(data.coefficients @ cov @ data.coefficients)))


def _ratio(over: Floats, under: Floats) -> Floats:
    """``over / under``, and 1 over 0."""
    return np.where(under > 0, over / np.where(under > 0, under, 1.0), 1.0)


def _method(name: str, fit: Fit, second: Labels | None) -> str:
    return f"{name}, {'two-way, ' if second is not None else ''}t with {fit.df:.1f} df"


def _combined(data: Arms, cov: Floats, fit: Fit | None, level: float) -> Interval:
    """The interval of a contrast of shares, from its arms' Wilson intervals; of independent values
    without a ``fit``.

    ``θ - √(Σ_kl r_kl d_k d_l)`` with ``d_k`` the signed distance to the arm's end that lowers the
    contrast, and the upper end alike (Zou and Donner 2008, "MOVER"). A correlation that narrows
    the interval counts ``1 - (4 / C)²`` of itself, for with 4 clusters it is mostly chance.
    """
    c, p, worth = data.coefficients, data.p, data.worth
    number = data.n * worth
    if fit is None:
        found = [
            wilson(min(at * n, n), n, level) or (0.0, 1.0) for at, n in zip(p, number, strict=True)
        ]
        trust = 1.0
    else:
        sizes = np.maximum(fit.sizes, worth)
        found = [
            _arm(p[k], number[k], cov[k, k], fit.arm_df[k], fit.clusters[k], sizes[k], level)
            for k in range(len(p))
        ]
        trust = max(0.0, 1 - (4 / float(min(fit.clusters))) ** 2)
    ends = np.array(found)
    down = np.where(c > 0, c * (p - ends[:, 0]), c * (p - ends[:, 1]))
    up = np.where(c > 0, c * (ends[:, 1] - p), c * (ends[:, 0] - p))
    sd = np.sqrt(np.diag(cov))
    scale = np.where(sd > 0, sd, 1.0)
    r = np.clip(cov / np.outer(scale, scale) * np.outer(np.sign(c), np.sign(c)), -1.0, 1.0)
    r = np.where(r < 0, r * trust, r)
    np.fill_diagonal(r, 1.0)
    low, high = (sqrt(max(0.0, side @ r @ side)) for side in (down, up))
    least, most = float(np.minimum(c, 0).sum()), float(np.maximum(c, 0).sum())
    return max(least, data.value - low), min(most, data.value + high)


def _arm(
    p: float, n: float, variance: float, df: float, clusters: float, size: float, level: float
) -> Interval:
    """Wilson's interval of one arm on its effective values, with t for how noisy their number is.

    That number comes from a variance whose noise is ``1 / df`` and, near 0 or 1, the excess
    kurtosis of clusters' means over twice their number: that of a binomial of the effective size,
    or half that of the beta distribution with the same correlation if more. Of both only
    ``1 - 1 / size`` counts, as pairs within clusters alone tell: values that share nothing have no
    design effect to estimate, and z is theirs. The half was chosen by simulation.
    """
    plain = p * (1 - p) / n
    number = clusters if plain <= 0 else n * min(1.0, plain / variance) if variance > 0 else n
    near = (p * number + 2) / (number + 4)
    q, each = near * (1 - near), number / clusters
    around = max(0.0, each - 1)
    beta = 6 * ((1 - 4 * q) * (around + 1) - q * (around + 2))
    beta /= q * (around + 2) * (around + 3)
    excess = max(0.0, (1 / q - 6) / each, beta / 2)
    noise = (1 - 1 / size) * (1 / df + excess / (2 * clusters))
    found = wilson(min(p * number, number), number, level, 1 / noise if noise > 1e-9 else None)
    assert found is not None
    return found


def _satterthwaite(parts: Floats, df: Floats) -> float:
    """Degrees of freedom of a sum of variances (Welch 1947); the fewest of them for a sum of 0."""
    peak = float(parts.max())
    if not peak > 0:
        return float(df.min())
    each = parts / peak  # squares of what is tiny would be 0
    return float(each.sum()) ** 2 / float((each**2 / df).sum())


def p_from(interval: Callable[[float], Interval], null: float = 0.0) -> float:
    """One minus the level at which an interval just reaches ``null``, to within 1e-12."""
    low, high = 1e-12, 1.0  # of p
    for _ in range(60):
        p = (low * high) ** 0.5 if low < 0.01 else (low + high) / 2
        if p >= 1:
            break
        start, end = interval(1 - p)
        if start <= null <= end:
            low = p
        else:
            high = p
    return low if low > 1e-12 else 0.0
