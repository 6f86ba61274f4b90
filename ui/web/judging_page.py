"""The judging page: a person reads the next debate that it has not judged, and gives a verdict
(or asks a question, where the protocol has the judge do so).

Started by `ui.serve.command`. The script is thin: it asks `arena.desk` what to show and draws
it; every act is a callback with one transaction, and the store holds all state but the wording
of a line. Labels and messages are the page's own words; everybody else's text goes to the reader.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import streamlit as st

from arena.desk import acts, chairs, identity, worklist
from arena.match import Match, View
from arena.store import Store, StoreError
from arena.turns import Turn
from ui.reading import page
from ui.serve import Arguments, arguments
from ui.web.reader_component import focus_on_message, reader

# What the last act came to: "recorded", "noted" or "asked" and a match, or "problem" and a line.
TOLD = "told"


def shut(act: Callable[[Store], None], args: Arguments) -> None:
    """Do one act on the store, and say on the page where it could not be done."""
    try:
        with Store(args.store) as store:
            act(store)
    except chairs.PersonError as error:
        st.session_state[TOLD] = ("problem", str(error))
    except StoreError:
        st.session_state[TOLD] = (
            "problem", "The store could not be written, so nothing is recorded yet. Try again."
        )  # fmt: skip


def main() -> None:
    """Draw the page."""
    st.set_page_config(page_title="Judging", layout="centered", initial_sidebar_state="collapsed")
    args = arguments(sys.argv[1:])
    name = st.sidebar.text_input("Your name", args.person, max_chars=identity.MAX_NAME, key="name")
    st.sidebar.caption("Your verdicts are kept under this name.")
    if not args.store.is_file():
        st.error("The store is gone. Start the page again with the path of a store.")
        return
    with Store(args.store) as store:
        try:
            person = identity.register(store, name)
        except chairs.PersonError as error:
            st.error(str(error))
            return
        done, left = worklist.progress(store, person, args.run)
        st.progress(done / max(done + left, 1), text=f"{done} judged, {left} to go")
        told, what = st.session_state.get(TOLD, ("", ""))
        if told in ("noted", "asked"):
            again = chairs.chair(store, store.match(what), person) is not None
            noted(told, again, left)
            return
        match = store.match(what) if told == "recorded" else None
        turn = None if match is None else acts.verdict_by(store, match, person)
        if match is not None and turn is not None:  # it stands, and is this person's
            recorded(args, match, person, turn, left)
            return
        found = worklist.next_unjudged(store, person, args.run)
        if found is None:
            nothing_left(done)
            return
        at = chairs.chair(store, found, person)
        if at is None:  # taken a moment ago by the same person in another tab
            st.rerun()
        seen = chairs.page_view(found, at.transcript, person, at)
        if worklist.read_before(store, found, person):
            st.info("You have read another debate about the same text. Judge this one by itself.")
        judge = f"judge: {' '.join(name.split())}"
        reader(page(found, seen, at.transcript, args.run, judge), f"reader {found.id}")
        problem = what if told == "problem" else ""
        if at.slot.kind == "question":
            question_form(args, found, seen, person, problem)
        else:
            form(args, found, seen, person, problem)


def question_form(args: Arguments, match: Match, seen: View, person: str, problem: str) -> None:
    """The judge's public question, where the debate waits for one."""
    whom = "debaters" if len(match.protocol.speakers) > 1 else "consultant"
    limit = seen.slot.limits.characters  # max_chars would cut a longer one in silence
    st.subheader("Your question", anchor=False)
    with st.form(f"question {match.id}", enter_to_submit=False):
        st.text_area(
            f"Ask the {whom} one question (may be empty)", key=field("question", match),
            height=120, placeholder="" if limit is None else f"Up to {limit} characters.",
        )  # fmt: skip
        if problem:
            st.error(problem)
        st.form_submit_button(
            "Ask", type="primary", key="ask", on_click=put_question,
            args=(args, match, person, seen.digest),
        )  # fmt: skip
    skip_button(args, match, person)


def put_question(args: Arguments, match: Match, person: str, shown: str) -> None:
    """The click on Ask, on the page that showed the view with this digest."""

    def act(store: Store) -> None:
        text = st.session_state.get(field("question", match)) or ""
        acts.ask(store, match, person, text, shown=shown)
        st.session_state[TOLD] = ("asked", match.id)

    st.session_state.pop(TOLD, None)
    shut(act, args)


def skip_button(args: Arguments, match: Match, person: str) -> None:
    """The way past a debate that one does not want to judge."""
    st.button("Skip this debate", key="skip", type="tertiary", on_click=pass_on,
              args=(args, match, person))  # fmt: skip


def form(args: Arguments, match: Match, seen: View, person: str, problem: str) -> None:
    """The verdict, given in one go: nothing is sent before the click."""
    labels = [option.label for option in seen.options]
    live = seen.slot.kind == "belief" and seen.slot.may_stop
    trial = match.protocol.options == "right or wrong"
    asked = "Is the answer right?" if trial else "Which answer is right?"
    st.subheader("Your verdict", anchor=False)
    with st.form(f"verdict {match.id}", enter_to_submit=False):
        st.segmented_control(asked, [*labels, acts.TIE], key=field("winner", match))
        for label in labels if len(labels) > 2 else [""]:
            st.number_input(
                f"Probability of {label}, in %" if label else "How sure are you, in %?",
                0.0 if label else 50.0, 100.0, None, 5.0, format="%g", width=340,
                key=field(f"sure {label}".strip(), match),
                placeholder="0 to 100" if label else "51 to 100; leave it empty for a tie",
            )  # fmt: skip
        st.text_area(
            "Why?", key=field("reason", match), height=120, max_chars=5000,
            placeholder="What decided it, in a sentence or two.",
        )  # fmt: skip
        if problem:
            st.error(problem)
        with st.container(horizontal=True):
            st.form_submit_button(
                "Submit verdict", type="primary", key="submit", on_click=send,
                args=(args, match, labels, person, True, seen.digest),
            )  # fmt: skip
            if live:
                st.form_submit_button(
                    "Note this and hear another round", key="go on", on_click=send,
                    args=(args, match, labels, person, False, seen.digest),
                )  # fmt: skip
    skip_button(args, match, person)


def field(what: str, match: Match) -> str:
    """The key of a widget: a new match has new, empty ones."""
    return f"{what} {match.id}"


def send(
    args: Arguments, match: Match, labels: list[str], person: str, stop: bool, shown: str
) -> None:
    """The click: read the form and record the verdict on the view with the digest ``shown``."""
    state = st.session_state

    def act(store: Store) -> None:
        winner = state.get(field("winner", match)) or ""
        given = [state.get(field(f"sure {label}", match)) for label in labels]
        one = state.get(field("sure", match))
        probability = (
            (None if one is None else one / 100)
            if len(labels) == 2
            else [0 if number is None else number / 100 for number in given]
        )
        reason = state.get(field("reason", match)) or ""
        turn = acts.submit(store, match, person, winner, probability, reason, stop, shown=shown)
        state[TOLD] = ("recorded" if turn.kind == "verdict" else "noted", match.id)

    state.pop(TOLD, None)
    shut(act, args)


def pass_on(args: Arguments, match: Match, person: str) -> None:
    """The click on Skip."""
    st.session_state.pop(TOLD, None)
    shut(lambda store: acts.skip(store, match, person), args)


def recorded(args: Arguments, match: Match, person: str, turn: Turn, left: int) -> None:
    """What the person sees after the click; no word on whether it was right."""
    label, numbers = answer(match, turn)
    sure = "" if len(numbers) != 2 or label == acts.TIE else f", {max(numbers):g} %"
    st.success(f"Verdict recorded: {label}{sure}.")
    with st.container(horizontal=True):
        st.button("Next debate" if left else "Done", type="primary", key="next", on_click=go_on)
        st.button("Undo", key="undo", on_click=undo, args=(args, match, person))
    focus_on_message()


def noted(told: str, again: bool, left: int) -> None:
    """What the person sees after a turn that does not end the debate."""
    what = "Your question is recorded." if told == "asked" else "Noted."
    st.success(
        f"{what} It is your turn again in this debate."
        if again
        else f"{what} The debate goes on when somebody runs its `arena play` (or "
        "`arena tournament`) command again, and comes back to you after that."
    )
    st.button("Next debate" if left else "Done", type="primary", key="next", on_click=go_on)
    focus_on_message()


def go_on() -> None:
    """The click on Next."""
    st.session_state.pop(TOLD, None)


def undo(args: Arguments, match: Match, person: str) -> None:
    """The click on Undo: the verdict is withdrawn, and the form is filled with what it said."""

    def act(store: Store) -> None:
        turn = acts.withdraw(store, match, person)
        if turn is not None:
            fill(match, turn)

    st.session_state.pop(TOLD, None)
    shut(act, args)


def answer(match: Match, turn: Turn) -> tuple[str, list[float]]:
    """The label of a verdict, and its probabilities in per cent by option."""
    said = turn.verdict
    label = acts.TIE if said.choice is None else match.labels[said.choice]
    return label, [round(p * 100, 8) for p in said.elicited or ()]


def fill(match: Match, turn: Turn) -> None:
    """Put a withdrawn verdict back into the form."""
    state = st.session_state
    label, numbers = answer(match, turn)
    state[field("winner", match)] = label
    state[field("reason", match)] = turn.verdict.reason
    if len(numbers) == 2:
        state[field("sure", match)] = None if label == acts.TIE else max(numbers)
    else:
        for name, number in zip(match.labels, numbers, strict=False):
            state[field(f"sure {name}", match)] = number


def nothing_left(done: int) -> None:
    """The empty page."""
    st.subheader("Nothing left to judge")
    st.caption(
        "You have judged everything that is here for you. Thank you."
        if done
        else "No finished debate waits for a reader. Play or import some, then load this page."
    )


main()
