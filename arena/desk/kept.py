"""What takes long to compute, kept for the next click: a bounded number, each as of a version.

A report over a hundred thousand matches takes a minute, and a page is drawn anew at every click.
One computation runs at a time, so that two researchers do not take the processor from judges; who
asks for the same thing meanwhile waits for it. While a run goes on its version changes all the
time: what is kept is then shown as it is, until it is as old as `PATIENCE` times what computing it
took, so that looking at a run never takes more than a small share of one processor.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
PATIENCE = 30.0
MOST = 12


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """A value, the version it is of, and when (seconds since 1970) and in how many seconds it was
    computed. ``current`` is False where the store has gone on since."""

    value: T
    version: Hashable
    at: float
    seconds: float
    current: bool = True


class Kept(Generic[T]):
    """Values by key, the least recently used of more than ``most`` forgotten."""

    def __init__(
        self, most: int = MOST, patience: float = PATIENCE, clock: Callable[[], float] = time.time
    ) -> None:
        self.most, self.patience, self.clock = most, patience, clock
        self._held: OrderedDict[Hashable, Held[T]] = OrderedDict()
        self._begun: dict[Hashable, Future[Held[T]]] = {}
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def at_hand(self, key: Hashable, version: Hashable) -> Held[T] | None:
        """What `get` would give without computing anything; None where it would have to."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
        if found.version == version:
            return found
        old = self.clock() - found.at > self.patience * found.seconds
        return None if old else Held(found.value, found.version, found.at, found.seconds, False)

    def get(
        self, key: Hashable, version: Hashable, make: Callable[[], T], fresh: bool = False
    ) -> Held[T]:
        """The value of a key: as it is kept, or made now. ``fresh``: made now, unless it is of this
        version. What ``make`` raises is raised, and nothing is kept."""
        found = self.at_hand(key, version)
        if found is not None and (found.current or not fresh):
            return found
        with self._turn:
            return self._made(key, version, make, fresh)

    def begin(
        self, key: Hashable, version: Hashable, make: Callable[[], T], fresh: bool = False
    ) -> Future[Held[T]]:
        """`get` in a thread of its own, for a page that can be left while it waits. Who asks for a
        key that is under way is given that one, of whichever version it is. One that nobody waits
        for any more is to be cancelled: unless its turn has come, it is then not made at all."""
        with self._lock:
            known = self._begun.get(key)
            if known is not None and not known.cancelled():
                return known
            future = self._begun[key] = Future()
        threading.Thread(
            target=self._work, args=(future, key, version, make, fresh), daemon=True
        ).start()
        return future

    def _work(
        self, future: Future[Held[T]], key: Hashable, version: Hashable, make: Callable[[], T],
        fresh: bool,
    ) -> None:  # fmt: skip
        held, problem = None, None
        with self._turn:
            wanted = future.set_running_or_notify_cancel()
            try:
                held = self._made(key, version, make, fresh) if wanted else None
            except BaseException as error:
                problem = error
        with self._lock:
            if self._begun.get(key) is future:
                del self._begun[key]
        if problem is not None:
            future.set_exception(problem)
        elif held is not None:
            future.set_result(held)

    def _made(
        self, key: Hashable, version: Hashable, make: Callable[[], T], fresh: bool
    ) -> Held[T]:  # fmt: skip
        """What `get` gives, by whoever has the turn."""
        found = self.at_hand(key, version)
        if found is not None and (found.current or not fresh):
            return found  # somebody else has asked for it meanwhile
        begun, at = time.perf_counter(), self.clock()
        held = Held(make(), version, at, time.perf_counter() - begun)
        with self._lock:
            self._held[key] = held
            self._held.move_to_end(key)
            while len(self._held) > self.most:
                self._held.popitem(last=False)
        return held
