"""All quotations in the order of the passage, and how much of it each side has quoted."""

from __future__ import annotations

from typing import Any

from streamlit.runtime.state import WidgetCallback

from ui.web.parts import element, nothing

_quotes = element("quotes")


def quotes(data: dict[str, Any], key: str, on_pick: WidgetCallback | None = None) -> None:
    """Draw what `ui.reading.quotes_in_order` gives; a click on a turn's number is `picked`
    (`ui.web.parts.reader`) and selects that turn."""
    _quotes(data=data, key=key, on_pick_change=on_pick or nothing)
