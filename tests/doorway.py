"""The desk's routes behind its gate, without Streamlit: for tests of what passes."""

import socket as sockets
from dataclasses import replace

from browser import ENTER as ENTER
from browser import LOCAL as TOKEN
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from arena.desk import identity, passcodes
from arena.store import Store
from ui.doorkey import Door
from ui.serve import Arguments
from ui.web.gate import COOKIE, Gate, Headers
from ui.web.routes import routes

HOST = "desk.example"
HTML = {"accept": "text/html,*/*"}
OWN = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
SCRIPT = {**OWN, "x-arena": "1"}
DOOR = Door(TOKEN, b"k" * 32)
ENTERED = {"cookie": f"{DOOR.cookie}={DOOR.value()}"}
"""The headers of a browser that has opened the address of a local desk."""


async def inside(request: Request) -> PlainTextResponse:
    """Stands for whatever Streamlit serves."""
    person = getattr(request.state, "person", None)
    return PlainTextResponse(f"inside: {person and person.name}", headers={"Server": "x"})


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.state.person.name)
    await websocket.close()


def built(args: Arguments, providers: tuple[str, ...] = ()) -> Starlette:
    """The desk's own routes and middleware, with a stand-in for Streamlit behind them."""
    door = DOOR if args.local else None
    return Starlette(
        routes=[*routes(args, providers, door), WebSocketRoute("/{rest:path}", socket),
                Route("/{rest:path}", inside, methods=["GET", "POST", "PUT"])],
        middleware=[
            Middleware(Headers),
            Middleware(Gate, args=args, login=bool(providers), door=door),
        ],
    )  # fmt: skip


def client(
    args: Arguments, host: str = HOST, peer: str = "192.0.2.7",
    headers: dict[str, str] | None = None,
) -> TestClient:  # fmt: skip
    """A client of the desk; ``headers`` go with every request."""
    return TestClient(
        built(args), base_url=f"http://{host}", client=(peer, 50_000), follow_redirects=False,
        headers=headers,
    )  # fmt: skip


def at_home(args: Arguments, **headers: str) -> TestClient:
    """A client of the local desk, on the same machine, that has come by the printed address."""
    return client(replace(args, local=True), "localhost", "127.0.0.1", {**ENTERED, **headers})


def enter(store: Store, name: str = "Ada", role: str | None = None, passcode: bool = True) -> str:
    """The token of somebody who has joined; an admin has set a passcode, unless told otherwise."""
    found = identity.accept(store, identity.invite(store, name, role))
    assert found is not None
    if passcode and role == identity.ADMIN:
        passcodes.set_passcode(store, found[0].id, "correct horse battery", keep=found[1])
    return found[1]


def cookie(token: str) -> dict[str, str]:
    return {"cookie": f"{COOKIE}={token}"}


def free_port() -> int:
    """A port that nobody listens on just now."""
    with sockets.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
