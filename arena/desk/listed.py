"""A person's queue as it is shown: its rows in the order in which they come, and how many there are
in each state. A page is told of a row what is the same whatever the row is for."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from arena.desk import offers
from arena.desk.offers import Offer
from arena.desk.standing import (
    READY,
    STATES,
    Past,
    State,
    assignment_id,
    order,
    plans,
    standing,
)
from arena.protocols import JUDGE
from arena.store import Store

OVER: frozenset[State] = frozenset({"done", "recused"})
"""The states of a row that nothing comes after."""
LENGTHS = (
    "SELECT mt.match, sum(length(s.text)) AS length, count(DISTINCT t.place) AS rounds "
    "FROM json_each(?) AS wanted CROSS JOIN match_turns AS mt ON mt.match = wanted.value "
    "JOIN turns AS t ON t.id = mt.turn JOIN speeches AS s ON s.id = t.speech "
    "WHERE t.origin <> 'candidate' AND s.status <> 'over limit' GROUP BY mt.match"
)
NAMES = (
    "SELECT m.id, p.name FROM json_each(?) AS wanted CROSS JOIN matches AS m "
    "ON m.id = wanted.value JOIN protocols AS p ON p.id = m.protocol"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a person's queue. ``length`` is in characters of what can be read, ``deadline`` in
    seconds since 1970; ``position`` counts from 1 in the order in which the rows come. ``match`` is
    for the server: a page is given ``id``."""

    id: str
    match: str
    seat: str
    run: str | None
    state: State
    protocol: str
    rounds: int
    length: int
    position: int
    deadline: float | None
    practice: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """A queue, or the beginning of it. ``counts`` are of all of it, by state; ``runs`` are all of
    its runs. ``rows`` are what comes first of what is not over, and of what is; where they are not
    all, ``left_out`` says how many are not among them."""

    counts: dict[State, int]
    runs: list[str]
    rows: list[Row]
    left_out: int

    @property
    def ready(self) -> int:
        """How many this person could go on with now."""
        return sum(self.counts[state] for state in READY)


def overview(
    store: Store,
    person: str,
    run: str | None = None,
    now: float | None = None,
    limit: int | None = None,
    offered: bool = True,
) -> Overview:
    """Everything that this person has to do, waits for, or has done. ``limit``: at most so many
    rows of what is not over, and of what is. Without ``offered``, nothing of the finished debates
    that anybody could read (`arena.desk.offers`)."""
    now = time.time() if now is None else now
    past = Past(store, person)
    # What is open comes first: what another tab takes meanwhile is in both, and not in neither.
    free = offers.offers(store, person, run, now, past) if offered else []
    own = standing(store, person, run, now, past)
    there = {row["match"] for row in own}
    free = [one for one in free if one.match not in there]
    found = Counter(row["state"] for row in own)
    found["to do"] += len(free)
    runs = {row["run"] for row in own} | {one.run for one in free}
    all: list[tuple[tuple[Any, ...], Any]] = [(order(row, person), row) for row in own]
    all += [(one.order(person), one) for one in free]
    all.sort(key=lambda pair: pair[0])
    left = Counter[bool]()
    shown: list[tuple[int, Any]] = []
    for n, (_, one) in enumerate(all, start=1):
        over = not isinstance(one, Offer) and one["state"] in OVER
        if limit is None or left[over] < limit:
            shown.append((n, one))
        left[over] += 1
    return Overview(
        {state: found[state] for state in STATES},
        sorted(one for one in runs if one is not None),
        _rows(store, person, shown, now),
        len(all) - len(shown),
    )


def _rows(store: Store, person: str, shown: list[tuple[int, Any]], now: float) -> list[Row]:
    matches = {one.match if isinstance(one, Offer) else one["match"] for _, one in shown}
    wanted = json.dumps(sorted(matches))
    texts = {row["match"]: row for row in store.query(LENGTHS, wanted)}
    names = {row["id"]: row["name"] for row in store.query(NAMES, wanted)}

    def row(n: int, match: str, seat: str, run: str | None, state: State, until: float,
            kind: str) -> Row:  # fmt: skip
        text = texts.get(match, {"length": 0, "rounds": 0})
        held = state == "in progress" and until > now
        return Row(
            assignment_id(match, seat, person), match, seat, run, state, names[match],
            text["rounds"], text["length"], n, until if held else None, kind == "practice",
        )  # fmt: skip

    return [
        row(n, one.match, JUDGE, one.run, "to do", 0, "judging")
        if isinstance(one, Offer)
        else row(n, one["match"], one["seat"], one["run"], one["state"], one["until"], one["kind"])
        for n, one in shown
    ]


def queue(store: Store, person: str, run: str | None = None, now: float | None = None) -> list[Row]:
    """All rows of `overview`, in the order in which they come."""
    return overview(store, person, run, now).rows


def runs(store: Store, person: str, now: float | None = None) -> list[str]:
    """The runs in which this person has something to do, waits, or has done something."""
    now = time.time() if now is None else now
    past = Past(store, person)
    found = {one.run for one in offers.offers(store, person, None, now, past)}
    found |= {row["run"] for row in standing(store, person, None, now, past)}
    return sorted(one for one in found if one is not None)


def counts(
    store: Store, person: str, run: str | None = None, now: float | None = None
) -> dict[State, int]:
    """How many rows of the queue there are in each state."""
    now = time.time() if now is None else now
    past = Past(store, person)
    free = offers.count(store, person, run, now, past)
    found = Counter(row["state"] for row in standing(store, person, run, now, past))
    found["to do"] += free
    return {state: found[state] for state in STATES}


def progress(store: Store, person: str, run: str | None = None) -> tuple[int, int]:
    """How much this person has done, and how much it could do now."""
    found = counts(store, person, run)
    return found["done"], sum(found[state] for state in READY)


def progress_of_run(store: Store, run: str) -> tuple[int, int]:
    """How many judgments of a run have been given, and how many are wanted: as many for each match
    as its plan says, else one. What is given beyond that is not counted."""
    k = plans(store).get(run, {}).get("k", 1)
    row = store.one(
        "SELECT count(*) AS n, sum(min(?2, (SELECT count(DISTINCT v.author) FROM verdicts AS v "
        "WHERE v.match = rm.match AND v.origin = 'person'))) AS done "
        "FROM (SELECT DISTINCT match FROM run_matches WHERE run = ?1) AS rm",
        run, k,
    )  # fmt: skip
    return (0, 0) if row is None else (row["done"] or 0, k * row["n"])
