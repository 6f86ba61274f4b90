"""Whole playings as each seat sees them, kept as text: read them to check the referee.

``pytest tests/test_playthroughs.py --update-playthroughs`` writes them anew; read the difference
before you commit it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

import pytest
from players import EXTRA, LINES, PASSAGE, QUESTION, finish, make_match

from arena.flow import Flow
from arena.match import Agent, Judge, Match, Option, Seen, Transcript, View, listing, view
from arena.play import play, read
from arena.protocols import BUILT_IN, JUDGE, Limits, Protocol, Slot
from arena.turns import Speech, Turn, Verdict

FOLDER = Path(__file__).parent / "playthroughs"
PLAYED: dict[str, Protocol] = {**BUILT_IN, **EXTRA}


def _line(answer: str) -> int:
    """The number of the line that speaks for an answer."""
    return next(i for i, line in enumerate(LINES, 1) if f"of {answer};" in line)


@dataclass
class Actor:
    """Plays every seat: says who it is, cites its line, answers what it heard last."""

    views: list[View] = field(default_factory=list)
    record = {"kind": "test", "name": "actor"}  # noqa: RUF012

    def speak(self, seen: View) -> Flow[Speech]:
        yield from ()
        self.views.append(seen)
        thought = f"({seen.seat} thinks, before place {seen.place})"
        if seen.seat == JUDGE:
            return Speech(f"Which line shows it? You have said {len(seen.turns)} things.", thought)
        mine = [turn for turn in seen.turns if turn.mine]
        theirs = [turn for turn in seen.turns if not turn.mine and turn.seat != JUDGE and turn.text]
        free = seen.side is None and seen.role != "critic" and not mine
        side = None
        label = seen.side or next((turn.side for turn in mine if turn.side), None)
        if free:
            side = 0 if seen.seat == "A" else 1
            label = seen.answers[side].label
        stop = seen.slot.may_stop and seen.place > 1
        if seen.role == "critic":
            tried = next(turn.side for turn in theirs if turn.kind == "answer")
            text = f"Answer {tried} is wrong: see [4]."
        elif mine or theirs:
            heard = f" You said: {theirs[-1].text.splitlines()[0][:28]}" if theirs else ""
            text = f"I, {seen.seat}, insist on {label}.{heard}"
        else:
            answer = next(option.text for option in seen.answers if option.label == label)
            text = f"{seen.seat} defends {label} ({answer}): see [{_line(answer)}]."
        return Speech(text + (" I stop here." if stop else ""), thought, side=side, stop=stop)

    def decide(self, seen: View) -> Flow[Verdict]:
        yield from ()
        self.views.append(seen)
        heard = sum(len(turn.text) for turn in seen.turns)
        first = heard % 2
        p = (0.75, 0.25) if first == 0 else (0.25, 0.75)
        stop = seen.slot.may_stop and seen.place > 2
        return Verdict(first, p, reason=f"(the judge's reason at place {seen.place})", stop=stop)


# ---------------------------------------------------------------------------------------------
# As text.


def _options(options: Sequence[Option]) -> str:
    return ", ".join(f"{option.label} = {option.text}" for option in options)


def _limits(limits: Limits) -> str:
    named = ("tokens", "characters", "quoted")
    return ", ".join(f"{getattr(limits, n)} {n}" for n in named if getattr(limits, n) is not None)


def _turn_seen(turn: Seen) -> str:
    who = "you" if turn.mine else turn.seat
    marks = [f"chose {turn.side}"] if turn.side else []
    marks += ["stops"] if turn.stop else []
    marks += [turn.status] if turn.status != "ok" else []
    head = f"{turn.place} {who}, {turn.kind}{''.join(f', {one}' for one in marks)}: {turn.text}"
    quoted = [
        f"   {turn.text[q.begin : q.end]} -> {'not in the passage' if q.text is None else q.text}"
        for q in turn.quotes
    ]
    thought = [f"   thought: {turn.thought}"] if turn.thought else []
    return "\n".join([head, *quoted, *thought])


def seen_as_text(seen: View) -> str:
    """A view, one thing a line."""
    slot = seen.slot
    asked = [slot.kind, _limits(slot.limits)]
    asked += [f"{slot.scratchpad} tokens of scratchpad" if slot.scratchpad else ""]
    asked += ["may stop" if slot.may_stop else ""]
    out = [
        f"you are {seen.seat}, the {seen.role}, at place {seen.place}; "
        f"asked for: {', '.join(part for part in asked if part)}",
        f"question: {seen.question}",
        f"options, as listed: {_options(seen.options)}",
    ]
    if {option.text for option in seen.answers} != {option.text for option in seen.options}:
        out.append(f"answers: {_options(seen.answers)}")
    if seen.side is not None or seen.goal is not None:
        out.append(f"you defend: {seen.side or '-'}; you are paid for: {seen.goal or '-'}")
    if seen.passage is None:
        out.append("passage: not shown")
    else:
        assert seen.passage == PASSAGE
        left = "" if seen.quoted_left is None else f", {seen.quoted_left} characters left to quote"
        out.append(f"passage: shown (quotes: {seen.quotes}{left})")
    if seen.notice:
        out.append(f"notice: {seen.notice}")
    out += [indent(_turn_seen(turn), "  ") for turn in seen.turns] or ["  (nothing was said)"]
    return "\n".join(out)


def said_as_text(match: Match, turn: Turn, turns: Transcript) -> str:
    """What filled the slot, as the store keeps it."""
    called = {one.id: f"{one.seat}{one.place}" for one in turns}
    marks = []
    if turn.replies_to:
        marks.append("replies to " + ", ".join(called[one] for one in turn.replies_to))
    marks.append(f"after {called.get(turn.parent, 'the root')}")
    if turn.is_leaf:
        verdict = turn.verdict
        options = match.options
        listed = " > ".join(options[i] for i in verdict.order)
        marks += [f"listed {listed}", verdict.mode, *(["stops"] if verdict.stop else [])]
        chosen = "none" if verdict.choice is None else options[verdict.choice]
        numbers = verdict.elicited or ()
        odds = ", ".join(f"{o} {p:.2f}" for o, p in zip(options, numbers, strict=True))
        return f"=> {turn.kind} ({'; '.join(marks)}): {chosen} [{odds}] {verdict.reason}"
    speech = turn.speech
    if speech.side is not None:
        marks.append(f"chose {match.question.answers[speech.side]}")
    marks += ["stops"] if speech.stop else []
    return f"=> {turn.kind} ({'; '.join(marks)}): {speech.text}"


def playthrough(name: str, protocol: Protocol) -> str:
    """One playing, each slot as its seat sees it, then as two readers see the whole."""
    match = make_match(protocol, first=1)
    actor = Actor()
    cast: dict[str, Agent | Judge] = {seat: actor for seat, _ in match.seats}
    turns = finish(play(match, cast))
    assert len(turns) == len(actor.views)
    sides = ", ".join(f"{seat} {match.options[option]}" for seat, option in match.sides)
    out = [
        f"{name}",
        f"question: {QUESTION.text}  answers: {', '.join(QUESTION.answers)}",
        f"sides: {sides or ('chosen by the speakers' if match.protocol.speakers else 'none')}"
        + ("" if match.proposal is None else f"; on trial: {QUESTION.answers[match.proposal]}"),
        "passage:",
        *(f"  {i} {line}" for i, line in enumerate(LINES, 1)),
    ]  # fmt: skip
    for seen, turn in zip(actor.views, turns, strict=True):
        out += ["", f"--- place {seen.place}: {seen.seat} ---", seen_as_text(seen),
                said_as_text(match, turn, turns)]  # fmt: skip
    for swapped in (False, True):
        reader = Actor()
        (leaf,) = finish(read(match, reader, turns, "reader", listing(match, swapped)))
        how = "swapped" if swapped else "listed"
        out += ["", f"--- a reading judge, options {how} ---", seen_as_text(reader.views[0]),
                said_as_text(match, leaf, turns)]  # fmt: skip
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("name", PLAYED)
def test_a_playing_looks_to_every_seat_as_it_did(name: str, request: pytest.FixtureRequest) -> None:
    file = FOLDER / f"{name.replace(' ', '-')}.txt"
    found = playthrough(name, PLAYED[name])
    if request.config.getoption("--update-playthroughs"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")


def test_there_is_no_playthrough_of_a_protocol_that_is_gone() -> None:
    known = {f"{name.replace(' ', '-')}.txt" for name in PLAYED}
    assert {file.name for file in FOLDER.iterdir()} == known


def test_what_is_written_tells_views_apart() -> None:
    """Every field of a view that differs between seats or turns can be read off the text."""
    match = make_match(BUILT_IN["debate"])
    slot = Slot("A")
    base = view(match, (), slot, 0)
    assert seen_as_text(base) != seen_as_text(view(match, (), Slot("B"), 0))
    assert seen_as_text(base) != seen_as_text(view(match, (), slot, 0, (1, 0)))
    assert seen_as_text(base) != seen_as_text(view(match, (), slot, 0, notice="again"))
    assert seen_as_text(base) == seen_as_text(view(match, (), slot, 0, seed=1))
