"""What the command line prints: tables and transcripts, with nobody's text read as markup."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from arena.match import Match
from arena.participants import describe
from arena.store import Store
from arena.text import visible
from arena.turns import Turn

if TYPE_CHECKING:
    from ui.runs import Progress


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


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _range(interval: Sequence[float] | None, sign: bool = False) -> str:
    if interval is None:
        return ""
    low, high = interval
    return f"{low:+.3f}, {high:+.3f}" if sign else f"{low:.3f}-{high:.3f}"


PLURALS = {"question": "questions", "story": "stories", "judge": "judges"}


def _by(name: str, count: int) -> str:
    """What an interval is clustered by, and how many of it: "19 judges"."""
    return f"{count} {name if count == 1 else PLURALS.get(name, name)}"


def _widest(found: Mapping[str, Any]) -> tuple[str, str]:
    """The widest of an accuracy's intervals, and what it is clustered by; "none" of one cluster."""
    name = found.get("widest")
    if name is None:
        return "", ""
    one = found["clustered"][name]
    return _range(one["interval"]) or "none", _by(name, one["clusters"])


def print_report(console: Console, found: Mapping[str, Any]) -> None:
    """A report's table; for an import, whoever read the debates besides in a second one."""
    name = str(found["run"])
    for label in found.get("labels", ()):
        console.print(plain(f"Note: {name} {label}."), style="bold", soft_wrap=True)
    own = list(found["settings"])
    title = (
        name if "sample" not in found else f"{name}: the debates' own judges ({found['sample']})"
    )
    console.print(accuracy_table(own, title))
    if any(row.get("stratified") for row in own) and "sample" in found:
        console.print(stratified_table(own))
    if found.get("paired"):
        console.print(paired_table(found["paired"]))
    others = list(found.get("readers", ()))
    here = [row for row in others if row["mode"] == "whole"]
    if here:
        console.print(accuracy_table(here, f"{name}: judged again"))
    if imported := len(others) - len(here):
        console.print(f"{imported} rows of imported offline readings: see readers in --json.")
    if note := missing_note([*own, *others]):
        console.print(note)


def accuracy_table(rows: Sequence[Mapping[str, Any]], title: str) -> Table:
    """Judge accuracy by setting, each with its count and two 95 % intervals: the widest of those
    by what verdicts share, and the one that would hold if they shared nothing."""
    table = _table(title)
    judges = any("judge" in row for row in rows)
    table.add_column("setting", overflow="fold", min_width=10)
    if judges:
        table.add_column("judge", overflow="fold", min_width=12)
    for name in ("n", "judge\naccuracy", "95 %\ninterval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("clustered\nby", no_wrap=True)
    for name in ("iid\ninterval", "log2\nscore", "Brier"):
        table.add_column(name, justify="right", no_wrap=True)
    apart = any(row.get("honest") for row in rows)
    if apart:
        table.add_column("honest /\ndishonest", justify="right", no_wrap=True)
    biased = any(row.get("position_bias") is not None for row in rows)
    if biased:
        table.add_column("position\nbias", justify="right", no_wrap=True)
    for row in rows:
        cells: list[Any] = [plain(str(row["setting"]))]
        if judges:
            cells.append(plain(str(row.get("judge", ""))))
        cells += [
            str(row["n"]),
            _number(row["accuracy"]),
            *_widest(row),
            _range(row["wilson"]),
            _number(row.get("log2_score")),
            _number(row.get("brier")),
        ]
        if apart:
            cells.append(_apart(row))
        if biased:
            bias = row.get("position_bias")
            cells.append("" if bias is None else f"{bias:+.3f}")
        table.add_row(*cells)
    return table


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD

    return Table(title=plain(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD,
                 collapse_padding=True, pad_edge=False)  # fmt: skip


def stratified_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Accuracy of settings with one speaker as if it were honest in half of the cases."""
    table = _table("One speaker, as if honest in half of the debates")
    table.add_column("setting", overflow="fold", min_width=10)
    for name in ("judge\naccuracy", "95 %\ninterval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("clustered\nby", no_wrap=True)
    for row in rows:
        if found := row.get("stratified"):
            table.add_row(plain(str(row["setting"])), _number(found["accuracy"]), *_widest(found))
    return table


def paired_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Differences of accuracy between settings on the questions that both have."""
    table = _table("Differences of accuracy on the same questions")
    table.add_column("setting, less setting", overflow="fold", min_width=20)
    table.add_column("questions", justify="right", no_wrap=True)
    for name in ("differ-\nence", "95 %\ninterval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("clustered\nby", no_wrap=True)
    for name in ("p", "Holm's\np"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            plain(f"{row['first']} - {row['second']}"),
            str(row["questions"]),
            f"{row['difference']:+.3f}",
            _range(row["interval"], sign=True) or "none",
            _by(row["by"], row["clusters"]),
            _number(row["p"]),
            _number(row["holm"]),
        )
    return table


def _apart(row: Mapping[str, Any]) -> str:
    if not row.get("honest"):
        return ""
    parts = (row["honest"], row["dishonest"])
    return " / ".join(f"{p['correct'] / p['n']:.3f}" if p["n"] else "-" for p in parts)


def missing_note(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line on verdicts that carry no decision; empty when there are none."""
    found: dict[str, int] = {}
    for row in rows:
        for status, count in (row.get("missing") or {}).items():
            total = count if isinstance(count, int) else int(count.get("n", 0))
            found[status] = found.get(status, 0) + total
    if not any(found.values()):
        return ""
    listed = ", ".join(f"{count} {status}" for status, count in sorted(found.items()))
    return f"Missing verdicts (in no figure above, never counted as wrong): {listed}."


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
