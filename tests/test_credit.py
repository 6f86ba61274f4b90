"""Credit: against exact gradients by enumeration, brute force over trees, numpy, closed forms."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from players import Scripted, finish, make_match

from arena.batch import RewardRow
from arena.controls import CONTROLS, control_rows
from arena.credit import (
    Credits,
    CreditSettings,
    Running,
    credit,
    running_key,
    turn_values,
    verdict_rows,
)
from arena.flow import Flow, Message, Reply, Request, ask, batch, run
from arena.grow import Grown, grow, read_leaves
from arena.match import Match, Transcript, View
from arena.protocols import Protocol, consultancy, critique, debate
from arena.questions import Question
from arena.rewards import RULES, node_values, speech_credit
from arena.sources.witness import World, world
from arena.sources.witness_text import Statement
from arena.turns import Origin, Speech, Turn, TurnTree, Verdict

# ---------------------------------------------------------------------------------------------
# A small game: each speech is one of a few words, drawn by a softmax policy that is a table, and
# the judge's log-odds for A's option are a table over the words said.

GAME = Question("Which?", ("first", "second"))


class Picker:
    """Says whatever word the engine answers with."""

    record: Mapping[str, object] = {"kind": "test", "name": "picker"}

    def speak(self, view: View) -> Flow[Speech]:
        (reply,) = yield from ask(Request("m", (Message("user", view.digest),), 1, view.seed))
        return Speech(reply.text)


def payoff(words: Sequence[str]) -> float:
    """Log-odds of option 0 after these words: some number for every sequence, within the clamp."""
    return 3.5 * math.sin(1 + sum((i + 1) * 7.3**i * int(w) for i, w in enumerate(words)))


def believer(value: Callable[[Sequence[str]], float] = payoff) -> Scripted:
    def decide(view: View) -> Verdict:
        p = 1 / (1 + math.exp(-value([turn.text for turn in view.turns])))
        return Verdict(int(p < 0.5), (p, 1 - p))

    return Scripted(decide=decide)


def game(protocol: Protocol) -> Match:
    sides = tuple((seat, i) for i, seat in enumerate(protocol.speakers))
    return Match(GAME, protocol, sides, tuple((s, f"p{s}") for s in protocol.speakers), 5)


def sampled(match: Match, words: Sequence[str], shape: tuple[Any, ...], **more: Any) -> Grown:
    """The tree whose speeches are these words, in the order in which they are asked for."""
    left = iter(words)
    cast = {seat: Picker() for seat, _ in match.seats}

    def both() -> Flow[Grown]:
        tree = yield from grow(match, cast, *shape)
        return tree.hang((yield from read_leaves(tree, believer(**more), "judge")))

    (tree,) = run([both()], batch(lambda asked: [Reply(text=next(left)) for _ in asked]))
    assert next(left, None) is None, "every word is used"
    return tree


Step = tuple[int, str, tuple[str, ...]]  # place, seat, the words that the speaker had heard


def heard(match: Match, said: Transcript, turn: Turn) -> tuple[str, ...]:
    """What the speaker of a turn had heard: all before it, or before its simultaneous round."""
    blind = next(one for at, one in match.protocol.rounds() if at == turn.place).simultaneous
    before = said[: said.index(turn)]
    return tuple(t.speech.text for t in before if t.place < turn.place or not blind)


def policy(step: Step, k: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A softmax policy with some parameters of its own in every state."""
    place, seat, words = step
    noise = np.random.default_rng([place, ord(seat), len(words), *map(int, words)])
    weights = np.exp(noise.normal(size=k))
    return np.asarray(weights / weights.sum())


def score(step: Step, word: str, k: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The gradient of the log-probability of a word in the parameters of its state."""
    out = -policy(step, k)
    out[int(word)] += 1
    return out


Gradient = dict[Step, np.ndarray[Any, np.dtype[np.float64]]]


def add(to: Gradient, step: Step, what: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    to[step] = to.get(step, np.zeros_like(what)) + what


def exact_gradient(match: Match, k: int) -> Gradient:
    """Of each seat's expected log-odds in its own parameters: over all single playings."""
    total: Gradient = {}
    slots = [slot for _, one in match.protocol.rounds() for slot in one.slots]
    speeches = sum(slot.seat != "judge" for slot in slots)
    for words in product(map(str, range(k)), repeat=speeches):
        tree = sampled(match, words, ((1,),))
        (said,) = tree.paths
        steps = [((t.place, t.seat, heard(match, said, t)), t.speech.text) for t in said]
        chance = math.prod(policy(step, k)[int(word)] for step, word in steps)
        for step, word in steps:
            sign = 1 if step[1] == "A" else -1
            add(total, step, chance * sign * payoff(words) * score(step, word, k))
    return total


def expected_estimate(
    match: Match, k: int, asked: int, shape: tuple[Any, ...], rules: CreditSettings
) -> Gradient:
    """The expectation of the advantage-weighted gradient: over all that sampling may give.

    Averaged over the speeches of a seat at a place, as a learner would.
    """
    total: Gradient = {}
    for words in product(map(str, range(k)), repeat=asked):
        tree = sampled(match, words, shape)
        state: dict[str, tuple[str, ...]] = {}
        for said in tree.paths:
            for turn in said:
                state[turn.id] = heard(match, said, turn)
        steps = {one: (one.place, one.seat, state[one.turns[0]]) for one in tree.spoken}
        chance = math.prod(policy(steps[one], k)[int(one.speech.text)] for one in tree.spoken)
        for one in credit([(tree, verdict_rows(tree, "judge"))], rules).advantages:
            place, seat, _ = step = steps[one.spoken]
            n = sum((s.place, s.seat) == (place, seat) for s in tree.spoken)
            add(total, step, chance * one.advantage / n * score(step, one.spoken.speech.text, k))
    return total


GAMES: dict[str, tuple[Protocol, int, int, tuple[Any, ...]]] = {
    "one speaker, three words, three samples": (consultancy(), 3, 3, ((3,),)),
    "two speakers, each meets one": (debate(rounds=1), 2, 6, ((3,), 1)),
    "two speakers, each meets two": (debate(rounds=1), 2, 6, ((3,), 2)),
    "two speakers, three words, each meets both": (debate(rounds=1), 3, 4, ((2,), 2)),
    "a tree of two turns": (consultancy(rounds=2), 2, 6, ((2, 2),)),
    "one answers the other": (debate(rounds=1, simultaneous=False), 2, 6, ((2, 2),)),
    "transcripts of two turns": (consultancy(rounds=2), 2, 6, ((3, 1),)),
    "transcripts with rebuttals": (debate(rounds=2), 2, 8, ((2, 1), 1)),
}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (name, how)
        for name in GAMES
        for how in ("tree", "transcript")
        if how == "transcript" or "transcript" not in name
    ],
)
def test_leave_one_out_gives_the_exact_gradient_in_expectation(name: str, how: Any) -> None:
    protocol, k, asked, shape = GAMES[name]
    match = game(protocol)
    found = expected_estimate(match, k, asked, shape, CreditSettings(how))
    exact = exact_gradient(match, k)
    assert max(float(np.abs(one).max()) for one in exact.values()) > 0.05
    for step, gradient in exact.items():
        assert found[step] == pytest.approx(gradient, abs=1e-9)


@pytest.mark.parametrize("how", ["tree", "transcript"])
def test_the_group_mean_shrinks_the_gradient_by_one_over_the_group(how: Any) -> None:
    """A speech's own reward in its baseline: (G - 1) / G of the exact gradient, no other bias."""
    match = game(consultancy())
    found = expected_estimate(match, 3, 3, ((3,),), CreditSettings(how, "group"))
    for step, gradient in exact_gradient(match, 3).items():
        assert found[step] == pytest.approx(gradient * 2 / 3, abs=1e-9)


def test_a_baseline_that_holds_what_a_speech_brought_about_would_be_seen() -> None:
    """The same oracle refuses a wrong group: one that mixes both seats of a zero-sum game."""
    match = game(debate(rounds=1))

    def wrong(tree: Grown) -> Iterator[tuple[Any, float]]:
        rows = verdict_rows(tree, "judge")
        found = credit([(tree, rows)], CreditSettings(baseline="running")).advantages
        everything = [one.reward for one in found]
        for one in found:
            yield one.spoken, one.reward - (sum(everything) - one.reward) / (len(found) - 1)

    total = np.zeros(2)
    for words in product("01", repeat=4):
        tree = sampled(match, words, ((2,), 1))
        chance = math.prod(policy((0, s.seat, ()), 2)[int(s.speech.text)] for s in tree.spoken)
        for spoken, advantage in wrong(tree):
            if spoken.seat == "A":
                total += chance * advantage / 2 * score((0, "A", ()), spoken.speech.text, 2)
    assert total != pytest.approx(exact_gradient(match, 2)[0, "A", ()], abs=1e-3)


# ---------------------------------------------------------------------------------------------
# Trees.


def brute_force(tree: Grown, seat: str) -> dict[tuple[str, str, int], float]:
    """The mean reward over all completions that hold a speech, by walking every path."""
    sign = 1 if seat == "A" else -1
    out: dict[tuple[str, str, int], list[float]] = {}
    for transcript in tree.paths:
        value = sign * payoff([turn.speech.text for turn in transcript])
        for one in tree.spoken:
            if one.seat == seat and {turn.id for turn in transcript} & set(one.turns):
                out.setdefault((one.node, seat, one.sample), []).append(value)
    return {key: sum(found) / len(found) for key, found in out.items()}


@pytest.mark.parametrize("how", ["tree", "transcript"])
@pytest.mark.parametrize(
    ("protocol", "shape"),
    [
        (debate(rounds=1), ((4,), 3)), (debate(rounds=2), ((3, 2), 2)),
        (debate(rounds=3), ((2, 2, 2), 2)), (consultancy(rounds=3), ((3, 2, 2),)),
        (debate(rounds=2, simultaneous=False), ((2, 2, 2, 2), 1)),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)  # fmt: skip
def test_the_credit_of_a_speech_is_the_mean_over_all_its_completions(
    protocol: Protocol, shape: tuple[Any, ...], how: Any
) -> None:
    """Where every node has as many children, a mean of means is the mean over all leaves."""
    match = game(protocol)
    words = (str(n % 10) for n in range(10**6))  # words that differ
    cast = {seat: Scripted(lambda view: Speech(next(words))) for seat, _ in match.seats}
    tree = finish(grow(match, cast, *shape))
    tree = tree.hang(finish(read_leaves(tree, believer(), "judge")))
    found = credit([(tree, verdict_rows(tree, "judge"))], CreditSettings(how)).advantages
    assert len(found) == len(tree.spoken)
    for seat in match.protocol.speakers:
        expected = brute_force(tree, seat)
        assert len(expected) == sum(one.seat == seat for one in tree.spoken)
        for one in found:
            if one.spoken.seat == seat:
                key = (one.spoken.node, seat, one.spoken.sample)
                assert one.reward == pytest.approx(expected[key])


origins: st.SearchStrategy[Origin] = st.sampled_from(["sampled", "sampled", "fork", "candidate"])


@given(st.lists(st.tuples(st.integers(0, 99), origins, st.floats(-4, 4) | st.none()), max_size=40))
def test_values_in_one_pass_are_those_of_the_definition(
    drawn: list[tuple[int, Origin, float | None]],
) -> None:
    turns: list[Turn] = []
    rewards: dict[str, float | None] = {}
    nodes = ["n"]
    for i, (where, origin, reward) in enumerate(drawn):
        parent = nodes[where % len(nodes)]
        if where % 3:
            turns.append(Turn(parent, 0, "A", "speech", "x", Speech(str(i)), i, origin=origin))
            nodes.append(turns[-1].id)
        else:
            turns.append(Turn(parent, 1, "judge", "verdict", "j", Verdict(0), i))
            rewards[turns[-1].id] = reward
    tree = TurnTree("n", turns)
    values = node_values(tree, rewards)
    known = {leaf: value for leaf, value in rewards.items() if value is not None}
    fast = turn_values(turns, known)
    assert fast == {turn: pytest.approx(v) for turn, v in values.items() if v is not None}
    by_speech = speech_credit(tree, values)
    for turn in turns:  # every speech here is carried by one turn
        if not turn.is_leaf and turn.origin == "sampled":
            assert fast.get(turn.id) == pytest.approx(by_speech.get(turn.speech.id))


# ---------------------------------------------------------------------------------------------
# Groups, made by hand: one seat, one sample each, a verdict on each.


def hand(
    rewards: Sequence[float | None], seed: int = 0, question: str = "q", side: int = 0
) -> tuple[Grown, list[RewardRow]]:
    """A consultancy whose samples are paid these rewards."""
    match = Match(
        Question(question, ("yes", "no")), consultancy(), (("A", side),), (("A", "alice"),), seed
    )
    talk = Scripted(lambda view: Speech(str(view.seed)))
    tree = finish(grow(match, {"A": talk}, (len(rewards),)))
    tree = tree.hang(finish(read_leaves(tree, Scripted(decide=lambda view: Verdict(0)), "judge")))
    leaves = {leaf.parent: leaf for leaf in tree.turns if leaf.is_leaf}
    rows = [
        RewardRow(match.id, leaves[one.turns[0]].id, "A", "judge", "log-odds", "elicited", value)
        for one, value in zip(tree.spoken, rewards, strict=True)
    ]
    return tree, rows


def advantages(credits: Credits) -> list[float]:
    return [one.advantage for one in credits.advantages]


numbers = st.lists(
    st.floats(-4, 4).map(lambda value: round(value, 3)), min_size=2, max_size=8
)  # fmt: skip


@given(numbers)
@settings(deadline=None, max_examples=50)
@pytest.mark.parametrize("how", ["tree", "transcript"])
def test_group_baseline_and_deviation_are_those_of_numpy(how: Any, rewards: list[float]) -> None:
    r = np.array(rewards)
    tree = hand(rewards)
    flat = bool(np.ptp(r) == 0)
    grpo = CreditSettings(how, "group", "sd", 1e-4)
    expected = (r - r.mean()) / (r.std(ddof=1) + 1e-4)
    assert advantages(credit([tree], grpo)) == pytest.approx(0 * r if flat else expected, abs=1e-9)
    rloo = (r * len(r) - r.sum()) / (len(r) - 1)
    assert advantages(credit([tree], CreditSettings(how))) == pytest.approx(rloo, abs=1e-9)
    scaled = credit([tree], CreditSettings(how, scale="sd", epsilon=0.3))
    assert advantages(scaled) == pytest.approx(rloo / (r.std(ddof=1) + 0.3), abs=1e-9)
    assert math.fsum(advantages(credit([tree], CreditSettings(how)))) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("how", ["tree", "transcript"])
def test_a_group_of_one_and_equal_rewards_are_counted_and_teach_nothing(how: Any) -> None:
    forest = [hand([2.0]), hand([0.1] * 7, question="r"), hand([1.0, -1.0], question="s")]
    for baseline in ("leave-one-out", "group"):
        found = credit(forest, CreditSettings(how, baseline, "sd"))  # type: ignore[arg-type]
        assert (found.groups, found.alone, found.zero, found.missing) == (3, 1, 2, 0)
        assert advantages(found)[:8] == [0.0] * 8  # exactly
        assert advantages(found)[8] > 0 > advantages(found)[9]
        assert all(map(math.isfinite, advantages(found)))


@pytest.mark.parametrize("how", ["tree", "transcript"])
def test_a_missing_reward_is_left_out_of_everything_and_counted(how: Any) -> None:
    with_gap = credit([hand([1.0, None, -0.5, None, 0.25])], CreditSettings(how))
    without = credit([hand([1.0, -0.5, 0.25])], CreditSettings(how))
    assert with_gap.missing == 2 and len(with_gap.advantages) == 3
    assert advantages(with_gap) == advantages(without)
    assert [one.spoken.sample for one in with_gap.advantages] == [0, 2, 4]
    nothing = credit([hand([None, None])], CreditSettings(how))
    assert (nothing.groups, nothing.missing, nothing.advantages) == (0, 2, ())
    tree, rows = hand([1.0, 2.0])
    assert credit([(tree, rows[:1])], CreditSettings(how)).missing == 1, "no row at all"


def test_rewards_are_clipped_at_the_leaf() -> None:
    found = credit([hand([9.0, -9.0, 1.0])], CreditSettings(clip=4.0))
    assert [one.reward for one in found.advantages] == [4.0, -4.0, 1.0]


def test_groups_never_mix_questions_sides_seats_or_authors() -> None:
    a, b = hand([1.0, 3.0]), hand([10.0, 30.0], question="r")
    other_side = hand([100.0, 300.0], side=1)
    for how in ("tree", "transcript"):
        found = credit([a, b, other_side], CreditSettings(how))  # type: ignore[arg-type]
        assert found.groups == 3
        assert advantages(found) == [-2, 2, -20, 20, -200, 200]
    tree, rows = hand([5.0, 7.0], seed=1)
    bob = replace(tree, spoken=tuple(replace(one, author="bob") for one in tree.spoken))
    assert credit([a, (bob, rows)]).groups == 2
    assert advantages(credit([a, (bob, rows)], authors={"bob"})) == [-2, 2]
    again = credit([a, (tree, rows)])  # another playing of the same question: one group of four
    assert again.groups == 1
    assert advantages(again) == pytest.approx([-4, -4 / 3, 4 / 3, 4])


@pytest.mark.parametrize("how", ["tree", "transcript"])
def test_an_author_who_takes_both_seats_in_turn_has_a_group_for_each(how: Any) -> None:
    """The same question, side and author; the mirrored match has it in the other seat."""
    match = replace(game(debate(rounds=1)), seats=(("A", "new"), ("B", "old")))
    turned = replace(match, sides=(("A", 1), ("B", 0)), seats=(("A", "old"), ("B", "new")))
    forest = []
    for one in (match, turned):
        tree = sampled(one, "012345", ((3,), 1))
        forest.append((tree, verdict_rows(tree, "judge")))
    together = credit(forest, CreditSettings(how), authors={"new"})
    apart = [
        a for one in forest for a in advantages(credit([one], CreditSettings(how), authors={"new"}))
    ]
    assert together.groups == 2
    assert {one.spoken.side for one in together.advantages} == {0}
    assert advantages(together) == apart


def test_playings_of_one_question_may_hold_equal_turns_with_unequal_rewards() -> None:
    """Turn ids do not cover the match's seed: the same words at the same node are one turn."""
    tree, rows = hand([1.0, 2.0])
    again = [replace(row, value=row.value + 10) for row in rows if row.value is not None]
    found = credit([(tree, rows), (tree, again)])
    assert [one.reward for one in found.advantages] == [1, 2, 11, 12]
    r = np.array([1.0, 2, 11, 12])
    assert advantages(found) == pytest.approx((r * 4 - r.sum()) / 3)


def test_seats_of_a_debate_are_groups_of_their_own_and_their_rewards_are_opposite() -> None:
    tree = sampled(game(debate(rounds=1)), "012345", ((3,), 3))
    found = credit([(tree, verdict_rows(tree, "judge"))])
    by_seat = {seat: [o for o in found.advantages if o.spoken.seat == seat] for seat in "AB"}
    assert found.groups == 2
    for group in by_seat.values():
        assert math.fsum(one.advantage for one in group) == pytest.approx(0, abs=1e-9)
    total = math.fsum(one.reward for one in by_seat["A"])
    assert total == pytest.approx(-math.fsum(one.reward for one in by_seat["B"]))
    assert abs(total) > 0.1


def test_both_listings_of_a_verdict_are_one_return() -> None:
    tree, _ = hand([0.0, 0.0])
    judge = Scripted(decide=lambda view: Verdict(0, (0.8, 0.2)))
    tree = replace(tree, turns=tuple(turn for turn in tree.turns if not turn.is_leaf))
    for order in ((0, 1), (1, 0)):
        tree = tree.hang(finish(read_leaves(tree, judge, "judge", order)))
    rows = verdict_rows(tree, "judge")
    values = sorted(row.value for row in rows if row.value is not None)
    assert values == pytest.approx([-math.log(4)] * 2 + [math.log(4)] * 2)
    for how in ("tree", "transcript"):
        found = credit([(tree, rows)], CreditSettings(how))  # type: ignore[arg-type]
        assert [one.reward for one in found.advantages] == pytest.approx([0, 0])


# ---------------------------------------------------------------------------------------------
# The running mean.


def test_the_running_mean_is_read_before_it_moves_and_decays_as_it_should() -> None:
    match = hand([0.0])[0].match
    key = running_key(match, "A", 0)
    rewards = [3.0, -1.0, 2.0, 0.5]
    running = Running()
    for n, reward in enumerate(rewards):
        closed = sum(0.05 * 0.95 ** (n - 1 - i) * r for i, r in enumerate(rewards[:n]))
        found = credit([hand([reward], n)], CreditSettings(baseline="running"), running)
        (one,) = found.advantages
        assert one.baseline == pytest.approx(closed)
        assert one.advantage == pytest.approx(reward - closed)
        assert found.alone == 1 and found.zero == 0
        running = found.running
    assert running.read(key) == pytest.approx(
        sum(0.05 * 0.95 ** (3 - i) * r for i, r in enumerate(rewards))
    )


def test_one_call_reads_the_running_mean_once_and_moves_it_once_for_each_match() -> None:
    before = Running().moved(running_key(hand([0.0])[0].match, "A", 0), 10.0)
    forest = [hand([1.0, 3.0]), hand([5.0, None, 7.0], question="r")]
    found = credit(forest, CreditSettings(baseline="running"), before)
    assert [one.baseline for one in found.advantages] == pytest.approx([0.5] * 4)
    (now,) = found.running.means.values()
    assert now == pytest.approx((0.5 * 0.95 + 0.05 * 2) * 0.95 + 0.05 * 6)
    (then,) = before.means.values()
    assert then == pytest.approx(0.5), "what is thrown away has moved nothing"
    assert credit(forest, CreditSettings(), before).running is before


def test_roles_sides_and_protocols_have_running_means_of_their_own() -> None:
    one, two = game(debate()), game(debate(rounds=3))
    trial = make_match(critique())
    keys = [running_key(one, "A", 0), running_key(one, "A", 1), running_key(two, "A", 0)]
    keys += [running_key(trial, "A", 0), running_key(trial, "B", 1)]
    assert len(set(keys)) == 5
    assert running_key(one, "A", 0) == running_key(one, "B", 0), "debaters share a role"


def test_a_running_mean_survives_json_bit_for_bit() -> None:
    running = Running(decay=0.9).moved("a", 0.1).moved("b", 1 / 3).moved("a", math.pi)
    state: dict[str, Any] = json.loads(json.dumps(running.state()))
    assert Running(**state) == running


# ---------------------------------------------------------------------------------------------
# What is refused, and what is labelled.


def test_rewards_of_two_rules_judges_or_quantities_are_not_mixed() -> None:
    tree, rows = hand([1.0, 2.0])
    for change in ({"judge": "other"}, {"rule": "win"}, {"uses_truth": True}):
        mixed = [rows[0], replace(rows[1], **change)]  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="one judge and rule at a time"):
            credit([(tree, mixed)])
    with pytest.raises(ValueError, match="one quantity at a time"):
        credit([(tree, [rows[0], replace(rows[1], quantity="choice")])])
    failed = replace(rows[1], quantity="choice_logprobs", value=None)  # a missing verdict
    assert credit([(tree, [rows[0], failed])]).missing == 1


def test_words_that_give_no_probability_are_a_missing_verdict_of_a_judge_who_gives_them() -> None:
    tree, rows = hand([1.0, 2.0])
    told = [replace(rows[0], quantity="elicited"), replace(rows[1], quantity="choice_logprobs")]
    assert credit([(tree, told)]).missing == 1
    apart = [(tree, told[:1]), (tree, told[1:])]  # the same over trees
    assert credit(apart).missing == credit([(tree, told[:1]), (tree, [])]).missing


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_reward_that_is_no_number_is_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="must be a finite number"):
        credit([hand([1.0, value])])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be above 0"), ({"clip": 0.0}, "clip must be above 0"),
        ({"baseline": "running", "scale": "sd"}, "write scale: none"),
    ],
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CreditSettings(**wrong)
    with pytest.raises(ValueError, match="decay must be in"):
        Running(decay=1.0)


def test_a_judge_that_has_not_read_is_an_error_and_not_a_missing_reward() -> None:
    tree, _ = hand([1.0, 2.0])
    with pytest.raises(ValueError, match="judge nobody has no verdict on match"):
        verdict_rows(tree, "nobody")
    with pytest.raises(ValueError, match="rule must be one of"):
        verdict_rows(tree, "judge", "control: true side")


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("sides", ["assigned", "chosen"])
def test_critic_and_proposer_are_paid_zero_sum_on_the_verdict(rule: str, sides: Any) -> None:
    protocol = replace(critique(), sides=sides)
    pairs = (("A", 0), ("B", 1)) if sides == "assigned" else ()
    for proposal in (0, 1, None):
        match = Match(GAME, protocol, pairs, (("A", "p"), ("B", "c")), 1, proposal)
        talk = Scripted(lambda view: Speech(str(view.seed), side=view.seed % 2))
        tree = finish(grow(match, {"A": talk, "B": talk}, (3, 2)))
        judge = Scripted(
            decide=lambda view: Verdict(view.seed % 2, (0.3, 0.7) if view.seed % 2 else (0.9, 0.1))
        )
        tree = tree.hang(finish(read_leaves(tree, judge, "judge")))
        rows = verdict_rows(tree, "judge", rule)
        assert len(rows) == 2 * len(tree.paths) == 12
        by_leaf: dict[str, dict[str, float]] = {}
        for row in rows:
            assert row.value is not None
            by_leaf.setdefault(row.turn, {})[row.seat] = row.value
        verdicts = {turn.id: turn.verdict for turn in tree.turns if turn.is_leaf}
        for leaf, paid in by_leaf.items():
            assert paid["A"] == pytest.approx(-paid["B"], abs=1e-12)
            assert (paid["A"] > 0) == (verdicts[leaf].choice == 0), "0 is: the answer is right"
        assert len(credit([(tree, rows)]).advantages) == len(tree.spoken) == 3 + 6


# Controls.


def test_no_control_is_a_rule_and_every_name_says_what_it_is() -> None:
    assert not set(CONTROLS) & set(RULES)
    assert all(name.startswith("control: ") for name in CONTROLS)
    assert not set(CONTROLS.values()) & set(RULES.values())


def witness_tree(found: World, quotes: Mapping[str, Sequence[int]]) -> Grown:
    """A debate of one round in which each seat cites these lines (counted from 1) in turn."""
    match = Match(found.question, debate(rounds=1), (("A", 0), ("B", 1)), (("A", "a"), ("B", "b")))
    cast = {}
    for seat, lines in quotes.items():
        left = iter(lines)
        cast[seat] = Scripted(lambda view, left=left: Speech(f"see [{next(left)}]"))
    tree = finish(grow(match, cast, (len(quotes["A"]),), 1))
    return tree.hang(finish(read_leaves(tree, Scripted(decide=lambda v: Verdict(0)), "judge")))


def test_controls_pay_what_they_say_and_every_row_is_labelled() -> None:
    found = world(3, 1)
    own = [found.lines.index(found.evidence(side)[0]) + 1 for side in (0, 1)]
    other = next(
        i + 1
        for i, line in enumerate(found.lines)
        if isinstance(line, Statement) and found.supports(line) is None
    )
    tree = witness_tree(found, {"A": [own[0], other, own[1]], "B": [own[0], own[1], other]})
    for truth in (0, 1):
        truths = {found.question.id: truth}
        paid: dict[str, dict[str, list[float | None]]] = {}
        for rule in CONTROLS:
            rows = control_rows(tree, "judge", rule, truths)
            assert rows and all(row.uses_truth and row.rule == rule for row in rows)
            for row in rows:
                paid.setdefault(rule, {}).setdefault(row.seat, []).append(row.value)
            assert credit([(tree, rows)]).uses_truth
        honest, other_seat = ("A", "B") if truth == 0 else ("B", "A")
        assert paid["control: true side"] == {honest: [1.0] * 3, other_seat: [-1.0] * 3}
        right = [1.0 if truth == 0 else -1.0] * 3
        assert paid["control: right verdict"] == {"A": right, "B": right}
        assert paid["control: relevant quote"] == {"A": [1, 0, 0], "B": [0, 1, 0]}
    assert not credit([(tree, verdict_rows(tree, "judge", "win"))]).uses_truth


def test_a_control_without_a_known_truth_or_by_another_name_is_refused() -> None:
    tree = witness_tree(world(3, 1), {"A": [1], "B": [1]})
    with pytest.raises(ValueError, match="is not known"):
        control_rows(tree, "judge", "control: true side", {})
    with pytest.raises(ValueError, match="control must be one of"):
        control_rows(tree, "judge", "win", {tree.match.question.id: 0})
