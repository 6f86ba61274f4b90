"""The models that a run uses, each loaded once and shared by every participant that names it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from agents.adapters import AdapterRef, find_adapter
from agents.weights import find_model
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
        self._attached: dict[tuple[str, Path], str] = {}  # path of the base, adapter's folder: name

    def local(self, path: str) -> LocalEngine:
        """The engine of the model at a path or hub id."""
        if path not in self._local:
            from agents.local import LocalEngine

            device, threads, dtype = self._how
            self._local[path] = LocalEngine(path, device=device, threads=threads, dtype=dtype)
        return self._local[path]

    def policy(
        self, path: str, adapter: str | None = None, version: str | None = None
    ) -> tuple[str, LocalEngine, AdapterRef | None]:
        """A base, or one of its adapters: its model string, the engine that answers for it, and
        which adapter it is. An adapter that was named in a participant is never trained."""
        if adapter is None:
            engine = self.local(path)
            return engine.model, engine, None
        folder = find_adapter(find_model(path), adapter, version).resolve()
        engine = self.local(path)
        if (path, folder) not in self._attached:
            label = re.sub(r"[^A-Za-z0-9_]+", "_", f"{Path(adapter).name}_{version or ''}")
            name = f"named-{len(self._attached)}-{label}"  # apart from names that a trainer gives
            engine.attach(name, folder, trainable=False)
            self._attached[path, folder] = name
        model = engine.model_of(self._attached[path, folder])
        digest = model.partition("#")[2]
        return model, engine, AdapterRef(Path(adapter).name, version or "", digest, str(folder))

    def engine(self) -> Engine:
        """One engine for all that is loaded so far, adapters too; for nothing, one that nobody may
        ask."""
        known = {model: engine for engine in self._local.values() for model in engine.models}
        return routed(dict(known)) if known else batch(lambda requests: [])
