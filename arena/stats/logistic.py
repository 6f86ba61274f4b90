"""Logistic regression on few columns, by Newton's method, with a clustered sandwich variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from arena.stats.clusters import Codes, Floats, cluster_sums
from arena.stats.intervals import LEVEL, Estimate, student

TOLERANCE = 1e-10
_STEPS = 50
_LARGEST = 1e12
"""In a column: squares of more could not be told from rounding."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Coefficients in logits per unit of each column, and the inverse of the information."""

    coefficients: Floats
    bread: Floats
    chances: Floats  # of 1, in the rows that were fitted
    converged: bool

    def estimates(
        self, x: Floats, y: Floats, codes: Codes, clusters: int, level: float = LEVEL
    ) -> tuple[Estimate, ...]:
        """Each coefficient with Student's interval on the sandwich of the clusters' scores.

        ``B (Σ_c s_c s_c') B C / (C - 1)`` (Liang and Zeger 1986); no interval of one cluster.
        """
        n = len(y)
        if clusters < 2:
            return tuple(
                Estimate(float(b), None, None, n, clusters, method="one cluster: no interval")
                for b in self.coefficients
            )
        scores = cluster_sums(x * (y - self.chances)[:, None], codes, clusters)
        variance = self.bread @ (scores.T @ scores) @ self.bread * (clusters / (clusters - 1))
        found = []
        for b, v in zip(self.coefficients, np.diag(variance), strict=True):
            se = float(max(0.0, v)) ** 0.5
            low, high = student(float(b), se, clusters - 1, level)
            method = "Student's t on the clustered sandwich"
            found.append(Estimate(float(b), low, high, n, clusters, se, method, df=clusters - 1))
        return tuple(found)


def logistic(x: ArrayLike, y: ArrayLike, ridge: ArrayLike = 0.0) -> Logistic:
    """Fit ``logit P(y = 1) = x b`` by maximum likelihood less ``½ Σ ridge b²``.

    ``x`` (n, k) holds every column that is wanted, ones for an intercept among them; ``y`` is 0, 1
    or a share between; ``ridge`` is one number or one for each column. ``converged`` is false where
    there is no maximum (columns that separate, or that say the same twice) and no ridge.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or y.shape != (len(x),) or not len(x):
        raise ValueError(f"expected rows of columns and one y each, got {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or y.min() < 0 or y.max() > 1:
        raise ValueError("expected finite columns and y from 0 to 1")
    if np.abs(x).max(initial=0.0) > _LARGEST:
        raise ValueError(f"expected columns of at most {_LARGEST:g}: give them in a larger unit")
    if not (np.asarray(ridge, np.float64) >= 0).all() or not np.isfinite(ridge).all():
        raise ValueError(f"expected a ridge from 0 on, got {ridge!r}")
    width = x.shape[1]
    penalty = np.broadcast_to(np.asarray(ridge, np.float64), (width,))
    b = np.zeros(width)
    height, p = _height(x, y, penalty, b)
    tolerance = TOLERANCE * max(1.0, float(np.abs(x).sum(0).max()) * 1e-5)
    information, converged = np.eye(width), False
    for _ in range(_STEPS):
        information = (x.T * (p * (1 - p))) @ x + np.diag(penalty)
        gradient = x.T @ (y - p) - penalty * b
        if _singular(information, x, penalty):
            break
        if np.abs(gradient).max() <= tolerance:
            converged = True
            break
        step = np.linalg.solve(information, gradient)
        for _ in range(30):
            tried, at = _height(x, y, penalty, b + step)
            if tried >= height - 1e-12 * (1 + abs(height)):
                break
            step = step / 2
        b, height, p = b + step, tried, at
    bread: Floats = np.zeros((width, width))
    if converged:
        bread = np.asarray(np.linalg.inv(information), np.float64)
    return Logistic(b, bread, p, converged)


def chances(x: Floats, coefficients: Floats) -> Floats:
    """The chance of 1 in each row."""
    eta = x @ coefficients
    small = np.exp(-np.abs(eta))
    out: Floats = np.where(eta >= 0, 1.0, small) / (1 + small)
    return out


def _singular(information: Floats, x: Floats, penalty: Floats) -> bool:
    """Whether some direction has next to no information, for its design: no maximum is near."""
    scale = np.sqrt((x * x).sum(0) + penalty)
    if not scale.all():
        return True
    lowest = np.linalg.eigvalsh(information / np.outer(scale, scale))[0]
    return bool(lowest < 1e-9)


def _height(x: Floats, y: Floats, penalty: Floats, b: Floats) -> tuple[float, Floats]:
    eta = x @ b
    small = np.exp(-np.abs(eta))
    nats = y @ eta - np.sum(np.maximum(eta, 0) + np.log1p(small)) - penalty @ b**2 / 2
    return float(nats), np.where(eta >= 0, 1.0, small) / (1 + small)
