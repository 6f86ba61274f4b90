"""The training studies: debaters and consultants trained on one judge, measured by four.

    python experiments/training.py experiments/equal.yaml --work FOLDER [--part 1/2]
    python experiments/training.py experiments/equal.yaml --work FOLDER --collect

A study is every pairing of its bases, judges and seeds. For each of them debaters are trained on
the training judge's verdicts alone, consultants on as many sampled speeches, and both are put
beside their base on worlds that nothing was trained or decided on. Whatever is stopped goes on
where it was; ``--part`` shares the runs among processes. ``--collect`` writes what is complete to
the study's JSON and Markdown beside its YAML, with the models' digests and what was claimed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from claims import OPTIMAL, Claim, markdown, verdicts

from agents.models import Models
from arena import metrics
from arena.config import ConfigError, read_yaml, validate
from arena.participants import SpecError
from arena.protocols import consultancy
from arena.runfile import RunFile
from arena.runner import provenance
from arena.stats.intervals import Estimate
from arena.store import Store, StoreError
from ui.conditions import (
    BASE,
    TRAINED,
    VARIANTS,
    Conditions,
    Quoted,
    Teams,
    Variant,
    perform_conditions,
    quoted,
)
from ui.training import train_file, training_folder

BEST = "scripted:witness,style=quote"


@dataclass(frozen=True, slots=True)
class Worlds:
    """The fresh worlds of the final measurement."""

    n: int = 2000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """A study file. ``judges`` are pairs: one that pays, and one that nothing is trained against.

    ``debate`` and ``consultancy`` are ``train`` blocks without their judges, ``speeches`` a
    consultant's; ``extra`` names further protocols under which the same teams debate (controls).
    ``claims`` are what it is to show.
    """

    name: str
    variant: str
    bases: dict[str, str]
    judges: dict[str, tuple[str, str]]
    seeds: tuple[int, ...]
    worlds: Worlds
    debate: dict[str, Any]
    consultancy: dict[str, Any] = field(default_factory=dict)
    speeches: int = 1
    extra: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()

    @property
    def runs(self) -> list[Arm]:
        """Every pairing; the first base's runs come first, seed by seed."""
        return [
            Arm(self, base, judge, seed)
            for base, seed, judge in product(self.bases, self.seeds, self.judges)
        ]


@dataclass(frozen=True, slots=True)
class Arm:
    """One pairing of a study."""

    study: Study
    base: str
    judge: str
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.study.name}-{self.base}-{self.judge}-{self.seed}"

    @property
    def variant(self) -> Variant:
        """The worlds and protocols of its conditions."""
        return replace(VARIANTS[self.study.variant], speeches=self.study.speeches)

    def file(self, role: str) -> RunFile:
        """The run file of its debaters or its consultants."""
        study, training = self.study, self.study.judges[self.judge][0]
        variant = self.variant
        spec = study.bases[self.base]
        debate = role == "debate"
        players = {"alice": spec, "bob": spec} if debate else {"carol": spec}
        seats = dict(zip("AB", players, strict=False))
        block = study.debate if debate else study.consultancy
        return validate(
            RunFile,
            {
                "name": f"{self.name}-{role}",
                "seed": self.seed,
                "questions": {
                    "source": "witness", "split": "train", "seed": 7 + self.seed,
                    "faces": variant.faces, "lines": list(variant.lines),
                },
                "protocols": [
                    variant.protocol if debate else consultancy(variant.speeches).record()
                ],
                "players": players,
                "judges": {"training": training},
                "train": {
                    **block, "seats": seats, "learn": list(players), "judge": "training",
                },
            },
            self.name,
        )  # fmt: skip


class Lines:
    """Shows a training run as lines."""

    def at(self, share: float, text: str) -> None:
        """Not shown."""

    def note(self, text: str) -> None:
        """Print a line."""
        print(text, flush=True)


# ---------------------------------------------------------------------------------------------
# One run.


def perform(arm: Arm, work: Path, measure: bool = True) -> dict[str, Any]:
    """Train and measure; whatever is there already is not done again."""
    study, variant = arm.study, arm.variant
    out: dict[str, Any] = {"base": arm.base, "judge": arm.judge, "seed": arm.seed, "training": {}}
    spec = study.bases[arm.base]
    debaters: dict[str, tuple[str, str]] = {BASE: (spec, spec), OPTIMAL: (BEST, BEST)}
    consultants: dict[str, str] = {BASE: spec}
    for role in ("debate", "consultancy"):
        if role == "consultancy" and not study.consultancy:
            continue
        run = arm.file(role)
        with Store(work / f"{arm.name}.db") as store:
            done = train_file(run, work, store, Lines())
            place = training_folder(store, run.name) / "adapters"
            names = [f"{spec}#{place / who}@{done.steps}" for who in run.players]
            out["training"][role] = _history(store, run.name, done.steps)
        if role == "debate":
            debaters[TRAINED] = (names[0], names[1])
        else:
            consultants[TRAINED] = names[0]
    if not measure:
        return out
    readers = variant.readers(*study.judges[arm.judge])
    asked = variant.items(study.worlds.seed, study.worlds.n)
    with Store(work / f"{arm.name}.db") as store:
        measured = perform_conditions(
            store, f"{arm.name} measured", asked, variant, Teams(debaters, consultants), readers,
            Models(), seed=arm.seed, experts=(metrics.LITERAL, metrics.STRATEGIC),
        )  # fmt: skip
        out |= _figures(measured)
        for protocol in study.extra:
            other = replace(variant, protocol=protocol)
            found = perform_conditions(
                store, f"{arm.name} {protocol}", asked, other,
                Teams({who: debaters[who] for who in (BASE, TRAINED)}, against=("", "")),
                readers, Models(), seed=arm.seed, experts=(),
            )  # fmt: skip
            out.setdefault("extra", {})[protocol] = _figures(found)
    return out


def _history(store: Store, run: str, steps: int) -> dict[str, Any]:
    """What training did: sampled tokens, seconds, and the curve of its evaluations."""
    known = metrics.history(store, run)

    def total(name: str) -> float:
        return sum(value for _, value in known.get(name, []) if value is not None)

    speeches = total(metrics.train("samples"))
    keep = {f"accuracy, {who}": metrics.evaluation("accuracy", who) for who in metrics.JUDGES}
    keep |= {what: metrics.evaluation(what) for what in ("proxy", "win", "found")}

    def curve(name: str) -> list[list[float]]:
        return [[step, round(value, 4)] for step, value in known.get(name, []) if value is not None]

    return {
        "steps": steps,
        "samples": speeches,
        "tokens": total(metrics.train("tokens")),
        "seconds": round(total(metrics.train("seconds")), 1),
        "curves": {what: curve(name) for what, name in keep.items()},
    }


def _figures(found: Conditions) -> dict[str, Any]:
    """Conditions, the differences that the study is about, win rates, speeches."""
    rows = [{**row.value, "missing": row.missing} for row in found.rows()]
    pairs = [("debate trained", "debate base"), ("debate trained", "consultancy trained")]
    differences = [
        {"of": of, "less": less, "judge": judge, **_estimate(found.difference(of, less, judge))}
        for of, less in pairs
        if of in found.names and less in found.names
        for judge in metrics.JUDGES
    ]
    wins = {judge: {who: _estimate(one) for who, one in found.wins(judge).items()}
            for judge in metrics.JUDGES if found.wins(judge)}  # fmt: skip
    told: tuple[Quoted, ...] = ("verified", "relevant", "found")
    spoken = {
        name: {what: _estimate(quoted(found, name, what)) for what in told}
        for name in found.names
        if name.startswith(("debate", "consultancy"))
    }
    return {"conditions": rows, "differences": differences, "wins": wins, "speeches": spoken}


def _estimate(one: Estimate | None) -> dict[str, Any]:
    if one is None:
        return {"value": None}
    return {"value": one.value, "interval": [one.low, one.high], "n": one.n}


# ---------------------------------------------------------------------------------------------
# All of them.


def collect(study: Study, file: Path, work: Path) -> dict[str, Any]:
    """The study's JSON, of the runs that are complete."""
    files = [work / f"{arm.name}.json" for arm in study.runs]
    done = [json.loads(path.read_text()) for path in files if path.is_file()]
    loader = Models()
    pays = {spec for pair in study.judges.values() for spec in pair}
    named = {f"base {name}": spec for name, spec in study.bases.items()}
    named |= {spec.removeprefix("prompted:"): spec for spec in sorted(pays)}
    return {
        "study": study.name,
        "command": f"python experiments/training.py experiments/{file.name} --work FOLDER",
        "complete": [len(done), len(study.runs)],
        "made with": provenance(),
        "models": {
            name: loader.policy(spec.partition(":")[2])[1].digest for name, spec in named.items()
        },
        "control": study.debate.get("control"),
        "claims": list(verdicts(study.claims, done)),
        "runs": done,
    }


def main(words: Sequence[str] | None = None) -> int:
    """Run a part of a study, or collect it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder of stores and checkpoints")
    parser.add_argument(
        "--part", default="1/1", help="which runs: K/N takes every N-th from the K-th"
    )
    parser.add_argument("--only", default="", help="runs whose name has this in it")
    parser.add_argument("--base", action="append", default=[], help="NAME=SPEC: where a base lies")
    parser.add_argument("--train", action="store_true", help="train only, measure later")
    parser.add_argument("--collect", action="store_true")
    given = parser.parse_args(words)
    with one_line(parser):
        return _run(given)


@contextmanager
def one_line(parser: argparse.ArgumentParser) -> Iterator[None]:
    """What is wrong with a call or its files as one line."""
    try:
        yield
    except (ConfigError, SpecError, StoreError, OSError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


def _run(given: argparse.Namespace) -> int:
    study = validate(Study, read_yaml(given.file), given.file.name)
    bases = dict(one.partition("=")[::2] for one in given.base)
    if strangers := sorted(set(bases) - set(study.bases)):
        raise ConfigError(f"--base: the study's bases are {list(study.bases)}, got {strangers}")
    study = replace(study, bases={**study.bases, **bases})
    if given.collect:
        found = collect(study, given.file, given.work)
        given.file.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
        text = "\n".join(markdown(found)) + "\n"
        given.file.with_suffix(".md").write_text(text)
        print(text)
        return 0
    given.work.mkdir(parents=True, exist_ok=True)
    part, _, parts = given.part.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise ConfigError(f"--part: expected K/N with K from 1 to N, got {given.part!r}")
    chosen = [arm for arm in study.runs if given.only in arm.name]
    if not chosen:
        names = ", ".join(arm.name for arm in study.runs)
        raise ConfigError(f"--only {given.only!r}: no run's name has this in it; they are: {names}")
    for arm in chosen[int(part) - 1 :: int(parts)]:
        to = given.work / f"{arm.name}.json"
        if not to.is_file():
            print(f"== {arm.name}", flush=True)
            made = perform(arm, given.work, not given.train)
            if not given.train:
                part_file = to.with_suffix(".part")
                part_file.write_text(json.dumps(made))
                part_file.replace(to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
