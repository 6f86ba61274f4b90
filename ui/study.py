"""Studies: from a file's conditions to claimed matches, a lock, and what comes of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agents.models import Models
from arena.conditions import Design, by_people, design, judge_of
from arena.config import ConfigError
from arena.desk.settings import settings_of
from arena.lock import Lock, changed, check, lock_of
from arena.lock import lock as lock_study
from arena.match import PERSON
from arena.participants import parse
from arena.questions import Item
from arena.report.studies import sampled_tokens
from arena.runfile import RunFile, items_of
from arena.runner import Outcome, Planned
from arena.store import Store
from arena.study import (
    KIND,
    asked,
    check_exclusions,
    check_once,
    content,
    digest,
    planned,
    readers_of,
    together,
)
from arena.studyfile import Contrast, Stop
from ui.runs import Cast, Growth, Limit, Progress, carry_out, claim, identity, limit

TARGET = 0.8
"""The power that a plan says the questions for."""
ASKS_NO_MODEL = (PERSON, "scripted", "replay")
"""The kinds of participants that cost nothing."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A study with everybody built and every match planned; nothing is written yet."""

    run: RunFile
    design: Design
    items: list[Item]
    cast: Cast
    players: Mapping[str, str]
    judges: Mapping[str, str]
    claims: list[Planned]
    content: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """What the store notes of the run."""
        value = identity(self.run, self.players, self.judges)
        return {**value, "study": self.content}


def resolve(run: RunFile, folder: Path, store: Store) -> Resolved:
    """A run file's study, held against what the store has of it. Raises ConfigError or SpecError
    naming what does not fit."""
    made = design(run, folder)
    every = items_of(run, folder, store)
    items = asked(made, every)
    check_exclusions(made, every, items)
    truths = {one.question.id: one.truth for one in items if one.truth is not None}
    cast = Cast(Models(**asdict(run.engine)), store, truths)
    players = {name: cast.player(spec) for name, spec in run.players.items()}
    judges = {name: cast.judge(spec) for name, spec in run.judges.items()}
    cast.price(run.prices, players, judges)
    check_once(made, judges)
    _check_prices(run, made, cast, players, judges)
    questions = [one.question for one in items]
    before = readers_of(store, run.name)
    claims = planned(made, questions, players, judges, run.seed, before)
    desk = settings_of(store, run.name) if run.desk is None else run.desk
    declared = content(run, made, claims, players, judges, cast.prices, desk)
    return Resolved(run, made, items, cast, players, judges, claims, declared)


def _check_prices(
    run: RunFile, made: Design, cast: Cast, players: Mapping[str, str], judges: Mapping[str, str]
) -> None:
    """Refuse to match arms on cost where it would not be known, or where all of it is nothing: that
    of the speakers of two arms that a contrast compares, and of its judge."""
    if made.block.match is None or made.block.match.on != "cost":
        return
    spec: dict[tuple[str, str], str] = {}
    who: dict[tuple[str, str], str] = {}
    for one in made.block.declared:
        arms = [made.arm(name) for name in (one.first, one.second)]
        if not all(arm.debaters for arm in arms):
            continue  # one in which nobody speaks is matched with none
        for name in (name for arm in arms for name in arm.debaters):
            spec["player", name], who["player", name] = run.players[name], players[name]
        name = judge_of(made, one)
        spec["judge", name], who["judge", name] = run.judges[name], judges[name]
    paid = [key for key in spec if _asks_a_model(spec[key])]
    if lacking := [key for key in paid if who[key] not in cast.prices]:
        listed = ", ".join(f"the {what} {name!r}" for what, name in lacking)
        raise ConfigError(
            f"prices: study.match is on cost, and there is no price for {listed}; write one for "
            f"each, as in prices: {{{lacking[0][1]}: {{input: .5, output: 1.5}}}}, or match on "
            "total tokens"
        )
    prices = [cast.prices[who[key]] for key in paid]
    if spec and not any(one.input or one.output for one in prices):
        raise ConfigError(
            "study.match.on: expected contrasts in which somebody costs something, got cost where "
            "nobody does, which matches any two arms; match on visible tokens"
        )


def _asks_a_model(spec: str) -> bool:
    """Whether a participant costs something; one that has another inside does as that does."""
    found = parse(spec)
    inner = found.text("of")
    return _asks_a_model(inner) if inner else found.kind not in ASKS_NO_MODEL


def run_study(
    run: RunFile,
    folder: Path,
    store: Store,
    progress: Progress = lambda done, total: None,
    lock: bool = False,
    told: Callable[[Lock], None] = lambda lock: None,
) -> Outcome:
    """Play a study from wherever it was stopped; ``lock`` it first, before the first verdict.

    A study may be taken up again with more conditions, judges and contrasts; until it is locked,
    all but what its matches are made of may change. ``told`` is given the lock, if there is one.
    Raises StoreError where what is locked differs.
    """
    found = resolve(run, folder, store)
    there = lock_of(store, run.name)
    if there is not None:
        check(run.name, there, found.content)
    row = store.one("SELECT config FROM runs WHERE name = ? AND kind = ?", run.name, KIND)
    fields = {"players.*", "judges.*", "questions.n", *_paths(found.content, "study")}
    if row is not None:
        fields |= _paths(json.loads(row["config"])["study"], "study")
    claim(store, run.name, KIND, found.config, found.items, found.claims, found.cast, run.desk,
          Growth(fields))  # fmt: skip
    if lock:
        there = lock_study(store, run.name, found.content)
    if there is not None:
        told(there)
    playing = together(found.claims)
    call = Limit(limit(run.run))
    outcome = carry_out(
        store, playing, found.cast, run.run.width, "listed", progress, _enough(found, store, call)
    )
    outcome.notes += call.notes()
    if outcome.done == len(playing):
        store.finish_run(run.name)
    return outcome


def _paths(value: Any, path: str) -> set[str]:
    """The paths of all values in nested mappings."""
    if not isinstance(value, Mapping):
        return {path}
    return {path}.union(*(_paths(one, f"{path}.{key}") for key, one in value.items()))


def _enough(found: Resolved, store: Store, call: Callable[[int], bool]) -> Callable[[int], bool]:
    """Whether the study as a whole, or this ``call``, has taken up enough matches; the call is not
    asked where the study has ended, since then the same command does not go on."""
    stop: Stop = found.design.block.stop
    row = store.one("SELECT created_at FROM runs WHERE name = ?", found.run.name)
    assert row is not None
    until = None if stop.minutes is None else row["created_at"] + 60 * stop.minutes
    before = 0 if stop.budget is None else sampled_tokens(store, found.run.name)

    def enough(tokens: int) -> bool:
        over = until is not None and time.time() > until
        over = over or (stop.budget is not None and before + tokens >= stop.budget)
        return over or call(tokens)

    return enough


# ---------------------------------------------------------------------------------------------
# The plan.


def plan_of(found: Resolved, store: Store) -> dict[str, Any]:
    """What a study is going to play, as JSON values: conditions with their matches and verdicts,
    the power of its contrasts, and what is proposed; nothing is played.

    ``hash`` is what a lock would hold, and ``locked`` what one holds; for ``changed`` since then
    the study would not be played. Tokens are not known before anything was said.
    """
    matches: dict[str, set[str]] = {}
    verdicts: dict[str, int] = {}
    for one in found.claims:
        name = str(one.labels["condition"])
        matches.setdefault(name, set()).add(one.match.id)
        readers = len(one.judges) + (1 if "judge" in dict(one.match.seats) else 0)
        verdicts[name] = verdicts.get(name, 0) + readers * (2 if one.listings == "both" else 1)
    there = lock_of(store, found.run.name)
    stories = {one.question.group for one in found.items if one.question.group is not None}
    return {
        "study": found.run.name,
        "questions": len(found.items),
        "stories": len(stories) or None,
        "conditions": [
            {
                "condition": arm.name,
                "arm": arm.kind,
                "protocol": arm.rules,
                "debaters": dict(zip(arm.protocol.speakers, arm.debaters, strict=True)),
                "judges": list(arm.judges),
                "speeches": arm.speeches,
                "matches": len(matches.get(arm.name, ())),
                "verdicts": verdicts.get(arm.name, 0),
                "people": _people(found.run, found.design, arm.name),
            }
            for arm in found.design.arms
        ],
        "matches": len({one.match.id for one in found.claims}),
        "verdicts": sum(verdicts.values()),
        "tokens": None,
        "contrasts": [
            _power(found, one, one is found.design.block.primary)
            for one in found.design.block.declared
        ],
        "proposals": list(found.design.proposals),
        "hash": digest(found.content),
        "locked": None if there is None else {"hash": there.hash, "at": there.at},
        "changed": [] if there is None else changed(there.content, found.content),
    }


def _people(run: RunFile, made: Design, condition: str) -> bool:
    """Whether people take part in a condition."""
    arm = made.arm(condition)
    sits = any(parse(run.players[name]).kind == PERSON for name in arm.debaters)
    return sits or by_people(run, arm)


def _power(found: Resolved, one: Contrast, primary: bool) -> dict[str, Any]:
    """The power of a contrast on the planned questions: that of the expected accuracies, or what
    the first has to reach for various ones of the second to be told apart with `TARGET`."""
    from arena.stats.power import detectable, needed_pairs, paired

    arms = [found.design.arm(name) for name in (one.first, one.second)]
    answers = min(len(item.question.answers) for item in found.items)
    n, each = len(found.items), min(arm.per_question(answers) for arm in arms)
    value: dict[str, Any] = {
        "first": one.first, "second": one.second, "judge": judge_of(found.design, one),
        "figure": one.figure, "primary": primary, "questions": n, "verdicts": each,
        "expect": None, "power": None, "needed": None, "detectable": None,
    }  # fmt: skip
    if one.expect is None:
        value["detectable"] = {
            f"{p:g}": detectable(p, n * each, n * each, TARGET) for p in (0.5, 0.6, 0.7, 0.8, 0.9)
        }
        return value
    first, second = one.expect
    value["expect"] = [first, second]
    value["power"] = paired(second, first, n, one.sd, each).paired
    if first != second:
        value["needed"] = needed_pairs(second, first, TARGET, one.sd, each)
    return value
