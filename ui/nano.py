"""``arena nano``: make the embedded models, and look at what they are worth."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import agents
import judges
from agents.models import Models
from arena.match import PERSON
from arena.participants import SpecError, parse
from ui.tables import plain, progress_bar, say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from arena.match import Agent, Judge
    from judges.response import Cell

BASE = "nano"
KINDS = {"base": BASE, "judge": "nano-judge", "judge-2": "nano-judge-2"}
"""What can be trained: kind -> the name of the shipped model."""
JUDGES = ("nano-judge", "nano-judge-2")
SPEAK_EVERY = 60.0  # seconds between lines where there is no terminal for a bar

Figures = dict[str, float]
_Train = Callable[[Callable[[Figures], None], Callable[[], bool]], bool]


# ---------------------------------------------------------------------------------------------
# Training.


def train(
    kind: str,
    folder: Path,
    *,
    seed: int | None = None,
    tokens: int | None = None,
    transcripts: int | None = None,
    threads: int = 1,
    device: str = "cpu",
) -> bool:
    """Train one of `KINDS` into a folder, or go on where a checkpoint lies; False when stopped.

    Left out, seed and length are those of the shipped model. Ctrl+C stops after the step that is
    under way, with a checkpoint. Raises SpecError for what does not fit, in one line.
    """
    import torch

    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise SpecError(f"--to {folder}: {there.name} is a file; name a folder")
    torch.set_num_threads(threads)
    try:
        torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = " ".join(str(error).split())[:200]
        raise SpecError(f"--device {device!r} cannot be used here: {why}") from None
    run: _Train
    if kind == "base":
        from agents.nano.pretrain import Pretraining, pretrain

        base = Pretraining()
        base = replace(base, seed=base.seed if seed is None else seed)
        base = replace(base, tokens=base.tokens if tokens is None else tokens)
        unit, total = "tokens", base.tokens

        def run(report: Callable[[Figures], None], stop: Callable[[], bool]) -> bool:
            return pretrain(folder, base, report=report, stop=stop, device=device)
    else:
        from judges.pretrain import RECIPES, train_judge

        how, shape, mixture, drill = RECIPES[KINDS[kind]]
        how = replace(how, seed=how.seed if seed is None else seed)
        how = how if transcripts is None else how.of_length(transcripts)
        unit, total = "transcripts", how.total

        def run(report: Callable[[Figures], None], stop: Callable[[], bool]) -> bool:
            return train_judge(
                folder, how, shape, mixture, drill, report=report, stop=stop, device=device
            )

    with _interruptible() as stop, _watched(KINDS[kind], unit, total) as report:
        try:
            return run(report, stop)
        except ValueError as error:  # a checkpoint of another training
            raise SpecError(str(error)) from None


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """A function that says whether Ctrl+C was pressed; pressed twice, it interrupts at once."""
    pressed = False

    def press(number: int, frame: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        say("stopping after this step, with a checkpoint; Ctrl+C again to leave now", error=True)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _watched(name: str, unit: str, total: int) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """A report of training: a bar with the time left, or a line a minute where no one sees a bar.

    A line's loss is the mean since the last line.
    """
    recent: list[float] = []
    begun: tuple[float, int] | None = None  # time and place of the first report
    said = 0.0
    with progress_bar(f"training {name}") as bar:

        def report(figures: Mapping[str, float]) -> None:
            nonlocal begun, said
            now = time.monotonic()
            done = int(figures[unit])
            bar(min(done, total), total)
            begun = begun or (now, done)
            said = said or now
            recent.append(figures["loss" if "loss" in figures else "excess"])
            if now - said > SPEAK_EVERY and not sys.stderr.isatty():
                left = (total - done) * (now - begun[0]) / max(1, done - begun[1]) / 60
                say(
                    f"{name}: {done} of {total} {unit}, loss {sum(recent) / len(recent):.3f}, "
                    f"{max(0.0, left):.0f} minutes left",
                    error=True,
                )
                recent.clear()
                said = now

        yield report


# ---------------------------------------------------------------------------------------------
# What a judge pays for.


def load_judge(spec: str, models: Models) -> Judge:
    """The judge that a participant string names; not a person, whom no program can ask so much."""
    if parse(spec).kind == PERSON:
        raise SpecError("a person judges in the browser (arena ui); name a model or a script")
    return judges.load(spec, models)


def print_response(console: Console, spec: str, cells: Sequence[Cell]) -> None:
    """The response table: a grid of openings for each side, then the rebuttals."""
    from judges.response import OPENINGS, REBUTTALS, UNDONE

    known = {(cell.side, cell.own, cell.theirs): cell for cell in cells}

    def text(*key: str) -> str:
        cell = known.get((key[0], key[1], key[2]))
        return "-" if cell is None else f"{cell.mean:+.2f} ({cell.sd:.2f})"

    console.print(
        plain(
            f"{spec}: mean log-odds (standard deviation) of the own side, by what each side shows"
        )
    )
    for side in ("honest", "dishonest"):
        table = _table(f"the {side} side's opening, against the other's", "own opening")
        for theirs in OPENINGS:
            table.add_column(theirs, justify="right", no_wrap=True)
        for own in OPENINGS:
            table.add_row(own, *(text(side, own, theirs) for theirs in OPENINGS))
        console.print(table)
    for title, theirs, kinds in (
        ("where a withdrawal of the other's opening is there", "rebuttal", REBUTTALS),
        ("while the other shows the withdrawal of the own opening", "withdrawn", UNDONE),
    ):
        table = _table(f"rebuttals, {title}", "rebuttal")
        for side in ("honest", "dishonest"):
            table.add_column(side, justify="right", no_wrap=True)
        for own in kinds:
            table.add_row(own, *(text(side, own, theirs) for side in ("honest", "dishonest")))
        console.print(table)


def _table(title: str, first: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column(first, no_wrap=True)
    return table


# ---------------------------------------------------------------------------------------------
# Held-out figures.


def examine(
    base: str | None,
    judge_specs: Sequence[str],
    n: int,
    seed: int,
    models: Models,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """The figures of a debater, under each decoding, and of judges, as JSON values."""
    from agents.debater import Debater
    from judges.examine import SETTINGS, conditions, examine_debater, examine_judge

    debaters: list[tuple[str, Agent]] = []
    if base is not None:
        agent = agents.load(base, models)
        if isinstance(agent, Debater):
            debaters = [
                (restrict or "free", replace(agent, restrict=restrict))
                for restrict in ("moves", "lines", "")
            ]
        else:
            debaters = [("free", agent)]
    named = [(spec, load_judge(spec, models)) for spec in judge_specs]
    total = n * (len(SETTINGS) * len(debaters) + len(conditions()) * len(named))
    before = 0

    def tell(done: int) -> None:
        progress(before + done, total)

    rows: list[dict[str, Any]] = []
    for protocol, faces in SETTINGS.items():
        for decoding, agent in debaters:
            found = examine_debater(agent, protocol, models.engine(), n, seed, tell)
            before += n
            shares = {
                name: {**_estimate(one.estimate), "chance": one.chance}
                for name, one in found.items()
            }
            rows.append(
                {"protocol": protocol, "faces": faces, "decoding": decoding, "worlds": n,
                 "figures": shares}
            )  # fmt: skip
    out: list[dict[str, Any]] = []
    for spec, judge in named:
        readings = examine_judge(judge, models.engine(), n, seed, tell)
        before += n * len(conditions())
        figures = []
        for one in readings:
            accuracy, literal = _estimate(one.accuracy), _estimate(one.literal)
            figures.append(
                {"condition": one.condition, "protocol": one.protocol, "faces": one.faces,
                 "n": one.n, "accuracy": accuracy, "literal": literal,
                 "of_literal": _ratio(accuracy["value"], literal["value"]),
                 "correlation": one.correlation, "certainty": one.certainty, "mass": one.mass,
                 "missing": one.missing}
            )  # fmt: skip
        out.append({"judge": spec, "conditions": figures})
    return {"seed": seed, "debater": None if base is None else {"debater": base, "settings": rows},
            "judges": out}  # fmt: skip


def _estimate(one: Any) -> dict[str, Any]:
    if one is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {"value": one.value, "low": one.low, "high": one.high, "n": one.n}


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def print_examination(console: Console, found: Mapping[str, Any]) -> None:
    """The figures of a model card: one table for the debater, one for each judge."""
    from judges.examine import DEBATER_FIGURES

    if found["debater"]:
        settings = found["debater"]["settings"]
        table = _table(found["debater"]["debater"], "share of speeches (chance)")
        for one in settings:
            head = one["protocol"].replace(" without ", " without\n")
            table.add_column(
                f"{head}\n{one['faces']} faces,\n{one['decoding']}", justify="right", no_wrap=True
            )
        for name in DEBATER_FIGURES:
            table.add_row(name, *(_share(one["figures"].get(name)) for one in settings))
        console.print(table)
        for name, words in DEBATER_FIGURES.items():
            console.print(f"  {name}: {words}", soft_wrap=True)
        console.print(
            "  chance: one of the lines allowed, drawn evenly; decoding restricted to moves, "
            "to lines, or free\n",
            soft_wrap=True,
        )
    for judge in found["judges"]:
        table = _table(judge["judge"], "condition")
        for head in ("n", "judge\naccuracy", "95 %\ninterval", "literal", "of it", "corre-\nlation",
                     "cer-\ntainty", "mass", "missing"):  # fmt: skip
            table.add_column(head, justify="right", no_wrap=True)
        for row in judge["conditions"]:
            accuracy = row["accuracy"]
            short = row["protocol"].replace("debate without", "without")
            kind = "" if short == "naive" else f", {short}, {row['faces']} faces"
            table.add_row(
                row["condition"].removesuffix(" debate") + kind if kind else row["condition"],
                str(row["n"]),
                _figure(accuracy["value"]),
                "" if accuracy["low"] is None else f"{accuracy['low']:.3f}-{accuracy['high']:.3f}",
                _figure(row["literal"]["value"]), _figure(row["of_literal"]),
                _figure(row["correlation"]), _figure(row["certainty"]), _figure(row["mass"]),
                str(row["missing"]),
            )  # fmt: skip
        console.print(table)
    if found["judges"]:
        console.print(
            "literal: the exact posterior of the same transcripts; correlation: with its log-odds\n"
            "certainty: mean absolute log-odds; mass: on the labels, of the whole vocabulary\n"
            "weak: speakers of skill p=.3,s=0,b=.3; skilled: p=.9,s=.8,b=.9; each quotes one "
            "line a speech",
            soft_wrap=True,
        )


def _share(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return ""
    chance = "" if one["chance"] is None else f" ({one['chance']:.3f})"
    return f"{one['value']:.3f}{chance}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
