"""Steps of a training run whose judge is a person.

Its matches are played into the store, somebody judges them on the page, and a step learns from
what has been judged by then. `arena.queue` holds the rules; here they meet the trainer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING

from agents.losses import Loss
from agents.rollout import Bout, Sampled, timed
from agents.training import Stepped
from arena import metrics
from arena.batch import Batch
from arena.ids import derive_seed
from arena.match import PERSON, Agent, participant_id
from arena.protocols import JUDGE
from arena.queue import (
    OLDEST,
    Judged,
    enqueue,
    of_step,
    open_matches,
    retire,
    spend,
    spendable,
    waited,
)
from arena.runner import Planned, execute

if TYPE_CHECKING:
    from ui.training import Shows
    from ui.trainsetup import Setup

POLL = 1.0
"""Seconds between two looks at the store."""


@dataclass(slots=True)
class People:
    """The steps of a run that people pay.

    ``waiting`` are the matches that nobody has judged yet where the last call of `step` ended
    without one; ``idle`` is for how long (seconds) that call waited.
    """

    setup: Setup
    shows: Shows
    waiting: list[tuple[str, str]] = field(default_factory=list)
    idle: float = 0.0

    def step(self, share: float, shown: float) -> Stepped | None:
        """Take the next step, ``share`` of the way; None where too few verdicts came in time.

        Verdicts are written down as the step's before it changes anything: a step that was begun
        before is taken again with the same ones. ``shown`` is what the progress bar is at.
        """
        store, run, trainer = self.setup.store, self.setup.run.name, self.setup.trainer
        self.idle, self.waiting = 0.0, []
        played, begin = (0, 0.0), perf_counter()
        found = of_step(store, run, trainer.step + 1)
        if not found:
            tokens = self._play(shown)
            played = tokens, perf_counter() - begin
            begin = perf_counter()
            judged = self._judged(shown)
            self.idle = perf_counter() - begin
            if judged is None:
                return None
            found = judged
        return self._learn(found, share, *played)

    def close(self) -> None:
        """The run is over: nobody need judge its matches any more."""
        run, over = self.setup.run.name, self.setup.trainer.step + OLDEST + 1
        retire(self.setup.store, run, over)

    def bouts(self) -> list[Bout]:
        """The matches of the next step: those that are sampled ``group`` times stand one by one,
        each with noise of its own, so that each can be read; they are this run's alone, so that
        no verdict is spent by two."""
        run = self.setup.run.name
        return [
            replace(bout, match=replace(bout.match, seed=derive_seed(bout.match.seed, run, n)))
            for bout in self.setup.trainer.bouts(self.setup.trainer.step)
            for n in range(self.setup.block.group)
        ]

    def _play(self, shown: float) -> int:
        """Play what the next step asks for into the store; the tokens that were sampled."""
        setup, trainer = self.setup, self.setup.trainer
        store, run, game = setup.store, setup.run.name, setup.trainer.game
        retire(store, run, trainer.step)
        bouts = self.bouts()
        players: dict[str, Agent] = {
            participant_id(who): who  # type: ignore[misc]
            for bout in bouts
            for seat, who in bout.cast.items()
            if seat != JUDGE
        }
        rest = Batch(
            items=list(setup.items.values()),
            protocols=list(game.protocols),
            participants={key: who.record for key, who in players.items()},
        )
        labelled = [
            (bout.match, {
                "setting": f"{bout.match.protocol.name}: sampled", "judges": [PERSON],
                "learners": {seat: game.seats[seat] for seat in bout.learners},
                "opponent": bout.opponent,
            })
            for bout in bouts
        ]  # fmt: skip
        enqueue(store, run, trainer.step, labelled, rest)
        done = {row["id"] for row in store.query("SELECT id FROM matches WHERE played = 1")}
        missing = [Planned(bout.match) for bout in bouts if bout.match.id not in done]
        if not missing:
            return 0
        engine = timed(game.engine())
        execute(
            store, missing, players, {}, engine, setup.run.run.width,
            progress=lambda n: self.shows.at(shown, f"playing {n}/{len(missing)}"),
        )  # fmt: skip
        return engine.tokens

    def _judged(self, shown: float) -> list[Judged] | None:
        """Wait for enough verdicts; those that the next step learns from, none of which may be
        left; None where the time is up."""
        store, run, block = self.setup.store, self.setup.run.name, self.setup.block.people
        version, until = self.setup.trainer.step, None
        if block.wait is not None:
            until = monotonic() + 60 * block.wait
        told = -1
        while True:
            ready = len(spendable(store, run, version, block.held_out_share))
            left = open_matches(store, run, version)
            if ready >= block.enough or not left:
                found = spend(store, run, version + 1, block.held_out_share)
                if found or not left:
                    return found
            if ready != told:
                told = ready
                self._tell(ready, len(left), shown)
            if until is not None and monotonic() >= until:
                self.waiting = [(match, JUDGE) for match in left]
                return None
            sleep(POLL)

    def _tell(self, ready: int, left: int, shown: float) -> None:
        step, enough = self.setup.trainer.step + 1, self.setup.block.people.enough
        self.shows.at(shown, f"{ready} of {enough} verdicts")
        store = "" if self.setup.store.path is None else f" --store {self.setup.store.path}"
        self.shows.note(
            f"step {step} waits for people: {ready} of {enough} verdicts are in, {left} debates "
            f"are unread; to judge: arena ui{store} --run {self.setup.run.name}"
        )

    def _learn(self, found: Sequence[Judged], share: float, tokens: int, seconds: float) -> Stepped:
        """One step on these verdicts and no others."""
        store, trainer, block = self.setup.store, self.setup.trainer, self.setup.block
        made = waited(store, self.setup.run.name, found)
        keys = [key for one in made for said in one.tree.spoken for key in said.calls]
        requests, replies = store.requests(keys), store.replies(keys)
        sampled = Sampled(
            [Bout(one.tree.match, {}, tuple(one.learners), False, one.opponent) for one in made],
            [one.tree for one in made],
            {key: (requests[key], replies[key]) for key in keys},
            tokens,
            {"generation": seconds, "judging": 0.0},
        )
        authors = {
            who: one.learners[seat]
            for one in made
            for seat, who in one.tree.match.seats
            if seat in one.learners
        }
        older = sum(one.version < trainer.step for one in found)
        loss = Loss(
            clip=block.clip, kl=block.kl, entropy=block.entropy,
            cap=block.people.cap if older else None,
        )  # fmt: skip
        stepped = trainer.learn(sampled, [one.rows for one in made], share, authors, loss)
        stepped.values[metrics.train("verdicts")] = len(found)
        stepped.values[metrics.train("older")] = older
        return stepped
