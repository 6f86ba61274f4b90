"""Reports on runs made by hand, whose figures can be worked out; and the estimators below them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log, log2
from typing import Any

import pytest

from arena.batch import Batch
from arena.ids import content_id
from arena.match import Match, Transcript
from arena.play import append
from arena.protocols import Protocol, consultancy, critique, debate, pending, verdict_slot
from arena.questions import Item, Question
from arena.report import report
from arena.stats.intervals import wilson
from arena.store import Store, StoreError
from arena.turns import Mode, Origin, Speech, Verdict

ANNE = {"kind": "scripted", "name": "anne", "settings": {"p": 0.5}}
BOB = {"kind": "scripted", "name": "bob"}


# ---------------------------------------------------------------------------------------------
# Runs made by hand.


@dataclass
class Hand:
    """A run under construction: matches on fresh questions, and verdicts on them."""

    store: Store
    name: str = "hand"
    kind: str = "tournament"
    batch: Batch = field(default_factory=Batch)

    def match(
        self, protocol: Protocol, truth: int | None, said: list[Speech] | None = None,
        labels: dict[str, Any] | None = None, sides: tuple[tuple[str, int], ...] | None = None,
        proposal: int | None = None, question: Question | None = None,
    ) -> tuple[Match, Transcript]:  # fmt: skip
        n = len(self.batch.matches)
        question = question or Question(f"{self.name} {n}?", ("yes", "no"))
        if sides is None:
            sides = tuple((seat, i) for i, seat in enumerate(protocol.speakers))
        match = Match(question, protocol, sides, seed=n, proposal=proposal)
        transcript: Transcript = ()
        for speech in said if said is not None else [Speech("a")] * 9:
            place, slots = pending(protocol, transcript, protocol.speakers)
            if not slots:
                break
            transcript += (append(match, transcript, place, slots[0], speech, "x"),)
        self.batch.items.append(Item(question, truth))
        self.batch.protocols.append(protocol)
        self.batch.matches.append(match)
        given = {"setting": protocol.name} if labels is None else labels
        self.batch.run_matches.append((self.name, n, match.id, given))
        self.batch.turns += [(match, turn) for turn in transcript]
        return match, transcript

    def verdict(
        self, on: tuple[Match, Transcript], p: float | None = None, judge: Any = ANNE,
        status: Any = "ok", order: tuple[int, ...] = (0, 1), logprobs: Any = None,
        choice: int | None = None, mode: Mode = "whole", sample: int = 0,
    ) -> str:  # fmt: skip
        if p is not None:
            status = "tie" if p == 0.5 else status
            choice = None if p == 0.5 else int(p < 0.5)
        elicited = None if p is None else (p, 1 - p)
        said = Verdict(choice, elicited, logprobs, status=status, order=order, mode=mode)
        who = content_id("a", judge)
        self.batch.participants[who] = judge
        match, transcript = on
        slot = verdict_slot(match.protocol)
        imported = self.kind == "import" and mode == "live"
        origin: Origin = "imported" if imported and sample == 0 else "sampled"
        turn = append(match, transcript, 9, slot, said, who, sample=sample, origin=origin)
        self.batch.turns.append((match, turn))
        return turn.id

    def report(self, sample: Any = "paper") -> dict[str, Any]:
        self.store.start_run(self.name, self.kind, {}, {})
        self.store.write(self.batch)
        found = report(self.store, self.name, sample)
        assert json.loads(json.dumps(found, allow_nan=False)) == found  # plain values
        return found


@pytest.fixture
def hand() -> Iterator[Hand]:
    with Store(None) as store:
        yield Hand(store)


def test_accuracy_scores_and_turns_of_a_run_with_known_verdicts(hand: Hand) -> None:
    for p, truth in ((0.8, 0), (0.25, 1), (0.9, 1), (0.5, 0)):
        hand.verdict(hand.match(debate(), truth), p)
    (row,) = hand.report()["settings"]
    on_truth = [0.8, 0.75, 0.1, 0.5]
    assert (row["n"], row["correct"], row["ties"]) == (4, 2.5, "half")
    assert row["accuracy"] == 0.625
    assert row["wilson"] == pytest.approx(wilson(2.5, 4))
    assert row["log2_score"] == pytest.approx(sum(map(log2, on_truth)) / 4)
    assert row["judge_score"] == pytest.approx(row["log2_score"] - 0.05 * 2)
    assert row["brier"] == pytest.approx(sum((1 - p) ** 2 for p in on_truth) / 4)
    assert row["turns"] == 2
    assert (row["quantity"], row["scored"]) == ("elicited", 4)
    assert (row["missing"], row["without_truth"]) == ({}, 0)
    assert "position_bias" not in row and "honest" not in row


def test_every_setting_and_judge_has_a_row_and_judges_of_one_name_are_apart(hand: Hand) -> None:
    other = {**ANNE, "revision": 2}
    for setting in ("one", "two"):
        match = hand.match(debate(), 0, labels={"setting": setting})
        for judge in (ANNE, BOB, other):
            hand.verdict(match, 0.9, judge)
    rows = hand.report()["settings"]
    assert len(rows) == len({(row["setting"], row["judge_id"]) for row in rows}) == 6
    assert {row["judge"] for row in rows} == {"scripted:anne,p=0.5", "scripted:bob"}
    assert [row["setting"] for row in rows] == ["one"] * 3 + ["two"] * 3


def test_a_missing_verdict_is_counted_by_side_and_is_in_no_figure(hand: Hand) -> None:
    hand.verdict(hand.match(debate(), 0), 0.9)
    hand.verdict(hand.match(debate(), 0), status="unparsed")
    hand.verdict(hand.match(debate(), 1), status="unparsed")
    hand.verdict(hand.match(debate(), 1), status="refused")
    (row,) = hand.report()["settings"]
    assert (row["n"], row["correct"], row["accuracy"]) == (1, 1, 1)
    assert row["missing"] == {"unparsed": {"n": 2, "A": 1, "B": 1}, "refused": {"n": 1, "B": 1}}


def test_a_row_of_missing_verdicts_alone_has_no_figures(hand: Hand) -> None:
    hand.verdict(hand.match(consultancy(), 1), status="timed out")
    (row,) = hand.report()["settings"]
    assert row["n"] == 0
    for name in ("accuracy", "wilson", "log2_score", "judge_score", "brier", "turns", "quantity"):
        assert row[name] is None
    assert row["missing"] == {"timed out": {"n": 1, "dishonest": 1}}


def test_a_question_without_a_known_truth_is_not_scored(hand: Hand) -> None:
    hand.verdict(hand.match(debate(), None), 0.9)
    hand.verdict(hand.match(debate(), 1), 0.1)
    (row,) = hand.report()["settings"]
    assert (row["n"], row["correct"], row["without_truth"]) == (1, 1, 1)


def test_consultancies_tell_honest_from_dishonest(hand: Hand) -> None:
    one = consultancy()
    for side, truth, p in ((0, 0, 0.9), (0, 1, 0.8), (1, 1, 0.3), (1, 0, 0.7)):
        hand.verdict(hand.match(one, truth, sides=(("A", side),)), p)
    (row,) = hand.report()["settings"]
    assert row["honest"] == {"n": 2, "correct": 2}
    assert row["dishonest"] == {"n": 2, "correct": 1}


def test_an_open_consultant_is_as_honest_as_the_side_it_chose(hand: Hand) -> None:
    one = consultancy(sides="chosen")
    for side in (0, 1, 1):
        hand.verdict(hand.match(one, 0, [Speech("I take this", side=side)], sides=()), 0.9)
    (row,) = hand.report()["settings"]
    assert (row["honest"]["n"], row["dishonest"]["n"]) == (1, 2)


def test_in_a_critique_the_true_option_follows_from_the_answer_on_trial(hand: Hand) -> None:
    sides = (("A", 0), ("B", 1))
    for proposal, truth, right in ((0, 0, True), (1, 0, False)):
        hand.verdict(hand.match(critique(), truth, sides=sides, proposal=proposal),
                     0.9 if right else 0.1)  # fmt: skip
        said = [Speech("My answer", side=proposal), Speech("No")]
        hand.verdict(hand.match(critique(), truth, said, sides=sides), 0.9 if right else 0.1)
    hand.verdict(hand.match(critique(), 1, sides=sides, proposal=0), status="unparsed")
    (row,) = hand.report()["settings"]
    assert (row["n"], row["correct"]) == (4, 4)
    assert row["missing"] == {"unparsed": {"n": 1, "B": 1}}
    assert "honest" not in row
    assert row["turns"] == 2


def test_log_probabilities_are_normalised_and_named(hand: Hand) -> None:
    logs = (log(0.06), log(0.02))
    hand.verdict(hand.match(debate(), 0), choice=0, logprobs=logs)
    (row,) = hand.report()["settings"]
    assert row["quantity"] == "choice_logprobs"
    assert row["log2_score"] == pytest.approx(log2(0.75))


def test_a_choice_without_probability_is_judged_right_or_wrong_only(hand: Hand) -> None:
    hand.verdict(hand.match(debate(), 0), choice=0)
    hand.verdict(hand.match(debate(), 0), 0.8)
    (row,) = hand.report()["settings"]
    assert (row["n"], row["scored"], row["correct"]) == (2, 1, 2)
    assert row["log2_score"] == pytest.approx(log2(0.8))


def test_position_bias_is_what_the_first_listed_option_gets(hand: Hand) -> None:
    for truth in (0, 1):
        match = hand.match(debate(), truth)
        hand.verdict(match, 0.7, order=(0, 1))  # .7 for the first listed, 0
        hand.verdict(match, 0.3, order=(1, 0))  # .7 for the first listed, 1
        hand.verdict(match, choice=0, judge=BOB, order=(0, 1))
        hand.verdict(match, choice=0, judge=BOB, order=(1, 0))
    hand.verdict(hand.match(debate(), 0), 0.99)  # in one listing only: says nothing of bias
    biased, fair = hand.report()["settings"]
    if biased["judge"] == "scripted:bob":
        biased, fair = fair, biased
    assert biased["position_bias"] == pytest.approx(0.2)
    assert fair["position_bias"] == 0


def test_a_withdrawn_verdict_is_in_no_figure(hand: Hand) -> None:
    match = hand.match(debate(), 0)
    gone = hand.verdict(match, 0.1)
    hand.verdict(match, 0.9, sample=1)
    hand.batch.events.append({"kind": "withdrawn", "match": match[0].id, "turn": gone})
    (row,) = hand.report()["settings"]
    assert (row["n"], row["correct"]) == (1, 1)


def test_a_match_that_a_run_claims_twice_counts_once(hand: Hand) -> None:
    match = hand.match(debate(), 0)
    hand.batch.run_matches.append((hand.name, 7, match[0].id, {"setting": match[0].protocol.name}))
    hand.verdict(match, 0.9)
    assert [row["n"] for row in hand.report()["settings"]] == [1]


def test_a_listing_that_was_read_twice_weighs_no_more_than_the_other(hand: Hand) -> None:
    """A seated verdict, and both listings read afterwards: one match, one half right."""
    match = hand.match(debate(), 0)
    hand.verdict(match, 0.9, mode="live")
    hand.verdict(match, 0.9, order=(0, 1))
    hand.verdict(match, 0.1, order=(1, 0))
    hand.verdict(match, 0.9, mode="stepped")
    whole, stepped = sorted(hand.report()["settings"], key=lambda row: row.get("mode", ""))
    assert (whole["n"], whole["verdicts"], whole["accuracy"]) == (1, 3, 0.5)
    assert whole["position_bias"] == pytest.approx(0.4)
    assert (stepped["mode"], stepped["n"], stepped["accuracy"]) == ("stepped", 1, 1.0)


def test_verdicts_on_matches_of_other_runs_are_not_read(hand: Hand) -> None:
    other = Hand(hand.store, "other")
    other.verdict(other.match(debate(), 0), 0.9)
    other.report()
    assert hand.report()["settings"] == []


def test_an_import_is_reported_over_its_sample_and_its_own_judges(hand: Hand) -> None:
    hand.kind = "import"
    for sample, p in (("paper", 0.5), ("paper", 0.9), ("rest", 0.1)):
        labels = {"setting": "human debate", "sample": sample}
        match = hand.match(debate(), 0, labels=labels)
        hand.verdict(match, p, mode="live")
        hand.verdict(match, 0.2, BOB)
        hand.verdict(match, 0.3, BOB, mode="live", sample=1)  # a chair that was filled here
    found = hand.report()
    (row,) = found["settings"]
    assert (row["n"], row["correct"], row["ties"]) == (2, 1, "wrong")
    assert "judge" not in row
    for reader in found["readers"]:
        assert (reader["judge"], reader["n"], reader["correct"]) == ("scripted:bob", 2, 0)
    assert sorted(reader["mode"] for reader in found["readers"]) == ["live", "whole"]
    (row,) = report(hand.store, hand.name, "all")["settings"]
    assert (row["n"], row["correct"]) == (3, 1)


def test_an_unknown_run_is_named_with_those_there_are(hand: Hand) -> None:
    hand.report()
    with pytest.raises(StoreError, match="no run 'absent' in this store; its runs: hand"):
        report(hand.store, "absent")
