"""Batches: rows that are written to the store together, in one transaction."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from arena.flow import Message, Reply, Request
from arena.ids import canonical
from arena.match import Match
from arena.protocols import Protocol
from arena.questions import Item
from arena.turns import Speech, Turn


@dataclass(frozen=True, slots=True)
class RewardRow:
    """A reward as it is kept: who judged, by which rule, and whether the rule reads the truth."""

    match: str
    turn: str
    seat: str
    judge: str
    rule: str
    quantity: str
    value: float | None
    uses_truth: bool = False


@dataclass(slots=True)
class Batch:
    """Rows that are written together, in one transaction."""

    items: list[Item] = field(default_factory=list)
    protocols: list[Protocol] = field(default_factory=list)
    participants: dict[str, Mapping[str, object]] = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)
    run_matches: list[tuple[str, int, str, Mapping[str, object]]] = field(default_factory=list)
    turns: list[tuple[Match, Turn]] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    replies: list[tuple[Request, Reply]] = field(default_factory=list)
    rewards: list[RewardRow] = field(default_factory=list)
    events: list[Mapping[str, object]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(
            (self.items, self.protocols, self.participants, self.matches, self.run_matches,
             self.turns, self.played, self.replies, self.rewards, self.events)
        )  # fmt: skip


def _insert(table: str, columns: int) -> str:
    """The first writer of a key wins; anything else that is wrong with a row is an error."""
    return f"INSERT INTO {table} VALUES ({','.join('?' * columns)}) ON CONFLICT DO NOTHING"


REPLIES = _insert("replies", 12)
"""The statement that writes replies; how many rows it wrote tells whether all of them were new."""

_CALL = "INSERT INTO calls SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM turns WHERE id = ?1)"
"""The calls of a turn are those of its first writer, all of them, so they come before the turn."""


def _numbers(values: Sequence[float] | None) -> str | None:
    return None if values is None else canonical(values)


def pack(values: Sequence[float], code: Literal["i", "d"]) -> bytes:
    """Numbers as 32-bit integers or as doubles: bit-exact, and a fraction of the cost of text."""
    return array(code, values).tobytes()


def unpack(packed: bytes, code: Literal["i", "d"]) -> tuple[Any, ...]:
    """The numbers that `pack` was given."""
    return tuple(array(code, packed))


def request_of(record: Mapping[str, Any]) -> Request:
    """The request whose `Request.record`, as it is kept, this is."""
    many = {name: tuple(record[name]) for name in ("choices", "allowed", "stop")}
    said = tuple(Message(role, content) for role, content in record["messages"])
    return Request(**{**record, **many, "messages": said})


def rows(batch: Batch) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a batch by the statement that inserts them, in the order of writing."""
    out: dict[str, list[tuple[Any, ...]]] = {}
    if batch.items:
        out[_insert("questions", 7)] = [
            (q.id, q.text, canonical(q.answers), q.passage, q.source, q.group, item.split)
            for item in batch.items
            for q in (item.question,)
        ]
        out[_insert("truths", 2)] = [
            (item.question.id, item.truth) for item in batch.items if item.truth is not None
        ]
    if batch.protocols:
        out[_insert("protocols", 3)] = [
            (p.id, p.name, canonical(p.record())) for p in batch.protocols
        ]
    if batch.participants:
        out[_insert("participants", 3)] = [
            (key, str(record.get("kind", "")), canonical(record))
            for key, record in batch.participants.items()
        ]
    if batch.matches:
        out[_insert("matches", 9)] = [
            (m.id, m.root, m.question.id, m.protocol.id, canonical(m.sides), canonical(m.seats),
             m.seed, m.proposal, 0)
            for m in batch.matches
        ]  # fmt: skip
    if batch.run_matches:
        out[_insert("run_matches", 4)] = [
            (run, position, match, canonical(labels))
            for run, position, match, labels in batch.run_matches
        ]
    if batch.turns:
        speeches: list[tuple[Any, ...]] = []
        turns: list[tuple[Any, ...]] = []
        links: list[tuple[Any, ...]] = []
        calls: list[tuple[Any, ...]] = []
        written: set[str] = set()
        for match, t in batch.turns:
            links.append((match.id, t.id))
            if t.id in written:
                continue
            written.add(t.id)
            head = (
                t.id, match.root, t.parent, t.place, t.seat, t.kind, t.author, t.sample, t.seen,
                canonical(t.replies_to) if t.replies_to else "[]", t.origin, t.score, t.at,
            )  # fmt: skip
            said = t.said
            if isinstance(said, Speech):
                turns.append((*head, said.id, None, None, None, None, None, None, None, None))
                quotes = "[]"
                if said.quotes:
                    quotes = canonical([(q.begin, q.end, q.span) for q in said.quotes])
                speeches.append(
                    (said.id, said.text, said.thought, quotes, said.side, said.stop, said.status)
                )
            else:
                turns.append(
                    (*head, None, said.choice, _numbers(said.elicited),
                     _numbers(said.choice_logprobs), said.reason, said.status,
                     canonical(said.order), said.mode, said.stop)
                )  # fmt: skip
            calls += [(t.id, n, key) for n, key in enumerate(t.calls)]
        out[_CALL] = calls
        out[_insert("speeches", 7)] = speeches
        out[_insert("turns", 22)] = turns
        out[_insert("match_turns", 2)] = links
    if batch.played:
        out["UPDATE matches SET played = 1 WHERE id = ?"] = [(key,) for key in batch.played]
    if batch.replies:
        out[REPLIES] = [
            (q.key, canonical(q.record()), r.status, r.text, pack(r.prompt_ids, "i"),
             pack(r.token_ids, "i"), pack(r.logprobs, "d"), _numbers(r.choice_logprobs), r.model,
             *r.usage, r.seconds)
            for q, r in batch.replies
        ]  # fmt: skip
    if batch.rewards:
        out[_insert("rewards", 8)] = [
            (r.match, r.turn, r.seat, r.judge, r.rule, r.quantity, r.value, r.uses_truth)
            for r in batch.rewards
        ]
    if batch.events:
        out["INSERT INTO events (key, at, kind, match, turn, person, value) "
            "VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"] = [
            (e.get("key"), e.get("at", time.time()), e["kind"], e.get("match"), e.get("turn"),
             e.get("person"), canonical(e.get("value", {})))
            for e in batch.events
        ]  # fmt: skip
    return out
