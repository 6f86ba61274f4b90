"""Import and report of the NYU human debates, beside parsing their files with ``json.loads``.

Run ``python benchmarks/nyu.py PATH [--json]``; PATH is the folder of debates-metadata.jsonl.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path

from timing import alternate, median, show

from arena.report import report
from arena.sources.nyu import METADATA, ROOMS, import_nyu
from arena.store import Store

REPEATS = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="the folder of debates-metadata.jsonl")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(given.path, Path(folder))
    show(f"NYU debates, wall time, median of {REPEATS}", result, given.json)


def measure(data: Path, folder: Path) -> dict[str, float]:
    """Seconds to parse, to import into a new store, to import again and to report."""
    numbers = itertools.count()
    paths: list[Path] = []
    rooms = sorted((data / ROOMS).glob("*.json"))

    def parse() -> None:
        for line in (data / METADATA).read_bytes().splitlines():
            json.loads(line)
        for room in rooms:
            json.loads(room.read_bytes())

    def imported() -> None:
        paths.append(folder / f"{next(numbers)}.db")
        again()

    def again() -> None:
        with Store(paths[-1]) as store:
            import_nyu(data, store)

    def reported() -> None:
        with Store(paths[-1]) as store:
            report(store, "nyu")

    times = alternate(
        {"parse": parse, "import": imported, "again": again, "report": reported},
        REPEATS,
        time.perf_counter,
    )
    middle = {name: median(found) for name, found in times.items()}
    return {
        "rooms": float(len(rooms)),
        "json.loads of the files, s": middle["parse"],
        "import, s": middle["import"],
        "import again, s": middle["again"],
        "report, s": middle["report"],
        "ratio of import to json.loads": middle["import"] / middle["parse"],
        "ratio of report to json.loads": middle["report"] / middle["parse"],
    }


if __name__ == "__main__":
    main()
