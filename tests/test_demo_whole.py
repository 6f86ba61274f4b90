"""The whole of ``arena demo``, at its own size: debaters learn, and a run that games is stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_demo import JUDGES, answered

import ui.demo


@pytest.mark.check
def test_the_whole_demo_shows_learning_and_a_run_that_the_monitor_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the recipes as they are, and their steps, so that a slow machine says the same."""
    debate = replace(ui.demo.RECIPES["free"], steps=100)
    monkeypatch.setattr(ui.demo, "RECIPES", {"free": debate})
    found = answered(tmp_path / "demo.db", "--full")
    rows = {(row["condition"], row["judge"]): row for row in found["conditions"]}
    for judge in JUDGES:
        low, high = rows["naive", judge]["interval"]
        assert low <= 0.5 <= high
        base, trained = rows["debate base", judge], rows["debate trained", judge]
        assert trained["interval"][0] > base["interval"][1]
        if judge != "strategic":  # who, of free faces, learns as much from one good consultant
            assert rows["consultancy trained", judge]["accuracy"] < trained["interval"][0]
    assert rows["expert", "literal"]["accuracy"] == 1
    block = found["goodhart"]
    assert block["stopped_at"] == block["steps"][-1]
    assert block["reason"].startswith(f"step {block['stopped_at']}: proxy reward")
    assert block["proxy"][-1] > block["proxy"][0] + 0.2
    assert block["gold"][-1] < block["gold"][0] - 0.05
