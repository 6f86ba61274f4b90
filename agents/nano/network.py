"""The shapes of the shipped models: small Qwen2 networks, and how they begin.

A standard architecture, which any loader of transformers reads; what is their own is how their
weights begin (`scaffold`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """A network's size. ``theta`` is the base of the rotary embedding."""

    hidden: int
    layers: int
    heads: int
    head_dim: int
    inner: int
    theta: float
    context: int = 1024


DEBATER = Shape(hidden=128, layers=3, heads=6, head_dim=48, inner=256, theta=1e6)
JUDGE = Shape(hidden=64, layers=4, heads=6, head_dim=32, inner=128, theta=1e6)
HELD_OUT = Shape(hidden=96, layers=5, heads=6, head_dim=32, inner=192, theta=1e6)


def fresh(shape: Shape, tokenizer: Any, seed: int) -> Any:
    """A network of a shape with random weights, in float32; the same for the same seed."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    kind: Any = Qwen2Config
    config = kind(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        head_dim=shape.head_dim,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": shape.theta},
        tie_word_embeddings=True,
        initializer_range=0.05,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(seed)
    loader: Any = AutoModelForCausalLM
    network = loader.from_config(config, attn_implementation="eager")
    scaffold(network, shape)
    return network.float()


def scaffold(network: Any, shape: Shape) -> None:
    """Begin where reading begins: with heads that look back, and heads that find a word again.

    Without it a judge of this size takes hours to notice that a line is about another object;
    with it, minutes. The first layer looks back over a whole claim, the second finds where a word
    has stood before, and, where there are four layers, the third gathers what a claim's last token
    needs. Branches begin small, so that a token's own identity survives the first layer.
    """
    import torch

    with torch.no_grad():
        for layer in network.model.layers:
            layer.self_attn.o_proj.weight *= 0.2
            layer.mlp.down_proj.weight *= 0.2
    look_back(network, shape, 0, range(1, shape.heads))
    look_alike(network, shape, 1, 2)
    if shape.layers > 3:
        look_back(network, shape, 2, (6, 5, 3, 1))


def look_back(
    network: Any, shape: Shape, layer: int, distances: Iterable[int], gap: float = 4.0
) -> None:
    """Have a layer's first heads attend to the token so many before, one each, by their biases.

    With the key bias (1, 0) in every rotary pair and the query bias that vector turned back by d
    positions, the score at distance n is the sum over pairs of cos((n - d) theta_j): highest at d,
    and higher there than next to it by ``gap`` (nats). Only the fastest quarter of the pairs, which
    tell neighbours apart, are used.
    """
    import torch

    attention = network.model.layers[layer].self_attn
    half = shape.head_dim // 2
    angles = shape.theta ** (-torch.arange(half) / half)
    fast = (torch.arange(half) < half // 4).float()
    apart = float((fast * (1 - torch.cos(angles))).sum()) / math.sqrt(shape.head_dim)
    scale = math.sqrt(gap / apart)
    with torch.no_grad():
        for head, back in enumerate(distances):
            begin = head * shape.head_dim
            rows = slice(begin, begin + shape.head_dim)
            key = torch.cat([fast, torch.zeros(half)])
            turned = torch.cat([torch.cos(back * angles) * fast, -torch.sin(back * angles) * fast])
            attention.k_proj.bias[rows] = scale * key
            attention.q_proj.bias[rows] = scale * turned


def look_alike(network: Any, shape: Shape, layer: int, heads: int, strength: float = 2.0) -> None:
    """Have a layer's last heads attend to where the same word stands, by equal random projections
    of queries and keys, on the slow half of the rotary pairs, which distance turns little."""
    import torch

    attention = network.model.layers[layer].self_attn
    half = shape.head_dim // 2
    slow = torch.arange(shape.head_dim) % half >= half // 2
    with torch.no_grad():
        for head in range(shape.heads - heads, shape.heads):
            rows = slice(head * shape.head_dim, (head + 1) * shape.head_dim)
            drawn = torch.randn(shape.head_dim, shape.hidden) * slow[:, None]
            drawn *= strength / math.sqrt(shape.hidden)
            attention.q_proj.weight[rows] = drawn
            attention.k_proj.weight[rows] = drawn
