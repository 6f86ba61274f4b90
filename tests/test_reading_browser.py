"""Reading in a real browser: marks of one's own, ways to read, the size of the text, and what stays
when a dialog opens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from browser import Watch, entered, served
from stage import Says, match, question, stage

from arena.batch import Batch
from arena.desk import drafts, identity, worklist
from arena.desk.reading import reading as state_of
from arena.desk.settings import Settings, set_settings
from arena.match import Match
from arena.protocols import debate, expert
from arena.questions import Item, Question
from arena.store import Store
from ui import reading

LONG = (
    "It sank \U0001d54f, said the log. <quote>Twelve crates were loaded</quote> that day. " * 4
    + "<quote>the miller took the silver</quote>, as [3] has it."
)
AGENTS = (Says("a", (LONG,)), Says("b", (LONG.replace("sank", "was sold"),)))
SECOND = 1
"""A turn, by its number in reading order."""


@dataclass
class Room:
    """A desk with debates, and how to sit down at the next one of a run."""

    path: Path
    url: str
    chromium: Any
    matches: dict[str, list[Match]]
    taken: dict[str, Match] = field(default_factory=dict)
    open: list[Watch] = field(default_factory=list)

    def sit(self, name: str, run: str, size: tuple[int, int] = (1400, 900), **how: Any) -> Watch:
        """Somebody's own browser, at their place in a debate of their own."""
        token = entered(self.path, name)
        self.taken[name] = self.matches[run].pop()
        with Store(self.path) as store:
            who = identity.named(store, name).id
            rows = worklist.queue(store, who)
            id = next(row.id for row in rows if row.match == self.taken[name].id)
            id = worklist.begin(store, who, id).id
        return self.again(token, id, size, **how)

    def again(self, token: str, id: str, size: tuple[int, int] = (1400, 900), **how: Any) -> Watch:
        one = Watch(self.chromium, self.url, token, size, **how)
        self.open.append(one)
        one.token, one.id = token, id  # type: ignore[attr-defined]
        one.open(f"/judge?a={id}")
        one.button("Help")
        one.settle(0.3)
        return one

    def draft(self, name: str) -> dict[str, str]:
        with Store(self.path) as store:
            return drafts.load(store, identity.named(store, name).id, self.taken[name].id)

    def text(self, name: str, turn: int) -> str:
        """What a turn says, as the reader shows it."""
        with Store(self.path) as store:
            one = self.taken[name]
            state = state_of(store, one, identity.named(store, name).id, Settings(mode="whole"))
            page = reading.page(one, state.view, state.shown)
        turns = [each for called in page["rounds"] for each in called["turns"]]
        return "".join(text for _, text in turns[turn]["parts"])


@pytest.fixture(scope="module")
def desk(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    path = tmp_path_factory.mktemp("reading") / "s.db"
    asked = Question("Who?", ("one", "two", "three"), "text", "test")
    matches = {
        "whole": [match(question(n), debate(rounds=3), agents=AGENTS) for n in range(8)],
        "steps": [match(question(9), debate(rounds=3))],
        "three": [Match(asked, expert())],
    }
    stage(path, matches["whole"], agents=AGENTS, name="whole").close()
    stage(path, matches["steps"], name="steps").close()
    (three,) = matches["three"]
    with Store(path) as store:
        store.start_run("three", "play", {}, {})
        store.write(Batch(items=[Item(asked, 0)], protocols=[three.protocol], matches=[three],
                          played=[three.id], run_matches=[("three", 0, three.id, {})]))  # fmt: skip
        set_settings(store, "whole", Settings(mode="whole"))
        set_settings(store, "three", Settings(mode="whole"))
        set_settings(store, "steps", Settings(undo=None))
    with served(path) as url:
        yield Room(path, url, chromium, matches)


@pytest.fixture
def room(desk: Room) -> Iterator[Room]:
    """The desk; at the end nothing may have gone wrong in any browser."""
    yield desk
    wrong = [one.wrong() for one in desk.open]
    for one in desk.open:
        one.close()
    desk.open.clear()
    assert not any(wrong)


def own(one: Watch) -> list[str]:
    found: list[str] = one.page.locator("mark.own").all_text_contents()
    return found


def drag(one: Watch, turn: int) -> None:
    """Select with the mouse, from within the turn's first words to the end of a quotation."""
    said = one.page.locator(".turn").nth(turn).locator(".said").first
    said.scroll_into_view_if_needed()
    begin, end = said.bounding_box(), said.locator(".verified .tag").first.bounding_box()
    assert begin is not None and end is not None
    one.page.mouse.move(begin["x"] + 40, begin["y"] + 14)
    one.page.mouse.down()
    one.page.mouse.move(end["x"] + 2, end["y"] + end["height"] / 2, steps=4)
    one.page.mouse.up()


def test_highlights_are_kept_for_their_person_alone_and_taken_away_by_a_click(room: Room) -> None:
    one = room.sit("Ada", "whole")
    one.page.keyboard.press("m")  # nothing is selected: the selected turn, which is the first
    one.sees("Turn highlighted")
    one.sees("Saved ")
    whole = room.text("Ada", 0)
    assert drafts.highlights(room.draft("Ada")) == [[0, 0, len(whole)]]
    assert "".join(own(one)) == whole

    drag(one, SECOND)
    one.page.keyboard.press("m")
    one.until(lambda: len(drafts.highlights(room.draft("Ada"))) == 2, "it was not saved")
    number, begin, end = drafts.highlights(room.draft("Ada"))[1]
    marked = one.page.locator(".turn").nth(SECOND).locator("mark.own").all_text_contents()
    said = room.text("Ada", SECOND)
    assert number == SECOND and said[begin:end] == "".join(marked)  # past a wide character
    assert "\U0001d54f" in said[:end] and 0 < begin < end < len(said)
    assert len(marked) == 2 and marked[1] == "Twelve crates were loaded"  # text, and a quotation
    kept = one.page.locator(".turn").nth(SECOND).locator(".verified .words").first
    assert kept.evaluate("one => getComputedStyle(one).textDecorationStyle") == "solid"
    style = "one => getComputedStyle(one).borderBottomStyle"
    assert one.page.locator("mark.own").first.evaluate(style) == "dotted"  # not by colour alone
    posted = [text for text in room.draft("Ada").values() if text]
    assert posted == [json.dumps([[0, 0, len(whole)], [SECOND, begin, end]], separators=(",", ":"))]

    there = room.again(one.token, one.id, (390, 844))  # type: ignore[attr-defined]
    assert own(there) == own(one)
    one.page.locator(".turn").nth(SECOND).locator("mark.own").last.click()
    one.until(lambda: len(drafts.highlights(room.draft("Ada"))) == 1, "it is still there")
    assert one.page.locator(".turn").nth(SECOND).locator("details[open]").count() == 0
    one.page.keyboard.press("m")  # the same key takes the first turn's away
    one.until(lambda: "highlights" not in room.draft("Ada"), "it is still there")
    there.page.reload()
    there.button("Help")
    there.settle()
    assert own(there) == own(one) == []


def test_the_selected_turn_stays_through_all_ways_to_read_dialogs_and_reloads(room: Room) -> None:
    one = room.sit("Carol", "whole")

    def selected() -> str:
        one.settle(0.3)
        return str(one.page.locator(".turn.selected").get_attribute("data-number"))

    def tops() -> list[tuple[int, int]]:
        boxes = [turn.bounding_box() for turn in one.page.locator(".turn").all()]
        return [(round(box["x"]), round(box["y"])) for box in boxes if box is not None]

    order = one.page.locator(".turn h2").all_inner_texts()
    assert len({x for x, _ in tops()}) == 1
    one.page.keyboard.press("j")
    assert selected() == "1" and one.page.url.endswith("&turn=1")
    one.page.keyboard.press("t")
    one.sees("In the order of the passage")
    one.settle(0.3)
    one.page.keyboard.press("j")
    one.settle(0.3)
    one.page.keyboard.press("t")
    assert selected() == "2"
    placed = tops()
    assert [y for _, y in placed[::2]] == [y for _, y in placed[1::2]]  # a row for each round
    assert len({x for x, _ in placed}) == 2 and placed[0][0] < placed[1][0]
    assert one.page.locator(".turn h2").all_inner_texts() == order
    one.page.keyboard.press("j")
    assert selected() == "3"
    one.page.keyboard.press("h")
    one.sees("Keys do not act while you write.")
    one.page.keyboard.press("j")  # behind the dialog nothing moves
    one.page.keyboard.press("m")
    closed(one, "Keys do not act while you write.")
    assert selected() == "3" and own(one) == []
    one.page.keyboard.press("k")
    assert selected() == "2"
    one.page.set_viewport_size({"width": 390, "height": 844})
    one.until(lambda: len({x for x, _ in tops()}) == 1, "a phone has one column")
    one.page.reload()
    one.button("Help")
    assert selected() == "2" and one.page.url.endswith("&turn=2")
    assert one.page.evaluate("history.length") <= 3  # no entry for a turn
    one.page.keyboard.press("j")
    assert selected() == "3"


def test_the_size_of_the_text_is_the_readers_own_and_the_window_is_filled(room: Room) -> None:
    one = room.sit("Dan", "whole")
    sizes = "one => parseFloat(getComputedStyle(one).fontSize)"

    def size(where: str) -> float:
        found: float = one.page.locator(where).first.evaluate(sizes)
        return found

    before = [size(".turn > .said"), size("textarea")]
    sent = [frame for mine, frame in one.frames if mine]
    one.page.get_by_role("button", name="Larger text").click()
    one.page.get_by_role("button", name="Larger text").click()
    assert [size(".turn > .said"), size("textarea")] == pytest.approx([1.3 * n for n in before])
    one.page.wait_for_timeout(300)
    assert [frame for mine, frame in one.frames if mine] == sent
    one.page.reload()
    one.button("Help")
    one.settle(0.3)
    assert size(".turn > .said") == pytest.approx(1.3 * before[0])
    one.page.keyboard.press("t")
    one.sees("In the order of the passage")
    assert size(".quoted") == pytest.approx(1.3 * 16)
    one.page.get_by_role("button", name="Smaller text").click()
    assert size(".quoted") == pytest.approx(1.15 * 16)
    one.page.get_by_role("button", name="Transcript").click()
    one.settle(0.3)

    main = "one => one.scrollHeight - one.clientHeight"
    for size_ in ((1400, 900), (1800, 1000)):
        one.page.set_viewport_size(dict(zip(("width", "height"), size_, strict=True)))
        one.page.wait_for_timeout(300)
        area = one.page.locator(".area").bounding_box()
        assert area is not None and size_[1] - 60 < area["y"] + area["height"] <= size_[1]
        assert one.page.locator("[data-testid=stMain]").evaluate(main) <= 0  # one scroll bar
        legend = one.page.locator(".about").bounding_box()
        assert legend is not None and legend["height"] < 30  # one line
    one.page.set_viewport_size({"width": 390, "height": 844})
    one.page.wait_for_timeout(300)
    area = one.page.locator(".area").bounding_box()
    assert area is not None and area["height"] < 0.76 * 844 and area["x"] + area["width"] <= 390


def closed(one: Watch, text: str) -> None:
    """A dialog is open; it is closed again."""
    one.sees(text)
    one.settle(0.3)
    one.page.keyboard.press("Escape")
    one.page.get_by_text(text).first.wait_for(state="hidden")
    one.settle(0.3)


def form(one: Watch) -> tuple[list[str], str, list[str]]:
    """What stands in the fields: numbers, the reason, and which answer is chosen."""
    numbers = [box.input_value() for box in one.page.get_by_role("spinbutton").all()]
    chosen = one.page.locator(".st-key-choices button", has_text="\N{CHECK MARK}").all_inner_texts()
    return numbers, one.page.get_by_label("Why?").input_value(), [text[0] for text in chosen]


def test_a_dialog_that_opens_and_closes_loses_nothing_of_the_form(room: Room) -> None:
    one = room.sit("Eve", "whole")
    one.page.keyboard.press("ArrowRight")
    one.page.keyboard.press("2")
    one.settle(0.3)
    one.page.get_by_label("Why?").fill("It was se")
    one.page.get_by_label("Why?").press_sequentially("en.")
    one.page.get_by_role("button", name="Help").click()  # at once, while it is not saved yet
    closed(one, "Keys do not act while you write.")
    one.page.keyboard.press("Shift+S")
    closed(one, "Skip this debate?")
    assert form(one) == (["55"], "It was seen.", ["B"])

    three = room.sit("Fay", "three")
    boxes = three.page.get_by_role("spinbutton")
    boxes.nth(0).fill("60")
    boxes.nth(1).fill("25")
    three.sees("15 is left for the empty one.")
    three.page.keyboard.press("Tab")
    three.page.locator(".st-key-choices button").first.click()
    three.settle()
    three.page.get_by_label("Why?").fill("It was seen.")
    three.page.get_by_label("Why?").blur()
    three.page.keyboard.press("h")
    closed(three, "Keys do not act while you write.")
    assert form(three) == (["60", "25", ""], "It was seen.", ["A"])
    boxes.nth(0).fill("63")
    three.page.get_by_role("button", name="Submit verdict").click()  # the last digit goes with it
    three.sees("A, 63 %")
    closed(three, "Submit this verdict?")
    assert form(three) == (["63", "25", ""], "It was seen.", ["A"])


def test_each_step_has_a_reason_of_its_own(room: Room) -> None:
    one = room.sit("Gus", "steps")

    def step(keys: str, reason: str, seen: str) -> None:
        one.page.get_by_text("Not set yet").wait_for()
        one.page.keyboard.press(keys)
        one.page.get_by_label("Why?").fill(reason)
        one.page.get_by_label("Why?").blur()
        one.page.keyboard.press("n")
        one.sees(seen)
        one.settle(0.3)

    def reason() -> str:
        value: str = one.page.get_by_label("Why?").input_value()
        return value

    step("ArrowRight", "before", "Step 1 is shown")
    assert reason() == ""
    step("ArrowRight", "the first", "Step 2 is shown")
    assert reason() == ""
    one.page.get_by_label("Why?").fill("not said yet")
    one.page.get_by_label("Why?").blur()
    one.page.keyboard.press("Control+z")
    one.sees("Taken back.")
    one.settle(0.3)
    assert reason() == "the first"
    one.page.reload()
    one.button("Help")
    one.settle(0.3)
    assert reason() == "the first"
    one.page.keyboard.press("ArrowRight")
    one.page.keyboard.press("n")
    one.sees("Step 2 is shown")
    one.settle(0.3)
    assert reason() == "not said yet"
    with Store(room.path) as store:
        rows = store.query("SELECT reason FROM turns WHERE kind = 'belief' ORDER BY at")
        assert [row["reason"] for row in rows] == ["before", "the first", "the first"]
    with Store(room.path) as store:  # the time of reading is kept by turn
        who = identity.named(store, "Gus").id
        spent = store.query("SELECT DISTINCT place FROM activity WHERE person = ?", who)
        assert {-1, 0} <= {row["place"] for row in spent}


@pytest.mark.check
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_about_highlights_and_columns(room: Room, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    one = room.sit(f"Hal {scheme}", "whole", color_scheme=scheme, bypass_csp=True)
    one.page.keyboard.press("m")
    drag(one, SECOND)
    one.page.keyboard.press("m")
    for _ in range(2):
        one.page.keyboard.press("t")
        one.settle(0.3)
    assert len(own(one)) > 2 and one.page.locator(".feed.columns").count() == 1
    found = axe.Axe().run(one.page)
    serious = [
        (each["id"], node["html"][:200])
        for each in found.response["violations"]
        for node in each["nodes"]
        if each["impact"] in ("serious", "critical") and not node["html"].startswith("<kbd")
    ]  # Streamlit's own hint of a key, on a button, is pale
    assert serious == []


@pytest.mark.check
def test_the_browsers_own_search_finds_text_in_every_turn(room: Room) -> None:
    one = room.sit("Ira", "whole", color_scheme="light")
    found = "() => { getSelection().removeAllRanges(); let n = 0; "
    found += "while (n < 99 && window.find('miller took the silver', true)) n += 1; return n; }"
    assert one.page.evaluate(found) >= 6


@pytest.mark.check
def test_highlights_survive_a_server_that_is_away(room: Room) -> None:
    one = room.sit("Jo", "whole")
    one.page.route("**/api/draft", lambda route: route.abort())
    one.page.keyboard.press("m")
    one.sees("Not saved (offline), retrying")
    assert "highlights" not in room.draft("Jo") and own(one)
    one.page.unroute("**/api/draft")
    one.until(lambda: "highlights" in room.draft("Jo"), "it was not tried again")
    assert json.loads(room.draft("Jo")["highlights"])[0][:2] == [0, 0]
