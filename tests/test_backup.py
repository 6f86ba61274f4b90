"""Copies of a store in use: whole, of one moment, and for admins alone."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doorway import ENTERED, HTML, OWN, cookie, enter
from stage import match, question, stage
from test_downloads import client
from typer.testing import CliRunner

from arena.desk import acts, audit, backup, identity, passcodes
from arena.store import Store, StoreError
from ui.cli import app
from ui.serve import Arguments
from ui.web.downloads import BACKUP

WRITER = """
import sqlite3, sys
line = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
line.execute("PRAGMA synchronous = NORMAL")
for n in range(10**9):
    line.execute("BEGIN IMMEDIATE")
    line.execute("INSERT INTO events (at, kind, value) VALUES (?, 'one', '{}')", (n,))
    line.execute("INSERT INTO metrics VALUES ('other', ?, 'two', ?)", (n, n))
    line.execute("UPDATE runs SET finished_at = ? WHERE name = 'trial'", (n,))
    line.execute("COMMIT")
    print(n, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a run, a verdict and people."""
    file = tmp_path / "s.db"
    with stage(file, [match(question(n)) for n in range(2)]) as store:
        ada = identity.register(store, "Ada")
        acts.submit(store, match(question(0)), ada, "A", 0.75, "because")
        passcodes.set_passcode(store, ada, "correct horse battery")
        enter(store, "Carol", "admin")
    return file


def content(path: Path) -> list[str]:
    """All that a store holds, as statements."""
    assert path.is_file()
    with closing(sqlite3.connect(path)) as line:
        return list(line.iterdump())


def test_a_backup_is_the_whole_store_in_one_file_for_its_owner(path: Path, tmp_path: Path) -> None:
    to = tmp_path / "copy #1?.db"
    size = backup.backup(path, to)
    assert size == to.stat().st_size and to.stat().st_mode & 0o777 == 0o600
    assert content(to) == content(path)
    beside = {one.name for one in tmp_path.iterdir() if not one.name.startswith("s.db")}
    assert beside == {to.name}
    with Store(to) as copy:  # a desk goes on from it
        tries = passcodes.Attempts()
        assert passcodes.sign_in(copy, "Ada", "correct horse battery", "", tries) is not None
        assert copy.one("SELECT count(*) AS n FROM verdicts") == {"n": 1}


def test_what_another_connection_has_not_yet_folded_in_is_in_the_copy(
    path: Path, tmp_path: Path
) -> None:
    with Store(path) as store:
        identity.register(store, "Bob")
        assert path.with_name("s.db-wal").stat().st_size > 0
        backup.backup(path, tmp_path / "copy.db")
    assert "Bob" in "".join(content(tmp_path / "copy.db"))


@contextmanager
def written(path: Path) -> Iterator[Any]:
    """Another process that writes pairs of rows, one transaction after the other."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout
    finally:
        process.kill()
        process.wait(30)


def test_a_backup_is_of_one_moment_while_another_process_writes(path: Path, tmp_path: Path) -> None:
    with Store(path) as store:  # so that copying takes a while
        big = os.urandom(1 << 20).hex()
        store.execute({"INSERT INTO metrics VALUES ('big', 0, ?, 0)": [
            (f"{n} {big}",) for n in range(24)]})  # fmt: skip
    done = []
    with written(path) as lines:
        for n in range(3):
            before = int(lines.readline())
            file = tmp_path / f"copy{n}.db"
            begun = time.monotonic()
            backup.backup(path, file)
            assert time.monotonic() - begun < 60
            with closing(sqlite3.connect(file)) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                ((ones, one),) = copy.execute(
                    "SELECT count(*), max(at) FROM events WHERE kind = 'one'"
                )
                ((twos, two),) = copy.execute(
                    "SELECT count(*), max(step) FROM metrics WHERE run = 'other'"
                )
                ((last,),) = copy.execute("SELECT finished_at FROM runs WHERE name = 'trial'")
            assert one == two == last >= before  # what was acknowledged is there
            assert ones == twos == one + 1  # and nothing is half there
            done.append(one)
        assert int(lines.readline()) >= 0  # it has not been stopped
    assert done == sorted(done) and done[-1] > done[0]


def test_a_store_of_an_older_arena_is_copied_as_it_is(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as line:
        line.execute("DROP TABLE activity")
        line.execute("DELETE FROM _sqlite_migrations WHERE name = 'm003_the_desk'")
    before = content(path)
    backup.backup(path, tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == before == content(path)


def missing(path: Path, to: Path) -> tuple[Path, Path]:
    return path.with_name("none.db"), to


def no_store(path: Path, to: Path) -> tuple[Path, Path]:
    path.with_name("other").write_text("name: trial\n" * 1000)
    return path.with_name("other"), to


def another_database(path: Path, to: Path) -> tuple[Path, Path]:
    with closing(sqlite3.connect(path.with_name("other.db"))) as line:
        line.execute("CREATE TABLE runs (x)")
    return path.with_name("other.db"), to


def there_already(path: Path, to: Path) -> tuple[Path, Path]:
    to.write_text("precious")
    return path, to


def itself(path: Path, to: Path) -> tuple[Path, Path]:
    return path, path


def no_folder(path: Path, to: Path) -> tuple[Path, Path]:
    return path, to.parent / "no" / "copy.db"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (missing, "no store at"),
        (no_store, "not an arena store"),
        (another_database, "not an arena store"),
        (there_already, "is there already"),
        (itself, "is there already"),
        (no_folder, "does not exist; make it"),
    ],
)
def test_what_cannot_be_copied_is_one_line_and_leaves_nothing(
    path: Path, tmp_path: Path, wrong: Any, line: str
) -> None:
    store, to = wrong(path, tmp_path / "copy.db")
    before = {one: one.read_bytes() for one in tmp_path.iterdir()}
    with pytest.raises(StoreError, match=line):
        backup.backup(store, to)
    assert {one: one.read_bytes() for one in tmp_path.iterdir()} == before
    result = CliRunner().invoke(app, ["backup", str(to), "--store", str(store)])
    assert result.exit_code == 2 and len(result.output.strip().splitlines()) == 1
    assert line in result.output


def test_a_damaged_store_is_said_and_not_copied(path: Path, tmp_path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.find(b"because")
    page = at // 4096 * 4096
    data[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        backup.backup(path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_the_verb_copies_and_says_how_much(path: Path, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["backup", *words, "--store", str(path)])
        assert result.exit_code == 0, result.output
        return result.stdout

    said = run(str(tmp_path / "one.db"))
    assert "one.db" in said and "keep it as you keep the store" in said
    told = json.loads(run(str(tmp_path / "two.db"), "--json"))
    assert told["bytes"] == (tmp_path / "two.db").stat().st_size
    assert content(tmp_path / "one.db") == content(tmp_path / "two.db") == content(path)


# From the desk.


def test_an_admin_downloads_the_store_and_that_is_on_record(path: Path, tmp_path: Path) -> None:
    args = Arguments(path, "Ada", None)
    with Store(path) as store:
        token = enter(store, "Dora", "admin")
    answer = client(args).post(BACKUP, headers={**OWN, **HTML, **cookie(token)})
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith('attachment; filename="s-20')
    assert int(answer.headers["content-length"]) == len(answer.content)
    file = tmp_path / "got" / "s.db"
    file.parent.mkdir()
    file.write_bytes(answer.content)
    assert content(file) == content(path)
    assert {one.name for one in tmp_path.iterdir()} <= {"s.db", "s.db-wal", "s.db-shm", "got"}
    with Store(file) as copy:
        (row,) = (row for row in audit.log(copy)[0] if row["kind"] == "backup")
    assert (row["who"], row["words"]) == ("Dora", "took a backup of the store")


def test_nobody_else_downloads_it(path: Path) -> None:
    args = Arguments(path, "Ada", None)
    with Store(path) as store:
        judge, reader = enter(store, "Bob"), enter(store, "Rita", "researcher")
        bare = enter(store, "Emma", "admin", passcode=False)
        admin = enter(store, "Dora", "admin")
    for headers in (
        {}, cookie("0" * 43), cookie(judge), cookie(reader), cookie(bare), ENTERED,
        {**cookie(admin), "origin": "http://evil.example"},
        {**cookie(admin), "sec-fetch-site": "cross-site"},
    ):  # fmt: skip
        answer = client(args).post(BACKUP, headers={**OWN, **HTML, **headers})
        assert answer.status_code == 403 and b"SQLite" not in answer.content, headers
    assert client(args).get(BACKUP, headers={**HTML, **cookie(admin)}).status_code == 405
    away = client(args, gate=False).post(BACKUP, headers=OWN)
    assert away.status_code == 401 and b"SQLite" not in away.content
    with Store(path) as store:
        assert not [row for row in audit.log(store)[0] if row["kind"] == "backup"]


def test_a_local_desk_gives_it_to_whoever_came_by_the_printed_address(path: Path) -> None:
    local = replace(Arguments(path, "Ada", None), local=True)
    own = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    near = client(local, "127.0.0.1", "127.0.0.1")
    assert near.post(BACKUP, headers=own).status_code == 403
    assert near.post(BACKUP, headers={**own, **ENTERED}).content.startswith(b"SQLite format 3")


def test_what_cannot_be_put_on_record_is_not_given_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ui.web import downloads

    with Store(path) as store:
        token = enter(store, "Dora", "admin")
    monkeypatch.setattr(downloads, "EVENT", "INSERT INTO no_such_table VALUES (?,?,?,?,?,?,?,?)")
    answer = client(Arguments(path, "Ada", None)).post(BACKUP, headers={**OWN, **cookie(token)})
    assert answer.status_code == 503 and b"SQLite" not in answer.content
