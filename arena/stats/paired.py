"""Comparisons of two arms: on the questions they share, on all they have, and of many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from arena.stats.clusters import Codes, codes, finite
from arena.stats.intervals import LEVEL, Estimate
from arena.stats.means import contrast
from arena.stats.sandwich import Labels


@dataclass(frozen=True, slots=True)
class McNemar:
    """Pairs of right and wrong on the same questions, and the exact two-sided p of no difference.

    Of the questions that the arms decide differently each is as likely to favour either arm if
    they are equally good (McNemar 1947): ``p`` is that of a fair coin, 1 where there is none.
    """

    both: int
    first_only: int
    second_only: int
    neither: int
    p: float


def paired_difference(
    values: ArrayLike,
    arms: Labels,
    questions: Labels,
    pair: tuple[Any, Any],
    labels: Labels | None = None,
    level: float = LEVEL,
    bounded: bool = True,
    test: bool = True,
) -> Estimate | None:
    """The first arm of ``pair`` minus the second on the questions that both have; None of none.

    The mean over these questions of ``mean_q first - mean_q second``, every question weighing the
    same, with ``n`` questions. ``labels`` name each row's cluster, such as its story, in which
    whole questions lie; without them each question is its own. ``bounded``: values are in [0, 1],
    see `arena.stats.means.contrast`. ``test`` is whether to compute ``p``. Raises ValueError where
    a question lies in two clusters.
    """
    x, arm = finite(values), _arms(arms, pair)
    question, count = codes(questions)
    cluster = question if labels is None else codes(labels)[0]
    if not len(x) == len(arm) == len(question) == len(cluster):
        raise ValueError(
            f"expected an arm, a question and a cluster for each of {len(x)} values, "
            f"got {len(arm)}, {len(question)} and {len(cluster)}"
        )
    home = np.zeros(count, np.int64)
    home[question] = cluster
    if (home[question] != cluster).any():
        raise ValueError("expected each question in one cluster, got one in two: cluster higher up")
    kept = arm >= 0
    cell = question[kept] * 2 + arm[kept]
    n = np.bincount(cell, minlength=2 * count).reshape(count, 2)
    s = np.bincount(cell, x[kept], 2 * count).reshape(count, 2)
    shared = (n > 0).all(1)
    if not shared.any():
        return None
    means = s[shared] / n[shared]
    sides = np.repeat([0, 1], len(means))
    found = contrast(
        means.T.ravel(), sides, [(0, 1.0), (1, -1.0)], np.tile(home[shared], 2),
        level=level, bounded=bounded, test=test,
    )  # fmt: skip
    assert found is not None
    return replace(found, n=len(means), method=f"paired, {found.method}")


def unpaired_difference(
    values: ArrayLike,
    arms: Labels,
    pair: tuple[Any, Any],
    labels: Labels,
    second: Labels | None = None,
    level: float = LEVEL,
    bounded: bool = True,
    test: bool = True,
) -> Estimate | None:
    """The mean of the first arm of ``pair`` minus that of the second; None where one has no rows.

    Every verdict weighs the same. Clusters may have rows in both arms, whose covariance then
    counts; with ``second`` two crossed factors do (stories and judges).
    """
    weights = [(pair[0], 1.0), (pair[1], -1.0)]
    return contrast(values, arms, weights, labels, second, level, bounded, test)


def _arms(arms: Labels, pair: tuple[Any, Any]) -> Codes:
    if pair[0] == pair[1]:
        raise ValueError(f"expected two different arms, got {pair[0]!r} twice")
    rows = arms.tolist() if isinstance(arms, np.ndarray) else list(arms)
    table = {pair[0]: 0, pair[1]: 1}
    return np.fromiter((table.get(name, -1) for name in rows), np.int64, len(rows))


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemar:
    """McNemar's exact test of two arms' verdicts on the same questions, one each, in one order.

    Raises ValueError for anything but 0 and 1: a tie has first to be made one of them.
    """
    a, b = finite(first), finite(second)
    if len(a) != len(b):
        raise ValueError(f"expected as many verdicts in both arms, got {len(a)} and {len(b)}")
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise ValueError("expected verdicts of 0 or 1 for McNemar's test; decide ties first")
    table = np.bincount((2 * a + b).astype(np.int64), minlength=4).tolist()
    neither, second_only, first_only, both = table
    return McNemar(both, first_only, second_only, neither, sign_test(first_only, second_only))


def sign_test(wins: int, losses: int) -> float:
    """The exact two-sided p of a fair coin: ``2 P(X <= min)``, at most 1; 1 of no toss."""
    if wins < 0 or losses < 0:
        raise ValueError(f"expected counts of at least 0, got {wins} and {losses}")
    n = wins + losses
    below = sum(comb(n, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * below / (1 << n))  # whole numbers: exact up to one division


def holm(p: Mapping[str, float] | Sequence[float]) -> dict[str, float]:
    """Holm's adjusted p of each contrast: below 0.05 are those found at a family-wise 5 %.

    ``max_{j <= i} min(1, (m - j + 1) p_(j))`` (Holm 1979), valid however the contrasts depend on
    one another. A sequence is named "1", "2", ... Raises ValueError outside [0, 1].
    """
    named = dict(p) if isinstance(p, Mapping) else {str(i): one for i, one in enumerate(p, 1)}
    for name, one in named.items():
        if not 0 <= one <= 1:
            raise ValueError(f"expected p in [0, 1], got {one} for {name!r}")
    order = sorted(named, key=named.__getitem__)
    adjusted, most = dict.fromkeys(named, 0.0), 0.0
    for i, name in enumerate(order):
        most = max(most, min(1.0, (len(order) - i) * named[name]))
        adjusted[name] = most
    return adjusted
