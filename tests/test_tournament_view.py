"""The tournament page: the ratings of a run as they are computed, the matrix and its way to the
debates, and who gets nothing of it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import seasons
from browser import ENTER, Watch, served
from deskpages import Desk
from seasons import CUP, STRENGTHS, player
from stage import match, question, stage
from streamlit.testing.v1 import AppTest
from test_browse import model_verdict
from test_debates_view import query
from test_transcript_view import opened, sent

from arena.desk import audit, identity, runs_seen, seen
from arena.desk.identity import ADMIN, JUDGE, RESEARCHER, Person
from arena.desk.kept import Kept
from arena.match import participant_id
from arena.ratings import ratings
from arena.report.costs import costs
from arena.store import Store
from arena.turns import Verdict
from ui.web import desk_pages
from ui.web.parts.matrix import picked
from ui.web.views import runs_desk, tournament_view
from ui.web.views.debates_view import token

VIEWS = ("tournament_view", "studies_view", "training_view")
HOSTILE = "![x](http://outside.invalid/b.png) :red-badge[x] <b>x</b> \u202egnorw"


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    tournament_view.KEPT._held.clear()
    runs_desk.DRAWN._held.clear()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cup") / "s.db"
    seasons.cup(file)
    return file


def shown(file: Path, monkeypatch: pytest.MonkeyPatch, **address: str) -> Desk:
    return opened(file, monkeypatch, "", "tournament", **address)


def tables(desk: Desk) -> list[Any]:
    return [one.value for one in desk.app.dataframe]


def columns(desk: Desk, first: str) -> Any:
    """The table whose first column has this name."""
    (found,) = (one for one in tables(desk) if next(iter(one)) == first)
    return found


def images(desk: Desk) -> list[Any]:
    found: list[Any] = []

    def walk(node: Any) -> None:
        if type(proto := getattr(node, "proto", None)).__name__ == "ImageList":
            found.append(proto)
        for child in getattr(node, "children", {}).values():
            walk(child)

    walk(desk.app._tree)
    return found


# Who may.


@pytest.mark.parametrize("role", [JUDGE, None])
@pytest.mark.parametrize("view", VIEWS)
def test_a_judge_gets_nothing_of_the_pages_about_runs(
    made: Path, monkeypatch: pytest.MonkeyPatch, role: str | None, view: str
) -> None:
    who = None if role is None else Person("p1", "Bob", role)
    monkeypatch.setattr("ui.web.who.current", lambda store, args: who)

    def script(view: str, file: str) -> None:
        from importlib import import_module
        from pathlib import Path

        import streamlit as st

        from arena.desk.identity import Person
        from ui.serve import Arguments

        st.query_params["run"] = "cup"
        module = import_module(f"ui.web.views.{view}")
        module.draw(Arguments(Path(file), "Bob", None), Person("p1", "Bob", "researcher"))

    app = AppTest.from_function(script, args=(view, str(made)), default_timeout=120).run()
    assert not app.exception
    line = "Your role does not allow this." if role else "You are signed out. Sign in again;"
    assert app.error[0].value.startswith(line) and len(app.error) == 1
    assert not app.text and not app.dataframe and not app.selectbox
    words = sent(Desk(app))
    assert CUP.encode() not in words and b"strong" not in words
    with Store(made) as store:
        assert store.one("SELECT 1 FROM events WHERE kind = 'looked' AND person = 'p1'") is None


def test_the_pages_about_runs_are_for_researchers_and_admins_alone() -> None:
    for role, there in ((JUDGE, False), (RESEARCHER, True), (ADMIN, True)):
        modules = {page.module for page in desk_pages.pages_of(role)}
        assert set(VIEWS) & modules == (set(VIEWS) if there else set())


# What is shown.


def test_the_leaderboard_is_what_the_ratings_of_the_run_are(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = shown(made, monkeypatch)
    with Store(made) as store:
        found = ratings(store, CUP)
    table = columns(desk, "Rank")
    assert list(table["Player"]) == list(STRENGTHS)  # as strong as they were made
    assert list(table["Elo"]) == [round(one.elo) for one in found.players]
    ends = [one.interval for one in found.players]
    assert list(table["95 % low"]) == [round(low) for low, _ in ends]
    assert list(table["95 % high"]) == [round(high) for _, high in ends]
    assert list(table["n"]) == [48] * 4 and list(table["Points"]) == [
        one.points for one in found.players
    ]
    metrics = {one.label: one.value for one in desk.app.metric}
    first = found.players[0]
    low, high = first.honest.interval
    assert table["Honest"][0] == f"{first.honest.elo:.0f} ({low:.0f}-{high:.0f})"
    assert table["Judge right"][0].startswith(f"{first.accuracy.value:.2f} (")
    assert metrics == {"Players": "4", "Comparisons": "96", "Questions": "4"}
    assert "clustered by 4 questions" in desk.words()
    drawn = [one.imgs[0] for one in images(desk)]
    assert ["Leaderboard" in one.alt for one in drawn] == [True, False]
    assert all(one.url.startswith("data:image/svg+xml;base64,") for one in drawn)


def test_effects_are_estimated_as_chosen_and_missing_verdicts_and_costs_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    (one, *_) = seasons.cup(file)
    with Store(file) as store:
        model_verdict(store, one, Verdict(None, status="unparsed"), "third")
    desk = shown(file, monkeypatch)
    assert list(columns(desk, "Effect")["Effect"]) == ["seat"]
    missing = columns(desk, "Status")
    assert list(missing["Status"]) == ["unparsed"] and list(missing["n"]) == [1]
    desk.app.button_group[0].set_value(["seat", "honesty"])
    desk.again()
    table = columns(desk, "Effect")
    with Store(file) as store:
        found = ratings(store, CUP, honesty=True)
        paid = costs(store, CUP)
    assert list(table["Effect"]) == list(found.effects) == ["seat", "honesty"]
    assert list(table["Logits"]) == [round(e.value, 3) for e in found.effects.values()]
    assert found.effects["honesty"].value > 0.3  # it was made so
    spent = columns(desk, "Setting")
    given = list(zip(spent["Role"], spent["Player"], spent["Turns"], strict=True))
    assert given == sorted((row["role"], row["player"], row["turns"]) for row in paid)
    assert [role for role, _, _ in given] == ["debater"] * 4 + ["judge"] * 3


def test_a_click_computes_nothing_again_until_the_store_says_something_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    (one, *_) = seasons.cup(file, dict(list(STRENGTHS.items())[:2]), 2)
    calls: list[str] = []
    real = tournament_view.ratings
    monkeypatch.setattr(tournament_view, "ratings", lambda store, run, **named:
                        calls.append(run) or real(store, run, **named))  # fmt: skip
    desk = shown(file, monkeypatch)
    desk.again()
    shown(file, monkeypatch)
    assert calls == [CUP]
    monkeypatch.setattr(tournament_view.KEPT, "patience", 1e6)
    with Store(file) as store:
        model_verdict(store, one, Verdict(0, (0.9, 0.1)), "late")
    desk.again()
    assert calls == [CUP] and "More has come into the store since." in desk.words()
    before = [one.value for one in desk.app.metric]
    desk.click("Compute again")
    assert calls == [CUP, CUP] and "More has come" not in desk.words()
    assert [one.value for one in desk.app.metric] != before


def test_a_page_can_be_left_while_its_figures_are_computed_and_they_are_kept() -> None:
    """Whatever is written to a page raises where a click has come; so does this slot."""
    kept: Kept[int] = Kept()
    go, said = threading.Event(), []

    class Left(Exception):
        """A click on the way elsewhere."""

    class Slot:
        def text(self, line: str) -> None:
            said.append(line)
            raise Left

    def made() -> int:
        go.wait(30)
        return 7

    for _ in range(2):
        with pytest.raises(Left):
            runs_desk.awaited(kept, ("cup",), 1, made, False, "over 9 matches", Slot())
    with pytest.raises(Left):  # its turn has not come, and it is never made
        runs_desk.awaited(kept, ("other",), 1, lambda: 1 // 0, False, "over 2 matches", Slot())
    assert [line.split(":")[0] for line in said] == [
        *["Computing over 9 matches"] * 2, "Waiting for another report"
    ]  # fmt: skip
    go.set()
    assert kept.begin(("cup",), 1, lambda: 8).result(30).value == 7
    assert kept.begin(("other",), 1, lambda: 8).result(30).value == 8


def test_a_run_that_cannot_be_rated_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    stage(file, [match(question(0))], name="unread").close()
    desk = shown(file, monkeypatch)
    assert "There are no ratings: run 'unread' has no verdict" in desk.words()
    assert not desk.app.dataframe
    with Store(tmp_path / "none.db"):
        pass
    empty = shown(tmp_path / "none.db", monkeypatch)
    assert "No run has debates of two speakers yet" in empty.words()


# Head to head.


def test_the_matrix_has_points_and_counts_and_a_cell_leads_to_the_debates_of_its_two(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = shown(made, monkeypatch)
    data = desk.part("matrix")
    with Store(made) as store:
        found = ratings(store, CUP)
    assert data["players"] == list(STRENGTHS)
    for i in range(4):
        for j in range(4):
            wanted = None if i == j else [found.points[i][j], found.met[i][j]]
            assert data["cells"][i][j] == wanted
            assert i == j or data["cells"][i][j][0] + data["cells"][j][i][0] == 16
    ids = [participant_id(player(name)) for name in STRENGTHS]
    real = tournament_view.matrix

    def with_a_button(data: Any, key: str, on_pick: Any) -> None:
        real(data, key, on_pick)
        tournament_view.st.button("a cell", on_click=on_pick)  # no test reaches into a component

    monkeypatch.setattr(tournament_view, "matrix", with_a_button)
    monkeypatch.setattr(tournament_view, "picked", lambda key, players: (0, 2))
    desk.again()
    desk.click("a cell")
    assert query(desk) == {"run": token("run", CUP), "player": token("player", ids[0]),
                           "against": token("against", ids[2])}  # fmt: skip
    assert "8 debates fit." in desk.words()
    players = desk.app.dataframe[0].value["Players"]
    assert len(players) == 8 and all("strong" in one and "weak" in one for one in players)
    (box,) = (one for one in desk.app.selectbox if one.label == "Against")
    assert len(box.options) == 4  # all, and the three others


@pytest.mark.parametrize("said", [None, 3, "0,1", [0], [0, 0], [0, 4], [-1, 0], [True, 0],
                                  [0.0, 1], {"row": 0}])  # fmt: skip
def test_a_pick_that_is_no_cell_of_two_is_none(
    monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    monkeypatch.setattr("ui.web.parts.matrix.value", lambda key, name: said)
    assert picked("x", 4) is None
    monkeypatch.setattr("ui.web.parts.matrix.value", lambda key, name: [2, 3])
    assert picked("x", 4) == (2, 3)


def test_in_a_browser_a_cell_opens_the_debates_behind_it(made: Path, chromium: Any) -> None:
    with served(made, "Ada") as url:
        watch = Watch(chromium, url)
        watch.context.request.get(url + ENTER)
        page = watch.open(f"/tournament?run={CUP}")
        cell = page.get_by_role("button", name="middling against weaker:")
        cell.wait_for()
        assert "88 %" in cell.inner_text() and "14 / 16" in cell.inner_text()
        assert page.get_by_role("rowheader").all_inner_texts() == [
            f"{n}\n{name}" if "\n" in page.get_by_role("rowheader").first.inner_text()
            else f"{n}{name}" for n, name in enumerate(STRENGTHS, start=1)
        ]  # fmt: skip
        assert page.locator("td button[tabindex='0']").count() == 1  # one stop for the Tab key
        cell.focus()
        for key, now in (("ArrowLeft", "middling against weak:"),
                         ("ArrowLeft", "middling against strong:"),  # over the empty diagonal
                         ("ArrowLeft", "middling against strong:"),
                         ("ArrowUp", "middling against strong:"),
                         ("ArrowDown", "weak against strong:"),
                         ("ArrowRight", "weak against middling:"),
                         ("ArrowUp", "strong against middling:"),
                         ("End", "strong against middling:"),
                         ("ArrowRight", "strong against weak:"),
                         ("ArrowRight", "strong against weaker:"),
                         ("ArrowDown", "middling against weaker:")):  # fmt: skip
            page.keyboard.press(key)
            focused = page.locator("td button:focus")
            assert str(focused.get_attribute("aria-label")).startswith(now), key
            assert focused.get_attribute("tabindex") == "0"
        assert page.locator("td button[tabindex='0']").count() == 1
        page.keyboard.press("Enter")
        watch.sees("8 debates fit.")
        watch.settle()
        assert "/debates?" in page.url and "against=" in page.url
        page.go_back()
        watch.sees("Head to head")
        page.get_by_role("button", name="strong against middling:").click()
        watch.sees("8 debates fit.")
        assert watch.wrong() == []
        watch.close()


# Whose names they are, and who has looked.


def test_hostile_names_of_runs_and_players_are_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    players = {f"strong {HOSTILE}": 1.0, f"weak {HOSTILE}": -1.0}
    seasons.cup(file, players, 4, f"cup {HOSTILE}", judges=(f"judge {HOSTILE}",))
    desk = shown(file, monkeypatch)
    marked = [*desk.app.markdown, *desk.app.caption, *desk.app.error, *desk.app.subheader]
    assert not any("outside" in str(one.value) for one in marked)
    assert not any("outside" in str(one.label) for one in desk.app.metric)
    assert "\u202e".encode() not in sent(desk)
    assert "outside" in desk.part("matrix")["players"][0]
    assert "outside" in columns(desk, "Rank")["Player"][0]


def test_opening_a_run_is_in_the_audit_log_once_and_bars_nobody_from_judging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    (one, *_) = seasons.cup(file, dict(list(STRENGTHS.items())[:2]), 2)
    shown(file, monkeypatch).again()
    with Store(file) as store:
        (row,) = store.query("SELECT * FROM events WHERE kind = 'looked'")
        ada = identity.local(store, "Ada").id
        assert json.loads(row["value"]) == {"run": CUP, "page": "tournament"}
        assert (row["person"], row["match"]) == (ada, None)
        assert seen.refusal(store, one, ada) is None
        log, _ = audit.log(store, audit.Filters(kind="looked"))
        assert log[0]["details"] == [["page", "tournament"], ["run", CUP]]
        assert runs_seen.token(CUP) in row["key"]
