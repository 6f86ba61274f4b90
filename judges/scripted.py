"""Scripted judges with known behaviour: the controls that every measurement is checked against."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from arena.flow import Flow, ask
from arena.match import View
from arena.turns import Speech, Verdict


class _Silent:
    """A judge that has nothing to ask, in protocols that let it."""

    def speak(self, view: View) -> Flow[Speech]:
        """An empty public turn."""
        yield from ask()
        return Speech("")


def _verdict(p: tuple[float, ...], reason: str) -> Verdict:
    """A verdict for the likeliest option as it is listed; a tie where several are."""
    best = [i for i, value in enumerate(p) if value == max(p)]
    if len(best) > 1:
        return Verdict(elicited=p, status="tie", reason=reason)
    return Verdict(choice=best[0], elicited=p, reason=reason)


class Oracle(_Silent):
    """Knows the truth: the ceiling of judge accuracy, and a check of the whole pipeline.

    ``truths`` maps question ids to true answers. A labelled control: its participant record says
    that it reads the truth, and no reward rule may use it unlabelled. Where the verdict is over
    right and wrong, the answer on trial is the one that the first answering turn names.
    """

    def __init__(self, truths: Mapping[str, int]) -> None:
        self._truths = truths
        self.record: Mapping[str, object] = {
            "kind": "scripted", "name": "oracle", "revision": 1, "uses_truth": True,
        }  # fmt: skip

    def decide(self, view: View) -> Flow[Verdict]:
        """Certainty in the true option; a tie where the truth is not known."""
        yield from ask()
        n = len(view.options)
        truth = self._truths.get(view.question_id)
        if truth is None:
            return _verdict((1 / n,) * n, "the truth is not known")
        if len(view.answers) == n and {o.label for o in view.answers} == {
            o.label for o in view.options
        }:
            option = truth
        else:
            on_trial = next((t.side for t in view.turns if t.side is not None), None)
            if on_trial is None:
                return _verdict((1 / n,) * n, "no answer is on trial")
            option = 0 if view.answers[truth].label == on_trial else 1
        listed = view.order.index(option)
        return _verdict(tuple(float(i == listed) for i in range(n)), "the truth")


@dataclass(frozen=True)
class Coin(_Silent):
    """Decides at random and says one half: chance, whatever is said."""

    record: Mapping[str, object] = field(
        default_factory=lambda: {"kind": "scripted", "name": "coin", "revision": 1}
    )

    def decide(self, view: View) -> Flow[Verdict]:
        """A fair throw over the options, from the view's seed."""
        yield from ask()
        n = len(view.options)
        choice = random.Random(view.seed).randrange(n)
        return Verdict(choice=choice, elicited=(1 / n,) * n, reason="a coin")


class PositionBiased(_Silent):
    """Prefers whatever is listed first with probability ``p``: a bias that both listings reveal."""

    def __init__(self, p: float = 0.9) -> None:
        if not 0 < p < 1:
            raise ValueError(f"p must be between 0 and 1, got {p}")
        self.p = p
        self.record: Mapping[str, object] = {
            "kind": "scripted", "name": "first", "revision": 1, "settings": {"p": p},
        }  # fmt: skip

    def decide(self, view: View) -> Flow[Verdict]:
        """``p`` for the first option listed, the rest shared by the others."""
        yield from ask()
        rest = (1 - self.p) / (len(view.options) - 1)
        p = (self.p, *(rest for _ in view.options[1:]))
        return _verdict(p, "the first one listed")
