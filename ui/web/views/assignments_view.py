"""Assignments: who judges and debates what in a run, under which settings, and how far they are."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from arena.desk.identity import ADMIN, Person
from arena.store import Store
from ui.serve import Arguments
from ui.web.views.admin_desk import choose_run, draw_for, said
from ui.web.views.places_part import places_part, progress_part
from ui.web.views.plan_part import plan_part
from ui.web.views.settings_form import settings_form

PARTS: dict[str, Callable[[Store, Arguments, str], None]] = {
    "Plan": plan_part,
    "Places": places_part,
    "Progress": progress_part,
    "Settings": settings_form,
}


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for an admin."""
    draw_for(args, page, ADMIN)


def page(store: Store, args: Arguments, admin: Person) -> None:
    """The run, and one of the parts."""
    st.subheader("Assignments", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        run = choose_run(store, args)
        if run is None:
            return
        part = st.segmented_control("Show", list(PARTS), default="Plan", key="part",
                                    required=True)  # fmt: skip
    said()
    PARTS[part if part in PARTS else "Plan"](store, args, run)
