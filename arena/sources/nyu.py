"""Importer of the NYU human debates (Michael et al. 2023, arXiv 2311.08702; data CC-BY 4.0).

Every room becomes a match: the story is the passage, a judge's report a belief and its public
text a question, quotations character spans. What the core has no place for (questionnaires,
scratchpads, a speech that was never revealed) is kept as events. Each room is one transaction;
a room that contradicts itself is left out whole and named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from arena.config import ConfigError
from arena.ids import canonical
from arena.penn import render_tokens
from arena.sources import nyu_format as raw
from arena.sources.nyu_format import BadRoom
from arena.sources.nyu_rooms import Importer
from arena.store import Store

METADATA = "debates-metadata.jsonl"
ROOMS = "debates/official"
LICENCE = "CC-BY 4.0"
CITATION = (
    "Michael, Mahdi, Rein, Petty, Dirani, Padmakumar and Bowman (2023), Debate Helps Supervise "
    "Unreliable Experts, arXiv 2311.08702"
)


@dataclass(slots=True)
class Imported:
    """What an import came to. ``settings`` counts the rooms that are in the store now."""

    imported: int = 0
    new: int = 0
    complete: int = 0
    changed: bool = False
    settings: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)  # room, reason


def contents(folder: Path) -> tuple[list[bytes], set[str]]:
    """The lines of the metadata, and the names of the rooms that have a file.

    Raises ConfigError where ``folder`` does not hold the data set.
    """
    try:
        lines = (folder / METADATA).read_bytes().splitlines()
        files = {one.stem for one in (folder / ROOMS).iterdir() if one.suffix == ".json"}
    except OSError as error:
        raise ConfigError(
            f"{folder}: expected a folder that holds {METADATA} and {ROOMS}, "
            f"but {Path(str(error.filename)).name} cannot be read ({error.strerror})"
        ) from None
    return lines, files


def import_nyu(
    path: str | Path,
    store: Store,
    name: str = "nyu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Import every room below ``path``, the folder of ``debates-metadata.jsonl``, as run ``name``.

    A bad room is named in ``failures`` and leaves nothing behind; importing again changes no row.
    Raises ConfigError where ``path`` does not hold the data set.
    """
    folder = Path(path)
    lines, files = contents(folder)
    before = store.conn.total_changes
    outcome = Imported()
    listed: list[tuple[int, raw.Line]] = []
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            listed.append((number - 1, raw.read(raw.Line, text)))
        except BadRoom as error:
            outcome.failures.append((f"line {number} of {METADATA}", str(error)))
    provenance = {"licence": LICENCE, "citation": CITATION, "metadata": _digest(listed)}
    store.start_run(name, "import", {"source": "nyu"}, provenance)
    known = _Known(store, name)
    render = lru_cache(maxsize=None)(render_tokens)  # rooms share stories; kept for this import
    seen: set[str] = set()
    for done, (position, line) in enumerate(listed, start=1):
        try:
            if line.name in seen:
                raise BadRoom(f"has a second line in {METADATA}")
            seen.add(line.name)
            if line.name not in files:
                raise BadRoom(f"has no file in {ROOMS}")
            text = (folder / ROOMS / f"{line.name}.json").read_bytes()
            room = Importer(line, raw.read(raw.Room, text), render)
            room.run()
            known.check(room, position)
            store.write(room.batch)  # all of it, or nothing
        except OSError as error:
            outcome.failures.append((line.name, f"cannot be read ({error.strerror})"))
        except ValueError as error:  # BadRoom, or a value that the core's types refuse
            outcome.failures.append((line.name, " ".join(str(error).split())))
        except (TypeError, LookupError, ArithmeticError, RecursionError) as error:
            reason = f"does not fit the format ({type(error).__name__}: {error})"
            outcome.failures.append((line.name, " ".join(reason.split())))
        else:
            known.keep(room)
            outcome.imported += 1
            outcome.complete += line.status.Complete is not None
            outcome.settings[room.setting] = outcome.settings.get(room.setting, 0) + 1
        progress(done, len(listed))
    for stray in sorted(files - seen):
        outcome.failures.append((stray, f"has no readable line in {METADATA}"))
    if not outcome.failures:
        store.finish_run(name)
    outcome.new = known.new
    outcome.changed = store.conn.total_changes > before
    return outcome


def _digest(lines: list[tuple[int, raw.Line]]) -> str:
    """A hash of the metadata without what tells the truth (right answers and rewards)."""
    value = [
        [line.name, line.question, dict(line.roleAssignments), line.creationTime,
         line.latestUpdateTime, line.includedInPaper]
        for _, line in lines
    ]  # fmt: skip
    return sha256(canonical(value).encode()).hexdigest()


class _Known:
    """What the store holds already: a room must agree with it, and is then written as it was."""

    def __init__(self, store: Store, run: str) -> None:
        self.run, self.new = run, 0
        self.truths = store.truths()
        self.matches: dict[str, tuple[int, str]] = {}
        self.positions: set[int] = set()
        sql = "SELECT position, match, labels FROM run_matches WHERE run = ?"
        for row in store.query(sql, run):
            self.matches[row["match"]] = (row["position"], row["labels"])
            self.positions.add(row["position"])
        self.turns: dict[str, set[str]] = {}
        sql = ("SELECT match, turn FROM match_turns JOIN turns ON turns.id = turn "
               "WHERE origin = 'imported'")  # fmt: skip
        for row in store.query(sql):
            self.turns.setdefault(row["match"], set()).add(row["turn"])
        sql = "SELECT id FROM matches WHERE played"
        self.played = {row["id"] for row in store.query(sql)}

    def check(self, room: Importer, position: int) -> None:
        """Complete the room's batch with its claim; raises BadRoom where the store disagrees."""
        match, item = room.match, room.batch.items[0]
        if self.truths.get(match.question.id, item.truth) != item.truth:
            raise BadRoom("another room, or this store, gives its question another true answer")
        if self.turns.get(match.id, set()) - {turn.id for _, turn in room.batch.turns}:
            raise BadRoom("was imported before with other content; import into another store")
        labels = canonical(room.labels)
        if match.id in self.matches:
            position, stored = self.matches[match.id]
            if stored != labels:
                raise BadRoom("was imported before with other metadata; import into another store")
        elif position in self.positions:
            raise BadRoom("another room was imported in its place; import into another store")
        room.batch.run_matches.append((self.run, position, match.id, room.labels))
        if room.line.status.Complete is not None and match.id not in self.played:
            room.batch.played.append(match.id)

    def keep(self, room: Importer) -> None:
        """Remember a room that has been written."""
        (_, position, match, _), item = room.batch.run_matches[0], room.batch.items[0]
        self.new += match not in self.matches
        self.positions.add(position)
        if item.truth is not None:
            self.truths[item.question.id] = item.truth
