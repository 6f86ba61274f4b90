"""Tournaments: every pair of players, or rounds in which those of like standing meet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from arena.config import ConfigError
from arena.families import Record, refuse_family
from arena.match import PERSON
from arena.participants import SpecError
from arena.protocols import Protocol
from arena.rounds import Pair, Rounds, kept_rounds, results
from arena.runfile import RunFile, TournamentBlock
from arena.runner import Outcome, Planned
from arena.store import Store
from arena.swiss import Meeting, pairing
from arena.text import visible
from arena.tournament import Design, dealt, lone_teams, ranked, schedule
from ui.runs import (
    Cast,
    Growth,
    Limit,
    Progress,
    assemble,
    carry_out,
    claim,
    identity,
    limit,
    perform,
)

BEFORE = {
    "tournament.mirrored": True, "tournament.listings": "both", "tournament.replicates": 1,
    "tournament.schedule": "round robin", "tournament.seats": "fixed",
    "tournament.effects": ["seat"],
}  # fmt: skip
"""What a tournament was that says nothing of these, begun before they could be set."""
GROWS = (
    "players.*", "questions.n", "questions.path", "questions.split", "tournament.allow_family",
    "tournament.families.*", "tournament.effects",
)  # fmt: skip
"""What may differ when a tournament is taken up again, beside what its schedule allows."""


def run_tournament(
    run: RunFile, folder: Path, store: Store, progress: Progress = lambda done, total: None
) -> Outcome:
    """Play the tournament that a YAML file describes, from wherever it was stopped.

    A run that is in the store may be continued: with more players, with more questions behind the
    others, with more replicates (round robin) or rounds (Swiss). What it has played it keeps.
    """
    block = run.tournament or TournamentBlock()
    items, protocols, cast, players, judges = assemble(run, folder, store)
    _check_judges(block, protocols, cast, players, judges)
    config = {**identity(run, players, judges), "tournament": asdict(block)}
    more = "tournament.rounds" if block.schedule == "swiss" else "tournament.replicates"
    growth = Growth((*GROWS, more), BEFORE)
    questions = [item.question for item in items]
    grows = not _begun_before_seats(store, run.name)
    enough = Limit(limit(run.run))
    if block.schedule == "round robin":
        planned = list(
            schedule(
                questions, protocols, players, judges, run.seed, None, block.mirrored,
                block.replicates, block.seats, grows,
            )
        )  # fmt: skip
        outcome = perform(
            store, run.name, "tournament", config, items, planned, cast, width=run.run.width,
            listings=block.listings, progress=progress, enough=enough, desk=run.desk,
            growth=growth,
        )  # fmt: skip
        outcome.notes += enough.notes() + _one_of_two_names(players)
        return outcome
    position = (dealt if grows else ranked)(questions, run.seed)
    design = Design(questions, players, judges, run.seed, position, block.mirrored, block.seats)
    rounds = _Rounds(run, block, protocols, design)
    kept = rounds.kept(store)
    total = Outcome(notes=_one_of_two_names(players))
    planned = rounds.without_meetings()
    for number, pairs in kept.items():
        planned += rounds.planned(number, pairs)

    def play(new: list[Planned]) -> Outcome:
        done, sampled, whole = total.done, total.tokens, rounds.total(len(planned), len(kept))
        return carry_out(
            store, new, cast, run.run.width, block.listings,
            lambda n, _: progress(done + n, whole), lambda tokens: enough(sampled + tokens),
        )  # fmt: skip

    new = planned
    while True:
        if new:
            claim(store, run.name, "tournament", config, items, planned, cast, run.desk, growth)
            part = play(new)
            total.add(part)
            if part.done < len(new):
                total.notes += enough.notes()
                if len(kept) < rounds.number:
                    total.notes.append(_unfinished(len(kept), rounds.number))
                return total
        if len(kept) == rounds.number:
            break
        number = len(kept) + 1
        kept[number] = rounds.paired(rounds.results(store) if kept else [], kept)
        new = rounds.planned(number, kept[number])
        planned = planned + new
    total.notes += rounds.late(kept)
    store.finish_run(run.name)
    return total


def _one_of_two_names(players: Mapping[str, str]) -> list[str]:
    """A line for each participant that several players are."""
    names: dict[str, list[str]] = {}
    for name, who in players.items():
        if who != PERSON:
            names.setdefault(who, []).append(name)
    return [
        f"players: {visible(', '.join(map(repr, of)))} are one participant, so they play the same "
        "matches and have one rating"
        for of in names.values() if len(of) > 1
    ]  # fmt: skip


def _check_judges(
    block: TournamentBlock,
    protocols: Mapping[str, Protocol],
    cast: Cast,
    players: Mapping[str, str],
    judges: Mapping[str, str],
) -> None:
    """Refuse a panel that cannot decide together, or on which a judge sits twice, and a judge of a
    debater's family."""
    for name in block.panel.judges if block.panel else ():
        if name not in judges:
            raise SpecError(
                f"tournament.panel.judges: no judge {name!r}; the judges are {list(judges)}"
            )
    asking = [name for name, protocol in protocols.items() if protocol.asks]
    if block.panel is not None and asking and len(judges) > 1:
        raise SpecError(
            f"tournament.panel: in {asking[0]!r} a judge asks questions, so each has a debate of "
            "its own and no panel decides together; leave the panel or the protocol out"
        )
    if block.panel is not None:
        _refuse_two_names({name: judges[name] for name in block.panel.judges or judges})
    person: Record = {"kind": PERSON}
    refuse_family(
        {name: cast.agents[who].record if who in cast.agents else person
         for name, who in players.items()},
        {name: cast.judges[who].record if who in cast.judges else person
         for name, who in judges.items()},
        block.allow_family,
        block.families,
    )  # fmt: skip


def _refuse_two_names(members: Mapping[str, str]) -> None:
    """Refuse a panel on which one judge sits by two names, since it has one vote. `person` may have
    several: people are told apart when they judge."""
    first: dict[str, str] = {}
    for name, who in members.items():
        there = first.setdefault(who, name)
        if there != name and who != PERSON:
            raise SpecError(
                f"tournament.panel: the judges {visible(repr(there))} and {visible(repr(name))} "
                "are one, which has one vote; leave one of them out, or give it other settings"
            )


def _begun_before_seats(store: Store, name: str) -> bool:
    """Whether the run was begun when its sides were drawn over all its questions at once."""
    row = store.one("SELECT kind, config FROM runs WHERE name = ?", name)
    if row is None or row["kind"] != "tournament":
        return False
    block = json.loads(row["config"]).get("tournament")
    return not block or "seats" not in block


def _unfinished(number: int, rounds: int) -> str:
    what = f"round {number} of {rounds}" if number else "what is played before the first round"
    return (
        f"{what} is not over, and the pairs of round {number + 1} follow from its verdicts: "
        "start the same command again when they are in"
    )


class _Rounds:
    """The rounds of a Swiss tournament as matches."""

    def __init__(
        self,
        run: RunFile,
        block: TournamentBlock,
        protocols: Mapping[str, Protocol],
        design: Design,
    ) -> None:
        self.name, self.seed, self.block = run.name, run.seed, block
        self.number = block.rounds or 0
        self.protocols, self.design = protocols, design
        self.met = {name: one for name, one in protocols.items() if len(one.speakers) == 2}
        if not self.met:
            raise SpecError(
                "protocols: a Swiss schedule needs one in which two players meet, got "
                f"{', '.join(map(repr, protocols))}; add debate, or leave schedule: swiss out"
            )
        if len(design.players) < 2:
            raise SpecError(
                f"players: a Swiss schedule needs 2 or more, got {len(design.players)}; add players"
            )

    def without_meetings(self) -> list[Planned]:
        """What is played beside the rounds: protocols of one speaker, or of none."""
        return [
            one
            for name, protocol in self.protocols.items()
            for team in lone_teams(protocol, self.design.players)
            for one in self.design.planned(name, protocol, team, range(self.block.replicates))
        ]

    def planned(self, number: int, pairs: Mapping[Pair, int]) -> list[Planned]:
        """The matches of a round. Who met before plays other replicates, under other seeds."""
        each = self.block.replicates
        return [
            one
            for name, protocol in self.met.items()
            for pair, before in pairs.items()
            for one in self.design.planned(
                name, protocol, pair, range(before * each, (before + 1) * each), round=number
            )
        ]

    def kept(self, store: Store) -> Rounds:
        """The rounds that are in the store. Raises ConfigError where there are more than wanted."""
        found = kept_rounds(store, *self._named())
        if len(found) > self.number:
            raise ConfigError(
                f"tournament.rounds: run {self.name!r} has {len(found)} rounds in this store, got "
                f"{self.number}; rounds may be raised, and none is taken back"
            )
        return found

    def results(self, store: Store) -> list[Meeting]:
        """What the rounds so far came to."""
        return results(store, *self._named())

    def _named(self) -> tuple[str, Mapping[str, Protocol], Mapping[str, str], int]:
        return self.name, self.met, self.design.players, self.block.replicates

    def paired(self, meetings: Sequence[Meeting], kept: Rounds) -> dict[Pair, int]:
        """Who meets in the round after those of ``kept``."""
        before = [frozenset(pair) for pairs in kept.values() for pair in pairs]
        found = pairing(list(self.design.players), meetings, self.seed)
        return {pair: before.count(frozenset(pair)) for pair in found.pairs}

    def total(self, planned: int, paired: int) -> int:
        """How many matches there will be, of which so many are planned, in so many rounds."""
        first, second = list(self.design.players)[:2]
        each = len(self.planned(1, {(first, second): 0}))
        return planned + (self.number - paired) * each * (len(self.design.players) // 2)

    def late(self, kept: Rounds) -> list[str]:
        """A line for those who came when every round had been paired."""
        met = {who for pairs in kept.values() for pair in pairs for who in pair}
        late = [player for player in self.design.players if player not in met]
        if not late:
            return []
        return [
            f"{', '.join(late)} met nobody in the {self.number} rounds that were to be; raise "
            "tournament.rounds for another"
        ]
