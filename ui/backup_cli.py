"""``arena backup``: a copy of a store while it is in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.options import DEFAULT_STORE, AsJson, StorePath, one_line, print_json


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Copy the whole store to a file, as it is at one moment, while others go on writing.

    Truth, names and the hashes of passcodes and sessions are in it: keep it as you keep the store.
    """
    from arena.desk.backup import backup as copy
    from ui.tables import say

    with one_line():
        size = copy(store, file)
    if as_json:
        print_json({"store": str(store), "file": str(file), "bytes": size})
        return
    say(f"{store} is copied to {file} ({size / 2**20:.1f} MiB); keep it as you keep the store")
