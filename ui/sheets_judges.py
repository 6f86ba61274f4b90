"""Sheets of a report about its judges: calibration, behaviour, agreement, cards, the gap that a
protocol recovers, and what gives the truth away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ui.sheets import (
    CLUSTERED,
    ESTIMATE,
    Found,
    Sheet,
    clustered_by,
    count_of,
    estimated,
    figures,
    heads,
    name,
    number,
    p_value,
    sheet,
    span,
    texts,
    whole,
    whose,
)

MEASURES: tuple[tuple[str, str, str], ...] = (
    ("score_difference", "Agent score difference (bits)",
     "The debater's score when it argues for the truth, less its score when it argues against."),
    ("score_difference_probability", "Agent score difference (probability)",
     "The same with probabilities in the place of their logarithms."),
    ("win_rate_honest", "Wins of whoever argues for the truth",
     "The share of comparisons that the seat with the true side has won."),
    ("position_bias", "Position bias",
     "What the option listed first gets beyond its share, where debates were read both ways."),
    ("length_bias", "Length bias",
     "What a thousand characters more are worth to a side, in log-odds, whether it is right or "
     "not."),
    ("length_honesty", "Worth of the truth, lengths alike",
     "What arguing for the truth is worth to a side, in log-odds, beside that of its length."),
    ("flip_rate", "Flip rate",
     "The share of debates whose verdict changed with the listing of the options."),
    ("belief_moved", "Belief moved, per round (bits)",
     "How much a round adds to the logarithm of the probability that the truth is given."),
)  # fmt: skip
"""Measures of behaviour: the report's key, a title, and what it is."""
SIGNED = {"score_difference", "score_difference_probability", "position_bias", "length_bias",
          "length_honesty", "belief_moved", "overconfidence"}  # fmt: skip
WHOSE = texts("setting", "judge")
ECE_RULES = {
    "raw": "ten bins, an edge belongs to the bin above it, values as they were stored",
    "rounded": "ten bins, an edge belongs to the bin above it, values rounded to six digits",
    "right": "ten bins, an edge belongs to the bin below it",
}


BRIER = ("brier", "reliability", "resolution", "uncertainty", "within")


def _est(one: Any) -> Mapping[str, Any] | None:
    """An estimate, whether it stands by itself or, as a slope does, in an object of its own."""
    if isinstance(one, Mapping) and isinstance(one.get("slope"), Mapping):
        one = one["slope"]
    return one if isinstance(one, Mapping) and one.get("value") is not None else None


def _head(row: Found) -> tuple[str, str]:
    return name(row["setting"]), whose(row)


def calibration(found: Found) -> list[Sheet]:
    """Over-confidence first, then the Brier score's parts; ECE last, with what a perfect judge
    would have shown."""
    rows = found.get("calibration") or ()
    over = [(*_head(row), *estimated(row.get("overconfidence"), sign=True)) for row in rows
            if _est(row.get("overconfidence"))]  # fmt: skip
    parts = [
        (*_head(row), whole(row["n"]),
         *(number(brier.get(key), 4) for key in BRIER),
         *_temperature(row))
        for row in rows
        if (brier := row.get("brier"))
    ]  # fmt: skip
    errors = [
        (*_head(row), whole(row["n"]), number(row.get("ece")), number(null.get("mean")),
         number(null.get("high")), p_value(null.get("p")))
        for row in rows
        for null in [row.get("null_ece") or {}]
        if row.get("ece") is not None
    ]  # fmt: skip
    rules = dict.fromkeys(str(row.get("rule")) for row in rows if row.get("ece") is not None)
    rule = "; ".join(ECE_RULES.get(one, name(one)) for one in rules)
    bins = [
        (*_head(row), f"{one['low']:.1f}-{one['high']:.1f}", whole(one["n"]),
         number(one["confidence"]), number(one["accuracy"]), span(one["interval"]) or "none",
         clustered_by({"by": row.get("by")}))
        for row in rows
        for one in row.get("bins") or ()
        if one["n"]
    ]  # fmt: skip
    return [
        *sheet("calibration", "Over-confidence", (*WHOSE, *ESTIMATE), over,
               ["Mean confidence less accuracy: above 0, the judge is surer than it is right."]),
        *sheet("calibration", "Brier score, and what it is made of",
               (*WHOSE, *figures("n", "Brier", *BRIER[1:4], "within\nbins", "temper-\nature",
                                 "95 %\ninterval")), parts,
               ["Brier = reliability - resolution + uncertainty + within bins"
                f"{_event(rows)}. Temperature: the factor on the judge's log-odds that fits best; "
                "below 1, over-confident."]),
        *sheet("calibration", "Expected calibration error (ECE)",
               (*WHOSE, *figures("n", "ECE", "perfect judge,\nmean",
                                 "perfect judge,\n95th percentile", "p")), errors,
               [f"Rule: {rule}. A perfectly calibrated judge with these confidences would not have "
                "shown 0 but what stands beside."]),
        *sheet("calibration", "Reliability, by bin of confidence",
               (*WHOSE, *figures("confidence", "n", "mean\nconfidence", "share right",
                                 "95 %\ninterval"), CLUSTERED), bins),
    ]  # fmt: skip


def _event(rows: Sequence[Found]) -> str:
    """Of what event the parts are, where that is told."""
    events = dict.fromkeys(name((row.get("brier") or {}).get("event") or "") for row in rows)
    told = "; ".join(filter(None, events))
    return f", of the event that {told}" if told else ""


def _temperature(row: Found) -> tuple[str, str]:
    one = row.get("temperature")
    if not one or one.get("value") is None:
        return "not found", ""
    return number(one["value"], 2), span(one.get("interval"), 2) or "none"


def _measure(row: Found, key: str) -> Mapping[str, Any] | None:
    if key == "length_honesty":
        return _est((row.get("length_bias") or {}).get("honesty"))
    return _est(row.get(key))


def behaviour(found: Found) -> list[Sheet]:
    """A sheet for every measure of which there is any."""
    sheets = []
    for key, title, note in MEASURES:
        rows = [
            (*_head(row), *estimated(one, sign=key in SIGNED))
            for row in found.get("behaviour") or ()
            if (one := _measure(row, key))
        ]
        sheets += sheet("behaviour", title, (*WHOSE, *ESTIMATE), rows, [note])
    return sheets


def agreement(found: Found) -> list[Sheet]:
    """How far judges of the same debates agree."""
    columns = (
        *texts("setting", "judges"), *figures("debates", "verdicts"), *texts("figure"),
        *figures("value", "95 %\ninterval"), CLUSTERED,
    )  # fmt: skip
    rows = []
    for row in found.get("agreement") or ():
        judges = [name(one, 60) for one in row["judges"]]
        who = "; ".join(judges) if len(judges) <= MANY else f"{len(judges)} judges"
        head = (name(row["setting"]), who, whole(row.get("units")), whole(row.get("judgments")))
        by = next((one for key in AGREE if (one := _est(row.get(key)))), {})
        if row.get("percent") is not None:
            interval = span(row.get("percent_interval")) or "none"
            share = (number(row["percent"]), interval, clustered_by(by))
            rows.append((*head, "share of pairs alike", *share))
        for key, what in AGREE.items():
            one = _est(row.get(key))
            value, interval, _, clusters = estimated(one)
            if one is not None:
                rows.append((*head, what, value, interval, clusters))
            elif key == "alpha":
                rows.append((*head, what, "not defined", "", ""))
    notes = (
        "alpha is Krippendorff's, kappa Cohen's: 1 is full agreement, 0 what chance gives; not "
        "defined where all verdicts are alike.",
    )
    return sheet("agreement", "Agreement between judges", columns, rows, notes)


AGREE = {
    "alpha": "alpha, of choices", "alpha_interval": "alpha, of probabilities",
    "kappa": "kappa, of choices",
}  # fmt: skip
MANY = 2
"""Judges that are named where they agree; more are counted."""
CARD: Sequence[tuple[str, str]] = (
    ("accuracy", "accuracy"), ("shrunk", "accuracy, drawn to the others'"),
    ("position_bias", "position bias"), ("length_bias", "length bias, per 1000 characters"),
    ("overconfidence", "over-confidence"),
)  # fmt: skip


def cards(found: Found) -> list[Sheet]:
    """A card for each judge: its record, and what it leans to."""
    rows = []
    for row in found.get("cards") or ():
        who, given = whose(row), whole(row["n"])
        for key, what in CARD:
            if one := _est(row.get(key)):
                rows.append((who, what, *estimated(one, sign=key in SIGNED)))
        gone = row.get("missing")
        count = gone if isinstance(gone, int) else sum(map(count_of, (gone or {}).values()))
        rows.append((who, "missing verdicts", f"{count} beside {given}", "", "", ""))
    notes = (
        "Drawn to the others': what all judges' records together say of this one; few verdicts "
        "are drawn far.",
    )
    return sheet("cards", "Judge cards", (*texts("judge", "figure"), *ESTIMATE), rows, notes)


def recovered(found: Found) -> list[Sheet]:
    """The share of the gap between seeing nothing and seeing everything that a setting recovers;
    then what it is a share of, which is defined where the share is not."""
    rows, parts = [], []
    for row in found.get("recovered") or ():
        ends = f"{name(row['floor'])} to {name(row['ceiling'])}"
        head = (whose(row), name(row["setting"]), ends)
        one = _est(row.get("value"))
        why = name(row.get("undefined") or "no value")
        shown = estimated(one) if one else (f"undefined: {why}", "", "", "")
        if one and row.get("open"):
            shown = (shown[0], "open", *shown[2:])
        rows.append((*head, *shown))
        for key, what in (("gain", "above the floor"), ("gap", "ceiling above the floor")):
            if part := _est(row.get(key)):
                parts.append((*head, what, *estimated(part, sign=True)))
    heads_ = texts("judge", "setting", "gap")
    notes = (
        "(accuracy - floor) / (ceiling - floor), on the n questions of all three.",
        "open: the gap itself is not clear of 0, so that the verdicts allow any share."
        if any(row[4:5] == ("open",) for row in rows)
        else "",
    )
    return [
        *sheet("recovered", "Performance gap recovered",
               (*heads_, *texts("recovered"), *ESTIMATE[1:]), rows, notes),
        *sheet("recovered", "What it is made of", (*heads_, *texts("part"), *ESTIMATE), parts),
    ]  # fmt: skip


def leaks(found: Found) -> list[Sheet]:
    """How well the truth is guessed from all that is visible except what is argued."""
    one = found.get("leaks")
    if not one:
        return []
    title = "What gives the truth away, besides the argument"
    if _est(one.get("auc")) is None:
        why = name(one.get("reason") or "nothing to compare", 200)
        return sheet("leaks", title, texts("AUC", "why"), [("undefined", why)])
    given = {TOGETHER: one["auc"], **(one.get("each") or {})}
    alone = one.get("leaking", [TOGETHER] if one.get("warning") else [])
    rows = [
        (name(what), *estimated(auc), "it can be told" if what in alone else "no sign")
        for what, auc in given.items()
        if _est(auc)
    ]
    columns = (*texts("guessed from"), *figures("AUC", *heads(ESTIMATE)[1:3]), CLUSTERED,
               *texts("warning"))  # fmt: skip
    listed = ", ".join(name(feature, 40) for feature in one.get("features") or ())
    note = f"0.5 is chance, 1 certainty. All together: {listed}."
    return sheet("leaks", title, columns, rows, [note])


TOGETHER = "all together"
UNARGUED = "lengths, order and counts"


def leak_note(found: Found) -> str:
    """The one line that has to stand above the figures where the audit warns."""
    one = found.get("leaks") or {}
    if not one.get("warning"):
        return ""
    alone = one.get("leaking") or [TOGETHER]
    given = {TOGETHER: one.get("auc"), **(one.get("each") or {})}
    value, interval, _, _ = estimated(_est(given.get(alone[0])))
    if alone[0] == TOGETHER:  # its features are among them
        return f"Leak: the truth can be guessed from {UNARGUED} (AUC {value}, {interval})."
    more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
    what = f"{name(alone[0], 40)} alone{more}"
    return f"Leak: the truth can be guessed from {what} (AUC {value}, {interval})."
