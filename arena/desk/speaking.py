"""People as debaters: a speech in a chair that a match keeps for a person.

The platform anchors the quotations and holds the speech to its limits, as it does with every
speaker. Turns of a simultaneous round are chained in seat order; a speech that comes before one of
a seat ahead of it is held in its event, as durable as any, and placed by whoever speaks ahead of
it, in that transaction. Nothing here reads ground truth.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from arena import quotes
from arena.batch import Batch, rows
from arena.budget import quote_budget
from arena.desk.chairs import (
    Chair,
    Held,
    PersonError,
    Scene,
    as_shown,
    chair,
    look,
    page_view,
    written,
)
from arena.desk.drafts import CLEAR
from arena.desk.events import EVENT, event
from arena.desk.guards import UNLESS_CLOSED
from arena.desk.worklist import PROLONG, prolong_row
from arena.match import Match, Transcript, View
from arena.play import append
from arena.protocols import JUDGE, Slot, pending
from arena.store import Store
from arena.turns import Quote, Speech, Turn

TRIES = 8
"""How often a speech is written anew where another seat of the round was faster."""

_OVER = (
    "UPDATE assignments SET done = 1 WHERE match = ? AND seat <> ? AND closed IS NULL "
    "AND kind <> 'machines'"
)


def say(
    store: Store,
    match: Match,
    person: str,
    seat: str,
    text: str,
    side: str | None = None,
    stop: bool = False,
    shown: str | None = None,
    now: float | None = None,
) -> Turn | None:
    """Record this person's speech at ``seat``, durably, and return its turn; None where it is kept
    and becomes a turn when a seat ahead of it in the round has spoken.

    ``side`` is the label of the answer that it argues for, where the rules let the speaker choose
    one; ``stop`` would end the debate, or concedes, where they let it. ``shown`` is the digest of
    the view that was read. A second click changes nothing and returns the first. Raises PersonError
    naming the limit and what came, where the speech is over one; nothing is shortened.
    """
    now = time.time() if now is None else now
    for _ in range(TRIES):
        # Read first what makes the key: who speaks after this has the same one, and looks again.
        key = _serial(store, match)
        scene = look(store, match)
        at = chair(store, match, person, seat, scene)
        first = _earlier(scene, person, seat, shown, at)
        if first is not None:
            return first[0]
        if at is None or at.place is None or at.slot.seat != seat or seat == JUDGE:
            raise PersonError("This debate is not waiting for a speech of yours.")
        seen = as_shown(page_view(match, at.transcript, person, at), shown)
        speech = _speech(match, at, seen, text, side, stop)
        place, slots = pending(match.protocol, at.transcript, [name for name, _ in match.seats])
        value = {"seat": seat, "kind": at.slot.kind, "place": place, "text": speech.text,
                 "side": speech.side, "stop": speech.stop, "seen": seen.digest}  # fmt: skip
        made: list[tuple[Turn, Held | None]] = []
        if slots[0].seat == seat:
            turn = append(match, at.transcript, place, at.slot, speech, person, seen=seen.digest,
                          origin="person", at=now)  # fmt: skip
            made = [(turn, None), *_following(match, (*at.transcript, turn), place, scene.held)]
        row = event("speech", person, now, match.id, made[0][0].id if made else None, value,
                    key)  # fmt: skip
        try:
            store.execute(_statements(store, match, at.transcript, row, made, now, seat, person),
                          full=True)  # fmt: skip
        except sqlite3.IntegrityError:
            continue  # another seat of the round or tab was faster, or the chair is closed
        return made[0][0] if made else None
    raise PersonError("This debate goes on in another window: reload the page.")


def _serial(store: Store, match: Match) -> str:
    row = store.one(
        "SELECT count(*) AS n FROM events WHERE match = ? AND kind = 'speech'", match.id
    )
    return f"speech:{match.id}:{0 if row is None else row['n']}"


def _earlier(
    scene: Scene, person: str, seat: str, shown: str | None, at: Chair | None
) -> tuple[Turn | None] | None:
    """The speech that a click like this one has made before, in brackets; None where there is
    none."""
    own = [t for t in scene.transcript if t.seat == seat and t.author == person]
    for turn in reversed(own):
        if turn.seen == shown or (shown is None and at is None):
            return (turn,)
    for one in scene.held:
        if (one.person, one.seat) == (person, seat) and (one.seen == shown or at is None):
            return (None,)
    return None


def _speech(match: Match, at: Chair, seen: View, text: str, side: str | None, stop: bool) -> Speech:
    """What was said, with what the platform adds. Raises PersonError where it is over a limit."""
    slot = at.slot
    text = written(text, "A speech", slot.limits.characters)
    found = quotes.anchor(text, seen.passage, seen.quotes)
    _within(match, at, found, seen.quoted_left)
    return Speech(text, quotes=found, side=_side(match, at, seen, side),
                  stop=stop and slot.may_stop)  # fmt: skip


def _within(match: Match, at: Chair, found: Sequence[Quote], left: int | None) -> None:
    if left is None or not found or at.place is None:
        return
    covered = quote_budget(match.protocol, at.transcript, at.slot.seat, at.place)[0]
    new = quotes.new_characters(found, covered)
    if new > left:
        raise PersonError(
            f"A speech here may quote {left} new characters of the passage; yours quotes {new}."
        )


def _side(match: Match, at: Chair, seen: View, side: str | None) -> int | None:
    """The answer that a speech commits its seat to: told, or chosen where the rules let it."""
    role = match.protocol.role(at.slot.seat)
    if role == "proposer" and match.proposal is not None:
        return match.proposal
    if match.protocol.sides != "chosen" and role != "proposer":
        return None
    before = [t.speech.side for t in at.transcript if not t.is_leaf and t.seat == at.slot.seat]
    chosen = next((one for one in before if one is not None), None)
    if chosen is not None:
        return chosen
    labels = [answer.label for answer in seen.answers]
    if side not in labels:
        raise PersonError("Choose the answer that you argue for.")
    return labels.index(side)


def _following(
    match: Match, spoken: Transcript, place: int, waiting: Sequence[Held]
) -> list[tuple[Turn, Held | None]]:
    """The turns of the held speeches that come next in the round, now that one was said."""
    seats = [name for name, _ in match.seats]
    kept = {(one.place, one.seat, one.kind): one for one in waiting}
    made: list[tuple[Turn, Held | None]] = []
    while True:
        at, slots = pending(match.protocol, spoken, seats)
        one = kept.get((at, slots[0].seat, slots[0].kind)) if slots and at == place else None
        if one is None:
            return made
        turn = _placed(match, spoken, slots[0], one)
        made.append((turn, one))
        spoken = (*spoken, turn)


def _placed(match: Match, spoken: Transcript, slot: Slot, one: Held) -> Turn:
    passage = match.question.passage if one.seat in match.protocol.passage_to else None
    style = match.protocol.quotes if one.seat in match.protocol.passage_to else "none"
    speech = Speech(one.text, quotes=quotes.anchor(one.text, passage, style), side=one.side,
                    stop=one.stop)  # fmt: skip
    return append(match, spoken, one.place, slot, speech, one.person, seen=one.seen,
                  origin="person", at=one.at)  # fmt: skip


def _statements(
    store: Store,
    match: Match,
    before: Transcript,
    row: tuple[Any, ...],
    made: Sequence[tuple[Turn, Held | None]],
    now: float,
    seat: str,
    person: str,
) -> dict[str, Sequence[tuple[Any, ...]]]:
    placed = [
        event("placed", None, now, match.id, turn.id, {"speech": one.event})
        for turn, one in made
        if one is not None
    ]
    after = (*before, *(turn for turn, _ in made))
    _, slots = pending(match.protocol, after, [name for name, _ in match.seats])
    batch = Batch(turns=[(match, turn) for turn, _ in made])
    if not slots:
        batch.played = [match.id]
    statements: dict[str, Sequence[tuple[Any, ...]]] = {
        EVENT: [row, *placed],
        UNLESS_CLOSED: [(match.id, seat, person)],
        **rows(batch),
        CLEAR: [("speech", person, match.id)],
        PROLONG: prolong_row(match, person, now, seat=seat),
    }
    if not slots or slots[0].kind == "verdict":
        statements[_OVER] = [(match.id, JUDGE)]
    return statements
