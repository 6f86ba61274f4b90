"""The odds of the witness world: two posteriors by hand and by counting, the gate, the table."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest

from agents.witness import Reading, opening, rebuttal, understand
from arena.ids import derive_seed
from arena.sources.witness import DEFAULT, Dials, World, world
from arena.sources.witness_odds import joint_openings, literal_posterior, strategic_posterior
from arena.sources.witness_text import Statement, Withdrawal, withdrawn

EXPECTED = json.loads(
    (Path(__file__).parent.parent / "arena" / "data" / "witness_expected.json").read_text()
)
N = 20_000
OPTIMAL, SKILLED, WEAK = (1.0, 1.0, 1.0), (0.9, 0.8, 0.9), (0.3, 0.0, 0.3)

QUESTION, ANSWERS = "Where was the brass lamp?", ("in the cellar", "in the attic")


def _said(who: str, grade: str, answer: int, thing: str = "brass lamp") -> Statement:
    return Statement(who, grade, thing, "where", ANSWERS[answer])


def test_the_literal_posterior_is_bayes_rule_on_standing_statements() -> None:
    saw, heard = _said("Ann", "saw", 0), _said("Bo", "heard", 1)
    assert literal_posterior(QUESTION, ANSWERS, []) == (0.5, 0.5)
    assert literal_posterior(QUESTION, ANSWERS, [saw])[0] == pytest.approx(0.92)
    both = literal_posterior(QUESTION, ANSWERS, [saw, heard, saw])
    assert both[0] == pytest.approx(0.92 * 0.25 / (0.92 * 0.25 + 0.08 * 0.75))
    taken_back = literal_posterior(QUESTION, ANSWERS, [saw, heard], [Withdrawal("Ann", "lamp")])
    assert taken_back[1] == pytest.approx(0.75)
    other = _said("Cy", "saw", 0, "rusty lamp")
    assert literal_posterior(QUESTION, ANSWERS, [other], [Withdrawal("Zed", "lamp")]) == (0.5, 0.5)


def test_the_literal_posterior_takes_any_number_of_answers() -> None:
    three = (*ANSWERS, "in the barn")
    posterior = literal_posterior(QUESTION, three, [_said("Ann", "saw", 0)])
    assert posterior == pytest.approx((0.92, 0.04, 0.04))


def test_openings_are_enumerated_to_probabilities_that_sum_to_one() -> None:
    for p, s, faces in product((0.3, 1.0), (0.0, 0.8), ("equal", "free")):
        joint = joint_openings(p, s, faces, DEFAULT)  # type: ignore[arg-type]
        assert math.fsum(weight for weight, _, _ in joint) == pytest.approx(1, abs=1e-12)


def test_one_mirrored_pair_of_sightings_is_solved_by_hand() -> None:
    """One statement each: only saw/saw with the false one withdrawn is above odds of 9."""
    dials = Dials(support=(1, 1))
    joint = {(a, b): w for w, a, b in joint_openings(0.5, 1.0, "equal", dials)}
    saw, gone, none = (0, False), (0, True), (None, False)
    assert joint[saw, gone] == joint[saw, none] == joint[none, gone] == pytest.approx(0.25)
    a, b = _said("Ann", "saw", 0), _said("Bo", "saw", 1)
    back = [Withdrawal("Bo", "lamp")]
    known = strategic_posterior(
        QUESTION, ANSWERS, ([a], [b]), back, (0.5, 1, 1), (1, 1), dials=dials
    )
    assert known == (1.0, 0.0)
    unseen = strategic_posterior(
        QUESTION, ANSWERS, ([a], []), (), (0.5, 1, 0.5), (1, 1), dials=dials
    )
    # If answer 0 is true its line stands and is never withdrawn; else it is, and is found by half.
    assert unseen[0] == pytest.approx(1 / (1 + 0.5))


def test_the_strategic_judge_of_weak_consultants_learns_nothing() -> None:
    for lines in ([], [_said("Ann", "saw", 0)], [_said("Ann", "guessed", 0)]):
        posterior = strategic_posterior(QUESTION, ANSWERS, (lines, None), (), WEAK)
        assert posterior == pytest.approx((0.5, 0.5), abs=1e-12)


def test_quotations_that_no_policy_shows_are_taken_at_face_value() -> None:
    a, b = _said("Ann", "saw", 0), _said("Bo", "heard", 0)
    for shown, back in (
        (([a, b], []), ()),
        (([], [a]), ()),
        (([a], []), (Withdrawal("Ann", "lamp"),)),  # nobody had a turn to look
    ):
        said = [line for lines in shown for line in lines]
        known = strategic_posterior(QUESTION, ANSWERS, shown, back, SKILLED)
        assert known == literal_posterior(QUESTION, ANSWERS, said, back)


def _played(
    reading: Reading,
    lines: tuple[Statement | Withdrawal, ...],
    policy: tuple[float, ...],
    rng: Random,
) -> tuple[tuple[list[Statement], list[Statement]], list[Withdrawal]]:
    """What both sides show in an opening and a rebuttal."""
    p, s, b = policy
    shown: tuple[list[Statement], list[Statement]] = ([], [])
    back = []
    for side in (0, 1):
        line = opening(reading, side, p, s, rng)
        if line is not None:
            quoted = lines[line]
            assert isinstance(quoted, Statement)
            shown[side].append(quoted)
    for side in (0, 1):
        found = rebuttal(reading, {line.witness for line in shown[1 - side]}, b, rng)
        if found is not None:
            withdrawal = lines[found]
            assert isinstance(withdrawal, Withdrawal)
            back.append(withdrawal)
    return shown, back


def test_the_strategic_posterior_agrees_with_counting() -> None:
    """Brute force: how often is answer 0 true when a pair of grades and withdrawals is shown?"""
    policy, counts = (0.8, 0.5, 0.6), {}
    for i in range(8000):
        one = world(41, i)
        reading = understand(one.ask.text, one.answers, one.lines)
        shown, back = _played(reading, one.lines, policy, Random(i))
        gone = withdrawn(back)
        own = [[x for x in side if one.supports(x) is not None] for side in shown]
        key = tuple((x[0].grade, x[0].witness in gone) if x else None for x in own)
        known = strategic_posterior(one.ask.text, one.answers, shown, back, policy, (1, 1))
        flipped = key[::-1]
        for k, hit in ((key, one.truth == 0), (flipped, one.truth == 1)):
            n, hits, _ = counts.get(k, (0, 0, 0.0))
            counts[k] = (n + 1, hits + hit, known[0] if k == key else known[1])
    assert len(counts) > 30
    for n, hits, chance in counts.values():
        assert abs(hits - n * chance) < 4.5 * math.sqrt(n * chance * (1 - chance)) + 1.5


# --------------------------------------------------------------------------------------------
# The gate, and the table of the independent simulation.


def _score(posterior: tuple[float, ...], truth: int) -> float:
    margin = posterior[truth] - posterior[1 - truth]
    return 0.5 if abs(margin) < 1e-12 else float(margin > 0)


def _measure(
    worlds: list[tuple[World, Reading]], policy: tuple[float, float, float], faces: str
) -> dict[tuple[str, str], float]:
    """Accuracy by condition and judge when structured worlds are played by the policy."""
    totals: dict[tuple[str, str], float] = {}
    for one, reading in worlds:
        shown, back = _played(reading, one.lines, policy, Random(derive_seed(one.name, policy)))
        said = [line for lines in shown for line in lines]
        ask, answers = one.ask.text, one.answers

        def known(shown, back, rebuttals, ask=ask, answers=answers):  # type: ignore[no-untyped-def]
            return strategic_posterior(ask, answers, shown, back, policy, rebuttals, faces=faces)  # type: ignore[arg-type]

        scores = {
            ("debate with rebuttal", "literal"): _score(
                literal_posterior(ask, answers, said, back), one.truth
            ),
            ("debate with rebuttal", "strategic"): _score(known(shown, back, (1, 1)), one.truth),
            ("debate without rebuttal", "literal"): _score(
                literal_posterior(ask, answers, said), one.truth
            ),
            ("debate without rebuttal", "strategic"): _score(known(shown, (), (0, 0)), one.truth),
            ("consultancy", "literal"): sum(
                _score(literal_posterior(ask, answers, lines), one.truth) for lines in shown
            )
            / 2,
            ("consultancy", "strategic"): (
                _score(known((shown[0], None), (), (0, 0)), one.truth)
                + _score(known((None, shown[1]), (), (0, 0)), one.truth)
            )
            / 2,
        }
        for key, score in scores.items():
            totals[key] = totals.get(key, 0.0) + score
    return {key: total / len(worlds) for key, total in totals.items()}


def _worlds(seed: int, n: int, faces: str) -> list[tuple[World, Reading]]:
    drawn = [world(seed, i, faces=faces) for i in range(n)]  # type: ignore[arg-type]
    return [(one, understand(one.ask.text, one.answers, one.lines)) for one in drawn]


@pytest.fixture(scope="module")
def equal_worlds() -> list[tuple[World, Reading]]:
    return _worlds(2, N, "equal")


def test_the_gate_holds_on_twenty_thousand_worlds(
    equal_worlds: list[tuple[World, Reading]],
) -> None:
    whole = [_score(reading.odds, one.truth) for one, reading in equal_worlds]
    assert np.mean(whole) == 1.0
    naive = literal_posterior(QUESTION, ANSWERS, [])
    assert _score(naive, 0) == 0.5
    measured = _measure(equal_worlds, OPTIMAL, "equal")
    assert measured["debate with rebuttal", "literal"] >= 0.95
    assert measured["consultancy", "strategic"] <= 0.58
    assert measured["debate without rebuttal", "literal"] <= 0.58
    assert measured["debate without rebuttal", "strategic"] <= 0.58


def _agrees(measured: dict[tuple[str, str], float], faces: str, policy: tuple[float, ...]) -> None:
    rows = [
        row
        for row in EXPECTED
        if row["faces"] == faces and (row["p"], row["s"], row["b"]) == policy
    ]
    assert len(rows) == len(measured) == 6
    for row in rows:
        got = measured[row["condition"], row["judge"]]
        assert got == pytest.approx(row["accuracy"], abs=0.01), (row, got)


@pytest.mark.parametrize("policy", [WEAK, SKILLED, OPTIMAL])
def test_policies_on_the_world_meet_the_independent_simulation(
    equal_worlds: list[tuple[World, Reading]], policy: tuple[float, float, float]
) -> None:
    _agrees(_measure(equal_worlds, policy, "equal"), "equal", policy)


@pytest.mark.check
@pytest.mark.parametrize("faces", ["equal", "free"])
def test_every_row_of_the_table_is_met_in_both_variants(faces: str) -> None:
    worlds = _worlds(4, N, faces)
    policies = {(r["p"], r["s"], r["b"]) for r in EXPECTED if r["faces"] == faces and r["skill"]}
    assert len(policies) >= 6
    for policy in sorted(policies):
        _agrees(_measure(worlds, policy, faces), faces, policy)


def test_free_faces_meet_the_table_and_are_open_to_a_strategic_judge() -> None:
    worlds = _worlds(7, N // 2, "free")
    assert np.mean([_score(reading.odds, one.truth) for one, reading in worlds]) == 1.0
    measured = _measure(worlds, OPTIMAL, "free")
    _agrees(measured, "free", OPTIMAL)
    assert measured["consultancy", "literal"] == 0.5
    assert measured["consultancy", "strategic"] > 0.9


def test_the_table_says_what_the_design_says() -> None:
    literal = {
        (r["faces"], r["condition"], r["p"], r["s"]): r["accuracy"]
        for r in EXPECTED
        if r["judge"] == "literal"
    }
    opened, rebutted = "debate without rebuttal", "debate with rebuttal"
    for (p, s), before, after in (
        ((0.3, 0.0), 0.50, 0.54),
        ((0.6, 0.3), 0.50, 0.66),
        ((0.7, 0.5), 0.51, 0.72),
        ((0.8, 0.6), 0.52, 0.80),
        ((0.9, 0.8), 0.53, 0.88),
        ((1.0, 1.0), 0.54, 0.98),
    ):
        assert literal["equal", opened, p, s] == pytest.approx(before, abs=0.01)
        assert literal["equal", rebutted, p, s] == pytest.approx(after, abs=0.01)
    for (p, s), accuracy in (
        ((0.2, 0.0), 0.52),
        ((0.38, 0.0), 0.54),
        ((0.6, 0.5), 0.63),
        ((0.9, 0.8), 0.83),
        ((1.0, 0.0), 0.76),
        ((1.0, 1.0), 0.944),
    ):
        assert literal["free", rebutted, p, s] == pytest.approx(accuracy, abs=0.011)
    conditions = {(r["condition"], r["judge"]) for r in EXPECTED if r["skill"] is None}
    assert len(conditions) == 4
    for row in EXPECTED:
        if row["skill"] is None:
            assert row["accuracy"] == {"naive": 0.5, "expert": 1.0}[row["condition"]]
