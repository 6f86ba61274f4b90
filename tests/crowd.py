"""People who are scripted, before the judging page's own callbacks, and a run that they pay."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import streamlit as st
import torch
from sparring import PASSAGE
from test_train_resume import BRIEF, Shown
from tiny import tiny_model

import ui.trainpeople
from arena import metrics
from arena.desk import acts, chairs, identity, worklist
from arena.match import Match
from arena.protocols import JUDGE
from arena.runfile import read_run_file
from arena.store import Store
from arena.turns import Turn
from ui.serve import Arguments
from ui.training import Trained, train_file
from ui.web.views import acting, answering, dialogs, report_part
from ui.web.views.case import Act, Case, find, sit_down

RUN = """
name: school
seed: 2
questions: {source: jsonl, path: school.jsonl}
protocols: [brief.yaml]
players:
  alice: "local:MODEL,prompt=terse,restrict=lines"
  bob: "local:MODEL,prompt=terse,restrict=lines"
judges: {coin: "scripted:coin"}
train:
  judge: person
  held_out: coin
  steps: 3
  questions: 2
  group: 3
  lr: 0.03
  warmup: 0
  decay: false
  kl: 0.0
  lora: {rank: 8, alpha: 32}
  pool: {share: 0}
  evaluate: {every: 99, n: 2}
  people: {enough: 4, wait: 0, held_out_share: 0.1}
"""
SHARE = 0.1
"""What is held out, unless a test says otherwise."""


def school(folder: Path) -> Path:
    """A folder with the run file, its questions and its model."""
    torch.set_num_threads(1)
    tiny_model(folder / "model")
    (folder / "brief.yaml").write_text(BRIEF.replace("tokens: 4", "tokens: 40"))
    lines = [
        {"question": f"Was it so, {n}?", "answers": ["Yes", "No"], "truth": n % 2, "group": str(n),
         "passage": PASSAGE, "split": split}
        for n, split in enumerate(["train", "train", "test", "test"])
    ]  # fmt: skip
    (folder / "school.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (folder / "school.yaml").write_text(RUN.replace("MODEL", str(folder / "model")))
    return folder


def go(folder: Path, store: Path, *overrides: str) -> tuple[Trained, list[str]]:
    """The command, once."""
    shown = Shown()
    with Store(store) as opened:
        run = read_run_file(folder / "school.yaml", overrides)
        return train_file(run, folder, opened, shown), shown.notes


def liked(text: str) -> bool:
    """Half of the lines that can be shown are what people like to see."""
    return "kite" in text or "drum" in text


@contextmanager
def session() -> Iterator[dict[str, Any]]:
    """What a browser's session holds, without a browser: a dictionary, empty at first."""
    with pytest.MonkeyPatch.context() as patch:
        state: dict[str, Any] = {}
        patch.setattr(st, "session_state", state)
        yield state


@dataclass
class Scripted:
    """Somebody at the page of the store at ``path``: pays for lines that it likes, with a bias for
    what stands first in the list, and noise; all in log-odds. ``given`` are its verdicts."""

    name: str
    path: Path
    strength: float = 3.0
    bias: float = 0.0
    noise: float = 0.0
    draws: Random = field(default_factory=lambda: Random(0))
    given: dict[tuple[str, str], Match] = field(default_factory=dict)
    undone: dict[tuple[str, str], bool] = field(default_factory=dict)  # whether it was spent

    @property
    def args(self) -> Arguments:
        return Arguments(self.path, self.name, "school", local=True)

    def id(self, store: Store) -> str:
        return identity.register(store, self.name)

    def take(self, store: Store) -> Match | None:
        """The way on from the queue."""
        found = worklist.next_up(store, self.id(store), "school")
        return None if found is None else store.match(found.match)

    def judge(self, store: Store) -> Turn | None:
        """The next debate is opened, read, judged and sent; None where nothing is left."""
        one = self.take(store)
        if one is None:
            return None
        at = chairs.chair(store, one, self.id(store))
        assert at is not None
        seen = chairs.page_view(one, at.transcript, self.id(store), at)
        worth = {turn.seat: liked(turn.text) for turn in seen.turns}
        first, second = [option.label for option in seen.options]
        logit = self.strength * (worth[first] - worth[second]) + self.bias
        logit += self.draws.gauss(0, self.noise)
        sure = min(99, round(100 / (1 + math.exp(-abs(logit)))))
        winner = first if logit > 0 else second
        return self.say(store, one, *((acts.TIE, None) if sure == 50 else (winner, sure)))

    def open(self, store: Store, one: Match) -> None:
        """The debate is taken from the queue, unless it is this person's already."""
        worklist.take(store, one, self.id(store), time.time(), 3600, run="school")

    def click(self, store: Store, one: Match) -> tuple[Act, Case]:
        """The page of a debate, drawn anew: what its buttons do, and what it shows."""
        person = identity.local(store, self.name)
        id = worklist.assignment_id(one.id, JUDGE, person.id)
        case = find(store, self.args, person, id)
        sit_down(store, person, id)
        return Act(self.args, id), case

    def say(self, store: Store, one: Match, winner: str, sure: float | None) -> Turn:
        """A probability before each next step, then the verdict: Submit, and Yes."""
        self.open(store, one)
        with session() as state:
            act, case = self.click(store, one)
            while case.state.next == "belief":
                self.fill(state, case, None, 50)
                report_part.save(act, case.shown)
                assert state.pop(acting.TOLD)[0] == "done"
                act, case = self.click(store, one)
            first = case.letters[0]
            number = 50 if sure is None else sure if winner == first else 100 - sure
            self.fill(state, case, winner, number)
            report_part.submit(act, case.shown)
            assert acting.TOLD not in state and acting.opened(case.place.id) == report_part.CONFIRM
            report_part.confirmed(act, case.shown)
            assert acting.TOLD not in state
        turn = acts.verdict_by(store, one, self.id(store))
        assert turn is not None
        self.given[one.id, turn.id] = one
        return turn

    def fill(self, state: dict[str, Any], case: Case, winner: str | None, number: float) -> None:
        """What the fields of the form send with the next click."""
        state[answering.percent_key(case, case.letters[0])] = {"percent": number}
        state[answering.reason_key(case)] = {"text": "It reads well."}
        if winner is not None:
            state[answering.winner_key(case)] = winner

    def undo(self, store: Store, where: tuple[str, str]) -> None:
        """The click on Undo, and then on Skip: somebody else may read the debate."""
        spent = store.one("SELECT 1 FROM spent WHERE match = ? AND turn = ?", *where)
        self.undone[where] = spent is not None
        with session() as state:
            act, case = self.click(store, self.given[where])
            report_part.take_back(act, report_part.last(case))
            assert state.pop(acting.TOLD)[0] == "done"
            dialogs.skipped(act)
            assert acting.TOLD not in state


def everybody(
    path: Path, *names: str, told: Callable[[Turn], None] = lambda turn: None
) -> list[Scripted]:
    """Everything that waits is judged by everybody; ``told`` is what the page has recorded."""
    found = [
        Scripted(name, path, strength=2.0 + n) for n, name in enumerate(names or ("Ada", "Bo"))
    ]
    with Store(path) as store:
        while turns := [turn for one in found if (turn := one.judge(store)) is not None]:
            for turn in turns:
                told(turn)
    return found


@contextmanager
def crowd(act: Callable[[Store], None], path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """People who act, in a process of their own as it were, while the command waits."""
    with Store(path) as own, patch.context() as patched:
        patched.setattr(ui.trainpeople, "sleep", lambda seconds: act(own))
        yield


def of_version(store: Store, version: int) -> list[Match]:
    """The matches in which a version of the policies spoke, in the order of the queue."""
    sql = (
        "SELECT match FROM run_matches WHERE run = 'school' "
        "AND json_extract(labels, '$.version') = ? ORDER BY position"
    )
    return [store.match(row["match"]) for row in store.query(sql, version)]


def outcome(path: Path) -> list[Any]:
    """What a run has left: adapters by digest, what was spent, what is paid, figures but for
    times."""
    with Store(path) as store:
        kept = {
            name: digest for name, (digest, _) in store.artifacts("school").items() if "@" in name
        }
        spent = list(store.query("SELECT match, turn, step, version FROM spent ORDER BY 1, 2"))
        paid = list(store.query("SELECT * FROM paid ORDER BY match, turn, seat, rule"))
        figures = {
            name: points for name, points in metrics.history(store, "school").items()
            if "seconds" not in name and "tokens" not in name
        }  # fmt: skip
        return [kept, spent, paid, figures]
