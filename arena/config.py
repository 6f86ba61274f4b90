"""Reading values from YAML and JSON: validated against the project's own frozen dataclasses.

There is one set of types: pydantic's TypeAdapter checks what comes from outside against them, and
an error names the field, what was expected and what came. Nothing is coerced: ``"2"``, ``2.0`` and
``true`` are no integers.
"""

from __future__ import annotations

import json
import math
import re
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


DEEPEST, MOST = 60, 200_000  # of nested values, and of values in all: YAML can refer to itself
_EXPECTED = {
    "tuple_type": "expected a list (or tuple)",
    "dict_type": "expected a mapping",
    "dataclass_type": "expected a mapping",
}


def validate(kind: type[T], value: object, where: str) -> T:
    """``value`` as a ``kind``. Raises ConfigError naming the first field that does not fit."""
    from pydantic import ValidationError

    _plain(value, where)
    _unknown_fields(kind, value, where)
    try:
        # As JSON: strict there means that lists are tuples and integers are floats, and no more.
        result: T = _adapter(typing.cast(Hashable, kind)).validate_json(
            json.dumps(value), strict=True
        )
    except ValidationError as error:
        first = _telling(error.errors(include_url=False), value)
        field = ".".join(map(str, _place(first, value)))
        given, joint = first.get("input"), ": "
        message = _EXPECTED.get(first["type"], first["msg"].removeprefix("Value error, "))
        if first["type"] != "value_error":
            got = repr(given)
            message += f", got {got if len(got) < 80 else got[:77] + '...'}"
        elif isinstance(given, dict) and message.split(" ")[0] in given:
            joint = "."  # ours begins with the field's name, and says what came
        raise ConfigError(f"{where}: {field + joint if field else ''}{message}") from None
    return result


def _telling(errors: list[Any], value: object) -> Any:
    """The error to tell of, the first. Where several types are allowed each of them has one: then
    the first of a type that the input is of, since of the others there is nothing to say."""
    first = errors[0]
    at, last = first["loc"][:-1], first["loc"][-1:]
    if not _is_other_type(first) or [*last] == _place(first, value)[-1:]:
        return first  # its last part is a field or an entry, not a type
    mine = (one for one in errors if one["loc"][: len(at)] == at)
    return next((one for one in mine if len(one["loc"]) > len(at) + 1 or not _is_other_type(one)),
                first)  # fmt: skip


def _is_other_type(error: Any) -> bool:
    word = error["type"] == "literal_error" and not isinstance(error["input"], str)
    return word or str(error["type"]).endswith("_type")


def _place(error: Any, value: Any) -> list[object]:
    """The path of an error in the input, without the types that pydantic names on the way."""
    found: list[object] = []
    for part in error["loc"]:
        entries = isinstance(value, list | tuple)
        known: Any = range(len(value)) if entries else value if isinstance(value, dict) else ()
        if part in known:
            value = value[part]
            found.append(part)
    return [*found, error["loc"][-1]] if error["type"] == "missing" else found


def _plain(value: object, where: str) -> None:
    """Refuse what is not plain data: YAML also has dates, sets, numbers as keys and cycles."""
    waiting: list[tuple[object, str, int]] = [(value, "", 0)]
    for _ in range(MOST):
        if not waiting:
            return
        one, path, depth = waiting.pop()
        at = f"{where}: {path}: " if path else f"{where}: "
        if depth > DEEPEST:
            raise ConfigError(f"{where}: values are nested more than {DEEPEST} deep")
        if isinstance(one, str):
            _text(one, at)
        elif isinstance(one, dict):
            for key, item in one.items():
                if not isinstance(key, str):
                    raise ConfigError(f"{at}expected text as a key, got {key!r}")
                _text(key, at)
                waiting.append((item, f"{path}.{key}" if path else key, depth + 1))
        elif isinstance(one, list | tuple):
            inner = f"{path}." if path else ""
            waiting += [(item, f"{inner}{i}", depth + 1) for i, item in enumerate(one)]
        elif isinstance(one, int):  # a bool is one
            if one.bit_length() > 256:
                raise ConfigError(f"{at}the number is too large")
        elif isinstance(one, float):
            if not math.isfinite(one):
                raise ConfigError(f"{at}expected a finite number, got {one}")
        elif one is not None:
            raise ConfigError(f"{at}expected text or a number, got {str(one)[:40]!r}; quote it")
    raise ConfigError(f"{where}: more than {MOST} values")


def _text(text: str, at: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"U+{ord(text[error.start]):04X}"
        raise ConfigError(f"{at}half a character ({half}) is not text") from None


@lru_cache(maxsize=64)
def _fields(kind: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The types of a dataclass's fields, and the names of those that may be given."""
    import dataclasses

    names = tuple(one.name for one in dataclasses.fields(kind) if one.init)
    return typing.get_type_hints(kind), names


def _unknown_fields(kind: Any, value: object, where: str, path: str = "") -> None:
    """Refuse keys that no field has: a misspelt field must not be silently dropped."""
    import dataclasses

    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints, names = _fields(typing.cast(Hashable, kind))
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
    elif isinstance(value, dict) and typing.get_origin(kind) is dict:
        for key, inner in value.items():
            _unknown_fields(parts[1], inner, where, f"{path}{key}.")
    elif isinstance(value, dict):
        for part in parts:
            if dataclasses.is_dataclass(part):
                _unknown_fields(part, value, where, path)


def read_protocol(value: object, where: str = "protocol") -> Protocol:
    """A protocol from JSON or YAML values."""
    return validate(Protocol, value, where)


@lru_cache(maxsize=256)
def protocol_of(record: str) -> Protocol:
    """The protocol of a record, as JSON; a page reads the same few again and again."""
    return read_protocol(json.loads(record))


@lru_cache(maxsize=1)
def _loader() -> Any:
    import yaml

    class OnceLoader(yaml.SafeLoader):
        """Plain values only, and every key of a mapping once. A key ``on`` is text, as ``within``
        beside it is: of YAML 1.1's words for true and false only ``true`` and ``false`` are."""

        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            seen = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.tag.endswith(":bool") and key.value.lower() not in ("true", "false"):
                        key.tag = "tag:yaml.org,2002:str"
                    if (key.tag, key.value) in seen:
                        raise yaml.constructor.ConstructorError(
                            None, None, f"the key {key.value!r} comes twice", key.start_mark
                        )
                    seen.add((key.tag, key.value))
            return node

    OnceLoader.add_implicit_resolver(  # PyYAML takes 1e-3 for text
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+"), list("-+0123456789")
    )
    return OnceLoader


def parse_yaml(text: str, where: str) -> Any:
    """The value that YAML text describes. Raises ConfigError for what is not YAML."""
    import yaml

    try:
        return yaml.load(text, _loader())
    except RecursionError:
        raise ConfigError(f"{where}: not YAML: nested too deeply") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        # PyYAML raises the last four for a scalar that is not of its tag, as in 2024-13-45.
        raise ConfigError(f"{where}: not YAML: {' '.join(str(error).split())}") from None


def read_yaml(path: str | Path) -> Any:
    """The value in a YAML file. Raises ConfigError for a file that is missing or is not YAML."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a YAML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except ValueError as error:
        raise ConfigError(f"{path}: cannot be read ({error}); name a YAML file") from None
    return parse_yaml(text, str(path))


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
