"""Who is given what: the arithmetic of a plan, with no store.

The problem is a flow: a person is given up to its cap, one debate of each unit (a story, say), and
each debate goes to as many people as it needs. `share_out` begins with what is dealt evenly over
conditions, then walks the paths that flow can still take, until no more can be covered and no load
can be evened out: both are optimal, which dealing alone is not. (The general solvers of networkx
take minutes where 10,000 debates meet 50 people; the paths here are short.) Conditions are then
evened by exchanges that change neither. Nothing depends on anything but the arguments and the seed.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from heapq import nsmallest
from random import Random

EXCHANGES = 400_000
"""How many exchanges are tried to even out conditions: some seconds at the most."""


@dataclass(frozen=True, slots=True)
class Task:
    """A chair at a debate: ``need`` more people are to take it. A person is given one task of a
    ``unit``, and none that has one of its ``names`` barred. ``groups`` are what to balance over,
    from the finest to the coarsest, each within the next."""

    key: tuple[str, str]  # match, seat
    unit: str
    names: frozenset[str]
    groups: tuple[str, ...]
    need: int


@dataclass(slots=True)
class Shares:
    """Who has what so far. ``load`` and ``counts`` include what people had before."""

    tasks: Sequence[Task]
    people: Sequence[str]
    barred: Sequence[Set[str]]
    cap: int | None
    load: list[int]
    counts: list[Counter[str]]
    given: list[dict[str, int]] = field(default_factory=list)  # person -> unit -> task
    takers: list[set[int]] = field(default_factory=list)  # task -> people

    def __post_init__(self) -> None:
        self.given = [{} for _ in self.people]
        self.takers = [set() for _ in self.tasks]

    def may(self, person: int, task: int) -> bool:
        """Whether this person may have this task at all."""
        return self.tasks[task].names.isdisjoint(self.barred[person])

    def full(self, person: int) -> bool:
        """Whether this person can be given no more."""
        return self.cap is not None and self.load[person] >= self.cap

    def give(self, person: int, task: int) -> None:
        """Add a task to a person's."""
        one = self.tasks[task]
        self.given[person][one.unit] = task
        self.takers[task].add(person)
        self.load[person] += 1
        self.counts[person].update(one.groups)

    def drop(self, person: int, task: int) -> None:
        """Take a task away again."""
        one = self.tasks[task]
        del self.given[person][one.unit]
        self.takers[task].remove(person)
        self.load[person] -= 1
        self.counts[person].subtract(one.groups)

    def missing(self, task: int) -> int:
        """How many people a task still needs."""
        return self.tasks[task].need - len(self.takers[task])


def share_out(
    tasks: Sequence[Task],
    people: Sequence[str],
    barred: Mapping[str, Set[str]],
    cap: int | None,
    seed: int,
    load: Mapping[str, int] | None = None,
    counts: Mapping[str, Mapping[str, int]] | None = None,
) -> list[tuple[str, Task]]:
    """Pairs of a person and a task: as many as there can be, with loads as even as they can be.

    ``load`` and ``counts`` (by group) are what people have already; ``cap`` bounds the load.
    """
    random = Random(seed)
    shares = Shares(
        tasks, people, [barred.get(one, frozenset()) for one in people], cap,
        [(load or {}).get(one, 0) for one in people],
        [Counter((counts or {}).get(one, {})) for one in people],
    )  # fmt: skip
    if not people:
        return []
    _deal(shares, random)
    _cover(shares, random)
    _level(shares)
    _even(shares, random)
    return [(people[p], tasks[t]) for t in range(len(tasks)) for p in sorted(shares.takers[t])]


def _deal(shares: Shares, random: Random) -> None:
    """Deal the tasks of each finest group in turn, to whoever has had least of it.

    Where nothing is barred, this alone leaves every count of every group, and every load, within
    one of each other: within a group people go round in a circle, and who gets one more is who had
    less of the group around it.
    """
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for n, one in enumerate(shares.tasks):
        groups[one.groups[::-1]].append(n)
    for key in sorted(groups):
        members = groups[key]
        random.shuffle(members)
        for task in members:
            one = shares.tasks[task]
            able = [
                ([shares.counts[p][g] for g in one.groups], shares.load[p], random.random(), p)
                for p in range(len(shares.people))
                if not shares.full(p) and one.unit not in shares.given[p] and shares.may(p, task)
            ]
            for *_, person in nsmallest(one.need, able):
                shares.give(person, task)


# The task that came before and who gives this one to take that one: -1 where it takes nothing
# instead, None where nobody has this one.
Step = tuple[int, int] | None


def _path(
    shares: Shares, begin: Mapping[int, Step], enough: Callable[[int], bool], dead: set[int]
) -> bool:
    """Pass tasks on, from one of ``begin`` to a person for whom there is room; do it if it can be.

    A person who is full, or has another task of the same unit, takes a task by passing one on.
    What a search that fails has seen leads nowhere later either: it is added to ``dead``.
    """
    came: dict[int, Step] = dict(begin)
    asked: set[int] = set()
    queue = deque(task for task in begin if task not in dead)
    while queue:
        task = queue.popleft()
        unit = shares.tasks[task].unit
        for person in range(len(shares.people)):
            if person in shares.takers[task] or not shares.may(person, task):
                continue
            other = shares.given[person].get(unit)
            if other is not None:
                onward = [other]
            elif enough(person):
                _pass_on(shares, came, task, person)
                return True
            elif person in asked:
                continue
            else:
                asked.add(person)
                onward = list(shares.given[person].values())
            for following in onward:
                if following not in came and following not in dead:
                    came[following] = (task, person)
                    queue.append(following)
    dead.update(came)
    return False


def _pass_on(shares: Shares, came: Mapping[int, Step], task: int, person: int) -> None:
    """Everybody on the path takes the task before and gives the one after."""
    moves = []
    step: Step = (task, person)
    while step is not None and step[0] >= 0:
        task, person = step
        moves.append((person, task))
        step = came[task]
        if step is not None:
            shares.drop(step[1], task)
    for who, what in moves:
        shares.give(who, what)


def _cover(shares: Shares, random: Random) -> None:
    """Find somebody for whatever still needs people, if there is anybody at all."""
    dead: set[int] = set()
    wanting = [n for n in range(len(shares.tasks)) if shares.missing(n) > 0]
    random.shuffle(wanting)
    for task in wanting:
        while shares.missing(task) > 0 and task not in dead:
            if not _path(shares, {task: None}, lambda p: not shares.full(p), dead):
                break


def _level(shares: Shares) -> None:
    """Pass tasks from whoever has most to whoever has least, while loads differ by two or more."""
    moved = True
    while moved and max(shares.load) - min(shares.load) > 1:
        moved = False
        dead: set[int] = set()  # for who has less as well: thresholds only fall
        for person in sorted(range(len(shares.people)), key=lambda p: -shares.load[p]):
            least = shares.load[person] - 2
            if least < min(shares.load):
                break
            begin: dict[int, Step] = {task: (-1, person) for task in shares.given[person].values()}
            fits = [load <= least for load in shares.load]
            moved = _path(shares, begin, fits.__getitem__, dead)
            if moved:
                break


def _even(shares: Shares, random: Random) -> None:
    """Exchange tasks between people where that evens out conditions; loads stay as they are."""
    names = sorted({group for one in shares.tasks for group in one.groups})
    left, better = EXCHANGES, True
    people = list(range(len(shares.people)))
    while better and left > 0:
        better = False
        for group in names:
            random.shuffle(people)
            people.sort(key=lambda p: -shares.counts[p][group])
            for high, low in ((h, w) for h in people[:6] for w in people[:-7:-1]):
                if shares.counts[high][group] - shares.counts[low][group] < 2 or left <= 0:
                    continue
                tried, done = _exchange(shares, high, low, group)
                left -= tried
                better = better or done


def _exchange(shares: Shares, high: int, low: int, group: str) -> tuple[int, bool]:
    """Hand a task of a group from one person to another, for one of another group or for nothing;
    how many were tried, and whether one helped."""
    tried = 0
    for first in list(shares.given[high].values()):
        if group not in shares.tasks[first].groups or low in shares.takers[first]:
            continue
        if (
            shares.load[high] == shares.load[low] + 1
            and _saves(shares, high, low, first, None)
            and _fits(shares, low, first, None)
        ):
            shares.drop(high, first)
            shares.give(low, first)
            return tried + 1, True
        for second in list(shares.given[low].values()):
            tried += 1
            if (
                group in shares.tasks[second].groups
                or not _saves(shares, high, low, first, second)
                or not _fits(shares, high, second, first)
                or not _fits(shares, low, first, second)
            ):
                continue
            shares.drop(high, first)
            shares.drop(low, second)
            shares.give(high, second)
            shares.give(low, first)
            return tried, True
    return tried, False


def _fits(shares: Shares, person: int, task: int, instead: int | None) -> bool:
    """Whether a person may take a task, having given ``instead`` away."""
    held = shares.given[person].get(shares.tasks[task].unit)
    return (
        (held is None or held == instead)
        and person not in shares.takers[task]
        and shares.may(person, task)
    )


def _saves(shares: Shares, high: int, low: int, first: int, second: int | None) -> bool:
    """Whether the squares of the counts get less by an exchange."""
    change: Counter[str] = Counter(shares.tasks[first].groups)
    if second is not None:
        change.subtract(shares.tasks[second].groups)
    total = sum(
        2 * n * (shares.counts[low][g] - shares.counts[high][g]) + 2 * n * n
        for g, n in change.items()
    )
    return total < 0
