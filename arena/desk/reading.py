"""How far a person has come with a match: what it is shown, what it has said, what it does next.

A stepped reader gives a probability before each next step is shown. How far it has come is nowhere
written down: it follows from its beliefs that stand, one for each step it has paid for. So a page
that is reloaded, another tab and another device show the same, and nothing is shown that no belief
has paid for. Nothing here reads ground truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from arena.desk.chairs import (
    Chair,
    PersonError,
    Scene,
    chair,
    given_order,
    look,
    page_view,
    waiting_view,
)
from arena.desk.settings import Settings
from arena.match import PERSON, Match, Seen, Transcript, View
from arena.play import path
from arena.protocols import JUDGE, Round, verdict_slot
from arena.store import Store
from arena.turns import LEAF_KINDS, Kind, Mode, Turn


def steps(match: Match, transcript: Sequence[Turn]) -> tuple[int, ...]:
    """Where each step of a debate ends: ``path(transcript)[:end]`` is on show after it.

    A simultaneous round is one step; in a sequential round each turn is one. What a judge never
    sees makes no step of its own.
    """
    spoken = path(transcript)
    rounds = dict(match.protocol.rounds(spoken))
    ends: list[int] = []
    last = -1
    for i, turn in enumerate(spoken):
        one = rounds.get(turn.place)
        together = one is not None and one.simultaneous and turn.place == last
        if not _hidden(one, turn):
            if together and ends:
                ends[-1] = i + 1
            else:
                ends.append(i + 1)
            last = turn.place
    if ends:
        ends[-1] = len(spoken)
    return tuple(ends)


def _hidden(one: Round | None, turn: Turn) -> bool:
    slots = (
        [] if one is None else [s for s in one.slots if (s.seat, s.kind) == (turn.seat, turn.kind)]
    )
    return any("all" not in slot.seen_by and JUDGE not in slot.seen_by for slot in slots)


@dataclass(frozen=True, slots=True)
class Belief:
    """What a stepped reader believed after a number of steps, and when it said so."""

    step: int
    turn: Turn
    at: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One person's reading of one match, as it stands.

    ``view`` is what the person may know now and ``shown`` the turns that it shows: ``step`` of
    ``steps`` steps of the path. ``chair`` is where the next turn goes and ``next`` what it is; both
    are None where there is nothing to do now. ``early``: a verdict may be given although ``next``
    is a belief. ``beliefs`` are the person's own that stand, first to last. ``verdict`` is the one
    that stands. ``undo`` is until when the last act, ``undoes``, can be taken back: seconds since
    1970, infinite where there is no limit, None where nothing can be. ``began`` is when the person
    was first shown the match, ``until`` when its time is up, where it is limited.
    """

    match: Match
    person: str
    seat: str
    mode: Mode
    chair: Chair | None
    view: View
    shown: Transcript
    step: int
    steps: int
    early: bool = False
    beliefs: tuple[Belief, ...] = ()
    verdict: Turn | None = None
    undo: float | None = None
    undoes: Literal["belief", "verdict"] | None = None
    began: float | None = None
    until: float | None = None

    @property
    def next(self) -> Kind | None:
        """The kind of the person's next turn."""
        return None if self.chair is None else self.chair.slot.kind

    @property
    def charged(self) -> int:
        """The steps by which the judge has let the debate go on: all that are shown but one. None
        for whoever was shown all of it at once, and had no choice."""
        return 0 if self.mode in ("whole", "timed") else max(0, self.step - 1)

    def can_undo(self, now: float) -> bool:
        """Whether the person's last act can be taken back at this time."""
        return self.undo is not None and now <= self.undo

    def turn(self, number: int) -> Turn:
        """The turn that the view shows at this place of its reading order, counted from 0. Raises
        PersonError for one that is not on display."""
        if not 0 <= number < len(self.view.turns):
            raise PersonError("That turn is not on this page: reload it.")
        wanted = self.view.turns[number]
        return next(turn for turn in self.shown if _key(turn) == _key(wanted))


def _key(turn: Turn | Seen) -> tuple[int, str, str]:
    return turn.place, turn.seat, turn.kind


def _on_display(seen: View, transcript: Transcript) -> Transcript:
    keys = {_key(one) for one in seen.turns}
    return tuple(turn for turn in transcript if not turn.is_leaf and _key(turn) in keys)


def reading(
    store: Store, match: Match, person: str, settings: Settings, seat: str | None = None
) -> Reading:
    """How far this person has come with the match, and what it does next.

    ``seat`` asks for a debater's chair that is nobody's yet, as in `arena.desk.chairs.chair`.
    """
    scene = look(store, match)
    at, seated = chair(store, match, person, seat, scene), scene.transcript
    own = scene.seat(match, person) if at is None else at.slot.seat
    if own != JUDGE:
        seen = (
            waiting_view(match, seated, own) if at is None else page_view(match, seated, person, at)
        )
        shown = _on_display(seen, seated)
        count = len(steps(match, shown))
        return Reading(match, person, own, "live", at, seen, shown, count, count)
    acts = _acts(store, match, person)
    stand = _standing(store, match, person, acts)
    verdict, given = next(((t, when) for t, when in stand if t.kind == "verdict"), (None, 0.0))
    spoken = path(seated)
    mode: Mode = settings.mode
    if verdict is not None:
        mode = verdict.verdict.mode
    elif at is None:
        mode = "live"
        if not _sits(match, person, scene):
            spoken = ()
    elif at.place is not None:
        mode = "live"
    ends = steps(match, spoken)
    beliefs, step = _folded(match, spoken, ends, stand, settings.prior, mode)
    if mode == "stepped":
        nodes = _nodes(match, spoken, ends)
        if verdict is not None and verdict.parent in nodes:
            step = nodes.index(verdict.parent)
        spoken = spoken[: ends[step - 1]] if step else ()
    resting = Chair(
        spoken, verdict_slot(match.protocol), None, order=given_order(scene.places, person)
    )
    early = False
    if verdict is not None:
        at = None
    elif at is not None and at.place is None:
        early = mode == "stepped" and settings.early and 0 < step < len(ends)
        slot = at.slot if step == len(ends) else replace(at.slot, kind="belief")
        at = Chair(spoken, slot, None, mode, at.order)
    seen = page_view(match, spoken, person, at or resting)
    shown = _on_display(seen, spoken)
    if mode == "live":
        step = len(steps(match, shown))
    undoes, since = _last_act(verdict, given, beliefs, mode, acts)
    began = _began(acts)
    until = None
    if mode == "timed" and began is not None and settings.seconds is not None:
        until = began + settings.seconds
    return Reading(
        match, person, JUDGE, mode, at, seen, shown, step, len(ends) if mode != "live" else step,
        early=early,
        beliefs=beliefs,
        verdict=verdict,
        undo=None if undoes is None else ends_at(since, settings.undo),
        undoes=undoes,
        began=began,
        until=until,
    )  # fmt: skip


def _acts(store: Store, match: Match, person: str) -> list[dict[str, Any]]:
    """What this person has done in the match, oldest first."""
    sql = "SELECT id, kind, turn, at FROM events WHERE match = ? AND person = ? ORDER BY id"
    return list(store.query(sql, match.id, person))


def _standing(
    store: Store, match: Match, person: str, acts: Sequence[dict[str, Any]]
) -> list[tuple[Turn, float]]:
    """The beliefs and verdicts among a person's acts that it has not taken back, and when each was
    given in this match: a turn that two matches share has the time of the first."""
    gone = {act["turn"] for act in acts if act["kind"] == "withdrawn"}
    leaves = {turn.id: turn for turn in store.leaves(match.id, person)}
    return [
        (leaves[act["turn"]], act["at"])
        for act in acts
        if act["kind"] in LEAF_KINDS and act["turn"] in leaves and act["turn"] not in gone
    ]


def _sits(match: Match, person: str, scene: Scene) -> bool:
    """Whether the judge's chair of an unfinished match is this person's: begun, or kept for it."""
    gone = any(who == person for _, who in scene.gone)
    if dict(match.seats).get(JUDGE) != PERSON or gone:
        return False
    begun = {
        t.author
        for t in scene.transcript
        if t.seat == JUDGE and (JUDGE, t.author) not in scene.gone
    }
    kept = any((row["seat"], row["holder"]) == (JUDGE, person) for row in scene.places)
    return person in begun or (kept and not begun)


def _began(acts: Sequence[dict[str, Any]]) -> float | None:
    times = {act["kind"]: act["at"] for act in reversed(acts) if act["kind"] in ("shown", "taken")}
    return times.get("shown", times.get("taken"))


def ends_at(since: float, undo: float | None) -> float:
    """When what was done at ``since`` can no longer be taken back; infinite without a limit."""
    return math.inf if undo is None else since + undo


def _last_act(
    verdict: Turn | None,
    given: float,
    beliefs: Sequence[Belief],
    mode: Mode,
    acts: Sequence[dict[str, Any]],
) -> tuple[Literal["belief", "verdict"] | None, float]:
    """What could be taken back, and since when. Whoever has been told the truth has settled it."""
    if verdict is not None:
        told = any(act["kind"] == "feedback" and act["turn"] == verdict.id for act in acts)
        return (None if told else "verdict"), given
    if mode == "stepped" and beliefs:
        return "belief", beliefs[-1].at
    return None, 0.0


def _nodes(match: Match, spoken: Transcript, ends: Sequence[int]) -> list[str]:
    """The turn that a leaf hangs on, after each number of steps."""
    return [match.root, *(spoken[end - 1].id for end in ends)]


def _folded(
    match: Match,
    spoken: Transcript,
    ends: Sequence[int],
    stand: Sequence[tuple[Turn, float]],
    prior: bool,
    mode: Mode,
) -> tuple[tuple[Belief, ...], int]:
    """A person's beliefs, and the number of steps that it is shown: in a stepped reading those that
    the beliefs have paid for."""
    nodes = _nodes(match, spoken, ends)
    own = {
        turn.parent: (turn, when)
        for turn, when in stand
        if turn.kind == "belief" and turn.verdict.mode == mode
    }
    if mode != "stepped":
        heard = [(n, own[node]) for n, node in enumerate(nodes) if node in own]
        return tuple(Belief(n, *one) for n, one in heard), len(ends)
    # Where the study came to ask for a prior after this person had begun, it has none.
    first = 0 if not ends or match.root in own or (prior and not own) else 1
    step = first
    while step < len(ends) and nodes[step] in own:
        step += 1
    return tuple(Belief(n, *own[nodes[n]]) for n in range(first, step)), step
