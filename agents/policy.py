"""`Policy`: a player in training, what it was before, and its frozen copies that others meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agents.adapters import AdapterRef, LoraSettings
from agents.debater import Debater
from arena.ids import derive_seed

if TYPE_CHECKING:
    from agents.local import LocalEngine


@dataclass(slots=True)
class Policy:
    """A debater whose adapter, of its own name beside the base of ``engine``, is trained.

    ``start`` is the player before training: the base, or the adapter that training began with.
    ``version`` is how many steps it has been trained.
    """

    name: str
    start: Debater
    engine: LocalEngine
    version: int = 0

    @property
    def reference(self) -> str | None:
        """The adapter that the KL is to; None: the base."""
        return None if self.start.adapter is None else f"{self.name}-start"

    def attach(self, settings: LoraSettings, seed: int) -> None:
        """Put its adapter beside the base: fresh, or a copy of the one that it starts from.

        Raises ValueError for a player that samples at temperature 0, which is no policy.
        """
        if self.start.temperature == 0:
            raise ValueError(f"{self.name}: a greedy player cannot learn; give it a temperature")
        if self.start.adapter is None:
            fresh = replace(settings, seed=derive_seed(seed, "adapter", self.name) >> 32)
            self.engine.attach(self.name, settings=fresh)
            return
        folder = Path(self.start.adapter.path)
        self.engine.attach(f"{self.name}-start", folder, trainable=False)
        self.engine.attach(self.name, folder)

    def now(self) -> Debater:
        """The player as it is."""
        return self._speaking(self.name, self.version)

    def frozen(self, name: str, step: int) -> Debater:
        """The player as it was after ``step``, whose copy is the adapter ``name``."""
        return self._speaking(name, step)

    def trained(self) -> None:
        """Take note of one more step."""
        self.version += 1
        self.engine.refresh(self.name)

    def publish(self, folder: Path) -> AdapterRef:
        """Write the adapter to ``folder/NAME/VERSION``: `local:PATH#folder/NAME@VERSION`."""
        return self.engine.save(self.name, folder / self.name, str(self.version))

    def _speaking(self, adapter: str, step: int) -> Debater:
        model = self.engine.model_of(adapter)
        ref = AdapterRef(self.name, str(step), model.partition("#")[2])
        return replace(self.start, model=model, adapter=ref)


def snapshot_name(player: str, step: int) -> str:
    """What the frozen copy of a player after a step is called."""
    return f"{player}-{step}"


def adapters_of(policies: Mapping[str, Policy]) -> list[tuple[LocalEngine, list[Policy]]]:
    """The policies by the engine that they share."""
    found: dict[int, tuple[LocalEngine, list[Policy]]] = {}
    for policy in policies.values():
        found.setdefault(id(policy.engine), (policy.engine, []))[1].append(policy)
    return list(found.values())
