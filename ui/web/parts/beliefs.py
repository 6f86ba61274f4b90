"""Belief lines: how a probability went from turn to turn."""

from __future__ import annotations

from typing import Any

from ui.web.parts import element

_beliefs = element("beliefs")


def beliefs(data: dict[str, Any], key: str) -> None:
    """Draw what `ui.reading.beliefs` gives: a chart of steps, and the same as a table.

    ``data``: ``label`` (what the numbers are), ``ticks`` (what each step came after) and
    ``lines``, each with ``name`` and ``points``: per cent by tick, None where nothing was said.
    """
    _beliefs(data=data, key=key)
