"""The queue without a browser: counts, the way on, and what is told of what is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from deskpages import Desk, open_desk, set_up, take
from stage import PERSON, go_on, match, question, stage

from arena.batch import Batch
from arena.desk import acts, identity, worklist
from arena.desk.settings import Settings
from arena.protocols import BUILT_IN, debate
from arena.questions import Item
from arena.store import Store


def counts(desk: Desk) -> dict[str, str]:
    return {metric.label: metric.value for metric in desk.app.metric}


def table(desk: Desk, n: int = 0) -> dict[str, list[object]]:
    found: dict[str, list[object]] = desk.app.dataframe[n].value.to_dict("list")
    return found


def judge_one(path: Path, person: str = "Ada", winner: str = "A") -> str:
    """A verdict on what comes next for this person; the id of its place."""
    with Store(path) as store:
        who = identity.local(store, person).id
        found = worklist.next_up(store, who)
        assert found is not None
        acts.submit(store, store.match(found.match), who, winner, 0.75, "because")
        return found.id


def test_the_queue_counts_what_there_is_and_leads_to_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(n)) for n in range(3)]).close()
    desk = open_desk(path, monkeypatch)
    assert counts(desk) == {"To do": "3", "In progress": "0", "Waiting": "0", "Done": "0"}
    assert table(desk)["State"] == ["to do"] * 3 and table(desk)["#"] == [1, 2, 3]
    assert table(desk)["Setting"] == ["debate simultaneous"] * 3
    judge_one(path)
    desk.again()
    assert counts(desk) == {"To do": "2", "In progress": "0", "Waiting": "0", "Done": "1"}
    desk.click("Continue")
    assert "Save and show next" in desk.buttons()
    desk = open_desk(path, monkeypatch)
    assert counts(desk)["In progress"] == "1" and table(desk)["Kept for you"][0] == "60 min"


def test_one_primary_button_and_it_is_the_way_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(n)) for n in range(2)]).close()
    desk = open_desk(path, monkeypatch)
    (first,) = (one for one in desk.app.button if one.proto.type == "primary")
    assert first.label == "Continue" and first.proto.shortcut == "g"


def test_what_is_finished_says_nothing_of_how_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []
    for truth in (0, 1):
        path = tmp_path / f"{truth}.db"
        stage(path, [match(question(n)) for n in range(2)], truth).close()
        judge_one(path)
        desk = open_desk(path, monkeypatch)
        assert list(table(desk, 1)) == ["Setting", "Rounds", "Words"]
        pages.append(desk.sent())
    assert pages[0] == pages[1]


def test_nothing_left_says_so_and_thanks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0))]).close()
    judge_one(path)
    desk = open_desk(path, monkeypatch)
    assert "Nothing left to judge" in desk.words() and "Thank you." in desk.words()
    assert desk.buttons() == []


def test_an_empty_store_has_an_empty_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.db"
    Store(path).close()
    desk = open_desk(path, monkeypatch)
    assert "No debate waits for you." in desk.words() and desk.buttons() == []


def test_debates_that_wait_for_others_are_counted_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    one = match(question(0), BUILT_IN["debate with questions"], PERSON)
    stage(path, [one]).close()
    take(path)
    with Store(path) as store:
        acts.ask(store, one, identity.local(store, "Ada").id, "Why?")
    desk = open_desk(path, monkeypatch)
    assert counts(desk)["Waiting"] == "1" and "Nothing to do just now" in desk.words()
    with Store(path) as store:
        go_on(store, one)
    desk.again()
    assert counts(desk)["Waiting"] == "0" and "Continue" in desk.buttons()


def test_instructions_are_text_and_each_study_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0))]).close()
    with Store(path) as store:
        store.start_run("second", "play", {}, {})
        two = match(question(1), debate(rounds=1))
        store.write(Batch(items=[Item(two.question, 0)], protocols=[two.protocol], matches=[two],
                          run_matches=[("second", 0, two.id, {})]))  # fmt: skip
        go_on(store, two)
    set_up(path, Settings(instructions="Read # slowly."))
    set_up(path, Settings(instructions="Be brief."), "second")
    desk = open_desk(path, monkeypatch)
    (choice,) = desk.app.selectbox
    assert choice.options == ["All", "second", "trial"]
    assert {"Read # slowly.", "Be brief."} <= {one.value for one in desk.app.text}
    assert counts(desk)["To do"] == "2" and "Study" in table(desk)
    choice.set_value("second").run()
    assert counts(desk)["To do"] == "1" and "Study" not in table(desk)
    assert "Be brief." in [one.value for one in desk.app.text]
    assert "Read # slowly." not in [one.value for one in desk.app.text]
    desk.click("Continue")
    assert desk.part("reader")["question"] == "What became of crate 1?"
    desk = open_desk(path, monkeypatch, run="trial")
    assert not desk.app.selectbox and counts(desk)["To do"] == "1"


def test_a_store_that_cannot_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0))]).close()
    desk = open_desk(path, monkeypatch)
    path.unlink()
    desk.again()
    assert [one.value for one in desk.app.error] == [
        "The store cannot be opened. Start the desk again with the path of a store."
    ]


def test_where_gold_or_repeats_hide_among_the_rest_no_count_or_length_tells_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(n)) for n in range(3)]).close()
    open_one = open_desk(path, monkeypatch, run="trial")
    assert any("Everybody" in str(bar.proto) for bar in open_one.app.get("progress"))
    set_up(path, Settings(again_share=0.2))
    desk = open_desk(path, monkeypatch, run="trial")
    assert not any("Everybody" in str(bar.proto) for bar in desk.app.get("progress"))
    (shown,) = (frame.value for frame in desk.app.dataframe)
    assert "State" in shown and "Words" not in shown and "Rounds" not in shown


def test_debates_that_a_study_names_as_gold_or_practice_are_nobodys_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0))], name="known").close()
    assert "Continue" in open_desk(path, monkeypatch).buttons()
    set_up(path, Settings(practice="known"), "study")
    desk = open_desk(path, monkeypatch)
    assert "Continue" not in desk.buttons() and "Nothing left to judge" in desk.words()
