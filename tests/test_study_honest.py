"""How a study could be made to say more than it declared, and what its report says to that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studies import HEAD, arena, file, study

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
