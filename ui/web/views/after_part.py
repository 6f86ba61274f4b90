"""After the verdict: it stands, it can be taken back for a while, and what the study asks or tells.

The right answer is read here only where the study tells it, and once the verdict stands for good.
"""

from __future__ import annotations

import math
import time

import streamlit as st

from arena.desk import record, survey
from arena.desk.answers import TIE
from arena.store import Store
from arena.text import visible
from ui.web.views.acting import go, tell, told
from ui.web.views.case import Act, Case
from ui.web.views.countdown import countdown
from ui.web.views.dialogs import go_on
from ui.web.views.report_part import last, take_back


def after(store: Store, case: Case, closed: bool) -> None:
    """Draw what comes after the verdict."""
    turn = case.state.verdict
    assert turn is not None
    said = turn.verdict
    winner = TIE if said.choice is None else case.match.labels[said.choice]
    numbers = dict(zip(case.match.labels, said.elicited or (), strict=False))
    sure = "" if said.choice is None or not numbers else f", {100 * numbers[winner]:g} %"
    st.subheader("Your verdict is recorded", anchor=False)
    st.markdown(f"**{winner}{sure}**")
    if said.reason:
        st.text(visible(said.reason))
    told()
    now = time.time()
    asked = survey.questions(case.settings, case.match)
    answered = survey.answers_of(store, case.match, case.person.id) if asked else None
    st.button(
        "Continue with the next", shortcut="G", width="stretch", disabled=closed, key="next",
        type="secondary" if asked and answered is None else "primary", on_click=go_on,
        args=(case.args,),
    )  # fmt: skip
    if case.state.can_undo(now):
        undo(case, now, closed)
    else:
        st.caption("It can no longer be taken back.")
    truth(store, case, closed)
    if asked:
        questions(case, asked, answered, closed)
    if case.settings.calibration:
        st.button("My record", type="tertiary", key="record", disabled=closed, on_click=go,
                  args=("record",))  # fmt: skip


def undo(case: Case, now: float, closed: bool) -> None:
    """The way back, and how long it is open."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Undo", shortcut="Ctrl+Z", key=case.key("undo verdict"), disabled=closed,
            on_click=take_back, args=(Act(case.args, case.place.id), last(case)),
        )  # fmt: skip
        until = case.state.undo
        if until is not None and not math.isinf(until):
            countdown(case.key("until"), left=until - now)


# What the study tells.


def truth(store: Store, case: Case, closed: bool) -> None:
    """The right answer, where it is told: at once after the time for undoing, or on request."""
    if not record.tells(store, case.match, case.person.id, case.settings):
        return
    found = record.feedback(store, case.match, case.person.id, case.settings)
    if found is None:
        if case.state.can_undo(time.time()):
            st.button(
                "It stands: show me the answer", shortcut="F", key=case.key("show"),
                width="stretch", disabled=closed, on_click=show,
                args=(Act(case.args, case.place.id),),
            )  # fmt: skip
        else:
            st.caption("The right answer is not known for this question.")
        return
    right = case.match.labels[found.right]
    with st.container(border=True):
        if found.chosen is None:
            st.markdown(f"The right answer is **{right}**. You were undecided.")
        elif found.chosen == found.right:
            st.markdown(f"**{right}** is right, as you said.")
        else:
            st.markdown(f"The right answer is **{right}**; you chose another.")
        st.text(case.option(right))
        if found.probability is not None:
            st.caption(f"You gave it {100 * found.probability:g} %.")


def show(act: Act) -> None:
    """The click that settles the verdict and asks for the answer."""

    def on_case(store: Store, case: Case) -> None:
        found = record.feedback(store, case.match, case.person.id, case.settings, confirmed=True)
        if found is None:
            tell("done", "The right answer is not known for this question.")

    act(on_case)


# What the study asks.


def questions(
    case: Case, asked: tuple[survey.Asked, ...], answered: dict[str, object] | None, closed: bool
) -> None:
    """The survey. What it asks about is named by seats, so the words are text, and labels are
    numbers."""
    st.subheader("A few questions", anchor=False)
    before = answered or {}
    for n, one in enumerate(asked, start=1):
        st.text(visible(one.text))
        key = case.key("survey", n)
        if one.kind == "text":
            st.text_area(
                f"Question {n}", str(before.get(one.name, "")), key=key, height=80,
                max_chars=survey.COMMENT, label_visibility="collapsed", disabled=closed,
                on_change="ignore",
            )  # fmt: skip
            continue
        words = dict(one.choices)
        values = list(words)
        chosen = str(before.get(one.name, ""))
        if one.kind == "likert":
            st.segmented_control(
                f"Question {n}, from {words[values[0]]} to {words[values[-1]]}", values, key=key,
                default=chosen if chosen in values else None, required=True, width="stretch",
                label_visibility="collapsed", disabled=closed, on_change="ignore",
            )  # fmt: skip
            st.caption(f"{values[0]}: {words[values[0]]}; {values[-1]}: {words[values[-1]]}")
            continue
        st.radio(
            f"Question {n}", values, index=values.index(chosen) if chosen in values else None,
            format_func=words.__getitem__, key=key, label_visibility="collapsed", disabled=closed,
            horizontal=True, on_change="ignore",
        )  # fmt: skip
    st.button(
        "Save answers" if answered is None else "Change answers", shortcut="S", width="stretch",
        type="primary" if answered is None else "secondary", key=case.key("answer"),
        disabled=closed, on_click=answer, args=(Act(case.args, case.place.id),),
    )  # fmt: skip


def answer(act: Act) -> None:
    """The click that keeps the answers."""

    def on_case(store: Store, case: Case) -> None:
        asked = survey.questions(case.settings, case.match)
        given = {
            one.name: st.session_state.get(case.key("survey", n))
            for n, one in enumerate(asked, start=1)
        }
        survey.answer(store, case.match, case.person.id, case.settings, given)
        tell("done", "Your answers are kept.")

    act(on_case)
