"""One place for whatever opens a real browser: which Chromium, how it starts, how a desk is served
for it, and what is watched on its pages.

`make browser` runs this file: it finds a Chromium or installs one, and says so in one line. A test
module takes `served`, `entered` and `Watch` from here, and the fixture ``chromium`` from conftest.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OFF = "ARENA_NO_BROWSER"
MISSING = (
    "no Chromium on this machine: `make browser` installs one; "
    f"with {OFF}=1 the browser tests are left out"
)
WAIT = 120_000
"""Milliseconds to wait for anything on a page: the machine may be busy."""
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
LOCAL = "token-of-a-local-desk-in-tests"
"""What the local desks that are served here have as their token."""
ENTER = f"/enter/{LOCAL}"
"""The path at which a browser begins there: ``context.request.get(url + ENTER)`` does as well."""
_OWN = "from playwright.sync_api import sync_playwright as s\nwith s() as p: "
_OWN += "print(p.chromium.executable_path)"


# Which one.


def unwanted() -> bool:
    """Whether whoever runs the tests wants none of those with a browser."""
    return os.environ.get(OFF, "") not in ("", "0")


def version(path: str) -> str | None:
    """What a browser says of itself; None where it does not run, as a stub of a package may not."""
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = told.stdout.strip().splitlines()
    return lines[0].strip() if told.returncode == 0 and lines else None


@functools.cache
def find() -> str | None:
    """The path of a Chromium that runs: on PATH, or playwright's own; None where there is none."""
    for name in NAMES:
        path = shutil.which(name)
        if path is not None and version(path) is not None:
            return path
    # In a process of its own: in this one a playwright may be running already.
    told = subprocess.run([sys.executable, "-c", _OWN], capture_output=True, text=True)
    path = told.stdout.strip()
    return path if told.returncode == 0 and path and version(path) is not None else None


def install() -> None:
    """Try to install one: Debian's package where that is possible, else playwright's own."""
    root = os.geteuid() == 0 and shutil.which("apt-get") is not None
    quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
    ways = [[["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]]] * root
    deps = ["--with-deps"] if root else []
    ways.append([[sys.executable, "-m", "playwright", "install", *deps, "chromium"]])
    for way in ways:
        for words in way:
            subprocess.run(
                words, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        find.cache_clear()
        if find() is not None:
            return


def main() -> int:
    """Find or install a Chromium; one line, and 1 where there is none in the end."""
    if unwanted():
        print(f"browser: none, as {OFF} is set: the browser tests are left out")
        return 0
    path, how = find(), "found"
    if path is None:
        install()
        path, how = find(), "installed"
    if path is None:
        print(
            f"browser: {MISSING}, but here it could not; install Chromium by hand", file=sys.stderr
        )
        return 1
    print(f"browser: {how} {path} ({version(path)})")
    return 0


# How it starts.


@contextmanager
def launched(**options: Any) -> Iterator[Any]:
    """A headless Chromium, for as long as it is wanted. One at a time in a process."""
    from playwright.sync_api import sync_playwright

    path = find()
    assert path is not None, MISSING
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*root, *FLAGS], timeout=WAIT, **options
        )
        try:
            yield browser
        finally:
            browser.close()


# What it opens.


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def serving(words: Sequence[str], port: int, path: str = "/healthz") -> Iterator[str]:
    """The address of a server, once it answers at ``path``; it ends, as a group, with the block."""
    log = subprocess.DEVNULL
    process = subprocess.Popen(
        list(words), stdin=log, stdout=log, stderr=log, start_new_session=True,
        env={**os.environ, "ARENA_LOCAL_TOKEN": LOCAL},
    )  # fmt: skip
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + 180
    try:
        while True:
            try:
                with urllib.request.urlopen(url + path, timeout=10) as reply:
                    if reply.status == 200:
                        break
            except OSError:
                pass
            assert process.poll() is None, "the server ended before it answered"
            assert time.monotonic() < end, "the server did not answer within 180 s"
            time.sleep(0.2)
        yield url
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


@contextmanager
def served(store: Path, person: str | None = None, **options: Any) -> Iterator[str]:
    """The address of the desk of a store: with a sign-in, or without one for ``person`` (an admin
    then, in a browser that begins at `ENTER`). ``options`` are those of `ui.serve.command`."""
    from ui.serve import command

    port = free_port()
    words = command(store, person, port=port, local=person is not None, **options)
    with serving(words, port) as url:
        yield url


def entered(store: Path, name: str, role: str = "judge") -> str:
    """Somebody who has joined, with a passcode; the token of their session."""
    from arena.desk import identity, passcodes
    from arena.store import Store

    with Store(store) as opened:
        found = identity.accept(opened, identity.invite(opened, name, role))
        assert found is not None
        passcodes.set_passcode(opened, found[0].id, "correct horse battery", keep=found[1])
        return found[1]


# What is watched.


class Watch:
    """A browser of somebody's own, and everything that goes in and out of it.

    ``frames`` are the messages of all WebSockets, in order: whether the browser sent them, and
    their bytes; ``rests`` how many there were whenever the page had come to rest. ``outside`` are
    the addresses of other origins that were asked for, ``dialogs`` and ``popups`` what a page must
    never open, ``troubles`` errors of scripts.
    """

    def __init__(
        self, browser: Any, url: str, token: str | None = None,
        size: tuple[int, int] = (1400, 1000), **options: Any,
    ) -> None:  # fmt: skip
        from ui.web.gate import COOKIE

        self.url = url
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, **options
        )
        self.context.set_default_timeout(WAIT)
        if token is not None:
            self.context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
        self.frames: list[tuple[bool, bytes]] = []
        self.rests: list[int] = []
        self.outside: list[str] = []
        self.dialogs: list[str] = []
        self.popups: list[str] = []
        self.troubles: list[str] = []
        self.context.on("request", self._asked)
        self.context.on("page", self._opened)
        self.page = self.context.new_page()
        self.popups.clear()

    def _asked(self, request: Any) -> None:
        own = (f"{self.url}/", f"{self.url.replace('http', 'ws', 1)}/", "data:", "blob:")
        if not request.url.startswith(own):
            self.outside.append(request.url)

    def _opened(self, page: Any) -> None:
        self.popups.append(page.url)
        page.on("websocket", self._socket)
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _socket(self, socket: Any) -> None:
        def keep(sent: bool) -> Callable[[bytes | str], None]:
            return lambda frame: self.frames.append(
                (sent, frame if isinstance(frame, bytes) else frame.encode())
            )

        socket.on("framesent", keep(True))
        socket.on("framereceived", keep(False))

    def wrong(self) -> list[str]:
        """All that must not have happened."""
        return [*self.outside, *self.dialogs, *self.popups, *self.troubles]

    def wire(self) -> bytes:
        """Every frame so far, of both directions."""
        return b"\n".join(frame for _, frame in self.frames)

    # What a person does.

    def open(self, path: str) -> Any:
        """Go to an address of the desk; its page."""
        self.page.goto(self.url + path)
        return self.page

    def sees(self, text: str, exact: bool = False) -> Any:
        """Wait for a text; where it does not come, say what the page says."""
        found = self.page.get_by_text(text, exact=exact).first
        try:
            found.wait_for()
        except Exception:
            said = self.page.locator("body").inner_text()
            raise AssertionError(f"{text!r} was not seen; the page says: {said[-1500:]}") from None
        return found

    def button(self, name: str) -> Any:
        """Wait for a button."""
        found = self.page.get_by_role("button", name=name).first
        found.wait_for()
        return found

    def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait for something that the page or the store comes to say."""
        end = time.monotonic() + WAIT / 1000
        while not holds():
            assert time.monotonic() < end, what
            self.page.wait_for_timeout(100)

    def settle(self, quiet: float = 0.5) -> None:
        """Wait until no script runs, nothing is a skeleton and no frame has come for a while."""
        busy = (
            "() => document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton],"
            " [data-test-script-state=running]') !== null"
        )
        end = time.monotonic() + WAIT / 1000
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < quiet or self.page.evaluate(busy):
            assert time.monotonic() < end, "the page did not come to rest"
            self.page.wait_for_timeout(50)
            if len(self.frames) != seen:
                seen, since = len(self.frames), time.monotonic()
        self.rests.append(len(self.frames))

    def close(self) -> None:
        """End the browser of this somebody, and what it records."""
        self.context.close()


if __name__ == "__main__":
    sys.exit(main())
