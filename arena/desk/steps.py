"""Reading step by step: a probability before each next step is shown, and taking it back.

What a person is shown follows from what it has said (`arena.desk.reading`); here it says it. Every
act is one transaction that is durable before it returns. Nothing here reads ground truth.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from arena.batch import Batch, rows
from arena.desk.answers import read_belief
from arena.desk.chairs import PersonError, as_shown, written
from arena.desk.drafts import CLEAR, reasons
from arena.desk.events import EVENT, EVENT_ONCE, event
from arena.desk.guards import UNLESS_CLOSED, UNLESS_SEEN
from arena.desk.reading import Belief, Reading, reading, steps
from arena.desk.seen import refusal
from arena.desk.settings import Settings
from arena.desk.worklist import PROLONG, prolong_row
from arena.match import Match, Transcript
from arena.play import append, canonical_verdict, tip
from arena.protocols import JUDGE
from arena.store import Store
from arena.turns import Turn

__all__ = [
    "Belief",
    "Reading",
    "begin",
    "believe",
    "read_belief",
    "reading",
    "serial",
    "steps",
    "take_back",
    "too_late",
]

TRIES = 8
"""How often an act looks again where another tab of the same person was faster."""


def begin(
    store: Store, match: Match, person: str, settings: Settings, now: float | None = None
) -> None:
    """Note, once, that this person has been shown the match: from here its time runs, where the
    study limits it. Called before the first page is drawn."""
    now = time.time() if now is None else now
    value = {"mode": settings.mode, "seconds": settings.seconds}
    key = f"shown:{match.id}:{person}"
    if store.one("SELECT 1 FROM events WHERE key = ?", key) is None:
        row = event("shown", person, now, match.id, value=value, key=key)
        store.execute({EVENT_ONCE: [row]}, full=True)


def serial(store: Store, match: Match, person: str) -> str:
    """The key of the next act of a stepped reading: there is one for each number of acts so far, so
    of two tabs that act on the same state the second fails, and looks again. Read it first."""
    row = store.one(
        "SELECT count(*) AS n FROM events WHERE match = ? AND person = ? "
        "AND kind IN ('belief', 'verdict', 'withdrawn')",
        match.id, person,
    )  # fmt: skip
    return f"reading:{match.id}:{person}:{0 if row is None else row['n']}"


def believe(
    store: Store,
    match: Match,
    person: str,
    settings: Settings,
    probability: float | Sequence[float] | None,
    shown: str,
    reason: str = "",
    now: float | None = None,
) -> Turn:
    """Record what this person believes after the steps on display, durably, and return its turn.

    ``probability`` is that of the option that is listed first, from 0 to 1, or one number for each
    option as listed. ``shown`` is the digest of the view that the person read. A second one on the
    same view (a double click, a stale tab) changes nothing and returns the first; one on a view
    that is neither the present one nor answered is refused. What is next is shown from then on.
    """
    now = time.time() if now is None else now
    for _ in range(TRIES):
        key = serial(store, match, person)
        state = reading(store, match, person, settings)
        first = next((one.turn for one in state.beliefs if one.turn.seen == shown), None)
        if first is not None and state.mode == "stepped":
            return first
        at, line = state.chair, refusal(store, match, person)
        if line is not None:
            raise PersonError(line)
        if at is None or at.mode != "stepped" or at.slot.kind != "belief":
            raise PersonError("This debate is not waiting for a probability of yours.")
        seen = as_shown(state.view, shown)
        said = read_belief(
            len(seen.options), probability, written(reason, "A reason", needed=False)
        )
        place = max((turn.place for turn in at.transcript), default=-1)
        turn = append(
            match, at.transcript, place, at.slot, canonical_verdict(said, seen.order, "stepped"),
            person, seen=seen.digest, sample=_taken_back(store, match, person, at.transcript),
            origin="person", at=now,
        )  # fmt: skip
        value = {"step": state.step, "steps": state.steps}
        row = event("belief", person, now, match.id, turn.id, value, key)
        then = {
            CLEAR: [(field, person, match.id) for field in reasons(len(seen.turns))],
            PROLONG: prolong_row(match, person, now),
        }
        own = [(match.id, JUDGE, person)]
        made = {UNLESS_CLOSED: own, UNLESS_SEEN: own, **rows(Batch(turns=[(match, turn)]))}
        try:
            store.execute({EVENT: [row], **made, **then}, full=True)
        except sqlite3.IntegrityError:
            continue  # another tab was faster, or the place is closed: look again
        return turn
    raise PersonError("This debate is open in another window that goes on: reload the page.")


def _taken_back(store: Store, match: Match, person: str, shown: Transcript) -> int:
    """How many beliefs about the steps on display this person has taken back."""
    row = store.one(
        "SELECT count(*) AS n FROM events AS e JOIN turns AS t ON t.id = e.turn "
        "WHERE e.kind = 'withdrawn' AND e.match = ? AND e.person = ? AND t.kind = 'belief' "
        "AND t.parent = ?",
        match.id, person, tip(match, shown),
    )  # fmt: skip
    return 0 if row is None else int(row["n"])


def take_back(
    store: Store,
    match: Match,
    person: str,
    settings: Settings,
    now: float | None = None,
    turn: str | None = None,
) -> Turn | None:
    """Take the person's last belief back; None where none stands, or ``turn`` is not its id.

    The step after it is hidden again, and the event says that it had been shown. Raises PersonError
    where a verdict stands, or after the time in which the study allows it.
    """
    now = time.time() if now is None else now
    for _ in range(TRIES):
        key = serial(store, match, person)
        state = reading(store, match, person, settings)
        if state.verdict is not None:
            raise PersonError("Your verdict stands: take it back before you change what you said.")
        if state.mode != "stepped" or not state.beliefs:
            return None
        last = state.beliefs[-1]
        if turn not in (None, last.turn.id):
            return None
        if not state.can_undo(now):
            raise PersonError(too_late(settings))
        value = {"kind": "belief", "step": last.step, "shown": state.step}
        row = event("withdrawn", person, now, match.id, last.turn.id, value, key)
        try:
            then = {PROLONG: prolong_row(match, person, now)}
            store.execute({EVENT: [row], **then}, full=True)
        except sqlite3.IntegrityError:
            continue
        return last.turn
    raise PersonError("This debate is open in another window that goes on: reload the page.")


def too_late(settings: Settings) -> str:
    """The line that refuses to take something back."""
    return (
        f"This study lets you take back what you said for {settings.undo:g} seconds; they are over."
    )
