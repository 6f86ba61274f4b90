"""A cache of keys and values that is repeated for the rows of a prompt, and grows in place."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_ROOM = 64  # positions to spare, at least, each time a tensor is made longer


def spread(cache: Any, index: torch.Tensor) -> None:
    """Let row i of a transformers cache be what its row ``index[i]`` was.

    From then on a layer that keeps every position writes the next ones where there is room for
    them; as transformers has it, it copies all of them at every token.
    """
    from transformers.cache_utils import DynamicLayer

    layers = getattr(cache, "layers", None)
    if layers is None:
        cache.reorder_cache(index)
        return
    for i, layer in enumerate(layers):
        if type(layer) is DynamicLayer and layer.keys is not None:
            layers[i] = _in_place(layer, index)
        else:  # it keeps a window, a state, or both; this verb is the one that all layers have
            layer.reorder_cache(index)


def _in_place(layer: Any, index: torch.Tensor) -> Any:
    """Rows ``index`` of a layer, as a layer that grows in place."""
    keys, values = _Growing(layer.keys, index), _Growing(layer.values, index)

    def update(
        new_keys: torch.Tensor, new_values: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        new.keys, new.values = keys.add(new_keys), values.add(new_values)
        return new.keys, new.values

    new = copy(layer)
    new.keys, new.values, new.update = keys.seen, values.seen, update
    return new


class _Growing:
    """Rows ``index`` of a tensor (B, heads, T, size) that becomes longer along T."""

    def __init__(self, old: torch.Tensor, index: torch.Tensor) -> None:
        from torch import index_select

        self._length = old.shape[-2]
        self._store = _roomy(old, len(index), self._length)
        index_select(old, 0, index, out=self.seen)  # straight to its place: half of the time

    @property
    def seen(self) -> torch.Tensor:
        """What is in it, without the room."""
        return self._store[:, :, : self._length]

    def add(self, new: torch.Tensor) -> torch.Tensor:
        """Append ``new`` along T; returns everything."""
        length = self._length + new.shape[-2]
        if length > self._store.shape[-2]:
            longer = _roomy(new, len(new), length)
            longer[:, :, : self._length] = self.seen
            self._store = longer
        self._store[:, :, self._length : length] = new
        self._length = length
        return self.seen


def _roomy(like: torch.Tensor, rows: int, length: int) -> torch.Tensor:
    room = length + max(_ROOM, length // 4)
    return like.new_empty(rows, like.shape[1], room, like.shape[-1])
