"""A report as Markdown: headings, tables and notes, with nobody's text read as markup.

What others wrote is escaped so that it is the same text for every common reader of Markdown: by a
backslash where that is enough, by a character reference where readers differ on what a backslash
does (in tables, a bar or a backslash before one) or look for HTML and links first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from arena.text import visible
from ui.sections import SECTIONS, remarks, selected, warnings
from ui.sheets import Found, Sheet, name

_REFERENCES = {mark: f"&#{ord(mark)};" for mark in "\\|`<>{}"} | {"&": "&amp;"}
_BACKSLASH = frozenset("*_[]~$!#^=")
_LINKS = re.compile(r"(?i)(?<=\w):(?=//)|(?<=www)\.|(?<=mailto|.{2}xmpp):")
"""What makes a link of a bare address."""


def escaped(text: str) -> str:
    """Somebody's text in one line of Markdown that says it and does nothing else."""
    one = " ".join(visible(text).split())
    linked = {found.start() for found in _LINKS.finditer(one)}
    return "".join(
        f"&#{ord(mark)};" if i in linked
        else _REFERENCES.get(mark) or (f"\\{mark}" if mark in _BACKSLASH else mark)
        for i, mark in enumerate(one)
    )  # fmt: skip


def table(one: Sheet) -> str:
    """A sheet as a table of GitHub's Markdown, with its notes below."""
    head = " | ".join(escaped(column.title) for column in one.columns)
    rule = " | ".join(":---" if column.text else "---:" for column in one.columns)
    lines = [f"| {head} |", f"| {rule} |"]
    lines += [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in one.rows]
    notes = [" ".join(escaped(note) for note in one.notes)] if one.notes else []
    return "\n\n".join(["\n".join(lines), *notes])


def markdown(found: Found, wanted: Sequence[str] | None = None) -> str:
    """The whole report, or the sections that are wanted.

    Raises ConfigError where the report has nothing of what is wanted.
    """
    from ui.sections import KEYS

    shown, _ = selected(found, KEYS if wanted is None else wanted)
    titles = {one.key: one.title for one in SECTIONS}
    parts = [f"# Report: {escaped(name(found['run']))}"]
    parts += [f"**Note:** {escaped(line)}" for line in warnings(found)]
    for key, sheets in shown.items():
        parts.append(f"## {titles[key]}")
        for one in sheets:
            parts.append(f"### Table: {escaped(one.title)}")
            parts.append(table(one))
    parts += [f"Remark: {escaped(line)}" for line in remarks(found, shown)]
    return "\n\n".join(parts) + "\n"
