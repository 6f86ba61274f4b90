"""Signing in by an organisation's login (OpenID Connect): from its claims to a person.

The claims come from a provider that the server's settings name, over its own connection to it, so
what they say is the provider's word. Who may be here is still the desk's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from arena.desk.identity import PERSON_SQL, Person, Rows, enter, person_of, start_session
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
    return enter(store, person, row["hash"], "login", bind)
