"""The sandwich variance of arms' means by clusters, corrected for few and unequal ones.

Each cluster's residuals are divided by ``√(1 - w)``, with w its share of the arm ("CR2", Bell and
McCaffrey 2002), which makes the variance unbiased where values are independent. Its own noise sets
the degrees of freedom of Student's t (Imbens and Kolesár 2016): from its mean and variance under a
common intra-cluster correlation, estimated from the residuals, or C - 1 if that is less.
`arena.stats.means` makes intervals of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arena.stats.clusters import Codes, Floats, codes, crossed, finite

Labels = Iterable[Any]
_ALIKE = 1e-12
"""The variance of values in [0, 1] below which they are alike: rounding leaves as much."""
_LARGEST = 1e40
"""No coefficient of a contrast is larger, so that its variance is finite."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Means of K arms over one clustering, with their covariance and degrees of freedom."""

    cov: Floats
    df: float
    """Of the contrast."""
    arm_df: Floats
    clusters: NDArray[np.int64]
    """Of each arm."""
    sizes: Floats
    """Of each arm: the mean size of the cluster that a value is in, ``Σ n_c² / Σ n_c``."""
    count: int


@dataclass(frozen=True, slots=True)
class Arms:
    """Values with the code of each one's arm; what every clustering of them shares."""

    x: Floats
    arm: Codes
    coefficients: Floats
    n: Floats
    """Of each arm: the sum of its weights, the number of its values where they have none."""
    p: Floats
    scatter: Floats
    """Of each arm: the (weighted) sum of squares about its mean."""
    w: Floats | None

    @property
    def value(self) -> float:
        return float(self.coefficients @ self.p)

    @property
    def worth(self) -> Floats:
        """Of each arm: how many draws of 0 or 1 one of its values, from 0 to 1, is worth.

        1 of verdicts; more of means of several, and of scores that lie close together. 1 where all
        are alike, for that says nothing of how far others would lie.
        """
        most = self.p * (1 - self.p)
        spread = self.scatter / np.maximum(self.n - 1, 1)
        told = (spread > _ALIKE) & (spread < most)
        return np.where(told, most / np.where(told, spread, 1.0), 1.0)


def arms_of(
    values: ArrayLike,
    arm: Codes | None,
    coefficients: Sequence[float],
    weights: ArrayLike | None = None,
) -> Arms | None:
    x = finite(values)
    w = None if weights is None else finite(weights, "weights")
    if w is not None and (len(w) != len(x) or (w <= 0).any()):
        raise ValueError("expected one weight above 0 for each value")
    if not x.size:
        return None
    c = np.asarray(coefficients, np.float64)
    if not (np.abs(c) <= _LARGEST).all() or not c.any():
        raise ValueError(f"expected finite coefficients, not all 0, got {list(coefficients)}")
    code = np.zeros(len(x), np.int64) if arm is None else arm
    n: Floats = np.bincount(code, w, len(c)).astype(np.float64)
    p = np.bincount(code, x if w is None else w * x, len(c)) / n
    square = (x - p[code]) ** 2
    scatter = np.bincount(code, square if w is None else w * square, len(c))
    return Arms(x, code, c, n, p, scatter.astype(np.float64), w)


def fitted(data: Arms, labels: Labels, second: Labels | None) -> Fit | int:
    """The fit by one or two clusterings; where an arm has a single cluster, how many there are."""
    first, count = _checked(labels, data)
    one = _one_way(data, first, count)
    if second is None:
        return count if one is None else one
    other, number = _checked(second, data)
    two = _one_way(data, other, number)
    pairs, both = crossed(first, other)
    joint = _one_way(data, pairs, both)
    fewer = min(count, number)
    if one is None or two is None or joint is None:
        return fewer
    c = data.coefficients
    cov = max((one.cov, two.cov, one.cov + two.cov - joint.cov), key=lambda v: float(c @ v @ c))
    arms = np.maximum(np.maximum(np.diag(one.cov), np.diag(two.cov)), np.diag(cov))
    had = np.where(np.diag(cov) > 0, np.diag(cov), 1.0)
    scale = np.where(np.diag(cov) > 0, np.sqrt(arms / had), 1.0)
    cov = cov * np.outer(scale, scale)
    np.fill_diagonal(cov, arms)
    return Fit(
        cov, min(one.df, two.df), np.minimum(one.arm_df, two.arm_df),
        np.minimum(one.clusters, two.clusters), np.maximum(one.sizes, two.sizes), fewer,
    )  # fmt: skip


def _checked(labels: Labels, data: Arms) -> tuple[Codes, int]:
    code, count = codes(labels)
    if len(code) != len(data.x):
        raise ValueError(f"expected a cluster for each of {len(data.x)} values, got {len(code)}")
    return code, count


def _one_way(data: Arms, code: Codes, count: int) -> Fit | None:
    """CR2 covariance and degrees of freedom by one clustering; None of one cluster in some arm."""
    k = len(data.n)
    cell = code * k + data.arm
    n = np.bincount(cell, data.w, count * k).reshape(count, k).astype(np.float64)
    clusters = (n > 0).sum(0)
    if (clusters < 2).any():
        return None
    given = np.ones_like(data.x) if data.w is None else data.w
    s = np.bincount(cell, given * data.x, count * k).reshape(count, k)
    w = n / data.n
    e = s - data.p * n
    lift = np.where(n > 0, 1 / np.sqrt(1 - w), 0.0)
    g = lift * e / data.n
    variance = data.scatter / data.n
    alone = (given * (data.x - data.p[data.arm])) ** 2
    excess = float((e.sum(1) ** 2).sum() - alone.sum())
    own = np.bincount(data.arm, given**2) @ variance
    pairs = float(((n * np.sqrt(variance)).sum(1) ** 2).sum() - own)
    rho = min(1.0, max(0.0, excess / pairs)) if pairs > 0 else 0.0
    sd = np.sqrt(np.maximum(variance, 1e-6 * max(1.0, float(variance.max()))))
    freedom = partial(_degrees, n, w, lift / data.n, sd, rho)
    single = [min(freedom(row), size - 1) for row, size in zip(np.eye(k), clusters, strict=True)]
    df = min(freedom(data.coefficients), count - 1)
    sizes = (n**2).sum(0) / data.n
    return Fit(g.T @ g, df, np.array(single, np.float64), clusters, sizes, count)


def _degrees(
    n: Floats, w: Floats, lift: Floats, sd: Floats, rho: float, coefficients: Floats
) -> float:
    """``(E V)² / (Var V / 2)`` of the sandwich V of a contrast under an intra-cluster correlation.

    Residuals summed by cluster are ``Σ_k h_k (I - w_k 1') s_k``, with ``h`` the coefficient times
    the correction over the arm's size, so their covariance is a diagonal plus a matrix of rank 2K:
    the traces of it and of its square cost C K².
    """
    count, k = n.shape
    h = coefficients * lift
    spread = n * sd
    omega = rho * spread[:, :, None] * spread[:, None, :]
    index = np.arange(k)
    omega[:, index, index] += (1 - rho) * spread * sd
    u, y = h * w, np.einsum("cab,cb->ca", omega, h)
    diagonal = (h * y).sum(1)
    low = np.concatenate([u, y], axis=1)
    core = np.block([[omega.sum(0), -np.eye(k)], [-np.eye(k), np.zeros((k, k))]])
    inner, between = core @ (low.T @ low), core @ (low.T @ (diagonal[:, None] * low))
    first = float(diagonal.sum() + np.trace(inner))
    second = float(diagonal @ diagonal + 2 * np.trace(between) + np.trace(inner @ inner))
    return max(1.0, first**2 / second) if second > 0 else float(count - 1)
