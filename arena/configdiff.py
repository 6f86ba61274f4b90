"""What two runs differ in: settings, versions, protocols, participants, questions, locks, and what
is kept beside them, prices and what the desk allows.

`snapshot` reads what describes a run from its store, `compare` is pure. Values are compared field
by field, by their path (``protocols.debate.cycles``), so a difference is named where it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from arena.desk.settings import settings_of
from arena.lock import lock_of
from arena.match import PERSON
from arena.participants import describe
from arena.report.costs import prices_of
from arena.store import Store, StoreError
from arena.study import KIND
from arena.values import apart

PARTS = (
    "run", "config", "provenance", "protocols", "players", "judges", "settings", "prices", "desk",
    "questions",
)  # fmt: skip
"""The parts of a snapshot, in the order of the table."""
_ELSEWHERE = ("protocol", "matches")  # of a study's condition: parts of their own


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a part that is not the same in both runs; None where a run does not have it."""

    part: str
    field: str
    first: Any
    second: Any

    @property
    def value(self) -> dict[str, Any]:
        """As JSON values."""
        return {"part": self.part, "field": self.field, "first": self.first,
                "second": self.second}  # fmt: skip


def snapshot(store: Store, run: str) -> dict[str, Any]:
    """What describes a run, by part. Raises StoreError where there is no such run."""
    row = store.one("SELECT kind, config, provenance FROM runs WHERE name = ?", run)
    if row is None:
        known = ", ".join(one["name"] for one in store.query("SELECT name FROM runs")) or "none"
        raise StoreError(f"no run {run!r} in this store; its runs: {known}")
    config = json.loads(row["config"])
    config = config if isinstance(config, dict) else {"config": config}
    lock = lock_of(store, run)
    players, settings, protocols = _claimed(store, run)
    judges = _named(config, "judges")
    for author in _authors(store, run):
        if author not in judges.values():
            judges[_record(store, author)[0]] = author
    return {
        "run": {"kind": row["kind"], "locked": None if lock is None else lock.hash},
        "config": _settings(config, row["kind"]),
        "provenance": json.loads(row["provenance"]),
        "protocols": protocols,
        "players": {name: _record(store, who)[1] for name, who in players.items()},
        "judges": {name: _record(store, who)[1] for name, who in judges.items()},
        "settings": settings,
        "prices": _prices(store, run, {**players, **judges}),
        "desk": asdict(settings_of(store, run)),
        "questions": _questions(store, run),
    }


def _settings(config: dict[str, Any], kind: str) -> dict[str, Any]:
    """A run's settings, without its name, and without participants and rules, which are parts of
    their own. Who sits where in a study's condition, and who judges it, is said by name."""
    apart_from = ("name", "players", "judges")
    found = {name: one for name, one in config.items() if name not in apart_from}
    study = found.get("study")
    if kind == KIND and isinstance(study, dict):
        conditions = {name: _condition(given) for name, given in study["conditions"].items()}
        found["study"] = {**study, "conditions": conditions}
        for part in ("questions", "prices"):  # which are kept by ids there
            found["study"].pop(part, None)
    return found


def _condition(given: Mapping[str, Any]) -> dict[str, Any]:
    """A condition of a study by the names in it: the file's, since ids are those of the parts."""
    found = {key: one for key, one in given.items() if key not in _ELSEWHERE}
    found["debaters"] = {seat: one["name"] for seat, one in given["debaters"].items()}
    found["judges"] = dict.fromkeys(given["judges"], "there")
    return found


def _prices(store: Store, run: str, names: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """What participants cost, by their names; who is none of the run's goes by what it is."""
    prices = prices_of(store, run)
    found = {name: prices[who] for name, who in names.items() if who in prices}
    strangers = set(prices) - set(names.values())
    return found | {_record(store, who)[0]: prices[who] for who in sorted(strangers)}


def _named(config: Mapping[str, Any], part: str) -> dict[str, str]:
    given = config.get(part)
    if not isinstance(given, dict):
        return {}
    return {name: who for name, who in given.items() if isinstance(who, str)}


_CLAIMED = (
    "SELECT rm.labels, m.seats, m.protocol, count(*) AS n FROM run_matches AS rm "
    "JOIN matches AS m ON m.id = rm.match WHERE rm.run = ? "
    "GROUP BY rm.labels, m.seats, m.protocol ORDER BY min(rm.position)"
)


def _claimed(store: Store, run: str) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
    """Who plays (name -> id), how many matches each setting claims, and the rules by their names:
    of the setting, in a study, since a condition has its own."""
    players: dict[str, str] = {}
    settings: dict[str, Any] = {}
    protocols: dict[str, Any] = {}
    for row in store.query(_CLAIMED, run):
        labels, seats = json.loads(row["labels"]), dict(json.loads(row["seats"]))
        rules = store.protocol(row["protocol"])
        setting = str(labels.get("setting", rules.name))
        settings.setdefault(setting, {"matches": 0})["matches"] += row["n"]
        record = {key: one for key, one in rules.record().items() if key != "name"}
        called = labels.get("condition", labels.get("protocol", rules.name))
        protocols.setdefault(str(called), record)
        names = labels.get("players") or {}
        for seat in rules.speakers:
            who = seats.get(seat, PERSON)
            players.setdefault(str(names.get(seat) or _record(store, who)[0]), who)
    return players, settings, protocols


def _authors(store: Store, run: str) -> list[str]:
    """Who gave verdicts; people are one."""
    sql = (
        "SELECT DISTINCT iif(p.id IS NULL AND v.origin <> 'person', v.author, ?) AS who "
        "FROM verdicts AS v LEFT JOIN people AS p ON p.id = v.author "
        "WHERE v.match IN (SELECT match FROM run_matches WHERE run = ?) ORDER BY who"
    )
    return [row["who"] for row in store.query(sql, PERSON, run)]


def _record(store: Store, who: str) -> tuple[str, dict[str, Any]]:
    """What a participant is called, and its record."""
    row = store.one("SELECT record FROM participants WHERE id = ?", who)
    if row is None:
        return who, {"id": who}
    record: dict[str, Any] = json.loads(row["record"])
    return describe(record), record


def _questions(store: Store, run: str) -> dict[str, str]:
    sql = (
        "SELECT id, text FROM questions WHERE id IN (SELECT m.question FROM run_matches AS rm "
        "JOIN matches AS m ON m.id = rm.match WHERE rm.run = ?)"
    )
    return {row["id"]: row["text"] for row in store.query(sql, run)}


# ---------------------------------------------------------------------------------------------
# The comparison.

LISTED = 5
"""So many questions that only one run has are named."""


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """What two snapshots differ in, part by part; empty where nothing does.

    A participant or protocol that one run lacks is one difference, not one for each of its fields.
    Questions differ in which there are: how many one run has alone, and the first few of them.
    """
    out: list[Difference] = []
    for part in PARTS:
        one, other = first[part], second[part]
        if part == "questions":
            out += _apart(one, other)
        elif part in ("protocols", "players", "judges"):
            for name in dict.fromkeys((*one, *other)):
                if name in one and name in other:
                    out += _fields(part, one[name], other[name], name)
                else:
                    out.append(Difference(part, name, _short(one.get(name)),
                                          _short(other.get(name))))  # fmt: skip
        else:
            out += _fields(part, one, other)
    return out


def _fields(part: str, first: Any, second: Any, at: str = "") -> list[Difference]:
    return [Difference(part, *found) for found in apart(first, second, at)]


def _short(record: Mapping[str, Any] | None) -> str | None:
    """A protocol or a participant in a word."""
    if record is None:
        return None
    if "seats" not in record:
        return describe(record) if "kind" in record else str(record.get("id", "there"))
    return "there"


def _apart(first: Mapping[str, str], second: Mapping[str, str]) -> list[Difference]:
    only = [[key for key in one if key not in other]
            for one, other in ((first, second), (second, first))]  # fmt: skip
    if not any(only):
        return []
    out = [Difference("questions", "number", len(first), len(second)),
           Difference("questions", "in this run alone", len(only[0]), len(only[1]))]  # fmt: skip
    texts = ([first[key] for key in only[0]], [second[key] for key in only[1]])
    for i in range(min(LISTED, max(map(len, texts)))):
        mine = [some[i] if i < len(some) else None for some in texts]
        out.append(Difference("questions", f"alone, {i + 1}", *mine))
    return [one for one in out if one.first != one.second]
