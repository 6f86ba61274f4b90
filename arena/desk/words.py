"""What a plan could not do as asked, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from arena.desk.balance import Task


def many(n: int, one: str, more: str) -> str:
    """A number with its noun."""
    return f"{n} {one if n == 1 else more}"


def shortfalls(
    tasks: Sequence[Task],
    has: Mapping[tuple[str, str], int],
    pairs: Sequence[tuple[str, Task]],
    people: Sequence[str],
    what: str,
    once: str,
    why: Callable[[str, Task], str],
) -> list[str]:
    """A line for every kind of shortfall: how many matches, how many people too few, and why.

    ``has`` is how many each task had before the plan. ``why`` says of a person without a task, in
    one word, what kept it from it.
    """
    reasons = {
        "excluded": "is excluded",
        "had": "has, or had, a place there",
        "seen": "has read about it as a researcher, debated it, or been told its answer",
        "read": f"has read about their {once} before, or is to debate it",
        "cap": "has all that the cap allows",
        "other": f"is given another debate about their {once}",
    }
    takers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for person, task in pairs:
        takers[task.key].add(person)
    found: Counter[tuple[int, int, tuple[str, ...]]] = Counter()
    for task in tasks:
        got = len(takers[task.key])
        if got < task.need:
            others = {why(p, task) for p in people if p not in takers[task.key]}
            words = tuple(word for word in reasons if word in others)
            found[has[task.key] + got, has[task.key] + task.need, words] += 1
    noun = ("judge", "judges") if what == "judging" else ("debater", "debaters")
    thing = ("match has", "matches have") if what == "judging" else ("chair has", "chairs have")
    lines = []
    for (got, wanted, words), n in sorted(found.items()):
        head = f"{many(n, *thing)} {many(got, *noun) if got else 'no ' + noun[0]}"
        if words:
            tail = "every other one " + ", or ".join(reasons[word] for word in words)
        else:
            tail = f"the plan is for {many(len(people), 'person', 'people')}"
        lines.append(f"{head} instead of {wanted}: {tail}.")
    return lines


def uneven(names: Mapping[str, str], loads: Mapping[str, int]) -> list[str]:
    """A line where loads differ by more than one: the plan is as even as it can be."""
    if not loads or max(loads.values()) - min(loads.values()) < 2:
        return []
    ranked = sorted(loads, key=lambda p: (loads[p], names[p]))
    least, most = ranked[0], ranked[-1]
    return [
        f"{names[least]} has {many(loads[least], 'debate', 'debates')} and {names[most]} "
        f"{loads[most]}: exclusions, caps and earlier plans allow no more even share."
    ]
