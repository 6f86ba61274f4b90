"""The people of a store."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Sequence
from typing import Any

from arena.batch import Batch, rows
from arena.desk.chairs import PersonError
from arena.ids import content_id
from arena.match import PERSON
from arena.store import Store

MAX_NAME = 80


def register(store: Store, name: str) -> str:
    """The id of the person called ``name``, who is noted when the name is new."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name or len(name) > MAX_NAME:
        raise PersonError(f"A name has 1 to {MAX_NAME} characters; this one has {len(name)}.")
    record = {"kind": PERSON, "name": name}
    person = content_id("a", record)
    if store.one("SELECT 1 FROM people WHERE id = ?", person) is None:
        statements: dict[str, Sequence[tuple[Any, ...]]] = {
            "INSERT OR IGNORE INTO people (id, name, created_at) VALUES (?,?,?)": [
                (person, name, time.time())
            ],
            **rows(Batch(participants={person: record})),
        }
        store.execute(statements, full=True)
    return person
