"""Known values: controls whose accuracy is certain, through schedule, runner, store and SQL."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from players import instant

from agents.scripted import RandomAgent
from agents.witness import WitnessDebater
from arena.match import Judge, participant_id
from arena.protocols import BUILT_IN, Protocol, consultancy, debate
from arena.questions import Item
from arena.runner import Listings, enrol, execute, plan
from arena.sources.witness import items
from arena.store import Store
from arena.tournament import schedule
from judges.bayes import LiteralJudge
from judges.scripted import Coin, Oracle, PositionBiased

CONTROLLED = {
    **BUILT_IN,
    "open consultancy": consultancy(sides="chosen"),
    "open debate": debate(sides="chosen"),
}


def run(
    protocol: Protocol,
    judge: Judge,
    given: list[Item],
    listings: Listings = "listed",
    mirrored: bool = True,
    agent: Any = None,
) -> list[dict[str, Any]]:
    """The verdicts of one judge on a self-play run, each with the option that is true."""
    agent = RandomAgent() if agent is None else agent
    who, reader = participant_id(agent), participant_id(judge)
    with Store(None) as store:
        enrol(store, [agent, judge])
        planned = list(
            schedule(
                [item.question for item in given],
                {"p": protocol},
                {"x": who},
                {"j": reader},
                seed=3,
                mirrored=mirrored,
            )
        )
        plan(store, "run", given, planned)
        outcome = execute(
            store, planned, {who: agent}, {reader: judge}, instant(), listings=listings
        )
        assert outcome.done == len(planned)
        assert not outcome.waiting and not outcome.failed
        truths = {item.question.id: item.truth for item in given}
        rows = list(
            store.query(
                "SELECT v.*, m.question, m.proposal, m.sides FROM verdicts AS v "
                "JOIN matches AS m ON m.id = v.match"
            )
        )
        for row in rows:
            truth = truths[row["question"]]
            row["true"] = truth if protocol.options == "answers" else int(row["proposal"] != truth)
            assert row["listing"] in ("[0,1]", "[1,0]")
        return rows


def accuracy(rows: list[dict[str, Any]]) -> float:
    """The share of right choices; ties count one half."""
    right = [0.5 if row["choice"] is None else float(row["choice"] == row["true"]) for row in rows]
    return sum(right) / len(right)


def truths(given: list[Item]) -> Mapping[str, int]:
    return {item.question.id: item.truth for item in given if item.truth is not None}


@pytest.mark.parametrize("name", CONTROLLED)
def test_the_oracle_is_always_right_in_both_roles_and_listings(name: str) -> None:
    given = list(items(1, 12, "test"))
    protocol = CONTROLLED[name]
    rows = run(protocol, Oracle(truths(given)), given, "both")
    assert accuracy(rows) == 1.0
    assert {row["true"] for row in rows} == {0, 1}, "a test that a constant judge would pass"
    assert all(max(json.loads(row["elicited"])) == 1 for row in rows)
    if protocol.speakers and protocol.sides == "assigned" and protocol.options == "answers":
        sides = {row["sides"] for row in rows}
        assert len(sides) == 2, "both sides of every question"
        honest = [dict(json.loads(row["sides"]))["A"] == row["true"] for row in rows]
        assert sum(honest) * 2 == len(rows)


def test_the_opposite_of_the_oracle_is_always_wrong() -> None:
    given = list(items(1, 12, "test"))
    wrong = {key: 1 - truth for key, truth in truths(given).items()}
    for name in ("debate", "critique", "consultancy"):
        assert accuracy(run(BUILT_IN[name], Oracle(wrong), given, "both")) == 0.0


@pytest.mark.parametrize("name", ["debate", "consultancy", "critique", "naive"])
def test_a_coin_is_right_half_the_time_within_its_interval(name: str) -> None:
    given = list(items(2, 300, "test"))
    rows = run(BUILT_IN[name], Coin(), given, mirrored=False)
    assert len(rows) == (600 if name == "consultancy" else 300)  # both sides of each question
    assert abs(accuracy(rows) - 0.5) < 3.3 * math.sqrt(0.25 / len(rows))  # p < .001
    chosen = sum(row["choice"] for row in rows) / len(rows)
    assert abs(chosen - 0.5) < 3.3 * math.sqrt(0.25 / len(rows))


@pytest.mark.parametrize("name", ["debate", "consultancy", "critique", "debate with questions"])
def test_a_judge_that_prefers_what_is_first_is_right_half_the_time_over_both_listings(
    name: str,
) -> None:
    given = list(items(4, 25, "test"))
    rows = run(BUILT_IN[name], PositionBiased(0.8), given, "both")
    assert accuracy(rows) == 0.5
    by_match: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_match.setdefault(row["match"], []).append(row)
        listed = json.loads(row["listing"])
        assert row["choice"] == listed[0], "its bias: the first listed, always"
        assert json.loads(row["elicited"])[listed[0]] == 0.8
    assert all(len(pair) == 2 for pair in by_match.values())
    assert all(sorted(row["choice"] for row in pair) == [0, 1] for pair in by_match.values())
    mean = sum(json.loads(row["elicited"])[row["true"]] for row in rows) / len(rows)
    assert mean == pytest.approx(0.5)


def test_over_one_listing_the_bias_shows_as_the_share_of_what_is_first() -> None:
    given = list(items(4, 40, "test"))
    first = sum(item.truth == 0 for item in given) / len(given)
    assert 0 < first < 1
    rows = run(BUILT_IN["debate"], PositionBiased(), given, "listed", mirrored=False)
    assert accuracy(rows) == pytest.approx(first)
    rows = run(BUILT_IN["debate"], PositionBiased(), given, "swapped", mirrored=False)
    assert accuracy(rows) == pytest.approx(1 - first)


def test_rewards_in_the_store_sum_to_zero_over_the_seats_of_each_verdict() -> None:
    given = list(items(6, 10, "test"))
    agent, judge = WitnessDebater(0.9, 0.8, 0.9), LiteralJudge()
    who, reader = participant_id(agent), participant_id(judge)
    with Store(None) as store:
        planned = list(
            schedule([i.question for i in given], {"p": debate()}, {"x": who}, {"j": reader}, 1)
        )
        plan(store, "run", given, planned)
        execute(store, planned, {who: agent}, {reader: judge}, instant(), listings="both")
        rows = list(
            store.query("SELECT rule, count(*) AS n, sum(value) AS total FROM rewards "
                        "GROUP BY turn, rule")
        )  # fmt: skip
        assert len(rows) == 2 * 2 * 2 * 10
        assert {row["n"] for row in rows} == {2}
        assert max(abs(row["total"]) for row in rows) < 1e-12
        values = {row["value"] for row in store.query("SELECT value FROM rewards")}
        assert len(values) > 5
        assert not store.one("SELECT 1 FROM rewards WHERE uses_truth")
