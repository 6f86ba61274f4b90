"""Bradley-Terry ratings from columns: beside evalica, and with two effects beside statsmodels.

A million outcomes between 10 players, as arrays of player numbers and outcomes. Without effects
both sides return skills; evalica does not take numbers for outcomes, and is timed with making its
winners of them and without. Then the same with players by name, in every form that a column of
names has: both get the same columns, and make what they need of them. With effects (a seat, and
honesty or length) both return estimates with standard errors clustered by question; statsmodels is
given its dense design. CPU time of the whole with one thread; the estimates must agree.
Run ``python benchmarks/ratings.py [--rows N] [--json]``; needs evalica and statsmodels.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from timing import alternate, median, show

from arena.stats.bradley_terry import Fit, bootstrapped, fit
from arena.stats.comparison import compare

PLAYERS, QUESTIONS, REPEATS, DRAWS = 10, 5000, 5, 200


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="outcomes")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    show(f"Bradley-Terry, {given.rows} outcomes, CPU time", measure(given.rows), given.json)


def measure(rows: int) -> dict[str, float]:
    """Seconds and ratios; memory in MB beyond what the columns take, before any peer is loaded."""
    c = columns(rows)
    plain = (c["first"], c["second"], c["outcome"])
    begun = peak()
    ours: dict[str, Callable[[], Fit]] = {
        "skills": lambda: fit(compare(*plain)),
        "skills, by question": lambda: fit(compare(*plain, c["question"])),
        "seat and honesty": lambda: fit(
            compare(*plain, c["question"], seat=c["seat"], honest=c["honest"])
        ),
        "seat and length": lambda: fit(
            compare(*plain, c["question"], seat=c["seat"], length=c["length"])
        ),
    }
    found, memory = {}, {}
    for name, run in ours.items():
        found[name] = run()
        memory[f"{name}: peak memory, MB"] = peak() - begun
    times = alternate(ours, REPEATS)
    figures = {f"{name}, s": median(taken) for name, taken in times.items()}
    drawn = timed(lambda: bootstrapped(found["skills, by question"], DRAWS))[0]
    figures[f"bootstrap of questions, {DRAWS} draws, s"] = drawn
    figures |= memory

    skills, peers = peer_evalica(c)
    both = alternate({**peers, "ours": ours["skills"]}, REPEATS)
    for name in peers:
        figures[f"{name}, s"] = median(both[name])
        figures[f"{name}, over ours"] = median(both[name]) / median(both["ours"])
    figures["evalica: largest difference"] = float(np.abs(skills - found["skills"].skills).max())
    figures |= by_name(c, found["skills"])
    for name in ("seat and honesty", "seat and length"):
        taken, known = timed(lambda name=name: peer_statsmodels(c, name))
        again = timed(ours[name])[0]
        figures[f"statsmodels, {name}, s"] = taken
        figures[f"statsmodels over ours, {name}"] = taken / again
        apart = max(
            abs(found[name].effect(effect).value - value)
            + abs((found[name].effect(effect).se or 0) - se)
            for effect, (value, se) in known.items()
        )
        figures[f"statsmodels, {name}: largest difference"] = apart
    figures["peak memory of all, MB"] = peak()
    return figures


def forms(codes: Any) -> dict[str, Any]:
    """One column of players by name, in every form."""
    import pandas as pd

    names = np.array([f"player {i}" for i in range(PLAYERS)], object)
    column = names[codes]
    return {
        "text array": column.astype(str),
        "object array": column,
        "list": column.tolist(),
        "list of copies": [str(one.encode(), "utf8") for one in column.tolist()],
        "Series": pd.Series(column.tolist()),
        "Series of objects": pd.Series(column, dtype=object),
        "Categorical": pd.Categorical.from_codes(codes, names.tolist()),
    }


def by_name(c: dict[str, Any], known: Fit) -> dict[str, float]:
    """Both from columns of names: seconds, and how many times ours evalica's are."""
    first, second = forms(c["first"]), forms(c["second"])
    figures = {}
    for form in first:
        named = {**c, "first": first[form], "second": second[form]}

        def ours(named: dict[str, Any] = named) -> Fit:
            return fit(compare(named["first"], named["second"], named["outcome"]))

        skills, peers = peer_evalica(named, [f"player {i}" for i in range(PLAYERS)])
        assert np.abs(ours().skills - known.skills).max() < 1e-9
        assert np.abs(skills - known.skills).max() < 1e-2
        times = alternate({"ours": ours, "peer": peers["evalica, from columns"]}, REPEATS)
        mine, theirs = median(times["ours"]), median(times["peer"])
        figures[f"names as {form}, s"] = mine
        figures[f"names as {form}: evalica, s"] = theirs
        figures[f"names as {form}: evalica over ours"] = theirs / mine
    return figures


def columns(rows: int) -> dict[str, Any]:
    """Outcomes with a seat effect, an honesty advantage and a little for length."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, PLAYERS, rows)
    second = (first + rng.integers(1, PLAYERS, rows)) % PLAYERS
    seat, truth = rng.choice([-1, 1], rows), rng.integers(0, 2, rows)
    length, question = rng.normal(0, 1, rows), rng.integers(0, QUESTIONS, rows)
    skills = np.linspace(-1, 1, PLAYERS)
    eta = skills[first] - skills[second] + 0.3 * seat + 0.5 * (2 * truth - 1) + 0.1 * length
    outcome = (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(float)
    return {"first": first, "second": second, "outcome": outcome, "question": question,
            "seat": seat, "honest": (truth, 1 - truth), "length": length}  # fmt: skip


def peer_evalica(
    c: dict[str, Any], players: Sequence[Any] = range(PLAYERS)
) -> tuple[Any, dict[str, Callable[[], Any]]]:
    """Its centred skills at a tight tolerance, and what is timed."""
    import evalica

    kinds = np.array([evalica.Winner.Y, evalica.Winner.X], dtype=object)

    def made() -> list[Any]:
        winners: list[Any] = kinds[c["outcome"].astype(np.int64)].tolist()
        return winners

    def run(winners: list[Any], **more: Any) -> Any:
        return evalica.bradley_terry(c["first"], c["second"], winners, **more)

    before = made()
    known = run(before, tolerance=1e-12, limit=1000).scores
    logs = np.log([known[player] for player in players])
    return logs - logs.mean(), {
        "evalica, from columns": lambda: run(made()),
        "evalica, from winners made before": lambda: run(before),
    }


def peer_statsmodels(c: dict[str, Any], name: str) -> dict[str, tuple[float, float]]:
    """Effects with clustered standard errors, by a GLM on dense columns."""
    import statsmodels.api as sm

    rows = len(c["outcome"])
    x = np.zeros((rows, PLAYERS + 2))
    x[np.arange(rows), c["first"]] = 1
    x[np.arange(rows), c["second"]] = -1
    second = "honesty" if name == "seat and honesty" else "length"
    x[:, -2] = c["seat"]
    x[:, -1] = c["length"] if second == "length" else c["honest"][0] - c["honest"][1]
    made = sm.GLM(c["outcome"], x[:, 1:], family=sm.families.Binomial())
    found = made.fit(
        cov_type="cluster", cov_kwds={"groups": c["question"], "use_correction": False}
    )
    factor = (QUESTIONS / (QUESTIONS - 1)) ** 0.5
    return {
        "seat": (found.params[-2], found.bse[-2] * factor),
        second: (found.params[-1], found.bse[-1] * factor),
    }


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one run, and what it returns."""
    begun = time.process_time()
    found = run()
    return time.process_time() - begun, found


def peak() -> float:
    """The most memory that this process has held, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
