"""The desk's script without a browser: pages opened as a person, and what they send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from arena.desk import identity, worklist
from arena.desk.settings import Settings, set_settings
from arena.match import Match
from arena.store import Store
from ui.serve import WEB
from ui.web.parts import draft, percents, probability
from ui.web.views.acting import WAY

SCRIPT = WEB / "desk_script.py"


@dataclass
class Desk:
    """One person's tab. ``percent``, ``percents`` and ``text`` are what the slider and the boxes
    hold, as the browser would tell it: texts by the beginning of the element's key."""

    app: AppTest
    percent: float | None = None
    percents: dict[str, float | None] | None = None
    text: dict[str, str] = field(default_factory=dict)

    def words(self) -> str:
        """Everything that the page says in Streamlit's own elements."""
        app = self.app
        some = (*app.subheader, *app.text, *app.caption, *app.markdown, *app.error, *app.warning)
        return "\n".join(str(one.value) for one in some)

    def buttons(self) -> list[str]:
        return [button.label for button in self.app.button]

    def click(self, label: str) -> Desk:
        """Click the one button with this label; what the boxes hold goes with it."""
        (button,) = (one for one in self.app.button if one.label == label)
        assert not button.disabled, label
        button.click().run()
        assert not self.app.exception
        return self

    def choose(self, winner: str) -> Desk:
        """The key of an answer."""
        (button,) = (one for one in self.app.button if str(one.key).startswith(f"choose {winner} "))
        return self.click(button.label)

    def again(self) -> Desk:
        """A run without any act."""
        self.app.run()
        assert not self.app.exception
        return self

    def part(self, name: str, key: str = "") -> dict[str, Any]:
        """The data of one of our elements."""
        found = [
            json.loads(one.proto.json)
            for one in self.app.get("bidi_component")
            if one.proto.component_name.split(".")[-1] == f"arena-{name}"
            and f"-{key}" in one.proto.id
        ]
        assert len(found) == 1, (name, key, len(found))
        data: dict[str, Any] = found[0]
        return data

    def parts(self) -> list[str]:
        """The names of our elements on the page."""
        return [
            one.proto.component_name.split("arena-")[-1] for one in self.app.get("bidi_component")
        ]

    def turns(self) -> list[dict[str, Any]]:
        return [turn for one in self.part("reader")["rounds"] for turn in one["turns"]]

    def sent(self) -> list[bytes]:
        """Everything that the page sends to the browser, element by element."""
        found: list[bytes] = []

        def walk(node: Any) -> None:
            if (proto := getattr(node, "proto", None)) is not None:
                found.append(proto.SerializeToString(deterministic=True))
            for child in getattr(node, "children", {}).values():
                walk(child)

        walk(self.app._tree)
        return found


def open_desk(
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    person: str = "Ada",
    run: str | None = None,
    id: str | None = None,
    **query: str,
) -> Desk:
    """A tab of this person: at the queue, or at the place with this id, and what else the address
    says."""
    words = [str(SCRIPT), f"--store={store}", f"--person={person}", "--local"]
    monkeypatch.setattr("sys.argv", words + ([] if run is None else [f"--run={run}"]))
    app = AppTest.from_file(str(SCRIPT), default_timeout=60)
    desk = Desk(app)
    monkeypatch.setattr(probability, "given", lambda key: desk.percent)
    monkeypatch.setattr(percents, "given", lambda key, letters: desk.percents)
    monkeypatch.setattr(draft, "written", lambda key: desk.text.get(key.split()[0]))
    if id is not None:
        app.session_state[WAY] = ("judge", {"a": id, **query})
    return desk.again()


def set_up(path: Path, settings: Settings, run: str = "trial") -> None:
    """What the study allows."""
    with Store(path) as store:
        set_settings(store, run, settings)


def take(path: Path, person: str = "Ada", match: Match | None = None) -> str:
    """The id of the place that comes next for this person, or of its place at a match."""
    with Store(path) as store:
        who = identity.local(store, person).id
        if match is not None:
            rows = worklist.queue(store, who)
            id = next(row.id for row in rows if row.match == match.id)
            return worklist.begin(store, who, id).id
        found = worklist.next_up(store, who)
        assert found is not None
        return found.id


def verdicts(path: Path) -> list[dict[str, Any]]:
    with Store(path) as store:
        return list(store.query("SELECT * FROM verdicts"))


def kinds(path: Path) -> Sequence[str]:
    """The kinds of all events, in order."""
    with Store(path) as store:
        return [row["kind"] for row in store.query("SELECT kind FROM events ORDER BY id")]
