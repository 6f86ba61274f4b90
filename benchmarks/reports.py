"""A whole report over 1,000, 10,000 and 100,000 matches: its CPU time and its memory.

Tournaments of five players in debates of two rounds, read by one judge in both listings (six turns
a match, ten matches a question, five questions a story). Matches, turns and verdicts are real ones,
made in bulk and written as a run writes them; nobody plays. Two peers read the same verdicts from
the same store: the plain reading, SQL and ``json.loads`` with the mean of each setting; and the
accuracy table alone with errors clustered by question, by pandas and statsmodels. Each is measured
in a process of its own, so that a peak is its own, with whatever it imports loaded before.
Run ``python benchmarks/reports.py [--sizes 1000 10000 100000] [--sections NAME ...] [--json]``;
takes three minutes, most of them for making the stores (of 100,000 matches: 0.5 GB, in a temporary
folder).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from timing import median, show

from arena.batch import Batch
from arena.match import Match, Transcript, participant_id
from arena.play import append
from arena.protocols import BUILT_IN, pending, verdict_slot
from arena.questions import Item, Question
from arena.store import Store
from arena.tournament import schedule
from arena.turns import Quote, Speech, Turn, Verdict

SIZES = (1_000, 10_000, 100_000)
PLAYERS, EACH, STORY, CHUNK, REPEATS = 5, 10, 5, 2_000, 3
RUN, PROTOCOL = "bench", BUILT_IN["debate"]
WORDS = [
    "the",
    "lamp",
    "was",
    "seen",
    "by",
    "whoever",
    "stood",
    "near",
    "the",
    "gate",
    "that",
    "evening",
    "and",
    "said",
    "so",
    "before",
]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--sections", nargs="*", help="sections of the report (all of them)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--what", choices=sorted(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--profile", action="store_true", help="print where a report's time goes")
    given = parser.parse_args()
    if given.what is not None:
        alone(given)
        return
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in given.sizes:
            figures |= measure(Path(folder), size, given.sections, given.profile)
    least, most = min(given.sizes), max(given.sizes)
    for what in WAYS:
        each = [figures[f"{n}: {what}, s"] / n for n in (least, most)]
        figures[f"{what}: a match at {most} over one at {least}"] = each[1] / each[0]
    for what in ("plain", "statsmodels"):
        figures[f"report over {what} at {most}"] = (
            figures[f"{most}: report, s"] / figures[f"{most}: {what}, s"]
        )
    show("a report, CPU time and peak memory", figures, given.json)


def measure(folder: Path, size: int, sections: list[str] | None, profile: bool) -> dict[str, float]:
    """CPU seconds and peak memory (MB) of each way at one size, each in a process of its own."""
    store = folder / f"{size}.db"
    begun = time.process_time()
    build(store, size)
    found = {f"{size}: making the store, s": time.process_time() - begun}
    found[f"{size}: the store, MB"] = store.stat().st_size / 2**20
    for what in WAYS:
        words = [sys.executable, __file__, "--what", what, "--store", str(store)]
        words += ["--sections", *sections] if sections is not None else []
        words += ["--profile"] if profile and what == "report" else []
        lines = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        *printed, last = lines.splitlines()
        print("\n".join(printed), file=sys.stderr, end="\n" if printed else "")
        told = json.loads(last)
        found[f"{size}: {what}, s"] = told["seconds"]
        found[f"{size}: {what}, peak MB"] = told["peak"]
    store.unlink()
    return found


# ---------------------------------------------------------------------------------------------
# Stores.


def build(path: Path, size: int) -> None:
    """A tournament of so many matches, written in bulk."""
    noise = random.Random(size)
    records = {name: {"kind": "benchmark", "name": name} for name in "abcde"[:PLAYERS]}
    judge_record = {"kind": "benchmark", "name": "judge"}
    ids = {name: _id(record) for name, record in records.items()}
    judge = _id(judge_record)
    with Store(path) as store:
        store.start_run(RUN, "tournament", {"name": RUN}, {})
        store.write(Batch(protocols=[PROTOCOL], participants={
            **{ids[name]: record for name, record in records.items()}, judge: judge_record,
        }))  # fmt: skip
        at = 0
        for begin in range(0, -(-size // EACH), CHUNK // EACH):
            last = min(begin + CHUNK // EACH, -(-size // EACH))
            asked = [_item(i, noise) for i in range(begin, last)]
            batch = Batch(items=asked)
            truths = {one.question.id: one.truth for one in asked}
            questions = [one.question for one in asked]
            planned = schedule(questions, {PROTOCOL.name: PROTOCOL}, ids, {"judge": judge}, 0,
                               mirrored=False)  # fmt: skip
            for one in planned:
                if at == size:
                    break
                right = truths[one.match.question.id]
                turns = list(_turns(one.match, judge, noise, right))
                batch.matches.append(one.match)
                batch.turns += [(one.match, turn) for turn in turns]
                batch.played.append(one.match.id)
                batch.run_matches.append((RUN, at, one.match.id, one.labels))
                at += 1
            store.write(batch)
        store.finish_run(RUN)
        store.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _id(record: dict[str, str]) -> str:
    class Somebody:
        pass

    somebody = Somebody()
    somebody.record = record  # type: ignore[attr-defined]
    return participant_id(somebody)  # type: ignore[arg-type]


def _item(i: int, noise: random.Random) -> Item:
    passage = "\n".join(" ".join(noise.choices(WORDS, k=10)) for _ in range(12))
    question = Question(f"What became of lamp {i}?", ("It sank.", "It was sold."), passage,
                        "benchmark", f"story {i // STORY}")  # fmt: skip
    return Item(question, noise.randrange(2), "test")


def _turns(match: Match, judge: str, noise: random.Random, right: int | None) -> Iterator[Turn]:
    """Four speeches with a quotation each, and the judge's verdict in both listings."""
    transcript: Transcript = ()
    seats, authors = [seat for seat, _ in match.seats], dict(match.seats)
    place, slots = pending(match.protocol, transcript, seats)
    while slots and slots[0].kind == "speech":
        for slot in slots:
            words = " ".join(noise.choices(WORDS, k=noise.randint(15, 40)))
            quote = Quote(0, 9, (0, 9)) if noise.random() < 0.9 else Quote(0, 9, None)
            turn = append(match, transcript, place, slot, Speech(words, quotes=(quote,)),
                          authors[slot.seat])  # fmt: skip
            transcript += (turn,)
            yield turn
        place, slots = pending(match.protocol, transcript, seats)
    skill = sum(ord(who[-1]) for who in authors.values()) % 7 / 20
    p = min(0.99, max(0.01, noise.betavariate(3 + skill, 1.5)))
    p = p if right == 0 else 1 - p
    slot = verdict_slot(match.protocol)
    for order in ((0, 1), (1, 0)):
        leaning = min(0.99, max(0.01, p + (0.02 if order[0] == 0 else -0.02)))
        given = Verdict(int(leaning < 0.5), (leaning, 1 - leaning), order=order)
        yield append(match, transcript, place, slot, given, judge)


# ---------------------------------------------------------------------------------------------
# What is measured, in a process of its own.


def alone(given: argparse.Namespace) -> None:
    """Print seconds and peak memory of one way as JSON, after a small run that loads what it
    imports."""
    act = WAYS[given.what]
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.db"
        build(small, 200)
        act(small, given.sections)
    if given.profile:
        profiled(given.store, given.sections)
    taken: list[float] = []
    while len(taken) < REPEATS and sum(taken) < 10:
        begun = time.process_time()
        act(given.store, given.sections)
        taken.append(time.process_time() - begun)
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = size / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps({"seconds": median(taken), "peak": peak}))


def profiled(store: Path, sections: list[str] | None) -> None:
    """Print the functions that take longest of one report."""
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.runcall(reported, store, sections)
    pstats.Stats(profile, stream=sys.stdout).sort_stats("cumulative").print_stats(45)


def reported(path: Path, sections: list[str] | None) -> object:
    """The report."""
    from arena.report import report

    with Store(path) as store:
        return json.dumps(report(store, RUN, sections=sections))


_VERDICTS = """
SELECT r.labels, m.question, q.grp, v.author, v.listing, v.status, v.choice, v.elicited
FROM run_matches AS r JOIN matches AS m ON m.id = r.match JOIN questions AS q ON q.id = m.question
JOIN verdicts AS v ON v.match = r.match WHERE r.run = ? ORDER BY r.position"""


def plain(path: Path, sections: list[str] | None) -> object:
    """SQL and ``json.loads``: the mean of each setting and no more."""
    with Store(path) as store:
        truths = store.truths()
        sums: dict[tuple[str, str], list[float]] = {}
        for row in store.query(_VERDICTS, RUN):
            labels, p = json.loads(row["labels"]), json.loads(row["elicited"])
            json.loads(row["listing"])
            right = truths[row["question"]]
            found = sums.setdefault((labels["setting"], row["author"]), [0.0, 0.0, 0.0])
            found[0] += 1
            found[1] += row["choice"] == right
            found[2] += (1 - p[right]) ** 2
        return {key: [value / found[0] for value in found] for key, found in sums.items()}


def statsmodels(path: Path, sections: list[str] | None) -> object:
    """The accuracy table with errors clustered by question, by pandas and statsmodels."""
    import pandas as pd
    import statsmodels.api as sm

    with Store(path) as store:
        truths = store.truths()
        rows = [
            (json.loads(row["labels"])["setting"], row["question"], row["grp"],
             float(row["choice"] == truths[row["question"]]))
            for row in store.query(_VERDICTS, RUN)
        ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["setting", "question", "story", "right"])
    found = {}
    for setting, part in table.groupby("setting"):
        for by in ("question", "story"):
            groups = pd.factorize(part[by])[0]
            fitted = sm.OLS(part["right"].to_numpy(), [[1.0]] * len(part)).fit(
                cov_type="cluster", cov_kwds={"groups": groups}
            )
            found[setting, by] = (float(fitted.params[0]), fitted.conf_int().tolist())
    return found


WAYS: dict[str, Callable[[Path, list[str] | None], Any]] = {
    "report": reported, "plain": plain, "statsmodels": statsmodels,
}  # fmt: skip


if __name__ == "__main__":
    main()
