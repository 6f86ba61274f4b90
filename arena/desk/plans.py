"""A plan as values: what is asked for, its lines, and its preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from arena.desk.chairs import PersonError
from arena.desk.facts import Once
from arena.desk.standing import Kind
from arena.ids import derive_seed
from arena.match import Match
from arena.protocols import JUDGE

DISTANCE = 10
"""How many other debates lie between the two times that a person reads one, at the least."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What an admin asks for.

    ``k`` people judge each match of ``run``; whoever judges it already, or is to, counts. ``seats``
    are the chairs to fill: the judge's, and those of debaters that wait for people (one each).
    ``cap`` is the most debates of the run that a person is ever given, gold and duplicates among
    them and practice not. A person is given one debate of each story (``once``: question, or
    debate), and none about what it has had before or has debated. ``exclusions`` are pairs of a
    person and what it is not given: the id of a match, a question or a story. ``distance`` is how
    many debates lie between a debate and the same again. Where ``rest`` is true, what the plan
    leaves open is offered to everybody in the open queue.
    """

    run: str
    people: tuple[str, ...]
    k: int = 1
    cap: int | None = None
    seed: int = 0
    seats: tuple[str, ...] = (JUDGE,)
    exclusions: tuple[tuple[str, str], ...] = ()
    once: Once = "story"
    distance: int = DISTANCE
    rest: bool = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise PersonError(f"Each match needs 1 or more judges; {self.k} were asked for.")
        if self.cap is not None and self.cap < 1:
            raise PersonError(f"A cap is 1 or more debates, or none; it was {self.cap}.")
        if self.distance < 0:
            raise PersonError(f"A distance is 0 or more debates; it was {self.distance}.")
        if not self.people or len(set(self.people)) < len(self.people):
            raise PersonError("Choose the people to plan for, each one once.")


@dataclass(frozen=True, slots=True)
class Planned:
    """A line of a plan. ``of`` is the match that a duplicate shows again; ``listing`` is None where
    the order of the options is drawn for the person."""

    person: str
    position: int
    match: str
    seat: str
    kind: Kind
    setting: str
    listing: tuple[int, ...] | None = None
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan that nobody has committed. ``loads`` has a row of plain values for each person;
    ``spans`` says by how much people differ at the most: in load, in listings (of one person or one
    match), in the debates of a setting, and of a setting with the same sides. ``violations`` are
    lines about what could not be done as asked."""

    request: PlanRequest
    rows: tuple[Planned, ...]
    loads: tuple[Mapping[str, Any], ...]
    spans: Mapping[str, int]
    violations: tuple[str, ...]
    digest: str
    number: int
    id: str


def again_of(match: Match) -> Match:
    """The match under which the same debate is given a second time."""
    return replace(match, seed=derive_seed("again", match.id))
