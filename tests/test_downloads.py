"""Exports as downloads: who gets one, what is in it, and what is on record of it."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doorway import DOOR, ENTERED, HOST, HTML, OWN, cookie, enter
from stage import match, question, stage
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from arena.desk import acts, audit, export, identity
from arena.store import Store
from ui.serve import Arguments
from ui.web.downloads import downloads, path_of, token
from ui.web.gate import Gate, Headers

RUN = 'tri"al/\u202e ü <b>'


@pytest.fixture
def args(tmp_path: Path) -> Arguments:
    path = tmp_path / "s.db"
    with stage(path, [match(question(n)) for n in range(2)], name=RUN) as store:
        ada = identity.register(store, "Ada")
        acts.submit(store, match(question(0)), ada, "A", 0.75, "CANARY-REASON")
    return Arguments(path, "Ada", None)


@pytest.fixture
def store(args: Arguments) -> Iterator[Store]:
    with Store(args.store) as one:
        yield one


def client(args: Arguments, host: str = HOST, peer: str = "192.0.2.7", gate: bool = True) -> Any:
    app = Starlette(
        routes=downloads(args),
        middleware=[Middleware(Headers), Middleware(Gate, args=args, door=DOOR)] if gate else [],
    )
    return TestClient(
        app, base_url=f"http://{host}", client=(peer, 50_000), follow_redirects=False
    )  # fmt: skip


def asked(args: Arguments, token: str | None, path: str | None = None, **headers: str) -> Any:
    own = {**OWN, **HTML, **(cookie(token) if token else {}), **headers}
    return client(args).post(path or path_of(RUN, "csv"), headers=own)


def files(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "sqlite"])
@pytest.mark.parametrize("role", ["researcher", "admin"])
@pytest.mark.parametrize("more", [{}, {"truth": True}, {"truth": True, "names": True}])
def test_a_researcher_or_an_admin_gets_the_bytes_of_the_export(
    args: Arguments, store: Store, kind: Any, role: str, more: dict[str, bool]
) -> None:
    answer = asked(args, enter(store, "Rita", role), path_of(RUN, kind, **more))
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="tri_al_b-{kind}.zip"'
    assert answer.headers["cache-control"] == "no-store"
    assert files(answer.content) == export.export(store, RUN, kind, **more)
    named = set(json.loads(files(answer.content)[export.MANIFEST])["contains"])
    assert ("truth" in named, "names" in named) == (more.get("truth", False), "names" in more)
    assert b"Ada" not in answer.content or "names" in more


def test_nobody_else_gets_anything(args: Arguments, store: Store) -> None:
    judge, admin = enter(store, "Bob"), enter(store, "Carol", "admin")
    gone = enter(store, "Rita", "researcher")
    identity.revoke(store, identity.named(store, "Rita").id)
    before = len(audit.log(store)[0])
    matrix = [
        (None, {}, 403),  # the gate
        ("0" * 43, {}, 403),
        (gone, {}, 403),
        (judge, {}, 403),
        (admin, {"origin": "http://evil.example"}, 403),
        (admin, {"sec-fetch-site": "cross-site"}, 403),
        (admin, {"origin": "null"}, 403),
    ]
    for token_, headers, status in matrix:
        answer = asked(args, token_, **headers)
        assert answer.status_code == status, (token_, headers)
        assert b"PK" not in answer.content and b"CANARY" not in answer.content
    assert client(args).post(path_of(RUN, "csv"), headers=cookie(admin)).status_code == 403
    assert client(args).get(path_of(RUN, "csv"), headers=cookie(admin)).status_code == 405
    assert len(audit.log(store)[0]) == before


def test_without_a_person_the_route_itself_asks_for_a_sign_in(args: Arguments) -> None:
    answer = client(args, gate=False).post(path_of(RUN, "csv"), headers=OWN)
    assert answer.status_code == 401 and b"Sign in first" in answer.content


def test_what_is_not_there_is_said_in_a_page_of_ours(args: Arguments, store: Store) -> None:
    admin = enter(store, "Carol", "admin")
    hostile = "/export?run=%3Cb%3E&to=csv"
    for path, status in [
        (path_of("no such", "csv"), 404),
        (hostile, 404),
        ("/export?to=csv", 404),
        (path_of(RUN, "xml"), 400),
        (f"/export?run={token(RUN)}", 400),
        (f"/export?run={token(RUN)}&to=csv&with=sessions", 400),
    ]:
        answer = asked(args, admin, path)
        assert answer.status_code == status, path
        assert b"<b>" not in answer.content and b"PK" not in answer.content
    assert not [row for row in audit.log(store)[0] if row["kind"] == "exported"]


def test_the_role_counts_that_stands_at_the_download(args: Arguments, store: Store) -> None:
    token_ = enter(store, "Rita", "researcher")
    assert asked(args, token_).status_code == 200
    identity.set_role(store, identity.named(store, "Rita").id, "judge")
    assert asked(args, token_).status_code == 403


def test_a_local_desk_serves_whoever_started_it_and_no_other_host(args: Arguments) -> None:
    local = Arguments(args.store, "Ada", None, local=True)
    own = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    near = client(local, "127.0.0.1", "127.0.0.1")
    assert near.post(path_of(RUN, "csv"), headers={**own, **ENTERED}).status_code == 200
    assert near.post(path_of(RUN, "csv"), headers=own).status_code == 403
    far = client(local, HOST, "192.0.2.7")
    assert far.post(path_of(RUN, "csv"), headers={**OWN, **ENTERED}).status_code == 403


def test_every_download_is_on_record_with_what_was_in_it(args: Arguments, store: Store) -> None:
    token_ = enter(store, "Rita", "researcher")
    plain, more = asked(args, token_), asked(args, token_, path_of(RUN, "jsonl", True, True))
    rows = [row for row in audit.log(store)[0] if row["kind"] == "exported"]
    assert [row["who"] for row in rows] == ["Rita", "Rita"]
    newest, first = ({name: value for name, value in row["details"]} for row in rows)
    assert json.loads(newest["with"]) == ["names", "truth"] and json.loads(first["with"]) == []
    assert int(newest["bytes"]) == len(more.content) and first["format"] == "csv"
    assert int(first["bytes"]) == len(plain.content)


def test_nothing_is_given_out_that_cannot_be_put_on_record(
    args: Arguments, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ui.web import downloads as module

    token_ = enter(store, "Rita", "researcher")
    monkeypatch.setattr(module, "EVENT", "INSERT INTO no_such_table VALUES (?,?,?,?,?,?,?,?)")
    answer = asked(args, token_)
    assert answer.status_code == 503 and b"PK" not in answer.content


def test_an_address_has_neither_a_name_nor_what_was_not_asked_for() -> None:
    assert path_of(RUN, "csv") == f"/export?run={token(RUN)}&to=csv"
    assert path_of(RUN, "csv", True, True).endswith("&with=truth,names")
    assert token(RUN).isalnum() and len(token(RUN)) == 13 and token(RUN) != token("trial")
