"""The truth firewall at the wire: all frames and responses of a judge who judges in a browser.

What is secret has a canary in the store (`judged`), and the same flow over a store that differs in
the recorded truth alone sends the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import judged
import pytest
from browser import Watch
from judged import IDS, NEVER, ROUNDS, spoken
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from arena.desk import identity
from arena.store import Store

RUN_AGAIN = "(again)"
"""In the names of the runs that hold second readings."""


@dataclass
class Flow:
    """A flow that is over: its store, its frames, and what went by HTTP."""

    file: Path
    frames: list[tuple[bool, bytes]] = field(default_factory=list)
    http: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    early: str = ""
    """The letter of the debate that was decided after one step."""

    def wire(self) -> bytes:
        """All bytes of it."""
        some = [frame for _, frame in self.frames]
        return b"\n".join([*some, *(b"\n".join((u.encode(), a, b)) for u, a, b in self.http)])


def shown(ada: Watch, about: str, steps: int) -> None:
    """Of a debate in steps, the browser has been sent what was shown, and nothing that was not."""
    wire = ada.wire()
    for place in range(ROUNDS):
        for seat in "AB":
            there = spoken(about, seat, place).encode() in wire
            assert there == (place < steps), (about, seat, place, steps)


def walk(browser: Any, folder: Path, truth: int) -> Flow:
    """One debate to its end, a verdict undone; the next one decided after its first step."""
    flow = Flow(folder / "s.db")
    link = judged.build(flow.file, truth)
    with judged.judging(browser, flow.file, folder / "http.har") as ada:
        judged.join(ada, link)
        judged.next_debate(ada)
        judged.judge(ada, lambda about, steps: shown(ada, about, steps))
        judged.next_debate(ada)
        flow.early = judged.about(ada)
        judged.step(ada, 1)
        ada.page.keyboard.press("d")
        ada.sees("Your verdict", exact=True)
        judged.decide(ada)
        shown(ada, flow.early, 1)
        ada.open("/")
        ada.sees("Finished")
        ada.settle()
        flow.frames = list(ada.frames)
        assert ada.wrong() == []
    flow.http = list(judged.http(folder / "http.har"))
    return flow


@pytest.fixture(scope="module")
def flow(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Flow:
    """Ada judges; the first option is right."""
    return walk(chromium, tmp_path_factory.mktemp("flow"), 0)


def ids(file: Path, name: str = "Ada") -> Iterator[str]:
    """All ids that must not be sent to this person."""
    with Store(file) as store:
        me = identity.named(store, name).id
        for sql in IDS:
            for row in store.query(sql, *([me] if "?1" in sql else [])):
                (id,) = row.values()
                if id:
                    yield id


def test_no_secret_and_no_id_is_in_any_frame_or_response(flow: Flow) -> None:
    wire = flow.wire()
    with Store(flow.file) as store:
        kinds = [row["kind"] for row in store.query("SELECT kind FROM assignments")]
        assert {"judging", "gold", "duplicate"} <= set(kinds)
        (mine, *_) = store.query("SELECT id FROM assignments ORDER BY position")
    assert mine["id"].encode() in wire and b"Nobody saw the sale." in wire  # it is the right wire
    assert [word for word in (*NEVER, RUN_AGAIN) if word.encode() in wire] == []
    some = set(ids(flow.file))
    assert len(some) > 60 and all(len(one) >= 20 for one in some)
    assert [one for one in some if one.encode() in wire] == []


def test_what_was_not_shown_before_an_early_verdict_is_nowhere(flow: Flow) -> None:
    wire = flow.wire()
    for place in range(ROUNDS):
        there = spoken(flow.early, "A", place).encode() in wire
        assert there == (place < 1)


def test_every_canary_is_in_the_store(flow: Flow) -> None:
    """None of them is missing from the wire because it was never there."""
    kept = b"".join(
        Path(f"{flow.file}{end}").read_bytes() for end in ("", "-wal")
        if Path(f"{flow.file}{end}").exists()
    )  # fmt: skip
    assert [word for word in (*NEVER, RUN_AGAIN) if word.encode() not in kept] == []


# The same flow over another truth.

HASHES = ("hash", "ref_hash")
"""Of a message: content hashes of what is compared itself, ``drawn`` included."""
NORMALISED = (
    (re.compile(rb"(http|ws)://127\.0\.0\.1:\d+"), b"http://desk"),  # the port of the server
    (re.compile(rb"blob:http://desk/[0-9a-f-]{36}"), b"blob:"),  # the browser's name of a script
    (re.compile(rb"/join/[\w-]+"), b"/join/TOKEN"),  # the invite
    (re.compile(rb'\\*"drawn\\*": [\d.]+'), b'"drawn": 0'),  # when a draft's box was drawn
)


def messages(flow: Flow) -> list[list[bytes]]:
    """The frames by run of the script, each as bytes: a session's and a run's random ids are empty,
    and so are `HASHES`, the cached ones that the browser lists, and what `NORMALISED` replaces.

    Of a run that was cut short by the next one, how far it got is chance.
    """
    runs: list[list[bytes]] = [[]]
    for sent, frame in flow.frames:
        one = BackMsg() if sent else ForwardMsg()
        one.ParseFromString(frame)
        if isinstance(one, BackMsg):
            one.rerun_script.ClearField("cached_message_hashes")
        else:
            for name in HASHES:
                if name == "hash" or one.WhichOneof("type") == name:
                    setattr(one, name, "")
            one.metadata.run.ClearField("script_run_id")
            if one.WhichOneof("type") == "new_session":
                one.new_session.initialize.session_id = ""
                runs.append([])
            if one.delta.new_element.WhichOneof("type") == "bidi_component":
                component = one.delta.new_element.bidi_component
                component.json = component.json and _plain(component.json.encode()).decode()
        runs[-1].append(b"<>"[sent : sent + 1] + _plain(one.SerializeToString(deterministic=True)))
    return runs


def _plain(data: bytes) -> bytes:
    for pattern, instead in NORMALISED:
        data = pattern.sub(instead, data)
    return data


def responses(flow: Flow) -> set[tuple[bytes, bytes]]:
    """What came back by HTTP, from where; without the headers that say when it was, how long a
    random token is, whose session and whose socket it is."""
    skip = re.compile(
        rb'\{"name": "(date|set-cookie|content-length|sec-websocket-accept)", "value": "[^}]*\}',
        re.I,
    )
    return {
        (_plain(url.encode()), skip.sub(b"", _plain(answer))) for url, _, answer in flow.http
    }  # fmt: skip


def test_over_the_other_truth_the_same_is_sent(flow: Flow, chromium: Any, tmp_path: Path) -> None:
    other = walk(chromium, tmp_path, 1)
    with Store(flow.file) as one, Store(other.file) as two:
        assert [row["truth"] for row in one.query("SELECT truth FROM truths")] == [0, 0, 0]
        assert [row["truth"] for row in two.query("SELECT truth FROM truths")] == [1, 1, 1]
    assert responses(flow) == responses(other)
    ours, theirs = messages(flow), messages(other)
    assert len(ours) == len(theirs) and len(ours) > 20
    for n, (run, same) in enumerate(zip(ours, theirs, strict=True)):
        assert_same(n, run, same)


def finished(run: list[bytes]) -> bool:
    """Whether this run of the script came to its end."""
    for frame in run:
        one = ForwardMsg()
        if frame[:1] == b"<":
            one.ParseFromString(frame[1:])
        if one.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return False
    return True


def assert_same(n: int, run: list[bytes], same: list[bytes]) -> None:
    """Two runs of the script have sent the same; where one was cut short, as far as both got."""
    if finished(run) and finished(same):
        assert run == same, f"run {n}"
    else:
        got = min(len(run), len(same)) - 2
        assert run[:got] == same[:got], f"run {n}"


# A debate that goes on while its judge reads it.
