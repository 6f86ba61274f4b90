"""How a store and its desk are: sizes, rows, and what waits for machines. For admins."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from arena import leases
from arena.store import Store

LOOKED_AT = 200
"""Of how many unfinished debates it is found out what they wait for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is: ``version`` of arena, the last migration, bytes of the file and of its
    write-ahead log, and rows by table."""

    version: str
    schema: str
    file: int
    log: int
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A debate in which machines are to go on; ``since`` is unix time."""

    run: str
    match: str
    since: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Machines:
    """What `arena work` does and has to do: ``held`` debates are held by workers now, ``lapsed``
    were by workers that have fallen silent, ``waiting`` are due, the oldest first; ``all`` is
    whether all unfinished debates were looked at."""

    held: int
    lapsed: int
    waiting: list[Waiting]
    all: bool


def version_of() -> str:
    """The installed version of this project; empty where it runs without being installed."""
    try:
        return version("oversight-arena")
    except PackageNotFoundError:
        return ""


def facts(store: Store) -> Facts:
    """Sizes and counts of a store."""
    names = [
        row["name"]
        for row in store.query(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name"
        )
    ]
    rows = {}
    for name in names:
        row = store.one(f'SELECT count(*) AS n FROM "{name}"')
        rows[name] = 0 if row is None else int(row["n"])
    last = store.one("SELECT name FROM _sqlite_migrations ORDER BY rowid DESC LIMIT 1")
    return Facts(
        version_of(), "" if last is None else str(last["name"]), _size(store.path),
        0 if store.path is None else _size(store.path.with_name(f"{store.path.name}-wal")), rows,
    )  # fmt: skip


def _size(path: Path | None) -> int:
    try:
        return 0 if path is None else path.stat().st_size
    except OSError:
        return 0


def machines(store: Store, now: float | None = None) -> Machines:
    """What waits for machines in this store now."""
    now = time.time() if now is None else now
    until = leases.held(store)
    held = sum(one > now for one in until.values())
    unplayed = {row["id"] for row in store.query("SELECT id FROM matches WHERE NOT played")}
    open_ = [one for one in leases.claimed(store) if one.match in unplayed]
    found = []
    for one in open_[:LOOKED_AT]:
        due = leases.due(store, one)
        if due is not None:
            state = leases.status(store, due.match, now)
            failed = due.failure is not None and due.failure.again is None
            found.append(Waiting(one.run, one.match, now if state is None else state.since, failed))
    found.sort(key=lambda one: one.since)
    return Machines(held, len(until) - held, found, len(open_) <= LOOKED_AT)
