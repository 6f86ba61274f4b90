"""Credit: from the rewards of a grown tree's verdicts to the advantage of each sampled speech.

Pure functions on plain values. What is compared is what was equally placed: a group never mixes
seats, sides or authors. What has no reward is left out and counted, never worth 0; a group that
cannot teach (one member, all rewards equal) is counted, and its advantages are 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum, isfinite
from statistics import stdev
from typing import Literal, TypeAlias

from arena.batch import RewardRow
from arena.grow import Grown, Spoken
from arena.match import Match, Transcript
from arena.play import tip
from arena.rewards import RULES, reward_rows
from arena.turns import Turn

Tree: TypeAlias = tuple[Grown, Sequence[RewardRow]]
"""A grown match, its judges' leaves hung on it, with the reward rows of one judge and rule."""
Baseline: TypeAlias = Literal["leave-one-out", "group", "running", "leave-one-out or running"]


@dataclass(frozen=True, slots=True)
class CreditSettings:
    """How rewards become advantages.

    ``credit``: ``tree``, a speech is worth the mean value of the turns that carry it, its group is
    what was said by the same author for the same side having seen the same (a wave of width 1 has
    groups of one, and learns nothing without a ``running`` baseline); ``transcript``, it is
    worth the mean return of the transcripts that hold it, its group is all transcripts of
    (question, protocol, seat, side, author). ``baseline``: ``leave-one-out`` (RLOO), the mean of
    the group without what the speech itself is part of; ``group`` (GRPO), the mean of the whole
    group; ``running`` (RAE), the running mean of its (protocol, role, side); ``leave-one-out or
    running``, the first where another member of the group has a reward, else the second (people
    judge few of a group). ``scale="sd"`` divides by the group's standard deviation (n - 1, as torch
    and TRL have it) plus ``epsilon``. Rewards are clipped to [-clip, clip] at the leaf, before any
    mean.
    """

    credit: Literal["tree", "transcript"] = "tree"
    baseline: Baseline = "leave-one-out"
    scale: Literal["none", "sd"] = "none"
    epsilon: float = 1e-4
    clip: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < float("inf"):
            raise ValueError(f"epsilon must be above 0, got {self.epsilon}")
        if self.clip is not None and not 0 < self.clip < float("inf"):
            raise ValueError(f"clip must be above 0, or left out, got {self.clip}")
        if self.reads_running and self.scale == "sd":
            raise ValueError(
                "scale: a running mean has no group to take the deviation of; write scale: none"
            )

    @property
    def reads_running(self) -> bool:
        """Whether the running mean is a baseline, so that it moves."""
        return self.baseline in ("running", "leave-one-out or running")


@dataclass(frozen=True, slots=True)
class Running:
    """The running mean reward of each (protocol, role, side): ``b <- decay b + (1 - decay) r``.

    0 before the first reward. A value: `moved` gives a new one, so a step that is thrown away has
    moved nothing. SPIRAL's role-conditioned baseline (arXiv 2506.24119), read before it moves.
    """

    means: Mapping[str, float] = field(default_factory=dict)
    decay: float = 0.95

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {self.decay}")

    def read(self, key: str) -> float:
        """The mean under a `running_key`."""
        return self.means.get(key, 0.0)

    def moved(self, key: str, reward: float) -> Running:
        """The means after one more reward."""
        now = self.decay * self.read(key) + (1 - self.decay) * reward
        return replace(self, means={**self.means, key: now})

    def state(self) -> dict[str, object]:
        """JSON values; ``Running(**state)`` is equal to this."""
        return {"means": dict(self.means), "decay": self.decay}


def running_key(match: Match, seat: str, side: int | None) -> str:
    """What shares a running mean: the protocol's rules, the seat's role, the option defended."""
    return f"{match.protocol.id} {match.protocol.role(seat)} {side}"


@dataclass(frozen=True, slots=True)
class Advantage:
    """What a sampled speech is worth beyond its baseline, with how that came about."""

    spoken: Spoken
    reward: float
    baseline: float
    advantage: float


@dataclass(frozen=True, slots=True)
class Credits:
    """The advantages of a forest, in its order, and what could not teach.

    ``groups`` have a reward; ``alone`` of them have one member (of one transcript); ``zero`` have
    advantages of 0 only, those of one member included unless a running mean is theirs. ``missing``
    speeches have no reward and are in no group. ``running`` is the running mean after this.
    ``uses_truth`` says that the rewards came from a labelled control.
    """

    advantages: tuple[Advantage, ...]
    groups: int
    alone: int
    zero: int
    missing: int
    running: Running
    uses_truth: bool = False


def verdict_rows(grown: Grown, judge: str, rule: str = "log-odds") -> list[RewardRow]:
    """The reward rows of a judge's verdicts on a tree, under one rule; ``judge`` is its id.

    Raises ValueError where the judge has left no verdict: nothing would be learnt, silently.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {sorted(RULES)}, got {rule!r}")
    known = {turn.id: turn for turn in grown.turns}
    rows: list[RewardRow] = []
    read = False
    for leaf in grown.turns:
        if leaf.kind == "verdict" and leaf.author == judge:
            read = True
            so_far = _path(known, leaf) if grown.match.protocol.sides == "chosen" else ()
            rows += reward_rows(grown.match, leaf, so_far, (rule,))
    if not read and grown.paths:
        raise ValueError(f"judge {judge} has no verdict on match {grown.match.id}: let it read")
    return rows


def _path(known: Mapping[str, Turn], leaf: Turn) -> Transcript:
    steps: list[Turn] = []
    at = known.get(leaf.parent)
    while at is not None:
        steps.append(at)
        at = known.get(at.parent)
    return tuple(reversed(steps))


def turn_values(turns: Sequence[Turn], rewards: Mapping[str, float]) -> dict[str, float]:
    """The value of every turn that has one: the same as `arena.rewards.node_values`, which is the
    definition, in one pass over ``turns`` with parents before children."""
    values: dict[str, float] = {}
    sums: dict[str, tuple[float, int]] = {}
    for turn in reversed(turns):
        if turn.is_leaf:
            value = rewards.get(turn.id)
        else:
            total, count = sums.get(turn.id, (0.0, 0))
            value = total / count if count else None
        if value is None:
            continue
        values[turn.id] = value
        if turn.is_leaf or turn.origin == "sampled":
            total, count = sums.get(turn.parent, (0.0, 0))
            sums[turn.parent] = (total + value, count + 1)
    return values


_Key: TypeAlias = tuple[str | int | None, ...]


@dataclass(slots=True)
class _Member:
    """A speech with the returns that it is part of, by tree and turn: trees of one question may
    hold equal turns."""

    tree: int
    spoken: Spoken
    group: _Key
    running: str
    own: dict[tuple[int, str], float]

    @property
    def reward(self) -> float:
        return fsum(self.own.values()) / len(self.own)


def credit(
    forest: Sequence[Tree],
    settings: CreditSettings = CreditSettings(),
    running: Running = Running(),
    authors: Collection[str] | None = None,
) -> Credits:
    """The advantage of every sampled speech that has a reward (of ``authors`` alone, if given).

    Every tree comes with the rows of one judge, rule and quantity (ValueError otherwise); groups go
    over all trees. ``running`` is read as it came; for each tree in turn it then moves once under
    each of its keys, to the mean reward of its speeches, where the baseline reads it.
    """
    forest = _of_one_quantity(forest)
    label = _one_rule(row for _, rows in forest for row in rows)
    members: list[_Member] = []
    missing = 0
    for n, (grown, rows) in enumerate(forest):
        of_seat: dict[str, dict[str, float]] = {}
        for row in rows:
            if row.value is not None:
                of_seat.setdefault(row.seat, {})[row.turn] = _clipped(row.value, settings.clip)
        said = [one for one in grown.spoken if authors is None or one.author in authors]
        for seat in dict.fromkeys(one.seat for one in said):
            mine = [one for one in said if one.seat == seat]
            own = _returns(grown, mine, of_seat.get(seat, {}), settings.credit == "tree")
            for one, found in zip(mine, own, strict=True):
                if not found:
                    missing += 1
                    continue
                key: _Key = (one.seat, one.side, one.author)
                if settings.credit == "tree":
                    key += (one.seen,)
                else:
                    key += (grown.match.question.id, grown.match.protocol.id)
                share = running_key(grown.match, one.seat, one.side)
                by_tree = {(n, turn): value for turn, value in found.items()}
                members.append(_Member(n, one, key, share, by_tree))
    groups: dict[_Key, list[_Member]] = {}
    for member in members:
        groups.setdefault(member.group, []).append(member)
    found_for: dict[int, Advantage] = {}
    alone = zero = 0
    for group in groups.values():
        pool = {where: value for member in group for where, value in member.own.items()}
        made = [_advantage(member, pool, settings, running) for member in group]
        found_for |= {id(member): one for member, one in zip(group, made, strict=True)}
        alone += len(pool) == 1
        zero += not any(one.advantage for one in made)
    if settings.reads_running:
        running = _after(running, members)
    ordered = tuple(found_for[id(member)] for member in members)
    return Credits(ordered, len(groups), alone, zero, missing, running, label)


def _of_one_quantity(forest: Sequence[Tree]) -> Sequence[Tree]:
    """Where a judge is asked for a probability, a verdict whose words gave none is worth nothing:
    its log-probabilities are another quantity."""
    kinds = {row.quantity for _, rows in forest for row in rows if row.value is not None}
    if kinds != {"elicited", "choice_logprobs"}:
        return forest
    return [
        (tree, [row if row.quantity == "elicited" else replace(row, value=None) for row in rows])
        for tree, rows in forest
    ]


def _one_rule(rows: Iterable[RewardRow]) -> bool:
    """Whether the rows' one rule reads the truth; ValueError where there are several."""
    rules: set[tuple[str, str, bool]] = set()
    quantities: set[str] = set()
    for row in rows:
        rules.add((row.judge, row.rule, row.uses_truth))
        if row.value is not None:
            quantities.add(row.quantity)
            if not isfinite(row.value):
                raise ValueError(f"a reward must be a finite number, got {row.value} on {row.turn}")
    for what, found in (("judge and rule", rules), ("quantity", quantities)):
        if len(found) > 1:
            raise ValueError(f"rewards of one {what} at a time, got {sorted(found)}")
    return any(uses_truth for _, _, uses_truth in rules)


def _clipped(value: float, clip: float | None) -> float:
    return value if clip is None else min(max(value, -clip), clip)


def _returns(
    grown: Grown, said: Sequence[Spoken], rewards: Mapping[str, float], tree: bool
) -> list[dict[str, float]]:
    """What each speech of a seat has earned: one value, or the returns of its transcripts."""
    if tree:
        values = turn_values(grown.turns, rewards)
        known = [[values[turn] for turn in one.turns if turn in values] for one in said]
        return [
            {one.turns[0]: fsum(found) / len(found)} if found else {}
            for one, found in zip(said, known, strict=True)
        ]
    at_end: dict[str, list[float]] = {}  # by the last turn of a transcript
    for leaf in grown.turns:
        if leaf.id in rewards:
            at_end.setdefault(leaf.parent, []).append(rewards[leaf.id])
    through: dict[str, dict[str, float]] = {}  # by every turn of a transcript
    for transcript in grown.paths:
        end = tip(grown.match, transcript)
        if end in at_end:
            worth = fsum(at_end[end]) / len(at_end[end])
            for turn in transcript:
                through.setdefault(turn.id, {})[end] = worth
    return [
        {end: worth for turn in one.turns for end, worth in through.get(turn, {}).items()}
        for one in said
    ]


def _advantage(
    member: _Member,
    pool: Mapping[tuple[int, str], float],
    settings: CreditSettings,
    running: Running,
) -> Advantage:
    """One speech against its group, whose returns are ``pool``."""
    reward = member.reward
    leave_out = settings.baseline != "group"
    rest = [value for where, value in pool.items() if not leave_out or where not in member.own]
    if settings.baseline == "running" or (settings.reads_running and not rest):
        baseline = running.read(member.running)
        return Advantage(member.spoken, reward, baseline, reward - baseline)
    if not rest or min(pool.values()) == max(pool.values()):
        return Advantage(member.spoken, reward, reward, 0.0)
    baseline = fsum(rest) / len(rest)
    scale = 1.0
    if settings.scale == "sd":
        scale = stdev(pool.values()) + settings.epsilon
    return Advantage(member.spoken, reward, baseline, (reward - baseline) / scale)


def _after(running: Running, members: Sequence[_Member]) -> Running:
    """The running means after a forest: each tree moves each of its keys once, in order."""
    earned: dict[tuple[int, str], list[float]] = {}
    for member in members:
        earned.setdefault((member.tree, member.running), []).append(member.reward)
    for (_, key), rewards in sorted(earned.items(), key=lambda one: one[0]):
        running = running.moved(key, fsum(rewards) / len(rewards))
    return running
