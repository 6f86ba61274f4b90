"""Judge accuracy: how often the judge chose the truth, and how sure that figure is.

Values are credit in [0, 1] for each verdict that was given: 1 for the truth, 0 otherwise, and a
tie by the rule that `credit` is given. What was not given is counted in `missing`, never scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, lgamma
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from arena.stats.clusters import (
    DRAWS,
    Floats,
    bootstrap_means,
    codes,
    finite,
    pigeonhole_means,
)
from arena.stats.intervals import LEVEL, Estimate, wilson
from arena.stats.means import by_variance, contrast, share
from arena.stats.sandwich import Labels, arms_of

Ties = Literal["half", "wrong"]
_LAST = 10_000
"""The last round that there may be: accuracy is reported after every one."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One accuracy with every interval that its clusters give.

    ``by`` has an estimate for each clustering, ``two_way`` and ``pigeonhole`` those for two of
    them at once, ``bootstrap`` those by resampling clusters. ``iid`` is Wilson's interval for
    verdicts that share nothing, to be shown beside. ``widest`` names the clustering whose interval
    is widest, or is missing because it has one cluster.
    """

    value: float
    n: int
    iid: tuple[float, float]
    by: dict[str, Estimate]
    bootstrap: dict[str, Estimate]
    two_way: Estimate | None = None
    pigeonhole: Estimate | None = None

    @property
    def widest(self) -> str | None:
        def width(name: str) -> float:
            one = self.by[name]
            # Rounded, so that of clusterings that are the same the first is named on any machine.
            return 2.0 if one.low is None or one.high is None else round(one.high - one.low, 9)

        return max(self.by, key=width, default=None)


@dataclass(frozen=True, slots=True)
class Stratified:
    """Half the sum of the accuracies on honest and on dishonest cases, and the two."""

    both: Estimate
    honest: Estimate
    dishonest: Estimate


@dataclass(frozen=True, slots=True)
class Missing:
    """What verdicts that were not given leave open: accuracy if all were wrong, if all right.

    ``low`` and ``high`` are bounds, not an interval: no chance is in them. ``p`` is Fisher's exact
    two-sided p that the share missing is the same on both sides; None without two sides.
    """

    n: int
    missing: int
    low: float
    high: float
    sides: dict[str, tuple[int, int]]
    """Of each side: how many are missing, of how many."""
    p: float | None


@dataclass(frozen=True, slots=True)
class Round:
    """Accuracy after a round; ``carried`` of its judgments were made in an earlier one."""

    round: int
    accuracy: Estimate
    carried: int


def credit(p: ArrayLike, ties: Ties) -> Floats:
    """Credit of verdicts from their probability of the truth, of two options.

    1 above one half, 0 below; a tie counts ``half`` or is ``wrong`` (the NYU rule). Raises
    ValueError where a probability is outside [0, 1].
    """
    x = finite(p, "probabilities")
    if x.size and (x.min() < 0 or x.max() > 1):
        raise ValueError(f"expected probabilities in [0, 1], got {x.min()} to {x.max()}")
    if ties not in ("half", "wrong"):
        raise ValueError(f"expected ties as 'half' or 'wrong', got {ties!r}")
    return np.where(x == 0.5, 0.5 if ties == "half" else 0.0, (x > 0.5).astype(np.float64))


def accuracy(
    credit: ArrayLike,
    clusters: Mapping[str, Labels],
    crossed: tuple[str, str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Accuracy | None:
    """Accuracy with an interval by each clustering (question, story, judge); None of nothing.

    ``crossed`` names the two clusterings of the two-way sandwich and the pigeonhole bootstrap.
    ``draws`` of 0 leaves the bootstraps out.
    """
    y = finite(credit, "credit")
    if not y.size:
        return None
    if crossed is not None and not set(crossed) <= set(clusters):
        raise ValueError(f"expected two of the clusterings {list(clusters)}, got {crossed}")
    coded = {name: codes(labels)[0] for name, labels in clusters.items()}
    data = arms_of(y, None, (1.0,))
    worth = 1.0 if data is None or y.min() < 0 or y.max() > 1 else float(data.worth[0])
    by: dict[str, Estimate] = {}
    drawn: dict[str, Estimate] = {}
    for name, code in coded.items():
        one = share(y, code, level=level)
        assert one is not None
        by[name] = one
        if draws and one.low is not None and one.clusters != 1:
            spread = _spread(bootstrap_means(y, code, draws, seed), one)
            drawn[name] = by_variance(one, spread, "cluster bootstrap", level, worth)
    both = crosswise = None
    if crossed is not None:
        a, b = coded[crossed[0]], coded[crossed[1]]
        both = share(y, a, b, level=level)
        if draws and both is not None and both.low is not None:
            spread = _spread(pigeonhole_means(y, a, b, draws, seed), both)
            crosswise = by_variance(both, spread, "pigeonhole bootstrap", level, worth)
    iid = wilson(float(y.sum()), len(y), level)
    assert iid is not None
    return Accuracy(float(y.mean()), len(y), iid, by, drawn, both, crosswise)


def _spread(drawn: Floats, estimate: Estimate) -> float:
    """The variance of the draws, with ``C / (C - 1)`` for clusters drawn from the sample itself."""
    count = estimate.clusters or 0
    kept = drawn[np.isfinite(drawn)]
    return float(kept.var()) * count / (count - 1) if kept.size and count > 1 else 0.0


def stratified(
    credit: ArrayLike, honest: ArrayLike, labels: Labels, level: float = LEVEL
) -> Stratified | None:
    """Accuracy over honest and dishonest cases as if there were as many of each; None without both.

    ``½ (accuracy honest + accuracy dishonest)``: the accuracy of one-sided protocols, of which
    rows dropped at random to balance the sides would make a figure that depends on the draw.
    """
    y, told = finite(credit, "credit"), np.asarray(honest).astype(bool)
    code = codes(labels)[0]
    if not len(y) == len(told) == len(code):
        raise ValueError(f"expected {len(y)} honesties and clusters, got {len(told)}, {len(code)}")
    both = contrast(y, told.tolist(), [(True, 0.5), (False, 0.5)], code, level=level, test=False)
    one, other = (share(y[which], code[which], level=level) for which in (told, ~told))
    if both is None or one is None or other is None:
        return None
    return Stratified(both, one, other)


def balanced(
    credit: ArrayLike, truth: Iterable[Any], labels: Labels, level: float = LEVEL
) -> Estimate | None:
    """Balanced accuracy: the mean over the true options of the accuracy where each is true.

    One half for a judge of two options who always says the same. None with fewer than two options
    (Brodersen et al. 2010).
    """
    true = list(truth)
    options = list(dict.fromkeys(true))
    if len(options) < 2:
        return None
    weights = [(option, 1 / len(options)) for option in options]
    return contrast(finite(credit, "credit"), true, weights, labels, level=level, test=False)


def youden(
    credit: ArrayLike, truth: Iterable[Any], labels: Labels, level: float = LEVEL
) -> Estimate | None:
    """Youden's J of two options: sensitivity + specificity - 1, from -1 to 1; 0 knows nothing.

    Twice the balanced accuracy less one (Youden 1950); None where only one option is ever true.
    Raises ValueError for more than two.
    """
    true = list(truth)
    if len(set(true)) > 2:
        raise ValueError(f"expected two options for Youden's J, got {len(set(true))}")
    found = balanced(credit, true, labels, level)
    if found is None:
        return None

    def scaled(value: float | None) -> float | None:
        return None if value is None else 2 * value - 1

    iid = None if found.iid is None else (2 * found.iid[0] - 1, 2 * found.iid[1] - 1)
    return Estimate(
        2 * found.value - 1, scaled(found.low), scaled(found.high), found.n, found.clusters,
        None if found.se is None else 2 * found.se, found.method, iid, found.df,
    )  # fmt: skip


def missing(credit: ArrayLike, sides: Mapping[str, tuple[int, int]]) -> Missing:
    """Bounds on accuracy from verdicts that were not given, and whether they fall on one side.

    ``credit`` is of those given; ``sides`` has of each side (whose case was the true one: a seat,
    or honest and dishonest) how many verdicts are missing and how many there were, given or not.
    With two sides, ``p`` is Fisher's exact test (1922): conditional on the margins, the
    probability of all tables that are no likelier than this one. It takes verdicts to be
    independent. Raises ValueError where the counts do not fit ``credit``.
    """
    y = finite(credit, "credit")
    absent = sum(lost for lost, _ in sides.values())
    total = sum(of for _, of in sides.values())
    for side, (lost, of) in sides.items():
        if not 0 <= lost <= of:
            raise ValueError(f"expected 0 to {of} missing on side {side!r}, got {lost}")
    if total - absent != len(y):
        raise ValueError(f"expected credit of {total - absent} verdicts by the sides, got {len(y)}")
    if not total:
        raise ValueError("expected at least one verdict, given or missing, got none")
    sure = float(y.sum())
    tables = [counts for counts in sides.values() if counts[1]]
    p = fisher(tables[0], tables[1]) if len(tables) == 2 else None
    return Missing(total, absent, sure / total, (sure + absent) / total, dict(sides), p)


def fisher(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Fisher's exact two-sided p that two shares ``(k, n)`` are equal (Fisher 1922)."""
    (k, n), (j, m) = one, other
    if not (0 <= k <= n and 0 <= j <= m):
        raise ValueError(f"expected counts k of n, got {k} of {n} and {j} of {m}")

    def log_choose(of: int, take: int) -> float:
        return lgamma(of + 1) - lgamma(take + 1) - lgamma(of - take + 1)

    least, most = max(0, k + j - m), min(n, k + j)
    logs = [
        log_choose(n, x) + log_choose(m, k + j - x) - log_choose(n + m, k + j)
        for x in range(least, most + 1)
    ]
    here = logs[k - least]
    return min(1.0, sum(exp(one) for one in logs if one <= here + 1e-7))


def by_round(
    match: Labels,
    round: ArrayLike,
    credit: ArrayLike,
    clusters: Mapping[Any, Any] | None = None,
    level: float = LEVEL,
) -> list[Round]:
    """Accuracy after each round from 0, where a match that has ended keeps its last judgment.

    One row for each judgment of a match: its round (whole numbers from 0) and its credit; of two
    in one round the later row counts. A match is in from its first judgment on. ``clusters`` maps
    each match to its cluster; without it each match is one.
    """
    names = list(match)
    y, when = finite(credit, "credit"), finite(round, "rounds")
    if not len(names) == len(y) == len(when):
        raise ValueError(f"expected {len(y)} matches and rounds, got {len(names)}, {len(when)}")
    if when.size and ((when != np.floor(when)).any() or when.min() < 0 or when.max() > _LAST):
        raise ValueError(f"expected rounds as whole numbers from 0 to {_LAST}")
    if not names:
        return []
    code, count = codes(names)
    owner = dict(zip(code.tolist(), names, strict=True))
    cluster = [owner[i] if clusters is None else clusters[owner[i]] for i in range(count)]
    label = codes(cluster)[0]
    latest = int(when.max())
    order = np.argsort(when, kind="stable")
    table = np.full((latest + 1, count), np.nan)
    table[when[order].astype(np.int64), code[order]] = y[order]
    rounds, held = [], np.full(count, np.nan)
    for at, row in enumerate(table):
        fresh = np.isfinite(row)
        held = np.where(fresh, row, held)
        known = np.isfinite(held)
        found = share(held[known], label[known], level=level)
        if found is not None:
            rounds.append(Round(at, found, int((known & ~fresh).sum())))
    return rounds
