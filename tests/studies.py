"""Studies for tests: files with scripted players, and what the command says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from ui.cli import app

HEAD = """
name: small
seed: 3
questions: {source: witness, n: 6}
players: {strong: "scripted:witness,p=.9,s=.8,b=.9", weak: "scripted:witness,p=.3,s=0,b=.3"}
judges: {literal: "scripted:literal", oracle: "scripted:oracle", coin: "scripted:coin"}
"""
"""The head of a file; `file` adds the block of the study."""


def arena(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def file(folder: Path, block: str, head: str = HEAD, name: str = "s.yaml") -> Path:
    """A study's file: ``block`` is what is below ``study:``, in YAML's flow style or indented."""
    path = folder / name
    path.write_text(f"{head}study:\n{block}")
    return path


def study(path: Path, *words: object, store: str = "s.db") -> dict[str, Any]:
    """What ``arena study --json`` says."""
    done = arena("study", path, "--store", path.parent / store, "--json", *words)
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(path: Path, *words: object, store: str = "s.db") -> str:
    """The one line in which ``arena study`` refuses a file."""
    done = arena("study", path, "--store", path.parent / store, *words)
    assert done.exit_code == 2, done.stdout
    (line,) = done.stderr.strip().splitlines()
    return line


def row(found: Mapping[str, Any], setting: str, judge: str) -> dict[str, Any]:
    """The row of a setting under a scripted judge."""
    (one,) = [
        one
        for one in found["results"]["settings"]
        if one["setting"] == setting and one["judge"].startswith(f"scripted:{judge}")
    ]
    return dict(one)


def without_times(value: Any) -> Any:
    """JSON values without when a thing was, and by which file."""
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in ("at", "store")}
    return [without_times(one) for one in value] if isinstance(value, list) else value
