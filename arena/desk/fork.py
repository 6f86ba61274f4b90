"""Forks: a debate played on from one of its turns, by others or by the same again.

A fork is a match with its own seats whose first turns are shared: it has the same root, so it is a
branch of the same tree, and a name of its own, so that no report on the run it came from counts it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from arena.batch import Batch, rows
from arena.desk.browse import BrowseError
from arena.desk.events import EVENT_ONCE, event
from arena.ids import canonical, derive_seed
from arena.match import PERSON, Match, Transcript
from arena.play import waiting_for
from arena.runner import provenance
from arena.store import Store

KIND = "fork"
"""The kind of the runs that hold forks."""
_CLAIM = (
    "INSERT INTO run_matches (run, position, match, labels) "
    "SELECT ?1, (SELECT coalesce(max(position) + 1, 0) FROM run_matches WHERE run = ?1), ?2, ?3 "
    "WHERE NOT EXISTS (SELECT 1 FROM run_matches WHERE run = ?1 AND match = ?2)"
)


class ForkError(BrowseError):
    """A fork that cannot be made; one line of our own words, for the page and the command line."""


def shared(store: Store, match: Match, turn: int) -> Transcript:
    """What a fork from a turn takes over: the path up to and with turn ``turn`` (in reading order,
    from 0; -1 is nothing), and what a seated judge had reported before it."""
    kept: Transcript = ()
    said = -1
    for one in store.transcript(match) if turn >= 0 else ():
        kept += (one,)
        said += not one.is_leaf
        if said == turn:
            return kept
    if turn != -1:
        raise ForkError("This debate has no such turn; choose one of those that are shown.")
    return ()


def fork(
    store: Store,
    match: Match,
    turn: int,
    seats: Mapping[str, str] | None = None,
    seed: int = 0,
    run: str | None = None,
    person: str | None = None,
    judges: tuple[str, ...] = (),
    now: float | None = None,
) -> Match:
    """A match that goes on after ``turn`` of another, written with its claim and an event.

    ``turn`` is the last one that is shared, in reading order from 0; -1 shares nothing. ``seats``
    says who sits where instead of those who sat there: ids of participants that the store knows, or
    `PERSON`; a judge's seat may be added. ``judges`` (ids, or `PERSON`) read it when it is over.
    ``seed`` tells forks apart that are otherwise the same; the same call again finds the same fork.
    It is claimed by ``run``: ``RUN (forks)`` where RUN is the first run that has the match. Raises
    ForkError where nothing would be left to play.
    """
    kept = shared(store, match, turn)
    changed = dict(seats or {})
    chairs = {**dict(match.seats), **changed}
    known = {seat.name for seat in match.protocol.seats}
    if set(changed) - known:
        raise ForkError(f"seats: expected some of {', '.join(sorted(known))}")
    for who in {*changed.values(), *judges} - {PERSON}:
        if store.one("SELECT 1 FROM participants WHERE id = ?", who) is None:
            raise ForkError("A seat or judge of a fork is a participant of this store, or person.")
    # The turn is part of the seed: forks of two turns by the same players are two matches.
    made = Match(
        match.question, match.protocol, match.sides, tuple(chairs.items()),
        derive_seed("fork", match.id, turn, seed), match.proposal,
    )  # fmt: skip
    if not waiting_for(made, kept):
        raise ForkError("The debate is over with that turn; fork from an earlier one.")
    name, labels = _claim(store, match, run)
    labels |= {"fork of": match.id, "turn": turn, "judges": list(judges)}
    now = time.time() if now is None else now
    store.start_run(name, KIND, {"forks": True}, provenance())
    value = {"from": match.id, "turn": turn, "shared": len(kept), "run": name}
    store.execute(
        {
            **rows(Batch(matches=[made], turns=[(made, one) for one in kept])),
            _CLAIM: [(name, made.id, canonical(labels))],
            EVENT_ONCE: [
                event(
                    "forked",
                    person,
                    now,
                    made.id,
                    kept[-1].id if kept else None,
                    value,
                    key=f"forked:{made.id}",
                )
            ],
        },
        full=True,
    )
    return made


def _claim(store: Store, match: Match, run: str | None) -> tuple[str, dict[str, Any]]:
    """The name of the run that a fork goes to, and the labels that it inherits."""
    sql = (
        "SELECT c.run, c.labels FROM run_matches AS c JOIN runs AS r ON r.name = c.run "
        "WHERE c.match = ? ORDER BY r.kind = 'fork', r.created_at, c.run LIMIT 1"
    )
    row = store.one(sql, match.id)
    labels = {} if row is None else json.loads(row["labels"])
    setting = labels.get("setting", match.protocol.name)
    # A fork of a fork stays in the run that has the first.
    of = None if row is None else row["run"].removesuffix(" (forks)")
    if run is not None:
        kind = store.one("SELECT kind FROM runs WHERE name = ?", run)
        if kind is not None and kind["kind"] != KIND:
            raise ForkError("That run holds no forks; give the forks a name of their own.")
    return run or (f"{of} (forks)" if of else "forks"), {"setting": setting}


def is_fork(store: Store, match: str) -> bool:
    """Whether this match is a fork of another."""
    sql = "SELECT 1 FROM events WHERE kind = 'forked' AND match = ?"
    return store.one(sql, match) is not None


def forks_of(store: Store, root: str) -> set[str]:
    """The forks among the matches below a root."""
    sql = (
        "SELECT match FROM events WHERE kind = 'forked' "
        "AND match IN (SELECT id FROM matches WHERE root = ?)"
    )
    return {row["match"] for row in store.query(sql, root)}


def shared_turns(store: Store, match: str) -> int:
    """How many turns and reports of a match were taken over from another; 0 if it is no fork."""
    sql = "SELECT value FROM events WHERE kind = 'forked' AND match = ? LIMIT 1"
    row = store.one(sql, match)
    return 0 if row is None else int(json.loads(row["value"])["shared"])
