"""What the verbs of the command line share: options, one-line errors, the store, JSON."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from arena.store import Store

StorePath = Annotated[
    Path, typer.Option("--store", envvar="ARENA_STORE", help="The store, one SQLite file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write the report to this file, as one page.")
]
AsMarkdown = Annotated[
    bool, typer.Option("--markdown", help="Print the report as Markdown and nothing else.")
]
Unmatched = Annotated[
    bool, typer.Option("--unmatched", help="Compare a study's arms though they do not match.")
]
DEFAULT_STORE = Path("arena.db")


@contextmanager
def one_line() -> Iterator[None]:
    """Turn errors of the call or its input into one line and exit code 2."""
    from arena.config import ConfigError
    from arena.participants import SpecError
    from arena.store import StoreError
    from ui.tables import say

    try:
        yield
    except (StoreError, ConfigError, SpecError, OSError) as error:
        say(f"arena: {error}", error=True)
        raise typer.Exit(2) from None


@contextmanager
def open_store(path: Path, must_exist: bool = False) -> Iterator[Store]:
    """The store at a path, closed afterwards. Raises StoreError where it has to exist.

    A store that this call made is removed where the block raises before anything was written: what
    is refused leaves no store behind. A store that was there before is never removed.
    """
    from arena.store import Store, StoreError

    if must_exist and not path.is_file():
        raise StoreError(f"no store at {path}; name one with --store, or make one: arena demo")
    made = None if must_exist else _made(path)
    try:
        with Store(path) as store:
            yield store
    except BaseException:
        if made is not None:
            with suppress(sqlite3.Error, OSError):  # then it stays
                _remove_unused(path, made)
        raise


def _made(path: Path) -> os.stat_result | None:
    """The file that was made for a store where there was nothing; None where something is there, or
    no file can be made, of which the store says why."""
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except OSError:
        return None
    try:
        return os.fstat(file)
    finally:
        os.close(file)


def _remove_unused(path: Path, made: os.stat_result) -> None:
    """Remove the store in the file ``made``, if nothing is in it and nobody else has it open.

    While anybody has it open there is no leaving write-ahead logging, which takes the files beside
    it away, and from then on it is locked. Who waits for that lock has the file and writes nothing
    to it: SQLite begins no journal for a file that is gone.
    """
    if not os.path.samestat(path.lstat(), made):
        return
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, timeout=0, isolation_level=None, uri=True)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        if _used(connection):
            return
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        connection.execute("BEGIN EXCLUSIVE")
        if not _used(connection) and os.path.samestat(path.lstat(), made):
            path.unlink()
    finally:
        connection.close()


def _used(connection: sqlite3.Connection) -> bool:
    """Whether any table has a row, but for that of the migrations."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> '_sqlite_migrations'"
    names = [name for (name,) in connection.execute(sql).fetchall()]
    return any(connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone() for name in names)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))
