"""The likelihood of paired comparisons: its curve, its maximum, and where it has none.

Arithmetic for `arena.stats.bradley_terry`. A design row has 1 and -1 for two players and a few
numbers for effects; everything is summed over cells by ``bincount``, so that a row is never
expanded. With lengths, residuals are taken row by row and then summed by cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.stats.clusters import Floats
from arena.stats.comparison import Comparisons, added

TOLERANCE = 1e-10
"""Of every component of the gradient, in outcomes; above 5e4 rows what rounding leaves."""
_STEPS = 60
_FLAT = 1e5
"""A variance this many times that of a linear model: chances of 1e-5 or less, on the whole."""
_BLOCK = 4_000_000
"""Numbers kept at a time (32 MB) where all questions together might not fit."""


class Curve:
    """Sums over comparisons with a ridge on skills and on effects."""

    def __init__(self, data: Comparisons, ridge: float, ridge_effects: float) -> None:
        self.data = data
        self.players, self.width = len(data.players), len(data.players) + len(data.effects)
        self.pair = data.first * self.players + data.second
        self.ridges = np.concatenate(
            [np.full(self.players, ridge), np.full(len(data.effects), ridge_effects)]
        )

        self.design = self.gram(self.totals()[0])
        self.size = np.diag(self.design)

    def totals(self, drawn: NDArray[Any] | None = None) -> tuple[Floats, Floats]:
        """Counts and wins by cell, or by row where there are lengths; ``drawn``: of each question
        how often it counts."""
        data = self.data
        n, wins = data.n, data.wins
        size = len(data.first)
        if drawn is not None:
            often = drawn[data.question].astype(np.float64)
            n, wins = n * often, wins * often
        if data.length is not None or data.question is None:
            return n, wins  # an entry is a row with a length, or a cell
        return added(data.cell, n, size), added(data.cell, wins, size)

    def resampled(
        self, generator: np.random.Generator, draws: int
    ) -> Iterator[tuple[Floats, Floats]]:
        """Counts and wins of samples of as many questions, drawn with replacement."""
        data = self.data
        assert data.questions is not None
        count, size = data.questions, len(data.first)
        if data.length is not None:
            for _ in range(draws):
                drawn = np.bincount(generator.integers(0, count, count), minlength=count)
                yield self.totals(drawn)
            return
        tables = [self._sparse(values) for values in (data.n, data.wins)]
        step = max(1, _BLOCK // max(count, size))
        for begin in range(0, draws, step):
            some = min(step, draws - begin)
            index = generator.integers(0, count, (some, count))
            index += np.arange(some)[:, None] * count
            drawn = np.bincount(index.ravel(), minlength=some * count).reshape(some, count)
            n, wins = ((table.T @ drawn.T.astype(np.float64)).T for table in tables)
            yield from zip(n, wins, strict=True)

    def _sparse(self, values: Floats) -> Any:
        """Entries as a table of questions by cells."""
        from scipy.sparse import csr_array

        data = self.data
        shape = (data.questions, len(data.first))
        return csr_array((values, (data.question, data.cell)), shape=shape)

    def eta(self, beta: Floats) -> Floats:
        """Logits of the first player's chance, by cell or by row."""
        data, k = self.data, self.players
        cells = beta[data.first] - beta[data.second]
        if data.z.shape[1]:
            cells = cells + data.z @ beta[k : k + data.z.shape[1]]
        return cells if data.length is None else cells[data.cell] + beta[-1] * data.length

    def gradient(self, residual: Floats) -> Floats:
        """The design's transpose times residuals."""
        data, k = self.data, self.players
        tail = np.zeros(0)
        if data.length is not None:
            tail = np.array([residual @ data.length])
            residual = added(data.cell, residual, len(data.first))
        skills = added(data.first, residual, k) - added(data.second, residual, k)
        return np.concatenate([skills, residual @ data.z, tail])

    def gram(self, weight: Floats) -> Floats:
        """The design's transpose times weights times the design."""
        data, k, size = self.data, self.players, len(self.data.first)
        out = np.zeros((self.width, self.width))
        if data.length is not None:
            along = weight * data.length
            out[-1, -1] = along @ data.length
            mixed = added(data.cell, along, size)
            weight = added(data.cell, weight, size)
            out[:k, -1] = added(data.first, mixed, k) - added(data.second, mixed, k)
            out[k:-1, -1] = mixed @ data.z
            out[-1, :-1] = out[:-1, -1]
        met = added(self.pair, weight, k * k).reshape(k, k)
        met = met + met.T
        out[:k, :k] = np.diag(met.sum(0)) - met
        end = k + data.z.shape[1]
        if end > k:
            weighted = weight[:, None] * data.z
            out[k:end, k:end] = data.z.T @ weighted
            for j, column in enumerate(weighted.T, k):
                out[:k, j] = added(data.first, column, k)
                out[:k, j] -= added(data.second, column, k)
                out[j, :k] = out[:k, j]
        return out

    def prior(self) -> Floats:
        """The information that the prior adds."""
        return np.diag(self.ridges)

    def held(self, information: Floats) -> Floats:
        """With the sum of skills held: neither outcomes nor gradient move it."""
        k = self.players
        out = information.copy()
        out[:k, :k] += max(1.0, float(np.trace(information[:k, :k])) / k) / k
        return out

    def inverse(self, information: Floats) -> Floats:
        """The inverse of the information among skills that sum to 0."""
        k = self.players
        centre = np.eye(self.width)
        centre[:k, :k] -= 1 / k
        out: Floats = centre @ np.linalg.inv(self.held(information)) @ centre
        return (out + out.T) / 2

    def meat(self, p: Floats, n: Floats, wins: Floats) -> Floats:
        """The sum over questions of their scores' squares; over rows where there are none."""
        data = self.data
        if data.question is None:  # entries are cells, or rows with a length each
            return self.gram(data.squares - 2 * p * data.wins + data.n * p * p)
        from scipy.sparse import csr_array, hstack

        at = p if data.length is not None else p[data.cell]
        residual = data.wins - data.n * at
        size, one = len(data.first), np.ones(len(data.first))
        rows = np.arange(size)
        players = csr_array((one, (rows, data.first)), shape=(size, self.players))
        players -= csr_array((one, (rows, data.second)), shape=(size, self.players))
        design = hstack([players, csr_array(data.z)], format="csr")
        table = self._sparse(residual)
        along = None
        if data.length is not None:
            along = added(data.question, residual * data.length, data.questions or 0)
        out = np.zeros((self.width, self.width))
        step = max(1, _BLOCK // self.width)
        for begin in range(0, int(data.questions or 0), step):
            scores = (table[begin : begin + step] @ design).toarray()
            if along is not None:
                scores = np.concatenate([scores, along[begin : begin + step, None]], axis=1)
            out += scores.T @ scores
        return out


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where the penalised likelihood is highest. ``flat``: nowhere near a maximum, for all one can
    see of some parameter, which separation leaves infinite."""

    beta: Floats
    p: Floats
    information: Floats
    steps: int
    converged: bool
    flat: bool


def solve(curve: Curve, n: Floats, wins: Floats, start: Floats | None = None) -> Maximum:
    """Newton's method with halved steps where a whole one does not climb."""
    beta = np.zeros(curve.width) if start is None else start.copy()
    total = float(n.sum())
    tolerance = max(TOLERANCE, 8 * np.finfo(float).eps * total)
    p, gradient = _slope(curve, n, wins, beta)
    information, steps, converged = curve.prior(), 0, False
    for steps in range(_STEPS + 1):
        information = curve.gram(n * p * (1 - p)) + curve.prior()
        converged = bool(np.abs(gradient).max() <= tolerance)
        if converged or steps == _STEPS:
            break
        try:
            step = np.linalg.solve(curve.held(information), gradient)
        except np.linalg.LinAlgError:
            break
        climb = gradient @ step
        for _ in range(30):
            at, then = _slope(curve, n, wins, beta + step)
            # Past the top of this line the slope is below 0; only well past it is height looked at.
            if then @ step >= -0.1 * climb or _height(curve, n, wins, beta + step) >= (
                _height(curve, n, wins, beta) - 1e-12 * total
            ):
                break
            step, climb = step / 2, climb / 2
        beta, p, gradient = beta + step, at, then
    return Maximum(
        beta, p, information, steps, converged, not converged or _flat(curve, information)
    )


def _flat(curve: Curve, information: Floats) -> bool:
    """Whether information on some parameter without a prior is next to none, for its design."""
    free = curve.ridges == 0
    try:
        variance = np.diag(curve.inverse(information))
    except np.linalg.LinAlgError:
        return True
    return bool((variance * curve.size > _FLAT)[free].any())


def _slope(curve: Curve, n: Floats, wins: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """The first player's chances, and the gradient of the penalised log-likelihood."""
    from scipy.special import expit

    p = expit(curve.eta(beta))
    return p, curve.gradient(wins - n * p) - curve.ridges * beta


def _height(curve: Curve, n: Floats, wins: Floats, beta: Floats) -> float:
    """The penalised log-likelihood, in nats."""
    eta = curve.eta(beta)
    nats = wins @ eta - n @ (np.maximum(eta, 0) + np.log1p(np.exp(-np.abs(eta))))
    return float(nats - curve.ridges @ beta**2 / 2)


def unidentified(curve: Curve) -> tuple[str, ...]:
    """Effects that change nothing, or nothing that others do not change as well."""
    if not curve.data.effects:
        return ()
    k, scale = curve.players, np.sqrt(curve.size)
    if not scale[k:].all():
        return tuple(np.array(curve.data.effects)[scale[k:] == 0].tolist())
    value, vector = np.linalg.eigh(curve.held(curve.design) / np.outer(scale, scale))
    if value[0] > 1e-10:
        return ()
    load = np.abs(vector[k:, value <= 1e-10]).max(1)
    return tuple(np.array(curve.data.effects)[load > 1e-6].tolist())


def separated(curve: Curve, n: Floats, wins: Floats) -> tuple[str, ...]:
    """Effects with a direction along which every outcome gets likelier without end.

    There is one where the linear programme below has a value above 0 (Konis 2007). The effects that
    do it alone are named, else all that take part; skills do so only without a ridge.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, hstack, vstack

    data = curve.data
    z = csr_array(data.z)
    size, one = len(data.first), np.ones(len(data.first))
    names = list(data.effects)
    if not curve.ridges[: curve.players].any():
        rows, shape = np.arange(size), (size, curve.players)
        players = csr_array((one, (rows, data.first)), shape=shape)
        z = hstack([players - csr_array((one, (rows, data.second)), shape=shape), z], format="csr")
        names = [*data.players, *names]
    if data.length is not None:
        z = hstack([z[data.cell], csr_array(data.length[:, None])], format="csr")
    if not names:
        return ()
    won, lost = z[wins > 0], z[wins < n]
    rising = vstack([won, -lost], format="csr")
    gain = -np.asarray(rising.sum(0)).ravel()
    found = linprog(gain, A_ub=-rising, b_ub=np.zeros(rising.shape[0]), bounds=(-1, 1))
    if found.status != 0 or -found.fun < 1e-7 * max(1.0, float(np.abs(gain).max())):
        return ()
    least, most = rising.min(0).toarray().ravel(), rising.max(0).toarray().ravel()
    alone = ((least >= 0) | (most <= 0)) & ((least != 0) | (most != 0))
    taking = alone if alone.any() else np.abs(found.x) > 1e-7
    return tuple(name for name, takes in zip(names, taking, strict=True) if takes)
