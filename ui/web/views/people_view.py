"""People: who may be at the desk and as what; links, roles, passcodes, sessions, logins.

A link is shown once, to whoever made it; the store keeps its hash. What changes who may come in
ends the sessions of whom it concerns, and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import streamlit as st

from arena.desk import identity, logins, passcodes
from arena.desk.chairs import PersonError
from arena.desk.identity import ADMIN, INVITE_HOURS, JUDGE, MAX_NAME, ROLES, Person
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web.views.acting import tell
from ui.web.views.admin_desk import act, ago, draw_for, labels, lasts, said, table, value_in
from ui.web.views.logins_part import logins_part, own_session, signed_out_from

LINK = "link of an invite"
WHO = "who"
"""The key of the box that says whom the acts below are about."""
ROLE_WORDS = {
    "judge": "judge: reads and judges what is assigned",
    "researcher": "researcher: reads everything, and exports",
    "admin": "admin: manages people, assignments and data",
}
_SEEN = (
    "SELECT people.id, (SELECT max(at) FROM events WHERE person = people.id) AS seen, "
    "(SELECT count(DISTINCT match) FROM verdicts WHERE author = people.id AND origin = 'person') "
    "AS judged, (SELECT count(*) FROM logins WHERE person = people.id) AS logins FROM people"
)


@dataclass(frozen=True, slots=True)
class Link:
    """An invite's link, while it is shown: whose it is, and for how many hours it is good."""

    path: str
    name: str
    hours: float


def draw(args: Arguments, person: Person) -> None:
    """Draw the page for an admin."""
    draw_for(args, page, ADMIN)


def page(store: Store, args: Arguments, admin: Person) -> None:
    """Who there is, a form to invite somebody, and what can be done about one of them."""
    st.subheader("People", anchor=False)
    said()
    link(args)
    everybody = identity.people(store)
    overview(store, everybody)
    left, right = st.columns(2, gap="large")
    with left:
        invite_form(args)
        open_invites(store, args, everybody)
    with right:
        one_person(store, args, admin, everybody)
    logins_part(store, args, everybody)


# What there is.


def overview(store: Store, everybody: list[Person]) -> None:
    """Everybody, a row each."""
    now = time.time()
    rows = {row["id"]: row for row in store.query(_SEEN)}
    sessions = identity.session_counts(store)
    links = {one.person for one in identity.invites(store) if one.state(now) == "open"}
    if not everybody:
        st.text("Nobody is here yet. Invite somebody below.")
        return

    def ways(one: Person) -> str:
        found = [
            ("passcode", passcodes.has_passcode(store, one.id)),
            ("login", bool(rows[one.id]["logins"])),
            ("open link", one.id in links),
        ]
        return ", ".join(word for word, there in found if there)

    table(
        {
            "Name": [visible(one.name) for one in everybody],
            "Role": [one.role for one in everybody],
            "Access": ["" if one.revoked_at is None else "revoked" for one in everybody],
            "Last seen": [ago(rows[one.id]["seen"], now) for one in everybody],
            "Signed in": [sessions.get(one.id, 0) for one in everybody],
            "Can sign in by": [ways(one) for one in everybody],
            "Judged": [rows[one.id]["judged"] for one in everybody],
        },
        "The people of this desk",
    )
    st.caption("Signed in counts devices. Judged counts debates with a verdict that stands.")


# Links.


def link(args: Arguments) -> None:
    """The link that was just made, until it is hidden or the page is left."""
    kept = st.session_state.get(LINK)
    if kept is None:
        return
    one, fresh = kept
    if not fresh and "hide link" not in st.session_state:  # the page was left meanwhile
        del st.session_state[LINK]
        return
    st.session_state[LINK] = (one, False)
    with st.container(key="once"):
        st.text(f"A link for {visible(one.name)}. Copy it now: it is not shown again.")
        st.code(origin(args) + one.path, language=None, wrap_lines=True)
        st.caption(f"It signs in whoever opens it first, once, within {one.hours:g} hours.")
        if args.local:
            st.caption(
                "This desk runs without a sign-in, so the link leads nowhere now. It works when "
                "the same store is served with a sign-in, at that desk's address."
            )
        st.button("I have copied it", key="hide link", on_click=hide)


def hide() -> None:
    """The click after which the link is nowhere."""
    st.session_state.pop(LINK, None)


def origin(args: Arguments) -> str:
    """The address of the desk as this browser has it; empty where it does not say."""
    found = urlsplit(str(st.context.url or ""))
    if found.scheme not in ("http", "https") or not found.netloc:
        return ""
    return f"{'https' if args.https else found.scheme}://{found.netloc}"


def invite_form(args: Arguments) -> None:
    """Somebody new, or somebody known who needs a new link."""
    st.subheader("Invite", anchor=False)
    with st.form("invite", clear_on_submit=False):
        st.text_input("Name", key="invite name", max_chars=MAX_NAME,
                      placeholder="as it is to stand in the record")  # fmt: skip
        st.selectbox("Role", ROLES, key="invite role", format_func=ROLE_WORDS.__getitem__)
        st.number_input("Hours until the link expires", 1.0, 8760.0, INVITE_HOURS, 1.0,
                        format="%g", key="invite hours")  # fmt: skip
        st.form_submit_button("Make a link", type="primary", on_click=invited, args=(args,))
    st.caption("With an organisation's login, the name is the e-mail address that it has verified.")


def invited(args: Arguments) -> None:
    """The click on Make a link."""
    state = st.session_state
    name, role = str(state.get("invite name", "")), str(state.get("invite role", JUDGE))
    hours = float(state.get("invite hours", INVITE_HOURS))

    def make(store: Store, admin: Person) -> None:
        tidy = identity.tidy(name)
        known = next((one for one in identity.people(store) if one.name == tidy), None)
        if known is not None and known.role != role:
            raise PersonError(
                f"This name is known, as {known.role}. Change the role under One person, then "
                "make a link."
            )
        token = identity.invite(store, tidy, role, hours, admin.id)
        state[LINK] = (Link(f"/join/{token}", tidy, hours), True)
        state[WHO] = identity.named(store, tidy).id

    if act(args, make, ADMIN):
        state["invite name"] = ""


def open_invites(store: Store, args: Arguments, everybody: list[Person]) -> None:
    """The links that nobody has used yet, and a way to end one."""
    now = time.time()
    some = [one for one in identity.invites(store) if one.state(now) == "open"]
    if not some:
        return
    names = {one.id: one.name for one in everybody}
    shown = labels(
        (one.hash, f"{names.get(one.person, '')}, {lasts(one.expires, now)} left") for one in some
    )
    st.subheader("Open links", anchor=False)
    st.session_state["open link"] = value_in(shown, st.session_state.get("open link"))
    st.selectbox("Link for", list(shown), key="open link",
                 format_func=lambda one: shown.get(one, ""))  # fmt: skip
    st.button("End this link", key="end link", on_click=ended, args=(args,))


def ended(args: Arguments) -> None:
    """The click on End this link."""
    named_by = str(st.session_state.get("open link", ""))

    def end(store: Store, admin: Person) -> None:
        if not identity.revoke_invite(store, named_by, admin.id):
            raise PersonError("This link is not open any more: it was used, ended or has expired.")
        tell("done", "The link does not work any more.")

    if act(args, end, ADMIN):
        st.session_state.pop(LINK, None)


# One person.


def one_person(store: Store, args: Arguments, admin: Person, everybody: list[Person]) -> None:
    """What can be done about the person that is chosen."""
    st.subheader("One person", anchor=False)
    if not everybody:
        return
    shown = labels((one.id, one.name) for one in everybody)
    st.session_state[WHO] = value_in(shown, st.session_state.get(WHO))
    id = st.selectbox("Person", list(shown), key=WHO,
                      format_func=lambda one: shown.get(one, ""))  # fmt: skip
    found = next(one for one in everybody if one.id == id)
    if found.revoked_at is not None:
        st.text("This person's access is revoked. What they have done stays in the record.")
        st.button("Let in again", key="restore", type="primary", on_click=restored,
                  args=(args, id))  # fmt: skip
        return
    st.session_state[f"role {id}"] = found.role
    st.selectbox("May be here as", ROLES, key=f"role {id}", format_func=ROLE_WORDS.__getitem__,
                 on_change=changed, args=(args, id))  # fmt: skip
    if id == admin.id:
        st.caption("This is you.")
    with st.container(horizontal=True):
        st.button("New link", key="reissue", on_click=reissued, args=(args, id))
        st.button("Sign out everywhere", key="sign out", on_click=signed_out, args=(args, id))
        with st.popover("Revoke access"):
            st.text("Sessions and open links end at once. Judgments stay.")
            st.button("Yes, revoke", key="revoke", type="primary", on_click=revoked,
                      args=(args, id))  # fmt: skip
    st.caption(
        "A new link ends earlier ones. Another role or a new passcode signs the person out, "
        "and they come back by passcode, login or a new link."
    )
    passcode_form(args, id, passcodes.has_passcode(store, id))


def passcode_form(args: Arguments, id: str, has: bool) -> None:
    """A passcode, with which a person signs in by name; every admin needs one, or a login."""
    with (
        st.expander("A new passcode" if has else "Set a passcode"),
        st.form(f"passcode {id}", clear_on_submit=True, border=False),
    ):
        for key, label in (("passcode", "Passcode"), ("again", "The same again")):
            st.text_input(label, key=f"{key} {id}", type="password",
                          max_chars=passcodes.LONGEST, autocomplete="new-password")  # fmt: skip
        st.form_submit_button("Keep it", on_click=kept, args=(args, id))
        st.caption(
            f"{passcodes.SHORTEST} to {passcodes.LONGEST} characters. For somebody who has "
            "forgotten theirs: they can change it once they are in."
        )


def kept(args: Arguments, id: str) -> None:
    """The click on Keep it."""
    given = str(st.session_state.get(f"passcode {id}", ""))
    again = str(st.session_state.get(f"again {id}", ""))

    def keep(store: Store, admin: Person) -> None:
        if given != again:
            raise PersonError("The two passcodes are not the same.")
        ended = passcodes.set_passcode(store, id, given, admin.id, own_session(admin, id))
        tell("done", f"The passcode is kept.{signed_out_from(ended)}")

    act(args, about(id, keep), ADMIN)


def changed(args: Arguments, id: str) -> None:
    """Another role was chosen."""
    role = str(st.session_state.get(f"role {id}", ""))

    def change(store: Store, admin: Person) -> None:
        ended = identity.set_role(store, id, role, admin.id, own_session(admin, id))
        ways = passcodes.has_passcode(store, id) or bool(logins.bound(store, id))
        back = "" if ways or not ended else " They need a new link to come back."
        tell("done", f"The role is changed.{signed_out_from(ended)}{back}")

    act(args, about(id, change), ADMIN)


def reissued(args: Arguments, id: str) -> None:
    """The click on New link."""

    def make(store: Store, admin: Person) -> None:
        found = identity.by_id(store, id)
        if found is None:
            raise PersonError("There is no such person in this store.")
        token = identity.invite(store, found.name, None, INVITE_HOURS, admin.id)
        st.session_state[LINK] = (Link(f"/join/{token}", found.name, INVITE_HOURS), True)

    act(args, about(id, make), ADMIN)


def signed_out(args: Arguments, id: str) -> None:
    """The click on Sign out everywhere."""

    def end(store: Store, admin: Person) -> None:
        n = identity.end_sessions(store, id, admin.id)
        tell("done", f"Sessions that were ended: {n}.")

    act(args, about(id, end), ADMIN)


def revoked(args: Arguments, id: str) -> None:
    """The click on Yes, revoke."""

    def end(store: Store, admin: Person) -> None:
        ended = identity.revoke(store, id, admin.id)
        more = " Planned debates can be taken back under Assignments."
        tell("done", f"Access is revoked.{signed_out_from(ended)}{more}")

    act(args, about(id, end), ADMIN)


def restored(args: Arguments, id: str) -> None:
    """The click on Let in again."""

    def begin(store: Store, admin: Person) -> None:
        identity.restore(store, id, admin.id)
        tell("done", "Access is restored. Make a new link for them, if they have no passcode.")

    act(args, about(id, begin), ADMIN)


def about(id: str, do: Callable[[Store, Person], None]) -> Callable[[Store, Person], None]:
    """The act on this person. It is refused where another one is chosen by now, so that nobody is
    hit whose name was not to be seen."""

    def safe(store: Store, admin: Person) -> None:
        if st.session_state.get(WHO) != id:
            raise PersonError("Another person was chosen just then: look again who it is.")
        do(store, admin)

    return safe
