"""Paired comparisons as counts: what Bradley-Terry needs of any number of outcomes, and no more.

Rows that agree in players, effects and question become one entry with a count, so that a fit
costs what its distinct rows cost; lengths, which hardly ever agree, are kept by row. A row never
becomes a row of a matrix with a column for each player.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arena.stats.clusters import Codes, Floats, codes, finite
from arena.stats.labels import distinct, recoded

Column: TypeAlias = Sequence[Any] | NDArray[Any]
_DENSE = 4_000_000
"""Up to as many distinct keys are counted in a table (32 MB); more of them are sorted."""
_BLOCK = 1 << 16
_FEW = 200
"""So many numbers may stand for players without a look at which of them do."""
_SHOWN = 8
"""How many names of a part a message lists."""


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Outcomes between players, as counts.

    A *cell* is a pair of players with the values of its effects: ``first``, ``second`` and the
    rows of ``z``, whose columns are all ``effects`` but the length. An *entry* is a cell within
    one question (entry by entry: ``cell``, ``question``), with the number ``n`` of its rows, the
    sum of their outcomes ``wins`` and the sum of the outcomes' ``squares``. With ``length``
    (thousands of characters) every row is an entry. ``questions`` is None where none were given:
    then rows are taken to be independent.
    """

    players: tuple[str, ...]
    effects: tuple[str, ...]
    first: Codes
    second: Codes
    z: Floats
    cell: Codes
    question: Codes | None
    questions: int | None
    n: Floats
    wins: Floats
    squares: Floats
    length: Floats | None
    rows: int

    def points(self) -> Floats:
        """What each player (row) scored against each other (column): wins, and half of the ties."""
        k, size = len(self.players), len(self.first)
        wins = added(self.cell, self.wins, size)
        lost = added(self.cell, self.n - self.wins, size)
        points = added(self.first * k + self.second, wins, k * k)
        points += added(self.second * k + self.first, lost, k * k)
        return points.reshape(k, k)


def compare(
    first: Column,
    second: Column,
    outcome: ArrayLike,
    question: Iterable[Any] | None = None,
    *,
    seat: Literal["first"] | ArrayLike | None = None,
    judge: Column | None = None,
    honest: tuple[ArrayLike, ArrayLike] | None = None,
    apart: bool = False,
    length: ArrayLike | None = None,
) -> Comparisons:
    """Comparisons from columns with one row an outcome.

    ``first`` and ``second`` are the players, by name or whole number; ``outcome`` is 1 where the
    first won, 0 where the second did, 0.5 for a tie, or any share between; ``question`` is what
    outcomes are clustered by. Effects, each in logits on the first player's chance to win:

    - ``seat``: what a seat is worth. "first" where the column ``first`` is that seat throughout,
      else a column: 1 where the first player has the seat, -1 where the second has, 0 for neither.
    - ``judge``: each judge has a seat effect of its own, "seat, JUDGE" (``seat`` is "first" unless
      given).
    - ``honest``: two columns of 0 and 1, whether the first and whether the second player argued
      for the truth; the effect "honesty" is what that is worth. With ``apart`` there is no such
      effect: each player counts as two, "NAME (honest)" and "NAME (dishonest)".
    - ``length``: the first player's length less the second's, in thousands of characters.

    Raises ValueError for columns of unequal length, values that cannot be, a player that meets
    itself, and players that fall into parts which never meet.
    """
    y = _outcomes(outcome)
    rows = len(y)
    a, b, names = _players(first, second, rows)
    keys: list[tuple[Codes, Floats]] = []  # codes of a discrete effect, and the values they mean
    effects: list[str] = []
    if judge is not None or seat is not None:
        sits = _within(seat, "seat", rows, -1, 1)
        found, judges = ([], [""]) if judge is None else _named((judge,), "judge", rows)
        code = 3 * found[0] + sits + 1 if found else sits + 1
        keys.append((code, np.kron(np.eye(len(judges)), np.array([[-1.0], [0.0], [1.0]]))))
        effects += ["seat" if judge is None else f"seat, {name}" for name in judges]
    if honest is not None:
        ours, theirs = (_within(one, "honest", rows, 0, 1) for one in honest)
        if apart:
            a, b = 2 * a + 1 - ours, 2 * b + 1 - theirs
            names = [f"{name} ({role})" for name in names for role in ("honest", "dishonest")]
        else:
            keys.append((ours - theirs + 1, np.array([[-1.0], [0.0], [1.0]])))
            effects.append("honesty")
    elif apart:
        raise ValueError("apart=True wants honest=(first, second): who argued for the truth")
    long = None
    if length is not None:
        long = _as_long(finite(length, "lengths"), "length", rows)
        effects.append("length")
    group, groups = (None, None) if question is None else codes(question)
    if group is not None:
        _as_long(group, "question", rows)
    found_cells = _counted(a, b, y, group, groups, names, effects, keys, long)
    _refuse_parts(found_cells)
    return found_cells


def _outcomes(given: ArrayLike) -> Floats:
    """The outcomes, which are looked at once and not copied where they are floats already."""
    if isinstance(given, np.ndarray) and given.dtype == np.float64:
        y: Floats = given
    else:
        y = finite(given, "outcomes")
    if not y.size:
        raise ValueError("expected at least one outcome between two players, got none")
    if y.ndim != 1 or not (y.min() >= 0 and y.max() <= 1):  # NaN is neither
        y = finite(y, "outcomes")
        wrong = y[(y < 0) | (y > 1)][0]
        raise ValueError(f"expected outcomes from 0 to 1 (the first won: 1), got {wrong:g}")
    return y


def _players(first: Column, second: Column, rows: int) -> tuple[Codes, Codes, list[str]]:
    """Codes of both columns on one list of names; numbers in their order, names in theirs."""
    a, b = (_whole(one, rows) for one in (first, second))
    if a is not None and b is not None:
        low, high = min(int(a.min()), int(b.min())), max(int(a.max()), int(b.max()))
        if high - low <= 4 * rows + 1000:
            if low:
                a, b = a - low, b - low
            names = [str(name) for name in range(low, high + 1)]
            return (a, b, names) if len(names) <= _FEW else _met(a, b, names)
    (a, b), names = _named((first, second), "player", rows)
    return a, b, names


def _whole(given: Column, rows: int) -> Codes | None:
    """A column of whole numbers as an array; None of anything else."""
    if isinstance(getattr(given, "dtype", None), np.dtype):
        array = _as_long(np.asarray(given), "player", rows)
        if array.dtype.kind in "iu":
            return np.asarray(array, np.int64)
        if array.dtype.kind != "O":
            return None
    if len(given) != rows:
        raise ValueError(f"expected a player for each of {rows} outcomes, got {len(given)}")
    if type(next(iter(given))) is not int or set(map(type, given)) != {int}:
        return None
    return np.array(given, np.int64)


def _met(a: Codes, b: Codes, names: list[str]) -> tuple[Codes, Codes, list[str]]:
    """The same without the names that no row has."""
    width = len(names)
    present = (np.bincount(a, minlength=width) + np.bincount(b, minlength=width)) > 0
    if present.all():
        return a, b, names
    place = np.cumsum(present, dtype=np.int64) - 1
    return place[a], place[b], [name for name, here in zip(names, present, strict=True) if here]


def _named(columns: Sequence[Column], what: str, rows: int) -> tuple[list[Codes], list[str]]:
    """Codes of columns of labels by the order of all their names."""
    found = []
    for column in columns:
        if len(column) != rows:
            raise ValueError(f"expected a {what} for each of {rows} outcomes, got {len(column)}")
        try:
            found.append(distinct(column))
        except TypeError:
            raise ValueError(f"expected each {what} by name or whole number, got a list") from None
    for one in (label for _, labels in found for label in labels):
        if not isinstance(one, str | int | np.integer):
            raise ValueError(f"expected each {what} by name or whole number, got {one!r}")
    names = sorted({str(label) for _, labels in found for label in labels})
    place = {name: i for i, name in enumerate(names)}
    return [recoded(code, [place[str(one)] for one in labels]) for code, labels in found], names


def _within(given: Any, what: str, rows: int, low: int, high: int) -> Codes:
    """A column of whole numbers from ``low`` to ``high``."""
    if given is None or (isinstance(given, str) and given == "first"):
        return np.ones(rows, np.int64)
    column = _as_long(finite(given, what), what, rows)
    whole: Codes = np.clip(column, low, high).astype(np.int64)
    if (whole != column).any():
        known = ", ".join(map(str, range(low, high + 1)))
        raise ValueError(f"expected {what} as a column of {known}, got other values")
    return whole


def _as_long(column: Any, what: str, rows: int) -> Any:
    if column.ndim != 1 or len(column) != rows:
        raise ValueError(f"expected a {what} for each of {rows} outcomes, got {column.shape}")
    return column


def _counted(
    a: Codes, b: Codes, y: Floats, group: Codes | None, groups: int | None, names: list[str],
    effects: list[str], keys: list[tuple[Codes, Floats]], length: Floats | None,
) -> Comparisons:  # fmt: skip
    """Rows counted by cell and question. The order of rows decides nothing but rounding."""
    k = len(names)
    size = k * k * int(np.prod([len(values) for _, values in keys], dtype=np.int64))

    def key(rows: slice) -> Codes:
        out = a[rows] * k + b[rows]
        for code, values in keys:
            out = out * len(values) + code[rows]
        return out if group is None or length is not None else out + size * group[rows]

    if length is not None:
        cell, present = _distinct(key(slice(None)), size)
        n, wins, squares = np.ones(len(y)), y.copy(), y * y
    else:
        present, n, wins = _tallied(key, size * (groups or 1), y)
        squares = wins
        if y @ y < wins.sum():  # some outcomes are neither 0 nor 1
            _, _, squares = _tallied(key, size * (groups or 1), y * y)
        cell = np.arange(len(present))
        if group is not None:
            group = present // size
            cell, present = _distinct(present % size, size)
    digits, z = present, []
    for _, values in reversed(keys):
        z.append(values[digits % len(values)])
        digits = digits // len(values)
    first, second, names = _met(digits // k, digits % k, names)
    itself = np.flatnonzero(first == second)
    if itself.size:
        name = names[int(first[itself[0]])]
        raise ValueError(f"{name!r} is compared with itself; leave such rows out")
    table = np.concatenate([np.zeros((len(present), 0)), *reversed(z)], axis=1)
    return Comparisons(
        tuple(names), tuple(effects), first, second, table, cell, group, groups, n, wins, squares,
        length, len(y),
    )  # fmt: skip


def _tallied(
    key: Callable[[slice], Codes], size: int, values: Floats
) -> tuple[Codes, Floats, Floats]:
    """The distinct keys in order, how often each occurs, and its sum of the values.

    Keys of few sizes are made and counted block by block, each of which a processor's cache holds.
    """
    rows = len(values)
    if size > max(_DENSE, 4 * rows):
        present, place, found = np.unique(key(slice(None)), return_inverse=True, return_counts=True)
        return present, found.astype(np.float64), added(place, values, len(present))
    times, sums, step = np.zeros(size, np.int64), np.zeros(size), max(_BLOCK, 4 * size)
    for begin in range(0, rows, step):
        part = slice(begin, begin + step)
        here = key(part)
        times += np.bincount(here, minlength=size)
        sums += np.bincount(here, values[part], size)
    present = np.flatnonzero(times)
    return present, times[present].astype(np.float64), sums[present]


def _distinct(key: Codes, size: int) -> tuple[Codes, Codes]:
    """The place of each key among the distinct ones, and these in order."""
    if size > max(_DENSE, 4 * len(key)):
        present, place = np.unique(key, return_inverse=True)
        return place.astype(np.int64), present
    here = np.bincount(key, minlength=size) > 0
    place = np.cumsum(here, dtype=np.int64) - 1
    return place[key], np.flatnonzero(here)


def _refuse_parts(comparisons: Comparisons) -> None:
    """ValueError where players fall into parts that never meet, which no rating can span."""
    parts = components(comparisons, "weak")
    if len(parts) > 1:
        raise ValueError(
            f"the players fall into {len(parts)} parts that never meet, so no rating spans them: "
            f"{'; '.join(listed(part) for part in parts[:_SHOWN])}"
            f"{'; ...' if len(parts) > _SHOWN else ''}. "
            "Add matches between the parts, or rate each alone"
        )


def components(
    comparisons: Comparisons, connection: Literal["weak", "strong"]
) -> tuple[tuple[str, ...], ...]:
    """The parts of the comparison graph, the largest first.

    ``weak``: who met at all. ``strong``: who can be reached by a chain of points scored (a tie
    scores both ways); between strong parts every outcome went one way, and without a prior the
    distance is infinite (Ford 1957).
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    graph = csr_array(comparisons.points() > 0)
    count, label = connected_components(graph, directed=True, connection=connection)
    parts: list[list[str]] = [[] for _ in range(count)]
    for name, part in zip(comparisons.players, label.tolist(), strict=True):
        parts[part].append(name)
    return tuple(tuple(part) for part in sorted(parts, key=lambda part: (-len(part), part)))


def added(codes: Codes, values: Floats, size: int) -> Floats:
    """Sums of values by code."""
    return np.bincount(codes, values, size).astype(np.float64, copy=False)


def listed(names: Sequence[str]) -> str:
    """Names in braces, the first few of many."""
    more = f", ... ({len(names)} in all)" if len(names) > _SHOWN else ""
    return "{" + ", ".join(names[:_SHOWN]) + more + "}"
