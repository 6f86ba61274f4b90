"""Where a training run stands: one process at a time, and nothing left of steps that are lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arena.store import Store, StoreError


@contextmanager
def alone(place: Path, name: str) -> Iterator[None]:
    """One process at a time trains a run: two would write over each other's checkpoints."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("a") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # no such locks on this system
            pass
        except OSError:
            raise StoreError(
                f"run {name!r} is being trained by another process; wait for it, or stop it"
            ) from None
        yield


def take_back(store: Store, run: str, step: int) -> None:
    """Take back what a run has measured after a step: its figures, evaluations and alarms, whose
    policies are no more. What was played stays in the store."""

    def later(sql: str) -> list[tuple[Any]]:
        rows = [(row["key"], json.loads(row["value"])) for row in store.query(sql)]
        return [(key,) for key, of in rows
                if of.get("training", of.get("run")) == run and of["step"] > step]  # fmt: skip

    names = later("SELECT name AS key, config AS value FROM runs WHERE kind = 'evaluation'")
    alarms = later("SELECT id AS key, value FROM events WHERE kind = 'alarm'")
    store.execute(
        {
            "DELETE FROM metrics WHERE run = ? AND step > ?": [(run, step)],
            "DELETE FROM run_matches WHERE run = ?": names,
            "DELETE FROM runs WHERE name = ?": names,
            "DELETE FROM events WHERE id = ?": alarms,
        }
    )
