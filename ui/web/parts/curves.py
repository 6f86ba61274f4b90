"""Curves over the steps of a training, a panel for each figure: drawn by the browser, so that a run
that goes on costs the server a few numbers at each new step."""

from __future__ import annotations

from typing import Any

from ui.web.parts import element

_curves = element("curves")


def curves(data: dict[str, Any], key: str) -> None:
    """Draw what `arena.desk.curves.panels` gives, each panel with the same as a table.

    ``data``: ``label`` (what all of it is) and ``panels``. A shaded band is a line's interval. A
    table that a person has opened stays open when there are new figures.
    """
    _curves(data=data, key=key)
