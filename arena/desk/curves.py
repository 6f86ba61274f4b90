"""The curves of a training run, as plain values: what is measured at each step, panel by panel.

A run of thousands of steps is drawn with a bounded number of points: neighbouring steps are drawn
as their mean, and a panel says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from arena import metrics
from arena.metrics import Name, Phase, Series
from arena.text import visible

History: TypeAlias = Mapping[str, Series]
Point: TypeAlias = list[float | None]
"""Step, value, and the ends of its 95 % interval, None where it has none."""
MOST = 240
"""Points of a line."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What is drawn together: the first of ``sources`` that a run has figures for; values between
    ``low`` and ``high`` at least, where they are bounded, and a ``level`` to compare with."""

    key: str
    title: str
    unit: str
    sources: tuple[tuple[Phase, str], ...]
    low: float | None = None
    high: float | None = None
    level: float | None = None


PANELS = (
    Panel("reward", "Reward", "mean of the samples, in the rule's unit", (("train", "reward"),)),
    Panel("win", "Win rate", "share won against what it was before training",
          (("eval", "win"),), 0.0, 1.0, 0.5),
    Panel("accuracy", "Judge accuracy", "share right on held-out questions, by judge",
          (("eval", "accuracy"),), 0.5, 1.0, 0.5),
    Panel("pool", "Wins against the pool", "share won against earlier selves",
          (("train", "pool"),), 0.0, 1.0, 0.5),
    Panel("kl", "KL to the start", "nats", (("train", "kl"), ("eval", "kl")), 0.0),
    Panel("entropy", "Entropy", "nats per sampled token", (("train", "entropy"),
          ("eval", "entropy")), 0.0),
    Panel("length", "Length", "sampled tokens per turn", (("train", "length"),
          ("eval", "length")), 0.0),
    Panel("verified", "Verified quotations", "share that is in the passage",
          (("eval", "verified"),), 0.0, 1.0),
)  # fmt: skip
JUDGES = {
    metrics.TRAINING: "training judge",
    metrics.HELD_OUT: "held-out judge",
    metrics.LITERAL: "literal Bayes judge",
    metrics.STRATEGIC: "strategic Bayes judge",
}
"""What an evaluation's judges are called on a panel."""


def panels(history: History) -> list[dict[str, Any]]:
    """The panels that there are figures for: ``key``, ``title``, ``unit``, ``low``, ``high``,
    ``level`` and ``lines``, each with ``name``, ``points`` (`Point`) and ``every``, how many
    steps a point is the mean of."""
    named: dict[tuple[Phase, str], dict[str, str]] = {}
    for text in history:
        name = metrics.parse(text)
        if not name.bound:
            named.setdefault((name.phase, name.figure), {})[name.who] = text
    found = []
    for panel in PANELS:
        source = next((one for one in panel.sources if _any(history, named.get(one, {}))), None)
        if source is None:
            continue
        some = named[source]
        # The figure over all stands for the others only where there are no others.
        who = sorted(some.keys() - {""}, key=_order) or [""]
        lines = [_line(history, source, one, panel.key) for one in who]
        found.append(
            {"key": panel.key, "title": panel.title, "unit": panel.unit, "low": panel.low,
             "high": panel.high, "level": panel.level,
             "lines": [line for line in lines if line["points"]]}
        )  # fmt: skip
    return found


def _any(history: History, some: Mapping[str, str]) -> bool:
    return any(value is not None for text in some.values() for _, value in history[text])


def _order(who: str) -> tuple[int, str]:
    """The judges that every run has first, as `metrics.JUDGES` lists them."""
    known = metrics.JUDGES
    return (known.index(who) if who in known else len(known), who)


def _line(history: History, source: tuple[Phase, str], who: str, panel: str) -> dict[str, Any]:
    phase, figure = source
    low, high = (
        dict(history.get(str(Name(phase, figure, who, bound)), ())) for bound in ("low", "high")
    )
    points: list[Point] = [
        [step, value, low.get(step), high.get(step)]
        for step, value in history[str(Name(phase, figure, who))]
        if value is not None
    ]
    called = JUDGES.get(who, who) if panel == "accuracy" else who
    every = -(-len(points) // MOST)
    return {
        "name": visible(called) or "all",
        "points": thinned(points, every) if every > 1 else points,
        "every": max(1, every),
    }


def thinned(points: Sequence[Point], every: int) -> list[Point]:
    """Means of ``every`` points in a row, at the last step of each."""
    found = []
    for at in range(0, len(points), every):
        some = points[at : at + every]
        found.append([some[-1][0], *(_mean([one[i] for one in some]) for i in (1, 2, 3))])
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return sum(known) / len(known) if known else None
