"""What a probability would pay: a proper score less a price for every further step.

For the page, beside the slider, before anything is known: one number for each answer, were it the
right one. Both scores are 0 at best. Nothing here reads ground truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from arena.desk.settings import Score
from arena.stats.scores import brier, log2_score

HALVINGS = 60
"""Of an interval of probabilities, until its ends are as close as doubles can be."""


@dataclass(frozen=True, slots=True)
class Payoff:
    """What a judge would get. Each tuple is by option, in the order of the probabilities.

    ``now``: the score if that option is right, less the price of the steps so far. ``later``: the
    same after one more step at the same probability. ``expected``: the mean of ``now`` by the
    judge's own probabilities. ``shifts``: by how much the option's probability would have to rise
    for one more step to pay for itself; None where no rise could.
    """

    now: tuple[float, ...]
    later: tuple[float, ...]
    expected: float
    shifts: tuple[float | None, ...]


def payoff(
    probabilities: Sequence[float], score: Score, price: float, charged: int
) -> Payoff | None:
    """What these probabilities would pay after ``charged`` further steps at ``price`` points each;
    None where the study shows no score. In bits for ``log``, from -1 to 0 for ``brier``."""
    if score == "none":
        return None
    plain = scores(probabilities, score)
    return Payoff(
        tuple(one - price * charged for one in plain),
        tuple(one - price * (charged + 1) for one in plain),
        expected(probabilities, score) - price * charged,
        shifts(probabilities, score, price),
    )


def scores(probabilities: Sequence[float], score: Score) -> tuple[float, ...]:
    """The score of the probabilities for each option, were it right: ``log2 p_i``, clamped, or
    ``-½ Σ_j (p_j - [j = i])²``."""
    if score == "log":
        return tuple(map(log2_score, probabilities))
    return tuple(-brier(probabilities, i) for i in range(len(probabilities)))


def expected(probabilities: Sequence[float], score: Score) -> float:
    """The score that a judge with these probabilities expects: ``G(p) = Σ_i p_i S_i(p)``."""
    return fsum(
        p * s for p, s in zip(probabilities, scores(probabilities, score), strict=True) if p
    )


def moved(probabilities: Sequence[float], option: int, shift: float) -> tuple[float, ...]:
    """The probabilities after one rises by ``shift``; the others give in proportion, or alike
    where all of them are 0."""
    own = min(1.0, probabilities[option] + shift)
    rest = fsum(p for i, p in enumerate(probabilities) if i != option)
    others = len(probabilities) - 1
    return tuple(
        own if i == option else (1 - own) * (p / rest if rest else 1 / others)
        for i, p in enumerate(probabilities)
    )


def shifts(probabilities: Sequence[float], score: Score, price: float) -> tuple[float | None, ...]:
    """For each option, the least rise of its probability after which one more step has paid.

    A step costs ``price``; it has paid when the score that the judge then expects exceeds the one
    expected now by as much: the least ``d >= 0`` with ``G(p moved by d) >= G(p) + price``, the
    other options giving in proportion (Michael et al. 2023 showed the same while a judge considered
    going on). ``G`` falls at most once along that line and then rises, so the crossing is found by
    halving. For the Brier score of two options, ``d = ½ + √(¼ - p(1-p) + price) - p``. None where
    even certainty does not pay; 0 where a step costs nothing.
    """
    aim = expected(probabilities, score) + price
    found: list[float | None] = []
    for option, p in enumerate(probabilities):
        low, high = 0.0, 1 - p
        if price <= 0:
            found.append(0.0)
        elif expected(moved(probabilities, option, high), score) < aim:
            found.append(None)
        else:
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                pays = expected(moved(probabilities, option, middle), score) >= aim
                low, high = (low, middle) if pays else (middle, high)
            found.append(high)
    return tuple(found)
