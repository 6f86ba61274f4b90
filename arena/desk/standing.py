"""How things stand for a person: its places at matches, and what else is open to it.

A row of ``assignments`` is one person's place at one match: planned by an admin, or taken from the
open queue. A run with a plan gives what the plan says, in its order, and nothing else unless the
plan leaves the rest open. Nothing here reads ground truth.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, get_args

from arena.desk.seen import Known
from arena.desk.seen import known as seen_by
from arena.desk.settling import unsettled
from arena.desk.waiting import whose_turn
from arena.ids import content_id, derive_seed
from arena.match import PERSON
from arena.protocols import JUDGE
from arena.store import Store
from arena.twins import one_name, twins

AGAIN = "again"
"""The kind of the run that claims the matches which are given a second time."""

Kind = Literal["judging", "practice", "gold", "duplicate", "debating"]
State = Literal[
    "to do", "in progress", "waiting for your question", "waiting for your speech",
    "waiting on a debater", "waiting on the judge", "done", "recused", "expired",
]  # fmt: skip
STATES: tuple[State, ...] = get_args(State)
READY: frozenset[State] = frozenset(
    {"to do", "in progress", "waiting for your question", "waiting for your speech", "expired"}
)
"""The states in which this person can go on now. An expired lease is still good where nobody else
has taken the match, or an admin has taken it back."""

SEATED = f'"{JUDGE}","{PERSON}"'
"""What the seats of a match hold, as they are kept, where a person judges from its chair."""
_IMPORTED = (
    "SELECT match FROM run_matches WHERE run IN (SELECT name FROM runs WHERE kind = 'import')"
)
# The event of a verdict, or an import, comes first: looking at every turn of a match takes longer.
_JUDGED = (
    "((m.id IN (SELECT e.match FROM events AS e WHERE e.person = ?1 AND e.kind = 'verdict') "
    f"OR m.id IN ({_IMPORTED})) AND EXISTS "
    "(SELECT 1 FROM verdicts AS v WHERE v.match = m.id AND v.author = ?1))"
)
_COLUMNS = f"m.id AS match, m.question, m.protocol, m.seats, m.played, {_JUDGED} AS judged"
OWN = (
    f"SELECT {_COLUMNS}, a.seat, a.run, a.kind, a.position, a.listing, a.until, a.done, a.closed, "
    "a.made_by, a.made_at, CASE WHEN a.kind = 'duplicate' THEN (SELECT json_extract(rm.labels, "
    "'$.of') FROM run_matches AS rm JOIN runs AS r ON r.name = rm.run WHERE rm.match = m.id "
    f"AND r.kind = '{AGAIN}') END AS first FROM assignments AS a "
    "CROSS JOIN matches AS m ON m.id = a.match "
    "WHERE a.holder = ?1 AND coalesce(a.closed, '') <> 'withdrawn' AND (?2 IS NULL OR a.run = ?2 "
    "OR (a.made_by IS NULL AND a.match IN (SELECT match FROM run_matches WHERE run = ?2)))"
)
"""The places that a person has: by plan, or taken."""
# What only a plan gives out: repeats, and what any study names as its gold or practice.
_RESERVED = (
    f"SELECT name FROM runs WHERE kind = '{AGAIN}' "
    "UNION SELECT json_extract(settings, '$.gold') FROM desks "
    "UNION SELECT json_extract(settings, '$.practice') FROM desks"
)
# Matches to read: played ones, and those whose judge's chair is kept for a person. The empty
# chairs of an import were those of people who left it unfinished: nobody plays those on. ?3 maps
# planned runs to how many people each of their matches is for where the rest is open, or to null.
_OPEN = (
    "SELECT COLUMNS FROM MATCHES WHERE WHICH "
    f"AND (m.played = 1 OR (m.seats LIKE '%{SEATED}%' AND m.id NOT IN ({_IMPORTED}))) "
    f"AND m.id NOT IN (SELECT match FROM run_matches WHERE run IN ({_RESERVED})) "
    "AND m.id NOT IN (SELECT match FROM assignments WHERE holder = ?1) "
    f"AND ({_JUDGED} OR (NOT EXISTS (SELECT 1 FROM assignments AS a WHERE a.match = m.id "
    f"AND a.seat = '{JUDGE}' AND a.holder <> ?1 AND a.until > ?2 AND a.done = 0) "
    "AND m.id NOT IN (SELECT p.match FROM json_each(?3) AS plan CROSS JOIN run_matches AS p "
    "ON p.run = plan.key WHERE MINE AND (plan.value IS NULL OR plan.value <= "
    "(SELECT count(*) FROM assignments AS a WHERE a.match = p.match AND a.closed IS NULL "
    f"AND a.seat = '{JUDGE}' AND (a.made_by NOT NULL OR a.done OR a.until > ?2))))))"
)
_RUN = (
    "coalesce((SELECT p.run FROM run_matches AS p JOIN json_each(?3) AS "
    "plan ON plan.key = p.run WHERE p.match = m.id LIMIT 1), "
    "(SELECT run FROM run_matches WHERE match = m.id LIMIT 1))"
)
_OF_RUN = (
    "(SELECT DISTINCT match FROM run_matches WHERE run = ?4) AS mine "
    "CROSS JOIN matches AS m ON m.id = mine.match"
)
PLAIN = f"(m.played = 1 AND m.seats NOT LIKE '%{SEATED}%' AND NOT {_JUDGED})"
"""Whether a match is over for everybody, and this person has not judged it: what is open to it of
these is to do, and nothing else (`arena.desk.offers`)."""


def open_queue(columns: str, which: str) -> tuple[str, str]:
    """Two queries for matches without a place of this person, that it has judged or could judge:
    of all runs, and of one (?4). ``which`` is a condition; ``columns`` may name RUN."""
    sql = _OPEN.replace("COLUMNS", columns, 1).replace("WHICH", which, 1)
    of_all = sql.replace("MATCHES", "matches AS m", 1).replace("RUN", _RUN, 1)
    of_run = sql.replace("MATCHES", _OF_RUN, 1).replace("RUN", "?4", 1)
    return of_all.replace("MINE", "1", 1), of_run.replace("MINE", "p.run = ?4", 1)


OPEN_OF_ALL, OPEN_OF_RUN = open_queue(
    f"{_COLUMNS}, '{JUDGE}' AS seat, RUN AS run, 'judging' AS kind, NULL AS position, "
    "NULL AS listing, 0 AS until, 0 AS done, NULL AS closed, NULL AS made_by, NULL AS made_at, "
    "NULL AS first",
    f"NOT {PLAIN}",
)


def assignment_id(match: str, seat: str, person: str) -> str:
    """The id of a person's place at a match."""
    return content_id("g", [match, seat, person])


def acts_of(store: Store, person: str) -> list[dict[str, Any]]:
    """What this person has judged, asked, said or skipped: a match, its group, the kind."""
    sql = (
        "SELECT e.kind, e.match, coalesce(q.grp, q.id) AS grp FROM events AS e "
        "JOIN matches AS m ON m.id = e.match JOIN questions AS q ON q.id = m.question "
        "WHERE e.person = ? AND e.kind IN ('verdict', 'belief', 'question', 'speech', "
        "'skipped', 'recused')"
    )
    found = list(store.query(sql, person))
    same = twins(store) if found else {}
    return [{**row, "grp": one_name(same, row["grp"])} for row in found]


# ---------------------------------------------------------------------------------------------
# What there is.


def plans(store: Store) -> dict[str, dict[str, Any]]:
    """The plan that stands for each run that has one: the value of its last event."""
    sql = (
        "SELECT value FROM events WHERE key >= 'plan:' AND key < 'plan;' AND kind = 'plan' "
        "ORDER BY id"
    )
    found = (json.loads(row["value"]) for row in store.query(sql))
    return {value["run"]: value for value in found}


class Past:
    """What a person has done and seen, and what is planned, as far as its queue depends on it; read
    when it is asked for."""

    def __init__(self, store: Store, person: str) -> None:
        self.store, self.person = store, person

    @cached_property
    def plans(self) -> dict[str, dict[str, Any]]:
        """The plan of each run that has one."""
        return plans(self.store)

    @cached_property
    def seen(self) -> Known:
        """What a judge must not have seen."""
        return seen_by(self.store, [self.person])[self.person]

    @cached_property
    def acts(self) -> list[dict[str, Any]]:
        """See `acts_of`."""
        return acts_of(self.store, self.person)

    @cached_property
    def skips(self) -> Counter[str]:
        """How often it has skipped which match."""
        return Counter(act["match"] for act in self.acts if act["kind"] == "skipped")

    @cached_property
    def groups(self) -> dict[str, set[str]]:
        """The matches of each story that it has read about."""
        found: dict[str, set[str]] = {}
        for act in self.acts:
            found.setdefault(act["grp"], set()).add(act["match"])
        return found

    def gives(self, run: str | None) -> bool:
        """Whether the run has matches for whoever comes."""
        return run not in self.plans or bool(self.plans[run]["rest"])

    def given(self, now: float) -> tuple[Any, ...]:
        """The first arguments of an `open_queue`."""
        planned = self.plans.items()
        wanted = {name: one["k"] if one["rest"] else None for name, one in planned}
        return self.person, now, json.dumps(wanted)

    def barred(self, run: str | None) -> set[str]:
        """Stories, questions and matches from which the run's plan keeps this person."""
        plan = self.plans.get("" if run is None else run)
        found = () if plan is None else plan["exclusions"]
        return {what for who, what in found if who == self.person}


def standing(
    store: Store, person: str, run: str | None, now: float, past: Past | None = None
) -> list[dict[str, Any]]:
    """A person's places, and those of the other matches that it has judged or that are not over,
    each with its state, in no order. What else it could judge is in `arena.desk.offers`."""
    past = Past(store, person) if past is None else past
    rest: list[dict[str, Any]] = []
    if past.gives(run):
        given = past.given(now)
        rest = list(
            store.query(OPEN_OF_ALL, *given) if run is None
            else store.query(OPEN_OF_RUN, *given, run)
        )  # fmt: skip
    # Its own come second: what another tab of this person takes meanwhile is in both, and not in
    # neither, which would make this one take something else as well.
    rows = list(store.query(OWN, person, run))
    own = {row["match"] for row in rows}
    rows += (row for row in rest if row["match"] not in own)
    seen, groups = past.seen, past.groups
    stories = (
        stories_of(store, rows)
        if groups or seen.stories or any(plan["rest"] for plan in past.plans.values()) else {}
    )  # fmt: skip
    turns = whose_turn(store, rows, person)
    seated = [r["match"] for r in rows if r["played"] and not r["judged"] and SEATED in r["seats"]]
    yet = unsettled(store, seated, now, person) if seated else {}
    turns.update(dict.fromkeys(((match, JUDGE) for match in yet), "waiting on the judge"))
    out = []
    for row in rows:
        row["story"] = stories.get(row["question"], "")
        row["known"] = bool(groups.get(row["story"], set()) - {row["match"]})
        row["skips"] = past.skips[row["match"]]
        row["state"] = state_of(row, turns.get((row["match"], row["seat"])), now)
        row["held"] = row["until"] > now and not row["done"]
        over = row["state"] in ("done", "recused")
        if row["seat"] == JUDGE and not over and seen.bars(row["question"], row["story"]):
            continue
        if _shown(row, past):
            out.append(row)
    done = {row["match"] for row in out if row["state"] == "done"}
    for row in out:  # what comes a second time does not come before the first
        row["early"] = row["first"] is not None and row["first"] not in done
    return out


def stories_of(store: Store, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The story of each question of these rows. Looked up once for a question: its row is long."""
    sql = (
        "SELECT q.id, coalesce(q.grp, q.id) AS story FROM json_each(?) AS wanted "
        "CROSS JOIN questions AS q ON q.id = wanted.value"
    )
    wanted = json.dumps(sorted({row["question"] for row in rows}))
    same = twins(store)
    return {row["id"]: one_name(same, row["story"]) for row in store.query(sql, wanted)}


def order(row: Mapping[str, Any], person: str) -> tuple[Any, ...]:
    """The key by which rows come: what is held; what has not been skipped; what is planned, in that
    order; what is about something new; as drawn for this person."""
    if row["made_by"] is not None:
        drawn = (False, row["made_at"], row["position"] or 0)
    else:
        drawn = (True, row["known"], derive_seed("queue", person, row["match"]))
    return (not row["held"], row["early"], row["skips"], *drawn)


def _shown(row: Mapping[str, Any], past: Past) -> bool:
    """Whether a row is this person's to see."""
    if row["made_by"] is not None or row["held"] or row["state"] in ("done", "recused"):
        return True
    if row["state"].startswith("waiting on") and not row["until"]:
        return False  # somebody else's chair
    if row["run"] not in past.plans:
        return True
    mine = {row["story"], row["question"], row["match"]}
    begun = row["state"].startswith("waiting")
    return begun or (past.gives(row["run"]) and not row["known"]
                     and not past.barred(row["run"]) & mine)  # fmt: skip


def state_of(row: Mapping[str, Any], turn: State | None, now: float) -> State:
    """How a row stands; ``turn`` is what an unfinished match waits for, seen from this seat."""
    if row["closed"] == "recused":
        return "recused"
    if row["judged"] and row["seat"] == JUDGE:
        return "done"
    if turn is not None and turn != "to do":
        return turn
    if row["seat"] != JUDGE and row["played"]:
        return "done"
    if row["until"] > now:
        return "in progress"
    return "expired" if row["until"] > 0 else "to do"
