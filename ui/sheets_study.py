"""Sheets of a report about a study: what was declared, what came of it, what was left out, and what
of all other sections is exploratory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import gmtime, strftime
from typing import Any

from ui import sheets_accuracy as right
from ui.sheets import (
    CLUSTERED,
    ESTIMATE,
    Found,
    Sheet,
    clustered_by,
    estimated,
    figures,
    interval_of,
    name,
    p_value,
    sheet,
    signed,
    texts,
    whole,
)

LONGEST = 400
"""Characters of a sentence that a report gives."""


def study(found: Found) -> list[Sheet]:
    """The lock, the declared contrasts, what is exploratory, exclusions, how far it got."""
    one = found.get("study")
    if one is None:
        return []
    return [*_contrasts(one), *_declared(one), *_exploratory(one), *_excluded(one), *_progress(one)]


def _contrasts(one: Found) -> list[Sheet]:
    columns = (
        *texts("part", "first", "less second", "judge", "figure"),
        *figures("ques-\ntions", "differ-\nence", "95 %\ninterval"), CLUSTERED,
        *figures("p", "Holm's\np"), *texts("matched"),
    )  # fmt: skip
    given = [one.get("primary"), *(one.get("contrasts") or ())]
    rows = []
    for i, row in enumerate(given):
        if row is None:
            continue
        paired = row.get("paired") or {}
        known = paired.get("value") is not None
        part = "primary" if i == 0 else "declared"
        rows.append(
            (f"{part}, exploratory" if row.get("exploratory") else part, name(row["first"]),
             name(row["second"]), name(row.get("judge", "")),
             name(str(row.get("figure", "accuracy")).replace("_", " ")),
             whole(paired.get("questions", paired.get("n"))) or "0",
             signed(paired.get("value")) or ("refused" if row.get("refused") else "none shared"),
             interval_of(paired, sign=True) if known else "", clustered_by(paired) if known else "",
             p_value(paired.get("p")), p_value(row.get("holm", paired.get("holm"))),
             _yes(row.get("matched")))
        )  # fmt: skip
    older = one.get("older") if any(row.get("older") for row in given if row) else 0
    refused = [name(row["refused"], LONGEST) for row in given if row and row.get("refused")]
    notes = [
        "On the questions that both conditions judged; Holm's p is adjusted for the contrasts in "
        "this table.",
        f"Left out of it as older than the lock: {older} verdicts." if older else "",
        f"Refused: {'; '.join(refused)}; --unmatched compares them." if refused else "",
        _missing(given),
    ]
    apart = [
        (name(row["first"]), name(row["second"]), name(row.get("judge", "")),
         name(str(row.get("figure", "accuracy")).replace("_", " ")), *estimated(one, sign=True))
        for row in given
        if row is not None and (one := row.get("unpaired"))
    ]  # fmt: skip
    beside = (*texts("first", "less second", "judge", "figure"), *ESTIMATE)
    return [
        *sheet("study", "Declared contrasts", columns, rows, notes),
        *sheet("study", "The same, over all verdicts and not paired", beside, apart),
    ]


def _missing(given: Iterable[Found | None]) -> str:
    """What the arms of contrasts lack: a difference of those that are left may be another one."""
    lacking = {
        f"{name(setting)} under {name(row.get('judge', ''))}": count
        for row in given if row is not None
        for setting, count in (row.get("missing") or {}).items() if count["n"]
    }  # fmt: skip
    if not lacking:
        return ""
    listed = ", ".join(
        f"{arm} {whole(count['n'])} of {whole(count['of'])}" for arm, count in lacking.items()
    )
    return f"Without a decision, and in no difference: {listed} verdicts."


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[value]


def _declared(one: Found) -> list[Sheet]:
    """The lock, the stop rule and the matching, in words."""
    rows = []
    if lock := one.get("lock"):
        at = strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(lock["at"]))
        rows.append(("locked", f"{at}, hash {name(lock['hash'])}"))
        rows += [("changed since", name(line, LONGEST)) for line in lock.get("changed") or ()]
    else:
        rows.append(("locked", name(one.get("note") or "no", LONGEST)))
    rows.append(("verdicts older than the lock", whole(one.get("older") or 0)))
    rules = _listed(one.get("rules") or {})
    rows.append(("left out by rule", rules or "nothing"))
    stopping: Mapping[str, Any] = one.get("stopping") or {}
    rows.append(("stop rule", _listed(stopping.get("rule") or {}) or "when all is judged"))
    ended = stopping.get("ended")
    rows.append(("ended", "not yet: figures are interim" if ended is None else name(ended)))
    matched = one.get("matched")
    if matched:
        arms = ", ".join(
            f"{name(arm)} {'unknown' if value is None else f'{value:.4g}'}"
            for arm, value in (matched.get("arms") or {}).items()
        )
        within = f"within {100 * matched['within']:g} %" if "within" in matched else ""
        state = {True: "yes", False: "no", None: "not known"}[matched.get("matched")]
        over = ", compared all the same" if matched.get("overridden") else ""
        said = f"on {name(matched.get('on', ''))} {within}: {state}{over} ({arms} a verdict)"
        rows.append(("arms matched", said))
    return sheet("study", "What was declared", texts("what", "how"), rows)


def _listed(rules: Mapping[str, Any]) -> str:
    """Rules that are set, as words: "minutes 30, splits a and b"."""
    told = []
    for rule, value in rules.items():
        if value is None or value is False or value == [] or value == ():
            continue
        if value is True:
            told.append(name(rule))
        else:
            listed = isinstance(value, list | tuple)
            said = ", ".join(map(name, value)) if listed else name(value)
            told.append(f"{name(rule)} {said}")
    return "; ".join(told)


def _exploratory(one: Found) -> list[Sheet]:
    rows = [
        (name(row["what"]), name(row["name"]), name(row.get("why", ""), LONGEST))
        if isinstance(row, Mapping) else ("", name(row), "")
        for row in one.get("exploratory") or ()
    ]  # fmt: skip
    return sheet("study", "What is exploratory", texts("what", "which", "why"), rows)


def _excluded(one: Found) -> list[Sheet]:
    rows = [
        (name(setting), name(rule), whole(n))
        for setting, rules in (one.get("excluded") or {}).items()
        for rule, n in rules.items()
    ]
    columns = (*texts("condition", "rule"), *figures("verdicts"))
    return sheet("study", "Verdicts left out", columns, rows, ["They are in no figure."])


def _progress(one: Found) -> list[Sheet]:
    stopping: Mapping[str, Any] = one.get("stopping") or {}
    judged = stopping.get("judged") or {}
    rows = [
        (name(condition), whole(judged.get(condition, 0)), whole(n))
        for condition, n in (stopping.get("planned") or {}).items()
    ]
    columns = (*texts("condition"), *figures("verdicts", "planned"))
    return sheet("study", "How far it got", columns, rows)


def warnings(found: Found) -> list[str]:
    """What has to be read before any figure of a study."""
    one = found.get("study")
    if one is None:
        return []
    told = []
    if one.get("lock") is None:
        told.append(f"This study is {name(one.get('note') or 'not locked', LONGEST)}.")
    elif changed := one["lock"].get("changed"):
        told.append(f"This study is not what was locked: {name('; '.join(changed), LONGEST)}.")
    stopping = one.get("stopping") or {}
    if stopping.get("interim"):
        told.append("This study has not ended: its figures are interim.")
    elif stopping.get("ended") in ("minutes", "budget"):
        judged, planned = (sum((stopping.get(key) or {}).values()) for key in ("judged", "planned"))
        told.append(f"Its {stopping['ended']} ended this study: {judged:,} of {planned:,} verdicts "
                    "that were planned are there.")  # fmt: skip
    if (one.get("matched") or {}).get("overridden"):
        told.append("The arms of its primary contrast are not matched as was declared.")
    if one.get("lock") is not None:
        told.append("Every comparison but the declared contrasts is exploratory.")
    return told


def accuracy(found: Found) -> list[Sheet]:
    """Judge accuracy; of an import, of those who judged again as well."""
    return [*right.accuracy(found), *right.readers(found)]


def differences(found: Found) -> list[Sheet]:
    """Differences of accuracy: of an import, of debates less consultancies; else of every pair of
    settings, in a study with what part of it it is."""
    return right.paired(found) or right.differences(found, lambda row: part(found, row))


def pairs(found: Found) -> list[Sheet]:
    """Of an import, every pair of settings under every judge."""
    return right.differences(found) if right.paired(found) else []


def part(found: Found, row: Found) -> str:
    """Whether a difference is a study's primary contrast, a declared one, or exploratory."""
    one = found.get("study")
    if one is None:
        return ""
    pair = {row["first"], row["second"]}
    for i, contrast in enumerate([one.get("primary"), *(one.get("contrasts") or ())]):
        if contrast is None or contrast.get("figure", "accuracy") != "accuracy":
            continue
        same = {contrast["first"], contrast["second"]} == pair
        judge = contrast.get("judge_id") in (row.get("judge_id"), None)
        if same and judge and not contrast.get("exploratory"):
            return "declared" if i else "primary"
    return "exploratory"
