"""The report of a judge who reads: a probability before each next step, and the verdict.

Each click is one callback, and each callback one transaction. What a click says about is the view
that the page showed (its digest), which the server compares with the one that stands.
"""

from __future__ import annotations

import time

import streamlit as st

from arena.desk import acts, drafts, steps
from arena.desk.answers import read_verdict
from arena.desk.chairs import PersonError
from arena.store import Store
from arena.turns import Turn
from ui.web.parts import draft
from ui.web.views import answering
from ui.web.views.acting import close_dialog, open_dialog, problem, tell, told
from ui.web.views.case import Act, Case

CONFIRM = "confirm"
GO_ON = "go on"
"""The dialogs' names: a verdict is confirmed, a belief that lets the debate go on is not."""


def deciding_key(case: Case) -> str:
    """Where it is kept that a stepped reader wants to decide before the end."""
    return case.key("deciding", answering.round_of(case))


def report(case: Case, saved: dict[str, str], closed: bool) -> None:
    """Draw what the judge is to do now; ``closed`` while a dialog is open."""
    state = case.state
    if state.next == "question":
        question(case, saved, closed)
    elif state.mode == "stepped" and state.next == "belief":
        early = state.early and bool(st.session_state.get(deciding_key(case)))
        (verdict if early else belief)(case, saved, closed)
    else:
        verdict(case, saved, closed)


# A probability before the next step.


def belief(case: Case, saved: dict[str, str], closed: bool) -> None:
    """The probability that the next step is shown for."""
    state = case.state
    st.subheader("Your probability" if state.step else "Before you read", anchor=False)
    answering.options(case)
    answering.percent_fields(case, closed, more=state.step > 0)  # the first step is free
    told()
    st.button(
        "Save and show next", type="primary", shortcut="N", width="stretch", disabled=closed,
        key=case.key("save", state.step), on_click=save, args=(Act(case.args, case.place.id),
        case.shown),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        undo_button(case, closed)
        if state.early:
            st.button(
                "Decide now", shortcut="D", disabled=closed, key=case.key("decide"),
                on_click=_keep, args=(deciding_key(case), True),
            )  # fmt: skip
    answering.reason_field(case, closed, False, saved)


def _keep(key: str, value: bool) -> None:
    st.session_state[key] = value


def undo_button(case: Case, closed: bool) -> None:
    """The way back to the step before, as long as the study allows it."""
    if case.state.beliefs and case.state.mode == "stepped":
        st.button(
            "Undo", shortcut="Ctrl+Z", disabled=closed, key=case.key("undo", case.state.step),
            on_click=take_back, args=(Act(case.args, case.place.id), last(case)),
        )  # fmt: skip


def last(case: Case) -> str | None:
    """The id of what an undo takes back."""
    said = [case.state.verdict, *(one.turn for one in reversed(case.state.beliefs))]
    return next((turn.id for turn in said if turn is not None), None)


def save(act: Act, shown: str) -> None:
    """The click on Save: the belief is kept, and the next step is shown."""

    def on_case(store: Store, case: Case) -> None:
        said = answering.read(store, case)
        before = case.state.step
        steps.believe(store, case.match, case.person.id, case.settings, said.listed(case),
                      shown, said.reason)  # fmt: skip
        st.session_state.pop(answering.before_key(case), None)
        more = case.state.steps - before - 1
        left = f"{more} to come" if more else "this is the last"
        tell("done", f"Saved. Step {before + 1} is shown; {left}.")

    act(on_case)


def take_back(act: Act, said: str | None) -> None:
    """The click on Undo: what was said last is withdrawn, and the form has it again. A second click
    on the same button takes nothing else back."""

    def on_case(store: Store, case: Case) -> None:
        turn = acts.undo(store, case.match, case.person.id, case.settings, turn=said)
        if turn is None and said == last(case):
            raise PersonError("There is nothing to take back.")
        if turn is None:
            return
        again = act.again(store)
        answering.fill(store, again, turn)
        if turn.kind == "verdict":
            st.session_state[deciding_key(again)] = True
        tell("done", "Taken back. What you had said is in the form again.")

    act(on_case)


# The verdict.


def verdict(case: Case, saved: dict[str, str], closed: bool) -> None:
    """The winner, the probability and the reason."""
    state = case.state
    goes_on = state.mode == "live" and state.next == "belief"
    early = state.mode == "stepped" and state.next == "belief"
    st.subheader("Your verdict" if not goes_on else "So far", anchor=False)
    answering.options(case)
    winner = answering.winner_field(case, closed)
    answering.percent_fields(case, closed, more=goes_on, live=True)
    odd, place = answering.disagreement(case, winner), st.empty()
    if odd and not problem():
        place.warning(odd)
    answering.reason_field(case, closed, case.settings.reason, saved)
    told()
    ends = not goes_on or (state.chair is not None and state.chair.slot.may_stop)
    given = (Act(case.args, case.place.id), case.shown)
    if goes_on:
        st.button(
            "Note this and hear more", type="primary", shortcut="N", width="stretch",
            disabled=closed, key=case.key("note", answering.round_of(case)), on_click=note,
            args=given,
        )  # fmt: skip
    if ends:
        st.button(
            "Decide and end the debate" if goes_on else "Submit verdict",
            type="secondary" if goes_on else "primary", shortcut="S", width="stretch",
            disabled=closed, key=case.key("submit", answering.round_of(case)), on_click=submit,
            args=given,
        )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        if early:
            st.button(
                "Read on instead", shortcut="D", disabled=closed, key=case.key("read on"),
                on_click=_keep, args=(deciding_key(case), False),
            )  # fmt: skip
        else:
            undo_button(case, closed)


def checked(store: Store, case: Case) -> answering.Answers:
    """The form, if it can be submitted. Raises PersonError saying what is missing."""
    said = answering.read(store, case)
    read_verdict(case.labels, said.winner, said.listed(case), said.reason, case.settings.tie,
                 case.settings.reason)  # fmt: skip
    return said


def submit(act: Act, shown: str) -> None:
    """The click on Submit: ask once more, where the study wants that, or record it."""

    def on_case(store: Store, case: Case) -> None:
        if _stands(case) is None:
            checked(store, case)
            if case.settings.confirm:
                open_dialog(CONFIRM, case.place.id)
                return
        record(store, case, shown)

    act(on_case)


def confirmed(act: Act, shown: str) -> None:
    """The click on Yes."""
    close_dialog()
    act(lambda store, case: record(store, case, shown))


def note(act: Act, shown: str) -> None:
    """The click that keeps a belief and lets the debate go on."""

    def on_case(store: Store, case: Case) -> None:
        said = answering.read(store, case)
        acts.submit(store, case.match, case.person.id, said.winner, said.listed(case),
                    said.reason, False, shown=shown, settings=case.settings)  # fmt: skip
        tell("done", "Noted. The debate goes on.")

    act(on_case)


def _stands(case: Case) -> Turn | None:
    return case.state.verdict


def record(store: Store, case: Case, shown: str) -> None:
    """Record the verdict in the form, or say that one stands."""
    if _stands(case) is not None:
        tell("done", "Your verdict was given before, in another window. It is shown here.")
        return
    said = answering.read(store, case)
    acts.submit(store, case.match, case.person.id, said.winner, said.listed(case), said.reason,
                shown=shown, settings=case.settings)  # fmt: skip


# A question to the debaters.


def question(case: Case, saved: dict[str, str], closed: bool) -> None:
    """The judge's public question, where the debate waits for one."""
    several = len(case.match.protocol.speakers) > 1
    limit = case.state.view.slot.limits.characters
    st.subheader("Your question", anchor=False)
    draft.draft(
        question_key(case), assignment=case.place.id, field="question",
        label="Ask the debaters one question (may be empty)" if several
        else "Ask the consultant one question (may be empty)",
        initial=saved.get("question", ""), limit=limit, lines=5, disabled=closed,
        drawn=time.time(),
    )  # fmt: skip
    told()
    st.button(
        "Ask", type="primary", shortcut="Q", width="stretch", disabled=closed,
        key=case.key("ask", answering.round_of(case)), on_click=ask,
        args=(Act(case.args, case.place.id), case.shown),
    )  # fmt: skip
    st.caption("Everybody in the debate sees it. It cannot be taken back.")


def question_key(case: Case) -> str:
    """The key of the box for the question."""
    return case.key("question", answering.round_of(case))


def ask(act: Act, shown: str) -> None:
    """The click on Ask. An empty question is asked at the second one."""

    def on_case(store: Store, case: Case) -> None:
        text = draft.written(question_key(case))
        if text is None:
            text = drafts.load(store, case.person.id, case.match.id).get("question", "")
        twice = case.key("empty", answering.round_of(case))
        if not text.strip() and not st.session_state.get(twice):
            st.session_state[twice] = True
            raise PersonError("Your question is empty. Press Q once more to ask nothing.")
        acts.ask(store, case.match, case.person.id, text, shown=shown)
        tell("done", "Asked.")

    act(on_case)
