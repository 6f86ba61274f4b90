"""``arena demo``: the whole thing, on what the package ships and in minutes.

Two debaters and a consultant learn live from the verdicts of a small judge; all that was promised
of debate is then measured on held-out questions, before and after; and a last run shows what
happens where the judge has a weakness, and how the monitor stops it. Everything is an ordinary
stored run: a demo that was stopped goes on by the same command, one that is over shows what is
there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.models import Models
from agents.weights import SHIPPED, find_model, model_digest
from arena import metrics
from arena.config import ConfigError
from arena.ids import canonical
from arena.runfile import Questions, RunFile, RunLimits
from arena.runner import provenance
from arena.store import Store, StoreError
from arena.trainfile import AlarmBlock, EvaluateBlock, PoolBlock, TrainBlock
from arena.training_report import training_report
from ui.conditions import (
    BASE,
    FREE,
    REFERENCE,
    TRAINED,
    Conditions,
    Teams,
    perform_conditions,
)
from ui.training import training_folder

if TYPE_CHECKING:
    from ui.runs import Progress
    from ui.training import Shows

NAME = "demo"
DEBATE, CONSULTANCY, PLANTED = f"{NAME}-debate", f"{NAME}-consultancy", f"{NAME}-planted"
VARIANT = FREE
MODEL = "nano"
JUDGE, HELD_OUT = "prompted:nano-judge", "prompted:nano-judge-2"
REFERENCES = ("reference-a", "reference-b")
"""The shipped adapters: the debaters of the first run of `experiments/free.yaml`."""
WEAKNESS = f"planted:phrase,phrase=as guessed by,bonus=6,of=({JUDGE})"
"""The judge of the last run: it leans to whoever alone shows a line that was only guessed. Policies
that may say nothing but lines of the passage can reach that, and it costs them their evidence: a
fabrication, which `planted:trust` would pay for, they cannot say."""
QUESTIONS, MINUTES = 400, 2.0
CONSULTANT_SHARE = 0.5
"""Of the minutes, for the consultant: one policy in half the time of two."""
SEED, HELD_OUT_SEED, TRAINING_SEED = 20, 1000, 7
WATCHED = 100
"""Held-out questions of an evaluation during training; twice as many where the monitor may act."""
PLANTED_STEPS, PLANTED_EVERY = 60, 5
"""Steps of the last run at most, and between its evaluations."""

RECIPES = {
    "free": TrainBlock(judge="weak", steps=300),
    "equal": TrainBlock(
        judge="weak", steps=150, questions=10, group=6, branch=4, nodes=3, opponents=3
    ),
}
"""How the debaters are trained, by variant, as in the studies (`experiments/`)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``n`` questions for each condition; ``minutes`` for a training (None: to the end of its
    recipe), of which the consultant gets a share."""

    n: int = QUESTIONS
    minutes: float | None = MINUTES

    def __post_init__(self) -> None:
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise ConfigError(f"--minutes must be more than 0, and finite, got {self.minutes}")

    @property
    def value(self) -> dict[str, Any]:
        """What makes a demo this demo and no other: what was asked for, and what is shipped."""
        return {
            **asdict(self), "variant": VARIANT.name, "seed": SEED,
            "judges": [JUDGE, HELD_OUT, WEAKNESS],
            "models": {name: model_digest(find_model(name)) for name in SHIPPED},
        }  # fmt: skip


@dataclass(slots=True)
class Demo:
    """What a demo has shown. ``goodhart`` is the run against the planted weakness: steps of its
    evaluations, with the proxy reward and the gold accuracy at each."""

    conditions: Conditions
    goodhart: dict[str, Any]
    steps: int  # of the debaters' training

    @property
    def value(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "conditions": [row.value for row in self.conditions.rows()],
            "goodhart": self.goodhart,
        }


@dataclass(frozen=True, slots=True)
class Faces:
    """How a demo shows itself: bars for trainings and for matches, and lines."""

    training: Callable[[str], AbstractContextManager[Shows]]
    playing: Callable[[str], AbstractContextManager[Progress]]
    say: Callable[[str], None]


def perform_demo(
    store: Store, settings: Settings, faces: Faces, shown: Callable[[Conditions], None]
) -> Demo:
    """Train, compare and over-optimise, from wherever it was stopped; ``shown`` is given the
    comparison as soon as it is there.

    Raises StoreError where the store holds a demo with other settings.
    """
    _claim(store, settings)
    faces.say(f"1/4  training two debaters {_for(settings.minutes)} against {JUDGE}")
    steps = _train(store, _debate(settings.minutes), faces)
    share = None if settings.minutes is None else settings.minutes * CONSULTANT_SHARE
    less = "" if share is None else ": one policy, so half the time of two"
    faces.say(f"2/4  training a consultant {_for(share)}{less}")
    alone = _train(store, _consultancy(share), faces)
    trained = (_player(store, DEBATE, "alice", steps), _player(store, DEBATE, "bob", steps))
    a, b = (f"local:{MODEL}#{name}" for name in REFERENCES)
    debaters = {BASE: (f"local:{MODEL}",) * 2, TRAINED: trained, REFERENCE: (a, b)}
    consultants = {
        BASE: f"local:{MODEL}", TRAINED: _player(store, CONSULTANCY, "carol", alone),
    }  # fmt: skip
    faces.say(f"3/4  all conditions on {settings.n} held-out questions")
    with faces.playing("playing and judging") as progress:
        found = perform_conditions(
            store, NAME, VARIANT.items(SEED, settings.n), VARIANT,
            Teams(debaters, consultants), VARIANT.readers(JUDGE, HELD_OUT), Models(),
            seed=SEED, experts=(metrics.LITERAL, metrics.STRATEGIC), kind=NAME,
            config=settings.value, progress=progress,
        )  # fmt: skip
    shown(found)
    faces.say(f"4/4  training on, against a judge with a planted weakness: {WEAKNESS}")
    _train(store, _planted(settings.minutes, trained), faces)
    return Demo(found, goodhart(store), steps)


def _claim(store: Store, settings: Settings) -> None:
    """Take the name, or refuse in one line that says how the demo there was called."""
    value = settings.value
    kept = store.one("SELECT kind, config FROM runs WHERE name = ?", NAME)
    if kept is not None and (kept["kind"], kept["config"]) != (NAME, canonical(value)):
        before = json.loads(kept["config"])
        raise StoreError(
            f"store {store.path} holds a demo {_called(before, value)} name another store with "
            "--store"
        )
    place = training_folder(store, NAME)
    if set("@,()") & set(str(place)):
        raise StoreError(
            f"the demo's adapters would lie in {place}, and a participant cannot name a path with "
            "@ , ( or ); name another store with --store"
        )
    store.start_run(NAME, NAME, value, provenance())


def _called(kept: dict[str, Any], value: dict[str, Any]) -> str:
    """How the demo that is there was asked for, where that is all that differs."""
    asked = dict.fromkeys(("n", "minutes"))
    if {**kept, **asked} != {**value, **asked}:
        return "that another version of this package has made;"
    how = "--full" if kept["minutes"] is None else f"--minutes {kept['minutes']:g}"
    return f"with --n {kept['n']} {how}; give the same again, or"


def _for(minutes: float | None) -> str:
    return "to the end" if minutes is None else f"for {minutes:g} min"


# ---------------------------------------------------------------------------------------------
# Trainings.


def _run(
    name: str, minutes: float | None, players: dict[str, str], judge: str, block: TrainBlock,
    protocol: str = VARIANT.protocol,
) -> RunFile:  # fmt: skip
    """A training of the demo, as if a file had described it."""
    block = replace(
        block, held_out="other", decay=True if minutes is None else "minutes",
        evaluate=replace(block.evaluate, seed=HELD_OUT_SEED),
    )  # fmt: skip
    return RunFile(
        name=name,
        seed=SEED,
        questions=Questions(seed=TRAINING_SEED, faces=VARIANT.faces, lines=VARIANT.lines),
        protocols=(protocol,),
        players=players,
        judges={"weak": judge, "other": HELD_OUT},
        run=RunLimits(width=256, minutes=minutes),
        train=block,
    )


def _debate(minutes: float | None) -> RunFile:
    block = replace(RECIPES[VARIANT.name], evaluate=EvaluateBlock(every=50, n=WATCHED))
    players = {"alice": f"local:{MODEL}", "bob": f"local:{MODEL}"}
    return _run(DEBATE, minutes, players, JUDGE, block)


def _consultancy(minutes: float | None) -> RunFile:
    block = replace(RECIPES["free"], evaluate=EvaluateBlock(every=50, n=WATCHED))
    players = {"carol": f"local:{MODEL}"}
    return _run(CONSULTANCY, minutes, players, JUDGE, block, "consultancy")


def _planted(minutes: float | None, trained: tuple[str, str]) -> RunFile:
    """The run that goes wrong: larger steps, no KL, frozen starts across the table on half the
    questions."""
    block = replace(
        RECIPES[VARIANT.name], steps=PLANTED_STEPS, lr=0.004, kl=0.0, pool=PoolBlock(share=0.5),
        evaluate=EvaluateBlock(every=PLANTED_EVERY, n=2 * WATCHED), alarm=AlarmBlock(act="stop"),
    )  # fmt: skip
    players = dict(zip(("alice", "bob"), trained, strict=True))
    return _run(PLANTED, minutes, players, WEAKNESS, block)


def _train(store: Store, run: RunFile, faces: Faces) -> int:
    """Train a run to its end, or to where its time is up; returns its steps."""
    from ui.training import train_file

    with faces.training(f"training {run.name}") as shows:
        done = train_file(run, Path(), store, shows)
    store.finish_run(run.name)  # more time is for another demo
    faces.say(f"     {run.name}: {done.steps} steps; {done.reason.partition(':')[0]}")
    return done.steps


def _player(store: Store, run: str, name: str, steps: int) -> str:
    """A trained player as a participant string."""
    adapters = training_folder(store, run) / "adapters"
    if not (adapters / name / str(steps)).is_dir():
        raise StoreError(
            f"{adapters} lacks {name} after step {steps}, which this store's demo has trained; put "
            "the folder back, or name another store with --store"
        )
    return f"local:{MODEL}#{adapters / name}@{steps}"


def goodhart(store: Store) -> dict[str, Any]:
    """What the run against the planted weakness came to, from the store: the steps of its
    evaluations; the proxy reward at each (mean log-odds against the frozen start, by the judge
    with the weakness); gold, the held-out judge's accuracy; and where the monitor stopped it."""
    found = training_report(store, PLANTED)
    seen = [
        (one["step"], one["proxy"]["value"], one["accuracy"][metrics.HELD_OUT]["value"])
        for one in found["evaluations"]
    ]
    alarms = found["alarms"]
    stops = [one for one in alarms if one["act"] == "stop"]
    done = f"no alarm in {found['steps']} steps"
    if alarms and not stops:
        done = f"over before the alarm could stop it: {alarms[-1]['reason']}"
    return {
        "steps": [step for step, _, _ in seen],
        "proxy": [proxy for _, proxy, _ in seen],
        "gold": [gold for _, _, gold in seen],
        "stopped_at": stops[-1]["step"] if stops else None,
        "reason": stops[-1]["reason"] if stops else done,
    }
