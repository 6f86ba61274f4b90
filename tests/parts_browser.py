"""The page of parts, served, and a real browser to open it in: fixtures for the tests of parts.

A module that imports these is skipped where there is no browser.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ui.serve import OPTIONS

APP = Path(__file__).with_name("parts_app.py")
ROOT = Path(__file__).parents[1]
WAIT = 60_000  # milliseconds; a crowded machine is slow
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of the page, served as the desk is, with the desk's headers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "streamlit", "run", str(APP)]
    for name, value in {
        **OPTIONS, "server.address": "127.0.0.1", "server.port": str(port)
    }.items():  # fmt: skip
        words += [f"--{name}", value]
    process = subprocess.Popen(
        words, cwd=ROOT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    found = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                if urllib.request.urlopen(f"{found}/_stcore/health").read() == b"ok":
                    break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail("the server did not start within 120 s")
        yield found
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def open_page(url: str, chromium: Any) -> Iterator[Open]:
    """Opens one kind of page; at the end nothing may have gone wrong or outside in any of them."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def opened(show: str, size: tuple[int, int] = (1280, 900), **options: Any) -> Any:
        viewport = {"width": size[0], "height": size[1]}
        context = chromium.new_context(viewport=viewport, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(WAIT)
        own = (url, url.replace("http", "ws", 1), "data:", "blob:")
        tab.on("request", lambda r: None if r.url.startswith(own) else wrong.append(r.url))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.goto(f"{url}/?show={show}")
        drawn(tab, show)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def drawn(tab: Any, show: str) -> None:
    """Wait until a page has all that it has."""
    tab.get_by_text("runs 1", exact=True).wait_for()
    last = {"forms": ".probability", "picker": ".draft", "forks": ".node", "clock": ".clock"}
    last |= {"timed": ".clock"}
    state = "attached" if show == "clock" else "visible"
    tab.locator(last.get(show, ".beliefs")).first.wait_for(state=state)
    if show not in last:
        tab.locator("article").first.wait_for()
        tab.locator(".node").first.wait_for()
        tab.locator(".entries").first.wait_for()


def posts(url: str, **having: Any) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(urllib.request.urlopen(f"{url}/posts").read())
    return [one for one in read if all(one.get(k) == v for k, v in having.items())]


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """What ``true`` gives, as soon as that is something."""
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.1)
    assert found
    return found


def log(tab: Any, line: str) -> None:
    tab.get_by_text(line, exact=True).wait_for()


def runs(tab: Any) -> int:
    return int(tab.get_by_text("runs ").first.inner_text().split()[1])
