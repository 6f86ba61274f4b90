"""What is drawn together: codes of clusters, sums by cluster, variances and bootstraps from them.

Verdicts on one question, story or judge share what made them right or wrong. Everything here
looks at sums over clusters, never at rows again, so its cost is one pass over the rows. Labels
become codes once (`codes`); the other functions take codes, of which a mask may leave some out.
Randomness comes from a seed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arena.stats.intervals import LARGEST, LEVEL, check_level, student
from arena.stats.labels import distinct, recoded

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Statistic = Callable[[Floats], Floats]
"""From totals of shape (draws, k) to figures of shape (draws,)."""

DRAWS = 1000
_CELLS = 250_000
"""How many indices a bootstrap draws at a time: 2 MB, which a processor's cache holds."""
_FEW = 12
"""Below as many clusters the percentiles of a bootstrap reach no further than its few clusters."""
_SPARSE = 4_000_000
"""A table of more cells than this (32 MB) is kept sparse."""


def codes(labels: Iterable[Any]) -> tuple[Codes, int]:
    """One integer from 0 for each label, and how many labels there are.

    Labels are numbers, text, tuples or anything hashable; codes follow their order where they have
    one, so that the order of rows decides nothing, and first appearance otherwise. 1e6 integers
    take some 10 ms, 1e6 strings 4 to 100 ms. Raises ValueError for NaN, which equals nothing.
    """
    array = np.asarray(labels) if isinstance(getattr(labels, "dtype", None), np.dtype) else None
    if array is not None and array.ndim != 1:
        raise ValueError(f"expected one label a row, got an array of shape {array.shape}")
    if array is not None and array.dtype.kind in "biu":
        return _integers(array)
    if array is not None and array.dtype.kind == "f":
        if np.isnan(array).any():
            raise ValueError("expected labels, got NaN among them; leave those rows out")
        found, inverse = np.unique(array, return_inverse=True)
        return inverse.astype(np.int64), len(found)
    code, names = distinct(labels if array is None else array)
    if any(name != name for name in names):
        raise ValueError("expected labels, got NaN among them; leave those rows out")
    with suppress(TypeError):  # labels of several kinds have no order
        order = sorted(range(len(names)), key=names.__getitem__)
        code = recoded(code, np.argsort(order).tolist())
    return code, len(names)


def _integers(array: NDArray[Any]) -> tuple[Codes, int]:
    if not array.size:
        return np.zeros(0, np.int64), 0
    low, high = int(array.min()), int(array.max())
    if high - low > 4 * array.size + 1000:
        found, inverse = np.unique(array, return_inverse=True)
        return inverse.astype(np.int64), len(found)
    shifted = array.astype(np.int64) - low
    present = np.bincount(shifted) > 0
    return (np.cumsum(present) - 1)[shifted], int(present.sum())


def crossed(a: Codes, b: Codes) -> tuple[Codes, int]:
    """Codes of the pairs that occur together: a question before a judge."""
    a, b = _codes(a), _codes(b, len(a))
    if not a.size:
        return a, 0
    return codes(a * (int(b.max()) + 1) + b)


def cluster_sums(values: ArrayLike, codes: Codes, count: int) -> Floats:
    """Sums of ``values`` (n,) or (n, k) by cluster: (count,) or (count, k)."""
    array = np.asarray(values, np.float64)
    codes = _codes(codes, len(array))
    if not (np.abs(array) <= LARGEST).all():
        raise ValueError("expected finite values, got NaN or infinity; leave those rows out")
    if codes.size and int(codes.max()) >= count:
        raise ValueError(f"expected codes below {count}, got {int(codes.max())}")
    if array.ndim == 1:
        return np.bincount(codes, array, count).astype(np.float64)
    return np.stack([np.bincount(codes, column, count) for column in array.T], axis=1)


def linearised(values: ArrayLike, codes: Codes, weights: ArrayLike | None = None) -> float | None:
    """The variance of a (weighted) mean by the linearised ratio; None of a single cluster.

    ``C / (C - 1) Σ_c e_c² / (Σ w)²`` with ``e_c = Σ w (x - mean)`` over cluster c (Liang and Zeger
    1986, "CR1"; Miller 2024). In squared units of the values. It is too small where clusters are
    few and unequal; `arena.stats.means` corrects that.
    """
    table = sums(values, codes, weights)
    count = len(table)
    if count < 2:
        return None
    total, weight = table.sum(0)
    e = table[:, 0] - total / weight * table[:, 1]
    return float(count / (count - 1) * (e @ e) / weight**2)


def sums(values: ArrayLike, codes: Codes, weights: ArrayLike | None = None) -> Floats:
    """Of each cluster that occurs: the sum of its (weighted) values, and of its weights; (C, 2).

    Raises ValueError where a value is not finite or a weight is not above 0.
    """
    x = finite(values)
    codes = _codes(codes, len(x))
    if weights is None:
        table = np.stack([np.bincount(codes, x), np.bincount(codes).astype(np.float64)], axis=1)
    else:
        w = finite(weights, "weights")
        if len(w) != len(x) or (w <= 0).any():
            raise ValueError("expected one weight above 0 for each value")
        table = np.stack([np.bincount(codes, w * x), np.bincount(codes, w)], axis=1)
    return table[table[:, 1] > 0]


def two_way(
    values: ArrayLike, a: Codes, b: Codes, weights: ArrayLike | None = None
) -> float | None:
    """The variance of a mean whose values share two crossed factors; None of one cluster on a side.

    ``V_a + V_b - V_ab`` (Cameron, Gelbach and Miller 2011), each by `linearised`. The difference
    may fall below either of the two, even below 0, by chance alone; the larger of ``V_a``, ``V_b``
    and the difference is returned (MacKinnon, Nielsen and Webb 2024).
    """
    both, _ = crossed(a, b)
    one, other = linearised(values, a, weights), linearised(values, b, weights)
    if one is None or other is None:
        return None
    joint = linearised(values, both, weights)
    assert joint is not None
    return max(one, other, one + other - joint)


def bootstrap(table: ArrayLike, statistic: Statistic, draws: int = DRAWS, seed: int = 0) -> Floats:
    """The statistic on ``draws`` samples of clusters, with replacement (Field and Welsh 2007).

    ``table`` (C, k) has whatever sums of a cluster the statistic needs, of one arm or of several,
    so that what an arm shares with another is drawn with both. ``statistic`` is given totals of
    shape (draws, k) and returns one figure a draw; it may return NaN for a draw that has none (an
    arm that was not drawn), and must not divide by 0. Empty where there are no clusters.
    """
    array = np.asarray(table, np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if not np.isfinite(array).all():
        raise ValueError("expected finite sums of each cluster, got NaN or infinity")
    count, width = array.shape
    _draws(draws)
    if not count:
        return np.zeros(0)
    generator = np.random.default_rng(seed)
    columns = [np.ascontiguousarray(column) for column in array.T]
    totals = np.empty((draws, width))
    step = max(1, _CELLS // count)
    for begin in range(0, draws, step):
        size = min(step, draws - begin)
        index = generator.integers(0, count, (size, count), np.int32)
        for k, column in enumerate(columns):
            totals[begin : begin + size, k] = column[index].sum(1)
    return np.asarray(statistic(totals), np.float64)


def ratio(totals: Floats) -> Floats:
    """The first of two totals over the second: a mean from sums and counts. NaN over nothing."""
    over = totals[:, 1] > 0
    return np.where(over, totals[:, 0] / np.where(over, totals[:, 1], 1.0), np.nan)


def bootstrap_means(values: ArrayLike, codes: Codes, draws: int = DRAWS, seed: int = 0) -> Floats:
    """Means of ``draws`` samples of clusters: aggregate once, then gather sums by index."""
    return bootstrap(sums(values, codes), ratio, draws, seed)


def pigeonhole(
    columns: ArrayLike, a: Codes, b: Codes, statistic: Statistic, draws: int = DRAWS, seed: int = 0
) -> Floats:
    """The statistic on samples of two crossed factors (Owen 2007, "pigeonhole bootstrap").

    Levels of ``a`` and of ``b`` are drawn apart, with replacement; a row weighs the product of how
    often its two levels were drawn. ``columns`` (n, k) are summed with these weights. The variance
    is a little too large: noise of a row alone is counted up to three times.
    """
    array = np.asarray(columns, np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if not np.isfinite(array).all():
        raise ValueError("expected finite values, got NaN or infinity")
    _draws(draws)
    a, count_a = codes(_codes(a, len(array)))
    b, count_b = codes(_codes(b, len(array)))
    if not len(array):
        return np.zeros(0)
    tables = [_table(column, a, b, count_a, count_b) for column in array.T]
    generator = np.random.default_rng(seed)
    totals = np.empty((draws, len(tables)))
    step = max(1, _CELLS // count_a)
    for begin in range(0, draws, step):
        size = min(step, draws - begin)
        weights_a = _multiplicities(generator, size, count_a)
        weights_b = _multiplicities(generator, size, count_b)
        for k, table in enumerate(tables):
            totals[begin : begin + size, k] = ((weights_a @ table) * weights_b).sum(1)
    return np.asarray(statistic(totals), np.float64)


def pigeonhole_means(
    values: ArrayLike, a: Codes, b: Codes, draws: int = DRAWS, seed: int = 0
) -> Floats:
    """Means of ``draws`` pigeonhole samples; NaN for a draw that no row is in."""
    x = finite(values)
    return pigeonhole(np.stack([x, np.ones_like(x)], axis=1), a, b, ratio, draws, seed)


def _table(values: Floats, a: Codes, b: Codes, count_a: int, count_b: int) -> Any:
    if count_a * count_b <= _SPARSE:
        return np.bincount(a * count_b + b, values, count_a * count_b).reshape(count_a, count_b)
    from scipy.sparse import csr_array

    return csr_array((values, (a, b)), shape=(count_a, count_b))


def _multiplicities(generator: np.random.Generator, size: int, count: int) -> Floats:
    """How often each of ``count`` levels is drawn in ``count`` draws; (size, count)."""
    index = generator.integers(0, count, (size, count), np.int64)
    index += np.arange(size)[:, None] * count
    return np.bincount(index.ravel(), minlength=size * count).reshape(size, count).astype(float)


def jackknife(table: ArrayLike, statistic: Statistic) -> float | None:
    """The variance of a statistic by leaving out one cluster at a time; None of a single cluster.

    ``(C - 1) / C Σ (θ_(-c) - θ)²`` around the estimate from all (Tukey 1958; "CV3" of MacKinnon,
    Nielsen and Webb 2023). Never too small on average. None too where the statistic is undefined
    without some cluster.
    """
    array = np.asarray(table, np.float64)
    count = len(array)
    if count < 2:
        return None
    total = array.sum(0)
    found = statistic(np.concatenate([total[None], total - array]))
    if not np.isfinite(found).all():
        return None
    return float((count - 1) / count * np.sum((found[1:] - found[0]) ** 2))


def spread(
    drawn: Floats,
    value: float,
    clusters: int,
    level: float = LEVEL,
    how: Literal["expanded", "percentile"] = "expanded",
    df: float | None = None,
) -> tuple[float, float] | None:
    """The interval that a cluster bootstrap gives; None where it gives none.

    ``percentile``: plain quantiles of the draws, too narrow by ``√((C - 1) / C)`` and for want of
    Student's t. ``expanded``: quantiles at ``Φ(∓ √(C / (C - 1)) t)``, which makes good for
    both (Hesterberg 2015); below 12 clusters, whose draws do not reach so far out, ``value ± t se``
    with ``se`` the draws' standard deviation times ``√(C / (C - 1))``. ``df`` are the degrees of
    t where clusters are unequal (`arena.stats.means`), otherwise C - 1. Draws that are NaN have no
    figure and are left out; None where they are more than one in twenty, or of one cluster.
    """
    check_level(level)
    kept = drawn[np.isfinite(drawn)]
    if clusters < 2 or not kept.size or kept.size < 0.95 * drawn.size:
        return None
    if how == "percentile":
        low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)
    more, freedom = (clusters / (clusters - 1)) ** 0.5, df or clusters - 1
    if clusters < _FEW:
        return student(value, more * float(kept.std()), freedom, level)
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(-more * stdtrit(freedom, (1 + level) / 2)))
    low, high = np.quantile(kept, [tail, 1 - tail])
    return float(low), float(high)


def finite(values: ArrayLike, what: str = "values") -> Floats:
    """A one-dimensional array of floats; ValueError where one is NaN, infinite or no number."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "biuf"):
        raise ValueError(f"expected {what} as a list of numbers, got {array.dtype} {array.shape}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"expected finite {what}, got NaN or infinity; leave those rows out")
    if array.size and np.abs(array).max() > LARGEST:
        raise ValueError(f"expected {what} of at most {LARGEST:g}, whose squares can be summed")
    return array


def _codes(given: Codes, length: int | None = None) -> Codes:
    array = np.asarray(given)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError("expected codes of clusters as integers: make them with codes(labels)")
    if length is not None and len(array) != length:
        raise ValueError(f"expected a cluster for each of {length} values, got {len(array)}")
    array = array.astype(np.int64, copy=False)
    if array.size and int(array.min()) < 0:
        raise ValueError("expected codes of clusters from 0 on, got a negative one")
    return array


def _draws(draws: int) -> None:
    if draws < 1:
        raise ValueError(f"expected at least 1 draw, got {draws}")
