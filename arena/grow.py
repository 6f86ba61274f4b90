"""Growth: one match sampled many times at every turn, as a tree that a policy gradient reads.

At each wave of speeches every open node is answered by several samples of each seat that is due.
In a simultaneous round the samples of one seat are paired with some of the other's (cross-play):
the pairs become nodes, so a speech is asked for once and carried by a turn under each opponent.
Transcript groups are the special case of one branching at the first wave and one opponent each.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from arena.flow import Flow, together
from arena.match import Agent, Chosen, Judge, Match, Transcript, view
from arena.play import append, ask_speech, ask_verdict, noise_node, path, tip
from arena.protocols import JUDGE, Slot, pending, verdict_slot
from arena.rewards import stake
from arena.turns import LEAF_KINDS, Kind, Speech, Turn, Verdict


@dataclass(frozen=True, slots=True)
class Spoken:
    """One sampled speech of a speaking seat: asked for once, carried by one or more turns.

    ``node`` is the turn (or root) after which it was asked for, ``seen`` the hash of what its
    speaker was shown (at first, where it was asked again for a shorter one), ``side`` the option
    that its seat is paid for once it has spoken, ``calls`` the keys of its exact requests in order,
    ``turns`` the ids of the turns that carry it.
    """

    node: str
    place: int
    seat: str
    kind: Kind
    sample: int
    author: str
    side: int | None
    seen: str
    speech: Speech
    calls: tuple[str, ...]
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grown:
    """A match grown into a tree.

    ``turns`` are all turns, parents before children; ``spoken`` the sampled speeches of the
    speaking seats; ``paths`` the finished transcripts, with the leaves of a seated judge;
    ``dropped`` how many nodes were not gone on from, because more were open than ``nodes``.
    """

    match: Match
    turns: tuple[Turn, ...]
    spoken: tuple[Spoken, ...]
    paths: tuple[Transcript, ...]
    dropped: int = 0

    def hang(self, leaves: Sequence[Turn]) -> Grown:
        """The tree with the leaves of a reader (`read_leaves`) as well."""
        return replace(self, turns=(*self.turns, *leaves))


@dataclass(slots=True)
class _Slot:
    """A slot of a node with what its samples came to, and the turns that carry each of them."""

    slot: Slot
    author: str
    seen: str = ""  # the digest of what every sample was shown at first
    made: Sequence[tuple[Chosen | Verdict, str, list[str]]] = ()
    turns: list[list[Turn]] = field(default_factory=list)


@dataclass(slots=True)
class _Node:
    """A transcript that goes on. ``wave`` counts how often speakers were asked before it."""

    transcript: Transcript
    wave: int
    place: int = 0
    noise: str = ""  # the turn that noise is drawn from
    slots: tuple[_Slot, ...] = ()


_Asked = Flow[tuple[Chosen | Verdict, str, list[str]]]


def grow(
    match: Match,
    cast: Mapping[str, Agent | Judge],
    widths: Sequence[int],
    opponents: int = 1,
    nodes: int | None = None,
    order: tuple[int, ...] | None = None,
) -> Flow[Grown]:
    """Sample a match as a tree: a flow that returns `Grown`, the same for the same arguments.

    ``widths[k]`` samples are taken of every seat that is due when speakers are asked for the k-th
    time (a simultaneous round is once, each slot of a sequential round is once), 1 beyond its end.
    In a simultaneous round each sample meets ``opponents`` of the other seat's, by cyclic shifts:
    sample i of the first seat meets i, i + 1, ... of the second. At most ``nodes`` nodes go on to
    each next wave, as many of each parent and each speech as can be. A seated judge is asked once
    at each node, and shown ``order``. Noise is drawn per node, seat and sample. Raises ValueError
    for counts below 1 and for an empty chair.
    """
    _check(match, cast, widths, opponents, nodes)
    authors = dict(match.seats)
    names = tuple(authors)
    turns: list[Turn] = []
    spoken: list[Spoken] = []
    paths: list[Transcript] = []
    dropped = 0
    live = [_Node((), 0)]
    while live:
        going: list[_Node] = []
        for node in live:
            node.place, slots = pending(match.protocol, node.transcript, names)
            if slots:
                node.slots = tuple(_Slot(slot, authors[slot.seat]) for slot in slots)
                going.append(node)
            else:
                paths.append(node.transcript)
        if nodes is not None and len(going) > nodes:
            dropped += len(going) - nodes
            del going[nodes:]  # they are in order of rank within their parents
        asked: list[_Asked] = []
        ends: list[int] = []
        for node in going:
            node.noise = noise_node(match, node.transcript, node.place)
            for one in node.slots:
                width = widths[node.wave] if node.wave < len(widths) else 1
                asked += _flows(match, node, one, cast[one.slot.seat], order, width)
                ends.append(len(asked))
        made = yield from together(*asked)
        below: list[list[_Node]] = []
        at, end = 0, iter(ends)
        for node in going:
            for one in node.slots:
                begin, at = at, next(end)
                one.made = made[begin:at]
                one.turns = [[] for _ in one.made]
            found = _meet(match, node, opponents, turns)
            wave = node.wave + any(one.slot.seat != JUDGE for one in node.slots)
            below.append([_Node(transcript, wave) for transcript in found])
            for one in node.slots:
                if one.slot.seat != JUDGE:
                    spoken += _samples(match, node, one)
        live = [node for rank in zip_longest(*below) for node in rank if node is not None]
    return Grown(match, tuple(turns), tuple(spoken), tuple(paths), dropped)


def _check(
    match: Match,
    cast: Mapping[str, Agent | Judge],
    widths: Sequence[int],
    opponents: int,
    nodes: int | None,
) -> None:
    empty = sorted({seat for seat, _ in match.seats} - set(cast))
    if empty:
        raise ValueError(f"cast: a tree is grown by models alone, but nobody plays {empty}")
    if not widths or min(widths) < 1:
        raise ValueError(f"widths: one or more counts of 1 or more, got {list(widths)}")
    for name, count in (("opponents", opponents), ("nodes", nodes)):
        if count is not None and count < 1:
            raise ValueError(f"{name} must be 1 or more, got {count}")


def _flows(
    match: Match,
    node: _Node,
    one: _Slot,
    who: Agent | Judge,
    order: tuple[int, ...] | None,
    width: int,
) -> list[_Asked]:
    """The flows that fill one slot: one of a judge, ``width`` of a speaker, who share a view."""
    so_far, place, noise, slot = node.transcript, node.place, node.noise, one.slot
    if slot.kind in LEAF_KINDS:
        judge = typing.cast(Judge, who)
        return [ask_verdict(match, so_far, place, slot, judge, noise, order, "live", 0)]
    agent, listed = typing.cast(Agent, who), order if slot.seat == JUDGE else None
    seen = view(match, so_far, slot, place, listed)
    one.seen = seen.digest
    shown = (seen, one.seen)
    return [
        ask_speech(match, so_far, place, slot, agent, noise, listed, sample, shown)
        for sample in range(1 if slot.seat == JUDGE else width)
    ]


def _meetings(sizes: Sequence[int], opponents: int) -> list[tuple[int, ...]]:
    """Which samples of a group's slots meet: every one meets ``opponents`` of each other slot.

    In an order of which any beginning uses the samples of each slot as evenly as can be.
    """
    most = max(sizes)
    shifts = range(min(opponents, most) if len(sizes) > 1 else 1)
    met = (
        tuple((i + j * shift) % size for j, size in enumerate(sizes))
        for shift in shifts
        for i in range(most)
    )
    return list(dict.fromkeys(met))


def _meet(match: Match, node: _Node, opponents: int, turns: list[Turn]) -> list[Transcript]:
    """Chain the samples that meet into turns, in seat order; returns the transcripts so far.

    Candidates among which a sample was chosen hang beside the first turn that carries it, numbered
    after all samples.
    """
    found: list[Transcript] = []
    known: dict[tuple[int, ...], Turn] = {}
    spare = [len(one.made) for one in node.slots]
    for meeting in _meetings(spare, opponents):
        so_far = node.transcript
        for j, one in enumerate(node.slots):
            sample = meeting[j]
            turn = known.get(meeting[: j + 1])
            if turn is None:
                said, seen, calls = one.made[sample]
                others = said.candidates if isinstance(said, Chosen) else ()
                for candidate, score in others if not one.turns[sample] else ():
                    turns.append(append(match, so_far, node.place, one.slot, candidate, one.author,
                                        seen=seen, sample=spare[j], origin="candidate",
                                        score=score))  # fmt: skip
                    spare[j] += 1
                content = said.speech if isinstance(said, Chosen) else said
                turn = append(match, so_far, node.place, one.slot, content, one.author, seen=seen,
                              calls=calls, sample=sample)  # fmt: skip
                known[meeting[: j + 1]] = turn
                one.turns[sample].append(turn)
                turns.append(turn)
            so_far += (turn,)
        found.append(so_far)
    return found


def _samples(match: Match, node: _Node, one: _Slot) -> Iterator[Spoken]:
    """The sampled speeches of one slot of a node."""
    slot = one.slot
    for sample, ((_, _, calls), turns) in enumerate(zip(one.made, one.turns, strict=True)):
        side = stake(match, slot.seat, (*node.transcript, turns[0]))
        yield Spoken(
            node.noise, node.place, slot.seat, slot.kind, sample, one.author, side, one.seen,
            turns[0].speech, tuple(calls), tuple(turn.id for turn in turns),
        )  # fmt: skip


def read_leaves(
    grown: Grown, judge: Judge, author: str, order: tuple[int, ...] | None = None
) -> Flow[tuple[Turn, ...]]:
    """A judge without a seat reads every finished transcript; returns its verdict leaves.

    Transcripts with the same speeches are read once: the verdict hangs on each of them, with the
    calls that it was asked for by. ``author`` is the judge's participant id.
    """
    match, slot = grown.match, verdict_slot(grown.match.protocol)
    same: dict[tuple[tuple[int, str, str], ...], list[Transcript]] = {}
    for transcript in grown.paths:
        spoken = path(transcript)
        words = tuple((turn.place, turn.seat, turn.said.id) for turn in spoken)
        same.setdefault(words, []).append(spoken)
    made = yield from together(
        *(
            ask_verdict(match, paths[0], None, slot, judge, tip(match, paths[0]), order, "whole", 0)
            for paths in same.values()
        )
    )
    return tuple(
        append(match, spoken, max((turn.place for turn in spoken), default=-1) + 1, slot, verdict,
               author, seen=seen, calls=calls)
        for (verdict, seen, calls), paths in zip(made, same.values(), strict=True)
        for spoken in paths
    )  # fmt: skip
