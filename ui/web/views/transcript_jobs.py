"""Forks that are being played: a thread of the server's process, one fork at a time.

The page does not wait for them. What is known of one here is how many replies have come and what
went wrong; the rest is in the store, so that a server that is killed loses nothing: `arena work`,
or the same fork once more, goes on where it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from arena.desk.browse import BrowseError
from arena.leases import specs_of
from arena.match import PERSON, Match
from arena.participants import SpecError
from arena.store import Store, StoreError

KEPT = 64
"""Jobs that are remembered after they are over."""


@dataclass(slots=True)
class Job:
    """A fork that was asked for: after which turn of which debate, by whom, and how far it is."""

    store: Path
    match: str
    turn: int
    seats: Mapping[str, str]
    judges: Sequence[str]
    seed: int
    person: str
    key: str = field(default_factory=lambda: uuid4().hex)
    asked: float = field(default_factory=time.monotonic)
    begun: bool = False
    replies: int = 0
    fork: str | None = None
    problem: str = ""
    detail: str = ""
    over: bool = False

    def count(self, replies: int) -> None:
        """Note how many replies have come."""
        self.replies = replies


_jobs: dict[str, Job] = {}
_turn = threading.Lock()
_known = threading.Lock()


def start(job: Job) -> str:
    """Have a fork made and played; returns the key by which `of` finds it."""
    with _known:
        for old in [key for key, one in _jobs.items() if one.over][:-KEPT]:
            del _jobs[old]
        _jobs[job.key] = job
    # A daemon: a server that is stopped does not wait for models.
    threading.Thread(target=_play, args=(job,), name="fork", daemon=True).start()
    return job.key


def of(key: object) -> Job | None:
    """The job with this key, if this server has it."""
    with _known:
        return _jobs.get(key) if isinstance(key, str) else None


def present(store: Store, match: Match, seat: str) -> str:
    """The string of whoever sits there; empty where the store does not say how it is built."""
    who = dict(match.seats).get(seat, "")
    if who == PERSON:
        return PERSON
    return next(iter(specs_of(store, who, "")), "")


def _play(job: Job) -> None:
    from ui.forking import play_fork  # players and their models, when the first fork is asked for

    try:
        with _turn, Store(job.store) as store:
            job.begun = True
            match = store.match(job.match)
            done = play_fork(
                store,
                match,
                job.turn,
                job.seats,
                judges=tuple(job.judges),
                seed=job.seed,
                person=job.person,
                progress=job.count,
            )
        job.fork = done.match.id
    except SpecError as error:
        job.problem, job.detail = "This names nobody who could sit there.", str(error)
    except BrowseError as error:
        job.problem = str(error)
    except StoreError:
        job.problem = "The store could not be written. Ask for the same fork again: it goes on."
    except Exception as error:  # of a model or its files: said on the page, and nobody else stops
        job.problem = "The fork could not be played on. Ask for the same one again: it goes on."
        job.detail = f"{type(error).__name__}: {error}"
    finally:
        job.over = True
