"""Studies: declared conditions on the same questions, as matches for the runner.

Every condition asks every question with the same seed, and they are played question by question, so
arms are paired by question however far a study gets. What is declared is also put as plain values
(`content`), which a lock hashes (`arena.lock`) and a report reads back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from importlib import metadata
from math import ceil
from typing import Any

from arena.conditions import Arm, Design, judge_of
from arena.config import ConfigError
from arena.desk.settings import Settings
from arena.ids import canonical
from arena.match import PERSON, Match
from arena.protocols import JUDGE
from arena.questions import Item, Question
from arena.runfile import RunFile
from arena.runner import Planned
from arena.store import Store
from arena.studyfile import Contrast, Price
from arena.tournament import arranged, dealt

KIND = "study"
"""The kind of run that a study is."""
Readers = Mapping[str, Sequence[tuple[str, ...]]]
"""By condition, the judges (ids) that claims on its matches already name, as they were named."""
FEW = 5
"""How many names a message lists."""


# ---------------------------------------------------------------------------------------------
# Questions and matches.


def asked(made: Design, items: Sequence[Item]) -> list[Item]:
    """The questions that the stop rule asks for, the first ones. Raises ConfigError of too few."""
    stop = made.block.stop
    need, field = stop.questions, "questions"
    if stop.verdicts is not None:
        fewest = min(len(one.question.answers) for one in items)
        need = max(ceil(stop.verdicts / one.per_question(fewest)) for one in made.arms)
        field = "verdicts"
    if need is None:
        return list(items)
    if need > len(items):
        raise ConfigError(
            f"study.stop.{field}: needs {need} questions, got {len(items)}; give more questions, "
            "or a smaller number"
        )
    return list(items[:need])


def check_exclusions(made: Design, items: Sequence[Item], questions: Sequence[Item]) -> None:
    """Refuse a split or a story that none of ``items``, the file's questions, is of, and rules that
    leave none of the ``questions`` that are asked.

    A misspelt name would leave nothing out, and could not be put right after a lock.
    """
    rules = made.block.exclude
    splits = dict.fromkeys(one.split for one in items)
    stories = dict.fromkeys(one.question.group for one in items)
    for field, given, known in (
        ("splits", rules.splits, splits), ("stories", rules.stories, stories)
    ):  # fmt: skip
        if strange := [name for name in given if name not in known]:
            raise ConfigError(
                f"study.exclude.{field}: expected some of these questions' own ({_few(known)}), "
                f"got {strange[0]!r}; correct it, or leave it out"
            )
    if all(one.split in rules.splits or one.question.group in rules.stories for one in questions):
        raise ConfigError(
            f"study.exclude: expected rules that leave some of the {len(questions)} questions, got "
            f"splits ({_few(rules.splits)}) and stories ({_few(rules.stories)}) that leave none; "
            "take one of these names out"
        )


def _few(names: Iterable[str | None]) -> str:
    told = [repr(name) for name in names if name is not None]
    return ", ".join((*told[:FEW], *(["..."] if len(told) > FEW else []))) or "none"


def check_once(made: Design, judges: Mapping[str, str]) -> None:
    """Refuse a comparison that is declared twice, which Holm's correction would count twice: the
    other way round too, and under two names (``judges`` maps them to ids) of one judge."""
    seen: set[tuple[frozenset[str], str, str]] = set()
    for one in made.block.declared:
        judge = judge_of(made, one)
        key = (frozenset((one.first, one.second)), judges[judge], one.figure)
        if key in seen:
            raise ConfigError(
                f"study.contrasts: expected each comparison once, got {one.figure} of {one.first!r}"
                f" and {one.second!r} under {judge!r} twice (the other way round or by another "
                "name of the judge is the same); leave one out"
            )
        seen.add(key)


def planned(
    made: Design, questions: Sequence[Question], players: Mapping[str, str],
    judges: Mapping[str, str], seed: int, before: Readers | None = None,
) -> list[Planned]:  # fmt: skip
    """The claims of a study, question by question; ``players`` and ``judges`` map names to ids.

    A label ``condition`` (and ``setting``, its name in tables) says which arm a match is of,
    ``arm`` what kind of arm that is. A claim stays as it is: judges that a condition did not have
    ``before`` claim its matches once more, for themselves.
    """
    position = dealt(questions, seed)
    out: list[Planned] = []
    for question in questions:
        for arm in made.arms:
            readers = tuple(dict.fromkeys(judges[name] for name in arm.judges))
            seated: Sequence[str | None] = readers if arm.protocol.asks else [None]
            groups = [()] if arm.protocol.asks else _groups((before or {}).get(arm.name), readers)
            ids = tuple(players[name] for name in arm.debaters)
            for replicate in range(arm.replicates):
                for judge in seated:
                    for one in arranged(
                        question, position[question.id], arm.protocol, ids, seed, replicate, judge,
                        arm.mirrored, arm.seats,
                    ):  # fmt: skip
                        labels = _labels(arm, one.mirrored, one.exchanged, replicate)
                        out += [Planned(one.match, labels, group, arm.listings) for group in groups]
    return out


def _groups(
    before: Sequence[tuple[str, ...]] | None, now: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """The judges of a condition in the groups in which its matches were claimed for them."""
    if not before:
        return [now]
    known = {who for group in before for who in group}
    return [*before, *(() if set(now) <= known else (tuple(w for w in now if w not in known),))]


def _labels(arm: Arm, mirrored: bool, exchanged: bool, replicate: int) -> dict[str, object]:
    team = arm.debaters[::-1] if exchanged else arm.debaters
    labels: dict[str, object] = {
        "setting": arm.name, "condition": arm.name, "arm": arm.kind, "protocol": arm.rules,
        "players": dict(zip(arm.protocol.speakers, team, strict=True)),
        "mirrored": mirrored, "replicate": replicate, "listings": arm.listings,
    }  # fmt: skip
    labels |= {"exchanged": True} if exchanged else {}
    return labels | ({} if arm.beside is None else {"beside": arm.beside})


def readers_of(store: Store, run: str) -> dict[str, list[tuple[str, ...]]]:
    """The judges for which the matches of a study are claimed, in the order of the claims."""
    sql = "SELECT labels FROM run_matches WHERE run = ? GROUP BY labels ORDER BY min(position)"
    found: dict[str, dict[tuple[str, ...], None]] = {}
    for row in store.query(sql, run):
        labels = json.loads(row["labels"])
        if "condition" in labels:
            found.setdefault(labels["condition"], {})[tuple(labels["judges"])] = None
    return {name: list(groups) for name, groups in found.items()}


def together(claims: Sequence[Planned]) -> list[Planned]:
    """Claims as they are played: each match once, for all of its judges."""
    found: dict[str, Planned] = {}
    for one in claims:
        there = found.setdefault(one.match.id, one)
        judges = tuple(dict.fromkeys((*there.judges, *one.judges)))
        listings = there.listings if there.listings == one.listings else "both"
        found[one.match.id] = replace(there, judges=judges, listings=listings)
    return list(found.values())


# ---------------------------------------------------------------------------------------------
# What is declared, as values.


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal digits."""
    return sha256(canonical(value).encode()).hexdigest()


def digests(claims: Iterator[tuple[str, str, str]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Of conditions, seated judges (``""``: none) and match ids: by condition and judge how many
    matches there are, and the hash of their ids, which are hashes themselves: of questions,
    protocol values, sides, participants and seeds."""
    found: dict[str, dict[str, set[str]]] = {}
    for condition, judge, match in claims:
        found.setdefault(condition, {}).setdefault(judge, set()).add(match)
    return {
        condition: {who: {"n": len(keys), "digest": digest(sorted(keys))}
                    for who, keys in sorted(by.items())}
        for condition, by in found.items()
    }  # fmt: skip


def seated_judge(match: Match) -> str:
    """The id of the judge in a match's chair; empty where none sits there."""
    return dict(match.seats).get(JUDGE, "")


def content(
    run: RunFile, made: Design, claims: Sequence[Planned], players: Mapping[str, str],
    judges: Mapping[str, str], prices: Mapping[str, Price], desk: Settings,
) -> dict[str, Any]:  # fmt: skip
    """All that a study declares, as JSON values: nothing of paths, machines or the truth.

    The ``prices`` of its participants (by id) are part of it where arms are matched on cost, and
    the ``desk`` where people take part; elsewhere nothing that is declared depends on them.
    """
    keys = digests(
        (str(one.labels["condition"]), seated_judge(one.match), one.match.id) for one in claims
    )
    block, between = made.block, made.block.between
    who = {players[name] for arm in made.arms for name in arm.debaters}
    who |= {judges[name] for arm in made.arms for name in arm.judges}
    priced = block.match is not None and block.match.on == "cost"
    questions = sorted({one.match.question.id for one in claims})
    value = {
        "arena": metadata.version("oversight-arena"),
        "seed": run.seed,
        "questions": {"n": len(questions), "digest": digest(questions)},
        "conditions": {
            arm.name: {
                "arm": arm.kind,
                "beside": arm.beside,
                "protocol": arm.protocol.record(),
                "rules": arm.rules,
                "debaters": {
                    seat: {"name": name, "id": players[name]}
                    for seat, name in zip(arm.protocol.speakers, arm.debaters, strict=True)
                },
                "judges": {name: judges[name] for name in arm.judges},
                "mirrored": arm.mirrored,
                "seats": arm.seats,
                "listings": arm.listings,
                "replicates": arm.replicates,
                "matches": keys.get(arm.name, {}),
            }
            for arm in made.arms
        },
        "primary": None if block.primary is None else _contrast(made, block.primary),
        "contrasts": [_contrast(made, one) for one in block.contrasts],
        "exclude": asdict(block.exclude),
        "stop": asdict(block.stop),
        "match": None if block.match is None else asdict(block.match),
        "prices": (
            {key: asdict(one) for key, one in prices.items() if key in who} if priced else None
        ),
        "desk": asdict(desk) if PERSON in who else None,
        "critique": block.critique,
        "sandwich": None if between is None else asdict(between),
    }
    found: dict[str, Any] = json.loads(canonical(value))  # as a store gives it back
    return found


def _contrast(made: Design, one: Contrast) -> dict[str, Any]:
    return {"first": one.first, "second": one.second, "judge": judge_of(made, one),
            "figure": one.figure}  # fmt: skip
