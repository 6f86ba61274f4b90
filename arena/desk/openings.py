"""Debaters' chairs that nobody has taken yet, and how somebody sits down in one."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from arena.desk import worklist
from arena.desk.chairs import PersonError, chair
from arena.desk.standing import acts_of, assignment_id, plans
from arena.desk.waiting import whose_turn
from arena.desk.worklist import LEASE_SECONDS
from arena.ids import derive_seed
from arena.leases import KINDS
from arena.match import PERSON
from arena.protocols import JUDGE
from arena.store import Store
from arena.twins import one_name, twins

TAKEN = "Somebody else sits in this chair now: choose another one."
# Unfinished matches with a person's chair that is not the judge's, in which this person has had no
# place so far: whoever has judged a debate, or was to, does not debate in it.
_MATCHES = (
    "SELECT rm.run, m.id AS match, m.seats, m.protocol, m.played, m.question, p.name, "
    "coalesce(q.grp, q.id) AS grp, p.record, "
    "(SELECT count(DISTINCT t.place) FROM match_turns AS mt JOIN turns AS t ON t.id = mt.turn "
    "WHERE mt.match = m.id AND t.speech NOT NULL AND t.origin <> 'candidate') AS rounds "
    "FROM runs AS r JOIN run_matches AS rm ON rm.run = r.name JOIN matches AS m ON m.id = rm.match "
    "JOIN questions AS q ON q.id = m.question JOIN protocols AS p ON p.id = m.protocol "
    f"WHERE r.kind IN ({','.join(map(repr, KINDS))}) AND m.played = 0 "
    "AND (?2 IS NULL OR rm.run = ?2) AND EXISTS (SELECT 1 FROM json_each(m.seats) AS s "
    f"WHERE json_extract(s.value, '$[1]') = '{PERSON}' "
    f"AND json_extract(s.value, '$[0]') <> '{JUDGE}') "
    "AND NOT EXISTS (SELECT 1 FROM assignments AS a WHERE a.match = m.id AND a.holder = ?1) "
    "AND NOT EXISTS (SELECT 1 FROM run_matches AS i JOIN runs AS o ON o.name = i.run "
    "WHERE i.match = m.id AND o.kind = 'import') ORDER BY r.created_at, rm.position"
)
_HAVE = (
    "SELECT match, seat FROM assignments WHERE closed IS NULL AND match IN "
    "(SELECT value FROM json_each(?1)) AND (made_by NOT NULL OR (until > ?2 AND done = 0)) UNION "
    "SELECT match, json_extract(value, '$.seat') FROM events WHERE kind = 'speech' "
    "AND turn IS NULL AND match IN (SELECT value FROM json_each(?1))"
)


@dataclass(frozen=True, slots=True)
class Open:
    """A debater's chair that waits for a person: ``protocol`` and ``role`` are for the table, and
    ``rounds`` is how many have been spoken."""

    match: str
    seat: str
    run: str
    protocol: str
    role: str
    rounds: int


def open_chairs(
    store: Store, person: str, run: str | None = None, now: float | None = None
) -> list[Open]:
    """The debaters' chairs that this person could take now, in the order in which it is to: what
    is about something new first, else as drawn for it.

    A run with a plan has none unless its plan leaves the rest open.
    """
    now = time.time() if now is None else now
    found: dict[str, dict[str, object]] = {}
    same = twins(store)
    rows = list(store.query(_MATCHES, person, run))
    for row in rows:
        row["grp"] = one_name(same, row["grp"])
    known = plans(store)
    groups = {act["grp"] for act in acts_of(store, person)}
    for row in rows:
        plan = known.get(row["run"])
        if plan is not None:
            barred = {what for who, what in plan["exclusions"] if who == person}
            mine = {row["grp"], row["question"], row["match"]}
            if not plan["rest"] or row["grp"] in groups or barred & mine:
                continue
        found.setdefault(row["match"], row)
    taken = {
        (row["match"], row["seat"]) for row in store.query(_HAVE, json.dumps(sorted(found)), now)
    }
    seats = [
        {**row, "seat": seat}
        for row in found.values()
        for seat, who in json.loads(str(row["seats"]))
        if who == PERSON and seat != JUDGE and (row["match"], seat) not in taken
    ]
    turns = whose_turn(store, seats, person)
    able = [row for row in seats if turns.get((row["match"], row["seat"])) == "to do"]
    able.sort(
        key=lambda row: (
            row["grp"] in groups,
            derive_seed("chair", person, row["match"], row["seat"]),
        )
    )
    return [
        Open(row["match"], row["seat"], row["run"], row["name"],
             _role(str(row["record"]), str(row["seat"])), row["rounds"])
        for row in able
    ]  # fmt: skip


def _role(record: str, seat: str) -> str:
    seats = json.loads(record)["seats"]
    role = next((one["role"] for one in seats if one["name"] == seat), "debater")
    alike = sum(one["role"] == role for one in seats)
    return f"{role} {seat}" if alike > 1 else str(role)


def take_chair(store: Store, person: str, match: str, seat: str, run: str | None) -> str:
    """Sit down in an open chair; returns the place's id. Raises PersonError where it is not open
    to this person any more."""
    able = open_chairs(store, person, run)
    one = next((one for one in able if (one.match, one.seat) == (match, seat)), None)
    found = None if one is None else store.match(match)
    if one is None or found is None or chair(store, found, person, seat) is None:
        raise PersonError(TAKEN)
    worklist.may_debate(store, found, person)
    if not worklist.take(store, found, person, time.time(), LEASE_SECONDS, seat, one.run):
        raise PersonError(TAKEN)
    return assignment_id(match, seat, person)
