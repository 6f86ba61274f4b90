"""Means with intervals, where values come in clusters: several matches on one world, one story.

Small pure functions; None of nothing. Verdicts that share a cluster are not independent, and an
interval that took them to be would claim evidence that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from arena.statistics import wilson

LEVEL = 0.95  # of every interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of ``n`` values with its interval; no interval where one cluster is all there is."""

    value: float
    low: float | None
    high: float | None
    n: int


def share(values: Sequence[float], clusters: Sequence[str]) -> Estimate | None:
    """The mean of values in [0, 1] with a Wilson interval that knows what was drawn together.

    The interval is that of as many independent values as would give the clustered variance (Kish's
    design effect, never below 1): plain Wilson where each cluster has one value, and of the number
    of clusters where all values are 0 or all 1.
    """
    if not values:
        return None
    n = len(values)
    p = fsum(values) / n
    groups = len(set(clusters))
    size: float = n
    if groups < n:
        plain, found = p * (1 - p) / n, _variance(values, clusters, p)
        if found is None:
            return Estimate(p, None, None, n)
        size = groups if not plain else n / max(1.0, found / plain)
    interval = wilson(min(p * size, size), size)
    assert interval is not None
    return Estimate(p, *interval, n)


def mean(values: Sequence[float], clusters: Sequence[str]) -> Estimate | None:
    """The mean of any values with Student's interval on the clusters' sums (CR1 variance)."""
    if not values:
        return None
    n = len(values)
    centre = fsum(values) / n
    variance = _variance(values, clusters, centre)
    if variance is None:
        return Estimate(centre, None, None, n)
    from scipy.special import stdtrit

    half = float(stdtrit(len(set(clusters)) - 1, (1 + LEVEL) / 2)) * sqrt(variance)
    return Estimate(centre, centre - half, centre + half, n)


def _variance(values: Sequence[float], clusters: Sequence[str], centre: float) -> float | None:
    """The cluster-robust variance of a mean; None of a single cluster."""
    sums: dict[str, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        sums.setdefault(cluster, []).append(value - centre)
    if len(sums) < 2:
        return None
    total = fsum(fsum(part) ** 2 for part in sums.values())
    return total / len(values) ** 2 * len(sums) / (len(sums) - 1)
