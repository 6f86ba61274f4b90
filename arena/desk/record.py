"""What a study tells a judge about its own verdicts: which answer is right, and how it is doing.

This is the one part of the judges' desk that reads ground truth. It does so after a verdict that
can no longer be taken back, and only where the study's settings allow it or the debate is practice.
Neither tells gold debates or repeats from others: while a person has some of them to do
(`held_back`), nothing it has judged for that study is told or counted; then all of it is, alike.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from arena.desk.acts import settled, verdict_by
from arena.desk.events import EVENT, event
from arena.desk.reading import ends_at
from arena.desk.settings import Settings, settings_of
from arena.match import Match
from arena.monitors import true_option
from arena.stats.intervals import wilson
from arena.stats.scores import average, brier, log2_score
from arena.store import Store
from arena.turns import Turn

BLIND = ("gold", "duplicate")
"""The kinds of places that must not be told from others."""
BINS = 10
"""Of equal width, of the probability that a judge gave to what it found likeliest."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a judge is told. ``right`` is the option that is right and ``chosen`` the judge's (None:
    a tie), as indices of the match's options; ``probability`` is what it gave to the right one, and
    ``bits`` and ``brier`` are the two scores of that, without any price."""

    right: int
    chosen: int | None
    probability: float | None
    bits: float | None
    brier: float | None


def tells(store: Store, match: Match, person: str, settings: Settings) -> bool:
    """Whether this person is told, after its verdict on the match, which answer is right."""
    row = store.one(
        "SELECT kind, run FROM assignments WHERE match = ? AND holder = ? AND seat = 'judge'",
        match.id, person,
    )  # fmt: skip
    if row is not None and row["kind"] == "practice":
        return True
    if not settings.feedback:
        return False
    sql = "SELECT run FROM run_matches WHERE match = ?"
    runs = {one["run"] for one in store.query(sql, match.id)} | {row["run"] if row else None}
    return not any(run is not None and held_back(store, run, person) for run in runs)


_PLANNED = (
    "SELECT a.kind, a.closed, (SELECT max(e.at) FROM verdicts AS v JOIN events AS e "
    "ON e.match = v.match AND e.turn = v.id AND e.kind = 'verdict' "
    "WHERE v.match = a.match AND v.author = a.holder) AS given FROM assignments AS a "
    "WHERE a.holder = ? AND a.run = ? AND a.seat = 'judge' AND a.made_by NOT NULL "
    "AND a.kind <> 'practice' AND coalesce(a.closed, '') <> 'withdrawn'"
)


def held_back(store: Store, run: str, person: str, now: float | None = None) -> bool:
    """Whether nothing may be told or counted yet of what this person has judged for a run: gold
    debates or repeats were planned for it there, and not all that was planned is done for good."""
    now = time.time() if now is None else now
    rows = list(store.query(_PLANNED, person, run))
    if not any(row["kind"] in BLIND for row in rows):
        return False
    undo = settings_of(store, run).undo
    return any(
        row["closed"] is None and (row["given"] is None or now <= ends_at(row["given"], undo))
        for row in rows
    )


def feedback(
    store: Store,
    match: Match,
    person: str,
    settings: Settings,
    confirmed: bool = False,
    now: float | None = None,
) -> Feedback | None:
    """Tell this person which answer is right, and note that it was told: from then on the verdict
    cannot be taken back.

    None where the study does not tell, no verdict stands, the right answer is not known, or the
    verdict can still be taken back and the person has not ``confirmed`` that it stands.
    """
    now = time.time() if now is None else now
    turn = verdict_by(store, match, person)
    if turn is None or not tells(store, match, person, settings):
        return None
    row = store.one("SELECT kind FROM events WHERE key = ?", settled(match, turn))
    told = row is not None and row["kind"] == "feedback"
    if not told and not confirmed and now <= ends_at(_given(store, match, turn), settings.undo):
        return None
    found = _score(store, match, turn)
    if found is None:
        return None
    if not told:
        noted = event("feedback", person, now, match.id, turn.id,
                      {"confirmed": confirmed}, settled(match, turn))  # fmt: skip
        try:
            store.execute({EVENT: [noted]}, full=True)
        except sqlite3.IntegrityError:  # told in another tab, or taken back there
            if verdict_by(store, match, person) != turn:
                return None
    return found


def _given(store: Store, match: Match, turn: Turn) -> float:
    row = store.one(
        "SELECT max(at) AS at FROM events WHERE kind = 'verdict' AND match = ? AND turn = ?",
        match.id, turn.id,
    )  # fmt: skip
    return float(row["at"]) if row is not None and row["at"] is not None else turn.at or 0.0


def _score(store: Store, match: Match, turn: Turn) -> Feedback | None:
    truth = store.truths().get(match.question.id)
    if truth is None:
        return None
    right = true_option(match, store.transcript(match), truth)
    if right is None:
        return None
    said = turn.verdict
    if said.elicited is None:
        return Feedback(right, said.choice, None, None, None)
    p = said.elicited[right]
    return Feedback(right, said.choice, p, log2_score(p), brier(said.elicited, right))


@dataclass(frozen=True, slots=True)
class Bin:
    """The verdicts whose highest probability lies in ``[low, high)``; 1 is in the last. ``share``
    is how many of the ``n`` were right (a tie is one half), ``interval`` its 95 % interval,
    ``mean`` the mean of that probability."""

    low: float
    high: float
    n: int
    mean: float
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Record:
    """A judge's own record. ``waiting`` verdicts are not counted yet: they can still be taken back.
    Nor are ``held`` ones, of studies in which all are counted together at the end (`held_back`).
    ``accuracy`` counts a tie as one half; ``interval`` is its 95 % Wilson interval. ``bits`` and
    ``brier`` are means over verdicts with probabilities; each is None over none."""

    n: int
    waiting: int
    accuracy: float | None
    interval: tuple[float, float] | None
    bits: float | None
    brier: float | None
    bins: tuple[Bin, ...]
    held: int = 0


# A gold debate, or a repeat, is judged for the run whose plan gave it, whatever run it is of.
_OWN = (
    "SELECT v.match, v.id AS turn, v.choice, v.elicited, v.status, m.question, a.kind, "
    "iif(a.kind IN ('gold', 'duplicate'), a.run, rm.run) AS run, "
    "(SELECT max(e.at) FROM events AS e WHERE e.kind = 'verdict' AND e.match = v.match "
    "AND e.turn = v.id) AS given, "
    "EXISTS (SELECT 1 FROM events AS e WHERE e.kind = 'feedback' AND e.match = v.match "
    "AND e.turn = v.id) AS told "
    "FROM verdicts AS v JOIN matches AS m ON m.id = v.match "
    "JOIN run_matches AS rm ON rm.match = v.match LEFT JOIN assignments AS a "
    "ON a.match = v.match AND a.holder = v.author AND a.seat = 'judge' "
    "WHERE v.author = ?1 AND v.status IN ('ok', 'tie') ORDER BY v.match"
)


def record(store: Store, person: str, now: float | None = None) -> Record:
    """This person's record over its verdicts that stand for good, in the runs whose settings show
    it. What a run holds back (`held_back`) is counted in ``held`` alone, whatever each is for and
    whether its answer is known. What another study uses as gold is not counted where it was no
    gold here."""
    now = time.time() if now is None else now
    truths = store.truths()
    rows = list(store.query(_OWN, person))
    runs = {row["run"] for row in rows if row["run"] is not None}
    shown = {run: desk for run in runs if (desk := settings_of(store, run)).calibration}
    hidden = {run for run in runs if held_back(store, run, person, now)}
    sql = "SELECT DISTINCT run FROM desks"
    desks = [settings_of(store, row["run"]) for row in store.query(sql)]
    golden = {one.gold for one in desks if one.gold is not None}
    sql = "SELECT match FROM run_matches WHERE run = ?"
    gold = {row["match"] for run in golden for row in store.query(sql, run)}
    counted: dict[str, dict[str, Any]] = {}
    waiting: set[str] = set()
    held = {row["match"] for row in rows if row["run"] in hidden}
    for row in rows:
        known = row["question"] in truths and (row["kind"] in BLIND or row["match"] not in gold)
        if row["run"] not in shown or row["match"] in held or not known:
            continue
        given = math.inf if row["given"] is None else row["given"]
        if row["told"] or now > ends_at(given, shown[row["run"]].undo):
            counted[row["match"]] = {**row, "truth": truths[row["question"]]}
        else:
            waiting.add(row["match"])
    scored = [one for row in counted.values() if (one := _scored(store, row)) is not None]
    rights = [right for right, _, _ in scored]
    numbers = [(p, truth) for _, p, truth in scored if p is not None]
    return Record(
        n=len(scored),
        waiting=len(waiting - set(counted)),
        accuracy=average(rights),
        interval=wilson(sum(rights), len(rights)),
        bits=average([log2_score(p[truth]) for p, truth in numbers]),
        brier=average([brier(p, truth) for p, truth in numbers]),
        bins=_bins([(max(p), right) for right, p, _ in scored if p is not None]),
        held=len({row["match"] for row in rows if row["match"] in held and row["run"] in shown}),
    )


def _scored(
    store: Store, row: dict[str, Any]
) -> tuple[float, tuple[float, ...] | None, int] | None:
    """Whether a verdict was right (a tie is one half), its probabilities, and the right option."""
    match = store.match(row["match"])
    truth = true_option(match, store.transcript(match), row["truth"])
    if truth is None:
        return None
    right = 0.5 if row["status"] == "tie" else float(row["choice"] == truth)
    numbers = None if row["elicited"] is None else tuple(json.loads(row["elicited"]))
    return right, numbers, truth


def _bins(pairs: list[tuple[float, float]]) -> tuple[Bin, ...]:
    groups: dict[int, list[tuple[float, float]]] = {}
    for p, right in pairs:  # the addend: 0.29 * 100 is below 29 in doubles
        groups.setdefault(min(BINS - 1, int(p * BINS + 1e-9)), []).append((p, right))
    found = []
    for i, group in sorted(groups.items()):
        n, won = len(group), sum(right for _, right in group)
        found.append(
            Bin(
                i / BINS,
                (i + 1) / BINS,
                n,
                sum(p for p, _ in group) / n,
                won / n,
                wilson(won, n) or (0.0, 1.0),
            )
        )
    return tuple(found)
