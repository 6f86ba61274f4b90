"""The list of debates without a browser: filters, counts, pages, the way to a transcript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deskpages import Desk
from stage import match, question, stage
from test_browse import CAROL, QUIET, judge, model_verdict
from test_transcript_view import opened, sent

from arena.batch import Batch
from arena.match import Match, participant_id
from arena.questions import Item
from arena.store import Store
from arena.turns import Verdict
from ui.web.views import debates_view
from ui.web.views.debates_view import token

CAROLS = participant_id(CAROL)
Many = tuple[Path, list[Match]]


@pytest.fixture
def many(tmp_path: Path) -> Many:
    """Six debates in two stories, some judged; the last two by other players, in a second run."""
    file, asked = tmp_path / "s.db", [question(n, "xy"[n % 2]) for n in range(6)]
    matches = [match(one) for one in asked[:4]] + [match(one, agents=QUIET) for one in asked[4:]]
    with stage(file, matches[:4]) as store:
        store.start_run("second", "play", {}, {})
        store.write(
            Batch(
                items=[Item(one.question, 0) for one in matches[4:]],
                matches=matches[4:],
                participants={participant_id(one): one.record for one in QUIET},
                run_matches=[("second", n, one.id, {}) for n, one in enumerate(matches[4:])],
            )
        )
        judge(store, matches[0], "Ada")  # right
        judge(store, matches[1], "Ada", "B")  # wrong
        judge(store, matches[2], "Ada", "Tie", None)
        model_verdict(store, matches[1], Verdict(0, (0.9, 0.1)))  # right
    return file, matches


def listed(file: Path, monkeypatch: pytest.MonkeyPatch, **query: str) -> Desk:
    return opened(file, monkeypatch, "", "debates", **query)


def shown(desk: Desk) -> list[int]:
    """The numbers of the questions in the table; none without a table."""
    return [int(said.split()[-1].rstrip("?")) for one in desk.app.dataframe for said in
            one.value["Question"]]  # fmt: skip


def choose(desk: Desk, title: str, value: str | None) -> Desk:
    next(one for one in desk.app.selectbox if one.label == title).set_value(value)
    return desk.again()


def query(desk: Desk) -> dict[str, Any]:
    """The address, a string for each name."""
    return {k: v[0] if isinstance(v, list) else v for k, v in desk.app.query_params.items()}


def test_every_filter_narrows_the_list_and_is_in_the_address_as_a_token_or_a_constant(
    many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = listed(many[0], monkeypatch)
    assert shown(desk) == [0, 1, 2, 3, 4, 5] and "6 debates fit." in desk.words()
    cases = [
        ("Run", "second", [4, 5], {"run": token("run", "second")}),
        ("Story", "x", [0, 2, 4], {"story": token("story", "x")}),
        (
            "Player",
            participant_id(CAROL),
            [4, 5],
            {"player": token("player", participant_id(CAROL))},
        ),
        ("Judged by", "model", [1], {"judge": "model"}),
        ("Outcome", "tie", [2], {"outcome": "tie"}),
        ("Outcome", "unjudged", [3, 4, 5], {"outcome": "unjudged"}),
    ]
    for title, value, expected, address in cases:
        choose(desk, title, value)
        assert shown(desk) == expected, title
        assert query(desk) == address
        assert shown(listed(many[0], monkeypatch, **address)) == expected  # the link, elsewhere
        desk.click("Clear filters")
        assert query(desk) == {} and len(shown(desk)) == 6
    next(one for one in desk.app.multiselect).set_value(["unverified"])
    desk.again()
    assert shown(desk) == [0, 1, 2, 3] and query(desk) == {"flags": "unverified"}


def test_filters_are_combined_and_counted_with_the_others_as_they_stand(
    many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = choose(choose(listed(many[0], monkeypatch), "Story", "x"), "Judged by", "person")
    assert shown(desk) == [0, 2] and "2 debates fit." in desk.words()
    (box,) = (one for one in desk.app.selectbox if one.label == "Outcome")
    assert [str(one) for one in box.options] == ["all", "an option was chosen (1)", "undecided (1)",
                                                 "no verdict stands (1)"]  # fmt: skip
    choose(desk, "Outcome", "tie")
    assert shown(desk) == [2]


def test_words_of_the_question_stay_out_of_the_address(
    many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = listed(many[0], monkeypatch)
    desk.app.text_input[0].set_value("CRATE 4")
    desk.again()
    assert shown(desk) == [4] and query(desk) == {}
    assert "1 debate fits." in desk.words()
    desk.app.text_input[0].set_value("no such words")
    desk.again()
    assert shown(desk) == [] and "No debate fits these filters." in desk.words()


def test_right_and_wrong_are_there_with_the_switch_alone(
    many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = many
    desk = listed(file, monkeypatch)
    before = sent(desk)
    assert b"true option" not in before and "Right" not in desk.app.dataframe[0].value
    desk.app.toggle[0].set_value(True)
    desk.again()
    table = desk.app.dataframe[0].value
    assert list(table["Right"]) == [1, 1, 0, 0, 0, 0] and list(table["Wrong"]) == [0, 1, 0, 0, 0, 0]
    assert list(table["Neither"]) == [0, 0, 1, 0, 0, 0]
    choose(desk, "Outcome", "wrong")
    assert shown(desk) == [1] and query(desk) == {"outcome": "wrong"}
    desk.app.toggle[0].set_value(False)
    desk.again()
    assert len(shown(desk)) == 6 and "needs the switch above" in desk.words()
    with Store(file) as store:
        store.conn.execute("UPDATE truths SET truth = 1 - truth")
    assert sent(listed(file, monkeypatch)) == before


def test_counts_are_not_shared_between_the_switch_on_and_off_or_an_older_store(
    many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, matches = many
    desk = listed(file, monkeypatch)
    desk.app.toggle[0].set_value(True)
    desk.again()
    assert b"true option" in sent(desk) and b"true option" not in sent(listed(file, monkeypatch))
    with Store(file) as store:
        judge(store, matches[3], "Bob", "Tie", None)
    (box,) = (one for one in listed(file, monkeypatch).app.selectbox if one.label == "Outcome")
    assert "undecided (2)" in [str(one) for one in box.options]


def test_pages_go_on_and_back_without_gap_or_overlap(
    many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debates_view, "PAGE", 2)
    desk = listed(many[0], monkeypatch)
    seen = [shown(desk)]
    for _ in range(2):
        desk.click("Next page")
        seen.append(shown(desk))
    assert seen == [[0, 1], [2, 3], [4, 5]]
    (on,) = (one for one in desk.app.button if one.label == "Next page")
    assert on.disabled
    assert shown(listed(many[0], monkeypatch, **query(desk))) == [4, 5]
    assert shown(desk.click("Previous page")) == [2, 3]
    assert shown(desk.click("Previous page")) == [0, 1] and query(desk) == {}
    choose(desk.click("Next page"), "Story", "x")  # a filter begins the list again
    assert shown(desk) == [0, 2] and "after" not in query(desk)


@pytest.mark.parametrize(
    "bad",
    [{"run": "![x](http://outside.invalid)"}, {"outcome": "<b>"}, {"judge": "nobody"},
     {"flags": "unverified,<b>"}, {"outcome": "right"}],
)  # fmt: skip
def test_an_address_with_what_is_not_known_says_so_and_repeats_nothing(
    many: Many, monkeypatch: pytest.MonkeyPatch, bad: dict[str, str]
) -> None:
    desk = listed(many[0], monkeypatch, **bad)
    assert "A filter of this address is not known here" in desk.words()
    assert shown(desk) == ([0, 1, 2, 3] if "flags" in bad else [0, 1, 2, 3, 4, 5])
    assert b"outside.invalid" not in sent(desk) and b"<b>" not in sent(desk)


@pytest.mark.parametrize("after", ["999999999999", "x", "-1", "9" * 40])
def test_a_page_that_is_not_there_is_empty_or_the_first(
    many: Many, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    desk = listed(many[0], monkeypatch, after=after)
    assert shown(desk) == ([] if after == "999999999999" else [0, 1, 2, 3, 4, 5])


def test_a_selected_row_opens_its_debate_and_the_way_back_keeps_the_filters(
    many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, matches = many
    desk = choose(listed(file, monkeypatch), "Story", "y")
    real = debates_view.st.dataframe
    monkeypatch.setattr(
        debates_view.st, "dataframe",
        lambda *given, **named: real(*given, **named) and {"selection": {"rows": [1]}},
    )  # fmt: skip
    desk.again()
    monkeypatch.setattr(debates_view.st, "dataframe", real)
    assert query(desk) == {"id": matches[3].id} and len(desk.turns()) == 4
    desk.click("List")
    assert shown(desk) == [1, 3, 5] and query(desk) == {"story": token("story", "y")}


def test_hostile_names_are_text_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "![x](http://outside.invalid/b.png) :red-badge[x] <b> \u202egnorw"
    file = tmp_path / "s.db"
    stage(file, [match(question(0, hostile))], name=hostile).close()
    desk = listed(file, monkeypatch)
    marked = [*desk.app.markdown, *desk.app.caption, *desk.app.error, *desk.app.subheader]
    assert not any("outside" in str(one.value) for one in marked)
    assert "\u202e".encode() not in sent(desk)
    choose(desk, "Story", hostile)
    assert len(shown(desk)) == 1 and "outside" not in query(desk)["story"]
