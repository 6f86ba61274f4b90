"""What the administration pages have in common: whom they are for, what a click may do, names.

A page asks who it is drawn for, and every click asks again: neither a page that was drawn nor its
address proves anything. Names, runs and questions are shown as text alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from arena.config import ConfigError
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.desk.standing import AGAIN
from arena.ids import content_id
from arena.store import Store, StoreError
from arena.text import visible
from ui.serve import Arguments
from ui.web import who
from ui.web.views.acting import NOT_READ, NOT_WRITTEN, follow, tell, told
from ui.web.views.look import look
from ui.web.views.transcript_desk import DETAIL, detail, refuse

RUN = "run of the office"
"""Where the run is kept that the administration pages are about."""
STYLE = """
<style>
[class*="st-key-plain"] [data-testid="stText"] { overflow-wrap: anywhere; white-space: pre-wrap;
  font-size: .92rem; line-height: 1.45; }
[class*="st-key-lines"] { border-left: 4px solid #c77d1a; padding-left: .8rem; gap: .3rem; }
[class*="st-key-lines"] [data-testid="stText"] { overflow-wrap: anywhere; white-space: pre-wrap;
  font-size: .92rem; line-height: 1.4; }
.st-key-once { border: 2px solid #3f78ad; border-radius: .5rem; padding: .8rem 1rem; }
[data-testid="stMetricValue"] { font-size: 1.6rem; }
</style>
"""
_RUNS = (
    "SELECT r.name FROM runs AS r WHERE r.kind <> ? AND EXISTS "
    "(SELECT 1 FROM run_matches AS rm WHERE rm.run = r.name) ORDER BY r.created_at DESC, r.name"
)

Page = Callable[[Store, Arguments, Person], None]


def draw_for(args: Arguments, page: Page, *roles: str) -> None:
    """Draw a page for whoever is signed in now, if that is somebody with one of ``roles``."""
    follow()
    look()
    st.html(STYLE)
    try:
        with Store(args.store) as store:
            page(store, args, who.require(store, args, *roles))
    except PersonError as error:
        st.error(str(error))
    except ConfigError:
        st.error("The settings of a run in this store cannot be read: they are not what we wrote.")
    except StoreError:
        st.error(NOT_READ)


def act(args: Arguments, do: Callable[[Store, Person], None], *roles: str) -> bool:
    """Do what a click asks for, as whoever is signed in now and has one of ``roles``; else keep
    the line that says why not. For callbacks."""
    st.session_state.pop(DETAIL, None)
    try:
        with Store(args.store) as store:
            do(store, who.require(store, args, *roles))
    except PersonError as error:
        tell("problem", str(error))
    except ConfigError as error:
        refuse("This is nothing that can be taken in.", str(error))
    except StoreError as error:
        tell("problem", NOT_WRITTEN)
        st.session_state[DETAIL] = visible(" ".join(str(error).split()))[:400]
    else:
        return True
    return False


def said() -> None:
    """Draw the line about the last act, and what it was about, once."""
    told()
    detail()


def key_of(*what: object) -> str:
    """A short key for an element that is about this: of it, and not the text itself."""
    return content_id("k", [str(one) for one in what])[:13]


# Names.


def labels(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What to call each id in a list: its name as visible text on one line, cut where it is long,
    with a number where two look the same."""
    found: dict[str, str] = {}
    seen: dict[str, int] = {}
    for key, name in named:
        text = cut(name)
        seen[text] = seen.get(text, 0) + 1
        found[key] = text if seen[text] == 1 else f"{text} ({seen[text]})"
    return found


def cut(text: str, most: int = 90) -> str:
    """A text as it is shown on one line."""
    line = " ".join(visible(text).split())
    return line if len(line) <= most else line[: most - 2] + " …"


def runs(store: Store) -> list[str]:
    """The runs that have debates, the newest first."""
    return [row["name"] for row in store.query(_RUNS, AGAIN)]


def choose_run(store: Store, args: Arguments) -> str | None:
    """The run that this page is about; it stays chosen on the other pages. None: there is none."""
    names = runs(store)
    if not names:
        st.text("There is no run with debates yet: play one, or import debates first.")
        return None
    chosen = st.session_state.get(RUN, args.run)
    shown = labels((name, name) for name in names)
    st.session_state["choice of run"] = chosen if chosen in names else names[0]
    found: str = st.selectbox(
        "Run", names, key="choice of run", format_func=shown.__getitem__, on_change=_chosen,
        width=420,
    )  # fmt: skip
    return found


def _chosen() -> None:
    st.session_state[RUN] = st.session_state.get("choice of run")


def value_in(options: Sequence[Any] | Mapping[Any, Any], value: Any) -> Any:
    """The value, where it is one of these; else the first one: what was chosen may be gone."""
    return value if value in options else next(iter(options), None)


# Tables.


MEDIUM = frozenset({"Name", "Person", "What", "Run", "About", "Missing means",
                    "Can sign in by"})  # fmt: skip
LARGE = frozenset({"Question", "Why", "Meaning", "Details", "What it is", "Is not given"})
"""Columns that need more room than others."""


def columns(shown: Mapping[str, Sequence[object]]) -> dict[str, Any]:
    """How wide the columns of a table are."""
    return {
        name: st.column_config.Column(width="large" if name in LARGE else "medium")
        for name in shown
        if name in MEDIUM | LARGE
    }


def table(shown: Mapping[str, Sequence[object]], alt: str, tall: int = 12) -> None:
    """A table of plain values to look at; a long one scrolls."""
    n = len(next(iter(shown.values()), ()))
    st.dataframe(
        dict(shown), hide_index=True, height="auto" if n > tall else "content", alt=alt,
        column_config=columns(shown),
    )  # fmt: skip


def ago(at: float | None, now: float | None = None) -> str:
    """How long ago a moment was, in words; empty where there was none."""
    if at is None:
        return ""
    seconds = max(0.0, (time.time() if now is None else now) - at)
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name} ago"
    return "just now" if seconds < 60 else "1 min ago"


def lasts(until: float, now: float | None = None) -> str:
    """How long there is until a moment, in words; empty where it is over."""
    seconds = until - (time.time() if now is None else now)
    if seconds <= 0:
        return ""
    return f"{seconds / 3600:.0f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"
