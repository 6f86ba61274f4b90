"""The judging page: one debate, read and judged by the person whose place it is.

Addresses name a place (``?a=``) and nothing else. Every run reads how things stand from the store
and draws that; every act is a callback with one transaction. So a reload, a second tab and another
device show the same.
"""

from __future__ import annotations

import re
import time

import streamlit as st

from arena import leases
from arena.desk import drafts
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.desk.shelf import borrowed
from arena.store import Store, StoreError
from arena.text import visible
from ui import reading
from ui.serve import Arguments
from ui.web.parts.beliefs import beliefs
from ui.web.parts.clock import clock
from ui.web.parts.draft import draft
from ui.web.parts.highlights import highlights
from ui.web.parts.quotes import quotes
from ui.web.parts.reader import picked, reader
from ui.web.parts.selection import select
from ui.web.parts.tree import tree
from ui.web.views.acting import NOT_READ, follow, open_dialog, opened, to_queue, told
from ui.web.views.after_part import after
from ui.web.views.arriving import arriving
from ui.web.views.case import Case, find, note_shown, progress, sit_down
from ui.web.views.dialogs import (
    HELP,
    PROBLEM,
    RECUSE,
    SKIP,
    draw_dialog,
    go_on,
)
from ui.web.views.look import look
from ui.web.views.report_part import report
from ui.web.views.waiting_part import waiting

BLIND = (
    "Blind: you are not told which answer is right, who debates, how long they took, "
    "or what others have judged."
)
TRANSCRIPT, QUOTES, BESIDE = "Transcript", "All quotes", "Side by side"
WAYS = (TRANSCRIPT, QUOTES, BESIDE)
"""The ways to read, in the order in which the key goes round."""


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for this person."""
    follow()
    look()
    id = st.query_params.get("a", "")
    if not id:
        nothing(args, "No debate is open.")
        return
    try:
        with borrowed(args.store) as store:
            page(store, args, person, id)
    except PersonError as error:
        nothing(args, str(error))
    except StoreError:
        st.error(NOT_READ)


def nothing(args: Arguments, line: str) -> None:
    """One line, and the ways from here."""
    st.text(line)
    told()
    with st.container(horizontal=True):
        st.button("Continue with the next", type="primary", shortcut="G", key="next",
                  on_click=go_on, args=(args,))  # fmt: skip
        st.button("Queue", key="queue", on_click=to_queue)


def page(store: Store, args: Arguments, person: Person, id: str) -> None:
    """The page of the place with this id. Raises PersonError where it is not this person's."""
    case = find(store, args, person, id)
    if case.place.state == "recused":
        raise PersonError("You have stepped down from this debate.")
    if case.state.verdict is None and case.state.chair is not None:
        sit_down(store, person, id)
    note_shown(store, case)
    if case.state.began is None and case.state.verdict is None:
        case = find(store, args, person, id)  # its time runs from now on
    if case.state.verdict is None and case.state.chair is None and not waits(store, case):
        raise PersonError("This debate does not wait for you now.")
    saved = drafts.load(store, person.id, case.match.id)
    closed = bool(opened(case.place.id))
    over = time_is_up(case)
    with st.container(key="header", horizontal=True, vertical_alignment="center", gap="small"):
        header(store, case, closed)
    turns = len(case.state.view.turns)
    number = None if over else selected(case)
    with st.container(key="desk"):
        left, middle, right = st.columns([1.05, 2.4, 1.3], gap="small")
    with middle, st.container(key="text"):
        if over:
            st.subheader("The time to read is over", anchor=False)
            st.text("Give your verdict now. It is kept, and marked as late if you wait.")
        else:
            text(case, closed)
    with right, st.container(key="report"):
        if case.settings.mode == "timed" and case.state.verdict is None:
            timer(case)
        part(store, case, saved, closed)
        trajectory(case)
    with left, st.container(key="tree"):
        if turns and not over:
            draw_tree(case, number)
        side(case, saved, closed)
    if case.settings.mode != "timed" or case.state.verdict is not None:
        clock(case.key("clock"), assignment=case.place.id)
    if case.settings.notes:
        highlights(case.key("highlights"), assignment=case.place.id,
                   text=saved.get("highlights", ""))  # fmt: skip
    select(number, case.key("select"), address=True)
    arriving(case.key("arriving"), turns)
    draw_dialog(case, turns, number, saved)


def time_is_up(case: Case) -> bool:
    """Whether the time to read is over: then the debate is no longer shown, and a verdict is kept
    as a late one."""
    until = case.state.until
    return until is not None and case.state.verdict is None and time.time() > until


def part(store: Store, case: Case, saved: dict[str, str], closed: bool) -> None:
    """What the judge does now."""
    if case.state.verdict is not None:
        after(store, case, closed)
    elif case.state.chair is not None:
        report(case, saved, closed)
    else:
        waiting(case, closed)


def waits(store: Store, case: Case) -> bool:
    """Whether the debate goes on without this judge now, and comes back."""
    return leases.status(store, case.match) is not None


# The head of the page.


def header(store: Store, case: Case, closed: bool) -> None:
    """Progress, what the judge is not told, and what one can do with the debate as a whole."""
    done, left = progress(store, case)
    step = case.state
    where = f"Step {step.step} of {step.steps}" if step.mode == "stepped" else ""
    practice = "Practice" if case.place.kind == "practice" else ""
    words = " · ".join(one for one in (f"{done} judged, {left} to go", practice, where) if one)
    st.progress(done / max(done + left, 1), text=words, width=230)
    with st.container(key="question", width="stretch"):
        st.text(visible(case.state.view.question), width="stretch")
    over = case.state.verdict is not None
    with st.container(key="acts", horizontal=True, width="content", gap="small"):
        if not over:
            _opens("Skip", SKIP, case.place.id, closed, "Shift+S")
        _opens("Report", PROBLEM, case.place.id, closed)
        if not over:
            _opens("Step down", RECUSE, case.place.id, closed)
        _opens("Help", HELP, case.place.id, closed, "H")


def _opens(label: str, dialog: str, id: str, closed: bool, key: str | None = None) -> None:
    st.button(label, key=f"open {dialog}", type="tertiary", shortcut=key, disabled=closed,
              on_click=open_dialog, args=(dialog, id))  # fmt: skip


# The debate.


def selected(case: Case) -> int | None:
    """The turn that is selected: what the judge has chosen since the last turn came, else the first
    of those that came together with it; where all came at once, the first of all. A page that is
    opened begins with the turn that its address names."""
    turns, key = case.state.view.turns, case.key("selected")
    if key not in st.session_state:
        given = st.query_params.get("turn", "")
        named = re.fullmatch("[0-9]{1,4}", given) and int(given) < len(turns)
        st.session_state[key] = (len(turns), int(given)) if named else (-1, 0)
    if not turns:
        return None
    count, number = st.session_state[key]
    if count == len(turns) and 0 <= number < len(turns):
        return int(number)
    if case.state.mode in ("whole", "timed"):
        return 0
    return next(i for i, turn in enumerate(turns) if turn.place == turns[-1].place)


def choose(case_key: str, count: int, number: int) -> None:
    """Select a turn."""
    st.session_state[case_key] = (count, max(0, min(count - 1, number)))


def _picked(key: str, case_key: str, count: int) -> None:
    number = picked(key)
    if number is not None:
        choose(case_key, count, number)


def text(case: Case, closed: bool) -> None:
    """The debate, in one of the ways to read it; and the ways from turn to turn."""
    view, shown = case.state.view, case.state.shown
    count, key = len(view.turns), case.key("selected")
    way = way_of(case)
    if count:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            ways(case, way, closed)
            number = selected(case)
            at = -1 if number is None else number
            for label, shortcut, step in (("Previous", "K", -1), ("Next", "J", 1)):
                st.button(
                    label, key=f"turn {shortcut}", shortcut=shortcut, type="tertiary",
                    disabled=closed or not 0 <= at + step < count,
                    on_click=choose, args=(key, count, at + step),
                )  # fmt: skip
    if way == QUOTES:
        part = case.key("quotes")
        quotes(reading.quotes_in_order(case.match, view, shown), part,
               lambda: _picked(part, key, count))  # fmt: skip
        return
    part = case.key("reader")
    reader(
        reading.page(case.match, view, shown), part, lambda: _picked(part, key, count),
        layout="columns" if way == BESIDE else "rows",
        place=case.place.id if case.settings.notes else None,
    )  # fmt: skip


def way_of(case: Case) -> str:
    """The way in which the debate is read."""
    way = st.session_state.get(case.key("way"))
    return way if way in WAYS and case.state.view.turns else TRANSCRIPT


def ways(case: Case, way: str, closed: bool) -> None:
    """A button for each way to read; the key is on the one that comes next."""
    some = [one for one in WAYS if one != BESIDE or len(case.match.protocol.speakers) in (2, 3)]
    after = some[(some.index(way) + 1) % len(some)]
    with st.container(key="way", horizontal=True, gap="xxsmall", width="content"):
        for one in some:
            st.button(
                one, key=case.key("read as", one), shortcut="T" if one == after else None,
                type="primary" if one == way else "secondary", disabled=closed,
                on_click=_read, args=(case.key("way"), one),
            )  # fmt: skip


def _read(key: str, way: str) -> None:
    st.session_state[key] = way


def draw_tree(case: Case, number: int | None) -> None:
    """Who answers whom."""
    view, shown = case.state.view, case.state.shown
    count, part = len(view.turns), case.key("tree")
    seen = st.session_state.setdefault(case.key("seen"), set())
    if number is not None:
        seen.add(number)
    told_of = {i for i, turn in enumerate(view.turns) if turn.place <= reported(case)}
    tree(
        reading.tree(case.match, view, shown, told_of, set(range(count)) - seen - told_of), part,
        lambda: _picked(part, case.key("selected"), count),
    )  # fmt: skip


def reported(case: Case) -> int:
    """The last place in the debate on which this judge has said something."""
    said = [one.turn.place for one in case.state.beliefs]
    if case.state.verdict is not None:
        said.append(case.state.verdict.place)
    return max(said, default=-1)


# Beside it.


def timer(case: Case) -> None:
    """The time that is left to read."""
    until = case.state.until
    left = 0.0 if until is None else max(0.0, until - time.time())
    clock(case.key("clock"), assignment=case.place.id, left=left, on_end=_drawn_again)


def _drawn_again() -> None:
    """The end of the time is a run like any other."""


def trajectory(case: Case) -> None:
    """The judge's own probabilities so far."""
    state = case.state
    points = [(one.step, one.turn.verdict.elicited) for one in state.beliefs]
    if state.verdict is not None and state.beliefs:
        points.append((state.step, state.verdict.verdict.elicited))
    if not points:
        return
    known = {step: numbers for step, numbers in points if numbers is not None}
    first, last = min(known), max(*known, state.step)
    ticks = ["start" if step == 0 else str(step) for step in range(first, last + 1)]
    letters = case.letters[:1] if case.two else case.letters
    index = case.match.labels.index
    lines = [
        (letter, [None if step not in known else round(100 * known[step][index(letter)], 6)
                  for step in range(first, last + 1)])
        for letter in letters
    ]  # fmt: skip
    label = f"Your probability of {letters[0]} by step" if case.two else "Your probabilities"
    beliefs(reading.beliefs(label, ticks, lines), case.key("beliefs"))


def side(case: Case, saved: dict[str, str], closed: bool) -> None:
    """The rules, and the judge's own notes."""
    with st.expander("Rules and setting"):
        st.text(reading.rules(case.match))
    if case.settings.notes:
        with st.expander("Your notes", expanded=bool(saved.get("notes"))):
            draft(case.key("notes"), assignment=case.place.id, field="notes",
                  label="For yourself alone", initial=saved.get("notes", ""), lines=5,
                  disabled=closed)  # fmt: skip
    if case.state.verdict is None:
        st.caption(BLIND)
