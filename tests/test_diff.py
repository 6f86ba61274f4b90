"""``arena diff``: what two runs' configurations differ in, and that equal ones say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from studies import arena, file, study

from arena.configdiff import PARTS, Difference, compare
from arena.report.costs import keep_prices
from arena.store import Store
from arena.studyfile import Price
from arena.values import apart, flatten

PLAY = """
name: one
seed: 1
questions: {source: witness, n: 3}
protocols: [debate]
players: {ada: "scripted:witness,p=.9,s=.8,b=.9"}
judges: {literal: "scripted:literal"}
"""


def played(folder: Path, name: str, *changes: str) -> None:
    (folder / "r.yaml").write_text(PLAY)
    words = [word for change in (f"name={name}", *changes) for word in ("--set", change)]
    done = arena("play", folder / "r.yaml", "--store", folder / "s.db", *words)
    assert done.exit_code == 0, done.stderr


def diff(folder: Path, first: str = "one", second: str = "two") -> dict[str, Any]:
    done = arena("diff", first, second, "--store", folder / "s.db", "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def fields(found: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {(one["part"], one["field"]): (one["first"], one["second"])
            for one in found["differences"]}  # fmt: skip


def test_equal_configurations_say_so(tmp_path: Path) -> None:
    played(tmp_path, "one")
    played(tmp_path, "two", "run.width=3", "engine.threads=2")
    same = diff(tmp_path)
    assert same["equal"] is True and same["differences"] == []
    printed = arena("diff", "one", "two", "--store", tmp_path / "s.db")
    assert "the same configuration" in printed.stdout


@pytest.mark.parametrize(
    ("change", "part", "field", "values"),
    [
        ("seed=2", "config", "seed", (1, 2)),
        ("play={mirrored: true}", "config", "play.mirrored", (None, True)),
        ("protocols=[debate sequential]", "protocols", "debate", ("there", None)),
        ("players.ada='scripted:witness,p=.5,s=.8,b=.9'", "players", "ada.settings.p", (0.9, 0.5)),
        ("players={bob: 'scripted:random'}", "players", "ada",
         ("scripted:witness,b=0.9,p=0.9,s=0.8", None)),
        ("judges.coin=scripted:coin", "judges", "coin", (None, "scripted:coin")),
        ("questions.n=5", "questions", "in this run alone", (0, 2)),
    ],
)  # fmt: skip
def test_a_difference_is_named_where_it_is(
    change: str, part: str, field: str, values: tuple[Any, Any], tmp_path: Path
) -> None:
    played(tmp_path, "one")
    played(tmp_path, "two", change)
    found = diff(tmp_path)
    assert found["equal"] is False
    told = fields(found)
    assert told[part, field] == values
    back = fields(diff(tmp_path, "two", "one"))
    assert set(back) >= {(part, field)}
    printed = arena("diff", "one", "two", "--store", tmp_path / "s.db")
    assert printed.exit_code == 0 and part in printed.stdout


def test_a_protocol_of_the_same_name_is_compared_field_by_field(tmp_path: Path) -> None:
    rules = (
        "name: short\nseats: [{name: A, role: debater}, {name: B, role: debater}, "
        "{name: judge, role: judge}]\nopening: [{slots: [{seat: A}, {seat: B}]}]\n"
        "passage_to: [A, B]\n"
    )
    for name, more in (("one", ""), ("two", "quoted_total: 80\nover_limit: forfeit\n")):
        (tmp_path / "short.yaml").write_text(rules + more)
        played(tmp_path, name, "protocols=[short.yaml]")
    told = fields(diff(tmp_path))
    assert told["protocols", "short.quoted_total"] == (None, 80)
    assert told["protocols", "short.over_limit"] == ("retry", "forfeit")
    assert len([key for key in told if key[0] == "protocols"]) == 2


def test_studies_differ_in_their_conditions_and_their_lock(tmp_path: Path) -> None:
    block = "  conditions: {naive: {protocol: naive, judges: [coin]}}\n"
    path = file(tmp_path, block)
    study(path, "--lock")
    study(path, "--set", "name=other", "--set", "study.stop={questions: 2}",
          "--set", "study.conditions.expert={protocol: expert, judges: [coin]}")  # fmt: skip
    told = fields(diff(tmp_path, "small", "other"))
    lock = told["run", "locked"]
    assert lock[1] is None and len(lock[0]) == 64
    assert told["config", "study.stop.questions"] == (None, 2)
    assert told["settings", "expert.matches"] == (None, 2)
    assert told["protocols", "expert"] == (None, "there")
    assert told["questions", "number"] == (6, 2)
    assert not any("digest" in field for _, field in told)


def test_studies_differ_in_who_sits_where_and_in_who_judges_which_condition(tmp_path: Path) -> None:
    """The same players, judges, protocols and questions, and as many matches: another study."""
    for name, pair, alone, readers in (
        ("one", "[strong, weak]", "weak", "[coin]"),
        ("two", "[weak, strong]", "strong", "[literal, coin]"),
    ):
        block = (
            "  critique: false\n  conditions:\n"
            f"    x: {{protocol: debate, debaters: {pair}, judges: [literal, coin]}}\n"
            f"    y: {{protocol: consultancy, debaters: [{alone}], judges: {readers}}}\n"
        )
        study(file(tmp_path, block), "--set", f"name={name}")
    told = fields(diff(tmp_path))
    assert told == {
        ("config", "study.conditions.x.debaters.A"): ("strong", "weak"),
        ("config", "study.conditions.x.debaters.B"): ("weak", "strong"),
        ("config", "study.conditions.y.debaters.A"): ("weak", "strong"),
        ("config", "study.conditions.y.judges.literal"): (None, "there"),
    }
    printed = arena("diff", "one", "two", "--store", tmp_path / "s.db")
    assert "the same configuration" not in printed.stdout
    assert "study.conditions.y.judges.literal" in printed.stdout
    assert diff(tmp_path, "one", "one")["equal"] is True


def test_prices_and_what_the_desk_allows_are_compared(tmp_path: Path) -> None:
    played(tmp_path, "one", "prices.ada={input: 1, output: 4}")
    played(
        tmp_path, "two", "prices.ada={input: 2, output: 4}", "desk.mode=whole", "desk.early=true"
    )
    told = fields(diff(tmp_path))
    assert told == {
        ("prices", "ada.input"): (1.0, 2.0),
        ("desk", "mode"): ("stepped", "whole"),  # which is what stands where nothing was set
    }
    played(tmp_path, "three")
    found = fields(diff(tmp_path, "one", "three"))
    assert found == {
        ("prices", "ada.input"): (1.0, None), ("prices", "ada.output"): (4.0, None),
    }  # fmt: skip


def test_a_price_that_a_study_declares_is_told_once_and_by_its_name(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        for name, price in (("one", 1.0), ("two", 2.0)):
            config = {
                "judges": {"j": "p404"},
                "study": {"conditions": {}, "questions": {}, "prices": {"p404": {"input": price}}},
            }
            store.start_run(name, "study", config, {})
            keep_prices(store, name, {"p404": Price(price, 0.0)})
    assert fields(diff(tmp_path)) == {("prices", "j.input"): (1.0, 2.0)}


def test_a_price_of_nobody_in_the_run_goes_by_what_it_is_of(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        for name in ("one", "two"):
            store.start_run(name, "play", {}, {})
        keep_prices(store, "two", {"p404": Price(1.0, 2.0)})
    assert fields(diff(tmp_path))["prices", "p404.output"] == (None, 2.0)


def test_a_run_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    played(tmp_path, "one")
    done = arena("diff", "one", "nobody", "--store", tmp_path / "s.db")
    (line,) = done.stderr.strip().splitlines()
    assert done.exit_code == 2 and "no run 'nobody'" in line and "one" in line


def test_runs_of_any_kind_can_be_compared(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        store.start_run("one", "import", {"source": "a"}, {"python": "3.11"})
        store.start_run("two", "demo", ["odd"], {"python": "3.12"})
    told = fields(diff(tmp_path))
    assert told["run", "kind"] == ("import", "demo")
    assert told["provenance", "python"] == ("3.11", "3.12")
    assert told["config", "source"] == ("a", None)


def test_a_hostile_name_is_shown_and_does_nothing(tmp_path: Path) -> None:
    played(tmp_path, "one")
    played(tmp_path, "two", "players={\"[bold]x\\e[31m\": 'scripted:random'}")
    printed = arena("diff", "one", "two", "--store", tmp_path / "s.db")
    assert "\x1b[31m" not in printed.stdout and "[bold]x" in printed.stdout


# ---------------------------------------------------------------------------------------------
# Pure.


def test_values_are_found_by_their_paths() -> None:
    assert flatten({"a": [{"b": 1}, 2], "c": {}, "d": None}) == {
        "a.0.b": 1, "a.1": 2, "d": None,
    }  # fmt: skip
    assert apart({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 0}) == [("b", 2, 3), ("c", None, 0)]
    assert apart({"a": None}, {}) == apart([1], [1]) == []


def test_questions_are_counted_and_the_first_are_named() -> None:
    empty: dict[str, Any] = {part: {} for part in PARTS}
    first = {**empty, "questions": {f"q{i}": f"Question {i}?" for i in range(9)}}
    second = {**empty, "questions": {"q0": "Question 0?", "new": "New?"}}
    assert compare(first, second) == [
        Difference("questions", "number", 9, 2),
        Difference("questions", "in this run alone", 8, 1),
        Difference("questions", "alone, 1", "Question 1?", "New?"),
        *(Difference("questions", f"alone, {i}", f"Question {i}?", None) for i in range(2, 6)),
    ]
    assert compare(first, first) == []
