"""What a judge fills in: a choice, a probability, a reason; and how a callback reads it.

Labels are constants and single letters. The text of an option is drawn by `st.text` alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from arena.desk import acts, drafts
from arena.desk.chairs import PersonError
from arena.store import Store
from arena.turns import Turn
from ui.web.parts import draft, probability
from ui.web.parts import percents as many
from ui.web.views import payoffs
from ui.web.views.acting import mended
from ui.web.views.case import Case

KEYS = "123456789"


@dataclass(frozen=True, slots=True)
class Answers:
    """What stands in the form at a click: a letter or `acts.TIE` (empty: none chosen), per cent by
    letter, and the reason."""

    winner: str
    percent: dict[str, float | None]
    reason: str

    def listed(self, case: Case) -> list[float] | None:
        """The probabilities of the options as they are listed; None where nothing was said. One
        empty field of several has what is left to 100. Raises PersonError where more are empty.
        """
        empty = [label for label in case.labels if self.percent[label] is None]
        if len(empty) == len(case.labels):
            return None
        left = 100 - sum(one for one in self.percent.values() if one is not None)
        if len(empty) > 1 or (empty and left < 0):
            raise PersonError("Give every answer a probability; together they make 100 %.")
        given = (self.percent[label] for label in case.labels)
        return [(left if one is None else one) / 100 for one in given]


def round_of(case: Case) -> int:
    """Which asking this is: a step of a stepped reading, else a place in the debate. Every one has
    fields of its own, so that none begins with what was said before."""
    return len(case.state.view.turns)


def percent_key(case: Case, letter: str) -> str:
    """The key of the field for the probability of the first of two letters, which says both."""
    return case.key("percent", letter, round_of(case))


def percents_key(case: Case) -> str:
    """The key of the fields for the probabilities of three or more."""
    return case.key("percents", round_of(case))


def reason_key(case: Case) -> str:
    """The key of the box for the reason."""
    return case.key("reason", round_of(case))


def winner_key(case: Case) -> str:
    """Where the choice is kept."""
    return case.key("winner", round_of(case))


def before_key(case: Case) -> str:
    """The key of per cents that were taken back: the fields begin with them."""
    return case.key("before", round_of(case))


def _before(case: Case, letter: str) -> float | None:
    found = st.session_state.get(before_key(case))
    number = found.get(letter) if isinstance(found, dict) else None
    return float(number) if number is not None else None


def percents(case: Case) -> dict[str, float | None]:
    """Per cent by letter, as they stand in the form."""
    if not case.two:
        several = many.given(percents_key(case), case.letters)
        return several or {x: _before(case, x) for x in case.letters}
    first, second = case.letters
    one = probability.given(percent_key(case, first))
    one = _before(case, first) if one is None else one
    return {first: one, second: None if one is None else 100 - one}


def read(store: Store, case: Case) -> Answers:
    """What stands in the form, in the callback of a click."""
    reason = draft.written(reason_key(case))
    if reason is None:
        saved = drafts.load(store, case.person.id, case.match.id)
        reason = drafts.reason(saved, round_of(case))
    return Answers(chosen(case), percents(case), reason)


def fill(store: Store, case: Case, turn: Turn) -> None:
    """Put what was taken back into the form again; the reason is a draft once more."""
    said = turn.verdict
    numbers = [round(100 * p, 6) for p in said.elicited or ()]
    percent = dict(zip(case.match.labels, numbers, strict=False))
    st.session_state[before_key(case)] = percent
    if turn.kind == "verdict":
        winner = acts.TIE if said.choice is None else case.match.labels[said.choice]
        st.session_state[winner_key(case)] = winner
    field = drafts.reason_at(round_of(case))
    drafts.save(store, case.person.id, case.match.id, field, said.reason)


# Fields.


def options(case: Case) -> None:
    """What the letters stand for, as text, a few lines at most: the reader has all of it."""
    with st.container(key="options", gap="xxsmall"):
        for letter in case.letters:
            with st.container(horizontal=True, gap="small", wrap=False):
                st.markdown(f"**{letter}**", width="content")
                st.text(case.option(letter), width="stretch")


def choose(key: str, winner: str) -> None:
    """The key of an answer."""
    mended()
    st.session_state[key] = winner


def winner_field(case: Case, closed: bool) -> str:
    """The choice of an answer, a button with a key for each; what is chosen, empty for nothing.

    Not a control with a value of its own: the browser's value of it would undo a key that is
    followed by the next one before the page is drawn.
    """
    choices = [*case.letters, *([acts.TIE] if case.settings.tie else [])]
    keys = dict(zip(choices, KEYS, strict=False))
    trial = case.match.protocol.options == "right or wrong"
    st.markdown("Is the answer right?" if trial else "Which answer is right?")
    found = chosen(case)
    with st.container(key="choices", horizontal=True, gap="xsmall"):
        for one in choices:
            st.button(
                f"{one} \N{CHECK MARK}" if one == found else one,
                key=case.key("choose", one, round_of(case)), shortcut=keys.get(one),
                type="primary" if one == found else "secondary", width="stretch", disabled=closed,
                on_click=choose, args=(winner_key(case), one),
            )  # fmt: skip
    return found


def chosen(case: Case) -> str:
    """The letter that is chosen, or `acts.TIE`; empty where nothing is."""
    found = st.session_state.get(winner_key(case))
    return found if found in (*case.letters, acts.TIE) else ""


def percent_fields(case: Case, closed: bool, more: bool, live: bool = False) -> None:
    """The probability of each answer; of two, one field says both."""
    letters, settings = case.letters, case.settings
    if case.two:
        trial = case.match.protocol.options == "right or wrong"
        probability.probability(
            percent_key(case, letters[0]),
            label="How likely is it that the answer is right? In %" if trial
            else f"How likely is {letters[0]}? In %",
            ends=(f"surely {letters[1]}", f"surely {letters[0]}"),
            initial=_before(case, letters[0]),
            payoffs=payoffs.rows(
                (letters[0], letters[1]), settings.score, settings.price, case.state.charged, more
            ),
            note=payoffs.note(settings.score, settings.price, case.state.charged, more),
            disabled=closed,
            live=live,
        )  # fmt: skip
        return
    many.percents(
        percents_key(case), label="How likely is each answer, in %?", letters=letters,
        initial={letter: _before(case, letter) for letter in letters}, disabled=closed,
    )  # fmt: skip


def reason_field(case: Case, closed: bool, needed: bool, saved: dict[str, str]) -> None:
    """The box for the reason; ``saved`` are the drafts that the server has."""
    at = round_of(case)
    draft.draft(
        reason_key(case), assignment=case.place.id, field=drafts.reason_at(at),
        label="Why?" if needed else "Why? (may be empty)", initial=drafts.reason(saved, at),
        lines=3 if needed else 2,
        hint="What decided it, in a sentence or two." if needed else "", disabled=closed,
        drawn=time.time(),
    )  # fmt: skip


def disagreement(case: Case, winner: str) -> str:
    """What is odd about the choice and the probability together; empty where nothing is."""
    if not case.two or not winner:
        return ""
    first, second = case.letters
    one = percents(case)[first]
    if one is None:
        return ""
    likelier = first if one > 50 else second if one < 50 else ""
    if winner == acts.TIE:
        return f"You chose Tie, and find {likelier} likelier: a tie is 50 %." if likelier else ""
    if likelier == winner:
        return ""
    return (
        f"You chose {winner}, and find {likelier} likelier."
        if likelier
        else f"You chose {winner}, and 50 % is no preference: say more than 50 % for it."
    )
