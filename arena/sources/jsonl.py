"""Questions from a JSON Lines file, one question a line.

``{"question", "answers": [..], "truth": index | null, "passage": text | null, "group": text |
null, "split": text | null}``; only the first two are needed. Every bad line is reported with its
number; none is repaired.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.config import ConfigError, validate
from arena.questions import Item, Question


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file, as its fields are named there."""

    question: str
    answers: tuple[str, ...]
    truth: int | None = None
    passage: str | None = None
    group: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not a question: its number, from 1, and why."""

    number: int
    reason: str


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _item(text: str, source: str) -> Item:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ConfigError(f"not JSON ({error.msg} at character {error.pos + 1})") from None
    if not isinstance(value, dict):
        raise ConfigError(f"expected an object with question and answers, got {text.strip()[:40]}")
    truth = value.get("truth")
    if isinstance(truth, bool) or (truth is not None and not isinstance(truth, int)):
        raise ConfigError(f"truth: expected an index or null, got {truth!r}")
    line = validate(Line, value, "line")
    if any("\ud800" <= character <= "\udfff" for character in text) or "\\ud" in text.lower():
        for part in (line.question, *line.answers, line.passage or ""):
            part.encode()  # a lone surrogate is not text; UnicodeEncodeError is a ValueError
    for name, part in (("question", line.question), *(("answers", a) for a in line.answers)):
        if not part.strip():
            raise ConfigError(f"{name}: expected text, got {part!r}")
    if len(set(line.answers)) < len(line.answers):
        raise ConfigError(f"answers: two are equal: {line.answers!r}")
    question = Question(line.question, line.answers, line.passage, source, line.group)
    return Item(question, line.truth, line.split)


def read_lines(lines: Iterable[str], source: str) -> tuple[list[Item], list[BadLine]]:
    """The items of ``lines`` and every line that is not one. Blank lines are passed over."""
    items: list[Item] = []
    bad: list[BadLine] = []
    first: dict[str, tuple[int, int | None]] = {}
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            item = _item(text, source)
        except (ValueError, RecursionError) as error:
            reason = str(error).removeprefix("line: ")
            bad.append(BadLine(number, " ".join(reason.split())))
            continue
        key = item.question.id
        if key in first:
            earlier, truth = first[key]
            same = "" if truth == item.truth else ", with another truth"
            bad.append(BadLine(number, f"the same question as on line {earlier}{same}"))
            continue
        first[key] = (number, item.truth)
        items.append(item)
    return items, bad


def read_jsonl(path: str | Path, source: str = "jsonl") -> tuple[list[Item], list[BadLine]]:
    """The items of a file and its bad lines. Raises ConfigError if the file cannot be read."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name a .jsonl file"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    return read_lines(text.split("\n"), source)
