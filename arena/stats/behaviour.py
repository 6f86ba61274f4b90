"""What debaters and judges do besides being right: who gains from truth, place, length and turns.

``p`` is always a judge's probability of the true option. Probabilities are held within
[CLAMP, 1 - CLAMP] (`arena.stats.scores`) before a logarithm is taken. ``cluster`` says what was
drawn together; each row by itself unless given. None stands for what nothing could be computed of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from arena.stats.clusters import (
    Codes,
    Floats,
    cluster_sums,
    codes,
    finite,
)
from arena.stats.intervals import LEVEL, Estimate
from arena.stats.logistic import logistic
from arena.stats.means import contrast, mean, share
from arena.stats.scores import CLAMP

Unit = Literal["bits", "probability"]
THOUSAND = 1000.0
"""Characters in the unit of a length effect."""
FURTHEST = 64.0
"""A share of a gap further than this from its estimate is as good as any."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The share of the gap between a floor and a ceiling that a protocol recovers.

    ``share`` is None where the ceiling does not exceed the floor: there is no gap then. ``gain`` is
    the protocol less the floor and ``gap`` the ceiling less the floor, which are always defined.
    """

    share: Estimate | None
    gain: Estimate
    gap: Estimate


@dataclass(frozen=True, slots=True)
class WinRates:
    """How often a debater wins: in all, arguing for the truth, arguing against it, and between."""

    overall: Estimate | None
    honest: Estimate | None
    dishonest: Estimate | None
    advantage: Estimate | None


@dataclass(frozen=True, slots=True)
class LengthBias:
    """Logits on a side's chance to be chosen: of a thousand characters more, of being right."""

    length: Estimate
    honesty: Estimate


@dataclass(frozen=True, slots=True)
class Moved:
    """Bits that belief moves towards the truth a turn, and how far it moves at all (0 to 1)."""

    bits: Estimate
    distance: Estimate


def score_difference(
    p: ArrayLike, honest: ArrayLike | None = None, cluster: Iterable[Any] | None = None,
    unit: Unit = "bits", level: float = LEVEL,
) -> Estimate | None:  # fmt: skip
    """The agent score difference: an agent's score arguing for the truth, less arguing against.

    Debate (``honest`` not given): the mean of ``log2 p - log2(1 - p)``, the log-odds of the truth.
    One speaker: ``E[log2 p | honest] - E[log2(1 - p) | dishonest]``, where ``honest`` says for each
    row whether the speaker argued for the truth. With ``unit="probability"`` the same of ``p``
    itself, which is bounded: ``2p - 1``, or ``E[p | honest] - E[1 - p | dishonest]``. None where a
    side is empty.
    """
    x = _probabilities(p)
    labels = _labels(cluster, len(x))
    if unit == "bits":
        x = np.clip(x, CLAMP, 1 - CLAMP)
        for_truth, against = np.log2(x), np.log2(1 - x)
    elif unit == "probability":
        for_truth, against = x, 1 - x
    else:
        raise ValueError(f"expected the unit 'bits' or 'probability', got {unit!r}")
    if honest is None:
        return mean(for_truth - against, labels, level=level)
    told = _flags(honest, len(x), "honest")
    return _apart(np.where(told, for_truth, against), told, labels, level, False)


def gap_recovered(
    floor: tuple[ArrayLike, Iterable[Any]], protocol: tuple[ArrayLike, Iterable[Any]],
    ceiling: tuple[ArrayLike, Iterable[Any]], level: float = LEVEL,
) -> Recovered | None:  # fmt: skip
    """The performance gap recovered: (protocol - floor) / (ceiling - floor) (Burns et al. 2023).

    Each arm is its values with their clusters; a label that arms share is one cluster of all of
    them. The share's interval is Fieller's (1954), on the intervals of `means.contrast`: every
    ``r`` for which that of ``protocol - (1 - r) floor - r ceiling`` holds 0. Unlike a bootstrap's
    it has a width where all values are alike. It is left open where the gap is not clear of 0.
    None of an empty arm.
    """
    arms = [(finite(values), list(labels)) for values, labels in (floor, protocol, ceiling)]
    for values, labels in arms:
        if len(values) != len(labels):
            raise ValueError(f"expected a cluster for each of {len(values)}, got {len(labels)}")
    if any(not len(values) for values, _ in arms):
        return None
    rows = np.concatenate([values for values, _ in arms])
    arm = [k for k, (values, _) in enumerate(arms) for _ in values]
    where = [label for _, labels in arms for label in labels]
    bounded = bool(rows.min() >= 0 and rows.max() <= 1)

    def weighed(*weights: float) -> Estimate:
        pairs = [(k, weight) for k, weight in enumerate(weights) if weight]
        found = contrast(rows, arm, pairs, where, level=level, bounded=bounded, test=False)
        assert found is not None  # no arm is empty
        return found

    gain, gap = weighed(-1.0, 1.0), weighed(-1.0, 0.0, 1.0)
    if gap.value <= 1e-12:
        return Recovered(None, gain, gap)
    share, ends = gain.value / gap.value, None
    if gap.low is not None and gap.low > 0:
        ends = _inverted(share, lambda r: weighed(r - 1.0, 1.0, -r))
    low, high = (None, None) if ends is None else ends
    method = "inverted: shares at which the contrast of the three may be 0"
    one = Estimate(share, low, high, len(rows), gap.clusters, None, method, None, gap.df)
    return Recovered(one, gain, gap)


def _inverted(share: float, contrasted: Callable[[float], Estimate]) -> tuple[float, float] | None:
    """The shares around ``share`` whose contrast may be 0; None where they do not end."""

    def holds(r: float) -> bool:
        one = contrasted(r)
        return one.low is None or one.high is None or (one.low <= 1e-12 and one.high >= -1e-12)

    ends = []
    for sign in (-1.0, 1.0):
        step = 0.25
        while holds(share + sign * step):
            step *= 2
            if step > FURTHEST:
                return None
        near, far = 0.0, step
        while far - near > 1e-6:
            middle = (near + far) / 2
            near, far = (middle, far) if holds(share + sign * middle) else (near, middle)
        ends.append(share + sign * far)
    return ends[0], ends[1]


def win_rates(
    won: ArrayLike, honest: ArrayLike, cluster: Iterable[Any] | None = None, level: float = LEVEL
) -> WinRates:
    """A debater's win rates, one row a match: won (1, 0, ½), and whether it argued the truth."""
    x = _probabilities(won, "wins")
    told, labels = _flags(honest, len(x), "honest"), _labels(cluster, len(x))
    return WinRates(
        share(x, labels, level=level),
        share(x[told], labels[told], level=level),
        share(x[~told], labels[~told], level=level),
        _apart(x, told, labels, level, True),
    )


def position_bias(
    first: ArrayLike, match: Iterable[Any], listing: Iterable[Any],
    cluster: Iterable[Any] | None = None, options: int = 2, level: float = LEVEL,
) -> Estimate | None:  # fmt: skip
    """What the option that is listed first gets beyond its share ``1 / options``.

    ``first`` is the probability, or the share of a choice (1, 0, ½), that a verdict gives to the
    option listed first. Only matches read in more than one listing count, each listing of a match
    once, so that which option is right cancels out. By match unless clusters are given. None where
    no match was read so.
    """
    x = _probabilities(first, "shares of the first")
    if options < 2:
        raise ValueError(f"expected at least 2 options, got {options}")
    table = _readings(x[:, None], match, listing, cluster)
    if table is None:
        return None
    shares, _, labels = table
    found, fair = mean(shares[:, 0], labels, level=level), 1 / options
    if found is not None and found.se == 0:  # all alike, of which there may be few
        found = share(shares[:, 0], labels, level=level)
    assert found is not None
    low, high = (None if one is None else one - fair for one in (found.low, found.high))
    iid = None if found.iid is None else (found.iid[0] - fair, found.iid[1] - fair)
    return replace(found, value=found.value - fair, low=low, high=high, iid=iid)


def flip_rate(
    choice: Sequence[Any], match: Iterable[Any], listing: Iterable[Any],
    cluster: Iterable[Any] | None = None, level: float = LEVEL,
) -> Estimate | None:  # fmt: skip
    """How often a verdict is another when the options are listed otherwise.

    ``choice`` is the option chosen, named independently of the listing; None for a tie, which is
    every option in equal parts. A match counts with the distance between the choices under its two
    listings: 0 or 1 for one verdict each, ½ between a tie and a choice of two. None where no match
    was read in two listings.
    """
    given = list(choice)
    kinds = sorted({str(one) for one in given if one is not None})
    if len(kinds) == 1:
        kinds.append("")  # the option that nobody chose
    place = {kind: i for i, kind in enumerate(kinds)}
    shares = np.full((len(given), max(2, len(kinds))), 1 / max(2, len(kinds)))
    for row, one in enumerate(given):
        if one is not None:
            shares[row] = 0.0
            shares[row, place[str(one)]] = 1.0
    table = _readings(shares, match, listing, cluster)
    if table is None:
        return None
    means, where, labels = table
    starts = np.flatnonzero(np.diff(where, prepend=-1))
    ends = np.append(starts[1:], len(where))
    if (ends - starts > 2).any():
        raise ValueError("expected at most two listings of a match")
    moved = np.abs(means[starts] - means[starts + 1]).sum(1) / 2
    return share(np.minimum(moved, 1.0), labels[starts], level=level)


def length_bias(
    chosen: ArrayLike, longer: ArrayLike, honest: ArrayLike,
    cluster: Iterable[Any] | None = None, level: float = LEVEL,
) -> LengthBias | None:  # fmt: skip
    """Does length win, at equal truth? A logistic regression with clustered sandwich intervals.

    One row a verdict on two sides: whether one side was chosen (1, 0, ½), by how many characters it
    was ``longer`` than the other (less than 0: shorter), and whether it was the right one. The two
    sides are treated alike, so it does not matter which is taken. None where outcomes have no
    finite estimate: too few, or one of the two decides them all.
    """
    y, x = _probabilities(chosen, "choices"), finite(longer, "lengths") / THOUSAND
    told = _flags(honest, len(y), "honest")
    if len(x) != len(y):
        raise ValueError(f"expected a length for each of {len(y)} choices, got {len(x)}")
    labels = _labels(cluster, len(y))
    if not len(y):
        return None
    design = np.stack([x, np.where(told, 1.0, -1.0)], axis=1)
    found = logistic(design, y)
    if not found.converged:
        return None
    group, count = codes(labels)
    return LengthBias(*found.estimates(design, y, group, count, level))


def belief_moved(
    p: ArrayLike, match: Iterable[Any], turn: ArrayLike, cluster: Iterable[Any] | None = None,
    level: float = LEVEL,
) -> Moved | None:  # fmt: skip
    """How belief moves a turn, from the reports on each match, of which ``turn`` is when.

    ``Σ log2(p_last / p_first) / Σ t`` and ``Σ |p_i - p_(i-1)| / Σ t``, where ``t`` is the turns
    from a match's first report to its last, however many reports lie between; pooled, so that a
    match weighs as its turns. By match unless clusters are given. None where no match has two
    reports with a turn between them.
    """
    x, order = _probabilities(p), finite(turn, "turns")
    where, _ = codes(match)
    if not len(x) == len(order) == len(where):
        raise ValueError(f"expected a match and a turn for each of {len(x)} reports")
    labels = where if cluster is None else _labels(cluster, len(x))
    sort = np.lexsort((order, where))
    x, where, labels = x[sort], where[sort], labels[sort]
    if not len(x):
        return None
    bits = np.log2(np.clip(x, CLAMP, 1 - CLAMP))
    starts = np.flatnonzero(np.diff(where, prepend=-1))
    ends = np.append(starts[1:], len(x)) - 1
    turns = order[sort][ends] - order[sort][starts]
    kept = turns > 0
    if not kept.any():
        return None
    gained = (bits[ends] - bits[starts])[kept] / turns[kept]
    steps = np.append(0.0, np.abs(np.diff(x)))
    steps[starts] = 0.0
    moved = np.add.reduceat(steps, starts)[kept] / turns[kept]
    at, weights = labels[starts][kept], turns[kept]
    bits_a_turn = mean(gained, at, level=level, weights=weights)
    distance = mean(moved, at, level=level, weights=weights)
    assert bits_a_turn is not None and distance is not None
    return Moved(bits_a_turn, distance)


def _readings(
    values: Floats, match: Iterable[Any], listing: Iterable[Any], cluster: Iterable[Any] | None
) -> tuple[Floats, Codes, Codes] | None:
    """Means of each listing of each match that has more than one, with match and cluster, in order
    of the matches."""
    rows = len(values)
    where, _ = codes(match)
    seen, listings = codes(listing)
    if not len(where) == len(seen) == rows:
        raise ValueError(f"expected a match and a listing for each of {rows} verdicts")
    labels = where if cluster is None else _labels(cluster, rows)
    if not rows:
        return None
    found, inverse = np.unique(where * listings + seen, return_inverse=True)
    n = np.bincount(inverse).astype(np.float64)
    means = cluster_sums(values, inverse, len(found)) / n[:, None]
    of = found // listings
    label = np.zeros(len(found), np.int64)
    label[inverse] = labels
    twice = np.bincount(of)[of] > 1
    return (means[twice], of[twice], label[twice]) if twice.any() else None


def _apart(x: Floats, told: Any, labels: Codes, level: float, bounded: bool) -> Estimate | None:
    """The mean where ``told`` less the mean elsewhere, whose clusters may be the same."""
    arms = [(True, 1.0), (False, -1.0)]
    return contrast(x, told.tolist(), arms, labels, level=level, bounded=bounded)


def _labels(cluster: Iterable[Any] | None, rows: int) -> Codes:
    if cluster is None:
        return np.arange(rows)
    found, _ = codes(cluster)
    if len(found) != rows:
        raise ValueError(f"expected a cluster for each of {rows} rows, got {len(found)}")
    return found


def _flags(given: ArrayLike, rows: int, what: str) -> Any:
    flags = finite(given, what)
    if len(flags) != rows or ((flags != 0) & (flags != 1)).any():
        raise ValueError(f"expected {what} as a column of 0 and 1 with {rows} rows")
    return flags == 1


def _probabilities(values: ArrayLike, what: str = "probabilities") -> Floats:
    x = finite(values, what)
    if x.size and (x.min() < 0 or x.max() > 1):
        raise ValueError(f"expected {what} from 0 to 1, got {x[(x < 0) | (x > 1)][0]:g}")
    return x
