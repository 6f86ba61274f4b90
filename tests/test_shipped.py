"""What the package ships: judges that are worth arguing before, and a base that can be taught."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

import agents
import judges
from agents.models import Models
from agents.weights import SHIPPED, find_model
from judges.examine import examine_debater, examine_judge
from judges.response import pays_for_evidence, response_table

JUDGES = ("nano-judge", "nano-judge-2")


@pytest.fixture(scope="module")
def models() -> Iterator[Models]:
    torch.set_num_threads(1)
    yield Models()


@pytest.mark.parametrize("name", JUDGES)
def test_a_shipped_judge_pays_both_sides_for_evidence_and_true_rebuttals(
    name: str, models: Models
) -> None:
    """The gate of ``arena nano table``, before anything is trained against it."""
    judge = judges.load(f"prompted:{name}", models, {})
    assert pays_for_evidence(response_table(judge, models.engine(), 30)) == []


@pytest.mark.parametrize("name", JUDGES)
def test_a_shipped_judge_knows_nothing_of_silence_and_nearly_all_of_skilled_debates(
    name: str, models: Models
) -> None:
    judge = judges.load(f"prompted:{name}", models, {})
    found = examine_judge(judge, models.engine(), 400)
    for one in found:
        assert one.accuracy is not None and one.literal is not None and one.missing == 0
        if one.condition in ("no debate", "empty debate"):
            assert one.certainty is not None and one.certainty < 0.1
            assert abs(one.accuracy.value - 0.5) < 4 * math.sqrt(0.25 / one.n)
        if one.condition == "skilled debate":
            assert one.accuracy.value >= 0.9 * one.literal.value
    assert {one.condition for one in found} >= {"no debate", "empty debate", "skilled debate"}


@pytest.mark.parametrize("protocol", ["debate without rebuttal", "debate"])
def test_the_shipped_base_is_mediocre_above_chance_and_below_what_can_be_taught(
    protocol: str, models: Models
) -> None:
    agent = agents.load("local:nano", models)
    found = examine_debater(agent, protocol, models.engine(), 300)
    assert found["verbatim"].estimate.value == 1
    names = ["own, honest", "own, dishonest", *(["withdrawal"] if protocol == "debate" else [])]
    for name in names:
        one = found[name]
        assert one.estimate.low > one.chance and one.estimate.high < 0.7


def test_all_that_is_shipped_is_within_ten_megabytes() -> None:
    (folder,) = {find_model(name).parent for name in SHIPPED}
    assert sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) <= 10e6
