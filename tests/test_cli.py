"""The command line's contract: JSON, exit codes, one-line errors, resuming, and every verb."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from nyu_rooms import good_rooms, write
from typer.testing import CliRunner, Result

from arena.config import find_protocol
from arena.desk.settings import Settings, settings_of
from arena.store import Store, StoreError
from ui.cli import app
from ui.options import open_store

RUN = """
questions: {source: witness, n: 6, seed: 3}
protocols: [debate, consultancy, naive]
players: {strong: "scripted:witness,p=1,s=1,b=1", weak: "scripted:witness,p=.3,s=0,b=.3"}
judges: {literal: "scripted:literal", coin: "scripted:coin"}
"""


def arena(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def refused(result: Result) -> str:
    """The one line on standard error of a call that was at fault."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("arena: ")
    return line


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RUN)
    return path


def test_the_scripted_demo_prints_one_json_document_and_leaves_a_store(tmp_path: Path) -> None:
    store = tmp_path / "demo.db"
    result = arena("demo", "--scripted", "--n", 5, "--json", "--store", store)
    answer = json.loads(result.stdout)
    assert set(answer) == {"run", "store", "done", "waiting", "failed", "results"}
    assert answer["done"] == 5 * (2 + 3 * 2 + 3 * 2)  # consultants take both sides
    with Store(store) as kept:
        assert kept.one("SELECT count(*) AS n FROM matches") == {"n": answer["done"]}


def test_the_scripted_demo_table_names_the_store_and_how_to_judge_in_the_browser(
    tmp_path: Path,
) -> None:
    store = tmp_path / "demo.db"
    result = arena("demo", "--scripted", "--n", 2, "--store", store)
    assert result.exit_code == 0
    assert f" ui --store {store}" in result.stdout
    for word in ("naive", "consultancy", "debate with rebuttal", "expert", "expected"):
        assert word in result.stdout


@pytest.mark.parametrize("verb", ["play", "tournament"])
def test_a_run_is_resumed_by_the_same_command_and_changes_nothing(
    verb: str, run_file: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.db"
    first = json.loads(arena(verb, run_file, "--store", store, "--json").stdout)
    with Store(store) as kept:
        before = list(kept.conn.iterdump())
    again = json.loads(arena(verb, run_file, "--store", store, "--json").stdout)
    with Store(store) as kept:
        assert list(kept.conn.iterdump()) == before
    assert again == first
    assert first["run"] == "small" and first["waiting"] == [] and first["failed"] == {}


def test_a_tournament_plays_both_roles_and_both_listings(run_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    answer = json.loads(arena("tournament", run_file, "--store", store, "--json").stdout)
    debates, consultancies, naive = 6 * 1 * 2, 6 * 2 * 2, 6
    assert answer["done"] == debates + consultancies + naive
    with Store(store) as kept:
        verdicts = kept.one("SELECT count(*) AS n FROM verdicts")
    assert verdicts == {"n": answer["done"] * 2 * 2}  # two judges, two listings


def test_another_run_of_the_same_name_is_refused(run_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    arena("play", run_file, "--store", store)
    line = refused(arena("play", run_file, "--store", store, "--set", "questions.n=7"))
    assert "small" in line and "another name" in line


def test_a_person_among_the_judges_leaves_the_match_waiting(run_file: Path, tmp_path: Path) -> None:
    answer = arena("play", run_file, "--store", tmp_path / "s.db", "--json",
                   "--set", "judges={me: person}", "--set", "protocols=[debate]")  # fmt: skip
    waiting = json.loads(answer.stdout)["waiting"]
    assert len(waiting) == 6 and {one["seat"] for one in waiting} == {"judge"}


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("questions.n=many", "questions.n"),
        ("questions.sauce=jsonl", "sauce"),
        ("protocols=[debaet]", "debaet"),
        ("players={x: 'scripted:wittness'}", "wittness"),
        ("players={x: 'scripted:witness,q=1'}", "q"),
        ("players={x: 'scripted:witness,p=much'}", "p"),
        ("judges={x: 'scripted:nobody'}", "nobody"),
        ("run.width=wide", "run.width"),
        ("play.seats={A: nobody}", "nobody"),
        ("questions={source: jsonl}", "questions.path"),
        ("protocols=[]", "protocols: expected at least one, as in `protocols: [debate]`, got none"),
    ],
)
def test_a_run_file_that_does_not_fit_is_refused_in_one_line_that_names_the_field(
    change: str, names: str, run_file: Path, tmp_path: Path
) -> None:
    line = refused(arena("play", run_file, "--store", tmp_path / "s.db", "--set", change))
    assert names in line


def test_a_missing_file_store_run_or_match_is_refused_in_one_line(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert "absent" in refused(arena("play", absent, "--store", tmp_path / "s.db"))
    assert "absent" in refused(arena("report", "nyu", "--store", absent))
    assert "absent" in refused(arena("show", "m1", "--store", absent))
    assert "absent" in refused(arena("ui", "--store", absent))
    Store(tmp_path / "s.db").close()
    assert "'nyu'" in refused(arena("report", "nyu", "--store", tmp_path / "s.db"))
    assert "'m1'" in refused(arena("show", "m1", "--store", tmp_path / "s.db"))
    line = refused(
        arena("judge", "--of", "nyu", "--judge", "scripted:coin", "--store", tmp_path / "s.db")
    )
    assert "'nyu'" in line


def test_a_judge_reads_a_stored_run_in_both_listings_and_once_only(
    run_file: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.db"
    arena("play", run_file, "--store", store)
    call = ("judge", "--of", "small", "--judge", "scripted:first,p=.8", "--order", "both",
            "--store", store, "--json")  # fmt: skip
    settings = json.loads(arena(*call).stdout)["results"]["settings"]
    biased = [row for row in settings if "first" in row["judge"]]
    assert biased and all(row["accuracy"] == 0.5 for row in biased)
    assert all(row["position_bias"] == pytest.approx(0.3) for row in biased)
    assert json.loads(arena(*call).stdout)["results"]["settings"] == settings


def test_jsonl_import_names_every_bad_line_and_keeps_the_good_ones(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    good = {"question": "Which is larger?", "answers": ["two", "three"], "truth": 1}
    lines = [
        json.dumps(good),
        "{not json",
        json.dumps({**good, "truth": 5}),
        json.dumps({**good, "anwsers": []}),
        json.dumps({"question": "Only one?", "answers": ["yes"]}),
        json.dumps({**good, "question": "Another?", "truth": None}),
    ]
    path.write_text("\n".join(lines))
    result = arena("import", "jsonl", path, "--store", tmp_path / "s.db", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert answer["done"] == 2 and answer["changed"]
    assert [one["line"] for one in answer["failed"]] == [2, 3, 4, 5]
    again = arena("import", "jsonl", path, "--store", tmp_path / "s.db", "--json")
    assert not json.loads(again.stdout)["changed"]
    play = tmp_path / "use.yaml"
    play.write_text(
        "questions: {source: imported, path: asked}\nprotocols: [naive]\n"
        "judges: {coin: 'scripted:coin'}\n"
    )
    done = json.loads(arena("play", play, "--store", tmp_path / "s.db", "--json").stdout)
    assert done["done"] == 2


def test_show_prints_hostile_text_as_text(run_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    hostile = "[bold red]Who?[/] \x1b[2J\u202e"
    path.write_text(json.dumps({"question": hostile, "answers": ["a", "b"], "truth": 0}))
    arena("play", run_file, "--store", tmp_path / "s.db", "--set", "protocols=[naive]",
          "--set", f"questions={{source: jsonl, path: {path}}}")  # fmt: skip
    with Store(tmp_path / "s.db") as store:
        key = store.one("SELECT id FROM matches")
    assert key is not None
    shown = arena("show", key["id"][:12], "--store", tmp_path / "s.db")
    assert shown.exit_code == 0
    assert "[bold red]Who?[/] ⟦U+001B⟧[2J⟦U+202E⟧" in shown.stdout
    assert "\x1b" not in shown.stdout and "\u202e" not in shown.stdout


def test_show_prints_the_tree_of_turns(run_file: Path, tmp_path: Path) -> None:
    arena("play", run_file, "--store", tmp_path / "s.db", "--set", "protocols=[debate]")
    with Store(tmp_path / "s.db") as store:
        key = store.one("SELECT id FROM matches")
    assert key is not None
    shown = arena("show", key["id"], "--tree", "--store", tmp_path / "s.db")
    assert shown.stdout.count(" speech ") == 4 and shown.stdout.count(" verdict ") == 2


def test_a_question_that_comes_with_another_truth_is_a_bad_line(tmp_path: Path) -> None:
    asked = {"question": "Which is larger?", "answers": ["two", "three"]}
    (tmp_path / "a.jsonl").write_text(json.dumps({**asked, "truth": 1}))
    (tmp_path / "b.jsonl").write_text(json.dumps({**asked, "truth": 0}))
    call = ("import", "jsonl", "--name", "same", "--store", tmp_path / "s.db")
    assert arena(*call, tmp_path / "a.jsonl").exit_code == 0
    again = arena(*call, tmp_path / "b.jsonl", "--json")
    (bad,) = json.loads(again.stdout)["failed"]
    assert again.exit_code == 1 and not json.loads(again.stdout)["changed"]
    assert bad["line"] == 1 and "Which is larger?" in bad["reason"]
    assert "another truth" in bad["reason"]


def test_an_import_that_adds_a_truth_says_that_it_changed_something(tmp_path: Path) -> None:
    asked = {"question": "Which is larger?", "answers": ["two", "three"]}
    path = tmp_path / "a.jsonl"
    call = ("import", "jsonl", path, "--store", tmp_path / "s.db", "--json")
    changed = []
    for line in (asked, {**asked, "truth": 1}, {**asked, "truth": 1}, {**asked, "split": "x"}):
        path.write_text(json.dumps(line))
        result = arena(*call)
        changed.append((json.loads(result.stdout)["changed"], result.exit_code))
    assert changed == [(True, 0), (True, 0), (False, 0), (False, 1)]
    assert "another split" in result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["paly"], "paly"),
        (["play"], "FILE.yaml"),
        (["play", "x.yaml", "--nope"], "see arena play --help"),
        (["report", "x", "--sample", "half"], "half"),
        (["demo", "--n", "0"], "--n"),
        (["import", "csv"], "see arena import --help"),
    ],
)
def test_a_call_that_fits_no_verb_is_refused_in_one_line(words: list[str], says: str) -> None:
    line = refused(arena(*words))
    assert says in line and line.endswith(" --help")


def test_a_call_without_a_verb_prints_the_help() -> None:
    assert "tournament" in arena().output and arena().exit_code == 2
    assert "tournament" in arena("--help").stdout and arena("--help").exit_code == 0


def test_a_refused_call_leaves_no_store_behind(run_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "none.db"
    for name, raw in (("deep", b"[" * 5000), ("latin", b"name: \xff")):
        (tmp_path / f"{name}.yaml").write_bytes(raw)
    for words in (
        ("play", tmp_path / "absent.yaml"),
        ("play", tmp_path / "deep.yaml"),
        ("tournament", tmp_path / "latin.yaml"),
        ("play", run_file, "--set", "questions.n=["),
        ("play", run_file, "--set", "run.width=0"),
        ("play", run_file, "--set", "protocols=[debaet]"),
        ("import", "nyu", tmp_path / "absent"),
        ("import", "jsonl", tmp_path / "absent"),
    ):
        refused(arena(*words, "--store", store))
        assert not list(tmp_path.glob("none.db*")), words


NOBODY = ("players.strong=scripted:nobody", "nobody")
NO_JUDGE = ("judges.coin=scripted:nobody", "nobody")
NO_PLAYERS = ("players={}", "players")
NO_PRICE = ("prices={nobody: {input: 1, output: 1}}", "nobody")
NO_QUESTIONS = ("questions={source: imported, path: nothing}", "nothing")


@pytest.mark.parametrize(
    ("verb", "change", "says"),
    [
        *(("play", *one) for one in (NOBODY, NO_JUDGE, NO_PLAYERS, NO_PRICE, NO_QUESTIONS)),
        ("play", "play={seats: {A: nobody}}", "nobody"),
        *(("tournament", *one) for one in (NOBODY, NO_JUDGE, NO_PLAYERS, NO_PRICE, NO_QUESTIONS)),
        ("tournament", "tournament={panel: {judges: [nobody]}}", "nobody"),
        ("tournament", "tournament={families: {nobody: acme}}", "nobody"),
        *(("train", *one) for one in (NOBODY, NO_PLAYERS, NO_QUESTIONS)),
        ("train", "train.judge=nobody", "nobody"),
        ("train", "train.learn=[strong]", "cannot learn"),
        *(("study", *one) for one in (NOBODY, NO_JUDGE, NO_PLAYERS, NO_PRICE, NO_QUESTIONS)),
        ("study", "study.stop={questions: 7}", "needs 7 questions, got 6"),
    ],
)
def test_what_is_refused_when_names_are_looked_up_leaves_no_store_behind(
    verb: str, change: str, says: str, run_file: Path, tmp_path: Path
) -> None:
    block = {"train": "train: {judge: coin}\n",
             "study": "study: {conditions: {x: {protocol: debate, judges: [coin]}}}\n"}  # fmt: skip
    run_file.write_text(RUN.replace("[debate, consultancy, naive]", "[debate]")
                        + block.get(verb, ""))  # fmt: skip
    line = refused(arena(verb, run_file, "--store", tmp_path / "s.db", "--set", change))
    assert says in line
    assert list(tmp_path.iterdir()) == [run_file], "neither a store nor a file beside it"


# ---------------------------------------------------------------------------------------------
# A store that is opened for a call that is refused.


class Refused(Exception):
    """What a block raises."""


def _row(store: Store, table: str) -> None:
    """Put a row into a table, whatever its columns."""
    columns = [row["name"] for row in store.query(f"PRAGMA table_info({table})")]
    store.execute({f"INSERT INTO {table} VALUES ({','.join('?' * len(columns))})": [
        tuple(range(1, len(columns) + 1))
    ]})  # fmt: skip


def _tables() -> list[str]:
    with Store(None) as store:
        names = [row["name"] for row in store.query(
            "SELECT name FROM sqlite_master WHERE type = 'table'")]  # fmt: skip
    return [name for name in names if not name.startswith("_")]


@pytest.mark.parametrize("error", [Refused, KeyboardInterrupt])
def test_a_store_that_was_made_and_never_written_to_goes_when_its_block_raises(
    error: type[BaseException], tmp_path: Path
) -> None:
    with pytest.raises(error), open_store(tmp_path / "a #1?.db") as store:
        assert store.one("SELECT name FROM runs") is None
        raise error
    assert list(tmp_path.iterdir()) == []
    with open_store(tmp_path / "a.db"):
        assert (tmp_path / "a.db").stat().st_mode & 0o777 == 0o644 & ~_umask()
    assert (tmp_path / "a.db").is_file(), "a block that ends well leaves a store"


def test_a_row_in_any_table_keeps_the_store(tmp_path: Path) -> None:
    tables = _tables()
    assert {"runs", "questions", "matches", "people", "events", "replies", "desks"} <= set(tables)
    for table in tables:
        path = tmp_path / f"{table}.db"
        with pytest.raises(Refused), open_store(path) as store:
            _row(store, table)
            raise Refused
        with Store(path) as kept:
            assert kept.one(f"SELECT count(*) AS n FROM {table}") == {"n": 1}, table


def test_a_store_that_was_there_is_never_removed(tmp_path: Path) -> None:
    Store(tmp_path / "store.db").close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "linked.db")
    for name in ("store", "empty", "link"):
        with pytest.raises(Refused), open_store(tmp_path / f"{name}.db"):
            raise Refused
        with open_store(tmp_path / f"{name}.db", must_exist=True) as store:
            assert store.one("SELECT count(*) AS n FROM runs") == {"n": 0}
    other = b"a note of mine"
    (tmp_path / "note.db").write_bytes(other)
    with pytest.raises(StoreError, match="not an arena store"), open_store(tmp_path / "note.db"):
        pass
    assert (tmp_path / "note.db").read_bytes() == other


def test_a_store_that_somebody_else_has_open_stays_and_keeps_what_they_write(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    with pytest.raises(Refused), open_store(path):
        other = Store(path)
        raise Refused
    _row(other, "people")
    other.close()
    with Store(path) as kept:
        assert kept.one("SELECT count(*) AS n FROM people") == {"n": 1}


def test_a_store_that_another_process_has_open_stays(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    code = (
        "import sys; from arena.store import Store; s = Store(sys.argv[1]); print(flush=True); "
        "sys.stdin.read(); s.execute({'INSERT INTO truths VALUES (?,?)': [('q', 0)]}); s.close()"
    )
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with pytest.raises(Refused), open_store(path):
        other = subprocess.Popen([sys.executable, "-c", code, path], **pipes)
        assert other.stdout is not None and other.stdout.readline()
        raise Refused
    other.communicate(timeout=60)
    assert other.returncode == 0
    with Store(path) as kept:
        assert kept.truths() == {"q": 0}


def test_who_had_a_removed_file_before_its_first_look_is_told_and_writes_to_no_ghost(
    tmp_path: Path,
) -> None:
    """Opened when it was a store, first read when it is gone: SQLite refuses what `Store` does."""
    path = tmp_path / "s.db"
    with pytest.raises(Refused), open_store(path):
        late = sqlite3.connect(path, isolation_level=None)
        raise Refused
    assert not path.exists()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        late.execute("PRAGMA journal_mode = WAL").fetchall()
    late.close()


def test_another_file_in_the_place_of_the_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with pytest.raises(Refused), open_store(path):
        path.rename(tmp_path / "moved.db")
        Store(path).close()
        raise Refused
    assert path.is_file() and (tmp_path / "moved.db").is_file()


def _umask() -> int:
    found = os.umask(0o022)
    os.umask(found)
    return found


# ---------------------------------------------------------------------------------------------
# Verbs and files.


BLOCKS = {
    "play": "play: {mirrored: true}\n",
    "tournament": "tournament: {panel: {rule: majority}}\n",
    "train": "train: {judge: literal}\n",
    "study": "study: {conditions: {naive: {protocol: naive}}}\n",
}


@pytest.mark.parametrize("verb", ["play", "tournament", "train"])
@pytest.mark.parametrize("block", BLOCKS)
def test_a_file_of_another_verb_is_refused_with_the_verb_that_it_is_for(
    verb: str, block: str, run_file: Path, tmp_path: Path
) -> None:
    if verb == block:
        return
    run_file.write_text(RUN + BLOCKS[block])
    line = refused(arena(verb, run_file, "--store", tmp_path / "s.db"))
    assert line == f"arena: {run_file} has a {block} block: arena {block} {run_file}"
    run_file.write_text(RUN + BLOCKS[block] + BLOCKS[verb])
    line = refused(arena(verb, run_file, "--store", tmp_path / "s.db"))
    assert f"has a {verb} block and a {block} block" in line and "leave one of them out" in line
    assert not (tmp_path / "s.db").exists()


def test_a_study_that_another_verb_was_called_for_can_still_be_begun(
    run_file: Path, tmp_path: Path
) -> None:
    run_file.write_text(RUN + BLOCKS["study"])
    for verb in ("play", "tournament"):
        refused(arena(verb, run_file, "--store", tmp_path / "s.db"))
    study = arena("study", run_file, "--store", tmp_path / "s.db", "--json")
    assert study.exit_code == 0, study.output


def test_a_protocol_with_three_speakers_is_refused_by_play_and_tournament(
    run_file: Path, tmp_path: Path
) -> None:
    seats = [{"name": seat, "role": "debater"} for seat in "ABC"]
    slots = [{"seat": seat} for seat in "ABC"]
    value = {"name": "panel", "seats": [*seats, {"name": "judge", "role": "judge"}],
             "opening": [{"slots": slots}]}  # fmt: skip
    (tmp_path / "panel.yaml").write_text(json.dumps(value))
    for verb in ("play", "tournament"):
        line = refused(arena(verb, run_file, "--store", tmp_path / "s.db",
                             "--set", "protocols=[panel.yaml]"))  # fmt: skip
        assert "'panel'" in line and "A, B, C" in line


def test_the_demo_uses_the_store_of_the_environment_else_arena_db(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARENA_STORE", raising=False)
    arena("demo", "--scripted", "--n", 1)
    assert [path.name for path in tmp_path.glob("*.db")] == ["arena.db"]
    monkeypatch.setenv("ARENA_STORE", str(tmp_path / "mine.db"))
    arena("demo", "--scripted", "--n", 1)
    assert (tmp_path / "mine.db").is_file()


def test_a_demo_of_another_size_says_to_name_another_store(tmp_path: Path) -> None:
    store = tmp_path / "demo.db"
    assert arena("demo", "--scripted", "--n", 2, "--store", store).exit_code == 0
    line = refused(arena("demo", "--scripted", "--n", 3, "--store", store))
    assert "--n 2" in line and "--store" in line
    assert arena("demo", "--scripted", "--n", 2, "--store", store).exit_code == 0


def test_nothing_that_is_echoed_drives_the_terminal_or_becomes_an_emoji(
    run_file: Path, tmp_path: Path
) -> None:
    odd = "x\x1b[2J\u202e:smile:[bold]"
    shown = "x⟦U+001B⟧[2J⟦U+202E⟧:smile:[bold]"
    store = tmp_path / f"{odd}.db"
    called = ("--set", f"name={json.dumps(odd)}", "--store", store)
    person = ("--set", "judges={me: person}", "--set", "protocols=[debate]")
    rooms = [(json.loads(json.dumps(good_rooms()[0][0])), "{")]
    rooms[0][0]["name"] = odd
    (tmp_path / f"{odd}.jsonl").write_text(json.dumps({"question": odd, "answers": [odd, odd]}))
    bad_names = f"players={{{json.dumps(odd)}: {json.dumps(odd)}}}"
    for result, code in (
        (arena("play", run_file, *called), 0),
        (arena("report", odd, "--store", store), 0),
        (arena("play", run_file, *called, *person, "--set", "name=w"), 0),
        (arena("play", tmp_path / odd), 2),
        (arena("play", run_file, *called, "--set", bad_names), 2),
        (arena("show", odd, "--store", store), 2),
        (arena(odd), 2),
        (arena("import", "jsonl", tmp_path / f"{odd}.jsonl", "--store", store), 1),
        (arena("import", "nyu", write(tmp_path / "data", rooms), "--store", store), 1),
        (arena("demo", "--scripted", "--n", 1, "--store", store), 0),
    ):
        assert result.exit_code == code, result.output
        assert "\x1b" not in result.output and "\u202e" not in result.output
        assert ":smile:" in result.output, result.output
    assert shown in arena("report", odd, "--store", store).stdout


def test_a_replay_of_a_shorter_match_is_refused_in_one_line(run_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    one = ("--store", store, "--set", "questions.n=1")
    arena("play", run_file, *one, "--set", "protocols=[debate without rebuttal]")
    with Store(store) as kept:
        (key,) = [row["id"] for row in kept.query("SELECT id FROM matches")]
    line = refused(arena("play", run_file, *one, "--set", "name=again",
                         "--set", "protocols=[debate]",
                         "--set", f"players={{x: 'replay:{key}'}}"))  # fmt: skip
    assert "holds no speech of seat" in line


def readme(name: str) -> str:
    """The YAML block of the README that has this name."""
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    (found,) = [block for block in blocks if yaml.safe_load(block)["name"] == name]
    return str(found)


def test_the_readme_shows_these_files_and_no_other() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    names = [
        yaml.safe_load(one)["name"] for one in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    ]
    assert names == ["first", "cup", "rebuttals", "people", "learn", "interview"]


def test_the_tournament_and_the_study_of_the_readme_can_be_played(tmp_path: Path) -> None:
    few = ("--store", tmp_path / "s.db", "--json", "--set", "questions.n=4")
    (tmp_path / "cup.yaml").write_text(readme("cup"))
    cup = json.loads(arena("tournament", tmp_path / "cup.yaml", *few).stdout)
    assert cup["done"] == 3 * 4 * 2
    assert cup["results"]["ratings"]["panel"]["rule"] == "mean log-odds"
    (tmp_path / "rebuttals.yaml").write_text(readme("rebuttals"))
    study = arena("study", tmp_path / "rebuttals.yaml", *few, "--lock",
                  "--set", "study.stop.questions=4")  # fmt: skip
    assert study.exit_code == 0, study.output
    primary = json.loads(study.stdout)["results"]["study"]["primary"]
    assert primary["matched"] is True and primary["paired"]["questions"] == 4


def test_the_protocol_and_the_run_of_the_readme_can_be_played(tmp_path: Path) -> None:
    run, people, protocol = readme("first"), readme("people"), readme("interview")
    (tmp_path / "first.yaml").write_text(run)
    (tmp_path / "interview.yaml").write_text(protocol)
    found = find_protocol("interview.yaml", tmp_path)
    assert (found.name, found.speakers, found.asks, found.cycles) == ("interview", ("A",), True, 2)
    few = ("--store", tmp_path / "s.db", "--json", "--set", "questions.n=2")
    result = arena("play", tmp_path / "first.yaml", *few)
    assert result.exit_code == 0 and json.loads(result.stdout)["run"] == "first"
    own = arena("play", tmp_path / "first.yaml", *few, "--set", "name=own",
                "--set", "protocols=[interview.yaml]",
                "--set", "judges={me: person}")  # fmt: skip
    waiting = json.loads(own.stdout)["waiting"]
    assert own.exit_code == 0 and waiting and {one["seat"] for one in waiting} == {"judge"}
    (tmp_path / "people.yaml").write_text(people)
    met = arena("play", tmp_path / "people.yaml", *few)
    assert {one["seat"] for one in json.loads(met.stdout)["waiting"]} == {"A"}
    with Store(tmp_path / "s.db") as store:
        assert settings_of(store, "people") == Settings(survey=("sides", "human"))


def test_a_run_file_that_tells_answers_beside_repeats_is_refused_and_nothing_is_written(
    run_file: Path, tmp_path: Path
) -> None:
    desk = "desk: {feedback: true, again_share: 0.2}\n"
    run_file.write_text(f"{RUN}{desk}")
    line = refused(arena("play", run_file, "--store", tmp_path / "s.db"))
    assert "desk" in line and "feedback must be false where gold_share or again_share" in line
    assert "got feedback true with gold_share 0 and again_share 0.2" in line
    assert "set feedback to false or both shares to 0" in line
    assert not (tmp_path / "s.db").exists()
    run_file.write_text(f"{RUN}{desk.replace('0.2', '0.0')}")
    assert arena("play", run_file, "--store", tmp_path / "s.db").exit_code == 0


def test_the_training_of_the_readme_trains_the_shipped_base(tmp_path: Path) -> None:
    (tmp_path / "learn.yaml").write_text(readme("learn"))
    small = [f"train.{each}" for each in ("steps=1", "questions=2", "group=2", "evaluate.n=2")]
    call = ["train", tmp_path / "learn.yaml", "--store", tmp_path / "s.db", "--json"]
    result = arena(*call, *(word for each in small for word in ("--set", each)))
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert (answer["run"], answer["waiting"]) == ("learn", [])
    adapter = tmp_path / "s-training" / "learn" / "adapters" / "alice" / "1"
    assert (adapter / "adapter_model.safetensors").is_file()


def test_importing_rooms_passes_over_a_bad_one_and_a_second_import_changes_nothing(
    tmp_path: Path,
) -> None:
    rooms = good_rooms()
    folder = write(tmp_path / "data", rooms)
    call = ("import", "nyu", folder, "--store", tmp_path / "s.db", "--json")
    first = arena(*call)
    assert first.exit_code == 0 and json.loads(first.stdout)["done"] == len(rooms)
    again = arena(*call)
    assert again.exit_code == 0 and not json.loads(again.stdout)["changed"]
    (bad,) = folder.glob(f"debates/official/{rooms[0][0]['name']}.json")
    bad.write_text("{")
    broken = arena("import", "nyu", folder, "--store", tmp_path / "t.db", "--json")
    answer = json.loads(broken.stdout)
    assert broken.exit_code == 1
    assert answer["done"] == len(rooms) - 1
    assert [one["room"] for one in answer["failed"]] == [rooms[0][0]["name"]]
    assert rooms[0][0]["name"] in broken.stderr
    report = json.loads(arena("report", "nyu", "--store", tmp_path / "s.db", "--json").stdout)
    assert {"setting", "n", "correct", "accuracy", "wilson", "log2_score", "judge_score", "brier",
            "turns"} <= set(report["settings"][0])  # fmt: skip


def test_a_replay_says_again_what_was_said(run_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    arena("play", run_file, "--store", store, "--set", "protocols=[debate]",
          "--set", "questions.n=1")  # fmt: skip
    with Store(store) as kept:
        (first,) = [row["id"] for row in kept.query("SELECT id FROM matches")]
    again = arena("play", run_file, "--store", store, "--set", "protocols=[debate]",
                  "--set", "questions.n=1", "--set", "name=again",
                  "--set", f"players={{x: 'replay:{first}'}}")  # fmt: skip
    assert again.exit_code == 0, again.stderr
    with Store(store) as kept:
        (second,) = [row["id"] for row in kept.query("SELECT id FROM matches WHERE id <> ?", first)]
        said = [
            [turn.speech.id for turn in kept.turns(key) if not turn.is_leaf]
            for key in (first, second)
        ]
    assert len(said[0]) == 4 and said[0] == said[1]


def test_a_participant_out_of_range_or_a_missing_model_is_refused_in_one_line(
    run_file: Path, tmp_path: Path
) -> None:
    for spec in ("scripted:witness,p=2", "local:no/such-model", "replay:m404", "nobody:x", "a,b"):
        line = refused(
            arena(
                "play", run_file, "--store", tmp_path / "s.db", "--set", f"players={{x: '{spec}'}}"
            )
        )
        assert spec.split(":")[-1].split(",")[0] in line
