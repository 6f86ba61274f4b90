"""Flows, requests and engines: who asks, who answers, and the one driver between them.

A *flow* is a generator that yields tuples of `Request`s and is sent tuples of `Reply`s; it returns
its result. Agents and judges are written as flows, so best-of-n, scratchpads and retries stay
straight-line code, and are tested with ``next`` and ``send``. An *engine* answers requests in any
order it likes. `run` is the only place where the two meet.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from arena.ids import content_id

T = TypeVar("T")
ReplyStatus = Literal["ok", "length", "refused", "too long", "error"]


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message: ``role`` is system, user or assistant; ``content`` is plain text.

    Content is never structure: an engine must not read special tokens out of it.
    """

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a model, as a value: equal requests are the same call, the seed included.

    ``choices`` are label strings whose log-probabilities are wanted as the next token;
    ``allowed`` restricts the whole completion to one of the given lines; ``prefix`` is text that
    the completion is made to begin with. ``max_tokens`` is enforced while sampling.
    """

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    seed: int
    choices: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    temperature: float = 1.0
    prefix: str = ""
    key: str = field(init=False, repr=False, compare=False)  # the id under which a reply is kept

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", content_id("r", self.record()))

    def record(self) -> dict[str, Any]:
        """The request as JSON values."""
        return {
            "model": self.model,
            "messages": [[m.role, m.content] for m in self.messages],
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "choices": self.choices,
            "allowed": self.allowed,
            "stop": self.stop,
            "temperature": float(self.temperature),
            "prefix": self.prefix,
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. A model's failure is a status here, never an exception.

    ``token_ids`` are the sampled ids, ``logprobs`` their log-probabilities (natural log) under the
    sampling distribution; ``choice_logprobs`` is the log-probability of each of the request's
    choices on the whole vocabulary. Each is empty or None where it was not obtained.
    """

    status: ReplyStatus = "ok"
    text: str = ""
    prompt_ids: tuple[int, ...] = ()
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    choice_logprobs: tuple[float, ...] | None = None
    model: str = ""
    usage: tuple[int, int] = (0, 0)  # prompt tokens, completion tokens
    seconds: float = 0.0


Flow: TypeAlias = Generator[tuple[Request, ...], tuple[Reply, ...], T]
Ticket: TypeAlias = int


class Engine(Protocol):
    """Answers requests. Tickets keep equal requests apart."""

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        """Accept requests; must not block on their answers."""

    def collect(self) -> list[tuple[Ticket, Reply]]:
        """Block until at least one accepted request is answered; return all that are."""


def ask(*requests: Request) -> Flow[tuple[Reply, ...]]:
    """Ask for ``requests`` together: ``replies = yield from ask(a, b)``; with none, do not wait."""
    return (yield requests) if requests else ()


def together(*flows: Flow[T]) -> Flow[tuple[T, ...]]:
    """Advance several flows side by side, merging what they ask; returns their results in order."""
    results: list[Any] = [None] * len(flows)
    waiting: list[tuple[int, tuple[Request, ...]]] = []

    def advance(i: int, replies: tuple[Reply, ...] | None) -> None:
        try:
            asked = next(flows[i]) if replies is None else flows[i].send(replies)
        except StopIteration as stop:
            results[i] = stop.value
        else:
            waiting.append((i, _not_empty(asked)))

    try:
        for i in range(len(flows)):
            advance(i, None)
        while waiting:
            asked_by, waiting = waiting, []
            replies = yield tuple(request for _, asked in asked_by for request in asked)
            begin = 0
            for i, asked in asked_by:
                advance(i, replies[begin : begin + len(asked)])
                begin += len(asked)
    finally:  # an error of one, or an end from outside, ends them all
        for flow in flows:
            flow.close()
    return tuple(results)


def _not_empty(asked: tuple[Request, ...]) -> tuple[Request, ...]:
    if not asked:
        raise ValueError("a flow yielded no request: expected one or more in each yield")
    return asked


@dataclass(slots=True)
class _Live:
    """A flow that waits for replies."""

    flow: Flow[Any]
    replies: list[Reply | None] = field(default_factory=list)
    missing: int = 0


Commit: TypeAlias = Callable[[Sequence[tuple[Request, Reply]]], Sequence[Reply] | None]
"""Keeps replies before anyone acts on them. It may return the replies to act on instead, one for
each: where another process has answered the same request first, its answer is the one that counts.
"""


def nothing(replies: Sequence[tuple[Request, Reply]]) -> None:
    """A commit that keeps nothing."""


def run(
    flows: Iterable[Flow[T]],
    engine: Engine,
    width: int = 64,
    commit: Commit = nothing,
) -> Iterator[T]:
    """Drive ``flows`` over ``engine``, ``width`` at a time; yield each result once it is kept.

    ``commit`` is called with the replies of each `Engine.collect` before any flow sees them (and
    with none after every ``width`` flows that ended without asking, and at the end): what it has
    written is never asked for again. A result is yielded after the commit that follows it.
    An exception of a flow ends the run (errors of code are exceptions); the other flows are closed.
    """
    if width < 1:
        raise ValueError(f"width must be 1 or more, got {width}")
    source = iter(flows)
    live: dict[int, _Live] = {}  # by a number of the flow's own
    owner: dict[Ticket, tuple[int, int, Request]] = {}  # flow number, position, request
    finished: list[T] = []
    outbox: list[tuple[Ticket, Request]] = []
    started = tickets = 0

    def advance(number: int, one: _Live, replies: tuple[Reply, ...] | None) -> None:
        nonlocal tickets
        live[number] = one
        try:
            asked = _not_empty(next(one.flow) if replies is None else one.flow.send(replies))
        except StopIteration as stop:
            del live[number]
            finished.append(stop.value)
            return
        one.replies, one.missing = [None] * len(asked), len(asked)
        for position, request in enumerate(asked):
            owner[tickets] = (number, position, request)
            outbox.append((tickets, request))
            tickets += 1

    def done() -> list[T]:
        """What had finished before the last commit: nothing is reported that is not kept."""
        found = finished.copy()
        finished.clear()
        return found

    exhausted = False
    try:
        while True:
            while not exhausted and len(live) < width:
                flow = next(source, None)
                if flow is None:
                    exhausted = True
                    break
                started += 1
                advance(started, _Live(flow), None)
                if len(finished) >= width:
                    commit(())
                    yield from done()
            if not live:
                break
            if outbox:
                engine.submit(tuple(outbox))
                outbox.clear()
            collected = engine.collect()
            if not collected:
                raise RuntimeError("an engine's collect returned nothing: it must block until one")
            kept = commit([(owner[ticket][2], reply) for ticket, reply in collected])
            yield from done()
            ready: list[int] = []
            replies = [reply for _, reply in collected] if kept is None else kept
            for (ticket, _), reply in zip(collected, replies, strict=True):
                number, position, _ = owner.pop(ticket)
                one = live[number]
                one.replies[position] = reply
                one.missing -= 1
                if not one.missing:
                    ready.append(number)
            for number in ready:
                one = live[number]
                advance(number, one, tuple(reply for reply in one.replies if reply is not None))
        commit(())
        yield from done()
    finally:
        for one in live.values():
            one.flow.close()


class batch:
    """An engine made of a function: everything submitted is answered by one call of ``answer``.

    Batches are complete by construction: the driver submits all that live flows ask before it
    collects, so no timer decides how large a batch is.
    """

    def __init__(self, answer: Callable[[tuple[Request, ...]], Sequence[Reply]]) -> None:
        self._answer = answer
        self._asked: list[tuple[Ticket, Request]] = []

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        self._asked.extend(requests)

    def collect(self) -> list[tuple[Ticket, Reply]]:
        asked, self._asked = self._asked, []
        replies = self._answer(tuple(request for _, request in asked))
        return [(ticket, reply) for (ticket, _), reply in zip(asked, replies, strict=True)]


class routed:
    """An engine that hands each request to the engine of its model."""

    def __init__(self, engines: dict[str, Engine]) -> None:
        self._engines = engines
        self._waiting: dict[int, int] = {}  # id of engine -> requests under way

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        parts: dict[int, tuple[Engine, list[tuple[Ticket, Request]]]] = {}
        for ticket, request in requests:
            engine = self._engines.get(request.model)
            if engine is None:
                known = ", ".join(sorted(self._engines)) or "none"
                raise ValueError(f"no engine answers for model {request.model!r}; known: {known}")
            parts.setdefault(id(engine), (engine, []))[1].append((ticket, request))
        for key, (engine, part) in parts.items():
            engine.submit(part)
            self._waiting[key] = self._waiting.get(key, 0) + len(part)

    def collect(self) -> list[tuple[Ticket, Reply]]:
        collected: list[tuple[Ticket, Reply]] = []
        for engine in {id(e): e for e in self._engines.values()}.values():
            if self._waiting.get(id(engine)):
                part = engine.collect()
                self._waiting[id(engine)] -= len(part)
                collected += part
        return collected


class counted:
    """An engine that counts the tokens that it samples."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.tokens = 0

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        self._engine.submit(requests)

    def collect(self) -> list[tuple[Ticket, Reply]]:
        collected = self._engine.collect()
        self.tokens += sum(reply.usage[1] for _, reply in collected)
        return collected


class recorded:
    """An engine that answers from recorded replies, and asks ``engine`` only for the rest.

    ``lookup`` maps request keys to the replies that are kept. Equal requests that are under way
    together are asked once and shared: cross-play costs no second call. Not for a policy in
    training, whose equal requests must be sampled again.
    """

    def __init__(self, engine: Engine, lookup: Callable[[Sequence[str]], dict[str, Reply]]) -> None:
        self._engine, self._lookup = engine, lookup
        self._ready: list[tuple[Ticket, Reply]] = []
        self._sharing: dict[str, list[Ticket]] = {}  # request key -> tickets that wait for it
        self._key: dict[Ticket, str] = {}  # the ticket that was submitted -> its key

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        keys = [request.key for _, request in requests]
        known = self._lookup(keys)
        fresh: list[tuple[Ticket, Request]] = []
        for (ticket, request), key in zip(requests, keys, strict=True):
            if key in known:
                self._ready.append((ticket, known[key]))
            elif key in self._sharing:
                self._sharing[key].append(ticket)
            else:
                self._sharing[key], self._key[ticket] = [ticket], key
                fresh.append((ticket, request))
        if fresh:
            self._engine.submit(fresh)

    def collect(self) -> list[tuple[Ticket, Reply]]:
        if self._ready:
            ready, self._ready = self._ready, []
            return ready
        collected = self._engine.collect()
        return [
            (shared, reply)
            for ticket, reply in collected
            for shared in self._sharing.pop(self._key.pop(ticket))
        ]
