"""`LocalEngine`: a transformers model on this machine, behind the engine interface.

Everything submitted is answered by one `collect`, in micro-batches of like length. Sampling is the
full distribution at the request's temperature (no top-k, no top-p), so the recorded
log-probabilities are those of the policy that spoke. One number per token is drawn from a generator
of the request's own seed: which requests share a batch changes a token only where two candidates
are within rounding error of each other, and the same batch gives the same bits.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.chat import Chat, whole
from agents.weights import find_model, model_digest
from arena.flow import Message, Reply, ReplyStatus, Request, Ticket

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class _Row:
    """A request on its way: its prompt, what it was given so far, and its noise."""

    request: Request
    prompt: tuple[int, ...]
    room: int  # how many tokens may still follow the prompt
    lines: list[tuple[int, ...]]  # of `allowed`, those that agree with `ids`; empty: unrestricted
    noise: random.Random
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    text: str = ""
    status: ReplyStatus | None = None  # None while it goes on


@contextmanager
def _clearly(what: str) -> Iterator[None]:
    """Turn whatever a library raises into a ValueError of one line that begins with ``what``."""
    try:
        yield
    except Exception as error:
        why = " ".join(str(error).split())
        if not isinstance(error, ValueError):
            why = f"{type(error).__name__}: {why}"
        raise ValueError(f"{what}: {why if len(why) <= 300 else why[:300] + '...'}") from error


def _check_how(device: str, dtype: str | None, threads: int) -> None:
    """Refuse a device, dtype or thread count that this machine's torch does not have."""
    import torch

    if threads < 1:
        raise ValueError(f"threads must be 1 or more, got {threads}")
    named = getattr(torch, dtype, None) if dtype not in (None, "auto") else torch.float32
    if not isinstance(named, torch.dtype) or not named.is_floating_point:
        raise ValueError(f"dtype must be auto, float32, bfloat16 or float16, got {dtype!r}")
    expected = "expected one that torch has here, such as cpu, cuda or mps"
    with _clearly(f"device {device!r} cannot be used; {expected}"):
        torch.zeros(1, device=device).tolist()


class LocalEngine:
    """Answers requests with the model in a folder (or in the Hugging Face cache, by its hub id).

    ``model`` is what requests carry: it names the content of the model's files, not where they
    lie. ``dtype`` (a torch name; None: float32 on a CPU, the checkpoint's elsewhere), ``device``,
    ``threads`` and ``max_batch_tokens`` (rows times padded length, of one micro-batch) are how it
    is run, and enter no id.

    Of a `Reply`: ``prompt_ids`` ends with the tokens of the request's ``prefix``, which are not
    sampled; ``text`` begins with the prefix and lacks the token or stop string that ended it;
    ``token_ids`` are all that was sampled, the ending token included. At temperature 0 the most
    likely token is taken, with log-probability 0. A request with ``choices`` samples nothing.

    What cannot be found, loaded or run as asked raises ValueError, in one line, before anything is
    played.
    """

    def __init__(
        self,
        path: str,
        device: str = "cpu",
        dtype: str | None = None,
        threads: int = 1,
        max_batch_tokens: int = 16384,
    ) -> None:
        _check_how(device, dtype, threads)
        folder = find_model(path)
        self.name = Path(path).name or folder.resolve().name
        self.digest = model_digest(folder)
        self.model = f"local:{self.digest}"
        self._budget = max_batch_tokens
        self._asked: list[tuple[Ticket, Request]] = []
        self._load(folder, device, dtype, threads)

    def _load(self, folder: Path, device: str, dtype: str | None, threads: int) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        quiet: Any = transformers_logging
        quiet.disable_progress_bar()  # ours are the run's
        torch.set_num_threads(threads)
        local: Any = {"local_files_only": True, "trust_remote_code": False}
        with _clearly(f"model {self.name!r}: its tokenizer cannot be loaded; get its files again"):
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, **local)
        with _clearly(f"model {self.name!r} cannot chat here; mend its template or take another"):
            self.chat = Chat(tokenizer)
        kind = dtype or ("float32" if device == "cpu" else "auto")
        with _clearly(f"model {self.name!r}: its weights cannot be loaded; get its files again"):
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=kind, output_loading_info=True, **local
            )
        network, found = loaded
        if missing := sorted(found["missing_keys"]):  # these would have been drawn at random
            raise ValueError(
                f"model {self.name!r} lacks {len(missing)} of its weights ({missing[0]}, ...); "
                "get its files again"
            )
        with _clearly(f"model {self.name!r} cannot be put on device {device!r}; try device cpu"):
            self.network = network.to(device).eval()
        config = network.config.get_text_config()
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        ends = network.generation_config.eos_token_id
        extra = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        self.ends = self.chat.ends | frozenset(extra)
        with _clearly(f"model {self.name!r} cannot be run here; try another dtype or device"):
            words = (Message("user", "A"),)
            self.answer(
                [
                    Request(self.model, words, 2, seed=0),
                    Request(self.model, words, 1, seed=0, choices=("A", "B")),
                ]
            )

    @property
    def record(self) -> dict[str, object]:
        """Which model this is, as JSON values."""
        return {"kind": "local", "name": self.name, "digest": self.digest}

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        """Accept requests; those for another model are a mistake of the caller's."""
        for _, request in requests:
            if request.model != self.model:
                raise ValueError(f"this engine is {self.model!r}, asked for {request.model!r}")
        self._asked.extend(requests)

    def collect(self) -> list[tuple[Ticket, Reply]]:
        """Answer everything submitted."""
        asked, self._asked = self._asked, []
        replies = self.answer([request for _, request in asked])
        return [(ticket, reply) for (ticket, _), reply in zip(asked, replies, strict=True)]

    def answer(self, requests: Sequence[Request]) -> list[Reply]:
        """A reply to each request, in order."""
        import torch

        rows = [self._row(request) for request in requests]
        replies: list[Reply | None] = [None] * len(rows)
        score: list[tuple[int, int]] = []  # length, index
        sample: list[tuple[int, int]] = []
        for i, row in enumerate(rows):
            if row.status is not None:
                replies[i] = self._reply(row, 0.0)
            elif row.request.choices:
                score.append((len(row.prompt), i))
            else:
                sample.append((len(row.prompt) + row.room, i))
        with torch.inference_mode():
            for work, sizes in ((self._score, score), (self._sample, sample)):
                for batch in self._batches(sizes):
                    start = time.perf_counter()
                    done = work([rows[i] for i in batch])
                    each = (time.perf_counter() - start) / len(batch)
                    for i, logprobs in zip(batch, done, strict=True):
                        replies[i] = self._reply(rows[i], each, logprobs)
        return [reply for reply in replies if reply is not None]

    def _row(self, request: Request) -> _Row:
        """A request as tokens; never shortened: what does not fit has the status ``too long``."""
        prompt = self.chat.prompt(request.messages) + tuple(self.chat.encode(request.prefix))
        if request.allowed and not self.ends:
            raise ValueError("allowed: this model has no token that ends a line")
        lines = [self._line(line) for line in request.allowed]
        room = request.max_tokens
        needed = 1
        if request.choices:
            needed = max(len(self.chat.encode(label)) for label in request.choices)
        if self.context is not None:
            room = min(room, self.context - len(prompt))
        row = _Row(request, prompt, room, lines, random.Random(request.seed))
        if self.context is not None and len(prompt) + needed > self.context:
            row.status = "too long"
        elif room <= 0 and not request.choices:
            row.status, row.text = "length", request.prefix
        return row

    def _line(self, text: str) -> tuple[int, ...]:
        """The tokens of an allowed line; with its end, no line begins another one."""
        return (*self.chat.encode(text), min(self.ends))

    def _reply(
        self, row: _Row, seconds: float, choice_logprobs: tuple[float, ...] | None = None
    ) -> Reply:
        return Reply(
            row.status or "ok",
            whole(row.text),  # also of a prefix
            row.prompt,
            tuple(row.ids),
            tuple(row.logprobs),
            choice_logprobs,
            self.model,
            (len(row.prompt), len(row.ids)),
            seconds,
        )

    def _batches(self, sizes: list[tuple[int, int]]) -> Iterator[list[int]]:
        """Indices in micro-batches, the longest first, each within the token budget when padded."""
        batch: list[int] = []
        longest = 0
        for size, i in sorted(sizes, key=lambda one: (-one[0], one[1])):
            if batch and longest * (len(batch) + 1) > self._budget:
                yield batch
                batch = []
            longest = size if not batch else longest
            batch.append(i)
        if batch:
            yield batch

    # -----------------------------------------------------------------------------------------

    def _forward(self, prompts: Sequence[Sequence[int]], keep: int, cache: bool) -> Any:
        """A forward over left-padded prompts: output with logits of the last ``keep`` positions
        (B, keep, V), the attention mask (B, T), the lengths (B, 1)."""
        import torch

        device = self.network.device
        width = max(map(len, prompts))
        pad = [[0] * (width - len(p)) for p in prompts]
        ids = torch.tensor([[*z, *p] for z, p in zip(pad, prompts, strict=True)], device=device)
        mask = torch.tensor(
            [[*z, *([1] * len(p))] for z, p in zip(pad, prompts, strict=True)], device=device
        )
        out = self.network(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
            use_cache=cache,
            logits_to_keep=keep,
        )
        return out, mask, mask.sum(-1, keepdim=True)

    def _score(self, rows: list[_Row]) -> list[tuple[float, ...] | None]:
        """The log-probability of each choice right after the prompt, on the whole vocabulary.

        A label is the tokens of exactly its string (no blank is put before it; a caller that wants
        one writes it), and its log-probability the sum over them, at temperature 1.
        """
        import torch

        paths: dict[tuple[int, ...], int] = {}  # prompt and label but its last token -> batch row
        labels = [[tuple(self.chat.encode(c)) for c in row.request.choices] for row in rows]
        for row, own in zip(rows, labels, strict=True):
            for label in own:
                if not label:
                    raise ValueError(f"choices: a label has no token, got {row.request.choices}")
                paths.setdefault((*row.prompt, *label[:-1]), len(paths))
        keep = max(len(label) for own in labels for label in own)
        out, _, _ = self._forward(list(paths), keep, cache=False)
        table = out.logits[:, -keep:].float().log_softmax(-1).cpu()  # (B, keep, V)
        results: list[tuple[float, ...] | None] = []
        for row, own in zip(rows, labels, strict=True):
            values = []
            for label in own:
                at = table[paths[(*row.prompt, *label[:-1])], keep - len(label) :]
                ids = torch.tensor(label)[:, None]
                values.append(float(at.gather(-1, ids).double().sum()))
            finite = all(value > float("-inf") for value in values)  # false for NaN as well
            row.status = "ok" if finite else "error"
            results.append(tuple(values) if finite else None)
        return results

    def _sample(self, rows: list[_Row]) -> list[None]:
        """Let every row go on until it ends, keeping keys and values from step to step."""
        import torch

        live = list(rows)
        out, mask, position = self._forward([row.prompt for row in live], 1, cache=True)
        while True:
            tokens, logprobs = self._draw(out.logits[:, -1].float(), live)
            for row, token, logprob in zip(live, tokens, logprobs, strict=True):
                self._advance(row, token, logprob)
            going = [i for i, row in enumerate(live) if row.status is None]
            if not going:
                return [None] * len(rows)
            cache = out.past_key_values
            if 2 * len(going) <= len(live):  # ended rows stay until half of the batch is idle
                keep = torch.tensor(going, device=mask.device)
                cache.batch_select_indices(keep)
                mask, position = mask[keep], position[keep]
                live, tokens = [live[i] for i in going], [tokens[i] for i in going]
            mask = torch.cat([mask, mask.new_ones(len(live), 1)], dim=-1)
            out = self.network(
                input_ids=torch.tensor(tokens, device=mask.device)[:, None],
                attention_mask=mask,
                position_ids=position,
                past_key_values=cache,
                use_cache=True,
            )
            # An ended row that stays goes no further than the model has positions for.
            position = (position + 1).clamp(max=(self.context or 2**31) - 1)

    def _draw(self, logits: torch.Tensor, rows: Sequence[_Row]) -> tuple[list[int], list[float]]:
        """The next token of each row and its log-probability, from logits (B, V).

        By the inverse of the cumulative distribution, in double precision where there is one.
        """
        import torch

        device = logits.device
        greedy = torch.tensor([row.request.temperature == 0 for row in rows], device=device)
        heat = torch.tensor([row.request.temperature or 1.0 for row in rows], device=device)
        if any(row.lines for row in rows):
            barred = torch.zeros_like(logits, dtype=torch.bool)
            for i, row in enumerate(rows):
                if row.lines and row.status is None:
                    barred[i] = True
                    barred[i, sorted({line[len(row.ids)] for line in row.lines})] = False
            logits = logits.masked_fill(barred, float("-inf"))
        logp = (logits / heat[:, None]).log_softmax(-1)
        wide = torch.float32 if device.type == "mps" else torch.float64
        sums = logp.to(wide).exp().cumsum(-1)
        total = sums[:, -1:].contiguous()
        noise = [row.noise.random() if row.status is None else 0.0 for row in rows]
        goal = torch.tensor(noise, dtype=wide, device=device)[:, None] * total
        drawn = torch.searchsorted(sums, goal, right=True)
        drawn = torch.minimum(drawn, torch.searchsorted(sums, total)).squeeze(-1)  # at rounding
        token = torch.where(greedy, logits.argmax(-1), drawn)
        chosen = logp.gather(-1, token[:, None]).squeeze(-1)
        chosen = torch.where(greedy & chosen.isfinite(), torch.zeros_like(chosen), chosen)
        chosen = torch.where(total.squeeze(-1).isfinite(), chosen, torch.nan)
        return token.tolist(), chosen.tolist()

    def _advance(self, row: _Row, token: int, logprob: float) -> None:
        """Give a row its next token, and end it where it ends."""
        if row.status is not None:
            return
        if logprob != logprob:  # NaN: the network overflowed
            row.status = "error"
            return
        row.ids.append(token)
        row.logprobs.append(logprob)
        request, n = row.request, len(row.ids)
        if row.lines:
            row.lines = [line for line in row.lines if line[n - 1] == token]
            if n == len(row.lines[0]):
                row.status = "ok"
        elif token in self.ends:
            row.status = "ok"
        stops = (*request.stop, *self.chat.stops)
        if stops and row.status is None:
            text = self.chat.decode(row.ids)
            found = [at for at in (text.find(stop) for stop in stops) if at >= 0]
            if found:
                row.status, row.text = "ok", request.prefix + text[: min(found)]
                return
        if row.status is None and n >= row.room:
            row.status = "length"
        if row.status == "ok" and row.lines:
            said = next(one for one in request.allowed if self._line(one) == row.lines[0])
            row.text = request.prefix + said
        elif row.status is not None:
            ended = token in self.ends
            row.text = request.prefix + self.chat.decode(row.ids[: n - ended])
