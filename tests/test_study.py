"""Studies: declared conditions, what stands beside them, exclusions, and when they end."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from math import log2
from pathlib import Path
from typing import Any

import pytest
from studies import HEAD, arena, file, refused, row, study, without_times

import ui.runs
from arena.conditions import critique_only, of_speeches
from arena.desk import acts, identity, worklist
from arena.flow import Flow, ask
from arena.match import View
from arena.protocols import (
    BUILT_IN,
    Limits,
    consultancy,
    cross_critique,
    debate,
    expert,
    naive,
    pending,
)
from arena.report import report
from arena.runfile import read_run_file
from arena.store import Store
from arena.turns import Speech, Verdict
from ui import sheets_study
from ui.study import run_study

ARMS = """
  conditions:
    debate: {protocol: debate, debaters: [strong]*, judges: [literal, oracle]}
    consultancy: {protocol: consultancy, debaters: [strong], judges: [literal, oracle]}
  primary: {first: debate, second: consultancy, judge: literal}
""".replace("[strong]*", "[strong, strong]")


# ---------------------------------------------------------------------------------------------
# The file.


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ("  conditions: {}\n", "study.conditions"),
        ("  conditions: {a: {protocol: nonesuch}}\n", "study.conditions.a"),
        ("  conditions: {a: {protocol: debate, debaters: [strong]}}\n",
         "study.conditions.a.debaters"),
        ("  conditions: {a: {protocol: debate, debaters: [strong, ada]}}\n",
         "study.conditions.a.debaters: 'ada'"),
        ("  conditions: {a: {protocol: debate, debaters: {A: strong}}}\n",
         "study.conditions.a.debaters: nobody sits at B"),
        ("  conditions: {a: {protocol: debate, debaters: {A: strong, C: weak}}}\n",
         "study.conditions.a.debaters: 'C'"),
        ("  conditions: {a: {protocol: naive, judges: [ada]}}\n", "study.conditions.a.judges"),
        ("  conditions: {a: {protocol: naive, information: {passage_to: [C]}}}\n",
         "study.conditions.a: passage_to"),
        ("  conditions: {a: {protocol: debate, speeches: 3}}\n", "study.conditions.a: speeches"),
        ("  conditions: {a: {protocol: naive, replicates: 0}}\n", "study.conditions.a.replicates"),
        ("  conditions: {a: {protocol: naive}}\n  primary: {first: a, second: b}\n",
         "study.primary.second: 'b'"),
        ("  conditions: {a: {protocol: naive}, b: {protocol: expert}}\n"
         "  primary: {first: a, second: b}\n", "study.primary.judge"),
        ("  conditions: {a: {protocol: naive}, b: {protocol: expert, judges: [coin]}}\n"
         "  contrasts: [{first: a, second: b, judge: oracle}]\n", "study.contrasts.0.judge"),
        ("  conditions: {a: {protocol: naive}, b: {protocol: expert, judges: [coin]}}\n"
         "  exclude: {known: .9}\n  primary: {first: b, second: a}\n", "study.exclude.known"),
        ("  conditions: {b: {protocol: expert}, c: {protocol: debate}}\n  exclude: {known: .9}\n"
         "  primary: {first: b, second: c, judge: coin}\n", "study.exclude.known"),
        ("  conditions: {a: {protocol: expert}}\n  sandwich: {floor: a}\n",
         "study.sandwich.floor"),
        ("  conditions: {a: {protocol: naive}}\n  stop: {questions: 7}\n", "study.stop.questions"),
        ("  conditions: {a: {protocol: naive}}\n  stop: {questions: 2, verdicts: 2}\n",
         "study.stop"),
        ("  conditions: {a: {protocol: naive}}\n  match: {on: words}\n", "study.match.on"),
        ("  conditions: {a: {protocol: naive}}\n  match: {within: 1.0}\n", "study.match.within"),
        ("  conditions: {a: {protocol: naive}}\nprices: {ada: {input: 1.0, output: 1.0}}\n",
         "prices: 'ada'"),
        ("  conditions: {a: {protocol: naive, protocl: debate}}\n", "protocl: no such field"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_line_that_names_the_field(
    block: str, field: str, tmp_path: Path
) -> None:
    line = refused(file(tmp_path, block))
    assert field in line, line


def test_a_file_without_the_block_is_no_study(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(HEAD)
    assert "study" in refused(tmp_path / "s.yaml")
    assert not (tmp_path / "s.db").exists()


# ---------------------------------------------------------------------------------------------
# Arms.


def test_a_study_with_the_block_of_another_verb_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "  conditions: {a: {protocol: naive}}\ntournament: {replicates: 2}\n")
    assert "has a study block and a tournament block" in refused(path)
    assert not (tmp_path / "s.db").exists()


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_played(
    tmp_path: Path,
) -> None:
    path = file(tmp_path, "  conditions: {a: {protocol: naive}}\n")
    for page in (tmp_path / "gone" / "s.html", tmp_path, tmp_path / "s.db"):
        assert str(page) in refused(path, "--html", page)
        assert not (tmp_path / "s.db").exists()


def test_a_critique_only_arm_is_the_debate_without_its_answers() -> None:
    found = critique_only(debate())
    assert found is not None and found.id == debate(rounds=1).id
    sequential = critique_only(debate(rounds=3, simultaneous=False, limits=Limits(characters=70)))
    assert sequential is not None
    _, slots = pending(sequential, (), ("A", "B"))
    assert [slot.seat for slot in slots] == ["A", "B"]  # at once: none has heard the other
    assert {slot.limits for slot in slots} == {Limits(characters=70)}
    asked = critique_only(BUILT_IN["debate until the judge decides"])
    assert asked is not None and not asked.asks and asked.stop == "rounds"
    for other in (debate(rounds=1), consultancy(3), naive(), expert(), cross_critique()):
        assert critique_only(other) is None


def test_consultants_get_as_many_speeches_as_are_asked_for() -> None:
    assert of_speeches(consultancy(), 4).id == consultancy(4).id
    assert of_speeches(consultancy(3), 1).id == consultancy().id
    with pytest.raises(ValueError, match="one consultant"):
        of_speeches(debate(), 2)


def settings(path: Path, *words: object) -> dict[str, Any]:
    done = arena("study", path, "--store", path.parent / "p.db", "--plan", "--json", *words)
    assert done.exit_code == 0, done.stderr
    assert not (path.parent / "p.db").exists()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_debate_that_models_judge_has_a_critique_only_arm_beside_it(tmp_path: Path) -> None:
    path = file(tmp_path, ARMS)
    names = [one["condition"] for one in settings(path)["conditions"]]
    assert names == ["debate", "debate: critique only", "consultancy"]
    assert "debate: critique only" not in str(settings(path, "--set", "study.critique=false"))
    own = ("--set", "study.conditions.openings={protocol: debate without rebuttal, "
           "debaters: [strong, strong]}")  # fmt: skip
    names = [one["condition"] for one in settings(path, *own)["conditions"]]
    assert names == ["debate", "consultancy", "openings"]  # it is there already
    found = study(path)
    assert row(found, "debate: critique only", "literal")["n"] == 6
    with Store(tmp_path / "s.db") as store:
        beside = 'SELECT count(*) AS n FROM run_matches WHERE labels LIKE \'%"beside":"debate"%\''
        assert store.one(beside) == {"n": 6}


def test_arms_are_paired_by_question_and_a_speaker_draws_the_same_noise(tmp_path: Path) -> None:
    head = HEAD.replace("players: {", 'players: {noise: "scripted:random", ')
    path = file(tmp_path, """
  conditions:
    one: {protocol: debate, debaters: [noise, strong], judges: [coin]}
    two: {protocol: debate, debaters: {A: noise, B: weak}, judges: [coin]}
  critique: false
""", head)  # fmt: skip
    study(path)
    said: dict[str, dict[str, str]] = defaultdict(dict)
    with Store(tmp_path / "s.db") as store:
        for one in store.query("SELECT match, labels FROM run_matches ORDER BY position"):
            match = store.match(one["match"])
            first = store.transcript(match)[0]
            condition = json.loads(one["labels"])["condition"]
            said[condition][match.question.id] = f"{match.side('A')} {first.speech.text}"
    assert said["one"] == said["two"] and len(said["one"]) == 6
    assert len(set(said["one"].values())) > 3


def test_conditions_that_differ_in_their_judges_alone_keep_their_verdicts_apart(
    tmp_path: Path,
) -> None:
    path = file(tmp_path, """
  conditions:
    first: {protocol: naive, judges: [oracle]}
    second: {protocol: naive, judges: [coin, literal]}
""")  # fmt: skip
    found = study(path)
    rows = {(one["setting"], one["judge"]) for one in found["results"]["settings"]}
    assert rows == {("first", "scripted:oracle"), ("second", "scripted:coin"),
                    ("second", "scripted:literal")}  # fmt: skip
    assert found["done"] == 6  # the matches are the same ones, and are played once


def test_listings_mirrors_and_replicates_are_a_conditions_own(tmp_path: Path) -> None:
    path = file(tmp_path, """
  conditions:
    both: {protocol: naive, listings: both, judges: [coin]}
    mirrored: {protocol: debate, debaters: [strong, weak], mirrored: true, replicates: 2,
               judges: [coin]}
    one: {protocol: debate, debaters: [strong, weak], seats: both, judges: [coin]}
  critique: false
""")  # fmt: skip
    planned = {one["condition"]: one for one in settings(path)["conditions"]}
    found = study(path)
    counts = {name: row(found, name, "coin") for name in planned}
    assert {name: (one["n"], one["verdicts"]) for name, one in counts.items()} == {
        "both": (6, 12), "mirrored": (24, 24), "one": (12, 12),
    }  # fmt: skip
    assert {name: one["verdicts"] for name, one in planned.items()} == {
        "both": 12, "mirrored": 24, "one": 12,
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------
# Planted truths.

SANDWICH = """
  conditions:
    told: {protocol: debate, debaters: [weak, weak], judges: [literal],
           information: {passage_to: [A, B, judge]}}
    mute: {protocol: debate without rebuttal, debaters: [mute, mute], judges: [literal]}
  sandwich: true
  primary: {first: told, second: mute}
"""


def test_between_floor_and_ceiling_the_gap_recovered_is_what_was_planted(tmp_path: Path) -> None:
    """Whoever has the passage is right, and whoever hears nothing is at chance."""
    head = HEAD.replace("players: {", 'players: {mute: "scripted:witness,p=0,s=0,b=0", ')
    found = study(file(tmp_path, SANDWICH, head))
    accuracy = {name: row(found, name, "literal")["accuracy"]
                for name in ("naive", "told", "expert")}  # fmt: skip
    assert accuracy == {"naive": 0.5, "told": 1.0, "expert": 1.0}
    assert row(found, "naive", "oracle")["accuracy"] == 1.0
    gaps = {(one["judge"], one["setting"]): one for one in found["results"]["recovered"]}
    assert gaps["scripted:literal", "told"]["value"]["value"] == 1.0
    primary = found["results"]["study"]["primary"]
    assert primary["judge"] == "literal" and primary["paired"]["questions"] == 6
    mute = row(found, "mute", "literal")["accuracy"]
    assert primary["paired"]["value"] == pytest.approx(1.0 - mute)


@pytest.mark.parametrize("figure", ["accuracy", "log2_score", "brier"])
def test_a_contrast_is_the_mean_over_questions_of_the_difference(
    figure: str, tmp_path: Path
) -> None:
    path = file(tmp_path, ARMS)
    found = study(path, "--set", f"study.primary.figure={figure}", "--set", "questions.n=12")
    primary = found["results"]["study"]["primary"]
    with Store(tmp_path / "s.db") as store:
        judge = primary["judge_id"]
        truths = store.truths()
        cells: dict[tuple[str, str], list[float]] = defaultdict(list)
        for one in store.query("SELECT match, labels FROM run_matches"):
            match = store.match(one["match"])
            (turn,) = (t for t in store.turns(match.id) if t.author == judge)
            assert turn.verdict.elicited is not None
            p = turn.verdict.elicited[truths[match.question.id]]
            held = min(max(p, 0.01), 0.99)
            value = {"accuracy": float(p > 0.5) + 0.5 * (p == 0.5), "log2_score": log2(held),
                     "brier": (1 - p) ** 2}[figure]  # fmt: skip
            cells[json.loads(one["labels"])["condition"], match.question.id].append(value)
    each = [
        sum(cells["debate", q]) / len(cells["debate", q])
        - sum(cells["consultancy", q]) / len(cells["consultancy", q])
        for condition, q in cells if condition == "debate"
    ]  # fmt: skip
    assert len(each) == primary["paired"]["questions"] == 12
    assert primary["paired"]["value"] == pytest.approx(sum(each) / len(each))
    assert primary["holm"] == pytest.approx(primary["paired"]["p"])


# ---------------------------------------------------------------------------------------------
# Exclusions.

TIGHT = """
  conditions:
    tight:
      protocol:
        name: tight
        seats: [{name: A, role: debater}, {name: B, role: debater}, {name: judge, role: judge}]
        opening:
          - slots: [{seat: A, limits: {characters: 30}}, {seat: B, limits: {characters: 30}}]
        closing: [{slots: [{seat: judge, kind: verdict, seen_by: [judge]}]}]
        passage_to: [A, B]
        over_limit: forfeit
      debaters: [strong, strong]
      judges: [literal]
"""


def test_verdicts_on_forfeited_speeches_are_left_out_and_counted(tmp_path: Path) -> None:
    path = file(tmp_path, TIGHT)
    kept = study(path, "--set", "questions.n=12", store="kept.db")
    found = study(path, "--set", "questions.n=12", "--set", "study.exclude={forfeited: true}")
    with Store(tmp_path / "s.db") as store:
        keys = [one["match"] for one in store.query("SELECT match FROM run_matches")]
        bad = sum(any(not turn.is_leaf and turn.speech.status == "over limit"
                      for turn in store.turns(key)) for key in keys)  # fmt: skip
        assert 0 < bad < 12
        assert store.one("SELECT count(*) AS n FROM verdicts") == {"n": 12}  # all are kept
    assert found["results"]["study"]["excluded"] == {"tight": {"forfeited": bad}}
    assert row(found, "tight", "literal")["n"] == 12 - bad
    assert row(kept, "tight", "literal")["n"] == 12
    assert kept["results"]["study"]["excluded"] == {}


def questions(path: Path) -> None:
    """Twelve questions, three a story, of two splits."""
    lines = (
        {"question": f"Question {i}?", "answers": ["yes", "no"], "truth": i % 2,
         "group": f"story {i // 3}", "split": "pilot" if i < 2 else "main"}
        for i in range(12)
    )  # fmt: skip
    path.write_text("\n".join(map(json.dumps, lines)))


OWN = """
name: small
questions: {source: jsonl, path: q.jsonl}
players: {noise: "scripted:random"}
judges: {oracle: "scripted:oracle", coin: "scripted:coin", literal: "scripted:literal"}
"""


def test_questions_of_a_split_and_of_a_story_are_left_out_under_one_rule_each(
    tmp_path: Path,
) -> None:
    questions(tmp_path / "q.jsonl")
    path = file(tmp_path, """
  conditions: {naive: {protocol: naive, judges: [oracle, coin]}}
  exclude: {splits: [pilot], stories: [story 0, story 3]}
""", OWN)  # fmt: skip
    found = study(path)
    # Two of story 0 are of the pilot, and counted there; by two judges each.
    assert found["results"]["study"]["excluded"] == {"naive": {"split": 4, "story": 8}}
    assert row(found, "naive", "oracle")["n"] == 12 - 2 - 4


def test_a_judge_that_knew_the_answer_is_not_asked_again_on_that_question(tmp_path: Path) -> None:
    questions(tmp_path / "q.jsonl")
    path = file(tmp_path, """
  conditions:
    naive: {protocol: naive}
    debate: {protocol: debate without rebuttal, debaters: [noise, noise]}
    expert: {protocol: expert}
  exclude: {known: .9}
""", OWN)  # fmt: skip
    found = study(path, "--set", "judges.literal=scripted:first,p=.95")
    results = found["results"]
    # The oracle knows all of them; whoever leans to what is listed first "knew" every other one.
    assert results["study"]["excluded"]["debate"] == {"known": 12 + 6}
    assert results["study"]["excluded"]["naive"] == {}
    assert row(found, "naive", "oracle")["n"] == 12
    assert row(found, "debate", "first")["n"] == 6
    assert row(found, "debate", "first")["accuracy"] == 0.0
    assert row(found, "debate", "coin")["n"] == 12  # it said one half
    assert {one["value"] for one in results["recovered"]} <= {None}
    assert all("floor" in one["undefined"] for one in results["recovered"])
    # Nor by any other name: what would be compared is how the questions were chosen.
    assert not any(one.get(part) for one in results["recovered"] for part in ("gain", "gap"))
    with Store(tmp_path / "s.db") as store:
        for told in (results, report(store, "small", sections=["differences"])):
            compared = {(one["first"], one["second"]) for one in told["differences"]}
            assert compared == {("debate", "expert")}
            assert any("'naive' is compared with nothing" in one for one in told["notes"])


class Breaks:
    """Is right for sure, and is cut off on every third question."""

    def __init__(self, truths: dict[str, int]) -> None:
        self.record = {"kind": "scripted", "name": "breaks"}
        self._cut = set(sorted(truths)[::3])

    def decide(self, view: View) -> Flow[Verdict]:
        yield from ask()
        if view.question_id in self._cut:
            return Verdict(status="truncated")
        return Verdict(choice=0, elicited=(1.0, 0.0))

    def speak(self, view: View) -> Flow[Speech]:
        yield from ask()
        return Speech("")


def test_verdicts_that_were_cut_off_are_missing_ones_unless_they_are_excluded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions(tmp_path / "q.jsonl")
    monkeypatch.setattr(ui.runs.judges, "load", lambda spec, models, truths: Breaks(dict(truths)))
    path = file(tmp_path, "  conditions: {naive: {protocol: naive, judges: [oracle]}}\n", OWN)
    kept = study(path)
    found = study(path, "--set", "study.exclude={truncated: true}")
    (before,), (after,) = (one["results"]["settings"] for one in (kept, found))
    assert before["missing"]["truncated"]["n"] == 4 and after["missing"] == {}
    assert found["results"]["study"]["excluded"] == {"naive": {"truncated": 4}}
    assert before["n"] == after["n"] == 8


def test_a_contrast_says_what_its_arms_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions(tmp_path / "q.jsonl")
    monkeypatch.setattr(ui.runs.judges, "load", lambda spec, models, truths: Breaks(dict(truths)))
    study_ = (
        "  conditions: {one: {protocol: naive, judges: [oracle]}, "
        "two: {protocol: expert, judges: [oracle]}}\n"
        "  primary: {first: one, second: two, judge: oracle}\n"
    )
    found = study(file(tmp_path, study_, OWN))["results"]
    assert found["study"]["primary"]["missing"] == {
        "one": {"n": 4, "of": 12}, "two": {"n": 4, "of": 12}
    }  # fmt: skip
    (told,) = [one for one in sheets_study.study(found) if one.title == "Declared contrasts"]
    said = "one under oracle 4 of 12, two under oracle 4 of 12"
    assert any(said in note for note in told.notes)


# ---------------------------------------------------------------------------------------------
# Stopping, resuming, people.


def test_a_number_of_verdicts_decides_how_many_questions_all_arms_have(tmp_path: Path) -> None:
    path = file(tmp_path, ARMS)
    plan = settings(path, "--set", "study.stop={verdicts: 5}")
    matches = {one["condition"]: one["matches"] for one in plan["conditions"]}
    assert matches == {"debate": 5, "debate: critique only": 5, "consultancy": 10}
    line = refused(path, "--set", "study.stop={verdicts: 7}")
    assert "study.stop.verdicts: needs 7 questions, got 6" in line


def test_a_study_ends_so_many_minutes_after_it_was_begun(tmp_path: Path) -> None:
    path = file(tmp_path, ARMS)
    rule = ("--set", "study.stop={minutes: 5.0}")
    first = study(path, *rule, "--set", "run.minutes=1e-9")
    stopping = first["results"]["study"]["stopping"]
    assert first["done"] == 0 and stopping["interim"] and stopping["ended"] is None
    with Store(tmp_path / "s.db") as store:
        store.execute({"UPDATE runs SET created_at = created_at - ?": [(301.0,)]})
    late = study(path, *rule)
    stopping = late["results"]["study"]["stopping"]
    assert late["done"] == 0 and stopping["ended"] == "minutes" and not stopping["interim"]
    whole = study(path)
    stopping = whole["results"]["study"]["stopping"]
    assert stopping["ended"] == "complete" and stopping["judged"] == stopping["planned"]
    assert stopping["planned"] == {"debate": 12, "debate: critique only": 18, "consultancy": 24} | (
        {"debate: critique only": 12}
    )


def test_a_killed_study_comes_to_the_same_json(tmp_path: Path) -> None:
    path = file(tmp_path, ARMS)
    whole = study(path, "--lock", store="whole.db")

    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done == 5:
            raise Killed

    with Store(tmp_path / "s.db") as store, pytest.raises(Killed):
        run_study(read_run_file(path, ("run.width=2",)), tmp_path, store, kill, lock=True)
    with Store(tmp_path / "s.db") as store:
        (played,) = store.query("SELECT count(*) AS n FROM matches WHERE played = 1")
        assert played["n"] < 24
    again = study(path)
    assert without_times(again) == without_times(whole)
    reported = arena("report", "small", "--store", tmp_path / "s.db", "--json")
    assert without_times(json.loads(reported.stdout)) == without_times(whole["results"])


def test_a_study_may_be_taken_up_again_with_more_conditions_and_judges(tmp_path: Path) -> None:
    path = file(tmp_path, ARMS)
    before = study(path)
    more = ("--set", "study.conditions.naive={protocol: naive}",
            "--set", "study.conditions.debate.judges=[literal, oracle, coin]")  # fmt: skip
    found = study(path, *more)
    assert row(found, "debate", "coin")["n"] == 6 and row(found, "naive", "literal")["n"] == 6
    assert row(found, "debate", "literal") == row(before, "debate", "literal")
    assert without_times(study(path, *more)) == without_times(found)
    assert "debate" in refused(path, "--set", "study.conditions.debate.protocol=debate sequential")
    with Store(tmp_path / "s.db") as store:  # nobody was asked twice
        doubles = Counter((v["match"], v["author"]) for v in store.query("SELECT * FROM verdicts"))
        assert set(doubles.values()) == {1}


PEOPLE = """
name: people
questions: {source: witness, n: 2}
players: {strong: "scripted:witness,p=.9,s=.8,b=.9"}
judges: {me: person, literal: "scripted:literal"}
"""


def test_a_study_that_people_judge_proposes_its_critique_arm_and_waits_for_them(
    tmp_path: Path,
) -> None:
    path = file(tmp_path, """
  conditions: {debate: {protocol: debate}, naive: {protocol: naive, judges: [me]}}
  primary: {first: debate, second: naive, judge: me}
""", PEOPLE)  # fmt: skip
    plan = settings(path)
    assert [one["condition"] for one in plan["conditions"]] == ["debate", "naive"]
    assert any("speaks once and answers nothing" in line for line in plan["proposals"])
    first = study(path)
    assert len(first["waiting"]) == 4 and {one["seat"] for one in first["waiting"]} == {"judge"}
    assert first["results"]["study"]["primary"]["paired"] is None
    assert row(first, "debate", "literal")["n"] == 2
    with Store(tmp_path / "s.db") as store:
        ada = identity.register(store, "Ada")
        match = worklist.next_unjudged(store, ada)
        assert match is not None
        acts.submit(store, match, ada, "A", 0.75, "because")
    second = study(path)
    assert len(second["waiting"]) == 3
    judged = second["results"]["study"]["stopping"]["judged"]
    assert sum(judged.values()) == 2 + 1
    assert second["results"]["study"]["stopping"]["interim"]


# ---------------------------------------------------------------------------------------------
# The plan.


def test_the_plan_says_the_power_of_what_is_expected(tmp_path: Path) -> None:
    expect = ("--set", "study.primary.expect=[.85, .5]", "--set", "study.primary.sd=1.0")
    path = file(tmp_path, ARMS)
    plan = settings(path, *expect, "--set", "questions.n=40")
    (one,) = plan["contrasts"]
    alone = json.loads(
        arena("power", ".5", ".85", "--paired", "--n", 40, "--sd", 1, "--json").stdout
    )
    assert one["power"] == pytest.approx(alone["power"])
    assert one["primary"] and one["questions"] == 40 and one["needed"] == 22
    free = settings(path, "--set", "questions.n=40")["contrasts"][0]["detectable"]
    needed = json.loads(arena("power", ".5", str(free["0.5"]), "--n", 40, "--json").stdout)
    assert needed["power"] == pytest.approx(0.8, abs=1e-6)
    printed = arena("study", path, "--plan", "--store", tmp_path / "p.db", *expect)
    assert printed.exit_code == 0 and "speeches: 4 to show as many" in printed.stdout
    assert "Primary contrast" in printed.stdout and not (tmp_path / "p.db").exists()


def test_truths_turned_round_plan_the_same_study(tmp_path: Path) -> None:
    questions(tmp_path / "q.jsonl")
    path = file(tmp_path, "  conditions: {naive: {protocol: naive}}\n", OWN)
    plan = settings(path)
    lines = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text().splitlines()]
    turned = [json.dumps({**line, "truth": 1 - line["truth"]}) for line in lines]
    (tmp_path / "q.jsonl").write_text("\n".join(turned))
    assert settings(path) == plan
