"""Reports: judge accuracy and its relatives, by setting and judge, from SQL and plain arrays.

Truth comes in here, from `Store.truths`, and nowhere earlier. A verdict without a decision is
counted as missing, by the side that it concerned, and is in no figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from arena.participants import describe
from arena.protocols import Protocol
from arena.stats import scores
from arena.stats.intervals import wilson
from arena.stats.scores import average
from arena.store import Store, StoreError
from arena.training_report import evaluation_labels

Sample = Literal["paper", "all"]
Quantity = Literal["elicited", "choice_logprobs"]

_VERDICTS = """
SELECT run_matches.labels, m.id AS match, m.question, m.protocol, m.sides, m.proposal,
  v.id AS verdict, v.author, v.choice, v.elicited, v.choice_logprobs, v.status, v.listing, v.mode,
  v.origin
FROM run_matches JOIN matches AS m ON m.id = run_matches.match JOIN verdicts AS v ON v.match = m.id
WHERE run = ? ORDER BY position, v.author, v.id
"""
_CONTINUED = """
SELECT match, count(*) AS n FROM match_turns JOIN turns AS t ON t.id = turn
WHERE match IN (SELECT match FROM run_matches WHERE run = ?)
  AND t.kind = 'belief' AND t.mode = 'live' AND t.origin = 'imported' GROUP BY match
"""
_ROUNDS = """
SELECT match, count(DISTINCT t.place) AS n FROM match_turns JOIN turns AS t ON t.id = turn
JOIN speeches AS s ON s.id = t.speech
WHERE match IN (SELECT match FROM run_matches WHERE run = ?)
  AND t.kind IN ('speech', 'answer', 'critique') AND t.origin != 'candidate' AND s.text != ''
GROUP BY match
"""
_CHOSEN = """
SELECT match, t.seat, t.kind, s.side FROM match_turns JOIN turns AS t ON t.id = turn
JOIN speeches AS s ON s.id = t.speech
WHERE match IN (SELECT match FROM run_matches WHERE run = ?)
  AND s.side IS NOT NULL AND t.origin != 'candidate' ORDER BY match, t.place, match_turns.rowid
"""


@dataclass(slots=True)
class _Reading:
    """One verdict with what scoring it takes. ``right`` is the true option, if it is known."""

    match: str
    status: str
    choice: int | None
    p: tuple[float, ...] | None
    quantity: Quantity | None
    listing: tuple[int, ...]
    turns: int
    right: int | None
    concerned: str  # whose case was the true one: a seat, or honest or dishonest for one speaker


@dataclass(slots=True)
class _Group:
    """The verdicts of one row."""

    head: dict[str, Any]
    alone: bool = False  # one speaker: honest and dishonest are told apart
    readings: list[_Reading] = field(default_factory=list)


def report(store: Store, name: str, sample: Sample = "paper") -> dict[str, Any]:
    """Judge accuracy and scores of a run: ``{"settings": [row, ...]}``.

    An import's rows are its settings, over the published sample unless ``sample`` is ``all`` and
    over the rooms' own live judges alone, by the NYU rules (a tie is not correct, ``turns`` is how
    often the judge went on). Any other run has a row for every setting and judge, and so have an
    import's ``readers``, who judged the rooms besides: there a tie counts one half and ``turns``
    is the number of rounds in which something was said. ``labels`` are there where the truth had a
    hand in the training that a run evaluates, or it has learnt from verdicts that were taken back.
    Raises StoreError where there is no such run.
    """
    run = store.one("SELECT kind, config FROM runs WHERE name = ?", name)
    if run is None:
        known = ", ".join(row["name"] for row in store.query("SELECT name FROM runs")) or "none"
        raise StoreError(f"no run {name!r} in this store; its runs: {known}")
    imported = run["kind"] == "import"
    own: dict[str, _Group] = {}
    read: dict[tuple[str, ...], _Group] = {}
    seen: set[tuple[str, str, str]] = set()
    names: dict[str, str] = {}
    for labels, row, alone, reading in _readings(store, name, imported):
        if imported and sample == "paper" and labels.get("sample") != "paper":
            continue
        setting = str(labels["setting"])
        # Replicates that say the same share a verdict's turn, and each counts it; a match that the
        # run claims twice counts once.
        if (claim := (setting, row["match"], row["verdict"])) in seen:
            continue
        seen.add(claim)
        if imported and row["mode"] == "live" and row["origin"] == "imported":
            group = own.setdefault(setting, _Group({"setting": setting}, alone))
        else:
            who = row["author"]
            names[who] = names.get(who) or _name(store, who)
            head = {"setting": setting, "judge": names[who], "judge_id": who}
            key: tuple[str, ...] = (setting, who)
            # A seated judge's verdict and its second listing, read afterwards, are one judgment.
            mode = row["mode"] if imported or row["mode"] in ("stepped", "timed") else ""
            if mode:
                head["mode"] = mode
                key += (mode,)
            group = read.setdefault(key, _Group(head, alone))
        group.readings.append(reading)
    rows = [_row(group, "half") for group in read.values()]
    if not imported:
        config = json.loads(run["config"])
        notes = evaluation_labels(store, config) if run["kind"] == "evaluation" else []
        return {"run": name, **({"labels": notes} if notes else {}), "settings": rows}
    settings = [_row(own[setting], "wrong") for setting in sorted(own)]
    return {"run": name, "sample": sample, "settings": settings, "readers": rows}


def _name(store: Store, author: str) -> str:
    row = store.one("SELECT record FROM participants WHERE id = ?", author)
    return author if row is None else describe(json.loads(row["record"]))


def _readings(
    store: Store, run: str, imported: bool
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], bool, _Reading]]:
    """Every verdict on the run's matches, with the labels of its match."""
    truths = store.truths()
    protocols = lru_cache(maxsize=None)(store.protocol)
    labels_of = lru_cache(maxsize=1024)(json.loads)
    continued = {row["match"]: row["n"] for row in store.query(_CONTINUED, run)}
    rounds = {row["match"]: row["n"] for row in store.query(_ROUNDS, run)}
    chosen: dict[str, dict[str, int]] = {}
    answered: dict[str, int] = {}
    for row in store.query(_CHOSEN, run):
        chosen.setdefault(row["match"], {}).setdefault(row["seat"], row["side"])
        if row["kind"] == "answer":
            answered.setdefault(row["match"], row["side"])
    for row in store.query(_VERDICTS, run):
        match, protocol = row["match"], protocols(row["protocol"])
        truth = truths.get(row["question"])
        sides = dict(json.loads(row["sides"])) or chosen.get(match, {})
        if protocol.options == "right or wrong":
            tried = answered.get(match) if row["proposal"] is None else row["proposal"]
            right = None if truth is None or tried is None else int(tried != truth)
        else:
            right = truth
        live = imported and row["mode"] == "live" and row["origin"] == "imported"
        turns = continued if live else rounds
        alone = len(protocol.speakers) == 1 and protocol.options == "answers"
        p, quantity = _probabilities(row)
        labels: Mapping[str, Any] = labels_of(row["labels"])
        if "setting" not in labels:
            labels = {**labels, "setting": protocol.name}
        reading = _Reading(
            match, row["status"], row["choice"], p, quantity,
            tuple(json.loads(row["listing"] or "[]")), turns.get(match, 0), right,
            _concerned(protocol, sides, right, alone),
        )  # fmt: skip
        yield labels, row, alone, reading


def _probabilities(
    row: Mapping[str, Any],
) -> tuple[tuple[float, ...] | None, Quantity | None]:
    if row["elicited"] is not None:
        return tuple(json.loads(row["elicited"])), "elicited"
    if row["choice_logprobs"] is not None:
        return scores.normalised(json.loads(row["choice_logprobs"])), "choice_logprobs"
    return None, None


def _concerned(protocol: Protocol, sides: Mapping[str, int], right: int | None, alone: bool) -> str:
    """The side that a verdict concerned: honest or dishonest for a single speaker, else the seat
    whose option is the true one."""
    if right is None:
        return "unknown"
    if alone:
        side = sides.get(protocol.speakers[0])
        return "unknown" if side is None else "honest" if side == right else "dishonest"
    return next((seat for seat in protocol.speakers if sides.get(seat) == right), "neither")


def _credit(one: _Reading, ties: Literal["wrong", "half"]) -> float:
    """1 for the true option, 0 for another; a tie is wrong, or one half (of two options)."""
    if one.status == "tie":
        return 0.0 if ties == "wrong" else 1 / (len(one.p) if one.p else 2)
    return float(one.choice == one.right)


def _units(known: Sequence[_Reading], ties: Literal["wrong", "half"]) -> list[tuple[float, str]]:
    """The mean credit of each match, over its listings, with whom it concerned.

    A judge's two listings of one match are one observation: counted as two, an interval would
    claim evidence that is not there. A listing that was read twice weighs no more than the other.
    """
    matches: dict[str, dict[tuple[int, ...], list[_Reading]]] = {}
    for one in known:
        matches.setdefault(one.match, {}).setdefault(one.listing, []).append(one)
    return [
        (
            _mean([_mean([_credit(one, ties) for one in group]) for group in listings.values()]),
            next(iter(listings.values()))[0].concerned,
        )
        for listings in matches.values()
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _row(group: _Group, ties: Literal["wrong", "half"]) -> dict[str, Any]:
    """The figures of one row; those that nothing could be computed for are None."""
    decided = [one for one in group.readings if one.status in ("ok", "tie")]
    known = [one for one in decided if one.right is not None]
    units = _units(known, ties)
    n, correct = len(units), sum(credit for credit, _ in units)
    scored = [
        (one, one.p, one.right)
        for one in known if one.p is not None and one.right is not None
    ]  # fmt: skip
    quantities = sorted({one.quantity for one, _, _ in scored if one.quantity})
    interval = wilson(correct, n)
    row: dict[str, Any] = {
        **group.head,
        "n": n,
        "correct": _whole(correct),
        "accuracy": average([credit for credit, _ in units]),
        "wilson": None if interval is None else list(interval),
        "ties": ties,
        "verdicts": len(known),
        "scored": len(scored),
        "quantity": " and ".join(quantities) or None,
        "log2_score": average([scores.log2_score(p[right]) for _, p, right in scored]),
        "judge_score": average(
            [scores.judge_score(p[right], one.turns) for one, p, right in scored]
        ),
        "brier": average([scores.brier(p, right) for _, p, right in scored]),
        "turns": average([one.turns for one in known]),
    }
    if group.alone:
        for role in ("honest", "dishonest"):
            part = [credit for credit, concerned in units if concerned == role]
            row[role] = {"n": len(part), "correct": _whole(sum(part))}
    missing: dict[str, dict[str, int]] = {}
    for one in group.readings:
        if one.status not in ("ok", "tie"):
            sides = missing.setdefault(one.status, {"n": 0})
            sides["n"] += 1
            sides[one.concerned] = sides.get(one.concerned, 0) + 1
    row["missing"] = missing
    row["without_truth"] = len(decided) - len(known)
    bias = _position_bias(decided)
    if bias is not None:
        row["position_bias"] = bias
    return row


def _position_bias(decided: Sequence[_Reading]) -> float | None:
    """What the first-listed option gets beyond its share, where matches were read in both listings.

    The mean of its probability where every verdict has one, else of its share of choices (a tie
    gives each its share); minus one over the number of options. None without both listings.
    """
    listings: dict[str, set[tuple[int, ...]]] = {}
    for one in decided:
        if one.listing:
            listings.setdefault(one.match, set()).add(one.listing)
    both = [one for one in decided if len(listings.get(one.match, ())) > 1]
    probabilities = all(one.p is not None for one in both)
    excess: dict[tuple[str, tuple[int, ...]], list[float]] = {}
    for one in both:
        first, share = one.listing[0], 1 / len(one.listing)
        if probabilities and one.p is not None:
            found = one.p[first]
        else:
            found = share if one.choice is None else float(one.choice == first)
        excess.setdefault((one.match, one.listing), []).append(found - share)
    return average([_mean(values) for values in excess.values()])
