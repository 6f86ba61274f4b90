"""The tokenizer of the shipped models: whole words, and whole phrases of the platform's.

A piece is a word of the witness world or a phrase that prompts always write the same way; text is
cut into as few pieces as possible, and what has no piece becomes its bytes, so nothing is lost: a
passage line of nine words is seven tokens, and the frame around a speech is one.
"""

from __future__ import annotations

import itertools
from typing import Any

from agents.prompts import HEADING, WORDS
from agents.templates import TERSE
from arena.match import RIGHT_WRONG
from arena.quotes import CLOSE, OPEN
from arena.sources.witness import MOST_LINES
from arena.sources.witness_text import (
    KINDS,
    VOCABULARIES,
    WITHDRAWALS,
    Kind,
    Statement,
    Withdrawal,
    render,
)

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("system", "user", "assistant")
SPECIAL = (PAD, END, *(f"<|{role}|>" for role in ROLES))
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""The chat template: every message in its role's mark, closed by the end mark."""


def _words() -> list[str]:
    """Names, adjectives, nouns and values of every split, each with the blank before it."""
    found: list[str] = []
    for vocabulary in VOCABULARIES.values():
        found += (*vocabulary.names, *vocabulary.adjectives, *vocabulary.nouns)
    for kind in KINDS.values():
        found += kind.values
    return [f" {word}" for word in found]


def _between(kind: Kind) -> list[str]:
    """What a statement and a question of a kind write around object, value and witness."""
    verb = f" {kind.verb}"
    before, _, after = kind.question.partition(" {}")
    return [verb, f" {before}", after]


def _phrases() -> list[str]:
    """The world's sentences without their words, and the platform's frames around them."""
    found = [f" {wording}" for wording in WITHDRAWALS]
    for kind in KINDS.values():
        found += _between(kind)
    starts = {line.split(" ")[0] for line in (render(_CLAIM), render(_TAKEN_BACK))}
    for grade in ("saw", "heard", "guessed"):
        line = render(Statement("W", grade, "x y", "where", "in z"))
        found.append(line[line.index(",") : line.index(" W")])
    marks = ["", *(str(n) for n in range(1, MOST_LINES + 1))]
    for start, mark in itertools.product(sorted(starts), marks):
        found += [f".\n{mark}{WORDS}{start}", f"{HEADING}Passage\n{mark}{WORDS}{start}"]
    for start in sorted(starts):
        found += [start, f"{OPEN}{start}"]
    found += [".", f".{CLOSE}"]
    cells = [f"{HEADING}Question\n|", f"{HEADING}Your turn\n{TERSE.speech}"]
    for label in "AB12":
        cells.append(f"{HEADING}You defend answer {label}\n|")
        found += [f"\nAnswer {label}:\n|", label]
    for heading, labels in (("Options\nAnswer", "AB"), ("Answers\nAnswer", "12")):
        cells += [f"{HEADING}{heading} {label}:\n|" for label in labels]
    right, wrong = (
        f"Option {label}:\n| {text}" for label, text in zip("AB", RIGHT_WRONG, strict=True)
    )
    cells += [f"{HEADING}Options\n{right}\n{wrong}", f"{HEADING}Options\n{wrong}\n{right}"]
    sides = ("", *(f", for answer {label}" for label in "AB12"))
    kinds = ("speech", "answer", "critique")
    for seat, what, side in itertools.product("AB", kinds, sides):
        title = f"{HEADING}Speaker {seat}, {what}{side}\n|"
        cells.append(title)
        for start in sorted(starts):
            cells += [
                f"{title} ⟦1⟧\n⟦1⟧ is in the passage:\n> {start}",
                f"{title} {OPEN}{start}",
            ]
    for listed in ("A or B", "B or A"):
        cells.append(f"{HEADING}Your turn\n{TERSE.verdict.format(labels=listed)}")
        cells.append(f"{HEADING}Your turn\n{TERSE.belief.format(labels=listed)}")
    found += [*cells, *(f"\n\n{cell}" for cell in cells)]
    found.append(f".{CLOSE}⟦1⟧\n⟦1⟧ was not found in the passage.")
    for rules in ((TERSE.verbatim,), (TERSE.lines,), (TERSE.verbatim, TERSE.lines)):
        found.append("\n".join((TERSE.debater, *rules, TERSE.frames)))
    found.append(f"{TERSE.judge}\n{TERSE.frames}")
    return found


_CLAIM = Statement("W", "saw", "x y", "where", "in z")
_TAKEN_BACK = Withdrawal("W", "y")


def pieces() -> tuple[str, ...]:
    """Every piece but special tokens and bytes, each once, in a fixed order."""
    return tuple(dict.fromkeys(piece for piece in (*_words(), *_phrases()) if piece))


def build() -> Any:
    """The tokenizer, as transformers' `PreTrainedTokenizerFast`."""
    from tokenizers import AddedToken, Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    raw = [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary = [(token, 0.0) for token in SPECIAL]
    vocabulary += [(token, -50.0) for token in raw]
    vocabulary += [(piece, -1.0) for piece in pieces()]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=len(SPECIAL), byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    made: Any = PreTrainedTokenizerFast
    return made(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
