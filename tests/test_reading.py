"""What the reading page is given: numbers for turns, quotations in order, and nothing hidden."""

import json
import random
import time
from dataclasses import replace
from typing import Any

import pytest
import stage
from parts_debate import HOSTILE, LINES, PASSAGE, WORDS, branched, debated, seen_by_judge

from arena.budget import quote_budget
from arena.desk import chairs
from arena.match import Match, Shown, Transcript, view
from arena.near import NEAR, near
from arena.protocols import BUILT_IN, Limits, Slot, debate, expert
from arena.quotes import anchor
from arena.text import visible
from ui import quoting, reading


def words_of(span: tuple[int, int] | None, passage: str = PASSAGE) -> str | None:
    return None if span is None else passage[slice(*span)]


# Altered quotations.

CRATES = "Twelve crates were loaded in the morning"
KEEPER = "The keeper was not at the lighthouse when the crates were unloaded"


@pytest.mark.parametrize(
    ("quoted", "instead"),
    [
        ("The keeper was at the lighthouse when the crates were unloaded", KEEPER),  # "not" dropped
        ("The keeper was never at the lighthouse when the crates were unloaded", KEEPER),
        ("Twelve crates were not loaded in the morning", CRATES),
        ("TWELVE CRATES, were loaded - in the morning!", CRATES),
        ("twelve crates were\nloaded", "Twelve crates were loaded"),
        ("each marked with a sign of the mill", "each marked with the sign of the mill"),
        ("The ferry left before the storms broke", "The ferry left before the storm broke"),
        ("Twelve crates were loaded ... marked with the sign of the mill",
         "Twelve crates were loaded in the morning, each marked with the sign of the mill"),
        ("nobody saw the miller [\u2026] stays with those",
         "nobody saw the miller on the quay.\nCANARY-PASSAGE stays with those"),
    ],
)  # fmt: skip
def test_a_close_quotation_is_altered_and_shows_what_it_alters(quoted: str, instead: str) -> None:
    (quote,) = anchor(f"<quote>{quoted}</quote>", PASSAGE, "verbatim")
    assert quote.span is None  # never verified
    assert words_of(near(quoted, PASSAGE)) == instead


@pytest.mark.parametrize(
    "quoted",
    [
        "the miller took the silver",
        "the sign of the mill were loaded in the lighthouse",
        "marked with the sign of the mill ... Twelve crates were loaded",  # not in this order
        "Twelve crates were loaded ... and thrown into the sea",
        "in the", "not", "", "...", "\u2026 \u2026", "12",
    ],
)  # fmt: skip
def test_what_is_close_to_nothing_is_not_altered(quoted: str) -> None:
    assert near(quoted, PASSAGE) is None
    assert near(quoted, "") is None and near("Some words of it", " \n ") is None


def test_a_quarter_of_the_letters_may_differ_and_not_more() -> None:
    passage = "aaaa bbbb cccc dddd eeee ffff gggg hhhh"
    assert NEAR == 4
    assert words_of(near("aaaa bbbb cccc xxxx eeee ffff yyyy hhhh", passage), passage) == passage
    assert near("aaaa bbbb cccc xxxx eeee ffff yyyy hhhx", passage) is None
    assert near("aaaa bbbb cccc dddd eeee xxxxxx", passage) is not None  # 6 of 26
    assert near("aaaa bbbb cccc dddd eeee xxxxxxx", passage) is None  # 7 of 27


def slow_near(quoted: str, passage: str) -> int | None:
    """The distance by the plain recurrence, as an oracle; None if it is more than a quarter."""
    q, p = quoted.split(), passage.split()
    row = [0] * (len(p) + 1)
    for word in q:
        new = [row[0] + len(word)]
        for j, other in enumerate(p):
            swap = 0 if word == other else max(len(word), len(other))
            new.append(min(row[j] + swap, row[j + 1] + len(word), new[j] + len(other)))
        row = new
    size = sum(map(len, q))
    return min(row) if min(row) <= size // 4 and size >= 8 else None


def test_the_fast_search_finds_what_the_plain_recurrence_finds() -> None:
    rng = random.Random(7)
    found = 0
    for _ in range(400):
        passage = " ".join(rng.choices(WORDS.split(), k=rng.randrange(1, 120)))
        words = passage.split()
        at = rng.randrange(len(words))
        quoted = words[at : at + rng.randrange(2, 20)]
        for _ in range(rng.randrange(5)):
            i = rng.randrange(len(quoted) + 1)
            quoted[i : i + rng.randrange(2)] = rng.choices([*WORDS.split(), "else"], k=1)
        text = " ".join(quoted)
        span, best = near(text, passage), slow_near(text, passage)
        assert (span is None) == (best is None), (text, passage)
        if span is not None:
            found += 1
            assert slow_near(text, passage[slice(*span)]) == best
    assert 100 < found < 400


def test_random_words_of_the_passage_are_not_altered_quotations() -> None:
    """The rate of false alarms, on words that are all common in the passage: the worst case."""
    rng = random.Random(3)
    words = "the of and to in a was he it that his had with as for on at by not but"
    common = words.split()
    rare = [f"word{i}" for i in range(400)]
    alarms = 0
    passage = " ".join(rng.choices(common + rare, [20] * 20 + [1] * 400, k=5000))
    for _ in range(500):
        size = rng.randrange(6, 25)
        quoted = " ".join(rng.choices(common + rare, [20] * 20 + [1] * 400, k=size))
        alarms += near(quoted, passage) is not None
    assert alarms <= 1


def test_forty_turns_with_three_invented_quotations_each_are_compared_once() -> None:
    match, said = debated(20, 1500)
    seen = seen_by_judge(match, said)
    first = reading.page(match, seen, said)
    fastest = min(_seconds(lambda: reading.page(match, seen, said)) for _ in range(5))
    assert first == reading.page(match, seen, said) and fastest < 0.25  # 20 ms when nothing else


def _seconds(act: Any) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


# The page.


def test_turns_have_numbers_in_reading_order_and_quotations_a_kind() -> None:
    match, said = debated(2, 0)
    data = reading.page(match, seen_by_judge(match, said), said, "trial", "judge: Ada")
    turns = [turn for one in data["rounds"] for turn in one["turns"]]
    assert [turn["number"] for turn in turns] == [0, 1, 2, 3]
    kinds = [[kind for kind, _ in turn["parts"] if kind != "text"] for turn in turns]
    assert kinds == [["verified", "cited"], ["unverified"], ["altered", "verified"],
                     ["verified", "unknown"]]  # fmt: skip
    assert [len(turn["contexts"]) for turn in turns] == [2, 1, 2, 2]
    assert turns[1]["parts"][-1] == ["text", f". {visible(HOSTILE)}"]


def test_the_signature_changes_with_what_is_shown_and_with_nothing_else() -> None:
    match, said = debated(2, 0)
    one = reading.page(match, seen_by_judge(match, said), said)
    assert one["sig"] == reading.page(match, seen_by_judge(match, said), said)["sig"]
    others = [
        reading.page(match, seen_by_judge(match, said[:2]), said[:2]),
        reading.page(match, seen_by_judge(match, said), said, "trial"),
        reading.page(match, seen_by_judge(match, said, reads=True), said),
    ]
    assert len({one["sig"], *(other["sig"] for other in others)}) == 4


def texts(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def test_a_judge_who_may_not_read_the_passage_is_told_quoted_words_alone() -> None:
    match, said = debated(2, 0)
    seen = seen_by_judge(match, said)
    everything = [reading.page(match, seen, said), reading.quotes_in_order(match, seen, said),
                  reading.tree(match, seen, said)]  # fmt: skip
    for hidden in ("CANARY", "those who may read", "not at the lighthouse", "at night"):
        assert hidden not in texts(everything) and hidden in PASSAGE
    for turn in said:
        assert turn.id not in texts(everything)
    assert match.id not in texts(everything) and match.question.id not in texts(everything)
    reads = seen_by_judge(match, said, reads=True)
    assert "not at the lighthouse" in texts(reading.quotes_in_order(match, reads, said))


def test_what_was_not_revealed_is_nowhere() -> None:
    match, said = debated(2, 0)
    seen = seen_by_judge(match, said[:2])
    for data in (
        reading.page(match, seen, said[:2]),
        reading.tree(match, seen, said),  # the whole transcript, and still only what is shown
        reading.quotes_in_order(match, seen, said[:2]),
    ):
        assert "He is wrong" not in texts(data) and "each marked" not in texts(data)
        assert '"number": 2' not in texts(data)


def test_a_context_shows_the_passage_or_what_was_quoted_around() -> None:
    known = ((4, 9), (20, 30), (40, 45))
    passage = "".join(chr(97 + i % 26) for i in range(60))
    text = f"<quote>{passage[22:28]}</quote>"
    one = Shown(7, 13, passage[22:28], (22, 28))
    told = quoting.context(text, one, passage, False, known)
    assert told == {
        "whole": False,
        "pieces": [["gap", ""], ["text", passage[4:9]], ["gap", ""], ["text", passage[20:22]],
                   ["quoted", passage[22:28]], ["text", passage[28:30]], ["gap", ""],
                   ["text", passage[40:45]], ["gap", ""]],
    }  # fmt: skip
    assert quoting.context(text, one, passage, False, ((22, 28),)) is None
    assert quoting.context(text, Shown(7, 13, None), passage, False, known) is None
    whole = quoting.context(text, one, passage, True, known)
    assert whole is not None and "".join(said for _, said in whole["pieces"]) == passage
    far = "word " * 400
    cut = quoting.context("x" * 20, Shown(0, 20, far[1000:1020], (1000, 1020)), far, True, ())
    assert cut is not None
    assert [kind for kind, _ in cut["pieces"]] == ["gap", "text", "quoted", "text", "gap"]
    assert cut["pieces"][1][1].startswith("word ") and len(texts(cut)) < 700


# All quotations.


def test_all_quotations_stand_in_the_order_of_the_passage() -> None:
    match, said = debated(2, 0)
    data = reading.quotes_in_order(match, seen_by_judge(match, said, reads=True), said)
    told = [(one["kind"], one["words"], [t["number"] for t in one["turns"]])
            for one in data["entries"]]  # fmt: skip
    assert told == [
        ("verified", PASSAGE.split("\n")[0], [0, 3]),
        ("verified", "Twelve crates were loaded in the morning", [0]),
        ("verified", "each marked with the sign of the mill", [2]),
        ("altered", "The keeper was at the lighthouse when the crates were unloaded", [2]),
    ]
    assert data["entries"][3]["says"] == KEEPER
    assert [(one["kind"], one["words"]) for one in data["apart"]] == [
        ("unverified", "the miller took the silver"), ("unknown", "[40]")
    ]  # fmt: skip


@pytest.mark.parametrize("simultaneous", [True, False])
def test_the_budget_is_the_referees(simultaneous: bool) -> None:
    match, said = debated(2, 0)
    rules = debate(2, simultaneous, Limits(300, 4000, 2000))
    for total in (None, 900):
        match = replace(match, protocol=replace(rules, quoted_total=total))
        for shown in (2, 4):
            seen = seen_by_judge(match, said[:shown])
            data = reading.quotes_in_order(match, seen, said[:shown])
            for told in data["budget"]:
                used = quote_budget(match.protocol, said[:shown], told["tone"], 9)[1]
                assert (told["used"], told["total"], told["each"]) == (used, total, 2000)
            assert [told["who"] for told in data["budget"]] == ["Debater A", "Debater B"]
    silent = replace(match, protocol=replace(rules, quotes="none"))
    assert reading.quotes_in_order(silent, seen_by_judge(silent, said), said)["budget"] == []


# Trees, lines, and the passage to pick from.


def test_a_turn_hangs_below_the_one_that_it_answers() -> None:
    match, said = debated(2, 0)
    data = reading.tree(match, seen_by_judge(match, said), said, done={0}, unread={3})
    nodes = data["nodes"]
    assert [(n["number"], n["parent"], n["side"], n["done"], n["unread"]) for n in nodes] == [
        (0, None, "A", True, False), (1, None, "B", False, False),
        (2, 1, "A", False, False), (3, 0, "B", False, True),
    ]  # fmt: skip
    both = replace(said[2], replies_to=(said[0].id, said[1].id))
    nodes = reading.tree(match, seen_by_judge(match, said), (*said[:2], both, said[3]))["nodes"]
    assert (nodes[2]["parent"], nodes[2]["also"]) == (1, [0])
    assert nodes[2]["label"] == "Turn 3, Debater A, answers turn 1 and 2"


def test_numbers_follow_the_order_in_which_this_person_reads() -> None:
    match, said = debated(2, 0)
    slot = Slot("judge", "verdict")
    seen = view(match, said, slot, order=(1, 0))  # B is listed first
    data = reading.tree(match, seen, said)
    assert [node["side"] for node in data["nodes"]] == ["B", "A", "B", "A"]
    assert [node["parent"] for node in data["nodes"]] == [None, None, 1, 0]
    page = reading.page(match, seen, said)
    assert [turn["tone"] for one in page["rounds"] for turn in one["turns"]] == ["B", "A", "B", "A"]


def test_branches_hang_below_the_turn_that_they_were_said_after() -> None:
    data, ids = branched()
    assert isinstance(data["nodes"], list)
    fork = next(node for node in data["nodes"] if node["dim"])
    assert fork["label"].endswith("on another branch, a <b>fork</b>")
    assert len(ids) == len(data["nodes"]) == 7
    assert sum(node["parent"] == fork["parent"] for node in data["nodes"]) == 3


def test_belief_lines_have_a_point_for_each_tick() -> None:
    data = reading.beliefs("P(A)", ["start", "1"], [("Ada\u202e", [50.0, None])])
    assert data["lines"] == [{"name": "Ada⟦U+202E⟧", "points": [50.0, None]}]
    with pytest.raises(ValueError, match="one point for each of the 2 ticks"):
        reading.beliefs("P(A)", ["start", "1"], [("Ada", [50.0])])


def test_picked_words_are_the_passages_even_where_hidden_characters_are_shown() -> None:
    match = debated(2, 0)[0]
    seen = view(match, (), Slot("A", "speech"), 0)
    passage = "The soft\u00adened \u200bferry  left.\nTwelve crates"
    data = reading.picker(replace(seen, passage=passage))
    assert data["lines"][0][1] == ["soft⟦U+00AD⟧ened", "soft\u00adened"]
    assert data["lines"][1] == [["Twelve"], ["crates"]]
    for line in data["lines"]:
        picked = " ".join(word[-1] for word in line)
        (quote,) = anchor(f"<quote>{picked}</quote>", passage, "verbatim")
        assert quote.span is not None
    with pytest.raises(ValueError, match="may not read"):
        reading.picker(replace(seen, passage=None))


def test_a_span_is_for_pages_alone() -> None:
    match, said = debated(2, 0)
    seen = seen_by_judge(match, said)
    spans = [one.span for turn in seen.turns for one in turn.quotes]
    assert sum(span is not None for span in spans) == 4
    without = tuple(
        replace(turn, quotes=tuple(replace(one, span=None) for one in turn.quotes))
        for turn in seen.turns
    )
    assert replace(seen, turns=without).digest == seen.digest


def long_debate(size: int) -> tuple[Match, Transcript]:
    match, said = debated(2, 0)
    return match, (
        replace(said[0], said=replace(said[0].speech, text=LINES[0] + "x" * size)),
        *said[1:],
    )


def test_a_long_turn_is_sent_whole() -> None:
    match, said = long_debate(50_000)
    data = reading.page(match, seen_by_judge(match, said[:2]), said[:2])
    assert len(texts(data["rounds"][0]["turns"][0])) > 50_000


# What a judge is told of the rules, and given to read.


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_protocol_has_its_rules_in_a_sentence(name: str) -> None:
    protocol = BUILT_IN[name]
    sides = tuple(zip(protocol.speakers, (0, 1), strict=False))
    one = Match(stage.question(0), protocol, sides)
    assert reading.rules(one).endswith(".") and len(reading.rules(one)) < 260
    assert ("cannot see" in reading.rules(one)) == bool(protocol.speakers)


def test_an_expert_reads_the_passage() -> None:
    one = Match(stage.question(0), expert())
    seen = chairs.page_view(one, (), "a0")
    assert reading.page(one, seen, ())["passage"] == stage.PASSAGE
