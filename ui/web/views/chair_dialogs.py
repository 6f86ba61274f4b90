"""The dialogs of the debater's page: send, give the chair up, help.

Which one is open is a flag, and while it is set every other button of the page is disabled.
"""

from __future__ import annotations

import streamlit as st

from arena.desk import acts, drafts
from arena.store import Store
from arena.text import visible
from ui.web.parts import draft as box
from ui.web.views.acting import back_button, close_dialog, leave_when_done, opened, told
from ui.web.views.chair_case import Case, chooses, rules, size_of
from ui.web.views.chair_form import SEND, STOPS, Act, confirmed, side_key, stop_key, text_of

GIVE_UP, HELP = "give up chair", "chair help"
SHORTCUTS = (
    ("J / K", "next / previous turn"),
    ("P", "look at your speech as the others will see it; once more hides it"),
    ("S", "send the speech; then Y or Esc"),
    ("Arrows", "in the passage: choose a line, then words of it; with Shift a range"),
    ("Enter", "in the passage: put the choice into your speech"),
    ("G", "continue with what comes next"),
    ("H", "this help"),
)


def pending(case: Case) -> str:
    """The dialog that is open; empty where none is. One that has lost its point is closed."""
    name = opened(case.place.id)
    able = {SEND: case.state == "speak", GIVE_UP: case.state != "over", HELP: True}
    if name and not able.get(name):
        close_dialog()
        return ""
    return name


def dialog(store: Store, case: Case, saved: dict[str, str], name: str) -> None:
    """Draw the dialog of this name, if there is one."""
    if name == SEND:
        confirm(case, text_of(store, case))
    elif name == GIVE_UP:
        give_up(case, saved)
    elif name == HELP:
        explain(case)


@st.dialog("Send this speech?", on_dismiss=close_dialog)
def confirm(case: Case, text: str) -> None:
    """What is about to be sent, in numbers."""
    leave_when_done(SEND, case.place.id)
    size = size_of(case, text)
    st.text(size.words)
    if size.warning:
        st.warning(size.warning)
    side = st.session_state.get(side_key(case))
    labels = [one.label for one in case.view.answers]
    if chooses(case) and side in labels:
        text = case.view.answers[labels.index(side)].text
        st.text(f"It argues for answer {side}: {visible(text)}")
    if st.session_state.get(stop_key(case)) and case.match.protocol.stop in STOPS:
        st.text(f"{STOPS[case.match.protocol.stop]}.")
    st.caption("It cannot be taken back.")
    with st.container(horizontal=True):
        st.button("Yes, send", type="primary", shortcut="Y", key="yes", on_click=confirmed,
                  args=(Act(case), case.shown))  # fmt: skip
        back_button()


@st.dialog("Give up this chair?", on_dismiss=close_dialog)
def give_up(case: Case, saved: dict[str, str]) -> None:
    """Why; and that it is for good."""
    leave_when_done(GIVE_UP, case.place.id)
    st.caption("Somebody else may take it. This debate does not come back to you.")
    box.draft(case.key("problem"), assignment=case.place.id, field="problem",
              label="Why should somebody else debate here?", initial=saved.get("problem", ""),
              lines=3)  # fmt: skip
    told()
    with st.container(horizontal=True):
        st.button("Give it up", type="primary", key="yes", on_click=given_up, args=(Act(case),))
        back_button()


def given_up(act: Act) -> None:
    """The click on Give it up."""

    def on_case(store: Store, case: Case) -> None:
        reason = box.written(case.key("problem"))
        if reason is None:
            reason = drafts.load(store, case.person.id, case.match.id).get("problem", "")
        acts.recuse(store, case.match, case.person.id, reason)
        close_dialog()

    act(on_case)


@st.dialog("Help", width="medium", on_dismiss=close_dialog)
def explain(case: Case) -> None:
    """The keys, and the rules."""
    leave_when_done(HELP, case.place.id)
    st.dataframe(
        {"Key": [key for key, _ in SHORTCUTS], "What it does": [what for _, what in SHORTCUTS]},
        hide_index=True, height="content", key="keys",
    )  # fmt: skip
    st.caption("Keys do not act while you write: press Tab or Esc first.")
    for line in rules(case):
        st.text(line)
    back_button()
