"""Many judges at one process: nothing that they were shown as saved is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from deskclient import Server
from deskjudge import Judge, Ledger, Log, enter, study, together


@dataclass
class Day:
    """A study that everybody has worked through: the store, the logs, and how it was shared out."""

    path: Path
    logs: dict[str, Log]
    sizes: tuple[int, int, int, int]


def work(path: Path, judges: int, planned: int, opened: int, k: int, pace: float) -> Day:
    """Everybody finishes what there is; clicks are doubled, lines are cut."""
    invites = study(path, judges, planned, opened, k)
    with Server(path) as server:
        crowd = enter(
            server.port, invites, planned + opened, 1, pace=pace, doubles=0.2, cuts=0.08
        )  # fmt: skip
        logs = asyncio.run(everybody(crowd))
    return Day(path, logs, (judges, planned, opened, k))


async def everybody(crowd: list[Judge]) -> dict[str, Log]:
    """All at once."""
    async with asyncio.TaskGroup() as group:
        for judge in crowd:
            group.create_task(judge.judge())
    return {judge.name: judge.log for judge in crowd}


def holds(day: Day) -> None:
    """The store has every act that was acknowledged, once, and shared out as planned."""
    ledger = Ledger(day.path)
    ledger.nothing_doubled()
    ledger.nothing_lost(day.logs)
    ledger.all_acknowledged(day.logs)
    ledger.shared_out(*day.sizes)
    did = together(day.logs)
    judges, planned, opened, _ = day.sizes
    assert did["verdicts"] == judges * (planned + opened)
    assert did["doubled"] > judges and did["lost"] > judges / 2, "nothing has gone wrong"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Eight judges with two debates each, one of them by plan and one from the open queue."""
    return work(tmp_path_factory.mktemp("day") / "desk.db", 8, 1, 1, 4, 0.0)


def test_eight_judges_at_once_lose_nothing_and_double_nothing(day: Day) -> None:
    holds(day)


@pytest.mark.parametrize(
    ("spoiled", "how"),
    [
        ("DELETE FROM events WHERE id = (SELECT max(id) FROM events WHERE kind = 'belief')",
         Ledger.nothing_doubled),
        ("UPDATE turns SET elicited = '[0.5, 0.5]' WHERE kind = 'belief'", None),
        ("UPDATE turns SET reason = 'x' WHERE kind = 'verdict'", None),
        ("UPDATE drafts SET payload = json_remove(payload, '$.notes')", None),
        ("UPDATE events SET number = number + 1 WHERE kind = 'verdict'", Ledger.nothing_doubled),
        ("INSERT INTO events (at, kind, match, turn, person, value, sitting, number, assignment) "
         "SELECT at, kind, match, turn, person, value, sitting + 9, 1, assignment FROM events "
         "WHERE kind = 'verdict' LIMIT 1", Ledger.nothing_doubled),
    ],
)  # fmt: skip
def test_the_ledger_notices_a_store_that_lost_or_doubled_something(
    day: Day, tmp_path: Path, spoiled: str, how: Callable[[Ledger], None] | None
) -> None:
    copy = Path(shutil.copy(day.path, tmp_path / "copy.db"))
    with closing(sqlite3.connect(copy)) as db:
        changed = db.execute(spoiled).rowcount
        db.commit()
    assert changed > 0
    with pytest.raises(AssertionError):
        if how is not None:
            how(Ledger(copy))
        else:
            Ledger(copy).nothing_lost(day.logs)


@pytest.mark.check
def test_fifty_judges_with_five_debates_each_lose_nothing_and_double_nothing(
    tmp_path: Path,
) -> None:
    holds(work(tmp_path / "desk.db", 50, 3, 2, 5, 3.0))
