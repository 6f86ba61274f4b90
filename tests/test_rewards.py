"""Rewards: zero-sum, of known value, absent where there is no verdict, and blind to the truth."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import make_match

from arena import rewards
from arena.match import Match
from arena.protocols import JUDGE, consultancy, critique, debate
from arena.rewards import (
    CLAMP,
    RULES,
    log_odds,
    node_values,
    probabilities,
    probability,
    reward_rows,
    speech_credit,
    stake,
    win,
)
from arena.turns import Origin, Speech, Turn, TurnTree, Verdict

MISSING = [Verdict(status=s) for s in ("unparsed", "refused", "truncated", "timed out")]
chances = st.floats(0, 1)


def believes(p: float) -> Verdict:
    """A verdict that gives option 0 the probability ``p``."""
    if p == 0.5:
        return Verdict(elicited=(p, 1 - p), status="tie")
    return Verdict(int(p < 0.5), (p, 1 - p))


# The rules.


@given(chances)
@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_is_zero_sum_between_two_options(rule: str, p: float) -> None:
    quantity = "choice" if rule == "win" else "elicited"
    both = [RULES[rule](believes(p), option, quantity) for option in (0, 1)]  # type: ignore[arg-type]
    assert None not in both
    assert both[0] == pytest.approx(-both[1], abs=1e-12)  # type: ignore[operator]


@given(st.lists(st.floats(-60, 0), min_size=2, max_size=5))
def test_log_probabilities_are_normalised_over_the_options(numbers: list[float]) -> None:
    verdict = Verdict(0, None, tuple(numbers))
    p = probabilities(verdict, "choice_logprobs")
    assert p is not None
    total = math.fsum(math.exp(value) for value in numbers)
    assert p == pytest.approx([math.exp(value) / total for value in numbers], rel=1e-9)
    assert math.fsum(p) == pytest.approx(1)


def test_very_small_log_probabilities_do_not_underflow() -> None:
    p = probabilities(Verdict(0, None, (-5000.0, -5000.0 - math.log(3))), "choice_logprobs")
    assert p == pytest.approx((0.75, 0.25))


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0.75, math.log(3)),
        (0.5, 0.0),
        (0.1, -math.log(9)),
        (1.0, math.log(99)),
        (0.0, -math.log(99)),
        (0.995, math.log(99)),
        (0.99, math.log(99)),
    ],
)
def test_log_odds_have_known_values_and_are_clamped(p: float, expected: float) -> None:
    assert CLAMP == 0.01
    assert log_odds(believes(p), 0, "elicited") == pytest.approx(expected)


def test_probability_and_win_have_known_values() -> None:
    assert probability(believes(0.75), 0, "elicited") == pytest.approx(0.5)
    assert probability(believes(0.75), 1, "elicited") == pytest.approx(-0.5)
    assert [win(believes(0.75), option) for option in (0, 1)] == [1, -1]
    assert [win(Verdict(2), option) for option in range(3)] == [-1, -1, 1]


def test_a_tie_is_worth_nothing_to_anybody_and_is_not_missing() -> None:
    for rule in RULES:
        quantity = "choice" if rule == "win" else "elicited"
        assert [RULES[rule](believes(0.5), option, quantity) for option in (0, 1)] == [0, 0]  # type: ignore[arg-type]
    assert win(Verdict(status="tie"), 0) == 0
    assert log_odds(Verdict(status="tie"), 0, "elicited") is None


@pytest.mark.parametrize("verdict", MISSING, ids=lambda verdict: verdict.status)
@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_missing_verdict_gives_no_reward_rather_than_zero(rule: str, verdict: Verdict) -> None:
    for quantity in ("choice", "elicited", "choice_logprobs"):
        assert RULES[rule](verdict, 0, quantity) is None  # type: ignore[arg-type]


def test_a_quantity_that_was_not_obtained_gives_no_reward_and_no_other_stands_in() -> None:
    spoken = Verdict(0, (0.8, 0.2))
    measured = Verdict(0, None, (-0.1, -3.0))
    chosen = Verdict(0)
    for rule in (log_odds, probability):
        assert rule(spoken, 0, "choice_logprobs") is None
        assert rule(measured, 0, "elicited") is None
        assert rule(chosen, 0, "elicited") is rule(chosen, 0, "choice_logprobs") is None
        assert rule(spoken, 0, "choice") is None
    assert win(measured, 0) == 1


@given(chances, chances)
def test_a_better_probability_never_pays_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for rule in (log_odds, probability):
        a, b = rule(believes(low), 0, "elicited"), rule(believes(high), 0, "elicited")
        assert a is not None and b is not None and a <= b + 1e-12


# Nothing takes the truth.


def test_no_function_of_rewards_can_be_given_the_truth() -> None:
    source = Path(rewards.__file__)
    tree = ast.parse(source.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert len(functions) >= 8
    parameters = {
        argument.arg
        for node in functions
        for argument in (*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs)
    }
    assert parameters == {
        "verdict", "option", "quantity", "match", "seat", "transcript", "leaf", "rules", "tree",
        "leaf_reward", "values",
    }  # fmt: skip
    assert not any(node.args.vararg or node.args.kwarg for node in functions)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    fields = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not {one for one in names | fields if "truth" in one.lower()}
    assert not imported & {"Item", "Store", "World", "store", "questions"}


def test_what_rewards_are_given_holds_no_truth() -> None:
    for kind in (Verdict, Turn, Speech, Match):
        assert not any("truth" in name for name in inspect.signature(kind).parameters)


# Rows.


def leaf_of(match: Match, verdict: Verdict, parent: str | None = None) -> Turn:
    return Turn(parent or match.root, 9, JUDGE, "verdict", "judge", verdict)


def rows_of(match: Match, verdict: Verdict, *path: Turn) -> dict[tuple[str, str], Any]:
    rows = reward_rows(match, leaf_of(match, verdict), path)
    assert {row.match for row in rows} <= {match.id}
    assert not any(row.uses_truth for row in rows)
    return {(row.seat, row.rule): (row.quantity, row.value) for row in rows}


@pytest.mark.parametrize("first", [0, 1])
def test_each_speaking_seat_is_paid_for_its_own_side(first: int) -> None:
    p = 0.75 if first == 0 else 0.25
    found = rows_of(make_match(debate(judge_questions=True), first=first), believes(p))
    value = pytest.approx(math.log(3))
    assert found == {
        ("A", "log-odds"): ("elicited", value),
        ("B", "log-odds"): ("elicited", pytest.approx(-math.log(3))),
        ("A", "win"): ("choice", 1),
        ("B", "win"): ("choice", -1),
    }


def test_a_proposer_is_paid_for_right_and_a_critic_for_wrong_whatever_the_answer() -> None:
    for proposal in (0, 1):
        found = rows_of(make_match(critique(), first=proposal), believes(0.75))
        assert found["A", "win"] == ("choice", 1)
        assert found["B", "win"] == ("choice", -1)


def test_log_probabilities_are_read_where_nothing_was_elicited_and_the_row_says_so() -> None:
    verdict = Verdict(0, None, (math.log(0.6), math.log(0.2)))
    found = rows_of(make_match(consultancy()), verdict)
    assert found["A", "log-odds"] == ("choice_logprobs", pytest.approx(math.log(3)))
    both = Verdict(0, (0.5, 0.5), (math.log(0.6), math.log(0.2)))
    assert rows_of(make_match(consultancy()), both)["A", "log-odds"] == ("elicited", 0)


def test_a_missing_verdict_has_rows_without_a_value() -> None:
    found = rows_of(make_match(debate()), Verdict(status="refused"))
    assert {value for _, value in found.values()} == {None}
    assert len(found) == 4


def test_a_seat_that_has_not_said_its_side_has_no_stake_and_no_row() -> None:
    match = make_match(debate(sides="chosen"))
    spoken = Turn(match.root, 0, "A", "speech", "x", Speech("x", side=1))
    later = Turn(spoken.id, 1, "A", "speech", "x", Speech("y", side=0))
    assert stake(match, "A", (spoken, later)) == 1
    assert stake(match, "B", (spoken, later)) is None
    assert set(rows_of(match, believes(0.25), spoken, later)) == {("A", "log-odds"), ("A", "win")}


# Values of turns.


class Grown:
    """A tree that is grown by hand."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.rewards: dict[str, float | None] = {}

    def say(self, parent: str, text: str, origin: Origin = "sampled") -> str:
        one = Turn(parent, 0, "A", "speech", "x", Speech(text), len(self.turns), origin=origin)
        self.turns.append(one)
        return one.id

    def judge(self, parent: str, reward: float | None, counts: bool = True) -> str:
        one = Turn(parent, 1, JUDGE, "verdict", "j", Verdict(0), len(self.turns))
        self.turns.append(one)
        if counts:
            self.rewards[one.id] = reward
        return one.id

    @property
    def tree(self) -> TurnTree:
        return TurnTree("n", self.turns)

    def values(self) -> Mapping[str, float | None]:
        return node_values(self.tree, self.rewards)


def test_a_turn_is_worth_the_plain_mean_of_its_sampled_children() -> None:
    grown = Grown()
    top = grown.say("n", "top")
    one, two = grown.say(top, "one"), grown.say(top, "two")
    grown.judge(one, 1.0)
    grown.judge(one, 0.0)
    grown.judge(one, 0.5)
    grown.judge(two, -1.0)
    values = grown.values()
    assert values[one] == pytest.approx(0.5)
    assert values[two] == -1
    assert values[top] == pytest.approx(-0.25)  # a mean of means, not of the four leaves (.125)


def test_forks_candidates_and_imported_turns_never_enter() -> None:
    grown = Grown()
    top = grown.say("n", "top")
    grown.judge(grown.say(top, "sampled"), 1.0)
    for origin in ("fork", "candidate", "imported", "person"):
        grown.judge(grown.say(top, origin, origin), -1.0)  # type: ignore[arg-type]
    values = grown.values()
    assert values[top] == 1
    credit = speech_credit(grown.tree, values)
    assert set(credit) == {Speech("top").id, Speech("sampled").id}
    assert set(credit.values()) == {1.0}


def test_a_missing_reward_is_left_out_and_is_not_zero() -> None:
    grown = Grown()
    top = grown.say("n", "top")
    one, two, three = (grown.say(top, text) for text in ("one", "two", "three"))
    missing = grown.judge(one, None)
    grown.judge(two, 1.0)
    grown.judge(two, None)
    other = grown.judge(three, -9.0, counts=False)  # another judge's
    values = grown.values()
    assert (values[one], values[two], values[three]) == (None, 1.0, None)
    assert (values[missing], values[other]) == (None, None)
    assert values[top] == 1
    assert set(speech_credit(grown.tree, values)) == {Speech("two").id, Speech("top").id}


def test_the_credit_of_a_speech_is_the_mean_over_the_turns_that_carry_it() -> None:
    grown = Grown()
    for opponent, reward in (("strong", -1.0), ("weak", 1.0), ("fair", 0.25)):
        grown.judge(grown.say(grown.say("n", opponent), "the same words"), reward)
    credit = speech_credit(grown.tree, grown.values())
    assert credit[Speech("the same words").id] == pytest.approx(0.25 / 3)
    assert credit[Speech("weak").id] == 1


def test_turns_without_any_verdict_are_worth_nothing_known() -> None:
    grown = Grown()
    low = grown.say(grown.say("n", "top"), "low")
    assert set(grown.values().values()) == {None}
    assert speech_credit(grown.tree, grown.values()) == {}
    grown.judge(low, 0.0)
    assert set(grown.values().values()) == {0.0}


@given(st.lists(st.lists(st.floats(-5, 5), min_size=1, max_size=4), min_size=1, max_size=5))
def test_the_value_of_a_node_lies_between_its_leaves(groups: list[list[float]]) -> None:
    grown = Grown()
    top = grown.say("n", "top")
    for i, group in enumerate(groups):
        node = grown.say(top, str(i))
        for reward in group:
            grown.judge(node, reward)
    leaves = [reward for group in groups for reward in group]
    means = [math.fsum(group) / len(group) for group in groups]
    value = grown.values()[top]
    assert value == pytest.approx(math.fsum(means) / len(means), abs=1e-9)
    assert value is not None and min(leaves) - 1e-9 <= value <= max(leaves) + 1e-9
