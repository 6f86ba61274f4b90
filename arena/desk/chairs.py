"""The chair that a person's next turn fills, and what it shows whoever sits there.

A person reads a finished path as any judge without a seat does, or fills a chair that the match
keeps for a person: the judge's, or a debater's. Nothing here reads ground truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from arena.desk.fork import shared_turns
from arena.desk.settling import unsettled
from arena.ids import derive_seed
from arena.match import PERSON, Match, Transcript, View, view
from arena.play import path
from arena.protocols import JUDGE, Slot, pending, verdict_slot
from arena.store import Store
from arena.turns import LEAF_KINDS, Mode, Turn

MAX_TEXT = 20_000
"""Characters of anything that a person writes, where nothing allows fewer."""
_FILLED = LEAF_KINDS | {"question"}  # the kinds of slot that a person in the judge's chair fills


class PersonError(Exception):
    """An act that cannot be recorded; the message is one line of our own words, for the page."""


@dataclass(frozen=True, slots=True)
class Chair:
    """Where a person's next turn goes: what was said, and the slot that it fills.

    ``place`` is None for a reader, who judges after the end; else a chair of the match is empty
    there. ``reads`` is how a reader reads. ``order`` is the listing of the options that this person
    is shown; None where it is drawn (a judge) or canonical (a debater).
    """

    transcript: Transcript
    slot: Slot
    place: int | None
    reads: Mode = "whole"
    order: tuple[int, ...] | None = None

    @property
    def mode(self) -> Mode:
        """Whether the person sits in the match or reads it afterwards."""
        return self.reads if self.place is None else "live"


@dataclass(frozen=True, slots=True)
class Held:
    """A speech of a simultaneous round that waits for the seats before it: turns of a round are
    chained in seat order, and this one has come early. It is as durable as any."""

    event: int
    person: str
    seat: str
    kind: str
    place: int
    text: str
    side: int | None
    stop: bool
    seen: str
    at: float


def held(store: Store, match: Match, transcript: Sequence[Turn]) -> list[Held]:
    """The speeches of the match that are kept and not yet in its transcript."""
    there = {(turn.place, turn.seat, turn.kind) for turn in transcript}
    sql = (
        "SELECT id, person, at, value FROM events WHERE match = ? AND kind = 'speech' "
        "AND turn IS NULL ORDER BY id"
    )
    found = [
        Held(row["id"], row["person"], at=row["at"], **json.loads(row["value"]))
        for row in store.query(sql, match.id)
    ]
    return [one for one in found if (one.place, one.seat, one.kind) not in there]


@dataclass(frozen=True, slots=True)
class Scene:
    """What the store has of a match: its transcript, the speeches that are held, and the places at
    it (`standings`). The first ``shared`` turns of a fork are those of another match, and nobody
    holds a chair of this one by having spoken there."""

    transcript: Transcript
    held: tuple[Held, ...]
    places: tuple[dict[str, Any], ...]
    shared: int = 0

    @property
    def own(self) -> Transcript:
        """The turns that were made in this match."""
        return self.transcript[self.shared :]

    def seat(self, match: Match, person: str) -> str:
        """The seat that a person has in the match: a debater's that it has begun to fill or that is
        kept for it, else the judge's, in which anybody reads."""
        debaters = match.protocol.speakers
        begun = [t.seat for t in self.own if t.author == person and t.seat in debaters]
        begun += [one.seat for one in self.held if one.person == person]
        kept = [
            row["seat"]
            for row in self.places
            if row["holder"] == person and row["seat"] in debaters and row["closed"] is None
        ]
        return next(iter((*begun, *kept)), JUDGE)

    @property
    def gone(self) -> set[tuple[str, str]]:
        """Who has left which seat: who recused itself, or was taken off by an admin."""
        return {(row["seat"], row["holder"]) for row in self.places if row["closed"] is not None}


def standings(store: Store, match: Match) -> list[dict[str, Any]]:
    """Who has or had a place at the match: rows of ``assignments``."""
    sql = (
        "SELECT seat, holder, until, done, closed, listing, made_by FROM assignments "
        "WHERE match = ?"
    )
    return list(store.query(sql, match.id))


def look(store: Store, match: Match) -> Scene:
    """How a match stands."""
    spoken = store.transcript(match)
    waiting, places = tuple(held(store, match, spoken)), tuple(standings(store, match))
    return Scene(spoken, waiting, places, shared_turns(store, match.id))


def seat_of(store: Store, match: Match, person: str) -> str:
    """The seat that this person has in the match (`Scene.seat`)."""
    return look(store, match).seat(match, person)


def chair(
    store: Store,
    match: Match,
    person: str,
    seat: str | None = None,
    scene: Scene | None = None,
) -> Chair | None:
    """Where this person's next turn in ``match`` would go; None where there is no place for it now.

    ``seat`` asks for a debater's chair that is nobody's yet; else it is the person's own seat. A
    chair that one person has begun to fill is that person's until the match is over; who recused
    itself has none in this match any more, and who debates does not judge. ``scene`` is what the
    caller has looked up already.
    """
    scene = look(store, match) if scene is None else scene
    own = scene.seat(match, person)
    wanted = own if seat is None else seat
    mine = [row for row in scene.places if row["holder"] == person and row["closed"] is not None]
    recused = any(row["closed"] == "recused" or row["seat"] == wanted for row in mine)
    if recused or own not in (JUDGE, wanted):
        return None
    if wanted == JUDGE:
        return _judges(store, match, person, scene)
    return _debaters(match, person, wanted, scene)


def _debaters(match: Match, person: str, seat: str, scene: Scene) -> Chair | None:
    """The empty chair of a debater, if this person may fill it now."""
    spoken, seats = scene.transcript, dict(match.seats)
    asked = any(turn.seat == JUDGE and turn.author == person for turn in scene.own)
    now = time.time()
    judges = any(
        (row["seat"], row["holder"]) == (JUDGE, person)
        and (row["made_by"] is not None or row["until"] > now or row["done"])
        for row in scene.places
    )
    if seats.get(seat) != PERSON or asked or judges:
        return None
    kept = {
        row["holder"]
        for row in scene.places
        if row["seat"] == seat
        and row["closed"] is None
        and (row["made_by"] is not None or (row["until"] > now and not row["done"]))
    }
    begun = {(turn.seat, turn.author) for turn in scene.own}
    begun |= {(one.seat, one.person) for one in scene.held}
    if (kept | {who for at, who in begun - scene.gone if at == seat}) - {person}:
        return None
    place, slots = pending(match.protocol, spoken, list(seats))
    for slot in slots:
        if slot.seat == seat:
            early = any(one.seat == seat and one.place == place for one in scene.held)
            return None if early else Chair(spoken, slot, place)
        if slot.seat == JUDGE or seats.get(slot.seat) != PERSON:
            return None  # only a person's speech is waited for: whoever writes it places this one
    return None


def given_order(rows: Sequence[dict[str, Any]], person: str) -> tuple[int, ...] | None:
    """The listing of options that a person's place at the match prescribes, if it does."""
    own = (row for row in rows if (row["seat"], row["holder"]) == (JUDGE, person))
    return next((tuple(json.loads(row["listing"])) for row in own if row["listing"]), None)


def _judges(store: Store, match: Match, person: str, scene: Scene) -> Chair | None:
    """The judge's chair, or a reader's."""
    spoken, order = scene.transcript, given_order(scene.places, person)
    found = store.one("SELECT played FROM matches WHERE id = ?", match.id)
    if found is not None and found["played"]:
        seated = dict(match.seats).get(JUDGE) == PERSON
        if seated and unsettled(store, [match.id], time.time(), person):
            return None  # it may go on yet
        return Chair(path(spoken), verdict_slot(match.protocol), None, order=order)
    if dict(match.seats).get(JUDGE) != PERSON:
        return None
    place, slots = pending(match.protocol, spoken, [seat for seat, _ in match.seats])
    begun = {(JUDGE, turn.author) for turn in scene.own if turn.seat == JUDGE}
    others = begun - scene.gone - {(JUDGE, person)}
    if not slots or slots[0].seat != JUDGE or slots[0].kind not in _FILLED or others:
        return None
    return Chair(spoken, slots[0], place, order=order)


def listing(match: Match, person: str) -> tuple[int, ...]:
    """The order in which this person is shown the options of this match."""
    options = range(len(match.options))
    return tuple(sorted(options, key=lambda i: derive_seed("order", person, match.id, i)))


def page_view(match: Match, transcript: Transcript, person: str, at: Chair | None = None) -> View:
    """What this person may know of the match in its chair (None: as a reader).

    A judge sees the path alone, no one's beliefs or verdicts; a debater what its seat sees.
    """
    slot = verdict_slot(match.protocol) if at is None else at.slot
    place = None if at is None else at.place
    if slot.seat != JUDGE:
        return view(match, transcript, slot, place)
    order = None if at is None else at.order
    return view(match, path(transcript), slot, place, order or listing(match, person))


def waiting_view(match: Match, transcript: Transcript, seat: str) -> View:
    """What a debater's seat may know while it is not its turn, and after the end."""
    place, slots = pending(match.protocol, transcript, [name for name, _ in match.seats])
    after = 1 + max((turn.place for turn in transcript), default=-1)
    return view(match, transcript, Slot(seat), place if slots else after)


def as_shown(seen: View, shown: str | None) -> View:
    """The view, where it is still the one that the person has read."""
    if shown is not None and shown != seen.digest:
        raise PersonError("This debate has gone on since this page was drawn: reload and read it.")
    return seen


def written(text: str, what: str, limit: int | None = None, needed: bool = True) -> str:
    """What a person wrote, without white space around it, as it is kept.

    Raises PersonError where it is longer than ``limit`` characters or, where it is ``needed``,
    empty. Half a surrogate pair, which no file can hold, becomes U+FFFD.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    most = MAX_TEXT if limit is None else limit
    if len(text) > most:
        raise PersonError(f"{what} has up to {most} characters; yours has {len(text)}.")
    if needed and not text:
        raise PersonError(f"{what} is empty: write something first.")
    return text
