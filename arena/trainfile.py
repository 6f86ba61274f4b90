"""The ``train`` block of a run file: who learns from whose verdicts, how, and how it is watched.

Frozen dataclasses, validated by `arena.config.validate` like the rest of the file. What needs other
parts of the file (players, judges, protocols) is checked where they meet, in `ui.training`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Sink = Literal["tensorboard", "trackio", "wandb"]


def _counts(block: object, *names: str, least: int = 1, most: int = 1_000_000) -> None:
    """Refuse a count out of range; None is no count."""
    for name in names:
        value = getattr(block, name)
        if value is not None and not least <= value <= most:
            raise ValueError(f"{name} must be {least} or more, and {most} at most, got {value}")


@dataclass(frozen=True, slots=True)
class LoraBlock:
    """A fresh adapter: ``targets`` are names of linear layers, or all of them."""

    rank: int = 16
    alpha: int = 32
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"

    def __post_init__(self) -> None:
        _counts(self, "rank", "alpha", most=65536)


@dataclass(frozen=True, slots=True)
class PoolBlock:
    """The opponent pool: on a ``share`` of the questions a learner meets a frozen opponent (what
    the other seat's player was before training, or one of its snapshots, taken ``every`` so many
    steps, ``size`` opponents at most). Share 0: no pool."""

    share: float = 0.25
    every: int = 25
    size: int = 4
    weighting: Literal["hard", "even", "uniform"] = "hard"

    def __post_init__(self) -> None:
        _counts(self, "every")
        _counts(self, "size", least=2)
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must be from 0 to 1, got {self.share}")


@dataclass(frozen=True, slots=True)
class EvaluateBlock:
    """An evaluation ``every`` so many steps, and before the first and after the last: ``n``
    questions of ``split`` (of worlds of ``seed``, in the witness world), never a trained one."""

    every: int = 25
    n: int = 100
    split: str = "test"
    seed: int = 1000

    def __post_init__(self) -> None:
        _counts(self, "every", "n")


@dataclass(frozen=True, slots=True)
class AlarmBlock:
    """What the judge-hacking alarm does: ``stop`` ends the run, ``warn`` says so. It reads the
    truth of the evaluation's questions; ``level`` is its chance of a false alarm in a run."""

    act: Literal["warn", "stop", "off"] = "warn"
    level: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level must be between 0 and 1, got {self.level}")


@dataclass(frozen=True, slots=True)
class PeopleBlock:
    """Where the judge is a person: a step is taken when ``enough`` verdicts are in, or nothing is
    left to judge; a call waits for ``wait`` minutes at most (none: for as long as it takes).

    The verdicts of each person on a ``held_out_share`` of the questions are never reward. The
    ratio of the new probability of a token to the sampling one is cut off at ``cap`` in steps that
    learn from an older version's matches.
    """

    enough: int = 8
    wait: float | None = None
    held_out_share: float = 0.1
    cap: float = 2.0

    def __post_init__(self) -> None:
        _counts(self, "enough")
        if self.wait is not None and not self.wait >= 0:
            raise ValueError(f"wait must be 0 or more minutes, got {self.wait}")
        if not 0 <= self.held_out_share < 1:
            raise ValueError(f"held_out_share must be in [0, 1), got {self.held_out_share}")
        if not (math.isfinite(self.cap) and self.cap > 0):
            raise ValueError(f"cap must be above 0, got {self.cap}")


@dataclass(frozen=True, slots=True)
class TrainBlock:
    """``train``: the loop's settings; defaults are those of the reference run.

    ``seats`` names a player for each speaking seat (none: the players in their order), ``learn``
    those of them who are trained (none: all of them). ``judge`` and ``held_out`` name judges: the
    one that pays, and one that only evaluates. A step takes ``questions``, samples ``group``
    speeches of every seat that speaks first and ``branch`` at each later asking (2 where a speech
    is compared with others in its place, which tree credit does; else 1); a speech meets
    ``opponents`` of the other seat's, and at most ``nodes`` pairs of a question go on to the next
    round. ``credit``, ``baseline``, ``scale``: see `arena.credit`. ``rule`` is what a verdict pays;
    ``control`` says instead which labelled control pays, which reads the truth (and a judge that
    reads it must be named as one: ``control: judge``). ``lr`` rises over ``warmup`` steps and
    falls linearly to a tenth at the end (``decay``: of the steps; ``minutes``: of the time that
    the run may take, which no two runs share to the bit). ``kl`` is to what the learner was before
    training. ``record``: which matches are kept, those of the evaluations or the sampled ones too.

    Where ``judge`` is a person (`PeopleBlock`), each of ``group`` samples is a match of its own,
    which somebody reads in the browser; all of them are kept.
    """

    judge: str
    seats: dict[str, str] = field(default_factory=dict)
    learn: tuple[str, ...] = ()
    held_out: str | None = None
    steps: int = 200
    questions: int = 14
    group: int = 8
    branch: int | None = None
    opponents: int = 4
    nodes: int | None = None
    credit: Literal["tree", "transcript"] = "tree"
    baseline: Literal["leave-one-out", "group", "running"] = "leave-one-out"
    scale: Literal["none", "sd"] = "none"
    rule: Literal["log-odds", "probability", "win"] = "log-odds"
    control: Literal["judge", "true side", "right verdict", "relevant quote"] | None = None
    lr: float = 0.0025
    warmup: int = 5
    decay: bool | Literal["minutes"] = True
    kl: float = 0.01
    entropy: float = 0.0
    clip: tuple[float, float] = (0.2, 0.2)
    epochs: int = 1
    clip_norm: float = 1.0
    batch_tokens: int = 8192
    lora: LoraBlock = LoraBlock()
    pool: PoolBlock = PoolBlock()
    evaluate: EvaluateBlock = EvaluateBlock()
    alarm: AlarmBlock = AlarmBlock()
    people: PeopleBlock = PeopleBlock()
    checkpoints: int = 25
    record: Literal["none", "evaluations", "all"] = "evaluations"
    sinks: tuple[Sink, ...] = ()

    def __post_init__(self) -> None:
        _counts(self, "steps", "questions", "group", "branch", "opponents", "nodes", "epochs")
        _counts(self, "checkpoints")
        _counts(self, "batch_tokens", least=16, most=10**9)
        _counts(self, "warmup", least=0)
        for name in ("lr", "kl", "entropy"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be 0 or more, got {value}")
        if not (math.isfinite(self.clip_norm) and self.clip_norm > 0):
            raise ValueError(f"clip_norm must be more than 0, got {self.clip_norm}")
        if not (0 <= self.clip[0] <= 1 and self.clip[1] >= 0):
            raise ValueError(f"clip must be [0 to 1, 0 or more], got {list(self.clip)}")
        if len(set(self.learn)) < len(self.learn):
            raise ValueError(f"learn names a player twice: {list(self.learn)}")
        if self.baseline == "running" and self.scale == "sd":
            raise ValueError("scale: a running baseline has no group deviation; write scale: none")
        if self.judge == self.held_out:
            raise ValueError(f"held_out must be another judge than the one that pays, {self.judge}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Samples per seat at each asking; the last ones stand for all later ones."""
        compared = self.credit == "tree" and self.baseline != "running"
        branch = self.branch or (2 if compared else 1)
        return (self.group, *(branch,) * MOST_ROUNDS)

    def factor(self, step: int, share: float) -> float:
        """What the learning rate is multiplied with in a step (from 0), ``share`` of the way."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return warm * (1 - 0.9 * min(1.0, max(0.0, share)) if self.decay else 1.0)


MOST_ROUNDS = 64
"""Rounds after the first for which ``branch`` counts."""
