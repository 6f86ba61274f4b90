"""A training step of the `Learner` beside TRL's GRPOTrainer and RLOOTrainer, on identical work.

The work: 4 prompts, 4 turns each, a random two-layer Qwen3 with one LoRA adapter of rank 8 on the
query and value projections, KL to the base, one AdamW step. The whole step is sampling, reward,
advantages, loss, gradients and update; ours samples with the local engine's decode loop, TRL with
`generate`. "Alone" is what follows sampling: reference, loss, gradients and update of given turns.
`--debate` measures a step of the size that the embedded debaters are trained with (0.76 M
parameters, two adapters, 28 prompts of 110 tokens, 8 turns of 9 tokens each), beside the same loss
by a full forward of every turn.
Run ``python benchmarks/learner.py [--debate] [--json]``; needs the ``dev`` extra (TRL).
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from peft import LoraConfig, get_peft_model
from timing import alternate, show
from transformers import (
    PreTrainedTokenizerFast,
    PrinterCallback,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    TrainerCallback,
    logging,
)

from agents.adapters import LoraSettings
from agents.decode import Row, sample
from agents.learner import Learner, Loss, Sample
from agents.lora import Adapters
from arena.flow import Request

PROMPTS, EACH, VOCABULARY, KL, RATE = 4, 4, 512, 0.05, 1e-4
STEPS, REPEATS = 4, 2
LENGTHS = ((32, 32), (256, 64))
Seconds = list[float]


def model() -> Any:
    """A random Qwen3: 2 layers, hidden size 64; no token ends a turn, so all are equally long."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=1024,
        initializer_range=0.1, bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    return Qwen3ForCausalLM(config).eval()


def adapter() -> LoraConfig:
    """Rank 8 on the query and value projections."""
    return LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], lora_dropout=0.0,
                      task_type="CAUSAL_LM")  # fmt: skip


def words() -> Any:
    """A tokenizer with one token for each of the words w0, w1, ..."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    table = {f"w{i}": i for i in range(VOCABULARY)}
    made = Tokenizer(models.WordLevel(table, unk_token="w1"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="w0", eos_token="w2")


def prompts(length: int) -> list[tuple[int, ...]]:
    """Random prompts of this many tokens."""
    noise = torch.Generator().manual_seed(1)
    drawn = torch.randint(3, VOCABULARY, (PROMPTS, length), generator=noise)
    return [tuple(row) for row in drawn.tolist()]


def reward(tokens: Sequence[int]) -> float:
    """The share of odd tokens."""
    return sum(token % 2 for token in tokens) / len(tokens)


def sampled(adapters: Adapters, given: Sequence[tuple[int, ...]], length: int) -> tuple[Any, Any]:
    """Token ids and log-probabilities (n, length), by the local engine's decode loop."""

    def advance(row: Row, token: int, logprob: float) -> None:
        row.ids.append(token)
        row.logprobs.append(logprob)
        row.status = "ok" if len(row.ids) == length else None

    rows = [
        Row(Request("", (), length, seed), "policy", prompt, length, None, random.Random(seed))
        for seed, prompt in enumerate(one for one in given for _ in range(EACH))
    ]
    with torch.inference_mode():
        sample(adapters.run, rows, advance, adapters.network.device, None)
    return [row.ids for row in rows], [row.logprobs for row in rows]


def samples(given: Sequence[tuple[int, ...]], tokens: Any, logprobs: Any) -> list[Sample]:
    """What the learner is given, with leave-one-out advantages."""
    found = []
    for i in range(len(given)):
        rows = range(i * EACH, (i + 1) * EACH)
        pay = [reward(tokens[row]) for row in rows]
        for row, own in zip(rows, pay, strict=True):
            advantage = own - (sum(pay) - own) / (EACH - 1)
            found.append(
                Sample("policy", given[i], tuple(tokens[row]), tuple(logprobs[row]), advantage)
            )
    return found


LOSSES = {
    "grpo": Loss("token", kl=KL, kl_estimate="k3"),
    "rloo": Loss("sequence", kl=KL, kl_estimate="k3", normalise="samples"),
}


class Ours:
    """Steps of the learner."""

    def __init__(self, kind: str, length: int, new: int) -> None:
        self.adapters = Adapters(model())
        self.adapters.make("policy", LoraSettings(8, 16, ("q_proj", "v_proj")))
        self.learner = Learner(self.adapters.network, ["policy"])
        self.given, self.new, self.loss = prompts(length), new, LOSSES[kind]

    def steps(self) -> Seconds:
        """CPU seconds of each step."""
        taken = []
        for _ in range(STEPS):
            begun = time.process_time()
            self.update(samples(self.given, *sampled(self.adapters, self.given, self.new)))
            taken.append(time.process_time() - begun)
        return taken

    def update(self, turns: Sequence[Sample]) -> None:
        """Loss, gradients and update."""
        self.learner.forward_backward(turns, self.loss)
        self.learner.optim_step(RATE)


class Theirs:
    """Steps of a trainer of TRL's."""

    def __init__(self, kind: str, length: int, new: int, folder: str) -> None:
        import trl
        from datasets import Dataset

        config, made = {
            "grpo": (trl.GRPOConfig, trl.GRPOTrainer),
            "rloo": (trl.RLOOConfig, trl.RLOOTrainer),
        }[kind]
        settings: dict[str, Any] = {
            "output_dir": folder, "use_cpu": True, "bf16": False, "report_to": [], "beta": KL,
            "gradient_checkpointing": False, "per_device_train_batch_size": PROMPTS * EACH,
            "num_generations": EACH, "max_completion_length": new, "steps_per_generation": 1,
            "learning_rate": RATE, "max_steps": STEPS + 1, "save_strategy": "no",
            "logging_strategy": "no", "disable_tqdm": True, "max_grad_norm": 1.0,
            "generation_kwargs": {"min_new_tokens": new, "top_k": 0},
        }  # fmt: skip
        text = [" ".join(f"w{token}" for token in prompt) for prompt in prompts(length)]
        self.timer = Timer()
        self.trainer = made(
            model=model(),
            reward_funcs=lambda completion_ids, **_: [reward(ids) for ids in completion_ids],
            args=config(**settings),
            train_dataset=Dataset.from_dict({"prompt": text * (STEPS + 1)}),
            processing_class=words(),
            peft_config=adapter(),
            callbacks=[self.timer],
        )
        self.trainer.remove_callback(PrinterCallback)

    def steps(self) -> Seconds:
        """CPU seconds of each step but the first; data loading and set-up are not counted."""
        self.timer.taken = []
        self.trainer.train()
        return self.timer.taken[1:]

    def update(self, turns: Sequence[Sample]) -> None:
        """Reference, loss, gradients and update of given turns."""
        trainer, network = self.trainer, self.trainer.model
        ids = torch.tensor([turn.prompt_ids for turn in turns])
        said = torch.tensor([turn.token_ids for turn in turns])
        old = torch.tensor([turn.logprobs for turn in turns])
        ones = torch.ones_like(said)
        given = {
            "prompt_ids": ids, "prompt_mask": torch.ones_like(ids), "completion_ids": said,
            "completion_mask": ones, "advantages": torch.tensor([t.advantages for t in turns]),
            "old_per_token_logps": old, "old_logps": old.sum(-1), "num_items_in_batch": ones.sum(),
        }  # fmt: skip
        both = torch.cat([ids, said], 1)
        with torch.no_grad(), network.disable_adapter():
            given["ref_per_token_logps"] = trainer._get_per_token_logps_and_entropies(
                network, both, torch.ones_like(both), said.shape[1]
            )[0]
        trainer.current_gradient_accumulation_steps = 1
        if trainer.optimizer is None:
            trainer.create_optimizer()
        trainer._compute_loss(network, given).backward()
        many = [one for one in network.parameters() if one.requires_grad]
        torch.nn.utils.clip_grad_norm_(many, 1.0)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()


class Timer(TrainerCallback):  # type: ignore[misc]
    """CPU seconds between the begin and the end of each step."""

    def __init__(self) -> None:
        self.taken: Seconds = []
        self.begun = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.begun = time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.taken.append(time.process_time() - self.begun)


def against_trl() -> dict[str, float]:
    """Milliseconds and ratios for both trainers and all lengths."""
    figures: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        for length, new in LENGTHS:
            for kind in ("grpo", "rloo"):
                both: dict[str, Any] = {
                    "ours": Ours(kind, length, new),
                    "TRL": Theirs(kind, length, new, folder),
                }
                whole: dict[str, Seconds] = {name: [] for name in both}
                for repeat in range(REPEATS + 1):
                    for name, one in both.items():
                        gc.collect()
                        found = one.steps()
                        whole[name] += found if repeat else []
                given = both["ours"].given
                turns = samples(given, *sampled(both["ours"].adapters, given, new))
                runs: dict[str, Callable[[], object]] = {
                    name: partial(one.update, turns) for name, one in both.items()
                }
                alone = alternate(runs, REPEATS * STEPS)
                where = f"{length}+{new} tokens, {kind}"
                for what, times in (("whole step", whole), ("alone", alone)):
                    mine, theirs = median(times["ours"]), median(times["TRL"])
                    figures[f"{where}, {what}: ours, ms"] = 1000 * mine
                    figures[f"{where}, {what}: TRL, ms"] = 1000 * theirs
                    figures[f"{where}, {what}: ratio"] = mine / theirs
    return figures


def debater(dtype: torch.dtype, attention: str) -> Any:
    """A base of the embedded models' size with two adapters of rank 16 on all linear layers."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=128, intermediate_size=256, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=4, head_dim=64, initializer_range=0.05,
        tie_word_embeddings=True, attn_implementation=attention,
    )  # fmt: skip
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    network = get_peft_model(Qwen2ForCausalLM(config).to(dtype), lora, adapter_name="alice")
    network.add_adapter("bob", lora)
    return network.eval()


def debate() -> dict[str, float]:
    """Milliseconds of a debaters' step, beside a full forward of every turn."""
    noise = torch.Generator().manual_seed(1)
    many, each, length, new = 28, 8, 110, 9
    asked = torch.randint(3, VOCABULARY, (many, length), generator=noise)
    said = torch.randint(3, VOCABULARY, (many * each, new), generator=noise)
    names = ["alice"] * (many // 2) + ["bob"] * (many // 2)
    rows = [name for name in names for _ in range(each)]
    advantages = torch.randn(many * each, generator=noise)
    full = torch.cat([asked.repeat_interleave(each, 0), said], 1)

    def plain(network: Any, learner: Learner) -> None:
        """The same loss and step, by a full forward of every turn with peft's own routing."""
        network.set_requires_grad(["alice", "bob"])
        for i in range(0, len(rows), 32):
            at = slice(i, i + 32)

            def table(names: list[str], at: slice = at) -> Any:
                out = network(input_ids=full[at, :-1], adapter_names=names, logits_to_keep=new)
                return out.logits.float().log_softmax(-1)

            with torch.no_grad():
                base = table(["__base__"] * 32)
            policy = table(rows[at])
            logp = policy.gather(-1, said[at, :, None]).squeeze(-1)
            loss = -(logp - logp.detach()).exp() * advantages[at, None]
            kl = (policy.exp() * (policy - base)).sum(-1)
            ((loss + KL * kl).sum() / (said.numel() / 2)).backward()
        learner.optim_step(RATE)

    figures: dict[str, float] = {}
    for dtype, attention in ((torch.float32, "sdpa"), (torch.bfloat16, "eager")):
        network = debater(dtype, attention)
        learner = Learner(network, ["alice", "bob"])
        given = [
            Sample(rows[i], tuple(asked[i // each].tolist()), tuple(said[i].tolist()), (), a)
            for i, a in enumerate(advantages.tolist())
        ]
        given = [
            Sample(s.adapter, s.prompt_ids, s.token_ids, old, s.advantages)
            for s, old in zip(given, learner.logprobs(given), strict=True)
        ]

        def step(kl: float, learner: Learner = learner, given: list[Sample] = given) -> None:
            learner.forward_backward(given, Loss(kl=kl))
            learner.optim_step(RATE)

        runs: dict[str, Callable[[], object]] = {
            "with exact KL": lambda step=step: step(KL),
            "without KL": lambda step=step: step(0.0),
            "full forwards, with exact KL": lambda n=network, one=learner: plain(n, one),
        }
        how = f"{str(dtype).removeprefix('torch.')} {attention}"
        for name, times in alternate(runs, 5).items():
            figures[f"{how}, {name}, ms"] = 1000 * median(times)
        ours, theirs = (figures[f"{how}, {name}, ms"] for name in (*runs,)[::2])
        figures[f"{how}, ratio"] = ours / theirs
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--debate", action="store_true", help="the size of the embedded debaters")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    if given.debate:
        show("a debaters' step, CPU time, median of 5", debate(), given.json)
    else:
        title = f"a training step, CPU time, median of {REPEATS * STEPS}, one thread"
        show(title, against_trl(), given.json)


if __name__ == "__main__":
    main()
