"""A tournament that asks a slow engine in another process, to be killed and started again.

``slow_tournament.py engine SOCKET LOG`` answers the requests that come over a Unix socket: some of
what waits at a time, out of order, after a delay. It writes the key of each to LOG (with fsync)
before it answers. ``slow_tournament.py play STORE SOCKET MATCHES`` plays the tournament into a
store, from wherever it was stopped, and prints its report.
"""

from __future__ import annotations

import json
import os
import queue
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arena.flow import Engine, Flow, Message, Reply, Request, Ticket
from arena.ids import Json, derive_seed
from arena.match import Agent, Chosen, Judge, View, participant_id
from arena.protocols import Limits, debate
from arena.questions import Item, Question
from arena.runner import Outcome, Planned, enrol, execute, plan
from arena.store import Store
from arena.tournament import schedule
from arena.turns import Speech, Verdict

NAME = "slow"
WORDS = ("tin", "iron", "gate", "bell", "green", "surely", "never")
DELAY = 0.004  # seconds between two answers of the engine
PASSAGE = "Alma said that the bell was made of tin.\nBoris said that it was made of iron."


# ---------------------------------------------------------------------------------------------
# Players: everything they say is a function of replies, and these of requests.


def _request(who: str, view: View, step: Json, choices: tuple[str, ...] = ()) -> Request:
    heard = "".join(f"{turn.seat}: {turn.text}\n" for turn in view.turns)
    messages = (Message("user", f"{heard}{view.seat} {view.notice}"),)
    return Request(who, messages, 9, derive_seed(view.seed, step), choices)


@dataclass(frozen=True)
class BestOf:
    """Asks for ``n`` drafts together and keeps the one that its second request prefers."""

    name: str
    n: int = 2

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": self.name, "n": self.n}

    def speak(self, view: View) -> Flow[Speech | Chosen]:
        drafts = yield tuple(_request(self.name, view, i) for i in range(self.n))
        if self.n == 1:
            return Speech(drafts[0].text)
        labels = tuple(str(i) for i in range(self.n))
        (scored,) = yield (_request(self.name, view, [d.text for d in drafts], labels),)
        scores = scored.choice_logprobs or ()
        best = scores.index(max(scores))
        others = [(Speech(drafts[i].text), scores[i]) for i in range(self.n) if i != best]
        return Chosen(Speech(drafts[best].text, thought="the better one"), tuple(others))


@dataclass(frozen=True)
class Asking:
    """A judge that asks in public where it may, and decides by the engine's log-probabilities."""

    name: str

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": self.name}

    def speak(self, view: View) -> Flow[Speech]:
        (reply,) = yield (_request(self.name, view, "question"),)
        return Speech(reply.text)

    def decide(self, view: View) -> Flow[Verdict]:
        labels = tuple(option.label for option in view.options)
        (reply,) = yield (_request(self.name, view, "verdict", labels),)
        numbers = reply.choice_logprobs or ()
        return Verdict(numbers.index(max(numbers)), choice_logprobs=numbers, reason=reply.text)


def answer(key: str, choices: int) -> Reply:
    """The reply to a request: a function of its key. One speech in three is over its limit."""
    noise = random.Random(key)
    text = " ".join(noise.choices(WORDS, k=noise.randint(2, 9)))
    ids = tuple(noise.randrange(32000) for _ in text.split())
    logprobs = tuple(-noise.expovariate(1) for _ in ids)
    numbers = tuple(-noise.expovariate(1) for _ in range(choices)) if choices else None
    return Reply("ok", text, ids[::-1], ids, logprobs, numbers, "slow", (len(ids), len(ids)))


# ---------------------------------------------------------------------------------------------
# The tournament.

LIMITS = Limits(characters=36)
PROTOCOLS = {
    "asked": debate(rounds=2, judge_questions=True, limits=LIMITS),
    "read": debate(rounds=1, limits=LIMITS),
}


def cast() -> tuple[dict[str, Agent], dict[str, Judge]]:
    """Two debaters and two judges, by name; new objects each time."""
    return (
        {"one": BestOf("one", 2), "two": BestOf("two", 1)},
        {"first": Asking("first"), "second": Asking("second")},
    )


def planned(matches: int) -> tuple[list[Item], list[Planned]]:
    """The items and matches: six to a question, under both protocols, mirrored, by both judges."""
    items = [
        Item(Question(f"What was bell {i} made of?", ("tin", "iron"), PASSAGE, "slow"), i % 2)
        for i in range(-(-matches // 6))
    ]
    players, judges = ({n: participant_id(w) for n, w in who.items()} for who in cast())
    asked = [item.question for item in items]
    return items, list(schedule(asked, PROTOCOLS, players, judges, seed=5))[:matches]


def tournament(store: Store, engine: Engine, matches: int, width: int = 32) -> Outcome:
    """Play it, from wherever it was stopped."""
    items, scheduled = planned(matches)
    players, judges = cast()
    store.start_run(NAME, "tournament", {"matches": matches}, {})
    enrol(store, [*players.values(), *judges.values()])
    plan(store, NAME, items, scheduled)
    by_id = {participant_id(one): one for one in players.values()}
    deciders = {participant_id(one): one for one in judges.values()}
    outcome = execute(store, scheduled, by_id, deciders, engine, width, "both")
    store.finish_run(NAME)
    return outcome


TIMES = {"created_at", "finished_at", "applied_at"}


def dump(store: Store) -> str:
    """Every table as text, but for times and for the order in which rows came."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    out = []
    for table in [row["name"] for row in store.query(sql)]:
        rows = (
            json.dumps({k: v.hex() if isinstance(v, bytes) else v
                        for k, v in row.items() if k not in TIMES})
            for row in store.query(f"SELECT * FROM {table}")
        )  # fmt: skip
        out += [table, *sorted(rows)]
    return "\n".join(out)


# ---------------------------------------------------------------------------------------------
# The engine: its own process, and the player's end of the wire.


class Remote:
    """The player's engine: requests over a socket, replies as they come."""

    def __init__(self, path: str) -> None:
        self._wire = socket.socket(socket.AF_UNIX)
        self._wire.connect(path)
        self._rest = b""

    def submit(self, requests: Sequence[tuple[Ticket, Request]]) -> None:
        lines = [json.dumps([t, q.key, len(q.choices)]) + "\n" for t, q in requests]
        self._wire.sendall("".join(lines).encode())

    def collect(self) -> list[tuple[Ticket, Reply]]:
        while b"\n" not in self._rest:
            got = self._wire.recv(1 << 16)
            if not got:
                raise ConnectionError("the engine is gone")
            self._rest += got
        *lines, self._rest = self._rest.split(b"\n")
        return [(ticket, _reply(fields)) for ticket, fields in map(json.loads, lines)]


def _reply(fields: dict[str, Any]) -> Reply:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return Reply(**values)


def serve(path: str, log: Path) -> None:
    """Answer one player after another; what a gone player still waited for is dropped."""
    noise = random.Random(3)
    with closing(socket.socket(socket.AF_UNIX)) as door, log.open("a") as book:
        door.bind(path)
        door.listen()
        while True:
            wire, _ = door.accept()
            with closing(wire), suppress(ConnectionError):
                for batch in _batches(wire, noise):
                    book.writelines(f"{key}\n" for _, key, _ in batch)
                    book.flush()
                    os.fsync(book.fileno())
                    lines = [
                        json.dumps([ticket, asdict(answer(key, choices))]) + "\n"
                        for ticket, key, choices in batch
                    ]
                    wire.sendall("".join(lines).encode())


def _batches(wire: socket.socket, noise: random.Random) -> Iterator[list[tuple[int, str, int]]]:
    """Some of what waits, at random, every few milliseconds, until the player is gone."""
    asked: queue.SimpleQueue[tuple[int, str, int] | None] = queue.SimpleQueue()

    def listen() -> None:
        with wire.makefile("rb") as lines, suppress(OSError, ValueError):
            for line in lines:
                asked.put(json.loads(line))
        asked.put(None)

    threading.Thread(target=listen, daemon=True).start()
    waiting: list[tuple[int, str, int]] = []
    while True:
        if not waiting:
            one = asked.get()
            if one is None:
                return
            waiting.append(one)
        time.sleep(DELAY)
        while not asked.empty():
            one = asked.get()
            if one is None:
                return
            waiting.append(one)
        noise.shuffle(waiting)
        some = noise.randint(1, len(waiting))
        batch, waiting = waiting[:some], waiting[some:]
        yield batch


def main() -> None:
    """Be the engine, or the player."""
    verb, *given = sys.argv[1:]
    if verb == "engine":
        serve(given[0], Path(given[1]))
        return
    from arena.report import report

    with Store(given[0]) as store:
        outcome = tournament(store, Remote(given[1]), int(given[2]))
        found = {"done": outcome.done, "failed": outcome.failed, **report(store, NAME)}
    print(json.dumps(found, sort_keys=True))


if __name__ == "__main__":
    main()
