"""Quotations: what counts as one, what verifies it, what it costs, what a reader sees of it."""

import time
import unicodedata
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arena.quotes import (
    MIN_QUOTE,
    anchor,
    lines,
    merge,
    new_characters,
    normalise,
    shown,
)
from arena.turns import Quote

PASSAGE = (
    "The partner of the well-known captain can't swim.\n"
    "\n"
    "\u201cIt\u2019s cold,\u201d she said\u2014and the river\n"
    "was wide. It cost 3.14 credits ... or so.\n"
    "The river was wide. Caf\u00e9s closed."
)


def quote(words: str, passage: str = PASSAGE) -> tuple[int, int] | None:
    """The span of the words between quotation marks."""
    text = f"He says: <quote>{words}</quote>!"
    (one,) = anchor(text, passage, "verbatim")
    assert text[one.begin : one.end] == words
    return one.span


def quoted(words: str, passage: str = PASSAGE) -> str | None:
    """The passage's own words for what is between quotation marks."""
    span = quote(words, passage)
    return None if span is None else passage[slice(*span)]


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# What verifies.


def test_words_of_the_passage_are_anchored_to_their_characters() -> None:
    assert quote("The partner of the") == (0, 18)
    assert quoted("cost 3.14 credits") == "cost 3.14 credits"


@pytest.mark.parametrize(
    ("words", "own"),
    [
        ('"It\'s cold," she said', "\u201cIt\u2019s cold,\u201d she said"),
        ("\u2018It's cold,\u2019 she said", None),  # a single mark is not a double one
        ("she said-and", None),  # a hyphen joins words, a dash parts them
        ("she said -- and", None),  # blanks are not typography
        ("she said--and", "she said\u2014and"),
        ("and the river was wide.", "and the river\nwas wide."),
        ("  and\tthe\u00a0river \n was wide. ", "and the river\nwas wide."),
        ("credits \u2026 or so", "credits ... or so"),
        ("Cafe\u0301s closed", "Caf\u00e9s closed"),
        ("well\u2011known captain", "well-known captain"),
        ("the captain can't swim", None),
        ("THE PARTNER OF", None),
    ],
)
def test_typography_and_white_space_are_overlooked_and_nothing_else(
    words: str, own: str | None
) -> None:
    assert quoted(words) == own


@pytest.mark.parametrize(
    ("words", "passage"),
    [
        ("the art of", "the part of it"),
        ("of the part", "of the partner"),
        ("the captain can", "the captain can't swim"),
        ("the dog is human", "the dog is human-like"),
        ("human rights", "non-human rights"),
        ("it cost 3", "it cost 3.14"),
        ("14 credits", "3.14 credits"),
        ("000 credits", "1,000 credits"),
        ("from 1990", "from 1990\u20131995"),
        ("the resume", "the resume\u0301"),
        ("and then.", "and then... no"),
        ("he wrote x_", "he wrote x_1"),
    ],
)
def test_a_quotation_never_begins_or_ends_inside_a_token(words: str, passage: str) -> None:
    assert quote(words, passage) is None
    assert quoted(words, f"{passage}; {words}") == words


@pytest.mark.parametrize(
    "words",
    [
        "",
        " ",
        "\n",
        "...",
        "\u2026",
        "--------",
        ". . . . . .",
        "........",
        "!?!?!?!?",
        "\u201c\u201d" * 4,
    ],
)
def test_quotations_without_words_are_not_verified_even_where_the_passage_has_them(
    words: str,
) -> None:
    assert quote(words, f"So {words} it {words} goes {words}") is None


def test_a_quotation_shorter_than_the_minimum_is_not_verified() -> None:
    passage = "one two three"
    assert len("one two") < MIN_QUOTE
    assert quote("one two", passage) is None
    assert quote("  one   two  ", passage) is None  # white space does not lengthen it
    assert quoted("two three", passage) == "two three"


def test_an_ellipsis_never_stands_for_words_left_out() -> None:
    assert quote("The partner ... can't swim") is None
    assert quoted("3.14 credits ... or so.") is not None


def test_the_first_of_several_places_is_the_anchor() -> None:
    assert quoted("river was wide.") == "river\nwas wide."
    assert quote("river was wide.") == (PASSAGE.index("river"), PASSAGE.index("wide.") + 5)
    assert quote("The river was wide") == (PASSAGE.index("The river"), PASSAGE.index(". Caf"))


def test_a_place_far_into_a_long_passage_is_found() -> None:
    passage = "word " * 20_000 + "the last of them"
    assert quote("the last of them", passage) == (100_000, len(passage))


def test_scripts_without_spaces_are_quoted_character_by_character() -> None:
    passage = (
        "\u6c34\u306f\u51b7\u305f\u304b\u3063\u305f\u3068\u5f7c\u5973\u306f\u8a00\u3063\u305f\u3002"
    )
    assert quote(passage[2:11], passage) == (2, 11)


# What is a quotation.


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<quote>a", []),
        ("a</quote>", []),
        ("</quote>a<quote>", []),
        ("<quote>a<quote>b</quote>c</quote>", ["b"]),
        ("<quote>a</quote>b</quote>", ["a"]),
        ("<quote>a<quote>b</quote><quote>c</quote>", ["b", "c"]),
        ("<quote></quote>", [""]),
        ("<QUOTE>a</QUOTE> <quote >a</quote > &lt;quote&gt;a&lt;/quote&gt;", []),
        ("<quote>a\nb</quote>", ["a\nb"]),
    ],
)
def test_a_mark_counts_only_if_the_next_mark_closes_it(text: str, found: list[str]) -> None:
    assert [text[q.begin : q.end] for q in anchor(text, PASSAGE, "verbatim")] == found


def test_the_style_says_what_is_a_quotation() -> None:
    text = "<quote>The partner of</quote> and [1]"
    assert anchor(text, PASSAGE, "none") == ()
    assert [q.span for q in anchor(text, PASSAGE, "verbatim")] == [(0, 14)]
    assert [q.span for q in anchor(text, PASSAGE, "lines")] == [(0, 49)]
    assert [q.span for q in anchor(text, PASSAGE, "both")] == [(0, 14), (0, 49)]


def test_brackets_inside_a_quotation_are_the_passages_words() -> None:
    text = "[1] <quote>as shown [1] above</quote> [1] <quote>[1] open"
    passage = "as shown [1] above"
    found = anchor(text, passage, "both")
    assert [text[q.begin : q.end] for q in found] == ["[1]", "as shown [1] above", "[1]", "[1]"]
    assert all(q.span == (0, len(passage)) for q in found)


def test_without_a_passage_nothing_is_verified() -> None:
    found = anchor("<quote>The partner of</quote> [1]", None, "both")
    assert [q.span for q in found] == [None, None]


# Citations.


def test_lines_agree_with_split() -> None:
    assert lines("") == ((0, 0),)
    assert lines("a\n") == ((0, 1), (2, 2))
    assert lines("ab\r\n\ncd") == ((0, 3), (4, 4), (5, 7))


@given(st.text("ab\n\r\x0b\u2028 "))
def test_every_line_is_what_split_gives(passage: str) -> None:
    assert [passage[b:e] for b, e in lines(passage)] == passage.split("\n")


@pytest.mark.parametrize(
    ("cited", "own"),
    [
        ("[1]", "The partner of the well-known captain can't swim."),
        ("[4-5]", PASSAGE[PASSAGE.index("was wide") :]),
        ("[4\u20135]", PASSAGE[PASSAGE.index("was wide") :]),
        ("[1-1]", "The partner of the well-known captain can't swim."),
        ("[1-5]", PASSAGE),
        ("[01]", "The partner of the well-known captain can't swim."),
        ("[0]", None),
        ("[0-2]", None),
        ("[6]", None),
        ("[4-6]", None),
        ("[5-4]", None),
        ("[2]", None),  # a blank line has nothing to quote
        ("[" + "9" * 5000 + "]", None),
        ("[1-" + "9" * 5000 + "]", None),
        ("[" + "0" * 5000 + "1]", None),
    ],
)
def test_a_citation_is_the_lines_of_the_passage_or_nothing(cited: str, own: str | None) -> None:
    (one,) = anchor(f"See {cited}.", PASSAGE, "lines")
    assert (one.begin, one.end) == (4, 4 + len(cited))
    assert (None if one.span is None else PASSAGE[slice(*one.span)]) == own


@pytest.mark.parametrize(
    "text",
    ["[\u0663]", "[\u00b2]", "[\uff11]", "[]", "[-1]", "[1-]", "[1,2]", "[a]", "(1)", "[ 1 ]"],
)
def test_other_brackets_are_not_citations(text: str) -> None:
    assert anchor(text, PASSAGE, "both") == ()


# Costs.


def test_quoting_again_is_free_and_overlaps_cost_once() -> None:
    first = (Quote(0, 1, (0, 20)), Quote(2, 3, (10, 30)))
    assert new_characters(first, ()) == 30
    assert new_characters(first, [(0, 30)]) == 0
    assert new_characters((Quote(0, 9, (25, 35)),), [(0, 20), (10, 30)]) == 5


def test_an_invented_quotation_costs_its_own_length_every_time() -> None:
    text = "<quote>no such words</quote> <quote>no such words</quote> [99]"
    assert new_characters(anchor(text, PASSAGE, "both"), [(0, len(PASSAGE))]) == 13 + 13 + 4


def test_a_span_must_not_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match=r"got \[3, 1\)"):
        merge([(3, 1)])


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)).map(lambda s: (s[0], sum(s))))


def characters(spans: object) -> set[int]:
    assert isinstance(spans, (list, tuple))
    return {i for start, stop in spans for i in range(start, stop)}


@given(SPANS, st.randoms())
def test_merged_spans_are_the_same_characters_sorted_and_apart(
    spans: list[tuple[int, int]], order: object
) -> None:
    merged = merge(spans)
    assert characters(merged) == characters(spans)
    assert all(a[1] < b[0] for a, b in pairwise(merged))
    assert all(start < stop for start, stop in merged)
    assert merge(merged) == merged == merge(reversed(spans))


@given(SPANS, SPANS)
def test_new_characters_are_those_that_were_not_covered(
    spans: list[tuple[int, int]], covered: list[tuple[int, int]]
) -> None:
    quotes = [Quote(0, 0, span) for span in spans]
    assert new_characters(quotes, covered) == len(characters(spans) - characters(covered))
    assert new_characters(quotes, [*covered, *spans]) == 0


# What a reader sees.


def test_a_reader_sees_the_passages_own_words() -> None:
    text = 'It said <quote>"It\'s cold," she</quote> and <quote>it was warm</quote> [5]'
    found = anchor(text, PASSAGE, "both")
    assert [(text[b:e], own) for b, e, own in shown(text, found, PASSAGE)] == [
        ('"It\'s cold," she', "\u201cIt\u2019s cold,\u201d she"),
        ("it was warm", None),
        ("[5]", "The river was wide. Caf\u00e9s closed."),
    ]
    assert shown(text, reversed(found), PASSAGE) == shown(text, found, PASSAGE)


@pytest.mark.parametrize(
    ("one", "passage"),
    [
        (Quote(0, 6), "abc"),
        (Quote(3, 2), "abc"),
        (Quote(0, 1, (0, 4)), "abc"),
        (Quote(0, 1, (2, 1)), "abc"),
        (Quote(0, 1, (0, 1)), None),
    ],
)
def test_a_quotation_of_another_text_or_passage_is_an_error(
    one: Quote, passage: str | None
) -> None:
    with pytest.raises(ValueError, match="is not in a"):
        shown("abcde", [one], passage)


# Properties.

WORDS = [
    "partner",
    "art",
    "part",
    "can",
    "can't",
    "3",
    "3.14",
    "_",
    "<",
    "[1]",
    "e\u0301",
    "\u00e9",
]
SIGNS = [".", ",", "...", "\u2026", "\u2019", "'", '"', "\u201c", "-", "--", "\u2014", "\u2013"]
OTHER = [" ", "\n", "\u00a0", "\u0301", "\u6c34", "\u1100", "\u1161", "\u00ad"]
PIECES = st.lists(st.sampled_from([*WORDS, *SIGNS, *OTHER]), max_size=40).map("".join)
TEXT = PIECES | st.text()


@given(TEXT)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(TEXT)
def test_composed_and_decomposed_text_are_the_same_words(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert normalise(composed) == normalise(decomposed) == normalise(text)


@given(TEXT, TEXT)
@example("3.14 3.14 3.14", "14 3.14 3")
def test_a_verified_quotation_is_the_passages_words_between_token_boundaries(
    passage: str, words: str
) -> None:
    span = None if "quote>" in words else quote(words, passage)
    if span is None:
        return
    start, stop = span
    own = passage[start:stop]
    assert own == own.strip()
    assert normalise(own) == normalise(words)
    assert len(normalise(own)) >= MIN_QUOTE
    for cut in (start, stop):
        sides = passage[max(0, cut - 1) : cut + 1]
        assert cut in (0, len(passage)) or not (sides.isascii() and sides.isalnum())


@given(TEXT, st.data())
def test_every_long_enough_run_of_words_can_be_quoted(passage: str, data: st.DataObject) -> None:
    words = passage.split()
    i = data.draw(st.integers(0, len(words)))
    j = data.draw(st.integers(i, len(words)))
    words = words[i:j]
    blank = data.draw(st.sampled_from([" ", "\n", "\u00a0\t"]))
    run = blank.join(words).replace("'", "\u2019").replace("\u201c", '"')
    if "quote>" in run:
        return
    found = quoted(run, passage)
    enough = len(normalise(run)) >= MIN_QUOTE and any(c.isalnum() for c in normalise(run))
    assert (found is not None) == enough
    assert found is None or normalise(found) == normalise(run)


@given(st.lists(st.sampled_from("ab"), max_size=12), st.lists(st.sampled_from("ab"), max_size=6))
def test_the_anchor_is_the_first_place_by_exhaustive_search(
    passage: list[str], words: list[str]
) -> None:
    names = {"a": "ab", "b": "abab"}
    text, run = (" ".join(names[word] for word in part) for part in (passage, words))
    places = [i for i in range(len(passage)) if passage[i : i + len(words)] == words]
    if len(run) < MIN_QUOTE or not places:
        assert quote(run, text) is None
    else:
        start = len("".join(names[word] + " " for word in passage[: places[0]]))
        assert quote(run, text) == (start, start + len(run))


MARKED = st.lists(
    PIECES | st.sampled_from(["<quote>", "</quote>", "[1]", "[1-2]", "[0]", "the river was"]),
    max_size=12,
).map("".join)


@given(MARKED, TEXT, st.sampled_from(["none", "verbatim", "lines", "both"]))
def test_quotations_are_in_order_apart_and_inside_text_and_passage(
    text: str, passage: str, style: str
) -> None:
    found = anchor(text, passage, style)  # type: ignore[arg-type]
    assert all(a.end <= b.begin for a, b in pairwise(found))
    assert len(shown(text, found, passage)) == len(found)
    assert new_characters(found, ()) >= 0
    unseen = anchor(text, None, style)  # type: ignore[arg-type]
    assert [(q.begin, q.end) for q in unseen] == [(q.begin, q.end) for q in found]


# Speed: limits are an order of magnitude above what is measured.


@pytest.mark.parametrize(
    "text",
    [
        "<quote>" * 14_000,
        "</quote>" * 12_000,
        "<quote></quote>" * 6_500,
        "<quote>" + "no such words " * 7_000 + "</quote>",
        "[" * 100_000,
        "[1-" * 33_000,
        "[" + "1" * 100_000,
        "[1-5]" * 20_000,
        "<quote>" + "'" * 100_000 + "</quote>",
        "<quote>" + "a'" * 50_000 + "</quote>",
        "<quote>" + "\u0301" * 100_000 + "</quote>",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_takes_no_time(text: str) -> None:
    assert seconds(lambda: anchor(text, PASSAGE, "both")) < 2


def test_repetitive_passages_take_no_time() -> None:
    passage = "ab " * 10_000 + "abc"
    text = "".join(f"<quote>{'ab ' * n}abd</quote>" for n in range(3_000, 3_010))
    assert seconds(lambda: anchor(text, passage, "both")) < 2


def test_ten_quotations_of_a_long_passage_take_no_time() -> None:
    passage = " ".join(f"word{i}, and" for i in range(2_500))
    text = "".join(f"<quote>word{i}, and word{i + 1}</quote>" for i in range(2_000, 2_010))
    assert all(q.span for q in anchor(text, passage, "both"))
    assert seconds(lambda: anchor(text, passage, "both")) < 0.5
