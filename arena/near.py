"""Altered quotations: what a speaker presents as the passage's words, and is nearly that.

`arena.quotes` verifies what is there as it stands; `near` finds what a quotation that is not has
altered, for people to see. It verifies nothing, and nothing is scored by it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from arena.quotes import MIN_QUOTE, Span, merge, tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEAR = 4  # an altered quotation differs from the passage in at most one letter of this many
_LEFT_OUT = re.compile(r"\[?(?:\.{3,}|\u2026)\]?")  # where a quotation leaves words out


@lru_cache(maxsize=4096)
def near(quoted: str, passage: str) -> Span | None:
    """The characters of the passage that a quotation alters; None where it is close to nothing.

    For quotations that are not verified. Both are compared as words: case, punctuation, typography
    and line breaks are overlooked. The distance is the cheapest way from a run of the passage's
    words to the quoted ones, where a word left out, put in or replaced costs its letters (of the
    longer, if replaced). A quotation is altered if that is at most a quarter (``1 / NEAR``) of its
    letters, and it has `MIN_QUOTE` of them: so a dropped or an added "not" alters a sentence, and
    a few common words in a row are close to nothing. Words left out with an ellipsis alter it as
    well, if each piece is close to a run of its own, in the passage's order. Of equally close runs
    it is the first.
    """
    pieces = [piece for piece in _LEFT_OUT.split(quoted) if any(map(str.isalnum, piece))]
    spans = [_nearest(piece, passage) for piece in pieces]
    found = [span for span in spans if span is not None]
    if not found or len(found) < len(spans):
        return None
    if any(one[1] > other[0] for one, other in pairwise(found)):
        return None
    return found[0][0], found[-1][1]


def _words_of(text: str) -> tuple[list[str], list[int], list[int]]:
    """The words of a text, case folded, and the characters at which each begins and ends."""
    found = [*tokens(text), (len(text), "")]
    words, starts, stops = [], [], []
    for (start, token), (stop, _) in pairwise(found):
        if any(map(str.isalnum, token)):
            words.append(token.casefold())
            starts.append(start)
            stops.append(stop)
    return words, starts, stops


@dataclass(frozen=True, slots=True)
class _Words:
    """A passage as words, made ready for `_nearest`."""

    numbers: dict[str, int]
    ids: NDArray[np.int32]  # the number of each word
    times: list[int]  # how often each number occurs
    letters: NDArray[np.int32]  # before each word; and of all
    starts: list[int]
    stops: list[int]


@lru_cache(maxsize=64)
def _word_index(passage: str) -> _Words:
    import numpy as np

    words, starts, stops = _words_of(passage)
    numbers: dict[str, int] = {}
    ids = [numbers.setdefault(word, len(numbers)) for word in words]
    letters = np.cumsum([0, *map(len, words)], dtype=np.int32)
    numbered = np.array(ids, np.int32)
    return _Words(numbers, numbered, np.bincount(numbered).tolist(), letters, starts, stops)


def _nearest(quoted: str, passage: str) -> Span | None:
    """The run of the passage's words that a piece of a quotation is close to."""
    import numpy as np

    words = _words_of(quoted)[0]
    index = _word_index(passage)
    known = [index.numbers.get(word, -1) for word in words]
    costs = [len(word) for word in words]
    size, at_most = sum(costs), sum(costs) // NEAR
    if size < MIN_QUOTE:
        return None
    parts = _parts(index, known, costs, at_most)
    if not parts:
        return None
    places = np.concatenate([np.arange(first - 1, last) for first, last in parts])[1:]
    ids, sizes = index.ids[places], np.diff(index.letters)[places]
    wall = np.isin(places, [first - 1 for first, _ in parts])  # a word that no run goes across
    ids[wall], sizes[wall] = -2, 2 * size
    forward = _distances(known, costs, ids, sizes, np.zeros(len(ids) + 1, np.int32))
    stop = int(forward.argmin())
    if forward[stop] > at_most:
        return None
    far = max(0, stop - size - at_most)  # every word has a letter
    ids, sizes = ids[far:stop][::-1], sizes[far:stop][::-1]
    back = _distances(known[::-1], costs[::-1], ids, sizes, np.append(0, np.cumsum(sizes)))
    begin = stop - int(back.argmin())  # backwards from its end, to where the run begins
    return index.starts[places[begin]], index.stops[places[stop - 1]]


def _parts(
    index: _Words, known: Sequence[int], costs: Sequence[int], at_most: int
) -> tuple[Span, ...]:
    """The words of the passage among which a run that is no farther away must lie.

    Not all of the rarest words that have more than ``at_most`` letters together can be missing, and
    no run has more letters than the quotation and ``at_most``: so it lies around one of them.
    """
    import numpy as np

    times = [0 if i < 0 else index.times[i] for i in known]
    letters, seeds = 0, []
    for _, i, cost in sorted(zip(times, known, costs, strict=True)):
        letters += cost
        seeds.append(i)
        if letters > at_most:
            break
    places = np.flatnonzero(np.isin(index.ids, seeds))
    reach = sum(costs) + at_most
    firsts = np.searchsorted(index.letters, index.letters[places] - reach)
    lasts = np.searchsorted(index.letters, index.letters[places] + reach, "right")
    lasts = np.minimum(lasts, len(index.ids))
    return merge(zip(firsts.tolist(), lasts.tolist(), strict=True))


def _distances(
    known: Sequence[int],
    costs: Sequence[int],
    ids: NDArray[np.int32],
    sizes: NDArray[np.int32],
    row: NDArray[np.int32],
) -> NDArray[np.int32]:
    """What it costs to turn words that end before each place of ``ids`` into the quoted ones.

    ``row`` is what it costs to begin at each place. One pass over ``ids`` for each quoted word: a
    run of words left out is a running minimum, once the letters before are taken off.
    """
    import numpy as np

    letters = np.append(0, np.cumsum(sizes))
    for number, cost in zip(known, costs, strict=True):
        new = row + np.int32(cost)
        kept = row[:-1] + np.where(ids == number, 0, np.maximum(sizes, cost))
        np.minimum(new[1:], kept, out=new[1:])
        row = np.minimum.accumulate(new - letters) + letters
    return row
