"""Power: against statsmodels, published figures and simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arena.stats.power import (
    Design,
    design_effect,
    detectable,
    intercept,
    needed,
    needed_pairs,
    paired,
    simulate,
    two_proportions,
)


def test_the_published_study_had_an_even_chance_to_find_what_it_found() -> None:
    """84 % against 74 % with 154 and 96 verdicts."""
    assert two_proportions(0.84, 0.74, 154, 96) == pytest.approx(0.48, abs=0.005)


@pytest.mark.parametrize(
    ("p1", "p2", "expected"), [(0.74, 0.84, 257), (0.79, 0.84, 943), (0.70, 0.75, 1250)]
)
def test_verdicts_an_arm_for_four_fifths_power(p1: float, p2: float, expected: int) -> None:
    assert abs(needed(p1, p2) - expected) <= 1
    assert abs(needed(p1, p2, scale="difference") - expected) <= 2
    n = needed(p1, p2)
    assert two_proportions(p1, p2, n, n) >= 0.8 > two_proportions(p1, p2, n - 1, n - 1)


@pytest.mark.parametrize("p2", [0.5, 0.75, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_power_equals_statsmodels(p2: float, ratio: float) -> None:
    power = pytest.importorskip("statsmodels.stats.power", reason="statsmodels is not here")
    from statsmodels.stats.proportion import proportion_effectsize

    expected = power.NormalIndPower().power(
        proportion_effectsize(0.75, p2), 120, 0.05, ratio, "two-sided"
    )
    assert two_proportions(0.75, p2, 120, 120 * ratio) == pytest.approx(expected, abs=1e-9)


def test_a_design_effect_multiplies_what_is_needed() -> None:
    deff = design_effect(5, 0.25)
    assert deff == 2
    assert needed(0.74, 0.84, deff=deff) == pytest.approx(2 * needed(0.74, 0.84), abs=2)
    assert two_proportions(0.7, 0.8, 200, 300, deff) == two_proportions(0.7, 0.8, 100, 150)


def test_what_is_detectable_is_just_detected() -> None:
    p2 = detectable(0.74, 200, 200)
    assert p2 is not None and two_proportions(0.74, p2, 200, 200) == pytest.approx(0.8)
    assert detectable(0.99, 10, 10) is None


@pytest.mark.parametrize(
    ("sd", "both", "apart"),
    [(0, 0.70, 0.70), (1, 0.76, 0.71), (2, 0.88, 0.75), (3, 0.93, 0.76)],
)
def test_pairing_gains_as_questions_differ(sd: float, both: float, apart: float) -> None:
    """74 against 84 % on 200 questions; the figures were simulated, so agree to two errors."""
    found = paired(0.74, 0.84, 200, sd)
    assert found.paired == pytest.approx(both, abs=0.03)
    assert found.unpaired == pytest.approx(apart, abs=0.02)


def test_fewer_pairs_are_needed_where_questions_differ() -> None:
    alike, different = needed_pairs(0.74, 0.84), needed_pairs(0.74, 0.84, sd=3)
    assert abs(alike - 257) <= 1 and different < 0.6 * alike
    assert paired(0.74, 0.84, different, 3).paired >= 0.8
    assert needed_pairs(0.74, 0.84, verdicts=4) < alike / 3


@pytest.mark.parametrize(("p", "sd"), [(0.5, 2.0), (0.84, 0.0), (0.84, 1.0), (0.95, 3.0)])
def test_the_intercept_has_the_mean_that_is_asked_for(p: float, sd: float) -> None:
    z = np.random.default_rng(0).normal(size=400_000)
    assert np.mean(1 / (1 + np.exp(-intercept(p, sd) - sd * z))) == pytest.approx(p, abs=0.002)


def test_simulation_agrees_with_the_closed_forms() -> None:
    apart = simulate(Design((0.74, 0.84), 257, shared=False), 400, seed=1)
    assert apart.power == pytest.approx(0.8, abs=0.06) and apart.low < apart.power < apart.high
    shared = simulate(Design((0.74, 0.84), 200, question_sd=3), 400, seed=2)
    assert shared.power == pytest.approx(paired(0.74, 0.84, 200, 3).paired, abs=0.05)
    assert shared.mean == pytest.approx(0.1, abs=0.006)
    assert shared.covered > 0.92


def test_simulation_counts_what_closed_forms_leave_out() -> None:
    """Eight judges who differ in what an arm does for them: more verdicts do not help then."""
    plain = Design((0.7, 0.85), 150, judges=8, shared=False)
    differing = Design((0.7, 0.85), 150, judges=8, shared=False, judge_arm_sd=1.0)
    one = simulate(plain, 120, by_judge=True)
    other = simulate(differing, 120, by_judge=True)
    assert other.half_width > 1.3 * one.half_width and other.power < one.power
    assert other.covered > 0.9


def test_no_difference_is_found_as_often_as_the_level_allows() -> None:
    found = simulate(Design((0.8, 0.8), 120, stories=40, question_sd=1, story_sd=1), 300, seed=3)
    assert found.power < 0.085 and found.covered > 0.915


def test_a_seed_is_all_that_a_simulation_depends_on() -> None:
    design = Design((0.6, 0.9), 20, stories=5, judges=4, question_sd=1)
    assert simulate(design, 20, seed=4) == simulate(design, 20, seed=4)


def test_one_story_never_tells_arms_apart() -> None:
    found = simulate(Design((0.2, 0.9), 30, stories=1), 5)
    assert found.power == 0 and found.half_width == float("inf")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: two_proportions(1.2, 0.5, 9, 9), lambda: two_proportions(0.2, 0.5, 0, 9),
        lambda: two_proportions(0.2, 0.5, 9, 9, scale="odd"),  # type: ignore[arg-type]
        lambda: needed(0.5, 0.5), lambda: needed(0.5, 0.6, power=0.01), lambda: needed(0.5, 0.6, 1),
        lambda: needed(0.5, 0.6, ratio=0), lambda: needed(0.5, 0.5 + 1e-7),
        lambda: design_effect(0.5, 0.1), lambda: design_effect(2, 2),
        lambda: paired(0.5, 0.6, 0), lambda: paired(0.5, 0.6, 9, -1),
        lambda: Design((0.5, 0.6), 0), lambda: Design((0.5, 0.6), 5, judge_sd=-1),
        lambda: Design((0.5, float("nan")), 5),
        lambda: simulate(Design((0.5, 0.6), 5, shared=False), analysis="paired"),
        lambda: simulate(Design((0.5, 0.6), 5), by_judge=True),
        lambda: simulate(Design((0.5, 0.6), 5), 0),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        wrong()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("verdicts", [1, 3, 20])
def test_what_the_report_makes_of_a_paired_design_has_the_power_that_is_planned(
    verdicts: int,
) -> None:
    p = (0.5, {1: 0.7, 3: 0.65, 20: 0.57}[verdicts])
    planned = paired(*p, 50, 0.5, verdicts).paired
    found = simulate(Design(p, 50, verdicts=verdicts, question_sd=0.5), 300, seed=2)
    assert 0.4 < planned < 0.9
    assert found.power == pytest.approx(planned, abs=3 * (0.25 / 300) ** 0.5)
