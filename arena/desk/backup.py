"""A copy of a store while it is in use.

A backup is the whole store: ground truth, names, and the hashes of passcodes, links and sessions as
well, so that a desk goes on from it where it was; it is to be kept as the store is. It is as the
store was at one moment, whatever is written meanwhile, and nobody has to wait for it. The store
itself is opened for reading alone: neither migrated nor written to.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from arena.store import BUSY_SECONDS, StoreError


def backup(store: Path, to: Path) -> int:
    """Copy the store to a new file, readable by its owner alone; how many bytes that has.

    The file is there when it is whole, or not at all. Raises StoreError (one line) where the store
    is missing or none, where the file is there already, or cannot be written.
    """
    if not store.is_file():
        raise StoreError(f"no store at {store}; name one with --store")
    if to.exists() or to.is_symlink():
        raise StoreError(f"{to} is there already; name a file that is not")
    if not to.parent.is_dir():
        raise StoreError(f"the folder {to.parent} does not exist; make it")
    part = to.with_name(f".{to.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(store, part)
        _sync(part)
        _place(part, to)
        return to.stat().st_size
    except sqlite3.Error as error:
        raise StoreError(f"no backup of {store} could be made: {error}") from error
    except OSError as error:
        why = error.strerror or str(error)
        raise StoreError(f"no backup could be written to {to}: {why}") from error
    finally:
        with suppress(OSError):
            part.unlink()


def _copy(store: Path, part: Path) -> None:
    name = f"file:{quote(str(store.absolute()))}?mode=ro"
    with (
        closing(sqlite3.connect(name, uri=True, timeout=BUSY_SECONDS)) as source,
        closing(sqlite3.connect(part, isolation_level=None)) as copy,
    ):
        sql = "SELECT count(*) FROM sqlite_master WHERE name IN ('runs', 'turns', 'people')"
        try:
            (tables,) = source.execute(sql).fetchone()
        except sqlite3.DatabaseError as error:
            if "not a database" not in str(error):
                raise
            tables = 0
        if tables != 3:
            raise StoreError(f"{store} is not an arena store; name another file")
        source.backup(copy)  # all pages in one step: of one moment
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, with no log beside it
        (sound,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise StoreError(f"store {store} is damaged ({sound}); no backup was made of it")


def _sync(part: Path) -> None:
    opened = os.open(part, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _place(part: Path, to: Path) -> None:
    """Give the file its name, unless somebody has made one with that name meanwhile."""
    try:
        os.link(part, to)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if to.exists():
            raise FileExistsError(f"{to} is there already") from None
        os.replace(part, to)
