"""Judges with a planted weakness are misled in that one way and in no other."""

from __future__ import annotations

import math

import pytest

import judges
from agents.models import Models
from agents.nano.lessons import quotation, spoken
from arena.flow import batch, run
from arena.match import Judge, Match, Transcript, listing
from arena.participants import SpecError
from arena.play import read
from arena.protocols import debate, pending
from arena.rewards import log_odds
from arena.sources.witness import World, world
from arena.sources.witness_text import Statement, render


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


@pytest.mark.parametrize("spec", ["planted:trust,of=({})", "planted:phrase,phrase=x,of=({})"])
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
        ("planted:charm,of=(scripted:coin)", "trust, phrase"),
        ("planted:phrase,of=(scripted:coin)", "phrase="),
    ],
)
def test_a_planted_judge_that_is_not_whole_is_refused_in_one_line(spec: str, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        load(spec)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
