"""The judges' reports in the published sample of the NYU debates, read from the rooms' own files.

Not from the importer, so that figures from these are the data's and not the store's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from test_nyu import data


@dataclass(frozen=True)
class Room:
    """One room: every live report's probability of the truth, in order, and who was in it."""

    setting: str
    p: tuple[float, ...]
    p_first: float  # the last report's, of the first answer
    truth: int
    honest: bool | None  # of a single speaker
    debaters: tuple[str, ...]
    judge: str
    story: str
    question: str
    spoke: tuple[str, ...]  # who spoke first in each debater's chair


@lru_cache(maxsize=1)
def rooms() -> tuple[Room, ...]:
    """The 268 rooms of the part that lies beside the checkout."""
    lines = (data() / "debates-metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(_room(line) for line in map(json.loads, lines) if line["includedInPaper"])


def _room(line: dict[str, Any]) -> Room:
    file = data() / "debates" / "official" / f"{line['name']}.json"
    room = json.loads(file.read_text(encoding="utf-8"))
    setup = room["setup"]
    truth, roles = setup["correctAnswerIndex"], setup["roles"]
    given = [
        one["JudgeFeedback"]["distribution"] for one in room["rounds"] if "JudgeFeedback" in one
    ]
    speakers = [seat for seat in ("Debater A", "Debater B") if seat in roles]
    human = "AI" if "GPT-4" in roles.values() else "Human"
    kind = "Debate" if len(speakers) == 2 else "Consultancy"
    honest = None if kind == "Debate" else "AB".index(speakers[0][-1]) == truth
    story = setup["sourceMaterial"]["QuALITYSourceMaterial"]["articleId"]
    return Room(
        f"{human} {kind}", tuple(one[truth] for one in given), given[-1][0], truth, honest,
        tuple(roles[seat] for seat in speakers), roles["Judge"], story, setup["question"],
        _first(room["rounds"]),
    )  # fmt: skip


def _first(rounds: list[dict[str, Any]]) -> tuple[str, ...]:
    """Who spoke first in each chair, which somebody else may have taken over later."""
    found: dict[str, str] = {}
    for one in rounds:
        for kind in ("SimultaneousSpeeches", "SequentialSpeeches"):
            for chair, said in one.get(kind, {}).get("speeches", {}).items():
                found.setdefault(chair, said["speaker"])
    return tuple(found.values())
