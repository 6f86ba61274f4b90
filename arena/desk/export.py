"""Export of a run as files for other tools: JSON Lines, CSV, Parquet or SQLite, with a codebook.

What people did, what was said and what came of it; never passcodes, sessions or invites. The truth
and people's names are tables of their own that are made only when they are asked for. The same
store gives the same bytes, and a manifest has the SHA-256 of every file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from arena.desk.codebook import ON_REQUEST, TABLES, Column, book, markdown
from arena.desk.export_rows import ROWS, Row
from arena.desk.export_source import Source
from arena.ids import canonical
from arena.store import Store, StoreError

Kind = Literal["jsonl", "csv", "parquet", "sqlite"]
KINDS: tuple[Kind, ...] = ("jsonl", "csv", "parquet", "sqlite")
MANIFEST = "manifest.json"
DATABASE = "export.sqlite"
_FORMULA = tuple("=+-@'\t\r\n\uff1d\uff0b\uff0d\uff20")
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is made


@contextmanager
def _one_state(store: Store) -> Iterator[None]:
    """Everything is read from one state of the store, whoever writes meanwhile."""
    if store.conn.in_transaction:
        yield
        return
    store.conn.execute("BEGIN")
    try:
        yield
    finally:
        store.conn.execute("COMMIT")


def tables(
    store: Store, run: str, *, truth: bool = False, names: bool = False
) -> dict[str, list[Row]]:
    """The rows of every table of an export; columns and meanings are in `arena.desk.codebook`.

    ``truth`` and ``names`` add the tables of these names. Raises StoreError for an unknown run.
    """
    with _one_state(store):
        if store.one("SELECT 1 FROM runs WHERE name = ?", run) is None:
            known = ", ".join(row["name"] for row in store.query("SELECT name FROM runs")) or "none"
            raise StoreError(f"no run {run!r} in this store; its runs: {known}")
        source = Source(store, run)
        wanted = {"truth": truth, "names": names}
        return {name: list(ROWS[name](source)) for name in TABLES if wanted.get(name, True)}


def export(
    store: Store, run: str, kind: Kind, *, truth: bool = False, names: bool = False
) -> dict[str, bytes]:
    """The files of an export by name: one for each table (of SQLite `DATABASE`, with all of them),
    ``codebook.md`` and ``codebook.json``, and the manifest. The same store gives the same bytes.

    ``truth`` adds the true answers, ``names`` the names of people; both are off because whoever has
    the files has them. Raises StoreError for an unknown run or kind.
    """
    if kind not in KINDS:
        raise StoreError(f"an export is one of {', '.join(KINDS)}, got {kind!r}")
    found = tables(store, run, truth=truth, names=names)
    if kind == "sqlite":
        files = {DATABASE: _sqlite(found)}
        rows: dict[str, Any] = {DATABASE: {name: len(found[name]) for name in found}}
    else:
        write = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[kind]
        files = {f"{name}.{kind}": write(TABLES[name].columns, found[name]) for name in found}
        rows = {f"{name}.{kind}": len(found[name]) for name in found}
    files["codebook.md"] = markdown(run, found).encode()
    files["codebook.json"] = _document(book(found))
    manifest = {
        "run": run,
        "format": kind,
        "arena": _version(),
        "contains": [name for name in ON_REQUEST if name in found],
        "files": {
            name: {
                "sha256": sha256(data).hexdigest(),
                "bytes": len(data),
                **({"rows": rows[name]} if name in rows else {}),
            }
            for name, data in files.items()
        },
    }
    return {**files, MANIFEST: _document(manifest)}


def export_folder(
    store: Store, run: str, kind: Kind, folder: Path, *, truth: bool = False, names: bool = False
) -> dict[str, Any]:
    """Write an export into a folder, which is made, and return its manifest.

    Raises StoreError where the folder holds something else: an earlier export is replaced, its
    tables of truth and names as well; anything else is left alone.
    """
    old = _of_an_export(folder)
    files = export(store, run, kind, truth=truth, names=names)
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(old - set(files)):
        (folder / name).unlink(missing_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    manifest: dict[str, Any] = json.loads(files[MANIFEST])
    return manifest


def _of_an_export(folder: Path) -> set[str]:
    """The files that an earlier export left in a folder."""
    if not folder.exists():
        return set()
    there = {one.name for one in folder.iterdir()} if folder.is_dir() else {""}
    ours = {MANIFEST, DATABASE, "codebook.md", "codebook.json"}
    ours |= {f"{name}.{kind}" for name in TABLES for kind in KINDS}
    if there and (MANIFEST not in there or there - ours):
        raise StoreError(
            f"{folder} is not an empty folder nor an earlier export; name another with --out"
        )
    return there


def archive(
    store: Store, run: str, kind: Kind, *, truth: bool = False, names: bool = False
) -> bytes:
    """An export as a ZIP file; the same store gives the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in export(store, run, kind, truth=truth, names=names).items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, data)
    return out.getvalue()


def manifest_of(packed: bytes) -> dict[str, Any]:
    """The manifest in a ZIP file that `archive` made."""
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        found: dict[str, Any] = json.loads(opened.read(MANIFEST))
    return found


def _version() -> str:
    try:
        return version("oversight-arena")
    except PackageNotFoundError:
        return "unknown"


def _document(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode()


def _jsonl(columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    lines = (
        json.dumps(
            {column.name: row[column.name] for column in columns},
            ensure_ascii=False, allow_nan=False, separators=(",", ":"),
        )
        for row in rows
    )  # fmt: skip
    return "".join(f"{line}\n" for line in lines).encode()


def cell(column: Column, value: Any) -> str:
    """A value as a cell of a CSV file: texts quoted, and never a formula; see the codebook."""
    if value is None:
        return ""
    if column.type == "boolean":
        return "true" if value else "false"
    if column.type in ("integer", "number"):
        return repr(float(value) if column.type == "number" else int(value))
    text = value if column.type == "text" else canonical(value)
    if text.startswith(_FORMULA):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"'


def _csv(columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    lines = [",".join(column.name for column in columns)]
    lines += [",".join(cell(column, row[column.name]) for column in columns) for row in rows]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _parquet(columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    types = {
        "text": pa.string(), "json": pa.string(), "integer": pa.int64(), "number": pa.float64(),
        "boolean": pa.bool_(), "integers": pa.list_(pa.int64()), "numbers": pa.list_(pa.float64()),
        "texts": pa.list_(pa.string()),
    }  # fmt: skip
    fields = [
        pa.field(column.name, types[column.type], metadata={"meaning": column.meaning})
        for column in columns
    ]
    arrays = []
    for column, one in zip(columns, fields, strict=True):
        values = [row[column.name] for row in rows]
        if column.type == "json":
            values = [None if value is None else canonical(value) for value in values]
        arrays.append(pa.array(values, one.type))
    out = io.BytesIO()
    made = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    parquet.write_table(made, out, compression="zstd", row_group_size=65_536)
    return out.getvalue()


def _sqlite(found: dict[str, list[Row]]) -> bytes:
    """One database with every table, and the codebook as a table of its own."""
    from sqlite_utils import Database

    types = {"integer": int, "number": float, "boolean": int}
    made = Database(memory=True)
    for name, rows in found.items():
        columns = TABLES[name].columns
        table = made.table(name).create({one.name: types.get(one.type, str) for one in columns})
        table.insert_all(
            {one.name: _value(one, row[one.name]) for one in columns} for row in rows
        )  # fmt: skip
        if "match" in {one.name for one in columns}:
            table.create_index(["match"])
    made.table("codebook").insert_all(
        {"table": name, **column._asdict()} for name in found for column in TABLES[name].columns
    )
    data: bytes = made.conn.serialize()
    made.close()
    return data


def _value(column: Column, value: Any) -> Any:
    """A value as SQLite keeps it: lists and JSON as text."""
    if value is None or column.type in ("text", "integer", "number"):
        return value
    return int(value) if column.type == "boolean" else canonical(value)
