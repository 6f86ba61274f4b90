"""Turns and their tree: content ids, what may hang where, and the same tree in any order."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.ids import canonical, content_id, derive_seed
from arena.questions import Item, Question
from arena.turns import LEAF_KINDS, Kind, Quote, Speech, Turn, TurnTree, Verdict

ROOT = "n0"
KINDS: tuple[Kind, ...] = ("speech", "answer", "critique", "question", "belief", "verdict")


def turn(parent: str, kind: Kind = "speech", text: str = "x", **more: Any) -> Turn:
    leaf = kind in LEAF_KINDS
    said: Speech | Verdict = Verdict(0, reason=text) if leaf else Speech(text)
    return Turn(parent, 0, "judge" if leaf else "A", kind, "who", said, **more)


@st.composite
def forests(draw: st.DrawFn) -> list[Turn]:
    """Turns below one root, parents first; each replies to some turns on its path."""
    turns: list[Turn] = []
    for i in range(draw(st.integers(0, 25))):
        inner = [t for t in turns if not t.is_leaf]
        parent = draw(st.sampled_from([None, *inner]))
        kind = draw(st.sampled_from(KINDS))
        line, node = [], parent
        while node is not None:
            line.append(node.id)
            node = next((t for t in turns if t.id == node.parent), None)
        replies = () if kind in LEAF_KINDS else tuple(draw(st.sets(st.sampled_from(line or [""]))))
        turns.append(
            turn(
                ROOT if parent is None else parent.id,
                kind,
                f"turn {i}",
                replies_to=tuple(target for target in replies if target),
            )
        )
    return turns


# The tree.


@given(forests(), st.randoms(use_true_random=False))
def test_any_order_of_insertion_gives_the_same_tree(turns: list[Turn], noise: Any) -> None:
    mixed = noise.sample(turns, len(turns))
    tree, other = TurnTree(ROOT, turns), TurnTree(ROOT, mixed)
    assert len(tree) == len(other) == len(turns)
    assert {t.id for t in tree} == {t.id for t in other} == {t.id for t in turns}
    assert set(tree.graph.edges(keys=True)) == set(other.graph.edges(keys=True))
    for one in (ROOT, *(t.id for t in turns)):
        assert {t.id for t in tree.children(one)} == {t.id for t in other.children(one)}
        if one != ROOT:
            assert tree.path(one) == other.path(one)
            assert tree[one] == other[one]


@given(forests())
def test_children_paths_and_replies_are_what_the_turns_say(turns: list[Turn]) -> None:
    tree = TurnTree(ROOT, turns)
    by_id = {t.id: t for t in turns}
    assert tree.path(ROOT) == ()
    for one in (ROOT, *by_id):
        assert tree.children(one) == [t for t in turns if t.parent == one]
        if one != ROOT:
            assert set(tree.answers_to(one)) == {t for t in turns if one in t.replies_to}
    for one in turns:
        line = tree.path(one.id)
        assert line[-1] == one
        assert [t.parent for t in line] == [ROOT, *(t.id for t in line[:-1])]
        assert one.id in tree
        assert not one.is_leaf or tree.children(one.id) == []


@given(forests())
def test_depth_first_is_every_turn_once_with_its_depth_parents_first(turns: list[Turn]) -> None:
    tree = TurnTree(ROOT, turns)
    walked = list(tree.depth_first())
    assert sorted(t.id for _, t in walked) == sorted(t.id for t in turns)
    seen = {ROOT}
    for depth, one in walked:
        assert one.parent in seen
        assert depth == len(tree.path(one.id)) - 1
        seen.add(one.id)
    for one in (ROOT, *(t.id for t in turns)):
        below = [t.id for _, t in walked if t.parent == one]
        assert below == [t.id for t in tree.children(one)]


@given(forests())
def test_adding_a_turn_again_changes_nothing(turns: list[Turn]) -> None:
    tree = TurnTree(ROOT, turns)
    edges = set(tree.graph.edges(keys=True))
    for one in turns:
        tree.add(one)
    assert len(tree) == len(turns)
    assert list(tree) == list(TurnTree(ROOT, turns))
    assert set(tree.graph.edges(keys=True)) == edges
    assert tree.graph.number_of_edges() == len(edges)


@pytest.mark.parametrize("kind", sorted(LEAF_KINDS))
def test_a_leaf_can_have_no_children(kind: Kind) -> None:
    leaf = turn(ROOT, kind)
    below = turn(leaf.id)
    with pytest.raises(ValueError, match=f"a {kind} is a leaf"):
        TurnTree(ROOT, [leaf, below])
    tree = TurnTree(ROOT, [leaf])
    with pytest.raises(ValueError, match=f"a {kind} is a leaf"):
        tree.add(below)
    assert len(tree) == 1


def test_a_turn_with_an_unknown_parent_is_refused() -> None:
    first, lost = turn(ROOT), turn("t-unknown", text="lost")
    lower = turn(lost.id, text="lower")
    with pytest.raises(ValueError, match="not below root n0.*" + min(lost.id, lower.id)):
        TurnTree(ROOT, [lower, first, lost])
    tree = TurnTree(ROOT, [first])
    with pytest.raises(ValueError, match="unknown parent t-unknown"):
        tree.add(lost)
    with pytest.raises(KeyError):
        tree.path(lost.id)
    with pytest.raises(KeyError):
        tree["t-unknown"]


def test_a_reply_to_a_turn_that_the_tree_does_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="replies to t-unknown"):
        TurnTree(ROOT, [turn(ROOT, replies_to=("t-unknown",))])


def test_a_deep_tree_needs_no_deep_stack() -> None:
    turns, node = [], ROOT
    for i in range(3000):
        turns.append(turn(node, text=str(i)))
        node = turns[-1].id
    random.Random(0).shuffle(turns)
    tree = TurnTree(ROOT, turns)
    assert len(tree.path(node)) == 3000
    assert max(depth for depth, _ in tree.depth_first()) == 2999


# Turns, speeches and verdicts.


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_holds_a_verdict_exactly_where_it_is_a_leaf(kind: Kind) -> None:
    good, bad = (Verdict(0), Speech("x")) if kind in LEAF_KINDS else (Speech("x"), Verdict(0))
    one = Turn(ROOT, 0, "A", kind, "who", good)
    assert one.is_leaf == (kind in LEAF_KINDS)
    with pytest.raises(ValueError, match=f"a {kind} turn cannot hold a {type(bad).__name__}"):
        Turn(ROOT, 0, "A", kind, "who", bad)
    held, other = ("verdict", "speech") if one.is_leaf else ("speech", "verdict")
    assert getattr(one, held) is good
    with pytest.raises(TypeError, match=f"a {kind} turn holds a {held}"):
        getattr(one, other)


def test_the_id_of_a_turn_covers_what_it_is_and_not_how_it_came_to_be() -> None:
    base = turn(ROOT)
    other = [
        replace(base, parent="n1"), replace(base, place=1), replace(base, seat="B"),
        replace(base, kind="answer"), replace(base, author="you"),
        replace(base, said=Speech("y")), replace(base, sample=1),
    ]  # fmt: skip
    assert len({one.id for one in (base, *other)}) == 8
    same = [
        replace(base, seen="w1"), replace(base, calls=("r1",)), replace(base, at=1.0),
        replace(base, score=0.5), replace(base, origin="fork"), replace(base, replies_to=("t",)),
    ]  # fmt: skip
    assert {one.id for one in same} == {base.id}


def test_a_speech_is_its_content() -> None:
    base = Speech("x")
    other = [
        Speech("y"), Speech("x", thought="t"), Speech("x", quotes=(Quote(0, 1),)),
        Speech("x", quotes=(Quote(0, 1, (0, 1)),)), Speech("x", side=0), Speech("x", side=1),
        Speech("x", stop=True), Speech("x", status="length"),
    ]  # fmt: skip
    assert len({one.id for one in (base, *other)}) == 9
    assert Speech("x").id == base.id
    assert base.id[0] == "s"


def test_a_verdict_is_its_content() -> None:
    base = Verdict(0)
    other = [
        Verdict(1), Verdict(0, (0.5, 0.5)), Verdict(0, None, (-1.0, -2.0)), Verdict(0, reason="r"),
        Verdict(status="tie"), Verdict(0, order=(0, 1)), Verdict(0, mode="live"),
        Verdict(0, stop=True), Verdict(status="unparsed"),
    ]  # fmt: skip
    assert len({one.id for one in (base, *other)}) == 10
    assert base.id[0] == "v"


@pytest.mark.parametrize("status", ["unparsed", "refused", "truncated", "timed out"])
def test_a_verdict_that_was_not_obtained_has_neither_choice_nor_numbers(status: Any) -> None:
    assert Verdict(status=status, reason="why").elicited is None
    for more in ({"choice": 0}, {"elicited": (0.5, 0.5)}, {"choice_logprobs": (-1.0, -1.0)}):
        with pytest.raises(ValueError, match=f"'{status}' carries no choice or number"):
            Verdict(status=status, **more)  # type: ignore[arg-type]


def test_an_ok_verdict_chooses_and_a_tie_does_not() -> None:
    with pytest.raises(ValueError, match="needs a choice"):
        Verdict(elicited=(0.5, 0.5))
    with pytest.raises(ValueError, match="a tie chooses no option"):
        Verdict(0, status="tie")
    with pytest.raises(ValueError, match="index of an option, got -1"):
        Verdict(-1)
    assert Verdict(elicited=(0.5, 0.5), status="tie").choice is None


@pytest.mark.parametrize(
    "numbers", [(), (0.5,), (0.5, 0.6), (-0.1, 1.1), (50, 50), (math.inf, -math.inf)]
)
def test_elicited_probabilities_must_be_probabilities(numbers: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="elicited"):
        Verdict(0, numbers)


@pytest.mark.parametrize("field", ["elicited", "choice_logprobs"])
def test_no_number_of_a_verdict_may_be_nan(field: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|elicited"):
        Verdict(0, **{field: (math.nan, 0.5)})  # type: ignore[arg-type]


# Content ids.

_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(_json)
def test_canonical_json_is_json_and_reads_back(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text
    assert len(content_id("x", value)) == 33


@given(st.dictionaries(st.text(max_size=3), st.integers(), max_size=6), st.randoms())
def test_the_order_of_keys_is_irrelevant_and_that_of_lists_is_not(
    value: dict[str, int], noise: Any
) -> None:
    items = list(value.items())
    noise.shuffle(items)
    assert content_id("x", dict(items)) == content_id("x", value)
    assert (content_id("x", [[1], items]) == content_id("x", [items, [1]])) == (items == [1])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [math.nan], {"a": math.inf}])
def test_a_number_that_is_none_has_no_id(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        content_id("x", value)


def test_ids_are_the_same_on_every_machine() -> None:
    """Known values: an id that changes makes every store unreadable."""
    assert (
        canonical({"b": [1, 0.1, None, True], "a": "é\n"}) == '{"a":"é\\n","b":[1,0.1,null,true]}'
    )
    assert content_id("x", {}) == "x44136fa355b3678a1146ad16f7e8649e"  # the SHA-256 of {}
    assert derive_seed() == int("4f53cda18c2baa0c", 16) >> 1  # the SHA-256 of []
    assert content_id("x", (1, 2)) == content_id("x", [1, 2])


@given(st.lists(st.integers() | st.text(max_size=4), max_size=5))
def test_a_seed_is_a_function_of_its_parts(parts: list[Any]) -> None:
    assert 0 <= derive_seed(*parts) < 2**63
    assert derive_seed(*parts) == derive_seed(*parts) != derive_seed(*parts, 0)


# Questions.


def test_the_id_of_a_question_covers_what_is_asked_and_not_its_group_or_truth() -> None:
    base = Question("q", ("a", "b"), "p", "s", "g")
    other = [
        replace(base, text="r"), replace(base, answers=("b", "a")), replace(base, passage=None),
        replace(base, source="t"),
    ]  # fmt: skip
    assert len({one.id for one in (base, *other)}) == 5
    assert replace(base, group="h").id == base.id
    assert Item(base, 0).question.id == Item(base, 1).question.id
    assert not hasattr(base, "truth")


def test_a_question_needs_two_answers_and_a_truth_among_them() -> None:
    with pytest.raises(ValueError, match="two or more answers, got 1"):
        Question("q", ("a",))
    question = Question("q", ("a", "b"))
    for truth in (-1, 2):
        with pytest.raises(ValueError, match=f"index below 2 or null, got {truth}"):
            Item(question, truth)
