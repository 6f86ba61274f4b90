"""Reports on runs, computed once for the pages that show them and for the files that are made of
them: a run of a hundred thousand matches takes a minute, and a page is drawn at every click."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.desk import runs_seen
from arena.desk.kept import Held, Kept
from arena.desk.pseudonyms import Names
from arena.match import PERSON
from arena.report import Sample, report
from arena.store import Store, StoreError

KEPT: Kept[dict[str, Any]] = Kept()


@dataclass(frozen=True, slots=True)
class Asked:
    """Which report: of a run, over an import's ``sample``, and whether arms of a study are compared
    that are not matched as it declares."""

    run: str
    sample: Sample = "paper"
    unmatched: bool = False

    def key(self, path: Path) -> tuple[object, ...]:
        """Under what it is kept."""
        return (str(path), self.run, self.sample, self.unmatched)

    def make(self, store: Store) -> dict[str, Any]:
        """The report, or the ``problem`` that there is with it: a line. People are called by their
        pseudonyms there, as in exports: a report is passed on, and nobody asked for their names."""
        try:
            found = report(store, self.run, self.sample, unmatched=self.unmatched)
        except StoreError as error:
            return {"problem": str(error)}
        named = Names(store).people()
        called = {f"{PERSON}:{name}": other for name, other in named.items()}
        called |= {one["id"]: named[one["id"]] for one in store.query("SELECT id FROM people")}
        renamed: dict[str, Any] = _renamed(found, called)
        return renamed


def _renamed(value: Any, called: Mapping[str, str]) -> Any:
    """A JSON value in which every text that is one of these is another."""
    if isinstance(value, str):
        return called.get(value, value)
    if isinstance(value, Mapping):
        return {called.get(key, key): _renamed(one, called) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(one, called) for one in value]
    return value


def current(store: Store, path: Path, asked: Asked) -> Held[dict[str, Any]]:
    """The report as the store is now. Raises StoreError, in one line, where there is none."""
    version = runs_seen.version(store, asked.run)
    found = KEPT.get(asked.key(path), version, lambda: asked.make(store), fresh=True)
    if "problem" in found.value:
        raise StoreError(found.value["problem"])
    return found


def written(found: dict[str, Any], form: str) -> str:
    """A report as a document: ``html``, ``markdown`` or ``json``."""
    if form == "html":
        from ui.page import page

        return page(found)
    if form == "markdown":
        from ui.markdown import markdown

        return markdown(found)
    return json.dumps(found, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
