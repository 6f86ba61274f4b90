"""A run that is taken up again with more: players, questions, rounds.

What a run has claimed it keeps: a longer plan holds every match that is there, under the same
labels, and those keep their places and their rows. What is new is appended, in one transaction with
the run's new settings and an event that says what was added. Anything dropped or changed is another
run, and is refused in a line that names it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from arena.batch import Batch, rows
from arena.desk.events import EVENT_ONCE, event
from arena.ids import canonical, content_id
from arena.match import Agent, Judge, participant_id
from arena.questions import Item
from arena.runner import Planned
from arena.store import Store, StoreError, agree_on_truth

_BEGIN = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING"
_GO_ON = "UPDATE runs SET config = ?3, finished_at = NULL WHERE name = ?1 AND config = ?2"
_LABELS = ("protocol", "round", "condition", "arm")  # of which an event says what is new
_OTHERWISE = "give this one another name, or use another store"
_LONGEST = 60  # characters of a value in a message


def begin_or_continue(
    store: Store,
    name: str,
    kind: str,
    config: Mapping[str, Any],
    provenance: object,
    items: Iterable[Item],
    planned: Sequence[Planned],
    who: Iterable[Agent | Judge] = (),
    grows: Collection[str] = (),
    absent: Mapping[str, object] | None = None,
) -> int:
    """Claim a run's matches, those of it that are not claimed yet; return how many were added.

    ``grows`` names the fields of ``config`` that may have another value than before, by path
    (``questions.n``); ``players.*`` means more entries there, and none gone or changed. ``absent``
    has the values that fields had before they existed. ``who`` are participants, whose records are
    written along. Raises StoreError, in one line that names what is in the way, where the run in
    the store is of another kind, has other settings, or claims a match that is not planned.
    """
    found = agree_on_truth(store, items)
    text = canonical(config)
    row = store.one("SELECT kind, config FROM runs WHERE name = ?", name)
    kept: list[tuple[str, str]] = []
    changed: list[str] = []
    if row is not None:
        if row["kind"] != kind:
            raise StoreError(
                f"run {name!r} in this store is of another kind ({row['kind']}, not {kind}); "
                f"{_OTHERWISE}"
            )
        changed = _changed(name, json.loads(row["config"]), config, grows, absent or {})
        kept = _claims(store, name)
    claims = [
        (one.match.id, canonical({**one.labels, "judges": list(one.judges)})) for one in planned
    ]
    gone = Counter(kept) - Counter(claims)
    if gone:
        raise StoreError(_what_is_gone(store, name, list(gone), planned, found))
    there = Counter(kept)
    new: list[Planned] = []
    for claim, one in zip(claims, planned, strict=True):
        if there[claim]:
            there[claim] -= 1
        else:
            new.append(one)
    if row is not None and row["config"] == text and not new:
        return 0
    batch = Batch(
        items=found,
        participants={participant_id(one): one.record for one in who},
        protocols=list({one.match.protocol.id: one.match.protocol for one in new}.values()),
        matches=[one.match for one in new],
        run_matches=[
            (name, i, one.match.id, {**one.labels, "judges": list(one.judges)})
            for i, one in enumerate(new, start=len(kept))
        ],
    )
    now = time.time()
    statements: dict[str, Sequence[tuple[Any, ...]]]
    if row is None:
        statements = {_BEGIN: [(name, kind, text, canonical(provenance), now)]}
    else:
        statements = {_GO_ON: [(name, row["config"], text)]}
        value = {"run": name, **_added(kept, new), **({"changed": changed} if changed else {})}
        key = content_id("e", [name, len(kept), len(new), text])
        if new or changed:
            statements[EVENT_ONCE] = [event("continued", None, now, value=value, key=key)]
    store.execute({**statements, **rows(batch)})
    if Counter(_claims(store, name)) != Counter(claims):
        raise StoreError(f"run {name!r} was taken up by another process with another plan; "
                         "wait for it, then run this again")  # fmt: skip
    return len(new)


def _claims(store: Store, name: str) -> list[tuple[str, str]]:
    sql = "SELECT match, labels FROM run_matches WHERE run = ? ORDER BY position"
    return [(row["match"], row["labels"]) for row in store.query(sql, name)]


def _added(kept: Sequence[tuple[str, str]], new: Sequence[Planned]) -> dict[str, object]:
    """What new matches bring that a run did not have: players, questions, rounds and the like."""
    old = [json.loads(text) for text in dict.fromkeys(labels for _, labels in kept)]
    names = {str(who) for one in old for who in (one.get("players") or {}).values()}
    said: dict[str, object] = {"matches": len(new)}
    sitting: dict[str, None] = {}
    for one in new:
        players = one.labels.get("players")
        if isinstance(players, Mapping):
            sitting.update(dict.fromkeys(str(who) for who in players.values()))
    if players := [who for who in sitting if who not in names]:
        said["players"] = players
    for label in _LABELS:
        before = {one.get(label) for one in old}
        values = dict.fromkeys(one.labels[label] for one in new if label in one.labels)
        if fresh := [value for value in values if value not in before]:
            said[label] = fresh
    return said


# ---------------------------------------------------------------------------------------------
# What is in the way.


def _flat(value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The values of nested mappings by their path, as in ``questions.n``."""
    out: dict[str, Any] = {}
    for key, one in value.items():
        here = f"{path}.{key}" if path else key
        if isinstance(one, Mapping) and one:
            out |= _flat(one, here)
        elif one not in (None, {}, []):
            out[here] = one
    return out


def _changed(
    name: str,
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    grows: Collection[str],
    absent: Mapping[str, object],
) -> list[str]:
    """The fields that grew. Raises StoreError naming the first that may not be as it is."""
    given = _flat(json.loads(canonical(now)))
    old = {**{k: v for k, v in absent.items() if v is not None}, **_flat(before)}
    grown = []
    for field in sorted({*old, *given}):
        was, new = old.get(field), given.get(field)
        if was == new:
            continue
        block = field.rpartition(".")[0]
        more = f"{block}.*" in grows
        if field in grows or (more and was is None):
            grown.append(field)
            continue
        if more:
            how = "is gone" if new is None else "is another one than before"
            keep = f"a run that is taken up again keeps its {block}"
            raise StoreError(f"run {name!r}: {field} {how}; {keep}, and may have more; or "
                             f"{_OTHERWISE}")  # fmt: skip
        raise StoreError(f"run {name!r} is in this store with other settings: {field} is "
                         f"{_shown(was)} there and {_shown(new)} here; {_OTHERWISE}")  # fmt: skip
    return grown


def _shown(value: object) -> str:
    text = "not given" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _what_is_gone(
    store: Store,
    name: str,
    gone: Sequence[tuple[str, str]],
    planned: Sequence[Planned],
    items: Sequence[Item],
) -> str:
    """Why claimed matches are not planned: the first reason that is among players, protocols,
    judges and questions, or that their rules, sides, seats or seeds are others."""
    labels = [json.loads(text) for _, text in gone]
    keep = f"a run that is taken up again keeps what it has; {_OTHERWISE}"
    kept_names = {str(who) for one in labels for who in (one.get("players") or {}).values()}
    players: set[str] = set()
    for one in planned:
        sitting = one.labels.get("players")
        if isinstance(sitting, Mapping):
            players.update(map(str, sitting.values()))
    known = {item.question.id for item in items}
    sql = "SELECT DISTINCT question FROM matches WHERE id IN (SELECT value FROM json_each(?))"
    asked = {row["question"] for row in store.query(sql, json.dumps([match for match, _ in gone]))}
    if lost := sorted(kept_names - players):
        return f"run {name!r}: no match is planned for player {lost[0]!r}, who has some; {keep}"
    for label in _LABELS:
        mine = {one.get(label) for one in labels} - {None}
        if lost := sorted(map(str, mine - {one.labels.get(label) for one in planned})):
            return f"run {name!r}: {label} {lost[0]} is gone from the plan; {keep}"
    if lost := sorted(asked - known):
        sql = "SELECT text FROM questions WHERE id = ?"
        row = store.one(sql, lost[0])
        which = _shown(row["text"] if row else lost[0])
        return (
            f"run {name!r}: other questions: {len(lost)} of its own are gone or changed (the "
            f"first: {which}); new ones come behind the old, and none goes; or {_OTHERWISE}"
        )
    judges = {tuple(one.get("judges", ())) for one in labels}
    if not judges & {one.judges for one in planned}:
        return f"run {name!r}: its matches were to be read by other judges; {keep}"
    return (
        f"run {name!r}: {len(gone)} of its matches are not in the plan as they were (other rules, "
        f"sides, seats or replicates, or an earlier place in the list of players or questions); "
        f"{keep}"
    )
