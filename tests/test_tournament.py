"""Tournaments: balanced schedules, Swiss rounds, the command line, and what a kill changes."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from random import Random
from typing import Any

import pytest
from players import instant
from typer.testing import CliRunner, Result

from agents.scripted import RandomAgent
from agents.witness import WitnessDebater
from arena.flow import Flow
from arena.match import Judge, View, participant_id
from arena.protocols import BUILT_IN, Protocol, critique, debate
from arena.questions import Item, Question
from arena.ratings import Ratings, ratings
from arena.report import report
from arena.rounds import results
from arena.runfile import read_run_file
from arena.runner import Planned, enrol, execute, plan
from arena.store import Store
from arena.tournament import Seats, dealt, round_robin, schedule
from arena.turns import Verdict
from ui import tournament as tournaments
from ui.cli import app
from ui.tournament import run_tournament

PASSAGE = "One.\nTwo."


def asked(count: int, answers: int = 2) -> list[Question]:
    options = ("tin", "iron", "oak", "clay")[:answers]
    return [Question(f"Which, {i}?", options, PASSAGE, "test") for i in range(count)]


def planned(
    questions: Sequence[Question],
    protocol: Protocol,
    players: str = "xyz",
    seats: Seats = "alternate",
    mirrored: bool = True,
    replicates: int = 1,
    seed: int = 4,
) -> list[Planned]:
    named = {name: f"id {name}" for name in players}
    return list(
        schedule(questions, {"p": protocol}, named, {"j": "id j"}, seed, None, mirrored,
                 replicates, seats, True)
    )  # fmt: skip


def seat_of(one: Planned, player: str) -> str:
    (seat,) = [seat for seat, who in one.match.seats if who == f"id {player}"]
    return seat


# ---------------------------------------------------------------------------------------------
# Balance.


@pytest.mark.parametrize("answers", [2, 3, 4])
def test_every_player_argues_each_side_from_each_seat_against_each_other_equally_often(
    answers: int,
) -> None:
    """Honest and dishonest as well, whatever the truths: each question is played in both roles."""
    questions = asked(12 * answers, answers)
    draw = Random(answers)
    truth = {one.id: draw.randrange(answers) for one in questions}
    for pair in (("x", "y"), ("x", "z"), ("y", "z")):
        for player in pair:
            cells: Counter[tuple[str, int | None]] = Counter()
            honest: Counter[tuple[str, bool]] = Counter()
            for one in planned(questions, debate()):
                if set(one.labels["players"].values()) != set(pair):  # type: ignore[attr-defined]
                    continue
                seat = seat_of(one, player)
                cells[seat, one.match.side(seat)] += 1
                honest[seat, one.match.side(seat) == truth[one.match.question.id]] += 1
            assert len(cells) == 2 * answers and len(set(cells.values())) == 1, cells
            if answers == 2:
                assert set(honest.values()) == {len(questions) // 2}


@pytest.mark.parametrize("answers", [2, 3, 4])
def test_without_mirrors_sides_and_seats_are_crossed_as_well(answers: int) -> None:
    found = planned(asked(4 * answers, answers), debate(), "xy", mirrored=False)
    cells = Counter((seat_of(one, "x"), one.match.side("A")) for one in found)
    assert len(cells) == 2 * answers and set(cells.values()) == {2}


@pytest.mark.parametrize("answers", [2, 3, 4, 5])
def test_a_run_that_stops_anywhere_is_balanced_and_adding_questions_moves_none(
    answers: int,
) -> None:
    questions = [
        Question(f"Which, {i}?", tuple("abcde"[:answers]), PASSAGE, "test") for i in range(40)
    ]
    whole = dealt(questions, 7)
    for count in range(1, 41):
        some = dealt(questions[:count], 7)
        assert some.items() <= whole.items()
        seats = Counter(at // answers for at in some.values())
        sides = Counter(at % answers for at in some.values())
        assert abs(seats[0] - seats[1]) <= 1 + answers % 2
        assert max(sides.values()) - min(sides[i] for i in range(answers)) <= 1
    drawn = [list(dealt(questions, seed).values()) for seed in range(200)]
    for i in (0, 1, 2 * answers - 1, 2 * answers):
        assert {one[i] for one in drawn} == set(
            range(2 * answers)
        )  # whatever its place in the data
    later = 2 * answers  # the first of the next block is drawn anew
    assert len({(one[0], one[later]) for one in drawn}) > 2 * answers * answers


def test_questions_with_other_numbers_of_answers_are_dealt_apart() -> None:
    mixed = [one for pair in zip(asked(8), asked(8, 3), strict=True) for one in pair]
    assert {k: v for k, v in dealt(mixed, 1).items() if v < 4} | dealt(mixed, 1) == {
        **dealt(asked(8), 1), **dealt(asked(8, 3), 1),
    }  # fmt: skip


def test_seats_may_be_both_or_fixed() -> None:
    questions = asked(4)
    fixed, both = (planned(questions, debate(), "xy", seats) for seats in ("fixed", "both"))
    assert {seat_of(one, "x") for one in fixed} == {"A"}
    assert not any("exchanged" in one.labels for one in fixed)
    assert len(both) == 2 * len(fixed) == 16
    assert len({one.match.id for one in both}) == 16
    for one in both:
        exchanged = seat_of(one, "x") == "B"
        assert one.labels.get("exchanged", False) is exchanged
        assert one.labels["players"] == (
            {"A": "y", "B": "x"} if exchanged else {"A": "x", "B": "y"}
        )
        assert one.labels["setting"] == "p: x v y"
    alternate = planned(questions, debate(), "xy")
    assert {one.match.id for one in alternate} < {one.match.id for one in both}


@pytest.mark.parametrize("protocol", [critique(), debate(sides="chosen")])
def test_where_the_mirror_exchanges_players_nothing_is_exchanged_twice(protocol: Protocol) -> None:
    for seats in ("alternate", "both"):
        found = planned(asked(4), protocol, "xy", seats)  # type: ignore[arg-type]
        assert len({one.match.id for one in found}) == len(found) == 8
        assert Counter(seat_of(one, "x") for one in found) == {"A": 4, "B": 4}
        assert not any("exchanged" in one.labels for one in found)
    alone = planned(asked(4), protocol, "xy", mirrored=False)
    assert Counter(seat_of(one, "x") for one in alone) == {"A": 2, "B": 2}


def test_nobody_changes_seats_with_itself_and_a_replicate_takes_the_other_seat() -> None:
    assert len(planned(asked(4), debate(), "x", "both")) == 8
    found = planned(asked(1), debate(), "xy", replicates=2)
    assert Counter(seat_of(one, "x") for one in found) == {"A": 2, "B": 2}


def test_a_schedule_with_one_more_player_begins_with_the_one_that_it_had() -> None:
    protocols = {name: BUILT_IN[name] for name in ("naive", "consultancy", "debate", "critique")}
    players = {f"p{i}": f"id {i}" for i in range(6)}

    def of(count: int) -> list[tuple[str, str]]:
        some = dict(list(players.items())[:count])
        found = schedule(asked(3), protocols, some, {"j": "id j"}, 1, seats="alternate", grows=True)
        return [(one.match.id, json.dumps(one.labels)) for one in found]

    for count in range(2, 6):
        assert of(count + 1)[: len(of(count))] == of(count)
    assert round_robin("abcd") == [tuple(pair) for pair in ("ab", "ac", "bc", "ad", "bd", "cd")]


# ---------------------------------------------------------------------------------------------
# What a seat is worth.


@dataclass(frozen=True)
class Leans:
    """Chooses what the seat called A defends, in so many cases of a hundred, whatever is said."""

    percent: int = 80

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": "leans", "percent": self.percent}

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ()
        places = [option.label for option in view.options]
        seat = "A" if Random(view.seed).randrange(100) < self.percent else "B"
        return Verdict(places.index(seat), (0.5, 0.5))


def rated(seats: Seats, judge: Judge, count: int = 60) -> Ratings:
    """Two players of equal skill before a judge."""
    players = {"x": WitnessDebater(1, 1, 1), "y": RandomAgent()}
    ids = {name: participant_id(one) for name, one in players.items()}
    reader = participant_id(judge)
    items = [Item(one, i % 2) for i, one in enumerate(asked(count))]
    found = list(
        schedule([one.question for one in items], {"debate": debate(rounds=1)}, ids, {"j": reader},
                 2, seats=seats, grows=True)
    )  # fmt: skip
    with Store(None) as store:
        store.start_run("t", "tournament", {}, {})
        enrol(store, [*players.values(), judge])
        plan(store, "t", items, found)
        who = {ids[name]: one for name, one in players.items()}
        execute(store, found, who, {reader: judge}, instant())
        return ratings(store, "t")


def test_with_fixed_seats_a_seat_cannot_be_told_from_skill_and_with_exchanged_ones_it_can() -> None:
    fixed = rated("fixed", Leans())
    untold = "the seat cannot be told from skill"
    assert "seat" not in fixed.effects and any(untold in note for note in fixed.notes)
    first, second = fixed.players
    assert first.interval and second.interval and first.interval[0] > second.interval[1]

    found = rated("alternate", Leans())
    assert not any(untold in note for note in found.notes)
    seat = found.effects["seat"]
    assert seat.se is not None and abs(seat.value - log(4)) < 2 * seat.se
    assert seat.low is not None and seat.low > 0
    first, second = found.players
    assert first.interval and second.interval and first.interval[0] < second.interval[1]


# ---------------------------------------------------------------------------------------------
# The command line.

RUN = """
questions: {source: witness, n: 2, seed: 3}
protocols: [debate]
players:
  a: "scripted:witness,p=1,s=1,b=1"
  b: "scripted:witness,p=.3,s=0,b=.3"
  c: "scripted:witness,p=.6,s=.5,b=.6"
  d: "scripted:random"
judges: {literal: "scripted:literal"}
"""
SWISS = RUN + "tournament: {schedule: swiss, rounds: 3}\n"


def arena(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def tables_of(text: str) -> list[list[Any]]:
    """The tables of a page: each its caption, then its rows of cells."""
    from html.parser import HTMLParser

    tables: list[list[Any]] = []

    class Reader(HTMLParser):
        inside = ""

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag == "table":
                tables.append([""])
            elif tag == "tr":
                tables[-1].append([])
            elif tag in ("td", "th"):
                tables[-1][-1].append("")
            if tag in ("td", "th", "caption"):
                self.inside = tag

        def handle_endtag(self, tag: str) -> None:
            self.inside = "" if tag == self.inside else self.inside

        def handle_data(self, data: str) -> None:
            if self.inside == "caption":
                tables[-1][0] += data.strip()
            elif self.inside:
                tables[-1][-1][-1] += data.strip()

    Reader().feed(text)
    return tables


def line(result: Result) -> str:
    assert result.exit_code == 2, result.output
    (one,) = result.stderr.strip().splitlines()
    return one


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cup.yaml"
    path.write_text(SWISS)
    return path


def rounds_of(store: Store, name: str = "cup") -> dict[int, set[frozenset[str]]]:
    found: dict[int, set[frozenset[str]]] = {}
    for row in store.query("SELECT labels FROM run_matches WHERE run = ?", name):
        labels = json.loads(row["labels"])
        if "round" in labels:
            found.setdefault(labels["round"], set()).add(frozenset(labels["players"].values()))
    return found


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("tournament={schedule: swiss}", "tournament: rounds must be given"),
        ("tournament={rounds: 3}", "tournament.rounds is for schedule swiss alone, got 3"),
        ("tournament.rounds=0", "tournament.rounds must be 1 or more"),
        ("tournament.schedule=knockout", "tournament.schedule"),
        ("tournament.seats=random", "tournament.seats"),
        ("tournament.replicates=0", "tournament.replicates must be 1 or more"),
        ("tournament.roundz=3", "roundz"),
        ("tournament.panel={rule: loudest}", "tournament.panel.rule"),
        ("tournament.panel={judges: [nobody]}", "tournament.panel.judges"),
        ("tournament.allow_family=perhaps", "tournament.allow_family"),
        ("tournament.effects=[luck]", "tournament.effects"),
        ("tournament={panel: {rule: median}, effects: [judge]}", "effects must leave judge out"),
        ("players={alone: 'scripted:random'}", "players: a Swiss schedule needs 2 or more, got 1"),
        ("protocols=[naive, consultancy]", "protocols: a Swiss schedule needs one in which two"),
        ("judges={}", "judges"),
        ("protocols=[]", "protocols: expected at least one"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_line_that_names_the_field(
    change: str, names: str, file: Path, tmp_path: Path
) -> None:
    said = line(arena("tournament", file, "--store", tmp_path / "s.db", "--set", change))
    assert names in said


def test_a_swiss_tournament_gives_its_results_with_ratings_and_is_resumed_by_the_same_command(
    file: Path, tmp_path: Path
) -> None:
    call = ("tournament", file, "--store", tmp_path / "s.db", "--json")
    first = arena(*call)
    answer = json.loads(first.stdout)
    assert set(answer) == {"run", "store", "done", "waiting", "failed", "results"}
    assert answer["done"] == 3 * 2 * 2 * 2  # rounds, pairs, questions, roles
    found = answer["results"]["ratings"]
    assert {one["name"] for one in found["players"]} == set("abcd")
    assert (found["comparisons"], found["clusters"]) == (24, 2)
    with Store(tmp_path / "s.db") as store:
        assert [len(pairs) for pairs in rounds_of(store).values()] == [2, 2, 2]
        assert len(set().union(*rounds_of(store).values())) == 6  # everybody has met
        before = list(store.conn.iterdump())
    again = arena(*call)
    assert again.stdout == first.stdout
    with Store(tmp_path / "s.db") as store:
        assert list(store.conn.iterdump()) == before


def test_who_reads_the_matches_besides_changes_neither_pairings_nor_ratings(
    file: Path, tmp_path: Path
) -> None:
    def rated(folder: str) -> Any:
        call = ("tournament", file, "--store", tmp_path / folder, "--json")
        return json.loads(arena(*call).stdout)["results"]["ratings"]

    whole = rated("whole.db")
    shared = tmp_path / "shared.db"
    assert arena("tournament", file, "--store", shared, "--set", "tournament.rounds=1",
                 "--json").exit_code == 0  # fmt: skip
    others = ("--set", "name=other", "--set", "judges={coin: 'planted:seat,of=(scripted:coin)'}",
              "--set", "tournament={}")  # fmt: skip
    assert arena("tournament", file, "--store", shared, *others, "--json").exit_code == 0
    read = ("judge", "--of", "cup", "--judge", "scripted:first", "--order", "both")
    assert arena(*read, "--store", shared, "--json").exit_code == 0
    found = rated("shared.db")
    assert found.pop("left_out")["judge not of this tournament"] > 8
    assert whole.pop("left_out") == {} and found == whole
    with Store(shared) as one, Store(tmp_path / "whole.db") as other:
        assert rounds_of(one) == rounds_of(other)


def test_protocols_in_which_nobody_meets_are_played_beside_the_rounds(
    file: Path, tmp_path: Path
) -> None:
    change = "protocols=[naive, consultancy, debate, critique]"
    call = ("tournament", file, "--store", tmp_path / "s.db", "--json", "--set", change)
    answer = json.loads(arena(*call).stdout)
    each = 2 * 2  # questions, roles
    assert answer["done"] == 2 + 4 * each + 3 * 2 * 2 * each
    with Store(tmp_path / "s.db") as store:
        assert set(rounds_of(store)) == {1, 2, 3}


def test_accuracies_and_a_leaderboard_are_printed(file: Path, tmp_path: Path) -> None:
    said = arena("tournament", file, "--store", tmp_path / "s.db")
    assert said.exit_code == 0, said.output
    for word in ("accuracy", "a v b", "literal", "Elo", "points"):
        assert word in said.stdout


def test_one_page_is_written_and_its_text_is_that_of_the_run(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "cup.html"
    change = "players.<b>bold</b>=scripted:witness,p=.9"
    done = arena("tournament", file, "--store", tmp_path / "s.db", "--html", page, "--json",
                 "--set", change)  # fmt: skip
    assert json.loads(done.stdout)["done"] == 24
    text = page.read_text()
    assert "</html>" in text and "&lt;b&gt;bold" in text and "<b>bold" not in text
    found = {table[0]: table[1:] for table in tables_of(text)}
    won = found["Who took how much from whom"]
    assert won[0] == ["rank", "player", "1", "2", "3", "4", "5"]
    with Store(tmp_path / "s.db") as store:
        rated = ratings(store, "cup")
    for i, row in enumerate(won[1:]):
        assert row[:2] == [str(i + 1), rated.players[i].name]
        met = zip(rated.points[i], rated.met[i], strict=True)
        shown = [f"{points:g}/{n}" if n else "" for points, n in met]
        assert row[2:] == [*shown[:i], "-", *shown[i + 1 :]]
    spent = found["Costs, by setting, role and player"]
    role, turns = spent[0].index("role"), spent[0].index("turns")
    took = Counter[str]()
    for row in spent[1:]:
        took[row[role]] += int(row[turns])
    assert took == {"debater": 24 * 2 * 2, "judge": 24 * 2}, "rounds and seats, listings"


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_played(
    file: Path, tmp_path: Path
) -> None:
    for page in (tmp_path / "gone" / "cup.html", tmp_path, tmp_path / "s.db"):
        said = line(arena("tournament", file, "--store", tmp_path / "s.db", "--html", page))
        assert str(page) in said and not (tmp_path / "s.db").exists()


def test_a_tournament_without_comparisons_has_no_ratings(file: Path, tmp_path: Path) -> None:
    change = ("--set", "tournament={}", "--set", "protocols=[naive]")
    answer = arena("tournament", file, "--store", tmp_path / "s.db", "--json", *change)
    assert json.loads(answer.stdout)["results"]["ratings"].keys() == {"reason"}


def test_a_pairing_follows_from_verdicts_and_a_rematch_has_other_seeds(
    file: Path, tmp_path: Path
) -> None:
    """The second round pairs winners of the first; a fourth round of four players is a rematch."""
    call = ("tournament", file, "--store", tmp_path / "s.db", "--json", "--set", "questions.n=8")
    assert arena(*call, "--set", "tournament.rounds=4").exit_code == 0
    with Store(tmp_path / "s.db") as store:
        rounds = rounds_of(store)
        sql = (
            "SELECT m.seed, json_extract(labels, '$.round') AS round, json_extract(labels, "
            "'$.replicate') AS again FROM run_matches JOIN matches AS m ON m.id = match"
        )
        rows = list(store.query(sql))
    first = {frozenset(pair) for pair in rounds[1]}
    assert not first & rounds[2] and not (first | rounds[2]) & rounds[3]
    assert {row["again"] for row in rows if row["round"] <= 3} == {0}
    assert {row["again"] for row in rows if row["round"] == 4} == {1}
    old, new = ({row["seed"] for row in rows if (row["round"] == 4) is late} for late in (0, 1))
    assert not old & new


def scored(store: Store, number: int) -> dict[str, float]:
    """What each player scored in a round, from the rows alone: assigned sides, two listings."""
    sql = (
        "SELECT m.id, m.seats, m.sides, v.choice, v.status FROM run_matches JOIN matches AS m "
        "ON m.id = run_matches.match JOIN verdicts AS v ON v.match = m.id "
        "WHERE json_extract(labels, '$.round') = ?"
    )
    names = {who: name for name, who in _ids(store).items()}
    won: dict[str, list[float]] = {}
    for row in store.query(sql, number):
        sides = dict(json.loads(row["sides"]))
        for seat, who in json.loads(row["seats"]):
            point = 0.5 if row["status"] == "tie" else float(sides[seat] == row["choice"])
            won.setdefault(names[who], []).append(point)
    return {name: sum(points) / len(points) for name, points in won.items()}


def _ids(store: Store) -> dict[str, str]:
    row = store.one("SELECT config FROM runs WHERE name = 'cup'")
    assert row is not None
    found: dict[str, str] = json.loads(row["config"])["players"]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_who_scored_alike_in_the_first_round_meets_in_the_second(
    seed: int, file: Path, tmp_path: Path
) -> None:
    """Of the two pairings that are no rematch, the one whose scores are closer, from the rows."""
    changes = (f"seed={seed}", "questions.n=8", "tournament.rounds=2")
    with Store(None) as store:
        run_tournament(read_run_file(file, changes), tmp_path, store)
        rounds, points = rounds_of(store), scored(store, 1)
    every = [{frozenset("ab"), frozenset("cd")}, {frozenset("ac"), frozenset("bd")},
             {frozenset("ad"), frozenset("bc")}]  # fmt: skip
    apart = {
        i: sum((points[a] - points[b]) ** 2 for a, b in map(sorted, pairs))
        for i, pairs in enumerate(every)
        if pairs != rounds[1]
    }
    assert len(apart) == 2 and abs(sum(points.values()) - 2) < 1e-9
    best = min(apart.values())
    assert apart[every.index(rounds[2])] == pytest.approx(best)
    assert max(apart.values()) > best, "both would do: this seed shows nothing"


def test_a_panels_decisions_pair_the_players_and_not_the_mean_over_its_judges(
    file: Path, tmp_path: Path
) -> None:
    """Majorities, from the rows: under each listing, what two of the three on the panel chose."""
    changes = (
        "questions.n=6", "tournament.panel={rule: majority}",
        "judges.first=scripted:first", "judges.coin=scripted:coin",
    )  # fmt: skip
    with Store(None) as store:
        run_tournament(read_run_file(file, changes), tmp_path, store)
        found = results(store, "cup", {"debate": BUILT_IN["debate"]}, _ids(store))
        sql = (
            "SELECT json_extract(labels, '$.round') AS round, m.id, m.seats, m.sides, v.listing, "
            "v.choice FROM run_matches JOIN matches AS m ON m.id = run_matches.match "
            "JOIN verdicts AS v ON v.match = m.id"
        )
        names = {who: name for name, who in _ids(store).items()}
        votes: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in store.query(sql):
            votes.setdefault((row["id"], row["listing"]), []).append(row)
    won: dict[tuple[int, frozenset[str], str], dict[str, list[float]]] = {}
    split = 0
    for (match, _), of in votes.items():
        assert len(of) == 3
        chosen = Counter(row["choice"] for row in of if row["choice"] is not None).most_common()
        best = [option for option, n in chosen if n == chosen[0][1]]
        split += len(chosen) > 1
        sides = {option: seat for seat, option in json.loads(of[0]["sides"])}
        seats = {seat: names[who] for seat, who in json.loads(of[0]["seats"])}
        pair = frozenset(seats.values())
        for player in pair:
            winner = seats[sides[best[0]]] if len(best) == 1 else None
            at = won.setdefault((of[0]["round"], pair, player), {})
            at.setdefault(match, []).append(0.5 if winner is None else float(winner == player))
    assert split > 20
    for one in found:
        by = won[one.round, frozenset(one.pair), one.pair[0]].values()
        assert one.points == pytest.approx(sum(sum(of) / len(of) for of in by) / len(by))


def test_a_panel_is_refused_where_each_judge_has_a_debate_of_its_own(
    file: Path, tmp_path: Path
) -> None:
    said = line(
        arena("tournament", file, "--store", tmp_path / "s.db",
              "--set", "protocols=[debate with questions]",
              "--set", "judges={l: 'scripted:literal', o: 'scripted:oracle'}",
              "--set", "tournament={panel: {rule: median}}")
    )  # fmt: skip
    assert "tournament.panel: in 'debate with questions' a judge asks questions" in said


def test_ratings_make_allowance_for_the_effects_that_the_file_names(
    file: Path, tmp_path: Path
) -> None:
    call = ("tournament", file, "--store", tmp_path / "s.db", "--json", "--set", "tournament={}",
            "--set", "judges={l: 'scripted:literal', o: 'scripted:oracle'}")  # fmt: skip
    seat = json.loads(arena(*call).stdout)["results"]["ratings"]
    assert list(seat["effects"]) == ["seat"]
    named = "tournament.effects=[seat, honesty, judge, length]"
    more = json.loads(arena(*call, "--set", named).stdout)["results"]["ratings"]
    with Store(tmp_path / "s.db") as store:
        apart = ratings(store, "cup", seat=True, honesty=True, judge=True, length=True).record()
    assert more == json.loads(json.dumps(apart))
    assert {"honesty", "length"} < set(more["effects"]) and len(more["effects"]) >= 4
    none = json.loads(arena(*call, "--set", "tournament.effects=[]").stdout)["results"]["ratings"]
    assert none["effects"] == {}


def test_a_judge_of_a_debaters_family_is_refused_unless_it_is_allowed(
    file: Path, tmp_path: Path
) -> None:
    call = ("tournament", file, "--store", tmp_path / "s.db", "--json",
            "--set", "players={x: 'local:nano', y: 'scripted:random'}", "--set", "questions.n=1",
            "--set", "judges={n: 'prompted:nano-judge'}", "--set", "tournament={}")  # fmt: skip
    said = line(arena(*call))
    assert "'n'" in said and "'x'" in said and "allow_family: true" in said
    with Store(tmp_path / "s.db") as store:
        assert store.one("SELECT 1 FROM runs") is None
    declared = "tournament.families={n: a, x: a}"
    assert "(a)" in line(arena(*call, "--set", declared))
    for otherwise in ("tournament.allow_family=true", "tournament.families={n: a, x: b}"):
        going = arena(*call, "--set", otherwise, "--set", "run.minutes=0.000001")
        assert json.loads(going.stdout)["run"] == "cup"  # no time to play anything


def test_a_family_that_the_file_declares_counts_for_scripts_and_people(
    file: Path, tmp_path: Path
) -> None:
    call = ("tournament", file, "--store", tmp_path / "s.db", "--json")
    said = line(arena(*call, "--set", "tournament.families={a: acme, literal: acme}"))
    assert "'literal' is of the same model family as the debater 'a' (acme)" in said
    me = ("--set", "judges={me: person}")
    said = line(arena(*call, *me, "--set", "tournament.families={a: acme, me: Acme}"))
    assert "'me' is of the same model family" in said
    assert "families" in line(arena(*call, "--set", "tournament.families={a: ' '}"))
    assert not (tmp_path / "s.db").exists()
    assert arena(*call, "--set", "tournament.families={a: acme, literal: other}").exit_code == 0


def test_a_judge_with_two_names_is_refused_on_a_panel(file: Path, tmp_path: Path) -> None:
    """It would be one member: of three names two votes, and a majority of two."""
    judges = "judges={l1: 'scripted:literal', l2: 'scripted:literal', s: 'scripted:strategic'}"
    call = ("tournament", file, "--store", tmp_path / "s.db", "--json", "--set", judges,
            "--set", "questions.n=1", "--set")  # fmt: skip
    for panel in (
        "{rule: majority, judges: [l1, l2, s]}",
        "{rule: majority}",
        "{judges: [l2, l1]}",
    ):
        said = line(arena(*call, f"tournament={{panel: {panel}}}"))
        assert "tournament.panel: the judges 'l" in said and "'l1'" in said and "'l2'" in said
    assert not (tmp_path / "s.db").exists()
    found = arena(*call, "tournament={panel: {rule: majority, judges: [l1, s]}}")
    assert found.exit_code == 0, "one of its names is on the panel"
    panel = json.loads(found.stdout)["results"]["ratings"]["panel"]
    assert [one.partition(",")[0] for one in panel["judges"]] == [
        "scripted:literal", "scripted:strategic"
    ]  # fmt: skip


def test_people_by_two_names_may_be_on_a_panel(file: Path, tmp_path: Path) -> None:
    people = ("--set", "judges={ann: person, bob: person}", "--set", "tournament={panel: {}}")
    found = arena("tournament", file, "--store", tmp_path / "s.db", "--json", *people)
    assert found.exit_code == 0 and json.loads(found.stdout)["waiting"]


def test_a_round_that_waits_for_people_stops_the_tournament_in_a_line(
    file: Path, tmp_path: Path
) -> None:
    call = ("tournament", file, "--store", tmp_path / "s.db", "--set", "judges={me: person}")
    said = arena(*call, "--json")
    assert said.exit_code == 0
    (one,) = said.stderr.strip().splitlines()
    assert "round 1 of 3 is not over" in one and "the pairs of round 2" in one
    assert len(json.loads(said.stdout)["waiting"]) == 8
    with Store(tmp_path / "s.db") as store:
        assert set(rounds_of(store)) == {1}


def test_a_spent_budget_stops_between_matches_and_another_command_goes_on(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = json.loads(arena("tournament", file, "--store", tmp_path / "w.db", "--json").stdout)
    spent = iter([False] * 4 + [True] * 100)
    monkeypatch.setattr(tournaments, "limit", lambda limits: lambda tokens: next(spent))
    call = ("tournament", file, "--store", tmp_path / "s.db", "--json")
    stopped = arena(*call)
    assert json.loads(stopped.stdout)["done"] == 4
    assert "4 matches are not taken up" in stopped.stderr, "of the 8 in the first round"
    monkeypatch.setattr(tournaments, "limit", lambda limits: lambda tokens: False)
    assert json.loads(arena(*call).stdout)["results"] == whole["results"]


def test_a_round_robin_that_has_spent_its_budget_says_what_is_left(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = iter([False] * 20 + [True] * 100)
    monkeypatch.setattr(tournaments, "limit", lambda limits: lambda tokens: next(spent))
    call = ("tournament", file, "--store", tmp_path / "s.db", "--json", "--set", "tournament={}")
    stopped = arena(*call)
    assert json.loads(stopped.stdout)["done"] == 20
    assert "4 matches are not taken up" in stopped.stderr
    monkeypatch.setattr(tournaments, "limit", lambda limits: lambda tokens: False)
    assert arena(*call).stderr == ""


@pytest.mark.parametrize("schedule", ["{}", "{schedule: swiss, rounds: 2}"])
def test_two_names_of_one_participant_are_said_to_be_one(
    schedule: str, file: Path, tmp_path: Path
) -> None:
    found = arena("tournament", file, "--store", tmp_path / "s.db", "--json", "--set",
                  f"tournament={schedule}", "--set", "players.again=scripted:random")  # fmt: skip
    assert "'d', 'again' are one participant" in found.stderr
    names = [one["name"] for one in json.loads(found.stdout)["results"]["ratings"]["players"]]
    assert sorted(names) == ["a", "again = d", "b", "c"]


# ---------------------------------------------------------------------------------------------
# Stopped at any point.


class Fault(BaseException):
    """The process is gone here."""


class Faulty(Store):
    """A store that fails at its ``at``-th commit, before it or after it."""

    def __init__(self, path: Path, at: int, after: bool) -> None:
        self.at, self.after, self.commits = -1, after, 0
        super().__init__(path)
        self.at = at

    def execute(self, statements: Any, full: bool = False) -> dict[str, int]:
        self.commits += 1
        if self.commits == self.at and not self.after:
            raise Fault
        changed = super().execute(statements, full)
        if self.commits == self.at:
            raise Fault
        return changed


def _results(store: Store) -> str:
    found: list[Any] = [report(store, "cup", sections=["ratings"])]
    found.append(sorted((n, sorted(map(sorted, of))) for n, of in rounds_of(store).items()))
    return json.dumps(found)


def test_a_fault_at_any_commit_changes_neither_pairings_nor_tables(
    file: Path, tmp_path: Path
) -> None:
    run = read_run_file(file)
    with Faulty(tmp_path / "whole.db", -1, False) as store:
        run_tournament(run, tmp_path, store)
        whole, commits = _results(store), store.commits
    assert commits > 8
    for at in range(1, commits + 1):
        path, after = tmp_path / f"{at}.db", bool(at % 2)
        with Faulty(path, at, after) as store, pytest.raises(Fault):
            run_tournament(run, tmp_path, store)
        with Store(path) as store:
            run_tournament(run, tmp_path, store)
            assert _results(store) == whole, (after, at)
            sql = "SELECT count(*) AS n, count(DISTINCT position) AS m FROM run_matches"
            assert store.one(sql) == {"n": 24, "m": 24}


def _count(path: Path) -> int:
    """How many verdicts are in a store that another process writes."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as read:
            found = read.execute("SELECT count(*) FROM turns WHERE kind = 'verdict'").fetchone()
    except sqlite3.OperationalError:
        return 0
    return int(found[0])


def _killed(folder: Path, verdicts: int) -> None:
    """Play in a process of its own, and kill that when so many verdicts are in its store."""
    call = [sys.executable, "-c", "from ui.cli import app; app()", "tournament", "cup.yaml"]
    child = subprocess.Popen(
        [*call, "--store", "cup.db"], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    while _count(folder / "cup.db") < verdicts and time.monotonic() < until:
        if child.poll() is not None:
            break
        time.sleep(0.001)
    child.kill()
    assert child.wait() == -signal.SIGKILL, "it ended before"


def test_a_tournament_that_is_killed_and_resumed_prints_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL in each of the three rounds."""
    matches = 3 * 2 * 30 * 2 * 2  # rounds, pairs, questions, roles, replicates
    results = []
    for name, fatal in (("whole", ()), ("killed", (30, 500, 1100))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "cup.yaml").write_text(
            SWISS.replace("n: 2", "n: 30").replace("rounds: 3", "rounds: 3, replicates: 2")
            + "run: {width: 4}\n"
        )
        for verdicts in fatal:
            _killed(folder, verdicts)
            assert verdicts <= _count(folder / "cup.db") < 2 * matches
        monkeypatch.chdir(folder)
        results.append(arena("tournament", "cup.yaml", "--store", "cup.db", "--json").stdout)
    assert json.loads(results[0])["done"] == matches
    assert results[0] == results[1]
