"""One debate in front of one judge: all that a run of the judging page knows of it.

It is read from the store at the beginning of every run, and again in every callback: what a browser
sends names a place in somebody's queue, and nothing else is believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from arena.desk import steps, worklist
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.desk.reading import Reading, reading
from arena.desk.seen import refusal
from arena.desk.settings import Settings, settings_of
from arena.desk.worklist import Assignment
from arena.match import Match
from arena.protocols import JUDGE
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web import who
from ui.web.views.acting import perform

NOT_YOURS = "This debate is not in your queue. Choose one there."
RUN = "run of the queue"
"""Where the run is kept that a judge has chosen to work on, among several."""
PROGRESS = "progress"
"""Where it is kept how much is done and left, about what, and until when."""
COUNTED = 60.0


@dataclass(frozen=True, slots=True)
class Case:
    """A judge's place at a match, and how far it has come there."""

    args: Arguments
    person: Person
    place: Assignment
    match: Match
    settings: Settings
    state: Reading

    def key(self, *what: object) -> str:
        """The key of a widget: another debate has other ones. Keys reach the browser, so they name
        the place and nothing else."""
        return " ".join(str(one) for one in (*what, self.place.id))

    @property
    def shown(self) -> str:
        """The digest of what the judge reads; it stays on the server."""
        return self.state.view.digest

    @property
    def labels(self) -> list[str]:
        """The letters of the options as they are listed."""
        return [option.label for option in self.state.view.options]

    @property
    def letters(self) -> list[str]:
        """The letters of the options in the alphabet's order, which is that of the keys."""
        return sorted(self.labels)

    @property
    def two(self) -> bool:
        """Whether there are two options, so that one number says it all."""
        return len(self.labels) == 2

    def option(self, letter: str) -> str:
        """What an option says, safe to look at; for `st.text` and our own elements alone."""
        options = self.state.view.options
        return next(visible(one.text) for one in options if one.label == letter)


def run_of(args: Arguments) -> str | None:
    """The run that the judge works on: the desk's, or the one chosen in the queue."""
    if args.run is not None:
        return args.run
    chosen = st.session_state.get(RUN)
    return chosen if isinstance(chosen, str) else None


def progress(store: Store, case: Case) -> tuple[int, int]:
    """How much the judge has done, and how much it could do now.

    Counted anew at another debate, at a verdict, and after `COUNTED` seconds: in between only
    others change it.
    """
    run, now = run_of(case.args), time.monotonic()
    about = (case.place.id, run, case.state.verdict is None)
    kept = st.session_state.get(PROGRESS)
    if kept is None or kept[0] != about or now > kept[1]:
        numbers = worklist.progress(store, case.person.id, run)
        st.session_state[PROGRESS] = kept = (about, now + COUNTED, numbers)
    done, left = kept[2]
    return done, left


def find(store: Store, args: Arguments, person: Person, id: str) -> Case:
    """The case with this id. Raises PersonError where it is not this person's as a judge.

    Where somebody else's and nobody's are told apart, ids could be tried out: they are not.
    """
    place = worklist.assignment(store, id) if id else None
    if place is None or place.person != person.id or place.seat != JUDGE:
        raise PersonError(NOT_YOURS)
    match = store.match(place.match)
    settings = settings_of(store, place.run)
    state = reading(store, match, person.id, settings)
    line = None if state.verdict is not None else refusal(store, match, person.id)
    if line is not None:
        raise PersonError(line)
    return Case(args, person, place, match, settings, state)


def sit_down(store: Store, person: Person, id: str) -> None:
    """Hold the match while its judge reads, if nobody else does. Raises PersonError if somebody
    does, or the place is not this person's."""
    row = store.one(
        "SELECT until, done FROM assignments WHERE id = ? AND holder = ?", id, person.id
    )
    if row is None:
        raise PersonError(NOT_YOURS)
    if row["until"] <= time.time() and not row["done"]:
        worklist.begin(store, person.id, id)


def note_shown(store: Store, case: Case) -> None:
    """Note that the debate is shown from now on; a time limit runs from here."""
    if case.state.verdict is None and case.place.state != "recused":
        steps.begin(store, case.match, case.person.id, case.settings)


class Act:
    """A click's case: read anew, by whoever is signed in now."""

    def __init__(self, args: Arguments, id: str) -> None:
        self.args, self.id = args, id

    def __call__(self, act: Callable[[Store, Case], None]) -> bool:
        def on_case(store: Store, person: Person) -> None:
            act(store, find(store, self.args, person, self.id))

        return perform(self.args, on_case)

    def again(self, store: Store) -> Case:
        """The case as it is after the act, within the act."""
        return find(store, self.args, who.require(store, self.args), self.id)
