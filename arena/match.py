"""A match, and what each participant may know of it.

`Match` is data; the transcript is its whole state. `view` builds the one value that a participant
is given: the truth, other seats' thoughts and unrevealed turns are not fields of it. `Agent` and
`Judge` are what fills slots; `arena.play` asks them.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from arena import quotes
from arena.budget import quoted_left
from arena.flow import Flow
from arena.ids import content_id
from arena.protocols import JUDGE, Protocol, Role, Slot
from arena.questions import Question
from arena.turns import LEAF_KINDS, Kind, Speech, SpeechStatus, Turn, Verdict

Transcript: TypeAlias = tuple[Turn, ...]
PERSON = "person"
"""The seat value of a human: the chair is empty until a person acts."""
RIGHT_WRONG = ("the answer is right", "the answer is wrong")
"""The options of a verdict on a proposed answer."""


@dataclass(frozen=True, slots=True)
class Match:
    """One playing: a question under a protocol, who defends what, who sits where, and the seed.

    ``sides`` gives each speaking seat its option (an index into `options`); it is empty where the
    protocol lets speakers choose. ``seats`` gives each participant whose turns others can see; a
    judge who only reads has none. ``proposal`` is the answer that a proposer is told to defend
    (critique), None where it may choose.
    """

    question: Question
    protocol: Protocol
    sides: tuple[tuple[str, int], ...] = ()
    seats: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    proposal: int | None = None
    id: str = field(init=False, repr=False)
    root: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = {seat.name for seat in self.protocol.seats}
        for what in ("sides", "seats"):
            unknown = sorted({seat for seat, _ in getattr(self, what)} - names)
            if unknown:
                raise ValueError(
                    f"{what}: {unknown} are not seats of protocol {self.protocol.name!r}, "
                    f"which has {sorted(names)}"
                )
        if self.protocol.sides == "assigned":
            without = sorted(set(self.protocol.speakers) - {seat for seat, _ in self.sides})
            if without:
                raise ValueError(f"sides: seats {without} of {self.protocol.name!r} have no side")
        bad = [option for _, option in self.sides if not 0 <= option < len(self.options)]
        if bad:
            raise ValueError(f"sides: options are 0 to {len(self.options) - 1}, got {bad}")
        answers = len(self.question.answers)
        if self.proposal is not None and not 0 <= self.proposal < answers:
            raise ValueError(f"proposal: answers are 0 to {answers - 1}, got {self.proposal}")
        place = [seat.name for seat in self.protocol.seats].index
        for what in ("sides", "seats"):  # in seat order, so that no id depends on how they came
            pairs = sorted(getattr(self, what), key=lambda pair: place(pair[0]))
            object.__setattr__(self, what, tuple((seat, value) for seat, value in pairs))
        root = [self.question.id, self.protocol.id, self.sides, self.proposal]
        object.__setattr__(self, "root", content_id("n", root))
        object.__setattr__(self, "id", content_id("m", [self.root, self.seats, self.seed]))

    @property
    def options(self) -> tuple[str, ...]:
        """What a verdict is over, in canonical order."""
        if self.protocol.options == "answers":
            return self.question.answers
        return RIGHT_WRONG

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each option, fixed for the whole match.

        Where two or more seats have sides of their own, an option carries the letter of the seat
        that defends it; else options are lettered in canonical order.
        """
        n = len(self.options)
        letters = [chr(ord("A") + i) for i in range(n)]
        by_option = {option: seat for seat, option in self.sides if seat in letters}
        if len(self.sides) < 2 or len(by_option) < len(self.sides):
            return tuple(letters)
        rest = iter(letter for letter in letters if letter not in by_option.values())
        return tuple(by_option[i] if i in by_option else next(rest) for i in range(n))

    def side(self, seat: str) -> int | None:
        """The option that ``seat`` is assigned, if it is assigned one."""
        return dict(self.sides).get(seat)


def mirror(match: Match) -> Match:
    """The same match with roles reversed.

    Where sides are assigned among seats of one role, the seats exchange their sides (a lone
    consultant takes the other of two answers); where roles differ, the participants change seats.
    Mirroring twice gives the match back.
    """
    speakers = match.protocol.speakers
    roles = {match.protocol.role(seat) for seat in speakers}
    other = dict(zip(speakers, speakers[::-1], strict=True))
    if len(roles) > 1 or not match.sides:
        return replace(
            match, seats=tuple((other.get(seat, seat), who) for seat, who in match.seats)
        )
    if len(speakers) > 1:
        return replace(match, sides=tuple((other[seat], side) for seat, side in match.sides))
    if len(match.options) != 2:
        raise ValueError(f"a lone consultant has no mirror among {len(match.options)} answers")
    return replace(match, sides=tuple((seat, 1 - side) for seat, side in match.sides))


@dataclass(frozen=True, slots=True)
class Option:
    """An option as it is shown: its label and its text."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A quotation as it is shown: characters ``[begin, end)`` of the text, and the passage's own
    words, or None where the platform did not find them in the passage.

    ``span`` is where the passage has them. It lets a page put quotations in the passage's order;
    no prompt shows it, and it is no part of a view's digest."""

    begin: int
    end: int
    text: str | None
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A turn as a participant sees it. ``mine`` marks its seat's own; a thought is shown to its
    author alone, in its seat.

    ``side`` is the label of the answer that the speaker chose, or that a lone consultant was
    assigned. A forfeited speech has no text.
    """

    place: int
    seat: str
    kind: Kind
    text: str
    quotes: tuple[Shown, ...] = ()
    side: str | None = None
    thought: str = ""
    mine: bool = False
    status: SpeechStatus = "ok"
    stop: bool = False
    slot: Slot | None = None


@dataclass(frozen=True, slots=True)
class View:
    """All that a participant may know when it fills a slot.

    ``options`` and, within a simultaneous group, ``turns`` are in listing order; ``order`` is that
    listing as indices of canonical options. ``answers`` are the question's answers (the options
    themselves, except where the verdict is right or wrong). ``side`` is the label of the answer
    that the seat defends, ``goal`` the label of the option that it is paid for. ``passage`` is
    None for every seat that the protocol does not show it to. ``quoted_left`` is how many new
    characters of the passage may still be quoted. ``seed`` is noise, not knowledge.
    """

    question_id: str
    question: str
    answers: tuple[Option, ...]
    options: tuple[Option, ...]
    order: tuple[int, ...]
    seat: str
    role: Role
    slot: Slot
    place: int
    side: str | None
    goal: str | None
    passage: str | None
    quotes: Literal["none", "verbatim", "lines", "both"]
    turns: tuple[Seen, ...]
    quoted_left: int | None = None
    notice: str = ""
    seed: int = 0

    @property
    def digest(self) -> str:
        """The hash of everything that is shown: turns with equal ``seen`` were equally informed."""
        slot = self.slot
        limits = slot.limits
        value = [
            self.question_id, [[o.label, o.text] for o in (*self.answers, *self.options)],
            self.order, self.seat, self.role, self.place, slot.kind, self.side, self.goal,
            self.passage is not None, self.quotes, self.quoted_left, self.notice,
            slot.scratchpad, slot.may_stop, limits.tokens, limits.characters, limits.quoted,
            [
                [t.place, t.seat, t.kind, t.text, [[q.begin, q.end, q.text] for q in t.quotes],
                 t.side, t.thought, t.mine, t.status, t.stop]
                for t in self.turns
            ],
        ]  # fmt: skip
        return content_id("w", value)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A speech chosen among candidates, which are kept with their scores."""

    speech: Speech
    candidates: tuple[tuple[Speech, float], ...] = ()


class Agent(typing.Protocol):
    """Fills speech slots. Stateless: one object sits in many seats and matches at once."""

    @property
    def record(self) -> Mapping[str, object]:
        """What decides its behaviour, as JSON values; its hash is the participant's id."""

    def speak(self, view: View) -> Flow[Speech | Chosen]:
        """A flow that returns what to say."""


class Judge(typing.Protocol):
    """Fills belief and verdict slots; an `Agent` as well where the protocol lets it ask."""

    @property
    def record(self) -> Mapping[str, object]:
        """What decides its behaviour, as JSON values; its hash is the participant's id."""

    def decide(self, view: View) -> Flow[Verdict]:
        """A flow that returns a verdict over ``view.options``, in the order shown."""


def participant_id(who: Agent | Judge) -> str:
    """The id of a participant: the hash of its resolved record."""
    return content_id("a", who.record)


# ---------------------------------------------------------------------------------------------
# Views.


def listing(match: Match, swapped: bool = False) -> tuple[int, ...]:
    """The order in which options are listed: canonical, or the reverse."""
    order = tuple(range(len(match.options)))
    return order[::-1] if swapped else order


def _answers(match: Match) -> tuple[Option, ...]:
    if match.protocol.options == "answers":
        labels = match.labels
    else:
        labels = tuple(str(i + 1) for i in range(len(match.question.answers)))
    return tuple(map(Option, labels, match.question.answers))


def _quotations(match: Match, speech: Speech) -> tuple[Shown, ...]:
    found = sorted(speech.quotes, key=lambda quote: quote.begin)
    words = quotes.shown(speech.text, found, match.question.passage)
    return tuple(Shown(*one, quote.span) for one, quote in zip(words, found, strict=True))


def _seen(
    match: Match, turn: Turn, slot: Slot | None, mine: bool, answers: Sequence[Option]
) -> Seen:
    if turn.is_leaf:
        verdict = turn.verdict
        text = "" if verdict.choice is None else match.labels[verdict.choice]
        return Seen(turn.place, turn.seat, turn.kind, text, mine=mine, slot=slot)
    speech = turn.speech
    forfeited = speech.status == "over limit"
    own = mine and turn.author == dict(match.seats).get(turn.seat)  # not so after a fork
    side = speech.side
    if len(match.sides) == 1 and turn.seat == match.sides[0][0]:
        side = match.sides[0][1]  # a lone consultant's letter does not say what it defends
    return Seen(
        turn.place,
        turn.seat,
        turn.kind,
        "" if forfeited else speech.text,
        () if forfeited or not speech.quotes else _quotations(match, speech),
        None if side is None else answers[side].label,
        speech.thought if own else "",
        mine,
        speech.status,
        speech.stop,
        slot,
    )


def view(
    match: Match,
    transcript: Sequence[Turn],
    slot: Slot,
    place: int | None = None,
    order: tuple[int, ...] | None = None,
    seed: int = 0,
    notice: str = "",
) -> View:
    """What the filler of ``slot`` at ``place`` may know. ``place=None``: a reader, after the end.

    A turn is shown from the moment its group is complete, to the seats that its slot names, and
    to its own seat. ``order`` lists the options (canonical by default) and the speeches of each
    simultaneous group accordingly, a speaker's own first: what a seat is shown only grows at its
    end from turn to turn.
    """
    protocol, seat = match.protocol, slot.seat
    answers, labels = _answers(match), match.labels
    order = listing(match) if order is None else order
    sides = dict(match.sides)
    chosen = [(t.seat, t.speech.side) for t in transcript if not t.is_leaf]
    defended = {who: side for who, side in reversed(chosen) if side is not None} | sides
    rank = {option: i for i, option in enumerate(order)}
    seated = {name for name, _ in match.seats}
    groups: dict[int, list[Turn]] = {}
    for turn in transcript:
        groups.setdefault(turn.place, []).append(turn)
    # A stepped reader's belief before anything was shown has place -1.
    shown = [_seen(match, t, None, True, answers) for t in groups.get(-1, ()) if t.seat == seat]
    last = max(groups, default=-1)
    for at, one in protocol.rounds(transcript):
        if at > last or (place is not None and at > place):
            break
        group = groups.get(at)
        if not group:
            continue
        hidden = False
        if one.simultaneous:
            waited_for = {
                (s.seat, s.kind) for s in one.slots if s.seat in seated and s.kind not in LEAF_KINDS
            }
            spoken = {(t.seat, t.kind) for t in group}
            hidden = at == place or not waited_for <= spoken

            def heard(t: Turn) -> tuple[int, int]:
                """When the viewer came to know a turn: its own first, a reader's belief last."""
                own = 2 if place is None and t.is_leaf else 0
                return (own if t.seat == seat else 1, rank.get(defended.get(t.seat, -1), 0))

            group = sorted(group, key=heard)
        slots = {(s.seat, s.kind): s for s in one.slots}
        for turn in group:
            # A reader has said nothing: of its seat it sees only the beliefs of its own reading.
            mine = turn.seat == seat and (place is not None or turn.is_leaf)
            given = slots.get((turn.seat, turn.kind)) or slots.get((turn.seat, "belief"))
            if not mine:
                if hidden:
                    continue
                if turn.is_leaf:
                    if turn.kind != "belief" or seat not in protocol.beliefs_to:
                        continue
                elif given is not None and "all" not in given.seen_by and seat not in given.seen_by:
                    continue
            shown.append(_seen(match, turn, given, mine, answers))
    side = sides.get(seat)
    right_or_wrong = protocol.options != "answers"
    defends = match.proposal if right_or_wrong else side
    if right_or_wrong and protocol.role(seat) != "proposer":
        defends = None
    return View(
        question_id=match.question.id,
        question=match.question.text,
        answers=answers,
        options=tuple(Option(labels[i], match.options[i]) for i in order),
        order=order,
        seat=seat,
        role=protocol.role(seat),
        slot=slot,
        place=last + 1 if place is None else place,
        side=None if defends is None else answers[defends].label,
        goal=None if side is None else labels[side],
        passage=match.question.passage if seat in protocol.passage_to else None,
        quotes=protocol.quotes if seat in protocol.passage_to else "none",
        turns=tuple(shown),
        quoted_left=None
        if slot.seat == JUDGE
        else quoted_left(protocol, transcript, slot, last + 1 if place is None else place),
        notice=notice,
        seed=seed,
    )
