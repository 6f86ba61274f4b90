"""Prompts: a `View` as chat messages, in which other people's words are data and never structure.

*Frames.* What the platform says begins at column 0 (``### Speaker A, speech``). Every line that
somebody else wrote (question, answers, passage, speeches) begins with a frame mark of the
platform's: ``| `` for their words, ``12| `` for line 12 of the passage, ``> `` for the passage's
own words under a quotation that was found. All kinds of line breaks are made lines, and characters
that cannot be seen are written out (``⟦U+202E⟧``); the brackets ⟦ ⟧ themselves are written out as
well, so nobody can forge a frame, nor the mark ``⟦1⟧`` of a quotation.

*Append only.* A seat's prompt at its next turn begins with its prompt at this turn: rules,
question and passage first, then the turns in the order in which the seat came to know them, its
own ones as assistant messages exactly as sampled, each after the instruction that asked for it.
Nothing in this order depends on what follows. Two things stand in the last instruction only and
are not kept: the notice after a speech over its limits, and what is left of a total quote budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from agents.templates import STANDARD, Templates
from arena import quotes
from arena.flow import Message
from arena.match import Option, Seen, Shown, View
from arena.protocols import JUDGE, Slot
from arena.text import visible

Messages: TypeAlias = tuple[Message, ...]

HEADING = "### "
WORDS = "| "
PASSAGE = "> "
END_DEBATE = "END DEBATE"

# The brackets of the platform's own marks, as `visible` writes out what cannot be seen.
_BRACKETS = {ord(bracket): f"⟦U+{ord(bracket):04X}⟧" for bracket in "⟦⟧"}


# ---------------------------------------------------------------------------------------------
# Frames.


@lru_cache(maxsize=4096)  # a group's speakers are shown the same, and so are its judges
def safe(text: str) -> str:
    """``text`` with newlines only, hidden characters and the brackets ⟦ ⟧ written out."""
    return visible(text.translate(_BRACKETS))


@lru_cache(maxsize=2048)
def framed(text: str, mark: str = WORDS, first: str | None = None) -> str:
    """Somebody's words in a frame: every line begins with ``mark`` (the first with ``first``)."""
    lines = safe(text).split("\n")
    marks = [mark if first is None else first] + [mark] * (len(lines) - 1)
    return "\n".join((m + line).rstrip(" ") for m, line in zip(marks, lines, strict=True))


def one_line(text: str) -> str:
    """A short name (a label, a seat) for use in a line of the platform's."""
    return safe(text).replace("\n", " ")


def _speech(text: str, shown: Sequence[Shown], once: bool) -> str:
    """A speech in its frame, its quotations numbered, and what the platform found below it.

    With ``once``, the words of a quotation that was found stand below only.
    """
    words = ""
    below: list[str] = []
    at = 0
    for n, quote in enumerate(sorted(shown, key=lambda one: one.begin), start=1):
        end = quote.end
        if text.startswith(quotes.CLOSE, end):
            end += len(quotes.CLOSE)
        until = end
        if once and quote.text is not None:
            until = quote.begin - len(quotes.OPEN) * text.endswith(quotes.OPEN, 0, quote.begin)
        words += f"{safe(text[at:until])}⟦{n}⟧"
        at = end
        if quote.text is None:
            below.append(f"⟦{n}⟧ was not found in the passage.")
        else:
            below.append(f"⟦{n}⟧ is in the passage:\n{framed(quote.text, PASSAGE)}")
    words += safe(text[at:])
    return "\n".join([*((WORDS + line).rstrip(" ") for line in words.split("\n")), *below])


def _passage(text: str, numbered: bool) -> str:
    """The passage; line n begins with ``n| `` where lines can be cited (lines end at newlines)."""
    if not numbered:
        return framed(text)
    lines = enumerate(text.split("\n"), start=1)
    return "\n".join(framed(line.removesuffix("\r"), first=f"{n}{WORDS}") for n, line in lines)


def _title(seat: str, *words: str) -> str:
    return HEADING + ", ".join(("Judge" if seat == JUDGE else f"Speaker {one_line(seat)}", *words))


def _options(heading: str, what: str, options: Sequence[Option]) -> str:
    lines = [HEADING + heading]
    for option in options:
        lines += [f"{what} {one_line(option.label)}:", framed(option.text)]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------
# Messages.


def asked(messages: Messages, text: str) -> Messages:
    """``messages`` with more of the user's words: merged into a last message that is the user's."""
    if messages and messages[-1].role == "user":
        last = messages[-1]
        return (*messages[:-1], Message("user", f"{last.content}\n\n{text}"))
    return (*messages, Message("user", text))


def said(messages: Messages, text: str) -> Messages:
    """``messages`` with the participant's own words, as they are."""
    return (*messages, Message("assistant", text))


def labels(options: Sequence[Option]) -> str:
    """The labels as they are listed, in words."""
    return " or ".join(one_line(option.label) for option in options)


def _rules(view: View, words: Templates) -> str:
    side = words.free if view.side is None else words.defends.format(label=one_line(view.side))
    goal = "your side" if view.goal is None else f"option {one_line(view.goal)}"
    text: str = getattr(words, view.role)
    lines = [text.format(seat=one_line(view.seat), side=side, goal=goal)]
    if view.passage is not None and view.role != "judge":
        lines += [words.verbatim] if view.quotes in ("verbatim", "both") else []
        lines += [words.lines] if view.quotes in ("lines", "both") else []
    return "\n".join([*lines, words.frames])


def _matter(view: View, words: Templates) -> str:
    """Question, answers, options and passage: the same at every turn of a seat."""
    parts = [f"{HEADING}Question\n{framed(view.question)}"]
    if {one.label for one in view.answers} == {one.label for one in view.options}:
        parts.append(_options("Options", "Answer", view.options))
    else:
        parts.append(_options("Answers", "Answer", view.answers))
        parts.append(_options("Options", "Option", view.options))
    if view.passage is not None:
        numbered = view.quotes in ("lines", "both") and view.role != "judge"
        passage = f"{HEADING}Passage\n{_passage(view.passage, numbered)}"
        parts.insert(0 if words.passage_first else len(parts), passage)
    if words.passage_first and view.side is not None:
        own = next(one for one in view.answers if one.label == view.side)
        parts.append(f"{HEADING}You defend answer {one_line(own.label)}\n{framed(own.text)}")
    return "\n\n".join(parts)


def _turn(text: str) -> str:
    return f"{HEADING}Your turn\n{text}"


def _limits(slot: Slot) -> str:
    limits = slot.limits
    parts = [
        f"{number} {what}"
        for number, what in (
            (limits.tokens, "tokens"),
            (limits.characters, "characters"),
            (limits.quoted, "newly quoted characters"),
        )
        if number is not None
    ]
    return f" At most {', '.join(parts)}." if parts else ""


def instruction(view: View, slot: Slot, words: Templates) -> str:
    """What asks for the speech, belief or verdict of ``slot``: a function of the slot alone."""
    text: str = getattr(words, slot.kind)
    text = text.format(labels=labels(view.options))
    if slot.kind in ("belief", "verdict"):
        return _turn(text)
    if slot.seat != JUDGE:
        text += _limits(slot) if words.tells_limits else ""
        if slot.may_stop:
            text += " " + words.may_stop
    elif slot.limits.tokens is not None and words.tells_limits:
        text += f" At most {slot.limits.tokens} tokens."
    return _turn(text)


def choosing(view: View, words: Templates) -> str:
    """What asks for a side, in open protocols."""
    return _turn(words.choose.format(labels=labels(view.answers)))


def thinking(words: Templates) -> str:
    """What asks for a private thought."""
    return _turn(words.think)


def eliciting(view: View, words: Templates, again: bool = False) -> str:
    """What asks for a probability in words."""
    text = words.again if again else words.elicit
    return _turn(text.format(labels=labels(view.options)))


def remark(view: View) -> str:
    """What is said in the current instruction only: a notice, and what may still be quoted."""
    parts = [view.notice] if view.notice else []
    left, limit = view.quoted_left, view.slot.limits.quoted
    if left is not None and left != limit and view.slot.kind not in ("belief", "verdict"):
        parts.append(f"You may quote {left} more characters of the passage.")
    return " ".join(parts)


def _own(messages: Messages, view: View, turn: Seen, words: Templates) -> Messages:
    """The requests that a turn of the seat's own was made of, with their answers."""
    slot = turn.slot or Slot(turn.seat, turn.kind)
    if turn.kind in ("belief", "verdict"):
        return said(asked(messages, instruction(view, slot, words)), turn.text)
    if view.side is None and turn.side is not None:
        messages = said(asked(messages, choosing(view, words)), turn.side)
    if slot.scratchpad:
        messages = said(asked(messages, thinking(words)), turn.thought)
    messages = said(asked(messages, instruction(view, slot, words)), turn.text)
    if turn.status == "over limit":
        messages = asked(messages, "(Your speech was over its limits and is shown to nobody.)")
    return messages


_SILENT = {
    "over limit": "(There is no speech: it was over its limits.)",
    "refused": "(There is no speech: the speaker refused.)",
    "too long": "(There is no speech: the speaker could not read so long a text.)",
    "error": "(There is no speech: the speaker failed.)",
}


def _others(turn: Seen, words: Templates) -> str:
    """A turn of another seat, framed."""
    if turn.kind in ("belief", "verdict"):
        believed = f"Option {one_line(turn.text)}" if turn.text else "No option"
        return f"{_title(turn.seat, turn.kind)}\n({believed}.)"
    chosen = [] if turn.side is None else [f"for answer {one_line(turn.side)}"]
    lines = [_title(turn.seat, turn.kind, *chosen)]
    if turn.text or turn.status in ("ok", "length"):
        lines.append(_speech(turn.text, turn.quotes, words.quotes_once))
    if turn.status == "length":
        lines.append("(The speech was cut off at its limit.)")
    elif turn.status in _SILENT:
        lines.append(_SILENT[turn.status])
    if turn.stop:
        lines.append("(The speaker is willing to end here.)")
    return "\n".join(lines)


def history(view: View, words: Templates = STANDARD) -> Messages:
    """The messages up to, and without, the instruction for the slot that is to be filled now."""
    messages: Messages = (
        Message("system", _rules(view, words)),
        Message("user", _matter(view, words)),
    )
    for turn in view.turns:
        if turn.mine:
            messages = _own(messages, view, turn, words)
        else:
            messages = asked(messages, _others(turn, words))
    return messages
