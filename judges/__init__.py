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
    "prompted:PATH_OR_HUB_ID[#ADAPTER[@VERSION]], planted:trust, planted:phrase, planted:seat, "
    "planted:noisy, person"
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
        from agents.manner import manner
        from judges.prompted import PromptedJudge

        spec.only("elicit", "prompt", adapter=True)
        path = spec.named("a path or hub id", f"{spec.kind}:PATH_OR_HUB_ID")
        how = manner(spec, path)
        model, engine, adapter = models.policy(path, spec.adapter, spec.version)
        return PromptedJudge(
            model=model,
            name=engine.name,
            digest=engine.digest,
            elicit=spec.flag("elicit"),
            templates=how.templates,
            kind="prompted",
            adapter=adapter,
        )
    if spec.kind == "planted":
        return _planted(spec, models, truths)
    raise SpecError(f"participant {text!r} is not a judge; known: {KNOWN}")


def _planted(spec: Spec, models: Models, truths: Mapping[str, int] | None) -> Judge:
    """A judge with a planted weakness: ``planted:trust,of=(JUDGE)``."""
    from judges.planted import Charmed, Noisy, Seated, Trusting

    inner = spec.text("of")
    if not inner:
        raise SpecError(f"planted:{spec.name}: which judge is it? write of=(prompted:nano-judge)")
    if spec.name == "trust":
        spec.only("of")
        return Trusting(load(inner, models, truths))
    if spec.name == "phrase":
        spec.only("of", "phrase", "bonus")
        phrase = spec.text("phrase")
        if not phrase:
            raise SpecError("planted:phrase: phrase is missing; write phrase=WORDS")
        return Charmed(load(inner, models, truths), phrase, spec.number("bonus", 2.0))
    if spec.name == "seat":
        spec.only("of", "bonus", "seat")
        judge, bonus = load(inner, models, truths), spec.number("bonus", 0.8)
        return Seated(judge, bonus, spec.text("seat", "A"))
    if spec.name == "noisy":
        spec.only("of", "scale")
        return Noisy(load(inner, models, truths), spec.number("scale", 1.0))
    raise SpecError(f"planted:{spec.name} is not a judge; known: trust, phrase, seat, noisy")


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
