"""A head-to-head matrix: what each player scored against each other; a cell can be chosen."""

from __future__ import annotations

from typing import Any

from streamlit.runtime.state import WidgetCallback

from ui.web.parts import element, nothing, value

_matrix = element("matrix")


def matrix(data: dict[str, Any], key: str, on_pick: WidgetCallback | None = None) -> None:
    """Draw a table with a row and a column for every player; `picked` tells the cell that was
    clicked, or chosen with Enter.

    ``data``: ``label`` (what the table is), ``players`` (names, the best first) and ``cells``: for
    each row ``[points, comparisons]`` by column, None where the two never met. Columns are headed
    by the numbers of the rows, and each cell says its share of the points in per cent; its colour
    follows the share.
    """
    _matrix(data=data, key=key, on_pick_change=on_pick or nothing)


def picked(key: str, players: int) -> tuple[int, int] | None:
    """The row and the column of the cell that was just chosen in a matrix of so many players."""
    said = value(key, "pick")
    if not isinstance(said, list | tuple) or len(said) != 2:
        return None
    row, column = said
    if type(row) is not int or type(column) is not int or row == column:
        return None
    return (row, column) if 0 <= row < players and 0 <= column < players else None
