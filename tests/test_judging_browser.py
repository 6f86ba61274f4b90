"""Judging in a real browser: by keyboard alone, through reloads and second tabs, and while machines
answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from browser import ENTER, LOCAL
from deskpages import kinds, set_up, verdicts
from stage import ALICE, BOB, PASSAGE, PERSON, Says, match, question, stage

from arena.desk.settings import Settings
from arena.flow import Engine, batch
from arena.match import Agent, Judge, participant_id
from arena.protocols import BUILT_IN, debate
from arena.questions import Question
from arena.store import Store
from arena.text import visible
from ui import doorkey
from ui.serve import command
from ui.work import Worker

WAIT = 120_000  # milliseconds; the machine may be busy
HOSTILE = (
    "![x](http://outside.invalid/beacon.png) <script>window.__pwn = 1</script> "
    '<img src="http://outside.invalid/i.png" onerror="window.__pwn = 2"> '
    ":green-badge[:material/verified: Verified] $\\rule{800px}{400px}$ \u202egnorw\u202c # Heading"
)


@dataclass
class Tab:
    """A page in the browser, and what must never happen on it."""

    page: Any
    url: str
    outside: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)

    def keep(self, frame: bytes | str) -> None:
        self.frames.append(frame if isinstance(frame, bytes) else frame.encode())

    def sees(self, text: str, exact: bool = False) -> Any:
        found = self.page.get_by_text(text, exact=exact).first
        try:
            found.wait_for(timeout=WAIT)
        except Exception:
            said = self.page.locator('[data-testid="stMain"]').inner_text()
            pytest.fail(f"{text!r} was not seen; the page says: {said[-1500:]}")
        return found

    def button(self, name: str) -> Any:
        found = self.page.get_by_role("button", name=name).first
        found.wait_for(timeout=WAIT)
        return found

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def rest(self) -> None:
        """Wait until nothing runs: a key that is pressed while a button is drawn anew is lost."""
        self.page.wait_for_function(
            "() => !document.querySelector('[data-test-script-state=running],"
            " [data-testid=stStatusWidget], [data-testid=stSkeleton]')"
        )
        self.page.wait_for_timeout(500)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something that the store or the page comes to say."""
        end = time.monotonic() + WAIT / 1000
        while not holds():
            assert time.monotonic() < end, what
            self.page.wait_for_timeout(100)

    def percent(self) -> str:
        value: str = self.page.get_by_label("The same as a number").input_value()
        return value

    def set_percent(self, keys: Sequence[str], wanted: str) -> None:
        """The probability, once its slider is there and untouched."""
        self.page.get_by_text("Not set yet").wait_for(timeout=WAIT)
        self.press(*keys)
        self.until(lambda: self.percent() == wanted, f"the probability never was {wanted}")

    def turns(self) -> int:
        count: int = self.page.locator(".turn").count()
        return count

    def selected(self) -> str:
        number: str = self.page.locator(".turn.selected").first.get_attribute("data-number")
        return number


@contextmanager
def served(path: Path, run: str | None = "trial") -> Iterator[str]:
    """The address of a desk for Ada."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        command(path, "Ada", run, port),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, doorkey.TOKEN: LOCAL},
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{url}/healthz") as reply:
                    if reply.status == 200:
                        break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail("the desk did not start within a minute")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def tab(chromium: Any, url: str, width: int = 1400, height: int = 900) -> Tab:
    """A tab with a watch on it."""
    context = chromium.new_context(viewport={"width": width, "height": height})
    context.request.get(url + ENTER)
    page = context.new_page()
    page.set_default_timeout(WAIT)
    found = Tab(page, url)
    own = (url, url.replace("http", "ws", 1), "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(own) else found.outside.append(r.url))
    page.on("pageerror", lambda error: found.troubles.append(str(error)))
    page.on("websocket", lambda socket: socket.on("framereceived", found.keep))
    return found


def test_a_whole_debate_is_judged_by_keyboard_alone(tmp_path: Path, chromium: Any) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(n), debate(rounds=3)) for n in range(2)]).close()
    set_up(path, Settings(undo=3600))  # the machine may be busy
    with served(path) as url:
        one = tab(chromium, url)
        one.page.goto(url)
        one.button("Continue")
        one.press("g")
        one.sees("Before you read")
        one.press("n")  # untouched: refused
        one.sees("Say how likely you find the answers")
        one.set_percent(["ArrowRight", "ArrowRight"], "60")
        one.press("n")
        one.sees("Saved. Step 1 is shown; 2 to come.")
        one.until(lambda: one.turns() == 2, "the first step was not shown")
        one.page.get_by_text("Not set yet").wait_for(timeout=WAIT)  # not what it was before

        one.until(lambda: one.selected() == "0", "the first turn was not selected")
        one.press("j")
        one.until(lambda: one.selected() == "1", "J did not move on")
        one.press("k")
        one.until(lambda: one.selected() == "0", "K did not move back")

        one.set_percent(["ArrowRight", "Shift+ArrowRight"], "56")
        one.press("n")
        one.sees("Saved. Step 2 is shown; 1 to come.")
        one.press("Control+z")
        one.sees("Taken back.")
        one.until(lambda: one.turns() == 2, "the step was not hidden again")
        one.until(lambda: one.percent() == "56", "what was taken back is not in the form")
        one.press("n")
        one.sees("Saved. Step 2 is shown; 1 to come.")

        one.page.reload()  # everything is still there
        one.sees("Step 2 of 3")
        one.until(lambda: one.turns() == 4, "the reload lost a step")
        one.set_percent(["ArrowLeft"], "45")
        one.press("n")
        one.sees("Your verdict", exact=True)
        one.until(lambda: one.turns() == 6, "the last step was not shown")

        # A reason with letters that are keys elsewhere: they are letters here, and a draft.
        one.page.get_by_label("Why?").focus()
        one.page.keyboard.type("just nobody saw the sale, so no")
        one.sees("Draft saved")
        one.page.reload()
        one.sees("Your verdict", exact=True)
        one.until(
            lambda: (
                one.page.get_by_label("Why?").input_value() == "just nobody saw the sale, so no"
            ),
            "the draft was lost",
        )
        one.set_percent(["ArrowRight"] * 6, "80")
        one.press("2")
        one.sees("You chose B, and find A likelier.")
        one.press("1")
        one.until(lambda: one.page.get_by_text("find A likelier").count() == 0, "no change of mind")
        one.rest()
        one.press("s")
        one.sees("Submit this verdict?")
        one.press("j", "n")  # behind the dialog nothing moves
        one.page.wait_for_timeout(500)
        assert one.page.get_by_text("Submit this verdict?").is_visible()
        one.press("Escape")
        one.page.get_by_text("Submit this verdict?").wait_for(state="hidden", timeout=WAIT)
        assert not verdicts(path)
        one.until(one.button("Submit verdict").is_enabled, "the page did not come back")
        one.rest()
        one.press("s")
        one.sees("Submit this verdict?")
        one.press("y")
        one.sees("Your verdict is recorded")
        one.sees("possible for ")
        (row,) = verdicts(path)
        assert (row["choice"], json.loads(row["elicited"])) == (0, [0.8, 0.2])
        assert row["reason"] == "just nobody saw the sale, so no"

        one.press("Control+z")
        one.sees("Taken back.")
        one.until(lambda: one.percent() == "80", "the probability is not in the form")
        assert not verdicts(path)
        assert one.page.get_by_label("Why?").input_value() == "just nobody saw the sale, so no"
        one.rest()
        one.press("s")
        one.sees("Submit this verdict?")
        one.press("y")
        one.sees("Your verdict is recorded")
        assert len(verdicts(path)) == 1

        one.press("g")
        one.sees("1 judged, 1 to go")
        one.sees("Before you read")
        one.press("h")
        one.sees("Keys do not act while you write.")
        one.press("Escape")
        one.page.get_by_text("Keys do not act").wait_for(state="hidden", timeout=WAIT)
        one.until(one.button("Skip").is_enabled, "the page did not come back")
        one.press("Shift+S")
        one.button("Yes, skip")
        assert kinds(path).count("belief") == 4
        assert one.outside == [] and one.troubles == []
        with Store(path) as store:
            row = store.one("SELECT active FROM events WHERE kind = 'verdict' ORDER BY id DESC")
        assert row is not None and row["active"] > 0


def test_two_tabs_and_a_double_click_make_one_verdict(tmp_path: Path, chromium: Any) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0))]).close()
    set_up(path, Settings(mode="whole", confirm=False))
    with served(path) as url:
        one = tab(chromium, url)
        one.page.goto(url)
        one.button("Continue").click()
        one.button("Submit verdict")
        two = tab(chromium, url)
        two.page.goto(one.page.url)
        two.button("Submit verdict")
        for each, key, winner in ((one, "ArrowRight", "1"), (two, "ArrowLeft", "2")):
            each.set_percent([key] * 3, "65" if winner == "1" else "35")
            each.press(winner)
            each.page.get_by_label("Why?").fill("x")
        one.button("Submit verdict").dblclick()
        one.sees("Your verdict is recorded")
        two.button("Submit verdict").click()
        two.sees("Your verdict was given before, in another window.")
        two.sees("A, 65 %")
        assert len(verdicts(path)) == 1 and kinds(path).count("verdict") == 1
        assert one.troubles == [] and two.troubles == []


@dataclass
class Both:
    """Alice and Bob, who answer at once."""

    agents: dict[str, Agent] = field(
        default_factory=lambda: {participant_id(who): who for who in (ALICE, BOB)}
    )
    judges: dict[str, Judge] = field(default_factory=dict)

    def join(self, who: str, run: str, decides: bool) -> None:
        assert who in self.agents and not decides

    def engine(self) -> Engine:
        return batch(lambda requests: [])


def test_a_question_is_answered_while_the_page_waits(tmp_path: Path, chromium: Any) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0), BUILT_IN["debate with questions"], PERSON)]).close()
    set_up(path, Settings(confirm=False))
    stop = threading.Event()

    def machines() -> None:
        with Worker(path, company=lambda store: Both()) as worker:
            worker.work(stop=stop)

    thread = threading.Thread(target=machines)
    with served(path) as url:
        try:
            one = tab(chromium, url)
            one.page.goto(url)
            one.button("Continue")
            one.press("g")
            one.sees("Your question", exact=True)
            one.page.get_by_label("Ask the debaters one question").fill("Where was the mill, Q?")
            one.page.get_by_label("Ask the debaters one question").blur()
            one.press("q")
            one.sees("The debaters are to answer,")
            one.page.get_by_text("Your notes").click()
            notes = one.page.get_by_label("For yourself alone")
            notes.fill("still being wr")
            one.page.goto(url)  # leaves, and comes back
            one.sees("Nothing to do just now")
            one.page.go_back()
            one.sees("The debaters are to answer,")
            one.until(lambda: notes.count() == 1, "the notes are gone")
            assert notes.input_value() == "still being wr"
            notes.focus()
            one.press("End")
            thread.start()
            for letter in "itten":
                one.page.keyboard.type(letter)
                one.page.wait_for_timeout(700)
            one.sees("Your verdict", exact=True)  # by itself
            assert notes.input_value() == "still being written"
            one.until(lambda: one.turns() == 5, "the answers are not shown")
            assert one.page.locator(".turn .who").nth(2).inner_text() == "Judge"
            notes.blur()
            one.set_percent(["ArrowRight"], "55")
            one.press("1")
            one.page.get_by_label("Why?").fill("x")
            one.page.get_by_label("Why?").blur()
            one.press("s")
            one.sees("Your verdict is recorded")
            assert [row["mode"] for row in verdicts(path)] == ["live"]
            assert one.troubles == [] and one.outside == []
        finally:
            stop.set()
            if thread.is_alive():
                thread.join(30)


def test_on_a_phone_the_report_comes_before_the_tree_and_nothing_is_cut_off(
    tmp_path: Path, chromium: Any
) -> None:
    """With hostile texts: none is markup, none asks for anything outside, none makes it wider."""
    path = tmp_path / "s.db"
    hostile = Question("Who? " + HOSTILE, (HOSTILE, "no " + HOSTILE), PASSAGE, "test")
    agents = (Says("h", (f"<quote>Twelve crates were loaded</quote> {HOSTILE} [3]",)), BOB)
    name = "![n](http://outside.invalid/n.png)"
    debates = [match(hostile, agents=agents, seed=n) for n in range(2)]
    stage(path, debates, agents=agents, name=name).close()
    set_up(path, Settings(mode="whole", confirm=False, instructions=HOSTILE), name)
    with served(path, None) as url:
        one = tab(chromium, url, 390, 844)
        one.page.goto(url)
        one.sees(visible(HOSTILE)[:20])
        canvas = one.page.locator('[data-testid="stDataFrame"] canvas').first
        canvas.wait_for(timeout=WAIT)
        box = canvas.bounding_box()
        assert box is not None
        one.page.mouse.click(box["x"] + 16, box["y"] + 52)  # the first row's box
        one.button("Submit verdict")
        one.until(lambda: one.turns() == 4, "the debate is not shown")
        assert "/judge?a=" in one.page.url
        places = [
            one.page.locator(where).first.bounding_box()
            for where in (".st-key-text", ".st-key-report", ".st-key-tree")
        ]
        tops = [place["y"] for place in places if place is not None]
        assert len(tops) == 3 and tops == sorted(tops)
        width = one.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0
        assert visible(HOSTILE) in one.page.locator(".area").inner_text()
        inside = one.page.locator(".area").locator("img, script, iframe, a, textarea")
        assert inside.count() == 0 and one.page.locator(".area .tag").count() > 2
        assert one.page.evaluate("typeof window.__pwn") == "undefined"
        assert one.outside == [] and one.troubles == []
    wire = b"".join(one.frames)
    assert b"Twelve crates were loaded" in wire
    assert b"CANARY-PASSAGE" not in wire and b"CANARY-THOUGHT" not in wire
    for debate_ in debates:
        assert debate_.id.encode() not in wire
