"""The players: prompts, debaters, scripted agents, and the engines that answer their requests.

`load` builds an agent from its participant string, in whatever process plays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from arena.participants import Spec, SpecError, parse

if TYPE_CHECKING:
    from agents.models import Models
    from arena.match import Agent, Transcript

KNOWN = (
    "scripted:witness, scripted:random, replay:MATCH, "
    "local:PATH_OR_HUB_ID[#ADAPTER[@VERSION]], person"
)


def load(text: str, models: Models, recorded: Callable[[str], Transcript] | None = None) -> Agent:
    """The agent that a participant string names. Raises SpecError saying what can be named.

    ``recorded`` gives the transcript of a match id, for ``replay:MATCH``.
    """
    try:
        return _load(text, parse(text), models, recorded)
    except SpecError:
        raise
    except ValueError as error:
        raise SpecError(f"participant {text!r}: {error}") from None


def _load(
    text: str, spec: Spec, models: Models, recorded: Callable[[str], Transcript] | None
) -> Agent:
    if spec.kind == "scripted":
        return _scripted(spec)
    if spec.kind == "replay":
        from agents.scripted import Replay

        spec.only()
        name = spec.named("the id of a match", "replay:MATCH")
        if recorded is None:
            raise SpecError(f"participant {text!r}: a replay needs a store to read the match from")
        return Replay(recorded(name))
    if spec.kind == "local":
        from agents.debater import Debater
        from agents.manner import manner

        spec.only("temperature", "prompt", "restrict", adapter=True)
        path = spec.named("a path or hub id", "local:PATH_OR_HUB_ID")
        how = manner(spec, path)
        model, engine, adapter = models.policy(path, spec.adapter, spec.version)
        return Debater(
            model=model,
            name=engine.name,
            digest=engine.digest,
            temperature=spec.number("temperature", 1.0),
            templates=how.templates,
            restrict=how.restriction,
            adapter=adapter,
        )
    raise SpecError(f"participant {text!r} is not a debater; known: {KNOWN}")


def _scripted(spec: Spec) -> Agent:
    if spec.name == "witness":
        from agents.witness import WitnessDebater

        spec.only("p", "s", "b", "style")
        skill = (spec.number("p", 1.0), spec.number("s", 1.0), spec.number("b", 1.0))
        return WitnessDebater(*skill, style=cast("Any", spec.text("style", "cite")))
    if spec.name == "random":
        from agents.scripted import RandomAgent

        spec.only()
        return RandomAgent()
    raise SpecError(f"scripted:{spec.name} is not a debater; known: witness, random")
