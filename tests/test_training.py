"""One step of training: who is trained on what, what is skipped, and that both sides learn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import sparring
import torch
from sparring import BRIEF, Likes, Silent, base_weights, block, equal, liked, trainer, weights
from tiny import tiny_model

from agents.learner import Learner, LearnerError
from agents.losses import Loss
from agents.rollout import samples
from agents.training import Stepped, Trainer
from arena import metrics
from arena.credit import CreditSettings, credit
from arena.flow import Flow, batch
from arena.match import View, participant_id
from arena.protocols import Limits, consultancy, critique, debate
from arena.trainfile import LoraBlock, PoolBlock
from arena.turns import Verdict
from judges.scripted import PositionBiased


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"))


def said(step: Stepped, seat: str) -> list[str]:
    """What was sampled for a seat."""
    trees = step.sampled.trees
    return [one.speech.text for tree in trees for one in tree.spoken if one.seat == seat]


# -- learning


def test_both_debaters_learn_what_the_judge_likes_and_the_base_stays_as_it_was(
    folder: Path,
) -> None:
    settings = block(group=16, opponents=16, lora=LoraBlock(8, 32))
    one = trainer(folder, settings, [debate(rounds=1, limits=Limits(tokens=3))])
    before, fresh = base_weights(one), {name: weights(one, name) for name in ("alice", "bob")}
    shares: dict[str, list[float]] = {"A": [], "B": []}
    for _ in range(12):
        step = one.advance()
        for seat in shares:
            shares[seat].append(mean(map(liked, said(step, seat))))
        for name in ("alice", "bob"):
            assert step.values[metrics.train("gradient_norm", name)] > 0  # type: ignore[operator]
    for rising in shares.values():
        assert mean(rising[-3:]) > mean(rising[:2]) + 0.35
    assert equal(base_weights(one), before)
    for name, start in fresh.items():
        assert not equal(weights(one, name), start)


def test_a_seat_that_does_not_learn_stays_the_base(folder: Path) -> None:
    one = trainer(folder, learn=["bob"])
    step = one.advance()
    assert {sample[0] for sample in trained(one, step)} == {"bob"}
    assert one.opponents.pools == {}  # nobody across from bob has a snapshot
    alice = participant_id(one.game.players["alice"])
    for tree in step.sampled.trees:
        assert dict(tree.match.seats)["A"] == alice
    assert metrics.train("reward", "alice") not in step.values


def test_one_player_may_sit_at_both_seats(folder: Path) -> None:
    one = trainer(folder, learn=["alice"], seats={"A": "alice", "B": "alice"})
    step = one.advance()
    assert len(trained(one, step)) == sum(len(tree.spoken) for tree in step.sampled.trees)


def trained(one: Trainer, step: Stepped) -> list[tuple[str, Any]]:
    """(adapter, sample) of a step, as the learners were given them."""
    names = {spoken.author: "" for tree in step.sampled.trees for spoken in tree.spoken}
    for bout in step.sampled.bouts:
        for seat, who in bout.match.seats:
            if seat in bout.learners:
                names[who] = one.game.seats[seat]
    given = [(names[a.spoken.author], a.spoken.calls, a.advantage) for a in step.credits.advantages]
    made = samples(given, step.sampled.calls, one._lines)
    return [(sample.adapter, sample) for sample in made]


# -- a step's matches


def test_a_steps_matches_are_a_function_of_the_seed_and_the_step(folder: Path) -> None:
    settings = block(questions=6)
    one, again = trainer(folder, settings), trainer(folder, settings)
    other = trainer(folder, settings, seed=1)
    for step in (0, 1, 7):
        assert [b.match.id for b in one.bouts(step)] == [b.match.id for b in again.bouts(step)]
    assert {b.match.id for b in one.bouts(0)}.isdisjoint(b.match.id for b in one.bouts(1))
    assert {b.match.seed for b in one.bouts(0)}.isdisjoint(b.match.seed for b in other.bouts(0))


def test_every_seat_defends_every_answer_equally_often_and_listings_vary(folder: Path) -> None:
    one = trainer(folder, block(questions=8))
    listed: Counter[bool] = Counter()
    for step in range(6):
        bouts = one.bouts(step)
        assert Counter(bout.match.side("A") for bout in bouts) == {0: 4, 1: 4}
        listed.update(bout.swapped for bout in bouts)
    assert min(listed.values()) > 6


@pytest.mark.parametrize(("questions", "share"), [(8, 0.0), (8, 1.0), (3, 0.0), (1, 1.0)])
def test_sides_have_nothing_to_do_with_protocol_seat_or_who_is_met(
    questions: int, share: float, folder: Path
) -> None:
    """Two protocols; with a pool, whoever learns defends both answers as often."""
    two = [BRIEF, debate(rounds=1, limits=Limits(tokens=5))]
    one = trainer(folder, block(questions=questions, pool=PoolBlock(share=share)), two)
    defended: dict[tuple[str, str], Counter[int | None]] = {}
    for step in range(60):
        for bout in one.bouts(step):
            for seat in bout.learners:
                where = bout.match.protocol.id, seat
                defended.setdefault(where, Counter())[bout.match.side(seat)] += 1
    assert len(defended) >= 2
    for counts in defended.values():
        total = counts[0] + counts[1]
        assert abs(counts[0] - total / 2) <= 2 * total**0.5  # four standard errors


def test_the_same_question_asked_again_is_sampled_with_other_noise(folder: Path) -> None:
    one = trainer(folder, block(questions=1))
    one.game = replace(one.game, questions=lambda step: sparring.asked(0, 1) * 2)
    first, second = one.advance(), one.advance()
    seeds = [
        [request.seed for request, _ in step.sampled.calls.values()] for step in (first, second)
    ]
    assert len({*seeds[0], *seeds[1]}) == len(seeds[0]) + len(seeds[1])


# -- what is trained on


@pytest.mark.parametrize("restrict", ["", "lines"])
def test_what_is_trained_is_what_was_sampled_and_the_learner_agrees_on_its_probability(
    folder: Path, restrict: str
) -> None:
    one = trainer(
        folder, protocols=[debate(rounds=1, limits=Limits(tokens=40))],
        start={"restrict": restrict, "temperature": 0.8},
    )  # fmt: skip
    one.advance()  # so that adapters differ from the base
    learner = one.learners[0]
    state = learner.snapshot()
    step = one.advance()
    learner.restore(state)
    replies = {(r.prompt_ids, r.token_ids): r for _, r in step.sampled.calls.values()}
    made = [sample for _, sample in trained(one, step)]
    assert {sample.adapter for sample in made} == {"alice", "bob"}
    for sample, found in zip(made, learner.logprobs(made), strict=True):
        assert sample.logprobs == replies[sample.prompt_ids, sample.token_ids].logprobs
        assert bool(sample.allowed) == bool(restrict)
        assert not restrict or sample.token_ids in sample.allowed
        assert found == pytest.approx(sample.logprobs, abs=1e-4)


def test_a_sample_carries_the_advantage_of_its_speech(folder: Path) -> None:
    one = trainer(folder, block(group=3, opponents=3))
    step = one.advance()
    for tree, rows in zip(step.sampled.trees, step.rows, strict=True):
        paid = {(row.turn, row.seat): row.value for row in rows}
        leaves = [turn for turn in tree.turns if turn.kind == "verdict"]
        parents = {turn.id: turn for turn in tree.turns}
        found = [a for a in step.credits.advantages if a.spoken in tree.spoken]
        for seat in ("A", "B"):
            mine = [a for a in found if a.spoken.seat == seat]
            worth = []
            for a in mine:  # full cross-play: a speech is worth its mean over all opponents
                met = [
                    paid[leaf.id, seat] for leaf in leaves
                    if {leaf.parent, parents[leaf.parent].parent} & set(a.spoken.turns)
                ]  # fmt: skip
                assert len(met) == 3
                worth.append(mean(met))  # type: ignore[arg-type]
            for i, a in enumerate(mine):
                others = mean(worth[:i] + worth[i + 1 :])
                assert math.isclose(a.advantage, worth[i] - others, abs_tol=1e-9)


def test_in_a_match_against_the_pool_only_the_learning_seat_is_trained(folder: Path) -> None:
    one = trainer(folder, block(questions=4, pool=PoolBlock(share=1.0, every=1, size=2)))
    one.advance()
    now = {participant_id(policy.now()) for policy in one.policies.values()}
    step = one.advance()
    met = Counter(bout.opponent for bout in step.sampled.bouts)
    assert None not in met and {seat for seat, _ in met} == {"A", "B"}  # type: ignore[misc]
    learning = []
    for bout, tree in zip(step.sampled.bouts, step.sampled.trees, strict=True):
        (seat,) = bout.learners
        assert bout.opponent is not None and bout.opponent[0] == seat
        for spoken in tree.spoken:
            assert (spoken.author in now) == (spoken.seat == seat)
        learning += [spoken for spoken in tree.spoken if spoken.seat == seat]
    assert [a.spoken for a in step.credits.advantages] == learning
    assert step.values[metrics.train("samples")] == len(learning) == 4 * 4
    for pool in one.opponents.pools.values():
        assert sum(opponent.games for opponent in pool.opponents) > 0


def test_snapshots_join_the_pool_frozen_and_leave_the_engine_with_it(folder: Path) -> None:
    one = trainer(folder, block(pool=PoolBlock(share=0.5, every=1, size=2)))
    engine = one.policies["alice"].engine
    for step in (1, 2, 3):
        one.advance()
        kept = {seat: pool.snapshots for seat, pool in one.opponents.pools.items()}
        assert {len(found) for found in kept.values()} == {1}
        assert all(found[0].step <= step for found in kept.values())
        attached = {name for name in engine.network.peft_config}
        assert attached == {"alice", "bob", *(found[0].name for found in kept.values())}
        for found in kept.values():
            assert engine.model_of(found[0].name) == found[0].model
    joined = one.opponents.pools["A"].snapshots[0]
    assert joined.model.startswith(engine.model + "#")
    assert all(
        not value.requires_grad
        for key, value in engine.network.named_parameters()
        if f".{joined.name}." in key
    )


# -- other games


def test_a_consultant_learns_alone_and_argues_for_both_answers(folder: Path) -> None:
    one = trainer(
        folder, block(questions=4), [consultancy(limits=Limits(tokens=6))], ["alice"],
        {"A": "alice"},
    )  # fmt: skip
    assert Counter(bout.match.side("A") for bout in one.bouts(0)) == {0: 2, 1: 2}
    fresh = weights(one, "alice")
    step = one.advance()
    assert step.values[metrics.train("samples")] == 4 * 4
    assert not equal(weights(one, "alice"), fresh)


def test_critic_and_proposer_are_paid_zero_sum_on_the_same_verdict(folder: Path) -> None:
    one = trainer(folder, protocols=[critique(limits=Limits(tokens=6))])
    step = one.advance()
    for rows in step.rows:
        by_leaf: dict[str, list[float]] = {}
        for row in rows:
            assert row.value is not None and not row.uses_truth
            by_leaf.setdefault(row.turn, []).append(row.value)
        for paid in by_leaf.values():
            assert len(paid) == 2 and math.isclose(sum(paid), 0, abs_tol=1e-9)
        assert {row.seat for row in rows} == {"A", "B"}
    for name in ("alice", "bob"):
        assert step.values[metrics.train("gradient_norm", name)] > 0  # type: ignore[operator]


def test_later_rounds_branch_as_they_are_told(folder: Path) -> None:
    rounds = debate(rounds=2, limits=Limits(tokens=4))
    one = trainer(folder, block(group=3, branch=2, opponents=1, nodes=2), [rounds])
    step = one.advance()
    for tree in step.sampled.trees:
        by_place = Counter((spoken.place, spoken.seat) for spoken in tree.spoken)
        assert by_place == {(0, "A"): 3, (0, "B"): 3, (1, "A"): 4, (1, "B"): 4}
        assert tree.dropped == 1


def test_a_judge_who_takes_part_reads_live_and_is_not_asked_again(folder: Path) -> None:
    asking = debate(rounds=2, limits=Limits(tokens=3), judge_questions=True)
    judge = PositionBiased()
    one = trainer(folder, block(group=2, branch=1, opponents=1), [asking], judge=judge)
    step = one.advance()
    for tree, rows in zip(step.sampled.trees, step.rows, strict=True):
        leaves = [turn for turn in tree.turns if turn.is_leaf]
        assert len(leaves) == len(tree.paths) == 2
        assert {leaf.author for leaf in leaves} == {participant_id(judge)}
        assert {row.turn for row in rows} == {leaf.id for leaf in leaves}


@dataclass(frozen=True)
class ForA:
    """A judge for whom the debater in seat A has won before it has spoken."""

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": "for A"}

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ()
        p = tuple(0.9 if option.label == "A" else 0.1 for option in view.options)
        return Verdict(p.index(0.9), p)


def test_a_pool_is_told_who_won_and_draws_as_it_was_set(folder: Path) -> None:
    settings = block(questions=4, pool=PoolBlock(share=1.0, every=1, size=3, weighting="even"))
    one = trainer(folder, settings, judge=ForA())
    for _ in range(3):
        step = one.advance()
    assert step.values[metrics.train("pool", "alice")] == 1
    assert step.values[metrics.train("pool", "bob")] == 0
    pools = one.opponents.pools
    beaten = {seat: [who.beaten for who in pools[seat].opponents] for seat in "AB"}
    assert min(beaten["A"]) >= 0.5 >= max(beaten["B"]) and max(beaten["A"]) > 0.5 > min(beaten["B"])
    for pool in pools.values():
        how = pool.settings
        assert (how.every, how.cap, how.current, how.weighting) == (1, 3, 0.0, "even")


def test_every_setting_of_a_step_reaches_what_it_is_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[Loss] = []
    rates: list[float] = []
    made: list[dict[str, Any]] = []
    credited: list[CreditSettings] = []
    build, learn, move = Learner.__init__, Learner.forward_backward, Learner.optim_step

    def init(self: Learner, *args: Any, **how: Any) -> None:
        made.append(how)
        build(self, *args, **how)

    def forward_backward(self: Learner, given: Any, loss: Loss) -> Any:
        losses.append(loss)
        return learn(self, given, loss)

    def optim_step(self: Learner, rate: float) -> Any:
        rates.append(rate)
        return move(self, rate)

    def spied(forest: Any, settings: CreditSettings, *others: Any) -> Any:
        credited.append(settings)
        return credit(forest, settings, *others)

    monkeypatch.setattr(Learner, "__init__", init)
    monkeypatch.setattr(Learner, "forward_backward", forward_backward)
    monkeypatch.setattr(Learner, "optim_step", optim_step)
    monkeypatch.setattr("agents.training.credit", spied)
    settings = block(
        epochs=3, entropy=0.1, clip=(0.1, 0.3), kl=0.2, clip_norm=0.5, batch_tokens=512, lr=0.01,
        warmup=4, credit="transcript", baseline="group", scale="sd",
    )  # fmt: skip
    stepped = trainer(folder, settings).advance()
    (how,) = made
    assert (how["clip_norm"], how["max_batch_tokens"]) == (0.5, 512)
    assert losses == [Loss(clip=(0.1, 0.3), kl=0.2, entropy=0.1)] * 3
    assert rates == [pytest.approx(0.01 / 4)] * 3
    assert credited == [CreditSettings("transcript", "group", "sd")]
    assert all(math.isfinite(one.advantage) for one in stepped.credits.advantages)


# -- what cannot teach is counted, and changes nothing


@pytest.mark.parametrize(
    ("changes", "judge", "counted"),
    [
        ({"group": 1}, Likes(), {"alone": 4, "zero_advantage": 1, "left_out": 0, "missing": 0}),
        ({}, Likes(0.0), {"alone": 0, "zero_advantage": 1, "left_out": 0, "missing": 0}),
        ({}, Silent(), {"alone": 0, "zero_advantage": None, "left_out": 16, "missing": 16}),
    ],
    ids=["a group of one", "all rewards equal", "a judge that returns nothing"],
)
def test_what_teaches_nothing_is_counted_and_moves_no_weight(
    folder: Path, changes: dict[str, Any], judge: Any, counted: dict[str, float | None]
) -> None:
    one = trainer(folder, block(**changes), judge=judge)
    fresh = weights(one, "alice")
    step = one.advance()
    assert {name: step.values[metrics.train(name)] for name in counted} == counted
    assert step.values[metrics.train("idle")] == 1
    assert equal(weights(one, "alice"), fresh)
    assert one.step == 1


def test_a_policy_whose_weights_have_overflowed_is_an_error(folder: Path) -> None:
    """It samples nothing any more, so no loss could say so."""
    one = trainer(folder, block(lr=1e30, clip_norm=1e30))
    one.advance()
    with pytest.raises(LearnerError, match=r"speeches of \w+ in step 2 failed: its weights are"):
        one.advance()


def test_a_loss_that_is_no_number_is_an_error_and_moves_no_weight(folder: Path) -> None:
    one = trainer(folder)
    engine = one.policies["alice"].engine

    def broken(requests: Any) -> Any:
        replies = engine.answer(requests)
        spoilt = tuple(-1e6 for _ in replies[0].logprobs)
        return [replace(replies[0], logprobs=spoilt), *replies[1:]]

    one.game = replace(one.game, engine=lambda: batch(broken))
    fresh = {name: weights(one, name) for name in ("alice", "bob")}
    with pytest.raises(LearnerError) as raised:
        one.advance()
    assert "\n" not in str(raised.value)
    assert one.step == 0
    assert all(equal(weights(one, name), fresh[name]) for name in fresh)


def test_a_greedy_player_cannot_learn(folder: Path) -> None:
    with pytest.raises(ValueError, match="alice: a greedy player cannot learn"):
        trainer(folder, start={"temperature": 0.0})


# -- settings


def test_the_learning_rate_rises_then_falls_to_a_tenth(folder: Path) -> None:
    settings = block(lr=0.01, warmup=4, decay=True, steps=100)
    rates = [settings.factor(step, step / 100) for step in range(101)]
    assert rates[0] == pytest.approx(1 / 4) and max(rates) == pytest.approx(rates[3])
    falls = [a - b for a, b in pairwise(rates[3:])]
    assert falls == pytest.approx([0.009] * len(falls))
    assert rates[-1] == pytest.approx(0.1)
    one = trainer(folder, settings)
    assert one.advance().values[metrics.train("lr")] == pytest.approx(0.01 / 4)


def test_training_can_begin_with_an_adapter_and_stays_near_it(folder: Path, tmp_path: Path) -> None:
    first = trainer(folder)
    first.advance()
    ref = first.policies["alice"].publish(tmp_path)
    second = trainer(folder, block(kl=0.1), start={"adapter": ref})
    for name in ("alice", "bob"):
        own = [one for key, one in sorted(weights(second, name).items())]
        was = [one for key, one in sorted(weights(first, "alice").items())]
        assert all(torch.equal(a, b) for a, b in zip(own, was, strict=True))
    step = second.advance()  # the KL is to the start, which it still is
    assert step.values[metrics.train("kl", "alice")] == pytest.approx(0, abs=1e-6)
    assert second.advance().values[metrics.train("kl", "alice")] > 1e-5  # type: ignore[operator]


def test_a_step_says_where_its_time_went(folder: Path) -> None:
    step = trainer(folder, protocols=[BRIEF]).advance()
    assert set(step.seconds) == {"generation", "judging", "learning"}
    assert all(value > 0 for value in step.seconds.values())
