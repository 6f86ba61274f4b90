"""What a debater is trained on: samples, the clipped policy gradient, and what is measured.

Everything is on flat lists of trained positions, one entry per token that the policy chose:
injected tokens and padding are never looked at, so nothing about them can enter a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

Trie = dict[int, Any]  # token -> what may follow it
_TABLE = 1 << 25  # numbers in one table of log-probabilities over the vocabulary: 128 MiB


class LearnerError(Exception):
    """A step that would not be a number. Weights and optimiser are as they were before it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of a policy, as it was sampled.

    ``adapter`` is the policy that spoke and is trained; ``token_ids`` are exactly the sampled ones
    and ``logprobs`` (nats) theirs at the time, under ``temperature`` and ``allowed``: the tokenised
    lines that sampling was restricted to, none for no restriction. ``mask`` is False where a token
    was put in by somebody else; empty, all are trained. Supervised training reads neither
    ``logprobs`` nor ``advantages``.
    """

    adapter: str
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] = ()
    advantages: float | tuple[float, ...] = 0.0
    allowed: tuple[tuple[int, ...], ...] = ()
    temperature: float = 1.0
    mask: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.token_ids)
        if not self.prompt_ids:
            raise ValueError("a sample needs a prompt of at least one token, got none")
        many = {"logprobs": self.logprobs, "mask": self.mask}
        if isinstance(self.advantages, tuple):
            many["advantages"] = self.advantages
        for name, values in many.items():
            if len(values) != n and (values or name == "advantages"):
                raise ValueError(f"a sample of {n} tokens needs {n} {name}, got {len(values)}")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(
                f"a sample's temperature must be above 0, got {self.temperature}: "
                "greedy replies are of no policy that could be trained"
            )

    @property
    def trained(self) -> Sequence[int]:
        """The positions that the policy chose."""
        n = len(self.token_ids)
        return [i for i in range(n) if self.mask[i]] if self.mask else range(n)


@dataclass(frozen=True, slots=True)
class Loss:
    """A policy gradient: ``-min(ratio * A, clipped ratio * A) + kl * KL - entropy * H`` per token.

    ``ratio``: of each token; of the whole turn (``sequence``, RLOO); or that one's geometric mean
    per token (``geometric``, GSPO). ``clip``: the ratio stays within [1 - clip[0], 1 + clip[1]].
    ``cap``: instead of clipping, for turns of an older policy, the ratio is cut off at ``cap`` and
    weighs the gradient of the log-probability (CISPO).
    ``kl`` is to the reference: of the whole distribution (``exact``) or estimated from the sampled
    token (``k3``). ``normalise``, for each adapter alone: by its tokens (DAPO), by its samples
    after the mean over each one's tokens (GRPO), or by its samples times ``length`` (Dr. GRPO).
    """

    ratio: Literal["token", "sequence", "geometric"] = "token"
    clip: tuple[float, float] = (0.2, 0.2)
    kl: float = 0.0
    kl_estimate: Literal["k3", "exact"] = "exact"
    entropy: float = 0.0
    normalise: Literal["tokens", "samples", "constant"] = "tokens"
    length: float = 1.0
    cap: float | None = None

    def __post_init__(self) -> None:
        for name, known in (
            ("ratio", ("token", "sequence", "geometric")),
            ("kl_estimate", ("k3", "exact")),
            ("normalise", ("tokens", "samples", "constant")),
        ):
            if getattr(self, name) not in known:
                said = f"{name} must be one of {', '.join(known)}"
                raise ValueError(f"{said}, got {getattr(self, name)!r}")
        if not (0 <= self.clip[0] <= 1 and self.clip[1] >= 0):
            raise ValueError(f"clip must be (0 to 1, 0 or more), got {self.clip}")
        if not (math.isfinite(self.kl) and self.kl >= 0 and math.isfinite(self.entropy)):
            raise ValueError(f"kl must be 0 or more and entropy finite: {self.kl}, {self.entropy}")
        if not (self.length > 0 and (self.cap is None or self.cap > 0)):
            raise ValueError(f"length and cap must be above 0, got {self.length} and {self.cap}")


@dataclass(frozen=True, slots=True)
class Stats:
    """What one adapter's samples came to.

    ``loss`` is what was differentiated, ``policy`` its part without KL and entropy. ``kl`` and
    ``entropy`` are nats per trained token, ``kl_turn`` nats per turn, the KL None where no
    reference was computed. ``clipped`` is the share of tokens whose gradient the clip (or the cap)
    cut; a mean over no token is 0.
    """

    loss: float
    policy: float
    kl: float | None
    kl_turn: float | None
    entropy: float
    ratio_mean: float
    ratio_max: float
    clipped: float
    tokens: int
    samples: int


def trie(lines: Iterable[Sequence[int]]) -> Trie:
    """The tokenised lines as one tree."""
    root: Trie = {}
    for line in lines:
        node = root
        for token in line:
            node = node.setdefault(token, {})
    return root


def options(root: Trie, tokens: Sequence[int]) -> list[tuple[int, ...]]:
    """What was allowed at each position of ``tokens``; ValueError where they leave the tree."""
    found, node = [], root
    for i, token in enumerate(tokens):
        if token not in node:
            raise ValueError(
                f"token {token} at position {i} is in none of the lines that the sample was "
                "restricted to: give `allowed` as it was when the tokens were sampled"
            )
        found.append(tuple(node))
        node = node[token]
    return found


@dataclass(frozen=True, slots=True)
class Places:
    """The N trained positions of a micro-batch, whose logits are (R * C, V) when flat.

    ``at`` (N,) where in the logits, ``token`` (N,) what was taken there, ``heat`` (N,) the
    temperature, ``row`` (N,) which sample. ``free`` (F,) are the entries of these without
    restriction; ``bound`` (M,) the others, whose allowed tokens lie one after the other in
    ``choice`` (K,), ``owner`` (K,) telling the entry of ``bound`` and ``taken`` (M,) where in
    ``choice`` the sampled one is.
    """

    at: torch.Tensor
    token: torch.Tensor
    heat: torch.Tensor
    row: torch.Tensor
    free: torch.Tensor
    bound: torch.Tensor
    choice: torch.Tensor
    owner: torch.Tensor
    taken: torch.Tensor


def measure(
    logits: torch.Tensor, reference: torch.Tensor | None, places: Places, exact: bool, bonus: bool
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """Log-probabilities, KL to the reference or None, and entropy, each (N,), in nats.

    ``logits`` and ``reference`` are (R * C, V). The KL is of the whole distribution if ``exact``,
    else estimated from the sampled token (k3: unbiased, never negative). The entropy has a
    gradient only as a ``bonus``.
    """
    n = len(places.at)
    if not len(places.bound):
        return _free(logits, reference, places, exact, bonus)
    if not len(places.free):
        return _bound(logits, reference, places, exact, bonus)
    parts = (
        (places.free, _free(logits, reference, places, exact, bonus)),
        (places.bound, _bound(logits, reference, places, exact, bonus)),
    )
    logp, kl, entropy = (
        None if parts[0][1][k] is None else _merged(n, [(at, values[k]) for at, values in parts])
        for k in range(3)
    )
    assert logp is not None and entropy is not None
    return logp, kl, entropy


def _merged(n: int, parts: Sequence[tuple[torch.Tensor, torch.Tensor | None]]) -> torch.Tensor:
    import torch

    at = torch.cat([one for one, _ in parts])
    values = torch.cat([value for _, value in parts if value is not None])
    return values.new_zeros(n).index_add(0, at, values)


def _free(
    logits: torch.Tensor, reference: torch.Tensor | None, places: Places, exact: bool, bonus: bool
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """`measure` where the whole vocabulary was open, so many positions at a time that their tables
    are small, and these computed anew in the backward pass: only the logits are kept."""
    import torch
    from torch.utils.checkpoint import checkpoint

    at = places.at[places.free]
    many = max(1, _TABLE // logits.shape[-1])
    parts = [torch.split(logits.index_select(0, at), many)]
    if reference is not None:
        parts.append(torch.split(reference.index_select(0, at), many))
    heat, token = (torch.split(one[places.free], many) for one in (places.heat, places.token))
    found = []
    for one, (t, h, *rows) in enumerate(zip(token, heat, *parts, strict=True)):
        given = (rows[0], rows[1] if reference is not None else None, t[:, None], h[:, None])
        last = one == len(token) - 1  # its table is the next thing that the backward pass wants
        found.append(
            _table(*given, exact, bonus)
            if last
            else checkpoint(_table, *given, exact, bonus, use_reentrant=False)
        )
    logp, kl, entropy = (torch.cat(values) for values in zip(*found, strict=True))
    return logp, None if reference is None else kl, entropy


def _table(
    logits: torch.Tensor, reference: torch.Tensor | None, token: torch.Tensor, heat: torch.Tensor,
    exact: bool, bonus: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
    """Log-probability, KL and entropy (n,) from logits (n, V), token and temperature (n, 1)."""
    import torch

    table = (_wide(logits) / heat).log_softmax(-1)
    logp = table.gather(-1, token).squeeze(-1)
    p = table.exp() if exact or bonus else table.detach().exp()
    with torch.set_grad_enabled(bonus and torch.is_grad_enabled()):
        entropy = -(p * table).sum(-1)
    if reference is None:
        return logp, entropy, entropy
    base = (_wide(reference) / heat).log_softmax(-1)
    if exact:
        return logp, (p * (table - base)).sum(-1), entropy
    return logp, _k3(base.gather(-1, token).squeeze(-1) - logp), entropy


def _bound(
    logits: torch.Tensor, reference: torch.Tensor | None, places: Places, exact: bool, bonus: bool
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """`measure` where only some tokens were open: their logits alone are looked at."""
    import torch

    m, owner = len(places.bound), places.owner
    entry = places.bound[owner]
    flat = places.at[entry] * logits.shape[-1] + places.choice
    heat = places.heat[entry]

    def log_softmax(values: torch.Tensor) -> torch.Tensor:
        z = _wide(values.reshape(-1).index_select(0, flat)) / heat
        top = z.detach().new_full((m,), -math.inf)
        z = z - top.scatter_reduce(0, owner, z.detach(), "amax")[owner]
        return z - z.new_zeros(m).index_add(0, owner, z.exp()).log()[owner]

    def sums(values: torch.Tensor) -> torch.Tensor:
        return values.new_zeros(m).index_add(0, owner, values)

    table = log_softmax(logits)  # (K,)
    logp = table[places.taken]
    with torch.set_grad_enabled(bonus and torch.is_grad_enabled()):
        open_table = table if bonus else table.detach()
        entropy = -sums(open_table.exp() * open_table)
    if reference is None:
        return logp, None, entropy
    base = log_softmax(reference)
    if exact:
        return logp, sums(table.exp() * (table - base)), entropy
    return logp, _k3(base[places.taken] - logp), entropy


def _wide(values: torch.Tensor) -> torch.Tensor:
    """In float32 at least."""
    import torch

    return values if values.dtype == torch.float64 else values.float()


def _k3(d: torch.Tensor) -> torch.Tensor:
    """Schulman's estimate of the KL (k3, http://joschu.net/blog/kl-approx.html), d = ref - logp."""
    return d.exp() - d - 1


def policy_gradient(
    loss: Loss, logp: torch.Tensor, old: torch.Tensor, advantage: torch.Tensor, row: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The policy's part of the loss per token, the ratio, and whether it was cut: each (N,).

    ``logp`` now and ``old`` at sampling time, ``advantage`` and ``row`` (which sample) are (N,).
    """
    import torch

    ratio = logp - old
    if loss.ratio != "token":
        rows = int(row.max()) + 1 if len(row) else 0
        whole = ratio.new_zeros(rows).index_add(0, row, ratio)
        if loss.ratio == "geometric":
            whole = whole / row.bincount(minlength=rows).clamp(min=1)
        ratio = whole[row]
    ratio = ratio.exp()
    if loss.cap is not None:
        weight = ratio.detach().clamp(max=loss.cap)
        return -weight * advantage * logp, ratio.detach(), ratio.detach() > loss.cap
    low, high = 1 - loss.clip[0], 1 + loss.clip[1]
    value = -torch.min(ratio * advantage, ratio.clamp(low, high) * advantage)
    ratio = ratio.detach()
    cut = ((ratio < low) & (advantage < 0)) | ((ratio > high) & (advantage > 0))
    return value, ratio, cut
