"""The audit log: what happened at the desk, in plain words, the newest first.

Every kind of event has its words in one table. What an event carries is shown but for secrets, and
for what would tell the truth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from arena.desk.pseudonyms import Names
from arena.store import Store
from arena.text import visible

WORDS: dict[str, str] = {
    # judging
    "taken": "took a debate",
    "shown": "began to read",
    "belief": "gave a probability",
    "verdict": "gave a verdict",
    "question": "asked the debaters a question",
    "speech": "spoke as a debater",
    "answer": "answered as a debater",
    "critique": "criticised as a debater",
    "withdrawn": "took a turn back",
    "skipped": "skipped a debate",
    "recused": "recused themselves",
    "reported": "reported a problem",
    "survey": "answered the survey",
    "feedback": "was shown feedback",
    "retry": "asked for a failed turn again",
    "failed": "a machine's turn failed",
    "forked": "forked a debate",
    "looked": "read a debate, or what a run comes to, as a researcher",
    # assignments and settings
    "plan": "planned assignments",
    "assigned": "assigned a debate",
    "reclaimed": "took an assignment back",
    "released": "gave a debate back",
    "withdrawn assignment": "withdrew an assignment",
    "reassigned": "gave an assignment to somebody else",
    "placed": "a speech that was held took its place",
    "settings": "changed the settings of a run",
    "locked": "locked a study",
    "prices": "noted what players cost",
    "continued": "a run was taken up again with more",
    # people
    "sign-in": "signed in",
    "sign-out": "signed out",
    "refused sign-in": "a sign-in was refused",
    "invite": "made an invite",
    "invite used": "used an invite",
    "invite revoked": "revoked an invite",
    "sessions revoked": "ended somebody's sessions",
    "session ended": "ended one of somebody's sessions",
    "login bound": "signed in by an organisation's login for the first time",
    "login unbound": "took an organisation's login from somebody",
    "passcode": "set a passcode",
    "role": "changed a role",
    "revoked": "revoked somebody's access",
    "restored": "let somebody in again",
    # data
    "imported": "imported data",
    "exported": "exported data",
    "backup": "took a backup of the store",
    "room": "an imported room",
    "held": "a speech of an import that was never revealed",
    "reading": "an imported reading",
    "scratchpad": "an imported scratchpad",
    "import note": "a note of an import",
}
"""What a kind of event is called, read after who did it."""
_SECRET = re.compile(r"token|hash|salt|secret|cookie|password|passcode|session|digest|link|url")
_TRUTH = re.compile(r"truth|true|right|correct|wrong|honest|score|reward|key answer")
LONGEST = 2000  # characters of a text that is shown; the record keeps the whole


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events are wanted; None does not matter. ``person`` is whoever acted, or whom an act
    was about; times are seconds since 1970, ``since`` included, ``until`` not."""

    person: str | None = None
    kind: str | None = None
    match: str | None = None
    since: float | None = None
    until: float | None = None


def without_secrets(value: Any, truth: bool = False) -> Any:
    """JSON values without what is filed under the name of a secret, and, unless ``truth``, under
    one that may tell the truth."""
    if isinstance(value, Mapping):
        return {
            key: without_secrets(one, truth)
            for key, one in value.items()
            if not _SECRET.search(str(key).lower())
            and (truth or not _TRUTH.search(str(key).lower()))
        }
    if isinstance(value, list):
        return [without_secrets(one, truth) for one in value]
    return value


def log(
    store: Store, filters: Filters | None = None, before: int | None = None, limit: int = 100
) -> tuple[list[dict[str, Any]], int | None]:
    """The events, newest first, and what to ask for next (``before``), None at the end.

    A row has ``id``, ``at`` (server time, seconds since 1970), ``when`` (the same in words, UTC),
    ``who`` (a person's name; empty for the platform), ``kind``, ``words``, ``match``, ``turn``,
    ``about`` (whom it concerned), ``sitting`` and ``number`` in it, ``active`` (milliseconds) and
    ``details``: names and values as text.
    """
    f = filters or Filters()
    sql = (
        "SELECT id, at, kind, match, turn, person, value, sitting, number, active FROM events "
        "WHERE (?1 IS NULL OR person = ?1 OR json_extract(value, '$.of') = ?1 "
        "OR json_extract(value, '$.person') = ?1) "
        "AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR match = ?3) "
        "AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5) AND (?6 IS NULL OR id < ?6) "
        "ORDER BY id DESC LIMIT ?7"
    )
    found = list(
        store.query(sql, f.person, f.kind, f.match, f.since, f.until, before, limit + 1)
    )  # fmt: skip
    names = Names(store, named=True)
    rows = [_row(row, names) for row in found[:limit]]
    return rows, rows[-1]["id"] if len(found) > limit else None


def kinds(store: Store) -> list[dict[str, Any]]:
    """The kinds of events that there are, with their words and counts: for a filter."""
    sql = "SELECT kind, count(*) AS n FROM events GROUP BY kind ORDER BY kind"
    return [
        {"value": row["kind"], "label": words_of(row["kind"]), "n": row["n"]}
        for row in store.query(sql)
    ]


def words_of(kind: str) -> str:
    """The words of a kind of event; of one that has none here, its name."""
    return WORDS.get(kind, visible(kind))


def _row(row: Mapping[str, Any], names: Names) -> dict[str, Any]:
    value = without_secrets(json.loads(row["value"]))
    details = value if isinstance(value, Mapping) else {"value": value}
    about = details.get("of", details.get("person"))
    return {
        "id": row["id"],
        "at": row["at"],
        "when": moment(row["at"]),
        "who": "" if row["person"] is None else visible(names(row["person"])),
        "kind": visible(row["kind"]),
        "words": words_of(row["kind"]),
        "match": row["match"],
        "turn": row["turn"],
        "about": visible(names(about)) if isinstance(about, str) else "",
        "sitting": row["sitting"],
        "number": row["number"],
        "active": row["active"],
        "details": [
            [visible(str(key)), _text(names, one)]
            for key, one in details.items()
            if key not in ("of", "person")
        ],
    }


def _text(names: Names, value: Any) -> str:
    """A value of an event as text; ids of people as their names."""
    if isinstance(value, str):
        known = names.record(value)
        text = names(value) if known else value
    else:
        text = json.dumps(value, ensure_ascii=False)
    return visible(text if len(text) <= LONGEST else text[:LONGEST] + " …")


def moment(at: float) -> str:
    """Seconds since 1970 as ``2026-01-31 12:00:00 UTC``."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")  # noqa: UP017
