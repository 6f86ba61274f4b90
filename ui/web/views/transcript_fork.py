"""Playing on from a turn with others: the form, how far it is, and the fork beside its debate."""

from __future__ import annotations

import time
from collections.abc import Mapping

import streamlit as st

from arena.desk.browse import find
from arena.desk.identity import Person
from arena.desk.pseudonyms import Names
from arena.match import Match
from arena.participants import parse
from arena.store import Store, StoreError
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import NOT_READ, tell
from ui.web.views.transcript_cards import cards
from ui.web.views.transcript_desk import act, reader_at, refuse
from ui.web.views.transcript_jobs import Job, of, present, start
from ui.web.views.transcript_values import Debate, beside, debate, forks, name_of, state

EVERY = 1.0
"""Seconds between two looks at a fork that is being played."""
JOB = "fork job"
BEGINNING = "From the beginning"
AFTER = "After the selected turn"
MOST_TYPED = 2000  # characters of one participant's string


def form(store: Store, args: Arguments, one: Debate, turn: int | None, metadata: bool) -> None:
    """Who is to play on. Who sits there now is told with the metadata alone; a seat that is left
    empty or unchanged keeps it."""
    match = one.match
    seats = [seat for seat, _ in match.seats]
    names, chairs = Names(store), dict(match.seats)
    now = {seat: present(store, match, seat) if metadata else "" for seat in seats}
    place = turn if turn is not None else -1
    with st.form("fork form", border=False):
        st.segmented_control(
            "Fork", [AFTER, BEGINNING] if turn is not None else [BEGINNING], key="fork from",
            default=AFTER if turn is not None else BEGINNING, required=True,
        )  # fmt: skip
        for first in range(0, len(seats), 2):
            for column, seat in zip(st.columns(2), seats[first : first + 2], strict=False):
                with column:
                    n = seats.index(seat)
                    who = f", now {visible(names(chairs[seat]))}" if metadata else ""
                    st.text(f"{name_of(match, seat)}{who}")
                    st.text_input(
                        f"Seat {n + 1} is taken by", now[seat], MOST_TYPED,
                        key=_box(n, match.id, metadata), placeholder="whoever sits there now",
                    )  # fmt: skip
        left, right = st.columns([3, 1])
        with left:
            st.text_area(
                "Judges who read it when it is over, one a line", key="fork judges", height=72,
                max_chars=4 * MOST_TYPED,
            )  # fmt: skip
        with right:
            st.number_input("Seed", 0, 2**31 - 1, 0, 1, key="fork seed")
        st.caption(
            "Write `scripted:witness,p=.3`, `local:FOLDER`, or `person` for an empty chair. "
            "Machines are played by this server, one fork at a time, while the page goes on. "
            "Where a person has to speak first, `arena work` plays the machines afterwards."
        )
        st.form_submit_button(
            "Fork and play on",
            type="primary",
            on_click=ask,
            args=(args, match.id, place, now, metadata),
        )


def _box(n: int, match: str, metadata: bool) -> str:
    """The key of a seat's box: with the metadata it is another one, which is filled in."""
    return f"fork seat {n} {match} {'filled' if metadata else 'empty'}"


def ask(
    args: Arguments, key: str, turn: int, now: Mapping[str, str], metadata: bool
) -> None:  # fmt: skip
    """The click: what was typed is read, checked, and handed to the thread that plays it."""
    said = st.session_state
    place = turn if said.get("fork from") == AFTER else -1

    def begin(store: Store, person: Person) -> None:
        match = find(store, key)
        seats: dict[str, str] = {}
        for n, (seat, _) in enumerate(match.seats):
            typed = str(said.get(_box(n, key, metadata)) or "").strip()
            if typed and typed != now.get(seat):
                parse(typed)
                seats[seat] = typed
        judges = [line.strip() for line in str(said.get("fork judges") or "").splitlines()]
        judges = [line for line in judges if line]
        for line in judges:
            parse(line)
        seed = int(said.get("fork seed") or 0)
        job = Job(args.store, match.id, place, seats, judges, seed, person.id)
        said[JOB] = (match.id, start(job))

    act(args, begin)


def progress(args: Arguments, match: Match) -> None:
    """How far the fork is that was asked for here; when it is over, it is shown."""
    asked, key = st.session_state.get(JOB, ("", ""))
    if asked == match.id:
        st.fragment(_look, run_every=EVERY)(args, key)


def _look(args: Arguments, key: str) -> None:
    job = of(key)
    if job is None or job.over:
        st.session_state.pop(JOB, None)
        if job is None:
            tell("done", "The server was started anew meanwhile; the forks are listed below.")
        elif job.problem:
            refuse(job.problem, job.detail)
        else:
            st.query_params["beside"] = str(job.fork)
        st.rerun()
    seconds = int(time.monotonic() - job.asked)
    what = "is being played" if job.begun else "waits for another fork"
    st.caption(f"The fork {what}: {job.replies} replies of models so far, {seconds} s.")


# The forks that there are.


def listed(store: Store, args: Arguments, one: Debate) -> None:
    """The forks of this debate; the one that is selected is shown beside it."""
    found = forks(store, one.match)
    if not found:
        return
    st.subheader("Forks of this debate", anchor=False)
    key = f"forks {one.match.id}"
    st.dataframe(
        {
            "Fork": list(range(1, len(found) + 1)),
            "After turn": [row["after"] + 1 for row in found],
            "Turns": [row["turns"] for row in found],
            "State": [row["state"] for row in found],
        },
        hide_index=True, key=key, selection_mode="single-row", height="auto" if len(found) > 9
        else "content", alt="The forks: select a row to see it beside this debate", width="content",
        on_select=lambda: _selected(args, key, [row["id"] for row in found]),
    )  # fmt: skip
    st.caption("Select a row to see the fork beside this debate.")


def _selected(args: Arguments, key: str, ids: list[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]

    def show(store: Store, person: Person) -> None:
        if rows and 0 <= rows[0] < len(ids):
            st.query_params["beside"] = ids[rows[0]]

    act(args, show)


def comparison(store: Store, args: Arguments, one: Debate, key: str) -> None:
    """Another debate of the same root beside this one, from the turn where they part."""
    other = debate(store, key)
    same, found = beside(one, other)
    with st.container(key="beside"):
        head, opening, closing = st.columns([4, 1, 1], vertical_alignment="center")
        with head:
            if len(one.spoken) == len(other.spoken) == same:
                st.subheader("The fork has the same turns so far", anchor=False)
            elif same:
                st.subheader(f"They part after turn {same}", anchor=False)
            else:
                st.subheader("They part at the beginning", anchor=False)
        opening.button("Open the fork", key="open the fork", width="stretch", on_click=_open,
                       args=(args, other.match.id, same))  # fmt: skip
        closing.button("Close", key="close the fork", width="stretch", on_click=close)
        standing = state(other.match, store.transcript(other.match))
        st.text(f"The fork {'is over' if standing == 'over' else standing}.")
        if found:
            part = f"cards {other.match.id}"
            cards(part, "The debate and its fork, from where they part", found,
                  ("The debate", "The fork"))  # fmt: skip
    if standing != "over":
        st.fragment(_watch, run_every=3 * EVERY)(args, other.match.id, len(other.spoken))


def _watch(args: Arguments, key: str, turns: int) -> None:
    """Draw the page again when somebody has spoken in a fork that goes on."""
    try:
        with Store(args.store) as store:
            reader_at(store, args)
            changed = len(debate(store, key).spoken) != turns
    except StoreError:
        st.caption(NOT_READ)
        return
    if changed:
        st.rerun()


def _open(args: Arguments, key: str, turn: int) -> None:
    def show(store: Store, person: Person) -> None:
        found = debate(store, key)
        st.query_params.from_dict({"id": found.match.id, "turn": str(min(turn, len(found.spoken)))})

    act(args, show)


def close() -> None:
    """The click that leaves the debate alone on the page."""
    st.query_params.pop("beside", None)
