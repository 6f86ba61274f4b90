"""Forward passes of samples through their adapters, each prompt computed once for all its turns.

Samples with the same adapter and prompt are a group: keys and values of the prompt are computed
once, with gradient, and serve all its turns. These lie one after the other in one row, each
attending to the prompt and to itself, so that nothing is copied; where the attention of the model
cannot do that, or turns are long, every turn has its own row and the prompt's keys are repeated.
Both are equal to a full forward of every turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any

from agents.losses import Places, Sample, options, trie

if TYPE_CHECKING:
    import torch

BASE = "__base__"  # peft's name for a row that goes through no adapter


@dataclass(frozen=True, slots=True)
class Group:
    """Samples (their indices) of one adapter after one prompt."""

    adapter: str
    prompt: tuple[int, ...]
    rows: tuple[int, ...]
    longest: int  # tokens of the longest turn


def groups(samples: Sequence[Sample]) -> list[Group]:
    """The samples with a trained token, by adapter and prompt, in order of first appearance."""
    found: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for i, sample in enumerate(samples):
        if sample.trained:
            found.setdefault((sample.adapter, sample.prompt_ids), []).append(i)
    return [_group(key, rows, samples) for key, rows in found.items()]


def _group(key: tuple[str, tuple[int, ...]], rows: Sequence[int], samples: Sequence[Sample]) -> Any:
    return Group(*key, tuple(rows), max(len(samples[i].token_ids) for i in rows))


def micro_batches(samples: Sequence[Sample], budget: int) -> list[list[Group]]:
    """Groups of like length within ``budget`` tokens a batch, each batch's adapters together.

    A batch costs its padded tokens, a prompt once for its group, and an eighth of a token for each
    key that is repeated. A group that alone is above the budget is split by its turns, never
    dropped.
    """
    pieces: list[Group] = []
    for group in groups(samples):
        room = max(1, int(_fitting(group, budget)))
        for i in range(0, len(group.rows), room):
            rows = group.rows[i : i + room]
            pieces.append(_group((group.adapter, group.prompt), rows, samples))
    pieces.sort(key=lambda one: (len(one.prompt), one.longest), reverse=True)
    batches: list[list[Group]] = []
    for piece in pieces:
        if not batches or cost([*batches[-1], piece]) > budget:
            batches.append([])
        batches[-1].append(piece)
    return [sorted(batch, key=lambda one: one.adapter) for batch in batches]


def cost(batch: Sequence[Group]) -> float:
    """Tokens that a micro-batch costs (see `micro_batches`)."""
    prompt = max(len(group.prompt) for group in batch)
    rows = sum(len(group.rows) for group in batch)
    return len(batch) * prompt + rows * (max(group.longest for group in batch) + prompt / 8)


def _fitting(group: Group, budget: int) -> float:
    return (budget - len(group.prompt)) / (group.longest + len(group.prompt) / 8)


@dataclass(frozen=True, slots=True)
class Inputs:
    """A micro-batch as tensors.

    The prompts but for their last token are left-padded (n, P). Each turn begins with that token
    and ends before its own last one, so that its logits are those of its tokens. R rows of turns,
    right-padded (R, C): one row for each turn, or, side by side, one for each prompt.
    """

    samples: tuple[int, ...]  # indices, in the order of the turns
    group: torch.Tensor  # (R,) which prompt
    each: int | None  # rows of every prompt, where they are equally many
    prompts: torch.Tensor  # (n, P)
    prompt_mask: torch.Tensor | None  # (n, P), None where nothing is padded
    prompt_at: torch.Tensor  # positions (n, P)
    turns: torch.Tensor  # (R, C)
    turns_at: torch.Tensor  # positions (R, C)
    mask: torch.Tensor | None  # of the turns: (R, P + C), or side by side (R, 1, C, P + C)
    places: Places


def inputs(
    batch: Sequence[Group], samples: Sequence[Sample], device: Any, side_by_side: bool = False
) -> Inputs:
    """The tensors of a micro-batch; turns lie side by side if they may and it is worth it."""
    import torch

    def tensor(values: Any, dtype: Any = torch.long) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype, device=device)

    width = max(len(group.prompt) for group in batch) - 1
    total = max(sum(len(samples[i].token_ids) for i in group.rows) for group in batch)
    longest = max(group.longest for group in batch)
    # Side by side, a token is compared with `width + total` others, else with `width + longest`.
    if width and side_by_side and width + total <= 2 * (width + longest):
        lanes = [(g, group.rows) for g, group in enumerate(batch)]
    else:
        lanes = [(g, (i,)) for g, group in enumerate(batch) for i in group.rows]
    length = max(sum(len(samples[i].token_ids) for i in rows) for _, rows in lanes)
    turns, positions, owner = [], [], []
    for g, rows in lanes:
        ids: list[int] = []
        at: list[int] = []
        of: list[int] = []
        begin = len(batch[g].prompt) - 1
        for i in rows:
            said = samples[i].token_ids
            ids += [batch[g].prompt[-1], *said[:-1]]
            at += range(begin, begin + len(said))
            of += [i] * len(said)
        rest = length - len(ids)
        turns.append([*ids, *[0] * rest])
        positions.append([*at, *[at[-1]] * rest])
        owner.append([*of, *[-1] * rest])
    shift = [width - len(group.prompt) + 1 for group in batch]
    prompt_at = torch.arange(width, device=device) - tensor(shift)[:, None]
    group = tensor([g for g, _ in lanes])
    seen = prompt_at[group] >= 0
    mask: torch.Tensor | None = None
    if len(lanes) < sum(len(rows) for _, rows in lanes):
        of_row = tensor(owner)
        own = (of_row[:, :, None] == of_row[:, None, :]).tril()
        mask = torch.cat([seen[:, None, :].expand(-1, length, -1), own], dim=-1)[:, None]
    elif any(shift):
        mask = torch.cat([seen, seen.new_ones(len(lanes), length)], dim=1).long()
    sizes = {len([g for g, _ in lanes if g == k]) for k in range(len(batch))}
    return Inputs(
        tuple(i for _, rows in lanes for i in rows),
        group,
        sizes.pop() if len(sizes) == 1 else None,
        tensor([[*[0] * s, *one.prompt[:-1]] for s, one in zip(shift, batch, strict=True)]),
        (prompt_at >= 0).long() if any(shift) else None,
        prompt_at.clamp(min=0),
        tensor(turns),
        tensor(positions),
        mask,
        _places([[samples[i] for i in rows] for _, rows in lanes], length, tensor),
    )


def _places(lanes: Sequence[Sequence[Sample]], length: int, tensor: Callable[..., Any]) -> Places:
    import torch

    at: list[int] = []
    token: list[int] = []
    row: list[int] = []
    free: list[int] = []
    bound: list[int] = []
    choice: list[int] = []
    owner: list[int] = []
    taken: list[int] = []
    heat: list[float] = []
    tries: dict[tuple[tuple[int, ...], ...], Any] = {}
    begins = (
        (sample, lane * length + begin)
        for lane, turns in enumerate(lanes)
        for sample, begin in zip(
            turns, accumulate((len(one.token_ids) for one in turns), initial=0), strict=False
        )
    )
    for r, (sample, begin) in enumerate(begins):
        allowed = None
        if sample.allowed:
            if sample.allowed not in tries:
                tries[sample.allowed] = trie(sample.allowed)
            allowed = options(tries[sample.allowed], sample.token_ids)
        for k in sample.trained:
            said = sample.token_ids[k]
            if allowed is None:
                free.append(len(at))
            else:
                taken.append(len(choice) + allowed[k].index(said))
                owner += [len(bound)] * len(allowed[k])
                choice += allowed[k]
                bound.append(len(at))
            at.append(begin + k)
            token.append(said)
            heat.append(sample.temperature)
            row.append(r)
    return Places(
        tensor(at), tensor(token), tensor(heat, torch.float32), tensor(row),
        tensor(free), tensor(bound), tensor(choice), tensor(owner), tensor(taken),
    )  # fmt: skip


class Passes:
    """Forward passes through the adapters of a peft model as it is now; make one for each step."""

    def __init__(self, network: Any) -> None:
        from peft.tuners.lora.layer import Linear, LoraLayer

        self._network = network
        self._layers: list[Any] = [one for one in network.modules() if isinstance(one, LoraLayer)]
        self._plain = all(
            type(one) is Linear and not one.lora_variant and not one.merged for one in self._layers
        )
        config = network.get_base_model().config
        kinds = getattr(config, "layer_types", None)
        window = getattr(config, "sliding_window", None)
        self._additive = config._attn_implementation == "eager"
        # Side by side needs a mask of our own, and positions that are what we say they are.
        self.side_by_side = (
            config._attn_implementation in ("eager", "sdpa")
            and getattr(config, "rope_parameters", None) is not None
            and (window is None if kinds is None else {*kinds} == {"full_attention"})
        )

    def logits(self, names: Sequence[str], given: Inputs) -> torch.Tensor:
        """Logits (R * C, V) of the turns' tokens, prompt g through adapter ``names[g]``."""
        import torch

        rows, length = given.turns.shape
        of_rows = [names[g] for g in given.group.tolist()]
        mask = given.mask
        alone = mask is None or mask.dim() == 2
        if alone and (given.each == 1 or not given.prompts.shape[1]):
            out = self._forward(
                of_rows,
                input_ids=torch.cat([given.prompts[given.group], given.turns], dim=1),
                attention_mask=mask,
                position_ids=torch.cat([given.prompt_at[given.group], given.turns_at], dim=1),
                use_cache=False,
                logits_to_keep=length,
            )
            return out.logits.reshape(rows * length, -1)  # type: ignore[no-any-return]
        cache = self._forward(
            names,
            input_ids=given.prompts,
            attention_mask=given.prompt_mask,
            position_ids=given.prompt_at,
            use_cache=True,
            logits_to_keep=1,
        ).past_key_values
        if mask is not None and not alone and self._additive:
            dtype = self._network.dtype
            mask = torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, torch.finfo(dtype).min)
        elif alone and given.each is not None:
            cache.batch_repeat_interleave(given.each)
        elif alone:
            cache.batch_select_indices(given.group)
        out = self._forward(
            of_rows,
            input_ids=given.turns,
            attention_mask=mask,
            position_ids=given.turns_at,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=length,
        )
        return out.logits.reshape(rows * length, -1)  # type: ignore[no-any-return]

    def _forward(self, names: Sequence[str], **tensors: Any) -> Any:
        """A forward with row i through adapter ``names[i]``; rows of one adapter lie together.

        peft picks the rows of an adapter by a list of indices, which copies them twice, and looks
        through all modules at every call. Where every LoRA layer is a plain linear one, each is
        told that all rows are the base's, and a hook beneath it adds the adapters' part to slices:
        the same numbers, in a fifth less of a small model's step.
        """
        if not self._plain:
            return self._network(adapter_names=list(names), **tensors)
        runs, at = [], 0
        for name, rows in groupby(names):
            at, begin = at + sum(1 for _ in rows), at
            runs.append((name, begin, at))
        told = {"adapter_names": [BASE] * at}
        handles = []
        try:
            for layer in self._layers:
                handles.append(
                    layer.register_forward_pre_hook(
                        lambda _, args, kwargs: (args, kwargs | told), with_kwargs=True
                    )
                )
                if runs[0][0] != BASE or len(runs) > 1:
                    handles.append(layer.base_layer.register_forward_hook(_adding(layer, runs)))
            return self._network.get_base_model()(**tensors)
        finally:
            for handle in handles:
                handle.remove()


def _adding(layer: Any, runs: Sequence[tuple[str, int, int]]) -> Callable[..., Any]:
    """The hook that adds to a linear layer's output what each run of rows' adapter adds."""
    import torch

    def hook(_: Any, given: Any, out: torch.Tensor) -> torch.Tensor:
        (x,) = given
        if len(x) != runs[-1][2]:
            raise ValueError(f"a layer got {len(x)} rows of {runs[-1][2]}: it mixes them")
        pieces = []
        for name, begin, end in runs:
            whole = len(runs) == 1
            piece = out if whole else out[begin:end]
            if name in layer.lora_A:
                down, up = layer.lora_A[name], layer.lora_B[name]
                low = down((x if whole else x[begin:end]).to(down.weight.dtype))
                piece = piece + up(low * layer.scaling[name]).to(piece.dtype)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    return hook
