"""What the command line prints: tables and transcripts, with nobody's text read as markup."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arena.match import Match
from arena.participants import describe
from arena.store import Store
from arena.text import visible
from arena.turns import Turn
from ui.sheets import Sheet

if TYPE_CHECKING:
    from ui.runs import Progress

NOTE, WORDS, WORD = 98, 12, 28
"""Columns of a note below a table (longer lines are hard to read), of words in one at least, and of
the longest word that is kept whole where there is room."""


def console(error: bool = False) -> Console:
    """Standard output or error; the first wide enough for every table."""
    made = Console(stderr=error, highlight=False, markup=False, emoji=False)
    if not error:  # a figure must never be cut: what a narrow terminal cannot hold, it wraps
        made.width = max(made.width, 130)
    return made


def say(text: str, error: bool = False) -> None:
    """One line for the terminal, with nothing in it that drives or deceives one."""
    line = " ".join(visible(text).split())
    print(line.encode("utf-8", "backslashreplace").decode(), file=sys.stderr if error else None)


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A progress bar on standard error, for anything that may take longer than two seconds."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    to = console(error=True)
    with Bar(*columns, console=to, transient=True, disable=not to.is_terminal) as bar:
        task = bar.add_task(visible(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def plain(text: str) -> Text:
    """Somebody's text for the terminal: no markup, no control sequences."""
    return Text(visible(text))


def table(one: Sheet, width: int = 130) -> Table:
    """A sheet as a table for the terminal: words are wrapped where it is narrow, figures never; a
    name is folded between its words, unless ``width`` has no room for that."""
    from rich.box import SIMPLE_HEAD

    least = _least(one, WORD)
    if sum(least) + 2 * len(least) > width:
        least = _least(one)
    made = Table(title=plain(one.title), title_justify="left", title_style="bold", box=SIMPLE_HEAD,
                 collapse_padding=True, pad_edge=False)  # fmt: skip
    for column, narrow in zip(one.columns, least, strict=True):
        if column.text and not column.short:
            made.add_column(plain(column.head), overflow="fold", min_width=narrow)
        else:
            justify: Literal["left", "right"] = "left" if column.text else "right"
            made.add_column(plain(column.head), justify=justify, no_wrap=True)
    for row in one.rows:
        made.add_row(*map(plain, row))
    return made


def _least(one: Sheet, word: int = 0) -> list[int]:
    """How narrow each column may be: figures as wide as they are, words a dozen letters, or as wide
    as the longest of them up to ``word``."""
    found = []
    for i, column in enumerate(one.columns):
        parts = [*column.head.splitlines(), *(row[i] for row in one.rows)]
        width = max(cell_len(visible(part)) for part in parts)
        if column.text and not column.short:
            words = [cell_len(one) for part in parts for one in visible(part).split()]
            width = min(width, max(WORDS, min(word, max(words, default=0))))
        found.append(width)
    return found


def print_report(
    console: Console, found: Mapping[str, Any], wanted: Sequence[str] | None = None
) -> None:
    """A report's first tables, or those of the sections that are wanted; then what else there is.

    Raises ConfigError where the report has nothing of what is wanted.
    """
    from ui.sections import remarks, selected, warnings

    shown, further = selected(found, wanted)
    for line in warnings(found):
        console.print(plain(f"Note: {line}"), style="bold", soft_wrap=True)
    for sheets in shown.values():
        for one in sheets:
            _print_whole(console, one)
            if notes := " ".join(one.notes):
                console.print(plain(notes), style="dim", width=min(console.width, NOTE))
                console.print()
    for line in remarks(found, shown):
        console.print(plain(line), width=min(console.width, NOTE))
    if further and wanted is None:
        more = f"More: arena report {found['run']} --sections all, or some of {', '.join(further)}"
        console.print(plain(more), width=min(console.width, NOTE))


def _print_whole(console: Console, one: Sheet) -> None:
    """Print a sheet; one that cannot be made narrow enough is left to the terminal to wrap."""
    width = console.width
    console.width = max(width, sum(_least(one)) + 2 * len(one.columns) + 2)
    try:
        console.print(table(one, console.width))
    finally:
        console.width = width


def print_match(console: Console, store: Store, match: Match, tree: bool) -> None:
    """A match for the terminal: its question, every turn, and every judge's verdict."""
    console.print(plain(match.question.text), style="bold")
    for label, option in zip(match.labels, match.options, strict=True):
        console.print(plain(f"  {label}: {option}"))
    console.print()
    turns = store.turns(match.id)
    if tree:
        known = store.tree(match.root)
        for depth, turn in known.depth_first():
            mine = "*" if any(turn.id == one.id for one in turns) else " "
            head = f"{'  ' * depth}{mine} {visible(turn.seat)} {turn.kind} {turn.id[:9]}  "
            line = " ".join(_said(match, turn).plain.split())
            console.print(Text(head, style="dim") + Text(line[:100]), soft_wrap=True)
        console.print(Text("\n* turns of this match; the rest are siblings below the same root"))
        return
    names = {row["id"]: row["record"] for row in store.query("SELECT id, record FROM participants")}
    for turn in turns:
        who = describe(_record(names.get(turn.author))) if turn.author in names else turn.author
        console.rule(plain(f"{turn.seat}, {turn.kind}  ·  {who}"), align="left")
        console.print(_said(match, turn))


def _record(text: str | None) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(text or "{}")
    return found


def _said(match: Match, turn: Turn) -> Text:
    if not turn.is_leaf:
        speech = turn.speech
        shown = plain(speech.text)
        passage = match.question.passage or ""
        for quote in speech.quotes:
            words = "not in the passage" if quote.span is None else passage[slice(*quote.span)]
            shown.append(f"\n  > {visible(words)}", style="green" if quote.span else "red")
        if speech.status != "ok":
            shown.append(f"\n  ({speech.status})", style="yellow")
        return shown
    verdict = turn.verdict
    chosen = "no choice" if verdict.choice is None else match.labels[verdict.choice]
    parts = [f"{verdict.status}: {chosen}"]
    for name in ("elicited", "choice_logprobs"):
        values = getattr(verdict, name)
        if values is not None:
            listed = ", ".join(
                f"{label} {value:.3f}" for label, value in zip(match.labels, values, strict=True)
            )
            parts.append(f"{name.replace('_', ' ')} {listed}")
    return plain("; ".join(parts) + f"\n{verdict.reason}")
