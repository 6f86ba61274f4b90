"""``arena nano ...``: the verbs around the embedded models; what they do lives in `ui.nano`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ui.options import AsJson, one_line, print_json

nano = typer.Typer(
    help="Make the embedded models (train), and see what they are worth (table, examine).",
    no_args_is_help=True,
)


class Kind(StrEnum):
    """The embedded models."""

    base = "base"
    judge = "judge"
    judge_2 = "judge-2"
    all = "all"


Threads = Annotated[int, typer.Option(min=1, max=1024, help="Torch threads.")]
Device = Annotated[str, typer.Option(help="Where the model runs.")]


@nano.command()
def train(
    to: Annotated[Path, typer.Option("--to", help="The model's folder; of all: their folder.")],
    kind: Annotated[Kind, typer.Argument(metavar="[base|judge|judge-2|all]")] = Kind.all,
    seed: Annotated[int | None, typer.Option(help="Left out: the shipped model's.")] = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Length of the base's training.")
    ] = None,
    transcripts: Annotated[
        int | None, typer.Option(min=1, help="Length of a judge's training.")
    ] = None,
    threads: Threads = 1,
    device: Device = "cpu",
) -> None:
    """Train the embedded models; the same command goes on where it was stopped (Ctrl+C)."""
    from ui.nano import KINDS
    from ui.nano import train as make
    from ui.tables import say

    kinds = list(KINDS) if kind is Kind.all else [kind.value]
    with one_line():
        for one in kinds:
            folder = to / KINDS[one] if kind is Kind.all else to
            done = make(one, folder, seed=seed, tokens=tokens, transcripts=transcripts,
                        threads=threads, device=device)  # fmt: skip
            if not done:
                say(
                    f"stopped; the same command goes on from the checkpoint in {folder}", error=True
                )
                raise typer.Exit(1)
            say(f"{KINDS[one]}: complete in {folder}")


@nano.command()
def table(
    spec: Annotated[str, typer.Argument(metavar="JUDGE", help="As in prompted:nano-judge.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Transcripts of a cell.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the worlds.")] = 0,
    threads: Threads = 1,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Print what a judge pays each side for what it shows; exit code 1 where that is wrong."""
    from agents.models import Models
    from judges.response import as_records, pays_for_evidence, response_table
    from ui.nano import load_judge, print_response
    from ui.tables import console, progress_bar, say

    with one_line():
        models = Models(device, threads)
        judge = load_judge(spec, models)
        with progress_bar(f"asking {spec}") as progress:
            cells = response_table(judge, models.engine(), n, seed, progress)
    wrong = pays_for_evidence(cells)
    if as_json:
        print_json({"judge": spec, "n": n, "cells": as_records(cells), "wrong": wrong})
    else:
        print_response(console(), spec, cells)
        for line in wrong:
            say(f"wrong as a reward: {line}")
        if not wrong:
            say("Own relevant evidence and a true rebuttal pay, for both sides.")
    if wrong:
        raise typer.Exit(1)


@nano.command()
def examine(
    base: Annotated[str | None, typer.Option(help="A debater, as in local:nano.")] = None,
    judge: Annotated[
        list[str] | None, typer.Option("--judge", help="A judge, as in prompted:nano-judge.")
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Worlds of each setting.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the worlds.")] = 0,
    threads: Threads = 1,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Print the held-out figures of a model card; without names, those of the shipped models."""
    from agents.models import Models
    from ui.nano import BASE, JUDGES, print_examination
    from ui.nano import examine as figures
    from ui.tables import console, progress_bar

    if base is None and not judge:
        base, judge = f"local:{BASE}", [f"prompted:{name}" for name in JUDGES]
    with one_line():
        models = Models(device, threads)
        with progress_bar("examining") as progress:
            found = figures(base, judge or [], n, seed, models, progress)
    if as_json:
        print_json(found)
    else:
        print_examination(console(), found)
