"""Signing in by name and passcode: for those who have set one, and for every admin.

A passcode is kept as scrypt of it with a salt of its own. An unknown name, a person without a
passcode, one whose access was revoked, and a wrong passcode take the same path: one scrypt, one
comparison in constant time, one event, one answer. So the desk does not tell who is known to it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable

from arena.desk.chairs import PersonError
from arena.desk.events import EVENT, event
from arena.desk.identity import (
    ADMIN,
    Person,
    by_id,
    start_session,
    tidy,
)
from arena.desk.last_admin import can_enter as can_enter
from arena.desk.tokens import END_SESSIONS, ended_sessions
from arena.ids import content_id
from arena.match import PERSON
from arena.store import Store

SHORTEST, LONGEST = 10, 200
_COST = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26, "dklen": 32}  # 32 MiB, about 0.1 s
_NOBODY = secrets.token_bytes(16)
_ROOM = threading.BoundedSemaphore(2)  # so many at once: strangers shall not fill the memory


class TooMany(PersonError):
    """Too many refused sign-ins; ``seconds`` is how long to wait."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, round(seconds + 0.5))
        super().__init__(f"Too many tries. Wait {self.seconds} s, then try again.")


def _hash(passcode: str, salt: bytes) -> bytes:
    text = unicodedata.normalize("NFC", passcode)
    return hashlib.scrypt(text.encode(errors="replace"), salt=salt, **_COST)


def set_passcode(
    store: Store, person: str, passcode: str, by: str | None = None, keep: str | None = None
) -> int:
    """Keep a person's passcode, in place of an earlier one, and end their sessions: whoever changes
    a passcode may do so because somebody else is in. ``keep`` is the token of the session that
    goes on. Returns how many were ended.

    Raises PersonError for fewer than 10 or more than 200 characters, the person's own name, or
    a person who is not there.
    """
    found = by_id(store, person)
    if found is None:
        raise PersonError("There is no such person in this store.")
    if not SHORTEST <= len(passcode) <= LONGEST:
        raise PersonError(
            f"A passcode has {SHORTEST} to {LONGEST} characters; this one has {len(passcode)}."
        )
    if passcode.strip().casefold() == found.name.casefold():
        raise PersonError("A passcode must not be your name.")
    salt = secrets.token_bytes(16)
    put = (
        "INSERT INTO passcodes (person, salt, hash, at) VALUES (?,?,?,?) ON CONFLICT (person) "
        "DO UPDATE SET salt = excluded.salt, hash = excluded.hash, at = excluded.at"
    )
    return store.execute(
        {
            put: [(person, salt, _hash(passcode, salt), now := time.time())],
            **ended_sessions(person, now, keep),
            EVENT: [event("passcode", by, now, value={"of": person})],
        },
        full=True,
    )[END_SESSIONS]


def has_passcode(store: Store, person: str) -> bool:
    """Whether a person can sign in by name."""
    return store.one("SELECT 1 FROM passcodes WHERE person = ?", person) is not None


def must_set_one(store: Store, person: Person) -> bool:
    """Whether this is an admin who could not sign in again: no passcode, and no login either."""
    if person.role != ADMIN or has_passcode(store, person.id):
        return False
    return store.one("SELECT 1 FROM logins WHERE person = ?", person.id) is None


def sign_in(
    store: Store, name: str, passcode: str, address: str, tries: Attempts
) -> tuple[Person, str] | None:
    """The person, and the token of a new session; None where name and passcode do not fit.

    Raises TooMany before anything is compared, where this name or this address had too many
    refusals of late.
    """
    try:
        key = content_id("a", {"kind": PERSON, "name": tidy(name)})
    except PersonError:
        key = ""  # nobody's, but not refused any faster
    tries.begin(key, address)
    fits, person = fit(store, key, passcode), by_id(store, key)
    if not fits or person is None or person.revoked_at is not None:
        # The name is not kept: it may be a passcode, typed into the wrong field.
        value = {"of": None if person is None else person.id, "address": address}
        store.execute({EVENT: [event("refused sign-in", None, time.time(), value=value)]})
        return None
    tries.succeeded(key, address)
    return person, start_session(store, person.id, "passcode")


def fit(store: Store, person: str, passcode: str) -> bool:
    """Whether the passcode is this person's; as slow where they have none, or are nobody.

    Raises TooMany where others are being compared and it is not this one's turn within 2 s.
    """
    row = store.one("SELECT salt, hash FROM passcodes WHERE person = ?", person)
    salt, expected = (_NOBODY, bytes(32)) if row is None else (row["salt"], row["hash"])
    if not _ROOM.acquire(timeout=2):
        raise TooMany(5)
    try:
        found = _hash(passcode[: LONGEST + 1], salt)
    finally:
        _ROOM.release()
    return hmac.compare_digest(found, expected) and row is not None


class Attempts:
    """Refused sign-ins, counted by account and by address.

    After ``by_account`` tries with one name, or ``by_address`` from one address, each further one
    has to wait: a second, then twice as long each time, up to 15 minutes; 15 minutes without a
    try forget the count. Tries are counted when they begin, so many at once gain nothing. The
    counts are in memory, of which the desk has one (it is one process): a stranger can then not
    have rows written or read, and what a restart forgets is a few tries at a passcode of ten or
    more characters. An IPv6 address counts as its network of 64 bits.
    """

    def __init__(
        self, by_account: int = 5, by_address: int = 30, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._free = {"account": by_account, "address": by_address}
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    LONGEST_WAIT = 900.0
    MOST_KEPT = 20_000

    def begin(self, account: str, address: str) -> None:
        """Count a try; raises TooMany, and counts nothing, where it comes too early."""
        now = self._clock()
        keys = [("account", account), ("address", _network(address))]
        with self._lock:
            counts = [self._count(key, now) for key in keys]
            wait = max(self._until(key, n, last) - now
                       for key, (n, last) in zip(keys, counts, strict=True))  # fmt: skip
            if wait > 0:
                raise TooMany(wait)
            for key, (n, _) in zip(keys, counts, strict=True):
                self._kept[key] = (n + 1, now)
                self._kept.move_to_end(key)
            while len(self._kept) > self.MOST_KEPT:
                self._kept.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """Forget the account's tries, and this one of the address."""
        key = ("address", _network(address))
        with self._lock:
            self._kept.pop(("account", account), None)
            n, last = self._kept.get(key, (0, 0.0))
            if n > 0:
                self._kept[key] = (n - 1, last)

    def _count(self, key: tuple[str, str], now: float) -> tuple[int, float]:
        n, last = self._kept.get(key, (0, now))
        return (0, now) if now - last >= self.LONGEST_WAIT else (n, last)

    def _until(self, key: tuple[str, str], n: int, last: float) -> float:
        over = n - self._free[key[0]]
        return last if over < 0 else last + min(2.0**over, self.LONGEST_WAIT)


def _network(address: str) -> str:
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if known.version == 6:
        return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))
    return str(known)
