"""What an import would do, with nothing written: for a page or a person who asks first.

The import itself is run, on a store in memory that knows what the real one holds, so the report
says what the import will say. Uploads are unpacked with limits on their size and their names.
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from arena.config import ConfigError
from arena.sources.jsonl import agreeing, read_jsonl, read_lines
from arena.sources.nyu import METADATA, ROOMS, import_nyu
from arena.store import Store, StoreError, add_items

Kind = Literal["nyu", "jsonl"]
KINDS: tuple[Kind, ...] = ("nyu", "jsonl")
MOST_BYTES = 200_000_000
"""Of an upload, as it comes."""
MOST_UNPACKED = 2_000_000_000
MOST_FILES = 20_000
_ROOM = re.compile(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,200}\.json")
_CONTRADICTS = (
    "another room, or this store, gives its question another true answer",
    "was imported before with other",
    "another room was imported in its place",
    "is in the store with another",
)
"""How the reasons begin, or go on, that lie with what is in the store and not with the data."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What an import would come to: ``ready`` questions or rooms, of which ``new`` are not there
    yet and ``there`` are; ``bad`` ones with the reason, by line or room; and those that
    ``contradict`` what is known already. ``settings`` counts ready rooms."""

    kind: Kind
    name: str
    ready: int = 0
    new: int = 0
    there: int = 0
    bad: tuple[tuple[str, str], ...] = ()
    contradict: tuple[tuple[str, str], ...] = ()
    settings: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether everything would be imported."""
        return not self.bad and not self.contradict


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise ConfigError(f"an import is one of {', '.join(KINDS)}, got {kind!a}")
    return "nyu" if kind == "nyu" else "jsonl"


def dry_run(
    kind: str,
    source: Path | bytes,
    store: Store | None,
    name: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DryRun:
    """What importing ``source`` would do: a path, or the bytes of an upload (a .jsonl file, or the
    NYU data set as a ZIP file). ``store`` None is an empty one. Nothing is written.

    Raises ConfigError where the source is nothing of that kind, or over the limits, and StoreError
    where the store would refuse the name.
    """
    what = _kind(kind)
    called = name or _called(what, source)
    if what == "jsonl":
        return _questions(source, store, called)
    with _folder(source) as folder, _alike(store, called) as known:
        outcome = import_nyu(folder, known, called, progress)
        bad, contradict = _sorted_out(outcome.failures)
        return DryRun(
            what, called, outcome.imported, outcome.new, outcome.imported - outcome.new, bad,
            contradict, outcome.settings,
        )  # fmt: skip


def perform(
    kind: str,
    source: Path | bytes,
    store: Store,
    name: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DryRun:
    """Import ``source`` as `dry_run` has reported it, and report what was done."""
    report = dry_run(kind, source, store, name)
    if report.kind == "jsonl":
        called = f"jsonl:{report.name}"
        read = read_lines(_lines(source), called)
        add_items(store, agreeing(read, store, called).items)
    else:
        with _folder(source) as folder:
            import_nyu(folder, store, report.name, progress)
    return report


def _called(kind: Kind, source: Path | bytes) -> str:
    return "nyu" if kind == "nyu" else source.stem if isinstance(source, Path) else "upload"


# -- questions --------------------------------------------------------------------------------


def _lines(source: Path | bytes) -> list[str]:
    if isinstance(source, Path):
        read_jsonl(source)  # says in its own words why a file cannot be read
        source = source.read_bytes()
    elif len(source) > MOST_BYTES:
        raise ConfigError(_too_big(len(source)))
    try:
        return source.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _questions(source: Path | bytes, store: Store | None, name: str) -> DryRun:
    called = f"jsonl:{name}"
    read = read_lines(_lines(source), called)
    known: set[str] = set()
    items, bad = read.items, read.bad
    if store is not None:
        items, bad, _ = agreeing(read, store, called)
        sql = "SELECT id FROM questions WHERE source = ?"
        known = {row["id"] for row in store.query(sql, called)}
    there = sum(item.question.id in known for item in items)
    faults, contradict = _sorted_out([(f"line {one.number}", one.reason) for one in bad])
    return DryRun(
        "jsonl", name, len(items), len(items) - there, there, faults, contradict
    )  # fmt: skip


def _sorted_out(
    failures: list[tuple[str, str]],
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """What is bad in itself, and what contradicts the store."""
    apart = [any(words in reason for words in _CONTRADICTS) for _, reason in failures]
    bad = tuple(one for one, other in zip(failures, apart, strict=True) if not other)
    return bad, tuple(one for one, other in zip(failures, apart, strict=True) if other)


# -- rooms ------------------------------------------------------------------------------------


@contextmanager
def _alike(store: Store | None, name: str) -> Iterator[Store]:
    """A store in memory that an import takes for this one: what it compares is copied."""
    with Store(None) as made:
        if store is not None:
            for table, sql in {
                "runs": "SELECT * FROM runs WHERE name = ?1",
                "run_matches": "SELECT * FROM run_matches WHERE run = ?1",
                "truths": None,
                "matches": "SELECT * FROM matches WHERE ?1 = ?1",
                "turns": "SELECT * FROM turns WHERE origin = 'imported' AND ?1 = ?1",
                "match_turns": "SELECT mt.* FROM match_turns AS mt JOIN turns AS t "
                "ON t.id = mt.turn WHERE t.origin = 'imported' AND ?1 = ?1",
            }.items():
                rows = (
                    list(store.truths().items())
                    if sql is None
                    else [tuple(row.values()) for row in store.query(sql, name)]
                )
                if rows:
                    marks = ",".join("?" * len(rows[0]))
                    made.execute({f"INSERT INTO {table} VALUES ({marks})": rows})
        yield made


@contextmanager
def _folder(source: Path | bytes) -> Iterator[Path]:
    """The folder of the data set; of an upload, one that is removed afterwards."""
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="arena-upload-") as made:
        unpack(source, Path(made))
        yield Path(made)


def _too_big(size: int) -> str:
    return (
        f"the upload has {size} bytes, and {MOST_BYTES} are allowed; "
        "import it with `arena import` from a folder"
    )


def unpack(data: bytes, folder: Path) -> None:
    """Unpack the NYU data set from a ZIP file: the metadata and its rooms, nothing else.

    No name of the file's own becomes a path: each room is written under its plain name, below
    ``folder``. Raises ConfigError for what is no ZIP file, is encrypted or over the limits, or has
    no metadata, or two.
    """
    if len(data) > MOST_BYTES:
        raise ConfigError(_too_big(len(data)))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            _unpack(packed, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ConfigError(f"the upload is not a ZIP file that can be read ({error})") from None


def _unpack(packed: zipfile.ZipFile, folder: Path) -> None:
    entries = [one for one in packed.infolist() if not one.is_dir()]
    if len(entries) > MOST_FILES:
        raise ConfigError(f"the upload has {len(entries)} files, and {MOST_FILES} are allowed")
    if sum(one.file_size for one in entries) > MOST_UNPACKED:
        raise ConfigError(f"the upload unpacks to more than {MOST_UNPACKED} bytes")
    if any(one.flag_bits & 1 for one in entries):
        raise ConfigError("the upload is encrypted; pack it again without a password")
    tops = [one for one in entries if one.filename.split("/")[-1] == METADATA]
    if len(tops) != 1:
        raise ConfigError(f"expected a ZIP file with one {METADATA} in it, got {len(tops)}")
    prefix = tops[0].filename.removesuffix(METADATA)
    rooms = f"{prefix}{ROOMS}/"
    (folder / ROOMS).mkdir(parents=True)
    left = MOST_UNPACKED
    for one in entries:
        name = one.filename.removeprefix(rooms)
        if one is tops[0]:
            to = folder / METADATA
        elif one.filename.startswith(rooms) and _ROOM.fullmatch(name):
            to = folder / ROOMS / name
        else:
            continue
        # The sizes that a ZIP file states may be false: what comes out is counted.
        with packed.open(one) as stream, to.open("wb") as out:
            while part := stream.read(1 << 20):
                left -= len(part)
                if left < 0:
                    raise ConfigError(f"the upload unpacks to more than {MOST_UNPACKED} bytes")
                out.write(part)


__all__ = ["KINDS", "MOST_BYTES", "DryRun", "StoreError", "dry_run", "perform", "unpack"]
