"""The truth firewall at the wire: all frames and responses of a judge who judges in a browser.

What is secret has a canary in the store (`judged`), and the same flow over a store that differs in
the recorded truth alone sends the same bytes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import judged
import pytest
from browser import Watch
from judged import IDS, NEVER, ROUNDS, spoken
from stage import PERSON, go_on
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from arena.batch import Batch
from arena.desk import identity
from arena.desk.settings import Settings, set_settings
from arena.flow import Engine, batch
from arena.match import Agent, Judge, Match, participant_id
from arena.protocols import BUILT_IN
from arena.questions import Item
from arena.store import Store
from ui.work import Worker

RUN_AGAIN = "(again)"
"""In the names of the runs that hold second readings."""


@dataclass
class Flow:
    """A flow that is over: its store, its frames, and what went by HTTP."""

    file: Path
    frames: list[tuple[bool, bytes]] = field(default_factory=list)
    rests: list[int] = field(default_factory=list)
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
        flow.frames, flow.rests = list(ada.frames), list(ada.rests)
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

NORMALISED = (
    (re.compile(rb"(http|ws)://127\.0\.0\.1:\d+"), b"http://desk"),  # the port of the server
    (re.compile(rb"blob:http://desk/[0-9a-f-]{36}"), b"blob:"),  # the browser's name of a script
    (re.compile(rb"/join/[\w-]+"), b"/join/TOKEN"),  # the invite
    (re.compile(rb'\\*"drawn\\*": [\d.]+'), b'"drawn": 0'),  # when a draft's box was drawn
)


Place = tuple[int, ...] | str
Page = dict[Place, bytes]
"""What a browser has been sent for a page: by place in the page, or by kind of message."""


def pages(flow: Flow) -> list[Page]:
    """The pages at which the browser has come to rest, each other than the one before; each part
    as bytes without random ids, and with `NORMALISED` replaced.

    Whether a run of the script is cut short by the next one is chance, and with it how many runs
    there are and how far each gets. What they leave is not.
    """
    page: Page = {}
    fresh: set[Place] = set()  # what the run of the script under way has sent
    cached: dict[str, ForwardMsg] = {}
    found: list[Page] = []
    for number, (sent, frame) in enumerate(flow.frames, start=1):
        if not sent:
            _receive(page, fresh, cached, frame)
        if number in flow.rests and (not found or found[-1] != page):
            found.append(dict(page))
    return found


def _receive(
    page: Page, fresh: set[Place], cached: dict[str, ForwardMsg], frame: bytes
) -> None:  # fmt: skip
    """Do with one message what a browser does: what it has already comes from its cache, a part
    goes to its place, and at the end of a whole run what that did not send is dropped."""
    one = ForwardMsg()
    one.ParseFromString(frame)
    if one.ref_hash:
        meant = ForwardMsg()
        meant.CopyFrom(cached[one.ref_hash])
        meant.metadata.CopyFrom(one.metadata)
        one = meant
    elif one.hash:
        cached[one.hash] = one
    kind = str(one.WhichOneof("type"))
    if kind == "new_session":
        fresh.clear()
    if kind == "script_finished":
        if one.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            for old in [old for old in page if isinstance(old, tuple) and old not in fresh]:
                del page[old]
        return
    place: Place = tuple(one.metadata.delta_path) if kind == "delta" else kind
    fresh.add(place)
    page[place] = _bare(one)


def _bare(message: ForwardMsg) -> bytes:
    """A message without what is random in it."""
    one = ForwardMsg()
    one.CopyFrom(message)
    one.hash = ""
    one.metadata.run.ClearField("script_run_id")
    if one.WhichOneof("type") == "new_session":
        one.new_session.initialize.session_id = ""
    if one.delta.new_element.WhichOneof("type") == "bidi_component":
        component = one.delta.new_element.bidi_component
        component.json = component.json and _plain(component.json.encode()).decode()
    return _plain(one.SerializeToString(deterministic=True))


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
    ours, theirs = pages(flow), pages(other)
    assert len(ours) == len(theirs) > 20
    assert len({tuple(sorted(map(repr, page.items()))) for page in ours}) > 15
    for n, (page, same) in enumerate(zip(ours, theirs, strict=True)):
        assert page.keys() == same.keys(), n
        assert [place for place in page if page[place] != same[place]] == [], n


# A debate that goes on while its judge reads it.


@dataclass
class Company:
    """The machines of one debate, who answer at once."""

    agents: dict[str, Agent]
    judges: dict[str, Judge] = field(default_factory=dict)

    def join(self, who: str, run: str, decides: bool) -> None:
        assert who in self.agents and not decides

    def engine(self) -> Engine:
        return batch(lambda requests: [])


@pytest.mark.check
def test_a_judge_who_asks_is_sent_answers_and_nothing_else(chromium: Any, tmp_path: Path) -> None:
    file, agents = tmp_path / "s.db", judged.speakers("Z")
    names = {seat: participant_id(who) for seat, who in zip("AB", agents, strict=True)}
    protocol = BUILT_IN["debate with questions"]
    seats = (*names.items(), ("judge", PERSON))
    one = Match(judged.asked("Z"), protocol, (("A", 0), ("B", 1)), seats)
    with Store(file) as store:
        store.start_run("study", "play", {"note": "CANARY-CONFIG"}, {})
        store.write(
            Batch(
                items=[Item(one.question, 0)],
                protocols=[protocol],
                matches=[one],
                run_matches=[("study", 0, one.id, {"note": "CANARY-LABEL"})],
            )
        )
        go_on(store, one, agents)
        set_settings(store, "study", Settings(confirm=False))
        link = f"/join/{identity.invite(store, 'Ada')}"
    stop = threading.Event()

    def machines() -> None:
        found = Company({participant_id(who): who for who in agents})
        with Worker(file, company=lambda store: found) as worker:
            worker.work(stop=stop)

    thread = threading.Thread(target=machines)
    thread.start()
    try:
        with judged.judging(chromium, file, tmp_path / "http.har") as ada:
            judged.join(ada, link)
            ada.page.keyboard.press("g")
            ada.sees("Your question", exact=True)
            assert spoken("Z", "A", 0).encode() in ada.wire()
            assert spoken("Z", "A", 1).encode() not in ada.wire()
            ada.page.get_by_label("Ask the debaters one question").fill("Where was the mill?")
            ada.page.get_by_label("Ask the debaters one question").blur()
            ada.page.keyboard.press("q")
            ada.sees("Your verdict", exact=True)
            ada.until(lambda: spoken("Z", "A", 1).encode() in ada.wire(), "no answer came")
            judged.likely(ada, "ArrowRight", "55")
            ada.page.keyboard.press("1")
            ada.page.get_by_label("Why?").fill("It was quoted.")
            ada.page.get_by_label("Why?").blur()
            ada.page.keyboard.press("s")
            ada.sees("Your verdict is recorded")
            ada.settle()
            frames = list(ada.frames)
            assert ada.wrong() == []
    finally:
        stop.set()
        thread.join(60)
    wire = Flow(file, frames, http=list(judged.http(tmp_path / "http.har"))).wire()
    assert [word for word in NEVER if word.encode() in wire] == []
    assert [id for id in set(ids(file)) if id.encode() in wire] == []
