"""From a run's description to its outcome: where players, judges, engine and store meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import agents
import judges
from agents.models import Models
from arena.continuing import begin_or_continue
from arena.desk.settings import Settings, set_settings
from arena.leases import keep_specs
from arena.match import PERSON, Agent, Judge, participant_id
from arena.participants import SpecError, parse
from arena.protocols import Protocol
from arena.questions import Item
from arena.report.costs import keep_prices
from arena.runfile import PlayBlock, RunFile, RunLimits, items_of, protocols_of
from arena.runner import Listings, Outcome, Planned, enrol, execute, plan, provenance
from arena.store import Store, StoreError, agree_on_truth
from arena.studyfile import Price
from arena.tournament import schedule

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Cast:
    """Participants built from their strings: ids by name, and the objects and strings by id."""

    models: Models
    store: Store
    truths: Mapping[str, int] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    judges: dict[str, Judge] = field(default_factory=dict)
    specs: dict[str, str] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)

    def price(self, prices: Mapping[str, Price], *given: Mapping[str, str]) -> None:
        """Note what participants cost, by their names: a player and a judge of one name both.
        ``given`` map names to ids. Raises SpecError for a name of nobody."""
        if strangers := sorted(set(prices).difference(*given)):
            raise SpecError(f"prices: {strangers[0]!r} is no player or judge of this file")
        for ids in given:
            self.prices |= {ids[name]: one for name, one in prices.items() if name in ids}

    def player(self, spec: str) -> str:
        """The id of a debater; the constant `PERSON` for a person's empty chair."""
        if parse(spec).kind == PERSON:
            return PERSON
        one = agents.load(
            spec, self.models, lambda key: self.store.transcript(self.store.match(key))
        )
        who = participant_id(one)
        self.agents[who], self.specs[who] = one, spec
        return who

    def judge(self, spec: str) -> str:
        """The id of a judge; `PERSON` for a person."""
        if parse(spec).kind == PERSON:
            return PERSON
        one = judges.load(spec, self.models, self.truths)
        who = participant_id(one)
        self.judges[who], self.specs[who] = one, spec
        return who


def _truths(items: Iterable[Item]) -> dict[str, int]:
    return {item.question.id: item.truth for item in items if item.truth is not None}


def perform(
    store: Store,
    name: str,
    kind: str,
    config: object,
    items: Sequence[Item],
    planned: Sequence[Planned],
    cast: Cast,
    *,
    width: int = 64,
    listings: Listings = "listed",
    progress: Progress = lambda done, total: None,
    enough: Callable[[int], bool] = lambda tokens: False,
    desk: Settings | None = None,
    growth: Growth | None = None,
) -> Outcome:
    """Claim a run's matches under its name, then play and judge what is not yet in the store.

    It is noted how everybody is built: a worker goes on with them where people sit in the matches,
    and in forks. ``desk`` is what the run allows people, which may change from call to call. With
    ``growth`` a run that is in the store may be continued by a longer plan.
    """
    claim(store, name, kind, config, items, planned, cast, desk, growth)
    outcome = carry_out(store, planned, cast, width, listings, progress, enough)
    if outcome.done == len(planned):
        store.finish_run(name)
    return outcome


@dataclass(frozen=True, slots=True)
class Growth:
    """How a run may be continued: ``fields`` of its settings that may differ from what they were,
    and what fields meant that a run from before them lacks, as `begin_or_continue` takes them."""

    fields: Collection[str] = ()
    absent: Mapping[str, object] = field(default_factory=dict)


def claim(
    store: Store,
    name: str,
    kind: str,
    config: object,
    items: Sequence[Item],
    planned: Sequence[Planned],
    cast: Cast,
    desk: Settings | None = None,
    growth: Growth | None = None,
) -> int:
    """The first part of `perform`: claim a run's matches; return how many were added to a run that
    was there. Raises StoreError where it is another run, or one that may not be continued so."""
    who: list[Agent | Judge] = [*cast.agents.values(), *cast.judges.values()]
    added = 0
    if growth is None:
        agree_on_truth(store, items)  # a run that is refused must not take the name
        store.start_run(name, kind, config, provenance())
        enrol(store, who)
        plan(store, name, items, planned)
    else:
        if not isinstance(config, Mapping):
            raise TypeError("a run that may be continued is described by a mapping")
        added = begin_or_continue(
            store, name, kind, config, provenance(), items, planned, who, growth.fields,
            growth.absent,
        )  # fmt: skip
    keep_specs(store, name, cast.specs)
    keep_prices(store, name, cast.prices)
    if desk is not None:
        set_settings(store, name, desk)
    return added


def carry_out(
    store: Store,
    planned: Sequence[Planned],
    cast: Cast,
    width: int = 64,
    listings: Listings = "listed",
    progress: Progress = lambda done, total: None,
    enough: Callable[[int], bool] = lambda tokens: False,
) -> Outcome:
    """The second part of `perform`: play and judge what is not yet in the store of these matches,
    which a run has claimed."""
    seats = {one.match.id: dict(one.match.seats) for one in planned}
    outcome = execute(
        store,
        planned,
        cast.agents,
        cast.judges,
        cast.models.engine(),
        width=width,
        listings=listings,
        progress=lambda done: progress(done, len(planned)),
        enough=enough,
    )
    # Of a round that is spoken at once, machines wait as well: their chairs are not empty.
    outcome.waiting = [
        (match, seat) for match, seat in outcome.waiting
        if seats[match].get(seat, PERSON) == PERSON
    ]  # fmt: skip
    return outcome


def run_file(
    run: RunFile, folder: Path, store: Store, progress: Progress = lambda done, total: None
) -> Outcome:
    """Play a run that a YAML file describes with one cast, from wherever it was stopped."""
    block = run.play or PlayBlock()
    items, protocols, cast, players, named = assemble(run, folder, store)
    teams_of = partial(_team, block.seats, list(players), _speakers(protocols.values()))
    planned = list(
        schedule(
            [item.question for item in items], protocols, players, named, run.seed, teams_of,
            block.mirrored, block.replicates,
        )
    )  # fmt: skip
    return perform(
        store, run.name, "play", identity(run, players, named), items, planned, cast,
        width=run.run.width, listings=block.listings, progress=progress, enough=limit(run.run),
        desk=run.desk,
    )  # fmt: skip


def assemble(
    run: RunFile, folder: Path, store: Store
) -> tuple[list[Item], dict[str, Protocol], Cast, dict[str, str], dict[str, str]]:
    """What a file speaks of: its questions, protocols, everybody in it, and the participant ids of
    its players and judges by name. Raises SpecError where a protocol has nobody to play it."""
    items = items_of(run, folder, store)
    protocols = protocols_of(run, folder)
    cast = Cast(Models(**asdict(run.engine)), store, _truths(items))
    players = {name: cast.player(spec) for name, spec in run.players.items()}
    named = {name: cast.judge(spec) for name, spec in run.judges.items()}
    if not named:
        raise SpecError("judges: expected at least one, as in `judges: {me: person}`")
    for protocol in protocols.values():
        if (count := len(protocol.speakers)) and not players:
            raise SpecError(f"players: {protocol.name!r} needs {count}, got none; add players")
    cast.price(run.prices, players, named)
    return items, protocols, cast, players, named


def limit(limits: RunLimits) -> Callable[[int], bool]:
    """Whether a run that starts now has had enough, given the tokens sampled so far."""
    started = time.monotonic()

    def enough(tokens: int) -> bool:
        over = limits.minutes is not None and time.monotonic() - started > 60 * limits.minutes
        return over or (limits.budget is not None and tokens >= limits.budget)

    return enough


class Limit:
    """What stops a run, and how many matches were not taken up for it."""

    def __init__(self, enough: Callable[[int], bool]) -> None:
        self.enough, self.left = enough, 0

    def __call__(self, tokens: int) -> bool:
        over = self.enough(tokens)
        self.left += over
        return over

    def notes(self) -> list[str]:
        """A line for what is still to be played."""
        if not self.left:
            return []
        return [
            f"{self.left} matches are not taken up: what `run` allows (minutes, budget) is spent; "
            "the same command goes on"
        ]


def _speakers(protocols: Iterable[Protocol]) -> set[str]:
    return {seat for protocol in protocols for seat in protocol.speakers}


def _team(
    seats: Mapping[str, str], players: Sequence[str], known: set[str], protocol: Protocol
) -> list[tuple[str, ...]]:
    """The one cast of `play` for a protocol: as ``seats`` says, else the players in order."""
    strangers = sorted(set(seats) - known) or sorted(set(seats.values()) - set(players))
    if strangers:
        raise SpecError(
            f"play.seats: {strangers} fit nothing here; the seats are {sorted(known)}, the players "
            f"{list(players)}"
        )
    speakers = protocol.speakers
    if seats:
        empty = [seat for seat in speakers if seat not in seats]
        if empty:
            raise SpecError(f"play.seats: {protocol.name!r} has no player for its seats {empty}")
        return [tuple(seats[seat] for seat in speakers)]
    if len(speakers) == 1:
        return [(player,) for player in players]
    if len(players) == 1:
        return [tuple(players) * len(speakers)]
    if len(players) < len(speakers):
        raise SpecError(f"players: {protocol.name!r} needs {len(speakers)}, got {len(players)}")
    return [tuple(players[: len(speakers)])]


def identity(run: RunFile, players: Mapping[str, str], judges: Mapping[str, str]) -> dict[str, Any]:
    """What makes a run this run and no other, without paths: participants stand by their ids.

    What its protocols and questions hold is compared match by match, in `arena.runner.plan`.
    """
    value = asdict(run)
    for field_ in ("run", "engine", "protocols", "desk", "study", "prices"):
        del value[field_]
    value["players"], value["judges"] = dict(players), dict(judges)
    if value["questions"]["lines"] is None:  # runs from before there was such a field go on
        del value["questions"]["lines"]
    if value["train"] is None:
        del value["train"]
    if value["questions"]["path"]:
        value["questions"]["path"] = Path(value["questions"]["path"]).name
    return value


def judge_run(
    store: Store,
    name: str,
    spec: str,
    listings: Listings = "listed",
    mode: Literal["whole", "stepped"] = "whole",
    limit: int | None = None,
    engine: Mapping[str, Any] | None = None,
    progress: Progress = lambda done, total: None,
) -> Outcome:
    """Have a judge read every played match of a run; what it has read already is not read again."""
    if store.one("SELECT 1 FROM runs WHERE name = ?", name) is None:
        known = ", ".join(row["name"] for row in store.query("SELECT name FROM runs")) or "none"
        raise StoreError(f"no run {name!r} in this store; its runs: {known}")
    cast = Cast(Models(**(engine or {})), store, store.truths())
    who = cast.judge(spec)
    if who == PERSON:
        raise SpecError("a person judges in the browser: run `arena ui`")
    sql = (
        "SELECT DISTINCT m.id FROM run_matches JOIN matches AS m ON m.id = run_matches.match "
        "WHERE run = ? AND played = 1 ORDER BY position LIMIT ?"
    )
    keys = [row["id"] for row in store.query(sql, name, -1 if limit is None else limit)]
    enrol(store, cast.judges.values())
    planned = [Planned(store.match(key), judges=(who,)) for key in keys]
    return execute(
        store,
        planned,
        {},
        cast.judges,
        cast.models.engine(),
        listings=listings,
        mode=mode,
        progress=lambda done: progress(done, len(planned)),
    )
