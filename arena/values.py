"""Plain JSON values by their paths: for comparing what two files, runs or records say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """The values inside nested mappings and lists by their path: ``{"a": [{"b": 1}]}`` is
    ``{"a.0.b": 1}``. An empty mapping or list has none."""
    if isinstance(value, Mapping):
        parts = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(str(i), one) for i, one in enumerate(value)]
    else:
        return {path: value}
    out: dict[str, Any] = {}
    for key, one in parts:
        out |= flatten(one, f"{path}.{key}" if path else key)
    return out


def apart(first: Any, second: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """The paths at which two values differ, with both values; None is the same as nothing."""
    one, other = flatten(first, path), flatten(second, path)
    return [
        (at, one.get(at), other.get(at))
        for at in dict.fromkeys((*one, *other))
        if one.get(at) != other.get(at)
    ]
