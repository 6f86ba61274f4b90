"""What is kept between clicks: made once for a version, bounded, and old only for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import seasons
from stage import go_on, match, question, stage
from test_browse import judge

from arena.desk import acts, runs_seen
from arena.desk.events import EVENT, event
from arena.desk.kept import Kept
from arena.match import Match, participant_id
from arena.protocols import consultancy
from arena.store import Store


def counted(kept: Kept[int]) -> Iterator[int]:
    """A computation that says how often it has been done."""
    made = 0
    while True:
        made += 1
        yield made


def test_a_value_is_made_once_for_a_version_and_anew_for_another() -> None:
    kept: Kept[int] = Kept(patience=0)
    source = counted(kept)
    for version, wanted in ((1, 1), (1, 1), (2, 2), (2, 2), (1, 3)):
        held = kept.get("run", version, lambda: next(source))
        assert (held.value, held.version, held.current) == (wanted, version, True)


def test_what_is_old_is_given_until_it_is_as_old_as_patience_says() -> None:
    now = [100.0]
    kept: Kept[int] = Kept(patience=30, clock=lambda: now[0])
    source = counted(kept)

    def slow() -> int:
        time.sleep(0.05)
        return next(source)

    first = kept.get("run", 1, slow)
    assert first.seconds >= 0.05 and first.at == 100.0
    now[0] += 30 * first.seconds * 0.99
    old = kept.get("run", 2, slow)
    assert (old.value, old.current, old.at) == (1, False, 100.0)
    assert kept.get("run", 2, slow, fresh=True).value == 2
    assert kept.get("run", 1, slow).current is False
    now[0] += 10_000
    assert kept.at_hand("run", 3) is None
    assert kept.get("run", 3, slow).value == 3


def test_no_more_than_a_number_is_kept_and_what_was_used_last_stays() -> None:
    kept: Kept[int] = Kept(most=2)
    for n, key in enumerate("ab"):
        kept.get(key, 1, lambda n=n: n)
    kept.get("a", 1, lambda: -1)
    kept.get("c", 1, lambda: 2)
    assert [kept.at_hand(key, 1) is not None for key in "abc"] == [True, False, True]


def test_what_fails_is_not_kept() -> None:
    kept: Kept[int] = Kept()
    with pytest.raises(ZeroDivisionError):
        kept.get("run", 1, lambda: 1 // 0)
    assert kept.get("run", 1, lambda: 7).value == 7


def test_two_who_ask_at_once_share_one_computation_and_two_of_them_do_not_run_together() -> None:
    kept: Kept[str] = Kept()
    at_work, most, done = [0], [0], []
    lock = threading.Lock()

    def make() -> str:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        time.sleep(0.05)
        with lock:
            at_work[0] -= 1
            done.append(1)
        return "made"

    some = [threading.Thread(target=kept.get, args=(key, 1, make)) for key in "aaabbb"]
    for one in some:
        one.start()
    for one in some:
        one.join()
    assert len(done) == 2 and most == [1]


# In a thread of its own.


def test_what_is_begun_twice_is_made_once_and_failing_is_told_to_who_waits() -> None:
    kept: Kept[int] = Kept()
    go, made = threading.Event(), []

    def slow() -> int:
        go.wait(10)
        made.append(1)
        return 7

    tasks = [kept.begin("run", 1, slow), kept.begin("run", 2, slow)]
    assert tasks[0] is tasks[1] and not tasks[0].done() and kept.at_hand("run", 1) is None
    go.set()
    assert tasks[0].result(10).value == 7 and made == [1]
    assert kept.begin("run", 1, slow).result(10).value == 7 and made == [1]
    with pytest.raises(ZeroDivisionError):
        kept.begin("other", 1, lambda: 1 // 0).result(10)
    assert kept.begin("other", 1, lambda: 3).result(10).value == 3


def test_what_nobody_waits_for_any_more_is_not_made_and_can_be_asked_for_again() -> None:
    kept: Kept[str] = Kept()
    go, made = threading.Event(), []

    def slow(what: str) -> str:
        go.wait(10)
        made.append(what)
        return what

    first = kept.begin("first", 1, lambda: slow("first"))
    while not first.running():
        time.sleep(0.001)
    left = kept.begin("second", 1, lambda: slow("left"))
    assert left.cancel() and not first.cancel()
    again = kept.begin("second", 1, lambda: slow("second"))
    go.set()
    assert (first.result(10).value, again.result(10).value) == ("first", "second")
    assert made == ["first", "second"] and left.cancelled()


def test_two_who_wait_for_what_changes_all_the_time_are_given_the_same_of_the_last_while() -> None:
    kept: Kept[int] = Kept(patience=1e6)
    source = counted(kept)

    def slow() -> int:
        time.sleep(0.05)
        return next(source)

    threads = [threading.Thread(target=kept.get, args=("run", n, slow)) for n in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert next(source) == 2


# The version of a run.


def test_the_version_of_a_run_is_another_one_after_whatever_its_report_may_read(
    tmp_path: Path,
) -> None:
    one, two = match(question(0)), match(question(1))
    with stage(tmp_path / "s.db", [one]) as store:
        seen = [runs_seen.version(store, "trial")]

        def changed() -> bool:
            seen.append(runs_seen.version(store, "trial"))
            return seen[-1] != seen[-2]

        assert not changed()
        judge(store, one, "Ada")
        assert changed() and not changed()
        (person,) = (row["id"] for row in store.query("SELECT id FROM people"))
        acts.withdraw(store, one, person)
        assert changed()
        for kind in ("prices", "locked"):
            store.execute({EVENT: [event(kind, None, 1.0, value={"run": "trial"})]})
            assert changed() and not changed()
        seasons.enter(store, "other", [two], [{}])
        go_on(store, two)
        store.finish_run("trial")
        assert changed()


def test_runs_are_listed_the_newest_first_and_those_of_two_speakers_alone_are_rated(
    tmp_path: Path,
) -> None:
    file = tmp_path / "s.db"
    stage(file, [match(question(0))], name="debates").close()
    with Store(file) as store:
        who = participant_id(seasons.player("x"))
        one = Match(seasons.asked(0), consultancy(), (("A", 0),), (("A", who),))
        store.start_run("alone", "play", {}, {})
        seasons.enter(store, "alone", [one], [{}])
        store.start_run("empty", "train", {}, {})
        store.start_run("debates (again)", "again", {}, {})
        assert [run.name for run in runs_seen.runs(store)] == ["empty", "alone", "debates"]
        assert [run.name for run in runs_seen.with_matches(store)] == ["alone", "debates"]
        assert [run.name for run in runs_seen.of_two_speakers(store)] == ["debates"]
        assert [run.name for run in runs_seen.trainings(store)] == ["empty"]
        found = runs_seen.runs(store)[-1]
        assert (found.matches, found.finished, found.state) == (1, False, "not finished")
