"""`arena train`: the loop of a training run: steps, evaluations, alarm, checkpoints, resuming.

What is killed is started again by the same command: it goes on from the newest checkpoint, and
what had been sampled after it is thrown away. Checkpoints and adapters lie beside the store.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol

from agents import checkpoint
from agents.sinks import Sink, check_sinks, open_sinks
from agents.training import Stepped
from arena import metrics
from arena.alarm import Alarm, AlarmSettings, Watch, restored
from arena.batch import Batch
from arena.config import ConfigError
from arena.desk.settings import set_settings
from arena.ids import canonical
from arena.match import participant_id
from arena.queue import ledger, retake
from arena.runfile import RunFile
from arena.runner import provenance
from arena.store import Store, StoreError
from ui.evaluation import Found, evaluate
from ui.trainpeople import People
from ui.trainplace import alone, take_back
from ui.trainsetup import Setup, identity, setup_of


class Shows(Protocol):
    """What shows a training run while it goes on."""

    def at(self, share: float, text: str) -> None:
        """How much of the run is done, from 0 to 1, and what it is doing."""

    def note(self, text: str) -> None:
        """One line that stays."""


@dataclass(slots=True)
class Trained:
    """What a call of `train_file` came to. ``reason`` says why the run is over, or stands still:
    then ``waiting`` are the matches that wait for a person, and their seats."""

    steps: int
    reason: str
    place: Path
    failed: Counter[str] = field(default_factory=Counter)
    waiting: list[tuple[str, str]] = field(default_factory=list)


def training_folder(store: Store, name: str) -> Path:
    """Where a run's checkpoints lie: ``arena.db`` -> ``arena-training/NAME`` beside it."""
    return store.beside("training", name)


def train_file(
    run: RunFile, folder: Path, store: Store, shows: Shows, place: Path | None = None
) -> Trained:
    """Train what a run file describes, from wherever it was stopped; ``place`` is its folder.

    Raises one-line errors for what does not fit, before anything is written, and LearnerError where
    a step would not be a number.
    """
    block = run.train
    if block is None:
        raise ConfigError("train: expected a block with at least `judge`, the judge that pays")
    try:
        check_sinks(block.sinks)
    except ValueError as error:
        raise ConfigError(f"train.{error}") from None
    place = place or training_folder(store, run.name)
    done = store.one("SELECT finished_at FROM runs WHERE name = ? AND kind = 'train'", run.name)
    setup = setup_of(run, block, folder, store)
    store.start_run(run.name, "train", identity(setup), provenance())
    if run.desk is not None:
        set_settings(store, run.name, run.desk)
    if done is not None and done["finished_at"] is not None:
        last = store.one("SELECT max(step) AS n FROM metrics WHERE run = ?", run.name)
        return Trained(int((last and last["n"]) or 0), "finished before", place)
    with alone(place, run.name):
        return _Loop(setup, place, shows).go()


# ---------------------------------------------------------------------------------------------
# The loop.


class _Loop:
    """A training run from its newest checkpoint to its end."""

    def __init__(self, setup: Setup, place: Path, shows: Shows) -> None:
        self.setup, self.place, self.shows = setup, place, shows
        self.trainer, self.block = setup.trainer, setup.block
        self.people = People(setup, shows) if setup.trainer.game.judge is None else None
        alarm = setup.block.alarm
        act: Literal["stop", "warn"] = "stop" if alarm.act == "stop" else "warn"
        self.watch = Watch(AlarmSettings(act, alarm.level))
        self.seconds = 0.0  # that this run has taken so far, in all processes
        self.tokens = 0
        self.idle = False  # whether it was said that a step taught nothing
        self.failed: Counter[str] = Counter()
        self.sinks: list[Sink] = []

    def go(self) -> Trained:
        """Go on to the end; one evaluation before the first step and one after the last.

        Where people judge, every step is kept: what they said must not be needed twice."""
        self._resume()
        block, trainer, people = self.block, self.trainer, self.people
        try:
            self.sinks = open_sinks(
                block.sinks, self.setup.run.name, self.place, trainer.step, self.shows.note
            )
        except ValueError as error:
            raise ConfigError(f"train.{error}") from None
        gc.freeze()  # the models' modules, which every full collection would go through
        try:
            while True:
                reason = self._over()
                if reason or trainer.step % block.evaluate.every == 0:
                    if trainer.step:
                        self._keep()
                    alarm = self._evaluate(done=reason == "steps")
                    if alarm is not None and alarm.act == "stop":
                        reason = f"alarm: {alarm.reason}"
                elif people or trainer.step % block.checkpoints == 0:
                    self._keep()
                if reason:
                    break
                if not self._step():
                    reason = "waits for people"
                    break
        finally:
            gc.unfreeze()
            for sink in self.sinks:
                sink.close()
        if reason == "steps" or reason.startswith("alarm"):  # else more time would go on with it
            self.setup.store.finish_run(self.setup.run.name)
            if people:
                people.close()
        waiting = people.waiting if people else []
        return Trained(trainer.step, reason, self.place, self.failed, waiting)

    def _over(self) -> str:
        """Why the run is over; empty while it is not."""
        limits = self.setup.run.run
        if self.trainer.step >= self.block.steps:
            return "steps"
        if limits.minutes is not None and self.seconds >= 60 * limits.minutes:
            return "minutes"
        if limits.budget is not None and self.tokens >= limits.budget:
            return "budget"
        return ""

    def _share(self, of_time: bool = True) -> float:
        """How much of the run is done."""
        minutes = self.setup.run.run.minutes
        spent = self.seconds / (60 * minutes) if minutes and of_time else 0.0
        return min(1.0, max(self.trainer.step / self.block.steps, spent))

    def _step(self) -> bool:
        """Take a step; False where it waits for people, and their time is up."""
        begin = time.perf_counter()
        share = self._share(self.block.decay == "minutes")
        if self.people:
            given = self.people.step(share, self._share())
            begin += self.people.idle
            if given is None:
                return False
            stepped = given
        else:
            stepped = self.trainer.advance(share)
            if self.block.record == "all":
                self._record(stepped)
        total = time.perf_counter() - begin
        name = metrics.train
        values = stepped.values
        values[name("seconds")] = total
        values |= {name("seconds", what): took for what, took in stepped.seconds.items()}
        values[name("seconds", "other")] = total - sum(stepped.seconds.values())
        self._metrics(stepped.step, values)
        if values[name("idle")] and not self.idle:
            self.idle = True
            self.shows.note(
                f"step {stepped.step} taught nothing: {values[name('missing')] or 0:.0f} "
                f"transcripts have no verdict, {values[name('left_out')] or 0:.0f} speeches no "
                f"reward, {values[name('alone')] or 0:.0f} groups one member; the rest were all "
                "paid the same"
            )
        self.seconds += time.perf_counter() - begin
        self.tokens += stepped.sampled.tokens
        self.shows.at(self._share(), f"step {stepped.step}/{self.block.steps}")
        return True

    def _metrics(self, step: int, values: Mapping[str, float | None]) -> None:
        metrics.keep(self.setup.store, self.setup.run.name, step, values)
        for sink in self.sinks:
            sink.write(step, values)

    def _record(self, stepped: Stepped) -> None:
        """Keep the sampled matches of a step, under the run's own name, in one transaction."""
        trees, bouts = stepped.sampled.trees, stepped.sampled.bouts
        run, step = self.setup.run.name, stepped.step
        begin = (step - 1) * self.block.questions
        batch = Batch(items=list(self.setup.items.values()))
        reader = self.setup.bench.readers[0]  # who has read these trees
        batch.participants = {
            participant_id(one): one.record for bout in bouts for one in bout.cast.values()
        } | {reader.id: reader.judge.record}
        batch.protocols = list(self.trainer.game.protocols)
        batch.matches = [tree.match for tree in trees]
        for n, (bout, tree) in enumerate(zip(bouts, trees, strict=True)):
            label = {
                "setting": f"{tree.match.protocol.name}: sampled", "step": step,
                "learners": list(bout.learners), "opponent": bout.opponent and bout.opponent[1],
            }  # fmt: skip
            batch.run_matches.append((run, begin + n, tree.match.id, label))
            batch.turns += [(tree.match, turn) for turn in tree.turns]
        batch.played = [tree.match.id for tree in trees]
        batch.replies = list(stepped.sampled.calls.values())
        batch.rewards = [row for rows in stepped.rows for row in rows]
        self.setup.store.write(batch)

    def _evaluate(self, done: bool) -> Alarm | None:
        """Evaluate, and raise the alarm; a run that is ``done`` cannot be stopped any more."""
        begin = time.perf_counter()
        step, shows = self.trainer.step, self.shows
        found = evaluate(
            self.setup.bench, self.trainer,
            lambda done, total: shows.at(self._share(), f"step {step}: evaluation {done}/{total}"),
        )  # fmt: skip
        alarm = None
        if self.block.alarm.act != "off":
            alarm = self.watch.see(found.seen)
            if alarm is not None and done:
                alarm = replace(alarm, act="warn")
            found.values[metrics.evaluation("alarm")] = float(alarm is not None)
        found.values[metrics.evaluation("zero_advantage")] = self._since("zero_advantage")
        for who in self.trainer.policies:
            norm = self._since("gradient_norm", who)
            found.values[metrics.evaluation("gradient_norm", who)] = norm
        self._metrics(step, found.values)
        self.failed.update(found.failed)
        self.shows.note(summary(step, found))
        for note in found.notes if not step else ():
            self.shows.note(note)
        if alarm is not None:
            self._alarmed(alarm)
        self.seconds += time.perf_counter() - begin
        return alarm

    def _since(self, figure: str, who: str = "") -> float | None:
        """The mean of a figure of training since the evaluation before."""
        sql = (
            "SELECT avg(value) AS mean FROM metrics WHERE run = ? AND name = ? AND step <= ? "
            "AND step > ?"
        )
        name, step = metrics.train(figure, who), self.trainer.step
        every = self.block.evaluate.every
        before = (step - 1) // every * every
        row = self.setup.store.one(sql, self.setup.run.name, name, step, before)
        return None if row is None else row["mean"]

    def _alarmed(self, alarm: Alarm) -> None:
        run = self.setup.run.name
        value = {"run": run, "step": alarm.step, "reason": alarm.reason, "act": alarm.act}
        key = f"alarm {run} {alarm.step}"
        self.setup.store.write(Batch(events=[{"key": key, "kind": "alarm", "value": value}]))
        self.shows.note(f"judge-hacking alarm ({alarm.act}): {alarm.reason}")

    # -- checkpoints

    def _keep(self) -> None:
        """Publish the adapters and write a checkpoint, where this step has none yet."""
        store, run, place = self.setup.store, self.setup.run.name, self.place
        step = self.trainer.step
        there = place / "checkpoints" / str(step)
        if there.is_dir() and f"checkpoint {step}" in store.artifacts(run):
            return
        begin = time.perf_counter()
        rows = []
        for name, policy in self.trainer.policies.items():
            ref = policy.publish(place / "adapters")
            rows.append((run, f"{name}@{step}", ref.digest, f"adapters/{name}/{step}"))
        extra = {"run": self._whose(), "seconds": self.seconds, "tokens": self.tokens,
                 "watch": self.watch.state()}  # fmt: skip
        if self.people:
            extra["spent"] = ledger(store, run, step)
        if there.is_dir():  # killed before its rows were written
            digest = checkpoint.digest(there)
        else:
            digest, _ = checkpoint.save(self.trainer, place / "checkpoints", extra)
        rows.append((run, f"checkpoint {step}", digest, f"checkpoints/{step}"))
        left = {one.name for one in (place / "checkpoints").iterdir()}
        gone = [
            (run, name) for name in store.artifacts(run)
            if name.startswith("checkpoint ") and name.removeprefix("checkpoint ") not in left
        ]  # fmt: skip
        store.execute(
            {"DELETE FROM artifacts WHERE run = ? AND name = ?": gone,
             "INSERT INTO artifacts VALUES (?,?,?,?) ON CONFLICT (run, name) DO UPDATE "
             "SET digest = excluded.digest, place = excluded.place": rows}
        )  # fmt: skip
        self.seconds += time.perf_counter() - begin

    def _whose(self) -> str:
        """What its checkpoints say of the run that they belong to."""
        return sha256(canonical(identity(self.setup)).encode()).hexdigest()[:32]

    def _resume(self) -> None:
        """Go to the newest checkpoint, and take back what was noted of later steps."""
        store, run = self.setup.store, self.setup.run.name
        place, damaged = checkpoint.newest(self.place / "checkpoints")
        if place is None and damaged:
            raise StoreError(
                f"run {run!r} cannot go on: {damaged[0]}; put its files back, or take "
                f"{self.place / 'checkpoints'} away to start again"
            )
        for why in damaged:
            self.shows.note(f"{why}: passed over")
        if place is not None:
            kept = store.artifacts(run).get(f"checkpoint {place.name}")
            if kept is not None and kept[0] != checkpoint.digest(place):
                raise StoreError(
                    f"checkpoint {place.name} of run {run!r} is not the one that this store knows; "
                    "name the folder that belongs to it with --folder"
                )
            if checkpoint.extra_of(place).get("run") != self._whose():
                raise StoreError(
                    f"{self.place} holds checkpoints of another run, or of this one with other "
                    "settings; name another folder with --folder"
                )
            try:
                extra = checkpoint.load(self.trainer, place)
            except ValueError as error:
                raise StoreError(f"run {run!r} cannot go on: {error}") from None
            if self.people and extra.get("spent") != ledger(store, run, self.trainer.step):
                raise StoreError(
                    f"run {run!r} cannot go on: this store does not hold the verdicts that its "
                    f"checkpoint {place.name} has learnt from; use the store that does"
                )
            self.seconds, self.tokens = extra["seconds"], extra["tokens"]
            self.watch = restored(extra["watch"])
            self.shows.note(f"goes on from step {self.trainer.step}")
        step = self.trainer.step
        checkpoint.drop_after(self.place / "checkpoints", step)
        last = store.one("SELECT max(step) AS n FROM metrics WHERE run = ?", run)
        if place is None and last is not None and last["n"]:
            self.shows.note("no checkpoint is there: starts again from the beginning")
        take_back(store, run, step)
        if self.people:  # their matches stay: somebody may have judged them
            known = [name.split() for name in store.artifacts(run) if "@" not in name]
            retake(store, run, max([step, *(int(number) for _, number in known)]))
            return
        taken = [(run, step * self.block.questions)]
        store.execute({"DELETE FROM run_matches WHERE run = ? AND position >= ?": taken})


def summary(step: int, found: Found) -> str:
    """An evaluation in one line."""

    def figure(name: str) -> str:
        value = found.values.get(name)
        return "-" if value is None else f"{value:.3f}"

    accuracy = metrics.evaluation("accuracy", "").rstrip("/")
    judges = [name for name in found.values if name.startswith(f"{accuracy}/")]
    parts = [f"{name.removeprefix(accuracy + '/')} {figure(name)}" for name in judges]
    met = "trained, alone" if found.alone else "trained against before"
    win = [figure(metrics.evaluation("win", who)) for who in (metrics.HONEST, metrics.DISHONEST)]
    return (
        f"step {step}: judge accuracy {', '.join(parts) or '-'}; {met}: "
        f"wins {figure(metrics.evaluation('win'))} (honest {win[0]}, dishonest {win[1]}), proxy "
        f"{figure(metrics.evaluation('proxy'))}"
    )
