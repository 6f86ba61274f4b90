"""Controls: rules of reward that know more than a judge does, for checking the optimiser alone.

A reward rule reads a verdict and never the truth (`arena.rewards.RULES`). These read the truth, or
the grammar of the world that the truth was made with. They are kept apart: another module, names
that begin with ``control``, and every row says ``uses_truth``; `arena.credit` hands that on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from arena.batch import RewardRow
from arena.grow import Grown
from arena.match import Match, Transcript
from arena.monitors import true_option, worth
from arena.play import tip
from arena.rewards import stake, win
from arena.turns import Turn

Control = Callable[[Match, Transcript, Turn, str, int], float | None]
"""(match, its transcript, a judge's leaf on it, seat, true answer) -> what the seat is paid."""


def true_side(
    match: Match, transcript: Transcript, leaf: Turn, seat: str, truth: int
) -> float | None:
    """1 for the seat whose option is the right one, -1 for any other; whatever the judge said."""
    right, paid = true_option(match, transcript, truth), stake(match, seat, transcript)
    if right is None or paid is None:
        return None
    return 1.0 if paid == right else -1.0


def right_verdict(
    match: Match, transcript: Transcript, leaf: Turn, seat: str, truth: int
) -> float | None:
    """1 to every seat where the judge is right, -1 where it is wrong, 0 for a tie."""
    right = true_option(match, transcript, truth)
    return None if right is None else win(leaf.verdict, right)


def relevant_quote(
    match: Match, transcript: Transcript, leaf: Turn, seat: str, truth: int
) -> float | None:
    """The share of the seat's speeches that hold a relevant quotation (witness worlds alone)."""
    found = [
        worth(match, transcript, turn)
        for turn in transcript
        if turn.seat == seat and not turn.is_leaf and turn.origin == "sampled"
    ]
    if not found or None in found:
        return None
    return sum(any(one[0]) for one in found if one is not None) / len(found)


CONTROLS: dict[str, Control] = {
    "control: true side": true_side,
    "control: right verdict": right_verdict,
    "control: relevant quote": relevant_quote,
}
"""The controls by name; no name is that of a rule."""


def control_rows(grown: Grown, judge: str, rule: str, truths: Mapping[str, int]) -> list[RewardRow]:
    """The rows of a control, one for each speaking seat at each verdict of ``judge`` on a tree.

    ``truths`` maps question ids to true answers. Raises ValueError for a rule that is no control
    and for a question whose truth is not known.
    """
    if rule not in CONTROLS:
        raise ValueError(f"control must be one of {sorted(CONTROLS)}, got {rule!r}")
    match = grown.match
    if match.question.id not in truths:
        raise ValueError(f"{rule}: the truth of question {match.question.id} is not known")
    truth = truths[match.question.id]
    by_end: dict[str, Transcript] = {tip(match, one): one for one in grown.paths}
    return [
        RewardRow(
            match.id, leaf.id, seat, judge, rule, "truth",
            CONTROLS[rule](match, by_end[leaf.parent], leaf, seat, truth), True,
        )
        for leaf in grown.turns
        if leaf.kind == "verdict" and leaf.author == judge
        for seat in match.protocol.speakers
    ]  # fmt: skip
