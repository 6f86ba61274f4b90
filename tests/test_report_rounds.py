"""Accuracy and belief by round: planted beliefs whose figures can be worked out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import log2
from typing import Any

import pytest
from test_report import ANNE, BOB, Hand

from arena.ids import content_id
from arena.match import Match, Transcript
from arena.play import append
from arena.protocols import consultancy, debate, verdict_slot
from arena.questions import Question
from arena.stats.means import share
from arena.store import Store
from arena.turns import Mode, Speech, Verdict


@pytest.fixture
def hand() -> Iterator[Hand]:
    with Store(None) as store:
        yield Hand(store)


def asked(i: int, story: str | None = None) -> Question:
    return Question(f"question {i}?", ("yes", "no"), group=story)


def stepped(
    hand: Hand, on: tuple[Match, Transcript], given: list[float | None], judge: Any = ANNE,
    order: tuple[int, ...] = (0, 1), mode: Mode = "stepped",
) -> list[str]:  # fmt: skip
    """A reading step by step: a belief after each number of rounds, and the verdict in the end.
    None is a report that could not be read."""
    match, transcript = on
    who = content_id("a", judge)
    hand.batch.participants[who] = judge
    places = sorted({turn.place for turn in transcript})
    made = []
    for step, p in enumerate(given):
        last = step + 1 == len(given)
        slot = verdict_slot(match.protocol)
        slot = slot if last else replace(slot, kind="belief")
        prefix = tuple(turn for turn in transcript if turn.place in places[:step])
        if p is None:
            said = Verdict(status="unparsed", order=order, mode=mode)
        else:
            choice, status = (None, "tie") if p == 0.5 else (int(p < 0.5), "ok")
            said = Verdict(choice, (p, 1 - p), status=status, order=order, mode=mode)  # type: ignore[arg-type]
        place = max((turn.place for turn in prefix), default=-1) + last
        turn = append(match, prefix, place, slot, said, who)
        hand.batch.turns.append((match, turn))
        made.append(turn.id)
    return made


def test_accuracy_by_round_carries_the_last_report_of_a_match_that_has_ended(hand: Hand) -> None:
    one = debate(rounds=3)
    chains = [[0.4, 0.6, 0.7, 0.9], [0.5, 0.2, 0.3, 0.1], [0.6, 0.8], [0.3, None, 0.6, 0.7]]
    for i, chain in enumerate(chains):
        stepped(hand, hand.match(one, 0, question=asked(i)), chain)
    hand.verdict(hand.match(one, 0), 0.9)  # read whole: nothing by round
    found = hand.report()
    (row,) = found["rounds"]
    assert (row["mode"], row["by"]) == ("stepped", "question")
    held = [
        [0, 0.5, 1, 0],
        [1, 0, 1, 0],  # the report that could not be read leaves the one before
        [1, 0, 1, 1],
        [1, 0, 1, 1],
    ]
    assert [one["round"] for one in row["rounds"]] == [0, 1, 2, 3]
    assert [one["accuracy"] for one in row["rounds"]] == [sum(at) / 4 for at in held]
    assert [one["carried"] for one in row["rounds"]] == [0, 1, 1, 1]
    assert {one["n"] for one in row["rounds"]} == {4}
    known = share(held[3], range(4))
    assert known is not None
    assert row["rounds"][3]["interval"] == [known.low, known.high]
    (lines,) = found["trajectories"]
    assert lines["lines"] == [
        [0.4, 0.6, 0.7, 0.9], [0.5, 0.2, 0.3, 0.1], [0.6, 0.8], [0.3, 0.3, 0.6, 0.7],
    ]  # fmt: skip
    means = [0.45, (0.6 + 0.2 + 0.8 + 0.3) / 4, (0.7 + 0.3 + 0.8 + 0.6) / 4, 2.5 / 4]
    assert [one["mean"] for one in lines["rounds"]] == pytest.approx(means)
    reader = next(one for one in found["behaviour"] if one.get("mode") == "stepped")
    moved = reader["belief_moved"]
    bits = log2(0.9 / 0.4) + log2(0.1 / 0.5) + log2(0.8 / 0.6) + log2(0.7 / 0.3)
    assert moved["value"] == pytest.approx(bits / (3 + 3 + 1 + 3))  # rounds, whatever was reported


def test_the_last_round_is_the_accuracy_of_the_row(hand: Hand) -> None:
    for i in range(12):
        chain = [0.5, 0.4 if i % 2 else 0.6, 0.3 if i % 3 == 0 else 0.8]
        stepped(hand, hand.match(debate(), 0, question=asked(i)), chain)
    found = hand.report()
    assert found["rounds"][0]["rounds"][-1]["accuracy"] == found["settings"][0]["accuracy"]


def test_a_belief_that_was_taken_back_is_in_no_round(hand: Hand) -> None:
    on = hand.match(debate(), 0)
    first = stepped(hand, on, [0.9, 0.8, 0.7])[0]
    hand.batch.events.append({"kind": "withdrawn", "match": on[0].id, "turn": first})
    (row,) = hand.report()["rounds"]
    assert [one["round"] for one in row["rounds"]] == [1, 2]


def test_two_listings_of_a_match_are_one_line(hand: Hand) -> None:
    on = hand.match(debate(), 0)
    stepped(hand, on, [0.6, 0.7, 0.9], order=(0, 1))
    stepped(hand, on, [0.4, 0.3, 0.7], order=(1, 0))
    stepped(hand, hand.match(debate(), 0), [0.6, 0.6, 0.6], judge=BOB)
    found = hand.report()
    row = next(one for one in found["rounds"] if one["judge"] != "scripted:bob")
    assert [(one["n"], one["accuracy"]) for one in row["rounds"]] == [(1, 0.5), (1, 0.5), (1, 1)]
    lines = next(one for one in found["trajectories"] if one["judge"] != "scripted:bob")
    assert lines["lines"] == [pytest.approx([0.5, 0.5, 0.8])]


def test_a_seated_judge_who_reads_the_other_listing_afterwards_has_the_rounds_of_its_seat(
    hand: Hand,
) -> None:
    """Both are one judgment of the match, but only what was said on the way is by round."""
    on = hand.match(debate(), 0)
    stepped(hand, on, [0.4, 0.6, 0.9], mode="live")
    hand.verdict(on, 0.1, order=(1, 0))
    early = hand.match(debate(), 0, [Speech("a"), Speech("b")])
    hand.verdict(early, 0.8, mode="live")  # decided after the first round, without a report before
    found = hand.report()
    (row,) = found["settings"]
    assert (row["n"], row["correct"]) == (2, 1.5)
    (row,) = found["rounds"]
    assert [(one["n"], one["accuracy"]) for one in row["rounds"]] == [(1, 0), (2, 1), (2, 1)]


def test_a_lone_speakers_match_has_rounds_as_well(hand: Hand) -> None:
    for i in range(4):
        on = hand.match(consultancy(rounds=2), 0, sides=(("A", i % 2),), question=asked(i))
        stepped(hand, on, [0.5, 0.6, 0.8 if i else 0.4])
    (row,) = hand.report()["rounds"]
    assert [one["accuracy"] for one in row["rounds"]] == [0.5, 1, 0.75]


def test_verdicts_on_the_whole_have_no_rounds(hand: Hand) -> None:
    hand.verdict(hand.match(debate(), 0), 0.9)
    found = hand.report()
    assert found["rounds"] == [] and found["trajectories"] == []
    assert found["behaviour"][0]["belief_moved"] is None


def test_no_more_than_two_hundred_lines_are_listed(hand: Hand) -> None:
    for i in range(203):
        stepped(hand, hand.match(debate(rounds=1), 0, question=asked(i)), [0.5, 0.8])
    (lines,) = hand.report()["trajectories"]
    assert len(lines["lines"]) == 200 and lines["rounds"][0]["n"] == 203
