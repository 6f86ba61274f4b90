"""Clusters: codes, variances against statsmodels, bootstraps against closed forms, bad input."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from arena.stats.clusters import (
    bootstrap,
    bootstrap_means,
    cluster_sums,
    codes,
    crossed,
    jackknife,
    linearised,
    pigeonhole_means,
    ratio,
    spread,
    sums,
    two_way,
)
from arena.stats.means import contrast, difference, mean, share

sm = pytest.importorskip("statsmodels.api", reason="statsmodels is not here to compare with")


@pytest.fixture(autouse=True)
def strict() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def study(seed: int = 0, n: int = 400, questions: int = 30, judges: int = 12) -> Any:
    """Verdicts whose questions and judges matter, and where they differ in number."""
    rng = np.random.default_rng(seed)
    q = rng.choice(questions, n, p=rng.dirichlet(np.full(questions, 3.0)))
    j = rng.integers(0, judges, n)
    chance = 1 / (1 + np.exp(-(1 + rng.normal(size=questions)[q] + rng.normal(size=judges)[j])))
    return (rng.random(n) < chance).astype(float), codes(q)[0], codes(j)[0]


def theirs(y: Any, x: Any, groups: Any) -> Any:
    return sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": groups})


@pytest.mark.parametrize("seed", range(4))
def test_the_linearised_variance_equals_statsmodels(seed: int) -> None:
    y, q, _ = study(seed)
    assert linearised(y, q) ** 0.5 == pytest.approx(theirs(y, np.ones(len(y)), q).bse[0], rel=1e-9)


def test_a_weighted_mean_has_statsmodels_clustered_variance() -> None:
    y, q, _ = study(5)
    w = np.random.default_rng(1).integers(1, 6, len(y)).astype(float)
    fit = sm.WLS(y, np.ones(len(y)), w).fit(cov_type="cluster", cov_kwds={"groups": q})
    assert linearised(y, q, w) ** 0.5 == pytest.approx(fit.bse[0], rel=1e-9)
    weighted = mean(y, q, weights=w)
    assert weighted is not None and weighted.value == pytest.approx(fit.params[0])
    assert weighted.se == pytest.approx(fit.bse[0], rel=0.1)


def test_the_two_way_variance_equals_statsmodels_where_it_is_the_largest() -> None:
    compared = 0
    for seed in range(8):
        y, q, j = study(seed)
        fit = theirs(y, np.ones(len(y)), np.stack([q, j], axis=1))
        found = two_way(y, q, j)
        both = linearised(y, crossed(q, j)[0])
        one, other = linearised(y, q), linearised(y, j)
        assert found is not None and one is not None and other is not None and both is not None
        if one + other - both > max(one, other):
            compared += 1
            assert found**0.5 == pytest.approx(fit.bse[0], rel=1e-4)
        assert found >= max(one, other)
    assert compared >= 4


def test_the_corrected_variance_is_statsmodels_divided_by_each_clusters_leverage() -> None:
    """CR2 by matrices: residuals of a cluster times (I - H)^(-1/2)."""
    y, q, _ = study(2, n=120, questions=9)
    arm = np.random.default_rng(3).integers(0, 2, len(y))
    x = np.stack([arm, 1 - arm], axis=1).astype(float)
    bread = np.linalg.inv(x.T @ x)
    residual = y - x @ (bread @ x.T @ y)
    meat = np.zeros((2, 2))
    for c in np.unique(q):
        xc, ec = x[q == c], residual[q == c]
        value, vector = np.linalg.eigh(np.eye(len(xc)) - xc @ bread @ xc.T)
        root = vector @ np.diag(value**-0.5) @ vector.T
        meat += np.outer(xc.T @ root @ ec, xc.T @ root @ ec)
    cov = bread @ meat @ bread
    found = contrast(y, arm, [(1, 1.0), (0, -1.0)], q, bounded=False)
    assert found is not None
    assert found.se == pytest.approx((cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]) ** 0.5, rel=1e-9)


def test_degrees_of_freedom_are_those_of_bell_and_mccaffrey_by_matrices() -> None:
    """Where values vary no more within clusters than between, the correlation is 0: the classic."""
    rng = np.random.default_rng(0)
    q = np.repeat(np.arange(7), [2, 3, 4, 6, 8, 12, 30])
    y = rng.normal(size=len(q))
    for c in range(7):
        y[q == c] -= y[q == c].mean()  # no cluster differs from another
    n = len(y)
    h = np.full((n, n), 1 / n)
    columns = []
    for c in range(7):
        inside = (q == c).astype(float)
        columns.append((np.eye(n) - h) @ inside / (1 - inside.sum() / n) ** 0.5 / n)
    g = np.stack(columns, axis=1)
    eigen = np.linalg.eigvalsh(g.T @ g)
    found = mean(y, q)
    assert found is not None and found.df == pytest.approx(eigen.sum() ** 2 / (eigen**2).sum())


def test_equal_clusters_have_one_degree_less_than_there_are() -> None:
    found = mean(np.random.default_rng(0).normal(size=60), np.repeat(np.arange(12), 5))
    assert found is not None and found.df == pytest.approx(11, abs=1e-9)


def test_a_value_a_cluster_gives_students_own_interval_and_plain_wilson() -> None:
    from scipy import stats

    x = np.random.default_rng(0).normal(size=25)
    found = mean(x, np.arange(25))
    expected = stats.t.interval(0.95, 24, x.mean(), stats.sem(x))
    assert found is not None and (found.low, found.high) == pytest.approx(expected)
    assert found.iid == pytest.approx(expected)
    y = (x > 0).astype(float)
    one = share(y, np.arange(25))
    ends = stats.binomtest(int(y.sum()), 25).proportion_ci(method="wilson")
    assert one is not None and (one.low, one.high) == pytest.approx((ends.low, ends.high))


def test_repeating_every_verdict_changes_no_clustered_interval_but_the_independent_one() -> None:
    y, q, _ = study(1)
    once, thrice = mean(y, q), mean(np.tile(y, 3), np.tile(q, 3))
    assert once is not None and thrice is not None and once.iid and thrice.iid
    assert thrice.se == pytest.approx(once.se, rel=1e-9)
    assert thrice.iid[1] - thrice.iid[0] < 0.6 * (once.iid[1] - once.iid[0])


def test_the_bootstrap_has_the_linearised_spread() -> None:
    y, q, _ = study(7, n=3000, questions=200)
    drawn = bootstrap_means(y, q, 4000, 1)
    assert drawn.mean() == pytest.approx(y.mean(), abs=0.002)
    assert drawn.std() == pytest.approx(linearised(y, q) ** 0.5, rel=0.05)


def test_a_seed_is_all_that_a_bootstrap_depends_on() -> None:
    y, q, j = study(3)
    order = np.random.default_rng(0).permutation(len(y))
    assert np.allclose(bootstrap_means(y, q, 50, 5), bootstrap_means(y[order], q[order], 50, 5))
    assert (bootstrap_means(y, q, 50, 5) == bootstrap_means(y, q, 50, 5)).all()
    assert (bootstrap_means(y, q, 50, 5) != bootstrap_means(y, q, 50, 6)).any()
    assert (pigeonhole_means(y, q, j, 50, 5) == pigeonhole_means(y, q, j, 50, 5)).all()


def test_the_pigeonhole_weights_are_products_of_how_often_levels_were_drawn() -> None:
    """With additive effects and a full table, its variance is that of two bootstraps together."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=40), rng.normal(size=25)
    qa, qb = (part.ravel() for part in np.meshgrid(range(40), range(25), indexing="ij"))
    drawn = pigeonhole_means(a[qa] + b[qb], qa, qb, 6000, 2)
    assert drawn.var() == pytest.approx(a.var() / 40 + b.var() / 25, rel=0.06)


def test_a_sparse_table_gives_the_same_pigeonhole_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    y, q, j = study(4)
    dense = pigeonhole_means(y, q, j, 40, 3)
    monkeypatch.setattr("arena.stats.clusters._SPARSE", 10)
    assert pigeonhole_means(y, q, j, 40, 3) == pytest.approx(dense)


def test_several_sums_of_a_cluster_are_drawn_together() -> None:
    y, q, _ = study(6)
    table = np.concatenate([sums(y, q), 2 * sums(y, q)], axis=1)

    def apart(totals: Any) -> Any:
        return ratio(totals[:, :2]) - ratio(totals[:, 2:])

    assert bootstrap(table, apart, 100, 0) == pytest.approx(np.zeros(100))


def test_the_jackknife_of_a_mean_is_its_closed_form() -> None:
    y, q, _ = study(8)
    table = sums(y, q)
    left = [(table[:, 0].sum() - s) / (table[:, 1].sum() - n) for s, n in table]
    expected = (len(table) - 1) / len(table) * sum((one - y.mean()) ** 2 for one in left)
    assert jackknife(table, ratio) == pytest.approx(expected)
    assert jackknife(table, ratio) > linearised(y, q)  # type: ignore[operator]
    assert jackknife(table[:1], ratio) is None


def test_intervals_from_draws_say_when_there_is_none() -> None:
    drawn = np.linspace(-1, 1, 2001)
    assert spread(drawn, 0, 40, how="percentile") == pytest.approx((-0.95, 0.95))
    wider = spread(drawn, 0, 40)
    assert wider is not None and wider[0] < -0.95 and wider[1] > 0.95
    assert spread(drawn, 0, 1) is None
    assert spread(np.where(drawn < -0.8, np.nan, drawn), 0, 40) is None
    few = spread(drawn, 0, 5)
    assert few is not None and few[1] == pytest.approx(2.776445 * 1.25**0.5 * drawn.std(), rel=1e-5)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["b", "a", "b"], [1, 0, 1]),
        (np.array([7, -2, 7]), [1, 0, 1]),
        (np.array([10**12, 5, 10**12]), [1, 0, 1]),
        (np.array([True, False]), [1, 0]),
        (np.array([0.5, 0.25]), [1, 0]),
        (np.array(["y", "x"]), [1, 0]),
        ([("q", 1), ("q", 0)], [1, 0]),
        ([None, "a", None], [0, 1, 0]),
        ([], []),
        (np.array([], dtype=int), []),
    ],
)
def test_codes_number_any_labels(labels: Any, expected: list[int]) -> None:
    found, count = codes(labels)
    assert found.tolist() == expected and count == len(set(expected))


def test_sums_by_cluster_are_what_adding_up_gives() -> None:
    table = cluster_sums(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([1, 0, 1]), 3)
    assert table.tolist() == [[3, 4], [6, 8], [0, 0]]
    assert cluster_sums([1.0, 2.0, 4.0], np.array([1, 0, 1]), 2).tolist() == [2, 5]


def test_a_masked_part_needs_no_new_codes() -> None:
    y, q, _ = study(9)
    kept = q > 5
    assert linearised(y[kept], q[kept]) == pytest.approx(linearised(y[kept], codes(q[kept])[0]))


def test_one_cluster_has_a_value_and_no_interval() -> None:
    for found in (share([1, 0, 1], ["a"] * 3), mean([1.0, 0.0, 1.0], ["a"] * 3)):
        assert found is not None and found.value == pytest.approx(2 / 3)
        assert found.low is None and found.high is None and found.clusters == 1
    assert linearised([1, 0, 1], np.zeros(3, int)) is None
    assert two_way([1, 0, 1], np.zeros(3, int), np.arange(3)) is None


def test_all_alike_is_as_sure_as_there_are_clusters() -> None:
    few, many = share([1] * 40, list(range(4)) * 10), share([1] * 40, list(range(20)) * 2)
    assert few is not None and many is not None and few.low is not None and many.low is not None
    assert few.value == few.high == 1 and few.low < many.low < 0.9
    alike = mean([2.5] * 8, list(range(4)) * 2)
    assert alike is not None and (alike.low, alike.high, alike.se) == (2.5, 2.5, 0)


def test_of_nothing_there_is_none() -> None:
    assert share([], []) is None and mean([], []) is None
    assert contrast([1, 0], ["a", "a"], [("a", 1), ("b", -1)], [1, 2]) is None
    assert bootstrap_means([], np.zeros(0, int)).size == 0


def test_a_mean_within_bounds_stays_there_and_leans_to_its_tail() -> None:
    x = np.log2(np.clip(np.random.default_rng(1).beta(2, 0.8, 60), 0.01, 0.99))
    free, held = mean(x, np.arange(60) // 3), mean(x, np.arange(60) // 3, bounds=(-6.65, 0.0))
    assert free is not None and held is not None and held.low is not None and held.high is not None
    assert -6.65 < held.low < held.high < 0 and held.value - held.low > held.high - held.value
    with pytest.raises(ValueError, match="within"):
        mean(x, np.arange(60), bounds=(-1.0, 0.0))


def test_the_p_of_a_difference_and_its_interval_agree() -> None:
    y, q, _ = study(4)
    arm = (np.random.default_rng(2).random(len(y)) < 0.3 + 0.3 * y).astype(int)
    found = contrast(y, arm, [(1, 1.0), (0, -1.0)], q)
    assert found is not None and found.p is not None and found.low is not None
    assert 0 < found.p < 0.05 and found.low > 0
    edge = contrast(y, arm, [(1, 1.0), (0, -1.0)], q, level=1 - found.p)
    assert edge is not None and edge.low == pytest.approx(0, abs=1e-6)


def test_the_difference_of_two_lists_is_a_contrast_of_arms() -> None:
    y, q, _ = study(1)
    arm = np.arange(len(y)) % 3 == 0
    one = difference(y[arm], q[arm], y[~arm], q[~arm])
    other = contrast(y, arm, [(True, 1.0), (False, -1.0)], q, bounded=False)
    assert one == other


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: share([2.0], ["a"]), lambda: share([float("nan")], ["a"]),
        lambda: share(["x"], ["a"]), lambda: share([1, 0], ["a"]), lambda: mean([[1.0]], ["a"]),
        lambda: mean([1.0, 2.0], ["a", "b"], weights=[1.0, 0.0]), lambda: codes([float("nan")]),
        lambda: codes(np.array([[1]])), lambda: linearised([1.0, 2.0], np.array([0.5, 1.5])),
        lambda: linearised([1.0], np.array([-1])), lambda: cluster_sums([1.0], np.array([3]), 2),
        lambda: bootstrap_means([1.0], np.array([0]), draws=0),
        lambda: bootstrap([[float("inf")]], ratio), lambda: share([1, 0], ["a", "b"], level=0),
        lambda: contrast([1], ["a"], [("a", 1), ("a", 2)], [0]),
        lambda: contrast([1], ["a"], [("a", 0.0)], [0]),
        lambda: contrast([1, 1], ["a", "a"], [("a", 1.0)], [0]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        wrong()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_data_there_is_no_nan_and_no_warning(seed: int) -> None:
    """Few rows, lone rows, empty crossings, all alike, one cluster with nearly everything."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    y = (rng.random(n) < rng.choice([0.0, 0.1, 0.9, 1.0, 0.5])).astype(float)
    q = rng.integers(0, rng.choice([1, 2, 5, 50]), n) * (rng.random(n) < rng.choice([0.1, 1.0]))
    j, arm = rng.integers(0, rng.choice([1, 3, 9]), n), rng.integers(0, 2, n)
    made = [
        share(y, q), share(y, q, j), mean(y, q), mean(y, q, j), mean(y, q, bounds=(0, 1)),
        contrast(y, arm, [(0, 1.0), (1, -1.0)], q), contrast(y, arm, [(0, 0.5), (1, 0.5)], q, j),
        contrast(y, arm, [(0, 1.0), (1, -1.0)], q, j, bounded=False),
    ]  # fmt: skip
    for one in made:
        if one is None:
            assert len(set(arm)) < 2
            continue
        figures = (one.value, one.low, one.high, one.se, one.df, one.p, *(one.iid or ()))
        assert np.isfinite([figure for figure in figures if figure is not None]).all()
        if one.low is not None and one.high is not None:
            assert one.low <= one.value + 1e-9 and one.value <= one.high + 1e-9
