"""The debater's page without a browser: what a chair shows and to whom, and what a click does."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from stage import BOB, PASSAGE, Says, question
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash
from test_judging_view import HOSTILE

from arena.batch import Batch
from arena.desk import acts, drafts, identity, worklist
from arena.desk.chairs import held
from arena.desk.openings import open_chairs, take_chair
from arena.flow import batch, run
from arena.match import PERSON, Match, participant_id
from arena.play import play
from arena.protocols import JUDGE, Limits, Protocol, critique, debate
from arena.questions import Item, Question
from arena.store import Store
from arena.text import visible
from ui.serve import WEB
from ui.web import who

SHORT = debate(rounds=2, limits=Limits(characters=80, quoted=40))
IN_TURN = debate(rounds=2, simultaneous=False, limits=Limits(characters=400, quoted=120))
QUOTE = "<quote>Twelve crates were loaded in the morning</quote>"
SECRET = Says("secret", ("CANARY-OPPONENT speaks.", "CANARY-LATER speaks."))


def staged(
    path: Path,
    protocol: Protocol = SHORT,
    seats: Sequence[tuple[str, str]] = (("A", PERSON), ("B", PERSON)),
    asked: Question | None = None,
    sides: Sequence[tuple[str, int]] = (("A", 0), ("B", 1)),
    agents: Sequence[Says] = (),
    name: str = "trial",
    proposal: int | None = None,
) -> Match:
    """A store with one match that keeps chairs for people; machines speak as far as they may."""
    one = Match(asked or question(0), protocol, tuple(sides), tuple(seats), proposal=proposal)
    with Store(path) as store:
        store.start_run(name, "play", {}, {})
        store.write(
            Batch(
                items=[Item(one.question, 0)],
                protocols=[protocol],
                matches=[one],
                run_matches=[(name, 0, one.id, {})],
                participants={participant_id(who): who.record for who in agents},
            )
        )
    return one


def machines(path: Path, one: Match, agents: dict[str, Says]) -> None:
    """Have machines speak in their seats, as far as play gets."""
    with Store(path) as store:
        before = store.transcript(one)
        (after,) = run([play(one, agents, before)], batch(lambda requests: []))
        store.write(Batch(turns=[(one, turn) for turn in after[len(before) :]]))


def sit(path: Path, one: Match, name: str, seat: str) -> str:
    """Somebody takes a chair; the id of the place."""
    with Store(path) as store:
        person = identity.register(store, name)
        return take_chair(store, person, one.id, seat, None)


def open_page(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, place: str = "", page: str = "chair"
) -> AppTest:
    """The desk's script on a page of it, as somebody."""
    script = WEB / "desk_script.py"
    words = [str(script), f"--store={path}", f"--person={name}", "--local"]
    monkeypatch.setattr("sys.argv", words)
    app = AppTest.from_file(str(script), default_timeout=30)
    app._page_hash = calc_hash(page)
    if place:
        app.query_params["a"] = place
    app.run()
    assert not app.exception
    return app


def click(app: AppTest, key: str) -> AppTest:
    """Press the button whose key begins so."""
    (button,) = [one for one in app.button if (one.key or "").startswith(key)]
    assert not button.disabled
    app = button.click().run()
    assert not app.exception
    return app


def keys(app: AppTest) -> set[str]:
    """The first word of the key of every button."""
    return {(one.key or "").split(" ")[0] for one in app.button}


def said(app: AppTest) -> list[str]:
    """Every line that stands on the page as our own words, as one reads it."""
    found = [*app.text, *app.caption, *app.subheader, *app.error, *app.warning]
    return [re.sub(r"\\(\W)", r"\1", one.value) for one in found]


def parts(app: AppTest, name: str) -> list[dict[str, Any]]:
    """What the components of a kind are given."""
    protos = (element.proto for element in app.get("bidi_component"))
    return [json.loads(one.json) for one in protos if one.component_name.endswith(f"-{name}")]


def shown(app: AppTest) -> list[tuple[str, str]]:
    """Who has said what, as the reader shows it."""
    (page,) = parts(app, "reader")
    return [
        (turn["who"], "".join(text for _, text in turn["parts"]))
        for one in page["rounds"]
        for turn in one["turns"]
    ]


def sent(app: AppTest) -> bytes:
    """Everything that the page sends to the browser."""
    found: list[bytes] = []

    def walk(node: Any) -> None:
        if (proto := getattr(node, "proto", None)) is not None:
            found.append(proto.SerializeToString(deterministic=True))
        for child in getattr(node, "children", {}).values():
            walk(child)

    walk(app._tree)
    return b"\n".join(found)


def write(path: Path, one: Match, name: str, text: str, field: drafts.Field = "speech") -> None:
    """What somebody has typed so far: the box posts it while one types."""
    with Store(path) as store:
        drafts.save(store, identity.register(store, name), one.id, field, text)


def speak(path: Path, one: Match, app: AppTest, name: str, text: str) -> AppTest:
    """Write, send, confirm."""
    write(path, one, name, text)
    return click(click(app, "send"), "yes")


def spoken(path: Path, one: Match) -> list[tuple[str, int, str]]:
    with Store(path) as store:
        return [(t.seat, t.place, t.speech.text) for t in store.transcript(one) if not t.is_leaf]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


# Taking a chair.


def test_an_open_chair_is_taken_with_one_key_and_is_then_nobody_elses(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path)
    app = open_page(path, monkeypatch, "Ada")
    (table,) = app.dataframe
    assert sorted(table.value["Seat"]) == ["debater A", "debater B"]
    assert app.button(key="take").label == "Take a chair"
    app = click(app, "take")
    assert app.query_params["a"] and "It is your turn to speak" in said(app)
    with Store(path) as store:
        (row,) = store.query("SELECT * FROM assignments")
        assert row["id"] == app.query_params["a"] and row["seat"] in "AB"
        assert [e["kind"] for e in store.query("SELECT kind FROM events")] == ["taken"]
        bob = identity.register(store, "Bob")
        assert [free.seat for free in open_chairs(store, bob)] == [
            "B" if row["seat"] == "A" else "A"
        ]
        assert open_chairs(store, row["holder"]) == []  # nobody debates with itself
    again = open_page(path, monkeypatch, "Ada")
    assert again.button(key="continue") and not again.get("bidi_component")
    assert click(again, "continue").query_params["a"] == row["id"]
    assert one.id == row["match"]


def test_of_two_people_who_take_the_same_chair_the_second_is_told_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(path, seats=(("A", PERSON), ("B", participant_id(BOB))), agents=(BOB,))
    ada, bob = open_page(path, monkeypatch, "Ada"), open_page(path, monkeypatch, "Bob")
    monkeypatch.setattr("sys.argv", [*ada_words(path, "Ada")])
    assert "It is your turn to speak" in said(click(ada, "take"))
    monkeypatch.setattr("sys.argv", [*ada_words(path, "Bob")])
    bob = click(bob, "take")
    assert "Somebody else sits in this chair now: choose another one." in said(bob)
    assert "No debater's chair is open to you now." in said(bob)


def ada_words(path: Path, name: str) -> list[str]:
    return [str(WEB / "desk_script.py"), f"--store={path}", f"--person={name}", "--local"]


def test_a_chair_waits_until_the_speaker_before_it_has_spoken(path: Path) -> None:
    one = staged(path, IN_TURN, (("A", participant_id(BOB)), ("B", PERSON)), agents=(BOB,))
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        assert open_chairs(store, ada) == []
    machines(path, one, {"A": BOB})
    with Store(path) as store:
        (free,) = open_chairs(store, ada)
        assert (free.match, free.seat, free.role, free.rounds) == (one.id, "B", "debater B", 1)


def test_who_has_judged_a_debate_or_has_a_place_in_it_is_offered_no_chair_there(path: Path) -> None:
    one = staged(path)
    with Store(path) as store:
        ada, bob = (identity.register(store, name) for name in ("Ada", "Bob"))
        assert len(open_chairs(store, ada)) == 2
        worklist.take(store, one, ada, time.time(), 60)  # the judge's place
        assert open_chairs(store, ada) == []
        with pytest.raises(acts.PersonError, match="Somebody else"):
            take_chair(store, ada, one.id, "A", None)
        assert len(open_chairs(store, bob)) == 2
        assert len(open_chairs(store, bob, "trial")) == 2 and open_chairs(store, bob, "other") == []


def test_an_import_and_a_planned_run_offer_no_chairs(path: Path) -> None:
    one = staged(path)
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        store.execute({"UPDATE runs SET kind = ?": [("import",)]})
        assert open_chairs(store, ada) == []
        store.execute({"UPDATE runs SET kind = ?": [("play",)]})
        plan = {"run": "trial", "rest": False, "exclusions": [], "k": 1}
        put = "INSERT INTO events (at, kind, key, value) VALUES (?,?,?,?)"
        store.execute({put: [(1.0, "plan", "plan:trial:0", json.dumps(plan))]})
        assert open_chairs(store, ada) == []
        rest = {**plan, "rest": True, "exclusions": [[ada, one.id]]}
        store.execute({put: [(2.0, "plan", "plan:trial:1", json.dumps(rest))]})
        assert open_chairs(store, ada) == []
        assert len(open_chairs(store, identity.register(store, "Bob"))) == 2


# What a chair shows.


def test_a_chair_says_what_one_is_there_for_and_within_which_limits(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path)
    app = open_page(path, monkeypatch, "Ada", sit(path, one, "Ada", "B"))
    lines = said(app)
    assert "You argue for answer B" in lines and "It was sold" in lines
    assert "You can read the passage; the judge cannot." in lines
    assert any("up to 80 characters, up to 40 characters of the passage" in one for one in lines)
    assert any("everybody speaks at once" in one for one in lines)
    (picker,) = parts(app, "picker")
    assert [" ".join(word[0] for word in line) for line in picker["lines"]] == PASSAGE.split("\n")
    (draft,) = parts(app, "draft")
    assert (draft["field"], draft["limit"], draft["initial"]) == ("speech", 80, "")
    (page,) = parts(app, "reader")
    assert page["question"] == one.question.text and page["passage"] is None
    assert {"send", "show"} <= keys(app)


@pytest.mark.parametrize("place", ["theirs", "judge", "nobody", "machines"])
def test_no_other_place_can_be_opened_by_its_address(
    path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    one = staged(path)
    theirs = sit(path, one, "Bob", "A")
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        worklist.take(store, one, ada, time.time(), 60)
        store.execute({"INSERT INTO assignments (match, seat, holder, until, kind, id) "
                       "VALUES (?,'machines','w',?,'machines','gm')":
                       [(one.id, time.time() + 60)]})  # fmt: skip
    id = {
        "theirs": theirs, "judge": worklist.assignment_id(one.id, JUDGE, ada),
        "nobody": "g" + "0" * 30, "machines": "gm",
    }[place]  # fmt: skip
    app = open_page(path, monkeypatch, "Ada", id)
    assert "This chair is not yours. Choose one in the list." in said(app)
    assert not app.get("bidi_component")
    assert one.question.text.encode() not in sent(app) and b"CANARY" not in sent(app)


def test_who_reads_as_a_judge_does_not_sit_down_as_a_debater(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where two places were made by mistake."""
    one = staged(path, seats=(("A", PERSON), ("B", PERSON), (JUDGE, PERSON)))
    id = sit(path, one, "Ada", "A")
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        worklist.take(store, one, ada, time.time(), 60, JUDGE)
    app = open_page(path, monkeypatch, "Ada", id)
    assert "You judge this debate, so you cannot debate in it." in said(app)
    assert not app.get("bidi_component") and b"CANARY-PASSAGE" not in sent(app)


def test_who_is_revoked_sees_nothing_and_can_do_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path)
    id = sit(path, one, "Ada", "A")
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        token = identity.start_session(store, ada, "test")
    monkeypatch.setattr(who, "current", lambda store, args: identity.signed_in(store, token))
    app = open_page(path, monkeypatch, "Ada", id)
    write(path, one, "Ada", "It sank.")
    app = click(app, "send")
    with Store(path) as store:
        identity.revoke(store, ada)
    app = click(app, "yes")
    assert "You are signed out" in said(app) and parts(app, "reader") == parts(app, "draft") == []
    assert spoken(path, one) == [] and b"CANARY" not in sent(app)


def test_who_gives_a_chair_up_leaves_it_to_others(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path)
    id = sit(path, one, "Ada", "A")
    app = open_page(path, monkeypatch, "Ada", id)
    app = click(click(app, "open give"), "yes")
    assert "A reason is empty: write something first." in said(app)
    write(path, one, "Ada", "I know the miller.", "problem")
    app = click(app, "yes")
    assert "You have given this chair up." in said(app) and not app.get("bidi_component")
    with Store(path) as store:
        bob = identity.register(store, "Bob")
        assert {free.seat for free in open_chairs(store, bob)} == {"A", "B"}
        assert open_chairs(store, identity.register(store, "Ada")) == []


# What it must not show.


def test_a_critic_who_may_not_read_the_passage_is_sent_none_of_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = critique(reply=True)
    blind = Protocol("blind critic", base.seats, base.opening, closing=base.closing,
                     passage_to=("A",), options="right or wrong")  # fmt: skip
    told = Says("proposer", (f"It sank: {QUOTE}, and <quote>the crates were all lost</quote>.",))
    one = staged(path, blind, (("A", participant_id(told)), ("B", PERSON)), agents=(told,),
                 sides=(("A", 0), ("B", 1)), proposal=0)  # fmt: skip
    machines(path, one, {"A": told})
    app = open_page(path, monkeypatch, "Ada", sit(path, one, "Ada", "B"))
    lines = said(app)
    assert (
        "You criticise the answer" in lines
        and "There is a passage, which you cannot read." in lines
    )
    assert parts(app, "picker") == [] and parts(app, "reader")[0]["passage"] is None
    wire = sent(app)
    assert b"Twelve crates were loaded in the morning" in wire  # what was quoted is seen
    for canary in (b"CANARY-PASSAGE", b"The ferry left", b"sign of the mill", b"CANARY-THOUGHT"):
        assert canary not in wire
    write(path, one, "Ada", "Where does it say <quote>The ferry left before the storm</quote>?")
    app = click(app, "show")
    wire = sent(app)
    name, text = shown(app)[-1]
    assert name == "You, critic" and text.endswith(
        "<quote>The ferry left before the storm</quote>?"
    )
    assert b"sign of the mill" not in wire and b"CANARY-PASSAGE" not in wire
    kinds = [kind for kind, _ in parts(app, "reader")[0]["rounds"][-1]["turns"][0]["parts"]]
    assert kinds == ["text"]  # whether the passage has it would be a way to read it


def test_a_speech_of_the_same_round_is_not_sent_before_ones_own(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path, seats=(("A", participant_id(SECRET)), ("B", PERSON)), agents=(SECRET,))
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        assert open_chairs(store, ada) == []  # the machine speaks first, and is not shown
    machines(path, one, {"A": SECRET})
    app = open_page(path, monkeypatch, "Ada", sit(path, one, "Ada", "B"))
    assert shown(app) == [] and b"CANARY-OPPONENT" not in sent(app)
    app = speak(path, one, app, "Ada", "It was sold.")
    assert shown(app) == [
        ("You, debater B", "It was sold."),
        ("Debater A", "CANARY-OPPONENT speaks."),
    ]
    assert b"CANARY-THOUGHT" not in sent(app)
    assert "The debate waits for the other side." in said(app)
    machines(path, one, {"A": SECRET})
    app = app.run()
    assert "It is your turn to speak" in said(app) and b"CANARY-LATER" not in sent(app)


@pytest.mark.parametrize("told", [(), ("A", "B")])
def test_what_the_judge_thinks_is_shown_only_where_the_protocol_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch, told: tuple[str, ...]
) -> None:
    base = debate(rounds=3, stop="judge")
    protocol = Protocol(base.name, base.seats, base.opening, base.cycle, base.cycles, base.closing,
                        passage_to=base.passage_to, beliefs_to=told, stop="judge")  # fmt: skip
    one = staged(path, protocol, (("A", PERSON), ("B", PERSON), (JUDGE, PERSON)))
    ids = {name: sit(path, one, name, seat) for name, seat in (("Ada", "A"), ("Bob", "B"))}
    for name in ids:
        app = open_page(path, monkeypatch, name, ids[name])
        app = speak(path, one, app, name, f"I am {name}.")
    assert "The debate waits for the judge." in said(app)
    with Store(path) as store:
        judge = identity.register(store, "Carol CANARY-NAME")
        acts.submit(store, one, judge, "B", 0.8125, "CANARY-REASON", stop=False)
    app = open_page(path, monkeypatch, "Bob", ids["Bob"])
    assert "It is your turn to speak" in said(app) or "It is not your turn" in said(app)
    wire = sent(app)
    for canary in (b"CANARY-REASON", b"CANARY-NAME", b"0.8125", b"81.25"):
        assert canary not in wire
    beliefs = [turn for turn in shown(app) if turn[0] == "Judge"]
    assert beliefs == ([("Judge", "B")] if told else [])


def test_the_end_shows_the_debate_and_not_what_judges_decide(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path, debate(rounds=1))
    ids = {name: sit(path, one, name, seat) for name, seat in (("Ada", "A"), ("Bob", "B"))}
    for name in ids:
        app = open_page(path, monkeypatch, name, ids[name])
        app = speak(path, one, app, name, f"I am {name}.")
    with Store(path) as store:
        carol = identity.register(store, "Carol")
        acts.submit(store, one, carol, "A", 0.8125, "CANARY-REASON")
    for name in ids:
        app = open_page(path, monkeypatch, name, ids[name])
        assert "The debate is over" in said(app) and len(shown(app)) == 2
        assert {"next", "queue"} <= keys(app) and "send" not in keys(app)
        assert b"CANARY-REASON" not in sent(app) and b"0.8125" not in sent(app)
        assert carol.encode() not in sent(app)


# Speaking.


def test_a_speech_is_sent_after_a_confirmation_and_not_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path)
    app = open_page(path, monkeypatch, "Ada", sit(path, one, "Ada", "A"))
    app = click(app, "send")
    assert "A speech is empty: write something first." in said(app) and "yes" not in keys(app)
    write(path, one, "Ada", "  It sank.  ")
    app = click(app, "send")
    assert "8 of 80 characters; 0 of 40 newly quoted." in said(app)
    assert app.button(key="turn J").disabled if "turn" in keys(app) else True
    assert all(b.disabled for b in app.button if (b.key or "").startswith(("send", "show", "open")))
    assert spoken(path, one) == []
    app = click(app, "back")
    assert "yes" not in keys(app) and spoken(path, one) == []
    app = click(click(app, "send"), "yes")
    assert spoken(path, one) == [("A", 0, "It sank.")]
    assert "Your speech is recorded." in said(app) and shown(app) == [
        ("You, debater A", "It sank.")
    ]
    assert "The debate waits for the other side." in said(app)
    with Store(path) as store:
        assert drafts.load(store, identity.register(store, "Ada"), one.id) == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x" * 95, "It has 95 characters, 15 more than the 80 allowed."),
        (
            "<quote>Twelve crates were loaded in the morning, each</quote>",
            "It quotes 46 new characters of the passage, 6 more than the 40 left.",
        ),
    ],
)
def test_a_speech_over_a_limit_is_not_sent_and_stays_as_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: str
) -> None:
    one = staged(path)
    app = open_page(path, monkeypatch, "Ada", sit(path, one, "Ada", "A"))
    write(path, one, "Ada", text)
    app = click(app, "send")
    words = [error.value for error in app.error]
    assert words == [f"Not sent, and your text is kept. {line}"]
    assert "yes" not in keys(app) and spoken(path, one) == []
    assert (
        parts(open_page(path, monkeypatch, "Ada", worklist_id(path, one)), "draft")[0]["initial"]
        == text
    )


def worklist_id(path: Path, one: Match, name: str = "Ada") -> str:
    with Store(path) as store:
        sql = "SELECT id FROM assignments WHERE holder = ?"
        row = store.one(sql, identity.register(store, name))
        assert row is not None
        return str(row["id"])


def test_a_preview_marks_quotations_as_the_platform_will_and_sends_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path, IN_TURN)
    app = open_page(path, monkeypatch, "Ada", sit(path, one, "Ada", "A"))
    write(path, one, "Ada", f"{QUOTE} but <quote>Twelve crates were sold in the morning</quote> "
          "and <quote>the miller took the silver</quote>, see [1] and [9].")  # fmt: skip
    app = click(app, "show")
    (page,) = parts(app, "reader")
    (turn,) = page["rounds"][-1]["turns"]
    assert [kind for kind, _ in turn["parts"] if kind != "text"] == [
        "verified", "altered", "unverified", "cited", "unknown",
    ]  # fmt: skip
    assert turn["notes"] == ["a preview: nothing is sent yet"]
    assert (
        "The platform will mark 1 quotation altered and 2 quotations not in the passage."
        in said(app)
    )
    assert spoken(path, one) == []
    with Store(path) as store:
        assert [e["kind"] for e in store.query("SELECT kind FROM events")] == ["taken"]
    assert parts(app, "select")[-1]["selected"] == 0
    assert shown(click(app, "show")) == []  # once more hides it


def test_a_second_click_and_a_stale_tab_change_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path)
    id = sit(path, one, "Ada", "A")
    tabs = [open_page(path, monkeypatch, "Ada", id) for _ in range(2)]
    write(path, one, "Ada", "It sank.")
    first, second = (click(tab, "send") for tab in tabs)
    first = click(first, "yes")
    write(path, one, "Ada", "It sank, I say again.")
    second = click(second, "yes")
    assert spoken(path, one) == [("A", 0, "It sank.")]
    assert any(
        line.startswith("Your speech was sent before, in another window") for line in said(second)
    )
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        assert drafts.load(store, ada, one.id) == {"speech": "It sank, I say again."}
        assert len(list(store.query("SELECT * FROM events WHERE kind = 'speech'"))) == 1
    assert shown(first) == shown(second)


def test_a_confirmation_that_has_lost_its_point_is_closed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path)
    id = sit(path, one, "Ada", "A")
    first, second = (open_page(path, monkeypatch, "Ada", id) for _ in range(2))
    write(path, one, "Ada", "It sank.")
    second = click(second, "send")
    click(click(first, "send"), "yes")
    second = second.run()
    assert not second.exception and "yes" not in keys(second)
    assert not any(button.disabled for button in second.button if button.key == "open help")
    assert "It is not your turn" in said(second)


def test_a_tab_that_is_a_round_behind_says_so_and_adds_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path, seats=(("A", PERSON), ("B", participant_id(BOB))), agents=(BOB,))
    id = sit(path, one, "Ada", "A")
    stale = open_page(path, monkeypatch, "Ada", id)
    speak(path, one, open_page(path, monkeypatch, "Ada", id), "Ada", "It sank.")
    machines(path, one, {"B": BOB})
    write(path, one, "Ada", "Something else.")
    stale = click(stale, "send")
    assert [seat for seat, _, _ in spoken(path, one)] == ["A", "B"]
    assert any(line.startswith("Your speech was sent before") for line in said(stale))
    assert "It is your turn to speak" in said(stale)


@pytest.mark.parametrize("order", [("Ada", "Bob"), ("Bob", "Ada")])
def test_two_people_speak_in_either_order_and_neither_sees_the_other_first(
    path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
) -> None:
    one = staged(path)
    seats = {"Ada": "A", "Bob": "B"}
    ids = {name: sit(path, one, name, seats[name]) for name in seats}
    first, second = order
    app = speak(path, one, open_page(path, monkeypatch, first, ids[first]), first,
                f"CANARY-{first} speaks.")  # fmt: skip
    early = seats[first] == "B"
    with Store(path) as store:
        waits = held(store, one, store.transcript(one))
        assert [(one.seat, one.text) for one in waits] == (
            [("B", "CANARY-Bob speaks.")] if early else []
        )
    recorded = (
        "It is in the debate as soon as the seat before yours speaks." if early else "recorded."
    )
    assert any(line.startswith("Your speech is recorded.") and line.endswith(recorded)
               for line in said(app))  # fmt: skip
    assert shown(app) == [(f"You, debater {seats[first]}", f"CANARY-{first} speaks.")]
    notes = parts(app, "reader")[0]["rounds"][0]["turns"][0]["notes"]
    assert any("waits for the seat before it" in note for note in notes) == early
    assert ("Your speech waits for the seat before yours in this round." in said(app)) == early
    again = open_page(path, monkeypatch, first, ids[first])  # reloaded: it is still there
    assert shown(again) == shown(app) and "send" not in keys(again)
    other = open_page(path, monkeypatch, second, ids[second])
    assert b"CANARY" not in sent(other).replace(b"CANARY-PASSAGE", b"")
    other = speak(path, one, other, second, f"CANARY-{second} speaks.")
    assert [text for _, _, text in spoken(path, one)] == [
        "CANARY-Ada speaks.",
        "CANARY-Bob speaks.",
    ]
    for name in order:
        app = open_page(path, monkeypatch, name, ids[name])
        assert sorted(text for _, text in shown(app)) == [
            "CANARY-Ada speaks.",
            "CANARY-Bob speaks.",
        ]
        assert "It is your turn to speak" in said(app)
        app = speak(path, one, app, name, "The end.")
    assert "The debate is over" in said(app)
    assert [place for _, place, _ in spoken(path, one)] == [0, 0, 1, 1]


def test_in_an_open_debate_one_chooses_ones_side(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path, debate(rounds=2, simultaneous=False, sides="chosen"), sides=())
    app = open_page(path, monkeypatch, "Ada", sit(path, one, "Ada", "A"))
    assert "You choose your side" in said(app)
    (radio,) = app.radio
    assert (radio.options, radio.value) == (["A", "B"], None)
    assert {"A   It sank", "B   It was sold"} <= set(said(app))
    write(path, one, "Ada", "It was sold.")
    app = click(app, "send")
    assert [error.value for error in app.error] == ["Choose the answer that you argue for."]
    app.radio[0].set_value("B")
    app = click(app, "send")
    assert "It argues for answer B: It was sold" in said(app)
    app = click(app, "yes")
    with Store(path) as store:
        (turn,) = store.transcript(one)
        assert turn.speech.side == 1
    assert "You argue for answer B" in said(app) and not app.radio


@pytest.mark.parametrize("stop", ["agreement", "concession"])
def test_a_debater_may_stop_where_the_rules_let_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, stop: Any
) -> None:
    one = staged(path, debate(rounds=3, stop=stop))
    ids = {name: sit(path, one, name, seat) for name, seat in (("Ada", "A"), ("Bob", "B"))}
    for name in ids:
        app = open_page(path, monkeypatch, name, ids[name])
        assert not app.checkbox  # not in an opening
        speak(path, one, app, name, "An opening.")
    for name in ids:
        app = open_page(path, monkeypatch, name, ids[name])
        (box,) = app.checkbox
        box.check()
        app = speak(path, one, app, name, "I stop.")
    assert "The debate is over" in said(app) and len(spoken(path, one)) == 4
    with Store(path) as store:
        assert [turn.speech.stop for turn in store.transcript(one)] == [False, False, True, True]


def test_a_place_that_lapsed_and_was_taken_is_another_persons(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path, seats=(("A", PERSON), ("B", participant_id(BOB))), agents=(BOB,))
    id = sit(path, one, "Ada", "A")
    app = open_page(path, monkeypatch, "Ada", id)
    with Store(path) as store:
        store.execute({"UPDATE assignments SET until = 1": [()]})
    other = sit(path, one, "Bob", "A")
    write(path, one, "Ada", "It sank.")
    monkeypatch.setattr("sys.argv", ada_words(path, "Ada"))
    app = click(app, "send")
    assert "Somebody else sits in this chair now: choose another one." in said(app)
    assert not app.get("bidi_component") and spoken(path, one) == []
    assert "It is your turn to speak" in said(open_page(path, monkeypatch, "Bob", other))


def test_a_place_that_lapsed_is_held_again_when_its_person_comes_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = staged(path)
    id = sit(path, one, "Ada", "A")
    with Store(path) as store:
        store.execute({"UPDATE assignments SET until = 1": [()]})
    assert "It is your turn to speak" in said(open_page(path, monkeypatch, "Ada", id))
    with Store(path) as store:
        (row,) = store.query("SELECT until FROM assignments")
        assert row["until"] > time.time()


def test_hostile_text_is_text_and_no_label(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = Question(HOSTILE, (HOSTILE, "no " + HOSTILE), PASSAGE + HOSTILE, "test")
    rude = Says("rude", (HOSTILE,))
    one = staged(path, IN_TURN, (("A", participant_id(rude)), ("B", PERSON)), hostile,
                 agents=(rude,), name="![n](http://outside.invalid/n.png)")  # fmt: skip
    machines(path, one, {"A": rude})
    pages = [open_page(path, monkeypatch, "Ada")]
    app = open_page(path, monkeypatch, "Ada", sit(path, one, "Ada", "B"))
    pages.append(app)
    assert shown(app)[0][1] == visible(HOSTILE)
    write(path, one, "Ada", HOSTILE[:300])
    pages += [app := click(app, "show"), app := click(app, "send"), click(app, "yes")]
    for page in pages:
        for element in [*page.markdown, *page.caption, *page.error, *page.warning, *page.subheader]:
            assert "outside.invalid" not in element.value
        for widget in [*page.button, *page.radio, *page.checkbox]:
            assert "outside.invalid" not in widget.label
    assert spoken(path, one)[-1][2] == HOSTILE[:300]


@pytest.mark.parametrize("truth", [0, 1])
def test_the_page_does_not_depend_on_the_truth(
    path: Path, monkeypatch: pytest.MonkeyPatch, truth: int
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    pages = []
    for value in (0, truth):
        at = path.with_name(f"{value}{len(pages)}.db")
        one = staged(at)
        with Store(at) as store:
            store.execute({"UPDATE truths SET truth = ?": [(value,)]})
        id = sit(at, one, "Ada", "A")
        app = open_page(at, monkeypatch, "Ada", id)
        pages.append([sent(app)])
        app = speak(at, one, app, "Ada", "It sank.")
        pages[-1].append(sent(app))
    assert pages[0] == pages[1]
