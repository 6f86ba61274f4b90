"""Verdicts as reward: pure functions from a verdict to what each seat is paid.

No function here takes the truth: a policy is paid for convincing, and whether that is the same as
being right is what the reports measure. A missing verdict pays nothing (None), which is not 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp, log
from typing import Literal

from arena.batch import RewardRow
from arena.match import Match
from arena.turns import Turn, TurnTree, Verdict

Quantity = Literal["choice", "elicited", "choice_logprobs"]
CLAMP = 0.01
"""Probabilities are held within [CLAMP, 1 - CLAMP] before a logarithm is taken."""


def probabilities(verdict: Verdict, quantity: Quantity) -> tuple[float, ...] | None:
    """The judge's probability of each option, read from one named quantity; None if not obtained.

    ``choice_logprobs`` are normalised over the options. A choice alone gives no probabilities.
    """
    if verdict.status not in ("ok", "tie"):
        return None
    if quantity == "elicited":
        return verdict.elicited
    if quantity == "choice_logprobs" and verdict.choice_logprobs is not None:
        top = max(verdict.choice_logprobs)
        weights = [exp(value - top) for value in verdict.choice_logprobs]
        return tuple(weight / sum(weights) for weight in weights)
    return None


def log_odds(verdict: Verdict, option: int, quantity: Quantity) -> float | None:
    """Natural log-odds of ``option`` (clamped): zero-sum between two seats of two options."""
    p = probabilities(verdict, quantity)
    if p is None:
        return None
    own = min(max(p[option], CLAMP), 1 - CLAMP)
    return log(own) - log(1 - own)


def probability(verdict: Verdict, option: int, quantity: Quantity) -> float | None:
    """``2 p - 1`` for the probability of ``option``, in [-1, 1]: zero-sum for two options."""
    p = probabilities(verdict, quantity)
    return None if p is None else 2 * p[option] - 1


def win(verdict: Verdict, option: int, quantity: Quantity = "choice") -> float | None:
    """1 for the chosen option, -1 for any other, 0 in a tie."""
    if verdict.status == "tie":
        return 0.0
    if verdict.status != "ok" or verdict.choice is None:
        return None
    return 1.0 if verdict.choice == option else -1.0


Rule = Callable[[Verdict, int, Quantity], float | None]
RULES: dict[str, Rule] = {"log-odds": log_odds, "probability": probability, "win": win}
"""The zero-sum rules by name. None reads the truth."""


def stake(match: Match, seat: str, transcript: tuple[Turn, ...] = ()) -> int | None:
    """The option that a seat is paid for: its side, or the one its first speech chose.

    Where the verdict is right or wrong, a proposer is paid for right and a critic for wrong,
    whichever answer is on trial: what one is paid, the other pays.
    """
    side = match.side(seat)
    if side is not None:
        return side
    if match.protocol.options != "answers":
        return {"proposer": 0, "critic": 1}.get(match.protocol.role(seat))
    chosen = [
        t.speech.side
        for t in transcript
        if t.seat == seat and not t.is_leaf and t.origin != "candidate"
    ]
    return next((one for one in chosen if one is not None), None)


def reward_rows(
    match: Match,
    leaf: Turn,
    transcript: tuple[Turn, ...] = (),
    rules: tuple[str, ...] = ("log-odds", "win"),
) -> list[RewardRow]:
    """The reward rows of one verdict: every speaking seat under every rule.

    The quantity read is the elicited probability where there is one, else the log-probabilities;
    it is named in the row. The judge is named by its participant id, the hash of its record: that
    covers the digest and version of its weights and adapter, so another version is another judge.
    """
    verdict = leaf.verdict
    numbers: Quantity = "choice_logprobs" if verdict.elicited is None else "elicited"
    rows = []
    for seat in match.protocol.speakers:
        option = stake(match, seat, transcript)
        if option is None:
            continue
        for rule in rules:
            quantity: Quantity = "choice" if rule == "win" else numbers
            value = RULES[rule](verdict, option, quantity)
            rows.append(RewardRow(match.id, leaf.id, seat, leaf.author, rule, quantity, value))
    return rows


def node_values(tree: TurnTree, leaf_reward: Mapping[str, float | None]) -> dict[str, float | None]:
    """The value of every turn: a verdict leaf's reward, else the plain mean over sampled children.

    ``leaf_reward`` maps the ids of verdict leaves to one seat's reward under one judge and rule;
    leaves that it lacks (other judges') and leaves worth None count as missing, not as 0. Forks,
    candidates and imported turns never enter. A node with no valued child is None.
    """
    values: dict[str, float | None] = {}
    for _, turn in reversed(list(tree.depth_first())):
        if turn.is_leaf:
            values[turn.id] = leaf_reward.get(turn.id)
            continue
        below = [
            values[child.id]
            for child in tree.children(turn.id)
            if child.is_leaf or child.origin == "sampled"
        ]
        known = [value for value in below if value is not None]
        values[turn.id] = sum(known) / len(known) if known else None
    return values


def speech_credit(tree: TurnTree, values: Mapping[str, float | None]) -> dict[str, float]:
    """The credit of a speech: the mean value of the sampled turns that carry it, by speech id."""
    by_speech: dict[str, list[float]] = {}
    for turn in tree:
        value = values.get(turn.id)
        if not turn.is_leaf and turn.origin == "sampled" and value is not None:
            by_speech.setdefault(turn.speech.id, []).append(value)
    return {speech: sum(found) / len(found) for speech, found in by_speech.items()}
