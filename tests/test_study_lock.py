"""The lock of a study: what it holds and refuses, what is exploratory, what tampering shows."""

from __future__ import annotations

import ast
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from studies import HEAD, arena, file, refused, study, without_times
from test_audit import kinds_in

from arena.desk import audit
from arena.desk.settings import Settings, set_settings, settings_of
from arena.lock import changed
from arena.report.costs import keep_prices, prices_of
from arena.store import Store
from arena.studyfile import Price

BLOCK = """
  conditions:
    debate: {protocol: debate, debaters: [strong, strong], judges: [literal]}
    consultancy: {protocol: consultancy, debaters: [strong], judges: [literal]}
  primary: {first: debate, second: consultancy}
  contrasts: [{first: debate, second: "debate: critique only"}]
  exclude: {forfeited: true}
  match: {on: visible tokens, within: .9}
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a study that was locked and played."""
    path = file(tmp_path_factory.mktemp("locked"), BLOCK)
    study(path, "--lock")
    return path


def lock_events(path: Path) -> list[dict[str, Any]]:
    with Store(path) as store:
        found = store.query("SELECT * FROM events WHERE kind = 'locked'")
        return [{**one, "value": json.loads(one["value"])} for one in found]


def state(found: dict[str, Any]) -> dict[str, Any]:
    one: dict[str, Any] = found["results"]["study"]
    return one


def test_the_lock_keeps_the_hash_of_all_that_is_declared_before_the_first_verdict(
    tmp_path: Path,
) -> None:
    path = file(tmp_path, BLOCK)
    found = study(path, "--lock", "--set", "run.minutes=1e-9")
    assert found["done"] == 0  # locked, and nothing is played yet
    (event,) = lock_events(tmp_path / "s.db")
    value = event["value"]
    text = json.dumps(value["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert value["hash"] == sha256(text.encode()).hexdigest() == state(found)["lock"]["hash"]
    assert value["verdicts"] == [] and state(found)["lock"]["at"] == event["at"]
    declared = value["content"]
    assert set(declared) == {
        "arena", "seed", "questions", "conditions", "primary", "contrasts", "exclude", "stop",
        "match", "prices", "desk", "critique", "sandwich",
    }  # fmt: skip
    assert declared["desk"] is None and declared["prices"] is None  # neither has a say here
    assert declared["conditions"]["debate"]["protocol"]["cycles"] == 1
    again = study(path, "--lock")
    assert state(again)["lock"]["changed"] == [] and len(lock_events(tmp_path / "s.db")) == 1
    assert not state(again)["primary"]["exploratory"]
    assert [one["what"] for one in state(again)["exploratory"]] == ["contrasts"]
    printed = arena("study", path, "--store", tmp_path / "s.db")
    assert value["hash"] in printed.stderr


def test_what_the_lock_holds_has_nothing_of_the_truth_or_of_the_machine(tmp_path: Path) -> None:
    hashes = []
    for turn in (0, 1):
        folder = tmp_path / f"folder {turn}"
        folder.mkdir()
        lines = ({"question": f"Question {i}?", "answers": ["yes", "no"], "truth": (i + turn) % 2}
                 for i in range(4))  # fmt: skip
        (folder / "q.jsonl").write_text("\n".join(map(json.dumps, lines)))
        head = HEAD.replace("{source: witness, n: 6}", "{source: jsonl, path: q.jsonl}")
        block = "  conditions: {naive: {protocol: naive, judges: [coin]}}\n"
        study(file(folder, block, head), "--lock", "--set", f"run.width={1 + turn}")
        (event,) = lock_events(folder / "s.db")
        hashes.append(event["value"]["hash"])
        assert "truth" not in event["value"]["content"] and str(tmp_path) not in str(event)
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("seed=4", "seed was 3 at the lock and is 4 now"),
        ("questions.n=7", "questions.n was 6 at the lock and is 7 now"),
        ("questions.seed=1", "the 6 questions are others than those at the lock"),
        ("study.primary.figure=brier", "primary.figure"),
        ("study.contrasts=[]", "the contrast accuracy of debate - debate: critique only"),
        ("study.exclude.truncated=true", "exclude.truncated"),
        ("study.stop={questions: 5}", "questions.n was 6"),
        ("study.stop.minutes=5.0", "stop.minutes"),
        ("study.match.within=.8", "match.within"),
        ("study.conditions.debate.protocol=debate sequential", "conditions.debate.protocol"),
        ("study.conditions.debate.information.passage_to=[A]", "conditions.debate.protocol"),
        ("study.conditions.debate.debaters=[strong, weak]", "conditions.debate.debaters.B"),
        ("study.conditions.debate.judges=[oracle]", "primary.judge"),
        ("study.conditions.consultancy.listings=both", "conditions.consultancy.listings"),
        ("study.conditions.consultancy.replicates=2", "conditions.consultancy.replicates"),
        ("judges.literal=scripted:coin", "conditions.consultancy.judges.literal"),
        ("players.strong='scripted:witness,p=.8,s=.8,b=.9'", "debaters.A.id"),
    ],
)
def test_nothing_that_is_locked_may_change(change: str, named: str, locked: Path) -> None:
    with Store(locked.parent / "s.db") as store:
        before = list(store.conn.iterdump())
    line = refused(locked, *(("--lock",) if len(change) % 2 else ()), "--set", change)
    assert named in line, line
    with Store(locked.parent / "s.db") as store:
        assert list(store.conn.iterdump()) == before


def test_a_condition_that_is_locked_cannot_go(tmp_path: Path) -> None:
    path = file(tmp_path, BLOCK)
    study(path, "--lock")
    assert "debate: critique only" in refused(path, "--set", "study.critique=false",
                                              "--set", "study.contrasts=[]")  # fmt: skip


def test_what_is_added_after_the_lock_is_allowed_and_exploratory(tmp_path: Path) -> None:
    path = file(tmp_path, BLOCK)
    before = study(path, "--lock")
    more = ("--lock", "--set", "study.conditions.naive={protocol: naive}",
            "--set", "study.conditions.debate.judges=[literal, oracle]",
            "--set", "study.conditions.consultancy.judges=[literal, oracle]",
            "--set", "study.primary.judge=literal",
            "--set", "study.contrasts=[{first: debate, second: 'debate: critique only', "
            "judge: literal}, {first: debate, second: naive, judge: literal}]")  # fmt: skip
    found = study(path, *more)
    said = {(one["what"], one["name"]) for one in state(found)["exploratory"]}
    assert {
        ("condition", "naive"), ("judge", "oracle (debate)"), ("judge", "oracle (consultancy)"),
        ("contrast", "accuracy of debate - naive under literal"),
    } <= said  # fmt: skip
    marked = {(one["setting"], one["judge"]): one.get("exploratory", False)
              for one in found["results"]["settings"]}  # fmt: skip
    assert marked["debate", "scripted:literal"] is False
    assert marked["debate", "scripted:oracle"] and marked["naive", "scripted:coin"]
    first, second = state(found)["contrasts"]
    assert not first["exploratory"] and second["exploratory"]
    assert state(found)["lock"]["hash"] == state(before)["lock"]["hash"]
    assert state(found)["lock"]["changed"] == []
    assert state(found)["primary"]["paired"] == state(before)["primary"]["paired"]


def test_a_judge_that_reads_the_matches_afterwards_is_no_judge_of_the_study(
    tmp_path: Path,
) -> None:
    path = file(tmp_path, BLOCK)
    study(path, "--lock")
    done = arena("judge", "--of", "small", "--judge", "scripted:coin",
                 "--store", tmp_path / "s.db", "--json")  # fmt: skip
    results = json.loads(done.stdout)["results"]
    mine = [one for one in results["settings"] if one["judge"] == "scripted:coin"]
    assert len(mine) == 3 and all(one["exploratory"] for one in mine)
    names = [one["name"] for one in results["study"]["exploratory"] if one["what"] == "judge"]
    assert sorted(names) == [f"scripted:coin ({one})" for one in
                             ("consultancy", "debate", "debate: critique only")]  # fmt: skip


def test_verdicts_that_are_older_than_the_lock_are_counted_and_in_no_contrast(
    tmp_path: Path,
) -> None:
    path = file(tmp_path, BLOCK)
    part = study(path, "--set", "run.width=1", "--set", "questions.n=2")
    assert state(part)["note"] == "not locked: everything is exploratory"
    assert state(part)["exploratory"][0]["what"] == "everything"
    assert state(part)["primary"]["exploratory"]
    assert all(one["exploratory"] for one in part["results"]["settings"])
    found = study(path, "--lock")
    old = sum(state(part)["stopping"]["judged"].values())
    assert state(found)["older"] == old == 2 * (1 + 1 + 2)
    (event,) = lock_events(tmp_path / "s.db")
    assert len(event["value"]["verdicts"]) == old
    primary = state(found)["primary"]
    assert primary["older"] == 2 * (1 + 2) and primary["paired"]["questions"] == 6 - 2
    (row,) = (one for one in found["results"]["settings"] if one["setting"] == "debate")
    assert row["n"] == 6  # the figures of a setting have them all
    assert "older than the lock" in str(state(found)["exploratory"])
    young = study(path, "--lock", store="young.db")
    assert state(young)["primary"]["paired"]["questions"] == 6


# ---------------------------------------------------------------------------------------------
# The desk and the prices.

PEOPLE = """
name: small
questions: {source: witness, n: 2}
players: {strong: "scripted:witness,p=.9,s=.8,b=.9"}
judges: {me: person}
"""
JUDGED = "  conditions: {debate: {protocol: debate}}\n"
ALWAYS_A = "desk={mode: timed, seconds: 5, instructions: 'always A'}"


def test_the_desk_of_a_study_that_people_judge_is_locked_with_it(tmp_path: Path) -> None:
    path = file(tmp_path, JUDGED, PEOPLE)
    study(path, "--lock")
    line = refused(path, "--set", ALWAYS_A)
    assert 'desk.instructions was "" at the lock and is "always A" now (and 2 more)' in line
    assert 'desk.mode was "stepped" at the lock and is "whole" now' in refused(
        path, "--lock", "--set", "desk={mode: whole}"
    )
    assert state(study(path))["lock"]["changed"] == []
    with Store(tmp_path / "s.db") as store:
        assert settings_of(store, "small") == Settings()


def test_a_desk_that_was_set_before_the_lock_need_not_be_in_the_file_again(tmp_path: Path) -> None:
    path = file(tmp_path, JUDGED, PEOPLE)
    study(path, "--lock", "--set", ALWAYS_A)
    (event,) = lock_events(tmp_path / "s.db")
    assert event["value"]["content"]["desk"]["instructions"] == "always A"
    assert state(study(path))["lock"]["changed"] == []
    assert "desk.seconds was 5 at the lock and is 9 now" in refused(
        path, "--set", ALWAYS_A.replace("5", "9")
    )


def test_a_desk_that_an_admin_changes_after_the_lock_is_in_the_report(tmp_path: Path) -> None:
    path = file(tmp_path, JUDGED, PEOPLE)
    study(path, "--lock")

    def told() -> list[str]:
        done = arena("report", "small", "--store", tmp_path / "s.db", "--json")
        found: list[str] = json.loads(done.stdout)["study"]["lock"]["changed"]
        return found

    with Store(tmp_path / "s.db") as store:
        set_settings(store, "small", Settings(tie=False))
        assert told() == ["desk.tie was true at the lock and is false now"]
        assert "desk.tie" in refused(path)
        set_settings(store, "small", Settings())  # back, but some may have judged without ties
        assert told() == ["the desk was another one for a while after the lock"]


def test_a_desk_that_nobody_sits_at_is_not_locked(locked: Path) -> None:
    assert state(study(locked, "--set", ALWAYS_A))["lock"]["changed"] == []


COST = """
  conditions:
    first: {protocol: debate without rebuttal, debaters: [nano, nano]}
    second: {protocol: debate without rebuttal, debaters: [nano, other]}
  critique: false
  primary: {first: first, second: second, judge: literal}
  match: {on: cost, within: .9}
"""
PRICED = """
name: small
questions: {source: witness, n: 1}
players: {nano: "local:nano", other: "local:nano,temperature=.5"}
judges: {literal: "scripted:literal"}
prices: {nano: {input: 1.0, output: 4.0}, other: {input: 1.0, output: 4.0}}
"""


def test_prices_are_locked_where_arms_are_matched_on_cost(tmp_path: Path) -> None:
    path = file(tmp_path, COST, PRICED)
    before = study(path, "--lock")
    assert state(before)["matched"]["matched"] and state(before)["lock"]["changed"] == []
    line = refused(path, "--set", "prices.other.output=400.0")
    assert "prices.other.output was 4.0 at the lock and is 400.0 now" in line
    assert "prices.nano.input was 1.0 at the lock and is 0.0 now" in refused(
        path, "--set", "prices.nano={input: 0.0, output: 4.0}"
    )
    more = ("--set", "players.third=local:nano,temperature=.7",
            "--set", "prices.third={input: 2.0, output: 2.0}",
            "--set", "study.conditions.third={protocol: debate without rebuttal, "
                     "debaters: [nano, third]}")  # fmt: skip
    found = study(path, *more)
    assert state(found)["lock"]["changed"] == []
    assert "condition" in {one["what"] for one in state(found)["exploratory"]}
    with Store(tmp_path / "s.db") as store:
        kept = {who: Price(**one) for who, one in prices_of(store, "small").items()}
        (event,) = lock_events(tmp_path / "s.db")
        other = event["value"]["content"]["conditions"]["second"]["debaters"]["B"]["id"]
        keep_prices(store, "small", {**kept, other: Price(1.0, 9.0)})
    told = json.loads(arena("report", "small", "--store", tmp_path / "s.db", "--json").stdout)
    assert told["study"]["lock"]["changed"] == [
        "prices.other.output was 4.0 at the lock and is 9.0 now"
    ]


def test_prices_may_change_where_arms_are_matched_on_something_else(tmp_path: Path) -> None:
    path = file(tmp_path, COST.replace("cost", "visible tokens"), PRICED)
    study(path, "--lock", "--unmatched")
    found = study(path, "--unmatched", "--set", "prices.other.output=400.0")
    assert state(found)["lock"]["changed"] == []


def test_a_lock_from_before_the_desk_was_part_of_it_is_still_one(locked: Path) -> None:
    now = lock_events(locked.parent / "s.db")[0]["value"]["content"]
    old = {name: one for name, one in now.items() if name not in ("desk", "prices")}
    assert changed(old, {**now, "desk": {"mode": "whole"}, "prices": {}}) == []


# ---------------------------------------------------------------------------------------------
# Tampering.


def tampered(locked: Path, tmp_path: Path, sql: str, *values: Any) -> list[str]:
    """What the report says has changed since the lock, after a statement on a copy of the store."""
    with Store(locked.parent / "s.db") as store:
        store.conn.execute("VACUUM INTO ?", (str(tmp_path / "s.db"),))
    with Store(tmp_path / "s.db") as store:
        assert store.execute({sql: [values]})[sql] > 0
    done = arena("report", "small", "--store", tmp_path / "s.db", "--json")
    assert done.exit_code == 0, done.stderr
    found: list[str] = json.loads(done.stdout)["study"]["lock"]["changed"]
    return found


SET = "UPDATE events SET value = json_set(value, ?, json(?)) WHERE kind = 'locked'"


@pytest.mark.parametrize(
    ("sql", "values", "told"),
    [
        (SET, ("$.content.primary.figure", '"brier"'), "the record of the lock was altered"),
        (SET, ("$.hash", '"00"'), "the record of the lock was altered"),
        (SET, ("$.verdicts", '[["m", "t"]]'), "the record of the lock was altered"),
        ("UPDATE events SET at = at - 60 WHERE kind = ?", ("locked",),
         "the record of the lock was altered"),
        ("UPDATE runs SET config = json_set(config, '$.study.primary.figure', ?)", ("brier",),
         'primary.figure was "accuracy" at the lock and is "brier" now'),
        ("UPDATE runs SET config = json_set(config, '$.study.exclude.truncated', json(?))",
         ("true",), "exclude.truncated"),
        ("UPDATE run_matches SET labels = json_set(labels, '$.condition', ?) WHERE position = 0",
         ("consultancy",), "the matches of 'debate' are not those that were locked"),
        ("DELETE FROM run_matches WHERE position = ?", (0,),
         "the matches of 'debate' are not those that were locked"),
        ("UPDATE protocols SET record = json_set(record, '$.cycles', ?) WHERE name LIKE 'debate%'",
         (0,), "is not what its id says"),
        ("UPDATE questions SET passage = passage || ?", ("!",), "is not what its id says"),
        ("UPDATE participants SET record = json_set(record, '$.settings.p', ?) "
         "WHERE record LIKE '%\"p\":0.9%'", (0.1,), "the participant"),
        ("UPDATE runs SET config = json_set(config, '$.study.arena', ?)", ("9.9",),
         "locked with version"),
    ],
)  # fmt: skip
def test_tampering_is_noticed(
    sql: str, values: tuple[Any, ...], told: str, locked: Path, tmp_path: Path
) -> None:
    assert told in " / ".join(tampered(locked, tmp_path, sql, *values))


def test_nothing_is_said_of_a_store_that_nobody_touched(locked: Path, tmp_path: Path) -> None:
    sql = "UPDATE runs SET finished_at = finished_at WHERE name = ?"
    assert tampered(locked, tmp_path, sql, "small") == []


def test_the_plan_says_what_a_lock_refuses_and_calls_it_no_addition(locked: Path) -> None:
    def plan(*words: str) -> tuple[list[str], str]:
        call = ("study", locked, "--store", locked.parent / "s.db", "--plan", *words)
        done = arena(*call, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)["changed"], " ".join(arena(*call).stdout.split())

    changed_, printed = plan("--set", "seed=9")
    assert changed_[0] == "seed was 3 at the lock and is 9 now"
    assert f"Changed: {changed_[0]}" in printed and "more than that" not in printed
    assert "is not played" in printed
    none, printed = plan("--set", "study.conditions.naive={protocol: naive}")
    assert none == [] and "(more than that now)" in printed and "Changed" not in printed
    none, printed = plan()
    assert none == [] and "(the same)" in printed


def test_the_lock_survives_a_resumed_study_and_its_events_have_words(tmp_path: Path) -> None:
    path = file(tmp_path, BLOCK)
    first = study(path, "--lock")
    assert without_times(study(path)) == without_times(first)
    root = Path(__file__).parent.parent
    for name in ("arena/lock.py", "arena/report/costs.py"):
        text = (root / name).read_text()
        kinds = kinds_in(text) | {
            node.value.value
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            and ast.unparse(node.targets[0]) == "LOCKED"
        }  # fmt: skip
        assert kinds and kinds <= set(audit.WORDS)
