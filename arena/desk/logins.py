"""Signing in by an organisation's login (OpenID Connect): from its claims to a person.

The claims come from a provider that the server's settings name, over its own connection to it, so
what they say is the provider's word. Who may be here is still the desk's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arena.desk.events import EVENT, event
from arena.desk.identity import (
    PERSON_SQL,
    Person,
    Rows,
    enter,
    person_of,
    start_session,
)
from arena.desk.last_admin import HAS_ANOTHER_WAY, guarded
from arena.desk.tokens import END_SESSIONS, ended_sessions
from arena.store import Store


def by_login(store: Store, claims: Mapping[str, Any]) -> tuple[Person, str] | None:
    """The person whom an identity provider vouches for, and the token of a new session.

    Only ``iss`` and ``sub`` name somebody. A pair that is not known yet is bound to a person once:
    to the one with an open invite whose *name is the e-mail address* that the provider has
    verified; that invite is used up. Anybody else gets nothing (None): being known to the
    provider is no right to be here, and an address that is not verified is ignored.
    """
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not (isinstance(issuer, str) and isinstance(subject, str) and issuer and subject):
        return None
    sql = PERSON_SQL + "JOIN logins ON logins.person = people.id WHERE issuer = ? AND subject = ?"
    known = person_of(store.one(sql, issuer, subject))
    if known is not None:
        if known.revoked_at is not None:
            return None
        return known, start_session(store, known.id, "login")
    address = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(address, str) or not address:
        return None
    sql = (
        "SELECT people.id, name, role, people.revoked_at, hash FROM invites JOIN people "
        "ON people.id = invites.person WHERE name = ? AND used_at IS NULL AND expires > ? "
        "AND invites.revoked_at IS NULL AND people.revoked_at IS NULL"
    )
    row = store.one(sql, address, time.time())
    person = person_of(row)
    if row is None or person is None:
        return None
    bind: Rows = {
        "INSERT INTO logins (issuer, subject, person) VALUES (?,?,?)": [
            (issuer, subject, person.id)
        ]
    }
    value = {"of": person.id, "issuer": issuer, "subject": subject}
    noted = event("login bound", person.id, time.time(), value=value)
    return enter(store, person, row["hash"], "login", bind, noted)


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody at an identity provider, and the person that they are here."""

    issuer: str
    subject: str
    person: str


def bound(store: Store, person: str | None = None) -> list[Login]:
    """The logins of a person, or of everybody."""
    sql = (
        "SELECT issuer, subject, person FROM logins WHERE ?1 IS NULL OR person = ?1 "
        "ORDER BY person, issuer, subject"
    )
    return [Login(**row) for row in store.query(sql, person)]


def unbind(
    store: Store, login: Login, by: str | None = None, keep: str | None = None
) -> int | None:  # fmt: skip
    """Take a login from its person, and end their sessions, which it may have begun; how many were
    ended, None where the login was not (any more) theirs. ``keep`` is the token of one that stays.

    Whoever has the login is a stranger here then: a new invite binds it again. Raises PersonError
    where it is the only way in of the last admin.
    """
    if login not in bound(store, login.person):
        return None
    now = time.time()
    value = {"of": login.person, "issuer": login.issuer, "subject": login.subject}
    return guarded(
        store,
        {
            HAS_ANOTHER_WAY: [(login.person, now, login.issuer, login.subject)],
            "DELETE FROM logins WHERE issuer = ? AND subject = ? AND person = ?": [
                (login.issuer, login.subject, login.person)
            ],
            **ended_sessions(login.person, now, keep),
            EVENT: [event("login unbound", by, now, value=value)],
        },
    )[END_SESSIONS]
