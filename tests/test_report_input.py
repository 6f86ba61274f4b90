"""What reports make of bad input, of little input, and of every kind of run: a clear line or a
defined value, never a crash, never NaN."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from test_report import ANNE, BOB, Hand
from test_report_rounds import stepped

from arena.protocols import consultancy, critique, cross_critique, debate, expert, naive
from arena.questions import Question
from arena.report import SECTIONS, report
from arena.store import Store, StoreError
from arena.turns import Quote, Speech

KINDS = ("play", "tournament", "conditions", "evaluation", "import", "queue")
KEYS = {
    "differences": list, "calibration": list, "rounds": list, "trajectories": list,
    "behaviour": list, "agreement": list, "cards": list, "recovered": list, "leaks": dict,
    "costs": list,
}  # fmt: skip


@pytest.fixture
def hand() -> Iterator[Hand]:
    with Store(None) as store:
        yield Hand(store)


def asked(i: int, story: str | None = None) -> Question:
    return Question(f"question {i}?", ("yes", "no"), group=story)


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """The report, having checked that it is JSON values without NaN, and whole."""
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for key, kind in KEYS.items():
        assert isinstance(found[key], kind), key
    return found


# ---------------------------------------------------------------------------------------------
# Numbers that are none.


@pytest.mark.parametrize(
    "stored",
    ["[0.9,0.3]", "[0.5,0.4]", "[1.2,-0.2]", "[0.9]", "[0.2,0.3,0.5]", "[]", "[null,1]", '"x"',
     "7", '{"a":1}', "not json", "[NaN,0.5]", "[1e999,0]"],
)  # fmt: skip
def test_a_stored_verdict_of_no_probabilities_is_missing_and_says_so(
    stored: str, hand: Hand
) -> None:
    hand.verdict(hand.match(debate(), 0, question=asked(0)), 0.9)
    spoilt = hand.verdict(hand.match(debate(), 0, question=asked(1)), 0.8)
    hand.verdict(hand.match(debate(), 1, question=asked(2)), 0.2)
    hand.report()
    hand.store.conn.execute("UPDATE turns SET elicited = ? WHERE id = ?", (stored, spoilt))
    found = plain(report(hand.store, hand.name))
    (row,) = found["settings"]
    assert row["missing"] == {"not probabilities": {"n": 1, "A": 1}}
    assert (row["n"], row["correct"], row["scored"]) == (2, 2, 2)
    assert row["brier"] == pytest.approx((0.01 + 0.04) / 2)
    assert row["bounds"] == [pytest.approx(2 / 3), 1]
    assert found["calibration"][0]["n"] == 2
    assert found["cards"][0]["missing"] == row["missing"]


@pytest.mark.parametrize("stored", ["[0.1]", "[0.2,0.1,0.3]", "[1,2]", "[-1,null]", "words"])
def test_stored_log_probabilities_that_are_none_are_missing_as_well(
    stored: str, hand: Hand
) -> None:
    spoilt = hand.verdict(hand.match(debate(), 0), choice=0, logprobs=(-0.1, -3.0))
    hand.report()
    hand.store.conn.execute("UPDATE turns SET choice_logprobs = ? WHERE id = ?", (stored, spoilt))
    (row,) = plain(report(hand.store, hand.name))["settings"]
    assert row["missing"] == {"not probabilities": {"n": 1, "A": 1}}
    assert (row["n"], row["accuracy"]) == (0, None)


@pytest.mark.parametrize("choice", [2, -1, None])
def test_a_stored_choice_that_is_no_option_is_missing(choice: int | None, hand: Hand) -> None:
    spoilt = hand.verdict(hand.match(debate(), 0), choice=0)
    hand.report()
    hand.store.conn.execute("UPDATE turns SET choice = ? WHERE id = ?", (choice, spoilt))
    (row,) = plain(report(hand.store, hand.name))["settings"]
    assert row["missing"] == {"no such option": {"n": 1, "A": 1}}
    assert row["n"] == 0


def test_a_stored_listing_or_truth_of_other_options_is_no_listing_and_no_truth(hand: Hand) -> None:
    match = hand.match(debate(), 0)
    hand.verdict(match, 0.9, order=(0, 1))
    odd = hand.verdict(match, 0.8, order=(1, 0))
    other = hand.match(debate(), 1)
    hand.verdict(other, 0.9)
    hand.report()
    hand.store.conn.execute("UPDATE turns SET listing = '[0,5]' WHERE id = ?", (odd,))
    hand.store.conn.execute(
        "UPDATE truths SET truth = 9 WHERE question = ?", (other[0].question.id,)
    )
    (row,) = plain(report(hand.store, hand.name))["settings"]
    assert (row["n"], row["without_truth"]) == (1, 1)
    assert "position_bias" not in row


def test_a_belief_of_no_probabilities_is_passed_over(hand: Hand) -> None:
    on = hand.match(debate(), 0)
    middle = stepped(hand, on, [0.6, 0.8, 0.9])[1]
    hand.report()
    hand.store.conn.execute("UPDATE turns SET elicited = '[3,4]' WHERE id = ?", (middle,))
    found = plain(report(hand.store, hand.name))
    assert found["trajectories"][0]["lines"] == [[0.6, 0.6, 0.9]]
    assert found["settings"][0]["missing"] == {}


# ---------------------------------------------------------------------------------------------
# Names that are none.


def test_an_unknown_judge_is_refused_with_the_judges_that_there_are(hand: Hand) -> None:
    hand.verdict(hand.match(debate(), 0), 0.9)
    hand.verdict(hand.match(debate(), 0), 0.9, BOB)
    hand.report()
    with pytest.raises(StoreError) as caught:
        report(hand.store, hand.name, judge="scripted:\x1b[31mcarol")
    line = str(caught.value)
    assert "scripted:anne,p=0.5, scripted:bob" in line and "\n" not in line
    assert "\x1b" not in line and "carol" in line
    found = plain(report(hand.store, hand.name, judge="scripted:bob"))
    assert [row["judge"] for row in found["settings"]] == ["scripted:bob"]
    who = found["settings"][0]["judge_id"]
    assert report(hand.store, hand.name, judge=[who])["settings"] == found["settings"]


def test_an_unknown_section_is_refused_with_those_there_are(hand: Hand) -> None:
    hand.verdict(hand.match(debate(), 0), 0.9)
    hand.report()
    with pytest.raises(StoreError, match="no section 'colours' in a report; its sections: diff"):
        report(hand.store, hand.name, sections=["colours"])
    assert set(report(hand.store, hand.name, sections=["leaks"])) == {"run", "settings", "leaks"}
    assert set(report(hand.store, hand.name, sections=())) == {"run", "settings"}


# ---------------------------------------------------------------------------------------------
# Little, or nothing.


def test_a_setting_without_a_verdict_is_named(hand: Hand) -> None:
    hand.verdict(hand.match(debate(), 0, labels={"setting": "judged"}), 0.9)
    for _ in range(2):
        hand.match(debate(), 0, labels={"setting": "waiting"})
    found = plain(hand.report())
    assert [row["setting"] for row in found["settings"]] == ["judged"]
    assert found["unjudged"] == [{"setting": "waiting", "matches": 2}]


def test_a_run_without_matches_or_verdicts_has_an_empty_report(hand: Hand) -> None:
    found = plain(hand.report())
    assert found["settings"] == [] and found["cards"] == []
    assert "nobody has spoken" in found["leaks"]["reason"]
    assert "no match" in found["ratings"]["reason"]


@pytest.mark.parametrize("kind", ["play", "tournament", "import"])
def test_one_match_has_figures_and_no_interval_that_one_match_could_not_give(
    kind: str, hand: Hand
) -> None:
    hand.kind = kind
    labels = {"setting": "one", "sample": "paper"}
    hand.verdict(hand.match(debate(), 0, labels=labels), 0.9, mode="live")
    found = plain(hand.report())
    (row,) = found["settings"]
    assert (row["n"], row["accuracy"]) == (1, 1)
    assert row["bootstrap"] is None and "balanced" not in row
    assert found["behaviour"][0]["score_difference"]["interval"] is None
    assert found["calibration"][0]["overconfidence"]["interval"] is None
    assert found["calibration"][0]["temperature"] is None


def test_one_cluster_has_no_interval_anywhere(hand: Hand) -> None:
    for setting, p in (("x", 0.8), ("y", 0.4)):
        for i in range(6):
            match = hand.match(debate(), i % 2, labels={"setting": setting}, question=asked(i, "s"))
            hand.verdict(match, p if i < 3 else 1 - p, order=(0, 1))
            hand.verdict(match, p, order=(1, 0))
            hand.verdict(match, 0.7, BOB)
    found = plain(hand.report())
    for row in found["settings"]:
        assert row["clustered"]["story"] == {"interval": None, "clusters": 1}
        assert row["bootstrap"] is None and row["balanced"]["interval"] is None
    for row in found["differences"]:
        assert row["paired"]["interval"] is None and row["paired"].get("p") is None
        assert row["unpaired"]["interval"] is None
    for row in found["behaviour"]:
        assert row["score_difference"]["interval"] is None
    for row in found["agreement"]:
        assert row["kappa"] is None or row["kappa"]["interval"] is None


@pytest.mark.parametrize("p", [0.9, 0.1, 0.5, 1.0, 0.0])
def test_verdicts_that_are_all_alike_have_defined_values(p: float, hand: Hand) -> None:
    for i in range(8):
        match = hand.match(debate(), 0, question=asked(i))
        for order in ((0, 1), (1, 0)):
            hand.verdict(match, p, order=order)
            hand.verdict(match, p, BOB, order=order)
    found = plain(hand.report())
    for row in found["settings"]:
        assert row["accuracy"] == (0.5 if p == 0.5 else float(p > 0.5))
        low, high = row["clustered"]["question"]["interval"]
        assert 0 <= low < high <= 1 and low <= row["accuracy"] <= high
        drawn = row["bootstrap"]  # every draw is the same, and still it has a width
        assert 0 <= drawn[0] < drawn[1] <= 1 and drawn[0] <= row["accuracy"] <= drawn[1]
        assert "balanced" not in row  # only one option is ever the true one
    assert all(one["temperature"] is None for one in found["calibration"])
    (row,) = found["agreement"]
    assert row["percent"] == 1 and row["alpha"] is None and row["kappa"] is None
    assert all(one["flip_rate"]["value"] == 0 for one in found["behaviour"])


def test_without_any_truth_what_needs_none_is_there(hand: Hand) -> None:
    for i in range(6):
        match = hand.match(debate(), None, question=asked(i))
        hand.verdict(match, 0.8, order=(0, 1))
        hand.verdict(match, 0.4, order=(1, 0))
        hand.verdict(match, 0.3 if i else 0.9, BOB)
    found = plain(hand.report())
    for row in found["settings"]:
        assert (row["n"], row["accuracy"], row["without_truth"]) == (0, None, row["verdicts"] or (
            12 if row["judge"] != "scripted:bob" else 6
        ))  # fmt: skip
    assert found["calibration"] == [] and found["differences"] == []
    assert "truth is known" in found["leaks"]["reason"]
    anne = next(one for one in found["behaviour"] if one["judge"] != "scripted:bob")
    assert anne["flip_rate"]["value"] == 1 and anne["score_difference"] is None
    assert anne["position_bias"]["value"] == pytest.approx((0.3 + 0.1) / 2)
    assert found["agreement"][0]["units"] == 6
    assert all(one["n"] == 0 and one["shrunk"] is None for one in found["cards"])


# ---------------------------------------------------------------------------------------------
# Every kind of run, and anything in it.


def soup(hand: Hand, seed: int, n: int) -> None:
    """Matches of every protocol with verdicts of every status, mode and listing, at random."""
    rng = random.Random(seed)
    judges: list[Any] = [ANNE, BOB, {"kind": "person", "name": "ada"},
                         {"kind": "person", "name": "ben"}]  # fmt: skip
    rules = [debate(), debate(sides="chosen"), consultancy(), consultancy(sides="chosen"),
             critique(), cross_critique(), naive(), expert(), debate(rounds=3)]  # fmt: skip
    for i in range(n):
        one = rng.choice(rules)
        many = rng.random() < 0.1 and one.options == "answers"
        question = Question(
            f"question {rng.randrange(n)} {many}?", ("a", "b", "c") if many else ("yes", "no"),
            group=rng.choice([None, "s1", "s2", "s3"]),
        )  # fmt: skip
        truth = rng.choice([None, 0, 1, len(question.answers) - 1])
        said = [
            Speech("x" * rng.randrange(40), side=rng.randrange(2), quotes=(Quote(0, 1, (0, 1)),),
                   status=rng.choice(["ok", "ok", "length", "over limit"]))
            for _ in range(rng.randrange(8))
        ]  # fmt: skip
        labels = {"setting": f"{one.name} {i % 2}", "sample": "paper", "protocol": one.name,
                  "players": {"A": "p", "B": "q"}}  # fmt: skip
        sides: Any = () if one.sides == "chosen" or not one.speakers else None
        if one.options == "right or wrong":
            sides = (("A", 0), ("B", 1))
        on = hand.match(one, truth, said, labels, sides, question=question)
        match = on[0]
        for _ in range(rng.randrange(4)):
            judge, order = rng.choice(judges), tuple(rng.sample(range(len(match.options)), k=2))
            order += tuple(k for k in range(len(match.options)) if k not in order)
            if rng.random() < 0.2:
                status = rng.choice(["unparsed", "refused", "truncated", "timed out"])
                hand.verdict(on, status=status, judge=judge, order=order)
            elif many:
                hand.verdict(on, choice=rng.randrange(3), judge=judge, order=order,
                             logprobs=(-1.0, -2.0, -0.5))  # fmt: skip
            elif rng.random() < 0.3 and one.options == "answers":
                chain = [rng.choice([0.5, rng.random(), None]) for _ in range(3)]
                stepped(hand, on, chain, judge, order)
            else:
                mode = rng.choice(["whole", "whole", "live", "timed"])
                hand.verdict(on, rng.choice([0.5, 0.0, 1.0, rng.random()]), judge, order=order,
                             mode=mode, sample=rng.randrange(2))  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_report_of_anything_is_json_without_nan(kind: str, seed: int, hand: Hand) -> None:
    hand.kind = kind
    soup(hand, seed, 4 if seed == 1 else 40)
    found = plain(hand.report())
    assert set(found) >= {"run", "settings", *KEYS}
    for section in SECTIONS if seed == 1 else ():
        alone = report(hand.store, hand.name, sections=[section])
        assert all(found[key] == alone[key] for key in alone)


def test_people_and_pairings_are_pooled_and_rows_stay_apart(hand: Hand) -> None:
    for i in range(12):
        pairing = "p v q" if i % 2 else "p v r"
        labels = {"setting": f"debate: {pairing}", "protocol": "debate",
                  "players": dict(zip("AB", pairing.split(" v "), strict=True))}  # fmt: skip
        hand.verdict(hand.match(debate(), 0, labels=labels, question=asked(i)), 0.8)
    found = plain(hand.report())
    assert {row["setting"] for row in found["settings"]} == {"debate: p v q", "debate: p v r"}
    (row,) = found["pooled"]
    assert (row["setting"], row["judge"], row["n"]) == ("debate", "scripted:anne,p=0.5", 12)
    for section in ("calibration", "behaviour"):
        assert [one["setting"] for one in found[section]] == ["debate"]
    assert found["differences"] == []


def test_a_person_alone_keeps_their_own_rows_in_every_section(hand: Hand) -> None:
    ada = {"kind": "person", "name": "ada"}
    for i in range(4):
        hand.verdict(hand.match(debate(), 0, question=asked(i)), 0.8, ada)
    found = plain(hand.report())
    assert "pooled" not in found
    assert found["calibration"][0]["judge_id"] == found["settings"][0]["judge_id"]


def test_a_match_is_read_once_whatever_the_seat_of_its_judge(hand: Hand) -> None:
    """Seats with nobody in them, and a judge who sits: nothing is asked of them."""
    match, said = hand.match(debate(), 0)
    seated = replace(match, seats=(("A", "person"), ("B", "b"), ("judge", "j")))
    hand.batch.matches[-1] = seated
    hand.batch.run_matches[-1] = (hand.name, 0, seated.id, {})
    hand.batch.turns = [(seated, turn) for _, turn in hand.batch.turns]
    hand.verdict((seated, said), 0.9, mode="live")
    found = plain(hand.report())
    assert found["settings"][0]["setting"] == debate().name
    assert found["settings"][0]["n"] == 1


def test_the_report_of_a_few_hundred_matches_takes_less_than_a_second(hand: Hand) -> None:
    rng = random.Random(9)
    for i in range(300):
        labels = {"setting": f"s{i % 4}"}
        match = hand.match(debate(), i % 2, labels=labels, question=asked(i // 4, f"{i // 16}"))
        for order in ((0, 1), (1, 0)):
            hand.verdict(match, rng.random(), order=order)
    hand.report()
    took = []
    for _ in range(3):
        begin = time.process_time()
        report(hand.store, hand.name)
        took.append(time.process_time() - begin)
    assert min(took) < 1.0
