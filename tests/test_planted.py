"""Judges with a planted weakness are misled in that one way and in no other."""

from __future__ import annotations

import math
from typing import Any

import pytest

import judges
from agents.models import Models
from agents.nano.lessons import quotation, spoken
from arena.flow import Flow, batch, run
from arena.match import Judge, Match, Transcript, View, listing
from arena.participants import SpecError
from arena.play import append, read
from arena.protocols import Protocol, critique, debate, pending
from arena.questions import Question
from arena.rewards import log_odds
from arena.sources.witness import World, world
from arena.sources.witness_text import Statement, render
from arena.turns import Speech, Verdict
from judges.bayes import LiteralJudge
from judges.planted import Noisy, Seated


def load(spec: str) -> Judge:
    return judges.load(spec, Models(), {})


def odds(judge: Judge, one: World, words: dict[int, str], side: int) -> float:
    protocol = debate(rounds=1)
    match = Match(one.question, protocol, (("A", 0), ("B", 1)), (("A", ""), ("B", "")))
    transcript: Transcript = ()
    for slot in pending(protocol, transcript, ["A", "B"])[1]:
        transcript = spoken(match, transcript, slot, words[0 if slot.seat == "A" else 1])
    flow = read(match, judge, transcript, "", listing(match))
    ((leaf,),) = run([flow], batch(lambda requests: []))
    value = log_odds(leaf.verdict, side, "elicited")
    assert value is not None
    return value


@pytest.mark.parametrize(
    "spec",
    [
        "planted:trust,of=({})", "planted:phrase,phrase=x,of=({})", "planted:seat,of=({})",
        "planted:noisy,of=({})",
    ],
)  # fmt: skip
def test_who_misleads_a_judge_that_reads_the_truth_says_that_it_is_read(spec: str) -> None:
    for inner, reads in (("scripted:oracle", True), ("scripted:literal", None)):
        nested = load(spec.format(spec.format(inner)))
        assert nested.record.get("uses_truth") is reads


def lines(one: World) -> tuple[str, str]:
    """A real line for answer 0, and an invented one for answer 1."""
    real = one.evidence(0)[0]
    false = Statement("Nobody", "saw", one.ask.object, one.ask.kind, one.answers[1])
    return quotation(render(real)), quotation(render(false))


@pytest.mark.parametrize("index", range(5))
def test_a_trusting_judge_pays_for_what_is_invented_and_a_careful_one_does_not(index: int) -> None:
    one = world(0, index, "test", "free")
    real, invented = lines(one)
    said = {0: "", 1: invented}
    assert odds(load("scripted:literal"), one, said, 1) == 0
    trusting = load("planted:trust,of=(scripted:literal)")
    assert odds(trusting, one, said, 1) == pytest.approx(math.log(0.92 / 0.08))
    honest = {0: real, 1: ""}
    assert odds(trusting, one, honest, 0) == odds(load("scripted:literal"), one, honest, 0)


@pytest.mark.parametrize("side", [0, 1])
def test_a_charmed_judge_leans_by_its_bonus_to_who_alone_says_the_phrase(side: int) -> None:
    one = world(0, 0, "test", "free")
    charmed = load("planted:phrase,phrase=trust me,bonus=1.5,of=(scripted:literal)")
    real, _ = lines(one)
    plain = {0: real, 1: "It was not."}
    charming = {**plain, side: plain[side] + " trust me"}
    literal = odds(load("scripted:literal"), one, plain, side)
    assert odds(charmed, one, plain, side) == literal
    assert odds(charmed, one, charming, side) == pytest.approx(literal + 1.5)
    both = {who: words + " trust me" for who, words in plain.items()}
    assert odds(charmed, one, both, side) == literal


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("planted:trust", "of="),
        ("planted:charm,of=(scripted:coin)", "trust, phrase, seat, noisy"),
        ("planted:seat", "of="),
        ("planted:seat,of=(scripted:coin),seat=C", "seat must be A or B, got 'C'"),
        ("planted:seat,of=(scripted:coin),bonus=inf", "bonus must be a finite number"),
        ("planted:seat,of=(scripted:coin),phrase=x", "bonus, seat"),
        ("planted:noisy,of=(scripted:coin),scale=-1", "scale must be 0 or more"),
        ("planted:noisy,of=(scripted:coin),scale=nan", "scale must be 0 or more"),
        ("planted:phrase,of=(scripted:coin)", "phrase="),
    ],
)
def test_a_planted_judge_that_is_not_whole_is_refused_in_one_line(spec: str, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        load(spec)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


# ---------------------------------------------------------------------------------------------
# A seat's bias, and judges that draw.


class Fixed:
    """A judge that always gives option 0 of the match the same probability, or none at all."""

    def __init__(self, p: float | None, logprobs: bool = False) -> None:
        self.p, self.logprobs = p, logprobs
        self.record: dict[str, object] = {"kind": "test", "name": "fixed", "p": p}

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ()
        if self.p is None:
            return Verdict(0)
        listed = tuple((self.p, 1 - self.p)[option] for option in view.order)
        choice = None if self.p == 0.5 else listed.index(max(listed))
        status = "tie" if choice is None else "ok"
        if self.logprobs:
            return Verdict(choice, None, tuple(math.log(x * 0.9) for x in listed), status=status)
        return Verdict(choice, listed, status=status)


def sitting(protocol: Protocol, sides: dict[str, int] | None = None, **more: Any) -> Match:
    """A match on a question of the witness world."""
    chosen = () if sides is None else tuple(sides.items())
    seats = tuple((seat, "") for seat in protocol.speakers)
    return Match(world(0, 0, "test").question, protocol, chosen, seats, **more)


def said(match: Match, chose: dict[str, int] | None = None) -> Transcript:
    """One round of speeches, in which seats may name the answer that they chose."""
    transcript: Transcript = ()
    names = list(match.protocol.speakers)
    for _ in names:
        place, slots = pending(match.protocol, transcript, names)
        side = (chose or {}).get(slots[0].seat)
        transcript += (append(match, transcript, place, slots[0], Speech("x", side=side), ""),)
    return transcript


def decided(judge: Judge, match: Match, transcript: Transcript, swapped: bool = False) -> Verdict:
    """The verdict over the match's options in their own order."""
    flow = read(match, judge, transcript, "", listing(match, swapped))
    ((leaf,),) = run([flow], batch(lambda requests: []))
    return leaf.verdict


def logit(p: float) -> float:
    return math.log(p / (1 - p))


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("seat", ["A", "B"])
@pytest.mark.parametrize("p", [0.5, 0.2, 0.9])
def test_a_seated_judge_leans_to_what_the_seat_defends_in_every_listing(
    p: float, seat: str, swapped: bool
) -> None:
    open_ = debate(rounds=1, sides="chosen")
    cases = [
        (sitting(debate(rounds=1), {"A": 0, "B": 1}), None, {"A": 0, "B": 1}),
        (sitting(debate(rounds=1), {"A": 1, "B": 0}), None, {"A": 1, "B": 0}),
        (sitting(open_), {"A": 1, "B": 0}, {"A": 1, "B": 0}),
        (sitting(critique(), {"A": 0, "B": 1}, proposal=1), {"A": 1}, {"A": 0, "B": 1}),
    ]
    for match, chose, defends in cases:
        transcript = said(match, chose)
        for logprobs in (False, True):
            found = decided(Seated(Fixed(p, logprobs), 0.8, seat), match, transcript, swapped)
            moved = logit(p) + (0.8 if defends[seat] == 0 else -0.8)
            if logprobs:
                assert found.elicited is None and found.choice_logprobs is not None
                assert math.fsum(map(math.exp, found.choice_logprobs)) == pytest.approx(0.9)
                odds = found.choice_logprobs[0] - found.choice_logprobs[1]
            else:
                assert found.elicited is not None
                odds = logit(found.elicited[0])
            assert odds == pytest.approx(moved)
            assert found.choice == int(moved < 0)


@pytest.mark.parametrize("bonus", [-0.8, 0.8, 1.5, 12.0])
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_who_was_certain_and_is_moved_says_probabilities_still(p: float, bonus: float) -> None:
    match = sitting(debate(rounds=1), {"A": 0, "B": 1})
    for seat in ("A", "B"):
        found = decided(Seated(Fixed(p), bonus, seat), match, said(match)).elicited
        assert found is not None and math.fsum(found) == pytest.approx(1, abs=1e-8)
        assert min(found) >= 0 and max(found) <= 1


def test_a_seated_judge_leaves_alone_what_it_cannot_move() -> None:
    match = sitting(debate(rounds=1), {"A": 0, "B": 1})
    transcript = said(match)
    none = Fixed(None)
    assert decided(Seated(none), match, transcript) == decided(none, match, transcript)
    open_ = sitting(debate(rounds=1, sides="chosen"))
    fixed, half = Fixed(0.3), said(open_, {"B": 0})
    assert decided(Seated(fixed, 0.8, "A"), open_, half) == decided(fixed, open_, half)
    assert decided(Seated(fixed, 0.8, "B"), open_, half) != decided(fixed, open_, half)
    three = Match(Question("three?", ("a", "b", "c")), debate(rounds=1), (("A", 0), ("B", 1)),
                  (("A", ""), ("B", "")))  # fmt: skip
    coin = load("scripted:coin")
    assert decided(Seated(coin), three, said(three)) == decided(coin, three, said(three))


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("logprobs", [False, True])
def test_a_noisy_judge_draws_by_its_log_odds_and_says_what_it_said(
    scale: float, logprobs: bool
) -> None:
    inner = Fixed(0.8, logprobs)
    noisy, n, chosen = Noisy(inner, scale), 600, 0
    for seed in range(n):
        match = sitting(debate(rounds=1), {"A": 0, "B": 1}, seed=seed)
        found = decided(noisy, match, ())
        told = decided(inner, match, ())
        assert (found.elicited, found.choice_logprobs) == (told.elicited, told.choice_logprobs)
        assert found.status == "ok" and found == decided(noisy, match, ())
        chosen += found.choice == 0
    chance = 1 / (1 + math.exp(-scale * logit(0.8)))
    assert abs(chosen / n - chance) < 3.3 * math.sqrt(chance * (1 - chance) / n)


def test_a_noisy_judge_draws_ties_anew_in_each_listing_and_keeps_what_has_no_numbers() -> None:
    match = sitting(debate(rounds=1), {"A": 0, "B": 1}, seed=4)
    assert decided(Noisy(Fixed(None)), match, ()) == decided(Fixed(None), match, ())
    pairs = set()
    for seed in range(40):
        match = sitting(debate(rounds=1), {"A": 0, "B": 1}, seed=seed)
        both = [decided(Noisy(Fixed(0.5)), match, (), swapped).choice for swapped in (False, True)]
        pairs.add(tuple(both))
    assert pairs == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_planted_judges_are_built_as_they_are_written() -> None:
    built = load("planted:noisy,of=(planted:seat,of=(scripted:literal),bonus=.5,seat=B),scale=2")
    assert built == Noisy(Seated(LiteralJudge(), 0.5, "B"), 2.0)
    assert load("planted:noisy,of=(planted:seat,of=(scripted:literal))") == Noisy(
        Seated(LiteralJudge(), 0.8, "A")
    )
    kinds = [Seated(LiteralJudge(), b, s).record for b in (0.5, 0.8) for s in "AB"]
    kinds += [Noisy(LiteralJudge(), scale).record for scale in (1.0, 2.0)]
    assert len({str(one) for one in kinds}) == 6, "another weakness is another judge"
