"""Charts of a report: from its JSON values to altair charts, and by `svg` to drawings.

Each function takes a report, `arena.report.report`, and returns an altair chart, or None where
the report has nothing of it. The data of a chart are the report's figures as they stand. Names
are data or labels, never text that vega would evaluate, and what is cut of them shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from ui import charts_players as players
from ui.drawing import COLOURS, Row, altair, by_row, cut, data, ends, labels, svg, titled
from ui.sheets import Found, Rows, whose

__all__ = ["Plot", "plots", "svg"]
MOST_ROWS, MOST_PANELS, MOST_LINES = 100, 12, 60
"""What one chart holds before it can no longer be read; its subtitle says what is left out."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart with what is said of it: the section it belongs to, a title, and what it shows."""

    section: str
    key: str
    title: str
    says: str
    chart: Any

    def svg(self, ink: str = "currentColor") -> str:
        """The drawing, as an SVG element for a page; ``ink`` as in `ui.drawing.svg`."""
        return svg(self.chart, self.title, self.says, self.key, ink)


def plots(found: Found, sections: Collection[str] | None = None) -> list[Plot]:
    """Every chart that there are figures for, in the order of a report's sections; of these
    ``sections`` alone, where they are given."""
    made = (
        Plot(section, key, title, says, make(found))
        for section, key, make, title, says in _kinds()
        if sections is None or section in sections
    )
    return [one for one in made if one.chart is not None]


def _kinds() -> tuple[tuple[str, str, Callable[[Found], Any], str, str], ...]:
    """Of each chart its section, its key, what makes it, its title and what it shows."""
    return (
        ("ratings", "leaderboard", players.leaderboard, "Leaderboard",
         "The Elo rating of every player with its 95 % interval."),
        ("crossplay", "cross", players.cross, "Who beats whom",
         "A matrix: the share of points that the player of a row took from the one of a column."),
        ("ratings", "win-accuracy", players.win_accuracy, "Winning, and the truth",
         "For every player its rating, and how often the judge was right in its debates; of many "
         "players, the numbers are their ranks."),
        ("pooled", "pooled", pooled, "Judge accuracy by protocol",
         "Accuracies over all pairings, or over people, with 95 % intervals, the widest by what "
         "verdicts share; the dashed line is at one half, which is chance with two options."),
        ("accuracy", "accuracy", accuracy, "Judge accuracy by setting",
         "Accuracies with 95 % intervals, the widest by what verdicts share; "
         "the dashed line is at one half, which is chance with two options."),
        ("differences", "differences", differences, "Differences of accuracy",
         "Differences of judge accuracy between two settings on the same questions, "
         "with 95 % intervals; the dashed line is at no difference."),
        ("calibration", "reliability", reliability, "Reliability",
         "How often the answer that a judge gave with some confidence was right; "
         "on the dashed line, as often as it said."),
        ("rounds", "rounds", rounds, "Accuracy by round",
         "The accuracy that judges would have had if they had decided after each round."),
        ("rounds", "trajectories", trajectories, "What judges believed, by round",
         "The probability that judges gave to the truth after each round: the mean with its 95 % "
         "interval, and single judgments behind it."),
        ("costs", "costs", players.costs, "What was spent, by role",
         "Tokens, or characters where no model was asked, by setting and role."),
    )  # fmt: skip


# Accuracy.


def widest(row: Found) -> Sequence[float] | None:
    """The widest of an accuracy's clustered intervals; None of a single cluster."""
    by = row.get("widest")
    found = row["clustered"][by]["interval"] if by is not None else None
    return found if found is None else list(found)


def accuracy_rows(found: Found, key: str = "settings") -> list[Row]:
    """Of each setting and judge its accuracy and its widest interval, as the report has them."""
    rows = [row for row in found.get(key) or () if row.get("accuracy") is not None]
    short, judges = labels(row["setting"] for row in rows), labels(whose(row) for row in rows)
    return [
        {"setting": short[row["setting"]], "who": judges[whose(row)], "n": row["n"],
         **ends(row["accuracy"], widest(row))}
        for row in rows
    ]  # fmt: skip


def pooled(found: Found) -> Any:
    """`accuracy` over the pairings of a tournament, and over people."""
    return accuracy(found, "pooled")


def accuracy(found: Found, key: str = "settings") -> Any:
    """Judge accuracy by setting and judge, with 95 % intervals (the widest of the clustered)."""
    rows = accuracy_rows(found, key)
    if not rows:
        return None
    shown = rows[:MOST_ROWS]
    alt = altair()
    low = min(0.4, *(row["low"] for row in shown))
    scale = alt.Scale(domain=[floor(low * 10) / 10, 1], nice=False)
    chart = by_row(shown, scale, "judge accuracy", 0.5)
    return titled(chart, cut(len(shown), len(rows), "rows"))


# Differences.


def difference_rows(found: Found) -> list[Row]:
    """Paired differences of settings, as the report has them: an import's, else every judge's."""
    rows = [
        (one["first"], one["second"], "", one["questions"], one["difference"], one["interval"])
        for one in found.get("paired") or ()
    ] or [
        (one["first"], one["second"], whose(one), paired["n"], paired["value"], paired["interval"])
        for one in found.get("differences") or ()
        if (paired := one.get("paired")) is not None and paired.get("value") is not None
    ]
    short = labels((one for row in rows for one in row[:2]), 20)
    judges = labels(row[2] for row in rows)
    return [
        {"setting": f"{short[first]} - {short[second]}", "who": judges[who], "n": n,
         **ends(value, interval)}
        for first, second, who, n, value, interval in rows
    ]  # fmt: skip


def differences(found: Found) -> Any:
    """Paired differences of accuracy on shared questions, with 95 % intervals."""
    rows = difference_rows(found)
    if not rows:
        return None
    shown = rows[:MOST_ROWS]
    far = max(0.1, *(abs(row[end]) for row in shown for end in ("low", "high")))
    scale = altair().Scale(domain=[-ceil(far * 10) / 10, ceil(far * 10) / 10], nice=False)
    chart = by_row(shown, scale, "difference of judge accuracy", 0.0, "+.1f")
    return titled(chart, cut(len(shown), len(rows), "differences"))


# Calibration and beliefs: a small panel for each setting and judge.


Title = list[str]


def _panels(rows: Rows) -> list[tuple[Title, Mapping[str, Any]]]:
    """Rows with a title for each, a setting and its judge."""
    short = labels((row["setting"] for row in rows), 24)
    judges = labels((whose(row) for row in rows), 26)
    return [
        ([short[row["setting"]], *([judges[whose(row)]] if len(judges) > 1 else [])], row)
        for row in rows
    ]


def _grid(panels: Sequence[Any], of: int, extra: Sequence[str] = ()) -> Any:
    alt = altair()
    chart = alt.concat(*panels, columns=3, spacing=18)
    return titled(chart, [*cut(len(panels), of, "panels"), *extra])


def _panel(chart: Any, title: Title) -> Any:
    title_of = {"text": title, "anchor": "start", "fontSize": 11, "limit": 175}
    return chart.properties(width=150, height=150, title=title_of)


def reliability_rows(found: Found) -> list[tuple[Title, list[Row]]]:
    """By setting and judge the bins of the report: confidence, share that came true, count."""
    rows = [row for row in found.get("calibration") or () if row.get("bins")]
    return [
        (title, [
            {"confidence": bin["confidence"], "n": bin["n"],
             **ends(bin["accuracy"], bin["interval"])}
            for bin in row["bins"] if bin["n"]
        ])
        for title, row in _panels(rows)
    ]  # fmt: skip


def reliability(found: Found) -> Any:
    """Reliability diagrams: how often what was said with a confidence came true, with counts."""
    known = [(title, bins) for title, bins in reliability_rows(found) if bins]
    if not known:
        return None
    alt = altair()
    low = floor(min(0.5, *(row["confidence"] for _, bins in known for row in bins)) * 10) / 10
    x = alt.X("confidence:Q", title="confidence", scale=alt.Scale(domain=[low, 1], nice=False),
              axis=alt.Axis(values=[low, (low + 1) / 2, 1], format=".3~f"))  # fmt: skip
    scale = alt.Scale(domain=[0, 1], nice=False)
    y = alt.Y("value:Q", title="share right", scale=scale)
    line = [{"confidence": low, "value": low}, {"confidence": 1, "value": 1}]
    even = alt.Chart(data(line)).mark_line(strokeDash=[4, 4], strokeWidth=1, opacity=0.7)
    panels = []
    for title, bins in known[:MOST_PANELS]:
        base = alt.Chart(data(bins)).encode(x=x)
        rule = base.mark_rule(color=COLOURS[0], strokeWidth=1.5, clip=True).encode(
            y=alt.Y("low:Q", title="share right", scale=scale), y2="high:Q"
        )
        point = base.mark_point(filled=True, color=COLOURS[0], size=40, opacity=1).encode(y=y)
        count = base.mark_text(fontSize=9, dx=4, dy=4, align="left").encode(y=y, text="n:Q")
        panels.append(_panel(even.encode(x=x, y=y) + rule + point + count, title))
    return _grid(panels, len(known), ["a number beside a point: verdicts in the bin"])


def trajectory_rows(found: Found) -> list[tuple[Title, list[Row], list[list[float]]]]:
    """By setting and judge: means of p(truth) by round, and single lines of it."""
    rows = [row for row in found.get("trajectories") or () if row.get("rounds")]
    return [
        (title, [
            {"round": one["round"], "n": one["n"], **ends(one["mean"], one["interval"])}
            for one in row["rounds"] if one["mean"] is not None
        ], [list(line) for line in row.get("lines") or ()])
        for title, row in _panels(rows)
    ]  # fmt: skip


def trajectories(found: Found) -> Any:
    """What judges believed of the truth, round by round: the mean with its interval, and single
    judgments behind it."""
    known = [one for one in trajectory_rows(found) if one[1]]
    if not known:
        return None
    panels = []
    for title, means, lines in known[:MOST_PANELS]:
        step = max(1, ceil(len(lines) / MOST_LINES))
        single = [
            {"round": means[0]["round"] + i, "value": p, "line": at}
            for at, line in enumerate(lines[::step])
            for i, p in enumerate(line)
            if p is not None
        ]
        panels.append(_panel(_by_round(means, "p(truth)", single), title))
    thinned = any(len(lines) > MOST_LINES for _, _, lines in known)
    extra = [f"at most {MOST_LINES} single judgments a panel"] if thinned else []
    return _grid(panels, len(known), extra)


def _by_round(means: Sequence[Row], title: str, single: Sequence[Row]) -> Any:
    alt = altair()
    scale = alt.Scale(domain=[0, 1], nice=False)
    rounds_ = [row["round"] for row in means]
    ticks = list(range(min(rounds_), max(rounds_) + 1, ceil(len(rounds_) / 6)))
    x = alt.X("round:Q", title="round", axis=alt.Axis(values=ticks, format="d"),
              scale=alt.Scale(nice=False, zero=False))  # fmt: skip
    base = alt.Chart(data(means)).encode(x=x, color=alt.value(COLOURS[0]))
    y = alt.Y("value:Q", title=title, scale=scale)
    half = alt.Chart(data([{"at": 0.5}])).mark_rule(strokeDash=[4, 4], opacity=0.7)
    marks = [half.encode(y=alt.Y("at:Q", title=title, scale=scale))]
    if single:
        lines = alt.Chart(data(single)).mark_line(strokeWidth=0.7, opacity=0.35, color=COLOURS[6])
        marks.append(lines.encode(x=x, y=y, detail="line:N"))
    marks += [
        base.mark_rule(strokeWidth=1.5, opacity=0.8).encode(
            y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"
        ),
        base.mark_line(strokeWidth=2).encode(y=y),
        base.mark_point(filled=True, size=36, opacity=1).encode(y=y),
    ]
    return alt.layer(*marks)


def round_rows(found: Found) -> list[tuple[Title, list[Row]]]:
    """By setting and judge: accuracy as it would have been after each round."""
    rows = [row for row in found.get("rounds") or () if row.get("rounds")]
    return [
        (title, [
            {"round": one["round"], "n": one["n"], **ends(one["accuracy"], one["interval"])}
            for one in row["rounds"] if one["accuracy"] is not None
        ])
        for title, row in _panels(rows)
    ]  # fmt: skip


def rounds(found: Found) -> Any:
    """Judge accuracy by round, had the judge stopped there."""
    known = [(title, means) for title, means in round_rows(found) if means]
    if not known:
        return None
    panels = [
        _panel(_by_round(means, "judge accuracy", ()), title)
        for title, means in known[:MOST_PANELS]
    ]
    return _grid(panels, len(known))
