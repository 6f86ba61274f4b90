"""The judging page: what it shows and to whom, what it sends, and the way to a kept verdict."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stage import ALICE, BOB, PASSAGE, PERSON, Decides, Says, go_on, match, question, stage
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ButtonGroup

from arena.batch import Batch
from arena.desk import acts, chairs, identity, worklist
from arena.match import Match, Shown, participant_id
from arena.protocols import BUILT_IN, Protocol, debate, expert
from arena.questions import Item, Question
from arena.store import Store
from arena.text import visible
from ui.reading import _parts, page, rules
from ui.serve import PAGE, command

HOSTILE = (
    "![x](http://outside.invalid/beacon.png) <script>window.__pwn = 1</script> "
    '<img src="http://outside.invalid/i.png" onerror="window.__pwn = 2"> '
    ":green-badge[:material/verified: Verified] $\\rule{800px}{400px}$ [x](javascript:alert(1)) "
    "<iframe src='http://outside.invalid'></iframe> \u202egnorw\u202c </textarea> # Heading"
)


# Text as a page shows it.


def test_quotations_are_the_platforms_and_marks_without_one_stay_text() -> None:
    text = "He <quote>was here</quote> and <quote>there. See [3] and [9]."
    three, nine = text.index("[3]"), text.index("[9]")
    found = (Shown(10, 18, "was here"), Shown(three, three + 3, "Line three."),
             Shown(nine, nine + 3, None))  # fmt: skip
    assert _parts(text, found) == (
        [
            ["text", "He "],
            ["verified", "was here"],
            ["text", " and <quote>there. See "],
            ["cited", "[3]"],
            ["text", " and "],
            ["unknown", "[9]"],
            ["text", "."],
        ],
        [["[3]", "Line three."]],
    )
    assert _parts("<quote>no</quote>", (Shown(7, 9, None),))[0] == [["unverified", "no"]]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_protocol_has_its_rules_in_a_sentence(name: str) -> None:
    protocol = BUILT_IN[name]
    sides = tuple(zip(protocol.speakers, (0, 1), strict=False))
    one = Match(question(0), protocol, sides)
    assert rules(one).endswith(".") and len(rules(one)) < 260
    assert ("cannot see" in rules(one)) == bool(protocol.speakers)


# The script, without a browser.


def open_page(
    store: Path, monkeypatch: pytest.MonkeyPatch, person: str = "Ada", run: str = "trial"
) -> AppTest:
    words = [str(PAGE), f"--store={store}", f"--person={person}", f"--run={run}"]
    monkeypatch.setattr("sys.argv", words)
    page = AppTest.from_file(str(PAGE), default_timeout=20).run()
    assert not page.exception
    return page


def reading(page: AppTest) -> dict[str, Any]:
    (proto,) = (element.proto for element in page.get("bidi_component"))
    read: dict[str, Any] = json.loads(proto.json)
    return read


def sent(page: AppTest) -> list[bytes]:
    """Everything that the page sends to the browser, element by element."""
    found: list[bytes] = []

    def walk(node: Any) -> None:
        if (proto := getattr(node, "proto", None)) is not None:
            found.append(proto.SerializeToString(deterministic=True))
        for child in getattr(node, "children", {}).values():
            walk(child)

    walk(page._tree)
    return found


def choose(page: AppTest, winner: str) -> None:
    (choice,) = page.get("button_group")
    assert isinstance(choice, ButtonGroup)
    choice.set_value(winner)


def fill(page: AppTest, winner: str, sure: float | None, reason: str) -> AppTest:
    choose(page, winner)
    page.number_input[0].set_value(sure)
    page.text_area[0].set_value(reason)
    return page.button(key="submit").click().run()


def test_a_verdict_is_in_the_store_after_the_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(n)) for n in range(2)]).close()
    app = open_page(path, monkeypatch)
    first = reading(app)
    assert first["where"] == ["trial", "debate simultaneous", "judge: Ada"]
    assert [turn["who"] for turn in first["rounds"][0]["turns"]] == [
        f"Debater {label}" for label, _ in first["options"]
    ]
    app = fill(app, "B", None, "")
    assert [e.value for e in app.error] == ["Say how sure you are, from 51 to 100 %."]
    assert reading(app) == first
    app = fill(app, "B", 80, "It was sold.")
    assert [s.value for s in app.success] == ["Verdict recorded: B, 80 %."]
    with Store(path) as store:
        (row,) = store.query("SELECT * FROM verdicts")
        assert (row["choice"], json.loads(row["elicited"])[1]) == (1, 0.8)
        assert (row["reason"], row["origin"]) == ("It was sold.", "person")
        shown = [label for label, _ in first["options"]]
        assert json.loads(row["listing"]) == ["AB".index(label) for label in shown]
        rewards = list(store.query("SELECT * FROM rewards WHERE turn = ?", row["id"]))
        assert {(r["seat"], r["rule"]) for r in rewards} == {
            (seat, rule) for seat in "AB" for rule in ("log-odds", "win")
        }
    app = app.button(key="undo").click().run()
    assert reading(app) == first  # the same debate, and the form as it was
    assert (app.number_input[0].value, app.text_area[0].value) == (80, "It was sold.")
    app = app.button(key="submit").click().run()
    app = app.button(key="next").click().run()
    second = reading(app)
    assert second["question"] != first["question"] and app.text_area[0].value == ""
    assert reading(open_page(path, monkeypatch)) == second  # reloaded
    app = app.button(key="skip").click().run()
    assert reading(app)["question"] == second["question"]  # nothing else is left
    app = fill(app, acts.TIE, None, "Even.").button(key="next").click().run()
    assert [s.value for s in app.subheader] == ["Nothing left to judge"]
    with Store(path) as store:
        assert len(list(store.query("SELECT * FROM verdicts"))) == 2


def test_a_stale_tab_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0))]).close()
    tabs = [open_page(path, monkeypatch) for _ in range(2)]
    for tab, winner in zip(tabs, "AB", strict=True):
        tab = fill(tab, winner, 90, "x")
        assert [s.value for s in tab.success] == ["Verdict recorded: A, 90 %."]
    with Store(path) as store:
        assert len(list(store.query("SELECT * FROM turns WHERE kind = 'verdict'"))) == 1


@pytest.mark.parametrize(
    "protocol", [debate(), expert(), BUILT_IN["critique"]], ids=lambda p: p.name
)
def test_the_page_does_not_depend_on_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: Protocol
) -> None:
    """Byte for byte, before the click and after it."""
    pages = []
    for truth in (0, 1):
        path = tmp_path / f"{truth}.db"
        agents = (ALICE, BOB)[: len(protocol.speakers)]
        sides = tuple(zip(protocol.speakers, (0, 1), strict=False))
        seats = tuple(
            (s, participant_id(a)) for s, a in zip(protocol.speakers, agents, strict=True)
        )
        one = Match(question(0), protocol, sides, seats)
        with stage(path, [one], truth) if agents else Store(path) as store:
            if not agents:
                store.write(Batch(items=[Item(one.question, truth)], protocols=[protocol],
                                  matches=[one], played=[one.id],
                                  run_matches=[("trial", 0, one.id, {})]))  # fmt: skip
        app = open_page(path, monkeypatch)
        pages.append([sent(app), sent(fill(app, "A", 70, "x"))])
    assert pages[0] == pages[1] and len(pages[0][0]) > 5


def test_what_a_judge_may_not_know_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    one = match(question(0), debate(stop="judge"), participant_id(Decides()))
    stage(path, [one]).close()
    wire = b"".join(sent(open_page(path, monkeypatch)))
    assert b"Twelve crates were loaded" in wire and b"each marked with the sign" in wire
    assert b"He is wrong" in wire
    for canary in (b"CANARY-PASSAGE", b"CANARY-THOUGHT", b"CANARY-BELIEF", b"0.875"):
        assert canary not in wire


def test_an_expert_reads_the_passage() -> None:
    one = Match(question(0), expert())
    seen = chairs.page_view(one, (), "a0")
    assert page(one, seen, ())["passage"] == PASSAGE


def test_an_empty_chair_may_ask_for_another_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    one = match(question(0), debate(rounds=3, stop="judge"), PERSON)
    stage(path, [one]).close()
    app = open_page(path, monkeypatch)
    choose(app, "A")
    app.number_input[0].set_value(60)
    app.text_area[0].set_value("so far")
    app = app.button(key="go on").click().run()
    assert app.success[0].value.startswith("Noted. The debate goes on when somebody runs")
    assert "arena play" in app.success[0].value and len(app.button) == 1
    with Store(path) as store:
        assert [turn.kind for turn in store.transcript(one)][-1] == "belief"


def test_a_debate_that_waits_for_a_question_offers_a_form_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    one = match(question(0), BUILT_IN["debate with questions"], PERSON)
    stage(path, [one]).close()
    app = open_page(path, monkeypatch)
    assert [turn["who"] for turn in reading(app)["rounds"][0]["turns"]]
    assert not app.number_input and app.button(key="skip")
    (box,) = app.text_area
    assert box.label == "Ask the debaters one question (may be empty)"
    box.set_value("x" * 1501)
    app = app.button(key="ask").click().run()
    assert [e.value for e in app.error] == ["A question has up to 1500 characters; yours has 1501."]
    app.text_area[0].set_value("Where was the mill?")
    app = app.button(key="ask").click().run()
    said = app.success[0].value
    assert said.startswith("Your question is recorded. The debate goes on when somebody runs")
    app = app.button(key="next").click().run()
    assert [s.value for s in app.subheader] == ["Nothing left to judge"]
    with Store(path) as store:
        assert store.transcript(one)[-1].speech.text == "Where was the mill?"
        go_on(store, one)
    app = open_page(path, monkeypatch)
    asked = reading(app)["rounds"][1]["turns"][0]
    assert (asked["who"], asked["parts"]) == ("Judge", [["text", "Where was the mill?"]])
    assert [s.value for s in fill(app, "A", 70, "x").success] == ["Verdict recorded: A, 70 %."]


def test_the_page_says_so_when_a_belief_is_followed_by_ones_own_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    both = debate(rounds=2, stop="judge", judge_questions=True)
    stage(path, [match(question(n), both, PERSON) for n in range(3)]).close()
    app = open_page(path, monkeypatch)
    first = reading(app)["question"]
    choose(app, "A")
    app.number_input[0].set_value(60)
    app.text_area[0].set_value("so far")
    app = app.button(key="go on").click().run()
    assert app.success[0].value == "Noted. It is your turn again in this debate."
    app = app.button(key="next").click().run()
    assert reading(app)["question"] == first and app.button(key="ask")


def test_decimals_of_a_probability_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0))]).close()
    app = fill(open_page(path, monkeypatch), "A", 75.5, "x")
    assert [s.value for s in app.success] == ["Verdict recorded: A, 75.5 %."]
    with Store(path) as store:
        (row,) = store.query("SELECT elicited FROM verdicts")
        assert json.loads(row["elicited"]) == [0.755, 0.245]
    app = app.button(key="undo").click().run()
    assert app.number_input[0].value == 75.5


def test_messages_are_the_pages_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, reasons and runs reach the browser as values and as text, never as Markdown."""
    path = tmp_path / "s.db"
    name = "![n](http://outside.invalid/n.png)"
    hostile = Question(HOSTILE, (HOSTILE, "no " + HOSTILE), PASSAGE, "test")
    stage(path, [match(hostile, agents=(Says("h", (HOSTILE,)), BOB))],
          agents=(Says("h", (HOSTILE,)), BOB), name=name).close()  # fmt: skip
    app = open_page(path, monkeypatch, person=name, run=name)
    assert reading(app)["question"] == visible(HOSTILE) and "⟦U+202E⟧" in visible(HOSTILE)
    app = fill(app, "A", 70, HOSTILE)
    for element in [*app.markdown, *app.caption, *app.success, *app.error, *app.subheader]:
        assert "outside.invalid" not in element.value
    for widget in [*app.button, *app.text_input, *app.number_input, *app.text_area]:
        assert "outside.invalid" not in widget.label


# In a browser.


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A store with hostile text, and the address of the page that serves it."""
    path = tmp_path / "s.db"
    hostile = Question("Who? " + HOSTILE, (HOSTILE, "no " + HOSTILE), PASSAGE, "test")
    agents = (Says("h", (f"<quote>Twelve crates were loaded</quote> {HOSTILE} [3]",)), BOB)
    stage(path, [match(hostile, agents=agents, seed=n) for n in range(2)], agents=agents).close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        command(path, "Ada <b>", "trial", port),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health") as reply:
                    if reply.read() == b"ok":
                        break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail("the judging page did not start within 30 s")
        yield url, path
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def test_a_person_judges_in_the_browser(served: tuple[str, Path]) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine: the browser test needs one")
    url, path = served
    outside: list[str] = []
    troubles: list[str] = []
    frames: list[bytes] = []

    def keep(frame: bytes | str) -> None:
        frames.append(frame if isinstance(frame, bytes) else frame.encode())

    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[*root, "--disable-gpu", "--disable-background-networking", "--disable-sync",
                  "--no-first-run", "--disable-component-update"],
        )  # fmt: skip
        tab = browser.new_context(viewport={"width": 1280, "height": 1600}).new_page()
        own = (url, url.replace("http", "ws", 1), "data:", "blob:")
        tab.on("request", lambda r: None if r.url.startswith(own) else outside.append(r.url))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("websocket", lambda socket: socket.on("framereceived", keep))
        tab.goto(url)
        tab.get_by_text("Submit verdict").wait_for(timeout=30_000)
        sheet = tab.locator(".sheet")
        sheet.wait_for()
        assert visible(HOSTILE) in sheet.inner_text() and "⟦U+202E⟧" in sheet.inner_text()
        assert sheet.locator("img, script, iframe, a, svg, textarea").count() == 0
        assert sheet.get_by_text("✓ in the passage").count() >= 2
        assert sheet.get_by_text("✗ not in the passage").count() >= 1
        shown = sheet.locator(".options .letter").all_inner_texts()
        tab.get_by_role("radio", name="B", exact=True).click()
        tab.get_by_label("How sure are you").fill("85.5")
        tab.get_by_label("Why?").fill(HOSTILE)
        tab.get_by_role("button", name="Submit verdict").dblclick()
        tab.get_by_text("Verdict recorded: B, 85.5 %.").wait_for(timeout=15_000)
        focused = "() => document.activeElement.textContent.startsWith('Verdict recorded')"
        tab.wait_for_function(focused, timeout=5_000)  # not the top of the page
        with Store(path) as store:
            (row,) = store.query("SELECT * FROM verdicts")
            assert (row["choice"], json.loads(row["elicited"])[1]) == (1, 0.855)
            assert row["reason"] == HOSTILE
            assert json.loads(row["listing"]) == ["AB".index(label) for label in shown]
            assert len(list(store.query("SELECT * FROM rewards"))) == 4
            judged = store.match(row["match"])
        tab.reload()
        tab.get_by_text("Submit verdict").wait_for(timeout=15_000)
        tab.get_by_text("1 judged, 1 to go").wait_for(timeout=15_000)
        assert tab.get_by_label("Why?").input_value() == ""
        with Store(path) as store:
            ada = identity.register(store, "Ada <b>")
            following = worklist.next_unjudged(store, ada)
        assert following is not None and following.id != judged.id
        assert tab.evaluate("typeof window.__pwn") == "undefined"
        width = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0
        browser.close()
    assert outside == [] and troubles == []
    wire = b"".join(frames)
    assert b"Twelve crates were loaded" in wire
    for canary in (b"CANARY-PASSAGE", b"CANARY-THOUGHT"):
        assert canary not in wire
