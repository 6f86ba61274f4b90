"""The opponent pool: the base stays, who is not beaten is played, and a killed run goes on."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.pool import Opponent, Pool, PoolSettings, restored

BASE = Opponent("base", "local:0")


def pool(*beaten: tuple[float, float], **settings: Any) -> Pool:
    """A pool whose members the learner has beaten so many times in so many games."""
    one = Pool(BASE, PoolSettings(**settings))
    for n, (wins, games) in enumerate(beaten):
        name = "base" if n == 0 else f"at {n}"
        if n:
            one.join(name, f"local:0#{n}", n)
        one.result(name, wins, games)
    return one


def test_the_base_is_an_opponent_from_the_start() -> None:
    one = Pool(BASE, PoolSettings(current=0.0))
    assert one.opponents == (BASE,) and one.chances() == {"base": 1.0}
    assert one.draw(1, 2) == BASE


def test_snapshots_are_due_every_so_many_steps_and_not_before_the_first() -> None:
    one = Pool(BASE, PoolSettings(every=20))
    assert [step for step in range(61) if one.due(step)] == [20, 40, 60]


# Who is drawn.

WEIGHTS = {
    "hard": lambda w, power: (1 - w) ** power,
    "even": lambda w, power: (w * (1 - w)) ** power,
    "uniform": lambda w, power: np.ones_like(w),
}
RECORD = ((9, 10), (5, 10), (1, 10), (0, 0))


@pytest.mark.parametrize("weighting", WEIGHTS)
@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_opponents_are_drawn_as_often_as_the_closed_form_says(weighting: str, power: float) -> None:
    one = pool(*RECORD, weighting=weighting, power=power, memory=1.0, current=0.25)
    w = np.array([(wins + 1) / (games + 2) for wins, games in RECORD])
    expected = WEIGHTS[weighting](w, power)
    expected /= expected.sum()
    assert list(one.chances().values()) == pytest.approx(expected)
    n = 4000
    drawn = Counter(None if (who := one.draw(7, i)) is None else who.name for i in range(n))
    share = np.array([drawn[None], *(drawn[who.name] for who in one.opponents)])
    chances = np.array([0.25, *(0.75 * expected)])
    chi_squared = float(((share - n * chances) ** 2 / (n * chances)).sum())
    assert chi_squared < 23.5, "four degrees of freedom: one in ten thousand is above"


def test_a_draw_is_a_function_of_the_pool_and_its_noise() -> None:
    one = pool(*RECORD)
    first = [one.draw("run", step) for step in range(50)]
    assert first == [one.draw("run", step) for step in range(50)]
    assert first != [one.draw("other run", step) for step in range(50)]
    assert [restored(one.state()).draw("run", step) for step in range(50)] == first


def test_who_is_beaten_less_is_played_more() -> None:
    one = pool((0, 0), (0, 0))
    for _ in range(10):
        one.result("base", 1)
        one.result("at 1", 0)
    chances = one.chances()
    assert chances["at 1"] > 0.8 > 0.2 > chances["base"] > 0


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4)), max_size=12))
def test_old_results_are_discounted(results: list[tuple[float, int]]) -> None:
    one = pool(memory=0.9)
    for share, games in results:
        one.result("base", share * games, games)
    after = [sum(games for _, games in results[i + 1 :]) for i in range(len(results))]
    discount = [0.9**n for n in after]
    games = math.fsum(d * n for d, (_, n) in zip(discount, results, strict=True))
    wins = math.fsum(d * share * n for d, (share, n) in zip(discount, results, strict=True))
    assert one.base.games == pytest.approx(games) and one.base.wins == pytest.approx(wins)
    assert one.base.beaten == pytest.approx((wins + 1) / (games + 2))


# Who is kept.


def test_the_pool_is_capped_and_drops_the_snapshot_that_is_beaten_most() -> None:
    one = pool((9, 9), (1, 4), (4, 4), (4, 4), cap=4, memory=1.0)
    assert len(one.opponents) == 4
    left = one.join("new", "local:0#9", 9)
    assert left is not None and (left.name, left.games) == ("at 2", 4.0), "of equals the oldest"
    assert [who.name for who in one.opponents] == ["base", "at 1", "at 3", "new"]
    one.result(left.name, 1)  # a match that was under way
    assert [who.games for who in one.opponents] == [9, 4, 4, 0]


@given(st.integers(2, 5), st.integers(0, 12))
def test_base_and_newest_always_stay(cap: int, joined: int) -> None:
    one = Pool(BASE, PoolSettings(cap=cap))
    for step in range(1, joined + 1):
        left = one.join(str(step), "m", step)
        assert (left is None) == (step < cap)
        assert one.opponents[0].name == "base" and one.opponents[-1].name == str(step)
        assert left not in one.opponents
    assert len(one.opponents) == min(cap, joined + 1)


def test_a_killed_and_reloaded_pool_is_equal() -> None:
    one = pool((1, 3), (0.5, 1), (2, 2), cap=3, weighting="even", power=2.0)
    one.join("late", "local:0#late", 60)
    again = restored(json.loads(json.dumps(one.state())))
    assert again == one
    for step in (80, 100):
        assert one.join(str(step), "m", step) == again.join(str(step), "m", step)
        one.result("late", 1, 3)
        again.result("late", 1, 3)
    assert again == one


def test_two_pools_do_not_share_their_snapshots() -> None:
    one, other = Pool(BASE), Pool(BASE)
    one.join("x", "m", 1)
    assert other.opponents == (BASE,)


@pytest.mark.parametrize(
    "wrong",
    [{"every": 0}, {"cap": 1}, {"current": 1.0}, {"power": -1.0}, {"memory": 0.0}],
    ids=str,
)
def test_settings_that_mean_nothing_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PoolSettings(**wrong)


def test_a_name_is_given_once_and_counts_are_counts() -> None:
    one = pool((0, 0), (0, 0))
    for name in ("base", "at 1"):
        with pytest.raises(ValueError, match="give it another name"):
            one.join(name, "m", 5)
    for wins, games in ((2.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (0.0, math.inf)):
        with pytest.raises(ValueError, match="expected 0 <= wins <= games"):
            one.result("base", wins, games)
