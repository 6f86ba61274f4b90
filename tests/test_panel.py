"""Panels: every rule against brute force and its properties, and a panel's ratings of a run."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_ratings import ADA, BOB, CAROL, JUDGE, OTHER, Made, called, cell, key, season

from arena.config import ConfigError, validate
from arena.match import PERSON
from arena.panel import CLAMP, NO_PROBABILITIES, Decision, PanelBlock, Rule, Vote, decide, vote
from arena.questions import Question
from arena.ratings import cell_matches
from arena.stats import scores
from arena.store import Store, StoreError
from arena.turns import Verdict

RULES: tuple[Rule, ...] = get_args(Rule)


def likely(*p: float) -> Vote:
    """The vote of a member with these probabilities."""
    best = [i for i, one in enumerate(p) if one == max(p)]
    return Vote(best[0] if len(best) == 1 else None, p, "ok" if len(best) == 1 else "tie")


# ---------------------------------------------------------------------------------------------
# Against brute force.


@pytest.mark.parametrize("options", [2, 3])
@pytest.mark.parametrize("members", [1, 2, 3, 4])
def test_a_majority_is_what_counting_hands_gives(options: int, members: int) -> None:
    said: tuple[int | str | None, ...] = (*range(options), None, "unparsed", "refused")
    for votes in product(said, repeat=members):
        given_ = [
            Vote(None, None, one) if isinstance(one, str)
            else Vote(one, None, "tie" if one is None else "ok")
            for one in votes
        ]  # fmt: skip
        found = decide(given_, "majority", options)
        hands = [votes.count(i) for i in range(options)]
        leading = [i for i in range(options) if hands[i] == max(hands)]
        lost = Counter(one for one in votes if isinstance(one, str))
        assert found.missing == lost and found.voted == members - sum(lost.values())
        assert found.probabilities is None
        if not found.voted:
            assert (found.choice, found.status) == (None, "missing")
        elif len(leading) == 1:
            assert (found.choice, found.status) == (leading[0], "ok")
        else:
            assert (found.choice, found.status) == (None, "tie")


GRID = [Fraction(i, 20) for i in range(21)]


@pytest.mark.parametrize("members", [1, 2, 3])
def test_of_two_options_the_rules_are_the_mean_of_log_odds_and_the_middle(members: int) -> None:
    for chances in product(GRID, repeat=members):
        votes = [likely(float(p), float(1 - p)) for p in chances]
        held = [min(max(p, Fraction(1, 100)), Fraction(99, 100)) for p in chances]
        ratio = math.prod(p / (1 - p) for p in held)  # exact: its log is the sum of log-odds
        found = decide(votes, "mean log-odds", 2)
        assert found.choice == (None if ratio == 1 else int(ratio < 1))
        assert found.probabilities is not None
        odds = math.log(ratio) / members
        assert found.probabilities[0] == pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-12)
        ordered = sorted(chances)
        middle = (ordered[(members - 1) // 2] + ordered[members // 2]) / 2
        found = decide(votes, "median", 2)
        assert found.choice == (None if middle * 2 == 1 else int(middle * 2 < 1))
        assert found.probabilities == pytest.approx((float(middle), float(1 - middle)))


def test_of_three_options_logs_are_averaged_and_middles_taken_apart() -> None:
    said = [(0.6, 0.3, 0.1), (0.2, 0.5, 0.3), (0.1, 0.1, 0.8)]
    roots = [math.prod(column) ** (1 / 3) for column in zip(*said, strict=True)]
    found = decide([likely(*p) for p in said], "mean log-odds", 3)
    assert found.probabilities == pytest.approx([one / sum(roots) for one in roots])
    assert found.choice == roots.index(max(roots)) == 2
    found = decide([likely(*p) for p in said], "median", 3)
    assert found.probabilities == pytest.approx((0.25, 0.375, 0.375)) and found.status == "tie"


def test_certainty_is_held_where_scores_hold_it_and_outvotes_nobody_for_ever() -> None:
    assert CLAMP == scores.CLAMP == 0.01
    one = decide([likely(1.0, 0.0), likely(0.4, 0.6)], "mean log-odds", 2)
    same = decide([likely(0.99, 0.01), likely(0.4, 0.6)], "mean log-odds", 2)
    assert one == same and one.choice == 0
    three = [likely(1.0, 0.0), *[likely(0.1, 0.9)] * 3]
    assert decide(three, "mean log-odds", 2).choice == 1


def test_members_each_certain_of_another_option_are_a_tie_and_no_division_by_nothing() -> None:
    votes = [likely(1.0, 0.0, 0.0), likely(0.0, 1.0, 0.0), likely(0.0, 0.0, 1.0)]
    for rule in RULES:
        found = decide(votes, rule, 3)
        assert (found.choice, found.status, found.voted) == (None, "tie", 3)
    assert found.probabilities == pytest.approx((1 / 3, 1 / 3, 1 / 3))


# ---------------------------------------------------------------------------------------------
# Properties.


@st.composite
def panels(draw: st.DrawFn) -> tuple[list[Vote], int]:
    """Members with and without probabilities, missing ones among them."""
    options = draw(st.integers(2, 4))

    def member() -> Vote:
        kind = draw(st.sampled_from(["numbers", "numbers", "choice", "tie", "missing"]))
        if kind == "missing":
            return Vote(None, None, draw(st.sampled_from(["unparsed", "refused"])))
        if kind == "tie":
            return Vote(None, None, "tie")
        if kind == "choice":
            return Vote(draw(st.integers(0, options - 1)))
        weights = [draw(st.integers(0, 6)) for _ in range(options)]
        assume(sum(weights))
        return likely(*(one / sum(weights) for one in weights))

    return [member() for _ in range(draw(st.integers(0, 6)))], options


def moved(one: Vote, to: Sequence[int]) -> Vote:
    """The same vote where option i is called ``to[i]``."""
    p = None if one.p is None else tuple(one.p[to.index(i)] for i in range(len(to)))
    return Vote(None if one.choice is None else to[one.choice], p, one.status)


@given(panels(), st.sampled_from(RULES), st.randoms(use_true_random=False))
def test_who_speaks_first_decides_nothing(
    panel: tuple[list[Vote], int], rule: Rule, chance: Any
) -> None:
    votes, options = panel
    found = decide(votes, rule, options)
    chance.shuffle(votes)
    assert decide(votes, rule, options) == found


@given(panels(), st.sampled_from(RULES), st.data())
def test_no_option_is_preferred_for_its_number(
    panel: tuple[list[Vote], int], rule: Rule, data: st.DataObject
) -> None:
    votes, options = panel
    to = data.draw(st.permutations(range(options)))
    found, other = decide(votes, rule, options), None
    other = decide([moved(one, to) for one in votes], rule, options)
    assert other.choice == (None if found.choice is None else to[found.choice])
    assert (other.status, other.voted, other.missing) == (found.status, found.voted, found.missing)
    if found.probabilities is not None and other.probabilities is not None:
        back = [other.probabilities[to[i]] for i in range(options)]
        assert back == pytest.approx(found.probabilities, abs=1e-12)


@given(panels(), st.sampled_from(RULES))
def test_what_all_members_say_the_panel_says(panel: tuple[list[Vote], int], rule: Rule) -> None:
    votes, options = panel
    agreed = [one for one in votes if one.p is not None and one.choice == votes[0].choice]
    assume(agreed and agreed[0].choice is not None)
    found = decide(agreed, rule, options)
    assert (found.choice, found.status, found.voted) == (agreed[0].choice, "ok", len(agreed))
    assert not found.missing


@given(panels(), st.sampled_from(RULES))
def test_everybody_is_counted_once_and_numbers_are_probabilities(
    panel: tuple[list[Vote], int], rule: Rule
) -> None:
    votes, options = panel
    found = decide(votes, rule, options)
    assert found.voted + sum(found.missing.values()) == len(votes)
    assert all(n > 0 for n in found.missing.values())
    assert (found.status == "missing") == (not found.voted)
    assert (found.status == "ok") == (found.choice is not None)
    if found.probabilities is not None:
        assert sum(found.probabilities) == pytest.approx(1) and min(found.probabilities) >= 0
    without = [one for one in votes if one.status in ("ok", "tie")]
    again = decide(without, rule, options)
    assert (again.choice, again.probabilities) == (found.choice, found.probabilities)


# ---------------------------------------------------------------------------------------------
# Who is missing, and what cannot be.


def test_a_member_without_probabilities_is_missing_where_the_rule_is_made_of_them() -> None:
    votes = [likely(0.3, 0.7), Vote(0), Vote(0), Vote(None, None, "unparsed")]
    assert decide(votes, "majority", 2) == Decision(0, None, "ok", 3, {"unparsed": 1})
    for rule in ("mean log-odds", "median"):
        found = decide(votes, rule, 2)  # type: ignore[arg-type]
        assert (found.choice, found.voted) == (1, 1)
        assert found.missing == {NO_PROBABILITIES: 2, "unparsed": 1}
        assert decide(votes[1:], rule, 2) == Decision(  # type: ignore[arg-type]
            None, None, "missing", 0, {NO_PROBABILITIES: 2, "unparsed": 1}
        )
    assert decide([], "majority", 2) == Decision(None, None, "missing", 0, {})


def test_verdicts_are_votes_and_elicited_probabilities_come_first() -> None:
    said = Verdict(1, elicited=(0.4, 0.6), choice_logprobs=(math.log(0.3), math.log(0.1)))
    assert vote(said) == Vote(1, (0.4, 0.6), "ok")
    assert vote(Verdict(0, None, said.choice_logprobs)).p == pytest.approx((0.75, 0.25))
    assert vote(Verdict(status="refused")) == Vote(None, None, "refused")
    assert decide([said], "median", 2) == decide([Vote(1, (0.4, 0.6))], "median", 2)


@pytest.mark.parametrize(
    ("votes", "rule", "said"),
    [
        ([Vote(2)], "majority", "expected a choice from 0 to 1, got 2"),
        ([Vote(0, (0.5, 0.3, 0.2))], "median", "expected 2 probabilities"),
        ([Vote(0, (0.7, 0.7))], "mean log-odds", "sum to 1, got a sum of 1.4"),
        ([Vote(0, (math.nan, 0.5))], "median", "expected 2 probabilities"),
    ],
)
def test_votes_that_cannot_be_are_refused_in_a_line(
    votes: list[Vote], rule: Rule, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        decide(votes, rule, 2)
    assert "\n" not in str(refused.value)


def test_a_panel_is_read_from_a_file_and_what_does_not_fit_is_named() -> None:
    block = validate(PanelBlock, {"rule": "median", "judges": ["a", "b"]}, "x.yaml")
    assert block == PanelBlock("median", ("a", "b"))
    assert validate(PanelBlock, {}, "x.yaml") == PanelBlock("majority")
    for wrong, said in (
        ({"rule": "loudest"}, "rule"), ({"judges": ["a", "a"]}, "'a' twice"),
        ({"members": []}, "members: no such field"), ({"judges": "a"}, "judges"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=said) as refused:
            validate(PanelBlock, wrong, "x.yaml")
        assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="rule must be one of 'majority'"):
        PanelBlock("loudest")  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------
# A panel's ratings.

THIRD = called("third")
FIVE = (JUDGE, OTHER, THIRD)


@pytest.fixture
def made() -> Iterator[Made]:
    with Store(None) as store:
        yield Made(store)


def declares(made: Made, **config: Any) -> None:
    """Keep the run with a file that says this."""
    made.store.start_run(made.name, "tournament", config, {})
    made.store.write(made.batch)


def judged(made: Made) -> list[str]:
    """Ada meets Bob on five questions, Bob meets Carol on one; three judges, not all of one mind.

    The majority: Ada wins the first two, ties the third, loses the fourth and nobody decides the
    fifth.
    """
    choices: list[tuple[Any, ...]] = [
        (0, 0, 1), (0, "unparsed", 0), (0, 1, None), (1, "refused", None), ("unparsed",) * 3,
    ]  # fmt: skip
    out = []
    for n, said in enumerate(choices):
        on = made.meet(ADA, BOB, n)
        out.append(on[0].id)
        for who, one in zip(FIVE, said, strict=True):
            status = one if isinstance(one, str) else None
            made.say(on, one if isinstance(one, int) else None, who, status=status)
    on = made.meet(BOB, CAROL, 7)
    for who in FIVE:
        made.say(on, 0, who)
    out.append(on[0].id)
    return out


def test_a_panels_match_is_one_comparison_by_what_the_judges_decide_together(made: Made) -> None:
    matches = judged(made)
    alone = made.rate(seat=False, panel=None)
    found = made.rate(seat=False, panel=PanelBlock())
    assert (alone.comparisons, found.comparisons) == (3 + 2 + 3 + 2 + 3, 5)
    assert cell(found, "ada", "bob") == (2.5, 4) and cell(found, "bob", "carol") == (1, 1)
    assert found.missing == alone.missing, "what each judge said stays as it was"
    assert alone.panel is None and found.panel == {
        "rule": "majority", "judges": ["scripted:judge", "scripted:other", "scripted:third"],
        "decisions": 5, "undecided": 1, "incomplete": 2, "missing": {"refused": 1, "unparsed": 4},
    }  # fmt: skip
    assert found.waiting == 0, "a match that nobody could decide has been judged"
    record = found.record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    verdicts = made.store.one("SELECT count(*) AS n FROM verdicts")
    assert verdicts == {"n": 18}, "a decision is never stored"
    pair = key(ADA), key(BOB)
    assert cell_matches(made.store, made.name, *pair, panel=PanelBlock()) == tuple(matches[:4])
    assert cell_matches(made.store, made.name, *pair[::-1]) == tuple(matches[:4])


def test_the_file_of_a_run_declares_its_panel_and_names_its_judges(made: Made) -> None:
    judged(made)
    judges = {"j": key(JUDGE), "o": key(OTHER), "t": key(THIRD)}
    declares(made, judges=judges, tournament={"panel": {"rule": "majority", "judges": ["j", "t"]}})
    from arena.ratings import ratings

    found = ratings(made.store, made.name, seat=False)
    assert found.panel is not None and found.panel["judges"] == ["scripted:judge", "scripted:third"]
    assert cell(found, "ada", "bob") == (0.5 + 1 + 1 + 0, 4)
    assert found.missing == {"unparsed": {"n": 2, "A": 2}}, "of the panel's members alone"
    every = ratings(made.store, made.name, seat=False, panel=None)
    assert every.comparisons == 13
    with pytest.raises(StoreError, match="no judge 'x'; its judges: j, o, t") as refused:
        ratings(made.store, made.name, panel=PanelBlock(judges=("x",)))
    assert "\n" not in str(refused.value)


def test_a_judge_that_was_not_asked_is_missing_and_one_from_elsewhere_has_no_vote(
    made: Made,
) -> None:
    for n in range(3):
        on = made.meet(ADA, BOB, n)
        made.say(on, 0)
        made.say(on, 1, THIRD)
    declares(made, judges={"j": key(JUDGE), "o": key(OTHER)}, panel={"rule": "majority"})
    from arena.ratings import ratings

    found = ratings(made.store, made.name, seat=False)
    assert cell(found, "ada", "bob") == (3, 3)
    assert found.panel is not None
    assert found.panel["missing"] == {"no verdict": 3} and found.panel["incomplete"] == 3


def test_people_are_on_a_panel_where_its_judges_include_a_person(made: Made) -> None:
    on = made.meet(ADA, BOB, 1)
    made.say(on, 0)
    for person in ("Ada", "Bob"):
        made.say(on, 1, {"kind": "person", "name": person})
    declares(made, judges={"j": key(JUDGE), "us": PERSON})
    from arena.ratings import ratings

    every = ratings(made.store, made.name, seat=False, panel=PanelBlock())
    assert cell(every, "ada", "bob") == (0, 1)
    people = ratings(made.store, made.name, seat=False, panel=PanelBlock(judges=("us",)))
    assert cell(people, "ada", "bob") == (0, 1) and people.panel is not None
    assert people.panel["missing"] == {} and len(people.panel["judges"]) == 2
    machine = ratings(made.store, made.name, seat=False, panel=PanelBlock(judges=("j",)))
    assert cell(machine, "ada", "bob") == (1, 1)


def test_a_person_on_a_panel_who_has_not_judged_is_missing_and_is_counted(made: Made) -> None:
    for n in range(3):
        made.say(made.meet(ADA, BOB, n), 0)
    made.say((made.batch.matches[0], ()), 0, {"kind": "person", "name": "Ada"})
    declares(made, judges={"j": key(JUDGE), "us": PERSON})
    from arena.ratings import ratings

    one = ratings(made.store, made.name, seat=False, panel=PanelBlock()).panel
    assert one is not None and len(one["judges"]) == 2
    assert (one["decisions"], one["incomplete"], one["missing"]) == (3, 2, {"no verdict": 2})
    made.store.execute({"DELETE FROM turns WHERE author = ?": [(made.batch.turns[-1][1].author,)]})
    none = ratings(made.store, made.name, seat=False, panel=PanelBlock()).panel
    assert none is not None and none["judges"] == ["person", "scripted:judge"]
    assert (none["incomplete"], none["missing"]) == (3, {"no verdict": 3})


def test_a_panel_decides_under_each_listing_and_the_match_is_their_mean(made: Made) -> None:
    on = made.meet(ADA, BOB, 1)
    for order, choices in (((0, 1), (0, 0, 1)), ((1, 0), (1, 1, 0))):
        for who, choice in zip(FIVE, choices, strict=True):
            made.say(on, choice, who, order=order)
    made.say(made.meet(ADA, BOB, 2), 0)
    found = made.rate(seat=False, panel=PanelBlock())
    assert cell(found, "ada", "bob") == (1.5, 2)
    assert found.panel is not None and found.panel["decisions"] == 3


def test_who_reads_a_listing_twice_has_one_vote(made: Made) -> None:
    on = made.meet(ADA, BOB, 1)
    for sample in range(3):
        made.say(on, 0, JUDGE, sample=sample)
    for who in (OTHER, THIRD):
        made.say(on, 1, who)
    found = made.rate(seat=False, panel=PanelBlock())
    assert cell(found, "ada", "bob") == (0, 1)


@pytest.mark.parametrize(("rule", "won"), [("majority", 1), ("mean log-odds", 0), ("median", 1)])
def test_each_rule_reads_what_it_is_made_of(made: Made, rule: Rule, won: float) -> None:
    """Two lean to Ada, one is all but certain of Bob; a fourth chose without probabilities."""
    on = made.meet(ADA, BOB, 1)
    for who, p in zip(FIVE, (0.55, 0.6, 0.02), strict=True):
        made.say(on, 0 if p > 0.5 else 1, who)
        turn = made.batch.turns[-1][1]
        object.__setattr__(turn.said, "elicited", (p, 1 - p))
    made.say(on, 0, called("fourth"))
    found = made.rate(seat=False, panel=PanelBlock(rule))
    assert cell(found, "ada", "bob") == (won, 1)
    assert found.panel is not None
    assert found.panel["missing"] == ({} if rule == "majority" else {NO_PROBABILITIES: 1})


def test_numbers_that_are_no_probabilities_are_missing_and_not_a_crash(made: Made) -> None:
    on = made.meet(ADA, BOB, 1)
    for who in FIVE:
        made.say(on, 0, who)
    three = made.meet(ADA, BOB, Question("three?", ("a", "b", "c")))
    made.say(three, 2, JUDGE, order=(0, 1, 2))
    declares(made)
    for who, text in zip(FIVE, ("[0.9,0.9]", "[1]", "[0.2,0.8]"), strict=True):
        made.store.execute(
            {"UPDATE turns SET elicited = ? WHERE author = ? AND choice = 0": [(text, key(who))]}
        )
    from arena.ratings import ratings

    found = ratings(made.store, made.name, seat=False, panel=PanelBlock("median"))
    assert cell(found, "ada", "bob") == (0, 1)
    assert found.panel is not None
    assert found.panel["missing"] == {NO_PROBABILITIES: 1, "not probabilities": 2}
    majority = ratings(made.store, made.name, seat=False, panel=PanelBlock())
    assert majority.left_out == {"neither side chosen": 1}
    made.store.execute({"UPDATE turns SET choice = 9 WHERE choice = 2": [()]})
    found = ratings(made.store, made.name, seat=False, panel=PanelBlock())
    assert found.panel is not None and found.panel["missing"] == {"no such option": 1}


def test_a_certainty_that_rounding_has_put_above_1_is_a_vote(made: Made) -> None:
    """A verdict may miss a sum of 1 by 1e-6, and is stored as it was said."""
    on = made.meet(ADA, BOB, 1)
    made.say(on, 0)
    said = Verdict(0, (1.0000005, 2e-10))
    object.__setattr__(made.batch.turns[-1][1].said, "elicited", said.elicited)
    for rule in ("mean log-odds", "median"):
        found = made.rate(seat=False, panel=PanelBlock(rule))
        assert cell(found, "ada", "bob") == (1, 1)
        assert found.panel is not None and found.panel["missing"] == {}


def test_a_panel_has_no_effect_for_each_judge(made: Made) -> None:
    judged(made)
    with pytest.raises(StoreError, match="a panel decides as one") as refused:
        made.rate(panel=PanelBlock(), judge=True)
    assert "\n" not in str(refused.value)


def test_a_panel_of_one_is_its_judge(made: Made) -> None:
    season(made)
    alone = made.rate(panel=None, honesty=True, ridge_effects=0.1)
    panel = made.rate(panel=PanelBlock(), honesty=True, ridge_effects=0.1)
    ours, theirs = alone.record(), panel.record()
    assert theirs.pop("panel")["decisions"] == 12 and ours.pop("panel") is None
    assert ours == theirs


def test_members_of_a_panel_may_come_in_any_order(made: Made) -> None:
    judged(made)
    made.keep()
    records = []
    turns = made.batch.turns
    for seed in range(4):
        with Store(None) as store:
            other = Made(store, made.name, replace(made.batch, turns=[]))
            other.keep()
            other.batch.turns = random.Random(seed).sample(turns, len(turns))
            records.append(other.rate(panel=PanelBlock()).record())
    assert all(one == records[0] for one in records)
