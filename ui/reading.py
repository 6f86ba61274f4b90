"""From a `View` to what a page draws: plain values, every text made safe to look at.

What people and models wrote reaches the browser as text alone: the page builds no markup from it,
and `arena.text.visible` spells out characters that hide or reorder text. Nothing but the View and
the rules of the protocol goes in, so nothing else can come out.
"""

from __future__ import annotations

import re
from typing import Any

from arena.match import Match, Seen, Shown, Transcript, View
from arena.play import path
from arena.protocols import JUDGE
from arena.quotes import CLOSE, OPEN
from arena.text import visible

_CITATION = re.compile(r"\[[0-9]+(?:[-\N{EN DASH}][0-9]+)?\]")
_ROLES = {
    "debater": "Debater",
    "consultant": "Consultant",
    "proposer": "Proposer",
    "critic": "Critic",
    "judge": "Judge",
}
_NOTES = {
    "length": "cut off: the speaker ran out of room",
    "over limit": "forfeited: the speech was over its limits, so nobody sees it",
    "refused": "the model refused to speak",
    "too long": "nothing was said: the debate no longer fitted the model",
    "error": "nothing was said: the model failed",
}


def _parts(text: str, shown: tuple[Shown, ...]) -> tuple[list[list[str]], list[list[str]]]:
    """A speech as [kind, text] pairs, plain text and quotations; and the lines that it cites.

    The marks around a quotation are left out; a citation stays in the text, and the passage's own
    words are listed for each line or range that exists. The text is cut first and made visible
    piece by piece, so the offsets are those of the record.
    """
    parts: list[list[str]] = []
    lines: list[list[str]] = []
    at = 0
    for one in shown:
        marked = text[: one.begin].endswith(OPEN) and text.startswith(CLOSE, one.end)
        parts.append(["text", text[at : one.begin - len(OPEN) if marked else one.begin]])
        words = text[one.begin : one.end]
        if marked or not _CITATION.fullmatch(words):
            parts.append(["unverified" if one.text is None else "verified", words])
        elif one.text is None:
            parts.append(["unknown", words])
        else:
            parts.append(["cited", words])
            if [words, visible(one.text)] not in lines:
                lines.append([words, visible(one.text)])
        at = one.end + (len(CLOSE) if marked else 0)
    parts.append(["text", text[at:]])
    return [[kind, visible(said)] for kind, said in parts if said], lines


def _turn(match: Match, seen: Seen, called: str) -> dict[str, Any]:
    role = match.protocol.role(seen.seat)
    alike = sum(seat.role == role for seat in match.protocol.seats)
    notes = [_NOTES[seen.status]] if seen.status in _NOTES else []
    if seen.side is not None:
        notes.append(f"argues for answer {seen.side}")
    if seen.stop:
        notes.append("would stop here")
    parts, lines = _parts(seen.text, seen.quotes)
    if not parts and not notes:
        notes.append("said nothing")
    own = len(match.sides) > 1 and seen.seat in match.labels  # its letter is that of an option
    return {
        "who": visible(f"{_ROLES[role]} {seen.seat}" if alike > 1 else _ROLES[role]),
        "tone": seen.seat if own else "",
        "kind": "" if seen.kind in ("speech", called) else seen.kind,
        "notes": notes,
        "parts": parts,
        "lines": lines,
    }


def rules(match: Match) -> str:
    """What a judge needs to know of the protocol, in a few plain sentences."""
    protocol = match.protocol
    roles = [protocol.role(seat) for seat in protocol.speakers]
    if not roles:
        said = "Nobody argues."
    elif "critic" in roles:
        said = (
            "One speaker answers the question, another criticises the answer; you judge the answer."
        )
    elif len(roles) == 1:
        said = "One consultant argues for an answer, which may be the wrong one."
    elif protocol.sides == "chosen":
        said = "Each debater argues for an answer of its own choice."
    else:
        said = "Debater A argues for answer A, debater B for answer B; at most one is right."
        if len(roles) > 2 or len(match.options) > 2:
            said = "Each debater argues for the answer with its letter; at most one is right."
    readers = [seat for seat in protocol.passage_to if seat != JUDGE]
    if JUDGE in protocol.passage_to:
        said += " You can read the passage that the question is about."
    elif readers:
        who = "It has" if len(roles) == 1 else "They have"
        said += f" {who} read a passage that you cannot see."
        if protocol.quotes != "none":
            said += " The platform checks what is quoted from it, and nothing else."
    return said


def page(
    match: Match, seen: View, transcript: Transcript, run: str | None = None, name: str = ""
) -> dict[str, Any]:
    """All that the reading part of a judge's page shows."""
    names = {at: one.name for at, one in match.protocol.rounds(path(transcript))}
    rounds: list[dict[str, Any]] = []
    places: list[int] = []
    for turn in seen.turns:
        if turn.place not in places:
            places.append(turn.place)
            called = visible(names.get(turn.place, ""))
            rounds.append({"title": f"Round {len(places)}", "name": called, "turns": []})
        rounds[-1]["turns"].append(_turn(match, turn, rounds[-1]["name"]))
    answers = [] if seen.answers == seen.options or set(seen.answers) == set(seen.options) else (
        [[option.label, visible(option.text)] for option in seen.answers]
    )  # fmt: skip
    return {
        "where": [visible(text) for text in (run, match.protocol.name, name) if text],
        "question": visible(seen.question),
        "rules": rules(match),
        "answers": answers,
        "options": [[option.label, visible(option.text)] for option in seen.options],
        "passage": None if seen.passage is None else visible(seen.passage),
        "rounds": rounds,
    }
