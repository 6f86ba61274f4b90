"""`arena train` where people judge: scripted ones, who click what is on the page, pay the policies.

What becomes of verdicts when the command is killed: `test_train_people_killed`; that what is
learnt has the direction of what is paid: `test_train_people_gradient`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from crowd import SHARE, Scripted, crowd, everybody, go, of_version, school
from deskpages import Desk, open_desk, set_up
from queued import otherwise
from typer.testing import CliRunner

from agents.learner import Learner
from agents.local import LocalEngine
from agents.losses import Loss, Sample
from arena import metrics, queue
from arena.accounts import account
from arena.credit import running_key
from arena.desk import acts, identity, worklist
from arena.desk.settings import Settings
from arena.match import Match
from arena.queue import FATES, held_out
from arena.store import Store
from arena.training_report import training_report
from arena.turns import Verdict
from ui.cli import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return school(tmp_path_factory.mktemp("people"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "arena.db"


# -- the policy moves towards what people pay for, and the account is exact


def test_scripted_people_teach_both_debaters_what_they_like_and_every_verdict_is_accounted_for(
    folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada is noisy; Bo leans to what is listed first; Cy takes back half of what it says, early or
    late; Di judges a few, takes one more and leaves."""
    ada, bo = Scripted("Ada", store, noise=1.0), Scripted("Bo", store, bias=1.0, noise=0.5)
    cy, di = Scripted("Cy", store), Scripted("Di", store)
    late: list[tuple[str, str]] = []
    left: list[Match | None] = []
    visits = 0

    def act(opened: Store) -> None:
        nonlocal visits
        visits += 1
        for where in late:  # perhaps after its step
            cy.undo(opened, where)
        late.clear()
        for _ in range(4):
            ada.judge(opened), bo.judge(opened)
        for early in (True, False):
            before = set(cy.given)
            if cy.judge(opened) is not None:
                (where,) = set(cy.given) - before
                if early:
                    cy.undo(opened, where)
                else:
                    late.append(where)
        if visits < 3:
            di.judge(opened)
        elif visits == 3:
            left.append(di.take(opened))

    steps = 8
    with crowd(act, store, monkeypatch):
        sets = [f"train.steps={steps}", "train.group=8", "train.people={enough: 11}"]
        done, notes = go(folder, store, *sets)
    assert (done.steps, done.reason, done.waiting) == (steps, "steps", [])
    assert [note for note in notes if "waits for people: 0 of 11 verdicts are in" in note]
    with Store(store) as opened:
        shares: dict[str, list[float]] = {"A": [], "B": []}
        for step in range(steps):
            said = [t for one in of_version(opened, step) for t in opened.transcript(one)]
            for seat, each in shares.items():
                each.append(mean("kite" in t.speech.text or "drum" in t.speech.text
                                 for t in said if t.seat == seat))  # fmt: skip
        for rising in shares.values():
            assert rising[0] < 0.7 and mean(rising[-3:]) > 0.85
        found = account(opened, "school", steps, SHARE)
        fates = {(one.match, one.turn): what for one, what in found.entries}
        crowd_ = (ada, bo, cy, di)
        assert len(found.entries) == len(fates) == sum(len(one.given) for one in crowd_)
        assert sum(found.counts.values()) == len(fates)
        for one in crowd_:
            for where, match in one.given.items():
                if one.undone.get(where) is False:
                    assert fates[where] == "withdrawn"
                elif held_out(one.id(opened), match.question.id, SHARE):
                    assert fates[where] == "held out"
                else:
                    assert fates[where] in ("spent", "tie", "waiting", "too old")
        kept = {where for where, spent in cy.undone.items() if spent}
        assert {(one.match, one.turn) for one in found.taken_back} == kept
        early = [where for where, spent in cy.undone.items() if not spent]
        assert len(early) >= steps and kept and len(di.given) == 2
        (held,) = left  # what Di holds is waited for by nobody: the others' were enough
        assert held is not None and held.id not in {match.id for match in di.given.values()}
        spent = list(opened.query("SELECT match, turn, step FROM spent"))
        assert {fates[row["match"], row["turn"]] for row in spent} <= {"spent", "tie"}
        assert len(spent) == found.counts["spent"] + found.counts["tie"]
        per_step = Counter(row["step"] for row in spent)
        figures = metrics.history(opened, "school")
        assert dict(figures[metrics.train("verdicts")]) == per_step
        assert min(per_step.values()) >= 11 and per_step.keys() == set(range(1, steps + 1))
        report = training_report(opened, "school")
        assert {(one["match"], one["turn"]) for one in report["spent_and_withdrawn"]} == kept
        assert report["people"]["fates"] == found.counts
    label = f"has learnt from {len(kept)} verdicts that were taken back afterwards"
    for run, note in (
        ("school", f"Note: school {label}."),
        (f"school@{steps}", f"Note: school@{steps} evaluates school, which {label}."),
        ("school@0", None),
    ):
        printed = CliRunner().invoke(app, ["report", run, "--store", str(store)]).stdout
        assert (note or "taken back") in printed if note else "taken back" not in printed
        assert printed.count("Spent and withdrawn: step ") == (len(kept) if run == "school" else 0)


def test_two_runs_in_one_store_ask_for_verdicts_of_their_own(folder: Path, store: Path) -> None:
    """Of the same questions, by the same policies: no verdict pays two runs, and none waits for
    what nobody is offered any more."""
    go(folder, store, "train.steps=1")
    everybody(store)
    assert go(folder, store, "train.steps=1")[0].reason == "steps"
    again, notes = go(folder, store, "name=second", "train.steps=1")
    assert again.reason == "waits for people"
    assert [note for note in notes if "0 of 4 verdicts are in" in note]
    with Store(store) as opened:
        matches = [
            {
                row["match"]
                for row in opened.query("SELECT match FROM run_matches WHERE run = ?", run)
            }
            for run in ("school", "second")
        ]
        who = identity.register(opened, "Ada")
        assert worklist.next_unjudged(opened, who, "second") is not None
    assert matches[0] and matches[1] and not matches[0] & matches[1]


# -- what a step is given


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Sample], Loss]]:
    """What the learner is given, step by step."""
    given: list[tuple[list[Sample], Loss]] = []
    step = Learner.forward_backward

    def seen(self: Any, samples: Any, loss: Any) -> Any:
        given.append((list(samples), loss))
        return step(self, samples, loss)

    monkeypatch.setattr(Learner, "forward_backward", seen)
    return given


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> set[tuple[Any, ...]]:
    """What the engine has sampled, when it did."""
    found: set[tuple[Any, ...]] = set()
    collect = LocalEngine.collect

    def seen(self: Any) -> Any:
        replies = collect(self)
        found.update((one.prompt_ids, one.token_ids, one.logprobs) for _, one in replies)
        return replies

    monkeypatch.setattr(LocalEngine, "collect", seen)
    return found


def worth(one: Match, seat: str, winner: str, value: float) -> float:
    """``value`` for the seat of the side that is listed as ``winner``, else its negative."""
    return value if one.labels[one.side(seat) or 0] == winner else -value


def test_the_advantages_of_a_step_are_the_closed_form_of_what_was_clicked(
    folder: Path, store: Path, steps: list[Any]
) -> None:
    """Step 1: leave-one-out within two groups of two judged; what disagrees and what nobody has
    judged has no part in it. Step 2: groups of one, against the running means."""
    sets = ["train.people={enough: 4, wait: 0, held_out_share: 0}"]
    go(folder, store, *sets)
    ada, logit = Scripted("Ada", store), math.log(99)
    with Store(store) as opened:
        first = of_version(opened, 0)
        groups = [first[:3], first[3:]]
        for group in groups:
            assert len({one.question.id for one in group}) == 1
        ada.say(opened, first[0], "A", 80)
        ada.say(opened, first[1], "B", 99)
        ada.say(opened, first[3], acts.TIE, None)
        otherwise(opened, first[4], ada.id(opened), Verdict(first[4].labels.index("A")))
        otherwise(opened, first[5], ada.id(opened), Verdict(0, (0.3, 0.7)))
    done, _ = go(folder, store, *sets)
    assert (done.steps, done.reason) == (1, "waits for people")
    paid = [(first[0], "A", math.log(4)), (first[1], "B", logit), (first[3], "A", 0.0),
            (first[4], "A", 1.0)]  # fmt: skip
    expected = []
    for n, (one, winner, value) in enumerate(paid):
        other, against, amount = paid[n ^ 1]
        for seat in "AB":
            expected.append(worth(one, seat, winner, value) - worth(other, seat, against, amount))
    assert [sample.advantages for sample in steps[0][0]] == pytest.approx(expected)
    means: dict[str, float] = {}
    for one, winner, value in paid:
        for seat in "AB":
            key = running_key(one, seat, one.side(seat))
            means[key] = 0.95 * means.get(key, 0.0) + 0.05 * worth(one, seat, winner, value)
    with Store(store) as opened:
        second = of_version(opened, 1)
        paid = [(first[2], "B", math.log(3)), (second[0], "A", math.log(9))]
        for (one, winner, _), sure in zip(paid, (75, 90), strict=True):
            ada.say(opened, one, winner, sure)
        for one in (first[2], second[0]):  # a second reader of the same debate is no second member
            otherwise(opened, one, "somebody", Verdict(None, status="tie"))
    go(folder, store, *sets)
    expected = [
        worth(one, seat, winner, value) / 2 - means[running_key(one, seat, one.side(seat))]
        for one, winner, value in paid
        for seat in "AB"
    ]
    assert [sample.advantages for sample in steps[1][0]] == pytest.approx(expected)
    with Store(store) as opened:
        assert account(opened, "school", 2, 0.0).counts == {
            **dict.fromkeys(FATES, 0), "spent": 5, "tie": 3, "disagreeing": 1
        }  # fmt: skip
        (listed,) = training_report(opened, "school")["people"]["listed"]["disagreeing"]
        assert listed["match"] == first[5].id
    printed = CliRunner().invoke(app, ["report", "school", "--store", str(store)]).stdout
    assert f"Disagreeing, paid nothing: person Ada, match {first[5].id}" in printed


def test_a_late_verdict_is_weighed_by_the_probability_at_which_it_was_sampled_then_it_is_too_old(
    folder: Path, store: Path, steps: list[tuple[list[Sample], Loss]],
    sampled: set[tuple[Any, ...]],
) -> None:  # fmt: skip
    """One verdict a step, always on a match of the first version."""
    sets = ["train.people={enough: 1, wait: 0, held_out_share: 0}", "train.steps=9"]
    go(folder, store, *sets)
    then = set(sampled)  # by the first version
    ada = Scripted("Ada", store)
    with Store(store) as opened:
        first = of_version(opened, 0)
        for one in first[:4]:  # whoever reads a debate when it becomes too old may go on
            ada.open(opened, one)
    for n, one in enumerate(first[:4]):
        with Store(store) as opened:
            ada.say(opened, one, "A", 90)
        done, _ = go(folder, store, *sets)
        assert done.steps == min(n + 1, 3)
    assert [loss.cap for _, loss in steps] == [None, 2.0, 2.0]
    for samples, _ in steps:
        assert {(one.prompt_ids, one.token_ids, one.logprobs) for one in samples} <= then
        assert [one.adapter for one in samples] == ["alice", "bob"]
    with Store(store) as opened:
        counts = account(opened, "school", 3, 0.0).counts
        assert counts == {**dict.fromkeys(FATES, 0), "spent": 3, "too old": 1}
        figures = metrics.history(opened, "school")
        assert figures[metrics.train("older")] == [(1, 0.0), (2, 1.0), (3, 1.0)]
        found = training_report(opened, "school")["people"]["listed"]["too old"]
        assert [(one["match"], one["age"]) for one in found] == [(first[3].id, 3)]
        assert ada.take(opened) not in first
    kept = store.parent / "arena-training/school/checkpoints/3/state.json"
    moved: dict[str, float] = {}
    for one in first[:3]:  # alone in their steps: each against the running mean
        for seat in "AB":
            key = running_key(one, seat, one.side(seat))
            moved[key] = 0.95 * moved.get(key, 0.0) + 0.05 * worth(one, seat, "A", math.log(9))
    running = json.loads(kept.read_text())["trainer"]["running"]["means"]
    assert running == pytest.approx(moved)


# -- through the page itself


def test_what_is_clicked_on_the_page_is_what_a_step_learns_from(
    folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = ["train.people={enough: 2, wait: 0, held_out_share: 0}"]
    done, _ = go(folder, store, *sets)
    assert (done.steps, done.reason, len(done.waiting)) == (0, "waits for people", 6)
    set_up(store, Settings(mode="whole", confirm=False), "school")
    with Store(store) as opened:
        place = worklist.next_up(opened, identity.register(opened, "Ada"), "school")
    assert place is not None
    desk = open_desk(store, monkeypatch, "Ada", "school", place.id)

    def say(winner: str, first: float | None, reason: str) -> Desk:
        desk.percent, desk.text["reason"] = first, reason
        return desk.choose(winner).click("Submit verdict")

    say("A", None, "The number was never touched.")
    assert [one.value for one in desk.app.error] == ["Say how sure you are, from 51 to 100 %."]
    with Store(store) as opened:
        assert queue.judged(opened, "school") == []
    say("A", 80, "Sure.").click("Continue with the next")
    say("B", 1, "A slip.").click("Undo").click("Skip").click("Yes, skip")
    say(acts.TIE, 50, "Even.")
    done, _ = go(folder, store, *sets)
    assert (done.steps, done.reason) == (1, "waits for people")
    with Store(store) as opened:
        counts = account(opened, "school", 1, 0.0).counts
        assert counts == {**dict.fromkeys(FATES, 0), "spent": 1, "tie": 1, "withdrawn": 1}
        paid = [row["value"] for row in opened.query(
            "SELECT value FROM paid JOIN spent USING (match, turn) WHERE rule = 'person' "
            "ORDER BY value")]  # fmt: skip
        assert paid == pytest.approx([-math.log(4), 0, 0, math.log(4)])
    desk.click("Continue with the next")
    assert "Submit verdict" in desk.buttons()  # the next version's debates are there


# -- waiting


def test_a_step_is_taken_when_nothing_is_left_to_judge_though_fewer_came_than_were_wanted(
    folder: Path, store: Path
) -> None:
    sets = ["train.people={enough: 50, wait: 0, held_out_share: 0.5}"]
    go(folder, store, *sets)
    ada = Scripted("Ada", store)
    with Store(store) as opened:
        for _ in range(5):
            assert ada.judge(opened)
    done, _ = go(folder, store, *sets)
    assert (done.steps, len(done.waiting)) == (0, 1)
    with Store(store) as opened:
        assert ada.judge(opened)
    done, _ = go(folder, store, *sets)
    assert done.steps == 1
    with Store(store) as opened:
        paid = sum(not held_out(ada.id(opened), one.question.id, 0.5) for one in ada.given.values())
        counts = account(opened, "school", 1, 0.5).counts
        assert (counts["spent"] + counts["tie"], counts["held out"]) == (paid, 6 - paid)


def test_a_step_for_which_every_verdict_is_held_out_changes_no_weight(
    folder: Path, store: Path, steps: list[tuple[list[Sample], Loss]]
) -> None:
    sets = ["train.people={enough: 4, wait: 0, held_out_share: 0.999999}"]
    go(folder, store, *sets)
    everybody(store, "Ada")
    done, _ = go(folder, store, *sets)
    assert done.steps == 1 and steps == []
    with Store(store) as opened:
        found = account(opened, "school", 1, 0.999999).counts
        assert found == {**dict.fromkeys(FATES, 0), "held out": 6}
        assert metrics.history(opened, "school")[metrics.train("idle")] == [(1, 1.0)]


def test_the_command_waits_says_for_what_and_the_same_command_goes_on(
    folder: Path, store: Path
) -> None:
    words = ["train", str(folder / "school.yaml"), "--store", str(store), "--json"]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0
    said = json.loads(first.stdout)
    with Store(store) as opened:
        made = [one.id for one in of_version(opened, 0)]
    assert said["waiting"] == [{"match": key, "seat": "judge"} for key in made]
    assert (said["done"], said["results"]["reason"]) == (0, "waits for people")
    hint = f"0 of 4 verdicts are in, 6 debates are unread; to judge: arena ui --store {store} --run"
    assert hint in first.stderr
    with Store(store) as opened:
        Scripted("Ada", store).judge(opened)
    again = json.loads(CliRunner().invoke(app, words).stdout)
    assert again["done"] == 0 and len(again["waiting"]) == 5
    everybody(store, "Ada", "Bo")
    again = json.loads(CliRunner().invoke(app, words).stdout)
    assert again["done"] == 1 and len(again["waiting"]) == 6
    printed = CliRunner().invoke(app, ["report", "school", "--store", str(store)]).stdout
    assert "People's verdicts: " in printed and "  Bo: " in printed
    changed = [*words, "--set", "train.people.held_out_share=0.2"]
    refused = CliRunner().invoke(app, changed)
    assert refused.exit_code == 2 and "with other settings" in refused.stderr
    longer = CliRunner().invoke(app, [*words, "--set", "train.people.wait=0.0001"])
    assert longer.exit_code == 0


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["train.rule=win"], "train.rule: where a person judges, expected log-odds, got 'win'"),
        (["train.control=judge"], "train.control: where a person judges, expected nothing"),
        (["train.baseline=group"], "train.baseline: where a person judges, expected leave-one-out"),
        (["train.scale=sd"], "train.scale: where a person judges, expected none"),
        (["protocols=[debate with questions]"], "in 'debate with questions' the judge takes part"),
        (["judges={}", "train.held_out=null"], "train.held_out: a person is not asked to read"),
        (["judges.coin=person"], "judges: 'held-out' is a person; evaluations are read by"),
        (["train.people.enough=0"], "train.people.enough must be 1 or more"),
        (["train.people.held_out_share=1"], "train.people.held_out_share must be in [0, 1)"),
        (["train.people.wait=-1"], "train.people.wait must be 0 or more"),
        (["train.people.cap=0"], "train.people.cap must be above 0"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_does_not_go_with_a_person_is_refused_in_one_line(
    sets: list[str], message: str, folder: Path, store: Path
) -> None:
    words = [word for one in sets for word in ("--set", one)]
    result = CliRunner().invoke(
        app, ["train", str(folder / "school.yaml"), "--store", str(store), *words]
    )
    assert result.exit_code == 2, result.stderr
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("arena: ") and message in line
    assert not (store.parent / "arena-training").exists()
