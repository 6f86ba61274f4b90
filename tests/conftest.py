"""Fixtures that every test may use, and ``--update-playthroughs``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browser as browsers
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


OPENERS = {"chromium", "browser"}
"""The fixtures that are a browser: a test that asks for one of them is left out with them."""


def pytest_configure(config: pytest.Config) -> None:
    """One line, and no test, where browser tests are among those to be run and there is none.

    Asked before any of xdist's workers starts, so that it is said once.
    """
    if hasattr(config, "workerinput") or config.option.collectonly or browsers.unwanted():
        return
    if any(_opens(arg.partition("::")[0]) for arg in config.args) and browsers.find() is None:
        raise pytest.UsageError(browsers.MISSING)


def _opens(arg: str) -> bool:
    """Whether a browser may be wanted: for all tests of a folder, or a module that names one."""
    path = Path(arg)
    return path.is_dir() or (path.is_file() and "chromium" in path.read_text(errors="replace"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests with a browser where nobody wants them."""
    if browsers.unwanted():
        for item in items:
            if OPENERS & set(getattr(item, "fixturenames", ())):
                item.add_marker(pytest.mark.skip(reason=f"{browsers.OFF} is set"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium, for the tests of one module."""
    with browsers.launched() as one:
        yield one


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
