"""When a debate that a person judges from its chair is over for everybody else.

While the verdict from the chair can be taken back, the debate may go on after all: whoever had read
it meanwhile would have judged a shorter one. Until then nobody else reads it, person or machine.
Where a verdict can be taken back for longer than `LONGEST`, others read it after that, and it can
no longer be taken back once somebody has judged. Nothing here reads ground truth.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from arena.store import Store

LONGEST = 3600.0
"""Seconds for which others wait at the most."""

_OPEN = (
    "SELECT e.match, max(json_extract(e.value, '$.settles')) AS until FROM json_each(?) AS wanted "
    "CROSS JOIN events AS e ON e.match = wanted.value WHERE e.kind = 'verdict' "
    "AND json_extract(e.value, '$.settles') > ? AND (e.person <> ?) AND NOT EXISTS "
    "(SELECT 1 FROM events AS w WHERE w.turn = e.turn AND w.match = e.match "
    "AND w.kind IN ('withdrawn', 'feedback')) GROUP BY e.match"
)


def settles(now: float, undo: float | None) -> float:
    """Until when others wait for a verdict that was given ``now`` from the chair, where the study
    lets it be taken back for ``undo`` seconds (None: without limit)."""
    return now + (LONGEST if undo is None else min(undo, LONGEST))


def unsettled(
    store: Store, matches: Iterable[str], now: float, person: str = ""
) -> dict[str, float]:
    """Those of these matches that are not over yet for anybody but who has judged them from the
    chair, and until when; ``person`` is whoever asks."""
    return {
        row["match"]: row["until"]
        for row in store.query(_OPEN, json.dumps(sorted(set(matches))), now, person)
    }
