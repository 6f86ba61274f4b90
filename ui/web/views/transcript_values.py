"""From a debate in the store to what the transcript page draws: plain values, text made visible.

A researcher reads every turn, also those that a judge does not see, and the passage. Numbers of
turns are those of the reading order, from 0; turns of other branches have the numbers after them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from arena import quotes
from arena.desk.browse import BrowseError, find
from arena.desk.fork import forks_of
from arena.desk.siblings import siblings
from arena.ids import content_id
from arena.match import PERSON, Match, Seen, Shown, Transcript, View, view
from arena.near import near
from arena.play import path, waiting_for
from arena.protocols import verdict_slot
from arena.store import Store
from arena.text import visible
from arena.turns import Turn, TurnTree
from ui import reading

MOST_NODES = 400
"""Turns that a tree draws; of a larger one, those of the debate and what stands beside them."""
MOST_LINES = 24
"""Belief lines that a chart draws; the table of reports has all."""
KINDS = {"candidate": "candidate", "fork": "fork", "sample": "another sample"}
"""What a turn of another branch is called."""

_CITATION = re.compile(r"\[[0-9]+(?:[-\N{EN DASH}][0-9]+)?\]")


@dataclass(frozen=True, slots=True)
class Debate:
    """A debate as it stands: what was said, and what somebody may see who may see it all."""

    match: Match
    spoken: Transcript
    view: View

    @property
    def waiting(self) -> tuple[str, ...]:
        """The seats that it waits for; empty when it is over."""
        return waiting_for(self.match, self.spoken)


def debate(store: Store, key: object) -> Debate:
    """The debate that an address names. Raises BrowseError."""
    match = find(store, key)
    spoken = path(store.transcript(match))
    return Debate(match, spoken, everything(match, spoken))


def everything(match: Match, spoken: Transcript) -> View:
    """The view of somebody who may read all turns, in reading order, and the passage."""
    slots = {
        (at, slot.seat, slot.kind): slot
        for at, one in match.protocol.rounds(spoken)
        for slot in one.slots
    }
    base = view(match, (), verdict_slot(match.protocol))
    turns = []
    for turn in spoken:
        speech = turn.speech
        side = speech.side
        if len(match.sides) == 1 and turn.seat == match.sides[0][0]:
            side = match.sides[0][1]
        turns.append(
            Seen(
                turn.place,
                turn.seat,
                turn.kind,
                speech.text,
                _quotations(match, turn),
                None if side is None else base.answers[side].label,
                status=speech.status,
                stop=speech.stop,
                slot=slots.get((turn.place, turn.seat, turn.kind)),
            )
        )
    return replace(
        base, passage=match.question.passage, quotes=match.protocol.quotes, turns=tuple(turns)
    )


def _quotations(match: Match, turn: Turn) -> tuple[Shown, ...]:
    made = sorted(turn.speech.quotes, key=lambda quote: quote.begin)
    words = quotes.shown(turn.speech.text, made, match.question.passage)
    return tuple(Shown(*one, quote.span) for one, quote in zip(words, made, strict=True))


def page(one: Debate) -> dict[str, Any]:
    """What the reader draws: all turns, with a note where not everybody sees one."""
    data = reading.page(one.match, one.view, one.spoken)
    turns = [turn for called in data["rounds"] for turn in called["turns"]]
    for turn, seen in zip(turns, one.view.turns, strict=True):
        given = seen.slot
        if given is not None and "all" not in given.seen_by:
            others = [visible(seat) for seat in given.seen_by if seat != seen.seat]
            turn["notes"].append(
                f"seen by {', '.join(others)}" if others else "seen by nobody else"
            )
    data["rules"] = f"What its judges are told: {data['rules']}"
    del data["sig"]
    return {"sig": content_id("r", data), **data}


def name_of(match: Match, seat: str) -> str:
    """What a seat is called on the page."""
    role = match.protocol.role(seat)
    alike = sum(one.role == role for one in match.protocol.seats) > 1
    return visible(f"{role.capitalize()} {seat}" if alike else role.capitalize())


# The tree.


def tree(store: Store, one: Debate) -> tuple[dict[str, Any], list[str], int]:
    """The tree of all that was said below the debate's root, the turn's id of each number, and how
    many turns are left out because there are too many."""
    match, own = one.match, {turn.id: n for n, turn in enumerate(one.spoken)}
    known = store.tree(match.root)
    shown, left = _pruned(known, one)
    kinds = branch_kinds(store, match, shown)
    notes = {turn: KINDS[kind] for turn, kind in kinds.items() if turn not in own}
    drawn, ids = reading.branches(match, shown, own.keys(), notes)
    numbers, others = [], len(own)
    for id in ids:
        numbers.append(own.get(id, others))
        others += id not in own
    for node, number in zip(drawn["nodes"], numbers, strict=True):
        node["number"] = number
        node["label"] = f"Turn {number + 1},{node['label'].partition(',')[2]}"
        node["parent"] = None if node["parent"] is None else numbers[node["parent"]]
    by_number = dict(zip(numbers, ids, strict=True))
    return drawn, [by_number[n] for n in range(len(ids))], left


def _pruned(known: TurnTree, one: Debate) -> tuple[TurnTree, int]:
    spoken = [turn for turn in known if not turn.is_leaf]
    if len(spoken) <= MOST_NODES:
        return known, 0
    near_by = {turn.parent for turn in one.spoken}
    own = {turn.id for turn in one.spoken}
    beside = [turn for turn in spoken if turn.parent in near_by and turn.id not in own]
    kept = own | {turn.id for turn in beside[: max(0, MOST_NODES - len(own))]}
    some = [replace(turn, replies_to=()) for turn in spoken if turn.id in kept]
    return TurnTree(one.match.root, some), len(spoken) - len(kept)


def branch_kinds(store: Store, match: Match, turns: TurnTree) -> dict[str, str]:
    """Of each turn, by id: ``candidate``, ``fork`` (only forks hold it) or ``sample``."""
    forks, holders = forks_of(store, match.root), _holders(store, match.root)
    found = {}
    for turn in turns:
        if turn.origin == "candidate":
            found[turn.id] = "candidate"
        else:
            held = holders.get(turn.id, set())
            found[turn.id] = (
                "fork" if turn.origin == "fork" or (held and held <= forks) else "sample"
            )
    return found


def _holders(store: Store, root: str) -> dict[str, set[str]]:
    sql = "SELECT match, turn FROM match_turns WHERE turn IN (SELECT id FROM turns WHERE root = ?)"
    found: dict[str, set[str]] = {}
    for row in store.query(sql, root):
        found.setdefault(row["turn"], set()).add(row["match"])
    return found


def where_is(store: Store, one: Debate, turn: str) -> tuple[str, int, bool]:
    """Where a turn of the tree is read: a debate, a number in its reading order, and whether it is
    there only as an alternative to that turn. Raises BrowseError where it is nowhere."""
    for n, own in enumerate(one.spoken):
        if own.id == turn:
            return one.match.id, n, False
    for other in sorted(_holders(store, one.match.root).get(turn, ())):
        for n, said in enumerate(path(store.transcript(store.match(other)))):
            if said.id == turn:
                return other, n, False
    known = store.tree(one.match.root)
    if turn in known:
        for n, own in enumerate(one.spoken):
            if own.parent == known[turn].parent:
                return one.match.id, n, True
    raise BrowseError("This turn is in no debate of its own; open its neighbours instead.")


# What judges said.


def belief_lines(
    one: Debate, lines: Sequence[Mapping[str, Any]], option: int
) -> tuple[dict[str, Any], int]:
    """The chart of every judge's probability of one option, by turns read; and how many lines are
    left out because there are too many."""
    ticks = ["start", *(str(n + 1) for n in range(len(one.spoken)))]
    drawn: list[tuple[str, list[float | None]]] = []
    for line in lines[:MOST_LINES]:
        points: list[float | None] = [None] * len(ticks)
        for point in line["points"]:
            points[point["after"]] = round(100 * point["p"][option], 1)
        about = [line["judge_kind"], line["mode"]]
        if line["listing"] and line["listing"] != list(one.match.labels):
            about.append(f"listed {' '.join(line['listing'])}")
        if line["again"]:
            about.append(f"reading {line['again'] + 1}")
        drawn.append((f"{line['judge']} ({', '.join(about)})", points))
    label = f"Probability of {one.match.labels[option]} after each turn, in %"
    return reading.beliefs(label, ticks, drawn), max(0, len(lines) - MOST_LINES)


def report_rows(one: Debate, reports: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The reports as columns of a table."""
    labels = one.match.labels
    found: dict[str, list[Any]] = {
        "Judge": [said["judge"] for said in reports],
        "Kind": [said["judge_kind"] for said in reports],
        "After turn": [said["after"] for said in reports],
        "Report": [said["kind"] for said in reports],
        **{
            f"P({label}), %": [
                None if said["p"] is None else round(100 * said["p"][n], 1) for said in reports
            ]
            for n, label in enumerate(labels)
        },
        "Choice": [said["choice"] or "" for said in reports],
        "Status": [said["status"] for said in reports],
        "Listed": [" ".join(said["listing"]) for said in reports],
        "Mode": [said["mode"] for said in reports],
        "Taken back": [said["undone"] for said in reports],
    }
    if any("right" in said for said in reports):
        words = {True: "right", False: "wrong", None: ""}
        found["Right"] = [words[said["right"]] for said in reports]
    return found | {"Reason": [said["reason"] for said in reports]}


# Side by side.


def card(number: int | None, who: str, tone: str, parts: list[list[str]], notes: list[str],
         foot: Sequence[str] = (), opens: bool = False) -> dict[str, Any]:  # fmt: skip
    """One speech beside others, for `ui.web.views.transcript_cards`."""
    return {"number": number, "who": who, "tone": tone, "parts": parts, "notes": notes,
            "foot": list(foot), "opens": opens}  # fmt: skip


def alternatives(
    store: Store, one: Debate, turn: int, reports: bool, metadata: bool
) -> tuple[list[dict[str, Any]], list[str | None]]:
    """A turn and what else was said in its place, as cards; and the debate that each opens.

    With ``reports`` the standing verdicts below each, with ``metadata`` who said it.
    """
    kinds = branch_kinds(store, one.match, store.tree(one.match.root))
    cards, opens = [], []
    for said in siblings(store, one.match, turn):
        notes, foot = [] if said["status"] == "ok" else [str(said["status"])], []
        if metadata:
            score = "" if said["score"] is None else f", score {said['score']:.3g}"
            notes.append(f"by {said['author']}, sample {said['sample']}{score}")
        if reports:
            foot = below(one.match, said["below"])
            foot += [
                f"Value to the seat: {value['value']:+.2f} ({value['rule']}, {value['judge']})"
                for value in said["values"]
            ]
        others = [key for key in said["matches"] if key != one.match.id]
        opening = None if said["mine"] or not others else others[0]
        if opening is not None and kinds.get(said["id"]) == "candidate":
            opening = None
        title = "In this debate" if said["mine"] else KINDS[kinds[said["id"]]].capitalize()
        parts = [[_kind(kind, words, one.match), words] for kind, words in said["parts"]]
        cards.append(card(None, title, "", parts, notes, foot, opening is not None))
        opens.append(opening)
    return cards, opens


def _kind(kind: str, words: str, match: Match) -> str:
    if kind != "text" and _CITATION.fullmatch(words):
        return "cited" if kind == "verified" else "unknown"
    passage = match.question.passage
    close = kind == "unverified" and passage is not None and near(words, passage) is not None
    return "altered" if close else kind


def below(match: Match, said: Mapping[str, Any]) -> list[str]:
    """The standing verdicts below a turn, in words."""
    if not said["verdicts"]:
        return ["No verdict below it"]
    n = said["verdicts"]
    found = [f"{n} {'verdict' if n == 1 else 'verdicts'} below it"]
    counted = [f"{label} {said['choices'][label]}" for label in match.labels
               if label in said["choices"]]  # fmt: skip
    counted += [f"{status} {n}" for status, n in sorted(said["statuses"].items()) if status != "ok"]
    if counted:
        found.append("Chosen: " + ", ".join(counted))
    if said["p"] is not None:
        means = (
            f"P({label}) {100 * p:.0f} %" for label, p in zip(match.labels, said["p"], strict=True)
        )
        found.append("Mean: " + ", ".join(means))
    return found


def beside(one: Debate, other: Debate) -> tuple[int, list[dict[str, Any] | None]]:
    """Where two debates part (how many turns they share), and their turns from there on, in rows of
    two. Raises BrowseError where they have nothing in common."""
    if one.match.root != other.match.root:
        raise BrowseError("These two debates do not begin alike; open them one by one.")
    ids = [turn.id for turn in one.spoken], [turn.id for turn in other.spoken]
    same = 0
    while same < min(map(len, ids)) and ids[0][same] == ids[1][same]:
        same += 1
    columns = []
    for each in (one, other):
        turns = [turn for called in page(each)["rounds"] for turn in called["turns"]]
        columns.append([
            card(turn["number"], turn["who"], turn["tone"], turn["parts"], turn["notes"])
            for turn in turns[same:]
        ])  # fmt: skip
    cards: list[dict[str, Any] | None] = []
    for n in range(max(map(len, columns))):
        cards += [column[n] if n < len(column) else None for column in columns]
    return same, cards


# Forks.


def forks(store: Store, match: Match) -> list[dict[str, Any]]:
    """The forks of this very debate, in the order in which they were made: ``id``, ``after`` (the
    last turn that is shared, from 0; -1: none), ``turns``, and what each waits for."""
    sql = (
        "SELECT match, json_extract(value, '$.turn') AS turn FROM events WHERE kind = 'forked' "
        "AND json_extract(value, '$.from') = ? ORDER BY id"
    )
    found = []
    for row in store.query(sql, match.id):
        one = store.match(row["match"])
        transcript = store.transcript(one)
        said = path(transcript)
        found.append({"id": one.id, "after": row["turn"], "turns": len(said),
                      "state": state(one, transcript)})  # fmt: skip
    return found


def state(match: Match, transcript: Transcript) -> str:
    """Whether a debate is over, and if not for whom it waits, in words."""
    seats = waiting_for(match, transcript)
    if not seats:
        return "over"
    chairs = dict(match.seats)
    people = [name_of(match, seat) for seat in seats if chairs.get(seat) == PERSON]
    if people:
        return f"waits for a person: {', '.join(people)}"
    return f"waits for machines: {', '.join(name_of(match, seat) for seat in seats)}"
