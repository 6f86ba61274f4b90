"""Tables of a report as plain values: what is said is decided here, once, for every renderer.

A `Sheet` is a title, columns, rows of strings and notes. `ui.tables` prints it, `ui.markdown` and
`ui.page` write it; none of them computes or rounds. Text by others in a cell has been through
`name`: one line, nothing invisible in it, cut where it is very long. Renderers escape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

from arena.text import visible

Found: TypeAlias = Mapping[str, Any]
"""A report, or a part of one: JSON values."""
Rows: TypeAlias = Sequence[Mapping[str, Any]]
LONGEST = 120
"""Characters of a name that are shown; of a longer one its beginning and its end."""
PLURALS = {
    "question": "questions", "story": "stories", "judge": "judges", "match": "matches",
    "pair": "pairs", "debater pair": "debater pairs", "unit": "units",
}  # fmt: skip
OWN = "own judges"
"""Who judged a row of an import that names nobody: the debates' own judges together."""
NONE = "none"
"""What stands for an interval that a single cluster cannot give."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, whose line breaks only a terminal keeps, and how its cells stand.

    ``text`` columns stand to the left and may be wrapped, unless they are ``short``; figures stand
    to the right, unbroken.
    """

    head: str
    text: bool = False
    short: bool = False

    @property
    def title(self) -> str:
        """The head in one line: a hyphen at a line's end was put there to break the word."""
        return self.head.replace("-\n", "").replace("\n", " ")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. ``section`` is the name by which `arena report --sections` asks for it."""

    section: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: {len(row)} cells in {len(self.columns)} columns")

    def column(self, title: str) -> list[str]:
        """The cells below a title. Raises ValueError where there is no such column."""
        at = [one.title for one in self.columns].index(title)
        return [row[at] for row in self.rows]


def texts(*heads: str) -> tuple[Column, ...]:
    """Columns of words."""
    return tuple(Column(head, True) for head in heads)


def figures(*heads: str) -> tuple[Column, ...]:
    """Columns of figures."""
    return tuple(Column(head) for head in heads)


def heads(columns: Iterable[Column]) -> tuple[str, ...]:
    """The heads of columns, to make others of."""
    return tuple(one.head for one in columns)


CLUSTERED = Column("clustered\nby", True, True)
ESTIMATE = (*figures("value", "95 %\ninterval", "n"), CLUSTERED)
"""The columns of `estimated`."""


def sheet(
    section: str,
    title: str,
    columns: Iterable[Column],
    rows: Iterable[Sequence[str]],
    notes: Iterable[str] = (),
) -> list[Sheet]:
    """A sheet with the columns that say something; nothing where there is no row."""
    kept, told = tuple(columns), [tuple(row) for row in rows]
    if not told:
        return []
    full = [i for i in range(len(kept)) if any(row[i] for row in told)]
    return [
        Sheet(
            section, title, tuple(kept[i] for i in full),
            tuple(tuple(row[i] for i in full) for row in told),
            tuple(filter(None, notes)),
        )
    ]  # fmt: skip


# Words.


def name(text: object, most: int = LONGEST) -> str:
    """Somebody's text in one line; of a long one the beginning and the end, with "…" between."""
    one = " ".join(visible(str(text)).split())
    if len(one) <= most:
        return one
    end = (most - 1) // 3
    return f"{one[: most - 1 - end]}…{one[len(one) - end :]}"


def whose(row: Found) -> str:
    """The judge of a row, with how it read where that is told; empty where no judge is named."""
    if "judge" not in row:
        return ""
    judge = row["judge"] if row["judge"] is not None else row.get("judge_id")
    mode = row.get("mode")
    shown = OWN if judge is None else name(judge)
    return f"{shown} ({name(mode)})" if mode and mode != "whole" else shown


def counted(count: int, what: str) -> str:
    """ "19 judges": how many of something there are."""
    return f"{count} {what if count == 1 else PLURALS.get(what, what)}"


def sentence(text: str) -> str:
    """With a full stop."""
    return text if text.endswith((".", ":", "?", "!")) else f"{text}."


# Figures.


def _even(value: float, digits: int) -> float:
    """Rounded, and never a zero with a minus."""
    return round(value, digits) or 0.0


def number(value: float | None, digits: int = 3) -> str:
    """A share, a probability or a score; empty for None."""
    return "" if value is None or not isfinite(value) else f"{_even(value, digits):.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """A difference."""
    return "" if value is None or not isfinite(value) else f"{_even(value, digits):+.{digits}f}"


def p_value(value: float | None) -> str:
    """A p, never shown as zero."""
    if value is None:
        return ""
    return "<0.001" if value < 0.001 else number(value)


def span(interval: Sequence[float] | None, digits: int = 3, sign: bool = False) -> str:
    """An interval: "0.545-0.907", and where a minus would be taken for a dash "-0.1, +0.3"."""
    if interval is None or any(end is None for end in interval):
        return ""
    low, high = (_even(end, digits) for end in interval)
    if sign:
        return f"{low:+.{digits}f}, {high:+.{digits}f}"
    dash = "-" if low >= 0 else ", "
    return f"{low:.{digits}f}{dash}{high:.{digits}f}"


def whole(value: float | None) -> str:
    """A count, with its thousands apart; a mean of counts to one digit."""
    if value is None or not isfinite(value):
        return ""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:.1f}" if abs(value) < 1000 else whole(round(value))


def count_of(one: Any) -> int:
    """How many missing verdicts: a number, or one with the sides that they concerned beside it."""
    return one if isinstance(one, int) else int(one.get("n", 0))


def clustered_by(one: Found) -> str:
    """What an interval is clustered by, and how many of it: "19 judges"; empty of none."""
    by, count = one.get("by"), one.get("clusters")
    if by is None:
        return ""
    both = " x ".join(PLURALS.get(part, part) for part in name(by).split(" x "))
    if not isinstance(count, int):
        return both
    return f"{both} ({count})" if " x " in str(by) else counted(count, name(by))


def interval_of(one: Found, digits: int = 3, sign: bool = False) -> str:
    """The interval of an estimate; of one without, as a single cluster is, "none"."""
    return span(one.get("interval"), digits, sign) or NONE


def estimated(one: Found | None, digits: int = 3, sign: bool = False) -> tuple[str, str, str, str]:
    """An estimate's value, interval, n and clustering: the cells of `ESTIMATE`."""
    if one is None or one.get("value") is None:
        return ("", "", "", "")
    value = (signed if sign else number)(one["value"], digits)
    n = one.get("n")
    return value, interval_of(one, digits, sign), whole(n), clustered_by(one)


def brief(one: Found | None, digits: int = 3, sign: bool = False) -> str:
    """An estimate in one cell: "0.74 (0.61-0.83)"; empty of none."""
    value, interval, _, _ = estimated(one, digits, sign)
    return f"{value} ({interval})" if value else ""
