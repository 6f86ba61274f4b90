"""Penn Treebank tokens become text that reads well, and every token keeps its place."""

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.penn import render_tokens

BESIDE = Path(__file__).parents[2] / "shared" / "data" / "nyu"
NYU = Path(os.environ.get("ARENA_NYU", BESIDE)) / "debates" / "official"


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("", ""),
        ("It did n't rain , did it ?", "It didn't rain, did it?"),
        ("`` Go ! '' she said .", '"Go!" she said.'),
        ("He said : `` I 'm ` here ' . ''", "He said: \"I'm 'here'.\""),
        ("the dogs ' bone", "the dogs' bone"),
        ("the dogs ' bone and ` mine '", "the dogs' bone and 'mine'"),
        ("-LRB- see -LSB- 3 -RSB- -RRB-", "(see [3])"),
        ("$ 5 , or 7 % , at 20 °", "$5, or 7%, at 20°"),
        ("She was gon na go -- now", "She was gonna go--now"),
        ("and\\/or /. /? %pw Yes", "and/or.? Yes"),
        ('" Yes , " he said , " no . "', '"Yes," he said, "no."'),
        ("What ... ?", "What ...?"),
    ],
)
def test_tokens_read_as_text(tokens: str, text: str) -> None:
    assert render_tokens(tokens.split())[0] == text


def test_newlines_stand_without_blanks() -> None:
    tokens = ["One", ".", "\n", "\n", "``", "Two", "''", "\n", "Three"]
    assert render_tokens(tokens)[0] == 'One.\n\n"Two"\nThree'


def test_a_speech_of_several_paragraphs_does_not_turn_later_marks_around() -> None:
    first, second = "`` I went .", "`` I saw , '' he said . `` Yes . ''"
    text, _ = render_tokens([*first.split(), "\n", *second.split()])
    assert text == '"I went.\n"I saw," he said. "Yes."'


def test_sentences_kept_as_one_token_lose_their_margin() -> None:
    text, spans = render_tokens(["He ran", "\n", " to the door.", "It was shut."])
    assert text == "He ran\nto the door. It was shut."
    assert [text[b:e] for b, e in spans][2:] == ["to the door.", "It was shut."]


def test_a_range_of_tokens_is_a_range_of_characters() -> None:
    tokens = ["I", "do", "n't", "%pw", "know", ",", "``", "he", "said"]
    text, spans = render_tokens(tokens)
    assert text == "I don't know, \"he said"
    assert text[spans[1][0] : spans[3][1]] == "don't"
    assert text[spans[4][0] : spans[6][1]] == 'know, "'
    assert spans[3][0] == spans[3][1]


TOKENS = st.lists(
    st.sampled_from(
        ["a", "b", "n't", "'", "`", "''", "``", '"', "--", ".", "%pw", "\n", "-LRB-", "$", " ", ""]
    )
    | st.text()
)


@given(TOKENS)
def test_token_spans_are_in_order_and_leave_only_single_blanks_out(tokens: list[str]) -> None:
    text, spans = render_tokens(tokens)
    assert len(spans) == len(tokens)
    edges = [(0, 0), *spans, (len(text), len(text))]
    for (_, stop), (start, _) in pairwise(edges):
        assert text[stop:start] in ("", " ")
    for token, (start, stop) in zip(tokens, spans, strict=True):
        if token.isalpha():
            assert text[start:stop] == token


def test_the_nyu_stories_have_no_mark_or_bracket_left_alone() -> None:
    rooms = sorted(NYU.glob("*-0.json"))
    if not rooms:
        pytest.skip(f"the NYU debates are not at {NYU}; set ARENA_NYU to their folder")
    for room in rooms:
        setup = json.loads(room.read_text(encoding="utf-8"))["setup"]
        tokens = setup["sourceMaterial"]["QuALITYSourceMaterial"]["contents"]
        text, spans = render_tokens(tokens)
        assert len(spans) == len(tokens)
        for bad in ("  ", ' " ', "( ", " )", " \n", "\n ", "``", "-LRB-"):
            assert bad not in text, (room.name, bad)
