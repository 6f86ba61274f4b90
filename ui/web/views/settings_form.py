"""What the study of a run allows at the desk, as a form over every field of its settings.

What is saved here stands from the next click of every judge on; what stood before is kept.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import streamlit as st

from arena.desk.audit import moment
from arena.desk.chairs import PersonError
from arena.desk.identity import ADMIN, Person
from arena.desk.settings import Settings, set_settings, settings_of
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import tell
from ui.web.views.admin_desk import act, cut, key_of, labels, runs

MODES = {
    "stepped": "Step by step: a probability before each next step",
    "whole": "The whole debate at once",
    "timed": "The whole debate at once, for a limited time",
}
SCORES = {"log": "Logarithmic", "brier": "Quadratic (Brier)", "none": "Not shown"}
ASKS = {
    "sides": "How convincing each side was",
    "key": "Whether the answer key is right",
    "human": "Which debaters were people",
}
NO_RUN = "(no run)"
MEANINGS = {
    "mode": "How a debate is read",
    "seconds": "Seconds to read it, where the time is limited",
    "prior": "First ask for a probability unread (step by step)",
    "early": "A judge may decide before the last step",
    "tie": "A tie may be chosen",
    "reason": "A reason has to be given",
    "confirm": "Ask before a verdict is submitted",
    "undo": "Seconds for which a verdict can be taken back",
    "score": "Payoff shown beside the slider",
    "price": "Price of a step, in points of that payoff",
    "survey": "Asked after the verdict",
    "feedback": "Tell the judge the true answer after the verdict",
    "calibration": "Tell judges how often they were right",
    "notes": "A box for the judge's own notes",
    "instructions": "Instructions, shown to judges as plain text",
    "practice": "Practice first, with feedback: the debates of this run",
    "gold": "Mixed in unmarked, with known answers: debates of this run",
    "gold_share": "Share of such debates among a judge's (from 0 to 0.5)",
    "again_share": "Share of a judge's debates that are given a second time (from 0 to 0.5)",
}
"""What each field of `Settings` is called on the page; the form has all of them."""
LIMITLESS = "A verdict can be taken back without limit"
_STANDS = "SELECT at, person FROM desks WHERE run = ? ORDER BY at DESC LIMIT 1"
_TOGGLES = ("prior", "early", "tie", "reason", "confirm", "notes", "feedback", "calibration")


def settings_form(store: Store, args: Arguments, run: str) -> None:
    """The form, filled with what stands."""
    now, row = settings_of(store, run), store.one(_STANDS, run)
    names = {one["id"]: one["name"] for one in store.query("SELECT id, name FROM people")}
    if row is None:
        st.text("These are the settings that every run begins with; none were saved for this one.")
    else:
        by = visible(names.get(row["person"], "")) or "a run file"
        st.text(f"Saved {moment(row['at'])}, by {by}.")
    at = None if row is None else row["at"]
    part = key_of("settings", run, at)  # what somebody else saves is another form
    others = [name for name in runs(store) if name != run]
    with st.form(f"settings {part}"):
        left, right = st.columns(2, gap="large")
        with left:
            _reading(part, now)
            _payoff(part, now)
        with right:
            _after(part, now)
            _mixed(part, now, others)
        st.text_area(MEANINGS["instructions"], now.instructions, key=f"instructions {part}",
                     max_chars=100_000, height=140)  # fmt: skip
        st.form_submit_button("Save settings", type="primary", on_click=saved,
                              args=(args, run, part, at))  # fmt: skip
    if any(getattr(now, name) for name in ("practice", "gold", "gold_share", "again_share")):
        st.caption("Practice, gold debates and second readings are given out by the next plan.")


def _toggle(part: str, now: Settings, *names: str) -> None:
    for name in names:
        st.toggle(MEANINGS[name], getattr(now, name), key=f"{name} {part}")


def _number(part: str, now: Settings, name: str, most: float, step: float) -> None:
    """A number; one that is not set begins empty."""
    value: float | None = getattr(now, name)
    if value is not None:
        value = min(most, float(value))
    st.number_input(MEANINGS[name], 0.0, most, value, step, format="%g",
                    key=f"{name} {part}")  # fmt: skip


def _reading(part: str, now: Settings) -> None:
    st.radio(MEANINGS["mode"], list(MODES), index=list(MODES).index(now.mode),
             format_func=MODES.__getitem__, key=f"mode {part}")  # fmt: skip
    _number(part, now, "seconds", 86_400.0, 60.0)
    _toggle(part, now, "prior", "early", "tie", "reason", "confirm", "notes")


def _payoff(part: str, now: Settings) -> None:
    st.radio(MEANINGS["score"], list(SCORES), index=list(SCORES).index(now.score),
             format_func=SCORES.__getitem__, key=f"score {part}", horizontal=True)  # fmt: skip
    _number(part, now, "price", 1.0, 0.01)


def _after(part: str, now: Settings) -> None:
    # A box for a number that has one cannot be emptied: no limit is a switch of its own.
    st.number_input(MEANINGS["undo"], 0.0, 1e9, 60.0 if now.undo is None else min(1e9, now.undo),
                    10.0, format="%g", key=f"undo {part}")  # fmt: skip
    st.toggle(LIMITLESS, now.undo is None, key=f"limitless {part}")
    st.multiselect(MEANINGS["survey"], list(ASKS), list(now.survey), key=f"survey {part}",
                   format_func=ASKS.__getitem__, placeholder="nothing")  # fmt: skip
    _toggle(part, now, "feedback", "calibration")


def _mixed(part: str, now: Settings, others: list[str]) -> None:
    for name in ("practice", "gold"):
        value: str | None = getattr(now, name)
        shown: dict[str | None, str] = {None: NO_RUN}
        shown.update(labels((one, one) for one in others))
        if value not in shown:
            shown[value] = f"{cut(str(value))} (not in this store)"
        st.selectbox(MEANINGS[name], list(shown), key=f"{name} {part}",
                     index=list(shown).index(value),
                     format_func=shown.__getitem__)  # fmt: skip
        if name == "gold":
            _number(part, now, "gold_share", 0.5, 0.05)
    _number(part, now, "again_share", 0.5, 0.05)


def given(part: str) -> Settings:
    """What the form says. Raises PersonError, in words of ours, where it does not fit together."""
    state = st.session_state
    values: dict[str, Any] = {one.name: state.get(f"{one.name} {part}") for one in fields(Settings)}
    for name in _TOGGLES:
        values[name] = bool(values[name])
    seconds = values["seconds"]
    values["seconds"] = None if seconds is None or values["mode"] != "timed" else round(seconds)
    if state.get(f"limitless {part}"):
        values["undo"] = None
    for name in ("price", "gold_share", "again_share"):
        values[name] = float(values[name] or 0.0)
    values["survey"] = tuple(one for one in ASKS if one in (values["survey"] or ()))
    values["instructions"] = str(values["instructions"] or "")
    for name in ("practice", "gold"):
        values[name] = None if values[name] is None else str(values[name])
    if values["mode"] not in MODES or values["score"] not in SCORES:
        raise PersonError("Choose how a debate is read, and which payoff is shown.")
    try:
        return Settings(**values)
    except ValueError as error:
        raise PersonError(f"Nothing is saved: {error}.") from None


def saved(args: Arguments, run: str, part: str, at: float | None) -> None:
    """The click on Save settings."""

    def save(store: Store, admin: Person) -> None:
        row = store.one(_STANDS, run)
        if (None if row is None else row["at"]) != at:
            raise PersonError(
                "Somebody has saved these settings in the meantime. They are shown now: make your "
                "changes again."
            )
        if set_settings(store, run, given(part), admin.id):
            tell("done", "The settings are saved. They hold from each judge's next click on.")
        else:
            tell("done", "Nothing has changed.")

    act(args, save, ADMIN)
