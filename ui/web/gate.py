"""What stands in front of every endpoint of the desk: headers outside, the gate within.

Both are plain ASGI. The gate lets nothing through but the way in (`OPEN`, and Streamlit's own
bundle) unless the request belongs to a person: by the session in its cookie, or in local mode by
coming from this machine, to a loopback name, with the cookie that the printed address left
(`ui.doorkey`). Who it is goes on in ``scope["state"]["person"]``; routes of our own read it there,
and every run of the script asks again (`ui.web.who`).
"""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arena.desk import identity, passcodes
from arena.desk.identity import Person
from arena.desk.shelf import borrowed
from arena.store import StoreError
from ui.doorkey import PATH as ENTER
from ui.doorkey import Door
from ui.serve import Arguments, is_loopback
from ui.web import presence, signin_page

COOKIE = "arena_session"
PERSON = "person"
PROXIED = frozenset({
    "forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    "x-forwarded-port", "x-forwarded-server", "cf-connecting-ip", "true-client-ip",
})  # fmt: skip
"""Headers by which a proxy can be told: what comes through one is not from this machine alone."""
OPEN = frozenset({"/signin", "/signin.css", "/healthz"})
LOCALLY = OPEN - {"/signin"}
LOGIN = frozenset({"/auth/login", "/oauth2callback", "/login", "/oidc"})
"""The way through an organisation's login; closed where none is configured."""

POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-src 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # no-referrer makes Chromium send `Origin: null` with forms
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}


class Headers:
    """Adds the headers to every HTTP response, refusals included. But for Streamlit's bundle, no
    browser and no proxy may keep what comes back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add to what comes back."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _headers(scope["path"], message["headers"])}
            await send(message)

        await self.app(scope, receive, with_headers)


def _headers(path: str, given: Any) -> list[tuple[bytes, bytes]]:
    ours = {name.encode(): value.encode() for name, value in HEADERS.items()}
    kept = [(name.lower(), value) for name, value in given]
    if not path.startswith("/static/"):  # the bundle has names by content, and nobody's data
        ours[b"cache-control"] = b"no-store"
    if path.startswith(ENTER):  # this address is itself a secret
        ours[b"referrer-policy"] = b"no-referrer"
    return [(n, v) for n, v in kept if n not in ours and n != b"server"] + list(ours.items())


def drop_server_header() -> None:
    """Keep uvicorn from naming itself: it adds that header below every application.

    `streamlit run` offers no option for it. Called while uvicorn loads the application, just
    before it starts to listen; where a later version has other names, the header stays.
    """
    import uvicorn

    start = uvicorn.Server.startup

    @functools.wraps(start)
    async def startup(self: uvicorn.Server, *args: Any, **named: Any) -> None:
        given = getattr(self.config, "encoded_headers", [])
        self.config.encoded_headers = [pair for pair in given if pair[0] != b"server"]
        await start(self, *args, **named)

    uvicorn.Server.startup = startup  # type: ignore[method-assign]


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request, names in lower case; of one that is repeated, the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]}  # fmt: skip


def token_of(cookies: str | None, named: str = COOKIE) -> str | None:
    """The session's token in a Cookie header, or the value of another cookie; None without one."""
    # Not by `http.cookies`: one cookie that it cannot parse, of any page on this host, hides all
    # that come after it.
    pairs = (one.strip().partition("=") for one in (cookies or "").split(";"))
    return next((value.strip('"') for name, _, value in pairs if name == named), None)


def same_origin(headers: dict[str, str]) -> bool:
    """Whether a browser says that a page of this origin sent this: by Origin, by Sec-Fetch-Site, by
    both where it sends both. A request that says neither is not taken for one."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is None and site is None:
        return False
    return (origin is None or _names(origin, headers)) and site in (None, "same-origin")


def from_script(headers: dict[str, str]) -> bool:
    """Whether a script of a page of this origin sent this: no form can send that header."""
    return headers.get("x-arena") == "1" and same_origin(headers)


def _names(origin: str, headers: dict[str, str]) -> bool:
    try:
        found = urlsplit(origin)
    except ValueError:
        return False
    host = headers.get("host", "")
    return found.scheme in ("http", "https") and bool(host) and found.netloc == host


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty where it is none."""
    try:
        found = urlsplit(f"//{host}")
        port = found.port  # raises ValueError where it is none
        if found.netloc != host or "@" in host or port == 0:
            return ""
        return (found.hostname or "").rstrip(".")
    except ValueError:
        return ""


class Gate:
    """Refuses whatever is not a person's; see the module."""

    def __init__(
        self, app: ASGIApp, args: Arguments, login: bool = False, door: Door | None = None
    ) -> None:
        self.app = app
        self.args = args
        self.door = door  # of a local desk; one without lets nobody in
        self.open = OPEN | (LOGIN if login else frozenset())
        self.login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = headers_of(scope)
        try:
            refused = await self._refused(scope, headers)
        except StoreError:
            refused = _line("The store cannot be read now. Try again in a moment.", 503)
        if refused is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403})  # before accept: HTTP 403
        else:
            await refused(scope, receive, send)

    async def _refused(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        strange = self._strange(scope, headers)
        if strange:
            return _line(strange, 403)
        path: str = scope["path"]
        if scope["type"] == "http":
            if path.startswith(("/_stcore/metrics", "/_stcore/agent")):
                return Response(status_code=404)
            if self._is_open(path):
                return None
        elif not (headers.get("origin") and same_origin(headers)):
            return Response(status_code=403)
        person, bare = await run_in_threadpool(self._who, headers.get("cookie"))
        scope.setdefault("state", {})[PERSON] = person
        if person is None:
            return self._to_sign_in(scope, headers, path)
        if bare and path not in ("/passcode", "/leave"):
            page = _is_page(scope, headers)
            return RedirectResponse("/passcode", 303) if page else Response(status_code=403)
        return None

    def _strange(self, scope: Scope, headers: dict[str, str]) -> str:
        """Why a request is refused whoever it is from; nothing may be guessed from a mode."""
        name = host_name(headers.get("host", ""))
        if not self.args.local:
            hosts = self.args.hosts
            return "" if not hosts or name in hosts else "This desk has another host name."
        peer = scope.get("client")
        if PROXIED & set(headers):
            return "This desk is local. To have it behind a proxy, start it with --sign-in."
        if not is_loopback(name) or (peer is not None and not is_loopback(peer[0])):
            return "This desk is local: it answers to localhost and 127.0.0.1 alone."
        return ""

    def _is_open(self, path: str) -> bool:
        if self.args.local:  # where nobody signs in, nobody tries names and links either
            return path in LOCALLY or path.startswith("/static/") or _one(path, ENTER)
        return (
            path in self.open
            or path.startswith("/static/")
            or _one(path, "/join/")
            or (self.login and path.startswith("/login/"))
        )

    def _who(self, cookies: str | None) -> tuple[Person | None, bool]:
        """Whose request it is, and whether that is an admin who still has to set a passcode."""
        if self.args.local:
            if self.door is None or not self.door.admits(token_of(cookies, self.door.cookie)):
                return None, False
            with borrowed(self.args.store) as store:
                return identity.local(store, self.args.person), False
        token = token_of(cookies)
        if token is None:
            return None, False
        with borrowed(self.args.store) as store:
            person = identity.signed_in(store, token)
            if person is not None:
                presence.note(token)
            return person, person is not None and passcodes.must_set_one(store, person)

    def _to_sign_in(self, scope: Scope, headers: dict[str, str], path: str) -> Response:
        local = self.args.local
        if path.startswith("/api/") and from_script(headers):
            return _line(NOT_ENTERED if local else SIGNED_OUT, 401)
        if _is_page(scope, headers):
            if local:
                return HTMLResponse(signin_page.enter(), 403)
            vouched = self.login and "_streamlit_user=" in headers.get("cookie", "")
            return RedirectResponse("/oidc" if vouched and path == "/" else "/signin", 303)
        if _is_form(scope, headers):  # of a page that was open when the session ended
            title, text = "You are signed out", "Sign in again. What you have saved is kept."
            shown = signin_page.enter() if local else signin_page.refusal(title, text)
            return HTMLResponse(shown, 403)
        return Response(status_code=403)


SIGNED_OUT = "You are signed out. Sign in in another tab, then go on here."
NOT_ENTERED = "Open the address that `arena ui` has printed in another tab, then go on here."


def _one(path: str, way: str) -> bool:
    """Whether a path is a way and one name after it: what routes of ours answer to."""
    name = path.removeprefix(way)
    return path.startswith(way) and bool(name) and "/" not in name


def _is_page(scope: Scope, headers: dict[str, str]) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] in ("GET", "HEAD")
        and "text/html" in headers.get("accept", "")
    )


def _is_form(scope: Scope, headers: dict[str, str]) -> bool:
    """Whether a button of a page of ours was clicked, and a page is to come."""
    html = "text/html" in headers.get("accept", "")
    return scope["type"] == "http" and scope["method"] == "POST" and html and same_origin(headers)


def _line(text: str, status: int) -> Response:
    return PlainTextResponse(text + "\n", status)
