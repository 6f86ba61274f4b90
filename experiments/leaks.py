"""Leak audits of every study that is shipped: can the truth be guessed without an argument?

    python experiments/leaks.py [--n 2000] [--nyu FOLDER] [--write]

Of every study here, and of the demo, the questions and the worlds behind them are audited (where
an answer stands and how long it is; how many lines speak for it), and then what scripted debaters
and consultants say about them: weak ones, who quote at random, and optimal ones, as models play
before and after training at best. Nobody is trained for this. ``--nyu`` adds the human debates.

An AUC of 0.5 is no leak. A study that claims chance fails the audit where the interval of all
features together excludes 0.5, or that of one feature does after Holm's correction. What leaks by
design is shown with its AUC: lines for the truth are more and stronger where faces are free, and
withdrawn lines are what a rebuttal is for. ``--write`` keeps the table and its JSON beside this
file; the exit status is 1 where a claim fails.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agents.models import Models
from arena.config import read_yaml
from arena.protocols import BUILT_IN, Protocol, consultancy
from arena.questions import Item
from arena.report import report
from arena.report.values import estimate
from arena.sources.nyu import import_nyu
from arena.sources.witness import DEFAULT, Dials, Faces, World, world
from arena.sources.witness_text import GRADES
from arena.stats.intervals import Estimate, p_value
from arena.stats.leaks import audit
from arena.stats.paired import holm
from arena.store import Store
from arena.tournament import schedule
from ui.conditions import VARIANTS
from ui.demo_scripted import SEED, SKILLS
from ui.runs import Cast, perform

FOLDER = Path(__file__).parent
LEVEL = 0.05
Claim = Literal["chance", "by design", "not known"]
QUESTION = ("place", "characters of the answer", "place in the alphabet")
SHOWN = ("lines for it", "their characters", "their strength", "their place", "first to be named")
WITHDRAWN = ("lines for it withdrawn",)


@dataclass(frozen=True, slots=True)
class Worlds:
    """The questions of a study: what ``world`` takes, and who speaks about them under what."""

    study: str
    faces: Faces
    seed: int
    dials: Dials
    debates: tuple[str, ...]
    speeches: int = 1

    def worlds(self, n: int) -> list[World]:
        return [world(self.seed, i, "test", self.faces, self.dials) for i in range(n)]

    def protocols(self) -> Iterator[tuple[str, Protocol]]:
        for name in self.debates:
            yield name, BUILT_IN[name]
        if self.speeches:
            yield f"consultancy of {self.speeches}", consultancy(self.speeches)


def shipped() -> list[Worlds]:
    """Every study of this folder, and both demos."""
    found = []
    for file in sorted(FOLDER.glob("*.yaml"), key=lambda one: (len(one.stem), one.stem)):
        value = read_yaml(file)
        found.append(_training(value) if "variant" in value else _run(value))
    free = VARIANTS["free"]
    found.append(Worlds("arena demo", free.faces, SEED, Dials(lines=free.lines), (free.protocol,)))
    both = ("debate without rebuttal", "debate")
    found.append(Worlds("arena demo --scripted", "equal", SEED, DEFAULT, both))
    return found


def _training(study: Mapping[str, Any]) -> Worlds:
    """A study of trainings: its variant says which worlds, under what they are debated."""
    variant = VARIANTS[study["variant"]]
    seed = study.get("worlds", {}).get("seed", 7)  # `planted` is measured on training's worlds
    debates = (variant.protocol, *study.get("extra", ()))
    return Worlds(study["name"], variant.faces, seed, Dials(lines=variant.lines), debates,
                  study.get("speeches", 1))  # fmt: skip


def _run(file: Mapping[str, Any]) -> Worlds:
    """A run, a tournament or a study of conditions."""
    asked, cells = file["questions"], file.get("study", {}).get("conditions", {}).values()
    names = [*file.get("protocols", ()), *(one["protocol"] for one in cells)]
    debates = [name for name in names if len(BUILT_IN[name].speakers) == 2]
    speeches = [one.get("speeches", 1) for one in cells if one["protocol"] == "consultancy"]
    dials = Dials(lines=tuple(asked["lines"])) if "lines" in asked else DEFAULT
    return Worlds(file["name"], asked.get("faces", "equal"), asked.get("seed", 0), dials,
                  tuple(dict.fromkeys(debates)), speeches[0] if speeches else 0)  # fmt: skip


# ---------------------------------------------------------------------------------------------
# Worlds.


def sides(one: World) -> Iterator[tuple[dict[str, float], bool]]:
    """What can be counted of each answer of a world, and whether it is the true one."""
    order = sorted(one.answers)
    places = [
        [i for i, line in enumerate(one.lines) if one.supports(line) == answer]
        for answer in range(len(one.answers))
    ]
    first = min(places[0][0] if places[0] else 99, places[1][0] if places[1] else 99)
    weights = dict(zip(GRADES, DEFAULT.weights, strict=True))
    for answer, text in enumerate(one.answers):
        mine = one.evidence(answer)
        at = places[answer]
        yield (
            {
                "place": float(answer),
                "characters of the answer": float(len(text)),
                "place in the alphabet": float(order.index(text)),
                "lines for it": float(len(mine)),
                "their characters": float(
                    sum(len(line) for i, line in enumerate(one.passage.split("\n")) if i in at)
                ),
                "their strength": sum(weights[line.grade] for line in mine),
                "their place": sum(at) / len(at) if at else -1.0,
                "first to be named": float(bool(at) and at[0] == first),
                "lines for it withdrawn": float(
                    sum(one.withdrawn_by(line) is not None for line in mine)
                ),
            },
            answer == one.truth,
        )


def of_worlds(worlds: Sequence[World], names: Sequence[str]) -> dict[str, Any]:
    """The audit of some of the columns of `sides`, one world a cluster."""
    rows = [(found, right, i) for i, one in enumerate(worlds) for found, right in sides(one)]
    columns = {name: [found[name] for found, _, _ in rows] for name in names}
    columns = {name: column for name, column in columns.items() if len(set(column)) > 1}
    if not columns:
        return {"reason": "no feature varies"}
    found = audit(columns, [float(right) for _, right, _ in rows], [i for _, _, i in rows])
    return {
        "auc": estimate(found.joint, "question"), "n": len(rows), "features": list(columns),
        "leaking": leaking(found.features, found.joint),
        "each": {name: estimate(one, "question") for name, one in found.features.items()},
    }  # fmt: skip


def leaking(features: Mapping[str, Estimate | None], joint: Estimate | None) -> list[str]:
    """What excludes chance: all together by its interval, each feature by its p after Holm."""
    found, p = [], {}
    for name, one in {**features, "all together": joint}.items():
        if one is None or one.low is None or one.high is None:
            continue
        outside = not one.low <= 0.5 <= one.high
        tested = p_value(one, 0.5)
        if name == "all together":
            found += [name] if outside else []
        else:
            p[name] = (0.0 if outside else 1.0) if tested is None else tested
    return found + [name for name, one in holm(p).items() if one < LEVEL]


# ---------------------------------------------------------------------------------------------
# Transcripts.


def of_speeches(
    asked: Sequence[Item], protocol: Protocol, skill: str, store: Store, name: str
) -> dict[str, Any]:
    """The audit of the report on what debaters of a skill say about these questions."""
    p, s, b = SKILLS[skill]
    cast = Cast(Models(), store)
    player = {skill: cast.player(f"scripted:witness,p={p},s={s},b={b},style=quote")}
    questions = [one.question for one in asked]
    planned = list(schedule(questions, {protocol.name: protocol}, player, {}, 0, mirrored=False))
    perform(store, name, "conditions", {"audit": name}, asked, planned, cast)
    found: dict[str, Any] = report(store, name, sections=("leaks",))["leaks"]
    return found


# ---------------------------------------------------------------------------------------------
# All of it.


def claim(faces: Faces, what: str, skill: str = "") -> Claim:
    """What a study says of an audit: that it is chance, or that it leaks by design.

    With equal faces nothing that one side shows alone tells the truth, unless it chooses what
    stands: what a weak speaker quotes is chance, and what an optimal one does not quote is
    withdrawn. Rebuttals quote withdrawals.
    """
    if what == "question" or (faces == "equal" and what == "passage"):
        return "chance"
    alone = what.startswith("consultancy") or what == "debate without rebuttal"
    return "chance" if faces == "equal" and alone and skill == "weak" else "by design"


def audited(study: Worlds, n: int, done: dict[tuple[Any, ...], str]) -> Iterator[dict[str, Any]]:
    """Every audit of a study's worlds and of what is said about them; one that another study has
    had is named ``as`` that study's."""
    worlds = study.worlds(n)
    asked = [Item(one.question, one.truth, "test") for one in worlds]
    head = {"study": study.study, "faces": study.faces, "worlds": n, "seed": study.seed}
    same: dict[str, list[str]] = {}

    def fresh(what: str) -> bool:
        had = done.setdefault((study.faces, study.seed, study.dials, what), study.study)
        if had != study.study:
            same.setdefault(had, []).append(what)
        return had == study.study

    for what, names in (("question", QUESTION), ("passage", SHOWN), ("withdrawals", WITHDRAWN)):
        if (what != "withdrawals" or study.faces == "equal") and fresh(what):
            yield {**head, "what": what, "claim": claim(study.faces, what),
                   **of_worlds(worlds, names)}  # fmt: skip
    for name, protocol in study.protocols():
        for skill in ("weak", "optimal"):
            if fresh(f"{name}, {skill}"):
                with Store(None) as store:
                    found = of_speeches(asked, protocol, skill, store, "audit")
                yield {**head, "what": f"{name}, {skill}",
                       "claim": claim(study.faces, name, skill), **found}  # fmt: skip
    for other, what_ in same.items():
        yield {**head, "what": "; ".join(what_), "as": other}


def of_nyu(folder: Path) -> Iterator[dict[str, Any]]:
    """The audit of the published sample of the human debates."""
    with Store(None) as store:
        import_nyu(folder, store)
        yield {
            "study": "nyu (not shipped)", "what": "rooms of the published sample",
            "claim": "not known", **report(store, "nyu", sections=("leaks",))["leaks"],
        }  # fmt: skip


def collect(n: int, nyu: Path | None, only: str = "") -> dict[str, Any]:
    """Every audit."""
    rows: list[dict[str, Any]] = []
    done: dict[tuple[Any, ...], str] = {}
    for study in shipped():
        if only in study.study:
            rows += audited(study, n, done)
    if nyu is not None:
        rows += of_nyu(nyu)
    return {
        "command": f"python experiments/leaks.py --n {n}{' --nyu FOLDER' if nyu else ''} --write",
        "audits": rows,
    }


def failed(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The audits that claim chance and are not."""
    return [one for one in rows if one.get("claim") == "chance" and one.get("leaking")]


def markdown(found: Mapping[str, Any]) -> Iterator[str]:
    """The table."""
    yield "# Leak audits of the studies that are shipped\n"
    yield f"`{found['command']}`; the AUC of every feature is in the JSON beside this file.\n"
    yield (
        "How well the truth is told from what is on show besides the argument, as the area under "
        "the ROC curve with its 95 % interval by story: 0.5 is chance. *question*: where an "
        "answer stands, its length, its place in the alphabet. *passage*: number, characters, "
        "strength and place of the lines for an answer, which only debaters and experts see. "
        "*withdrawals*: how many of those lines are withdrawn. The rest is what scripted speakers "
        "of two skills say: lengths, quotations, turns, seat. *Single features that leak* are "
        "named by their p after Holm.\n"
    )
    yield "| study | what | sides | AUC | claim | holds | single features that leak |"
    yield "|---|---|---|---|---|---|---|"
    for one in found["audits"]:
        if "as" in one:
            yield f"| {one['study']} | {one['what']} | | as `{one['as']}` | | | |"
            continue
        holds = "" if one["claim"] != "chance" else "no" if one.get("leaking") else "yes"
        single = ", ".join(name for name in one.get("leaking", ()) if name != "all together")
        yield (
            f"| {one['study']} | {one['what']} | {one.get('n', 0)} | {_cell(one)} | "
            f"{one['claim']} | {holds} | {single} |"
        )


def _cell(one: Mapping[str, Any]) -> str:
    auc = one.get("auc")
    if not auc:
        return str(one.get("reason", "too few questions"))
    value, interval = f"{auc['value']:.3f}", auc["interval"]
    return value if interval is None else f"{value} [{interval[0]:.3f}, {interval[1]:.3f}]"


def main(words: Sequence[str] | None = None) -> int:
    """Audit, print, and keep what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=2000, help="worlds of each study")
    parser.add_argument("--nyu", type=Path, help="the folder of debates-metadata.jsonl")
    parser.add_argument("--only", default="", help="studies whose name has this in it")
    parser.add_argument("--write", action="store_true", help="write leaks.md and leaks.json here")
    given = parser.parse_args(words)
    found = collect(given.n, given.nyu, given.only)
    text = "\n".join(markdown(found)) + "\n"
    if given.write:
        (FOLDER / "leaks.json").write_text(json.dumps(found, indent=1) + "\n")
        (FOLDER / "leaks.md").write_text(text)
    print(text)
    return 1 if failed(found["audits"]) else 0


if __name__ == "__main__":
    sys.exit(main())
