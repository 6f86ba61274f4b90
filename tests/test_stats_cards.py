"""Judge cards: shrinkage against exact sums and planted judges, and the figures beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from arena.stats.behaviour import length_bias, position_bias
from arena.stats.calibration import overconfidence
from arena.stats.cards import Lengths, Places, cards, shrink


def drawn(
    rng: np.random.Generator, judges: int = 25, mean: float = 0.75, size: float = 12.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skills of judges, and what they scored in few or many verdicts."""
    skill = rng.beta(mean * size, (1 - mean) * size, judges)
    n = rng.integers(3, 60, judges)
    return skill, rng.binomial(n, skill).astype(float), n.astype(float)


def test_a_judge_with_few_verdicts_is_drawn_to_the_others_and_one_with_many_is_not() -> None:
    k, n = np.r_[np.full(20, 70.0), 2, 900], np.r_[np.full(20, 100.0), 2, 1000]
    found = shrink(k, n)
    assert 0.68 < found[20].value < 0.80  # 2 of 2
    assert found[21].value == pytest.approx(0.9, abs=0.03)
    assert found[20].low is not None and found[21].low is not None
    assert found[20].high is not None and found[21].high is not None
    assert found[20].high - found[20].low > 2 * (found[21].high - found[21].low)


def test_shrunk_accuracies_are_nearer_the_truth_than_raw_ones() -> None:
    rng = np.random.default_rng(1)
    raw = ours = 0.0
    for _ in range(10):
        skill, k, n = drawn(rng)
        raw += float(((k / n - skill) ** 2).sum())
        ours += float(((np.array([one.value for one in shrink(k, n)]) - skill) ** 2).sum())
    assert ours < 0.75 * raw


@pytest.mark.parametrize("judges", [4, 25])
def test_shrunk_intervals_cover_the_skills_on_average(judges: int) -> None:
    rng, hits, total = np.random.default_rng(2), 0, 0
    for _ in range(320 // judges):
        skill, k, n = drawn(rng, judges)
        for one, value in zip(shrink(k, n), skill, strict=True):
            assert one.low is not None and one.high is not None
            hits, total = hits + (one.low <= value <= one.high), total + 1
    assert 0.92 <= hits / total <= 0.99


@pytest.mark.check
@pytest.mark.parametrize(("judges", "sims"), [(4, 2000), (12, 700), (50, 200)])
def test_shrunk_intervals_cover_in_8000_judges(judges: int, sims: int) -> None:
    rng, hits = np.random.default_rng(3), 0
    for _ in range(sims):
        skill, k, n = drawn(rng, judges)
        for one, value in zip(shrink(k, n), skill, strict=True):
            assert one.low is not None and one.high is not None
            hits += one.low <= value <= one.high
    assert 0.935 <= hits / (sims * judges) <= 0.975


def test_the_posterior_is_the_one_that_quadrature_gives() -> None:
    """Two judges, by brute force on a fine grid of the two parameters of the prior."""
    from scipy.special import betaln

    k, n = np.array([8.0, 3.0]), np.array([10.0, 6.0])
    m = (np.arange(400) + 0.5) / 400
    s = np.geomspace(0.5, 5e4, 600)
    mm, ss = (one.ravel() for one in np.meshgrid(m, s))
    a, b = mm * ss, (1 - mm) * ss
    height = np.log(ss) - 2 * np.log1p(ss)
    for hits, size in zip(k, n, strict=True):
        height = height + betaln(a + hits, b + size - hits) - betaln(a, b)
    w = np.exp(height - height.max())
    w /= w.sum()
    for one, hits, size in zip(shrink(k, n), k, n, strict=True):
        assert one.value == pytest.approx(w @ ((a + hits) / (a + b + size)), abs=2e-3)
        assert one.low is not None and one.high is not None
        tails = [float(w @ beta.cdf(x, a + hits, b + size - hits)) for x in (one.low, one.high)]
        assert tails == pytest.approx([0.025, 0.975], abs=2e-3)


def test_a_lone_judge_and_judges_that_are_all_alike_have_intervals() -> None:
    (alone,) = shrink([9.0], [10.0])
    assert alone.low is not None and alone.high is not None
    assert 0.5 < alone.low < alone.value < alone.high < 1
    for k in (0.0, 10.0):
        for one in shrink([k] * 5, [10.0] * 5):
            assert one.low is not None and one.high is not None
            assert 0 <= one.low < one.value < one.high <= 1
            assert one.high - one.low > 0.05
    assert shrink([], []) == ()


def columns(rng: np.random.Generator, rows: int = 600) -> dict[str, Any]:
    judge = rng.integers(0, 4, rows)
    match = np.arange(rows) // 2
    listing = np.tile(["ab", "ba"], rows // 2)
    judge = judge[2 * match]  # a match has one judge, who reads both listings
    honest, longer = rng.integers(0, 2, rows), rng.normal(0, 500, rows)
    eta = 1.5 * (2 * honest - 1) + longer / 1000
    chosen = (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(float)
    credit = (chosen == honest).astype(float)
    return {
        "judge": np.array(["ada", "bob", "carol", "dan"])[judge], "credit": credit,
        "cluster": match // 10, "confidence": rng.uniform(0.5, 1, rows),
        "places": Places((rng.random(rows) < 0.6).astype(float), match.tolist(), listing.tolist()),
        "lengths": Lengths(chosen, longer, honest),
    }  # fmt: skip


def test_a_card_has_the_figures_of_the_judges_own_rows() -> None:
    c = columns(np.random.default_rng(4))
    found = cards(**c)
    assert [one.judge for one in found] == ["ada", "bob", "carol", "dan"]
    for one in found:
        here = c["judge"] == one.judge
        assert one.n == here.sum()
        assert one.accuracy.value == pytest.approx(c["credit"][here].mean())
        assert one.accuracy.clusters == len(set(c["cluster"][here]))
        assert one.overconfidence == overconfidence(
            c["confidence"][here], c["credit"][here], c["cluster"][here]
        )
        places, lengths = c["places"], c["lengths"]
        rows = np.flatnonzero(here)
        assert one.position == position_bias(
            places.first[here], [places.match[i] for i in rows],
            [places.listing[i] for i in rows], c["cluster"][here],
        )  # fmt: skip
        assert one.position is not None and one.position.low is not None
        assert one.length == length_bias(
            lengths.chosen[here], lengths.longer[here], lengths.honest[here], c["cluster"][here]
        )
        assert one.length is not None


def test_cards_without_more_columns_have_accuracy_alone() -> None:
    found = cards(["b", "a", "b"], [1, 0, 0.5])
    assert [(one.judge, one.n) for one in found] == [("a", 1), ("b", 2)]
    assert found[1].accuracy.value == 0.75
    assert all(one.overconfidence is one.position is one.length is None for one in found)
    assert 0 < found[0].shrunk.value < found[1].shrunk.value < 1
    assert cards([], []) == ()


def test_the_order_of_rows_decides_nothing() -> None:
    c = columns(np.random.default_rng(5), 200)
    order = np.random.default_rng(6).permutation(200)
    one = cards(c["judge"], c["credit"], c["cluster"])
    two = cards(c["judge"][order], c["credit"][order], c["cluster"][order])
    for a, b in zip(one, two, strict=True):
        assert a.shrunk == b.shrunk and a.judge == b.judge
        assert a.accuracy.low == pytest.approx(b.accuracy.low, abs=1e-12)


def test_bad_input_is_said_in_a_line() -> None:
    cases: list[tuple[Any, str]] = [
        (lambda: cards(["a"], [1.5]), "credits from 0 to 1, got 1.5"),
        (lambda: cards(["a"], [1, 0]), "as many judges as credits, got 1 for 2"),
        (lambda: cards(["a"], [1], ["s", "t"]), "as many clusters"),
        (lambda: cards(["a"], [1], confidence=[0.5, 0.6]), "as many confidences"),
        (lambda: cards(["a"], [1], places=Places([1], ["m"], [])), "as many listings"),
        (lambda: cards(["a"], [1], lengths=Lengths([1], [1, 2], [1])), "as many lengths"),
        (lambda: shrink([2], [1]), "0 <= k <= n"),
        (lambda: shrink([0], [0]), "n > 0"),
    ]
    for call, said in cases:
        with pytest.raises(ValueError, match=said):
            call()


def test_verdicts_that_stories_share_draw_less() -> None:
    """Every verdict given four times says what it said once, and four times as much if it were
    new."""
    rng = np.random.default_rng(4)
    judge = np.repeat(["a", "b", "c"], 40)
    right = (rng.random(120) < 0.7).astype(float)
    once = cards(judge, right, np.arange(120))
    again = [np.repeat(one, 4) for one in (judge, right, np.arange(120))]
    copied, fresh = cards(*again), cards(again[0], again[1])
    for one, same, more in zip(once, copied, fresh, strict=True):
        width = [of.shrunk.high - of.shrunk.low for of in (one, same, more)]  # type: ignore[operator]
        assert same.shrunk.value == pytest.approx(one.shrunk.value, abs=0.005)
        assert width[1] == pytest.approx(width[0], rel=0.03) and width[2] < 0.7 * width[0]
        assert same.shrunk.n == 160


def test_judges_who_are_right_once_on_every_question_have_cards() -> None:
    """As a coin under consultants of both sides: questions' means do not differ at all."""
    (one,) = cards(["a"] * 20, [1, 0] * 10, np.arange(20) // 2)
    assert one.shrunk.value == pytest.approx(0.5)
    assert one.shrunk.low is not None and 0.2 < one.shrunk.low < 0.4
