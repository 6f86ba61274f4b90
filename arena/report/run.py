"""The report of a run: judge accuracy and its relatives by setting and judge, in sections.

A verdict without a decision is counted as missing, by the side that it concerned, and is in no
figure but the bounds that it leaves open.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Literal, get_args

from arena.report.agreement import agreement
from arena.report.arms import arms
from arena.report.behaviour import behaviour
from arena.report.calibration import calibration
from arena.report.cards import cards
from arena.report.differences import Contrast, differences
from arena.report.leaks import leaks
from arena.report.readings import Evidence, Sample, collect
from arena.report.recovered import recovered
from arena.report.rounds import rounds, trajectories
from arena.report.rows import make_row, paired_rows
from arena.report.studies import study_of
from arena.report.units import Group
from arena.store import Store, StoreError
from arena.text import visible
from arena.training_report import evaluation_labels

Section = Literal[
    "differences", "calibration", "rounds", "trajectories", "behaviour", "agreement", "cards",
    "recovered", "leaks", "costs", "ratings", "study",
]  # fmt: skip
SECTIONS: tuple[Section, ...] = get_args(Section)
"""The sections of a report besides its rows, in their order."""


@contextmanager
def _unswept() -> Iterator[None]:
    """Without the garbage collector, which would walk a run's verdicts again and again though they
    are needed to the end: a quarter of the time of a report over 100,000 matches."""
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()


@_unswept()
def report(
    store: Store,
    name: str,
    sample: Sample = "paper",
    *,
    sections: Collection[str] | None = None,
    judge: str | Sequence[str] = (),
    contrasts: Collection[Contrast] = (),
    unmatched: bool = False,
) -> dict[str, Any]:
    """Judge accuracy and scores of a run: ``{"settings": [row, ...], section: ..., ...}``.

    An import's rows are its settings, over the published sample unless ``sample`` is ``all`` and
    over the rooms' own live judges alone, by the NYU rules (a tie is not correct, ``turns`` is how
    often the judge went on); ``paired`` has the differences between its settings of two speakers
    and of one, on the questions of both. Any other run has a row for every setting and judge, and
    so have an import's ``readers``, who judged the rooms besides: there a tie counts one half and
    ``turns`` is the number of rounds in which something was said. Every row has an interval for
    each way in which its verdicts are ``clustered``. ``pooled`` has the rows of settings under
    several people, and of a tournament's protocols over their pairings. ``labels`` are there where
    the truth had a hand in the training that a run evaluates, or it has learnt from verdicts that
    were taken back; ``unjudged`` are settings of which no match has a verdict, ``notes`` say what
    was left out.

    ``sections`` names the sections that are wanted (`SECTIONS`; all of them unless it is given,
    none where it is empty), ``judge`` the judges whose verdicts count, by name or id, and
    ``contrasts`` the pairs of settings to compare in the place of every pair. Everything is a JSON
    value, and none is NaN. Raises StoreError where there is no such run, section or judge, and
    where a study's primary contrast is of arms that are not matched as it declares (``unmatched``:
    they are compared all the same).
    """
    run = store.one("SELECT kind, config FROM runs WHERE name = ?", name)
    if run is None:
        known = ", ".join(row["name"] for row in store.query("SELECT name FROM runs")) or "none"
        raise StoreError(f"no run {name!r} in this store; its runs: {known}")
    wanted = _wanted(sections)
    names = (judge,) if isinstance(judge, str) else tuple(judge)
    evidence = collect(store, name, run["kind"], sample, names)
    study = study_of(store, evidence)  # leaves out what a study's rules exclude
    rows = [make_row(group, group.ties) for group in evidence.read.values()]
    found: dict[str, Any] = {"run": name}
    if evidence.imported:
        own = {setting: evidence.own[setting] for setting in sorted(evidence.own)}
        found["sample"] = sample
        found["settings"] = [make_row(group, "wrong") for group in own.values()]
        found["paired"] = paired_rows(own, "wrong")
        found["readers"] = rows
    else:
        config = json.loads(run["config"])
        notes = evaluation_labels(store, config) if run["kind"] == "evaluation" else []
        found |= {**({"labels": notes} if notes else {}), "settings": rows}
    every, pooled = arms(evidence)
    if pooled:
        found["pooled"] = [make_row(group, group.ties) for group in pooled]
    if unjudged := _unjudged(evidence):
        found["unjudged"] = unjudged
    found |= _sections(store, evidence, every, wanted, contrasts)
    if study is not None:
        study.part_from_floor(found)
        if "study" in wanted:
            study.finish(found, unmatched)
    return found


def _wanted(sections: Collection[str] | None) -> tuple[Section, ...]:
    if sections is None:
        return SECTIONS
    unknown = sorted(set(sections) - set(SECTIONS))
    if unknown:
        raise StoreError(
            f"no section {visible(unknown[0])!r} in a report; its sections: {', '.join(SECTIONS)}"
        )
    return tuple(one for one in SECTIONS if one in sections)


def _sections(
    store: Store,
    evidence: Evidence,
    every: Sequence[Group],
    wanted: Sequence[Section],
    contrasts: Collection[Contrast],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    notes: list[str] = []
    for section in wanted:
        if section == "differences":
            found[section], notes = differences(every, contrasts)
        elif section == "calibration":
            found[section] = calibration(every)
        elif section == "rounds":
            found[section] = rounds(every)
        elif section == "trajectories":
            found[section] = trajectories(every)
        elif section == "behaviour":
            found[section] = behaviour(every)
        elif section == "agreement":
            found[section] = agreement(every, evidence.names)
        elif section == "cards":
            groups = [*evidence.own.values(), *evidence.read.values()]
            found[section] = cards(groups, evidence.names)
        elif section == "recovered":
            found[section] = recovered(every)
        elif section == "leaks":
            found[section] = leaks(evidence.bouts)
        elif section == "costs":
            from arena.report.costs import costs, shown_to_judges

            rows = costs(store, evidence.run)
            shown = shown_to_judges(store, evidence.run, rows)
            found[section] = rows
            found["visible"] = {setting: asdict(one) for setting, one in shown.items()}
        elif section == "ratings" and evidence.kind == "tournament":
            found[section] = _ratings(store, evidence.run)
    return {**found, "notes": notes} if notes else found


def _ratings(store: Store, run: str) -> Mapping[str, Any]:
    """The ratings of a tournament's players, with the effects that its file names; the reason
    where there are none."""
    from arena.ratings import ratings  # it reads questions_of from here

    row = store.one("SELECT config FROM runs WHERE name = ?", run) or {"config": "{}"}
    effects = (json.loads(row["config"]).get("tournament") or {}).get("effects", ["seat"])
    try:
        return ratings(
            store, run, seat="seat" in effects, honesty="honesty" in effects,
            judge="judge" in effects, length="length" in effects,
        ).record()  # fmt: skip
    except StoreError as error:
        return {"reason": str(error)}


def _unjudged(evidence: Evidence) -> list[dict[str, Any]]:
    """Settings with matches and without a verdict: a row of nothing is not printed in silence."""
    matches: dict[str, list[bool]] = {}
    for one in evidence.bouts:
        matches.setdefault(one.setting, []).append(one.judged)
    return [
        {"setting": setting, "matches": len(judged)}
        for setting, judged in matches.items()
        if not any(judged)
    ]
