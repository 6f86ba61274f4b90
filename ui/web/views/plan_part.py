"""A plan: asked for in a form, previewed as a table with its loads and shortfalls, committed.

The preview writes nothing. What is committed is the very plan that was looked at, or nothing: a
store that has changed in between refuses it.
"""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from arena.desk import identity, planning
from arena.desk.audit import moment
from arena.desk.chairs import PersonError
from arena.desk.facts import Once
from arena.desk.identity import ADMIN, JUDGE, Person
from arena.desk.planning import PlanRequest, Preview
from arena.desk.plans import DISTANCE
from arena.desk.standing import plans
from arena.match import PERSON
from arena.protocols import JUDGE as JUDGING
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import tell
from ui.web.views.admin_desk import act, cut, key_of, labels, table

ONCES = {"story": "one debate of each story", "question": "one of each question",
         "debate": "any debate once"}  # fmt: skip
KINDS = {"judging": "judging", "practice": "practice", "gold": "gold",
         "duplicate": "second reading", "debating": "debating"}  # fmt: skip
SPANS = {
    "load": "people's loads differ by",
    "setting": "their shares of a setting by",
    "sides": "those with the same sides by",
    "listing": "the two listings of the options by",
}
MOST_SEED = 2**53 - 1  # what a browser counts exactly
MOST_NAMES = 3000
"""Stories and questions that the box of exclusions lists; more are named by their id."""
_CHAIRS = (
    "SELECT DISTINCT m.seats FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match "
    "WHERE rm.run = ? AND m.played = 0"
)
_STORIES = (
    "SELECT DISTINCT q.id, q.text, q.grp FROM run_matches AS rm JOIN matches AS m "
    "ON m.id = rm.match JOIN questions AS q ON q.id = m.question WHERE rm.run = ? LIMIT ?"
)
_ASKED = (
    "SELECT m.id, q.text FROM json_each(?) AS wanted CROSS JOIN matches AS m "
    "ON m.id = wanted.value JOIN questions AS q ON q.id = m.question"
)
_KNOWN = (
    "SELECT 1 FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match "
    "JOIN questions AS q ON q.id = m.question WHERE rm.run = ?1 "
    "AND (m.id = ?2 OR q.id = ?2 OR coalesce(q.grp, q.id) = ?2) LIMIT 1"
)


def plan_part(store: Store, args: Arguments, run: str) -> None:
    """The standing plan in a line, exclusions, the form, and the preview that was asked for."""
    standing = plans(store).get(run, {})
    people = [one for one in identity.people(store) if one.revoked_at is None]
    if not people:
        st.text("There is nobody to plan for yet: invite people first.")
        return
    if standing:
        row = store.one("SELECT at FROM events WHERE key = ?", f"plan:{run}:{standing['number']}")
        when = "" if row is None else f", {moment(row['at'])}"
        st.text(f"Plans of this run so far: {standing['number']}{when}. A plan adds to earlier "
                "ones: what they have given out stays.")  # fmt: skip
    if _excluded_key(run) not in st.session_state:
        st.session_state[_excluded_key(run)] = [
            tuple(one) for one in standing.get("exclusions", [])
        ]
    form(store, args, run, people, standing)
    exclusions(store, args, run, people)
    plan: Preview | None = st.session_state.get(_preview_key(run))
    if plan is not None:
        preview(store, args, run, plan)


def _preview_key(run: str) -> str:
    return f"preview {key_of(run)}"


def _excluded_key(run: str) -> str:
    return f"excluded {key_of(run)}"


def seats_of(store: Store, run: str) -> list[str]:
    """The judge's chair, and those of debaters that are kept for people."""
    found = {seat for row in store.query(_CHAIRS, run) for seat, who in json.loads(row["seats"])
             if who == PERSON}  # fmt: skip
    return [JUDGING, *sorted(found - {JUDGING})]


# What is asked for.


def form(
    store: Store, args: Arguments, run: str, people: list[Person], standing: dict[str, Any]
) -> None:
    """Everything that a plan is asked for, but the exclusions."""
    part = key_of("plan", run)
    shown = labels((one.id, one.name) for one in people)
    before = [one for one in standing.get("people", ()) if one in shown]
    everybody = before or [one.id for one in people if one.role == JUDGE] or list(shown)
    seats = seats_of(store, run)
    with st.form(f"plan {part}"):
        st.multiselect("People", list(shown), everybody, key=f"people {part}",
                       format_func=lambda one: shown.get(one, ""))  # fmt: skip
        left, middle, right = st.columns(3, gap="medium", vertical_alignment="bottom")
        with left:
            st.number_input("Judges for each debate", 1, 1000, min(1000, standing.get("k", 1)),
                            key=f"k {part}")  # fmt: skip
            st.number_input("Most debates per person (0: no limit)", 0, 1_000_000,
                            min(1_000_000, standing.get("cap") or 0),
                            key=f"cap {part}")  # fmt: skip
        with middle:
            st.selectbox("Nobody is given more than", list(ONCES), key=f"once {part}",
                         index=list(ONCES).index(standing.get("once", "story")),
                         format_func=ONCES.__getitem__)  # fmt: skip
            st.number_input("Debates between two readings of one", 0, 1000,
                            min(1000, standing.get("distance", DISTANCE)),
                            key=f"distance {part}")  # fmt: skip
        with right:
            st.number_input("Seed of the draw", 0, MOST_SEED,
                            max(0, min(MOST_SEED, standing.get("seed", 0))),
                            key=f"seed {part}")  # fmt: skip
            chairs = [one for one in standing.get("seats", seats[:1]) if one in seats] or seats[:1]
            st.multiselect("Chairs to fill", seats, chairs, key=f"seats {part}",
                           format_func=cut)  # fmt: skip
        st.toggle("Offer what the plan leaves open to everybody", bool(standing.get("rest")),
                  key=f"rest {part}")  # fmt: skip
        st.form_submit_button("Preview", type="primary", on_click=previewed,
                              args=(args, run, part))  # fmt: skip


def asked(run: str, part: str) -> PlanRequest:
    """What the form says. Raises PersonError where it asks for nothing that can be."""
    state = st.session_state
    cap, once = int(state.get(f"cap {part}") or 0), str(state.get(f"once {part}", "story"))
    people = tuple(str(one) for one in state.get(f"people {part}", ()))
    chosen: Once = "question" if once == "question" else "debate" if once == "debate" else "story"
    seats = tuple(str(one) for one in state.get(f"seats {part}", ()))
    if not seats:
        raise PersonError("Choose the chairs that the plan is to fill.")
    return PlanRequest(
        run, people, int(state.get(f"k {part}") or 1), cap or None,
        int(state.get(f"seed {part}") or 0), seats,
        tuple(one for one in state.get(_excluded_key(run), ()) if one[0] in people), chosen,
        int(state.get(f"distance {part}") or 0), bool(state.get(f"rest {part}")),
    )  # fmt: skip


def previewed(args: Arguments, run: str, part: str) -> None:
    """The click on Preview."""
    st.session_state.pop(_preview_key(run), None)

    def work_out(store: Store, admin: Person) -> None:
        st.session_state[_preview_key(run)] = planning.preview(store, asked(run, part))

    act(args, work_out, ADMIN)


def exclusions(store: Store, args: Arguments, run: str, people: list[Person]) -> None:
    """Who is not given what: beyond what they have read, which is never given again."""
    names = {one.id: one.name for one in people}
    pairs: list[tuple[str, str]] = st.session_state[_excluded_key(run)]
    with st.expander("Exclusions"):
        st.text(
            "Nobody is given a debate about what they have read or debated here. Add what else "
            "somebody should not be given: a story or a question that they know from elsewhere."
        )
        rows = list(store.query(_STORIES, run, MOST_NAMES))
        what = {row["grp"]: f"story: {row['grp']}" for row in rows if row["grp"] is not None}
        what |= {row["id"]: f"question: {row['text']}" for row in rows}
        if pairs:
            table(
                {"Person": [visible(names.get(who, "somebody else")) for who, _ in pairs],
                 "Is not given": [cut(what.get(one, one)) for _, one in pairs]},
                "Exclusions",
            )  # fmt: skip
        who_shown, what_shown = labels(names.items()), labels(what.items())
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox("Person", list(who_shown), key="exclude who",
                         format_func=lambda one: who_shown.get(one, ""))  # fmt: skip
            st.selectbox("Story or question", [None, *what_shown], key="exclude what",
                         format_func=lambda one: what_shown.get(one, "by id"))  # fmt: skip
            st.text_input("Or an id", key="exclude id", max_chars=200,
                          placeholder="of a debate, question or story")  # fmt: skip
        with st.container(horizontal=True):
            st.button("Exclude", key="exclude", on_click=excluded, args=(args, run))
            st.button("Clear exclusions", key="clear exclusions", disabled=not pairs,
                      on_click=cleared, args=(args, run))  # fmt: skip


def excluded(args: Arguments, run: str) -> None:
    """The click on Exclude."""
    state = st.session_state
    who = state.get("exclude who")
    what = str(state.get("exclude id", "")).strip() or state.get("exclude what")

    def add(store: Store, admin: Person) -> None:
        if not who or not what:
            raise PersonError("Choose a person, and a story or question that they are not given.")
        if store.one(_KNOWN, run, what) is None:
            raise PersonError("No debate, question or story of this run has that id.")
        pairs = state.setdefault(_excluded_key(run), [])
        if (who, what) not in pairs:
            pairs.append((who, what))
        state.pop(_preview_key(run), None)
        state["exclude id"] = ""

    act(args, add, ADMIN)


def cleared(args: Arguments, run: str) -> None:
    """The click on Clear exclusions."""

    def clear(store: Store, admin: Person) -> None:
        st.session_state[_excluded_key(run)] = []
        st.session_state.pop(_preview_key(run), None)

    act(args, clear, ADMIN)


# What comes of it.


def preview(store: Store, args: Arguments, run: str, plan: Preview) -> None:
    """The plan, before it is one: what it could not do, loads and balance, every line."""
    st.subheader("Preview", anchor=False)
    people = {str(one["person"]): visible(str(one["name"])) for one in plan.loads}
    if plan.violations:
        with st.container(key="lines"):
            st.text(f"Not as it was asked for ({len(plan.violations)}):")
            for line in plan.violations:
                st.text(visible(line))
    else:
        st.text("Everything is as it was asked for.")
    differ = ", ".join(f"{words} {plan.spans.get(name, 0)}" for name, words in SPANS.items())
    st.text(f"Places: {len(plan.rows)}. At the most, {differ}.")
    loads(plan, people)
    lines(store, plan, people)
    if not plan.rows:
        st.text("There is nothing to commit.")
        return
    with st.popover("Commit this plan", type="primary"):
        st.text("Everybody finds their part in their queue at once.")
        st.button("Yes, commit", key="commit", type="primary", on_click=committed,
                  args=(args, run, plan))  # fmt: skip


def loads(plan: Preview, people: dict[str, str]) -> None:
    """How much each person gets, and of what."""
    columns = {
        "judging": "Judging", "debating": "Debating", "practice": "Practice", "gold": "Gold",
        "again": "Second readings", "with earlier plans": "With earlier plans",
        "usual listing": "Options as listed", "reversed": "Options reversed",
    }  # fmt: skip
    shown: dict[str, list[Any]] = {"Person": [people[str(one["person"])] for one in plan.loads]}
    for key, title in columns.items():
        if key in ("judging", "with earlier plans") or any(one[key] for one in plan.loads):
            shown[title] = [one[key] for one in plan.loads]
    for setting in sorted({name for one in plan.loads for name in one["settings"]}):
        shown[f"of {cut(setting, 40)}"] = [one["settings"].get(setting, 0) for one in plan.loads]
    table(shown, "What each person is given")


def lines(store: Store, plan: Preview, people: dict[str, str]) -> None:
    """Every line of the plan."""
    wanted = json.dumps(sorted({row.of or row.match for row in plan.rows}))
    texts = {row["id"]: row["text"] for row in store.query(_ASKED, wanted)}
    with st.expander("Every place"):
        table(
            {
                "Person": [people.get(row.person, "") for row in plan.rows],
                "#": [row.position + 1 for row in plan.rows],
                "Question": [cut(texts.get(row.of or row.match, ""), 200) for row in plan.rows],
                "For": [KINDS[row.kind] for row in plan.rows],
                "Chair": [visible(row.seat) for row in plan.rows],
                "Setting": [visible(row.setting) for row in plan.rows],
                "Options": [
                    "" if row.listing is None else
                    "reversed" if row.listing[0] else "as listed" for row in plan.rows
                ],
            },
            "Every place of the plan",
        )  # fmt: skip


def committed(args: Arguments, run: str, plan: Preview) -> None:
    """The click on Yes, commit."""

    def write(store: Store, admin: Person) -> None:
        done = planning.commit(store, plan, admin.id)
        tell("done", f"Places that are planned now: {len(plan.rows)}." if done
             else "This plan was committed before.")  # fmt: skip

    act(args, write, ADMIN)
    st.session_state.pop(_preview_key(run), None)
