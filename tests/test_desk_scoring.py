"""The payoff beside the slider, against closed forms and a search by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as of_test
from hypothesis import strategies as st

from arena.desk import scoring

P = st.floats(0, 1)
PRICE = st.floats(0, 0.5)


def normal(weights: list[float]) -> tuple[float, ...]:
    return tuple(w / sum(weights) for w in weights)


MANY = st.lists(st.floats(0.01, 1), min_size=2, max_size=4).map(normal)


def test_the_scores_are_those_of_the_field() -> None:
    found = scoring.payoff((0.8, 0.2), "log", 0.05, 3)
    assert found is not None
    assert found.now == pytest.approx((math.log2(0.8) - 0.15, math.log2(0.2) - 0.15))
    assert found.later == pytest.approx((math.log2(0.8) - 0.2, math.log2(0.2) - 0.2))
    assert found.expected == pytest.approx(0.8 * found.now[0] + 0.2 * found.now[1])
    found = scoring.payoff((0.8, 0.2), "brier", 0.0, 3)
    assert found is not None and found.now == pytest.approx((-0.04, -0.64))
    found = scoring.payoff((1.0, 0.0), "log", 0.0, 0)
    assert found is not None and found.now == (math.log2(0.99), math.log2(0.01))
    assert scoring.payoff((0.8, 0.2), "none", 0.05, 3) is None


@of_test(deadline=None)
@given(MANY, st.data())
@pytest.mark.parametrize("score", ["log", "brier"])
def test_saying_what_one_believes_pays_best(
    score: str, p: tuple[float, ...], data: st.DataObject
) -> None:
    other = data.draw(st.lists(st.floats(0.01, 1), min_size=len(p), max_size=len(p)).map(normal))
    held = tuple(max(0.01, min(0.99, one)) for one in p)
    if score == "log" and held != p:
        return  # strictly proper within the clamp
    of = scoring.scores(other, score)  # type: ignore[arg-type]
    assert scoring.expected(p, score) >= sum(a * b for a, b in zip(p, of, strict=True)) - 1e-9  # type: ignore[arg-type]


@of_test(deadline=None)
@given(P, PRICE)
def test_the_shift_of_two_options_under_brier_has_a_closed_form(p: float, price: float) -> None:
    for option, own in enumerate((p, 1 - p)):
        found = scoring.shifts((p, 1 - p), "brier", price)[option]
        rest = 0.25 - own * (1 - own) + price
        expected = 0.5 + math.sqrt(rest) - own
        if price == 0:
            assert found == 0
        elif abs(own + expected - 1) < 1e-6:
            assert found is None or found == pytest.approx(expected, abs=1e-5)
        elif own + expected > 1:
            assert found is None
        else:
            assert found == pytest.approx(expected, abs=1e-6)


def by_hand(p: tuple[float, ...], option: int, score: str, price: float) -> float | None:
    """The first of a thousand rises after which a step has paid, as in NYU's interface."""

    def worth(q: tuple[float, ...]) -> float:
        total = 0.0
        for i, one in enumerate(q):
            if score == "log":
                total += one * math.log2(min(0.99, max(0.01, one)))
            else:
                total -= one * sum((x - (i == j)) ** 2 for j, x in enumerate(q)) / 2
        return total

    rest = 1 - p[option]
    for n in range(1001):
        own = p[option] + rest * n / 1000
        q = tuple(own if i == option else x * (1 - own) / rest for i, x in enumerate(p))
        if worth(q) >= worth(p) + price:
            return own - p[option]
    return None


@of_test(max_examples=60, deadline=None)
@given(MANY, st.floats(0.001, 0.5), st.sampled_from(["log", "brier"]))
def test_the_shift_is_the_first_that_a_search_finds(
    p: tuple[float, ...], price: float, score: str
) -> None:
    found = scoring.shifts(p, score, price)  # type: ignore[arg-type]
    for option, one in enumerate(found):
        slow = by_hand(p, option, score, price)
        if slow is None:
            edge = scoring.expected(scoring.moved(p, option, 1 - p[option]), score)  # type: ignore[arg-type]
            assert one is None or edge - scoring.expected(p, score) - price < 1e-3  # type: ignore[arg-type]
        else:
            step = (1 - p[option]) / 1000
            assert one is not None and one <= slow + 1e-9 and slow - step - 1e-9 <= one


def test_a_step_that_costs_nothing_needs_no_shift_and_one_too_dear_never_pays() -> None:
    assert scoring.shifts((0.5, 0.5), "log", 0.0) == (0.0, 0.0)
    assert scoring.shifts((0.99, 0.01), "log", 0.5)[0] is None
    low, high = scoring.shifts((0.6, 0.4), "log", 0.05)
    assert low is not None and high is not None and 0 < low < high
    assert 0.4 + high > 0.6  # to change one's mind, past where one is sure as now
