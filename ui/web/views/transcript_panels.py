"""What the switches of a transcript add: the truth, what judges said, what the record knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from arena.desk.transcripts import belief_lines, raw
from arena.store import Store
from arena.text import visible
from ui import reading
from ui.web.parts.beliefs import beliefs
from ui.web.parts.quotes import quotes
from ui.web.views import transcript_values as values
from ui.web.views.transcript_cards import cards
from ui.web.views.transcript_values import Debate


def truth(one: Debate, known: dict[str, Any]) -> None:
    """The true answer, and who argues for it."""
    with st.container(key="truth"):
        st.subheader("Truth", anchor=False)
        if not known["known"]:
            st.text("The true answer is not known.")
            return
        st.text(f"True answer: {known['text']}")
        if known["option"] is not None:
            st.text(f"Right option: {known['option']}")
        honest = [values.name_of(one.match, seat) for seat in known["honest"]]
        st.text(f"Argues for it: {', '.join(honest) or 'nobody'}")


def lines(store: Store, one: Debate) -> None:
    """Every judge's probability by turn."""
    st.subheader("Beliefs by turn", anchor=False)
    found = belief_lines(store, one.match)
    if not found:
        st.text("Nobody has given a probability.")
        return
    labels = list(one.match.labels)
    option = 0
    if len(labels) > 2:
        chosen = st.segmented_control("Option", labels, default=labels[0], required=True,
                                      key="option of beliefs")  # fmt: skip
        option = labels.index(chosen) if chosen in labels else 0
    data, left = values.belief_lines(one, found, option)
    beliefs(data, f"beliefs {one.match.id}")
    if left:
        st.caption(f"{left} more lines are in the table of reports alone.")


def reports(one: Debate, found: list[dict[str, Any]]) -> None:
    """All reports as a table, and the reasons in full."""
    if not found:
        st.text("No judge has reported on this debate.")
        return
    st.dataframe(
        values.report_rows(one, found), hide_index=True, key=f"reports {one.match.id}",
        height="auto" if len(found) > 9 else "content", alt="What each judge reported, and when",
    )  # fmt: skip
    told = [said for said in found if said["reason"]]
    if told:
        with st.expander("Reasons in full"), st.container(key="plain"):
            for said in told:
                st.text(f"{said['judge']}: {said['reason']}")


def quotations(one: Debate, picked: Callable[[], None]) -> None:
    """All quotations in the order of the passage."""
    st.subheader("Quotations", anchor=False)
    if one.match.question.passage is None:
        st.text("The question has no passage to quote.")
        return
    seen = [quote for turn in one.view.turns for quote in turn.quotes]
    st.caption(
        f"{sum(quote.span is not None for quote in seen)} of {len(seen)} are in the passage."
    )
    quotes(
        reading.quotes_in_order(one.match, one.view, one.spoken), f"quotes {one.match.id}", picked
    )


def alternatives(
    store: Store, one: Debate, turn: int | None, said: bool, known: bool,
    picked: Callable[[str, list[str | None]], None],
) -> None:  # fmt: skip
    """The selected turn and what else was said in its place."""
    if turn is None:
        st.text("Select a turn: what else was said in its place is shown here.")
        return
    found, opens = values.alternatives(store, one, turn, said, known)
    if len(found) == 1:
        st.text("Nothing else was said in the place of this turn.")
        if not said:
            return
    elif not said:
        st.caption("Switch the reports on to see the verdicts below each.")
    key = f"alternatives {one.match.id}"
    cards(key, "The turn and its alternatives", found, on_pick=lambda: picked(key, opens))


def record(store: Store, one: Debate, shown: dict[str, Any], turn: int | None) -> None:
    """What the record knows of the debate and of the selected turn, as it is."""
    st.caption("The debate: its seats, its runs, its seed.")
    st.json(shown["metadata"], expanded=False)
    if turn is None:
        st.text("Select a turn: its record is shown here.")
        return
    told = dict(shown["turns"][turn]["metadata"])
    thought = told.pop("thought")
    st.caption("The turn: who made it and how.")
    st.json(told, expanded=1)
    if thought:
        st.caption("Its private thought.")
        st.code(thought, language=None, wrap_lines=True)
    st.caption("Its words as the record has them.")
    st.code(visible(one.spoken[turn].speech.text) or " ", language=None, wrap_lines=True)
    asked = raw(store, one.match, turn)
    if not asked:
        st.text("No model was asked for this turn.")
    for n, call in enumerate(asked):
        st.caption(f"Request {n + 1} of {len(asked)}: as it was sent, and the reply.")
        st.json(call["request"], expanded=False)
        st.code(call["reply"]["text"] or " ", language=None, wrap_lines=True)
        st.json(call["reply"], expanded=False)
