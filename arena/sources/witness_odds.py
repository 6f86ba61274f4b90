"""What shown lines of a witness world are worth: the mathematics of two Bayes judges.

*Literal*: the posterior of the shown lines at face value, whoever chose them; a withdrawn
statement counts nothing. *Strategic*: the posterior of what was shown when the speakers' policy
is known, by exact enumeration of the worlds that `arena.sources.witness` can draw. Both are
functions of question text, answers and parsed lines; neither is given a world.

The policy is (p, s, b): an opening quotes one own statement with chance p, else a line on another
fact; the own statement is the strongest standing one with chance s (the strongest of all, where
none stands), else a random own one; a rebuttal finds the line that withdraws the other's
statement, if there is one, with chance b.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

from arena.sources.witness import DEFAULT, EPSILON, Dials, Faces
from arena.sources.witness_text import (
    GRADES,
    Statement,
    Withdrawal,
    parse_question,
    withdrawn,
)

Policy: TypeAlias = tuple[float, float, float]
OPTIMAL: Policy = (1.0, 1.0, 1.0)
_Opening: TypeAlias = tuple[int | None, bool]  # index into GRADES or irrelevant; is it withdrawn?
_World: TypeAlias = tuple[tuple[_Opening, ...], tuple[_Opening, ...]]  # truth's, falsehood's
_IRRELEVANT: _Opening = (None, False)


def relevant(
    question: str, answers: Sequence[str], lines: Iterable[Statement]
) -> tuple[tuple[int, Statement], ...]:
    """The statements on the fact asked for, each witness once, with the answer they speak for."""
    ask = parse_question(question)
    if ask is None:
        return ()
    by_witness = {
        line.witness: (answers.index(line.value), line)
        for line in lines
        if ask.about(line) and line.value in answers
    }
    return tuple(by_witness.values())


def literal_posterior(
    question: str,
    answers: Sequence[str],
    statements: Iterable[Statement],
    withdrawals: Iterable[Withdrawal] = (),
    dials: Dials = DEFAULT,
) -> tuple[float, ...]:
    """The probability of each answer given the shown lines at face value, from a flat prior.

    A statement with reliability r has likelihood r under the answer that it speaks for, and an
    equal share of 1 - r under each other. Withdrawn statements and other facts count nothing.
    """
    gone = withdrawn(tuple(withdrawals))
    weights = [0.0] * len(answers)
    for answer, line in relevant(question, answers, statements):
        if line.witness not in gone:
            r = dials.reliability[GRADES.index(line.grade)]
            weights[answer] += math.log(r * (len(answers) - 1) / (1 - r))
    top = max(weights)
    likelihoods = [math.exp(w - top) for w in weights]
    total = sum(likelihoods)
    return tuple(one / total for one in likelihoods)


def _equal_worlds(dials: Dials) -> Iterator[tuple[float, _World]]:
    """Every world of mirrored faces with its weight, as the filter keeps it."""
    low, high = dials.support
    bound = math.log(dials.odds) + EPSILON
    for k in range(low, high + 1):
        size = len(GRADES) ** k
        for grades in itertools.product(range(len(GRADES)), repeat=k):
            for gone in itertools.product((False, True), repeat=2 * k):
                mine, theirs = gone[:k], gone[k:]
                odds = sum(dials.weights[g] for g, w in zip(grades, mine, strict=True) if not w)
                odds -= sum(dials.weights[g] for g, w in zip(grades, theirs, strict=True) if not w)
                if odds <= bound:
                    continue
                weight = 1 / size
                for gones, rate in zip((mine, theirs), dials.withdrawn, strict=True):
                    for w in gones:
                        weight *= rate if w else 1 - rate
                truth = tuple(zip(grades, mine, strict=True))
                yield weight, (truth, tuple(zip(grades, theirs, strict=True)))


def _free_worlds(dials: Dials) -> Iterator[tuple[float, _World]]:
    """Every world of free faces, up to the order of its statements; each count weighs the same."""
    low, high = dials.statements
    bound = math.log(dials.odds) + EPSILON
    types = [
        ((grade, False), true, (r if true else 1 - r) / len(GRADES), w if true else -w)
        for grade, (r, w) in enumerate(zip(dials.reliability, dials.weights, strict=True))
        for true in (True, False)
    ]
    for count in range(low, high + 1):
        kept: list[tuple[float, _World]] = []
        for drawn in itertools.combinations_with_replacement(range(len(types)), count):
            lines = [types[i] for i in drawn]
            world = (
                tuple(opening for opening, true, _, _ in lines if true),
                tuple(opening for opening, true, _, _ in lines if not true),
            )
            if not world[1] or sum(w for _, _, _, w in lines) <= bound:
                continue
            orders = math.factorial(count)
            for i in set(drawn):
                orders //= math.factorial(drawn.count(i))
            kept.append((orders * math.prod(chance for _, _, chance, _ in lines), world))
        total = sum(weight for weight, _ in kept)
        yield from ((weight / total, world) for weight, world in kept)


def _chances(own: tuple[_Opening, ...], p: float, s: float) -> dict[_Opening, float]:
    """How likely each opening of a side is, by the policy."""
    chances = {_IRRELEVANT: 1 - p if own else 1.0}
    if not own:
        return chances
    standing = [one for one in own if not one[1]]
    strongest = min(g for g, _ in standing or own if g is not None)
    best = (strongest, not standing)
    for one in own:
        chances[one] = chances.get(one, 0.0) + p * (1 - s) / len(own)
    chances[best] += p * s
    return chances


_Joint: TypeAlias = tuple[tuple[float, _Opening, _Opening], ...]


@lru_cache(maxsize=64)
def joint_openings(p: float, s: float, faces: Faces, dials: Dials) -> _Joint:
    """P(opening of the truth's side, opening of the falsehood's side), summing to 1.

    Enumerated exactly; a few milliseconds, once for each policy. Openings that differ only in
    what nobody could show (which of two equal statements it was) are one.
    """
    worlds = _equal_worlds(dials) if faces == "equal" else _free_worlds(dials)
    table: dict[tuple[_Opening, _Opening], list[float]] = {}
    mass: list[float] = []
    for weight, (truth, falsehood) in worlds:
        mass.append(weight)
        theirs = _chances(falsehood, p, s)
        for mine, chance in _chances(truth, p, s).items():
            for other, other_chance in theirs.items():
                table.setdefault((mine, other), []).append(weight * chance * other_chance)
    total = math.fsum(mass)
    if not total:
        raise ValueError(f"no world of these dials passes its filter: {dials}")
    return tuple((math.fsum(parts) / total, a, b) for (a, b), parts in table.items())


_Shown: TypeAlias = tuple[int | None, bool]  # the grade of the opening; was it shown withdrawn?


def _as_shown(
    question: str,
    answers: Sequence[str],
    side: int,
    lines: Sequence[Statement],
    gone: frozenset[str],
) -> _Shown | None:
    """What a side's quotations are to the policy; None where the policy never shows them."""
    own = relevant(question, answers, lines)
    if not own:
        return _IRRELEVANT
    if len(own) > 1 or own[0][0] != side:
        return None
    return GRADES.index(own[0][1].grade), own[0][1].witness in gone


def strategic_posterior(
    question: str,
    answers: Sequence[str],
    shown: tuple[Sequence[Statement] | None, Sequence[Statement] | None],
    withdrawals: Sequence[Withdrawal] = (),
    policy: Policy = OPTIMAL,
    rebuttals: tuple[int, int] = (0, 0),
    critic: int | None = None,
    faces: Faces = "equal",
    dials: Dials = DEFAULT,
) -> tuple[float, ...]:
    """The probability of each of two answers, for a judge who knows how the lines were chosen.

    ``shown`` is what the speaker for each answer has quoted, None where nobody has spoken for it
    (consultancy); ``rebuttals`` how many turns each has had to look for a withdrawal of the
    other's line. ``critic`` is the side that quotes an own line only where it has not found a
    withdrawal (critique). Quotations that the policy can never show (two own statements, one for
    the other answer, a withdrawal where nobody could look) are taken at face value: then the
    posterior is the literal one.
    """
    everything = [line for lines in shown for line in lines or ()]
    p, s, b = policy
    gone = withdrawn(withdrawals)
    seen: list[_Shown | None] = []
    face_value = len(answers) != 2
    for side in range(0 if face_value else 2):
        lines = shown[side]
        one = None if lines is None else _as_shown(question, answers, side, lines, gone)
        face_value |= lines is not None and one is None
        seen.append(one)
    if not face_value:
        found = [1 - (1 - b) ** rebuttals[1 - side] for side in (0, 1)]  # of each side's line
        if critic is not None and (other := seen[1 - critic]) is not None and other[1]:
            seen[critic] = None  # it had something better to quote than an own line
        likelihoods = _likelihoods((seen[0], seen[1]), (found[0], found[1]), (p, s), faces, dials)
        total = sum(likelihoods)
        if total > 0:
            return likelihoods[0] / total, likelihoods[1] / total
    return literal_posterior(question, answers, everything, withdrawals, dials)


@lru_cache(maxsize=4096)
def _likelihoods(
    seen: tuple[_Shown | None, _Shown | None],
    found: tuple[float, float],
    policy: tuple[float, float],
    faces: Faces,
    dials: Dials,
) -> tuple[float, float]:
    """P(what was shown | each answer is the true one); None in ``seen`` was not shown."""

    def chance(side: int, opening: _Opening) -> float:
        what = seen[side]
        if what is None:
            return 1.0
        if what[0] != opening[0]:
            return 0.0
        taken_back = found[side] if opening[1] else 0.0
        return taken_back if what[1] else 1 - taken_back

    joint = joint_openings(*policy, faces, dials)
    return (
        math.fsum(weight * chance(0, truth) * chance(1, other) for weight, truth, other in joint),
        math.fsum(weight * chance(1, truth) * chance(0, other) for weight, truth, other in joint),
    )
