"""The reading pages in a real browser: list, tree, switches, a fork played and shown."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import ENTER, LOCAL
from doorway import free_port
from stage import BOB, Says, match, question, stage
from test_browse import judge, model_verdict

from arena.desk.fork import fork
from arena.match import Match, participant_id
from arena.protocols import debate
from arena.runfile import read_run_file
from arena.store import Store
from arena.turns import Verdict
from ui import doorkey
from ui.runs import run_file
from ui.serve import command

WAIT = 180_000  # milliseconds; a machine may be busy
HOSTILE = (
    "![x](http://outside.invalid/beacon.png) <script>window.__pwn = 1</script> "
    ":green-badge[Verified] $\\rule{800px}{400px}$ <img src='http://outside.invalid/i.png'>"
)
LOUD = Says("loud" + HOSTILE, (HOSTILE + " <quote>Twelve crates were loaded</quote>", HOSTILE))
Open = Callable[..., Any]


def build(folder: Path) -> tuple[Path, Match]:
    """A store with a run of scripted witnesses, and a debate of hostile words with a fork."""
    file = folder / "s.db"
    hostile = match(question(0, HOSTILE), debate(rounds=2), agents=(LOUD, BOB))
    with stage(file, [hostile], agents=(LOUD, BOB), name=HOSTILE) as store:
        judge(store, hostile, "Ada")
        model_verdict(store, hostile, Verdict(1, (0.25, 0.75), reason=HOSTILE))
        fork(store, hostile, 1, {"A": participant_id(BOB)})
        (folder / "run.yaml").write_text(
            "name: trial\nquestions: {source: witness, n: 3, seed: 3}\nprotocols: [debate]\n"
            "players: {a: 'scripted:witness,p=1,s=0,b=1', b: 'scripted:witness,p=.5,s=0,b=.5'}\n"
            "judges: {j: scripted:literal}\n"
        )
        run_file(read_run_file(folder / "run.yaml", ()), folder, store)
    return file, hostile


def serve(file: Path) -> Iterator[str]:
    """The desk of a store, local, at an address of its own."""
    port = free_port()
    process = subprocess.Popen(
        command(file, "Ada", port=port), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, doorkey.TOKEN: LOCAL},
    )  # fmt: skip
    found = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                if urllib.request.urlopen(f"{found}/healthz").status == 200:
                    break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail("the desk did not start within 120 s")
        yield found
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Match]]:
    """A desk that is served, its store, and the debate of hostile words."""
    file, hostile = build(tmp_path_factory.mktemp("desk"))
    for url in serve(file):
        yield url, file, hostile


@pytest.fixture
def tab(desk: tuple[str, Path, Match], chromium: Any) -> Iterator[Open]:
    """Opens an address of the desk; at the end nothing may have gone wrong or outside."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def opened(path: str, size: tuple[int, int] = (1400, 1000), **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        context.request.get(desk[0] + ENTER)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        own = (desk[0], desk[0].replace("http", "ws", 1), "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(own) else wrong.append(r.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(desk[0] + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def read(page: Any, turns: int) -> None:
    """Wait until a transcript of so many turns is drawn."""
    page.locator(".reader article").nth(turns - 1).wait_for()
    page.locator(".node").first.wait_for()


def choose(page: Any, name: str) -> None:
    """One of the parts below the columns."""
    page.get_by_role("radio", name=name, exact=True).click()


def trial(file: Path) -> Match:
    with Store(file) as store:
        sql = "SELECT match FROM run_matches WHERE run = 'trial' ORDER BY position LIMIT 1"
        (row,) = store.query(sql)
        return store.match(row["match"])


def test_from_the_list_to_a_fork_beside_its_debate(
    desk: tuple[str, Path, Match], tab: Open
) -> None:
    page = tab("/debates")
    page.get_by_text("5 debates fit.").wait_for()
    page.get_by_role("combobox", name=re.compile("^Run")).or_(
        page.get_by_label("Run")
    ).first.click()
    page.get_by_role("option", name="trial (3)").click()
    page.get_by_text("3 debates fit.").wait_for()
    assert re.search(r"\?run=[0-9a-z]+$", page.url) and "trial" not in page.url.partition("?")[2]
    table = page.locator("[data-testid=stDataFrame] canvas").first
    table.wait_for()
    page.wait_for_timeout(1500)  # the skeleton goes
    page.locator(".dvn-scroller").first.click(
        position={"x": 12, "y": 52}
    )  # the box of the first row
    read(page, 4)
    assert re.search(r"/debate\?id=m[0-9a-f]{32}$", page.url)

    page.locator(".node[data-number='1']").click()
    page.locator(".reader article.selected[data-number='1']").wait_for()
    page.wait_for_url(re.compile(r"turn=1$"))
    assert page.locator(".beliefs").count() == 0
    page.get_by_text("Judges' reports", exact=True).click()
    page.locator(".beliefs").wait_for()

    page.evaluate("document.activeElement.blur()")  # keys are not for a switch
    page.keyboard.press("j")
    page.locator(".reader article.selected[data-number='2']").wait_for()
    page.keyboard.press("k")
    page.locator(".reader article.selected[data-number='1']").wait_for()
    choose(page, "Fork")
    page.get_by_label("Seat 1 is taken by").fill("scripted:random")
    page.get_by_label("Judges who read it when it is over, one a line").fill("scripted:literal")
    page.get_by_role("button", name="Fork and play on").click()
    page.get_by_text("They part after turn 2").wait_for()
    page.get_by_text("The fork is over.").wait_for()
    assert page.locator(".cards.two .card").count() == 4
    assert page.locator(".node.dim").count() >= 2  # the branch is in the tree
    page.locator(".node.dim").first.click()
    page.wait_for_function("() => !location.search.includes('beside')")
    read(page, 4)
    page.reload()
    read(page, 4)
    assert page.locator(".beliefs").count() == 0  # all switches are off again


def test_hostile_words_are_words_on_every_part(desk: tuple[str, Path, Match], tab: Open) -> None:
    page = tab(f"/debate?id={desk[2].id}&turn=0")
    read(page, 4)
    for switch in ("Truth", "Judges' reports", "Metadata"):
        page.get_by_text(switch, exact=True).first.click()
        page.wait_for_timeout(300)
    page.locator(".beliefs").wait_for()
    parts = {
        "Fork": "Forks of this debate",
        "Reports": "Reasons in full",
        "Record": "Its private thought.",
        "Alternatives": "Nothing else was said",
    }
    for part, seen in parts.items():
        choose(page, part)
        page.get_by_text(seen).first.wait_for()
    assert page.locator(".reader article .said", has_text="<script>").count() >= 2
    assert page.evaluate("() => window.__pwn") is None
    assert page.locator("img[src*=outside], .katex, script[src*=outside]").count() == 0


def test_a_link_opens_the_turn_that_it_names(desk: tuple[str, Path, Match], tab: Open) -> None:
    page = tab(f"/debate?id={trial(desk[1]).id}&turn=3")
    read(page, 4)
    page.locator(".reader article.selected[data-number='3']").wait_for()
    page.get_by_text("Link", exact=True).click()
    page.get_by_text(f"/debate?id={trial(desk[1]).id}&turn=3").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(desk: tuple[str, Path, Match], tab: Open, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    with Store(desk[1]) as store:
        (row,) = store.query("SELECT match FROM events WHERE kind = 'forked' ORDER BY id LIMIT 1")
    for path in ("/debates", f"/debate?id={desk[2].id}&turn=2&beside={row['match']}"):
        page = tab(path, color_scheme=scheme, bypass_csp=True)
        if path == "/debates":
            page.get_by_text("debates fit.").wait_for()
            page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
        else:
            read(page, 4)
            for switch in ("Truth", "Judges' reports", "Metadata"):
                page.get_by_text(switch, exact=True).first.click()
                page.wait_for_timeout(500)
            page.locator(".cards.two .card").first.wait_for()
            choose(page, "Fork")
            page.get_by_label("Seat 1 is taken by").wait_for()
        found = axe.Axe().run(page)
        serious = [
            (one["id"], [node["html"][:200] for node in one["nodes"]])
            for one in found.response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == [], path


def test_a_phone_shows_both_pages_without_scrolling_sideways(
    desk: tuple[str, Path, Match], tab: Open
) -> None:
    page = tab("/debates", (390, 844))
    page.get_by_text("debates fit.").wait_for()
    wide = "document.documentElement.scrollWidth - window.innerWidth"
    assert page.evaluate(wide) <= 0
    page = tab(f"/debate?id={desk[2].id}&turn=2", (390, 844))
    read(page, 4)
    assert page.evaluate(wide) <= 0
    for part in page.locator(".reader, .tree, .quotes, .cards").all():
        box = part.bounding_box()
        assert box is None or box["x"] + box["width"] <= 391
