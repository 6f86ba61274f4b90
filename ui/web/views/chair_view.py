"""The debater's page: a person reads what its seat may see, writes, picks quotations, and speaks.

Addresses name a place (``?a=``) and nothing else; without one the page lists chairs. Every run
reads how things stand from the store, and every act is a callback with one transaction. What is
written is a draft on the server until it is sent, and stays one whatever refuses it.
"""

from __future__ import annotations

import time

import streamlit as st

from arena import leases
from arena.desk import drafts
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.desk.shelf import borrowed
from arena.store import Store, StoreError
from ui import reading
from ui.serve import Arguments
from ui.web import who
from ui.web.parts.clock import clock
from ui.web.parts.quotes import quotes
from ui.web.parts.reader import picked, reader
from ui.web.parts.selection import select
from ui.web.views.acting import (
    NOT_READ,
    close_dialog,
    follow,
    open_dialog,
    tell,
    to_queue,
    told,
)
from ui.web.views.chair_case import Case, find, page, sit_down
from ui.web.views.chair_dialogs import GIVE_UP, HELP, dialog, pending
from ui.web.views.chair_form import Act, passage, preview_key, side_key, speech, whose
from ui.web.views.chair_list import chairs
from ui.web.views.dialogs import go_on
from ui.web.views.look import look
from ui.web.views.waiting_part import ASKED, LONG, SLOW, elapsed

EVERY = 2.0
"""Seconds between two looks at whether it is this person's turn."""
STYLE = """
<style>
.st-key-speech h3, .st-key-passage h3 { padding: 0; font-size: 1.15rem; }
.st-key-speech [data-testid="stVerticalBlock"] { gap: .6rem; }
.st-key-side [data-testid="stText"] { font-family: "Source Serif", Georgia, serif;
  font-size: 1.05rem; }
@media (min-width: 1000px) {
  .st-key-desk [data-testid="stColumn"] { min-width: 21rem; }
}
@media (max-width: 999px) {
  .st-key-desk [data-testid="stColumn"]:has(> * .st-key-passage) { order: 3; }
}
</style>
"""


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for this person."""
    follow()
    look()
    st.html(STYLE)
    id = st.query_params.get("a", "")
    try:
        with borrowed(args.store) as store:
            if id:
                chair(store, args, person, id)
            else:
                chairs(store, args, person)
    except PersonError as error:
        close_dialog()
        st.text(str(error))
        told()
        ways(args)
    except StoreError:
        st.error(NOT_READ)


def ways(args: Arguments) -> None:
    """The ways from a debate that is over, or is not this person's."""
    with st.container(horizontal=True):
        st.button("Continue with the next", type="primary", shortcut="G", key="next",
                  on_click=go_on, args=(args,))  # fmt: skip
        st.button("Queue", key="queue", on_click=to_queue)


def chair(store: Store, args: Arguments, person: Person, id: str) -> None:
    """The page of the chair with this id. Raises PersonError where it is not this person's."""
    case = find(store, args, person, id)
    if case.state == "speak":
        sit_down(store, case)
    saved = drafts.load(store, person.id, case.match.id)
    name = pending(case)
    closed = bool(name)
    text = st.session_state.get(preview_key(case))
    text = text if isinstance(text, str) else None
    side = st.session_state.get(side_key(case))
    drawn = page(case, text, side if isinstance(side, str) else None)
    count = sum(len(one["turns"]) for one in drawn["rounds"])
    number = selected(case, count)
    with st.container(key="header", horizontal=True, vertical_alignment="center", gap="small"):
        header(case, closed)
    with st.container(key="desk"):
        reads = case.state == "speak" and case.view.passage is not None
        columns = st.columns([1.15, 1, 1.1] if reads else [1.35, 1], gap="medium")
    with columns[0]:
        turns(case, drawn, count, number, closed)
    if reads:
        with columns[1], st.container(key="passage"):
            passage(case)
    with columns[-1], st.container(key="speech"):
        if case.state == "speak":
            speech(store, case, saved, closed)
        elif case.state == "wait":
            waiting(case)
        else:
            over(case)
    clock(case.key("clock"), assignment=case.place.id)
    select(number, case.key("select"))
    dialog(store, case, saved, name)


# The head of the page, and the debate.


def header(case: Case, closed: bool) -> None:
    """How it stands, and what one can do with the chair."""
    words = {
        "speak": "It is your turn to speak",
        "wait": "It is not your turn",
        "over": "The debate is over",
    }[case.state]
    st.caption(words, width="stretch")
    if case.state != "over":
        st.button("Give up this chair", key="open give up", type="tertiary", disabled=closed,
                  on_click=open_dialog, args=(GIVE_UP, case.place.id))  # fmt: skip
    st.button("Help", key="open help", type="tertiary", shortcut="H", disabled=closed,
              on_click=open_dialog, args=(HELP, case.place.id))  # fmt: skip


def selected(case: Case, count: int) -> int | None:
    """The turn that is selected: what was chosen since the last one came, else the first that
    somebody else has said in the last round, or the last round's first; of a preview, that."""
    if not count:
        return None
    of, number = st.session_state.get(case.key("selected"), (-1, 0))
    if of == count and 0 <= number < count:
        return int(number)
    if count > len(case.view.turns):
        return count - 1
    last = case.view.turns[-1].place
    there = [(turn.mine, i) for i, turn in enumerate(case.view.turns) if turn.place == last]
    return min(there)[1]


def choose(key: str, count: int, number: int) -> None:
    """Select a turn."""
    st.session_state[key] = (count, max(0, min(count - 1, number)))


def turns(
    case: Case, drawn: dict[str, object], count: int, number: int | None, closed: bool
) -> None:
    """The transcript, the ways from turn to turn, and all quotations so far."""
    key, part = case.key("selected"), case.key("reader")

    def pick() -> None:
        chosen = picked(part)
        if chosen is not None:
            choose(key, count, chosen)

    if count:
        at = -1 if number is None else number
        with st.container(horizontal=True, gap="small"):
            for label, shortcut, step in (("Previous", "K", -1), ("Next", "J", 1)):
                st.button(
                    label, key=f"turn {shortcut}", shortcut=shortcut, type="tertiary",
                    disabled=closed or not 0 <= at + step < count,
                    on_click=choose, args=(key, count, at + step),
                )  # fmt: skip
    reader(drawn, part, pick)
    if any(turn.quotes for turn in case.view.turns):
        with st.expander("All quotations so far"):
            quotes(reading.quotes_in_order(case.match, case.view, case.transcript),
                   case.key("quotes"))  # fmt: skip


# Somebody else's turn, and the end.


def waiting(case: Case) -> None:
    """Draw that it is somebody else's turn, and look again until it is not."""
    st.subheader("Somebody else is to act", anchor=False)
    told()
    st.fragment(_look, run_every=EVERY)(case)
    st.caption(
        "You can leave: your chair is kept, and what is said will be here when you come back. "
        "This page goes on by itself."
    )
    whose(case)


def _look(case: Case) -> None:
    try:
        with borrowed(case.args.store) as store:
            now = find(store, case.args, who.require(store, case.args), case.place.id)
    except StoreError:
        st.caption(NOT_READ)
        return
    except PersonError:
        st.rerun()
    if now.drawn != case.drawn:
        st.rerun()
    passed = max(0.0, time.time() - now.since)
    if now.held is not None:
        st.text("Your speech waits for the seat before yours in this round.")
    elif now.judge_next:
        st.text("The debate waits for the judge.")
    else:
        st.text("The debate waits for the other side.")
    st.text(f"You have waited {elapsed(passed)}")
    if passed > LONG:
        st.caption(SLOW)
        st.button("Ask again", key=case.key("ask again"), on_click=once_more, args=(Act(case),),
                  disabled=bool(pending(case)))  # fmt: skip


def once_more(act: Act) -> None:
    """The click on Ask again: the same words whether it is a machine that failed, or a person."""

    def on_case(store: Store, case: Case) -> None:
        leases.retry(store, case.match, case.person.id)
        tell("done", ASKED)

    act(on_case)


def over(case: Case) -> None:
    """The page of a debate in which nothing is left to say."""
    st.subheader("The debate is over", anchor=False)
    told()
    st.text("You have nothing more to say here. What the judges decide is not shown to you.")
    ways(case.args)
    whose(case)
