"""Who has met whom in a run's rounds, and with what result: what Swiss pairings follow from.

A meeting is two players in one round, on all questions under all protocols of two speakers. All of
it is read from the run's claims and from the verdicts that stand. Nothing here reads the truth.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from arena.match import PERSON
from arena.protocols import Protocol
from arena.ratings.meetings import meetings
from arena.ratings.outcomes import mean, outcomes
from arena.store import Store, StoreError
from arena.swiss import Meeting

Pair: TypeAlias = tuple[str, str]
Rounds: TypeAlias = dict[int, dict[Pair, int]]
"""By round, who meets whom, and how often these two had met before."""
_CLAIMS = (
    "SELECT match, labels, seats FROM run_matches JOIN matches ON id = match WHERE run = ? "
    "AND json_extract(labels, '$.round') NOT NULL ORDER BY position"
)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A match of a round: the pair in the order in which it was paired, how often the two had met,
    and whether the first of them sits at the first seat."""

    match: str
    round: int
    pair: Pair
    before: int
    first: bool


def _claims(
    store: Store,
    run: str,
    protocols: Mapping[str, Protocol],
    players: Mapping[str, str],
    replicates: int,
) -> Iterator[_Claim]:
    labels_of: Any = lru_cache(maxsize=4096)(json.loads)
    for row in store.query(_CLAIMS, run):
        labels, sitting = labels_of(row["labels"]), dict(json.loads(row["seats"]))
        protocol, named = protocols.get(labels["protocol"]), labels["players"]
        gone = [f"players.{who}" for who in named.values() if who not in players]
        if protocol is None or gone:
            what = gone[0] if gone else f"protocol {labels['protocol']!r}"
            raise StoreError(
                f"run {run!r}: {what} is gone, and has met others in this store; a run that is "
                "taken up again keeps what it has; give this one another name"
            )
        first, second = protocol.speakers
        pair = (named[first], named[second])
        exchanged = bool(labels.get("exchanged"))
        # A mirror may change seats under the same label; one that does is never exchanged.
        moved = sitting.get(first, PERSON) != players[named[first]]
        yield _Claim(
            row["match"], labels["round"], pair[::-1] if exchanged else pair,
            labels["replicate"] // replicates, moved == exchanged,
        )  # fmt: skip


def kept_rounds(
    store: Store,
    run: str,
    protocols: Mapping[str, Protocol],
    players: Mapping[str, str],
    replicates: int = 1,
) -> Rounds:
    """The rounds that a run has claimed, in order. ``protocols`` and ``players`` (participant ids)
    are by the names in its labels; ``replicates`` is how many each meeting has."""
    found: Rounds = {}
    for one in _claims(store, run, protocols, players, replicates):
        found.setdefault(one.round, {}).setdefault(one.pair, one.before)
    return dict(sorted(found.items()))


def results(
    store: Store,
    run: str,
    protocols: Mapping[str, Protocol],
    players: Mapping[str, str],
    replicates: int = 1,
) -> list[Meeting]:
    """Every meeting of a run with its points: the mean over what was decided on its matches, as
    ratings count it (each judge's listings, or the decision of the panel that the run declares)."""
    decided = outcomes(store, run, meetings(store, run, truths=False).of)
    worth: dict[str, list[float]] = {}
    for match, judge in sorted(decided.points):
        worth.setdefault(match, []).append(decided.score((match, judge)))
    found: dict[tuple[int, Pair], list[float]] = {}
    for one in _claims(store, run, protocols, players, replicates):
        of = found.setdefault((one.round, one.pair), [])
        of += [won if one.first else 1 - won for won in worth.get(one.match, ())]
    return [
        Meeting(number, pair, mean(of) if of else None)
        for (number, pair), of in sorted(found.items())
    ]
