"""Fixtures that every test may use, and ``--update-playthroughs``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from players import QUESTION, Counting, Talker, instant, one_at_a_time, shuffled

from arena.questions import Question
from arena.store import Store

ENGINES: dict[str, Callable[[], Counting]] = {
    "at once": instant,
    "one at a time": one_at_a_time,
    "newest first": lambda: one_at_a_time(newest=True),
    "out of order 1": lambda: shuffled(1),
    "out of order 2": lambda: shuffled(2),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-playthroughs",
        action="store_true",
        help="write tests/playthroughs/*.txt anew, to be read and committed",
    )


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Bit-equal arithmetic, wherever torch is loaded already; it is not loaded for this."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Counting:
    """Engines that answer in different orders; results must not tell them apart."""
    return ENGINES[request.param]()


@pytest.fixture
def question() -> Question:
    """What was the bell made of?"""
    return QUESTION


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store in memory."""
    with Store(None) as one:
        yield one


@pytest.fixture
def cast() -> dict[str, Talker]:
    """A talker for every seat that built-in protocols have."""
    return {seat: Talker(f"talker {seat}") for seat in ("A", "B", "judge")}
