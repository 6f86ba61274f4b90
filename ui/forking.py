"""From "play on from here with these" to the fork that was played: agents are built, then asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.models import Models
from arena.desk.fork import fork
from arena.flow import Engine, Reply, Request, Ticket
from arena.leases import keep_specs, specs_of
from arena.match import PERSON, Match
from arena.participants import SpecError
from arena.protocols import JUDGE
from arena.runner import Outcome, Planned, enrol, execute
from arena.store import Store
from ui.runs import Cast


@dataclass(frozen=True, slots=True)
class Forked:
    """A fork and how far it got: ``waiting`` are the seats that nobody here could fill, a person's
    or those of participants that cannot be built again."""

    match: Match
    run: str
    done: bool
    waiting: tuple[str, ...] = ()
    failed: Mapping[str, int] = field(default_factory=dict)


class _Watched:
    """An engine that says how many replies have come so far."""

    def __init__(self, engine: Engine, told: Callable[[int], None]) -> None:
        self._engine, self._told, self._count = engine, told, 0

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        self._engine.submit(requests)

    def collect(self) -> list[tuple[Ticket, Reply]]:
        collected = self._engine.collect()
        self._count += len(collected)
        self._told(self._count)
        return collected


def play_fork(
    store: Store,
    match: Match,
    turn: int,
    seats: Mapping[str, str] | None = None,
    *,
    judges: Sequence[str] = (),
    seed: int = 0,
    run: str | None = None,
    person: str | None = None,
    engine: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] = lambda replies: None,
) -> Forked:
    """Fork ``match`` after ``turn`` and play on as far as machines can, in this process.

    ``seats`` maps seats to participant strings (``scripted:witness,p=.3``, ``person``); whoever
    is not named stays, and is built again from the string that the store has noted. ``judges`` are
    strings too and read it when it is over. ``engine`` is how models run (device, threads, dtype);
    ``progress`` is told how many replies have come. It may take long. Where it is cut off, the same
    call goes on; so does a worker, for the strings are noted with the run. Raises SpecError for a
    string that names nobody, ForkError where the fork cannot be made, each before anything is
    written.
    """
    cast = Cast(Models(**(engine or {})), store, store.truths())
    named = {
        seat: cast.judge(spec) if seat == JUDGE else cast.player(spec)
        for seat, spec in (seats or {}).items()
    }
    readers = tuple(cast.judge(spec) for spec in judges)
    _rebuild(store, match, cast, set(named))
    enrol(store, [*cast.agents.values(), *cast.judges.values()])
    made = fork(store, match, turn, named, seed, run, person, readers)
    sql = (
        "SELECT run FROM run_matches JOIN runs ON name = run WHERE match = ? AND kind = 'fork' "
        "ORDER BY runs.created_at DESC LIMIT 1"
    )
    claimed = store.one(sql, made.id)
    assert claimed is not None  # written with the fork, in one transaction
    keep_specs(store, claimed["run"], cast.specs)
    outcome: Outcome = execute(
        store,
        [Planned(made, judges=readers)],
        cast.agents,
        cast.judges,
        _Watched(cast.models.engine(), progress),
    )
    waiting = tuple(dict.fromkeys(seat for _, seat in outcome.waiting))
    return Forked(made, claimed["run"], not waiting, waiting, dict(outcome.failed))


def _rebuild(store: Store, match: Match, cast: Cast, changed: set[str]) -> None:
    """Build those who stay in their seats, as far as the store says how."""
    for seat, who in match.seats:
        if seat in changed or who == PERSON:
            continue
        for spec in specs_of(store, who, ""):
            try:
                found = cast.judge(spec) if seat == JUDGE else cast.player(spec)
            except (SpecError, OSError):  # its files have gone: the seat waits
                continue
            if found == who:
                break
