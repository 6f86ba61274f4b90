"""My record: how well one's own judgments fit, where the study tells, and what time they took.

The answer of any single debate is no part of it: only `arena.desk.record` reads the truth, and what
it gives are counts and means. Time and numbers by day are told to everybody.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import altair as alt
import streamlit as st

from arena.desk.identity import Person
from arena.desk.record import Record, record
from arena.desk.settings import settings_of
from arena.store import Store, StoreError
from ui.serve import Arguments
from ui.web.views.acting import NOT_READ, follow
from ui.web.views.look import look

NOT_SHOWN = "The studies that you judge for do not show how often you were right."
NONE_YET = "Nothing to show yet: it comes when a verdict of yours can no longer be taken back."
TOGETHER = (
    "Your studies count what you judge together: it is shown here when all that was planned for "
    "you is done, and can no longer be taken back."
)
INK = "#777b82"
"""Of lines and numbers in the chart: to be seen on light and on dark paper."""
DAYS = 60
"""How many days the table of days goes back, of those on which something was done."""

# What stands: a verdict that was taken back was none. A person's own acts alone.
_JUDGED = (
    "SELECT e.at, e.match FROM events AS e JOIN verdicts AS v "
    "ON v.id = e.turn AND v.match = e.match AND v.author = e.person "
    "WHERE e.person = ? AND e.kind = 'verdict' ORDER BY e.at"
)
_SPOKEN = "SELECT at, match FROM events WHERE person = ? AND kind = 'speech'"
_ACTIVE = (
    "SELECT match, sum(milliseconds) AS spent, max(at) AS at FROM activity WHERE person = ? "
    "GROUP BY match"
)
_RUNS = (
    "SELECT DISTINCT rm.run FROM verdicts AS v JOIN run_matches AS rm ON rm.match = v.match "
    "WHERE v.author = ?1 UNION SELECT DISTINCT run FROM assignments WHERE holder = ?1 "
    "AND run IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Day:
    """One day: how many debates were judged, how many speeches given."""

    date: str
    judged: int
    speeches: int


@dataclass(frozen=True, slots=True)
class Time:
    """Active minutes in debates that the person has judged, one number each; the minutes in all
    others, and what was done by day, the last one first."""

    judged: tuple[float, ...]
    others: float
    days: tuple[Day, ...]


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for this person."""
    follow()
    look()
    try:
        with Store(args.store) as store:
            shown, known = allowed(store, person.id), record(store, person.id)
            spent = times(store, person.id, zone())
    except StoreError:
        st.error(NOT_READ)
        return
    st.subheader("How well you judge", anchor=False)
    if not shown:
        st.text(NOT_SHOWN)
    elif not known.n:
        st.text(TOGETHER if known.held else NONE_YET)
    else:
        figures(known)
        calibration(known)
    if shown and known.waiting:
        st.caption(f"Not counted yet, as they can still be taken back: {known.waiting}.")
    if shown and known.held:
        st.caption(f"Not counted yet, as it is counted together at the end: {known.held}.")
    st.subheader("Your time", anchor=False)
    time_spent(spent)


def allowed(store: Store, person: str) -> bool:
    """Whether a study that this person judges for shows its record."""
    runs = [row["run"] for row in store.query(_RUNS, person)]
    return any(settings_of(store, run).calibration for run in runs)


def zone() -> ZoneInfo | timezone:
    """The time zone of the browser; UTC where it names none that is known."""
    name = st.context.timezone
    return ZoneInfo(name) if name in available_timezones() else timezone.utc  # noqa: UP017


def times(store: Store, person: str, zone: ZoneInfo | timezone) -> Time:
    """What a person has done, and for how long it was at it."""
    spent = {row["match"]: row["spent"] / 60_000 for row in store.query(_ACTIVE, person)}
    given = list(store.query(_JUDGED, person))
    said = list(store.query(_SPOKEN, person))
    judged = {row["match"] for row in given}

    def day(at: float) -> str:
        return datetime.fromtimestamp(at, zone).date().isoformat()

    verdicts = Counter(day(row["at"]) for row in given)
    speeches = Counter(day(row["at"]) for row in said)
    days = sorted(verdicts.keys() | speeches.keys(), reverse=True)[:DAYS]
    return Time(
        tuple(sorted(spent[match] for match in judged if match in spent)),
        math.fsum(minutes for match, minutes in spent.items() if match not in judged),
        tuple(Day(one, verdicts[one], speeches[one]) for one in days),
    )


# How well.


def figures(known: Record) -> None:
    """Accuracy, and the two scores of the probabilities, each with how it is to be read."""
    low, high = known.interval or (0.0, 1.0)
    with st.container(horizontal=True, gap="large"):
        st.metric("Counted", known.n, width="content")
        if known.accuracy is not None:
            st.metric("Right", f"{100 * known.accuracy:.0f} %", width="content")
            st.metric("95 % interval", f"{100 * low:.0f} to {100 * high:.0f} %", width="content")
        if known.bits is not None:
            st.metric("Log score, bits", f"{known.bits:.2f}", width="content")
        if known.brier is not None:
            st.metric("Brier score", f"{known.brier:.3f}", width="content")
    st.caption(
        "A tie counts as half right. The log score is the mean of the base-2 logarithm of the "
        "probability that you gave to the right answer: 0 is perfect, and of two answers -1 is "
        "what 50 % always earns. The Brier score is half the squared distance: 0 is perfect, and "
        "of two answers 50 % always earns 0.25."
    )


def calibration(known: Record) -> None:
    """How often one was right when this sure: a chart, and the same as a table."""
    if not known.bins:
        return
    st.subheader("How sure you were, and how often you were right", anchor=False)
    rows = [
        {
            "sure": 100 * one.mean, "right": 100 * one.share, "n": one.n,
            "low": 100 * one.interval[0], "high": 100 * one.interval[1],
        }
        for one in known.bins
    ]  # fmt: skip
    percent = alt.Scale(domain=[0, 100])
    base = alt.Chart(alt.InlineData(rows))
    sure = alt.X("sure:Q", title="Your highest probability, mean of the group, %", scale=percent)
    bars = base.mark_rule(strokeWidth=2, color=INK).encode(
        x=sure, y=alt.Y("low:Q", title="Right, %", scale=percent), y2="high:Q"
    )
    points = base.mark_circle(opacity=1).encode(
        x=sure, y=alt.Y("right:Q"),
        size=alt.Size("n:Q", title="Debates", scale=alt.Scale(range=[60, 400]), legend=None),
        tooltip=[alt.Tooltip("n:Q", title="Debates"),
                 alt.Tooltip("sure:Q", title="Sure, %", format=".0f"),
                 alt.Tooltip("right:Q", title="Right, %", format=".0f")],
    )  # fmt: skip
    counts = base.mark_text(align="left", dx=12, fontSize=12, color=INK).encode(
        x=sure, y=alt.Y("right:Q"), text=alt.Text("n:Q")
    )
    even = alt.Chart(alt.InlineData([{"x": 0, "y": 0}, {"x": 100, "y": 100}])).mark_line(
        strokeDash=[4, 4], strokeWidth=1, color=INK
    ).encode(x=alt.X("x:Q"), y=alt.Y("y:Q"))  # fmt: skip
    left, right = st.columns([1.2, 1], gap="medium")
    with left:
        st.altair_chart(
            (even + bars + points + counts).properties(height=340), width="stretch",
            alt="How often you were right by how sure you were; the table has the same numbers",
        )  # fmt: skip
    with right:
        st.dataframe(
            {
                "Sure, %": [f"{100 * one.low:.0f} to {100 * one.high:.0f}" for one in known.bins],
                "Debates": [one.n for one in known.bins],
                "Mean, %": [round(100 * one.mean) for one in known.bins],
                "Right, %": [round(100 * one.share) for one in known.bins],
                "95 % interval": [
                    f"{100 * one.interval[0]:.0f} to {100 * one.interval[1]:.0f}"
                    for one in known.bins
                ],
            },
            hide_index=True, height="content", key="calibration",
            alt="How often you were right, by how sure you were",
        )  # fmt: skip
        st.caption(
            "On the dashed line one is right as often as one is sure. The numbers beside the "
            "points are debates; the lines are 95 % intervals, wide where there are few."
        )


# Time.


def time_spent(spent: Time) -> None:
    """How long debates took, and what was done by day."""
    if not spent.judged and not spent.others and not spent.days:
        st.text("Nothing yet.")
        return
    with st.container(horizontal=True, gap="large"):
        if spent.judged:
            st.metric("Debates timed", len(spent.judged), width="content")
            median = statistics.median(spent.judged)
            st.metric("Minutes a debate, median", f"{median:.1f}", width="content")
            st.metric("Shortest", f"{spent.judged[0]:.1f}", width="content")
            st.metric("Longest", f"{spent.judged[-1]:.1f}", width="content")
        total = math.fsum(spent.judged) + spent.others
        hours = timedelta(minutes=round(total))
        st.metric("Altogether, h:min", f"{hours}"[:-3], width="content")
    st.caption("Active time: the page was in sight, in front, and in use within half a minute.")
    if spent.days:
        shown: dict[str, list[object]] = {
            "Day": [one.date for one in spent.days],
            "Judged": [one.judged for one in spent.days],
        }
        if any(one.speeches for one in spent.days):
            shown["Speeches"] = [one.speeches for one in spent.days]
        st.dataframe(
            shown, hide_index=True, height="auto" if len(spent.days) > 9 else "content",
            key="days", alt="What you did by day", width="content",
        )  # fmt: skip
