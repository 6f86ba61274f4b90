"""The clustered and paired figures of the NYU report, against the estimators called on the rooms'
own files, and what the command line prints of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
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
    "pair": lambda one: tuple(sorted(one.spoke)),
}
MACHINES = ("ai consultancy", "ai debate")
"""Settings in which one and the same machine speaks everywhere."""


def of(setting: str) -> list[Room]:
    return [one for one in rooms() if one.setting.lower() == setting]


def labels(setting: str) -> dict[str, Any]:
    """What a setting is clustered by."""
    return {by: label for by, label in LABELS.items() if by != "pair" or setting not in MACHINES}


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
def test_a_setting_has_the_intervals_by_question_story_judge_and_pair_of_its_rooms(
    setting: str, found: dict[str, Any]
) -> None:
    (row,) = (one for one in found["settings"] if one["setting"] == setting)
    here = of(setting)
    known = accuracy(
        credits(here), {by: [label(one) for one in here] for by, label in labels(setting).items()},
        draws=0,
    )  # fmt: skip
    assert known is not None
    assert list(row["clustered"]) == list(labels(setting))
    for by, label in labels(setting).items():
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
    for by, label in labels(setting).items():
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


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_rooms_by_round_are_those_of_their_files(setting: str, found: dict[str, Any]) -> None:
    here = of(setting)
    row = next(one for one in found["rounds"] if (one["setting"], one["judge"]) == (setting, None))
    lines = next(
        one for one in found["trajectories"] if (one["setting"], one["judge"]) == (setting, None)
    )
    longest = max(len(one.p) for one in here)
    assert [one["round"] for one in row["rounds"]] == list(range(longest))
    for at in range(longest):
        p = [one.p[min(at, len(one.p) - 1)] for one in here]
        held = [
            0.5 if at < len(one.p) - 1 and abs(x - 0.5) < 1e-9 else x > 0.5
            for x, one in zip(p, here, strict=True)
        ]  # fmt: skip
        assert row["rounds"][at]["accuracy"] == pytest.approx(np.mean(held))
        assert row["rounds"][at]["carried"] == sum(len(one.p) <= at for one in here)
        assert lines["rounds"][at]["mean"] == pytest.approx(np.mean(p))
        assert row["rounds"][at]["n"] == len(here)
    shown = sorted(tuple(line) for line in lines["lines"])
    assert shown == sorted(one.p for one in here)


def test_people_who_read_the_rooms_later_are_one_judge_by_setting(found: dict[str, Any]) -> None:
    """Offline readers, one row each among the readers, are pooled where figures need many."""
    pooled = {(one["setting"], one["mode"]): one for one in found["pooled"]}
    assert all(one["judge"] == "people" for one in pooled.values())
    readers = [one for one in found["readers"]
               if (one["setting"], one["mode"]) == ("human debate", "stepped")]  # fmt: skip
    whole = pooled["human debate", "stepped"]
    assert whole["n"] == sum(one["n"] for one in readers) > 50
    assert whole["correct"] == sum(one["correct"] for one in readers)
    assert "judge" in whole["clustered"] and "two_way" in whole


def test_an_imports_rooms_have_cards_by_judge_and_agreement_with_its_readers(
    found: dict[str, Any],
) -> None:
    cards = {one["judge"].removeprefix("person:"): one for one in found["cards"]}
    live: dict[str, list[Room]] = {}
    for one in rooms():
        live.setdefault(one.judge, []).append(one)
    for name, mine in live.items():
        later = [one for one in found["readers"] if one["judge_id"] == cards[name]["judge_id"]]
        right = sum(one.p[-1] > 0.5 for one in mine) + sum(one["correct"] for one in later)
        n = len(mine) + sum(one["n"] for one in later)
        assert cards[name]["n"] == n
        assert cards[name]["accuracy"]["value"] == pytest.approx(right / n)
    assert len(live) == 19 and len(cards) == 20
    row = next(one for one in found["agreement"] if one["setting"] == "human debate")
    assert row["units"] == 63 and row["judgments"] == 129
    assert 0 < row["alpha"]["value"] < row["alpha_interval"]["value"] < 1


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
                               f"{found['paired'][-1]['p']:.3f}", "1.000"]  # fmt: skip
    assert any(line.split()[:3] == ["ai", "consultancy", "0.764"] for line in lines)
