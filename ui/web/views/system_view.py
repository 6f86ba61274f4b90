"""System: the store and its size, who is signed in now, what waits for machines, a backup."""

from __future__ import annotations

import time

import streamlit as st

from arena.desk import sessions, system
from arena.desk.chairs import PersonError
from arena.desk.identity import ADMIN, Person
from arena.desk.tokens import digest_of
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web import presence
from ui.web.desk_pages import way
from ui.web.downloads import BACKUP
from ui.web.gate import COOKIE
from ui.web.views.acting import tell
from ui.web.views.admin_desk import act, ago, cut, draw_for, key_of, labels, said, table, value_in

CHOSEN = "session to end"
HOW = {"invite": "a link", "passcode": "passcode", "login": "login"}
SHOWN = 10
"""How many waiting debates are listed."""


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for an admin."""
    draw_for(args, page, ADMIN)


def page(store: Store, args: Arguments, admin: Person) -> None:
    """The store, the sessions, the machines and the backup."""
    st.subheader("System", anchor=False)
    said()
    the_store(system.facts(store))
    left, right = st.columns(2, gap="large")
    with left:
        live(store, args)
    with right:
        machines(system.machines(store))
        backup()


def size(count: int) -> str:
    """A number of bytes in words."""
    for unit, step in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} B"


def the_store(found: system.Facts) -> None:
    """Versions, sizes and counts."""
    with st.container(horizontal=True, gap="large"):
        st.metric("Version", found.version or "not installed", width="content")
        st.metric("Schema", found.schema, width="content")
        st.metric("Store", size(found.file), width="content")
        st.metric("Write-ahead log", size(found.log), width="content")
    with st.expander(f"Rows by table: {sum(found.rows.values())} in all"):
        table(
            {"Table": [visible(name) for name in found.rows], "Rows": list(found.rows.values())},
            "Rows by table", 40,
        )  # fmt: skip


def live(store: Store, args: Arguments) -> None:
    """Who is signed in now, and the way to end that on one device."""
    now, found = time.time(), sessions.live(store)
    st.subheader("Signed in now", anchor=False)
    if not found:
        st.text("Nobody is signed in.")
        return
    own = st.context.cookies.get(COOKIE)
    here = digest_of(own) if isinstance(own, str) else ""
    table(
        {
            "Name": [visible(one.name) for one in found],
            "Role": [one.role for one in found],
            "Since": [ago(one.since, now) for one in found],
            "Last seen": [ago(presence.seen(one.hash), now) for one in found],
            "By": [HOW.get(one.by, visible(one.by)) for one in found],
            "This one": ["you, here" if one.hash == here else "" for one in found],
        },
        "Sessions that are live now",
    )
    st.caption("A row is a browser. Last seen is empty for who was not there since the start.")
    shown = labels(
        (key_of(one.hash), f"{one.name}, since {ago(one.since, now)}") for one in found
    )  # fmt: skip
    st.session_state[CHOSEN] = value_in(shown, st.session_state.get(CHOSEN))
    st.selectbox("Session of", list(shown), key=CHOSEN, format_func=lambda one: shown.get(one, ""))
    st.button("End this session", key="end session", on_click=ended, args=(args,))


def ended(args: Arguments) -> None:
    """The click on End this session."""
    chosen = str(st.session_state.get(CHOSEN, ""))

    def end(store: Store, admin: Person) -> None:
        some = [one for one in sessions.live(store) if key_of(one.hash) == chosen]
        if not some or not sessions.end(store, some[0].hash, admin.id):
            raise PersonError("This session is over already.")
        tell("done", "The session is ended: its next click leads to the sign-in.")

    act(args, end, ADMIN)


def machines(found: system.Machines) -> None:
    """What `arena work` has in hand, and what waits for it."""
    st.subheader("Machines", anchor=False)
    now = time.time()
    held = "No debate is" if not found.held else f"Debates: {found.held},"
    st.text(f"{held} held by a worker now.")
    if found.lapsed:
        st.text(f"Left by a worker that has fallen silent: {found.lapsed}.")
    if not found.waiting:
        st.text("Nothing waits for machines.")
        return
    more = "" if found.all else f" (of the first {system.LOOKED_AT} unfinished debates)"
    st.text(
        f"Waiting for machines: {len(found.waiting)}{more}, the oldest since "
        f"{ago(found.waiting[0].since, now)}."
    )
    some = found.waiting[:SHOWN]
    table(
        {
            "Run": [cut(one.run, 60) for one in some],
            "Debate": [visible(one.match) for one in some],
            "Since": [ago(one.since, now) for one in some],
            "State": ["failed" if one.failed else "due" for one in some],
        },
        "Debates in which machines are to go on, the oldest first",
    )
    if not found.held:
        st.caption("Start `arena work` beside the desk: it plays the machines' turns.")


def backup() -> None:
    """The whole store as a file."""
    st.subheader("Backup", anchor=False)
    way("Download a backup", BACKUP, post=True)
    st.caption(
        "The whole store as it is now, while others go on: with the true answers, names, and the "
        "hashes of passcodes, links and sessions. Keep it as you keep the store. "
        "The audit log notes that you took it."
    )
