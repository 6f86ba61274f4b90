"""Drafts and active time: what a person is writing, and how long it has been reading.

A draft is kept on the server by person and match, so that it survives a reload, a crash and a
change of device; what it became is an act, and the act clears it in its own transaction. A draft is
the person's alone: nobody else is shown it, and no export has it. Active time is what the page
reports: milliseconds in which it was visible, had the focus and was not idle.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from typing import Literal, get_args

from arena.desk.alone import alone, write
from arena.desk.chairs import MAX_TEXT, PersonError
from arena.ids import canonical
from arena.store import Store

Field = Literal["reason", "notes", "question", "speech", "problem", "highlights"]
FIELDS: tuple[Field, ...] = get_args(Field)
"""What can be drafted. Notes and highlights are the person's own and no act clears them."""
MOST_HIGHLIGHTS = 500
_AT_STEP = re.compile("reason (0|[1-9][0-9]{0,3})")
MOST = 60_000.0
"""Milliseconds that one report of active time may claim; a page reports more often."""
SLACK = 500.0
"""Milliseconds by which all reports together may be ahead of time: clocks and the network."""

_SAVE = (
    "INSERT INTO drafts (person, match, payload, at) "
    "SELECT ?1, ?2, json_set('{}', '$.\"' || ?3 || '\"', json(?4)), ?5 WHERE NOT EXISTS (SELECT 1 "
    "FROM events WHERE match = ?2 AND person = ?1 AND at > ?6 AND (kind IN ('belief', 'verdict') "
    "AND ?3 GLOB 'reason*' OR kind = ?3 OR kind = 'reported' AND ?3 = 'problem')) "
    "ON CONFLICT (person, match) DO UPDATE SET payload = json_set(CASE WHEN ?3 GLOB 'reason *' "
    "THEN json_remove(payload, '$.reason') ELSE payload END, '$.\"' || ?3 || '\"', json(?4)), "
    "at = excluded.at"
)
CLEAR = (
    "UPDATE drafts SET payload = json_remove(payload, '$.\"' || ?1 || '\"') "
    "WHERE person = ?2 AND match = ?3"
)
"""Forget one field's draft, in the transaction of the act that it became: field, person, match."""


def reason_at(turns: int) -> str:
    """The field of the reason for what is said when this many turns are shown: each step of a
    reading has a draft of its own."""
    return f"reason {turns}"


def reasons(turns: int) -> tuple[str, str]:
    """The fields that a belief or a verdict on this many turns clears: its own, and the one that
    all steps had in common once."""
    return reason_at(turns), "reason"


def reason(saved: Mapping[str, str], turns: int) -> str:
    """The reason being written for what is said when this many turns are shown."""
    return saved.get(reason_at(turns), saved.get("reason", ""))


def highlights(saved: Mapping[str, str]) -> list[list[int]]:
    """The person's own marks in the text: [number of the turn, begin, end], in the order in which
    they were made; in code points of the turn's text as the reader shows it."""
    found: list[list[int]] = json.loads(saved.get("highlights") or "[]")
    return found


def _checked(text: str) -> str:
    """Highlights as they are kept. Raises PersonError for anything else."""
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        found = None
    if (
        not isinstance(found, list)
        or len(found) > MOST_HIGHLIGHTS
        or not all(isinstance(one, list) and len(one) == 3 for one in found)
        or not all(type(n) is int for one in found for n in one)
        or not all(0 <= turn < 10_000 and 0 <= a < b < 10**7 for turn, a, b in found)
    ):
        raise PersonError(
            f"Highlights are up to {MOST_HIGHLIGHTS} triples: a turn's number, a begin and an end."
        )
    return canonical(found) if found else ""


def save(
    store: Store,
    person: str,
    match: str,
    field: str,
    text: str,
    drawn: float | None = None,
    now: float | None = None,
) -> bool:
    """Keep what is being written in one field; other fields are left as they are.

    ``match`` is an id. ``drawn`` is the server's time at which the page was drawn: a draft that
    arrives after its act, from a page that was drawn before it, is not kept (False). Raises
    PersonError for a field that there is not (`FIELDS`, `reason_at`), for a text of more than
    20,000 characters, and for highlights that are none.
    """
    if field not in FIELDS and not _AT_STEP.fullmatch(field):
        raise PersonError(f"There are drafts of {', '.join(FIELDS)}, and of nothing else.")
    if len(text) > MAX_TEXT:
        raise PersonError(f"A draft has up to {MAX_TEXT} characters; this one has {len(text)}.")
    now = time.time() if now is None else now
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _checked(text) if field == "highlights" else text
    since = math.inf if drawn is None else drawn
    row = (person, match, field, canonical(text), now, since)
    return store.execute({_SAVE: [row]})[_SAVE] > 0


def load(store: Store, person: str, match: str) -> dict[str, str]:
    """What this person is writing about a match (an id), by field; fields without a draft are
    left out."""
    sql = "SELECT payload FROM drafts WHERE person = ? AND match = ?"
    row = store.one(sql, person, match)
    found: dict[str, str] = {} if row is None else json.loads(row["payload"])
    return {field: text for field, text in found.items() if text}


# Rows say until when time is spoken for, which may be `SLACK` ahead of the clock: what one report
# takes, no other has. Time on a match begins when the person was first given it, where that is
# known. ``since`` is null where nothing is; ``closed`` where no place at the match is open.
_STANDS = (
    "SELECT (SELECT max(at) FROM (SELECT max(at) AS at FROM activity WHERE person = ?1 UNION ALL "
    "SELECT min(at) FROM events WHERE match = ?2 AND person = ?1 AND kind IN ('taken', 'shown'))) "
    "AS since, (SELECT max(closed = 'recused') OR min(closed NOT NULL) FROM assignments "
    "WHERE match = ?2 AND holder = ?1) AS closed"
)
_SPENT = (
    "INSERT INTO activity (person, match, place, milliseconds, at) VALUES (?,?,?,?,?) "
    "ON CONFLICT (person, match, place) DO UPDATE SET "
    "milliseconds = milliseconds + excluded.milliseconds, at = excluded.at"
)


def add(
    store: Store,
    person: str,
    match: str,
    place: int,
    milliseconds: float,
    now: float | None = None,
) -> float:
    """Add active time on one turn; `add_all` for several that are reported together."""
    return add_all(store, person, match, {place: milliseconds}, now)


def add_all(
    store: Store,
    person: str,
    match: str,
    spent: Mapping[int, float],
    now: float | None = None,
) -> float:
    """Add active time on a match (an id), by the number of the turn (-1: elsewhere on the page);
    return how many milliseconds were kept.

    A browser says what it likes: altogether no more is kept than has passed since the match was
    given to this person and since its last report (and `SLACK`, once), however many reports come
    and from wherever, nor more than `MOST` of one; a report that claims more is scaled down.
    Numbers that are not above 0 count for nothing. Raises PersonError where the person's place at
    the match is closed.
    """
    now = time.time() if now is None else now
    claimed = {at: ms for at, ms in spent.items() if math.isfinite(ms) and ms > 0}
    if not claimed:
        return 0.0
    whole = math.fsum(claimed.values())
    with alone(store):
        row = store.one(_STANDS, person, match) or {"since": None, "closed": None}
        if row["closed"]:
            raise PersonError("Your place at this debate is closed: no time is counted any more.")
        since = row["since"]
        free = MOST if since is None else max(0.0, (now - since) * 1000 + SLACK)
        kept = min(whole, free, MOST)
        until = now if since is None else max(now, since + kept / 1000)
        if kept > 0:
            share = kept / whole
            rows = [(person, match, at, ms * share, until) for at, ms in claimed.items()]
            write(store, {_SPENT: rows})
    return kept
