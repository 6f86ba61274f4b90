"""The adapters' tensors and their gradients, over one process or several."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Gradients:
    """The LoRA tensors of ``adapters``, by adapter and by their names without the adapter's.

    With several processes everybody starts from the tensors of the first one. ValueError for an
    adapter that is in less than float32.
    """

    def __init__(self, network: Any, adapters: Sequence[str], accelerator: Any) -> None:
        self.tensors = {name: _tensors(network, name) for name in adapters}
        self._device = network.device
        self._accelerator = accelerator
        self._alone = accelerator is None or accelerator.num_processes == 1
        for name, tensors in self.tensors.items():
            kinds = {str(one.dtype).removeprefix("torch.") for one in tensors.values()}
            if len(kinds) != 1 or not kinds <= {"float32", "float64"}:
                raise ValueError(
                    f"adapter {name!r} is in {', '.join(sorted(kinds))}: training needs float32 "
                    "adapters, whatever the base is in (peft makes them so unless told otherwise)"
                )
        if not self._alone:
            import torch
            from accelerate.utils import broadcast

            with torch.no_grad():
                for tensors in self.tensors.values():
                    for one in tensors.values():
                        one.copy_(broadcast(one.detach().clone()))

    def of(self, name: str) -> list[torch.Tensor]:
        """The gradients that an adapter has."""
        grads = [one.grad for one in self.tensors[name].values()]
        return [one for one in grads if one is not None]

    def drop(self) -> None:
        """No gradients."""
        for tensors in self.tensors.values():
            for one in tensors.values():
                one.grad = None

    @contextmanager
    def added(self, train: bool) -> Iterator[None]:
        """What is computed within it is added to the gradients that wait, or nothing is.

        If ``train``, adapters that somebody froze learn again: peft's ``add_adapter`` freezes the
        others, and the pool of opponents must not decide who learns.
        """
        waiting = {}
        for name, tensors in self.tensors.items():
            waiting[name] = [one.grad for one in tensors.values()]
            for one in tensors.values():
                one.requires_grad_(one.requires_grad or train)
        self.drop()
        try:
            yield
        except BaseException:
            self.drop()
            raise
        finally:
            for name, tensors in self.tensors.items():
                for one, old in zip(tensors.values(), waiting[name], strict=True):
                    if one.grad is None:
                        one.grad = old
                    elif old is not None:
                        one.grad += old

    def overflown(self, name: str) -> bool:
        """Whether an adapter's gradient in this process is not finite."""
        import torch

        grads = self.of(name)
        return bool(grads) and not math.isfinite(float(torch.nn.utils.get_total_norm(grads)))

    def gather(self) -> list[str]:
        """The adapters that have gradients; these become the sums over all processes."""
        import torch

        if self._alone:
            return [name for name in self.tensors if self.of(name)]
        have = torch.tensor([len(self.of(name)) for name in self.tensors], device=self._device)
        some = [name for name, n in zip(self.tensors, self.sum(have).tolist(), strict=True) if n]
        for name in some:
            tensors = list(self.tensors[name].values())
            grads = [torch.zeros_like(one) if one.grad is None else one.grad for one in tensors]
            flat = self.sum(torch.cat([one.flatten() for one in grads]))
            parts = torch.split(flat, [one.numel() for one in tensors])
            for one, part in zip(tensors, parts, strict=True):
                one.grad = part.view_as(one).clone()
        return some

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        if self._alone:
            return tensor
        summed: torch.Tensor = self._accelerator.reduce(tensor, reduction="sum")
        return summed

    def highest(self, tensor: torch.Tensor) -> torch.Tensor:
        """The maximum over all processes."""
        if self._alone:
            return tensor
        highest: torch.Tensor = self._accelerator.gather(tensor[None]).amax(0)
        return highest

    def fit(self, name: str, kept: Mapping[str, torch.Tensor]) -> bool:
        """Whether tensors are those of an adapter, by names and shapes."""
        shapes = {key: one.shape for key, one in self.tensors[name].items()}
        return {key: one.shape for key, one in kept.items()} == shapes


def _tensors(network: Any, adapter: str) -> dict[str, Any]:
    part = re.compile(rf"(\.lora_\w+)\.{re.escape(adapter)}(?=\.|$)")
    return {
        part.sub(r"\1", key): one for key, one in network.named_parameters() if part.search(key)
    }


def copied(value: Any) -> Any:
    """A copy of nested values, their tensors on the CPU."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(copied(one) for one in value)
    return value
