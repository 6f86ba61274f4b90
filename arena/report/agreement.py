"""Agreement between the judges of each setting: how far one judge's verdict says another's.

A judge's verdict on a match is one value, whatever the listings in which it was read: the option
that its probabilities favour on average, or that most of its choices name; a draw is a value of its
own. Krippendorff's alpha leads, since it takes judges who read different matches; Cohen's kappa is
there for two judges. Intervals draw stories, or questions where there are none. No truth is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from arena.report.units import Group, Listings, Reading, by_match, draws, mean
from arena.report.values import estimate, interval
from arena.stats.agreement import alpha, kappa, percent
from arena.stats.intervals import Estimate

TIE = "tie"


def agreement(arms: Iterable[Group], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Of every setting with several judges: the share of equal pairs (``percent``, from 0 to 1),
    alpha (of choices, and of probabilities as numbers) and, of two judges, kappa, over the
    ``units`` that two judges or more have judged."""
    settings: dict[str, list[Reading]] = {}
    for group in arms:
        found = settings.setdefault(str(group.head.get("setting")), [])
        found += [one for one in group.readings if one.decided]
    rows = [_row(setting, readings, names) for setting, readings in settings.items()]
    return [row for row in rows if row is not None]


def _row(
    setting: str, readings: Sequence[Reading], names: Mapping[str, str]
) -> dict[str, Any] | None:
    first: dict[str, str] = {}
    several = {one.match for one in readings if first.setdefault(one.match, one.judge) != one.judge}
    readings = [one for one in readings if one.match in several]
    if not readings:
        return None
    judged: dict[str, dict[str, tuple[str, float | None]]] = {}
    clusters: dict[str, str] = {}
    stories = any(one.story is not None for one in readings)
    for (match, judge), listings in by_match(readings).items():
        judged.setdefault(match, {})[judge] = _value(listings)
        one = next(iter(listings.values()))[0]
        clusters[match] = one.cluster if stories else one.question
    judges = sorted({judge for said in judged.values() for judge in said})
    by = "story" if stories else "question"
    cells = [(match, *value) for match, said in judged.items() for value in said.values()]
    unit, choice = [match for match, _, _ in cells], [one for _, one, _ in cells]
    label = [clusters[match] for match in unit]
    tries = draws(len(set(label)))
    binary = [p for _, _, p in cells if p is not None]
    number = None
    if len(binary) == len(cells):
        number = alpha(unit, binary, "interval", label, tries)
    two = None
    if len(judges) == 2:
        a, b = ([said[judge][0] for said in judged.values()] for judge in judges)
        two = kappa(a, b, [clusters[match] for match in judged], tries)
    equal = percent(unit, choice, label, tries)
    return {
        "setting": setting,
        "judges": [names.get(who, who) for who in judges],
        "judge_ids": judges,
        "units": len(judged),
        "judgments": len(cells),
        "percent": None if equal is None else equal.value,
        "percent_interval": interval(_held(equal)),
        "alpha": estimate(_held(alpha(unit, choice, "nominal", label, tries)), by),
        "alpha_interval": estimate(_held(number), by),
        "kappa": estimate(_held(two), by),
    }


def _held(one: Estimate | None) -> Estimate | None:
    """The same with an interval that does not pass 1, which nothing here can; without one that does
    not hold the estimate, as where judges disagree on every single match."""
    if one is None or one.low is None or one.high is None:
        return one
    if not one.low - 1e-9 <= one.value <= one.high + 1e-9:
        return replace(one, low=None, high=None, method="every draw is alike")
    return replace(one, low=min(one.low, 1.0), high=min(one.high, 1.0))


def _value(listings: Listings) -> tuple[str, float | None]:
    """What a judge said of a match: its choice, and of two options the first one's probability."""
    parts = list(listings.values())
    size = max(one.options for part in parts for one in part)
    shares = [mean([_shares(one, size, k) for part in parts for one in part]) for k in range(size)]
    first = None
    if all(one.p is not None for part in parts for one in part):
        told = [
            mean([mean([(one.p or (0.0,) * size)[k] for one in part]) for part in parts])
            for k in range(size)
        ]
        shares, first = told, told[0] if size == 2 else None
    top = [k for k, one in enumerate(shares) if one >= max(shares) - 1e-12]
    return (str(top[0]) if len(top) == 1 else TIE), first


def _shares(one: Reading, size: int, option: int) -> float:
    return 1 / size if one.choice is None else float(one.choice == option)
