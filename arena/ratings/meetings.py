"""Matches of two speakers, from SQL: who they are, what each defends, and what is true of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from arena.match import PERSON
from arena.participants import describe
from arena.store import Store, StoreError
from arena.text import visible

_MATCHES = """
SELECT m.id, m.question, m.protocol, m.sides, m.seats, m.proposal, run_matches.labels
FROM run_matches JOIN matches AS m ON m.id = run_matches.match WHERE run = ? {between}
ORDER BY position
"""
_BETWEEN = """
AND (instr(m.seats, ?2) OR instr(m.seats, '"{person}"'))
AND (instr(m.seats, ?3) OR instr(m.seats, '"{person}"'))
"""
_SPEECHES = """
SELECT match, t.seat, t.author, t.kind, s.side,
  CASE s.status WHEN 'over limit' THEN 0 ELSE length(s.text) END AS characters
FROM match_turns JOIN turns AS t ON t.id = turn JOIN speeches AS s ON s.id = t.speech
WHERE match IN (SELECT match FROM run_matches WHERE run = ?) AND t.origin != 'candidate'
ORDER BY match, t.place, match_turns.rowid
"""
_RECORDS = "SELECT id, record FROM participants WHERE id IN (SELECT value FROM json_each(?))"
_SIZES = """
SELECT id, json_array_length(answers) AS n FROM questions WHERE id IN (
  SELECT m.question FROM run_matches JOIN matches AS m ON m.id = run_matches.match WHERE run = ?)
"""


@dataclass(slots=True)
class Spoken:
    """Of one seat of a match: who spoke first, the side it chose, and its characters; a speech that
    forfeited its limits is shown to nobody and has none."""

    author: str
    side: int | None = None
    characters: int = 0


@dataclass(slots=True)
class Meeting:
    """A match of two speakers: who they are (ids), what they defend, and what is true of it.

    ``right`` is the true option, None where it is not known or was not asked for; ``length`` is in
    thousands of characters.
    """

    question: str
    seats: tuple[str, str]
    players: tuple[str | None, str | None]
    sides: tuple[int | None, int | None]
    right: int | None = None
    length: float = 0.0
    options: int = 2

    @property
    def honest(self) -> tuple[int, int] | None:
        """Whether each argued for the truth; None where that is not known."""
        if self.right is None:
            return None
        return int(self.sides[0] == self.right), int(self.sides[1] == self.right)

    def concerned(self) -> str:
        """Whose case was the true one."""
        if self.right is None:
            return "unknown"
        return (*self.seats, "neither")[(*self.sides, self.right).index(self.right)]

    def useless(self) -> str | None:
        """Why no verdict on this match compares anybody, if that is so."""
        if None in self.players:
            return "empty seat"
        if None in self.sides:
            return "no side chosen"
        return "same side" if self.sides[0] == self.sides[1] else None

    def unwanted(self, truthful: bool, apart: bool) -> str | None:
        """Why a verdict on it does not count in ratings of this kind, if that is so."""
        if truthful and self.right is None:
            return "truth not known"
        one_rating = not apart or self.honest in ((0, 0), (1, 1))
        return "same player" if one_rating and self.players[0] == self.players[1] else None


@dataclass(slots=True)
class Meetings:
    """The matches of two speakers of a run by id, in its order, and the run's names of people and
    machines by id."""

    of: dict[str, Meeting] = field(default_factory=dict)
    named: dict[str, dict[str, None]] = field(default_factory=dict)


def meetings(
    store: Store,
    run: str,
    *,
    length: bool = False,
    truths: bool = True,
    between: tuple[str, str] | None = None,
) -> Meetings:
    """The matches of a run that seat two speakers; those ``between`` two participants alone, by id.

    What was said is read only for lengths, and where it alone tells sides or who sat there. Raises
    StoreError where there is no such run.
    """
    known_run(store, run)
    protocols = lru_cache(maxsize=None)(lambda key: _rules(store, key))
    load, pairs = lru_cache(maxsize=1024)(json.loads), lru_cache(maxsize=1 << 14)(_pairs)
    found = Meetings()
    rows: list[tuple[Any, Any, dict[str, str], dict[str, int]]] = []
    silent = True  # whether the matches say all that is asked, without what was spoken
    sql = _MATCHES.format(between="" if between is None else _BETWEEN.format(person=PERSON))
    for row in store.query(sql, run, *(between or ())):
        speakers, judged_right = rules = protocols(row["protocol"])
        if len(speakers) != 2:
            continue
        seats, sides, labels = pairs(row["seats"]), pairs(row["sides"]), load(row["labels"])
        rows.append((row, rules, seats, sides))
        untold = judged_right and row["proposal"] is None
        chairs = any(seats.get(seat, PERSON) == PERSON for seat in speakers)
        silent &= not (untold or chairs or not sides)
        called = labels.get("players")
        if isinstance(called, dict) and not labels.get("mirrored"):  # a mirror may change seats
            for seat, name in called.items():
                found.named.setdefault(seats.get(seat, PERSON), {})[str(name)] = None
    found.named.pop(PERSON, None)  # a chair, in which several may sit
    if not rows:
        return found
    spoken: dict[str, dict[str, Spoken]] = {}
    answered: dict[str, int] = {}
    if length or not silent:
        spoken, answered = _spoken(store, run)
    right_of = store.truths() if truths else {}
    clusters = _clusters(store, run) if truths else {}
    sizes = {row["id"]: row["n"] for row in store.query(_SIZES, run)}
    for row, (speakers, judged_right), seats, sides in rows:
        a, b = speakers
        here = spoken.get(row["id"], {})
        question = row["question"]
        right = right_of.get(question)
        if judged_right:
            tried = answered.get(row["id"]) if row["proposal"] is None else row["proposal"]
            right = None if right is None or tried is None else int(tried != right)
        if not sides:
            sides = {seat: one.side for seat, one in here.items() if one.side is not None}
        ends = [here[seat].characters if seat in here else 0 for seat in (a, b)]
        who = _sits(a, seats, here), _sits(b, seats, here)
        met = Meeting(
            clusters.get(question, question), (a, b), who, (sides.get(a), sides.get(b)), right,
            (ends[0] - ends[1]) / 1000, 2 if judged_right else sizes[question],
        )  # fmt: skip
        if between is None or set(between) == set(met.players):
            found.of[row["id"]] = met
    return found


def known_run(store: Store, run: str) -> None:
    """Raises StoreError, naming the runs there are, where there is no run of this name."""
    if store.one("SELECT 1 FROM runs WHERE name = ?", run) is None:
        known = ", ".join(row["name"] for row in store.query("SELECT name FROM runs")) or "none"
        raise StoreError(f"no run {run!r} in this store; its runs: {known}")


def _rules(store: Store, key: str) -> tuple[tuple[str, ...], bool]:
    """The speaking seats of a protocol, and whether its verdict is over right and wrong."""
    protocol = store.protocol(key)
    return protocol.speakers, protocol.options == "right or wrong"


def _pairs(text: str) -> dict[str, Any]:
    return dict(json.loads(text))


def _clusters(store: Store, run: str) -> dict[str, str]:
    """One name for each question, whatever the order of its answers."""
    from arena.report import questions_of  # whose reports have these ratings in them

    return {question: name for question, (name, _) in questions_of(store, run).items()}


def _spoken(store: Store, run: str) -> tuple[dict[str, dict[str, Spoken]], dict[str, int]]:
    """What each seat of each match said, and the answer that was put on trial."""
    spoken: dict[str, dict[str, Spoken]] = {}
    answered: dict[str, int] = {}
    for row in store.query(_SPEECHES, run):
        told = spoken.setdefault(row["match"], {})
        said = told.setdefault(row["seat"], Spoken(row["author"]))
        said.characters += row["characters"]
        if said.side is None:
            said.side = row["side"]
        if row["kind"] == "answer" and row["side"] is not None:
            answered.setdefault(row["match"], row["side"])
    return spoken, answered


def _sits(seat: str, seats: Mapping[str, str], spoken: Mapping[str, Spoken]) -> str | None:
    """The participant in a seat; where that is a person's, who spoke there first."""
    who = seats.get(seat, PERSON)
    if who != PERSON:
        return who
    return spoken[seat].author if seat in spoken else None


def printed(store: Store, ids: set[str], given: Mapping[str, Mapping[str, None]]) -> dict[str, str]:
    """One name for each participant and no name for two: a run's own, or its description."""
    records = {
        row["id"]: describe(json.loads(row["record"]))
        for row in store.query(_RECORDS, json.dumps(sorted(ids)))
    }
    names = {}
    for who in sorted(ids):
        name = " = ".join(sorted(given.get(who, ()))) or records.get(who) or who
        names[who] = " ".join(visible(name).split()) or who
    often = Counter(names.values())
    return {who: name if often[name] == 1 else f"{name} [{who}]" for who, name in names.items()}
