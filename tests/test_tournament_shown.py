"""What ratings promise, shown through the whole pipeline: schedule, play, store, ratings.

The true strengths of witness players come from a simulation that shares nothing with the project
(`witness_oracle`). Where Bradley and Terry's model is to hold exactly, players say how strong they
are and a judge draws by that.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from witness_oracle import Floats, Skill, chances, drawn, literal, strengths

from agents.models import Models
from arena.flow import Flow
from arena.match import Agent, Judge, View, participant_id
from arena.protocols import debate
from arena.ratings import Ratings, ratings
from arena.runner import Planned
from arena.sources.witness import items
from arena.stats.bradley_terry import CENTRE, ELO
from arena.store import Store
from arena.tournament import Seats, schedule
from arena.turns import Speech, Verdict
from judges.planted import Noisy, Seated
from ui.runs import Cast, perform

EIGHT = (0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0)
SKILLS: tuple[Skill, ...] = tuple((x, x, x) for x in EIGHT)
PAIRS = dict.fromkeys(combinations(range(8), 2), 1.0)
BONUS = 0.8


@dataclass(frozen=True)
class Strong:
    """A debater that says how strong it is, and nothing else."""

    strength: float

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": "strong", "strength": self.strength}

    def speak(self, view: View) -> Flow[Speech]:
        yield from ()
        return Speech(f"Believe me by {self.strength!r}.")


@dataclass(frozen=True)
class Weighing:
    """A judge whose log-odds are the difference of the strengths that it has heard."""

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": "weighing"}

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ()
        heard = {turn.seat: float(turn.text.split()[-1].rstrip(".")) for turn in view.turns}
        weights = [math.exp(heard[option.label]) for option in view.options]
        p = tuple(one / sum(weights) for one in weights)
        return Verdict(int(p[1] > p[0]), p)


def played(
    players: Mapping[str, Agent | str], judge: Judge | str, *, questions: int = 40, seed: int = 3,
    rounds: int = 1, seats: Seats = "alternate", shuffled: bool = False,
) -> Store:  # fmt: skip
    """A store with a round robin of these players, named or made, in mirrored roles."""
    store = Store(None)
    cast, ids = Cast(Models(), store), {}
    for name, one in players.items():
        if isinstance(one, str):
            ids[name] = cast.player(one)
        else:
            ids[name] = participant_id(one)
            cast.agents[ids[name]] = one
    if isinstance(judge, str):
        who = cast.judge(judge)
    else:
        who = participant_id(judge)
        cast.judges[who] = judge
    asked = list(items(seed, questions, "test"))
    planned: Sequence[Planned] = list(
        schedule([one.question for one in asked], {"debate": debate(rounds=rounds)}, ids,
                 {"judge": who}, seed, seats=seats)
    )  # fmt: skip
    if shuffled:
        random.Random(5).shuffle(planned)  # type: ignore[arg-type]
    done = perform(store, "shown", "tournament", {}, asked, planned, cast)
    assert done.done == len(planned) == 28 * 2 * questions
    return store


def witnesses(order: Sequence[int] = range(8)) -> dict[str, str]:
    """The eight witness players; in which order a file has them says nothing of their strength."""
    return {f"p{i}": f"scripted:witness,p={EIGHT[i]},s={EIGHT[i]},b={EIGHT[i]}" for i in order}


def rated(store: Store, **how: object) -> Ratings:
    found = ratings(store, "shown", **how)  # type: ignore[arg-type]
    assert found.comparisons == sum(map(sum, found.met)) / 2 and found.waiting == 0
    return found


def skills(found: Ratings) -> Floats:
    """Estimated skills of p0 to p7, in logits."""
    by = {one.name: one.skill for one in found.players}
    return np.array([by[f"p{i}"] for i in range(8)])


def within(found: Ratings, true: Sequence[float]) -> int:
    """How many of eight true skills lie in their players' intervals."""
    by = {one.name: one.interval for one in found.players}
    inside = 0
    for i, skill in enumerate(true):
        interval = by[f"p{i}"]
        assert interval is not None
        inside += interval[0] <= CENTRE + ELO * skill <= interval[1]
    return inside


def errors(found: Ratings) -> Floats:
    """Standard errors of the skills of p0 to p7."""
    return np.array([found.fit.contrast({f"p{i}": 1.0}).se for i in range(8)])


def true_strengths(rounds: int) -> Floats:
    """What the simulation says of the eight, before a judge who takes lines at face value."""
    found, _ = strengths(chances(SKILLS, rounds - 1, literal), PAIRS)
    assert (np.diff(found) > 0.1).all(), "they are not of the strengths that this test is about"
    return found


def test_eight_players_of_known_strength_are_ranked_in_their_order() -> None:
    store = played(witnesses((5, 0, 7, 2, 4, 1, 6, 3)), "scripted:literal", questions=80,
                   rounds=2)  # fmt: skip
    found, true = rated(store, ridge=1e-6), true_strengths(2)
    assert [one.name for one in found.players] == [f"p{i}" for i in range(7, -1, -1)]
    inside = within(found, true.tolist())
    assert inside >= 7, f"{inside} of 8 true strengths are in their intervals of 95 %"
    apart = 0
    for weak, strong in combinations(range(8), 2):
        gap = found.fit.difference(f"p{strong}", f"p{weak}")
        assert gap.low is not None and gap.high is not None
        apart += gap.low > 0
        assert abs(gap.value - (true[strong] - true[weak])) < 4 * (gap.se or 0)
    assert apart >= 24, "intervals so wide that any order would be inside them"
    seat = found.effects["seat"]
    assert seat.low is not None and seat.high is not None and seat.low < 0 < seat.high
    for one in found.players:
        assert one.honest is not None and one.dishonest is not None
        assert one.accuracy is not None and one.won is not None
    weakest, best = found.players[-1], found.players[0]
    assert best.accuracy is not None and weakest.accuracy is not None
    assert best.accuracy.value > weakest.accuracy.value + 0.1


@pytest.mark.check
@pytest.mark.parametrize("judge", ["scripted:literal", "planted:noisy,of=(scripted:literal)"])
def test_true_strengths_are_in_their_intervals_at_the_nominal_rate(judge: str) -> None:
    """Thirty tournaments of 2,240 matches on questions of their own: 240 intervals."""
    verdict = literal if judge == "scripted:literal" else drawn()
    true, _ = strengths(chances(SKILLS, 0, verdict), PAIRS)
    inside = sum(
        within(rated(played(witnesses(), judge, seed=100 + i), ridge=1e-6), true.tolist())
        for i in range(30)
    )
    print(f"{judge}: {inside} of 240 true strengths are in their intervals")
    assert 0.92 <= inside / 240 <= 0.985


LEAST = 6
"""Fewer than six of eight intervals of 95 % hold the truth once in 170 times; fewer than seven do
once in 17, which is no reason to look for another seed. The long test shows the rate."""


def strong() -> dict[str, Agent]:
    return {f"p{i}": Strong(round(i / 4 - 0.875, 3)) for i in range(8)}


def test_a_seats_effect_is_recovered_and_taken_out_of_the_ratings() -> None:
    """Weaker players always sit first, so that the seat's worth is a part of their results."""
    true = np.array([i / 4 - 0.875 for i in range(8)])
    fair = rated(played(strong(), Noisy(Weighing()), seats="fixed"), ridge=1e-6)
    store = played(strong(), Noisy(Seated(Weighing(), BONUS)), seats="fixed")
    biased, blind = rated(store, ridge=1e-6), rated(store, seat=False, ridge=1e-6)

    effect, none = biased.effects["seat"], fair.effects["seat"]
    assert effect.se is not None and none.se is not None
    assert abs(effect.value - BONUS) < 2 * effect.se < 0.4
    assert abs(none.value) < 2 * none.se
    assert min(within(one, true.tolist()) for one in (biased, fair)) >= LEAST
    off = np.abs(skills(biased) - skills(fair)) / np.hypot(errors(biased), errors(fair))
    assert off.max() < 3 and (off < 2).sum() >= 7, "not the ratings of the judge without a bias"

    assert not blind.effects and within(blind, true.tolist()) <= 2
    assert (np.abs(skills(blind) - true) > 4 * errors(blind)).sum() >= 5
    middle = slice(2, 6)
    assert np.abs(skills(blind) - true).max() > 0.4
    assert np.abs(skills(biased) - true)[middle].max() < 0.2


def test_on_the_witness_world_a_seats_effect_is_what_the_simulation_says() -> None:
    """There the model holds only nearly: what it should come to is the simulation's own fit."""
    judge = "planted:noisy,of=({})"
    seated = judge.format(f"planted:seat,of=(scripted:literal),bonus={BONUS}")
    with_bias, worth = strengths(chances(SKILLS, 0, drawn(BONUS)), PAIRS, seated=True)
    without, nothing = strengths(chances(SKILLS, 0, drawn()), PAIRS, seated=True)
    assert abs(nothing) < 0.1 and 0.6 < worth < BONUS, "what lines are shown blurs the seat's worth"
    store = played(witnesses(), seated, questions=60, seats="fixed")
    biased, blind = rated(store, ridge=1e-6), rated(store, seat=False, ridge=1e-6)
    fair = rated(played(witnesses(), judge.format("scripted:literal"), questions=60,
                        seats="fixed"), ridge=1e-6)  # fmt: skip
    effect, none = biased.effects["seat"], fair.effects["seat"]
    assert effect.se is not None and none.se is not None
    assert abs(effect.value - worth) < 2 * effect.se < 0.4
    assert abs(none.value - nothing) < 2 * none.se
    assert within(biased, with_bias.tolist()) >= LEAST <= within(fair, without.tolist())
    off = np.abs(skills(biased) - skills(fair)) / np.hypot(errors(biased), errors(fair))
    assert off.max() < 3 and (off < 2).sum() >= 7
    assert within(blind, with_bias.tolist()) <= 2


def test_the_order_in_which_matches_are_played_changes_nothing() -> None:
    judge = f"planted:noisy,of=(planted:seat,of=(scripted:literal),bonus={BONUS})"
    one = rated(played(witnesses(), judge, questions=6))
    other = rated(played(witnesses(), judge, questions=6, shuffled=True))
    assert one.record() == other.record()
