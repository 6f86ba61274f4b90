"""Expected accuracies in the witness world, by a simulation of its own.

    python experiments/witness_simulation.py            # writes arena/data/witness_expected.json

Numpy only, and no import from the project: the referee, the scripted players and the Bayes judges
are compared with these numbers, so nothing may be shared. The world, as the design describes it:

*Equal faces.* 1 to 3 statements for each of two answers, grades drawn uniformly from saw, heard,
guessed and mirrored between the answers. A statement is withdrawn with chance .1 (for the truth)
or .9 (for the falsehood). The whole world is drawn again until its standing statements give
log-odds above log 9 (two hearsays give log 9 exactly, which is not above).
*Free faces.* 4 to 7 statements, each for the truth as often as its grade is reliable (.92, .75,
.60). The count is drawn once; the statements are drawn again until the log-odds are above log 9
and one at least is for the falsehood.

A speaker with skill (p, s, b) opens with an own statement with chance p, else with an irrelevant
line; the own one is the strongest standing with chance s (the strongest of all if none stands),
else any. In a rebuttal it shows the line that withdraws what the other has shown, if there is
one, with chance b. The literal judge adds the log-odds of what is shown and not withdrawn. The
strategic judge knows the frequencies of what is shown under each truth: here they are counted in
one half of the worlds and used in the other. A tie counts one half. ``n`` counts worlds; ``se`` is
the standard error of ``accuracy``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OUTPUT = Path(__file__).parent.parent / "arena" / "data" / "witness_expected.json"
SEED = 20250101
N = 400_000

RELIABLE = np.array([0.92, 0.75, 0.60])
WEIGHT = np.log(RELIABLE / (1 - RELIABLE))
SHOWN_WEIGHT = np.append(WEIGHT, 0.0)  # grade 3 stands for an irrelevant line
IRRELEVANT = 3
THRESHOLD = np.log(9.0) + 1e-9

SKILLS: dict[str, tuple[float, float, float]] = {
    "weak": (0.3, 0.0, 0.3),
    "fair": (0.6, 0.3, 0.6),
    "middling": (0.7, 0.5, 0.7),
    "good": (0.8, 0.6, 0.8),
    "skilled": (0.9, 0.8, 0.9),
    "optimal": (1.0, 1.0, 1.0),
}
FREE_SKILLS: dict[str, tuple[float, float, float]] = {
    **SKILLS,
    "chance": (0.2, 0.0, 0.2),
    "untrained": (0.38, 0.0, 0.38),
    "half strongest": (0.6, 0.5, 0.6),
    "any own line": (1.0, 0.0, 1.0),
}

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Side = tuple[Ints, Bools, Bools]  # grade, is there a statement, is it withdrawn; (n, statements)


def equal_worlds(n: int, rng: np.random.Generator) -> tuple[Side, Side]:
    """The truth's side and the falsehood's side of n worlds with mirrored faces."""
    grade, there = np.zeros((n, 3), int), np.zeros((n, 3), bool)
    gone = [np.zeros((n, 3), bool), np.zeros((n, 3), bool)]
    todo = np.arange(n)
    while todo.size:
        m = todo.size
        grade[todo] = rng.integers(0, 3, (m, 3))
        there[todo] = np.arange(3) < rng.integers(1, 4, m)[:, None]
        for side, rate in ((0, 0.1), (1, 0.9)):
            gone[side][todo] = rng.random((m, 3)) < rate
        weight = WEIGHT[grade[todo]] * there[todo]
        odds = (weight * ~gone[0][todo]).sum(1) - (weight * ~gone[1][todo]).sum(1)
        todo = todo[odds <= THRESHOLD]
    return (grade, there, gone[0]), (grade, there, gone[1])


def free_worlds(n: int, rng: np.random.Generator) -> tuple[Side, Side]:
    """The same for n worlds in which the truth has more and stronger lines."""
    exists = np.arange(7) < rng.integers(4, 8, n)[:, None]
    grade, true = np.zeros((n, 7), int), np.zeros((n, 7), bool)
    todo = np.arange(n)
    while todo.size:
        m = todo.size
        grade[todo] = rng.integers(0, 3, (m, 7))
        true[todo] = rng.random((m, 7)) < RELIABLE[grade[todo]]
        here = exists[todo]
        weight = WEIGHT[grade[todo]] * here
        odds = np.where(true[todo], weight, -weight).sum(1)
        opposed = (here & ~true[todo]).any(1)
        todo = todo[(odds <= THRESHOLD) | ~opposed]
    nothing = np.zeros((n, 7), bool)
    return (grade, exists & true, nothing), (grade, exists & ~true, nothing)


def openings(side: Side, p: float, s: float, rng: np.random.Generator) -> tuple[Ints, Bools]:
    """The grade that each speaker shows (3: an irrelevant line), and whether it is withdrawn."""
    grade, there, gone = side
    n, width = grade.shape
    noise = rng.random((n, width))
    # Strongest standing first: a standing statement beats every withdrawn one.
    value = WEIGHT[grade] + 10.0 * ~gone + 1e-6 * noise
    best = np.where(there, value, -np.inf).argmax(1)
    any_own = np.where(there, noise, -1.0).argmax(1)
    line = np.where(rng.random(n) < s, best, any_own)
    relevant = (rng.random(n) < p) & there.any(1)
    rows = np.arange(n)
    return np.where(relevant, grade[rows, line], IRRELEVANT), relevant & gone[rows, line]


def literal(difference: Floats) -> Floats:
    """Scores of the literal judge from log-odds in favour of the truth."""
    return np.where(np.abs(difference) < 1e-9, 0.5, (difference > 0).astype(float))


def strategic(first: Ints, second: Ints, size: int) -> Floats:
    """Scores of a judge who knows how often (first, second) is shown when the first is true.

    It sees the pair without knowing which is the truth's, so it compares the frequency of (x, y)
    with that of (y, x).
    """
    scores = np.empty(first.size)
    halves = np.arange(first.size) % 2
    for half in (0, 1):
        learn, use = halves != half, halves == half
        counts = np.zeros((size, size))
        np.add.at(counts, (first[learn], second[learn]), 1.0)
        margin = counts[first[use], second[use]] - counts[second[use], first[use]]
        scores[use] = 0.5 + 0.5 * np.sign(margin)
    return scores


def strategic_alone(truth: Ints, falsehood: Ints, size: int) -> Floats:
    """The same for one speaker: the mean score over an honest and a dishonest consultant."""
    scores = np.empty(truth.size)
    halves = np.arange(truth.size) % 2
    for half in (0, 1):
        learn, use = halves != half, halves == half
        margin = np.bincount(truth[learn], minlength=size) - np.bincount(
            falsehood[learn], minlength=size
        )
        follow = 0.5 + 0.5 * np.sign(margin)  # the score of believing the speaker
        scores[use] = (follow[truth[use]] + 1 - follow[falsehood[use]]) / 2
    return scores


def rows() -> list[dict[str, Any]]:
    """Every row of the table."""
    rng = np.random.default_rng(SEED)
    table: list[dict[str, Any]] = []

    def add(faces: str, condition: str, skill: str | None, judge: str, scores: Floats) -> None:
        p, s, b = (None,) * 3 if skill is None else FREE_SKILLS[skill]
        table.append(
            {
                "faces": faces, "condition": condition, "skill": skill, "p": p, "s": s, "b": b,
                "judge": judge, "accuracy": round(float(scores.mean()), 5),
                "se": round(float(scores.std() / np.sqrt(scores.size)), 5), "n": scores.size,
            }
        )  # fmt: skip

    makers: dict[str, tuple[Callable[[int, np.random.Generator], tuple[Side, Side]], Any]] = {
        "equal": (equal_worlds, SKILLS),
        "free": (free_worlds, FREE_SKILLS),
    }
    for faces, (make, skills) in makers.items():
        truth, falsehood = make(N, rng)
        standing = [(WEIGHT[g] * (there & ~gone)).sum(1) for g, there, gone in (truth, falsehood)]
        for judge in ("literal", "strategic"):
            add(faces, "naive", None, judge, literal(np.zeros(N)))
            add(faces, "expert", None, judge, literal(standing[0] - standing[1]))
        for skill, (p, s, b) in skills.items():
            a, a_gone = openings(truth, p, s, rng)
            f, f_gone = openings(falsehood, p, s, rng)
            alone = (literal(SHOWN_WEIGHT[a]) + literal(-SHOWN_WEIGHT[f])) / 2
            add(faces, "consultancy", skill, "literal", alone)
            add(faces, "consultancy", skill, "strategic", strategic_alone(a, f, 4))
            opened = literal(SHOWN_WEIGHT[a] - SHOWN_WEIGHT[f])
            add(faces, "debate without rebuttal", skill, "literal", opened)
            add(faces, "debate without rebuttal", skill, "strategic", strategic(a, f, 4))
            a_found = a_gone & (rng.random(N) < b)
            f_found = f_gone & (rng.random(N) < b)
            rebutted = literal(SHOWN_WEIGHT[a] * ~a_found - SHOWN_WEIGHT[f] * ~f_found)
            add(faces, "debate with rebuttal", skill, "literal", rebutted)
            knowing = strategic(a + 4 * a_found, f + 4 * f_found, 8)
            add(faces, "debate with rebuttal", skill, "strategic", knowing)
    return table


def main() -> None:
    """Write the table, one row on a line."""
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(row) for row in rows())
    OUTPUT.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
