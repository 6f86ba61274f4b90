"""Growth: play, many times over at every turn; nothing is asked twice and nothing else is shown."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from players import (
    PROTOCOLS,
    QUESTION,
    SHORT,
    Counting,
    Scripted,
    Talker,
    cast_of,
    finish,
    make_match,
)

from arena import credit, grow, pool
from arena.grow import Grown, Spoken, read_leaves
from arena.match import Chosen, Match, Transcript, View, participant_id
from arena.play import path, play, read
from arena.protocols import (
    JUDGE,
    Protocol,
    Round,
    Seat,
    Slot,
    consultancy,
    critique,
    cross_critique,
    debate,
)
from arena.turns import Speech, Turn, TurnTree, Verdict

SPEAKING = {name: one for name, one in PROTOCOLS.items() if one.speakers}


def grown_by(match: Match, cast: Any = None, *arguments: Any, engine: Any = None) -> Grown:
    """The match grown; with talkers in every seat by default."""
    return finish(grow.grow(match, cast or cast_of(match), *arguments), engine)


def says(number: Callable[[View], object]) -> Scripted:
    """An agent whose words are a function of its view, and that takes the first answer if free."""
    return Scripted(lambda view: Speech(f"word {number(view)}", side=0))


# Against play.


@pytest.mark.parametrize("name", SPEAKING)
def test_a_tree_of_width_one_is_the_match_as_it_is_played(name: str) -> None:
    match = make_match(SPEAKING[name])
    recorded: list[Turn] = []
    played = finish(play(match, cast_of(match), (), recorded.append))
    one = grown_by(match, None, (1,), 3)
    assert one.paths == (played,)
    assert one.turns == tuple(recorded)
    assert [turn.calls for turn in one.turns] == [turn.calls for turn in recorded]
    assert any(turn.calls for turn in one.turns)
    assert [turn.replies_to for turn in one.turns] == [turn.replies_to for turn in recorded]


@pytest.mark.parametrize("name", SPEAKING)
def test_every_path_of_a_tree_could_have_been_played(name: str) -> None:
    """A path is what play gives for the speeches on it: rules, order, sides and stops hold."""
    match = make_match(SPEAKING[name])
    tree = grown_by(match, None, (2, 2), 2, 4)
    assert len(tree.paths) > 1
    for transcript in tree.paths:
        said = {(t.place, t.seat, t.kind): t.said for t in transcript}

        def again(view: View, said: Any = said) -> Any:
            kind = view.slot.kind
            found = said.get((view.place, view.seat, kind))
            return found or said[view.place, view.seat, "verdict"]

        cast = {seat: Scripted(again, again) for seat, _ in match.seats}
        replayed = finish(play(match, cast))
        assert [(t.place, t.seat, t.kind, t.said, t.seen) for t in replayed] == [
            (t.place, t.seat, t.kind, t.said, t.seen) for t in transcript
        ]


@pytest.mark.parametrize("name", SPEAKING)
def test_a_reader_of_the_tree_leaves_what_it_would_leave_on_each_path(name: str) -> None:
    match = make_match(SPEAKING[name])
    tree, judge = grown_by(match, None, (2, 1), 2), Talker("reader")
    leaves = finish(read_leaves(tree, judge, participant_id(judge), (1, 0)))
    words = [tuple(t.said.id for t in path(one)) for one in tree.paths]
    assert len(set(words)) == len(words), "this test is about paths that differ"
    alone = [finish(read(match, judge, one, participant_id(judge), (1, 0))) for one in tree.paths]
    assert leaves == tuple(leaf for group in alone for leaf in group)
    assert [leaf.calls for leaf in leaves] == [leaf.calls for (leaf,) in alone]


def test_the_order_in_which_an_engine_answers_changes_nothing(engine: Counting) -> None:
    match = make_match(debate(judge_questions=True, scratchpad=9))
    tree = grown_by(match, None, (3, 2), 2, 4, engine=engine)
    assert tree == grown_by(match, None, (3, 2), 2, 4)


# Shape.


def children(tree: Grown) -> dict[str, list[Turn]]:
    below: dict[str, list[Turn]] = {}
    for turn in tree.turns:
        below.setdefault(turn.parent, []).append(turn)
    return below


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 7))
def test_in_a_simultaneous_round_each_speech_meets_as_many_of_the_other_seats(
    width: int, opponents: int
) -> None:
    match = make_match(debate(rounds=1))
    tree = grown_by(match, {seat: says(lambda v: v.seed) for seat in "AB"}, (width,), opponents)
    met = min(width, opponents)
    assert len(tree.spoken) == 2 * width and len(tree.paths) == width * met
    pairs = {(a.speech.id, b.speech.id) for a, b in tree.paths}
    assert len(pairs) == width * met
    for seat in (0, 1):
        assert set(Counter(pair[seat] for pair in pairs).values()) == {met}
    a, b = ([one for one in tree.spoken if one.seat == seat] for seat in "AB")
    assert {len(one.turns) for one in a} == {1}  # chained in seat order: A's turn is shared
    assert {len(one.turns) for one in b} == {met}  # the same speech under several parents


def test_transcript_groups_are_one_branching_and_one_opponent() -> None:
    match = make_match(debate(rounds=3))
    tree = grown_by(match, None, (5,), 1)
    assert len(tree.paths) == 5 and {len(one) for one in tree.paths} == {6}
    assert all(len(one.turns) == 1 for one in tree.spoken)
    assert len(tree.turns) == 30, "no turn is shared"


def test_a_sequential_round_branches_at_each_of_its_slots() -> None:
    match = make_match(debate(rounds=1, simultaneous=False))
    tree = grown_by(match, None, (3, 2), 4)
    assert [len(below) for below in children(tree).values()] == [3, 2, 2, 2]
    assert {one.sample for one in tree.spoken if one.seat == "B"} == {0, 1}
    assert len(grown_by(match, None, (3,), 4).paths) == 3, "width 1 beyond the end"


@pytest.mark.parametrize(
    ("protocol", "paths"),
    [
        (consultancy(), 4), (consultancy(rounds=2), 8), (critique(), 8), (critique(reply=True), 8),
        (cross_critique(), 32), (debate(), 32),
    ],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
def test_the_number_of_leaves_follows_from_widths_and_opponents(
    protocol: Protocol, paths: int
) -> None:
    """4 samples, then 2; in a pair each meets two: 4, 4 x 2, or (4 x 2) x (2 x 2)."""
    tree = grown_by(make_match(protocol), None, (4, 2), 2)
    assert len(tree.paths) == paths


def test_three_speakers_meet_as_evenly_as_two() -> None:
    seats = (*(Seat(name, "debater") for name in "ABC"), Seat(JUDGE, "judge"))
    protocol = Protocol("three", seats, opening=(Round(tuple(map(Slot, "ABC"))),), quotes="none")
    who = (("A", "a"), ("B", "b"), ("C", "c"))
    match = Match(QUESTION, protocol, (("A", 0), ("B", 1), ("C", 0)), who)
    tree = grown_by(match, None, (5,), 3)
    assert len({tuple(t.said.id for t in one) for one in tree.paths}) == 15
    for seat in range(3):
        assert set(Counter(one[seat].said.id for one in tree.paths).values()) == {3}


def test_turns_make_one_tree_with_parents_first_and_speeches_shared() -> None:
    match = make_match(debate())
    tree = grown_by(match, None, (4, 2), 3)
    seen = {match.root}
    for turn in tree.turns:
        assert turn.parent in seen
        seen.add(turn.id)
    graph = TurnTree(match.root, tree.turns)
    assert len(graph) == len(tree.turns) == len(seen) - 1
    assert {graph.path(one[-1].id) for one in tree.paths} == set(tree.paths)
    assert sum(len(one.turns) for one in tree.spoken) == len(tree.turns)
    for one in tree.spoken:
        for turn in map(graph.__getitem__, one.turns):
            assert (turn.speech, turn.calls, turn.seen) == (one.speech, one.calls, one.seen)
            assert (turn.sample, turn.author, turn.seat) == (one.sample, one.author, one.seat)
    assert len({call for one in tree.spoken for call in one.calls}) == sum(
        len(one.calls) for one in tree.spoken
    )


# The cap.


@pytest.mark.parametrize(("width", "opponents"), [(4, 1), (4, 3), (6, 6)])
@pytest.mark.parametrize("nodes", [1, 3, 4, 7, 9, 40])
def test_the_cap_on_nodes_keeps_as_many_of_each_speech_as_can_be(
    width: int, opponents: int, nodes: int
) -> None:
    match = make_match(debate())
    tree = grown_by(match, None, (width,), opponents, nodes)
    made = width * min(width, opponents)
    went_on = min(nodes, made)
    assert len(tree.paths) == went_on and tree.dropped == made - went_on
    for place in (0, 1):
        held = Counter(one[place].said.id for one in tree.paths)
        if went_on >= width:
            assert len(held) == width
        assert max(held.values()) - min(held.values()) <= 1


def test_the_cap_on_nodes_is_even_over_parents() -> None:
    match = make_match(debate(rounds=3))
    tree = grown_by(match, None, (4, 4), 2, 6)
    assert len(tree.paths) == 6
    second = Counter(one[3].id for one in tree.paths)  # the node that the third round began at
    first = Counter(one[1].id for one in tree.paths)
    assert set(first.values()) == {1} and set(second.values()) == {1}, "eight parents, six go on"
    assert tree.dropped == (8 - 6) + (6 * 8 - 6)


# Noise.


def test_every_sample_and_every_node_has_noise_of_its_own_and_the_same_again() -> None:
    def seeds(seed: int, width: int, opponents: int = 2) -> list[int]:
        match = make_match(debate(judge_questions=True, rounds=2), seed=seed)
        cast = {seat: Talker(seat) for seat, _ in match.seats}
        grown_by(match, cast, (width, 2), opponents)
        return [view.seed for one in cast.values() for view in one.views]

    found = seeds(7, 3)
    assert len(found) == len(set(found)) > 30
    assert seeds(7, 3) == found
    assert not set(seeds(8, 3)) & set(found)
    assert set(seeds(7, 2, 1)) < set(seeds(7, 3, 1)), "a wider tree holds the narrower one"


def test_samples_of_one_slot_are_shown_the_same_and_are_one_group() -> None:
    match = make_match(debate(judge_questions=True))
    cast = {seat: Talker(seat) for seat, _ in match.seats}
    tree = grown_by(match, cast, (3, 2), 2)
    by_node: dict[tuple[str, str], set[str]] = {}
    for one in tree.spoken:
        by_node.setdefault((one.node, one.seat), set()).add(one.seen)
    assert {len(seen) for seen in by_node.values()} == {1}
    assert len(by_node) == 2 + 2 * 6
    digests = {view.digest for seat in "AB" for view in cast[seat].views}
    assert digests == {one.seen for one in tree.spoken}


def test_who_speaks_at_the_same_time_is_not_shown_what_the_other_says() -> None:
    match = make_match(PROTOCOLS["private notes"])
    cast = {seat: Talker(seat) for seat, _ in match.seats}
    grown_by(match, cast, (2, 2, 2), 2, 5)
    for view in cast["B"].views:
        shown = [turn.text for turn in view.turns if turn.seat == "A" and not turn.mine]
        assert not any("«SAID A 0" in text for text in shown), "A's notes are A's alone"
        heard = any(f"«SAID A {view.place} " in text for text in shown)
        assert heard == (view.place == 1), "the second round alone is sequential"


# Judges.


def test_a_seated_judge_is_asked_once_at_each_node() -> None:
    match = make_match(debate(rounds=2, judge_questions=True))
    cast = {seat: Talker(seat) for seat, _ in match.seats}
    tree = grown_by(match, cast, (3, 2), 2)
    asked = Counter(turn.parent for turn in tree.turns if turn.kind == "question")
    assert len(asked) == 6 and set(asked.values()) == {1}
    verdicts = [turn for turn in tree.turns if turn.kind == "verdict"]
    assert len(verdicts) == len(tree.paths) == 6 * 4
    assert {one.seat for one in tree.spoken} == {"A", "B"}


def test_a_judge_who_ends_the_debate_ends_it_on_that_path_alone() -> None:
    def decide(view: View) -> Verdict:
        return Verdict(0, (0.75, 0.25), stop=view.turns[0].text.endswith(("0", "2", "4")))

    match = make_match(debate(rounds=3, stop="judge"))
    talk = says(lambda view: view.seed % 7)
    tree = grown_by(match, {"A": talk, "B": talk, JUDGE: Scripted(decide=decide)}, (6,), 1)
    lengths = Counter(len(path(one)) for one in tree.paths)
    stopped = [
        one.speech.text[-1] in "024" for one in tree.spoken if one.place == 0 and one.seat == "A"
    ]
    assert 0 < sum(stopped) < 6
    assert lengths == {2: sum(stopped), 6: 6 - sum(stopped)}
    for one in tree.paths:
        assert one[-1].kind == "verdict"


def test_equal_speeches_are_read_once_and_every_path_gets_the_verdict() -> None:
    match = make_match(debate(rounds=2), seed=3)
    talk = says(lambda view: view.seed % 2)
    tree = grown_by(match, {"A": talk, "B": talk}, (4, 2), 3)
    words = [tuple(t.speech.text for t in one) for one in tree.paths]
    judge = Talker("reader")
    leaves = finish(read_leaves(tree, judge, "j"))
    assert len(judge.views) == len(set(words)) < len(words) == len(leaves)
    assert sorted(leaf.parent for leaf in leaves) == sorted(one[-1].id for one in tree.paths)
    said: dict[tuple[str, ...], set[object]] = {}
    by_end = {one[-1].id: text for one, text in zip(tree.paths, words, strict=True)}
    for leaf in leaves:
        said.setdefault(by_end[leaf.parent], set()).add((leaf.verdict, leaf.seen, leaf.calls))
    assert {len(group) for group in said.values()} == {1}
    assert len(TurnTree(match.root, tree.hang(leaves).turns)) == len(tree.turns) + len(leaves)


def test_readers_are_not_shown_a_seated_judges_beliefs() -> None:
    match = make_match(debate(rounds=2, stop="judge"))
    reader = Talker("reader")
    finish(read_leaves(grown_by(match, None, (2, 2), 2), reader, "j"))
    assert reader.views
    assert not any(turn.kind == "belief" for view in reader.views for turn in view.turns)


# Speeches.


def test_a_speech_over_its_limits_is_asked_for_again_within_its_sample() -> None:
    match = make_match(consultancy(limits=SHORT))

    def say(view: View) -> Speech:
        return Speech("x" * (9 if view.notice or view.seed % 2 else 99))

    tree = grown_by(match, {"A": Scripted(say)}, (16,))
    assert {len(one.speech.text) for one in tree.spoken} == {9}
    assert len({one.seen for one in tree.spoken}) == 1, "all were shown the same before they spoke"


def test_candidates_hang_beside_their_choice_and_never_collide_with_samples() -> None:
    """Best of n: candidates have the words of other samples, and numbers of their own."""

    def best(view: View) -> Chosen:
        other = [(Speech(f"word {n}"), n / 9) for n in range(3)]
        return Chosen(Speech(f"word {view.seed % 3}"), tuple(other))

    match = make_match(debate(rounds=1))
    tree = grown_by(match, {"A": Scripted(best), "B": Scripted(best)}, (4,), 2)
    candidates = [turn for turn in tree.turns if turn.origin == "candidate"]
    assert len(candidates) == 2 * 4 * 3
    assert len({turn.id for turn in tree.turns}) == len(tree.turns) == len(candidates) + 4 + 8
    assert not {turn.parent for turn in tree.turns} & {turn.id for turn in candidates}
    assert {turn.score for turn in candidates} == {0, 1 / 9, 2 / 9}
    assert {turn.origin for one in tree.paths for turn in one} == {"sampled"}


def test_the_side_of_a_speech_is_what_its_seat_is_paid_for_after_it() -> None:
    for first, sides in ((0, {("A", 0), ("B", 1)}), (1, {("A", 1), ("B", 0)})):
        tree = grown_by(make_match(debate(), first=first), None, (2,), 2)
        assert {(one.seat, one.side) for one in tree.spoken} == sides
    free = Scripted(lambda view: Speech("x", side=view.seed % 2))
    tree = grown_by(make_match(debate(sides="chosen")), {"A": free, "B": free}, (6, 1), 2)
    known = {turn: one for one in tree.spoken for turn in one.turns}
    for transcript in tree.paths:
        for turn in transcript:
            first_speech = next(one for one in transcript if one.seat == turn.seat)
            assert known[turn.id].side == first_speech.speech.side
    assert {one.side for one in tree.spoken} == {0, 1}
    tree = grown_by(make_match(critique(), first=1), None, (2,))
    assert {(one.seat, one.side) for one in tree.spoken} == {("A", 0), ("B", 1)}


# What cannot be grown.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((),), "widths: one or more counts"), (((2, 0),), "widths: one or more counts"),
        (((2,), 0), "opponents must be 1 or more, got 0"),
        (((2,), 1, 0), "nodes must be 1 or more, got 0"),
    ],
)  # fmt: skip
def test_counts_below_one_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grown_by(make_match(debate()), None, *arguments)


def test_an_empty_chair_is_refused() -> None:
    match = make_match(debate(judge_questions=True))
    with pytest.raises(ValueError, match=r"nobody plays \['B', 'judge'\]"):
        grown_by(match, {"A": Talker()}, (2,))


def test_neither_growth_nor_credit_nor_pools_can_reach_the_truth() -> None:
    for module in (grow, credit, pool):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        imported = {
            part
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for part in (node.module or "", *(alias.name for alias in node.names))
        }
        assert {name for name in names if "truth" in name.lower()} <= {"uses_truth"}  # a label
        assert not imported & {"Item", "arena.store", "arena.controls", "arena.monitors"}


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(SPEAKING)), st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.integers(1, 3), st.integers(1, 9),
)  # fmt: skip
def test_whatever_is_grown_every_path_ends_and_every_speech_is_on_its_turns(
    name: str, widths: list[int], opponents: int, nodes: int
) -> None:
    match = make_match(SPEAKING[name])
    quiet = {seat: Talker(seat, rounds=0) for seat, _ in match.seats}
    tree = grown_by(match, quiet, widths, opponents, nodes)
    known: dict[str, Spoken] = {turn: one for one in tree.spoken for turn in one.turns}
    transcripts: list[Transcript] = list(tree.paths)
    assert transcripts and len({one[-1].id for one in transcripts}) == len(transcripts)
    for turn in tree.turns:
        if turn.seat != JUDGE:
            assert known[turn.id].speech == turn.speech
    widest = max((*widths, 1))
    for one in tree.spoken:
        assert one.sample < widest and 1 <= len(one.turns) <= opponents
