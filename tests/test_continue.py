"""A run that is taken up again with more: what it has it keeps, and only what is new is played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from players import Counting
from slow_tournament import PASSAGE, Asking, BestOf, answer

from arena.continuing import begin_or_continue
from arena.desk import audit
from arena.flow import Request
from arena.match import participant_id
from arena.protocols import Limits, debate
from arena.questions import Item, Question
from arena.runfile import RunFile, read_run_file
from arena.runner import Outcome, execute, plan
from arena.store import Store, StoreError
from arena.tournament import schedule
from ui.runs import assemble, identity
from ui.tournament import run_tournament

EIGHT = {
    f"p{i}": f"scripted:witness,p={0.1 + 0.1 * i:.1f},s={0.1 * i:.1f},b={0.1 + 0.1 * i:.1f}"
    for i in range(8)
}
RUN: dict[str, Any] = {
    "name": "cup",
    "questions": {"source": "witness", "n": 2, "seed": 3},
    "protocols": ["debate"],
    "players": EIGHT,
    "judges": {"literal": "scripted:literal"},
}
NINTH = {"players": {**EIGHT, "p8": "scripted:witness,p=1,s=1,b=1"}}
Rows = dict[str, list[str]]


def played(store: Store, folder: Path, **changes: Any) -> Outcome:
    """Run the tournament with some fields changed, from a file."""
    path = folder / "cup.yaml"
    path.write_text(json.dumps({**RUN, **changes}))  # JSON is YAML
    return run_tournament(read_run_file(path), folder, store)


def rows(store: Store) -> Rows:
    """Every table's rows in their order, as text; but for ``runs``, which says how things stand."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    tables = [row["name"] for row in store.query(sql)]
    return {
        name: [repr(tuple(row.values())) for row in store.query(f"SELECT * FROM {name}")]
        for name in tables
        if name != "runs"
    }


def lost(before: Rows, after: Rows) -> dict[str, list[str]]:
    """The rows that are no longer there as they were."""
    return {
        name: gone for name, old in before.items() if (gone := sorted(set(old) - set(after[name])))
    }


def claims(store: Store) -> list[tuple[int, str, str]]:
    sql = "SELECT position, match, labels FROM run_matches WHERE run = 'cup' ORDER BY position"
    return [(row["position"], row["match"], row["labels"]) for row in store.query(sql)]


# ---------------------------------------------------------------------------------------------
# More of everything.


def test_a_ninth_player_plays_only_the_missing_matches_and_no_former_row_changes(
    tmp_path: Path,
) -> None:
    with Store(None) as store:
        assert played(store, tmp_path).done == 28 * 2 * 2
        before, claimed = rows(store), claims(store)
        assert played(store, tmp_path, **NINTH).done == 36 * 2 * 2
        after = rows(store)
        assert lost(before, after) == {}
        assert claims(store)[: len(claimed)] == claimed
        new = claims(store)[len(claimed) :]
        assert len(new) == 8 * 2 * 2
        for _, _, labels in new:
            assert "p8" in json.loads(labels)["players"].values()
        sql = "SELECT DISTINCT match FROM match_turns WHERE rowid > ?"
        fresh = {row["match"] for row in store.query(sql, len(before["match_turns"]))}
        assert fresh == {match for _, match, _ in new}
        row = store.one("SELECT config, finished_at FROM runs")
        assert row is not None and row["finished_at"] is not None
        assert set(json.loads(row["config"])["players"]) == {*EIGHT, "p8"}
        again = rows(store)
        played(store, tmp_path, **NINTH)
        assert rows(store) == again  # and nothing is left to do


def test_a_ninth_player_asks_the_engine_for_its_own_matches_alone() -> None:
    """Players that ask a model. What it is asked depends on what was said: who speaks first says
    the same to everybody, and is not asked for it again."""
    protocol = debate(rounds=2, judge_questions=True, limits=Limits(characters=36))
    items = [Item(Question(f"What was bell {i}?", ("tin", "iron"), PASSAGE, "slow"), i % 2)
             for i in range(2)]  # fmt: skip
    judge = Asking("judge")

    def cup(store: Store, count: int) -> list[Request]:
        asked: list[Request] = []

        def reply(request: Request) -> Any:
            asked.append(request)
            return answer(request.key, len(request.choices))

        people = [BestOf(f"p{i}", 1) for i in range(count)]
        ids = {one.name: participant_id(one) for one in people}
        planned = list(
            schedule([one.question for one in items], {"debate": protocol}, ids,
                     {"judge": participant_id(judge)}, 1, seats="alternate", grows=True)
        )  # fmt: skip
        begin_or_continue(store, "cup", "tournament", {"players": ids}, {}, items, planned,
                          [*people, judge], ("players.*",))  # fmt: skip
        engine = Counting(reply, lambda waiting, _: list(waiting))
        done = execute(store, planned, {participant_id(one): one for one in people},
                       {participant_id(judge): judge}, engine)  # fmt: skip
        assert done.done == len(planned) == count * (count - 1) // 2 * 2 * 2
        return asked

    def keys(asked: list[Request]) -> set[str]:
        found = {one.key for one in asked}
        assert len(found) == len(asked), "the same was asked twice"
        return found

    with Store(None) as store:
        first = keys(cup(store, 8))
        before = rows(store)
        assert cup(store, 8) == []
        new = cup(store, 9)
        assert lost(before, rows(store)) == {}
    with Store(None) as store:
        whole = keys(cup(store, 9))
    assert first | keys(new) == whole and not first & keys(new)
    assert {one.model for one in new} == {*(f"p{i}" for i in range(9)), "judge"}
    assert len(new) < len(first) / 2


def test_a_run_that_has_grown_has_the_matches_of_one_that_was_whole_at_once(
    tmp_path: Path,
) -> None:
    """More players, then more questions, then more replicates; three protocols."""
    rules: dict[str, Any] = {"protocols": ["naive", "consultancy", "debate"]}
    some = dict(list(EIGHT.items())[:2])
    four = {"players": dict(list(EIGHT.items())[:4])}
    more = {"questions": {**RUN["questions"], "n": 5}}
    twice = {"tournament": {"replicates": 2}}
    found = []
    for steps in (
        [{"players": some}, four, four | more, four | more | twice],
        [four | more | twice],
    ):
        with Store(None) as store:
            for step in steps:
                before, claimed = rows(store), claims(store)
                outcome = played(store, tmp_path, **rules, **step)
                assert lost(before, rows(store)) == {}
                assert claims(store)[: len(claimed)] == claimed
                assert outcome.done == len(claims(store)) > len(claimed)
            found.append({(match, labels) for _, match, labels in claims(store)})
    assert found[0] == found[1]
    assert len(found[0]) == 5 * 2 * (1 + 4 * 2 + 6 * 2)


def test_questions_are_added_behind_the_others_in_a_file(tmp_path: Path) -> None:
    def lines(*texts: str) -> None:
        (tmp_path / "q.jsonl").write_text("".join(
            json.dumps({"question": one, "answers": ["a", "b"], "truth": 0}) + "\n" for one in texts
        ))  # fmt: skip

    change: dict[str, Any] = {
        "questions": {"source": "jsonl", "path": "q.jsonl"},
        "players": {"x": "scripted:random", "y": "scripted:random,seed=2"},
        "judges": {"coin": "scripted:coin"},
    }
    change["players"]["y"] = "scripted:witness"
    with Store(None) as store:
        lines("one?", "two?", "three?")
        assert played(store, tmp_path, **change).done == 6
        before = rows(store)
        lines("one?", "two?", "three?", "four?", "five?")
        assert played(store, tmp_path, **change).done == 10
        assert lost(before, rows(store)) == {}
        for texts, word in ((("one?", "two?"), "other questions: 3"), (("two?", "one?", "three?",
                            "four?", "five?"), "an earlier place"), (("one?", "2?", "three?",
                            "four?", "five?"), "'two?'".replace("'", '"'))):  # fmt: skip
            lines(*texts)
            held = rows(store)
            with pytest.raises(StoreError) as refused:
                played(store, tmp_path, **change)
            assert word in str(refused.value) and "\n" not in str(refused.value)
            assert rows(store) == held


def test_an_event_says_what_was_added(tmp_path: Path) -> None:
    with Store(None) as store:
        played(store, tmp_path)
        assert list(store.query("SELECT * FROM events")) == []
        played(store, tmp_path, **NINTH)
        (row,) = store.query("SELECT kind, person, value FROM events")
        assert (row["kind"], row["person"]) == ("continued", None)
        assert json.loads(row["value"]) == {
            "run": "cup", "matches": 32, "players": ["p8"], "changed": ["players.p8"],
        }  # fmt: skip
        (told,), _ = audit.log(store)
        assert told["words"] == "a run was taken up again with more"


# ---------------------------------------------------------------------------------------------
# Swiss.


def _rounds(store: Store) -> dict[int, list[tuple[str, ...]]]:
    found: dict[int, set[tuple[str, ...]]] = {}
    for _, _, labels in claims(store):
        one = json.loads(labels)
        found.setdefault(one["round"], set()).add(tuple(sorted(one["players"].values())))
    return {number: sorted(pairs) for number, pairs in sorted(found.items())}


def test_rounds_are_raised_and_who_joins_later_is_in_the_following_rounds_only(
    tmp_path: Path,
) -> None:
    some: dict[str, Any] = {"players": dict(list(EIGHT.items())[:4])}
    five: dict[str, Any] = {"players": dict(list(EIGHT.items())[:5])}
    with Store(None) as store:
        block = {"tournament": {"schedule": "swiss", "rounds": 2}}
        played(store, tmp_path, **some, **block)
        first, before = _rounds(store), rows(store)
        late = played(store, tmp_path, **five, **block)
        assert _rounds(store) == first and "p4 met nobody in the 2 rounds" in late.notes[0]
        block["tournament"]["rounds"] = 5
        assert played(store, tmp_path, **five, **block).notes == []
        assert lost(before, rows(store)) == {}
        rounds = _rounds(store)
        assert {number: rounds[number] for number in (1, 2)} == first
        assert [len(rounds[number]) for number in (3, 4, 5)] == [2, 2, 2]
        resting = [
            {f"p{i}" for i in range(5)} - {who for pair in rounds[number] for who in pair}
            for number in (3, 4, 5)
        ]
        assert all(len(one) == 1 for one in resting)
        assert "p4" not in set().union(*resting)  # it has sat out two rounds already
        with pytest.raises(Exception, match=r"tournament\.rounds.* has 5 rounds .* got 4"):
            block["tournament"]["rounds"] = 4
            played(store, tmp_path, **five, **block)


def test_questions_that_are_added_are_played_in_earlier_rounds_too_and_no_pairing_changes(
    tmp_path: Path,
) -> None:
    block: dict[str, Any] = {
        "players": dict(list(EIGHT.items())[:5]),
        "tournament": {"schedule": "swiss", "rounds": 3},
    }
    with Store(None) as store:
        assert played(store, tmp_path, **block).done == 3 * 2 * 2 * 2
        rounds, before = _rounds(store), rows(store)
        block["questions"] = {**RUN["questions"], "n": 6}
        assert played(store, tmp_path, **block).done == 3 * 2 * 2 * 6
        assert _rounds(store) == rounds and lost(before, rows(store)) == {}


# ---------------------------------------------------------------------------------------------
# What is refused.


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"players": {k: v for k, v in EIGHT.items() if k != "p3"}}, "players.p3 is gone"),
        ({"players": {**EIGHT, "p3": "scripted:random"}}, "players.p3 is another one than before"),
        ({"players": dict(reversed(EIGHT.items()))}, "an earlier place in the list of players"),
        ({"judges": {"coin": "scripted:coin"}}, "judges.coin"),
        (
            {"judges": {"literal": "scripted:literal", "c": "scripted:coin"}},
            "judges.c is not given",
        ),
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"protocols": ["critique"]}, "protocol debate is gone"),
        ({"protocols": ["debate sequential"]}, "protocol debate is gone"),
        ({"questions": {"source": "witness", "n": 1, "seed": 3}}, "other questions: 1 "),
        ({"questions": {"source": "witness", "n": 2, "seed": 4}}, "questions.seed is 3 there"),
        ({"tournament": {"mirrored": False}}, "tournament.mirrored is true there and false here"),
        ({"tournament": {"listings": "listed"}}, 'listings is "both" there and "listed" here'),
        ({"tournament": {"seats": "fixed"}}, 'tournament.seats is "alternate" there'),
        ({"tournament": {"schedule": "swiss", "rounds": 2}}, "tournament.schedule"),
        ({"tournament": {"panel": {"rule": "median"}}}, "tournament.panel.rule is not given there"),
    ],
)
def test_what_was_dropped_or_changed_is_refused_in_a_line_that_names_it(
    change: dict[str, Any], names: str, tmp_path: Path
) -> None:
    with Store(None) as store:
        played(store, tmp_path)
        before = list(store.conn.iterdump())
        with pytest.raises(StoreError) as refused:
            played(store, tmp_path, **change)
        said = str(refused.value)
        assert names in said and "'cup'" in said and "\n" not in said
        assert list(store.conn.iterdump()) == before


def test_fewer_replicates_are_refused(tmp_path: Path) -> None:
    with Store(None) as store:
        played(store, tmp_path, tournament={"replicates": 2})
        with pytest.raises(StoreError, match="112 of its matches are not in the plan"):
            played(store, tmp_path)


def test_a_run_of_another_kind_is_not_continued(tmp_path: Path) -> None:
    with Store(None) as store:
        store.start_run("cup", "play", {}, {})
        with pytest.raises(StoreError, match=r"of another kind \(play, not tournament\)"):
            played(store, tmp_path)


def test_a_tournament_from_before_seats_were_exchanged_goes_on_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "cup.yaml").write_text(json.dumps(RUN))
    run: RunFile = read_run_file(tmp_path / "cup.yaml")
    for block in (None, {"mirrored": True, "listings": "both", "replicates": 1}):
        with Store(None) as store:
            items, protocols, cast, players, judges = assemble(run, tmp_path, store)
            old = {**identity(run, players, judges), "tournament": block}
            store.start_run("cup", "tournament", old, {})
            questions = [one.question for one in items]
            planned = list(schedule(questions, protocols, players, judges, 0))
            plan(store, "cup", items, planned)
            execute(store, planned[:50], cast.agents, cast.judges, cast.models.engine(),
                    listings="both")  # fmt: skip
            with pytest.raises(StoreError, match=r'tournament\.seats is "fixed" there'):
                played(store, tmp_path)
            before = claims(store)
            assert played(store, tmp_path, tournament={"seats": "fixed"}).done == len(planned)
            assert claims(store) == before


def test_a_fault_at_any_commit_of_a_continuation_is_mended_by_the_same_command(
    tmp_path: Path,
) -> None:
    class Faulty(Store):
        commits, at = 0, -1

        def execute(self, statements: Any, full: bool = False) -> dict[str, int]:
            self.commits += 1
            if self.commits == self.at:
                raise KeyboardInterrupt
            return super().execute(statements, full)

    some: dict[str, Any] = {"players": dict(list(EIGHT.items())[:3])}
    four: dict[str, Any] = {"players": dict(list(EIGHT.items())[:4])}

    def grown(at: int) -> tuple[Rows, int]:
        with Faulty(None) as store:
            played(store, tmp_path, **some)
            store.commits, store.at = 0, at
            if at > 0:
                with pytest.raises(KeyboardInterrupt):
                    played(store, tmp_path, **four)
            commits = store.commits
            store.at = -1
            played(store, tmp_path, **four)
            found = rows(store)
            assert [json.loads(row["value"])["players"] for row in store.query(
                "SELECT value FROM events")] == [["p3"]]  # fmt: skip
            del found["events"], found["_sqlite_migrations"]
            return {name: sorted(of) for name, of in found.items()}, commits or store.commits

    with Faulty(None) as store:
        played(store, tmp_path, **some)
        store.commits = 0
        played(store, tmp_path, **four)
        commits = store.commits
    whole, _ = grown(-1)
    assert commits > 2
    for at in range(1, commits + 1):
        assert grown(at)[0] == whole, at
