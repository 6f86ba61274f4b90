"""What was said in a run's matches, as counts: one pass over their turns, of which no text is read.

Of each speaking seat: who spoke, how much, how often it quoted; of a match: the rounds in which
something was said, and the sides that speakers chose. A speech that forfeited its limits is shown
to nobody and counts for a round alone.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from arena.store import Store, StoreError

_TURNS = """
SELECT match_turns.match, t.place, match_turns.rowid, t.seat, t.kind, t.author, t.at, s.side,
  s.status, length(s.text), s.quotes
FROM match_turns JOIN turns AS t ON t.id = turn LEFT JOIN speeches AS s ON s.id = t.speech
WHERE match_turns.match IN (SELECT match FROM run_matches WHERE run = ?)
  AND t.kind != 'verdict' AND t.origin != 'candidate'
ORDER BY match_turns.match
"""
_LEAVES = """
SELECT mt.match, t.id, t.place, p.place AS after, t.kind, t.author, t.mode, t.origin, t.listing,
  t.status, t.choice, t.elicited, t.choice_logprobs
FROM match_turns AS mt JOIN turns AS t ON t.id = mt.turn LEFT JOIN turns AS p ON p.id = t.parent
WHERE mt.match IN (SELECT match FROM run_matches WHERE run = ?)
  AND t.kind IN ('belief', 'verdict') AND EXISTS (SELECT 1 FROM match_turns AS b
    JOIN turns AS bt ON bt.id = b.turn WHERE b.match = mt.match AND bt.kind = 'belief')
  AND NOT EXISTS (SELECT 1 FROM events WHERE events.turn = t.id AND events.match = mt.match
    AND events.kind = 'withdrawn')
ORDER BY mt.match, t.place, mt.rowid
"""
_SPOKEN = frozenset({"speech", "answer", "critique"})


@dataclass(slots=True)
class Spoke:
    """One seat of a match: its speeches, counted. ``cut`` are those that did not end as they
    should; ``ahead`` are the rounds in which it submitted before the other seat, less those in
    which it came later, where times are stored; ``timed`` are all such rounds."""

    author: str
    turns: int = 0
    characters: int = 0
    quotes: int = 0
    unverified: int = 0
    cut: int = 0
    ahead: int = 0
    timed: int = 0


@dataclass(slots=True)
class Spoken:
    """A match: the places of its rounds, and of those in which something was said (a speech may be
    empty), its seats, sides that speakers chose, and the answer on trial that a proposer chose."""

    places: tuple[int, ...] = ()
    rounds: tuple[int, ...] = ()
    seats: dict[str, Spoke] = field(default_factory=dict)
    chosen: dict[str, int] | None = None
    answered: int | None = None

    def after(self, place: int | None) -> int:
        """How many rounds had gone by after the turn at ``place``; None: after nothing."""
        return 0 if place is None else bisect_right(self.places, place)


NOTHING = Spoken()
"""Of a match in which nobody has spoken."""


@dataclass(slots=True)
class Leaf:
    """A belief or verdict on the way: after how many rounds, and what was reported."""

    turn: str
    round: int
    row: dict[str, Any]


def rows(store: Store, sql: str, *values: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a query as tuples, for passes over every turn of a run."""
    try:
        return iter(store.conn.execute(sql, values))
    except sqlite3.OperationalError as error:
        raise StoreError(f"store {store.path or 'in memory'}: {error}") from error


def spoken(store: Store, run: str) -> tuple[dict[str, Spoken], bool]:
    """What was said in each match of the run, and whether any judge reported a belief."""
    found: dict[str, Spoken] = {}
    held: list[tuple[Any, ...]] = []
    beliefs, at = False, None
    for row in rows(store, _TURNS, run):
        if row[0] != at:
            if held:
                _take(found, held)
            at, held = row[0], []
        if row[4] == "belief":
            beliefs = True
        else:
            held.append(row)
    if held:
        _take(found, held)
    return found, beliefs


def _take(found: dict[str, Spoken], turns: list[tuple[Any, ...]]) -> None:
    """Count the turns of one match, which come in any order."""
    turns.sort(key=_order)
    one = found[turns[0][0]] = Spoken()
    places: set[int] = set()
    empty: set[int] = set()
    times: dict[int, list[tuple[float, str]]] = {}
    for _, place, _, seat, kind, author, when, side, status, length, quotes in turns:
        spoke = one.seats.get(seat)
        if spoke is None:
            spoke = one.seats[seat] = Spoke(author)
        if side is not None:
            if one.chosen is None:
                one.chosen = {}
            one.chosen.setdefault(seat, side)
            if kind == "answer" and one.answered is None:
                one.answered = side
        if kind not in _SPOKEN:
            continue
        (places if length else empty).add(place)
        spoke.turns += 1
        if status != "ok":
            spoke.cut += 1
        if status == "over limit":
            continue
        spoke.characters += length or 0
        if quotes and quotes != "[]":
            unverified = quotes.count("null")  # [[begin, end, [start, stop] | null], ...]
            spoke.unverified += unverified
            spoke.quotes += unverified + (quotes.count("[") - 1 - unverified) // 2
        if when is not None:
            times.setdefault(place, []).append((when, seat))
    one.rounds = one.places = tuple(sorted(places))
    if empty - places:
        one.places = tuple(sorted(places | empty))
    for given in times.values():
        if len(given) == 2 and given[0][0] != given[1][0]:
            (_, early), (_, late) = sorted(given)
            one.seats[early].ahead += 1
            one.seats[late].ahead -= 1
            one.seats[early].timed += 1
            one.seats[late].timed += 1


def _order(turn: tuple[Any, ...]) -> tuple[int, int]:
    return turn[1], turn[2]


def leaves(store: Store, run: str, said: dict[str, Spoken]) -> dict[str, list[Leaf]]:
    """The beliefs and verdicts that stand, in order, of each match that has beliefs."""
    found: dict[str, list[Leaf]] = {}
    for row in store.query(_LEAVES, run):
        match = row["match"]
        after = said.get(match, NOTHING).after(row["after"])
        found.setdefault(match, []).append(Leaf(row["id"], after, row))
    return found
