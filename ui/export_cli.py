"""``arena export``, and the reports of imports that only look: thin, as every verb is."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.options import DEFAULT_STORE, AsJson, StorePath, one_line, open_store, print_json

if TYPE_CHECKING:
    from arena.sources.dry_run import DryRun


class To(StrEnum):
    """The formats of an export."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    sqlite = "sqlite"


def export(
    name: Annotated[str, typer.Argument(help="The run or import.")],
    store: StorePath = DEFAULT_STORE,
    to: Annotated[To, typer.Option("--to", help="The format.")] = To.jsonl,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A folder, or a file *.zip; NAME-export if absent."),
    ] = None,
    truth: Annotated[bool, typer.Option("--truth", help="Add the table of true answers.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Add the table of people's names.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """Write what people and machines did in a run as files, with a codebook."""
    import re

    from arena.desk import export as exports
    from ui.tables import say

    place = out or Path(re.sub(r"[^\w.-]+", "_", name).strip(".") + "-export")
    with one_line(), open_store(store, must_exist=True) as opened:
        if place.suffix == ".zip":
            data = exports.archive(opened, name, to.value, truth=truth, names=names)
            place.write_bytes(data)
            found: dict[str, Any] = exports.manifest_of(data)
        else:
            found = exports.export_folder(opened, name, to.value, place, truth=truth, names=names)
    if as_json:
        print_json({"run": name, "store": str(store), "out": str(place), **found})
        return
    rows: dict[str, int] = {}
    for key, one in found["files"].items():
        several = one.get("rows", {})
        rows |= several if isinstance(several, dict) else {key: several}
    say(f"exported {name!r} to {place}: {sum(rows.values())} rows in {len(rows)} tables")
    for key, count in rows.items():
        say(f"  {key}: {count}")


def say_dry_run(report: DryRun, store: Path, as_json: bool) -> None:
    """Print what an import would do. Raises typer.Exit(1) where something would be left out."""
    from ui.tables import say

    what = "rooms" if report.kind == "nyu" else "questions"
    if as_json:
        print_json(
            {"run": report.name, "store": str(store), "dry_run": True, "ready": report.ready,
             "new": report.new, "there": report.there,
             "failed": [{"where": at, "reason": reason} for at, reason in report.bad],
             "contradict": [{"where": at, "reason": reason} for at, reason in report.contradict]}
        )  # fmt: skip
    else:
        say(
            f"would import {report.ready} {what} as {report.name!r} into {store}: "
            f"{report.new} new, {report.there} there already; nothing was written"
        )
    for at, reason in (*report.bad, *report.contradict):
        say(f"arena: would not import: {at}: {reason}", error=True)
    if not report.clean:
        raise typer.Exit(1)


def dry_run(kind: str, path: Path, store: Path, name: str | None, as_json: bool) -> None:
    """What ``arena import KIND PATH --dry-run`` does; no store is made where there is none."""
    from arena.sources import dry_run as looking
    from ui.tables import progress_bar

    with one_line():
        with progress_bar("reading") as progress:
            if store.is_file():
                with open_store(store) as opened:
                    report = looking.dry_run(kind, path, opened, name, progress)
            else:
                report = looking.dry_run(kind, path, None, name, progress)
        say_dry_run(report, store, as_json)
