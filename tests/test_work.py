"""`arena work`: machines go on as people act, however often somebody stops, dies or fails.

As a script this file is a worker: ``test_work.py STORE LOG DELAY SECONDS`` plays `ASKED` matches
with an engine that writes the key of each request to LOG before it answers, after DELAY seconds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from slow_tournament import Asking, BestOf, answer
from stage import ALICE, BOB, Decides, question, stage
from stage import match as staged
from typer.testing import CliRunner, Result

from arena import leases
from arena.batch import Batch
from arena.desk import acts
from arena.desk.chairs import chair, page_view
from arena.desk.identity import register
from arena.desk.settings import settings_of
from arena.desk.speaking import say
from arena.flow import Engine, Reply, Request, batch
from arena.leases import (
    AGAIN,
    Claimed,
    Due,
    claim,
    claimed,
    due,
    failed,
    failure,
    held,
    keep_specs,
    release,
    renew,
    retry,
    specs_of,
    status,
)
from arena.match import PERSON, Agent, Judge, Match, listing, participant_id, view
from arena.participants import SpecError
from arena.play import append, waiting_for
from arena.protocols import JUDGE, Limits, debate, pending
from arena.questions import Item
from arena.report import report
from arena.rewards import reward_rows
from arena.runner import Planned, execute, plan
from arena.store import Store
from arena.tournament import schedule
from arena.turns import LEAF_KINDS, Speech, Verdict
from ui import work
from ui.cli import app
from ui.work import Worker, serve_forever

ASKED = debate(rounds=2, judge_questions=True, limits=Limits(characters=60))
BELIEVED = debate(rounds=3, judge_questions=True, stop="judge")
WITNESS = "scripted:witness,p=.9,s=.8,b=.9"


def arena(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def act(
    store: Store, match: Match, person: str = "ada", said: str = "Why?", choice: int = 0
) -> bool:
    """A person fills the chair that waits, as the page does it; whether there was one."""
    transcript = store.transcript(match)
    authors = dict(match.seats)
    place, slots = pending(match.protocol, transcript, list(authors))
    if not slots or authors[slots[0].seat] != PERSON:
        return False
    slot, now = slots[0], time.time()
    given: Speech | Verdict = Speech(said)
    if slot.kind in LEAF_KINDS:
        chances = (0.875, 0.125) if choice == 0 else (0.125, 0.875)
        given = Verdict(choice, chances, reason=said, order=listing(match), mode="live")
    seen = view(match, transcript, slot, place).digest
    turn = append(match, transcript, place, slot, given, person, seen=seen, origin="person", at=now)
    after = (*transcript, turn)
    kept = Batch(turns=[(match, turn)])
    kept.events = [{"kind": turn.kind, "at": now, "match": match.id, "turn": turn.id,
                    "person": person}]  # fmt: skip
    if not waiting_for(match, after):
        kept.played = [match.id]
    if turn.kind == "verdict":
        kept.rewards = reward_rows(match, turn, after)
    store.write(kept, full=True)
    return True


def matches_of(store: Store, run: str) -> list[Match]:
    sql = "SELECT match FROM run_matches WHERE run = ? ORDER BY position"
    return [store.match(row["match"]) for row in store.query(sql, run)]


def texts(store: Store, match: Match) -> list[tuple[str, str, str]]:
    """What was said in a match, without its judges' leaves."""
    path = [turn for turn in store.transcript(match) if not turn.is_leaf]
    return [(turn.seat, turn.kind, turn.speech.text) for turn in path]


def turns(store: Store) -> list[Any]:
    """Everything that was said, as rows, but for when, and by which request."""
    sql = (
        "SELECT mt.match, t.id, t.parent, t.place, t.seat, t.author, t.sample, t.seen, t.origin, "
        "t.score, t.speech, t.choice, t.elicited, t.choice_logprobs, t.mode, m.played, "
        "(SELECT group_concat(reply) FROM calls WHERE turn = t.id) AS calls "
        "FROM match_turns AS mt JOIN turns AS t ON t.id = mt.turn "
        "JOIN matches AS m ON m.id = mt.match ORDER BY mt.match, t.id"
    )
    return [tuple(row.values()) for row in store.query(sql)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def run_file(folder: Path, **blocks: Any) -> tuple[Path, Path]:
    """A run file and a store beside it."""
    value = {
        "questions": {"source": "witness", "n": 2},
        "protocols": ["debate with questions"],
        "players": {"w": WITNESS},
        "judges": {"me": "person"},
        **blocks,
    }
    (folder / "r.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    return folder / "r.yaml", folder / "s.db"


# ---------------------------------------------------------------------------------------------
# A cast and an engine of the tests' own.


@dataclass
class Fixed:
    """Players that are there already, and an engine that does what ``answers`` does."""

    answers: Callable[[tuple[Request, ...]], Sequence[Reply]] = lambda requests: []
    agents: dict[str, Agent] = field(default_factory=dict)
    judges: dict[str, Judge] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, *who: Agent, judges: Sequence[Judge] = (), **more: Any) -> Fixed:
        return cls(
            agents={participant_id(one): one for one in who},
            judges={participant_id(one): one for one in judges},
            **more,
        )

    def join(self, who: str, run: str, decides: bool) -> None:
        if who in self.missing or who not in (self.judges if decides else self.agents):
            raise SpecError("models/mine: there is no such folder")

    def engine(self) -> Engine:
        return batch(self.answers)


def asked(path: Path, count: int, name: str = "asked") -> list[Match]:
    """A run of matches in which machines debate, machines judge, or a person does: with requests,
    best-of-n candidates, retries of long speeches and a public question."""
    players = {"one": BestOf("one", 2), "two": BestOf("two", 1)}
    items = [Item(question(n), n % 2) for n in range(count)]
    with Store(path) as store:
        store.start_run(name, "play", {}, {})
        ids = {key: participant_id(who) for key, who in players.items()}
        made = list(
            schedule([item.question for item in items], {"asked": ASKED}, ids, {"me": PERSON}, 3,
                     mirrored=False)
        )  # fmt: skip
        plan(store, name, items, made)
        return [one.match for one in made]


def replying(log: Path | None = None, delay: float = 0.0) -> Callable[[Any], list[Reply]]:
    """An engine's answers: functions of the requests, noted in ``log`` before they are given."""

    def answers(requests: tuple[Request, ...]) -> list[Reply]:
        time.sleep(delay)
        if log is not None:
            with log.open("a") as book:
                book.write("".join(f"{os.getpid()} {one.key}\n" for one in requests))
                book.flush()
                os.fsync(book.fileno())
        return [answer(one.key, len(one.choices)) for one in requests]

    return answers


def best(log: Path | None = None, delay: float = 0.0) -> Callable[[Store], Fixed]:
    cast = Fixed.of(BestOf("one", 2), BestOf("two", 1), judges=[Asking("first")])
    cast.answers = replying(log, delay)
    return lambda store: cast


# ---------------------------------------------------------------------------------------------
# A person in the judge's chair.


def test_a_question_is_answered_and_the_debate_goes_on_to_its_end(folder: Path) -> None:
    file, path = run_file(folder)
    waiting = json.loads(arena("play", file, "--store", path, "--json").stdout)["waiting"]
    assert [one["seat"] for one in waiting] == [JUDGE, JUDGE]
    with Store(path) as store:
        first, second = matches_of(store, "r")
        assert status(store, first) is None  # it waits for the judge, and for nobody else
        assert act(store, first, said="Where is it?")
        waits = status(store, first)
        assert waits is not None and (waits.state, waits.who) == ("queued", ("A", "B"))
        assert 0 <= waits.elapsed < 60
    done = arena("work", "--store", path, "--once", "--json")
    assert done.exit_code == 0
    answered = json.loads(done.stdout)
    assert (answered["turns"], answered["done"], answered["failed"]) == (2, 0, [])
    assert sorted(one["match"] for one in answered["waiting"]) == sorted([first.id, second.id])
    with Store(path) as store:
        kinds = [kind for _, kind, _ in texts(store, first)]
        assert kinds == ["speech", "speech", "question", "speech", "speech"]
        assert len(texts(store, second)) == 2  # nobody has asked there
        assert status(store, first) is None
        assert act(store, first, said="It was shown.")
        assert store.one("SELECT played FROM matches WHERE id = ?", first.id) == {"played": 1}
    assert json.loads(arena("work", "--store", path, "--once", "--json").stdout)["turns"] == 0


def test_a_worker_and_the_command_of_the_run_come_to_the_same_turns(folder: Path) -> None:
    """Whether a worker plays on after each act, or `arena play` is started again."""
    tables = []
    for verb in ("work", "play"):
        (folder / verb).mkdir()
        file, path = run_file(folder / verb, protocols=["debate until the judge decides"])
        call = {"work": ("work", "--once"), "play": ("play", file)}[verb]
        arena("play", file, "--store", path)
        for _ in range(30):
            with Store(path) as store:
                if not any([act(store, one) for one in matches_of(store, "r")]):
                    break
            assert arena(*call, "--store", path).exit_code == 0
        with Store(path) as store:
            assert {row["played"] for row in store.query("SELECT played FROM matches")} == {1}
            tables.append(turns(store))
    assert tables[0] == tables[1]
    assert len(tables[0]) > 2 * 10


def test_a_person_who_judges_as_a_machine_does_gets_the_same_report(folder: Path) -> None:
    """Debaters that say the same to anyone, and a judge that holds one view throughout."""
    company = Fixed.of(ALICE, BOB, judges=[Asks()])
    figures = []
    for judge in (PERSON, participant_id(Asks())):
        made = [staged(question(n), BELIEVED, judge) for n in range(6)]
        path = folder / f"{judge}.db"
        with stage(path, []) as store:
            store.write(
                Batch(
                    items=[Item(one.question, n % 2) for n, one in enumerate(made)],
                    protocols=[BELIEVED],
                    matches=made,
                    run_matches=[("trial", n, one.id, {"setting": "x", "judges": []})
                                 for n, one in enumerate(made)],
                    participants={participant_id(Asks()): Asks().record},
                )
            )  # fmt: skip
            if judge != PERSON:
                planned = [Planned(one) for one in made]
                execute(store, planned, company.agents, company.judges, company.engine())
            for _ in range(20):
                with Worker(path, company=lambda _: company) as worker:
                    worker.work(once=True)
                if not any([act(store, one) for one in made]):
                    break
            (row,) = report(store, "trial")["settings"]
            figures.append({k: v for k, v in row.items() if k not in ("judge", "judge_id")})
            figures.append([texts(store, one) for one in made])
    assert figures[:2] == figures[2:]
    assert figures[0]["n"] == 6 and figures[0]["accuracy"] == 0.5


@dataclass(frozen=True)
class Asks(Decides):
    """`Decides`, who asks what `act` asks."""

    def speak(self, seen: Any) -> Iterator[Any]:
        yield from ()
        return Speech("Why?")


# ---------------------------------------------------------------------------------------------
# A person in a debater's chair.


@pytest.mark.parametrize("seats", [("me", "bot"), ("bot", "me"), ("me", "me")])
@pytest.mark.parametrize("protocol", ["debate", "debate sequential"])
def test_a_person_debates_a_machine_or_another_person_in_either_seat(
    folder: Path, protocol: str, seats: tuple[str, str]
) -> None:
    file, path = run_file(
        folder,
        protocols=[protocol],
        players={"me": "person", "bot": WITNESS},
        judges={"literal": "scripted:literal"},
        play={"seats": dict(zip("AB", seats, strict=True)), "mirrored": True, "listings": "both"},
    )
    waiting = json.loads(arena("play", file, "--store", path, "--json").stdout)["waiting"]
    mine = {seat for seat, name in zip("AB", seats, strict=True) if name == "me"}
    if "sequential" in protocol:
        mine = {min(mine)}
    read = "SELECT count(*) AS n FROM verdicts WHERE match = ?"
    assert {one["seat"] for one in waiting} == mine
    with Store(path) as store:
        made = matches_of(store, "r")
        assert len(made) == 2 * 2 and {one.side("A") for one in made} == {0, 1}
        for one in made:
            for _ in range(9):
                if not act(store, one, "ada", "See [1]."):
                    arena("work", "--store", path, "--once")
                if store.one(read, one.id) == {"n": 2}:
                    break
            said = store.transcript(one)
            assert [turn.seat for turn in said] == ["A", "B", "A", "B"]
            people = [turn.author == "ada" for turn in said]
            assert people == [seats["AB".index(turn.seat)] == "me" for turn in said]
        found = report(store, "r")["settings"]
    assert [(row["n"], row["verdicts"]) for row in found] == [(4, 8)]
    again = json.loads(arena("play", file, "--store", path, "--json").stdout)
    assert (again["done"], again["waiting"]) == (4, [])


def test_what_is_said_and_asked_at_the_desk_is_answered(folder: Path) -> None:
    """By the acts of the desk themselves: a debater against a machine, and a judge who asks."""
    file, path = run_file(
        folder, players={"me": "person", "bot": WITNESS}, play={"seats": {"A": "me", "B": "bot"}}
    )
    arena("play", file, "--store", path)
    with Store(path) as store:
        one, _ = matches_of(store, "r")
        seen = []
        for _ in range(2):
            ada = register(store, "Ada")
            bob = register(store, "Bob")
            if (at := chair(store, one, ada, "A")) is not None:
                shown = page_view(one, at.transcript, ada, at).digest
                assert say(store, one, ada, "A", "Look at [1].", shown=shown) is not None
            arena("work", "--store", path, "--once")
            seen.append([seat for seat, _, _ in texts(store, one)])
            if chair(store, one, bob) is not None and len(seen) == 1:
                acts.ask(store, one, bob, "Who saw it?")
        assert seen == [["A", "B"], ["A", "B", JUDGE, "A", "B"]]
        acts.submit(store, one, bob, "A", 0.9, "because")
        assert due_of(store, one) is None
        (row,) = report(store, "r")["settings"]
        assert row["n"] == 1


def due_of(store: Store, match: Match) -> Due | None:
    (one,) = [one for one in claimed(store) if one.match == match.id]
    return due(store, one)


def test_the_command_of_the_run_goes_on_after_a_persons_speech(folder: Path) -> None:
    file, path = run_file(
        folder, protocols=["debate"], players={"me": "person", "bot": WITNESS},
        judges={"literal": "scripted:literal"}, play={"seats": {"A": "bot", "B": "me"}},
    )  # fmt: skip
    arena("play", file, "--store", path)
    for _ in range(2):
        with Store(path) as store:
            assert all([act(store, one) for one in matches_of(store, "r")])
        again = json.loads(arena("play", file, "--store", path, "--json").stdout)
    assert (again["done"], again["waiting"]) == (2, [])


def test_people_play_in_a_tournament_too(folder: Path) -> None:
    file, path = run_file(
        folder, protocols=["debate without rebuttal"],
        players={"me": "person", "bot": WITNESS}, judges={"literal": "scripted:literal"},
    )  # fmt: skip
    waiting = json.loads(arena("tournament", file, "--store", path, "--json").stdout)["waiting"]
    assert Counter(one["seat"] for one in waiting) == {"A": 2, "B": 2}  # seats are exchanged
    with Store(path) as store:
        for one in matches_of(store, "r"):
            while act(store, one):
                pass
    assert arena("work", "--store", path, "--once").exit_code == 0
    with Store(path) as store:
        (row,) = report(store, "r")["settings"]
    assert (row["n"], row["verdicts"]) == (4, 8)  # a tournament's judges read both listings


def test_what_waits_is_said_with_both_commands_that_go_on(folder: Path) -> None:
    file, path = run_file(folder)
    said = arena("play", file, "--store", path).stdout
    assert "2 matches wait for a person (judge)" in said
    assert f"arena ui --store {path}" in said and f"arena work --store {path}" in said


def test_of_matches_that_people_only_read_no_worker_is_mentioned(folder: Path) -> None:
    file, path = run_file(folder, protocols=["debate"])
    said = arena("play", file, "--store", path).stdout
    assert f"arena ui --store {path}" in said and "arena work" not in said


# ---------------------------------------------------------------------------------------------
# What a page may say meanwhile.


def test_where_people_debate_no_wait_tells_them_from_machines(folder: Path) -> None:
    """A judge who waits for a person's speech sees what one who waits for a machine's sees."""
    file, path = run_file(
        folder, players={"me": "person", "bot": WITNESS},
        play={"seats": {"A": "me", "B": "bot"}},
    )  # fmt: skip
    arena("play", file, "--store", path)
    with Store(path) as store:
        first, _ = matches_of(store, "r")
        waits = [status(store, first)]  # for a person
        act(store, first)
        waits.append(status(store, first))  # for a machine
        assert claim(store, first.id, "worker x", time.time(), 60)
        waits.append(status(store, first))  # which is at it
        release(store, [first.id], "worker x")
        fail(store, first)
        waits.append(status(store, first))  # and has failed
    assert [one and (one.state, one.who) for one in waits] == [("queued", ("A", "B"))] * 4


def fail(store: Store, match: Match, passing: bool = False) -> None:
    now = due_of(store, match)
    assert now is not None
    failed(store, now, "no reason", passing)


def test_a_page_is_told_who_is_waited_for_and_what_becomes_of_it(folder: Path) -> None:
    file, path = run_file(folder)
    arena("play", file, "--store", path)
    with Store(path) as store:
        first, _ = matches_of(store, "r")
        act(store, first)
        at = store.transcript(first)[-1].at
        assert at is not None

        def waits(after: float) -> tuple[str, float]:
            found = status(store, first, now=at + after)
            assert found is not None and found.who == ("A", "B")
            return found.state, found.elapsed

        assert waits(42) == ("queued", 42)
        claim(store, first.id, "worker x", at + 50, 15)
        assert waits(60) == ("playing", 60)
        assert waits(66) == ("queued", 66)  # whoever played it is dead
        fail(store, first)
        assert waits(1000)[0] == "failed"
        assert retry(store, first, "ada") and not retry(store, first, "ada")
        assert waits(1000)[0] == "queued"
        fail(store, first)
        assert waits(1000)[0] == "failed"
        assert store.one("SELECT count(*) AS n FROM events WHERE kind = 'retry'") == {"n": 1}


# ---------------------------------------------------------------------------------------------
# Leases.


def test_one_worker_holds_a_match_until_its_lease_runs_out(store: Store) -> None:
    assert claim(store, "m1", "worker x", 100, 15)
    assert not claim(store, "m1", "worker y", 110, 15)
    assert claim(store, "m2", "worker y", 110, 15)
    renew(store, ["m1", "m2"], "worker x", 130)  # m2 is not its own
    assert held(store) == {"m1": 130, "m2": 125}
    assert not claim(store, "m1", "worker y", 129, 15)
    assert claim(store, "m1", "worker y", 131, 15)
    renew(store, ["m1"], "worker x", 500)  # it has lost it
    release(store, ["m1"], "worker x")
    assert held(store)["m1"] == 146
    release(store, ["m1", "m2"], "worker y")
    assert held(store) == {}


def test_a_lease_keeps_no_person_from_a_chair(folder: Path) -> None:
    """A worker's lease is on the match, and a person's on a chair of it."""
    file, path = run_file(folder)
    arena("play", file, "--store", path)
    with Store(path) as store:
        first, _ = matches_of(store, "r")
        store.execute(
            {"INSERT INTO assignments (match, seat, holder, until) VALUES (?,?,?,?)": [
                (first.id, JUDGE, "ada", 1e12), (first.id, "machines", "bob", 1e12)]}
        )  # fmt: skip
        assert claim(store, first.id, "worker x", 100, 15)
        release(store, [first.id], "worker x")
        rows = [row["holder"] for row in store.query("SELECT holder FROM assignments")]
        assert sorted(rows) == ["ada", "bob"]


def test_a_worker_goes_on_holding_what_takes_long(folder: Path) -> None:
    path = folder / "s.db"
    (one,) = asked(path, 1)
    playing, renewed = threading.Event(), threading.Event()

    def slow(requests: tuple[Request, ...]) -> list[Reply]:
        playing.set()
        assert renewed.wait(90)
        return replying()(requests)

    cast = Fixed.of(BestOf("one", 2), BestOf("two", 1), answers=slow)

    def go() -> None:
        with Worker(path, company=lambda store: cast, seconds=1.5) as worker:
            worker.work(once=True)

    thread = threading.Thread(target=go)
    thread.start()
    try:
        assert playing.wait(20)
        with Store(path) as store:
            first = until = held(store)[one.id]
            end = time.monotonic() + 60
            while until < first + 2.0:  # the lease of 1.5 s would be over, however busy this is
                assert not claim(store, one.id, "worker y", until - 0.1, 0.3)
                assert time.monotonic() < end
                time.sleep(0.02)
                until = held(store)[one.id]
    finally:
        renewed.set()
        thread.join()


# ---------------------------------------------------------------------------------------------
# Several workers, and dead ones.


def _worker(path: Path, log: Path, delay: float = 0.02, seconds: float = 1.5) -> Any:
    return subprocess.Popen(
        [sys.executable, __file__, str(path), str(log), str(delay), str(seconds)],
        cwd=Path(__file__).parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def _judge_all(
    path: Path, made: Sequence[Match], stopped: Callable[[], None], limit: float
) -> None:
    """Act as the person in every chair until everything is played."""
    until = time.monotonic() + limit
    with Store(path) as store:
        left = list(made)
        while left:
            assert time.monotonic() < until, f"{len(left)} matches are not over"
            stopped()
            for one in left:
                act(store, one)
            over = {row["id"] for row in store.query("SELECT id FROM matches WHERE played = 1")}
            left = [one for one in left if one.id not in over]
            time.sleep(0.02)


def _golden(path: Path, count: int) -> tuple[list[Any], set[str]]:
    """What one worker makes of the matches when nobody disturbs it, and the requests it asks."""
    log = path.with_suffix(".log")
    made = asked(path, count)
    with Worker(path, company=best(log)) as worker, Store(path) as store:
        for _ in range(3):
            worker.work(once=True)
            for one in made:
                act(store, one)
        keys = [line.split()[1] for line in log.read_text().splitlines()]
        assert len(set(keys)) == len(keys)
        assert {row["played"] for row in store.query("SELECT played FROM matches")} == {1}
        return turns(store), set(keys)


COUNT = 8


def test_two_workers_play_each_turn_once(folder: Path) -> None:
    expected, keys = _golden(folder / "golden.db", COUNT)
    path, log = folder / "s.db", folder / "log"
    made = asked(path, COUNT)
    both = [_worker(path, log) for _ in range(2)]
    try:
        _judge_all(path, made, lambda: _alive(both), 90)
    finally:
        for one in both:
            one.kill()
        for one in both:
            one.wait()
            one.stderr.close()
    lines = [line.split() for line in log.read_text().splitlines()]
    assert Counter(key for _, key in lines) == Counter(keys)  # each once, and no other
    assert len({pid for pid, _ in lines}) == 2
    with Store(path) as store:
        assert turns(store) == expected


def _alive(workers: Sequence[Any]) -> None:
    for one in workers:
        assert one.poll() is None, one.stderr.read()


def test_when_a_worker_is_killed_the_other_plays_its_matches_too(folder: Path) -> None:
    expected, keys = _golden(folder / "golden.db", COUNT)
    path, log = folder / "s.db", folder / "log"
    made = asked(path, COUNT)
    both = [_worker(path, log, delay=0.1) for _ in range(2)]
    victim, other = both
    killed: list[int] = []

    def lines() -> list[list[str]]:
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def stopped() -> None:
        _alive([other])
        if not killed and sum(pid == str(victim.pid) for pid, _ in lines()) >= 6:
            os.killpg(victim.pid, signal.SIGKILL)
            victim.wait()
            with Store(path) as store:  # what it had been told, and lost
                kept = {row["key"] for row in store.query("SELECT key FROM replies")}
            killed.append(len({key for pid, key in lines() if key not in kept}))

    try:
        _judge_all(path, made, stopped, 120)
    finally:
        for one in both:
            one.kill()
        for one in both:
            one.wait()
            one.stderr.close()
    assert killed, "the worker was not killed"
    again = Counter(key for _, key in lines())
    assert set(again) == keys
    twice = [key for key, n in again.items() if n > 1]
    assert all(again[key] == 2 for key in twice)
    assert len(twice) <= killed[0]  # nothing that was committed
    with Store(path) as store:
        assert turns(store) == expected


# ---------------------------------------------------------------------------------------------
# What goes wrong.


def test_an_engine_that_fails_is_noted_and_other_matches_go_on(folder: Path) -> None:
    path = folder / "s.db"
    made = asked(path, 3)
    bad: list[str] = []

    def answers(requests: tuple[Request, ...]) -> list[Reply]:
        bad.extend(() if bad else (requests[0].key,))  # the first match's
        if bad[0] in {one.key for one in requests}:
            raise ConnectionError("the line\nis dead")
        return replying()(requests)

    cast = Fixed.of(BestOf("one", 2), BestOf("two", 1), answers=answers)
    with Worker(path, company=lambda _: cast) as worker, Store(path) as store:
        told = worker.work(once=True)
        line = "the turn could not be made: ConnectionError: the line is dead"
        assert told.failed == {made[0].id: ("A B", line)} and told.turns == 4
        assert [len(texts(store, one)) for one in made] == [0, 2, 2]
        (event,) = store.query("SELECT match, person, value FROM events WHERE kind = 'failed'")
        assert (event["match"], event["person"]) == (made[0].id, None)
        waits = status(store, made[0])
        assert waits is not None and waits.state == "queued"  # it is tried again by itself
        assert worker.work(once=True).turns == 4  # but not at once
        assert retry(store, made[0], "ada")
        bad[:] = ["none"]
        told = worker.work(once=True)
        assert told.failed == {} and told.turns == 6
        assert status(store, made[0]) is None


def test_what_brings_a_match_no_further_is_not_played_for_ever(folder: Path) -> None:
    """A machine's verdict that somebody took back is owed, and cannot be given again."""
    path = folder / "s.db"
    one = staged(question(1), debate())
    with stage(path, []) as store:
        store.execute({"UPDATE runs SET kind = 'fork'": [()]})
        kept = Batch(items=[Item(one.question, 0)], protocols=[one.protocol], matches=[one])
        kept.run_matches = [("trial", 0, one.id, {"judges": [participant_id(Decides())]})]
        store.write(kept)
        cast = Fixed.of(ALICE, BOB, judges=[Decides()])
        with Worker(path, company=lambda _: cast) as worker:
            assert worker.work(once=True).failed == {}
            (verdict,) = store.query("SELECT id FROM verdicts")
            store.write(
                Batch(events=[{"kind": "withdrawn", "match": one.id, "turn": verdict["id"]}])
            )
            told = worker.work(once=True)
            assert told.failed == {one.id: ("", "nothing came of playing it on")}


def test_matches_are_played_side_by_side(folder: Path) -> None:
    path = folder / "s.db"
    asked(path, 5)
    sizes: list[int] = []

    def answers(requests: tuple[Request, ...]) -> list[Reply]:
        sizes.append(len(requests))
        return replying()(requests)

    cast = Fixed.of(BestOf("one", 2), BestOf("two", 1), answers=answers)
    with Worker(path, company=lambda _: cast, width=4) as worker:
        assert worker.work(once=True).turns == 10
    together = len(sizes)
    sizes.clear()
    asked(folder / "t.db", 5)
    with Worker(folder / "t.db", company=lambda _: cast, width=1) as worker:
        assert worker.work(once=True).turns == 10
    assert len(sizes) > 2 * together


def test_what_passes_is_tried_again_by_itself_and_then_left_until_somebody_asks(
    store: Store,
) -> None:
    one = staged(question(1), ASKED)
    found = Due(Claimed("r", one.id, (), "listed"), one, ("A",), one.root, None)
    seen = []
    for now in (100.0, 200.0, 300.0):
        failed(store, found, "no reason", passing=True, now=now)
        wrong = failure(store, one.id, one.root)
        seen.append(wrong and wrong.again)
    assert seen == [100 + AGAIN[0], 200 + AGAIN[1], None]
    assert failure(store, one.id, "another turn") is None
    assert retry(store, one, "ada", now=400) and failure(store, one.id, one.root) is None
    failed(store, found, "no reason", passing=True, now=500)
    wrong = failure(store, one.id, one.root)
    assert wrong is not None and wrong.again == 500 + AGAIN[0]
    failed(store, found, "no reason", passing=False, now=501)
    wrong = failure(store, one.id, one.root)
    assert wrong is not None and wrong.again is None


def test_an_engine_that_comes_back_is_found_by_a_worker_that_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "AGAIN", (0.05, 0.05))
    monkeypatch.setattr(work, "REST", 0.1)
    path = folder / "s.db"
    (one,) = asked(path, 1)
    calls = []

    def answers(requests: tuple[Request, ...]) -> list[Reply]:
        calls.append(len(requests))
        if len(calls) < 3:
            raise ConnectionError
        return replying()(requests)

    cast = Fixed.of(BestOf("one", 2), BestOf("two", 1), answers=answers)
    stop = threading.Event()
    with Worker(path, company=lambda _: cast) as worker, Store(path) as store:
        thread = threading.Thread(target=worker.work, kwargs={"stop": stop, "minutes": 0.5})
        thread.start()
        begin = time.monotonic()
        while len(texts(store, one)) < 2 and time.monotonic() - begin < 20:
            time.sleep(0.02)
        stop.set()
        thread.join()
        assert len(texts(store, one)) == 2 and worker.summary.failed == {}
        assert store.one("SELECT count(*) AS n FROM events WHERE kind = 'failed'") == {"n": 2}


def test_a_worker_that_starts_tries_once_more_what_had_failed(folder: Path) -> None:
    path = folder / "s.db"
    made = asked(path, 2)
    gone = Fixed.of(BestOf("one", 2), answers=replying())  # player two cannot be had
    with Worker(path, company=lambda _: gone) as worker, Store(path) as store:
        assert len(worker.work(once=True).failed) == 2
        assert worker.step() == 0
        waits = [status(store, one) for one in made]
        assert [one and one.state for one in waits] == ["failed", "failed"]
        count = "SELECT count(*) AS n FROM events WHERE kind = 'failed'"
        assert store.one(count) == {"n": 2}
        with Worker(path, company=lambda _: gone) as second:
            second.work(once=True)
        assert store.one(count) == {"n": 4}
        with Worker(path, company=best()) as third:
            assert third.work(once=True).turns == 4
        assert [status(store, one) for one in made] == [None, None]


def test_a_model_whose_folder_has_gone_is_one_line_and_other_matches_go_on(folder: Path) -> None:
    file, path = run_file(folder, questions={"source": "witness", "n": 1})
    arena("play", file, "--store", path)
    other, _ = run_file(folder, name="other", questions={"source": "witness", "n": 1, "seed": 9})
    arena("play", other, "--store", path)
    with Store(path) as store:
        (first,), (second,) = matches_of(store, "r"), matches_of(store, "other")
        who = dict(first.seats)["A"]
        keep_specs(store, "other", {who: "local:gone/away"})
        store.execute({"DELETE FROM artifacts WHERE run = ?": [("r",)]})
        assert specs_of(store, who, "r") == ["local:gone/away"]
        act(store, first)
        act(store, second)
    done = arena("work", "--store", path, "--once", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["turns"] == 0 and len(found["failed"]) == 2
    for one in found["failed"]:
        assert (
            one["reason"].startswith("participant 'local:gone/away'") and "\n" not in one["reason"]
        )
    assert len(done.stderr.strip().splitlines()) == 2
    with Store(path) as store:
        keep_specs(store, "r", {who: WITNESS})
    done = arena("work", "--store", path, "--once", "--run", "r", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["turns"] == 2
    assert arena("work", "--store", path, "--once").exit_code == 0  # r's string serves the other


def test_whoever_is_another_now_does_not_go_on_in_a_run(folder: Path) -> None:
    file, path = run_file(folder)
    arena("play", file, "--store", path)
    with Store(path) as store:
        first, _ = matches_of(store, "r")
        keep_specs(store, "r", {dict(first.seats)["A"]: "scripted:random"})
        act(store, first)
    done = arena("work", "--store", path, "--once", "--json")
    (wrong,) = json.loads(done.stdout)["failed"]
    assert wrong["reason"].startswith("scripted:random: it is not what it was")
    with Store(path) as store:
        assert len(texts(store, first)) == 3


def test_scripted_players_are_built_from_their_records_where_nothing_was_noted(
    folder: Path,
) -> None:
    file, path = run_file(folder)
    arena("play", file, "--store", path)
    with Store(path) as store:
        store.execute({"DELETE FROM artifacts": [()]})
        for one in matches_of(store, "r"):
            act(store, one)
    assert json.loads(arena("work", "--store", path, "--once", "--json").stdout)["turns"] == 4


# ---------------------------------------------------------------------------------------------
# Which matches, and when.


def test_a_run_that_no_person_plays_in_is_left_to_its_own_command(folder: Path) -> None:
    file, path = run_file(folder, judges={"literal": "scripted:literal"})
    arena("play", file, "--store", path, "--set", "run.minutes=0.0000001")
    with Store(path) as store:
        assert list(claimed(store)) == []
    refused = arena("work", "--store", path, "--run", "r")
    assert refused.exit_code == 2 and len(refused.stderr.strip().splitlines()) == 1
    assert "no match that people play in" in refused.stderr


@pytest.mark.parametrize("kind", ["import", "train", "evaluation"])
def test_chairs_of_imports_and_of_training_runs_are_not_played(folder: Path, kind: str) -> None:
    one = staged(question(1), ASKED, PERSON)
    with stage(folder / "s.db", [one]) as store:
        act(store, one)
        assert [c.match for c in claimed(store)] == [one.id]
        store.execute({"UPDATE runs SET kind = ?": [(kind,)]})
        assert list(claimed(store)) == []


def test_a_fork_is_played_on_though_no_person_sits_in_it(folder: Path) -> None:
    path = folder / "s.db"
    one = staged(question(1), debate())
    with stage(path, []) as store:
        store.execute({"UPDATE runs SET kind = 'fork'": [()]})
        kept = Batch(items=[Item(one.question, 0)], protocols=[one.protocol], matches=[one])
        kept.run_matches = [("trial", 0, one.id, {"judges": [participant_id(Decides())]})]
        store.write(kept)
        cast = Fixed.of(ALICE, BOB, judges=[Decides()])
        with Worker(path, company=lambda _: cast) as worker:
            assert worker.work(once=True).done == 1
        assert len(texts(store, one)) == 4
        assert store.one("SELECT count(*) AS n FROM verdicts") == {"n": 1}


def test_an_unknown_run_or_store_is_one_line(folder: Path) -> None:
    refused = arena("work", "--store", folder / "no.db")
    assert refused.exit_code == 2 and "no store at" in refused.stderr
    _, path = run_file(folder)
    Store(path).close()
    refused = arena("work", "--store", path, "--run", "x", "--once")
    assert refused.exit_code == 2 and "no run 'x'" in refused.stderr


@contextmanager
def _serving(path: Path) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=serve_forever, args=(path, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def test_somebody_who_asks_is_answered_within_about_a_second(folder: Path) -> None:
    file, path = run_file(folder)
    arena("play", file, "--store", path)
    with _serving(path), Store(path) as store:
        took = []
        for one in matches_of(store, "r"):
            time.sleep(0.6)
            act(store, one)
            begin = time.monotonic()
            while len(texts(store, one)) < 5:
                assert time.monotonic() - begin < 20
                time.sleep(0.02)
            took.append(time.monotonic() - begin)
        assert min(took) < 1.5  # the machine may be busy once


def test_a_run_that_begins_while_a_worker_waits_is_played_on_too(folder: Path) -> None:
    file, path = run_file(folder)
    Store(path).close()
    with _serving(path), Store(path) as store:
        time.sleep(0.5)
        arena("play", file, "--store", path)
        first, _ = matches_of(store, "r")
        act(store, first)
        begin = time.monotonic()
        while len(texts(store, first)) < 5:
            assert time.monotonic() - begin < 20
            time.sleep(0.02)


def test_a_worker_ends_when_its_time_is_up(folder: Path) -> None:
    file, path = run_file(folder)
    arena("play", file, "--store", path)
    begin = time.monotonic()
    assert arena("work", "--store", path, "--minutes", "0.005").exit_code == 0
    assert 0.3 <= time.monotonic() - begin < 20


def test_a_worker_that_is_told_to_end_gives_its_matches_back(folder: Path) -> None:
    file, path = run_file(folder)
    arena("play", file, "--store", path)
    process = subprocess.Popen(
        [sys.executable, "-m", "ui.cli", "work", "--store", str(path), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None and "Ctrl+C" in process.stderr.readline()
        with Store(path) as store:
            first, _ = matches_of(store, "r")
            act(store, first)
            begin = time.monotonic()
            while len(texts(store, first)) < 5:
                assert process.poll() is None and time.monotonic() - begin < 60
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            assert held(store) == {}
    finally:
        process.kill()
    assert process.returncode == 0 and "the same command goes on" in err
    assert json.loads(out)["turns"] == 2


# ---------------------------------------------------------------------------------------------
# What a run allows at the desk.


def test_a_run_keeps_what_its_file_allows_at_the_desk(folder: Path) -> None:
    file, path = run_file(folder, desk={"mode": "timed", "seconds": 90, "survey": ["human"]})
    arena("play", file, "--store", path)
    with Store(path) as store:
        kept = settings_of(store, "r")
        assert (kept.mode, kept.seconds, kept.survey) == ("timed", 90, ("human",))


def test_another_desk_is_the_same_run_and_leaves_an_event(folder: Path) -> None:
    file, path = run_file(folder)
    arena("play", file, "--store", path)
    count = "SELECT count(*) AS n FROM events WHERE kind = 'settings'"
    for desk, events in (({"undo": 5}, 1), ({"undo": 5}, 1), ({"undo": 7}, 2), (None, 2)):
        file, _ = run_file(folder, **({} if desk is None else {"desk": desk}))
        assert arena("play", file, "--store", path).exit_code == 0
        with Store(path) as store:
            assert store.one(count) == {"n": events}
            assert settings_of(store, "r").undo == (7 if events == 2 else 5)
            assert store.one("SELECT count(*) AS n FROM runs") == {"n": 1}


def test_a_run_that_is_refused_leaves_the_desk_as_it_was(folder: Path) -> None:
    file, path = run_file(folder, desk={"undo": 5})
    arena("play", file, "--store", path)
    file, _ = run_file(folder, desk={"undo": 9}, questions={"source": "witness", "n": 5})
    assert arena("play", file, "--store", path).exit_code == 2
    with Store(path) as store:
        assert settings_of(store, "r").undo == 5


@pytest.mark.parametrize(
    ("desk", "named"),
    [({"mode": "slow"}, "desk.mode"), ({"mode": "timed"}, "mode timed needs seconds"),
     ({"feedbak": True}, "desk.feedbak"), ({"undo": -1}, "desk.undo"), ([], "desk")],
)  # fmt: skip
def test_a_desk_that_does_not_fit_is_one_line_and_leaves_no_store(
    folder: Path, desk: object, named: str
) -> None:
    file, path = run_file(folder, desk=desk)
    refused = arena("play", file, "--store", path)
    assert refused.exit_code == 2 and not path.exists()
    (line,) = refused.stderr.strip().splitlines()
    assert named in line


def main() -> None:
    """Be a worker."""
    path, log, delay, seconds = sys.argv[1:]
    company = best(Path(log), float(delay))
    with Worker(path, width=2, company=company, seconds=float(seconds)) as worker:
        worker.work()


if __name__ == "__main__":
    main()
