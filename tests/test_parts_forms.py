"""The parts that a person fills in, in a real browser: what they send, when, and what they keep."""

import urllib.request
from typing import Any

import pytest
from parts_browser import Open, drawn, log, open_page, posts, runs, until, url
from parts_debate import PASSAGE

from arena.quotes import anchor

__all__ = ["open_page", "url"]


# The draft.


def test_a_draft_is_saved_while_it_is_written_and_typing_causes_no_run(
    url: str, open_page: Open
) -> None:
    tab = open_page("forms")
    box = tab.get_by_label("Why?")
    box.press("End")
    box.press_sequentially(" of the js, says S", delay=20)  # J and S are keys of the page
    tab.get_by_text("Draft saved").wait_for()
    text = "Because of the js, says S"
    assert posts(url, at="/api/draft", text=text) == [
        {"at": "/api/draft", "assignment": "g1", "field": "reason", "text": text}
    ]
    assert runs(tab) == 1 and tab.get_by_text(f"{len(text)} / 40").count() == 1
    box.press("Control+z")  # the box's own undo, not the page's
    box.press_sequentially(" and much more than forty characters")
    assert (
        box.get_attribute("aria-invalid") == "true"
        and "too long" in tab.locator(".count").inner_text()
    )
    assert tab.get_by_text("undo", exact=True).count() == 0


@pytest.mark.parametrize("way", ["click", "Control+s", "Escape s"])
def test_the_last_keystrokes_arrive_with_the_submission_in_one_run(
    open_page: Open, way: str
) -> None:
    tab = open_page("forms")
    box = tab.get_by_label("Why?")
    box.fill("")
    box.press_sequentially("It sank.")
    if way == "click":
        tab.get_by_role("button", name="Submit S").click()
    elif way == "Control+s":
        box.press(way)
    else:
        box.evaluate("one => one.blur()")
        tab.keyboard.press("s")
    log(tab, "submit 'It sank.' None")
    assert runs(tab) == 2


def test_a_draft_that_was_not_saved_is_tried_again_and_outlives_a_reload(
    url: str, open_page: Open
) -> None:
    tab = open_page("forms")
    urllib.request.urlopen(f"{url}/failing/1")
    try:
        box = tab.get_by_label("Why?")
        box.fill("It sank unsaved.")
        tab.get_by_text("Not saved (503), retrying").wait_for()
        tab.reload()
        drawn(tab, "forms")
        assert box.input_value() == "It sank unsaved."
        tab.get_by_text("Not saved (503), retrying").wait_for()
        assert posts(url, text="It sank unsaved.") == []
    finally:
        urllib.request.urlopen(f"{url}/failing/0")
    tab.get_by_text("Draft saved").wait_for()
    assert len(posts(url, text="It sank unsaved.")) == 1
    tab.get_by_role("button", name="Submit S").click()  # not touched since the reload, and yet new
    log(tab, "submit 'It sank unsaved.' None")


def test_a_draft_is_tried_again_when_the_network_is_back(url: str, open_page: Open) -> None:
    tab = open_page("forms")
    tab.route("**/api/draft", lambda route: route.abort())
    tab.get_by_label("Why?").fill("It sank offline.")
    tab.get_by_text("Not saved (offline), retrying").wait_for()
    assert posts(url, text="It sank offline.") == []
    tab.unroute("**/api/draft")
    tab.get_by_text("Draft saved").wait_for()
    assert len(posts(url, text="It sank offline.")) == 1


def test_a_draft_that_is_refused_is_not_tried_again(open_page: Open) -> None:
    tab = open_page("forms")
    asked: list[str] = []

    def refuse(route: Any) -> None:
        asked.append(route.request.post_data)
        route.fulfill(status=409, body="{}")

    tab.route("**/api/draft", refuse)
    tab.get_by_label("Why?").fill("closed")
    tab.get_by_text("Not saved (no longer open)").wait_for()
    tab.wait_for_timeout(4000)
    assert len(asked) == 1


def test_a_page_that_is_left_sends_what_it_has(url: str, open_page: Open) -> None:
    tab = open_page("forms")
    tab.get_by_label("Why?").fill("Left in a hurry")
    tab.goto(f"{url}/posts")
    until(lambda: posts(url, text="Left in a hurry"))


# The probability.


def test_an_untouched_probability_is_none(open_page: Open) -> None:
    tab = open_page("forms")
    slider = tab.get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == "not set yet"
    assert tab.get_by_role("spinbutton").input_value() == ""
    slider.focus()
    tab.keyboard.press("Tab")
    tab.get_by_role("button", name="Submit S").click()
    log(tab, "submit None None")


def test_a_probability_moves_by_keys_and_its_payoff_with_it_without_a_run(open_page: Open) -> None:
    tab = open_page("forms")
    slider, number = tab.get_by_role("slider"), tab.get_by_role("spinbutton")
    slider.focus()
    steps = [("ArrowRight", 55), ("Shift+ArrowRight", 56), ("ArrowLeft", 51), ("End", 99),
             ("ArrowRight", 99), ("Home", 1), ("PageUp", 11)]  # fmt: skip
    for key, now in steps:
        tab.keyboard.press(key)
        assert number.input_value() == str(now)
    slider.evaluate("one => one.blur()")
    tab.keyboard.press("ArrowRight")  # from the page
    assert number.input_value() == "16"
    assert tab.locator(".probability td").all_inner_texts() == ["0.16", "\u22120.16"]
    assert slider.get_attribute("aria-valuetext") == "16 per cent" and runs(tab) == 1
    tab.keyboard.press("s")
    log(tab, "submit None 16.0")
    assert runs(tab) == 2


def test_a_probability_is_dragged_typed_or_said_to_be_even(open_page: Open) -> None:
    tab = open_page("forms")
    slider, number = tab.get_by_role("slider"), tab.get_by_role("spinbutton")
    slider.press("Enter")
    assert number.input_value() == "50"
    box = slider.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    tab.mouse.down()
    for part in (0.6, 0.7, 0.8, 1.0):
        tab.mouse.move(box["x"] + box["width"] * part - 2, box["y"] + box["height"] / 2)
    tab.mouse.up()
    assert number.input_value() == "99" and runs(tab) == 1
    number.fill("150")
    assert number.get_attribute("aria-invalid") == "true"
    assert slider.get_attribute("aria-valuetext") == "not set yet"
    number.fill("37")
    tab.get_by_role("button", name="Submit S").click()
    log(tab, "submit None 37.0")


# The clock.


def spent(url: str, since: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for one in posts(url, at="/api/active")[since:]:
        for place, milliseconds in one["spent"]:
            found[place] = found.get(place, 0) + milliseconds
    return found


def test_time_counts_by_turn_and_not_while_hidden_or_idle(url: str, open_page: Open) -> None:
    before = len(posts(url, at="/api/active"))
    tab = open_page("clock")
    for _ in range(2):
        tab.keyboard.press("j")
        for _ in range(6):
            tab.mouse.move(50 + 10 * _, 60)
            tab.wait_for_timeout(250)
    until(lambda: {11, 12} <= set(spent(url, before)))
    tab.wait_for_timeout(5000)  # idle after 2 s
    counted = spent(url, before)
    assert 800 < counted[11] < 4000 and 1000 < counted[12] < 6000
    tab.wait_for_timeout(2500)
    assert spent(url, before) == counted
    hide = (
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true})"
    )
    tab.evaluate(f"{hide}; document.dispatchEvent(new Event('visibilitychange'))")
    hidden = sum(spent(url, before).values())
    for _ in range(8):
        tab.mouse.move(50 + 10 * _, 90)
        tab.wait_for_timeout(250)
    assert sum(spent(url, before).values()) - hidden < 300


def test_the_time_that_is_left_ends_once(open_page: Open) -> None:
    tab = open_page("timed")
    assert tab.locator(".time").inner_text() in ("0:04", "0:03", "0:02")
    log(tab, "ended True")
    assert tab.locator(".clock [role=status]").inner_text() == "The time is up"
    tab.wait_for_timeout(1500)
    assert tab.get_by_text("ended True", exact=True).count() == 1


# The passage picker.


def test_picked_lines_and_words_become_quotations_that_are_in_the_passage(open_page: Open) -> None:
    tab = open_page("picker")
    lines = tab.get_by_role("listbox")
    speech = tab.get_by_label("Your speech")
    lines.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight",
                "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"):  # fmt: skip
        tab.keyboard.press(key)
    assert tab.locator(".choice").inner_text() == "crates were loaded in"
    tab.keyboard.press("Enter")
    assert speech.input_value() == "<quote>crates were loaded in</quote>"
    speech.press_sequentially(" So ")
    rows = tab.get_by_role("option")
    rows.nth(0).click()
    rows.nth(0).locator(".word", has_text="ferry").click()
    assert tab.get_by_role("button", name="Insert the quotation").is_disabled()  # too short
    rows.nth(0).locator(".word", has_text="storm").click(modifiers=["Shift"])
    tab.get_by_role("button", name="Insert the quotation").click()
    rows.nth(1).click()
    rows.nth(2).click(modifiers=["Shift"])
    tab.get_by_role("button", name="Insert [2-3]").click()
    said = "<quote>crates were loaded in</quote> So <quote>ferry left before the storm</quote>[2-3]"
    assert speech.input_value() == said
    tab.get_by_role("button", name="Speak").click()
    log(tab, f"speech {said!r}")
    assert all(quote.span for quote in anchor(said, PASSAGE, "both"))
