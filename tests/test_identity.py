"""People, roles, links, sessions and passcodes: who gets in, who does not, and what is kept."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from arena.desk import audit, identity, logins, passcodes, sessions
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.store import Store
from ui.cli import app

SECRET = "correct horse battery"


def events(store: Store, kind: str) -> list[dict[str, Any]]:
    found = store.query("SELECT * FROM events WHERE kind = ? ORDER BY id", kind)
    return [{**row, "value": json.loads(row["value"])} for row in found]


def entered(store: Store, name: str, role: str | None = None) -> tuple[Person, str]:
    found = identity.accept(store, identity.invite(store, name, role))
    assert found is not None
    return found


def with_passcode(store: Store, name: str, role: str = "judge") -> str:
    person = identity.register(store, name)
    identity.set_role(store, person, role)
    passcodes.set_passcode(store, person, SECRET)
    return person


def sha(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# Names and roles.


def test_a_new_person_is_a_judge_and_a_name_is_one_person(store: Store) -> None:
    ada = identity.register(store, "  Ada \n Byron ")
    assert identity.register(store, "Ada Byron") == ada
    assert identity.by_id(store, ada) == Person(ada, "Ada Byron", "judge", None)
    assert identity.named(store, "Ada  Byron").id == ada
    assert [one.name for one in identity.people(store)] == ["Ada Byron"]
    assert identity.by_id(store, "a0") is None
    with pytest.raises(PersonError, match="Nobody has that name"):
        identity.named(store, "Bob")


def test_a_role_is_changed_by_somebody_and_kept_with_who_it_was(store: Store) -> None:
    ada, bob = (identity.register(store, name) for name in ("Ada", "Bob"))
    identity.set_role(store, bob, "researcher", by=ada)
    identity.set_role(store, bob, "researcher", by=ada)  # no change, no event
    found = identity.by_id(store, bob)
    assert found is not None and found.role == "researcher"
    (noted,) = events(store, "role")
    assert noted["person"] == ada
    assert noted["value"] == {"of": bob, "from": "judge", "to": "researcher"}
    with pytest.raises(PersonError, match="judge, researcher, admin"):
        identity.set_role(store, bob, "<b>root</b>")
    with pytest.raises(PersonError, match="no such person"):
        identity.set_role(store, "a0", "admin")


def test_the_local_person_is_an_admin_for_the_day_and_not_in_the_store(store: Store) -> None:
    ada = identity.local(store, "Ada")
    assert ada.role == "admin"
    assert identity.by_id(store, ada.id) == Person(ada.id, "Ada", "judge")
    assert not passcodes.can_enter(store)


# Invites.


def test_an_invite_works_once(store: Store) -> None:
    token = identity.invite(store, "Ada", "researcher")
    for _ in range(2):  # looking consumes nothing
        seen = identity.invited(store, token)
        assert seen is not None and (seen.name, seen.role) == ("Ada", "researcher")
    found = identity.accept(store, token)
    assert found is not None and found[0] == seen
    assert identity.signed_in(store, found[1]) == seen
    assert identity.accept(store, token) is None and identity.invited(store, token) is None
    assert [row["person"] for row in events(store, "invite used")] == [seen.id]
    assert len(events(store, "sign-in")) == 1
    assert [one.state(time.time()) for one in identity.invites(store)] == ["used"]


def test_of_many_tries_at_the_same_moment_one_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path) as store:
        token = identity.invite(store, "Ada")
    start, got = threading.Barrier(8), []

    def enter() -> None:
        with Store(path) as own:
            start.wait()
            got.append(identity.accept(own, token))

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(got) == 8 and sum(found is not None for found in got) == 1
    with Store(path) as store:
        assert len(list(store.query("SELECT * FROM sessions"))) == 1
        assert len(events(store, "invite used")) == len(events(store, "sign-in")) == 1


def test_a_link_that_was_open_when_it_was_looked_at_may_be_gone_at_the_click(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = identity.invite(store, "Ada")
    seen = identity.invited(store, token)
    identity.revoke_invite(store, sha(token))
    monkeypatch.setattr(identity, "invited", lambda *_: seen)  # what the other tab still believes
    assert identity.accept(store, token) is None
    assert not list(store.query("SELECT * FROM sessions")) and not events(store, "invite used")


def late(store: Store, token: str) -> None:
    store.conn.execute("UPDATE invites SET expires = ?", (time.time() - 1,))


def taken_back(store: Store, token: str) -> None:
    assert identity.revoke_invite(store, sha(token))
    assert not identity.revoke_invite(store, sha(token))


def person_revoked(store: Store, token: str) -> None:
    identity.revoke(store, identity.named(store, "Ada").id)


def made_after_the_end(store: Store, token: str) -> None:
    store.conn.execute("UPDATE people SET revoked_at = 1")  # the invite was written a moment later


def issued_again(store: Store, token: str) -> None:
    assert identity.invite(store, "Ada") != token


@pytest.mark.parametrize(
    "what", [late, taken_back, person_revoked, made_after_the_end, issued_again]
)
def test_an_invite_that_is_over_opens_nothing(
    store: Store, what: Callable[[Store, str], None]
) -> None:
    token = identity.invite(store, "Ada")
    what(store, token)
    assert identity.invited(store, token) is None and identity.accept(store, token) is None
    assert not list(store.query("SELECT * FROM sessions"))


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 100_000, "\ud800", "' OR 1=1 --"])
def test_a_forged_token_opens_nothing(store: Store, token: str) -> None:
    identity.invite(store, "Ada")
    entered(store, "Bob")
    assert identity.invited(store, token) is None and identity.accept(store, token) is None
    assert identity.signed_in(store, token) is None
    identity.sign_out(store, token)
    assert len(list(store.query("SELECT * FROM sessions"))) == 1


def test_what_the_store_keeps_of_a_token_opens_nothing(store: Store) -> None:
    token = identity.invite(store, "Ada")
    (row,) = store.query("SELECT * FROM invites")
    assert row["hash"] == sha(token) and len(token) >= 43  # 256 bits
    assert identity.accept(store, row["hash"]) is None
    found = identity.accept(store, token)
    assert found is not None
    (row,) = store.query("SELECT * FROM sessions")
    assert row["hash"] == sha(found[1])
    assert identity.signed_in(store, row["hash"]) is None


def test_an_invite_keeps_the_role_of_somebody_known_unless_it_says_another(store: Store) -> None:
    entered(store, "Ada", "admin")
    entered(store, "Bob", "admin")
    ada, session = entered(store, "Ada")
    assert ada.role == "admin" and identity.signed_in(store, session) == ada
    link = identity.invite(store, "Ada", "judge")
    assert identity.signed_in(store, session) is None  # another role, as by any other way
    found = identity.accept(store, link)
    assert found is not None and found[0].role == "judge"
    assert [row["value"]["to"] for row in events(store, "role")] == ["admin", "admin", "judge"]


@pytest.mark.parametrize("hours", [0, -1, 8761, float("nan"), float("inf")])
def test_an_invite_without_an_end_is_refused(store: Store, hours: float) -> None:
    with pytest.raises(PersonError, match="at most 8760 hours"):
        identity.invite(store, "Ada", hours=hours)
    assert not identity.people(store)


def test_somebody_who_was_revoked_is_restored_before_they_are_invited(store: Store) -> None:
    ada = entered(store, "Ada", "researcher")[0].id
    identity.revoke(store, ada)
    with pytest.raises(PersonError, match="restore"):
        identity.invite(store, "Ada")
    identity.restore(store, ada)
    identity.restore(store, ada)
    assert len(events(store, "restored")) == 1
    assert entered(store, "Ada")[0] == Person(ada, "Ada", "researcher")


# Sessions.


def test_revoking_ends_sessions_and_links_at_once(store: Store) -> None:
    ada, first = entered(store, "Ada")
    second = identity.start_session(store, ada.id, "test")
    bob, others = entered(store, "Bob")
    link = identity.invite(store, "Ada")
    identity.revoke(store, ada.id, by=bob.id)
    for token in (first, second):
        assert identity.signed_in(store, token) is None
    assert identity.accept(store, link) is None
    assert identity.signed_in(store, others) == bob
    (noted,) = events(store, "revoked")
    assert (noted["person"], noted["value"]) == (bob.id, {"of": ada.id})
    late_one = identity.start_session(store, ada.id, "a race that was lost")
    assert identity.signed_in(store, late_one) is None


def test_sessions_end_by_one_by_all_and_by_time(store: Store) -> None:
    ada, first = entered(store, "Ada")
    second = identity.start_session(store, ada.id, "test")
    identity.sign_out(store, first)
    assert identity.signed_in(store, first) is None
    assert identity.signed_in(store, second) == ada
    assert identity.session_counts(store) == {ada.id: 1}
    assert identity.end_sessions(store, ada.id) == 1
    assert identity.signed_in(store, second) is None and identity.session_counts(store) == {}
    third = identity.start_session(store, ada.id, "test")
    (row,) = store.query("SELECT * FROM sessions")
    assert 0 <= row["expires"] - time.time() - 7 * 24 * 3600 + 60 <= 60
    store.conn.execute("UPDATE sessions SET expires = ?", (time.time() - 1,))
    assert identity.signed_in(store, third) is None
    identity.start_session(store, ada.id, "test")  # sweeps what has expired
    assert len(list(store.query("SELECT * FROM sessions"))) == 1


def test_a_role_that_changes_holds_in_a_session_that_has_begun(store: Store) -> None:
    entered(store, "Bob", "admin")
    ada, token = entered(store, "Ada", "admin")
    identity.set_role(store, ada.id, "judge", by=ada.id, keep=token)
    found = identity.signed_in(store, token)
    assert found is not None and found.role == "judge"


@pytest.mark.parametrize(
    "act",
    [
        lambda store, ada, keep: passcodes.set_passcode(store, ada, SECRET + "!", ada, keep),
        lambda store, ada, keep: passcodes.set_passcode(store, ada, SECRET + "!", "admin"),
        lambda store, ada, keep: identity.set_role(store, ada, "researcher", ada, keep),
        lambda store, ada, keep: identity.set_role(store, ada, "researcher"),
        lambda store, ada, keep: identity.end_sessions(store, ada, ada, keep),
        lambda store, ada, keep: identity.end_sessions(store, ada),
        lambda store, ada, keep: identity.revoke(store, ada),
        lambda store, ada, keep: logins.unbind(store, logins.bound(store, ada)[0], None, keep),
    ],
    ids=["own passcode", "passcode reset", "own role", "role", "other devices", "all devices",
         "revoked", "login"],
)  # fmt: skip
def test_what_changes_who_may_come_in_ends_the_other_sessions_and_tells_how_many(
    store: Store, act: Callable[[Store, str, str], int], request: pytest.FixtureRequest
) -> None:
    ada = with_passcode(store, "Ada")
    store.execute({"INSERT INTO logins VALUES (?,?,?)": [("https://id.example", "42", ada)]})
    others = entered(store, "Bob")[1]
    own, second, old = (identity.start_session(store, ada, "test") for _ in range(3))
    store.conn.execute("UPDATE sessions SET expires = 1 WHERE hash = ?", (sha(old),))
    stays = request.node.callspec.id in ("own passcode", "own role", "other devices", "login")
    assert act(store, ada, own) == (1 if stays else 2)  # what had expired is not told
    assert identity.signed_in(store, second) is None
    assert (identity.signed_in(store, own) is not None) == stays
    assert identity.signed_in(store, others) is not None


# The last admin.


LOCKS_OUT: dict[str, Callable[[Store, str], object]] = {
    "revoked": lambda store, ada: identity.revoke(store, ada),
    "demoted": lambda store, ada: identity.set_role(store, ada, "judge"),
    "demoted by herself": lambda store, ada: identity.set_role(store, ada, "judge", ada, "x"),
    "invited as a judge": lambda store, ada: identity.invite(store, "Ada", "researcher"),
}


@pytest.mark.parametrize("way", ["passcode", "login", "session"])
@pytest.mark.parametrize("act", LOCKS_OUT)
def test_the_last_admin_who_can_sign_in_stays_one(store: Store, act: str, way: str) -> None:
    ada = identity.register(store, "Ada")
    identity.set_role(store, ada, "admin")
    if way == "passcode":
        passcodes.set_passcode(store, ada, SECRET)
    elif way == "login":
        store.execute({"INSERT INTO logins VALUES (?,?,?)": [("https://id.example", "42", ada)]})
    else:
        identity.start_session(store, ada, "test")
    carol = identity.register(store, "Carol")
    identity.set_role(store, carol, "admin")  # can come in by nothing
    dora = with_passcode(store, "Dora", "admin")
    identity.revoke(store, dora)
    before = list(store.conn.iterdump())
    with pytest.raises(PersonError, match=r"^Nobody else could manage the desk then"):
        LOCKS_OUT[act](store, ada)
    assert list(store.conn.iterdump()) == before
    passcodes.set_passcode(store, carol, SECRET)
    LOCKS_OUT[act](store, ada)
    found = identity.by_id(store, ada)
    assert found is not None and (found.role != "admin" or found.revoked_at is not None)


def test_the_last_admin_is_not_left_without_a_way_in(store: Store) -> None:
    ada, token = entered(store, "Ada", "admin")
    one, two = (logins.Login("https://id.example", sub, ada.id) for sub in ("42", "43"))
    with pytest.raises(PersonError, match="Nobody else"):
        identity.end_sessions(store, ada.id)
    with pytest.raises(PersonError, match="Nobody else"):
        sessions.end(store, sha(token))
    assert identity.end_sessions(store, ada.id, ada.id, keep=token) == 0
    for login in (one, two):
        store.execute({"INSERT INTO logins VALUES (?,?,?)": [
            (login.issuer, login.subject, login.person)]})  # fmt: skip
    assert logins.unbind(store, two) == 1  # the other login leads back
    with pytest.raises(PersonError, match="Nobody else"):
        logins.unbind(store, one)
    assert logins.bound(store) == [one]
    passcodes.set_passcode(store, ada.id, SECRET)
    assert logins.unbind(store, one) == 0 and logins.bound(store) == []


def test_of_two_admins_who_revoke_each_other_at_the_same_moment_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path) as store:
        ids = [with_passcode(store, name, "admin") for name in ("Ada", "Bob")]
    start, told = threading.Barrier(2), []

    def revoke(whom: str, by: str) -> None:
        with Store(path) as own:
            start.wait()
            try:
                identity.revoke(own, whom, by)
            except PersonError as error:
                told.append(str(error))

    threads = [threading.Thread(target=revoke, args=pair) for pair in (ids, ids[::-1])]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with Store(path) as store:
        assert sum(one.revoked_at is None for one in identity.people(store)) == 1
        assert len(told) == len(events(store, "revoked")) == 1


# Passcodes.


def test_name_and_passcode_sign_in(store: Store) -> None:
    ada = with_passcode(store, "Ada", "admin")
    found = passcodes.sign_in(store, " Ada ", SECRET, "1.2.3.4", passcodes.Attempts())
    assert found is not None and found[0] == Person(ada, "Ada", "admin")
    assert identity.signed_in(store, found[1]) == found[0]
    passcodes.set_passcode(store, ada, "another passcode")
    tries = passcodes.Attempts()
    assert passcodes.sign_in(store, "Ada", SECRET, "", tries) is None
    assert passcodes.sign_in(store, "Ada", "another passcode", "", tries) is not None


def test_a_passcode_is_kept_as_scrypt_of_it_with_a_salt_of_its_own(store: Store) -> None:
    for name in ("Ada", "Bob"):
        with_passcode(store, name)
    one, two = store.query("SELECT * FROM passcodes")
    assert one["salt"] != two["salt"] and one["hash"] != two["hash"]
    for row in (one, two):
        expected = hashlib.scrypt(
            SECRET.encode(), salt=row["salt"], n=2**15, r=8, p=1, maxmem=2**26, dklen=32
        )
        assert row["hash"] == expected and len(row["salt"]) == 16


@pytest.mark.parametrize("passcode", ["", "123456789", "x" * 201, "Ada Lovelace", "ada lovelace "])
def test_a_passcode_that_is_too_easy_or_too_long_is_refused(store: Store, passcode: str) -> None:
    ada = identity.register(store, "Ada Lovelace")
    with pytest.raises(PersonError, match=r"10 to 200 characters|not be your name"):
        passcodes.set_passcode(store, ada, passcode)
    assert not passcodes.has_passcode(store, ada)


def test_the_answer_does_not_tell_who_is_known(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown, no passcode, revoked, or a wrong passcode: one scrypt, one event, one None."""
    with_passcode(store, "Ada")
    identity.register(store, "Bob")
    identity.revoke(store, with_passcode(store, "Carol"))
    work: list[int] = []
    real = hashlib.scrypt

    def counted(*args: Any, **named: Any) -> bytes:
        work.append(named["n"])
        return real(*args, **named)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    cases = [
        *(("Ada", wrong) for wrong in ("wrong passcode", "", SECRET + "x" * 10_000)),
        *((name, SECRET) for name in ("Bob", "Carol", "Nobody", "", "x" * 500)),
    ]
    for number, (name, passcode) in enumerate(cases, 1):
        assert passcodes.sign_in(store, name, passcode, "", passcodes.Attempts()) is None
        assert work == [2**15] * number and len(events(store, "refused sign-in")) == number
    assert passcodes.sign_in(store, "Ada", SECRET, "", passcodes.Attempts()) is not None
    assert {row["person"] for row in events(store, "refused sign-in")} == {None}
    assert not list(store.query("SELECT * FROM events WHERE value LIKE '%Nobody%'"))


def test_tries_at_one_account_have_to_wait_longer_and_longer() -> None:
    now = [1000.0]
    tries = passcodes.Attempts(by_account=3, by_address=100, clock=lambda: now[0])
    for address in ("a", "b", "c"):
        tries.begin("ada", address)
    for wait in (1, 2, 4, 8):
        with pytest.raises(passcodes.TooMany) as refused:
            tries.begin("ada", "d")
        assert refused.value.seconds in (wait, wait + 1)
        with pytest.raises(passcodes.TooMany):  # asking early costs nothing and gains nothing
            tries.begin("ada", "e")
        tries.begin("bob", f"other {wait}")  # somebody else is not held up
        now[0] += wait
        tries.begin("ada", "d")
    now[0] += 900
    for _ in range(3):
        tries.begin("ada", "a")
    with pytest.raises(passcodes.TooMany):
        tries.begin("ada", "a")
    tries.succeeded("ada", "a")
    tries.begin("ada", "a")


def test_tries_from_one_address_are_counted_whatever_the_name() -> None:
    tries = passcodes.Attempts(by_account=100, by_address=3, clock=lambda: 5.0)
    for number in range(3):
        tries.begin(f"name {number}", f"2001:db8::{number}")  # one network of 64 bits
    with pytest.raises(passcodes.TooMany):
        tries.begin("name 4", "2001:db8:0:0:ffff::1")
    tries.begin("name 4", "2001:db8:0:1::1")
    tries.begin("name 4", "192.0.2.1")


def test_a_success_does_not_wipe_what_else_came_from_the_address() -> None:
    tries = passcodes.Attempts(by_account=100, by_address=3, clock=lambda: 5.0)
    tries.begin("guessed", "192.0.2.1")
    tries.begin("own", "192.0.2.1")
    tries.succeeded("own", "192.0.2.1")
    tries.begin("guessed", "192.0.2.1")
    tries.begin("guessed", "192.0.2.1")
    with pytest.raises(passcodes.TooMany):
        tries.begin("guessed", "192.0.2.1")


def test_what_is_remembered_of_tries_is_bounded() -> None:
    tries = passcodes.Attempts(clock=lambda: 5.0)
    for number in range(tries.MOST_KEPT):
        tries.begin(f"name {number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(tries._kept) == tries.MOST_KEPT


def test_a_right_passcode_waits_too(store: Store) -> None:
    with_passcode(store, "Ada")
    tries = passcodes.Attempts(by_account=1, clock=lambda: 5.0)
    assert passcodes.sign_in(store, "Ada", "wrong passcode", "", tries) is None
    with pytest.raises(passcodes.TooMany, match=r"Too many tries. Wait \d+ s"):
        passcodes.sign_in(store, "Ada", SECRET, "", tries)
    assert len(events(store, "refused sign-in")) == 1


def test_an_admin_by_link_has_to_set_a_passcode_and_a_judge_has_not(store: Store) -> None:
    ada, _ = entered(store, "Ada", "admin")
    bob, _ = entered(store, "Bob")
    assert passcodes.must_set_one(store, ada) and not passcodes.must_set_one(store, bob)
    passcodes.set_passcode(store, ada.id, SECRET, by=ada.id)
    assert not passcodes.must_set_one(store, ada)


def test_the_desk_knows_whether_an_admin_can_sign_in(store: Store) -> None:
    with_passcode(store, "Bob")
    assert not passcodes.can_enter(store)
    ada = identity.register(store, "Ada")
    identity.set_role(store, ada, "admin")
    assert not passcodes.can_enter(store)  # a role alone opens no door
    session = identity.start_session(store, ada, "test")
    assert passcodes.can_enter(store)
    identity.sign_out(store, session)
    assert not passcodes.can_enter(store)
    passcodes.set_passcode(store, ada, SECRET)
    assert passcodes.can_enter(store)
    store.conn.execute("UPDATE people SET revoked_at = 1")
    assert not passcodes.can_enter(store)


# An organisation's login.


CLAIMS = {"iss": "https://id.example", "sub": "42", "email": "ada@id.example",
          "email_verified": True}  # fmt: skip


def test_a_login_is_bound_to_the_invite_for_its_verified_address(store: Store) -> None:
    assert logins.by_login(store, CLAIMS) is None  # known to the provider is not invited
    identity.invite(store, "ada@id.example", "researcher")
    wrongs: list[dict[str, Any]] = [
        *({"email_verified": value} for value in (False, "true", None, 1)),
        *({"iss": ""}, {"sub": None}, {"sub": 42}, {"email": "bob@id.example"}),
    ]
    for wrong in wrongs:
        assert logins.by_login(store, {**CLAIMS, **wrong}) is None, wrong
    found = logins.by_login(store, CLAIMS)
    assert found is not None and (found[0].name, found[0].role) == ("ada@id.example", "researcher")
    assert identity.signed_in(store, found[1]) == found[0]
    assert [one.state(time.time()) for one in identity.invites(store)] == ["used"]
    again = logins.by_login(store, {"iss": CLAIMS["iss"], "sub": CLAIMS["sub"]})
    assert again is not None and again[0] == found[0] and again[1] != found[1]
    other = {**CLAIMS, "sub": "43"}  # the same address, somebody else's subject
    assert logins.by_login(store, other) is None
    assert logins.by_login(store, {**CLAIMS, "iss": "https://evil.example"}) is None
    identity.revoke(store, found[0].id)
    assert logins.by_login(store, CLAIMS) is None


def test_a_login_is_taken_from_its_person_with_the_sessions_and_that_is_on_record(
    store: Store,
) -> None:
    identity.invite(store, "ada@id.example")
    found = logins.by_login(store, CLAIMS)
    assert found is not None
    ada, session = found
    bob = with_passcode(store, "Bob", "admin")
    (login,) = logins.bound(store, ada.id)
    assert login == logins.Login("https://id.example", "42", ada.id)
    assert logins.unbind(store, replace(login, person=bob)) is None  # not whose it is
    assert logins.unbind(store, login, bob) == 1
    assert identity.signed_in(store, session) is None and logins.bound(store) == []
    assert logins.by_login(store, CLAIMS) is None  # a stranger, until there is a new invite
    assert logins.unbind(store, login, bob) is None
    value = {"of": ada.id, "issuer": "https://id.example", "subject": "42"}
    (first,), (last,) = events(store, "login bound"), events(store, "login unbound")
    assert (first["person"], first["value"]) == (ada.id, value)
    assert (last["person"], last["value"]) == (bob, value)
    told = {row["kind"]: row for row in audit.log(store)[0]}
    assert told["login unbound"]["words"] == "took an organisation's login from somebody"
    assert (told["login unbound"]["who"], told["login unbound"]["about"]) == (
        "Bob", "ada@id.example",
    )  # fmt: skip
    identity.invite(store, "ada@id.example")
    assert logins.by_login(store, CLAIMS) is not None


def test_an_invite_that_is_over_binds_no_login(store: Store) -> None:
    token = identity.invite(store, "ada@id.example")
    late(store, token)
    assert logins.by_login(store, CLAIMS) is None
    assert not list(store.query("SELECT * FROM logins"))


# The command line, and the store's bytes.


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    Store(tmp_path / "s.db").close()
    yield tmp_path / "s.db"


def arena(path: Path, *words: str, given: str | None = None, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["people", *words, "--store", str(path)], input=given)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_people_are_managed_from_the_terminal(path: Path) -> None:
    link = arena(path, "invite", "Ada", "--role", "admin").strip()
    assert link.startswith("/join/") and len(link.split("/")[2]) >= 43
    arena(path, "passcode", "Ada", given=f"{SECRET}\n{SECRET}\n")
    arena(path, "invite", "Bob")
    arena(path, "role", "Bob", "researcher")
    with Store(path) as store:
        assert identity.accept(store, link.split("/")[2]) is not None
        found = passcodes.sign_in(store, "Ada", SECRET, "", passcodes.Attempts())
        assert found is not None and found[0].role == "admin"
    assert arena(path, "list").splitlines() == [
        "Ada: admin, passcode, 2 signed in",
        "Bob: researcher, invited",
    ]
    arena(path, "sign-out", "Ada")
    arena(path, "revoke", "Bob")
    read = json.loads(arena(path, "list", "--json"))["people"]
    assert [(row["name"], row["sessions"], row["revoked"], row["invited"]) for row in read] == [
        ("Ada", 0, False, False),
        ("Bob", 0, True, False),
    ]
    arena(path, "restore", "Bob")
    assert json.loads(arena(path, "list", "--json"))["people"][1]["revoked"] is False


def test_the_terminal_says_whom_it_signs_out_and_keeps_the_last_admin(path: Path) -> None:
    with Store(path) as store:
        ada, bob = with_passcode(store, "Ada", "admin"), with_passcode(store, "Bob")
        for sub in ("42", "43"):
            store.execute({"INSERT INTO logins VALUES (?,?,?)": [("https://id.example", sub, bob)]})
    assert arena(path, "list").splitlines()[1] == "Bob: judge, passcode, login"

    def told(*words: str, given: str | None = None) -> str:
        with Store(path) as store:
            identity.start_session(store, bob, "test")
        result = CliRunner().invoke(app, ["people", *words, "--store", str(path)], input=given)
        assert result.exit_code == 0, result.output
        with Store(path) as store:
            assert identity.session_counts(store) == {}
        return result.stderr.strip().splitlines()[-1].rpartition("confirmation:")[2]

    out = "; signed out on 1 device"
    assert told("role", "Bob", "researcher") == f"Bob: researcher{out}"
    new = f"{SECRET}!\n{SECRET}!\n"
    assert told("passcode", "Bob", given=new) == f"Bob has a passcode now{out}"
    gone = f"Bob: https://id.example 43 is taken away{out}"
    assert told("unbind", "Bob", "--subject", "43") == gone
    assert told("unbind", "Bob") == gone.replace("43", "42")
    assert "the subjects of theirs: none" in arena(path, "unbind", "Bob", code=2)
    for words in (("revoke", "Ada"), ("role", "Ada", "judge"),
                  ("invite", "Ada", "--role", "researcher")):  # fmt: skip
        said = arena(path, *words, code=2)
        assert said.startswith("arena: Nobody else could manage the desk then")
        assert said.count("\n") == 1
    with Store(path) as store:
        assert identity.by_id(store, ada) == Person(ada, "Ada", "admin", None)
    assert told("revoke", "Bob") == f"Bob may not sign in any more{out}"


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (("revoke", "Nobody"), None),
        (("invite", "Ada", "--hours", "0"), None),
        (("invite", " "), None),
        (("passcode", "Ada"), "short\nshort\n"),
    ],
)
def test_what_does_not_fit_is_one_line(
    path: Path, words: tuple[str, ...], given: str | None
) -> None:
    with Store(path) as store:
        identity.register(store, "Ada")
    said = arena(path, *words, given=given, code=2)
    assert said.strip().splitlines()[-1].startswith("arena: ") and "Traceback" not in said


def test_no_secret_is_in_the_stores_files(path: Path) -> None:
    with Store(path) as store:
        token = identity.invite(store, "Ada", "admin")
        found = identity.accept(store, token)
        assert found is not None
        passcodes.set_passcode(store, found[0].id, SECRET)
        passcodes.sign_in(store, "Ada", "a wrong passcode", "", passcodes.Attempts())
        passcodes.sign_in(store, "typed here instead", "x", "", passcodes.Attempts())
        again = passcodes.sign_in(store, "Ada", SECRET, "", passcodes.Attempts())
        assert again is not None
        files = sorted(path.parent.iterdir())
        assert len(files) >= 2  # the write-ahead log is looked into as well
        raw = b"".join(file.read_bytes() for file in files)
    for secret in (token, found[1], again[1], SECRET, "a wrong passcode", "typed here instead"):
        assert secret.encode() not in raw
    assert sha(token).encode() in raw and b"Ada" in raw
