"""Supervised training of the debater base: dense lessons, packed by passage.

The keys and values of a passage are computed once, with their gradient, and repeated for its
lessons: the network computes for each exactly what it will compute at play, and the passage is
paid for once. The loss is on the turns. Matrices are trained with Muon, the rest with AdamW, in
bfloat16 with float32 masters.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agents.chat import Chat
from agents.manner import Manner, write_manner
from agents.nano.lessons import SHORT, Lesson, course
from agents.nano.network import DEBATER, Shape, fresh
from agents.nano.portable import portable
from agents.nano.tokens import build
from agents.nano.trainer import Masters, schedule


@dataclass(frozen=True, slots=True)
class Pretraining:
    """How a base is made. ``tokens`` are those of the packed sequences, padding left out."""

    seed: int = 1
    tokens: int = 24_000_000
    passages: int = 24
    lessons: int = 8
    muon: float = 8e-3
    adamw: float = 3e-3
    flat: float = 0.6  # then linear decay
    ramp: tuple[float, float] = (0.05, 0.4)  # passages grow from 4 lines to their full length


@dataclass(frozen=True, slots=True)
class Packed:
    """A passage with its lessons: the tokens all prompts share, then each rest with its turn."""

    passage: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]
    asked: tuple[int, ...]  # how many tokens of a branch are its prompt's

    def __len__(self) -> int:
        return len(self.passage) + sum(map(len, self.branches))


def pack(chat: Chat, lessons: Sequence[Lesson], end: int) -> Packed:
    """Lessons on one passage; what their prompts share is cut so that every rest has a token."""
    prompts = [chat.prompt(one.messages) for one in lessons]
    shared = 0
    while all(len(p) > shared + 1 and p[shared] == prompts[0][shared] for p in prompts):
        shared += 1
    turns = [(*chat.encode(one.turn), end) for one in lessons]
    return Packed(
        prompts[0][:shared],
        tuple(p[shared:] + turn for p, turn in zip(prompts, turns, strict=True)),
        tuple(len(p) - shared for p in prompts),
    )


def _padded(rows: Sequence[Sequence[int]], pad: int, device: Any) -> Any:
    import torch

    width = max(map(len, rows))
    return torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)


def losses(network: Any, batch: Sequence[Packed], pad: int) -> Any:
    """The negative log-likelihood (nats) of every token of the turns, (N,).

    Every passage holds equally many lessons. Logits are computed only where a token is taught:
    they are most of a small model's work.
    """
    import torch

    device = network.device
    each = len(batch[0].branches)
    passages = _padded([one.passage for one in batch], pad, device)
    lengths = torch.tensor([len(one.passage) for one in batch], device=device)
    known = torch.arange(passages.shape[1], device=device) < lengths[:, None]
    cache = network.model(
        input_ids=passages, attention_mask=known.long(), use_cache=True
    ).past_key_values
    cache.batch_repeat_interleave(each)
    rows = [branch for one in batch for branch in one.branches]
    ids = _padded(rows, pad, device)
    place = torch.arange(ids.shape[1], device=device)
    sizes = torch.tensor([len(row) for row in rows], device=device)
    hidden = network.model(
        input_ids=ids,
        attention_mask=torch.cat(
            [known.repeat_interleave(each, 0), place < sizes[:, None]], -1
        ).long(),
        position_ids=lengths.repeat_interleave(each)[:, None] + place,
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    asked = torch.tensor([n for one in batch for n in one.asked], device=device)
    taught = (place >= asked[:, None]) & (place < sizes[:, None])
    row, at = taught.nonzero(as_tuple=True)
    logits = network.lm_head(hidden[row, at - 1])
    return torch.nn.functional.cross_entropy(logits.float(), ids[row, at], reduction="none")


def pretrain(
    folder: Path,
    how: Pretraining,
    shape: Shape = DEBATER,
    report: Callable[[dict[str, float]], None] = lambda figures: None,
    stop: Callable[[], bool] = lambda: False,
    device: str = "cpu",
) -> bool:
    """Train a base into ``folder``, from its checkpoint there if it has one.

    Returns whether training is complete; ``stop`` is asked after every step. The checkpoint is
    written every two minutes and at the end, and holds all that the next step depends on.
    """
    import torch

    tokenizer = build()
    chat, end = Chat(tokenizer), tokenizer.eos_token_id
    network = fresh(shape, tokenizer, how.seed).to(device)
    masters = Masters(network, torch.bfloat16)
    state = {"tokens": 0, "passage": 0, "step": 0}
    name = folder / "checkpoint.pt"
    if name.exists():
        kept = torch.load(name, weights_only=True)
        if kept["how"] != json.dumps(asdict(how)):
            raise ValueError(
                f"{folder.name} holds a training with other settings; "
                "give the same ones to go on, or name another folder"
            )
        masters.restore(kept["masters"])
        state = kept["state"]
    written = time.monotonic()
    while state["tokens"] < how.tokens:
        share = state["tokens"] / how.tokens
        grown = min(1.0, max(0.0, (share - how.ramp[0]) / (how.ramp[1] - how.ramp[0])))
        low, high = SHORT.lines
        lines = (round(4 + (low - 4) * grown), round(4 + (high - 4) * grown))
        made = course(how.seed, how.lessons, state["passage"], lines)
        batch = [pack(chat, next(made), end) for _ in range(how.passages)]
        nll = losses(masters.network, batch, tokenizer.pad_token_id)
        nll.mean().backward()
        rate = schedule(share, how.flat, warm=0.01)
        masters.step(how.muon * rate, how.adamw * rate)
        state["tokens"] += sum(map(len, batch))
        state["passage"] += how.passages
        state["step"] += 1
        report({**state, "loss": float(nll.detach().mean()), "lines": lines[1]})
        complete = state["tokens"] >= how.tokens
        if time.monotonic() - written > 120 or stop() or complete:
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / "checkpoint.part"
            torch.save(
                {"how": json.dumps(asdict(how)), "masters": masters.state(), "state": state}, part
            )
            os.replace(part, name)
            written = time.monotonic()
            if stop() and not complete:
                return False
    save(masters.network, tokenizer, folder, Manner("terse", "moves"))
    return True


def save(network: Any, tokenizer: Any, folder: Path, how: Manner) -> None:
    """Write a model as any loader reads it: safetensors in bfloat16, configuration, tokenizer; and
    how it is to be spoken to."""
    import torch
    from transformers.utils import logging

    quiet: Any = logging
    quiet.disable_progress_bar()  # the bar is the training's
    portable(network).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_manner(folder, how)
