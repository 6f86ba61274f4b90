"""The studies page: every section of a report as tables with their charts, what has to be read
first, and the report as a file."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import reported
import seasons
from deskpages import Desk
from desks import debates, desk, everybody
from doorway import enter
from seasons import CUP
from stage import match, question, stage
from test_browse import model_verdict
from test_downloads import asked
from test_tournament_view import HOSTILE, images
from test_transcript_view import opened, sent

from arena.desk import acts, audit, runs_seen
from arena.desk.pseudonyms import Names
from arena.report import report
from arena.store import Store, StoreError
from arena.turns import Verdict
from ui import sections
from ui.charts import Plot, plots
from ui.markdown import markdown
from ui.serve import Arguments
from ui.web import reports
from ui.web.downloads import FORMS, report_path
from ui.web.reports import Asked
from ui.web.views import runs_desk
from ui.web.views.studies_view import PARTS, heads, placed


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """And nothing is drawn where a test does not look at it: it takes longer than all the rest."""
    reports.KEPT._held.clear()
    runs_desk.DRAWN._held.clear()
    if "drawn" not in request.fixturenames:
        blank = '<svg xmlns="http://www.w3.org/2000/svg"/>'
        monkeypatch.setattr(Plot, "svg", lambda one, ink: blank)


@pytest.fixture
def drawn() -> None:
    """Charts are drawn."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small run, whose report is replaced where every section is wanted."""
    seasons.cup(tmp_path / "s.db", dict(list(seasons.STRENGTHS.items())[:2]), 2)
    return tmp_path / "s.db"


def shown(store: Path, monkeypatch: pytest.MonkeyPatch, **address: str) -> Desk:
    return opened(store, monkeypatch, "", "studies", **address)


def by_hand(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]) -> None:
    """Every report is this one."""
    monkeypatch.setattr(reports, "report", lambda store, run, sample, unmatched: found)


def parts(desk: Desk) -> list[str]:
    (control,) = (one for one in desk.app.button_group if one.key == "part of the report")
    return [str(option.content) for option in control.proto.options]


def tables(desk: Desk) -> list[Any]:
    return [one.value for one in desk.app.dataframe]


# What is shown.


def test_every_section_of_a_report_has_a_place_on_the_page() -> None:
    shown = [key for some in placed(sections.KEYS).values() for key in some]
    assert sorted(shown) == sorted(sections.KEYS)
    assert placed(["accuracy", "of tomorrow"]) == {"accuracy": ["accuracy"],
                                                   "costs": ["of tomorrow"]}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_part_shows_its_sections_as_the_report_has_them_cell_by_cell(
    file: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    found = reported.whole()
    by_hand(monkeypatch, found)
    desk = shown(file, monkeypatch, part=part)
    there = sections.present(found)
    wanted = [one for key in PARTS[part][1] for one in there.get(key, ())]
    assert wanted and len(tables(desk)) == len(wanted)
    for table, sheet in zip(tables(desk), wanted, strict=True):
        assert list(table) == heads(sheet)
        assert [tuple(row) for row in table.itertuples(index=False)] == list(sheet.rows)
        for note in sheet.notes:
            assert note in desk.words()
    here = PARTS[part][1]
    drawn = [one for one in plots(found) if one.section in here]
    drawn.sort(key=lambda one: here.index(one.section))
    assert [one.imgs[0].alt for one in images(desk)] == [
        f"{one.title}. {one.says}" for one in drawn
    ]
    # No chart without a table of the same section beside it.
    assert {one.section for one in drawn} <= set(there)


@pytest.mark.usefixtures("drawn")
def test_what_the_page_is_for_is_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand(monkeypatch, reported.whole())
    desk = shown(file, monkeypatch)
    drawn = [one.imgs[0].url.removeprefix("data:image/svg+xml;base64,") for one in images(desk)]
    picture = b64decode(drawn[-1]).decode()
    assert "consultancy" in picture and "Judge accuracy by setting" in picture
    assert parts(desk) == [title for title, _ in PARTS.values()]
    (first, *_) = (set(one) for one in tables(desk) if "judge accuracy" in one)
    assert {"setting", "judge", "n", "95 % interval", "clustered by"} <= first
    there = {one.key for one in plots(reported.whole())}
    assert {"accuracy", "differences", "reliability", "trajectories", "leaderboard"} <= there


def test_warnings_stand_above_the_figures(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {**reported.whole(), "labels": ["may be stopped by an alarm that reads the truth"]}
    by_hand(monkeypatch, found)
    desk = shown(file, monkeypatch)
    warned = sections.warnings(found)
    assert any("reads the truth" in line for line in warned)
    said = [one.value for one in desk.app.text]
    places = [said.index(line) for line in warned]
    assert places == sorted(places) and places[-1] < said.index("The whole report as a file:")


def test_a_part_is_chosen_by_a_click_and_is_in_the_address(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand(monkeypatch, reported.whole())
    desk = shown(file, monkeypatch)
    (control,) = (one for one in desk.app.button_group if one.key == "part of the report")
    control.set_value("judges")
    desk.again()
    assert "Agreement" in desk.words() and "Judge cards" in desk.words()
    assert desk.app.query_params["part"] in (["judges"], "judges")
    strange = shown(file, monkeypatch, part="<b>")
    assert "Judge accuracy" in strange.words() and b"<b>" not in sent(strange)


def test_a_report_of_the_store_is_what_the_page_shows_and_is_computed_once(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(reports, "report", lambda store, run, sample, unmatched:
                        calls.append(run) or report(store, run, sample))  # fmt: skip
    desk = shown(file, monkeypatch, run=CUP)
    desk.again()
    with Store(file) as store:
        found = report(store, CUP)
    (sheet, *_) = sections.present(found)["accuracy"]
    assert [tuple(row) for row in tables(desk)[0].itertuples(index=False)] == list(sheet.rows)
    assert calls == [CUP]
    with Store(file) as store:
        one = next(iter(store.query("SELECT match FROM run_matches WHERE run = ?", CUP)))["match"]
        model_verdict(store, store.match(one), Verdict(0, (0.9, 0.1)), "late")
    monkeypatch.setattr(reports.KEPT, "patience", 0.0)
    desk.again()
    assert calls == [CUP, CUP] and any("late" in name for name in tables(desk)[0]["judge"])


def test_a_run_without_a_verdict_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage(tmp_path / "s.db", [match(question(0))]).close()
    desk = shown(tmp_path / "s.db", monkeypatch)
    assert "No verdict stands on any debate of this run yet." in desk.words() or tables(desk)
    Store(tmp_path / "none.db").close()
    assert "No run has debates yet" in shown(tmp_path / "none.db", monkeypatch).words()


def test_a_report_that_is_refused_says_why_and_is_there_when_told_otherwise(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(file) as store:
        store.execute({"UPDATE runs SET kind = 'study' WHERE name = ?": [(CUP,)]})
        rita = enter(store, "Rita", "researcher")

    def refusing(store: Store, run: str, sample: str, unmatched: bool) -> dict[str, Any]:
        if not unmatched:
            raise StoreError(f"the arms of {HOSTILE} are not matched")
        return reported.whole()

    monkeypatch.setattr(reports, "report", refusing)
    desk = shown(file, monkeypatch)
    assert "There is no report: the arms of ![x]" in desk.words() and not tables(desk)
    assert "\u202e".encode() not in sent(desk)
    answer = asked(args(file), rita, report_path(Asked(CUP), "json"))
    assert answer.status_code == 409 and "outside" not in answer.text
    desk.click("Compare all the same")
    assert "There is no report" not in desk.words() and tables(desk)
    path = json.loads(desk.app.get("bidi_component")[2].proto.json)["path"]
    assert path == report_path(Asked(CUP, unmatched=True), "json")
    assert asked(args(file), rita, path).json() == json.loads(json.dumps(reported.whole()))


def test_hostile_names_in_a_report_are_text(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"debate": f"debate {HOSTILE}", "literal": f"judge {HOSTILE}",
             "strong": f"strong {HOSTILE}"}  # fmt: skip
    by_hand(monkeypatch, reported.with_names(reported.whole(), names))
    for part in ("accuracy", "judges", "players"):
        desk = shown(file, monkeypatch, part=part)
        marked = [*desk.app.markdown, *desk.app.caption, *desk.app.error, *desk.app.subheader]
        assert not any("outside" in str(one.value) for one in marked), part
        assert "\u202e".encode() not in sent(desk), part
        labels = [one.label for one in (*desk.app.button, *desk.app.button_group)]
        assert not any("outside" in str(one) for one in labels), part


def test_opening_a_report_is_noted_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown(file, monkeypatch, run=CUP).again()
    with Store(file) as store:
        (row,) = store.query("SELECT * FROM events WHERE kind = 'looked'")
        assert json.loads(row["value"]) == {"run": CUP, "page": "studies"}


# As files.


def args(store: Path) -> Arguments:
    return Arguments(store, "Ada", None)


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("form", FORMS)
def test_a_researcher_gets_the_report_as_a_file_and_it_is_on_record(file: Path, form: str) -> None:
    with Store(file) as store:
        rita = enter(store, "Rita", "researcher")
        found = report(store, CUP)
    answer = asked(args(file), rita, report_path(Asked(CUP), form))
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    end = {"html": "html", "markdown": "md", "json": "json"}[form]
    assert answer.headers["content-disposition"] == f'attachment; filename="cup-report.{end}"'
    if form == "json":
        assert json.loads(answer.content) == found
    elif form == "markdown":
        assert answer.text == markdown(found)
    else:
        assert answer.headers["content-type"].startswith("text/html")
        assert "<svg" in answer.text and "Judge accuracy" in answer.text
    with Store(file) as store:
        (row,), _ = audit.log(store, audit.Filters(kind="exported"))
        details = {name: value for name, value in row["details"]}
    assert row["who"] == "Rita"
    assert (details["run"], details["format"]) == (CUP, f"report, {form}")
    assert details["bytes"] == str(len(answer.content))


@pytest.mark.usefixtures("drawn")
def test_people_stand_by_their_pseudonyms_on_the_page_and_in_every_file(tmp_path: Path) -> None:
    with desk(2, 2, path=tmp_path / "d.db") as store:
        for one in debates(2):
            for who in everybody(store):
                acts.submit(store, one, who, "A", 0.75, "because")
        ids = everybody(store)
        rita = enter(store, "Rita", "researcher")
        names = Names(store)
        assert "person:Judge 00" in json.dumps(report(store, "trial"))
    for form in FORMS:
        answer = asked(args(tmp_path / "d.db"), rita, report_path(Asked("trial"), form))
        assert answer.status_code == 200
        for who in ids:
            assert who not in answer.text and names.name(who) not in answer.text
            assert names.pseudonym(who) in answer.text


def test_nobody_else_gets_a_report(file: Path) -> None:
    with Store(file) as store:
        bob, admin = enter(store, "Bob"), enter(store, "Carol", "admin")
    path = report_path(Asked(CUP), "json")
    for token, headers, wanted, status in (
        (None, {}, path, 403), (bob, {}, path, 403),
        (admin, {"origin": "http://evil.example"}, path, 403),
        (admin, {}, path.replace("json", "exe"), 400), (admin, {}, path + "&sample=none", 400),
        (admin, {}, report_path(Asked("other"), "json"), 404), (admin, {}, "/report", 400),
    ):  # fmt: skip
        answer = asked(args(file), token, wanted, **headers)
        assert answer.status_code == status, (wanted, status)
        assert b"settings" not in answer.content and "evil" not in answer.text
    with Store(file) as store:
        assert audit.log(store, audit.Filters(kind="exported"))[0] == []


def test_the_ways_to_the_files_are_on_the_page(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = shown(file, monkeypatch, run=CUP)
    paths = [json.loads(one.proto.json)["path"] for one in desk.app.get("bidi_component")]
    assert paths == [report_path(Asked(CUP), form) for form in FORMS]
    assert runs_seen.token(CUP) in paths[0] and CUP not in paths[0].replace("/report", "")
