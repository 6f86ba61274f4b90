"""`Debater`: a model that argues, as debater, consultant, proposer or critic.

A turn is up to three requests, each continuing the one before: the side (where the protocol lets
the seat choose), a private thought (where the slot has a scratchpad) and the speech.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agents.adapters import AdapterRef
from agents.prompts import (
    END_DEBATE,
    Messages,
    asked,
    choosing,
    history,
    instruction,
    remark,
    said,
    thinking,
)
from agents.templates import STANDARD, Templates
from agents.witness import moves
from arena.flow import Flow, Reply, Request, ask
from arena.ids import derive_seed
from arena.match import View
from arena.protocols import JUDGE
from arena.quotes import CLOSE, OPEN
from arena.turns import Speech

Restriction: TypeAlias = Literal["", "lines", "moves"]
MAX_TOKENS = 512
"""How many tokens a speech may have where the protocol sets no limit."""


@dataclass(frozen=True, slots=True)
class Debater:
    """An agent that asks ``model`` for its speeches.

    ``model`` is what its requests carry; ``name``, ``digest`` (of the weights) and the adapter say
    in its record which model that is. ``stop`` are strings that end a speech.
    ``restrict="lines"`` lets a speech be one quotation of one line of the passage and nothing else
    (`quotations`): every quote is found, and what is left to the model is which line to show.
    ``restrict="moves"`` leaves, of these, only what is a move in the witness world
    (`agents.witness.moves`): nobody shows new evidence where it can no longer be answered.
    """

    model: str
    name: str = ""
    digest: str = ""
    temperature: float = 1.0
    templates: Templates = STANDARD
    max_tokens: int = MAX_TOKENS
    stop: tuple[str, ...] = ()
    restrict: Restriction = ""
    kind: str = "local"
    adapter: AdapterRef | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be 0 or more, and finite, got {self.temperature}")

    @property
    def record(self) -> Mapping[str, object]:
        """What decides its behaviour."""
        return {
            "kind": self.kind,
            "role": "debater",
            "name": self.name,
            "digest": self.digest or self.model,
            "prompt": self.templates.digest,
            "sampling": {
                "temperature": self.temperature,
                "max_tokens": self.max_tokens,
                "stop": self.stop,
                "restrict": self.restrict,
            },
            **({"adapter": self.adapter.record} if self.adapter else {}),
        }

    def speak(self, view: View) -> Flow[Speech]:
        """A flow that returns what the model says."""
        return speak(
            view, self.model, self.templates, self.temperature, self.max_tokens, self.stop,
            self.restrict,
        )  # fmt: skip


def speak(
    view: View,
    model: str,
    words: Templates,
    temperature: float,
    max_tokens: int = MAX_TOKENS,
    stop: tuple[str, ...] = (),
    restrict: Restriction = "",
) -> Flow[Speech]:
    """Ask ``model`` for a side, a thought and a speech, as far as the slot wants them.

    A speech that could not be had has no text and says why in its status; a thought that was cut
    off at its limit is used as it is.
    """
    slot, seed, note = view.slot, view.seed, remark(view)
    prompt = history(view, words)
    side, choose = _side(view)
    if choose:
        prompt = asked(prompt, choosing(view, words))
        labels = tuple(option.label for option in view.answers)
        request = Request(model, prompt, 1, derive_seed(seed, "side"), choices=labels)
        (reply,) = yield from ask(request)
        if reply.choice_logprobs is None:
            side = labels.index(reply.text.strip()) if reply.text.strip() in labels else None
        else:
            side = _draw(reply.choice_logprobs, temperature, request.seed)
        if side is None:
            return _silent(reply)
        prompt = said(prompt, labels[side])
    thought = ""
    if slot.scratchpad:
        prompt, note = asked(prompt, _with(thinking(words), note)), ""
        (reply,) = yield from ask(
            Request(
                model, prompt, slot.scratchpad, derive_seed(seed, "thought"),
                stop=stop, temperature=temperature,
            )
        )  # fmt: skip
        if reply.status not in ("ok", "length"):
            return _silent(reply, side)
        thought = reply.text
        prompt = said(prompt, thought)
    prompt = asked(prompt, _with(instruction(view, slot, words), note))
    limit = max_tokens if slot.limits.tokens is None else slot.limits.tokens
    (reply,) = yield from ask(
        Request(
            model, prompt, limit, seed, stop=stop, temperature=temperature,
            allowed=quotations(view, restrict) if restrict else (),
        )
    )  # fmt: skip
    if reply.status not in ("ok", "length"):
        return _silent(reply, side, thought)
    ended = slot.may_stop and reply.text.strip().split("\n")[-1].strip() == END_DEBATE
    return Speech(reply.text, thought, side=side, stop=ended, status=reply.status)


def open_prompt(view: View, words: Templates = STANDARD) -> Messages:
    """The messages of the first request that a speaker makes for this slot."""
    prompt = history(view, words)
    if _side(view)[1]:
        return asked(prompt, choosing(view, words))
    if view.slot.scratchpad:
        return asked(prompt, _with(thinking(words), remark(view)))
    return asked(prompt, _with(instruction(view, view.slot, words), remark(view)))


def quotations(view: View, restrict: Restriction = "lines") -> tuple[str, ...]:
    """The speeches that are one quotation of one line of the passage; none without a passage."""
    if view.passage is None or view.quotes == "none":
        return ()
    lines = view.passage.split("\n")
    kept = (
        moves(view) if restrict == "moves" else [i for i, line in enumerate(lines) if line.strip()]
    )
    if view.quotes == "lines":
        return tuple(f"[{i + 1}]" for i in kept)
    return tuple(dict.fromkeys(f"{OPEN}{lines[i]}{CLOSE}" for i in kept))


def _side(view: View) -> tuple[int | None, bool]:
    """The side that goes on the speech if it is known already, and whether it is to be chosen.

    A seat that was assigned its side says nothing about it, except that a proposer's answer, told
    or chosen, is always on its first speech: it is what the critic and the judge discuss.
    """
    before = any(turn.mine and turn.side is not None for turn in view.turns)
    if view.seat == JUDGE or view.role == "critic" or before:
        return None, False
    if view.side is None:
        return None, True
    if view.role == "proposer":
        return [option.label for option in view.answers].index(view.side), False
    return None, False


def _draw(logprobs: tuple[float, ...], temperature: float, seed: int) -> int:
    """An index drawn from the choices' log-probabilities at a temperature (0: the most likely)."""
    top = max(logprobs)
    if temperature == 0:
        return logprobs.index(top)
    weights = [math.exp((one - top) / temperature) for one in logprobs]
    return random.Random(seed).choices(range(len(weights)), weights)[0]


def _silent(reply: Reply, side: int | None = None, thought: str = "") -> Speech:
    """The speech of a speaker whose model gave none."""
    status = reply.status if reply.status in ("refused", "too long") else "error"
    return Speech("", thought, side=side, status=status)


def _with(text: str, note: str) -> str:
    return f"{text}\n{note}" if note else text
