"""The deciders: scripted judges with known behaviour, and models that are prompted to choose.

`load` builds a judge from its participant string, in whatever process judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from arena.participants import Spec, SpecError, parse

if TYPE_CHECKING:
    from agents.models import Models
    from arena.match import Judge
    from arena.sources.witness import Faces

KNOWN = (
    "scripted:literal, scripted:strategic, scripted:oracle, scripted:coin, scripted:first, "
    "prompted:PATH_OR_HUB_ID, person"
)


def load(text: str, models: Models, truths: Mapping[str, int] | None = None) -> Judge:
    """The judge that a participant string names. Raises SpecError saying what can be named.

    ``truths`` is given to the oracle alone, which is a labelled control.
    """
    try:
        return _load(text, parse(text), models, truths)
    except SpecError:
        raise
    except ValueError as error:
        raise SpecError(f"participant {text!r}: {error}") from None


def _load(text: str, spec: Spec, models: Models, truths: Mapping[str, int] | None) -> Judge:
    if spec.kind == "scripted":
        return _scripted(spec, truths)
    if spec.kind in ("prompted", "local"):
        from judges.prompted import PromptedJudge

        spec.only("elicit")
        engine = models.local(spec.named("a path or hub id", f"{spec.kind}:PATH_OR_HUB_ID"))
        return PromptedJudge(
            model=engine.model,
            name=engine.name,
            digest=engine.digest,
            elicit=spec.flag("elicit"),
            kind="prompted",
        )
    raise SpecError(f"participant {text!r} is not a judge; known: {KNOWN}")


def _scripted(spec: Spec, truths: Mapping[str, int] | None) -> Judge:
    from judges.scripted import Coin, Oracle, PositionBiased

    if spec.name in ("literal", "strategic"):
        from judges.bayes import LiteralJudge, StrategicJudge

        if spec.name == "literal":
            spec.only()
            return LiteralJudge()
        spec.only("p", "s", "b", "faces")
        faces = cast("Faces", spec.text("faces", "equal"))
        p, b = spec.number("p", 1.0), spec.number("b", 1.0)
        return StrategicJudge(p, spec.number("s", 1.0), b, faces)
    if spec.name == "oracle":
        spec.only()
        if truths is None:
            raise SpecError("scripted:oracle needs ground truth, which is not given here")
        return Oracle(truths)
    if spec.name == "coin":
        spec.only()
        return Coin()
    if spec.name == "first":
        spec.only("p")
        return PositionBiased(spec.number("p", 0.9))
    raise SpecError(f"scripted:{spec.name} is not a judge; known: {KNOWN}")
