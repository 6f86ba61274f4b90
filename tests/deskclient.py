"""A desk in a process of its own, and tabs at it without a browser: raw WebSockets that speak
Streamlit's protocol."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from browser import LOCAL
from doorway import free_port
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from ui.doorkey import TOKEN
from ui.serve import command
from ui.web.gate import COOKIE

WAIT = 240.0
"""Seconds for anything: the machine may be busy."""
HOST = "127.0.0.1"
OK, FAILED = ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR
GONE = (OSError, ConnectionClosed, InvalidHandshake, http.client.HTTPException)
"""What a client meets when the server, or the line to it, is gone."""


# The server.


class Server:
    """The desk of a store in sign-in mode, in a process group of its own, always on one port; or
    what ``words`` makes of the port: another command, for comparison."""

    def __init__(self, path: Path, words: Callable[[int], Sequence[str]] | None = None) -> None:
        self.path, self.port = path, free_port()
        self.words = (
            command(path, port=self.port, address=HOST, local=False)
            if words is None
            else words(self.port)
        )
        self.probe = "/healthz" if words is None else "/_stcore/health"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = path.with_suffix(".log")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.words, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, TOKEN: LOCAL},
            )  # fmt: skip
        end = time.monotonic() + WAIT
        while True:
            with suppress(*GONE):
                if get(self.port, self.probe).status == 200:
                    return
            said = self.log.read_text()[-2000:]
            assert self.process.poll() is None, f"the desk ended: {said}"
            assert time.monotonic() < end, f"the desk did not start: {said}"
            time.sleep(0.1)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the whole group, and wait until it has ended."""
        if self.process is not None:
            os.killpg(self.process.pid, how)
            self.process.wait(60)
            self.process = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end(signal.SIGKILL)


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    body: bytes
    cookie: str


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """One request, as a page of the desk sends it."""
    line = http.client.HTTPConnection(HOST, port, timeout=WAIT)
    try:
        own = {"Origin": f"http://{HOST}:{port}", "Sec-Fetch-Site": "same-origin"}
        line.request(method, path, body, {**own, **{k.replace("_", "-"): v
                                                   for k, v in headers.items()}})  # fmt: skip
        reply = line.getresponse()
        return Answer(reply.status, reply.read(), reply.getheader("Set-Cookie", ""))
    finally:
        line.close()


def get(port: int, path: str) -> Answer:
    return ask(port, "GET", path)


def join(port: int, invite: str) -> str:
    """Use an invite up; the session's cookie."""
    reply = ask(port, "POST", f"/join/{invite}")
    found = re.search(rf"{COOKIE}=([^;]+)", reply.cookie)
    assert reply.status == 303 and found is not None, (reply.status, reply.body)
    return found[1]


# A tab.


@dataclass
class Page:
    """What a finished run has drawn."""

    elements: list[Any] = field(default_factory=list)

    def of(self, kind: str) -> list[Any]:
        return [getattr(one, kind) for one in self.elements if one.WhichOneof("type") == kind]

    def words(self) -> str:
        """What stands there in Streamlit's own elements, line by line."""
        said = [one.body for kind in ("text", "heading", "markdown", "alert")
                for one in self.of(kind)]  # fmt: skip
        return "\n".join([*said, *(one.text for one in self.of("progress"))])

    @property
    def place(self) -> str:
        """The id of the place that is drawn; the address may be ahead of the page."""
        found = [re.search(r"-clock (\w+)$", one.id) for one in self.of("bidi_component")]
        return next((one[1] for one in found if one), "")

    def button(self, label: str) -> str | None:
        """The id of a button that can be clicked."""
        found = [one.id for one in self.of("button") if one.label == label and not one.disabled]
        return found[0] if found else None

    def part(self, name: str, key: str = "") -> tuple[str, dict[str, Any]] | None:
        """The id and the data of an element of ours."""
        for one in self.of("bidi_component"):
            if one.component_name.endswith(f"arena-{name}") and f"-{key}" in one.id:
                return one.id, json.loads(one.json)
        return None


class Stuck(AssertionError):
    """The page never showed what was waited for."""


class Tab:
    """A browser's tab at the desk, as the server sees it."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.line: ClientConnection | None = None
        self.session = self.script = self.query = ""
        self.path = "queue"
        self.page = Page()
        self.held: dict[str, WidgetState] = {}
        self.runs = self.got = 0
        self._begun = False
        self._drawn: dict[tuple[int, ...], Any] = {}
        self._kept: dict[str, ForwardMsg] = {}

    async def open(self, again: bool = False) -> None:
        """Connect, and ask for the page that the address names. ``again`` is what a tab does that
        has lost its line: the same session, if the server still has it; else it is a reload."""
        await self.close()
        names = ["streamlit", "none", self.session] if again and self.session else ["streamlit"]
        self.line = await connect(
            f"ws://{HOST}:{self.port}/_stcore/stream", origin=f"http://{HOST}:{self.port}",  # type: ignore[arg-type]
            subprotocols=names, additional_headers={"Cookie": f"{COOKIE}={self.token}"},  # type: ignore[arg-type]
            max_size=None, open_timeout=WAIT, ping_interval=None, compression=None, proxy=None,
        )  # fmt: skip
        if not again:
            self.held, self._kept, self.script = {}, {}, ""
        self._begun = False  # what still comes of an earlier run is no page
        await self.send()

    async def close(self, rudely: bool = False) -> None:
        """Hang up; rudely: without a word, as a machine that sleeps."""
        if self.line is not None:
            line, self.line = self.line, None
            if rudely:
                line.transport.abort()
            with suppress(*GONE, TimeoutError):
                await asyncio.wait_for(line.close(), 5)

    async def send(self, *clicks: str, times: int = 1) -> None:
        """Ask for a run, with what the widgets hold and these clicks."""
        assert self.line is not None
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string, rerun.page_script_hash = self.query, self.script
        if not self.script:
            rerun.page_name = self.path
        for state in (
            *self.held.values(),
            *(WidgetState(id=c, trigger_value=True) for c in clicks),
        ):
            rerun.widget_states.widgets.append(state)
        rerun.cached_message_hashes.extend(self._kept)
        for _ in range(times):
            await self.line.send(message.SerializeToString())

    async def until(self, holds: Callable[[Page], bool], wait: float = WAIT) -> Page:
        """Read until a finished run shows this. Raises `Stuck`, or one of `GONE`."""
        assert self.line is not None
        try:
            async with asyncio.timeout(wait):
                while True:
                    message = ForwardMsg.FromString(await self.line.recv())  # type: ignore[arg-type]
                    if self._take(message) and holds(self.page):
                        return self.page
        except TimeoutError:
            raise Stuck(f"{self.path}?{self.query}: {self.page.words()[-1500:]!r}") from None

    def _take(self, message: ForwardMsg) -> bool:
        """Take a message in; whether it ends a run with a whole page."""
        kind = message.WhichOneof("type")
        self.got += message.ByteSize()
        if kind == "ref_hash":
            path = tuple(message.metadata.delta_path)
            message = self._kept[message.ref_hash]
            self._drawn[path] = message.delta.new_element
            return False
        if message.metadata.cacheable and message.hash:
            self._kept[message.hash] = message
        if kind == "new_session":
            self._drawn, self._begun = {}, True
            self.script = message.new_session.page_script_hash
            self.session = message.new_session.initialize.session_id
        elif kind == "navigation":
            self.script = message.navigation.page_script_hash or self.script
            now = [p for p in message.navigation.app_pages if p.page_script_hash == self.script]
            self.path = now[0].url_pathname if now else self.path
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta":
            path = tuple(message.metadata.delta_path)
            if message.delta.WhichOneof("type") == "new_element":
                self._drawn[path] = message.delta.new_element
        elif kind == "script_finished":
            assert message.script_finished != FAILED
            if message.script_finished == OK and self._begun:
                self.runs += 1
                self.page = Page([one for _, one in sorted(self._drawn.items())])
                assert not self.page.of("exception"), self.page.of("exception")
                there = {getattr(getattr(one, one.WhichOneof("type")), "id", "")
                         for one in self.page.elements}  # fmt: skip
                self.held = {id: state for id, state in self.held.items() if id in there}
                return True
        return False

    def say(self, part: tuple[str, Any] | None, **values: object) -> None:
        """What an element of ours holds; it goes with the next click."""
        assert part is not None
        self.held[part[0]] = WidgetState(id=part[0], json_value=json.dumps(values))

    async def draft(self, name: str, text: str) -> int:
        """Save a text as its box does; the status."""
        body = json.dumps({"assignment": self.page.place, "field": name, "text": text}).encode()
        reply = await asyncio.to_thread(
            ask, self.port, "POST", "/api/draft", body, Cookie=f"{COOKIE}={self.token}",
            X_Arena="1", Content_Type="application/json",
        )  # fmt: skip
        return reply.status
