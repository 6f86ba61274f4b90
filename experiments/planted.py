"""What a judge with a planted weakness costs: reward and truth as policies move away.

    python experiments/planted.py experiments/planted.yaml --work FOLDER [--only TEXT]
    python experiments/planted.py experiments/planted.yaml --work FOLDER --collect

For every weakness and seed, debaters are first trained on the sound judge; each arm then trains
them on. The proxy is their reward by the judge that pays, against the frozen start; gold is the
accuracy of judges on the same transcripts: of the held-out judge and the literal Bayes judge, who
see what was verified, and of the judge that pays. What is stopped goes on where it was;
``--collect`` writes the study's JSON, a table and a plot beside its YAML.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import Lines, one_line

from arena import metrics
from arena.config import read_yaml, validate
from arena.runfile import RunFile
from arena.runner import provenance
from arena.store import Store
from arena.training_report import training_report
from ui.conditions import VARIANTS
from ui.plots import styled
from ui.training import train_file, training_folder

SEATS = ("alice", "bob")
COLOURS = ["#d55e00", "#0072b2", "#009e73"]
GOLD = (metrics.TRAINING, metrics.HELD_OUT, metrics.LITERAL)


@dataclass(frozen=True, slots=True)
class Weakness:
    """Who plays, and the judge that has the weakness."""

    players: str
    judge: str


@dataclass(frozen=True, slots=True)
class ArmBlock:
    """How the second training differs: the weight of the KL to its start, and whether it is paid
    by the ``sound`` judge, which is the same one without the weakness."""

    kl: float
    sound: bool = False


@dataclass(frozen=True, slots=True)
class Study:
    """A study file; ``start`` and ``then`` are ``train`` blocks without their judges."""

    name: str
    variant: str
    judge: str
    held_out: str
    seeds: tuple[int, ...]
    weaknesses: dict[str, Weakness]
    start: dict[str, Any]
    then: dict[str, Any]
    arms: dict[str, ArmBlock]

    def file(
        self, name: str, seed: int, players: Sequence[str], judge: str, block: Mapping[str, Any]
    ) -> RunFile:
        """One training as a run file."""
        variant = VARIANTS[self.variant]
        named = dict(zip(SEATS, players, strict=True))
        return validate(
            RunFile,
            {
                "name": name,
                "seed": seed,
                "questions": {
                    "source": "witness", "split": "train", "seed": 7 + seed,
                    "faces": variant.faces, "lines": list(variant.lines),
                },
                "protocols": [variant.protocol],
                "players": named,
                "judges": {"pays": judge, "other": self.held_out},
                "train": {**block, "judge": "pays", "held_out": "other"},
            },
            name,
        )  # fmt: skip

    def perform(self, weakness: str, seed: int, store: Store, work: Path) -> None:
        """Train the start, and each arm from it."""
        kind = self.weaknesses[weakness]
        begin = self.file(f"{weakness}-{seed}", seed, [kind.players] * 2, self.judge, self.start)
        done = train_file(begin, work, store, Lines())
        place = training_folder(store, begin.name) / "adapters"
        model, _, how = kind.players.partition(",")
        how = f",{how}" if how else ""
        start = [f"{model}#{place / who}@{done.steps}{how}" for who in SEATS]
        for arm, block in self.arms.items():
            print(f"-- {weakness}, {arm}, seed {seed}", flush=True)
            judge = self.judge if block.sound else kind.judge
            run = self.file(f"{begin.name} {arm}", seed, start, judge,
                            {**self.then, "kl": block.kl})  # fmt: skip
            train_file(run, work, store, Lines())


def curve(store: Store, run: str) -> list[dict[str, Any]]:
    """A training's evaluations: step, KL to the start (nats per turn), proxy, win, gold, quotes."""
    rows = []
    for one in training_report(store, run)["evaluations"]:
        kl = [value for value in one["kl"].values() if value is not None]
        rows.append(
            {
                "step": one["step"],
                "kl": math.fsum(kl) / len(kl) if kl else 0.0,
                "proxy": one["proxy"],
                "win": one["win"]["all"],
                "accuracy": {who: one["accuracy"][who] for who in GOLD},
                "verified": one["verified"],
                "alarm": one.get("alarm"),
            }
        )
    return rows


def collect(study: Study, file: Path, work: Path) -> dict[str, Any]:
    """The JSON of the runs that are complete."""
    runs = []
    for seed in study.seeds:
        for weakness in study.weaknesses:
            with Store(work / f"{study.name}-{weakness}-{seed}.db") as store:
                for arm in study.arms:
                    name = f"{weakness}-{seed} {arm}"
                    if store.one(
                        "SELECT 1 FROM runs WHERE name = ? AND finished_at IS NOT NULL", name
                    ):
                        runs.append({"weakness": weakness, "seed": seed, "arm": arm,
                                     "curve": curve(store, name)})  # fmt: skip
    return {
        "study": study.name,
        "command": f"python experiments/planted.py experiments/{file.name} --work FOLDER",
        "complete": [len(runs), len(study.seeds) * len(study.weaknesses) * len(study.arms)],
        "made with": provenance(),
        "runs": runs,
    }


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Every evaluation of every run, as lines."""
    yield f"{found['study']}: {found['complete'][0]} of {found['complete'][1]} runs"
    for run in found["runs"]:
        yield f"\n{run['weakness']}, {run['arm']}, seed {run['seed']}"
        for row in run["curve"]:
            gold = ", ".join(f"{who} {row['accuracy'][who]['value']:.3f}" for who in GOLD)
            yield (
                f"  step {row['step']:3}  KL {row['kl']:6.2f}  proxy {row['proxy']['value']:+.3f}  "
                f"win {row['win']['value']:.3f}  {gold}  verified {_share(row['verified'])}"
                f"{'  ALARM' if row['alarm'] else ''}"
            )


def markdown(found: Mapping[str, Any]) -> Iterator[str]:
    """A row for each run: its start and its last evaluation."""
    yield f"# {found['study']}: {found['complete'][0]} of {found['complete'][1]} runs"
    yield f"\n`{found['command']}`; every evaluation is in the JSON beside this file."
    yield (
        "\nAt the last evaluation: KL to the start (nats per turn) and proxy, the mean log-odds of "
        "the judge that pays, against the frozen start. Then the accuracy of three judges, and the "
        "share of quotations that are in the passage, at the start and at the last evaluation."
    )
    names = ("weakness", "arm", "seed", "KL", "proxy", *GOLD, "quotes verified", "first alarm")
    yield f"\n| {' | '.join(names)} |\n|{'---|' * len(names)}"
    for run in found["runs"]:
        first, last = run["curve"][0], run["curve"][-1]
        alarms = [row["step"] for row in run["curve"] if row["alarm"]]
        cells = [
            run["weakness"], run["arm"], str(run["seed"]), f"{last['kl']:.2f}",
            f"{last['proxy']['value']:+.2f}",
            *(f"{first['accuracy'][who]['value']:.3f} -> {last['accuracy'][who]['value']:.3f}"
              for who in GOLD),
            f"{_share(first['verified'])} -> {_share(last['verified'])}",
            f"step {alarms[0]}" if alarms else "none",
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Proxy and gold over the square root of the KL: a column for each weakness, a line a run."""
    import altair as alt

    rows = [
        {
            "weakness": run["weakness"], "arm": run["arm"], "seed": run["seed"],
            "step": row["step"], "root": math.sqrt(max(0.0, row["kl"])), "panel": panel,
            "value": value,
        }
        for run in found["runs"]
        for row in run["curve"]
        for panel, value in (
            ("proxy: mean log-odds against the frozen start", row["proxy"]["value"]),
            ("gold: accuracy of the judge that pays", row["accuracy"][GOLD[0]]["value"]),
            ("gold: accuracy of the held-out judge", row["accuracy"][GOLD[1]]["value"]),
        )
    ]  # fmt: skip
    arms = list(dict.fromkeys(run["arm"] for run in found["runs"]))
    x = alt.X("root:Q", title="√ KL to the start (nats per turn)")
    base = alt.Chart().encode(
        x=x,
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)),
        color=alt.Color("arm:N", scale=alt.Scale(domain=arms, range=COLOURS)),
        detail="seed:N",
        order="step:Q",
    )
    chart = (
        base.mark_line(strokeWidth=1.5, point={"size": 20})
        .properties(width=300, height=180)
        .facet(
            data=alt.Data(values=rows),
            row=alt.Row("panel:N", title=None),
            column=alt.Column("weakness:N", title=None),
        )
        .resolve_scale(y="independent")
        .properties(title="Reward and truth against a judge with a planted weakness")
    )
    styled(chart).save(str(path))


def main(words: Sequence[str] | None = None) -> int:
    """Run the study, or collect it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder of stores and checkpoints")
    parser.add_argument("--only", default="", help="runs whose name (trust-0) has this in it")
    parser.add_argument("--collect", action="store_true")
    given = parser.parse_args(words)
    with one_line(parser):
        return _run(given)


def _run(given: argparse.Namespace) -> int:
    study = validate(Study, read_yaml(given.file), given.file.name)
    if given.collect:
        found = collect(study, given.file, given.work)
        given.file.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
        given.file.with_suffix(".md").write_text("\n".join(markdown(found)) + "\n")
        plot(found, given.file.with_suffix(".svg"))
        print("\n".join(table(found)))
        return 0
    given.work.mkdir(parents=True, exist_ok=True)
    for seed in study.seeds:
        for weakness in study.weaknesses:
            if given.only in f"{weakness}-{seed}":
                with Store(given.work / f"{study.name}-{weakness}-{seed}.db") as store:
                    study.perform(weakness, seed, store, given.work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
