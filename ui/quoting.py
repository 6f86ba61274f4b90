"""What a page says about quotations: their kind, their context, and all in the passage's order.

Where the viewer may not read the passage, only words that somebody has quoted are told, and never
where in the passage they stand: the order is, the distances are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from arena.match import Match, Seen, Shown, View
from arena.near import near
from arena.protocols import Round
from arena.quotes import CLOSE, OPEN, Span, merge, new_characters
from arena.text import visible
from arena.turns import Quote

CONTEXT = 240  # characters on either side of a quotation in its context, up to whole words
_CITATION = re.compile(r"\[[0-9]+(?:[-\N{EN DASH}][0-9]+)?\]")


def marked(text: str, one: Shown) -> bool:
    """Whether a quotation stands between the marks of one."""
    return text[: one.begin].endswith(OPEN) and text.startswith(CLOSE, one.end)


def kind(text: str, one: Shown, passage: str | None) -> str:
    """What the platform says of a quotation in a speech.

    Words between marks are ``verified``, ``altered`` (`arena.near`) or ``unverified``, numbers of
    lines ``cited`` or ``unknown``. ``passage`` is the question's.
    """
    words = text[one.begin : one.end]
    if not marked(text, one) and _CITATION.fullmatch(words):
        return "unknown" if one.text is None else "cited"
    if one.text is not None:
        return "verified"
    return "unverified" if passage is None or near(words, passage) is None else "altered"


def covered(seen: View) -> tuple[Span, ...]:
    """The spans of the passage that quotations the viewer can see have shown, apart and sorted."""
    return merge(one.span for turn in seen.turns for one in turn.quotes if one.span is not None)


def context(
    text: str, one: Shown, passage: str | None, readable: bool, known: Sequence[Span]
) -> dict[str, Any] | None:
    """What stands around a quotation, as [kind, text] pieces; None where there is nothing to tell.

    For a viewer who may read the passage: its words around the quotation, or around what was
    altered. For others: what else was quoted around it, in the passage's order. Kinds of pieces:
    ``quoted``, ``text``, ``gap`` (something left out).
    """
    if passage is None:
        return None
    span = one.span
    if readable:
        span = span or near(text[one.begin : one.end], passage)
        if span is None:
            return None
        begin, end = _whole_words(passage, span[0] - CONTEXT, span[1] + CONTEXT)
        pieces = [["gap", ""]] if begin else []
        pieces += [["text", passage[begin : span[0]]], ["quoted", passage[slice(*span)]]]
        pieces += [["text", passage[span[1] : end]]] + ([["gap", ""]] if end < len(passage) else [])
    elif span is None:
        return None
    else:
        at = next(i for i, other in enumerate(known) if other[0] <= span[0] < other[1])
        if len(known) == 1 and known[at] == span:
            return None
        pieces = [["gap", ""]]
        for begin, end in known[max(0, at - 1) : at + 2]:
            if begin <= span[0] < end:
                pieces += [["text", _tail(passage[begin : span[0]])]]
                pieces += [["quoted", passage[slice(*span)]]]
                pieces += [["text", _head(passage[span[1] : end])], ["gap", ""]]
            elif end <= span[0]:
                pieces += [["text", _tail(passage[begin:end])], ["gap", ""]]
            else:
                pieces += [["text", _head(passage[begin:end])], ["gap", ""]]
    shown = [[what, visible(said)] for what, said in pieces if said or what == "gap"]
    return {"whole": readable, "pieces": shown}


def _whole_words(passage: str, begin: int, end: int) -> Span:
    """A stretch of the passage, a little longer if that spares a word at an end."""
    begin, end = max(0, begin), min(len(passage), end)
    blanks = [i for i in range(max(0, begin - 40), begin + 1) if passage[i : i + 1].isspace()]
    if begin and blanks:
        begin = blanks[-1] + 1
    blanks = [i for i in range(end, min(len(passage), end + 40)) if passage[i].isspace()]
    return begin, blanks[0] if blanks else end if end + 40 < len(passage) else len(passage)


def _head(words: str) -> str:
    return words if len(words) <= CONTEXT else words[:CONTEXT] + " \N{HORIZONTAL ELLIPSIS}"


def _tail(words: str) -> str:
    return words if len(words) <= CONTEXT else "\N{HORIZONTAL ELLIPSIS} " + words[-CONTEXT:]


def in_order(
    match: Match, seen: View, rounds: Mapping[int, Round], names: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """All quotations that the viewer can see, in the passage's order; and what they cost each side.

    ``rounds`` are the match's, by place, ``names`` who and tone of each turn, by its number.
    Overlapping quotations are one entry, with every turn that made one; altered ones stand where
    the passage has what they alter, with the passage's own words if the viewer may read it; those
    that are not in it stand apart.
    """
    passage = match.question.passage
    who = [{"number": i, "who": one, "tone": tone} for i, (one, tone) in enumerate(names)]
    entries: list[tuple[Span, dict[str, Any]]] = []
    for span in () if passage is None else covered(seen):
        turns = [
            who[number]
            for number, turn in enumerate(seen.turns)
            if any(one.span and span[0] <= one.span[0] < span[1] for one in turn.quotes)
        ]
        words = visible((passage or "")[slice(*span)])
        entries.append((span, {"kind": "verified", "words": words, "says": None, "turns": turns}))
    apart: list[dict[str, Any]] = []
    for number, turn in enumerate(seen.turns):
        for one in turn.quotes:
            if one.span is not None:
                continue
            said = turn.text[one.begin : one.end]
            what = kind(turn.text, one, passage)
            entry = {"kind": what, "words": visible(said), "says": None, "turns": [who[number]]}
            found = near(said, passage) if what == "altered" and passage is not None else None
            if found is None:
                apart.append(entry)
                continue
            if seen.passage is not None:
                entry["says"] = visible(seen.passage[slice(*found)])
            entries.append((found, entry))
    entries.sort(key=lambda entry: entry[0])
    return {
        "entries": [entry for _, entry in entries],
        "apart": apart,
        "budget": [] if match.protocol.quotes == "none" else _budget(match, seen, rounds, names),
    }


def _budget(
    match: Match, seen: View, rounds: Mapping[int, Round], names: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """How many new characters of the passage each speaker has quoted, and how many it may.

    The rule is that of `arena.budget`, applied to what the viewer can see.
    """
    used = dict.fromkeys(match.protocol.speakers, 0)
    name = {turn.seat: names[i] for i, turn in enumerate(seen.turns)}
    limit: dict[str, int | None] = dict.fromkeys(used)
    before: tuple[Span, ...] = ()
    for group in _groups(rounds, seen):
        quotes = [[Quote(q.begin, q.end, q.span) for q in turn.quotes] for turn in group]
        for turn, made in zip(group, quotes, strict=True):
            if turn.seat in used:
                used[turn.seat] += new_characters(made, before)
                limit[turn.seat] = None if turn.slot is None else turn.slot.limits.quoted
        spans = [quote.span for made in quotes for quote in made if quote.span is not None]
        before = merge((*before, *spans))
    return [
        {
            "who": name[seat][0],
            "tone": name[seat][1],
            "used": used[seat],
            "total": match.protocol.quoted_total,
            "each": limit[seat],
        }
        for seat in used
        if seat in name and seat in match.protocol.passage_to
    ]


def _groups(rounds: Mapping[int, Round], seen: View) -> Iterator[list[Seen]]:
    """The turns that were made without knowing of each other, group by group."""
    for place, turns in groupby(seen.turns, key=lambda turn: turn.place):
        if place in rounds and rounds[place].simultaneous:
            yield list(turns)
        else:
            yield from ([turn] for turn in turns)
