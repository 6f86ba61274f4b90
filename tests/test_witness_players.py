"""Scripted witness debaters and Bayes judges, played by the referee on text alone."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from agents.witness import WitnessDebater
from arena.flow import Flow
from arena.match import Match, Option, Seen, Shown, View, participant_id, view
from arena.play import play, read
from arena.protocols import (
    BUILT_IN,
    JUDGE,
    Protocol,
    Slot,
    consultancy,
    critique,
    cross_critique,
    debate,
    expert,
    naive,
)
from arena.sources.witness import World, world
from arena.sources.witness_text import Statement, Withdrawal, parse
from arena.turns import Verdict
from judges.bayes import LiteralJudge, StrategicJudge

T = TypeVar("T")
SKILLED = (0.9, 0.8, 0.9)


def finished(flow: Flow[T]) -> T:
    """The result of a flow that asks nothing."""
    with pytest.raises(StopIteration) as stop:
        next(flow)
    return stop.value.value  # type: ignore[no-any-return]


def matches(protocol: Protocol, worlds: list[World], seats: tuple[str, ...]) -> list[Match]:
    """Each world once, the seat of the truth alternating."""
    made = []
    for i, one in enumerate(worlds):
        first = i % 2
        if protocol.options == "answers":
            sides = tuple(
                (seat, (first + n) % 2)
                for n, seat in enumerate(seats)
                if protocol.sides == "assigned"
            )
            proposal = None
        else:
            sides, proposal = (("A", 0), ("B", 1)), first
        who = tuple((seat, "x") for seat in seats)
        made.append(Match(one.question, protocol, sides, who, 0, proposal))
    return made


def accuracy(
    protocol: Protocol,
    worlds: list[World],
    agent: WitnessDebater,
    judge: LiteralJudge | StrategicJudge,
) -> float:
    """Share of right verdicts, ties counting one half."""
    seats = protocol.speakers
    score = 0.0
    for match, one in zip(matches(protocol, worlds, seats), worlds, strict=True):
        spoken = finished(play(match, dict.fromkeys(seats, agent)))
        verdict = finished(read(match, judge, spoken, "j"))[-1].verdict
        truth = one.truth
        if protocol.options != "answers":
            trial = next(t.speech.side for t in spoken if t.kind == "answer")
            truth = 0 if trial == one.truth else 1
        score += 0.5 if verdict.choice is None else float(verdict.choice == truth)
    return score / len(worlds)


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return [world(99, i) for i in range(800)]


@pytest.fixture(scope="module")
def free_worlds() -> list[World]:
    return [world(99, i, faces="free") for i in range(400)]


@pytest.mark.parametrize(
    ("protocol", "literal", "strategic"),
    [
        (naive(), 0.5, 0.5),
        (expert(), 1.0, 1.0),
        (consultancy(), 0.5, 0.529),
        (debate(rounds=1), 0.526, 0.532),
        (debate(), 0.883, 0.921),
        (debate(simultaneous=False), 0.883, 0.921),
        (cross_critique(), 0.883, 0.921),
    ],
    ids=lambda value: value.name if isinstance(value, Protocol) else "",
)
def test_played_matches_meet_the_expected_accuracies(
    protocol: Protocol, literal: float, strategic: float, worlds: list[World]
) -> None:
    agent = WitnessDebater(*SKILLED)
    for judge, expected in ((LiteralJudge(), literal), (StrategicJudge(*SKILLED), strategic)):
        assert accuracy(protocol, worlds, agent, judge) == pytest.approx(expected, abs=0.05)


def test_optimal_debate_is_nearly_always_right_and_optimal_consultancy_is_not(
    worlds: list[World],
) -> None:
    best = WitnessDebater()
    assert accuracy(debate(), worlds, best, LiteralJudge()) > 0.96
    assert accuracy(debate(), worlds, best, StrategicJudge()) > 0.96
    assert accuracy(consultancy(), worlds, best, StrategicJudge()) < 0.58
    assert accuracy(debate(rounds=1), worlds, best, StrategicJudge()) < 0.58


def test_a_strategic_judge_reads_free_faces_from_one_side_alone(free_worlds: list[World]) -> None:
    best = WitnessDebater()
    assert accuracy(consultancy(), free_worlds, best, LiteralJudge()) == pytest.approx(
        0.5, abs=0.05
    )
    assert accuracy(consultancy(), free_worlds, best, StrategicJudge(faces="free")) > 0.88
    assert accuracy(debate(rounds=1), free_worlds, best, LiteralJudge()) > 0.9


@pytest.mark.parametrize("reply", [False, True])
def test_a_critic_exposes_a_withdrawn_line_to_a_judge_who_knows_critics(
    reply: bool, worlds: list[World]
) -> None:
    best = WitnessDebater()
    assert accuracy(critique(reply), worlds, best, StrategicJudge()) > 0.93


def test_a_proposer_and_open_speakers_announce_the_answer_that_they_choose(
    worlds: list[World],
) -> None:
    best = WitnessDebater()
    for protocol in (consultancy(sides="chosen"), debate(sides="chosen")):
        for match, one in zip(
            matches(protocol, worlds[:50], protocol.speakers), worlds, strict=False
        ):
            spoken = finished(play(match, dict.fromkeys(protocol.speakers, best)))
            assert {turn.speech.side for turn in spoken} == {one.truth}
    match = replace(matches(critique(), worlds[:1], ("A", "B"))[0], proposal=None)
    spoken = finished(play(match, {"A": best, "B": best}))
    assert [turn.speech.side for turn in spoken] == [worlds[0].truth, None]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_protocol_is_played_to_its_end(name: str, worlds: list[World]) -> None:
    protocol = BUILT_IN[name]
    seats = (*protocol.speakers, JUDGE)
    for judge in (LiteralJudge(), StrategicJudge(*SKILLED)):
        for i, match in enumerate(matches(protocol, worlds[:8], protocol.speakers)):
            match = replace(match, seats=tuple((seat, "x") for seat in seats), seed=i)
            cast: dict[str, Any] = dict.fromkeys(protocol.speakers, WitnessDebater(*SKILLED))
            transcript = finished(play(match, cast | {JUDGE: judge}))
            assert transcript[-1].kind == "verdict"
            for turn in transcript:
                if turn.kind in ("speech", "answer", "critique"):
                    assert turn.speech.status == "ok"
                    assert all(quote.span for quote in turn.speech.quotes)
                    assert len(turn.speech.quotes) <= 1


def test_play_is_the_same_whatever_is_true(worlds: list[World]) -> None:
    agent, judge = WitnessDebater(*SKILLED), StrategicJudge(*SKILLED)
    for one in worlds[:20]:
        played = []
        for told in (one, replace(one, truth=1 - one.truth)):
            match = matches(debate(), [told], ("A", "B"))[0]
            spoken = finished(play(match, {"A": agent, "B": agent}))
            played.append((match, spoken, finished(read(match, judge, spoken, "j"))))
        assert played[0] == played[1]


def test_openings_cite_an_own_line_and_rebuttals_what_withdraws_the_others(
    worlds: list[World],
) -> None:
    best = WitnessDebater()
    for match, one in zip(matches(debate(), worlds[:200], ("A", "B")), worlds, strict=False):
        spoken = finished(play(match, {"A": best, "B": best}))
        passage = one.passage
        shown: dict[str, Statement] = {}
        for turn in spoken:
            cited = [parse(passage[slice(*q.span)]) for q in turn.speech.quotes if q.span]
            if turn.place == 0:
                assert isinstance(cited[0], Statement)
                assert one.supports(cited[0]) == match.side(turn.seat)
                standing = [
                    line for line in one.evidence(match.side(turn.seat) or 0)
                    if one.withdrawn_by(line) is None
                ]  # fmt: skip
                assert not standing or one.withdrawn_by(cited[0]) is None
                shown[turn.seat] = cited[0]
            else:
                theirs = shown["B" if turn.seat == "A" else "A"]
                if one.withdrawn_by(theirs) is None:
                    assert not cited
                else:
                    assert isinstance(cited[0], Withdrawal)
                    assert cited[0].witness == theirs.witness


def test_noise_comes_from_the_views_seed_alone(worlds: list[World]) -> None:
    match = matches(debate(), worlds[:1], ("A", "B"))[0]
    slot = match.protocol.opening[0].slots[0]
    agent = WitnessDebater(0.5, 0.5, 0.5)
    said = {
        seed: finished(agent.speak(view(match, (), slot, 0, seed=seed))).text for seed in range(40)
    }
    assert len(set(said.values())) > 3
    assert said[7] == finished(agent.speak(view(match, (), slot, 0, seed=7))).text


def judged(
    judge: LiteralJudge | StrategicJudge, one: World, order: tuple[int, int], *turns: Seen
) -> Verdict:
    """A verdict on hand-made turns, with the options listed in ``order``."""
    answers = tuple(Option(label, text) for label, text in zip("AB", one.answers, strict=True))
    seen = View(
        question_id="q", question=one.ask.text, answers=answers,
        options=tuple(answers[i] for i in order), order=order, seat=JUDGE, role="judge",
        slot=Slot(JUDGE, "verdict"), place=2, side=None, goal=None, passage=None, quotes="none",
        turns=turns,
    )  # fmt: skip
    return finished(judge.decide(seen))


def test_probabilities_come_in_the_order_of_the_listing(worlds: list[World]) -> None:
    one = worlds[0]
    line = one.evidence(0)[0]
    text = next(t for t in one.passage.split("\n") if parse(t) == line)
    turn = Seen(0, "A", "speech", "See [1].", (Shown(4, 7, text),))
    listed = judged(LiteralJudge(), one, (0, 1), turn)
    swapped = judged(LiteralJudge(), one, (1, 0), turn)
    assert listed.elicited is not None and swapped.elicited == listed.elicited[::-1]
    assert (listed.choice, swapped.choice) == (0, 1) and listed.elicited[0] > 0.5


def test_nothing_shown_and_nothing_verified_are_ties(worlds: list[World]) -> None:
    for judge in (LiteralJudge(), StrategicJudge(*SKILLED)):
        invented = Seen(0, "A", "speech", "See [99].", (Shown(4, 8, None),))
        for turns in ((), (invented,)):
            verdict = judged(judge, worlds[0], (0, 1), *turns)
            assert verdict.status == "tie" and verdict.choice is None
            assert verdict.elicited == (0.5, 0.5)


def test_a_quotation_of_several_lines_is_read_line_by_line(worlds: list[World]) -> None:
    one = worlds[0]
    whole = Seen(0, "A", "speech", "See [1-30].", (Shown(4, 10, one.passage),))
    verdict = judged(LiteralJudge(), one, (0, 1), whole)
    assert verdict.choice == one.truth


def test_a_world_of_another_source_is_a_tie_and_no_error() -> None:
    one = World(world(0, 0).ask, ("yes", "no"), 0, ())
    turn = Seen(0, "A", "speech", "It is so.", (Shown(0, 2, "Any words at all."),))
    for judge in (LiteralJudge(), StrategicJudge()):
        assert judged(judge, one, (0, 1), turn).status == "tie"


def test_records_name_the_script_and_its_numbers() -> None:
    ids = {
        participant_id(who)
        for who in (
            WitnessDebater(1, 1, 1), WitnessDebater(1.0, 1.0, 1.0), WitnessDebater(0.5),
            LiteralJudge(), StrategicJudge(), StrategicJudge(faces="free"),
        )
    }  # fmt: skip
    assert len(ids) == 5
    with pytest.raises(ValueError, match="p is a chance"):
        WitnessDebater(p=1.5)
    with pytest.raises(ValueError, match="faces must be"):
        StrategicJudge(faces="round")  # type: ignore[arg-type]


@pytest.mark.check
def test_a_speech_and_a_verdict_take_a_fraction_of_a_millisecond(
    worlds: list[World],
) -> None:
    agent, judge = WitnessDebater(*SKILLED), StrategicJudge(*SKILLED)
    made = matches(debate(), worlds[:300], ("A", "B"))
    slot = debate().opening[0].slots[0]
    views = [view(match, (), slot, 0) for match in made]
    begin = time.perf_counter()
    for seen in views:
        finished_fast(agent.speak(seen))
    assert (time.perf_counter() - begin) / len(views) < 400e-6
    spoken = [finished(play(match, {"A": agent, "B": agent})) for match in made]
    verdict = Slot(JUDGE, "verdict")
    views = [view(match, turns, verdict) for match, turns in zip(made, spoken, strict=True)]
    begin = time.perf_counter()
    for seen in views:
        finished_fast(judge.decide(seen))
    assert (time.perf_counter() - begin) / len(views) < 400e-6


def finished_fast(flow: Flow[Any]) -> None:
    """Drive a flow that asks nothing, without pytest's bookkeeping."""
    for _ in flow:
        raise AssertionError("a scripted player asks nothing")
