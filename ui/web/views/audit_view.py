"""The audit log: who did what and when, the newest first, a page at a time."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import streamlit as st

from arena.desk import audit, identity
from arena.desk.audit import Filters
from arena.desk.identity import ADMIN, Person
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import go
from ui.web.views.admin_desk import act, columns, cut, draw_for, key_of, labels, said

PAGE = 100
"""Events on one page."""
BEEN = "audit pages"
"""Where each page began that was turned, under these filters."""
ALL = ""


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for an admin."""
    draw_for(args, page, ADMIN)


def page(store: Store, args: Arguments, admin: Person) -> None:
    """The filters, one page of events, the ways between pages, and the event that is selected."""
    st.subheader("Audit log", anchor=False)
    said()
    wanted = filters(store)
    key = key_of(wanted)
    kept, been = st.session_state.get(BEEN, (key, []))
    if kept != key:  # other filters begin at the newest event
        been = []
    st.session_state[BEEN] = (key, been)
    rows, more = audit.log(store, wanted, been[-1] if been else None, PAGE)
    if not rows:
        st.text("Nothing like this has happened yet.")
        return
    chosen = table(rows, key_of(key, been))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Newer", key="newer", shortcut="K", disabled=not been, on_click=turn,
                  args=(args, key, None))  # fmt: skip
        st.button("Older", key="older", shortcut="J", disabled=more is None, on_click=turn,
                  args=(args, key, more))  # fmt: skip
        st.caption(f"Page {len(been) + 1}. Times are UTC.")
    if chosen is not None:
        one(args, chosen)


def filters(store: Store) -> Filters:
    """What the boxes above the table say."""
    people = labels((found.id, found.name) for found in identity.people(store))
    kinds = {found["value"]: f"{found['label']} ({found['n']})" for found in audit.kinds(store)}
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        person = st.selectbox("Person", [ALL, *people], key="audit person", width=220,
                              format_func=lambda id: people.get(id, "everybody"))  # fmt: skip
        kind = st.selectbox("What", [ALL, *kinds], key="audit kind", width=300,
                            format_func=lambda found: kinds.get(found, "everything"))  # fmt: skip
        match = st.text_input("Debate", key="audit match", max_chars=80, width=220,
                              placeholder="its id")  # fmt: skip
        since = st.date_input("From", None, key="audit since", width=150)
        until = st.date_input("To", None, key="audit until", width=150)
    return Filters(
        person or None, kind or None, match.strip() or None, _begins(since),
        None if until is None else _begins(until + timedelta(days=1)),
    )  # fmt: skip


def _begins(day: date | None) -> float | None:
    """When a day begins, UTC."""
    if day is None:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp()  # noqa: UP017


def table(rows: list[dict[str, Any]], key: str) -> dict[str, Any] | None:
    """The events of a page; the one that is selected."""
    shown = {
        "When": [row["when"].removesuffix(" UTC") for row in rows],
        "Who": [row["who"] or "the platform" for row in rows],
        "What": [row["words"] for row in rows],
        "About": [row["about"] for row in rows],
        "Details": [
            cut("; ".join(f"{name}: {value}" for name, value in row["details"]), 200)
            for row in rows
        ],
        "Debate": [row["match"] or "" for row in rows],
        "Sitting": [
            "" if row["sitting"] is None else f"{row['sitting']}.{row['number']}" for row in rows
        ],
    }
    found = st.dataframe(
        shown, column_config=columns(shown), hide_index=True, key=f"audit {key}",
        on_select="rerun", selection_mode="single-row",
        height=600 if len(rows) > 16 else "content",
        alt="Events: select a row to see the whole of it",
    )  # fmt: skip
    picked = found["selection"]["rows"]
    return rows[picked[0]] if picked and 0 <= picked[0] < len(rows) else None


def one(args: Arguments, row: dict[str, Any]) -> None:
    """The whole of an event."""
    who = row["who"] or "the platform"
    with st.container(border=True, key="plain event"):
        st.text(f"{row['when']}: {who} - {row['words']}")
        if row["about"]:
            st.text(f"about: {row['about']}")
        for name, value in row["details"]:
            st.text(f"{name}: {value}")
        if row["active"] is not None:
            st.text(f"active time on the debate by then: {row['active'] / 1000:.1f} s")
        if row["match"]:
            st.text(f"debate: {visible(row['match'])}")
            st.button("Open the debate", key="open debate", on_click=to_debate,
                      args=(args, row["match"]))  # fmt: skip


def to_debate(args: Arguments, match: str) -> None:
    """The click on Open the debate."""
    act(args, lambda store, admin: go("debate", id=match), ADMIN)


def turn(args: Arguments, key: str, to: int | None) -> None:
    """The click on a way: to the events before this one, or back a page."""

    def show(store: Store, admin: Person) -> None:
        kept, been = st.session_state.get(BEEN, (key, []))
        been = list(been) if kept == key else []
        st.session_state[BEEN] = (key, [*been, to] if to is not None else been[:-1])

    act(args, show, ADMIN)
