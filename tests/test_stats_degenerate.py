"""Whatever arrays the estimators are given, they say in one line what is wrong or return a defined
value: never NaN, never infinity, never a warning, never another exception.

Columns are drawn from what breaks formulas: no rows, one row, one cluster, all alike, NaN,
infinity, numbers too large to square, probabilities that do not sum to one, negative ones, labels
of several kinds, columns of unequal length. Underflow alone is let pass: to become 0 is what a
chance of e^-1000 should do. A function that is added to the package has to be driven here as well.
"""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import arena.stats
from arena.stats import (
    accuracy,
    agreement,
    behaviour,
    bradley_terry,
    calibration,
    cards,
    clusters,
    comparison,
    intervals,
    leaks,
    logistic,
    means,
    paired,
    power,
    scores,
)

Draw = Callable[[st.SearchStrategy[Any]], Any]
Driver = Callable[[Draw], Any]

ODD = [0.0, 1.0, 0.5, 0.25, 0.01, -0.0, 1 - 1e-16, 1e-12, 5e-324, -1.0, 2.0, 7.0, 1e12, 1e300,
       -1e300, 1.7e308, math.nan, math.inf, -math.inf]  # fmt: skip
FAIR = [0.0, 1.0, 0.5, 0.25, 0.01, 0.99, 1e-12]
NAMES: list[Any] = ["a", "b", "c", "", 0, 1, True, None, ("a", 1), 2.5]
"""Labels that a caller might have; NaN among them is drawn more rarely."""


def size(draw: Draw) -> int:
    return int(draw(st.sampled_from([0, 1, 1, 2, 2, 3, 4, 6, 9])))


def numbers(draw: Draw, n: int, pool: list[float] | None = None) -> Any:
    """A column: mostly fair probabilities, sometimes all alike, sometimes odd, rarely too short."""
    kind = draw(st.sampled_from(["fair", "fair", "fair", "alike", "odd", "short", "text"]))
    fair = FAIR if pool is None else pool
    if kind == "alike":
        return [draw(st.sampled_from(fair))] * n
    if kind == "odd":
        return draw(st.lists(st.sampled_from([*ODD, *fair]), min_size=n, max_size=n))
    if kind == "short":
        n = max(0, n - 1)
    if kind == "text" and draw(st.sampled_from([False, False, False, True])):
        return ["a"] * n
    return draw(st.lists(st.sampled_from(fair), min_size=n, max_size=n))


def binary(draw: Draw, n: int) -> Any:
    return numbers(draw, n, [0.0, 1.0])


def labels(draw: Draw, n: int) -> Any:
    kind = draw(st.sampled_from(["few", "few", "one", "own", "odd", "short", "nan"]))
    if kind == "one":
        return ["a"] * n
    if kind == "own":
        return list(range(n))
    if kind == "short":
        return ["a"] * max(0, n - 1)
    if kind == "nan":
        return [math.nan] * n
    pool = NAMES if kind == "odd" else ["a", "b", "c"]
    return draw(st.lists(st.sampled_from(pool), min_size=n, max_size=n))


def maybe(draw: Draw, made: Callable[[Draw, int], Any], n: int) -> Any:
    return made(draw, n) if draw(st.booleans()) else None


def codes(draw: Draw, n: int) -> Any:
    found = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    return np.array(found, np.int64)


def one_of(draw: Draw, *values: Any) -> Any:
    return draw(st.sampled_from(values))


def number(draw: Draw) -> float:
    return float(one_of(draw, *ODD, *FAIR, 3.0, 10.0))


def plain(draw: Draw, n: int) -> list[float]:
    """Plain numbers, for the scores of one verdict."""
    return draw(st.lists(st.sampled_from([*ODD, *FAIR]), min_size=n, max_size=n))  # type: ignore[no-any-return]


def whole(draw: Draw) -> int:
    return int(one_of(draw, -1, 0, 1, 2, 3, 50))


def level(draw: Draw) -> float:
    return float(one_of(draw, 0.95, 0.95, 0.95, 0.5, 1e-6, 1 - 1e-9, 0.0, 1.0, math.nan))


def estimate(draw: Draw) -> intervals.Estimate | None:
    n = 1 + size(draw)
    values = draw(st.lists(st.sampled_from(FAIR), min_size=n, max_size=n))
    return means.share(values, codes(draw, n))


def contrast(draw: Draw) -> Any:
    n = size(draw)
    coefficients = [(name, number(draw)) for name in one_of(draw, "a", "ab", "abc", "")]
    return means.contrast(
        numbers(draw, n), labels(draw, n), coefficients, labels(draw, n),
        maybe(draw, labels, n), level(draw), one_of(draw, True, False),
    )  # fmt: skip


def by_variance(draw: Draw) -> Any:
    found = estimate(draw)
    assert found is not None
    return means.by_variance(found, number(draw), "a bootstrap", level(draw))


def missing(draw: Draw) -> Any:
    n = size(draw)
    sides = {name: (whole(draw), whole(draw)) for name in one_of(draw, "", "a", "ab", "abc")}
    if draw(st.booleans()):  # counts that fit
        lost = draw(st.integers(0, 3))
        sides = {"A": (lost, lost + n), "B": (0, 0)}
    return accuracy.missing(numbers(draw, n), sides)


def by_round(draw: Draw) -> Any:
    n = size(draw)
    match = labels(draw, n)
    cluster = one_of(draw, None, {name: "x" for name in match if name == name})
    return accuracy.by_round(match, numbers(draw, n, [0.0, 1.0, 2.0]), binary(draw, n), cluster,
                             level(draw))  # fmt: skip


def whole_accuracy(draw: Draw) -> Any:
    n = size(draw)
    given = {name: labels(draw, n) for name in one_of(draw, (), ("q",), ("q", "j"))}
    crossed = one_of(draw, None, ("q", "j"))
    return accuracy.accuracy(numbers(draw, n), given, crossed, one_of(draw, 0, 1, 20),
                             level=level(draw))  # fmt: skip


def paired_difference(draw: Draw) -> Any:
    n = size(draw)
    return paired.paired_difference(
        numbers(draw, n), labels(draw, n), labels(draw, n), one_of(draw, ("a", "b"), ("a", "a")),
        maybe(draw, labels, n), level(draw), one_of(draw, True, False),
    )  # fmt: skip


def unpaired_difference(draw: Draw) -> Any:
    n = size(draw)
    return paired.unpaired_difference(
        numbers(draw, n), labels(draw, n), ("a", "b"), labels(draw, n), maybe(draw, labels, n),
        level(draw), one_of(draw, True, False),
    )  # fmt: skip


def simulated(draw: Draw) -> Any:
    design = power.Design(
        (number(draw), number(draw)), whole(draw), one_of(draw, None, 1, 3), one_of(draw, None, 2),
        one_of(draw, 0, 1, 2), one_of(draw, True, False), *(one_of(draw, 0.0, 1.0, -1.0),) * 2,
    )  # fmt: skip
    found = power.simulate(design, one_of(draw, 0, 1, 3), 0, None, one_of(draw, True, False))
    if found.half_width == math.inf:  # as declared, where no simulation had an interval
        assert found.power == 0
        return replace(found, half_width=0.0)
    return found


def gap_recovered(draw: Draw) -> Any:
    arms = []
    for _ in range(3):
        n = size(draw)
        arms.append((numbers(draw, n), labels(draw, n)))
    return behaviour.gap_recovered(arms[0], arms[1], arms[2], level(draw))


def probabilities(draw: Draw, n: int) -> Any:
    """Rows of two or three options, which sum to one or do not."""
    rows = [[0.5, 0.5], [1.0, 0.0], [0.01, 0.99], [0.3, 0.3], [1.2, -0.2], [math.nan, 1.0]]
    fair = draw(st.booleans())
    return [one_of(draw, *(rows[:3] if fair else rows)) for _ in range(n)]


def temperature(draw: Draw) -> Any:
    n = size(draw)
    if draw(st.booleans()):
        return calibration.temperature(numbers(draw, n), None, maybe(draw, labels, n), level(draw))
    return calibration.temperature(
        probabilities(draw, n), numbers(draw, n, [0.0, 1.0]), maybe(draw, labels, n), level(draw)
    )


def every_card(draw: Draw) -> Any:
    n = size(draw)
    places = lengths = None
    if draw(st.booleans()):
        places = cards.Places(numbers(draw, n), labels(draw, n), labels(draw, n))
    if draw(st.booleans()):
        lengths = cards.Lengths(binary(draw, n), numbers(draw, n, [-900.0, 3.0]), binary(draw, n))
    return cards.cards(labels(draw, n), numbers(draw, n), maybe(draw, labels, n),
                       maybe(draw, numbers, n), places, lengths, level(draw))  # fmt: skip


def audited(draw: Draw) -> Any:
    n = size(draw)
    features = {name: numbers(draw, n, [0.0, 3.0, 5e8]) for name in one_of(draw, "", "a", "ab")}
    return leaks.audit(features, binary(draw, n), labels(draw, n), one_of(draw, 0, 2, 5),
                       one_of(draw, 1.0, 0.0, -1.0, math.nan), level=level(draw))  # fmt: skip


def auc(draw: Draw) -> Any:
    n = size(draw)
    return leaks.auc(numbers(draw, n), binary(draw, n), labels(draw, n),
                     maybe(draw, codes, n), level(draw))  # fmt: skip


def regression(draw: Draw) -> Any:
    n, width = size(draw), one_of(draw, 0, 1, 2)
    x = np.array([numbers(draw, n) for _ in range(width)], dtype=object).T.tolist()
    found = logistic.logistic(np.array(x), numbers(draw, n), one_of(draw, 0.0, 1.0, -1.0, math.nan))
    assert found.converged in (True, False)
    return found


def players(draw: Draw, n: int) -> Any:
    return draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n))


def rated(draw: Draw) -> bradley_terry.Fit:
    n = size(draw)
    more: dict[str, Any] = {}
    several = ("seat", "honest", "length", "judge")
    for name in one_of(draw, (), *((one,) for one in several), ("seat", "length")):
        column = numbers(draw, n, [0.0, 1.0, -1.0])
        more[name] = {"honest": (binary(draw, n), binary(draw, n)), "judge": players(draw, n)}.get(
            name, column
        )
    first, second = players(draw, n), players(draw, n)
    if draw(st.booleans()):  # connected at least
        first, second = ["a"] * n, ["b"] * n
    data = comparison.compare(first, second, numbers(draw, n), maybe(draw, labels, n), **more)
    return bradley_terry.fit(
        data, ridge=one_of(draw, 0.1, 1.0, 0.0, -1.0, math.nan),
        ridge_effects=one_of(draw, 0.0, 1.0), level=level(draw),
    )  # fmt: skip


def ratings(draw: Draw) -> Any:
    found = rated(draw)
    first, last = found.data.players[0], found.data.players[-1]
    return [found, found.ratings(), found.difference(first, last), found.chance(first, last),
            [found.effect(name) for name in found.data.effects]]  # fmt: skip


def table(draw: Draw) -> Any:
    n = size(draw)
    return np.array([[draw(st.sampled_from(FAIR)), 1.0] for _ in range(n)]).reshape(n, 2)


def ready(function: Callable[..., Any], *columns: Callable[[Draw, int], Any]) -> Driver:
    """A driver that gives a function so many columns of one length, and a level if it takes one."""
    takes = "level" in inspect.signature(function).parameters

    def driver(draw: Draw) -> Any:
        n = size(draw)
        more = {"level": level(draw)} if takes else {}
        return function(*(column(draw, n) for column in columns), **more)

    return driver


def optional(column: Callable[[Draw, int], Any]) -> Callable[[Draw, int], Any]:
    return lambda draw, n: maybe(draw, column, n)


DRIVERS: dict[str, Driver] = {
    "intervals.check_level": lambda draw: intervals.check_level(level(draw)),
    "intervals.wilson": lambda draw: intervals.wilson(
        number(draw), number(draw), level(draw), one_of(draw, None, 1.0, 0.5, 0.0, math.nan)
    ),
    "intervals.quantile": lambda draw: intervals.quantile(
        level(draw), one_of(draw, None, 1e-9, 1.0, 1e12, -1.0, math.nan, math.inf)
    ),
    "intervals.student": lambda draw: intervals.student(
        number(draw), number(draw), number(draw), level(draw)
    ),
    "intervals.p_value": lambda draw: intervals.p_value(
        intervals.Estimate(0.5, None, None, 3, se=one_of(draw, None, 0.0, 0.1), df=2.0),
        number(draw),
    ),
    "clusters.codes": ready(clusters.codes, labels),
    "clusters.crossed": ready(clusters.crossed, codes, codes),
    "clusters.cluster_sums": lambda draw: clusters.cluster_sums(
        numbers(draw, 3), codes(draw, 3), whole(draw)
    ),
    "clusters.linearised": ready(clusters.linearised, numbers, codes, optional(numbers)),
    "clusters.sums": ready(clusters.sums, numbers, codes, optional(numbers)),
    "clusters.two_way": ready(clusters.two_way, numbers, codes, codes, optional(numbers)),
    "clusters.jackknife": lambda draw: clusters.jackknife(table(draw), clusters.ratio),
    "clusters.spread": lambda draw: clusters.spread(
        np.array(draw(st.lists(st.sampled_from([*FAIR, math.nan]), max_size=9)), np.float64),
        number(draw), whole(draw), level(draw), one_of(draw, "expanded", "percentile"),
    ),
    "clusters.finite": ready(clusters.finite, numbers),
    "means.share": ready(means.share, numbers, labels, optional(labels)),
    "means.mean": lambda draw: (lambda n: means.mean(
        numbers(draw, n), labels(draw, n), maybe(draw, labels, n), level(draw),
        maybe(draw, numbers, n), one_of(draw, None, (0.0, 1.0), (1.0, 0.0), (-7.0, 2.0)),
    ))(size(draw)),
    "means.difference": lambda draw: (lambda n, m: means.difference(
        numbers(draw, n), labels(draw, n), numbers(draw, m), labels(draw, m), level(draw),
        one_of(draw, True, False),
    ))(size(draw), size(draw)),
    "means.contrast": contrast,
    "means.by_variance": by_variance,
    "accuracy.credit": lambda draw: accuracy.credit(numbers(draw, 3), one_of(draw, "half", "no")),
    "accuracy.accuracy": whole_accuracy,
    "accuracy.stratified": ready(accuracy.stratified, numbers, binary, labels),
    "accuracy.balanced": ready(accuracy.balanced, numbers, labels, labels),
    "accuracy.youden": ready(accuracy.youden, numbers, labels, labels),
    "accuracy.missing": missing,
    "accuracy.fisher": lambda draw: accuracy.fisher(
        (whole(draw), whole(draw)), (whole(draw), whole(draw))
    ),
    "accuracy.by_round": by_round,
    "paired.paired_difference": paired_difference,
    "paired.unpaired_difference": unpaired_difference,
    "paired.mcnemar": ready(paired.mcnemar, binary, binary),
    "paired.sign_test": lambda draw: paired.sign_test(whole(draw), whole(draw)),
    "paired.holm": lambda draw: paired.holm(draw(st.lists(st.sampled_from([*FAIR, *ODD])))),
    "power.design_effect": lambda draw: power.design_effect(number(draw), number(draw)),
    "power.two_proportions": lambda draw: power.two_proportions(
        number(draw), number(draw), number(draw), number(draw), number(draw), level(draw),
        one_of(draw, "arcsine", "difference"),
    ),
    "power.needed": lambda draw: power.needed(
        number(draw), number(draw), number(draw), number(draw), level(draw), number(draw),
        one_of(draw, "arcsine", "difference"),
    ),
    "power.detectable": lambda draw: power.detectable(
        number(draw), number(draw), number(draw), number(draw), number(draw), level(draw)
    ),
    "power.paired": lambda draw: power.paired(
        number(draw), number(draw), number(draw), number(draw), number(draw), level(draw)
    ),
    "power.needed_pairs": lambda draw: power.needed_pairs(
        number(draw), number(draw), number(draw), number(draw), number(draw), level(draw)
    ),
    "power.simulate": simulated,
    "power.intercept": lambda draw: power.intercept(number(draw), number(draw)),
    "scores.clamped": lambda draw: scores.clamped(number(draw)),
    "scores.log2_score": lambda draw: scores.log2_score(number(draw)),
    "scores.brier": lambda draw: scores.brier(plain(draw, 2), one_of(draw, -1, 0, 1, 2)),
    "scores.judge_score": lambda draw: scores.judge_score(number(draw), whole(draw)),
    "scores.normalised": ready(scores.normalised, plain),
    "scores.average": ready(scores.average, plain),
    "calibration.confidence": ready(calibration.confidence, numbers),
    "calibration.reliability": ready(calibration.reliability, numbers, binary, optional(labels)),
    "calibration.binned": lambda draw: calibration.binned(
        numbers(draw, 3), whole(draw), one_of(draw, "raw", "rounded", "right", "other")
    ),
    "calibration.ece": ready(calibration.ece, numbers, binary),
    "calibration.null_ece": lambda draw: (lambda n: calibration.null_ece(
        numbers(draw, n), binary(draw, n), draws=one_of(draw, 0, 1, 20)
    ))(size(draw)),
    "calibration.brier_parts": lambda draw: (lambda n: calibration.brier_parts(
        numbers(draw, n), binary(draw, n), one_of(draw, None, 10, 1, 0)
    ))(size(draw)),
    "calibration.overconfidence": ready(
        calibration.overconfidence, numbers, binary, optional(labels)
    ),
    "calibration.temperature": temperature,
    "behaviour.score_difference": lambda draw: (lambda n: behaviour.score_difference(
        numbers(draw, n), maybe(draw, binary, n), maybe(draw, labels, n),
        one_of(draw, "bits", "probability", "nats"), level(draw),
    ))(size(draw)),
    "behaviour.gap_recovered": gap_recovered,
    "behaviour.win_rates": ready(behaviour.win_rates, numbers, binary, optional(labels)),
    "behaviour.position_bias": ready(
        behaviour.position_bias, numbers, labels, labels, optional(labels)
    ),
    "behaviour.flip_rate": ready(behaviour.flip_rate, labels, labels, labels, optional(labels)),
    "behaviour.length_bias": ready(
        behaviour.length_bias, binary,
        lambda draw, n: numbers(draw, n, [0.0, 100.0, -900.0, 5000.0]), binary, optional(labels),
    ),
    "behaviour.belief_moved": ready(
        behaviour.belief_moved, numbers, labels,
        lambda draw, n: numbers(draw, n, [0.0, 1.0, 2.0]), optional(labels),
    ),
    "agreement.percent": lambda draw: (lambda n: agreement.percent(
        labels(draw, n), labels(draw, n), maybe(draw, labels, n), one_of(draw, 1, 20), 0,
        level(draw),
    ))(size(draw)),
    "agreement.alpha": lambda draw: (lambda n, kind: agreement.alpha(
        labels(draw, n), numbers(draw, n) if kind == "interval" else labels(draw, n), kind,
        maybe(draw, labels, n), one_of(draw, 1, 20), 0, level(draw),
    ))(size(draw), one_of(draw, "nominal", "interval")),
    "agreement.kappa": lambda draw: (lambda n: agreement.kappa(
        labels(draw, n), labels(draw, n), maybe(draw, labels, n), one_of(draw, 1, 20), 0,
        level(draw),
    ))(size(draw)),
    "cards.cards": every_card,
    "cards.shrink": lambda draw: (lambda n: cards.shrink(
        numbers(draw, n, [0.0, 1.0, 3.0]), numbers(draw, n, [3.0, 5.0, 0.0]), level(draw)
    ))(size(draw)),
    "leaks.audit": audited,
    "leaks.auc": auc,
    "logistic.logistic": regression,
    "bradley_terry.fit": ratings,
    "bradley_terry.bootstrapped": lambda draw: bradley_terry.bootstrapped(
        rated(draw), one_of(draw, 1, 2, 9)
    ),
    "comparison.compare": lambda draw: (lambda n: comparison.compare(
        labels(draw, n), labels(draw, n), numbers(draw, n), maybe(draw, labels, n),
        seat=one_of(draw, None, "first"), judge=maybe(draw, labels, n),
    ))(size(draw)),
}  # fmt: skip
BY_NAN = {"clusters.bootstrap", "clusters.bootstrap_means", "clusters.pigeonhole",
          "clusters.pigeonhole_means", "clusters.ratio"}  # fmt: skip
"""Those that say NaN on purpose: of a draw in which an arm has no row. See the test of them."""
PARTS = {"means.p_from", "leaks.cross_validated", "logistic.chances", "comparison.components",
         "comparison.added", "comparison.listed"}  # fmt: skip
"""What others are made of and call with columns that they have looked at."""
INNER = {"sandwich", "newton", "labels"}
"""Modules of such parts alone."""


def public() -> set[str]:
    found = set()
    for one in pkgutil.iter_modules(arena.stats.__path__):
        module = importlib.import_module(f"arena.stats.{one.name}")
        for name, value in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith("_") and value.__module__ == module.__name__:
                found.add(f"{one.name}.{name}")
    return {name for name in found if name.partition(".")[0] not in INNER}


def odd(value: Any, where: str = "") -> str | None:
    """Where in a result NaN or infinity is, or an interval that ends before it begins."""
    if is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            if (found := odd(getattr(value, one.name), f"{where}.{one.name}")) is not None:
                return found
        low, high = getattr(value, "low", None), getattr(value, "high", None)
        if isinstance(low, float) and isinstance(high, float) and low > high:
            return f"{where}: {low} > {high}"
        return None
    if isinstance(value, Mapping):
        return next((f for k, v in value.items() if (f := odd(v, f"{where}[{k!r}]"))), None)
    if isinstance(value, list | tuple):
        return next((f for i, v in enumerate(value) if (f := odd(v, f"{where}[{i}]"))), None)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return None if np.isfinite(value).all() else f"{where}: {value.tolist()}"
    if isinstance(value, float | np.floating):
        return None if math.isfinite(value) else f"{where}: {value}"
    return None


def test_every_function_of_the_package_is_driven() -> None:
    assert public() == set(DRIVERS) | BY_NAN | PARTS


@pytest.mark.parametrize("name", DRIVERS)
@settings(max_examples=60, deadline=None, derandomize=True,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(data=st.data())
def test_columns_that_break_formulas_give_one_line_or_a_defined_value(
    name: str, data: st.DataObject
) -> None:
    broken(name, data)


@pytest.mark.check
@pytest.mark.parametrize("name", DRIVERS)
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_great_many_such_columns_do_so(name: str, data: st.DataObject) -> None:
    broken(name, data)


def broken(name: str, data: st.DataObject) -> None:
    with np.errstate(all="raise", under="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = DRIVERS[name](data.draw)
        except ValueError as error:
            said = str(error)
            assert said and "\n" not in said and len(said) < 500, said
            assert "nan" not in type(error).__name__
            return
    assert odd(found, name) is None, odd(found, name)
