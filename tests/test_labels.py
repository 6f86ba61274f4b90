"""Labels as codes: against a dictionary, for every form that a column may have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.stats import labels
from arena.stats.clusters import codes
from arena.stats.comparison import compare
from arena.stats.labels import distinct, recoded

N = 3 * labels._BLOCK + 17


def by_hand(rows: list[Any]) -> tuple[list[int], list[Any]]:
    known: dict[Any, int] = {}
    found = [known.setdefault(one, len(known)) for one in rows]
    return found, list(known)


def names(count: int, n: int = N, seed: int = 0, width: int = 1) -> list[str]:
    """A column of ``n`` rows out of ``count`` names, the same objects again and again."""
    made = [f"{'x' * width} {i}" for i in range(count)]
    return [made[i] for i in np.random.default_rng(seed).integers(0, count, n).tolist()]


FORMS = {
    "list": list,
    "tuple": tuple,
    "generator": iter,
    "objects of their own": lambda rows: [str(bytes(one, "utf8"), "utf8") for one in rows],
    "object array": lambda rows: np.array(rows, object),
    "every other one": lambda rows: np.array([x for one in rows for x in (one, "?")], object)[::2],
    "text array": np.array,
    "text array of the other byte order": lambda rows: np.array(rows).astype(">U12"),
    "text array turned round": lambda rows: np.array(rows[::-1])[::-1],
    "Series": pd.Series,
    "Series of objects": lambda rows: pd.Series(rows, dtype=object),
    "part of a Series": lambda rows: pd.Series(["?", *rows])[1:],
    "Categorical": pd.Categorical,
    "Categorical with more": lambda rows: pd.Categorical(rows, ["never", *sorted({*rows})]),
    "Series of a Categorical": lambda rows: pd.Series(pd.Categorical(rows)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("width", [0, 1, 5, 6])
@pytest.mark.parametrize("count", [1, 7, 2000])
def test_every_form_of_a_column_has_the_codes_of_a_dictionary(
    form: str, width: int, count: int
) -> None:
    rows = names(count, width=width)
    found, known = distinct(FORMS[form](rows))
    assert all(type(one) is str for one in known)
    if "Categorical" in form:
        assert known == sorted({*rows}) and [known[i] for i in found.tolist()] == rows
    else:
        assert (found.tolist(), known) == by_hand(rows)


def test_a_label_that_comes_late_or_once_is_found() -> None:
    rows = [*names(3), "late", *names(3), "once"]
    for form in ("list", "object array", "text array"):
        found, known = distinct(FORMS[form](rows))
        assert (found.tolist(), known) == by_hand(rows)


def test_labels_that_are_equal_are_one_though_objects_differ() -> None:
    one, other = "ada", b"ada".decode()
    assert one is not other
    mixed: list[Any] = [one, other, 1, True, 1.0, np.int64(1), None, ("a", 2)] * labels._BLOCK
    for rows in (mixed, np.fromiter(mixed, object)):
        found, known = distinct(rows)
        assert known == ["ada", 1, None, ("a", 2)]
        assert found[:8].tolist() == [0, 0, 1, 1, 1, 1, 2, 3]


def test_two_labels_in_one_place_of_the_hash_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With one place for all, every hash collides: what is found must still be right."""
    monkeypatch.setattr(labels, "_BITS", 1)
    rows = names(9)
    for form in ("list", "object array", "text array"):
        assert distinct(FORMS[form](rows))[1] == by_hand(rows)[1]
    monkeypatch.setattr(labels, "_FACTOR", 0)
    assert labels._few(rows, 0) is None, "a collision must not go unseen"


def test_few_labels_are_found_without_a_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(rows: Any) -> Any:
        raise AssertionError("the slow way")

    rows = names(10, width=6)
    known = {form: distinct(make(rows)) for form, make in FORMS.items()}
    monkeypatch.setattr(labels, "_listed", refuse)
    fast = set(FORMS) - {"objects of their own", "text array of the other byte order"}
    for form in fast:
        again = distinct(FORMS[form](rows))
        assert np.array_equal(again[0], known[form][0])
    with pytest.raises(AssertionError, match="slow"):
        distinct(FORMS["objects of their own"](rows))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_characters="\0"), max_size=9), min_size=1, max_size=6),
    st.integers(0, 99),
)
def test_any_text_is_told_from_any_other(pool: list[str], seed: int) -> None:
    rows = [pool[i] for i in np.random.default_rng(seed).integers(0, len(pool), N).tolist()]
    for made in (rows, np.array(rows)):
        found, known = distinct(made)
        assert (found.tolist(), known) == by_hand(rows)


def test_what_is_missing_is_a_label_that_clusters_refuse() -> None:
    column = pd.Categorical(["b", None, "a", "b"])
    found, known = distinct(column)
    assert found.tolist() == [1, 2, 0, 1] and known[:2] == ["a", "b"] and known[2] != known[2]
    for given_ in (column, pd.Series(["b", None, "a"]), [float("nan")] * N):
        with pytest.raises(ValueError, match="NaN among them"):
            codes(given_)
    with pytest.raises(ValueError, match="expected each player by name or whole number, got nan"):
        compare(column, ["x"] * 4, [1.0, 0.0, 1.0, 0.0])


def test_what_has_no_hash_and_what_is_no_column_are_refused() -> None:
    with pytest.raises(TypeError):
        distinct([["a"]] * N)
    with pytest.raises(TypeError):
        distinct([["a"], ["b"]])
    for flat in (np.array([["a"]]), np.array([["a", "b"]], object)):
        with pytest.raises(ValueError, match="one label a row"):
            distinct(flat)


def test_codes_follow_the_order_of_labels_in_every_form() -> None:
    rows = names(12)
    order = sorted({*rows})
    for form, make in FORMS.items():
        found, count = codes(make(rows))
        assert count == 12 and [order[i] for i in found.tolist()] == rows, form
    mixed = [*rows, 3]
    assert codes(mixed)[0].tolist() == by_hand(mixed)[0], "labels without an order: as they appear"


def test_numbers_in_a_series_are_coded_as_numbers() -> None:
    found, count = codes(pd.Series([30, 10, 30, 20]))
    assert (found.tolist(), count) == ([2, 0, 2, 1], 3)


def test_recoding_writes_over_its_codes_and_an_identity_costs_nothing() -> None:
    given_ = np.array([0, 2, 1, 2])
    assert recoded(given_, [5, 6, 7]) is given_
    assert given_.tolist() == [5, 7, 6, 7]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "generator"])
def test_players_by_name_are_compared_alike_in_every_form(form: str) -> None:
    rng = np.random.default_rng(1)
    pool = np.array(["eve", "ada", "dan", "bob"])
    a = rng.integers(0, 4, N)
    b = (a + rng.integers(1, 4, N)) % 4
    y = rng.integers(0, 2, N).astype(float)
    rank = np.argsort(np.argsort(pool))
    known = compare(rank[a], rank[b], y)
    found = compare(FORMS[form](pool[a].tolist()), FORMS[form](pool[b].tolist()), y)
    assert found.players == ("ada", "bob", "dan", "eve")
    for name in ("first", "second", "cell", "n", "wins", "squares"):
        assert np.array_equal(getattr(found, name), getattr(known, name)), name
