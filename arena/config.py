"""Reading values from YAML and JSON: validated against the project's own frozen dataclasses.

There is one set of types: pydantic's TypeAdapter checks what comes from outside against them, and
an error names the field, what was expected and what came.
"""

from __future__ import annotations

import typing
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from arena.protocols import BUILT_IN, Protocol

T = TypeVar("T")


class ConfigError(ValueError):
    """Input from outside that does not fit; one line that names the field."""


@lru_cache(maxsize=32)
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def validate(kind: type[T], value: object, where: str) -> T:
    """``value`` as a ``kind``. Raises ConfigError naming the first field that does not fit."""
    from pydantic import ValidationError

    _unknown_fields(kind, value, where)
    try:
        result: T = _adapter(typing.cast(Hashable, kind)).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if not str(part).startswith("tuple["))
        got = repr(first.get("input"))
        got = got if len(got) < 80 else got[:77] + "..."
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{where}: {field + ': ' if field else ''}{message}, got {got}") from None
    return result


def _unknown_fields(kind: Any, value: object, where: str, path: str = "") -> None:
    """Refuse keys that no field has: a misspelt field must not be silently dropped."""
    import dataclasses

    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = typing.get_type_hints(kind)
        names = {one.name: one for one in dataclasses.fields(kind) if one.init}
        for key, inner in value.items():
            if key not in names:
                known = ", ".join(sorted(names))
                raise ConfigError(f"{where}: {path}{key}: no such field; the fields are {known}")
            _unknown_fields(hints[key], inner, where, f"{path}{key}.")
        return
    parts = typing.get_args(kind)
    if isinstance(value, list | tuple) and parts:
        for i, inner in enumerate(value):
            _unknown_fields(parts[0], inner, where, f"{path}{i}.")
    elif isinstance(value, dict):
        for part in parts:
            if dataclasses.is_dataclass(part):
                _unknown_fields(part, value, where, path)


def read_protocol(value: object, where: str = "protocol") -> Protocol:
    """A protocol from JSON or YAML values."""
    return validate(Protocol, value, where)


def read_yaml(path: str | Path) -> Any:
    """The value in a YAML file. Raises ConfigError for a file that is missing or is not YAML."""
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a YAML file") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = str(error).splitlines()
        raise ConfigError(f"{path}: not YAML: {' '.join(line)}") from None


def find_protocol(value: object, folder: Path = Path()) -> Protocol:
    """A protocol given as a built-in name, as the path of a YAML file, or as a value."""
    if isinstance(value, str):
        if value in BUILT_IN:
            return BUILT_IN[value]
        if value.endswith((".yaml", ".yml")):
            path = folder / value
            return read_protocol(read_yaml(path), str(path))
        names = ", ".join(sorted(BUILT_IN))
        raise ConfigError(
            f"protocol {value!r} is not built in; give a .yaml file or one of: {names}"
        )
    return read_protocol(value)
