"""Imports and exports on the page of data, without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from deskpages import Desk
from nyu_rooms import good_rooms, write
from office import HOSTILE, built, enter, events, opened, refused, table
from test_dry_run import packed

from arena.desk import audit
from arena.desk.identity import RESEARCHER
from arena.store import Store
from ui.web import downloads


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return built(tmp_path / "s.db")


# Data.

GOOD = '{"question": "What is %s?", "answers": ["a", "b"], "truth": 0}'


def upload(desk: Desk, name: str, data: bytes, kind: str = "jsonl") -> Desk:
    desk.app.radio(key="import kind").set_value(kind)
    desk.app.get("file_uploader")[0].upload(name, data, "application/octet-stream")
    return desk.again()


def test_questions_are_looked_at_and_then_taken_in(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "\n".join([GOOD % 1, GOOD % 2, HOSTILE, GOOD % 1])
    desk = opened(path, monkeypatch, "data", data_part="Import")
    with Store(path) as store:
        before = list(store.conn.iterdump())
    upload(desk, "asked.jsonl", lines.encode()).click("Dry run")
    with Store(path) as store:
        assert list(store.conn.iterdump()) == before
    counts = {one.label: one.value for one in desk.app.metric}
    assert (counts["Questions ready"], counts["New"], counts["Bad"]) == ("2", "2", "2")
    assert table(desk, "Why")["Where"] == ["line 3", "line 4"] and "As asked:" in desk.words()
    marked = [*desk.app.markdown, *desk.app.caption, *desk.app.error, *desk.app.subheader]
    assert not any("outside" in str(one.value) for one in marked)
    desk.click("Yes, import")
    assert "Imported: 2 new, 0 there already." in desk.words()
    with Store(path) as store:
        row = store.one("SELECT count(*) AS n FROM questions WHERE source = 'jsonl:asked'")
        assert row == {"n": 2}
        logged = audit.log(store)[0][0]
    assert (logged["who"], logged["kind"]) == ("Carol", "imported")
    assert ["left out", "2"] in logged["details"]


def test_what_is_imported_is_what_the_report_was_about(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(path, monkeypatch, "data", data_part="Import")
    upload(desk, "asked.jsonl", (GOOD % 1).encode()).click("Dry run")
    button = next(one for one in desk.app.button if one.label == "Yes, import")
    desk.app.text_input(key="import name").set_value("another")
    button.click().run()  # the name changed with the very click
    assert refused(desk).startswith("This is not the file of the report any more")
    desk.click("Dry run")
    assert "As another:" in desk.words()
    upload(desk, "asked.jsonl", (GOOD % 2).encode())
    assert "Yes, import" not in desk.buttons() and "has changed since the report" in desk.words()
    with Store(path) as store:
        assert store.one("SELECT 1 FROM questions WHERE source LIKE 'jsonl:%'") is None
    assert "imported" not in events(path)


def test_what_cannot_be_read_is_refused_and_its_words_are_text(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(path, monkeypatch, "data", data_part="Import")
    upload(desk, "data.zip", HOSTILE.encode(), "nyu").click("Dry run")
    assert refused(desk) == "This is nothing that can be taken in."
    assert any("not a ZIP file" in one.value for one in desk.app.text)
    assert "Yes, import" not in desk.buttons()


def test_rooms_come_in_from_a_zip_file(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = good_rooms()
    data = packed(write(tmp_path / "data", rooms), "some-folder/")
    desk = opened(path, monkeypatch, "data", data_part="Import")
    upload(desk, "data.zip", data, "nyu").click("Dry run")
    counts = {one.label: one.value for one in desk.app.metric}
    assert counts["Rooms ready"] == str(len(rooms)) and counts["Bad"] == "0"
    desk.click("Yes, import")
    assert f"Imported: {len(rooms)} new" in desk.words()
    desk.app.button(key="dry run").click().run()
    counts = {one.label: one.value for one in desk.app.metric}
    assert (counts["New"], counts["There already"]) == ("0", str(len(rooms)))


def test_an_export_is_without_truth_and_names_until_they_are_asked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path) as store:
        enter(store, "Rita", RESEARCHER)
    desk = opened(path, monkeypatch, "data", "Rita")
    assert [one.value for one in desk.app.toggle] == [False, False]

    def way() -> dict[str, Any]:
        (found,) = (json.loads(one.proto.json) for one in desk.app.get("bidi_component")
                    if "Download" in one.proto.json)  # fmt: skip
        value: dict[str, Any] = found
        return value

    assert way() == {"label": "Download", "path": downloads.path_of("trial", "jsonl"), "post": True}
    names = next(one for one in desk.app.selectbox if one.key == "codebook table").options
    assert "judgments" in names and not {"truth", "names"} & set(names)
    desk.app.toggle(key="with truth").set_value(True)
    desk.app.toggle(key="with names").set_value(True)
    desk.again()
    assert way()["path"] == downloads.path_of("trial", "jsonl", True, True)
    desk.app.selectbox(key="codebook table").set_value("truth")
    assert "answer" in table(desk.again(), "Missing means")["Column"]
