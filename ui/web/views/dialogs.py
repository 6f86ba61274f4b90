"""The dialogs of the judging page: confirm, skip, report a problem, step down, help.

Which one is open is a flag, and while it is set every other button of the page is disabled. A
dialog that has done its work clears the flag and draws the whole page again.
"""

from __future__ import annotations

import time

import streamlit as st

from arena.desk import acts, drafts, worklist
from arena.desk.answers import TIE
from arena.desk.identity import Person
from arena.protocols import JUDGE
from arena.store import Store
from arena.text import visible
from ui.reading import rules
from ui.serve import Arguments
from ui.web.parts import draft
from ui.web.views import answering, report_part
from ui.web.views.acting import (
    back_button,
    close_dialog,
    go,
    leave_when_done,
    opened,
    perform,
    tell,
    told,
)
from ui.web.views.case import Act, Case, run_of

SKIP, PROBLEM, RECUSE, HELP = "skip", "problem", "recuse", "help"
SKIPS = ("Not now", "Too long", "Not my subject", "Something else")
WHOLE = "The debate as a whole"
SHORTCUTS = (
    ("J / K", "next / previous turn"),
    ("Left / Right", "the probability by 5, with Shift by 1"),
    ("N", "save and show next"),
    ("1 / 2 / 3", "choose A / B / Tie"),
    ("D", "decide now, or read on instead"),
    ("S", "submit the verdict; then Y or Esc"),
    ("Ctrl+Z", "take the last act back"),
    ("Q", "ask your question"),
    ("G", "continue with the next debate"),
    ("Shift+S", "skip this debate"),
    ("T", "transcript, all quotations, side by side"),
    ("M", "highlight what is selected in the text, or take that away"),
    ("H", "this help"),
)


def next_debate(store: Store, person: Person, args: Arguments, but: str = "") -> None:
    """Go to what comes next for this person, or to the queue where nothing does, or nothing but
    the place with the id ``but``."""
    found = worklist.next_up(store, person.id, run_of(args))
    if found is None or found.id == but:
        go("queue")
    else:
        go("judge" if found.seat == JUDGE else "chair", a=found.id)


def go_on(args: Arguments) -> None:
    """The click on Continue."""
    perform(args, lambda store, person: next_debate(store, person, args))


def draw_dialog(case: Case, turns: int, selected: int | None, saved: dict[str, str]) -> None:
    """Draw the dialog that is open, if one is."""
    name = opened(case.place.id)
    if name == report_part.CONFIRM:
        confirm(case)
    elif name == SKIP:
        skip(case)
    elif name == PROBLEM:
        report(case, turns, selected, saved)
    elif name == RECUSE:
        recuse(case, saved)
    elif name == HELP:
        explain(case)


@st.dialog("Submit this verdict?", on_dismiss=close_dialog)
def confirm(case: Case) -> None:
    """What is about to be recorded, in letters and numbers; the rest as text."""
    leave_when_done(report_part.CONFIRM, case.place.id)
    winner = answering.chosen(case)
    sure = answering.percents(case)
    number = "" if sure.get(winner) is None else f", {sure[winner]:g} %"
    st.subheader(f"{winner}{number}" if winner in case.letters else TIE, anchor=False)
    if winner in case.letters:
        st.text(case.option(winner))
    undo = case.settings.undo
    if undo != 0:
        st.caption(
            "You can take it back."
            if undo is None
            else f"You can take it back for {undo:g} seconds."
        )
    with st.container(horizontal=True):
        st.button(
            "Yes, submit", type="primary", shortcut="Y", key="yes",
            on_click=report_part.confirmed, args=(Act(case.args, case.place.id), case.shown),
        )  # fmt: skip
        back_button()


@st.dialog("Skip this debate?", on_dismiss=close_dialog)
def skip(case: Case) -> None:
    """Why, and that it comes again."""
    leave_when_done(SKIP, case.place.id)
    st.caption("It comes again when nothing else is left. What you have said so far is kept.")
    st.radio("Why?", SKIPS, key="why skip", horizontal=True)
    st.text_input("In your words (may be empty)", key="words skip", max_chars=500)
    told()
    with st.container(horizontal=True):
        st.button("Yes, skip", type="primary", shortcut="Y", key="yes", on_click=skipped,
                  args=(Act(case.args, case.place.id),))  # fmt: skip
        back_button()


def skipped(act: Act) -> None:
    """The click on Skip."""
    why = st.session_state.get("why skip")
    words = str(st.session_state.get("words skip") or "").strip()
    chosen = why if why in SKIPS else SKIPS[-1]
    reason = f"{chosen}: {words}" if words else str(chosen)

    def on_case(store: Store, case: Case) -> None:
        acts.skip(store, case.match, case.person.id, reason)
        next_debate(store, case.person, case.args, case.place.id)

    act(on_case)


def _problem_box(case: Case, label: str, saved: dict[str, str]) -> str:
    key = case.key("problem")
    draft.draft(key, assignment=case.place.id, field="problem", label=label,
                initial=saved.get("problem", ""), lines=4, drawn=time.time())  # fmt: skip
    return key


def _problem(store: Store, case: Case) -> str:
    text = draft.written(case.key("problem"))
    if text is None:
        text = drafts.load(store, case.person.id, case.match.id).get("problem", "")
    return text


@st.dialog("Report a problem", on_dismiss=close_dialog)
def report(case: Case, turns: int, selected: int | None, saved: dict[str, str]) -> None:
    """Which turn, and what is wrong with it."""
    leave_when_done(PROBLEM, case.place.id)
    numbers = [None, *range(turns)]
    st.selectbox(
        "Where?", numbers, index=0 if selected is None else numbers.index(selected),
        format_func=lambda one: WHOLE if one is None else f"Turn {one + 1}", key="where problem",
    )  # fmt: skip
    _problem_box(case, "What is wrong?", saved)
    told()
    with st.container(horizontal=True):
        st.button("Send", type="primary", key="yes", on_click=reported,
                  args=(Act(case.args, case.place.id),))  # fmt: skip
        back_button()
    st.caption("Nothing else changes: you go on judging.")


def reported(act: Act) -> None:
    """The click on Report."""
    number = st.session_state.get("where problem")

    def on_case(store: Store, case: Case) -> None:
        acts.report(store, case.match, case.person.id, case.settings, _problem(store, case),
                    number if isinstance(number, int) else None)  # fmt: skip
        st.session_state.pop(case.key("problem"), None)
        close_dialog()
        tell("done", "Reported. Thank you.")

    act(on_case)


@st.dialog("Step down from this debate?", on_dismiss=close_dialog)
def recuse(case: Case, saved: dict[str, str]) -> None:
    """Why; and that it is for good."""
    leave_when_done(RECUSE, case.place.id)
    st.caption("For a debate that you should not judge. It does not come back to you.")
    _problem_box(case, "Why should somebody else judge it?", saved)
    told()
    with st.container(horizontal=True):
        st.button("Step down", type="primary", key="yes", on_click=recused,
                  args=(Act(case.args, case.place.id),))  # fmt: skip
        back_button()


def recused(act: Act) -> None:
    """The click on Step down."""

    def on_case(store: Store, case: Case) -> None:
        acts.recuse(store, case.match, case.person.id, _problem(store, case))
        st.session_state.pop(case.key("problem"), None)
        close_dialog()

    act(on_case)


@st.dialog("Help", width="medium", on_dismiss=close_dialog)
def explain(case: Case) -> None:
    """The keys, the rules, and what the study says."""
    leave_when_done(HELP, case.place.id)
    st.dataframe(
        {"Key": [key for key, _ in SHORTCUTS], "What it does": [what for _, what in SHORTCUTS]},
        hide_index=True, height="content", key="keys",
    )  # fmt: skip
    st.caption("Keys do not act while you write. The platform, and nobody else, marks quotations.")
    st.text(rules(case.match))
    if case.settings.instructions:
        st.text(visible(case.settings.instructions))
    back_button()
