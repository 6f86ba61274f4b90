"""A report as one HTML file that needs nothing else: tables, drawings, and no script.

The file asks for nothing from anywhere, and its content security policy says so. Everything in it
that others wrote is escaped text; drawings come from `ui.drawing.svg`, which leaves nothing in them
but shapes and text. Light or dark is what the reader's system prefers.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib import metadata
from pathlib import Path
from string import Template
from time import gmtime, strftime
from typing import Any

from arena.config import ConfigError
from arena.text import visible
from ui.charts import Plot, plots
from ui.sections import KEYS, SECTIONS, remarks, selected, warnings
from ui.sheets import Found, Sheet, name

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STORE = b"SQLite format 3"
"""What a store begins with: no page is written over one."""
DOCTYPE = b"<!doctype html"
"""What a page begins with: no page is written over a file of something else."""
FOLDED = 40
"""Rows of a table that is folded away until it is asked for."""
NARROW = 430
"""Pixels: a wider drawing is not made narrower than it can be read, but scrolled."""
STYLE = """\
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #565b63; --paper: #fff; --line: #d9dce1;
  --band: #f5f6f8; --link: #0b57a4; --mark: #9a3412 }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e9ec; --soft: #a9b0ba; --paper: #15171a;
  --line: #363b42; --band: #1d2024; --link: #8ab8f0; --mark: #fdba74 }
  svg [fill="#0072b2"] { fill: #4a9fdc } svg [stroke="#0072b2"] { stroke: #4a9fdc } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; unicode-bidi: plaintext }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .75rem; padding-top: .6rem;
  border-top: 1px solid var(--line) }
a { color: var(--link) }
.from, .note, figcaption { color: var(--soft); font-size: .875rem; max-width: 48rem }
.from { margin: 0; unicode-bidi: plaintext }
.warning { border-left: 4px solid var(--mark); padding: .25rem .75rem; margin: .75rem 0;
  unicode-bidi: plaintext }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; padding: 0;
  margin: 1rem 0 0 }
nav a { display: inline-block; padding: .15rem 0 }
.scroll { overflow-x: auto }
.scroll:focus-visible, summary:focus-visible, a:focus-visible { outline: 2px solid var(--link);
  outline-offset: 2px }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums }
caption, summary { text-align: left; font-weight: 600; font-size: 1rem; padding: 0 0 .4rem;
  unicode-bidi: plaintext }
caption span { position: sticky; left: 0; display: inline-block; max-width: calc(100vw - 2rem) }
summary { cursor: pointer }
th, td { padding: .28rem .75rem .28rem 0; text-align: left; vertical-align: baseline;
  border-bottom: 1px solid var(--line); font-weight: 400; unicode-bidi: isolate }
th:last-child, td:last-child { padding-right: 0 }
thead th { color: var(--soft); vertical-align: bottom; max-width: 9rem; overflow-wrap: normal }
tbody tr:hover { background: var(--band) }
td.words, tbody th { min-width: min(9rem, 30vw); max-width: 26rem }
.figure, .short { white-space: nowrap }
.figure { text-align: right }
thead .figure, thead .short { white-space: normal }
.note { margin: .5rem 0 0; unicode-bidi: plaintext }
.parts { display: flex; flex-wrap: wrap; gap: 1.75rem 3rem; align-items: flex-start }
.parts > * { margin: 0; min-width: min(100%, 22rem); max-width: 100% }
.parts .note, figcaption { width: 0; min-width: 100% }
figure svg { display: block; height: auto; max-width: 100% }
@media (max-width: 40rem) { .wide svg { min-width: 27rem } }
figcaption { margin: 0 0 .5rem }
figcaption b { color: var(--ink); display: block; font-size: 1rem; font-weight: 600 }
footer { margin-top: 3rem; padding-top: .75rem; border-top: 1px solid var(--line) }
@media print { body { max-width: none } .scroll { overflow: visible } }
"""
PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>$title</title>
<style>
$style</style>
</head>
<body>
<header>
<h1>$title</h1>
<p class="from">$provenance</p>
$warnings</header>
<nav aria-label="Contents"><ul>
$contents</ul></nav>
<main>
$sections</main>
<footer>
$remarks</footer>
</body>
</html>
""")


def refuse_page(path: Path, store: Path | None = None) -> None:
    """Raise ConfigError where no page can be written, or it would be over a store (or over what is
    to be ``store``), or over anything that is not a page. For commands that play first: they ask
    before."""
    there = path if path.exists() else path.parent
    if path.is_dir() or not path.parent.is_dir() or not os.access(there, os.W_OK):
        raise ConfigError(f"--html {path}: no file can be written there; name another file")
    is_store = store is not None and path.resolve() == store.resolve()
    begins = b""
    if path.is_file():
        with path.open("rb") as file:
            begins = file.read(max(len(STORE), len(DOCTYPE)))
    if is_store or begins.startswith(STORE):
        raise ConfigError(f"--html {path}: is a store; name another file")
    if begins and not begins.lower().startswith(DOCTYPE):
        raise ConfigError(
            f"--html {path}: the file there is no page (it does not begin with "
            f"{DOCTYPE.decode()}>), and would be lost; name another file"
        )


def write_page(found: Found, path: Path, wanted: Sequence[str] | None = None) -> None:
    """Write a report, or the sections of it that are wanted, as one HTML file.

    Raises OSError where the file cannot be written, ConfigError where the report has nothing of
    what is wanted or `refuse_page` does.
    """
    refuse_page(path)
    path.write_text(page(found, wanted), encoding="utf-8", errors="backslashreplace")


def page(found: Found, wanted: Sequence[str] | None = None) -> str:
    """The HTML of a report, or of the sections of it that are wanted."""
    shown, _ = selected(found, KEYS if wanted is None else wanted)
    titles = {one.key: one.title for one in SECTIONS}
    drawn: dict[str, list[Plot]] = {}
    for one in plots(found, shown):
        drawn.setdefault(one.section, []).append(one)
    contents = [f'<li><a href="#{key}">{_text(titles[key])}</a></li>\n' for key in shown]
    sections = [_section(key, titles[key], shown[key], drawn.get(key, ())) for key in shown]
    return PAGE.substitute(
        policy=escape(POLICY), title=_text(f"Report: {name(found['run'])}"), style=STYLE,
        provenance=_text(provenance(found)), contents="".join(contents),
        sections="".join(sections),
        warnings="".join(f'<p class="warning">Note: {_text(one)}</p>\n' for one in warnings(found)),
        remarks="".join(f'<p class="note">{_text(one)}</p>\n' for one in remarks(found, shown)),
    )  # fmt: skip


def provenance(found: Found) -> str:
    """Whose figures these are: the program, when, and the digest of the report that they are of.

    The digest is of ``arena report --json`` without white space and with sorted keys.
    """
    given = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
    try:
        version = metadata.version("oversight-arena")
    except metadata.PackageNotFoundError:
        version = "of a source tree"
    when = strftime("%Y-%m-%d %H:%M UTC", gmtime())
    return f"arena {version}, written {when}; SHA-256 of the figures {digest[:16]}"


def _text(text: Any) -> str:
    return escape(" ".join(visible(str(text)).split()))


def _section(key: str, title: str, sheets: Sequence[Sheet], drawings: Sequence[Plot]) -> str:
    figures = "".join(map(_figure, drawings))
    tables = "".join(_table(one, f"{key}-{i}") for i, one in enumerate(sheets, 1))
    return (
        f'<section aria-labelledby="{key}"><h2 id="{key}">{_text(title)}</h2>\n'
        f'<div class="parts">\n{figures}{tables}</div></section>\n'
    )


def _figure(one: Plot) -> str:
    drawn = one.svg()
    width = re.search(r'<svg[^>]* width="(\d+)', drawn)
    wide = " wide" if width is not None and int(width[1]) > NARROW else ""
    return (
        f'<figure><figcaption><b id="{one.key}-name">{_text(one.title)}</b>{_text(one.says)}'
        f'</figcaption>\n<div class="scroll{wide}" tabindex="0" role="group" '
        f'aria-labelledby="{one.key}-name">{drawn}</div></figure>\n'
    )


def _table(one: Sheet, key: str) -> str:
    """A sheet with its caption; a long one is folded away, and says how long it is."""
    kinds = [
        "figure" if not column.text else "short" if column.short else "words"
        for column in one.columns
    ]
    head = "".join(
        f'<th scope="col" class="{kind}">{_text(column.title)}</th>'
        for kind, column in zip(kinds, one.columns, strict=True)
    )
    rows = "".join(f"<tr>{_cells(row, kinds)}</tr>\n" for row in one.rows)
    caption = f'<caption id="{key}"><span>{_text(one.title)}</span></caption>'
    table = (
        f'<div class="scroll" tabindex="0" role="group" aria-labelledby="{key}">'
        f"<table>{caption}\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody></table></div>\n"
    )
    notes = " ".join(one.notes)
    note = f'<p class="note">{_text(notes)}</p>\n' if notes else ""
    if len(one.rows) > FOLDED:
        summary = f"<summary>{_text(one.title)}: {len(one.rows)} rows</summary>"
        return f'<details class="sheet">{summary}\n{table}{note}</details>\n'
    return f'<div class="sheet">{table}{note}</div>\n'


def _cells(row: Sequence[str], kinds: Sequence[str]) -> str:
    first = kinds.index("words") if "words" in kinds else 0
    return "".join(
        f'<th scope="row" class="{kind}">{_text(cell)}</th>' if i == first
        else f'<td class="{kind}">{_text(cell)}</td>'
        for i, (cell, kind) in enumerate(zip(row, kinds, strict=True))
    )  # fmt: skip
