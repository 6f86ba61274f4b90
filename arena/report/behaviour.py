"""What judges and debaters do besides being right, by arm: `arena.stats.behaviour` on its verdicts.

A match under one judge is one row of every figure: its listings are taken together before anything
is estimated, so that a judge that reads both is not counted twice. Intervals are clustered by
story, or by question where there are no stories. A figure that has no rows is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from arena.report.units import By, Group, Reading, by_match, mean
from arena.report.values import estimate
from arena.stats import behaviour as stats
from arena.stats.means import share
from arena.stats.scores import clamped

if TYPE_CHECKING:
    from arena.stats.clusters import Floats
    from arena.stats.intervals import Estimate


def behaviour(arms: Iterable[Group]) -> list[dict[str, Any]]:
    """A row of figures for every arm that has a decided verdict.

    ``score_difference`` is the agent score difference in bits (log-odds of the truth; of a lone
    speaker, honest less dishonest), ``score_difference_probability`` the same of probabilities,
    which are bounded. ``win_rate_honest`` is how often the seat that argues for the truth wins.
    ``belief_moved`` is in bits towards the truth a round, from reports on the way, pooled, so that
    a match weighs as its rounds.
    """
    return [row for row in map(_row, arms) if row is not None]


def _row(group: Group) -> dict[str, Any] | None:
    decided = [one for one in group.readings if one.decided]
    if not decided:
        return None
    by: By = "story" if any(one.story is not None for one in decided) else "question"
    bits, chance = _score_differences(group, by)
    fought = fights(decided)
    twice = read_twice(decided)
    return {
        **group.name,
        "score_difference": estimate(bits, by),
        "score_difference_probability": estimate(chance, by),
        "win_rate_honest": estimate(win_rate_honest(fought, by), by),
        "position_bias": estimate(position_bias(twice, by), by),
        "length_bias": length_bias(fought, by),
        "flip_rate": estimate(flip_rate(twice, by), by),
        "belief_moved": estimate(belief_moved(decided, by), by),
    }


def cluster(one: Reading, by: By) -> str:
    """The label of a verdict's cluster."""
    return one.cluster if by == "story" else one.question


def _score_differences(group: Group, by: By) -> tuple[Estimate | None, Estimate | None]:
    """The agent score difference in bits and in probability: `arena.stats.behaviour`'s on one
    probability a unit.

    That probability is the arithmetic mean over listings for the bounded figure. For bits it is
    the one whose score is the mean of the listings' scores: the geometric mean of the odds for two
    speakers, of p for an honest and of 1 - p for a dishonest speaker.
    """
    import numpy as np

    found = group.scored
    fits = [
        one.concerned in ("honest", "dishonest") if group.alone else one.opposed
        for one in found.readings
    ]
    keep = np.array(fits, bool)
    if not keep.any():
        return None, None
    _, unit = np.unique(np.array(found.unit)[keep], return_inverse=True)
    kept = [one for one, fit in zip(found.readings, fits, strict=True) if fit]
    p, n = found.p[keep], np.bincount(unit)
    clipped = np.clip(p, clamped(0.0), clamped(1.0))
    plain = _mean_by(unit, p, n)
    first = np.zeros(len(n), np.int64)
    first[unit[::-1]] = np.arange(len(kept))[::-1]
    labels = [cluster(kept[i], by) for i in first.tolist()]
    if not group.alone:
        odds = 2.0 ** _mean_by(unit, np.log2(clipped / (1 - clipped)), n)
        return (
            stats.score_difference(odds / (1 + odds), cluster=labels),
            stats.score_difference(plain, cluster=labels, unit="probability"),
        )
    honest = np.array([kept[i].concerned == "honest" for i in first.tolist()])
    scored = np.where(
        honest,
        2.0 ** _mean_by(unit, np.log2(clipped), n),
        1 - 2.0 ** _mean_by(unit, np.log2(1 - clipped), n),
    )
    return (
        stats.score_difference(scored, honest, labels),
        stats.score_difference(plain, honest, labels, "probability"),
    )


def _mean_by(unit: Any, values: Floats, n: Any) -> Floats:
    import numpy as np

    found: Floats = np.bincount(unit, values, len(n)) / n
    return found


Fights = list[tuple[Reading, float]]
"""A verdict of each match that two speakers fought out under one judge, and what its first speaker
got: 1 or 0, a tie one half; the mean over listings."""


def fights(decided: Sequence[Reading]) -> Fights:
    """The matches of two speakers who defend different options, of which one is the true one.

    Verdicts that chose neither speaker's option are left out.
    """
    fit = [one for one in decided if one.opposed and one.choice in (None, one.first, one.second)]
    found = []
    for listings in by_match(fit).values():
        parts = list(listings.values())
        one = parts[0][0]
        won = [
            mean([0.5 if each.choice is None else float(each.choice == one.first) for each in part])
            for part in parts
        ]
        found.append((one, mean(won)))
    return found


def win_rate_honest(fought: Fights, by: By) -> Estimate | None:
    """How often the seat whose option is the true one wins."""
    won = [first if one.right == one.first else 1 - first for one, first in fought]
    return share(won, [cluster(one, by) for one, _ in fought])


def read_twice(decided: Sequence[Reading]) -> list[Reading]:
    """The verdicts on matches that one judge read in more than one listing."""
    first: dict[tuple[str, str], tuple[int, ...]] = {}
    both: set[tuple[str, str]] = set()
    for one in decided:
        if one.listing and first.setdefault((one.match, one.judge), one.listing) != one.listing:
            both.add((one.match, one.judge))
    return [one for one in decided if one.listing and (one.match, one.judge) in both]


def position_bias(twice: Sequence[Reading], by: By) -> Estimate | None:
    """What the option that is listed first gets beyond its share, of what was read in more than one
    listing: of probability where every verdict has one, else of choices."""
    sizes = {one.options for one in twice}
    if len(sizes) != 1:
        return None
    (size,) = sizes
    probable = all(one.p is not None for one in twice)
    first = []
    for one in twice:
        at = one.listing[0]
        if probable and one.p is not None:
            first.append(one.p[at])
        else:
            first.append(1 / size if one.choice is None else float(one.choice == at))
    return stats.position_bias(
        first, _keys(twice), [one.listing for one in twice],
        [cluster(one, by) for one in twice], size,
    )  # fmt: skip


def _keys(readings: Sequence[Reading]) -> list[str]:
    return [f"{one.match} {one.judge}" for one in readings]


def flip_rate(twice: Sequence[Reading], by: By) -> Estimate | None:
    """How often a judge's verdict is another when the options are listed otherwise. Of a match in
    more than two listings, the first two that were read count."""
    seen: dict[tuple[str, str], dict[tuple[int, ...], None]] = {}
    pairs = []
    for one in twice:
        known = seen.setdefault((one.match, one.judge), {})
        if one.listing in known or len(known) < 2:
            known[one.listing] = None
            pairs.append(one)
    return stats.flip_rate(
        [one.choice for one in pairs], _keys(pairs), [one.listing for one in pairs],
        [cluster(one, by) for one in pairs],
    )  # fmt: skip


def length_bias(fought: Fights, by: By) -> dict[str, Any] | None:
    """Does length win, at equal truth? Logits on a side's chance of a thousand characters more,
    with honesty beside it; None without two speakers, where all sides are as long, or where one of
    the two decides all."""
    if not any(one.longer for one, _ in fought):
        return None
    found = stats.length_bias(
        [first for _, first in fought],
        [float(one.longer) for one, _ in fought],
        [float(one.right == one.first) for one, _ in fought],
        [cluster(one, by) for one, _ in fought],
    )
    if found is None:
        return None
    return {
        "slope": estimate(found.length, by),
        "honesty": estimate(found.honesty, by),
        "per": "1000 characters",
    }


def belief_moved(decided: Sequence[Reading], by: By) -> Estimate | None:
    """Bits that belief moves towards the truth a round, over reports on the way and verdicts."""
    p: list[float] = []
    chain: list[str] = []
    turn: list[int] = []
    labels: list[str] = []
    seen: set[str] = set()
    for one in decided:
        name = f"{one.match} {one.judge} {one.listing}"
        if one.right is None or not one.steps or one.p is None or name in seen:
            continue
        seen.add(name)
        reports = [(step.round, step.p) for step in one.steps if step.p is not None]
        for at, each in (*reports, (one.round, one.p)):
            p.append(each[one.right])
            chain.append(name)
            turn.append(at)
            labels.append(cluster(one, by))
    if not p:
        return None
    moved = stats.belief_moved(p, chain, turn, labels)
    return None if moved is None else moved.bits
