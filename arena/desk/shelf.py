"""A store that a desk's process keeps open from one click to the next.

A click opens the store two or three times. A connection that has just been used has its statements
prepared, the pages of the file in memory, and has read the matches and protocols that come again.
So connections are kept for a few seconds, and lent to one run at a time.

What is kept says nothing about rights or states: every query reads the file as it is now. When the
desk is idle nothing is open, and the file is whole without the log beside it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from arena.match import Match
from arena.store import Store, StoreError

IDLE_SECONDS = 10.0
"""For how long a connection is kept that nobody uses."""
MOST = 16
"""How many unused connections are kept at most."""
MATCHES = 64
"""How many matches a connection remembers."""


class Lent(Store):
    """A store that serves many runs, one after the other.

    A query is read to its end at once: a cursor that somebody forgot would hold the connection at
    an old state of the file. What an id says is remembered: it is the hash of its content.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.file = _file(path)
        self.schema = self._schema()
        self._matches: OrderedDict[str, Match] = OrderedDict()

    def _schema(self) -> int:
        (found,) = self.conn.execute("PRAGMA schema_version").fetchone()
        return int(found)

    def current(self, file: tuple[int, int]) -> bool:
        """Whether this is a connection to that file, whose schema nobody has changed."""
        if file != self.file or self.conn.in_transaction:
            return False
        try:
            return self._schema() == self.schema
        except sqlite3.Error:
            return False

    def query(self, sql: str, *values: Any) -> Iterator[dict[str, Any]]:
        """The rows of a query, as dictionaries."""
        return iter(list(super().query(sql, *values)))

    def one(self, sql: str, *values: Any) -> dict[str, Any] | None:
        """The first row of a query, or None."""
        rows = super().query(sql, *values)
        try:
            return next(rows, None)
        finally:
            del rows  # and with it the cursor

    def match(self, key: str) -> Match:
        """The match with this id."""
        found = self._matches.get(key)
        if found is None:
            found = self._matches[key] = super().match(key)
            if len(self._matches) > MATCHES:
                self._matches.popitem(last=False)
        self._matches.move_to_end(key)
        return found


_lock = threading.Lock()
_kept: list[tuple[Path, Lent, float]] = []  # oldest first
_sweeper: threading.Timer | None = None


def _file(path: Path) -> tuple[int, int]:
    """Which file has this name now. Raises StoreError where none has: opening would make one."""
    try:
        found = os.stat(path)
    except OSError:
        raise StoreError(f"store {path} is not there; put it back, or name another one") from None
    return found.st_dev, found.st_ino


@contextmanager
def borrowed(path: Path) -> Iterator[Store]:
    """The store in ``path``, which has to exist: one that was used a moment ago, else a new one.

    Raises StoreError where it is not there or cannot be opened.
    """
    store = _take(path)
    try:
        yield store
    except (StoreError, sqlite3.Error):
        store.close()
        raise
    except BaseException:
        _keep(path, store)
        raise
    _keep(path, store)


def _take(path: Path) -> Lent:
    file = _file(path)
    while True:
        with _lock:
            at = next((n for n in reversed(range(len(_kept))) if _kept[n][0] == path), None)
            store = None if at is None else _kept.pop(at)[1]
        if store is None:
            return Lent(path)
        if store.current(file):
            return store
        _close(store)


def _keep(path: Path, store: Lent) -> None:
    global _sweeper
    if store.conn.in_transaction:
        _close(store)
        return
    with _lock:
        _kept.append((path, store, time.monotonic()))
        over = [_kept.pop(0)[1] for _ in range(len(_kept) - MOST)]
        if _sweeper is None:
            _sweeper = _timer(IDLE_SECONDS)
    for one in over:
        _close(one)


def _timer(seconds: float) -> threading.Timer:
    made = threading.Timer(seconds, sweep)
    made.daemon = True
    made.start()
    return made


def sweep(idle: float | None = None) -> None:
    """Close what has not been used for ``idle`` seconds (`IDLE_SECONDS`), and come again as long as
    something is kept."""
    global _sweeper
    seconds = IDLE_SECONDS if idle is None else idle
    with _lock:
        since = time.monotonic() - seconds
        old = [store for _, store, at in _kept if at <= since]
        _kept[:] = [one for one in _kept if one[2] > since]
        _sweeper = _timer(max(0.1, _kept[0][2] - since)) if _kept else None
    for store in old:
        _close(store)


def _close(store: Lent) -> None:
    with suppress(sqlite3.Error):
        store.close()
