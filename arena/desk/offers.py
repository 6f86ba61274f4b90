"""What the open queue offers: finished debates that somebody could read, and has no place at yet.

There may be tens of thousands, all in one state and none of them begun. So they are counted by the
store where only their number is asked for, and come as four values each where their order is: for
everything else that a person has or could do there is `arena.desk.standing`.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from arena.desk.standing import PLAIN, Past, open_queue
from arena.ids import derive_seed
from arena.protocols import JUDGE
from arena.store import Store
from arena.twins import twins

OFFERS_OF_ALL, OFFERS_OF_RUN = open_queue("m.id, m.question, RUN AS run", PLAIN)
_BARRED = " AND m.question NOT IN (SELECT wanted.value FROM json_each(?5) AS wanted)"
COUNT_OF_ALL, COUNT_OF_RUN = (one + _BARRED for one in open_queue("count(*) AS n", PLAIN))
ABOUT = (
    "SELECT q.id, wanted.value AS story FROM json_each(?1) AS wanted "
    "CROSS JOIN questions AS q ON q.grp = wanted.value UNION ALL "
    "SELECT q.id, wanted.value FROM json_each(?1) AS wanted "
    "CROSS JOIN questions AS q ON q.id = wanted.value WHERE q.grp IS NULL"
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A debate that a person could read as a judge; ``known``: it has read about the story."""

    match: str
    run: str | None
    known: bool
    skips: int

    def order(self, person: str) -> tuple[Any, ...]:
        """Its place in the queue, as in `arena.desk.standing.order`."""
        return (True, False, self.skips, True, self.known, drawn(person, self.match))

    def row(self) -> dict[str, Any]:
        """What it is among the rows of `arena.desk.standing.standing`, as far as it can be taken
        up."""
        return {
            "match": self.match, "seat": JUDGE, "run": self.run, "kind": "judging",
            "listing": None, "state": "to do", "held": False,
        }  # fmt: skip


@lru_cache(maxsize=2**15)
def drawn(person: str, match: str) -> int:
    """Where a match comes in the order that is drawn for this person."""
    return derive_seed("queue", person, match)


def about(store: Store, stories: Collection[str]) -> dict[str, str]:
    """The story of each question about one of these, or one of its twins where it has none."""
    if not stories:
        return {}
    wanted = json.dumps(sorted(stories))
    found = {row["id"]: row["story"] for row in store.query(ABOUT, wanted)}
    for ids in twins(store).values():
        for one in ids if ids[0] in found else ():
            found.setdefault(one, found[ids[0]])
    return found


def count(store: Store, person: str, run: str | None, now: float, past: Past) -> int:
    """How many `offers` there are."""
    if not past.gives(run):
        return 0
    if run in past.plans or (run is None and past.plans):
        return len(offers(store, person, run, now, past))
    barred = json.dumps(sorted(_seen(store, past)))
    row = store.one(COUNT_OF_ALL if run is None else COUNT_OF_RUN, *past.given(now), run, barred)
    return 0 if row is None else int(row["n"])


def offers(store: Store, person: str, run: str | None, now: float, past: Past) -> list[Offer]:
    """The matches that are over, that this person could judge and has not, and at which it has no
    place; in no order."""
    if not past.gives(run):
        return []
    sql, values = OFFERS_OF_ALL, past.given(now)
    if run is not None:
        sql, values = OFFERS_OF_RUN, (*values, run)
    read, seen = about(store, past.groups), _seen(store, past)
    barred = {name: _barred(store, past, name) for name in past.plans}
    found = []
    for match, question, of in store.conn.execute(sql, values).fetchall():
        story = read.get(question)
        known = story is not None and bool(past.groups[story] - {match})
        if question in seen:
            continue
        if of in barred and (known or not past.gives(of) or {match, question} & barred[of]):
            continue
        found.append(Offer(match, of, known, past.skips[match]))
    return found


def _seen(store: Store, past: Past) -> set[str]:
    """The questions of which this person has seen what a judge must not have seen."""
    return {*past.seen.questions, *about(store, past.seen.stories)}


def _barred(store: Store, past: Past, run: str) -> set[str]:
    """The matches and questions from which the run's plan keeps this person."""
    named = past.barred(run)
    return named | about(store, named).keys()
