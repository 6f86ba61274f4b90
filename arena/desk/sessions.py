"""Sessions that are live now, for whoever runs the desk: whose they are, since when, and an end.

A session is named by the hash that the store keeps; the token itself is with the browser alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from arena.desk.events import EVENT, event
from arena.desk.last_admin import HAS_A_WAY_BACK, guarded
from arena.store import Store


@dataclass(frozen=True, slots=True)
class Session:
    """One browser of one person; ``by`` is how it was signed in, times are unix times."""

    hash: str
    person: str
    name: str
    role: str
    since: float | None
    expires: float
    by: str


def live(store: Store) -> list[Session]:
    """Every session that has not ended, the newest first."""
    sql = (
        "SELECT hash, s.person, name, role, made_at AS since, expires, coalesce((SELECT "
        "json_extract(value, '$.by') FROM events AS e WHERE e.person = s.person AND e.at = made_at "
        "AND kind = 'sign-in' LIMIT 1), '') AS by FROM sessions AS s "
        "JOIN people ON people.id = s.person WHERE expires > ? AND revoked_at IS NULL "
        "ORDER BY made_at DESC, hash"
    )
    return [Session(**row) for row in store.query(sql, time.time())]


def end(store: Store, named_by: str, by: str | None = None) -> bool:
    """End the session with this hash; whether there was one.

    Raises PersonError where its person is the one admin who is in, and could not come back.
    """
    row = store.one("SELECT person FROM sessions WHERE hash = ?", named_by)
    if row is None:
        return False
    person, now = row["person"], time.time()
    others = "SELECT count(*) AS n FROM sessions WHERE person = ? AND hash <> ? AND expires > ?"
    more = store.one(others, person, named_by, now)
    guard = {} if more is not None and more["n"] else {HAS_A_WAY_BACK: [(person, now)]}
    delete = "DELETE FROM sessions WHERE hash = ?"
    noted = event("session ended", by, now, value={"of": person})
    return guarded(store, {**guard, delete: [(named_by,)], EVENT: [noted]})[delete] > 0
