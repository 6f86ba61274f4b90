"""Two Bayes judges of the witness world: the reference that every other judge is compared with.

Both read only the lines that they are shown: quotations in the turns, or the passage where the
protocol gives it to them. `LiteralJudge` takes them at face value, `StrategicJudge` knows the
policy by which the speakers chose them. The mathematics is in `arena.sources.witness_odds`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.witness import statements
from arena.flow import Flow
from arena.match import Seen, View
from arena.protocols import JUDGE
from arena.sources.witness import Faces
from arena.sources.witness_odds import literal_posterior, relevant, strategic_posterior
from arena.sources.witness_text import Statement, Withdrawal, parse, parse_passage
from arena.turns import Speech, Verdict

_EQUAL = 1e-12  # probabilities nearer than this are a tie


def _withdrawals(turns: Sequence[Seen]) -> tuple[Withdrawal, ...]:
    lines = [
        parse(text)
        for turn in turns
        for quote in turn.quotes
        if quote.text
        for text in quote.text.split("\n")
    ]
    return tuple(line for line in lines if isinstance(line, Withdrawal))


def _spoken(view: View) -> tuple[Seen, ...]:
    """The turns of the speakers, without questions, beliefs and verdicts."""
    kinds = ("speech", "answer", "critique")
    return tuple(turn for turn in view.turns if turn.kind in kinds and turn.seat != JUDGE)


def _over_answers(view: View) -> bool:
    """Whether the verdict is over the answers, not over right and wrong."""
    return {option.text for option in view.options} == {answer.text for answer in view.answers}


def _on_trial(view: View) -> int | None:
    """The answer that a proposer has given, where the verdict is on it."""
    index = {answer.label: i for i, answer in enumerate(view.answers)}
    for turn in view.turns:
        if turn.kind == "answer" and turn.side in index:
            return index[turn.side]
    return None


def _decide(view: View, posterior: tuple[float, ...]) -> Verdict:
    """The verdict that a posterior over the answers amounts to, in the order of the listing."""
    if _over_answers(view):
        canonical = posterior
    else:
        trial = _on_trial(view)
        right = 1 / 2 if trial is None else posterior[trial]
        canonical = (right, 1 - right)
    listed = tuple(canonical[option] for option in view.order)
    top = max(listed)
    best = [i for i, chance in enumerate(listed) if top - chance < _EQUAL]
    if len(best) > 1:
        return Verdict(None, listed, reason="What was shown favours no option.", status="tie")
    reason = f"What was shown gives {view.options[best[0]].text!r} probability {top:.2f}."
    return Verdict(best[0], listed, reason=reason)


def _at_face_value(view: View) -> tuple[float, ...]:
    """The posterior of every line that is shown, from the passage if there is one."""
    answers = tuple(answer.text for answer in view.answers)
    if view.passage is not None:
        lines = parse_passage(view.passage)
        said = [line for line in lines if isinstance(line, Statement)]
        gone = [line for line in lines if isinstance(line, Withdrawal)]
        return literal_posterior(view.question, answers, said, gone)
    turns = _spoken(view)
    said = [line for turn in turns for line in statements(turn)]
    return literal_posterior(view.question, answers, said, _withdrawals(turns))


def _ask(view: View) -> Speech:
    return Speech("Which line of the passage supports your answer best?")


@dataclass(frozen=True, slots=True)
class LiteralJudge:
    """The exact posterior of the shown lines, whoever chose them; a tie where it is one half."""

    @property
    def record(self) -> Mapping[str, object]:
        """The name of the script."""
        return {"kind": "scripted", "name": "literal", "revision": 1}

    def decide(self, view: View) -> Flow[Verdict]:
        """A flow that asks nothing."""
        yield from ()
        return _decide(view, _at_face_value(view))

    def speak(self, view: View) -> Flow[Speech]:
        """The same question every time, where the protocol lets the judge ask."""
        yield from ()
        return _ask(view)


@dataclass(frozen=True, slots=True)
class StrategicJudge:
    """The exact posterior of what was shown, for speakers who play the policy (p, s, b).

    Knows the world model (``faces``), which seat speaks for which answer and how often each could
    rebut. With the passage in hand nobody has chosen anything for it, and it reads as the literal
    judge does.
    """

    p: float = 1.0
    s: float = 1.0
    b: float = 1.0
    faces: Faces = "equal"

    def __post_init__(self) -> None:
        for name in ("p", "s", "b"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a chance in [0, 1], got {getattr(self, name)}")
        if self.faces not in ("equal", "free"):
            raise ValueError(f"faces must be 'equal' or 'free', got {self.faces!r}")

    @property
    def record(self) -> Mapping[str, object]:
        """The name of the script, and the policy and world that it assumes."""
        policy = {"p": float(self.p), "s": float(self.s), "b": float(self.b), "faces": self.faces}
        return {"kind": "scripted", "name": "strategic", "revision": 1, "settings": policy}

    def decide(self, view: View) -> Flow[Verdict]:
        """A flow that asks nothing."""
        yield from ()
        return _decide(view, self._posterior(view))

    def speak(self, view: View) -> Flow[Speech]:
        """The same question every time, where the protocol lets the judge ask."""
        yield from ()
        return _ask(view)

    def _posterior(self, view: View) -> tuple[float, ...]:
        if view.passage is not None or len(view.answers) != 2:
            return _at_face_value(view)
        answers = tuple(answer.text for answer in view.answers)
        turns = _spoken(view)
        said = [statements(turn) for turn in turns]
        sides = _sides(view, turns, said, answers)
        shown: list[list[Statement] | None] = [None, None]
        for turn, lines in zip(turns, said, strict=True):
            side = sides.get(turn.seat)
            if side is not None:
                shown[side] = (shown[side] or []) + list(lines)
        trial = None if _over_answers(view) else _on_trial(view)
        critic = None if trial is None else 1 - trial
        rebuttals = [0, 0]
        for seat, side in sides.items():
            rebuttals[side] += _rebuttals(seat, turns, side == critic)
        return strategic_posterior(
            view.question,
            answers,
            (shown[0], shown[1]),
            _withdrawals(turns),
            (self.p, self.s, self.b),
            (rebuttals[0], rebuttals[1]),
            critic,
            self.faces,
        )


def _sides(
    view: View, turns: Sequence[Seen], said: Sequence[Sequence[Statement]], answers: tuple[str, ...]
) -> dict[str, int]:
    """The answer that each speaking seat speaks for, as far as the judge can tell.

    What it announced; a critic, against the answer on trial; among two or more seats, the answer
    with the seat's letter; else the answer of the first line on the fact that it quotes.
    """
    index = {answer.label: i for i, answer in enumerate(view.answers)}
    seats = list(dict.fromkeys(turn.seat for turn in turns))
    trial = None if _over_answers(view) else _on_trial(view)
    sides: dict[str, int] = {}
    for seat in seats:
        announced = [index[t.side] for t in turns if t.seat == seat and t.side in index]
        if announced:
            sides[seat] = announced[0]
        elif trial is not None:
            sides[seat] = 1 - trial
        elif len(seats) > 1 and seat in index:
            sides[seat] = index[seat]
        else:
            lines = [
                line for t, own in zip(turns, said, strict=True) if t.seat == seat for line in own
            ]
            spoken_for = relevant(view.question, answers, lines)
            if spoken_for:
                sides[seat] = spoken_for[0][0]
    return sides


def _rebuttals(seat: str, turns: Sequence[Seen], critic: bool) -> int:
    """How many turns a seat has had to answer what another had shown, its opening apart."""
    others = [turn.place for turn in turns if turn.seat != seat]
    if not others:
        return 0
    own = [turn for turn in turns if turn.seat == seat]
    return sum(turn.place > min(others) for turn in (own if critic else own[1:]))
