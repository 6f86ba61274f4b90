"""Questions from a JSON Lines file, one question a line.

``{"question", "answers": [..], "truth": index | null, "passage": text | null, "group": text |
null, "split": text | null}``; only the first two are needed. Every bad line is reported with its
number; none is repaired. Two answers that look the same, and text that shows nothing, are bad.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from arena.config import ConfigError, validate
from arena.questions import Item, Question
from arena.store import Store
from arena.text import visible


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


class Read(NamedTuple):
    """What was read: the items, the lines that are none, and the line of each question's id."""

    items: list[Item]
    bad: list[BadLine]
    lines: Mapping[str, int]


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's keys and values; a key that comes twice would lose one in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} comes twice")
    return found


def _shows(text: str) -> bool:
    """Whether there is anything to see in ``text``."""
    text = unicodedata.normalize("NFC", text)
    return any(not one.isspace() and visible(one) == one for one in text)


def _item(text: str, source: str) -> Item:
    try:
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ConfigError(f"not JSON ({error.msg} at character {error.pos + 1})") from None
    except RecursionError:
        raise ConfigError("not a question: its values are nested too deeply") from None
    if not isinstance(value, dict):
        raise ConfigError(f"expected an object with question and answers, got {text.strip()[:40]}")
    line = validate(Line, value, "line")
    for name, part in (("question", line.question), *(("answers", a) for a in line.answers)):
        if not _shows(part):
            raise ConfigError(f"{name}: expected text that can be seen, got {part!a}")
    looks = [visible(answer).strip() for answer in line.answers]
    if len(set(looks)) < len(looks):
        raise ConfigError(f"answers: two look the same: {line.answers!a}")
    question = Question(line.question, line.answers, line.passage, source, line.group)
    return Item(question, line.truth, line.split)


def _other(line: Item, kept: Item) -> str:
    """What a line says otherwise than is known already, in words; empty where it agrees."""
    pairs = (
        ("truth", line.truth, kept.truth, True),
        ("split", line.split, kept.split, False),
        ("group", line.question.group, kept.question.group, False),
    )
    # A line that says nothing contradicts nothing; a truth may be added, the others are fixed.
    told = [
        f"another {name}" if name == "truth" else f"another {name} ({new!a}, not {old!a})"
        for name, new, old, added in pairs
        if new is not None and new != old and not (added and old is None)
    ]
    return " and ".join(told)


def read_lines(lines: Iterable[str], source: str) -> Read:
    """The items of ``lines`` and every line that is not one. Blank lines are passed over."""
    numbers: dict[str, int] = {}
    read = Read([], [], numbers)
    first: dict[str, Item] = {}
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            item = _item(text, source)
        except ValueError as error:
            reason = str(error).removeprefix("line: ")
            read.bad.append(BadLine(number, " ".join(reason.split())))
            continue
        key = item.question.id
        if key in first:
            other = _other(item, first[key]) or _other(first[key], item)
            reason = f"the same question as on line {numbers[key]}"
            read.bad.append(BadLine(number, f"{reason}, with {other}" if other else reason))
            continue
        first[key] = item
        numbers[key] = number
        read.items.append(item)
    return read


def agreeing(read: Read, store: Store, source: str) -> Read:
    """What of ``read`` the store can take; a line that contradicts what it holds is a bad line."""
    truths = store.truths()
    sql = "SELECT id, grp, split FROM questions WHERE source = ?"
    known = {row["id"]: row for row in store.query(sql, source)}
    items, bad = [], list(read.bad)
    for item in read.items:
        key, q = item.question.id, item.question
        row, other = known.get(key), ""
        if row is not None:
            kept = Question(q.text, q.answers, q.passage, q.source, row["grp"])
            other = _other(item, Item(kept, truths.get(key), row["split"]))
        if other:
            words = f"the question {q.text[:60]!a} is in the store with {other}"
            bad.append(BadLine(read.lines[key], f"{words}; import it under another name"))
        else:
            items.append(item)
    return Read(items, sorted(bad, key=lambda one: one.number), read.lines)


def read_jsonl(path: str | Path, source: str = "jsonl") -> Read:
    """The items of a file and its bad lines. Raises ConfigError if the file cannot be read."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name a .jsonl file"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except ValueError as error:
        raise ConfigError(f"{path}: cannot be read ({error}); name a .jsonl file") from None
    return read_lines(text.split("\n"), source)
