"""A small page with every part of the desk on it, for the browser tests: ``?show=`` chooses some.

It records what reached the script, so that a test can tell a value that arrived from one that the
browser only shows.
"""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).parent))  # a page of its own directory, like the desk's

from parts_debate import branched, debated, seen_by_judge

from arena.match import view
from arena.protocols import Slot
from ui import reading
from ui.web.parts import beliefs, clock, draft, picker, probability, quotes, reader, selection, tree

STATE = st.session_state


def note(what: str) -> None:
    """Keep a line of what reached the script."""
    STATE.setdefault("log", []).append(what)


def picked(key: str) -> None:
    """A click in a part."""
    number = reader.picked(key)
    if number is not None:
        STATE["turn"] = number
        note(f"{key} {number}")


def submit() -> None:
    """The button: what a callback reads."""
    note(f"submit {draft.written('draft')!r} {probability.given('p')!r}")


def step(by: int) -> None:
    """J and K."""
    STATE["turn"] = max(0, (STATE.get("turn") or 0) + by)


st.set_page_config(page_title="Parts", layout="wide")
STATE["runs"] = STATE.get("runs", 0) + 1
show = st.query_params.get("show", "debate")
st.title("Parts", anchor=False)
SIZES = {"debate": (2, 0), "open": (2, 0), "long": (20, 1500), "huge": (1, 20_000)}
if show in SIZES:
    match, transcript = debated(*SIZES[show])
    shown = len(transcript) if show != "debate" else STATE.get("shown", 2)
    part = transcript[:shown]
    seen = seen_by_judge(match, part, show == "open")
    data = reading.page(match, seen, part, "trial", "judge: Ada")
    left, middle, right = st.columns([1.05, 2.4, 1.25], gap="small")
    with left:
        tree.tree(reading.tree(match, seen, part, {0}, {2}), "tree", lambda: picked("tree"))
    with middle:
        reader.reader(data, "reader", lambda: picked("reader"))
    with right:
        quotes.quotes(reading.quotes_in_order(match, seen, part), "quotes",
                      lambda: picked("quotes"))  # fmt: skip
        lines = [("you", [50.0, 62.5, None, 80.0])]
        beliefs.beliefs(reading.beliefs("Probability of A, in %", ["start", "1", "2", "3"], lines),
                        "beliefs")  # fmt: skip
    st.button("Next turn", shortcut="J", on_click=step, args=(1,))
    st.button("Reveal", on_click=lambda: STATE.update(shown=len(transcript)))
    selection.select(STATE.get("turn"))
if show == "forks":
    drawn, ids = branched()
    tree.tree(drawn, "tree", lambda: picked("tree"))
if show == "forms":
    with st.container(width=420):
        draft.draft("draft", assignment="g1", field="reason", label="Why?", initial="Because",
                    limit=40, hint="A sentence or two.")  # fmt: skip
        rows = [("If A is right", [p / 100 for p in range(1, 100)]),
                ("If B is right", [-p / 100 for p in range(1, 100)])]  # fmt: skip
        probability.probability("p", label="How likely is A? In %", ends=("B", "A"), payoffs=rows,
                                note="Each further step costs 0.05.")  # fmt: skip
        st.button("Submit", shortcut="S", on_click=submit, type="primary")
        st.button("Submit by Ctrl", shortcut="Ctrl+S", on_click=submit)
        st.button("Undo", shortcut="Ctrl+Z", on_click=note, args=("undo",))
if show in ("clock", "timed"):
    clock.clock("clock", assignment="g1", places=[10, 11, 12], idle=2.0, every=1.5,
                left=3.2 if show == "timed" else None,
                on_end=lambda: note(f"ended {clock.ended('clock')}"))  # fmt: skip
    st.button("Next turn", shortcut="J", on_click=step, args=(1,))
    selection.select(STATE.get("turn"))
if show == "picker":
    match, transcript = debated(2, 0)
    speaker = view(match, (), Slot("A", "speech"), 0)
    picker.picker(reading.picker(speaker), "picker", "speech")
    draft.draft("speech", assignment="g1", field="speech", label="Your speech", lines=6)
    st.button("Speak", on_click=lambda: note(f"speech {draft.written('speech')!r}"))
st.text(f"runs {STATE['runs']}")
for one in STATE.get("log", []):
    st.text(one)
