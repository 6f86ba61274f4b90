"""What a person's answers come to: a belief or a verdict over the options as they were listed."""

from __future__ import annotations

from collections.abc import Sequence

from arena.desk.chairs import PersonError, written
from arena.turns import Verdict

TIE = "Tie"
"""What a person who is undecided gives as the winner."""


def read_verdict(
    labels: Sequence[str],
    winner: str,
    probability: float | Sequence[float] | None,
    reason: str,
    tie: bool = True,
    needs_reason: bool = True,
) -> Verdict:
    """A person's answers as a verdict over options as they were listed.

    ``probability`` is that of the winner, from .5 to 1, where there are two options; with more
    it is one number for each listed option. ``tie`` and ``needs_reason``: what the study allows and
    asks. Raises PersonError saying what is missing or odd.
    """
    undecided = winner == TIE
    if (undecided and not tie) or (not undecided and winner not in labels):
        raise PersonError(f"Choose one of the answers{', or Tie' if tie else ''}.")
    if isinstance(probability, Sequence):
        numbers = tuple(float(p) for p in probability)
        fits = len(numbers) == len(labels) and all(0 <= p <= 1 for p in numbers)
        if not fits or abs(sum(numbers) - 1) > 1e-6:
            raise PersonError("Give every answer a probability; together they make 100 %.")
    elif len(labels) != 2:
        raise PersonError("With more than two answers, give each one its own probability.")
    elif undecided:
        if probability not in (None, 0.5):
            raise PersonError("Undecided means 50 %: leave the probability empty, or choose one.")
        numbers = (0.5, 0.5)
    else:
        if probability is None:
            raise PersonError("Say how sure you are, from 51 to 100 %.")
        if not 0.5 < probability <= 1:
            raise PersonError("The probability of the answer you chose is above 50, up to 100 %.")
        first = labels.index(winner) == 0
        numbers = (probability, 1 - probability) if first else (1 - probability, probability)
    ahead = [label for label, p in zip(labels, numbers, strict=True) if p == max(numbers)]
    if undecided and len(ahead) == 1:
        raise PersonError("One answer has the highest probability: choose it, or make them equal.")
    if not undecided and ahead != [winner]:
        raise PersonError("The answer that you choose needs the highest probability.")
    if needs_reason and not reason.strip():
        raise PersonError("Give a reason, in a sentence or two.")
    reason = written(reason, "A reason", needed=False)
    choice = None if undecided else labels.index(winner)
    return Verdict(choice, numbers, reason=reason, status="tie" if undecided else "ok")


def read_belief(count: int, probability: float | Sequence[float] | None, reason: str) -> Verdict:
    """A person's probabilities over ``count`` options as a belief; equal ones at the top are a tie.
    Raises PersonError saying what is missing or odd."""
    if probability is None:
        raise PersonError("Say how likely you find the answers before you read on.")
    if isinstance(probability, Sequence):
        numbers = tuple(float(one) for one in probability)
    elif count != 2:
        raise PersonError("With more than two answers, give each one its own probability.")
    else:
        numbers = (float(probability), 1 - float(probability))
    fits = len(numbers) == count and all(0 <= one <= 1 for one in numbers)
    if not fits or abs(sum(numbers) - 1) > 1e-6:
        raise PersonError("Every answer has a probability; together they make 100 %.")
    top = [i for i, one in enumerate(numbers) if one == max(numbers)]
    if len(top) > 1:
        return Verdict(None, numbers, reason=reason, status="tie")
    return Verdict(top[0], numbers, reason=reason)
