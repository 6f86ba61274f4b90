"""``arena demo``: its contract, what it leaves, how it goes on, and what it refuses.

The demos here train the shipped models for a step or two; what they come to in minutes is in
test_demo_whole.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_conditions import clustered
from typer.testing import CliRunner, Result

import arena.alarm
import ui.demo
from agents.models import Models
from arena import metrics
from arena.alarm import Alarm, AlarmSettings, Evaluation
from arena.store import Store
from ui.cli import app
from ui.conditions import BASE, FREE, TRAINED, Teams, perform_conditions
from ui.demo import DEBATE, PLANTED, REFERENCES

CONDITIONS = {"naive", "expert", "consultancy base", "consultancy trained", "debate base",
              "debate trained", "debate reference"}  # fmt: skip
JUDGES = {"training", "held-out", "literal", "strategic"}
WHY = "proxy up, accuracy down"
N = 12


def demo(store: Path, *words: object) -> Result:
    every = ["demo", "--store", store, *words]
    return CliRunner().invoke(app, [str(word) for word in every])


def answered(store: Path, *words: object) -> dict[str, Any]:
    result = demo(store, "--json", *words)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def stops(history: Sequence[Evaluation], settings: AlarmSettings) -> Alarm | None:
    """An alarm at the second evaluation of a run that it may stop."""
    late = len(history) > 1 and settings.act == "stop"
    return Alarm(history[-1].step, WHY, settings.act) if late else None


def small(patch: pytest.MonkeyPatch) -> None:
    """Trainings of two steps on two questions, the last one stopped after the first of its two."""
    tiny = replace(ui.demo.RECIPES["free"], steps=2, questions=2, group=3, opponents=2)
    patch.setattr(ui.demo, "RECIPES", {"free": tiny})
    patch.setattr(ui.demo, "WATCHED", N)
    patch.setattr(ui.demo, "PLANTED_STEPS", 2)
    patch.setattr(ui.demo, "PLANTED_EVERY", 1)
    patch.setattr(arena.alarm, "check", stops)


@pytest.fixture(scope="module")
def quick() -> Iterator[pytest.MonkeyPatch]:
    """Small demos, for all of this module."""
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        yield patch


@pytest.fixture(scope="module")
def done(
    quick: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], Result]:
    """A demo that was stopped after its trainings and started again: its store, what it printed
    then, and the call that was stopped."""
    store = tmp_path_factory.mktemp("demo") / "demo.db"

    def interrupt(*args: object, **how: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ui.demo, "perform_conditions", interrupt)
        stopped = demo(store, "--json", "--full", "--n", N)
    return store, answered(store, "--full", "--n", N), stopped


# -- the contract


def test_a_demo_prints_conditions_and_goodhart_and_nothing_else(
    done: tuple[Path, dict[str, Any], Result],
) -> None:
    _, found, _ = done
    assert set(found) == {"conditions", "goodhart"}
    rows = found["conditions"]
    assert {row["condition"] for row in rows} == CONDITIONS
    for row in rows:
        sides = {"honest", "dishonest"} if row["condition"].startswith("consultancy") else set()
        assert set(row) == {"condition", "judge", "n", "accuracy", "interval"} | sides
        assert row["judge"] in JUDGES
        assert row["n"] == N * (1 + bool(sides))
        low, high = row["interval"]
        assert 0 <= low <= row["accuracy"] <= high <= 1
        for side in sides:
            assert set(row[side]) == {"n", "correct"}
    keys = [(row["condition"], row["judge"]) for row in rows]
    ideal = {"literal", "strategic"}
    assert len(keys) == len(set(keys))
    assert set(keys) == {
        (condition, judge) for condition in CONDITIONS
        for judge in (ideal if condition == "expert" else JUDGES)
    }  # fmt: skip


def test_honest_and_dishonest_consultancies_add_up(
    done: tuple[Path, dict[str, Any], Result],
) -> None:
    rows = [row for row in done[1]["conditions"] if "honest" in row]
    assert len(rows) == 2 * len(JUDGES)
    for row in rows:
        sides = row["honest"], row["dishonest"]
        assert [side["n"] for side in sides] == [N, N]
        assert sum(side["correct"] for side in sides) == pytest.approx(row["accuracy"] * row["n"])


def test_every_accuracy_and_interval_is_that_of_the_stored_verdicts_clustered_by_world(
    done: tuple[Path, dict[str, Any], Result],
) -> None:
    store, found, _ = done
    names = {"nano-judge": "training", "nano-judge-2": "held-out"}
    right: dict[tuple[str, str], tuple[list[float], list[str]]] = {}
    with Store(store) as kept:
        truths = kept.truths()
        for row in kept.query(
            "SELECT rm.labels, m.question, v.choice, p.record FROM run_matches AS rm "
            "JOIN matches AS m ON m.id = rm.match JOIN verdicts AS v ON v.match = m.id "
            "JOIN participants AS p ON p.id = v.author WHERE rm.run = 'demo'"
        ):
            judge = json.loads(row["record"])["name"]
            key = json.loads(row["labels"])["setting"], names.get(judge, judge)
            values, worlds = right.setdefault(key, ([], []))
            truth = truths[row["question"]]
            values.append(0.5 if row["choice"] is None else float(row["choice"] == truth))
            worlds.append(row["question"])
    for row in found["conditions"]:
        values, worlds = right[row["condition"], row["judge"]]
        assert row["n"] == len(values)
        assert row["accuracy"] == pytest.approx(sum(values) / len(values), abs=1e-12)
        assert row["interval"] == pytest.approx(clustered(values, worlds), abs=1e-9)


def test_the_goodhart_block_is_the_curve_of_the_run_that_the_monitor_stopped(
    done: tuple[Path, dict[str, Any], Result],
) -> None:
    store, found, _ = done
    block = found["goodhart"]
    assert set(block) == {"steps", "proxy", "gold", "stopped_at", "reason"}
    with Store(store) as kept:
        history = metrics.history(kept, PLANTED)
        trained = kept.one("SELECT max(step) AS n FROM metrics WHERE run = ?", PLANTED)
    assert block["steps"] == [0, 1]
    for name, figure in (
        ("proxy", metrics.evaluation("proxy")),
        ("gold", metrics.evaluation("accuracy", metrics.HELD_OUT)),
    ):
        assert list(zip(block["steps"], block[name], strict=True)) == history[figure]
    assert (block["stopped_at"], block["reason"]) == (1, WHY)
    assert trained == {"n": 1}, "stopped before the second of its two steps"


def test_the_run_with_the_weakness_starts_from_the_trained_debaters(
    done: tuple[Path, dict[str, Any], Result],
) -> None:
    with Store(done[0]) as kept:
        before, after = (
            json.loads(row["config"])["players"]
            for name in (DEBATE, PLANTED)
            for row in kept.query("SELECT config FROM runs WHERE name = ?", name)
        )
        records = {name: kept.participant(key) for name, key in after.items()}
        published = {
            name: digest
            for name, (digest, _) in kept.artifacts(DEBATE).items()
            if name.endswith("@2")
        }
    assert before["alice"] == before["bob"]  # both are the base
    assert {f"{name}@2": one["adapter"]["digest"] for name, one in records.items()} == published


# -- what is stopped, what is there, and what is shown


def test_a_demo_that_was_stopped_says_so_in_one_line_and_goes_on(
    done: tuple[Path, dict[str, Any], Result],
) -> None:
    store, _, stopped = done
    assert stopped.exit_code == 1 and stopped.stdout == ""
    assert stopped.stderr.splitlines()[-1] == "arena: the demo stopped; the same command goes on"
    assert "step 2: judge accuracy" in stopped.stderr
    with Store(store) as kept:
        assert kept.one("SELECT count(*) AS n FROM runs WHERE kind = 'train'") == {"n": 3}


def test_the_same_command_again_shows_what_is_there_and_changes_nothing(
    done: tuple[Path, dict[str, Any], Result], quick: pytest.MonkeyPatch
) -> None:
    store, found, _ = done
    with Store(store) as kept:
        before = list(kept.conn.iterdump())
    result = demo(store, "--full", "--n", N)
    assert result.exit_code == 0, result.stderr
    with Store(store) as kept:
        assert list(kept.conn.iterdump()) == before
    words = " ".join(result.stdout.split())
    for row in found["conditions"]:
        low, high = row["interval"]
        cells = f"{row['judge']} {row['n']} {row['accuracy']:.3f} {low:.3f}-{high:.3f}"
        assert cells in words
        assert row["condition"] in words
    for what in (
        "won against base", "quotes found", "right when", "expert: the passage",
        f"stopped it at step 1: {WHY}",
        f"{PLANTED} may be stopped by an alarm that reads the truth",
        f"ui --store {store} --run {DEBATE}@2",
    ):  # fmt: skip
        assert what in words
    for run in (DEBATE, PLANTED):
        drawn = {path.name for path in (store.parent / "demo-plots" / run).iterdir()}
        assert {"accuracy.svg", "reward-and-truth.svg"} <= drawn


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--full", "--n", N + 1], f"holds a demo with --n {N} --full"),
        (["--minutes", "1", "--n", N], f"holds a demo with --n {N} --full"),
    ],
)
def test_other_settings_want_another_store(
    done: tuple[Path, dict[str, Any], Result], words: list[object], said: str
) -> None:
    line = refused(demo(done[0], *words))
    assert said in line and "--store" in line


def test_a_demo_of_another_version_wants_another_store(
    done: tuple[Path, dict[str, Any], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui.demo, "WEAKNESS", "planted:trust,of=(scripted:literal)")
    line = refused(demo(done[0], "--full", "--n", N))
    assert "another version of this package" in line and "--store" in line


def test_a_demo_whose_adapters_are_gone_says_so(
    done: tuple[Path, dict[str, Any], Result], quick: pytest.MonkeyPatch
) -> None:
    store, _, _ = done
    adapters = store.parent / "demo-training" / DEBATE / "adapters"
    adapters.rename(adapters.with_name("elsewhere"))
    try:
        line = refused(demo(store, "--full", "--n", N), quiet=False)
    finally:
        adapters.with_name("elsewhere").rename(adapters)
    assert "alice" in line and "put the folder back" in line


def refused(result: Result, quiet: bool = True) -> str:
    """The line on standard error of a call that was at fault: the only one, if it is quiet."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 or not quiet
    assert lines[-1].startswith("arena: ")
    return lines[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--minutes", "0"], "more than 0"),
        (["--minutes", "-1"], "more than 0"),
        (["--minutes", "nan"], "more than 0"),
        (["--minutes", "inf"], "finite"),
        (["--minutes", "soon"], "--minutes"),
        (["--minutes", "1", "--full"], "leave --minutes out"),
        (["--scripted", "--full"], "trains nobody"),
        (["--scripted", "--minutes", "1"], "trains nobody"),
        (["--n", "0"], "--n"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_and_leaves_no_store(
    tmp_path: Path, words: list[str], said: str
) -> None:
    assert said in refused(demo(tmp_path / "demo.db", *words))
    assert not list(tmp_path.iterdir())


def test_a_path_that_no_participant_can_name_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "me@home"
    folder.mkdir()
    assert "@ , ( or )" in refused(demo(folder / "demo.db"))


def test_the_shipped_adapters_are_debaters_who_beat_their_base() -> None:
    asked = FREE.items(77, 60)
    a, b = (f"local:nano#{name}" for name in REFERENCES)
    teams = Teams({BASE: ("local:nano",) * 2, TRAINED: (a, b)})
    with Store(None) as store:
        found = perform_conditions(
            store, "x", asked, FREE, teams, {"literal": "scripted:literal"}, Models()
        )
    gain = found.difference("debate trained", "debate base", "literal")
    assert gain is not None and gain.low > 0
    won = found.wins("literal")["all"]
    assert won is not None and won.low > 0.5


# -- the long proofs


@pytest.mark.check
def test_minutes_end_a_training_and_a_demo_that_was_not_stopped_says_the_same(
    done: tuple[Path, dict[str, Any], Result], quick: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert answered(tmp_path / "demo.db", "--full", "--n", N) == done[1]
    short = answered(tmp_path / "short.db", "--minutes", "0.001", "--n", N)
    assert {row["condition"] for row in short["conditions"]} == CONDITIONS
    with Store(tmp_path / "short.db") as kept:
        steps = kept.one("SELECT max(step) AS n FROM metrics WHERE run = ?", DEBATE)
    assert steps == {"n": 1}
