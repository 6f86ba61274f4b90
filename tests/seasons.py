"""A tournament and a training in a store, made quickly: for the pages about whole runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from random import Random

from stage import PASSAGE, Says, go_on, match
from test_browse import model_verdict

from arena import metrics
from arena.batch import Batch
from arena.match import Match, mirror
from arena.metrics import evaluation, train
from arena.questions import Item, Question
from arena.store import Store
from arena.turns import Verdict

CUP, LAB = "cup", "lab"
STRENGTHS = {"strong": 1.0, "middling": 0.0, "weak": -1.0, "weaker": -1.8}
STEPS = 40
EVALUATIONS = (0, 20, 40)


def asked(n: int, about: str = "barrel") -> Question:
    """Question ``n`` of a run."""
    return Question(f"What became of {about} {n}?", ("It sank", "It was sold"), PASSAGE, "test",
                    f"{about} story {n % 4}")  # fmt: skip


def player(name: str) -> Says:
    """Somebody who has something to say."""
    return Says(name, (f"I am sure. <quote>Twelve crates were loaded</quote>, says {name}.",
                       "Nothing speaks against it."))  # fmt: skip


def cup(
    file: Path, players: Mapping[str, float] = STRENGTHS, questions: int = 4, name: str = CUP,
    judges: Sequence[str] = ("literal", "strict"),
) -> list[Match]:  # fmt: skip
    """Everybody against everybody, seats exchanged, read by every judge; who is stronger, and who
    argues for the truth (the first option), wins more often."""
    rng, matches, played = Random(7), [], []
    for first, second in permutations(players, 2):
        for n in range(questions):
            one = match(asked(n), agents=(player(first), player(second)), seed=len(matches))
            matches.append(mirror(one) if n % 2 else one)
            played.append((first, second))
    with Store(file) as store:
        store.start_run(name, "tournament", {}, {})
        claims = [{"setting": "debate", "players": dict(zip("AB", who, strict=True)),
                   "mirrored": one.side("A") != 0}
                  for one, who in zip(matches, played, strict=True)]  # fmt: skip
        enter(store, name, matches, claims)
        for one, (first, second) in zip(matches, played, strict=True):
            go_on(store, one, (player(first), player(second)))
            gain = players[first] - players[second] + (0.6 if one.side("A") == 0 else -0.6)
            for judge in judges:
                p = 1 / (1 + math.exp(-gain - rng.gauss(0, 1.2)))
                chances = (p, 1 - p) if one.side("A") == 0 else (1 - p, p)
                model_verdict(store, one, Verdict(int(chances[1] > chances[0]), chances), judge)
        store.finish_run(name)
    return matches


def enter(
    store: Store, run: str, matches: Sequence[Match], labels: Sequence[Mapping[str, object]]
) -> None:  # fmt: skip
    """Matches into the store, as a run's; the first option is true of every question."""
    store.write(
        Batch(
            items=[Item(one.question, 0) for one in matches],
            protocols=[one.protocol for one in matches],
            matches=list(matches),
            run_matches=[(run, n, one.id, labels[n]) for n, one in enumerate(matches)],
        )
    )


def lab(
    file: Path, name: str = LAB, learners: Sequence[str] = ("alice", "bob"), steps: int = STEPS,
    finished: bool = True, alarm: bool = True, judges: Sequence[str] = metrics.JUDGES,
) -> dict[int, list[Match]]:  # fmt: skip
    """A training of two learners with three evaluations; by step the debates of each."""
    found: dict[int, list[Match]] = {}
    config = {"train": {"alarm": {"act": "stop" if alarm else "warn"}}}
    with Store(file) as store:
        store.start_run(name, "train", config, {})
        rng = Random(3)
        for step in range(1, steps + 1):
            keep_step(store, name, step, learners, rng)
    for step in (one for one in EVALUATIONS if one <= steps):
        found[step] = evaluated(file, name, step, learners, judges)
    with Store(file) as store:
        if alarm:
            said = {"run": name, "step": steps, "act": "stop",
                    "reason": "the proxy went up while held-out accuracy went down"}  # fmt: skip
            store.write(Batch(events=[{"key": f"alarm {name}", "kind": "alarm", "value": said}]))
        if finished:
            store.finish_run(name)
    return found


def keep_step(
    store: Store, run: str, step: int, learners: Sequence[str], rng: Random
) -> None:  # fmt: skip
    """The figures of one training step."""
    values: dict[str, float | None] = {train("reward"): 0.0}
    for n, who in enumerate(learners):
        values[train("reward", who)] = 0.4 * math.tanh(step / 20) * (1 - n / 3) + rng.gauss(0, 0.05)
        values[train("kl", who)] = 0.02 * step * (1 + n / 2)
        values[train("entropy", who)] = 2.5 * math.exp(-step / 60) + n / 5
        values[train("length", who)] = 20 + step / 4 + 3 * n + rng.gauss(0, 1)
        values[train("pool", who)] = 0.5 + step / 200
    metrics.keep(store, run, step, values)


def evaluated(
    file: Path, run: str, step: int, learners: Sequence[str], judges: Sequence[str]
) -> list[Match]:  # fmt: skip
    """An evaluation at a step: its figures, and its debates in the run ``NAME@STEP``."""
    agents = tuple(player(f"{who}@{step}") for who in learners)
    matches = [match(asked(n, "cask"), agents=agents, seed=step) for n in range(8)]
    name = f"{run}@{step}"
    with Store(file) as store:
        values: dict[str, float | None] = {}
        for n, judge in enumerate(judges):
            x = 0.62 + step / 250 - n * step / 400
            values |= metrics.estimate("accuracy", judge, x, (x - 0.06, x + 0.06), 400)
        for side, x in ((metrics.HONEST, 0.5 + step / 150), (metrics.DISHONEST, 0.5 + step / 300)):
            values |= metrics.estimate("win", side, x, (x - 0.08, x + 0.08), 200)
        values |= metrics.estimate("proxy", "", step / 20, (step / 20 - 0.3, step / 20 + 0.3), 400)
        values[evaluation("verified")] = 0.97 - step / 500
        values[evaluation("alarm")] = float(step == max(EVALUATIONS))
        for who in learners:
            values[evaluation("kl", who)] = 0.03 * step
        metrics.keep(store, run, step, values)
        store.start_run(name, "evaluation", {"training": run, "step": step}, {})
        called = dict(zip("AB", learners, strict=True))
        enter(store, name, matches,
              [{"setting": "debate: trained", "players": called}] * len(matches))  # fmt: skip
        for n, one in enumerate(matches):
            go_on(store, one, agents)
            p = 0.55 + 0.04 * n
            wrong = n % 3 == 2
            said = Verdict(int(wrong), (1 - p, p) if wrong else (p, 1 - p))
            model_verdict(store, one, said, judges[0])
        store.finish_run(name)
    return matches
