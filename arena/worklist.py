"""What there is to judge, and who holds it: the queries and leases under `arena.people`.

A lease is a row of ``assignments``: it keeps two people from reading the same match at once, and
runs out by itself.
"""

from __future__ import annotations

from typing import Any

from arena.batch import Batch
from arena.match import PERSON, Match
from arena.protocols import JUDGE
from arena.store import Store

RELEASE = "UPDATE assignments SET until = 0 WHERE match = ? AND seat = ? AND holder = ?"
DONE = "UPDATE assignments SET done = 1 WHERE match = ? AND seat = ? AND holder = ?"
# Nothing is written where another holds the match: whoever comes second finds no row of its own.
LEASE = (
    "INSERT INTO assignments SELECT ?, ?, ?, ?, 0 WHERE NOT EXISTS (SELECT 1 FROM assignments "
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
