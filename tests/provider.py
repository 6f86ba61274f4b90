"""A scripted provider of logins (OpenID Connect): discovery, authorize, token and keys.

It keeps to the protocol, PKCE and nonce included, unless it is told to lie in one particular way.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from browser import free_port
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, PASSWORD = "the-desk", "a password of the desk at the provider"
LIES = ("another key", "another audience", "another nonce", "another issuer", "expired", "no key")
"""What an id token can be that must not be believed."""


@dataclass
class Provider:
    """Whom it knows, by subject; what it was asked; ``lie`` is how its next tokens are wrong."""

    issuer: str
    people: dict[str, dict[str, Any]]
    lie: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    _other: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))

    def app(self) -> Starlette:
        """The provider as an application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/authorize", self.authorize),
                Route("/as/{subject}", self.consent),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
            ]
        )

    async def discovery(self, request: Request) -> Response:
        """Where everything is."""
        at = self.issuer
        return JSONResponse(
            {
                "issuer": at,
                "authorization_endpoint": f"{at}/authorize",
                "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def keys(self, request: Request) -> Response:
        """The public key."""
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        """A page on which whoever comes says who they are."""
        asked = dict(request.query_params)
        self.asked.append(asked)
        assert asked["client_id"] == CLIENT and asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        links = "".join(
            f'<p><a href="/as/{one}?{urlencode(asked)}">{one}</a></p>' for one in self.people
        )
        return HTMLResponse(f"<!doctype html><title>Who?</title><h1>Who are you?</h1>{links}")

    async def consent(self, request: Request) -> Response:
        """Back to the desk, with a code."""
        asked, code = dict(request.query_params), secrets.token_urlsafe()
        self._codes[code] = {**asked, "subject": request.path_params["subject"]}
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

    async def token(self, request: Request) -> Response:
        """The code for tokens, once, for the client that asked and can show that it did."""
        sent = parse_qs((await request.body()).decode())
        body = {name: values[0] for name, values in sent.items()}
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        client, _, password = base64.b64decode(given).decode().partition(":")
        asked = self._codes.pop(body.get("code", ""), None)
        proof = sha256(body.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).decode().rstrip("=")
        if (
            asked is None
            or (client, password) != (CLIENT, PASSWORD)
            or body["redirect_uri"] != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            self.refused.append(body.get("code", ""))
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(
            {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": 60,
             "id_token": self._vouch(asked)}
        )  # fmt: skip

    def _vouch(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": asked["subject"], "aud": CLIENT, "iat": now,
            "exp": now + 60, "nonce": asked["nonce"], **self.people[asked["subject"]],
        }  # fmt: skip
        wrong = {
            "another audience": {"aud": "another-desk"},
            "another nonce": {"nonce": "seen-elsewhere"},
            "another issuer": {"iss": "https://id.example"},
            "expired": {"iat": now - 7200, "exp": now - 3600},
        }
        claims |= wrong.get(self.lie, {})
        if self.lie == "no key":
            parts = ('{"alg":"none"}', json.dumps(claims))
            bare = (base64.urlsafe_b64encode(one.encode()).decode().rstrip("=") for one in parts)
            return ".".join((*bare, ""))
        key = self._other if self.lie == "another key" else self._key
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)


@contextmanager
def provided(people: dict[str, dict[str, Any]]) -> Iterator[Provider]:
    """A provider that is served, and knows these people."""
    port = free_port()
    provider = Provider(f"http://127.0.0.1:{port}", people)
    server = uvicorn.Server(
        uvicorn.Config(provider.app(), host="127.0.0.1", port=port, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.05)
        yield provider
    finally:
        server.should_exit = True
        thread.join(30)
