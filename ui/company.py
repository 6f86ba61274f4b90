"""Who goes on in a match that somebody else began: its players, built again from what is noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from agents.models import Models
from arena.flow import Engine
from arena.leases import specs_of
from arena.match import Agent, Judge
from arena.participants import SpecError, describe
from arena.store import Store
from ui.runs import Cast


class Company(Protocol):
    """The players that a worker can have, and the engine that answers for them."""

    agents: dict[str, Agent]
    judges: dict[str, Judge]

    def join(self, who: str, run: str, decides: bool) -> None:
        """Have the participant with this id among ``agents``, or ``judges`` where it ``decides``.
        Raises SpecError where it cannot be built."""

    def engine(self) -> Engine:
        """One engine for all that have joined."""


class Rebuilt:
    """Participants built again from what their runs noted of them (`arena.leases.specs_of`).
    ``how`` is device, threads and dtype of models."""

    def __init__(self, store: Store, how: Mapping[str, Any]) -> None:
        self.store = store
        self.truths: dict[str, int] = {}  # for the oracle alone, which is a labelled control
        self.cast = Cast(Models(**how), store, self.truths)
        self.agents, self.judges = self.cast.agents, self.cast.judges

    def join(self, who: str, run: str, decides: bool) -> None:
        """As `Company.join`; whoever is another than at the beginning of the run is refused."""
        if who in (self.judges if decides else self.agents):
            return
        name = describe(self.store.participant(who))
        known = specs_of(self.store, who, run)
        why = f"{name}: the store does not say how it is built; start its run again, which notes it"
        if decides:
            self.truths.update(self.store.truths())
        for spec in known:
            try:
                built = self.cast.judge(spec) if decides else self.cast.player(spec)
            except (SpecError, OSError) as error:
                why = str(error)
                continue
            if built == who:
                return
            why = f"{spec}: it is not what it was when the run began, so it cannot go on in it"
        raise SpecError(why)

    def engine(self) -> Engine:
        """One engine for all models that are loaded so far."""
        return self.cast.models.engine()
