"""The tree of turns: who answers whom, what is read, what is reported."""

from __future__ import annotations

from typing import Any

from streamlit.runtime.state import WidgetCallback

from ui.web.parts import element, nothing

_tree = element("tree")


def tree(data: dict[str, Any], key: str, on_pick: WidgetCallback | None = None) -> None:
    """Draw what `ui.reading.tree` (or `branches`) gives; `ui.web.parts.reader.picked` tells the
    node that was clicked, or chosen with Enter.

    ``data``: ``label``, the name of the whole tree, and ``nodes`` in reading order, each with
    ``number``, ``parent`` (a number or None), ``also`` (what else it answers), ``side`` (a letter
    or ""), ``short`` (what the box says, up to four characters), ``label`` (what a screen reader
    says), ``done``, ``unread`` and ``dim`` (off the path). Left and Right go through the reading
    order, Up to the parent, Down to the first child, Home and End to the ends.
    """
    _tree(data=data, key=key, on_pick_change=on_pick or nothing)
