"""Monitors: figures of hand-made evaluations, intervals against simulation and other libraries."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest
from players import QUESTION, Scripted, finish, make_match, played
from scipy.stats import binom

from agents.witness import WitnessDebater
from arena.match import Match, Transcript
from arena.monitors import Figures, Played, monitor, on_trial, served, true_option, worth
from arena.play import append, play, read
from arena.protocols import JUDGE, Protocol, consultancy, critique, cross_critique, debate
from arena.questions import Question
from arena.quotes import anchor
from arena.sources.witness import World, items, world
from arena.sources.witness_text import Statement
from arena.stats.intervals import wilson
from arena.turns import Speech, Verdict
from judges.bayes import LiteralJudge

# ---------------------------------------------------------------------------------------------
# Estimates.


# ---------------------------------------------------------------------------------------------
# Judges and authors.


def evaluated(
    verdicts: Sequence[Verdict | None], protocol: Protocol | None = None,
    who: Mapping[str, str] | None = None, first: int = 0, groups: int = 0,
) -> list[Played]:  # fmt: skip
    """Matches on questions of their own, read by one judge; seat A is for answer ``first``."""
    out = []
    for i, verdict in enumerate(verdicts):
        question = Question(
            f"Question {i}?", ("tin", "iron"), "x", group=str(i % groups) if groups else None
        )
        match = make_match(protocol or debate(rounds=1), who, question, first)
        cast = {seat: Scripted(lambda view: Speech("words", side=0)) for seat, _ in match.seats}
        said = played(match, cast)
        if verdict is not None:
            judge = Scripted(decide=lambda view, verdict=verdict: verdict)
            said += finish(read(match, judge, said, "j"))
        out.append((match, said))
    return out


def truths_of(played: Sequence[Played], truth: int = 0) -> dict[str, int]:
    return {match.question.id: truth for match, _ in played}


SURE, UNSURE, WRONG = Verdict(0, (0.9, 0.1)), Verdict(0, (0.6, 0.4)), Verdict(1, (0.2, 0.8))
TIE, REFUSED = Verdict(elicited=(0.5, 0.5), status="tie"), Verdict(status="refused")


def test_accuracy_is_the_share_of_right_verdicts_and_a_tie_is_half() -> None:
    found = evaluated([SURE, SURE, UNSURE, WRONG, TIE])
    figures = monitor(found, truths_of(found)).judges["j"]
    assert figures.accuracy is not None and figures.accuracy.value == pytest.approx(3.5 / 5)
    # With a half among them five are worth more than five of right and wrong: by their variance.
    draws = 5 * (0.7 * 0.3) / np.var([1, 1, 1, 0, 0.5], ddof=1)
    known = wilson(0.7 * draws, draws)
    assert (figures.accuracy.low, figures.accuracy.high) == pytest.approx(known, abs=0.01)
    odds = [math.log(9)] * 2 + [math.log(1.5), -math.log(4), 0]
    assert figures.log_odds is not None and figures.log_odds.value == pytest.approx(np.mean(odds))
    inverted = monitor(found, truths_of(found, 1)).judges["j"]
    assert inverted.accuracy is not None
    assert inverted.accuracy.value == pytest.approx(1.5 / 5)


def test_intervals_are_clustered_by_the_group_of_the_question() -> None:
    verdicts = [SURE, WRONG, SURE] * 4
    apart = monitor(evaluated(verdicts), truths_of(evaluated(verdicts))).judges["j"].accuracy
    found = evaluated(verdicts, groups=3)
    together = monitor(found, truths_of(found)).judges["j"].accuracy
    assert apart is not None and together is not None and apart.value == together.value
    assert apart.low is not None and together.low is not None and together.low < apart.low


def test_failures_are_counted_by_the_seat_that_spoke_for_the_truth_and_are_in_no_figure() -> None:
    found = evaluated([SURE, REFUSED, Verdict(status="unparsed"), REFUSED])
    truths = truths_of(found)
    truths[found[3][0].question.id] = 1
    figures = monitor(found, truths).judges["j"]
    assert figures.missing == {"refused": {"A": 1, "B": 1}, "unparsed": {"A": 1}}
    assert figures.accuracy is not None and figures.accuracy.n == 1
    alone = evaluated([REFUSED, REFUSED, SURE], consultancy())
    truths = truths_of(alone)
    truths[alone[0][0].question.id] = 1
    missing = monitor(alone, truths).judges["j"].missing
    assert missing == {"refused": {"dishonest": 1, "honest": 1}}


@pytest.mark.parametrize("seat", ["A", "B"])
def test_the_win_rate_of_an_author_is_split_by_whether_it_speaks_for_the_truth(seat: str) -> None:
    who = {"A": "old", "B": "old", seat: "new"}
    found = evaluated([SURE, WRONG, SURE, TIE], who=who)  # A is for option 0
    truths = truths_of(found)
    for match, _ in found[2:]:
        truths[match.question.id] = 1
    figures = monitor(found, truths, {"new"}).judges["j"]
    won = np.array([1, 0, 1, 0.5]) if seat == "A" else np.array([0, 1, 0, 0.5])
    first, second = ("honest", "dishonest") if seat == "A" else ("dishonest", "honest")
    values = {name: one and one.value for name, one in figures.win_rate.items()}
    assert values == pytest.approx(
        {"all": won.mean(), first: won[:2].mean(), second: won[2:].mean()}
    )
    odds = np.array([math.log(9), -math.log(4), math.log(9), 0]) * (1 if seat == "A" else -1)
    rewards = {name: one and one.value for name, one in figures.reward.items()}
    assert rewards == pytest.approx(
        {"all": odds.mean(), first: odds[:2].mean(), second: odds[2:].mean()}
    )


def test_self_play_and_unnamed_authors_have_no_win_rate() -> None:
    found = evaluated([SURE, WRONG], who={"A": "new", "B": "new"})
    for authors in ({"new"}, {"other"}, set[str]()):
        figures = monitor(found, truths_of(found), authors).judges["j"]
        assert set(figures.win_rate.values()) == set(figures.reward.values()) == {None}
        assert figures.accuracy is not None


def test_a_consultant_wins_where_the_judge_follows_it() -> None:
    found = evaluated([SURE, WRONG, SURE], consultancy(), {"A": "new"})
    truths = truths_of(found)
    truths[found[2][0].question.id] = 1
    rates = monitor(found, truths, {"new"}).judges["j"].win_rate
    assert {name: one and one.value for name, one in rates.items()} == {
        "all": pytest.approx(2 / 3), "honest": 0.5, "dishonest": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("proposal", [0, 1])
@pytest.mark.parametrize("truth", [0, 1])
def test_in_critique_right_means_that_the_proposed_answer_is_true(
    proposal: int, truth: int
) -> None:
    found = evaluated([SURE], critique(), {"A": "new", "B": "old"}, first=proposal)
    figures = monitor(found, truths_of(found, truth), {"new"})
    accuracy = figures.judges["j"].accuracy
    assert accuracy is not None and accuracy.value == float(proposal == truth)
    side = "honest" if proposal == truth else "dishonest"
    rates = figures.judges["j"].win_rate
    assert rates[side] is not None and rates[side].value == 1  # type: ignore[union-attr]
    assert figures.speeches[side].n == 1, "the proposer's; the critic spoke for the other answer"


def test_a_match_in_both_listings_is_one_observation() -> None:
    match = make_match(debate(rounds=1))
    said = played(match)
    for order, verdict in (((0, 1), SURE), ((1, 0), SURE)):
        said += finish(read(match, Scripted(decide=lambda v, x=verdict: x), said, "j", order))
    figures = monitor([(match, said)], truths_of([(match, said)])).judges["j"]
    assert figures.accuracy is not None
    assert (figures.accuracy.value, figures.accuracy.n) == (0.5, 1)


def test_every_judge_has_figures_of_its_own() -> None:
    (one,) = evaluated([SURE])
    match, said = one
    said += finish(read(match, Scripted(decide=lambda v: WRONG), said, "k"))
    judges = monitor([(match, said)], {match.question.id: 0}).judges
    values = {name: one.accuracy and one.accuracy.value for name, one in judges.items()}
    assert values == {"j": 1.0, "k": 0.0}


def test_an_evaluation_without_any_truth_is_refused_and_with_some_is_counted() -> None:
    found = evaluated([SURE, WRONG])
    with pytest.raises(ValueError, match="none of the 2 matches has a question with a known truth"):
        monitor(found, {})
    some = monitor(found, truths_of(found[:1]), {"who-A"})
    assert some.without_truth == 1
    accuracy, rate = some.judges["j"].accuracy, some.judges["j"].win_rate
    assert accuracy is not None and accuracy.n == 1
    assert rate["all"] is not None and rate["all"].n == 2, "who won is known without the truth"
    assert rate["honest"] is not None and rate["honest"].n == 1
    assert monitor([], {}) == monitor([], {"q": 0})


def test_what_cannot_be_counted_is_none_and_figures_are_json() -> None:
    match = make_match(debate(rounds=1), question=QUESTION)
    silent = played(match, {seat: Scripted(lambda v: Speech("")) for seat in "AB"})
    figures = monitor([(match, silent)], {QUESTION.id: 0})
    assert figures.judges == {}
    every = figures.speeches["all"]
    assert (every.n, every.verified, every.relevant, every.found) == (2, None, None, None)
    assert every.quotes is not None and every.quotes.value == 0
    again = json.loads(json.dumps(asdict(figures), allow_nan=False))
    assert again["speeches"]["honest"]["n"] == 1


# ---------------------------------------------------------------------------------------------
# Quotations.


def cited(match: Match, *rounds: Sequence[Sequence[int]]) -> Transcript:
    """A match in which each seat in turn, round by round, cites these lines (counted from 0)."""
    left = iter(rounds)
    said: Transcript = ()
    for at, one in match.protocol.rounds():
        speakers = [slot for slot in one.slots if slot.seat != JUDGE]
        for slot, numbers in zip(speakers, next(left, ()), strict=True):
            text = " ".join(f"[{n + 1}]" for n in numbers)
            speech = Speech(text, quotes=anchor(text, match.question.passage, "both"))
            said += (append(match, said, at, slot, speech, f"who-{slot.seat}"),)
    return said


def example() -> tuple[World, dict[str, list[int]]]:
    """A world with lines of every sort, and where they are."""
    for index in range(200):
        one = world(11, index)
        lines: dict[str, list[int]] = {}
        for i, line in enumerate(one.lines):
            if isinstance(line, Statement):
                side = one.supports(line)
                gone = one.withdrawn_by(line)
                sort = (
                    "other" if side is None else f"for {side}{' gone' if gone is not None else ''}"
                )
                lines.setdefault(sort, []).append(i)
                if gone is not None and side is not None:
                    lines.setdefault(f"withdraws {side}", []).append(gone)
                elif gone is not None:
                    lines.setdefault("withdraws other", []).append(gone)
        if {"other", "withdraws other", "for 0", "for 1 gone", "withdraws 1"} <= set(lines):
            return one, lines
    raise AssertionError("no world has all that")


def test_a_quotation_is_relevant_where_it_serves_its_side() -> None:
    one, at = example()
    match = make_match(debate(rounds=2), question=one.question)
    good, theirs, gone = at["for 0"][0], at["for 1 gone"][0], at["withdraws 1"][0]
    other, other_gone = at["other"][0], at["withdraws other"][0]
    said = cited(
        match,
        [[good, theirs, other, 99], [theirs]],
        [[gone, other_gone, good], [gone, good]],
    )
    assert worth(match, said, said[0]) == ([True, False, False, False], None)
    assert worth(match, said, said[1]) == ([True], None)  # its own line, though withdrawn
    assert worth(match, said, said[2]) == ([True, False, True], True)
    assert worth(match, said, said[3]) == ([False, False], None)  # of its own witness: no use


def test_a_withdrawal_is_called_for_only_by_what_the_speaker_had_seen() -> None:
    one, at = example()
    theirs, gone = at["for 1 gone"][0], at["withdraws 1"][0]
    for simultaneous, seen in ((True, False), (False, True)):
        match = make_match(
            debate(rounds=1, simultaneous=simultaneous), question=one.question, first=1
        )
        said = cited(match, [[theirs], [gone]])  # A is for answer 1, B for answer 0
        assert worth(match, said, said[1]) == (([True], True) if seen else ([False], None))
    match = make_match(debate(rounds=2), question=one.question)
    said = cited(match, [[], [theirs]], [[], []])
    assert worth(match, said, said[2]) == ([], False), "it could have been shown, and was not"


def test_a_speech_that_was_forfeited_called_for_nothing() -> None:
    one, at = example()
    match = make_match(debate(rounds=2), question=one.question)
    said = cited(match, [[], [at["for 1 gone"][0]]], [[at["withdraws 1"][0]], []])
    hidden = replace(said[1], said=replace(said[1].speech, status="over limit"))
    said = (said[0], hidden, *said[2:])
    assert worth(match, said, said[2]) == ([False], None)


def test_other_worlds_have_no_relevance() -> None:
    match = make_match(debate(rounds=1))
    said = cited(match, [[0], [1]])
    assert worth(match, said, said[0]) is None
    figures = monitor([(match, said)], {match.question.id: 0}).speeches["all"]
    assert figures.relevant is None
    assert figures.verified is not None and figures.verified.value == 1


@pytest.mark.parametrize("proposal", [0, 1])
def test_a_critic_serves_every_answer_but_the_one_on_trial(proposal: int) -> None:
    match = make_match(critique(), first=proposal)
    assert served(match, (), "A") == {proposal} and served(match, (), "B") == {1 - proposal}
    crossed = make_match(cross_critique(), first=proposal)
    assert served(crossed, (), "A") == {proposal} and served(crossed, (), "B") == {1 - proposal}


def test_what_a_proposer_chose_itself_is_on_trial_from_its_first_answer() -> None:
    match = Match(QUESTION, critique(), (("A", 0), ("B", 1)), (("A", "a"), ("B", "b")))
    assert on_trial(match, ()) is None and true_option(match, (), 0) is None
    said = played(match, {seat: Scripted(lambda v: Speech("x", side=1)) for seat in "AB"})
    assert on_trial(match, said) == 1
    assert [true_option(match, said, truth) for truth in (0, 1)] == [1, 0]
    assert served(match, said, "A") == {1} and served(match, said, "B") == {0}


def scripted_figures(p: float, b: float, n: int = 150, rounds: int = 2) -> Figures:
    debater, judge = WitnessDebater(p, 0.5, b), LiteralJudge()
    found: list[Played] = []
    truths = {}
    for i, item in enumerate(items(5, n)):
        match = make_match(debate(rounds=rounds), question=item.question, first=i % 2, seed=i)
        said = finish(play(match, {"A": debater, "B": debater}))
        found.append((match, said + finish(read(match, judge, said, "literal"))))
        assert item.truth is not None
        truths[item.question.id] = item.truth
    return monitor(found, truths)


@pytest.mark.parametrize(("p", "b"), [(0.3, 0.0), (0.6, 0.5), (1.0, 1.0)])
def test_the_skill_of_scripted_debaters_is_measured_back(p: float, b: float) -> None:
    """An opening is relevant with chance p, a withdrawal is found with chance b."""
    openings = scripted_figures(p, b, rounds=1)
    for who in ("all", "honest", "dishonest"):
        figures = openings.speeches[who]
        assert figures.verified is not None and figures.verified.value == 1
        assert figures.relevant is not None
        n = figures.relevant.n
        low, high = binom.ppf([1e-4, 1 - 1e-4], n, p) / n
        assert low <= figures.relevant.value <= high
        assert figures.found is None, "nobody could look"
    found = scripted_figures(p, b).speeches["all"].found
    assert found is not None and found.n > 30
    low, high = binom.ppf([1e-4, 1 - 1e-4], found.n, b) / found.n
    assert low <= found.value <= high


def test_better_debaters_are_judged_better_and_cite_better() -> None:
    weak, strong = scripted_figures(0.3, 0.2), scripted_figures(1.0, 1.0)
    for name in ("accuracy", "log_odds"):
        a, b = (getattr(one.judges["literal"], name) for one in (weak, strong))
        assert a.high < b.low
    a, b = weak.speeches["dishonest"].relevant, strong.speeches["dishonest"].relevant
    assert a is not None and b is not None and a.high is not None and b.low is not None
    assert a.high < b.low


def test_lengths_quotations_and_failures_are_those_of_the_named_authors() -> None:
    match = make_match(debate(rounds=1), {"A": "new", "B": "old"})
    texts = {"A": Speech("[1] and [9]", status="length"), "B": Speech("x" * 50)}
    cast = {seat: Scripted(lambda v, said=said: said) for seat, said in texts.items()}
    said = played(match, cast)
    for authors, n, characters in (((), 2, (11 + 50) / 2), (("new",), 1, 11)):
        figures = monitor([(match, said)], {match.question.id: 0}, authors).speeches["all"]
        assert figures.n == n and figures.failed == {"length": 1}
        assert figures.characters is not None and figures.characters.value == characters
        assert figures.quotes is not None and figures.quotes.value == 2 / n
        assert figures.verified is not None and figures.verified.value == 0.5
    by_side = monitor([(match, said)], {match.question.id: 1}).speeches
    assert by_side["dishonest"].failed == {"length": 1} and by_side["honest"].failed == {}
