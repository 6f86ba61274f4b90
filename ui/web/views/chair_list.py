"""The chairs of a person: those that it has, and debaters' chairs that nobody has taken yet."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from arena.desk import worklist
from arena.desk.chairs import PersonError, chair
from arena.desk.identity import Person
from arena.desk.standing import READY, acts_of, assignment_id, plans
from arena.desk.waiting import whose_turn
from arena.desk.worklist import LEASE_SECONDS, Row
from arena.ids import derive_seed
from arena.leases import KINDS
from arena.match import PERSON
from arena.protocols import JUDGE
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import go, perform, to_queue, told
from ui.web.views.case import run_of
from ui.web.views.chair_case import TAKEN

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
    rows = [row for row in store.query(_MATCHES, person, run)]
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


def take_chair(store: Store, person: Person, match: str, seat: str, run: str | None) -> str:
    """Sit down in an open chair; returns the place's id. Raises PersonError where it is not open
    to this person any more."""
    able = open_chairs(store, person.id, run)
    one = next((one for one in able if (one.match, one.seat) == (match, seat)), None)
    found = None if one is None else store.match(match)
    if one is None or found is None or chair(store, found, person.id, seat) is None:
        raise PersonError(TAKEN)
    if not worklist.take(store, found, person.id, time.time(), LEASE_SECONDS, seat, one.run):
        raise PersonError(TAKEN)
    return assignment_id(match, seat, person.id)


# The list.


def chairs(store: Store, args: Arguments, person: Person) -> None:
    """Draw the chairs that the person has, and those that it could take."""
    run = run_of(args)
    own = [row for row in worklist.queue(store, person.id, run) if row.seat != JUDGE]
    free = open_chairs(store, person.id, run)
    ready = next((row for row in own if row.state in READY), None)
    st.subheader("Debate", anchor=False)
    told()
    with st.container(horizontal=True):
        if ready is not None:
            st.button("Continue", type="primary", shortcut="G", key="continue",
                      on_click=_open, args=(ready.id,))  # fmt: skip
        elif free:
            st.button("Take a chair", type="primary", shortcut="G", key="take",
                      on_click=_take, args=(args, free[0], run))  # fmt: skip
        st.button("Queue", key="queue", on_click=to_queue)
    if not own and not free:
        st.text("No debater's chair is open to you now.")
    if own:
        _own(own)
    if free:
        _free(args, free, run)


def _own(rows: Sequence[Row]) -> None:
    st.subheader("Your chairs", anchor=False)
    chosen = st.dataframe(
        {
            "State": [row.state for row in rows],
            "Setting": [visible(row.protocol) for row in rows],
            "Seat": [visible(row.seat) for row in rows],
            "Rounds": [row.rounds for row in rows],
        },
        hide_index=True, key="own chairs", on_select="rerun", selection_mode="single-row",
        height="auto" if len(rows) > 9 else "content", alt="Your chairs: select a row to open it",
    )  # fmt: skip
    picked = chosen["selection"]["rows"]
    if picked and 0 <= picked[0] < len(rows):
        st.button("Open", key="open own", on_click=_open, args=(rows[picked[0]].id,))
    else:
        st.caption("Select a row to open it.")


def _free(args: Arguments, free: Sequence[Open], run: str | None) -> None:
    st.subheader("Open chairs", anchor=False)
    chosen = st.dataframe(
        {
            "Seat": [visible(one.role) for one in free],
            "Setting": [visible(one.protocol) for one in free],
            "Rounds so far": [one.rounds for one in free],
            "Study": [visible(one.run) for one in free],
        },
        hide_index=True, key="open chairs", on_select="rerun", selection_mode="single-row",
        height="auto" if len(free) > 9 else "content", alt="Open chairs: select a row to take it",
    )  # fmt: skip
    picked = chosen["selection"]["rows"]
    if picked and 0 <= picked[0] < len(free):
        st.button("Take this chair", key="take this", on_click=_take,
                  args=(args, free[picked[0]], run))  # fmt: skip
    else:
        st.caption("Select a row to take that chair. Whoever debates does not judge that debate.")


def _open(id: str) -> None:
    go("chair", a=id)


def _take(args: Arguments, one: Open, run: str | None) -> None:
    """The click that takes a chair."""

    def act(store: Store, person: Person) -> None:
        go("chair", a=take_chair(store, person, one.match, one.seat, run))

    perform(args, act)
