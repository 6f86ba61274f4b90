"""A room of the NYU human debates as a match, its turns and its events: what `arena.sources.nyu`
writes. The mapping is total or not at all: a room that contradicts itself raises `BadRoom`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from arena.batch import Batch
from arena.ids import content_id, derive_seed
from arena.match import PERSON, Match, Transcript
from arena.penn import render_tokens
from arena.play import append
from arena.protocols import JUDGE, Limits, Protocol, Role, Round, Seat, Slot, pending, verdict_slot
from arena.questions import Item, Question
from arena.rewards import reward_rows
from arena.sources import nyu_format as raw
from arena.sources.nyu_format import BadRoom
from arena.turns import Mode, Quote, Speech, Turn, Verdict

SOURCE = "nyu/quality"
MACHINE = "GPT-4"  # the one participant of the data set that is not a person
SEATS = {"Debater A": "A", "Debater B": "B", "Judge": JUDGE}
INDEX = {"0": "A", "1": "B"}  # a speech is filed under the answer that its speaker defends
MANY = 1000  # the rules name no limit of cycles, a protocol value needs one


# ---------------------------------------------------------------------------------------------
# Rules.


def _rounds(rules: tuple[raw.RoundRule, ...], speakers: tuple[str, ...]) -> tuple[Round, ...]:
    """The protocol's rounds for rounds of the rules; a judge's report is two of them.

    Its probabilities are a belief, which the debaters saw and which may be its verdict; its text
    is a public question.
    """
    out: list[Round] = []
    for one in rules:
        if one.JudgeFeedbackRound is not None:
            belief = Slot(JUDGE, "belief", seen_by=(*speakers, JUDGE), may_stop=True)
            asked = Slot(JUDGE, "question", Limits(characters=one.JudgeFeedbackRound.charLimit))
            out += [Round((belief,), name="belief"), Round((asked,), name="question")]
        elif one.NegotiateEndRound is not None:
            votes = (Slot(seat, "speech", Limits(characters=0), may_stop=True) for seat in speakers)
            out.append(Round(tuple(votes), name="vote"))
        else:
            rule = one.SimultaneousSpeechesRound or one.SequentialSpeechesRound
            if rule is None:
                raise BadRoom("its rules hold a round of no known type")
            limits = Limits(characters=rule.charLimit, quoted=rule.quoteLimit)
            if one.SimultaneousSpeechesRound is not None:
                slots = tuple(Slot(seat, "speech", limits) for seat in speakers)
                out.append(Round(slots, name="simultaneous"))
            else:
                slots = tuple(Slot(s, "speech", limits, replies_to="opponent") for s in speakers)
                out.append(Round(slots, simultaneous=False, name="sequential"))
    return tuple(out)


@lru_cache(maxsize=64)
def _protocol(rules: raw.Rules, assigned: tuple[str, ...]) -> Protocol:
    """The rules of a room with debaters at ``assigned``, as a protocol.

    Two debaters may agree to end wherever they vote. Rules with a closing are a fixed sequence:
    here one cycle, because agreeing ends the whole debate and does not lead on to the closing.
    """
    every = (*rules.fixedOpening, *rules.repeatingStructure)
    every += rules.fixedClosing.rounds if rules.fixedClosing else ()
    both = any(
        not rule.assignedDebatersOnly
        for one in every
        for rule in (one.SimultaneousSpeechesRound, one.SequentialSpeechesRound)
        if rule is not None
    )
    speakers = ("A", "B") if both else assigned
    opening = _rounds(rules.fixedOpening, speakers)
    cycle = _rounds(rules.repeatingStructure, speakers)
    cycles = MANY if cycle else 0
    if rules.fixedClosing is not None:
        closing = _rounds(rules.fixedClosing.rounds, speakers)
        cycle = opening + cycle * rules.fixedClosing.maxRepeatCycles + closing
        opening, cycles = (), 1 if cycle else 0
    if any(one.name == "vote" for one in opening[:-1]):
        raise BadRoom("its rules let debaters vote in the middle of an opening")
    names = {one.name for one in (*opening, *cycle)}
    role: Role = "debater" if len(speakers) > 1 else "consultant"
    return Protocol(
        f"nyu {'debate' if len(speakers) > 1 else 'consultancy'}",
        (*(Seat(seat, role) for seat in speakers), Seat(JUDGE, "judge")),
        opening=opening,
        cycle=cycle,
        cycles=cycles,
        passage_to=speakers,
        beliefs_to=speakers if "belief" in names else (),
        quotes="verbatim",
        quoted_total=rules.globalQuoteRestriction,
        stop="agreement" if "vote" in names else "judge" if "belief" in names else "rounds",
    )


def _round_at(protocol: Protocol, place: int) -> Round:
    """The round that the rules foresee at ``place``; there are openings and cycles only."""
    if place < len(protocol.opening):
        return protocol.opening[place]
    return protocol.cycle[(place - len(protocol.opening)) % len(protocol.cycle)]


# ---------------------------------------------------------------------------------------------
# Rooms.


Render = Callable[[tuple[str, ...]], tuple[str, tuple[tuple[int, int], ...]]]
"""A story's tokens as text and the characters of each; `render_tokens`, remembered or not."""


def _record(name: str) -> dict[str, object]:
    """The record of a participant: a pseudonym of the release, or the one machine."""
    kind = "imported" if name == MACHINE else "person"
    return {"kind": kind, "name": name, "source": "nyu"}


class Importer:
    """One room on its way into a batch. Nothing that is made here depends on the truth, but the
    `Item` that carries it."""

    def __init__(self, line: raw.Line, room: raw.Room, render: Render = render_tokens) -> None:
        setup = room.setup
        _agree(line, setup)
        self.line, self.room = line, room
        self.story = setup.sourceMaterial.QuALITYSourceMaterial
        self.passage, self.spans = render(self.story.contents)
        roles = {SEATS[role]: who for role, who in setup.roles.items()}
        self.holders = roles
        protocol = _protocol(setup.rules, tuple(s for s in ("A", "B") if s in roles))
        speakers = protocol.speakers
        if line.setting.isDebate != (len(speakers) == 2) or line.setting.isHuman != (
            MACHINE not in roles.values()
        ):
            raise BadRoom("its setting in the metadata contradicts its roles")
        self.batch = Batch(protocols=[protocol])
        chairs = (*speakers, *((JUDGE,) if protocol.asks or JUDGE in roles else ()))
        question = Question(
            setup.question, setup.answers, self.passage, SOURCE, self.story.articleId
        )
        self.match = Match(
            question,
            protocol,
            sides=tuple((seat, "AB".index(seat)) for seat in speakers),
            seats=tuple((seat, self._chair(roles.get(seat))) for seat in chairs),
            seed=derive_seed("nyu", line.name),
        )
        self.batch.items.append(Item(question, setup.correctAnswerIndex))
        self.batch.matches.append(self.match)
        self.setting = (
            f"{'human' if line.setting.isHuman else 'ai'} "
            f"{'debate' if line.setting.isDebate else 'consultancy'}"
        )
        self.labels: dict[str, object] = {
            "room": line.name,
            "setting": self.setting,
            "sample": "paper" if line.includedInPaper else "rest",
            "complete": line.status.Complete is not None,
        }
        self.transcript: Transcript = ()
        self.at = (line.latestUpdateTime or line.creationTime) / 1000

    def run(self) -> None:
        """Fill the batch; raises BadRoom where the room contradicts its rules or its metadata."""
        for number, one in enumerate(self.room.rounds):
            try:
                self._round(one)
            except BadRoom as error:
                raise BadRoom(f"round {number}: {error}") from None
        self._ending()
        self._events()

    # -- rounds -------------------------------------------------------------------------------

    def _round(self, one: raw.Played) -> None:
        if one.JudgeFeedback is not None:
            report = one.JudgeFeedback
            said, notes = self._say(report.feedback.content)
            verdict = _verdict(report, said.text, "live")
            self._fill("belief", JUDGE, verdict, report.feedback, notes)
            if not report.endDebate:
                self._fill("question", JUDGE, said, report.feedback, notes)
        elif one.NegotiateEnd is not None:
            votes = _by_seat(one.NegotiateEnd.votes)
            for seat, vote in votes:
                self._fill("vote", seat, Speech("", stop=vote), None, [])
        elif one.OfflineJudgments is not None:
            for name, reading in sorted(one.OfflineJudgments.judgments.items()):
                self._reading(name, reading)
        else:
            kind = "sequential" if one.SequentialSpeeches is not None else "simultaneous"
            speeches = one.SequentialSpeeches or one.SimultaneousSpeeches
            if speeches is None:
                raise BadRoom("of no known type")
            for seat, spoken in _by_seat(speeches.speeches):
                said, notes = self._say(spoken.content)
                self._fill(kind, seat, said, spoken, notes)

    def _fill(
        self, kind: str, seat: str, said: Speech | Verdict, by: raw.Said | None,
        notes: Sequence[Mapping[str, object]],
    ) -> None:  # fmt: skip
        """Fill the slot that the protocol says is open, or hold a speech that came before it."""
        match = self.match
        place, slots = pending(match.protocol, self.transcript, [s for s, _ in match.seats])
        expected = _round_at(match.protocol, place).name if slots else "nothing"
        slot = next((slot for slot in slots if slot.seat == seat), None)
        if expected != kind or slot is None:
            raise BadRoom(f"a {kind} of seat {seat}, where the rules expect {expected}")
        author = self._author(by.speaker if by is not None else self.holders.get(seat))
        at = None if by is None else by.timestamp / 1000
        if slot is not slots[0] and isinstance(said, Speech):
            # Turns of a group are chained in seat order, so this one has no parent yet. It was
            # given and never revealed, and is kept as that.
            value = {"place": place, "seat": seat, "author": author, **_plain(said)}
            self._event("held", value, at)
            return
        turn = append(match, self.transcript, place, slot, said, author, origin="imported", at=at)
        self._keep(turn, notes)
        self.transcript += (turn,)

    def _keep(self, turn: Turn, notes: Sequence[Mapping[str, object]]) -> None:
        self.batch.turns.append((self.match, turn))
        if turn.kind == "verdict":
            self.batch.rewards += reward_rows(self.match, turn, self.transcript)
        for note in notes:
            self._event("import note", note, turn.at, turn.id)

    def _reading(self, name: str, reading: raw.Reading) -> None:
        """An offline judge's leaves: its i-th belief hangs after i rounds of speeches."""
        if pending(self.match.protocol, self.transcript, [s for s, _ in self.match.seats])[1]:
            raise BadRoom("an offline judge reads a debate that is not over")
        spoken = [turn for turn in self.transcript if self._is_speech(turn)]
        ends: list[int] = [-1, *sorted({turn.place for turn in spoken})]
        final = verdict_slot(self.match.protocol)
        mode: Mode = reading.mode
        for step, report in enumerate(reading.judgments):
            after = step if reading.mode == "stepped" else len(ends) - 1
            if after >= len(ends) or (report.endDebate and report is not reading.judgments[-1]):
                raise BadRoom(f"the reading of {name} goes on after its end")
            said, notes = self._say(report.feedback.content)
            prefix = tuple(turn for turn in spoken if turn.place <= ends[after])
            slot = final if report.endDebate else replace(final, kind="belief")
            place = ends[after] + report.endDebate
            verdict = _verdict(report, said.text, mode)
            by = report.feedback
            turn = append(self.match, prefix, place, slot, verdict, self._author(by.speaker),
                          origin="imported", at=by.timestamp / 1000)  # fmt: skip
            self._keep(turn, notes)
        value = {"reader": self._author(name), "mode": mode, "reports": len(reading.judgments)}
        self._event("reading", value, reading.startTimeMillis / 1000)

    def _is_speech(self, turn: Turn) -> bool:
        return turn.kind == "speech" and _round_at(self.match.protocol, turn.place).name != "vote"

    def _say(self, content: tuple[raw.Part, ...]) -> tuple[Speech, list[Mapping[str, object]]]:
        """The text of a speech with its quotations as spans of the passage; and what to note.

        A quotation that ends after the story's last token quotes what there is, and is noted.
        """
        pieces: list[str] = []
        quotes: list[Quote] = []
        notes: list[Mapping[str, object]] = []
        at, tokens = 0, len(self.spans)
        for part in content:
            if part.Quote is not None:
                begin, end = part.Quote.span
                if not 0 <= begin < min(end, tokens):
                    raise BadRoom(f"quotes tokens [{begin}, {end}) of a story of {tokens}")
                if end > tokens:
                    notes.append({"what": "a quotation ends after the story", "span": [begin, end],
                                  "tokens": tokens})  # fmt: skip
                shown = [one for one in self.spans[begin:end] if one[0] < one[1]]
                start, stop = (shown[0][0], shown[-1][1]) if shown else self.spans[begin]
                words = self.passage[start:stop]
                quotes.append(Quote(at, at + len(words), (start, stop)))
            elif part.Text is not None:
                words = part.Text.text
            else:
                raise BadRoom("a piece of a speech that is neither text nor quotation")
            pieces.append(words)
            at += len(words)
        return Speech("".join(pieces), quotes=tuple(quotes)), notes

    # -- the end, and what surrounds the debate -----------------------------------------------

    def _ending(self) -> None:
        """Check the transcript against what the metadata says of how it ended."""
        match, done = self.match, self.line.status.Complete
        waits = pending(match.protocol, self.transcript, [s for s, _ in match.seats])[1]
        if (done is None) != bool(waits):
            state = "waits for " + ", ".join(s.seat for s in waits) if waits else "is over"
            claim = "not complete" if done is None else "complete"
            raise BadRoom(f"is {claim} by its metadata, but {state}")
        info = None if done is None else done.result.judgingInfo
        final = [turn.verdict.elicited for turn in self.transcript if turn.kind == "verdict"]
        beliefs = sum(turn.kind == "belief" for turn in self.transcript)
        told = [] if info is None else [info.finalJudgement]
        if final != told or (info is not None and info.numContinues != beliefs):
            raise BadRoom("its verdict is not the one in the metadata")

    def _events(self) -> None:
        setup, done = self.room.setup, self.line.status.Complete
        about = {
            "room": self.line.name,
            "title": self.story.title,
            "roles": dict(setup.roles),
            "offline judges": dict(setup.offlineJudges),
            "ended by": None if done is None else sorted(done.result.endedBy),
            "updated": self.at,
        }
        self._event("room", about, setup.creationTime / 1000)
        for name, survey in sorted(self.room.feedback.items()):
            self._event("feedback", {"name": name, "survey": survey})
        for role, drafts in sorted(self.room.scratchpads.items()):
            kept = []
            for draft in drafts:
                said, _ = self._say(draft)
                kept.append(_plain(said))
            self._event("scratchpad", {"role": role, "drafts": kept})

    def _event(
        self, kind: str, value: Mapping[str, object], at: float | None = None, turn: str = ""
    ) -> None:
        """An event whose key is its content, so that importing again adds nothing."""
        key = content_id("e", [self.match.id, kind, turn, value])
        self.batch.events.append(
            {"key": key, "at": self.at if at is None else at, "kind": kind, "match": self.match.id,
             "turn": turn or None, "value": value}
        )  # fmt: skip

    def _author(self, name: str | None) -> str:
        """The id of a participant, whose record comes into the batch."""
        if name is None:
            raise BadRoom("nobody holds the role that acts here")
        record = _record(name)
        key = content_id("a", record)
        self.batch.participants[key] = record
        return key

    def _chair(self, name: str | None) -> str:
        return self._author(name) if name == MACHINE else PERSON


def _plain(said: Speech) -> dict[str, object]:
    """A speech as JSON values, for an event."""
    quotes = [(q.begin, q.end, q.span) for q in said.quotes]
    return {"text": said.text, "quotes": quotes, "stop": said.stop}


def _by_seat(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Speeches or votes in seat order, whatever their order in the file."""
    if not values or not set(values) <= set(INDEX):
        raise BadRoom(f"speakers {sorted(values)}, where 0 and 1 are known")
    return [(INDEX[key], values[key]) for key in sorted(values)]


def _verdict(report: raw.Report, reason: str, mode: Mode) -> Verdict:
    """A report as a verdict: the probabilities as given, the choice the greater, or a tie.

    The text is the reason. Answers were listed in canonical order.
    """
    p = report.distribution
    if len(p) != 2 or not all(0 <= one <= 1 for one in p):
        raise BadRoom(f"two probabilities were expected, got {list(p)}")
    return Verdict(
        choice=None if p[0] == p[1] else int(p[1] > p[0]),
        elicited=p,
        reason=reason,
        status="tie" if p[0] == p[1] else "ok",
        order=(0, 1),
        mode=mode,
        stop=report.endDebate,
    )


def _agree(line: raw.Line, setup: raw.Setup) -> None:
    """Check a room's set-up against its line of the metadata."""
    if not set(setup.roles) <= set(SEATS):
        raise BadRoom(f"roles {sorted(setup.roles)}, where {sorted(SEATS)} are known")
    if not set(setup.roles) & {"Debater A", "Debater B"}:
        raise BadRoom("it has no debater")
    done, right = line.status.Complete, setup.correctAnswerIndex
    for what, one, other in (
        ("question", line.question, setup.question),
        ("roles", dict(line.roleAssignments), dict(setup.roles)),
        ("creation time", line.creationTime, setup.creationTime),
        ("right answer", done.result.correctAnswerIndex if done else right, right),
    ):
        if one != other:
            raise BadRoom(f"its {what} is not the one in the metadata")
