"""Supervised training of the shipped judges, by a proper score: the log score of the posterior.

The loss is the cross-entropy between the posterior of what was shown and the network's next token
over its whole vocabulary, so that its probability mass is on the labels. Labels drawn from the
posterior are an unbiased lesson too, but a judge of this size learnt nothing from 200,000 of them.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from agents.chat import Chat
from agents.manner import Manner
from agents.nano.network import HELD_OUT, JUDGE, Shape, fresh
from agents.nano.pretrain import save
from agents.nano.tokens import build, pieces
from agents.nano.trainer import Masters, schedule
from agents.prompts import PASSAGE
from arena.ids import derive_seed
from judges.lessons import DRILL, DRILL_BOTH, MIXED, PLAIN, Judged, Mixture, contested, course


@dataclass(frozen=True, slots=True)
class JudgeTraining:
    """How a judge is made: on how many transcripts, from which lessons.

    ``drill`` is the share of the first ``transcripts`` over which those of the drill dwindle from
    all to one in ten; ``plain`` the share until which the others come from `PLAIN`. A last course
    of ``late`` more is `contested`; its learning rate begins anew, at ``again`` of the first.
    """

    seed: int = 1
    transcripts: int = 350_000
    batch: int = 64
    muon: float = 5e-3
    adamw: float = 2e-3
    flat: float = 0.6
    drill: float = 0.1
    plain: float = 0.35
    late: int = 125_000
    again: float = 0.4
    notes: float = 0.5  # weight of what single lines are worth, beside the verdict

    @property
    def total(self) -> int:
        """The transcripts of all courses."""
        return self.transcripts + self.late

    def of_length(self, total: int) -> JudgeTraining:
        """The same courses in the same proportions, in ``total`` transcripts."""
        late = round(self.late * total / self.total)
        return replace(self, transcripts=total - late, late=late)


def losses(network: Any, chat: Chat, batch: Sequence[Judged], targets: Any, pad: int) -> Any:
    """The cross-entropies (nats): of the labels, (B,) for ``targets`` (B, 2); of the notes, (N,).

    The notes are taught at the end of each line that was found: without them a small judge takes
    hours to notice that a line on another fact is worth nothing.
    """
    import torch

    prompts = [chat.prompt(one.messages) for one in batch]
    width = max(map(len, prompts))
    device = network.device
    ids = torch.tensor([[*p, *[pad] * (width - len(p))] for p in prompts], device=device)
    sizes = torch.tensor([len(p) for p in prompts], device=device)
    mask = torch.arange(width, device=device) < sizes[:, None]
    hidden = network.model(input_ids=ids, attention_mask=mask.long(), use_cache=False)
    states = hidden.last_hidden_state
    last = states[torch.arange(len(batch), device=device), sizes - 1]
    logp = network.lm_head(last).float().log_softmax(-1)
    labels = torch.tensor([_labels(chat, one) for one in batch], device=device)
    verdicts = -(targets * logp.gather(-1, labels)).sum(-1)
    noted = [
        (row, place, (chat.encode(note) or [pad])[0])
        for row, (prompt, one) in enumerate(zip(prompts, batch, strict=True))
        for place, note in zip(_ends(chat, prompt), one.notes, strict=True)
    ]
    if not noted:
        return verdicts, verdicts.new_zeros(1)
    rows, places, said = (torch.tensor(part, device=device) for part in zip(*noted, strict=True))
    guessed = network.lm_head(states[rows, places]).float()
    return verdicts, torch.nn.functional.cross_entropy(guessed, said, reduction="none")


def _ends(chat: Chat, prompt: Sequence[int]) -> list[int]:
    """The places of the tokens that end the lines which a prompt shows as found."""
    (stop,) = chat.encode(".")
    begins, ends = _found(chat), []
    inside = False
    for place, token in enumerate(prompt):
        inside |= token in begins
        if inside and token == stop:
            ends.append(place)
            inside = False
    return ends


@lru_cache(maxsize=4)
def _found(chat: Chat) -> frozenset[int]:
    """The tokens that open a line which was found."""
    opening = [piece for piece in pieces() if f"\n{PASSAGE}" in piece]
    return frozenset(chat.encode(piece)[0] for piece in opening)


def _labels(chat: Chat, one: Judged) -> list[int]:
    """The tokens of the labels, in the order in which the prompt lists them."""
    first = one.messages[-1].content.endswith("A or B")
    return [chat.encode(label)[0] for label in ("AB" if first else "BA")]


def _courses(how: JudgeTraining, step: int) -> list[str]:
    """Which course each transcript of a step comes from."""
    draw = Random(derive_seed("lesson", how.seed, step))
    done = step * how.batch / how.transcripts
    share = max(0.1, 1 - done / how.drill)
    other = "plain" if done < how.plain else "mixed" if done < 1 else "late"
    return ["drill" if draw.random() < share else other for _ in range(how.batch)]


def _rate(how: JudgeTraining, done: int) -> float:
    """What the learning rates are multiplied with after so many transcripts."""
    if done < how.transcripts:
        return schedule(done / how.transcripts, how.flat, warm=0.01)
    return how.again * schedule((done - how.transcripts) / how.late, how.flat, warm=0.02)


def train_judge(
    folder: Path,
    how: JudgeTraining,
    shape: Shape = JUDGE,
    mixture: Mixture = MIXED,
    drill: Mixture = DRILL,
    report: Callable[[dict[str, float]], None] = lambda figures: None,
    stop: Callable[[], bool] = lambda: False,
    device: str = "cpu",
) -> bool:
    """Train a judge into ``folder``, from its checkpoint there if it has one.

    Returns whether training is complete; ``stop`` is asked after every step.
    """
    import torch

    tokenizer = build()
    chat = Chat(tokenizer)
    masters = Masters(fresh(shape, tokenizer, how.seed).to(device), torch.bfloat16)
    state = {"transcripts": 0, "step": 0}
    name = folder / "checkpoint.pt"
    settings = json.dumps([asdict(one) for one in (how, shape, mixture, drill)])
    if name.exists():
        kept = torch.load(name, weights_only=True)
        if kept["how"] != settings:
            raise ValueError(
                f"{folder.name} holds a training with other settings; "
                "give the same ones to go on, or name another folder"
            )
        masters.restore(kept["masters"])
        state = kept["state"]
    had = Counter(one for step in range(state["step"]) for one in _courses(how, step))
    lessons = {"drill": drill, "plain": PLAIN, "mixed": mixture,
               "late": contested(mixture)}  # fmt: skip
    made = {name: course(how.seed, mix, had[name]) for name, mix in lessons.items()}
    written = time.monotonic()
    while state["transcripts"] < how.total:
        batch = [next(made[name]) for name in _courses(how, state["step"])]
        targets = torch.tensor([one.target for one in batch], device=device)
        loss, notes = losses(masters.network, chat, batch, targets, tokenizer.pad_token_id)
        (loss.mean() + how.notes * notes.mean()).backward()
        rate = _rate(how, state["transcripts"])
        masters.step(how.muon * rate, how.adamw * rate)
        state["transcripts"] += how.batch
        state["step"] += 1
        entropy = -(targets * targets.clamp_min(1e-9).log()).sum(-1)
        figures = {"excess": float((loss.detach() - entropy).mean()),
                   "notes": float(notes.detach().mean())}  # fmt: skip
        report({**state, **figures})
        complete = state["transcripts"] >= how.total
        if time.monotonic() - written > 120 or stop() or complete:
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / "checkpoint.part"
            torch.save({"how": settings, "masters": masters.state(), "state": state}, part)
            os.replace(part, name)
            written = time.monotonic()
            if stop() and not complete:
                return False
    save(masters.network, tokenizer, folder, Manner("terse"))
    return True


RECIPES: dict[str, tuple[JudgeTraining, Shape, Mixture, Mixture]] = {
    "nano-judge": (JudgeTraining(seed=1), JUDGE, MIXED, DRILL),
    "nano-judge-2": (
        JudgeTraining(seed=2, drill=0.25, late=300_000),
        HELD_OUT,
        Mixture(own=0.36, theirs=0.16, other=0.2, near=0.12),
        DRILL_BOTH,
    ),
}
"""The shipped judges: one to train against, and one of another architecture, size, seed and mixture
that nothing is ever trained against."""
