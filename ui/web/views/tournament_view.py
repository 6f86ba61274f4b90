"""A tournament: who is how strong, who met whom with what result, and what besides skill decided.

Any run in which two speak can be looked at so. A cell of the head-to-head matrix opens the debates
of the two in the list of debates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from arena.desk import runs_seen
from arena.desk.identity import Person
from arena.desk.kept import Kept
from arena.desk.runs_seen import Run
from arena.ratings import ratings
from arena.report.costs import costs
from arena.store import Store, StoreError
from arena.text import visible
from ui import sheets_players
from ui.serve import Arguments
from ui.sheets import brief, span
from ui.web.parts.matrix import matrix, picked
from ui.web.views import debates_view
from ui.web.views.acting import go, told
from ui.web.views.runs_desk import (
    act,
    choose,
    cut,
    draw_for_readers,
    held,
    key_of,
    notes,
    pictures,
    show,
    table,
)

KEPT: Kept[dict[str, Any]] = Kept()
NONE = "No run has debates of two speakers yet: `arena tournament` plays some."
EFFECTS = {
    "seat": "Seat: what speaking first is worth",
    "honesty": "Honesty: what arguing for the truth is worth",
    "judge": "Judge: what the first seat is worth with each judge",
}
"""What can be estimated beside skill, by the name that `arena.ratings.ratings` has for it."""
SHORT = {"seat": "Seat", "honesty": "Honesty", "judge": "Judge"}
MOST = 60
"""Players of a matrix; of more, the best."""


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for a researcher or an admin."""
    draw_for_readers(args, page)


def page(store: Store, args: Arguments, person: Person) -> None:
    """The run, what is estimated of it, and all that follows."""
    st.subheader("Tournament", anchor=False)
    some = runs_seen.of_two_speakers(store)
    run = choose(store, args, person, some, "tournament", NONE, "tournament")
    told()
    if run is None:
        return
    given = st.pills("Estimated beside skill", list(EFFECTS), selection_mode="multi",
                     default=["seat"], key="effects", format_func=SHORT.__getitem__)  # fmt: skip
    effects = tuple(one for one in EFFECTS if one in given)
    of = (str(args.store), run.name, *effects)
    kept = held(store, args, run, KEPT, of, lambda own: rated(own, run, effects))
    found = kept.value
    if found.get("problem"):
        notes([f"There are no ratings: {found['problem']}."], "problem")
        return
    shown = found["ratings"]
    summary(shown)
    leaderboard(shown, pictures(found, ("ratings",), of, kept.version).get("ratings", ()))
    head_to_head(args, run, shown)
    beside(shown)
    spent(found["costs"])


def rated(store: Store, run: Run, effects: Sequence[str]) -> dict[str, Any]:
    """Ratings and costs of a run, as the report has them; a ``problem`` where nothing can be rated,
    or an effect cannot be told from another."""
    try:
        found = ratings(store, run.name, seat="seat" in effects, honesty="honesty" in effects,
                        judge="judge" in effects)  # fmt: skip
    except StoreError as error:
        return {"problem": str(error)}
    return {"ratings": found.record(), "costs": costs(store, run.name)}


def summary(found: Mapping[str, Any]) -> None:
    """What the ratings rest on."""
    with st.container(horizontal=True, gap="large"):
        st.metric("Players", len(found["players"]), width="content")
        st.metric("Comparisons", f"{found['comparisons']:,}", width="content")
        st.metric("Questions", f"{found['clusters']:,}", width="content")
        if found["waiting"]:
            st.metric("Not judged yet", f"{found['waiting']:,}", width="content")
    (board,) = sheets_players.leaderboard(found)
    notes(board.notes, "method")


def leaderboard(found: Mapping[str, Any], drawn: Sequence[tuple[str, str]]) -> None:
    """Who is how strong: a table, and charts of the same figures."""
    players = found["players"]
    st.subheader("Leaderboard", anchor=False)
    shown: dict[str, list[Any]] = {
        "Rank": list(range(1, len(players) + 1)),
        "Player": [cut(one["name"]) for one in players],
        "Elo": [_whole(one["elo"]) for one in players],
        "95 % low": [_whole(_end(one, 0)) for one in players],
        "95 % high": [_whole(_end(one, 1)) for one in players],
        "n": [one["n"] for one in players],
        "Points": [round(one["points"], 1) for one in players],
    }
    for part in ("honest", "dishonest"):
        if any(one.get(part) for one in players):
            shown[part.capitalize()] = [_apart(one.get(part)) for one in players]
    if any(one.get("accuracy") for one in players):
        shown["Judge right"] = [brief(one.get("accuracy"), 2) for one in players]
    if any(one["note"] for one in players):
        shown["Note"] = [visible(one["note"] or "") for one in players]
    # A name has room: it takes neither all of the table nor the place that is left.
    wide = {"Player": st.column_config.Column(width="medium")}
    table(shown, "Leaderboard: Elo with its interval, comparisons and points of each player",
          most=25, column_config=wide)  # fmt: skip
    if "Honest" in shown or "Judge right" in shown:
        st.caption(
            "Honest, dishonest: play for the truth and against it, rated apart. Judge right: "
            "how often whoever argued for the truth won, with this player."
        )
    if drawn:
        for place, one in zip(st.columns(len(drawn), gap="medium"), drawn, strict=True):
            with place:
                show([one])


def _end(one: Mapping[str, Any], which: int) -> float | None:
    return None if one["interval"] is None else float(one["interval"][which])


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _apart(one: Mapping[str, Any] | None) -> str:
    """Elo of honest or dishonest play alone, with its interval."""
    if one is None:
        return ""
    ends = span(one["interval"], 0)
    return f"{one['elo']:.0f} ({ends})" if ends else f"{one['elo']:.0f}"


# Head to head.


def head_to_head(args: Arguments, run: Run, found: Mapping[str, Any]) -> None:
    """The cross-play matrix; a cell opens the debates of its two."""
    players = found["players"][:MOST]
    st.subheader("Head to head", anchor=False)
    st.caption(
        "The share that the row's player took of the points against the column's, and points of "
        "comparisons. Choose a cell to read the debates behind it; arrow keys go from cell to cell."
    )
    cells = [
        [[found["points"][i][j], found["met"][i][j]] if found["met"][i][j] and i != j else None
         for j in range(len(players))]
        for i in range(len(players))
    ]  # fmt: skip
    key = f"matrix {key_of(run.name)}"
    ids = [one["id"] for one in players]
    matrix({"label": f"Head to head in {visible(run.name)}",
            "players": [cut(one["name"], 60) for one in players], "cells": cells},
           key, lambda: _picked(args, key, run, ids))  # fmt: skip
    if len(players) < len(found["players"]):
        st.caption(f"The best {MOST} of {len(found['players'])} players.")


def _picked(args: Arguments, key: str, run: Run, ids: Sequence[str]) -> None:
    """A cell was chosen: to the debates of the two in this run."""
    cell = picked(key, len(ids))
    if cell is not None:
        act(args, lambda store, person: debates_of(run.name, ids[cell[0]], ids[cell[1]]))


def debates_of(run: str, player: str, against: str) -> None:
    """Go to the debates of two players in a run. For callbacks."""
    wanted = {"run": run, "player": player, "against": against}
    for name in (debates_view.WORDS, debates_view.PAGES):
        st.session_state.pop(name, None)
    go("debates", **{facet: debates_view.token(facet, one) for facet, one in wanted.items()})


# What else there is.


def beside(found: Mapping[str, Any]) -> None:
    """Effects, missing verdicts, and what was left out."""
    effects, absent = st.columns(2, gap="medium")
    with effects:
        st.subheader("Effects", anchor=False)
        if found["effects"]:
            some = found["effects"]
            table(
                {
                    "Effect": [cut(name) for name in some],
                    "Logits": [_three(one["value"]) for one in some.values()],
                    "95 % low": [_three(_end(one, 0)) for one in some.values()],
                    "95 % high": [_three(_end(one, 1)) for one in some.values()],
                    "n": [one["n"] for one in some.values()],
                },
                "Effects on the first seat's chance",
            )
            st.caption("On the first seat's chance to win, in logits: 0 is no effect.")
        else:
            st.text("None is estimated.")
    with absent:
        st.subheader("Missing verdicts", anchor=False)
        if found["missing"]:
            sides = sorted({side for one in found["missing"].values() for side in one} - {"n"})
            table(
                {
                    "Status": [visible(status) for status in found["missing"]],
                    "n": [one["n"] for one in found["missing"].values()],
                    **{
                        f"True case: {cut(side, 30)}": [
                            one.get(side, 0) for one in found["missing"].values()
                        ]
                        for side in sides
                    },
                },
                "Verdicts without a decision, by status and by whose case was the true one",
            )
        else:
            st.text("Every verdict decides.")


def _three(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def spent(rows: Sequence[Mapping[str, Any]]) -> None:
    """What each role took, player by player."""
    if not rows:
        return
    st.subheader("Cost per role", anchor=False)
    settings = list(dict.fromkeys(one["setting"] for one in rows))
    rows = sorted(rows, key=lambda one: (settings.index(one["setting"]), str(one["role"]),
                                         str(one["player"])))  # fmt: skip
    columns: dict[str, list[Any]] = {
        "Setting": [cut(str(one["setting"])) for one in rows],
        "Role": [cut(str(one["role"])) for one in rows],
        "Player": [cut(str(one["player"])) for one in rows],
    }
    for title, name in (("Turns", "turns"), ("Calls", "calls"), ("Tokens read", "prompt_tokens"),
                        ("Tokens written", "sampled_tokens"), ("Characters", "characters"),
                        ("Seconds", "seconds"), ("Money", "money")):  # fmt: skip
        values = [one[name] for one in rows]
        if any(values):
            columns[title] = [
                round(value, 3) if isinstance(value, float) else value for value in values
            ]
    table(columns, "What each role took, by setting and player")
    st.caption("Money by the run's prices, for every million tokens, where it has some.")
