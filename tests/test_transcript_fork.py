"""Forking from the transcript page: the form, who plays, and the fork beside its debate."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from deskpages import Desk
from stage import PERSON, match, question, stage
from test_transcript_view import Made, made, opened, part, switch

from arena.match import Match
from arena.play import path
from arena.runfile import read_run_file
from arena.store import Store
from arena.text import visible
from ui.runs import run_file
from ui.web.views import transcript_view

__all__ = ["made"]  # a fixture

WITNESS = "scripted:witness,p=1,s=0,b=1"


@pytest.fixture
def witnesses(tmp_path: Path) -> tuple[Path, Match]:
    """A store with a run of scripted witnesses and judges."""
    file = tmp_path / "run.yaml"
    file.write_text(
        "name: trial\nquestions: {source: witness, n: 2, seed: 3}\nprotocols: [debate]\n"
        f"players: {{a: '{WITNESS}', b: 'scripted:witness,p=.5,s=0,b=.5'}}\n"
        "judges: {j: scripted:literal}\n"
    )
    with Store(tmp_path / "s.db") as store:
        run_file(read_run_file(file, ()), tmp_path, store)
        (key, *_) = [row["match"] for row in store.query("SELECT match FROM run_matches")]
        return tmp_path / "s.db", store.match(key)


def ask(desk: Desk, *seats: str, judges: str = "", place: str | None = None) -> Desk:
    """Fill in the form, send it, and wait until the fork has been played or refused."""
    part(desk, "Fork")
    for n, seat in enumerate(seats):
        (box,) = (one for one in desk.app.text_input if one.label == f"Seat {n + 1} is taken by")
        box.set_value(seat)
    desk.app.text_area[0].set_value(judges)
    if place is not None:
        next(c for c in desk.app.segmented_control if c.key == "fork from").set_value(place)
    desk.click("Fork and play on")
    end = time.monotonic() + 120
    while "fork job" in desk.app.session_state:
        assert time.monotonic() < end
        time.sleep(0.1)
        desk.again()
    return desk


def test_a_fork_is_played_in_the_background_and_shown_beside_its_debate(
    witnesses: tuple[Path, Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one = witnesses
    desk = opened(file, monkeypatch, one, turn="1")
    ask(desk, "scripted:random", judges="scripted:literal")
    with Store(file) as store:
        (row,) = store.query("SELECT * FROM events WHERE kind = 'forked'")
        made = store.match(row["match"])
        before, after = path(store.transcript(one)), path(store.transcript(made))
        who = store.participant(dict(made.seats)["A"])
    assert before[:2] == after[:2] and len(after) == len(before) and who["name"] == "random"
    assert dict(made.seats)["B"] == dict(one.seats)["B"]
    words = desk.words()
    assert "They part after turn 2" in words and "The fork is over." in words
    shown = desk.part("cards", "cards")
    assert shown["heads"] == ["The debate", "The fork"]
    assert [card["number"] for card in shown["cards"]] == [2, 2, 3, 3]
    texts = ["".join(words for _, words in card["parts"]) for card in shown["cards"]]
    for row_of, turns in ((0, before[2:]), (1, after[2:])):
        for text, turn in zip(texts[row_of::2], turns, strict=True):
            assert text.split()[0] == visible(turn.speech.text).split()[0].replace("<quote>", "")
    (frame,) = (f.value for f in desk.app.dataframe if "Fork" in f.value)
    assert list(frame["State"]) == ["over"] and list(frame["After turn"]) == [2]
    desk.click("Open the fork")
    assert desk.app.query_params["id"] in (made.id, [made.id])
    assert "beside" not in desk.app.query_params


def test_a_fork_with_a_person_in_a_chair_says_for_whom_it_waits(
    witnesses: tuple[Path, Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one = witnesses
    desk = ask(opened(file, monkeypatch, one, turn="1"), "person", "scripted:random")
    assert "The fork waits for a person: Debater A." in desk.words()
    with Store(file) as store:
        (row,) = store.query("SELECT match FROM events WHERE kind = 'forked'")
        assert dict(store.match(row["match"]).seats)["A"] == PERSON
    (frame,) = (f.value for f in desk.app.dataframe if "Fork" in f.value)
    assert list(frame["State"]) == ["waits for a person: Debater A"]


def test_a_fork_from_the_beginning_shares_nothing(
    witnesses: tuple[Path, Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one = witnesses
    ask(opened(file, monkeypatch, one, turn="1"), "scripted:random", place="From the beginning")
    with Store(file) as store:
        (row,) = store.query("SELECT json_extract(value, '$.turn') AS n FROM events "
                             "WHERE kind = 'forked'")  # fmt: skip
        assert row["n"] == -1


@pytest.mark.parametrize(
    ("seat", "judges"),
    [("scripted:![x](http://outside.invalid)", ""), ("", "scripted:nobody"), ("=,=", ""),
     (":", ""), ("scripted:witness,p=many", ""), ("person,x=1", "")],
)  # fmt: skip
def test_a_string_that_names_nobody_is_one_line_and_leaves_nothing(
    witnesses: tuple[Path, Match], monkeypatch: pytest.MonkeyPatch, seat: str, judges: str
) -> None:
    file, one = witnesses
    desk = opened(file, monkeypatch, one, turn="1")
    with Store(file) as store:
        before = list(store.conn.iterdump())
    ask(desk, seat, judges=judges)
    assert [line.value for line in desk.app.error] == ["This names nobody who could sit there."]
    assert "outside" not in "".join(str(m.value) for m in (*desk.app.markdown, *desk.app.caption))
    with Store(file) as store:
        assert list(store.conn.iterdump()) == before


def test_a_fork_of_the_last_turn_is_refused_in_words(
    witnesses: tuple[Path, Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one = witnesses
    desk = ask(opened(file, monkeypatch, one, turn="3"), "scripted:random")
    assert [line.value for line in desk.app.error] == [
        "The debate is over with that turn; fork from an earlier one."
    ]


def test_who_sits_there_is_in_the_form_with_the_metadata_alone(
    witnesses: tuple[Path, Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one = witnesses
    desk = part(opened(file, monkeypatch, one, turn="1"), "Fork")
    assert [box.value for box in desk.app.text_input] == ["", ""]
    part(switch(desk, "switch metadata"), "Fork")
    values = [box.value for box in desk.app.text_input]
    assert WITNESS in values and len(set(values)) == 2
    assert "Debater A, now scripted:witness" in desk.words()


def test_a_debate_of_another_root_is_not_shown_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = match(question(0)), match(question(1))
    stage(tmp_path / "s.db", [one, two]).close()
    desk = opened(tmp_path / "s.db", monkeypatch, one, beside=two.id)
    assert "do not begin alike" in desk.words()
    desk.click("Close")
    assert "do not begin alike" not in desk.words()


def test_a_job_that_the_server_has_forgotten_is_said(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(made[0], monkeypatch, made[1])
    desk.app.session_state["fork job"] = (made[1].id, "gone")
    desk.again()
    assert "started anew" in desk.words() and "fork job" not in desk.app.session_state


def test_what_is_not_a_spec_error_is_a_line_as_well(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*given: Any, **named: Any) -> None:
        raise RuntimeError("no\nmemory ![x](http://outside.invalid)")

    monkeypatch.setattr("ui.forking.play_fork", breaks)
    desk = ask(opened(made[0], monkeypatch, made[1], turn="1"), "scripted:random")
    (line,) = desk.app.error
    assert line.value.startswith("The fork could not be played on.")
    assert "RuntimeError: no memory" in desk.words()


def test_of_a_large_tree_the_debate_and_what_stands_beside_it_are_drawn(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript_view.values, "MOST_NODES", 7)
    desk = opened(made[0], monkeypatch, made[1])
    nodes = desk.part("tree")["nodes"]
    assert sorted(node["number"] for node in nodes) == list(range(7))
    assert [node["number"] for node in nodes if not node["dim"]] == list(range(6))
    assert "4 turns of other branches are not drawn." in desk.words()
