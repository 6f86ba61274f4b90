"""What the benchmarks share: measure candidates in turn in one run, and print a small table."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Mapping
from statistics import median

__all__ = ["alternate", "median", "show"]


def alternate(
    candidates: Mapping[str, Callable[[], object]],
    repeats: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, list[float]]:
    """Seconds of each candidate, ``repeats`` times in turn after one run that does not count.

    In turn, so that whatever else the machine does falls on all of them. CPU time unless another
    clock is given.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for repeat in range(repeats + 1):
        for name, run in candidates.items():
            gc.collect()  # nobody pays for another's garbage
            begun = clock()
            run()
            taken = clock() - begun
            if repeat:
                times[name].append(taken)
    return times


def show(title: str, figures: Mapping[str, float], as_json: bool) -> None:
    """Print named figures as a table, or as one JSON document."""
    if as_json:
        print(json.dumps({"benchmark": title, **figures}))
        return
    width = max(map(len, figures))
    print(title)
    for name, value in figures.items():
        print(f"  {name:<{width}}  {value:10.3f}")
