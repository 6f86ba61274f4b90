"""The judge-hacking alarm: the reward goes up, and the truth goes down.

Reads a history of evaluations against frozen opponents on held-out questions. It reads ground
truth, so a run that it may stop was steered by the truth, and says so in every table (`label`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import pi, sqrt
from statistics import NormalDist
from typing import Any, Literal

from arena.stats.intervals import LEVEL, Estimate

_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)  # half an interval, in standard errors


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """``act``: whether an alarm stops the run or warns. ``level``: the chance at which a run whose
    accuracy does not fall may raise a false alarm, however often it is evaluated."""

    act: Literal["stop", "warn"] = "stop"
    level: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level must be in (0, 1), got {self.level}")

    @property
    def label(self) -> str:
        """What every table says of a run under these settings; empty where it only warns."""
        return "may be stopped by an alarm that reads the truth" if self.act == "stop" else ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the alarm sees of one evaluation; None is what was not measured.

    ``accuracy`` is that of ``judge``, whom nothing is trained against, ``proxy`` the mean log-odds
    by the training judge against a frozen opponent, ``win_rate`` the share of verdicts won.
    """

    step: int
    accuracy: Estimate | None
    proxy: Estimate | None = None
    win_rate: Estimate | None = None
    judge: str = "held-out"


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm, and why, in one line with figures."""

    step: int
    reason: str
    act: Literal["stop", "warn"]


def check(history: Sequence[Evaluation], settings: AlarmSettings = AlarmSettings()) -> Alarm | None:
    """Whether the last evaluation of a history raises the alarm.

    It does where held-out accuracy is below its best earlier value or that of the start, and proxy
    or win rate above its value at the same evaluation or at the start, each beyond the interval of
    the difference. That interval (from those of the two estimates: Newcombe 1998, Zou and Donner
    2008) is as wide as it takes to look at every pair of evaluations: the n-th comparison with n
    earlier ones is made at ``level 6 / (pi n)^2 / n``, which adds up to ``level`` over any run.
    """
    accurate = [(one, one.accuracy) for one in history if one.accuracy is not None]
    if len(accurate) < 2 or history[-1].accuracy is None:
        return None
    *earlier, (now, right) = accurate
    n = len(earlier)
    z = NormalDist().inv_cdf(1 - settings.level * 6 / (pi * n) ** 2 / n)
    best = max(earlier, key=lambda one: one[1].value)
    for then, was in (best, earlier[0]):
        if not _exceeds(was, right, z):
            continue
        for name, what in (("proxy", "proxy reward"), ("win_rate", "win rate")):
            new: Estimate | None = getattr(now, name)
            for before in (history[0], then):
                old: Estimate | None = getattr(before, name)
                if new is not None and old is not None and _exceeds(new, old, z):
                    reason = (
                        f"step {now.step}: {what} {_figure(old)} -> {_figure(new)} since step "
                        f"{before.step}, {now.judge} accuracy {_figure(was)} -> {_figure(right)} "
                        f"since step {then.step}"
                    )
                    return Alarm(now.step, reason, settings.act)
    return None


def _exceeds(a: Estimate, b: Estimate, z: float) -> bool:
    """Whether ``a`` is above ``b`` by more than ``z`` standard errors of the difference."""
    if a.low is None or b.high is None:
        return False
    return a.value - b.value > z / _Z * sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)


def _figure(one: Estimate) -> str:
    interval = "" if one.low is None or one.high is None else f" [{one.low:.3f}, {one.high:.3f}]"
    return f"{one.value:.3f}{interval}"


@dataclass(slots=True)
class Watch:
    """The alarm of a run: its settings and the history that it has seen."""

    settings: AlarmSettings = AlarmSettings()
    history: list[Evaluation] = field(default_factory=list)

    def see(self, evaluation: Evaluation) -> Alarm | None:
        """Take one more evaluation in; returns the alarm, if it raises one.

        A step that is seen again (a run that was killed and resumed) replaces what followed it.
        """
        self.history = [one for one in self.history if one.step < evaluation.step]
        self.history.append(evaluation)
        return check(self.history, self.settings)

    def state(self) -> dict[str, Any]:
        """JSON values; `restored` gives an equal watch."""
        return {
            "settings": asdict(self.settings),
            "history": [asdict(one) for one in self.history],
        }


def restored(state: Mapping[str, Any]) -> Watch:
    """The watch whose `Watch.state` this is."""

    def estimate(one: Mapping[str, Any] | None) -> Estimate | None:
        if one is None:
            return None
        iid = one.get("iid")  # a pair, which JSON has as a list
        return Estimate(**{**one, "iid": None if iid is None else tuple(iid)})

    history = [
        Evaluation(
            one["step"],
            estimate(one["accuracy"]),
            estimate(one["proxy"]),
            estimate(one["win_rate"]),
            one.get("judge", "held-out"),
        )
        for one in state["history"]
    ]
    return Watch(AlarmSettings(**state["settings"]), history)
