"""What there is to do for a person, and who holds what.

While a person is at a match, its row of ``assignments`` is a lease, which every act prolongs and
which runs out by itself: it keeps two people from reading one match of the open queue at once. What
a page is told of a row is the same whatever the row is for; only practice says that it is.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arena.desk import chairs, offers
from arena.desk.chairs import PersonError, chair
from arena.desk.events import EVENT, event
from arena.desk.listed import LENGTHS as LENGTHS
from arena.desk.listed import Row as Row
from arena.desk.listed import counts as counts
from arena.desk.listed import overview as overview
from arena.desk.listed import progress as progress
from arena.desk.listed import progress_of_run as progress_of_run
from arena.desk.listed import queue as queue
from arena.desk.listed import runs as runs
from arena.desk.offers import Offer
from arena.desk.seen import judging
from arena.desk.settling import unsettled
from arena.desk.standing import (
    AGAIN,
    OWN,
    READY,
    Kind,
    Past,
    State,
    assignment_id,
    order,
    standing,
    state_of,
)
from arena.desk.standing import acts_of as acts_of
from arena.desk.waiting import whose_turn
from arena.match import Match
from arena.protocols import JUDGE
from arena.store import Store
from arena.twins import one_name, twins

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
    "AND closed IS NULL AND NOT EXISTS (SELECT 1 FROM verdicts AS v "
    "WHERE v.match = assignments.match AND v.author = ?2) AND match IN "
    "(SELECT rm.match FROM runs AS r JOIN run_matches AS rm "
    f"ON rm.run = r.name WHERE r.kind = '{AGAIN}' AND json_extract(rm.labels, '$.of') = ?1)"
)
"""For whoever recuses itself from a match (match, person, now): it does not come again either. A
second time that has been judged already stays judged."""
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
    noted = event("taken", person, now, match.id,
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
    if row["seat"] == JUDGE and unsettled(store, [row["match"]], now, row["holder"]):
        turn = "waiting on the judge"
    return _assignment({**found[0], "state": state_of(found[0], turn, now)}, row["holder"])


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
    past = Past(store, person)
    free = offers.offers(store, person, run, now, past)
    own = standing(store, person, run, now, past)
    there = {row["match"] for row in own}
    able: list[tuple[tuple[Any, ...], int, Any]] = [
        (order(row, person), n, row) for n, row in enumerate(own) if row["state"] in READY
    ]
    able += [
        (one.order(person), len(own) + n, one)
        for n, one in enumerate(free)
        if one.match not in there
    ]
    heapq.heapify(able)
    while able:
        _, _, one = heapq.heappop(able)
        row = one.row() if isinstance(one, Offer) else one
        if seats is not None and row["seat"] not in seats:
            continue
        match = store.match(row["match"])
        if chair(store, match, person) is None:
            continue
        if row["seat"] != JUDGE and judging(store, match, person, now):
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
    row = _row(store, person, id, run, now)
    if row is None:
        raise PersonError("This debate is not in your queue: choose another one there.")
    if row["state"] in READY and not row["held"]:
        match = store.match(row["match"])
        if row["seat"] != JUDGE:
            may_debate(store, match, person, now)
        if not take(store, match, person, now, LEASE_SECONDS, row["seat"], row["run"]):
            raise PersonError("Somebody else is reading this debate now: choose another one.")
        row["state"] = _begun(row["state"])
    return _assignment(row, person)


def may_debate(store: Store, match: Match, person: str, now: float | None = None) -> None:
    """Raise PersonError where this person is to judge a debate about the story of the match: a
    debater has seen its passage, and could not judge it any more."""
    if judging(store, match, person, time.time() if now is None else now):
        raise PersonError(
            "You are to judge a debate about the same story: judge it, or step down from it, "
            "before you debate about it."
        )


def _row(store: Store, person: str, id: str, run: str | None, now: float) -> dict[str, Any] | None:
    """The row with this id of the person's queue."""
    past = Past(store, person)
    free = offers.offers(store, person, run, now, past)
    for row in standing(store, person, run, now, past):
        if assignment_id(row["match"], row["seat"], person) == id:
            return row
    for one in free:
        if assignment_id(one.match, JUDGE, person) == id:
            return one.row()
    return None


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
    group = match.question.group or one_name(twins(store), match.question.id)
    return any(act["grp"] == group and act["match"] != match.id for act in acts_of(store, person))
