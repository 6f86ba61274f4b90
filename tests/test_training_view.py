"""The training page without a browser: curves as far as a run has come, what it must be read with,
and debates of its evaluations."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import seasons
from browser import ENTER, Watch, served
from deskpages import Desk
from seasons import EVALUATIONS, LAB, STEPS
from test_transcript_view import opened, sent

from arena import metrics
from arena.desk import identity, runs_seen, seen, worklist
from arena.desk.curves import MOST, panels, thinned
from arena.metrics import train
from arena.store import Store
from ui.web.views import training_view
from ui.web.views.training_view import KEPT


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    KEPT._held.clear()


def shown(file: Path, monkeypatch: pytest.MonkeyPatch, **query: str) -> Desk:
    return opened(file, monkeypatch, "", "training", **query)


def panel(desk: Desk, key: str) -> dict[str, Any]:
    (found,) = (one for one in desk.part("curves")["panels"] if one["key"] == key)
    return dict(found)


def values(desk: Desk, key: str) -> dict[str, list[tuple[float, float]]]:
    """By name the steps and values of a panel's lines."""
    return {one["name"]: [(point[0], point[1]) for point in one["points"]]
            for one in panel(desk, key)["lines"]}  # fmt: skip


def events(file: Path, kind: str) -> list[dict[str, Any]]:
    with Store(file) as store:
        return [{**json.loads(row["value"]), "match": row["match"]} for row in
                store.query("SELECT * FROM events WHERE kind = ? ORDER BY id", kind)]  # fmt: skip


# Curves.


def test_every_curve_that_a_training_is_known_by_is_there_with_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seasons.lab(tmp_path / "s.db")
    desk = shown(tmp_path / "s.db", monkeypatch)
    assert [one["key"] for one in desk.part("curves")["panels"]] == [
        "reward", "win", "accuracy", "pool", "kl", "entropy", "length", "verified",
    ]  # fmt: skip
    with Store(tmp_path / "s.db") as store:
        sql = "SELECT step, value FROM metrics WHERE run = ? AND name = ? ORDER BY step"
        for key, name, line in (("reward", "train/reward/alice", "alice"),
                                ("kl", "train/kl/bob", "bob"),
                                ("entropy", "train/entropy/alice", "alice"),
                                ("length", "train/length/bob", "bob"),
                                ("win", "eval/win/honest", "honest"),
                                ("accuracy", "eval/accuracy/training", "training judge"),
                                ("accuracy", "eval/accuracy/held-out", "held-out judge"),
                                ("verified", "eval/verified", "all")):  # fmt: skip
            rows = [(row["step"], row["value"]) for row in store.query(sql, LAB, name)]
            assert len(rows) in (STEPS, len(EVALUATIONS))
            for got, wanted in zip(values(desk, key)[line], rows, strict=True):
                assert got == pytest.approx(wanted), (key, line)
    ends = {point[0]: point[2:] for point in panel(desk, "win")["lines"][1]["points"]}
    assert ends[0] == pytest.approx([0.42, 0.58])


def test_a_new_step_is_drawn_and_a_look_at_the_same_step_computes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    seasons.lab(file, finished=False, alarm=False)
    made: list[str] = []
    real = training_view.training_report
    monkeypatch.setattr(training_view, "training_report",
                        lambda store, run: made.append(run) or real(store, run))  # fmt: skip
    desk = shown(file, monkeypatch)
    assert values(desk, "kl")["alice"][-1][0] == STEPS and made == [LAB]
    desk.again()
    desk.again()
    assert made == [LAB]
    with Store(file) as store:
        seasons.keep_step(store, LAB, STEPS + 1, ("alice", "bob"), Random(0))
    desk.again()
    assert values(desk, "kl")["alice"][-1][0] == STEPS + 1 and made == [LAB, LAB]
    with Store(file) as store:
        metrics.keep(store, LAB, STEPS + 1, {metrics.evaluation("verified"): 0.5})
    desk.again()  # the same step, and one figure more
    assert values(desk, "verified")["all"][-1] == (STEPS + 1, 0.5) and made == [LAB] * 3


def test_a_run_that_goes_on_is_looked_at_again_and_one_that_is_over_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every: list[float | None] = []
    real = training_view.st.fragment

    def fragment(func: Any, *, run_every: float | None = None, key: str | None = None) -> Any:
        every.append(run_every)
        return real(func, run_every=run_every, key=key)

    monkeypatch.setattr(training_view.st, "fragment", fragment)
    file = tmp_path / "s.db"
    seasons.lab(file, finished=False, alarm=False)
    desk = shown(file, monkeypatch)
    assert every == [training_view.EVERY] and "looked at every 4 seconds" in desk.words()
    with Store(file) as store:
        store.finish_run(LAB)
    desk.again()
    assert every[-1] is None and "looked at every" not in desk.words()


def test_a_long_run_is_drawn_with_a_bounded_number_of_points_that_are_means() -> None:
    series = [(step, float(step % 7)) for step in range(1, 3001)]
    (found,) = panels({train("kl", "alice"): series})
    (line,) = found["lines"]
    assert len(line["points"]) <= MOST and line["every"] == 13
    for n, (step, value, low, high) in enumerate(line["points"][:-1]):
        some = [one for at, one in series if 13 * n < at <= 13 * (n + 1)]
        assert (step, low, high) == (13 * (n + 1), None, None)
        assert value == pytest.approx(sum(some) / 13)
    assert line["points"][-1][0] == 3000
    assert thinned([[1, 2.0, None, None], [2, 4.0, 1.0, 5.0]], 2) == [[2, 3.0, 1.0, 5.0]]


def test_missing_figures_are_no_points_and_a_run_without_any_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = panels({train("kl", "a"): [(1, None), (2, 3.0)], train("length", "a"): [(1, None)]})
    assert found["key"] == "kl" and found["lines"][0]["points"] == [[2, 3.0, None, None]]
    with Store(tmp_path / "s.db") as store:
        store.start_run("young", "train", {}, {})
    assert "Nothing has been measured yet." in shown(tmp_path / "s.db", monkeypatch).words()


def test_without_a_training_the_page_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path / "s.db").close()
    desk = shown(tmp_path / "s.db", monkeypatch)
    assert "There is no training yet" in desk.words() and not desk.app.selectbox


# What a run must be read with.


def test_labels_and_alarms_are_told_and_a_run_without_them_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    seasons.lab(file)
    seasons.lab(file, "plain", alarm=False)
    said = shown(file, monkeypatch, run=LAB).words()
    assert "This run may be stopped by an alarm that reads the truth." in said
    assert "Alarm at step 40 (the run was stopped): the proxy went up" in said
    plain = shown(file, monkeypatch, run="plain").words()
    assert "reads the truth" not in plain and "Alarm at" not in plain


def test_the_address_names_the_run_by_its_name_or_token_and_a_choice_goes_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    seasons.lab(file)
    seasons.lab(file, "second", ("carol", "dan"), alarm=False)
    for given in (LAB, runs_seen.token(LAB)):
        assert set(values(shown(file, monkeypatch, run=given), "kl")) == {"alice", "bob"}
    desk = shown(file, monkeypatch)
    assert set(values(desk, "kl")) == {"carol", "dan"}  # the newest
    desk.app.selectbox[0].set_value(LAB)
    desk.again()
    assert set(values(desk, "kl")) == {"alice", "bob"}
    assert desk.app.query_params["run"] in ([runs_seen.token(LAB)], runs_seen.token(LAB))
    bad = "![x](http://outside.invalid/b.png)"
    strange = shown(file, monkeypatch, run=bad)
    assert "The run of this address is not here" in strange.words()
    assert b"outside.invalid" not in sent(strange)


# Debates of the evaluations.


def samples(desk: Desk) -> Any:
    return desk.app.dataframe[0].value


def test_the_debates_of_a_step_are_a_few_of_that_evaluation_and_the_same_at_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    played = seasons.lab(file)
    desk = shown(file, monkeypatch)
    first = samples(desk)
    assert len(first) == training_view.SAMPLES and "Verdicts" not in first
    wanted = {one.question.text for one in played[40]}
    assert set(first["Question"]) <= wanted and all("alice@40" in one for one in first["Players"])
    (box,) = (one for one in desk.app.selectbox if one.label == "Evaluation")
    assert [str(one) for one in box.options] == ["at step 40", "at step 20", "at step 0"]
    box.set_value(20)
    desk.again()
    second = samples(desk)
    assert list(second["Question"]) == list(first["Question"])
    assert all("alice@20" in one for one in second["Players"])


def test_a_selected_row_opens_its_debate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "s.db"
    seasons.lab(file)
    desk = shown(file, monkeypatch)
    with Store(file) as store:
        keys = runs_seen.sample(store, f"{LAB}@40", training_view.SAMPLES)
    real = training_view.table
    monkeypatch.setattr(training_view, "table", lambda *given, **named: real(*given, **named)
                        and {"selection": {"rows": [2]}})  # fmt: skip
    desk.again()
    assert desk.app.query_params["id"] in ([keys[2]], keys[2]) and len(desk.turns()) == 4


def test_verdicts_are_told_with_the_switch_alone_and_whoever_reads_them_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    played = seasons.lab(file)
    with Store(file) as store:
        keys = runs_seen.sample(store, f"{LAB}@40", training_view.SAMPLES)
        ada = identity.local(store, "Ada").id
        mine = store.match(keys[1])
        assert worklist.take(store, mine, ada, 0.0, 1e12, "judge")
    desk = shown(file, monkeypatch)
    before = sent(desk)
    assert b"training: A" not in before
    assert [one["match"] for one in events(file, "looked")] == [None]
    desk.app.toggle(key=training_view.VERDICTS).set_value(True)
    desk.again()
    table = samples(desk)
    numbers, barred = [one.id for one in played[40]], set()
    for row, key in enumerate(keys):
        n = numbers.index(key)
        if played[40][n].question.group == mine.question.group:  # to be judged by who looks
            assert (table["Verdicts"][row], table["Right"][row]) == ("yours to judge", "")
            barred.add(key)
            continue
        wrong = n % 3 == 2
        assert table["Verdicts"][row] == f"test:training: {'B' if wrong else 'A'} {55 + 4 * n} %"
        assert table["Right"][row] == ("0 of 1" if wrong else "1 of 1")
    looked = [one["match"] for one in events(file, "looked") if one["match"]]
    assert mine.id in barred and sorted(looked) == sorted(set(keys) - barred) != []
    desk.again()
    assert len(events(file, "looked")) == len(looked) + 1


def test_opening_a_run_is_noted_once_and_bars_nobody_from_judging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.db"
    played = seasons.lab(file)
    desk = shown(file, monkeypatch)
    desk.again()
    shown(file, monkeypatch)
    noted = events(file, "looked")
    assert noted == [{"run": LAB, "page": "training", "match": None}]
    with Store(file) as store:
        ada = identity.local(store, "Ada").id
        assert seen.refusal(store, played[40][0], ada) is None


@pytest.mark.check
def test_in_a_browser_a_new_step_comes_by_itself_and_an_open_table_stays_open(
    tmp_path: Path, chromium: Any
) -> None:
    file = tmp_path / "s.db"
    seasons.lab(file, finished=False, alarm=False)
    with served(file, "Ada") as url:
        watch = Watch(chromium, url)
        watch.context.request.get(url + ENTER)
        page = watch.open(f"/training?run={LAB}")
        watch.sees("KL to the start")
        fold = page.locator("figure").filter(has_text="KL to the start").locator("details")
        fold.locator("summary").click()
        assert fold.get_by_role("rowheader").last.inner_text() == str(STEPS)
        with Store(file) as store:
            seasons.keep_step(store, LAB, STEPS + 1, ("alice", "bob"), Random(0))
        watch.until(lambda: fold.get_by_role("rowheader").last.inner_text() == str(STEPS + 1),
                    "the new step did not come")  # fmt: skip
        with Store(file) as store:
            store.finish_run(LAB)
        page.get_by_text("not finished", exact=True).wait_for(state="detached")
        page.locator("[data-testid=stMetric]").get_by_text("finished", exact=True).wait_for()
        assert watch.wrong() == []
        watch.close()
