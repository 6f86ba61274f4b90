"""``arena power``: statsmodels' closed forms, the estimators by hand, and refusals in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from arena.stats import power
from ui.cli import app


def arena(*words: object) -> Result:
    return CliRunner().invoke(app, ["power", *(str(word) for word in words)])


def found(*words: object) -> dict[str, Any]:
    result = arena(*words, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_the_power_of_two_shares_is_that_of_statsmodels() -> None:
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    effect = proportion_effectsize(0.84, 0.74)
    known = NormalIndPower().power(effect, 154, 0.05, ratio=1)
    assert found(".74", ".84", "--n", 154)["power"] == pytest.approx(known, abs=1e-9)
    n = NormalIndPower().solve_power(effect, alpha=0.05, power=0.9, ratio=1)
    answer = found(".74", ".84", "--power", ".9")
    assert answer["n"] == int(n) + 1 and 0.9 <= answer["power"] < 0.905


def test_clusters_cost_their_design_effect() -> None:
    clustered = found(".7", ".8", "--n", 300, "--cluster-size", 5, "--icc", ".25")
    assert clustered["design_effect"] == 2
    assert clustered["power"] == pytest.approx(found(".7", ".8", "--n", 150)["power"])
    shown = arena(".7", ".8", "--n", 300, "--cluster-size", 5, "--icc", ".25").stdout
    assert "design effect 2: worth 150 that share nothing" in shown


def test_questions_that_both_arms_judge_are_paired() -> None:
    answer = found(".74", ".84", "--paired", "--sd", 1, "--n", 200, "--verdicts", 2)
    known = power.paired(0.74, 0.84, 200, 1.0, 2)
    assert (answer["power"], answer["power_unpaired"]) == (known.paired, known.unpaired)
    needed = found(".74", ".84", "--paired", "--sd", 1, "--power", ".9")
    assert needed["n"] == power.needed_pairs(0.74, 0.84, 0.9, 1.0)
    line = arena(".74", ".84", "--paired", "--sd", 1, "--n", 200).stdout.splitlines()[0]
    assert line.startswith(
        "0.74 against 0.84 at 95 %, 200 questions that both arms judge: power 0."
    )


def test_a_design_is_simulated_as_it_was_planned() -> None:
    words = (".6", ".85", "--simulate", "--n", 40, "--paired", "--verdicts", 2, "--stories", 20,
             "--sd", ".5", "--story-sd", ".4", "--judges", 8, "--judge-sd", ".3",
             "--judge-arm-sd", ".2", "--simulations", 60, "--seed", 3)  # fmt: skip
    answer = found(*words)
    design = power.Design((0.6, 0.85), 40, 20, 8, 2, True, 0.5, 0.4, 0.3, 0.2)
    known = power.simulate(design, 60, 3)
    assert (answer["power"], answer["interval"]) == (known.power, [known.low, known.high])
    assert (answer["covered"], answer["half_width"]) == (known.covered, known.half_width)
    assert answer["design"]["story_sd"] == 0.4 and answer["by"] == "story"
    assert found(*words) == answer
    shown = arena(*words).stdout
    assert f"power {known.power:.3f} ({known.low:.3f}-{known.high:.3f}, 60 studies)" in shown


def test_arms_with_questions_of_their_own_may_be_analysed_by_judge_too() -> None:
    words = (".6", ".8", "--simulate", "--n", 60, "--judges", 12, "--judge-sd", 1, "--simulations",
             40)  # fmt: skip
    plain, both = found(*words), found(*words, "--by-judge")
    assert (plain["by"], both["by"]) == ("story", "story and judge")
    assert both["half_width"] > plain["half_width"]


def test_one_cluster_has_no_interval_to_tell_anything_by() -> None:
    words = (".6", ".9", "--simulate", "--n", 20, "--paired", "--stories", 1, "--simulations", 20)
    answer = found(*words)
    assert (answer["power"], answer["covered"], answer["half_width"]) == (0, None, None)
    assert "no study has an interval" in arena(*words).stdout


@pytest.mark.parametrize(
    "words, said",
    [
        ((".7", ".7"), "two different accuracies, got 0.7 twice"),
        (("1.2", ".5"), "accuracies in [0, 1], got 1.2"),
        ((".7", "nan"), "P2: expected a finite number, got nan"),
        ((".7", ".8", "--power", "0"), "a power between 0.05 and 1, got 0"),
        ((".7", ".8", "--level", "1"), "a level between 0 and 1"),
        ((".7", ".8", "--n", "3", "--power", ".9"), "--power: with --n"),
        ((".7", ".8", "--icc", ".2"), "--cluster-size and --icc together"),
        ((".7", ".8", "--cluster-size", "3", "--icc", "2"), "0 <= icc <= 1"),
        ((".7", ".8", "--sd", "1"), "--paired or --simulate"),
        ((".7", ".8", "--paired", "--sd", "-1"), "--sd: expected a deviation of log-odds"),
        ((".7", ".8", "--paired", "--icc", ".1"), "--icc: it is for arms on questions of"),
        (("0", "0", "--paired", "--n", "4"), "accuracies between 0 and 1"),
        ((".7", ".8", "--judges", "3"), "--judges: it is of a simulated design"),
        ((".7", ".8", "--simulate"), "expected --n"),
        ((".7", ".8", "--simulate", "--n", "3", "--power", ".8"), "--power: --simulate has none"),
        ((".7", ".8", "--simulate", "--n", "1000001"), "at most 1000000 verdicts"),
        ((".7", ".8", "--simulate", "--n", "9", "--by-judge"), "--by-judge: expected --judges"),
        ((".7", ".8", "--simulate", "--n", "9", "--level", "2"), "a level between 0 and 1"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(words: tuple[str, ...], said: str) -> None:
    result = arena(*words)
    assert result.exit_code == 2 and result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("arena: ") and said in line
