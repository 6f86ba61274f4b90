"""The judging desk beside an empty Streamlit page: clicks of many judges, and a long debate.

Without a browser, judges sign in, save probabilities, decide and go on, each over a WebSocket of
its own; beside them as many clients click the one button of a page that has nothing else. In
Chromium, a debate of 40 turns of 1,500 characters is loaded and clicked through, beside the empty
page. Run ``python benchmarks/desk.py [--json] [--seconds 20] [--clients 50] [--no-browser]``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import psutil
from timing import median, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import ENTER
from deskclient import Server, Tab, join
from deskjudge import SAVE, Judge
from stage import Says, match, question, stage

from arena.desk import identity, steps, worklist
from arena.desk.settings import Settings, set_settings
from arena.protocols import Limits, debate
from arena.store import Store
from ui.serve import OPTIONS, command

PACE, SINGLE = 3.0, 0.5
"""Seconds between clicks: of each of many clients, and of one alone."""
TURNS, CHARACTERS, LOADS, CLICKS = 40, 1500, 5, 8
WHOLE, LAST = "whole", "last"
EMPTY = """
import streamlit as st
st.session_state.n = st.session_state.get("n", 0) + bool(st.session_state.get("click"))
st.button("Click", key="click")
st.text(f"clicked {st.session_state.n}")
"""
APP = "import streamlit as st\napp = st.App({!r})\n"
Figures = dict[str, float]


def speech(name: str) -> Says:
    """A debater whose turns have 1,500 characters."""
    said = (f"{name} says that the ferry left before the storm broke, and why. " * 40)[:CHARACTERS]
    return Says(name, (said,))


AGENTS = (speech("alice"), speech("bob"))
LIMITS = Limits(characters=2 * CHARACTERS)


def empty(folder: Path) -> Server:
    """The empty page, served as the desk is: by an application, with the same options."""
    script, app = folder / "empty_page.py", folder / "empty_app.py"
    script.write_text(EMPTY)
    app.write_text(APP.format(str(script)))

    def words(port: int) -> list[str]:
        options = {**OPTIONS, "server.port": str(port), "server.address": "127.0.0.1"}
        found = [sys.executable, "-m", "streamlit", "run", str(app)]
        for name, value in options.items():
            found += [f"--{name}", value]
        return found

    return Server(folder / "empty.db", words)


def percentile(found: Sequence[float], share: float) -> float:
    """The value below which so many lie; NaN of nothing."""
    ordered = sorted(found)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


# Without a browser.


class Clicker:
    """Somebody who clicks the button of the empty page."""

    def __init__(self, tab: Tab, pace: float, draws: Random) -> None:
        self.tab, self.pace, self.draws = tab, pace, draws
        self.waits: list[float] = []

    async def first(self) -> None:
        self.tab.path = ""
        await self.tab.open()
        await self.tab.until(lambda page: page.button("Click") is not None)

    async def act(self) -> None:
        await asyncio.sleep(self.pace * self.draws.uniform(0.5, 1.5))
        before, id = self.tab.page.words(), self.tab.page.button("Click")
        assert id is not None
        begun = time.perf_counter()
        await self.tab.send(id)
        await self.tab.until(lambda page: page.words() != before)
        self.waits.append(time.perf_counter() - begun)


class Reader(Judge):
    """Somebody who judges, as the empty page's client clicks."""

    async def first(self) -> None:
        await self.tab.open()
        await self.tab.until(lambda page: page.button("Continue") is not None)


async def crowd(people: Sequence[Any], seconds: float) -> tuple[list[float], float]:
    """Everybody opens a page at once, and clicks for so long: seconds to the first page, and
    seconds for which all of them clicked."""

    async def opens(one: Any) -> float:
        begun = time.perf_counter()
        await one.first()
        return time.perf_counter() - begun

    async def clicks(one: Any, end: float) -> None:
        while time.perf_counter() < end:
            await one.act()

    first = list(await asyncio.gather(*(opens(one) for one in people)))
    begun = time.perf_counter()
    await asyncio.gather(*(clicks(one, begun + seconds) for one in people))
    taken = time.perf_counter() - begun
    await asyncio.gather(*(one.tab.close() for one in people))
    return first, taken


def measured(server: Server, people: Sequence[Any], seconds: float) -> Figures:
    """What clients at a server felt, and what it took."""
    process = psutil.Process(server.pid)

    def spent() -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    before = spent()
    first, _ = asyncio.run(crowd(people, seconds))
    readers = [one for one in people if isinstance(one, Judge)]
    waits = [seconds for one in readers for _, seconds in one.log.waits]
    waits += [seconds for one in people if isinstance(one, Clicker) for seconds in one.waits]
    runs = sum(one.tab.runs for one in people)
    found = {
        "first page p50, ms": 1000 * median(first),
        "click p50, ms": 1000 * median(waits),
        "click p95, ms": 1000 * percentile(waits, 0.95),
        "CPU of the server a run, ms": 1000 * (spent() - before) / runs,
        "kB a run": sum(one.tab.got for one in people) / runs / 1000,
        "RSS, MB": process.memory_info().rss / 1e6,
        "clicks": float(len(waits)),
    }
    if readers:
        saves = [wait for one in readers for label, wait in one.log.waits if label == SAVE]
        found["save and show next p50, ms"] = 1000 * median(saves)
    return found


def many(folder: Path, clients: int, seconds: float) -> Figures:
    """One client, then ``clients`` at once, at the desk and at the empty page in turn."""
    path, figures = folder / "desk.db", {}
    debates = 2 + clients * (2 + int(seconds / PACE / 5)) + int(seconds / SINGLE / 5)
    made = [match(question(n, f"story {n}"), agents=AGENTS) for n in range(debates)]
    with stage(path, made, agents=AGENTS) as store:
        names = [f"Judge {n:02}" for n in range(clients + 1)]
        invites = [identity.invite(store, name, identity.JUDGE) for name in names]
    with Server(path) as desk, empty(folder) as bare:
        for count, pace in ((1, SINGLE), (clients, PACE)):
            tokens = [join(desk.port, invites.pop()) for _ in range(count)]
            readers = [Reader(Tab(desk.port, token), 10**6, Random(n), pace=pace)
                       for n, token in enumerate(tokens)]  # fmt: skip
            clickers = [Clicker(Tab(bare.port, ""), pace, Random(n)) for n in range(count)]
            both = {"desk": measured(desk, readers, seconds),
                    "empty page": measured(bare, clickers, seconds)}  # fmt: skip
            who = "1 client" if count == 1 else f"{count} clients"
            for page, found in both.items():
                figures |= {f"{who}, {page}: {name}": value for name, value in found.items()}
            for name in ("first page p50, ms", "click p50, ms", "CPU of the server a run, ms"):
                figures[f"{who}: times the empty page's {name.split(',')[0]}"] = (
                    both["desk"][name] / both["empty page"][name]
                )
    return figures


# In a browser.

LOOK = """
  window.__roots = () => [document,
    ...[...document.querySelectorAll('*')].filter((e) => e.shadowRoot).map((e) => e.shadowRoot)];
  window.__all = (what) => window.__roots().flatMap((root) => [...root.querySelectorAll(what)]);
  window.__when = (holds) => new Promise((done) => {
    const look = () => (holds() ? requestAnimationFrame(() => done(performance.now()))
      : requestAnimationFrame(look));
    look();
  });
  window.__click = async (label, holds) => {
    const button = [...document.querySelectorAll('button')]
      .find((one) => one.innerText.trim().startsWith(label) && !one.disabled);
    const begun = performance.now();
    button.click();
    return await window.__when(holds) - begun;
  };
"""
WAIT = 120_000


def shown(page: Any, what: str, count: int) -> float:
    """Milliseconds from the beginning of the navigation until so many elements are drawn."""
    script = f"window.__when(() => window.__all({what!r}).length >= {count})"
    return float(page.evaluate(script))


def clicked(page: Any, label: str, holds: str) -> float:
    """Milliseconds from a click until the page has drawn what holds then."""
    return float(page.evaluate(f"window.__click({label!r}, () => {holds})"))


def long_debate(path: Path) -> tuple[str, str]:
    """A store with a debate of 40 turns twice: the ids of a place where all of it is shown, and of
    one where all but the last `CLICKS` turns are."""
    rules = debate(rounds=TURNS // 2, simultaneous=False, limits=LIMITS)
    places = []
    for run, settings in ((WHOLE, Settings(mode="whole")), (LAST, Settings())):
        one = match(question(len(run)), rules, agents=AGENTS)
        stage(path, [one], agents=AGENTS, name=run).close()
        with Store(path) as store:
            set_settings(store, run, settings)
            who = identity.local(store, "Ada").id
            row = next(row for row in worklist.queue(store, who) if row.run == run)
            places.append(worklist.begin(store, who, row.id).id)
            steps.begin(store, one, who, settings)
            for n in range(TURNS - CLICKS if run == LAST else 0):
                state = steps.reading(store, one, who, settings)
                steps.believe(store, one, who, settings, 0.3 + n / 100, state.view.digest)
    return places[0], places[1]


def save(page: Any, turns: int) -> float:
    """A probability by keyboard, then the click that shows turn ``turns``."""
    page.get_by_text("Not set yet").wait_for(timeout=WAIT)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    return clicked(page, SAVE, f"window.__all('.turn').length === {turns}")


def browsed(folder: Path) -> Figures:
    """The page of 40 turns and the empty page in Chromium, in turn."""
    from playwright.sync_api import sync_playwright

    path = folder / "long.db"
    whole, last = long_debate(path)
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with ExitStack() as stack:
        desk = Server(path, lambda port: command(path, "Ada", None, port))
        desk.probe = "/healthz"
        bare = empty(folder)
        stack.enter_context(desk)
        stack.enter_context(bare)
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=[*flags, "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )

        def opened(server: Server, at: str = "") -> Any:
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            if server is desk:
                context.request.get(f"http://127.0.0.1:{server.port}{ENTER}")
            context.add_init_script(LOOK)
            page = context.new_page()
            page.set_default_timeout(WAIT)
            page.goto(f"http://127.0.0.1:{server.port}/{at}", wait_until="commit")
            return page

        found: dict[str, list[float]] = {}

        def note(name: str, milliseconds: float) -> None:
            found.setdefault(name, []).append(milliseconds)

        for repeat in range(LOADS + 1):  # the first of each does not count
            for name, server, at, what, count in (
                ("desk", desk, f"judge?a={whole}", ".turn", TURNS),
                ("empty page", bare, "", "[data-testid=stText]", 1),
            ):
                page = opened(server, at)
                taken = shown(page, what, count)
                if repeat:
                    note(f"{name}: cold load", taken)
                page.context.close()
        reading, clicking = opened(desk, f"judge?a={whole}"), opened(bare)
        deciding = opened(desk, f"judge?a={last}")
        shown(reading, ".turn", TURNS)
        shown(deciding, ".turn", TURNS - CLICKS)
        shown(clicking, "[data-testid=stText]", 1)
        for n in range(CLICKS):
            chosen = reading.evaluate("window.__all('.turn.selected')[0].dataset.number")
            go = f"window.__all('.turn.selected')[0]?.dataset.number === '{int(chosen) + 1}'"
            note("desk: turn to turn", clicked(reading, "Next", go))
            note("desk: save and show next", save(deciding, TURNS - CLICKS + n + 1))
            there = f"window.__all('[data-testid=stText]')[0].innerText === 'clicked {n + 1}'"
            note("empty page: click", clicked(clicking, "Click", there))
            for page in (reading, deciding, clicking):
                page.wait_for_timeout(200)
        browser.close()
    figures = {f"40 turns, {name}, ms": median(times) for name, times in found.items()}
    for name, peer in (("cold load", "cold load"), ("turn to turn", "click"),
                       ("save and show next", "click")):  # fmt: skip
        figures[f"40 turns: {name}, times the empty page's {peer}"] = median(
            found[f"desk: {name}"]
        ) / median(found[f"empty page: {peer}"])
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--seconds", type=float, default=20.0, help="clicking, for each table row")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--no-browser", action="store_true")
    given = parser.parse_args()
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        if given.clients:
            figures |= many(Path(folder), given.clients, given.seconds)
        if not given.no_browser:
            figures |= browsed(Path(folder))
    show("the judging desk beside an empty page, medians", figures, given.json)


if __name__ == "__main__":
    main()
