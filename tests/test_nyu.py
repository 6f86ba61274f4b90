"""The NYU importer, on rooms made here and, where it lies beside the project, on the data set."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nyu_rooms as made
import pytest

from arena.config import ConfigError
from arena.match import PERSON, Match, view
from arena.play import path, waiting_for
from arena.protocols import JUDGE, verdict_slot
from arena.report import report
from arena.sources.nyu import import_nyu
from arena.sources.nyu_rooms import Importer
from arena.stats.scores import judge_score
from arena.store import Store
from arena.turns import Turn

GOLDEN = {"n": "n", "correct": "correct", "honest": "honest", "dishonest": "dishonest"}
GOLDEN_CLOSE = {
    "acc": "accuracy", "wilson": "wilson", "log2_score": "log2_score",
    "judge_score": "judge_score", "brier": "brier", "ece_final": "ece_final",
    "ece_turn": "ece_turn", "turns": "turns", "turns_sd": "turns_sd",
    "bits_per_round": "bits_per_round",
}  # fmt: skip


def dump(store: Store, *without: str) -> dict[str, list[Any]]:
    """Every row of every table, but for when a run was started."""
    names = [
        row["name"] for row in store.query("SELECT name FROM sqlite_master WHERE type='table'")
    ]
    tables: dict[str, list[Any]] = {}
    for name in sorted(names):
        if name.startswith(("_", "sqlite_")) or name in without:
            continue
        found = list(store.query(f"SELECT * FROM {name}"))
        for row in found:
            row.pop("created_at", None)
            row.pop("finished_at", None)
        tables[name] = sorted(map(repr, found))
    return tables


def rooms_of(store: Store) -> dict[str, Match]:
    sql = "SELECT match, labels FROM run_matches WHERE run = 'nyu' ORDER BY position"
    found = {}
    for row in store.query(sql):
        match = store.match(row["match"])
        assert match.id == row["match"]  # what was written is read back
        found[json.loads(row["labels"])["room"]] = match
    return found


def events(store: Store, kind: str, match: Match) -> list[dict[str, Any]]:
    sql = "SELECT * FROM events WHERE kind = ? AND match = ?"
    return [{**row, "value": json.loads(row["value"])} for row in store.query(sql, kind, match.id)]


def author(store: Store, turn: Turn) -> str:
    return str(store.participant(turn.author)["name"])


@pytest.fixture
def store() -> Iterator[Store]:
    with Store(None) as opened:
        yield opened


@pytest.fixture
def made_store(store: Store, tmp_path: Path) -> Store:
    outcome = import_nyu(made.write(tmp_path / "data", made.good_rooms()), store)
    assert outcome.failures == []
    return store


# ---------------------------------------------------------------------------------------------
# Rooms made here.


def test_every_kind_of_room_is_imported_in_the_order_of_the_metadata(made_store: Store) -> None:
    names = [line["name"] for line, _ in made.good_rooms()]
    assert list(rooms_of(made_store)) == names
    sql = "SELECT labels FROM run_matches WHERE run = 'nyu' ORDER BY position"
    labels = {x["room"]: x for x in (json.loads(r["labels"]) for r in made_store.query(sql))}
    assert labels["door-1"] == {
        "room": "door-1", "setting": "ai debate", "sample": "paper", "complete": True,
    }  # fmt: skip
    assert labels["key-0"]["setting"] == "human consultancy"
    assert labels["key-1"]["setting"] == "ai consultancy"
    assert labels["waiting-0"]["complete"] is False
    assert labels["waiting-0"]["sample"] == "rest"


def test_a_debate_becomes_a_transcript_with_spans_beliefs_and_questions(made_store: Store) -> None:
    match = rooms_of(made_store)["door-0"]
    transcript = made_store.transcript(match)
    kinds = [(t.place, t.seat, t.kind) for t in transcript]
    assert kinds == [
        (0, JUDGE, "belief"), (1, JUDGE, "question"), (2, "A", "speech"), (2, "B", "speech"),
        (3, JUDGE, "belief"), (4, JUDGE, "question"), (5, "A", "speech"), (5, "B", "speech"),
        (6, JUDGE, "verdict"),
    ]  # fmt: skip
    assert all(t.origin == "imported" for t in transcript)
    assert transcript[1].speech.text == "Which?"
    assert transcript[5].speech.text == ""
    first = transcript[2].speech
    assert first.text == "I say door was red."
    assert match.question.passage is not None
    (quote,) = first.quotes
    assert quote.span is not None
    assert first.text[quote.begin : quote.end] == match.question.passage[slice(*quote.span)]
    assert transcript[7].speech.text == "No and no"
    last = transcript[-1]
    assert (last.verdict.choice, last.verdict.elicited) == (0, (0.9, 1 - 0.9))
    assert (last.verdict.reason, last.verdict.mode, last.verdict.stop) == (
        "SECRETREASON", "live", True,
    )  # fmt: skip
    assert last.at == made.START / 1000
    assert waiting_for(match, transcript) == ()


def test_question_answers_and_story_are_kept_verbatim(made_store: Store) -> None:
    question = rooms_of(made_store)["door-0"].question
    assert question.text == "What colour was the door? "
    assert question.answers == ("Red", "Blue ")
    assert question.group == "90001"
    assert question.passage is not None
    assert question.passage.startswith("The SECRETSTORY door was red, she said.\nIt didn't open;")
    assert made_store.truths()[question.id] == 0


def test_people_are_empty_chairs_and_machines_are_participants(made_store: Store) -> None:
    rooms = rooms_of(made_store)
    assert rooms["door-0"].seats == (("A", PERSON), ("B", PERSON), (JUDGE, PERSON))
    seats = dict(rooms["door-1"].seats)
    assert seats["A"] == seats["B"] != PERSON
    assert made_store.participant(seats["A"])["kind"] == "imported"
    assert made_store.participant(seats["A"])["name"] == "GPT-4"
    speech = made_store.transcript(rooms["door-1"])[2]
    assert speech.author == seats["A"]
    belief = made_store.transcript(rooms["door-1"])[0]
    assert made_store.participant(belief.author) == {
        "kind": "person", "name": "Jo Juniper", "source": "nyu",
    }  # fmt: skip


def test_a_stand_in_is_the_author_of_what_it_said(made_store: Store) -> None:
    verdict = made_store.transcript(rooms_of(made_store)["key-1"])[-1]
    assert author(made_store, verdict) == "Nan Nettle"


def test_speeches_are_in_seat_order_whatever_their_order_in_the_file(made_store: Store) -> None:
    transcript = made_store.transcript(rooms_of(made_store)["door-1"])
    spoken = [(t.seat, t.speech.text) for t in transcript if t.kind == "speech"]
    assert spoken == [("A", "Red"), ("B", "BlueIt didn't open")]


def test_a_tie_has_no_choice_and_keeps_its_numbers(made_store: Store) -> None:
    verdict = made_store.transcript(rooms_of(made_store)["door-1"])[-1].verdict
    assert (verdict.status, verdict.choice, verdict.elicited) == ("tie", None, (0.5, 0.5))


def test_a_consultancy_has_one_speaker_at_its_own_seat(made_store: Store) -> None:
    rooms = rooms_of(made_store)
    assert rooms["key-0"].protocol.speakers == ("A",)
    assert rooms["key-1"].protocol.speakers == ("B",)
    assert rooms["key-1"].sides == (("B", 1),)


def test_rooms_on_one_question_are_different_matches(made_store: Store) -> None:
    rooms = rooms_of(made_store)
    assert rooms["door-0"].question == rooms["open-2"].question
    assert len({match.id for match in rooms.values()}) == len(rooms)


def test_debaters_end_a_debate_by_agreement_and_not_by_one_vote(made_store: Store) -> None:
    rooms = rooms_of(made_store)
    for name, votes in (
        ("pilot-0", [False, True, True, True]),
        ("pilot-1", [False, False, True, False]),
        ("pilot-2", [True, True]),
    ):
        match, transcript = rooms[name], made_store.transcript(rooms[name])
        found = [t for t in transcript if t.speech.text == ""]
        assert [t.speech.stop for t in found] == votes
        assert waiting_for(match, transcript) == ()
        assert JUDGE not in dict(match.seats)
        assert JUDGE in [seat.name for seat in match.protocol.seats]


def test_a_closing_is_played_to_its_end_unless_debaters_agree(made_store: Store) -> None:
    match = rooms_of(made_store)["pilot-1"]
    transcript = made_store.transcript(match)
    before_the_last = transcript[:-1]
    assert waiting_for(match, before_the_last) == ("B",)
    assert len({t.place for t in transcript}) == 7


def test_offline_readings_are_leaves_after_the_rounds_that_they_saw(made_store: Store) -> None:
    match = rooms_of(made_store)["door-0"]
    turns = {turn.id: turn for turn in made_store.turns(match.id)}
    found = [t for t in turns.values() if t.is_leaf and t.verdict.mode != "live"]
    by = {(author(made_store, t), t.place): t for t in found}
    assert sorted(by) == [
        ("Rita Reader", -1), ("Rita Reader", 2), ("Rita Reader", 6), ("Tim Timed", 6),
    ]  # fmt: skip
    assert by["Rita Reader", -1].parent == match.root
    after = turns[by["Rita Reader", 2].parent]
    assert (after.place, after.seat) == (2, "B")
    last = by["Rita Reader", 6]
    assert (turns[last.parent].place, turns[last.parent].seat) == (5, "B")
    assert [t.kind for t in found].count("belief") == 2
    assert by["Tim Timed", 6].verdict.mode == "timed"
    assert by["Tim Timed", 6].verdict.reason == "SECRETREADER"


def test_an_offline_judge_may_stop_early_or_never_finish(made_store: Store) -> None:
    rooms = rooms_of(made_store)
    (verdict,) = [t for t in made_store.turns(rooms["pilot-0"].id) if t.kind == "verdict"]
    assert verdict.place == 1
    leaves = [t for t in made_store.turns(rooms["pilot-1"].id) if t.is_leaf]
    assert [(t.kind, t.place) for t in leaves] == [("belief", -1)]


def test_offline_readings_are_not_part_of_the_transcript(made_store: Store) -> None:
    rooms = rooms_of(made_store)
    for match in rooms.values():
        leaves = [t for t in made_store.transcript(match) if t.is_leaf]
        assert all(t.verdict.mode == "live" for t in leaves)


def test_a_speech_that_cannot_be_a_turn_yet_is_held_and_shown_to_nobody(made_store: Store) -> None:
    match = rooms_of(made_store)["open-0"]
    (held,) = events(made_store, "held", match)
    assert held["value"]["text"] == "SECRETHELD door was red"
    assert (held["value"]["seat"], held["value"]["place"]) == ("B", 2)
    assert made_store.participant(held["value"]["author"])["name"] == "Bert Birch"
    transcript = made_store.transcript(match)
    assert waiting_for(match, transcript) == ("A", "B")
    assert "SECRETHELD" not in repr(transcript)


def test_the_first_of_two_simultaneous_speeches_is_a_turn_but_unrevealed(made_store: Store) -> None:
    match = rooms_of(made_store)["open-1"]
    transcript = made_store.transcript(match)
    assert transcript[-1].speech.text == "SECRETHELD"
    assert waiting_for(match, transcript) == ("B",)
    slot = verdict_slot(match.protocol)
    assert "SECRETHELD" not in repr(view(match, path(transcript), slot))


def test_a_quotation_past_the_end_quotes_what_there_is_and_is_noted(made_store: Store) -> None:
    match = rooms_of(made_store)["past-0"]
    speech, empty = [t for t in made_store.transcript(match) if t.kind == "speech"]
    assert match.question.passage is not None
    assert speech.speech.text == "See " + match.question.passage[-len("cried Ann.") :]
    assert speech.speech.quotes[0].span == (
        len(match.question.passage) - len("cried Ann."), len(match.question.passage),
    )  # fmt: skip
    (note,) = events(made_store, "import note", match)
    assert note["turn"] == speech.id
    assert note["value"]["span"] == [29, len(made.STORY) + 2]
    assert empty.speech.text == ""


def test_surveys_scratchpads_and_set_up_are_kept_as_events(made_store: Store) -> None:
    match = rooms_of(made_store)["door-0"]
    (survey,) = events(made_store, "feedback", match)
    assert survey["value"]["name"] == "Jo Juniper"
    assert survey["value"]["survey"]["Judge"]["answers"]["clarity"] == {"first": 3, "second": 1}
    (notes,) = events(made_store, "scratchpad", match)
    assert notes["value"]["drafts"][0]["text"] == "SECRETNOTE door was red"
    (about,) = events(made_store, "room", match)
    assert about["at"] == (made.START - 1000) / 1000
    assert about["value"]["title"] == "The Door"
    assert {e["value"]["mode"] for e in events(made_store, "reading", match)} == {
        "stepped", "timed",
    }  # fmt: skip


def test_complete_rooms_are_marked_as_played_and_others_wait(made_store: Store) -> None:
    rooms = rooms_of(made_store)
    played = {row["id"] for row in made_store.query("SELECT id FROM matches WHERE played")}
    expected = {line["name"] for line, _ in made.good_rooms() if "Complete" in line["status"]}
    assert {name for name, match in rooms.items() if match.id in played} == expected


def test_every_verdict_is_paid_and_nothing_else(made_store: Store) -> None:
    paid = {row["turn"] for row in made_store.query("SELECT DISTINCT turn FROM rewards")}
    assert paid == {row["id"] for row in made_store.query("SELECT id FROM verdicts")}
    assert made_store.one("SELECT 1 FROM rewards WHERE uses_truth") is None


def test_a_later_judge_sees_no_story_no_belief_and_no_reason(made_store: Store) -> None:
    for name, match in rooms_of(made_store).items():
        everything = path(made_store.turns(match.id))
        seen = view(match, everything, verdict_slot(match.protocol))
        assert seen.passage is None
        assert all(turn.kind not in ("belief", "verdict") for turn in seen.turns)
        for secret in made.SECRETS:
            assert secret not in repr(seen), (name, secret)


def test_importing_again_changes_no_row_and_says_so(made_store: Store, tmp_path: Path) -> None:
    before = dump(made_store)
    again = import_nyu(tmp_path / "data", made_store)
    assert not again.changed
    assert (again.imported, again.new, again.failures) == (len(made.good_rooms()), 0, [])
    assert dump(made_store) == before


def test_the_truth_reaches_one_table_only(made_store: Store, tmp_path: Path) -> None:
    other = made.write(tmp_path / "flipped", [made.flipped(*one) for one in made.good_rooms()])
    with Store(None) as turned:
        assert import_nyu(other, turned).failures == []
        assert dump(turned, "truths") == dump(made_store, "truths")
        assert turned.truths() == {key: 1 - truth for key, truth in made_store.truths().items()}


def test_progress_counts_every_room(store: Store, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    rooms = made.good_rooms()
    import_nyu(made.write(tmp_path / "d", rooms), store, progress=lambda *at: seen.append(at))
    assert seen == [(i + 1, len(rooms)) for i in range(len(rooms))]


# ---------------------------------------------------------------------------------------------
# Bad rooms.


def spoil(how: str) -> tuple[Any, Any]:
    """The first good room, called bad-0, with one thing wrong."""
    line, body = copy.deepcopy(made.good_rooms()[0])
    line["name"] = "bad-0"
    rounds = body["rounds"]
    first = rounds[1]["SimultaneousSpeeches"]["speeches"]
    if how == "not JSON":
        return line, '{"setup": '
    if how == "no file":
        return line, None
    if how == "field missing":
        del body["setup"]["answers"]
    elif how == "round of an unknown kind":
        rounds[2] = {"Singing": {}}
    elif how == "two kinds in one piece":
        first["0"]["content"][0]["Quote"] = {"span": [2, 5]}
    elif how == "rounds out of order":
        rounds[1], rounds[3] = rounds[3], rounds[1]
    elif how == "round missing":
        del rounds[3]
    elif how == "speaker unknown":
        first["2"] = first.pop("1")
    elif how == "quote reversed":
        first["0"]["content"].append({"Quote": {"span": [5, 2]}})
    elif how == "quote far outside":
        first["0"]["content"].append({"Quote": {"span": [900, 902]}})
    elif how == "probabilities do not sum":
        rounds[0]["JudgeFeedback"]["distribution"] = [0.5, 0.6]
    elif how == "probability is no number":
        rounds[0]["JudgeFeedback"]["distribution"] = [float("nan"), 0.5]
    elif how == "right answer contradicts":
        line["status"]["Complete"]["result"]["correctAnswerIndex"] = 1
    elif how == "verdict contradicts":
        line["status"]["Complete"]["result"]["judgingInfo"]["numContinues"] = 7
    elif how == "status contradicts":
        line["status"] = {"InProgress": {}}
    elif how == "setting contradicts":
        line["setting"]["isHuman"] = False
    elif how == "question contradicts":
        line["question"] = "Another?"
    elif how == "another truth":
        return (*made.flipped(line, body),)
    elif how == "role unknown":
        line["roleAssignments"]["Usher"] = body["setup"]["roles"]["Usher"] = "Una"
    elif how == "survey is nothing":
        body["feedback"] = {"Jo Juniper": None}
    elif how == "survey is a list":
        body["feedback"] = {"Jo Juniper": ["Judge"]}
    elif how == "survey is deep":
        deep: Any = 1
        for _ in range(150):
            deep = [deep]
        body["feedback"] = {"Jo Juniper": {"Judge": deep, "value": float("nan")}}
    elif how == "time that no calendar has":
        first["0"]["timestamp"] = 10**400
    elif how == "limit beyond sense":
        body["setup"]["rules"]["fixedOpening"][1]["SimultaneousSpeechesRound"]["charLimit"] = 10**30
    elif how == "cycles beyond sense":
        closing = {"maxRepeatCycles": 10**12, "rounds": [made.SEQ]}
        body["setup"]["rules"]["fixedClosing"] = closing
    elif how == "reading goes on":
        reports = rounds[-1]["OfflineJudgments"]["judgments"]["Tim Timed"]["judgments"]
        reports.append(reports[0])
    else:
        raise AssertionError(how)
    return line, body


WRONG = [
    "not JSON", "no file", "field missing", "round of an unknown kind", "two kinds in one piece",
    "rounds out of order",
    "round missing", "speaker unknown", "quote reversed", "quote far outside",
    "probabilities do not sum", "probability is no number", "right answer contradicts",
    "verdict contradicts", "status contradicts", "setting contradicts", "question contradicts",
    "another truth", "role unknown", "reading goes on", "survey is nothing", "survey is a list",
    "survey is deep", "time that no calendar has", "limit beyond sense", "cycles beyond sense",
]  # fmt: skip


@pytest.mark.parametrize("how", WRONG)
def test_a_bad_room_is_named_passed_over_and_not_half_imported(
    how: str, store: Store, tmp_path: Path
) -> None:
    good = made.good_rooms()[:3]
    outcome = import_nyu(made.write(tmp_path / "d", [good[0], spoil(how), *good[1:]]), store)
    ((name, reason),) = outcome.failures
    assert name == "bad-0"
    assert reason and "\n" not in reason
    assert outcome.imported == 3
    with Store(None) as clean:
        import_nyu(made.write(tmp_path / "clean", good), clean)
        assert dump(store, "runs", "run_matches") == dump(clean, "runs", "run_matches")
    assert list(rooms_of(store)) == [line["name"] for line, _ in good]


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value below ``value``."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*before, key)
        if isinstance(one, dict | list):
            yield from paths(one, (*before, key))


def test_whatever_stands_in_a_room_the_others_are_imported(store: Store, tmp_path: Path) -> None:
    good = made.good_rooms()
    rooms = list(good)
    for place in paths(list(good[0])):
        if place[-1] == "name" or len(place) == 1 or "contents" in place[:-1]:
            continue
        for new in (None, [], {}, -1, 10**400, "x", True, [[1]], {"x": None}):
            pair = copy.deepcopy(list(good[0]))
            pair[0]["name"] = f"odd-{len(rooms)}"
            at: Any = pair
            for part in place[:-1]:
                at = at[part]
            at[place[-1]] = new
            rooms.append((pair[0], pair[1]))
    outcome = import_nyu(made.write(tmp_path / "d", rooms), store)
    assert len(rooms) > 1000
    assert list(rooms_of(store))[: len(good)] == [line["name"] for line, _ in good]
    assert outcome.imported + len(outcome.failures) >= len(rooms)
    assert all(name and reason and "\n" not in reason for name, reason in outcome.failures)
    assert not [reason for _, reason in outcome.failures if "does not fit the format" in reason]


def test_a_survey_is_kept_under_the_name_of_who_answered_it(store: Store, tmp_path: Path) -> None:
    line, body = copy.deepcopy(made.good_rooms()[0])
    body["feedback"] = {"Jo Juniper": {"name": {"answers": "Zed"}}}
    import_nyu(made.write(tmp_path / "d", [(line, body)]), store)
    (survey,) = events(store, "feedback", rooms_of(store)["door-0"])
    assert survey["value"] == {"name": "Jo Juniper", "survey": {"name": {"answers": "Zed"}}}


def test_a_mistake_of_the_importer_names_the_room_and_stops_no_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = made.good_rooms()[:4]
    wrong = iter([KeyError("x"), TypeError("x"), OverflowError("x"), RecursionError("x")])

    def fails(self: Importer) -> None:
        ending(self)
        if self.line.name != "door-1":
            raise next(wrong)

    ending = Importer._ending
    monkeypatch.setattr(Importer, "_ending", fails)
    outcome = import_nyu(made.write(tmp_path / "d", good), store)
    assert outcome.imported == 1 and list(rooms_of(store)) == ["door-1"]
    assert [name for name, _ in outcome.failures] == ["door-0", "key-0", "key-1"]


def test_a_repaired_room_is_imported_by_importing_again(store: Store, tmp_path: Path) -> None:
    good = made.good_rooms()[:3]
    import_nyu(made.write(tmp_path / "d", [good[0], (good[1][0], "{"), good[2]]), store)
    again = import_nyu(made.write(tmp_path / "whole", good), store)
    assert again.changed
    assert (again.new, again.failures) == (1, [])
    with Store(None) as clean:
        import_nyu(tmp_path / "whole", clean)
        assert list(rooms_of(store)) == list(rooms_of(clean))


def test_a_room_that_changed_since_is_refused_and_not_mixed(
    made_store: Store, tmp_path: Path
) -> None:
    rooms = made.good_rooms()
    rooms[0][1]["rounds"][1]["SimultaneousSpeeches"]["speeches"]["0"] = made.a("Something else")
    before = dump(made_store)
    outcome = import_nyu(made.write(tmp_path / "changed", rooms), made_store)
    assert [name for name, _ in outcome.failures] == ["door-0"]
    assert dump(made_store) == before


def test_unreadable_lines_strays_and_second_lines_are_named(store: Store, tmp_path: Path) -> None:
    good = made.good_rooms()[:2]
    folder = made.write(tmp_path / "d", [good[0], ("{}", None), good[0], good[1]])
    (folder / "debates" / "official" / "stray-0.json").write_text("{}")
    outcome = import_nyu(folder, store)
    assert [name for name, _ in outcome.failures] == [
        "line 2 of debates-metadata.jsonl", "door-0", "stray-0",
    ]  # fmt: skip
    assert outcome.imported == 2


def test_a_folder_without_the_data_set_is_refused_in_one_line(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"debates-metadata\.jsonl") as caught:
        import_nyu(tmp_path, store)
    assert "\n" not in str(caught.value)
    assert store.one("SELECT 1 FROM runs") is None


# ---------------------------------------------------------------------------------------------
# The data set, where it lies.


def data() -> Path:
    """The folder of the data set: ARENA_NYU, or shared/data/nyu beside the checkout."""
    named = os.environ.get("ARENA_NYU")
    beside = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "nyu"
    return Path(named) if named else beside


real = pytest.mark.skipif(
    not (data() / "debates-metadata.jsonl").is_file(),
    reason="the NYU data set is not here: set ARENA_NYU to the folder of debates-metadata.jsonl",
)


@pytest.fixture(scope="module")
def nyu() -> Iterator[Store]:
    with Store(None) as opened:
        outcome = import_nyu(data(), opened)
        assert outcome.failures == []
        assert outcome.changed
        yield opened


@real
def test_all_rooms_of_the_data_set_are_imported(nyu: Store) -> None:
    labels = [json.loads(r["labels"]) for r in nyu.query("SELECT labels FROM run_matches")]
    lines = (data() / "debates-metadata.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(labels) == len(lines)
    if len(lines) == 417:  # the part that the golden figures are of
        assert sum(one["complete"] for one in labels) == 367
        assert sum(one["sample"] == "paper" for one in labels) == 268
        kinds = {r["kind"]: r["n"] for r in nyu.query("SELECT kind, count(*) AS n FROM events "
                                                      "GROUP BY kind")}  # fmt: skip
        assert kinds == {"room": 417, "feedback": 830, "scratchpad": 46, "reading": 165,
                         "held": 2, "import note": 1}  # fmt: skip


@real
def test_the_report_equals_the_golden_file_in_every_field(nyu: Store) -> None:
    file = data().parent / "nyu_golden.json"
    if not file.is_file():
        pytest.skip("the golden figures are not here: nyu_golden.json beside the NYU data set")
    golden = json.loads(file.read_text(encoding="utf-8"))
    rows = {row["setting"]: row for row in report(nyu, "nyu")["settings"]}
    assert sorted(rows) == sorted(name.lower() for name in golden)
    for name, known in golden.items():
        row = rows[name.lower()]
        assert set(known) <= {*GOLDEN, *GOLDEN_CLOSE, "story_boot"}
        assert {*GOLDEN_CLOSE, "story_boot", "n", "correct"} <= set(known)
        assert {k: row.get(v) for k, v in GOLDEN.items()} == {k: known.get(k) for k in GOLDEN}
        for theirs, ours in GOLDEN_CLOSE.items():
            assert row[ours] == pytest.approx(known[theirs], abs=1e-6), (name, ours)
        assert row["story_bootstrap"] == pytest.approx(known["story_boot"], abs=0.015), name


@real
def test_importing_the_data_set_again_changes_nothing(nyu: Store) -> None:
    before = dump(nyu)
    again = import_nyu(data(), nyu)
    assert not again.changed and not again.failures
    assert dump(nyu) == before


@real
def test_the_sample_obeys_the_invariants_of_the_data_set(nyu: Store) -> None:
    lines = (data() / "debates-metadata.jsonl").read_text(encoding="utf-8").splitlines()
    metadata = {one["name"]: one for one in map(json.loads, lines)}
    truths = nyu.truths()
    ties = []
    for name, match in rooms_of(nyu).items():
        if not metadata[name]["includedInPaper"]:
            continue
        told = metadata[name]["status"]["Complete"]["result"]["judgingInfo"]
        transcript = nyu.transcript(match)
        last = transcript[-1]
        assert last.kind == "verdict" and last.verdict.stop
        assert last.verdict.elicited is not None
        continued = sum(turn.kind == "belief" for turn in transcript)
        rounds = len({turn.place for turn in transcript if turn.kind == "speech"})
        assert continued == rounds == told["numContinues"]
        p = last.verdict.elicited[truths[match.question.id]]
        assert 0.01 <= p <= 0.99
        assert judge_score(p, continued) == pytest.approx(told["judgeReward"], abs=1e-14)
        ties += [name] if last.verdict.status == "tie" else []
    assert len(ties) == 1
    assert metadata[ties[0]]["setting"] == {"isHuman": True, "isDebate": False}


@real
def test_no_story_belief_or_reason_of_the_data_set_reaches_a_later_judge(nyu: Store) -> None:
    for name, match in rooms_of(nyu).items():
        turns = nyu.turns(match.id)
        spoken = path(turns)
        seen = view(match, spoken, verdict_slot(match.protocol))
        assert seen.passage is None, name
        assert all(turn.kind not in ("belief", "verdict") for turn in seen.turns)
        public = "".join(turn.speech.text for turn in spoken)
        private = [t.verdict.reason for t in turns if t.is_leaf and t.verdict.stop]
        shown = repr(seen)
        for text in private:
            if len(text) > 20 and text not in public:
                assert text not in shown, name


@real
def test_quotations_of_the_data_set_are_the_words_of_the_story(nyu: Store) -> None:
    quotes = 0
    for match in rooms_of(nyu).values():
        passage = match.question.passage
        assert passage is not None
        for turn in path(nyu.turns(match.id)):
            for quote in turn.speech.quotes:
                assert quote.span is not None
                assert passage[slice(*quote.span)] == turn.speech.text[quote.begin : quote.end]
                assert quote.begin < quote.end
                quotes += 1
    assert quotes > 5000


@real
def test_the_truth_of_the_data_set_reaches_one_table_only(tmp_path: Path) -> None:
    lines = (data() / "debates-metadata.jsonl").read_text(encoding="utf-8").splitlines()
    rooms = []
    for line in map(json.loads, lines[::12]):
        file = data() / "debates" / "official" / f"{line['name']}.json"
        rooms.append((line, json.loads(file.read_text(encoding="utf-8"))))
    as_it_is = made.write(tmp_path / "true", rooms)
    turned = made.write(tmp_path / "flipped", [made.flipped(*one) for one in rooms])
    with Store(None) as one, Store(None) as other:
        assert import_nyu(as_it_is, one).failures == import_nyu(turned, other).failures == []
        assert dump(one, "truths") == dump(other, "truths")
        assert one.truths() != other.truths()
