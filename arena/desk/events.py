"""Events: whatever a person does at the desk is appended, in the transaction that does it.

An event knows its place in the person's day. A *sitting* is a run of events of one person with no
gap above `GAP` seconds; ``sitting`` counts them from 1 and ``number`` the events within one. Both,
and the active time so far, are computed by SQL inside the writing transaction, so two tabs that act
at once cannot get the same number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arena.ids import canonical

GAP = 1800.0
"""Seconds without an event after which the next one begins a sitting."""

_COLUMNS = "key, at, kind, match, turn, person, value, sitting, number, active, assignment"
_VALUES = (
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, "
    f"CASE WHEN ?6 NOT NULL THEN coalesce(last.sitting + (?2 - last.at > {GAP}), 1) END, "
    f"CASE WHEN ?6 NOT NULL THEN iif(?2 - last.at <= {GAP}, last.number + 1, 1) END, "
    "CASE WHEN ?6 NOT NULL AND ?4 NOT NULL THEN (SELECT coalesce(sum(milliseconds), 0) "
    "FROM activity WHERE person = ?6 AND match = ?4) END, "
    "coalesce(?8, (SELECT id FROM assignments WHERE match = ?4 AND holder = ?6 "
    "ORDER BY closed NOT NULL, done, until DESC LIMIT 1))"
)
_LAST = (
    "SELECT at, sitting, number FROM events WHERE person = ?6 AND sitting NOT NULL "
    "ORDER BY sitting DESC, number DESC LIMIT 1"
)
EVENT = (
    f"INSERT INTO events ({_COLUMNS}) SELECT {_VALUES} "
    f"FROM (SELECT 1) LEFT JOIN ({_LAST}) AS last WHERE 1"
)
"""The statement that appends an event. A second one with the same key fails, and undoes the whole
transaction: for acts that must not happen twice, whoever acts."""
EVENT_ONCE = f"{EVENT} ON CONFLICT (key) DO NOTHING"
"""The same, but a second event with the same key changes nothing: for marks and notes."""


def event(
    kind: str,
    person: str | None,
    now: float,
    match: str | None = None,
    turn: str | None = None,
    value: Mapping[str, Any] | None = None,
    key: str | None = None,
    assignment: str | None = None,
) -> tuple[Any, ...]:
    """What `EVENT` is given: ``{EVENT: [event("skipped", person, now, match.id)]}``.

    ``person`` is None for what the platform does. ``match`` and ``turn`` are ids. ``value`` is kept
    as JSON. ``assignment`` is the id of the person's place at the match; where it is left out, the
    one that the store has is noted. Nothing is read here: the rest is computed as it is written.
    """
    text = canonical(dict(value or {}))
    return (key, now, kind, match, turn, person, text, assignment)
