"""`parts_page.py` as an application: the desk's own headers, and stubs of its two endpoints.

What was posted can be read back at ``/posts``; ``/failing/1`` lets every post fail with 503, until
``/failing/0``.
"""

from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ui.web.gate import Headers

POSTS: list[dict[str, Any]] = []
FAILING = {"now": False}


async def take(request: Request) -> Response:
    """Keep a post, if it comes as the parts have to send it."""
    if request.headers.get("x-arena") != "1":
        return JSONResponse({}, 403)
    value = await request.json()
    if FAILING["now"]:
        return JSONResponse({}, 503)
    POSTS.append({"at": request.url.path, **value})
    return JSONResponse({"kept": True})


async def posts(request: Request) -> Response:
    """Everything that was posted."""
    return JSONResponse(POSTS)


async def failing(request: Request) -> Response:
    """Whether posts fail from now on."""
    FAILING["now"] = request.path_params["now"] == "1"
    return JSONResponse(FAILING)


app = st.App(
    str(Path(__file__).with_name("parts_page.py")),
    routes=[
        Route("/api/draft", take, methods=["POST"]),
        Route("/api/active", take, methods=["POST"]),
        Route("/posts", posts),
        Route("/failing/{now}", failing),
    ],
    middleware=[Middleware(Headers)],
)
