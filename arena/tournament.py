"""Schedules: which matches a run plays, with sides, seats and listings balanced by design.

Nothing here reads the truth. A lone consultant argues for every answer of a question, so honest and
dishonest come out even by construction; between seats, sides are balanced over the questions by a
draw from the seed, so they have nothing to do with the order in which the data came. Seats are
exchanged in the same way, crossed with sides, so that what a seat is worth can be told from skill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, combinations_with_replacement
from typing import Literal

from arena.ids import derive_seed
from arena.match import Match, mirror
from arena.protocols import JUDGE, Protocol
from arena.questions import Question
from arena.runner import Planned

Seats = Literal["fixed", "alternate", "both"]
"""Who of two players has the first speaking seat: always the first of the pair, each on half of
the questions, or both on every question."""
Team = tuple[str, ...]


def round_robin(players: Sequence[str], with_self: bool = False) -> list[Team]:
    """Every unordered pair of players, once; with themselves too where that is asked for.

    A later player's pairs come after all pairs of earlier ones: with more players it only grows.
    """
    pairs = combinations_with_replacement(players, 2) if with_self else combinations(players, 2)
    place = {player: i for i, player in enumerate(players)}
    return sorted(pairs, key=lambda pair: place[pair[1]])


def lone_teams(protocol: Protocol, players: Iterable[str]) -> list[Team]:
    """The teams of a protocol in which nobody meets: each player alone, or nobody."""
    if len(protocol.speakers) > 1:
        return []
    return [(player,) for player in players] if protocol.speakers else [()]


def _teams(protocol: Protocol, players: Sequence[str]) -> list[Team]:
    if len(protocol.speakers) < 2:
        return lone_teams(protocol, players)
    return round_robin(players, len(players) == 1)


# ---------------------------------------------------------------------------------------------
# Sides and seats.


@dataclass(frozen=True, slots=True)
class Arranged:
    """A match of a team on a question: whether roles are mirrored, and seats exchanged."""

    match: Match
    mirrored: bool = False
    exchanged: bool = False


def arranged(
    question: Question,
    position: int,
    protocol: Protocol,
    pair: Team,
    seed: int,
    replicate: int = 0,
    judge: str | None = None,
    mirrored: bool = False,
    seats: Seats = "fixed",
) -> list[Arranged]:
    """The matches of ``pair`` on one question: mirrored too if asked for, where that is another.

    The first of the pair sits at the first speaking seat, unless seats are exchanged. The side of
    that seat is ``position`` modulo the number of answers, and whether ``seats`` that alternate
    are exchanged is what remains of ``position`` modulo 2: over a run each seat defends each
    answer, and each player sits at each seat, equally often and crossed. The replicate goes on
    from there. Where the mirror lets participants change seats (other roles, open sides), that is
    the exchange. A lone consultant argues for every answer, one match each.
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

    def laid(team: Team, exchanged: bool = False) -> list[Arranged]:
        seated = tuple(zip(speakers, team, strict=True))
        if judge is not None and protocol.asks:
            seated += ((JUDGE, judge),)
        match = Match(question, protocol, sides, seated, derive_seed(seed, replicate), proposal)
        if len(sides) == 1:
            return [
                Arranged(replace(match, sides=((speakers[0], (first + i) % n),)), bool(i))
                for i in range(n)
            ]
        found = [Arranged(match, False, exchanged)]
        if mirrored and speakers and (turned := mirror(match)) != match:
            found.append(Arranged(turned, True, exchanged))
        return found

    found = laid(pair)
    moved = found[-1].match.seats != found[0].match.seats
    if seats == "fixed" or len(set(pair)) < 2 or moved:
        return found
    if seats == "both":
        return found + laid(pair[::-1], True)
    again = replicate if mirrored else replicate // n
    return laid(pair[::-1], True) if (position // n + again) % 2 else found


def matches(
    question: Question,
    position: int,
    protocol: Protocol,
    pair: Team,
    seed: int,
    replicate: int = 0,
    judge: str | None = None,
    mirrored: bool = False,
) -> list[Match]:
    """The match of ``pair`` on one question, and its mirror if asked for and another match, with
    the first of the pair at the first speaking seat: see `arranged`."""
    found = arranged(question, position, protocol, pair, seed, replicate, judge, mirrored)
    return [one.match for one in found]


def ranked(questions: Sequence[Question], seed: int) -> dict[str, int]:
    """The place of each question in an order that is drawn from the seed, by question id."""
    drawn = sorted(questions, key=lambda question: derive_seed(seed, "sides", question.id))
    return {question.id: i for i, question in enumerate(drawn)}


def dealt(questions: Sequence[Question], seed: int) -> dict[str, int]:
    """A position for each question that stays when questions are added behind it, by question id.

    Of ``n`` answers there are 2 n positions, a first side and a seat each: they are dealt in an
    order drawn anew for every 2 n questions, in which every side comes once in each half, and the
    seats by turns. A run that stops anywhere is as balanced as it can be.
    """
    seen: Counter[int] = Counter()
    position = {}
    for question in questions:
        n = len(question.answers)
        block, i = divmod(seen[n], 2 * n)
        seen[n] += 1
        position[question.id] = _block(n, seed, block)[i]
    return position


@lru_cache(maxsize=1024)
def _block(n: int, seed: int, block: int) -> tuple[int, ...]:
    def drawn(sides: Iterable[int], half: int) -> list[int]:
        return sorted(sides, key=lambda side: derive_seed(seed, "dealt", n, block, half, side))

    begin = derive_seed(seed, "dealt", n, block) % 2
    out = [(side, (begin + i) % 2) for i, side in enumerate(drawn(range(n), 0))]
    left = {seat: drawn((side for side, at in out if at != seat), 1) for seat in (0, 1)}
    turn = (begin + n if n % 2 else derive_seed(seed, "dealt", n, block, "again")) % 2
    out += [(left[(turn + i) % 2].pop(), (turn + i) % 2) for i in range(n)]
    return tuple(side + n * seat for side, seat in out)


# ---------------------------------------------------------------------------------------------
# Schedules.


@dataclass(frozen=True, slots=True)
class Design:
    """What all matches of a schedule share. ``players`` and ``judges`` map names to participant
    ids; ``position`` is of each question, by its id, as `arranged` takes it."""

    questions: Sequence[Question]
    players: Mapping[str, str]
    judges: Mapping[str, str]
    seed: int
    position: Mapping[str, int]
    mirrored: bool = True
    seats: Seats = "fixed"

    def planned(
        self,
        name: str,
        protocol: Protocol,
        team: Team,
        replicates: Iterable[int] = (0,),
        **labels: object,
    ) -> Iterator[Planned]:
        """A team on every question under one protocol. ``labels`` are added to those of each.

        A judge that may ask is seated, one match each; judges that only read share a match.
        """
        seated: Sequence[str | None] = [None]
        if protocol.asks and self.judges:
            seated = list(self.judges)
        alone = not team or len(self.players) < 2
        setting = name if alone else f"{name}: {' v '.join(team)}"
        ids = tuple(self.players[player] for player in team)
        again = tuple(replicates)
        for question in self.questions:
            for replicate in again:
                for judge in seated:
                    found = arranged(
                        question, self.position[question.id], protocol, ids, self.seed, replicate,
                        None if judge is None else self.judges[judge], self.mirrored, self.seats,
                    )  # fmt: skip
                    for one in found:
                        sitting = team[::-1] if one.exchanged else team
                        yield Planned(
                            one.match,
                            {
                                "setting": setting,
                                "protocol": name,
                                "players": dict(zip(protocol.speakers, sitting, strict=True)),
                                "mirrored": one.mirrored,
                                "replicate": replicate,
                                **({"exchanged": True} if one.exchanged else {}),
                                **labels,
                            },
                            () if judge is not None else tuple(self.judges.values()),
                        )


def schedule(
    questions: Sequence[Question],
    protocols: Mapping[str, Protocol],
    players: Mapping[str, str],
    judges: Mapping[str, str],
    seed: int,
    teams_of: Callable[[Protocol], Sequence[Team]] | None = None,
    mirrored: bool = True,
    replicates: int = 1,
    seats: Seats = "fixed",
    grows: bool = False,
) -> Iterator[Planned]:
    """Every question under every protocol with every team of players, in the speakers' order.

    ``players`` and ``judges`` map names to participant ids. The teams are a round robin unless
    ``teams_of`` says otherwise: each player alone where one speaks, every pair where two do. What
    ``grows`` can be continued: with players or questions added behind the others the schedule
    has all that it had, and with players alone it begins with it.
    """
    position = dealt(questions, seed) if grows else ranked(questions, seed)
    design = Design(questions, players, judges, seed, position, mirrored, seats)
    teams = [
        (name, protocol, team)
        for name, protocol in protocols.items()
        for team in (teams_of(protocol) if teams_of else _teams(protocol, list(players)))
    ]
    if grows:
        place = {player: i for i, player in enumerate(players)}
        teams.sort(key=lambda one: max((place[player] for player in one[2]), default=-1))
    for name, protocol, team in teams:
        yield from design.planned(name, protocol, team, range(replicates))
