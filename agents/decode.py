"""The decode loop: rows that wait for their next token, and how that token is drawn.

Rows of one adapter and one prompt share the forward over it; its keys and values are repeated for
them once. A row draws with its own noise, one number per token, by the inverse of the cumulative
distribution: what else is in the batch changes a token only where two candidates are within
rounding error of each other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from agents.cache import spread
from arena.flow import ReplyStatus, Request

if TYPE_CHECKING:
    import torch

_BLOCK = 1024  # a vocabulary of more than four blocks is searched by block, then within one


class Run(Protocol):
    """A forward of the network; one adapter's name per row of the batch."""

    def __call__(self, names: Sequence[str], **inputs: Any) -> Any: ...


@dataclass(slots=True)
class Fork:
    """A place in the tree of allowed lines."""

    ways: dict[int, Fork] = field(default_factory=dict)  # by next token, in order of tokens
    lines: int = 0  # how many lines go on from here; of one, nothing is left to draw
    text: str = ""  # of the line that ends here


def tree(lines: Iterable[tuple[tuple[int, ...], str]]) -> Fork:
    """The tree of ``(tokens, text)``; no line may begin another one. Of equals the first counts."""
    texts: dict[tuple[int, ...], str] = {}
    for ids, text in lines:
        texts.setdefault(ids, text)
    root = Fork()
    for ids in sorted(texts):
        at = root
        for token in ids:
            at.lines += 1
            at = at.ways.setdefault(token, Fork())
        at.text = texts[ids]
    return root


@dataclass(slots=True)
class Row:
    """A request on its way: its prompt, what it was given so far, and its noise."""

    request: Request
    adapter: str
    prompt: tuple[int, ...]
    room: int  # how many tokens may still follow the prompt
    at: Fork | None  # None: unrestricted
    noise: random.Random
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    text: str = ""
    status: ReplyStatus | None = None  # None while it goes on

    @property
    def head(self) -> tuple[str, tuple[int, ...]]:
        """What rows share whose next token has the same distribution."""
        return self.adapter, self.prompt


def batches(rows: Sequence[Row], which: Sequence[int], budget: int) -> Iterator[list[int]]:
    """The indices ``which`` in micro-batches, the longest first, each of at most ``budget`` tokens
    when padded. Rows of one prompt come together, and within a batch those of one adapter."""
    sizes: dict[tuple[str, tuple[int, ...]], int] = {}  # by adapter and prompt
    for i in which:
        row = rows[i]
        size = len(row.prompt) + (0 if row.request.choices else row.room)
        sizes[row.head] = max(size, sizes.get(row.head, 0))
    number = {head: n for n, head in enumerate(sizes)}
    batch: list[int] = []
    longest = 0
    for i in sorted(which, key=lambda i: (-sizes[rows[i].head], number[rows[i].head], i)):
        if batch and longest * (len(batch) + 1) > budget:
            yield sorted(batch, key=lambda i: rows[i].adapter)
            batch = []
        longest = longest if batch else sizes[rows[i].head]
        batch.append(i)
    if batch:
        yield sorted(batch, key=lambda i: rows[i].adapter)


def prefill(
    run: Run, names: Sequence[str], prompts: Sequence[Sequence[int]], keep: int, cache: bool,
    device: torch.device,
) -> tuple[Any, torch.Tensor]:  # fmt: skip
    """A forward over left-padded prompts: the output, with logits of the last ``keep`` positions
    (B, keep, V), and the attention mask (B, T)."""
    import torch

    width = max(map(len, prompts))
    pad = [[0] * (width - len(p)) for p in prompts]
    ids = torch.tensor([[*z, *p] for z, p in zip(pad, prompts, strict=True)], device=device)
    mask = torch.tensor(
        [[*z, *([1] * len(p))] for z, p in zip(pad, prompts, strict=True)], device=device
    )
    out = run(
        names,
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        use_cache=cache,
        logits_to_keep=keep,
    )
    return out, mask


def sample(
    run: Run,
    rows: Sequence[Row],
    advance: Callable[[Row, int, float], None],
    device: torch.device,
    context: int | None,
) -> None:
    """Let every row go on until it ends; ``advance`` gives a row its token and may end it."""
    import torch

    heads = list(dict.fromkeys(row.head for row in rows))
    out, mask = prefill(run, [a for a, _ in heads], [p for _, p in heads], 1, True, device)
    number = {head: i for i, head in enumerate(heads)}
    # Where each row's keys and values are: with its prompt's at first, later its own.
    place: list[int] | None = [number[row.head] for row in rows]
    logits = out.logits[:, -1].float()[torch.tensor(place, device=device)]
    position = mask.sum(-1, keepdim=True)
    live, last = list(rows), (context or 2**31) - 1
    while True:
        token, logprobs = draw(logits, live)
        for row, one, logprob in zip(live, token.tolist(), logprobs, strict=True):
            advance(row, one, logprob)
        going = [i for i, row in enumerate(live) if row.status is None]
        if not going:
            return
        # Ended rows stay until a quarter of the batch is idle.
        if place is not None or 4 * len(going) <= 3 * len(live):
            source = going if place is None else [place[i] for i in going]
            index = torch.tensor(source, device=device)
            spread(out.past_key_values, index)
            mask, position = mask[index], position[index]
            token = token[torch.tensor(going, device=device)]
            live, place = [live[i] for i in going], None
        mask = torch.cat([mask, mask.new_ones(len(live), 1)], dim=-1)
        out = run(
            [row.adapter for row in live],
            input_ids=token[:, None],
            attention_mask=mask,
            position_ids=position,
            past_key_values=out.past_key_values,
            use_cache=True,
        )
        logits = out.logits[:, -1].float()
        # An ended row that stays goes no further than the model has positions for.
        position = (position + 1).clamp(max=last)


def score(
    run: Run,
    rows: Sequence[Row],
    labels: Sequence[Sequence[tuple[int, ...]]],
    device: torch.device,
) -> list[tuple[float, ...]]:
    """The log-probability of each row's labels right after its prompt, on the whole vocabulary.

    A label is the tokens of exactly its string (no blank is put before it; a caller that wants one
    writes it), and its log-probability the sum over them, at temperature 1.
    """
    import torch

    # Adapter, prompt and label but its last token -> row of the batch.
    paths: dict[tuple[str, tuple[int, ...]], int] = {}
    for row, own in zip(rows, labels, strict=True):
        for label in own:
            paths.setdefault((row.adapter, (*row.prompt, *label[:-1])), len(paths))
    keep = max(len(label) for own in labels for label in own)
    out, _ = prefill(run, [a for a, _ in paths], [ids for _, ids in paths], keep, False, device)
    table = out.logits[:, -keep:].float().log_softmax(-1)  # (B, keep, V)
    wanted = [
        (paths[row.adapter, (*row.prompt, *label[:-1])], keep - len(label) + i, token)
        for row, own in zip(rows, labels, strict=True)
        for label in own
        for i, token in enumerate(label)
    ]
    path, place, token = torch.tensor(wanted, device=device).T
    found = iter(table[path, place, token].tolist())
    return [tuple(sum(next(found) for _ in label) for label in own) for own in labels]


def draw(logits: torch.Tensor, rows: Sequence[Row]) -> tuple[torch.Tensor, list[float]]:
    """The next token of each row (B,) and its log-probability, from logits (B, V)."""
    import torch

    bound = [i for i, row in enumerate(rows) if row.at is not None]
    if not bound:
        token, logp = _choose(logits, rows)
    elif len(bound) == len(rows):
        token, logp = _choose_allowed(logits, rows)
    else:
        token = torch.zeros(len(rows), dtype=torch.long, device=logits.device)
        logp = torch.zeros(len(rows), dtype=logits.dtype, device=logits.device)
        free = [i for i, row in enumerate(rows) if row.at is None]
        for part, choose in ((bound, _choose_allowed), (free, _choose)):
            index = torch.tensor(part, device=logits.device)
            token[index], logp[index] = choose(logits[index], [rows[i] for i in part])
    return token, logp.tolist()


def _choose_allowed(logits: torch.Tensor, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """As `_choose`, among the tokens that go on from where each row stands in its tree."""
    import torch

    ways = [list(row.at.ways) or [0] if row.at is not None else [0] for row in rows]
    widest = max(map(len, ways))
    ids = torch.tensor([one + [0] * (widest - len(one)) for one in ways], device=logits.device)
    shut = torch.tensor([[i >= len(one) for i in range(widest)] for one in ways])
    among = logits.gather(-1, ids).masked_fill(shut.to(logits.device), float("-inf"))
    index, logp = _choose(among, rows)
    return ids.gather(-1, index[:, None]).squeeze(-1), logp


def _choose(logits: torch.Tensor, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """An index into each row of ``logits`` (B, K) and its log-probability, both (B,).

    At temperature 0 the most likely one, with log-probability 0. NaN where there is no
    distribution (the network overflowed).
    """
    import torch

    device = logits.device
    heats = [row.request.temperature for row in rows]
    if any(heat not in (0, 1) for heat in heats):
        logits = logits / torch.tensor([heat or 1.0 for heat in heats], device=device)[:, None]
    logp = logits.log_softmax(-1)
    if all(heat == 0 for heat in heats):
        index = logits.argmax(-1)
    else:
        wide = torch.float32 if device.type == "mps" else torch.float64
        noise = [row.noise.random() if row.status is None else 0.0 for row in rows]
        index = _invert(logp.exp(), torch.tensor(noise, dtype=wide, device=device)[:, None])
    chosen = logp.gather(-1, index[:, None]).squeeze(-1)
    if 0 in heats:
        greedy = torch.tensor([heat == 0 for heat in heats], device=device)
        index = torch.where(greedy, logits.argmax(-1), index)
        chosen = torch.where(greedy & chosen.isfinite(), torch.zeros_like(chosen), chosen)
    return index, chosen


def _invert(p: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Where the cumulative sum of probabilities ``p`` (B, K) passes ``noise`` (B, 1), a share of
    the total; in the precision of ``noise``. What has probability 0 is never met."""
    import torch

    if p.shape[-1] <= 4 * _BLOCK:
        sums = p.cumsum(-1, dtype=noise.dtype)
        return _first_above(sums, noise * sums[:, -1:]).squeeze(-1)
    blocks = torch.nn.functional.pad(p, (0, -p.shape[-1] % _BLOCK)).view(len(p), -1, _BLOCK)
    each = blocks.sum(-1, dtype=noise.dtype)
    sums = each.cumsum(-1)
    goal = noise * sums[:, -1:]
    block = _first_above(sums, goal)
    goal = goal - (sums - each).gather(-1, block)
    inside = blocks.gather(1, block[:, :, None].expand(-1, -1, _BLOCK)).squeeze(1)
    within = _first_above(inside.cumsum(-1, dtype=noise.dtype), goal)
    return (block * _BLOCK + within).squeeze(-1).clamp(max=p.shape[-1] - 1)


def _first_above(sums: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    """The first index where ``sums`` (B, K), which rise, exceed ``goal`` (B, 1); at rounding, the
    first where they have reached their end."""
    import torch

    found = torch.searchsorted(sums, goal, right=True)
    end = torch.searchsorted(sums, sums[:, -1:].contiguous())
    return torch.minimum(found, end).clamp(max=sums.shape[-1] - 1)
