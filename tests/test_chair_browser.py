"""People debate in a real browser: against a machine by keyboard alone, and against each other."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stage import PERSON, Says
from test_chair_view import spoken, staged
from test_work import Fixed

from arena.desk import identity
from arena.match import participant_id
from arena.protocols import Limits, debate
from arena.store import Store
from ui.serve import command
from ui.web.gate import COOKIE
from ui.work import Worker

RULES = debate(rounds=2, limits=Limits(characters=200, quoted=120))
MACHINE = Says("machine", ("CANARY-FIRST it sank.", "CANARY-SECOND it did sink."))
LONG = 60_000  # milliseconds; the machine that runs this may be busy
FOCUSED = """() => {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  return one ? one.tagName + ' ' + one.className : '';
}"""


class Desk:
    """A served store, and people who are signed in."""

    def __init__(self, path: Path, url: str, browser: Any) -> None:
        self.path, self.url, self.browser = path, url, browser
        self.outside: list[str] = []
        self.troubles: list[str] = []

    def person(self, name: str, frames: list[bytes] | None = None, **options: Any) -> Any:
        """A tab of a browser of this person's own."""
        with Store(self.path) as store:
            token = identity.start_session(store, identity.register(store, name), "test")
        context = self.browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        context.add_cookies([{"name": COOKIE, "value": token, "url": self.url}])
        tab = context.new_page()
        tab.set_default_timeout(LONG)
        own = (self.url, self.url.replace("http", "ws", 1), "data:", "blob:")
        tab.on("request", lambda r: None if r.url.startswith(own) else self.outside.append(r.url))
        tab.on("pageerror", lambda error: self.troubles.append(str(error)))
        if frames is not None:

            def keep(frame: bytes | str) -> None:
                frames.append(frame if isinstance(frame, bytes) else frame.encode())

            tab.on("websocket", lambda socket: socket.on("framereceived", keep))
        return tab


@pytest.fixture
def serve(tmp_path: Path, chromium: Any) -> Iterator[Callable[[], Desk]]:
    """Serves the store of this test, with a sign-in."""
    started: list[subprocess.Popen[bytes]] = []
    desks: list[Desk] = []

    def start() -> Desk:
        path = tmp_path / "s.db"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = (tmp_path / "server.log").open("w")
        started.append(
            subprocess.Popen(
                command(path, port=port, local=False),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        )
        url = f"http://127.0.0.1:{port}"
        for _ in range(400):
            try:
                with urllib.request.urlopen(f"{url}/healthz") as reply:
                    if reply.read() == b"ok":
                        break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail(
                "the desk did not start within 80 s: " + (tmp_path / "server.log").read_text()
            )
        desks.append(Desk(path, url, chromium))
        return desks[-1]

    try:
        yield start
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
    for desk in desks:
        assert desk.outside == [] and desk.troubles == []


@pytest.fixture
def working(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Plays the machines' turns in a thread, until the test is over."""
    stop, threads = threading.Event(), []

    def work() -> None:
        with Worker(tmp_path / "s.db", company=lambda store: Fixed.of(MACHINE)) as worker:
            worker.work(stop=stop)

    def start() -> None:
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join(30)


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def tab_to(tab: Any, word: str) -> None:
    """Press Tab until something with this word among its name and classes has the focus."""
    for _ in range(60):
        if word in tab.evaluate(FOCUSED):
            return
        tab.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {word}")


def send(tab: Any) -> None:
    """From the box: out of it, send, confirm."""
    tab.keyboard.press("Tab")
    tab.keyboard.press("s")
    tab.get_by_text("Yes, send").wait_for()
    tab.keyboard.press("y")


def test_a_person_debates_a_machine_by_keyboard_alone(
    serve: Callable[[], Desk], working: Callable[[], None], tmp_path: Path
) -> None:
    path = tmp_path / "s.db"
    one = staged(path, RULES, (("A", participant_id(MACHINE)), ("B", PERSON)), agents=(MACHINE,))
    working()
    until(lambda: len(spoken(path, one)) == 1)
    frames: list[bytes] = []
    desk = serve()
    tab = desk.person("Ada", frames)
    tab.goto(f"{desk.url}/chair")
    tab.get_by_role("button", name="Take a chair").wait_for()
    tab.keyboard.press("g")
    tab.get_by_text("You argue for answer B").wait_for()
    tab.locator(".lines li").first.wait_for()
    tab_to(tab, "lines")  # the list of the passage's lines
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "Shift+ArrowRight",
                "Shift+ArrowRight", "Shift+ArrowRight", "Enter"):  # fmt: skip
        tab.keyboard.press(key)
    box = tab.locator("textarea")
    assert box.input_value() == "<quote>Twelve crates were loaded</quote>"
    assert tab.evaluate(FOCUSED).startswith("TEXTAREA")
    tab.keyboard.type(" ps: <quote>the miller sold them</quote>.")
    tab.get_by_text("Draft saved").wait_for()
    tab.keyboard.press("Tab")
    tab.keyboard.press("p")
    article = tab.locator("article")
    article.get_by_text("a preview: nothing is sent yet").wait_for()
    assert article.locator(".verified .words").all_inner_texts() == ["Twelve crates were loaded"]
    assert article.locator(".unverified .words").all_inner_texts() == ["the miller sold them"]
    tab.get_by_text("Newly quoted at the last look: 45 of 120 characters.").wait_for()
    assert len(spoken(path, one)) == 1
    tab.reload()  # the draft is on the server
    tab.get_by_text("You argue for answer B").wait_for()
    tab.locator("textarea").wait_for()
    assert box.input_value().endswith("<quote>the miller sold them</quote>.")
    assert not any(b"CANARY-FIRST" in frame for frame in frames)
    tab_to(tab, "TEXTAREA")
    send(tab)
    article.get_by_text("CANARY-FIRST").wait_for()
    # The machine goes on, and the page with it.
    tab.get_by_text("It is your turn to speak").wait_for()
    until(lambda: len(spoken(path, one)) == 3)
    assert article.count() == 2 and not any(b"CANARY-SECOND" in frame for frame in frames)
    tab.locator("textarea").wait_for()
    assert box.input_value() == ""
    tab_to(tab, "TEXTAREA")
    tab.keyboard.type("x" * 211)
    tab.keyboard.press("Tab")
    tab.keyboard.press("s")
    tab.get_by_text("Not sent, and your text is kept.").first.wait_for()
    assert box.input_value() == "x" * 211 and len(spoken(path, one)) == 3
    tab_to(tab, "TEXTAREA")
    tab.keyboard.press("Control+a")
    tab.keyboard.type("It was sold, see [1].")
    send(tab)
    tab.get_by_text("The debate is over").first.wait_for()
    article.get_by_text("CANARY-SECOND").wait_for()
    assert [(seat, place) for seat, place, _ in spoken(path, one)] == [
        ("A", 0), ("B", 0), ("A", 1), ("B", 1),
    ]  # fmt: skip
    assert spoken(path, one)[-1][2] == "It was sold, see [1]."
    assert not any(b"CANARY-THOUGHT" in frame for frame in frames)
    with Store(path) as store:
        sql = "SELECT kind FROM events WHERE person = ? ORDER BY id"
        kinds = [row["kind"] for row in store.query(sql, identity.register(store, "Ada"))]
        assert [kind for kind in kinds if kind in ("taken", "speech")] == [
            "taken",
            "speech",
            "speech",
        ]
        row = store.one("SELECT sum(milliseconds) AS spent FROM activity")
        assert row is not None and row["spent"] > 0


def test_two_people_debate_each_other_and_one_leaves_and_comes_back(
    serve: Callable[[], Desk], tmp_path: Path
) -> None:
    path = tmp_path / "s.db"
    one = staged(path, RULES)
    desk = serve()
    frames: dict[str, list[bytes]] = {"Ada": [], "Bob": []}
    tabs: dict[str, Any] = {}
    for name in frames:
        tabs[name] = desk.person(name, frames[name])
        tabs[name].goto(f"{desk.url}/chair")
        tabs[name].get_by_role("button", name="Take a chair").wait_for()
        tabs[name].keyboard.press("g")
        tabs[name].locator("textarea").wait_for()
    with Store(path) as store:
        seats = {row["holder"]: row["seat"] for row in store.query("SELECT * FROM assignments")}
        seat = {name: seats[identity.register(store, name)] for name in frames}
    assert set(seat.values()) == {"A", "B"}
    first = next(name for name in seat if seat[name] == "B")  # the seat that is not the first
    second = next(name for name in seat if seat[name] == "A")
    tab_to(tabs[first], "TEXTAREA")
    tabs[first].keyboard.type("CANARY-B speaks early.")
    send(tabs[first])
    tabs[first].get_by_text("Your speech waits for the seat before yours").wait_for()
    assert spoken(path, one) == []
    address = tabs[first].url
    tabs[first].goto("about:blank")  # leaving is safe
    tab_to(tabs[second], "TEXTAREA")
    tabs[second].keyboard.type("CANARY-A speaks.")
    assert not any(b"CANARY-B" in frame for frame in frames[second])
    send(tabs[second])
    tabs[second].locator("article").get_by_text("CANARY-B speaks early.").wait_for()
    assert [text for _, _, text in spoken(path, one)] == [
        "CANARY-A speaks.",
        "CANARY-B speaks early.",
    ]
    tabs[first].goto(address)
    tabs[first].get_by_text("It is your turn to speak").wait_for()
    for name in (second, first):
        tabs[name].locator("textarea").wait_for()
        tab_to(tabs[name], "TEXTAREA")
        tabs[name].keyboard.type(f"The end, says {seat[name]}.")
        send(tabs[name])
    for name in (second, first):  # whoever waited is told without a click
        tabs[name].get_by_text("The debate is over").first.wait_for()
        assert tabs[name].locator("article").count() == 4
    assert len(spoken(path, one)) == 4
    theirs = desk.person("Carol")
    theirs.goto(address)  # somebody else's chair, by its address
    theirs.get_by_text("This chair is not yours.").wait_for()
    assert theirs.locator("article").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(serve: Callable[[], Desk], tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "s.db"
    staged(path, RULES)
    desk = serve()
    tab = desk.person("Ada", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    tab.goto(f"{desk.url}/chair")
    tab.get_by_role("button", name="Take a chair").click()
    tab.locator("textarea").wait_for()
    tab.locator(".lines li").first.wait_for()
    wide = "document.documentElement.scrollWidth - window.innerWidth"
    assert tab.evaluate(wide) <= 0
    boxes = [tab.locator(one).first.bounding_box() for one in ("textarea", ".lines", ".area")]
    assert all(
        box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes
    )
