"""Names of figures, the report of a training run, and its plots."""

import json
import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli import arena, refused

from arena import metrics
from arena.batch import Batch
from arena.metrics import Name, evaluation, train
from arena.report import report
from arena.store import Store, StoreError
from arena.training_report import training_report
from ui.plots import write_plots

STEPS = (0, 25, 50)
ACCURACY = {
    "training": (0.6, 0.7, 0.8),
    "held-out": (0.62, 0.66, 0.71),
    "literal": (0.6, 0.65, 0.9),
}
KL = (0.0, 1.0, 4.0)


def fill(store, run="first", act="warn", raised=False, learners=("alice", "bob")):
    """A training run of three evaluations with round figures."""
    store.start_run(run, "train", {"train": {"alarm": {"act": act}}}, {})
    for i, step in enumerate(STEPS):
        values = {}
        for judge, series in ACCURACY.items():
            x = series[i]
            values |= metrics.estimate("accuracy", judge, x, (x - 0.05, x + 0.04), 400)
        for side, x in ((metrics.HONEST, 0.5 + i / 10), (metrics.DISHONEST, 0.5 + i / 20)):
            values |= metrics.estimate("win", side, x, (x - 0.1, x + 0.1), 200)
            values[evaluation("relevant", side)] = x
            values[evaluation("failures", side)] = 2.0 + i
        values |= metrics.estimate("proxy", "", float(i), (i - 0.5, i + 0.5), 400)
        for n, who in enumerate(learners):
            values[evaluation("kl", who)] = KL[i]
            values[evaluation("entropy", who)] = 3.0 - i + n / 2
            values[evaluation("length", who)] = 9.0
        values |= {evaluation("verified"): 0.97, evaluation("found"): None,
                   evaluation("zero_advantage"): 0.125, evaluation("missing", "training"): 1.0,
                   evaluation("alarm"): float(raised and i == 2)}  # fmt: skip
        metrics.keep(store, run, step, values)
    for step in range(1, 51):
        for who in learners:
            metrics.keep(store, run, step, {train("gradient_norm", who): 1 / step,
                                            train("entropy", who): 3 - step / 50,
                                            train("zero_advantage"): 0.1})  # fmt: skip
    if raised:
        value = {"run": run, "step": 50, "reason": "proxy up, truth down", "act": act}
        store.write(Batch(events=[{"key": f"alarm {run}", "kind": "alarm", "value": value}]))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "s.db") as one:
        yield one


# -- names


@given(
    st.sampled_from(
        [(phase, name) for phase in metrics.FIGURES for name in metrics.FIGURES[phase]]
    ),
    st.text(max_size=8),
    st.sampled_from(["", "low", "high", "n"]),
)
def test_a_name_is_what_it_is_read_as_whatever_a_player_is_called(figure, who, bound):
    name = Name(*figure, who, bound)
    assert metrics.parse(str(name)) == name


def test_names_are_paths_that_a_person_can_read():
    assert train("kl", "alice") == "train/kl/alice" and evaluation("alarm") == "eval/alarm"
    assert list(metrics.estimate("accuracy", "held-out", 0.5, None, 3)) == [
        "eval/accuracy/held-out", "eval/accuracy.low/held-out", "eval/accuracy.high/held-out",
        "eval/accuracy.n/held-out",
    ]  # fmt: skip


@pytest.mark.parametrize("call", [lambda: train("kll"), lambda: evaluation("reward"),
                                  lambda: metrics.parse("kl"), lambda: metrics.parse("train/"),
                                  lambda: metrics.parse("eval/kl.mid/alice")])  # fmt: skip
def test_a_figure_that_there_is_not_is_refused(call):
    with pytest.raises(ValueError):
        call()


def test_a_step_that_is_run_again_replaces_what_it_had_written(store):
    metrics.keep(store, "r", 1, {train("loss"): 1.0, train("kl", "a"): 2.0})
    metrics.keep(store, "r", 1, {train("loss"): 3.0})
    metrics.keep(store, "r", 2, {train("loss"): math.nan, train("lr"): math.inf})
    metrics.keep(store, "other", 1, {train("loss"): 9.0})
    assert metrics.history(store, "r") == {
        "train/loss": [(1, 3.0), (2, None)], "train/kl/a": [(1, 2.0)], "train/lr": [(2, None)],
    }  # fmt: skip


# -- the report


def test_the_report_has_every_figure_where_it_belongs(store):
    fill(store)
    found = training_report(store, "first")
    assert found["steps"] == 50 and found["judges"] == list(ACCURACY)
    assert found["learners"] == ["alice", "bob"] and found["labels"] == []
    for i, row in enumerate(found["evaluations"]):
        assert row["step"] == STEPS[i]
        assert {who: one["value"] for who, one in row["accuracy"].items()} == {
            who: series[i] for who, series in ACCURACY.items()
        }
        won = row["win"][metrics.HONEST]
        assert (won["value"], won["n"]) == (0.5 + i / 10, 200)
        assert won["low"] == pytest.approx(0.4 + i / 10) and won["high"] == pytest.approx(
            0.6 + i / 10
        )
        assert row["proxy"]["value"] == i and row["kl"] == dict.fromkeys(("alice", "bob"), KL[i])
        assert row["failures"] == {"honest": 2 + i, "dishonest": 2 + i}
        assert row["found"] is None and row["alarm"] is False


def test_a_run_that_the_alarm_may_stop_says_so_wherever_it_is_shown(store, tmp_path):
    fill(store, act="stop", raised=True)
    store.start_run(
        "first@50", "evaluation", {"training": "first", "step": 50, "alarm": "stop"}, {}
    )
    fill(store, "plain", act="warn")
    found = training_report(store, "first")
    assert found["labels"] == ["may be stopped by an alarm that reads the truth"]
    assert "evaluates first, which may be stopped" in report(store, "first@50")["labels"][0]
    for path in write_plots(store, "first", tmp_path / "plots", found["labels"]):
        assert "reads the truth" in "".join(ElementTree.parse(path).getroot().itertext())
    assert training_report(store, "plain")["labels"] == []
    for name, said in (("first", True), ("first@50", True), ("plain", False)):
        text = arena("report", name, "--store", store.path).stdout
        assert ("reads the truth" in text) is said, name


def test_a_control_is_labelled(store):
    store.start_run("c", "train", {"train": {"control": "true side"}}, {})
    metrics.keep(store, "c", 1, {train("loss"): 1.0})
    (label,) = training_report(store, "c")["labels"]
    assert "its reward reads the truth (true side)" in label
    assert "Note: c is a control" in arena("report", "c", "--store", store.path).stdout


def test_alarms_and_what_was_taken_back_are_listed_with_their_run_alone(store):
    fill(store, act="stop", raised=True)
    fill(store, "second", raised=True)
    store.execute({"INSERT INTO spent VALUES ('first','m1','t1',3,2,0)": [()]})
    store.write(Batch(events=[{"key": "x", "kind": "withdrawn", "match": "m1", "turn": "t1",
                               "person": "Ada"}]))  # fmt: skip
    found = training_report(store, "first")
    assert found["alarms"] == [{"step": 50, "reason": "proxy up, truth down", "act": "stop"}]
    assert found["spent_and_withdrawn"] == [
        {"step": 3, "person": "Ada", "match": "m1", "turn": "t1"}
    ]
    assert training_report(store, "second")["spent_and_withdrawn"] == []
    text = arena("report", "first", "--store", store.path).stdout
    assert "Alarm at step 50 (the run was stopped): proxy up, truth down" in text
    assert "Spent and withdrawn: step 3, person Ada, match m1, turn t1" in text
    assert "Alarm at step 50 (a warning)" in arena("report", "second", "--store", store.path).stdout


def test_the_tables_are_printed_whole_with_nobodys_name_as_markup(store, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    hostile = "[red]x[/red]\x1b[2J"
    fill(store, raised=True, learners=(hostile, "bob"))
    text = arena("report", "first", "--store", store.path).stdout
    rows = [line.split() for line in text.splitlines() if re.match(r" +(0|25|50) ", line)]
    assert len(rows) == 12
    assert rows[1][:3] == ["25", "0.700", "(0.650-0.740)"] and rows[1][-1] == "400"
    assert rows[5][:2] == ["50", "0.700"] and "+2.000" in rows[5]
    assert "RAISED" in rows[11] and "no" in rows[10]
    assert (store.path.parent / f"{store.path.stem}-plots" / "first" / "policies.svg").is_file()
    assert "[red]x[/red]" in text and "\x1b" not in text and "…" not in text


def test_a_run_without_an_evaluation_says_so(store):
    store.start_run("new", "train", {"train": {}}, {})
    result = arena("report", "new", "--store", store.path)
    assert result.exit_code == 0 and "no evaluation yet; no step is done yet" in result.stdout
    metrics.keep(store, "new", 4, {train("loss"): 1.0})
    assert "4 steps are done" in arena("report", "new", "--store", store.path).stdout


def test_the_json_is_one_document_and_names_the_plots(store, tmp_path):
    fill(store)
    words = ("report", "first", "--store", store.path, "--json")
    answer = json.loads(arena(*words).stdout)
    assert answer == {**training_report(store, "first"), "plots": []}
    drawn = json.loads(arena(*words, "--plots", tmp_path / "p").stdout)["plots"]
    assert len(drawn) == 4 and all(
        (tmp_path / "p").samefile(one.rpartition("/")[0]) for one in drawn
    )


@pytest.mark.parametrize(
    "words", [("nobody",), ("nobody", "--plots", "x"), ("game", "--plots", "x")]
)
def test_what_is_no_training_run_has_no_plots(words, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.start_run("game", "play", {}, {})
    line = refused(arena("report", *words, "--store", store.path))
    assert ("no training" if words[0] == "game" else "no run 'nobody'") in line
    assert not (tmp_path / "x").exists()
    with pytest.raises(StoreError):
        training_report(store, words[0])


def test_a_folder_of_plots_that_is_a_file_is_one_line(store, tmp_path):
    fill(store)
    (tmp_path / "p").write_text("")
    line = refused(arena("report", "first", "--store", store.path, "--plots", tmp_path / "p"))
    assert "is a file; name a folder" in line


# -- plots


def strokes(path, colour):
    """The points of the lines of a colour in an SVG, in its own coordinates."""
    found = []
    for one in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}path"):
        if one.get("stroke") == colour and one.get("fill") in (None, "none"):
            places = re.findall(r"[ML]?(-?[\d.]+),(-?[\d.]+)", one.get("d") or "")
            found.append([(float(x), float(y)) for x, y in places])
    return found


def straight(values, places):
    """Whether places are values on a linear axis: equal ratios of differences."""
    scale = (places[-1] - places[0]) / (values[-1] - values[0])
    return all(
        place == pytest.approx(places[0] + scale * (value - values[0]), abs=0.01)
        for value, place in zip(values, places, strict=True)
    )


def test_the_plot_of_accuracy_shows_every_judges_values_at_their_steps(store, tmp_path):
    fill(store)
    write_plots(store, "first", tmp_path)
    heights = {}
    for judge, colour in (("training", "#d55e00"), ("held-out", "#0072b2"), ("literal", "#009e73")):
        (line,) = [one for one in strokes(tmp_path / "accuracy.svg", colour) if len(one) == 3]
        assert straight(STEPS, [x for x, _ in line])
        assert straight(ACCURACY[judge], [y for _, y in line])
        heights |= dict(zip(ACCURACY[judge], (y for _, y in line), strict=True))
    ordered = sorted(heights)
    assert straight(ordered, [heights[value] for value in ordered])  # one axis for all
    assert heights[0.9] < heights[0.6]  # up is up


def test_reward_and_truth_stand_over_the_root_of_the_divergence(store, tmp_path):
    fill(store)
    write_plots(store, "first", tmp_path)
    root = [math.sqrt(value) for value in KL]
    file = tmp_path / "reward-and-truth.svg"
    (proxy,) = [one for one in strokes(file, "#d55e00") if len(one) == 3]
    (gold,) = [one for one in strokes(file, "#0072b2") if len(one) == 3]
    for line, values in ((proxy, (0, 1, 2)), (gold, ACCURACY["held-out"])):
        assert straight(root, [x for x, _ in line]) and straight(values, [y for _, y in line])


def test_plots_are_drawn_for_what_there_is(store, tmp_path):
    store.start_run("young", "train", {"train": {}}, {})
    assert write_plots(store, "young", tmp_path) == []
    metrics.keep(store, "young", 1, {train("gradient_norm", "alice"): 1.0})
    assert [path.name for path in write_plots(store, "young", tmp_path)] == ["gradients.svg"]
    metrics.keep(store, "young", 1, metrics.estimate("accuracy", "training", 0.5, None, 1))
    assert len(write_plots(store, "young", tmp_path)) == 2


def test_the_name_of_a_run_is_text_in_a_plot(store, tmp_path):
    name = "<script>&\"'"
    fill(store, name)
    for path in write_plots(store, name, tmp_path):
        root = ElementTree.parse(path).getroot()
        assert any(name in (one.text or "") for one in root.iter())
        assert not any(one.tag.endswith("script") for one in root.iter())
