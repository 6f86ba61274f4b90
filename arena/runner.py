"""The runner: planned matches in, committed turns and verdicts out, from wherever it was stopped.

One run is a list of `Planned` matches under a name. Every reply is committed before a flow sees
it, together with the turns and finished matches of the wave before; what is in the store is never
asked for again, so a killed run is resumed by starting it again.
"""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Literal

from arena.batch import REPLIES, Batch
from arena.desk.settling import unsettled
from arena.flow import Engine, Flow, Reply, Request, counted, recorded, run, together
from arena.ids import canonical
from arena.match import PERSON, Agent, Judge, Match, Transcript, listing, participant_id
from arena.play import play, read, waiting_for
from arena.questions import Item
from arena.rewards import reward_rows
from arena.store import Store, StoreError, agree_on_truth
from arena.turns import Turn

Listings = Literal["listed", "swapped", "both"]
BUFFERED_TURNS = 2000  # scripted players ask nothing: commit at least this often


@dataclass(frozen=True, slots=True)
class Planned:
    """A match of a run: what reports call it, which judges without a seat read it, and in which
    listings where that is not what the whole run says."""

    match: Match
    labels: Mapping[str, object] = field(default_factory=dict)
    judges: tuple[str, ...] = ()  # participant ids
    listings: Listings | None = None


@dataclass(slots=True)
class Outcome:
    """What a run came to: matches done, chairs that are empty, verdicts that failed by status.

    ``tokens`` were sampled by this command; ``notes`` say in words what is still to be done.
    """

    done: int = 0
    waiting: list[tuple[str, str]] = field(default_factory=list)  # match, seat
    failed: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Count what another part of the same run came to."""
        self.done += other.done
        self.waiting += other.waiting
        self.failed.update(other.failed)
        self.tokens += other.tokens
        self.notes += other.notes


def provenance() -> dict[str, object]:
    """Where and with what a run was made, for its row in the store: versions, no paths or names."""
    versions = {}
    for package in ("oversight-arena", "torch", "transformers", "sqlite-utils"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "absent"
    return {"python": platform.python_version(), "machine": platform.machine(), **versions}


def orders(match: Match, listings: Listings) -> tuple[tuple[int, ...], ...]:
    """The listings of a match's options that its judges are shown."""
    both = (listing(match), listing(match, swapped=True))
    return both if listings == "both" else both[:1] if listings == "listed" else both[1:]


class _Recorder:
    """Collects what flows make and commits it with the replies of the next wave."""

    def __init__(self, store: Store) -> None:
        self.store, self.batch = store, Batch()

    def commit(self, replies: Sequence[tuple[Request, Reply]]) -> Sequence[Reply]:
        """Write what has come up; return the replies that are kept.

        Where another process has answered the same request first, its reply is the record, and
        the flow goes on with it: two processes on one run come to the same turns.
        """
        self.batch.replies += replies
        batch, self.batch = self.batch, Batch()
        given = [reply for _, reply in replies]
        if self.store.write(batch).get(REPLIES, 0) == len(replies):
            return given
        kept = self.store.replies([request.key for request, _ in replies])
        return [kept.get(request.key, reply) for request, reply in replies]

    def keeper(self, match: Match, transcript: Transcript) -> Callable[[Turn], None]:
        """Keeps turns of a match; a verdict and its reward rows are always in one transaction."""
        spoken = list(transcript)

        def keep(turn: Turn) -> None:
            spoken.append(turn)
            self.batch.turns.append((match, turn))
            if turn.kind == "verdict":
                self.batch.rewards += reward_rows(match, turn, tuple(spoken))
            if len(self.batch.turns) >= BUFFERED_TURNS:
                self.commit(())

        return keep


def plan(store: Store, name: str, items: Iterable[Item], planned: Sequence[Planned]) -> None:
    """Write what a run is about: questions, truths, protocols, matches, and the run's claim.

    Raises StoreError where the store holds another plan under this name: changed questions, rules
    or players make another run, and one name must not stand for two experiments.
    """
    claims: list[tuple[str, int, str, Mapping[str, object]]] = [
        (name, i, one.match.id, {**one.labels, "judges": list(one.judges)})
        for i, one in enumerate(planned)
    ]
    sql = "SELECT position, match, labels FROM run_matches WHERE run = ? ORDER BY position"
    kept = [(row["position"], row["match"], row["labels"]) for row in store.query(sql, name)]
    if kept and kept != [(i, match, canonical(labels)) for _, i, match, labels in claims]:
        raise StoreError(
            f"run {name!r} is in this store with other questions, rules or players; give this one "
            "another name, or use another store"
        )
    batch = Batch(items=agree_on_truth(store, items))
    batch.protocols = list({one.match.protocol.id: one.match.protocol for one in planned}.values())
    batch.matches = [one.match for one in planned]
    batch.run_matches = claims
    store.write(batch)


def enrol(store: Store, who: Iterable[Agent | Judge]) -> None:
    """Write the records of participants, so that every author in the store can be described."""
    store.write(Batch(participants={participant_id(one): one.record for one in who}))


def _already_read(store: Store, match: str) -> set[tuple[str, str, str]]:
    """The readings of a match that are complete: judge, listing, mode."""
    sql = "SELECT author, listing, mode FROM verdicts WHERE match = ? AND origin != 'person'"
    return {(row["author"], row["listing"], row["mode"]) for row in store.query(sql, match)}


def execute(
    store: Store,
    planned: Iterable[Planned],
    agents: Mapping[str, Agent | Judge],
    judges: Mapping[str, Judge],
    engine: Engine,
    width: int = 64,
    listings: Listings = "listed",
    mode: Literal["whole", "stepped"] = "whole",
    progress: Callable[[int], None] = lambda done: None,
    enough: Callable[[int], bool] = lambda tokens: False,
) -> Outcome:
    """Play and judge every planned match that is not yet done; return what came of it.

    ``agents`` and ``judges`` are by participant id; a seat whose participant is not among them is
    an empty chair. Each finished match is committed before ``progress`` counts it. ``enough`` is
    given the tokens sampled so far and stops the run from taking up more matches. What is in
    the store already is used instead of asking again.
    """
    recorder = _Recorder(store)
    outcome = Outcome()
    started = {row["match"] for row in store.query("SELECT DISTINCT match FROM match_turns")}

    def one(plan: Planned) -> Flow[tuple[Match, tuple[str, ...]]]:
        match = plan.match
        resumed = match.id in started
        transcript = store.transcript(match) if resumed else ()
        keep = recorder.keeper(match, transcript)
        cast = {
            seat: (judges.get(who) or agents[who]) if seat == "judge" else agents[who]
            for seat, who in match.seats
            if who != PERSON and (who in agents or who in judges)
        }
        shown = orders(match, plan.listings or listings)
        if waiting_for(match, transcript) and cast:
            known = len(transcript)
            transcript = yield from play(match, cast, transcript, keep, shown[0])
            outcome.failed.update(_failures(transcript[known:]))
        if chairs := waiting_for(match, transcript):
            return match, chairs
        seated = dict(match.seats).get("judge")
        readers = [(who, order) for who in plan.judges for order in shown]
        if seated is not None and seated in judges:  # its first listing is the seated verdict
            readers += [(seated, order) for order in shown[1:]]
        done = _already_read(store, match.id) if resumed else set()
        missing = [
            (who, order)
            for who, order in dict.fromkeys(readers)
            if who in judges and (who, canonical(order), mode) not in done
        ]
        if missing and unsettled(store, [match.id], time.time()):
            return match, ("judge",)  # the person in the judge's chair may yet go on
        leaves = yield from together(
            *(read(match, judges[who], transcript, who, order, mode) for who, order in missing)
        )
        for group in leaves:
            for leaf in group:
                keep(leaf)
            outcome.failed.update(_failures(group))
        recorder.batch.played.append(match.id)
        unread = PERSON in plan.judges and not _read_by_person(store, match.id)
        return match, ("judge",) if unread else ()

    asked = counted(engine)
    source = recorded(asked, store.replies)
    flows = (one(plan) for plan in planned if not enough(asked.tokens))
    kept = run(flows, source, width, recorder.commit)
    for finished, (match, chairs) in enumerate(kept, start=1):
        outcome.waiting += [(match.id, seat) for seat in chairs]
        outcome.done += not chairs
        progress(finished)
    outcome.tokens = asked.tokens
    return outcome


def _read_by_person(store: Store, match: str) -> bool:
    sql = "SELECT 1 FROM verdicts WHERE match = ? AND origin = 'person'"
    return store.one(sql, match) is not None


def _failures(turns: Iterable[Turn]) -> list[str]:
    """The statuses of verdicts that carry no decision."""
    statuses = (turn.verdict.status for turn in turns if turn.kind == "verdict")
    return [status for status in statuses if status not in ("ok", "tie")]
