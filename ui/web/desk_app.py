"""The desk as an ASGI application: Streamlit with routes of its own, behind the gate.

Started by `ui.serve.command` with ``streamlit run``, which puts the arguments after ``--`` where
script and application both read them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from ui import doorkey
from ui.serve import Arguments, arguments
from ui.web import oidc
from ui.web.downloads import downloads
from ui.web.gate import Gate, Headers, drop_server_header
from ui.web.parts import bundle
from ui.web.routes import routes


def door_of(args: Arguments) -> doorkey.Door | None:
    """The door of a local desk. Ends the process where nobody could come in by it."""
    if not args.local:
        return None
    try:
        token = doorkey.token_of(os.environ)
    except OSError as error:
        sys.exit(f"arena: {error}")
    if token is None:
        sys.exit(f"arena: a local desk is started with `arena ui`, or with {doorkey.TOKEN} set")
    return doorkey.Door(token, doorkey.kept_key(args.store))


def providers_of(args: Arguments) -> tuple[str, ...]:
    """The logins of organisations; none at a local desk. Ends the process where they cannot work:
    people would be left at a door that does not open."""
    try:
        return () if args.local else oidc.providers()
    except oidc.Misconfigured as error:
        sys.exit(f"arena: {error}")


args = arguments(sys.argv[1:])
door = door_of(args)
providers = providers_of(args)
drop_server_header()
app = st.App(
    str(Path(__file__).with_name("desk_script.py")),
    routes=[*routes(args, providers, door), *downloads(args), bundle.serve()],
    middleware=[
        Middleware(Headers),
        Middleware(Gate, args=args, login=bool(providers), door=door),
    ],
)
