"""What unfinished matches wait for, seen from a person's seat in each: one query for all of them.

`arena.desk.chairs` says the same of one match, with all that is needed to sit down.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from arena.match import PERSON
from arena.protocols import JUDGE, Slot, pending
from arena.store import Store
from arena.turns import LEAF_KINDS, Speech, Turn

Turned = Literal[
    "to do", "in progress", "waiting for your question", "waiting for your speech",
    "waiting on a debater", "waiting on the judge", "done",
]  # fmt: skip

SAID = (
    "SELECT mt.match, t.place, t.seat, t.kind, t.author, s.stop FROM json_each(?) AS wanted "
    "CROSS JOIN match_turns AS mt ON mt.match = wanted.value JOIN turns AS t ON t.id = mt.turn "
    "LEFT JOIN speeches AS s ON s.id = t.speech WHERE t.origin <> 'candidate' "
    "AND (t.speech NOT NULL OR t.mode = 'live') AND NOT EXISTS (SELECT 1 FROM events AS e "
    "WHERE e.turn = t.id AND e.match = mt.match AND e.kind = 'withdrawn')"
)
_EARLY = (
    "SELECT match, json_extract(value, '$.seat') AS seat, json_extract(value, '$.place') AS place "
    "FROM events WHERE person = ? AND kind = 'speech' AND turn IS NULL"
)
_GONE = (
    "SELECT a.match, a.seat, a.holder FROM json_each(?) AS wanted CROSS JOIN assignments AS a "
    "ON a.match = wanted.value WHERE a.closed NOT NULL"
)


class _Said(NamedTuple):
    """What `pending` reads of a turn."""

    place: int
    seat: str
    kind: str
    author: str
    said: Speech | None


_PLAIN, _STOPS = Speech(""), Speech("", stop=True)


def whose_turn(
    store: Store, rows: Iterable[Mapping[str, Any]], person: str
) -> dict[tuple[str, str], Turned]:
    """How the unfinished ones of these matches stand for this person, by match and seat.

    Rows have ``match``, ``seat``, ``seats``, ``protocol`` and ``played``. ``to do``: the chair is
    empty and its first turn is due; ``in progress``: this person has begun to fill it.
    """
    live = [row for row in rows if not row["played"]]
    if not live:
        return {}
    wanted = json.dumps(sorted({row["match"] for row in live}))
    said: dict[str, list[_Said]] = {}
    for turn in store.query(SAID, wanted):
        speech = None if turn["kind"] in LEAF_KINDS else _STOPS if turn["stop"] else _PLAIN
        said.setdefault(turn["match"], []).append(
            _Said(turn["place"], turn["seat"], turn["kind"], turn["author"], speech)
        )
    early = {(row["match"], row["seat"], row["place"]) for row in store.query(_EARLY, person)}
    gone = {(row["match"], row["seat"], row["holder"]) for row in store.query(_GONE, wanted)}
    rules = {key: store.protocol(key) for key in {row["protocol"] for row in live}}
    found: dict[tuple[str, str], Turned] = {}
    for row in live:
        match, seat, seats = row["match"], row["seat"], dict(json.loads(row["seats"]))
        turns = said.get(match, [])
        place, slots = pending(
            rules[row["protocol"]], typing.cast("list[Turn]", turns), list(seats)
        )
        begun = {t.author for t in turns if t.seat == seat and (match, seat, t.author) not in gone}
        spoken = (match, seat, place) in early
        slot = None if begun - {person} or spoken else _slot(slots, seat, seats)
        found[match, seat] = _turned(slot, slots, seat, person in begun, bool(begun - {person}))
    return found


def _slot(slots: tuple[Slot, ...], seat: str, seats: Mapping[str, str]) -> Slot | None:
    """The slot that a person in this seat can fill now. Turns of a round are chained in seat order:
    only other people's speeches may come before it."""
    if seats.get(seat) != PERSON:
        return None
    for slot in slots:
        if slot.seat == seat:
            return slot
        if seat == JUDGE or slot.seat == JUDGE or seats.get(slot.seat) != PERSON:
            return None
    return None


def _turned(
    slot: Slot | None, slots: tuple[Slot, ...], seat: str, begun: bool, taken: bool
) -> Turned:
    if slot is None:
        if seat != JUDGE and slots and all(one.kind == "verdict" for one in slots):
            return "done"  # nothing is left to say
        judge_next = bool(slots) and slots[0].seat == JUDGE
        return "waiting on the judge" if judge_next or (seat == JUDGE and taken) else (
            "waiting on a debater"
        )  # fmt: skip
    if slot.kind == "question":
        return "waiting for your question"
    if slot.kind not in LEAF_KINDS:
        return "waiting for your speech" if begun else "to do"
    return "in progress" if begun else "to do"
