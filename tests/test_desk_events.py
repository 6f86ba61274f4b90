"""Events: their place in a person's day, and that two writers never get the same one."""

import json
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as of_test
from hypothesis import strategies as st

from arena.desk.events import EVENT, EVENT_ONCE, GAP, event
from arena.store import Store


def note(
    store: Store, person: str | None, at: float, match: str | None = None, **more: object
) -> None:
    store.execute({EVENT: [event("noted", person, at, match, **more)]})  # type: ignore[arg-type]


def places(store: Store, person: str) -> list[tuple[int, int]]:
    sql = "SELECT sitting, number FROM events WHERE person = ? ORDER BY id"
    return [(row["sitting"], row["number"]) for row in store.query(sql, person)]


def test_a_gap_begins_a_new_sitting_of_that_person_alone() -> None:
    with Store(None) as store:
        for at in (0.0, 10.0, 10.0 + GAP, 11.0 + 2 * GAP):
            note(store, "ada", at)
            note(store, "bo", 5.0)
        assert places(store, "ada") == [(1, 1), (1, 2), (1, 3), (2, 1)]
        assert places(store, "bo") == [(1, 1), (1, 2), (1, 3), (1, 4)]


@of_test(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 4 * GAP)), max_size=30))
def test_sittings_are_what_a_loop_over_gaps_finds(steps: list[tuple[str, float]]) -> None:
    now, last, expected = 0.0, {}, {"a": [], "b": []}  # type: ignore[var-annotated]
    with Store(None) as store:
        for who, gap in steps:
            now += gap
            note(store, who, now)
            sitting, number, at = last.get(who, (0, 0, None))
            fresh = at is None or now - at > GAP
            last[who] = (sitting + fresh, 1 if fresh else number + 1, now)
            expected[who].append(last[who][:2])
        for who in "ab":
            assert places(store, who) == expected[who]


def test_a_clock_that_is_set_back_gives_no_number_twice() -> None:
    with Store(None) as store:
        for at in (100.0, 50.0, 60.0, 101.0):
            note(store, "ada", at)
        assert places(store, "ada") == [(1, 1), (1, 2), (1, 3), (1, 4)]


def test_numbers_are_given_once_under_many_writers(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    Store(path).close()

    def write(n: int) -> None:
        with Store(path) as own:
            for i in range(20):
                note(own, "ada", float(n + i))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(path) as store:
        assert places(store, "ada") == [(1, n) for n in range(1, 81)]


def test_an_event_notes_active_time_so_far_and_the_persons_place() -> None:
    with Store(None) as store:
        for place, milliseconds in ((0, 1500.0), (1, 2500.0)):
            store.conn.execute(
                "INSERT INTO activity VALUES ('ada', 'm', ?, ?, 0)", (place, milliseconds)
            )
        store.conn.execute("INSERT INTO activity VALUES ('ada', 'other', 0, 9, 0)")
        store.conn.execute(
            "INSERT INTO assignments (match, seat, holder, until, id) "
            "VALUES ('m', 'judge', 'ada', 9, 'g1'), ('m', 'judge', 'bo', 9, 'g2')"
        )
        note(store, "ada", 1.0, "m")
        note(store, "ada", 2.0)
        note(store, "ada", 3.0, "m", assignment="g9", value={"b": 1}, turn="t", key="k")
        note(store, None, 4.0, "m")
        rows = list(store.query("SELECT * FROM events ORDER BY id"))
        assert [(r["active"], r["assignment"], r["sitting"]) for r in rows] == [
            (4000, "g1", 1), (None, None, 1), (4000, "g9", 1), (None, None, None)
        ]  # fmt: skip
        assert (rows[2]["turn"], rows[2]["key"], json.loads(rows[2]["value"])) == (
            "t",
            "k",
            {"b": 1},
        )


def test_a_key_is_used_once() -> None:
    with Store(None) as store:
        note(store, "ada", 1.0, key="k")
        with pytest.raises(sqlite3.IntegrityError):
            note(store, "bo", 2.0, key="k")
        row = event("noted", "bo", 3.0, key="k")
        assert store.execute({EVENT_ONCE: [row]}) == {EVENT_ONCE: 0}
        assert len(list(store.query("SELECT * FROM events"))) == 1
