"""The page's own elements: each a wrapper, a script and a style, of which the last two are static.

A script makes elements by name and fills them through ``textContent``; no text that a person or a
model wrote is ever read as markup, by the browser or by Streamlit. What a wrapper is given are
plain values, made by `ui.reading`. Scripts need no build step and no network, and run under
``script-src 'self' blob:``.

Values that a person gives (a text, a probability) reach the script on the very run that a click or
a key causes, and cause no run of their own while the person is still at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import streamlit as st

from ui.web.parts import bundle


def element(name: str, *with_: str) -> Callable[..., Any]:
    """The mounting command of a component, whose files lie beside this one; made once, on import.

    One that shows something has a style, and the common script and style before its own; then the
    scripts that ``with_`` names.
    """
    shows = files(__name__).joinpath(f"{name}.css").is_file()
    names = [*(bundle.COMMON if shows else ()), *(f"{one}.js" for one in with_), f"{name}.js"]
    names += [f"{name}.css"] if shows else []
    bundle.MADE[name] = tuple(names)
    if bundle.served():
        made = st.components.v2.component(f"arena-{name}", js=bundle.stub(name))
    else:
        css, js = (bundle.read(*bundle.of_kind(kind, names)) for kind in (".css", ".js"))
        made = st.components.v2.component(f"arena-{name}", css=css or None, js=js)

    def mount(*, data: Mapping[str, Any], **rest: Any) -> Any:
        # As tuples: whether a list might be a table takes Streamlit longer than all the rest.
        plain = {key: tuple(one) if isinstance(one, list) else one for key, one in data.items()}
        return made(data=plain, **rest)

    return mount


def value(key: str, name: str) -> Any:
    """What a component says, as of this run: a state that it keeps, or what was just picked.

    None where it has said nothing. It is what a callback reads; the first run has nothing yet.
    """
    state = st.session_state.get(key)
    return None if state is None else state.get(name)


def nothing() -> None:
    """A callback: without one, Streamlit drops what a component says."""
