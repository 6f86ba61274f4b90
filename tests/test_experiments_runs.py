"""The shipped study and tournament: what their reports say is what their files describe."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ui.cli import app

FOLDER = Path(__file__).parent.parent / "experiments"


def arena(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.check
def test_the_kept_report_of_the_study_is_of_what_its_file_locks(tmp_path: Path) -> None:
    planned = json.loads(
        arena("study", FOLDER / "rebuttals.yaml", "--plan", "--json", "--store", tmp_path / "s.db")
    )
    (kept,) = re.findall(r"hash ([0-9a-f]{64})", (FOLDER / "rebuttals.md").read_text())
    assert planned["hash"] == kept


def test_the_shipped_study_is_played_on_a_few_questions(tmp_path: Path) -> None:
    few = ("--set", "questions.n=4", "--set", "study.stop.questions=4")
    found = json.loads(
        arena("study", FOLDER / "rebuttals.yaml", *few, "--lock", "--json", "--unmatched",
              "--store", tmp_path / "s.db")
    )["results"]  # fmt: skip
    settings = {(one["setting"], one["judge"]) for one in found["settings"]}
    assert {setting for setting, _ in settings} == {
        "naive", "expert", "consultancy",
        "debate", "debate: critique only", "base debate", "base debate: critique only",
    }  # fmt: skip
    assert not any(one["missing"] for one in found["settings"])
    assert found["study"]["primary"]["paired"]["questions"] == 4


def test_the_shipped_tournament_is_played_on_a_few_questions(tmp_path: Path) -> None:
    found = json.loads(
        arena("tournament", FOLDER / "skills.yaml", "--set", "questions.n=4", "--json",
              "--store", tmp_path / "s.db")
    )  # fmt: skip
    assert found["failed"] == {} and found["done"] == 28 * 4 * 2
    ratings = found["results"]["ratings"]
    assert ratings["panel"]["incomplete"] == 0
    names = [one["name"] for one in ratings["players"]]
    assert sorted(names) == ["p10", "p20", "p30", "p45", "p60", "p75", "p90", "p99"]
    assert names.index("p99") < names.index("p10")


def test_the_kept_report_of_the_tournament_has_its_players_in_the_order_of_their_skill() -> None:
    text = (FOLDER / "skills.md").read_text()
    table = text[text.index("### Table: Ratings") :]
    rows = re.findall(r"^\| (\d) \| (p\d\d) \|", table, re.MULTILINE)[:8]
    assert [name for _, name in rows] == ["p99", "p90", "p75", "p60", "p45", "p30", "p20", "p10"]
