"""Exports: what they hold, that other tools read them back as the store has it, and what is left
out."""

import csv
import io
import json
import re
import sqlite3
import zipfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from stage import Decides, match, question, stage
from test_browse import judge, model_verdict
from typer.testing import CliRunner

from arena.batch import Batch
from arena.desk import acts, codebook, export, identity, passcodes
from arena.match import participant_id
from arena.play import append
from arena.protocols import consultancy
from arena.report import report
from arena.store import Store, StoreError
from arena.turns import Speech, Verdict
from ui.cli import app

HOSTILE = ('=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\tx", "'x", "\uff1dx", "\r\nx")
FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


@pytest.fixture
def study(tmp_path: Path) -> Any:
    """Six debates, people and machines who judged them, and odd texts."""
    matches = [match(question(n, "story")) for n in range(6)]
    with stage(tmp_path / "s.db", matches) as store:
        for n, one in enumerate(matches):
            judge(store, one, "Ada", "AB"[n % 2], 0.75)
            if n < 4:
                model_verdict(store, one, Verdict(n % 2, (0.9, 0.1) if n % 2 == 0 else (0.2, 0.8)))
        model_verdict(store, matches[4], Verdict(None, (0.5, 0.5), status="tie"))
        model_verdict(store, matches[5], Verdict(status="unparsed"))
        bob = identity.register(store, "Bob")
        acts.submit(store, matches[0], bob, "A", 0.9, 'one "two", three\nfour ü 界')
        acts.withdraw(store, matches[0], bob)
        for n, text in enumerate(HOSTILE):
            who = identity.register(store, f"Carol {n}")
            acts.submit(store, matches[1], who, "A", 0.6, "x")
            turn = acts.verdict_by(store, matches[1], who)
            assert turn is not None
            store.conn.execute("UPDATE turns SET reason = ? WHERE id = ?", (text, turn.id))
        survey = {"sides": {"A": 4, "B": 2}, "key": "yes", "human": None}
        store.write(Batch(events=[{"kind": "survey", "match": matches[0].id, "person": bob,
                                   "at": 5.5, "value": survey}]))  # fmt: skip
        yield store, matches


def read_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def unguarded(text: str) -> str:
    return text.removeprefix("'")


def lines(files: dict[str, bytes], table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[f"{table}.jsonl"].decode().split("\n")[:-1]]


# Against the store.


def test_every_report_in_the_store_is_a_row(study: Any) -> None:
    store, _ = study
    rows = lines(export.export(store, "trial", "jsonl"), "judgments")
    sql = (
        "SELECT t.reason, t.choice, t.elicited, t.status, t.listing, t.mode, EXISTS (SELECT 1 FROM "
        "events AS e WHERE e.kind = 'withdrawn' AND e.turn = t.id) AS undone, mt.match "
        "FROM match_turns AS mt JOIN turns AS t ON t.id = mt.turn WHERE t.speech IS NULL"
    )
    expected = [
        (r["match"], r["reason"], r["choice"], json.loads(r["elicited"] or "null"), r["status"],
         json.loads(r["listing"]), r["mode"], bool(r["undone"]))
        for r in store.query(sql)
    ]  # fmt: skip
    found = [
        (r["match"], r["reason"], r["choice"], r["p"], r["status"], r["listing"], r["mode"],
         r["undone"])
        for r in rows
    ]  # fmt: skip
    assert sorted(map(repr, found)) == sorted(map(repr, expected)) and len(found) == 21
    assert {row["shown"] for row in rows} == {4} and {row["in_run"] for row in rows} == {True}


def test_turns_and_quotations_are_those_of_the_store(study: Any) -> None:
    store, matches = study
    files = export.export(store, "trial", "jsonl")
    turns, quoted = lines(files, "turns"), lines(files, "quotes")
    for one in matches:
        path = store.transcript(one)
        mine = [row for row in turns if row["match"] == one.id]
        assert [row["text"] for row in mine] == [turn.speech.text for turn in path]
        assert [row["turn"] for row in mine] == list(range(len(path)))
        assert [row["who"] for row in mine] == [turn.author for turn in path]
        at = {turn.id: n for n, turn in enumerate(path)}
        assert [r["replies_to"] for r in mine] == [[at[t] for t in x.replies_to] for x in path]
        for row in (row for row in quoted if row["match"] == one.id):
            text = path[row["turn"]].speech.text
            assert text[row["begin"] : row["end"]] == row["said"]
            assert row["verified"] == (row["start"] is not None) == (row["words"] is not None)
            if row["verified"]:
                passage = one.question.passage or ""
                assert passage[row["start"] : row["stop"]] == row["words"]
    assert len(quoted) == 5 * len(matches)


def test_what_was_written_and_not_chosen_is_a_table_of_its_own(study: Any) -> None:
    store, matches = study
    one = matches[2]
    first = store.transcript(one)[0]
    slot = one.protocol.opening[0].slots[0]
    other = append(one, (), 0, slot, Speech("the weaker one"), first.author, sample=1,
                   origin="candidate", score=0.25)  # fmt: skip
    below = append(one, (other,), 1, slot, Speech("after it"), first.author)
    before = export.export(store, "trial", "jsonl")
    assert lines(before, "alternatives") == []
    store.write(Batch(turns=[(one, other), (one, below)]))
    files = export.export(store, "trial", "jsonl")
    assert files["turns.jsonl"] == before["turns.jsonl"]
    said = [
        (r["match"], r["alternative"], r["instead_of"], r["after"], r["text"], r["origin"],
         r["sample"], r["score"], r["undone"])
        for r in lines(files, "alternatives")
    ]  # fmt: skip
    assert said == [
        (one.id, 0, 0, None, "the weaker one", "candidate", 1, 0.25, False),
        (one.id, 1, None, None, "after it", "sampled", 0, None, False),
    ]


def test_judge_accuracy_from_an_export_is_that_of_the_report(study: Any) -> None:
    store, _ = study
    files = export.export(store, "trial", "jsonl", truth=True)
    right = {row["match"]: row["option"] for row in lines(files, "truth")}
    credit: dict[str, list[float]] = {}
    missing: dict[str, int] = {}
    for row in lines(files, "judgments"):
        if row["undone"] or row["report"] != "verdict" or not row["in_run"]:
            continue
        if row["status"] not in ("ok", "tie"):
            missing[row["who"]] = missing.get(row["who"], 0) + 1
            continue
        value = 0.5 if row["status"] == "tie" else float(row["choice"] == right[row["match"]])
        credit.setdefault(row["who"], []).append(value)
    found = {len(v): (sum(v), len(v)) for v in credit.values()}
    own = sorted((sum(v), len(v)) for v in credit.values())
    told = report(store, "trial")["settings"]
    assert own == sorted((row["correct"], row["n"]) for row in told)
    assert found and sum(missing.values()) == 1
    mo = participant_id(Decides("mo"))
    (row,) = [row for row in told if row["judge_id"] == mo]
    assert row["accuracy"] == sum(credit[mo]) / len(credit[mo]) == 0.5


def test_an_import_is_exported_with_its_readers_and_surveys(tmp_path: Path) -> None:
    from nyu_rooms import good_rooms, write

    from arena.sources.nyu import import_nyu

    with Store(tmp_path / "s.db") as store:
        assert not import_nyu(write(tmp_path / "data", good_rooms()), store).failures
        files = export.export(store, "nyu", "jsonl", truth=True)
        rows = [r for r in lines(files, "judgments") if r["report"] == "verdict"]
        count = store.one("SELECT count(*) AS n FROM verdicts")
        assert count is not None and len(rows) == count["n"]
        right = {row["match"]: row["option"] for row in lines(files, "truth")}
        live = [r for r in rows if r["mode"] == "live"]
        correct = sum(r["choice"] == right[r["match"]] for r in live)
        told = report(store, "nyu", "all")["settings"]
        assert (correct, len(live)) == (sum(r["correct"] for r in told), sum(r["n"] for r in told))
        items = {row["item"] for row in lines(files, "surveys")}
        assert "Judge.answers.clarity.first" in items
        everything = b"".join(files.values()).decode()
        for name in ("Anna Apple", "Jo Juniper", "Rita Reader"):
            assert name not in everything
        whole = export.export(store, "nyu", "jsonl", names=True)
        assert {row["name"] for row in lines(whole, "names")} >= {"Anna Apple", "Jo Juniper"}


# Formats.


def test_csv_reads_back_as_json_lines_do(study: Any) -> None:
    store, _ = study
    plain = export.export(store, "trial", "jsonl", truth=True, names=True)
    sheets = export.export(store, "trial", "csv", truth=True, names=True)
    for name, table in codebook.TABLES.items():
        rows = read_csv(sheets[f"{name}.csv"])
        assert b"\r\n" in sheets[f"{name}.csv"]
        expected = lines(plain, name)
        assert len(rows) == len(expected)
        for row, other in zip(rows, expected, strict=True):
            assert list(row) == list(other) == [column.name for column in table.columns]
            for column in table.columns:
                cell, value = row[column.name], other[column.name]
                if value is None:
                    assert cell == ""
                elif column.type == "boolean":
                    assert cell == json.dumps(value)
                elif column.type in ("integer", "number"):
                    assert float(cell) == value
                elif column.type == "text":
                    assert unguarded(cell) == value
                else:
                    assert json.loads(unguarded(cell)) == value


def test_no_text_in_a_sheet_begins_a_formula(study: Any) -> None:
    store, _ = study
    sheets = export.export(store, "trial", "csv")
    reasons = {row["reason"] for row in read_csv(sheets["judgments.csv"])}
    assert {f"'{text}" for text in HOSTILE} <= reasons
    for name, data in sheets.items():
        if not name.endswith(".csv"):
            continue
        numeric = {
            column.name for column in codebook.TABLES[name[:-4]].columns
            if column.type in ("integer", "number")
        }  # fmt: skip
        for row in read_csv(data):
            for column, cell in row.items():
                assert column in numeric or not re.match(
                    r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", cell
                )
                assert column not in numeric or cell == "" or isinstance(float(cell), float)


def test_pandas_and_parquet_read_back_what_json_lines_say(study: Any, tmp_path: Path) -> None:
    import pandas
    from pyarrow import parquet

    store, _ = study
    plain = export.export(store, "trial", "jsonl", truth=True)
    packed = export.export(store, "trial", "parquet", truth=True)
    for name, table in codebook.TABLES.items():
        if name == "names":
            continue
        read = parquet.read_table(io.BytesIO(packed[f"{name}.parquet"]))
        kinds = {column.name: column.type for column in table.columns}
        rows = [
            {key: json.loads(one) if kinds[key] == "json" and one is not None else one
             for key, one in row.items()}
            for row in read.to_pylist()
        ]  # fmt: skip
        assert rows == lines(plain, name), name
    frame = pandas.read_parquet(io.BytesIO(packed["judgments.parquet"]))
    assert frame["choice"].sum() == sum(r["choice"] or 0 for r in lines(plain, "judgments"))
    frame = pandas.read_json(io.BytesIO(plain["judgments.jsonl"]), lines=True)
    assert len(frame) == 21


def test_a_database_reads_back_what_json_lines_say(study: Any, tmp_path: Path) -> None:
    store, _ = study
    plain = export.export(store, "trial", "jsonl", truth=True)
    packed = export.export(store, "trial", "sqlite", truth=True)
    (tmp_path / "e.sqlite").write_bytes(packed[export.DATABASE])
    with closing(sqlite3.connect(tmp_path / "e.sqlite")) as read:
        read.row_factory = sqlite3.Row
        assert read.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for name, table in codebook.TABLES.items():
            if name == "names":
                continue
            kinds = {column.name: column.type for column in table.columns}
            packs = {"json", "integers", "numbers", "texts"}
            rows = [
                {key: value if value is None
                 else json.loads(value) if kinds[key] in packs
                 else bool(value) if kinds[key] == "boolean" else value
                 for key, value in dict(row).items()}
                for row in read.execute(f"SELECT * FROM {name} ORDER BY rowid")
            ]  # fmt: skip
            assert rows == lines(plain, name), name
        sql = "SELECT [table], name FROM codebook"
        told = [tuple(row) for row in read.execute(sql)]
    assert told == [
        (name, column.name) for name, table in codebook.TABLES.items() if name != "names"
        for column in table.columns
    ]  # fmt: skip


@pytest.mark.parametrize("kind", export.KINDS)
def test_the_same_store_gives_the_same_bytes(study: Any, kind: Any, tmp_path: Path) -> None:
    store, _ = study
    files = export.export(store, "trial", kind, truth=True, names=True)
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        store.conn.backup(copy)
    copy.close()
    with Store(tmp_path / "copy.db") as other:
        assert export.export(other, "trial", kind, truth=True, names=True) == files
        assert export.archive(other, "trial", kind) == export.archive(store, "trial", kind)
    manifest = json.loads(files[export.MANIFEST])
    assert set(manifest["files"]) == set(files) - {export.MANIFEST}
    for name, told in manifest["files"].items():
        assert told["sha256"] == sha256(files[name]).hexdigest()
        assert told["bytes"] == len(files[name])
    with zipfile.ZipFile(io.BytesIO(export.archive(store, "trial", kind))) as packed:
        assert set(packed.namelist()) == set(export.export(store, "trial", kind))


# The codebook.


def test_every_column_is_in_the_codebook_and_the_reverse(study: Any) -> None:
    store, _ = study
    files = export.export(store, "trial", "csv", truth=True, names=True)
    book = json.loads(files["codebook.json"])["tables"]
    written = {name[:-4] for name in files if name.endswith(".csv")}
    assert written == set(book) == set(codebook.TABLES)
    said = files["codebook.md"].decode()
    for name in written:
        header = files[f"{name}.csv"].decode().split("\r\n")[0].split(",")
        assert header == [column["name"] for column in book[name]["columns"]]
        section = said.split(f"\n## {name}\n")[1].split("\n## ")[0]
        listed = re.findall(r"^\| (\w+) \|", section, re.M)
        assert listed == ["column", *header]
        for column in book[name]["columns"]:
            assert column["type"] in codebook.TYPES and column["meaning"].strip()
    rows = export.tables(store, "trial", truth=True, names=True)
    for name, found in rows.items():
        for row in found:
            assert list(row) == [column.name for column in codebook.TABLES[name].columns]
            for column in codebook.TABLES[name].columns:
                assert row[column.name] is not None or column.missing, (name, column.name)


def test_without_asking_there_is_no_truth_and_no_name(study: Any) -> None:
    store, _ = study
    files = export.export(store, "trial", "jsonl")
    assert not {"truth.jsonl", "names.jsonl"} & set(files)
    everything = b"".join(files.values()).decode()
    ids = [identity.register(store, name) for name in ("Ada", "Bob", "Carol 1")]
    for hidden in ("Ada", "Bob", "Carol", *ids):
        assert f'"{hidden}' not in everything
    turns = [r["id"] for r in store.query("SELECT id FROM turns WHERE origin = 'person'")]
    places = [r["id"] for r in store.query("SELECT id FROM assignments WHERE id IS NOT NULL")]
    assert turns and not [one for one in (*turns, *places) if one in everything]
    store.conn.execute("UPDATE truths SET truth = 1 - truth")
    assert export.export(store, "trial", "jsonl") == files
    assert export.export(store, "trial", "jsonl", truth=True)["truth.jsonl"]


def test_a_pseudonym_is_the_same_in_every_export_and_says_nothing_elsewhere(study: Any) -> None:
    store, _ = study
    first = lines(export.export(store, "trial", "jsonl", names=True), "names")
    again = lines(export.export(store, "trial", "jsonl", names=True), "names")
    assert first == again and len({row["who"] for row in first}) == len(first) == 10
    with stage(None, [match(question(0))]) as other:
        judge(other, match(question(0)), "Ada")
        (elsewhere,) = lines(export.export(other, "trial", "jsonl", names=True), "names")
    mine = {row["name"]: row["who"] for row in first}
    assert mine["Ada"] != elsewhere["who"]


def test_what_opens_doors_is_never_exported(study: Any) -> None:
    store, matches = study
    ada = identity.register(store, "Ada")
    passcodes.set_passcode(store, ada, "correct horse battery")
    store.write(Batch(events=[{"kind": "survey", "match": matches[0].id, "person": ada, "value":
                               {"token": "CANARY-TOKEN", "deep": {"session_hash": "CANARY-HASH"}}},
                              {"kind": "feedback", "match": matches[0].id, "person": ada,
                               "value": {"shown": "CANARY-TRUTH"}}]))  # fmt: skip
    for table in ("sessions", "passcodes", "invites"):
        columns = [row["name"] for row in store.query(f"PRAGMA table_info({table})")]
        marks = ",".join("?" * len(columns))
        values = [1.0 if "at" in name or name == "expires" else "CANARY-DOOR" for name in columns]
        store.conn.execute(f"INSERT INTO {table} VALUES ({marks})", values)
    for kind in export.KINDS[:2]:
        everything = b"".join(export.export(store, "trial", kind, truth=True, names=True).values())
        assert b"CANARY-DOOR" not in everything and b"CANARY-TOKEN" not in everything
        assert b"CANARY-TRUTH" not in everything
        assert b"CANARY-HASH" not in everything


def test_a_survey_has_a_row_for_every_item_and_the_last_answers_stand(study: Any) -> None:
    store, matches = study
    bob = identity.register(store, "Bob")
    later = {"answers": {"key": "no"}}
    store.write(
        Batch(
            events=[{"kind": "survey", "match": matches[0].id, "person": bob, "at": 6.5,
                     "value": later}]
        )
    )  # fmt: skip
    rows = lines(export.export(store, "trial", "jsonl"), "surveys")
    assert [(row["item"], row["answer"], row["score"], row["stands"]) for row in rows] == [
        ("human", None, None, False), ("key", "yes", None, False), ("sides.A", "4", 4.0, False),
        ("sides.B", "2", 2.0, False), ("key", "no", None, True),
    ]  # fmt: skip


def test_practice_and_repeated_debates_come_along_and_are_marked(study: Any) -> None:
    store, _ = study
    other = match(question(9))
    with stage(None, [other]) as second:
        told = second.transcript(other)
    store.start_run("gold", "play", {}, {})
    store.write(Batch(matches=[other], turns=[(other, turn) for turn in told], played=[other.id],
                      run_matches=[("gold", 0, other.id, {"setting": "easy"})]))  # fmt: skip
    store.conn.execute("INSERT OR IGNORE INTO questions SELECT ?, text, answers, passage, source, "
                       "grp, split FROM questions LIMIT 1", (other.question.id,))  # fmt: skip
    store.conn.execute("UPDATE questions SET text = ?, grp = NULL WHERE id = ?",
                       (other.question.text, other.question.id))  # fmt: skip
    judge(store, other, "Ada")
    judge(store, other, "Stranger")
    ada = identity.register(store, "Ada")
    store.conn.execute(
        "UPDATE assignments SET run = 'trial', kind = 'duplicate' WHERE match = ? AND holder = ?",
        (other.id, ada),
    )
    store.conn.execute(
        "INSERT INTO assignments (match, seat, holder, until, done, run, kind) "
        "VALUES (?, 'judge', ?, 0, 1, 'trial', 'duplicate') ON CONFLICT DO NOTHING",
        (other.id, ada),
    )
    files = export.export(store, "trial", "jsonl")
    (row,) = [row for row in lines(files, "judgments") if row["match"] == other.id]
    assert (row["in_run"], row["kind"]) == (False, "again")
    (row,) = [row for row in lines(files, "debates") if row["match"] == other.id]
    assert (row["in_run"], row["position"], row["turns"]) == (False, None, 4)


def test_a_consultancy_is_exported_with_its_side() -> None:
    rules = consultancy(rounds=1)
    from stage import ALICE, Match

    one = Match(question(0), rules, (("A", 1),), (("A", participant_id(ALICE)),))
    with stage(None, [one], agents=(ALICE,)) as store:
        (row,) = export.tables(store, "trial")["debates"]
        assert row["sides"] == {"A": 1} and row["seats"] == {"A": participant_id(ALICE)}


# The command.


def arena(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("kind", export.KINDS)
def test_the_command_writes_a_folder_with_a_manifest(study: Any, tmp_path: Path, kind: str) -> None:
    store, _ = study
    out = tmp_path / "out"
    call = ("export", "trial", "--store", store.path, "--to", kind, "--out", out)
    done = arena(*call, "--json", "--truth")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["contains"] == ["truth"] and told["format"] == kind
    assert {one.name for one in out.iterdir()} == {*told["files"], export.MANIFEST}
    for name, one in told["files"].items():
        assert sha256((out / name).read_bytes()).hexdigest() == one["sha256"]
    assert arena(*call).exit_code == 0  # again, without the truth
    assert not list(out.glob("truth*"))


def test_the_command_leaves_other_folders_alone(study: Any, tmp_path: Path) -> None:
    store, _ = study
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    for name, out, said in (
        ("trial", tmp_path / "mine", "not an empty folder"),
        ("trial", tmp_path / "mine" / "thesis.tex", "not an empty folder"),
        ("no such", tmp_path / "new", "no run 'no such'"),
    ):
        done = arena("export", name, "--store", store.path, "--out", out)
        assert done.exit_code == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    done = arena("export", "trial", "--store", store.path, "--out", tmp_path / "all.zip")
    assert done.exit_code == 0 and zipfile.is_zipfile(tmp_path / "all.zip")


def test_an_unknown_run_or_format_is_refused() -> None:
    with Store(None) as store:
        with pytest.raises(StoreError, match="its runs: none"):
            export.export(store, "trial", "csv")
        wrong: Any = "sas"
        with pytest.raises(StoreError, match="jsonl, csv, parquet, sqlite"):
            export.export(store, "trial", wrong)
