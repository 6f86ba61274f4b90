"""Plans: who is to judge, or debate, what; looked at first, then committed as a whole.

`preview` works a plan out and writes nothing: rows, loads, balance, and in words whatever could not
be done. `commit` writes it in one transaction, if the store is still as it was. A plan is a
function of what was asked for, its seed and the store.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict

from arena.batch import Batch, rows
from arena.desk.alone import alone, write
from arena.desk.chairs import PersonError
from arena.desk.draft import Draft
from arena.desk.events import EVENT, event
from arena.desk.facts import facts
from arena.desk.plans import Planned as Planned
from arena.desk.plans import PlanRequest as PlanRequest
from arena.desk.plans import Preview as Preview
from arena.desk.plans import again_of as again_of
from arena.desk.standing import AGAIN, assignment_id
from arena.ids import canonical
from arena.play import path
from arena.store import Store

INSERT = (
    "INSERT INTO assignments (match, seat, holder, until, done, id, run, kind, position, listing, "
    "made_at, made_by) VALUES (?,?,?,0,0,?,?,?,?,?,?,?)"
)


def preview(store: Store, request: PlanRequest, now: float | None = None) -> Preview:
    """Work out a plan; nothing is written. Raises PersonError where nothing can be planned."""
    now = time.time() if now is None else now
    known = facts(store, request.run, request.people, request.once, now)
    return Draft(store, request, known).preview()


def commit(store: Store, plan: Preview, admin: str | None, now: float | None = None) -> bool:
    """Write a plan, durably and as a whole; False where it is written already.

    Raises PersonError where somebody else has planned meanwhile, or the store is not any more what
    the plan was made for.
    """
    now = time.time() if now is None else now
    request = plan.request
    key = f"plan:{request.run}:{plan.number}"
    with alone(store):
        there = store.one(
            "SELECT person, json_extract(value, '$.preview') AS id FROM events WHERE key = ?", key
        )
        if there is not None:
            if (there["person"], there["id"]) == (admin, plan.id):
                return False
            raise PersonError("Somebody has planned this run in the meantime: preview it again.")
        if facts(store, request.run, request.people, request.once, now).digest != plan.digest:
            raise PersonError(
                "The store has changed since this preview, and the plan may not fit any more: "
                "preview it again."
            )
        clones = {row.match: row.of for row in plan.rows if row.of is not None}
        _clone(store, request.run, clones, now)
        write(store, {
            INSERT: [
                (row.match, row.seat, row.person, assignment_id(row.match, row.seat, row.person),
                 request.run, row.kind, row.position,
                 None if row.listing is None else canonical(row.listing), now, admin or "plan")
                for row in plan.rows
            ],
            EVENT: [event("plan", admin, now, value={
                **asdict(request), "number": plan.number, "preview": plan.id,
                "rows": len(plan.rows), "violations": plan.violations,
            }, key=key)],
        })  # fmt: skip
    return True


def _clone(store: Store, run: str, clones: Mapping[str, str], now: float) -> None:
    """Keep the matches that are given again, under a run of their own, sharing what was said.

    The beliefs and the verdicts of the first time stay with the first.
    """
    if not clones:
        return
    name = f"{run} ({AGAIN})"
    there = store.one("SELECT kind FROM runs WHERE name = ?", name)
    if there is not None and there["kind"] != AGAIN:
        raise PersonError("A run has the name that the duplicates of this one need: rename it.")
    sql = "SELECT match, position FROM run_matches WHERE run = ?"
    known = {row["match"]: row["position"] for row in store.query(sql, name)}
    at = 1 + max(known.values(), default=-1)
    fresh = sorted(set(clones) - set(known))
    labels = {
        row["match"]: row["setting"]
        for row in store.query(
            "SELECT match, json_extract(labels, '$.setting') AS setting FROM run_matches "
            "WHERE run = ?", run)
    }  # fmt: skip
    batch, said = Batch(), []
    for n, key in enumerate(fresh):
        first = store.match(clones[key])
        batch.matches.append(again_of(first))
        setting = labels.get(first.id)
        label = {"of": first.id} if setting is None else {"of": first.id, "setting": setting}
        batch.run_matches.append((name, at + n, key, label))
        batch.played.append(key)
        said += [(key, turn.id) for turn in path(store.transcript(first))]
    write(store, {
        "INSERT INTO runs VALUES (?,?,?,'{}',?,?) ON CONFLICT DO NOTHING": [
            (name, AGAIN, canonical({"of": run}), now, now)
        ],
        **rows(batch),
        "INSERT INTO match_turns (match, turn) VALUES (?,?) ON CONFLICT DO NOTHING": said,
    })  # fmt: skip
