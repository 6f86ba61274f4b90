"""`LocalEngine`: a transformers model on this machine, behind the engine interface.

Everything submitted is answered by one `collect`, in micro-batches of like length, whatever the
adapters of their rows. Sampling is the full distribution at the request's temperature (no top-k,
no top-p), so the recorded log-probabilities are those of the policy that spoke. The decode loop is
in `agents.decode`, the adapters are in `agents.lora`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from agents.adapters import AdapterRef, LoraSettings, read_adapter, save_adapter
from agents.chat import Chat, whole
from agents.decode import Fork, Row, batches, sample, score, tree
from agents.lora import BASE, Adapters
from agents.weights import find_model, model_digest
from arena.flow import Message, Reply, Request, Ticket

Trees: TypeAlias = dict[tuple[str, ...], tuple[Fork, int]]  # allowed: their tree, the longest


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
    ``threads`` and ``max_batch_tokens`` (rows times padded length, of one micro-batch; None: 16384
    on a CPU, 65536 elsewhere) are how it is run, and enter no id.

    Of a `Reply`: ``prompt_ids`` ends with the tokens of the request's ``prefix``, which are not
    sampled; ``text`` begins with the prefix and lacks the token or stop string that ended it;
    ``token_ids`` are all that was sampled, the ending token included. At temperature 0 the most
    likely token is taken, with log-probability 0. A request with ``choices`` samples nothing.

    Adapters lie beside the base under names (`attach`); the model string of one is the engine's and
    the digest of what the adapter is now, so a string never means two policies (`refresh`).
    ``network`` is the transformers model, and a PeftModel while there is an adapter.

    What cannot be found, loaded or run as asked raises ValueError, in one line, before anything is
    played.
    """

    def __init__(
        self,
        path: str,
        device: str = "cpu",
        dtype: str | None = None,
        threads: int = 1,
        max_batch_tokens: int | None = None,
    ) -> None:
        _check_how(device, dtype, threads)
        folder = find_model(path)
        self.name = Path(path).name or folder.resolve().name
        self.digest = model_digest(folder)
        self.model = f"local:{self.digest}"
        self._budget = max_batch_tokens or (16384 if device == "cpu" else 65536)
        self._asked: list[tuple[Ticket, Request]] = []
        self._digests: dict[str, str] = {}  # of the adapters, by name
        self._written: dict[str, int] = {}  # how often each was written to when that was taken
        self._name()
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
            # Without gradients from the start: torch takes other kernels for weights that have one.
            self._adapters = Adapters(network.to(device).eval().requires_grad_(False))
            self._device = network.device
        config = network.config.get_text_config()
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        ends = network.generation_config.eos_token_id
        extra = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        self.ends = self.chat.ends | frozenset(extra)
        with _clearly(f"model {self.name!r} cannot be run here; try another dtype or device"):
            self._try(self.model)

    def _try(self, model: str) -> None:
        """Answer a few words, so that what cannot be run is known before anything is played."""
        words = (Message("user", "A"),)
        self.answer(
            [
                Request(model, words, 2, seed=0),
                Request(model, words, 1, seed=0, choices=("A", "B")),
            ]
        )

    @property
    def network(self) -> Any:
        """The transformers model, or the PeftModel in which it is with its adapters; in `eval`."""
        return self._adapters.network

    @property
    def models(self) -> tuple[str, ...]:
        """The model strings that this engine answers for."""
        return tuple(self._named)

    @property
    def record(self) -> dict[str, object]:
        """Which model this is, as JSON values."""
        return {"kind": "local", "name": self.name, "digest": self.digest}

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        """Accept requests; those for another model are a mistake of the caller's."""
        for model in {request.model for _, request in requests}:
            self._adapter(model)
        self._asked.extend(requests)

    # -- adapters

    def attach(
        self,
        name: str,
        folder: str | Path | None = None,
        settings: LoraSettings | None = None,
        trainable: bool = True,
    ) -> str:
        """Put an adapter beside the base, from its folder or fresh; returns its model string.

        ``name`` is peft's name for it: letters, digits, - and _. What is not an adapter of this
        base (plain LoRA on linear layers) raises ValueError, and the engine is as before.
        """
        what = f"adapter {name!r}" if folder is None else f"adapter {Path(folder).name!r}"
        stored = None if folder is None else read_adapter(Path(folder), self.digest)
        with _clearly(f"{what} cannot be put beside model {self.name!r}"):
            if stored is None:
                self._adapters.make(name, settings or LoraSettings())
            else:
                self._adapters.load(name, stored)
            if not trainable:
                self.network.set_requires_grad([name], False)
            try:
                self._try(self._digested(name))
            except Exception:
                self.detach(name)
                raise
        return self.model_of(name)

    def copy(self, name: str, new_name: str) -> str:
        """A frozen snapshot of an adapter under another name; returns its model string."""
        self.model_of(name)
        self._adapters.copy(name, new_name)
        return self._digested(new_name)

    def refresh(self, name: str) -> str:
        """The model string of an adapter whose weights were changed; the old one is unknown now,
        unless another adapter is still what this one was."""
        self.model_of(name)
        return self._digested(name)

    def detach(self, name: str) -> None:
        """Take an adapter away."""
        self.model_of(name)
        self._adapters.remove(name)
        del self._digests[name], self._written[name]
        self._name()

    def model_of(self, name: str) -> str:
        """The model string of the adapter of that name."""
        if name not in self._digests:
            known = ", ".join(self._digests) or "none"
            raise ValueError(f"no adapter {name!r} is attached; attached: {known}")
        return f"{self.model}#{self._digests[name]}"

    def save(
        self, name: str, folder: str | Path, version: str = "", dtype: str = "float32"
    ) -> AdapterRef:
        """Write an adapter as it is now to ``folder``, or to its subfolder ``version``, at once.

        The digest is of what was written, which another ``dtype`` rounds.
        """
        import torch

        self.model_of(name)
        place = Path(folder) / version if version else Path(folder)
        kind = getattr(torch, dtype)
        tensors = {key: one.detach().to(kind) for key, one in self._adapters.tensors(name).items()}
        digest = self._adapters.digest(name, tensors)
        ours = {"base": self.digest, "base_name": self.name, "adapter": digest}
        save_adapter(place, self._adapters.config(name), tensors, ours)
        return AdapterRef(Path(folder).name, version, digest, str(place))

    def _digested(self, name: str) -> str:
        """Take note of what an adapter is now; returns its model string."""
        self._digests[name] = self._adapters.digest(name)
        self._written[name] = self._adapters.written(name)
        self._name()
        return self.model_of(name)

    def _name(self) -> None:
        """Know which adapter each model string means; of equal ones, the first."""
        self._named = {self.model: BASE}
        for name in self._digests:
            self._named.setdefault(self.model_of(name), name)

    def _adapter(self, model: str) -> str:
        """The name of the adapter that a model string means, which it still is."""
        name = self._named.get(model)
        if name is None:
            known = ", ".join(map(repr, self._named))
            raise ValueError(f"this engine is {known}, asked for {model!r}")
        if name != BASE and self._written[name] != self._adapters.written(name):
            raise ValueError(f"adapter {name!r} has changed since; take its new name by refresh")
        return name

    # -- answers

    def collect(self) -> list[tuple[Ticket, Reply]]:
        """Answer everything submitted."""
        asked, self._asked = self._asked, []
        replies = self.answer([request for _, request in asked])
        return [(ticket, reply) for (ticket, _), reply in zip(asked, replies, strict=True)]

    def answer(self, requests: Sequence[Request]) -> list[Reply]:
        """A reply to each request, in order."""
        import torch

        trees: Trees = {}
        named = {model: self._adapter(model) for model in {one.model for one in requests}}
        rows = [self._row(request, named[request.model], trees) for request in requests]
        replies: list[Reply | None] = [None] * len(rows)
        score: list[int] = []
        sampled: list[int] = []
        for i, row in enumerate(rows):
            if row.status is not None:
                replies[i] = self._reply(row, 0.0)
            else:
                (score if row.request.choices else sampled).append(i)
        with torch.inference_mode():
            for work, which in ((self._score, score), (self._sample, sampled)):
                for batch in batches(rows, which, self._budget):
                    start = time.perf_counter()
                    done = work([rows[i] for i in batch])
                    each = (time.perf_counter() - start) / len(batch)
                    for i, logprobs in zip(batch, done, strict=True):
                        replies[i] = self._reply(rows[i], each, logprobs)
        return [reply for reply in replies if reply is not None]

    def _row(self, request: Request, adapter: str, trees: Trees) -> Row:
        """A request as tokens; never shortened: what does not fit has the status ``too long``."""
        prompt = self.chat.prompt(request.messages) + tuple(self.chat.encode(request.prefix))
        at, room = None, request.max_tokens
        if request.allowed:
            if request.allowed not in trees:
                lines = self.lines(request.allowed)
                root = tree(zip(lines, request.allowed, strict=True))
                trees[request.allowed] = root, max(map(len, lines))
            at, longest = trees[request.allowed]
            room = min(room, longest)  # no batch is made small for what no line can be
        needed = 1
        if request.choices:
            needed = max(len(self.chat.encode(label)) for label in request.choices)
        if self.context is not None:
            room = min(room, self.context - len(prompt))
        row = Row(request, adapter, prompt, room, at, random.Random(request.seed))
        if self.context is not None and len(prompt) + needed > self.context:
            row.status = "too long"
        elif request.choices:
            pass
        elif room <= 0:
            row.status, row.text = "length", request.prefix
        else:
            self._follow(row)
        return row

    def lines(self, allowed: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """Allowed lines as the tokens that are sampled; with its end, no line begins another."""
        if not self.ends:
            raise ValueError("allowed: this model has no token that ends a line")
        end = min(self.ends)
        return tuple((*self.chat.encode(line), end) for line in allowed)

    def _reply(
        self, row: Row, seconds: float, choice_logprobs: tuple[float, ...] | None = None
    ) -> Reply:
        return Reply(
            row.status or "ok",
            whole(row.text),  # also of a prefix
            row.prompt,
            tuple(row.ids),
            tuple(row.logprobs),
            choice_logprobs,
            row.request.model,
            (len(row.prompt), len(row.ids)),
            seconds,
        )

    def _score(self, rows: list[Row]) -> list[tuple[float, ...] | None]:
        """The log-probability of each choice of each row, right after its prompt."""
        labels = [[tuple(self.chat.encode(c)) for c in row.request.choices] for row in rows]
        for row, own in zip(rows, labels, strict=True):
            if not all(own):
                raise ValueError(f"choices: a label has no token, got {row.request.choices}")
        results: list[tuple[float, ...] | None] = []
        found = score(self._adapters.run, rows, labels, self._device)
        for row, values in zip(rows, found, strict=True):
            finite = all(value > float("-inf") for value in values)  # false for NaN as well
            row.status = "ok" if finite else "error"
            results.append(values if finite else None)
        return results

    def _sample(self, rows: list[Row]) -> list[None]:
        """Let every row go on until it ends."""
        sample(self._adapters.run, rows, self._advance, self._device, self.context)
        return [None] * len(rows)

    def _advance(self, row: Row, token: int, logprob: float) -> None:
        """Give a row its next token, and end it where it ends."""
        if row.status is not None:
            return
        if logprob != logprob:  # NaN: the network overflowed
            row.status = "error"
            return
        self._give(row, token, logprob)
        self._follow(row)

    def _follow(self, row: Row) -> None:
        """Where one allowed line is left, its tokens are certain: no forward is needed for them."""
        while row.status is None and row.at is not None and row.at.lines == 1:
            (token,) = row.at.ways
            self._give(row, token, 0.0)

    def _give(self, row: Row, token: int, logprob: float) -> None:
        row.ids.append(token)
        row.logprobs.append(logprob)
        request, n = row.request, len(row.ids)
        if row.at is not None:
            row.at = row.at.ways[token]
            if not row.at.ways:
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
        if row.status == "ok" and row.at is not None:
            row.text = request.prefix + row.at.text
        elif row.status is not None:
            ended = token in self.ends
            row.text = request.prefix + self.chat.decode(row.ids[: n - ended])
