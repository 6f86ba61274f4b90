"""What the pages have in common: the line after an act, the open dialog, and the way elsewhere.

Acts happen in callbacks, one transaction each, and every one asks again who acts. What is kept
between runs is wording and choice alone; the store holds the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import streamlit as st

from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.desk.shelf import borrowed
from arena.store import Store, StoreError
from arena.text import visible
from ui.serve import Arguments
from ui.web import who

TOLD = "told"
"""Where the line about the last act is kept: ("problem" or "done", the line, the address at which
it was drawn). It stays until the next act or another page: a run that no act asked for, as when a
part of the page reports something, does not take it away unread."""
DIALOG = "dialog"
"""Which dialog is open. While one is, every other button is disabled: a key of a button behind it
would close it."""
WAY = "way"
"""Where the next run goes: a page's address, and its query parameters."""
NOT_WRITTEN = "The store could not be written, so nothing is recorded yet. Try again."
NOT_READ = "The store cannot be read now. Nothing is lost: try again in a moment."


def tell(kind: Literal["problem", "done"], line: str) -> None:
    """Keep a line of our own words for the next drawing."""
    st.session_state[TOLD] = (kind, line, "")


def told() -> None:
    """Draw the line about the last act, on the one page that draws it first. Its place is there
    without it as well, so that what comes after it stays the same element, with its key."""
    kind, line = _last()
    if line:
        st.session_state[TOLD] = (kind, line, _here())
    else:
        st.session_state.pop(TOLD, None)  # it was of another page
    place = st.empty()
    if kind == "problem":
        place.error(plain(line))
    elif line:
        place.caption(line)


def plain(line: str) -> str:
    """A line that Markdown leaves as it is: a refusal may name a seat, which a protocol names."""
    return re.sub(r"([\\`*_\[\]<>$:!#~|&])", r"\\\1", visible(line))


def problem() -> bool:
    """Whether the last act was refused, and the page is about to say so."""
    return _last()[0] == "problem"


def mended() -> None:
    """Take a refusal away: the person goes on with what it was about."""
    if problem():
        st.session_state.pop(TOLD, None)


def _last() -> tuple[str, str]:
    kind, line, where = st.session_state.get(TOLD, ("", "", ""))
    return (kind, line) if where in ("", _here()) else ("", "")


def _here() -> str:
    """The address of this page, and of what it shows; not of the turn that is selected there."""
    query = {name: one for name, one in st.query_params.to_dict().items() if name != "turn"}
    return f"{st.context.url} {sorted(query.items())}"


def perform(args: Arguments, act: Callable[[Store, Person], None]) -> bool:
    """Do one act as whoever is signed in now; where it cannot be done, keep the line that says so.

    For callbacks. The page that was drawn proves nothing about who clicks.
    """
    st.session_state.pop(TOLD, None)
    try:
        with borrowed(args.store) as store:
            act(store, who.require(store, args))
    except PersonError as error:
        tell("problem", str(error))
    except StoreError:
        tell("problem", NOT_WRITTEN)
    else:
        return True
    return False


# Dialogs.


def opened(id: str) -> str:
    """The dialog that is open on the page of this place; empty where none is."""
    name, place = st.session_state.get(DIALOG, ("", ""))
    return str(name) if place == id else ""


def open_dialog(name: str, id: str) -> None:
    """Open a dialog with the next drawing of a place's page."""
    st.session_state.pop(TOLD, None)
    st.session_state[DIALOG] = (name, id)


def close_dialog() -> None:
    """Close it, and what it may have refused with it."""
    mended()
    st.session_state.pop(DIALOG, None)


def leave_when_done(name: str, owner: str) -> None:
    """Inside the dialog ``name`` of ``owner``: when its act is done, draw the page without it."""
    if opened(owner) != name:
        st.rerun()


def back_button() -> None:
    """The way out of a dialog with nothing done."""
    st.button("Back (Esc)", key="back", on_click=close_dialog)


# Ways.


def go(url: str, **query: str) -> None:
    """Go to a page of the desk with the next drawing (`follow`). For callbacks."""
    close_dialog()
    st.session_state[WAY] = (url, query)


def follow() -> None:
    """Go where a callback has said. A page calls this before it draws anything."""
    url, query = st.session_state.pop(WAY, ("", {}))
    if url:
        st.switch_page(st.Page(_nowhere, title="-", url_path=url), query_params=query)


def _nowhere() -> None:
    """Stands for a page that is known by its address."""


def to_queue() -> None:
    """The click that leads back to the queue."""
    st.session_state.pop(TOLD, None)
    go("queue")
