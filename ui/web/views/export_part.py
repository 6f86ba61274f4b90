"""What a run is exported as, and what every column of it means."""

from __future__ import annotations

import streamlit as st

from arena.desk.codebook import NOTES, TABLES, TYPES
from arena.desk.identity import Person
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web.desk_pages import way
from ui.web.downloads import path_of
from ui.web.views.admin_desk import choose_run, table

FORMATS = {"jsonl": "JSON Lines", "csv": "CSV", "parquet": "Parquet", "sqlite": "SQLite"}


def export_part(store: Store, args: Arguments, person: Person) -> None:
    """The run, the format, what else is asked for, the way to the file, and the codebook."""
    run = choose_run(store, args)
    if run is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = st.segmented_control("Format", list(FORMATS), default="jsonl", key="format",
                                    required=True, format_func=FORMATS.__getitem__)  # fmt: skip
        truth = st.toggle("True answers", key="with truth")
        names = st.toggle("Names of people", key="with names")
    if truth or names:
        st.caption(
            "Whoever has the files has these. People are told apart by pseudonyms without them."
        )
    way("Download", path_of(run, kind or "jsonl", truth, names), post=True)
    st.caption("A ZIP file, made now; the audit log notes that you took it.")
    codebook(truth, names)


def codebook(truth: bool, names: bool) -> None:
    """The meaning of every column; the same book lies in the file."""
    st.subheader("Codebook", anchor=False)
    wanted = {"truth": truth, "names": names}
    there = [name for name in TABLES if wanted.get(name, True)]
    if st.session_state.get("codebook table") not in there:
        st.session_state["codebook table"] = there[0]
    name = st.selectbox("Table", there, key="codebook table", width=300)
    one = TABLES[name]
    st.text(one.row)
    table(
        {
            "Column": [column.name for column in one.columns],
            "Type": [
                f"{column.type}, {column.unit}" if column.unit else column.type
                for column in one.columns
            ],
            "Meaning": [column.meaning for column in one.columns],
            "Missing means": [column.missing or "never missing" for column in one.columns],
        },
        "The columns of the table",
        30,
    )
    with st.expander("The same in full"), st.container(key="plain meanings"):
        for column in one.columns:
            missing = f" Missing: {column.missing}." if column.missing else ""
            st.text(visible(f"{column.name}: {column.meaning}{missing}"))
    with st.expander("Types and conventions"):
        table({"Type": list(TYPES), "What it is": list(TYPES.values())}, "Types")
        with st.container(key="plain notes"):
            for note in NOTES:
                st.text(visible(note))
