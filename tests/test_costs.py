"""Costs by setting, role and player; what judges were shown; arms that are matched, or are not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from studies import arena, file, refused, study

from arena.batch import Batch
from arena.flow import Flow, Message, Reply, Request, ask, batch, run
from arena.match import Chosen, Match, View, participant_id
from arena.play import append, play, read
from arena.protocols import JUDGE, Limits, Protocol, Round, Slot, debate, verdict_slot
from arena.questions import Item, Question
from arena.report.costs import (
    Measured,
    costs,
    keep_prices,
    matched,
    prices_of,
    shown_to_judges,
    tokens,
)
from arena.report.studies import sampled_tokens
from arena.runner import Planned, enrol, execute, plan
from arena.store import Store
from arena.studyfile import Price
from arena.turns import Speech, Verdict

PASSAGE = "Alma said that the bell, of tin, rang.\nBoris heard it."


class Player:
    """Asks a model once a speech, twice for the better of two; says what it was told to."""

    def __init__(self, name: str, says: Sequence[str], best_of: int = 1) -> None:
        self.name, self.says, self.best_of = name, says, best_of

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": self.name}

    def speak(self, view: View) -> Flow[Speech | Chosen]:
        said = self.says[sum(turn.mine for turn in view.turns) % len(self.says)]
        requests = (
            Request(self.name, (Message("user", f"{view.digest} {i}"),), 9, view.seed + i)
            for i in range(self.best_of)
        )
        yield from ask(*requests)
        others = tuple((Speech(f"draft {i}"), 0.0) for i in range(1, self.best_of))
        return Chosen(Speech(said, thought="hm"), others)


class Reader:
    """A judge that asks a model once a verdict."""

    def __init__(self, name: str = "reader") -> None:
        self.name = name

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": self.name}

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ask(Request(self.name, (Message("user", view.digest),), 9, view.seed))
        return Verdict(0, (0.75, 0.25))


def engine() -> Any:
    """Reads 100 tokens and samples 7 of them for a player, 50 and 2 for a judge."""

    def answer(requests: Sequence[Request]) -> list[Reply]:
        sizes = [(50, 2) if one.model.startswith("reader") else (100, 7) for one in requests]
        return [Reply(text="x", usage=usage, seconds=0.5) for usage in sizes]

    return batch(answer)


def played(
    store: Store, protocol: Protocol, players: Sequence[Player], judges: Sequence[Reader],
    settings: Sequence[str] = ("one",), questions: int = 3,
) -> None:  # fmt: skip
    """A run in which every setting has a match of ``players`` on every question."""
    ids = [participant_id(one) for one in players]
    readers = {participant_id(one): one for one in judges}
    asked = [Question(f"Bell {i}?", ("tin", "iron"), PASSAGE) for i in range(questions)]
    planned = []
    for n, setting in enumerate(settings):
        for one in asked:
            sides = tuple((seat, i) for i, seat in enumerate(protocol.speakers))
            match = Match(one, protocol, sides, tuple(zip(protocol.speakers, ids, strict=True)), n)
            names = dict(zip(protocol.speakers, [p.name for p in players], strict=True))
            planned.append(Planned(match, {"setting": setting, "players": names}, tuple(readers)))
    config = {"judges": {one.name: key for key, one in readers.items()}}
    store.start_run("r", "play", config, {})
    enrol(store, [*players, *judges])
    plan(store, "r", [Item(one, 0) for one in asked], planned)
    execute(store, planned, dict(zip(ids, players, strict=True)), readers, engine())


def rows(store: Store) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(one["setting"], one["role"], one["player"]): one for one in costs(store, "r")}


# ---------------------------------------------------------------------------------------------
# Costs.


def test_every_call_and_every_turn_is_counted_discarded_ones_too(store: Store) -> None:
    ada, bob = Player("ada", ["one two."], best_of=3), Player("bob", ["three"])
    played(store, debate(), [ada, bob], [Reader()])
    found = rows(store)
    assert set(found) == {("one", "debater", "ada"), ("one", "debater", "bob"),
                          ("one", "judge", "reader")}  # fmt: skip
    one = found["one", "debater", "ada"]
    # Two speeches on each of three questions, each the best of three.
    assert (one["turns"], one["calls"]) == (18, 18)
    assert (one["prompt_tokens"], one["sampled_tokens"]) == (1800, 126)
    said, thought, drafts = len("one two."), len("hm"), 2 * len("draft 1")
    assert one["characters"] == 6 * (said + thought + drafts)
    assert one["seconds"] == pytest.approx(9.0) and one["money"] is None
    judge = found["one", "judge", "reader"]
    assert (judge["turns"], judge["calls"], judge["prompt_tokens"]) == (3, 3, 150)
    assert judge["sampled_tokens"] == 6 and judge["characters"] == 0
    assert sampled_tokens(store, "r") == 126 + 6 * 7 + 6 and sampled_tokens(store, "other") == 0


def test_what_matches_of_a_setting_share_is_counted_once(store: Store) -> None:
    """Two settings share every turn with themselves, and none with each other."""
    ada, bob = Player("ada", ["one"]), Player("bob", ["two"])
    played(store, debate(rounds=1), [ada, bob], [Reader()], settings=("one", "two"))
    found = rows(store)
    sql = "SELECT count(DISTINCT turn) AS n FROM match_turns JOIN turns ON id = turn"
    (shared,) = store.query(f"{sql} WHERE author = ?", participant_id(ada))
    assert shared["n"] == 3  # what was said is the same: two matches, one turn
    assert found["one", "debater", "ada"]["turns"] == found["two", "debater", "ada"]["turns"] == 3
    again = Batch(run_matches=[("r", 99, next(store.query(
        "SELECT match FROM run_matches WHERE position = 3"))["match"], {
            "setting": "one", "players": {"A": "ada", "B": "bob"}})])  # fmt: skip
    store.write(again)
    assert rows(store)["one", "debater", "ada"]["turns"] == 3


def test_money_is_by_the_prices_that_were_noted_last(store: Store) -> None:
    ada, bob = Player("ada", ["one"]), Player("bob", ["two"])
    played(store, debate(rounds=1), [ada, bob], [Reader()])
    keep_prices(store, "r", {participant_id(ada): Price(9.0, 9.0)})
    keep_prices(store, "r", {participant_id(ada): Price(2.0, 10.0)})
    keep_prices(store, "r", {participant_id(ada): Price(2.0, 10.0)})
    assert store.one("SELECT count(*) AS n FROM events WHERE kind = 'prices'") == {"n": 2}
    found = rows(store)
    assert found["one", "debater", "ada"]["money"] == pytest.approx(3 * (100 * 2 + 7 * 10) / 1e6)
    assert found["one", "debater", "bob"]["money"] is None
    assert prices_of(store, "other") == {}


# ---------------------------------------------------------------------------------------------
# What judges are shown.


@pytest.mark.parametrize(
    ("text", "n"),
    [("", 0), ("  \n", 0), ("one two", 2), ("It was: see [12].", 8), ("don't", 3),
     ("naïve café", 2), ("<quote>of tin</quote>", 2), ("...", 3), ("日本語", 1), ("a_b", 1)],
)  # fmt: skip
def test_visible_tokens_are_words_and_marks(text: str, n: int) -> None:
    assert tokens(text) == n


def by_hand(text: str) -> int:
    """Words and marks, counted otherwise: white space apart, then at every change of kind."""
    n, word = 0, False
    for letter in text:
        inside = letter.isalnum() or letter == "_"
        n += (inside and not word) or (not inside and not letter.isspace())
        word = inside
    return n


def test_the_judges_view_is_the_speeches_and_the_lines_that_they_cite(store: Store) -> None:
    ada = Player("ada", ["It was tin: see [1].", "I stand by [1]; and <quote>heard it</quote>."])
    bob = Player("bob", ["It was not.", "No line [9] is there."])
    played(store, debate(), [ada, bob], [Reader()])
    line = PASSAGE.split("\n")[0]
    spoken = sum(by_hand(re.sub("</?quote>", " ", text)) for text in (*ada.says, *bob.says))
    found = shown_to_judges(store, "r", costs(store, "r"))["one"]
    assert found.tokens == spoken + 2 * by_hand(line)
    assert (found.verdicts, found.prompt_tokens) == (3, 50.0)


def test_what_the_judge_does_not_see_is_not_counted(store: Store) -> None:
    """A speech to the other debater alone, a forfeited one, a draft, and a question of its own."""
    protocol = Protocol(
        "hidden", debate().seats,
        opening=(Round((Slot("A"), Slot("B", limits=Limits(characters=5)))),
                 Round((Slot("A", seen_by=("B",)),))),
        closing=(Round((Slot(JUDGE, "verdict", seen_by=(JUDGE,)),)),),
        passage_to=("A", "B"), over_limit="forfeit",
    )  # fmt: skip
    ada = Player("ada", ["one two three", "for you alone"], best_of=2)
    played(store, protocol, [ada, Player("bob", ["much too long"])], [Reader()])
    assert shown_to_judges(store, "r")["one"].tokens == 3


def test_a_judge_who_decided_early_was_shown_less(store: Store) -> None:
    ada, bob = Player("ada", ["one", "two three"]), Player("bob", ["four", "five"])
    played(store, debate(), [ada, bob], [], questions=1)
    match = store.match(next(store.query("SELECT match FROM run_matches"))["match"])
    said = store.transcript(match)
    first = tuple(turn for turn in said if turn.place == 0)
    early = append(match, first, 1, verdict_slot(match.protocol), Verdict(0), "early")
    late = append(match, said, 2, verdict_slot(match.protocol), Verdict(0), "late")
    store.write(Batch(turns=[(match, early)]))
    assert shown_to_judges(store, "r")["one"].tokens == 2
    store.write(Batch(turns=[(match, late)]))
    assert shown_to_judges(store, "r")["one"].tokens == (2 + 5) / 2
    assert Measured(store, "r").amounts("visible tokens", {"one"}, {"late"})["one"].value == 5


def test_naive_judges_are_shown_nothing(tmp_path: Path) -> None:
    found = study(file(tmp_path, "  conditions: {naive: {protocol: naive, judges: [coin]}}\n"))
    assert found["results"]["visible"] == {
        "naive": {"tokens": 0.0, "verdicts": 6, "prompt_tokens": None}
    }


# ---------------------------------------------------------------------------------------------
# Matching.


@pytest.mark.parametrize(
    ("first", "second", "within", "same"),
    [(100, 90, 0.1, True), (90, 100, 0.1, True), (100, 89.9, 0.1, False), (0, 0, 0.0, True),
     (0, 1, 0.9, False), (5, 5, 0.0, True)],
)  # fmt: skip
def test_amounts_match_within_a_share_of_the_larger(
    first: float, second: float, within: float, same: bool
) -> None:
    assert matched(first, second, within) is same


def test_an_arm_takes_its_speakers_for_a_match_and_its_judge_for_a_verdict(store: Store) -> None:
    ada, bob = Player("ada", ["one"], best_of=2), Player("bob", ["two"])
    one, other = Reader("reader"), Reader("reader two")
    played(store, debate(rounds=1), [ada, bob], [one, other])
    (who,) = {participant_id(one)}
    found = Measured(store, "r").amounts("total tokens", {"one", "none"}, {who})
    assert set(found) == {"one"}
    assert found["one"].value == (2 + 1) * 107 + 52
    cost = Measured(store, "r").amounts("cost", {"one"}, {who})["one"]
    assert cost.value is None and "prices has none for" in cost.reason
    keep_prices(store, "r", {participant_id(p): Price(1.0, 0.0) for p in (ada, bob, one)})
    cost = Measured(store, "r").amounts("cost", {"one"}, {who})["one"]
    assert cost.value == pytest.approx((3 * 100 + 50) / 1e6)


ARMS = """
  conditions:
    debate: {protocol: debate, debaters: [strong, strong], judges: [literal]}
    consultancy: {protocol: consultancy, debaters: [strong], judges: [literal]}
  primary: {first: debate, second: consultancy}
  critique: false
  match: {on: visible tokens, within: .1}
"""


def test_arms_that_are_not_matched_are_not_compared_unless_one_says_so(tmp_path: Path) -> None:
    path = file(tmp_path, ARMS)
    line = refused(path)
    assert "not matched on visible tokens" in line and "--unmatched" in line and "10 %" in line
    reported = arena("report", "small", "--store", tmp_path / "s.db")
    assert reported.exit_code == 2 and "not matched" in reported.stderr
    found = study(path, "--unmatched")["results"]
    rule = found["study"]["matched"]
    assert rule["overridden"] and rule["matched"] is False
    assert rule["arms"] == {
        name: found["visible"][name]["tokens"] for name in ("debate", "consultancy")
    }
    assert found["study"]["primary"]["matched"] is False
    assert found["study"]["primary"]["paired"] is not None
    wide = study(path, "--set", "study.match.within=.9")["results"]["study"]
    assert wide["primary"]["matched"] is True and not wide["matched"]["overridden"]


def test_an_arm_in_which_nobody_speaks_is_compared_as_it_is(tmp_path: Path) -> None:
    silent = "study.contrasts=[{first: debate, second: naive}]"
    floor = ("--set", "study.conditions.naive.protocol=naive", "--set", silent)
    found = study(file(tmp_path, ARMS), *floor, "--unmatched")["results"]["study"]
    (told,) = found["contrasts"]
    assert told["matched"] is None and told["paired"]["questions"] == 6
    within = study(file(tmp_path, ARMS), *floor, "--set", "study.match.within=.99")
    assert within["results"]["study"]["contrasts"][0]["paired"] is not None


def test_consultants_with_as_many_speeches_bring_the_arms_closer(tmp_path: Path) -> None:
    path = file(tmp_path, ARMS)
    apart = []
    for i, speeches in enumerate((1, 4)):
        change = f"study.conditions.consultancy.speeches={speeches}"
        found = study(path, "--unmatched", "--set", change, store=f"{i}.db")["results"]["visible"]
        debate, alone = (found[arm]["tokens"] for arm in ("debate", "consultancy"))
        apart.append(abs(debate - alone) / debate)
    assert apart[1] < apart[0]


def test_prices_of_a_file_are_kept_and_change_nothing_else(tmp_path: Path) -> None:
    path = file(tmp_path, ARMS)
    prices = ("--set", "prices.strong={input: 1.0, output: 4.0}", "--unmatched")
    found = study(path, *prices)["results"]
    paid = {(one["role"], one["player"]): one["money"] for one in found["costs"]
            if one["setting"] == "debate"}  # fmt: skip
    assert paid == {("debater", "strong"): 0.0, ("judge", "literal"): None}  # no model was asked
    again = study(path, "--unmatched", "--set", "prices.strong={input: 2.0, output: 4.0}")
    assert again["done"] == 18
    play = tmp_path / "p.yaml"
    play.write_text(path.read_text().split("study:")[0] + "protocols: [naive]\n")
    assert arena("play", play, "--store", tmp_path / "p.db",
                 "--set", "prices.ada={input: 1.0, output: 1.0}").exit_code == 2  # fmt: skip
    cost = ("--set", "study.match={on: cost, within: .5}")
    assert "somebody costs something" in refused(path, *cost)  # scripts are all alike in it


def test_a_pure_play_and_reading_asks_as_often_as_is_counted(store: Store) -> None:
    """The oracle of the counts: the flows are driven by hand, and their requests counted."""
    asked: list[Request] = []

    def answer(requests: Sequence[Request]) -> list[Reply]:
        asked.extend(requests)
        return [Reply(text="x", usage=(1, 1)) for _ in requests]

    ada, bob, judge = Player("ada", ["one"], 2), Player("bob", ["two"]), Reader()
    match = Match(Question("Bell 0?", ("tin", "iron"), PASSAGE), debate(), (("A", 0), ("B", 1)),
                  (("A", participant_id(ada)), ("B", participant_id(bob))))  # fmt: skip
    (said,) = run([play(match, {"A": ada, "B": bob})], batch(answer))
    list(run([read(match, judge, said, participant_id(judge))], batch(answer)))
    played(store, debate(), [ada, bob], [judge], questions=1)
    assert sum(one["calls"] for one in rows(store).values()) == len(asked)
