"""Bradley-Terry: against evalica, statsmodels, scikit-learn, dense algebra and planted effects."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from nyu_reports import rooms
from test_nyu import real

from arena.stats.bradley_terry import CENTRE, ELO, Fit, bootstrapped, fit
from arena.stats.comparison import Comparisons, compare, components

SKILLS = np.array([1.1, 0.7, 0.4, 0.1, -0.2, -0.4, -0.7, -1.0])


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def columns(
    rng: np.random.Generator, rows: int, questions: int = 60, skills: Any = SKILLS,
    seat: float = 0.0, honesty: float = 0.0, length: float = 0.0, spread: float = 0.0,
    judges: tuple[float, ...] = (0.0,), ties: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Outcomes with planted effects; ``spread``: how much a question favours its honest side."""
    k = len(skills)
    a = rng.integers(0, k, rows)
    b = (a + rng.integers(1, k, rows)) % k
    q, judge = rng.integers(0, questions, rows), rng.integers(0, len(judges), rows)
    sits, truth = rng.choice([-1, 1], rows), rng.integers(0, 2, rows)
    long = rng.normal(0, 1.5, rows)
    eta = skills[a] - skills[b] + (seat + np.array(judges)[judge]) * sits + length * long
    eta = eta + (honesty + rng.normal(0, spread, questions)[q]) * (2 * truth - 1)
    y = (rng.random(rows) < logistic(eta)).astype(float)
    y[rng.random(rows) < ties] = 0.5
    return {"a": a, "b": b, "y": y, "q": q, "seat": sits, "judge": judge,
            "honest": (truth, 1 - truth), "length": long}  # fmt: skip


def compared(c: dict[str, Any], *effects: str, question: bool = True, **more: Any) -> Comparisons:
    given = {name: c[name] for name in effects}
    return compare(c["a"], c["b"], c["y"], c["q"] if question else None, **given, **more)


def dense(c: dict[str, Any], *effects: str) -> np.ndarray:
    """The design matrix that the library never makes."""
    rows, k = len(c["y"]), 1 + max(c["a"].max(), c["b"].max())
    x = np.zeros((rows, k))
    x[np.arange(rows), c["a"]] += 1
    x[np.arange(rows), c["b"]] -= 1
    extra = []
    for name in effects:
        if name == "judge":
            extra += [(c["judge"] == j) * c["seat"] for j in range(c["judge"].max() + 1)]
        elif name == "honest":
            extra.append(c["honest"][0] - c["honest"][1])
        elif not (name == "seat" and "judge" in effects):
            extra.append(c[name])
    return np.column_stack([x, *extra])


# ---------------------------------------------------------------------------------------------
# The estimate.


def test_two_players_have_the_log_odds_of_their_wins() -> None:
    found = fit(compare(["x"] * 10, ["y"] * 10, [1] * 7 + [0] * 3), ridge=0)
    gap = found.difference("x", "y")
    assert gap.value == pytest.approx(log(7 / 3), abs=1e-12)
    assert gap.se == pytest.approx(sqrt(1 / (10 * 0.7 * 0.3) * 10 / 9), abs=1e-12)
    assert gap.iid is not None and gap.iid[1] - gap.value == pytest.approx(
        2.2621571628 / sqrt(10 * 0.7 * 0.3), abs=1e-9
    )
    assert found.chance("x", "y").value == pytest.approx(0.7, abs=1e-12)


def test_the_prior_draws_two_players_together_as_its_equation_says() -> None:
    found = fit(compare(["x"] * 10, ["y"] * 10, [1] * 7 + [0] * 3), ridge=2.0)
    gap = found.difference("x", "y").value
    assert 7 - 10 * logistic(gap) == pytest.approx(2.0 * gap / 2, abs=1e-10)
    assert 0 < gap < log(7 / 3)
    assert sum(found.skills) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("ties", [0.0, 0.3])
def test_skills_are_evalicas(ties: float) -> None:
    import evalica

    c = columns(np.random.default_rng(1), 3000, ties=ties)
    winner = {1.0: evalica.Winner.X, 0.0: evalica.Winner.Y, 0.5: evalica.Winner.Draw}
    known = evalica.bradley_terry(
        c["a"].tolist(), c["b"].tolist(), [winner[y] for y in c["y"]], tolerance=1e-14, limit=10_000
    ).scores
    logs = np.log([known[i] for i in range(8)])
    assert fit(compared(c), ridge=0).skills == pytest.approx(logs - logs.mean(), abs=1e-6)


@pytest.mark.parametrize(
    "effects",
    [(), ("seat",), ("seat", "judge", "honest"), ("honest", "length"), ("seat", "judge", "length")],
    ids=str,
)
def test_estimates_and_clustered_errors_are_those_of_statsmodels(effects: tuple[str, ...]) -> None:
    import statsmodels.api as sm

    c = columns(
        np.random.default_rng(2), 2500, seat=0.3, honesty=0.6, length=0.2, spread=0.6,
        judges=(0.0, 0.4, -0.3),
    )  # fmt: skip
    found = fit(compared(c, *effects), ridge=0)
    x = dense(c, *effects)[:, 1:]  # the first player's skill is their zero
    known = sm.GLM(c["y"], x, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": c["q"], "use_correction": False}, tol=1e-14
    )
    clusters = found.clusters
    assert clusters == 60
    for i in range(1, 8):
        gap = found.difference(str(i), "0")
        assert gap.value == pytest.approx(known.params[i - 1], abs=1e-6)
        expected = known.bse[i - 1] * sqrt(clusters / (clusters - 1))
        assert gap.se == pytest.approx(expected, rel=1e-4)
    for j, name in enumerate(found.data.effects, 7):
        one = found.effect(name)
        assert one.value == pytest.approx(known.params[j], abs=1e-6), name
        assert one.se == pytest.approx(known.bse[j] * sqrt(clusters / (clusters - 1)), rel=1e-4)


@pytest.mark.parametrize("question", [True, False])
@pytest.mark.parametrize("effects", [(), ("seat", "judge", "honest"), ("honest", "length")])
def test_the_penalised_estimate_and_its_sandwich_are_those_of_dense_algebra(
    effects: tuple[str, ...], question: bool
) -> None:
    c = columns(np.random.default_rng(3), 400, questions=23, honesty=0.5, ties=0.1)
    c["y"][::7] = 0.3  # shares are allowed
    found = fit(compared(c, *effects, question=question), ridge=0.7)
    x, beta = dense(c, *effects), np.concatenate([found.skills, found.effects])
    p = logistic(x @ beta)
    ridge = np.diag([0.7] * 8 + [0.0] * len(found.effects))
    assert np.abs(x.T @ (c["y"] - p) - ridge @ beta).max() <= 1e-10
    bread = np.linalg.inv(x.T * (p * (1 - p)) @ x + ridge)
    scores = x * (c["y"] - p)[:, None]
    if question:
        scores = np.stack([scores[c["q"] == q].sum(0) for q in range(23)])
    count = len(scores)
    known = bread @ scores.T @ scores @ bread * count / (count - 1)
    assert found.covariance == pytest.approx(known, rel=1e-8, abs=1e-12)
    gap = np.zeros(len(beta))
    gap[[2, 5]] = 1, -1
    assert found.difference("2", "5").se == pytest.approx(sqrt(gap @ known @ gap), rel=1e-8)


@pytest.mark.parametrize("effects", [("seat", "judge", "honest"), ("honest", "length")])
def test_the_order_of_rows_decides_nothing(effects: tuple[str, ...]) -> None:
    rng = np.random.default_rng(4)
    c = columns(rng, 5000, honesty=0.4, length=0.1, ties=0.05)
    first = fit(compared(c, *effects))
    order = rng.permutation(5000)
    turned = {k: tuple(one[order] for one in v) if k == "honest" else v[order]
              for k, v in c.items()}  # fmt: skip
    other = fit(compared(turned, *effects))
    assert other.data.players == first.data.players
    for one, two in ((first.skills, other.skills), (first.effects, other.effects)):
        assert np.abs(one - two).max() <= 1e-12
    assert first.covariance is not None and other.covariance is not None
    assert np.abs(first.covariance - other.covariance).max() <= 1e-12
    if "length" not in effects:  # counts of wins and halves are exact
        assert (first.skills == other.skills).all()
    drawn = [bootstrapped(one, 20, seed=5).contrast({"0": 1.0}).se for one in (first, other)]
    assert drawn[0] == pytest.approx(drawn[1], abs=1e-12)


def test_who_is_named_first_decides_nothing() -> None:
    c = columns(np.random.default_rng(5), 1500, honesty=0.5, seat=0.2)
    turn = np.random.default_rng(6).random(1500) < 0.5
    ours, theirs = c["honest"]
    turned = c | {
        "a": np.where(turn, c["b"], c["a"]), "b": np.where(turn, c["a"], c["b"]),
        "y": np.where(turn, 1 - c["y"], c["y"]), "seat": np.where(turn, -1, 1) * c["seat"],
        "honest": (np.where(turn, theirs, ours), np.where(turn, ours, theirs)),
    }  # fmt: skip
    one, two = (fit(compared(each, "seat", "honest")) for each in (c, turned))
    assert one.skills == pytest.approx(two.skills, abs=1e-10)
    assert one.effects == pytest.approx(two.effects, abs=1e-10)


def test_two_ties_are_a_win_and_a_loss() -> None:
    ties = compare([0, 0, 0, 1, 2], [1, 1, 2, 2, 1], [0.5, 0.5, 1, 1, 1])
    split = compare([0, 0, 0, 1, 2], [1, 1, 2, 2, 1], [1, 0, 1, 1, 1])
    assert fit(ties).skills == pytest.approx(fit(split).skills, abs=1e-12)


def test_names_and_numbers_are_the_same_players() -> None:
    c = columns(np.random.default_rng(7), 300)
    names = np.array([f"p{i}" for i in range(8)])
    one = fit(compared(c))
    two = fit(compare(names[c["a"]], names[c["b"]].tolist(), c["y"], c["q"].astype(str).tolist()))
    three = fit(compare(c["a"] + 7_000_000_000, c["b"] + 7_000_000_000, c["y"], c["q"] * 10**12))
    assert [f"p{name}" for name in one.data.players] == list(two.data.players)
    assert three.data.players[0] == "7000000000"
    assert (one.skills == two.skills).all() and (one.skills == three.skills).all()
    assert two.covariance == pytest.approx(one.covariance, abs=1e-13)


# ---------------------------------------------------------------------------------------------
# What is planted comes back.


def test_planted_effects_are_recovered_within_two_standard_errors() -> None:
    c = columns(
        np.random.default_rng(8), 20_000, questions=400, seat=0.25, honesty=0.8, length=0.1,
        judges=(0.0, 0.5, -0.5), spread=0.5,
    )  # fmt: skip
    found = fit(compared(c, "seat", "judge", "honest", "length"))
    honest = 0.8 / sqrt(1 + 0.346 * 0.5**2)  # averaged over questions, a slope is a little flatter
    planted = {"seat, 0": 0.25, "seat, 1": 0.75, "seat, 2": -0.25, "honesty": honest, "length": 0.1}
    assert found.data.effects == tuple(planted)
    for name, value in planted.items():
        one = found.effect(name)
        assert one.se is not None and abs(one.value - value) < 2 * one.se + 0.02, (name, one)
    ranked = [int(one.player) for one in found.ratings()]
    assert ranked == list(range(8))


def test_a_biased_judge_moves_the_ratings_unless_its_seat_effect_is_fitted() -> None:
    """Strong players sit first more often, and the judge likes who sits first."""
    rng = np.random.default_rng(9)
    c = columns(rng, 6000, skills=np.zeros(4), seat=0.0)
    c["seat"] = np.where(rng.random(6000) < 0.2 + 0.2 * c["a"], 1, -1)
    eta = 0.9 * c["seat"]
    c["y"] = (rng.random(6000) < logistic(eta)).astype(float)
    blind, fair = fit(compared(c)), fit(compared(c, "seat"))
    assert blind.difference("3", "0").value > 0.3
    gap, seat = fair.difference("3", "0"), fair.effect("seat")
    assert gap.se is not None and abs(gap.value) < 2 * gap.se
    assert seat.se is not None and abs(seat.value - 0.9) < 2 * seat.se


def test_honest_and_dishonest_skill_are_told_apart() -> None:
    rng = np.random.default_rng(110)
    honest, dishonest = np.array([1.5, 0.2, 0.9]), np.array([-0.9, 0.1, -0.6])
    rows = 12_000
    a = rng.integers(0, 3, rows)
    b = rng.integers(0, 3, rows)  # self-play is honest against dishonest, and counts
    truth = rng.integers(0, 2, rows)
    skill = np.where(truth == 1, honest[a] - dishonest[b], dishonest[a] - honest[b])
    y = (rng.random(rows) < logistic(skill)).astype(float)
    names = np.array(["ada", "bob", "carol"])
    data = compare(names[a], names[b], y, np.arange(rows) // 30,
                   honest=(truth, 1 - truth), apart=True)  # fmt: skip
    found = fit(data)
    assert len(data.players) == 6 and not data.effects
    advantage = found.honesty()
    assert advantage.se is not None
    assert abs(advantage.value - (honest - dishonest).mean()) < 2 * advantage.se
    for i, name in enumerate(names):
        gap = found.difference(f"{name} (honest)", f"{name} (dishonest)")
        assert gap.se is not None and abs(gap.value - (honest[i] - dishonest[i])) < 2.5 * gap.se
    by_effect = fit(compare(names[a][a != b], names[b][a != b], y[a != b],
                            honest=(truth[a != b], 1 - truth[a != b]))).honesty()  # fmt: skip
    assert by_effect.low is not None and by_effect.value > 0.5


def test_intervals_by_question_are_wider_where_questions_favour_a_side() -> None:
    c = columns(np.random.default_rng(11), 3000, questions=40, honesty=0.5, spread=1.5)
    by_question = fit(compared(c, "honest")).effect("honesty")
    assert by_question.low is not None and by_question.high is not None and by_question.iid
    wide = by_question.high - by_question.low
    assert wide > 2 * (by_question.iid[1] - by_question.iid[0])
    assert (by_question.clusters, by_question.df, by_question.n) == (40, 39, 3000)


@pytest.mark.parametrize("effects", [("honest",), ("honest", "length")])
def test_the_bootstrap_agrees_with_the_sandwich(effects: tuple[str, ...]) -> None:
    c = columns(np.random.default_rng(12), 2000, questions=80, honesty=0.5, spread=1.0, length=0.1)
    plain = fit(compared(c, *effects))
    drawn = bootstrapped(plain, 600, seed=1)
    for name in plain.data.effects:
        one, two = plain.effect(name), drawn.effect(name)
        assert one.value == two.value
        assert one.se is not None and two.se == pytest.approx(one.se, rel=0.15)
    assert drawn.effect("honesty") == bootstrapped(plain, 600, seed=1).effect("honesty")
    assert drawn.effect("honesty").se != bootstrapped(plain, 600, seed=2).effect("honesty").se


def coverage(sims: int, questions: int, ridge: float, draws: int = 0) -> dict[str, float]:
    hits = {"skill": 0, "difference": 0, "seat": 0, "honesty": 0}
    truth = SKILLS[:5] - SKILLS[:5].mean()
    for seed in range(sims):
        rng = np.random.default_rng(1000 + seed)
        c = columns(rng, 8 * questions, questions, SKILLS[:5], seat=0.3, honesty=0.0, spread=0.8)
        found = fit(compared(c, "seat", "honest"), ridge=ridge)
        if draws:
            found = bootstrapped(found, draws, seed)
        flat = 1 / sqrt(1 + 0.346 * 0.8**2)  # what averaging over questions leaves of a logit
        for name, one, value in (
            ("skill", found.contrast({"0": 1.0}), truth[0] * flat),
            ("difference", found.difference("1", "3"), (truth[1] - truth[3]) * flat),
            ("seat", found.effect("seat"), 0.3 * flat),
            ("honesty", found.effect("honesty"), 0.0),
        ):
            assert one.low is not None and one.high is not None
            hits[name] += one.low <= value <= one.high
    return {name: hit / sims for name, hit in hits.items()}


def test_intervals_cover_in_a_small_simulation() -> None:
    for name, share in coverage(200, 60, 0.1).items():
        assert 0.90 <= share <= 0.99, name


@pytest.mark.check
@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_sandwich_intervals_cover_in_2000_simulations(ridge: float) -> None:
    for name, share in coverage(2000, 80, ridge).items():
        assert 0.935 <= share <= 0.97, name


@pytest.mark.check
def test_bootstrap_intervals_cover_in_2000_simulations() -> None:
    for name, share in coverage(2000, 80, 0.1, draws=200).items():
        assert 0.935 <= share <= 0.97, name


# ---------------------------------------------------------------------------------------------
# What cannot be rated.


def test_players_that_never_meet_are_refused_and_named() -> None:
    with pytest.raises(ValueError) as told:
        compare(["ada", "bob", "carol", "x"], ["bob", "ada", "x", "carol"], [1, 0, 1, 0])
    assert "2 parts that never meet" in str(told.value)
    assert "{ada, bob}; {carol, x}" in str(told.value)
    assert "\n" not in str(told.value)
    joined = compare(["ada", "bob", "carol", "x", "x"], ["bob", "ada", "x", "carol", "ada"],
                     [1, 0, 1, 0, 0.5])  # fmt: skip
    assert components(joined, "weak") == (("ada", "bob", "carol", "x"),)


def test_one_gapless_chain_is_enough_and_many_parts_are_cut_short() -> None:
    fit(compare(list(range(40)), list(range(1, 41)), [0.5] * 40))
    pairs = list(range(0, 60, 2))
    with pytest.raises(ValueError, match=r"30 parts .*; \.\.\.\."):
        compare(pairs, [one + 1 for one in pairs], [1] * 30)


def test_a_player_that_never_won_is_finite_noted_and_wide() -> None:
    a, b = ["ada", "bob"] * 30 + ["zed"] * 10, ["bob", "ada"] * 30 + ["ada", "bob"] * 5
    y = [1, 0, 1, 1, 0, 0] * 10 + [0] * 10
    data = compare(a, b, y, [i // 5 for i in range(70)])
    found = fit(data)
    last = found.ratings()[-1]
    assert last.player == "zed" and last.points == 0 and last.n == 10
    assert last.note is not None and "never won" in last.note
    assert np.isfinite(last.skill.value) and last.skill.value < -1.5
    assert (
        last.skill.se is not None and last.skill.se > 0.8
    )  # not the sandwich's, which sees no noise
    assert found.covariance is not None and last.skill.se > 1.5 * sqrt(found.covariance[2, 2])
    assert "prior" in last.skill.method
    gap = found.difference("ada", "bob")  # within their part outcomes say it all
    assert "sandwich" in gap.method
    with pytest.raises(ValueError, match=r"ridge=0.*infinite.*\{ada, bob\}; \{zed\}"):
        fit(data, ridge=0)


def test_parts_between_which_all_went_one_way_are_noted() -> None:
    a = ["a", "b", "c", "d", "a", "b"]
    b = ["b", "a", "d", "c", "c", "d"]
    found = fit(compare(a, b, [1, 1, 1, 1, 1, 1]))
    assert found.parts == (("a", "b"), ("c", "d"))
    notes = {one.player: one.note for one in found.ratings()}
    assert notes["c"] is not None and "one way" in notes["c"]
    assert "prior" in found.difference("a", "c").method
    assert "prior" not in found.difference("a", "b").method


@pytest.mark.parametrize("effects", [("honest",), ("honest", "seat", "judge"), ("length",)])
@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_an_effect_that_separates_is_named_and_a_prior_makes_it_finite(
    effects: tuple[str, ...], ridge: float
) -> None:
    c = columns(np.random.default_rng(13), 400)
    name = "length" if effects == ("length",) else "honesty"
    c["y"] = (c["length"] > 0 if name == "length" else c["honest"][0]).astype(float)
    with pytest.raises(ValueError, match=rf"{name}.* separates wins from losses") as told:
        fit(compared(c, *effects), ridge=ridge)
    assert "seat" not in str(told.value) and "\n" not in str(told.value)
    assert np.isfinite(fit(compared(c, *effects), ridge=0.1, ridge_effects=0.5).effect(name).value)


def test_a_strong_effect_that_does_not_separate_is_left_alone() -> None:
    c = columns(np.random.default_rng(14), 4000, length=3.0)
    one = fit(compared(c, "length")).effect("length")
    assert one.se is not None and abs(one.value - 3) < 3 * one.se


def test_an_effect_that_never_varies_or_says_the_same_twice_is_named() -> None:
    c = columns(np.random.default_rng(15), 200)
    with pytest.raises(ValueError, match=r"\{seat\}"):
        fit(compared(c, seat=np.zeros(200)))
    with pytest.raises(ValueError, match=r"\{seat, length\}"):
        fit(compared(c, seat="first", length=np.full(200, 2.0)))
    by_player = np.array([0.5, 1, 0, 2, 0, 1, 3, 1])
    with pytest.raises(ValueError, match=r"\{length\} from the skills"):
        fit(compared(c, length=by_player[c["a"]] - by_player[c["b"]]))


def test_a_single_question_has_no_interval() -> None:
    found = fit(compare([0, 1, 0], [1, 0, 1], [1, 1, 0], ["q"] * 3))
    one = found.ratings()[0].elo
    assert (one.low, one.high, one.clusters) == (None, None, 1)
    assert found.chance("0", "1").low is None
    assert bootstrapped(found, 10) is found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (([], [], []), "at least one outcome"),
        (([0, 1], [1, 0], [1, 2]), "outcomes from 0 to 1"),
        (([0, 1], [1, 0], [1, float("nan")]), "NaN"),
        (([0, 1], [1], [1, 0]), "a player for each of 2"),
        (([0, 1], [1, 0], [1]), "a player for each of 1"),
        (([0, 1], [1, 1], [1, 0]), "'1' is compared with itself"),
        (([0.5, 1], [1, 0.5], [1, 0]), "by name or whole number"),
        (([None, "x"], ["x", "y"], [1, 0]), "by name or whole number, got None"),
        (([[0], [1]], [1, 0], [1, 0]), "by name or whole number, got a list"),
        ((np.eye(2), [1, 0], [1, 0]), "a player for each of 2"),
        (([0, 1], [1, 0], ["won", "lost"]), "list of numbers"),
        (([0, 1], [1, 0], [1, 0], ["q"]), "a question for each of 2"),
    ],
)
def test_columns_that_cannot_be_are_said_in_a_line(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said) as told:
        compare(*given)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seat": [1, 3]}, "seat as a column of -1, 0, 1"),
        ({"seat": "second"}, "seat as a list of numbers"),
        ({"judge": ["j"]}, "a judge for each of 2"),
        ({"honest": ([1, 0], [2, 1])}, "honest as a column of 0, 1"),
        ({"length": [1.0]}, "a length for each of 2"),
        ({"length": [1.0, float("inf")]}, "finite lengths"),
        ({"apart": True}, "apart=True wants honest"),
    ],
)
def test_effects_that_cannot_be_are_said_in_a_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compare([0, 1], [1, 0], [1, 1], **given)


def test_bad_settings_and_unknown_names_are_said() -> None:
    data = compare([0, 1], [1, 0], [1, 1])
    found = fit(data)
    for bad in ({"ridge": -1}, {"ridge": float("nan")}, {"ridge_effects": -1}, {"level": 1.0}):
        with pytest.raises(ValueError, match="expected"):
            fit(data, **bad)
    for call in (lambda: found.effect("seat"), lambda: found.difference("0", "9")):
        with pytest.raises(ValueError, match="no "):
            call()
    for call in (lambda: found.difference("0", "0"), lambda: found.chance("1", "1")):
        with pytest.raises(ValueError, match="twice"):
            call()
    with pytest.raises(ValueError, match="no honesty"):
        found.honesty()
    with pytest.raises(ValueError, match="draws questions"):
        bootstrapped(found)


# ---------------------------------------------------------------------------------------------
# The table.


def test_elo_is_the_skill_on_another_scale() -> None:
    found = fit(compared(columns(np.random.default_rng(16), 500)))
    for one in found.ratings():
        assert one.elo.value == pytest.approx(CENTRE + ELO * one.skill.value)
        assert one.elo.se == pytest.approx(ELO * (one.skill.se or 0))
        assert one.elo.low is not None and one.elo.low < one.elo.value
    assert sum(one.elo.value for one in found.ratings(1000.0)) / 8 == pytest.approx(1000)
    assert pytest.approx(173.7178, abs=1e-4) == ELO  # 400 points: 10 to 1
    assert sum(one.n for one in found.ratings()) == 2 * 500
    assert sum(one.points for one in found.ratings()) == 500


def test_a_chance_is_of_the_effects_that_are_given() -> None:
    found = fit(compared(columns(np.random.default_rng(17), 900, seat=0.5), "seat"))
    even, seated = found.chance("0", "3"), found.chance("0", "3", {"seat": 1.0})
    assert seated.value == pytest.approx(
        logistic(found.skills[0] - found.skills[3] + found.effects[0])
    )
    assert even.low is not None and even.high is not None and 0 < even.low < even.value < even.high
    back = found.chance("3", "0", {"seat": -1.0})
    assert back.value == pytest.approx(1 - seated.value)


# ---------------------------------------------------------------------------------------------
# The NYU debates.


@real
def test_honesty_in_the_human_debates_is_worth_what_scikit_learn_says() -> None:
    from sklearn.linear_model import LogisticRegression

    rows = [
        (*one.debaters, float(one.p_first > 0.5), one.story, 1 - one.truth)
        for one in rooms() if one.setting == "Human Debate"
    ]  # fmt: skip
    a, b, y, story, truth = map(np.array, zip(*rows, strict=True))
    found: Fit = fit(
        compare(a, b, y.astype(float), story, honest=(truth, 1 - truth)),
        ridge=1.0,
    )
    players = list(found.data.players)
    x = np.zeros((len(y), len(players) + 1))
    for i, (one, other) in enumerate(zip(a, b, strict=True)):
        x[i, players.index(one)] += 1
        x[i, players.index(other)] -= 1
    x[:, -1] = 1000 * (2 * truth - 1)  # so long that its penalty is nothing
    known = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-12, max_iter=10_000).fit(
        x, y.astype(float)
    )
    honesty = found.honesty()
    assert honesty.value == pytest.approx(1000 * known.coef_[0, -1], abs=1e-3)
    assert found.skills == pytest.approx(known.coef_[0, :-1], abs=1e-3)
    assert honesty.low is not None and honesty.high is not None
    assert honesty.low < 1.91 < honesty.high  # of the whole data set, of which this is a part
