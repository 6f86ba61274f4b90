"""From a `View` to what a page draws: plain values, every text made safe to look at.

What people and models wrote reaches the browser as text alone: the page builds no markup from it,
and `arena.text.visible` spells out characters that hide or reorder text. Nothing but the View and
the rules of the protocol goes in, so nothing else can come out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from arena.ids import content_id
from arena.match import Match, Seen, Shown, Transcript, View
from arena.play import path
from arena.protocols import JUDGE, Round
from arena.quotes import CLOSE, MIN_QUOTE, OPEN, Span
from arena.text import visible
from arena.turns import Turn, TurnTree
from ui import quoting

_ROLES = {
    "debater": "Debater",
    "consultant": "Consultant",
    "proposer": "Proposer",
    "critic": "Critic",
    "judge": "Judge",
}
_NOTES = {
    "length": "ends at its limit",
    "over limit": "not admitted: over its limits",
    "refused": "nothing was said",
    "too long": "nothing was said",
    "error": "nothing was said",
}
"""What a judge is told of a speech that is not whole: not why, which would tell that a machine
speaks. Researchers read the status."""


def _parts(
    text: str, shown: Sequence[Shown], passage: str | None = None
) -> tuple[list[list[str]], list[list[str]]]:
    """A speech as [kind, text] pairs, plain text and quotations; and the lines that it cites.

    The marks around a quotation are left out; a citation stays in the text, and the passage's own
    words are listed for each line or range that exists. The text is cut first and made visible
    piece by piece, so the offsets are those of the record. Kinds are those of `ui.quoting.kind`.
    """
    parts: list[list[str]] = []
    lines: list[list[str]] = []
    at = 0
    for one in shown:
        marked = quoting.marked(text, one)
        parts.append(["text", text[at : one.begin - len(OPEN) if marked else one.begin]])
        words = text[one.begin : one.end]
        what = quoting.kind(text, one, passage)
        parts.append([what, words])
        if what == "cited" and [words, visible(one.text or "")] not in lines:
            lines.append([words, visible(one.text or "")])
        at = one.end + (len(CLOSE) if marked else 0)
    parts.append(["text", text[at:]])
    return [[kind, visible(said)] for kind, said in parts if said], lines


def _name(match: Match, seat: str) -> tuple[str, str]:
    """What a seat is called on the page; and its tone, the letter of the option that is its own."""
    role = match.protocol.role(seat)
    alike = sum(one.role == role for one in match.protocol.seats)
    own = len(match.sides) > 1 and seat in match.labels
    return visible(f"{_ROLES[role]} {seat}" if alike > 1 else _ROLES[role]), seat if own else ""


def _turn(
    match: Match, seen: Seen, called: str, passage: str | None, readable: bool,
    known: Sequence[Span],
) -> dict[str, Any]:  # fmt: skip
    notes = [_NOTES[seen.status]] if seen.status in _NOTES else []
    if seen.side is not None:
        notes.append(f"argues for answer {seen.side}")
    if seen.stop:
        notes.append("would stop here")
    parts, lines = _parts(seen.text, seen.quotes, passage)
    if not parts and not notes:
        notes.append("said nothing")
    who, tone = _name(match, seen.seat)
    return {
        "who": who,
        "tone": tone,
        "kind": "" if seen.kind in ("speech", called) else seen.kind,
        "notes": notes,
        "parts": parts,
        "contexts": [
            quoting.context(seen.text, one, passage, readable, known)
            for one in seen.quotes
            if one.begin < one.end
        ],
        "lines": lines,
    }


def _rounds(match: Match, transcript: Transcript) -> dict[int, Round]:
    return dict(match.protocol.rounds(path(transcript)))


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
    """All that the reading part of a judge's page shows.

    Turns carry their ``number`` in reading order, from 0: the only name that a page has for them;
    and the ``column`` of their speaker, of so many ``columns``, in the order in which they first
    spoke; None for the judge.
    ``contexts`` belong to the quotations among a turn's ``parts``, in order. ``sig`` changes if and
    only if something else does.
    """
    called = _rounds(match, transcript)
    known = quoting.covered(seen)
    speakers = match.protocol.speakers
    beside = list(dict.fromkeys(t.seat for t in seen.turns if t.seat in speakers))
    rounds: list[dict[str, Any]] = []
    places: list[int] = []
    for number, turn in enumerate(seen.turns):
        if turn.place not in places:
            places.append(turn.place)
            one = called.get(turn.place)
            title = visible(one.name) if one is not None else ""
            rounds.append({"title": f"Round {len(places)}", "name": title, "turns": []})
        drawn = _turn(
            match, turn, rounds[-1]["name"], match.question.passage, seen.passage is not None, known
        )
        column = beside.index(turn.seat) if turn.seat in speakers else None
        rounds[-1]["turns"].append({"number": number, "column": column, **drawn})
    answers = [] if seen.answers == seen.options or set(seen.answers) == set(seen.options) else (
        [[option.label, visible(option.text)] for option in seen.answers]
    )  # fmt: skip
    drawn = {
        "where": [visible(text) for text in (run, match.protocol.name, name) if text],
        "question": visible(seen.question),
        "rules": rules(match),
        "answers": answers,
        "options": [[option.label, visible(option.text)] for option in seen.options],
        "passage": None if seen.passage is None else visible(seen.passage),
        "rounds": rounds,
        "columns": len(speakers),
    }
    return {"sig": content_id("r", drawn), **drawn}


def quotes_in_order(match: Match, seen: View, transcript: Transcript) -> dict[str, Any]:
    """All quotations in the passage's order, and what each side has used of its budget.

    ``entries`` have ``kind`` (verified or altered), ``words``, ``says`` (what the passage has
    instead, if the viewer may read it) and ``turns`` (``number``, ``who``, ``tone``); ``apart`` are
    those that the passage does not have. ``budget`` has ``who``, ``tone``, ``used`` new characters,
    ``total`` allowed in the match and ``each`` in a turn (None: no limit).
    """
    names = [_name(match, turn.seat) for turn in seen.turns]
    drawn = quoting.in_order(match, seen, _rounds(match, transcript), names)
    return {"sig": content_id("r", drawn), **drawn}


def _numbers(seen: View, transcript: Transcript) -> dict[str, int]:
    """The number in reading order of each turn that is shown, by its id."""
    at = {(turn.place, turn.seat, turn.kind): i for i, turn in enumerate(seen.turns)}
    found = ((turn.id, at.get((turn.place, turn.seat, turn.kind))) for turn in transcript)
    return {turn: number for turn, number in found if number is not None}


def _node(match: Match, turn: Turn | Seen, number: int, answers: Sequence[int]) -> dict[str, Any]:
    who, tone = _name(match, turn.seat)
    said = f"Turn {number + 1}, {who}" + (f", {turn.kind}" if turn.kind != "speech" else "")
    said += f", answers {_listed(answers)}" if answers else ""
    short = turn.seat if len(turn.seat) == 1 else who[:1]
    return {"number": number, "side": tone, "short": visible(short), "label": said}


def _listed(numbers: Sequence[int]) -> str:
    return "turn " + " and ".join(str(number + 1) for number in numbers)


def tree(
    match: Match,
    seen: View,
    transcript: Transcript,
    done: Collection[int] = (),
    unread: Collection[int] = (),
) -> dict[str, Any]:
    """Who answers whom, among the turns that are shown, by numbers in reading order.

    ``done`` are the turns that the person has reported on, ``unread`` those it has not read yet.
    A turn hangs below the last one that it answers; ``also`` are the others.
    """
    numbers = _numbers(seen, transcript)
    replies = {
        numbers[turn.id]: sorted(numbers[other] for other in turn.replies_to if other in numbers)
        for turn in transcript
        if turn.id in numbers
    }
    nodes = []
    for number, turn in enumerate(seen.turns):
        above = [other for other in replies.get(number, ()) if other < number]
        node = _node(match, turn, number, above)
        nodes.append({
            **node,
            "parent": above[-1] if above else None,
            "also": above[:-1],
            "done": number in done,
            "unread": number in unread,
            "dim": False,
        })  # fmt: skip
    return {"label": "Turns: who answers whom", "nodes": nodes}


def branches(
    match: Match,
    turns: TurnTree,
    shown: Collection[str] = (),
    notes: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """All turns below a root with their forks and siblings, for researchers; and the id of each
    node, by its number.

    A turn hangs below the one it was said after. Beliefs and verdicts are left out. ``shown`` are
    the ids of the path that is on the page: the others are dim. ``notes`` are added to the names
    of turns, by id.
    """
    spoken = [turn for _, turn in turns.depth_first() if not turn.is_leaf]
    numbers = {turn.id: i for i, turn in enumerate(spoken)}
    nodes = []
    for number, turn in enumerate(spoken):
        node = _node(match, turn, number, [])
        said = node["label"] + ("" if turn.id in shown or not shown else ", on another branch")
        if notes and turn.id in notes:
            said += f", {visible(notes[turn.id])}"
        nodes.append({
            **node,
            "label": said,
            "parent": numbers.get(turn.parent),
            "also": [],
            "done": False,
            "unread": False,
            "dim": bool(shown) and turn.id not in shown,
        })  # fmt: skip
    return {"label": "Turns: what was said after what", "nodes": nodes}, [t.id for t in spoken]


def beliefs(
    label: str, ticks: Sequence[str], lines: Sequence[tuple[str, Sequence[float | None]]]
) -> dict[str, Any]:
    """Belief lines by tick, in per cent: ``label`` says what of. None: nothing was said there."""
    wrong = [name for name, points in lines if len(points) != len(ticks)]
    if wrong:
        raise ValueError(f"a belief line has one point for each of the {len(ticks)} ticks")
    return {
        "label": visible(label),
        "ticks": [visible(tick) for tick in ticks],
        "lines": [{"name": visible(name), "points": list(points)} for name, points in lines],
    }


def picker(seen: View) -> dict[str, Any]:
    """The passage as lines of words, to pick quotations from, and how its quotations are written.

    A word is [what is shown] or [what is shown, what is written], where hidden characters make
    them differ. Raises ValueError where the viewer may not read the passage.
    """
    if seen.passage is None:
        raise ValueError("this seat may not read the passage, so it cannot pick from it")
    words = [[[visible(word), word] for word in line.split()] for line in seen.passage.split("\n")]
    return {
        "style": seen.quotes,
        "least": MIN_QUOTE,
        "left": seen.quoted_left,
        "lines": [[pair[:1] if pair[0] == pair[1] else pair for pair in line] for line in words],
    }
