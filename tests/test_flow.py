"""Flows: whatever order an engine answers in, the same is said; what is kept is kept first."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from players import Counting, echo, finish, instant, one_at_a_time, shuffled, texts

from arena.flow import (
    Flow,
    Message,
    Reply,
    Request,
    ask,
    batch,
    recorded,
    routed,
    run,
    together,
)


def request(text: str, seed: int = 0, model: str = "m") -> Request:
    return Request(model, (Message("user", text),), 8, seed)


def chatter(name: str, steps: int, seed: int = 0) -> Flow[tuple[str, tuple[str, ...]]]:
    """Each step asks one to four requests that depend on all that was answered before."""
    noise, log = random.Random(f"{name} {seed}"), []
    for step in range(steps):
        asked = [
            request(f"{name} {step} {log}", noise.randrange(3)) for _ in range(noise.randint(1, 4))
        ]
        log += [reply.text for reply in (yield from ask(*asked))]
    return name, tuple(log)


def crowd() -> list[Flow[tuple[str, tuple[str, ...]]]]:
    return [chatter(f"flow {i}", i % 5) for i in range(23)]


def by_hand(flow: Flow[object]) -> object:
    """The result of a flow, driven with ``next`` and ``send``: the oracle for `run`."""
    try:
        asked = next(flow)
        while True:
            asked = flow.send(tuple(echo(one) for one in asked))
    except StopIteration as stop:
        return stop.value


@pytest.mark.parametrize("width", [1, 2, 7, 64])
def test_the_order_in_which_an_engine_answers_changes_no_result(
    engine: Counting, width: int
) -> None:
    expected = [by_hand(flow) for flow in crowd()]
    found = list(run(crowd(), engine, width))
    assert sorted(found) == sorted(expected)  # type: ignore[type-var]
    assert not engine.waiting


@pytest.mark.parametrize("seed", range(20))
def test_random_parts_in_random_order_change_no_result(seed: int) -> None:
    assert texts(crowd(), shuffled(seed), 5) == texts(crowd(), instant(), 64)


def test_replies_come_back_in_the_order_of_the_requests() -> None:
    asked = [request(f"number {i}") for i in range(6)]

    def one() -> Flow[tuple[Reply, ...]]:
        return (yield from ask(*asked))

    assert finish(one(), one_at_a_time(newest=True)) == tuple(echo(each) for each in asked)


def test_asking_for_nothing_does_not_wait() -> None:
    def one() -> Flow[tuple[Reply, ...]]:
        return (yield from ask())

    engine = instant()
    assert finish(one(), engine) == ()
    assert engine.collects == 0


# Tickets.


def test_equal_requests_are_kept_apart_by_their_tickets() -> None:
    numbers = iter(range(100))
    engine = Counting(lambda _: Reply(text=str(next(numbers))), lambda waiting, _: [waiting[-1]])

    def one() -> Flow[list[str]]:
        same = request("same")
        replies = yield from ask(same, same, same)
        return [reply.text for reply in replies]

    found = list(run([one(), one()], engine))
    assert len(engine.asked) == 6
    assert sorted(text for texts in found for text in texts) == list("012345")


def test_an_engine_that_answers_a_ticket_twice_is_an_error() -> None:
    class Twice(Counting):
        def collect(self) -> list[tuple[int, Reply]]:
            return super().collect() * 2

    with pytest.raises(KeyError):
        list(run([chatter("a", 2)], Twice(echo, lambda waiting, _: list(waiting))))


def test_an_engine_that_returns_nothing_is_an_error_and_not_an_endless_loop() -> None:
    idle = Counting(echo, lambda waiting, _: [])
    with pytest.raises(RuntimeError, match="collect returned nothing"):
        list(run([chatter("a", 1)], idle))


def test_a_batch_function_must_answer_every_request() -> None:
    with pytest.raises(ValueError, match="zip"):
        list(run([chatter("a", 1)], batch(lambda asked: [])))


def test_everything_that_live_flows_ask_is_in_one_batch() -> None:
    sizes: list[int] = []

    def answer(asked: tuple[Request, ...]) -> Sequence[Reply]:
        sizes.append(len(asked))
        return [echo(one) for one in asked]

    def one(i: int) -> Flow[None]:
        for step in range(3):
            yield (request(f"{i} {step}"), request(f"{i} {step} more"))

    list(run([one(i) for i in range(8)], batch(answer), width=8))
    assert sizes == [16, 16, 16]


# Width.


@pytest.mark.parametrize("width", [1, 3, 10])
def test_no_more_flows_than_the_width_are_live_and_no_fewer_while_there_are_more(
    engine: Counting, width: int
) -> None:
    live = 0
    seen: list[int] = []

    def one(i: int) -> Flow[None]:
        nonlocal live
        live += 1
        for step in range(2):
            yield (request(f"{i} {step}"),)
            seen.append(live)
        live -= 1

    list(run((one(i) for i in range(20)), engine, width))
    assert max(seen) == width


def test_flows_are_taken_up_only_when_there_is_room() -> None:
    taken = 0

    def source() -> Sequence[Flow[None]]:
        nonlocal taken

        def one() -> Flow[None]:
            yield (request("x"),)

        for _ in range(10):
            taken += 1
            yield one()

    driver = run(source(), one_at_a_time(), width=2)
    next(driver)
    assert taken <= 3
    driver.close()


@pytest.mark.parametrize("width", [0, -1])
def test_a_width_below_one_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="width"):
        list(run([], instant(), width))


# What is kept, and when.


def test_replies_are_committed_before_any_flow_sees_them_and_results_after(
    engine: Counting,
) -> None:
    kept: list[str] = []
    commits = 0
    ended: dict[int, int] = {}

    def commit(replies: Sequence[tuple[Request, Reply]]) -> None:
        nonlocal commits
        commits += 1
        kept.extend(asked.key for asked, _ in replies)

    def one(i: int) -> Flow[int]:
        for step in range(i % 4):
            asked = (request(f"{i} {step}"), request(f"{i} {step} b"))
            yield asked
            assert {each.key for each in asked} <= set(kept)
        ended[i] = commits
        return i

    found = []
    for i in run([one(i) for i in range(12)], engine, 4, commit):
        assert commits > ended[i], "a result is out before the commit that follows its end"
        found.append(i)
    assert sorted(found) == list(range(12))
    assert len(kept) == 2 * sum(i % 4 for i in range(12))


def test_flows_that_ask_nothing_are_committed_too() -> None:
    commits: list[int] = []

    def one() -> Flow[int]:
        yield from ask()
        return 1

    found = list(run((one() for _ in range(10)), instant(), 4, lambda r: commits.append(len(r))))
    assert found == [1] * 10
    assert len(commits) >= 3
    assert set(commits) == {0}


def test_nothing_is_advanced_after_a_commit_that_fails() -> None:
    advanced = []

    def one() -> Flow[None]:
        yield (request("x"),)
        advanced.append(1)

    def fail(_: Sequence[tuple[Request, Reply]]) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        list(run([one()], instant(), commit=fail))
    assert not advanced


# Errors.


class Closed:
    """Flows that note when they are closed."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def flow(self, name: str, fails_at: int | None = None, steps: int = 5) -> Flow[str]:
        try:
            for step in range(steps):
                if step == fails_at:
                    raise ZeroDivisionError(name)
                yield (request(f"{name} {step}"),)
            return name
        finally:
            self.names.append(name)


@pytest.mark.parametrize("fails_at", [0, 1, 3])
def test_an_error_of_a_flow_propagates_and_closes_the_others(
    engine: Counting, fails_at: int
) -> None:
    closed = Closed()
    flows = [closed.flow("a"), closed.flow("bad", fails_at), closed.flow("c")]
    with pytest.raises(ZeroDivisionError, match="bad") as raised:
        list(run(flows, engine))
    started = {"a", "bad"} if fails_at == 0 else {"a", "bad", "c"}
    assert set(closed.names) == started
    assert raised.value.args == ("bad",)


def test_a_reader_that_stops_reading_closes_the_flows() -> None:
    closed = Closed()
    flows = [closed.flow("short", steps=1), closed.flow("long"), closed.flow("longer")]
    driver = run(flows, instant())
    assert next(driver) == "short"
    driver.close()
    assert set(closed.names) == {"short", "long", "longer"}


def test_an_error_of_the_engine_propagates_and_closes_the_flows() -> None:
    closed = Closed()

    def answer(_: tuple[Request, ...]) -> Sequence[Reply]:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        list(run([closed.flow("a"), closed.flow("b")], batch(answer)))
    assert set(closed.names) == {"a", "b"}


def test_a_yield_of_no_request_is_refused() -> None:
    def one() -> Flow[None]:
        yield ()

    with pytest.raises(ValueError, match="yielded no request"):
        list(run([one()], instant()))


def test_a_yield_of_no_request_is_refused_beside_one_that_asks() -> None:
    def silent() -> Flow[None]:
        yield ()

    def asks() -> Flow[None]:
        yield (request("x"),)

    with pytest.raises(ValueError, match="yielded no request"):
        finish(together(asks(), silent()))


# Together.


def test_together_returns_results_in_the_order_of_the_flows(engine: Counting) -> None:
    flows = [chatter(f"f{i}", steps) for i, steps in enumerate((3, 0, 1, 5, 2))]
    expected = tuple(by_hand(chatter(f"f{i}", n)) for i, n in enumerate((3, 0, 1, 5, 2)))
    assert finish(together(*flows), engine) == expected


def test_together_asks_side_by_side() -> None:
    engine = instant()
    finish(together(*(chatter(f"f{i}", steps) for i, steps in enumerate((3, 0, 1, 5, 2)))), engine)
    assert engine.collects == 5  # as many as the longest


def test_together_nests_and_takes_none() -> None:
    assert finish(together()) == ()
    inner = together(chatter("a", 2), chatter("b", 0))
    assert finish(together(inner, chatter("c", 1))) == (
        (by_hand(chatter("a", 2)), by_hand(chatter("b", 0))),
        by_hand(chatter("c", 1)),
    )


def test_an_error_in_one_of_several_flows_together_closes_the_others() -> None:
    closed = Closed()
    with pytest.raises(ZeroDivisionError) as raised:
        finish(together(closed.flow("a"), closed.flow("bad", 1), closed.flow("c")))
    assert raised.value.args == ("bad",)
    assert set(closed.names) == {"a", "bad", "c"}


def test_closing_flows_that_run_together_closes_each() -> None:
    closed = Closed()
    flow = together(closed.flow("a"), closed.flow("b"))
    next(flow)
    flow.close()
    assert set(closed.names) == {"a", "b"}


# Recorded.


class Book:
    """Kept replies, by key."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}

    def lookup(self, keys: Sequence[str]) -> dict[str, Reply]:
        return {key: self.replies[key] for key in keys if key in self.replies}

    def commit(self, replies: Sequence[tuple[Request, Reply]]) -> None:
        for asked, reply in replies:
            self.replies.setdefault(asked.key, reply)


def test_equal_requests_under_way_are_asked_once_and_shared(engine: Counting) -> None:
    def one() -> Flow[list[str]]:
        replies = yield from ask(request("same"), request("same"), request("other"))
        more = yield from ask(request("again"))
        return [reply.text for reply in (*replies, *more)]

    book = Book()
    found = list(run([one() for _ in range(5)], recorded(engine, book.lookup), 5, book.commit))
    assert len({tuple(texts) for texts in found}) == 1
    assert len(engine.asked) == 3


@pytest.mark.parametrize("width", [1, 2, 9])
def test_what_was_committed_is_never_asked_again(engine: Counting, width: int) -> None:
    book = Book()
    first = texts(crowd(), recorded(engine, book.lookup), width)  # nothing is kept
    texts(crowd(), recorded(engine, book.lookup))
    list(run(crowd(), recorded(engine, book.lookup), width, book.commit))
    asked = len(engine.asked)
    again = list(run(crowd(), recorded(engine, book.lookup), width, book.commit))
    assert len(engine.asked) == asked
    assert sorted(again) == sorted(first)


def test_a_run_that_was_killed_asks_for_no_committed_reply_again() -> None:
    for killed_after in range(1, 12):
        book = Book()
        commits = 0

        def commit(
            replies: Sequence[tuple[Request, Reply]], book: Book = book, last: int = killed_after
        ) -> None:
            nonlocal commits
            commits += 1
            if commits > last:
                raise KeyboardInterrupt
            book.commit(replies)

        engine = shuffled(killed_after)
        try:
            list(run(crowd(), recorded(engine, book.lookup), 4, commit))
        except KeyboardInterrupt:
            kept = set(book.replies)
            engine.asked.clear()
        else:
            raise AssertionError("expected the run to be killed")
        fresh = shuffled(killed_after + 100)
        found = texts(crowd(), recorded(fresh, book.lookup), 4)
        assert not kept & {one.key for one in fresh.asked}
        assert found == texts(crowd(), instant())


# Routed.


def test_each_request_goes_to_the_engine_of_its_model() -> None:
    left, right = one_at_a_time(), shuffled(3)
    both = routed({"a": left, "b": right, "c": right})

    def one(i: int) -> Flow[list[str]]:
        out = []
        for step in range(3):
            models = [random.Random(f"{i} {step} {n}").choice("abc") for n in range(3)]
            asked = [request(f"{i} {step}", n, model) for n, model in enumerate(models)]
            replies = yield from ask(*asked)
            assert [reply.text for reply in replies] == [echo(each).text for each in asked]
            out += [reply.model for reply in replies]
            assert out[-3:] == models
        return out

    list(run([one(i) for i in range(6)], both))
    assert {each.model for each in left.asked} == {"a"}
    assert {each.model for each in right.asked} == {"b", "c"}


def test_a_model_without_an_engine_is_named() -> None:
    with pytest.raises(ValueError, match=r"'z'.*known: a, b"):
        list(run([_asks("z")], routed({"b": instant(), "a": instant()})))


def _asks(model: str) -> Flow[None]:
    yield (request("x", model=model),)


# Requests as values.


def test_the_key_of_a_request_covers_every_field() -> None:
    base = Request("m", (Message("user", "x"),), 8, 1)
    others = [
        replace(base, model="n"),
        replace(base, messages=(Message("system", "x"),)),
        replace(base, messages=(Message("user", "y"),)),
        replace(base, max_tokens=9),
        replace(base, seed=2),
        replace(base, choices=("A",)),
        replace(base, allowed=("A",)),
        replace(base, stop=("A",)),
        replace(base, temperature=0.5),
        replace(base, prefix="A"),
    ]
    assert len({one.key for one in (base, *others)}) == 11
    assert set(base.record()) == {name for name in Request.__dataclass_fields__ if name != "key"}


def test_equal_requests_have_equal_keys() -> None:
    whole, real = replace(request("x"), temperature=1), replace(request("x"), temperature=1.0)
    assert whole == real
    assert whole.key == real.key
