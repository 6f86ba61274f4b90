"""Hostile texts in a real browser: as everything that people and models write, on every page.

The policy that the desk sends would stop a beacon as well; it is switched off here, so that what is
tested is the drawing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from browser import Watch, entered, served
from deskpages import take
from hostile import (
    LOADED,
    MARK,
    OPENED,
    ROUNDS,
    SEEN,
    STYLE,
    TEXTS,
    Scene,
    at,
    beacon,
    build,
    debate_page,
    marked,
    name_of,
    one_line,
    runs,
    unfold,
    visit,
    words,
)

from arena.desk import identity, worklist
from arena.store import Store
from arena.text import visible
from ui.web.desk_pages import pages_of


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    file = tmp_path_factory.mktemp("hostile") / "s.db"
    with beacon() as (address, asked):
        debates, link = build(file, address)
        runs(file, address)
        roles = {"judge": "Ada", "researcher": "Rita", "admin": "Carol"}
        sessions = {role: entered(file, name_of(address, who), role)
                    for role, who in roles.items()}  # fmt: skip
        with served(file) as url:
            yield Scene(url, file, address, asked, sessions, debates, link)


Enter = Callable[[str], Watch]


@pytest.fixture
def enter(scene: Scene, chromium: Any) -> Iterator[Enter]:
    """A browser for a role, without the policy that would hide what a page asks for."""
    some: list[Watch] = []

    def made(role: str = "", **options: Any) -> Watch:
        some.append(
            Watch(chromium, scene.url, scene.sessions.get(role), bypass_csp=True, **options)
        )
        return some[-1]

    yield made
    for one in some:
        assert one.wrong() == [] and scene.asked == []
        one.close()


def test_the_ways_to_notice_do_notice(scene: Scene, chromium: Any) -> None:
    """What every other test here says is not there is seen where it is."""
    for name, made in {
        "an element of its own": "<img src='BEACON/1'>",
        "an attribute href": "<a href='BEACON/2'>x</a>",
        "an attribute onclick": "<p onclick='1'>x</p>",
        "markup was read": f"<p>**<b>{MARK}</b>**</p>",
        "a character that is not to be seen": "<p>x\u202ex</p>",
        "a script ran": "<script>window.__pwn = 9</script>",
    }.items():
        with beacon() as (address, asked):
            watch = Watch(chromium, scene.url, bypass_csp=True)
            watch.open("/signin")
            watch.page.set_content(made.replace("BEACON", address))
            watch.page.wait_for_timeout(300)
            assert any(one.startswith(name) for one in marked(watch, address)), name
            outside = "img" in made
            assert (bool(asked), bool(watch.outside)) == (outside, outside)
            watch.close()


def test_a_judge_reads_speeches_as_they_are(scene: Scene, enter: Enter) -> None:
    id = take(scene.file, name_of(scene.beacon, "Ada"), scene.debates["all"])
    ada = enter("judge")
    page = ada.open(f"/judge?a={id}")
    ada.button("Submit verdict")
    ada.until(lambda: page.locator("article").count() == 2 * ROUNDS, "the debate is not shown")
    ada.settle()
    scene.look(ada, "the debate")
    said = page.locator(".area").evaluate("one => one.textContent")
    for name, text in TEXTS.items():
        if "<quote>" not in text:  # those are taken apart into what is quoted and what is not
            assert visible(at(scene.beacon, text)) in said, name
    # No speech has made a turn, a speaker, a round, a mark or a quotation of the platform.
    assert page.locator("article").count() == 2 * ROUNDS
    assert set(page.locator("article .who").all_inner_texts()) == {"Debater A", "Debater B"}
    heads = page.locator("article > header").all_inner_texts()
    assert len(heads) == 2 * ROUNDS and not any("Round 99" in head for head in heads)
    assert page.locator("article h2").count() == page.locator("article header").count()
    marks = page.locator("article").filter(has=page.locator(".tag, .quote, mark, .cited-lines"))
    assert marks.count() == 1
    assert "Twelve crates were loaded" in marks.inner_text() and "</quote>" in marks.inner_text()
    assert marks.locator(".verified .words").all_inner_texts() == ["Twelve crates were loaded"]
    page.get_by_role("button", name="Help").click(trial=True)  # nothing covers the page
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_the_platforms_marks_cannot_be_imitated(scene: Scene, enter: Enter) -> None:
    """A speech that says what a mark says looks like every other speech, and unlike a mark."""
    id = take(scene.file, name_of(scene.beacon, "Ada"), scene.debates["all"])
    ada = enter("judge")
    page = ada.open(f"/judge?a={id}")
    ada.until(lambda: page.locator("article").count() == 2 * ROUNDS, "the debate is not shown")
    said = page.locator("article .said > span:not(.quote, .tag)")
    plain = said.filter(has_text="I concede.").evaluate(STYLE)
    written = said.filter(has_text="\u2713 in the passage")
    assert written.count() == 1 and written.evaluate(STYLE) == plain
    assert written.locator("*").count() == 0 and not written.get_attribute("class")
    marks = page.locator("article .tag")
    assert marks.count() > 3
    for mark in marks.all():
        look = mark.evaluate(STYLE)
        assert look["borderTopWidth"] != "0px" and plain["borderTopWidth"] == "0px"
        assert look["fontFamily"] != plain["fontFamily"] and look["color"] != plain["color"]
    # Inside a quotation as well: the box around it, and the mark after it, are the platform's.
    (box,) = page.locator("article .quote").filter(has_text="a forged one").all()
    assert box.get_attribute("class") == "quote unverified"
    assert box.locator(".tag").all_inner_texts() == ["\u2717 not in the passage"]
    checked = page.locator(".verified .words, .cited .words").all_inner_texts()
    assert checked == ["[1]", "Twelve crates were loaded"]
    # Nothing that is piled up or very large leaves its turn.
    for one in page.locator("article > .said").all():
        assert "paint" in one.evaluate(STYLE)["contain"]


def test_a_judge_meets_hostile_words_in_every_part(scene: Scene, enter: Enter) -> None:
    """Queue, dialogs, the reason that one writes oneself, the survey, and what comes after."""
    line = one_line(scene.beacon)
    id = take(scene.file, name_of(scene.beacon, "Ada"), scene.debates["all"])
    ada = enter("judge")
    page = ada.open("/")
    ada.sees("Instructions")
    ada.settle()
    unfold(ada, lambda what: scene.look(ada, f"queue, {what}"))
    assert SEEN in words(ada)
    ada.open(f"/judge?a={id}")
    ada.button("Submit verdict")
    unfold(ada, lambda what: scene.look(ada, f"judge, {what}"))
    page.keyboard.press("t")
    page.locator(".quotes").wait_for()
    scene.look(ada, "quotations")
    assert MARK in page.locator(".quotes").inner_text()
    page.keyboard.press("t")
    page.locator(".reader .feed.columns article").first.wait_for()
    scene.look(ada, "side by side")
    page.keyboard.press("t")
    page.locator(".reader .feed:not(.columns) article").first.wait_for()
    for name, there_is in (("Help", "Keys do not act"), ("Report", "What is wrong?"),
                           ("Step down", "Why should somebody"),
                           ("Skip", "In your words")):  # fmt: skip
        ada.button(name).click()
        ada.sees(there_is)
        ada.settle()
        scene.look(ada, f"dialog {name}")
        page.keyboard.press("Escape")
        page.get_by_text(there_is).first.wait_for(state="hidden")
        ada.until(ada.button("Submit verdict").is_enabled, "the page did not come back")
    page.get_by_text("Not set yet").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    page.get_by_label("Why?").fill(f"reason {line}")
    page.get_by_label("Why?").blur()
    ada.sees("Draft saved")
    page.keyboard.press("s")
    ada.sees("Submit this verdict?")
    ada.settle()
    scene.look(ada, "confirm")
    page.keyboard.press("y")
    ada.sees("Your verdict is recorded")
    ada.sees("A few questions")
    unfold(ada, lambda what: scene.look(ada, f"after, {what}"))
    assert visible(f"reason {line}") in words(ada)
    own = page.locator("[data-testid=stTextArea] textarea").last
    own.fill(line)
    for one in page.get_by_text("I cannot tell", exact=True).all():
        one.click()
    ada.button("Save answers").click()
    ada.sees("Your answers are kept.")
    ada.settle()
    scene.look(ada, "answers")
    assert own.input_value() == line  # one's own words stay in one's own box as they are
    for path, seen in (("/", "Finished"), ("/record", "Your time"), ("/you", "Sign out")):
        ada.open(path)
        ada.sees(seen)
        ada.settle()
        unfold(ada, lambda what, path=path: scene.look(ada, f"{path}, {what}"))
    assert name_of(scene.beacon, "Ada")[:20] in words(ada)


def test_a_very_long_speech_is_folded_and_makes_nothing_wider(scene: Scene, enter: Enter) -> None:
    id = take(scene.file, name_of(scene.beacon, "Ada"), scene.debates["long"])
    ada = enter("judge", size=(390, 844))
    page = ada.open(f"/judge?a={id}")
    ada.button("Submit verdict")
    page.locator("article").first.wait_for()
    rest = page.locator("article .rest > summary").first
    rest.click()
    ada.settle()
    scene.look(ada, "the long debate")
    long = page.locator("article").filter(has=page.locator(".rest")).first
    assert long.evaluate("one => one.textContent.length") > 99_000
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    width = "one => one.scrollWidth - one.clientWidth"
    assert page.locator(".area").evaluate(width) <= 0


def test_a_word_without_an_end_does_not_hold_the_browser_up(scene: Scene, enter: Enter) -> None:
    id = take(scene.file, name_of(scene.beacon, "Ada"), scene.debates["endless"])
    ada = enter("judge")
    page = ada.open(f"/judge?a={id}")
    ada.sees("What became of crate 2?")
    page.locator("article .rest > summary").first.wait_for()
    ada.settle()
    assert page.evaluate(OPENED) < 3


def test_a_debater_meets_them_and_writes_them(scene: Scene, enter: Enter) -> None:
    ada = enter("judge")
    page = ada.open("/chair")
    ada.sees("Open chairs")
    unfold(ada, lambda what: scene.look(ada, f"chairs, {what}"))
    with Store(scene.file) as store:
        me, one = identity.register(store, name_of(scene.beacon, "Ada")), scene.debates["chair"]
        assert worklist.take(store, one, me, time.time(), 3600, "B")
        id = worklist.assignment_id(one.id, "B", me)
    ada.open(f"/chair?a={id}")
    page.locator(".lines li").first.wait_for()
    ada.settle()
    unfold(ada, lambda what: scene.look(ada, f"chair, {what}"))
    assert SEEN in page.locator(".picker").inner_text()
    page.locator("textarea").first.fill(one_line(scene.beacon, *TEXTS))
    page.locator("textarea").first.blur()
    page.keyboard.press("p")
    page.locator("article").get_by_text("a preview: nothing is sent yet").wait_for()
    ada.settle()
    scene.look(ada, "preview")
    assert page.locator("article").count() == 2
    for name, there_is in (("Help", "Keys do not act"),
                           ("Give up this chair", "Why should somebody else")):  # fmt: skip
        ada.button(name).click()
        ada.sees(there_is)
        ada.settle()
        scene.look(ada, f"dialog {name}")
        page.keyboard.press("Escape")
        page.get_by_text(there_is).first.wait_for(state="hidden")
        ada.until(ada.button("Preview").is_enabled, "the page did not come back")
    ada.button("Send").click()
    ada.sees("Not sent, and your text is kept.")  # it is too long
    scene.look(ada, "refused")
    page.locator("textarea").first.fill(at(scene.beacon, TEXTS["html"]))
    page.locator("textarea").first.blur()
    ada.button("Send").click()
    ada.button("Yes, send").click()
    page.get_by_role("button", name="Preview").wait_for(state="detached")
    ada.settle()
    scene.look(ada, "sent")
    assert visible(at(scene.beacon, TEXTS["html"])) in page.locator("article").last.inner_text()


@pytest.mark.parametrize("role", ["admin", pytest.param("researcher", marks=pytest.mark.check)])
def test_on_every_page_of_a_role_hostile_words_are_words(
    scene: Scene, enter: Enter, role: str
) -> None:
    some = enter(role, size=(1500, 1600))
    pages = [one.url for one in pages_of(role)]
    assert set(pages) <= LOADED.keys()
    for url in pages if role == "admin" else pages[3:]:
        visit(scene, some, url)
        assert MARK in words(some) or url not in ("tournament", "training")
    debate_page(scene, some)
    if role == "admin":
        some.open("/assignments")
        some.sees(LOADED["assignments"])
        some.settle()
        some.button("Preview").click()
        some.sees("Places")
        some.settle()
        unfold(some, lambda what: scene.look(some, f"preview of a plan, {what}"))


def test_an_import_a_plan_an_invite_and_an_event_show_hostile_words_as_they_are(
    scene: Scene, enter: Enter
) -> None:
    """What an admin's clicks bring up: reports, links, toasts, details, a file's name."""
    line, admin = one_line(scene.beacon), enter("admin", size=(1500, 1600))
    page = admin.open("/data")
    admin.sees("Codebook")
    with page.expect_download() as got:
        page.get_by_role("button", name="Download", exact=True).click()
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.zip", got.value.suggested_filename)
    page.get_by_role("radio", name="Import", exact=True).click()
    good = {"question": line, "answers": [f"This {line}", f"That {line}"], "truth": 0}
    lines = [json.dumps(one) for one in (good, {line: line}, [line], {**good, "truth": line})]
    name = one_line(scene.beacon, "badge", "html", "links").replace("/", "")[:200] + ".jsonl"
    file = {"name": name, "mimeType": "text/plain", "buffer": "\n".join([*lines, line]).encode()}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_label("Name of the import").fill(line[:200])
    page.get_by_label("Name of the import").blur()
    admin.settle()
    admin.button("Dry run").click()
    admin.sees("Report")
    admin.settle()
    unfold(admin, lambda what: scene.look(admin, f"report on an import, {what}"))
    assert SEEN in words(admin) and "Left out" in words(admin)
    page.get_by_role("button", name="Import").last.click()
    admin.button("Yes, import").click()
    admin.sees("Imported: ")
    admin.settle()
    scene.look(admin, "imported")
    admin.open("/people")
    admin.sees("One person")
    page.get_by_label("Name", exact=True).fill(name_of(scene.beacon, "Fay"))
    admin.button("Make a link").click()
    admin.sees("Copy it now")
    admin.settle()
    scene.look(admin, "a link")
    assert f"A link for {name_of(scene.beacon, 'Fay')}" in words(admin)
    admin.open("/audit")
    admin.sees("Audit")
    admin.settle()
    seen = set()
    for row in range(8):  # the newest: what was done just now, and what others did before
        at_row = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
        page.mouse.click(at_row["x"] + 16, at_row["y"] + 35 * (row + 1) + 17)
        page.locator(".st-key-plain-event").wait_for()
        admin.settle()
        scene.look(admin, f"event {row}")
        seen.add(page.locator(".st-key-plain-event").inner_text())
    assert len(seen) == 8 and any(SEEN in one for one in seen)


def test_hostile_addresses_are_words(scene: Scene, enter: Enter) -> None:
    """What stands in an address comes from whoever sent the link."""
    admin, text = enter("admin"), quote(one_line(scene.beacon))
    for path in (f"/judge?a={text}", f"/chair?a={text}", f"/debate?id={text}&turn={text}",
                 f"/debates?run={text}&outcome={text}&flags={text}&after={text}",
                 f"/debate?id={scene.debates['all'].id}&turn={text}&beside={text}",
                 f"/tournament?run={text}", f"/studies?run={text}&part={text}",
                 f"/training?run={text}", f"/people?x={text}", f"/audit?x={text}"):  # fmt: skip
        admin.open(path)
        admin.page.locator("[data-testid=stMain] [data-testid=stVerticalBlock]").first.wait_for()
        admin.settle()
        scene.look(admin, path[:20])


def test_the_pages_in_front_show_a_hostile_name_as_it_is(scene: Scene, enter: Enter) -> None:
    new = enter()
    page = new.open(scene.link)
    new.sees("This link signs in")
    scene.look(new, "a link")
    assert name_of(scene.beacon, "Dora") in words(new)
    new.button("Continue").click()
    new.settle()
    for path in ("/passcode", "/leave"):
        new.open(path)
        scene.look(new, path)
    stranger = enter()
    page = stranger.open("/signin")
    page.get_by_label("Name").fill(name_of(scene.beacon, "Eve"))
    page.get_by_label("Passcode").fill("x" * 20)
    stranger.button("Sign in").click()
    page.get_by_role("alert").wait_for()
    scene.look(stranger, "sign-in")
    assert MARK in words(stranger)
