"""Budgets of quotation: how much of the passage a seat has quoted, and may quote yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from arena import quotes
from arena.protocols import Slot
from arena.turns import Turn

if TYPE_CHECKING:
    from arena.match import Match


def quote_budget(
    match: Match, transcript: Sequence[Turn], seat: str, place: int
) -> tuple[tuple[tuple[int, int], ...], int]:
    """The passage spans that earlier rounds have quoted, and how much of that was new by seat."""
    covered: tuple[tuple[int, int], ...] = ()
    used = 0
    here: list[Turn] = []
    at = -1

    def close() -> None:
        nonlocal covered, used
        used += sum(quotes.new_characters(t.speech.quotes, covered) for t in here if t.seat == seat)
        spans = [q.span for t in here for q in t.speech.quotes if q.span is not None]
        covered = quotes.merge((*covered, *spans))

    for turn in transcript:
        if turn.is_leaf or turn.place >= place or turn.speech.status == "over limit":
            continue
        if turn.place != at:
            close()
            here, at = [], turn.place
        here.append(turn)
    close()
    return covered, used


def quoted_left(match: Match, transcript: Sequence[Turn], slot: Slot, place: int) -> int | None:
    """How many new characters of the passage the filler of ``slot`` may quote; None: no limit."""
    total, limit = match.protocol.quoted_total, slot.limits.quoted
    if total is None:
        return limit
    left = max(0, total - quote_budget(match, transcript, slot.seat, place)[1])
    return left if limit is None else min(left, limit)
