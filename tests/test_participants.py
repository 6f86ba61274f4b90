"""Participant strings: everything in one has a meaning, or it is refused."""

import pytest
import torch
from tiny import CHATML, tiny_model

import agents
import judges
from agents.models import Models
from arena.participants import SpecError, parse


class NoModels(Models):
    """Models that nobody may load: a string is refused before anything is loaded."""

    def local(self, path):
        pytest.fail(f"loaded {path}")


def refused(text, load=agents.load, models=None, **how):
    """The one line with which a participant is refused."""
    with pytest.raises(SpecError) as error:
        load(text, models or NoModels(), **how)
    line = str(error.value)
    assert line and "\n" not in line
    return line


def recorded(key):
    pytest.fail(f"read {key}")


PLAYERS = ("scripted:witness", "scripted:random", "replay:m1", "local:here")
JUDGES = (
    "scripted:literal", "scripted:strategic", "scripted:oracle", "scripted:coin", "scripted:first",
    "prompted:here", "local:here",
)  # fmt: skip
LOCAL = ("local:here", "prompted:here")  # these take an adapter


@pytest.mark.parametrize("adapter", ["#alice", "#alice@40", "#", "#@40"])
@pytest.mark.parametrize("text", [text for text in PLAYERS if text not in LOCAL])
def test_an_adapter_of_a_player_that_takes_none_is_refused_and_not_ignored(text, adapter):
    line = refused(text + adapter, recorded=recorded)
    assert "takes no adapter" in line and repr(adapter) in line


@pytest.mark.parametrize("text", [text for text in JUDGES if text not in LOCAL])
def test_an_adapter_of_a_judge_that_takes_none_is_refused_and_not_ignored(text):
    line = refused(f"{text}#alice@40", judges.load, truths={})
    assert "takes no adapter" in line and "'#alice@40'" in line


@pytest.mark.parametrize("adapter", ["#", "#@40", "#alice@"])
@pytest.mark.parametrize(
    ("text", "load"),
    [(LOCAL[0], agents.load), (LOCAL[0], judges.load), (LOCAL[1], judges.load)],
)
def test_an_adapter_without_a_name_is_refused_before_anything_is_loaded(text, load, adapter):
    assert f"expected #ADAPTER or #ADAPTER@VERSION, got {adapter!r}" in refused(
        text + adapter, load
    )


@pytest.mark.parametrize("text", PLAYERS)
def test_a_setting_that_a_player_has_not_is_refused(text):
    assert "no setting 'colour'" in refused(f"{text},colour=red", recorded=recorded)


@pytest.mark.parametrize("text", JUDGES)
def test_a_setting_that_a_judge_has_not_is_refused(text):
    assert "no setting 'colour'" in refused(f"{text},colour=red", judges.load, truths={})


@pytest.mark.parametrize(
    "text", ["scripted:witness,p=.1,p=.9", "local:x, p=1 ,p =1", "a:b,c=1,c=2"]
)
def test_a_setting_that_is_given_twice_is_refused(text):
    with pytest.raises(SpecError, match="is given twice"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["person:bob", "person:", "person,p=1", "person#x", "person:bob#x"]
)
def test_a_person_with_a_name_or_settings_is_refused(text):
    with pytest.raises(SpecError, match="write person"):
        parse(text)
    assert parse(" person ").kind == "person"


@pytest.mark.parametrize("text", ["local:", "local", "local: ,temperature=1"])
def test_a_player_without_its_model_is_told_that_a_path_is_missing(text):
    assert "a path or hub id is missing; write local:PATH_OR_HUB_ID" in refused(text)


@pytest.mark.parametrize("text", ["prompted:", "prompted", "prompted:,elicit=yes", "local:"])
def test_a_judge_without_its_model_is_told_that_a_path_is_missing(text):
    assert "a path or hub id is missing" in refused(text, judges.load)


def test_a_replay_without_its_match_is_told_that_an_id_is_missing():
    assert "the id of a match is missing" in refused("replay:", recorded=recorded)


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_a_temperature_that_is_none_is_refused(value, folder):
    line = refused(f"local:{folder},temperature={value}", models=Models())
    assert "temperature must be 0 or more" in line


# -- models that cannot be loaded


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("tiny") / "little")


def broken(folder):
    tiny_model(folder)
    return folder


def test_a_truncated_file_of_weights_is_one_clear_line(tmp_path):
    folder = broken(tmp_path / "little")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    for load, kind in ((agents.load, "local"), (judges.load, "prompted")):
        line = refused(f"{kind}:{folder}", load, Models())
        assert "model 'little': its weights cannot be loaded" in line and "Safetensor" in line


def test_a_broken_template_is_one_clear_line(tmp_path):
    folder = tiny_model(tmp_path / "little", template=CHATML + "{% if %}")
    line = refused(f"local:{folder}", models=Models())
    assert "model 'little' cannot chat here" in line and "TemplateSyntaxError" in line


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json"])
def test_a_broken_file_is_one_clear_line(name, tmp_path):
    folder = broken(tmp_path / "little")
    (folder / name).write_text("{")
    assert "model 'little': " in refused(f"local:{folder}", models=Models())


@pytest.mark.parametrize("device", ["foo", "meta", "", "cuda:99"])
def test_a_device_that_is_not_here_is_one_clear_line(device, folder):
    line = refused(f"local:{folder}", models=Models(device=device))
    assert f"device {device!r} cannot be used; expected one that torch has here" in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_here_is_one_clear_line(folder):
    assert "device 'cuda'" in refused(f"prompted:{folder}", judges.load, Models(device="cuda"))


@pytest.mark.parametrize("dtype", ["floof", "int8", "Tensor", ""])
def test_a_dtype_that_is_none_is_one_clear_line(dtype, folder):
    line = refused(f"local:{folder}", models=Models(dtype=dtype))
    assert f"dtype must be auto, float32, bfloat16 or float16, got {dtype!r}" in line


def test_a_thread_count_of_none_is_one_clear_line(folder):
    assert "threads must be 1 or more" in refused(f"local:{folder}", models=Models(threads=0))


def test_a_network_that_cannot_run_is_refused_when_it_is_loaded(tmp_path, monkeypatch):
    from transformers import Qwen3ForCausalLM

    def fails(self, *args, **how):
        raise NotImplementedError("no such kernel")

    folder = broken(tmp_path / "little")
    monkeypatch.setattr(Qwen3ForCausalLM, "forward", fails)
    line = refused(f"local:{folder}", models=Models())
    assert "model 'little' cannot be run here" in line and "no such kernel" in line


@pytest.mark.parametrize("dtype", [None, "auto", "bfloat16"])
def test_a_model_that_can_be_loaded_is_a_player_and_a_judge(dtype, folder):
    models = Models(dtype=dtype)
    one = agents.load(f"local:{folder},temperature=0", models)
    assert one.record["name"] == "little"
    assert judges.load(f"prompted:{folder},elicit=yes", models).record["elicit"] is True
