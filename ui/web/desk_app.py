"""The desk as an ASGI application: Streamlit with routes of its own, behind the gate.

Started by `ui.serve.command` with ``streamlit run``, which puts the arguments after ``--`` where
script and application both read them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from ui.serve import arguments
from ui.web import oidc
from ui.web.downloads import downloads
from ui.web.gate import Gate, Headers, drop_server_header
from ui.web.routes import routes

args = arguments(sys.argv[1:])
providers = () if args.local else oidc.providers()
drop_server_header()
app = st.App(
    str(Path(__file__).with_name("desk_script.py")),
    routes=[*routes(args, providers), *downloads(args)],
    middleware=[Middleware(Headers), Middleware(Gate, args=args, login=bool(providers))],
)
