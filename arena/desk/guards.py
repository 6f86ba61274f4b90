"""What an act must not overlook, as statements of its transaction: the last look before it writes.

Each is given (match, seat, person). Where it finds what it looks for it is an error, which undoes
the whole transaction: what an act has read may have changed since. Nothing here reads ground truth.
"""

from __future__ import annotations

from arena.desk.seen import SEEN

# `until` cannot be null.
_UNLESS = "INSERT INTO assignments (match, seat, holder, until) SELECT ?1, ?2, ?3, NULL WHERE "
UNLESS_CLOSED = (
    f"{_UNLESS}EXISTS (SELECT 1 FROM assignments WHERE match = ?1 AND holder = ?3 "
    "AND (closed = 'recused' OR seat = ?2 AND closed NOT NULL))"
)
"""The person has stepped down from the match, or an admin has taken the place back."""
UNLESS_JUDGED = f"{_UNLESS}EXISTS (SELECT 1 FROM verdicts WHERE match = ?1 AND author = ?3)"
"""The person's verdict on the match stands."""
UNLESS_SEEN = f"{_UNLESS}EXISTS ({SEEN.format(match='?1', person='?3')})"
"""The person has seen of this question what judges must not (`arena.desk.seen`)."""
UNLESS_OTHERS = f"{_UNLESS}EXISTS (SELECT 1 FROM verdicts WHERE match = ?1 AND author <> ?3)"
"""Somebody else's verdict on the match stands."""
