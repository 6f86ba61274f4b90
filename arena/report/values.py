"""Estimates as JSON values: what every section of a report, and everything that renders one, uses.

Nothing here is NaN or infinite: a report is written with ``allow_nan=False``, so what could not be
computed is None, and a figure that came out as no number is taken for one that could not be.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from arena.stats.intervals import Estimate

NO_WIDTH = 1e-12


def number(value: float | None) -> float | None:
    """``value`` as a plain float; None of None, of NaN and of infinity."""
    if value is None or not isfinite(value):
        return None
    return float(value)


def ends(low: float | None, high: float | None) -> list[float] | None:
    """An interval as a list; None where an end is missing, as with one cluster, or where both are
    the same: of values that are all alike no spread can be told, and certainty is no estimate."""
    one, other = number(low), number(high)
    if one is None or other is None or other - one <= NO_WIDTH:
        return None
    return [one, other]


def interval(one: Estimate | None) -> list[float] | None:
    """The interval of an estimate as a list; None without one."""
    return None if one is None else ends(one.low, one.high)


def estimate(one: Estimate | None, by: str | None) -> dict[str, Any] | None:
    """An estimate as a JSON value; None of None.

    ``{"value", "interval": [low, high] | None, "n", "clusters": C | None, "by", "method"}`` and
    ``p`` where the estimate has one. ``by`` names what the interval is clustered by: ``question``,
    ``story``, ``judge``, ``match``, ``pair`` (of players), ``question x judge``.
    """
    if one is None or number(one.value) is None:
        return None
    found: dict[str, Any] = {
        "value": float(one.value),
        "interval": interval(one),
        "n": int(one.n),
        "clusters": None if one.clusters is None else int(one.clusters),
        "by": by,
        "method": one.method,
    }
    if (p := number(one.p)) is not None:
        found["p"] = p
    return found
