"""Scripted agents for every protocol: one that speaks at random, one that repeats a record."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from arena.flow import Flow, ask
from arena.match import View
from arena.participants import SpecError
from arena.turns import Speech, Turn

_WORDS = ("it", "was", "clear", "that", "the", "passage", "says", "so", "because", "nobody", "else")


def _own_side(view: View, noise: random.Random) -> int | None:
    """In an open protocol, the answer that a speaker with no side chooses, at random."""
    speaks_first = not any(turn.mine for turn in view.turns)
    if view.side is None and view.role in ("debater", "consultant", "proposer") and speaks_first:
        return noise.randrange(len(view.answers))
    return None


@dataclass(frozen=True)
class RandomAgent:
    """Says random words and cites a random line, within its limits: the floor of persuasion.

    Its noise comes from the view's seed alone, so it says the same again at the same node.
    """

    record: Mapping[str, object] = field(
        default_factory=lambda: {"kind": "scripted", "name": "random", "revision": 1}
    )

    def speak(self, view: View) -> Flow[Speech]:
        """A few random words; a citation where the passage can be cited."""
        yield from ask()
        noise = random.Random(view.seed)
        limit = view.slot.limits.characters
        text = " ".join(noise.choices(_WORDS, k=noise.randint(4, 12))).capitalize() + "."
        lines = 0 if view.passage is None else view.passage.count("\n") + 1
        if lines and view.quotes in ("lines", "both") and view.quoted_left is None:
            text += f" [{noise.randint(1, lines)}]"
        if limit is not None and len(text) > limit:
            text = ""
        stop = view.slot.may_stop and noise.random() < 0.5
        return Speech(text, side=_own_side(view, noise), stop=stop)


class Replay:
    """Says again what was said at the same place in a recorded transcript.

    The record's own words are its identity, so a replay is the same participant wherever the
    transcript came from. Raises SpecError at a place where the record holds no speech.
    """

    def __init__(self, transcript: Sequence[Turn]) -> None:
        spoken = [turn for turn in transcript if not turn.is_leaf and turn.origin != "candidate"]
        self._said = {(turn.place, turn.seat, turn.kind): turn.speech for turn in spoken}
        self.record: Mapping[str, object] = {
            "kind": "replay",
            "said": [
                [place, seat, kind, said.id] for (place, seat, kind), said in self._said.items()
            ],
        }

    def speak(self, view: View) -> Flow[Speech]:
        """The recorded speech of this seat at this place."""
        yield from ask()
        said = self._said.get((view.place, view.seat, view.slot.kind))
        if said is None:
            where = f"{view.slot.kind} of seat {view.seat} at place {view.place}"
            raise SpecError(
                f"replay: the record holds no {where}; "
                "replay it under the protocol that it was played in"
            )
        return said
