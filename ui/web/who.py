"""Who is at the desk, asked anew on every run: a revoked session ends at the next click."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from arena.desk import identity, passcodes
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.store import Store
from ui.serve import Arguments
from ui.web import presence
from ui.web.gate import COOKIE


class NotAllowed(PersonError):
    """Whoever asks is signed out, or has a role that may not do this."""


def current(store: Store, args: Arguments) -> Person | None:
    """The person of this browser, from the row of its session; None where that is over.

    Streamlit keeps the cookies of the moment of connection, so only the row can be believed. On a
    local desk it is whoever started it, as an admin.
    """
    if args.local:
        return identity.local(store, args.person)
    token = st.context.cookies.get(COOKIE)
    person = None if token is None else identity.signed_in(store, token)
    if token is not None and person is not None:
        presence.note(token)
    if person is not None and passcodes.must_set_one(store, person):
        return replace(person, role=identity.JUDGE)  # an admin from when the passcode is set
    return person


def require(store: Store, args: Arguments, *roles: str) -> Person:
    """The current person, who has one of ``roles`` (any, where none is named).

    For pages and for callbacks: a page that was drawn says nothing about who clicks. Raises
    NotAllowed.
    """
    person = current(store, args)
    if person is None:
        raise NotAllowed("You are signed out. Sign in again; what you have saved is kept.")
    if roles and person.role not in roles:
        raise NotAllowed("Your role does not allow this.")
    return person
