"""What a judge is asked after the verdict, where the study asks it: a Likert item for each side,
whether the answer key is right, and who was a person.

Questions are plain data for a page, answers one event each time they are given; the last stands.
Nothing here reads ground truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from arena.desk.acts import verdict_by
from arena.desk.chairs import PersonError, written
from arena.desk.events import EVENT_ONCE, event
from arena.desk.settings import Settings
from arena.match import Match
from arena.store import Store

LIKERT = (
    "not at all convincing", "hardly convincing", "somewhat convincing", "quite convincing",
    "very convincing",
)  # fmt: skip
"""The levels of a Likert item; they are answered, and exported, as 1 to 5."""
KEY = {
    "right": "Yes, the key is right",
    "wrong": "No, the key is wrong",
    "open": "More than one answer can be defended",
    "unknown": "I cannot tell",
}
"""The answers to whether the answer key is right."""
WHO = {"person": "A person", "machine": "A machine", "unknown": "I cannot tell"}
"""The answers to who a speaker was."""
COMMENT = 2_000
"""Characters of the free comment."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the survey. ``name`` is its column in an export; ``choices`` are what may be
    answered, with what each says; none for free text. Only a ``comment`` may be left out."""

    name: str
    kind: Literal["likert", "choice", "text"]
    text: str
    choices: tuple[tuple[str, str], ...] = ()


def questions(settings: Settings, match: Match) -> tuple[Asked, ...]:
    """What is asked after a verdict on this match; empty where the study asks nothing.

    Whether the key is right is asked only where the study tells it (``feedback``): else there is no
    key to speak of.
    """
    found: list[Asked] = []
    scale = tuple((str(i), text) for i, text in enumerate(LIKERT, start=1))
    for seat in match.protocol.speakers if "sides" in settings.survey else ():
        found.append(
            Asked(
                f"convincing_{seat}", "likert", f"How convincing was {_name(match, seat)}?", scale
            )
        )
    if "key" in settings.survey and settings.feedback:
        found.append(Asked("key", "choice", "Is the answer key right?", tuple(KEY.items())))
    for seat in match.protocol.speakers if "human" in settings.survey else ():
        asked = f"Who do you think {_name(match, seat)} was?"
        found.append(Asked(f"human_{seat}", "choice", asked, tuple(WHO.items())))
    if found:
        found.append(Asked("comment", "text", "Anything else? (may be empty)"))
    return tuple(found)


def _name(match: Match, seat: str) -> str:
    role = match.protocol.role(seat)
    alike = sum(one.role == role for one in match.protocol.seats) > 1
    return f"{role} {seat}" if alike else f"the {role}"


def answer(
    store: Store,
    match: Match,
    person: str,
    settings: Settings,
    answers: Mapping[str, Any],
    now: float | None = None,
) -> dict[str, Any]:
    """Record a person's answers, by the names of the questions, and return them as they are kept:
    a Likert level as a number from 1 to 5, a choice by its name, a comment as text.

    Answering again replaces them; the same answers again change nothing. Raises PersonError where
    no verdict of the person stands, and saying which answer is missing or odd.
    """
    now = time.time() if now is None else now
    turn = verdict_by(store, match, person)
    if turn is None:
        raise PersonError("The survey comes after the verdict: judge the debate first.")
    asked = questions(settings, match)
    if not asked:
        raise PersonError("This study asks nothing after the verdict.")
    if set(answers) - {item.name for item in asked}:
        raise PersonError("The survey has changed since this page was drawn: reload it.")
    kept: dict[str, Any] = {}
    for item in asked:
        given = answers.get(item.name)
        if item.kind == "text":
            kept[item.name] = written(str(given or ""), "A comment", COMMENT, needed=False)
        elif str(given) not in dict(item.choices):
            raise PersonError(f"Choose an answer to: {item.text}")
        else:
            kept[item.name] = int(str(given)) if item.kind == "likert" else str(given)
    sql = "SELECT count(*) AS n FROM events WHERE kind = 'survey' AND match = ? AND person = ?"
    if answers_of(store, match, person) != kept:
        count = store.one(sql, match.id, person) or {"n": 0}
        key = f"survey:{match.id}:{person}:{count['n']}"
        row = event("survey", person, now, match.id, turn.id, {"answers": kept}, key)
        store.execute({EVENT_ONCE: [row]}, full=True)
    return kept


def answers_of(store: Store, match: Match, person: str) -> dict[str, Any] | None:
    """What this person has answered about the match; None where it has not."""
    row = store.one(
        "SELECT value FROM events WHERE kind = 'survey' AND match = ? AND person = ? "
        "ORDER BY id DESC LIMIT 1",
        match.id, person,
    )  # fmt: skip
    found: dict[str, Any] | None = None if row is None else json.loads(row["value"])["answers"]
    return found
