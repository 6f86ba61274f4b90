"""The debates of a store: found by filters, a page at a time; a row opens the transcript.

Filters are kept in the address, so that a link can be shared: as constants, or as tokens of a
value, never as text. Whether a verdict was right is told where the switch of this page is on.
"""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from arena.desk import browse
from arena.desk.browse import FLAGS, OUTCOMES, TOLD, BrowseError, Filters
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.ids import content_id
from arena.store import Store, StoreError
from ui.serve import Arguments
from ui.web.views.acting import NOT_READ, follow, go, told
from ui.web.views.look import look
from ui.web.views.transcript_desk import STYLE, act, detail, reader_at

TRUTH = "list truth"
TEXT = "list text"
WORDS = "debates words"
PAGES = "debates pages"
LIST = "debates query"
"""Where the filters are kept for the way back from a transcript."""
PAGE = 50
"""Debates on one page of the list."""
FACETS = {
    "run": "Run",
    "setting": "Setting",
    "protocol": "Protocol",
    "story": "Story",
    "player": "Player",
    "against": "Against",
}
"""The filters whose values are the store's: their address is a token."""
JUDGES = {"person": "people", "model": "models"}
_STAMP = (
    "SELECT (SELECT max(rowid) FROM matches) AS matches, (SELECT count(*) FROM run_matches) AS "
    "runs, (SELECT max(rowid) FROM match_turns) AS turns, (SELECT max(id) FROM events) AS events, "
    "(SELECT count(*) FROM verdicts) AS verdicts"
)


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for this person."""
    follow()
    look()
    st.html(STYLE)
    try:
        with Store(args.store) as store:
            page(store, args, reader_at(store, args))
    except (PersonError, BrowseError) as error:
        st.error(str(error))
    except StoreError:
        st.error(NOT_READ)


def page(store: Store, args: Arguments, person: Person) -> None:
    """Filters, counts, the rows of this page, and the ways between pages."""
    st.session_state[LIST] = dict(st.query_params)
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        st.subheader("Debates", anchor=False, width="content")
        truth = st.toggle("Truth", key=TRUTH)
    told()
    detail()
    filters, unknown = read(store, truth)
    boxes, total = st.container(key="filters"), st.empty()
    if unknown:
        st.caption("A filter of this address is not known here, or needs the switch above.")
    after = _after()
    try:
        found = browse.debates(store, filters, truth, after, PAGE)
    except OverflowError:  # an address that was made up
        found = browse.Page([], None)
    if not found.rows:
        st.text("No debate fits these filters. Take one of them back." if after is None
                else "No more debates.")  # fmt: skip
    else:
        table(found.rows, filters, after, truth)
    pages(args, after, found.after)
    # Counting looks at every debate, listing only at those of a page: the list does not wait.
    counted = counts(store, args, person, filters, truth)
    total.caption(f"{counted['total']} debate{' fits' if counted['total'] == 1 else 's fit'}.")
    with boxes:
        controls(args, filters, counted, truth)


# What the address says.


def token(facet: str, value: str) -> str:
    """A value of a filter in an address: of the value, and not the value itself."""
    return content_id("f", [facet, value])[:13]


def read(store: Store, truth: bool) -> tuple[Filters, bool]:
    """The filters of the address, and whether it says something that is not known here."""
    query, unknown = st.query_params, False
    values: dict[str, Any] = {}
    for facet in FACETS:
        if facet in query:
            known = {token(facet, one): one for one in browse.values(store, facet)}
            values[facet] = known.get(query[facet])
            unknown = unknown or values[facet] is None
    for name, allowed in (("judge", JUDGES), ("outcome", OUTCOMES)):
        if name in query:
            given = query[name] if query[name] in allowed else None
            if given in TOLD and not truth:
                given = None
            values[name] = given
            unknown = unknown or given is None
    flags = [one for one in query.get("flags", "").split(",") if one]
    values["flags"] = tuple(one for one in FLAGS if one in flags)
    unknown = unknown or len(values["flags"]) < len(flags)
    return Filters(**values, text=str(st.session_state.get(WORDS, ""))), unknown


def _after() -> int | None:
    given = st.query_params.get("after", "")
    return int(given) if re.fullmatch("[0-9]{1,12}", given) else None


def counts(
    store: Store, args: Arguments, person: Person, filters: Filters, truth: bool
) -> dict[str, Any]:
    """The counts of `browse.counts`, kept while the store says the same."""
    stamp = tuple((store.one(_STAMP) or {}).values())
    found: dict[str, Any] = _counts(str(args.store), person.role, truth, filters, stamp)
    return found


@st.cache_data(max_entries=128, ttl=600, show_spinner=False)
def _counts(
    path: str, role: str, truth: bool, filters: Filters, stamp: tuple[Any, ...]
) -> dict[str, Any]:
    """Counts are shared by all sessions, so the role and the switch are part of their key."""
    with Store(path) as store:
        return browse.counts(store, filters, truth)


# The filters on the page.


def controls(args: Arguments, filters: Filters, counted: dict[str, Any], truth: bool) -> None:
    """A box for each filter, with how many debates each value would leave."""
    state = st.session_state
    met = ("against",) if filters.player or filters.against else ()
    for row in (("run", "setting", "protocol", "story"),
                ("player", *met, "judge", "outcome", "flags")):  # fmt: skip
        for column, facet in zip(st.columns(len(row)), row, strict=True):
            with column:
                if facet == "flags":
                    _flags(args, filters, counted["flag"])
                else:
                    _one(args, facet, getattr(filters, facet), counted[facet], truth)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        state[TEXT] = filters.text
        st.text_input("Words of the question", key=TEXT, max_chars=200, on_change=changed,
                      args=(args,))  # fmt: skip
    with right:
        st.button("Clear filters", key="clear filters", on_click=clear, args=(args,),
                  disabled=filters == Filters(), width="stretch")  # fmt: skip


def _one(
    args: Arguments, facet: str, now: str | None, some: list[dict[str, Any]], truth: bool
) -> None:
    labels: dict[str | None, str] = {None: "all"}
    for one in some:
        name = JUDGES.get(one["value"], one["label"]) if facet == "judge" else one["label"]
        labels[one["value"]] = f"{name} ({one['n']})"
    if now is not None and now not in labels:
        labels[now] = OUTCOMES.get(now, JUDGES.get(now, now)) + " (0)"
    key = f"list {facet}"
    st.session_state[key] = now
    title = FACETS.get(facet) or {"judge": "Judged by", "outcome": "Outcome"}[facet]
    st.selectbox(title, list(labels), key=key, on_change=changed, args=(args,),
                 placeholder="all",
                 format_func=lambda value: labels.get(value, "all"))  # fmt: skip


def _flags(args: Arguments, filters: Filters, some: list[dict[str, Any]]) -> None:
    found = {one["value"]: one["n"] for one in some}
    st.session_state["list flags"] = list(filters.flags)
    st.multiselect(
        "Flags", list(FLAGS), key="list flags", on_change=changed, args=(args,),
        placeholder="any", format_func=lambda flag: f"{FLAGS[flag]} ({found.get(flag, 0)})",
    )  # fmt: skip


def changed(args: Arguments) -> None:
    """A filter was set: it goes into the address, and the list begins again."""
    state = st.session_state

    def keep(store: Store, person: Person) -> None:
        query: dict[str, str] = {}
        for facet in FACETS:
            value = state.get(f"list {facet}")
            if facet == "against" and state.get("list player") in (None, value):
                continue  # there is nobody else to be against
            if value is not None:
                query[facet] = token(facet, str(value))
        for name, allowed in (("judge", JUDGES), ("outcome", OUTCOMES)):
            if state.get(f"list {name}") in allowed:
                query[name] = state[f"list {name}"]
        flags = [flag for flag in FLAGS if flag in state.get("list flags", ())]
        if flags:
            query["flags"] = ",".join(flags)
        state[WORDS] = str(state.get(TEXT, ""))
        state.pop(PAGES, None)
        st.query_params.from_dict(query)

    act(args, keep)


def clear(args: Arguments) -> None:
    """The click that takes all filters back."""

    def forget(store: Store, person: Person) -> None:
        for name in (WORDS, PAGES):
            st.session_state.pop(name, None)
        st.query_params.clear()

    act(args, forget)


# The rows.


def table(rows: list[dict[str, Any]], filters: Filters, after: int | None, truth: bool) -> None:
    """One page of debates; the row that is selected is opened."""
    shown: dict[str, list[Any]] = {
        "Question": [row["question"] for row in rows],
        "Setting": [", ".join(row["settings"]) for row in rows],
        "Players": [", ".join(f"{seat}: {who}" for seat, who in row["players"]) for row in rows],
        "Turns": [row["turns"] for row in rows],
        "State": ["over" if row["played"] else "not over" for row in rows],
        "Verdicts, people": [row["people"] for row in rows],
        "Verdicts, models": [row["models"] for row in rows],
    }
    if truth:
        for outcome in ("right", "wrong"):
            shown[outcome.capitalize()] = [row["outcomes"].get(outcome, 0) for row in rows]
        rest = [sum(row["outcomes"].values()) for row in rows]
        known = zip(rest, shown["Right"], shown["Wrong"], strict=True)
        shown["Neither"] = [n - right - wrong for n, right, wrong in known]
    shown["Flags"] = [", ".join(row["flags"]) for row in rows]
    shown["Story"] = [row["story"] or "" for row in rows]
    shown["Protocol"] = [row["protocol"] for row in rows]
    shown["Run"] = [", ".join(row["runs"]) for row in rows]
    # Rows of another page, or under other filters, are another table: a selection never moves.
    what = [[getattr(filters, name) for name in Filters.__dataclass_fields__], after, truth]
    chosen = st.dataframe(
        shown, hide_index=True, key=f"list {content_id('k', what)}", on_select="rerun",
        selection_mode="single-row", height="auto" if len(rows) > 14 else "content",
        alt="Debates: select a row to open it",
    )  # fmt: skip
    st.caption("Select a row to open it.")
    picked = chosen["selection"]["rows"]
    if picked and 0 <= picked[0] < len(rows):
        go("debate", id=rows[picked[0]]["id"])
        follow()


def pages(args: Arguments, after: int | None, more: int | None) -> None:
    """The ways to the next page and back."""
    if after is None and more is None:
        return
    with st.container(horizontal=True, gap="small"):
        st.button("Previous page", key="previous page", shortcut="K", disabled=after is None,
                  on_click=turn_page, args=(args, None))  # fmt: skip
        st.button("Next page", key="next page", shortcut="J", disabled=more is None,
                  on_click=turn_page, args=(args, more))  # fmt: skip


def turn_page(args: Arguments, to: int | None) -> None:
    """The click on a way: to the debates after a key, or back to where one came from."""

    def show(store: Store, person: Person) -> None:
        been: list[int | None] = st.session_state.setdefault(PAGES, [])
        if to is not None:
            been.append(_after())
            st.query_params["after"] = str(to)
            return
        before = been.pop() if been else None
        if before is None:
            st.query_params.pop("after", None)
        else:
            st.query_params["after"] = str(before)

    act(args, show)
