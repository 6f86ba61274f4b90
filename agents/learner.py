"""`Learner`: trains LoRA adapters of one base together, from samples and their advantages.

Any number of adapters in one mixed backward pass, each normalised, clipped and stepped on its own;
rows are routed by name, so that no adapter is ever switched on or off: peft's ``set_adapter`` and
``disable_adapter`` freeze the others without a word. The base is never changed.

With an `accelerate.Accelerator` of several processes each process gives its own share of the
samples (some may give none): counts, gradients and statistics are summed over them, so that the
result is that of one process with all the samples. All of them make the same calls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agents.gradients import Gradients, copied
from agents.losses import LearnerError, Loss, Sample, Stats, measure, policy_gradient
from agents.sharing import BASE, Inputs, Passes, inputs, micro_batches

if TYPE_CHECKING:
    import torch

__all__ = ["Learner", "LearnerError", "Loss", "Optimiser", "Sample", "Stats"]

# What is summed for each adapter: over micro-batches, then over processes.
_LOSS, _POLICY, _KL, _ENTROPY, _RATIO, _CUT, _BAD = range(7)


@dataclass(frozen=True, slots=True)
class Optimiser:
    """AdamW's settings; the learning rate comes with every step."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0


class Learner:
    """The adapters ``adapters`` of a peft model, trained together.

    ``references``: for an adapter, the one that its KL is to (a frozen copy of its start, say);
    the base where none is named. ``clip_norm``: the largest gradient norm of an adapter.
    ``max_batch_tokens``: see `agents.sharing.micro_batches`; how the samples are divided changes
    nothing but time and memory.

    The network is put into eval mode (peft refuses mixed batches in train mode), so there is no
    dropout. ValueError for an adapter that is not there, is not plain LoRA, or is in less than
    float32.
    """

    def __init__(
        self,
        network: Any,
        adapters: Sequence[str],
        *,
        references: Mapping[str, str] | None = None,
        optimiser: Optimiser | None = None,
        clip_norm: float = 1.0,
        max_batch_tokens: int = 8192,
        accelerator: Any = None,
    ) -> None:
        import torch

        if not (clip_norm > 0 and max_batch_tokens > 0):
            raise ValueError(
                "clip_norm and max_batch_tokens must be above 0, "
                f"got {clip_norm} and {max_batch_tokens}"
            )
        self.network = network
        self.adapters = tuple(adapters)
        self._index = {name: k for k, name in enumerate(self.adapters)}
        self._references = dict.fromkeys(self.adapters, BASE) | dict(references or {})
        self._clip, self._budget = clip_norm, max_batch_tokens
        self._check()
        self._gradients = Gradients(network, self.adapters, accelerator)
        network.eval()
        settings = optimiser or Optimiser()
        self._optimisers = {
            name: torch.optim.AdamW(
                list(tensors.values()),
                lr=0.0,
                betas=settings.betas,
                eps=settings.eps,
                weight_decay=settings.weight_decay,
                fused=network.device.type in ("cpu", "cuda"),
            )
            for name, tensors in self._gradients.tensors.items()
        }

    def _check(self) -> None:
        if not self.adapters or len(self._index) < len(self.adapters):
            raise ValueError(f"a learner needs different adapters, got {self.adapters}")
        known = self.network.peft_config
        for name in (*self.adapters, *self._references, *{*self._references.values()} - {BASE}):
            if name not in known:
                raise ValueError(f"no adapter {name!r} in the network, it has: {', '.join(known)}")
        for name in self._references:
            if name not in self._index:
                raise ValueError(f"a reference for {name!r}, which is not trained: {self.adapters}")
            config = known[name]
            plain = str(getattr(config.peft_type, "value", config.peft_type)) == "LORA"
            if not plain or config.use_dora or config.modules_to_save or config.bias != "none":
                raise ValueError(
                    f"adapter {name!r} is not plain LoRA: DoRA, saved modules and trained biases "
                    "cannot be mixed in one batch"
                )

    def forward_backward(self, samples: Sequence[Sample], loss: Loss) -> dict[str, Stats]:
        """Add the gradients of ``loss`` on ``samples`` to those that wait for `optim_step`.

        What each adapter's samples came to, for those that have some. LearnerError where a loss or
        gradient is not finite: nothing is changed, the gradients that waited are still there.
        """
        for sample in samples:
            if len(sample.logprobs) != len(sample.token_ids):
                raise ValueError(
                    f"a sample of {len(sample.token_ids)} tokens has {len(sample.logprobs)} "
                    "log-probabilities: a policy gradient needs those of the sampling"
                )
        return self._pass(samples, loss, train=True, refer=loss.kl > 0)

    def supervised(self, samples: Sequence[Sample]) -> dict[str, Stats]:
        """The same for the mean of ``-log p`` over each adapter's trained tokens (nats)."""
        return self._pass(samples, None, train=True, refer=False)

    def measure(self, samples: Sequence[Sample], loss: Loss | None = None) -> dict[str, Stats]:
        """What samples come to without training on them, the KL to the reference included."""
        return self._pass(samples, loss or Loss(), train=False, refer=True)

    def optim_step(self, lr: float | Mapping[str, float]) -> dict[str, float]:
        """Step every adapter that has gradients; their norms before clipping, 0 for the others.

        ``lr`` is for all of them, or for each by its name. LearnerError where a norm is not finite:
        the gradients are dropped, weights and optimiser are as they were.
        """
        import torch

        rates = dict(lr) if isinstance(lr, Mapping) else dict.fromkeys(self.adapters, lr)
        for name, rate in rates.items():
            if name not in self._index or not (math.isfinite(rate) and rate >= 0):
                raise ValueError(
                    f"learning rates must be 0 or more and for {', '.join(self.adapters)}: "
                    f"got {rate} for {name!r}"
                )
        waiting = self._gradients.gather()
        missing = [name for name in waiting if name not in rates]
        if missing:
            raise ValueError(f"gradients but no learning rate for {', '.join(missing)}")
        norms = dict.fromkeys(self.adapters, 0.0)
        for name in waiting:
            tensors = self._gradients.tensors[name].values()
            norms[name] = float(torch.nn.utils.clip_grad_norm_(tensors, self._clip))
        bad = [name for name, norm in norms.items() if not math.isfinite(norm)]
        for name in [] if bad else waiting:
            self._optimisers[name].param_groups[0]["lr"] = rates[name]
            self._optimisers[name].step()
            for one in self._gradients.tensors[name].values():  # the fused step does not say so
                torch.autograd.graph.increment_version(one)
        self._gradients.drop()
        if bad:
            raise LearnerError(
                f"the gradient norm of {', '.join(bad)} is {norms[bad[0]]}: no step was taken, "
                "the gradients were dropped; lower the learning rate or look at the rewards"
            )
        return norms

    def logprobs(
        self, samples: Sequence[Sample], reference: bool = False
    ) -> list[tuple[float, ...]]:
        """Log-probabilities (nats) of all tokens now, by the sample's adapter or its reference.

        Of the distribution that the sample was drawn from (temperature, restriction); of injected
        tokens as well.
        """
        import torch

        found: list[tuple[float, ...]] = [()] * len(samples)
        whole = [replace(sample, mask=()) for sample in samples]
        passes = Passes(self.network)
        with torch.no_grad():
            for batch in micro_batches(whole, self._budget):
                given = inputs(batch, whole, self.network.device, passes.side_by_side)
                names = [
                    self._references[one.adapter] if reference else one.adapter for one in batch
                ]
                table = passes.logits(names, given)
                values = measure(table, None, given.places, False, False)[0].tolist()
                for i in given.samples:
                    n = len(samples[i].token_ids)
                    found[i], values = tuple(values[:n]), values[n:]
        return found

    def snapshot(self) -> dict[str, Any]:
        """Weights and optimiser state, copied to the CPU; to be taken between steps.

        Tensors, numbers, lists and dictionaries only: `torch.save` keeps it, and
        ``torch.load(..., weights_only=True)`` reads it.
        """
        return {
            name: {
                "weights": copied(tensors),
                "optimiser": copied(self._optimisers[name].state_dict()),
            }
            for name, tensors in self._gradients.tensors.items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a snapshot, bit for bit; gradients that waited are dropped.

        ValueError, and nothing is changed, where it is not of these adapters.
        """
        import torch

        for name in self.adapters:
            if name not in state or not self._gradients.fit(name, state[name]["weights"]):
                held = ", ".join(state) or "nothing"
                raise ValueError(f"the snapshot is not of adapter {name!r} as it is: holds {held}")
        with torch.no_grad():
            for name, tensors in self._gradients.tensors.items():
                for key, one in tensors.items():
                    one.copy_(state[name]["weights"][key])
                self._optimisers[name].load_state_dict(copied(state[name]["optimiser"]))
        self._gradients.drop()

    # -----------------------------------------------------------------------------------------

    def _pass(
        self, samples: Sequence[Sample], loss: Loss | None, train: bool, refer: bool
    ) -> dict[str, Stats]:
        """One pass over the samples: statistics, and gradients if ``train``. Without ``loss`` it is
        supervised; if ``refer`` the KL is computed."""
        import torch

        device, n = self.network.device, len(self.adapters)
        tally = [[0, 0] for _ in range(n)]  # tokens, samples
        for sample in samples:
            if sample.adapter not in self._index:
                raise ValueError(
                    f"a sample of adapter {sample.adapter!r}: this learner trains "
                    f"{', '.join(self.adapters)}"
                )
            tally[self._index[sample.adapter]][0] += len(sample.trained)
            tally[self._index[sample.adapter]][1] += 1
        counts = self._gradients.sum(torch.tensor(tally, device=device)).tolist()
        weights = [_weight(one, loss, *counts[self._index[one.adapter]]) for one in samples]
        wide = torch.float32 if device.type == "mps" else torch.float64
        sums = torch.zeros(n, 7, dtype=wide, device=device)
        peaks = torch.zeros(n, dtype=wide, device=device)
        passes = Passes(self.network)
        with self._gradients.added(train), torch.set_grad_enabled(train):
            for batch in micro_batches(samples, self._budget):
                given = inputs(batch, samples, device, passes.side_by_side)
                base = None
                if refer:
                    with torch.no_grad():
                        names = [self._references[group.adapter] for group in batch]
                        base = passes.logits(names, given)
                table = passes.logits([group.adapter for group in batch], given)
                value = self._loss(given, samples, loss, weights, table, base, sums, peaks)
                if train:
                    torch.autograd.backward(value)
            for name, k in self._index.items():
                sums[k, _BAD] += train and self._gradients.overflown(name)
            sums, peaks = self._gradients.sum(sums), self._gradients.highest(peaks)
            return self._stats(counts, sums.tolist(), peaks.tolist(), refer)

    def _loss(
        self, given: Inputs, samples: Sequence[Sample], loss: Loss | None,
        weights: Sequence[float], table: torch.Tensor, base: torch.Tensor | None,
        sums: torch.Tensor, peaks: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """The loss of a micro-batch; adds what is measured to ``sums`` (n, 7) and ``peaks`` (n,).

        ``table`` and ``base`` are the logits (R * C, V) of the adapters and their references.
        """
        import torch

        places, rows = given.places, [samples[i] for i in given.samples]
        bonus = loss is not None and loss.entropy != 0
        exact = loss is not None and loss.kl_estimate == "exact"
        logp, kl, entropy = measure(table, base, places, exact, bonus)

        def tensor(values: Sequence[float], dtype: Any = logp.dtype) -> torch.Tensor:
            return torch.tensor(values, dtype=dtype, device=sums.device)

        policy, ratio, cut = -logp, torch.ones_like(logp), torch.zeros_like(logp)
        if loss is not None:
            old, advantages = logp.detach(), tensor(_flat(rows, [row.advantages for row in rows]))
            if all(row.logprobs for row in rows):
                old = tensor(_flat(rows, [row.logprobs for row in rows]))
            policy, ratio, cut = policy_gradient(loss, logp, old, advantages, places.row)
        value = policy
        if loss is not None and loss.kl and kl is not None:
            value = value + loss.kl * kl
        if loss is not None and bonus:
            value = value - loss.entropy * entropy
        weight = tensor([weights[i] for i in given.samples])[places.row]
        who = tensor([self._index[row.adapter] for row in rows], torch.long)[places.row]
        value, policy = value * weight, policy * weight
        none = torch.zeros_like(logp)
        found = (value, policy, none if kl is None else kl, entropy, ratio, cut, none)
        with torch.no_grad():
            sums.index_add_(0, who, torch.stack([one.to(sums.dtype) for one in found], dim=-1))
            peaks.scatter_reduce_(0, who, ratio.to(peaks.dtype), "amax")
        return value.sum()

    def _stats(
        self, counts: Sequence[Any], sums: Sequence[Any], peaks: Sequence[float], refer: bool
    ) -> dict[str, Stats]:
        found, bad = {}, []
        for name, (tokens, samples), row, peak in zip(
            self.adapters, counts, sums, peaks, strict=True
        ):
            if not math.isfinite(row[_LOSS]):
                bad.append(f"the loss of {name} is {row[_LOSS]}")
            elif row[_BAD]:
                bad.append(f"the gradient of {name} is not finite")
            some = tokens or 1
            if samples:
                found[name] = Stats(
                    loss=row[_LOSS],
                    policy=row[_POLICY],
                    kl=row[_KL] / some if refer else None,
                    kl_turn=row[_KL] / samples if refer else None,
                    entropy=row[_ENTROPY] / some,
                    ratio_mean=row[_RATIO] / some,
                    ratio_max=peak,
                    clipped=row[_CUT] / some,
                    tokens=tokens,
                    samples=samples,
                )
        if bad:
            raise LearnerError(
                f"{'; '.join(bad)}: nothing was changed; look at the advantages and the "
                "sampling log-probabilities of this batch, or lower the learning rate"
            )
        return found


def _weight(sample: Sample, loss: Loss | None, tokens: int, samples: int) -> float:
    """What each token of a sample weighs in the loss of its adapter, which has so many of both."""
    if loss is None or loss.normalise == "tokens":
        return 1 / max(1, tokens)
    if loss.normalise == "samples":
        return 1 / (samples * max(1, len(sample.trained)))
    return 1 / (samples * loss.length)


def _flat(rows: Sequence[Sample], values: Sequence[float | tuple[float, ...]]) -> list[float]:
    """One number per trained token, from one per turn or per token."""
    flat: list[float] = []
    for row, value in zip(rows, values, strict=True):
        many = value if isinstance(value, tuple) else (value,) * len(row.token_ids)
        flat += [many[k] for k in row.trained]
    return flat
