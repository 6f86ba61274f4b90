"""In which order and which listing people are given their debates: the rest of a plan's arithmetic.

Nothing here depends on anything but the arguments and the seed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from random import Random


def listings(
    edges: Sequence[tuple[str, str]], seed: int, before: Mapping[str, int] | None = None
) -> list[int]:
    """For each pair of a person and a debate, 0 (listed as ever) or 1 (reversed).

    At every person and every debate the two differ by at most one. ``before`` is, for a person or a
    debate, by how many its earlier listings have more of 0 than of 1: new readers of such a debate
    first make up for that, and people are evened out as far as single changes can.
    """
    more = Counter(before or {})
    chosen: dict[int, int] = {}
    for n, (person, match) in enumerate(edges):
        if more[match]:
            chosen[n] = int(more[match] > 0)
            for end in (person, match):
                more[end] += 1 - 2 * chosen[n]
    free = [n for n in range(len(edges)) if n not in chosen]
    chosen |= zip(free, _halves([edges[n] for n in free], seed), strict=True)
    return _settled(edges, [chosen[n] for n in range(len(edges))], before or {})


def _halves(edges: Sequence[tuple[str, str]], seed: int) -> list[int]:
    """The exact half of `listings`, where nothing was there before.

    A graph of people and debates has no odd cycle, so it falls into closed trails (with a helper on
    either side for odd degrees), and a trail enters a vertex as often as it leaves it.
    """
    random = Random(seed)
    ends: dict[tuple[int, str], list[int]] = defaultdict(list)  # a side and a name -> its edges
    lines = [((0, person), (1, match)) for person, match in edges]
    for n, line in enumerate(lines):
        for end in line:
            ends[end].append(n)
    odd = sorted(end for end, found in ends.items() if len(found) % 2)
    helpers = [((0, ""), end) if end[0] else (end, (1, "")) for end in odd]
    if sum(end[0] for end in odd) % 2:
        helpers.append(((0, ""), (1, "")))
    for n, line in enumerate(helpers, start=len(lines)):
        for end in line:
            ends[end].append(n)
    lines += helpers
    chosen: list[int | None] = [None] * len(lines)
    for found in ends.values():
        random.shuffle(found)
    starts = sorted(ends)
    random.shuffle(starts)
    for start in starts:
        at = start
        while True:
            while ends[at] and chosen[ends[at][-1]] is not None:
                ends[at].pop()
            if not ends[at]:
                if at == start:
                    break
                raise AssertionError("unreachable: every vertex has an even degree")
            n = ends[at].pop()
            chosen[n] = at[0]  # from a person to a debate, or back
            at = lines[n][1 - at[0]]
    return [int(one or 0) for one in chosen[: len(edges)]]


def _settled(
    edges: Sequence[tuple[str, str]], chosen: list[int], before: Mapping[str, int]
) -> list[int]:
    """The choices with those changed that make up for what was there before."""
    more = Counter(before)
    for (person, match), one in zip(edges, chosen, strict=True):
        more[person] += 1 - 2 * one
        more[match] += 1 - 2 * one
    better = True
    while better:
        better = False
        for n, (person, match) in enumerate(edges):
            sign = 1 - 2 * chosen[n]
            if sign * (more[person] + more[match]) > 2:  # the sum of squares gets less
                chosen[n] = 1 - chosen[n]
                more[person] -= 2 * sign
                more[match] -= 2 * sign
                better = True
    return chosen


def spread(stories: Sequence[str], seed: int) -> list[int]:
    """An order of items in which equal stories are far apart, drawn at random.

    Each story's items are thrown over the whole length, one to a stretch; two of one story stand
    side by side only where there is no other way.
    """
    random = Random(seed)
    places: dict[str, list[int]] = defaultdict(list)
    for n, story in enumerate(stories):
        places[story].append(n)
    keyed = []
    for members in places.values():
        random.shuffle(members)
        keyed += [((i + random.random()) / len(members), n) for i, n in enumerate(members)]
    waiting = [n for _, n in sorted(keyed)]
    left = Counter(stories)
    order: list[int] = []
    last: str | None = None
    while waiting:
        story = max(left, key=left.__getitem__)
        must = story if story != last and 2 * left[story] > len(waiting) else None
        at = next(
            (i for i, n in enumerate(waiting)
             if stories[n] != last and must in (None, stories[n])), 0
        )  # fmt: skip
        n = waiting.pop(at)
        order.append(n)
        last = stories[n]
        left[stories[n]] -= 1
    return order


def twice(
    length: int, able: Sequence[int], wanted: int, distance: int, seed: int
) -> list[tuple[int, bool]]:
    """The places 0 to ``length`` - 1 in order, with some of them a second time (True).

    ``able`` are the places that may come again; at least ``distance`` others lie between. As many
    as there is room for, up to ``wanted``.
    """
    random = Random(seed)
    order = [(n, False) for n in range(length)]
    early = [n for n in able if n + 1 + distance <= length]
    random.shuffle(early)
    for n in sorted(early[:wanted]):
        first = order.index((n, False)) + 1 + distance
        order.insert(random.randint(first, len(order)), (n, True))
    return order
