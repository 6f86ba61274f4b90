"""Speeches side by side: alternatives to a turn, or two debates from where they part."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import streamlit as st
from streamlit.runtime.state import WidgetCallback

from ui.web.parts import nothing

_PARTS, _HERE = files("ui.web.parts"), files("ui.web.views")


def _text(*names: str) -> str:
    found = (_PARTS if name.startswith("common.") else _HERE for name in names)
    return "".join(
        place.joinpath(name).read_text("utf-8") for place, name in zip(found, names, strict=True)
    )


_cards = st.components.v2.component(
    "arena-cards",
    css=_text("common.css", "transcript_cards.css"),
    js=_text("common.js", "transcript_cards.js"),
)


def cards(
    key: str, label: str, some: Sequence[dict[str, Any] | None], heads: Sequence[str] = (),
    on_pick: WidgetCallback | None = None,
) -> None:  # fmt: skip
    """Draw cards (`transcript_values.card`) beside each other; None leaves a place empty.

    With ``heads`` they stand in as many columns, row by row. A card that ``opens`` has a button;
    which one was clicked is `ui.web.parts.reader.picked`, its number among the cards.
    """
    _cards(data={"label": label, "heads": list(heads), "cards": list(some)}, key=key,
           on_pick_change=on_pick or nothing)  # fmt: skip
