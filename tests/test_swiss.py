"""Swiss pairings: who meets whom follows from results and seed, and from nothing else."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.swiss import Meeting, Pairing, pairing, standings

Round = tuple[Pairing, list[Meeting]]


def played(
    players: Sequence[str], rounds: int, seed: int, noise: random.Random | None = None
) -> tuple[list[Meeting], list[Pairing]]:
    """So many rounds with results that are drawn."""
    noise = noise or random.Random(seed)
    meetings: list[Meeting] = []
    found = []
    for number in range(1, rounds + 1):
        one = pairing(players, meetings, seed)
        found.append(one)
        meetings += [Meeting(number, pair, noise.randrange(9) / 8) for pair in one.pairs]
    return meetings, found


def names(n: int) -> list[str]:
    return [f"p{i}" for i in range(n)]


def pairings(names: Sequence[str]) -> Iterator[list[frozenset[str]]]:
    """Every way to pair an even number of names."""
    if not names:
        yield []
        return
    first, *rest = names
    for other in rest:
        left = [name for name in rest if name != other]
        for more in pairings(left):
            yield [frozenset((first, other)), *more]


def fewest_out(players: Sequence[str], meetings: Sequence[Meeting]) -> list[str]:
    """Who may have the bye: those who met in the most rounds."""
    met = Counter(who for one in meetings for who in one.pair)
    return [who for who in players if met[who] == max(met[other] for other in players)]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 11), st.integers(1, 14), st.integers(0, 10**6))
def test_everybody_plays_each_round_but_one_of_an_odd_number_and_byes_are_spread(
    n: int, rounds: int, seed: int
) -> None:
    players = names(n)
    byes: Counter[str] = Counter({who: 0 for who in players})
    _, found = played(players, rounds, seed)
    for one in found:
        sitting = [who for pair in one.pairs for who in pair]
        resting = [] if one.bye is None else [one.bye]
        assert sorted(sitting + resting) == sorted(players)
        assert len(resting) == n % 2
        byes.update(resting)
    assert max(byes.values()) - min(byes.values()) <= 1


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 8), st.integers(1, 9), st.integers(0, 10**6))
def test_no_pairing_has_fewer_repeated_meetings_and_none_of_those_has_scores_that_are_closer(
    n: int, rounds: int, seed: int
) -> None:
    """Against every pairing that there is."""
    players = names(n)
    meetings, _ = played(players, rounds, seed)
    met = Counter(frozenset(one.pair) for one in meetings)
    mean = {one.player: one.mean for one in standings(players, meetings, seed)}

    def price(pairs: Sequence[frozenset[str]], bye: str | None) -> tuple[int, float, float]:
        apart = sum((mean[a] - mean[b]) ** 2 for a, b in map(sorted, pairs))
        lowest = 0.0 if bye is None else mean[bye]
        return sum(met[pair] ** 2 for pair in pairs), round(lowest, 5), apart

    everything = [
        price(pairs, bye)
        for bye in (fewest_out(players, meetings) if n % 2 else [None])
        for pairs in pairings([who for who in players if who != bye])
    ]
    chosen = pairing(players, meetings, seed)
    mine = price([frozenset(pair) for pair in chosen.pairs], chosen.bye)
    best = min(everything)
    assert mine[:2] == best[:2]
    assert mine[2] == pytest.approx(best[2], abs=1e-4)  # standings are compared in millionths


def test_no_rematch_comes_before_everybody_has_met_where_the_order_allows_it() -> None:
    """Four players in three rounds, and three in three with a bye each, are a round robin."""
    for n in (3, 4):
        for seed in range(20):
            meetings, found = played(names(n), 3, seed)
            assert len({frozenset(one.pair) for one in meetings}) == n * (n - 1) // 2
            assert len({one.bye for one in found}) == (3 if n == 3 else 1)
            again = pairing(names(n), meetings, seed)
            assert len(again.pairs) == n // 2  # and then they meet again


def test_a_pairing_depends_on_results_and_seed_alone() -> None:
    players = names(7)
    meetings, _ = played(players, 4, 3)
    one = pairing(players, meetings, 3)
    shuffled = meetings[::-1]
    other = pairing(players[::-1], shuffled, 3)
    assert {frozenset(pair) for pair in other.pairs} == {frozenset(pair) for pair in one.pairs}
    assert other.bye == one.bye
    first = [frozenset(map(frozenset, pairing(players, [], seed).pairs)) for seed in range(30)]
    assert len(set(first)) > 10  # the first round is drawn


def test_those_of_like_standing_meet() -> None:
    players = names(4)
    meetings = [Meeting(1, ("p0", "p1"), 1.0), Meeting(1, ("p2", "p3"), 1.0)]
    found = pairing(players, meetings, 0)
    assert {frozenset(pair) for pair in found.pairs} == {
        frozenset({"p0", "p2"}), frozenset({"p1", "p3"}),
    }  # fmt: skip


def test_a_bye_counts_for_nothing_and_goes_to_the_lowest_of_those_with_the_fewest() -> None:
    players = names(3)
    first = [Meeting(1, ("p0", "p1"), 0.25)]
    table = {one.player: one for one in standings(players, first, 0)}
    assert (table["p2"].mean, table["p2"].meetings, table["p2"].out) == (0.5, 0, 1)
    assert (table["p1"].mean, table["p0"].mean) == (0.75, 0.25)
    assert pairing(players, first, 0).bye == "p0"
    second = [*first, Meeting(2, ("p1", "p2"), 1.0)]
    assert pairing(players, second, 0).bye == "p1"  # the highest, but the only one without


def test_a_meeting_that_nobody_decided_moves_no_standing_but_is_a_meeting() -> None:
    players = names(4)
    meetings = [Meeting(1, ("p0", "p1"), None), Meeting(1, ("p2", "p3"), 0.5)]
    table = {one.player: one for one in standings(players, meetings, 0)}
    assert (table["p0"].mean, table["p0"].meetings, table["p0"].out) == (0.5, 1, 0)
    for seed in range(10):
        pairs = {frozenset(pair) for pair in pairing(players, meetings, seed).pairs}
        assert frozenset({"p0", "p1"}) not in pairs


def test_a_player_that_joins_later_is_in_the_next_round_and_has_no_bye_there() -> None:
    meetings, _ = played(names(4), 2, 5)
    for seed in range(10):
        found = pairing([*names(4), "late"], meetings, seed)
        assert found.bye != "late" and any("late" in pair for pair in found.pairs)


def test_fewer_than_two_players_are_refused() -> None:
    with pytest.raises(ValueError, match="two players or more, got 1"):
        pairing(["alone"], [], 0)


def test_a_few_rounds_recover_most_of_the_order_of_eight_players() -> None:
    """Five rounds of eight players: 20 of 28 pairs. With results that skill decides, the table's
    order agrees with the true one on far more pairs than a draw would, and the best are on top."""
    agree, top = [], 0
    for seed in range(40):
        noise = random.Random(seed)
        skill = {who: 0.6 * i for i, who in enumerate(names(8))}
        meetings: list[Meeting] = []
        for number in range(1, 6):
            for a, b in pairing(names(8), meetings, seed).pairs:
                p = 1 / (1 + exp(skill[b] - skill[a]))
                won = sum(noise.random() < p for _ in range(20)) / 20
                meetings.append(Meeting(number, (a, b), won))
        order = [one.player for one in standings(names(8), meetings, seed)]
        right = [skill[a] > skill[b] for a, b in combinations(order, 2)]
        agree.append(sum(right) / len(right))
        top += order[0] == "p7"
    assert sum(agree) / len(agree) > 0.85  # a draw: .5
    assert top > 24  # a draw: 5 of 40
