"""Bradley-Terry ratings with effects, from counts: order-free, penalised, clustered by question.

``logit P(first wins) = θ_first - θ_second + Σ effects`` (Bradley and Terry 1952; Agresti 2013,
11.6), fitted by Newton's method on the log-likelihood less ``ridge / 2 Σ θ²``: a normal prior of
variance 1 / ridge on each skill, which holds the skills' mean at 0 and keeps a player that never
won finite. Ties count as half a win. Skills and effects are in logits; Elo is 400 / ln 10 of them
to one. Intervals are Student's on the sandwich variance of the questions' scores (Liang and Zeger
1986), or on a bootstrap that draws questions; they hold the prior for fixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import exp, log

import numpy as np

from arena.stats.clusters import DRAWS, Floats
from arena.stats.comparison import Comparisons, components, listed
from arena.stats.intervals import LEVEL, Estimate, check_level, student
from arena.stats.newton import Curve, separated, solve, unidentified

RIDGE = 0.1
"""The prior's precision unless another is given: a standard deviation of 3.2 logits, 550 Elo."""
ELO = 400 / log(10)
"""Elo points to a logit."""
CENTRE = 1500.0
"""The Elo rating of a player of average skill."""


@dataclass(frozen=True, slots=True)
class Rating:
    """One player: skill (logits from the players' mean) and Elo, with matches and points.

    ``note`` says where the skill rests on the prior: the player never won, say.
    """

    player: str
    skill: Estimate
    elo: Estimate
    n: int
    points: float
    note: str | None


@dataclass(frozen=True, slots=True)
class Fit:
    """What `fit` found. ``skills`` go with ``data.players``, ``effects`` with ``data.effects``.

    ``covariance`` of both together is the sandwich, or the bootstrap's (``method`` says which);
    None of a single question. ``model`` is that of independent rows, ``posterior`` the inverse of
    the penalised information. ``parts`` has more than one entry where some players can only be
    told apart by the prior: between parts every outcome went one way.
    """

    data: Comparisons
    skills: Floats
    effects: Floats
    ridge: float
    ridge_effects: float
    level: float
    clusters: int
    method: str
    covariance: Floats | None = field(repr=False)
    model: Floats = field(repr=False)
    posterior: Floats = field(repr=False)
    parts: tuple[tuple[str, ...], ...]
    steps: int

    def ratings(self, centre: float = CENTRE) -> tuple[Rating, ...]:
        """Every player, the best first; ``centre`` is the Elo of average skill."""
        points, table = self.data.points(), []
        notes = self._notes(points)
        k = len(self.data.players)
        for i, player in enumerate(self.data.players):
            n = points[i].sum() + points[:, i].sum()
            weights = np.zeros(k + len(self.effects))
            weights[i] = 1.0
            skill = self._estimate(weights, n=n)
            elo = self._estimate(weights, ELO, centre, n)
            table.append(Rating(player, skill, elo, skill.n, float(points[i].sum()), notes[i]))
        return tuple(sorted(table, key=lambda one: (-one.skill.value, one.player)))

    def effect(self, name: str) -> Estimate:
        """An effect in logits: of a seat, honesty, or a thousand characters more."""
        return self.contrast(effects={name: 1.0})

    def difference(self, a: str, b: str) -> Estimate:
        """How much more skilled ``a`` is than ``b``, in logits. Raises ValueError for one player.

        Narrower or wider than two intervals side by side suggest: skills are correlated.
        """
        if a == b:
            raise ValueError(f"expected two players, got {a!r} twice")
        return self.contrast(players={a: 1.0, b: -1.0})

    def chance(self, a: str, b: str, effects: Mapping[str, float] | None = None) -> Estimate:
        """The probability that ``a`` beats ``b``, with given values of effects (0 unless given)."""
        if a == b:
            raise ValueError(f"expected two players, got {a!r} twice")
        found = self.contrast({a: 1.0, b: -1.0}, effects)
        low, high = (None if one is None else _logistic(one) for one in (found.low, found.high))
        iid = None if found.iid is None else (_logistic(found.iid[0]), _logistic(found.iid[1]))
        return replace(
            found, value=_logistic(found.value), low=low, high=high, iid=iid, se=None, df=None
        )

    def honesty(self) -> Estimate:
        """What arguing for the truth is worth, in logits.

        The effect "honesty"; where the two skills of a player are apart, the mean over players that
        have both. Raises ValueError where the comparisons say neither.
        """
        if "honesty" in self.data.effects:
            return self.effect("honesty")
        pairs = [
            (name, name.removesuffix(" (honest)") + " (dishonest)")
            for name in self.data.players if name.endswith(" (honest)")
        ]  # fmt: skip
        pairs = [pair for pair in pairs if pair[1] in self.data.players]
        if not pairs:
            raise ValueError("no honesty in these comparisons: give compare(..., honest=...)")
        weights = {name: 1 / len(pairs) for name, _ in pairs}
        return self.contrast({**weights, **{name: -1 / len(pairs) for _, name in pairs}})

    def contrast(
        self,
        players: Mapping[str, float] | None = None,
        effects: Mapping[str, float] | None = None,
        scale: float = 1.0,
    ) -> Estimate:
        """Any weighted sum of skills and effects, times ``scale`` (`ELO` for Elo points).

        Raises ValueError for a name that is not among the players or the effects.
        """
        k = len(self.data.players)
        weights = np.zeros(k + len(self.effects))
        for names, given, what, start in (
            (self.data.players, players, "player", 0),
            (self.data.effects, effects, "effect", k),
        ):
            for name, weight in (given or {}).items():
                if name not in names:
                    raise ValueError(f"no {what} {name!r}; there are {listed(names)}")
                weights[start + names.index(name)] += weight
        return self._estimate(weights, scale)

    def _estimate(
        self, weights: Floats, scale: float = 1.0, centre: float = 0.0, n: float | None = None
    ) -> Estimate:
        value = centre + scale * float(weights @ np.concatenate([self.skills, self.effects]))
        n = self.data.rows if n is None else round(n)
        if self.covariance is None:
            return Estimate(value, None, None, n, self.clusters, None, "one question: no interval")
        variance, method = _form(self.covariance, weights), self.method
        if (prior := self._spans(weights)) and _form(self.posterior, weights) >= variance:
            variance, method = _form(self.posterior, weights), prior
        se, plain = abs(scale) * variance**0.5, abs(scale) * _form(self.model, weights) ** 0.5
        df = self.clusters - 1
        low, high = student(value, se, df, self.level)
        iid = student(value, plain, max(1, self.data.rows - 1), self.level)
        return Estimate(value, low, high, n, self.clusters, se, method, iid, df)

    def _spans(self, weights: Floats) -> str | None:
        """Whether the prior alone joins what a contrast compares: what `method` then says."""
        if len(self.parts) == 1:
            return None
        place = {name: i for i, name in enumerate(self.data.players)}
        sums = [sum(weights[place[name]] for name in part) for part in self.parts]
        mean = sum(sums) / len(place)
        spans = any(
            abs(one - mean * len(part)) > 1e-9 for one, part in zip(sums, self.parts, strict=True)
        )
        return "the prior's: no outcome bounds the distance" if spans else None

    def _notes(self, points: Floats) -> list[str | None]:
        alone = {part[0] for part in self.parts if len(part) == 1} if len(self.parts) > 1 else set()
        mixed = {name for part in self.parts[1:] for name in part} - alone
        notes: list[str | None] = []
        for i, player in enumerate(self.data.players):
            note = None
            if not points[i].any():
                note = "never won: only the prior keeps its skill finite"
            elif not points[:, i].any():
                note = "never lost: only the prior keeps its skill finite"
            elif player in alone | mixed:
                note = "outcomes against the others went one way: the prior bounds the distance"
            notes.append(note)
        return notes


def fit(
    data: Comparisons,
    *,
    ridge: float = RIDGE,
    ridge_effects: float = 0.0,
    level: float = LEVEL,
) -> Fit:
    """Fit skills and effects to comparisons (`arena.stats.comparison.compare`).

    Converged to 1e-10 in the gradient, or to what rounding allows over many rows. Raises ValueError
    where an effect cannot be told from the others or from the skills, where it separates wins from
    losses (its estimate is then infinite; ``ridge_effects`` makes it finite), and, with
    ``ridge=0``, where skills are infinite.
    """
    check_level(level)
    for what, value in (("ridge", ridge), ("ridge_effects", ridge_effects)):
        if not (value >= 0 and np.isfinite(value)):
            raise ValueError(f"expected {what} as a number from 0 on, got {value}")
    parts = components(data, "strong")
    if len(parts) > 1 and not ridge:
        raise ValueError(
            "with ridge=0 these skills are infinite, as every outcome between the parts went one "
            f"way: {'; '.join(listed(part) for part in parts[:8])}. Give a ridge above 0"
        )
    curve = Curve(data, ridge, ridge_effects)
    if lost := unidentified(curve):
        raise ValueError(
            f"the outcomes cannot tell {listed(lost)} from the skills or from other effects: "
            "leave one of them out, or have it vary"
        )
    n, wins = curve.totals()
    found = solve(curve, n, wins)
    if found.flat and not ridge_effects and (lost := separated(curve, n, wins)):
        raise ValueError(
            f"{listed(lost)} separates wins from losses, so its estimate is infinite: leave it "
            "out, or give ridge_effects above 0"
        )
    if not found.converged:
        raise ValueError(f"no convergence in {found.steps} steps; give a ridge above 0")
    k = len(data.players)
    bread = curve.inverse(found.information)
    clusters = data.rows if data.questions is None else data.questions
    covariance = None
    if clusters > 1:
        meat = curve.meat(found.p, n, wins)
        covariance = bread @ meat @ bread * (clusters / (clusters - 1))
    method = "Student's t on the sandwich by question"
    if data.questions is None:
        method = "Student's t on the sandwich, rows independent"
    model = bread @ (found.information - curve.prior()) @ bread
    return Fit(
        data, found.beta[:k], found.beta[k:], ridge, ridge_effects, level, clusters, method,
        covariance, model, bread, parts, found.steps,
    )  # fmt: skip


def bootstrapped(found: Fit, draws: int = DRAWS, seed: int = 0) -> Fit:
    """The same fit with the covariance of ``draws`` refits to questions drawn with replacement.

    Questions are aggregated once; each refit begins at the estimate. Intervals are Student's on the
    draws' standard deviation times ``√(C / (C - 1))``. Raises ValueError without questions, and
    where an effect is infinite in some draws (``ridge_effects`` helps).
    """
    data = found.data
    if data.questions is None:
        raise ValueError("the bootstrap draws questions: give compare(..., question=...)")
    if draws < 2:
        raise ValueError(f"expected at least 2 draws, got {draws}")
    count = data.questions
    if count < 2:
        return found
    curve = Curve(data, found.ridge, found.ridge_effects)
    start = np.concatenate([found.skills, found.effects])
    generator = np.random.default_rng(seed)
    betas, lost = np.empty((draws, len(start))), 0
    for i, (n, wins) in enumerate(curve.resampled(generator, draws)):
        one = solve(curve, n, wins, start)
        betas[i] = one.beta
        lost += one.flat and (not one.converged or bool(separated(curve, n, wins)))
    if lost:
        raise ValueError(
            f"in {lost} of {draws} draws of questions an estimate is infinite: use the sandwich, "
            "or give ridge and ridge_effects above 0"
        )
    betas -= betas.mean(0)
    covariance = betas.T @ betas / (draws - 1) * (count / (count - 1))
    method = f"Student's t on {draws} bootstrap draws of questions"
    return replace(found, covariance=covariance, method=method)


def _form(matrix: Floats, weights: Floats) -> float:
    return max(0.0, float(weights @ matrix @ weights))


def _logistic(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))
