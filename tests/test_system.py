"""The page System: what it says of the store and its sessions, and what a click there ends."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from office import HOSTILE, built, enter, events, opened, person, refused, table
from stage import ALICE, BOB, PERSON, question, stage

from arena import leases
from arena.desk import identity, passcodes, sessions, system
from arena.desk.chairs import PersonError
from arena.match import Match, participant_id
from arena.protocols import BUILT_IN
from arena.store import Store
from ui.web import presence
from ui.web.gate import COOKIE

SECRET = "correct horse battery"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return built(tmp_path / "s.db")


def sha(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# The store.


def test_the_facts_are_those_of_the_file(path: Path) -> None:
    with Store(path) as store:
        identity.register(store, "Dora")  # into the log
        found = system.facts(store)
        assert found.schema == "m003_the_desk" and found.version
        assert found.file == path.stat().st_size
        assert found.log == path.with_name("s.db-wal").stat().st_size > 0
        assert found.rows["people"] == 4 and found.rows["matches"] == 6
        assert {"turns", "events", "sessions"} <= set(found.rows)
        assert not [name for name in found.rows if "migrations" in name]
    with Store(None) as empty:
        bare = system.facts(empty)
    assert (bare.file, bare.log, set(bare.rows.values())) == (0, 0, {0})


# Sessions.


def test_live_sessions_are_told_with_how_they_began_and_ended_one_by_one(path: Path) -> None:
    with Store(path) as store:
        store.execute({"DELETE FROM sessions": [()]})
        ada, bob = identity.named(store, "Ada").id, identity.named(store, "Bob").id
        one = identity.start_session(store, ada, "passcode")
        two = identity.start_session(store, ada, "login")
        old = identity.start_session(store, bob, "passcode")
        store.conn.execute("UPDATE sessions SET expires = 1 WHERE hash = ?", (sha(old),))
        identity.revoke(store, bob)
        identity.start_session(store, bob, "a race that was lost")
        found = sessions.live(store)
        assert [(s.name, s.by, s.hash) for s in found] == [
            ("Ada", "login", sha(two)), ("Ada", "passcode", sha(one)),
        ]  # fmt: skip
        assert all(s.since is not None and abs(s.since - time.time()) < 60 for s in found)
        assert sessions.end(store, sha(one), bob)
        assert identity.signed_in(store, one) is None
        assert identity.signed_in(store, two) is not None
        assert not sessions.end(store, sha(one), bob) and not sessions.end(store, "x", bob)
        (noted,) = store.query("SELECT person, value FROM events WHERE kind = 'session ended'")
        assert noted["person"] == bob and ada in noted["value"] and sha(one) not in noted["value"]


def test_the_one_session_of_an_admin_who_could_not_come_back_stays(path: Path) -> None:
    with Store(path) as store:
        (own,) = (s for s in sessions.live(store) if s.name == "Carol")
        with pytest.raises(PersonError, match="Nobody else"):
            sessions.end(store, own.hash)
        carol = identity.named(store, "Carol").id
        second = identity.start_session(store, carol, "test")
        assert sessions.end(store, sha(second))
        passcodes.set_passcode(store, carol, SECRET, keep=None)
        identity.start_session(store, carol, "test")
        (own,) = (s for s in sessions.live(store) if s.name == "Carol")
        assert sessions.end(store, own.hash)


def test_when_a_session_was_last_heard_of_is_known_by_its_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "_seen", {})
    monkeypatch.setattr(presence, "MOST", 3)
    assert presence.seen(sha("a")) is None
    for token in ("a", "b", "c", "a", "d"):
        presence.note(token)
    assert presence.seen(sha("b")) is None  # silent for longest, and there is room for three
    for token in ("a", "c", "d"):
        at = presence.seen(sha(token))
        assert at is not None and abs(at - time.time()) < 60
    assert "a" not in presence._seen


# The page.


def test_the_page_says_what_there_is_to_admins(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "_seen", {})
    with Store(path) as store:
        hostile = enter(store, HOSTILE)
        token = identity.start_session(store, hostile, "passcode")
    presence.note(token)
    desk = opened(path, monkeypatch, "system")
    named = {one.label: one.value for one in desk.app.metric}
    assert named["Schema"] == "m003_the_desk" and named["Store"].endswith(("KiB", "MiB"))
    rows = table(desk, "Rows")
    assert rows["Rows"][rows["Table"].index("matches")] == 6
    live = table(desk, "By")
    assert len(live["Name"]) == 5 and live["By"].count("a link") == 4
    mine = live["By"].index("passcode")
    assert "⟦U+202E⟧" in live["Name"][mine] and live["Last seen"][mine] == "just now"
    assert live["Last seen"].count("") == 4 and set(live["This one"]) == {""}
    assert "Nothing waits for machines." in desk.words()
    (way,) = (one.proto for one in desk.app.get("bidi_component")
              if "/backup" in one.proto.json)  # fmt: skip
    assert json.loads(way.json) == {"label": "Download a backup", "path": "/backup", "post": True}
    sent = b"".join(desk.sent())
    for secret in (token.encode(), sha(token).encode(), "\u202e".encode()):
        assert secret not in sent
    judge = opened(path, monkeypatch, "system", "Ada")
    assert "Schema" not in {one.label for one in judge.app.metric}
    assert "Signed in now" not in judge.words()


def test_a_session_is_ended_by_a_click(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(path) as store:
        ada = identity.named(store, "Ada").id
        token = identity.start_session(store, ada, "passcode")  # the newest: chosen at first
    desk = opened(path, monkeypatch, "system").click("End this session")
    assert "The session is ended" in desk.words()
    with Store(path) as store:
        assert identity.signed_in(store, token) is None
        assert identity.session_counts(store)[ada] == 1
        passcodes.set_passcode(store, identity.named(store, "Carol").id, SECRET)
        store.execute({"DELETE FROM sessions": [()]})
    desk.click("End this session")
    assert refused(desk) == "This session is over already."
    assert events(path).count("session ended") == 1
    assert "Nobody is signed in." in desk.words()


def test_a_click_on_system_counts_for_nothing_once_the_role_is_gone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = opened(path, monkeypatch, "system")
    with Store(path) as store:
        passcodes.set_passcode(store, enter(store, "Emma", "admin"), SECRET)
        identity.set_role(store, identity.named(store, "Carol").id, "judge")
        before = list(store.conn.iterdump())
    (button,) = (one for one in desk.app.button if one.label == "End this session")
    button.click().run()
    assert "Schema" not in {one.label for one in desk.app.metric}
    with Store(path) as store:
        assert list(store.conn.iterdump()) == before
    assert person(path, "Carol").role == "judge"


def test_the_browser_that_looks_is_marked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(path) as store:
        token = identity.start_session(store, identity.named(store, "Carol").id, "passcode")
    desk = opened(path, monkeypatch, "system")

    class Context:
        cookies = {COOKIE: token}  # noqa: RUF012
        url = "http://desk.example/system"

    monkeypatch.setattr("streamlit.context", Context)
    live = table(desk.again(), "By")
    assert [live["By"][n] for n, mark in enumerate(live["This one"]) if mark] == ["passcode"]


# What waits for machines.


def asked(n: int) -> Match:
    """A debate that machines begin, with a person as its judge."""
    names = {seat: participant_id(who) for seat, who in (("A", ALICE), ("B", BOB))}
    seats = (*names.items(), ("judge", PERSON))
    one = question(n, f"story {n}")
    return Match(one, BUILT_IN["debate with questions"], (("A", 0), ("B", 1)), seats)


def test_what_waits_for_machines_is_told_the_oldest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, some = tmp_path / "s.db", [asked(n) for n in range(3)]
    now = time.time()
    with stage(path, some, name=HOSTILE, agents=()) as store:
        enter(store, "Carol", "admin")
        assert leases.claim(store, some[0].id, "worker", now, 3600)
        assert leases.claim(store, some[1].id, "silent", now - 7200, 15)
        sql = "INSERT INTO events (at, kind, match, value) VALUES (?, 'retry', ?, '{}')"
        ago = zip((60, 90, 3000), some, strict=True)
        store.execute({sql: [(now - seconds, one.id) for seconds, one in ago]})
        found = system.machines(store, now)
        assert (found.held, found.lapsed, found.all) == (1, 1, True)
        assert [one.match for one in found.waiting] == [some[n].id for n in (2, 1, 0)]
        assert found.waiting[0].since == now - 3000 and found.waiting[0].run == HOSTILE
        monkeypatch.setattr(system, "LOOKED_AT", 2)
        less = system.machines(store, now)
        assert not less.all and len(less.waiting) == 2
        monkeypatch.setattr(system, "LOOKED_AT", 200)
    desk = opened(path, monkeypatch, "system")
    shown: dict[str, Any] = table(desk, "State")
    assert shown["Since"][0] == "50 min ago" and shown["State"] == ["due"] * 3
    assert "Waiting for machines: 3, the oldest since 50 min ago." in desk.words()
    assert "Left by a worker that has fallen silent: 1." in desk.words()
