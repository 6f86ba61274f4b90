"""Storing debates: `Store.write` beside a bare ``executemany`` of exactly the same rows.

Both write the rows of the same debates (turns, speeches, calls, replies with token ids and
log-probabilities, rewards) into new files with the same schema and pragmas, the store in one
transaction per wave, the peer in as many. Run ``python benchmarks/storing.py [--json]``.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from referee import Debater, Judge, answer, matches
from timing import alternate, median, show

from arena import schema
from arena.batch import Batch, rows
from arena.flow import Reply, Request, batch, run
from arena.match import Match
from arena.play import play
from arena.rewards import reward_rows
from arena.store import Store
from arena.turns import Turn

DEBATES, WIDTH, REPEATS = 512, 64, 7
Rows = dict[str, list[tuple[Any, ...]]]


def sampled(requests: tuple[Request, ...]) -> Sequence[Reply]:
    """The replies of a local model: with prompt ids, sampled ids and their log-probabilities."""
    found = []
    for request, reply in zip(requests, answer(requests), strict=True):
        noise = random.Random(request.seed)
        ids = tuple(noise.randrange(32000) for _ in range(reply.usage[1]))
        logprobs = tuple(-noise.expovariate(1) for _ in ids)
        prompt = tuple(noise.randrange(32000) for _ in range(400))
        found.append(
            Reply(reply.status, f"{reply.text} {request.seed}", prompt, ids, logprobs,
                  reply.choice_logprobs, "m", (400, len(ids)), 0.1)
        )  # fmt: skip
    return found


def waves(n: int) -> list[Batch]:
    """The batches that a run of ``n`` debates commits."""
    planned, current = matches(n), Batch()
    made = [Batch(matches=planned, protocols=[planned[0].protocol])]

    def commit(replies: Sequence[tuple[Request, Reply]]) -> None:
        nonlocal current
        current.replies += replies
        made.append(current)
        current = Batch()

    def keeper(match: Match) -> Callable[[Turn], None]:
        def keep(turn: Turn) -> None:
            current.turns.append((match, turn))
            if turn.kind == "verdict":
                current.rewards += reward_rows(match, turn)
                current.played.append(match.id)

        return keep

    cast = {"A": Debater(), "B": Debater(), "judge": Judge()}
    flows = (play(match, cast, record=keeper(match)) for match in planned)
    for _ in run(flows, batch(sampled), WIDTH, commit):
        pass
    return [*made, current]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), DEBATES, REPEATS)
    show(f"storing {DEBATES} debates, wall time, median of {REPEATS}", result, given.json)


def measure(folder: Path, debates: int, repeats: int) -> dict[str, float]:
    """Seconds of each way to store ``debates`` debates, and their ratios to the bare one."""
    batches = waves(debates)
    built: list[Rows] = [rows(one) for one in batches]
    numbers = itertools.count()

    def with_store() -> None:
        with Store(folder / f"{next(numbers)}.db") as store:
            for one in batches:
                store.write(one)

    def prebuilt() -> None:
        with Store(folder / f"{next(numbers)}.db") as store:
            for statements in built:
                store.execute(statements)

    def bare() -> None:
        connection = sqlite3.connect(folder / f"{next(numbers)}.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(schema.TABLES)
        for statements in built:
            connection.execute("BEGIN IMMEDIATE")
            for statement, values in statements.items():
                connection.executemany(statement, values)
            connection.execute("COMMIT")
        connection.close()

    times = alternate(
        {"write": with_store, "execute": prebuilt, "bare": bare}, repeats, time.perf_counter
    )
    middle = {name: median(found) for name, found in times.items()}
    return {
        "rows": float(sum(len(v) for statements in built for v in statements.values())),
        "Store.write, ms": 1000 * middle["write"],
        "Store.execute of built rows, ms": 1000 * middle["execute"],
        "bare executemany, ms": 1000 * middle["bare"],
        "ratio with building rows": middle["write"] / middle["bare"],
        "ratio without": middle["execute"] / middle["bare"],
    }


if __name__ == "__main__":
    main()
