"""The form of a debater: the side, the speech, what it quotes; looked at, checked, sent.

What is written is a draft on the server until it is sent, and stays one whatever refuses it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from arena.desk import acts, drafts
from arena.desk.chairs import MAX_TEXT, PersonError, written
from arena.desk.identity import Person
from arena.store import Store
from arena.text import visible
from ui import reading
from ui.web.parts import draft as box
from ui.web.parts.picker import picker
from ui.web.views.acting import close_dialog, open_dialog, perform, problem, tell, told
from ui.web.views.chair_case import Case, chooses, find, own_side, rules, size_of, task

SEND = "send speech"
"""The name of the dialog that asks once more."""
CALLED = {"answer": "Your answer", "critique": "Your critique"}
SENT = "Your speech is recorded."
SENT_EARLY = "Your speech is recorded. It is in the debate as soon as the seat before yours speaks."
SENT_BEFORE = (
    "Your speech was sent before, in another window, and that one stands. "
    "What stood in the box here is kept as a draft."
)
STOPS = {
    "agreement": "I have nothing to add: the debate ends here if everybody says so",
    "concession": "I concede: the debate ends here",
}


class Act:
    """A click's chair: read anew, by whoever is signed in now; the fields are those that were
    drawn."""

    def __init__(self, case: Case) -> None:
        self.args, self.id, self.turn = case.args, case.place.id, case.turn

    def __call__(self, act: Callable[[Store, Case], None]) -> bool:
        def on_case(store: Store, person: Person) -> None:
            case = find(store, self.args, person, self.id)
            act(store, replace(case, turn=self.turn))

        return perform(self.args, on_case)


# What the form keeps, and where.


def side_key(case: Case) -> str:
    """The key of the choice of an answer."""
    return case.key("side", case.turn)


def stop_key(case: Case) -> str:
    """The key of the box that ends the debate."""
    return case.key("stop", case.turn)


def speech_key(case: Case) -> str:
    """The key of the box for the speech."""
    return case.key("speech", case.turn)


def preview_key(case: Case) -> str:
    """Where the speech is kept as it was when its person last asked to see it."""
    return case.key("preview", case.turn)


# What the person is there for, and its speech.


def whose(case: Case) -> None:
    """What one argues for, and the rules."""
    own = own_side(case)
    with st.container(key="side", gap="small"):
        if own is not None:
            st.subheader(f"You argue for answer {own.label}", anchor=False)
            st.text(visible(own.text))
        elif case.view.role == "critic":
            st.subheader("You criticise the answer", anchor=False)
        elif case.state == "speak":
            st.subheader("You choose your side", anchor=False)
        if case.state == "speak":
            st.caption(task(case))
    with st.expander("Rules and limits"):
        for line in rules(case):
            st.text(line)


def speech(store: Store, case: Case, saved: dict[str, str], closed: bool) -> None:
    """The form of a speech: side, text, quotations, and whether it ends the debate.

    While a dialog is open the buttons are disabled and the fields are not: a disabled field forgets
    what came in the same message as the click.
    """
    whose(case)
    if chooses(case):
        for answer in case.view.answers:
            st.text(f"{answer.label}   {visible(answer.text)}")
        st.radio("Which answer do you argue for?", [one.label for one in case.view.answers],
                 index=None, horizontal=True, key=side_key(case))  # fmt: skip
    box.draft(
        speech_key(case), assignment=case.place.id, field="speech",
        label=CALLED.get(case.view.slot.kind, "Your speech"), initial=saved.get("speech", ""),
        limit=case.view.slot.limits.characters or MAX_TEXT, lines=9, drawn=time.time(),
    )  # fmt: skip
    counts(case, saved)
    if case.view.slot.may_stop and case.match.protocol.stop in STOPS:
        st.checkbox(STOPS[case.match.protocol.stop], key=stop_key(case))
    told()
    given = (Act(case), case.shown)
    with st.container(horizontal=True, gap="small"):
        st.button("Send", type="primary", shortcut="S", disabled=closed, on_click=submit,
                  key=case.key("send", case.turn), args=given)  # fmt: skip
        st.button("Preview", shortcut="P", disabled=closed, on_click=preview, args=(Act(case),),
                  key=case.key("show", case.turn))  # fmt: skip


def passage(case: Case) -> None:
    """The passage, to pick quotations from."""
    st.subheader("The passage", anchor=False)
    picker(reading.picker(case.view), case.key("picker"), "speech")


def counts(case: Case, saved: dict[str, str]) -> None:
    """How long the speech is, and what will be marked: of the text that this run knows."""
    text = box.written(speech_key(case))
    text = saved.get("speech", "") if text is None else text
    size = size_of(case, text)
    left = size.left
    if left is not None and case.view.passage is not None:
        st.caption(f"Newly quoted at the last look: {size.quoted:,} of {left:,} characters. "
                   "Preview counts again.")  # fmt: skip
    if text.strip() and not problem():
        for line in (*size.over, *([size.warning] if size.warning else [])):
            st.warning(line)


def text_of(store: Store, case: Case) -> str:
    """What stands in the box, in the callback of a click."""
    text = box.written(speech_key(case))
    if text is None:
        text = drafts.load(store, case.person.id, case.match.id).get("speech", "")
    return text


def preview(act: Act) -> None:
    """The click on Preview: the speech as the others will see it; the same once more hides it."""

    def on_case(store: Store, case: Case) -> None:
        if case.state != "speak":
            return
        text = text_of(store, case).strip()
        if not text:
            raise PersonError("There is nothing to look at yet: write something first.")
        key = preview_key(case)
        hide = st.session_state.get(key) == text
        st.session_state[key] = None if hide else text
        st.session_state.pop(case.key("selected"), None)

    act(on_case)


def submit(act: Act, shown: str) -> None:
    """The click on Send: ask once more, if it can be sent."""

    def on_case(store: Store, case: Case) -> None:
        if case.state != "speak" or case.shown != shown:
            record(store, case, shown)
            return
        checked(store, case)
        open_dialog(SEND, case.place.id)

    act(on_case)


def checked(store: Store, case: Case) -> str:
    """The speech, if it can be sent. Raises PersonError with what is wrong, and by how much."""
    text = written(text_of(store, case), "A speech", MAX_TEXT)
    over = size_of(case, text).over
    if over:
        raise PersonError(f"Not sent, and your text is kept. {' '.join(over)}")
    if chooses(case) and not isinstance(st.session_state.get(side_key(case)), str):
        raise PersonError("Choose the answer that you argue for.")
    return text


def confirmed(act: Act, shown: str) -> None:
    """The click on Yes."""
    close_dialog()
    act(lambda store, case: record(store, case, shown))


def record(store: Store, case: Case, shown: str) -> None:
    """Send the speech; or, where one was sent from what this window shows, say so."""
    if case.state == "speak" and case.shown == shown:
        checked(store, case)
    text = text_of(store, case)
    side, stop = st.session_state.get(side_key(case)), st.session_state.get(stop_key(case))
    turn = acts.say(
        store, case.match, case.person.id, case.place.seat, text,
        side if isinstance(side, str) else None, bool(stop), shown,
    )  # fmt: skip
    st.session_state.pop(preview_key(case), None)
    now = find(store, case.args, case.person, case.place.id)
    kept = now.held.text if turn is None and now.held is not None else (
        "" if turn is None else turn.speech.text
    )  # fmt: skip
    if kept and text.strip() not in ("", kept):
        drafts.save(store, case.person.id, case.match.id, "speech", text)
        tell("done", SENT_BEFORE)
    else:
        tell("done", SENT if turn is not None else SENT_EARLY)
