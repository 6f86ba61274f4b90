"""How the judging page is started: the command, and the arguments that the page reads back."""

from __future__ import annotations

import argparse
import getpass
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.store import Store, StoreError

PAGE = Path(__file__).parent / "web" / "judging_page.py"
OPTIONS: dict[str, str] = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "runner.postScriptGC": "false",  # a full collection after every click costs more than the click
    "theme.baseRadius": "0.5rem",
    "theme.light.primaryColor": "#2f5d8a",
    "theme.light.backgroundColor": "#fcfcfa",
    "theme.light.secondaryBackgroundColor": "#f1f1ec",
    "theme.light.textColor": "#22252a",
    "theme.dark.primaryColor": "#3f78ad",
    "theme.dark.backgroundColor": "#16181b",
    "theme.dark.secondaryBackgroundColor": "#22252a",
    "theme.dark.textColor": "#e4e3de",
}


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the page is told: the store's file, who judges by default, and which run."""

    store: Path
    person: str
    run: str | None


def login_name() -> str:
    """The name of whoever started the page; `judge` where the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "judge"


def command(
    store: str | Path,
    person: str | None = None,
    run: str | None = None,
    port: int = 8501,
    address: str = "127.0.0.1",
) -> list[str]:
    """The command that serves the judging page of a store.

    Raises StoreError where the file is missing or no store, or lacks the run, and OSError where
    the port is taken: before anything is started. There is no sign-in: whoever reaches the address
    judges under any name they give.
    """
    path = Path(store)
    if not path.is_file():
        raise StoreError(f"store {path} does not exist; name one, or make one with `arena demo`")
    with Store(path) as opened:
        names = [row["name"] for row in opened.query("SELECT name FROM runs ORDER BY created_at")]
    if run is not None and run not in names:
        raise StoreError(f"no run {run!r} in this store; its runs: {', '.join(names) or 'none'}")
    _free(address, port)
    words = [sys.executable, "-m", "streamlit", "run", str(PAGE)]
    for name, value in {**OPTIONS, "server.address": address, "server.port": str(port)}.items():
        words += [f"--{name}", value]
    words += ["--", f"--store={path.resolve()}"]
    if person is not None:
        words.append(f"--person={person}")
    return words if run is None else [*words, f"--run={run}"]


def _free(address: str, port: int) -> None:
    """Raise OSError unless a server could listen there now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.create_server((address, port), family=family).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(
            f"port {port} on {address} cannot be used ({why}); "
            "stop what uses it, or choose another with --port"
        ) from None


def arguments(words: Sequence[str]) -> Arguments:
    """The arguments of the page, as `command` gave them."""
    parser = argparse.ArgumentParser(prog="judging_page.py", allow_abbrev=False)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--person", default=None)
    parser.add_argument("--run", default=None)
    given = parser.parse_args(list(words))
    return Arguments(given.store, given.person or login_name(), given.run)
