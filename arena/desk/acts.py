"""What a person does to the store: judge, ask, skip, recuse itself, report, take something back.

A person reads a path as any judge without a seat does, step by step where the study says so, or
fills a chair of a match that waits for one. Every act is one transaction that is durable before it
returns, and leaves an event; what a person holds is a lease, so that two people do not read the
same match at once. What a study allows is checked here, on the server. Nothing here reads ground
truth.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from arena import quotes
from arena.batch import Batch, rows
from arena.desk.answers import TIE, read_verdict
from arena.desk.chairs import (
    Chair,
    PersonError,
    as_shown,
    chair,
    look,
    page_view,
    written,
)
from arena.desk.drafts import CLEAR, reasons
from arena.desk.events import EVENT, event
from arena.desk.guards import UNLESS_CLOSED, UNLESS_OTHERS, UNLESS_SEEN
from arena.desk.leaving import recuse, report, skip
from arena.desk.reading import Reading, ends_at, reading
from arena.desk.seen import refusal
from arena.desk.settings import Settings
from arena.desk.settling import settles
from arena.desk.speaking import say
from arena.desk.steps import TRIES, serial, take_back, too_late
from arena.desk.worklist import (
    DONE,
    LEASE,
    LEASE_SECONDS,
    PROLONG,
    acts_of,
    lease_row,
    prolong_row,
    read_before,
)
from arena.match import Match
from arena.play import append, canonical_verdict, waiting_for
from arena.protocols import JUDGE, verdict_slot
from arena.rewards import reward_rows
from arena.store import Store
from arena.turns import LEAF_KINDS, Speech, Turn

__all__ = [
    "GRACE",
    "TIE",
    "ask",
    "read_verdict",
    "recuse",
    "report",
    "say",
    "settled",
    "skip",
    "submit",
    "undo",
    "verdict_by",
    "withdraw",
]

GRACE = 5.0
"""Seconds after a time limit in which a verdict is not late: it was on its way."""

_WAITS = "UPDATE matches SET played = 0 WHERE id = ?"


def submit(
    store: Store,
    match: Match,
    person: str,
    winner: str,
    probability: float | Sequence[float] | None,
    reason: str,
    stop: bool = True,
    now: float | None = None,
    shown: str | None = None,
    settings: Settings | None = None,
) -> Turn:
    """Record this person's verdict, durably, and return its turn.

    ``winner`` is a label as shown, or `TIE`; the numbers are as in `read_verdict`. Where the slot
    is a judge's belief that may end the match, ``stop=False`` keeps it a belief and the match goes
    on. A second submission (a double click, a stale tab) changes nothing and returns the first.
    ``shown`` is the digest of the view that the person read: where more has been said since, the
    verdict would be about something else, and it is refused. ``settings`` are the study's: how a
    reader reads and what it may say; without them it reads everything at once. A verdict after a
    time limit is kept, and its event says that it is late.
    """
    now = time.time() if now is None else now
    for _ in range(TRIES):
        # Read first what makes the event's key: a verdict that comes after this has the same key.
        attempt, chain = _withdrawn(store, match, person), serial(store, match, person)
        first = verdict_by(store, match, person)
        if first is not None:
            return first
        _may_judge(store, match, person)
        state = None if settings is None else reading(store, match, person, settings)
        at = chair(store, match, person) if state is None else state.chair
        if at is None or at.slot.kind not in LEAF_KINDS:
            said = [t for t in store.transcript(match) if t.is_leaf and t.author == person]
            same = [t for t in said if shown in (None, t.seen)]
            if same:
                return same[-1]
            raise PersonError(f"This debate is not waiting for your verdict: {_why(at)}.")
        if at.mode == "stepped" and at.slot.kind == "belief" and state and not state.early:
            raise PersonError("Give a probability and read on: the verdict comes at the end.")
        seen = as_shown(page_view(match, at.transcript, person, at), shown)
        asked = settings or Settings()
        given = read_verdict([option.label for option in seen.options], winner, probability,
                             reason, asked.tie, asked.reason)  # fmt: skip
        verdict = canonical_verdict(given, seen.order, at.mode)
        slot, place = at.slot, at.place
        if place is None:
            place = 1 + max((turn.place for turn in at.transcript), default=-1)
            slot = verdict_slot(match.protocol)
        elif slot.kind == "belief" and slot.may_stop and stop:
            verdict = replace(verdict, stop=True)
        turn = append(match, at.transcript, place, slot, verdict, person, seen=seen.digest,
                      sample=attempt, origin="person", at=now)  # fmt: skip
        which = f"reader:{person}:{attempt}" if at.place is None else f"chair:{place}:{attempt}"
        key = chain if at.mode == "stepped" else f"verdict:{match.id}:{which}"
        clears, more = reasons(len(seen.turns)), _limits(state, now)
        if at.place is not None and settings is not None and turn.kind == "verdict":
            more["settles"] = settles(now, settings.undo)
        kept = _keep(store, match, person, at, turn, key, now, clears, more)
        if kept is not None:
            return kept
    raise PersonError("This debate is open in another window that goes on: reload the page.")


def _may_judge(store: Store, match: Match, person: str) -> None:
    """Raise PersonError where this person has seen what the judges of this match must not see."""
    line = refusal(store, match, person)
    if line is not None:
        raise PersonError(line)


def _why(at: Chair | None) -> str:
    if at is None:
        return "somebody else judges it, or you are not to"
    return "it waits for your question first"


def _limits(state: Reading | None, now: float) -> dict[str, Any]:
    """What an event says of a verdict that was given step by step, or against the clock."""
    if state is None or state.mode not in ("stepped", "timed"):
        return {}
    if state.mode == "stepped":
        return {"step": state.step, "steps": state.steps}
    late = None if state.until is None else now > state.until + GRACE
    return {"until": state.until, "late": late}


def ask(
    store: Store,
    match: Match,
    person: str,
    text: str,
    now: float | None = None,
    shown: str | None = None,
) -> Turn:
    """Record this person's public question to the debaters, durably, and return its turn.

    It may be empty. A second one (a double click) changes nothing and returns the first. ``shown``
    is as in `submit`.
    """
    now = time.time() if now is None else now
    _may_judge(store, match, person)
    at = chair(store, match, person)
    if at is None or at.place is None or at.slot.kind != "question":
        asked = [t for t in store.transcript(match) if t.kind == "question" and t.author == person]
        if not asked:
            raise PersonError("This debate is not waiting for a question of yours.")
        return asked[-1]
    text = written(text, "A question", at.slot.limits.characters, needed=False)
    seen = as_shown(page_view(match, at.transcript, person, at), shown)
    speech = Speech(text, quotes=quotes.anchor(text, seen.passage, seen.quotes))
    turn = append(match, at.transcript, at.place, at.slot, speech, person, seen=seen.digest,
                  origin="person", at=now)  # fmt: skip
    key = f"question:{match.id}:chair:{at.place}"
    kept = _keep(store, match, person, at, turn, key, now, ("question",), {})
    assert kept is not None
    return kept


def _keep(
    store: Store,
    match: Match,
    person: str,
    at: Chair,
    turn: Turn,
    key: str,
    now: float,
    fields: Sequence[str],
    more: dict[str, Any],
) -> Turn | None:
    """Write a person's turn with what follows from it; where the same click was faster, its turn.
    None where another act of a stepped reading came between: the state is to be read again.

    The key is unique to an empty chair or a reader's attempt; its plain INSERT comes first and
    undoes the whole transaction where someone was faster.
    """
    spoken = store.transcript(match) if at.mode == "stepped" else at.transcript
    paid = reward_rows(match, turn, spoken) if turn.kind == "verdict" else []
    batch = Batch(turns=[(match, turn)], rewards=paid)
    next_up = () if at.place is None else waiting_for(match, (*at.transcript, turn))
    if at.place is not None and not next_up:
        batch.played = [match.id]
    value = {**_circumstances(store, match, person, now), **more}
    statements: dict[str, Sequence[tuple[Any, ...]]] = {
        EVENT: [event(turn.kind, person, now, match.id, turn.id, value, key)],
        UNLESS_CLOSED: [(match.id, JUDGE, person)],
        UNLESS_SEEN: [(match.id, JUDGE, person)],
        **rows(batch),
        CLEAR: [(field, person, match.id) for field in fields],
    }
    if turn.kind == "verdict":
        statements[DONE] = [(match.id, JUDGE, person)]
    else:  # the person goes on, now or later, and keeps the match
        statements[PROLONG] = prolong_row(match, person, now)
    try:
        store.execute(statements, full=True)
    except sqlite3.IntegrityError:
        if at.mode == "stepped":
            return None
        earlier = store.one("SELECT turn, person FROM events WHERE key = ?", key)
        if earlier is not None and earlier["person"] == person:
            return next(t for t in store.turns(match.id) if t.id == earlier["turn"])
        _may_judge(store, match, person)
        if any(who == person for _, who in look(store, match).gone):
            raise PersonError("Your place at this debate was closed in the meantime.") from None
        raise PersonError("Somebody else has judged this debate in the meantime.") from None
    return turn


def _withdrawn(store: Store, match: Match, person: str) -> int:
    """How many verdicts on the match this person has taken back."""
    row = store.one(
        "SELECT count(*) AS n FROM events AS e JOIN turns AS t ON t.id = e.turn "
        "WHERE e.kind = 'withdrawn' AND e.match = ? AND e.person = ? AND t.kind = 'verdict'",
        match.id, person,
    )  # fmt: skip
    return 0 if row is None else int(row["n"])


def _circumstances(store: Store, match: Match, person: str, now: float) -> dict[str, Any]:
    """What may bear on a verdict: how many came before it, how long it took, what was known."""
    taken = store.one(
        "SELECT max(at) AS at FROM events WHERE kind = 'taken' AND match = ? AND person = ?",
        match.id, person,
    )  # fmt: skip
    since = None if taken is None or taken["at"] is None else round(now - taken["at"], 3)
    before = sum(act["kind"] == "verdict" for act in acts_of(store, person))
    return {"before": before, "seconds": since, "read before": read_before(store, match, person)}


def verdict_by(store: Store, match: Match, person: str) -> Turn | None:
    """This person's verdict on the match, if it stands."""
    row = store.one("SELECT id FROM verdicts WHERE match = ? AND author = ?", match.id, person)
    if row is None:
        return None
    return next(turn for turn in store.leaves(match.id, person) if turn.id == row["id"])


def settled(match: Match, turn: Turn) -> str:
    """The key of what happens to a verdict once: it is taken back, or the truth is told."""
    return f"settled:{match.id}:{turn.id}"


def withdraw(
    store: Store,
    match: Match,
    person: str,
    now: float | None = None,
    settings: Settings | None = None,
) -> Turn | None:
    """Take the person's verdict back, and hold the match again; None where none stands.

    The turn stays, out of `verdicts` by the event; a chair that it filled is empty again. Raises
    PersonError after the time that the study (``settings``) allows, once the truth was told or the
    person has seen what judges must not see, and, from a chair, once somebody else has judged the
    debate as it ended.
    """
    turn = verdict_by(store, match, person)
    if turn is None:
        return None
    now = time.time() if now is None else now
    given = store.one(
        "SELECT max(at) AS at FROM events WHERE kind = 'verdict' AND match = ? AND turn = ?",
        match.id, turn.id,
    )  # fmt: skip
    since = now if given is None or given["at"] is None else given["at"]
    if settings is not None and now > ends_at(since, settings.undo):
        raise PersonError(too_late(settings))
    line, seated = refusal(store, match, person), turn.verdict.mode == "live"
    if line is not None and not _settled(store, match, turn):
        raise PersonError(f"{line.partition(',')[0]}: your verdict stands.")
    value = {"kind": "verdict", "seconds": round(now - since, 3)}
    row = event("withdrawn", person, now, match.id, turn.id, value, settled(match, turn))
    statements: dict[str, Sequence[tuple[Any, ...]]] = {
        EVENT: [row],
        UNLESS_OTHERS: [(match.id, JUDGE, person)] if seated else [],
        LEASE: lease_row(match, person, now, LEASE_SECONDS),
        _WAITS: [(match.id,)] if seated else [],
    }
    try:
        store.execute(statements, full=True)
    except sqlite3.IntegrityError:
        how = _settled(store, match, turn)
        if how is None:
            said = "Somebody else has judged this debate: your verdict stands."
            raise PersonError(said) from None
        if how == "feedback":
            raise PersonError(
                "You have been told which answer is right: your verdict stands."
            ) from None
    return turn


def _settled(store: Store, match: Match, turn: Turn) -> str | None:
    found = store.one("SELECT kind FROM events WHERE key = ?", settled(match, turn))
    return None if found is None else str(found["kind"])


def undo(
    store: Store,
    match: Match,
    person: str,
    settings: Settings,
    now: float | None = None,
    turn: str | None = None,
) -> Turn | None:
    """Take the person's last act back, its verdict or else its last belief, and return its turn;
    None where there is nothing to take back, or where ``turn``, the id of what the person saw as
    the last, no longer is: one key press may reach the button of a page that is gone as well."""
    given = verdict_by(store, match, person)
    if given is None:
        return take_back(store, match, person, settings, now, turn)
    return withdraw(store, match, person, now, settings) if turn in (None, given.id) else None
