"""What a stopped run promises: a fault at every crash point, and the run goes on from the store.

The points are those of the driver and the store: a submit, a collect whose replies never arrive,
before and after each commit, inside a commit's transaction, between two waves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
import slow_tournament
from players import Counting
from slow_tournament import answer, dump, tournament

from agents.scripted import RandomAgent
from arena import runner
from arena.flow import Engine, Reply, Request, Ticket
from arena.match import participant_id
from arena.protocols import BUILT_IN
from arena.questions import Item, Question
from arena.store import Store
from arena.tournament import schedule
from judges.scripted import Coin

Point = Literal["ask", "submit", "collect", "before commit", "inside commit", "after commit"]
Log = list[list[str]]  # the keys of the requests that each collect answered
Rows = Mapping[str, Sequence[tuple[Any, ...]]]
MATCHES, WIDTH = 6, 3


class Fault(BaseException):
    """The process is gone here."""


class Steps:
    """Counts how often each point is reached, and fails at one of them."""

    def __init__(self, point: Point | None = None, at: int = -1) -> None:
        self.point, self.at = point, at
        self.reached: dict[str, int] = {}

    def __call__(self, point: Point) -> None:
        count = self.reached[point] = self.reached.get(point, 0) + 1
        if (point, count) == (self.point, self.at):
            raise Fault(f"{point} {count}")


class Engines:
    """An engine that fails at given steps, after it has written down what it answered."""

    def __init__(self, inner: Engine, steps: Steps, log: Log) -> None:
        self.inner, self.steps, self.log = inner, steps, log
        self._keys: dict[Ticket, str] = {}

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        self.inner.submit(requests)
        self._keys.update((ticket, request.key) for ticket, request in requests)
        self.steps("submit")

    def collect(self) -> list[tuple[Ticket, Reply]]:
        found = self.inner.collect()
        self.log.append([self._keys[ticket] for ticket, _ in found])
        self.steps("collect")
        return found


class Faulty(Store):
    """A store whose commits fail at given steps, before, inside or after the transaction."""

    def __init__(self, path: Path, steps: Steps) -> None:
        self.steps = steps
        super().__init__(path)

    def execute(self, statements: Rows, full: bool = False) -> dict[str, int]:
        self.steps("before commit")
        broken = dict(statements)
        last = next(reversed(broken))
        broken[last] = self._interrupted(broken[last])  # type: ignore[assignment]
        changed = super().execute(broken, full)
        self.steps("after commit")
        return changed

    def _interrupted(self, values: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        yield from values
        self.steps("inside commit")


def _some(waiting: Sequence[int], collects: int) -> list[int]:
    """Which tickets are answered: half of what waits, the newest and the oldest in turn."""
    some = list(waiting)[: (len(waiting) + 1) // 2]
    return some if collects % 2 else list(waiting)[::-1][: len(some)]


def _engine() -> Engine:
    return Counting(lambda request: answer(request.key, len(request.choices)), _some)


def _play(path: Path, steps: Steps, log: Log) -> None:
    with Faulty(path, steps) as store:
        tournament(store, Engines(_engine(), steps, log), MATCHES, WIDTH)


def _committed(path: Path) -> set[str]:
    """The requests whose replies are in the file, as a new process would find it."""
    with Store(path) as store:
        return {row["key"] for row in store.query("SELECT key FROM replies")}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: hundreds of files are made, and none must last."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, int]]:
    """The tables of a run that nothing stopped, and how often it reached each point."""
    path, steps = tmp_path_factory.mktemp("whole") / "arena.db", Steps()
    log: Log = []
    _play(path, steps, log)
    asked = [key for wave in log for key in wave]
    assert len(set(asked)) == len(asked)
    with Store(path) as store:
        return dump(store), steps.reached


def test_the_tournament_has_what_a_run_can_stumble_over(whole: tuple[str, dict[str, int]]) -> None:
    tables, reached = whole
    for one in ("candidate", "over limit", "[0,1]", "[1,0]", '"question"', '"verdict"'):
        assert one.replace('"', '"') in tables or one in tables, one
    assert min(reached.values()) > 20


@pytest.mark.parametrize(
    "point", ["submit", "collect", "before commit", "inside commit", "after commit"]
)
def test_a_fault_at_any_step_costs_at_most_one_collect_and_changes_no_table(
    point: Point, whole: tuple[str, dict[str, int]], folder: Path
) -> None:
    tables, reached = whole
    for k in range(1, reached[point] + 1):
        path = folder / f"{k}.db"
        log: Log = []
        again: Log = []
        with pytest.raises(Fault):
            _play(path, Steps(point, k), log)
        committed = _committed(path)
        _play(path, Steps(), again)
        answered = {key for wave in log for key in wave}
        asked_again = [key for wave in again for key in wave]
        assert not committed & set(asked_again), (point, k)
        assert len(set(asked_again)) == len(asked_again), (point, k)
        lost = answered & set(asked_again)
        assert lost <= set(log[-1] if log else ()), (point, k)
        if point in ("submit", "after commit"):
            assert not lost, (point, k)
        with Store(path) as store:
            assert dump(store) == tables, (point, k)


@pytest.mark.parametrize("point", ["collect", "before commit", "after commit"])
def test_a_run_that_is_stopped_again_and_again_comes_to_the_same_tables(
    point: Point, whole: tuple[str, dict[str, int]], folder: Path
) -> None:
    path, lives = folder / "arena.db", 0
    while True:
        log: Log = []
        lives += 1
        committed = _committed(path)
        try:
            _play(path, Steps(point, 6 if point == "collect" else 12), log)
        except Fault:
            assert not committed & {key for wave in log for key in wave}
            continue
        break
    assert lives > 2
    with Store(path) as store:
        assert dump(store) == whole[0]


def test_commits_between_two_waves_may_fail_as_well(
    whole: tuple[str, dict[str, int]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BUFFERED_TURNS", 2)
    steps = Steps()
    _play(folder / "count.db", steps, [])
    assert steps.reached["before commit"] > whole[1]["before commit"] + 10
    for k in range(4, steps.reached["before commit"] + 1):
        path = folder / f"{k}.db"
        log: Log = []
        again: Log = []
        with pytest.raises(Fault):
            _play(path, Steps("after commit" if k % 2 else "inside commit", k), log)
        committed = _committed(path)
        _play(path, Steps(), again)
        assert not committed & {key for wave in again for key in wave}, k
        with Store(path) as store:
            assert dump(store) == whole[0], k


def test_an_error_in_a_player_loses_no_reply_that_came(
    whole: tuple[str, dict[str, int]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = slow_tournament._request
    for k in range(10, whole[1]["collect"], 2):
        steps = Steps("ask", k)

        def broken(*given: Any, steps: Steps = steps) -> Request:
            steps("ask")
            return ask(*given)

        path = folder / f"{k}.db"
        log: Log = []
        again: Log = []
        with monkeypatch.context() as patch, pytest.raises(Fault):
            patch.setattr(slow_tournament, "_request", broken)
            _play(path, Steps(), log)
        answered = {key for wave in log for key in wave}
        assert _committed(path) == answered, k
        _play(path, Steps(), again)
        assert not answered & {key for wave in again for key in wave}, k
        with Store(path) as store:
            assert dump(store) == whole[0], k


def _scripted(store: Store) -> None:
    """Players that ask nothing, under every listing."""
    player, judge = RandomAgent(), Coin()
    who, by = participant_id(player), participant_id(judge)
    items = [Item(Question(f"Which, {i}?", ("this", "that"), "One.\nTwo."), 0) for i in range(4)]
    planned = list(
        schedule([i.question for i in items], {"debate": BUILT_IN["debate"]}, {"r": who},
                 {"coin": by}, seed=2)
    )  # fmt: skip
    runner.plan(store, "scripted", items, planned)
    silent = Counting(lambda request: answer(request.key, 0), _some)
    runner.execute(store, planned, {who: player}, {by: judge}, silent, WIDTH, "both")


def test_players_that_ask_nothing_are_resumed_too(folder: Path) -> None:
    steps = Steps()
    with Faulty(folder / "whole.db", steps) as store:
        _scripted(store)
        tables = dump(store)
    count = steps.reached["before commit"]
    assert count > 3
    for point in ("before commit", "inside commit", "after commit"):
        for k in range(1, count + 1):
            path = folder / f"{point} {k}.db"
            with pytest.raises(Fault), Faulty(path, Steps(point, k)) as store:
                _scripted(store)
            with Store(path) as store:
                _scripted(store)
                assert dump(store) == tables, (point, k)


def test_a_second_run_of_a_finished_tournament_asks_and_changes_nothing(
    whole: tuple[str, dict[str, int]], folder: Path
) -> None:
    log: Log = []
    _play(folder / "arena.db", Steps(), [])
    _play(folder / "arena.db", Steps(), log)
    assert log == []
    with Store(folder / "arena.db") as store:
        assert dump(store) == whole[0]
