"""One debater's chair and the person in it: all that a run of the debater's page knows of it.

It is read from the store at the beginning of every run, and again in every callback. What is shown
is the view of that seat: nothing that is not in it can be drawn. A speech that is looked at before
it is sent is measured and marked by the rules that it will meet when it is.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from arena import quotes
from arena.budget import quote_budget
from arena.desk import worklist
from arena.desk.chairs import (
    Chair,
    Held,
    PersonError,
    Scene,
    chair,
    look,
    page_view,
    waiting_view,
)
from arena.desk.identity import Person
from arena.desk.openings import TAKEN
from arena.desk.worklist import Assignment
from arena.ids import content_id
from arena.match import PERSON, Match, Option, Seen, Shown, Transcript, View
from arena.protocols import JUDGE, pending, round_at
from arena.store import Store
from ui import quoting, reading
from ui.serve import Arguments

State = Literal["speak", "wait", "over"]
NOT_YOURS = "This chair is not yours. Choose one in the list."
GIVEN_UP = "You have given this chair up."
JUDGES = "You judge this debate, so you cannot debate in it."
WAITS = "waits for the seat before it in this round; then it is in the debate"
PREVIEW = "a preview: nothing is sent yet"


@dataclass(frozen=True, slots=True)
class Case:
    """A person in a debater's chair. ``view`` is what the seat may see now; ``held`` is a speech
    of its own that is kept and waits for a seat before it; ``since`` is when it last acted, and
    ``turn`` the place of the turn that is asked for (-1: none): each has fields of its own."""

    args: Arguments
    person: Person
    place: Assignment
    match: Match
    transcript: Transcript
    chair: Chair | None
    held: Held | None
    view: View
    state: State
    judge_next: bool
    since: float
    turn: int

    def key(self, *what: object) -> str:
        """The key of a widget: another chair, and another turn in it, has other ones."""
        return " ".join(str(one) for one in (*what, self.place.id))

    @property
    def shown(self) -> str:
        """The digest of what the person reads; it stays on the server."""
        return self.view.digest

    @property
    def drawn(self) -> tuple[str, str]:
        """What makes the page another one."""
        return self.state, self.view.digest + ("" if self.held is None else str(self.held.event))


def find(store: Store, args: Arguments, person: Person, id: str) -> Case:
    """The chair with this id. Raises PersonError where it is not this person's to sit in now.

    Somebody else's and nobody's are not told apart, so that ids cannot be tried out.
    """
    place = worklist.assignment(store, id) if id else None
    if place is None or place.person != person.id or place.seat == JUDGE:
        raise PersonError(NOT_YOURS)
    match = store.match(place.match)
    if dict(match.seats).get(place.seat) != PERSON:
        raise PersonError(NOT_YOURS)
    if place.state == "recused":
        raise PersonError(GIVEN_UP)
    scene = look(store, match)
    _free(place, scene)
    spoken = scene.transcript
    at = chair(store, match, person.id, place.seat, scene)
    _, slots = pending(match.protocol, spoken, [seat for seat, _ in match.seats])
    own = next((one for one in scene.held if one.person == person.id), None)
    state: State = "wait"
    if at is not None:
        state = "speak"
        view = page_view(match, at.transcript, person.id, at)
    else:
        view = waiting_view(match, spoken, place.seat)
        if all(slot.kind == "verdict" for slot in slots):
            state = "over"
    last = store.one(
        "SELECT max(at) AS at FROM events WHERE match = ? AND person = ? "
        "AND kind IN ('speech', 'taken')",
        match.id, person.id,
    )  # fmt: skip
    since = time.time() if last is None or last["at"] is None else float(last["at"])
    judge_next = bool(slots) and slots[0].seat == JUDGE
    turn = -1 if at is None or at.place is None else at.place
    return Case(args, person, place, match, spoken, at, own, view, state, judge_next, since, turn)


def _free(place: Assignment, scene: Scene) -> None:
    """Raise PersonError where the chair is another's, or its person judges the same debate."""
    me, seat, spoken = place.person, place.seat, scene.transcript
    judging = [row for row in scene.places if (row["seat"], row["holder"]) == (JUDGE, me)]
    if any(row["closed"] is None and (row["until"] > 0 or row["done"]) for row in judging) or any(
        turn.seat == JUDGE and turn.author == me for turn in spoken
    ):
        raise PersonError(JUDGES)
    begun = {turn.author for turn in spoken if turn.seat == seat}
    begun |= {one.person for one in scene.held if one.seat == seat}
    if me in begun:
        return
    now = time.time()
    others = {who for who in begun if (seat, who) not in scene.gone}
    for row in scene.places:
        if row["seat"] == seat and row["closed"] is None and row["holder"] != me:
            held = row["until"] > now and not row["done"]
            others |= {row["holder"]} if held or row["made_by"] is not None else set()
    if others:
        raise PersonError(TAKEN)


def sit_down(store: Store, case: Case) -> None:
    """Hold the chair while its person writes, if nobody else does. Raises PersonError if so."""
    row = store.one("SELECT until, done FROM assignments WHERE id = ?", case.place.id)
    if row is not None and row["until"] <= time.time() and not row["done"]:
        worklist.begin(store, case.person.id, case.place.id)


# What is on the page.


def page(case: Case, preview: str | None = None, side: str | None = None) -> dict[str, Any]:
    """What the reader shows: what the seat sees; with its own speech that waits, or one that it
    looks at before it is sent, as the last turn."""
    view, note = case.view, ""
    if case.held is not None:
        labels = [answer.label for answer in view.answers]
        chosen = None if case.held.side is None else labels[case.held.side]
        view, note = with_speech(view, case.held.text, chosen, case.held.stop), WAITS
    elif preview:
        view, note = with_speech(view, preview, side), PREVIEW
    drawn = reading.page(case.match, view, case.transcript)
    drawn["rules"] = ""  # those of `rules` stand beside the speech
    turns = [turn for one in drawn["rounds"] for turn in one["turns"]]
    for seen, turn in zip(view.turns, turns, strict=True):
        if seen.mine:
            turn["who"] = f"You, {turn['who'][:1].lower()}{turn['who'][1:]}"
    if note:
        turns[-1]["notes"].append(note)
    if case.state == "speak":
        drawn["passage"] = None  # it stands beside the speech, as lines to pick
    del drawn["sig"]
    return {"sig": content_id("r", drawn), **drawn}


def with_speech(view: View, text: str, side: str | None = None, stop: bool = False) -> View:
    """A view with one more speech of its own seat, its quotations marked as they will be."""
    found = quotes.anchor(text, view.passage, view.quotes)
    words = quotes.shown(text, found, view.passage)
    shown = tuple(Shown(*one, quote.span) for one, quote in zip(words, found, strict=True))
    said = Seen(view.place, view.seat, view.slot.kind, text, shown, side, mine=True, stop=stop,
                slot=view.slot)  # fmt: skip
    return replace(view, turns=(*view.turns, said))


# How long a speech is.


@dataclass(frozen=True, slots=True)
class Size:
    """How long a speech is, what it may be (None: no limit), and how many of its quotations the
    platform will mark as altered, or as not in the passage."""

    characters: int
    limit: int | None
    quoted: int
    left: int | None
    altered: int
    missing: int

    @property
    def over(self) -> list[str]:
        """By how much it is over each limit, in words."""
        found = []
        if self.limit is not None and self.characters > self.limit:
            found.append(f"It has {self.characters} characters, {self.characters - self.limit} "
                         f"more than the {self.limit} allowed.")  # fmt: skip
        if self.left is not None and self.quoted > self.left:
            found.append(f"It quotes {self.quoted} new characters of the passage, "
                         f"{self.quoted - self.left} more than the {self.left} left.")  # fmt: skip
        return found

    @property
    def words(self) -> str:
        """The two counts in a line."""
        of = "" if self.limit is None else f" of {self.limit:,}"
        line = f"{self.characters:,}{of} characters"
        if self.left is None:
            return f"{line}; {self.quoted:,} newly quoted." if self.quoted else f"{line}."
        return f"{line}; {self.quoted:,} of {self.left:,} newly quoted."

    @property
    def warning(self) -> str:
        """What the platform will mark, in a line; empty where it is nothing."""
        found = [
            f"{n} {'quotation' if n == 1 else 'quotations'} {what}"
            for n, what in ((self.altered, "altered"), (self.missing, "not in the passage"))
            if n
        ]
        return f"The platform will mark {' and '.join(found)}." if found else ""


def size_of(case: Case, text: str) -> Size:
    """How long a speech in this chair would be."""
    text, view, at = text.strip(), case.view, case.chair
    found = quotes.anchor(text, view.passage, view.quotes)
    covered: Sequence[tuple[int, int]] = ()
    if at is not None and at.place is not None:
        covered = quote_budget(case.match.protocol, at.transcript, view.seat, at.place)[0]
    shown = with_speech(view, text).turns[-1].quotes
    kinds = Counter(quoting.kind(text, one, view.passage) for one in shown)
    return Size(
        len(text), view.slot.limits.characters, quotes.new_characters(found, covered),
        view.quoted_left, kinds["altered"], kinds["unverified"] + kinds["unknown"],
    )  # fmt: skip


# What the person is there for.


def own_side(case: Case) -> Option | None:
    """The answer that the seat argues for, told or chosen before; None where it has none (yet)."""
    chosen = [turn.side for turn in case.view.turns if turn.mine and turn.side is not None]
    label = case.view.side or next(iter(chosen), None)
    if label is None and case.held is not None and case.held.side is not None:
        return case.view.answers[case.held.side]
    return next((one for one in case.view.answers if one.label == label), None)


def chooses(case: Case) -> bool:
    """Whether the speech that is due says which answer its seat argues for."""
    free = case.view.role == "proposer" or (
        case.match.protocol.sides == "chosen" and case.view.role != "critic"
    )
    return case.state == "speak" and free and own_side(case) is None


def task(case: Case) -> str:
    """What the seat is there to do, in a sentence."""
    role, several = case.view.role, len(case.match.protocol.speakers) > 2
    if role == "critic":
        return "You criticise the answer that was given. The judge decides whether it is right."
    if role == "proposer":
        return (
            "You answer the question and defend your answer. The judge decides whether it is right."
        )
    if role == "consultant":
        return "You alone argue, for an answer that may be the wrong one; the judge knows that."
    other = "each of the others argues" if several else "the other debater argues"
    if case.match.protocol.sides == "chosen":
        return f"You argue for an answer of your own choice, and {other} for its own."
    return (
        f"You argue for your answer, {other} for another one. At most one is right, and the judge "
        "decides which."
    )


def rules(case: Case) -> list[str]:
    """The rules for this seat, in plain sentences."""
    view, protocol, slot = case.view, case.match.protocol, case.view.slot
    said = [task(case)]
    judge_reads = JUDGE in protocol.passage_to
    if view.passage is not None:
        said.append("You can read the passage; the judge can as well." if judge_reads
                    else "You can read the passage; the judge cannot.")  # fmt: skip
        how = {
            "verbatim": "Quote between <quote> and </quote>.",
            "lines": "Cite lines as [12] or [12-14].",
            "both": "Quote between <quote> and </quote>, or cite lines as [12] or [12-14].",
        }.get(view.quotes)
        if how is not None:
            said.append(f"{how} The platform marks what is in the passage and what is not.")
    elif case.match.question.passage is not None:
        said.append("There is a passage, which you cannot read.")
    one = round_at(protocol, case.transcript, view.place)
    if case.state == "speak" and one is not None and len(one.slots) > 1:
        said.append(
            "In this round everybody speaks at once: no one sees the others' before all are in."
            if one.simultaneous
            else "In this round one speaks after the other, and each sees what was said before."
        )
    if case.state == "speak":
        limits = []
        if slot.limits.characters is not None:
            limits.append(f"up to {slot.limits.characters:,} characters")
        if view.quoted_left is not None and view.passage is not None:
            limits.append(f"up to {view.quoted_left:,} characters of the passage not quoted before")
        if limits:
            said.append(f"Your speech: {', '.join(limits)}. Nothing is ever cut.")
    return said
