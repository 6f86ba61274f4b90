"""Agreement: against evalica, scikit-learn, published examples and planted agreement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arena.stats.agreement import alpha, kappa, percent

Table = list[list[Any]]
# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, C: four observers, twelve units.
PUBLISHED: Table = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def rows(table: Table) -> tuple[list[int], list[Any]]:
    """Units and values of the judgments that there are."""
    found = [(u, v) for row in table for u, v in enumerate(row) if v is not None]
    return [u for u, _ in found], [v for _, v in found]


def drawn(rng: np.random.Generator, judges: int, units: int, missing: float, agree: float) -> Table:
    """Judges that copy the unit's own value with a chance, else say any of 1 to 4."""
    true = rng.integers(1, 5, units)
    said = np.where(rng.random((judges, units)) < agree, true, rng.integers(1, 5, (judges, units)))
    gone = rng.random((judges, units)) < missing
    return [[None if m else int(v) for v, m in zip(a, b, strict=True)]
            for a, b in zip(said, gone, strict=True)]  # fmt: skip


def test_alpha_of_the_published_example() -> None:
    nominal, interval = (alpha(*rows(PUBLISHED), how) for how in ("nominal", "interval"))
    assert nominal is not None and nominal.value == pytest.approx(0.743, abs=5e-4)
    assert interval is not None and interval.value == pytest.approx(0.849, abs=5e-4)
    assert nominal.n == 40 and nominal.clusters == 11  # the unit with one judgment says nothing


@pytest.mark.parametrize("measure", ["nominal", "interval"])
@pytest.mark.parametrize("seed", range(4))
def test_alpha_is_evalicas(measure: Any, seed: int) -> None:
    import evalica
    import pandas as pd

    table = drawn(np.random.default_rng(seed), 2 + seed, 40, 0.3, 0.5)
    known = evalica.alpha(pd.DataFrame(table, dtype=float), measure).alpha
    ours = alpha(*rows(table), measure)
    assert ours is not None and ours.value == pytest.approx(known, abs=1e-6)


def test_kappa_is_scikit_learns() -> None:
    from sklearn.metrics import cohen_kappa_score

    table = drawn(np.random.default_rng(5), 2, 80, 0.0, 0.6)
    ours = kappa(*table)
    assert ours is not None
    assert ours.value == pytest.approx(cohen_kappa_score(*table), abs=1e-12)
    assert (ours.n, ours.clusters) == (80, 80)


def test_per_cent_counts_pairs_of_judges_on_a_unit() -> None:
    # three judges: 1 of 3 pairs agrees; two: 1 of 1; one: no pair
    found = percent(["u"] * 3 + ["v"] * 2 + ["w"], ["x", "x", "y", "z", "z", "x"])
    assert found is not None and found.value == pytest.approx(2 / 4)
    assert (found.n, found.clusters) == (5, 2)


def test_chance_agreement_is_zero_and_opposition_below() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.integers(0, 2, (2, 4000))
    chance = kappa(a.tolist(), b.tolist())
    assert chance is not None and chance.low is not None and chance.high is not None
    assert chance.low < 0 < chance.high
    against = kappa(a.tolist(), (1 - a).tolist())
    assert against is not None and against.value < -0.9
    mixed = alpha(list(range(4000)) * 2, [*a, *b])
    assert mixed is not None and mixed.value == pytest.approx(chance.value, abs=1e-3)


def test_units_that_share_a_cluster_widen_the_interval() -> None:
    rng = np.random.default_rng(7)
    story = np.repeat(np.arange(30), 20)
    agree = (rng.random(30) < 0.5)[story]  # a whole story is agreed on, or left to chance
    a = rng.integers(0, 2, 600)
    b = np.where(agree, a, rng.integers(0, 2, 600))
    for figure in (
        lambda **more: kappa(a.tolist(), b.tolist(), **more),
        lambda **more: alpha(list(range(600)) * 2, [*a, *b], **more),
    ):
        alone = figure()
        clustered = figure(cluster=story if figure(draws=2).n == 600 else np.tile(story, 2))
        assert alone is not None and clustered is not None
        assert alone.value == clustered.value
        assert (alone.clusters, clustered.clusters) == (600, 30)
        assert alone.se is not None and clustered.se is not None
        assert clustered.se > 2 * alone.se


def test_intervals_cover_the_agreement_of_all_units() -> None:
    rng = np.random.default_rng(8)
    hits = {"kappa": 0, "alpha": 0, "percent": 0}
    for seed in range(300):
        true = rng.integers(0, 2, 60)
        a, b = (np.where(rng.random(60) < 0.6, true, rng.integers(0, 2, 60)) for _ in range(2))
        unit = list(range(60)) * 2
        for name, one, value in (
            ("kappa", kappa(a.tolist(), b.tolist(), draws=300, seed=seed), 0.36),
            ("alpha", alpha(unit, [*a, *b], draws=300, seed=seed), 0.36),
            ("percent", percent(unit, [*a, *b], draws=300, seed=seed), 0.68),
        ):
            assert one is not None and one.low is not None and one.high is not None
            hits[name] += one.low <= value <= one.high
    for name, hit in hits.items():
        assert 0.91 <= hit / 300 <= 0.985, (name, hit)


def test_the_order_of_rows_and_the_names_of_values_decide_nothing() -> None:
    unit, value = rows(PUBLISHED)
    order = np.random.default_rng(9).permutation(len(unit))
    one = alpha(unit, value)
    assert one == alpha([unit[i] for i in order], [value[i] for i in order])
    named = alpha(unit, [f"answer {v}" for v in value])
    assert one is not None and named is not None
    assert one.value == pytest.approx(named.value, abs=1e-12)
    shifted = alpha(unit, [v + 1e6 for v in value], "interval")
    plain = alpha(unit, value, "interval")
    assert plain is not None and shifted is not None
    assert shifted.value == pytest.approx(plain.value, abs=1e-6)


def test_what_nothing_can_be_said_of_is_none() -> None:
    assert alpha([1, 1, 2, 2], ["x"] * 4) is None  # nothing varies
    assert alpha([1, 1, 2, 2], [0.1 + 0.2] * 4, "interval") is None
    assert kappa(["x"] * 5, ["x"] * 5) is None
    assert alpha([1, 2, 3], ["x", "y", "x"]) is None  # nobody judged what another did
    assert percent([1, 2, 3], ["x", "y", "x"]) is None
    assert percent([], []) is None and kappa([], []) is None and alpha([], []) is None


def test_full_agreement_still_has_an_interval() -> None:
    unit, value = [*range(10), *range(10)], [0, 1] * 10
    for one in (alpha(unit, value), kappa(value[:10], value[:10]), percent(unit, value)):
        assert one is not None and one.value == 1 and one.high == 1
        assert one.low == pytest.approx(10 / (10 + 1.959964**2), abs=1e-6)


def test_a_single_cluster_has_no_interval() -> None:
    one = kappa([0, 1, 1, 0], [0, 1, 0, 0], cluster=["s"] * 4)
    assert one is not None and one.value == pytest.approx(0.5)
    assert (one.low, one.high, one.clusters) == (None, None, 1)


def test_bad_input_is_said_in_a_line() -> None:
    for call, said in (
        (lambda: kappa([1], [1, 2]), "two answers a unit"),
        (lambda: alpha([1], [1, 2]), "a unit for each of 2"),
        (lambda: alpha([1, 1], [1, 2], "ordinal"), "'nominal' or 'interval'"),
        (lambda: alpha([1, 1], [1, float("nan")], "interval"), "NaN"),
        (lambda: alpha([1, 1], ["x", "y"], "interval"), "list of numbers"),
        (lambda: percent([1, 1], ["x", "y"], ["s"]), "a cluster for each of 2"),
        (lambda: percent([1, 1], ["x", "y"], ["s", "t"]), "each unit within one cluster"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
