"""What the verbs of the command line share: options, one-line errors, the store, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
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
    """The store at a path, closed afterwards. Raises StoreError where it has to exist."""
    from arena.store import Store, StoreError

    if must_exist and not path.is_file():
        raise StoreError(f"no store at {path}; name one with --store, or make one: arena demo")
    with Store(path) as store:
        yield store


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))
