"""Designs for the figures besides accuracy: behaviour, calibration, agreement, ratings, leaks.

As in `designs`: every trial draws a study with so many clusters (stories, questions or judges) and
returns the interval of the estimator that reports use, beside the truth that it was drawn from.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import log
from typing import Any

import numpy as np
from designs import Covered, Generator, Trial, _ends, chances, covered, rows

from arena.stats.agreement import alpha, kappa, percent
from arena.stats.behaviour import (
    belief_moved,
    flip_rate,
    gap_recovered,
    length_bias,
    position_bias,
    score_difference,
    win_rates,
)
from arena.stats.bradley_terry import bootstrapped, fit
from arena.stats.calibration import overconfidence, temperature
from arena.stats.cards import cards
from arena.stats.comparison import compare
from arena.stats.leaks import auc, audit

DRAWS = 1000
"""As many bootstrap draws as reports make where clusters are few."""


def expit(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@lru_cache
def _mean_clipped(centre: float, sd: float) -> float:
    """The mean of log2-odds, normal in nats, held within those of .01 and .99."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    end = log(99)
    odds = np.clip(centre + sd * nodes, -end, end) / log(2)
    return float(weights @ odds / weights.sum())


def _beliefs(generator: Generator, clusters: int, centre: float, size: float = 4) -> Any:
    """A belief in the truth for each row, normal in log-odds, which clusters share in part."""
    code = rows(generator, clusters, size)
    x = centre + 0.7 * generator.standard_normal(clusters)[code]
    return expit(x + 1.3 * generator.standard_normal(len(code))), code


SPREAD = (0.7**2 + 1.3**2) ** 0.5


def debates(centre: float = 1.2) -> Trial:
    """The agent score difference of debates."""

    def trial(generator: Generator, clusters: int) -> Any:
        p, code = _beliefs(generator, clusters, centre)
        return *_ends(score_difference(p, None, code)), _mean_clipped(centre, SPREAD)

    return trial


def speakers() -> Trial:
    """The same of single speakers, honest or not within each cluster."""

    def trial(generator: Generator, clusters: int) -> Any:
        one, code = _beliefs(generator, clusters, 1.0)
        honest = generator.random(len(one)) < 0.5
        honest[0], honest[-1] = True, False
        found = score_difference(one, honest, code, "probability")
        return *_ends(found), _speakers_truth()

    return trial


@lru_cache
def _speakers_truth() -> float:
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    mean = float(weights @ expit(1.0 + SPREAD * nodes) / weights.sum())
    return 2 * mean - 1


def overconfident() -> Trial:
    """Confidence less accuracy, of judges who are over-confident by .1, on shared questions."""

    def trial(generator: Generator, clusters: int) -> Any:
        code = rows(generator, clusters, 5)
        c = generator.uniform(0.6, 1.0, len(code))
        hard = chances(generator, 0.5, 0.15, clusters)[code]
        y = generator.random(len(code)) < c - 0.1 + 0.2 * (hard - 0.5)
        return *_ends(overconfidence(c, y, code)), 0.1

    return trial


def multipliers(factor: float = 0.5, size: float = 6) -> Trial:
    """The temperature of two-option beliefs; what a cluster shares is how sure one is."""

    def trial(generator: Generator, clusters: int) -> Any:
        code = rows(generator, clusters, size)
        x = np.abs(generator.standard_normal(clusters)[code] + generator.standard_normal(len(code)))
        c = expit(np.clip(x, 0.05, 4.5))
        right = generator.random(len(code)) < expit(factor * np.log(c / (1 - c)))
        found = temperature(np.where(right, c, 1 - c), None, code)
        if found is None:
            return None, None, factor
        return *_ends(found.multiplier), factor

    return trial


def movements(drift: float = 0.05) -> Trial:
    """Bits a turn, pooled over matches of unequal length, in stories that move alike."""

    def trial(generator: Generator, clusters: int) -> Any:
        story = rows(generator, clusters, 4)
        turns = 1 + generator.poisson(1.5, len(story))
        each = drift + 0.05 * generator.standard_normal(clusters)[story]
        gained = each * turns + 0.15 * generator.standard_normal(len(story)) * turns**0.5
        p = np.stack([np.full(len(story), 0.25), 0.25 * 2.0 ** np.clip(gained, -4, 1.9)], axis=1)
        said = generator.random((len(story), int(turns.max()) + 1)) < 0.6  # or passed over
        rows_of = [
            (m, t, p[m, int(t == turns[m])])
            for m in range(len(story)) for t in range(turns[m] + 1)
            if said[m, t] or t in (0, turns[m])
        ]  # fmt: skip
        m, t, value = map(np.array, zip(*rows_of, strict=True))
        found = belief_moved(value, m, t, story[m])
        return *_ends(None if found is None else found.bits), drift

    return trial


def places(bias: float = 0.04) -> Trial:
    """Position bias of matches that are read in both listings."""

    def trial(generator: Generator, clusters: int) -> Any:
        story = rows(generator, clusters, 4)
        p = np.clip(generator.normal(0.7, 0.15, len(story)), 0.1, 0.9)
        lean = bias + 0.03 * generator.standard_normal(clusters)[story]
        noise = 0.05 * generator.standard_normal((2, len(story)))
        first = np.concatenate([p + lean + noise[0], 1 - p + lean + noise[1]])
        match = np.tile(np.arange(len(story)), 2)
        found = position_bias(np.clip(first, 0, 1), match, np.repeat([0, 1], len(story)),
                              np.tile(story, 2))  # fmt: skip
        return *_ends(found), bias

    return trial


def flips(rate: float = 0.15) -> Trial:
    """How often the other listing has another verdict, in stories that are alike in it."""

    def trial(generator: Generator, clusters: int) -> Any:
        story = rows(generator, clusters, 4)
        odd = generator.random(len(story)) < chances(generator, rate, 0.1, clusters)[story]
        choice = [*np.zeros(len(story), int).tolist(), *odd.astype(int).tolist()]
        found = flip_rate(choice, np.tile(np.arange(len(story)), 2),
                          np.repeat([0, 1], len(story)), np.tile(story, 2))  # fmt: skip
        return *_ends(found), rate

    return trial


def lengths(slope: float = 0.8, honesty: float = 0.7) -> Trial:
    """The effect of a thousand characters more, where stories share how long sides are."""

    def trial(generator: Generator, clusters: int) -> Any:
        story = rows(generator, clusters, 8)
        x = 0.5 * generator.standard_normal(clusters)[story]
        x = x + 0.5 * generator.standard_normal(len(story))
        told = generator.random(len(story)) < 0.5
        y = generator.random(len(story)) < expit(slope * x + honesty * np.where(told, 1, -1))
        found = length_bias(y, 1000 * x, told, story)
        return *_ends(None if found is None else found.length), slope

    return trial


def winners() -> Trial:
    """A debater's win rate arguing for the truth less that against it."""

    def trial(generator: Generator, clusters: int) -> Any:
        story = rows(generator, clusters, 6)
        honest = generator.random(len(story)) < 0.5
        honest[0], honest[-1] = True, False
        p = np.where(honest, 0.7, 0.5) + 0.2 * (chances(generator, 0.5, 0.2, clusters)[story] - 0.5)
        found = win_rates(generator.random(len(story)) < p, honest, story)
        return *_ends(found.advantage), 0.2

    return trial


def agreeing(
    figure: str, icc: float = 0.5, p: float = 0.7, each: int = 5, judges: int = 2
) -> Trial:
    """Agreement of judges whose answers share ``icc`` of their variance; stories have units."""

    def trial(generator: Generator, clusters: int) -> Any:
        story = rows(generator, clusters, each)
        units = len(story)
        pi = chances(generator, p, icc, units)
        given = (generator.random((judges, units)) < pi).astype(int)
        unit, seed = np.tile(np.arange(units), judges), int(generator.integers(2**31))
        if figure == "kappa":
            found = kappa(given[0].tolist(), given[1].tolist(), story, DRAWS, seed)
        elif figure == "percent":
            found = percent(unit, given.ravel().tolist(), np.tile(story, judges), DRAWS, seed)
            return *_ends(found), 1 - 2 * p * (1 - p) * (1 - icc)
        elif figure == "interval":
            z = icc**0.5 * generator.standard_normal(units)
            x = z + (1 - icc) ** 0.5 * generator.standard_normal((judges, units))
            found = alpha(unit, x.ravel(), "interval", np.tile(story, judges), DRAWS, seed)
        else:
            found = alpha(
                unit, given.ravel().tolist(), "nominal", np.tile(story, judges), DRAWS, seed
            )
        return *_ends(found), icc

    return trial


def recovered(p: tuple[float, float, float] = (0.6, 0.75, 0.95)) -> Trial:
    """The gap recovered by three arms on the same stories."""

    def trial(generator: Generator, clusters: int) -> Any:
        arms = []
        hard = generator.standard_normal(clusters)
        for mean in p:
            story = rows(generator, clusters, 12)
            chance = np.clip(mean + 0.04 * hard[story], 0, 1)
            arms.append(((generator.random(len(story)) < chance).astype(float), story))
        found = gap_recovered(arms[0], arms[1], arms[2])
        truth = (p[1] - p[0]) / (p[2] - p[0])
        return *_ends(None if found is None else found.share), truth

    return trial


def judged(stories: int = 15, icc: float = 0.2) -> Trial:
    """The shrunk accuracy of a judge drawn from so many, whose records are unequal: some of as many
    stories each, with verdicts that stories share."""

    def trial(generator: Generator, clusters: int) -> Any:
        skill = generator.beta(12, 4, clusters)
        judge, right, story = [], [], []
        for i, p in enumerate(skill):
            of = rows(generator, stories - int(generator.integers(5)), 4)
            pi = chances(generator, p, icc, stories)[of]
            judge += [i] * len(of)
            right += (generator.random(len(of)) < pi).tolist()
            story += [f"{i} {one}" for one in of]
        found = {card.judge: card.shrunk for card in cards(judge, right, story)}
        one = int(generator.integers(clusters))
        return found[str(one)].low, found[str(one)].high, float(skill[one])

    return trial


def rated(draws: int = 0, each: int = 12) -> Trial:
    """The distance of two of four players; questions favour one side or the other."""
    skills = np.array([0.6, 0.2, -0.2, -0.6])

    def trial(generator: Generator, clusters: int) -> Any:
        question = np.repeat(np.arange(clusters), each)
        first = generator.integers(0, 4, len(question))
        second = (first + generator.integers(1, 4, len(question))) % 4
        y = (generator.random(len(question)) < expit(skills[first] - skills[second])).astype(float)
        found = fit(compare(first, second, y, question), ridge=0.02)
        if draws:
            found = bootstrapped(found, draws, int(generator.integers(2**31)))
        one = found.difference("0", "3")
        return one.low, one.high, 1.2

    return trial


def told(shift: float = 0.8, each: int = 3) -> Trial:
    """The AUC of one feature that tells the truth a little; questions share it in part."""

    def trial(generator: Generator, clusters: int) -> Any:
        q = np.repeat(np.arange(clusters), each)
        y = generator.integers(0, 2, len(q))
        x = 0.5**0.5 * generator.standard_normal(clusters)[q]
        x = x + 0.5**0.5 * generator.standard_normal(len(q)) + shift * y
        from scipy.special import ndtr

        return *_ends(auc(x, y, q)), float(ndtr(shift / 2**0.5))

    return trial


def untold(mirrored: bool) -> Trial:
    """All features together where nothing leaks; ``mirrored``: both sides of a match are rows."""

    def trial(generator: Generator, clusters: int) -> Any:
        if mirrored:
            q = np.repeat(np.arange(clusters), 2)
            y = np.tile([0, 1], clusters)
            gap = generator.standard_normal((clusters, 2))
            x = np.stack([gap, -gap], axis=1).reshape(-1, 2)
            x = np.concatenate([x, generator.standard_normal((len(q), 2))], axis=1)
        else:
            q = np.repeat(np.arange(clusters), 2)
            y = generator.integers(0, 2, len(q))
            x = generator.standard_normal((clusters, 3))[q] + generator.standard_normal((len(q), 3))
        if 0 < y.sum() < len(y):
            named = {str(i): column for i, column in enumerate(x.T)}
            found = audit(named, y, q, seed=int(generator.integers(2**31)))
            return *_ends(found.joint), 0.5
        return 0.0, 1.0, 0.5

    return trial


FIGURES: dict[str, tuple[int, Trial]] = {
    "score difference, debates": (4, debates()),
    "score difference, one speaker": (4, speakers()),
    "over-confidence": (4, overconfident()),
    "temperature": (8, multipliers()),
    "bits moved a turn": (4, movements()),
    "position bias": (4, places()),
    "flip rate": (4, flips()),
    "length bias": (4, lengths()),
    "win rate for the truth": (4, winners()),
    "agreement, per cent": (4, agreeing("percent")),
    "alpha, nominal": (8, agreeing("nominal")),
    "alpha, interval": (8, agreeing("interval")),
    "kappa": (8, agreeing("kappa")),
    "gap recovered": (8, recovered()),
    "card, shrunk": (4, judged()),
    "rating, sandwich": (4, rated()),
    "rating, bootstrap": (4, rated(200)),
    "leak, one feature": (4, told()),
    "leak, all, no leak": (12, untold(False)),
    "leak, all, both sides": (8, untold(True)),
}
"""By name: the fewest clusters with which the interval is to hold, and the design."""
SLOW = ("card, shrunk", "rating, bootstrap")
"""Tens of milliseconds a study; `test_stats_cards` and `test_bradley_terry` have them as well."""


def table(
    clusters: tuple[int, ...], simulations: int, seed: int = 0
) -> Iterator[tuple[str, dict[int, Covered]]]:
    """Coverage by number of clusters of every figure, as it comes; of the slow ones a tenth as many
    studies."""
    for name, (_, trial) in FIGURES.items():
        many = max(1, simulations // 10) if name in SLOW else simulations
        yield name, {count: covered(trial, count, many, seed) for count in clusters}
