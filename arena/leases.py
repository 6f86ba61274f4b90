"""Turns that machines owe to matches with people in them: which there are, and who plays them.

A person has asked, or has spoken in a debater's chair, and the rest of the cast is to go on.
Whoever plays that holds the match by a lease, a row of ``assignments`` that runs out by itself, so
that two workers do not play one match at once and a killed one blocks nobody. What went wrong, and
the wish to have it tried again, are events. Nothing here reads ground truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from arena.desk.events import EVENT, EVENT_ONCE, event
from arena.desk.settling import unsettled
from arena.ids import canonical
from arena.match import PERSON, Match, Transcript
from arena.participants import describe
from arena.protocols import JUDGE, Slot, pending, round_at
from arena.runner import Listings, orders
from arena.store import Store

LEASE_SECONDS = 15.0
"""How long a worker that is silent keeps a match from others."""
AGAIN = (2.0, 20.0)
"""Seconds after which what went wrong is tried again by itself; then somebody has to ask for it."""
KINDS = ("play", "tournament", "study", "fork")
"""The runs whose matches are played on. An import's empty chairs stay empty, and a training run
plays its own matches."""

_MACHINES = "machines"  # the seat and the kind of a lease: it is on the match, not on a chair
_OWN = f"match = ?1 AND kind = '{_MACHINES}' AND holder = ?2"
_OTHERS = f"match = ?1 AND kind = '{_MACHINES}' AND holder <> ?2"
_LAPSED = f"DELETE FROM assignments WHERE {_OTHERS} AND until <= ?3"
_CLAIM = (
    "INSERT INTO assignments (match, seat, holder, until, done, kind, made_at) "
    f"SELECT ?1, '{_MACHINES}', ?2, ?4, 0, '{_MACHINES}', ?3 "
    f"WHERE NOT EXISTS (SELECT 1 FROM assignments WHERE {_OTHERS}) "
    "ON CONFLICT (match, seat, holder) DO UPDATE "
    "SET until = excluded.until, made_at = excluded.made_at"
)
_RENEW = f"UPDATE assignments SET until = max(until, ?3) WHERE {_OWN}"
_RELEASE = f"DELETE FROM assignments WHERE {_OWN}"


# ---------------------------------------------------------------------------------------------
# Leases.


def claim(store: Store, match: str, worker: str, now: float, seconds: float) -> bool:
    """Hold a match for ``seconds``, unless another worker does."""
    return store.execute(
        {_LAPSED: [(match, worker, now)], _CLAIM: [(match, worker, now, now + seconds)]}
    )[_CLAIM] > 0  # fmt: skip


def renew(store: Store, matches: Iterable[str], worker: str, until: float) -> None:
    """Go on holding matches, those that this worker still holds."""
    store.execute({_RENEW: [(match, worker, until) for match in matches]})


def release(store: Store, matches: Iterable[str], worker: str) -> None:
    """Give matches back."""
    store.execute({_RELEASE: [(match, worker) for match in matches]})


def held(store: Store) -> dict[str, float]:
    """Every match that a worker holds, and until when; one in the past is a worker's that died."""
    sql = "SELECT match, max(until) AS until FROM assignments WHERE kind = ? GROUP BY match"
    return {row["match"]: row["until"] for row in store.query(sql, _MACHINES)}


# ---------------------------------------------------------------------------------------------
# What machines owe.


@dataclass(frozen=True, slots=True)
class Claimed:
    """A match as a run claims it: the judges without a seat that read it, and their listings."""

    run: str
    match: str
    judges: tuple[str, ...]
    listings: Listings


@dataclass(frozen=True, slots=True)
class Failure:
    """The last attempt to play a match on came to nothing: what went wrong, in one line, when, and
    when it is tried again by itself (None: when somebody asks for it)."""

    event: int
    at: float
    seat: str
    line: str
    again: float | None


@dataclass(frozen=True, slots=True)
class Due:
    """What machines owe to a match: a turn at each of ``seats``, or nothing but its judges'
    verdicts; ``after`` is the turn that is followed. Before ``opens`` (seconds since 1970) nobody
    reads it, as a person who judges from its chair may yet go on."""

    claimed: Claimed
    match: Match
    seats: tuple[str, ...]
    after: str
    failure: Failure | None
    opens: float = 0.0


_CLAIMED = (
    "SELECT rm.run, rm.match, rm.labels, r.kind, coalesce(json_extract(rm.labels, '$.listings'), "
    "json_extract(r.config, '$.' || r.kind || '.listings')) AS listings "
    "FROM runs AS r JOIN run_matches AS rm ON rm.run = r.name "
    "JOIN matches AS m ON m.id = rm.match "
    f"WHERE r.kind IN ({','.join(map(repr, KINDS))}) AND (?1 IS NULL OR r.name = ?1) "
    "AND (r.kind = 'fork' OR EXISTS (SELECT 1 FROM json_each(m.seats) AS s "
    f"WHERE json_extract(s.value, '$[1]') = '{PERSON}')) "
    "AND NOT EXISTS (SELECT 1 FROM run_matches AS i JOIN runs AS o ON o.name = i.run "
    "WHERE i.match = m.id AND o.kind = 'import') ORDER BY r.created_at, rm.position"
)


def claimed(store: Store, run: str | None = None) -> Iterator[Claimed]:
    """The matches that machines and people play together, and forks, as their runs claim them.

    The rest of a run is played by the command that began it.
    """
    for row in store.query(_CLAIMED, run):
        judges = json.loads(row["labels"]).get("judges", ())
        listings: Listings = row["listings"] or (
            "both" if row["kind"] == "tournament" else "listed"
        )
        yield Claimed(row["run"], row["match"], tuple(judges), listings)


def due(store: Store, one: Claimed) -> Due | None:
    """What machines owe to a match now; None where it waits for a person, or is over and read."""
    match = store.match(one.match)
    transcript = store.transcript(match)
    after = transcript[-1].id if transcript else match.root
    _, slots = pending(match.protocol, transcript, [seat for seat, _ in match.seats])
    authors = dict(match.seats)
    if slots and authors[slots[0].seat] == PERSON:
        return None
    if not slots and not _unread(store, one, match):
        return None
    seats = tuple(slot.seat for slot in slots if authors[slot.seat] != PERSON)
    opens = 0.0 if slots else unsettled(store, [one.match], time.time()).get(one.match, 0.0)
    return Due(one, match, seats, after, failure(store, one.match, after), opens)


def _unread(store: Store, one: Claimed, match: Match) -> bool:
    """Whether a match that has ended is not yet marked so, or lacks a machine judge's verdict."""
    row = store.one("SELECT played FROM matches WHERE id = ?", one.match)
    if row is not None and not row["played"]:
        return True
    sql = "SELECT author, listing FROM verdicts WHERE match = ? AND origin != 'person'"
    there = {(row["author"], row["listing"]) for row in store.query(sql, one.match)}
    return any(
        (judge, canonical(order)) not in there
        for judge in one.judges
        if judge != PERSON
        for order in orders(match, one.listings)
    )


def empty_chairs(store: Store, run: str | None = None) -> list[tuple[str, str]]:
    """The matches of `claimed` that wait for people, and at which seats."""
    found: dict[tuple[str, str], None] = {}
    for one in claimed(store, run):
        match = store.match(one.match)
        authors = dict(match.seats)
        _, slots = pending(match.protocol, store.transcript(match), list(authors))
        found.update(dict.fromkeys((one.match, s.seat) for s in slots if authors[s.seat] == PERSON))
    return list(found)


# ---------------------------------------------------------------------------------------------
# What goes wrong.

_FAILED = (
    "SELECT id, at, value FROM events WHERE match = ?1 AND kind = 'failed' "
    "AND json_extract(value, '$.after') = ?2 AND id > coalesce("
    "(SELECT max(id) FROM events WHERE match = ?1 AND kind = 'retry'), 0) ORDER BY id"
)


def failure(store: Store, match: str, after: str) -> Failure | None:
    """What went wrong with the turn after ``after``, if nobody has asked for it again since."""
    found = list(store.query(_FAILED, match, after))
    if not found:
        return None
    value = json.loads(found[-1]["value"])
    again = None
    if value["passing"] and len(found) <= len(AGAIN):
        again = found[-1]["at"] + AGAIN[len(found) - 1]
    return Failure(found[-1]["id"], found[-1]["at"], value["seat"], value["line"], again)


def failed(store: Store, one: Due, line: str, passing: bool, now: float | None = None) -> None:
    """Note that a turn could not be had: ``line`` says why, to whoever runs the machines. What is
    ``passing`` is tried again by itself."""
    value = {"after": one.after, "seat": " ".join(one.seats), "line": line, "passing": passing}
    at = time.time() if now is None else now
    store.execute({EVENT: [event("failed", None, at, one.match.id, value=value)]})


def retry(store: Store, match: Match, person: str | None, now: float | None = None) -> bool:
    """Ask for a failed turn once more, on behalf of ``person``; False where none has failed, or
    somebody has asked already."""
    transcript = store.transcript(match)
    found = failure(store, match.id, transcript[-1].id if transcript else match.root)
    if found is None:
        return False
    at = time.time() if now is None else now
    key = f"retry:{match.id}:{found.event}"
    row = event("retry", person, at, match.id, key=key)
    return store.execute({EVENT_ONCE: [row]}, full=True)[EVENT_ONCE] > 0


# ---------------------------------------------------------------------------------------------
# What the page says meanwhile.


@dataclass(frozen=True, slots=True)
class Waiting:
    """A match that waits for somebody else than the judge: which seats are to speak, since when
    (unix time), and for how many seconds by now."""

    state: Literal["queued", "playing", "failed"]
    since: float
    elapsed: float
    who: tuple[str, ...]


def status(store: Store, match: Match, now: float | None = None) -> Waiting | None:
    """What a judge's page may say about a match that goes on without the judge; None where it
    waits for the person in the judge's chair, or is over.

    Where people debate in the run, every wait is ``queued`` and for the whole round: whether it is
    held by a worker, has failed, or is half spoken would tell people from machines.
    """
    now = time.time() if now is None else now
    transcript = store.transcript(match)
    authors = dict(match.seats)
    place, slots = pending(match.protocol, transcript, list(authors))
    if not slots or (slots[0].seat == JUDGE and authors[JUDGE] == PERSON):
        return None
    began = _began(store, match, transcript)
    if _people_debate(store, match):
        one = round_at(match.protocol, transcript, place)
        if one is not None and one.simultaneous:
            slots = one.slots
        return Waiting("queued", began, max(0.0, now - began), _seats(slots))
    sql = f"SELECT 1 FROM assignments WHERE match = ? AND kind = '{_MACHINES}' AND until > ?"
    if store.one(sql, match.id, now) is not None:
        return Waiting("playing", began, max(0.0, now - began), _seats(slots))
    wrong = failure(store, match.id, transcript[-1].id if transcript else match.root)
    if wrong is not None and wrong.again is None:
        return Waiting("failed", wrong.at, max(0.0, now - wrong.at), _seats(slots))
    return Waiting("queued", began, max(0.0, now - began), _seats(slots))


def _seats(slots: Iterable[Slot]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slot.seat for slot in slots))


def _began(store: Store, match: Match, transcript: Transcript) -> float:
    """Since when a match waits: a person's last act in it, else the beginning of its run."""
    acts = [turn.at for turn in transcript if turn.at is not None]
    sql = "SELECT max(at) AS at FROM events WHERE match = ? AND kind IN ('retry', 'withdrawn')"
    last = store.one(sql, match.id)
    if last is not None and last["at"] is not None:
        acts.append(last["at"])
    if not acts:
        sql = "SELECT max(created_at) AS at FROM runs, run_matches WHERE run = name AND match = ?"
        row = store.one(sql, match.id)
        return 0.0 if row is None or row["at"] is None else float(row["at"])
    return max(acts)


def _people_debate(store: Store, match: Match) -> bool:
    """Whether a person sits in a debater's chair, here or elsewhere in the runs of this match."""
    if any(seat != JUDGE and who == PERSON for seat, who in match.seats):
        return True
    sql = (
        "SELECT 1 FROM runs AS r, json_each(r.config, '$.players') AS p WHERE p.value = ? "
        "AND r.name IN (SELECT run FROM run_matches WHERE match = ?)"
    )
    return store.one(sql, PERSON, match.id) is not None


# ---------------------------------------------------------------------------------------------
# How a participant is built again.

_SPEC = (
    "INSERT INTO artifacts VALUES (?,?,?,?) ON CONFLICT (run, name) DO UPDATE "
    "SET digest = excluded.digest, place = excluded.place"
)


def keep_specs(store: Store, run: str, specs: Mapping[str, str]) -> None:
    """Note by which string each participant of a run (by id) is built: a worker builds it again.

    An artifact of the run, since a model's string says where its files are: not part of what the
    run is, and another place is no other run.
    """
    rows = [(run, f"participant {who}", who, spec) for who, spec in specs.items()]
    store.execute({_SPEC: rows})


def specs_of(store: Store, who: str, run: str) -> list[str]:
    """The strings that are known to build a participant, this run's own first; where none was
    noted, that of a scripted player's record, which says all of it."""
    sql = "SELECT place FROM artifacts WHERE name = ? AND digest = ? ORDER BY run <> ?, run"
    found = store.query(sql, f"participant {who}", who, run)
    known = list(dict.fromkeys(row["place"] for row in found))
    sql = "SELECT record FROM participants WHERE id = ? AND kind = 'scripted'"
    row = None if known else store.one(sql, who)
    return known if row is None else [describe(json.loads(row["record"]))]
