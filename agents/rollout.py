"""Rollouts: a step's matches are grown into trees, read by a judge, and turned into samples.

Everything that was asked is kept by its key as the exact request and reply: what is trained are the
sampled token ids, never text that is tokenised again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from agents.losses import Sample
from arena.flow import Engine, Flow, Reply, Request, Ticket, run
from arena.grow import Grown, grow, read_leaves
from arena.match import Agent, Judge, Match, listing
from arena.protocols import JUDGE

Calls: TypeAlias = Mapping[str, tuple[Request, Reply]]
"""Requests with their replies, by key."""


@dataclass(frozen=True, slots=True)
class Bout:
    """A match to be sampled: who sits where, which seats learn, and whom a learner meets.

    ``swapped`` lists the options the other way round to whoever judges. ``opponent`` is (the
    learner's seat, the frozen opponent's name), None where the learners meet each other.
    """

    match: Match
    cast: Mapping[str, Agent | Judge]
    learners: tuple[str, ...]
    swapped: bool = False
    opponent: tuple[str, str] | None = None

    @property
    def order(self) -> tuple[int, ...]:
        """The listing of the options."""
        return listing(self.match, self.swapped)


class timed:
    """An engine whose working time (seconds) and sampled tokens are counted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.seconds = 0.0
        self.asked = self.tokens = 0

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        begin = time.perf_counter()
        self._engine.submit(requests)
        self.asked += len(requests)
        self.seconds += time.perf_counter() - begin

    def collect(self) -> list[tuple[Ticket, Reply]]:
        begin = time.perf_counter()
        collected = self._engine.collect()
        self.tokens += sum(reply.usage[1] for _, reply in collected)
        self.seconds += time.perf_counter() - begin
        return collected


@dataclass(slots=True)
class Sampled:
    """What came of a step's bouts, in their order: trees with the judge's leaves on them.

    ``calls`` holds every request and reply; ``seconds`` are those of generation and of judging.
    """

    bouts: Sequence[Bout]
    trees: list[Grown] = field(default_factory=list)
    calls: dict[str, tuple[Request, Reply]] = field(default_factory=dict)
    tokens: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def rollout(
    bouts: Sequence[Bout],
    judge: Judge,
    author: str,
    engine: Engine,
    widths: Sequence[int],
    opponents: int = 1,
    nodes: int | None = None,
) -> Sampled:
    """Grow every bout, all of them side by side, and let the judge read what was not read live.

    ``author`` is the judge's participant id; for ``widths``, ``opponents`` and ``nodes`` see
    `arena.grow.grow`.
    """
    found = Sampled(bouts)

    def keep(replies: Sequence[tuple[Request, Reply]]) -> None:
        found.calls.update((request.key, (request, reply)) for request, reply in replies)

    def grown(n: int, bout: Bout) -> Flow[tuple[int, Grown]]:
        tree = yield from grow(bout.match, bout.cast, widths, opponents, nodes, bout.order)
        return n, tree

    def judged(n: int, tree: Grown) -> Flow[tuple[int, Grown]]:
        if JUDGE in dict(tree.match.seats):  # it has read them live
            return n, tree
        leaves = yield from read_leaves(tree, judge, author, bouts[n].order)
        return n, tree.hang(leaves)

    for phase in ("generation", "judging"):
        begin, source = time.perf_counter(), timed(engine)
        if phase == "generation":
            flows = [grown(n, bout) for n, bout in enumerate(bouts)]
        else:
            flows = [judged(n, tree) for n, tree in enumerate(found.trees)]
        done = dict(run(flows, source, max(1, len(flows)), keep))
        found.trees = [done[n] for n in range(len(bouts))]
        # Who asks no model does its own work: all of that time is the phase's.
        whole = time.perf_counter() - begin
        found.seconds[phase] = source.seconds if source.asked else whole
        found.tokens += source.tokens
    return found


Lines: TypeAlias = Callable[[str, tuple[str, ...]], tuple[tuple[int, ...], ...]]
"""An adapter's allowed lines as tokens, as they were sampled from."""


def samples(
    said: Iterable[tuple[str, Sequence[str], float]], calls: Calls, lines: Lines
) -> list[Sample]:
    """What was said, as what a `Learner` trains on: each call of a turn is a sample.

    ``said`` are (adapter, keys of its calls, advantage) of turns. Left out: choices among labels
    (a side that was chosen is not learnt) and replies that failed.
    """
    made: list[Sample] = []
    tokens: dict[tuple[str, tuple[str, ...]], tuple[tuple[int, ...], ...]] = {}
    for adapter, keys, advantage in said:
        for key in keys:
            request, reply = calls[key]
            if request.choices or not reply.token_ids or reply.status not in ("ok", "length"):
                continue
            where = (adapter, request.allowed)
            if request.allowed and where not in tokens:
                tokens[where] = lines(adapter, request.allowed)
            made.append(
                Sample(
                    adapter, reply.prompt_ids, reply.token_ids, reply.logprobs, advantage,
                    tokens[where] if request.allowed else (), request.temperature,
                )
            )  # fmt: skip
    return made
