"""Sinks: copies of a training's figures for looking at, which can never stop the training."""

import sys
from types import ModuleType

import pytest

from agents import sinks
from agents.sinks import SINKS, check_sinks, open_sinks


@pytest.fixture
def installed(monkeypatch):
    """Pretend that packages are there: modules that note what is asked of them."""
    calls = []

    def install(name, **functions):
        module = ModuleType(name)
        for key, function in functions.items():
            setattr(module, key, function)
        monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(sinks, "find_spec", lambda name: object())

    def note(what, returns=None):
        def noted(*args, **how):
            calls.append((what, args, how))
            return returns

        return noted

    return install, note, calls


def read_back(folder):
    """The scalars that TensorBoard itself reads from a folder: {tag: [(step, value)]}."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: [(one.step, pytest.approx(one.value)) for one in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_tensorboard_reads_what_was_written(tmp_path):
    pytest.importorskip("tensorboard")
    (sink,) = open_sinks(["tensorboard"], "first", tmp_path)
    for step in (0, 1, 2):
        sink.write(step, {"train/reward/alice": step / 3, "eval/kl/alice": None})
    sink.write(3, {"eval/accuracy/held-out": 0.75, "train/lr": float("nan")})
    sink.close()
    assert read_back(tmp_path / "tensorboard" / "first") == {
        "train/reward/alice": [(0, 0.0), (1, 1 / 3), (2, 2 / 3)],
        "eval/accuracy/held-out": [(3, 0.75)],
    }


def test_steps_that_are_run_again_are_shown_once(tmp_path):
    pytest.importorskip("tensorboard")
    for start, value in ((0, 1.0), (2, 2.0)):  # stopped after step 4, with a checkpoint at 2
        (sink,) = open_sinks(["tensorboard"], "r", tmp_path, step=start)
        for step in range(start + 1, start + 4):
            sink.write(step, {"train/loss": value})
        sink.close()
    assert read_back(tmp_path / "tensorboard" / "r") == {
        "train/loss": [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0)]
    }


@pytest.mark.parametrize("run", ["a/b", "." * 2 + "/up", ".", "", "c:d\\e"])
def test_the_name_of_a_run_is_one_folder_inside(run, tmp_path):
    pytest.importorskip("tensorboard")
    home = tmp_path / "place"
    (sink,) = open_sinks(["tensorboard"], run, home)
    sink.write(1, {"train/loss": 1.0})
    sink.close()
    (folder,) = (home / "tensorboard").iterdir()
    assert [path.parent for path in tmp_path.rglob("events*")] == [folder]


def test_trackio_is_told_every_figure_and_standard_output_stays_clean(tmp_path, installed, capsys):
    install, note, calls = installed

    def begin(**how):
        print("* Trackio project initialized")
        calls.append(("init", (), how))

    install("trackio", init=begin, log=note("log"), finish=note("finish"))
    (sink,) = open_sinks(["trackio"], "first", tmp_path, step=5)
    sink.write(6, {"train/loss": 0.5, "train/kl": None})
    sink.write(7, {"train/kl": None})
    sink.close()
    (started, logged, finished) = calls
    assert started[2]["project"] == "arena" and started[2]["group"] == "first"
    assert logged == ("log", ({"train/loss": 0.5},), {"step": 6})
    assert finished[0] == "finish"
    assert capsys.readouterr().out == ""


def test_wandb_is_told_every_figure(tmp_path, installed):
    install, note, calls = installed

    class Run:
        log, finish = staticmethod(note("log")), staticmethod(note("finish"))

    install("wandb", init=note("init", Run))
    (sink,) = open_sinks(["wandb"], "first", tmp_path)
    sink.write(1, {"train/loss": 0.5})
    sink.close()
    assert [what for what, _, _ in calls] == ["init", "log", "finish"]
    assert calls[0][2]["dir"] == str(tmp_path) and calls[1][1:] == (
        ({"train/loss": 0.5},),
        {"step": 1},
    )


def test_a_sink_that_fails_is_left_and_said_once(tmp_path, installed):
    install, note, calls = installed

    def fails(*args, **how):
        raise ConnectionError("the line\nis dead")

    install("trackio", init=note("init"), log=fails, finish=note("finish"))
    said = []
    (sink,) = open_sinks(["trackio"], "first", tmp_path, say=said.append)
    for step in range(3):
        sink.write(step, {"train/loss": 0.5})
    sink.close()
    assert [what for what, _, _ in calls] == ["init"]
    (line,) = said
    assert "the store keeps everything" in line and "the line is dead" in line


def test_a_sink_that_cannot_start_closes_those_that_did(tmp_path, installed):
    install, note, calls = installed

    def refuses(**how):
        raise PermissionError("log in\nfirst")

    install("trackio", init=note("init"), log=note("log"), finish=note("finish"))
    install("wandb", init=refuses)
    with pytest.raises(ValueError, match="wandb cannot be started: PermissionError: log in first"):
        open_sinks(["trackio", "wandb"], "first", tmp_path)
    assert [what for what, _, _ in calls] == ["init", "finish"]


@pytest.mark.parametrize("name", SINKS)
def test_a_missing_package_is_one_line_that_says_what_to_install(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "find_spec", lambda name: None)
    for call in (lambda: check_sinks([name]), lambda: open_sinks([name], "r", tmp_path)):
        with pytest.raises(ValueError, match=f"{name} is not installed") as error:
            call()
        line = str(error.value)
        assert f"pip install {name} " in line and "[track]" in line and "\n" not in line
    assert list(tmp_path.iterdir()) == []


def test_a_sink_that_there_is_not_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="expected some of tensorboard, trackio, wandb, got 'mlf'"):
        open_sinks(["mlf"], "r", tmp_path)


def test_no_sinks_are_no_sinks(tmp_path):
    assert open_sinks([], "r", tmp_path) == []
