"""The arithmetic of the losses, beside torch.distributions and plain Python."""

import math
from itertools import product
from random import Random

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from agents.losses import Loss, Sample, measure, options, policy_gradient, trie
from agents.sharing import inputs, micro_batches

V = 11


def placed(samples):
    """The places of samples in one micro-batch with a row for each turn, and its (R, C)."""
    (batch,) = micro_batches(samples, 10**6)
    given = inputs(batch, samples, "cpu")
    assert given.mask is None or given.mask.dim() == 2
    return given, tuple(given.turns.shape)


def tables(shape, seed=0):
    noise = torch.Generator().manual_seed(seed)
    policy = 2 * torch.randn(*shape, V, generator=noise)
    return policy, policy + torch.randn(*shape, V, generator=noise)


def turn(tokens, **changes):
    return Sample("alice", (1, 2, 3), tuple(tokens), **changes)


def said(given, samples):
    """(row in the logits, position, sample) of each trained token, by hand."""
    return [(r, k, samples[i]) for r, i in enumerate(given.samples) for k in samples[i].trained]


def test_free_logprobs_kl_and_entropy_are_those_of_torch_distributions():
    samples = [turn((4, 0, 9), temperature=0.7), turn((5,)), turn((10, 1), mask=(False, True))]
    given, shape = placed(samples)
    policy, base = tables(shape)
    found = measure(policy.view(-1, V), base.view(-1, V), given.places, True, False)
    for n, (r, k, sample) in enumerate(said(given, samples)):
        mine = Categorical(logits=policy[r, k] / sample.temperature)
        theirs = Categorical(logits=base[r, k] / sample.temperature)
        token = torch.tensor(sample.token_ids[k])
        wanted = (mine.log_prob(token), kl_divergence(mine, theirs), mine.entropy())
        for got, want in zip(found, wanted, strict=True):
            assert got[n].item() == pytest.approx(want.item(), abs=1e-6)
    assert len(found[0]) == 5


LINES = ((4, 0, 9), (4, 0, 2), (4, 7), (1, 3, 3), (10, 10))


@pytest.mark.parametrize("free", [False, True])
def test_restricted_quantities_are_those_of_an_independent_dense_computation(free):
    samples = [turn(line, allowed=LINES, temperature=1.3) for line in LINES]
    samples += [turn((4, 0), allowed=LINES)]  # a turn that was cut
    samples += [turn((8, 9, 10)), turn((4, 7), mask=(False, True))] * free
    given, shape = placed(samples)
    policy, base = tables(shape, 1)
    found = measure(policy.view(-1, V), base.view(-1, V), given.places, True, False)
    estimated = measure(policy.view(-1, V), base.view(-1, V), given.places, False, False)
    for n, (r, k, sample) in enumerate(said(given, samples)):
        before = sample.token_ids[:k]
        may = sorted({one[k] for one in LINES if one[:k] == before and len(one) > k})
        may = may if sample.allowed else list(range(V))
        mine = Categorical(logits=policy[r, k, may] / sample.temperature)
        theirs = Categorical(logits=base[r, k, may] / sample.temperature)
        at = torch.tensor(may.index(sample.token_ids[k]))
        kl = kl_divergence(mine, theirs)
        for got, want in zip(found, (mine.log_prob(at), kl, mine.entropy()), strict=True):
            assert got[n].item() == pytest.approx(want.item(), abs=2e-6)
        d = (theirs.log_prob(at) - mine.log_prob(at)).item()
        assert estimated[1][n].item() == pytest.approx(math.exp(d) - d - 1, abs=2e-6)


@pytest.mark.parametrize("allowed", [(), tuple((token,) for token in range(0, V, 2))])
def test_the_estimated_kl_is_the_exact_one_in_expectation(allowed):
    may = [line[0] for line in allowed] or list(range(V))
    samples = [turn((token,), allowed=allowed) for token in may]
    given, (rows, _) = placed(samples)
    policy, base = (one.expand(rows, 1, V).reshape(-1, V) for one in tables((1, 1)))
    logp, estimate, _ = measure(policy, base, given.places, False, False)
    _, exact, _ = measure(policy, base, given.places, True, False)
    assert logp.exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert (logp.exp() * estimate).sum().item() == pytest.approx(exact[0].item(), abs=1e-5)
    assert exact[0].item() > 0.01


@pytest.mark.parametrize("allowed", [(), LINES])
def test_gradients_of_kl_and_entropy_are_those_of_torch_distributions(allowed):
    samples = [turn((4, 0, 9), allowed=allowed), turn((1, 3), allowed=allowed)]
    given, shape = placed(samples)
    policy, base = tables(shape, 2)
    mine, theirs = policy.clone().requires_grad_(), policy.clone().requires_grad_()
    _, kl, entropy = measure(mine.view(-1, V), base.view(-1, V), given.places, True, True)
    (3 * kl.sum() - 2 * entropy.sum()).backward()
    want = torch.zeros(())
    for r, k, sample in said(given, samples):
        before = sample.token_ids[:k]
        may = sorted({one[k] for one in allowed if one[:k] == before and len(one) > k})
        may = may or list(range(V))
        one, other = Categorical(logits=theirs[r, k, may]), Categorical(logits=base[r, k, may])
        want = want + 3 * kl_divergence(one, other) - 2 * one.entropy()
    want.backward()
    assert torch.allclose(mine.grad, theirs.grad, atol=1e-5)
    assert mine.grad.abs().max() > 0.1


@pytest.mark.parametrize(("exact", "bonus"), [(True, True), (True, False), (False, False)])
def test_big_vocabularies_in_parts_give_the_same_numbers_and_gradients(monkeypatch, exact, bonus):
    samples = [turn((4, 0, 9)), turn((1, 3, 2, 2), temperature=0.5), turn((4, 7), allowed=LINES)]
    given, shape = placed(samples)
    policy, base = tables(shape, 3)
    found = []
    for numbers in (10**6, 2 * V):
        monkeypatch.setattr("agents.losses._TABLE", numbers)
        mine = policy.clone().requires_grad_()
        values = measure(mine.view(-1, V), base.view(-1, V), given.places, exact, bonus)
        sum(k * one.sum() for k, one in enumerate(values, 1)).backward()
        found.append((*(one.detach() for one in values), mine.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-6) and one.abs().max() > 0.1


def test_an_entropy_that_is_only_reported_has_no_gradient():
    given, shape = placed([turn((4, 0, 9)), turn((4,), allowed=LINES)])
    policy, _ = tables(shape)
    _, none, entropy = measure(policy.view(-1, V).requires_grad_(), None, given.places, True, False)
    assert none is None and not entropy.requires_grad


def test_what_was_allowed_is_what_the_lines_have_next():
    noise = Random(0)
    for _ in range(50):
        lines = {tuple(noise.randrange(3) for _ in range(4)) for _ in range(noise.randint(1, 9))}
        for line in lines:
            found = options(trie(lines), line)
            want = [{one[k] for one in lines if one[:k] == line[:k]} for k in range(4)]
            assert [set(one) for one in found] == want
    with pytest.raises(ValueError, match="token 2 at position 1 is in none of the lines"):
        options(trie([(0, 1)]), (0, 2))


# -- the clipped ratio, by hand


def by_hand(loss, logp, old, advantage, rows):
    """The policy's part per token and whether it was cut, in plain Python."""
    found = []
    for n, row in enumerate(rows):
        same = [m for m, other in enumerate(rows) if other == row]
        logs = [logp[m] - old[m] for m in same]
        ratio = {
            "token": math.exp(logp[n] - old[n]),
            "sequence": math.exp(sum(logs)),
            "geometric": math.exp(sum(logs) / len(logs)),
        }[loss.ratio]
        a = advantage[n]
        if loss.cap is not None:
            found.append((-min(ratio, loss.cap) * a * logp[n], ratio > loss.cap))
            continue
        low, high = 1 - loss.clip[0], 1 + loss.clip[1]
        clipped = min(max(ratio, low), high)
        found.append((-min(ratio * a, clipped * a), ratio * a > clipped * a))
    return found


@pytest.mark.parametrize("cap", [None, 1.1])
@pytest.mark.parametrize("ratio", ["token", "sequence", "geometric"])
def test_the_clipped_ratio_is_the_formula(ratio, cap):
    noise, loss = Random(3), Loss(ratio=ratio, clip=(0.2, 0.3), cap=cap)
    rows = sorted(noise.randrange(7) for _ in range(40))
    logp = [-noise.random() * 3 for _ in rows]
    old = [one + noise.gauss(0, 0.8) for one in logp]
    advantage = [noise.gauss(0, 1) for _ in rows]
    tensors = [torch.tensor(one) for one in (logp, old, advantage, rows)]
    value, _, cut = policy_gradient(loss, *tensors)
    want = by_hand(loss, logp, old, advantage, rows)
    assert value.tolist() == pytest.approx([one for one, _ in want], rel=1e-5, abs=1e-6)
    assert cut.tolist() == [one for _, one in want]
    assert 0 < sum(cut.tolist()) < len(rows)


def test_the_gradient_stops_at_the_clip_and_goes_on_past_the_cap():
    row = torch.arange(4)
    old, advantage = torch.zeros(4), torch.tensor([1.0, 1.0, -1.0, -1.0])
    for loss, want in (
        (Loss(clip=(0.2, 0.2)), [-math.exp(0.1), 0, 0, math.exp(0.5)]),
        (Loss(cap=1.2), [-math.exp(0.1), -1.2, math.exp(-0.5), 1.2]),
    ):
        logp = torch.tensor([0.1, 0.5, -0.5, 0.5], requires_grad=True)
        policy_gradient(loss, logp, old, advantage, row)[0].sum().backward()
        assert logp.grad.tolist() == pytest.approx(want)


# -- bad input is one clear line


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt_ids": ()}, "a prompt of at least one token"),
        ({"logprobs": (0.0,)}, "2 tokens needs 2 logprobs, got 1"),
        ({"mask": (True,) * 3}, "2 tokens needs 2 mask, got 3"),
        ({"advantages": ()}, "2 tokens needs 2 advantages, got 0"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"temperature": math.nan}, "temperature must be above 0, got nan"),
    ],
)
def test_a_sample_that_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message) as error:
        Sample(**{"adapter": "alice", "prompt_ids": (1,), "token_ids": (2, 3)} | changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ratio": "word"}, "ratio must be one of token, sequence, geometric, got 'word'"),
        ({"normalise": "length"}, "normalise must be one of"),
        ({"kl_estimate": "k1"}, "kl_estimate must be one of k3, exact"),
        ({"clip": (1.5, 0.2)}, "clip must be"),
        ({"kl": -0.1}, "kl must be 0 or more"),
        ({"entropy": math.inf}, "entropy finite"),
        ({"length": 0.0}, "length and cap must be above 0"),
        ({"cap": 0.0}, "length and cap must be above 0"),
    ],
)
def test_a_loss_that_means_nothing_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Loss(**changes)


def test_micro_batches_hold_every_sample_once_and_keep_to_the_budget():
    noise = Random(5)
    samples = [
        Sample(f"a{p % 3}", (p, *range(p % 17)), (1,) * noise.randint(0, 12))
        for p in range(40) for _ in range(noise.randint(1, 12))
    ]  # fmt: skip
    for budget in (1, 40, 150, 10**6):
        batches = micro_batches(samples, budget)
        rows = [i for batch in batches for group in batch for i in group.rows]
        assert sorted(rows) == [i for i, sample in enumerate(samples) if sample.token_ids]
        for batch in batches:
            names = [group.adapter for group in batch]
            assert names == sorted(names)  # the rows of an adapter lie together
            prompt = max(len(group.prompt) for group in batch)
            turn = max(group.longest for group in batch)
            many = sum(len(group.rows) for group in batch)
            assert many == 1 or len(batch) * prompt + many * (turn + prompt / 8) <= budget
        for one, other in product(batches, batches):
            assert budget > 1 or one is other or {*one}.isdisjoint(other)
    assert len(micro_batches(samples, 10**6)) == 1 < len(micro_batches(samples, 150))
