"""The store to oneself: for an act that must rest on what it has just read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from arena.store import Store, StoreError

Statements: TypeAlias = Mapping[str, Sequence[tuple[Any, ...]]]


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """One ``BEGIN IMMEDIATE`` transaction around the body: nobody else writes meanwhile, so what it
    reads still holds where it writes (`write`). It is durable when the body is left; an exception
    undoes all of it. Only for what takes a moment: everybody else's acts wait.

    Raises StoreError when the file stays locked.
    """
    try:
        store.conn.execute("PRAGMA synchronous = FULL")
        store.conn.execute("BEGIN IMMEDIATE")
        yield
        store.conn.execute("COMMIT")
    except BaseException as error:
        if store.conn.in_transaction:
            store.conn.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(store._explain(error)) from error
        raise
    finally:
        store.conn.execute("PRAGMA synchronous = NORMAL")


def write(store: Store, statements: Statements) -> None:
    """Run each statement over its rows, inside `alone`."""
    for statement, values in statements.items():
        store.conn.executemany(statement, values)
