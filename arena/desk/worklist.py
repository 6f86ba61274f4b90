"""What there is to do for a person, and who holds what.

While a person is at a match, its row of ``assignments`` is a lease, which every act prolongs and
which runs out by itself: it keeps two people from reading one match of the open queue at once. What
a page is told of a row is the same whatever the row is for; only practice says that it is.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arena.desk import chairs
from arena.desk.chairs import PersonError, chair
from arena.desk.events import EVENT, event
from arena.desk.standing import (
    AGAIN,
    OWN,
    READY,
    STATES,
    Kind,
    State,
    assignment_id,
    order,
    plans,
    standing,
    state_of,
)
from arena.desk.standing import acts_of as acts_of
from arena.desk.waiting import whose_turn
from arena.match import Match
from arena.protocols import JUDGE
from arena.store import Store

LEASE_SECONDS = 3600.0
_ROW = "WHERE match = ? AND seat = ? AND holder = ?"
RELEASE = f"UPDATE assignments SET until = 0 {_ROW}"
DONE = f"UPDATE assignments SET done = 1 {_ROW}"
PROLONG = (
    "UPDATE assignments SET until = max(until, ?4) WHERE match = ?1 AND seat = ?2 AND holder = ?3 "
    "AND closed IS NULL AND done = 0 AND until > 0 AND (made_by NOT NULL OR until > ?5 OR NOT "
    "EXISTS (SELECT 1 FROM assignments AS a WHERE a.match = ?1 AND a.seat = ?2 "
    "AND a.holder <> ?3 AND a.until > ?5 AND a.done = 0))"
)
"""What an act does to the lease of whoever acts (`prolong_row`)."""
CLOSE_AGAIN = (
    "UPDATE assignments SET closed = 'withdrawn', closed_at = ?3 WHERE holder = ?2 "
    "AND closed IS NULL AND match IN (SELECT rm.match FROM runs AS r JOIN run_matches AS rm "
    f"ON rm.run = r.name WHERE r.kind = '{AGAIN}' AND json_extract(rm.labels, '$.of') = ?1)"
)
"""For whoever recuses itself from a match (match, person, now): it does not come again either."""
# Nothing is written where another holds the match: whoever comes second finds no row of its own.
# Whoever has a place by plan need not wait for others, and nobody comes back to a closed one.
LEASE = (
    "INSERT INTO assignments (match, seat, holder, until, done, id, run, made_at, kind) "
    "SELECT ?1, ?2, ?3, ?4, 0, ?6, coalesce(?7, (SELECT r.name FROM run_matches AS rm "
    "JOIN runs AS r ON r.name = rm.run WHERE rm.match = ?1 ORDER BY r.created_at, r.name LIMIT 1)),"
    f" ?5, iif(?2 = '{JUDGE}', 'judging', 'debating') WHERE EXISTS (SELECT 1 FROM assignments "
    "WHERE match = ?1 AND seat = ?2 AND holder = ?3 "
    "AND made_by NOT NULL AND closed IS NULL) OR NOT EXISTS (SELECT 1 FROM assignments "
    "WHERE match = ?1 AND seat = ?2 AND holder <> ?3 AND until > ?5 AND done = 0) "
    "ON CONFLICT (match, seat, holder) DO UPDATE SET until = excluded.until, done = 0, "
    "id = excluded.id, run = coalesce(run, excluded.run) WHERE closed IS NULL"
)
# An error, which undoes the transaction, where the lease was not to be had.
_HOLDS = (
    "FROM assignments WHERE match = ?1 AND seat = ?2 AND holder = ?3 AND until > ?4 "
    "AND done = 0 AND closed IS NULL"
)
_OR_NOT = (
    "INSERT INTO assignments (match, seat, holder, until) SELECT ?1, ?2, ?3, NULL WHERE NOT EXISTS "
    f"(SELECT 1 {_HOLDS})"
)
LENGTHS = (
    "SELECT mt.match, sum(length(s.text)) AS length, count(DISTINCT t.place) AS rounds "
    "FROM json_each(?) AS wanted CROSS JOIN match_turns AS mt ON mt.match = wanted.value "
    "JOIN turns AS t ON t.id = mt.turn JOIN speeches AS s ON s.id = t.speech "
    "WHERE t.origin <> 'candidate' AND s.status <> 'over limit' GROUP BY mt.match"
)


# An error as well, where it is this person's already: of two tabs, one takes it.
_HELD = (
    "INSERT INTO assignments (match, seat, holder, until) SELECT ?1, ?2, ?3, NULL WHERE EXISTS "
    f"(SELECT 1 {_HOLDS})"
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One person's place at one match. ``listing`` is the planned order of the options as they are
    shown; None where it is drawn for the person. ``kind`` is for the server alone."""

    id: str
    match: str
    seat: str
    person: str
    run: str | None
    kind: Kind
    listing: tuple[int, ...] | None
    state: State


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a person's queue. ``length`` is in characters of what can be read, ``deadline`` in
    seconds since 1970; ``position`` counts from 1 in the order in which the rows come. ``match`` is
    for the server: a page is given ``id``."""

    id: str
    match: str
    seat: str
    run: str | None
    state: State
    protocol: str
    rounds: int
    length: int
    position: int
    deadline: float | None
    practice: bool


def lease_row(
    match: Match, person: str, now: float, seconds: float, seat: str = JUDGE, run: str | None = None
) -> list[tuple[Any, ...]]:
    """What `LEASE` is given for this person, until ``seconds`` from now. Without ``run``, the row
    is noted for the first run that has the match."""
    place = assignment_id(match.id, seat, person)
    return [(match.id, seat, person, now + seconds, now, place, run)]


def prolong_row(
    match: Match, person: str, now: float, seconds: float = LEASE_SECONDS, seat: str = JUDGE
) -> list[tuple[Any, ...]]:
    """What `PROLONG` is given: the lease lasts until ``seconds`` from now, if it was begun, is not
    done, and nobody has taken an expired one."""
    return [(match.id, seat, person, now + seconds, now)]


def take(
    store: Store,
    match: Match,
    person: str,
    now: float,
    seconds: float,
    seat: str = JUDGE,
    run: str | None = None,
) -> bool:
    """Hold the match, with an event, unless another person came first."""
    noted = event(store, "taken", person, now, match.id,
                  assignment=assignment_id(match.id, seat, person))  # fmt: skip
    held = (match.id, seat, person, now)
    leased = lease_row(match, person, now, seconds, seat, run)
    try:
        store.execute({_HELD: [held], LEASE: leased, _OR_NOT: [held], EVENT: [noted]}, full=True)
    except sqlite3.IntegrityError:
        return store.one(f"SELECT 1 {_HOLDS}", *held) is not None
    return True


def _assignment(row: Mapping[str, Any], person: str) -> Assignment:
    listing = None if row["listing"] is None else tuple(json.loads(row["listing"]))
    return Assignment(
        assignment_id(row["match"], row["seat"], person), row["match"], row["seat"], person,
        row["run"], row["kind"], listing, row["state"],
    )  # fmt: skip


def assignment(store: Store, id: str, now: float | None = None) -> Assignment | None:
    """The place with this id; None where there is none, or an admin has taken it back."""
    now = time.time() if now is None else now
    row = store.one("SELECT holder, match, seat FROM assignments WHERE id = ?", id)
    if row is None:
        return None
    sql = f"{OWN} AND a.match = ?3 AND a.seat = ?4"
    found = list(store.query(sql, row["holder"], None, row["match"], row["seat"]))
    if not found:
        return None
    turn = whose_turn(store, found, row["holder"]).get((row["match"], row["seat"]))
    return _assignment({**found[0], "state": state_of(found[0], turn, now)}, row["holder"])


def queue(store: Store, person: str, run: str | None = None, now: float | None = None) -> list[Row]:
    """Everything that this person has to do, waits for, or has done, in the order in which it
    comes."""
    now = time.time() if now is None else now
    rows = sorted(standing(store, person, run, now), key=lambda row: order(row, person))
    texts = {
        row["match"]: row
        for row in store.query(LENGTHS, json.dumps(sorted({row["match"] for row in rows})))
    }
    names = {row["id"]: row["name"] for row in store.query("SELECT id, name FROM protocols")}
    empty = {"length": 0, "rounds": 0}
    return [
        Row(
            assignment_id(row["match"], row["seat"], person), row["match"], row["seat"],
            row["run"], row["state"], names[row["protocol"]],
            texts.get(row["match"], empty)["rounds"], texts.get(row["match"], empty)["length"],
            n, row["until"] if row["state"] == "in progress" and row["until"] > now else None,
            row["kind"] == "practice",
        )
        for n, row in enumerate(rows, start=1)
    ]  # fmt: skip


def counts(
    store: Store, person: str, run: str | None = None, now: float | None = None
) -> dict[State, int]:
    """How many rows of the queue there are in each state."""
    rows = standing(store, person, run, time.time() if now is None else now)
    found = Counter(row["state"] for row in rows)
    return {state: found[state] for state in STATES}


def progress(store: Store, person: str, run: str | None = None) -> tuple[int, int]:
    """How much this person has done, and how much it could do now."""
    found = counts(store, person, run)
    return found["done"], sum(found[state] for state in READY)


def progress_of_run(store: Store, run: str) -> tuple[int, int]:
    """How many judgments of a run have been given, and how many are wanted: as many for each match
    as its plan says, else one. What is given beyond that is not counted."""
    k = plans(store).get(run, {}).get("k", 1)
    row = store.one(
        "SELECT count(*) AS n, sum(min(?2, (SELECT count(DISTINCT v.author) FROM verdicts AS v "
        "WHERE v.match = rm.match AND v.origin = 'person'))) AS done "
        "FROM (SELECT DISTINCT match FROM run_matches WHERE run = ?1) AS rm",
        run, k,
    )  # fmt: skip
    return (0, 0) if row is None else (row["done"] or 0, k * row["n"])


# ---------------------------------------------------------------------------------------------
# Taking up work.


def next_up(
    store: Store,
    person: str,
    run: str | None = None,
    lease_seconds: float = LEASE_SECONDS,
    now: float | None = None,
    seats: tuple[str, ...] | None = None,
) -> Assignment | None:
    """Take what comes next for this person, and hold it for a while; None if there is nothing.

    First what it holds; then what it has not skipped; then what was planned for it, in that order;
    then matches about stories that it has not read about, in an order drawn for each person, which
    depends on nothing but the ids. ``seats`` leaves out other seats.
    """
    now = time.time() if now is None else now
    able = [
        row for row in standing(store, person, run, now)
        if row["state"] in READY and (seats is None or row["seat"] in seats)
    ]  # fmt: skip
    for row in sorted(able, key=lambda row: order(row, person)):
        match = store.match(row["match"])
        if chair(store, match, person) is None:
            continue
        if row["held"] or take(store, match, person, now, lease_seconds, row["seat"], row["run"]):
            return _assignment({**row, "state": _begun(row["state"])}, person)
    return None


def next_unjudged(
    store: Store,
    person: str,
    run: str | None = None,
    lease_seconds: float = LEASE_SECONDS,
    now: float | None = None,
) -> Match | None:
    """The match of what comes next for this person as a judge (`next_up`); None if none is left."""
    found = next_up(store, person, run, lease_seconds, now, (JUDGE,))
    return None if found is None else store.match(found.match)


def begin(
    store: Store, person: str, id: str, run: str | None = None, now: float | None = None
) -> Assignment:
    """Open a row of this person's queue: it holds the match, if it can go on there now.

    Raises PersonError where the row is not this person's, or somebody else came first.
    """
    now = time.time() if now is None else now
    rows = standing(store, person, run, now)
    row = next((r for r in rows if assignment_id(r["match"], r["seat"], person) == id), None)
    if row is None:
        raise PersonError("This debate is not in your queue: choose another one there.")
    if row["state"] in READY and not row["held"]:
        match = store.match(row["match"])
        if not take(store, match, person, now, LEASE_SECONDS, row["seat"], row["run"]):
            raise PersonError("Somebody else is reading this debate now: choose another one.")
        row["state"] = _begun(row["state"])
    return _assignment(row, person)


def _begun(state: State) -> State:
    """The state of a row that has just been taken."""
    return "in progress" if state in ("to do", "expired") else state


def listing_of(store: Store, match: Match, person: str) -> tuple[int, ...]:
    """The order in which this person is shown the options of this match: as planned, or drawn."""
    sql = f"SELECT listing FROM assignments {_ROW}"
    row = store.one(sql, match.id, JUDGE, person)
    if row is None or row["listing"] is None:
        return chairs.listing(match, person)
    return tuple(json.loads(row["listing"]))


def read_before(store: Store, match: Match, person: str) -> bool:
    """Whether this person has read another debate about the same story or question."""
    group = match.question.group or match.question.id
    return any(act["grp"] == group and act["match"] != match.id for act in acts_of(store, person))
