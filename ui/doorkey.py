"""The way into a local desk: an address with a key in it, printed where the desk was started.

A loopback address and a loopback Host prove nothing: a proxy on the same machine that rewrites the
host and adds no header makes everybody on the internet look like that. So a browser has to show
that whoever uses it has read the terminal. The printed address holds a token that is new with every
start; opening it leaves a cookie, and only with that cookie does the desk answer. The cookies are
signed with a key in a file of its own beside the store (mode 0600), so that a restart signs nobody
out; where such a file cannot be kept, the key lasts as long as the process. Neither is in the
store.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

TOKEN = "ARENA_LOCAL_TOKEN"
"""The environment variable that hands the token to the server; whoever embeds a desk may set it.
A command line can be seen by everybody on the machine, the environment by its user alone."""
PATH = "/enter/"
SECONDS = 30 * 24 * 3600
"""How long a cookie is good for."""
_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,100}")


def token_of(environment: Mapping[str, str]) -> str | None:
    """The token that the environment names, if it does.

    Raises OSError (one line) where it is none: 20 to 100 letters, digits, ``_`` and ``-``.
    """
    found = environment.get(TOKEN)
    if not found:
        return None
    if not _TOKEN.fullmatch(found):
        raise OSError(
            f"{TOKEN} has to be 20 to 100 letters, digits, _ or -, hard to guess; "
            "leave it unset, and a new one is made with every start"
        )
    return found


def new_token() -> str:
    """A token of 256 bits."""
    return secrets.token_urlsafe(_BYTES)


class Door:
    """Who may come in at a local desk: whoever has its token, and then the cookie made for them."""

    def __init__(self, token: str, key: bytes) -> None:
        self._token = token
        self._key = key
        # Cookies do not know ports: a name of its own lets two desks of one machine be open.
        self.cookie = f"arena_local_{self._sign('name')[:12]}"

    def opens(self, token: str) -> bool:
        """Whether this is the token of this start."""
        return hmac.compare_digest(token.encode(errors="replace"), self._token.encode())

    def value(self, now: float | None = None) -> str:
        """What the cookie of a browser that may come in holds: until when, signed."""
        until = str(int((time.time() if now is None else now) + SECONDS))
        return f"{until}.{self._sign(until)}"

    def admits(self, value: str | None, now: float | None = None) -> bool:
        """Whether a cookie's value was made here, and is still good."""
        until, _, signed = (value or "").partition(".")
        if not re.fullmatch("[0-9]{1,12}", until, re.ASCII):
            return False
        good = hmac.compare_digest(signed.encode(errors="replace"), self._sign(until).encode())
        return good and int(until) > (time.time() if now is None else now)

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), sha256).hexdigest()


def kept_key(store: Path) -> bytes:
    """The key that signs the cookies of a store's local desk: from its file, made where there is
    none. A file that anybody else may read or has made is not used, and not touched."""
    path = store.with_name(f"{store.name}.key")
    fresh = secrets.token_bytes(_BYTES)
    if os.name != "posix":
        return fresh
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return _read(path) or fresh
    except OSError:
        return fresh
    with os.fdopen(made, "wb") as file:
        file.write(fresh)
    return fresh


def _read(path: Path) -> bytes | None:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        about = os.fstat(opened)
        own = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()
        found = os.read(opened, _BYTES + 1) if own and not about.st_mode & 0o077 else b""
    finally:
        os.close(opened)
    return found if len(found) == _BYTES else None
