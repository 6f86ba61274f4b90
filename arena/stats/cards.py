"""Judge cards: each judge's accuracy, drawn towards the others' as far as it rests on little.

Accuracies of judges are taken as drawn from one Beta distribution, which is learnt from all of
them. A judge with few verdicts is then shown near the mean of judges, and one with many near its
own record; rankings of raw accuracies put judges with few verdicts first and last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from arena.stats.behaviour import LengthBias, length_bias, position_bias
from arena.stats.calibration import overconfidence
from arena.stats.clusters import Codes, Floats, codes, finite
from arena.stats.intervals import LEVEL, Estimate, check_level
from arena.stats.means import share

_MEANS, _SIZES = 49, 40  # the grid of prior means, and of prior sizes from 1/2 to 5e4 verdicts
_KEPT = 0.999  # of the weight on the grid; the many points with the rest would take the time


@dataclass(frozen=True, slots=True)
class Card:
    """One judge. ``accuracy`` is its own record, ``shrunk`` what all records together say of it.

    ``position``, ``length`` and ``overconfidence`` are those of `arena.stats.behaviour` and
    `arena.stats.calibration`; None where they were not asked for or cannot be computed.
    """

    judge: str
    n: int
    accuracy: Estimate
    shrunk: Estimate
    overconfidence: Estimate | None = None
    position: Estimate | None = None
    length: LengthBias | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """What position bias takes, by verdict: the share that the option listed first gets, the match
    and the listing."""

    first: ArrayLike
    match: Sequence[Any]
    listing: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Lengths:
    """What length bias takes, by verdict: whether a side was chosen, its characters beyond the
    other's, and whether it was right."""

    chosen: ArrayLike
    longer: ArrayLike
    honest: ArrayLike


def cards(
    judge: Iterable[Any], credit: ArrayLike, cluster: Iterable[Any] | None = None,
    confidence: ArrayLike | None = None, places: Places | None = None,
    lengths: Lengths | None = None, level: float = LEVEL,
) -> tuple[Card, ...]:  # fmt: skip
    """A card for each judge by name, from one row a verdict.

    ``credit`` is what a verdict earned, from 0 to 1; ``cluster`` what verdicts share (a story).
    ``shrunk`` counts a verdict for as much as verdicts of all judges are worth beside independent
    ones, by their common design effect. Raises ValueError for columns of unequal length and for
    values beyond their range.
    """
    y = finite(credit, "credits")
    if y.size and (y.min() < 0 or y.max() > 1):
        raise ValueError(f"expected credits from 0 to 1, got {y[(y < 0) | (y > 1)][0]:g}")
    rows, names = len(y), [str(one) for one in judge]
    who, count = codes(names)
    labels = np.arange(rows) if cluster is None else codes(cluster)[0]
    sized = {
        "judges": len(names), "clusters": len(labels),
        **({} if confidence is None else {"confidences": len(np.asarray(confidence))}),
        **({} if places is None else {"first shares": len(np.asarray(places.first)),
                                      "matches": len(places.match),
                                      "listings": len(places.listing)}),
        **({} if lengths is None else {"choices": len(np.asarray(lengths.chosen)),
                                       "lengths": len(np.asarray(lengths.longer)),
                                       "sides": len(np.asarray(lengths.honest))}),
    }  # fmt: skip
    for what, size in sized.items():
        if size != rows:
            raise ValueError(f"expected as many {what} as credits, got {size} for {rows}")
    if not rows:
        return ()
    n = np.bincount(who, minlength=count).astype(np.float64)
    known = sorted(set(names))
    records = [np.flatnonzero(who == i) for i in range(len(known))]
    accuracies = []
    for here in records:
        accuracy = share(y[here], labels[here], level=level)
        assert accuracy is not None
        accuracies.append(accuracy)
    worth = _worth(accuracies)
    shrunken = shrink(worth * np.bincount(who, y, count), worth * n, level)
    out = []
    for i, (name, here) in enumerate(zip(known, records, strict=True)):
        out.append(Card(
            name, len(here), accuracies[i], replace(shrunken[i], n=len(here)),
            None if confidence is None
            else overconfidence(np.asarray(confidence)[here], y[here], labels[here], level),
            None if places is None else _position(places, here, cluster, labels, level),
            None if lengths is None else _length(lengths, here, labels, level),
        ))  # fmt: skip
    return tuple(out)


def _worth(records: Sequence[Estimate]) -> float:
    """What a verdict is worth beside an independent one, at most 1: one over the design effect
    (Kish 1965) of all records, ``Σ n V / Σ p (1 - p)``, each weighing as its verdicts. Where no
    record tells, as many as it has clusters are worth one each."""
    told = [one for one in records if one.se is not None and 0 < one.value < 1]
    apart = sum(one.n * one.value * (1 - one.value) for one in told)
    if apart <= 0:
        return sum(one.clusters or 1 for one in records) / sum(one.n for one in records)
    return apart / max(apart, sum((one.n * (one.se or 0.0)) ** 2 for one in told))


def shrink(k: ArrayLike, n: ArrayLike, level: float = LEVEL) -> tuple[Estimate, ...]:
    """Accuracies of judges from ``k`` credits in ``n`` independent verdicts each, drawn together.

    Empirical Bayes on the beta-binomial model, ``k ~ Binomial(n, q)`` and ``q ~ Beta(m s, s(1-m))``
    (Efron and Morris 1975), where ``m`` and ``s`` are averaged over what the records allow rather
    than set to their best value: with few judges that would claim to know them. Their prior is flat
    in ``m`` and ``(1 + s)^-2 ds`` (Albert 1988). The value is the posterior mean, and the interval
    has equal tails; it covers on average over judges, not for each one.
    """
    from scipy.optimize import brentq
    from scipy.special import betaln

    check_level(level)
    won, tried = finite(k, "credits"), finite(n, "verdicts")
    if len(won) != len(tried) or (won < 0).any() or (won > tried).any() or (tried <= 0).any():
        raise ValueError("expected 0 <= k <= n and n > 0 for each judge")
    if not len(won):
        return ()
    m, s = (one.ravel() for one in np.meshgrid(
        np.arange(1, _MEANS + 1) / (_MEANS + 1), np.geomspace(0.5, 5e4, _SIZES)))  # fmt: skip
    a, b = m * s, (1 - m) * s
    height = np.log(s) - 2 * np.log1p(s) - len(won) * betaln(a, b)  # on a grid of log s
    for hits, size in zip(won, tried, strict=True):
        height += betaln(a + hits, b + size - hits)
    weight = np.exp(height - height.max())
    order = np.argsort(-weight, kind="stable")
    kept = order[: 1 + int(np.searchsorted(np.cumsum(weight[order]), _KEPT * weight.sum()))]
    a, b, weight = a[kept], b[kept], weight[kept] / weight[kept].sum()
    out = []
    for hits, size in zip(won.tolist(), tried.tolist(), strict=True):
        up, down = a + hits, b + size - hits
        each = up / (up + down)
        value = float(weight @ each)
        variance = weight @ (each * (1 - each) / (up + down + 1) + (each - value) ** 2)
        tails = sorted(
            float(brentq(_beyond, 0.0, 1.0, (weight, up, down, tail), xtol=1e-6))
            for tail in ((1 - level) / 2, (1 + level) / 2)
        )
        out.append(Estimate(
            value, tails[0], tails[1], round(size), None, float(variance) ** 0.5,
            "beta-binomial, judges drawn together",
        ))  # fmt: skip
    return tuple(out)


def _beyond(x: float, weight: Floats, up: Floats, down: Floats, tail: float) -> float:
    """How far the mixture's distribution function at ``x`` is above ``tail``."""
    from scipy.special import betainc

    return float(weight @ betainc(up, down, x)) - tail


def _position(
    places: Places, here: Codes, cluster: Any, labels: Codes, level: float
) -> Estimate | None:
    return position_bias(
        np.asarray(places.first)[here],
        [places.match[i] for i in here], [places.listing[i] for i in here],
        None if cluster is None else labels[here], level=level,
    )  # fmt: skip


def _length(lengths: Lengths, here: Codes, labels: Codes, level: float) -> LengthBias | None:
    chosen, longer, honest = (
        np.asarray(one)[here] for one in (lengths.chosen, lengths.longer, lengths.honest)
    )
    return length_bias(chosen, longer, honest, labels[here], level)
