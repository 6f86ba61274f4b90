"""Play: fill the slots of a match by asking its cast, and let judges read what was said.

`play` stops at an empty chair and goes on from any prefix, because the transcript is the whole
state. `read` lets a judge who has no seat hang its beliefs and its verdict on a path.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from arena import quotes
from arena.budget import quote_budget
from arena.flow import Flow, Request, together
from arena.ids import derive_seed
from arena.match import Agent, Chosen, Judge, Match, Transcript, View, listing, view
from arena.protocols import JUDGE, Slot, pending, round_at, verdict_slot
from arena.turns import LEAF_KINDS, Kind, Mode, Origin, Speech, Turn, Verdict


def path(transcript: Sequence[Turn]) -> Transcript:
    """The transcript without its leaves: what every reader's verdict is about."""
    return tuple(turn for turn in transcript if not turn.is_leaf)


def noise_node(match: Match, transcript: Sequence[Turn], place: int) -> str:
    """The turn that a slot at ``place`` follows: where its noise is drawn from.

    In a simultaneous round that is the turn before the round, for every seat of it.
    """
    one = round_at(match.protocol, transcript, place)
    together = one is not None and one.simultaneous
    before = [turn for turn in transcript if not turn.is_leaf and turn.place <= place]
    before = [turn for turn in before if not together or turn.place < place]
    return before[-1].id if before else match.root


def tip(match: Match, transcript: Sequence[Turn]) -> str:
    """The parent of what follows a transcript: its last turn that is no leaf, or the root."""
    spoken = path(transcript)
    return spoken[-1].id if spoken else match.root


def _kept(flow: Flow[typing.Any], calls: list[str]) -> Flow[typing.Any]:
    """Drive ``flow`` and note the key of every request that it makes."""
    try:
        asked: tuple[Request, ...] = next(flow)
        while True:
            replies = yield asked
            calls += [request.key for request in asked]
            asked = flow.send(replies)
    except StopIteration as stop:
        return stop.value


def _over(speech: Speech, slot: Slot, left: int | None, covered: Sequence[tuple[int, int]]) -> str:
    """By how much a speech is over its limits, in words; empty when it is not."""
    limit = slot.limits.characters
    if limit is not None and len(speech.text) > limit:
        return f"{len(speech.text)} characters where {limit} are allowed"
    if left is not None and speech.quotes:
        new = quotes.new_characters(speech.quotes, covered)
        if new > left:
            return f"{new} newly quoted characters where {left} are allowed"
    return ""


def _chosen_side(match: Match, slot: Slot, speech: Speech) -> int | None:
    """The answer that a speech commits its seat to: told, or chosen where the rules let it."""
    role = match.protocol.role(slot.seat)
    if role == "proposer" and match.proposal is not None:
        return match.proposal
    free = match.protocol.sides == "chosen" or role == "proposer"
    if not free or speech.side is None:
        return None
    if not 0 <= speech.side < len(match.question.answers):
        raise ValueError(f"a speech chose answer {speech.side} of {len(match.question.answers)}")
    return speech.side


def _anchored(match: Match, slot: Slot, speech: Speech, seen: View) -> Speech:
    """A speech with what the platform adds: quotes, side, and whether it may stop."""
    found = quotes.anchor(speech.text, seen.passage, seen.quotes)
    side = _chosen_side(match, slot, speech)
    return replace(speech, quotes=found, side=side, stop=speech.stop and slot.may_stop)


def ask_speech(
    match: Match, transcript: Transcript, place: int, slot: Slot, agent: Agent, node: str,
    order: tuple[int, ...] | None, sample: int, shown: tuple[View, str] | None = None,
) -> Flow[tuple[Chosen, str, list[str]]]:  # fmt: skip
    """Ask for a speech, anchor its quotes, hold it to its limits; with its view and its calls.

    ``shown`` is the slot's view and its digest, where they are known: samples of one slot share
    them and differ in their seed.
    """
    calls: list[str] = []
    digest = notice = ""
    anchored = Speech("")
    candidates: tuple[tuple[Speech, float], ...] = ()
    for attempt in range(2 if match.protocol.over_limit == "retry" else 1):
        noise = derive_seed(match.seed, node, place, slot.seat, slot.kind, sample, attempt)
        if shown is not None and not attempt:
            seen, digest = replace(shown[0], seed=noise), shown[1]
        else:
            seen = view(match, transcript, slot, place, order, noise, notice)
            digest = seen.digest
        said: Speech | Chosen = yield from _kept(agent.speak(seen), calls)
        chosen = said if isinstance(said, Chosen) else Chosen(said)
        candidates += tuple(
            (_anchored(match, slot, one, seen), score) for one, score in chosen.candidates
        )
        anchored = _anchored(match, slot, chosen.speech, seen)
        covered: Sequence[tuple[int, int]] = ()
        if anchored.quotes and seen.quoted_left is not None:
            covered = quote_budget(match.protocol, transcript, slot.seat, place)[0]
        problem = _over(anchored, slot, seen.quoted_left, covered)
        if not problem:
            return Chosen(anchored, candidates), digest, calls
        notice = f"Your last attempt had {problem}. Write a shorter one."
    forfeited = replace(anchored, status="over limit", stop=False)
    return Chosen(forfeited, candidates), digest, calls


def ask_verdict(
    match: Match, transcript: Transcript, place: int | None, slot: Slot, judge: Judge, node: str,
    order: tuple[int, ...] | None, mode: Mode, sample: int,
) -> Flow[tuple[Verdict, str, list[str]]]:  # fmt: skip
    """Ask for a verdict over shown options; translated to canonical order before it is kept."""
    calls: list[str] = []
    turned = order is not None and order != listing(match)  # a second listing is a second throw
    at = -1 if place is None else place
    noise = derive_seed(match.seed, node, at, slot.seat, slot.kind, sample, turned)
    seen = view(match, transcript, slot, place, order, noise)
    verdict = yield from _kept(judge.decide(seen), calls)
    return canonical_verdict(verdict, seen.order, mode), seen.digest, calls


def canonical_verdict(verdict: Verdict, order: tuple[int, ...], mode: Mode) -> Verdict:
    """A verdict over options as they were listed, as one over options in canonical order."""

    def back(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is None:
            return None
        if len(values) != len(order):
            raise ValueError(f"a verdict needs one number per option ({len(order)}), got {values}")
        return tuple(values[order.index(option)] for option in range(len(order)))

    choice = None if verdict.choice is None else order[verdict.choice]
    return replace(
        verdict,
        choice=choice,
        elicited=back(verdict.elicited),
        choice_logprobs=back(verdict.choice_logprobs),
        order=order,
        mode=mode,
    )


def ignore(turn: Turn) -> None:
    """A record that keeps nothing."""


def _replies_to(
    match: Match, transcript: Sequence[Turn], slot: Slot, place: int
) -> tuple[str, ...]:
    """The turns that a new turn answers, by its slot's rule."""
    before = [turn for turn in path(transcript) if turn.place < place]
    if slot.replies_to == "last":
        return tuple(turn.id for turn in before[-1:])
    if slot.replies_to == "opponent":
        spoken = [t for t in before if t.seat not in (slot.seat, JUDGE)]
        in_round = [t for t in path(transcript) if t.place == place and t.seat != slot.seat]
        one = round_at(match.protocol, transcript, place)
        latest = in_round if in_round and one is not None and not one.simultaneous else spoken
        return tuple(turn.id for turn in latest[-1:])
    return ()


def append(
    match: Match, transcript: Transcript, place: int, slot: Slot, said: Speech | Verdict,
    author: str, *, seen: str = "", calls: Sequence[str] = (), sample: int = 0,
    origin: Origin = "sampled", score: float | None = None, at: float | None = None,
) -> Turn:  # fmt: skip
    """The turn that fills ``slot`` after ``transcript``; a belief with ``stop`` is a verdict."""
    kind: Kind = slot.kind
    if isinstance(said, Verdict) and said.stop and slot.may_stop:
        kind = "verdict"
    return Turn(
        parent=tip(match, transcript),
        place=place,
        seat=slot.seat,
        kind=kind,
        author=author,
        said=said,
        sample=sample,
        seen=seen,
        replies_to=_replies_to(match, transcript, slot, place),
        origin=origin,
        score=score,
        calls=tuple(calls),
        at=at,
    )


def play(
    match: Match,
    cast: Mapping[str, Agent | Judge],
    transcript: Transcript = (),
    record: Callable[[Turn], None] = ignore,
    order: tuple[int, ...] | None = None,
) -> Flow[Transcript]:
    """Fill slots until the match is over or an empty chair is reached; return the transcript.

    ``cast`` maps seats to participants; a seat of the match that it lacks is an empty chair: play
    stops there, and the same call goes on once its turn has been appended. ``record`` is given
    each turn as it is made. ``order`` is the listing that a seated judge is shown.
    """
    names = [seat for seat, _ in match.seats]
    unknown = sorted(set(cast) - set(names))
    if unknown:
        raise ValueError(f"cast: {unknown} have no seat in this match, which seats {names}")
    authors = dict(match.seats)
    while True:
        place, slots = pending(match.protocol, transcript, names)
        filled = []
        for slot in slots:
            if slot.seat not in cast:
                break  # turns of a group are chained in seat order: later seats wait as well
            filled.append(slot)
        if not filled:
            return transcript
        node = noise_node(match, transcript, place)
        asked: list[Flow[tuple[Chosen | Verdict, str, list[str]]]] = []
        for slot in filled:
            who, listed = cast[slot.seat], order if slot.seat == JUDGE else None
            if slot.kind in LEAF_KINDS:
                judge = typing.cast(Judge, who)
                asked.append(
                    ask_verdict(match, transcript, place, slot, judge, node, listed, "live", 0)
                )
            else:
                agent = typing.cast(Agent, who)
                asked.append(ask_speech(match, transcript, place, slot, agent, node, listed, 0))
        made = yield from together(*asked)
        for slot, (said, seen, calls) in zip(filled, made, strict=True):
            author = authors[slot.seat]
            others = said.candidates if isinstance(said, Chosen) else ()
            for n, (candidate, score) in enumerate(others, start=1):
                record(append(match, transcript, place, slot, candidate, author, seen=seen,
                              sample=n, origin="candidate", score=score))  # fmt: skip
            content = said.speech if isinstance(said, Chosen) else said
            turn = append(match, transcript, place, slot, content, author, seen=seen, calls=calls)
            record(turn)
            transcript += (turn,)


def waiting_for(match: Match, transcript: Transcript) -> tuple[str, ...]:
    """The seats that the match waits for; empty when it is over."""
    _, slots = pending(match.protocol, transcript, [seat for seat, _ in match.seats])
    return tuple(slot.seat for slot in slots)


def read(
    match: Match,
    judge: Judge,
    transcript: Transcript,
    author: str,
    order: tuple[int, ...] | None = None,
    mode: Literal["whole", "stepped"] = "whole",
    record: Callable[[Turn], None] = ignore,
    sample: int = 0,
) -> Flow[Transcript]:
    """A judge without a seat reads a path; return its leaves, the verdict last.

    ``whole``: one verdict after everything. ``stepped``: a belief before anything is shown and
    after each round, then the verdict; each sees the judge's own beliefs so far and no one else's.
    """
    spoken = path(transcript)
    final = verdict_slot(match.protocol)
    prefixes: list[Transcript] = [spoken]
    if mode == "stepped":
        ends = [
            i
            for i, t in enumerate(spoken)
            if i + 1 == len(spoken) or spoken[i + 1].place != t.place
        ]
        prefixes = [(), *(spoken[: i + 1] for i in ends)]
    leaves: Transcript = ()
    for i, prefix in enumerate(prefixes):
        last = i + 1 == len(prefixes)
        slot = final if last else replace(final, kind="belief")
        shown = tuple(sorted((*prefix, *leaves), key=lambda turn: turn.place))
        verdict, seen, calls = yield from ask_verdict(
            match, shown, None, slot, judge, tip(match, prefix), order, mode, sample
        )
        place = max((turn.place for turn in prefix), default=-1)
        leaf = append(match, prefix, place + (1 if last else 0), slot, verdict, author, seen=seen,
                      calls=calls, sample=sample)  # fmt: skip
        record(leaf)
        leaves += (leaf,)
    return leaves
