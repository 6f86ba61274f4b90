"""Ratings of the players of a run: its verdicts as comparisons, for Bradley and Terry's model.

A match with two speaking seats and one judge's verdicts on it are one comparison: the seat whose
side the judge chose has won, a tie is one half, and the listings of the options in which a judge
decided are one observation, their mean. Questions are the clusters, whatever the order of their
answers. Truth comes in here, from `Store.truths`: for the effect of honesty, and to say whose case
was the true one where a verdict is missing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from arena.match import PERSON
from arena.participants import describe
from arena.protocols import Protocol
from arena.report import questions_of
from arena.stats.bradley_terry import RIDGE, Fit, Rating, bootstrapped, fit
from arena.stats.comparison import Comparisons, added, compare
from arena.stats.intervals import Estimate
from arena.stats.newton import Curve, unidentified
from arena.store import Store, StoreError
from arena.text import visible

_MATCHES = """
SELECT m.id, m.question, m.protocol, m.sides, m.seats, m.proposal, run_matches.labels
FROM run_matches JOIN matches AS m ON m.id = run_matches.match WHERE run = ? ORDER BY position
"""
_SPEECHES = """
SELECT match, t.seat, t.author, t.kind, s.side, length(s.text) AS characters
FROM match_turns JOIN turns AS t ON t.id = turn JOIN speeches AS s ON s.id = t.speech
WHERE match IN (SELECT match FROM run_matches WHERE run = ?) AND t.origin != 'candidate'
ORDER BY match, t.place, match_turns.rowid
"""
_VERDICTS = """
SELECT match, author, choice, status, listing FROM verdicts
WHERE match IN (SELECT match FROM run_matches WHERE run = ?)
"""
Listings: TypeAlias = dict[str, list[float]]
"""By the listing of the options that a judge was shown: what the first seat got of it."""
_RECORDS = "SELECT id, record FROM participants WHERE id IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Player:
    """One player: ``skill`` in logits from the players' mean, ``elo`` with its ``interval`` in Elo
    points (None of a single question), comparisons ``n``, and ``points``: wins and half the ties.

    ``note`` says where the skill rests on the prior: the player never won, say.
    """

    name: str
    id: str
    skill: float
    elo: float
    interval: tuple[float, float] | None
    n: int
    points: float
    note: str | None


@dataclass(frozen=True, slots=True)
class Ratings:
    """The players of a run, the best first, and what besides skill decided their matches.

    ``effects`` are in logits on the first seat's chance. ``points`` and ``met`` are the cross-play
    matrix in the order of ``players``: what the row scored against the column, and in how many
    comparisons. ``clusters`` are questions. ``missing`` has the verdicts without a decision, by
    status: their number ``n``, and of whose case was the true one (a seat, neither, unknown).
    ``left_out`` counts verdicts that compare nobody, by reason; ``waiting`` is the number of
    matches that nobody has judged. ``fit`` gives differences of players and chances to win.
    """

    run: str
    players: tuple[Player, ...]
    effects: Mapping[str, Estimate]
    points: tuple[tuple[float, ...], ...]
    met: tuple[tuple[int, ...], ...]
    comparisons: int
    clusters: int
    method: str
    missing: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, int]
    waiting: int
    notes: tuple[str, ...]
    fit: Fit = field(repr=False, compare=False)

    def record(self) -> dict[str, Any]:
        """All of it as JSON values, but the fit."""
        return {
            "run": self.run,
            "players": [
                {**asdict(one), "interval": one.interval and list(one.interval)}
                for one in self.players
            ],
            "effects": {
                name: {
                    "value": one.value, "se": one.se, "n": one.n,
                    "interval": None if one.low is None else [one.low, one.high],
                }
                for name, one in self.effects.items()
            },
            "points": list(map(list, self.points)),
            "met": list(map(list, self.met)),
            **{name: getattr(self, name) for name in ("comparisons", "clusters", "method")},
            "missing": {status: dict(sides) for status, sides in self.missing.items()},
            "left_out": dict(self.left_out),
            "waiting": self.waiting,
            "notes": list(self.notes),
        }  # fmt: skip


@dataclass(slots=True)
class _Spoken:
    """Of one seat of a match: who spoke first, the side it chose, and its characters."""

    author: str
    side: int | None = None
    characters: int = 0


@dataclass(slots=True)
class _Met:
    """A match of two speakers: who they are (ids), what they defend, and what is true of it.

    ``honest`` is None where the truth is not known; ``length`` is in thousands of characters.
    """

    question: str
    seats: tuple[str, str]
    players: tuple[str | None, str | None]
    sides: tuple[int | None, int | None]
    right: int | None
    length: float

    @property
    def honest(self) -> tuple[int, int] | None:
        if self.right is None:
            return None
        return int(self.sides[0] == self.right), int(self.sides[1] == self.right)

    def concerned(self) -> str:
        """Whose case was the true one."""
        if self.right is None:
            return "unknown"
        return (*self.seats, "neither")[(*self.sides, self.right).index(self.right)]

    def useless(self, truthful: bool, apart: bool) -> str | None:
        """Why verdicts on this match compare nobody, if they do not."""
        if None in self.players:
            return "empty seat"
        if None in self.sides:
            return "no side chosen"
        if self.sides[0] == self.sides[1]:
            return "same side"
        if truthful and self.right is None:
            return "truth not known"
        one_rating = not apart or self.honest in ((0, 0), (1, 1))
        return "same player" if one_rating and self.players[0] == self.players[1] else None


def ratings(
    store: Store,
    run: str,
    *,
    seat: bool = True,
    honesty: bool = False,
    judge: bool = False,
    length: bool = False,
    apart: bool = False,
    ridge: float = RIDGE,
    ridge_effects: float = 0.0,
    bootstrap: int = 0,
) -> Ratings:
    """Rate the players of ``run`` by every verdict on its matches of two speakers.

    A player is a participant, by the name that the run gives it; in a chair of people, it is who
    spoke first there. ``seat`` estimates what the first speaking seat is worth, ``judge`` the same
    for each judge alone, ``honesty`` what arguing for the truth is worth, ``length`` a thousand
    characters more; ``apart`` rates each player's honest and dishonest play as two. Verdicts on
    questions whose truth is not known are left out where honesty counts. Where every player keeps
    to one seat in a way that skill explains as well, the seat's effect is left out, and
    ``notes`` says so. ``ridge`` and ``ridge_effects`` are the priors' precisions, ``bootstrap`` the
    number of samples of questions that make the intervals instead of the sandwich.

    Raises StoreError, in one line, where there is no such run, nothing in it to compare, the
    players fall into parts that never meet, or an effect cannot be estimated.
    """
    if store.one("SELECT 1 FROM runs WHERE name = ?", run) is None:
        known = ", ".join(row["name"] for row in store.query("SELECT name FROM runs")) or "none"
        raise StoreError(f"no run {run!r} in this store; its runs: {known}")
    found, given = _matches(store, run, length)
    if not found:
        raise StoreError(
            f"run {run!r} has no match with two speaking seats, so nobody meets; "
            "rate a run of debates or critiques"
        )
    truthful = honesty or apart
    useless = {match: one.useless(truthful, apart) for match, one in found.items()}
    listings, missing, left_out, judged = _outcomes(store, run, found, useless)
    if not listings:
        raise StoreError(
            f"run {run!r} has no verdict that chose between two players: of "
            f"{len(found)} matches with two speakers {len(judged)} are judged"
            + "".join(f"; {n} verdicts left out ({why})" for why, n in sorted(left_out.items()))
        )
    # In an order of their own: a run that was stopped and taken up again has the same table.
    keys = sorted(listings)
    rows = [found[match] for match, _ in keys]
    y = [_mean([_mean(values) for values in listings[key].values()]) for key in keys]
    players = [(one.players[0] or "", one.players[1] or "") for one in rows]
    names = _printed(store, {who for pair in players for who in pair}, given)
    judges = _printed(store, {who for _, who in keys}, {}) if judge else {}
    flags = [one.honest or (0, 0) for one in rows]

    def compared(seated: bool) -> Comparisons:
        return compare(
            [names[a] for a, _ in players], [names[b] for _, b in players], y,
            [one.question for one in rows], seat="first" if seated else None,
            judge=[judges[who] for _, who in keys] if judge else None,
            honest=([a for a, _ in flags], [b for _, b in flags]) if truthful else None,
            apart=apart, length=[one.length for one in rows] if length else None,
        )  # fmt: skip

    notes: list[str] = []
    try:
        data = compared(seat)
        if seat and not judge and unidentified(Curve(data, ridge, ridge_effects)) == ("seat",):
            data = compared(False)
            notes.append("the seat cannot be told from skill: no effect of the seat is estimated")
        fitted = fit(data, ridge=ridge, ridge_effects=ridge_effects)
        if bootstrap:
            fitted = bootstrapped(fitted, bootstrap)
    except ValueError as error:
        raise StoreError(f"run {run!r}: {error}") from error
    effects = {name: fitted.effect(name) for name in data.effects}
    if apart:
        with suppress(ValueError):  # nobody argued for both
            effects["honesty"] = fitted.honesty()
    roles = (" (honest)", " (dishonest)") if apart else ("",)
    ids = {name + role: who for who, name in names.items() for role in roles}
    table = tuple(_player(one, ids[one.player]) for one in fitted.ratings())
    points, met = _cross(data, [one.name for one in table])
    return Ratings(
        run, table, effects, points, met, data.rows, fitted.clusters,
        fitted.contrast({table[0].name: 1.0}).method, missing, dict(sorted(left_out.items())),
        len(found) - len(judged), tuple(notes), fitted,
    )  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _player(one: Rating, who: str) -> Player:
    low, high = one.elo.low, one.elo.high
    interval = None if low is None or high is None else (low, high)
    return Player(
        one.player, who, one.skill.value, one.elo.value, interval, one.n, one.points, one.note
    )


def _cross(
    data: Comparisons, order: Sequence[str]
) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[int, ...], ...]]:
    """Points and comparisons by pair, in an order of players."""
    k, size = len(data.players), len(data.first)
    counts = added(data.first * k + data.second, added(data.cell, data.n, size), k * k)
    met = counts.reshape(k, k)
    place = [data.players.index(name) for name in order]
    at = np.ix_(place, place)
    return (
        tuple(tuple(row) for row in data.points()[at].tolist()),
        tuple(tuple(map(round, row)) for row in (met + met.T)[at].tolist()),
    )


def _matches(
    store: Store, run: str, length: bool
) -> tuple[dict[str, _Met], dict[str, dict[str, None]]]:
    """The matches of two speakers by id, and the names that the run gives to participants."""
    protocols = lru_cache(maxsize=None)(store.protocol)
    labels_of = lru_cache(maxsize=1024)(json.loads)
    rows: dict[str, tuple[Mapping[str, Any], Protocol, dict[str, str], dict[str, int]]] = {}
    names: dict[str, dict[str, None]] = {}
    silent = True  # whether the matches say all that is asked, without what was spoken
    for row in store.query(_MATCHES, run):
        protocol = protocols(row["protocol"])
        if len(protocol.speakers) != 2:
            continue
        seats, sides = dict(json.loads(row["seats"])), dict(json.loads(row["sides"]))
        rows[row["id"]] = (row, protocol, seats, sides)
        untold = protocol.options == "right or wrong" and row["proposal"] is None
        chairs = any(seats.get(seat, PERSON) == PERSON for seat in protocol.speakers)
        silent &= not (untold or chairs or not sides)
        labels = labels_of(row["labels"])
        called = labels.get("players")
        if isinstance(called, dict) and not labels.get("mirrored"):  # a mirror may change seats
            for seat, name in called.items():
                names.setdefault(seats.get(seat, PERSON), {})[str(name)] = None
    if not rows:
        return {}, {}
    spoken: dict[str, dict[str, _Spoken]] = {}
    answered: dict[str, int] = {}
    for row in store.query(_SPEECHES, run) if length or not silent else ():
        told = spoken.setdefault(row["match"], {})
        said = told.setdefault(row["seat"], _Spoken(row["author"]))
        said.characters += row["characters"]
        if said.side is None:
            said.side = row["side"]
        if row["kind"] == "answer" and row["side"] is not None:
            answered.setdefault(row["match"], row["side"])
    truths, clusters = store.truths(), questions_of(store, run)
    found = {}
    for match, (given, protocol, seats, sides) in rows.items():
        a, b = protocol.speakers
        here = spoken.get(match, {})
        right = truths.get(given["question"])
        if protocol.options == "right or wrong":
            tried = answered.get(match) if given["proposal"] is None else given["proposal"]
            right = None if right is None or tried is None else int(tried != right)
        if not sides:
            sides = {seat: one.side for seat, one in here.items() if one.side is not None}
        ends = [here[seat].characters if seat in here else 0 for seat in (a, b)]
        found[match] = _Met(
            clusters[given["question"]][0], (a, b), (_sits(a, seats, here), _sits(b, seats, here)),
            (sides.get(a), sides.get(b)), right, (ends[0] - ends[1]) / 1000,
        )  # fmt: skip
    names.pop(PERSON, None)  # a chair, in which several may sit
    return found, names


def _sits(seat: str, seats: Mapping[str, str], spoken: Mapping[str, _Spoken]) -> str | None:
    """The participant in a seat; where that is a person's, who spoke there first."""
    who = seats.get(seat, PERSON)
    if who != PERSON:
        return who
    return spoken[seat].author if seat in spoken else None


def _outcomes(
    store: Store, run: str, found: Mapping[str, _Met], useless: Mapping[str, str | None]
) -> tuple[dict[tuple[str, str], Listings], dict[str, dict[str, int]], Counter[str], set[str]]:
    """What judges decided: by match and judge, and within by listing, the first seat's points.

    Besides: missing verdicts by status, verdicts left out by reason, and the matches judged.
    """
    listings: dict[tuple[str, str], Listings] = {}
    missing: dict[str, dict[str, int]] = {}
    left_out: Counter[str] = Counter()
    judged = set()
    for row in store.query(_VERDICTS, run):
        if (one := found.get(row["match"])) is None:
            continue
        judged.add(row["match"])
        if row["status"] not in ("ok", "tie"):
            sides = missing.setdefault(row["status"], {"n": 0})
            sides["n"] += 1
            sides[one.concerned()] = sides.get(one.concerned(), 0) + 1
            continue
        why = useless[row["match"]]
        if why is None and row["status"] == "ok" and row["choice"] not in one.sides:
            why = "neither side chosen"
        if why is not None:
            left_out[why] += 1
            continue
        won = 0.5 if row["status"] == "tie" else float(row["choice"] == one.sides[0])
        by = listings.setdefault((row["match"], row["author"]), {})
        by.setdefault(row["listing"] or "", []).append(won)
    missing = {
        status: {"n": sides.pop("n"), **dict(sorted(sides.items()))}
        for status, sides in sorted(missing.items())
    }
    return listings, missing, left_out, judged


def _printed(
    store: Store, ids: set[str], given: Mapping[str, Mapping[str, None]]
) -> dict[str, str]:
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
