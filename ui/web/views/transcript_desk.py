"""What the two reading pages have in common: whom they are for, and what a click may do there."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from arena.desk.browse import BrowseError
from arena.desk.chairs import PersonError
from arena.desk.identity import ADMIN, RESEARCHER, Person
from arena.participants import SpecError
from arena.store import Store, StoreError
from arena.text import visible
from ui.serve import Arguments
from ui.web import who
from ui.web.views.acting import NOT_WRITTEN, tell

READERS = (RESEARCHER, ADMIN)
DETAIL = "detail of a problem"
"""Where the second line of a problem is kept: it may repeat what was typed, so it is text."""
STYLE = """
<style>
.st-key-question [data-testid="stText"] { -webkit-line-clamp: 3; }
.st-key-switches { align-items: center; }
.st-key-plain [data-testid="stText"], .st-key-truth [data-testid="stText"] {
  overflow-wrap: anywhere; white-space: pre-wrap; font-size: .92rem; line-height: 1.45; }
.st-key-truth { border-left: 4px double currentColor; padding-left: .8rem; }
@media (max-width: 999px) { .st-key-question { display: block; } }
@media (max-width: 640px) {
  .st-key-filters [data-testid="stHorizontalBlock"] { gap: .5rem; }
  .st-key-filters [data-testid="stColumn"] { min-width: calc(50% - .5rem); flex: 1 1 45%; }
}
</style>
"""


def reader_at(store: Store, args: Arguments) -> Person:
    """Whoever is signed in now, if it is one of those who may read everything."""
    return who.require(store, args, *READERS)


def act(args: Arguments, do: Callable[[Store, Person], None]) -> bool:
    """Do what a click asks for, as whoever is signed in now and may; else keep the line why not.

    For callbacks: the page that was drawn proves nothing about who clicks.
    """
    st.session_state.pop(DETAIL, None)
    try:
        with Store(args.store) as store:
            do(store, reader_at(store, args))
    except PersonError as error:
        tell("problem", str(error))
    except SpecError as error:
        refuse("This names nobody who could sit there.", str(error))
    except BrowseError as error:
        tell("problem", str(error))
    except StoreError:
        tell("problem", NOT_WRITTEN)
    else:
        return True
    return False


def refuse(line: str, detail: str) -> None:
    """Keep a problem: a line of our own, and one that may repeat what was typed."""
    tell("problem", line)
    st.session_state[DETAIL] = visible(" ".join(detail.split()))[:400]


def detail() -> None:
    """Draw the second line of a problem, once, as text."""
    line = st.session_state.pop(DETAIL, "")
    if line:
        with st.container(key="plain"):
            st.text(line)
