"""Reading as a researcher and judging, on the pages: what is noted, what it costs, what is said."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from deskpages import Desk, open_desk, set_up, take, verdicts
from stage import match, question, stage
from test_chair_view import IN_TURN, SECRET, click, open_page, said, sit, staged
from test_transcript_view import opened, switch

from arena import leases
from arena.desk import acts, identity, seen, worklist
from arena.desk.settings import Settings
from arena.match import PERSON, Match, participant_id
from arena.protocols import debate
from arena.store import Store
from ui.web.views import chair_view, waiting_part
from ui.web.views.queue_view import LEFT_OUT
from ui.web.views.transcript_view import READ

WHOLE = Settings(mode="whole", confirm=False)


@pytest.fixture
def room(tmp_path: Path) -> tuple[Path, Match, Match]:
    """Two debates about one story and one about another; nobody has a place."""
    first, second = match(question(0, "s")), match(question(1, "s"))
    stage(tmp_path / "s.db", [first, second, match(question(2))]).close()
    set_up(tmp_path / "s.db", WHOLE)
    return tmp_path / "s.db", first, second


def looked(path: Path) -> list[list[str]]:
    """What was looked at, in order: the switches that were on."""
    with Store(path) as store:
        rows = store.query("SELECT value FROM events WHERE kind = 'looked' ORDER BY id")
        values = [json.loads(row["value"]) for row in rows]
    return [[name for name, on in sorted(value.items()) if on] for value in values]


def test_what_is_read_is_noted_with_its_switches_before_it_is_drawn(
    room: tuple[Path, Match, Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, first, _ = room
    desk = opened(path, monkeypatch, first)
    assert READ in desk.words() and "Step down and read" not in desk.buttons()
    desk.again()
    assert looked(path) == [["passage"]]
    switch(desk, "switch truth")
    switch(desk, "switch reports", "switch metadata")
    assert looked(path) == [["passage"], ["passage", "truth"], ["metadata", "passage", "reports"]]

    def fails(*_: object, **__: object) -> None:
        from arena.store import StoreError

        raise StoreError("locked")

    monkeypatch.setattr(seen, "look", fails)
    desk = opened(path, monkeypatch, first)
    assert "reader" not in desk.parts() and b"Twelve crates" not in b"".join(desk.sent())


def test_whoever_is_to_judge_chooses_first_and_gives_nothing_up_by_looking_back(
    room: tuple[Path, Match, Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, first, second = room
    take(path, match=second)
    desk = opened(path, monkeypatch, first)
    assert "You are to judge a debate about this." in desk.words()
    assert not desk.parts() and b"Twelve crates" not in b"".join(desk.sent())
    assert not looked(path)
    with Store(path) as store:
        assert store.one("SELECT closed FROM assignments") == {"closed": None}
    desk.click("Step down and read")
    assert "reader" in desk.parts() and looked(path) == [["passage"]]
    with Store(path) as store:
        assert store.one("SELECT closed FROM assignments") == {"closed": "recused"}


def test_the_judging_page_of_what_was_read_is_one_line(
    room: tuple[Path, Match, Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, first, second = room
    place = take(path, match=second)
    desk = open_desk(path, monkeypatch, id=place)
    desk.percent = 60.0
    desk.text["reason"] = "It was seen."
    with Store(path) as store:  # in another tab, past its question
        ada = identity.local(store, "Ada").id
        value = '{"passage":true,"truth":true}'
        store.execute({"INSERT INTO events (at, kind, match, person, value) VALUES (?,?,?,?,?)": [
            (time.time(), "looked", first.id, ada, value)]})  # fmt: skip
    desk.click("Submit verdict")
    line = "You have read debates about this as a researcher, with what judges do not see"
    assert line in desk.words() and not verdicts(path)
    again = open_desk(path, monkeypatch, id=place)
    assert line in again.words() and "reader" not in again.parts()
    assert b"Twelve crates" not in b"".join(again.sent())
    queue = open_desk(path, monkeypatch)
    assert LEFT_OUT in queue.words()
    (table,) = [one.value for one in queue.app.dataframe if "State" in one.value]
    assert len(table["State"]) == 1  # the other story's


# Who waits for somebody that may have failed.


def failing(path: Path) -> None:
    with Store(path) as store:
        (one,) = (due for c in leases.claimed(store) if (due := leases.due(store, c)) is not None)
        leases.failed(store, one, "no such host: secret.invalid", passing=False)


def retries(path: Path) -> int:
    with Store(path) as store:
        row = store.one("SELECT count(*) AS n FROM events WHERE kind = 'retry'")
        return 0 if row is None else int(row["n"])


@pytest.mark.parametrize("machine", [True, False])
def test_a_debater_who_waits_for_long_asks_again_and_is_not_told_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: bool
) -> None:
    path = tmp_path / "s.db"
    other = participant_id(SECRET) if machine else PERSON
    agents = [SECRET] if machine else []
    one = staged(path, IN_TURN, (("A", PERSON), ("B", other)), agents=agents)
    place = sit(path, one, "Ada", "A")
    with Store(path) as store:
        acts.say(store, one, identity.local(store, "Ada").id, "A", "It sank.")
    if machine:
        failing(path)
    app = open_page(path, monkeypatch, "Ada", place)
    assert not [button for button in app.button if button.label == "Ask again"]
    monkeypatch.setattr(chair_view, "LONG", -1.0)
    app = open_page(path, monkeypatch, "Ada", place)
    words = said(app)
    assert "The debate waits for the other side." in words and "secret" not in str(words)
    app = click(app, "ask again")
    assert waiting_part.ASKED in said(app)
    assert retries(path) == int(machine)
    app = click(app, "ask again")  # a second click
    assert waiting_part.ASKED in said(app) and retries(path) == int(machine)


def test_a_judge_of_people_who_waits_for_long_asks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where people debate nothing says that a machine has failed, so there is no Retry."""
    path = tmp_path / "s.db"
    protocol = debate(rounds=2, simultaneous=False, judge_questions=True)
    seats = (("A", participant_id(SECRET)), ("B", PERSON), ("judge", PERSON))
    staged(path, protocol, seats, agents=[SECRET])
    set_up(path, WHOLE)
    failing(path)
    with Store(path) as store:
        ada = identity.local(store, "Ada").id
        (row,) = store.query("SELECT id FROM matches")
        assert worklist.take(store, store.match(row["id"]), ada, time.time(), 60.0)
        place = worklist.assignment_id(row["id"], "judge", ada)
    desk: Desk = open_desk(path, monkeypatch, id=place)
    assert "Retry" not in desk.buttons() and "Ask again" not in desk.buttons()
    monkeypatch.setattr(waiting_part, "LONG", -1.0)
    desk.again().click("Ask again")
    assert waiting_part.ASKED in desk.words() and retries(path) == 1
