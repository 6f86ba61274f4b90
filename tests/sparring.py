"""Small games for training: a tiny model, two adapters, and judges that like some letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import Any

import torch

from agents.debater import Debater
from agents.local import LocalEngine
from agents.policy import Policy
from agents.templates import TEMPLATES
from agents.training import Game, Trainer
from arena.credit import verdict_rows
from arena.flow import Flow
from arena.match import View, participant_id
from arena.protocols import Limits, Protocol, debate
from arena.questions import Question
from arena.trainfile import LoraBlock, PoolBlock, TrainBlock
from arena.turns import Verdict

LIKED = frozenset("abcdefghijklm")
BRIEF = debate(rounds=1, limits=Limits(tokens=6))
PASSAGE = "\n".join(f"The {thing} was in the {place}." for thing, place in
                    zip(("ball", "kite", "drum", "boat"), ("barn", "loft", "shed", "hall"),
                        strict=True))  # fmt: skip


def liked(text: str) -> float:
    """The share of a text's characters that the judge likes."""
    return sum(one in LIKED for one in text) / len(text) if text else 0.0


@dataclass(frozen=True)
class Likes:
    """A judge whose log-odds are how much more of one speaker's text it likes."""

    strength: float = 6.0

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": "likes", "settings": {"strength": self.strength}}

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ()
        spoken = [turn for turn in view.turns if turn.kind in ("speech", "answer", "critique")]
        worth = {option.label: 0.0 for option in view.options}
        labels = list(worth)
        for turn in spoken:
            paid = turn.side if len({t.seat for t in spoken}) == 1 else turn.seat
            key = paid if paid in worth else labels[0] if turn.kind == "answer" else labels[-1]
            worth[key] += self.strength * liked(turn.text)
        weights = [exp(value) for value in worth.values()]
        p = tuple(one / sum(weights) for one in weights)
        tie = len(set(p)) == 1
        return Verdict(None if tie else p.index(max(p)), p, status="tie" if tie else "ok")


@dataclass(frozen=True)
class Silent:
    """A judge from whom nothing can be had."""

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": "silent"}

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ()
        return Verdict(status="unparsed")


def asked(step: int, count: int = 2) -> list[Question]:
    """The questions of a step."""
    return [
        Question(f"Was it so, {step} and {n}?", ("Yes", "No"), PASSAGE, "test")
        for n in range(count)
    ]


def block(**changes: Any) -> TrainBlock:
    """Settings for a game of seconds."""
    plain = TrainBlock(
        "likes", steps=50, questions=2, group=4, opponents=2, lr=0.02, warmup=0, decay=False,
        kl=0.0, lora=LoraBlock(4, 8), pool=PoolBlock(share=0.0),
    )  # fmt: skip
    return replace(plain, **changes)


def trainer(
    folder: Path,
    settings: TrainBlock | None = None,
    protocols: Sequence[Protocol] = (BRIEF,),
    learn: Sequence[str] = ("alice", "bob"),
    seats: Mapping[str, str] | None = None,
    judge: Any = None,
    start: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Trainer:
    """A trainer of a tiny model that lies in ``folder``; ``start`` changes the debaters."""
    torch.set_num_threads(1)
    settings = settings or block()
    engine = LocalEngine(str(folder))
    seats = seats or {"A": "alice", "B": "bob"}
    player = Debater(
        engine.model, engine.name, engine.digest, templates=TEMPLATES["terse"], **(start or {})
    )
    players = {name: player for name in seats.values()}
    paying = judge or Likes()
    who = participant_id(paying)
    game = Game(
        seed, protocols, seats, players, paying, lambda step: asked(step, settings.questions),
        lambda tree: verdict_rows(tree, who, settings.rule), lambda: engine,
    )  # fmt: skip
    return Trainer(game, {name: Policy(name, player, engine) for name in learn}, settings)


def weights(one: Trainer, name: str) -> dict[str, torch.Tensor]:
    """A copy of an adapter's matrices."""
    network = one.policies[name].engine.network
    return {
        key: value.detach().clone()
        for key, value in network.named_parameters()
        if f".{name}." in key
    }


def base_weights(one: Trainer) -> dict[str, torch.Tensor]:
    """A copy of everything that is no adapter."""
    engine = next(iter(one.policies.values())).engine
    return {
        key: value.detach().clone()
        for key, value in engine.network.named_parameters()
        if "lora_" not in key
    }


def equal(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    """Whether tensors are the same, to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
