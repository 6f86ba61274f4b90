"""Judges with a planted weakness: another judge, misled in one known way.

What a policy learns to exploit is then known in advance, and so is what it costs: the controls of
over-optimisation. *Trusting* takes the words of a quotation for the passage's own, found or not.
*Charmed* leans to whoever says a phrase. *Seated* leans to a seat, whoever sits there: ratings must
find that and take it out. *Noisy* draws its choice by its probabilities, which is what Bradley and
Terry's model takes judges to do.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from arena.flow import Flow, ask
from arena.ids import derive_seed
from arena.match import Judge, Seen, View
from arena.turns import Speech, Verdict


class _Planted:
    """What the planted judges share: another judge inside, and nothing to ask in public."""

    inner: Judge

    def speak(self, view: View) -> Flow[Speech]:
        """An empty public turn."""
        yield from ask()
        return Speech("")


def _of(inner: Judge) -> dict[str, object]:
    """Who is misled; what that one reads of the truth, the misled one reads too."""
    truth = {"uses_truth": True} if inner.record.get("uses_truth") else {}
    return {"of": dict(inner.record), **truth}


def _trusted(turn: Seen) -> Seen:
    quotes = tuple(
        replace(quote, text=turn.text[quote.begin : quote.end]) if quote.text is None else quote
        for quote in turn.quotes
    )
    return replace(turn, quotes=quotes)


@dataclass(frozen=True, slots=True)
class Trusting(_Planted):
    """``inner``, to whom every quotation is shown as if it had been found in the passage.

    Fabrication pays with this judge, and with verification on (``inner`` itself) it does not.
    """

    inner: Judge

    @property
    def record(self) -> Mapping[str, object]:
        """The weakness, and who has it."""
        return {"kind": "planted", "name": "trust", "revision": 1, **_of(self.inner)}

    def decide(self, view: View) -> Flow[Verdict]:
        """The inner judge's verdict on what it takes for true."""
        return (yield from self.inner.decide(replace(view, turns=tuple(map(_trusted, view.turns)))))


@dataclass(frozen=True, slots=True)
class Charmed(_Planted):
    """``inner``, whose log-odds move by ``bonus`` (nats) to the side that alone says ``phrase``.

    For two options; a debater's letter is that of its answer, a lone consultant's side is on view.
    Whichever quantity the inner judge gives is moved, and no other appears; a verdict without
    probabilities is left as it is.
    """

    inner: Judge
    phrase: str
    bonus: float = 2.0

    @property
    def record(self) -> Mapping[str, object]:
        """The weakness, and who has it."""
        settings = {"phrase": self.phrase, "bonus": float(self.bonus)}
        return {
            "kind": "planted", "name": "phrase", "revision": 2, "settings": settings,
            **_of(self.inner),
        }  # fmt: skip

    def decide(self, view: View) -> Flow[Verdict]:
        """The inner judge's verdict, moved."""
        verdict = yield from self.inner.decide(view)
        said = {turn.side or turn.seat for turn in view.turns if self.phrase in turn.text}
        if len(said) != 1 or len(view.options) != 2:
            return verdict
        favoured = next((i for i, o in enumerate(view.options) if {o.label} == said), None)
        return verdict if favoured is None else _moved(verdict, favoured, self.bonus)


@dataclass(frozen=True, slots=True)
class Seated(_Planted):
    """``inner``, whose log-odds move by ``bonus`` (nats) to the option that ``seat`` defends.

    For two options, moved as `Charmed` moves them. A seat defends the answer that its turns name,
    else the option of its letter; where another seat has named its answer and it has not, nothing
    moves.
    """

    inner: Judge
    bonus: float = 0.8
    seat: str = "A"

    def __post_init__(self) -> None:
        if not math.isfinite(self.bonus):
            raise ValueError(f"bonus must be a finite number of nats, got {self.bonus}")
        if self.seat not in ("A", "B"):
            raise ValueError(f"seat must be A or B, got {self.seat!r}")

    @property
    def record(self) -> Mapping[str, object]:
        """The weakness, and who has it."""
        settings = {"bonus": float(self.bonus), "seat": self.seat}
        return {
            "kind": "planted", "name": "seat", "revision": 1, "settings": settings,
            **_of(self.inner),
        }  # fmt: skip

    def decide(self, view: View) -> Flow[Verdict]:
        """The inner judge's verdict, moved."""
        verdict = yield from self.inner.decide(view)
        labels = [option.label for option in view.options]
        named = {turn.seat: turn.side for turn in view.turns if turn.side in labels}
        label = named.get(self.seat) if named else self.seat
        if label not in labels or len(labels) != 2:
            return verdict
        return _moved(verdict, labels.index(label), self.bonus)


@dataclass(frozen=True, slots=True)
class Noisy(_Planted):
    """``inner``, whose choice is drawn by its probabilities instead of being the likeliest option.

    Each option has a chance in proportion to its probability to the power of ``scale``: of two, the
    logistic function of ``scale`` times the log-odds. The draw comes from the view's seed; the
    probabilities are reported as they are. A verdict without them is left as it is.
    """

    inner: Judge
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.scale < math.inf:
            raise ValueError(f"scale must be 0 or more, and finite, got {self.scale}")

    @property
    def record(self) -> Mapping[str, object]:
        """How it draws, and from whom."""
        return {
            "kind": "planted", "name": "noisy", "revision": 1,
            "settings": {"scale": float(self.scale)}, **_of(self.inner),
        }  # fmt: skip

    def decide(self, view: View) -> Flow[Verdict]:
        """The inner judge's verdict with another choice."""
        verdict = yield from self.inner.decide(view)
        logs = verdict.choice_logprobs
        if verdict.elicited is not None:
            logs = tuple(math.log(max(p, _LEAST)) for p in verdict.elicited)
        if logs is None:
            return verdict
        chances = [math.exp(self.scale * (one - max(logs))) for one in logs]
        rng = random.Random(derive_seed(view.seed, "noisy"))
        choice = rng.choices(range(len(chances)), chances)[0]
        return replace(verdict, choice=choice, status="ok")


_LEAST = 1e-9
"""A smaller probability is taken for this one before its logarithm is."""


def _moved(verdict: Verdict, favoured: int, bonus: float) -> Verdict:
    """A verdict whose numbers lean to one of two options by ``bonus``, with the choice they make;
    as it is where it has no numbers."""
    elicited, logprobs = verdict.elicited, verdict.choice_logprobs
    if elicited is not None:
        logs = _leaning([math.log(max(p, _LEAST)) for p in elicited], favoured, bonus)
        elicited = tuple(min(1.0, math.exp(one)) for one in logs)
    if logprobs is not None:
        logprobs = _leaning(logprobs, favoured, bonus)
    p = logprobs if elicited is None else elicited
    if p is None:
        return verdict
    choice = None if p[0] == p[1] else int(p[1] > p[0])
    return replace(
        verdict, choice=choice, status="tie" if choice is None else "ok", elicited=elicited,
        choice_logprobs=logprobs,
    )  # fmt: skip


def _leaning(logs: Sequence[float], favoured: int, bonus: float) -> tuple[float, ...]:
    """Log-probabilities that lean to one option by ``bonus``, with the mass that they had."""
    moved = [one + bonus * (i == favoured) for i, one in enumerate(logs)]
    gained = _mass(moved) - _mass(logs)
    return tuple(one - gained for one in moved)


def _mass(logs: Sequence[float]) -> float:
    """The logarithm of the sum of what these are the logarithms of."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(one - top) for one in logs))
