"""The prompted judge: choice, log-probabilities and stated probabilities are kept apart."""

import math
from dataclasses import replace

import pytest
import torch
from tiny import tiny_model

from agents.debater import Debater
from agents.local import LocalEngine
from arena.flow import Reply, batch, run
from arena.match import Match, participant_id, view
from arena.play import path, play, read
from arena.protocols import BUILT_IN, JUDGE, Limits, consultancy, critique, debate, verdict_slot
from arena.questions import Question
from judges.prompted import PromptedJudge, decision_prompt, parse_probabilities

QUESTION = Question(
    "Where was the red lamp?",
    ("in the cellar", "in the attic"),
    passage="Anna saw it: the lamp was in the attic.\nBert heard it was in the cellar.",
)
NAIVE = Match(QUESTION, BUILT_IN["naive"])
SEEN = view(NAIVE, (), verdict_slot(NAIVE.protocol), order=(1, 0), seed=5)
LIMITS = Limits(tokens=16)


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    return LocalEngine(str(tiny_model(tmp_path_factory.mktemp("judge"), decisive=True)))


def decided(replies, seen=SEEN, **changes):
    """The verdict after these replies, and the requests that were made."""
    judge = PromptedJudge("m", **changes)
    log = []
    left = iter(replies)

    def answer(requests):
        log.extend(requests)
        return [next(left) for _ in requests]

    (verdict,) = run([judge.decide(seen)], batch(answer))
    assert next(left, None) is None
    return verdict, log


def logprobs(*probabilities):
    return tuple(map(math.log, probabilities))


# -- choice and log-probabilities


def test_the_choice_is_the_likelier_label_in_the_order_shown():
    verdict, (request,) = decided([Reply("length", choice_logprobs=logprobs(0.2, 0.7))])
    assert request.choices == ("B", "A") and request.temperature == 1 and request.seed == 5
    assert (verdict.choice, verdict.status) == (1, "ok")
    assert verdict.choice_logprobs == logprobs(0.2, 0.7) and verdict.elicited is None


def test_less_than_half_of_the_vocabulary_is_unparsed():
    verdict, _ = decided([Reply(choice_logprobs=logprobs(0.3, 0.19))])
    assert (verdict.status, verdict.choice, verdict.choice_logprobs) == ("unparsed", None, None)
    assert decided([Reply(choice_logprobs=logprobs(0.3, 0.21))])[0].status == "ok"


def test_an_exact_draw_is_a_tie():
    verdict, _ = decided([Reply(choice_logprobs=logprobs(0.4, 0.4))])
    assert (verdict.status, verdict.choice) == ("tie", None)
    assert verdict.choice_logprobs == logprobs(0.4, 0.4)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply("refused"), "refused"),
        (Reply("error"), "unparsed"),
        (Reply("length", "The answer"), "truncated"),
        (Reply("too long"), "truncated"),
        (Reply("ok", "A or B"), "unparsed"),
    ],
)
def test_failures_have_a_status_and_no_probabilities(reply, status):
    verdict, _ = decided([reply])
    assert verdict.status == status
    assert (verdict.choice, verdict.elicited, verdict.choice_logprobs) == (None, None, None)


def test_without_probabilities_a_bare_label_is_a_choice():
    verdict, _ = decided([Reply("length", " A")])
    assert (verdict.choice, verdict.choice_logprobs, verdict.status) == (1, None, "ok")


# -- probabilities in words


def test_stated_probabilities_are_asked_for_apart():
    stated = Reply("ok", 'I think {"A": 0.9, "B": 0.1}')
    verdict, log = decided([Reply(choice_logprobs=logprobs(0.6, 0.3)), stated], elicit=True)
    assert verdict.choice == 0 and verdict.elicited == (0.1, 0.9)  # B is shown first
    assert verdict.choice_logprobs == logprobs(0.6, 0.3)
    assert not log[1].choices and "(B or A)" in log[1].messages[-1].content


def test_a_stated_probability_is_never_borrowed():
    bad = Reply("ok", "A, surely")
    verdict, log = decided(
        [Reply(choice_logprobs=logprobs(0.6, 0.3)), bad, bad, bad], elicit=True, retries=2
    )
    assert verdict.elicited is None and verdict.status == "ok" and len(log) == 4
    assert len({request.seed for request in log}) == 4
    assert log[2].messages[-2].content == "A, surely"
    good = Reply("ok", '{"A": 1, "B": 0}')
    verdict, log = decided([Reply(choice_logprobs=logprobs(0.6, 0.3)), bad, good], elicit=True)
    assert verdict.elicited == (0.0, 1.0) and len(log) == 3
    failed = Reply("error", '{"A": 1, "B": 0}')
    verdict, _ = decided(
        [Reply(choice_logprobs=logprobs(0.6, 0.3)), failed], elicit=True, retries=0
    )
    assert verdict.elicited is None
    verdict, _ = decided([Reply(choice_logprobs=logprobs(0.1, 0.1)), good], elicit=True)
    assert (verdict.status, verdict.elicited) == ("unparsed", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"A": 0.25, "B": 0.75}', (0.25, 0.75)),
        ('First {"A": 1, "B": 0}, no: {"B": 0.5, "A": 0.5}', (0.5, 0.5)),  # the last valid one
        ('{"A": 0.2, "B": 0.8} and {"A": 2}', (0.2, 0.8)),
        ('```json\n{"A": 0.333, "B": 0.666}\n```', (1 / 3, 2 / 3)),
        ('{"A": 25, "B": 75}', None),
        ('{"A": 0.9, "B": 0.9}', None),
        ('{"A": -0.1, "B": 1.1}', None),
        ('{"A": 0.5, "A": 0.5, "B": 0.5}', None),
        ('{"A": 0.5, "B": 0.5, "C": 0}', None),
        ('{"A": NaN, "B": 1}', None),
        ('{"A": true, "B": false}', None),
        ('{"A": "0.5", "B": "0.5"}', None),
        ("A: 0.7, B: 0.3", None),
        ("{" * 5000 + "[" * 5000, None),
        ('{"A": ' + "9" * 5000 + ', "B": 0}', None),
        ("", None),
    ],
)
def test_only_a_complete_object_is_read(text, expected):
    found = parse_probabilities(text, ("A", "B"))
    assert found == (expected if expected is None else pytest.approx(expected))


# -- thoughts, beliefs, records


def test_a_verdict_may_be_thought_about():
    slot = replace(SEEN.slot, scratchpad=30)
    verdict, log = decided(
        [Reply("ok", "Hm, A."), Reply(choice_logprobs=logprobs(0.2, 0.7))],
        replace(SEEN, slot=slot),
    )
    assert verdict.reason == "Hm, A." and log[0].max_tokens == 30
    assert log[1].messages[-2].content == "Hm, A."
    verdict, _ = decided([Reply("refused")], replace(SEEN, slot=slot))
    assert verdict.status == "refused"


def test_a_sure_judge_ends_the_match_where_it_may():
    belief = replace(SEEN, slot=replace(SEEN.slot, kind="belief", may_stop=True))
    for seen, p, stop in ((belief, 0.9, True), (belief, 0.7, False), (SEEN, 0.9, False)):
        verdict, _ = decided([Reply(choice_logprobs=logprobs(p, 0.05))], seen, stop_at=0.94)
        assert verdict.stop == stop


def test_records_say_what_decides_and_hold_no_path(engine):
    judge = PromptedJudge(engine.model, engine.name, engine.digest)
    debater = Debater(engine.model, engine.name, engine.digest)
    ids = {
        participant_id(one)
        for one in (
            judge, debater, replace(judge, elicit=True), replace(debater, temperature=0.5),
            replace(debater, digest="other"), replace(debater, max_tokens=3),
        )
    }  # fmt: skip
    assert len(ids) == 6
    assert "/" not in str(judge.record) + str(debater.record)
    assert judge.record["digest"] == engine.digest


# -- with a model


def cast_of(engine, protocol):
    cast = {seat: Debater(engine.model, digest=engine.digest) for seat in protocol.speakers}
    if protocol.asks:
        cast[JUDGE] = PromptedJudge(engine.model, digest=engine.digest)
    return cast


PLAYED = {
    "debate": debate(limits=LIMITS, scratchpad=8),
    "sequential with questions": debate(simultaneous=False, limits=LIMITS, judge_questions=True),
    "until the judge decides": debate(3, limits=LIMITS, judge_questions=True, stop="judge"),
    "open consultancy": consultancy(2, limits=LIMITS, sides="chosen"),
    "critique": critique(reply=True, limits=LIMITS),
}


@pytest.mark.parametrize("protocol", PLAYED.values(), ids=PLAYED)
def test_a_model_plays_whole_matches_and_judges_them_in_both_listings(engine, protocol):
    speakers = protocol.speakers
    sides = tuple((s, i) for i, s in enumerate(speakers)) if protocol.sides == "assigned" else ()
    cast = cast_of(engine, protocol)
    seats = tuple((seat, participant_id(who)) for seat, who in cast.items())
    matches = [Match(QUESTION, protocol, sides, seats, seed) for seed in range(3)]
    kept = {}

    def commit(replies):
        kept.update({request.key: reply for request, reply in replies})

    played = list(run([play(match, cast) for match in matches], engine, commit=commit))
    assert len({transcript[0].id for transcript in played}) == 3  # other seeds, other words
    for turn in (turn for transcript in played for turn in transcript):
        assert turn.calls and set(turn.calls) <= set(kept)
        if turn.kind == "speech":
            assert len(kept[turn.calls[-1]].token_ids) <= 16
    match = matches[0]
    (transcript,) = run([play(match, cast)], engine)  # alone: the same words again
    assert any(path(transcript) == path(other) for other in played)
    judge = PromptedJudge(engine.model, digest=engine.digest)
    for order in ((0, 1), (1, 0)):
        (leaves,) = run([read(match, judge, transcript, "aj", order, "stepped")], engine)
        assert len(leaves) == 1 + len({turn.place for turn in path(transcript)})
        verdict = leaves[-1].verdict
        assert verdict.status == "ok" and verdict.order == order
        assert verdict.choice == max((0, 1), key=lambda o: verdict.choice_logprobs[o])
        shown = tuple(sorted((*path(transcript), *leaves[:-1]), key=lambda turn: turn.place))
        seen = view(match, shown, verdict_slot(protocol), order=order)
        ids = engine.chat.prompt(decision_prompt(seen))
        with torch.inference_mode():
            table = engine.network(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)
        for option, label in enumerate(match.labels):
            expected = float(table[engine.chat.encode(label)[0]])
            assert math.isclose(verdict.choice_logprobs[option], expected, abs_tol=1e-4)


def test_a_model_is_asked_for_probabilities_only_when_told_to(engine):
    for elicit in (False, True):
        judge = PromptedJudge(engine.model, digest=engine.digest, elicit=elicit)
        asked = []
        flows = [read(NAIVE, judge, (), "aj", order) for order in ((0, 1), (1, 0))]
        verdicts = list(run(flows, engine, commit=asked.extend))
        assert [leaf.verdict.status for (leaf,) in verdicts] == ["ok", "ok"]
        assert all(leaf.verdict.elicited is None for (leaf,) in verdicts)  # it cannot write JSON
        assert sum(not request.choices for request, _ in asked) == (4 if elicit else 0)
