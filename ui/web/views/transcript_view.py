"""A debate as a researcher reads it: every turn, the tree of all branches, and three switches.

The truth, judges' reports and metadata are off at first; what is off is not read from the store,
so nothing of it reaches the browser. What is read here is noted before it is drawn: whoever has
read it does not judge it.
"""

from __future__ import annotations

import re

import streamlit as st

from arena.desk import seen
from arena.desk.browse import BrowseError, link
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.desk.transcripts import transcript
from arena.store import Store, StoreError
from arena.text import visible
from ui.serve import Arguments
from ui.web.parts.reader import picked, reader
from ui.web.parts.selection import select
from ui.web.parts.tree import tree
from ui.web.views import transcript_fork as forking
from ui.web.views import transcript_panels as panels
from ui.web.views import transcript_values as values
from ui.web.views.acting import NOT_READ, follow, go, told
from ui.web.views.look import look
from ui.web.views.transcript_desk import STYLE, act, detail, reader_at
from ui.web.views.transcript_values import Debate

TRUTH, REPORTS, METADATA = "switch truth", "switch reports", "switch metadata"
PART = "part"
ALTERNATIVES, FORK, SAID, RECORD = "Alternatives", "Fork", "Reports", "Record"
LIST = "debates query"
"""Where the list of debates keeps its filters, for the way back."""
NONE_CHOSEN = "Choose a debate in the list."
READ = "What you read here you are not given to judge any more."


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for this person."""
    follow()
    look()
    st.html(STYLE)
    try:
        with Store(args.store) as store:
            reader = reader_at(store, args)
            if "id" not in st.query_params:
                st.text(NONE_CHOSEN)
                st.button("To the list", type="primary", on_click=to_list)
                return
            page(store, args, reader, values.debate(store, st.query_params["id"]))
    except (PersonError, BrowseError) as error:
        st.error(str(error))
        st.button("To the list", key="away", on_click=to_list)
    except StoreError:
        st.error(NOT_READ)


def to_list() -> None:
    """The click that leads to the list, as it was left."""
    query = st.session_state.get(LIST)
    go("debates", **(query if isinstance(query, dict) else {}))


def selected(one: Debate) -> int | None:
    """The turn that the address names, if the debate has it."""
    given = st.query_params.get("turn", "")
    number = int(given) if re.fullmatch("[0-9]{1,6}", given) else len(one.spoken)
    return number if number < len(one.spoken) else None


def page(store: Store, args: Arguments, person: Person, one: Debate) -> None:
    """The head, the three columns, and what is below them; for whoever is to judge the question,
    first the choice between the two."""
    turn = selected(one)
    places = seen.costs(store, one.match, person.id)
    if places:
        choice(args, one, places)
        return
    truth, reports, metadata = head(args, one, turn)
    seen.look(store, one.match, person.id, truth, reports, metadata)
    told()
    detail()
    shown = transcript(store, one.match, truth=truth, reports=reports, metadata=metadata)
    key = one.match.id
    drawn, ids, left_out = values.tree(store, one)
    with st.container(key="desk"):
        left, middle, right = st.columns([1.05, 2.4, 1.3], gap="small")
    with middle, st.container(key="text"):
        reader(values.page(one), f"reader {key}", lambda: _picked(args, f"reader {key}", one))
    with right, st.container(key="report"):
        if truth:
            panels.truth(one, shown["truth"])
        if reports:
            panels.lines(store, one)
        panels.quotations(one, lambda: _picked(args, f"quotes {key}", one))
    with left, st.container(key="tree"):
        if drawn["nodes"]:
            tree(drawn, f"tree {key}", lambda: _branch(args, f"tree {key}", one, ids))
        if len(ids) > len(one.spoken):
            st.caption("Faint turns are on other branches; choose one to read it.")
        if left_out:
            st.caption(f"{left_out} turns of other branches are not drawn.")
    select(turn, f"select {key}")
    lower(store, args, one, turn, shown, (truth, reports, metadata))


def choice(args: Arguments, one: Debate, places: int) -> None:
    """What reading on would cost somebody who is to judge the same."""
    st.text(
        f"You are to judge {'a debate' if places == 1 else f'{places} debates'} about this. "
        "Here you would read what judges do not see, so you would step down there, for good."
    )
    told()
    with st.container(horizontal=True, gap="small"):
        st.button("To the list", key="away", type="primary", on_click=to_list)
        st.button("Step down and read", key="read on", on_click=_read_on, args=(args, one))


def _read_on(args: Arguments, one: Debate) -> None:
    act(args, lambda store, person: seen.look(store, one.match, person.id))


def head(args: Arguments, one: Debate, turn: int | None) -> tuple[bool, bool, bool]:
    """Question, ways, switches; what is switched on."""
    with st.container(key="header"):
        about, ways = st.columns([3, 2], vertical_alignment="center")
        with about, st.container(key="question"):
            st.text(visible(one.match.question.text))
        with ways, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            st.button("List", key="to list", shortcut="L", on_click=to_list)
            count = len(one.spoken)
            back = None if not turn else turn - 1
            on = 0 if turn is None else turn + 1
            st.button("Previous", key="previous turn", shortcut="K", disabled=back is None,
                      on_click=_choose, args=(args, one, back))  # fmt: skip
            st.button("Next", key="next turn", shortcut="J", disabled=on >= count,
                      on_click=_choose, args=(args, one, on))  # fmt: skip
        with st.container(key="switches", horizontal=True, gap="medium"):
            truth = st.toggle("Truth", key=TRUTH)
            reports = st.toggle("Judges' reports", key=REPORTS)
            metadata = st.toggle("Metadata", key=METADATA)
            with st.popover("Link"):
                st.caption("To this turn, for others who may read debates."
                           if turn is not None else "To this debate.")  # fmt: skip
                st.code(f"{_base()}{link(one.match.id, turn)}", language=None, wrap_lines=True)
            if one.waiting:
                st.caption("This debate is not over yet.")
            st.caption(READ)
    return truth, reports, metadata


def _base() -> str:
    """The page's address, without what follows the question mark."""
    return (st.context.url or "/debate").partition("?")[0]


def lower(
    store: Store, args: Arguments, one: Debate, turn: int | None, shown: dict[str, object],
    switches: tuple[bool, bool, bool],
) -> None:  # fmt: skip
    """Below the columns: a fork beside the debate, and the part that was chosen."""
    _, reports, metadata = switches
    forking.progress(args, one.match)
    other = st.query_params.get("beside")
    if other is not None:
        try:
            forking.comparison(store, args, one, other)
        except BrowseError as error:
            st.error(str(error))
            st.button("Close", key="close the fork", on_click=forking.close)
    parts = [ALTERNATIVES, FORK, *([SAID] if reports else []), *([RECORD] if metadata else [])]
    if st.session_state.get(PART) not in parts:
        st.session_state[PART] = ALTERNATIVES
    part = st.segmented_control("Below", parts, key=PART, required=True,
                                label_visibility="collapsed")  # fmt: skip
    if turn is not None and part != SAID:
        st.caption(f"Selected: turn {turn + 1} of {len(one.spoken)}.")
    if part == SAID:
        found = shown["reports"]
        assert isinstance(found, list)  # the switch is on
        panels.reports(one, found)
    elif part == RECORD:
        panels.record(store, one, shown, turn)
    elif part == FORK:
        forking.form(store, args, one, turn, metadata)
    else:
        panels.alternatives(store, one, turn, reports, metadata,
                            lambda key, opens: _alternative(args, key, opens, one))  # fmt: skip
    if part == FORK or other is not None:
        forking.listed(store, args, one)


# Clicks.


def _choose(args: Arguments, one: Debate, number: int | None) -> None:
    """Select a turn: it is in the address from now on."""

    def show(store: Store, person: Person) -> None:
        if number is not None and 0 <= number < len(one.spoken):
            st.query_params["turn"] = str(number)

    act(args, show)


def _picked(args: Arguments, key: str, one: Debate) -> None:
    _choose(args, one, picked(key))


def _branch(args: Arguments, key: str, one: Debate, ids: list[str]) -> None:
    """A turn of the tree: it is selected, or the debate is opened in which it was said."""
    number = picked(key)

    def show(store: Store, person: Person) -> None:
        if number is None or number >= len(ids):
            return
        match, turn, instead = values.where_is(store, one, ids[number])
        if match == one.match.id:
            st.query_params["turn"] = str(turn)
        else:
            st.query_params.from_dict({"id": match, "turn": str(turn)})
        if instead:
            st.session_state[PART] = ALTERNATIVES

    act(args, show)


def _alternative(args: Arguments, key: str, opens: list[str | None], one: Debate) -> None:
    """A card's button: the debate that goes on with what it says, at the same turn."""
    number = picked(key)
    turn = st.query_params.get("turn", "")

    def show(store: Store, person: Person) -> None:
        match = opens[number] if number is not None and number < len(opens) else None
        if match is not None:
            st.query_params.from_dict({"id": match, "turn": turn})

    act(args, show)
