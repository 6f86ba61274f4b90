"""The people of a store: who they are, what they may do, and how a browser proves who it is.

Nobody picks a name at the desk. A person is invited by a link that works once and is then known by
a session; both are random tokens of 256 bits, of which the store keeps the SHA-256 alone, so
whoever reads the store can sign in as nobody. Roles, sessions and revocation are read from their
rows on every request and every run: what is changed here holds from the next click on.
"""

from __future__ import annotations

import sqlite3
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.batch import Batch, rows
from arena.desk.chairs import PersonError
from arena.desk.events import EVENT, event
from arena.desk.last_admin import HAS_A_WAY_BACK, NOT_THE_LAST, guarded
from arena.desk.tokens import END_SESSIONS, SWEEP, digest_of, ended_sessions, new_token
from arena.ids import content_id
from arena.match import PERSON
from arena.store import Store

JUDGE, RESEARCHER, ADMIN = "judge", "researcher", "admin"
ROLES = (JUDGE, RESEARCHER, ADMIN)
MAX_NAME = 80
INVITE_HOURS = 72.0
SESSION_SECONDS = 7 * 24 * 3600.0

Rows = dict[str, Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be at the desk, and as what."""

    id: str
    name: str
    role: str = JUDGE
    revoked_at: float | None = None


# People and roles.


def tidy(name: str) -> str:
    """A name as it is kept: NFC, single spaces. Raises PersonError where it is empty or long."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name or len(name) > MAX_NAME:
        raise PersonError(f"A name has 1 to {MAX_NAME} characters; this one has {len(name)}.")
    return name


def _record(name: str) -> dict[str, object]:
    return {"kind": PERSON, "name": name}


def _registration(name: str) -> tuple[str, Rows]:
    """The id of a tidy name, and the statements that note the person where it is new."""
    person = content_id("a", _record(name))
    statements: Rows = {
        "INSERT OR IGNORE INTO people (id, name, created_at) VALUES (?,?,?)": [
            (person, name, time.time())
        ],
        **rows(Batch(participants={person: _record(name)})),
    }
    return person, statements


def register(store: Store, name: str) -> str:
    """The id of the person called ``name``, who is noted (as a judge) when the name is new."""
    person, statements = _registration(tidy(name))
    if store.one("SELECT 1 FROM people WHERE id = ?", person) is None:
        store.execute(statements, full=True)
    return person


PERSON_SQL = "SELECT people.id, name, role, people.revoked_at FROM people "


def person_of(row: Mapping[str, Any] | None) -> Person | None:
    return None if row is None else Person(row["id"], row["name"], row["role"], row["revoked_at"])


def by_id(store: Store, person: str) -> Person | None:
    """The person with this id."""
    return person_of(store.one(PERSON_SQL + "WHERE people.id = ?", person))


def named(store: Store, name: str) -> Person:
    """The person with this name. Raises PersonError where there is none."""
    found = person_of(
        store.one(PERSON_SQL + "WHERE people.id = ?", content_id("a", _record(tidy(name))))
    )
    if found is None:
        raise PersonError("Nobody has that name here; see who there is with `arena people list`.")
    return found


def people(store: Store) -> list[Person]:
    """Everybody, by name; also those whose access was revoked."""
    found = (person_of(row) for row in store.query(PERSON_SQL + "ORDER BY name"))
    return [one for one in found if one is not None]


def local(store: Store, name: str) -> Person:
    """Whoever started the desk on a loopback address: an admin for as long as it runs there.

    The role is not kept: where the same store is served with a sign-in, it counts for nothing.
    """
    return Person(register(store, name), tidy(name), ADMIN)


def set_role(
    store: Store, person: str, role: str, by: str | None = None, keep: str | None = None
) -> int:
    """Give a person another role, and end their sessions; how many were ended.

    ``keep`` is the token of one that goes on: whose role changes by their own hand stays in.
    Raises PersonError for an unknown role or person, and for the last admin who can sign in.
    """
    if role not in ROLES:
        raise PersonError(f"A role is one of {', '.join(ROLES)}; this one is none of them.")
    was = _need(store, person)
    if was.role == role:
        return 0
    now, value = time.time(), {"of": person, "from": was.role, "to": role}
    return guarded(
        store,
        {
            NOT_THE_LAST: [(person, now)],
            _ROLE: [(role, person)],
            **ended_sessions(person, now, keep),
            EVENT: [event("role", by, now, value=value)],
        },
    )[END_SESSIONS]


def _need(store: Store, person: str) -> Person:
    found = by_id(store, person)
    if found is None:
        raise PersonError("There is no such person in this store.")
    return found


_ROLE = "UPDATE people SET role = ? WHERE id = ?"
_END_INVITES = (
    "UPDATE invites SET revoked_at = ? "
    "WHERE person = ? AND used_at IS NULL AND revoked_at IS NULL"
)  # fmt: skip


def revoke(store: Store, person: str, by: str | None = None) -> int:
    """End a person's access: its sessions and open invites, at once. What it did stays.

    Returns how many sessions were ended. Raises PersonError for the last admin who can sign in.
    """
    _need(store, person)
    now = time.time()
    return guarded(
        store,
        {
            NOT_THE_LAST: [(person, now)],
            "UPDATE people SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL": [(now, person)],
            **ended_sessions(person, now),
            _END_INVITES: [(now, person)],
            EVENT: [event("revoked", by, now, value={"of": person})],
        },
    )[END_SESSIONS]


def restore(store: Store, person: str, by: str | None = None) -> None:
    """Let a person in again who was revoked; an invite or a passcode is needed as before."""
    was = _need(store, person)
    if was.revoked_at is not None:
        store.execute(
            {
                "UPDATE people SET revoked_at = NULL WHERE id = ?": [(person,)],
                EVENT: [event("restored", by, time.time(), value={"of": person})],
            },
            full=True,
        )


# Invites.


@dataclass(frozen=True, slots=True)
class Invite:
    """A link that somebody was given; ``hash`` names it, the token itself is not kept."""

    hash: str
    person: str
    made_at: float | None
    made_by: str | None
    expires: float
    used_at: float | None
    revoked_at: float | None

    def state(self, now: float) -> str:
        """ "used", "revoked", "expired" or "open"."""
        if self.used_at is not None:
            return "used"
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires <= now else "open"


def invite(
    store: Store, name: str, role: str | None = None, hours: float = INVITE_HOURS,
    by: str | None = None,
) -> str:  # fmt: skip
    """A new invite's token, which is shown once and works once; ends the person's earlier ones.

    The person is noted where the name is new, as a judge unless ``role`` says otherwise; without
    a ``role`` somebody known keeps theirs, and another one ends their sessions. Raises PersonError
    for a person who was revoked, a role that there is not or that the last admin would get, or a
    time that is not above 0 and at most a year (8760 hours).
    """
    name = tidy(name)
    if role is not None and role not in ROLES:
        raise PersonError(f"A role is one of {', '.join(ROLES)}; this one is none of them.")
    if not 0 < hours <= 8760:
        raise PersonError(f"An invite lasts more than 0 and at most 8760 hours, not {hours:g}.")
    person, statements = _registration(name)
    known = by_id(store, person)
    if known is not None and known.revoked_at is not None:
        raise PersonError("This person's access was revoked; restore it before inviting again.")
    was = known or Person(person, name)
    token, now = new_token(), time.time()
    noted = [event("invite", by, now, value={"of": person, "hours": hours})]
    if role is not None and role != was.role:
        statements = {
            NOT_THE_LAST: [(person, now)], **statements, _ROLE: [(role, person)],
            **ended_sessions(person, now),
        }  # fmt: skip
        value = {"of": person, "from": was.role, "to": role}
        noted.append(event("role", by, now, value=value))
    statements[_END_INVITES] = [(now, person)]
    put = "INSERT INTO invites (hash, person, expires, made_at, made_by) VALUES (?,?,?,?,?)"
    statements[put] = [(digest_of(token), person, now + hours * 3600, now, by)]
    guarded(store, {**statements, EVENT: noted})
    return token


def invites(store: Store) -> list[Invite]:
    """Every invite, newest first."""
    sql = (
        "SELECT hash, person, made_at, made_by, expires, used_at, revoked_at FROM invites "
        "ORDER BY made_at DESC, hash"
    )
    return [Invite(**row) for row in store.query(sql)]


def revoke_invite(store: Store, named_by: str, by: str | None = None) -> bool:
    """Revoke the open invite with this hash; whether there was one."""
    row = store.one(
        "SELECT person FROM invites WHERE hash = ? AND used_at IS NULL AND revoked_at IS NULL",
        named_by,
    )
    if row is None:
        return False
    end = "UPDATE invites SET revoked_at = ? WHERE hash = ? AND used_at IS NULL"
    store.execute(
        {
            end: [(now := time.time(), named_by)],
            EVENT: [event("invite revoked", by, now, value={"of": row["person"]})],
        },
        full=True,
    )
    return True


_OPEN = (
    "FROM invites JOIN people ON people.id = invites.person WHERE hash = ? AND used_at IS NULL "
    "AND invites.revoked_at IS NULL AND people.revoked_at IS NULL AND expires > ?"
)


def invited(store: Store, token: str) -> Person | None:
    """Whom an open invite is for; nothing is consumed. None for any other token."""
    sql = f"SELECT people.id, name, role, people.revoked_at {_OPEN}"
    return person_of(store.one(sql, digest_of(token), time.time()))


def accept(store: Store, token: str) -> tuple[Person, str] | None:
    """Use up an invite: the person, and the token of the new session; None where it is not open.

    Of any number of tries with one token, at the same moment or later, one succeeds: the session
    is inserted for the person of the *open* invite, or (NOT NULL) the whole transaction fails.
    """
    person = invited(store, token)
    return None if person is None else enter(store, person, digest_of(token))


def enter(
    store: Store, person: Person, digest: str, how: str = "invite", more: Rows | None = None,
    *noted: tuple[Any, ...],
) -> tuple[Person, str] | None:  # fmt: skip
    """Use up the open invite with this hash, and do ``more``, with its events, in the same
    transaction."""
    now, session = time.time(), new_token()
    begin = (
        "INSERT INTO sessions (hash, person, expires, made_at) "
        f"VALUES (?, (SELECT invites.person {_OPEN}), ?, ?)"
    )
    use = "UPDATE invites SET used_at = ? WHERE hash = ? AND used_at IS NULL AND revoked_at IS NULL"
    try:
        store.execute(
            {
                begin: [(digest_of(session), digest, now, now + SESSION_SECONDS, now)],
                use: [(now, digest)],
                **(more or {}),
                EVENT: [
                    event("invite used", person.id, now),
                    *noted,
                    event("sign-in", person.id, now, value={"by": how}),
                ],
            },
            full=True,
        )
    except sqlite3.IntegrityError:  # somebody else was faster, or it was revoked meanwhile
        return None
    return person, session


# Sessions.


def start_session(store: Store, person: str, how: str) -> str:
    """The token of a new session, for somebody who has proved who they are: by ``how``."""
    now, token = time.time(), new_token()
    begin = "INSERT INTO sessions (hash, person, expires, made_at) VALUES (?,?,?,?)"
    store.execute(
        {
            SWEEP: [(now,)],
            begin: [(digest_of(token), person, now + SESSION_SECONDS, now)],
            EVENT: [event("sign-in", person, now, value={"by": how})],
        },
        full=True,
    )
    return token


def signed_in(store: Store, token: str) -> Person | None:
    """Whose session this token is; None where it is unknown, expired or revoked."""
    sql = PERSON_SQL + (
        "JOIN sessions ON sessions.person = people.id "
        "WHERE hash = ? AND expires > ? AND people.revoked_at IS NULL"
    )
    return person_of(store.one(sql, digest_of(token), time.time()))


def sign_out(store: Store, token: str) -> None:
    """End the session with this token."""
    person = signed_in(store, token)
    if person is not None:
        end = "DELETE FROM sessions WHERE hash = ?"
        noted = event("sign-out", person.id, time.time())
        store.execute({end: [(digest_of(token),)], EVENT: [noted]}, full=True)


def end_sessions(
    store: Store, person: str, by: str | None = None, keep: str | None = None
) -> int:  # fmt: skip
    """End the sessions of a person, who may sign in again; how many there were.

    ``keep`` is the token of one that goes on. Raises PersonError for the last admin who can sign
    in, where neither a passcode nor a login leads back.
    """
    now = time.time()
    guard: Rows = {} if keep is not None else {HAS_A_WAY_BACK: [(person, now)]}
    noted = event("sessions revoked", by, now, value={"of": person})
    return guarded(store, {**guard, **ended_sessions(person, now, keep), EVENT: [noted]})[
        END_SESSIONS
    ]


def session_counts(store: Store) -> dict[str, int]:
    """How many sessions each person has now: person's id -> number."""
    sql = "SELECT person, count(*) AS n FROM sessions WHERE expires > ? GROUP BY person"
    return {row["person"]: row["n"] for row in store.query(sql, time.time())}
