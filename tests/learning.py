"""What the tests of the learner share: small peft models, random samples, and a plain forward.

`plain_logits` is the oracle: one sequence at a time, no batch, no padding, no cache, and peft's own
active adapter instead of any routing.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from random import Random
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Qwen3Config, Qwen3ForCausalLM

from agents.learner import Learner, Loss, Sample

VOCABULARY = 32


def base(seed: int = 0, vocabulary: int = VOCABULARY, attention: str = "sdpa") -> Any:
    """A random Qwen3 of two layers, spread enough that its distributions are far from uniform.

    In double precision: what should be equal is then equal to many digits.
    """
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=256,
        initializer_range=0.1,
        tie_word_embeddings=False,
        attn_implementation=attention,
    )
    return Qwen3ForCausalLM(config).double().eval()


def lora(rank: int = 4, **changes: Any) -> LoraConfig:
    """Adapters on every linear layer; alpha is not twice the rank, so that scaling is no power."""
    settings = {"target_modules": "all-linear", "lora_dropout": 0.0, "task_type": "CAUSAL_LM"}
    return LoraConfig(r=rank, lora_alpha=3 * rank, **settings | changes)


def with_adapters(
    model: Any, names: Sequence[str] = ("alice", "bob"), spread: float = 0.1, seed: int = 1
) -> PeftModel:
    """The model with these adapters, each moved away from the base by ``spread``."""
    network = get_peft_model(model, lora(), adapter_name=names[0])
    for name in names[1:]:
        network.add_adapter(name, lora())
    noise = torch.Generator().manual_seed(seed)
    for key, one in network.named_parameters():
        if ".lora_" in key:
            drawn = torch.randn(one.shape, generator=noise, dtype=torch.float64)
            one.data.copy_(drawn * (spread if ".lora_B." in key else one.shape[-1] ** -0.5))
    return network.eval()


def tensors(network: Any, adapter: str) -> dict[str, torch.Tensor]:
    """An adapter's parameters."""
    return {key: one for key, one in network.named_parameters() if f".{adapter}." in key}


def gradients(network: Any, *adapters: str) -> torch.Tensor:
    """All gradients of some adapters in one vector, zeros where there is none."""
    found = [one for name in adapters for one in tensors(network, name).values()]
    return torch.cat([
        (torch.zeros_like(one) if one.grad is None else one.grad).flatten() for one in found
    ])  # fmt: skip


def apart(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """The length of the difference of two gradients, over the length of the second."""
    return float((found - wanted).norm() / wanted.norm())


def plain_logits(network: Any, adapter: str | None, ids: Sequence[int]) -> torch.Tensor:
    """Logits (T, V) of one sequence under one adapter, or under the base."""
    if adapter is None:
        with network.disable_adapter():
            found = network(torch.tensor([list(ids)])).logits[0]
    else:
        network.set_adapter(adapter)
        network.set_requires_grad(list(network.peft_config))  # what it has just frozen
        found = network(torch.tensor([list(ids)])).logits[0]
    network.set_requires_grad(list(network.peft_config))
    return found


def plain_table(network: Any, sample: Sample, adapter: str | None = "own") -> torch.Tensor:
    """Log-probabilities (n, V) at each token of a sample, everything not allowed at -inf."""
    who = sample.adapter if adapter == "own" else adapter
    ids = [*sample.prompt_ids, *sample.token_ids]
    table = plain_logits(network, who, ids)[len(sample.prompt_ids) - 1 : -1] / sample.temperature
    if sample.allowed:
        barred = torch.ones_like(table, dtype=torch.bool)
        for k in range(len(sample.token_ids)):
            said = sample.token_ids[:k]
            for line in sample.allowed:
                if line[:k] == said and len(line) > k:
                    barred[k, line[k]] = False
        table = table.masked_fill(barred, float("-inf"))
    return table.log_softmax(-1)


def plain_logprobs(network: Any, sample: Sample, adapter: str | None = "own") -> torch.Tensor:
    """Log-probabilities (n,) of a sample's tokens."""
    table = plain_table(network, sample, adapter)
    return table.gather(-1, torch.tensor(sample.token_ids)[:, None]).squeeze(-1)


def random_samples(
    groups: int = 6, each: int = 3, seed: int = 0, names: Sequence[str] = ("alice", "bob"),
    network: Any = None, drift: float = 0.1, **changes: Any,
) -> list[Sample]:  # fmt: skip
    """Groups of random turns after random prompts of 1 to 20 tokens, of uneven sizes.

    With a ``network``, their log-probabilities are its own but for noise of size ``drift``.
    """
    noise = Random(seed)

    def tokens(low: int, high: int) -> tuple[int, ...]:
        return tuple(noise.randrange(VOCABULARY) for _ in range(noise.randint(low, high)))

    found = []
    for g in range(groups):
        prompt = tokens(1, 20)
        for _ in range(noise.randint(1, 2 * each - 1)):
            said = tokens(1, 9)
            many = tuple(noise.gauss(0, 1) for _ in said)
            sample = Sample(names[g % len(names)], prompt, said, (), many, **changes)
            if network is not None:
                with torch.no_grad():
                    exact = plain_logprobs(network, sample).tolist()
                old = tuple(one + noise.gauss(0, drift) for one in exact)
                sample = replace(sample, logprobs=old)
            found.append(sample)
    noise.shuffle(found)
    return found


def plain_loss(network: Any, samples: Sequence[Sample], loss: Loss) -> torch.Tensor:
    """The loss on token ratios, by one full forward per sample; normalised by tokens."""
    total = torch.zeros((), dtype=torch.float64)
    tokens = {one.adapter: 0 for one in samples}
    for sample in samples:
        tokens[sample.adapter] += len(sample.trained)
    for sample in samples:
        at = list(sample.trained)
        mine = plain_table(network, sample)
        with torch.no_grad():
            theirs = plain_table(network, sample, None)
        logp = mine.gather(-1, torch.tensor(sample.token_ids)[:, None]).squeeze(-1)
        ratio = (logp - torch.tensor(sample.logprobs, dtype=logp.dtype)).exp()
        advantage = torch.tensor(sample.advantages, dtype=logp.dtype)
        clipped = ratio.clamp(1 - loss.clip[0], 1 + loss.clip[1])
        one = torch.distributions.Categorical(logits=mine)
        kl = torch.distributions.kl_divergence(one, torch.distributions.Categorical(logits=theirs))
        each = -torch.minimum(ratio * advantage, clipped * advantage)
        each = each + loss.kl * kl - loss.entropy * one.entropy()
        total = total + each[at].sum() / tokens[sample.adapter]
    return total


def learner(network: Any, adapters: Sequence[str] = ("alice", "bob"), **settings: Any) -> Learner:
    """A learner of a copy of the network, so that tests cannot disturb each other."""
    return Learner(deepcopy(network), adapters, **settings)
