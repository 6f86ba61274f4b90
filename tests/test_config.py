"""What YAML may say: nothing is coerced, nothing is passed over, and the field is named."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from arena.config import ConfigError, find_protocol, parse_yaml, read_protocol, read_yaml, validate
from arena.protocols import BUILT_IN, Protocol, debate
from arena.runfile import RunFile, protocols_of, read_run_file
from arena.trainfile import LoraBlock

SEATS = "seats: [{name: A, role: debater}, {name: B, role: debater}, {name: judge, role: judge}]\n"


def a_run(folder: Path, text: str, *overrides: str) -> RunFile:
    path = folder / "run.yaml"
    path.write_text(text)
    return read_run_file(path, overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: true", r"seed: .*integer, got True"),
        ("seed: '3'", r"seed: .*integer, got '3'"),
        ("play: {replicates: '2'}", r"play\.replicates: .*integer, got '2'"),
        ("play: {replicates: true}", r"play\.replicates: .*integer, got True"),
        ("play: {replicates: 0}", r"play\.replicates must be 1 or more"),
        ("play: {mirrored: 1}", r"play\.mirrored: .*boolean, got 1"),
        ("play: {seats: [A]}", r"play\.seats: expected a mapping"),
        ("tournament: {replicates: -1}", r"tournament\.replicates must be 1 or more"),
        ("questions: {n: 0}", r"questions\.n must be 1 or more"),
        ("questions: {n: -5}", r"questions\.n must be 1 or more"),
        ("questions: {n: 100000000000000000000}", r"questions\.n must be .*10000000 at most"),
        ("run: {width: 0}", r"run\.width must be 1 or more"),
        ("run: {minutes: 0}", r"run\.minutes must be more than 0"),
        ("run: {minutes: -1.5}", r"run\.minutes must be more than 0"),
        ("run: {minutes: .nan}", r"run\.minutes: expected a finite number"),
        ("run: {minutes: .inf}", r"run\.minutes: expected a finite number"),
        ("run: {minutes: '5'}", r"run\.minutes: .*number, got '5'"),
        ("run: {budget: 0}", r"run\.budget must be 1 or more"),
        ("engine: {threads: 0}", r"engine\.threads must be 1 or more"),
        ("engine: {threads: 1.0}", r"engine\.threads: .*integer, got 1\.0"),
        (f"seed: 0x{'f' * 5000}", r"seed: the number is too large"),
        ("name: 2024", r"name: .*string, got 2024"),
        ("name: 2024-01-02", r"name: expected text or a number, got '2024-01-02'; quote it"),
        ("questions: {1: 2}", r"questions: expected text as a key, got 1"),
        ("seed: 1\nseed: 2", r"the key 'seed' comes twice"),
        ("questions: {n: 5, seed: 1, n: 6}", r"the key 'n' comes twice"),
    ],
)
def test_a_run_file_is_taken_by_the_letter_and_its_field_is_named(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        a_run(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_a_number_with_an_exponent_is_a_number(tmp_path: Path) -> None:
    text = "train: {judge: j, lr: 1e-3, kl: 2.5e-2, evaluate: {n: 10}}"
    block = a_run(tmp_path, text).train
    assert block is not None and (block.lr, block.kl) == (0.001, 0.025)
    assert parse_yaml("[1e3, 1E+2, e5, 1e, 12]", "x") == [1000.0, 100.0, "e5", "1e", 12]


def test_lists_are_tuples_and_whole_numbers_are_numbers(tmp_path: Path) -> None:
    run = a_run(tmp_path, "protocols: [naive, debate]\nrun: {minutes: 5, budget: null}\n")
    assert run.protocols == ("naive", "debate")
    assert run.run.minutes == 5


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_protocol_written_as_yaml_is_the_same_protocol(
    name: str, tmp_path: Path
) -> None:
    import yaml

    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(_lists(BUILT_IN[name].record())))
    assert find_protocol("p.yaml", tmp_path) == BUILT_IN[name]
    assert read_protocol(BUILT_IN[name].record()).id == BUILT_IN[name].id


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(one) for key, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value


def test_a_value_that_is_no_plain_data_is_refused_and_its_place_named() -> None:
    loop: list[Any] = []
    loop.append(loop)
    many: Any = ["x"] * 100
    for _ in range(6):
        many = [many] * 100
    for new, message in (
        ({"passage_to": loop}, "nested more than"),
        ({"passage_to": many}, "more than 200000 values"),
        ({"name": "\ud800"}, r"name: half a character \(U\+D800\) is not text"),
        ({"quoted_total": float("nan")}, "quoted_total: expected a finite number"),
        ({3: 4}, "expected text as a key, got 3"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_protocol({**debate().record(), **new})


def test_what_is_not_yaml_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    for raw, message in (
        (b"name: \xff\xfe", r"not UTF-8 \(byte 6\)"),
        (b"[" * 5000, "nested too deeply"),
        (b"name: [", "not YAML"),
        (b"name: 2024-13-45", "not YAML"),
        (b"seed: !!int x", "not YAML"),
        (b"seed: !!bool x", "not YAML"),
        (b"seed: !!timestamp x", "not YAML"),
        (b"seed: !!python/name:os.system", "not YAML"),
        (b"seed: " + b"9" * 5000, "not YAML"),
        (b"{[a]: 1}", "not YAML"),
    ):
        path.write_bytes(raw)
        with pytest.raises(ConfigError, match=message) as raised:
            read_yaml(path)
        assert str(raised.value).startswith(str(path))
        assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml("a\0b.yaml")


def test_a_key_may_come_again_in_another_mapping_and_override_what_is_merged() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: &c {<<: *a, y: 5}\nd: {<<: *c, x: 1}\n"
    assert parse_yaml(text, "here")["b"] == {"x": 3, "y": 2}
    assert parse_yaml(text, "here")["d"] == {"x": 1, "y": 5}


def test_an_override_that_is_not_yaml_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--set 'questions\.n=\[': not YAML"):
        a_run(tmp_path, "seed: 1\n", "questions.n=[")
    with pytest.raises(ConfigError, match=r"run\.width must be 1 or more"):
        a_run(tmp_path, "seed: 1\n", "run.width=0")


def test_three_speakers_are_a_value_that_no_schedule_can_seat(tmp_path: Path) -> None:
    three = {
        "name": "panel",
        "seats": [{"name": x, "role": "debater"} for x in "ABC"]
        + [{"name": "judge", "role": "judge"}],
        "opening": [{"slots": [{"seat": x} for x in "ABC"]}],
    }
    protocol = read_protocol(three)
    assert isinstance(protocol, Protocol) and len(protocol.speakers) == 3
    run = RunFile(protocols=(three,))
    with pytest.raises(ConfigError, match=r"'panel' has 3 speaking seats \(A, B, C\)"):
        protocols_of(run, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study: {conditions: {a: {protocol: naive}}, sandwich: {floor: naive, ceiling: naive}}",
         r"study\.sandwich\.ceiling must be another condition than floor, got 'naive'$"),
        ("study: {conditions: {a: {protocol: naive}}, sandwich: {floor: ''}}",
         r"study\.sandwich\.floor must be the name of a condition"),
        ("study: {conditions: {a: {protocol: naive}}, sandwich: {ceiling: 3}}",
         r"study\.sandwich\.ceiling: .*string, got 3"),
        ("study: {conditions: {a: {protocol: naive}}, sandwich: 3}",
         r"study\.sandwich: .*boolean, got 3"),
        ("study: {conditions: {a: {protocol: naive, debaters: {A: 3}}}}",
         r"study\.conditions\.a\.debaters\.A: .*string, got 3"),
        ("study: {conditions: {a: {protocol: naive, debaters: [ada, 3]}}}",
         r"study\.conditions\.a\.debaters\.1: .*string, got 3"),
        ("study: {conditions: {a: {protocol: naive, debaters: 3}}}",
         r"study\.conditions\.a\.debaters: expected a list \(or tuple\), got 3"),
        ("study: {conditions: {a: {protocol: naive}}, primary: {first: a, second: b, "
         "expect: [.5]}}", r"study\.primary\.expect\.1: Field required"),
        ("train: {judge: j, lora: {targets: all}}", r"train\.lora\.targets: .*'all-linear', got"),
        ("train: {judge: j, lora: {targets: 3}}", r"train\.lora\.targets: expected a list"),
        ("train: {judge: j, decay: hours}", r"train\.decay: .*'minutes', got 'hours'"),
        ("train: {judge: j, decay: 3}", r"train\.decay: .*boolean, got 3"),
    ],
)  # fmt: skip
def test_where_several_types_are_allowed_the_error_is_that_of_the_one_that_came(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        a_run(tmp_path, text)


@pytest.mark.parametrize("value", [[], 3, None, "x"])
def test_a_value_that_is_no_mapping_at_all_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^run: expected a mapping, got"):
        validate(RunFile, value, "run")


@dataclass(frozen=True)
class _Named:
    blocks: dict[str, LoraBlock]


def test_a_mapping_of_names_to_blocks_is_checked_block_by_block() -> None:
    value = {"blocks": {"small": {"rank": 2}}}
    assert validate(_Named, value, "x").blocks == {"small": LoraBlock(rank=2)}
    with pytest.raises(ConfigError, match=r"x: blocks\.small\.ranks: no such field"):
        validate(_Named, {"blocks": {"small": {"ranks": 2}}}, "x")
