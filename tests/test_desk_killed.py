"""The desk killed with -9 in the middle of everybody's work, and started again on its store."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

from deskclient import WAIT, Server
from deskjudge import Judge, Ledger, enter, study, together

JUDGES, PLANNED, OPENED, K = 10, 1, 1, 5


async def killed(server: Server, crowd: list[Judge], after: list[int]) -> list[dict[str, int]]:
    """Everybody works; after so many clicks altogether the server is killed while pages wait for
    it, its store is held against what they were shown, and it is started again. What had been
    acknowledged each time, with how many clicks were under way."""
    logs = {judge.name: judge.log for judge in crowd}
    found = []
    async with asyncio.TaskGroup() as group:
        for judge in crowd:
            group.create_task(judge.judge())
        for count in after:
            end = time.monotonic() + WAIT
            while together(logs)["clicks"] < count or sum(j.clicking for j in crowd) < 3:
                assert time.monotonic() < end, "there was never a moment to kill it"
                await asyncio.sleep(0.005)
            under_way = sum(judge.clicking for judge in crowd)
            server.end(signal.SIGKILL)
            while not all(judge.away for judge in crowd):  # what was on the line is still read
                assert time.monotonic() < end
                await asyncio.sleep(0.01)
            ledger = Ledger(server.path)
            ledger.nothing_doubled()
            ledger.nothing_lost(logs)
            found.append({**together(logs), "under way": under_way})
            await asyncio.to_thread(server.start)
    return found


def test_a_server_killed_twice_has_every_act_that_was_shown_and_everybody_finishes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "desk.db"
    invites = study(path, JUDGES, PLANNED, OPENED, K)
    with Server(path) as server:
        crowd = enter(server.port, invites, PLANNED + OPENED, 2, doubles=0.2)
        kills = asyncio.run(killed(server, crowd, [JUDGES * 3, JUDGES * 8]))
    logs = {judge.name: judge.log for judge in crowd}
    ledger = Ledger(path)
    ledger.nothing_doubled()
    ledger.nothing_lost(logs)
    ledger.all_acknowledged(logs)
    ledger.shared_out(JUDGES, PLANNED, OPENED, K)
    did = together(logs)
    assert did["verdicts"] == JUDGES * (PLANNED + OPENED)
    assert did["lost"] >= JUDGES * len(kills)
    for kill in kills:  # each came in the middle
        assert kill["under way"] >= 3
        assert kill["beliefs"] > 0 and kill["drafts"] > 0
        assert kill["verdicts"] < did["verdicts"]
