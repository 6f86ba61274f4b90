"""How the desk is started: the command, and the arguments that its app and its script read back.

There are two modes. *Local*, on a loopback address: whoever opens the address that was printed is
in, as an admin, with no sign-in (`ui.doorkey`); the gate answers to loopback names alone. *Signed*,
anywhere else: nobody is in without a session. An app that is started by hand, without the command's
words, is signed.
"""

from __future__ import annotations

import argparse
import getpass
import ipaddress
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.store import Store, StoreError

WEB = Path(__file__).parent / "web"
DESK = WEB / "desk_app.py"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
OPTIONS: dict[str, str] = {
    "server.headless": "true",
    "logger.hideWelcomeMessage": "true",  # it names an address that lacks the way in
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "server.enableXsrfProtection": "true",
    "server.enableCORS": "true",
    "server.enableStaticServing": "false",
    "server.enableAgentApi": "false",
    "runner.magicEnabled": "false",  # a value that stands alone in a script is not for the page
    "runner.fastReruns": "false",  # else two clicks of a tab run at once, and can lose one another
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
    """What app and script are told: the store's file, who is at the desk where nobody signs in, the
    run to judge (None: all), whether the desk is local, whether browsers reach it by https, and the
    host names it answers to (none: any, and in local mode those of this machine)."""

    store: Path
    person: str
    run: str | None
    local: bool = False
    https: bool = False
    hosts: tuple[str, ...] = ()


def login_name() -> str:
    """The name of whoever started the desk; `judge` where the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "judge"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine, and only this one."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def command(
    store: str | Path,
    person: str | None = None,
    run: str | None = None,
    port: int = 8501,
    address: str = "127.0.0.1",
    local: bool | None = None,
    https: bool = False,
    hosts: Sequence[str] = (),
) -> list[str]:
    """The command that serves the desk of a store.

    ``local`` is whether nobody signs in: so where the address is a loopback one, if left out. A
    local desk takes its token from the environment (`ui.doorkey.TOKEN`) and ends without one.
    Raises StoreError where the file is missing or no store, or lacks the run, and OSError where
    the port is taken or a local desk is asked for on another address: before anything is started.
    """
    local = is_loopback(address) if local is None else local
    if local and not is_loopback(address):
        raise OSError(
            f"a local desk has no sign-in, and {address} may be reached by others; "
            "leave out --local, or use --address 127.0.0.1"
        )
    path = Path(store)
    if not path.is_file():
        raise StoreError(f"store {path} does not exist; name one, or make one with `arena demo`")
    with Store(path) as opened:
        names = [row["name"] for row in opened.query("SELECT name FROM runs ORDER BY created_at")]
    if run is not None and run not in names:
        raise StoreError(f"no run {run!r} in this store; its runs: {', '.join(names) or 'none'}")
    _free(address, port)
    words = [sys.executable, "-m", "streamlit", "run", str(DESK)]
    for name, value in {**OPTIONS, "server.address": address, "server.port": str(port)}.items():
        words += [f"--{name}", value]
    for host in (*LOOPBACK, address) if local else hosts:
        words += ["--server.allowedHosts", host.strip("[]")]
    words += ["--", f"--store={path.resolve()}"]
    if person is not None:
        words.append(f"--person={person}")
    if run is not None:
        words.append(f"--run={run}")
    words += [f"--host={host}" for host in hosts]
    return [*words, *(["--local"] if local else []), *(["--https"] if https else [])]


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
    """The arguments of app and script, as `command` gave them."""
    parser = argparse.ArgumentParser(prog="desk_app.py", allow_abbrev=False)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--person", default=None)
    parser.add_argument("--run", default=None)
    parser.add_argument("--host", action="append", default=[])
    parser.add_argument("--local", action="store_true")
    parser.add_argument("--https", action="store_true")
    given = parser.parse_args(list(words))
    return Arguments(
        given.store, given.person or login_name(), given.run, given.local, given.https,
        tuple(given.host),
    )  # fmt: skip


def address_of(address: str, port: int, https: bool = False, hosts: Sequence[str] = ()) -> str:
    """The address that a browser is given, without a slash at its end."""
    if hosts:
        return f"{'https' if https else 'http'}://{hosts[0]}{'' if https else f':{port}'}"
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(address, address)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def first_invite(store: str | Path, person: str | None) -> str | None:
    """The path of a one-time link for the first admin, where no admin can sign in yet.

    Earlier links to the same person end. It is shown on the terminal and kept nowhere.
    """
    from arena.desk import chairs, identity, passcodes

    with Store(store) as opened:
        if passcodes.can_enter(opened):
            return None
        try:
            return f"/join/{identity.invite(opened, person or login_name(), identity.ADMIN, 24)}"
        except chairs.PersonError as error:
            raise StoreError(f"no admin can sign in: {error} Name one with --person") from None
