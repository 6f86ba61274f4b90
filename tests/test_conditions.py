"""The conditions of a comparison: what is played, what is counted, and how sure it is.

Everything that is counted is counted again from the store's own rows, with numpy and scipy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tiny import tiny_model

from agents.models import Models
from arena.config import ConfigError
from arena.participants import SpecError
from arena.questions import Item
from arena.report import report
from arena.stats.means import share
from arena.store import Store, StoreError
from ui.conditions import (
    EQUAL,
    FREE,
    Conditions,
    Reading,
    Teams,
    perform_conditions,
    quoted,
)

N = 60
WEAK, STRONG = "scripted:witness,p=.3,s=0,b=.3", "scripted:witness,p=.9,s=.8,b=.9"
TEAMS = Teams(
    {"base": (WEAK, WEAK), "trained": (STRONG, "scripted:witness,p=.8,s=.8,b=.8")},
    {"base": WEAK, "trained": STRONG},
)
READERS = {"training": "scripted:coin", "literal": "scripted:literal",
           "strategic": "scripted:strategic,p=.9,s=.8,b=.9"}  # fmt: skip
CONDITIONS = ["naive", "expert", "consultancy base", "consultancy trained", "debate base",
              "debate trained"]  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """A verdict as the store has it."""

    condition: str
    judge: str
    world: str
    right: float
    sides: dict[str, int]
    seats: dict[str, str]
    truth: int
    choice: int | None


def played(store: Store, teams: Teams = TEAMS, readers: dict[str, str] = READERS, n: int = N,
           variant: Any = EQUAL, **how: Any) -> Conditions:  # fmt: skip
    return perform_conditions(
        store, "compared", variant.items(5, n), variant, teams, readers, Models(), **how
    )


@pytest.fixture(scope="module")
def done() -> tuple[Conditions, list[Verdict]]:
    """Conditions, and the store's verdicts on their matches."""
    with Store(None) as store:
        found = played(store)
        sql = (
            "SELECT rm.labels, m.question, m.sides, m.seats, v.choice, v.author, p.record "
            "FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match "
            "JOIN verdicts AS v ON v.match = m.id JOIN participants AS p ON p.id = v.author"
        )
        names = {"coin": "training", "literal": "literal", "strategic": "strategic"}
        truths, verdicts = store.truths(), []
        for row in store.query(sql):
            truth = truths[row["question"]]
            verdicts.append(
                Verdict(
                    json.loads(row["labels"])["setting"], names[json.loads(row["record"])["name"]],
                    row["question"],
                    0.5 if row["choice"] is None else float(row["choice"] == truth),
                    dict(json.loads(row["sides"])), dict(json.loads(row["seats"])), truth,
                    row["choice"],
                )
            )  # fmt: skip
        return found, verdicts


def of(verdicts: list[Verdict], condition: str, judge: str) -> list[Verdict]:
    return [one for one in verdicts if (one.condition, one.judge) == (condition, judge)]


def clustered(values: list[float], clusters: list[str]) -> tuple[float, float]:
    """The interval of `arena.stats.means.share`, which is tested elsewhere: here it is whether the
    right values came with the right clusters. It is near the plainest of its kind (`cr1`), and with
    few clusters wider."""
    found = share(values, clusters)
    assert found is not None and found.low is not None and found.high is not None
    low, high = cr1(values, clusters)
    assert low - 0.05 < found.low < low + 1e-9 and high - 1e-9 < found.high < high + 0.05
    return found.low, found.high


def cr1(values: list[float], clusters: list[str]) -> tuple[float, float]:
    """Wilson's interval, solved as his quadratic, at the effective number of independent draws.

    With a clustered variance by the sandwich of a regression on a constant (CR1), which is no less
    than that of independent verdicts, or of independent values where some ties are halves.
    """
    y, (_, group) = np.array(values), np.unique(clusters, return_inverse=True)
    n, p, many = len(y), y.mean(), group.max() + 1
    variance = min(p * (1 - p), y.var(ddof=1) or 1.0) / n
    if many < n:
        residuals = np.zeros(many)
        np.add.at(residuals, group, y - p)
        variance = max(variance, residuals @ residuals / n**2 * many / (many - 1))
    size = p * (1 - p) / variance if 0 < p < 1 else float(many)
    z2 = stats.norm.ppf(0.975) ** 2
    low, high = np.sort(np.roots([1 + z2 / size, -(2 * p + z2 / size), p * p]).real)
    return float(low), float(high)


# -- what is counted


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("judge", READERS)
def test_accuracy_and_its_interval_are_those_of_the_verdicts_clustered_by_world(
    done: tuple[Conditions, list[Verdict]], condition: str, judge: str
) -> None:
    found, verdicts = done
    mine = of(verdicts, condition, judge)
    value = found.row(condition, judge).value
    assert value["n"] == len(mine) == N * (2 if condition.startswith("consultancy") else 1)
    assert value["accuracy"] == pytest.approx(np.mean([one.right for one in mine]), abs=1e-12)
    expected = clustered([one.right for one in mine], [one.world for one in mine])
    assert value["interval"] == pytest.approx(expected, abs=1e-9)


def test_the_rows_are_every_condition_under_every_judge_in_order(
    done: tuple[Conditions, list[Verdict]],
) -> None:
    rows = done[0].rows()
    assert [(row.condition, row.judge) for row in rows] == [
        (condition, judge) for condition in CONDITIONS for judge in READERS
    ]
    for row in rows:
        sides = {"honest", "dishonest"} if row.condition.startswith("consultancy") else set()
        keys = {"condition", "judge", "n", "accuracy", "interval"} | sides
        assert set(row.value) == keys and row.missing == 0


@pytest.mark.parametrize("judge", READERS)
@pytest.mark.parametrize("who", ["base", "trained"])
def test_a_consultants_honest_and_dishonest_matches_add_up_to_all(
    done: tuple[Conditions, list[Verdict]], who: str, judge: str
) -> None:
    found, verdicts = done
    condition = f"consultancy {who}"
    value = found.row(condition, judge).value
    for side, honest in (("honest", True), ("dishonest", False)):
        mine = [
            one for one in of(verdicts, condition, judge)
            if (one.sides["A"] == one.truth) == honest
        ]  # fmt: skip
        assert value[side] == {"n": N, "correct": sum(one.right for one in mine)}
    both = value["honest"]["correct"] + value["dishonest"]["correct"]
    assert both / value["n"] == pytest.approx(value["accuracy"], abs=1e-12)


@pytest.mark.parametrize(
    ("condition", "other"),
    [("debate trained", "debate base"), ("debate trained", "consultancy trained"),
     ("expert", "naive")],
)  # fmt: skip
@pytest.mark.parametrize("judge", READERS)
def test_a_difference_is_the_paired_t_interval_over_worlds(
    done: tuple[Conditions, list[Verdict]], condition: str, other: str, judge: str
) -> None:
    found, verdicts = done

    def by_world(name: str) -> list[float]:
        values: dict[str, list[float]] = {}
        for one in of(verdicts, name, judge):
            values.setdefault(one.world, []).append(one.right)
        return [float(np.mean(values[world])) for world in sorted(values)]

    a, b = by_world(condition), by_world(other)
    one = found.difference(condition, other, judge)
    assert one is not None and one.n == N
    assert one.value == pytest.approx(np.mean(a) - np.mean(b), abs=1e-12)
    if np.ptp(np.subtract(a, b)) > 0:
        expected = stats.ttest_rel(a, b).confidence_interval(0.95)
        assert (one.low, one.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("judge", READERS)
def test_wins_are_counted_for_the_trained_seat_alone_on_both_sides(
    done: tuple[Conditions, list[Verdict]], judge: str
) -> None:
    found, verdicts = done
    won: dict[str, list[float]] = {"honest": [], "dishonest": []}
    for condition, seat in (("debate trained v base", "A"), ("debate base v trained", "B")):
        met = of(verdicts, condition, judge)
        assert len(met) == N
        for one in met:
            side = one.sides[seat]
            value = 0.5 if one.choice is None else float(one.choice == side)
            won["honest" if side == one.truth else "dishonest"].append(value)
    wins = found.wins(judge)
    for who, values in won.items():
        one = wins[who]
        assert one is not None and one.n == len(values)
        assert one.value == pytest.approx(np.mean(values), abs=1e-12)
    together = wins["all"]
    assert together is not None and together.n == 2 * N


def test_two_matches_on_a_world_that_go_the_same_way_are_no_more_sure_than_one() -> None:
    one_each = [Reading(f"world {i}", float(i % 3 > 0), None) for i in range(90)]
    twice = [one for one in one_each for _ in range(2)]
    found = Conditions(
        readings={"naive": {"j": one_each}, "expert": {"j": twice}},
        missing={"naive": {"j": 0}, "expert": {"j": 0}},
    )
    once, again = found.row("naive", "j"), found.row("expert", "j")
    expected = clustered([one.right for one in twice], [one.world for one in twice])
    assert again.interval == pytest.approx(expected, abs=1e-9)
    assert again.interval == pytest.approx(once.interval, abs=0.005)


def test_skill_shows_where_it_should(done: tuple[Conditions, list[Verdict]]) -> None:
    """What debaters find tells the truth; what one consultant shows does not (equal faces)."""
    found, _ = done
    up = found.difference("debate trained", "debate base", "literal")
    flat = found.difference("consultancy trained", "consultancy base", "literal")
    assert up is not None and up.low is not None and up.low > 0.1
    assert flat is not None and abs(flat.value) < 0.15
    assert found.row("expert", "literal").value["accuracy"] == 1
    base, trained = (quoted(found, f"debate {who}", "relevant") for who in ("base", "trained"))
    assert base is not None and trained is not None and trained.value > base.value + 0.2
    assert quoted(found, "naive", "verified") is None


# -- what is played


def test_every_condition_plays_the_same_worlds_with_the_same_seed_and_balanced_sides() -> None:
    with Store(None) as store:
        played(store, n=20)
        rows = list(
            store.query(
                "SELECT rm.labels, m.question, m.seed, m.sides FROM run_matches AS rm "
                "JOIN matches AS m ON m.id = rm.match"
            )
        )
    settings: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        settings.setdefault(json.loads(row["labels"])["setting"], []).append(row)
    worlds = {row["question"] for row in settings["naive"]}
    assert len(worlds) == 20
    sides: dict[str, dict[str, int]] = {}
    for setting, mine in settings.items():
        assert {row["question"] for row in mine} == worlds
        assert {row["seed"] for row in mine} == {rows[0]["seed"]}
        if setting.startswith("debate"):
            sides[setting] = {row["question"]: dict(json.loads(row["sides"]))["A"] for row in mine}
            assert sum(sides[setting].values()) == 10
    assert all(one == sides["debate base"] for one in sides.values())


def test_a_second_call_asks_nothing_and_says_the_same() -> None:
    with Store(None) as store:
        first = played(store, n=10)
        before = list(store.conn.iterdump())
        again = played(store, n=10)
        assert list(store.conn.iterdump()) == before
    assert [row.value for row in again.rows()] == [row.value for row in first.rows()]
    assert again.met == first.met and again.speeches == first.speeches


def test_a_report_of_the_run_says_what_the_rows_say() -> None:
    with Store(None) as store:
        found = played(store, n=10)
        rows = report(store, "compared")["settings"]
    for row in found.rows():
        judges = [one for one in rows if one["setting"] == row.condition]
        mine = [one for one in judges if row.judge in one["judge"] or "coin" in one["judge"]]
        assert row.accuracy is not None
        assert row.accuracy.value in [pytest.approx(one["accuracy"]) for one in mine]


def test_teams_that_are_not_there_have_no_rows_and_meet_nobody() -> None:
    with Store(None) as store:
        found = played(store, Teams({"base": (WEAK, WEAK)}), n=4)
        assert found.names == ["naive", "expert", "debate base"]
        assert found.met == {} and found.wins("literal") == {}
        assert store.one("SELECT count(*) AS n FROM matches") == {"n": 3 * 4}


def test_only_the_experts_read_the_passage() -> None:
    with Store(None) as store:
        found = played(store, Teams(), n=4, experts=("literal",))
    assert [(row.condition, row.judge) for row in found.rows()] == [
        *(("naive", judge) for judge in READERS), ("expert", "literal"),
    ]  # fmt: skip


def test_one_world_says_nothing_sure() -> None:
    with Store(None) as store:
        found = played(store, Teams({}, {"base": WEAK}), n=1)
    value = found.row("consultancy base", "literal").value
    assert value["n"] == 2 and value["interval"] == [0, 1]


def test_a_judge_that_gives_nothing_is_counted_and_is_in_no_figure(tmp_path: Any) -> None:
    tiny_model(tmp_path / "model")
    with Store(None) as store:
        readers = {"training": f"prompted:{tmp_path / 'model'}", "literal": "scripted:literal"}
        found = played(store, Teams({"base": (WEAK, WEAK)}), readers, n=3)
    row = found.row("debate base", "training")
    assert row.missing == 3 and found.failed == {"unparsed": 9}
    expected = {"condition": "debate base", "judge": "training", "n": 0, "accuracy": None,
                "interval": [0.0, 1.0]}  # fmt: skip
    assert row.value == expected
    assert found.row("debate base", "literal").missing == 0
    assert found.difference("debate base", "naive", "training") is None


def test_the_four_readers_know_the_faces_of_their_worlds() -> None:
    readers = FREE.readers("prompted:one", "prompted:other")
    assert list(readers) == ["training", "held-out", "literal", "strategic"]
    assert readers["strategic"] == "scripted:strategic,faces=free"
    worlds = FREE.items(5, 20)
    assert len({one.question.id for one in worlds}) == 20
    assert all(8 <= len((one.question.passage or "").split("\n")) <= 16 for one in worlds)
    assert not {one.question.id for one in worlds} & {
        one.question.id for one in FREE.items(5, 20, "train")
    }


# -- what is refused


def test_a_question_without_a_truth_is_refused_before_anything_is_written() -> None:
    (one,) = EQUAL.items(5, 1)
    with Store(None) as store:
        with pytest.raises(ConfigError, match="needs the truth"):
            perform_conditions(
                store, "compared", [Item(one.question, None)], EQUAL, TEAMS, READERS, Models()
            )
        assert store.one("SELECT 1 FROM runs") is None


@pytest.mark.parametrize(
    ("teams", "readers"),
    [(Teams({"base": ("person", WEAK)}), READERS), (Teams(), {"training": "person"})],
)
def test_a_person_cannot_be_asked_so_much(teams: Teams, readers: dict[str, str]) -> None:
    with Store(None) as store, pytest.raises(SpecError, match="does not answer at once"):
        played(store, teams, readers, n=1)


def test_other_players_under_the_same_name_are_refused() -> None:
    with Store(None) as store:
        played(store, Teams({"base": (WEAK, WEAK)}), n=2)
        with pytest.raises(StoreError, match="compared"):
            played(store, Teams({"base": (STRONG, WEAK)}), n=2)
