"""Judge accuracy: ties, clusterings side by side, strata, missing verdicts, rounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from arena.stats.accuracy import (
    accuracy,
    balanced,
    by_round,
    credit,
    fisher,
    missing,
    stratified,
    youden,
)
from arena.stats.clusters import two_way
from arena.stats.intervals import wilson
from arena.stats.means import share


def judged(seed: int = 0, n: int = 2000, judge_sd: float = 1.0) -> Any:
    """Verdicts of 20 judges on 200 questions of 50 stories, where only judges differ."""
    rng = np.random.default_rng(seed)
    question, judge = rng.integers(0, 200, n), rng.integers(0, 20, n)
    chance = 1 / (1 + np.exp(-(1.2 + judge_sd * rng.normal(size=20)[judge])))
    y = (rng.random(n) < chance).astype(float)
    return y, {"question": question, "story": question % 50, "judge": judge}


def test_a_tie_counts_by_the_rule_that_is_declared() -> None:
    p = [0.2, 0.5, 0.50001, 1.0]
    assert credit(p, "half").tolist() == [0, 0.5, 1, 1]
    assert credit(p, "wrong").tolist() == [0, 0, 1, 1]


def test_every_clustering_has_its_interval_and_the_independent_one_is_beside() -> None:
    y, clusters = judged()
    found = accuracy(y, clusters, ("question", "judge"), draws=500)
    assert found is not None and found.two_way is not None and found.pigeonhole is not None
    assert found.value == y.mean() and found.n == len(y)
    assert found.iid == wilson(y.sum(), len(y))
    assert list(found.by) == list(found.bootstrap) == ["question", "story", "judge"]
    assert [one.clusters for one in found.by.values()] == [200, 50, 20]
    assert found.by["story"] == share(y, clusters["story"])
    assert found.two_way.clusters == 20 and found.widest == "judge"


def test_the_clustering_that_matters_widens_the_interval_and_the_others_do_not() -> None:
    y, clusters = judged(1)
    found = accuracy(y, clusters, draws=400)
    assert found is not None

    def width(pair: Any) -> float:
        low, high = (pair.low, pair.high) if hasattr(pair, "low") else pair
        return float(high - low)

    plain = width(found.iid)
    assert width(found.by["judge"]) > 2.5 * plain
    assert width(found.by["question"]) < 1.3 * plain
    for name, one in found.by.items():
        assert width(found.bootstrap[name]) == pytest.approx(width(one), rel=0.2)


def test_the_two_way_error_is_that_of_the_sandwich() -> None:
    y, clusters = judged(2)
    found = accuracy(y, clusters, ("question", "judge"), draws=0)
    assert found is not None and found.two_way is not None and found.two_way.se is not None
    variance = two_way(y, clusters["question"], clusters["judge"])
    assert variance is not None
    assert found.two_way.se == pytest.approx(variance**0.5, rel=0.02)
    assert found.bootstrap == {} and found.pigeonhole is None


def test_one_cluster_is_said_to_be_the_widest() -> None:
    found = accuracy([1, 0, 1], {"question": [1, 2, 3], "judge": ["a"] * 3})
    assert found is not None and found.widest == "judge"
    assert found.by["judge"].low is None and "judge" not in found.bootstrap


def test_strata_weigh_the_same_however_many_rows_they_have() -> None:
    """The published human consultancies: 42 of 48 honest and 29 of 48 dishonest are right."""
    y = np.repeat([1, 0, 1, 0], [42, 6, 29, 19])
    honest = np.repeat([True, False], [48, 48])
    found = stratified(y, honest, np.arange(96))
    assert found is not None and found.both.value == pytest.approx(71 / 96)
    assert (found.honest.value, found.dishonest.value) == (42 / 48, 29 / 48)
    assert found.both.p is None
    more = stratified(np.tile(y, 2)[:144], np.tile(honest, 2)[:144], np.arange(144))
    assert more is not None and more.both.value == pytest.approx(71 / 96)
    assert more.honest.n == 96 and more.dishonest.n == 48


def test_without_a_side_there_is_no_stratified_accuracy() -> None:
    assert stratified([1, 0], [True, True], [1, 2]) is None


def test_missing_verdicts_leave_bounds_open() -> None:
    found = missing([1, 1, 0.5, 0], {"A": (3, 5), "B": (1, 3)})
    assert (found.n, found.missing, found.low, found.high) == (8, 4, 2.5 / 8, 6.5 / 8)
    none = missing([1, 0], {"A": (0, 1), "B": (0, 1)})
    assert (none.low, none.high, none.p) == (0.5, 0.5, 1.0)
    assert missing([1], {"A": (1, 2)}).p is None


def test_what_is_missing_on_one_side_alone_is_found() -> None:
    assert missing([1] * 180, {"A": (20, 100), "B": (0, 100)}).p < 1e-5  # type: ignore[operator]
    assert missing([1] * 180, {"A": (11, 100), "B": (9, 100)}).p > 0.5  # type: ignore[operator]


def test_fishers_test_equals_scipys() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        n, m = (int(one) for one in rng.integers(1, 40, 2))
        k, j = int(rng.integers(0, n + 1)), int(rng.integers(0, m + 1))
        expected = stats.fisher_exact([[k, n - k], [j, m - j]]).pvalue
        assert fisher((k, n), (j, m)) == pytest.approx(expected, abs=1e-9)


def test_balanced_accuracy_equals_scikit_learns_and_youdens_j_follows() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not here")
    rng = np.random.default_rng(0)
    truth = (rng.random(300) < 0.2).astype(int)
    choice = np.where(rng.random(300) < 0.7, truth, 0)
    found = balanced(choice == truth, truth, np.arange(300) // 3)
    j = youden(choice == truth, truth, np.arange(300) // 3)
    assert found is not None and j is not None
    assert found.value == pytest.approx(metrics.balanced_accuracy_score(truth, choice))
    assert j.value == pytest.approx(2 * found.value - 1)
    assert j.low == pytest.approx(2 * found.low - 1)  # type: ignore[operator]


def test_a_judge_who_always_says_the_same_is_balanced_to_one_half() -> None:
    truth = [0] * 90 + [1] * 10
    found = balanced([1.0] * 90 + [0.0] * 10, truth, range(100))
    assert found is not None and found.value == 0.5 and found.low is not None
    assert found.low < 0.5 < found.high  # type: ignore[operator]
    assert balanced([1, 0], [0, 0], [1, 2]) is None and youden([1], [0], [1]) is None
    with pytest.raises(ValueError, match="two options"):
        youden([1, 0, 1], [0, 1, 2], [1, 2, 3])


def test_a_match_that_has_ended_carries_its_last_judgment_forward() -> None:
    rows = [("m1", 0, 0), ("m1", 1, 1), ("m2", 0, 1), ("m3", 1, 0), ("m3", 2, 1), ("m1", 1, 0.5)]
    match, when, y = zip(*rows, strict=True)
    found = by_round(match, when, y, {"m1": "s", "m2": "s", "m3": "t"})
    assert [one.round for one in found] == [0, 1, 2]
    assert [one.accuracy.n for one in found] == [2, 3, 3]
    assert [one.accuracy.value for one in found] == pytest.approx([1 / 2, 1.5 / 3, 2.5 / 3])
    assert [one.carried for one in found] == [0, 1, 2]
    assert [one.accuracy.clusters for one in found] == [1, 2, 2]


def test_of_nothing_there_is_nothing() -> None:
    assert accuracy([], {}) is None and by_round([], [], []) == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: credit([1.2], "half"), lambda: credit([0.5], "other"),
        lambda: credit([float("nan")], "half"), lambda: accuracy([1], {"a": [1]}, ("a", "b")),
        lambda: accuracy([1, 0], {"a": [1]}), lambda: accuracy([1.5], {"a": [1]}),
        lambda: missing([1], {"A": (1, 1)}), lambda: missing([], {"A": (2, 1)}),
        lambda: missing([], {}), lambda: fisher((2, 1), (0, 1)),
        lambda: stratified([1, 0], [True], [1, 2]), lambda: by_round(["a"], [0.5], [1]),
        lambda: by_round(["a"], [1, 2], [1]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        wrong()
    assert "\n" not in str(error.value)
