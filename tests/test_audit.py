"""The audit log: every act in plain words, filtered, a page at a time, with no secret in it."""

import ast
from pathlib import Path
from typing import Any

import pytest
from stage import match, question, stage

from arena.batch import Batch
from arena.desk import acts, audit, identity, passcodes, worklist
from arena.desk.audit import Filters
from arena.ids import canonical
from arena.store import Store

ROOT = Path(__file__).parent.parent


def kinds_in(text: str) -> set[str]:
    """The kinds of events that a file writes, as far as they are written out in it: the first
    argument of ``event(...)``, a mapping's ``"kind"``, and columns of a tuple for `_EVENT`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "event":
            given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "kind")]
            found |= {one.value for one in given if isinstance(one, ast.Constant)}
        if isinstance(node, ast.Dict) and "at" in {ast.unparse(k)[1:-1] for k in node.keys if k}:
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "kind":
                    found |= {value.value} if isinstance(value, ast.Constant) else set()
        if isinstance(node, ast.Tuple) and len(node.elts) >= 6:
            third = node.elts[2]
            began = node.elts[1]
            timed = isinstance(began, ast.Call) or getattr(began, "id", "") in ("now", "at")
            if timed and isinstance(third, ast.Constant) and isinstance(third.value, str):
                found.add(third.value)
    return found


def test_every_kind_that_the_desk_writes_has_words() -> None:
    files = [*(ROOT / "arena/desk").glob("*.py"), ROOT / "arena/leases.py"]
    files += [ROOT / "arena/continuing.py"]
    files += [ROOT / "arena/sources/nyu_rooms.py"]
    written = {kind: file.name for file in files for kind in kinds_in(file.read_text())}
    assert {"skipped", "forked", "sign-in", "retry", "taken", "continued"} <= set(written)
    missing = {kind: file for kind, file in written.items() if kind not in audit.WORDS}
    assert not missing


def test_the_search_for_kinds_finds_them() -> None:
    assert kinds_in("x = event('a', p, now)") == {"a"}
    assert kinds_in("Batch(events=[{'kind': 'b', 'at': 1}])") == {"b"}
    assert kinds_in("row = (None, time.time(), 'c', m, None, p, '{}')") == {"c"}


@pytest.fixture
def day() -> Any:
    one, other = match(question(0)), match(question(1))
    with stage(None, [one, other]) as store:
        ada, bob = identity.register(store, "Ada"), identity.register(store, "Bob")
        for who in (ada, bob):
            assert worklist.next_unjudged(store, who) is not None
        acts.submit(store, one, ada, "A", 0.75, "because")
        acts.skip(store, other, bob)
        identity.set_role(store, bob, "researcher", ada)
        store.conn.execute("UPDATE events SET at = 1000 + id")
        yield store, one, other, ada, bob


def told(store: Store, **filters: Any) -> list[tuple[str, str]]:
    rows, _ = audit.log(store, Filters(**filters))
    return [(row["who"], row["words"]) for row in rows]


def test_the_log_says_who_did_what_the_newest_first(day: Any) -> None:
    store, one, _, _, _ = day
    assert told(store) == [
        ("Ada", "changed a role"), ("Bob", "skipped a debate"), ("Ada", "gave a verdict"),
        ("Bob", "took a debate"), ("Ada", "took a debate"),
    ]  # fmt: skip
    rows, _ = audit.log(store)
    assert rows[0]["about"] == "Bob" and ["to", "researcher"] in rows[0]["details"]
    assert (rows[2]["match"], rows[2]["when"]) == (one.id, "1970-01-01 00:16:43 UTC")


def test_filters_of_the_log_find_what_they_say(day: Any) -> None:
    store, one, other, ada, bob = day
    assert told(store, kind="skipped") == [("Bob", "skipped a debate")]
    assert told(store, match=one.id, kind="verdict") == [("Ada", "gave a verdict")]
    assert [who for who, _ in told(store, person=bob)] == ["Ada", "Bob", "Bob"]  # by, and about
    assert told(store, since=1003, until=1005) == told(store)[1:3]
    assert told(store, person="nobody") == told(store, kind="x") == []
    counted = {row["value"]: row["n"] for row in audit.kinds(store)}
    assert counted == {"role": 1, "skipped": 1, "taken": 2, "verdict": 1}
    assert ada != bob and other != one


def test_pages_of_the_log_join(day: Any) -> None:
    store, *_ = day
    seen, before = [], None
    while True:
        rows, before = audit.log(store, before=before, limit=2)
        seen += [row["id"] for row in rows]
        if before is None:
            break
    assert seen == [5, 4, 3, 2, 1]


def test_no_secret_and_no_truth_is_in_the_log(day: Any) -> None:
    store, one, _, ada, _ = day
    passcodes.set_passcode(store, ada, "CANARY pass phrase")
    link = identity.invite(store, "Carol", "judge", by=ada)
    value = {
        "token": "CANARY-1", "deep": [{"session_hash": "CANARY-2"}], "passcode": "CANARY-3",
        "truth": "CANARY-4", "was right": "CANARY-5", "kept": "plain",
    }  # fmt: skip
    store.write(Batch(events=[{"kind": "feedback", "match": one.id, "person": ada,
                               "value": value}]))  # fmt: skip
    rows, _ = audit.log(store)
    text = canonical(rows)
    assert "CANARY" not in text and str(link) not in text
    assert ["kept", "plain"] in rows[0]["details"]
    for table in ("passcodes", "invites"):
        for row in store.query(f"SELECT * FROM {table}"):
            for name, secret in row.items():
                if name in ("hash", "salt"):
                    shown = secret.hex() if isinstance(secret, bytes) else secret
                    assert shown not in text


def test_texts_in_the_log_are_safe_to_look_at(day: Any) -> None:
    store, one, _, ada, _ = day
    odd = "x\u202e" * 3000
    store.write(Batch(events=[{"kind": "kind\u202e", "match": one.id, "person": ada,
                               "value": {"reason\u200b": odd}}]))  # fmt: skip
    rows, _ = audit.log(store, limit=1)
    text = canonical(rows)
    assert "\u202e" not in text and "\u200b" not in text and "⟦U+202E⟧" in text
    assert len(text) < 12 * audit.LONGEST
