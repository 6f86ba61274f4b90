"""The page's own elements: each a wrapper, a script and a style, of which the last two are static.

A script makes elements by name and fills them through ``textContent``; no text that a person or a
model wrote is ever read as markup, by the browser or by Streamlit. What a wrapper is given are
plain values, made by `ui.reading`. Scripts need no build step and no network, and run under
``script-src 'self' blob:``.

Values that a person gives (a text, a probability) reach the script on the very run that a click or
a key causes, and cause no run of their own while the person is still at it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer


def element(name: str) -> ComponentRenderer:
    """The mounting command of a component, whose files lie beside this one; made once, on import.

    One that shows something has a style, and the common script and style before its own.
    """
    here = files(__name__)

    def text(*names: str) -> str:
        return "".join(here.joinpath(one).read_text("utf-8") for one in names)

    if not here.joinpath(f"{name}.css").is_file():
        return st.components.v2.component(f"arena-{name}", js=text(f"{name}.js"))
    return st.components.v2.component(
        f"arena-{name}",
        css=text("common.css", f"{name}.css"),
        js=text("common.js", f"{name}.js"),
    )


def value(key: str, name: str) -> Any:
    """What a component says, as of this run: a state that it keeps, or what was just picked.

    None where it has said nothing. It is what a callback reads; the first run has nothing yet.
    """
    state = st.session_state.get(key)
    return None if state is None else state.get(name)


def nothing() -> None:
    """A callback: without one, Streamlit drops what a component says."""
