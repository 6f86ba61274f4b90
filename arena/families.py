"""Model families: which judges would decide on debaters of their own kind.

Models prefer what their own kind has written (Panickssery, Bowman and Feng 2024), so in a
tournament a judge of a debater's family is refused unless the file allows it. A family is read
from the record of a participant; no model is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from arena.participants import SpecError
from arena.text import visible

Record = Mapping[str, Any]
_MODELS = ("local", "prompted", "served")
"""Kinds of participants that are models; whatever has a digest of weights is one too."""
_LETTERS = re.compile(r"[^\W\d_]+")


def family(record: Record, name: str = "", declared: Mapping[str, str] | None = None) -> str | None:
    """The family of a participant, in small letters; None where there is no model in it, and none
    is declared.

    ``declared`` gives families by the ``name`` of a participant, whoever that is, or by that of a
    model; it comes first. Else a family is the first letters of the model's name, without its
    owner: ``qwen`` for "Qwen/Qwen2.5-1.5B-Instruct", ``nano`` for "nano-judge". A wrapper has the
    family of what it wraps. Whether two have the same weights takes both: see `refuse_family`.
    """
    return next((one for one, _, _ in _families(record, name, declared)), None)


def refuse_family(
    players: Mapping[str, Record],
    judges: Mapping[str, Record],
    allowed: bool = False,
    declared: Mapping[str, str] | None = None,
) -> None:
    """Raise SpecError, in one line, where a judge is of a debater's family and none ``allowed`` it.

    Both are records of participants by their names. They are of one family where their families
    have one name, and where their models have the same weights, unless both are ``declared``. A
    name among those that is nobody's, and no model's, is refused too, since it would part nothing,
    and so is a family that is blank.
    """
    _refuse_strangers({**players, **judges}, declared or {})
    if allowed:
        return
    for judge, decides in judges.items():
        for player, debates in players.items():
            shared = _shared(player, debates, judge, decides, declared)
            if shared is not None:
                judge, player, shared = (_shown(one) for one in (judge, player, shared))
                raise SpecError(
                    f"judges: {judge!r} is of the same model family as the debater {player!r} "
                    f"({shared}), and a model prefers what its own family writes; take another "
                    "judge, or write `allow_family: true` under tournament"
                )


def _refuse_strangers(records: Mapping[str, Record], declared: Mapping[str, str]) -> None:
    """Raise SpecError for a declared name that no participant and no model of one has, and for a
    family that is blank."""
    known = set(records)
    for record in records.values():
        for one in _models(record):
            known.update(_called(one))
    for name, given in declared.items():
        if not given.strip():
            raise SpecError(
                f"tournament.families: expected a family for {_shown(name)!r}, as in acme, got "
                f"{given!r}; name one, or leave it out"
            )
        if name not in known:
            raise SpecError(
                f"tournament.families: {_shown(name)!r} is no player, judge or model of this "
                f"file; there are {', '.join(_shown(one) for one in sorted(known - {''}))}"
            )


def _called(record: Record) -> tuple[str, str]:
    """What a model is called: its whole name, and that without its owner."""
    model = str(record.get("name") or record.get("model") or "").rstrip("/")
    return model, model.rpartition("/")[2]


def _models(record: Record) -> Iterator[Record]:
    """The records of the models in a participant: its own, or those that it wraps."""
    inner = record.get("of")
    for one in inner if isinstance(inner, list | tuple) else (inner,):
        if isinstance(one, Mapping):
            yield from _models(one)
    if inner is None and (record.get("kind") in _MODELS or record.get("digest")):
        yield record


def _families(
    record: Record, name: str, declared: Mapping[str, str] | None
) -> Iterator[tuple[str | None, bool, object]]:
    """The families of the models in a participant, whether they were declared, and the digests of
    the weights. Who has no model in it has the family that is declared for its name, if any."""
    models = list(_models(record))
    for one in models:
        yield *_family(one, name, declared), one.get("digest")
    if not models and declared and name in declared:
        yield _plain(declared[name]), True, None


def _plain(family: str) -> str:
    return family.strip().lower()


def _family(
    record: Record, name: str, declared: Mapping[str, str] | None
) -> tuple[str | None, bool]:
    """The family of a model, and whether it was declared."""
    model, base = _called(record)
    for known in (name, model, base):
        if declared and known in declared:
            return _plain(declared[known]), True
    letters = _LETTERS.search(base)
    return (letters[0] if letters else base).lower() or None, False


def _shared(
    player: str, debates: Record, judge: str, decides: Record,
    declared: Mapping[str, str] | None,
) -> str | None:  # fmt: skip
    """The family that two participants have in common."""
    for mine, told, weights in _families(debates, player, declared):
        for theirs, also, others in _families(decides, judge, declared):
            if mine is not None and mine == theirs:
                return mine
            if weights and weights == others and not (told and also):
                return mine or "the same weights"
    return None


def _shown(text: str) -> str:
    return " ".join(visible(text).split())
