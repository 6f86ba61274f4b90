"""The runs that researchers look at as a whole: which there are, how they stand, what to read of
them, and that somebody has opened one's report.

Nothing here reads ground truth. A report does, so whoever opens one is noted; no single debate is
told by it, so it costs nobody a place as a judge.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from arena.desk.events import EVENT_ONCE, event
from arena.desk.standing import AGAIN
from arena.ids import content_id
from arena.store import Store

Page = Literal["tournament", "studies", "training"]
Version: TypeAlias = tuple[object, ...]
"""How far a run has come: another one where anything was written that its report may read."""

_RUNS = (
    "SELECT r.name, r.kind, r.created_at, r.finished_at, coalesce((SELECT max(position) + 1 "
    "FROM run_matches AS rm WHERE rm.run = r.name), 0) AS matches "
    f"FROM runs AS r WHERE r.kind <> '{AGAIN}' ORDER BY r.created_at DESC, r.rowid DESC"
)
_MEETS = (
    "SELECT 1 FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match WHERE rm.run = ? "
    "AND m.protocol IN (SELECT value FROM json_each(?)) LIMIT 1"
)
_VERSION = (
    "SELECT (SELECT created_at FROM runs WHERE name = ?1) AS made, "
    "(SELECT finished_at FROM runs WHERE name = ?1) AS finished, "
    "(SELECT max(position) FROM run_matches WHERE run = ?1) AS matches, "
    "(SELECT max(rowid) FROM match_turns) AS turns, "
    "(SELECT max(id) FROM events WHERE kind IN ('withdrawn', 'prices', 'locked')) AS marks"
)
_MEASURED = (
    "SELECT (SELECT finished_at FROM runs WHERE name = ?1) AS finished, step, count(*) AS figures "
    "FROM metrics WHERE run = ?1 AND step = (SELECT max(step) FROM metrics WHERE run = ?1)"
)


@dataclass(frozen=True, slots=True)
class Run:
    """A run: its name, its kind, when it was begun (seconds since 1970), whether it has come to its
    end, and how many matches it claims."""

    name: str
    kind: str
    made: float
    finished: bool
    matches: int

    @property
    def state(self) -> str:
        """How it stands, in words. One that was stopped is not finished either."""
        return "finished" if self.finished else "not finished"


def runs(store: Store) -> list[Run]:
    """Every run, the newest first; second readings at the desk are of the run that they repeat."""
    return [
        Run(row["name"], row["kind"], row["created_at"], row["finished_at"] is not None,
            row["matches"])
        for row in store.query(_RUNS)
    ]  # fmt: skip


def of_two_speakers(store: Store) -> list[Run]:
    """The runs in which two meet, so that there is something to rate."""
    some = [
        row["id"] for row in store.query("SELECT id FROM protocols")
        if len(store.protocol(row["id"]).speakers) == 2
    ]  # fmt: skip
    wanted = json.dumps(some)
    found = [one for one in runs(store) if one.matches]
    return [one for one in found if store.one(_MEETS, one.name, wanted) is not None]


def with_matches(store: Store) -> list[Run]:
    """The runs that have something to report on."""
    return [one for one in runs(store) if one.matches]


def trainings(store: Store) -> list[Run]:
    """The training runs."""
    return [one for one in runs(store) if one.kind == "train"]


def version(store: Store, run: str) -> Version:
    """What a report on the run rests on, as of now; it takes no look at the matches themselves."""
    return tuple((store.one(_VERSION, run) or {}).values())


def measured(store: Store, run: str) -> Version:
    """The last step of a training that has figures, how many it has, and whether all is over."""
    return tuple((store.one(_MEASURED, run) or {}).values())


def token(run: str) -> str:
    """What stands for a run in an address: of its name, and not the name itself."""
    return content_id("f", ["run", run])[:13]


def named(some: Sequence[Run], given: str) -> Run | None:
    """The run that an address names: by its token, or by its name."""
    return next((one for one in some if given in (token(one.name), one.name)), None)


def sample(store: Store, run: str, n: int) -> list[str]:
    """Up to ``n`` matches of a run that are over, spread evenly over it, by id. Runs that play the
    same plan, as the evaluations of a training do, give the same places of it."""
    row = store.one("SELECT max(position) + 1 AS n FROM run_matches WHERE run = ?", run)
    size = int((row or {}).get("n") or 0)
    places = sorted({i * size // n for i in range(n)}) if size else []
    sql = (
        "SELECT match FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match "
        "WHERE run = ? AND m.played AND position IN (SELECT value FROM json_each(?)) "
        "ORDER BY position"
    )
    return list(dict.fromkeys(row["match"] for row in store.query(sql, run, json.dumps(places))))


def opened(store: Store, run: str, person: str, page: Page, now: float | None = None) -> None:
    """Note, once for each run and page, that this person looks at what is told of the run against
    the truth. Called before the first page is drawn that shows it."""
    key = f"looked:{token(run)}:{person}:{page}"
    if store.one("SELECT 1 FROM events WHERE key = ?", key) is None:
        now = time.time() if now is None else now
        value = {"run": run, "page": page}
        store.execute({EVENT_ONCE: [event("looked", person, now, value=value, key=key)]}, full=True)
