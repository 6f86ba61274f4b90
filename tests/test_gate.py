"""The gate: nothing passes without a person, and every answer has the headers."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doorway import (
    DOOR,
    ENTER,
    ENTERED,
    HOST,
    HTML,
    OWN,
    SCRIPT,
    TOKEN,
    at_home,
    built,
    client,
    cookie,
    enter,
)
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from arena.desk import identity, passcodes
from arena.ids import content_id
from arena.store import Store
from ui.doorkey import SECONDS, Door
from ui.serve import Arguments
from ui.web.gate import COOKIE, HEADERS, Gate, host_name, token_of
from ui.web.routes import JSON_BYTES, LONGEST_DRAFT


@pytest.fixture
def args(tmp_path: Path) -> Arguments:
    Store(tmp_path / "s.db").close()
    return Arguments(tmp_path / "s.db", "Ada", None)


@pytest.fixture
def store(args: Arguments) -> Iterator[Store]:
    with Store(args.store) as one:
        yield one


BEHIND = ["/", "/judge", "/_stcore/health", "/_stcore/host-config", "/media/0a1b.csv",
          "/_stcore/upload_file/a/b", "/component/x.js", "/signin/", "/signin.html", "/healthz/x",
          "/auth/login", "/oauth2callback", "/oidc", "/login/default", "/favicon.png", "/leave",
          "/api/x", "/passcode", "/join/", "/join/x/y", "/enter/", "/STATIC/x", "/staticx",
          "/joinx", "//signin"]  # fmt: skip


@pytest.mark.parametrize("path", BEHIND)
def test_without_a_session_a_page_leads_to_the_sign_in_and_anything_else_is_refused(
    args: Arguments, path: str
) -> None:
    with client(args) as web:
        page = web.get(f"http://{HOST}{path}", headers=HTML)
        assert (page.status_code, page.headers["location"]) == (303, "/signin")
        for answer in (web.get(f"http://{HOST}{path}"), web.post(f"http://{HOST}{path}"),
                       web.post(f"http://{HOST}{path}", headers=HTML)):  # fmt: skip
            assert answer.status_code == 403 and answer.text == ""
        button = web.post(f"http://{HOST}{path}", headers={**HTML, **OWN})
        assert button.status_code == 403 and "You are signed out" in button.text


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 5000, '"', "a; b", "\\"])
def test_a_forged_cookie_is_no_session(args: Arguments, store: Store, token: str) -> None:
    enter(store)
    with client(args) as web:
        assert web.get("/x", headers=cookie(token)).status_code == 403


def test_what_is_open_is_open(args: Arguments) -> None:
    with client(args) as web:
        assert web.get("/healthz").text == "ok"
        assert web.get("/signin").status_code == 200
        assert web.get("/signin.css").headers["content-type"].startswith("text/css")
        assert web.get("/join/x").status_code == 404
        assert web.get("/static/js/main.js").text == "inside: None"  # Streamlit's own bundle


def test_a_session_goes_in_until_it_is_revoked(args: Arguments, store: Store) -> None:
    token = enter(store)
    with client(args) as web:
        assert web.get("/x", headers=cookie(token)).text == "inside: Ada"
        identity.revoke(store, identity.named(store, "Ada").id)
        assert web.get("/x", headers=cookie(token)).status_code == 403


def test_an_admin_without_a_passcode_is_led_to_set_one(args: Arguments, store: Store) -> None:
    token = enter(store, role="admin", passcode=False)
    with client(args) as web:
        led = web.get("/people", headers={**HTML, **cookie(token)})
        assert (led.status_code, led.headers["location"]) == (303, "/passcode")
        assert web.get("/passcode", headers={**HTML, **cookie(token)}).status_code == 200
        for path in ("/_stcore/host-config", "/media/0a1b.csv", "/api/draft", "/export"):
            assert web.get(path, headers=cookie(token)).status_code == 403
            assert web.post(path, headers={**SCRIPT, **cookie(token)}).status_code == 403
        ada = identity.named(store, "Ada")
        passcodes.set_passcode(store, ada.id, "correct horse battery", ada.id, token)
        assert web.get("/people", headers={**HTML, **cookie(token)}).text == "inside: Ada"


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent", "/_stcore/agent/tools"])
def test_what_nobody_needs_is_not_there_for_anybody(
    args: Arguments, store: Store, path: str
) -> None:
    token = enter(store)
    with client(args) as web:
        for headers in ({}, cookie(token)):
            assert web.get(path, headers=headers).status_code == 404
    with at_home(args) as web:
        assert web.get(path).status_code == 404


def test_every_answer_has_the_headers_and_no_name_of_a_server(
    args: Arguments, store: Store
) -> None:
    token = enter(store)
    with client(args) as web:
        answers = [
            web.get("/"), web.get("/", headers=HTML), web.get("/signin"), web.get("/join/x"),
            web.get("/signin.css"), web.get("/x", headers=cookie(token)), web.get("/healthz"),
            web.post("/api/draft"), web.get("/_stcore/metrics"), web.post("/signin"),
        ]  # fmt: skip
        for answer in answers:
            for name, value in HEADERS.items():
                assert answer.headers.get_list(name) == [value], (answer.url, name)
            assert "server" not in answer.headers
            assert answer.headers["cache-control"] == "no-store"
    policy = dict(
        part.strip().split(" ", 1) for part in HEADERS["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'self'" and policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy["script-src"].replace("'wasm-unsafe-eval'", "")
    assert "http" not in HEADERS["content-security-policy"]


# WebSockets.


def talk(web: TestClient, headers: dict[str, str]) -> str:
    named = {"host": HOST, **headers}  # the client would name a host of its own
    with web.websocket_connect("/_stcore/stream", headers=named) as opened:
        text: str = opened.receive_text()
        return text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": f"http://{HOST}:81"},
        {"origin": f"http://{HOST}.evil.example"},
        {"origin": f"http://evil.example/{HOST}"},
        {"origin": f"http://{HOST}@evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://["},
        {"origin": HOST},
        {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-origin"},
    ],
    ids=str,
)
def test_a_websocket_of_another_origin_is_refused(
    args: Arguments, store: Store, headers: dict[str, str]
) -> None:
    token = enter(store)
    with client(args) as web:
        assert talk(web, {**OWN, **cookie(token)}) == "Ada"
        with pytest.raises(WebSocketDisconnect) as refused:
            talk(web, {**headers, **cookie(token)})
    assert refused.value.code == 4403


def test_a_websocket_needs_a_session_too(args: Arguments, store: Store) -> None:
    token = enter(store)
    with client(args) as web:
        for headers in (OWN, {**OWN, **cookie("x" * 43)}):
            with pytest.raises(WebSocketDisconnect):
                talk(web, headers)
        assert talk(web, {**OWN, **cookie(token)}) == "Ada"
        identity.end_sessions(store, identity.named(store, "Ada").id)
        with pytest.raises(WebSocketDisconnect):
            talk(web, {**OWN, **cookie(token)})


# The local mode.


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:9", "[::1]:8501",
                                  "LOCALHOST", "localhost."])  # fmt: skip
def test_a_local_desk_lets_its_person_in(args: Arguments, host: str) -> None:
    with at_home(args) as web:
        assert web.get("/x", headers={"host": host}).text == "inside: Ada"
        assert talk(web, {"host": host, "origin": f"http://{host}"}) == "Ada"
        assert web.get("/signin").headers["location"] == "/"


@pytest.mark.parametrize(
    ("host", "peer", "more"),
    [
        ("evil.example", "127.0.0.1", {}),  # rebound to 127.0.0.1
        ("localhost.evil.example", "127.0.0.1", {}),
        ("127.0.0.1.evil.example", "127.0.0.1", {}),
        ("0.0.0.0", "127.0.0.1", {}),
        ("192.0.2.1:8501", "127.0.0.1", {}),
        ("", "127.0.0.1", {}),
        ("a@localhost", "127.0.0.1", {}),
        ("localhost/x", "127.0.0.1", {}),
        ("[::1", "127.0.0.1", {}),
        ("localhost", "192.0.2.7", {}),  # a Host header is quickly forged
        ("localhost", "127.0.0.1", {"x-forwarded-for": "127.0.0.1"}),  # a proxy on this machine
        ("localhost", "127.0.0.1", {"forwarded": "for=192.0.2.7"}),
        ("localhost", "127.0.0.1", {"via": "1.1 front"}),
        ("localhost", "127.0.0.1", {"x-real-ip": "192.0.2.7"}),
    ],
)
def test_a_local_desk_answers_to_nobody_else(
    args: Arguments, host: str, peer: str, more: dict[str, str]
) -> None:
    with client(replace(args, local=True), "localhost", peer, ENTERED) as web:
        headers = {"host": host, **more}
        for path in ("/", "/signin", "/healthz", "/static/x.js", ENTER):
            answer = web.get(path, headers=headers)
            assert answer.status_code == 403 and answer.text.count("\n") == 1, path
            assert answer.text.startswith("This desk is local")
        with pytest.raises(WebSocketDisconnect):
            talk(web, {**headers, "origin": f"http://{host}"})


def test_no_other_page_speaks_to_a_local_desk(args: Arguments) -> None:
    with at_home(args) as web:
        for origin in ("http://evil.example", "http://localhost:81", "null"):
            with pytest.raises(WebSocketDisconnect):
                talk(web, {"host": "localhost", "origin": origin})
            headers = {"x-arena": "1", "origin": origin}
            assert web.post("/api/draft", json={}, headers=headers).status_code == 403
        with pytest.raises(WebSocketDisconnect):
            talk(web, {"host": "localhost"})


@pytest.mark.parametrize("path", [*BEHIND, "/signin", "/join/x"])
def test_without_its_cookie_a_local_desk_says_where_it_is_to_be_found(
    args: Arguments, path: str
) -> None:
    """Whoever comes through a proxy that hides itself has the address and the host of this
    machine, and not what was printed on its terminal."""
    with client(replace(args, local=True), "localhost", "127.0.0.1") as web:
        page = web.get(f"http://localhost{path}", headers=HTML)
        assert page.status_code == 403 and "set-cookie" not in page.headers
        assert "Open the printed address" in page.text and "inside" not in page.text
        assert TOKEN not in page.text
        for answer in (web.get(f"http://localhost{path}"), web.post(f"http://localhost{path}")):
            assert answer.status_code == 403 and answer.text == ""
        own = {"origin": "http://localhost"}
        with pytest.raises(WebSocketDisconnect):
            talk(web, {"host": "localhost", **own})
        saved = web.post("/api/draft", json={}, headers={**own, "x-arena": "1"})
        assert saved.status_code == 401 and saved.text.count("\n") == 1
    with at_home(args) as web:  # the same from a browser that was let in
        assert talk(web, {"host": "localhost", **own}) == "Ada"


def test_the_printed_address_becomes_a_cookie_of_this_browser(args: Arguments) -> None:
    with client(replace(args, local=True), "localhost", "127.0.0.1") as web:
        for _ in range(2):  # as often as one likes
            done = web.get(ENTER, headers=HTML)
            assert (done.status_code, done.headers["location"]) == (303, "/")
            assert done.headers["referrer-policy"] == "no-referrer"
            (line,) = done.headers.get_list("set-cookie")
            value, *flags = (part.strip() for part in line.lower().split(";"))
            assert {"httponly", "samesite=strict", "path=/"} <= set(flags)
            assert not [flag for flag in flags if flag.startswith("domain")]
            assert TOKEN not in line
        entered = {"cookie": value}
        assert web.get("/x", headers=entered).text == "inside: Ada"
        web.cookies.clear()
        for wrong in ("/enter/", "/enter/x", f"{ENTER}/y", ENTER + "x", ENTER[:-1], ENTER.upper(),
                      ENTER + "/", "/enter/%F0%9F%98%80", "/enter/" + "x" * 5000):  # fmt: skip
            refused = web.get(wrong, headers=HTML)
            assert "set-cookie" not in refused.headers and refused.status_code in (403, 404), wrong
    with client(args) as web:  # where people sign in, there is no such way
        assert web.get(ENTER, headers=HTML).headers["location"] == "/signin"
        assert web.get("/x", headers=ENTERED).status_code == 403


def test_a_cookie_that_was_not_made_here_or_is_over_lets_nobody_in(args: Arguments) -> None:
    now = time.time()
    good, old = DOOR.value(now), DOOR.value(now - SECONDS - 1)
    until, _, signed = good.partition(".")
    wrong = ["", "x", until, f"{until}.", f".{signed}", f"{until}0.{signed}", f"{until}.{signed}0",
             f"-{until}.{signed}", f"{until}.{'0' * 64}", old, Door(TOKEN, b"x" * 32).value(now),
             TOKEN, "\u0661.x"]  # fmt: skip
    assert DOOR.admits(good, now) and not any(DOOR.admits(value, now) for value in wrong)
    assert not DOOR.admits(None)
    with client(replace(args, local=True), "localhost", "127.0.0.1") as web:
        for value in wrong[:-1]:
            answer = web.get("/x", headers={"cookie": f"{DOOR.cookie}={value}"})
            assert answer.status_code == 403, value
        for name in (COOKIE, "arena_local_x"):
            assert web.get("/x", headers={"cookie": f"{name}={good}"}).status_code == 403


def test_a_local_desk_that_was_given_no_door_lets_nobody_in(args: Arguments) -> None:
    app = Gate(built(args), args=replace(args, local=True))
    with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1)) as web:
        assert web.get("/x", headers=ENTERED).status_code == 403


def test_a_desk_with_host_names_answers_to_no_other(args: Arguments, store: Store) -> None:
    token = enter(store)
    with client(replace(args, hosts=(HOST,))) as web:
        assert web.get("/x", headers=cookie(token)).status_code == 200
        refused = web.get("/x", headers={**cookie(token), "host": "evil.example"})
        assert refused.status_code == 403


@pytest.mark.parametrize(
    ("host", "name"),
    [("a.example:80", "a.example"), ("[::1]:80", "::1"), ("a:b:c", ""), ("a@b", ""), ("", ""),
     ("a/b", ""), ("A.example.", "a.example"), ("a?b", "")],
)  # fmt: skip
def test_the_name_in_a_host_header(host: str, name: str) -> None:
    assert host_name(host) == name


def test_the_token_in_a_cookie_header() -> None:
    assert token_of(f"a=1; {COOKIE}=abc; b=2") == "abc"
    assert token_of(None) is None and token_of("a=1") is None
    assert token_of(f"x{COOKIE}=abc") is None
    # What another page of this host has left there hides nothing.
    assert token_of(f'prefs={{"dark":1}}; {COOKIE}=abc') == token_of(f"flag; {COOKIE}=abc") == "abc"


# What a page saves.


@pytest.fixture
def assigned(store: Store) -> tuple[str, str, str]:
    """Ada's session, the id of her assignment, and of Bob's."""
    token = enter(store)
    ids = []
    for name in ("Ada", "Bob"):
        person = identity.register(store, name)
        ids.append(content_id("g", [f"m {name}", "judge", person]))
        store.execute(
            {"INSERT INTO assignments (match, seat, holder, until, id) VALUES (?,?,?,?,?)": [
                (f"m {name}", "judge", person, 1e12, ids[-1])]}
        )  # fmt: skip
    return token, ids[0], ids[1]


def test_a_draft_and_active_time_are_kept_for_ones_own_assignment(
    args: Arguments, store: Store, assigned: tuple[str, str, str]
) -> None:
    from arena.desk import drafts

    token, own, _ = assigned
    ada = identity.named(store, "Ada").id
    headers = {**SCRIPT, **cookie(token)}
    with client(args) as web:
        text = "it sank \u202e\U0001f600 </script>"
        saved = web.post("/api/draft", headers=headers, json={
            "assignment": own, "field": "reason", "text": text})  # fmt: skip
        assert (saved.status_code, saved.json()) == (200, {"ok": True, "kept": True})
        assert drafts.load(store, ada, "m Ada") == {"reason": text}
        for body in ({"place": 3, "milliseconds": 400}, {"spent": [[3, 50.5], [-1, 30]]}):
            answer = web.post("/api/active", headers=headers, json={"assignment": own, **body})
            assert answer.status_code == 200 and answer.json()["kept"] > 0
    rows = store.query("SELECT place, milliseconds FROM activity WHERE person = ?", ada)
    assert {row["place"]: row["milliseconds"] for row in rows} == {3: 450.5, -1: 30}


@pytest.mark.parametrize("path", ["/api/draft", "/api/active"])
def test_nobody_writes_to_somebody_elses(
    args: Arguments, store: Store, assigned: tuple[str, str, str], path: str
) -> None:
    token, own, bobs = assigned
    body = {"field": "reason", "text": "x", "place": 0, "milliseconds": 5}
    with client(args) as web:
        good = {**SCRIPT, **cookie(token)}
        for other in (bobs, "g0", "", "m Bob"):
            refused = web.post(path, headers=good, json={**body, "assignment": other})
            assert refused.status_code == 403 and "not yours" in refused.text
        body["assignment"] = own
        assert web.post(path, headers=good, json=body).status_code == 200
        for wrong in (
            *({"sec-fetch-site": site} for site in ("cross-site", "same-site", "none", "")),
            *({"x-arena": ""}, {"origin": "http://evil.example"}, {"origin": "null"}),
        ):
            assert web.post(path, headers={**good, **wrong}, json=body).status_code == 403
        plain = {"content-type": "text/plain", **cookie(token)}  # what a form elsewhere can send
        assert web.post(path, headers=plain, content="{}").status_code == 403
        assert web.post(path, headers=SCRIPT, json=body).status_code == 401
        assert web.post(path, headers={**SCRIPT, **cookie("x")}, json=body).status_code == 401
        identity.end_sessions(store, identity.named(store, "Ada").id)
        assert web.post(path, headers=good, json=body).status_code == 401
    assert not list(store.query("SELECT * FROM drafts WHERE match = 'm Bob'"))
    assert not list(store.query("SELECT * FROM activity WHERE match = 'm Bob'"))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/draft", b"", 400),
        ("/api/draft", b"[]", 400),
        ("/api/draft", b"\xff", 400),
        ("/api/draft", b"[" * 100_000, 400),
        ("/api/draft", b"1" * 10_000, 400),
        ("/api/draft", {"assignment": 1}, 400),
        ("/api/draft", {"field": "reason"}, 400),
        ("/api/draft", {"field": "reason", "text": ["x"]}, 400),
        ("/api/draft", {"field": "<b>", "text": "x"}, 400),
        ("/api/draft", {"field": "reason", "text": "x" * (LONGEST_DRAFT + 1)}, 413),
        ("/api/draft", {"field": "reason", "text": "x" * JSON_BYTES}, 413),
        ("/api/active", {"place": True, "milliseconds": 1}, 400),
        ("/api/active", {"place": 0, "milliseconds": -1}, 400),
        ("/api/active", b'{"assignment": "ASSIGNMENT", "place": 0, "milliseconds": NaN}', 400),
        ("/api/active", {"place": 0, "milliseconds": 1e300}, 400),
        ("/api/active", {"place": "0", "milliseconds": 1}, 400),
        ("/api/active", {"spent": {}}, 400),
        ("/api/active", {"spent": [[1]]}, 400),
        ("/api/active", {"spent": [[0, 1]] * 10_001}, 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_malformed_is_answered_in_one_line(
    args: Arguments, store: Store, assigned: tuple[str, str, str], path: str,
    body: dict[str, Any] | bytes, status: int,
) -> None:  # fmt: skip
    token, own, _ = assigned
    headers = {**SCRIPT, **cookie(token)}
    with client(args) as web:
        if isinstance(body, bytes):
            answer = web.post(
                path, headers=headers, content=body.replace(b"ASSIGNMENT", own.encode())
            )
        else:
            answer = web.post(path, headers=headers, json={"assignment": own, **body})
    assert answer.status_code == status, answer.text
    assert answer.text.count("\n") == 1 and "<b>" not in answer.text
    assert not list(store.query("SELECT * FROM drafts"))
    assert not list(store.query("SELECT * FROM activity"))


def test_a_body_without_a_length_is_cut_off_too(
    args: Arguments, assigned: tuple[str, str, str]
) -> None:
    token, _, _ = assigned
    sent = []

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            sent.append(1)
            yield b"x" * 16_384

    with client(args) as web:
        answer = web.post("/api/draft", headers={**SCRIPT, **cookie(token)}, content=endless())
    assert answer.status_code == 413


def test_a_store_that_is_gone_is_one_line(args: Arguments, store: Store) -> None:
    token = enter(store)
    with client(replace(args, store=args.store.parent / "no" / "s.db")) as web:
        answer = web.get("/x", headers=cookie(token))
    assert answer.status_code == 503 and answer.text.count("\n") == 1
