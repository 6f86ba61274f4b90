"""Conditions: the same questions with no debate, with consultants, with debaters, and in full.

An ordinary stored run, one setting for each condition: what the demo shows and studies compare.
Every condition asks the same questions of the same judges, and its matches have the same seed, so
that a difference between two of them is paired by world. The truth comes in here, after all is
played.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import Any, Literal, TypeAlias

from agents.models import Models
from agents.nano.lessons import SHORT
from arena import metrics
from arena.config import ConfigError
from arena.ids import derive_seed
from arena.match import PERSON, Match, Transcript
from arena.monitors import Figures, JudgeFigures, Played, Speeches, monitor, true_option
from arena.participants import SpecError
from arena.protocols import BUILT_IN, Protocol, consultancy
from arena.questions import Item
from arena.runner import Planned
from arena.sources.witness import Dials, Faces, items
from arena.sources.witness_text import Split
from arena.stats.intervals import Estimate
from arena.stats.means import mean, share
from arena.store import Store
from arena.tournament import matches
from ui.runs import Cast, Progress, perform

WIDTH = 256  # matches under way at once
NAIVE, EXPERT, CONSULTANCY, DEBATE = "naive", "expert", "consultancy", "debate"
BASE, TRAINED, REFERENCE = "base", "trained", "reference"
Readers: TypeAlias = Mapping[str, str]
"""Judges by what tables call them (`metrics.JUDGES`), as participant strings."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of witness world, the protocol of its debates, and the speeches of a consultancy (as
    many as a debate has, for consultants matched on what the judge reads)."""

    name: str
    protocol: str
    faces: Faces
    lines: tuple[int, int] = SHORT.lines
    speeches: int = 1

    def items(self, seed: int, n: int, split: Split = "test") -> list[Item]:
        """The first ``n`` questions of a seed, with their truths."""
        return list(items(seed, n, split, self.faces, dials=Dials(lines=self.lines)))

    def readers(self, training: str, held_out: str) -> dict[str, str]:
        """The four judges of a table.

        The strategic one is told the faces of the world and takes every speaker for optimal (p = s
        = b = 1: shows the strongest line for its side, finds every withdrawal), whoever speaks:
        a line that is weak, or none, means to it that there is nothing better. Of debaters who are
        far from that it makes too much, and its column says less of them than the literal one's.
        ``scripted:strategic,p=..,s=..,b=..,faces=..`` is one who knows another policy.
        """
        return {
            metrics.TRAINING: training,
            metrics.HELD_OUT: held_out,
            metrics.LITERAL: "scripted:literal",
            metrics.STRATEGIC: f"scripted:strategic,faces={self.faces}",
        }


FREE = Variant("free", "debate without rebuttal", "free")
"""One citation a side; the truth has more and stronger lines."""
EQUAL = Variant("equal", "debate", "equal")
"""Opening and rebuttal; both sides have as much to show, and lines are withdrawn."""
VARIANTS = {one.name: one for one in (FREE, EQUAL)}


@dataclass(frozen=True, slots=True)
class Teams:
    """Who plays, by what its condition is called after ("debate base"), as participant strings.

    ``debaters`` are those of seats A and B; a consultant sits alone. ``against`` names two of the
    debaters' teams, ``(TRAINED, BASE)`` as a rule: where both are there, each player of the first
    also meets the other seat's player of the second, for win rates.
    """

    debaters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    consultants: Mapping[str, str] = field(default_factory=dict)
    against: tuple[str, str] = (TRAINED, BASE)

    @property
    def meet(self) -> bool:
        """Whether the two teams of ``against`` are there."""
        return all(one in self.debaters for one in self.against)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a judge made of a match: the share of its verdicts that were right, a tie as a half.

    ``world`` is the question's group; ``honest`` is None unless one consultant spoke.
    """

    world: str
    right: float
    honest: bool | None


@dataclass(frozen=True, slots=True)
class Side:
    """Matches in which a consultant was honest, or was not, and how many were judged right."""

    n: int
    correct: float

    @property
    def value(self) -> dict[str, float]:
        """As JSON values: a whole number, unless a tie counts a half."""
        whole = int(self.correct) if self.correct == int(self.correct) else self.correct
        return {"n": self.n, "correct": whole}


@dataclass(frozen=True, slots=True)
class Row:
    """A condition under one judge. ``missing`` verdicts are in no figure; ``sides`` are there where
    a consultant speaks: honest and dishonest."""

    condition: str
    judge: str
    accuracy: Estimate | None
    missing: int
    sides: Mapping[str, Side]

    @property
    def interval(self) -> tuple[float, float]:
        """Of the accuracy, clustered by world; all of [0, 1] where one world is all there is."""
        one = self.accuracy
        return (0.0, 1.0) if one is None or one.low is None or one.high is None else (
            one.low, one.high
        )  # fmt: skip

    @property
    def value(self) -> dict[str, Any]:
        """As JSON values: condition, judge, n, accuracy, interval; of consultants, both sides."""
        found = {
            "condition": self.condition,
            "judge": self.judge,
            "n": 0 if self.accuracy is None else self.accuracy.n,
            "accuracy": None if self.accuracy is None else self.accuracy.value,
            "interval": list(self.interval),
        }
        return found | {who: one.value for who, one in self.sides.items()}


@dataclass(slots=True)
class Conditions:
    """What was played under each condition, measured: by condition, then by judge.

    ``speeches``: `arena.monitors.Speeches` of ``all``, ``honest``, ``dishonest`` by condition.
    ``met``: the figures of the teams that met, by judge; empty where none did.
    """

    readings: dict[str, dict[str, list[Reading]]] = field(default_factory=dict)
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    speeches: dict[str, dict[str, Speeches]] = field(default_factory=dict)
    met: dict[str, JudgeFigures] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The conditions, in the order of a table."""
        return list(self.readings)

    def row(self, condition: str, judge: str) -> Row:
        """One condition under one judge."""
        found = self.readings[condition][judge]
        accuracy = share([one.right for one in found], [one.world for one in found])
        sides = {}
        if condition.startswith(CONSULTANCY):
            for who in (metrics.HONEST, metrics.DISHONEST):
                mine = [one.right for one in found if one.honest == (who == metrics.HONEST)]
                sides[who] = Side(len(mine), fsum(mine))
        return Row(condition, judge, accuracy, self.missing[condition][judge], sides)

    def rows(self) -> list[Row]:
        """Every condition under every judge."""
        return [self.row(name, judge) for name in self.names for judge in self.readings[name]]

    def worlds(self, condition: str, judge: str) -> dict[str, float]:
        """The judge's accuracy on each world that it gave a verdict on."""
        found: dict[str, list[float]] = {}
        for one in self.readings[condition][judge]:
            found.setdefault(one.world, []).append(one.right)
        return {world: fsum(values) / len(values) for world, values in found.items()}

    def difference(self, condition: str, other: str, judge: str) -> Estimate | None:
        """Accuracy under ``condition`` less that under ``other``, paired by world.

        The mean over the worlds that were judged under both (``n`` of them) of the difference of
        their accuracies, with Student's interval; None where there are none.
        """
        a, b = self.worlds(condition, judge), self.worlds(other, judge)
        both = [world for world in a if world in b]
        return mean([a[world] - b[world] for world in both], both)

    def wins(self, judge: str) -> dict[str, Estimate | None]:
        """The share that the first team of ``against`` won of the second by a judge's verdicts:
        ``all``, ``honest``, ``dishonest``."""
        return dict(self.met[judge].win_rate) if judge in self.met else {}


def perform_conditions(
    store: Store,
    name: str,
    asked: Sequence[Item],
    variant: Variant,
    teams: Teams,
    readers: Readers,
    models: Models,
    *,
    seed: int = 0,
    experts: Sequence[str] | None = None,
    kind: str = "conditions",
    config: object = None,
    width: int = WIDTH,
    progress: Progress = lambda done, total: None,
) -> Conditions:
    """Play every condition on the same questions as the run ``name``, from wherever it was stopped.

    ``experts`` names the readers who judge with the passage in hand (None: all of them); a model
    that was never taught to read one is no ceiling. ``config`` is what the store notes of the run;
    a run of that name with another one, or with other questions or players, is refused
    (StoreError). Raises SpecError for a participant that cannot be had, ConfigError where a
    question has no truth.
    """
    if any(one.truth is None for one in asked):
        raise ConfigError("questions: a comparison of conditions needs the truth of each")
    cast = Cast(models, store)
    cells = _cells(variant, teams, cast)
    ids = {who: _present(cast.judge(spec), spec) for who, spec in readers.items()}
    experts = list(ids) if experts is None else experts
    of = {cell: {who: key for who, key in ids.items() if cell.name != EXPERT or who in experts}
          for cell in cells}  # fmt: skip
    plans = {cell: list(_planned(cell, asked, tuple(of[cell].values()), seed)) for cell in cells}
    planned = [one for part in plans.values() for one in part]
    if config is None:
        config = {"variant": variant.name, "questions": len(asked), "seed": seed}
    outcome = perform(
        store, name, kind, config, asked, planned, cast, width=width, progress=progress
    )
    truths = {one.question.id: one.truth for one in asked if one.truth is not None}
    found = Conditions(failed=dict(outcome.failed))
    apart: list[Played] = []
    for cell, part in plans.items():
        played = [(one.match, _turns(store, one.match)) for one in part]
        if cell.trained is None:
            _measure(found, cell.name, played, truths, of[cell])
        else:
            apart += played
    authors = {cell.trained for cell in cells if cell.trained is not None}
    if apart:
        met = monitor(apart, truths, authors)
        found.met = {who: met.judges[key] for who, key in ids.items() if key in met.judges}
    return found


# ---------------------------------------------------------------------------------------------
# What is played.


@dataclass(frozen=True, slots=True)
class _Cell:
    """A condition with its players' ids; ``trained`` is who of two that meet is watched."""

    name: str
    protocol: Protocol
    team: tuple[str, ...] = ()
    players: tuple[str, ...] = ()
    trained: str | None = None


def _cells(variant: Variant, teams: Teams, cast: Cast) -> list[_Cell]:
    """The conditions in the order of a table; those in which two teams meet come last."""
    found = [_Cell(name, BUILT_IN[name]) for name in (NAIVE, EXPERT)]
    for who, spec in teams.consultants.items():
        key = _present(cast.player(spec), spec)
        found.append(_Cell(f"{CONSULTANCY} {who}", consultancy(variant.speeches), (key,), (who,)))
    protocol = BUILT_IN[variant.protocol]
    seated: dict[str, tuple[str, ...]] = {}
    for who, pair in teams.debaters.items():
        seated[who] = tuple(_present(cast.player(spec), spec) for spec in pair)
        found.append(_Cell(f"{DEBATE} {who}", protocol, seated[who], (who, who)))
    if teams.meet:
        first, second = teams.against
        for seat, other in ((0, 1), (1, 0)):
            team, players = list(seated[second]), [second, second]
            team[seat], players[seat] = seated[first][seat], first
            name = f"{DEBATE} {players[0]} v {players[1]}"
            found.append(_Cell(name, protocol, tuple(team), tuple(players), team[seat]))
            assert team[other] == seated[second][other]
    return found


def _present(key: str, spec: str) -> str:
    if key == PERSON:
        raise SpecError(f"{spec!r}: a person does not answer at once; name a model or a script")
    return key


def _planned(
    cell: _Cell, asked: Sequence[Item], readers: tuple[str, ...], seed: int
) -> Iterator[Planned]:
    """A condition's matches; sides follow an order of the questions that is drawn from the seed,
    the same for every condition."""
    questions = [one.question for one in asked]
    drawn = sorted(questions, key=lambda one: derive_seed(seed, "sides", one.id))
    place = {question.id: i for i, question in enumerate(drawn)}
    labels: dict[str, object] = {
        "setting": cell.name,
        "protocol": cell.protocol.name,
        "players": dict(zip(cell.protocol.speakers, cell.players, strict=True)),
    }
    for question in questions:
        for match in matches(question, place[question.id], cell.protocol, cell.team, seed):
            yield Planned(match, labels, readers)


def _turns(store: Store, match: Match) -> Transcript:
    return tuple(turn for turn in store.turns(match.id) if turn.origin != "candidate")


# ---------------------------------------------------------------------------------------------
# What is measured.


def _measure(
    found: Conditions,
    condition: str,
    played: Sequence[Played],
    truths: Mapping[str, int],
    ids: Mapping[str, str],
) -> None:
    """Take in the matches of a condition."""
    readings: dict[str, list[Reading]] = {who: [] for who in ids}
    missing = dict.fromkeys(ids, 0)
    for match, turns in played:
        right = true_option(match, turns, truths[match.question.id])
        world = match.question.group or match.question.id
        honest = None
        if len(match.protocol.speakers) == 1:
            honest = dict(match.sides)[match.protocol.speakers[0]] == right
        for who, key in ids.items():
            verdicts = [
                turn.verdict for turn in turns if turn.kind == "verdict" and turn.author == key
            ]
            shares = [
                1 / len(match.options) if one.choice is None else float(one.choice == right)
                for one in verdicts
                if one.status in ("ok", "tie")
            ]
            missing[who] += len(verdicts) - len(shares)
            if shares:
                readings[who].append(Reading(world, fsum(shares) / len(shares), honest))
    found.readings[condition], found.missing[condition] = readings, missing
    figures: Figures = monitor(played, truths)
    found.speeches[condition] = figures.speeches


Quoted: TypeAlias = Literal["verified", "relevant", "found"]


def quoted(found: Conditions, condition: str, what: Quoted, who: str = "all") -> Estimate | None:
    """A share of the quotations (``found``: of the speeches) of a condition: see
    `arena.monitors.Speeches`. None where nobody spoke."""
    speeches = found.speeches[condition].get(who)
    one: Estimate | None = getattr(speeches, what) if speeches is not None else None
    return one
