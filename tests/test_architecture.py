"""The house: imports point one way, what is heavy is loaded late, files are short, paths are not
of this machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
ROOMS = ("arena", "agents", "judges", "ui")  # each imports only what stands to its left
HEAVY = ("torch", "transformers", "peft", "accelerate", "streamlit", "ray", "pandas")
LATE = ("sqlite_utils", "scipy.stats", "networkx")  # light enough, but not before they are used
LINES = 400
LONGER: dict[str, str] = {}  # file -> why it may be longer


def modules(room: str) -> Iterator[Path]:
    yield from sorted((REPOSITORY / room).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it: in functions, in TYPE_CHECKING, by name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            first = node.args[0]
            if called in ("__import__", "import_module", "importlib.import_module", "files") and (
                isinstance(first, ast.Constant) and isinstance(first.value, str)
            ):
                yield first.value


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_stands_to_its_left(room: str) -> None:
    right = ROOMS[ROOMS.index(room) + 1 :]
    paths = list(modules(room))
    assert paths
    wrong = [
        f"{path.relative_to(REPOSITORY)} imports {name}"
        for path in paths
        for name in imported(path)
        if name.split(".")[0] in (*right, "tests", "benchmarks", "experiments", "players")
    ]
    assert not wrong, "\n".join(wrong)


def test_the_test_of_imports_sees_lazy_ones(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ui.runs import Cast\n"
        "def f():\n    import judges.bayes\n    __import__('agents.chat')\n"
    )
    assert {name.split(".")[0] for name in imported(file)} == {"typing", "ui", "judges", "agents"}


def test_the_four_packages_are_these_and_no_others() -> None:
    found = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")}
    assert found == set(ROOMS)


def loaded(*arguments: str) -> tuple[set[str], str]:
    """The modules that a fresh interpreter imports for a command line, and what that prints."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True, text=True, cwd=REPOSITORY, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.split("|")[-1].strip() for line in lines}, done.stdout


@pytest.mark.parametrize(
    ("command", "module", "printed"),
    [
        (("-c", "import arena"), "arena", ""),
        (("-c", "import arena.runner, arena.store, arena.tournament"), "arena.runner", ""),
        (("-c", "import agents, judges, agents.witness, judges.bayes"), "judges.bayes", ""),
        (("-c", "import ui.cli"), "ui.cli", ""),
        (("-m", "ui.cli", "--help"), "typer", "tournament"),
        (("-m", "ui.cli", "demo", "--help"), "typer", "--json"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_nothing_heavy_is_loaded_before_it_is_used(
    command: tuple[str, ...], module: str, printed: str
) -> None:
    found, out = loaded(*command)
    assert module in found, "the command was not run"
    assert printed in out
    assert not found & {*HEAVY, *LATE}


def test_what_is_loaded_is_seen() -> None:
    found, _ = loaded("-c", "import networkx")
    assert "networkx" in found


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_of_the_library_imports_nothing_heavy_at_its_top(room: str) -> None:
    for path in modules(room):
        if "web" in path.parts:
            continue  # run by Streamlit itself
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                heavy = name.split(".")[0] in HEAVY or name.startswith(LATE)
                assert not heavy, f"{path.relative_to(REPOSITORY)} imports {name} at its top"


def test_files_are_short_or_say_why_they_are_not() -> None:
    long = {}
    for room in ROOMS:
        for path in modules(room):
            count = len(path.read_text(encoding="utf-8").splitlines())
            if count > LINES:
                long[str(path.relative_to(REPOSITORY))] = count
    assert set(long) <= set(LONGER), f"more than {LINES} lines: {long}"
    assert set(LONGER) <= set(long), "listed, but short by now"


def tracked() -> Iterator[tuple[str, str]]:
    """Every tracked text file: its name and its text."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git clone: no list of tracked files")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = REPOSITORY / name
        if path.is_file() and not path.is_symlink():
            try:
                yield name, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def patterns() -> dict[str, re.Pattern[str]]:
    """What must not be in a tracked file; put together here so that this file has none of it."""
    slash, dot = chr(47), re.escape(chr(46))
    roots = "|".join(["home", "root", "work", "Users", "mnt", "opt", "data", "scratch", "tmp"])
    hosts = [
        ("pypi", "org"), ("pythonhosted", "org"), ("jfrog", "io"), ("anaconda", "org"),
        ("arti" + "factory",), ("nexus", "repository"), ("npmjs", "org"), ("index", "url"),
    ]  # fmt: skip
    named = "|".join("[.-]".join(host) for host in hosts)
    return {
        "an absolute path": re.compile(rf"(?<![\w.:{slash}<>)-]){slash}(?:{roots}){slash}\w"),
        "a drive": re.compile(r"\b[A-Z]:" + re.escape(chr(92)) + r"(?:Users|home)"),
        "a host of a registry": re.compile(rf"\b(?:{named})\b"),
        "a path out of here": re.compile(rf"(?<![\w.{slash}]){dot}{dot}{slash}"),
    }


@pytest.mark.parametrize("what", patterns())
def test_no_tracked_file_names(what: str) -> None:
    pattern = patterns()[what]
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for name, text in tracked()
        for match in pattern.finditer(text)
    ]
    assert not found, "\n".join(found)


def test_the_patterns_find_what_they_are_for() -> None:
    slash, up = chr(47), chr(46) * 2
    known = patterns()
    for what, text in (
        ("an absolute path", f"open('{slash}home{slash}ada{slash}x')"),
        ("an absolute path", f"{slash}work{slash}main"),
        ("a host of a registry", "https:" + slash * 2 + "pypi" + chr(46) + "org" + slash),
        ("a path out of here", f"cd {up}{slash}other"),
        ("a path out of here", f"'{up}{slash}x'"),
    ):
        assert known[what].search(text), what
    for text in (f"tests{slash}work{slash}x", f"a{slash}{up}", "1...2", f"and{slash}or"):
        assert not any(pattern.search(text) for pattern in known.values()), text
