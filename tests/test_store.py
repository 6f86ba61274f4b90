"""The store gives back exactly what it was given, to any process, or says in one line why not."""

from __future__ import annotations

import ast
import os
import re
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from players import PROTOCOLS, QUESTION, Talker, make_match, played, read_by
from slow_tournament import dump

from arena import schema
from arena import store as store_module
from arena.batch import Batch, RewardRow
from arena.flow import Message, Reply, Request
from arena.match import Match, listing
from arena.play import append
from arena.protocols import Limits, Protocol, consultancy, critique, debate, verdict_slot
from arena.questions import Item, Question
from arena.store import Store, StoreError, add_items
from arena.turns import Quote, Speech, Turn, Verdict

REPOSITORY = Path(__file__).parents[1]
ODD = (
    "", "\x00", "a\x00b", "\r\n", "'; DROP TABLE turns; --", '"', "\\", "\u2028", "\ufeff",
    "👩‍👩‍👧‍👦🏳️‍🌈", "שלום עולם", "\u202eabc\u202c", "e\u0301", "\U0010ffff", "NULL", "[]",
)  # fmt: skip

# ---------------------------------------------------------------------------------------------
# Values.

texts = st.one_of(st.sampled_from(ODD), st.text(max_size=20))
numbers = st.integers(-(2**63), 2**63 - 1)
small = st.integers(0, 50)
finite = st.floats(allow_nan=False, allow_infinity=False)
reals = finite.map(lambda value: value + 0.0)  # a REAL column keeps no sign of zero
token_ids = st.lists(st.integers(0, 2**31 - 1), max_size=6).map(tuple)
logprobs = st.lists(st.floats(), max_size=6).map(tuple)
spans = st.tuples(small, small)
quotes = st.builds(Quote, small, small, st.none() | spans)
statuses = st.sampled_from(["ok", "length", "refused", "too long", "error", "over limit"])
speeches = st.builds(
    Speech, texts, texts, st.lists(quotes, max_size=3).map(tuple), st.none() | small,
    st.booleans(), statuses,
)  # fmt: skip
modes = st.sampled_from(["whole", "stepped", "timed", "live"])
questions = st.builds(
    Question, texts, st.lists(texts, min_size=2, max_size=4).map(tuple), st.none() | texts, texts,
    st.none() | texts,
)  # fmt: skip
limits = st.builds(Limits, st.none() | small, st.none() | small, st.none() | small)


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """Verdicts of all kinds, with two or three options."""
    n = draw(st.integers(2, 3))
    status = draw(st.sampled_from(["ok", "tie", "unparsed", "refused", "truncated", "timed out"]))
    elicited = scores = None
    if status in ("ok", "tie"):
        weights = draw(st.lists(st.floats(0.001, 1), min_size=n, max_size=n))
        elicited = draw(st.sampled_from([None, tuple(w / sum(weights) for w in weights)]))
        scores = draw(st.none() | st.lists(finite, min_size=n, max_size=n).map(tuple))
    return Verdict(
        draw(st.integers(0, n - 1)) if status == "ok" else None, elicited, scores, draw(texts),
        status, tuple(draw(st.permutations(range(n)))), draw(modes), draw(st.booleans()),
    )  # fmt: skip


@st.composite
def chains(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Turns one after another below the root of `MATCH`, with leaves between."""
    found: dict[str, Turn] = {}
    parent = MATCH.root
    for place in range(draw(st.integers(1, 4))):
        said = draw(st.one_of(speeches, verdicts()))
        leaf = isinstance(said, Verdict)
        kinds = ["belief", "verdict"] if leaf else ["speech", "answer", "critique", "question"]
        turn = Turn(
            parent, place, draw(texts), draw(st.sampled_from(kinds)), draw(texts), said,
            draw(small), draw(texts), tuple(draw(st.lists(texts, max_size=2))),
            draw(st.sampled_from(["sampled", "candidate", "fork", "imported", "person"])),
            draw(st.none() | reals), tuple(draw(st.lists(texts, max_size=3))),
            draw(st.none() | reals),
        )  # fmt: skip
        found[turn.id] = turn
        parent = parent if leaf else turn.id
    return tuple(found.values())


requests = st.builds(
    Request, texts,
    st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), texts),
             max_size=2).map(tuple),
    small, st.integers(0, 2**63 - 1), st.lists(texts, max_size=2).map(tuple),
)  # fmt: skip
replies = st.builds(
    Reply, st.sampled_from(["ok", "length", "refused", "too long", "error"]), texts, token_ids,
    token_ids, logprobs, st.none() | st.lists(finite, max_size=3).map(tuple), texts,
    st.tuples(small, small), reals,
)  # fmt: skip
protocols = st.one_of(
    st.sampled_from(list(PROTOCOLS.values())),
    st.builds(debate, st.integers(1, 4), st.booleans(), limits, st.booleans(), small,
              st.sampled_from(["rounds", "judge", "agreement", "concession"]),
              st.sampled_from(["assigned", "chosen"])),
    st.builds(consultancy, st.integers(1, 3), limits, st.booleans(), small),
    st.builds(critique, st.booleans(), limits, small),
)  # fmt: skip

MATCH = make_match(debate())
few = settings(max_examples=60, deadline=None)


def _with(match: Match, *turns: Turn) -> Batch:
    """A batch of all that a match and its turns need."""
    return Batch(
        items=[Item(match.question, 0)],
        protocols=[match.protocol],
        matches=[match],
        turns=[(match, turn) for turn in turns],
    )


def _said(text: str, match: Match = MATCH, **more: object) -> Turn:
    return Turn(match.root, 0, "A", "speech", "someone", Speech(text), **more)  # type: ignore[arg-type]


def _exact(reply: Reply) -> list[object]:
    """A reply with its floats as bits, so that -0.0 and NaN are told apart."""
    bits = [struct.pack("d", value) for value in (*reply.logprobs, reply.seconds)]
    return [bits, repr(replace(reply, logprobs=(), seconds=0.0))]


# ---------------------------------------------------------------------------------------------
# Round trips.


@few
@given(chains())
def test_turns_come_back_as_they_were_written(turns: tuple[Turn, ...]) -> None:
    with Store(None) as store:
        store.write(_with(MATCH, *turns))
        back = store.turns(MATCH.id)
    assert back == list(turns)
    assert [turn.id for turn in back] == [turn.id for turn in turns]
    assert repr(back) == repr(list(turns))


@pytest.mark.parametrize("text", ODD)
def test_odd_text_survives_in_every_place_that_holds_text(text: str) -> None:
    match = replace(MATCH, question=Question(text, (text, "other"), text, text, text))
    said = Turn(match.root, 0, "A", "speech", text, Speech(text, text))
    verdict = Turn(match.root, 1, "judge", "verdict", text, Verdict(0, reason=text))
    request, reply = Request(text, (Message("user", text),), 1, 0), Reply(text=text, model=text)
    batch = _with(match, said, verdict)
    batch.replies = [(request, reply)]
    with Store(None) as store:
        store.write(batch)
        assert store.match(match.id) == match
        assert store.turns(match.id) == [said, verdict]
        assert store.replies([request.key]) == {request.key: reply}


@few
@given(requests, replies)
@example(Request("m", (), 1, 0), Reply(logprobs=(-0.0, 5e-324, 0.1, float("-inf"))))
def test_replies_come_back_bit_for_bit(request: Request, reply: Reply) -> None:
    with Store(None) as store:
        store.write(Batch(replies=[(request, reply)]))
        back = store.replies([request.key, "r" + "0" * 32])
    assert list(back) == [request.key]
    assert _exact(back[request.key]) == _exact(reply)


@few
@given(questions, protocols, st.integers(0, 2**63 - 1), st.data())
def test_matches_and_their_protocols_come_back(
    question: Question, protocol: Protocol, seed: int, data: st.DataObject
) -> None:
    match = make_match(protocol, question=question, seed=seed)
    who = tuple((seat, data.draw(texts)) for seat, _ in match.seats)
    match = replace(match, seats=who)
    with Store(None) as store:
        store.write(_with(match))
        assert store.question(question.id) == question
        assert store.protocol(protocol.id) == protocol
        assert store.match(match.id) == match
        assert store.match(match.id).id == match.id


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_transcript_is_read_as_it_was_played(name: str, store: Store) -> None:
    match = make_match(PROTOCOLS[name])
    kept: list[Turn] = []
    transcript = played(match, record=kept.append)
    path = tuple(turn for turn in transcript if not turn.is_leaf)
    other = Speech("what the speaker did not choose")
    place, slot = path[0].place if path else 0, verdict_slot(match.protocol)
    leaves = [*read_by(match, path, Talker("reader"), listing(match, swapped=True), "stepped")]
    candidates = [
        replace(turn, said=other, sample=1, origin="candidate", score=0.5) for turn in path
    ]
    again = append(match, path, place, slot, Verdict(0), "another judge", sample=2)
    store.write(_with(match, *leaves, *candidates, *kept, again))
    assert store.transcript(store.match(match.id)) == transcript
    assert {turn.id for turn in store.turns(match.id)} >= {turn.id for turn in transcript}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_prefix_of_a_playing_is_read_as_it_was_played(name: str, store: Store) -> None:
    match = make_match(PROTOCOLS[name])
    transcript = played(match)
    store.write(_with(match))
    for i, turn in enumerate(transcript):
        assert store.transcript(match) == transcript[:i]
        store.write(Batch(turns=[(match, turn)]))
    assert store.transcript(match) == transcript


# ---------------------------------------------------------------------------------------------
# The first writer wins, all or nothing.


def _everything() -> Batch:
    turn = _said("words", calls=("r1", "r2"))
    leaf = Turn(MATCH.root, 1, "judge", "verdict", "j", Verdict(0))
    batch = _with(MATCH, turn, leaf)
    batch.participants = {"a1": {"kind": "test"}}
    batch.run_matches = [("run", 0, MATCH.id, {"setting": "debate"})]
    batch.played = [MATCH.id]
    batch.replies = [(Request("m", (), 1, 0), Reply(text="yes"))]
    batch.rewards = [RewardRow(MATCH.id, leaf.id, "A", "j", "win", "choice", 1.0)]
    batch.events = [{"kind": "seen", "key": "k", "at": 1.0, "match": MATCH.id}]
    return batch


def test_a_batch_that_is_written_twice_changes_nothing(store: Store) -> None:
    store.write(_everything())
    before = dump(store)
    store.write(_everything())
    assert dump(store) == before
    assert all(store.one(f"SELECT 1 FROM {table}") for table in ("turns", "rewards", "events"))


def test_the_first_writer_of_an_id_wins(store: Store) -> None:
    request = Request("m", (), 1, 0)
    for text in ("first", "second"):
        at = {"first": 1.0, "second": 2.0}[text]
        store.write(
            Batch(
                items=[Item(QUESTION, 0, split=text)],
                participants={"a": {"kind": text}},
                replies=[(request, Reply(text=text))],
                turns=[(MATCH, _said("the same words", seen=text, at=at))],
                events=[{"kind": text, "key": "k"}],
            )
        )
    assert store.replies([request.key])[request.key].text == "first"
    assert store.participant("a") == {"kind": "first"}
    assert [turn.seen for turn in store.turns(MATCH.id)] == ["first"]
    assert [row["kind"] for row in store.query("SELECT kind FROM events")] == ["first"]
    assert [row["split"] for row in store.query("SELECT split FROM questions")] == ["first"]


@pytest.mark.parametrize("together", [True, False])
def test_a_turn_keeps_the_calls_of_one_writer_and_no_mixture(together: bool, store: Store) -> None:
    other = replace(MATCH, seed=MATCH.seed + 1)
    first, second = _said("the same", calls=("r1",)), _said("the same", calls=("r2", "r3"))
    if together:
        store.write(Batch(turns=[(MATCH, first), (other, second)]))
    else:
        store.write(Batch(turns=[(MATCH, first)]))
        store.write(Batch(turns=[(other, second)]))
    assert [turn.calls for turn in store.turns(MATCH.id)] == [("r1",)]
    assert [turn.calls for turn in store.turns(other.id)] == [("r1",)]


def test_events_with_one_key_are_one_event_and_events_without_are_many(store: Store) -> None:
    for _ in range(3):
        store.write(Batch(events=[{"kind": "seen", "key": "k"}, {"kind": "seen"}]))
    assert len(list(store.query("SELECT 1 FROM events WHERE key = 'k'"))) == 1
    assert len(list(store.query("SELECT 1 FROM events WHERE key IS NULL"))) == 3


@pytest.mark.parametrize(
    "bad",
    [
        Batch(replies=[(Request("m", (), 1, 0), Reply(text="half a pair \ud83d"))]),
        Batch(replies=[(Request("m", (), 1, 0), Reply(seconds=float("nan")))]),
        Batch(replies=[(Request("m", (), 1, 0), Reply(choice_logprobs=(float("nan"),)))]),
        Batch(events=[{"kind": None}]),
    ],
)
def test_a_batch_that_cannot_be_kept_exactly_is_an_error_and_leaves_nothing(
    bad: Batch, store: Store
) -> None:
    bad.items = [Item(QUESTION, 0)]
    with pytest.raises((ValueError, sqlite3.IntegrityError)):
        store.write(bad)
    assert not store.conn.in_transaction
    assert store.one("SELECT 1 FROM questions") is None
    store.write(Batch(items=[Item(QUESTION, 0)]))
    assert store.truths() == {QUESTION.id: 0}


def test_half_a_surrogate_pair_never_gets_an_id() -> None:
    makes: tuple[Callable[[str], object], ...] = (
        Speech,
        lambda text: Verdict(0, reason=text),
        lambda text: Question(text, ("a", "b")),
        lambda text: Request("m", (Message("user", text),), 1, 0),
    )
    for make in makes:
        with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
            make("\ud800")


# ---------------------------------------------------------------------------------------------
# What reads and what leaves out.


def test_the_view_of_verdicts_leaves_out_beliefs_and_what_was_withdrawn(store: Store) -> None:
    other = replace(MATCH, seed=MATCH.seed + 1)  # shares the root, and so the leaves
    leaves = [
        Turn(MATCH.root, 0, "judge", "verdict" if i < 2 else "belief", f"j{i}", Verdict(0))
        for i in range(3)
    ]
    store.write(Batch(turns=[(m, leaf) for m in (MATCH, other) for leaf in leaves]))
    kinds = ("withdrawn", "seen")
    events: list[Mapping[str, object]] = [
        {"kind": kind, "match": MATCH.id, "turn": leaf.id}
        for kind, leaf in zip(kinds, leaves, strict=False)
    ]
    store.write(Batch(events=events))
    sql = "SELECT author FROM verdicts WHERE match = ? ORDER BY author"
    assert [row["author"] for row in store.query(sql, MATCH.id)] == ["j1"]
    assert [row["author"] for row in store.query(sql, other.id)] == ["j0", "j1"]
    assert len(store.turns(MATCH.id)) == 3


def test_ground_truth_is_read_by_one_method() -> None:
    found = set()
    for room in ("arena", "agents", "judges", "ui"):
        for file in sorted((REPOSITORY / room).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for owner in ast.walk(tree):
                if not isinstance(owner, ast.FunctionDef):
                    continue
                for node in ast.walk(owner):
                    text = node.value if isinstance(node, ast.Constant) else None
                    if isinstance(text, str) and re.search(
                        r"\b(from|join|table|into|update)\s+[\"'\[`]?truths\b", text, re.IGNORECASE
                    ):
                        found.add((file.relative_to(REPOSITORY).as_posix(), owner.name))
    assert found == {("arena/store.py", "truths")}


def test_a_run_name_stands_for_one_configuration(store: Store) -> None:
    store.start_run("mine", "play", {"seed": 1}, {})
    store.start_run("mine", "play", {"seed": 1}, {"another": "machine"})
    for kind, config in (("play", {"seed": 2}), ("tournament", {"seed": 1})):
        with pytest.raises(StoreError, match="give this one another name") as caught:
            store.start_run("mine", kind, config, {})
        _one_line(caught.value, "'mine'")
    assert [row["config"] for row in store.query("SELECT config FROM runs")] == ['{"seed":1}']


def test_a_key_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match="holds no match 'm0'") as caught:
        store.match("m0")
    _one_line(caught.value, "in memory")


# ---------------------------------------------------------------------------------------------
# Files that cannot be used: one line that says what to do.


def _one_line(error: BaseException, *parts: str) -> None:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 300
    for part in parts:
        assert part in text, text


def _refused(path: str | Path, *parts: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store(path)
    _one_line(caught.value, str(path), *parts)


def test_a_store_of_a_newer_schema_is_refused_in_one_line_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "arena.db"
    with Store(path) as store:
        sql = "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?,?,'')"
        store.execute({sql: [(schema.NAME, "m999_what_comes_later")]})
    before = path.read_bytes()
    _refused(path, "newer arena", "m999_what_comes_later", "upgrade arena")
    assert path.read_bytes() == before


def test_a_file_that_is_not_a_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are my notes.\n" * 100)
    before = path.read_bytes()
    _refused(path, "not an arena store", "name another file")
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE photos (id INTEGER PRIMARY KEY)")
    other.close()
    before = path.read_bytes()
    _refused(path, "a database of something else", "name another file")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["photos.db"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    _refused(tmp_path / "nowhere" / "arena.db", "does not exist", "make it")


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    _refused(tmp_path, "cannot be opened", "check that it is a file, and")


@pytest.mark.parametrize("name", ["", ":memory:", "file:x?mode=memory"])
def test_no_name_makes_a_store_that_silently_forgets(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if not name:
        with pytest.raises(StoreError, match="check that it is a file, and"):
            Store(name)
        return
    with Store(name) as store:
        add_items(store, [Item(QUESTION, 1)])
    with Store(name) as store:
        assert store.truths() == {QUESTION.id: 1}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a lock only briefly."""
    monkeypatch.setattr(store_module, "BUSY_SECONDS", 0.05)


@pytest.mark.usefixtures("hurried")
def test_a_locked_store_is_named_and_works_again_once_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "arena.db"
    with Store(path) as store:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            add_items(store, [Item(QUESTION, 1)])
        _one_line(caught.value, str(path), "locked by another process", "stop it")
        assert not store.conn.in_transaction
        assert store.truths() == {}  # readers are not kept out
        holder.execute("ROLLBACK")
        holder.close()
        add_items(store, [Item(QUESTION, 1)])
        assert store.truths() == {QUESTION.id: 1}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_new_store_that_another_process_holds_is_named(lock: str, tmp_path: Path) -> None:
    path = tmp_path / "arena.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute(f"BEGIN {lock}")
    _refused(path, "locked by another process", "stop it")
    holder.execute("ROLLBACK")
    holder.close()
    Store(path).close()


def test_a_short_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "arena.db"
    Store(path).close()
    hold = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('BEGIN IMMEDIATE'); print(flush=True); time.sleep(.3); c.execute('COMMIT')"
    )
    with subprocess.Popen([sys.executable, "-c", hold, path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with Store(path) as store:
            add_items(store, [Item(QUESTION, 1)])
            assert store.truths() == {QUESTION.id: 1}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may read."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Without root's right to write everywhere; the folder's owner otherwise."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_file_can_be_read_and_says_why_it_is_not_written(open_folder: Path) -> None:
    path = open_folder / "arena.db"
    with Store(path) as store:
        add_items(store, [Item(QUESTION, 1)])
    path.chmod(0o444)
    os.chmod(open_folder, 0o777)
    with _as_nobody(), Store(path) as store:
        assert store.truths() == {QUESTION.id: 1}
        with pytest.raises(StoreError) as caught:
            add_items(store, [Item(Question("another?", ("a", "b")), 0)])
        assert not store.conn.in_transaction
    _one_line(caught.value, str(path), "is read-only here", "writable")


def test_a_store_in_a_read_only_folder_says_what_to_check(open_folder: Path) -> None:
    path = open_folder / "arena.db"
    Store(path).close()
    path.chmod(0o444)
    os.chmod(open_folder, 0o555)
    with _as_nobody():
        _refused(path, "file and folder", "writ")
        _refused(open_folder / "new.db", "file and folder", "writ")
    os.chmod(open_folder, 0o755)


def test_a_file_that_may_not_be_read_says_what_to_check(open_folder: Path) -> None:
    path = open_folder / "arena.db"
    Store(path).close()
    path.chmod(0)
    with _as_nobody():
        _refused(path, "file and folder")


# ---------------------------------------------------------------------------------------------
# Opening, and other processes.


def test_an_empty_file_becomes_a_store_and_a_store_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "arena.db"
    path.touch()
    Store(path).close()
    before = path.read_bytes()
    with Store(path) as store:
        assert [one.name for one in schema.migrations().pending(store.db)] == []
        assert store.one("PRAGMA journal_mode") == {"journal_mode": "wal"}
        assert store.one("PRAGMA synchronous") == {"synchronous": 1}
    assert path.read_bytes() == before


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "arena.db"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "TABLES", schema.TABLES + "CREATE TABLE runs (name TEXT);")
        with pytest.raises(StoreError, match="already exists"):
            Store(path)
    with Store(path) as store:
        assert store.truths() == {}


def test_a_persons_act_is_durable_before_it_returns(tmp_path: Path) -> None:
    with Store(tmp_path / "arena.db") as store:
        levels: list[object] = []
        store.conn.set_trace_callback(
            lambda sql: levels.append(sql) if "synchronous" in sql or "COMMIT" in sql else None
        )
        store.write(Batch(events=[{"kind": "seen"}]), full=True)
        store.write(Batch(events=[{"kind": "seen"}]))
        store.conn.set_trace_callback(None)
    full, normal = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"
    assert levels == [full, "COMMIT", normal, "COMMIT"]


_RACE = """
import sys, time
from arena.batch import Batch
from arena.store import Store
folder, who, start = sys.argv[1], sys.argv[2], float(sys.argv[3])
Store(None).close()
for i in range(12):
    time.sleep(max(0, start + .05 * i - time.time()))
    with Store(f"{folder}/{i}.db") as store:
        store.write(Batch(events=[{"kind": "opened", "key": who}]))
"""


def test_processes_that_open_a_new_store_together_all_succeed(tmp_path: Path) -> None:
    start = str(time.time() + 2)
    workers = [
        subprocess.Popen([sys.executable, "-c", _RACE, str(tmp_path), str(who), start],
                         stderr=subprocess.PIPE, text=True)
        for who in range(3)
    ]  # fmt: skip
    for worker in workers:
        _, err = worker.communicate(timeout=60)
        assert worker.returncode == 0, err
    for i in range(12):
        with Store(tmp_path / f"{i}.db") as store:
            assert len(list(store.query("SELECT 1 FROM events"))) == 3


_WRITES = """
import sys
from arena.batch import Batch
from arena.store import Store
with Store(sys.argv[1]) as store:
    for i in range(150):
        store.write(Batch(events=[{"kind": "written", "key": f"{sys.argv[2]} {i} {j}"}
                                  for j in range(3)]), full=i % 10 == 0)
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "arena.db"
    Store(path).close()
    workers = [
        subprocess.Popen([sys.executable, "-c", _WRITES, str(path), str(who)],
                         stderr=subprocess.PIPE, text=True)
        for who in range(2)
    ]  # fmt: skip
    for worker in workers:
        _, err = worker.communicate(timeout=60)
        assert worker.returncode == 0, err
    with Store(path) as store:
        keys = {row["key"] for row in store.query("SELECT key FROM events")}
    assert keys == {f"{who} {i} {j}" for who in range(2) for i in range(150) for j in range(3)}


# ---------------------------------------------------------------------------------------------
# Cost.


@pytest.mark.check
def test_storing_costs_at_most_half_more_than_a_bare_executemany_of_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    from storing import measure

    ratios = []
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        ratios.append(measure(folder, 256, 5)["ratio with building rows"])
    assert min(ratios) <= 1.5, ratios
