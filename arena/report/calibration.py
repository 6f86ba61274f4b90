"""Calibration of each arm: do things come true as often as its judge said they were likely?

What leads is what no bin can change: the over-confidence gap, the parts of the Brier score, and the
temperature (the one factor on all logits that fits best; below 1, over-confident). The expected
calibration error rests on the rule for values on a bin's edge, so the rule is named, and what a
perfectly calibrated judge with the same confidences would show stands beside it, with one answer to
a question however often it was judged. Every verdict with probabilities is a row, clustered by
story or question, so that the listings of one match, and matches on one question, are not taken
for independent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from arena.report.units import Group, Scored
from arena.report.values import estimate, interval, number
from arena.stats.calibration import (
    BINS,
    binned,
    brier_parts,
    confidence,
    ece,
    null_ece,
    overconfidence,
    reliability,
    temperature,
)

if TYPE_CHECKING:
    from arena.stats.clusters import Floats

RULE = "raw"
"""Where a confidence on the edge of a bin belongs (`arena.stats.calibration.Rule`): with the NYU
tables, in the bin that begins there, on the numbers as they were stored."""
NULL_DRAWS = 500
_MANY = 1000
"""From so many different confidences on, those within a thousandth of one another are drawn as
one, which changes the variance of what is drawn by less than one part in a million."""


def calibration(arms: Iterable[Group]) -> list[dict[str, Any]]:
    """The calibration of every arm that has probabilities and known truths."""
    return [row for row in map(_row, arms) if row is not None]


def _row(group: Group) -> dict[str, Any] | None:
    found = group.scored
    if not found.readings:
        return None
    said, right = confidences(found)
    bins = reliability(said, right, found.cluster, rule="raw")
    asked = [one.question for one in found.readings]
    null = null_ece(
        said if len(set(asked)) < len(asked) else _grouped(said), right, rule="raw",
        draws=NULL_DRAWS, questions=asked,
    )  # fmt: skip
    heat = _temperature(found)
    return {
        **group.name,
        "n": len(found.readings),
        "overconfidence": estimate(overconfidence(said, right, found.cluster), found.by),
        "brier": _brier(found, said, right),
        "temperature": heat,
        "ece": number(ece(said, right, rule="raw")),
        "rule": RULE,
        "null_ece": None if null is None else {"mean": null.mean, "high": null.high, "p": null.p},
        "bins": [
            {
                "low": one.low, "high": one.high, "n": one.n, "confidence": one.confidence,
                "accuracy": one.accuracy.value, "interval": interval(one.accuracy),
            }
            for one in bins
        ],
        "by": found.by,
    }  # fmt: skip


def confidences(found: Scored) -> tuple[Floats, Floats]:
    """What the judge said of the option it found likeliest, and whether that was right.

    Of two options that is the larger of p and 1 - p for the truth's p; of more, the largest
    probability, where a tie with the truth is right by its share.
    """
    import numpy as np

    if found.binary:
        return confidence(found.p)
    top = [max(one.p or (0.0,)) for one in found.readings]
    right = [
        (p == most) / (one.p or ()).count(most)
        for one, p, most in zip(found.readings, found.p.tolist(), top, strict=True)
    ]
    return np.minimum(1.0, np.array(top)), np.array(right, np.float64)


def _grouped(said: Floats) -> Floats:
    """Confidences that are close and in one bin as their mean: the same sum in every bin."""
    import numpy as np

    if len(np.unique(said)) <= _MANY:
        return said
    where = binned(said, BINS, "raw").astype(np.int64)
    cell = where * (_MANY + 1) + np.floor(said * _MANY).astype(np.int64)
    _, index = np.unique(cell, return_inverse=True)
    means = np.bincount(index, said) / np.bincount(index)
    low, high = where / BINS, np.where(where == BINS - 1, 1.0, np.nextafter((where + 1) / BINS, 0))
    return np.asarray(np.clip(means[index], low, high), np.float64)


def _brier(found: Scored, said: Floats, right: Floats) -> dict[str, Any] | None:
    """The Brier score in its parts, of the first option's probability where there are two: an
    event that is told without the truth. Of more options, of the confidence."""
    import numpy as np

    if found.binary:
        p = np.array([one.p[0] if one.p else 0.0 for one in found.readings])
        y = np.array([float(one.right == 0) for one in found.readings])
        parts, event = brier_parts(p, y, rule="raw"), "the first option is true"
    else:
        parts, event = brier_parts(said, right, rule="raw"), "the likeliest option is true"
    if parts is None:
        return None
    return {
        "brier": parts.score, "reliability": parts.reliability, "resolution": parts.resolution,
        "uncertainty": parts.uncertainty, "within": parts.within, "event": event,
    }  # fmt: skip


def _temperature(found: Scored) -> dict[str, Any] | None:
    """The factor that fits best, and the log2 scores without and with it; None where none does,
    or where matches have different numbers of options."""
    import numpy as np

    sizes = {len(one.p or ()) for one in found.readings}
    if len(sizes) > 1:
        return None
    if sizes == {2}:
        fitted = temperature(found.p, cluster=found.cluster)
    else:
        table = np.array([one.p for one in found.readings], np.float64)
        table = table / table.sum(1, keepdims=True)
        truth = [one.right or 0 for one in found.readings]
        fitted = temperature(table, truth, found.cluster)
    if fitted is None:
        return None
    one = fitted.multiplier
    return {
        "value": one.value, "interval": interval(one), "before": fitted.before,
        "after": fitted.after, "clusters": one.clusters, "method": one.method,
    }  # fmt: skip
