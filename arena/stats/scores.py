"""Proper scores of a judge's probabilities, as small pure functions on plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum, log2

CLAMP = 0.01
"""Probabilities are held within [CLAMP, 1 - CLAMP] before a logarithm is taken: -6.64 bits at
least. The NYU interface allowed no others (Michael et al. 2023)."""
TURN_PENALTY = 0.05
"""Bits that the NYU judges were charged each time they let the debate go on."""


def average(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None of nothing."""
    return fsum(values) / len(values) if values else None


def clamped(p: float) -> float:
    """``p`` held within [CLAMP, 1 - CLAMP]."""
    return min(max(p, CLAMP), 1 - CLAMP)


def log2_score(p: float) -> float:
    """The logarithmic score in bits, ``log2 p`` of the true option, clamped; 0 at best, -1 for a
    coin over two options. Strictly proper within the clamp (Good 1952)."""
    return log2(clamped(p))


def judge_score(p: float, turns: float) -> float:
    """The NYU judges' score ``log2 p - 0.05 t``, where the judge let the debate go on ``t`` times
    (Michael et al. 2023). Strictly proper for a fixed ``t``."""
    return log2_score(p) - TURN_PENALTY * turns


def brier(p: Sequence[float], truth: int) -> float:
    """Half the squared distance from certainty in the truth, ``½ Σ (p_i - y_i)²``, in [0, 1]
    (Brier 1950); for two options that is ``(1 - p)²``. Not clamped."""
    return fsum((one - (i == truth)) ** 2 for i, one in enumerate(p)) / 2


def normalised(logprobs: Sequence[float]) -> tuple[float, ...]:
    """Probabilities over the options from natural log-probabilities on a larger vocabulary."""
    top = max(logprobs)
    weights = [exp(value - top) for value in logprobs]
    return tuple(weight / fsum(weights) for weight in weights)
