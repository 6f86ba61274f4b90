"""Data: exports for researchers and admins, imports for admins."""

from __future__ import annotations

import streamlit as st

from arena.desk.identity import ADMIN, RESEARCHER, Person
from arena.store import Store
from ui.serve import Arguments
from ui.web.views.admin_desk import draw_for, said
from ui.web.views.export_part import export_part
from ui.web.views.import_part import import_part

PARTS = {"Export": export_part, "Import": import_part}


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for a researcher or an admin."""
    draw_for(args, page, RESEARCHER, ADMIN)


def page(store: Store, args: Arguments, person: Person) -> None:
    """One of the parts; a researcher has the export alone."""
    st.subheader("Data", anchor=False)
    part = "Export"
    if person.role == ADMIN:
        part = st.segmented_control("Show", list(PARTS), default="Export", key="data part",
                                    required=True) or part  # fmt: skip
    said()
    PARTS[part](store, args, person)
