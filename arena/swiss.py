"""The Swiss system: each round pairs players of like standing who have not met. Pure functions.

A player's standing is its mean points per meeting. A bye is no meeting and counts for nothing:
taken for a win, it would lift whoever is worst, and Bradley-Terry ratings would not follow. Nor is
a mean moved by how many meetings a player had, so who joins later stands where its play puts it.

Pairings follow from the results of earlier rounds and from the seed, whatever the order in which
either came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from arena.ids import derive_seed

UNKNOWN = 0.5
"""The mean points of a player who has met nobody yet, or of whom nothing was decided."""
_STEPS = 1_000_000  # standings are compared in so many steps from 0 to 1
_NOISE = 1 << 20  # ties are broken by draws below this


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two players in one round; ``points`` (0 to 1) are the first's, None while undecided."""

    round: int
    pair: tuple[str, str]
    points: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A player's mean points per meeting that was decided, its meetings, and the rounds that it
    sat out: byes, and those before it joined."""

    player: str
    mean: float
    meetings: int
    out: int


@dataclass(frozen=True, slots=True)
class Pairing:
    """Who meets whom in a round, and who sits it out where players are odd in number."""

    pairs: tuple[tuple[str, str], ...]
    bye: str | None = None


def standings(players: Sequence[str], meetings: Sequence[Meeting], seed: int) -> list[Standing]:
    """Where each player stands after these meetings, the best first; ties are broken by seed."""
    rounds = {one.round for one in meetings}
    points: dict[str, list[float]] = {player: [] for player in players}
    met: Counter[str] = Counter()
    sat: dict[str, set[int]] = {player: set(rounds) for player in players}
    for one in sorted(meetings, key=lambda one: (one.round, one.pair)):
        for i, player in enumerate(one.pair):
            met[player] += 1
            sat[player].discard(one.round)
            if one.points is not None:
                points[player].append(1 - one.points if i else one.points)
    table = [
        Standing(
            player,
            fsum(points[player]) / len(points[player]) if points[player] else UNKNOWN,
            met[player],
            len(sat[player]),
        )
        for player in players
    ]
    return sorted(
        table, key=lambda one: (-one.mean, derive_seed(seed, "place", len(rounds), one.player))
    )


def pairing(players: Sequence[str], meetings: Sequence[Meeting], seed: int) -> Pairing:
    """The next round: everybody plays, but one of an odd number.

    First, nobody meets again while that can be helped, and else those who have met least. Then
    scores differ as little as can be (squares are summed). The bye goes to one who sat out the
    fewest rounds; among these, where it costs no more repeated meetings, to the lowest. What is
    left open is drawn from the seed. A pair stands in the order of ``players``. Raises ValueError
    for fewer than two players.
    """
    if len(players) < 2:
        raise ValueError(f"expected two players or more, got {len(players)}")
    import networkx

    number = max((one.round for one in meetings), default=0) + 1
    table = {one.player: one for one in standings(players, meetings, seed)}
    score = {name: round(one.mean * _STEPS) for name, one in table.items()}
    met = Counter(frozenset(one.pair) for one in meetings)
    names = sorted(players)
    # What comes first outweighs all that comes after it, summed over a whole round: integers.
    spread = _NOISE * len(names)
    below = spread * (_STEPS * _STEPS * len(names) + 1)
    again = below * (_STEPS + 1)

    def drawn(*who: str) -> int:
        return derive_seed(seed, "pair", number, *who) % _NOISE

    graph = networkx.Graph()  # of places in ``names``; -1 is the bye
    for j, b in enumerate(names):
        for i, a in enumerate(names[:j]):
            times = met[frozenset((a, b))]
            cost = again * times * times + spread * (score[a] - score[b]) ** 2 + drawn(a, b)
            graph.add_edge(i, j, weight=-cost)
    if len(names) % 2:
        fewest = min(one.out for one in table.values())
        resting = [i for i, name in enumerate(names) if table[name].out == fewest]
        lowest = min(score[names[i]] for i in resting)
        for i in resting:
            cost = below * (score[names[i]] - lowest) + drawn(names[i])
            graph.add_edge(-1, i, weight=-cost)
    place = {name: i for i, name in enumerate(players)}
    bye, pairs = None, []
    for edge in networkx.max_weight_matching(graph, maxcardinality=True):
        i, j = sorted(edge)
        if i < 0:
            bye = names[j]
        else:
            a, b = sorted((names[i], names[j]), key=place.__getitem__)
            pairs.append((a, b))
    return Pairing(tuple(sorted(pairs, key=lambda pair: [place[one] for one in pair])), bye)
