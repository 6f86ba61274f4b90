"""Imports: a file is looked at first, with a report on every line or room; then taken in.

The report is of the bytes that are imported: another file, kind or name needs another report.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePath
from typing import Any

import streamlit as st

from arena.config import ConfigError
from arena.desk.chairs import PersonError
from arena.desk.events import EVENT, event
from arena.desk.identity import ADMIN, Person
from arena.sources import dry_run as looking
from arena.sources.dry_run import MOST_BYTES, DryRun
from arena.store import Store, StoreError
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import tell
from ui.web.views.admin_desk import act, table

KINDS = {
    "jsonl": "Questions (JSON Lines)",
    "nyu": "NYU human debates (the data set's folder as a ZIP file)",
}
FILE, KIND, NAME = "import file", "import kind", "import name"
SEEN = "import seen"
MOST_REASONS = 500
"""Reasons in the table; the counts are of all."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A report, and of what: the kind, the name and the bytes that it is about."""

    report: DryRun
    kind: str
    name: str | None
    digest: str


def import_part(store: Store, args: Arguments, admin: Person) -> None:
    """A file, the dry run, its report, and the import."""
    st.radio("What it is", list(KINDS), key=KIND, format_func=KINDS.__getitem__)
    file = st.file_uploader("File", type=["jsonl", "zip"], key=FILE,
                            max_upload_size=MOST_BYTES // 1_000_000)  # fmt: skip
    st.text_input("Name of the import", key=NAME, max_chars=200, width=420,
                  placeholder="of the file, or nyu")  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Dry run", key="dry run", type="primary", disabled=file is None,
                  on_click=looked, args=(args,))  # fmt: skip
        st.caption("Nothing is written. A large file may take minutes; at the machine, the "
                   "command arena import takes it without this page.")  # fmt: skip
    seen: Seen | None = st.session_state.get(SEEN)
    if seen is None:
        return
    if file is None or of(file) != (seen.kind, seen.name, seen.digest):
        st.caption("The file, its kind or its name has changed since the report: run it again.")
        return
    report(seen.report)
    if not seen.report.ready:
        st.text("There is nothing to import.")
        return
    with st.popover("Import", type="primary"):
        st.text("What is ready is taken in; what the report names is left out.")
        st.button("Yes, import", key="import", type="primary", on_click=imported, args=(args,))


def of(file: Any) -> tuple[str, str | None, str]:
    """What stands in the form now: kind, name, and the digest of the file."""
    kind, given = str(st.session_state.get(KIND, "jsonl")), str(st.session_state.get(NAME, ""))
    name: str | None = given.strip() or None
    if name is None and kind == "jsonl":
        name = PurePath(file.name).stem[:200] or None
    return kind, name, sha256(file.getbuffer()).hexdigest()


def report(one: DryRun) -> None:
    """What the import would come to."""
    st.subheader("Report", anchor=False)
    st.text(f"As {visible(one.name)}:")
    with st.container(horizontal=True, gap="medium"):
        st.metric("Rooms ready" if one.kind == "nyu" else "Questions ready", one.ready,
                  width="content")  # fmt: skip
        st.metric("New", one.new, width="content")
        st.metric("There already", one.there, width="content")
        st.metric("Bad", len(one.bad), width="content")
        st.metric("Contradict the store", len(one.contradict), width="content")
    if one.settings:
        table(
            {"Setting": [visible(name) for name in one.settings],
             "Rooms": list(one.settings.values())},
            "Rooms by setting",
        )  # fmt: skip
    reasons("Left out, because they are not as they should be:", one.bad)
    reasons("Left out, because they contradict what is in the store:", one.contradict)


def reasons(title: str, some: Sequence[tuple[str, str]]) -> None:
    """Where and why, a line each."""
    if not some:
        return
    st.text(title)
    shown = some[:MOST_REASONS]
    table({"Where": [visible(at) for at, _ in shown], "Why": [visible(why) for _, why in shown]},
          "What is left out, and why")  # fmt: skip
    if len(some) > MOST_REASONS:
        st.caption(f"The first {MOST_REASONS} of {len(some)}.")


def looked(args: Arguments) -> None:
    """The click on Dry run."""
    st.session_state.pop(SEEN, None)
    file = st.session_state.get(FILE)

    def look(store: Store, admin: Person) -> None:
        if file is None:
            raise PersonError("Choose a file first.")
        kind, name, digest = of(file)
        try:
            found = looking.dry_run(kind, file.getvalue(), store, name)
        except StoreError as error:
            raise ConfigError(str(error)) from None
        st.session_state[SEEN] = Seen(found, kind, name, digest)

    act(args, look, ADMIN)


def imported(args: Arguments) -> None:
    """The click on Yes, import: what the report was about, and nothing else."""
    file, seen = st.session_state.get(FILE), st.session_state.pop(SEEN, None)

    def take_in(store: Store, admin: Person) -> None:
        if file is None or seen is None or of(file) != (seen.kind, seen.name, seen.digest):
            raise PersonError("This is not the file of the report any more: run it again.")
        try:
            done = looking.perform(seen.kind, file.getvalue(), store, seen.name)
        except StoreError as error:
            raise ConfigError(str(error)) from None
        value = {"kind": done.kind, "name": done.name, "ready": done.ready, "new": done.new,
                 "left out": len(done.bad) + len(done.contradict)}  # fmt: skip
        noted = event("imported", admin.id, time.time(), value=value)
        store.execute({EVENT: [noted]}, full=True)
        tell("done", f"Imported: {done.new} new, {done.there} there already.")

    act(args, take_in, ADMIN)
