"""The ratings of a run as values: players, effects, who beat whom, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from arena.stats.behaviour import WinRates
from arena.stats.bradley_terry import Fit
from arena.stats.intervals import Estimate

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Part:
    """A player's play for the truth, or against it, rated alone: Elo with its interval (None of a
    single question) and comparisons. The mean of all these ratings is 1500."""

    elo: float
    interval: Interval | None
    n: int


@dataclass(frozen=True, slots=True)
class Player:
    """One player: ``skill`` in logits from the players' mean, ``elo`` with its ``interval`` in Elo
    points (None of a single question), comparisons ``n``, and ``points``: wins and half the ties.

    ``note`` says where the skill rests on the prior: the player never won, say. Where truths are
    known: ``honest`` and ``dishonest`` play rated apart, the shares of its comparisons ``won``, and
    ``accuracy``, the share in which whoever argued for the truth won.
    """

    name: str
    id: str
    skill: float
    elo: float
    interval: Interval | None
    n: int
    points: float
    note: str | None
    honest: Part | None = None
    dishonest: Part | None = None
    won: WinRates | None = None
    accuracy: Estimate | None = None

    def record(self) -> dict[str, Any]:
        """All of it as JSON values; what needs truths is None without."""
        from arena.report.values import estimate

        value = {
            name: getattr(self, name)
            for name in ("name", "id", "skill", "elo", "interval", "n", "points", "note")
        }
        value["interval"] = self.interval and list(self.interval)
        for name in ("honest", "dishonest"):
            part = getattr(self, name)
            value[name] = part and {**asdict(part), "interval": part.interval and [*part.interval]}
        names = ("overall", "honest", "dishonest")
        won = {name: estimate(getattr(self.won, name, None), "question") for name in names}
        return {
            **value, "won": won if self.won else None,
            "accuracy": estimate(self.accuracy, "question"),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ratings:
    """The players of a run, the best first, and what besides skill decided their matches.

    ``effects`` are in logits on the first seat's chance. ``points`` and ``met`` are the cross-play
    matrix in the order of ``players``: what the row scored against the column, and in how many
    comparisons; `arena.ratings.cell_matches` has the matches. ``clusters`` are questions.
    ``missing`` has the verdicts without a decision, by status: their number ``n``, and of whose
    case was the true one (a seat, neither, unknown). ``left_out`` counts verdicts that compare
    nobody, by reason; ``waiting`` is the number of matches that nobody has judged. ``accuracy`` is
    the share of comparisons that whoever argued for the truth won. ``panel`` is None, or who
    decided together: its rule and judges, decisions made, those that nobody voted on
    (``undecided``), those that some judge is missing from, and by which reasons. ``fit`` gives
    differences of players and chances to win.
    """

    run: str
    players: tuple[Player, ...]
    effects: Mapping[str, Estimate]
    points: tuple[tuple[float, ...], ...]
    met: tuple[tuple[int, ...], ...]
    comparisons: int
    clusters: int
    method: str
    missing: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, int]
    waiting: int
    notes: tuple[str, ...]
    accuracy: Estimate | None = None
    panel: Mapping[str, Any] | None = None
    fit: Fit = field(repr=False, compare=False, kw_only=True)

    def record(self) -> dict[str, Any]:
        """All of it as JSON values, but the fit."""
        from arena.report.values import estimate

        return {
            "run": self.run,
            "players": [one.record() for one in self.players],
            "effects": {
                name: {
                    "value": one.value, "se": one.se, "n": one.n,
                    "interval": None if one.low is None else [one.low, one.high],
                }
                for name, one in self.effects.items()
            },
            "points": list(map(list, self.points)),
            "met": list(map(list, self.met)),
            **{name: getattr(self, name) for name in ("comparisons", "clusters", "method")},
            "missing": {status: dict(sides) for status, sides in self.missing.items()},
            "left_out": dict(self.left_out),
            "waiting": self.waiting,
            "notes": list(self.notes),
            "accuracy": estimate(self.accuracy, "question"),
            "panel": self.panel and dict(self.panel),
        }  # fmt: skip
