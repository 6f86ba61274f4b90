"""What the pages about whole runs have in common: which run, what is kept of it, tables and charts.

Whoever opens one is noted (`arena.desk.runs_seen.opened`): what is told there is told against the
truth. Charts are drawings that a browser cannot run anything from, each beside a table with the
same figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, wait
from dataclasses import replace
from typing import Any

import streamlit as st

from arena.config import ConfigError
from arena.desk import runs_seen
from arena.desk.audit import moment
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.desk.kept import Held, Kept
from arena.desk.runs_seen import Run
from arena.store import Store, StoreError
from arena.text import visible
from ui.charts import plots
from ui.drawing import INK
from ui.serve import Arguments
from ui.web.views.acting import NOT_READ, follow
from ui.web.views.admin_desk import RUN, cut, key_of, labels
from ui.web.views.look import look
from ui.web.views.transcript_desk import act, reader_at

FRESH = "compute the report again"
SOON, TICK = 0.25, 0.5
"""Seconds until a page says that something is being computed, and between two looks at it."""
LIGHT_INK = "#e8e8e8"
"""What charts are drawn with on a dark page."""
STYLE = """
<style>
[class*="st-key-plain"] [data-testid="stText"] { overflow-wrap: anywhere; white-space: pre-wrap;
  font-size: .92rem; line-height: 1.45; }
[class*="st-key-plain"] { gap: .35rem; }
[class*="st-key-plain-title"] [data-testid="stText"] { font-weight: 600; }
[class*="st-key-plain-chart"] { max-width: 44rem; }
[class*="st-key-marks"] { border-left: 4px double currentColor; padding-left: .8rem; }
[class*="st-key-marks"] [data-testid="stText"] { overflow-wrap: anywhere; white-space: pre-wrap; }
[class*="st-key-alarm"] { border-left: 4px solid #c0392b; padding-left: .8rem; }
[class*="st-key-alarm"] [data-testid="stText"] { overflow-wrap: anywhere; white-space: pre-wrap; }
[data-testid="stImage"] img { max-width: 100%; height: auto; }
[data-testid="stMetricValue"] { font-size: 1.5rem; }
.st-key-files > [data-testid="stElementContainer"] { width: auto; flex: none; }
[data-testid="stMainBlockContainer"] h4 { padding: .7rem 0 .1rem; font-size: 1.05rem; }
</style>
"""

Page = Callable[[Store, Arguments, Person], None]
DRAWN: Kept[dict[str, list[tuple[str, str]]]] = Kept(most=24)


def draw_for_readers(args: Arguments, page: Page) -> None:
    """Draw a page for whoever is signed in now, if that is a researcher or an admin."""
    follow()
    look()
    st.html(STYLE)
    try:
        with Store(args.store) as store:
            page(store, args, reader_at(store, args))
    except PersonError as error:
        st.error(str(error))
    except (StoreError, ConfigError):
        st.error(NOT_READ)


# The run.


def choose(
    store: Store, args: Arguments, person: Person, some: Sequence[Run], page: runs_seen.Page,
    none: str, first: str = "",
) -> Run | None:  # fmt: skip
    """The run that the address names, else the one that was looked at last, else the newest, of
    kind ``first`` if there is one; None where there is no run, and ``none`` says so. What is chosen
    is noted before it is drawn."""
    if not some:
        st.text(none)
        return None
    state, given = st.session_state, st.query_params.get("run")
    run = None if given is None else runs_seen.named(some, given)
    unknown = given is not None and run is None
    by = {one.name: one for one in some}
    if run is None:
        newest = next((one for one in some if one.kind == first), some[0])
        run = by.get(state.get(RUN) or args.run or "", newest)
    named = labels((name, name) for name in by)
    about = {
        name: f"{named[name]} ({one.kind}, {one.state})" for name, one in by.items()
    }  # fmt: skip
    state[RUN] = state[f"{page} run"] = run.name
    st.selectbox("Run", list(by), key=f"{page} run", format_func=lambda name: about.get(name, ""),
                 on_change=_chosen, args=(args, page), width=460)  # fmt: skip
    if unknown:
        st.caption("The run of this address is not here; this is another one.")
    runs_seen.opened(store, run.name, person.id, page)
    return run


def _chosen(args: Arguments, page: runs_seen.Page) -> None:
    name = str(st.session_state.get(f"{page} run"))

    def show(store: Store, person: Person) -> None:
        st.session_state[RUN] = name
        st.query_params.from_dict({"run": runs_seen.token(name)})

    act(args, show)


# What is kept.


def held(
    store: Store, args: Arguments, run: Run, kept: Kept[Any], what: tuple[object, ...],
    make: Callable[[Store], Any],
) -> Held[Any]:  # fmt: skip
    """What ``make`` computes of a run, kept under ``what``: from the last time where nothing has
    come since; a line and a button where something has, and it is not computed anew by itself
    yet. It is computed in a thread of its own, from a store of its own."""
    key, slot = tuple(what), st.empty()
    version = runs_seen.version(store, run.name)
    fresh = bool(st.session_state.pop(FRESH, False))
    found = kept.at_hand(key, version)
    if found is None or (fresh and not found.current):

        def made() -> Any:
            with Store(args.store) as own:
                return make(own)

        found = awaited(kept, key, version, made, fresh, f"over {run.matches:,} matches", slot)
    if not found.current:
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption(f"As of {moment(found.at)}. More has come into the store since.")
            st.button("Compute again", key="compute again", on_click=_again, args=(args,))
    return found


def awaited(
    kept: Kept[Any], key: tuple[object, ...], version: object, make: Callable[[], Any],
    fresh: bool, over: str, slot: Any,
) -> Held[Any]:  # fmt: skip
    """What is kept, once it is computed. Until then ``slot`` says for how long that has taken:
    whatever is written to a page lets a click through, so that the page can be left meanwhile."""
    begun = time.monotonic()
    while True:
        task = kept.begin(key, version, make, fresh)
        try:
            wait([task], SOON)
            while not task.done():
                took = f"{time.monotonic() - begun:.0f} s"
                said = f"Computing {over}" if task.running() else "Waiting for another report"
                slot.text(f"{said}: {took}")
                wait([task], TICK)
        finally:
            task.cancel()  # it does nothing to what is being made, or is made
        try:
            found: Held[Any] = task.result()
        except CancelledError:  # by somebody who asked for it first, and left
            continue
        slot.empty()
        return replace(found, current=found.version == version)


def _again(args: Arguments) -> None:
    act(args, lambda store, person: st.session_state.update({FRESH: True}))


# Tables and charts.


def table(shown: Mapping[str, Sequence[Any]], alt: str, most: int = 14, **options: Any) -> Any:
    """A table of values and of visible text, by column."""
    height: Any = "auto" if len(next(iter(shown.values()), ())) > most else "content"
    return st.dataframe(dict(shown), hide_index=True, height=height, alt=alt, **options)


def notes(lines: Iterable[str], key: str) -> None:
    """Lines below a table or a chart, as text."""
    some = [line for line in lines if line]
    if some:
        with st.container(key=f"plain {key}"):
            for line in some:
                st.text(visible(line))


def ink() -> str:
    """The colour of what is drawn on this page."""
    return LIGHT_INK if st.context.theme.type == "dark" else INK


def pictures(
    found: Mapping[str, Any], wanted: Sequence[str], of: tuple[object, ...], version: object
) -> dict[str, list[tuple[str, str]]]:
    """The charts of a report (`ui.charts.plots`) that belong to the sections that are ``wanted``:
    for each what it shows in words, and its drawing. Drawn once for each version of what they are
    ``of``, and for light and dark: building and drawing a chart takes a third of a second."""
    colour = ink()

    def make() -> dict[str, list[tuple[str, str]]]:
        drawn: dict[str, list[tuple[str, str]]] = {}
        for one in plots(found):
            if one.section in wanted:
                said = f"{one.title}. {one.says}"
                drawn.setdefault(one.section, []).append((said, one.svg(colour)))
        return drawn

    return DRAWN.get((*of, *wanted, colour), version, make, fresh=True).value


def show(drawn: Iterable[tuple[str, str]]) -> None:
    """Charts as images, which a browser runs nothing from, below what they show in words."""
    for said, image in drawn:
        notes([said], f"chart {key_of(said)}")
        st.image(image, alt=said)


__all__ = [
    "Page", "act", "choose", "cut", "draw_for_readers", "held", "ink", "key_of", "notes",
    "pictures", "show", "table",
]  # fmt: skip
