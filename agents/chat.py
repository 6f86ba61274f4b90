"""Chat messages as token ids, with the template's own tokens apart from everybody's words.

The chat template is rendered with a placeholder for each content. What it wrote between the
placeholders is tokenised with special tokens, the contents without: no special token, and no added
token that looks like one (``<think>``, ``[INST]``), ever comes out of a content. Because every
piece is tokenised alone, the ids of an open prompt begin those of every prompt that continues it.

A tokenizer or template that cannot do this is refused when it is loaded (ValueError), so that no
words that somebody writes during a match can stop the run.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_uppercase
from typing import Any

from arena.flow import Message

_KEPT = 8192  # texts whose ids are kept: in training the same passages and lines come again
_MARKUP = re.compile(r"[<\[|]")  # an added token that has one of these is taken for structure
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character: no tokenizer takes it
_TYPED = [*map(chr, range(32, 127)), "\n"]
# Some templates print today's date; a prompt does not depend on the day. `strftime_now` writes
# this one: a macro in front of the template hides the function that asks the clock.
_DATE = "2025-01-01"
_CODES = {
    "%Y": "2025", "%y": "25", "%B": "January", "%b": "Jan", "%m": "01", "%-m": "1",
    "%A": "Wednesday", "%a": "Wed", "%d": "01", "%-d": "1", "%e": " 1", "%j": "001",
    "%F": _DATE, "%H": "00", "%I": "12", "%M": "00", "%S": "00", "%p": "AM",
}  # fmt: skip
_CLOCK = "strftime_now"
_CALENDAR = (
    f"{{% macro {_CLOCK}(how) %}}{{{{ how"
    + "".join(f" | replace('{code}', '{value}')" for code, value in _CODES.items())
    + " }}{% endmacro %}\n"  # jinja drops the newline; the template begins on a line of its own
)
# Conversations as participants have them. Some templates take the first and not the second: they
# move the system's words to the last message.
_TALK = ("user", "assistant", "user", "assistant", "user")
PLAIN_STOPS = ("\nsystem:\n", "\nuser:\n", "\nassistant:\n")


class Chat:
    """A tokenizer and its chat template.

    Without a template the text is plain: ``role:``, the content and an empty line for each message,
    then ``assistant:``, each on lines of their own, after the tokenizer's bos token if it has one.
    A speech then also ends where the model begins a line with a role (`stops`).

    `ends` are the ids that end an assistant's message: the tokenizer's eos, and the first special
    token that the template puts after such a message. `structure` are the ids that no content has;
    the token for unknown words is none of them, for it is all that some tokenizers have for a word.
    Raises ValueError where template or tokenizer cannot keep the two apart.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._encoded = lru_cache(_KEPT)(self._encode)
        self._plain = not getattr(tokenizer, "chat_template", None)
        self._source = "" if self._plain else tokenizer.get_chat_template()
        if _CLOCK in self._source:
            self._source = _CALENDAR + self._source
        added = {i: str(token) for i, token in tokenizer.added_tokens_decoder.items()}
        special = set(tokenizer.all_special_ids)
        special |= {i for i, t in tokenizer.added_tokens_decoder.items() if t.special}
        markup = {i for i, text in added.items() if len(text) > 1 and _MARKUP.search(text)}
        self.structure = frozenset(special | markup)
        marks = [added.get(i) or str(tokenizer.convert_ids_to_tokens(i)) for i in self.structure]
        eos, unknown = tokenizer.eos_token_id, tokenizer.unk_token_id
        if unknown not in (eos, tokenizer.bos_token_id):
            self.structure -= {unknown}
        marks.sort(key=lambda mark: (-len(mark), mark))
        self._marks = re.compile("|".join(map(re.escape, marks)) or r"(?!)")
        self._fragments: dict[tuple[str, ...], tuple[tuple[int, ...], ...]] = {}
        self._has_system = self._plain or all(
            self._renders(("system", *_TALK[:n])) for n in range(1, len(_TALK) + 1, 2)
        )
        self.stops = PLAIN_STOPS if self._plain else ()
        for n in range(1, len(_TALK) + 1, 2):
            self._split(_TALK[:n])
        closing = self._tokens(self._split(_TALK[:3])[2])
        after = [i for i in closing if i in special & self.structure]
        self.ends = frozenset(([] if eos is None else [eos]) + after[:1])
        self._check_words()

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The ids of the open prompt: everything up to where the assistant's next words begin."""
        parts: list[tuple[str, str]] = []
        for message in messages:
            role = message.role
            if role == "system" and not self._has_system:
                role = "user"
            if parts and parts[-1][0] == role == "user":
                parts[-1] = (role, f"{parts[-1][1]}\n\n{message.content}")
            else:
                parts.append((role, message.content))
        roles = tuple(role for role, _ in parts)
        if roles not in self._fragments:
            if not roles or roles[-1] == "assistant":
                raise ValueError(f"a prompt must end with what is asked; its roles are {roles}")
            fragments = [tuple(self._tokens(fragment)) for fragment in self._split(roles)]
            # An own earlier message follows the very tokens after which it was sampled, also where
            # a template writes the past in another way (an empty thought, left out later).
            for i in range(1, len(roles)):
                if (roles[i - 1], roles[i]) == ("user", "assistant"):
                    fragments[i] = fragments[-1]
            self._fragments[roles] = tuple(fragments)
        first, *rest = self._fragments[roles]
        ids = list(first)
        for (_, content), after in zip(parts, rest, strict=True):
            ids += self.encode(content)
            ids += after
        return tuple(ids)

    def encode(self, text: str) -> list[int]:
        """The ids of somebody's words; none of them is in `structure`.

        A character that is special whatever stands around it is written out, as ``U+2026``.
        """
        return self._encoded(text).tolist()

    def _encode(self, text: str) -> array[int]:
        text = whole(text)
        pieces, at = [], 0
        for mark in _starts(self._marks, text):
            pieces.append(text[at : mark + 1])  # cut after its first character: a mark no more
            at = mark + 1
        pieces.append(text[at:])
        ids = [i for piece in pieces if piece for i in self._words(piece)]
        if not self.structure.isdisjoint(ids):  # a tokenizer that normalises text into a mark
            ids = []
            for char in text:
                alone = self._words(char)
                if not self.structure.isdisjoint(alone):
                    alone = [i for typed in f"U+{ord(char):04X}" for i in self._words(typed)]
                ids += alone
        return array("i", ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of sampled ids, special tokens in the middle included."""
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return whole(text)

    def _check_words(self) -> None:
        """Refuse a tokenizer with which words become structure or labels cannot be told apart."""
        for char in _TYPED:
            bad = sorted(self.structure.intersection(self._words(char)))
            if bad:
                raise ValueError(f"the tokenizer makes special tokens {bad} of the words {char!r}")
        labels = {label: self.encode(label) for label in ascii_uppercase}
        if not all(labels.values()) or labels["A"] == labels["B"]:
            raise ValueError(
                "the tokenizer must have tokens of its own for the labels A and B, got "
                f"{labels['A']} and {labels['B']}"
            )

    def _words(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(
            text, add_special_tokens=False, split_special_tokens=True
        ).input_ids
        return ids

    def _tokens(self, fragment: str) -> list[int]:
        if not fragment:
            return []
        ids: list[int] = self._tokenizer(
            fragment, add_special_tokens=False, split_special_tokens=False
        ).input_ids
        return ids

    def _split(self, roles: tuple[str, ...]) -> list[str]:
        """What the template writes before, between and after the contents of ``roles``."""
        if self._plain:
            bos = self._tokenizer.bos_token or ""
            heads = [f"{role}:\n" for role in (*roles, "assistant")]
            return [bos + heads[0], *(f"\n\n{head}" for head in heads[1:])]
        marks = [f"Xcontent{i:06d}X" for i in range(len(roles))]
        text = self._template(roles, marks)
        fragments: list[str] = []
        for mark in marks:
            if text.count(mark) != 1:
                raise ValueError(
                    f"the chat template shows the content of message {len(fragments) + 1} of roles "
                    f"{roles} {text.count(mark)} times; expected each once, in order"
                )
            before, _, text = text.partition(mark)
            fragments.append(before)
        return [*fragments, text]

    def _template(self, roles: tuple[str, ...], contents: Sequence[str]) -> str:
        try:
            text: str = self._tokenizer.apply_chat_template(
                [{"role": r, "content": c} for r, c in zip(roles, contents, strict=True)],
                chat_template=self._source,
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,  # a speech is public; private thought is asked for apart
                date_string=_DATE,
            )
        except Exception as error:  # a template is a program: it may fail in any way
            raise ValueError(
                f"the chat template fails on messages of roles {roles}: "
                f"{type(error).__name__}: {error}"
            ) from error
        return text

    def _renders(self, roles: tuple[str, ...]) -> bool:
        """Whether the template takes messages of these roles (some refuse a system message)."""
        try:
            self._split(roles)
        except ValueError:
            return False
        return True


def whole(text: str) -> str:
    """``text`` without lone surrogates, which no encoding can write: each becomes U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def _starts(pattern: re.Pattern[str], text: str) -> list[int]:
    """Where ``pattern`` matches in ``text``, matches that overlap included."""
    starts, match = [], pattern.search(text)
    while match:
        starts.append(match.start())
        match = pattern.search(text, match.start() + 1)
    return starts
