"""The transcript reader: question, options, rules, passage, and every turn that is shown."""

from __future__ import annotations

from typing import Any, Literal

from streamlit.runtime.state import WidgetCallback

from ui.web.parts import element, nothing, value

Layout = Literal["rows", "columns"]

_reader = element("reader", "marking")


def reader(
    data: dict[str, Any],
    key: str,
    on_pick: WidgetCallback | None = None,
    *,
    layout: Layout = "rows",
    place: str | None = None,
) -> None:
    """Draw what `ui.reading.page` gives; a turn that was clicked is `picked` in ``on_pick``.

    One scroll area that the keyboard reaches, one article for each turn with a header that stays
    in sight. Turns that have not changed are left as they are, scrolled and opened as they were.
    The selected turn is told by `ui.web.parts.selection.select`, and is no part of ``data``.
    ``key`` should name the assignment, so that another debate is another reader.

    ``layout`` is one turn below the other, or a column for each speaker (below each other all the
    same where there is no room). ``place`` is the assignment whose highlights are drawn and made
    here (`ui.web.parts.highlights`); None: there are none.
    """
    shown = {**data, "layout": layout, "place": place}
    _reader(data=shown, key=key, on_pick_change=on_pick or nothing)


def picked(key: str) -> int | None:
    """The number of the turn that was just clicked in a reader, a tree or a list of quotations."""
    number = value(key, "pick")
    return number if type(number) is int and number >= 0 else None
