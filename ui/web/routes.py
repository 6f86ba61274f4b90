"""The desk's own endpoints: the way in and out, and what a page saves without a rerun.

The gate has run before any of these: ``request.state.person`` is who asks, or None. Forms and JSON
are taken from pages of this origin alone, are cut off above a size, and change the store in a
thread of their own; what fails is answered in one line of ours.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from arena.desk import identity, logins, passcodes
from arena.desk.chairs import PersonError
from arena.desk.identity import Person
from arena.desk.shelf import borrowed
from arena.store import Store, StoreError
from ui.doorkey import PATH as ENTER
from ui.doorkey import SECONDS, Door
from ui.serve import Arguments
from ui.web import oidc, signin_page
from ui.web.gate import COOKIE, from_script, headers_of, same_origin, token_of

FORM_BYTES = 8_192
JSON_BYTES = 131_072
LONGEST_DRAFT = 20_000  # characters
MOST_PLACES = 10_000
DAY = 86_400_000.0  # milliseconds; what is credible is for the store to say

Answer = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """An HTTP status, and the line that goes with it."""

    def __init__(self, status: int, line: str) -> None:
        self.status = status
        super().__init__(line)


class TooLong(Exception):
    """A body above its limit."""


async def body_of(request: Request, limit: int) -> bytes:
    """The body of a request. Raises TooLong as soon as it is above ``limit`` bytes."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limit:
        raise TooLong
    got = bytearray()
    async for part in request.stream():
        got += part
        if len(got) > limit:
            raise TooLong
    return bytes(got)


def routes(
    args: Arguments, providers: tuple[str, ...] = (), door: Door | None = None
) -> list[Route]:
    """Every route of the desk's own, over the store that ``args`` names; ``door`` is a local
    desk's."""
    desk = Desk(args, providers, door)
    own = [
        Route("/healthz", desk.health),
        Route(signin_page.STYLE_PATH, desk.style),
        Route("/signin", desk.sign_in_page),
        Route("/signin", form(desk.sign_in), methods=["POST"]),
        Route("/join/{token}", desk.join_page),
        Route("/join/{token}", form(desk.join), methods=["POST"]),
        Route("/passcode", desk.passcode_page),
        Route("/passcode", form(desk.passcode), methods=["POST"]),
        Route("/leave", desk.leave_page),
        Route("/leave", form(desk.leave), methods=["POST"]),
        Route("/api/draft", api(desk.draft), methods=["POST"]),
        Route("/api/active", api(desk.active), methods=["POST"]),
    ]
    if door is not None:
        own.append(Route(f"{ENTER}{{token}}", desk.enter, methods=["GET"]))
    if providers:
        own += [Route("/login/{provider}", desk.login), Route("/oidc", desk.vouched)]
    return own


Form = Callable[[Request, Mapping[str, str]], Awaitable[Response]]
Api = Callable[[Person, Mapping[str, Any]], Any]


def form(answer: Form) -> Answer:
    """An endpoint for a form of a page of ours."""

    @functools.wraps(answer)
    async def checked(request: Request) -> Response:
        if not same_origin(headers_of(request.scope)):
            return page("Not from this desk", "That form was sent from another page. Open the "
                        "desk's own, and try again.", 403)  # fmt: skip
        try:
            read = parse_qs((await body_of(request, FORM_BYTES)).decode(), max_num_fields=8)
        except TooLong:
            return page("Too long", "That form holds more than the desk takes.", 413)
        except ValueError:
            return page("Not understood", "That form cannot be read. Try again.", 400)
        try:
            return await answer(request, {name: values[-1] for name, values in read.items()})
        except StoreError:
            return page("Not now", "The store cannot be written now. Try again in a moment.", 503)

    return checked


def api(act: Api) -> Answer:
    """An endpoint for a script of ours: takes a JSON object and one person's own, answers JSON."""

    @functools.wraps(act)
    async def checked(request: Request) -> Response:
        if not from_script(headers_of(request.scope)):
            return line(403, "Only the desk's own pages may save here.")
        person: Person = request.state.person
        try:
            value = json.loads(await body_of(request, JSON_BYTES))
            if not isinstance(value, dict):
                raise Refused(400, "A JSON object was expected.")
            done = await run_in_threadpool(act, person, value)
        except TooLong:
            return line(413, f"At most {JSON_BYTES} bytes can be saved at once.")
        except ClientDisconnect:
            return line(400, "The message broke off.")
        except Refused as refused:
            return line(refused.status, str(refused))
        except (ValueError, RecursionError):
            return line(400, "That is no JSON.")
        except PersonError as error:
            return line(400, str(error))
        except StoreError:
            return line(503, "The store cannot be written now.")
        return JSONResponse({"ok": True, **(done or {})})

    return checked


def line(status: int, text: str) -> Response:
    """A refusal in one line."""
    return PlainTextResponse(text + "\n", status)


def page(title: str, text: str, status: int) -> Response:
    """A refusal as a page."""
    return HTMLResponse(signin_page.refusal(title, text), status)


def text_of(value: Mapping[str, Any], name: str, limit: int) -> str:
    """A text of a JSON object. Raises Refused where it is none, or has more characters."""
    found = value.get(name)
    if not isinstance(found, str):
        raise Refused(400, f"{name} has to be a text.")
    if len(found) > limit:
        raise Refused(413, f"{name} has up to {limit} characters; this one has {len(found)}.")
    return found


def number_of(value: Mapping[str, Any], name: str, least: float, most: float) -> float:
    """A number of a JSON object. Raises Refused where it is none from ``least`` to ``most``."""
    found = value.get(name)
    if isinstance(found, (int, float)) and not isinstance(found, bool) and least <= found <= most:
        return float(found)  # NaN is on no side of anything
    raise Refused(400, f"{name} has to be a number from {least:g} to {most:g}.")


class Desk:
    """What the endpoints do, over one store."""

    def __init__(
        self, args: Arguments, providers: tuple[str, ...], door: Door | None = None
    ) -> None:
        self.args = args
        self.providers = providers
        self.door = door
        self.tries = passcodes.Attempts()

    async def _do(self, act: Callable[..., Any], *values: Any) -> Any:
        def on_store() -> Any:
            with borrowed(self.args.store) as store:
                return act(store, *values)

        return await run_in_threadpool(on_store)

    def _in(self, request: Request, session: str, to: str = "/") -> Response:
        """The way to ``to``, with the session's cookie."""
        response = RedirectResponse(to, 303)
        response.set_cookie(
            COOKIE, session, max_age=int(identity.SESSION_SECONDS), path="/", httponly=True,
            samesite="lax", secure=self._secure(request),
        )  # fmt: skip
        return response

    def _secure(self, request: Request) -> bool:
        return self.args.https or request.url.scheme == "https"

    async def health(self, request: Request) -> Response:
        """For probes: the process answers."""
        return PlainTextResponse("ok")

    async def style(self, request: Request) -> Response:
        """The style of the pages in front of the desk."""
        return Response(signin_page.STYLE, media_type="text/css")

    # In.

    async def enter(self, request: Request) -> Response:
        """The address that a local desk printed: its token becomes a cookie, and leaves the bar."""
        if self.door is None or not self.door.opens(request.path_params["token"]):
            return HTMLResponse(signin_page.enter(), 403)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            self.door.cookie, self.door.value(), max_age=SECONDS, path="/", httponly=True,
            samesite="strict", secure=self._secure(request),
        )  # fmt: skip
        return response

    async def sign_in_page(self, request: Request) -> Response:
        """The sign-in; a local desk has none."""
        if self.args.local:
            return RedirectResponse("/", 303)
        return HTMLResponse(signin_page.sign_in(providers=self.providers))

    async def sign_in(self, request: Request, given: Mapping[str, str]) -> Response:
        """A name and a passcode."""
        name, passcode = given.get("name", ""), given.get("passcode", "")
        status, wait = 401, {}
        problem = "Name and passcode do not fit."
        try:
            found = await self._do(passcodes.sign_in, name, passcode, peer(request), self.tries)
            if found is not None:
                return self._in(request, found[1])
        except passcodes.TooMany as error:
            status, problem, wait = 429, str(error), {"retry-after": str(error.seconds)}
        shown = signin_page.sign_in(problem, name[: identity.MAX_NAME], self.providers)
        return HTMLResponse(shown, status, wait)

    async def join_page(self, request: Request) -> Response:
        """What an invite's link opens: a button. Nothing is consumed, and nothing is kept."""
        if self.args.local:
            return RedirectResponse("/", 303)
        person = await self._do(identity.invited, request.path_params["token"])
        if person is None:
            return gone()
        return HTMLResponse(signin_page.join(request.url.path, person.name))

    async def join(self, request: Request, given: Mapping[str, str]) -> Response:
        """The button: the invite is used up, and its person is in."""
        found = await self._do(identity.accept, request.path_params["token"])
        if found is None:
            return gone()
        person, session = found
        bare = await self._do(passcodes.must_set_one, person)
        return self._in(request, session, "/passcode" if bare else "/")

    async def passcode_page(self, request: Request) -> Response:
        """A form for a new passcode; whoever has one already gives that too."""
        return await self._passcode_form(request, "", 200)

    async def _passcode_form(self, request: Request, problem: str, status: int) -> Response:
        person: Person = request.state.person
        has = await self._do(passcodes.has_passcode, person.id)
        return HTMLResponse(signin_page.passcode(problem, person.name, has), status)

    async def passcode(self, request: Request, given: Mapping[str, str]) -> Response:
        """A new passcode, given twice, and the one until now."""
        new, old = given.get("passcode", ""), given.get("old", "")
        if new != given.get("again", ""):
            return await self._passcode_form(request, "The two are not the same.", 400)
        own = token_of(request.headers.get("cookie"))
        try:
            ended = await self._do(
                self._renew, request.state.person, old, new, peer(request), own
            )  # fmt: skip
        except passcodes.TooMany as error:
            return await self._passcode_form(request, str(error), 429)
        except PersonError as error:
            return await self._passcode_form(request, str(error), 400)
        return HTMLResponse(signin_page.renewed(ended)) if ended else RedirectResponse("/", 303)

    def _renew(
        self, store: Store, person: Person, old: str, new: str, address: str, own: str | None
    ) -> int:
        if passcodes.has_passcode(store, person.id):
            self.tries.begin(person.id, address)
            if not passcodes.fit(store, person.id, old):
                raise PersonError("That is not your passcode until now.")
            self.tries.succeeded(person.id, address)
        return passcodes.set_passcode(store, person.id, new, person.id, own)

    async def login(self, request: Request) -> Response:
        """On to an organisation's login."""
        provider = request.path_params["provider"]
        if provider not in self.providers:
            return page("No such login", "This desk does not know that login.", 404)
        return RedirectResponse(oidc.begin(provider), 303)

    async def vouched(self, request: Request) -> Response:
        """Back from it: its claims become a session of ours, and its cookies go."""
        claims = oidc.claims(request.cookies)
        found = await self._do(logins.by_login, claims) if claims else None
        if found is None:
            text = "Your login is valid, but nobody has invited it here. Ask whoever runs the desk."
            response = page("Not invited", text, 403)
        else:
            response = self._in(request, found[1])
        for name in oidc.cookies(request.cookies):
            response.delete_cookie(name, path="/")
        return response

    # Out.

    async def leave_page(self, request: Request) -> Response:
        """A button to sign out."""
        return HTMLResponse(signin_page.leave())

    async def leave(self, request: Request, given: Mapping[str, str]) -> Response:
        """The session ends; at other devices it goes on."""
        token = token_of(request.headers.get("cookie"))
        if token is not None:
            await self._do(identity.sign_out, token)
        response = RedirectResponse("/signin", 303)
        response.delete_cookie(COOKIE, path="/")
        return response

    # What pages save.

    def _own(self, store: Store, person: Person, value: Mapping[str, Any]) -> str:
        """The match of the assignment in ``value``, which has to be the person's own."""
        sql = "SELECT match FROM assignments WHERE id = ? AND holder = ?"
        row = store.one(sql, text_of(value, "assignment", 64), person.id)
        if row is None:
            raise Refused(403, "That is not yours to write to.")
        match: str = row["match"]
        return match

    def draft(self, person: Person, value: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what somebody has typed so far: ``{assignment, field, text, drawn?}``; ``drawn`` is
        the server's time at which the page was drawn."""
        from arena.desk import drafts

        field, text = text_of(value, "field", 40), text_of(value, "text", LONGEST_DRAFT)
        drawn = number_of(value, "drawn", 0, 1e12) if "drawn" in value else None
        with borrowed(self.args.store) as store:
            match = self._own(store, person, value)
            return {"kept": drafts.save(store, person.id, match, field, text, drawn)}

    def active(self, person: Person, value: Mapping[str, Any]) -> dict[str, Any]:
        """Add active time on places of a page: ``{assignment, place, milliseconds}``, or several at
        once: ``{assignment, spent: [[place, milliseconds], ...]}``; place -1: none."""
        from arena.desk import drafts

        pairs = value.get("spent", [[value.get("place"), value.get("milliseconds")]])
        if not isinstance(pairs, list) or len(pairs) > MOST_PLACES:
            raise Refused(400, f"spent has to be a list of up to {MOST_PLACES} pairs.")
        spent: dict[int, float] = {}
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                raise Refused(400, "spent has to be a list of pairs: a place, and milliseconds.")
            one = {"place": pair[0], "milliseconds": pair[1]}
            place = int(number_of(one, "place", -1, MOST_PLACES))
            spent[place] = spent.get(place, 0.0) + number_of(one, "milliseconds", 0, DAY)
        with borrowed(self.args.store) as store:
            match = self._own(store, person, value)
            return {"kept": drafts.add_all(store, person.id, match, spent)}


def peer(request: Request) -> str:
    """The address that a request comes from; of a proxy's, the one that the server believes."""
    return request.client.host if request.client else ""


def gone() -> Response:
    """The answer to every link that is not an open invite: why is not said."""
    text = (
        "It was used already, has expired or was taken back; or it is not whole. "
        "Ask whoever sent it for a new one."
    )
    return page("This link does not work", text, 404)
