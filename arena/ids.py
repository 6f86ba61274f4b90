"""Content ids and seeds: what a thing is called depends on what it is, and on nothing else.

An id is a letter for the kind and 128 bits of SHA-256 over canonical JSON (sorted keys, UTF-8,
floats by ``repr``, no NaN). A seed is derived the same way from values, so noise depends on the
place in a match and never on timing, batch or machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

canonical = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode
"""Canonical JSON text of a value; raises ValueError on NaN and infinities."""


def content_id(kind: str, value: Any) -> str:
    """The id of ``value``: ``kind`` (one letter) followed by 32 hexadecimal digits."""
    return kind + sha256(canonical(value).encode()).hexdigest()[:32]


def derive_seed(*parts: Json) -> int:
    """A seed in [0, 2**63) that is a function of ``parts`` alone."""
    return int.from_bytes(sha256(canonical(parts).encode()).digest()[:8], "big") >> 1
