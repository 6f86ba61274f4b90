"""Imports that only look: their report is what the import says, and nothing is written."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from nyu_rooms import flipped, good_rooms, room, write
from typer.testing import CliRunner

from arena.config import ConfigError
from arena.sources import dry_run as looking
from arena.sources.dry_run import dry_run, perform
from arena.sources.nyu import import_nyu
from arena.store import Store
from ui.cli import app

GOOD = '{"question": "What is %d?", "answers": ["a", "b"], "truth": 0}'
ODD = '{"question": "What is 1?", "answers": ["a", "b"], "truth": 1}'


def contents(store: Store) -> list[str]:
    return list(store.conn.iterdump())


def packed(folder: Path, prefix: str = "", **more: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                made.write(file, prefix + file.relative_to(folder).as_posix())
        for name, data in more.items():
            made.writestr(name.replace("_up_", os.pardir + "/"), data)
    return out.getvalue()


def arena(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


# Questions.


@pytest.mark.parametrize("upload", [False, True])
def test_questions_are_counted_and_bad_lines_named(tmp_path: Path, upload: bool) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text("\n".join([GOOD % 1, "", "nonsense", GOOD % 2, GOOD % 1]), encoding="utf-8")
    source: Any = file.read_bytes() if upload else file
    with Store(None) as store:
        before = contents(store)
        report = dry_run("jsonl", source, store, "asked")
        assert contents(store) == before
        assert (report.ready, report.new, report.there) == (2, 2, 0)
        assert [at for at, _ in report.bad] == ["line 3", "line 5"] and not report.clean
        perform("jsonl", source, store, "asked")
        again = dry_run("jsonl", source, store, "asked")
        assert (again.ready, again.new, again.there, again.bad) == (2, 0, 2, report.bad)
        count = store.one("SELECT count(*) AS n FROM questions")
        assert count is not None and count["n"] == 2


def test_another_truth_is_a_contradiction_and_not_a_bad_line() -> None:
    with Store(None) as store:
        perform("jsonl", (GOOD % 1).encode(), store, "asked")
        report = dry_run("jsonl", f"{ODD}\n{{".encode(), store, "asked")
        assert [at for at, _ in report.contradict] == ["line 1"]
        assert [at for at, _ in report.bad] == ["line 2"]
        assert "another truth" in report.contradict[0][1]
        assert dry_run("jsonl", ODD.encode(), store, "elsewhere").clean


# Rooms.


def test_rooms_are_reported_as_the_import_reports_them(tmp_path: Path) -> None:
    rooms = good_rooms()
    rooms[3] = (rooms[3][0], "{")
    folder = write(tmp_path / "data", rooms)
    with Store(tmp_path / "s.db") as store:
        before = contents(store)
        report = dry_run("nyu", folder, store)
        upload = dry_run("nyu", packed(folder, "quality-debates/"), store)
        assert contents(store) == before
        done = import_nyu(folder, store)
        assert report == upload
        assert (report.ready, report.new, list(report.bad)) == (
            done.imported, done.new, done.failures
        )  # fmt: skip
        assert report.settings == done.settings and not report.contradict
        again = dry_run("nyu", folder, store)
        assert (again.new, again.there) == (0, done.imported)
        assert dry_run("nyu", folder, None) == report


def test_whatever_contradicts_the_store_is_told_apart(tmp_path: Path) -> None:
    """Every reason that the import gives for a disagreement with what the store holds."""
    rooms = good_rooms()
    with Store(tmp_path / "s.db") as store:
        import_nyu(write(tmp_path / "data", rooms), store)
        other = [flipped(*rooms[0]), *rooms[1:]]
        line, body = json.loads(json.dumps(rooms[1]))
        body["rounds"][0]["JudgeFeedback"]["feedback"]["content"] = [{"Text": {"text": "!"}}]
        other[1] = (line, body)
        line, body = json.loads(json.dumps(rooms[2]))
        line["includedInPaper"] = False
        other[2] = (line, body)
        moved = room("new-0", [], complete=False, question="Another?")
        other[7] = moved
        report = dry_run("nyu", write(tmp_path / "other", other), store)
        names = {at for at, _ in report.contradict}
        assert names == {rooms[0][0]["name"], rooms[1][0]["name"], rooms[2][0]["name"], "new-0"}
        assert not report.bad
        reasons = {next(w for w in looking._CONTRADICTS if w in r) for _, r in report.contradict}
        assert reasons == set(looking._CONTRADICTS[:3])


def test_an_upload_is_imported_as_the_folder_is(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", good_rooms())
    with Store(None) as one, Store(None) as other:
        import_nyu(folder, one)
        report = perform("nyu", packed(folder), other)
        assert report.clean and report.ready == len(good_rooms())
        for table in ("turns", "match_turns", "run_matches", "truths", "speeches"):
            rows = [[tuple(r.values()) for r in s.query(f"SELECT * FROM {table} ORDER BY 1, 2")]
                    for s in (one, other)]  # fmt: skip
            assert rows[0] == rows[1] and rows[0]


# Uploads that mean harm.


def test_an_upload_writes_nothing_outside_its_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", good_rooms()[:1])
    evil = {
        "_up__up_evil.json": b"{}",
        "debates/official/_up__up__up_evil.json": b"{}",
        "debates/official/.hidden.json": b"{}",
        "debates/official/sub/deep.json": b"{}",
        "/abs.json": b"{}",
        "debates/official/a\\b.json": b"{}",
    }
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    looking.unpack(packed(folder, **evil), inner)
    files = {one.relative_to(tmp_path / "a").as_posix() for one in (tmp_path / "a").rglob("*")
             if one.is_file()}  # fmt: skip
    assert files == {
        "b/c/debates-metadata.jsonl", "b/c/debates/official/door-0.json"
    }  # fmt: skip


def test_links_in_an_upload_are_files_of_text(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", good_rooms()[:1])
    data = io.BytesIO(packed(folder))
    with zipfile.ZipFile(data, "a") as made:
        link = zipfile.ZipInfo("debates/official/link.json")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "target")
    out = tmp_path / "out"
    out.mkdir()
    looking.unpack(data.getvalue(), out)
    made_file = out / "debates/official/link.json"
    assert not made_file.is_symlink() and made_file.read_text() == "target"


def test_uploads_over_the_limits_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = packed(write(tmp_path / "data", good_rooms()[:1]))
    cases: list[tuple[str, int, str]] = [
        ("MOST_BYTES", len(data) - 1, "are allowed"),
        ("MOST_UNPACKED", 100, "unpacks to more than 100 bytes"),
        ("MOST_FILES", 1, "has 2 files, and 1 are allowed"),
    ]
    for name, limit, said in cases:
        with monkeypatch.context() as patch:
            patch.setattr(looking, name, limit)
            with pytest.raises(ConfigError, match=said):
                dry_run("nyu", data, None)
    monkeypatch.setattr(looking, "MOST_BYTES", 10)
    with pytest.raises(ConfigError, match="are allowed"):
        dry_run("jsonl", (GOOD % 1).encode(), None)


def test_a_zip_file_that_lies_about_its_sizes_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = zipfile.ZipFile.infolist

    def smaller(self: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        found = real(self)
        for one in found:
            one.file_size = min(one.file_size, 1)
        return found

    data = packed(write(tmp_path / "data", good_rooms()[:1]))
    monkeypatch.setattr(zipfile.ZipFile, "infolist", smaller)
    monkeypatch.setattr(looking, "MOST_UNPACKED", 100)
    with pytest.raises(ConfigError):
        dry_run("nyu", data, None)


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("nyu", b"not a zip", "not a ZIP file"),
        ("nyu", b"", "not a ZIP file"),
        ("jsonl", b"\xff\xfe", "not UTF-8"),
        ("csv", b"", "one of nyu, jsonl"),
    ],
)
def test_what_is_nothing_of_the_kind_is_refused(kind: str, data: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        dry_run(kind, data, None)


def test_a_zip_file_without_metadata_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", good_rooms()[:1])
    with pytest.raises(ConfigError, match="got 2"):
        dry_run("nyu", packed(folder, **{"x/debates-metadata.jsonl": b""}), None)
    (folder / "debates-metadata.jsonl").unlink()
    with pytest.raises(ConfigError, match="got 0"):
        dry_run("nyu", packed(folder), None)


# The command.


def test_the_command_reports_and_makes_no_store(tmp_path: Path) -> None:
    file, store = tmp_path / "asked.jsonl", tmp_path / "s.db"
    file.write_text(GOOD % 1 + "\nbad\n")
    done = arena("import", "jsonl", file, "--store", store, "--dry-run")
    assert done.exit_code == 1 and not store.exists()
    assert "would import 1 questions as 'asked'" in done.stdout
    assert "nothing was written" in done.stdout and "line 2" in done.stderr
    folder = write(tmp_path / "data", good_rooms())
    done = arena("import", "nyu", folder, "--store", store, "--dry-run", "--json")
    assert done.exit_code == 0 and not store.exists()
    told = json.loads(done.stdout)
    assert (told["dry_run"], told["ready"], told["failed"]) == (True, len(good_rooms()), [])
    assert arena("import", "nyu", folder, "--store", store).exit_code == 0
    told = json.loads(
        arena("import", "nyu", folder, "--store", store, "--dry-run", "--json").stdout
    )
    assert (told["new"], told["there"]) == (0, len(good_rooms()))
    done = arena("import", "nyu", tmp_path / "absent", "--store", store, "--dry-run")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
