"""Protocols as data: who speaks when, who sees it, within which limits, and when it ends.

A `Protocol` is rounds of slots: an opening, a cycle that repeats, a closing. It holds no state:
`pending` computes from a transcript which slots wait to be filled, so resuming, forking and
replaying need no code of their own. A new protocol is a new value (here, or in YAML), not a class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from arena.ids import content_id
from arena.soundness import in_range, playable
from arena.turns import Kind, Speech, Turn

Role = Literal["debater", "consultant", "proposer", "critic", "judge"]
ReplyRule = Literal["nothing", "last", "opponent"]
JUDGE = "judge"  # the name of every judge's seat


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits of one speech; None is no limit.

    ``tokens`` is enforced while sampling. ``characters`` and ``quoted`` (newly quoted characters
    of the passage) are checked when the speech arrives; nothing is ever shortened.
    """

    tokens: int | None = None
    characters: int | None = None
    quoted: int | None = None

    def __post_init__(self) -> None:
        in_range(self, "tokens", "characters", "quoted")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place to fill in a round.

    ``seen_by`` names the seats that see it once its group is complete (``all`` is everybody);
    beliefs and verdicts are their author's alone unless it says otherwise. ``scratchpad`` is the
    number of tokens of private thought before the speech (0: none). With ``may_stop`` the speaker
    may end: a judge by turning its belief into its verdict, speakers as the stop rule says.
    """

    seat: str
    kind: Kind = "speech"
    limits: Limits = Limits()
    seen_by: tuple[str, ...] = ("all",)
    replies_to: ReplyRule = "nothing"
    scratchpad: int = 0
    may_stop: bool = False

    def __post_init__(self) -> None:
        in_range(self, "scratchpad")


@dataclass(frozen=True, slots=True)
class Round:
    """Slots that are filled together (simultaneous) or one after another."""

    slots: tuple[Slot, ...]
    simultaneous: bool = True
    name: str = ""

    def __post_init__(self) -> None:
        if not self.slots:
            raise ValueError("a round needs at least one slot")
        if len({(slot.seat, slot.kind) for slot in self.slots}) < len(self.slots):
            raise ValueError("a seat has two slots of one kind in a round: use two rounds")


@dataclass(frozen=True, slots=True)
class Seat:
    """A position in a match and its role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Protocol:
    """The rules of a match. Its id covers every rule and not its name.

    ``cycle`` is repeated up to ``cycles`` times. ``stop``: ``rounds`` (all cycles are played),
    ``judge`` (a judge's belief in a slot with ``may_stop`` may be its verdict and ends the match),
    ``agreement`` (every slot of a round with ``may_stop`` says stop: on to the closing) or
    ``concession`` (any does). ``options``: the verdict is over the question's ``answers``, or over
    ``right`` and ``wrong`` for the answer on trial. ``sides``: ``assigned`` by the match or
    ``chosen`` by the first speech. ``quotes`` says how speeches may quote the passage,
    ``quoted_total`` how many new characters of it a seat may quote in the whole match, and
    ``over_limit`` what follows a speech over its limits: it is asked for once more, or forfeited.
    """

    name: str
    seats: tuple[Seat, ...]
    opening: tuple[Round, ...] = ()
    cycle: tuple[Round, ...] = ()
    cycles: int = 0
    closing: tuple[Round, ...] = ()
    passage_to: tuple[str, ...] = ()
    beliefs_to: tuple[str, ...] = ()
    quotes: Literal["none", "verbatim", "lines", "both"] = "both"
    quoted_total: int | None = None
    over_limit: Literal["retry", "forfeit"] = "retry"
    stop: Literal["rounds", "judge", "agreement", "concession"] = "rounds"
    options: Literal["answers", "right or wrong"] = "answers"
    sides: Literal["assigned", "chosen"] = "assigned"
    id: str = field(init=False, repr=False, default="")

    def __post_init__(self) -> None:
        playable(self, JUDGE)
        value = asdict(self)
        del value["name"], value["id"]
        object.__setattr__(self, "id", content_id("p", value))

    def record(self) -> dict[str, Any]:
        """The protocol as JSON values; `arena.config.read_protocol` reads it back."""
        value = asdict(self)
        del value["id"]
        return value

    def role(self, seat: str) -> Role:
        """The role of a seat."""
        return next(one.role for one in self.seats if one.name == seat)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The seats that are not the judge's, in seat order."""
        return tuple(seat.name for seat in self.seats if seat.role != "judge")

    @property
    def asks(self) -> bool:
        """Whether the judge takes part before its verdict: such a judge has a seat in the match."""
        return any(
            slot.seat == JUDGE and slot.kind != "verdict"
            for one in (*self.opening, *self.cycle, *self.closing)
            for slot in one.slots
        )

    def rounds(self, transcript: Sequence[Turn] = ()) -> Iterator[tuple[int, Round]]:
        """The rounds of a playing with their places, as far as the stop rule lets them go.

        Lazy: whether another cycle follows is read off ``transcript`` when it is asked for.
        """
        place = 0
        for one in self.opening:
            yield place, one
            place += 1
        ended = self._stopped(transcript, place - 1) if place else False
        for _ in range(self.cycles):
            if ended:
                break
            for one in self.cycle:
                yield place, one
                place += 1
                ended = self._stopped(transcript, place - 1)
                if ended:
                    break
        for one in self.closing:
            yield place, one
            place += 1

    def _stopped(self, transcript: Sequence[Turn], place: int) -> bool:
        if self.stop in ("rounds", "judge"):  # a judge's verdict ends the match in `pending`
            return False
        said = [
            turn.said
            for turn in transcript
            if turn.place == place and isinstance(turn.said, Speech)
        ]
        if self.stop == "agreement":
            return len(said) == len(self.speakers) and all(one.stop for one in said)
        return any(one.stop for one in said)


def pending(
    protocol: Protocol, transcript: Sequence[Turn], seated: Sequence[str]
) -> tuple[int, tuple[Slot, ...]]:
    """The place and the slots that wait to be filled now; no slots when the match is over.

    ``seated`` are the seats that the match fills; a judge who only reads has no slot. Pure: a
    function of the rules and of what has been said.
    """
    filled: dict[int, set[tuple[str, str]]] = {}
    for turn in transcript:
        if turn.kind == "verdict" and turn.seat == JUDGE:
            return turn.place, ()
        filled.setdefault(turn.place, set()).add((turn.seat, turn.kind))
    for place, one in protocol.rounds(transcript):
        there = filled.get(place, set())
        open_slots = tuple(
            slot
            for slot in one.slots
            if slot.seat in seated and (slot.seat, slot.kind) not in there
        )
        if open_slots:
            return place, open_slots if one.simultaneous else open_slots[:1]
    return -1, ()


def round_at(protocol: Protocol, transcript: Sequence[Turn], place: int) -> Round | None:
    """The round at a place of this playing, if play gets there."""
    for at, one in protocol.rounds(transcript):
        if at >= place:
            return one if at == place else None
    return None


def verdict_slot(protocol: Protocol) -> Slot:
    """The slot of the final verdict; for a reading judge, wherever the match stands."""
    for one in (*protocol.closing, *protocol.cycle, *protocol.opening):
        for slot in one.slots:
            if slot.kind == "verdict":
                return slot
    return Slot(JUDGE, "verdict", seen_by=(JUDGE,))


# ---------------------------------------------------------------------------------------------
# Built-in protocols.

_A, _B, _THE_JUDGE = Seat("A", "debater"), Seat("B", "debater"), Seat(JUDGE, "judge")
_VERDICT = Round((Slot(JUDGE, "verdict", seen_by=(JUDGE,)),), name="verdict")
_DEFAULT = Limits(tokens=300, characters=1500, quoted=500)


def _question_round(limits: Limits) -> Round:
    return Round((Slot(JUDGE, "question", limits),), name="question")


def naive() -> Protocol:
    """Direct judgment with no argument and no passage: the floor."""
    return Protocol("naive", (_THE_JUDGE,), closing=(_VERDICT,))


def expert() -> Protocol:
    """Direct judgment with the passage: the ceiling."""
    return Protocol("expert", (_THE_JUDGE,), closing=(_VERDICT,), passage_to=(JUDGE,))


def consultancy(
    rounds: int = 1,
    limits: Limits = _DEFAULT,
    judge_questions: bool = False,
    scratchpad: int = 0,
    seat: str = "A",
    sides: Literal["assigned", "chosen"] = "assigned",
) -> Protocol:
    """One consultant argues for its side; the judge may ask between rounds.

    The side is assigned by the match, balanced by the schedule, so honest and dishonest
    consultancies are equally many and are reported apart. ``sides="chosen"``: open consultancy.
    """
    speech = Round((Slot(seat, "speech", limits, scratchpad=scratchpad),), name="speech")
    cycle = (*((_question_round(limits),) if judge_questions else ()), speech)
    return Protocol(
        ("open " if sides == "chosen" else "") + "consultancy",
        (Seat(seat, "consultant"), _THE_JUDGE),
        opening=(speech,),
        cycle=cycle if rounds > 1 else (),
        cycles=rounds - 1,
        closing=(_VERDICT,),
        passage_to=(seat,),
        sides=sides,
    )


def debate(
    rounds: int = 2,
    simultaneous: bool = True,
    limits: Limits = _DEFAULT,
    judge_questions: bool = False,
    scratchpad: int = 0,
    stop: Literal["rounds", "judge", "agreement", "concession"] = "rounds",
    sides: Literal["assigned", "chosen"] = "assigned",
) -> Protocol:
    """Two debaters: an opening each, then ``rounds - 1`` rebuttals.

    With ``judge_questions`` the judge asks in public before each rebuttal; with ``stop="judge"``
    it reports a belief there and may end. ``agreement`` and ``concession`` let debaters end.
    """
    may_stop = stop in ("agreement", "concession")
    opening = Round(
        tuple(Slot(s, "speech", limits, scratchpad=scratchpad) for s in ("A", "B")),
        simultaneous,
        "opening",
    )
    rebuttal = Round(
        tuple(
            Slot(s, "speech", limits, ("all",), "opponent", scratchpad, may_stop)
            for s in ("A", "B")
        ),
        simultaneous,
        "rebuttal",
    )
    between: tuple[Round, ...] = ()
    if stop == "judge":
        between += (
            Round((Slot(JUDGE, "belief", seen_by=(JUDGE,), may_stop=True),), name="belief"),
        )
    if judge_questions:
        between += (_question_round(limits),)
    how = "simultaneous" if simultaneous else "sequential"
    return Protocol(
        f"{'open ' if sides == 'chosen' else ''}debate {how}",
        (_A, _B, _THE_JUDGE),
        opening=(opening,),
        cycle=(*between, rebuttal) if rounds > 1 else (),
        cycles=rounds - 1,
        closing=(_VERDICT,),
        passage_to=("A", "B"),
        stop=stop,
        sides=sides,
    )


def critique(reply: bool = False, limits: Limits = _DEFAULT, scratchpad: int = 0) -> Protocol:
    """A proposer answers, a critic criticises, the proposer may reply; is the answer right?

    The proposer wins when the judge says right, the critic when it says wrong.
    """
    turns = [
        Round((Slot("A", "answer", limits, scratchpad=scratchpad),), name="answer"),
        Round((Slot("B", "critique", limits, ("all",), "last", scratchpad),), name="critique"),
    ]
    if reply:
        turns.append(
            Round((Slot("A", "speech", limits, ("all",), "last", scratchpad),), name="reply")
        )
    return Protocol(
        "critique with reply" if reply else "critique",
        (Seat("A", "proposer"), Seat("B", "critic"), _THE_JUDGE),
        opening=tuple(turns),
        closing=(_VERDICT,),
        passage_to=("A", "B"),
        options="right or wrong",
    )


def cross_critique(limits: Limits = _DEFAULT, scratchpad: int = 0) -> Protocol:
    """Both answer, each criticises the other's answer; which answer is right?"""

    def both(kind: Kind, rule: ReplyRule, name: str) -> Round:
        slots = tuple(Slot(s, kind, limits, ("all",), rule, scratchpad) for s in ("A", "B"))
        return Round(slots, name=name)

    return Protocol(
        "cross-critique",
        (_A, _B, _THE_JUDGE),
        opening=(both("answer", "nothing", "answers"), both("critique", "opponent", "critiques")),
        closing=(_VERDICT,),
        passage_to=("A", "B"),
    )


BUILT_IN: dict[str, Protocol] = {
    "naive": naive(),
    "expert": expert(),
    "consultancy": consultancy(),
    "consultancy with questions": consultancy(rounds=2, judge_questions=True),
    "debate": debate(),
    "debate without rebuttal": debate(rounds=1),
    "debate sequential": debate(simultaneous=False),
    "debate with questions": debate(judge_questions=True),
    "debate sequential with questions": debate(simultaneous=False, judge_questions=True),
    "debate until the judge decides": debate(rounds=4, judge_questions=True, stop="judge"),
    "debate with scratchpads": debate(scratchpad=200),
    "critique": critique(),
    "critique with reply": critique(reply=True),
    "cross-critique": cross_critique(),
}
"""The built-in protocols by the names that the command line and YAML use."""
