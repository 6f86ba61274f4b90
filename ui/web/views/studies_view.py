"""A study, or any run that was judged: how often judges are right, by setting, and all that belongs
with it; as tables and charts of the same report that ``arena report`` prints, and as files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import streamlit as st

from arena.desk import runs_seen
from arena.desk.identity import Person
from arena.desk.runs_seen import Run
from arena.report import Sample
from arena.store import Store
from arena.text import visible
from ui import sections
from ui.serve import Arguments
from ui.sheets import Sheet
from ui.web import reports
from ui.web.desk_pages import way
from ui.web.downloads import FORMS, report_path
from ui.web.reports import Asked
from ui.web.views.acting import told
from ui.web.views.runs_desk import act, choose, draw_for_readers, held, notes, pictures, show, table

NONE = "No run has debates yet: `arena study` plays some, and `arena import` brings some."
KEEP = "study compared unmatched"
"""The study whose arms are compared although they are not matched as it declares."""
PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "accuracy": ("Accuracy", ("study", "pooled", "accuracy", "readers", "stratified", "missing",
                              "intervals", "scores")),
    "differences": ("Differences", ("differences", "unpaired", "pairs", "recovered")),
    "calibration": ("Calibration", ("calibration",)),
    "rounds": ("Round by round", ("rounds",)),
    "judges": ("Judges", ("agreement", "cards", "behaviour")),
    "players": ("Players", ("ratings", "crossplay", "effects")),
    "costs": ("Leaks and costs", ("leaks", "costs")),
}  # fmt: skip
"""What is shown at a time: by its name in the address, its title and its sections."""
TITLES = {one.key: one.title for one in sections.SECTIONS}


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for a researcher or an admin."""
    draw_for_readers(args, page)


def page(store: Store, args: Arguments, person: Person) -> None:
    """The run, what has to be read before any figure, and one part of its report."""
    st.subheader("Studies", anchor=False)
    run = choose(store, args, person, runs_seen.with_matches(store), "studies", NONE, "study")
    told()
    if run is None:
        return
    sample = of_import() if run.kind == "import" else "paper"
    asked = Asked(run.name, sample, run.kind == "study" and st.session_state.get(KEEP) == run.name)
    kept = held(store, args, run, reports.KEPT, asked.key(args.store), asked.make)
    found = kept.value
    if "problem" in found:
        refused(args, run, found["problem"])
        return
    warned = sections.warnings(found)
    if warned:
        with st.container(key="marks of the run"):
            for line in warned:
                st.text(visible(line))
    there = sections.present(found)
    parts = placed(there)
    files(asked)
    if not parts:
        st.text("No verdict stands on any debate of this run yet.")
        return
    part = chosen(args, parts)
    drawn = pictures(found, parts[part], asked.key(args.store), kept.version)
    for key in parts[part]:
        st.subheader(TITLES[key], anchor=False)
        show(drawn.get(key, ()))
        for n, one in enumerate(there[key]):
            sheet(one, f"{key} {n}", known={TITLES[key], run.name})
    notes(sections.remarks(found, {key: there[key] for key in parts[part]}), "remarks")


def refused(args: Arguments, run: Run, problem: str) -> None:
    """Why there is no report; of a study whose arms are not matched, the way to have one."""
    notes([f"There is no report: {problem}."], "problem")
    if run.kind == "study":
        st.button("Compare all the same", key="compare", on_click=_compare, args=(args, run.name))


def _compare(args: Arguments, run: str) -> None:
    act(args, lambda store, person: st.session_state.update({KEEP: run}))


def placed(there: Collection[str]) -> dict[str, list[str]]:
    """The parts that have anything, each with its sections; one that has no place of its own comes
    with the last."""
    known = [key for _, some in PARTS.values() for key in some]
    found = {part: [key for key in some if key in there] for part, (_, some) in PARTS.items()}
    found[next(reversed(PARTS))] += [key for key in there if key not in known]
    return {part: some for part, some in found.items() if some}


def of_import() -> Sample:
    """Which of an import's rooms: those of the paper, or all."""
    given = st.segmented_control("Sample", ["paper", "all"], default="paper", key="sample",
                                 required=True)  # fmt: skip
    return cast(Sample, given if given in ("paper", "all") else "paper")


def chosen(args: Arguments, parts: Mapping[str, Sequence[str]]) -> str:
    """The part that the address names, else the first one."""
    given = st.query_params.get("part", "")
    st.session_state["part of the report"] = given if given in parts else next(iter(parts))
    found = st.segmented_control(
        "Part", list(parts), key="part of the report", required=True,
        format_func=lambda key: PARTS[key][0], on_change=_chosen, args=(args,),
        label_visibility="collapsed",
    )  # fmt: skip
    return str(found)


def _chosen(args: Arguments) -> None:
    def show(store: Store, person: Person) -> None:
        given = st.session_state.get("part of the report")
        if given in PARTS:
            st.query_params["part"] = str(given)

    act(args, show)


def sheet(one: Sheet, key: str, known: Collection[str]) -> None:
    """A table of a report with its notes, and with its title where that is not ``known``."""
    with st.container(key=f"sheet {key}"):
        if one.title not in known:
            with st.container(key=f"plain title {key}"):
                st.text(visible(one.title))
        names = heads(one)
        shown = {name: [row[i] for row in one.rows] for i, name in enumerate(names)}
        settings = {
            name: st.column_config.Column(alignment="left" if column.text else "right")
            for name, column in zip(names, one.columns, strict=True)
        }
        table(shown, visible(one.title), column_config=settings)
        notes(one.notes, f"notes {key}")


def heads(one: Sheet) -> list[str]:
    """The heads of a table's columns, no two alike."""
    found: list[str] = []
    for column in one.columns:
        title = visible(column.title)
        again = sum(head == title or head.startswith(f"{title} (") for head in found)
        found.append(f"{title} ({again + 1})" if again else title)
    return found


def files(asked: Asked) -> None:
    """The ways to the whole report as a file."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="files"):
        st.text("The whole report as a file:")
        for form, title in FORMS.items():
            way(title, report_path(asked, form), post=True)
    st.caption("It is made now, and the audit log notes that you took it.")
