"""Leak audit: can the truth be guessed from what a judge sees besides the argument?

Features are whatever is visible and should say nothing: lengths, order, counts of quotes, timing.
Each is judged by its AUC, the chance that a true case ranks above a false one (a tie is a half);
all together by that of a logistic regression on questions that it was not fitted to. 0.5 is no
leak, and far below it is as much of one as far above.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from arena.stats.clusters import Codes, Floats, codes, finite
from arena.stats.intervals import LEVEL, Estimate, student, wilson
from arena.stats.logistic import chances, logistic

FOLDS = 5
RIDGE = 1.0
"""On coefficients of features in standard deviations: some shrinkage where questions are few."""


@dataclass(frozen=True, slots=True)
class Audit:
    """AUCs of each feature, and of all together out of sample (None where that cannot be had)."""

    features: dict[str, Estimate | None]
    joint: Estimate | None
    folds: int

    def leaking(self) -> tuple[str, ...]:
        """Features, and "all together", whose interval excludes 0.5.

        One in twenty does so by chance: `arena.stats.paired.holm` on their p-values says how many
        would.
        """
        named = {**self.features, "all together": self.joint}
        return tuple(
            name for name, one in named.items()
            if one is not None and one.low is not None and one.high is not None
            and not one.low <= 0.5 <= one.high
        )  # fmt: skip


def audit(
    features: Mapping[str, ArrayLike], truth: ArrayLike, question: Iterable[Any],
    folds: int = FOLDS, ridge: float = RIDGE, seed: int = 0, level: float = LEVEL,
) -> Audit:  # fmt: skip
    """Audit columns against the truth (1 or 0), row by row; rows on one question belong together.

    A row is a match, with the truth as "the first side is right" and features as differences
    between the sides; or a side of a match, with the truth as "this side is right". Raises
    ValueError for columns of unequal length, NaN, and truths other than 0 and 1.
    """
    y = _truths(truth)
    group, count = codes(question)
    if len(group) != len(y):
        raise ValueError(f"expected a question for each of {len(y)} rows, got {len(group)}")
    columns = {name: finite(column, f"values of {name!r}") for name, column in features.items()}
    for name, column in columns.items():
        if len(column) != len(y):
            raise ValueError(f"expected {len(y)} values of {name!r}, got {len(column)}")
    single = {name: auc(column, y, group, level=level) for name, column in columns.items()}
    folds = min(folds, count)
    if folds < 2 or not columns:
        return Audit(single, None, 0)
    fold = _folds(group, count, folds, seed)
    scores = cross_validated(np.stack(list(columns.values()), axis=1), y, fold, ridge)
    return Audit(single, auc(scores, y, group, fold, level), folds)


def auc(
    score: ArrayLike, truth: ArrayLike, cluster: Iterable[Any],
    fold: ArrayLike | None = None, level: float = LEVEL,
) -> Estimate | None:  # fmt: skip
    """The area under the ROC curve (Mann and Whitney 1947), with an interval by cluster.

    Each row's placement among the rows of the other truth is its influence; Student's interval is
    on the clusters' sums of these (DeLong et al. 1988; Obuchowski 1997), held within [0, 1].
    ``fold`` gives the fold of each row where scores are cross-validated. Rows of different folds
    are then not compared: their scores come from different fits, which biases the comparison below
    0.5. And the variance is doubled. Where nothing leaks, fold j is scored by what the fit found in
    fold k, and k by the same from j, so that every chance likeness of two folds counts twice; where
    something leaks, the interval is wider than it had to be. None where no pair can be compared.
    """
    x, y = finite(score, "scores"), _truths(truth)
    group, count = codes(cluster)
    strata = np.zeros(len(x), np.int64) if fold is None else codes(np.asarray(fold))[0]
    if not len(x) == len(y) == len(group) == len(strata):
        raise ValueError(f"expected as many truths and clusters as scores, {len(x)}")
    better, pairs = np.zeros(len(x)), np.zeros(len(x))
    for stratum in np.unique(strata).tolist():
        here = strata == stratum
        for side in (1, 0):
            mine, others = here & (y == side), np.sort(x[here & (y == 1 - side)])
            below = np.searchsorted(others, x[mine], "left")
            tied = np.searchsorted(others, x[mine], "right") - below
            at = below + tied / 2
            better[mine] = at if side else len(others) - at
            pairs[mine] = len(others)
    total = float(pairs[y == 1].sum())
    if not total:
        return None
    value = float(better[y == 1].sum()) / total
    if count < 3:
        return Estimate(value, None, None, len(x), count, None, "too few clusters for an interval")
    if not np.ptp(x):
        return Estimate(value, 0.5, 0.5, len(x), count, 0.0, "the feature never varies")
    sums = np.bincount(group, (better - value * pairs) / total, count)
    variance = float(sums @ sums) * count / (count - 2)  # less two: a mean for either truth
    se = (variance if fold is None else 2 * variance) ** 0.5
    if value in (0.0, 1.0):
        alike = wilson(value * count, count, level)
        assert alike is not None
        return Estimate(value, *alike, len(x), count, None, "Wilson's on the clusters, all alike")
    low, high = student(value, se, count - 2, level)
    method = "Student's t on placements by cluster"
    bounds = max(0.0, low), min(1.0, high)
    return Estimate(value, *bounds, len(x), count, se, method, df=count - 2)


def cross_validated(x: Floats, y: Floats, fold: Codes, ridge: float = RIDGE) -> Floats:
    """Chances of truth in each row by a logistic regression fitted to the other folds.

    Columns are standardised by the rows that are fitted; the intercept has no prior. Where these
    are all true or all false, the chance is their share.
    """
    out = np.empty(len(y))
    for one in np.unique(fold).tolist():
        held = fold == one
        mean, spread = x[~held].mean(0), x[~held].std(0)
        scale = np.where(spread > 1e-12 * (1 + np.abs(mean)), spread, np.inf)  # never varied: 0
        design = np.concatenate([np.ones((len(x), 1)), (x - mean) / scale], axis=1)
        fitted = y[~held]
        if not 0 < fitted.mean() < 1:
            out[held] = fitted.mean()
            continue
        prior = np.full(design.shape[1], ridge)
        prior[0] = 0.0
        found = logistic(design[~held], fitted, prior)
        if not found.converged:
            raise ValueError("the features separate the truth and ridge is 0: give a ridge above 0")
        out[held] = chances(design[held], found.coefficients)
    return out


def _folds(group: Codes, count: int, folds: int, seed: int) -> Codes:
    """A fold for each row, drawn by question."""
    drawn = np.random.default_rng(seed).permutation(count) % folds
    return np.asarray(drawn[group], np.int64)


def _truths(given: ArrayLike) -> Floats:
    y = finite(given, "truths")
    if ((y != 0) & (y != 1)).any():
        raise ValueError("expected the truth as a column of 0 and 1")
    return y
