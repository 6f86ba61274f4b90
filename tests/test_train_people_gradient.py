"""What is learnt from people has the direction of what they pay.

The oracle knows nothing of queue, credit or losses: a debater says one of four lines, so its
expected reward is a sum over four, and autograd gives its gradient from the network alone.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from crowd import Scripted, crowd, go, liked, school
from transformers import AutoTokenizer

from agents.learner import Learner
from arena.store import Store

GROUP = 20


def share_liked(network: Any, adapter: str, prompts: Counter[Any], worth: Any) -> torch.Tensor:
    """How probable it is that a policy says a line that people like, exactly: the mean over
    ``prompts`` (token ids and the lines that are allowed, with how often each came)."""
    total = torch.zeros(())
    for (prompt, lines), times in prompts.items():
        for line in lines:
            if not worth(line):
                continue
            ids = torch.tensor([[*prompt, *line]])
            logits = network(input_ids=ids, adapter_names=[adapter]).logits[0, len(prompt) - 1 :]
            logp = torch.zeros(())
            for n, token in enumerate(line):
                after = sorted({one[n] for one in lines if one[:n] == line[:n]})
                among = torch.log_softmax(logits[n][after], 0)
                logp = logp + among[after.index(token)]
            total = total + times * logp.exp()
    return total / sum(prompts.values())


@dataclass
class Watch:
    """Every step of the learner, beside the exact gradient of what it should climb."""

    worth: Any
    prompts: dict[str, Counter[Any]] = field(default_factory=dict)
    cosines: dict[str, list[float]] = field(default_factory=dict)
    along: dict[str, list[float]] = field(default_factory=dict)  # gradient times step taken
    shares: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # before and after

    def given(self, samples: Any) -> None:
        self.prompts = {}
        for one in samples:
            found = self.prompts.setdefault(one.adapter, Counter())
            found[one.prompt_ids, one.allowed] += 1

    def step(self, learner: Any, take: Any) -> Any:
        before = {}
        for name, prompts in self.prompts.items():
            tensors = [one for key, one in learner.network.named_parameters() if f".{name}." in key]
            expected = share_liked(learner.network, name, prompts, self.worth)
            exact = torch.cat([one.flatten() for one in torch.autograd.grad(expected, tensors)])
            climbed = torch.cat([-one.grad.flatten() for one in tensors])
            cosine = float(torch.cosine_similarity(exact, climbed, 0))
            self.cosines.setdefault(name, []).append(cosine)
            before[name] = tensors, [one.detach().clone() for one in tensors], exact, expected
        norms = take()
        with torch.no_grad():
            for name, (tensors, old, exact, expected) in before.items():
                pairs = zip(tensors, old, strict=True)
                moved = torch.cat([(one - was).flatten() for one, was in pairs])
                self.along.setdefault(name, []).append(float(exact @ moved))
                now = share_liked(learner.network, name, self.prompts[name], self.worth)
                self.shares.setdefault(name, []).append((float(expected), float(now)))
        return norms


@pytest.mark.parametrize(
    "strength",
    [3.0, pytest.param(-3.0, marks=pytest.mark.check)],
    ids=["liked", "disliked"],
)
def test_a_step_climbs_the_exact_gradient_of_what_a_biased_and_noisy_person_pays(
    strength: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody likes some lines, or the others, with a bias for what is listed first and noise:
    both debaters move towards what is paid, and by the right gradient."""
    folder, store = school(tmp_path), tmp_path / "arena.db"
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    watch = Watch(lambda line: liked(str(tokenizer.decode(line))))
    forward, optimise = Learner.forward_backward, Learner.optim_step

    def given(self: Any, samples: Any, loss: Any) -> Any:
        watch.given(samples)
        return forward(self, samples, loss)

    monkeypatch.setattr(Learner, "forward_backward", given)
    monkeypatch.setattr(
        Learner, "optim_step", lambda self, lr: watch.step(self, lambda: optimise(self, lr))
    )
    bo = Scripted("Bo", store, strength, bias=1.5, noise=1.0)

    def act(opened: Store) -> None:
        while bo.judge(opened) is not None:
            pass

    with crowd(act, store, monkeypatch):
        enough = {"enough": 2 * GROUP, "held_out_share": 0}
        done, _ = go(folder, store, "train.steps=2", f"train.group={GROUP}", "train.lr=0.001",
                     f"train.people={json.dumps(enough)}")  # fmt: skip
    assert done.steps == 2
    assert len(bo.given) == 4 * GROUP  # every match of two versions
    sign = 1 if strength > 0 else -1
    print(watch.cosines, watch.along, watch.shares)
    for name in ("alice", "bob"):
        assert all(sign * cosine > 0.7 for cosine in watch.cosines[name])
        pairs = zip(watch.along[name], watch.shares[name], strict=True)
        for along, (before, after) in pairs:  # and as far as the gradient says, to first order
            assert sign * along > 0 and 0.5 < (after - before) / along < 1.5
