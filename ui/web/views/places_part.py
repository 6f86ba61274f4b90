"""The places that people have at the debates of a run: how each stands, what lies idle, who takes
over; and how far everybody has come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from arena.desk import identity, upkeep, worklist
from arena.desk.chairs import PersonError
from arena.desk.identity import ADMIN, Person
from arena.desk.standing import plans, state_of
from arena.desk.waiting import whose_turn
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import tell
from ui.web.views.admin_desk import (
    act,
    ago,
    columns,
    cut,
    key_of,
    labels,
    lasts,
    runs,
    table,
    value_in,
)
from ui.web.views.plan_part import KINDS

BACK = "taken back"
OPEN, DONE, ALL = "Open", "Done", "All"
FILTERS = {OPEN: "open", DONE: "done", BACK: BACK, ALL: "all"}
EVERYBODY = ""
MOST = 1000
"""Rows of the table; a choice of a person or a state shows the others."""
_PLACES = (
    "SELECT a.id, a.match, a.seat, a.holder, p.name, a.kind, a.position, a.until, a.done, "
    "a.closed, a.closed_at, a.made_by, a.made_at, m.played, m.protocol, m.seats, q.text, "
    "EXISTS (SELECT 1 FROM verdicts AS v WHERE v.match = a.match AND v.author = a.holder) "
    "AS judged FROM assignments AS a JOIN people AS p ON p.id = a.holder "
    "JOIN matches AS m ON m.id = a.match JOIN questions AS q ON q.id = m.question "
    "WHERE a.run = ? ORDER BY p.name, a.made_by IS NULL, a.made_at, a.position"
)
_ACTIVE = (
    "SELECT person, sum(milliseconds) AS spent FROM activity WHERE match IN "
    "(SELECT match FROM assignments WHERE run = ?1) GROUP BY person"
)
_LAST = (
    "SELECT e.person, max(e.at) AS at FROM assignments AS a CROSS JOIN events AS e "
    "ON e.match = a.match AND e.person = a.holder WHERE a.run = ? GROUP BY e.person"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A place and how it stands; ``open`` where it can still be worked at."""

    row: dict[str, Any]
    state: str

    @property
    def open(self) -> bool:
        return self.state not in ("done", "recused", BACK)


def places_of(store: Store, run: str, now: float) -> list[Place]:
    """Every place of the run, by person and order."""
    rows = list(store.query(_PLACES, run))
    turns: dict[tuple[str, str, str], Any] = {}
    for holder in {row["holder"] for row in rows if not row["played"]}:
        mine = [row for row in rows if row["holder"] == holder and not row["played"]]
        for (match, seat), turn in whose_turn(store, mine, holder).items():
            turns[holder, match, seat] = turn
    found = []
    for row in rows:
        now_due = turns.get((row["holder"], row["match"], row["seat"]))
        state: str = BACK if row["closed"] == "withdrawn" else state_of(row, now_due, now)
        found.append(Place(row, state))
    return found


def places_part(store: Store, args: Arguments, run: str) -> None:
    """What lies idle, then all places with what can be done about those that are selected."""
    now = time.time()
    every = places_of(store, run, now)
    if not every:
        st.text("Nobody has a place here yet: make a plan, or let people take debates themselves.")
        return
    idle(store, args, run, now)
    st.subheader("Places", anchor=False)
    names = labels({one.row["holder"]: one.row["name"] for one in every}.items())
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.session_state["place who"] = value_in(
            [EVERYBODY, *names], st.session_state.get("place who")
        )
        who = st.selectbox("Person", [EVERYBODY, *names], key="place who", width=300,
                           format_func=lambda one: names.get(one, "everybody"))  # fmt: skip
        which = st.segmented_control("State", list(FILTERS), default=OPEN, key="place state",
                                     required=True,
                                     format_func=lambda one: FILTERS[one].capitalize())  # fmt: skip
    wanted = [
        one for one in every
        if who in (EVERYBODY, one.row["holder"])
        and (which == ALL or one.open == (which == OPEN))
        and (which != DONE or one.state in ("done", "recused"))
        and (which != BACK or one.state == BACK)
    ]  # fmt: skip
    if not wanted:
        st.text("No place is in this state.")
        return
    key = listed(wanted[:MOST], now)
    if len(wanted) > MOST:
        st.caption(f"The first {MOST} of {len(wanted)}. Choose a person to see the others.")
    acts(store, args, wanted[:MOST], key)


def picked(key: str) -> list[int]:
    """The rows that are selected in the table with this key, as of this run."""
    found: Any = st.session_state.get(key)
    return [] if found is None else list(found["selection"]["rows"])


def listed(wanted: Sequence[Place], now: float) -> str:
    """The table; its key."""
    rows = [one.row for one in wanted]
    shown: dict[str, list[Any]] = {
        "Person": [visible(row["name"]) for row in rows],
        "#": ["" if row["position"] is None else row["position"] + 1 for row in rows],
        "Question": [cut(row["text"], 200) for row in rows],
        "State": [one.state for one in wanted],
        "For": [KINDS.get(row["kind"], visible(row["kind"])) for row in rows],
        "Chair": [visible(row["seat"]) for row in rows],
        "Kept for": [
            lasts(row["until"], now) if one.state == "in progress" else ""
            for one, row in zip(wanted, rows, strict=True)
        ],
        "By": ["plan" if row["made_by"] is not None else "own choice" for row in rows],
        "Since": [ago(row["closed_at"] or row["made_at"], now) for row in rows],
    }
    # Another set of rows is another table: a selection never moves to other places.
    key = f"places {key_of(*(row['id'] for row in rows))}"
    st.dataframe(
        shown, hide_index=True, key=key, on_select="rerun", selection_mode="multi-row",
        height="auto" if len(rows) > 12 else "content", alt="Places: select those to act on",
        column_config=columns(shown),
    )  # fmt: skip
    return key


def acts(store: Store, args: Arguments, wanted: Sequence[Place], key: str) -> None:
    """What can be done about the planned places that are selected. The click itself reads which
    they are, and what the boxes say: what was drawn may be a moment older."""
    chosen = [wanted[n].row for n in picked(key) if 0 <= n < len(wanted)]
    if not chosen:
        st.caption("Select rows to take places back, or to give them to somebody else.")
        return
    own = sum(row["made_by"] is None for row in chosen)
    if own:
        st.caption("What people took themselves ends by itself; only planned places change hands.")
    rows = tuple(one.row["id"] if one.row["made_by"] is not None else None for one in wanted)
    none = own == len(chosen)
    people = [one for one in identity.people(store) if one.revoked_at is None]
    shown = labels((one.id, one.name) for one in people)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.selectbox("Somebody else", list(shown), key="give to", width=300,
                     format_func=lambda one: shown.get(one, ""))  # fmt: skip
        st.button("Give to them", key="reassign", disabled=none, on_click=reassigned,
                  args=(args, key, rows))  # fmt: skip
        with st.popover("Take back", disabled=none):
            st.text("What has been said or judged stays. The next plan gives the rest to others.")
            st.text_input("Why", key="why back", max_chars=200,
                          placeholder="for the record; may be empty")  # fmt: skip
            st.button("Yes, take back", key="withdraw", type="primary", on_click=withdrawn,
                      args=(args, key, rows))  # fmt: skip


def _each(
    args: Arguments,
    key: str,
    rows: Sequence[str | None],
    done: str,
    do: Callable[[Store, Person, str], bool],
) -> None:
    """Do one thing to the planned places that are selected, each by itself; say how many it
    changed, and the first reason why one did not."""
    ids = [id for id in (rows[n] for n in picked(key) if 0 <= n < len(rows)) if id is not None]

    def all_of_them(store: Store, admin: Person) -> None:
        changed, problems = 0, []
        for id in ids:
            try:
                changed += do(store, admin, id)
            except PersonError as error:
                problems.append(str(error))
        counted = f"{done}: {changed} of {len(ids)}."
        if problems:
            raise PersonError(f"{counted} {problems[0]}")
        tell("done", counted)

    act(args, all_of_them, ADMIN)


def reassigned(args: Arguments, key: str, rows: Sequence[str | None]) -> None:
    """The click on Give to them."""
    to = str(st.session_state.get("give to", ""))

    def give(store: Store, admin: Person, id: str) -> bool:
        found = identity.by_id(store, to)
        if found is None or found.revoked_at is not None:
            raise PersonError("This person may not sign in any more: choose another.")
        upkeep.reassign(store, id, to, admin.id)
        return True

    _each(args, key, rows, "Places that were given to them", give)


def withdrawn(args: Arguments, key: str, rows: Sequence[str | None]) -> None:
    """The click on Yes, take back."""
    why = str(st.session_state.get("why back", ""))

    def take(store: Store, admin: Person, id: str) -> bool:
        return upkeep.withdraw(store, id, admin.id, why=why.strip())

    _each(args, key, rows, "Places that were taken back", take)


# What lies idle.


def idle(store: Store, args: Arguments, run: str, now: float) -> None:
    """Places that nobody works at, and a click that takes all of them back."""
    with st.expander("Idle and expired"):
        with st.container(horizontal=True, gap="medium"):
            days = st.number_input("Days without any act", 0.0, 365.0, upkeep.IDLE / 86_400, 1.0,
                                   format="%g", key="idle days", width=220)  # fmt: skip
            hours = st.number_input("Hours since the lease ran out", 0.0, 8760.0, 0.0, 1.0,
                                    format="%g", key="late hours", width=260)  # fmt: skip
        found = upkeep.stale(store, run, now, days * 86_400, hours * 3600)
        if not found:
            st.text("Nothing lies idle.")
            return
        table(
            {
                "Person": [visible(one.name) for one in found],
                "Chair": [visible(one.seat) for one in found],
                "Why": [one.why for one in found],
                "Last seen": [ago(one.seen, now) for one in found],
            },
            "Places that nobody works at",
        )
        with st.popover("Take all of these back"):
            st.text("They are closed, and the next plan of the run gives them to others.")
            st.button("Yes, take all back", key="reclaim", type="primary", on_click=reclaimed,
                      args=(args, run, days, hours, tuple(one.id for one in found)))  # fmt: skip


def reclaimed(args: Arguments, run: str, days: float, hours: float, ids: Sequence[str]) -> None:
    """The click on Yes, take all back: those that were seen, and are idle still."""

    def take(store: Store, admin: Person) -> None:
        back = upkeep.reclaim(store, run, admin.id, idle=days * 86_400, late=hours * 3600, only=ids)
        tell("done", f"Places that were taken back: {len(back)} of {len(ids)}.")

    act(args, take, ADMIN)


# How far everybody has come.


def progress_part(store: Store, args: Arguments, run: str) -> None:
    """The run's progress, that of each person in it, and all runs side by side."""
    given, wanted = worklist.progress_of_run(store, run)
    st.progress(min(1.0, given / max(wanted, 1)), text=f"Judgments of this run: {given} of "
                f"{wanted}")  # fmt: skip
    every = places_of(store, run, time.time())
    if every:
        of_people(store, run, every)
    st.subheader("All runs", anchor=False)
    known, numbers = plans(store), {name: worklist.progress_of_run(store, name)
                                    for name in runs(store)}  # fmt: skip
    table(
        {
            "Run": [visible(name) for name in numbers],
            "Judgments": [given for given, _ in numbers.values()],
            "Wanted": [wanted for _, wanted in numbers.values()],
            "Plans": [known.get(name, {}).get("number", 0) for name in numbers],
        },
        "How far each run has come",
    )


def of_people(store: Store, run: str, every: Sequence[Place]) -> None:
    """A row for each person who has, or had, a place in the run."""
    names = {one.row["holder"]: one.row["name"] for one in every}
    counts: dict[str, Counter[str]] = {who: Counter() for who in names}
    for one in every:
        counts[one.row["holder"]][one.state if not one.open else "left"] += 1
        counts[one.row["holder"]]["begun"] += one.state in (
            "in progress", "expired", "waiting for your question", "waiting on a debater",
            "waiting for your speech", "waiting on the judge",
        )  # fmt: skip
    spent = {row["person"]: row["spent"] for row in store.query(_ACTIVE, run)}
    last = {row["person"]: row["at"] for row in store.query(_LAST, run)}
    st.subheader("People", anchor=False)
    table(
        {
            "Person": [visible(name) for name in names.values()],
            "Done": [counts[who]["done"] for who in names],
            "Left": [counts[who]["left"] for who in names],
            "Begun": [counts[who]["begun"] for who in names],
            "Stepped down": [counts[who]["recused"] for who in names],
            "Taken back": [counts[who][BACK] for who in names],
            "Active minutes": [round(spent.get(who, 0) / 60_000, 1) for who in names],
            "Last act": [ago(last.get(who)) for who in names],
        },
        "How far each person has come",
    )
    st.caption("Practice, gold debates and second readings are counted here as well.")
