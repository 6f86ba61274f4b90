"""The leak audit: against scikit-learn, counting by hand, planted leaks and none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arena.stats.leaks import RIDGE, _folds, auc, audit, cross_validated
from arena.stats.logistic import logistic


def study(
    rng: np.random.Generator, questions: int, each: int = 3, leak: float = 0.0
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Three features that matches on a question share in part; the first may tell the truth."""
    q = np.repeat(np.arange(questions), each)
    y = rng.integers(0, 2, questions * each)
    x = rng.normal(size=(questions, 3))[q] + rng.normal(size=(len(q), 3))
    x[:, 0] += leak * (2 * y - 1)
    return {"length": x[:, 0], "quotes": x[:, 1], "seconds": x[:, 2]}, y, q


def test_auc_counts_pairs_and_halves_ties() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 5, 60), rng.integers(0, 2, 60)
    pairs = [(a > b) + (a == b) / 2 for a in x[y == 1] for b in x[y == 0]]
    found = auc(x, y, range(60))
    assert found is not None and found.value == pytest.approx(np.mean(pairs), abs=1e-12)


def test_auc_is_scikit_learns_and_its_error_delongs() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 300)
    x = np.round(rng.normal(size=300) + 0.6 * y, 1)
    found = auc(x, y, range(300))
    assert found is not None and found.value == pytest.approx(roc_auc_score(y, x), abs=1e-12)
    wins = (x[y == 1][:, None] > x[y == 0]) + (x[y == 1][:, None] == x[y == 0]) / 2
    delong = wins.mean(1).var(ddof=1) / (y == 1).sum() + wins.mean(0).var(ddof=1) / (y == 0).sum()
    assert found.se == pytest.approx(delong**0.5, rel=1e-3)


def test_rows_are_compared_within_their_fold_alone() -> None:
    x, y, fold = [0, 1, 10, 11, 12], [1, 0, 0, 1, 1], [0, 0, 1, 1, 1]
    found = auc(x, y, range(5), fold)
    assert found is not None and found.value == pytest.approx(2 / 3)  # 0 of 1, and 2 of 2
    plain = auc(x, y, range(5))
    assert plain is not None and plain.value == pytest.approx(4 / 6)
    assert auc([1, 2], [1, 0], [0, 1], [0, 1]) is None


def test_questions_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    q = np.repeat(np.arange(40), 25)
    y = rng.integers(0, 2, 40)[q]
    x = rng.normal(size=40)[q] + 0.1 * rng.normal(size=1000)
    by_question, by_row = auc(x, y, q), auc(x, y, range(1000))
    assert by_question is not None and by_row is not None
    assert by_question.se is not None and by_row.se is not None
    assert by_question.se > 3 * by_row.se


def test_the_regression_is_scikit_learns_in_every_fold() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, y, q = study(np.random.default_rng(4), 60, leak=0.4)
    x = np.stack(list(features.values()), axis=1) * [1, 100, 1e-3] + [0, 5, 1]
    fold = _folds(q, 60, 5, seed=1)
    ours = cross_validated(x, y.astype(float), fold, 2.0)
    for one in range(5):
        held = fold == one
        known = make_pipeline(
            StandardScaler(), LogisticRegression(C=1 / 2.0, tol=1e-12, max_iter=1000)
        ).fit(x[~held], y[~held])
        assert ours[held] == pytest.approx(known.predict_proba(x[held])[:, 1], abs=1e-6)


def test_a_question_is_never_in_two_folds() -> None:
    q = np.random.default_rng(5).integers(0, 37, 500)
    fold = _folds(q, 37, 5, seed=3)
    assert all(len(set(fold[q == one])) == 1 for one in range(37))
    assert sorted(np.bincount(fold[np.unique(q, return_index=True)[1]])) == [7, 7, 7, 8, 8]


def test_a_planted_leak_is_found_and_named() -> None:
    features, y, q = study(np.random.default_rng(6), 150, leak=0.6)
    found = audit(features, y, q)
    assert found.leaking() == ("length", "all together")
    length, joint = found.features["length"], found.joint
    assert length is not None and joint is not None
    # normal, means 1.2 apart, variance 2: Phi(1.2 / 2)
    assert length.low is not None and length.high is not None and length.low < 0.7257 < length.high
    assert joint.value > 0.65


def test_a_leak_that_no_feature_has_alone_is_found_by_all_together() -> None:
    rng = np.random.default_rng(7)
    y = rng.integers(0, 2, 600)
    noise = 8 * rng.normal(size=600)
    found = audit({"a": y + noise, "b": noise}, y, np.arange(600) // 3)
    assert found.leaking() == ("all together",)
    assert found.joint is not None and found.joint.value > 0.95


def test_a_feature_that_tells_the_reverse_leaks_as_well() -> None:
    features, y, q = study(np.random.default_rng(8), 150, leak=-0.6)
    found = audit(features, y, q)
    assert found.leaking() == ("length", "all together")
    assert found.features["length"] is not None and found.features["length"].value < 0.4
    assert found.joint is not None and found.joint.value > 0.6  # the regression has turned it


def coverage(sims: int, questions: int, each: int) -> tuple[float, float, float]:
    single = joint = 0
    values = []
    for seed in range(sims):
        found = audit(*study(np.random.default_rng(seed), questions, each), seed=seed)
        one, both = found.features["length"], found.joint
        assert one is not None and one.low is not None and one.high is not None
        assert both is not None and both.low is not None and both.high is not None
        single += one.low <= 0.5 <= one.high
        joint += both.low <= 0.5 <= both.high
        values.append(both.value)
    return single / sims, joint / sims, float(np.mean(values))


def test_without_a_leak_the_intervals_hold_one_half() -> None:
    single, joint, middle = coverage(300, 80, 2)
    assert 0.91 <= single <= 0.985 and 0.91 <= joint <= 0.985
    assert abs(middle - 0.5) < 0.01  # comparing across folds would be some .03 lower


@pytest.mark.check
@pytest.mark.parametrize(("questions", "each"), [(80, 2), (200, 3)])
def test_without_a_leak_the_intervals_hold_one_half_in_2000_simulations(
    questions: int, each: int
) -> None:
    single, joint, middle = coverage(2000, questions, each)
    assert 0.935 <= single <= 0.97 and 0.935 <= joint <= 0.97
    assert abs(middle - 0.5) < 0.006


def test_the_order_of_rows_decides_nothing() -> None:
    features, y, q = study(np.random.default_rng(9), 50, leak=0.3)
    order = np.random.default_rng(10).permutation(150)
    one = audit(features, y, q)
    two = audit({name: x[order] for name, x in features.items()}, y[order], q[order])
    for name in features:
        a, b = one.features[name], two.features[name]
        assert a is not None and b is not None and a.value == b.value
        assert a.se == pytest.approx(b.se, abs=1e-12)
    assert one.joint is not None and two.joint is not None
    assert one.joint.value == pytest.approx(two.joint.value, abs=1e-12)


def test_features_that_never_vary_or_tell_all_have_defined_values() -> None:
    y = np.array([0, 1] * 20)
    found = audit({"same": np.ones(40), "truth": y}, y, np.arange(40) // 2)
    same, told = found.features["same"], found.features["truth"]
    assert same is not None and (same.value, same.low, same.high) == (0.5, 0.5, 0.5)
    assert told is not None and told.value == told.high == 1
    assert told.low == pytest.approx(20 / (20 + 1.959964**2), abs=1e-6)
    assert found.joint is not None and found.joint.value == 1
    assert found.leaking() == ("truth", "all together")


def test_small_and_one_sided_studies_have_defined_values() -> None:
    assert audit({"a": [1, 2]}, [1, 1], ["q", "r"]).features["a"] is None
    one = audit({"a": [1, 2, 3]}, [1, 0, 1], ["q"] * 3)
    assert one.joint is None and one.folds == 0
    lone = one.features["a"]
    assert lone is not None and (lone.value, lone.low) == (0.5, None)
    none = audit({}, [1, 0], [1, 2])
    assert none.features == {} and none.joint is None and none.leaking() == ()
    assert audit({"a": []}, [], []).features["a"] is None


def test_bad_input_is_said_in_a_line() -> None:
    for call, said in (
        (lambda: audit({"a": [1]}, [1, 0], [1, 2]), "2 values of 'a', got 1"),
        (lambda: audit({"a": [1, float("nan")]}, [1, 0], [1, 2]), "values of 'a', got NaN"),
        (lambda: audit({"a": [1, 2]}, [1, 2], [1, 2]), "truth as a column of 0 and 1"),
        (lambda: audit({"a": [1, 2]}, [1, 0], [1]), "a question for each of 2"),
        (lambda: auc([1, 2], [1], [1, 2]), "as many truths"),
        (lambda: audit({"a": [0, 1] * 9}, [0, 1] * 9, range(18), ridge=0), "give a ridge"),
    ):
        with pytest.raises(ValueError, match=said):
            call()


def test_the_regression_climbs_to_where_its_gradient_is_nought() -> None:
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200).astype(float)
    found = logistic(x, y, RIDGE)
    assert found.converged
    assert np.abs(x.T @ (y - found.chances) - RIDGE * found.coefficients).max() < 1e-9
    assert not logistic(x[:, :1], (x[:, 0] > 0).astype(float)).converged  # separated
    assert not logistic(np.stack([x[:, 0]] * 2, axis=1), y).converged  # the same twice
    assert not logistic(np.zeros((200, 1)), y).converged
    assert logistic(x[:, :1], (x[:, 0] > 0).astype(float), 0.1).converged
