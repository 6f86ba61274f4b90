"""The sections of a report, in the order in which they are read: which sheets each of them has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from arena.config import ConfigError
from ui import sheets_accuracy as right
from ui import sheets_judges as judges
from ui import sheets_players as players
from ui import sheets_study as study
from ui.sheets import NONE, Found, Sheet, name, sentence

ALL = "all"
LONG, WIDE = 15, 12
"""Rows, and columns, of a first section that a terminal is not given unless it is asked for."""


@dataclass(frozen=True, slots=True)
class Section:
    """Sheets under one name. ``first``: printed by ``arena report`` without being asked for."""

    key: str
    title: str
    make: Callable[[Found], list[Sheet]]
    first: bool = False


SECTIONS = (
    Section("study", "Study", study.study, True),
    Section("ratings", "Ratings", players.ratings, True),
    Section("crossplay", "Cross-play", players.cross_play, True),
    Section("pooled", "Judge accuracy, pooled", right.pooled, True),
    Section("accuracy", "Judge accuracy", study.accuracy, True),
    Section("stratified", "One speaker", right.as_if_balanced, True),
    Section("differences", "Differences", study.differences, True),
    Section("recovered", "Gap recovered", judges.recovered, True),
    Section("effects", "Effects besides skill", players.effects, True),
    Section("missing", "Missing verdicts", right.missing),
    Section("intervals", "All intervals", right.intervals),
    Section("pairs", "Every pair of settings", study.pairs),
    Section("unpaired", "Differences, not paired", right.unpaired),
    Section("scores", "Scores", right.scores),
    Section("calibration", "Calibration", judges.calibration),
    Section("rounds", "Round by round", right.rounds),
    Section("behaviour", "Behaviour", judges.behaviour),
    Section("agreement", "Agreement", judges.agreement),
    Section("cards", "Judge cards", judges.cards),
    Section("leaks", "Leaks", judges.leaks),
    Section("costs", "Costs", players.costs),
    Section("readers", "Offline readings", right.offline),
)
KEYS = tuple(one.key for one in SECTIONS)


def asked(text: str | None) -> tuple[str, ...] | None:
    """The sections that a comma-separated list names; None of None.

    Raises ConfigError, in one line, for a name that is no section's.
    """
    if text is None:
        return None
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    for one in names:
        if one not in (*KEYS, ALL):
            known = ", ".join(KEYS)
            raise ConfigError(f"--sections: expected names from {known}, or all; got {one!r}")
    if not names:
        raise ConfigError("--sections: expected one name or more, or all; got none")
    return KEYS if ALL in names else names


def present(found: Found) -> dict[str, list[Sheet]]:
    """The sheets of every section that has any, by its key."""
    keys = list(KEYS)
    if "sample" in found:  # of an import, its own judges come first
        keys.remove("pooled")
        keys.insert(keys.index("differences"), "pooled")
    makers = {one.key: one.make for one in SECTIONS}
    made = {key: makers[key](found) for key in keys}
    return {key: sheets for key, sheets in made.items() if sheets}


def selected(
    found: Found, wanted: Sequence[str] | None
) -> tuple[dict[str, list[Sheet]], list[str]]:
    """The sections to print, and the names of those that there are besides.

    Without ``wanted``: the first ones, but for what would be a wall of rows. Raises ConfigError
    where none of those that are wanted is in the report, unless all are.
    """
    there = present(found)
    if wanted is None:
        imported = "sample" in found
        main = "pooled" if "pooled" in there and not imported else "accuracy"
        firsts = {one.key for one in SECTIONS if one.first} - ({"pooled"} if imported else set())
        whole = (main, "study")
        shown = {
            key: kept for key, sheets in there.items() if key in firsts
            if (kept := [one for one in sheets
                         if key in whole or _leads(one) or not _large(one)])
        }  # fmt: skip
    else:
        shown = {key: there[key] for key in there if key in wanted}
        if not shown and set(wanted) != set(KEYS):
            known = ", ".join(there) or "none"
            raise ConfigError(
                f"--sections: this report has nothing of {', '.join(wanted)}; it has {known}"
            )
    return shown, [key for key in there if shown.get(key) != there[key]]


def _leads(one: Sheet) -> bool:
    """Whether it is the leaderboard of a tournament, which is what one was played for."""
    return one.section == "ratings" and "Elo" in [column.title for column in one.columns]


def _large(one: Sheet) -> bool:
    return len(one.rows) > LONG or len(one.columns) > WIDE


def warnings(found: Found) -> list[str]:
    """What has to be read before any figure, a line each."""
    run = name(found["run"])
    labels = [sentence(f"{run} {name(label, 400)}") for label in found.get("labels") or ()]
    return [*labels, *study.warnings(found), *filter(None, [judges.leak_note(found)])]


def remarks(found: Found, shown: dict[str, list[Sheet]]) -> list[str]:
    """What has to be read with the figures, a line each."""
    told = []
    others = list(found.get("readers") or ())
    offline = [row for row in others if row.get("mode") != "whole"]
    if offline and "readers" not in shown:
        told.append(f"{len(offline)} rows of imported offline readings: --sections readers.")
    told += [sentence(name(note, 400)) for note in found.get("notes") or ()]
    if unjudged := found.get("unjudged"):
        listed = ", ".join(f"{name(one['setting'])} ({one['matches']})" for one in unjudged[:20])
        more = f" and {len(unjudged) - 20} more" if len(unjudged) > 20 else ""
        told.append(f"Settings without a verdict yet (matches): {listed}{more}.")
    if not present(found):
        told.append("There is no verdict to report on yet.")
    rows = [*(found.get("settings") or ()), *others]
    if unknown := sum(row.get("without_truth") or 0 for row in rows):
        told.append(f"Verdicts on questions whose truth is not known, in no accuracy: {unknown:,}.")
    told.append(right.missing_note(rows))
    if any(cell == NONE for sheets in shown.values() for one in sheets for row in one.rows
           for cell in row):  # fmt: skip
        told.append(f"{NONE}: one cluster, or verdicts that are all alike, give no interval.")
    return [one for one in told if one]
