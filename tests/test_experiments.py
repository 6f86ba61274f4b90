"""The study files: what they describe can be run, and a study is run, resumed and collected."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from arena.config import read_yaml, validate
from arena.runfile import RunFile
from arena.store import Store
from arena.training_report import training_report
from ui.trainsetup import setup_of

FOLDER = Path(__file__).parent.parent / "experiments"
STUDIES = ("equal", "free", "equal-controls", "free-controls", "equal-long")
PAYS, OTHER = "prompted:nano-judge", "prompted:nano-judge-2"
FEW = {"questions": 2, "group": 3, "opponents": 2, "steps": 1}


@pytest.fixture(autouse=True)
def _experiments_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def is_sound(run: RunFile, folder: Path) -> None:
    """Everything that a training's start looks at, models included."""
    assert run.train is not None
    with Store(folder / f"{run.name}.db") as store:
        setup_of(run, run.train, folder, store)


@pytest.mark.parametrize("name", STUDIES)
def test_every_training_of_a_study_can_be_started(name: str, tmp_path: Path) -> None:
    from training import Study

    file = FOLDER / f"{name}.yaml"
    study = validate(Study, read_yaml(file), file.name)
    assert study.name == name and study.worlds.n >= 2000
    assert len({arm.name for arm in study.runs}) == len(study.runs)
    arm = next(arm for arm in study.runs if arm.base == "first")
    for role in ("debate", "consultancy"):
        is_sound(arm.file(role), tmp_path)


def test_every_training_against_a_planted_weakness_can_be_started(tmp_path: Path) -> None:
    from planted import Study

    study = validate(Study, read_yaml(FOLDER / "planted.yaml"), "planted.yaml")
    for name, kind in study.weaknesses.items():
        is_sound(study.file(name, 0, [kind.players] * 2, kind.judge, study.then), tmp_path)


RUN = {
    "conditions": [
        {"condition": f"debate {who}", "judge": "literal", "accuracy": value}
        for who, value in (("base", 0.5), ("trained", 0.8), ("optimal", 0.9))
    ],
    "differences": [{"of": "debate trained", "less": "debate base", "judge": "literal",
                     "value": 0.3, "interval": [0.2, 0.4]}],
    "wins": {"literal": {"honest": {"value": 0.7, "interval": [0.6, 0.8]},
                         "dishonest": {"value": None}}},
    "extra": {"naive": {"conditions": [
        {"condition": "debate trained", "judge": "literal", "accuracy": 0.55}]}},
}  # fmt: skip
"""What a claim may be about."""


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ({"least": 0.8}, 0.8),
        ({"least": 0.81}, None),
        ({"less": "debate base", "low": 0.2}, 0.3),
        ({"less": "debate base", "least": 0.3, "low": 0.21}, None),
        ({"way": True, "least": 0.74, "most": 0.76}, 0.75),
        ({"wins": "honest", "least": 0.6, "most": 0.7}, 0.7),
        ({"wins": "honest", "most": 0.6}, None),
        ({"protocol": "naive", "most": 0.6}, 0.55),
    ],
)
def test_a_claim_holds_where_its_figure_lies_within_its_bounds(
    claim: dict[str, Any], value: float | None
) -> None:
    from claims import Claim, verdicts

    one = Claim("literal", runs=1, **claim)
    assert one.holds(RUN) == (value is not None)
    (found,) = verdicts([one], [RUN])
    assert (found["held"], found["of"], found["wanted"]) == (int(one.holds(RUN)), 1, 1)
    if value is not None:
        assert found["range"] == pytest.approx([value, value])


@pytest.mark.parametrize(
    "claim",
    [{"wins": "dishonest"}, {"of": "naive"}, {"less": "naive"}, {"protocol": "critique"},
     {"way": True, "protocol": "naive"}],
)  # fmt: skip
def test_a_claim_about_what_was_not_measured_does_not_hold(claim: dict[str, Any]) -> None:
    from claims import Claim, verdicts

    one = Claim("literal", most=1, **claim)
    assert one.figure(RUN) is None and not one.holds(RUN)
    assert next(verdicts([one], [RUN]))["range"] is None


def written(folder: Path, value: dict[str, Any]) -> Path:
    file = folder / f"{value['name']}.yaml"
    file.write_text(yaml.safe_dump(value))
    return file


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--part", "x"], "--part: expected K/N"),
        (["--part", "3/2"], "--part: expected K/N"),
        (["--only", "third"], "--only 'third': no run's name has this in it"),
        (["--base", "third=local:x"], "--base: the study's bases are ['first', 'second']"),
        (["--only", "second-nano-judge-0", "--train"], "'SECOND' is neither a folder here"),
    ],
)
def test_a_call_that_does_not_fit_is_one_line(
    words: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training import main

    with pytest.raises(SystemExit) as left:
        main([str(FOLDER / "free.yaml"), "--work", str(tmp_path), *words])
    assert left.value.code == 2
    assert line in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.check
@pytest.mark.parametrize("name", STUDIES)
def test_consultants_are_trained_on_as_many_speeches_as_debaters(name: str, tmp_path: Path) -> None:
    from training import Study

    file = FOLDER / f"{name}.yaml"
    arm = validate(Study, read_yaml(file), file.name).runs[0]
    spoken = []
    for role in ("debate", "consultancy"):
        run = arm.file(role)
        assert run.train is not None
        with Store(tmp_path / f"{role}.db") as store:
            stepped = setup_of(run, run.train, tmp_path, store).trainer.advance(0.0)
        spoken.append(sum(len(tree.spoken) for tree in stepped.sampled.trees))
    assert spoken[0] == spoken[1]


@pytest.mark.check
def test_a_study_is_run_and_collected_and_what_is_there_is_not_done_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training import main

    evaluate = {"every": 1, "n": 4}
    file = written(
        tmp_path,
        {
            "name": "tiny", "variant": "free", "bases": {"first": "local:nano"},
            "judges": {"nano-judge": [PAYS, OTHER]}, "seeds": [0], "worlds": {"n": 12, "seed": 9},
            "speeches": 2, "debate": {**FEW, "control": "relevant quote", "evaluate": evaluate},
            "consultancy": {**FEW, "evaluate": evaluate}, "extra": ["debate"],
            "claims": [{"of": "expert", "judge": "literal", "least": 1},
                       {"of": "naive", "judge": "literal", "least": 1}],
        },
    )  # fmt: skip
    words = [str(file), "--work", str(tmp_path / "work")]
    assert main([*words, "--train"]) == 0
    assert not (tmp_path / "work" / "tiny-first-nano-judge-0.json").exists()
    assert main(words) == 0
    assert capsys.readouterr().out.count("step 1:") == 2  # of each training, once
    made = (tmp_path / "work" / "tiny-first-nano-judge-0.json").read_bytes()
    assert main(words) == 0
    assert (tmp_path / "work" / "tiny-first-nano-judge-0.json").read_bytes() == made
    assert main([*words, "--collect"]) == 0
    found = json.loads((tmp_path / "tiny.json").read_text())
    assert found["complete"] == [1, 1]
    assert [one["held"] for one in found["claims"]] == [1, 0]
    assert "| naive, literal: at least 1 | 0 of 1 |" in (tmp_path / "tiny.md").read_text()
    (run,) = found["runs"]
    rows = {(one["condition"], one["judge"]): one for one in run["conditions"]}
    assert rows["naive", "literal"]["accuracy"] == 0.5
    assert rows["expert", "literal"]["accuracy"] == 1
    assert {one["n"] for one in rows.values()} == {12, 24}  # a consultant's worlds come twice
    assert {one["condition"] for one in run["extra"]["debate"]["conditions"]} >= {
        "debate base", "debate trained",
    }  # fmt: skip
    assert [at for at, _ in run["training"]["debate"]["curves"]["accuracy, literal"]] == [0, 1]
    with Store(tmp_path / "work" / "tiny-first-nano-judge-0.db") as store:
        said = training_report(store, "tiny-first-nano-judge-0-debate")["labels"]
    assert said == ["a control: its reward reads the truth (relevant quote)"]


@pytest.mark.check
def test_a_study_of_planted_weaknesses_gives_a_curve_for_each_arm_and_a_plot(
    tmp_path: Path,
) -> None:
    from planted import main

    evaluate = {"every": 1, "n": 4}
    file = written(
        tmp_path,
        {
            "name": "tiny", "variant": "free", "judge": PAYS, "held_out": OTHER, "seeds": [0],
            "weaknesses": {"phrase": {"players": "local:nano",
                                      "judge": f"planted:phrase,phrase=saw,of=({PAYS})"}},
            "start": {**FEW, "evaluate": evaluate}, "then": {**FEW, "evaluate": evaluate},
            "arms": {"free": {"kl": 0.0}, "held": {"kl": 0.5}, "sound": {"kl": 0, "sound": True}},
        },
    )  # fmt: skip
    words = [str(file), "--work", str(tmp_path / "work")]
    assert main(words) == 0 and main([*words, "--collect"]) == 0
    found = json.loads((tmp_path / "tiny.json").read_text())
    assert [run["arm"] for run in found["runs"]] == ["free", "held", "sound"]
    for run in found["runs"]:
        first, last = run["curve"]
        assert (first["step"], last["step"]) == (0, 1)
        assert first["kl"] == 0 < last["kl"]
        assert first["proxy"]["value"] == pytest.approx(0, abs=1e-9)
        assert all(math.isfinite(row["accuracy"]["held-out"]["value"]) for row in run["curve"])
    assert (tmp_path / "tiny.svg").read_text().startswith("<svg")
    rows = (tmp_path / "tiny.md").read_text().splitlines()[-3:]
    assert [row.split(" | ")[1] for row in rows] == ["free", "held", "sound"]
