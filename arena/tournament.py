"""Schedules: which matches a run plays, with sides, roles and listings balanced by design.

Nothing here reads the truth. A lone consultant argues for every answer of a question, so honest and
dishonest come out even by construction; between seats, sides are balanced over the questions in an
order drawn from the seed, so they have nothing to do with the order in which the data came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, combinations_with_replacement

from arena.ids import derive_seed
from arena.match import Match, mirror
from arena.protocols import JUDGE, Protocol
from arena.questions import Question
from arena.runner import Planned


def round_robin(players: Sequence[str], with_self: bool = False) -> list[tuple[str, ...]]:
    """Every unordered pair of players, once; with themselves too where that is asked for."""
    pairs = combinations_with_replacement(players, 2) if with_self else combinations(players, 2)
    return list(pairs)


def _teams(protocol: Protocol, players: Sequence[str]) -> list[tuple[str, ...]]:
    count = len(protocol.speakers)
    if count < 2:
        return [(player,) for player in players] if count else [()]
    return round_robin(players, len(players) == 1)


def matches(
    question: Question,
    position: int,
    protocol: Protocol,
    pair: tuple[str, ...],
    seed: int,
    replicate: int = 0,
    judge: str | None = None,
    mirrored: bool = False,
) -> list[Match]:
    """The match of ``pair`` on one question, and its mirror if asked for and another match.

    The first of the pair sits at the first speaking seat. Its side alternates with ``position``,
    the question's number in the run's drawn order, and with the replicate: over a run each seat
    defends each answer equally often. A lone consultant argues for every answer, one match each.
    ``seed`` and ``replicate`` make the match seed, so the same speaker at the same node draws the
    same noise against every opponent. ``judge`` is seated where the protocol lets it ask.
    """
    speakers = protocol.speakers
    n = len(question.answers)
    first = (position + replicate) % n
    sides: tuple[tuple[str, int], ...] = ()
    proposal = None
    if protocol.options == "right or wrong":
        sides = tuple((seat, int(protocol.role(seat) == "critic")) for seat in speakers)
        proposal = first
    elif protocol.sides == "assigned":
        sides = tuple((seat, (first + i) % n) for i, seat in enumerate(speakers))
    seats = tuple(zip(speakers, pair, strict=True))
    if judge is not None and protocol.asks:
        seats += ((JUDGE, judge),)
    match = Match(question, protocol, sides, seats, derive_seed(seed, replicate), proposal)
    if len(sides) == 1:
        return [replace(match, sides=((speakers[0], (first + i) % n),)) for i in range(n)]
    if not mirrored or not speakers:
        return [match]
    turned = mirror(match)
    return [match] if turned == match else [match, turned]


def schedule(
    questions: Sequence[Question],
    protocols: Mapping[str, Protocol],
    players: Mapping[str, str],
    judges: Mapping[str, str],
    seed: int,
    teams_of: Callable[[Protocol], Sequence[tuple[str, ...]]] | None = None,
    mirrored: bool = True,
    replicates: int = 1,
) -> Iterator[Planned]:
    """Every question under every protocol with every team of players, in the speakers' order.

    ``players`` and ``judges`` map names to participant ids. The teams are a round robin unless
    ``teams_of`` says otherwise: each player alone where one speaks, every pair where two do. A
    judge that may ask is seated, one match each; judges that only read share a match.
    """
    drawn = sorted(questions, key=lambda question: derive_seed(seed, "sides", question.id))
    position = {question.id: i for i, question in enumerate(drawn)}
    for name, protocol in protocols.items():
        teams = _teams(protocol, list(players)) if teams_of is None else teams_of(protocol)
        seated: Sequence[str | None] = list(judges) if protocol.asks and judges else [None]
        for team in teams:
            setting = f"{name}: {' v '.join(team)}" if team and len(players) > 1 else name
            for question in questions:
                for replicate in range(replicates):
                    for judge in seated:
                        ids = tuple(players[player] for player in team)
                        found = matches(
                            question, position[question.id], protocol, ids, seed, replicate,
                            None if judge is None else judges[judge], mirrored,
                        )  # fmt: skip
                        for i, match in enumerate(found):
                            yield Planned(
                                match,
                                {
                                    "setting": setting,
                                    "protocol": name,
                                    "players": dict(zip(protocol.speakers, team, strict=True)),
                                    "mirrored": bool(i),
                                    "replicate": replicate,
                                },
                                () if judge is not None else tuple(judges.values()),
                            )
