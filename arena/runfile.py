"""The one YAML shape of play, tournament, train and their successors, as frozen dataclasses.

``name, seed, questions, protocols, players, judges, run, engine``, ``desk`` (what people are shown
and asked where they judge or debate) and one block of the verb's own.
Values are validated by `arena.config.validate`; an error names the field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from arena.config import ConfigError, find_protocol, parse_yaml, read_yaml, validate
from arena.desk.settings import Settings
from arena.panel import PanelBlock
from arena.protocols import Protocol
from arena.questions import Item
from arena.sources.witness import DEFAULT, Dials, items
from arena.store import Store
from arena.studyfile import Price, StudyBlock
from arena.trainfile import TrainBlock


def _check(block: object, name: str, most: int) -> None:
    """Refuse a count that is not between 1 and ``most``; None is no count."""
    value = getattr(block, name)
    if value is not None and not 1 <= value <= most:
        raise ValueError(f"{name} must be 1 or more, and {most} at most, got {value}")


@dataclass(frozen=True, slots=True)
class Questions:
    """Where questions come from: ``witness`` (made on the spot), ``jsonl`` (the file ``path``) or
    ``imported`` (the name ``path`` under which they were imported into the store).

    ``faces`` and ``lines`` (the length of a passage, from and to) are the witness world's."""

    source: Literal["witness", "jsonl", "imported"] = "witness"
    n: int | None = None
    split: str | None = None
    seed: int = 0
    path: str | None = None
    faces: Literal["equal", "free"] = "equal"
    lines: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _check(self, "n", 10_000_000)
        if self.lines is not None:
            if self.source != "witness":
                raise ValueError(f"lines is for the witness world alone, got {self.source!r}")
            Dials(lines=self.lines)


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How wide a run is, and when it stops taking up new matches: after so many minutes of wall
    time, or so many sampled tokens (``budget``)."""

    width: int = 64
    minutes: float | None = None
    budget: int | None = None

    def __post_init__(self) -> None:
        _check(self, "width", 100_000)
        _check(self, "budget", 10**15)
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"minutes must be more than 0, got {self.minutes}")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How local models are run. Never part of any id."""

    device: str = "cpu"
    threads: int = 1
    dtype: str | None = None

    def __post_init__(self) -> None:
        _check(self, "threads", 1024)


@dataclass(frozen=True, slots=True)
class PlayBlock:
    """``play``: one cast for all questions. ``seats`` names a player for each speaking seat."""

    seats: dict[str, str] = field(default_factory=dict)
    mirrored: bool = False
    listings: Literal["listed", "swapped", "both"] = "listed"
    replicates: int = 1

    def __post_init__(self) -> None:
        _check(self, "replicates", 1_000_000)


@dataclass(frozen=True, slots=True)
class TournamentBlock:
    """``tournament``: who meets whom, in both roles and listings unless it says otherwise.

    ``schedule`` is a round robin, every pair, or Swiss: so many ``rounds`` in which those of like
    standing meet. ``seats`` says who of a pair has the first speaking seat: each on half of the
    questions (``alternate``), both on every question, or always the first of the pair (``fixed``).
    ``replicates`` is how often a pair plays each question when it meets. ``panel`` has the judges
    decide together; ``allow_family`` lets a judge decide on debaters of its own model family.
    ``families`` says which family a player, a judge or a model is of, where its name does not.
    ``effects`` are what ratings make allowance for: what the first seat is worth, what arguing for
    the truth is (over debates whose truth is known), what each judge gives the first seat, and what
    a thousand characters more are.
    """

    mirrored: bool = True
    listings: Literal["listed", "swapped", "both"] = "both"
    replicates: int = 1
    schedule: Literal["round robin", "swiss"] = "round robin"
    rounds: int | None = None
    seats: Literal["alternate", "both", "fixed"] = "alternate"
    panel: PanelBlock | None = None
    allow_family: bool = False
    families: dict[str, str] = field(default_factory=dict)
    effects: tuple[Literal["seat", "honesty", "judge", "length"], ...] = ("seat",)

    def __post_init__(self) -> None:
        _check(self, "replicates", 1_000_000)
        _check(self, "rounds", 1_000_000)
        if self.panel is not None and "judge" in self.effects:
            raise ValueError("effects must leave judge out where a panel decides as one")
        if self.schedule == "swiss" and self.rounds is None:
            raise ValueError("rounds must be given with schedule swiss: how many, as in rounds: 5")
        if self.schedule != "swiss" and self.rounds is not None:
            raise ValueError(
                f"rounds is for schedule swiss alone, got {self.rounds} with a round robin, in "
                "which every pair meets; leave it out, or say replicates"
            )


@dataclass(frozen=True, slots=True)
class RunFile:
    """A run as its file describes it, before anything is loaded."""

    name: str = ""
    seed: int = 0
    questions: Questions = Questions()
    protocols: tuple[Any, ...] = ("debate",)
    players: dict[str, str] = field(default_factory=dict)
    judges: dict[str, str] = field(default_factory=dict)
    run: RunLimits = RunLimits()
    engine: EngineSettings = EngineSettings()
    play: PlayBlock | None = None
    tournament: TournamentBlock | None = None
    train: TrainBlock | None = None
    study: StudyBlock | None = None
    prices: dict[str, Price] = field(default_factory=dict)
    desk: Settings | None = None


VERBS = ("play", "tournament", "train", "study")
"""The verbs that have a block of their own, which has their name."""


def refuse_verb(run: RunFile, verb: str, path: Path) -> None:
    """Raise ConfigError where the file ``path`` has the block of another verb than ``verb``: it
    would not be read, something else would be played, and that would have the run's name."""
    others = [one for one in VERBS if one != verb and getattr(run, one) is not None]
    if not others:
        return
    if getattr(run, verb) is None:
        raise ConfigError(f"{path} has a {others[0]} block: arena {others[0]} {path}")
    raise ConfigError(
        f"{path} has a {verb} block and a {others[0]} block, and a file describes one run; leave "
        "one of them out"
    )


def _override(value: dict[str, Any], assignment: str) -> None:
    """Apply ``a.b=c`` to a mapping; the right side is read as YAML."""
    path, equals, text = assignment.partition("=")
    if not equals or not path:
        raise ConfigError(f"--set {assignment!r}: expected field=value, as in questions.n=50")
    *parents, last = path.split(".")
    for parent in parents:
        inner = value.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {assignment!r}: {parent} is not a block")
        value = inner
    value[last] = parse_yaml(text, f"--set {assignment!r}")


def read_run_file(path: Path, overrides: tuple[str, ...] = ()) -> RunFile:
    """The run that a YAML file describes. Raises ConfigError naming the field that does not fit."""
    value = read_yaml(path)
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected a mapping with name, questions, protocols, players")
    for assignment in overrides:
        _override(value, assignment)
    value.setdefault("name", path.stem)
    found = validate(RunFile, value, str(path))
    if not found.name:
        raise ConfigError(f"{path}: name: expected a name, got an empty one")
    return found


def protocols_of(run: RunFile, folder: Path) -> dict[str, Protocol]:
    """The protocols of a run by name. Raises ConfigError where there are none, where two share a
    name, and where one has more speakers than a schedule can seat."""
    if not run.protocols:
        raise ConfigError("protocols: expected at least one, as in `protocols: [debate]`, got none")
    found: dict[str, Protocol] = {}
    for one in run.protocols:
        protocol = find_protocol(one, folder)
        name = (
            one if isinstance(one, str) and not one.endswith((".yaml", ".yml")) else protocol.name
        )
        if name in found:
            raise ConfigError(f"protocols: {name!r} comes twice; give each its own name")
        if len(protocol.speakers) > 2:
            seats = ", ".join(protocol.speakers)
            raise ConfigError(
                f"protocols: {name!r} has {len(protocol.speakers)} speaking seats ({seats}), but "
                "play and tournament seat two at most; remove seats"
            )
        found[name] = protocol
    return found


def items_of(run: RunFile, folder: Path, store: Store) -> list[Item]:
    """The questions of a run with their truths. Raises ConfigError where there are none."""
    asked = run.questions
    if asked.source == "witness":
        split = asked.split or "test"
        if split not in ("train", "test"):
            raise ConfigError(
                f"questions.split: the witness world has train and test, got {split!r}"
            )
        n = 100 if asked.n is None else asked.n
        dials = DEFAULT if asked.lines is None else Dials(lines=asked.lines)
        made = items(asked.seed, n, split, asked.faces, dials=dials)  # type: ignore[arg-type]
        return list(made)
    if asked.path is None:
        raise ConfigError(f"questions.path: source {asked.source!r} needs a path")
    if asked.source == "jsonl":
        from arena.sources.jsonl import read_jsonl

        file = folder / asked.path
        found, bad, _ = read_jsonl(file)
        if bad:
            listed = "; ".join(f"line {one.number}: {one.reason}" for one in bad[:20])
            more = "; ..." if len(bad) > 20 else ""
            raise ConfigError(f"{file}: {len(bad)} bad lines; {listed}{more}")
    else:
        sql = "SELECT id, split FROM questions WHERE source = ? ORDER BY rowid"
        truths = store.truths()
        found = [
            Item(store.question(row["id"]), truths.get(row["id"]), row["split"])
            for row in store.query(sql, f"jsonl:{asked.path}")
        ]
    found = [item for item in found if asked.split in (None, item.split)][: asked.n]
    if not found:
        raise ConfigError(f"questions: none found for {asked.source} {asked.path!r}")
    return found
