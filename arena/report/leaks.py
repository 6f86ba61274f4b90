"""Leak audit of a run: can the truth be guessed from what is on show besides the argument?

A row is one side of a match: the seat that defends an option, and whether that option is true. Its
features are what anybody sees who does not read: how long it is and how much longer than the other
side, how often it quotes, how many of its quotations are not in the passage, whether a speech was
cut off, how many turns it has, whether it sits first, where its option stands in the question, and,
where times are stored, whether it submits first. No word of a speech is looked at. Where the answer
on trial is right or wrong, only its proposer is a row: the critic's is the same one mirrored.

All features together are judged out of sample, by a ridge logistic regression on other questions
(`arena.stats.leaks`): 0.5 is no leak. Rows on one question, or on one story where questions have
any, are one cluster and one fold. ``warning`` is that the
interval excludes 0.5, or that one feature's does beyond what Holm's rule lets chance do. Fewer than
ten questions are not audited: they would raise false alarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from arena.report.readings import Bout
from arena.report.spoken import Spoke
from arena.report.values import estimate
from arena.stats.intervals import Estimate, p_value
from arena.stats.leaks import audit
from arena.stats.paired import holm

FEATURES = (
    "characters",
    "characters beyond the other's",
    "quotations",
    "quotations beyond the other's",
    "quotations not in the passage",
    "speeches cut off",
    "turns",
    "sits first",
    "place of its option",
    "submits first",
)
Row = tuple[float, ...]
LEVEL = 0.05
FEWEST = 10
"""Questions below which there is no audit: with four, one in four says that nothing but noise tells
the truth (simulated), since a fit of several features to so few ranks them well by chance."""
_SILENT = Spoke("")


def leaks(bouts: Iterable[Bout]) -> dict[str, Any]:
    """The audit over every match that has a speech and a known truth.

    ``{"auc", "n", "features", "warning", ...}``, where ``n`` counts sides, ``each`` has the AUC of
    each feature that varies and ``leaking`` those that warn; ``{"reason"}`` where there is nothing
    to audit.
    """
    rows: list[Row] = []
    truth: list[float] = []
    question: list[str] = []
    story: list[str] = []
    spoke = known = matches = 0
    for one in bouts:
        said = any(seat in one.said.seats for seat in one.rules.speakers)
        spoke += said
        if not said or one.right is None:
            continue
        known += 1
        found = list(_sides(one))
        matches += bool(found)
        for row, right in found:
            rows.append(row)
            truth.append(float(right))
            question.append(one.question)
            story.append(one.question if one.story is None else one.story)
    if not rows:
        return {"reason": _nothing(spoke, known)}
    if len(set(truth)) < 2:
        which = "the true" if truth[0] else "a wrong"
        return {"reason": f"every side that speaks argues for {which} answer: nothing can tell"}
    if (asked := len(set(question))) < FEWEST:
        few = "one question is" if asked == 1 else f"{asked} questions are"
        return {"reason": f"{few} too few to tell: an audit takes {FEWEST} or more"}
    columns = {
        name: [row[i] for row in rows]
        for i, name in enumerate(FEATURES)
        if len({row[i] for row in rows}) > 1
    }
    if not columns:
        return {"reason": "every side looks the same: no feature varies"}
    by = "question" if story == question else "story"
    if (told := len(set(story))) < FEWEST:
        return {"reason": f"{told} stories are too few to tell: an audit takes {FEWEST} or more"}
    found_ = audit(columns, truth, story)
    named = {**found_.features, "all together": found_.joint}
    leaking = _leaking(named)
    return {
        "auc": estimate(found_.joint, by),
        "n": len(rows),
        "matches": matches,
        "features": list(columns),
        "warning": bool(leaking),
        "leaking": leaking,
        "each": {name: estimate(one, by) for name, one in found_.features.items()},
        "folds": found_.folds,
    }


def _nothing(spoke: int, known: int) -> str:
    if not spoke:
        return "nobody has spoken in this run, so nothing is on show besides the question"
    if not known:
        return "no match with a speech has a question whose truth is known"
    return "no speaker of this run defends an option"


def _sides(bout: Bout) -> Iterable[tuple[Row, bool]]:
    """The features of each side, and whether it is the true one."""
    speakers: Sequence[str] = bout.rules.speakers
    if bout.position is not None:
        speakers = [seat for seat in speakers if bout.rules.protocol.role(seat) == "proposer"]
    for seat in speakers:
        option = bout.sides.get(seat)
        if option is None:
            continue
        mine = bout.said.seats.get(seat, _SILENT)
        others = [bout.said.seats.get(one, _SILENT) for one in bout.rules.speakers if one != seat]
        place = option if bout.position is None else bout.position
        yield (
            (
                float(mine.characters),
                float(mine.characters - sum(one.characters for one in others)) if others else 0.0,
                float(mine.quotes),
                float(mine.quotes - sum(one.quotes for one in others)) if others else 0.0,
                float(mine.unverified),
                float(mine.cut),
                float(mine.turns),
                float(seat == bout.rules.speakers[0]),
                float(place),
                mine.ahead / mine.timed if mine.timed else 0.0,
            ),
            option == bout.right,
        )


def _leaking(named: dict[str, Estimate | None]) -> list[str]:
    """What tells the truth: all together where its interval excludes 0.5, and each feature whose
    p, adjusted by Holm for the number of features, is below 0.05."""
    out, p = [], {}
    for name, one in named.items():
        if one is None or one.low is None or one.high is None:
            continue
        outside = not one.low <= 0.5 <= one.high
        if name == "all together":
            out += [name] if outside else []
            continue
        tested = p_value(one, 0.5)
        p[name] = (0.0 if outside else 1.0) if tested is None else tested
    return out + [name for name, adjusted in holm(p).items() if adjusted < LEVEL]
