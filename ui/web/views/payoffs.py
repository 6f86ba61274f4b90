"""The payoff beside the slider: tables for 1 to 99 per cent, so that no move asks the server."""

from __future__ import annotations

from functools import lru_cache

from arena.desk import scoring
from arena.desk.settings import Score

Rows = list[tuple[str, list[float]]]
PERCENTS = range(1, 100)


@lru_cache(maxsize=64)
def shifts(score: Score, price: float) -> tuple[float | None, ...]:
    """For 1 to 99 per cent: by how many points the probability has to change, either way, until
    one more step has paid for itself; None where no change is enough."""
    found: list[float | None] = []
    for percent in PERCENTS:
        p = percent / 100
        some = [one for one in scoring.shifts((p, 1 - p), score, price) if one is not None]
        found.append(100 * min(some) if some else None)
    return tuple(found)


@lru_cache(maxsize=256)
def rows(letters: tuple[str, str], score: Score, price: float, charged: int, more: bool) -> Rows:
    """What each per cent of the first letter pays, after ``charged`` steps; empty without a score.

    ``more``: another step can be had, so the change that would pay for it is a row as well.
    """
    if score == "none":
        return []
    paid = [scoring.payoff((i / 100, 1 - i / 100), score, 0.0, 0) for i in PERCENTS]
    own = [
        (f"if {letter} is right", [one.now[n] - price * charged for one in paid if one])
        for n, letter in enumerate(letters)
    ]
    change = shifts(score, price) if more and price > 0 else ()
    known = [one for one in change if one is not None]
    if known and len(known) == len(change):
        own.append(("change of P worth one more step, in %", [round(one, 1) for one in known]))
    return own


def note(score: Score, price: float, charged: int, more: bool) -> str:
    """The price in words; empty where there is none."""
    if score == "none" or price <= 0:
        return ""
    so_far = f"{price * charged:g} so far" if charged else "nothing so far"
    return f"Each further step costs {price:g}; {so_far}." if more else (
        f"The steps have cost {price * charged:g}." if charged else ""
    )  # fmt: skip
