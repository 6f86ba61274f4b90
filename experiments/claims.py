"""What a study is to show, as its file says, and in how many of its runs that held; and the study
as one Markdown table.

Everything is read from the runs' JSON (see `training`); nothing is computed anew but differences of
figures that are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from arena import metrics
from ui.conditions import BASE, CONSULTANCY, DEBATE, NAIVE, TRAINED

Run = Mapping[str, Any]
OPTIMAL = "optimal"


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure of a run, and where it must lie: ``least`` and ``most`` bound the estimate, ``low``
    the lower end of its 95 % interval; it is to hold in ``runs`` runs.

    The figure is the accuracy of ``judge`` under the condition ``of``; with ``less``, what it is
    above that of another condition, paired by world; with ``wins``, the share that trained debaters
    of that side win against the base; with ``way``, how much of the way from the base to optimal
    play training went. ``protocol`` names one of the study's ``extra`` ones.
    """

    judge: str
    of: str = f"{DEBATE} {TRAINED}"
    less: str = ""
    wins: Literal["", "honest", "dishonest"] = ""
    way: bool = False
    protocol: str = ""
    least: float | None = None
    most: float | None = None
    low: float | None = None
    runs: int = 10

    def __str__(self) -> str:
        what = f"{self.of}, {self.judge}"
        if self.wins:
            what = f"trained against base as {self.wins}, {self.judge}"
        elif self.way:
            what = f"share of the way to optimal play, {self.judge}"
        elif self.less:
            what = f"{self.of} - {self.less}, {self.judge}"
        what += f", {self.protocol}" if self.protocol else ""
        bounds = (
            (f"at least {self.least:g}" if self.least is not None else ""),
            (f"at most {self.most:g}" if self.most is not None else ""),
            (f"lower end at least {self.low:g}" if self.low is not None else ""),
        )
        return f"{what}: {', '.join(filter(None, bounds))}"

    def figure(self, run: Run) -> tuple[float, float] | None:
        """The estimate in a run, and the lower end of its interval; None where it is missing."""
        run = run.get("extra", {}).get(self.protocol, {}) if self.protocol else run
        if self.wins:
            return _bounds(run.get("wins", {}).get(self.judge, {}).get(self.wins))
        if self.way:
            base, best, here = (accuracy(run, f"{DEBATE} {who}", self.judge)
                                for who in (BASE, OPTIMAL, TRAINED))  # fmt: skip
            if base is None or best is None or here is None or best <= base:
                return None
            return (here - base) / (best - base), float("-inf")
        if self.less:
            return _bounds(difference(run, self.of, self.less, self.judge))
        value = accuracy(run, self.of, self.judge)
        return None if value is None else (value, float("-inf"))

    def holds(self, run: Run) -> bool:
        """Whether a run shows it; what is missing does not."""
        found = self.figure(run)
        if found is None:
            return False
        value, low = found
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.low is None or low >= self.low)
        )


def accuracy(run: Run, condition: str, judge: str) -> float | None:
    """Of a judge under a condition."""
    for row in run.get("conditions", ()):
        if (row["condition"], row["judge"]) == (condition, judge):
            value: float | None = row["accuracy"]
            return value
    return None


def difference(run: Run, of: str, less: str, judge: str) -> Mapping[str, Any] | None:
    """Of two conditions, paired by world."""
    for row in run.get("differences", ()):
        if (row["of"], row["less"], row["judge"]) == (of, less, judge):
            found: Mapping[str, Any] = row
            return found
    return None


def _bounds(estimate: Mapping[str, Any] | None) -> tuple[float, float] | None:
    if estimate is None or estimate["value"] is None:
        return None
    return estimate["value"], estimate["interval"][0]


def verdicts(claims: Sequence[Claim], runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """In how many runs each claim held."""
    for claim in claims:
        seen = [found[0] for run in runs if (found := claim.figure(run)) is not None]
        yield {
            "claim": str(claim),
            "held": sum(claim.holds(run) for run in runs),
            "of": len(runs),
            "wanted": claim.runs,
            "range": [min(seen), max(seen)] if seen else None,
        }


# ---------------------------------------------------------------------------------------------
# As Markdown.


def markdown(found: Mapping[str, Any]) -> Iterator[str]:
    """The study: what it was to show, and a row for each run."""
    done, planned = found["complete"]
    yield f"# {found['study']}: {done} of {planned} runs\n"
    yield f"`{found['command']}`; everything measured is in the JSON beside this file.\n"
    if found["control"]:
        yield (
            f"**A control: the trained debaters are paid by `{found['control']}`, which reads the "
            "truth, and by no judge.**\n"
        )
    if found["claims"]:
        yield "| claim | held in | wanted | range |\n|---|---|---|---|"
        for one in found["claims"]:
            low, high = one["range"] or (float("nan"),) * 2
            yield (
                f"| {one['claim']} | {one['held']} of {one['of']} | {one['wanted']} | "
                f"{low:.3f} to {high:.3f} |"
            )
        yield ""
    yield (
        "Accuracy of the training judge / the held-out judge / the literal / the strategic Bayes "
        "judge; wins of trained debaters against the base as honest, dishonest, by the held-out "
        "judge.\n"
    )
    names = [NAIVE, f"{CONSULTANCY} {BASE}", f"{CONSULTANCY} {TRAINED}",
             *(f"{DEBATE} {who}" for who in (BASE, TRAINED, OPTIMAL))]  # fmt: skip
    extra = list(dict.fromkeys(name for run in found["runs"] for name in run.get("extra", {})))
    head = ["base", "judge", "seed", *names, *(f"{name}: base, trained" for name in extra), "wins"]
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}"
    for run in found["runs"]:
        cells = [run["base"], run["judge"], str(run["seed"])]
        cells += [_cell(run, name) for name in names]
        for protocol in extra:
            other = run.get("extra", {}).get(protocol, {})
            cells.append(", ".join(_cell(other, f"{DEBATE} {who}") for who in (BASE, TRAINED)))
        won = run["wins"].get(metrics.HELD_OUT, {})
        cells.append(", ".join(_short(won[who]["value"]) for who in ("honest", "dishonest")
                               if who in won))  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _cell(run: Run, condition: str) -> str:
    return " / ".join(_short(accuracy(run, condition, judge)) for judge in metrics.JUDGES)


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0")
