"""A debate that goes on without its judge for a while: how long it has been, and what one can do.

Only this part asks the store again and again; what is typed elsewhere is left alone. When it is the
judge's turn again, the whole page is drawn.
"""

from __future__ import annotations

import streamlit as st

from arena import leases
from arena.desk.chairs import PersonError
from arena.desk.shelf import borrowed
from arena.leases import Waiting
from arena.store import Store, StoreError
from ui.web.views.acting import NOT_READ, tell, told
from ui.web.views.case import Act, Case

EVERY = 2.0
"""Seconds between two looks."""
LONG = 120.0
"""Seconds after which the page says what to do about a wait."""


SLOW = "This takes longer than usual. Tell whoever runs the study if it goes on."
ASKED = "Whoever is to act is asked once more, where that can be done."
"""The same for people and machines: who debates is not told."""


def elapsed(seconds: float) -> str:
    """A time as a clock shows it."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def waiting(case: Case, closed: bool) -> None:
    """Draw that it is somebody else's turn, and look again until it is not."""
    st.subheader("The debate goes on", anchor=False)
    told()
    st.fragment(_look, run_every=EVERY)(case, closed)
    st.caption(
        "You can leave: your place is kept, and what is said will be here when you come back. "
        "This page goes on by itself."
    )


def _look(case: Case, closed: bool) -> None:
    try:
        with borrowed(case.args.store) as store:
            status = leases.status(store, case.match)
    except StoreError:
        st.caption(NOT_READ)
        return
    if status is None:
        st.rerun()
    st.markdown(f"**{_who(case, status)}** {elapsed(status.elapsed)}")
    if status.state == "failed":
        st.error("The other side could not answer.")
        st.button(
            "Retry", type="primary", key=case.key("retry"), disabled=closed, width="stretch",
            on_click=again, args=(Act(case.args, case.place.id),),
        )  # fmt: skip
    elif status.elapsed > LONG:
        st.caption(SLOW)
        st.button("Ask again", key=case.key("ask again"), disabled=closed, on_click=once_more,
                  args=(Act(case.args, case.place.id),))  # fmt: skip


def _who(case: Case, status: Waiting) -> str:
    if status.state == "failed":
        return "No answer came, for"
    speakers = case.match.protocol.speakers
    several = len([seat for seat in status.who if seat in speakers]) > 1
    if not several:
        name = "The debater" if len(speakers) > 1 else "The consultant"
        return f"{name} is answering," if status.state == "playing" else f"{name} is to answer,"
    return "The debaters are answering," if status.state == "playing" else (
        "The debaters are to answer,"
    )  # fmt: skip


def once_more(act: Act) -> None:
    """The click on Ask again, where the page does not say whether anything has failed."""

    def on_case(store: Store, case: Case) -> None:
        leases.retry(store, case.match, case.person.id)
        tell("done", ASKED)

    act(on_case)


def again(act: Act) -> None:
    """The click on Retry."""

    def on_case(store: Store, case: Case) -> None:
        if not leases.retry(store, case.match, case.person.id):
            raise PersonError("It is being tried already.")
        tell("done", "It is tried once more.")

    act(on_case)
