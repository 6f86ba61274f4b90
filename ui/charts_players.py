"""Charts of a report's players: leaderboard, cross-play, winning against truth, costs by role."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor
from typing import Any

from ui.drawing import COLOURS, SHAPES, WIDTH, Row, altair, by_row, cut, data, ends, labels, titled
from ui.sheets import Found

NAMED = 8
"""Players that have room for their names in a scatter; of more, their ranks are told."""
ACROSS, DOWN, LINE = WIDTH + 60, 240, 12
"""Pixels: a scatter's width and height, and the height of a name in it."""
MOST_ROWS, MOST_PLAYERS = 60, 30
"""What one chart holds before it can no longer be read; its subtitle says what is left out."""


def leaderboard_rows(found: Found) -> list[Row]:
    """Players by rating: Elo with its interval, and apart for the truth and against it."""
    players = (found.get("ratings") or {}).get("players") or ()
    short = labels(one["name"] for one in players)
    rows = []
    for one in players:
        base = {"setting": short[one["name"]], "n": one["n"]}
        rows.append({**base, "who": "all", **ends(one["elo"], one["interval"])})
        for key in ("honest", "dishonest"):
            apart = _apart(one, key)
            if apart is not None:
                rows.append(
                    {**base, "who": key, "n": apart.get("n", one["n"]),
                     **ends(_elo(apart), apart.get("interval"))}
                )  # fmt: skip
    return rows


def _apart(player: Found, key: str) -> Found | None:
    one = player.get(key)
    return one if isinstance(one, Mapping) and _elo(one) is not None else None


def _elo(one: Found) -> Any:
    return one.get("elo", one.get("value"))


def leaderboard(found: Found) -> Any:
    """Elo of every player with its 95 % interval."""
    rows = leaderboard_rows(found)
    if not rows:
        return None
    players = list(dict.fromkeys(row["setting"] for row in rows))
    shown = [row for row in rows if row["setting"] in players[:MOST_ROWS]]
    ends = [row[end] for row in shown for end in ("low", "high")]
    middle = sum(row["value"] for row in shown) / len(shown)
    scale = altair().Scale(
        domain=[floor((min(ends) - 5) / 50) * 50, ceil((max(ends) + 5) / 50) * 50], nice=False
    )
    chart = by_row(shown, scale, "Elo", middle, "d", "arguing")
    return titled(chart, cut(len(set(players[:MOST_ROWS])), len(players), "players"))


def cross_rows(found: Found) -> list[Row]:
    """What each player scored against each other, as a share, and in how many comparisons."""
    ratings = found.get("ratings") or {}
    players = [one["name"] for one in ratings.get("players") or ()]
    points, met = ratings.get("points") or (), ratings.get("met") or ()
    short = labels(players, 18)
    return [
        {"row": short[row], "column": short[column], "points": points[i][j], "n": met[i][j],
         "share": points[i][j] / met[i][j]}
        for i, row in enumerate(players)
        for j, column in enumerate(players)
        if i < len(points) and j < len(points[i]) and met[i][j] and i != j
    ]  # fmt: skip


def cross(found: Found) -> Any:
    """The cross-play matrix: the share of points that the row's player took from the column's."""
    rows = cross_rows(found)
    if not rows:
        return None
    alt = altair()
    order = list(labels((one["name"] for one in found["ratings"]["players"]), 18).values())
    shown = order[:MOST_PLAYERS]
    rows = [row for row in rows if row["row"] in shown and row["column"] in shown]
    size = 44 if len(shown) <= 10 else 28
    x = alt.X("column:N", sort=shown, title="against", scale=alt.Scale(domain=shown),
              axis=alt.Axis(orient="top", labelAngle=-45, grid=False))  # fmt: skip
    y = alt.Y("row:N", sort=shown, title=None, scale=alt.Scale(domain=shown),
              axis=alt.Axis(grid=False))  # fmt: skip
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    scheme = alt.Scale(domain=[0, 0.5, 1], range=["#d55e00", "#f5f5f5", "#0072b2"])
    legend = alt.Legend(title="share won", format=".1f", tickCount=3, gradientLength=100)
    cell = base.mark_rect(stroke="#ffffff").encode(
        color=alt.Color("share:Q", scale=scheme, legend=legend)
    )
    dark = "datum.share > 0.82 || datum.share < 0.12"
    ink = alt.condition(dark, alt.value("#ffffff"), alt.value("#000000"))
    text = base.mark_text(fontSize=12 if size > 30 else 9, dy=-5 if size > 30 else 0)
    marks = [cell, text.encode(text=alt.Text("share:Q", format=".2f"), color=ink)]
    if size > 30:
        count = base.transform_calculate(count="'n ' + datum.n").mark_text(fontSize=9, dy=9)
        marks.append(count.encode(text="count:N", color=ink))
    chart = alt.layer(*marks).properties(width=size * len(shown), height=size * len(shown))
    return titled(chart, cut(len(shown), len(order), "players"))


def win_accuracy_rows(found: Found) -> list[Row]:
    """Of each player its rating, and how often the judge was right in its debates."""
    players = (found.get("ratings") or {}).get("players") or ()
    short = labels(one["name"] for one in players)
    return [
        {"who": short[one["name"]] if len(players) <= NAMED else str(rank), "elo": one["elo"],
         **ends(right["value"], right["interval"]), "n": right["n"]}
        for rank, one in enumerate(players, 1)
        if (right := one.get("accuracy")) is not None and right.get("value") is not None
    ]  # fmt: skip


def win_accuracy(found: Found) -> Any:
    """Judge accuracy in a player's debates over its rating; None where no truth is known."""
    rows = win_accuracy_rows(found)
    if not rows:
        return None
    alt = altair()
    elos = [row["elo"] for row in rows]
    wide = (floor((min(elos) - 20) / 50) * 50, ceil((max(elos) + 20) / 50) * 50)
    high = (floor(min(0.4, *(row["low"] for row in rows)) * 10) / 10, 1)
    x = alt.X("elo:Q", title="Elo", axis=alt.Axis(format="d", tickCount=6),
              scale=alt.Scale(domain=list(wide), nice=False))  # fmt: skip
    title = "judge accuracy in its debates"
    scale = alt.Scale(domain=list(high))
    y = alt.Y("value:Q", title=title, scale=scale)
    base = alt.Chart(data(named(rows, wide, high))).encode(x=x)
    half = alt.Chart(data([{"at": 0.5}])).mark_rule(strokeDash=[4, 4], opacity=0.7)
    marks = [
        half.encode(y=alt.Y("at:Q", title=title, scale=scale)),
        base.mark_rule(color=COLOURS[0], strokeWidth=1.5, opacity=0.8).encode(
            y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"
        ),
        base.mark_point(filled=True, size=46, opacity=1, color=COLOURS[0]).encode(y=y),
        base.mark_text(align="left", dx=6, dy=-6, fontSize=10, limit=130).encode(
            y=alt.Y("at:Q", title=title, scale=scale), text="who:N"
        ),
    ]
    return alt.layer(*marks).properties(width=ACROSS, height=DOWN)


def named(rows: list[Row], wide: tuple[float, float], high: tuple[float, float]) -> list[Row]:
    """The rows of a scatter with the height ``at`` which each has its name: beside its point, and
    below the names that are there already. ``wide`` and ``high`` are the ends of the axes."""
    taken: list[tuple[float, float, float]] = []
    found = []
    for row in sorted(rows, key=lambda row: -float(row["value"])):
        left = (row["elo"] - wide[0]) / (wide[1] - wide[0]) * ACROSS
        right = left + min(130, 7 * len(row["who"]))
        y = (high[1] - row["value"]) / (high[1] - high[0]) * DOWN
        for begin, end, other in sorted(taken, key=lambda one: one[2]):
            if begin < right and left < end and abs(y - other) < LINE:
                y = other + LINE
        taken.append((left, right, y))
        found.append({**row, "at": high[1] - y / DOWN * (high[1] - high[0])})
    return found


SPENT = ("prompt_tokens", "sampled_tokens", "characters")


def cost_rows(found: Found) -> tuple[str, list[Row]]:
    """What each role of each setting took, and of what: tokens, else characters."""
    given = found.get("costs") or ()
    read, written, characters = SPENT
    tokens = any((one.get(read) or 0) + (one.get(written) or 0) for one in given)
    short = labels(one["setting"] for one in given)
    roles = labels(one["role"] for one in given)
    total: dict[tuple[str, str], float] = {}
    for one in given:
        spent = (one.get(read) or 0) + (one.get(written) or 0) if tokens else one.get(characters)
        key = (short[one["setting"]], roles[one["role"]])
        total[key] = total.get(key, 0) + (spent or 0)
    rows = [{"setting": setting, "who": role, "value": v} for (setting, role), v in total.items()]
    return ("tokens, read and written" if tokens else "characters written"), rows


def costs(found: Found) -> Any:
    """Tokens by setting and role; characters, where no model was asked."""
    title, rows = cost_rows(found)
    if not any(row["value"] for row in rows):
        return None
    alt = altair()
    order = list(dict.fromkeys(row["setting"] for row in rows))
    shown = order[:MOST_ROWS]
    roles = list(dict.fromkeys(row["who"] for row in rows))
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(roles))]
    legend = alt.Legend(title="role", orient="top", columns=4, symbolType=SHAPES[1])
    chart = (
        alt.Chart(data(row for row in rows if row["setting"] in shown))
        .mark_bar(stroke="#ffffff", strokeWidth=0.5)
        .encode(
            x=alt.X("value:Q", title=title, axis=alt.Axis(format="~s", tickCount=5)),
            y=alt.Y("setting:N", sort=shown, title=None),
            color=alt.Color(
                "who:N", scale=alt.Scale(domain=roles, range=colours), sort=roles, legend=legend
            ),
            order=alt.Order("at:Q"),
        )
        .properties(width=WIDTH, height={"step": 20})
    )
    return titled(chart, cut(len(shown), len(order), "settings"))
