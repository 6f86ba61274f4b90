"""The parts of the desk in a real browser: what they draw, and what they do not."""

from typing import Any

import pytest
from parts_browser import Open, log, open_page, runs, until, url
from parts_debate import HOSTILE

from arena.text import visible

__all__ = ["open_page", "url"]


# The reader, the tree and the quotations.


def test_hostile_text_is_text_and_the_hidden_passage_stays_on_the_server(
    url: str, chromium: Any, open_page: Open
) -> None:
    frames: list[bytes] = []
    tab = chromium.new_context().new_page()
    tab.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(
        frame if isinstance(frame, bytes) else frame.encode())))  # fmt: skip
    tab.goto(f"{url}/?show=debate")
    reader = tab.locator(".reader")
    reader.wait_for()
    assert visible(HOSTILE) in reader.inner_text() and "⟦U+202E⟧" in reader.inner_text()
    for part in (".reader", ".tree", ".quotes"):
        assert tab.locator(part).locator("img, script, iframe, a, style, form").count() == 0
    assert tab.evaluate("typeof window.__pwn") == "undefined"
    wire = b"".join(frames)
    assert b"Twelve crates were loaded" in wire and b"CANARY-PASSAGE" not in wire
    tab.context.close()
    tab = open_page("open")  # a viewer who reads the passage; nothing goes outside either
    assert "CANARY-PASSAGE" in tab.locator(".passage").inner_text()


def test_each_kind_of_quotation_has_a_mark_that_speeches_cannot_make(open_page: Open) -> None:
    tab = open_page("open")
    marks = tab.locator(".feed .tag").all_inner_texts()
    assert {m.split(" ", 1)[1] for m in marks} == {
        "in the passage", "altered", "not in the passage", "no such line"
    }  # fmt: skip
    assert "✓ in the passage" in visible(HOSTILE)  # a speech that imitates one stays plain text
    assert tab.locator("article").nth(1).locator(".tag").all_inner_texts() == [
        "✗ not in the passage"
    ]
    styles = [
        tab.locator(f".feed .{kind} .words").first.evaluate(
            "one => getComputedStyle(one).textDecorationStyle"
        )
        for kind in ("verified", "altered", "unverified")
    ]
    assert styles == ["solid", "wavy", "dashed"]
    altered = tab.locator("details.altered")
    altered.locator(".words").click()
    assert altered.locator("mark").inner_text() == (
        "The keeper was not at the lighthouse when the crates were unloaded"
    )


def test_turns_that_are_the_same_stay_as_they_are(open_page: Open) -> None:
    tab = open_page("debate")
    assert tab.locator("article").count() == 2
    second = tab.locator("article").nth(1)
    second.evaluate("one => { one.kept = true; }")
    tab.get_by_role("button", name="Reveal").click()
    tab.locator("article").nth(3).wait_for()
    assert second.evaluate("one => one.kept") is True
    assert tab.locator("article").nth(3).get_attribute("aria-setsize") == "4"


def test_the_tree_is_walked_with_the_keyboard_and_selects_everywhere(open_page: Open) -> None:
    tab = open_page("open")
    nodes = tab.get_by_role("treeitem")
    names = [node.get_attribute("aria-label") for node in nodes.all()]
    assert names == [
        "Turn 1, Debater A, reported",
        "Turn 2, Debater B",
        "Turn 3, Debater A, answers turn 2, not read yet",
        "Turn 4, Debater B, answers turn 1",
    ]
    assert [node.get_attribute("tabindex") for node in nodes.all()] == ["0", "-1", "-1", "-1"]
    nodes.first.focus()
    for key, at in (("ArrowDown", 3), ("ArrowUp", 0), ("End", 3), ("ArrowLeft", 2), ("ArrowUp", 1)):
        tab.keyboard.press(key)
        focused = tab.evaluate(
            "document.activeElement.shadowRoot.activeElement.getAttribute('data-number')"
        )
        assert focused == str(at)
    assert tab.locator("article.selected").count() == 0 and runs(tab) == 1
    tab.keyboard.press("Enter")
    log(tab, "tree 1")
    assert tab.locator("article.selected").get_attribute("data-number") == "1"
    assert tab.locator("article[aria-current=true]").count() == 1
    assert nodes.nth(1).get_attribute("aria-selected") == "true"
    tab.keyboard.press("j")  # from the script: the third turn
    tab.locator("article.selected[data-number='2']").wait_for()
    assert nodes.nth(2).get_attribute("aria-selected") == "true"


def test_a_click_on_a_turn_and_on_a_quotation_selects_the_turn(open_page: Open) -> None:
    tab = open_page("open")
    tab.locator("article").nth(2).locator("header").click()
    log(tab, "reader 2")
    tab.get_by_role("button", name="Go to turn 4, Debater B").first.click()
    log(tab, "quotes 3")
    assert tab.locator("article.selected").get_attribute("data-number") == "3"


def test_the_selected_turn_comes_into_sight_and_scrolling_is_left_alone(open_page: Open) -> None:
    tab = open_page("long")
    tab.get_by_role("treeitem").nth(29).click()
    log(tab, "tree 29")
    seen = "one => { const a = one.closest('.area').getBoundingClientRect(); "
    seen += (
        "const b = one.getBoundingClientRect(); return b.top >= a.top - 1 && b.top < a.bottom; }"
    )
    assert tab.locator("article").nth(29).evaluate(seen)
    area = tab.locator(".area")
    area.evaluate("one => one.scrollTo(0, 0)")
    tab.locator("article").nth(0).locator("header").scroll_into_view_if_needed()
    before = area.evaluate("one => one.scrollTop")
    tab.get_by_role("button", name="Reveal").click()  # a run that selects nothing new
    tab.get_by_text("runs 3", exact=True).wait_for()
    assert area.evaluate("one => one.scrollTop") == before
    area.focus()
    tab.keyboard.press("End")
    until(lambda: area.evaluate("one => one.scrollTop") > before + 1000)
    header = tab.locator("article header").nth(39)
    assert header.evaluate("one => getComputedStyle(one).position") == "sticky"


def test_branches_are_drawn_with_their_forks(open_page: Open) -> None:
    tab = open_page("forks")
    fork = tab.get_by_role("treeitem", name="a <b>fork</b>")
    assert "dim" in fork.get_attribute("class") and tab.locator(".node").count() == 7
    fork.click()
    log(tab, "tree 6")


# Everybody.


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("show", ["open", "forms", "picker", "forks", "timed"])
def test_axe_finds_nothing_serious(open_page: Open, show: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    tab = open_page(show, color_scheme=scheme, bypass_csp=True)
    for summary in tab.locator("details.quote .words").all()[:3]:
        summary.click()
    found = axe.Axe().run(tab)
    serious = [
        (one["id"], node["html"][:200])
        for one in found.response["violations"]
        for node in one["nodes"]
        if one["impact"] in ("serious", "critical") and not node["html"].startswith("<kbd")
    ]  # Streamlit's own hint of a key, on a button, is pale
    assert serious == []


def test_a_phone_shows_everything_without_scrolling_sideways(open_page: Open) -> None:
    for show in ("open", "forms", "picker"):
        tab = open_page(show, (390, 844))
        wide = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0
        for part in tab.locator(".reader, .tree, .quotes, .draft, .probability, .picker").all():
            assert part.bounding_box()["x"] + part.bounding_box()["width"] <= 391


def test_all_turns_are_on_the_page_and_a_very_long_one_is_folded(open_page: Open) -> None:
    tab = open_page("long")
    assert tab.locator("article").count() == 40  # nothing is virtual: the browser's search finds it
    assert tab.locator("article .rest").count() == 0
    tab = open_page("huge")
    turn = tab.locator("article").first
    rest = turn.locator(".rest")
    assert rest.count() == 1 and rest.evaluate("one => one.open") is False
    assert len(turn.evaluate("one => one.textContent")) > 20_000
    assert 7_000 < len(turn.inner_text()) < 10_000
    rest.locator("> summary").click()
    assert len(turn.inner_text()) > 20_000
