"""Reports: judge accuracy and its relatives, by setting and judge, from SQL and plain arrays.

Truth comes in here, from `Store.truths`, and nowhere earlier. A verdict without a decision is
counted as missing, by the side that it concerned, and is in no figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from arena.ids import content_id
from arena.participants import describe
from arena.protocols import Protocol
from arena.report_rows import Group, Probabilities, Quantity, Reading, make_row, paired_rows
from arena.stats import scores
from arena.store import Store, StoreError
from arena.training_report import evaluation_labels

Sample = Literal["paper", "all"]

_VERDICTS = """
SELECT run_matches.labels, m.id AS match, m.question, m.protocol, m.sides, m.proposal,
  v.id AS verdict, v.author, v.choice, v.elicited, v.choice_logprobs, v.status, v.listing, v.mode,
  v.origin
FROM run_matches JOIN matches AS m ON m.id = run_matches.match JOIN verdicts AS v ON v.match = m.id
WHERE run = ? ORDER BY position, v.author, v.id
"""
_QUESTIONS = """
SELECT id, text, answers, passage, source, grp FROM questions WHERE id IN (
  SELECT m.question FROM run_matches JOIN matches AS m ON m.id = run_matches.match WHERE run = ?)
"""
_BELIEFS = """
SELECT match, t.elicited FROM match_turns JOIN turns AS t ON t.id = turn
WHERE match IN (SELECT match FROM run_matches WHERE run = ?)
  AND t.kind = 'belief' AND t.mode = 'live' AND t.origin = 'imported' ORDER BY match, t.place
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


def report(store: Store, name: str, sample: Sample = "paper") -> dict[str, Any]:
    """Judge accuracy and scores of a run: ``{"settings": [row, ...]}``.

    An import's rows are its settings, over the published sample unless ``sample`` is ``all`` and
    over the rooms' own live judges alone, by the NYU rules (a tie is not correct, ``turns`` is how
    often the judge went on); ``paired`` has the differences between its settings of two speakers
    and of one, on the questions of both. Any other run has a row for every setting and judge, and
    so have an import's ``readers``, who judged the rooms besides: there a tie counts one half and
    ``turns`` is the number of rounds in which something was said. Every row has an interval for
    each way in which its verdicts are ``clustered``. ``labels`` are there where the truth had a
    hand in the training that a run evaluates, or it has learnt from verdicts that were taken back.
    Raises StoreError where there is no such run.
    """
    run = store.one("SELECT kind, config FROM runs WHERE name = ?", name)
    if run is None:
        known = ", ".join(row["name"] for row in store.query("SELECT name FROM runs")) or "none"
        raise StoreError(f"no run {name!r} in this store; its runs: {known}")
    imported = run["kind"] == "import"
    own: dict[str, Group] = {}
    read: dict[tuple[str, ...], Group] = {}
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
            group = own.setdefault(setting, Group({"setting": setting}, alone, True))
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
            group = read.setdefault(key, Group(head, alone))
        group.readings.append(reading)
    rows = [make_row(group, "half") for group in read.values()]
    if not imported:
        config = json.loads(run["config"])
        notes = evaluation_labels(store, config) if run["kind"] == "evaluation" else []
        return {"run": name, **({"labels": notes} if notes else {}), "settings": rows}
    settings = [make_row(own[setting], "wrong") for setting in sorted(own)]
    paired = paired_rows({setting: own[setting] for setting in sorted(own)}, "wrong")
    return {
        "run": name, "sample": sample, "settings": settings, "paired": paired, "readers": rows,
    }  # fmt: skip


def _name(store: Store, author: str) -> str:
    row = store.one("SELECT record FROM participants WHERE id = ?", author)
    return author if row is None else describe(json.loads(row["record"]))


def _readings(
    store: Store, run: str, imported: bool
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], bool, Reading]]:
    """Every verdict on the run's matches, with the labels of its match."""
    truths = store.truths()
    protocols = lru_cache(maxsize=None)(store.protocol)
    labels_of = lru_cache(maxsize=1024)(json.loads)
    asked = questions_of(store, run)
    beliefs: dict[str, list[str | None]] = {}
    for row in store.query(_BELIEFS, run) if imported else ():
        beliefs.setdefault(row["match"], []).append(row["elicited"])
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
        told = beliefs.get(match, []) if live else []
        alone = len(protocol.speakers) == 1 and protocol.options == "answers"
        p, quantity = _probabilities(row)
        labels: Mapping[str, Any] = labels_of(row["labels"])
        if "setting" not in labels:
            labels = {**labels, "setting": protocol.name}
        reading = Reading(
            match, row["status"], row["choice"], p, quantity,
            tuple(json.loads(row["listing"] or "[]")), len(told) if live else rounds.get(match, 0),
            right, _concerned(protocol, sides, right, alone), *asked[row["question"]],
            row["author"], tuple(tuple(json.loads(one)) for one in told if one is not None),
        )  # fmt: skip
        yield labels, row, alone, reading


def questions_of(store: Store, run: str) -> dict[str, tuple[str, str | None]]:
    """Of each question: one name for it whatever the order of its answers, and its story.

    A question whose answers are listed the other way round has another id, yet is the same one to
    whoever argues or judges it, so the two are one cluster and can be paired.
    """
    names: dict[str, str] = {}
    stories: dict[str, str] = {}
    for row in store.query(_QUESTIONS, run):
        answers = json.loads(row["answers"])
        name = row["id"]
        if answers != sorted(answers):
            name = content_id("q", [row["text"], sorted(answers), row["passage"], row["source"]])
        names[row["id"]] = name
        if row["grp"] is not None:
            stories.setdefault(name, row["grp"])
    return {question: (name, stories.get(name)) for question, name in names.items()}


def _probabilities(
    row: Mapping[str, Any],
) -> tuple[Probabilities | None, Quantity | None]:
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
