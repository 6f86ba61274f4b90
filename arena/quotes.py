"""Quotations: found in a speech, verified against the passage, anchored to its characters.

A quotation is verified by comparing tokens, so that ``art`` is not found inside ``part``, nor
``can`` in ``can't``, ``human`` in ``non-human`` or ``3`` in ``3.14``. Comparison overlooks
typography (curly quotes, dashes, white space, NFC); nothing that a speaker wrote is changed, and
nothing is repaired: words that are not in the passage are a quotation without a span (`arena.near`
finds what such a quotation has altered, for people to see).
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from arena.turns import Quote

Span: TypeAlias = tuple[int, int]  # characters [start, stop)
Style: TypeAlias = Literal["none", "verbatim", "lines", "both"]

OPEN, CLOSE = "<quote>", "</quote>"
MIN_QUOTE = 8  # characters of a verbatim quotation after normalisation, one a letter or digit
_MARK = re.compile("</?quote>")
_CITATION = re.compile("\\[([0-9]+)(?:[-\N{EN DASH}]([0-9]+))?\\]")
_MAX_DIGITS = 9  # of a line number; int() refuses very long ones

# Characters that are compared as another one. Length is kept, so offsets are too.
_ALIKE = str.maketrans(
    "\u2018\u2019\u201a\u201b\u2032\u02bc\u2039\u203a`\u00b4\u1fef\u1ffd"
    "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
    "\u2010\u2011\u2212\u2014\u2015",
    "'" * 12 + '"' * 7 + "---" + "\u2014\u2014",
)
# Every character stands for its kind: w word, 0 digit, m mark on the character before, s space,
# x other; these stand for themselves. An en dash joins numbers, an em dash joins nothing.
_OWN_KIND = frozenset(".,:/'-\u2013\u2014\u2026")
# Scripts written without spaces (Thai to Burmese, Khmer, kana, Han): each character is a token.
_UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
                       "\U00020000-\U0003ffff]")  # fmt: skip
_TOKEN = re.compile(
    "(?P<space>s+)"
    "|[w0][w0m]*(?:(?:['-]|(?<=0)[.,:/\u2013](?=0))[w0][w0m]*)*"  # a word, with what joins it
    "|(?P<dash>[-\u2013\u2014]+)"
    "|[.\u2026]{2,}"
    "|.m*"
)
_END = "\x1f"  # ends every token; white space, hence inside none


def lines(passage: str) -> tuple[Span, ...]:
    """The characters of each line, without the newline that ends it; line 1 is the first.

    Lines end at ``\\n`` only, so the numbers agree with ``passage.split("\\n")``; an empty
    passage, and what follows a last newline, are an empty line.
    """
    spans: list[Span] = []
    start = 0
    for line in passage.split("\n"):
        spans.append((start, start + len(line)))
        start += len(line) + 1
    return tuple(spans)


def normalise(text: str) -> str:
    """``text`` as quotations are compared: a verified one and its passage give the same.

    Runs of white space become one blank and are dropped at both ends, runs of dashes a hyphen,
    curly and angled quotation marks straight ones, ellipses three dots, the rest NFC.
    """
    return "".join(token for _, token in tokens(text)).strip()


def _kind(char: str) -> str:
    """The kind of a character, as `_TOKEN` reads it."""
    if char in _OWN_KIND:
        return char
    if char.isspace():
        return "s"
    category = unicodedata.category(char)
    if category[0] == "M" or category == "Cf":  # Cf: soft hyphens, joiners
        return "m"
    if char == "_" or category[0] in "LN":
        return "0" if category == "Nd" else "x" if _UNSPACED.match(char) else "w"
    return "x"


def tokens(text: str) -> Iterator[tuple[int, str]]:
    """The tokens of ``text``, which leave nothing out: where each begins, and its normal form."""
    text = text.translate(_ALIKE)
    kinds = text.translate({ord(char): _kind(char) for char in set(text)})
    for match in _TOKEN.finditer(kinds):
        start, stop = match.span()
        if match.lastgroup == "space":
            yield start, " "
        elif match.lastgroup == "dash":
            yield start, "-"
        else:
            token = text[start:stop]
            if not token.isascii():
                token = token.replace("\u2013", "-").replace("\u2026", "...")
                token = unicodedata.normalize("NFC", token)
            yield start, token


@dataclass(frozen=True, slots=True)
class _Index:
    """A passage made ready for search. Token ``i`` is the characters ``starts[i : i + 1]``."""

    joined: str  # every token's normal form, each after an _END, and an _END
    offsets: array[int]  # of the _END before each token, in joined
    starts: array[int]  # of each token, in the passage; and the passage's length

    def find(self, quoted: str) -> Span | None:
        """Where the passage first has the words of ``quoted``, token for token."""
        words = [token for _, token in tokens(quoted.strip())]
        length = sum(map(len, words))
        if length < MIN_QUOTE or not any(char.isalnum() for token in words for char in token):
            return None
        at = self.joined.find(_END + _END.join(words) + _END)
        if at < 0:
            return None
        first = bisect_left(self.offsets, at)
        return self.starts[first], self.starts[first + len(words)]


@lru_cache(maxsize=64)  # about 0.2 MB for 30,000 characters; as many as live matches
def _index(passage: str) -> _Index:
    offsets, starts = array("L"), array("L")
    forms: list[str] = []
    at = 0
    for start, form in tokens(passage):
        offsets.append(at)
        starts.append(start)
        forms.append(form)
        at += 1 + len(form)
    starts.append(len(passage))
    return _Index(_END + _END.join(forms) + _END, offsets, starts)


def _marked(text: str) -> Iterator[Span]:
    """The characters between an opening mark and a closing mark that is the next mark after it."""
    begin: int | None = None
    for mark in _MARK.finditer(text):
        if mark[0] == OPEN:
            begin = mark.end()
        elif begin is not None:
            yield begin, mark.start()
            begin = None


def _line_span(citation: re.Match[str], passage: str, spans: Sequence[Span]) -> Span | None:
    """The characters of the cited lines; None where a line does not exist or all are blank."""
    numbers = [number for number in citation.groups() if number is not None]
    if any(len(number) > _MAX_DIGITS for number in numbers):
        return None
    first, last = int(numbers[0]), int(numbers[-1])
    if not 1 <= first <= last <= len(spans):
        return None
    start, stop = spans[first - 1][0], spans[last - 1][1]
    return (start, stop) if passage[start:stop].strip() else None


@lru_cache(maxsize=1024)  # a policy in training says the same again and again
def anchor(text: str, passage: str | None, style: Style) -> tuple[Quote, ...]:
    """Every quotation in a speech, in order and apart from each other, verified or not.

    Verbatim: the words between ``<quote>`` and ``</quote>``. A mark counts only if the next mark
    closes it, so an unclosed mark, and the outer marks around a nested pair, are plain text. The
    words are verified if the passage has them token for token, at least `MIN_QUOTE` characters
    after normalisation and one letter or digit among them; the span is the first place that has
    them, without white space around. An ellipsis stands for itself, never for words left out.

    Lines: ``[12]`` or ``[12-14]`` (ASCII digits, a hyphen or an en dash); the span runs from the
    beginning of the first line to the end of the last. A line that does not exist, a reversed
    range and lines that are all blank give no span. In style ``both``, brackets between quotation
    marks are the passage's own words and cite nothing.

    Without a passage nothing is verified. Never raises, and takes time linear in ``text`` for
    finding and in the passage for each verbatim quotation.
    """
    found: list[Quote] = []
    if style in ("verbatim", "both"):
        for begin, end in _marked(text):
            span = None if passage is None else _index(passage).find(text[begin:end])
            found.append(Quote(begin, end, span))
    if style in ("lines", "both"):
        line_spans = lines(passage or "")
        verbatim, i = found.copy(), 0
        for citation in _CITATION.finditer(text):
            while i < len(verbatim) and verbatim[i].end <= citation.start():
                i += 1
            if i < len(verbatim) and verbatim[i].begin <= citation.start():
                continue
            span = None if passage is None else _line_span(citation, passage, line_spans)
            found.append(Quote(citation.start(), citation.end(), span))
        found.sort(key=lambda quote: quote.begin)
    return tuple(found)


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The union of ``spans``: sorted and apart; touching spans are joined, empty ones dropped.

    Raises ValueError for a span that ends before it begins.
    """
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if stop < start:
            raise ValueError(f"a span must not end before it begins, got [{start}, {stop})")
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        elif start < stop:
            merged.append((start, stop))
    return tuple(merged)


def new_characters(quotes: Iterable[Quote], covered: Iterable[Span]) -> int:
    """How many characters a speech's quotations cost, given the passage spans quoted before.

    Verified quotations cost the passage characters that are not covered, once where they overlap:
    what was quoted before is free. An unverified one costs the length of its own text every time,
    so that inventing is never cheaper than quoting.
    """
    invented, spans = 0, []
    for quote in quotes:
        if quote.span is None:
            invented += quote.end - quote.begin
        else:
            spans.append(quote.span)
    before = merge(covered)
    return invented + _size(merge((*before, *spans))) - _size(before)


def _size(spans: Iterable[Span]) -> int:
    """How many characters spans that are apart have together."""
    return sum(stop - start for start, stop in spans)


def shown(
    text: str, quotes: Iterable[Quote], passage: str | None
) -> tuple[tuple[int, int, str | None], ...]:
    """What a reader sees of each quotation, in the order of the text: (begin, end, words).

    The words are the passage's own, exactly, newlines included, or None for an unverified
    quotation. ``passage`` is the question's: a judge who may not read it still reads what was
    quoted. Raises ValueError where a quotation does not fit the text or the passage.
    """
    seen: list[tuple[int, int, str | None]] = []
    for quote in sorted(quotes, key=lambda quote: quote.begin):
        if not 0 <= quote.begin <= quote.end <= len(text):
            raise ValueError(f"{quote} is not in a speech of {len(text)} characters")
        if quote.span is None:
            seen.append((quote.begin, quote.end, None))
            continue
        start, stop = quote.span
        size = 0 if passage is None else len(passage)
        if passage is None or not 0 <= start <= stop <= size:
            raise ValueError(f"{quote} is not in a passage of {size} characters")
        seen.append((quote.begin, quote.end, passage[start:stop]))
    return tuple(seen)
