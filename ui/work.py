"""`arena work`: the machines' turns of matches that people take part in.

A person asks, or speaks in a debater's chair, and leaves; whoever runs a worker on the store has
the rest of the cast go on, up to the next empty chair or the end. Any number of workers may run:
each holds what it plays by a lease, and every reply is committed before its flow advances, so a
killed one costs at most the replies of one `collect` and blocks nobody for long.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from arena.leases import (
    LEASE_SECONDS,
    Claimed,
    Due,
    claim,
    claimed,
    due,
    failed,
    held,
    release,
    renew,
)
from arena.match import PERSON
from arena.participants import SpecError
from arena.protocols import JUDGE
from arena.runner import Planned, execute
from arena.store import Store, StoreError
from ui.company import Company, Rebuilt

POLL = 0.25
"""Seconds between two looks at whether anybody has written to the store."""
REST = 2.0
"""Seconds after which leases that may have run out are looked at, whatever has been written."""
_MADE = (
    "SELECT count(*) AS n FROM match_turns JOIN turns AS t ON t.id = turn "
    "WHERE match = ? AND t.origin <> 'candidate'"
)


@dataclass(slots=True)
class Summary:
    """What a worker has done: turns and verdicts made, matches finished, and what failed, by match:
    the seat and why."""

    turns: int = 0
    done: int = 0
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)


class Worker:
    """Plays the machines' turns of the matches of a store, or of one of its runs.

    ``company`` makes its players, given the store; by default they are built as their run says,
    and models run as ``how`` says (device, threads, dtype). ``width`` matches are played at a time.
    Whatever had failed before a worker began is tried once more by it.
    """

    def __init__(
        self,
        path: str | Path,
        run: str | None = None,
        how: Mapping[str, Any] | None = None,
        width: int = 16,
        company: Callable[[Store], Company] | None = None,
        tell: Callable[[str], None] = lambda line: None,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self.path, self.run, self.width, self.tell, self.seconds = path, run, width, tell, seconds
        self.name = f"worker {socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self.store = Store(path)
        self.company = company(self.store) if company else Rebuilt(self.store, how or {})
        self.began = time.time()
        self.summary = Summary()
        self._claimed: dict[str, list[Claimed]] = {}  # by match
        self._due: dict[tuple[str, str], Due] = {}  # by run and match
        self._seen = (-1, 0, 0)  # rows of run_matches; last rows of match_turns and of events
        self._version = -1

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- what there is to do

    def _look(self) -> None:
        """Bring what is due up to date with the store."""
        sql = (
            "SELECT (SELECT count(*) FROM run_matches) AS claims, "
            "(SELECT coalesce(max(rowid), 0) FROM match_turns) AS turns, "
            "(SELECT coalesce(max(id), 0) FROM events) AS events"
        )
        row = self.store.one(sql)
        before = self._seen
        now = before if row is None else (row["claims"], row["turns"], row["events"])
        if now == before:
            return
        touched: dict[str, None] = {}
        if now[0] != before[0]:
            known = {(one.run, one.match) for some in self._claimed.values() for one in some}
            for one in claimed(self.store, self.run):
                if (one.run, one.match) not in known:
                    self._claimed.setdefault(one.match, []).append(one)
                    touched[one.match] = None
        sql = (
            "SELECT match FROM match_turns WHERE rowid > ? UNION SELECT match FROM events "
            "WHERE id > ? AND match IS NOT NULL"
        )
        found = (row["match"] for row in self.store.query(sql, before[1], before[2]))
        touched.update(dict.fromkeys(key for key in found if key in self._claimed))
        for key in touched:
            self._examine(key)
        self._seen = now

    def _examine(self, match: str) -> None:
        for one in self._claimed[match]:
            found = due(self.store, one)
            if found is None:
                self._due.pop((one.run, match), None)
            else:
                self._due[one.run, match] = found

    def _ready(self, now: float) -> list[Due]:
        """What may be played now, the longest known first; last what another died with."""
        leases = held(self.store)
        ready = []
        for one in self._due.values():
            wrong = one.failure
            again = wrong is None or wrong.at < self.began
            if wrong is not None and wrong.again is not None:
                again = again or wrong.again <= now
            if again and max(one.opens, leases.get(one.match.id, 0)) <= now:
                ready.append(one)
        return sorted(ready, key=lambda one: one.match.id in leases)

    # -- doing it

    def step(self) -> int:
        """Play on what waits for machines now; returns how many matches were held for it."""
        self._look()
        mine: dict[str, Due] = {}
        for one in self._ready(time.time()):
            if len(mine) == self.width:
                break
            if any(other.claimed.run != one.claimed.run for other in mine.values()):
                continue  # another run has other listings
            if claim(self.store, one.match.id, self.name, time.time(), self.seconds):
                mine[one.match.id] = one
        if not mine:
            return 0
        try:
            with self._renewing(list(mine)):
                self._perform(list(mine.values()))
        finally:
            release(self.store, mine, self.name)
        for key, one in mine.items():
            self._examine(key)
            left = self._due.get((one.claimed.run, key))
            owed = left is not None and (left.seats, left.after) == (one.seats, one.after)
            if owed and key not in self.summary.failed:
                self._fail(one, "nothing came of playing it on", passing=False)
                self._examine(key)
        return len(mine)

    def _perform(self, work: Sequence[Due]) -> None:
        """Play matches of one run on together; where that fails, each by itself, to see which."""
        able = [one for one in work if self._joined(one)]
        if len(able) > 1:
            try:
                self._play(able)
                return
            except StoreError:
                raise
            except Exception as error:
                self.tell(f"{len(able)} matches are tried one by one: {_named(error)}")
        for one in able:
            try:
                self._play([one])
            except StoreError:
                raise
            except Exception as error:
                self._fail(one, f"the turn could not be made: {_named(error)}", passing=True)

    def _joined(self, one: Due) -> bool:
        """Whether everybody whom a match needs is there."""
        seats = [(who, seat == JUDGE) for seat, who in one.match.seats]
        try:
            for who, decides in [*seats, *((judge, True) for judge in one.claimed.judges)]:
                if who != PERSON:
                    self.company.join(who, one.claimed.run, decides)
        except (SpecError, StoreError) as error:
            self._fail(one, str(error), passing=False)
            return False
        except Exception as error:
            self._fail(one, f"a player could not be loaded: {_named(error)}", passing=True)
            return False
        return True

    def _play(self, work: Sequence[Due]) -> None:
        keys = [one.match.id for one in work]
        before = self._counts(keys)
        try:
            execute(
                self.store,
                [Planned(one.match, judges=one.claimed.judges) for one in work],
                self.company.agents,
                self.company.judges,
                self.company.engine(),
                width=self.width,
                listings=work[0].claimed.listings,
            )
        finally:
            after = self._counts(keys)
            turns, done = (a - b for a, b in zip(after, before, strict=True))
            self.summary.turns += turns
            self.summary.done += done
            if turns or done:
                what = f"{_many(turns, 'turn')} in {_many(len(work), 'match')}, {done} finished"
                self.tell(f"{work[0].claimed.run}: {what}")
        for key in keys:
            self.summary.failed.pop(key, None)

    def _counts(self, keys: Sequence[str]) -> tuple[int, int]:
        """How many turns and verdicts these matches have, and how many of them are over."""
        turns = done = 0
        for key in keys:
            turns += (self.store.one(_MADE, key) or {"n": 0})["n"]
            row = self.store.one("SELECT played FROM matches WHERE id = ?", key)
            done += bool(row and row["played"])
        return turns, done

    def _fail(self, one: Due, line: str, passing: bool) -> None:
        """Note that a match could not be played on from where it is now."""
        now = due(self.store, one.claimed) or one
        failed(self.store, now, line, passing)
        seat = " ".join(now.seats)
        self.summary.failed[one.match.id] = (seat, line)
        self.tell(f"{one.claimed.run}: {one.match.id[:9]} failed: {line}")

    @contextmanager
    def _renewing(self, matches: Sequence[str]) -> Iterator[None]:
        """Hold matches for as long as this lasts, from a thread with a connection of its own."""
        over = threading.Event()

        def go_on() -> None:
            while not over.wait(self.seconds / 3):
                try:
                    with Store(self.path) as store:
                        while True:
                            renew(store, matches, self.name, time.time() + self.seconds)
                            if over.wait(self.seconds / 3):
                                return
                except StoreError:
                    pass  # locked for long: the next try is soon enough, or somebody else plays on

        thread = threading.Thread(target=go_on, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    # -- going on

    def work(
        self,
        once: bool = False,
        minutes: float | None = None,
        stop: threading.Event | None = None,
    ) -> Summary:
        """Play until nothing waits for machines (``once``), the time is up, or ``stop`` is set.

        In between it waits for somebody's act, and takes about `POLL` seconds to notice one.
        """
        until = None if minutes is None else time.monotonic() + 60 * minutes
        stop = stop or threading.Event()
        while not stop.is_set() and (until is None or time.monotonic() < until):
            if self.step():
                continue
            if once:
                break
            self._rest(stop, until)
        return self.summary

    def _rest(self, stop: threading.Event, until: float | None) -> None:
        """Wait until somebody has written, or it is time to look at leases and failures again."""
        end = time.monotonic() + (REST if self._due else 60.0)
        end = end if until is None else min(end, until)
        while time.monotonic() < end and not stop.wait(POLL):
            row = self.store.one("PRAGMA data_version")
            version = -1 if row is None else row["data_version"]
            changed, self._version = version != self._version, version
            if changed:
                return


def _many(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}{'es' if what.endswith('ch') else 's'}"


def _named(error: Exception) -> str:
    """An error's kind and its first words, on one line."""
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def serve_forever(
    store_path: str | Path,
    stop_event: threading.Event,
    how: Mapping[str, Any] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Work on a store until ``stop_event`` is set: for a thread or a process beside the pages.

    A store that stays locked is waited for. A file that is no store raises StoreError.
    """
    with Worker(store_path, how=how, tell=tell) as worker:
        while not stop_event.is_set():
            try:
                worker.work(stop=stop_event)
            except StoreError as error:
                tell(str(error))
                stop_event.wait(REST)


def check_run(store: Store, run: str) -> None:
    """Raise StoreError unless the store has this run and people play in its matches."""
    names = [row["name"] for row in store.query("SELECT name FROM runs ORDER BY created_at")]
    if run not in names:
        raise StoreError(f"no run {run!r} in this store; its runs: {', '.join(names) or 'none'}")
    if next(claimed(store, run), None) is None:
        raise StoreError(
            f"run {run!r} has no match that people play in: nothing of it waits for machines; "
            "where it was stopped, the command that began it goes on"
        )
