"""Real kills: a 200-match tournament on a file, an engine in another process, and SIGKILL."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import slow_tournament
from slow_tournament import dump

from arena.store import Store

SCRIPT = slow_tournament.__file__
MATCHES = 200


@contextmanager
def _engine(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """The engine's process, its socket and its log."""
    path, log = folder / "engine", folder / "engine.log"
    path.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, SCRIPT, "engine", str(path), str(log)])
    try:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.005)
        yield process, str(path), log
    finally:
        process.kill()
        process.wait()


def _player(folder: Path, path: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, SCRIPT, "play", str(folder / "arena.db"), path, str(MATCHES)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _finished(process: subprocess.Popen[str]) -> str:
    """The report of a player that comes to its end."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def _lines(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def _wait_for(log: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until the engine has answered ``count`` requests."""
    while len(_lines(log)) < count:
        assert process.poll() is None, "the player ended before it could be killed"
        time.sleep(0.002)


def _committed(folder: Path) -> set[str]:
    with Store(folder / "arena.db") as store:
        return {row["key"] for row in store.query("SELECT key FROM replies")}


def _tables(folder: Path) -> str:
    with Store(folder / "arena.db") as store:
        return dump(store)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, int]:
    """The report and tables of a tournament that nobody killed, and its number of requests."""
    folder = tmp_path_factory.mktemp("whole")
    with _engine(folder) as (_, path, log):
        report = _finished(_player(folder, path))
        asked = _lines(log)
    assert len(set(asked)) == len(asked)
    assert set(asked) == _committed(folder)
    return report, _tables(folder), len(asked)


def test_the_tournament_has_two_hundred_matches_that_are_all_judged(
    whole: tuple[str, str, int],
) -> None:
    assert f'"done": {MATCHES}' in whole[0]


@pytest.mark.parametrize("seed", [1])
def test_three_kills_ask_for_no_committed_reply_again_and_change_no_table(
    seed: int, whole: tuple[str, str, int], tmp_path: Path
) -> None:
    report, tables, requests = whole
    draw = random.Random(seed)
    fatal = sorted(draw.sample(range(requests // 20, requests * 9 // 10), 3))
    with _engine(tmp_path) as (_, path, log):
        kept: list[tuple[int, set[str]]] = []  # lines of the log, replies committed by then
        for count in fatal:
            player = _player(tmp_path, path)
            _wait_for(log, count, player)
            time.sleep(draw.random() * 0.02)
            player.send_signal(signal.SIGKILL)
            player.communicate()
            assert player.returncode == -signal.SIGKILL
            committed = _committed(tmp_path)
            kept.append((len(_lines(log)), committed))
        again = _finished(_player(tmp_path, path))
        asked = _lines(log)
    for lines, committed in kept:
        assert 0 < len(committed) < requests
        assert committed <= set(asked[:lines])
        assert not committed & set(asked[lines:])
    assert max(Counter(asked).values()) <= len(fatal) + 1
    assert again == report
    assert _tables(tmp_path) == tables


def test_a_killed_engine_ends_the_player_with_an_error_and_the_next_ones_finish(
    whole: tuple[str, str, int], tmp_path: Path
) -> None:
    report, tables, requests = whole
    with _engine(tmp_path) as (engine, path, log):
        player = _player(tmp_path, path)
        _wait_for(log, requests // 3, player)
        engine.kill()
        _, err = player.communicate(timeout=60)
    assert player.returncode not in (0, -signal.SIGKILL)
    assert "the engine is gone" in err or "BrokenPipe" in err or "reset" in err
    committed, lines = _committed(tmp_path), len(_lines(log))
    assert committed
    with _engine(tmp_path) as (_, path, log):
        assert _finished(_player(tmp_path, path)) == report
    assert not committed & set(_lines(log)[lines:])
    assert _tables(tmp_path) == tables
