"""Sheets of a report about its players: ratings, who beat whom, what besides skill decided, and
what everybody cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ui.sheets import (
    CLUSTERED,
    ESTIMATE,
    NONE,
    Found,
    Sheet,
    counted,
    estimated,
    figures,
    name,
    sheet,
    signed,
    span,
    texts,
    whole,
)


def ratings(found: Found) -> list[Sheet]:
    """The players, the best first, in Elo points with their intervals."""
    one = found.get("ratings") or {}
    if "reason" in one:
        why = name(one["reason"], 400)
        return sheet("ratings", "Ratings", texts("ratings", "why"), [("undefined", why)])
    return [*leaderboard(one), *won(one)] if one.get("players") else []


def _elo(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _apart(one: Any) -> str:
    """An Elo with its interval and n, of play for the truth or against it alone."""
    if not isinstance(one, Mapping) or one.get("elo", one.get("value")) is None:
        return ""
    n = f", n {whole(one['n'])}" if one.get("n") is not None else ""
    elo = _elo(one.get("elo", one.get("value")))
    return f"{elo} ({span(one.get('interval'), 0) or NONE}{n})"


def leaderboard(one: Found) -> list[Sheet]:
    """Ratings in Elo points with their intervals."""
    columns = (
        *figures("rank"), *texts("player"),
        *figures("Elo", "95 %\ninterval", "n", "points", "arguing for\nthe truth", "against it"),
        *texts("note"),
    )  # fmt: skip
    rows = [
        (str(rank), name(player["name"]), _elo(player["elo"]), span(player["interval"], 0) or NONE,
         whole(player["n"]), f"{player['points']:g}", _apart(player.get("honest")),
         _apart(player.get("dishonest")), name(player["note"] or ""))
        for rank, player in enumerate(one["players"], 1)
    ]  # fmt: skip
    by = counted(one["clusters"], "question")
    notes = [
        f"{whole(one['comparisons'])} comparisons; intervals: {name(one['method'])}, clustered by "
        f"{by}. n: a player's comparisons; points: wins and half the ties.",
        *(f"{name(note)[:1].upper()}{name(note)[1:]}." for note in one.get("notes") or ()),
        *_panel(one),
        *_without(one),
    ]
    return sheet("ratings", "Ratings", columns, rows, notes)


def won(one: Found) -> list[Sheet]:
    """The share of their comparisons that players won, in all and by what they argued for, and
    how often judges were right about them."""
    rows = [
        (name(player["name"]), what, *estimated(share))
        for player in one["players"]
        for what, share in (
            *((WON[key], (player.get("won") or {}).get(key)) for key in WON),
            ("judge right", player.get("accuracy")),
        )
        if share
    ]
    if (right := one.get("accuracy")) and rows:
        rows.append(("all of them", "judge right", *estimated(right)))
    columns = (*texts("player", "share"), *ESTIMATE)
    note = "A tie is one half. Unlike a rating, a share depends on whom a player has met."
    return sheet("ratings", "Shares of comparisons", columns, rows, [note])


WON = {"overall": "won", "honest": "won, for the truth", "dishonest": "won, against it"}


def _panel(one: Found) -> list[str]:
    panel = one.get("panel")
    if not panel:
        return []
    judges = ", ".join(name(judge, 60) for judge in panel["judges"])
    missing = ", ".join(f"{n} {name(why)}" for why, n in panel.get("missing", {}).items())
    return [
        f"A panel decides ({name(panel['rule'])}): {judges}. Decisions {panel['decisions']}, of "
        f"which {panel['incomplete']} lack a member's vote; undecided {panel['undecided']}."
        + (f" Missing votes: {missing}." if missing else "")
    ]


def _without(one: Found) -> list[str]:
    """What the ratings are not made of."""
    told = []
    missing = ", ".join(
        f"{sides['n']} {name(status)}" for status, sides in (one.get("missing") or {}).items()
    )
    if missing:
        told.append(f"Missing verdicts, in no rating: {missing}.")
    left = ", ".join(f"{n} ({name(why)})" for why, n in (one.get("left_out") or {}).items())
    if left:
        told.append(f"Verdicts in no rating: {left}.")
    if waiting := one.get("waiting"):
        told.append(f"Matches that nobody has judged yet: {waiting}.")
    return told


def cross_play(found: Found) -> list[Sheet]:
    """The cross-play matrix: points and comparisons of each player against each."""
    one = found.get("ratings") or {}
    points, met, players = (one.get(key) or () for key in ("points", "met", "players"))
    if len(points) != len(players) or len(players) < 2:
        return []
    columns = (
        *figures("rank"), *texts("player"), *figures(*(str(i + 1) for i in range(len(players)))),
    )  # fmt: skip

    def cell(i: int, j: int) -> str:
        return "-" if i == j else f"{points[i][j]:g}/{met[i][j]}" if met[i][j] else ""

    rows = [
        (str(i + 1), name(player["name"]), *(cell(i, j) for j in range(len(players))))
        for i, player in enumerate(players)
    ]
    note = "Points that the player of a row took from the one with a column's rank / "
    note += "comparisons."
    return sheet("crossplay", "Who took how much from whom", columns, rows, [note])


EFFECTS = {
    "seat": "the first seat", "honesty": "arguing for the truth",
    "length": "a thousand characters more",
}  # fmt: skip


def effects(found: Found) -> list[Sheet]:
    """What besides skill decided comparisons, in log-odds of the first seat's chance."""
    one = found.get("ratings") or {}
    by = counted(one["clusters"], "question") if one.get("clusters") else ""
    rows = [
        (EFFECTS.get(what, name(what)), signed(effect["value"]),
         span(effect["interval"], sign=True) or NONE, whole(effect["n"]), by)
        for what, effect in (one.get("effects") or {}).items()
    ]  # fmt: skip
    columns = (*texts("effect"), *figures("log-odds", "95 %\ninterval", "n"),
               CLUSTERED)  # fmt: skip
    title = "What decided besides skill"
    note = "On the chance of the first seat; 0 is no effect. Ratings are without these effects."
    return sheet("effects", title, columns, rows, [note])


def costs(found: Found) -> list[Sheet]:
    """What each role took, by setting; then what judges had to read."""
    columns = (
        *texts("setting", "role", "player"),
        *figures("turns", "calls", "tokens\nread", "tokens\nwritten", "characters", "seconds",
                 "money"),
    )  # fmt: skip
    keys = ("turns", "calls", "prompt_tokens", "sampled_tokens", "characters")
    given = found.get("costs") or ()
    rows = [
        (name(row["setting"]), name(row["role"]), name(row["player"]),
         *(whole(row.get(key)) for key in keys), _seconds(row.get("seconds")),
         "" if row.get("money") is None else f"{row['money']:.4g}")
        for row in given
    ]  # fmt: skip
    priced = [row["money"] for row in given if row.get("money") is not None]
    notes = [
        "Every turn counts, those that were thrown away too.",
        f"Money by the run's prices: {sum(priced):.4g} in all"
        + ("." if len(priced) == len(given) else "; where it is empty, no price was given.")
        if priced else "",
    ]  # fmt: skip
    visible = [
        (name(setting), whole(one.get("verdicts")), whole(one.get("tokens")),
         whole(one.get("prompt_tokens")))
        for setting, value in (found.get("visible") or {}).items()
        for one in [value if isinstance(value, Mapping) else {"tokens": value}]
    ]  # fmt: skip
    seen = (*texts("setting"), *figures("verdicts", "visible tokens\na verdict",
                                        "prompt tokens\na verdict"))  # fmt: skip
    note = "Visible tokens: words and punctuation marks that a judge was shown, counted alike for "
    note += "all."
    return [
        *sheet("costs", "Costs, by setting, role and player", columns, rows, notes),
        *sheet("costs", "What judges were shown", seen, visible, [note]),
    ]


def _seconds(value: float | None) -> str:
    return "" if not value else f"{value:.1f}" if value < 100 else whole(round(value))
