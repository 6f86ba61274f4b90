"""Labels as codes: which rows have the same label, where a million rows have a few labels.

A column is read as words of the machine: the characters of a fixed-width text, or the address of an
object, since whoever makes a column of names mostly puts the same few objects into it. A
multiplicative hash (Knuth, volume 3, 6.4) says which label a row seems to have, and the row is
compared with that label word for word: no two labels are ever taken for one. Where labels are many,
a dictionary does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Words = NDArray[np.uint64]

_BITS = 20
_MOST, _TRIES = 1 << 10, 3
"""More labels than this are left to a dictionary. So many hashes are tried: with one of them in
three, two of a thousand labels fall into one of the 2**20 places."""
_BLOCK = 1 << 14
"""Rows at a time: what is made of them stays in a processor's cache."""
_FACTOR = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio; words are multiplied by odd multiples of it."""


def distinct(labels: Iterable[Any]) -> tuple[Codes, list[Any]]:
    """A code from 0 for each row, and the label of each code, in order of appearance.

    Labels are one where they are equal and hash alike. Of what pandas keeps as categories the order
    is theirs; other types of its own number themselves. What is missing there is the label NaN.
    Raises TypeError for what cannot be hashed, ValueError for more than one dimension.
    """
    rows: Any = labels
    kept = getattr(rows, "cat", rows)
    if hasattr(kept, "codes") and hasattr(kept, "categories"):
        return _categories(np.asarray(kept.codes), np.asarray(kept.categories).tolist())
    if hasattr(rows, "factorize") and not isinstance(rows.dtype, np.dtype):
        codes, named = rows.factorize()
        return _categories(codes, np.asarray(named).tolist())
    if not isinstance(rows, np.ndarray | list | tuple):
        rows = np.asarray(rows) if hasattr(rows, "__array__") else list(rows)
    if isinstance(rows, np.ndarray) and rows.ndim != 1:
        raise ValueError(f"expected one label a row, got an array of shape {rows.shape}")
    for attempt in range(_TRIES if len(rows) > _BLOCK else 0):
        found = _few(rows, attempt)
        if found is not None:
            codes, places = found
            table = _Numbers()
            known = rows[places].tolist() if isinstance(rows, np.ndarray) else None
            known = [rows[place] for place in places] if known is None else known
            return recoded(codes, [table[label] for label in known]), list(table)
    return _listed(rows.tolist() if isinstance(rows, np.ndarray) else rows)


def _categories(given: NDArray[Any], names: list[Any]) -> tuple[Codes, list[Any]]:
    """Codes without those that no row has; below 0 is what is missing."""
    codes = given.astype(np.int64)
    if given.size and given.min() < 0:
        codes[codes < 0] = len(names)
        names = [*names, float("nan")]
    present = np.bincount(codes, minlength=len(names)) > 0
    if present.all():
        return codes, names
    kept = [name for name, here in zip(names, present, strict=True) if here]
    return recoded(codes, (np.cumsum(present) - 1).tolist()), kept


class _Numbers(dict[Any, int]):
    """Keys numbered as they come."""

    def __missing__(self, key: Any) -> int:
        self[key] = number = len(self)
        return number


def _listed(rows: Sequence[Any]) -> tuple[Codes, list[Any]]:
    table = _Numbers()
    return np.fromiter(map(table.__getitem__, rows), np.int64, len(rows)), list(table)


def recoded(codes: Codes, table: Sequence[int]) -> Codes:
    """Codes by another numbering, written over the old ones."""
    to = np.array(table, np.int64)
    if not np.array_equal(to, np.arange(len(to))):
        for begin in range(0, len(codes), _BLOCK):
            part = codes[begin : begin + _BLOCK]
            part[:] = to[part]
    return codes


def _few(rows: Any, attempt: int) -> tuple[Codes, list[int]] | None:
    """Codes of rows that have the same words, and the first row of each, in order of appearance.

    None where they are many, where two of them have one hash, and where rows are no words.
    """
    blocks, width = _words(rows)
    odd = [2 * (width * attempt + j) + 1 for j in range(width)]
    factors = [np.uint64(one * _FACTOR % 2**64) for one in odd]
    codes, first = np.empty(len(rows), np.int64), list[int]()
    table = np.zeros(1 << _BITS, np.int64)  # from a hash to a code, less 1; hardly touched
    known = np.zeros((width, _MOST + 1), np.uint64)
    mixed, other, shift = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64), 64 - _BITS
    begin = 0
    for words in blocks:
        size = len(words[0])
        h, spare, code = mixed[:size], other[:size], codes[begin : begin + size]
        np.multiply(words[0], factors[0], out=h)
        for word, factor in zip(words[1:], factors[1:], strict=True):
            np.add(h, np.multiply(word, factor, out=spare), out=h)
        place = np.right_shift(h, np.uint64(shift), out=h).view(np.int64)
        table.take(place, out=code, mode="clip")
        if not code.min():
            new = np.flatnonzero(code == 0)
            places, at = np.unique(place[new], return_index=True)
            if len(first) + len(places) > _MOST:
                return None
            for i in np.argsort(at).tolist():
                row = int(new[at[i]])
                first.append(begin + row)
                table[places[i]] = len(first)
                known[:, len(first)] = [word[row] for word in words]
            table.take(place, out=code, mode="clip")
        for word, said in zip(words, known, strict=True):
            if not np.array_equal(said.take(code, out=spare, mode="clip"), word):
                return None
        np.subtract(code, 1, out=code)
        begin += size
    return (codes, first) if width else None


def _words(rows: Any) -> tuple[Iterator[tuple[Words, ...]], int]:
    """Rows as words, by blocks, and how many words a row has; 0 where rows have none."""
    if not isinstance(rows, np.ndarray):
        return _held(rows), 1
    if rows.dtype.kind == "O":
        return _cut([_addresses(np.ascontiguousarray(rows))]), 1
    if rows.dtype.kind == "U" and rows.dtype.isnative and rows.itemsize >= 8:
        rows, long = np.ascontiguousarray(rows), rows.itemsize
        begins = sorted({*range(0, long - 7, 8), long - 8})  # the last two words may overlap
        columns: list[Words] = [
            np.ndarray(rows.shape, np.uint64, rows, begin, (long,)) for begin in begins
        ]
        return _cut(columns), len(begins)
    return iter(()), 0


def _cut(columns: Sequence[Words]) -> Iterator[tuple[Words, ...]]:
    for begin in range(0, len(columns[0]), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        yield tuple(np.ascontiguousarray(one[part]) for one in columns)


def _held(rows: Sequence[Any]) -> Iterator[tuple[Words, ...]]:
    """The addresses of the objects in a list, which keeps them alive."""
    left, each = len(rows), iter(rows)
    while left:
        size = min(left, _BLOCK)
        yield (_addresses(np.fromiter(each, np.object_, size)),)
        left -= size


def _addresses(objects: NDArray[np.object_]) -> Words:
    return np.frombuffer(objects, np.uintp).astype(np.uint64, copy=False)
