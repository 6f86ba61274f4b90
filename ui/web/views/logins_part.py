"""Logins of organisations: whose they are, and taking one away; what a click says of sessions."""

from __future__ import annotations

import streamlit as st

from arena.desk import logins
from arena.desk.chairs import PersonError
from arena.desk.identity import ADMIN, Person
from arena.store import Store
from arena.text import visible
from ui.serve import Arguments
from ui.web.gate import COOKIE
from ui.web.views.acting import tell
from ui.web.views.admin_desk import act, key_of, labels, table, value_in

CHOSEN = "login to take"


def own_session(admin: Person, id: str) -> str | None:
    """The token of the session that goes on where admins do something about themselves."""
    found = st.context.cookies.get(COOKIE)
    return found if admin.id == id and isinstance(found, str) else None


def signed_out_from(ended: int) -> str:
    """The sentence about the sessions that were ended, with a space before it; none for none."""
    if not ended:
        return ""
    return f" Signed out on {ended} device{'' if ended == 1 else 's'}."


def logins_part(store: Store, args: Arguments, everybody: list[Person]) -> None:
    """Who signs in by an organisation's login, and the way to end that."""
    found = {key_of(one.issuer, one.subject): one for one in logins.bound(store)}
    if not found:
        return
    names = {one.id: visible(one.name) for one in everybody}
    rows = sorted(found.items(), key=lambda pair: names.get(pair[1].person, ""))
    with st.expander("Logins of organisations"):
        table(
            {
                "Name": [names.get(one.person, "") for _, one in rows],
                "Issuer": [visible(one.issuer) for _, one in rows],
                "Subject": [visible(one.subject) for _, one in rows],
            },
            "Logins and whose they are",
        )
        st.caption("Whoever is revoked cannot use their login either.")
        shown = labels((key, f"{names.get(one.person, '')}, {one.subject}") for key, one in rows)
        st.session_state[CHOSEN] = value_in(shown, st.session_state.get(CHOSEN))
        st.selectbox("Login", list(shown), key=CHOSEN, format_func=lambda one: shown.get(one, ""))
        st.button("Take this login away", key="unbind", on_click=taken, args=(args,))
        st.caption(
            "The person is signed out, and their login leads nowhere until it has a new invite."
        )


def taken(args: Arguments) -> None:
    """The click on Take this login away."""
    chosen = str(st.session_state.get(CHOSEN, ""))

    def take(store: Store, admin: Person) -> None:
        some = [one for one in logins.bound(store) if key_of(one.issuer, one.subject) == chosen]
        ended = None
        if some:
            ended = logins.unbind(store, some[0], admin.id, own_session(admin, some[0].person))
        if ended is None:
            raise PersonError("This login is not there any more.")
        tell("done", f"The login is taken away.{signed_out_from(ended)}")

    act(args, take, ADMIN)
