"""The clustered and paired figures of the NYU report, against the estimators called on the rooms'
own files, and what the command line prints of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nyu_reports import Room, rooms
from test_nyu import data, real
from typer.testing import CliRunner

from arena.report import report
from arena.sources.nyu import import_nyu
from arena.stats.accuracy import accuracy, credit, stratified
from arena.stats.paired import paired_difference
from arena.store import Store
from ui.cli import app

pytestmark = real
SETTINGS = ("ai consultancy", "ai debate", "human consultancy", "human debate")
LABELS = {
    "question": lambda one: (one.story, one.question),
    "story": lambda one: one.story,
    "judge": lambda one: one.judge,
}


def of(setting: str) -> list[Room]:
    return [one for one in rooms() if one.setting.lower() == setting]


def credits(here: list[Room]) -> list[float]:
    return [float(x) for x in credit([one.p[-1] for one in here], "wrong")]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nyu") / "nyu.db"
    with Store(path) as opened:
        assert import_nyu(data(), opened).failures == []
    return path


@pytest.fixture(scope="module")
def found(path: Path) -> Iterator[dict[str, Any]]:
    with Store(path) as opened:
        yield report(opened, "nyu")


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_has_the_intervals_by_question_story_and_judge_of_its_rooms(
    setting: str, found: dict[str, Any]
) -> None:
    (row,) = (one for one in found["settings"] if one["setting"] == setting)
    here = of(setting)
    known = accuracy(
        credits(here), {by: [label(one) for one in here] for by, label in LABELS.items()}, draws=0
    )
    assert known is not None
    assert list(row["clustered"]) == list(LABELS)
    for by, label in LABELS.items():
        one = row["clustered"][by]
        assert one["interval"] == pytest.approx([known.by[by].low, known.by[by].high], abs=1e-9)
        assert one["clusters"] == len({label(room) for room in here})
    assert row["widest"] == known.widest == "judge"
    low, high = row["clustered"]["judge"]["interval"]
    assert high - low > row["wilson"][1] - row["wilson"][0]


@pytest.mark.parametrize("setting", ["ai consultancy", "human consultancy"])
def test_a_consultancy_has_half_the_sum_of_honest_and_dishonest(
    setting: str, found: dict[str, Any]
) -> None:
    (row,) = (one for one in found["settings"] if one["setting"] == setting)
    half = sum(row[role]["correct"] / row[role]["n"] for role in ("honest", "dishonest")) / 2
    assert row["stratified"]["accuracy"] == pytest.approx(half)
    here = of(setting)
    for by, label in LABELS.items():
        known = stratified(
            credits(here), [bool(one.honest) for one in here], [label(one) for one in here]
        )
        assert known is not None
        one = row["stratified"]["clustered"][by]
        assert one["interval"] == pytest.approx([known.both.low, known.both.high], abs=1e-9)
    assert "stratified" not in next(one for one in found["settings"] if "debate" in one["setting"])


def test_every_debate_is_paired_with_every_consultancy_on_the_questions_of_both(
    found: dict[str, Any],
) -> None:
    assert len({LABELS["question"](one) for one in rooms()}) == 162
    pairs = [(one["first"], one["second"]) for one in found["paired"]]
    assert pairs == [(a, b) for a in SETTINGS[1::2] for b in SETTINGS[::2]]
    here = list(rooms())
    for row in found["paired"]:
        pair = (row["first"], row["second"])
        known = paired_difference(
            credits(here), [one.setting.lower() for one in here],
            [LABELS["question"](one) for one in here], pair, [one.story for one in here],
        )  # fmt: skip
        assert known is not None
        first, second = ({LABELS["question"](one) for one in of(name)} for name in pair)
        assert row["questions"] == known.n == len(first & second) > 0
        assert row["difference"] == pytest.approx(known.value)
        assert row["interval"] == pytest.approx([known.low, known.high])
        assert (row["by"], row["clusters"]) == ("story", known.clusters)
        assert row["p"] == pytest.approx(known.p) and row["holm"] >= row["p"]


def test_the_printed_report_shows_both_intervals_within_a_hundred_columns(
    path: Path, found: dict[str, Any]
) -> None:
    result = CliRunner().invoke(app, ["report", "nyu", "--store", str(path)])
    assert result.exit_code == 0, result.output
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert max(map(len, lines)) <= 100
    (debate,) = (line for line in lines if line.split()[:3] == ["human", "debate", "97"])
    assert debate.split() == ["human", "debate", "97", "0.814", "0.693-0.895", "19", "judges",
                              "0.726-0.879", "-0.801", "0.153"]  # fmt: skip
    (gap,) = (line for line in lines if line.strip().startswith("human debate - human"))
    low, high = found["paired"][-1]["interval"]
    assert gap.split()[5:] == ["29", "-0.086", f"{low:+.3f},", f"{high:+.3f}", "25", "stories",
                               "0.419", "1.000"]  # fmt: skip
    assert any(line.split()[:3] == ["ai", "consultancy", "0.764"] for line in lines)
