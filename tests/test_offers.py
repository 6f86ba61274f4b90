"""The open queue: what it offers is held against a slow reading of the tables; and the connections
that a desk keeps."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from stage import match, question, stage

from arena.desk import acts, identity, seen, settings, shelf, worklist
from arena.desk.chairs import PersonError, page_view
from arena.desk.planning import PlanRequest, commit, preview
from arena.desk.settings import Settings
from arena.match import PERSON, Match
from arena.protocols import debate
from arena.store import Store, StoreError

NOW = 1_000_000_000.0
RUNS = ("first", "second", "third")
ASKS = debate(rounds=2, judge_questions=True)


def study(draws: Random) -> tuple[Store, list[str]]:
    """A store in a random state: runs that share debates, some unfinished, some to be judged from
    a chair; plans, closed or not; people who have judged, skipped, stepped down, looked."""
    made: list[Match] = []
    for n in range(draws.randint(8, 30)):
        asked = question(n, draws.choice([None, f"story {draws.randrange(6)}"]))
        seated = draws.random() < 0.2
        made.append(match(asked, ASKS if seated else None, judge=PERSON if seated else None))
    store = stage(None, made, name=RUNS[0])
    for run in RUNS[1:]:
        some = draws.sample(made, draws.randint(1, len(made)))
        store.start_run(run, "play", {}, {})
        store.execute(
            {"INSERT INTO run_matches VALUES (?,?,?,'{}')": [
                (run, n, one.id) for n, one in enumerate(some)
            ]}
        )  # fmt: skip
    who = [identity.register(store, f"Person {n}") for n in range(3)]
    if draws.random() < 0.3:
        settings.set_settings(store, RUNS[0], Settings(gold=RUNS[2]))
    for run in RUNS[:2]:
        if draws.random() < 0.4:
            rest, k = draws.random() < 0.7, draws.randint(1, 2)
            bars = tuple((person, draws.choice(made).question.id) for person in who)
            found = preview(store, PlanRequest(run, tuple(who), k=k, cap=3, rest=rest,
                                               exclusions=bars))  # fmt: skip
            commit(store, found, None)
    for _ in range(draws.randint(0, 40)):
        act(store, draws, draws.choice(who), draws.choice(made))
    return store, who


def act(store: Store, draws: Random, person: str, one: Match) -> None:
    """Somebody does something, if it may."""
    what = draws.choice(["judge", "take", "take", "skip", "recuse", "look", "lapse"])
    run = draws.choice([None, *RUNS])
    try:
        if what == "take":
            worklist.next_up(store, person, run, draws.choice([10.0, 1e9]))
        elif what == "lapse":
            store.execute({"UPDATE assignments SET until = 1 WHERE holder = ? AND until > 0": [
                (person,)]})  # fmt: skip
        elif what == "look" and draws.random() < 0.3:
            seen.look(store, one, person)
        elif what in ("judge", "skip", "recuse"):
            place = worklist.next_up(store, person, run)
            if place is None:
                return
            one = store.match(place.match)
            if what == "judge":
                shown = page_view(one, store.transcript(one), person).options
                acts.submit(store, one, person, shown[0].label, [0.75, 0.25], "so it is")
            else:
                (acts.skip if what == "skip" else acts.recuse)(store, one, person, "no")
    except PersonError:
        pass


def offered(store: Store, person: str, run: str | None) -> set[str]:
    """The finished debates that are open to a person: read from whole tables, in Python."""

    def table(name: str) -> list[dict[str, Any]]:
        return [dict(row) for row in store.query(f"SELECT * FROM {name}")]

    now = NOW
    events, places = table("events"), table("assignments")
    claims: dict[str, list[str]] = {}
    for row in store.query("SELECT * FROM run_matches"):
        claims.setdefault(row["match"], []).append(row["run"])
    plan = {}
    for one in events:
        if one["kind"] == "plan":
            value = json.loads(one["value"])
            plan[value["run"]] = value
    reserved = {json.loads(row["settings"]).get(what)
                for row in table("desks") for what in ("gold", "practice")}  # fmt: skip
    story = {row["id"]: row["grp"] or row["id"] for row in table("questions")}
    about = {row["id"]: (row["question"], story[row["question"]]) for row in table("matches")}
    read: dict[str, set[str]] = {}
    for one in events:
        if one["person"] == person and one["kind"] in (
            "verdict", "belief", "question", "speech", "skipped", "recused"
        ):  # fmt: skip
            read.setdefault(about[one["match"]][1], set()).add(one["match"])
    bad = seen.known(store, [person])[person]
    judged = {row["match"] for row in table("verdicts") if row["author"] == person}
    found = set()
    for row in table("matches"):
        id, (asked, tale) = row["id"], about[row["id"]]
        runs = claims[id]
        if not row["played"] or dict(json.loads(row["seats"])).get("judge") == PERSON:
            continue
        if run is not None and run not in runs:
            continue
        if id in judged or reserved & set(runs):
            continue
        here = [one for one in places if one["match"] == id and one["seat"] == "judge"]
        if any(one["holder"] == person for one in places if one["match"] == id):
            continue
        if any(one["until"] > now and not one["done"] for one in here):
            continue
        full = False
        for name in runs if run is None else [run]:
            if name in plan:
                given = sum(
                    one["closed"] is None
                    and (one["made_by"] is not None or bool(one["done"]) or one["until"] > now)
                    for one in here
                )
                full = full or not plan[name]["rest"] or plan[name]["k"] <= given
        if full or asked in bad.questions or tale in bad.stories:
            continue
        planned = [name for name in (runs if run is None else [run]) if name in plan]
        if planned:
            barred = {what for who, what in plan[planned[0]]["exclusions"] if who == person}
            if read.get(tale, set()) - {id} or barred & {id, asked, tale}:
                continue
        found.add(id)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_what_is_open_is_what_a_slow_reading_of_the_tables_finds(seed: int) -> None:
    store, who = study(Random(seed))
    with store:
        planned = {json.loads(row["value"])["run"] for row in store.query(
            "SELECT value FROM events WHERE kind = 'plan'")}  # fmt: skip
        for person in who:
            for run in (None, *RUNS):
                if run is None and len(planned) > 1:
                    continue  # a debate of both may be shown for either
                rows = worklist.queue(store, person, run, NOW)
                places = {row["match"] for row in store.query(
                    "SELECT match FROM assignments WHERE holder = ?", person)}  # fmt: skip
                seated = {row["id"] for row in store.query(
                    "SELECT id FROM matches WHERE NOT played OR seats LIKE '%judge%'")}  # fmt: skip
                free = {row.match for row in rows if row.state == "to do"} - places - seated
                assert free == offered(store, person, run), (seed, run)


@pytest.mark.parametrize("seed", range(60, 100))
def test_counts_are_of_the_rows_and_a_short_list_is_their_beginning(seed: int) -> None:
    store, who = study(Random(seed))
    with store:
        for person in who:
            for run in (None, *RUNS):
                rows = worklist.queue(store, person, run, NOW)
                counted = Counter(row.state for row in rows)
                found = worklist.counts(store, person, run, NOW)
                assert +Counter(found) == counted
                assert len({row.id for row in rows}) == len(rows)
                assert [row.position for row in rows] == list(range(1, len(rows) + 1))
                some = worklist.overview(store, person, run, NOW, 3)
                over = [row for row in rows if row.state in ("done", "recused")]
                left = [row for row in rows if row.state not in ("done", "recused")]
                assert some.counts == found and some.left_out == len(rows) - len(some.rows)
                assert [r for r in some.rows if r in left] == left[:3]
                assert [r for r in some.rows if r in over] == over[:3]
                assert some.runs == sorted({row.run for row in rows if row.run is not None})
                if run is None:
                    assert worklist.runs(store, person, NOW) == some.runs


@pytest.mark.parametrize("seed", range(100, 130))
def test_what_comes_next_is_the_first_row_that_can_be_taken(seed: int) -> None:
    store, who = study(Random(seed))
    with store:
        for person in who:
            ready = [row for row in worklist.queue(store, person, None, NOW)
                     if row.state in worklist.READY]  # fmt: skip
            found = worklist.next_up(store, person, None, now=NOW)
            assert (found is None) == (not ready)
            if found is not None:
                assert (found.id, found.match) == (ready[0].id, ready[0].match)
            for row in ready[1:3]:
                try:
                    begun = worklist.begin(store, person, row.id, now=NOW)
                except PersonError as error:
                    assert "Somebody else" in str(error)
                else:
                    assert (begun.id, begun.match, begun.run) == (row.id, row.match, row.run)


# The connections that are kept.


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    shelf.sweep(0)
    with stage(tmp_path / "s.db", [match(question(n)) for n in range(2)]) as store:
        identity.register(store, "Ada")
    yield tmp_path / "s.db"
    shelf.sweep(0)


def test_a_connection_is_lent_again_and_sees_what_others_wrote_meanwhile(path: Path) -> None:
    with shelf.borrowed(path) as first:
        assert [one.name for one in identity.people(first)] == ["Ada"]
    with Store(path) as other:
        identity.register(other, "Bob")
        identity.set_role(other, identity.named(other, "Ada").id, identity.ADMIN)
    with shelf.borrowed(path) as again:
        assert again is first
        assert [(p.name, p.role) for p in identity.people(again)] == [
            ("Ada", identity.ADMIN), ("Bob", identity.JUDGE),
        ]  # fmt: skip


def test_a_query_that_nobody_reads_to_its_end_does_not_hold_the_past(path: Path) -> None:
    with shelf.borrowed(path) as store:
        rows = store.query("SELECT id FROM matches")
        next(rows)
        one = store.one("SELECT id FROM matches")
        kept = rows, one
        with Store(path) as other:
            identity.register(other, "Bob")
        assert [p.name for p in identity.people(store)] == ["Ada", "Bob"]
    assert kept


def test_two_at_once_have_a_connection_each(path: Path) -> None:
    with shelf.borrowed(path) as one, shelf.borrowed(path) as two:
        assert one is not two


def test_another_file_of_that_name_is_opened_anew_and_none_is_not_made(path: Path) -> None:
    with shelf.borrowed(path) as first:
        pass
    shelf_of_old = path.with_name("old.db")
    path.rename(shelf_of_old)
    with pytest.raises(StoreError, match="not there"), shelf.borrowed(path):
        pass
    assert not path.exists()
    with Store(path) as new:
        identity.register(new, "Carol")
    with shelf.borrowed(path) as second:
        assert second is not first
        assert [p.name for p in identity.people(second)] == ["Carol"]


def test_a_schema_that_was_changed_meanwhile_is_looked_at_again(path: Path) -> None:
    with shelf.borrowed(path):
        pass
    with Store(path) as other:
        other.db["_sqlite_migrations"].insert(  # type: ignore[union-attr]
            {"migration_set": "arena", "name": "m999_later", "applied_at": "2100"}
        )
        other.conn.execute("CREATE TABLE later (id TEXT)")
    with pytest.raises(StoreError, match="newer arena"), shelf.borrowed(path):
        pass


def test_what_failed_or_was_left_in_a_transaction_is_not_lent_again(path: Path) -> None:
    with shelf.borrowed(path) as first:
        first.conn.execute("BEGIN IMMEDIATE")
    with shelf.borrowed(path) as second:
        assert second is not first
        identity.register(second, "Bob")  # nobody holds the lock
    with pytest.raises(StoreError), shelf.borrowed(path) as third:
        assert third is second
        list(third.query("SELECT nothing FROM nowhere"))
    with shelf.borrowed(path) as fourth:
        assert fourth is not third
    with pytest.raises(PersonError), shelf.borrowed(path) as fifth:
        assert fifth is fourth
        raise PersonError("a refusal is no failure")
    with shelf.borrowed(path) as sixth:
        assert sixth is fifth


def test_an_idle_desk_has_nothing_open_and_no_log_beside_its_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "IDLE_SECONDS", 0.3)
    with shelf.borrowed(path) as store:
        identity.register(store, "Bob")
    log = path.with_name(path.name + "-wal")
    assert log.exists()
    timer = shelf._sweeper
    assert timer is not None
    timer.join(5)
    shelf.sweep(0)
    assert not log.exists()
    with sqlite3.connect(path) as plain:
        assert plain.execute("SELECT count(*) FROM people").fetchone() == (2,)


def test_many_threads_borrow_and_write_and_nothing_is_lost(path: Path) -> None:
    wrong: list[BaseException] = []

    def work(n: int) -> None:
        try:
            for i in range(10):
                with shelf.borrowed(path) as store:
                    identity.register(store, f"Person {n} {i}")
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    with shelf.borrowed(path) as store:
        assert len(identity.people(store)) == 61
