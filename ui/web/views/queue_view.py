"""The queue: what there is to judge, how far one has come, and the way on."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from arena.desk import worklist
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.desk.listed import Overview, Row
from arena.desk.seen import left_out
from arena.desk.settings import settings_of
from arena.desk.shelf import borrowed
from arena.desk.standing import READY, State
from arena.protocols import JUDGE
from arena.store import Store, StoreError
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import NOT_READ, follow, go, perform, plain, told
from ui.web.views.case import RUN, run_of
from ui.web.views.dialogs import go_on
from ui.web.views.look import look

LIMIT = 200
"""Rows of a table at most: the queue may hold thousands, and is worked through in its order."""
GROUPS: dict[str, tuple[State, ...]] = {
    "To do": ("to do", "expired"),
    "In progress": ("in progress", "waiting for your question", "waiting for your speech"),
    "Waiting": ("waiting on a debater", "waiting on the judge"),
    "Done": ("done",),
}
"""The counts above the queue, and the states in each."""
ALL = "All"
LEFT_OUT = (
    "Left out: what you have read as a researcher, debated about, or been told the answer to."
)


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for this person."""
    follow()
    look()
    try:
        with borrowed(args.store) as store:
            page(store, args, person)
    except PersonError as error:
        st.error(plain(str(error)))
    except StoreError:
        st.error(NOT_READ)


def page(store: Store, args: Arguments, person: Person) -> None:
    """Counts, the way on, what is left, what is done."""
    run = run_of(args)
    if args.run is None:
        run = choose_run(store, person)
    found = worklist.overview(store, person.id, run, limit=LIMIT)
    open_rows = [row for row in found.rows if row.state not in ("done", "recused")]
    done = [row for row in found.rows if row.state == "done"]
    told()
    progress(store, run, found)
    if found.ready:
        if any(row.practice for row in open_rows if row.state in READY):
            st.caption("Practice comes first; after each verdict you are told the answer.")
        st.button("Continue", type="primary", shortcut="G", key="continue", on_click=go_on,
                  args=(args,))  # fmt: skip
    else:
        waits = sum(n for state, n in found.counts.items() if state.startswith("waiting"))
        nothing_left(found.counts["done"], waits > 0)
    if left_out(store, person.id):
        st.caption(LEFT_OUT)
    if open_rows:
        table(store, args, "What there is", open_rows, "queue", run is None)
    if found.left_out:
        st.caption(f"The tables hold the first {LIMIT} of each; {found.left_out} more come later.")
    instructions(store, run, found.runs)
    if done:
        table(store, args, "Finished", done, "finished", run is None)


def choose_run(store: Store, person: Person) -> str | None:
    """The run to work on, where this person has work in several; None for all of them."""
    names = worklist.runs(store, person.id)
    if len(names) < 2:
        st.session_state.pop(RUN, None)
        return names[0] if names else None
    chosen = st.session_state.get(RUN)
    choices = [None, *names]
    st.session_state["choice of run"] = chosen if chosen in names else None
    found = st.selectbox(
        "Study", choices, key="choice of run", on_change=_chosen, width=420, placeholder=ALL,
        format_func=lambda name: ALL if name is None else visible(name),
    )  # fmt: skip
    return found


def _chosen() -> None:
    st.session_state[RUN] = st.session_state.get("choice of run")


def progress(store: Store, run: str | None, found: Overview) -> None:
    """One's own progress, the run's, and how many there are in each state."""
    done, all = found.counts["done"], found.counts["done"] + found.ready
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        for name, states in GROUPS.items():
            st.metric(name, sum(found.counts[state] for state in states), width="content")
        with st.container(width=360, gap="xsmall"):
            st.progress(done / max(all, 1), text=f"You: {done} of {all}")
            if run is not None and not _secrets(store, run):
                given, wanted = worklist.progress_of_run(store, run)
                st.progress(
                    min(1.0, given / max(wanted, 1)), text=f"Everybody: {given} of {wanted}"
                )


def _secrets(store: Store, run: str | None) -> bool:
    """Whether some debates of the study must not be told from the others: where a count of all
    stands still, or an exact length comes again, one is gold or a repeat."""
    settings = settings_of(store, run)
    return bool(settings.gold_share or settings.again_share)


def nothing_left(done: int, waits: bool) -> None:
    """The page when there is nothing to do."""
    st.subheader("Nothing left to judge" if not waits else "Nothing to do just now", anchor=False)
    if waits:
        st.text("Your debates wait for others. They come back here when it is your turn.")
    elif done:
        st.text("You have judged everything that is here for you. Thank you.")
    else:
        st.text("No debate waits for you. Whoever runs the study can assign some.")


def table(
    store: Store, args: Arguments, title: str, rows: Sequence[Row], key: str, runs: bool
) -> None:
    """Rows of the queue; one that is selected is opened."""
    st.subheader(title, anchor=False)
    now = time.time()
    hidden = {run for run in {row.run for row in rows} if run and _secrets(store, run)}
    shown: dict[str, list[object]] = {
        "#": [row.position for row in rows],
        "State": [_state(row) for row in rows],
        "Setting": [visible(row.protocol) for row in rows],
        "Rounds": ["" if row.run in hidden else row.rounds for row in rows],
        "Words": ["" if row.run in hidden else round(row.length / 6) for row in rows],
        "Kept for you": [_left(row.deadline, now) for row in rows],
    }
    if key == "finished":
        del shown["#"], shown["State"], shown["Kept for you"]
    if all(row.run in hidden for row in rows):
        del shown["Rounds"], shown["Words"]
    if runs:
        shown["Study"] = [visible(row.run or "") for row in rows]
    st.dataframe(
        shown, hide_index=True, key=key, selection_mode="single-row",
        on_select=lambda: _picked(args, key, rows), alt=f"{title}: select a row to open it",
        height="auto" if len(rows) > 9 else "content",
    )  # fmt: skip
    st.caption("Select a row to open it.")


def _picked(args: Arguments, key: str, rows: Sequence[Row]) -> None:
    """The click on a row: it is taken up, where that is what it waits for, and opened."""
    chosen = st.session_state[key]["selection"]["rows"]
    if not chosen or not 0 <= chosen[0] < len(rows):
        return
    row = rows[chosen[0]]

    def begin(store: Store, person: Person) -> None:
        if row.state in READY:
            worklist.begin(store, person.id, row.id)
        go("judge" if row.seat == JUDGE else "chair", a=row.id)

    perform(args, begin)


def _state(row: Row) -> str:
    if row.seat != JUDGE:
        return f"{row.state}, as a speaker"
    return f"practice, {row.state}" if row.practice else row.state


def _left(deadline: float | None, now: float) -> str:
    if deadline is None:
        return ""
    minutes = max(0, round((deadline - now) / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def instructions(store: Store, run: str | None, names: Sequence[str]) -> None:
    """What the studies tell their judges, as text."""
    runs = names if run is None else [run]
    found = {name: settings_of(store, name).instructions for name in runs}
    told_of = {name: words for name, words in found.items() if words.strip()}
    if not told_of:
        return
    with st.expander("Instructions", expanded=True):
        for name, words in told_of.items():
            if len(told_of) > 1:
                st.text(visible(name))
            st.text(visible(words))
