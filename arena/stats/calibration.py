"""Calibration: do things come true as often as they were said to be likely?

A *confidence* is the probability of the option that was chosen, ``correct`` is 1, 0, or the share
that a tie earns. ECE depends on which bin a value on an edge falls into, so the rule is declared,
and it is above 0 for a perfect judge, so what such a judge would get stands beside it; the Brier
decomposition, the over-confidence gap and the temperature depend on neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from arena.stats.clusters import Codes, Floats, cluster_sums, codes, finite
from arena.stats.intervals import LEVEL, Estimate, student
from arena.stats.means import mean, share
from arena.stats.scores import CLAMP

Rule = Literal["raw", "rounded", "right"]
"""Where a confidence on an edge belongs: ``raw``: i/B <= c < (i+1)/B on the floats as they are;
``rounded``: the same after rounding to 6 digits; ``right``: i/B < c <= (i+1)/B, rounded as well.
The outermost bins are closed."""
BINS = 10
_BLOCK = 4_000_000
_FAR = 1e6  # no judge is so far from calibrated; what fits beyond is rounding


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability diagram; ``low`` and ``high`` are the bin's edges."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Brier:
    """``score = reliability - resolution + uncertainty + within`` (Murphy 1973; Stephenson 2008).

    ``reliability``: how far bins are from their frequency (0 is best); ``resolution``: how far
    their frequencies are from the overall one; ``uncertainty``: of a forecaster that knows only
    that one; ``within``: what is left by forecasts that differ within a bin.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    n: int


@dataclass(frozen=True, slots=True)
class Null:
    """The ECE that a perfectly calibrated judge would have shown with these confidences.

    ``high`` is what it exceeds once in twenty times; ``p`` the share of simulations that reach the
    ECE observed (one-sided, the observation counted among them).
    """

    observed: float
    mean: float
    high: float
    p: float
    draws: int


@dataclass(frozen=True, slots=True)
class Temperature:
    """The one factor on all logits that fits the outcomes best: below 1, over-confident.

    ``before`` and ``after`` are mean log2 scores without and with it, in the same data.
    """

    multiplier: Estimate
    before: float
    after: float


def confidence(p: ArrayLike) -> tuple[Floats, Floats]:
    """Confidences and correctness of two-option beliefs, from the probability of the true one.

    ``max(p, 1 - p)``, and 1 above one half, 0 below, ½ at it.
    """
    x = _probabilities(p, "probabilities")
    return np.maximum(x, 1 - x), np.where(x == 0.5, 0.5, (x > 0.5).astype(np.float64))


def reliability(
    confidence: ArrayLike, correct: ArrayLike, cluster: Iterable[Any] | None = None,
    bins: int = BINS, rule: Rule = "raw", level: float = LEVEL,
) -> tuple[Bin, ...]:  # fmt: skip
    """The bins that hold anything, with counts and the interval of each accuracy.

    Wilson's, widened where values of a bin share clusters (`arena.stats.means.share`).
    """
    c, y = _pair(confidence, correct)
    labels = np.arange(len(c)) if cluster is None else codes(cluster)[0]
    if len(labels) != len(c):
        raise ValueError(f"expected a cluster for each of {len(c)} confidences, got {len(labels)}")
    where, out = binned(c, bins, rule), []
    for i in np.unique(where).tolist():
        here = where == i
        accuracy = share(y[here], labels[here], level=level)
        assert accuracy is not None
        bars = (i / bins, (i + 1) / bins, int(here.sum()), float(c[here].mean()), accuracy)
        out.append(Bin(*bars))
    return tuple(out)


def binned(confidence: ArrayLike, bins: int = BINS, rule: Rule = "raw") -> Any:
    """The bin of each confidence, from 0."""
    if bins < 1:
        raise ValueError(f"expected at least 1 bin, got {bins}")
    c, edges = _probabilities(confidence, "confidences"), np.arange(bins + 1) / bins
    if rule == "raw":
        return np.minimum(np.searchsorted(edges, c, side="right") - 1, bins - 1)
    c, edges = np.round(c, 6), np.round(edges, 6)
    if rule == "rounded":
        return np.minimum(np.searchsorted(edges, c, side="right") - 1, bins - 1)
    if rule == "right":
        return np.maximum(np.searchsorted(edges, c, side="left") - 1, 0)
    raise ValueError(f"expected the rule raw, rounded or right, got {rule!r}")


def ece(
    confidence: ArrayLike, correct: ArrayLike, bins: int = BINS, rule: Rule = "raw"
) -> float | None:
    """Expected calibration error ``Σ n_b / n |accuracy_b - confidence_b|``; None of nothing.

    (Naeini, Cooper and Hauskrecht 2015.) Print the rule and `null_ece` beside it.
    """
    c, y = _pair(confidence, correct)
    if not len(c):
        return None
    gaps = np.bincount(binned(c, bins, rule), y - c, bins)
    return float(np.abs(gaps).sum()) / len(c)


def null_ece(
    confidence: ArrayLike, correct: ArrayLike, bins: int = BINS, rule: Rule = "raw",
    draws: int = 2000, seed: int = 0, questions: Iterable[Any] | None = None,
) -> Null | None:  # fmt: skip
    """What `ece` would be of a perfectly calibrated judge, by drawing ``correct`` anew.

    Each outcome is 1 with its confidence as chance; None of nothing. Outcomes are independent, or
    only those on different ``questions`` are: a question has one answer, so that confidences in the
    same option come true together and those in another one do not.
    """
    c, y = _pair(confidence, correct)
    observed = ece(confidence, correct, bins, rule)
    if observed is None:
        return None
    if draws < 1:
        raise ValueError(f"expected at least 1 draw, got {draws}")
    asked, count = (None, 0) if questions is None else codes(questions)
    if asked is not None and len(asked) != len(c):
        raise ValueError(f"expected a question for each of {len(c)}, got {len(asked)}")
    generator = np.random.default_rng(seed)
    if asked is None or count == len(c):
        drawn = _apart(generator, c, bins, rule, draws)
    else:
        drawn = _together(generator, c, y, asked, count, bins, rule, draws)
    beyond = (1 + int((drawn >= observed - 1e-12).sum())) / (1 + draws)
    return Null(observed, float(drawn.mean()), float(np.quantile(drawn, 0.95)), beyond, draws)


def _apart(
    generator: np.random.Generator, c: Floats, bins: int, rule: Rule, draws: int
) -> Floats:  # fmt: skip
    """Calibration errors of outcomes that are independent."""
    values, times = np.unique(c, return_counts=True)
    where = binned(values, bins, rule)
    expected = np.bincount(where, values * times, bins)
    starts = np.flatnonzero(np.diff(where, prepend=-1))  # values are in order, so bins are
    found, step = [], max(1, _BLOCK // len(values))
    for begin in range(0, draws, step):
        right = generator.binomial(times, values, (min(step, draws - begin), len(values)))
        gaps = np.add.reduceat(right.astype(np.float64), starts, axis=1)
        found.append(np.abs(gaps - expected[where[starts]]).sum(1) / len(c))
    return np.concatenate(found)


def _together(
    generator: np.random.Generator, c: Floats, y: Floats, asked: Codes, count: int, bins: int,
    rule: Rule, draws: int,
) -> Floats:  # fmt: skip
    """Calibration errors where each question draws once: who backed its answer is right below its
    confidence, who did not from one minus that on."""
    order = np.lexsort((c, y < 0.5, binned(c, bins, rule)))
    c, backed, asked = c[order], y[order] >= 0.5, asked[order]
    where = binned(c, bins, rule)
    starts = np.flatnonzero(np.diff(where, prepend=-1))
    expected = np.add.reduceat(c, starts)
    found, step = [], max(1, _BLOCK // max(len(c), count))
    edge = np.where(backed, c, 1 - c)
    for begin in range(0, draws, step):
        u = generator.random((min(step, draws - begin), count))
        right = (u[:, asked] < edge) == backed
        gaps = np.add.reduceat(right, starts, axis=1, dtype=np.float64)
        found.append(np.abs(gaps - expected).sum(1) / len(c))
    return np.concatenate(found)


def brier_parts(
    p: ArrayLike, y: ArrayLike, bins: int | None = BINS, rule: Rule = "raw"
) -> Brier | None:
    """The mean of ``(p - y)²`` in its parts; None of nothing.

    ``p`` is the probability of an event that is told without the truth (the first option's, say;
    or a confidence), ``y`` what came of it. With ``bins=None`` each distinct forecast is a bin, and
    nothing is left within.
    """
    x, o = _pair(p, y)
    if not len(x):
        return None
    where = np.unique(x, return_inverse=True)[1] if bins is None else binned(x, bins, rule)
    n = np.bincount(where).astype(np.float64)
    full = n > 0
    said, came = (np.bincount(where, one)[full] / n[full] for one in (x, o))
    n = n[full] / len(x)
    score, unsure = float(np.mean((x - o) ** 2)), float(np.var(o))
    reliable = float(n @ (said - came) ** 2)
    resolved = float(n @ (came - o.mean()) ** 2)
    within = score - reliable + resolved - unsure
    return Brier(score, reliable, resolved, unsure, within, len(x))


def overconfidence(
    confidence: ArrayLike, correct: ArrayLike, cluster: Iterable[Any] | None = None,
    level: float = LEVEL,
) -> Estimate | None:  # fmt: skip
    """Mean confidence less accuracy: above 0, over-confident. None of nothing."""
    c, y = _pair(confidence, correct)
    return mean(c - y, np.arange(len(c)) if cluster is None else cluster, level=level)


def temperature(
    p: ArrayLike, truth: ArrayLike | None = None, cluster: Iterable[Any] | None = None,
    level: float = LEVEL,
) -> Temperature | None:  # fmt: skip
    """Fit ``p_i^m / Σ p_j^m`` to the truth by maximum likelihood (Platt 1999; Guo et al. 2017).

    ``p`` is (n, options) with ``truth`` the index of the true one; or (n,), the true one's
    probability of two. Held within [CLAMP, 1 - CLAMP] first. The interval is Student's on the
    clustered sandwich. None where no factor fits best: every option judged likeliest (or
    unlikeliest) is the true one, or nothing was preferred to anything.
    """
    x = np.asarray(p, np.float64)
    if x.ndim == 1:
        x = np.stack([x, 1 - x], axis=1)
        at = np.zeros(len(x), np.int64)
    else:
        given = finite(np.asarray([] if truth is None else truth), "true options")
        at = given.astype(np.int64)
        odd = (at != given) | (at < 0) | (at >= x.shape[1])
        if at.shape != (len(x),) or odd.any():
            raise ValueError("expected the index of the true option for each row of probabilities")
    _probabilities(x.ravel(), "probabilities")
    if len(x) and np.abs(x.sum(1) - 1).max() > 1e-6:
        raise ValueError("expected probabilities that sum to 1 in each row")
    logs = np.log(np.clip(x, CLAMP, 1 - CLAMP))
    true = logs[np.arange(len(x)), at]
    if not len(x) or not (true < logs.max(1)).any() or not (true > logs.min(1)).any():
        return None
    from scipy.optimize import brentq

    def score(m: float) -> Floats:
        return np.asarray(true - (_softmax(m * logs) * logs).sum(1))

    far = 1.0
    while score(far).sum() > 0 or score(-far).sum() < 0:
        far *= 2
        if far > _FAR:
            return None
    m = float(brentq(lambda one: float(score(one).sum()), -far, far, xtol=1e-13))
    chances = _softmax(m * logs)
    information = float(((chances * logs**2).sum(1) - (chances * logs).sum(1) ** 2).sum())
    group, count = codes(np.arange(len(x)) if cluster is None else cluster)
    before, after = (
        float(np.log2(_softmax(one * logs)[np.arange(len(x)), at]).mean()) for one in (1.0, m)
    )
    if count < 2:
        return Temperature(Estimate(m, None, None, len(x), count), before, after)
    sums = cluster_sums(score(m), group, count)
    se = float(np.sqrt(sums @ sums * count / (count - 1))) / information
    low, high = student(m, se, count - 1, level)
    method = "Student's t on the clustered sandwich"
    found = Estimate(m, low, high, len(x), count, se, method, df=count - 1)
    return Temperature(found, before, after)


def _softmax(x: Floats) -> Floats:
    e: Floats = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def _probabilities(values: ArrayLike, what: str) -> Floats:
    x = finite(values, what)
    if x.size and (x.min() < 0 or x.max() > 1):
        raise ValueError(f"expected {what} from 0 to 1, got {x[(x < 0) | (x > 1)][0]:g}")
    return x


def _pair(confidence: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats]:
    c, y = _probabilities(confidence, "confidences"), _probabilities(correct, "outcomes")
    if len(c) != len(y):
        raise ValueError(f"expected as many outcomes as confidences, got {len(y)} and {len(c)}")
    return c, y
