"""Participants as short strings, the same on the command line, in YAML and in the store.

``KIND:NAME[#ADAPTER[@VERSION]][,key=value...]``, for example ``scripted:witness,p=.3,s=0,b=.3`` or
``person``. A value may be a participant itself, in parentheses. The rooms that own players and
judges build them from a `Spec`; this module only reads and describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class SpecError(ValueError):
    """A participant string that cannot be read or built; one line that says what to write."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A participant string, taken apart."""

    kind: str
    name: str = ""
    adapter: str | None = None
    version: str | None = None
    settings: tuple[tuple[str, str], ...] = ()

    def number(self, key: str, default: float) -> float:
        """A numeric setting; raises SpecError when it is not a number."""
        text = dict(self.settings).get(key)
        if text is None:
            return default
        try:
            return float(text)
        except ValueError:
            raise SpecError(
                f"{self.kind}:{self.name}: {key} must be a number, got {text!r}"
            ) from None

    def text(self, key: str, default: str = "") -> str:
        """A textual setting."""
        return dict(self.settings).get(key, default)

    def flag(self, key: str) -> bool:
        """A yes/no setting; absent is no."""
        value = self.text(key, "no").lower()
        if value not in ("yes", "no", "true", "false", "1", "0"):
            raise SpecError(f"{self.kind}:{self.name}: {key} must be yes or no, got {value!r}")
        return value in ("yes", "true", "1")

    def named(self, what: str, example: str) -> str:
        """The name; raises SpecError where it is missing: it should be ``what``."""
        if not self.name:
            raise SpecError(f"participant {self.kind!r}: {what} is missing; write {example}")
        return self.name

    def only(self, *keys: str, adapter: bool = False) -> None:
        """Refuse settings other than ``keys``, and an adapter where none can be had: nothing is
        silently dropped."""
        if self.adapter is not None:
            version = "" if self.version is None else f"@{self.version}"
            got = f"got {f'#{self.adapter}{version}'!r}"
            if not adapter:
                raise SpecError(f"{self.kind}:{self.name} takes no adapter, {got}; leave it out")
            if not self.adapter or self.version == "":
                raise SpecError(
                    f"{self.kind}:{self.name}: expected #ADAPTER or #ADAPTER@VERSION, {got}; "
                    "name the adapter, or leave it out"
                )
        for key, _ in self.settings:
            if key not in keys:
                known = ", ".join(keys) or "none"
                raise SpecError(f"{self.kind}:{self.name} has no setting {key!r}; it has: {known}")


def _split(text: str) -> list[str]:
    """Split at commas that are not inside parentheses."""
    parts, depth, begin = [], 0, 0
    for i, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if character == "," and depth == 0:
            parts.append(text[begin:i])
            begin = i + 1
    if depth:
        raise SpecError(f"participant {text!r}: its parentheses do not match")
    return [*parts, text[begin:]]


def parse(text: str) -> Spec:
    """Read a participant string; raises SpecError saying what was expected."""
    head, *rest = _split(text.strip())
    kind, _, name = head.partition(":")
    if not kind:
        raise SpecError(f"participant {text!r}: expected KIND:NAME[,key=value...], or person")
    adapter = version = None
    if "#" in name:
        name, _, adapter = name.partition("#")
        path, at, found = adapter.rpartition("@")
        if at and "/" not in found:  # else it is part of a folder's name
            adapter, version = path, found
    settings: list[tuple[str, str]] = []
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise SpecError(f"participant {text!r}: expected key=value, got {part!r}")
        value = value.strip()
        if value.startswith("(") and value.endswith(")"):
            value = value[1:-1]
        if key.strip() in dict(settings):
            raise SpecError(f"participant {text!r}: {key.strip()} is given twice; give it once")
        settings.append((key.strip(), value))
    if kind.partition("#")[0].strip() == "person" and text.strip() != "person":
        raise SpecError(f"participant {text!r}: a person has no name and no settings; write person")
    return Spec(kind.strip(), name.strip(), adapter, version, tuple(settings))


def describe(record: Mapping[str, object]) -> str:
    """A participant's record as a short string for tables: kind, name and plain settings."""
    kind, name = record.get("kind", "?"), record.get("name", "")
    settings, adapter = record.get("settings"), record.get("adapter")
    parts = [f"{kind}:{name}" if name else str(kind)]
    if isinstance(adapter, Mapping):
        version = f"@{adapter['version']}" if adapter.get("version") else ""
        parts[0] += f"#{adapter.get('name', '')}{version}"
    if isinstance(settings, Mapping):
        parts += [
            f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in settings.items()
        ]
    return ",".join(parts)
