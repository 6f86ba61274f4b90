"""The administration pages without a browser, opened by people who are signed in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from deskpages import SCRIPT, Desk
from stage import match, question, stage
from streamlit.testing.v1 import AppTest

from arena.desk import identity, passcodes
from arena.desk.identity import ADMIN, JUDGE, Person
from arena.store import Store
from ui.serve import Arguments
from ui.web import who
from ui.web.views.acting import WAY

HOSTILE = "![x](http://outside.invalid/b.png) :red-badge[x] <b> \u202egnorw"
SECRET = "correct horse battery"
PAGES = {
    "people": "people_view",
    "assignments": "assignments_view",
    "audit": "audit_view",
    "data": "data_view",
}


def sign_in(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whoever clicks is this person, with what their row says at that moment."""

    def current(store: Store, args: Arguments) -> Person | None:
        found = identity.named(store, name)
        return None if found.revoked_at is not None else found

    monkeypatch.setattr(who, "current", current)


def opened(
    path: Path, monkeypatch: pytest.MonkeyPatch, page: str, name: str = "Carol", **state: Any
) -> Desk:
    """A page of the desk, opened by somebody who is signed in."""
    sign_in(monkeypatch, name)
    monkeypatch.setattr("sys.argv", [str(SCRIPT), f"--store={path}"])
    app = AppTest.from_file(str(SCRIPT), default_timeout=120)
    app.session_state[WAY] = (page, {})
    for key, value in state.items():
        app.session_state[key.replace("_", " ")] = value
    return Desk(app).again()


def enter(store: Store, name: str, role: str = JUDGE, code: bool = False) -> str:
    """Somebody who has joined; their id."""
    found = identity.accept(store, identity.invite(store, name, role))
    assert found is not None
    if code:
        passcodes.set_passcode(store, found[0].id, SECRET, keep=found[1])
    return found[0].id


def built(file: Path) -> Path:
    """A store with a run, the admin Carol and the judges Ada and Bob; a name is hostile."""
    with stage(file, [match(question(n, f"story {n}")) for n in range(6)]) as store:
        enter(store, "Carol", ADMIN)
        enter(store, "Ada")
        enter(store, "Bob")
    return file


def key(desk: Desk, kind: str, name: str) -> Any:
    """The one element of a kind whose key begins with this word."""
    found = [
        one
        for one in desk.app.get(kind)
        if one.key == name or (one.key or "").startswith(f"{name} ")
    ]
    exact = [one for one in found if one.key == name]
    (one,) = exact or found
    return one


def table(desk: Desk, column: str) -> dict[str, list[Any]]:
    """The one table that has this column."""
    (found,) = (one.value for one in desk.app.dataframe if column in one.value)
    value: dict[str, list[Any]] = found.to_dict("list")
    return value


def refused(desk: Desk) -> str:
    """The one problem that the page tells, as it is read."""
    (found,) = desk.app.error
    return re.sub(r"\\(.)", r"\1", found.value)


def events(path: Path) -> list[str]:
    with Store(path) as store:
        return [row["kind"] for row in store.query("SELECT kind FROM events ORDER BY id")]


def person(path: Path, name: str) -> Person:
    with Store(path) as store:
        return identity.named(store, name)


def choose(desk: Desk, path: Path, name: str) -> Desk:
    desk.app.selectbox(key="who").set_value(person(path, name).id)
    return desk.again()
