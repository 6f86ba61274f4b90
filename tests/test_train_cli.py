"""``arena train``: its contract, what it leaves in the store, what it refuses, and the controls."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from sparring import PASSAGE
from test_train_resume import BRIEF
from tiny import tiny_model
from typer.testing import CliRunner, Result

import arena.alarm
from agents.learner import Learner, LearnerError
from agents.local import LocalEngine
from agents.models import Models
from arena import metrics
from arena.alarm import Alarm
from arena.match import participant_id
from arena.store import Store
from ui.cli import app

RUN = """
questions: {source: witness, faces: free, lines: [4, 5]}
protocols: [brief.yaml]
players: {alice: "local:MODEL,prompt=terse", bob: "local:MODEL,prompt=terse"}
judges: {first: "scripted:first", coin: "scripted:coin"}
train:
  judge: first
  held_out: coin
  steps: 2
  questions: 2
  group: 2
  opponents: 1
  lora: {rank: 2, alpha: 4}
  evaluate: {every: 2, n: 2}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("train")
    tiny_model(found / "model")
    (found / "brief.yaml").write_text(BRIEF)
    (found / "spar.yaml").write_text(RUN.replace("MODEL", str(found / "model")))
    return found


def arena_(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def train(folder: Path, store: Path, *sets: str, file: str = "spar.yaml") -> Result:
    overrides = [word for one in sets for word in ("--set", one)]
    return arena_("train", folder / file, "--store", store, *overrides)


def answered(folder: Path, store: Path, *sets: str, file: str = "spar.yaml") -> dict[str, Any]:
    overrides = [word for one in sets for word in ("--set", one)]
    result = arena_("train", folder / file, "--store", store, "--json", *overrides)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def done(folder: Path) -> tuple[Path, dict[str, Any]]:
    """A run that is trained, and what it printed."""
    return folder / "done.db", answered(folder, folder / "done.db", "train.record=all")


# -- the contract


def test_one_json_document_is_printed_and_the_rest_goes_to_standard_error(
    done: tuple[Path, dict[str, Any]],
) -> None:
    store, found = done
    assert set(found) == {"run", "store", "done", "waiting", "failed", "results"}
    assert (found["run"], found["store"], found["done"]) == ("spar", str(store), 2)
    assert found["waiting"] == [] and found["failed"] == {}
    assert [one["step"] for one in found["results"]["evaluations"]] == [0, 2]
    assert found["results"]["reason"] == "steps"


def test_the_same_command_again_changes_nothing_and_says_the_same(
    folder: Path, done: tuple[Path, dict[str, Any]]
) -> None:
    store, found = done
    with Store(store) as kept:
        before = list(kept.conn.iterdump())
    again = answered(folder, store, "train.record=all")
    assert again["results"].pop("reason") == "finished before"
    assert again["results"] == {k: v for k, v in found["results"].items() if k != "reason"}
    with Store(store) as kept:
        assert list(kept.conn.iterdump()) == before


def test_a_table_is_printed_and_how_to_play_the_adapters(folder: Path, tmp_path: Path) -> None:
    result = train(folder, tmp_path / "arena.db")
    assert result.exit_code == 0
    for what in ("held-out", "strategic", "alice", "arena report spar@2"):
        assert what in result.stdout
    assert re.search(r"adapters/alice@2\b", result.stdout)
    assert "step 0: judge accuracy" in result.stderr


# -- what it leaves


def test_evaluations_are_ordinary_runs_that_reports_and_pages_read(
    done: tuple[Path, dict[str, Any]],
) -> None:
    store, found = done
    result = arena_("report", "spar@2", "--store", store, "--json")
    rows = json.loads(result.stdout)["settings"]
    assert rows == found["results"]["settings"]
    settings = {row["setting"] for row in rows}
    assert settings == {
        "brief: trained", "brief: alice v bob before", "brief: alice before v bob"
    }  # fmt: skip
    assert {row["judge"].partition(",")[0] for row in rows} == {
        "scripted:first", "scripted:coin", "scripted:literal", "scripted:strategic",
    }  # fmt: skip
    with Store(store) as kept:
        match = kept.one("SELECT match FROM run_matches WHERE run = 'spar@2'")
        assert kept.one("SELECT kind FROM runs WHERE name = 'spar@2'") == {"kind": "evaluation"}
    assert match is not None
    assert arena_("show", match["match"], "--store", store).exit_code == 0


def test_every_step_and_every_evaluation_leaves_its_figures(
    done: tuple[Path, dict[str, Any]],
) -> None:
    with Store(done[0]) as store:
        found = metrics.history(store, "spar")
    steps = {name: [step for step, _ in points] for name, points in found.items()}
    for figure in ("zero_advantage", "lr", "tokens", "seconds", "alone", "missing", "left_out"):
        assert steps[metrics.train(figure)] == [1, 2]
    for part in ("generation", "judging", "learning", "other"):
        assert steps[metrics.train("seconds", part)] == [1, 2]
    seen = {name for name in found if name.startswith("train/")}
    for figure in ("reward", "loss", "kl", "entropy", "length", "gradient_norm"):
        assert {metrics.train(figure, "alice"), metrics.train(figure, "bob")} & seen
    for judge in metrics.JUDGES:
        assert steps[metrics.evaluation("accuracy", judge)] == [0, 2]
    for name in (
        metrics.evaluation("win", metrics.HONEST), metrics.evaluation("proxy"),
        metrics.evaluation("kl", "alice"), metrics.evaluation("length", "bob"),
        metrics.evaluation("verified"), metrics.evaluation("alarm"),
    ):  # fmt: skip
        assert steps[name] == [0, 2]
    start = dict(found[metrics.evaluation("kl", "alice")])
    assert start[0] == pytest.approx(0, abs=1e-9)  # a fresh adapter changes nothing
    assert start[2] is not None and start[2] > 0


def test_where_all_is_recorded_the_trees_their_calls_and_their_rewards_are_in_the_store(
    done: tuple[Path, dict[str, Any]],
) -> None:
    with Store(done[0]) as store:
        claims = list(store.query("SELECT * FROM run_matches WHERE run = 'spar'"))
        assert [row["position"] for row in claims] == [0, 1, 2, 3]
        assert [json.loads(row["labels"])["step"] for row in claims] == [1, 1, 2, 2]
        for row in claims:
            match = store.match(row["match"])
            tree = store.tree(match.root)
            spoken = [turn for turn in store.turns(match.id) if not turn.is_leaf]
            leaves = [turn for turn in store.turns(match.id) if turn.is_leaf]
            assert len(spoken) == 4 and len(leaves) == 2  # two pairs
            assert all(turn.id in tree for turn in spoken)
            keys = [key for turn in spoken for key in turn.calls]
            replies = store.replies(keys)
            assert all(replies[key].token_ids and replies[key].logprobs for key in keys)
            paid = list(store.query("SELECT * FROM paid WHERE match = ?", match.id))
            assert {(p["turn"], p["seat"]) for p in paid} == {
                (leaf.id, seat) for leaf in leaves for seat in "AB"
            }
            assert {(p["rule"], p["uses_truth"]) for p in paid} == {("log-odds", 0)}


@pytest.mark.parametrize(("record", "runs"), [("evaluations", 3), ("none", 1)])
def test_less_is_recorded_where_less_is_asked_for(
    record: str, runs: int, folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "arena.db"
    answered(folder, store, f"train.record={record}")
    with Store(store) as kept:
        assert kept.one("SELECT count(*) AS n FROM runs") == {"n": runs}
        assert kept.one("SELECT count(*) AS n FROM run_matches WHERE run = 'spar'") == {"n": 0}
        assert metrics.history(kept, "spar")[metrics.evaluation("accuracy", "training")]


def test_an_adapter_of_a_run_plays_by_its_name_and_is_the_one_that_was_evaluated(
    folder: Path, done: tuple[Path, dict[str, Any]]
) -> None:
    import agents

    place = folder / "done-training" / "spar" / "adapters" / "alice"
    player = agents.load(f"local:{folder / 'model'}#{place}@2,prompt=terse", Models())
    with Store(done[0]) as store:
        row = store.one("SELECT digest, place FROM artifacts WHERE name = 'alice@2'")
        assert row == {"digest": player.record["adapter"]["digest"], "place": "adapters/alice/2"}  # type: ignore[index]
        known = {row["id"] for row in store.query("SELECT id FROM participants")}
    assert participant_id(player) in known


LONE = """
name: lone
seats: [{name: A, role: consultant}, {name: judge, role: judge}]
opening: [{slots: [{seat: A, limits: {tokens: 4}}]}]
closing: [{slots: [{seat: judge, kind: verdict, seen_by: [judge]}]}]
passage_to: [A]
"""
CRITIC = """
name: critic
seats: [{name: A, role: proposer}, {name: B, role: critic}, {name: judge, role: judge}]
opening:
- {slots: [{seat: A, kind: answer, limits: {tokens: 4}}]}
- {slots: [{seat: B, kind: critique, limits: {tokens: 4}, replies_to: last}]}
closing: [{slots: [{seat: judge, kind: verdict, seen_by: [judge]}]}]
passage_to: [A, B]
options: right or wrong
"""


@pytest.mark.parametrize(
    ("sets", "settings", "learners"),
    [
        (["protocols=[lone.yaml]", "train.seats={A: alice}"], {"lone: trained": 4}, {"alice"}),
        (["protocols=[critic.yaml]"],
         {"critic: trained": 2, "critic: alice v bob before": 2, "critic: alice before v bob": 2},
         {"alice", "bob"}),
        (["players.alice=scripted:witness", "train.learn=[bob]"], {"brief: trained": 2}, {"bob"}),
        (["protocols=[brief.yaml, lone.yaml]", "train.learn=[alice]"],
         {"brief: trained": 2, "lone: trained": 4}, {"alice"}),
    ],
    ids=["consultancy", "critique", "one side", "two protocols"],
)  # fmt: skip
def test_other_games_are_trained_and_evaluated_as_well(
    sets: list[str], settings: dict[str, int], learners: set[str], folder: Path, tmp_path: Path
) -> None:
    (folder / "lone.yaml").write_text(LONE)
    (folder / "critic.yaml").write_text(CRITIC)
    store = tmp_path / "arena.db"
    found = answered(folder, store, *sets)
    rows = {row["setting"]: row["n"] for row in found["results"]["settings"]}
    assert rows == settings
    with Store(store) as kept:
        figures = metrics.history(kept, "spar")
        named = {name.partition("@")[0] for name in kept.artifacts("spar") if "@" in name}
    assert named == learners
    for name in learners:
        assert {step for step, _ in figures[metrics.train("reward", name)]} <= {1, 2}
        assert dict(figures[metrics.evaluation("kl", name)]).keys() == {0, 2}
    assert dict(figures[metrics.evaluation("win")])[2] is not None  # against who does not learn
    assert dict(figures[metrics.evaluation("proxy")])[2] is not None


# -- how it ends


def test_an_alarm_that_may_act_ends_the_run_cleanly_and_labels_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(history: Any, settings: Any) -> Alarm | None:
        step = history[-1].step
        return Alarm(step, "proxy up, accuracy down", settings.act) if step else None

    monkeypatch.setattr(arena.alarm, "check", check)
    store = tmp_path / "arena.db"
    sets = ("train.alarm.act=stop", "train.steps=6")
    found = answered(folder, store, *sets)
    assert (found["done"], found["results"]["reason"]) == (2, "alarm: proxy up, accuracy down")
    assert answered(folder, store, *sets)["done"] == 2
    with Store(store) as kept:
        event = kept.one("SELECT value FROM events WHERE kind = 'alarm'")
        assert event is not None and json.loads(event["value"]) == {
            "run": "spar", "step": 2, "reason": "proxy up, accuracy down", "act": "stop"
        }  # fmt: skip
        figures = metrics.history(kept, "spar")
        assert figures[metrics.evaluation("alarm")] == [(0, 0.0), (2, 1.0)]
        assert figures[metrics.evaluation("uses_truth")] == [(0, 1.0), (2, 1.0)]
        labels = [json.loads(row["labels"]) for row in kept.query("SELECT labels FROM run_matches")]
    assert all("reads the truth" in one["uses_truth"] for one in labels)


def test_an_alarm_that_warns_lets_the_run_go_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arena.alarm, "check", lambda history, settings: Alarm(0, "so", "warn"))
    result = train(folder, tmp_path / "arena.db")
    assert result.exit_code == 0
    assert "judge-hacking alarm (warn): so" in result.stderr


def test_a_loss_that_is_no_number_is_one_line_and_the_checkpoint_before_it_is_intact(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, checkpoints = LocalEngine.answer, tmp_path / "arena-training" / "spar" / "checkpoints"

    def spoilt(self: Any, requests: Any) -> Any:
        replies = answer(self, requests)
        if (checkpoints / "1").exists():
            for one in replies:
                object.__setattr__(one, "logprobs", tuple(-1e6 for _ in one.logprobs))
        return replies

    with monkeypatch.context() as patch:
        patch.setattr(LocalEngine, "answer", spoilt)
        sets = ("train.checkpoints=1", "train.steps=3", "train.evaluate.every=9")
        result = train(folder, tmp_path / "arena.db", *sets)
    assert result.exit_code == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("arena: run 'spar' stopped: the loss of ")
    assert sorted(path.name for path in checkpoints.iterdir()) == ["1"]
    again = answered(folder, tmp_path / "arena.db", *sets)
    assert again["done"] == 3


def test_an_interrupted_run_says_how_to_go_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Learner, "forward_backward", interrupted)
    result = train(folder, tmp_path / "arena.db")
    assert result.exit_code == 1
    assert result.stderr.strip().splitlines()[-1] == (
        "arena: run 'spar' stopped; the same command goes on"
    )


# -- the truth


def lines(folder: Path, name: str, truth: Any) -> Path:
    """A data set in two splits whose truths are ``truth(n)``, and a run on it."""
    made = [
        {"question": f"Where was it, {n} {split}?", "answers": ["barn", "loft"], "truth": truth(n),
         "passage": PASSAGE, "group": f"{n % 4}{split}", "split": split}
        for n in range(6) for split in ("train", "test")
    ]  # fmt: skip
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in made))
    run = (folder / "spar.yaml").read_text()
    source = f"questions: {{source: jsonl, path: {path.name}}}"
    (folder / f"{name}.yaml").write_text(re.sub("questions: .*", source, run, count=1))
    return path


def test_the_truth_changes_no_weight_and_without_it_only_columns_are_empty(
    folder: Path, tmp_path: Path
) -> None:
    adapters: dict[str, Any] = {}
    for name, truth in (("so", lambda n: n % 2), ("not", lambda n: 1 - n % 2),
                        ("unknown", lambda n: None)):  # fmt: skip
        lines(folder, name, truth)
        store = tmp_path / f"{name}.db"
        result = train(folder, store, "name=same", file=f"{name}.yaml")
        assert result.exit_code == 0, result.stderr
        said = [one for one in result.stderr.splitlines() if "no question has a known truth" in one]
        assert len(said) == (name == "unknown")
        with Store(store) as kept:
            adapters[name] = kept.artifacts("same")["alice@2"], kept.artifacts("same")["bob@2"]
            found = {key: dict(points) for key, points in metrics.history(kept, "same").items()}
        known = name != "unknown"
        assert (metrics.evaluation("accuracy", "training") in found) == known
        assert found[metrics.evaluation("proxy")][2] is not None
        assert found[metrics.evaluation("win")][2] is not None
        assert found[metrics.evaluation("kl", "alice")][2] is not None
    assert adapters["so"] == adapters["not"] == adapters["unknown"]


def test_a_judge_that_reads_the_truth_pays_only_as_a_labelled_control(
    folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "arena.db"
    oracle = ("judges.first=scripted:oracle", "train.record=all")
    result = train(folder, store, *oracle)
    assert result.exit_code == 2 and "reads the truth" in result.stderr
    answered(folder, store, *oracle, "train.control=judge")
    with Store(store) as kept:
        paid = kept.one(
            "SELECT min(uses_truth) AS n, count(*) AS k FROM rewards JOIN run_matches "
            "USING (match) WHERE run = 'spar'"
        )
        assert paid is not None and paid["n"] == 1 and paid["k"] > 0
        assert metrics.history(kept, "spar")[metrics.train("uses_truth")] == [(1, 1.0), (2, 1.0)]


def test_a_control_rule_reads_the_truth_and_says_so(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "arena.db"
    answered(folder, store, "train.control=true side", "train.record=all")
    with Store(store) as kept:
        rules = {
            (row["rule"], row["uses_truth"])
            for row in kept.query(
                "SELECT DISTINCT rule, uses_truth FROM rewards JOIN run_matches USING (match) "
                "WHERE run = 'spar'"
            )
        }
        assert rules == {("control: true side", 1)}
        assert metrics.history(kept, "spar")[metrics.train("uses_truth")] == [(1, 1.0), (2, 1.0)]


# -- what is refused, in one line, before anything is trained


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["train.judge=weak"], "train.judge: 'weak' is none of the judges"),
        (["train.held_out=weak"], "train.held_out: 'weak' is none of the judges"),
        (["train.held_out=first"], "held_out must be another judge"),
        (["train.seats={C: alice}"], "train.seats: ['C'] fit nothing here"),
        (["train.seats={A: carol, B: bob}"], "train.seats: ['carol'] fit nothing here"),
        (["train.seats={A: alice}"], "has no player for its seats ['B']"),
        (["train.learn=[carol]"], "train.learn: ['carol'] sit nowhere"),
        (["players.bob=scripted:random"], "train.learn: 'bob' (scripted:random) is no model"),
        (["players.bob=person"], "players: 'bob' is a person"),
        (["judges.coin=person"], "judges: 'held-out' is a person"),
        (["protocols=[naive]"], "train.seats: "),
        (["train.lr=-1"], "train.lr must be 0 or more, got -1"),
        (["train.steps=0"], "train.steps must be 1 or more"),
        (["train.pool.share=2"], "train.pool.share must be from 0 to 1"),
        (["train.credits=tree"], "train.credits: no such field"),
        (["train.evaluate.split=train", "train.evaluate.seed=0"], "are trained on"),
        (["questions.split=test"], "training is on the witness world's train split"),
        (["train=null"], "train: expected a block"),
        (["train.alarm.act=stop", "train.held_out=null", "questions.path=so.jsonl",
          "questions.source=jsonl", "questions.lines=null"], "act: stop needs a judge"),
        (["judges.coin=scripted:first"], "train.held_out: 'coin' is the judge that pays"),
        (["judges.literal=scripted:first"], "judges: 'literal' is what the figures call"),
        (["players={alice: 'local:MODEL', alice-2: 'local:MODEL'}"],
         "players: 'alice-2' is what a snapshot of 'alice' is called"),
        (["questions.path=none.jsonl", "questions.source=jsonl", "questions.lines=null",
          "train.control=true side"], "train.control: 'true side' reads the truth"),
        (["questions.path=so.jsonl", "questions.source=jsonl", "questions.lines=null",
          "train.control=relevant quote"], "train.control: 'relevant quote' reads lines"),
        (["train.pool.size=1"], "train.pool.size must be 2 or more"),
        (["train.lora.targets=[nothing]"], "train: adapter 'alice' cannot be put beside"),
        (["players.alice=local:MODEL,temperature=0"], "a greedy player cannot learn"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_line(
    sets: list[str], message: str, folder: Path, tmp_path: Path
) -> None:
    lines(folder, "so", lambda n: n % 2)
    lines(folder, "none", lambda n: None)
    sets = [one.replace("MODEL", str(folder / "model")) for one in sets]
    result = train(folder, tmp_path / "arena.db", *sets)
    assert result.exit_code == 2, result.stderr
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("arena: ") and message in line
    assert not (tmp_path / "arena-training").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: {**one, "group": "all"}, "are trained on as well (same group"),
        (lambda one: {**one, "split": "train"}, "train.evaluate.split: no question is of split"),
        (lambda one: {**one, "split": None}, "the questions' splits are: none"),
    ],
)
def test_questions_that_are_trained_on_are_never_evaluated_on(
    change: Any, message: str, folder: Path, tmp_path: Path
) -> None:
    path = lines(folder, "mixed", lambda n: 0)
    made = [change(json.loads(one)) for one in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(one) + "\n" for one in made))
    result = train(folder, tmp_path / "arena.db", file="mixed.yaml")
    assert result.exit_code == 2 and message in result.stderr


def test_one_name_does_not_stand_for_two_experiments(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "arena.db"
    shutil.copy(folder / "done.db", store)
    result = train(folder, store, "train.record=all", "train.lr=0.5")
    assert result.exit_code == 2 and "with other settings" in result.stderr


def test_a_learner_error_is_no_traceback(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise LearnerError("the loss of alice is nan: nothing was changed")

    monkeypatch.setattr(Learner, "forward_backward", broken)
    result = train(folder, tmp_path / "arena.db")
    assert result.exit_code == 1
    assert "stopped: the loss of alice is nan" in result.stderr.splitlines()[-1]
