"""The transcript page without a browser: what it shows, what each switch adds, and forks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deskpages import Desk
from stage import ALICE, Says, go_on, match, question, stage
from streamlit.testing.v1 import AppTest
from test_browse import judge, model_verdict

from arena.batch import Batch
from arena.desk import identity
from arena.desk.fork import fork
from arena.desk.identity import ADMIN, JUDGE, RESEARCHER, Person
from arena.match import Match, participant_id
from arena.play import append, path
from arena.protocols import debate
from arena.store import Store
from arena.text import visible
from arena.turns import Speech, Verdict
from ui.web import desk_pages, desk_script
from ui.web.views import transcript_view
from ui.web.views.acting import WAY

CAROL = Says("carol", ("I am Carol.", "Carol again."))
HOSTILE = (
    "![x](http://outside.invalid/beacon.png) <script>window.__pwn = 1</script> "
    ":green-badge[Verified] $\\rule{800px}{400px}$ \u202egnorw\u202c # Heading"
)
SWITCHES = ("switch truth", "switch reports", "switch metadata")
Made = tuple[Path, Match, Match]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A debate with a fork, a candidate, and the reports of a person and of a model."""
    file, one = tmp_path / "s.db", match(question(0), debate(rounds=3))
    with stage(file, [one]) as store:
        store.write(Batch(participants={participant_id(CAROL): CAROL.record}))
        judge(store, one, "Ada")
        model_verdict(store, one, Verdict(1, (0.25, 0.75), reason="CANARY-MODEL"))
        spoken = path(store.transcript(one))
        slot = one.protocol.opening[0].slots[0]
        other = append(one, (), 0, slot, Speech("CANDIDATE-WORDS"), spoken[0].author, sample=1,
                       origin="candidate", score=0.125)  # fmt: skip
        other_fork = fork(store, one, 1, {"A": participant_id(CAROL)})
        go_on(store, other_fork, (CAROL, ALICE))
        store.write(Batch(turns=[(one, other)]))
    return file, one, other_fork


def opened(
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    one: Match | str,
    page: str = "debate",
    **more: str,
) -> Desk:
    """The page of a debate, as the admin of a local desk."""
    words = [str(desk_script.__file__), f"--store={store}", "--person=Ada", "--local"]
    monkeypatch.setattr("sys.argv", words)
    desk = Desk(AppTest.from_file(str(desk_script.__file__), default_timeout=120))
    key = one if isinstance(one, str) else one.id
    desk.app.session_state[WAY] = (page, {"id": key, **more} if key else more)
    return desk.again()


def switch(desk: Desk, *keys: str) -> Desk:
    """These switches on, all others off."""
    for key in SWITCHES:
        desk.app.toggle(key=key).set_value(key in keys)
    return desk.again()


def part(desk: Desk, name: str) -> Desk:
    """What is shown below the columns."""
    next(one for one in desk.app.segmented_control if one.key == "part").set_value(name)
    return desk.again()


def sent(desk: Desk) -> bytes:
    return b"\n".join(desk.sent())


# Who may.


@pytest.mark.parametrize("role", [JUDGE, None])
@pytest.mark.parametrize("view", ["debates_view", "transcript_view"])
def test_a_judge_gets_nothing_of_either_page(
    made: Made, monkeypatch: pytest.MonkeyPatch, role: str | None, view: str
) -> None:
    file, one, _ = made
    who = None if role is None else Person("p1", "Bob", role)
    monkeypatch.setattr("ui.web.who.current", lambda store, args: who)

    def script(view: str, file: str, key: str) -> None:
        from importlib import import_module
        from pathlib import Path

        import streamlit as st

        from arena.desk.identity import Person
        from ui.serve import Arguments

        st.query_params["id"] = key
        module = import_module(f"ui.web.views.{view}")
        module.draw(Arguments(Path(file), "Bob", None), Person("p1", "Bob", "researcher"))

    app = AppTest.from_function(script, args=(view, str(file), one.id), default_timeout=120).run()
    assert not app.exception
    line = "Your role does not allow this." if role else "You are signed out. Sign in again;"
    assert app.error[0].value.startswith(line)
    assert len(app.error) == 1 and not app.text and not app.dataframe
    words = sent(Desk(app))
    assert b"crate" not in words and b"Twelve" not in words


def test_the_pages_are_in_the_lists_of_researchers_and_admins_alone() -> None:
    for role, there in ((JUDGE, False), (RESEARCHER, True), (ADMIN, True)):
        modules = {page.module for page in desk_pages.pages_of(role)}
        assert ({"debates_view", "transcript_view"} <= modules) is there
        assert there or not {"debates_view", "transcript_view"} & modules


def test_a_click_asks_again_who_acts(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    file, one, _ = made
    desk = opened(file, monkeypatch, one, turn="2")
    part(desk, "Fork")
    known = identity.JUDGE
    real = desk_pages.who.current
    answers = iter([Person("p1", "Bob", known)])
    monkeypatch.setattr(
        "ui.web.who.current", lambda store, args: next(answers, None) or real(store, args)
    )
    before = count(file, "events")
    desk.click("Fork and play on")
    assert "Your role does not allow this." in desk.words()
    assert (
        count(file, "events") == before
        and transcript_view.forking.JOB not in desk.app.session_state
    )


def count(file: Path, table: str) -> int:
    with Store(file) as store:
        row = store.one(f"SELECT count(*) AS n FROM {table}")
        assert row is not None
        return int(row["n"])


# What is shown, and what is not.


def test_all_turns_are_there_and_the_branches_hang_where_they_were_said(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one, _ = made
    desk = opened(file, monkeypatch, one, turn="3")
    assert [turn["number"] for turn in desk.turns()] == list(range(6))
    assert desk.part("reader")["passage"] == visible(one.question.passage or "")
    assert desk.part("select")["selected"] == 3
    nodes = {node["number"]: node for node in desk.part("tree")["nodes"]}
    assert sorted(nodes) == list(range(6 + 1 + 4))
    assert [nodes[n]["parent"] for n in range(6)] == [None, 0, 1, 2, 3, 4]
    assert [nodes[n]["dim"] for n in range(11)] == [False] * 6 + [True] * 5
    kinds = [node["label"].rpartition(", ")[2] for node in nodes.values() if node["dim"]]
    assert sorted(kinds) == ["candidate", "fork", "fork", "fork", "fork"]
    first = next(node for node in nodes.values() if node["parent"] == 1 and node["dim"])
    assert first["label"].startswith(f"Turn {first['number'] + 1}, Debater A, on another branch")


def test_a_link_names_a_turn_and_a_wrong_one_is_a_line(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one, _ = made
    desk = opened(file, monkeypatch, one, turn="3")
    assert any(f"?id={one.id}&turn=3" in code.value for code in desk.app.code)
    desk.click("Next")
    assert desk.part("select")["selected"] == 4
    assert desk.app.query_params["turn"] in ("4", ["4"])
    desk.click("Previous").click("Previous")
    assert desk.part("select")["selected"] == 2
    for turn in ("99", "-1", "<b>", ""):
        assert opened(file, monkeypatch, one, turn=turn).part("select")["selected"] is None
    wrong = opened(file, monkeypatch, "m![x](http://outside.invalid)")
    (line,) = wrong.app.error
    assert line.value.startswith("This store has no debate") and b"outside" not in sent(wrong)


def test_without_an_address_the_page_leads_to_the_list(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(made[0], monkeypatch, "")
    assert "Choose a debate in the list." in desk.words()
    desk.click("To the list")
    assert "Debates" in desk.words() and len(desk.app.dataframe) == 1


def secrets(file: Path, one: Match) -> dict[str, list[bytes]]:
    """What each switch alone may send, from the store itself."""
    with Store(file) as store:
        ids = [row["id"] for row in store.query("SELECT id FROM turns")]
        people = [row["id"] for row in store.query("SELECT id FROM participants")]
    names = [b"test:alice", b"test:bob", b"test:carol", b"CANARY-THOUGHT", b"0.125"]
    return {
        "switch reports": [b"CANARY-REASON", b"CANARY-MODEL", b"person-", b"test:mo"],
        "switch metadata": [*names, *(key.encode() for key in [*ids, *people, one.root])],
    }


@pytest.mark.parametrize("below", ["Alternatives", "Fork"])
def test_nothing_that_is_off_is_sent(
    made: Made, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    file, one, other = made
    kept = secrets(file, one)
    desk = part(opened(file, monkeypatch, one, turn="2", beside=other.id), below)
    words = sent(desk)
    assert b"Carol again." in words  # the page is there, fork and all
    for switched in kept.values():
        assert [one for one in switched if one in words] == []
    for on in kept:
        words = sent(switch(desk, on))
        for name, some in kept.items():
            there = [one for one in some if one in words]
            assert bool(there) is (name == on), (on, name, there)
    assert sent(switch(desk)) == sent(
        part(opened(file, monkeypatch, one, turn="2", beside=other.id), below)
    )


def test_no_byte_depends_on_the_truth_until_it_is_switched_on(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one, _ = made

    def pages(*on: str) -> list[bytes]:
        found = []
        for below in ("Alternatives", "Fork", *(["Reports"] if "switch reports" in on else []),
                      *(["Record"] if "switch metadata" in on else [])):  # fmt: skip
            desk = switch(opened(file, monkeypatch, one, turn="2"), *on)
            found.append(sent(part(desk, below)))
        return found

    before, told = pages(*SWITCHES[1:]), pages("switch truth")
    with Store(file) as store:
        store.conn.execute("UPDATE truths SET truth = 1 - truth")
    assert pages(*SWITCHES[1:]) == before
    assert all(a != b for a, b in zip(pages("switch truth"), told, strict=True))


def test_the_truth_says_what_is_right_and_who_argues_for_it(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = switch(opened(made[0], monkeypatch, made[1]), "switch truth")
    words = desk.words()
    assert "True answer: It sank" in words and "Argues for it: Debater A" in words
    assert "Right option: A" in words
    table = switch(desk, "switch truth", "switch reports")
    part(table, "Reports")
    (frame,) = (one.value for one in desk.app.dataframe if "Judge" in one.value)
    assert sorted(zip(frame["Choice"], frame["Right"], strict=True)) == [
        ("A", "right"),
        ("B", "wrong"),
    ]
    part(switch(desk, "switch reports"), "Reports")
    (frame,) = (one.value for one in desk.app.dataframe if "Judge" in one.value)
    assert "Right" not in frame


def test_reports_show_every_judge_by_turn_and_the_verdicts_below_alternatives(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = switch(opened(made[0], monkeypatch, made[1], turn="2"), "switch reports")
    lines = desk.part("beliefs")
    assert lines["ticks"] == ["start", "1", "2", "3", "4", "5", "6"]
    found = {line["name"].rpartition(" (")[2]: line["points"][-1] for line in lines["lines"]}
    assert found == {"person, whole)": 75.0, "model, whole)": 25.0}
    cards = desk.part("cards", "alternatives")["cards"]
    assert [card["who"] for card in cards] == ["In this debate", "Fork"]
    assert cards[0]["foot"][:3] == [
        "2 verdicts below it",
        "Chosen: A 1, B 1",
        "Mean: P(A) 50 %, P(B) 50 %",
    ]
    assert (
        cards[1]["foot"] == ["No verdict below it"] and cards[1]["opens"] and not cards[0]["opens"]
    )
    assert desk.part("cards", "alternatives")["cards"][1]["parts"] == [["text", "Carol again."]]


def test_every_quotation_is_told_with_what_the_platform_found(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(made[0], monkeypatch, made[1])
    told = desk.part("quotes")
    line, found = told["entries"]
    assert line["words"] == "The ferry left before the storm broke."
    assert [turn["number"] for turn in line["turns"]] == [2]
    assert [turn["number"] for turn in found["turns"]] == [0, 2, 4]
    assert found["words"].startswith("Twelve crates were loaded in the morning")
    assert line["kind"] == found["kind"] == "verified"
    apart = {(one["kind"], one["words"]) for one in told["apart"]}
    assert apart == {("unverified", "the miller took the silver"), ("unknown", "[40]")}
    assert "4 of 7 are in the passage." in desk.words()


def test_the_record_of_a_turn_is_told_as_it_is(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = part(
        switch(opened(made[0], monkeypatch, made[1], turn="0"), "switch metadata"), "Record"
    )
    codes = [code.value for code in desk.app.code]
    assert "CANARY-THOUGHT" in codes
    assert any("<quote>Twelve crates were loaded in the morning</quote>" in code for code in codes)
    assert "No model was asked for this turn." in desk.words()
    assert len(desk.app.json) == 2 and '"origin"' in desk.app.json[1].value


def test_a_candidate_is_read_beside_the_turn_that_was_chosen(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one, _ = made
    desk = opened(file, monkeypatch, one)
    (number,) = (n["number"] for n in desk.part("tree")["nodes"] if "candidate" in n["label"])
    click(desk, monkeypatch, "tree", number)
    assert desk.part("select")["selected"] == 0
    cards = desk.part("cards", "alternatives")["cards"]
    assert [card["who"] for card in cards] == ["In this debate", "Candidate"]
    assert not cards[1]["opens"] and cards[1]["notes"] == []
    switch(desk, "switch metadata")
    assert "score 0.125" in desk.part("cards", "alternatives")["cards"][1]["notes"][0]


def click(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> Desk:
    """A click on something with a number in one of our elements, as the browser would tell it."""
    (proto,) = (
        one.proto for one in desk.app.get("bidi_component")
        if one.proto.component_name.split(".")[-1] == f"arena-{name}"
    )  # fmt: skip
    monkeypatch.setattr(transcript_view, "picked", lambda key: number if name in key or (
        name == "cards" and "alternatives" in key) else None)  # fmt: skip
    calls: list[Any] = []
    view = {"tree": "tree", "cards": "cards", "reader": "reader"}[name]
    assert proto is not None and view
    holder = transcript_view if name != "cards" else transcript_view.panels
    real = getattr(holder, name)

    def drawn(*given: Any, **named: Any) -> None:
        callback = named.get("on_pick") or given[-1]
        if callable(callback) and not calls:
            calls.append(callback)
            callback()
        real(*given, **named)

    monkeypatch.setattr(holder, name, drawn)
    desk.again()
    monkeypatch.setattr(holder, name, real)
    assert calls
    return desk.again()


def test_a_turn_of_another_branch_opens_the_debate_in_which_it_was_said(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, one, other = made
    desk = opened(file, monkeypatch, one)
    nodes = desk.part("tree")["nodes"]
    number = next(n["number"] for n in nodes if n["parent"] == 1 and n["dim"])
    click(desk, monkeypatch, "tree", number)
    assert desk.app.query_params["id"] in (other.id, [other.id])
    assert desk.part("select")["selected"] == 2
    assert desk.turns()[2]["parts"] == [["text", "Carol again."]]
    click(desk, monkeypatch, "cards", 1)  # and back, by the card of the other
    assert desk.app.query_params["id"] in (one.id, [one.id])
    assert desk.part("select")["selected"] == 2


def test_hostile_words_come_as_text_in_our_own_elements_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = question(0, HOSTILE)
    asked = type(asked)(HOSTILE, (HOSTILE, "no " + HOSTILE), HOSTILE, "test", HOSTILE)
    speakers = (Says(HOSTILE, (HOSTILE,)), Says("b" + HOSTILE, (HOSTILE,)))
    one = match(asked, agents=speakers)
    with stage(tmp_path / "s.db", [one], agents=speakers, name=HOSTILE) as store:
        judge(store, one, "Ada")
    desk = opened(tmp_path / "s.db", monkeypatch, one, turn="0")
    switch(desk, *SWITCHES)
    for below in ("Alternatives", "Fork", "Reports", "Record"):
        part(desk, below)
        marked = [*desk.app.markdown, *desk.app.caption, *desk.app.error, *desk.app.subheader]
        assert not any("outside.invalid" in str(one.value) for one in marked)
        labels = [getattr(one, "label", "") for one in (*desk.app.button, *desk.app.text_input,
                  *desk.app.toggle, *desk.app.segmented_control, *desk.app.expander)]  # fmt: skip
        assert not any("outside.invalid" in str(label) for label in labels)
        assert "\u202e".encode() not in sent(desk)
