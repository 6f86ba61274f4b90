"""The debates of a store for researchers: found by filters, counted by them, a page at a time.

All of it is SQL. The truth is read where it is asked for, and nowhere else: without ``truth`` no
row says what was right, and asking for what was right is refused.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from arena.desk.pseudonyms import Names
from arena.match import PERSON, Match
from arena.protocols import JUDGE
from arena.store import Store
from arena.text import visible

Outcome = Literal["decided", "right", "wrong", "unscored", "tie", "missing", "unjudged"]
Flag = Literal["reported", "over limit", "unverified"]
OUTCOMES: dict[str, str] = {
    "decided": "an option was chosen",
    "right": "the true option was chosen",
    "wrong": "another option was chosen",
    "unscored": "an option was chosen, and the true one is not known",
    "tie": "undecided",
    "missing": "a verdict that carries no decision",
    "unjudged": "no verdict stands",
}
TOLD = ("right", "wrong", "unscored")
"""The outcomes that read the truth."""
FLAGS: dict[str, str] = {
    "reported": "somebody reported a problem",
    "over limit": "a speech was over its limits and forfeited",
    "unverified": "a quotation is not in the passage",
}
STRIDE = 250  # matches that a page looks at first; then twice as many, and so on
MOST_STORIES = 500  # of a facet; a data set may have many thousands
_ID = re.compile("m[0-9a-f]{32}")


class BrowseError(Exception):
    """What was asked for is not there, or may not be asked so; one line of our own words."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which debates are wanted; what is None or empty does not matter.

    ``run``, ``setting`` (a run's label; the protocol's name where there is none), ``protocol`` (its
    name), ``story`` (the questions' group); ``player``: a participant's id, or `PERSON`, in a chair
    or as a speaker, and ``against`` another one beside it; ``judge``: verdicts of a ``person`` or a
    ``model``; ``outcome``: some verdict (of that kind of judge) came to it; ``flags``: all of them;
    ``text``: words of the question, in any case.
    """

    run: str | None = None
    setting: str | None = None
    protocol: str | None = None
    story: str | None = None
    player: str | None = None
    judge: Literal["person", "model"] | None = None
    outcome: Outcome | None = None
    flags: tuple[Flag, ...] = ()
    text: str = ""
    against: str | None = None

    def __post_init__(self) -> None:
        if self.judge not in (None, "person", "model"):
            raise BrowseError("judge: expected person or model")
        if self.outcome is not None and self.outcome not in OUTCOMES:
            raise BrowseError(f"outcome: expected one of {', '.join(OUTCOMES)}")
        if set(self.flags) - set(FLAGS):
            raise BrowseError(f"flags: expected some of {', '.join(FLAGS)}")


@dataclass(frozen=True, slots=True)
class Page:
    """Some debates, in the order in which they came into the store; ``after`` is what to ask for
    next, None at the end."""

    rows: list[dict[str, Any]]
    after: int | None


def link(match: str, turn: int | None = None) -> str:
    """The address of a debate, or of a turn of it in reading order: ``?id=MATCH&turn=N``."""
    return f"?id={match}" if turn is None else f"?id={match}&turn={turn}"


def find(store: Store, key: object) -> Match:
    """The debate that an address names. Raises BrowseError, which repeats nothing of ``key``."""
    known = isinstance(key, str) and _ID.fullmatch(key)
    if not known or store.one("SELECT 1 FROM matches WHERE id = ?", key) is None:
        raise BrowseError("This store has no debate of that address; choose one from the list.")
    return store.match(str(key))


def fold(text: str) -> str:
    """``text`` as it is compared in a search."""
    return unicodedata.normalize("NFKC", text).casefold()


_READ = """
WITH claims AS (
  SELECT r.match, r.run, coalesce(json_extract(r.labels, '$.setting'), p.name) AS setting
  FROM run_matches AS r JOIN matches AS m ON m.id = r.match JOIN protocols AS p ON p.id = m.protocol
  WHERE {run} IS NULL OR r.run = {run}),
read AS MATERIALIZED (
  SELECT v.match, CASE WHEN v.origin = 'person' OR a.kind = 'person' THEN 'person' ELSE 'model' END
    AS judge,
  CASE WHEN v.status = 'tie' THEN 'tie' WHEN v.status != 'ok' THEN 'missing'
    WHEN NOT {told} THEN 'decided'
    WHEN arena_truth(m.question) IS NULL THEN 'unscored'
    WHEN json_extract(p.record, '$.options') = 'answers' THEN
      CASE WHEN v.choice = arena_truth(m.question) THEN 'right' ELSE 'wrong' END
    ELSE (SELECT CASE WHEN tried IS NULL THEN 'unscored'
      WHEN v.choice = (tried != arena_truth(m.question)) THEN 'right' ELSE 'wrong' END
      FROM (SELECT coalesce(m.proposal, (
        SELECT s.side FROM match_turns AS mt JOIN turns AS t ON t.id = mt.turn
        JOIN speeches AS s ON s.id = t.speech WHERE mt.match = m.id AND t.kind = 'answer'
        AND s.side IS NOT NULL AND t.origin != 'candidate' ORDER BY t.place, mt.rowid LIMIT 1))
      AS tried)) END AS outcome, count(*) AS n
  FROM matches AS m CROSS JOIN verdicts AS v ON v.match = m.id
  JOIN protocols AS p ON p.id = m.protocol LEFT JOIN participants AS a ON a.id = v.author
  WHERE {some} GROUP BY 1, 2, 3),
spoken AS MATERIALIZED (
  SELECT mt.match, t.author, s.status, s.quotes LIKE '%null%' AS unverified
  FROM matches AS m CROSS JOIN match_turns AS mt ON mt.match = m.id
  CROSS JOIN turns AS t ON t.id = mt.turn CROSS JOIN speeches AS s ON s.id = t.speech
  WHERE t.origin != 'candidate' AND {some}),
flagged AS MATERIALIZED (
  SELECT match, 'reported' AS flag FROM events WHERE kind = 'reported' AND match IS NOT NULL
  UNION SELECT match, 'over limit' FROM spoken WHERE status = 'over limit'
  UNION SELECT match, 'unverified' FROM spoken WHERE unverified),
players AS MATERIALIZED (
  SELECT m.id AS match, json_extract(s.value, '$[1]') AS who
  FROM matches AS m, json_each(m.seats) AS s
  WHERE json_extract(s.value, '$[0]') != {judge} AND {some}
  UNION SELECT match, author FROM spoken)
"""
"""What is read of a match ``m`` and of verdicts, speeches and chairs: of all matches, or of some.

The joins begin with the matches, so that some of them cost no more than they are."""


class _Query:
    """A query under construction: values are bound by number, never written into the SQL."""

    def __init__(
        self,
        store: Store,
        filters: Filters,
        truth: bool,
        only: Sequence[str] | None = None,
        between: tuple[int, int] | None = None,
    ) -> None:
        if filters.outcome in TOLD and not truth:
            raise BrowseError("Whether a verdict was right is the truth: switch it on to ask.")
        self.values: list[Any] = []
        self.only = "" if only is None else f"(SELECT value FROM json_each({self.bind(only)}))"
        some = f"m.id IN {self.only}" if self.only else "1"
        if between is not None:
            some = f"m.rowid > {self.bind(between[0])} AND m.rowid <= {self.bind(between[1])}"
        self.some = some
        # `Store.truths` alone reads the table; the query asks what it has said.
        known = store.truths() if truth else {}
        store.conn.create_function("arena_truth", 1, known.get, deterministic=True)
        store.conn.create_function("arena_fold", 1, fold, deterministic=True)
        self.head = _READ.format(
            run=self.bind(filters.run), told=self.bind(truth), judge=self.bind(JUDGE), some=some
        )
        self.conditions = self._conditions(filters)

    def bind(self, value: Any) -> str:
        """The place of a value in the query; lists and mappings go as JSON."""
        self.values.append(json.dumps(value) if isinstance(value, list | tuple | dict) else value)
        return f"?{len(self.values)}"

    def _conditions(self, f: Filters) -> dict[str, str]:
        """What the filters ask of a match ``m``, its question ``q`` and protocol ``p``."""
        found: dict[str, str] = {}
        if f.run is not None:
            found["run"] = "m.id IN (SELECT match FROM claims)"
        if f.setting is not None:
            found["setting"] = (
                f"m.id IN (SELECT match FROM claims WHERE setting = {self.bind(f.setting)})"
            )
        if f.protocol is not None:
            found["protocol"] = f"p.name = {self.bind(f.protocol)}"
        if f.story is not None:
            found["story"] = f"q.grp = {self.bind(f.story)}"
        for name, who in (("player", f.player), ("against", f.against)):
            if who is not None:
                found[name] = f"m.id IN (SELECT match FROM players WHERE who = {self.bind(who)})"
        of_kind = "1" if f.judge is None else f"judge = {self.bind(f.judge)}"
        if f.judge is not None and f.outcome != "unjudged":
            found["judge"] = f"m.id IN (SELECT match FROM read WHERE {of_kind})"
        if f.outcome == "unjudged":
            found["outcome"] = f"m.id NOT IN (SELECT match FROM read WHERE {of_kind})"
        elif f.outcome == "decided":
            found["outcome"] = (
                f"m.id IN (SELECT match FROM read WHERE {of_kind} "
                "AND outcome NOT IN ('tie', 'missing'))"
            )
        elif f.outcome is not None:
            found["outcome"] = (
                f"m.id IN (SELECT match FROM read WHERE {of_kind} "
                f"AND outcome = {self.bind(f.outcome)})"
            )
        for flag in f.flags:
            found[f"flag {flag}"] = (
                f"m.id IN (SELECT match FROM flagged WHERE flag = {self.bind(flag)})"
            )
        if f.text:
            found["text"] = f"instr(arena_fold(q.text), {self.bind(fold(f.text))})"
        return found

    def where(self, *without: str) -> str:
        """The conditions but those of one facet: its other values must stay in sight."""
        kept = [one for name, one in self.conditions.items() if name not in without]
        return " AND ".join(kept) or "1"


_FROM = (
    "FROM matches AS m JOIN questions AS q ON q.id = m.question "
    "JOIN protocols AS p ON p.id = m.protocol"
)


def debates(
    store: Store, filters: Filters = Filters(), truth: bool = False,
    after: int | None = None, limit: int = 50,
) -> Page:  # fmt: skip
    """The debates that the filters leave, ``limit`` at a time, in the order they came in.

    A row has ``key``, ``id``, ``question``, ``protocol``, ``settings``, ``runs``, ``story``,
    ``players`` (what each chair is called), ``turns``, ``played``, ``people`` and ``models`` (their
    standing verdicts), ``flags``; with ``truth`` also ``outcomes``, how many verdicts came to each.
    """
    last = store.one("SELECT max(rowid) AS n FROM matches")
    end, begin, width = int((last or {}).get("n") or 0), after or 0, STRIDE
    found: list[dict[str, Any]] = []
    while begin < end and len(found) <= limit:  # a stretch at a time: the first page is soon full
        query = _Query(store, filters, truth, between=(begin, begin + width))
        sql = (
            f"{query.head} SELECT m.rowid AS key, m.id {_FROM} "
            f"WHERE {query.some} AND {query.where()} ORDER BY m.rowid"
        )
        found += store.query(sql, *query.values)
        begin, width = begin + width, 2 * width
    more, found = len(found) > limit, found[:limit]
    rows = described(store, [row["id"] for row in found], truth)
    return Page(rows, found[-1]["key"] if more else None)


def described(store: Store, keys: list[str], truth: bool = False) -> list[dict[str, Any]]:
    """The rows of these debates, as `debates` has them, in the order in which they came in."""
    query, names = _Query(store, Filters(), truth, keys), Names(store)

    def grouped(sql: str) -> dict[str, list[dict[str, Any]]]:
        out: dict[str, list[dict[str, Any]]] = {}
        for row in store.query(query.head + sql, *query.values):
            out.setdefault(row["match"], []).append(row)
        return out

    claims = grouped(f"SELECT * FROM claims WHERE match IN {query.only} ORDER BY run, setting")
    read = grouped("SELECT * FROM read ORDER BY outcome")
    flags = grouped(f"SELECT * FROM flagged WHERE match IN {query.only} ORDER BY flag")
    spoken = grouped("SELECT match, count(*) AS n FROM spoken GROUP BY match")
    sql = (
        "SELECT m.rowid AS key, m.id, q.text AS question, p.name AS protocol, q.grp AS story, "
        f"m.seats, m.played {_FROM} WHERE m.id IN {query.only} ORDER BY m.rowid"
    )
    rows = []
    for row in store.query(query.head + sql, *query.values):
        key = row["id"]
        verdicts = read.get(key, [])
        chairs = [(s, who) for s, who in json.loads(row["seats"]) if s != JUDGE]
        rows.append(
            {
                "key": row["key"],
                "id": key,
                "question": visible(row["question"]),
                "protocol": visible(row["protocol"]),
                "settings": _once(visible(str(one["setting"])) for one in claims.get(key, [])),
                "runs": _once(visible(one["run"]) for one in claims.get(key, [])),
                "story": None if row["story"] is None else visible(row["story"]),
                "players": [[seat, visible(names(who))] for seat, who in chairs],
                "turns": spoken[key][0]["n"] if key in spoken else 0,
                "played": bool(row["played"]),
                "people": sum(one["n"] for one in verdicts if one["judge"] == "person"),
                "models": sum(one["n"] for one in verdicts if one["judge"] == "model"),
                "flags": [one["flag"] for one in flags.get(key, [])],
            }
        )
        if truth:
            counts: dict[str, int] = {}
            for one in verdicts:
                counts[one["outcome"]] = counts.get(one["outcome"], 0) + one["n"]
            rows[-1]["outcomes"] = counts
    return rows


def _once(values: Any) -> list[str]:
    return list(dict.fromkeys(values))


_VALUES = {
    "run": "SELECT name FROM runs",
    "setting": "SELECT DISTINCT coalesce(json_extract(r.labels, '$.setting'), p.name) FROM "
    "run_matches AS r JOIN matches AS m ON m.id = r.match JOIN protocols AS p ON p.id = m.protocol",
    "protocol": "SELECT DISTINCT name FROM protocols",
    "story": "SELECT DISTINCT grp FROM questions WHERE grp IS NOT NULL",
    "player": f"SELECT id FROM participants UNION SELECT id FROM people UNION SELECT '{PERSON}'",
}


def values(store: Store, facet: str) -> list[str]:
    """All that a filter may be set to, without a count: what an address may mean."""
    found = store.query(_VALUES["player" if facet == "against" else facet])
    return [str(one) for row in found for one in row.values()]


def counts(
    store: Store, filters: Filters = Filters(), truth: bool = False
) -> dict[str, Any]:  # fmt: skip
    """How many debates the filters leave (``total``), and how many each value of each filter would
    leave with the others as they stand: facet -> [{"value", "label", "n"}], most first.

    The outcomes that read the truth are among them with ``truth`` alone; else they are ``decided``.
    """
    query = _Query(store, filters, truth)
    judged = "1" if filters.judge is None else f"read.judge = {query.bind(filters.judge)}"
    claimed = "JOIN claims AS c ON c.match = m.id"
    parts = {
        "total": ("''", "", ()),
        "run": ("r.run", "JOIN run_matches AS r ON r.match = m.id", ("run", "setting")),
        "setting": ("c.setting", claimed, ("setting",)),
        "protocol": ("p.name", "", ("protocol",)),
        "story": ("q.grp", "", ("story",)),
        "player": ("players.who", "JOIN players ON players.match = m.id", ("player",)),
        "judge": ("read.judge", "JOIN read ON read.match = m.id", ("judge", "outcome")),
        "outcome": (
            "coalesce(read.outcome, 'unjudged')",
            f"LEFT JOIN read ON read.match = m.id AND {judged}",
            ("outcome", "judge"),
        ),
        "flag": ("flagged.flag", "JOIN flagged ON flagged.match = m.id", ()),
    }
    if filters.player is not None or filters.against is not None:
        met = f"players.who IS NOT {query.bind(filters.player)}"
        parts["against"] = (
            "players.who", f"JOIN players ON players.match = m.id AND {met}", ("against",)
        )  # fmt: skip
    sql = " UNION ALL ".join(
        f"SELECT '{facet}' AS facet, {value} AS value, count(DISTINCT m.id) AS n "
        f"{_FROM} {joined} WHERE {query.where(*without)} GROUP BY 2"
        for facet, (value, joined, without) in parts.items()
    )
    names = Names(store)
    found: dict[str, list[dict[str, Any]]] = {facet: [] for facet in (*parts, "against")}
    for row in store.query(query.head + sql, *query.values):
        if row["value"] is not None:
            label = _label(row["facet"], str(row["value"]), names)
            found[row["facet"]].append({"value": row["value"], "label": label, "n": row["n"]})
    total = sum(one["n"] for one in found.pop("total"))
    for values in found.values():
        values.sort(key=lambda one: (-one["n"], str(one["value"])))
    found["story"] = found["story"][:MOST_STORIES]
    return {"total": total, **found}


def _label(facet: str, value: str, names: Names) -> str:
    """What a value of a filter is called on the page."""
    said: Mapping[str, str] = {"outcome": OUTCOMES, "flag": FLAGS}.get(facet, {})
    if facet in ("player", "against"):
        return "a person" if value == PERSON else visible(names(value))
    return said.get(value, visible(value))
