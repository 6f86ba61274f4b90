"""True strengths of witness players, from a simulation that shares nothing with the project.

The worlds and openings are those of ``experiments/witness_simulation.py``, which imports numpy
alone. Here players meet who are not of one skill: the chance that one beats the other, and from the
chances of all pairs the strengths that Bradley and Terry's model comes to with matches without end.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import permutations
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats: TypeAlias = NDArray[np.float64]
Skill: TypeAlias = tuple[float, float, float]
Pair: TypeAlias = tuple[int, int]
"""Players by number, the one at the first seat first."""
Verdict = Callable[[Floats], Floats]
"""From the log-odds of the first seat's case to its expected points."""
WORLDS = 200_000


@lru_cache(maxsize=1)
def simulation() -> Any:
    """The module of the simulation."""
    path = Path(__file__).parent.parent / "experiments" / "witness_simulation.py"
    spec = importlib.util.spec_from_file_location("witness_simulation", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def literal(odds: Floats) -> Floats:
    """A judge who takes the likelier option; a tie counts one half."""
    return np.where(np.abs(odds) < 1e-9, 0.5, (odds > 0).astype(float))


def drawn(bonus: float = 0.0) -> Verdict:
    """A judge who draws by its log-odds, to which the first seat has ``bonus`` added."""
    return lambda odds: 1 / (1 + np.exp(-(odds + bonus)))


@lru_cache(maxsize=4)
def odds(skills: tuple[Skill, ...], rebuttals: int) -> dict[Pair, tuple[Floats, Floats]]:
    """Of each two players the log-odds of the first one's case, world by world, as shown: where it
    is honest, and where it is not. Every player speaks ``rebuttals`` times after its opening."""
    its, rng = simulation(), np.random.default_rng(0)
    sides = its.equal_worlds(WORLDS, rng)
    said = {
        (i, side): its.openings(sides[side], p, s, rng)
        for i, (p, s, _) in enumerate(skills) for side in (0, 1)
    }  # fmt: skip

    def weight(player: int, side: int, other: int) -> Floats:
        """What is left of a player's opening when the other has looked for its withdrawal."""
        grade, gone = said[player, side]
        found = gone & (rng.random(WORLDS) < 1 - (1 - skills[other][2]) ** rebuttals)
        left: Floats = its.SHOWN_WEIGHT[grade] * ~found
        return left

    return {
        (i, j): (weight(i, 0, j) - weight(j, 1, i), weight(i, 1, j) - weight(j, 0, i))
        for i, j in permutations(range(len(skills)), 2)
    }


def chances(skills: Sequence[Skill], rebuttals: int, verdict: Verdict) -> Floats:
    """The chance that the row, at the first seat, beats the column, honest half of the time."""
    out = np.full((len(skills), len(skills)), np.nan)
    for (i, j), (honest, dishonest) in odds(tuple(skills), rebuttals).items():
        out[i, j] = (verdict(honest).mean() + verdict(dishonest).mean()) / 2
    return out


def strengths(
    chance: Floats, met: Mapping[Pair, float], seated: bool = False
) -> tuple[Floats, float]:
    """The skills, around 0, and what the first seat is worth, that maximise the likelihood of the
    ``chance`` of each pair where it ``met`` so often; without ``seated`` the seat is worth 0."""
    players = len(chance)
    pairs = [(i, j, weight, chance[i, j]) for (i, j), weight in met.items()]

    def loss(x: Floats) -> float:
        skill, seat = x[:players] - x[:players].mean(), x[players] if seated else 0.0
        total = 0.0
        for i, j, weight, p in pairs:
            eta = skill[i] - skill[j] + seat
            total -= weight * (p * -np.logaddexp(0, -eta) + (1 - p) * -np.logaddexp(0, eta))
        return total + float(x.mean() ** 2)

    found = minimize(loss, np.zeros(players + 1), method="BFGS", options={"gtol": 1e-7})
    return found.x[:players] - found.x[:players].mean(), float(found.x[players]) * seated
