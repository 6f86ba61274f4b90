"""``arena report``: what a run's verdicts come to."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ui.options import (
    DEFAULT_STORE,
    AsJson,
    AsMarkdown,
    Html,
    StorePath,
    Unmatched,
    one_line,
    open_store,
    print_json,
)


class Sample(StrEnum):
    """Which matches of an import a report is over."""

    paper = "paper"
    all = "all"


def report_verb(
    name: Annotated[str, typer.Argument(help="The run or import.")],
    store: StorePath = DEFAULT_STORE,
    sample: Annotated[Sample, typer.Option(help="An import's sample.")] = Sample.paper,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", help="A training's plots go here, else beside the store."),
    ] = None,
    html: Html = None,
    sections: Annotated[
        str | None,
        typer.Option(help="These sections alone, as in accuracy,calibration; or all."),
    ] = None,
    unmatched: Unmatched = False,
    as_markdown: AsMarkdown = False,
    as_json: AsJson = False,
) -> None:
    """Print judge accuracy and its relatives, by setting; of a training run, its evaluations."""
    from arena.config import ConfigError
    from arena.report import report
    from arena.training_report import is_training
    from ui.sections import asked
    from ui.tables import console, print_report, say
    from ui.training_report import report_training

    with one_line():
        wanted = asked(sections)
        if as_json and (as_markdown or wanted is not None):
            other = "--markdown" if as_markdown else "--sections"
            raise ConfigError(f"{other}: not with --json, which has all of a report")
        with open_store(store, must_exist=True) as opened:
            if is_training(opened, name) or plots is not None:
                for given, option in ((html, "--html"), (as_markdown, "--markdown"),
                                      (sections, "--sections")):  # fmt: skip
                    if given:
                        raise ConfigError(f"{option}: not of a training run; --plots draws one")
                report_training(opened, name, plots, as_json)
                return
            if html is not None:
                from ui.page import refuse_page

                refuse_page(html, store)
            found = report(opened, name, sample.value, unmatched=unmatched)
        if html is not None:
            from ui.page import write_page

            write_page(found, html, wanted)
        if as_json:
            print_json(found)
        elif as_markdown:
            from ui.markdown import markdown

            typer.echo(markdown(found, wanted), nl=False)
        else:
            print_report(console(), found, wanted)
            if html is not None:
                say(f"page: {html}")
