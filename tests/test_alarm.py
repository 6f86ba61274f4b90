"""The alarm: quiet where nothing falls, however often it looks; loud where truth falls and reward
rises; one readable line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from arena.alarm import Alarm, AlarmSettings, Evaluation, Watch, check, restored
from arena.stats.intervals import Estimate
from arena.stats.means import mean, share

N = 200


def measured(rng: np.random.Generator, accuracy: float, wins: float, step: int) -> Evaluation:
    """An evaluation of N matches, each on a world of its own."""
    names = [str(i) for i in range(N)]
    right = (rng.random(N) < accuracy).astype(float)
    won = (rng.random(N) < wins).astype(float)
    odds = rng.normal(2 * (wins - 0.5), 1.5, N)
    return Evaluation(
        step, share(right.tolist(), names), mean(odds.tolist(), names), share(won.tolist(), names)
    )


def alarms(
    seed: int, accuracy: Sequence[float], wins: Sequence[float], settings: AlarmSettings
) -> list[int]:
    """The steps at which a run with these true values raises the alarm."""
    rng, watch = np.random.default_rng(seed), Watch(settings)
    found = [
        watch.see(measured(rng, a, w, 20 * i))
        for i, (a, w) in enumerate(zip(accuracy, wins, strict=True))
    ]
    return [one.step for one in found if one is not None]


# False alarms.


@pytest.mark.parametrize(
    ("accuracy", "wins"),
    [
        ([0.8] * 20, [0.5] + [0.75] * 19),  # the hardest: reward is up, truth stands still
        (
            [min(0.85, 0.6 + 0.05 * i) for i in range(20)],
            [min(0.75, 0.5 + 0.04 * i) for i in range(20)],
        ),
    ],
    ids=["truth stands still", "truth rises"],
)  # fmt: skip
def test_a_run_whose_truth_does_not_fall_raises_a_false_alarm_no_oftener_than_the_level(
    accuracy: list[float], wins: list[float]
) -> None:
    """Twenty looks, and every pair of them is compared."""
    runs, level = 300, 0.05
    settings = AlarmSettings(level=level)
    false = sum(bool(alarms(seed, accuracy, wins, settings)) for seed in range(runs))
    assert false <= level * runs + 3 * math.sqrt(level * (1 - level) * runs)


def test_the_level_is_what_keeps_the_alarm_quiet() -> None:
    """The same runs against the plain 95 % intervals raise it in more than one run of three."""
    flat, wins = [0.8] * 20, [0.5] + [0.75] * 19
    naive = quiet = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        history = [measured(rng, a, w, i) for i, (a, w) in enumerate(zip(flat, wins, strict=True))]
        figures = [one.accuracy for one in history if one.accuracy is not None]
        naive += any(
            then.low is not None and now.value < then.low
            for i, now in enumerate(figures)
            for then in figures[:i]
        )
        watch = Watch()
        quiet += any(watch.see(one) for one in history)
    assert naive > 20 and quiet <= 6


def test_without_drift_false_alarms_are_far_rarer_than_the_level() -> None:
    flat = [0.7] * 15
    assert sum(bool(alarms(s, flat, [0.5] * 15, AlarmSettings())) for s in range(200)) <= 5


def test_a_fall_without_a_rise_of_the_reward_is_not_hacking() -> None:
    falling = [0.8] * 3 + [0.5] * 3
    loud = sum(bool(alarms(seed, falling, [0.5] * 6, AlarmSettings())) for seed in range(100))
    assert loud <= 5


# Planted falls.


@pytest.mark.parametrize(
    ("accuracy", "wins", "first"),
    [
        ([0.8, 0.5], [0.5, 0.75], 20),  # at once, from the start
        ([0.6, 0.7, 0.8, 0.8, 0.5, 0.5], [0.5, 0.6, 0.7, 0.75, 0.8, 0.8], 80),  # after its best
        ([0.8, 0.8, 0.8, 0.5], [0.5, 0.75, 0.75, 0.75], 60),  # reward first, then the fall
    ],
)
def test_a_planted_fall_is_found_when_it_comes(
    accuracy: list[float], wins: list[float], first: int
) -> None:
    found = [alarms(seed, accuracy, wins, AlarmSettings()) for seed in range(40)]
    assert sum(steps[:1] == [first] for steps in found) >= 38


def test_a_slow_fall_is_found_before_it_is_complete() -> None:
    accuracy = [0.8 - 0.03 * i for i in range(11)]
    wins = [0.5 + 0.03 * i for i in range(11)]
    found = [alarms(seed, accuracy, wins, AlarmSettings()) for seed in range(40)]
    assert all(found)
    assert np.median([steps[0] for steps in found]) <= 160


# The rule.


def estimate(value: float, half: float = 0.03) -> Estimate:
    return Estimate(value, value - half, value + half, 1000)


def history(*figures: tuple[float | None, float | None, float | None]) -> list[Evaluation]:
    def maybe(value: float | None) -> Estimate | None:
        return None if value is None else estimate(value)

    return [Evaluation(i, maybe(a), maybe(p), maybe(w)) for i, (a, p, w) in enumerate(figures)]


def test_two_estimates_differ_where_their_difference_leaves_its_interval() -> None:
    """At the first comparison the level is 6 / pi^2 of 5 %, one-sided: 1.876 standard errors."""
    half = 0.03 * math.sqrt(2) * 1.8757 / 1.9600
    for fall, expected in ((half * 0.99, False), (half * 1.01, True)):
        found = check(history((0.8, None, 0.5), (0.8 - fall, None, 0.7)))
        assert (found is not None) == expected
    for rise, expected in ((half * 0.99, False), (half * 1.01, True)):
        assert (check(history((0.8, None, 0.5), (0.5, None, 0.5 + rise))) is not None) == expected


def test_the_intervals_ends_that_face_each_other_count() -> None:
    """Wilson intervals are lopsided near 0 and 1: the lower end of the higher one matters."""
    wide_above = Estimate(0.9, 0.88, 0.99, 50)
    wide_below = Estimate(0.9, 0.7, 0.92, 50)
    now = history((0.8, None, 0.7))[0]
    for then, expected in ((wide_above, True), (wide_below, False)):
        start = Evaluation(-1, then, None, estimate(0.5))
        assert (check([start, now]) is not None) == expected


def test_of_the_lower_one_the_upper_end_matters() -> None:
    wide_above = Estimate(0.7, 0.68, 0.92, 50)
    wide_below = Estimate(0.7, 0.48, 0.72, 50)
    (start,) = history((0.8, None, 0.5))
    for now, expected in ((wide_above, False), (wide_below, True)):
        assert (check([start, Evaluation(1, now, None, estimate(0.7))]) is not None) == expected


@pytest.mark.parametrize("which", ["proxy", "win_rate"])
def test_either_measure_of_reward_will_do_and_is_named(which: str) -> None:
    figures = [(0.8, 0.5, 0.5), (0.4, 0.9, 0.5)] if which == "proxy" else [
        (0.8, 0.5, 0.5), (0.4, 0.5, 0.9)
    ]  # fmt: skip
    found = check(history(*figures))
    assert found is not None
    assert ("proxy reward" in found.reason) == (which == "proxy")
    assert ("win rate" in found.reason) == (which == "win_rate")


def test_the_reason_is_one_line_with_the_figures_of_both() -> None:
    found = check(history((0.6, None, 0.5), (0.8, None, 0.7), (0.5, None, 0.71)))
    assert found == Alarm(
        2,
        "step 2: win rate 0.500 [0.470, 0.530] -> 0.710 [0.680, 0.740] since step 0, held-out "
        "accuracy 0.800 [0.770, 0.830] -> 0.500 [0.470, 0.530] since step 1",
        "stop",
    )
    assert "\n" not in found.reason and not re.search("nan|None|inf", found.reason)


@pytest.mark.parametrize(
    "figures",
    [
        [],
        [(0.8, 0.5, 0.5)],
        [(0.8, 0.5, 0.5), (None, 0.9, 0.9)],
        [(None, 0.5, 0.5), (0.4, 0.9, 0.9)],
        [(0.8, None, None), (0.4, 0.9, 0.9)],
        [(0.8, 0.5, 0.5), (0.4, None, None)],
        [(0.8, 0.5, 0.5), (0.4, 0.3, 0.3)],
        [(0.4, 0.5, 0.5), (0.8, 0.9, 0.9)],
    ],
)
def test_what_was_not_measured_or_did_not_happen_raises_no_alarm(
    figures: list[tuple[float | None, float | None, float | None]],
) -> None:
    assert check(history(*figures)) is None


def test_an_estimate_without_an_interval_is_no_evidence() -> None:
    alone = share([1.0, 1.0, 1.0], ["one world"] * 3)
    assert alone is not None and alone.low is None
    start, now = history((0.8, None, 0.5), (0.1, None, 0.9))
    assert check([start, now]) is not None
    assert check([replace(start, accuracy=alone), now]) is None
    assert check([start, replace(now, win_rate=alone)]) is None


def test_an_alarm_stops_or_warns_and_a_run_that_it_may_stop_is_labelled() -> None:
    figures = history((0.8, None, 0.5), (0.4, None, 0.9))
    stops, warns = AlarmSettings("stop"), AlarmSettings("warn")
    for settings in (stops, warns):
        found = check(figures, settings)
        assert found is not None and found.act == settings.act
    assert "truth" in stops.label and not warns.label
    with pytest.raises(ValueError, match="level must be in"):
        AlarmSettings(level=0.0)


# Resuming.


def test_a_killed_and_reloaded_watch_is_equal_and_goes_on_as_it_would_have() -> None:
    rng = np.random.default_rng(4)
    seen = [measured(rng, a, w, i) for i, (a, w) in enumerate([(0.7, 0.5), (0.8, 0.6), (0.8, 0.7)])]
    seen.append(Evaluation(9, None))
    watch = Watch(AlarmSettings("warn", 0.01))
    for one in seen:
        watch.see(one)
    again = restored(json.loads(json.dumps(watch.state())))
    assert again == watch
    fall = measured(rng, 0.4, 0.9, 10)
    assert watch.see(fall) == again.see(fall) is not None
    assert again == watch


def test_an_evaluation_that_is_made_again_after_a_crash_counts_once() -> None:
    first, second, third = history((0.6, None, 0.5), (0.8, None, 0.6), (0.5, None, 0.9))
    watch, killed = Watch(), Watch()
    for one in (first, second, third):
        watch.see(one)
    for one in (first, second, third, second, third):
        killed.see(one)
    assert killed == watch and len(watch.history) == 3
