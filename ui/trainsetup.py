"""From a run file to a trainer: players, judges, questions and what pays, built and checked.

Everything that does not fit is refused here, in one line that names the field, before anything is
written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from agents.debater import Debater
from agents.models import Models
from agents.policy import Policy
from agents.training import Game, Trainer
from arena import metrics
from arena.batch import RewardRow
from arena.config import ConfigError
from arena.controls import control_rows
from arena.credit import verdict_rows
from arena.draws import draws_of
from arena.grow import Grown
from arena.match import PERSON, participant_id
from arena.participants import SpecError, parse
from arena.protocols import Protocol
from arena.questions import Item, Question
from arena.runfile import RunFile, protocols_of
from arena.store import Store, agree_on_truth
from arena.trainfile import TrainBlock
from ui.evaluation import Bench, Reader
from ui.runs import Cast


@dataclass(slots=True)
class Setup:
    """A run file's parts. ``items`` are the questions of the step that was drawn last, by id."""

    run: RunFile
    block: TrainBlock
    store: Store
    trainer: Trainer
    bench: Bench
    items: dict[str, Item]


def setup_of(run: RunFile, block: TrainBlock, folder: Path, store: Store) -> Setup:
    """The parts of a training run, from its file in ``folder``."""
    protocols = protocols_of(run, folder)
    seats = _seats(run, block, protocols)
    if block.judge == PERSON:  # needs no entry of its own
        run = replace(run, judges={PERSON: PERSON, **run.judges})
    for field, name in (("judge", block.judge), ("held_out", block.held_out)):
        if name is not None and name not in run.judges:
            raise ConfigError(f"train.{field}: {name!r} is none of the judges {list(run.judges)}")
    people = parse(run.judges[block.judge]).kind == PERSON
    if people:
        _for_people(block, protocols)
    draws, held = draws_of(run, block, folder, store)
    agree_on_truth(store, [*draws.known, *held])
    _for_control(block, [*draws.known, *held])
    models = Models(**asdict(run.engine))
    truths: dict[str, int] = {}  # for controls alone; those of a step join when it is drawn
    cast = Cast(models, store, truths)
    players, policies = _players(run, seats, _learners(block, seats), cast)
    readers = _readers(run, block, cast, all(_witness(one) for one in held))
    bench = Bench(
        run.name, run.seed, store if block.record != "none" else Store(None), models, held,
        protocols, readers, run.run.width, block.alarm.act, block.control,
    )  # fmt: skip
    truths.update(bench.truths)
    if block.alarm.act == "stop" and not (bench.truths and bench.gold):
        raise ConfigError(
            "train.alarm.act: stop needs a judge that does not pay (train.held_out) and "
            "evaluation questions with known truths; write act: warn, or off"
        )
    items: dict[str, Item] = {}

    def questions(step: int) -> list[Question]:
        found = draws.at(step)
        items.clear()
        items.update((one.question.id, one) for one in found)
        truths.update((key, one.truth) for key, one in items.items() if one.truth is not None)
        return [one.question for one in found]

    paying = None if people else readers[0]
    game = Game(
        run.seed, list(protocols.values()), seats, players, None if people else readers[0].judge,
        questions, _pay(block, paying, truths), models.engine,
    )  # fmt: skip
    try:
        trainer = Trainer(game, policies, block)
    except ValueError as error:
        raise SpecError(f"train: {error}") from None
    return Setup(run, block, store, trainer, bench, items)


def _for_people(block: TrainBlock, protocols: Mapping[str, Protocol]) -> None:
    """Refuse what does not go together with a person as the judge that pays."""
    for name, one in protocols.items():
        if one.asks:
            raise ConfigError(
                f"train.judge: a person reads debates that are over, but in {name!r} the judge "
                "takes part; name a protocol in which it only reads, or another judge"
            )
    given: dict[str, tuple[object, tuple[object, ...]]] = {
        "rule": (block.rule, ("log-odds",)),
        "control": (block.control, (None,)),
        "baseline": (block.baseline, ("leave-one-out", "running")),
        "scale": (block.scale, ("none",)),
    }
    for field, (value, known) in given.items():
        if value not in known:
            listed = " or ".join("nothing" if one is None else str(one) for one in known)
            raise ConfigError(
                f"train.{field}: where a person judges, expected {listed}, got {value!r}"
            )


def _for_control(block: TrainBlock, known: Sequence[Item]) -> None:
    """Refuse a control on questions that have not what it reads."""
    if block.control in ("true side", "right verdict") and any(one.truth is None for one in known):
        raise ConfigError(
            f"train.control: {block.control!r} reads the truth, and some questions have none; give "
            "them one, or leave control out"
        )
    if block.control == "relevant quote" and not all(map(_witness, known)):
        raise ConfigError(
            "train.control: 'relevant quote' reads lines of the witness world; write questions: "
            "{source: witness}, or leave control out"
        )


def _pay(
    block: TrainBlock, reader: Reader | None, truths: Mapping[str, int]
) -> Callable[[Grown], list[RewardRow]]:
    """What a tree pays: a rule on the judge's verdicts, or a labelled control; people's verdicts
    are no business of a tree's (`arena.queue`)."""
    if reader is None:
        return lambda tree: []
    if reader.judge.record.get("uses_truth") and block.control != "judge":
        raise ConfigError(
            f"train.judge: {block.judge!r} reads the truth, so nothing would be learnt from "
            "verdicts; where that is wanted as a control, write train.control: judge"
        )

    def pay(tree: Grown) -> list[RewardRow]:
        if block.control not in (None, "judge"):
            return control_rows(tree, reader.id, f"control: {block.control}", truths)
        rows = verdict_rows(tree, reader.id, block.rule)
        return [replace(row, uses_truth=True) for row in rows] if block.control else rows

    return pay


def _witness(item: Item) -> bool:
    return item.question.source.startswith("witness/")


def _seats(run: RunFile, block: TrainBlock, protocols: Mapping[str, Protocol]) -> dict[str, str]:
    """Who sits where: as the block says, else the players in order."""
    players = list(run.players)
    known = sorted({seat for one in protocols.values() for seat in one.speakers})
    if not players:
        raise SpecError("players: expected at least one, as in `players: {alice: local:nano}`")
    seats = block.seats or {seat: players[i % len(players)] for i, seat in enumerate(known)}
    idle = [] if block.seats else players[len(known) :]
    if idle:
        raise SpecError(
            f"train.seats: nobody sits {idle}; the seats are {known}, say who sits where"
        )
    strangers = sorted(set(seats) - set(known)) or sorted(set(seats.values()) - set(players))
    if strangers:
        raise SpecError(
            f"train.seats: {strangers} fit nothing here; the seats are {known}, the players "
            f"{players}"
        )
    for name, one in protocols.items():
        empty = [seat for seat in one.speakers if seat not in seats]
        if empty or not one.speakers:
            why = f"has no player for its seats {empty}" if empty else "has nobody who speaks"
            raise SpecError(f"train.seats: protocol {name!r} {why}")
    return seats


def _learners(block: TrainBlock, seats: Mapping[str, str]) -> list[str]:
    seated = list(dict.fromkeys(seats.values()))
    strangers = [name for name in block.learn if name not in seated]
    if strangers:
        raise SpecError(f"train.learn: {strangers} sit nowhere; the seated players are {seated}")
    return list(block.learn) or seated


def _players(
    run: RunFile, seats: Mapping[str, str], learn: Sequence[str], cast: Cast
) -> tuple[dict[str, Any], dict[str, Policy]]:
    """The seated players as they are now, and those of them who learn."""
    players: dict[str, Any] = {}
    policies: dict[str, Policy] = {}
    for name in dict.fromkeys(seats.values()):
        spec = run.players[name]
        who = cast.player(spec)
        if who == PERSON:
            raise SpecError(f"players: {name!r} is a person, who cannot be sampled in training")
        players[name] = agent = cast.agents[who]
        if name not in learn:
            continue
        if not isinstance(agent, Debater):
            raise SpecError(
                f"train.learn: {name!r} ({spec}) is no model here, so it cannot learn; name it "
                "local:PATH, or leave it out of train.learn"
            )
        for other in run.players:
            if re.fullmatch(re.escape(other) + r"-(\d+|start)", name):
                raise ConfigError(
                    f"players: {name!r} is what a snapshot of {other!r} is called; give it another "
                    "name"
                )
        policies[name] = Policy(name, agent, cast.models.local(parse(spec).name))
    return players, policies


def _readers(run: RunFile, block: TrainBlock, cast: Cast, witness: bool) -> list[Reader]:
    """The judges of evaluations, the training judge first (if it is no person, who is not asked to
    read them); in the witness world, Bayes' too."""
    order = [block.judge, *([block.held_out] if block.held_out else [])]
    order += [name for name in run.judges if name not in order]
    names = {block.judge: metrics.TRAINING}
    if block.held_out:
        names[block.held_out] = metrics.HELD_OUT
    specs = {names.get(name, name): run.judges[name] for name in order}
    people = parse(run.judges[block.judge]).kind == PERSON
    if len(specs) < len(order):
        raise ConfigError(
            f"judges: call none of them {' or '.join(map(repr, names.values()))}: that is what the "
            "figures call train.judge and train.held_out"
        )
    if witness:
        strategic = f"scripted:strategic,faces={run.questions.faces}"
        for name, spec in ((metrics.LITERAL, "scripted:literal"), (metrics.STRATEGIC, strategic)):
            if cast.judge(specs.setdefault(name, spec)) != cast.judge(spec):
                raise ConfigError(
                    f"judges: {name!r} is what the figures call {spec}; give {specs[name]} "
                    "another name"
                )
    if people:
        del specs[metrics.TRAINING]
    elif block.held_out and cast.judge(run.judges[block.judge]) == cast.judge(
        run.judges[block.held_out]
    ):
        raise ConfigError(
            f"train.held_out: {block.held_out!r} is the judge that pays, by another name; name a "
            "judge that nothing is trained against"
        )
    found = []
    for who, spec in specs.items():
        key = cast.judge(spec)
        if key == PERSON:
            raise SpecError(
                f"judges: {who!r} is a person; evaluations are read by a judge who answers at "
                "once: name a model or a scripted judge"
            )
        found.append(Reader(who, cast.judges[key], key))
    if not found:
        raise ConfigError(
            "train.held_out: a person is not asked to read the evaluations, and nobody else can; "
            "name a model or a scripted judge"
        )
    return found


def identity(setup: Setup) -> dict[str, Any]:
    """What makes a training run this run and no other: no paths, participants by their ids."""
    value = asdict(setup.run)
    for key in ("run", "engine", "play", "tournament", "study", "prices", "desk"):
        del value[key]
    for key in ("sinks", "checkpoints"):
        del value["train"][key]
    del value["train"]["people"]["wait"]
    if setup.trainer.game.judge is not None:
        del value["train"]["people"]
    game = setup.trainer.game
    value["protocols"] = {name: one.id for name, one in setup.bench.protocols.items()}
    value["players"] = {name: participant_id(one) for name, one in game.players.items()}
    value["judges"] = {one.who: one.id for one in setup.bench.readers}
    if value["questions"]["path"]:
        value["questions"]["path"] = Path(value["questions"]["path"]).name
    return value
