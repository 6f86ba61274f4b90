"""Designs whose truth is known, and what intervals cover on them: for tests and a benchmark.

Every trial draws a study with so many clusters and returns the interval of the code that reports
use, beside the truth that the study was drawn from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np

from arena.stats.accuracy import accuracy, balanced, stratified
from arena.stats.clusters import bootstrap, bootstrap_means, linearised, ratio, spread, sums
from arena.stats.intervals import Estimate, wilson
from arena.stats.means import mean, share
from arena.stats.paired import paired_difference, unpaired_difference

Generator = np.random.Generator
Trial = Callable[[Generator, int], tuple[float | None, float | None, float]]
LOW, HIGH = float(np.log2(0.01)), float(np.log2(0.99))


@dataclass(frozen=True)
class Covered:
    """How many of ``n`` intervals had the truth, as a share, and their mean width."""

    share: float
    width: float
    n: int

    @property
    def error(self) -> float:
        """The Monte-Carlo standard error of the share, at the nominal 95 %."""
        return (0.95 * 0.05 / self.n) ** 0.5


def covered(trial: Trial, clusters: int, simulations: int, seed: int = 0) -> Covered:
    """What the trial's intervals cover; one that is missing covers nothing."""
    generator = np.random.default_rng([seed, clusters])
    hits, widths = 0, []
    for _ in range(simulations):
        low, high, truth = trial(generator, clusters)
        if low is not None and high is not None:
            hits += low - 1e-12 <= truth <= high + 1e-12
            widths.append(high - low)
    return Covered(hits / simulations, float(np.mean(widths)), simulations)


def rows(generator: Generator, clusters: int, size: float, kind: str = "some") -> Any:
    """The cluster of each row: all of ``size``, of sizes that differ somewhat, or wildly."""
    if kind == "equal":
        sizes = np.full(clusters, int(size))
    else:
        noise = generator.normal(0, {"some": 0.5, "wild": 1.0}[kind], clusters)
        sizes = 1 + generator.poisson(np.exp(noise) * (size - 1))
    return np.repeat(np.arange(clusters), sizes)


def chances(generator: Generator, p: float, icc: float, count: int) -> Any:
    """Probabilities of success with mean ``p`` and intra-cluster correlation ``icc`` (beta)."""
    if not icc:
        return np.full(count, p)
    around = 1 / icc - 1
    return generator.beta(p * around, (1 - p) * around, count)


def verdicts(
    generator: Generator, clusters: int, p: float, icc: float, size: float, kind: str
) -> tuple[Any, Any]:
    """Right or wrong, and the cluster, of each verdict."""
    code = rows(generator, clusters, size, kind)
    pi = chances(generator, p, icc, clusters)[code]
    return (generator.random(len(code)) < pi).astype(float), code


def _ends(found: Estimate | None) -> tuple[float | None, float | None]:
    return (None, None) if found is None else (found.low, found.high)


def shares(p: float = 0.8, icc: float = 0.15, size: float = 6, kind: str = "some") -> Trial:
    def trial(generator: Generator, clusters: int) -> Any:
        return *_ends(share(*verdicts(generator, clusters, p, icc, size, kind))), p

    return trial


def resampled(p: float = 0.8, icc: float = 0.15, size: float = 6, kind: str = "some") -> Trial:
    """The cluster bootstrap as `accuracy` reports it."""

    def trial(generator: Generator, clusters: int) -> Any:
        y, code = verdicts(generator, clusters, p, icc, size, kind)
        found = accuracy(y, {"story": code}, draws=300, seed=int(generator.integers(2**31)))
        assert found is not None
        return *_ends(found.bootstrap["story"]), p

    return trial


def percentiles(p: float = 0.8, icc: float = 0.15, size: float = 6, kind: str = "some") -> Trial:
    """Plain percentiles of the cluster bootstrap, which the NYU figures are given with."""

    def trial(generator: Generator, clusters: int) -> Any:
        y, code = verdicts(generator, clusters, p, icc, size, kind)
        drawn = bootstrap_means(y, code, 300, int(generator.integers(2**31)))
        ends = spread(drawn, float(y.mean()), clusters, how="percentile")
        return *(ends or (None, None)), p

    return trial


def naive(p: float = 0.8, icc: float = 0.15, size: float = 6, kind: str = "some") -> Trial:
    """Wilson's interval for verdicts that were independent."""

    def trial(generator: Generator, clusters: int) -> Any:
        y, _ = verdicts(generator, clusters, p, icc, size, kind)
        return *(wilson(float(y.sum()), len(y)) or (None, None)), p

    return trial


def textbook(p: float = 0.8, icc: float = 0.15, size: float = 6, kind: str = "some") -> Trial:
    """The linearised variance with 1.96, uncorrected for how few and unequal clusters are."""

    def trial(generator: Generator, clusters: int) -> Any:
        y, code = verdicts(generator, clusters, p, icc, size, kind)
        variance = linearised(y, code)
        assert variance is not None
        half = 1.96 * variance**0.5
        return y.mean() - half, y.mean() + half, p

    return trial


@lru_cache
def _score_table() -> Any:
    from scipy.special import betaincinv

    return np.log2(np.clip(betaincinv(2.0, 0.8, np.linspace(0, 1, 4001)), 0.01, 0.99))


def scores(
    icc: float = 0.15, shape: str = "log", how: str = "student", kind: str = "some"
) -> Trial:
    """Means of normal values or of log2 scores (clamped, skewed), six a cluster on average."""

    def trial(generator: Generator, clusters: int) -> Any:
        code = rows(generator, clusters, 6, kind)
        z = icc**0.5 * generator.standard_normal(clusters)[code]
        x = z + (1 - icc) ** 0.5 * generator.standard_normal(len(code))
        truth = 0.0
        if shape == "log":
            from scipy.special import ndtr

            table = _score_table()
            x = np.interp(ndtr(x) * 4000, np.arange(4001), table)
            truth = float(np.trapezoid(table, dx=1 / 4000))
        if how == "bootstrap":
            drawn = bootstrap(sums(x, code), ratio, 500, int(generator.integers(2**31)))
            found = mean(x, code)
            assert found is not None
            ends = spread(drawn, float(x.mean()), clusters, df=found.df)
            return *(ends or (None, None)), truth
        bounds = (LOW, HIGH) if how == "bounded" else None
        return *_ends(mean(x, code, bounds=bounds)), truth

    return trial


def _arms(
    generator: Generator, clusters: int, p: tuple[float, float], icc: float, size: float
) -> Any:
    """Two arms on the same clusters, whose difficulty they share for the most part."""
    from scipy.special import betaincinv, ndtr

    z = 0.8 * generator.standard_normal((clusters, 1)) + 0.6 * generator.standard_normal(
        (clusters, 2)
    )
    around = 1 / icc - 1
    pi = betaincinv(
        np.array(p) * around, (1 - np.array(p)) * around, np.clip(ndtr(z), 1e-9, 1 - 1e-9)
    )
    codes = [rows(generator, clusters, size) for _ in p]
    arm = np.repeat([0, 1], [len(code) for code in codes])
    code = np.concatenate(codes)
    return (generator.random(len(code)) < pi[code, arm]).astype(float), arm, code


def differences(p: tuple[float, float] = (0.74, 0.84), icc: float = 0.2, size: float = 3) -> Trial:
    def trial(generator: Generator, clusters: int) -> Any:
        y, arm, code = _arms(generator, clusters, p, icc, size)
        return *_ends(unpaired_difference(y, arm, (1, 0), code, test=False)), p[1] - p[0]

    return trial


def halves(p: tuple[float, float] = (0.74, 0.84), icc: float = 0.2, size: float = 3) -> Trial:
    """Accuracy stratified by honesty, which takes one side in each arm."""

    def trial(generator: Generator, clusters: int) -> Any:
        y, arm, code = _arms(generator, clusters, p, icc, size)
        found = stratified(y, arm == 1, code)
        return *_ends(None if found is None else found.both), sum(p) / 2

    return trial


def recalls(p: tuple[float, float] = (0.6, 0.9), icc: float = 0.2, size: float = 3) -> Trial:
    """Balanced accuracy of a judge with a bias, where clusters are questions with one truth."""

    def trial(generator: Generator, clusters: int) -> Any:
        code = rows(generator, clusters, size)
        truth = np.arange(clusters) % 2
        around = 1 / icc - 1
        side = np.array(p)[truth]
        pi = generator.beta(side * around, (1 - side) * around)
        y = (generator.random(len(code)) < pi[code]).astype(float)
        return *_ends(balanced(y, truth[code], code)), sum(p) / 2

    return trial


def pairs(
    p: tuple[float, float] = (0.74, 0.84), sd: float = 1.0, questions: int = 2, each: int = 1
) -> Trial:
    """Paired differences: each question of a story once (or ``each`` times) in both arms."""
    from arena.stats.power import intercept

    middle = np.array([intercept(one, sd) for one in p])

    def trial(generator: Generator, clusters: int) -> Any:
        story = rows(generator, clusters, questions)
        count = len(story)
        z = 0.6**0.5 * generator.standard_normal(count)
        z = sd * (z + 0.4**0.5 * generator.standard_normal(clusters)[story])
        pi = 1 / (1 + np.exp(-(middle + z[:, None])))
        y = (generator.random((each, count, 2)) < pi).astype(float)
        question = np.broadcast_to(np.arange(count)[:, None], (each, count, 2)).ravel()
        arm = np.broadcast_to(np.arange(2), (each, count, 2)).ravel()
        found = paired_difference(y.ravel(), arm, question, (1, 0), story[question], test=False)
        return *_ends(found), p[1] - p[0]

    return trial


def grids(p: float = 0.8, by_question: float = 0.2, by_judge: float = 0.1, how: str = "sandwich",
          questions: int = 50) -> Trial:  # fmt: skip
    """Judges (as many as clusters; some judge far more) by questions (at least ``questions``)."""
    line = NormalDist().inv_cdf(p)

    def trial(generator: Generator, clusters: int) -> Any:
        kinds = max(questions, clusters)
        n = 4 * kinds
        question = generator.integers(0, kinds, n)
        weight = np.exp(generator.normal(0, 0.7, clusters))
        judge = generator.choice(clusters, n, p=weight / weight.sum())
        z = by_question**0.5 * generator.standard_normal(kinds)[question]
        z += by_judge**0.5 * generator.standard_normal(clusters)[judge]
        z += (1 - by_question - by_judge) ** 0.5 * generator.standard_normal(n)
        y = (z < line).astype(float)
        labels = {"question": question, "judge": judge}
        draws = 300 if how == "pigeonhole" else 0
        seed = int(generator.integers(2**31))
        found = accuracy(y, labels, ("question", "judge"), draws, seed)
        assert found is not None
        return *_ends(found.two_way if how == "sandwich" else found.pigeonhole), p

    return trial


MEANT: dict[str, Trial] = {
    "share": shares(),
    "share, equal clusters": shares(kind="equal"),
    "share, wildly unequal": shares(kind="wild"),
    "share of .9, icc .3": shares(p=0.9, icc=0.3, size=12, kind="equal"),
    "share, cluster bootstrap": resampled(),
    "share of .9, bootstrap": resampled(p=0.9, icc=0.3, size=12, kind="equal"),
    "share, two-way": grids(),
    "share, pigeonhole": grids(how="pigeonhole"),
    "mean of normal values": scores(shape="normal"),
    "mean of log2 scores, bounded": scores(how="bounded"),
    "same, wildly unequal": scores(icc=0.3, how="bounded", kind="wild"),
    "difference of arms": differences(),
    "paired difference": pairs(),
    "paired, alike, 3 each": pairs(p=(0.8, 0.8), sd=2.0, each=3),
    "paired, 5 each": pairs(questions=1, each=5),
    "paired, rare mistakes": pairs(p=(0.9, 0.95), questions=1),
    "stratified by honesty": halves(),
    "balanced accuracy": recalls(),
}
"""Intervals that are to hold with any number of clusters."""
SHOWN: dict[str, Trial] = {
    "mean of log2 scores, Student": scores(),
    "mean, expanded bootstrap": scores(how="bootstrap"),
    "share, percentiles": percentiles(),
    "share, CR1 with 1.96": textbook(),
    "share, independent Wilson": naive(),
}
"""Shown beside: what does not hold with few clusters, or never."""


def table(
    clusters: tuple[int, ...], simulations: int, seed: int = 0
) -> Iterator[tuple[str, dict[int, Covered]]]:
    """Coverage by number of clusters of every interval, as it comes."""
    for name, trial in {**MEANT, **SHOWN}.items():
        yield name, {count: covered(trial, count, simulations, seed) for count in clusters}
