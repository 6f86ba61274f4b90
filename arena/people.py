"""What a person does to the store: take a match, ask, judge it, skip it, take a verdict back.

A person reads a finished path as any judge without a seat does, or fills the judge's empty chair
of a match that waits for one. Every act is one transaction that is durable before it returns, and
leaves an event; what a person holds is a lease, so that two people do not read the same match at
once. Nothing here reads ground truth.
"""

from __future__ import annotations

import sqlite3
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from arena import quotes
from arena.batch import Batch, rows
from arena.ids import canonical, content_id, derive_seed
from arena.match import PERSON, Match, Transcript, View, view
from arena.play import append, canonical_verdict, path, waiting_for
from arena.protocols import JUDGE, Slot, pending, verdict_slot
from arena.rewards import reward_rows
from arena.store import Store
from arena.turns import LEAF_KINDS, Mode, Speech, Turn, Verdict
from arena.worklist import DONE, LEASE, RELEASE, acts_of, lease_row, open_matches, take

TIE = "Tie"
"""What a person who is undecided gives as the winner."""
LEASE_SECONDS = 3600.0
MAX_NAME = 80
_FILLED = LEAF_KINDS | {"question"}  # the kinds of slot that a person in the judge's chair fills

_EVENT = "INSERT INTO events (key, at, kind, match, turn, person, value) VALUES (?,?,?,?,?,?,?)"
_WAITS = "UPDATE matches SET played = 0 WHERE id = ?"


class PersonError(Exception):
    """An act that cannot be recorded; the message is one line of our own words, for the page."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a person's next turn goes: what was said, and the slot that it fills.

    ``place`` is None for a reader, who judges after the end; else the judge's chair is empty there,
    and the slot is a verdict, a belief or a question.
    """

    transcript: Transcript
    slot: Slot
    place: int | None

    @property
    def mode(self) -> Mode:
        """Whether the person sits in the match or reads it afterwards."""
        return "whole" if self.place is None else "live"


def register(store: Store, name: str) -> str:
    """The id of the person called ``name``, who is noted when the name is new."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name or len(name) > MAX_NAME:
        raise PersonError(f"A name has 1 to {MAX_NAME} characters; this one has {len(name)}.")
    record = {"kind": PERSON, "name": name}
    person = content_id("a", record)
    if store.one("SELECT 1 FROM people WHERE id = ?", person) is None:
        statements: dict[str, Sequence[tuple[Any, ...]]] = {
            "INSERT OR IGNORE INTO people VALUES (?,?,?)": [(person, name, time.time())],
            **rows(Batch(participants={person: record})),
        }
        store.execute(statements, full=True)
    return person


# ---------------------------------------------------------------------------------------------
# What there is to judge.


def desk(store: Store, match: Match, person: str) -> Desk | None:
    """Where this person's next turn in ``match`` would go; None where there is no place for it now.

    A chair that one person has begun to fill is that person's until the match is over.
    """
    seated = store.transcript(match)
    row = store.one("SELECT played FROM matches WHERE id = ?", match.id)
    if row is not None and row["played"]:
        return Desk(path(seated), verdict_slot(match.protocol), None)
    if dict(match.seats).get(JUDGE) != PERSON:
        return None
    place, slots = pending(match.protocol, seated, [seat for seat, _ in match.seats])
    others = any(turn.seat == JUDGE and turn.author != person for turn in seated)
    if not slots or slots[0].seat != JUDGE or slots[0].kind not in _FILLED or others:
        return None
    return Desk(seated, slots[0], place)


def next_unjudged(
    store: Store,
    person: str,
    run: str | None = None,
    lease_seconds: float = LEASE_SECONDS,
    now: float | None = None,
) -> Match | None:
    """Take the next match for this person to judge, and hold it for a while; None if none is left.

    First the one that it holds; then those it has not skipped; then those about stories that it
    has not read about; in an order drawn for each person, which depends on nothing but the ids.
    """
    now = time.time() if now is None else now
    acts = acts_of(store, person)
    skips = Counter(act["match"] for act in acts if act["kind"] == "skipped")
    groups: dict[str, set[str]] = {}
    for act in acts:
        groups.setdefault(act["grp"], set()).add(act["match"])

    def late(row: dict[str, Any]) -> tuple[bool, int, bool, int]:
        known = bool(groups.get(row["grp"], set()) - {row["id"]})
        drawn = derive_seed("queue", person, row["id"])
        return (not row["held"], skips[row["id"]], known, drawn)

    for row in sorted(open_matches(store, person, run, now), key=late):
        if row["judged"]:
            continue
        match = store.match(row["id"])
        if desk(store, match, person) is None:
            continue
        if row["held"] or take(store, match, person, now, lease_seconds):
            return match
    return None


def skip(store: Store, match: Match, person: str) -> None:
    """Give the match back unread; it comes again when nothing else is left."""
    event = (None, time.time(), "skipped", match.id, None, person, "{}")
    store.execute({RELEASE: [(match.id, JUDGE, person)], _EVENT: [event]}, full=True)


def progress(store: Store, person: str, run: str | None = None) -> tuple[int, int]:
    """How many matches this person has judged, and how many it could judge now."""
    found = open_matches(store, person, run, time.time())
    done = sum(row["judged"] for row in found)
    waiting = [row["id"] for row in found if not row["judged"]]
    played = {row["id"] for row in store.query("SELECT id FROM matches WHERE played = 1")}
    open_now = [k for k in waiting if k in played or desk(store, store.match(k), person)]
    return done, len(open_now)


def read_before(store: Store, match: Match, person: str) -> bool:
    """Whether this person has read another debate about the same story or question."""
    group = match.question.group or match.question.id
    return any(act["grp"] == group and act["match"] != match.id for act in acts_of(store, person))


# ---------------------------------------------------------------------------------------------
# Reading and judging.


def listing(match: Match, person: str) -> tuple[int, ...]:
    """The order in which this person is shown the options of this match."""
    options = range(len(match.options))
    return tuple(sorted(options, key=lambda i: derive_seed("order", person, match.id, i)))


def page_view(match: Match, transcript: Transcript, person: str, at: Desk | None = None) -> View:
    """What this person may know of the match: the path alone, no one's beliefs or verdicts."""
    slot = verdict_slot(match.protocol) if at is None else at.slot
    place = None if at is None else at.place
    return view(match, path(transcript), slot, place, listing(match, person))


def _as_shown(seen: View, shown: str | None) -> View:
    """The view, where it is still the one that the person has read."""
    if shown is not None and shown != seen.digest:
        raise PersonError("This debate has gone on since this page was drawn: reload and read it.")
    return seen


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
    at = desk(store, match, person)
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
    seen = _as_shown(page_view(match, at.transcript, person, at), shown)
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
    at = desk(store, match, person)
    if at is None or at.place is None or at.slot.kind != "question":
        asked = [t for t in store.transcript(match) if t.kind == "question" and t.author == person]
        if not asked:
            raise PersonError("This debate is not waiting for a question of yours.")
        return asked[-1]
    text, limit = text.strip(), at.slot.limits.characters
    if limit is not None and len(text) > limit:
        raise PersonError(f"A question has up to {limit} characters; yours has {len(text)}.")
    seen = _as_shown(page_view(match, at.transcript, person, at), shown)
    speech = Speech(text, quotes=quotes.anchor(text, seen.passage, seen.quotes))
    turn = append(match, at.transcript, at.place, at.slot, speech, person, seen=seen.digest,
                  origin="person", at=now)  # fmt: skip
    return _keep(store, match, person, at, turn, f"question:{match.id}:chair:{at.place}", now)


def _keep(
    store: Store, match: Match, person: str, at: Desk, turn: Turn, key: str, now: float
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
