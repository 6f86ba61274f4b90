"""Agreement between judges: per cent, Cohen's kappa, Krippendorff's alpha; units drawn together.

All three are figures of sums over units (a match, a question), so a bootstrap of units costs
those sums. A figure that is not defined (nobody disagreed with anything, as everything is alike)
is None, never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from arena.stats.clusters import (
    DRAWS,
    Floats,
    bootstrap,
    cluster_sums,
    codes,
    crossed,
    finite,
    spread,
)
from arena.stats.intervals import LEVEL, Estimate, wilson

_ALIKE = "Wilson's on the clusters, which are all alike"
Level = Literal["nominal", "interval"]


def percent(
    unit: Iterable[Any], value: Iterable[Any], cluster: Iterable[Any] | None = None,
    draws: int = DRAWS, seed: int = 0, level: float = LEVEL,
) -> Estimate | None:  # fmt: skip
    """The share of pairs of judgments on one unit that are equal, in [0, 1].

    One row a judgment: what was judged, and the answer. Pairs are pooled over units. ``cluster``
    is what units are drawn in (the unit itself unless given). None where no unit has two.
    """
    table, groups, count = _nominal(unit, value, cluster)
    if table is None:
        return None
    sums = np.stack([table[:, 0], table[:, 1]], axis=1)
    return _estimated(sums, _share, groups, count, table[:, 2], draws, seed, level)


def alpha(
    unit: Iterable[Any], value: Iterable[Any] | ArrayLike, measure: Level = "nominal",
    cluster: Iterable[Any] | None = None, draws: int = DRAWS, seed: int = 0, level: float = LEVEL,
) -> Estimate | None:  # fmt: skip
    """Krippendorff's alpha: 1 at full agreement, 0 at chance, below 0 beyond (Krippendorff 2018).

    One row a judgment, so that what is missing is a row that is not there; units with a single
    judgment say nothing and are left out. ``nominal``: values are equal or not; ``interval``:
    numbers, by squared difference. ``1 - D_o / D_e`` with
    ``D_o = Σ_u Σ_pairs δ / (m_u - 1) / n`` and ``D_e = Σ_pairs δ / (n (n - 1))``.
    None where all values are alike, or no unit has two.
    """
    if measure == "nominal":
        table, groups, count = _nominal(unit, value, cluster)
        if table is None:
            return None
        sums = np.concatenate([table[:, 3:4], table[:, 2:3], table[:, 4:]], axis=1)
        statistic = _alpha_nominal
    elif measure == "interval":
        table, groups, count = _interval(unit, value, cluster)
        if table is None:
            return None
        sums, statistic = table, _alpha_interval
    else:
        raise ValueError(f"expected the measure 'nominal' or 'interval', got {measure!r}")
    return _estimated(sums, statistic, groups, count, sums[:, 1], draws, seed, level)


def kappa(
    one: Iterable[Any], other: Iterable[Any], cluster: Iterable[Any] | None = None,
    draws: int = DRAWS, seed: int = 0, level: float = LEVEL,
) -> Estimate | None:  # fmt: skip
    """Cohen's kappa of two judges' answers to the same units, row by row (Cohen 1960).

    ``(p_o - p_e) / (1 - p_e)``. None where both gave one and the same answer throughout, or there
    are no rows.
    """
    first, second = list(one), list(other)
    if len(first) != len(second):
        raise ValueError(f"expected two answers a unit, got {len(first)} and {len(second)}")
    if not first:
        return None
    both, kinds = codes([*first, *second])
    a, b = both[: len(first)], both[len(first) :]
    groups, count = _groups(np.arange(len(first)), cluster, len(first))
    columns = [np.ones(len(a)), (a == b).astype(np.float64)]
    columns += [(side == kind).astype(np.float64) for kind in range(kinds) for side in (a, b)]
    return _estimated(
        np.stack(columns, axis=1), _kappa, groups, count, np.ones(len(a)), draws, seed, level
    )


def _groups(units: Any, cluster: Iterable[Any] | None, rows: int) -> tuple[Any, int]:
    if cluster is None:
        return units, len(units)
    groups, count = codes(cluster)
    if len(groups) != rows:
        raise ValueError(f"expected a cluster for each of {rows} rows, got {len(groups)}")
    return groups, count


def _judged(
    unit: Iterable[Any], rows: int, cluster: Iterable[Any] | None
) -> tuple[Any, Any, Any, Any, int]:
    """Codes and sizes of units, which of them count, and the cluster of each that does."""
    where, units = codes(unit)
    if len(where) != rows:
        raise ValueError(f"expected a unit for each of {rows} values, got {len(where)}")
    size = np.bincount(where, minlength=units)
    kept = size > 1
    if cluster is None:
        return where, size, kept, np.arange(int(kept.sum())), int(kept.sum())
    groups, _ = _groups(where, cluster, rows)
    of = np.zeros(units, np.int64)
    of[where] = groups
    if (of[where] != groups).any():
        raise ValueError("expected each unit within one cluster")
    found, count = codes(of[kept])
    return where, size, kept, found, count


def _nominal(
    unit: Iterable[Any], value: Any, cluster: Iterable[Any] | None
) -> tuple[Floats | None, Any, int]:
    """Of each unit: equal pairs, pairs, values, disagreements / (m - 1), and values by kind."""
    kind, kinds = codes(value)
    where, size, kept, groups, count = _judged(unit, len(kind), cluster)
    if not kept.any():
        return None, groups, count
    units = len(size)
    pair, distinct = crossed(where, kind)
    times = np.bincount(pair, minlength=distinct).astype(np.float64)
    if kinds > 1000:
        raise ValueError(f"expected few kinds of answers, got {kinds}: are they numbers?")
    holder, answer = np.zeros(distinct, np.int64), np.zeros(distinct, np.int64)
    holder[pair], answer[pair] = where, kind
    by_kind = np.zeros((units, kinds))
    by_kind[holder, answer] = times
    squares = (by_kind**2).sum(1)[kept]
    m = size[kept].astype(np.float64)
    parts = [(squares - m) / 2, m * (m - 1) / 2, m, (m * m - squares) / (m - 1)]
    return np.concatenate([np.stack(parts, axis=1), by_kind[kept]], axis=1), groups, count


def _interval(
    unit: Iterable[Any], value: Any, cluster: Iterable[Any] | None
) -> tuple[Floats | None, Any, int]:
    """Of each unit: disagreements / (m - 1), values, their sum and the sum of their squares."""
    x = finite(value if isinstance(value, np.ndarray) else np.asarray(list(value)))
    where, size, kept, groups, count = _judged(unit, len(x), cluster)
    if not kept.any():
        return None, groups, count
    x = x - x.mean()
    m, units = size[kept].astype(np.float64), len(size)
    total, square = (np.bincount(where, one, units)[kept] for one in (x, x * x))
    apart = np.maximum(0.0, 2 * (m * square - total**2)) / (m - 1)
    return np.stack([apart, m, total, square], axis=1), groups, count


def _over(top: Floats, bottom: Floats) -> Floats:
    fine = bottom > 0
    return np.where(fine, top / np.where(fine, bottom, 1.0), np.nan)


def _share(totals: Floats) -> Floats:
    return _over(totals[:, 0], totals[:, 1])


def _alpha_nominal(totals: Floats) -> Floats:
    apart, n, kinds = totals[:, 0], totals[:, 1], totals[:, 2:]
    expected = n * n - (kinds**2).sum(1)
    return 1 - _over(apart * (n - 1), expected)


def _alpha_interval(totals: Floats) -> Floats:
    apart, n, total, square = totals.T
    expected = 2 * (n * square - total**2)
    expected = np.where(expected > 1e-12 * n * square, expected, 0.0)
    return 1 - _over(apart * (n - 1), expected)


def _kappa(totals: Floats) -> Floats:
    n = np.maximum(totals[:, 0], 1.0)
    agreed = totals[:, 1] / n
    chance = (totals[:, 2::2] * totals[:, 3::2]).sum(1) / n**2
    return _over(agreed - chance, np.where(1 - chance > 1e-12, 1 - chance, 0.0))


def _estimated(
    table: Floats, statistic: Callable[[Floats], Floats], groups: Any, count: int, rows: Floats,
    draws: int, seed: int, level: float, bounds: tuple[float, float] = (0.0, 1.0),
) -> Estimate | None:  # fmt: skip
    value = float(statistic(table.sum(0, keepdims=True))[0])
    if not np.isfinite(value):
        return None
    n = round(float(rows.sum()))
    drawn = bootstrap(cluster_sums(table, groups, count), statistic, draws, seed)
    kept = drawn[np.isfinite(drawn)]
    if count > 1 and kept.size and not np.ptp(kept) > 1e-12:
        return Estimate(value, *_alike(value, bounds, count, level), n, count, None, _ALIKE)
    interval = spread(drawn, value, count, level)
    if interval is None:
        return Estimate(value, None, None, n, count, None, "too few clusters for an interval")
    se = float(kept.std()) * (count / (count - 1)) ** 0.5
    method = f"{draws} bootstrap draws of clusters"
    return Estimate(value, *interval, n, count, se, method, None, count - 1)


def _alike(
    value: float, bounds: tuple[float, float], clusters: int, level: float
) -> tuple[float | None, float | None]:
    """Where no draw differs: agreement in all clusters may still fail in the share of them that
    Wilson allows, and then be that of chance; the same at the lower bound."""
    low, high = bounds
    found = wilson(clusters, clusters, level)
    assert found is not None
    if value >= high - 1e-12:
        return low + (high - low) * found[0], high
    if value <= low + 1e-12:
        return low, high - (high - low) * found[0]
    return None, None
