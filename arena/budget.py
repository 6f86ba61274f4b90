"""Budgets of quotation: how much of the passage a seat has quoted, and may quote yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from arena import quotes
from arena.protocols import Protocol, Round, Slot
from arena.turns import Turn


def quote_budget(
    protocol: Protocol, transcript: Sequence[Turn], seat: str, place: int
) -> tuple[tuple[tuple[int, int], ...], int]:
    """The passage spans quoted before a turn of ``seat`` at ``place``, and how many characters of
    them ``seat`` was the first to quote.

    Speeches of a simultaneous round are compared with what stood before the round, as their
    speakers could see no more; those of a sequential round with all that came before.
    """
    together = {at: one.simultaneous for at, one in _rounds(protocol, transcript, place)}
    covered: tuple[tuple[int, int], ...] = ()
    used = 0
    group: list[Turn] = []

    def close() -> None:
        nonlocal covered, used
        used += sum(
            quotes.new_characters(t.speech.quotes, covered) for t in group if t.seat == seat
        )
        spans = [q.span for t in group for q in t.speech.quotes if q.span is not None]
        covered = quotes.merge((*covered, *spans))
        group.clear()

    for turn in transcript:
        if turn.is_leaf or turn.speech.status == "over limit" or turn.place > place:
            continue
        if group and not (together.get(turn.place) and group[0].place == turn.place):
            close()
        if turn.place < place or not together.get(turn.place):
            group.append(turn)
    close()
    return covered, used


def _rounds(
    protocol: Protocol, transcript: Sequence[Turn], place: int
) -> Iterator[tuple[int, Round]]:
    return takewhile(lambda one: one[0] <= place, protocol.rounds(transcript))


def quoted_left(
    protocol: Protocol, transcript: Sequence[Turn], slot: Slot, place: int
) -> int | None:
    """How many new characters of the passage the filler of ``slot`` may quote; None: no limit."""
    total, limit = protocol.quoted_total, slot.limits.quoted
    if total is None:
        return limit
    left = max(0, total - quote_budget(protocol, transcript, slot.seat, place)[1])
    return left if limit is None else min(left, limit)
