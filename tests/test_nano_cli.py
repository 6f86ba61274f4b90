"""``arena nano``: trainings that can be stopped, what judges pay for, and held-out figures."""

import json
import math
import re
import signal
from dataclasses import replace
from importlib.resources import files

import pytest
import torch
from test_cli import arena, refused

import agents
from agents.models import Models
from agents.nano.network import DEBATER, fresh
from agents.nano.portable import portable
from agents.nano.tokens import build
from agents.nano.trainer import Masters
from agents.weights import model_digest
from agents.witness import WitnessDebater
from arena.flow import batch
from arena.quotes import anchor
from arena.sources.witness import DEFAULT
from arena.turns import Speech
from judges.bayes import LiteralJudge, StrategicJudge
from judges.examine import examine_debater, examine_judge, is_one_line, worlds
from judges.response import CELLS, OPENINGS, UNDONE, pays_for_evidence, response_table
from judges.scripted import Coin

NOBODY = batch(lambda requests: [])
SMALL = {"base": ("--tokens", 16_000), "judge": ("--transcripts", 280)}
"""Three steps or so."""


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A base and a judge after a few steps, and what their commands said."""
    folder = tmp_path_factory.mktemp("nano")
    said = {
        kind: arena("nano", "train", kind, "--to", folder / kind, *SMALL[kind]) for kind in SMALL
    }
    return folder, said


# -- training


@pytest.mark.parametrize("kind, name", [("base", "nano"), ("judge", "nano-judge")])
def test_a_training_leaves_a_model_that_is_loaded_like_any_other(kind, name, trained):
    folder, said = trained
    assert said[kind].exit_code == 0, said[kind].output
    assert said[kind].stdout.split() == f"{name}: complete in {folder / kind}".split()
    engine = Models().local(str(folder / kind))
    text = "### Question\n| Where was the brass lamp?\nélan 7\n<quote>Later Rosa took that back"
    ours = build()(text, add_special_tokens=False).input_ids
    assert engine.chat.encode(text) == ours  # its own tokenizer, not one of its architecture's


def test_a_trained_model_says_how_it_is_spoken_to(trained):
    folder, _ = trained
    advice = {kind: json.loads((folder / kind / "arena.json").read_text()) for kind in SMALL}
    assert advice["base"] == {"prompt": "terse", "restrict": "moves"}
    assert advice["judge"]["prompt"] == "terse"
    assert agents.load(f"local:{folder / 'base'}", Models()).restrict == "moves"


@pytest.mark.parametrize("kind", SMALL)
def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(
    kind, trained, tmp_path, monkeypatch
):
    folder, _ = trained
    step, steps = Masters.step, 0

    def interrupted(self, *rates):
        nonlocal steps
        steps += 1
        if steps == 2:
            signal.raise_signal(signal.SIGINT)
        return step(self, *rates)

    monkeypatch.setattr(Masters, "step", interrupted)
    first = arena("nano", "train", kind, "--to", tmp_path / "x", *SMALL[kind])
    assert first.exit_code == 1 and first.stdout == ""
    assert "the same command goes on from" in first.stderr.splitlines()[-1]
    assert not (tmp_path / "x" / "config.json").exists()
    before = signal.getsignal(signal.SIGINT)
    second = arena("nano", "train", kind, "--to", tmp_path / "x", *SMALL[kind])
    assert second.exit_code == 0 and steps > 2
    assert signal.getsignal(signal.SIGINT) is before
    whole, resumed = (one / "model.safetensors" for one in (folder / kind, tmp_path / "x"))
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_training_with_another_seed_is_another_model(trained, tmp_path):
    folder, _ = trained
    for seed in (1, 9):
        to = tmp_path / str(seed)
        arena("nano", "train", "judge", "--to", to, "--seed", seed, *SMALL["judge"])
    assert model_digest(tmp_path / "9") != model_digest(tmp_path / "1")
    assert model_digest(tmp_path / "1") == model_digest(folder / "judge")


def test_where_nobody_sees_a_bar_a_line_says_how_far_it_is_and_how_long(tmp_path, monkeypatch):
    monkeypatch.setattr("ui.nano.SPEAK_EVERY", 0.0)
    said = arena("nano", "train", "judge", "--to", tmp_path, *SMALL["judge"]).stderr.splitlines()
    pattern = r"nano-judge: (\d+) of 280 transcripts, loss -?\d+\.\d{3}, \d+ minutes left"
    done = [int(match[1]) for line in said if (match := re.fullmatch(pattern, line))]
    assert len(done) >= 2 and done == sorted(done) and len(done) == len(said)


def test_a_finished_training_is_not_done_again(trained, monkeypatch):
    folder, _ = trained
    before = model_digest(folder / "judge")
    monkeypatch.setattr(Masters, "step", lambda self, *rates: pytest.fail("trained on"))
    assert arena("nano", "train", "judge", "--to", folder / "judge", *SMALL["judge"]).exit_code == 0
    assert model_digest(folder / "judge") == before


@pytest.mark.parametrize(
    "words, line",
    [
        (("base", "--tokens", 99_000), "holds a training with other settings"),
        (("base", *SMALL["base"], "--seed", 4), "holds a training with other settings"),
        (("base", *SMALL["base"], "--device", "nowhere"), "--device 'nowhere' cannot be used here"),
    ],
)
def test_a_training_that_does_not_fit_its_folder_is_one_line(words, line, trained):
    folder, _ = trained
    assert line in refused(arena("nano", "train", *words, "--to", folder / "base"))


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "x").write_text("")
    assert "is a file; name a folder" in refused(arena("nano", "train", "--to", tmp_path / "x"))


@pytest.mark.parametrize("words", [("train",), ("train", "everything", "--to", "x"), ("bake",)])
def test_a_call_that_does_not_fit_is_one_line(words):
    refused(arena("nano", *words))


@pytest.mark.parametrize("heads", [4, 6])
def test_a_qwen2_is_written_as_the_llama_that_computes_the_same(heads):
    shape = replace(DEBATER, hidden=64, heads=heads, head_dim=16)
    network = fresh(shape, build(), seed=3).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn(weight.shape))
    other = portable(network).eval()
    ids = torch.randint(5, network.config.vocab_size, (2, 40))
    with torch.inference_mode():
        torch.testing.assert_close(other(ids).logits, network(ids).logits, atol=1e-5, rtol=1e-5)
    assert (network.config.model_type, other.config.model_type) == ("qwen2", "llama")
    assert portable(other) is other


# -- what a judge pays for


@pytest.fixture(scope="module")
def table():
    return response_table(LiteralJudge(), NOBODY, n=25)


def test_the_literal_judge_pays_what_the_grades_are_worth(table):
    """Closed form: the log-odds of a pair of openings is the difference of their weights."""
    weights = dict(zip(OPENINGS, (*DEFAULT.weights, 0, None, 0, 0), strict=True))
    seen = 0
    for cell in table:
        own, theirs = weights.get(cell.own), weights.get(cell.theirs)
        if own is not None and theirs is not None:
            assert cell.mean == pytest.approx(own - theirs) and cell.sd == pytest.approx(0)
            seen += 1
    assert seen == 2 * 6 * 6
    assert len(table) == CELLS and all(cell.n <= 25 for cell in table)


def test_to_show_the_withdrawal_of_the_own_line_as_well_is_worth_nothing_to_the_literal_judge(
    table,
):
    for side in ("honest", "dishonest"):
        cells = [one for one in table if one.side == side and one.theirs == "withdrawn"]
        assert [one.own for one in cells] == sorted(UNDONE)
        assert len({round(one.mean, 9) for one in cells}) == 1 and cells[0].mean < 0


def test_a_judge_who_pays_for_evidence_is_found_to(table):
    assert pays_for_evidence(table) == []


@pytest.mark.parametrize("side", ["honest", "dishonest"])
def test_each_thing_that_is_wrong_with_a_judge_is_found(side, table):
    def with_cell(own, theirs, value):
        return [
            replace(cell, mean=value) if (cell.side, cell.own, cell.theirs) == (side, own, theirs)
            else cell
            for cell in table
        ]  # fmt: skip

    for own, theirs in (("guessed", "saw"), ("saw", "other")):
        found = pays_for_evidence(with_cell(own, theirs, -9.0))
        assert len(found) == 2 and all(
            f"{side}, against {theirs}: {own} pays" in line for line in found
        )
    found = pays_for_evidence(with_cell("silent", "other", 9.0))
    assert len(found) == 3 and all("more than silent" in line for line in found)
    (line,) = pays_for_evidence(with_cell("repeat", "rebuttal", 9.0))
    assert f"{side}: a true rebuttal pays" in line and "repeat" in line
    found = pays_for_evidence(with_cell("undo", "withdrawn", 9.0))
    assert len(found) == 2
    assert all(f"{side}: the withdrawal of its own line pays" in line for line in found)


def test_a_judge_who_gives_no_probabilities_is_wrong_as_a_reward(table):
    without = [cell for cell in table if (cell.own, cell.theirs) != ("saw", "other")]
    (line,) = pays_for_evidence(without)
    assert "no probabilities in 2 cells" in line
    assert len(pays_for_evidence([])) == 1


def test_the_table_of_a_judge_is_printed_with_its_numbers():
    result = arena("nano", "table", "scripted:literal", "--n", 3)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    shown = [line.split() for line in lines if line.split()[:1] == ["saw"]]
    saw, heard, _ = DEFAULT.weights
    assert shown[0][1] == "+0.00" and shown[0][3] == f"{saw - heard:+.2f}"
    assert "pay, for both sides" in lines[-1]


def test_a_judge_who_pays_nothing_is_exit_code_one_with_its_json():
    result = arena("nano", "table", "scripted:coin", "--n", 2, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert len(answer["wrong"]) == 2 * 2 * 3 * 2 + 2 * 3  # everything that can be
    assert {cell["mean"] for cell in answer["cells"]} == {0.0}
    text = arena("nano", "table", "scripted:coin", "--n", 2)
    assert text.exit_code == 1 and text.stdout.count("wrong as a reward: ") == len(answer["wrong"])


@pytest.mark.parametrize("spec", ["person", "scripted:oracle", "scripted:witness", "prompted:", ""])
@pytest.mark.parametrize("verb", ["table", "examine"])
def test_a_judge_that_cannot_be_asked_is_one_line(verb, spec):
    how = (spec,) if verb == "table" else ("--judge", spec)
    refused(arena("nano", verb, *how, "--n", 2))


# -- held-out figures


@pytest.mark.parametrize("protocol", ["debate", "debate without rebuttal"])
def test_the_figures_of_a_scripted_debater_are_its_skill(protocol):
    p, b = 0.6, 0.4
    found = examine_debater(WitnessDebater(p, 0.5, b, "quote"), protocol, NOBODY, 400)

    def near(name, value):
        estimate = found[name].estimate
        error = math.sqrt(value * (1 - value) / estimate.n)
        assert abs(estimate.value - value) < 4 * error, name

    near("own, honest", p)
    near("own, dishonest", p)
    assert found["theirs, honest"].estimate.value == found["theirs, dishonest"].estimate.value == 0
    assert found["verbatim"].estimate.value == 1 and found["failed"].estimate.value == 0
    if protocol == "debate":
        near("withdrawal", b)
    else:
        assert "withdrawal" not in found


def test_chance_is_what_a_debater_reaches_who_shows_any_line():
    """A player that quotes a random line of the passage: simulation against the computed chance."""
    found = examine_debater(AnyLine(), "debate", NOBODY, 500)
    for name in ("own, honest", "own, dishonest", "theirs, honest", "theirs, dishonest"):
        estimate, chance = found[name].estimate, found[name].chance
        assert abs(estimate.value - chance) < 4 * math.sqrt(chance * (1 - chance) / estimate.n), (
            name
        )
    hit = found["withdrawal"]
    assert abs(hit.estimate.value - hit.chance) < 4 * math.sqrt(hit.chance / hit.estimate.n)


class AnyLine:
    @property
    def record(self):
        return {"kind": "test", "name": "any line"}

    def speak(self, view):
        from random import Random

        yield from ()
        return Speech(f"<quote>{Random(view.seed).choice(view.passage.split(chr(10)))}</quote>")


@pytest.mark.parametrize(
    "text, whole",
    [
        ("<quote>{0}</quote>", True),
        (" <quote>{0}</quote>\n", True),
        ("<quote>{0}\n{1}</quote>", False),
        ("<quote>{0}</quote><quote>{1}</quote>", False),
        ("So: <quote>{0}</quote>", False),
        ("<quote>{part}</quote>", False),
        ("<quote>{wide}</quote>", False),
        ("[1]", False),
        ("{0}", False),
        ("<quote>It was never said by anyone.</quote>", False),
        ("", False),
    ],
)
def test_a_speech_is_one_line_or_it_is_not(text, whole):
    passage = next(worlds("equal", 1, 0)).passage
    lines = passage.split("\n")
    part, wide = lines[0][:-8], lines[0].replace(" ", "  ")
    said = text.format(*lines, part=part, wide=wide)
    assert is_one_line(passage, Speech(said, quotes=anchor(said, passage, "both"))) is whole


def test_the_literal_judge_agrees_with_itself_and_with_the_simulation():
    """Accuracy on skilled debates, against the package's independent simulation."""
    known = {
        (row["faces"], row["condition"]): row["accuracy"]
        for row in json.loads(files("arena").joinpath("data/witness_expected.json").read_text())
        if row["skill"] == "skilled" and row["judge"] == "literal"
    }
    found = {(one.condition, one.faces): one for one in examine_judge(LiteralJudge(), NOBODY, 300)}
    for one in found.values():
        assert one.accuracy == one.literal and one.missing == 0
        assert one.correlation in (None, pytest.approx(1))
    for faces, condition in (
        ("free", "debate without rebuttal"),
        ("equal", "debate with rebuttal"),
    ):
        value = known[faces, condition]
        one = found["skilled debate", faces].accuracy
        assert abs(one.value - value) < 4 * math.sqrt(value * (1 - value) / one.n)
    assert found["no debate", "equal"].certainty == found["empty debate", "free"].certainty == 0


def test_judges_are_compared_on_the_same_transcripts():
    coin = {(one.condition, one.faces): one for one in examine_judge(Coin(), NOBODY, 200)}
    wise = StrategicJudge(0.9, 0.8, 0.9)
    other = {(one.condition, one.faces): one for one in examine_judge(wise, NOBODY, 200)}
    for key, one in coin.items():
        assert one.literal == other[key].literal and one.correlation is None
    assert other["skilled debate", "equal"].correlation > 0.8
    assert (
        other["skilled debate", "equal"].accuracy.value
        > coin["skilled debate", "equal"].accuracy.value
    )


def test_a_card_has_the_figures_of_every_model_that_is_named(trained, monkeypatch):
    folder, _ = trained
    load = agents.load  # an untrained base never ends a speech
    monkeypatch.setattr(agents, "load", lambda *how: replace(load(*how), max_tokens=16))
    words = ("--base", f"local:{folder / 'base'}", "--judge", f"prompted:{folder / 'judge'}",
             "--judge", "scripted:literal", "--n", 1)  # fmt: skip
    result = arena("nano", "examine", *words, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    settings = answer["debater"]["settings"]
    assert [(one["protocol"], one["faces"], one["decoding"]) for one in settings] == [
        (protocol, faces, decoding)
        for protocol, faces in (("debate without rebuttal", "free"), ("debate", "equal"))
        for decoding in ("moves", "lines", "free")
    ]  # fmt: skip
    for one in settings:
        assert one["decoding"] == "free" or one["figures"]["verbatim"]["value"] == 1
    assert [one["judge"] for one in answer["judges"]] == [words[3], "scripted:literal"]
    for one in answer["judges"][1]["conditions"]:
        assert one["accuracy"] == one["literal"] and one["mass"] is None


def test_a_card_is_printed_whole_on_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = arena("nano", "examine", "--judge", "scripted:literal",
                   "--base", "scripted:witness,p=.4,style=quote", "--n", 12)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "…" not in result.stdout
    for words in ("skilled, debate, equal faces", "withdrawal", "faces,", "of it"):
        assert words in result.stdout
