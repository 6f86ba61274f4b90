"""Tokens of links and sessions: random, of 256 bits; the store keeps the SHA-256 of one alone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

_BYTES = 32
_LONGEST = 100  # what is longer is no token of ours, and is not worth hashing
SWEEP = "DELETE FROM sessions WHERE expires <= ?"
"""Forgets what has expired; given ``(now,)``."""
END_SESSIONS = "DELETE FROM sessions WHERE person = ? AND hash <> ?"


def new_token() -> str:
    """A new one, in characters that an address may have."""
    return secrets.token_urlsafe(_BYTES)


def digest_of(token: str) -> str:
    """What the store keeps of a token; of something too long to be one, what no token has."""
    return sha256(token.encode(errors="replace")).hexdigest() if len(token) <= _LONGEST else ""


def ended_sessions(
    person: str, now: float, keep: str | None = None
) -> dict[str, Sequence[tuple[Any, ...]]]:
    """The statements that end a person's sessions, but for the one with the token ``keep``: of
    `END_SESSIONS` the store says how many those were."""
    return {SWEEP: [(now,)], END_SESSIONS: [(person, "" if keep is None else digest_of(keep))]}
