"""Plans of who judges what: every promise of a preview, over many random stores; and committing."""

import json
import threading
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import networkx as nx
import pytest
from desks import debates, desk, everybody, keep, people
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import match, question, stage

from arena.desk import acts, identity, planning, upkeep, worklist
from arena.desk.balance import Task, share_out
from arena.desk.chairs import PersonError
from arena.desk.orders import listings, spread, twice
from arena.desk.planning import PlanRequest, Preview
from arena.desk.settings import Settings, set_settings
from arena.match import PERSON, Match
from arena.protocols import debate
from arena.report import report
from arena.store import Store

# The arithmetic.


def tasks_of(random: Random, n: int, units: int, need: int) -> list[Task]:
    """Tasks of two settings on two sides; of ``units`` at random, or each of its own."""
    found = []
    for i in range(n):
        setting = f"s{i % 2}"
        unit = f"u{random.randrange(units)}" if units else f"m{i}"
        groups = (f"{setting}/{random.randrange(2)}", setting, "all")
        found.append(Task((f"m{i}", "judge"), unit, frozenset({unit, f"m{i}"}), groups, need))
    return found


def best(
    tasks: list[Task], names: list[str], barred: dict[str, set[str]], cap: int | None
) -> tuple[int, int]:
    """How many pairs there can be at the most, and the least sum of squared loads with so many:
    by a general solver."""
    graph = nx.DiGraph()
    graph.add_node("in")
    graph.add_node("out")
    for name in names:
        for nth in range(len(tasks) if cap is None else cap):
            graph.add_edge("in", ("nth", name, nth), capacity=1, weight=2 * nth + 1)
            graph.add_edge(("nth", name, nth), ("who", name), capacity=1, weight=0)
        for task in tasks:
            if not task.names & barred[name]:
                graph.add_edge(("who", name), ("unit", name, task.unit), capacity=1, weight=0)
                graph.add_edge(("unit", name, task.unit), task.key, capacity=1, weight=0)
    for task in tasks:
        graph.add_edge(task.key, "out", capacity=task.need, weight=0)
    flow = nx.max_flow_min_cost(graph, "in", "out")
    return sum(flow["in"].values()), nx.cost_of_flow(graph, flow)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 10**6))
def test_as_much_is_covered_and_loads_are_as_even_as_a_general_solver_finds(seed: int) -> None:
    random = Random(seed)
    n, k = random.randrange(1, 13), random.randrange(1, 4)
    tasks = tasks_of(random, n, random.choice((0, 2, 5)), k)
    names = [f"p{i}" for i in range(random.randrange(1, 7))]
    units = sorted({name for task in tasks for name in task.names})
    barred = {name: {unit for unit in units if random.random() < 0.25} for name in names}
    cap = random.choice((None, 2, 4))
    pairs = share_out(tasks, names, barred, cap, seed)
    load = Counter(name for name, _ in pairs)
    assert (len(pairs), sum(n * n for n in load.values())) == best(tasks, names, barred, cap)
    assert len({(name, task.unit) for name, task in pairs}) == len(pairs)
    assert not any(task.names & barred[name] for name, task in pairs)
    assert max(Counter(task.key for _, task in pairs).values(), default=0) <= k
    assert pairs == share_out(tasks, names, barred, cap, seed)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_where_nothing_is_barred_every_setting_and_side_is_shared_within_one(seed: int) -> None:
    random = Random(seed)
    names = [f"p{i}" for i in range(random.randrange(1, 9))]
    k = random.randrange(1, len(names) + 1)
    tasks = tasks_of(random, random.randrange(1, 60), 0, k)
    pairs = share_out(tasks, names, {}, None, seed)
    assert len(pairs) == k * len(tasks)
    for group in {group for task in tasks for group in task.groups}:
        count = Counter(name for name, task in pairs if group in task.groups)
        assert max(count[name] for name in names) - min(count[name] for name in names) <= 1


def squares(pairs: Iterable[tuple[str, Task]]) -> int:
    return sum(n * n for n in Counter((p, g) for p, task in pairs for g in task.groups).values())


def test_conditions_are_evened_out_where_stories_stand_in_the_way() -> None:
    better = 0
    for seed in range(20):
        random = Random(seed)
        tasks = tasks_of(random, 40, 15, 1)
        names = [f"p{i}" for i in range(4)]
        pairs = share_out(tasks, names, {}, None, seed)
        dealt = list(pairs)
        for _ in range(200):  # a random plan with the same loads, one exchange after the other
            (a, one), (b, two) = random.sample(dealt, 2)
            rest = [pair for pair in dealt if pair not in ((a, one), (b, two))]
            units = {(p, task.unit) for p, task in rest}
            if (a, two.unit) not in units and (b, one.unit) not in units:
                dealt = [*rest, (a, two), (b, one)]
        assert Counter(p for p, _ in dealt) == Counter(p for p, _ in pairs)
        better += squares(pairs) < squares(dealt)
    assert better >= 18


def test_no_move_and_no_exchange_would_even_out_conditions_any_further() -> None:
    for seed in range(30):
        random = Random(seed)
        tasks = tasks_of(random, random.randrange(4, 24), 8, 1)
        names = [f"p{i}" for i in range(random.randrange(2, 5))]
        pairs = share_out(tasks, names, {}, None, seed)
        load = sorted(Counter(name for name, _ in pairs).values())
        others = [[(to, task)] for _, task in pairs for to in names]
        others += [[(b, one), (a, two)] for a, one in pairs for b, two in pairs if a != b]
        for changed in others:
            moved = {task.key for _, task in changed}
            found = [pair for pair in pairs if pair[1].key not in moved] + changed
            if len({(name, task.unit) for name, task in found}) == len(found) and (
                sorted(Counter(name for name, _ in found).values()) == load
            ):
                assert squares(found) >= squares(pairs)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 20)), unique=True), st.integers(0, 99))
def test_listings_are_half_and_half_for_every_person_and_every_debate(
    edges: list[tuple[int, int]], seed: int
) -> None:
    named = [(f"p{person}", f"m{one}") for person, one in edges]
    found = listings(named, seed)
    assert set(found) <= {0, 1} and len(found) == len(named)
    more: Counter[str] = Counter()
    for pair, one in zip(named, found, strict=True):
        for end in pair:
            more[end] += 1 - 2 * one
    assert max(map(abs, more.values()), default=0) <= 1


def test_a_second_judge_gets_the_other_listing() -> None:
    before = {f"m{i}": 1 if i % 2 else -1 for i in range(40)}
    found = listings([(f"p{i // 10}", f"m{i}") for i in range(40)], 0, before)
    assert found == [i % 2 for i in range(40)]


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(0, 99))
def test_equal_stories_stand_side_by_side_only_where_they_must(items: list[int], seed: int) -> None:
    stories = [str(one) for one in items]
    order = spread(stories, seed)
    assert sorted(order) == list(range(len(stories)))
    side_by_side = sum(stories[a] == stories[b] for a, b in pairwise(order))
    most = max(Counter(stories).values(), default=0)
    assert side_by_side == max(0, most - (len(stories) - most) - 1)


@given(st.integers(0, 40), st.integers(0, 10), st.integers(0, 15), st.integers(0, 99))
def test_what_comes_twice_comes_late(length: int, wanted: int, distance: int, seed: int) -> None:
    order = twice(length, range(0, length, 2), wanted, distance, seed)
    assert [n for n, again in order if not again] == list(range(length))
    places = {pair: at for at, pair in enumerate(order)}
    repeated = [n for n, again in order if again]
    assert all(places[n, True] - places[n, False] - 1 >= distance for n in repeated)
    room = len([n for n in range(0, length, 2) if n + distance < length])
    assert len(set(repeated)) == len(repeated) == min(wanted, room)


# What a preview promises.


def plan(store: Store, **given: Any) -> Preview:
    return planning.preview(store, PlanRequest("trial", everybody(store), **given))


def stories_of(store: Store) -> dict[str, str]:
    sql = (
        "SELECT m.id, coalesce(q.grp, q.id) AS s FROM matches m JOIN questions q ON q.id = question"
    )
    return {row["id"]: row["s"] for row in store.query(sql)}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_every_promise_of_a_preview_holds_in_a_random_store(seed: int) -> None:
    random = Random(seed)
    n, judges, k = random.randrange(1, 25), random.randrange(1, 6), random.randrange(1, 4)
    with desk(n, judges, random.choice((0, 3, 12)), seed) as store:
        who, stories = everybody(store), stories_of(store)
        matches = [row["id"] for row in store.query("SELECT match AS id FROM run_matches")]
        known: set[tuple[str, str]] = set()
        for person in who:
            if random.random() < 0.5:
                key = random.choice(matches)
                acts.submit(store, store.match(key), person, "A", 0.75, "because")
                known.add((person, stories[key]))
        out = tuple((random.choice(who), stories[random.choice(matches)]) for _ in range(3))
        cap = random.choice((None, 3))
        made = plan(store, k=k, cap=cap, seed=seed, exclusions=out)
        rows = [(row.person, row.match) for row in made.rows]
        assert {row.kind for row in made.rows} <= {"judging"} and len(set(rows)) == len(rows)
        judged = Counter(row["match"] for row in store.query("SELECT match FROM verdicts"))
        cover = judged + Counter(key for _, key in rows)
        short = [key for key in matches if cover[key] < k]
        assert max(cover[key] - max(k, judged[key]) for key in matches) <= 0
        told = [line for line in made.violations if " instead of " in line]
        assert sum(int(line.split()[0]) for line in told) == len(short)
        read = [(person, stories[key]) for person, key in rows]
        assert len(set(read)) == len(read) and not set(read) & (known | set(out))
        load = Counter(person for person, _ in rows)
        assert max(load.values(), default=0) <= (cap or n)
        assert made.spans["load"] < 2 or any("no more even share" in x for x in made.violations)
        assert made.spans["listing"] <= 1
        for person in who:
            places = [row.position for row in made.rows if row.person == person]
            assert places == list(range(len(places)))
        assert made == plan(store, k=k, cap=cap, seed=seed, exclusions=out)
        assert not list(store.query("SELECT 1 FROM events WHERE kind = 'plan'"))
        if n > 8 and judges > 1:
            orders = {tuple(r.match for r in plan(store, k=k, seed=s).rows) for s in range(4)}
            assert len(orders) > 1


def test_a_plain_plan_is_even_in_everything() -> None:
    with desk(40, 5) as store:
        made = plan(store, k=2)
        assert made.violations == () and len(made.rows) == 80
        assert made.spans == {"load": 0, "listing": 0, "setting": 0, "sides": 1}
        assert {row["judging"] for row in made.loads} == {16}
        assert {tuple(sorted(row["settings"].values())) for row in made.loads} == {(8, 8)}
        firsts: dict[str, set[Any]] = {}
        for row in made.rows:
            firsts.setdefault(row.match, set()).add(row.listing)
        assert all(found == {(0, 1), (1, 0)} for found in firsts.values())


def test_what_cannot_be_done_is_said_in_words() -> None:
    with desk(6, 2, stories=1) as store:
        ada, _ = everybody(store)
        key = next(iter(stories_of(store)))
        acts.submit(store, store.match(key), ada, "A", 0.75, "because")
        made = plan(store)
        assert len(made.rows) == 1
        assert made.violations == (
            "4 matches have no judge instead of 1: every other one has read about their story "
            "before, or is to debate it, or is given another debate about their story.",
        )
    with desk(6, 2) as store:
        assert plan(store, cap=2).violations == (
            "2 matches have no judge instead of 1: every other one has all that the cap allows.",
        )
        assert plan(store, k=3).violations == (
            "6 matches have 2 judges instead of 3: the plan is for 2 people.",
        )
        store.conn.execute("UPDATE matches SET played = 0 WHERE rowid <= 2")
        assert plan(store).violations == (
            "2 of 6 matches are not finished and keep no chair for a judge: nobody is asked to "
            "judge them.",
        )


def test_nobody_is_asked_for_the_impossible() -> None:
    with desk(2, 2) as store:
        for given in ({"k": 0}, {"cap": 0}, {"distance": -1}):
            with pytest.raises(PersonError):
                plan(store, **given)
        with pytest.raises(PersonError, match="no run of that name"):
            planning.preview(store, PlanRequest("another", everybody(store)))
        with pytest.raises(PersonError, match="1 of the 1 people"):
            planning.preview(store, PlanRequest("trial", ("nobody",)))
        with pytest.raises(PersonError, match="each one once"):
            PlanRequest("trial", (everybody(store)[0],) * 2)
        store.conn.execute("UPDATE people SET revoked_at = 1.0")
        with pytest.raises(PersonError, match="may not sign in"):
            plan(store)


def test_who_debates_a_story_does_not_judge_it_and_no_one_plays_against_itself() -> None:
    seats = (("A", PERSON), ("B", PERSON))
    matches = [
        Match(question(n, f"story {n % 3}"), debate(), (("A", 0), ("B", 1)), seats)
        for n in range(3)
    ]
    matches += [match(question(n, f"story {n % 3}")) for n in range(3, 9)]
    with stage(None, matches) as store:
        people(store, 4)
        stories = stories_of(store)
        made = plan(store, k=1, seats=("A", "B", "judge"))
        debating = [(r.person, r.match) for r in made.rows if r.kind == "debating"]
        judging = [(r.person, r.match) for r in made.rows if r.kind == "judging"]
        assert len(debating) == len(set(debating)) == 6 and judging
        spoken = {(person, stories[key]) for person, key in debating}
        assert len(spoken) == 6
        assert not spoken & {(person, stories[key]) for person, key in judging}
        assert planning.commit(store, made, None)
        person, key = debating[0]
        found = worklist.next_up(store, person, "trial", seats=("A", "B"))
        assert found is not None and (found.match, found.kind) == (key, "debating")


# Practice, gold, and the same again.


def study(store: Store, judges: int = 3, n: int = 24, **given: Any) -> Settings:
    """A run with practice and gold."""
    keep(store, debates(n, seed=1, name="s"))
    keep(store, debates(3, seed=2, name="p"), "warm up")
    keep(store, debates(8, seed=3, name="g"), "known")
    people(store, judges)
    found = Settings(practice="warm up", gold="known", **given)
    set_settings(store, "trial", found)
    return found


def test_practice_comes_first_gold_anywhere_and_duplicates_late_in_the_other_listing() -> None:
    places: list[int] = []
    with Store(None) as store:
        study(store, gold_share=0.2, again_share=0.2)
        for seed in range(6):
            made = plan(store, k=2, seed=seed, distance=5)
            of = "SELECT match FROM run_matches WHERE run = ? ORDER BY position"
            warm = [row["match"] for row in store.query(of, "warm up")]
            golden = {row["match"] for row in store.query(of, "known")}
            for person in everybody(store):
                mine = [row for row in made.rows if row.person == person]
                assert [row.position for row in mine] == list(range(len(mine)))
                assert [row.match for row in mine[:3]] == warm
                kinds = Counter(row.kind for row in mine)
                assert kinds == {"practice": 3, "judging": 16, "gold": 5, "duplicate": 5}
                assert {row.match for row in mine if row.kind == "gold"} <= golden
                places += [row.position for row in mine if row.kind == "gold"]
                first = {row.match: row for row in mine}
                for row in mine:
                    if row.of is not None:
                        assert row.listing == first[row.of].listing[::-1]  # type: ignore[index]
                        assert row.position - first[row.of].position > 5
                        assert first[row.of].kind == "judging"
            used = Counter(row.match for row in made.rows if row.kind == "gold")
            assert set(used) == golden and set(used.values()) <= {1, 2}  # 15 places, 8 debates
        assert min(places) < 8 and max(places) > 20


def test_too_little_gold_and_too_short_a_queue_are_said() -> None:
    with Store(None) as store:
        study(store, judges=1, n=40, gold_share=0.3, again_share=0.1)
        made = plan(store, distance=60)
        assert made.violations == (
            "Judge 00 gets 8 gold debates instead of 20: there are no others that it has not read "
            "about.",
            "Judge 00 reads 0 debates a second time instead of 7: 60 others are to lie between, "
            "and only debates that are finished and have no person's chair come again.",
        )
        capped = plan(store, cap=10, distance=1)
        assert Counter(row.kind for row in capped.rows) == {
            "practice": 3, "judging": 6, "gold": 3, "duplicate": 1
        }  # fmt: skip
        set_settings(store, "trial", Settings(gold="known", gold_share=0.5, again_share=0.5))
        with pytest.raises(PersonError, match="nothing to judge"):
            plan(store)


def judge_all(store: Store, person: str, only: str | None = None) -> list[str]:
    """Judge whatever comes, in order."""
    order = []
    while (found := worklist.next_up(store, person, "trial")) is not None:
        match = store.match(found.match)
        if only is None or found.kind == only or found.kind == "judging":
            acts.submit(store, match, person, "A", 0.75, "because")
        else:
            store.execute({worklist.DONE: [(match.id, "judge", person)],
                           "UPDATE assignments SET closed = 'recused' WHERE id = ?":
                           [(found.id,)]})  # fmt: skip
        order.append(found.match)
    return order


def test_what_is_read_a_second_time_shares_its_turns_and_changes_no_report() -> None:
    reports = []
    for share in (0.0, 0.4):
        with stage(None, [match(question(n, f"s{n}")) for n in range(8)]) as store:
            ada = identity.register(store, "Ada")
            set_settings(store, "trial", Settings(again_share=share))
            made = plan(store, distance=2)
            assert planning.commit(store, made, None, now=1.0)
            judge_all(store, ada)
            reports.append(report(store, "trial"))
            twice_read = [row for row in made.rows if row.kind == "duplicate"]
            assert len(twice_read) == (5 if share else 0)
            for row in twice_read:
                assert row.of is not None
                clone, first = store.match(row.match), store.match(row.of)
                said = [turn.id for turn in store.transcript(first)]
                assert [turn.id for turn in store.transcript(clone)] == said
                verdicts = list(store.query(
                    "SELECT match, listing, id FROM verdicts WHERE match IN (?, ?)",
                    clone.id, first.id))  # fmt: skip
                assert len(verdicts) == 2 and len({row["id"] for row in verdicts}) == 2
                assert len({row["listing"] for row in verdicts}) == 2
            if share:
                (again,) = report(store, "trial (again)")["settings"]
                assert again["n"] == 5 and again["judge"] == "person:Ada"
                assert not list(store.query(
                    "SELECT 1 FROM run_matches WHERE run = 'trial' AND match IN "
                    "(SELECT match FROM run_matches WHERE run = 'trial (again)')"))  # fmt: skip
                bo = identity.register(store, "Bo")  # the open queue has no clones
                assert {row.match for row in worklist.queue(store, bo)} == set()
    for one in reports:  # listings are drawn by plan: the same in both
        assert one == reports[0]


def test_what_was_judged_a_second_time_is_not_given_before_the_first() -> None:
    with stage(None, [match(question(n, f"s{n}")) for n in range(6)]) as store:
        ada = identity.register(store, "Ada")
        set_settings(store, "trial", Settings(again_share=0.4))
        made = plan(store, distance=1)
        planning.commit(store, made, None, now=1.0)
        first = worklist.next_up(store, ada, "trial")
        assert first is not None
        while first.match not in {row.of for row in made.rows}:
            acts.submit(store, store.match(first.match), ada, "A", 0.75, "because")
            first = worklist.next_up(store, ada, "trial")
            assert first is not None
        acts.skip(store, store.match(first.match), ada)
        order = judge_all(store, ada)
        clone = next(row.match for row in made.rows if row.of == first.match)
        assert order.index(first.match) < order.index(clone)


# Committing.


def test_a_plan_is_committed_once_as_a_whole_with_its_event() -> None:
    with Store(None) as store:
        study(store, gold_share=0.2, again_share=0.2)
        made = plan(store, k=2, distance=3)
        assert planning.commit(store, made, None, now=5.0)
        assert not planning.commit(store, made, None, now=6.0)
        rows = list(store.query("SELECT * FROM assignments"))
        assert {(r["match"], r["holder"], r["kind"], r["position"]) for r in rows} == {
            (row.match, row.person, row.kind, row.position) for row in made.rows
        }
        assert len(rows) == len(made.rows) and {row["made_at"] for row in rows} == {5.0}
        assert {(r["until"], r["done"], r["run"], r["closed"]) for r in rows} == {
            (0, 0, "trial", None)
        }
        for row in rows:
            assert row["id"] == worklist.assignment_id(row["match"], "judge", row["holder"])
        (said,) = store.query("SELECT * FROM events WHERE kind = 'plan'")
        value = json.loads(said["value"])
        assert (value["k"], value["rows"], value["number"]) == (2, len(rows), 1)


def test_a_plan_that_the_store_has_overtaken_is_refused_and_writes_nothing() -> None:
    def other_story(store: Store) -> None:
        keep(store, debates(1, seed=9, name="s"), "elsewhere")  # about story s0, too
        (one,) = store.query("SELECT match FROM run_matches WHERE run = 'elsewhere'")
        acts.submit(store, store.match(one["match"]), everybody(store)[0], "A", 0.75, "because")

    def revoked(store: Store) -> None:
        store.conn.execute("UPDATE people SET revoked_at = 1.0 WHERE name = 'Judge 01'")

    def longer(store: Store) -> None:
        (one,) = debates(1, seed=9)
        keep(store, [one], "elsewhere")
        store.conn.execute("INSERT INTO run_matches VALUES ('trial', 99, ?, '{}')", (one.id,))

    def changed(store: Store) -> None:
        keep(store, debates(1, seed=9), "elsewhere")
        set_settings(store, "trial", Settings(practice="elsewhere"))

    for change, word in (
        (other_story, "changed"), (revoked, "sign in"), (longer, "changed"), (changed, "changed")
    ):  # fmt: skip
        with desk(6, 3) as store:
            made = plan(store)
            change(store)
            before = [row["match"] for row in store.query("SELECT match FROM assignments")]
            with pytest.raises(PersonError, match=word):
                planning.commit(store, made, None)
            assert [r["match"] for r in store.query("SELECT match FROM assignments")] == before
            assert not list(store.query("SELECT 1 FROM events WHERE kind = 'plan'"))
            assert not store.conn.in_transaction


def test_people_may_work_while_a_second_plan_is_looked_at() -> None:
    with desk(12, 3) as store:
        planning.commit(store, plan(store), None)
        more = plan(store, k=2)
        for person in everybody(store):
            one = worklist.next_unjudged(store, person, "trial")
            assert one is not None
            acts.submit(store, one, person, "A", 0.75, "because")
        assert worklist.next_unjudged(store, everybody(store)[0], "trial") is not None
        assert planning.commit(store, more, None)
        judges = Counter(row["match"] for row in store.query("SELECT match FROM assignments"))
        assert set(judges.values()) == {2}
        listed: dict[str, set[str]] = {}
        for row in store.query("SELECT match, listing FROM assignments"):
            listed.setdefault(row["match"], set()).add(row["listing"])
        assert sum(len(found) == 2 for found in listed.values()) >= 10
        for person in everybody(store):
            sql = "SELECT position FROM assignments WHERE holder = ?"
            places = [row["position"] for row in store.query(sql, person)]
            assert len(set(places)) == len(places)


def test_of_two_admins_who_commit_at_once_one_wins_and_the_other_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with desk(10, 3, path=path) as store:
        admins = people(store, 5)[3:]
        who = everybody(store)[:3]
        made = [planning.preview(store, PlanRequest("trial", who, seed=n)) for n in range(2)]
    start = threading.Barrier(2)
    said: list[str] = []

    def act(n: int) -> None:
        with Store(path) as own:
            start.wait()
            try:
                said.append(str(planning.commit(own, made[n], admins[n])))
            except PersonError as error:
                said.append(str(error))

    threads = [threading.Thread(target=act, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [
        "Somebody has planned this run in the meantime: preview it again.", "True"
    ]  # fmt: skip
    with Store(path) as store:
        assert len(list(store.query("SELECT 1 FROM assignments"))) == 10
        assert len(list(store.query("SELECT 1 FROM events WHERE kind = 'plan'"))) == 1


def test_a_plan_that_fails_half_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(None) as store:
        study(store, again_share=0.3)
        made = plan(store, distance=1)
        monkeypatch.setattr(planning, "event", lambda *a, **k: (None,) * 8)  # no kind: an error
        with pytest.raises(Exception, match="NOT NULL"):
            planning.commit(store, made, None)
        for table in ("assignments", "events WHERE kind = 'plan'", "runs WHERE kind = 'again'"):
            assert not list(store.query(f"SELECT 1 FROM {table}"))


# Upkeep.


def test_what_lies_idle_is_taken_back_and_planned_for_somebody_else() -> None:
    with desk(9, 3) as store:
        ada, bo, cy = everybody(store)
        planning.commit(store, plan(store), None, now=0.0)
        day = 86_400.0
        began = worklist.next_up(store, ada, "trial", now=5 * day)
        assert began is not None
        now = 5 * day + 60
        found = upkeep.stale(store, "trial", now)
        assert {one.person for one in found} == {bo, cy} and len(found) == 6
        late = upkeep.stale(store, "trial", 5 * day + worklist.LEASE_SECONDS, idle=99 * day)
        assert [(one.id, one.expired) for one in late] == [(began.id, True)]
        only = [one.id for one in found if one.person == bo]
        assert len(upkeep.reclaim(store, "trial", None, now, only=only)) == 3
        assert upkeep.reclaim(store, "trial", None, now, only=only) == []
        assert worklist.queue(store, bo, "trial", now) == []
        said = list(store.query("SELECT * FROM events WHERE kind = 'withdrawn assignment'"))
        assert sorted(row["assignment"] for row in said) == sorted(only)
        again = planning.preview(store, PlanRequest("trial", (ada, bo, cy)), now)
        assert Counter(row.person for row in again.rows) in (
            {ada: 2, cy: 1}, {ada: 1, cy: 2}, {ada: 1, bo: 0, cy: 2}
        )  # fmt: skip
        assert {row.match for row in again.rows} == {one.match for one in found if one.person == bo}


def test_a_place_changes_hands_once_and_not_to_who_has_had_the_story() -> None:
    with desk(4, 3) as store:
        ada, bo, cy = everybody(store)
        made = planning.preview(store, PlanRequest("trial", (ada, bo)))
        planning.commit(store, made, None)
        mine = [row for row in worklist.queue(store, ada, "trial")]
        new = upkeep.reassign(store, mine[0].id, cy, None)
        assert [row.id for row in worklist.queue(store, cy, "trial")] == [new]
        assert [row.id for row in worklist.queue(store, ada, "trial")] == [mine[1].id]
        with pytest.raises(PersonError, match="taken back already"):
            upkeep.reassign(store, mine[0].id, bo, None)
        with pytest.raises(PersonError, match=r"has had|has, or had"):
            upkeep.reassign(store, new, ada, None)
        assert upkeep.withdraw(store, new, None) and not upkeep.withdraw(store, new, None)
        assert worklist.assignment(store, new) is None
        one = worklist.next_unjudged(store, ada, "trial")
        assert one is not None and one.id == mine[1].match
        acts.submit(store, one, ada, "A", 0.75, "because")
        for act in (lambda: upkeep.withdraw(store, mine[1].id, None),
                    lambda: upkeep.reassign(store, mine[1].id, cy, None)):  # fmt: skip
            with pytest.raises(PersonError, match="has been judged"):
                act()
        with pytest.raises(PersonError, match="No plan has"):
            upkeep.withdraw(store, "nothing", None)
        kinds = Counter(row["kind"] for row in store.query("SELECT kind FROM events"))
        assert (kinds["reassigned"], kinds["withdrawn assignment"]) == (1, 2)


def test_a_debate_that_is_taken_back_does_not_come_again_either() -> None:
    with stage(None, [match(question(n, f"s{n}")) for n in range(6)]) as store:
        ada = identity.register(store, "Ada")
        set_settings(store, "trial", Settings(again_share=0.4))
        made = plan(store, distance=1)
        planning.commit(store, made, None)
        first = next(row.of for row in made.rows if row.of is not None)
        assert upkeep.withdraw(store, worklist.assignment_id(first, "judge", ada), None)
        assert len(worklist.queue(store, ada, "trial")) == len(made.rows) - 2


def test_a_plan_never_depends_on_which_answer_is_right() -> None:
    made = []
    for truth in (0, 1):
        with Store(None) as store:
            keep(store, debates(30), truth=truth)
            people(store, 4)
            made.append(plan(store, k=2))
    assert made[0] == made[1]


def test_a_match_with_a_persons_chair_is_not_given_twice() -> None:
    sat = [Match(question(n, f"s{n}"), debate(), (("A", 0), ("B", 1)),
                 (("A", "a0"), ("B", "a1"), ("judge", PERSON))) for n in range(3)]  # fmt: skip
    with stage(None, [match(question(9, "s9")), *[one for one in sat]], agents=()) as store:
        people(store, 1)
        set_settings(store, "trial", Settings(again_share=0.5))
        assert all(row.kind == "judging" for row in plan(store, distance=0).rows)
