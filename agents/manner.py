"""How a model is spoken to: in which words, and what its speeches are restricted to.

A participant string says it (``prompt=terse``, ``restrict=lines``); what it leaves open, the file
``arena.json`` in the model's folder may say, for a model that was made for other than the standard
prompts. That file is advice and part of no digest: a participant's record holds what came of it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from agents.debater import Restriction
from agents.templates import TEMPLATES, Templates
from agents.weights import find_model
from arena.config import ConfigError, validate
from arena.participants import Spec, SpecError

FILE = "arena.json"
CHOICES = {"prompt": tuple(TEMPLATES), "restrict": ("lines", "moves", "none")}


@dataclass(frozen=True, slots=True)
class Manner:
    """``prompt`` names the words (`TEMPLATES`); ``restrict``: see `agents.debater.Debater`."""

    prompt: Literal["standard", "brief", "terse"] = "standard"
    restrict: Literal["lines", "moves", "none"] = "none"

    @property
    def templates(self) -> Templates:
        """The words."""
        return TEMPLATES[self.prompt]

    @property
    def restriction(self) -> Restriction:
        """The restriction as a debater has it."""
        return "" if self.restrict == "none" else self.restrict


def manner(spec: Spec, path: str) -> Manner:
    """How the model at a path or hub id is spoken to in a participant.

    Raises SpecError for a value that there is not (before anything is looked up), ValueError where
    there is no such model or its ``arena.json`` does not fit; one line each.
    """
    said = {key: value for key, value in spec.settings if key in CHOICES}
    for key, value in said.items():
        if value not in CHOICES[key]:
            raise SpecError(
                f"{spec.kind}:{spec.name}: {key} must be {_listed(CHOICES[key])}, got {value!r}"
            )
    own = asdict(read_manner(find_model(path)))
    return validate(Manner, {**own, **said}, f"{spec.kind}:{spec.name}")


def read_manner(folder: Path) -> Manner:
    """What a model's folder says of itself; the standard manner where it says nothing."""
    file = folder / FILE
    if not file.is_file():
        return Manner()
    where = f"model {folder.name!r}: {FILE}"
    try:
        value = json.loads(file.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        raise ConfigError(f"{where}: not JSON ({' '.join(str(error).split())})") from None
    return validate(Manner, value, where)


def write_manner(folder: Path, how: Manner) -> None:
    """Note in a model's folder how it is to be spoken to."""
    (folder / FILE).write_text(json.dumps(asdict(how)) + "\n", encoding="utf-8")


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
