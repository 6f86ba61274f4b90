"""The matches behind a cell of the cross-play matrix."""

from __future__ import annotations

from arena.ratings.meetings import meetings
from arena.ratings.outcomes import Panel, outcomes
from arena.store import Store


def cell_matches(
    store: Store, run: str, first: str, second: str, panel: Panel = "declared"
) -> tuple[str, ...]:
    """The ids of the matches behind a cell of the cross-play matrix, in the order of the run.

    ``first`` and ``second`` are ids of participants, as a player's ``id``. Only what they played is
    read. Empty where no verdict has compared them.
    """
    found = meetings(store, run, truths=False, between=(first, second)).of
    seen = outcomes(store, run, found, panel, these=True)
    counted = {match for match, _ in seen.kept(found)[0]}
    return tuple(match for match in found if match in counted)
