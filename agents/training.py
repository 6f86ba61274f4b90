"""`Trainer`: one step of learning from verdicts, for any number of policies at once.

Questions are grown into trees of sampled speeches, a judge reads them, and what its verdicts pay
becomes advantages, samples, gradients and new weights. A step is a function of the weights, the
pool, the running baselines and the step's number: with these restored it runs again to the bit (on
a CPU with one thread). Nothing here reads the truth, and no judge is made here: they are arguments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from agents.adapters import LoraSettings
from agents.learner import Learner
from agents.losses import LearnerError, Loss, Sample, Stats
from agents.opponents import Opponents
from agents.policy import Policy, adapters_of
from agents.rollout import Bout, Sampled, rollout, samples
from arena import metrics
from arena.batch import RewardRow
from arena.credit import Baseline, Credits, CreditSettings, Running, Tree, credit
from arena.flow import Engine, Reply, Request
from arena.grow import Grown
from arena.ids import derive_seed
from arena.match import PERSON, Agent, Judge, participant_id
from arena.protocols import JUDGE, Protocol
from arena.questions import Question
from arena.tournament import matches
from arena.trainfile import TrainBlock


@dataclass(frozen=True, slots=True)
class Game:
    """What is played for training: who sits where, who judges, who pays what.

    ``seats`` names a player for each speaking seat of ``protocols``; ``players`` are these as they
    are before training. ``questions`` gives those of a step (from 0); ``pay`` the reward rows of a
    tree that ``judge`` has read; no ``judge``: people read what is in a store, and what they pay is
    given to `Trainer.learn`. ``engine`` makes an engine that answers for everybody now.
    """

    seed: int
    protocols: Sequence[Protocol]
    seats: Mapping[str, str]
    players: Mapping[str, Agent]
    judge: Judge | None
    questions: Callable[[int], Sequence[Question]]
    pay: Callable[[Grown], list[RewardRow]]
    engine: Callable[[], Engine]

    def team(self, protocol: Protocol) -> list[str]:
        """The players of a protocol's speaking seats, in their order."""
        return [self.seats[seat] for seat in protocol.speakers]


@dataclass(slots=True)
class Stepped:
    """What a step did: its trees with their rewards, and its figures by `arena.metrics` name.

    ``seconds`` are those of generation, judging, learning.
    """

    step: int
    sampled: Sampled
    rows: list[list[RewardRow]]
    credits: Credits
    values: dict[str, float | None]
    seconds: dict[str, float]


@dataclass(slots=True)
class _Learnt:
    """What the learners said of a step, by policy."""

    stats: dict[str, Stats] = field(default_factory=dict)
    norms: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains ``policies`` (by player's name) at a `Game`; ``step`` is how many steps were taken."""

    def __init__(self, game: Game, policies: Mapping[str, Policy], settings: TrainBlock) -> None:
        self.game, self.policies, self.settings = game, dict(policies), settings
        self.step = 0
        self.running = Running()
        self.judge = PERSON if game.judge is None else participant_id(game.judge)
        lora = LoraSettings(settings.lora.rank, settings.lora.alpha, settings.lora.targets)
        for policy in self.policies.values():
            policy.attach(lora, game.seed)
        self.learners = [
            Learner(
                engine.network,
                [one.name for one in group],
                references={one.name: one.reference for one in group if one.reference},
                clip_norm=settings.clip_norm,
                max_batch_tokens=settings.batch_tokens,
            )
            for engine, group in adapters_of(self.policies)
        ]
        self.opponents = Opponents(
            game.seed, game.protocols, game.seats, self.policies, settings.pool
        )
        baseline: Baseline = settings.baseline
        if game.judge is None and baseline == "leave-one-out":  # people read few of a group
            baseline = "leave-one-out or running"
        self._credit = CreditSettings(settings.credit, baseline, settings.scale)
        self._loss = Loss(clip=settings.clip, kl=settings.kl, entropy=settings.entropy)

    # -- one step

    def advance(self, share: float | None = None) -> Stepped:
        """Take the next step, ``share`` of the way (the step's own share of all, if None).

        Raises LearnerError where a step would not be a number: that one changed no weight, earlier
        ones of the same call (``epochs``, another model's policies) did; go on from a checkpoint.
        """
        sampled = self.sample()
        return self.learn(sampled, [self.game.pay(tree) for tree in sampled.trees], share)

    def sample(self) -> Sampled:
        """Grow the trees of the next step and have them read; changes nothing."""
        settings, judge = self.settings, self.game.judge
        if judge is None:
            raise ValueError("people read the matches of this game: give their verdicts to learn")
        return rollout(
            self.bouts(self.step), judge, self.judge, self.game.engine(),
            settings.widths, settings.opponents, settings.nodes,
        )  # fmt: skip

    def learn(
        self,
        sampled: Sampled,
        rows: list[list[RewardRow]],
        share: float | None = None,
        older: Mapping[str, str] | None = None,
        loss: Loss | None = None,
    ) -> Stepped:
        """Learn from what trees were paid, one list of rows each; that is the next step.

        ``older`` maps ids of earlier versions of the policies, which may have spoken as well, to
        their names; ``loss`` is another one than the settings' (a cap on the ratio, for those).
        """
        done, settings = self.step, self.settings
        authors = {participant_id(one.now()): name for name, one in self.policies.items()}
        authors |= older or {}
        forest: list[Tree] = list(zip(sampled.trees, rows, strict=True))
        found = credit(forest, self._credit, self.running, set(authors))
        said = (
            (authors[one.spoken.author], one.spoken.calls, one.advantage)
            for one in found.advantages
        )
        self._spoke(sampled, authors)
        made = samples(said, sampled.calls, self._lines)
        way = done / settings.steps if share is None else share
        rate = settings.lr * settings.factor(done, way)
        begin = time.perf_counter()
        learnt = self._learn(made, rate, loss or self._loss)
        seconds = {**sampled.seconds, "learning": time.perf_counter() - begin}
        values = self._values(sampled, found, authors, made, learnt)
        values[metrics.train("lr")] = rate
        for seat, won in self.opponents.note(sampled, self.judge).items():
            values[metrics.train("pool", self.game.seats[seat])] = won
        self.running = found.running
        self.step = done + 1
        for policy in self.policies.values():
            policy.trained()
        self.opponents.join(self.step)
        return Stepped(self.step, sampled, rows, found, values, seconds)

    def _spoke(self, sampled: Sampled, authors: Mapping[str, str]) -> None:
        """LearnerError where a policy cannot speak any more: then no loss says so."""
        said: dict[str, list[str]] = {}
        for tree in sampled.trees:
            for one in tree.spoken:
                if one.author in authors:
                    said.setdefault(authors[one.author], []).append(one.speech.status)
        for name, found in said.items():
            if len(found) > 1 and not {"ok", "length", "over limit"}.intersection(found):
                raise LearnerError(
                    f"all {len(found)} speeches of {name} in step {self.step + 1} failed: its "
                    "weights are spoilt, or its prompts do not fit; go on from an earlier "
                    "checkpoint, with a smaller train.lr"
                )

    def bouts(self, step: int) -> list[Bout]:
        """The matches of a step (from 0): a function of the seed, the step, the policies, the pool.

        Sides follow an order of the questions that is drawn from the seed: over a step each seat of
        a protocol defends each answer equally often (where their number is odd, over the steps),
        and the truth has no part in it.
        """
        game = self.game
        asked = game.questions(step)
        drawn = sorted(
            range(len(asked)), key=lambda i: derive_seed(game.seed, "sides", step, asked[i].id, i)
        )
        now = {
            name: self.policies[name].now() if name in self.policies else player
            for name, player in game.players.items()
        }
        made: list[Bout] = []
        seen: dict[str, int] = {}
        odd = derive_seed(game.seed, "odd one out", step) % 2
        for place, i in enumerate(drawn):
            nth, which = divmod(place, len(game.protocols))
            question, protocol = asked[i], game.protocols[which]
            shift = odd * (len(range(which, len(asked), len(game.protocols))) % 2)
            again = seen[question.id] = seen.get(question.id, -1) + 1
            team = game.team(protocol)
            cast: dict[str, Agent | Judge] = dict(
                zip(protocol.speakers, (now[name] for name in team), strict=True)
            )
            met = self.opponents.draw(protocol, step, place, nth)
            if met is not None:
                cast[met.other] = met.who
            pair = tuple(participant_id(cast[seat]) for seat in protocol.speakers)
            seed = derive_seed(game.seed, "train", step)
            match = matches(question, nth + shift, protocol, pair, seed, again, self.judge)[0]
            if protocol.asks and game.judge is not None:
                cast[JUDGE] = game.judge
            swapped = derive_seed(game.seed, "listing", step, place) % 2 == 1
            learners = tuple(
                seat for seat, name in zip(protocol.speakers, team, strict=True)
                if name in self.policies and (met is None or seat != met.other)
            )  # fmt: skip
            opponent = None if met is None else (met.seat, met.name)
            made.append(Bout(match, cast, learners, swapped, opponent))
        return made

    def _lines(self, adapter: str, allowed: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
        return self.policies[adapter].engine.lines(allowed)

    def _learn(self, made: Sequence[Sample], rate: float, loss: Loss) -> _Learnt:
        """Step on the samples, where they can teach anything."""
        found = _Learnt()
        idle = not (loss.kl or loss.entropy)
        for learner in self.learners:
            mine = [one for one in made if one.adapter in learner.adapters]
            if not mine or (idle and not any(one.advantages for one in mine)):
                continue
            for _ in range(self.settings.epochs):
                found.stats |= learner.forward_backward(mine, loss)
                found.norms |= learner.optim_step(rate)
        return found

    # -- figures

    def measure(self, player: str, calls: Sequence[tuple[Request, Reply]]) -> Stats | None:
        """KL to the reference, entropy and the like on a policy's own calls; None of none."""
        kept = {request.key: (request, reply) for request, reply in calls}
        made = samples([(player, list(kept), 0.0)], kept, self._lines)
        for learner in self.learners:
            if player in learner.adapters and made:
                return learner.measure(made).get(player)
        return None

    def _values(
        self, sampled: Sampled, found: Credits, authors: Mapping[str, str],
        made: Sequence[Sample], learnt: _Learnt,
    ) -> dict[str, float | None]:  # fmt: skip
        train = metrics.train
        values: dict[str, float | None] = {
            train("zero_advantage"): found.zero / found.groups if found.groups else None,
            train("alone"): found.alone,
            train("left_out"): found.missing,
            train("samples"): len(made),
            train("tokens"): sampled.tokens,
            train("missing"): sum(
                turn.verdict.status not in ("ok", "tie")
                for tree in sampled.trees
                for turn in tree.turns
                if turn.kind == "verdict"
            ),
            train("uses_truth"): float(found.uses_truth),
            train("idle"): float(not learnt.stats),
        }
        for name in self.policies:
            mine = [one for one in found.advantages if authors.get(one.spoken.author) == name]
            said = [
                one for tree in sampled.trees for one in tree.spoken
                if authors.get(one.author) == name
            ]  # fmt: skip
            if not said:
                continue
            tokens = sum(
                len(sampled.calls[key][1].token_ids) for one in said for key in one.calls
            )  # fmt: skip
            values[train("length", name)] = tokens / len(said)
            values[train("failures", name)] = sum(
                one.speech.status not in ("ok", "length") for one in said
            )
            if mine:
                values[train("reward", name)] = sum(one.reward for one in mine) / len(mine)
            stats = learnt.stats.get(name)
            if stats is not None:
                values |= {
                    train("loss", name): stats.loss,
                    train("kl", name): stats.kl_turn,
                    train("entropy", name): stats.entropy,
                    train("ratio_max", name): stats.ratio_max,
                    train("clipped", name): stats.clipped,
                    train("gradient_norm", name): learnt.norms.get(name),
                }
        return values

    # -- what a checkpoint holds beside the weights

    def state(self) -> dict[str, Any]:
        """JSON values; with the learners' snapshots and the pool's adapters, all there is."""
        return {
            "step": self.step,
            "running": self.running.state(),
            "pools": self.opponents.state(),
            "models": {name: one.engine.model_of(name) for name, one in self.policies.items()},
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`; weights and the pool's adapters are in place already.

        Raises ValueError where they are not those of the state.
        """
        self.step = int(state["step"])
        self.running = Running(**cast(Any, state["running"]))
        self.opponents.resume(state["pools"])
        for name, policy in self.policies.items():
            policy.version = self.step
            model = policy.engine.refresh(name)
            if model != state["models"].get(name):
                raise ValueError(f"the weights of {name} are not those that were kept")
