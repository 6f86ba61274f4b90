"""An organisation's login, by Streamlit's own `st.login` machinery and its ``[auth]`` secrets.

Streamlit does the exchange with the provider and leaves a signed cookie of 30 days, without the
Secure flag. The desk reads it once, makes a session of its own from it, and deletes it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from arena.text import visible

_USER = "_streamlit_user"
SECRET_LENGTH = 32
"""Whoever guesses the secret that signs the cookie signs in as anybody."""
MISSING = (
    "secrets.toml configures a login ([auth]), but what it needs is not installed; "
    "pip install 'oversight-arena[oidc]'"
)


class Misconfigured(Exception):
    """The login that is configured cannot work; the message is one line and says what to do."""


def providers() -> tuple[str, ...]:
    """The logins that are configured: names of ``[auth.NAME]``, or "default" for a plain
    ``[auth]``; none where there is no such section. Raises Misconfigured."""
    from streamlit import config
    from streamlit.auth_util import get_secrets_auth_section

    for name in config.get_option("secrets.files"):
        _readable(Path(name))
    section = get_secrets_auth_section()
    if not section:
        return ()
    try:
        import_module("authlib.integrations.starlette_client")  # and all that it needs
    except ImportError:
        raise Misconfigured(MISSING) from None
    known = section.to_dict()
    named = sorted(name for name, value in known.items() if isinstance(value, dict)
                   and "client_id" in value)  # fmt: skip
    found = (*(["default"] if "client_id" in known else []), *named)
    for name in found:
        _check(name)
    secret = known.get("cookie_secret", "")
    if found and not (isinstance(secret, str) and len(secret) >= SECRET_LENGTH):
        raise Misconfigured(
            f"cookie_secret in [auth] of secrets.toml has to be {SECRET_LENGTH} random characters "
            "or more; make one with: python -c 'import secrets; print(secrets.token_hex())'"
        )
    return found


def _readable(file: Path) -> None:
    """Streamlit goes on without a file that it cannot read, and so without a login."""
    try:
        found = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} cannot be read: {_line(error)}") from None
    if not isinstance(found.get("auth", {}), dict):
        raise Misconfigured(f"auth in {file} has to be a table: [auth]")


def _check(name: str) -> None:
    from streamlit.auth_util import validate_auth_credentials
    from streamlit.errors import StreamlitAuthError

    try:
        validate_auth_credentials(name)
    except StreamlitAuthError as error:
        raise Misconfigured(_line(error)) from None


def _line(error: Exception) -> str:
    return visible(" ".join(str(error).split()))[:300]


def begin(provider: str) -> str:
    """The path that starts a login; it is good for two minutes."""
    from streamlit.auth_util import encode_provider_token

    return f"/auth/login?provider={quote(encode_provider_token(provider))}"


def claims(cookies: Mapping[str, str]) -> dict[str, Any] | None:
    """What the provider said of whoever has these cookies; None where the signature is not ours,
    or a day old: the exchange was a moment ago."""
    from streamlit.auth_util import get_cookie_with_chunks, get_signing_secret
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

    secret = get_signing_secret()

    def one(name: str) -> bytes | None:
        value = cookies.get(name)
        return None if value is None else decode_signed_value(
            secret, name, value.encode("latin-1", "replace"), max_age_days=1
        )  # fmt: skip

    if not secret:
        return None
    found = get_cookie_with_chunks(one, _USER)
    if found is None:
        return None
    read = json.loads(found)
    return read if isinstance(read, dict) and read.get("is_logged_in") is True else None


def cookies(given: Mapping[str, str]) -> list[str]:
    """The names of Streamlit's login cookies among these."""
    return [name for name in given if name.startswith(_USER)]
