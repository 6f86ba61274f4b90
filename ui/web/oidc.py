"""An organisation's login, by Streamlit's own `st.login` machinery and its ``[auth]`` secrets.

Streamlit does the exchange with the provider and leaves a signed cookie of 30 days, without the
Secure flag. The desk reads it once, makes a session of its own from it, and deletes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_USER = "_streamlit_user"


def providers() -> tuple[str, ...]:
    """The logins that are configured: names of ``[auth.NAME]``, or "default" for a plain
    ``[auth]``; none where Authlib is not installed."""
    from streamlit.auth_util import get_secrets_auth_section, is_authlib_installed

    section = get_secrets_auth_section()
    if not section or not is_authlib_installed():
        return ()
    known = section.to_dict()
    named = sorted(name for name, value in known.items() if isinstance(value, dict)
                   and "client_id" in value)  # fmt: skip
    return (*(["default"] if "client_id" in known else []), *named)


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
