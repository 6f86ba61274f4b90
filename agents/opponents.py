"""`Opponents`: the frozen policies that learners meet besides each other, a pool for each seat.

A learner's opponents are what the player across from it was before training, and its snapshots:
in a game of two roles whoever plays the other role, in a symmetric one a past of either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.debater import Debater
from agents.policy import Policy, snapshot_name
from agents.rollout import Sampled
from arena.match import PERSON
from arena.pool import Opponent, Pool, PoolSettings, restored
from arena.protocols import Protocol
from arena.rewards import stake, win
from arena.trainfile import PoolBlock


@dataclass(frozen=True, slots=True)
class Met:
    """Whom a learner at ``seat`` meets: the player ``who``, ``name`` in the pool, at ``other``."""

    seat: str
    other: str
    who: Debater
    name: str


class Opponents:
    """The pools of a game in which ``seats`` name the players, some of whom are ``policies``.

    A seat has a pool where its player learns and the one across learns too (of somebody who does
    not learn there is no other version to meet). ``pools`` are by seat.
    """

    def __init__(
        self,
        seed: int,
        protocols: Sequence[Protocol],
        seats: Mapping[str, str],
        policies: Mapping[str, Policy],
        block: PoolBlock,
    ) -> None:
        self._seed = seed
        self._across: dict[str, Policy] = {}
        self.pools: dict[str, Pool] = {}
        for protocol in protocols if block.share else ():
            if len(protocol.speakers) != 2:
                continue
            for seat, other in zip(protocol.speakers, protocol.speakers[::-1], strict=True):
                policy = policies.get(seats[other])
                if policy is None or seats[seat] not in policies or seat in self.pools:
                    continue
                base = Opponent(f"{policy.name} base", policy.start.model)
                how = PoolSettings(block.every, block.size, 1 - block.share, block.weighting)
                self.pools[seat], self._across[seat] = Pool(base, how), policy

    def draw(self, protocol: Protocol, step: int, place: int, nth: int) -> Met | None:
        """Whom a learner meets in match ``place`` of a step, the ``nth`` of its protocol; None: the
        others as they are."""
        seats = protocol.speakers
        turn = (nth // 2 + step) % 2  # sides alternate with nth: each learner meets both
        if len(seats) != 2 or seats[turn] not in self.pools:
            return None
        seat, other = seats[turn], seats[1 - turn]
        pool, policy = self.pools[seat], self._across[seat]
        drawn = pool.draw(self._seed, step, place)
        if drawn is None:
            return None
        if drawn.model == policy.now().model:  # no older than the one who learns
            drawn = pool.base
        who = policy.frozen(drawn.name, drawn.step) if drawn.step else policy.start
        return Met(seat, other, who, drawn.name)

    def note(self, sampled: Sampled, judge: str) -> dict[str, float]:
        """Note who won by the verdicts of ``judge`` (`PERSON`: of all); the mean share that each
        seat won."""
        won: dict[str, list[float]] = {}
        for bout, tree in zip(sampled.bouts, sampled.trees, strict=True):
            if bout.opponent is None:
                continue
            seat, name = bout.opponent
            paid = stake(bout.match, seat)
            values = [
                win(turn.verdict, paid) for turn in tree.turns
                if turn.kind == "verdict" and judge in (turn.author, PERSON) and paid is not None
            ]  # fmt: skip
            shares = [(value + 1) / 2 for value in values if value is not None]
            if shares:
                mean = sum(shares) / len(shares)
                self.pools[seat].result(name, mean)
                won.setdefault(seat, []).append(mean)
        return {seat: sum(each) / len(each) for seat, each in won.items()}

    def join(self, step: int) -> None:
        """Let snapshots join the pools where one is due after ``step``; who leaves is unloaded."""
        gone: dict[str, Policy] = {}
        for seat, pool in self.pools.items():
            if not pool.due(step):
                continue
            policy = self._across[seat]
            name = snapshot_name(policy.name, step)
            if not self._kept(policy, name):
                policy.engine.copy(policy.name, name)
            left = pool.join(name, policy.engine.model_of(name), step)
            if left is not None:
                gone[left.name] = policy
        for name, policy in gone.items():
            if not self._kept(policy, name):
                policy.engine.detach(name)

    def snapshots(self) -> Iterator[tuple[Policy, str, str]]:
        """All that are kept: whose, the adapter's name, its model string; each once."""
        seen: set[tuple[str, str]] = set()
        for seat, pool in self.pools.items():
            policy = self._across[seat]
            for one in pool.snapshots:
                if (policy.name, one.name) not in seen:
                    seen.add((policy.name, one.name))
                    yield policy, one.name, one.model

    def _kept(self, policy: Policy, name: str) -> bool:
        return any(whose is policy and name == one for whose, one, _ in self.snapshots())

    def state(self) -> dict[str, Any]:
        """JSON values, for `resume`."""
        return {seat: pool.state() for seat, pool in self.pools.items()}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`; the adapters are somebody else's business."""
        self.pools = {seat: restored(state[seat]) for seat in self.pools}
