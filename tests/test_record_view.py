"""My record: its numbers against ones made by hand, whom it is shown to, and what it leaves out."""

from __future__ import annotations

import time
from datetime import timezone
from math import log2
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from desks import debates, keep
from stage import go_on, match, question
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df as arrow
from streamlit.testing.v1 import AppTest
from test_chair_view import open_page, said, sent, staged

from arena.batch import Batch
from arena.desk import acts, chairs, identity, planning
from arena.desk.settings import Settings, set_settings
from arena.match import Match
from arena.questions import Item
from arena.store import Store
from ui.web.views.record_view import INK, NONE_YET, NOT_SHOWN, TOGETHER, Day, allowed, times

NOON = 1_770_033_600.0  # 2026-02-02 12:00 UTC
UTC = timezone.utc  # noqa: UP017
GIVEN = ((0, 0.9), (0, 0.9), (0, 0.6), (1, 0.7), (1, 0.6))
"""The option that was chosen, and the probability given to it; option 0 is right."""


def judged(
    path: Path, settings: Settings | None, name: str = "Ada", run: str = "judged", first: int = 0
) -> list[Match]:
    """A run of finished debates that somebody has judged long ago, as `GIVEN` says."""
    made = [match(question(first + n), seed=n) for n in range(len(GIVEN))]
    with Store(path) as store:
        store.start_run(run, "play", {}, {})
        store.write(
            Batch(
                items=[Item(one.question, 0) for one in made],
                protocols=[made[0].protocol],
                matches=made,
                run_matches=[(run, n, one.id, {}) for n, one in enumerate(made)],
            )
        )
        if settings is not None:
            set_settings(store, run, settings)
        person = identity.register(store, name)
        for n, (one, (choice, p)) in enumerate(zip(made, GIVEN, strict=True)):
            go_on(store, one)
            acts.submit(store, one, person, one.labels[choice], p, "x", now=NOON + 60 * n)
    return made


def spend(path: Path, name: str, one: Match, minutes: float, at: float = NOON) -> None:
    with Store(path) as store:
        person = identity.register(store, name)
        store.execute({"INSERT INTO activity VALUES (?,?,?,?,?)":
                       [(person, one.id, -1, minutes * 60_000, at)]})  # fmt: skip


def metrics(app: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in app.metric}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


def test_the_numbers_are_those_made_by_hand(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(path, Settings(calibration=True))
    app = open_page(path, monkeypatch, "Ada", page="record")
    shown = metrics(app)
    bits = (2 * log2(0.9) + log2(0.6) + log2(0.3) + log2(0.4)) / 5
    brier = (2 * 0.1**2 + 0.4**2 + 0.7**2 + 0.6**2) / 5
    assert (shown["Counted"], shown["Right"]) == ("5", "60 %")
    assert shown["Log score, bits"] == f"{bits:.2f}"
    assert shown["Brier score"] == f"{brier:.3f}"
    # Wilson's interval of 3 of 5: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    z, n, p = 1.959964, 5, 0.6
    middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    assert shown["95 % interval"] == f"{100 * low:.0f} to {100 * high:.0f} %"
    table = next(one.value for one in app.dataframe if "Sure, %" in one.value)
    rows = [tuple(row)[:4] for row in table.itertuples(index=False)]
    assert rows == [("60 to 70", 2, 60, 50), ("70 to 80", 1, 70, 0), ("90 to 100", 2, 90, 100)]
    (chart,) = app.get("vega_lite_chart")
    assert INK in chart.proto.spec
    tables = [arrow(one.data.data) for one in chart.proto.datasets]
    (points,) = [one for one in tables if "right" in one]
    rows = [tuple(row) for row in points[["n", "right"]].itertuples(index=False)]
    assert rows == [(2, 50), (1, 0), (2, 100)]


def test_where_the_study_does_not_tell_one_line_says_so_and_no_number_is_sent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(path, None)
    app = open_page(path, monkeypatch, "Ada", page="record")
    assert NOT_SHOWN in said(app)
    assert not {"Right", "Counted", "Log score, bits", "Brier score"} & set(metrics(app))
    assert not app.get("vega_lite_chart")


def test_the_page_does_not_depend_on_the_truth_where_it_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []
    for truth in (0, 1):
        path = tmp_path / f"{truth}.db"
        (one, *_) = judged(path, None)
        spend(path, "Ada", one, 3)
        with Store(path) as store:
            store.execute({"UPDATE truths SET truth = ?": [(truth,)]})
        pages.append(sent(open_page(path, monkeypatch, "Ada", page="record")))
    assert pages[0] == pages[1] and b"2026-02-02" in pages[0]


def test_a_verdict_that_can_be_taken_back_is_not_counted_yet(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(path, Settings(calibration=True, undo=None))
    app = open_page(path, monkeypatch, "Ada", page="record")
    assert NONE_YET in said(app) and "Counted" not in metrics(app)
    assert "Not counted yet, as they can still be taken back: 5." in said(app)


def test_what_is_gold_elsewhere_and_runs_that_do_not_tell_are_left_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(path, Settings(calibration=True, gold="known"))
    judged(path, Settings(calibration=True), run="known", first=10)
    judged(path, None, run="silent", first=20)
    app = open_page(path, monkeypatch, "Ada", page="record")
    assert metrics(app)["Counted"] == "5"
    (days,) = [one.value for one in app.dataframe if "Day" in one.value]
    assert list(days["Judged"]) == [15]  # what was done is counted whatever it was


def test_a_record_with_gold_or_repeats_to_come_says_that_it_is_counted_together(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(mode="whole", calibration=True, again_share=0.3)
    with Store(path) as store:
        keep(store, debates(8))
        set_settings(store, "trial", settings)
        ada = identity.register(store, "Ada")
        plan = planning.preview(store, planning.PlanRequest("trial", (ada,), distance=2))
        planning.commit(store, plan, None)
        places = [row["match"] for row in store.query(
            "SELECT match FROM assignments ORDER BY position")]  # fmt: skip
        for key in places[:-1]:
            acts.submit(store, store.match(key), ada, "A", 0.8, "x", now=NOON, settings=settings)
    app = open_page(path, monkeypatch, "Ada", page="record")
    assert TOGETHER in said(app) and not {"Counted", "Right"} & set(metrics(app))
    left = len(places) - 1
    assert f"Not counted yet, as it is counted together at the end: {left}." in said(app)
    with Store(path) as store:
        last = store.match(places[-1])
        acts.submit(store, last, ada, "A", 0.8, "x", now=NOON, settings=settings)
    app = open_page(path, monkeypatch, "Ada", page="record")
    assert metrics(app)["Counted"] == str(len(places)) and TOGETHER not in said(app)


def test_nobody_sees_anybody_elses_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (one, *_) = judged(path, Settings(calibration=True))
    spend(path, "Ada", one, 3)
    app = open_page(path, monkeypatch, "Bob", page="record")
    assert metrics(app) == {} and NOT_SHOWN in said(app) and "Nothing yet." in said(app)
    with Store(path) as store:
        ada, bob = (identity.register(store, name) for name in ("Ada", "Bob"))
        assert allowed(store, ada) and not allowed(store, bob)
        assert ada.encode() not in sent(app)


def test_time_is_counted_by_debate_and_acts_by_day_of_ones_own_zone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = judged(path, None)
    for one, minutes in zip(made, (2, 4, 9), strict=False):
        spend(path, "Ada", one, minutes)
    other = staged(path, name="other")
    spend(path, "Ada", other, 30)
    spend(path, "Bob", made[0], 500)
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        found = times(store, ada, UTC)
        assert found.judged == (2, 4, 9) and found.others == 30
        assert found.days == (Day("2026-02-02", 5, 0),)
        east = times(store, ada, ZoneInfo("Pacific/Kiritimati"))  # 14 hours ahead
        assert [day.date for day in east.days] == ["2026-02-03"]
    shown = metrics(open_page(path, monkeypatch, "Ada", page="record"))
    assert shown["Debates timed"] == "3" and shown["Minutes a debate, median"] == "4.0"
    assert (shown["Shortest"], shown["Longest"]) == ("2.0", "9.0")
    assert shown["Altogether, h:min"] == "0:45"


def test_a_verdict_that_was_taken_back_is_no_debate_judged(path: Path) -> None:
    made = judged(path, Settings(undo=None))
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        acts.withdraw(store, made[0], ada, now=NOON + 900)
        assert times(store, ada, UTC).days == (Day("2026-02-02", 4, 0),)
        acts.submit(store, made[0], ada, made[0].labels[1], 0.8, "x", now=NOON + 2 * 86_400)
        assert times(store, ada, UTC).days == (
            Day("2026-02-04", 1, 0), Day("2026-02-02", 4, 0),
        )  # fmt: skip


def test_speeches_are_counted_as_well(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = staged(path)
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        seen = chairs.chair(store, one, ada, "A")
        assert seen is not None
        acts.say(store, one, ada, "A", "It sank.", now=NOON)
    app = open_page(path, monkeypatch, "Ada", page="record")
    (days,) = [frame.value for frame in app.dataframe if "Day" in frame.value]
    assert [tuple(row) for row in days.itertuples(index=False)] == [("2026-02-02", 0, 1)]


def test_a_tie_counts_one_half(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = judged(path, Settings(calibration=True))
    with Store(path) as store:
        ada = identity.register(store, "Ada")
        acts.withdraw(store, made[4], ada, now=NOON + 900)
        acts.submit(store, made[4], ada, acts.TIE, None, "x", now=time.time() - 3600)
    shown: dict[str, Any] = metrics(open_page(path, monkeypatch, "Ada", page="record"))
    assert shown["Right"] == "70 %"  # 3 and a half of 5
