"""A tiny chat model made from a configuration: nothing is downloaded, and it runs in milliseconds.

Two layers, hidden size 64, about 330 byte-level tokens, a ChatML template; random weights with a
fixed seed, spread enough (initializer_range 0.1) that its distributions are far from uniform.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

SPECIAL = ("<s>", "</s>", "<|im_start|>", "<|im_end|>")
ADDED = ("<think>", "</think>")  # added, not special, yet structure to a chat model
CHATML = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] | trim }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = "the judge reads what speaker A says and what speaker B says about the passage. \n"


def tiny_tokenizer(template: str | None = CHATML) -> Any:
    """A byte-level tokenizer that was trained on one sentence."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        [TEXT] * 4,
        trainers.BpeTrainer(
            vocab_size=330,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=list(SPECIAL),
            show_progress=False,
        ),
    )
    bpe.add_tokens([AddedToken(token, special=False) for token in ADDED])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens=["<|im_start|>", "<|im_end|>"],
    )
    tokenizer.chat_template = template
    return tokenizer


def tiny_model(
    folder: Path,
    template: str | None = CHATML,
    context: int = 8192,
    seed: int = 0,
    decisive: bool = False,
) -> Path:
    """Save a tiny model in ``folder``; a decisive one answers A or B at once where it is asked."""
    tokenizer = tiny_tokenizer(template)
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=context,
        initializer_range=0.1,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = Qwen3ForCausalLM(config).eval()
    if decisive:
        # What is next hangs mostly on the last token; after a newline it is a label.
        newline = tokenizer("\n", add_special_tokens=False).input_ids[0]
        with torch.no_grad():
            for layer in model.model.layers:
                layer.self_attn.o_proj.weight *= 0.1
                layer.mlp.down_proj.weight *= 0.1
            hidden = model.model.norm(model.model.embed_tokens.weight[newline])
            for label in "AB":
                row = tokenizer(label, add_special_tokens=False).input_ids[0]
                model.lm_head.weight[row] = 12 * hidden / hidden.norm() ** 2
                model.lm_head.weight[row] += 0.1 * torch.randn(64)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
