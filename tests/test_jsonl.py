"""Questions from JSON Lines: every bad line is named with a reason in plain words."""

import json
from typing import Any

import pytest

from arena.sources.jsonl import agreeing, read_lines
from arena.store import Store, add_items

GOOD = {"question": "Which is larger?", "answers": ["two", "three"], "truth": 1}


def reason(line: str | dict[str, Any]) -> str:
    read = read_lines([line if isinstance(line, str) else json.dumps(line)], "x")
    assert read.items == []
    (bad,) = read.bad
    assert bad.number == 1 and "\n" not in bad.reason
    assert bad.reason.isprintable()
    return bad.reason


@pytest.mark.parametrize(
    "answers",
    [
        ["caf\u00e9", "cafe\u0301"],
        ["two", "two "],
        ["two", "\n two\t"],
        ["two", "two\u2028"],
    ],
)
def test_two_answers_that_look_the_same_are_refused(answers: list[str]) -> None:
    assert "answers: two look the same" in reason({**GOOD, "answers": answers})


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "\u2060\ufeff \u00ad", "\u202e"])
def test_text_that_shows_nothing_is_no_question_and_no_answer(text: str) -> None:
    assert "answers: expected text that can be seen" in reason({**GOOD, "answers": ["two", text]})
    assert "question: expected text that can be seen" in reason({**GOOD, "question": text})


def test_answers_that_differ_to_the_eye_are_taken_as_they_are() -> None:
    answers = ["\u00c5ngstr\u00f6m", "angstrom", "a\u0300 b", "a\u200b b"]
    read = read_lines([json.dumps({**GOOD, "answers": answers})], "x")
    assert read.bad == [] and list(read.items[0].question.answers) == answers


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "Q", "question": "R", "answers": ["a", "b"]}', "'question' comes twice"),
        (json.dumps({**GOOD, "question": "\ud800"}), "question: half a character (U+D800)"),
        (json.dumps({**GOOD, "answers": ["a", "\udfff"]}), "answers.1: half a character (U+DFFF)"),
        (json.dumps({**GOOD, "group": "\ud800"}), "group: half a character"),
        ("[" * 100_000, "nested too deeply"),
        ('{"question": ' + "[" * 200 + "]" * 200 + "}", "nested more than"),
        (json.dumps({**GOOD, "truth": True}), "truth: Input should be a valid integer, got True"),
        (json.dumps({**GOOD, "truth": "1"}), "truth: Input should be a valid integer, got '1'"),
        (json.dumps({**GOOD, "truth": 1.0}), "truth: Input should be a valid integer, got 1.0"),
        (json.dumps({**GOOD, "question": 3}), "question: Input should be a valid string, got 3"),
        (json.dumps({**GOOD, "truth": float("nan")}), "NaN is not JSON"),
        (json.dumps({**GOOD, "answers": "ab"}), "answers: expected a list"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_question_is_refused_in_plain_words(line: str, message: str) -> None:
    assert message in reason(line)


def test_the_same_question_again_is_named_with_what_it_says_otherwise() -> None:
    lines = [GOOD, GOOD, {**GOOD, "truth": 0}, {**GOOD, "split": "train"}, {**GOOD, "group": "g"}]
    read = read_lines(map(json.dumps, lines), "x")
    assert len(read.items) == 1
    assert [one.number for one in read.bad] == [2, 3, 4, 5]
    for one, other in zip(read.bad, ("line 1", "truth", "split", "group"), strict=True):
        assert one.reason.startswith("the same question as on line 1") and other in one.reason


def test_what_the_store_holds_otherwise_is_a_bad_line_and_what_it_lacks_is_not() -> None:
    with Store(None) as store:

        def given(**more: Any) -> list[str]:
            read = agreeing(read_lines([json.dumps({**GOOD, **more})], "x"), store, "x")
            add_items(store, read.items)
            return [one.reason for one in read.bad]

        assert given(truth=None, split="train", group="g") == []
        assert given(split="train") == []  # adds the truth
        assert list(store.truths().values()) == [1]
        assert given(truth=None) == []  # says nothing new
        assert "another truth" in given(truth=0)[0]
        assert "another split ('test', not 'train')" in given(split="test")[0]
        assert "another group ('h', not 'g')" in given(group="h", split="train")[0]
        assert list(store.truths().values()) == [1]
