"""What a killed training run promises: the same command gives the same weights, to the bit."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from sparring import block, equal, trainer, weights
from tiny import tiny_model

from agents import checkpoint
from agents.learner import Learner
from agents.local import LocalEngine
from arena import metrics
from arena.batch import Batch
from arena.runfile import read_run_file
from arena.store import Store, StoreError
from arena.trainfile import PoolBlock
from arena.training_report import training_report
from ui.training import train_file, training_folder

STEPS = 5
LONG = pytest.mark.check
RUN = f"""
name: spar
questions: {{source: witness, faces: free, lines: [4, 5]}}
protocols: [brief.yaml]
players: {{alice: "local:MODEL,prompt=terse", bob: "local:MODEL,prompt=terse"}}
judges: {{literal: "scripted:literal", first: "scripted:first"}}
train:
  judge: first
  held_out: literal
  steps: {STEPS}
  questions: 2
  group: 3
  opponents: 2
  baseline: running
  lr: 0.02
  lora: {{rank: 4, alpha: 8}}
  pool: {{share: 0.5, every: 1, size: 2}}
  evaluate: {{every: 4, n: 2}}
  checkpoints: 2
  record: all
"""
BRIEF = """
name: brief
seats: [{name: A, role: debater}, {name: B, role: debater}, {name: judge, role: judge}]
opening: [{slots: [{seat: A, limits: {tokens: 4}}, {seat: B, limits: {tokens: 4}}]}]
closing: [{slots: [{seat: judge, kind: verdict, seen_by: [judge]}]}]
passage_to: [A, B]
"""


class Shown:
    """What was shown of a run."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def at(self, share: float, text: str) -> None:
        assert 0 <= share <= 1

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run file and its model."""
    found = tmp_path_factory.mktemp("run")
    tiny_model(found / "model")
    (found / "brief.yaml").write_text(BRIEF)
    (found / "spar.yaml").write_text(RUN.replace("MODEL", str(found / "model")))
    return found


def go(folder: Path, store: Path, *overrides: str) -> Shown:
    torch.set_num_threads(1)
    shown = Shown()
    run = read_run_file(folder / "spar.yaml", overrides)
    with Store(store) as opened:
        train_file(run, folder, opened, shown)
    return shown


def outcome(path: Path) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """What a run has left: adapters by digest, figures but for times, what was recorded."""
    with Store(path) as store:
        kept = {
            name: digest for name, (digest, _) in store.artifacts("spar").items()
            if "@" in name
        }  # fmt: skip
        figures = [
            (step, name, value)
            for name, points in sorted(metrics.history(store, "spar").items())
            for step, value in points
            if "seconds" not in name
        ]
        claims = [
            tuple(row.values())
            for row in store.query("SELECT * FROM run_matches ORDER BY run, position")
        ]
        tables = [sorted(store.conn.execute(f"SELECT * FROM {name}").fetchall())
                  for name in ("turns", "match_turns", "rewards", "calls")]  # fmt: skip
    return kept, figures, [claims, tables]


@pytest.fixture(scope="module")
def whole(folder: Path) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """What a run leaves that nobody killed."""
    go(folder, folder / "whole.db")
    kept, figures, rest = outcome(folder / "whole.db")
    assert {"alice@5", "bob@5", "alice@2", "alice@4"} <= set(kept)
    assert len({digest for name, digest in kept.items()}) == len(kept)  # every step moves both
    return kept, figures, rest


class Killed(BaseException):
    """The end of a process, as far as it can be played in one."""


@contextmanager
def killed(where: type, name: str, call: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything ends at the ``call``-th call of a function, before it does anything."""
    before: Callable[..., Any] = getattr(where, name)
    count = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count == call:
            raise Killed
        return before(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(where, name, counted)
        with pytest.raises(Killed):
            yield
    assert count == call


@pytest.mark.parametrize(
    ("where", "name", "call", "resumed"),
    [
        (Learner, "optim_step", 4, 2),  # between gradients and step
        (LocalEngine, "save", 6, 2),  # one of two adapters is published
        pytest.param(LocalEngine, "collect", 2, None, marks=LONG),  # in the first evaluation
        pytest.param(Learner, "forward_backward", 2, None, marks=LONG),  # before any checkpoint
        pytest.param(checkpoint.os, "rename", 10, 2, marks=LONG),  # written, not yet in its place
    ],
    ids=["optimiser", "publishing", "evaluation", "first steps", "renaming"],
)
def test_wherever_it_is_killed_the_same_command_ends_with_the_same_bits(
    where: Any, name: str, call: int, resumed: int | None, folder: Path, tmp_path: Path,
    whole: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with killed(where, name, call, monkeypatch):
        go(folder, tmp_path / "arena.db")
    shown = go(folder, tmp_path / "arena.db")
    goes_on = [note for note in shown.notes if note.startswith("goes on")]
    assert goes_on == ([] if resumed is None else [f"goes on from step {resumed}"])
    assert outcome(tmp_path / "arena.db") == whole


def test_evaluations_and_alarms_of_steps_that_are_lost_are_taken_back(
    folder: Path, tmp_path: Path, whole: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoints are gone after an evaluation: the run begins anew and is not in its way."""
    store = tmp_path / "arena.db"
    with killed(Learner, "forward_backward", 5, monkeypatch):
        go(folder, store)
    with Store(store) as kept:
        assert kept.one("SELECT 1 FROM runs WHERE name = 'spar@4'")
        kept.execute({"UPDATE run_matches SET match = match || '?' WHERE run = 'spar@4'": [()]})
        value = {"run": "spar", "step": 4, "reason": "of other policies", "act": "warn"}
        kept.write(Batch(events=[{"key": "alarm spar 4", "kind": "alarm", "value": value}]))
    shutil.rmtree(tmp_path / "arena-training")
    shown = go(folder, store)
    assert "no checkpoint is there: starts again from the beginning" in shown.notes
    assert outcome(store) == whole
    with Store(store) as kept:
        assert training_report(kept, "spar")["alarms"] == []


@pytest.mark.parametrize("call", [2, 3])
def test_a_checkpoint_whose_rows_were_not_written_gets_them(
    call: int, folder: Path, tmp_path: Path, whole: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the checkpoint has its name, and before the store knows it."""
    store = tmp_path / "arena.db"
    execute, calls = Store.execute, 0

    def fatal(self: Store, statements: Any, *others: Any) -> Any:
        nonlocal calls
        if any("INSERT INTO artifacts" in one for one in statements):
            calls += 1
            if calls == call:
                raise Killed
        return execute(self, statements, *others)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Store, "execute", fatal)
        go(folder, store)
    go(folder, store)
    assert outcome(store) == whole


def test_a_run_that_is_finished_is_not_trained_again(
    folder: Path, whole: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("trained")

    monkeypatch.setattr(Learner, "forward_backward", never)
    assert go(folder, folder / "whole.db").notes == []
    assert outcome(folder / "whole.db") == whole


KILLS_ITSELF = """
import os, signal, sys
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
from test_train_resume import go
from agents.learner import Learner
torch.set_num_threads(1)
step, calls = Learner.forward_backward, 0
def fatal(*args, **kwargs):
    global calls
    calls += 1
    done = step(*args, **kwargs)
    if calls == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return done
Learner.forward_backward = fatal
go(Path(sys.argv[2]), Path(sys.argv[3]))
"""


def test_a_process_that_is_killed_within_a_step_is_resumed_to_the_same_bits(
    folder: Path, tmp_path: Path, whole: tuple[Any, ...]
) -> None:
    store = tmp_path / "arena.db"
    tests = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", KILLS_ITSELF, tests, str(folder), str(store)],
        capture_output=True, text=True, timeout=120, cwd=Path(tests).parent,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "arena-training" / "spar" / "checkpoints" / "2" / "state.json").is_file()
    assert "goes on from step 2" in go(folder, store).notes
    assert outcome(store) == whole


# -- checkpoints


def at_step(folder: Path, tmp_path: Path, steps: int = 2) -> tuple[Any, Path]:
    """A trainer after some steps, and its checkpoint."""
    one = trainer(folder / "model", block(pool=PoolBlock(share=0.5, every=1, size=2)))
    for _ in range(steps):
        one.advance()
    _, place = checkpoint.save(one, tmp_path / "checkpoints", {"note": 1})
    return one, place


def fresh(folder: Path, **changes: Any) -> Any:
    return trainer(folder / "model", block(pool=PoolBlock(share=0.5, every=1, size=2), **changes))


def test_a_checkpoint_holds_all_that_the_next_step_depends_on(folder: Path, tmp_path: Path) -> None:
    one, place = at_step(folder, tmp_path)
    other = fresh(folder)
    assert checkpoint.load(other, place) == {"note": 1}
    assert other.state() == one.state()
    steps = one.advance(), other.advance()
    plain = [
        {k: v for k, v in step.values.items() if "seconds" not in k} for step in steps
    ]  # fmt: skip
    assert plain[0] == plain[1]
    for name in ("alice", "bob"):
        assert equal(weights(one, name), weights(other, name))


@pytest.mark.parametrize("spoil", ["learner-0.pt", "state.json", "pool"])
def test_a_checkpoint_that_is_not_what_was_written_is_passed_over(
    spoil: str, folder: Path, tmp_path: Path
) -> None:
    one, first = at_step(folder, tmp_path)
    one.advance()
    _, second = checkpoint.save(one, tmp_path / "checkpoints", {})
    assert checkpoint.newest(tmp_path / "checkpoints") == (second, [])
    (file,) = [one for one in second.rglob("*.safetensors" if spoil == "pool" else spoil)][:1]
    file.write_bytes(file.read_bytes()[:-9])
    found, wrong = checkpoint.newest(tmp_path / "checkpoints")
    assert found == first and len(wrong) == 1 and wrong[0].startswith("checkpoint 3")
    with pytest.raises(ValueError, match=r"^checkpoint 3"):
        checkpoint.load(fresh(folder), second)


def test_a_damaged_checkpoint_is_named_and_where_none_can_be_read_nothing_is_touched(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, kept = tmp_path / "arena.db", tmp_path / "arena-training" / "spar" / "checkpoints"
    with killed(Learner, "forward_backward", 5, monkeypatch):
        go(folder, store)
    older, newer = sorted(int(one.name) for one in kept.iterdir())
    (kept / str(newer) / "learner-0.pt").write_bytes(b"")
    with killed(Learner, "forward_backward", 1, monkeypatch):
        shown = Shown()
        train_file(read_run_file(folder / "spar.yaml"), folder, Store(store), shown)
    assert f"checkpoint {newer}: learner-0.pt is not what was written: passed over" in shown.notes
    assert f"goes on from step {older}" in shown.notes
    (kept / str(older) / "learner-0.pt").write_bytes(b"")
    with pytest.raises(StoreError, match=f"checkpoint {older}: learner-0.pt .* start again"):
        go(folder, store)
    assert (kept / str(older)).is_dir()


def test_checkpoints_of_another_run_are_not_taken_up(folder: Path, tmp_path: Path) -> None:
    """A store that was deleted, and another run of the name with other settings."""
    go(folder, tmp_path / "arena.db")
    for left in tmp_path.glob("arena.db*"):
        left.unlink()
    other = read_run_file(folder / "spar.yaml", ("train.lr=0.5",))
    with (
        Store(tmp_path / "arena.db") as store,
        pytest.raises(StoreError, match=r"checkpoints of another run.*name another folder"),
    ):
        train_file(other, folder, store, Shown())


def test_only_the_newest_two_checkpoints_stay(folder: Path, tmp_path: Path) -> None:
    one, _ = at_step(folder, tmp_path, 1)
    (tmp_path / "checkpoints" / ".9.dead.new").mkdir()
    for _ in range(2):
        one.advance()
        checkpoint.save(one, tmp_path / "checkpoints", {})
    left = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert left == ["2", "3"]


def test_a_checkpoint_of_another_model_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    _, place = at_step(folder, tmp_path)
    tiny_model(tmp_path / "model", seed=1)
    other = fresh(tmp_path)
    with pytest.raises(ValueError) as raised:
        checkpoint.load(other, place)
    assert "\n" not in str(raised.value)


def test_a_folder_of_another_run_is_refused(folder: Path, tmp_path: Path) -> None:
    store, other = tmp_path / "a.db", tmp_path / "b.db"
    go(folder, store, "train.steps=1")
    go(folder, other, "train.steps=1", "seed=3")
    with Store(store) as opened:
        opened.execute({"UPDATE runs SET finished_at = NULL": [()]})
        mine, theirs = training_folder(opened, "spar"), tmp_path / "b-training" / "spar"
    shutil.rmtree(mine)
    shutil.copytree(theirs, mine)
    with pytest.raises(StoreError, match="is not the one that this store knows"):
        go(folder, store, "train.steps=1")


def test_two_processes_do_not_train_one_run(folder: Path, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with Store(tmp_path / "arena.db") as store:
        place = training_folder(store, "spar")
    place.mkdir(parents=True)
    with (place / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="is being trained by another process"):
            go(folder, tmp_path / "arena.db")


def test_time_that_a_run_has_taken_is_kept_and_counts(folder: Path, tmp_path: Path) -> None:
    store, short = tmp_path / "arena.db", "train.steps=2"
    finished = "SELECT finished_at FROM runs WHERE name = 'spar'"
    go(folder, store, "run.minutes=0.0001", short)  # over after the first step
    with Store(store) as opened:
        assert opened.one(finished) == {"finished_at": None}
        assert max(step for step, _ in metrics.history(opened, "spar")[metrics.train("lr")]) == 1
    place = tmp_path / "arena-training" / "spar" / "checkpoints"
    extra = json.loads((place / "1" / "state.json").read_text())["extra"]
    assert extra["seconds"] > 0.006 and extra["tokens"] > 0
    assert go(folder, store, "run.minutes=0.0001", short).notes[0] == "goes on from step 1"
    with Store(store) as opened:
        assert opened.one(finished) == {"finished_at": None}
    go(folder, store, short)  # with more time it goes on to its end
    with Store(store) as opened:
        assert opened.one(finished) != {"finished_at": None}
