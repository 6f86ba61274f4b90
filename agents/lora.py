"""LoRA adapters beside one base, all of them live: each row of a batch goes through its own.

They lie in one peft model, so that whoever trains them has peft's interface (``adapter_names``).
For the decode loop `routed` does the same arithmetic without peft's hooks and index lists, on rows
that lie together: bit for bit what ``adapter_names`` gives, at half of the time for a small model.
Nothing here calls ``set_adapter`` or ``disable_adapter``: they freeze the other adapters.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import groupby
from types import MethodType
from typing import TYPE_CHECKING, Any

from agents.adapters import LoraSettings, Stored
from arena.ids import content_id

if TYPE_CHECKING:
    import torch

BASE = "__base__"  # peft's name for a row without an adapter
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class _Routing:
    """Which rows of the batch under way go through which adapter; None: peft decides."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, int, int]] | None = None  # adapter, first row, end
        self.rows = 0


def _forward(layer: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    """The forward of a LoRA layer, on rows that `_Routing` tells apart."""
    from torch.nn.functional import linear

    routing: _Routing = layer.routing
    if routing.parts is None:
        result: torch.Tensor = type(layer).forward(layer, x, *args, **kwargs)
        return result
    out: torch.Tensor = layer.base_layer(x, *args, **kwargs)
    if x.shape[0] != routing.rows:
        raise ValueError(f"a layer got {x.shape[0]} rows of {routing.rows}: it mixes them")
    for name, begin, end in routing.parts:
        if name in layer.lora_A:
            down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
            low = linear(x[begin:end].to(down.dtype), down)
            out[begin:end] += (linear(low, up) * layer.scaling[name]).to(out.dtype)
    return out


class Adapters:
    """The adapters of one base. ``network`` is the transformers model, and a PeftModel as soon as
    there is an adapter."""

    def __init__(self, base: Any) -> None:
        self.network = base
        self._base = base
        self._routing = _Routing()
        self._even = True  # every layer is one that `_forward` knows
        self._matrices: dict[str, dict[str, torch.Tensor]] = {}  # by adapter, by key

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all adapters."""
        return tuple(self._matrices)

    def run(self, names: Sequence[str], **inputs: Any) -> Any:
        """A forward of the network, row i of the batch through adapter ``names[i]``."""
        if self.network is self._base:
            return self._base(**inputs)
        if not self._even:
            return self.network(adapter_names=list(names), **inputs)
        with self.routed(names):
            return self._base(**inputs)

    @contextmanager
    def routed(self, names: Sequence[str]) -> Iterator[None]:
        """Within it, a forward of the transformers model takes row i through ``names[i]``; rows of
        one adapter should lie together. Not for layers that are run again later (checkpointing)."""
        parts, at = [], 0
        for name, rows in groupby(names):
            begin, at = at, at + sum(1 for _ in rows)
            if name != BASE:
                parts.append((name, begin, at))
        self._routing.parts, self._routing.rows = parts, at
        try:
            yield
        finally:
            self._routing.parts = None

    def make(self, name: str, settings: LoraSettings) -> None:
        """A fresh adapter: it changes nothing yet. Drawn on the CPU, so alike on every device."""
        import torch
        from peft import LoraConfig

        targets = settings.targets
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            target_modules=targets if isinstance(targets, str) else list(targets),
            lora_dropout=0.0,
            task_type="CAUSAL_LM",
        )
        self._inject(name, config)
        generator = torch.Generator().manual_seed(settings.seed)
        fresh = {}
        for key, value in self.tensors(name).items():
            bound = 1 / math.sqrt(value.shape[-1])
            drawn = torch.rand(value.shape, generator=generator) * 2 * bound - bound
            fresh[key] = torch.zeros_like(drawn) if ".lora_B." in key else drawn
        self._fill(name, fresh)

    def load(self, name: str, stored: Stored) -> None:
        """An adapter from its folder; ValueError where its tensors do not fit the base."""
        from peft import LoraConfig

        known = LoraConfig.__dataclass_fields__
        config = LoraConfig(**{key: one for key, one in stored.config.items() if key in known})
        config.inference_mode, config.init_lora_weights, config.lora_dropout = False, True, 0.0
        config.task_type = "CAUSAL_LM"
        self._inject(name, config)
        try:
            self._fill(name, stored.tensors)
        except ValueError:
            self.remove(name)
            raise

    def copy(self, name: str, new_name: str) -> None:
        """A second adapter like the first, whose gradients are off."""
        from copy import deepcopy

        tensors = {key: value.clone() for key, value in self.tensors(name).items()}
        self._inject(new_name, deepcopy(self.config(name)))
        self._fill(new_name, tensors)
        self.network.set_requires_grad([new_name], False)

    def remove(self, name: str) -> None:
        """Take an adapter away; with the last one the network is the transformers model again."""
        del self._matrices[name]
        if not self._matrices:
            for _, layer in self._layers():
                vars(layer).pop("forward", None), vars(layer).pop("routing", None)
            self.network.unload()
            self.network, self._even = self._base, True
            return
        with self._as_they_are():
            self.network.delete_adapter(name)

    def config(self, name: str) -> Any:
        """Peft's configuration of an adapter."""
        return self.network.peft_config[name]

    def tensors(self, name: str) -> dict[str, torch.Tensor]:
        """An adapter's matrices, by the keys that peft gives them in a file."""
        return dict(self._matrices[name])

    def written(self, name: str) -> int:
        """How often an adapter's matrices were written to in place: another number, other weights
        (but for what is written past autograd, through ``.data``)."""
        return sum(one._version for one in self._matrices[name].values())

    def digest(self, name: str, tensors: Mapping[str, torch.Tensor] | None = None) -> str:
        """The content id of an adapter: its matrices and what they are multiplied with. With
        ``tensors``, as if these were its matrices."""
        scaling = {
            f"base_model.model.{key}": float(layer.scaling[name])
            for key, layer in self._layers()
            if name in layer.lora_A
        }
        value = []
        for key, one in sorted((tensors or self.tensors(name)).items()):
            flat = one.detach().float().cpu().contiguous()
            content = sha256(flat.numpy().tobytes()).hexdigest()
            value.append([key, list(flat.shape), content, scaling[key.rsplit(".", 2)[0]]])
        return content_id("l", value)

    # -----------------------------------------------------------------------------------------

    def _layers(self) -> Iterator[tuple[str, Any]]:
        from peft.tuners.lora import LoraLayer

        for key, layer in self._base.named_modules():
            if isinstance(layer, LoraLayer):
                yield key, layer

    def _inject(self, name: str, config: Any) -> None:
        """Put an adapter beside the base, its matrices not yet set."""
        import torch
        from peft import get_peft_model
        from peft.tuners.lora import Linear

        self._check(name)
        with self._as_they_are(), torch.random.fork_rng(devices=[]):  # peft draws; nobody asked
            if self.network is self._base:
                # The base is frozen from here on: it is what the adapters are beside.
                self.network = get_peft_model(self._base, config, adapter_name=name)
            else:
                self.network.add_adapter(name, config)
        self.network.eval()
        self.network.set_requires_grad([name], True)
        self._matrices[name] = {
            f"base_model.model.{key}.{kind}.weight": getattr(layer, kind)[name].weight
            for key, layer in self._layers()
            if name in layer.lora_A
            for kind in ("lora_A", "lora_B")
        }
        for _, layer in self._layers():
            if name in layer.lora_embedding_A:
                self.remove(name)
                raise ValueError("it targets an embedding; expected linear layers only")
            if "routing" not in vars(layer):
                layer.routing = self._routing
                known = type(layer) is Linear
                self._even = self._even and known
                if known:
                    layer.forward = MethodType(_forward, layer)

    def _check(self, name: str) -> None:
        """Refuse a name that peft, or a reader of parameter names, would mix up with another."""
        import torch

        taken = {part for key, _ in self._base.named_parameters() for part in key.split(".")}
        if name in self.names:
            raise ValueError(f"adapter {name!r} is attached already; detach it or take a new name")
        if (
            not _NAME.fullmatch(name)
            or name in taken | {"default", "base_model", "base_layer"}
            or name.startswith("lora")
            or hasattr(torch.nn.ModuleDict(), name)
        ):
            raise ValueError(
                f"an adapter cannot be called {name!r}; "
                "take letters, digits, - and _ that name no part of the network"
            )

    def _fill(self, name: str, tensors: Mapping[str, torch.Tensor]) -> None:
        import torch

        own = self.tensors(name)
        if wrong := sorted(set(own) ^ set(tensors)):
            where = "lacks" if wrong[0] in own else "has, beyond its targets here,"
            raise ValueError(
                f"it {where} {wrong[0]} ({len(wrong)} such); expected an adapter of this base"
            )
        for key, value in own.items():
            if value.shape != tensors[key].shape:
                raise ValueError(
                    f"its {key} has shape {tuple(tensors[key].shape)}, this base needs "
                    f"{tuple(value.shape)}; expected an adapter of this base"
                )
        with torch.no_grad():
            for key, value in own.items():
                value.copy_(tensors[key])

    @contextmanager
    def _as_they_are(self) -> Iterator[None]:
        """Which adapters have gradients stays as it was: peft changes it where it selects one, and
        says so, though nobody here asks for the selected one."""
        was = [
            (weight, weight.requires_grad) for key in self.names
            for weight in self.tensors(key).values()
        ]  # fmt: skip
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            for weight, needed in was:
                weight.requires_grad_(needed)
