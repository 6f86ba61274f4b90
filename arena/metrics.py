"""What a training run measures: the names of its figures, and their place in the store.

A name is a path. ``train/FIGURE[/WHO]`` is of one step, ``eval/FIGURE[/WHO]`` of an evaluation on
held-out questions; an estimate has its 95 % interval and its count beside it, as in
``eval/accuracy.low/held-out``. Trainer, sinks, monitors and reports all take them from here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from arena.store import Store

Phase = Literal["train", "eval"]
Bound = Literal["", "low", "high", "n"]
Series: TypeAlias = list[tuple[int, float | None]]

TRAINING, HELD_OUT, LITERAL, STRATEGIC = "training", "held-out", "literal", "strategic"
JUDGES = (TRAINING, HELD_OUT, LITERAL, STRATEGIC)
"""The judges of an evaluation: the one that pays, one that nothing is trained against, and the two
Bayes judges on the same transcripts. There may be others, by their names."""
HONEST, DISHONEST = "honest", "dishonest"

FIGURES: dict[Phase, dict[str, str]] = {
    "train": {  # WHO is a learner, by its name among the players; none: over all
        "reward": "mean reward of its samples, in the rule's unit",
        "loss": "the loss that was stepped on",
        "kl": "nats per reply (a turn has several where it was thought over or was too long), from "
        "the policy to what it was before training",
        "entropy": "nats per sampled token",
        "length": "sampled tokens per turn",
        "gradient_norm": "of its adapter, before clipping",
        "ratio_max": "largest ratio of the new probability to the sampling one",
        "clipped": "share of tokens whose ratio was clipped",
        "zero_advantage": "share of groups whose members all had advantage 0",
        "samples": "turns that were trained on",
        "left_out": "turns that were not: no reward",
        "alone": "groups of one member, which teach nothing",
        "missing": "transcripts without a verdict",
        "verdicts": "people's verdicts that were learnt from",
        "older": "of these, those on matches of an older version",
        "failures": "turns without a speech; WHO is a learner",
        "pool": "share won against the frozen opponents of its pool; WHO is a learner",
        "idle": "1 where nothing could be learnt from the step",
        "uses_truth": "1 where what was paid read the truth: a labelled control",
        "lr": "learning rate",
        "seconds": "wall time; WHO is a part: generation, judging, learning, other",
        "tokens": "sampled tokens",
    },
    "eval": {
        "accuracy": "judge accuracy, a tie one half; WHO is a judge; an estimate",
        "win": "share won by the trained debater against what the other seat's player was before "
        "training (a lone consultant: share of verdicts for its side); WHO is honest or dishonest; "
        "by the held-out judge (by the training judge where there is none); an estimate",
        "proxy": "mean log-odds for the trained side in the same matches, by the training "
        "judge, whatever the rule that pays; an estimate",
        "kl": "nats per turn, from the policy to what it was before training; WHO is a learner",
        "entropy": "nats per sampled token; WHO is a learner",
        "length": "sampled tokens per turn; WHO is a learner",
        "verified": "share of quotations that are in the passage",
        "relevant": "share of quotations that serve the speaker's side; WHO is honest or dishonest",
        "found": "share of speeches that show the withdrawal of an opponent's line, among those "
        "that could",
        "zero_advantage": "share of groups with advantage 0 since the last evaluation",
        "gradient_norm": "mean since the last evaluation; WHO is a learner",
        "failures": "turns without a speech; WHO is honest or dishonest",
        "missing": "transcripts without a verdict; WHO is a judge",
        "alarm": "1 where the judge-hacking alarm was raised",
        "uses_truth": "1 where the alarm, which reads the truth, may stop the run",
    },
}
"""Every figure of each phase, and what it is."""


@dataclass(frozen=True, slots=True)
class Name:
    """A figure's name, taken apart. ``who`` may hold anything; a ``figure`` is one of `FIGURES`."""

    phase: Phase
    figure: str
    who: str = ""
    bound: Bound = ""

    def __str__(self) -> str:
        head = f"{self.phase}/{self.figure}" + (f".{self.bound}" if self.bound else "")
        return f"{head}/{self.who}" if self.who else head


def parse(text: str) -> Name:
    """The inverse of `str`. Raises ValueError for what is no name."""
    phase, _, rest = text.partition("/")
    head, _, who = rest.partition("/")
    figure, _, bound = head.partition(".")
    if phase not in FIGURES or not figure or bound not in ("", "low", "high", "n"):
        raise ValueError(f"expected train/FIGURE or eval/FIGURE, got {text!r}")
    return Name(phase, figure, who, cast(Bound, bound))


def _known(phase: Phase, figure: str, who: str) -> str:
    if figure not in FIGURES[phase]:
        raise ValueError(f"{phase} has no figure {figure!r}; it has: {', '.join(FIGURES[phase])}")
    return str(Name(phase, figure, who))


def train(figure: str, who: str = "") -> str:
    """The name of a figure of a training step. Raises ValueError for one that is not listed."""
    return _known("train", figure, who)


def evaluation(figure: str, who: str = "") -> str:
    """The name of a figure of an evaluation. Raises ValueError for one that is not listed."""
    return _known("eval", figure, who)


def estimate(
    figure: str, who: str, value: float | None, interval: tuple[float, float] | None, n: int
) -> dict[str, float | None]:
    """An evaluation's estimate with its interval and its count, by their names."""
    name = parse(evaluation(figure, who))
    low, high = interval or (None, None)
    found: dict[Bound, float | None] = {"": value, "low": low, "high": high, "n": n}
    return {str(Name(name.phase, figure, who, bound)): number for bound, number in found.items()}


def keep(store: Store, run: str, step: int, values: Mapping[str, float | None]) -> None:
    """Write a step's figures; what is not finite is kept as missing.

    A step that is run again after a stop replaces what its first attempt wrote: that attempt was
    thrown away.
    """
    rows = []
    for name, value in values.items():
        parse(name)
        finite = value is not None and math.isfinite(value)
        rows.append((run, step, name, value if finite else None))
    statement = (
        "INSERT INTO metrics VALUES (?,?,?,?) "
        "ON CONFLICT (run, step, name) DO UPDATE SET value = excluded.value"
    )
    store.execute({statement: rows})


def history(store: Store, run: str) -> dict[str, Series]:
    """Every figure of a run, by name: (step, value) in order of steps."""
    found: dict[str, Series] = {}
    sql = "SELECT step, name, value FROM metrics WHERE run = ? ORDER BY step, name"
    for row in store.query(sql, run):
        found.setdefault(row["name"], []).append((row["step"], row["value"]))
    return found
