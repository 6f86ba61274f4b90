"""What there is to judge, and who holds it: the queries and leases under `arena.desk.acts`.

A lease is a row of ``assignments``: it keeps two people from reading the same match at once, and
runs out by itself.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from arena.batch import Batch
from arena.desk.chairs import chair
from arena.ids import derive_seed
from arena.match import PERSON, Match
from arena.protocols import JUDGE
from arena.store import Store

LEASE_SECONDS = 3600.0
RELEASE = "UPDATE assignments SET until = 0 WHERE match = ? AND seat = ? AND holder = ?"
DONE = "UPDATE assignments SET done = 1 WHERE match = ? AND seat = ? AND holder = ?"
# Nothing is written where another holds the match: whoever comes second finds no row of its own.
LEASE = (
    "INSERT INTO assignments (match, seat, holder, until, done) SELECT ?, ?, ?, ?, 0 "
    "WHERE NOT EXISTS (SELECT 1 FROM assignments "
    "WHERE match = ? AND seat = ? AND holder <> ? AND until > ? AND done = 0) "
    "ON CONFLICT (match, seat, holder) DO UPDATE SET until = excluded.until, done = 0"
)
# Matches to read: played ones, and those whose judge's chair is kept for a person. The empty
# chairs of an import were those of people who left it unfinished: nobody plays those on.
OPEN = (
    "SELECT m.id, coalesce(q.grp, q.id) AS grp, "
    "EXISTS (SELECT 1 FROM assignments AS a WHERE a.match = m.id AND a.seat = ?4 "
    "AND a.holder = ?1 AND a.until > ?3 AND a.done = 0) AS held, "
    "EXISTS (SELECT 1 FROM verdicts AS v WHERE v.match = m.id AND v.author = ?1) AS judged "
    "FROM matches AS m JOIN questions AS q ON q.id = m.question "
    "WHERE (?2 IS NULL OR m.id IN (SELECT match FROM run_matches WHERE run = ?2)) "
    "AND (m.played = 1 OR EXISTS (SELECT 1 FROM json_each(m.seats) AS s "
    "WHERE json_extract(s.value, '$[0]') = ?4 AND json_extract(s.value, '$[1]') = ?5) "
    "AND NOT EXISTS (SELECT 1 FROM run_matches AS rm JOIN runs AS r ON r.name = rm.run "
    "WHERE rm.match = m.id AND r.kind = 'import')) "
    "AND (judged OR NOT EXISTS (SELECT 1 FROM assignments AS a WHERE a.match = m.id "
    "AND a.seat = ?4 AND a.holder <> ?1 AND a.until > ?3 AND a.done = 0))"
)


def open_matches(store: Store, person: str, run: str | None, now: float) -> list[dict[str, Any]]:
    """The matches that this person has judged, and those that it could, for nobody else holds
    them."""
    return list(store.query(OPEN, person, run, now, JUDGE, PERSON))


def acts_of(store: Store, person: str) -> list[dict[str, Any]]:
    """What this person has judged, asked or skipped: a match, its group and the kind of act."""
    return list(
        store.query(
            "SELECT e.kind, e.match, coalesce(q.grp, q.id) AS grp FROM events AS e "
            "JOIN matches AS m ON m.id = e.match JOIN questions AS q ON q.id = m.question "
            "WHERE e.person = ? AND e.kind IN ('verdict', 'belief', 'question', 'skipped')",
            person,
        )
    )


def lease_row(match: Match, person: str, now: float, seconds: float) -> list[tuple[Any, ...]]:
    """What `LEASE` is given for this person, until ``seconds`` from now."""
    return [(match.id, JUDGE, person, now + seconds, match.id, JUDGE, person, now)]


def take(store: Store, match: Match, person: str, now: float, seconds: float) -> bool:
    """Hold the match, unless another person came first."""
    store.execute({LEASE: lease_row(match, person, now, seconds)}, full=True)
    row = store.one(
        "SELECT until FROM assignments WHERE match = ? AND seat = ? AND holder = ? AND done = 0",
        match.id, JUDGE, person,
    )  # fmt: skip
    if row is None or row["until"] <= now:
        return False
    store.write(Batch(events=[{"kind": "taken", "at": now, "match": match.id, "person": person}]))
    return True


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
        if chair(store, match, person) is None:
            continue
        if row["held"] or take(store, match, person, now, lease_seconds):
            return match
    return None


def progress(store: Store, person: str, run: str | None = None) -> tuple[int, int]:
    """How many matches this person has judged, and how many it could judge now."""
    found = open_matches(store, person, run, time.time())
    done = sum(row["judged"] for row in found)
    waiting = [row["id"] for row in found if not row["judged"]]
    played = {row["id"] for row in store.query("SELECT id FROM matches WHERE played = 1")}
    open_now = [k for k in waiting if k in played or chair(store, store.match(k), person)]
    return done, len(open_now)


def read_before(store: Store, match: Match, person: str) -> bool:
    """Whether this person has read another debate about the same story or question."""
    group = match.question.group or match.question.id
    return any(act["grp"] == group and act["match"] != match.id for act in acts_of(store, person))
