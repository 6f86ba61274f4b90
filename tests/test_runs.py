"""A run is one experiment: what claims it, who sits where, and two processes on one store."""

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from players import QUESTION, Scripted, make_match, played
from test_play import one_round
from typer.testing import CliRunner, Result

from arena.flow import Flow, Message, Reply, Request, ask, batch
from arena.match import View, participant_id
from arena.protocols import Limits, Slot, critique, debate
from arena.questions import Item, Question
from arena.runner import execute, plan
from arena.store import Store
from arena.tournament import schedule
from arena.turns import Speech, Verdict
from ui.cli import app


def arena(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def asked(*texts: str) -> str:
    lines = (
        {"question": text, "answers": ["a", "b"], "truth": i % 2} for i, text in enumerate(texts)
    )
    return "\n".join(map(json.dumps, lines))


def test_a_run_whose_questions_have_changed_is_another_run(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text(asked("one?", "two?"))
    (tmp_path / "r.yaml").write_text(
        "questions: {source: jsonl, path: q.jsonl}\nprotocols: [naive]\n"
        "judges: {coin: 'scripted:coin'}\n"
    )
    call = ("play", tmp_path / "r.yaml", "--store", tmp_path / "s.db")
    assert arena(*call).exit_code == 0
    (tmp_path / "q.jsonl").write_text(asked("three?", "four?", "one?", "two?"))
    again = arena(*call)
    assert again.exit_code == 2 and "other questions" in again.stderr
    with Store(tmp_path / "s.db") as store:
        assert store.one("SELECT count(*) AS n FROM run_matches") == {"n": 2}
        assert store.one("SELECT count(*) AS n FROM questions") == {"n": 2}


def test_a_run_whose_protocol_file_has_changed_is_another_run(tmp_path: Path) -> None:
    rules = (
        "name: short\nseats: [{name: judge, role: judge}]\n"
        "closing: [{slots: [{seat: judge, kind: verdict}]}]\n"
    )
    (tmp_path / "p.yaml").write_text(rules)
    (tmp_path / "r.yaml").write_text(
        "questions: {source: witness, n: 2}\nprotocols: [p.yaml]\njudges: {l: 'scripted:literal'}\n"
    )
    call = ("play", tmp_path / "r.yaml", "--store", tmp_path / "s.db")
    assert arena(*call).exit_code == 0
    (tmp_path / "p.yaml").write_text(rules + "passage_to: [judge]\n")
    assert arena(*call).exit_code == 2


def test_a_run_names_its_participants_by_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "questions: {source: witness, n: 1}\nprotocols: [debate]\n"
        "players: {x: 'scripted:random'}\njudges: {l: 'scripted:literal'}\n"
    )
    arena("play", tmp_path / "r.yaml", "--store", tmp_path / "s.db")
    with Store(tmp_path / "s.db") as store:
        row = store.one("SELECT config FROM runs")
        assert row is not None
        players = json.loads(row["config"])["players"]
        assert store.participant(players["x"])["name"] == "random"
        assert str(tmp_path) not in "".join(store.conn.iterdump())


SEATS = """
questions: {source: witness, n: 2}
protocols:
  - name: pro and con
    seats: [{name: Pro, role: debater}, {name: Con, role: debater}, {name: judge, role: judge}]
    opening: [{slots: [{seat: Pro}, {seat: Con}]}]
    closing: [{slots: [{seat: judge, kind: verdict}]}]
    passage_to: [Pro, Con]
players: {strong: 'scripted:witness', weak: 'scripted:random'}
judges: {l: 'scripted:literal'}
"""


def test_players_sit_where_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(SEATS + "play: {seats: {Pro: strong, Con: weak}}\n")
    assert arena("play", tmp_path / "r.yaml", "--store", tmp_path / "s.db").exit_code == 0
    with Store(tmp_path / "s.db") as store:
        for row in store.query("SELECT labels, match FROM run_matches"):
            assert json.loads(row["labels"])["players"] == {"Pro": "strong", "Con": "weak"}
            seats = dict(store.match(row["match"]).seats)
            assert store.participant(seats["Pro"])["name"] == "witness"
            assert store.participant(seats["Con"])["name"] == "random"


@pytest.mark.parametrize("seats", ["{Z: strong, Q: weak}", "{Pro: strong}", "{Pro: x, Con: weak}"])
def test_seats_that_fit_nothing_are_refused_in_one_line(seats: str, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(SEATS + f"play: {{seats: {seats}}}\n")
    result = arena("play", tmp_path / "r.yaml", "--store", tmp_path / "s.db")
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert "play.seats" in line


class Talks:
    """Says what the engine says."""

    record: Mapping[str, object] = {"kind": "test", "name": "talks"}

    def speak(self, view: View) -> Flow[Speech]:
        (reply,) = yield from ask(Request("m", (Message("user", view.digest),), 9, view.seed))
        return Speech(reply.text)


class Listens:
    """Chooses what the engine says."""

    record: Mapping[str, object] = {"kind": "test", "name": "listens"}

    def decide(self, view: View) -> Flow[Verdict]:
        (reply,) = yield from ask(Request("m", (Message("user", view.digest),), 9, view.seed))
        return Verdict(len(reply.text) % 2, (0.5, 0.5))


def test_two_processes_on_one_run_come_to_the_same_turns(tmp_path: Path) -> None:
    """Their engines disagree; whichever commits a reply first, both go on with that one."""
    talks, listens = participant_id(Talks()), participant_id(Listens())  # type: ignore[arg-type]
    questions = [Question(f"q{i}?", ("a", "b"), "The passage.") for i in range(10)]
    planned = list(schedule(questions, {"debate": debate(rounds=3)}, {"x": talks},
                            {"j": listens}, 0, mirrored=False))  # fmt: skip
    with Store(tmp_path / "s.db") as store:
        store.start_run("both", "play", {}, {})
        plan(store, "both", [Item(q) for q in questions], planned)
    waves = threading.Barrier(2, timeout=30)

    def process(name: str) -> None:
        def answer(requests: tuple[Request, ...]) -> list[Reply]:
            waves.wait()  # neither is ever ahead by a wave
            return [Reply(text=f"{name} says {request.key[:8]}" + name) for request in requests]

        with Store(tmp_path / "s.db") as store:
            people: Any = {talks: Talks()}, {listens: Listens()}
            execute(store, planned, *people, batch(answer), width=100)

    both = [threading.Thread(target=process, args=(name,)) for name in ("one", "other")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    with Store(tmp_path / "s.db") as store:
        assert store.one("SELECT count(*) AS n FROM verdicts") == {"n": len(planned)}
        sql = (
            "SELECT s.text AS said, r.text AS replied FROM turns AS t JOIN speeches AS s "
            "ON s.id = t.speech JOIN calls AS c ON c.turn = t.id "
            "JOIN replies AS r ON r.key = c.reply"
        )
        found = list(store.query(sql))
        assert len(found) == 6 * len(planned)
        assert all(row["said"] == row["replied"] for row in found)


def test_consultants_are_honest_as_often_as_not_whatever_the_order_of_the_data(
    tmp_path: Path,
) -> None:
    (tmp_path / "q.jsonl").write_text(asked("one?", "two?", "three?", "four?"))
    (tmp_path / "r.yaml").write_text(
        "questions: {source: jsonl, path: q.jsonl}\nprotocols: [consultancy]\n"
        "players: {x: 'scripted:random'}\njudges: {coin: 'scripted:coin'}\n"
    )
    done = arena("play", tmp_path / "r.yaml", "--store", tmp_path / "s.db", "--json")
    (row,) = json.loads(done.stdout)["results"]["settings"]
    assert (row["honest"]["n"], row["dishonest"]["n"]) == (4, 4)


def test_the_sides_of_seats_have_nothing_to_do_with_the_order_of_the_data() -> None:
    """Truths that alternate along the file must not all fall to one seat, nor be tried as right."""
    questions = [Question(f"q{i}?", ("a", "b"), f"passage {i}") for i in range(200)]
    players, judges = {"x": "x"}, {"j": "j"}
    for protocol in (debate(), critique()):
        drawn = []
        for seed in (3, 4):
            plan_ = schedule(questions, {"p": protocol}, players, judges, seed, mirrored=False)
            matches = [one.match for one in plan_]
            first = [m.side("A") if m.proposal is None else m.proposal for m in matches]
            assert first.count(0) == first.count(1) == 100
            honest = sum(side == i % 2 for i, side in enumerate(first))
            assert 70 < honest < 130  # drawn without replacement: 100, standard deviation 7
            drawn.append(first)
        assert drawn[0] != drawn[1]


def test_in_a_sequential_round_quoting_what_was_just_quoted_is_free() -> None:
    limits = Limits(quoted=len(str(QUESTION.passage).split("\n")[1]))
    protocol = one_round(Slot("A", limits=limits), Slot("B", limits=limits))
    (one,) = protocol.opening
    for simultaneous, status in ((False, "ok"), (True, "over limit")):
        rules = replace(
            protocol, opening=(replace(one, simultaneous=simultaneous),), over_limit="forfeit"
        )
        match = make_match(rules, {"A": "x", "B": "y"})
        speakers = {
            "A": Scripted(lambda seen: Speech("[1]")),
            "B": Scripted(lambda seen: Speech("[1] [2]")),
        }
        said = played(match, speakers)
        by_seat = {turn.seat: turn.speech.status for turn in said}
        assert by_seat["B"] == status, (simultaneous, by_seat)


REPLICATES = """
questions: {source: witness, n: 4}
protocols: [naive, debate, "debate without rebuttal"]
players: {w: 'scripted:witness'}
judges: {l: 'scripted:oracle', c: 'scripted:coin'}
play: {replicates: 5, mirrored: true, listings: both}
"""


def test_every_replicate_counts_also_where_replicates_say_the_same(tmp_path: Path) -> None:
    """Equal turns are stored once and shared; a match is a match all the same."""
    (tmp_path / "r.yaml").write_text(REPLICATES)
    done = arena("play", tmp_path / "r.yaml", "--store", tmp_path / "s.db", "--json")
    answer = json.loads(done.stdout)
    assert answer["done"] == 4 * 5 * (1 + 2 + 2)
    found = {(row["setting"], row["judge"]): row for row in answer["results"]["settings"]}
    for (setting, judge), row in found.items():
        assert row["n"] == 4 * 5 * (1 if setting == "naive" else 2), (setting, judge)
        assert row["verdicts"] == 2 * row["n"]
        if "oracle" in judge:
            assert row["accuracy"] == 1.0
    with Store(tmp_path / "s.db") as store:
        shared = store.one("SELECT count(DISTINCT id) AS n FROM verdicts")
        assert shared is not None and shared["n"] < sum(row["verdicts"] for row in found.values())


def test_a_refused_run_does_not_take_its_name(tmp_path: Path) -> None:
    run = (
        "questions: {source: jsonl, path: q.jsonl}\nprotocols: [naive]\n"
        "judges: {coin: 'scripted:coin'}\n"
    )
    (tmp_path / "r.yaml").write_text(run)
    line = {"question": "one?", "answers": ["a", "b"], "truth": 0}
    (tmp_path / "q.jsonl").write_text(json.dumps(line))
    call = ("play", tmp_path / "r.yaml", "--store", tmp_path / "s.db")
    assert arena(*call).exit_code == 0
    (tmp_path / "q.jsonl").write_text(json.dumps({**line, "truth": 1}))
    assert arena(*call, "--set", "name=other").exit_code == 2
    assert arena("report", "other", "--store", tmp_path / "s.db").exit_code == 2


def test_a_seated_judge_that_reads_again_reads_each_listing_once(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "questions: {source: witness, n: 2}\nprotocols: ['debate with questions']\n"
        "players: {w: 'scripted:witness'}\njudges: {f: 'scripted:first'}\n"
    )
    arena("play", tmp_path / "r.yaml", "--store", tmp_path / "s.db")
    again = ("judge", "--of", "r", "--judge", "scripted:first", "--order", "both",
             "--store", tmp_path / "s.db", "--json")  # fmt: skip
    (row,) = json.loads(arena(*again).stdout)["results"]["settings"]
    assert (row["n"], row["verdicts"], row["accuracy"]) == (2, 2 * 3, 0.5)
    assert row["position_bias"] == pytest.approx(0.4)
