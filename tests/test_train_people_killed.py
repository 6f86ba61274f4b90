"""What a training run that people pay promises when it is killed: no verdict that was recorded is
lost or spent twice, and the same verdicts make the same weights, to the bit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crowd import SHARE, Scripted, everybody, go, outcome, school
from test_train_resume import killed

from agents.learner import Learner
from agents.local import LocalEngine
from arena.accounts import account
from arena.queue import held_out, judged
from arena.store import Store, StoreError
from arena.training_report import training_report

SHORT = "train.steps=2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return school(tmp_path_factory.mktemp("people"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "arena.db"


@pytest.fixture(scope="module")
def whole(folder: Path) -> list[Any]:
    """A run of two steps with two people, which nobody kills."""
    store = folder / "whole.db"
    for _ in range(2):
        go(folder, store, SHORT)
        everybody(store)
    done, _ = go(folder, store, SHORT)
    assert (done.steps, done.reason) == (2, "steps")
    found = outcome(store)
    assert {row["step"] for row in found[1]} == {1, 2}
    return found


KILLS_ITSELF = """
import os, signal, sys
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
from crowd import everybody, go
from test_train_people_killed import SHORT
from agents.learner import Learner
torch.set_num_threads(1)
folder, store = Path(sys.argv[2]), Path(sys.argv[3])
step = Learner.forward_backward
def fatal(*args, **kwargs):
    step(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
for n in range(2):
    go(folder, store, SHORT)
    everybody(store, told=lambda turn: print(turn.id, flush=True))
Learner.forward_backward = fatal
go(folder, store, SHORT)
"""


def test_a_process_that_is_killed_within_a_step_has_lost_nothing_that_was_acknowledged(
    folder: Path, store: Path, whole: list[Any]
) -> None:
    tests = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", KILLS_ITSELF, tests, str(folder), str(store)],
        capture_output=True, text=True, timeout=300, cwd=Path(tests).parent,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    acknowledged = done.stdout.split()
    with Store(store) as opened:
        known = [one.turn for one in judged(opened, "school")]
        assert len(known) == len(acknowledged) == 24 and set(known) == set(acknowledged)
        spent = list(opened.query("SELECT turn, step FROM spent"))
        assert {row["step"] for row in spent} == {1, 2}  # the second is begun, and not taken
        assert {row["turn"] for row in spent} <= set(acknowledged)
    go(folder, store, SHORT)
    assert outcome(store) == whole


@pytest.mark.check
@pytest.mark.parametrize(
    ("where", "name", "call"),
    [
        (Learner, "forward_backward", 1),  # what is spent is written down, no weight has changed
        (LocalEngine, "save", 2),  # the weights have changed; one of two adapters is published
        (os, "rename", 3),  # the checkpoint is not yet in its place
    ],
    ids=["spending", "publishing", "renaming"],
)
def test_wherever_it_is_killed_nothing_is_spent_twice_and_nothing_is_lost(
    where: Any, name: str, call: int, folder: Path, store: Path, whole: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for _ in range(2):
        go(folder, store, SHORT)
        everybody(store)
    with killed(where, name, call, monkeypatch):
        go(folder, store, SHORT)
    with Store(store) as opened:
        assert {row["step"] for row in opened.query("SELECT step FROM spent")} == {1, 2}
    go(folder, store, SHORT)
    assert outcome(store) == whole


def test_what_is_taken_back_before_the_killed_step_is_taken_again_is_no_reward(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same weights as where it was taken back before the step was ever begun, wherever in the
    step the process died."""
    left = {}
    for dies in ("never", "forward_backward", "save"):
        store = tmp_path / dies / "arena.db"
        store.parent.mkdir()
        go(folder, store)
        ada, _ = everybody(store)
        if dies != "never":  # in the middle of the step, or when one of two adapters is published
            where, call = (LocalEngine, 2) if dies == "save" else (Learner, 1)
            with killed(where, dies, call, monkeypatch):
                go(folder, store)
        with Store(store) as opened:
            taken = min(
                key for key, one in ada.given.items()
                if not held_out(ada.id(opened), one.question.id, SHARE)
            )  # fmt: skip
            ada.undo(opened, taken)
            assert ada.undone == {taken: dies != "never"}
        go(folder, store)
        left[dies] = outcome(store)
        with Store(store) as opened:
            assert account(opened, "school", 1, SHARE).counts["withdrawn"] == 1
            assert training_report(opened, "school")["spent_and_withdrawn"] == []
            assert all(row["turn"] != taken[1] for row in left[dies][1])
    assert left["forward_backward"] == left["never"] == left["save"]


def test_what_comes_in_before_the_killed_step_is_taken_again_is_for_the_next_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same weights as where it came after the step."""
    left = []
    for dies in (False, True):
        store = tmp_path / str(dies) / "arena.db"
        store.parent.mkdir()
        ada, sets = Scripted("Ada", store), "train.people={enough: 3, wait: 0, held_out_share: 0}"
        go(folder, store, sets)
        with Store(store) as opened:
            first = {turn.id for _ in range(3) if (turn := ada.judge(opened))}
        if dies:
            with killed(Learner, "forward_backward", 1, monkeypatch):
                go(folder, store, sets)
        else:
            go(folder, store, sets)
        with Store(store) as opened:
            assert ada.judge(opened)
        go(folder, store, sets)
        kept, spent, *_ = outcome(store)
        assert {row["turn"] for row in spent} == first and {row["step"] for row in spent} == {1}
        left.append(kept)
    assert left[0] == left[1]


@pytest.mark.check
def test_killed_while_it_plays_it_plays_the_same_matches(
    folder: Path, store: Path, whole: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    go(folder, store, SHORT)
    everybody(store)
    with killed(LocalEngine, "collect", 1, monkeypatch):  # in the middle of the second step's
        go(folder, store, SHORT)
    go(folder, store, SHORT)
    everybody(store)
    go(folder, store, SHORT)
    assert outcome(store) == whole


def test_without_its_checkpoints_a_run_is_trained_again_on_the_same_verdicts(
    folder: Path, store: Path, whole: list[Any]
) -> None:
    """To the same bits, though one was taken back meanwhile: those weights have been published."""
    go(folder, store)
    ada, _ = everybody(store)
    go(folder, store)
    with Store(store) as opened:
        before = outcome(store)
        spent = {(row["match"], row["turn"]) for row in before[1]}
        where = min(key for key in ada.given if key in spent)
        ada.undo(opened, where)
        assert ada.undone == {where: True}
        assert training_report(opened, "school")["labels"] == [
            "has learnt from a verdict that was taken back afterwards"
        ]
    shutil.rmtree(store.parent / "arena-training" / "school" / "checkpoints")
    _, notes = go(folder, store)
    assert any("starts again from the beginning" in note for note in notes)
    after = outcome(store)
    assert (after[0], after[1], after[3]) == (before[0], before[1], before[3])
    assert before[0].items() <= whole[0].items()
    with Store(store) as opened:
        (listed,) = training_report(opened, "school")["spent_and_withdrawn"]
    assert (listed["match"], listed["turn"]) == where
    assert (listed["person"], listed["step"]) == ("Ada", 1)


def test_a_store_that_has_lost_what_was_spent_is_refused(folder: Path, store: Path) -> None:
    go(folder, store)
    everybody(store)
    go(folder, store)
    with Store(store) as opened:
        opened.execute({"DELETE FROM spent WHERE turn = (SELECT min(turn) FROM spent)": [()]})
    with pytest.raises(StoreError, match="does not hold the verdicts that its checkpoint 1") as hit:
        go(folder, store)
    assert "\n" not in str(hit.value)
