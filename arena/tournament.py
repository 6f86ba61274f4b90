"""Schedules: which matches a run plays, with sides, roles and listings balanced by design.

Nothing here reads the truth. Sides are balanced over questions (or, mirrored, within each), so
honest and dishonest come out even by construction and are told apart only by reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    the question's number in the run: over a run each seat defends each answer equally often.
    ``seed`` and ``replicate`` make the match seed, so the same speaker at the same node draws the
    same noise against every opponent. ``judge`` is seated where the protocol lets it ask.
    """
    speakers = protocol.speakers
    n = len(question.answers)
    first = position % n
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
    if not mirrored or not speakers:
        return [match]
    if len(sides) == 1:  # a lone consultant argues for every answer
        return [replace(match, sides=((speakers[0], (first + i) % n),)) for i in range(n)]
    turned = mirror(match)
    return [match] if turned == match else [match, turned]


def schedule(
    questions: Sequence[Question],
    protocols: Mapping[str, Protocol],
    players: Mapping[str, str],
    judges: Mapping[str, str],
    seed: int,
    pairs: Sequence[tuple[str, ...]] | None = None,
    mirrored: bool = True,
    replicates: int = 1,
) -> Iterator[Planned]:
    """Every question under every protocol with every pair (round robin by default).

    ``players`` and ``judges`` map names to participant ids. Protocols with one speaker take each
    player alone, protocols with none take nobody. A judge that may ask is seated, one match each;
    judges that only read share a match.
    """
    for name, protocol in protocols.items():
        count = len(protocol.speakers)
        teams: Sequence[tuple[str, ...]]
        if count == 0:
            teams = [()]
        elif count == 1:
            teams = [(player,) for player in players]
        else:
            teams = round_robin(list(players), len(players) == 1) if pairs is None else pairs
        seated: Sequence[str | None] = list(judges) if protocol.asks and judges else [None]
        for team in teams:
            setting = f"{name}: {' v '.join(team)}" if team and len(players) > 1 else name
            for position, question in enumerate(questions):
                for replicate in range(replicates):
                    for judge in seated:
                        ids = tuple(players[player] for player in team)
                        found = matches(
                            question, position, protocol, ids, seed, replicate,
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
