"""A training run as it goes: its curves, its alarms, what it must be read with, and debates of its
evaluations to read.

The curves are drawn anew where the last step that was measured is another one; until then a look
costs one query. Verdicts on single debates are off at first, and whoever reads them does not judge
those debates.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from arena import metrics
from arena.desk import browse, runs_seen, seen
from arena.desk.curves import panels
from arena.desk.identity import Person
from arena.desk.kept import Held, Kept
from arena.desk.runs_seen import Run
from arena.desk.transcripts import transcript
from arena.store import Store, StoreError
from arena.text import visible
from arena.training_report import training_report
from ui.serve import Arguments
from ui.web import who
from ui.web.parts.curves import curves
from ui.web.views.acting import NOT_READ, follow, go, told
from ui.web.views.runs_desk import choose, draw_for_readers, key_of, notes, table
from ui.web.views.transcript_desk import READERS
from ui.web.views.transcript_view import READ

EVERY = 4.0
"""Seconds from one look at a run that goes on to the next."""
SAMPLES = 6
"""Debates that are offered of an evaluation."""
KEPT: Kept[dict[str, Any]] = Kept()
NONE = "There is no training yet: `arena train` makes one."
VERDICTS = "sample verdicts"


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for a researcher or an admin."""
    draw_for_readers(args, page)


def page(store: Store, args: Arguments, person: Person) -> None:
    """The run, its curves, and the debates of an evaluation."""
    st.subheader("Training", anchor=False)
    run = choose(store, args, person, runs_seen.trainings(store), "training", NONE)
    told()
    if run is None:
        return
    evaluations = figures(store, args, run).value["evaluations"]
    every = None if run.finished else EVERY
    st.fragment(live, run_every=every, key=f"live {key_of(run.name)}")(args, run, len(evaluations))
    samples(store, person, evaluations)


def figures(store: Store, args: Arguments, run: Run) -> Held[dict[str, Any]]:
    """The report of a training with its panels, as of the last step that was measured."""

    def make() -> dict[str, Any]:
        found = training_report(store, run.name)
        return {**found, "panels": panels(metrics.history(store, run.name))}

    version = runs_seen.measured(store, run.name)
    return KEPT.get((str(args.store), run.name), version, make, fresh=True)


def live(args: Arguments, run: Run, evaluations: int) -> None:
    """What changes while a run goes on. The whole page is drawn anew where another evaluation than
    the ``evaluations`` has come, and at the end."""
    try:
        with Store(args.store) as store:
            who.require(store, args, *READERS)
            found = figures(store, args, run).value
    except who.NotAllowed as error:
        st.error(str(error))
        return
    except StoreError:
        st.error(NOT_READ)
        return
    if found["finished"] != run.finished or len(found["evaluations"]) != evaluations:
        st.rerun()
    status(found, run)
    if not found["panels"]:
        st.text("Nothing has been measured yet.")
        return
    label = f"Curves of {visible(run.name)}"
    curves({"label": label, "panels": found["panels"]}, f"curves {key_of(run.name)}")


def status(found: dict[str, Any], run: Run) -> None:
    """How far it is, what it must be read with, and its alarms."""
    done = max([found["steps"], *(one["step"] for one in found["evaluations"])])
    with st.container(horizontal=True, gap="large"):
        st.metric("State", "finished" if found["finished"] else "not finished", width="content")
        st.metric("Steps", f"{done:,}", width="content")
        st.metric("Evaluations", len(found["evaluations"]), width="content")
        st.metric("Alarms", len(found["alarms"]), width="content")
        if run.matches:
            st.metric("Matches", f"{run.matches:,}", width="content")
    if not found["finished"]:
        st.caption(f"The store is looked at every {EVERY:.0f} seconds for a new step.")
    if found["labels"]:
        with st.container(key="marks of the run"):
            for label in found["labels"]:
                st.text(visible(f"This run {_says(label)}"))
    if found["alarms"]:
        with st.container(key="alarms"):
            for one in found["alarms"]:
                act = "the run was stopped" if one.get("act") == "stop" else "a warning"
                st.text(visible(f"Alarm at step {one.get('step')} ({act}): {one.get('reason')}"))
    if found["people"] is not None:
        fates = ", ".join(f"{n} {what}" for what, n in found["people"]["fates"].items() if n)
        notes([f"People's verdicts: {found['people']['verdicts']} ({fates or 'none'})."], "people")


def _says(label: str) -> str:
    return f"is {label}." if label.startswith("a ") else f"{label}."


# Debates of an evaluation.


def samples(store: Store, person: Person, evaluations: list[dict[str, Any]]) -> None:
    """A few debates of the evaluation at a step; the same places of the plan at every step."""
    some = {one["step"]: one["run"] for one in evaluations if one.get("run")}
    if not some:
        return
    st.subheader("Debates of the evaluations", anchor=False)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        if st.session_state.get("sample step") not in some:
            st.session_state["sample step"] = max(some)
        step = st.selectbox("Evaluation", sorted(some, reverse=True), key="sample step", width=240,
                            format_func=lambda step: f"at step {step}")  # fmt: skip
        verdicts = st.toggle("Verdicts", key=VERDICTS)
    if verdicts:
        st.caption(READ)
    keys = runs_seen.sample(store, some[step], SAMPLES)
    if not keys:
        st.text("No debate of this evaluation is over yet.")
        return
    rows = browse.described(store, keys)
    shown: dict[str, list[Any]] = {
        "Question": [row["question"] for row in rows],
        "Setting": [", ".join(row["settings"]) for row in rows],
        "Players": [", ".join(f"{seat}: {name}" for seat, name in row["players"]) for row in rows],
        "Turns": [row["turns"] for row in rows],
    }
    if verdicts:
        read = [decided(store, person, row["id"]) for row in rows]
        for n, title in enumerate(("Verdicts", "Right")):
            shown[title] = [one[n] for one in read]
    chosen = table(shown, "Debates of the evaluation: select a row to open it",
                   key=f"samples {key_of(some[step], verdicts)}", on_select="rerun",
                   selection_mode="single-row")  # fmt: skip
    st.caption("Select a row to open it; with the keyboard, by Shift+Space.")
    picked = chosen["selection"]["rows"]
    if picked and 0 <= picked[0] < len(rows):
        go("debate", id=rows[picked[0]]["id"])
        follow()


def decided(store: Store, person: Person, key: str) -> tuple[str, str]:
    """What judges said of a debate, and how many of them were right; nothing for somebody who is to
    judge it, and whoever reads it is noted first."""
    match = store.match(key)
    if seen.costs(store, match, person.id):
        return "yours to judge", ""
    seen.look(store, match, person.id, truth=True, reports=True)
    found = transcript(store, match, truth=True, reports=True)["reports"]
    last = [one for one in found if one["kind"] == "verdict" and not one["undone"]]
    right = [one["right"] for one in last if one["right"] is not None]
    said = "; ".join(_verdict(one) for one in last)
    return said or "none", f"{sum(right)} of {len(right)}" if right else ""


def _verdict(one: dict[str, Any]) -> str:
    """A verdict in a few words: who, what, and how sure."""
    if one["choice"] is None:
        return f"{one['judge']}: {'tie' if one['status'] == 'tie' else visible(one['status'])}"
    sure = "" if one["p"] is None else f" {100 * max(one['p']):.0f} %"
    return f"{one['judge']}: {visible(one['choice'])}{sure}"
