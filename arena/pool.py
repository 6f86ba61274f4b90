"""An opponent pool: whom a policy in training plays, so that it does not only learn itself.

The base is in it from the start, snapshots join every ``every`` steps. Pure self-play against
one's own current copy collapses (cycles, degenerate equilibria at a self-play reward of 0), so past
policies stay as opponents, drawn more often the better they still do: prioritised fictitious
self-play (Vinyals et al. 2019, AlphaStar).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from math import isfinite
from random import Random
from typing import Any, Literal

from arena.ids import derive_seed


@dataclass(frozen=True, slots=True)
class Opponent:
    """A frozen policy: its name, its model string, the step at which it was taken.

    ``wins`` of ``games`` are the learner's against it, older ones discounted; a tie is half a win.
    """

    name: str
    model: str
    step: int = 0
    wins: float = 0.0
    games: float = 0.0

    @property
    def beaten(self) -> float:
        """The learner's win rate against it, from a prior of one win in two games."""
        return (self.wins + 1) / (self.games + 2)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """``every`` so many steps a snapshot joins; at most ``cap`` opponents are kept, the base
    always. ``current`` is the share of draws that fall on the learner's own current policy.

    With w the learner's win rate, an opponent's weight is ``(1 - w)^power`` (``hard``: who is not
    beaten yet), ``(w (1 - w))^power`` (``even``: who is a match) or 1 (``uniform``). Counts are
    multiplied by ``memory`` before each new result.
    """

    every: int = 20
    cap: int = 8
    current: float = 0.5
    weighting: Literal["hard", "even", "uniform"] = "hard"
    power: float = 1.0
    memory: float = 0.99

    def __post_init__(self) -> None:
        if self.every < 1 or self.cap < 2:
            raise ValueError(
                f"every must be 1 or more and cap 2 or more, got {self.every} and {self.cap}"
            )
        if not 0 <= self.current < 1:
            raise ValueError(f"current is a share in [0, 1), got {self.current}")
        if not 0 <= self.power < float("inf") or not 0 < self.memory <= 1:
            raise ValueError(
                f"power must be 0 or more and memory in (0, 1], got {self.power} and {self.memory}"
            )


@dataclass(slots=True)
class Pool:
    """The frozen opponents of one policy in training, the base first."""

    base: Opponent
    settings: PoolSettings = PoolSettings()
    snapshots: list[Opponent] = field(default_factory=list)

    @property
    def opponents(self) -> tuple[Opponent, ...]:
        """All that are kept, the oldest first."""
        return (self.base, *self.snapshots)

    def due(self, step: int) -> bool:
        """Whether a snapshot of the policy after ``step`` should join."""
        return step > 0 and step % self.settings.every == 0

    def join(self, name: str, model: str, step: int) -> Opponent | None:
        """Add a snapshot; returns the one that had to leave, if any, so that it can be unloaded.

        Leaves: of the older snapshots the one that the learner beats most often, of equals the
        oldest. Raises ValueError for a name that is taken.
        """
        if any(one.name == name for one in self.opponents):
            raise ValueError(f"pool: there is an opponent {name!r} already; give it another name")
        worst = None
        if len(self.opponents) == self.settings.cap:
            worst = max(self.snapshots, key=lambda one: (one.beaten, -one.step))
            self.snapshots.remove(worst)
        self.snapshots.append(Opponent(name, model, step))
        return worst

    def chances(self) -> dict[str, float]:
        """The chance of each opponent by name, where the draw does not fall on the learner."""
        weights = [self._weight(one.beaten) for one in self.opponents]
        total = sum(weights)
        return {one.name: w / total for one, w in zip(self.opponents, weights, strict=True)}

    def _weight(self, beaten: float) -> float:
        how = self.settings.weighting
        top = {"hard": 1 - beaten, "even": beaten * (1 - beaten), "uniform": 1.0}[how]
        return float(top**self.settings.power)

    def draw(self, *noise: str | int) -> Opponent | None:
        """Whom to play, as a function of the pool and ``noise``; None: the learner itself."""
        rng = Random(derive_seed("pool", *noise))
        if rng.random() < self.settings.current:
            return None
        at = rng.random()
        edges = accumulate(self.chances().values())
        found = (one for one, edge in zip(self.opponents, edges, strict=True) if at < edge)
        return next(found, self.opponents[-1])  # rounding may leave a gap at the end

    def result(self, name: str, wins: float, games: float = 1.0) -> None:
        """Note that the learner won ``wins`` of ``games`` against an opponent.

        One who has left meanwhile is passed over. Raises ValueError for impossible counts.
        """
        if not (isfinite(games) and 0 <= wins <= games):
            raise ValueError(f"expected 0 <= wins <= games, got {wins} of {games}")
        keep = self.settings.memory**games
        for n, one in enumerate(self.opponents):
            if one.name == name:
                now = replace(one, wins=keep * one.wins + wins, games=keep * one.games + games)
                if n:
                    self.snapshots[n - 1] = now
                else:
                    self.base = now

    def state(self) -> dict[str, Any]:
        """JSON values; `restored` gives an equal pool."""
        return {
            "settings": asdict(self.settings),
            "opponents": [asdict(one) for one in self.opponents],
        }


def restored(state: Mapping[str, Any]) -> Pool:
    """The pool whose `Pool.state` this is."""
    base, *snapshots = (Opponent(**one) for one in state["opponents"])
    return Pool(base, PoolSettings(**state["settings"]), snapshots)
