"""What the intervals cover, by number of clusters, on studies whose truth is known.

Each row draws studies (`tests/designs.py`) and counts how often the 95 % interval has the truth;
beside it, in brackets, the intervals' mean width. First come accuracies and what is made of them;
under the first line what is shown for comparison and not what reports use; under the second the
other figures of a report (`tests/designs_figures.py`).
Run ``python benchmarks/coverage.py [--simulations 2000] [--clusters 4 6 8 ...] [--json]``; takes
some twenty minutes with 2,000 simulations.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import chain
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import designs
import designs_figures

CLUSTERS = (4, 6, 8, 12, 20, 30, 50, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--clusters", type=int, nargs="+", default=CLUSTERS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--figures-only", action="store_true", help="leave accuracies out")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    clusters = tuple(asked.clusters)
    rows = chain(
        () if asked.figures_only else designs.table(clusters, asked.simulations, asked.seed),
        designs_figures.table(clusters, asked.simulations, asked.seed),
    )
    if asked.json:
        found = {
            name: {str(c): {"covered": one.share, "width": one.width} for c, one in row.items()}
            for name, row in rows
        }
        error = (0.95 * 0.05 / asked.simulations) ** 0.5
        print(json.dumps({"benchmark": "coverage", "error": error, "rows": found}))
        return
    error = 100 * (0.95 * 0.05 / asked.simulations) ** 0.5
    print(f"Coverage in %, (mean width); Monte-Carlo error {error:.1f}")
    width = max(map(len, {**designs.MEANT, **designs.SHOWN, **designs_figures.FIGURES}))
    first = (next(iter(designs.SHOWN)), next(iter(designs_figures.FIGURES)))
    print(" " * width, *(f"  C = {c:<6}" for c in asked.clusters), sep="  ")
    for name, row in rows:
        if name in first:
            print("-" * (width + 14 * len(asked.clusters)))
        cells = (f"{100 * one.share:5.1f} ({one.width:.2f})" for one in row.values())
        print(f"{name:<{width}}", *cells, sep="  ", flush=True)


if __name__ == "__main__":
    main()
