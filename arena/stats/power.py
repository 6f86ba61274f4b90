"""How many verdicts a comparison of two accuracies takes: closed forms, and simulation of a design.

Closed forms are for planning in the head; `simulate` runs the very analysis that a report will run
on verdicts drawn from the design, with questions, stories and judges that differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import asin, ceil, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from arena.stats.clusters import Codes, Floats
from arena.stats.intervals import LEVEL, check_level, quantile, wilson
from arena.stats.paired import paired_difference, unpaired_difference

Scale = Literal["arcsine", "difference"]
MOST = 10**9
"""No arm that is asked for is larger."""
WIDE = 1e18
"""No size that a power is asked for is larger."""
SPREAD = 50.0
"""No log-odds differ more: a question is then either always or never answered rightly."""
_NORMAL = NormalDist()


def design_effect(size: float, icc: float) -> float:
    """How many times the variance of a mean grows for clusters of ``size`` values.

    ``1 + (size - 1) icc``, with ``icc`` the intra-cluster correlation; for unequal clusters
    ``size`` is ``Σ n_c² / Σ n_c`` (Kish 1965). Raises
    ValueError for a size below 1 or a correlation outside [0, 1].
    """
    if not 1 <= size <= MOST or not 0 <= icc <= 1:
        raise ValueError(f"expected a size of at least 1 and 0 <= icc <= 1, got {size}, {icc}")
    return 1 + (size - 1) * icc


def two_proportions(
    p1: float,
    p2: float,
    n1: float,
    n2: float,
    deff: float = 1.0,
    level: float = LEVEL,
    scale: Scale = "arcsine",
) -> float:
    """The power of a two-sided z test of two shares with ``n1`` and ``n2`` verdicts.

    ``arcsine``: on ``2 asin √p``, whose variance does not depend on p (Cohen 1988); ``difference``:
    on the shares, with each arm's own variance. ``deff`` (`design_effect`) divides both sizes.
    """
    _accuracies(p1, p2)
    if not all(1e-9 < one <= WIDE for one in (n1, n2, deff)):
        raise ValueError(f"expected sizes and a design effect above 0, got {n1}, {n2}, {deff}")
    return _power(_distance(p1, p2, n1 / deff, n2 / deff, scale), level)


def needed(
    p1: float,
    p2: float,
    power: float = 0.8,
    deff: float = 1.0,
    level: float = LEVEL,
    ratio: float = 1.0,
    scale: Scale = "arcsine",
) -> int:
    """The fewest verdicts of the first arm that reach ``power``; the second has ``ratio`` times it.

    Raises ValueError for equal accuracies, which no number tells apart.
    """
    _accuracies(p1, p2)
    _reachable(p1, p2, power, level)
    if not 1e-9 < ratio <= MOST:
        raise ValueError(f"expected a ratio of sizes above 0, got {ratio}")
    return _fewest(lambda n: two_proportions(p1, p2, n, ratio * n, deff, level, scale), power)


def detectable(
    p1: float,
    n1: float,
    n2: float,
    power: float = 0.8,
    deff: float = 1.0,
    level: float = LEVEL,
    scale: Scale = "arcsine",
) -> float | None:
    """The least accuracy above ``p1`` that is told from it with ``power``; None where none is."""
    low, high = p1, 1.0
    if two_proportions(p1, high, n1, n2, deff, level, scale) < power:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        enough = two_proportions(p1, middle, n1, n2, deff, level, scale) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


@dataclass(frozen=True, slots=True)
class OnShared:
    """The power of two tests on questions that both arms judge.

    ``paired`` uses each question's difference, whose standard error is ``se``; ``unpaired`` takes
    the arms for independent, and so takes its difference for less certain than it is.
    """

    paired: float
    unpaired: float
    se: float


def paired(
    p1: float,
    p2: float,
    questions: float,
    sd: float = 0.0,
    verdicts: float = 1.0,
    level: float = LEVEL,
) -> OnShared:
    """Power where both arms judge the same ``questions``, ``verdicts`` times each in each arm.

    ``sd`` is how much questions differ, as the standard deviation of their log-odds; ``p1`` and
    ``p2`` are accuracies over all questions. Normal approximation; one question, one cluster.
    """
    _accuracies(p1, p2)
    if not (1e-9 < questions <= WIDE and 1e-9 < verdicts <= WIDE and 0 <= sd <= SPREAD):
        raise ValueError(
            f"expected questions and verdicts above 0 and sd from 0 to {SPREAD:g}, "
            f"got {questions}, {verdicts} and {sd}"
        )
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    one, other = (_expit(intercept(p, sd) + sd * nodes) for p in (p1, p2))
    gap = other - one
    within = weights @ (one * (1 - one) + other * (1 - other)) / verdicts
    between = weights @ gap**2 - (weights @ gap) ** 2
    se = sqrt(float(between + within) / questions)
    n = questions * verdicts
    plain = sqrt((p1 * (1 - p1) + p2 * (1 - p2)) / n)
    z, distance = quantile(level), abs(p2 - p1)
    if not se > 0:
        raise ValueError(f"expected accuracies between 0 and 1: of {p1} and {p2} nothing varies")
    unpaired = _NORMAL.cdf((distance - z * plain) / se) + _NORMAL.cdf((-distance - z * plain) / se)
    return OnShared(_power(distance / se, level), unpaired, se)


def needed_pairs(
    p1: float,
    p2: float,
    power: float = 0.8,
    sd: float = 0.0,
    verdicts: float = 1.0,
    level: float = LEVEL,
) -> int:
    """The fewest shared questions with which the paired test of `paired` reaches ``power``."""
    _accuracies(p1, p2)
    _reachable(p1, p2, power, level)
    return _fewest(lambda n: paired(p1, p2, n, sd, verdicts, level).paired, power)


@dataclass(frozen=True, slots=True)
class Design:
    """Verdicts that are planned for two arms.

    ``p`` are the accuracies of the arms over all questions, stories and judges. Each arm judges
    ``questions`` questions, ``verdicts`` times each; ``shared``: the same ones, otherwise its own.
    Questions lie in ``stories`` (each alone, if None) and judges, ``judges`` of them (each verdict
    its own, if None), are drawn at random for each verdict and serve both arms. The ``_sd`` are
    standard deviations of log-odds; ``judge_arm_sd`` is how much judges differ in what an arm does
    for them.
    """

    p: tuple[float, float]
    questions: int
    stories: int | None = None
    judges: int | None = None
    verdicts: int = 1
    shared: bool = True
    question_sd: float = 0.0
    story_sd: float = 0.0
    judge_sd: float = 0.0
    judge_arm_sd: float = 0.0

    def __post_init__(self) -> None:
        _accuracies(*self.p)
        counts = {"questions": self.questions, "verdicts": self.verdicts}
        counts |= {"stories": self.stories or 1, "judges": self.judges or 1}
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"expected at least 1 of {name}, got {count}")
        parts = (self.question_sd, self.story_sd, self.judge_sd, self.judge_arm_sd)
        if not all(0 <= one <= SPREAD for one in parts):
            raise ValueError(f"expected standard deviations from 0 to {SPREAD:g}, got {parts}")


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a design's simulations came to.

    ``power`` is the share of them whose interval excludes 0, with the Wilson interval ``low`` to
    ``high`` for how many there were; ``covered`` the share whose interval has the true difference;
    ``half_width`` is half the intervals' mean width, infinite where there are none, and ``mean``
    the mean estimate.
    """

    power: float
    low: float
    high: float
    covered: float
    mean: float
    half_width: float
    simulations: int


def simulate(
    design: Design,
    simulations: int = 1000,
    seed: int = 0,
    analysis: Literal["paired", "unpaired"] | None = None,
    by_judge: bool = False,
    level: float = LEVEL,
) -> Simulated:
    """Power by simulation: verdicts drawn from the design, analysed as a report analyses them.

    The difference is `paired_difference` clustered by story where questions are shared, else
    `unpaired_difference` by story, unless ``analysis`` says which; ``by_judge`` makes the unpaired
    one two-way, by story and judge. A simulation without an interval counts as not excluding 0.
    """
    check_level(level)
    if simulations < 1:
        raise ValueError(f"expected at least 1 simulation, got {simulations}")
    chosen = analysis or ("paired" if design.shared else "unpaired")
    if chosen == "paired" and not design.shared:
        raise ValueError("expected shared questions for a paired analysis; this design has none")
    if by_judge and (chosen == "paired" or design.judges is None):
        raise ValueError("expected an unpaired analysis and a number of judges, to go by judge")
    generator = np.random.default_rng(seed)
    total = _total(design)
    middle = np.array([intercept(p, total) for p in design.p])
    distance = design.p[1] - design.p[0]
    found, width, told, covered = [], [], 0, 0
    for _ in range(simulations):
        y, arm, question, story, judge = _drawn(design, middle, generator)
        if chosen == "paired":
            one = paired_difference(y, arm, question, (1, 0), story, level, test=False)
        else:
            second = judge if by_judge else None
            one = unpaired_difference(y, arm, (1, 0), story, second, level, test=False)
        if one is None:
            continue
        found.append(one.value)
        if one.low is None or one.high is None:
            continue
        width.append((one.high - one.low) / 2)
        told += not one.low <= 0 <= one.high
        covered += one.low <= distance <= one.high
    interval = wilson(told, simulations)
    assert interval is not None
    half = float(np.mean(width)) if width else float("inf")
    return Simulated(told / simulations, *interval, covered / max(1, len(width)),
                     float(np.mean(found)) if found else 0.0, half, simulations)  # fmt: skip


def _total(design: Design) -> float:
    """The standard deviation of a verdict's log-odds, all of its parts together."""
    parts = (design.question_sd, design.story_sd, design.judge_sd, design.judge_arm_sd)
    return sqrt(sum(part**2 for part in parts))


def _drawn(
    design: Design, middle: Floats, generator: np.random.Generator
) -> tuple[Floats, Codes, Codes, Codes, Codes]:
    """One study: right or not, arm, question, story and judge of each verdict."""
    kinds = design.questions * (1 if design.shared else 2)
    stories = design.stories or kinds
    per_arm = np.repeat(np.arange(design.questions), design.verdicts)
    arm = np.repeat([0, 1], len(per_arm))
    question = np.concatenate([per_arm, per_arm + (0 if design.shared else design.questions)])
    story = (question % stories).astype(np.int64)
    judges = design.judges or len(arm)
    judge = (
        generator.integers(0, judges, len(arm)) if design.judges else np.arange(len(arm))
    ).astype(np.int64)
    logit = middle[arm]
    logit = logit + design.question_sd * generator.standard_normal(kinds)[question]
    logit = logit + design.story_sd * generator.standard_normal(stories)[story]
    logit = logit + design.judge_sd * generator.standard_normal(judges)[judge]
    logit = logit + design.judge_arm_sd * generator.standard_normal((judges, 2))[judge, arm]
    y = (generator.random(len(arm)) < _expit(logit)).astype(np.float64)
    return y, arm.astype(np.int64), question.astype(np.int64), story, judge


def intercept(p: float, sd: float) -> float:
    """The log-odds that have the mean probability ``p`` when normal with deviation ``sd``."""
    _accuracies(p, p)
    if not 0 <= sd <= 4 * SPREAD:
        raise ValueError(f"expected a standard deviation from 0 to {4 * SPREAD:g}, got {sd}")
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    low, high = -40.0 - 10 * sd, 40.0 + 10 * sd
    for _ in range(80):
        middle = (low + high) / 2
        below = float(weights @ _expit(middle + sd * nodes)) < p
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def _expit(x: NDArray[np.float64]) -> Floats:
    return 0.5 * (1 + np.tanh(x / 2))


def _distance(p1: float, p2: float, n1: float, n2: float, scale: Scale) -> float:
    """The true difference in standard errors."""
    if scale == "arcsine":
        gap = 2 * (asin(sqrt(p2)) - asin(sqrt(p1)))
        return abs(gap) / sqrt(1 / n1 + 1 / n2)
    if scale != "difference":
        raise ValueError(f"expected a scale of 'arcsine' or 'difference', got {scale!r}")
    variance = p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2
    return abs(p2 - p1) / sqrt(variance) if variance > 0 else (float("inf") if p1 != p2 else 0.0)


def _power(distance: float, level: float) -> float:
    """Of a two-sided z test at this distance, both tails."""
    z = quantile(level)
    return _NORMAL.cdf(distance - z) + _NORMAL.cdf(-distance - z)


def _fewest(reached: Callable[[int], float], power: float) -> int:
    """The least whole number at which a rising function reaches ``power``."""
    high = 1
    while reached(high) < power:
        high *= 2
        if high > MOST:
            raise ValueError(f"expected accuracies further apart: more than {MOST} are needed")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    return ceil(high)


def _accuracies(p1: float, p2: float) -> None:
    for p in (p1, p2):
        if not 0 <= p <= 1:
            raise ValueError(f"expected accuracies in [0, 1], got {p}")


def _reachable(p1: float, p2: float, power: float, level: float) -> None:
    if not 1 - check_level(level) < power < 1:
        raise ValueError(f"expected a power between {1 - level:.3g} and 1, got {power}")
    if p1 == p2:
        raise ValueError(
            f"expected two different accuracies, got {p1} twice: nothing tells them apart"
        )
