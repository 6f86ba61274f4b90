"""The learner: exact gradients, whoever shares a batch; nothing but the adapters ever changes."""

import io
import math
from copy import deepcopy
from dataclasses import replace
from itertools import product

import pytest
import torch
from learning import (
    VOCABULARY,
    apart,
    base,
    gradients,
    learner,
    lora,
    plain_logprobs,
    plain_loss,
    plain_table,
    random_samples,
    tensors,
    with_adapters,
)
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from agents.learner import Learner, LearnerError, Loss, Optimiser, Sample
from agents.sharing import Passes, inputs

FULL = Loss(kl=0.3, entropy=0.05, clip=(0.1, 0.2))


@pytest.fixture(scope="module")
def network():
    return with_adapters(base())


@pytest.fixture(scope="module")
def samples(network):
    return random_samples(network=network)


def weights(one):
    """Every tensor of a learner's network, copied."""
    return {key: value.clone() for key, value in one.network.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def step(one, given, lr=1e-2):
    one.forward_backward(given, FULL)
    return one.optim_step(lr)


# -- the prompt's forward is shared, and nobody can tell


def small(kind, attention):
    """Models whose attention differs: side by side, repeated keys, and keys that are forgotten."""
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
             "num_attention_heads": 4, "vocab_size": VOCABULARY, "initializer_range": 0.1,
             "attn_implementation": attention}  # fmt: skip
    torch.manual_seed(2)
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**shape, num_key_value_heads=4)).eval()
    if kind == "mistral":
        return MistralForCausalLM(MistralConfig(**shape, sliding_window=6, num_key_value_heads=2))
    if kind == "gpt2":
        gpt2 = GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=VOCABULARY, n_positions=64,
                          initializer_range=0.3, attn_implementation=attention)  # fmt: skip
        return GPT2LMHeadModel(gpt2).eval()
    return base(attention=attention)


@pytest.mark.parametrize("budget", [100, 10**6])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ["qwen3", "llama", "mistral", "gpt2"])
def test_sharing_the_prompt_is_equal_to_a_full_forward_of_every_turn(
    kind, attention, budget, monkeypatch
):
    layouts = set()

    def spied(*args):
        found = inputs(*args)
        repeated = found.mask is None or found.mask.dim() == 2
        layouts.add("repeated" if repeated and found.each != 1 else "alone" if repeated else "side")
        return found

    monkeypatch.setattr("agents.learner.inputs", spied)
    exact = attention == "sdpa"  # eager attention takes its softmax in single precision
    network = with_adapters(small(kind, attention).to(torch.float64 if exact else torch.float32))
    assert Passes(network).side_by_side == (kind in ("qwen3", "llama"))
    given = random_samples(network=network, groups=4, each=2)
    given += given[:1] * 12  # with the others in one batch, too long to lie side by side
    mine, theirs = learner(network, max_batch_tokens=budget), deepcopy(network)
    stats = mine.forward_backward(given, FULL)
    loss = plain_loss(theirs, given, FULL)
    loss.backward()
    found, want = (gradients(one, "alice", "bob") for one in (mine.network, theirs))
    assert sum(one.loss for one in stats.values()) == pytest.approx(loss.item(), abs=1e-6)
    assert apart(found, want) < (1e-6 if exact else 3e-6)
    assert ("side" in layouts) == (budget == 100 and kind in ("qwen3", "llama"))
    assert "repeated" in layouts or "side" in layouts


def test_the_same_holds_in_single_precision():
    network = with_adapters(base().float())
    given = random_samples(network=network)
    mine, theirs = learner(network), deepcopy(network)
    stats = mine.forward_backward(given, FULL)
    loss = plain_loss(theirs, given, FULL)
    loss.backward()
    assert sum(one.loss for one in stats.values()) == pytest.approx(loss.item(), abs=1e-6)
    found, want = (gradients(one, "alice", "bob") for one in (mine.network, theirs))
    assert (found - want).abs().max() < 1e-6 < want.abs().max()


def test_a_prompt_goes_through_the_network_once_for_all_its_turns(network):
    prompts = [tuple(range(1, 20)), tuple(range(3, 12))]
    given = [
        Sample(name, prompt, (k, k + 1, 5), (-3.0,) * 3, 1.0)
        for prompt, name in zip(prompts, ("alice", "bob"), strict=True) for k in range(8)
    ]  # fmt: skip
    seen = []
    one = learner(network)
    embed = one.network.get_input_embeddings()
    embed.register_forward_hook(lambda _, ids, __: seen.append(ids[0].numel()))
    one.forward_backward(given, Loss())
    padded = 2 * (len(prompts[0]) - 1) + len(given) * 3
    assert sum(seen) == padded < len(given) * (len(prompts[0]) + 3) / 2


def test_logprobs_are_those_of_a_plain_forward(network):
    lines = ((4, 0, 9), (4, 0, 2), (4, 7, 7), (1, 3, 3))
    given = random_samples(temperature=0.7)
    given += [
        Sample("bob", (5, 6), line, allowed=lines, mask=(True, False, True)) for line in lines
    ]
    one, oracle = learner(network, max_batch_tokens=120), deepcopy(network)
    for reference in (False, True):
        found = one.logprobs(given, reference)
        for sample, values in zip(given, found, strict=True):
            want = plain_logprobs(oracle, sample, None if reference else "own")
            assert values == pytest.approx(want.tolist(), abs=1e-6)


def test_restricted_turns_have_the_gradients_of_an_independent_dense_computation(network):
    lines = ((4, 0, 9), (4, 0, 2), (4, 7, 7), (1, 3, 3))
    given = [
        Sample(name, (5, 6, k), line, (-0.7, -0.4, -0.1), (1.0, -0.5, 2.0), lines)
        for name, k, line in product(("alice", "bob"), range(2), lines)
    ]
    loss = Loss(kl=0.2)
    mine, theirs = learner(network), deepcopy(network)
    mine.forward_backward(given, loss)
    want = torch.zeros(())
    for sample in given:
        table = plain_table(theirs, sample)
        ref = plain_table(theirs, sample, None).detach()
        logp = table.gather(-1, torch.tensor(sample.token_ids)[:, None]).squeeze(-1)
        ratio = (logp - torch.tensor(sample.logprobs, dtype=logp.dtype)).exp()
        a = torch.tensor(sample.advantages, dtype=logp.dtype)
        table, ref = (one.masked_fill(one.isinf(), 0) for one in (table, ref))
        kl = (table.exp() * (table - ref)).sum(-1)
        each = -torch.minimum(ratio * a, ratio.clamp(0.8, 1.2) * a) + loss.kl * kl
        want = want + each.sum() / (len(given) // 2 * 3)
    want.backward()
    found, wanted = (gradients(one, "alice", "bob") for one in (mine.network, theirs))
    assert apart(found, wanted) < 1e-6


# -- several adapters in one pass


def test_one_mixed_backward_is_equal_to_a_backward_for_each_adapter(network, samples):
    mixed = learner(network)
    stats = mixed.forward_backward(samples, FULL)
    for name in ("alice", "bob"):
        alone = learner(network, [name])
        own = alone.forward_backward([one for one in samples if one.adapter == name], FULL)
        found, want = gradients(mixed.network, name), gradients(alone.network, name)
        assert apart(found, want) < 1e-6
        assert stats[name].loss == pytest.approx(own[name].loss, abs=1e-6)
        assert stats[name].kl == pytest.approx(own[name].kl, abs=1e-6)


@pytest.mark.parametrize("normalise", ["tokens", "samples", "constant"])
def test_more_samples_of_one_debater_do_not_change_the_others_gradient(network, samples, normalise):
    loss = replace(FULL, normalise=normalise)
    once, twice = learner(network), learner(network)
    once.forward_backward(samples, loss)
    more = samples + [one for one in samples if one.adapter == "alice"]
    twice.forward_backward(more, loss)
    for name in ("alice", "bob"):  # alice's own mean does not change either
        a, b = gradients(once.network, name), gradients(twice.network, name)
        assert apart(a, b) < 1e-6


def test_every_adapter_learns_and_the_base_keeps_its_bits(network, samples):
    one = learner(network)
    before = weights(one)
    norms = [step(one, samples) for _ in range(3)]
    after = weights(one)
    assert all(norm > 0 for found in norms for norm in found.values())
    for key in before:
        learns = ".lora_" in key
        assert torch.equal(before[key], after[key]) != learns, key


def test_nobody_stops_the_others_from_learning_by_adding_or_switching_adapters(network, samples):
    one = learner(network)
    step(one, samples)
    one.network.add_adapter("alice_v1", lora())
    one.network.set_adapter("alice_v1")
    with one.network.disable_adapter():
        pass
    assert not any(value.requires_grad for value in tensors(one.network, "bob").values())
    before = weights(one)
    assert all(norm > 0 for norm in step(one, samples).values())
    after = weights(one)
    for key in before:
        if ".lora_" in key:
            assert torch.equal(before[key], after[key]) == (".alice_v1." in key)


def test_the_kl_is_to_the_reference_that_was_named(network, samples):
    one = Learner(
        with_adapters(base(), ("alice", "bob", "start"), seed=1),
        ["alice", "bob"],
        references={"bob": "start"},
    )
    other = Learner(one.network, ["alice", "bob", "start"])
    renamed = [replace(s, adapter="start") for s in samples]
    for reference, ask in ((True, renamed), (False, samples)):
        mine = one.logprobs(samples, reference)
        theirs = other.logprobs(ask)
        base_of = other.logprobs(samples, reference=True)
        for sample, a, b, c in zip(samples, mine, theirs, base_of, strict=True):
            want = c if reference and sample.adapter == "alice" else b
            assert a == pytest.approx(want, abs=1e-6)
    kl = {name: one.measure(samples)[name].kl for name in ("alice", "bob")}
    same = Learner(one.network, ["alice", "bob"], references={"alice": "alice", "bob": "bob"})
    assert all(value > 0.01 for value in kl.values())
    assert all(s.kl == pytest.approx(0, abs=1e-6) for s in same.measure(samples).values())


# -- the exact gradient of a game that can be written out


def test_the_expected_gradient_is_the_exact_one_of_an_enumerated_game():
    """Alice says two of three words, bob answers with two; he loses what she wins."""
    network = with_adapters(base(seed=5, vocabulary=3))
    words = list(product(range(3), repeat=2))
    prompt = (0, 2, 1)
    pay = torch.randn(9, 9, generator=torch.Generator().manual_seed(0)).double()
    oracle = deepcopy(network)
    first = [Sample("alice", prompt, said) for said in words]
    second = [[Sample("bob", (*prompt, *said), answer) for answer in words] for said in words]

    def p(sample):
        return plain_logprobs(oracle, sample).double().sum().exp()

    pa = torch.stack([p(one) for one in first])
    pb = torch.stack([torch.stack([p(one) for one in row]) for row in second])
    assert pa.sum().item() == pytest.approx(1, abs=1e-6)
    want = {}
    for name, sign in (("alice", 1), ("bob", -1)):
        oracle.zero_grad()
        (sign * (pa[:, None] * pb * pay).sum()).backward(retain_graph=True)
        want[name] = gradients(oracle, name)
    chance_a, chance_b = pa.detach(), pb.detach()
    worth = (chance_b * pay).sum(-1)  # of what alice says
    for ratio in ("token", "sequence"):
        one = learner(network)
        given = [
            replace(s, advantages=float(9 * chance_a[i] * worth[i])) for i, s in enumerate(first)
        ]
        given += [
            replace(s, advantages=float(-81 * chance_a[i] * chance_b[i, j] * pay[i, j]))
            for i, row in enumerate(second) for j, s in enumerate(row)
        ]  # fmt: skip
        now = one.logprobs(given)
        given = [replace(s, logprobs=old) for s, old in zip(given, now, strict=True)]
        one.forward_backward(
            given, Loss(ratio=ratio, normalise="samples" if ratio == "sequence" else "constant")
        )
        for name, exact in want.items():
            found = -gradients(one.network, name)
            assert apart(found, exact) < 1e-6


# -- what is no sample of the policy, and what is no number


def test_injected_tokens_do_not_change_gradients_whatever_they_are_said_to_be(network):
    mask = (True, False, False, True)
    said = Sample("alice", (1, 2), (3, 4, 5, 6), (-3.0, -1.0, -1.0, -3.5), (1.0, 1.0, 1.0, -2.0))
    found = []
    for junk in (0.0, 1e6, math.nan):
        one = learner(network)
        given = replace(said, mask=mask, logprobs=(-3.0, junk, junk, -3.5),
                        advantages=(1.0, junk, junk, -2.0))  # fmt: skip
        stats = one.forward_backward([given], FULL)
        assert stats["alice"].tokens == 2
        found.append(gradients(one.network, "alice"))
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])
    want = deepcopy(network)
    plain_loss(want, [replace(said, mask=mask)], FULL).backward()
    assert apart(found[0], gradients(want, "alice")) < 1e-6


@pytest.mark.parametrize("what", ["advantages", "logprobs", "weights"])
def test_a_loss_that_is_no_number_changes_nothing(network, samples, what):
    one, twin = learner(network), learner(network)
    for each in (one, twin):
        step(each, samples)
        each.forward_backward(samples[:6], FULL)  # gradients that wait
    before = one.snapshot()
    grads = gradients(one.network, "alice", "bob")
    if what == "weights":
        key = "base_model.model.model.embed_tokens.weight"
        spoilt = one.network.get_parameter(key)
        kept = spoilt.detach().clone()
        spoilt.data[:] = math.inf
        bad = samples
    else:
        many = {"advantages": math.nan, "logprobs": -math.inf}[what]
        worst = replace(samples[3], **{what: (many,) * len(samples[3].token_ids)})
        bad = [*samples[:3], worst, *samples[4:]]
    with pytest.raises(LearnerError, match=r"the loss of \w+ is (nan|inf|-inf).*nothing was") as e:
        one.forward_backward(bad, FULL)
    assert "\n" not in str(e.value)
    if what == "weights":
        spoilt.data.copy_(kept)
    assert torch.equal(gradients(one.network, "alice", "bob"), grads)
    after = one.snapshot()
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert one.optim_step(1e-2) == twin.optim_step(1e-2)
    assert equal(weights(one), weights(twin))


def test_a_gradient_that_is_no_number_takes_no_step_of_any_adapter(network, samples):
    one = learner(network)
    step(one, samples)
    before, kept = weights(one), one.snapshot()
    one.forward_backward(samples, FULL)
    next(iter(tensors(one.network, "bob").values())).grad[0, 0] = math.inf
    with pytest.raises(LearnerError, match="gradient norm of bob is inf: no step was taken"):
        one.optim_step(1e-2)
    assert equal(weights(one), before)
    torch.testing.assert_close(one.snapshot(), kept, rtol=0, atol=0)
    assert set(one.optim_step(1e-2).values()) == {0.0}  # nothing waits any more


def test_no_samples_and_equal_rewards_are_no_trouble(network, samples):
    one = learner(network)
    before = weights(one)
    assert one.forward_backward([], Loss()) == {}
    assert one.optim_step(1e-2) == {"alice": 0.0, "bob": 0.0}
    assert equal(weights(one), before)
    zero = [replace(s, advantages=0.0) for s in samples]
    empty = Sample("alice", (1, 2), (), (), ())
    silent = Sample("alice", (1, 2), (3,), (-1.0,), 1.0, mask=(False,))
    stats = one.forward_backward([*zero, empty, silent], Loss())
    assert stats["alice"].policy == stats["bob"].policy == 0
    assert stats["alice"].samples == sum(s.adapter == "alice" for s in zero) + 2
    assert one.optim_step(1e-2) == {"alice": 0.0, "bob": 0.0}
    assert equal(weights(one), before)
    alone = one.forward_backward([silent], Loss())
    assert alone["alice"].tokens == 0 and alone["alice"].loss == 0
    assert one.optim_step(1e-2)["bob"] == 0


# -- steps


def test_gradients_of_several_calls_add_up_and_a_step_is_that_of_adamw(network, samples):
    settings = Optimiser((0.8, 0.95), 1e-6, 0.1)
    one = learner(network, optimiser=settings, clip_norm=0.2)
    oracle = deepcopy(network)
    parameters = {name: list(tensors(oracle, name).values()) for name in ("alice", "bob")}
    adam = {
        name: torch.optim.AdamW(many, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1, foreach=False)
        for name, many in parameters.items()
    }
    rates = {"alice": 3e-2, "bob": 1e-2}
    for _ in range(3):
        half = len(samples) // 2
        for part in (samples[:half], samples[half:]):
            one.forward_backward(part, FULL)
            plain_loss(oracle, part, FULL).backward()
        norms = one.optim_step(rates)
        for name, many in parameters.items():
            norm = torch.nn.utils.clip_grad_norm_(many, 0.2)
            adam[name].param_groups[0]["lr"] = rates[name]
            adam[name].step()
            adam[name].zero_grad()
            assert norms[name] == pytest.approx(norm.item(), rel=1e-6) and norm > 0.2
    for name in parameters:
        for a, b in zip(tensors(one.network, name).values(), parameters[name], strict=True):
            assert (a - b).abs().max() < 1e-6 < a.abs().max()


def test_an_adapter_without_samples_is_not_stepped(network, samples):
    one = learner(network)
    step(one, samples)  # bob's optimiser has momentum now
    before = weights(one)
    norms = step(one, [s for s in samples if s.adapter == "alice"])
    assert norms["alice"] > 0 == norms["bob"]
    after = weights(one)
    assert all(torch.equal(before[k], after[k]) == (".alice." not in k) for k in before)


def test_going_on_from_a_snapshot_gives_the_same_bits(network, samples):
    one = learner(network)
    for _ in range(2):
        step(one, samples)
    file, held = io.BytesIO(), one.snapshot()
    torch.save(held, file)
    on = [step(one, samples) for _ in range(3)]
    file.seek(0)
    kept = torch.load(file, weights_only=True)
    other = learner(with_adapters(base(), seed=9))  # the same base, other adapters
    step(other, samples[:4])
    other.forward_backward(samples[:4], FULL)  # dropped by restoring
    other.restore(kept)
    assert [step(other, samples) for _ in range(3)] == on
    assert equal(weights(one), weights(other))
    one.restore(held)  # it was not changed by the steps since
    assert [step(one, samples) for _ in range(3)] == on
    assert equal(weights(one), weights(other))


def test_a_snapshot_of_other_adapters_is_refused_and_nothing_changes(network, samples):
    one = learner(network)
    step(one, samples)
    before = weights(one)
    narrow = learner(network, ["alice"]).snapshot()
    wide = Learner(with_adapters(base(vocabulary=7)), ["alice", "bob"]).snapshot()
    wide["bob"]["weights"] = {k: v[..., :1] for k, v in wide["bob"]["weights"].items()}
    for state in (narrow, wide, {}):
        with pytest.raises(ValueError, match="the snapshot is not of adapter"):
            one.restore(state)
        assert equal(weights(one), before)


def test_whoever_keeps_what_depends_on_the_weights_can_see_that_they_changed(network, samples):
    one = learner(network)

    def writes(name):
        return sum(value._version for value in tensors(one.network, name).values())

    start, state = writes("alice"), one.snapshot()
    one.forward_backward(samples, FULL)
    assert writes("alice") == start
    one.optim_step({"alice": 1e-3, "bob": 1e-3})
    stepped = writes("alice")
    one.restore(state)
    assert start < stepped < writes("alice")


# -- supervised


def test_supervised_training_is_cross_entropy_and_lowers_it(network):
    given = [replace(s, logprobs=(), mask=()) for s in random_samples(groups=8, each=1)]
    masked = replace(given[0], mask=(False,) + (True,) * (len(given[0].token_ids) - 1))
    given[0] = masked
    one, oracle = learner(network), deepcopy(network)
    stats = one.supervised(given)
    total = torch.zeros(())
    for name in ("alice", "bob"):
        rows, targets = [], []
        for s in given:
            if s.adapter == name:
                oracle.set_adapter(name)
                oracle.set_requires_grad(["alice", "bob"])
                ids = [*s.prompt_ids, *s.token_ids]
                rows.append(oracle(torch.tensor([ids])).logits[0, len(s.prompt_ids) - 1 : -1])
                said = torch.tensor(s.token_ids)
                targets.append(said.masked_fill(~torch.tensor(s.mask or (True,) * len(said)), -100))
        want = torch.nn.functional.cross_entropy(torch.cat(rows), torch.cat(targets))
        assert stats[name].loss == pytest.approx(want.item(), rel=1e-6)
        total = total + want
    total.backward()
    found, wanted = (gradients(m, "alice", "bob") for m in (one.network, oracle))
    assert apart(found, wanted) < 1e-6
    one.optim_step(1e-2)
    losses = []
    for _ in range(25):
        losses.append(one.supervised(given)["alice"].loss)
        one.optim_step(3e-2)
    assert losses[-1] < losses[0] / 2 < stats["alice"].loss


# -- a game that both learn


def sampled(network, name, prompts, length, noise):
    """Tokens (n, length) and their log-probabilities, by a plain loop."""
    ids, logprobs = prompts, []
    with torch.no_grad():
        for _ in range(length):
            table = network(ids, adapter_names=[name] * len(ids), logits_to_keep=1).logits[:, -1]
            table = table.log_softmax(-1)
            token = torch.multinomial(table.exp(), 1, generator=noise)
            logprobs.append(table.gather(-1, token))
            ids = torch.cat([ids, token], dim=1)
    return ids[:, prompts.shape[1] :], torch.cat(logprobs, dim=1)


def test_both_debaters_learn_a_zero_sum_game():
    """Whoever says more odd tokens wins; leave-one-out baselines, 8 turns a prompt and side."""
    network = with_adapters(base().float(), spread=0.0)
    one, noise = Learner(network, ["alice", "bob"]), torch.Generator().manual_seed(0)
    shares = {"alice": [], "bob": []}
    for _ in range(40):
        prompts = torch.randint(VOCABULARY, (4, 5), generator=noise)
        said = {
            name: sampled(network, name, prompts.repeat_interleave(8, 0), 4, noise)
            for name in ("alice", "bob")
        }
        odd = {name: (tokens % 2).float() for name, (tokens, _) in said.items()}
        pay = (odd["alice"].sum(-1) - odd["bob"].sum(-1)).sign()
        given = []
        for name, reward in (("alice", pay), ("bob", -pay)):
            shares[name].append(odd[name].mean().item())
            group = reward.view(4, 8)
            advantages = (group - (group.sum(-1, keepdim=True) - group) / 7).flatten().tolist()
            given += [
                Sample(name, tuple(prompts[i // 8].tolist()), tuple(t), tuple(old), a)
                for i, (t, old, a) in enumerate(
                    zip(*(x.tolist() for x in said[name]), advantages, strict=True)
                )
            ]
        stats = one.forward_backward(given, Loss(kl=0.01))
        assert all(s.ratio_max == pytest.approx(1, abs=1e-4) for s in stats.values())
        one.optim_step(1e-2)
    for values in shares.values():
        assert abs(sum(values[:3]) / 3 - 0.5) < 0.15 and sum(values[-5:]) / 5 > 0.8


# -- statistics


def test_statistics_are_those_of_the_samples(network, samples):
    stats = learner(network).forward_backward(samples, FULL)
    quiet = learner(network).forward_backward(samples, replace(FULL, kl=0.0))
    seen = learner(network).measure([replace(s, logprobs=()) for s in samples], FULL)
    oracle = deepcopy(network)
    for name in ("alice", "bob"):
        own = [s for s in samples if s.adapter == name]
        mine = [plain_table(oracle, s) for s in own]
        theirs = [plain_table(oracle, s, None) for s in own]
        kl = sum((a.exp() * (a - b)).sum().item() for a, b in zip(mine, theirs, strict=True))
        entropy = sum(-(a.exp() * a).sum().item() for a in mine)
        logp = [plain_logprobs(oracle, s).tolist() for s in own]
        ratios = [
            math.exp(a - b)
            for s, now in zip(own, logp, strict=True)
            for a, b in zip(now, s.logprobs, strict=True)
        ]
        advantages = [a for s in own for a in s.advantages]
        cut = [
            (r < 0.9 and a < 0) or (r > 1.2 and a > 0)
            for r, a in zip(ratios, advantages, strict=True)
        ]
        one, tokens = stats[name], len(ratios)
        assert (one.tokens, one.samples) == (tokens, len(own))
        assert one.kl == pytest.approx(kl / tokens, abs=1e-6)
        assert one.kl_turn == pytest.approx(kl / len(own), abs=1e-6)
        assert one.entropy == pytest.approx(entropy / tokens, abs=1e-6)
        assert one.ratio_mean == pytest.approx(sum(ratios) / tokens, abs=1e-6)
        assert one.ratio_max == pytest.approx(max(ratios), abs=1e-6)
        assert one.clipped == pytest.approx(sum(cut) / tokens) and 0 < one.clipped < 1
        assert one.loss == pytest.approx(one.policy + 0.3 * one.kl - 0.05 * one.entropy, abs=1e-6)
        assert quiet[name].kl is None and quiet[name].policy == pytest.approx(one.policy, abs=1e-6)
        assert seen[name].kl == pytest.approx(one.kl, abs=1e-6) and seen[name].ratio_max == 1


# -- precision, and bad input


def test_a_bfloat16_base_trains_float32_adapters(network, samples):
    half = with_adapters(base().bfloat16())
    one = learner(half)
    assert {t.dtype for t in tensors(half, "alice").values()} == {torch.float32}
    stats, exact = one.forward_backward(samples, FULL), learner(network)
    want = exact.forward_backward(samples, FULL)
    a, b = (gradients(m.network, "alice", "bob") for m in (one, exact))
    assert torch.nn.functional.cosine_similarity(a, b, dim=0) > 0.99
    assert stats["bob"].loss == pytest.approx(want["bob"].loss, abs=0.05)
    assert all(norm > 0 for norm in one.optim_step(1e-3).values())


def test_what_cannot_be_trained_is_refused_in_one_line(network):
    def refused(make, message):
        with pytest.raises(ValueError, match=message) as error:
            make()
        assert "\n" not in str(error.value)

    half = deepcopy(network)
    next(iter(tensors(half, "bob").values())).data = torch.zeros(4, 32, dtype=torch.bfloat16)
    dora = with_adapters(base(), ["alice"])
    dora.add_adapter("weird", lora(use_dora=True))
    refused(lambda: Learner(network, []), "different adapters")
    refused(lambda: Learner(network, ["alice", "alice"]), "different adapters")
    refused(lambda: Learner(network, ["carol"]), "no adapter 'carol' in the network, it has: alice")
    refused(lambda: Learner(network, ["__base__"]), "no adapter '__base__'")
    refused(lambda: Learner(network, ["alice"], references={"bob": "alice"}), "'bob', which is not")
    refused(lambda: Learner(network, ["alice"], references={"alice": "x"}), "no adapter 'x'")
    refused(lambda: Learner(half, ["bob"]), "'bob' is in bfloat16, float64: training needs float32")
    refused(lambda: Learner(dora, ["weird"]), "'weird' is not plain LoRA")
    refused(lambda: Learner(network, ["alice"], clip_norm=0), "clip_norm and max_batch_tokens")
    one = learner(network, ["alice"])
    sample = Sample("alice", (1,), (2, 3), (-1.0, -1.0), 1.0)
    refused(
        lambda: one.forward_backward([replace(sample, adapter="bob")], FULL), "of adapter 'bob'"
    )
    refused(
        lambda: one.forward_backward([replace(sample, logprobs=())], FULL), "0 log-probabilities"
    )
    off = replace(sample, allowed=((2, 4),))
    refused(lambda: one.forward_backward([off], FULL), "token 3 at position 1 is in none of")
    one.forward_backward([sample], FULL)
    refused(lambda: one.optim_step({}), "gradients but no learning rate for alice")
    refused(lambda: one.optim_step({"alice": -1.0}), "0 or more and for alice: got -1.0")
    refused(lambda: one.optim_step({"alice": 1.0, "bob": 1.0}), "for 'bob'")
    assert one.optim_step({"alice": 1e-3})["alice"] > 0
