"""Sheets of a report about being right: accuracy, its other intervals, differences, missing
verdicts, scores, accuracy by round."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ui.sheets import (
    CLUSTERED,
    NONE,
    Column,
    Found,
    Rows,
    Sheet,
    clustered_by,
    count_of,
    counted,
    figures,
    interval_of,
    name,
    number,
    p_value,
    sheet,
    signed,
    span,
    texts,
    whole,
    whose,
)

PEOPLE = "people"
"""What a report calls several people as one judge."""
WIDEST = "95 % interval: the widest of those by what verdicts share; iid: had they shared nothing."


def widest(found: Found) -> tuple[str, str]:
    """The widest of an accuracy's intervals, and what it is clustered by; "none" of one cluster."""
    by = found.get("widest")
    if by is None:
        return "", ""
    one = found["clustered"][by]
    return span(one["interval"]) or NONE, counted(one["clusters"], name(by))


def accuracy(found: Found) -> list[Sheet]:
    """Judge accuracy by setting and judge; of an import, of its own judges."""
    rows = found.get("settings") or ()
    title = f"{name(found['run'])}: judge accuracy"
    if "sample" in found:
        title = f"{name(found['run'])}: the debates' own judges ({name(found['sample'])})"
    return [
        *accuracies(rows, title, "accuracy", "study" in found),
        *(stratified(rows) if "sample" in found else []),
    ]


def pooled(found: Found) -> list[Sheet]:
    """Judge accuracy over the pairings of a tournament's players, and over people."""
    rows = found.get("pooled") or ()
    people = any(row.get("judge") == PEOPLE for row in rows)
    over = [] if people and "ratings" not in found else ["over pairings"]
    over += ["over people"] if people else []
    return accuracies(rows, f"{name(found['run'])}: judge accuracy, {' and '.join(over)}", "pooled")


def readers(found: Found) -> list[Sheet]:
    """Who read an import's debates besides, all at once."""
    rows = [row for row in found.get("readers") or () if row.get("mode") == "whole"]
    return accuracies(rows, f"{name(found['run'])}: judged again", "accuracy")


def offline(found: Found) -> list[Sheet]:
    """Who read an import's debates besides in other ways, as far as they came with it."""
    rows = [row for row in found.get("readers") or () if row.get("mode") != "whole"]
    return accuracies(rows, f"{name(found['run'])}: imported offline readings", "readers")


def accuracies(rows: Rows, title: str, section: str, study: bool = False) -> list[Sheet]:
    """Accuracies, each with its count and two 95 % intervals: the widest of those by what verdicts
    share, and the one that would hold if they shared nothing. Of a ``study``, each with whether it
    was declared."""
    columns = (
        *texts("setting", "judge"),
        *figures("n", "judge\naccuracy", "95 %\ninterval"),
        CLUSTERED,
        *figures("iid\ninterval", "log2\nscore", "Brier", "honest /\ndishonest"),
        *texts("part"),
    )
    told = [
        (name(row["setting"]), whose(row), str(row["n"]), number(row["accuracy"]), *widest(row),
         span(row["wilson"]), number(row.get("log2_score")), number(row.get("brier")),
         _apart(row), part(row) if study else "")
        for row in rows
    ]  # fmt: skip
    return sheet(section, title, columns, told, [WIDEST])


def part(row: Found) -> str:
    """What part of a study a row is of."""
    return "exploratory" if row.get("exploratory") else "declared"


def _apart(row: Found) -> str:
    if not row.get("honest"):
        return ""
    parts = (row["honest"], row["dishonest"])
    return " / ".join(f"{p['correct'] / p['n']:.3f}" if p["n"] else "-" for p in parts)


def stratified(rows: Rows) -> list[Sheet]:
    """Accuracy of settings with one speaker as if it were honest in half of the cases."""
    columns = (
        *texts("setting", "judge"),
        *figures("judge\naccuracy", "95 %\ninterval"),
        CLUSTERED,
        *figures("honest,\nn", "dishonest,\nn"),
    )
    told = [
        (name(row["setting"]), whose(row), number(one["accuracy"]), *widest(one),
         str(row["honest"]["n"]), str(row["dishonest"]["n"]))
        for row in rows
        if (one := row.get("stratified"))
    ]  # fmt: skip
    title = "One speaker, as if honest in half of the debates"
    note = "Half the sum of the accuracies with an honest and with a dishonest speaker."
    return sheet("stratified", title, columns, told, [note])


def as_if_balanced(found: Found) -> list[Sheet]:
    """`stratified` of every report that is not an import's, which has it beside its accuracy."""
    return [] if "sample" in found else stratified(every(found))


def paired(found: Found) -> list[Sheet]:
    """Differences of accuracy between an import's settings on the questions that both have."""
    columns = (
        *texts("setting, less setting"),
        *figures("questions", "differ-\nence", "95 %\ninterval"),
        CLUSTERED,
        *figures("p", "Holm's\np"),
    )
    told = [
        (f"{name(row['first'])} - {name(row['second'])}", str(row["questions"]),
         signed(row["difference"]), span(row["interval"], sign=True) or NONE,
         counted(row["clusters"], name(row["by"])), p_value(row["p"]), p_value(row["holm"]))
        for row in found.get("paired") or ()
    ]  # fmt: skip
    return sheet("differences", "Differences of accuracy on the same questions", columns, told)


def differences(found: Found, parts: Callable[[Found], str] = lambda _: "") -> list[Sheet]:
    """Differences between settings under one judge, on the questions that both have.

    ``parts`` says of a row what part of a study it is.
    """
    columns = (
        *texts("setting", "less setting", "judge"),
        *figures("ques-\ntions", "differ-\nence", "95 %\ninterval"), CLUSTERED,
        *figures("p", "Holm's\np"), *texts("part"),
    )  # fmt: skip
    told = []
    for row in found.get("differences") or ():
        one = row.get("paired") or {}
        known = one.get("value") is not None
        told.append(
            (name(row["first"]), name(row["second"]), whose(row),
             whole(one.get("questions", one.get("n"))) or "0",
             signed(one.get("value")) or "none shared",
             interval_of(one, sign=True) if known else "", clustered_by(one) if known else "",
             p_value(one.get("p")), p_value(one.get("holm")), parts(row))
        )  # fmt: skip
    notes = (
        "Each question weighs the same. p is of no difference; Holm's p is adjusted for all "
        "differences in this table.",
    )
    title = "Differences of accuracy on the same questions"
    return sheet("differences", title, columns, told, notes)


def unpaired(found: Found) -> list[Sheet]:
    """The same differences over all verdicts of both settings, and McNemar's exact test."""
    columns = (
        *texts("setting", "less setting", "judge"),
        *figures("verdicts", "differ-\nence", "95 %\ninterval"), CLUSTERED,
        *figures("p", "McNemar's\np", "only the first /\nthe second right"),
    )  # fmt: skip
    told = []
    for row in found.get("differences") or ():
        one, exact = row.get("unpaired") or {}, row.get("mcnemar") or {}
        known = one.get("value") is not None
        if known or exact:
            told.append(
                (name(row["first"]), name(row["second"]), whose(row), whole(one.get("n")),
                 signed(one.get("value")), interval_of(one, sign=True) if known else "",
                 clustered_by(one) if known else "", p_value(one.get("p")),
                 p_value(exact.get("p")), f"{exact['b']} / {exact['c']}" if exact else "")
            )  # fmt: skip
    notes = (
        "Over all verdicts of both settings, whether they share questions or not. McNemar's exact "
        "test is there where both settings have one debate a question; it leaves out questions "
        "with a tie, or two listings that disagree, in either.",
    )
    return sheet("unpaired", "Differences of accuracy, not paired", columns, told, notes)


def every(found: Found) -> Rows:
    """The rows of settings, behind those that are pooled."""
    return [*(found.get("pooled") or ()), *(found.get("settings") or ())]


def intervals(found: Found) -> list[Sheet]:
    """An accuracy's other intervals: by each clustering, by bootstrap, by question and judge."""
    columns = (
        *texts("setting", "judge"), *figures("n", "judge\naccuracy"), CLUSTERED,
        Column("method", True), *figures("95 %\ninterval"),
    )  # fmt: skip
    told = []
    for row in every(found):
        if row.get("accuracy") is None:
            continue
        head = (name(row["setting"]), whose(row), str(row["n"]), number(row["accuracy"]))
        told.append((*head, "nothing", "Wilson", span(row["wilson"]) or NONE))
        for by, one in row["clustered"].items():
            what = counted(one["clusters"], name(by))
            told.append((*head, what, "linearised", span(one["interval"]) or NONE))
        wide = "story" if "story" in row["clustered"] else "question"
        for key, by, how in (("bootstrap", wide, "bootstrap"),
                             ("story_bootstrap", "story", "bootstrap, percentile")):  # fmt: skip
            if drawn := row.get(key):
                told.append((*head, clustered_by({"by": by}), how, span(drawn)))
        if two := row.get("two_way"):
            given = (clustered_by(two), name(two.get("method", "two-way")), interval_of(two))
            told.append((*head, *given))
        if crossed := row.get("pigeonhole"):
            by_both = clustered_by(row.get("two_way") or {"by": "question x judge"})
            told.append((*head, by_both, "pigeonhole bootstrap", span(crossed)))
    title = "Every interval of judge accuracy"
    note = "Clustered by nothing: had verdicts shared nothing. The first table of a report has the "
    note += "widest of the linearised ones. Of two ways to share, the count is the smaller one."
    return sheet("intervals", title, columns, told, [note])


def missing(found: Found) -> list[Sheet]:
    """What missing verdicts could change: accuracy were all of them wrong, or all right."""
    columns = (
        *texts("setting", "judge"), *figures("n", "missing"), *texts("by side"),
        *figures("judge\naccuracy", "all wrong", "all right", "one side:\np"), *texts("test"),
    )  # fmt: skip
    told = []
    for row in [*(found.get("settings") or ()), *(found.get("readers") or ())]:
        statuses = row.get("missing") or {}
        counts = {status: count_of(one) for status, one in statuses.items()}
        if not any(counts.values()):
            continue
        low, high = row.get("bounds") or (None, None)
        test = row.get("missing_side") or {}
        listed = ", ".join(f"{n} {name(status)}" for status, n in sorted(counts.items()))
        sides: dict[str, int] = {}
        for one in statuses.values():
            for side, n in one.items() if isinstance(one, Mapping) else ():
                if side != "n":
                    sides[side] = sides.get(side, 0) + n
        by_side = ", ".join(f"{name(side)} {n}" for side, n in sorted(sides.items()))
        told.append(
            (name(row["setting"]), whose(row), str(row["n"]), listed, by_side,
             number(row["accuracy"]), number(low), number(high), p_value(test.get("p")),
             name(test.get("test", "")))
        )  # fmt: skip
    notes = (
        "By side: whose case was the true one. A small p says that one side's verdicts are missing "
        "more often than chance would have it.",
    )
    return sheet("missing", "Missing verdicts, and what they could change", columns, told, notes)


def missing_note(rows: Rows) -> str:
    """One line on verdicts that carry no decision; empty when there are none."""
    found: dict[str, int] = {}
    for row in rows:
        for status, one in (row.get("missing") or {}).items():
            found[status] = found.get(status, 0) + count_of(one)
    if not any(found.values()):
        return ""
    listed = ", ".join(f"{count} {name(status)}" for status, count in sorted(found.items()))
    return f"Missing verdicts (in no figure above, never counted as wrong): {listed}."


def scores(found: Found) -> list[Sheet]:
    """Proper scores and what belongs with them."""
    columns = (
        *texts("setting", "judge"),
        *figures("scored", "log2\nscore", "judge\nscore", "Brier", "turns", "turns,\nsd",
                 "bits a\nround", "ECE, last\nreport", "ECE, all\nreports"),
        *texts("probability"),
    )  # fmt: skip
    told = [
        (name(row["setting"]), whose(row), whole(row.get("scored")), number(row.get("log2_score")),
         number(row.get("judge_score")), number(row.get("brier")), number(row.get("turns"), 2),
         number(row.get("turns_sd"), 2), signed(row.get("bits_per_round")),
         number(row.get("ece_final")), number(row.get("ece_turn")),
         name(str(row["quantity"]).replace("_", " ")) if row.get("quantity") else "none given")
        for row in every(found)
    ]  # fmt: skip
    notes = (
        "log2 score: mean log2 of the probability given to the truth (0 is best, -1 a coin). Judge "
        "score: the same less 0.05 a turn. Brier: mean squared error of the probability.",
    )
    balanced_columns = (
        *texts("setting", "judge"),
        *figures("n", "balanced\naccuracy", "95 %\ninterval", "Youden's\nJ", "interval\nof J"),
        CLUSTERED,
    )
    balanced = [
        (name(row["setting"]), whose(row), whole(one.get("n")), number(one["value"]),
         interval_of(one), signed(j.get("value")), interval_of(j, sign=True) if j else "",
         clustered_by(one))
        for row in every(found)
        if (one := row.get("balanced")) and one.get("value") is not None
        for j in [row.get("youden") or {}]
    ]  # fmt: skip
    note = "Balanced accuracy: the mean of the accuracies by which option was true; J is twice "
    note += "that, less one."
    title = "Balanced accuracy"
    return [
        *sheet("scores", "Scores", columns, told, notes),
        *sheet("scores", title, balanced_columns, balanced, [note]),
    ]


def rounds(found: Found) -> list[Sheet]:
    """Accuracy by round, carried forward, and the mean belief in the truth by round."""
    columns = (*texts("setting", "judge"), *figures("round", "n", "had\nended"))
    ways = (
        ("rounds", "accuracy", "Accuracy, had the judge decided after each round", "accuracy",
         "Debates that had ended by then are counted with what was believed at their end. Even "
         "odds on the way count one half."),
        ("trajectories", "mean", "Belief in the truth, by round", "p(truth)",
         "Debates that had ended by then are counted with what was believed at their end."),
    )  # fmt: skip
    sheets = []
    for key, figure, title, head, note in ways:
        told = [
            (name(row["setting"]), whose(row), str(one["round"]), whole(one["n"]),
             whole(one.get("carried")), number(one[figure]), interval_of(one),
             clustered_by({"by": row.get("by", "question")}))
            for row in found.get(key) or ()
            for one in row["rounds"]
            if one[figure] is not None
        ]  # fmt: skip
        given = (*columns, *figures(head, "95 %\ninterval"), CLUSTERED)
        sheets += sheet("rounds", title, given, told, [note])
    return sheets
