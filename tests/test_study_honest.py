"""How a study could be made to say more than it declared, and what its report says to that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from studies import HEAD, arena, file, refused, study

from arena.store import Store
from ui.sheets_study import warnings

BLOCK = """
  conditions:
    debate: {protocol: debate, debaters: [strong, weak], judges: [literal]}
    consultancy: {protocol: consultancy, debaters: [strong], judges: [literal]}
    naive: {protocol: naive, judges: [literal]}
  critique: false
  contrasts: [{first: debate, second: consultancy}, {first: debate, second: naive}]
"""


def state(found: dict[str, Any]) -> dict[str, Any]:
    one: dict[str, Any] = found["results"]["study"]
    return one


def test_a_contrast_that_is_made_the_primary_one_after_the_lock_is_exploratory(
    tmp_path: Path,
) -> None:
    """Otherwise one could lock ten contrasts, look, and call the best of them the primary one."""
    path = file(tmp_path, BLOCK)
    study(path, "--lock")
    found = study(path, "--set", "study.primary={first: debate, second: naive}",
                  "--set", "study.contrasts=[{first: debate, second: consultancy}]")  # fmt: skip
    assert state(found)["primary"]["exploratory"]
    assert not state(found)["contrasts"][0]["exploratory"]
    assert ("primary", "accuracy of debate - naive under literal") in {
        (one["what"], one["name"]) for one in state(found)["exploratory"]
    }


def test_two_names_of_one_judge_are_one_and_the_study_can_end(tmp_path: Path) -> None:
    head = HEAD.replace("judges: {", 'judges: {again: "scripted:literal", ')
    block = BLOCK.replace("[literal]", "[literal, again]").replace(
        "second: consultancy}", "second: consultancy, judge: literal}"
    ).replace("second: naive}", "second: naive, judge: again}")  # fmt: skip
    stopping = state(study(file(tmp_path, block, head)))["stopping"]
    assert stopping["ended"] == "complete" and not stopping["interim"]
    assert stopping["judged"] == stopping["planned"] == {
        "debate": 6, "consultancy": 12, "naive": 6
    }  # fmt: skip


def test_a_study_read_in_both_listings_has_not_ended_after_one_of_them(tmp_path: Path) -> None:
    path = file(tmp_path, BLOCK.replace("protocol: debate,", "protocol: debate, listings: both,"))
    found = study(path)
    assert state(found)["stopping"]["planned"]["debate"] == 12
    assert state(found)["stopping"]["ended"] == "complete"
    with Store(tmp_path / "s.db") as store:
        sql = """DELETE FROM match_turns WHERE turn IN (SELECT t.id FROM turns AS t
          WHERE t.listing = '[1,0]')"""
        assert store.execute({sql: [()]})[sql] > 0
    told = arena("report", "small", "--store", tmp_path / "s.db", "--json")
    stopping = json.loads(told.stdout)["study"]["stopping"]
    assert stopping["judged"]["debate"] < 12 and stopping["interim"]


def test_a_declared_contrast_of_unmatched_arms_is_refused_with_its_reason(tmp_path: Path) -> None:
    spoken = BLOCK.replace("{protocol: naive,", "{protocol: debate without rebuttal,")
    path = file(tmp_path, spoken + "  match: {on: visible tokens, within: .01}\n")
    found = study(path)
    for one in state(found)["contrasts"]:
        assert one["matched"] is False and one["paired"] is None and one["unpaired"] is None
        assert "not matched on visible tokens" in one["refused"]
    printed = arena("report", "small", "--store", tmp_path / "s.db").stdout
    assert "refused" in printed and "--unmatched compares them" in printed
    open_ = state(study(path, "--unmatched"))["contrasts"]
    assert all(one["paired"] is not None and "refused" not in one for one in open_)


def test_the_note_on_older_verdicts_counts_each_of_them_once(tmp_path: Path) -> None:
    """Two contrasts share an arm, whose verdicts are older in both of them."""
    path = file(tmp_path, BLOCK)
    study(path)
    study(path, "--lock")
    printed = arena("report", "small", "--store", tmp_path / "s.db").stdout
    assert "older than the lock: 24 verdicts" in " ".join(printed.split())


def test_a_contrast_without_figures_still_counts_in_holms_family(tmp_path: Path) -> None:
    """The scores of a judge that knows all are alike in both arms: no interval, no p, but declared
    all the same."""
    one = "{first: debate, second: naive}"
    more = "{first: debate, second: naive, judge: oracle, figure: log2_score}"
    block = BLOCK.replace("[literal]", "[literal, oracle]")
    block = block[: block.index("  contrasts")] + f"  contrasts: [{one[:-1]}, judge: literal}}, "
    found = state(study(file(tmp_path, f"{block}{more}]\n")))["contrasts"]
    assert found[1]["paired"]["value"] == 0 and found[1]["paired"]["interval"] is None
    assert found[1]["holm"] is None
    assert found[0]["holm"] == min(1.0, 2 * found[0]["paired"]["p"])


def test_what_a_declared_judge_reads_once_more_afterwards_changes_no_declared_figure(
    tmp_path: Path,
) -> None:
    """Another listing, or step by step: one could go on reading until the contrast looks better."""
    path = file(tmp_path, BLOCK.replace("literal", "first"),
                HEAD.replace("judges: {", "judges: {first: 'scripted:first', "))  # fmt: skip
    before = study(path, "--lock")
    store = ("--store", tmp_path / "s.db", "--json")
    arena("judge", "--of", "small", "--judge", "scripted:first", "--order", "both", *store)
    arena("judge", "--of", "small", "--judge", "scripted:first", "--mode", "stepped", *store)
    found = json.loads(arena("report", "small", *store).stdout)
    assert found["study"]["contrasts"] == state(before)["contrasts"]
    assert {"what": "verdicts", "name": f"{6 + 12 + 6} verdicts",
            "why": "in a listing that was not declared; in no figure"} in (
        found["study"]["exploratory"])  # fmt: skip
    for row in found["settings"]:
        assert row.get("exploratory", False) == (row.get("mode") == "stepped")


def test_a_study_that_its_minutes_ended_says_how_much_of_it_is_there(tmp_path: Path) -> None:
    path = file(tmp_path, BLOCK + "  stop: {minutes: 1.0e-9}\n")
    found = study(path)
    assert state(found)["stopping"]["ended"] == "minutes"
    (line,) = (one for one in warnings(found["results"]) if "minutes" in one)
    assert "0 of 24 verdicts" in line


# ---------------------------------------------------------------------------------------------
# What is refused before it is played.

STORIES = """
name: small
questions: {source: jsonl, path: q.jsonl}
judges: {coin: "scripted:coin"}
"""


def questions(folder: Path, count: int) -> None:
    """Questions of a story each, the first of them of a pilot."""
    lines = (
        {"question": f"Question {i}?", "answers": ["yes", "no"], "truth": i % 2,
         "group": f"story {i}", "split": "main" if i else "pilot"}
        for i in range(count)
    )  # fmt: skip
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, lines)))


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("splits: [mian]", "study.exclude.splits: expected some of these questions' own "
         "('pilot', 'main'), got 'mian'"),
        ("stories: [story 1, ghost]", "('story 0', 'story 1', 'story 2', 'story 3', 'story 4', "
         "...), got 'ghost'"),
        ("splits: [pilot, main]", "expected rules that leave some of the 7 questions, got splits "
         "('pilot', 'main') and stories (none) that leave none"),
        ("splits: [main], stories: [story 0]", "that leave none"),
    ],
)  # fmt: skip
def test_an_exclusion_that_leaves_out_nothing_or_everything_is_refused(
    rules: str, told: str, tmp_path: Path
) -> None:
    questions(tmp_path, 7)
    path = file(tmp_path, "  conditions: {naive: {protocol: naive}}\n", STORIES)
    for words in ((), ("--plan",), ("--lock",)):
        line = refused(path, *words, "--set", f"study.exclude={{{rules}}}")
        assert told in line, line
    with Store(tmp_path / "s.db") as store:
        assert store.one("SELECT * FROM runs") is None


def test_a_story_behind_the_questions_that_are_asked_may_be_left_out(tmp_path: Path) -> None:
    questions(tmp_path, 7)
    path = file(tmp_path, """
  conditions: {naive: {protocol: naive}}
  exclude: {stories: [story 1, story 6]}
  stop: {questions: 3}
""", STORIES)  # fmt: skip
    found = study(path)
    assert state(found)["excluded"] == {"naive": {"story": 1}}
    whole = "study.exclude={stories: [story 0, story 1, story 2]}"
    assert "leave some of the 3 questions" in refused(path, "--set", whole)


@pytest.mark.parametrize(
    ("primary", "contrasts"),
    [
        ("{first: debate, second: consultancy, judge: literal}",
         "[{first: debate, second: consultancy}]"),
        ("{first: debate, second: consultancy}",
         "[{first: consultancy, second: debate, judge: literal}]"),
        ("null", "[{first: debate, second: naive}, {first: naive, second: debate}]"),
    ],
)  # fmt: skip
def test_a_comparison_that_is_declared_twice_is_refused(
    primary: str, contrasts: str, tmp_path: Path
) -> None:
    words = ("--set", f"study.primary={primary}", "--set", f"study.contrasts={contrasts}")
    line = refused(file(tmp_path, BLOCK), *words)
    assert "study.contrasts: expected each comparison once, got accuracy of" in line
    apart = contrasts.replace("}]", ", figure: brier}]")
    study(file(tmp_path, BLOCK), *words[:3], f"study.contrasts={apart}")


def test_a_comparison_under_two_names_of_one_judge_is_declared_twice(tmp_path: Path) -> None:
    head = HEAD.replace("judges: {", "judges: {p: 'scripted:first,p=.9', q: 'scripted:first', ")
    block = BLOCK.replace("[literal]", "[p, q]")
    both = "[{first: debate, second: naive, judge: p}, {first: debate, second: naive, judge: q}]"
    line = refused(file(tmp_path, block, head), "--set", f"study.contrasts={both}")
    assert "accuracy of 'debate' and 'naive' under 'q' twice" in line


def test_the_plan_names_the_judge_of_both_arms(tmp_path: Path) -> None:
    block = """
  conditions:
    x: {protocol: naive, judges: [literal, coin]}
    y: {protocol: expert, judges: [coin]}
  primary: {first: x, second: y}
"""
    path = file(tmp_path, block)
    done = arena("study", path, "--plan", "--json", "--store", tmp_path / "p.db")
    (planned,) = json.loads(done.stdout)["contrasts"]
    assert planned["judge"] == state(study(path))["primary"]["judge"] == "coin"


COST = """
  conditions:
    debate: {protocol: debate, debaters: [nano, strong], judges: [reader, literal]}
    other: {protocol: consultancy, debaters: [strong], judges: [reader, literal]}
    naive: {protocol: naive, judges: [reader, literal]}
  critique: false
  match: {on: cost, within: .99}
  primary: {first: debate, second: other, judge: literal}
"""
MODELS = HEAD.replace("players: {", "players: {nano: 'local:nano', ").replace(
    "judges: {", "judges: {reader: 'planted:noisy,of=(prompted:nano-judge)', "
)  # fmt: skip


def test_arms_are_matched_on_cost_only_where_everybody_has_a_price(tmp_path: Path) -> None:
    """Before play: afterwards all would have been played for nothing."""
    path = file(tmp_path, COST, MODELS)
    line = refused(path)
    assert "no price for the player 'nano'; write one for each, as in prices: {nano:" in line
    both = refused(path, "--set", "study.primary.judge=reader")
    assert "the player 'nano', the judge 'reader'" in both
    nano = ("--set", "prices={nano: {input: 1.0, output: 1.0}}", "--set", "questions.n=1")
    assert "the judge 'reader';" in refused(path, *nano, "--set", "study.primary.judge=reader")
    found = state(study(path, *nano, "--unmatched"))
    assert found["matched"]["arms"]["debate"] > found["matched"]["arms"]["other"] == 0


def test_arms_that_cost_nothing_are_not_matched_on_cost(tmp_path: Path) -> None:
    path = file(tmp_path, COST.replace("nano, strong", "weak, strong"), MODELS)
    assert "expected contrasts in which somebody costs something" in refused(path)
    free = "prices={nano: {input: 0.0, output: 0.0}}"
    path = file(tmp_path, COST, MODELS)
    assert "expected contrasts in which somebody costs something" in refused(path, "--set", free)
    silent = "study.primary={first: debate, second: naive, judge: literal}"
    plan = arena("study", path, "--plan", "--store", tmp_path / "p.db", "--set", silent)
    assert plan.exit_code == 0, "an arm in which nobody speaks is matched with none"


def test_a_player_and_a_judge_of_one_name_have_one_price_each(tmp_path: Path) -> None:
    block = COST.replace("reader, ", "nano, ").replace("judge: literal", "judge: nano")
    head = HEAD.replace("players: {", "players: {nano: 'local:nano', ").replace(
        "judges: {", "judges: {nano: 'prompted:nano-judge', "
    )  # fmt: skip
    words = ("--set", "prices={nano: {input: 1.0, output: 1.0}}", "--set", "questions.n=1")
    found = study(file(tmp_path, block, head), *words, "--unmatched")["results"]
    paid = {(one["role"], one["player"]): one["money"] for one in found["costs"]
            if one["setting"] == "debate" and one["calls"]}  # fmt: skip
    assert paid.keys() == {("debater", "nano"), ("judge", "nano")} and all(paid.values())


# ---------------------------------------------------------------------------------------------
# Where it stopped.


@pytest.mark.parametrize("how", ["--json", "--markdown"])
def test_a_study_that_its_runs_limits_stopped_says_that_the_same_command_goes_on(
    how: str, tmp_path: Path
) -> None:
    path = file(tmp_path, BLOCK)
    call = ("study", path, "--store", tmp_path / "s.db", how)
    stopped = arena(*call, "--set", "run.minutes=1.0e-9")
    assert "24 matches are not taken up" in stopped.stderr
    assert "the same command goes on" in stopped.stderr
    assert "not taken up" not in arena(*call).stderr


def test_a_study_that_its_own_rule_ended_does_not_say_that_a_command_goes_on(
    tmp_path: Path,
) -> None:
    path = file(tmp_path, BLOCK + "  stop: {minutes: 1.0e-9}\n")
    done = arena("study", path, "--store", tmp_path / "s.db", "--set", "run.minutes=1.0e-9")
    assert done.exit_code == 0 and "goes on" not in done.stderr
