"""The models that a run uses, each loaded once and shared by every participant that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.flow import Engine, batch, routed

if TYPE_CHECKING:
    from agents.local import LocalEngine


class Models:
    """Loads local models on first use; `engine` answers for all of them.

    Device, thread count and dtype are how a model is run, not which model it is: they enter no id.
    """

    def __init__(self, device: str = "cpu", threads: int = 1, dtype: str | None = None) -> None:
        self._how = (device, threads, dtype)
        self._local: dict[str, LocalEngine] = {}

    def local(self, path: str) -> LocalEngine:
        """The engine of the model at a path or hub id."""
        if path not in self._local:
            from agents.local import LocalEngine

            device, threads, dtype = self._how
            self._local[path] = LocalEngine(path, device=device, threads=threads, dtype=dtype)
        return self._local[path]

    def engine(self) -> Engine:
        """One engine for every model loaded so far; for none, one that nobody may ask."""
        if not self._local:
            return batch(lambda requests: [])
        return routed({engine.model: engine for engine in self._local.values()})
