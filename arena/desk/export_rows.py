"""The rows of an export's tables, in a fixed order, by the columns of `arena.desk.codebook`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from arena.desk.audit import without_secrets
from arena.desk.export_source import IN, KINDS, Source
from arena.desk.transcripts import numbers, right_option
from arena.ids import canonical
from arena.match import PERSON
from arena.protocols import JUDGE

Row = dict[str, Any]


def judgments(source: Source) -> Iterator[Row]:
    """Every belief and verdict, those taken back as well."""
    noted: dict[tuple[str, str], Row] = {}
    sql = (
        "SELECT match, turn, at, sitting, number, active, value FROM events "
        f"WHERE kind IN ('belief', 'verdict') AND turn IS NOT NULL AND match {IN} ORDER BY id"
    )
    for row in source.store.query(sql, json.dumps(source.keys)):
        noted.setdefault((row["match"], row["turn"]), row)
    kinds = {
        (row["match"], row["holder"]): row["kind"]
        for row in source.store.query(
            f"SELECT match, holder, kind FROM assignments WHERE seat = ? AND kind IN {KINDS}",
            JUDGE,
        )
    }
    for key in source.keys:
        shown = {source.matches[key].root: 0}
        shown |= {turn.id: n + 1 for n, turn in enumerate(source.path[key])}
        before: dict[tuple[Any, ...], int] = {}
        for n, leaf in enumerate(source.leaves.get(key, ())):
            verdict, undone = leaf.verdict, (key, leaf.id) in source.undone
            p, quantity = numbers(verdict)
            event: Mapping[str, Any] = noted.get((key, leaf.id), {})
            reading = (leaf.author, verdict.mode, verdict.order)
            step = before.get(reading, 0)
            before[reading] = step + (not undone)
            kind = kinds.get((key, leaf.author), "judging")
            value = json.loads(event["value"]) if event else {}
            yield {
                "match": key,
                "judgment": n,
                "in_run": key in source.claims,
                "who": source.who(leaf.author),
                "judge_kind": source.names.kind(leaf.author),
                "protocol": source.matches[key].protocol.name,
                "setting": source.setting(key),
                "report": leaf.kind,
                "mode": verdict.mode,
                "shown": shown.get(leaf.parent),
                "step": step,
                "listing": list(verdict.order),
                "p": None if p is None else list(p),
                "quantity": quantity,
                "choice": verdict.choice,
                "status": verdict.status,
                "reason": verdict.reason,
                "stop": verdict.stop,
                "sample": leaf.sample,
                "at": event.get("at") if leaf.at is None else leaf.at,
                "sitting": event.get("sitting"),
                "number": event.get("number"),
                "active_ms": event.get("active"),
                "kind": _kind(kind) if leaf.origin == "person" else None,
                "late": value.get("late"),
                "undone": undone,
            }


def debates(source: Source) -> Iterator[Row]:
    """Every match."""
    for key in source.keys:
        match = source.matches[key]
        position, labels = source.claims.get(key, (None, {}))
        yield {
            "match": key,
            "run": source.run,
            "in_run": key in source.claims,
            "position": position,
            "setting": source.setting(key),
            "labels": source.plain(labels),
            "question": match.question.id,
            "protocol": match.protocol.name,
            "rules": match.protocol.id,
            "options": list(match.options),
            "sides": dict(match.sides),
            "seats": {s: who if who == PERSON else source.who(who) for s, who in match.seats},
            "proposal": match.proposal,
            "seed": str(match.seed),
            "played": key in source.played,
            "turns": len(source.path[key]),
        }


def turns(source: Source) -> Iterator[Row]:
    """Every turn of a path."""
    spent = {}
    sql = (
        "SELECT c.turn, count(*) AS n, sum(r.prompt_tokens) AS prompt, "
        "sum(r.completion_tokens) AS completion, sum(length(r.token_ids)) / 4 AS ids, "
        "sum(r.seconds) AS seconds FROM calls AS c JOIN replies AS r ON r.key = c.reply "
        f"WHERE c.turn IN (SELECT turn FROM match_turns WHERE match {IN}) GROUP BY c.turn"
    )
    for row in source.store.query(sql, json.dumps(source.keys)):
        spent[row["turn"]] = row
    for key in source.keys:
        match, spoken = source.matches[key], source.path[key]
        at = {turn.id: n for n, turn in enumerate(spoken)}
        rounds: dict[int, str] = {}
        last = max((turn.place for turn in spoken), default=-1)
        for place, one in match.protocol.rounds(spoken):
            if place > last:
                break
            rounds[place] = one.name
        for n, turn in enumerate(spoken):
            speech, cost = turn.speech, spent.get(turn.id, {})
            yield {
                "match": key,
                "turn": n,
                "seat": turn.seat,
                "role": match.protocol.role(turn.seat),
                "kind": turn.kind,
                "place": turn.place,
                "round": rounds.get(turn.place, ""),
                "who": source.who(turn.author),
                "text": speech.text,
                "thought": speech.thought,
                "side": speech.side,
                "stop": speech.stop,
                "status": speech.status,
                "origin": turn.origin,
                "replies_to": [at[one] for one in turn.replies_to if one in at],
                "sample": turn.sample,
                "at": turn.at,
                "requests": len(turn.calls),
                "prompt_tokens": cost.get("prompt"),
                "completion_tokens": cost.get("completion"),
                "sampled_ids": cost.get("ids"),
                "seconds": cost.get("seconds"),
            }


def alternatives(source: Source) -> Iterator[Row]:
    """Every speech of a match that is not on its path."""
    for key in source.keys:
        at = {turn.id: n for n, turn in enumerate(source.path[key])}
        stands = {(t.parent, t.seat, t.kind): n for n, t in enumerate(source.path[key])}
        for n, turn in enumerate(t for t in source.spoken.get(key, ()) if t.id not in at):
            speech = turn.speech
            yield {
                "match": key,
                "alternative": n,
                "instead_of": stands.get((turn.parent, turn.seat, turn.kind)),
                "after": at.get(turn.parent),
                "seat": turn.seat,
                "kind": turn.kind,
                "place": turn.place,
                "who": source.who(turn.author),
                "text": speech.text,
                "thought": speech.thought,
                "side": speech.side,
                "status": speech.status,
                "origin": turn.origin,
                "sample": turn.sample,
                "score": turn.score,
                "undone": (key, turn.id) in source.undone,
            }


def quotes(source: Source) -> Iterator[Row]:
    """Every quotation in a turn."""
    for key in source.keys:
        passage = source.matches[key].question.passage or ""
        for n, turn in enumerate(source.path[key]):
            for i, quote in enumerate(turn.speech.quotes):
                span = quote.span
                yield {
                    "match": key,
                    "turn": n,
                    "quote": i,
                    "begin": quote.begin,
                    "end": quote.end,
                    "said": turn.speech.text[quote.begin : quote.end],
                    "verified": span is not None,
                    "start": None if span is None else span[0],
                    "stop": None if span is None else span[1],
                    "words": None if span is None else passage[span[0] : span[1]],
                }


def assignments(source: Source) -> Iterator[Row]:
    """Every place of a person at a match."""
    sql = (
        f"SELECT * FROM assignments WHERE kind IN {KINDS} AND (match {IN} OR run = ?) "
        "ORDER BY match, seat, made_at, position"
    )
    rows = []
    for row in source.store.query(sql, json.dumps(source.own), source.run):
        rows.append(
            {
                "match": row["match"],
                "who": source.who(row["holder"]),
                "seat": row["seat"],
                "kind": _kind(row["kind"]),
                "position": row["position"],
                "listing": None if row["listing"] is None else json.loads(row["listing"]),
                "planned": row["made_by"] is not None,
                "made_at": row["made_at"],
                "until": row["until"],
                "done": bool(row["done"]),
                "closed": row["closed"],
                "closed_at": row["closed_at"],
            }
        )
    place = {key: n for n, key in enumerate(source.keys)}
    yield from sorted(rows, key=lambda row: (place[row["match"]], row["seat"], row["who"]))


def _events(source: Source) -> Iterator[tuple[int, Row]]:
    """Every event of a match that the export covers, numbered within it."""
    sql = f"SELECT * FROM events WHERE match {IN} ORDER BY id"
    found: dict[str, list[Row]] = {}
    for row in source.store.query(sql, json.dumps(source.keys)):
        if row["match"] not in source.guests or row["person"] in source.guests[row["match"]]:
            found.setdefault(row["match"], []).append(row)
    for key in source.keys:
        yield from enumerate(found.get(key, ()))


def events(source: Source) -> Iterator[Row]:
    """Every event on a match."""
    at = {(k, turn.id): n for k, spoken in source.path.items() for n, turn in enumerate(spoken)}
    given = {(k, t.id): n for k, leaves in source.leaves.items() for n, t in enumerate(leaves)}
    for n, row in _events(source):
        # What a judge was told afterwards is the truth, whatever it is filed under.
        told = row["kind"] == "feedback" and row["person"] is not None
        value = {} if told else without_secrets(json.loads(row["value"]))
        where = (row["match"], row["turn"])
        yield {
            "match": row["match"],
            "event": n,
            "at": row["at"],
            "kind": row["kind"],
            "who": None if row["person"] is None else source.who(row["person"]),
            "turn": at.get(where),
            "judgment": given.get(where),
            "sitting": row["sitting"],
            "number": row["number"],
            "active_ms": row["active"],
            "value": source.plain(value),
        }


def surveys(source: Source) -> Iterator[Row]:
    """Every answer of a survey, here or in an import."""
    last = {
        (row["match"], row["person"]): row["id"]
        for _, row in _events(source)
        if row["kind"] == "survey"
    }
    for _, row in _events(source):
        imported = row["kind"] == "feedback" and row["person"] is None
        if row["kind"] != "survey" and not imported:
            continue
        value = source.plain(without_secrets(json.loads(row["value"]), truth=True))
        who = row["person"] and source.who(row["person"])
        stands = imported or last[row["match"], row["person"]] == row["id"]
        if imported:
            who, value = value.get("name", ""), value.get("survey")
        elif isinstance(value.get("answers"), Mapping):
            value = value["answers"]
        for item, answer in _flat(value):
            score = isinstance(answer, int | float) and not isinstance(answer, bool)
            text = answer if isinstance(answer, str) else canonical(answer)
            yield {
                "match": row["match"],
                "who": who,
                "at": row["at"],
                "item": item,
                "answer": None if answer is None else text,
                "score": float(answer) if score else None,
                "stands": stands,
            }


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The answers of a survey: names of nested ones joined by dots."""
    if isinstance(value, Mapping):
        for key, one in sorted(value.items()):
            yield from _flat(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from _flat(one, f"{name}.{n}" if name else str(n))
    else:
        yield name or "answer", value


def _kind(kind: str) -> str:
    return "again" if kind == "duplicate" else kind


def questions(source: Source) -> Iterator[Row]:
    """Every question, without its truth."""
    for row in source.questions.values():
        yield {
            "question": row["id"],
            "text": row["text"],
            "answers": json.loads(row["answers"]),
            "passage": row["passage"],
            "source": row["source"],
            "story": row["grp"],
            "split": row["split"],
        }


def protocols(source: Source) -> Iterator[Row]:
    """Every set of rules."""
    for key, protocol in sorted(source.protocols.items()):
        yield {"rules": key, "protocol": protocol.name, "record": protocol.record()}


def _everybody(source: Source) -> list[str]:
    """The ids of all who spoke, judged, sit somewhere or hold something."""
    found = {who for match in source.matches.values() for _, who in match.seats}
    for turns_of in (*source.path.values(), *source.leaves.values()):
        found.update(turn.author for turn in turns_of)
    sql = f"SELECT holder FROM assignments WHERE kind IN {KINDS} AND (match {IN} OR run = ?)"
    found.update(
        row["holder"] for row in source.store.query(sql, json.dumps(source.own), source.run)
    )
    found.update(row["person"] for _, row in _events(source) if row["person"] is not None)
    return sorted(found - {PERSON})


def participants(source: Source) -> Iterator[Row]:
    """Whoever takes part: machines with their records, people by pseudonym alone."""
    rows = []
    for who in _everybody(source):
        person = source.names.kind(who) == "person"
        rows.append(
            {
                "who": source.who(who),
                "kind": source.names.kind(who),
                "called": None if person else source.names(who),
                "record": None if person else source.names.record(who),
            }
        )
    yield from sorted(rows, key=lambda row: str(row["who"]))


def truth(source: Source) -> Iterator[Row]:
    """The true answer of every match whose question has a known one."""
    known = source.store.truths()
    for key in source.keys:
        match = source.matches[key]
        answer = known.get(match.question.id)
        if answer is not None:
            yield {
                "match": key,
                "question": match.question.id,
                "answer": answer,
                "option": right_option(match, source.path[key], answer),
            }


def names(source: Source) -> Iterator[Row]:
    """The names of the people who take part."""
    found = {
        source.who(who): source.names.name(who)
        for who in _everybody(source)
        if source.names.kind(who) == "person"
    }
    for who, name in sorted(found.items()):
        yield {"who": who, "name": name}


ROWS: dict[str, Callable[[Source], Iterator[Row]]] = {
    "judgments": judgments,
    "debates": debates,
    "turns": turns,
    "alternatives": alternatives,
    "quotes": quotes,
    "assignments": assignments,
    "surveys": surveys,
    "events": events,
    "questions": questions,
    "protocols": protocols,
    "participants": participants,
    "truth": truth,
    "names": names,
}
"""How the rows of each table are made."""
