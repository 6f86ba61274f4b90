"""What a person does to the store: take a match, ask, judge it, skip it, take a verdict back.

A person reads a finished path as any judge without a seat does, or fills the judge's empty chair
of a match that waits for one. Every act is one transaction that is durable before it returns, and
leaves an event; what a person holds is a lease, so that two people do not read the same match at
once. Nothing here reads ground truth.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from arena import quotes
from arena.batch import Batch, rows
from arena.desk.chairs import Chair, PersonError, as_shown, chair, page_view
from arena.desk.worklist import (
    DONE,
    LEASE,
    LEASE_SECONDS,
    RELEASE,
    acts_of,
    lease_row,
    read_before,
)
from arena.ids import canonical
from arena.match import Match
from arena.play import append, canonical_verdict, waiting_for
from arena.protocols import JUDGE
from arena.rewards import reward_rows
from arena.store import Store
from arena.turns import LEAF_KINDS, Speech, Turn, Verdict

TIE = "Tie"
"""What a person who is undecided gives as the winner."""

_EVENT = "INSERT INTO events (key, at, kind, match, turn, person, value) VALUES (?,?,?,?,?,?,?)"
_WAITS = "UPDATE matches SET played = 0 WHERE id = ?"


def read_verdict(
    labels: Sequence[str], winner: str, probability: float | Sequence[float] | None, reason: str
) -> Verdict:
    """A person's answers as a verdict over options as they were listed.

    ``probability`` is that of the winner, from .5 to 1, where there are two options; with more
    it is one number for each listed option. Raises PersonError saying what is missing or odd.
    """
    if winner != TIE and winner not in labels:
        raise PersonError("Choose one of the answers, or Tie.")
    tie = winner == TIE
    if isinstance(probability, Sequence):
        numbers = tuple(float(p) for p in probability)
        if len(numbers) != len(labels) or min(numbers) < 0 or abs(sum(numbers) - 1) > 1e-6:
            raise PersonError("Give every answer a probability; together they make 100 %.")
    elif len(labels) != 2:
        raise PersonError("With more than two answers, give each one its own probability.")
    elif tie:
        if probability not in (None, 0.5):
            raise PersonError("Undecided means 50 %: leave the probability empty, or choose one.")
        numbers = (0.5, 0.5)
    else:
        if probability is None:
            raise PersonError("Say how sure you are, from 51 to 100 %.")
        if not 0.5 < probability <= 1:
            raise PersonError("The probability of the answer you chose is above 50, up to 100 %.")
        first = labels.index(winner) == 0
        numbers = (probability, 1 - probability) if first else (1 - probability, probability)
    ahead = [label for label, p in zip(labels, numbers, strict=True) if p == max(numbers)]
    if tie and len(ahead) == 1:
        raise PersonError("One answer has the highest probability: choose it, or make them equal.")
    if not tie and ahead != [winner]:
        raise PersonError("The answer that you choose needs the highest probability.")
    if not reason.strip():
        raise PersonError("Give a reason, in a sentence or two.")
    choice = None if tie else labels.index(winner)
    return Verdict(choice, numbers, reason=reason.strip(), status="tie" if tie else "ok")


def skip(store: Store, match: Match, person: str) -> None:
    """Give the match back unread; it comes again when nothing else is left."""
    event = (None, time.time(), "skipped", match.id, None, person, "{}")
    store.execute({RELEASE: [(match.id, JUDGE, person)], _EVENT: [event]}, full=True)


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
) -> Turn:
    """Record this person's verdict, durably, and return its turn.

    ``winner`` is a label as shown, or `TIE`; the numbers are as in `read_verdict`. Where the slot
    is a judge's belief that may end the match, ``stop=False`` keeps it a belief and the match goes
    on. A second submission (a double click, a stale tab) changes nothing and returns the first.
    ``shown`` is the digest of the view that the person read: where more has been said since, the
    verdict would be about something else, and it is refused.
    """
    now = time.time() if now is None else now
    # Read first what makes the event's key: a verdict that comes after this has the same key.
    at = chair(store, match, person)
    attempt = len(_withdrawn(store, match, person))
    first = verdict_by(store, match, person)
    if first is not None:
        return first
    if at is None or at.slot.kind not in LEAF_KINDS:
        beliefs = [t for t in store.transcript(match) if t.is_leaf and t.author == person]
        if beliefs:
            return beliefs[-1]
        why = "it waits for your question first" if at is not None else "somebody else judges it"
        raise PersonError(f"This debate is not waiting for your verdict: {why}.")
    seen = as_shown(page_view(match, at.transcript, person, at), shown)
    given = read_verdict([option.label for option in seen.options], winner, probability, reason)
    verdict = canonical_verdict(given, seen.order, at.mode)
    if at.slot.kind == "belief" and at.slot.may_stop and stop:
        verdict = replace(verdict, stop=True)
    place = 1 + max((t.place for t in at.transcript), default=-1) if at.place is None else at.place
    turn = append(match, at.transcript, place, at.slot, verdict, person, seen=seen.digest,
                  sample=attempt, origin="person", at=now)  # fmt: skip
    which = f"reader:{person}:{attempt}" if at.place is None else f"chair:{at.place}:{attempt}"
    return _keep(store, match, person, at, turn, f"verdict:{match.id}:{which}", now)


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
    at = chair(store, match, person)
    if at is None or at.place is None or at.slot.kind != "question":
        asked = [t for t in store.transcript(match) if t.kind == "question" and t.author == person]
        if not asked:
            raise PersonError("This debate is not waiting for a question of yours.")
        return asked[-1]
    text, limit = text.strip(), at.slot.limits.characters
    if limit is not None and len(text) > limit:
        raise PersonError(f"A question has up to {limit} characters; yours has {len(text)}.")
    seen = as_shown(page_view(match, at.transcript, person, at), shown)
    speech = Speech(text, quotes=quotes.anchor(text, seen.passage, seen.quotes))
    turn = append(match, at.transcript, at.place, at.slot, speech, person, seen=seen.digest,
                  origin="person", at=now)  # fmt: skip
    return _keep(store, match, person, at, turn, f"question:{match.id}:chair:{at.place}", now)


def _keep(
    store: Store, match: Match, person: str, at: Chair, turn: Turn, key: str, now: float
) -> Turn:
    """Write a person's turn with what follows from it; where the same click was faster, its turn.

    The key is unique to an empty chair or a reader's attempt; its plain INSERT comes first and
    undoes the whole transaction where someone was faster.
    """
    paid = reward_rows(match, turn, at.transcript) if turn.kind == "verdict" else []
    batch = Batch(turns=[(match, turn)], rewards=paid)
    next_up = () if at.place is None else waiting_for(match, (*at.transcript, turn))
    if at.place is not None and not next_up:
        batch.played = [match.id]
    event = (key, now, turn.kind, match.id, turn.id, person,
             canonical(_circumstances(store, match, person, now)))  # fmt: skip
    statements: dict[str, Sequence[tuple[Any, ...]]] = {_EVENT: [event], **rows(batch)}
    if next_up[:1] != (JUDGE,):  # else the same person goes on at once, and keeps the match
        statements[DONE] = [(match.id, JUDGE, person)]
    try:
        store.execute(statements, full=True)
    except sqlite3.IntegrityError:
        earlier = store.one("SELECT turn, person FROM events WHERE key = ?", key)
        if earlier is None or earlier["person"] != person:
            raise PersonError("Somebody else has judged this debate in the meantime.") from None
        return next(t for t in store.turns(match.id) if t.id == earlier["turn"])
    return turn


def _withdrawn(store: Store, match: Match, person: str) -> list[dict[str, Any]]:
    """The verdicts on the match that this person has taken back."""
    sql = "SELECT turn FROM events WHERE kind = 'withdrawn' AND match = ? AND person = ?"
    return list(store.query(sql, match.id, person))


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
    return next(turn for turn in store.turns(match.id) if turn.id == row["id"])


def withdraw(store: Store, match: Match, person: str, now: float | None = None) -> Turn | None:
    """Take the person's verdict back, and hold the match again; None where none stands. The turn
    stays, out of `verdicts` by the event; a chair that it filled is empty again."""
    turn = verdict_by(store, match, person)
    if turn is None:
        return None
    now = time.time() if now is None else now
    event = (f"withdrawn:{match.id}:{turn.id}", now, "withdrawn", match.id, turn.id, person, "{}")
    statements = {
        _EVENT.replace("INSERT", "INSERT OR IGNORE", 1): [event],
        LEASE: lease_row(match, person, now, LEASE_SECONDS),
        _WAITS: [(match.id,)] if turn.verdict.mode == "live" else [],
    }
    store.execute(statements, full=True)
    return turn
