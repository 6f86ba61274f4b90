"""The chair that a person's next turn fills, and what it shows whoever sits there.

A person reads a finished path as any judge without a seat does, or fills the judge's empty chair
of a match that waits for one. Nothing here reads ground truth.
"""

from __future__ import annotations

from dataclasses import dataclass

from arena.ids import derive_seed
from arena.match import PERSON, Match, Transcript, View, view
from arena.play import path
from arena.protocols import JUDGE, Slot, pending, verdict_slot
from arena.store import Store
from arena.turns import LEAF_KINDS, Mode

_FILLED = LEAF_KINDS | {"question"}  # the kinds of slot that a person in the judge's chair fills


class PersonError(Exception):
    """An act that cannot be recorded; the message is one line of our own words, for the page."""


@dataclass(frozen=True, slots=True)
class Chair:
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


def chair(store: Store, match: Match, person: str) -> Chair | None:
    """Where this person's next turn in ``match`` would go; None where there is no place for it now.

    A chair that one person has begun to fill is that person's until the match is over.
    """
    seated = store.transcript(match)
    row = store.one("SELECT played FROM matches WHERE id = ?", match.id)
    if row is not None and row["played"]:
        return Chair(path(seated), verdict_slot(match.protocol), None)
    if dict(match.seats).get(JUDGE) != PERSON:
        return None
    place, slots = pending(match.protocol, seated, [seat for seat, _ in match.seats])
    others = any(turn.seat == JUDGE and turn.author != person for turn in seated)
    if not slots or slots[0].seat != JUDGE or slots[0].kind not in _FILLED or others:
        return None
    return Chair(seated, slots[0], place)


def listing(match: Match, person: str) -> tuple[int, ...]:
    """The order in which this person is shown the options of this match."""
    options = range(len(match.options))
    return tuple(sorted(options, key=lambda i: derive_seed("order", person, match.id, i)))


def page_view(match: Match, transcript: Transcript, person: str, at: Chair | None = None) -> View:
    """What this person may know of the match: the path alone, no one's beliefs or verdicts."""
    slot = verdict_slot(match.protocol) if at is None else at.slot
    place = None if at is None else at.place
    return view(match, path(transcript), slot, place, listing(match, person))


def as_shown(seen: View, shown: str | None) -> View:
    """The view, where it is still the one that the person has read."""
    if shown is not None and shown != seen.digest:
        raise PersonError("This debate has gone on since this page was drawn: reload and read it.")
    return seen
