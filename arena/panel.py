"""A panel of judges: one decision from several verdicts, by a declared rule.

Pure functions. A decision is derived when it is read and never stored as a verdict: what each judge
said stays as it is. It is of one match under one listing of the options; over listings a panel's
decisions are averaged as one judge's verdicts are (`arena.ratings`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, fsum, isfinite, log
from statistics import median
from typing import Literal, NamedTuple, get_args

from arena.stats.scores import CLAMP, clamped, normalised
from arena.turns import Verdict

Rule = Literal["majority", "mean log-odds", "median"]
NO_PROBABILITIES = "no probabilities"
"""Why a member that decided has no part in a decision that is made of probabilities."""
_NEAR = 1e-9
"""Probabilities nearer to each other than this are a tie, so that rounding decides nothing."""


@dataclass(frozen=True, slots=True)
class PanelBlock:
    """``panel``: how judges decide together, and which of them by name; all unless it says so.

    - ``majority``: the option with the most votes. As many votes for another are a tie; a judge
      that could not tell has voted for a tie, which favours nobody.
    - ``mean log-odds``: the mean of the judges' log-odds, their probabilities held within
      [`CLAMP`, 1 - `CLAMP`] as scores hold them; of more than two options the mean of their
      log-probabilities, held alike and made to sum to 1.
    - ``median``: the median of the judges' probabilities of each option, made to sum to 1.
    """

    rule: Rule = "majority"
    judges: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rule not in get_args(Rule):
            known = ", ".join(map(repr, get_args(Rule)))
            raise ValueError(f"rule must be one of {known}, got {self.rule!r}")
        again = sorted(name for name, n in Counter(self.judges).items() if n > 1)
        if again:
            raise ValueError(f"judges must be named once each, got {again[0]!r} twice")


class Vote(NamedTuple):
    """What a member said: its choice (an option, None of a tie) and, if it has them, its
    probabilities ``p`` of all options. A status that is not ok or tie says why there is none."""

    choice: int | None
    p: tuple[float, ...] | None = None
    status: str = "ok"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a panel decided: an option, or a tie. ``status`` is ``missing`` where nobody voted.

    ``probabilities`` are None under the majority rule: votes are no probabilities. ``voted`` is how
    many members the decision is made of, ``missing`` how many it lacks, by the reason.
    """

    choice: int | None
    probabilities: tuple[float, ...] | None
    status: Literal["ok", "tie", "missing"]
    voted: int
    missing: Mapping[str, int] = field(default_factory=dict)


def vote(verdict: Verdict) -> Vote:
    """A verdict as a vote: elicited probabilities where there are some, else those of labels."""
    p = verdict.elicited
    if p is None and verdict.choice_logprobs is not None:
        p = normalised(verdict.choice_logprobs)
    return Vote(verdict.choice, p, verdict.status)


def decide(votes: Sequence[Vote | Verdict], rule: Rule, options: int) -> Decision:
    """What a panel decides by ``rule`` over so many options, one vote a member.

    Who gave no verdict, or no probabilities to a rule that is made of them, is missing and is
    counted; nothing is guessed for it. A rule reads choices or probabilities, and never both.
    Raises ValueError where what it reads is no option, or not a probability for each.
    """
    given = [vote(one) if isinstance(one, Verdict) else one for one in votes]
    missing = Counter(one.status for one in given if one.status not in ("ok", "tie"))
    decided = [one for one in given if one.status in ("ok", "tie")]
    if rule == "majority":
        return _majority(decided, options, missing)
    told = [_checked(one.p, options) for one in decided if one.p is not None]
    missing.update({NO_PROBABILITIES: len(decided) - len(told)})
    reasons = {why: n for why, n in sorted(missing.items()) if n}
    if not told:
        return Decision(None, None, "missing", 0, reasons)
    p = (_mean_log_odds if rule == "mean log-odds" else _median)(told)
    choice = _best(p)
    return Decision(choice, p, "tie" if choice is None else "ok", len(told), reasons)


def _checked(p: tuple[float, ...], options: int) -> tuple[float, ...]:
    if len(p) != options or not all(isfinite(x) and x >= 0 for x in p):
        raise ValueError(f"expected {options} probabilities, got {p}")
    if abs(fsum(p) - 1) > 1e-5:
        raise ValueError(f"expected probabilities that sum to 1, got a sum of {fsum(p):g}")
    return p


def _majority(decided: Sequence[Vote], options: int, missing: Mapping[str, int]) -> Decision:
    reasons = dict(sorted(missing.items()))
    if not decided:
        return Decision(None, None, "missing", 0, reasons)
    for_ = Counter(one.choice for one in decided if one.choice is not None)
    wrong = [choice for choice in for_ if not 0 <= choice < options]
    if wrong:
        raise ValueError(f"expected a choice from 0 to {options - 1}, got {wrong[0]}")
    most = max((for_[i] for i in range(options)), default=0)
    best = [i for i in range(options) if for_[i] == most]
    choice = best[0] if len(best) == 1 else None
    return Decision(choice, None, "tie" if choice is None else "ok", len(decided), reasons)


def _mean_log_odds(told: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """The mean of log-probabilities, made to sum to 1: of two options, of their log-odds."""
    logs = [fsum(log(clamped(x)) for x in of_one) / len(told) for of_one in zip(*told, strict=True)]
    return _shares([exp(one) for one in logs])


def _median(told: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """The median of each option; where all of them are 0, every option alike."""
    return _shares([median(of_one) for of_one in zip(*told, strict=True)])


def _shares(weights: Sequence[float]) -> tuple[float, ...]:
    total = fsum(weights)
    return tuple(one / total if total else 1 / len(weights) for one in weights)


def _best(p: Sequence[float]) -> int | None:
    """The likeliest option; None where several are."""
    best = [i for i, one in enumerate(p) if max(p) - one <= _NEAR]
    return best[0] if len(best) == 1 else None


__all__ = ["CLAMP", "Decision", "PanelBlock", "Rule", "Vote", "decide", "vote"]
