"""Evaluations of a training run: held-out questions, frozen opponents, every judge, one stored run.

The run ``NAME@STEP`` is an ordinary one: reports and pages read it. What it says goes to the
training run's metrics and to its alarm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agents.models import Models
from agents.training import Trainer
from arena import metrics
from arena.alarm import Evaluation
from arena.flow import Reply, Request
from arena.ids import derive_seed
from arena.match import Agent, Judge, participant_id
from arena.monitors import Figures, JudgeFigures, Played, Sided, monitor
from arena.protocols import Protocol
from arena.questions import Item
from arena.rewards import reward_rows
from arena.runner import Planned
from arena.stats.intervals import Estimate
from arena.stats.means import mean, share
from arena.store import Store
from arena.tournament import matches
from arena.turns import Turn
from ui.runs import Cast, Progress, perform

MEASURED = 64
"""Turns of a policy on which an evaluation computes KL and entropy."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A judge of an evaluation: what `arena.metrics` calls it, and who it is."""

    who: str
    judge: Judge
    id: str


@dataclass(frozen=True, slots=True)
class Bench:
    """What every evaluation of a run has in common.

    ``store`` keeps its matches; ``items`` are the held-out questions; ``readers`` begins with the
    training judge, unless that is a person. ``act`` is what the alarm may do.
    """

    run: str
    seed: int
    store: Store
    models: Models
    items: Sequence[Item]
    protocols: Mapping[str, Protocol]
    readers: Sequence[Reader]
    width: int
    act: str
    control: str | None = None  # which labelled control pays, if one does

    def reader(self, who: str) -> Reader | None:
        """The judge of that name, if there is one."""
        return next((one for one in self.readers if one.who == who), None)

    @property
    def gold(self) -> Reader | None:
        """The judge whose accuracy the alarm watches: nothing is trained against it."""
        pays = self.reader(metrics.TRAINING)
        known = map(self.reader, (metrics.HELD_OUT, metrics.LITERAL))
        return next((one for one in known if one and (pays is None or one.id != pays.id)), None)

    @property
    def truths(self) -> dict[str, int]:
        """The true answers of the held-out questions, as far as they are known."""
        return {one.question.id: one.truth for one in self.items if one.truth is not None}


@dataclass(slots=True)
class Found:
    """What an evaluation found: figures by name, what the alarm sees, verdicts that failed."""

    values: dict[str, float | None]
    seen: Evaluation
    failed: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    alone: bool = False  # nobody was met: win and proxy are of verdicts for the own side


@dataclass(frozen=True, slots=True)
class _Cell:
    """A team that is evaluated: what it is called, who sits where, who of them was trained."""

    protocol: str
    setting: str
    team: tuple[str, ...]  # participant ids
    names: tuple[str, ...]
    trained: frozenset[str]
    ahead: bool  # the trained one meets a frozen one


def evaluate(
    bench: Bench, trainer: Trainer, progress: Progress = lambda done, total: None
) -> Found:
    """Play, read and measure the policies as they are now, in the run ``NAME@STEP``."""
    name = f"{bench.run}@{trainer.step}"
    cast = Cast(bench.models, bench.store)
    cast.judges = {one.id: one.judge for one in bench.readers}
    cells = list(_cells(bench, trainer, cast))
    plans = {cell: list(_planned(bench, cell)) for cell in cells}
    planned = [one for part in plans.values() for one in part]
    config = {"training": bench.run, "step": trainer.step, "alarm": bench.act}
    if bench.control:
        config["control"] = bench.control
    outcome = perform(
        bench.store, name, "evaluation", config, bench.items, planned, cast,
        width=bench.width, progress=progress,
    )  # fmt: skip
    played = {
        cell: [(one.match, _turns(bench.store, one.match.id)) for one in part]
        for cell, part in plans.items()
    }
    found = _figures(bench, trainer, played)
    found.values |= _measured(bench, trainer, played)
    found.values[metrics.evaluation("uses_truth")] = float(bench.act == "stop")
    found.failed = dict(outcome.failed)
    return found


def _turns(store: Store, match: str) -> tuple[Turn, ...]:
    return tuple(turn for turn in store.turns(match) if turn.origin != "candidate")


def _cells(bench: Bench, trainer: Trainer, cast: Cast) -> Iterator[_Cell]:
    """The trained players together, and each of them across from the other as it was."""
    game, policies = trainer.game, trainer.policies
    now: dict[str, Agent] = {name: one.now() for name, one in policies.items()}
    for called, protocol in bench.protocols.items():
        team = game.team(protocol)
        learning = [i for i, name in enumerate(team) if name in policies]
        variants: dict[str, frozenset[int]] = {"trained": frozenset(learning)}
        if len(team) == 2 and len(learning) == 2:
            for i in learning:
                pair = [name if j == i else f"{name} before" for j, name in enumerate(team)]
                variants[" v ".join(pair)] = frozenset({i})
        for setting, trained in variants.items():
            members = [
                now[name] if i in trained else game.players[name] for i, name in enumerate(team)
            ]
            ids = tuple(map(participant_id, members))
            cast.agents |= dict(zip(ids, members, strict=True))
            yield _Cell(
                called, f"{called}: {setting}", ids, tuple(team),
                frozenset(ids[i] for i in trained), len(trained) < len(team),
            )  # fmt: skip


def _planned(bench: Bench, cell: _Cell) -> Iterator[Planned]:
    """A cell's matches; sides follow an order of the questions that is drawn from the seed."""
    protocol = bench.protocols[cell.protocol]
    asked = [one.question for one in bench.items]
    drawn = sorted(asked, key=lambda one: derive_seed(bench.seed, "evaluation", one.id))
    place = {question.id: i for i, question in enumerate(drawn)}
    first, *others = [one.id for one in bench.readers]
    readers = tuple(dict.fromkeys(others if protocol.asks else [first, *others]))
    labels = {
        "setting": cell.setting, "protocol": cell.protocol,
        "players": dict(zip(protocol.speakers, cell.names, strict=True)),
        "trained": [s for s, who in zip(protocol.speakers, cell.team, strict=True)
                    if who in cell.trained],
    }  # fmt: skip
    if bench.act == "stop":
        labels["uses_truth"] = "the alarm reads the truth and may stop the run"
    for question in asked:
        for match in matches(
            question, place[question.id], protocol, cell.team, bench.seed, 0, first
        ):
            yield Planned(match, labels, readers)


# ---------------------------------------------------------------------------------------------
# Figures.


def _figures(bench: Bench, trainer: Trainer, played: Mapping[_Cell, Sequence[Played]]) -> Found:
    together = [one for cell, part in played.items() if cell.setting.endswith(": trained")
                for one in part]  # fmt: skip
    ahead = [one for cell, part in played.items() if cell.ahead for one in part]
    alone = not ahead  # nobody is met where all speak alone
    if alone:
        ahead = [one for cell, part in played.items() if len(cell.team) == 1 for one in part]
    authors = frozenset().union(*(cell.trained for cell in played))
    training = bench.reader(metrics.TRAINING)
    winner = bench.reader(metrics.HELD_OUT) or training or bench.readers[0]
    truths, values, notes = bench.truths, dict[str, float | None](), list[str]()
    proxy = won = accuracy = gold = None
    if truths:
        all_, apart = monitor(together, truths, authors), monitor(ahead, truths, authors)
        for reader in bench.readers:
            values |= _estimate("accuracy", reader.who, _accuracy(all_, reader))
            values[metrics.evaluation("missing", reader.who)] = _missing(all_, apart, reader.id)
        won = _sided(values, "win", apart.judges.get(winner.id))
        if training is not None:
            proxy = _of(apart.judges.get(training.id), "reward", "all")
        gold = bench.gold
        accuracy = _accuracy(all_, gold)
        values |= _spoken(all_)
    else:
        notes.append(
            "evaluation: no question has a known truth: accuracy, win by side, relevant, found and "
            "failures by side stay empty, and the alarm cannot be raised"
        )
        won = _without_truth(ahead, authors, winner.id, "win")
        if training is not None:
            proxy = _without_truth(ahead, authors, training.id, "log-odds")
    values |= _estimate("win", "", won)
    values |= _estimate("proxy", "", proxy)
    who = gold.who if gold else metrics.HELD_OUT
    seen = Evaluation(trainer.step, accuracy, proxy, won, who)
    return Found(values, seen, notes=notes, alone=alone)


def _accuracy(found: Figures, reader: Reader | None) -> Estimate | None:
    figures = None if reader is None else found.judges.get(reader.id)
    return None if figures is None else figures.accuracy


def _of(figures: JudgeFigures | None, what: str, who: str) -> Estimate | None:
    if figures is None:
        return None
    sided: Sided = getattr(figures, what)
    return sided[who]


def _sided(
    values: dict[str, float | None], figure: str, figures: JudgeFigures | None
) -> Estimate | None:
    """Note the share won as honest and as dishonest; returns that of both."""
    for who in (metrics.HONEST, metrics.DISHONEST):
        values |= _estimate(figure, who, _of(figures, "win_rate", who))
    return _of(figures, "win_rate", "all")


def _missing(all_: Figures, apart: Figures, judge: str) -> float:
    """Transcripts that a judge gave no verdict on."""
    return sum(
        count
        for part in ([all_] if all_ == apart else [all_, apart])
        if judge in part.judges
        for by in part.judges[judge].missing.values()
        for count in by.values()
    )


def _spoken(found: Figures) -> dict[str, float | None]:
    """What the trained players' speeches were like."""
    name = metrics.evaluation
    speeches = found.speeches
    values: dict[str, float | None] = {
        name("verified"): _value(speeches["all"].verified),
        name("found"): _value(speeches["all"].found),
    }
    for who in (metrics.HONEST, metrics.DISHONEST):
        values[name("relevant", who)] = _value(speeches[who].relevant)
        values[name("failures", who)] = sum(
            count for status, count in speeches[who].failed.items() if status != "length"
        )
    return values


def _value(one: Estimate | None) -> float | None:
    return None if one is None else one.value


def _estimate(figure: str, who: str, one: Estimate | None) -> dict[str, float | None]:
    if one is None:
        return metrics.estimate(figure, who, None, None, 0)
    interval = None if one.low is None or one.high is None else (one.low, one.high)
    return metrics.estimate(figure, who, one.value, interval, one.n)


def _without_truth(
    played: Sequence[Played], authors: frozenset[str], judge: str, rule: str
) -> Estimate | None:
    """What a judge paid the trained player, where nothing says who was right: a win as 1."""
    values: list[float] = []
    clusters: list[str] = []
    for match, turns in played:
        (seat,) = [seat for seat, who in match.seats if who in authors]
        path = tuple(turn for turn in turns if not turn.is_leaf)
        for leaf in turns:
            if leaf.kind != "verdict" or leaf.author != judge:
                continue
            for row in reward_rows(match, leaf, path, (rule,)):
                if row.seat == seat and row.value is not None:
                    values.append((row.value + 1) / 2 if rule == "win" else row.value)
                    clusters.append(match.question.group or match.question.id)
    return share(values, clusters) if rule == "win" else mean(values, clusters)


def _measured(
    bench: Bench, trainer: Trainer, played: Mapping[_Cell, Sequence[Played]]
) -> dict[str, float | None]:
    """KL, entropy and length of each policy, on what it said where all were trained."""
    said: dict[str, list[tuple[str, ...]]] = {}
    names = {participant_id(one.now()): name for name, one in trainer.policies.items()}
    for cell, part in played.items():
        for _, turns in part if cell.setting.endswith(": trained") else ():
            for turn in turns:
                if turn.author in names and not turn.is_leaf:
                    said.setdefault(names[turn.author], []).append(turn.calls)
    values: dict[str, float | None] = {}
    name = metrics.evaluation
    for who, turns_calls in said.items():
        keys = [key for calls in turns_calls for key in calls]
        replies = bench.store.replies(keys)
        tokens = sum(len(replies[key].token_ids) for key in keys)
        values[name("length", who)] = tokens / len(turns_calls)
        every = -(-len(turns_calls) // MEASURED)  # of all protocols and questions alike
        some = [key for calls in turns_calls[::every] for key in calls]
        stats = trainer.measure(who, _pairs(bench.store, some, replies))
        if stats is not None:
            values |= {name("kl", who): stats.kl_turn, name("entropy", who): stats.entropy}
    return values


def _pairs(
    store: Store, keys: Sequence[str], replies: Mapping[str, Reply]
) -> list[tuple[Request, Reply]]:
    requests = store.requests(keys)
    return [(requests[key], replies[key]) for key in keys]
