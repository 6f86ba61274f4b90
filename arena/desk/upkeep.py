"""Plans as they are kept up: what lies idle is taken back, places change hands.

What an admin takes back is closed and stays in the record; the next plan of the run finds somebody
else for it. What a person has said or judged is never touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from arena.desk.alone import alone, write
from arena.desk.chairs import PersonError
from arena.desk.events import EVENT, event
from arena.desk.facts import facts
from arena.desk.planning import INSERT
from arena.desk.seen import SEEN
from arena.desk.standing import AGAIN, assignment_id, plans
from arena.protocols import JUDGE
from arena.store import Store

IDLE = 3 * 86_400.0
"""Seconds without an act of its person after which a planned place counts as idle."""

_CLOSE = (
    "UPDATE assignments SET closed = 'withdrawn', closed_at = ?, until = 0 WHERE match = ? "
    "AND seat = ? AND holder = ? AND closed IS NULL"
)
_VERDICT = "EXISTS (SELECT 1 FROM verdicts AS v WHERE v.match = a.match AND v.author = a.holder)"
_BARRED = f"(a.seat = '{JUDGE}' AND EXISTS ({SEEN.format(match='a.match', person='a.holder')}))"
_STALE = (
    f"SELECT a.id, a.match, a.seat, a.holder AS person, p.name, a.until, a.kind, {_BARRED} "
    "AS barred, "
    "coalesce((SELECT max(e.at) FROM events AS e WHERE e.person = a.holder), a.made_at) AS seen "
    "FROM assignments AS a JOIN people AS p ON p.id = a.holder "
    "WHERE a.run = ?1 AND a.made_by NOT NULL AND a.closed IS NULL AND a.done = 0 "
    f"AND a.until <= ?2 AND NOT {_VERDICT} "
    "AND (barred OR (a.until > 0 AND a.until <= ?2 - ?4) OR seen < ?2 - ?3) "
    "ORDER BY p.name, a.position"
)
_PLACE = (
    f"SELECT a.*, {_VERDICT} AS judged, EXISTS (SELECT 1 FROM match_turns AS mt JOIN turns AS t "
    "ON t.id = mt.turn WHERE mt.match = a.match AND t.author = a.holder AND t.seat = a.seat "
    "AND t.kind NOT IN ('belief', 'verdict')) AS spoke FROM assignments AS a WHERE a.id = ?"
)
_TWICE = (
    "SELECT a.* FROM run_matches AS rm JOIN runs AS r ON r.name = rm.run AND r.kind = ?3 "
    "JOIN assignments AS a ON a.match = rm.match WHERE json_extract(rm.labels, '$.of') = ?1 "
    f"AND rm.run = ?4 AND a.holder = ?2 AND a.closed IS NULL AND NOT {_VERDICT}"
)


@dataclass(frozen=True, slots=True)
class Stale:
    """A planned place that nobody works at: the lease ran out, its person has done nothing anywhere
    since ``seen`` (seconds since 1970), or may not judge there any more (`arena.desk.seen`)."""

    id: str
    match: str
    seat: str
    person: str
    name: str
    expired: bool
    seen: float
    barred: bool = False

    @property
    def why(self) -> str:
        """Why it is stale, in words."""
        barred = "has seen what its judges must not" if self.barred else ""
        return barred or ("the lease ran out" if self.expired else "idle")


def stale(
    store: Store, run: str, now: float | None = None, idle: float = IDLE, late: float = 0.0
) -> list[Stale]:
    """The planned places of a run whose lease ran out ``late`` seconds ago or earlier, whose person
    has been away for more than ``idle`` seconds, or may not judge there any more."""
    now = time.time() if now is None else now
    return [
        Stale(row["id"], row["match"], row["seat"], row["person"], row["name"],
              0 < row["until"] <= now - late, row["seen"], bool(row["barred"]))
        for row in store.query(_STALE, run, now, idle, late)
    ]  # fmt: skip


def reclaim(
    store: Store,
    run: str,
    admin: str | None,
    now: float | None = None,
    idle: float = IDLE,
    late: float = 0.0,
    only: Iterable[str] | None = None,
) -> list[Stale]:
    """Take back what is stale (`stale`), or those of it that ``only`` names; returns what was.

    The next plan of the run gives it to others.
    """
    now = time.time() if now is None else now
    wanted = None if only is None else set(only)
    with alone(store):
        found = [
            one for one in stale(store, run, now, idle, late) if wanted is None or one.id in wanted
        ]
        for one in found:
            _close(store, {"match": one.match, "seat": one.seat, "holder": one.person,
                           "id": one.id, "run": run}, admin, now, one.why)  # fmt: skip
    return found


def withdraw(
    store: Store, id: str, admin: str | None, now: float | None = None, why: str = ""
) -> bool:
    """Take a planned place back, with the same debate's second time; False where it is back
    already. Raises PersonError where it is done."""
    now = time.time() if now is None else now
    with alone(store):
        row = _open_place(store, id)
        if row is None:
            return False
        _close(store, row, admin, now, why)
    return True


def reassign(
    store: Store, id: str, person: str, admin: str | None, now: float | None = None
) -> str:
    """Give a planned place to another person, at the end of its queue; returns the new place's id.

    Raises PersonError where the place is done or begun, or the person has had its story.
    """
    now = time.time() if now is None else now
    with alone(store):
        row = _open_place(store, id)
        if row is None:
            raise PersonError("This place has been taken back already: make another plan.")
        if row["kind"] not in ("judging", "debating"):
            raise PersonError("Only a debate of the run itself can be given to somebody else.")
        if row["spoke"]:
            raise PersonError("This person has spoken in the debate: nobody else can go on for it.")
        new = assignment_id(row["match"], row["seat"], person)
        if person == row["holder"]:
            raise PersonError("This person has the place already.")
        plan = plans(store).get(row["run"], {})
        known = facts(store, row["run"], [person], plan.get("once", "story"), now)
        one = next((d for d in known.debates if d.id == row["match"]), None)
        barred = {what for who, what in plan.get("exclusions", ()) if who == person}
        if one is None or one.unit(known.once) in known.known[person] or one.names & barred:
            raise PersonError(
                "This person has had a debate about the same thing, or is excluded from it: "
                "choose somebody else."
            )
        if any(place.match == row["match"] for place in known.places[person]):
            raise PersonError("This person has, or had, a place at this debate: choose another.")
        at = 1 + max((p.position for p in known.places[person] if p.position is not None),
                     default=-1)  # fmt: skip
        value = {"from": row["holder"], "to": person, "place": id, "new": new}
        _close(store, row, admin, now, "reassigned")
        write(store, {
            INSERT: [(row["match"], row["seat"], person, new, row["run"], row["kind"], at,
                      row["listing"], now, admin or "plan")],
            EVENT: [event("reassigned", admin, now, row["match"], value=value,
                          assignment=new)],
        })  # fmt: skip
    return new


def _open_place(store: Store, id: str) -> dict[str, Any] | None:
    """A planned place that can still change; None where it has been taken back."""
    row = store.one(_PLACE, id)
    if row is None or row["made_by"] is None:
        raise PersonError("No plan has a place of that id.")
    if row["closed"] == "recused":
        raise PersonError("This person has recused itself: the next plan finds somebody else.")
    if row["judged"]:
        raise PersonError("This debate has been judged here: a verdict stays where it is.")
    return None if row["closed"] is not None else row


def _close(store: Store, row: dict[str, Any], admin: str | None, now: float, why: str) -> None:
    """Close a place, and that of the same debate's second time."""
    places: Sequence[dict[str, Any]] = [row]
    if row["seat"] == JUDGE and row["run"] is not None:
        again = f"{row['run']} ({AGAIN})"
        places = [row, *store.query(_TWICE, row["match"], row["holder"], AGAIN, again)]
    write(store, {
        _CLOSE: [(now, one["match"], one["seat"], one["holder"]) for one in places],
        EVENT: [
            event("withdrawn assignment", admin, now, one["match"],
                  value={"person": one["holder"], "seat": one["seat"], "why": why},
                  assignment=one["id"])
            for one in places
        ],
    })  # fmt: skip
