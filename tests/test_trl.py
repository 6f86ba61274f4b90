"""Losses and LoRA gradients beside TRL's trainers, whose private `_compute_loss` is the oracle."""

import os
import warnings
from dataclasses import replace
from random import Random

import pytest
import torch
from learning import VOCABULARY, apart, base, gradients, lora, plain_logprobs, with_adapters
from tiny import tiny_tokenizer

from agents.learner import Learner, Loss, Sample

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
trl = pytest.importorskip("trl")
pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore")

LONGEST = 9
CLIP = (0.2, 0.28)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def trainer(kind, **settings):
    """A trainer of TRL's that was never started, on the tiny model with one adapter."""
    from datasets import Dataset

    network = base().float()
    options = {
        "output_dir": "out", "use_cpu": True, "bf16": False, "report_to": [],
        "gradient_checkpointing": False, "per_device_train_batch_size": 4, "num_generations": 2,
        "max_completion_length": LONGEST, "epsilon": CLIP[0], "epsilon_high": CLIP[1],
        "steps_per_generation": 1,
    }  # fmt: skip
    config, made = {
        "grpo": (trl.GRPOConfig, trl.GRPOTrainer),
        "rloo": (trl.RLOOConfig, trl.RLOOTrainer),
    }[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = made(
            model=network,
            reward_funcs=lambda completions, **_: [0.0] * len(completions),
            args=config(**options | settings),
            train_dataset=Dataset.from_dict({"prompt": ["w1 w2"] * 8}),
            processing_class=tiny_tokenizer(),
            peft_config=lora(),
        )
    found.current_gradient_accumulation_steps = 1
    return found


def moved(network):
    """The trainer's adapter away from the base, so that the KL is not zero."""
    noise = torch.Generator().manual_seed(1)
    for key, one in network.named_parameters():
        if ".lora_B." in key:
            one.data.copy_(0.1 * torch.randn(one.shape, generator=noise))


def turns(network, per_token=True, **changes):
    """Twelve off-policy turns of one adapter after four prompts, some tokens injected."""
    noise = Random(0)
    found = []
    for _ in range(4):
        prompt = tuple(noise.randrange(VOCABULARY) for _ in range(noise.randint(2, 12)))
        for _ in range(3):
            n = noise.randint(1, LONGEST)
            said = tuple(noise.randrange(VOCABULARY) for _ in range(n))
            mask = tuple(k == 0 or noise.random() < 0.8 for k in range(n))
            many = tuple(noise.gauss(0, 1) for _ in said)
            one = Sample("default", prompt, said, (), many if per_token else many[0], mask=mask,
                         **changes)  # fmt: skip
            with torch.no_grad():
                exact = plain_logprobs(network, one).tolist()
            old = tuple(x + noise.gauss(0, 0.2) for x in exact)
            found.append(replace(one, logprobs=old))
    return found


def batch(network, samples):
    """The same turns as TRL's trainers want them: left- and right-padded tensors."""
    width = max(len(s.prompt_ids) for s in samples)
    length = max(len(s.token_ids) for s in samples)

    def right(values, kind=torch.float32):
        return torch.tensor([[*v, *[0] * (length - len(v))] for v in values], dtype=kind)

    def left(values):
        return torch.tensor([[*[0] * (width - len(v)), *v] for v in values])

    with torch.no_grad():
        reference = [plain_logprobs(network, s, None).tolist() for s in samples]
    completion = right([[1] * len(s.token_ids) for s in samples], torch.long)
    mine = right([s.mask for s in samples], torch.long)
    many = isinstance(samples[0].advantages, tuple)
    old = right([s.logprobs for s in samples])
    return {
        "prompt_ids": left([s.prompt_ids for s in samples]),
        "prompt_mask": left([[1] * len(s.prompt_ids) for s in samples]),
        "completion_ids": right([s.token_ids for s in samples], torch.long),
        "completion_mask": completion,
        "tool_mask": mine,
        "advantages": right([s.advantages for s in samples])
        if many
        else torch.tensor([s.advantages for s in samples]),
        "old_per_token_logps": old,
        "ref_per_token_logps": right(reference),
        "num_items_in_batch": (completion * mine).sum(),
        "old_logps": (old * completion).sum(-1),
    }


def compared(made, samples, loss, adapter="default"):
    """TRL's loss and ours are equal, and so are the gradients of every LoRA tensor."""
    network = made.model
    given = batch(network, samples)
    network.set_adapter(adapter)
    network.zero_grad()
    theirs = made._compute_loss(network.train(), given)
    theirs.backward()
    want = gradients(network, adapter)
    network.zero_grad()
    stats = Learner(network, [adapter]).forward_backward(samples, loss)[adapter]
    assert stats.loss == pytest.approx(theirs.item(), abs=1e-5)
    assert apart(gradients(network, adapter), want) < 1e-5
    return stats


@pytest.mark.parametrize("kl", [0.0, 0.1])
@pytest.mark.parametrize("ratio", ["token", "geometric"])
@pytest.mark.parametrize(
    ("loss_type", "normalise"),
    [("grpo", "samples"), ("bnpo", "tokens"), ("dapo", "tokens"), ("dr_grpo", "constant")],
)
def test_the_clipped_loss_and_its_gradients_are_those_of_grpo(loss_type, normalise, ratio, kl):
    level = {"token": "token", "geometric": "sequence"}[ratio]
    made = trainer(
        "grpo", loss_type=loss_type, importance_sampling_level=level, beta=kl,
        use_bias_correction_kl=False,
    )  # fmt: skip
    moved(made.model)
    length = LONGEST if normalise == "constant" else 1.0
    loss = Loss(ratio, CLIP, kl, "k3", normalise=normalise, length=length)
    stats = compared(made, turns(made.model), loss)
    assert 0 < stats.clipped < 1 and (stats.kl is None) == (kl == 0)


@pytest.mark.parametrize("ratio", ["token", "geometric"])
def test_the_capped_loss_and_its_gradients_are_those_of_cispo(ratio):
    level = {"token": "token", "geometric": "sequence"}[ratio]
    made = trainer(
        "grpo", loss_type="cispo", epsilon_high=1.15, importance_sampling_level=level, beta=0.0,
        temperature=0.7,
    )  # fmt: skip
    moved(made.model)
    assert compared(made, turns(made.model, temperature=0.7), Loss(ratio, cap=1.15)).clipped > 0


def test_the_entropy_bonus_and_its_gradient_are_those_of_grpo():
    made = trainer("grpo", loss_type="dapo", beta=0.0, entropy_coef=0.3)
    moved(made.model)
    compared(made, turns(made.model), Loss(clip=CLIP, entropy=0.3))


def test_the_sequence_loss_and_its_gradients_are_those_of_rloo():
    made = trainer("rloo", beta=0.0)
    moved(made.model)
    samples = [replace(s, mask=()) for s in turns(made.model, per_token=False)]
    stats = compared(made, samples, Loss("sequence", CLIP, normalise="samples"))
    assert 0 < stats.clipped < 1


def test_the_oracle_would_see_a_wrong_loss():
    """The bias correction of TRL's KL, which is on unless it is told otherwise, is noticed."""
    made = trainer("grpo", loss_type="bnpo", beta=0.1)
    moved(made.model)
    with pytest.raises(AssertionError):
        compared(made, turns(made.model), Loss("token", CLIP, 0.1, "k3"))


def test_two_debaters_in_one_batch_have_the_gradients_that_trl_finds_for_each_alone():
    made = trainer("grpo", loss_type="bnpo", beta=0.0)
    moved(made.model)
    samples = turns(made.model)
    two = with_adapters(base().float(), ("default", "other"))
    for name in ("default", "other"):  # both debaters are TRL's one, twice
        for key, one in made.model.named_parameters():
            if ".default." in key:
                two.get_parameter(key.replace(".default.", f".{name}.")).data.copy_(one.data)
    mixed = Learner(two, ["default", "other"])
    given = batch(made.model, samples)
    made.model.set_adapter("default")
    made._compute_loss(made.model.train(), given).backward()
    others = [replace(s, adapter="other") for s in samples]
    mixed.forward_backward(samples + others, Loss(clip=CLIP))
    want = gradients(made.model, "default")
    for name in ("default", "other"):
        assert apart(gradients(mixed.network, name), want) < 1e-5
