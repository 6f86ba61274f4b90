"""A cluster bootstrap of an accuracy beside resampling rows: 1,000 samples of 1e6 verdicts.

Ours makes codes of the labels, sums once by cluster (5,000 questions) and gathers sums by index;
the peers draw rows with replacement and take the mean, which is also the wrong interval, and draw
clusters with replacement and gather all of their rows. The peers make 10 samples a repeat, scaled
to 1,000. Beside: the closed form, two-way, and the interval that ignores clusters.
Run ``python benchmarks/clusters.py [--json]``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from timing import alternate, median, show

from arena.stats.clusters import bootstrap_means, codes, linearised, pigeonhole_means, two_way

ROWS, QUESTIONS, JUDGES, DRAWS, PEER = 1_000_000, 5000, 40, 1000, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    question, judge = rng.integers(0, QUESTIONS, ROWS), rng.integers(0, JUDGES, ROWS)
    chance = 1 / (1 + np.exp(-1 - rng.normal(size=QUESTIONS)[question]))
    y = (rng.random(ROWS) < chance).astype(float)
    names = [f"question {one}" for one in question]
    order = np.argsort(question, kind="stable")
    starts = np.searchsorted(question[order], np.arange(QUESTIONS + 1))
    members = [order[starts[c] : starts[c + 1]] for c in range(QUESTIONS)]

    def ours() -> object:
        return bootstrap_means(y, codes(question)[0], DRAWS, 1)

    def by_rows() -> object:
        return [y[rng.integers(0, ROWS, ROWS)].mean() for _ in range(PEER)]

    def by_clusters() -> object:
        drawn = rng.integers(0, QUESTIONS, (PEER, QUESTIONS))
        return [y[np.concatenate([members[c] for c in one])].mean() for one in drawn]

    candidates = {
        "ours": ours,
        "rows": by_rows,
        "clusters' rows": by_clusters,
        "pigeonhole": lambda: pigeonhole_means(y, question, judge, DRAWS, 1),
        "closed form": lambda: linearised(y, question),
        "two-way closed form": lambda: two_way(y, question, judge),
        "codes of strings": lambda: codes(names),
    }
    times = alternate(candidates, 5, time.perf_counter)
    middle = {name: median(found) for name, found in times.items()}
    for name in ("rows", "clusters' rows"):
        middle[name] *= DRAWS / PEER
    drawn = bootstrap_means(y, codes(question)[0], DRAWS, 1)
    naive = (y.mean() * (1 - y.mean()) / ROWS) ** 0.5
    closed = linearised(y, question)
    assert closed is not None
    show(
        "1,000 bootstrap samples of 1e6 verdicts in 5,000 clusters (seconds)",
        {
            **{name: round(value, 4) for name, value in middle.items()},
            "rows / ours": middle["rows"] / middle["ours"],
            "clusters' rows / ours": middle["clusters' rows"] / middle["ours"],
            "error by bootstrap (1e-3)": float(drawn.std()) * 1e3,
            "error by closed form (1e-3)": closed**0.5 * 1e3,
            "error of rows (1e-3)": naive * 1e3,
        },
        asked.json,
    )


if __name__ == "__main__":
    main()
