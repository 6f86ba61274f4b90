"""Leaving a debate, for now or for good, and saying that something is wrong with it.

Every act is one transaction that is durable before it returns. Nothing here reads ground truth.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from arena.desk.chairs import PersonError, look, seat_of, written
from arena.desk.drafts import CLEAR
from arena.desk.events import EVENT_ONCE, event
from arena.desk.guards import UNLESS_JUDGED
from arena.desk.reading import reading
from arena.desk.settings import Settings
from arena.desk.standing import assignment_id
from arena.desk.worklist import CLOSE_AGAIN, RELEASE
from arena.ids import content_id
from arena.match import Match
from arena.store import Store

_CLOSE = (
    "INSERT INTO assignments (match, seat, holder, until, done, id, closed, closed_at) "
    "VALUES (?,?,?,0,0,?,'recused',?) ON CONFLICT (match, seat, holder) DO UPDATE SET until = 0, "
    "id = coalesce(id, excluded.id), closed = 'recused', closed_at = excluded.closed_at"
)


def skip(
    store: Store, match: Match, person: str, reason: str = "", now: float | None = None
) -> None:
    """Give the match back unread; it comes again when nothing else is left. A second click, with
    nothing done in between, changes nothing."""
    now = time.time() if now is None else now
    reason = written(reason, "A reason", needed=False)
    count = store.one("SELECT count(*) AS n FROM events WHERE person = ?", person) or {"n": 0}
    last = store.one(
        "SELECT kind, match FROM events WHERE person = ? ORDER BY id DESC LIMIT 1", person
    )
    if last == {"kind": "skipped", "match": match.id}:
        return
    key = f"skipped:{person}:{count['n']}"
    row = event("skipped", person, now, match.id, value={"reason": reason}, key=key)
    seat = seat_of(store, match, person)
    store.execute({EVENT_ONCE: [row], RELEASE: [(match.id, seat, person)]}, full=True)


def recuse(store: Store, match: Match, person: str, reason: str, now: float | None = None) -> None:
    """Step down: the match never comes back to this person, and its chair is free for others.

    A reason is needed. Raises PersonError where the person's verdict stands; a second click changes
    nothing.
    """
    now = time.time() if now is None else now
    reason = written(reason, "A reason")
    scene = look(store, match)
    if any(who == person for _, who in scene.gone):
        return
    seat = scene.seat(match, person)
    row = event("recused", person, now, match.id, value={"reason": reason, "seat": seat},
                key=f"recused:{match.id}:{person}")  # fmt: skip
    own = assignment_id(match.id, seat, person)
    statements: dict[str, Sequence[tuple[Any, ...]]] = {
        UNLESS_JUDGED: [(match.id, seat, person)], EVENT_ONCE: [row],
        _CLOSE: [(match.id, seat, person, own, now)], CLOSE_AGAIN: [(match.id, person, now)],
        CLEAR: [("problem", person, match.id)],
    }  # fmt: skip
    try:
        store.execute(statements, full=True)
    except sqlite3.IntegrityError:
        said = "You have judged this debate: take the verdict back first."
        raise PersonError(said) from None


def report(
    store: Store,
    match: Match,
    person: str,
    settings: Settings,
    reason: str,
    number: int | None = None,
    now: float | None = None,
) -> None:
    """Report a problem with a turn that is on display (``number`` in reading order, from 0) or with
    the debate; nothing else changes. The same report twice is one."""
    now = time.time() if now is None else now
    reason = written(reason, "A report")
    state = reading(store, match, person, settings)
    turn = None if number is None else state.turn(number)
    value = {"reason": reason, "number": number, "place": None if turn is None else turn.place}
    key = content_id("q", ["reported", match.id, person, number, reason])
    row = event("reported", person, now, match.id, None if turn is None else turn.id, value,
                key)  # fmt: skip
    store.execute({EVENT_ONCE: [row], CLEAR: [("problem", person, match.id)]}, full=True)
