"""Useful tokens per second of the local engine: 32 requests of unlike lengths, on one thread.

The peers are `generate` of transformers: one call for each request, and one call for all, padded
(which goes on to the longest limit; what a row has beyond its own limit or its end is not useful).
At temperature 0 all three must give the same tokens. The peers get token ids, the engine gets text.
Run ``python benchmarks/engine.py [--hidden 64] [--json]``.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from timing import alternate, median, show
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from agents.adapters import LoraSettings
from agents.local import LocalEngine
from arena.flow import Message, Request

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tiny import TEXT, tiny_model

REQUESTS, REPEATS, GROUPS, GROUP = 32, 5, 28, 8
PROMPT, LIMIT = (5, 60), (8, 64)  # words, tokens: from, to


def model(folder: Path, hidden: int) -> LocalEngine:
    """A random Qwen3 of two layers."""
    tiny_model(folder)
    if hidden != 64:
        sizes = {"hidden_size": hidden, "intermediate_size": 2 * hidden, "head_dim": hidden // 4}
        torch.manual_seed(0)
        config = AutoConfig.from_pretrained(folder, **sizes)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return LocalEngine(str(folder))


def attach(engine: LocalEngine) -> list[str]:
    """Two adapters that change what it says; which one each request is for."""
    for seed, name in enumerate(("alice", "bob")):
        engine.attach(name, settings=LoraSettings(seed=seed))
        with torch.no_grad():
            for key, weight in engine.network.named_parameters():
                if f".{name}." in key:
                    weight += 0.05 * torch.randn(weight.shape)
        engine.refresh(name)
    return ["alice", "bob"] * (REQUESTS // 2)


def requests(engine: LocalEngine, temperature: float, names: Sequence[str]) -> list[Request]:
    """Prompts and limits of unlike lengths; for the adapters of these names, if any."""
    models = [engine.model_of(name) for name in names] or [engine.model] * REQUESTS
    noise, words = random.Random(0), TEXT.split()
    prompts = [" ".join(noise.choices(words, k=noise.randint(*PROMPT))) for _ in range(REQUESTS)]
    return [
        Request(models[i], (Message("user", text),), noise.randint(*LIMIT), i,
                temperature=temperature)
        for i, text in enumerate(prompts)
    ]  # fmt: skip


class Peer:
    """`generate` on the same requests, with the same ends."""

    def __init__(self, engine: LocalEngine, asked: Sequence[Request], names: Sequence[str]) -> None:
        self.network, self.ends, self.asked = engine.network, sorted(engine.ends), asked
        self.prompts = [list(engine.chat.prompt(one.messages)) for one in asked]
        self.names = names

    def generate(self, which: Sequence[int]) -> list[tuple[int, ...]]:
        """The useful tokens of some requests, from one call."""
        width = max(len(self.prompts[i]) for i in which)
        pad = [[0] * (width - len(self.prompts[i])) for i in which]
        rows = list(zip(which, pad, strict=True))
        ids = torch.tensor([z + self.prompts[i] for i, z in rows])
        mask = torch.tensor([z + [1] * len(self.prompts[i]) for i, z in rows])
        heat = self.asked[0].temperature
        how: dict[str, Any] = {"do_sample": True, "top_k": 0, "temperature": heat}
        out = self.network.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=max(self.asked[i].max_tokens for i in which),
            eos_token_id=self.ends,
            pad_token_id=self.ends[0],
            **({"adapter_names": [self.names[i] for i in which]} if self.names else {}),
            **(how if heat else {"do_sample": False}),
        )
        found = []
        for i, row in zip(which, out[:, width:].tolist(), strict=True):
            row = row[: self.asked[i].max_tokens]
            ended = [at for at, token in enumerate(row) if token in self.ends]
            found.append(tuple(row[: ended[0] + 1] if ended else row))
        return found

    def padded(self) -> list[tuple[int, ...]]:
        """All in one call."""
        return self.generate(range(len(self.asked)))

    def single(self) -> list[tuple[int, ...]]:
        """One call each."""
        return [one for i in range(len(self.asked)) for one in self.generate([i])]


def speeds(candidates: dict[str, Callable[[], list[tuple[int, ...]]]]) -> dict[str, float]:
    """Useful tokens per second of each, measured in turn."""
    tokens: dict[str, int] = {}

    def counted(name: str) -> Callable[[], None]:
        def go() -> None:
            torch.manual_seed(0)  # a sampled completion may end early: the same each time
            tokens[name] = sum(map(len, candidates[name]()))

        return go

    times = alternate({name: counted(name) for name in candidates}, REPEATS)
    return {name: tokens[name] / median(times[name]) for name in candidates}


def measure(hidden: int) -> dict[str, float]:
    """All figures."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as place:
        engine = model(Path(place) / "tiny", hidden)
    figures = group(engine)
    for what, heat in (("greedy", 0.0), ("sampled", 1.0), ("two adapters, greedy", 0.0)):
        names = attach(engine) if "adapters" in what else []
        asked = requests(engine, heat, names)
        peer = Peer(engine, asked, names)

        def answer(asked: list[Request] = asked) -> list[tuple[int, ...]]:
            return [reply.token_ids for reply in engine.answer(asked)]

        candidates = {"engine": answer, "padded": peer.padded}
        if what == "greedy":
            candidates["single"] = peer.single
        if not heat:
            first, *others = (run() for run in candidates.values())
            assert all(other == first for other in others), "not the same work"
        found = speeds(candidates)
        figures |= {f"{what}: {name}, tokens/s": speed for name, speed in found.items()}
        for name in list(found)[1:]:
            figures[f"{what}: engine / {name}"] = found["engine"] / found[name]
    return figures


def group(engine: LocalEngine) -> dict[str, float]:
    """Groups as in training: the prompt computed once, and texts whose tokens are kept."""
    noise, words = random.Random(1), TEXT.split()
    prompts = [" ".join(noise.choices(words, k=100)) for _ in range(GROUPS)]
    lines = tuple(" ".join(noise.choices(words, k=4)) + f" {i}" for i in range(12))
    asked = [
        Request(engine.model, (Message("user", text),), 8, seed, allowed=lines)
        for text in prompts
        for seed in range(GROUP)
    ]

    def together() -> None:
        engine.answer(asked)

    def anew() -> None:
        kept, engine.chat._encoded = engine.chat._encoded, engine.chat._encode
        engine.answer(asked)
        engine.chat._encoded = kept

    def apart() -> None:  # the same requests, none of them sharing a prompt within its call
        for seed in range(GROUP):
            engine.answer(asked[seed::GROUP])

    times = alternate({"together": together, "anew": anew, "apart": apart}, REPEATS)
    each = {name: 1000 * median(found) for name, found in times.items()}
    what = f"{GROUPS} prompts x {GROUP}"
    return {
        f"{what}: together, ms": each["together"],
        f"{what}: tokens of texts not kept / kept": each["anew"] / each["together"],
        f"{what}: apart / together": each["apart"] / each["together"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=64, help="hidden size (default 64)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    torch.set_num_threads(1)
    title = f"Engine, {REQUESTS} ragged requests, hidden {given.hidden}, median of {REPEATS}"
    show(title, measure(given.hidden), given.json)


if __name__ == "__main__":
    main()
