"""The chairs of a person: those that it has, and debaters' chairs that nobody has taken yet."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from arena.desk import worklist
from arena.desk.identity import Person
from arena.desk.openings import Open, open_chairs, take_chair
from arena.desk.standing import READY
from arena.desk.worklist import Row
from arena.protocols import JUDGE
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import go, perform, to_queue, told
from ui.web.views.case import run_of

# The list.


def chairs(store: Store, args: Arguments, person: Person) -> None:
    """Draw the chairs that the person has, and those that it could take."""
    run = run_of(args)
    places = worklist.overview(store, person.id, run, offered=False).rows
    own = [row for row in places if row.seat != JUDGE]
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
        go("chair", a=take_chair(store, person.id, one.match, one.seat, run))

    perform(args, act)
