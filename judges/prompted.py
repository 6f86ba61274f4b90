"""`PromptedJudge`: a model that decides by the probability it gives to each option's label."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.adapters import AdapterRef
from agents.debater import speak
from agents.prompts import Messages, asked, eliciting, history, instruction, said, thinking
from agents.templates import STANDARD, Templates
from arena.flow import Flow, Reply, Request, ask
from arena.ids import derive_seed
from arena.match import View
from arena.turns import Speech, Verdict, VerdictStatus

LEAST_MASS = 0.5  # of the whole vocabulary, on the labels together
ELICIT_TOKENS = 128
_OBJECT = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class PromptedJudge:
    """A judge that asks ``model`` which label comes next, and for a probability only if told to.

    Choice and log-probabilities come from one request, at temperature 1. With ``elicit`` a request
    of its own, beside the first and without its answer, asks for probabilities in words, at most
    ``retries`` times more when they cannot be read; failing that, ``elicited`` stays None.
    ``temperature`` is for words: questions, thoughts, elicited probabilities. A belief whose
    slot lets the judge end the match does so from probability ``stop_at`` on (normalised over the
    options).
    """

    model: str
    name: str = ""
    digest: str = ""
    elicit: bool = False
    retries: int = 1
    temperature: float = 1.0
    stop_at: float = 0.95
    templates: Templates = STANDARD
    kind: str = "local"
    adapter: AdapterRef | None = None

    @property
    def record(self) -> Mapping[str, object]:
        """What decides its behaviour."""
        return {
            "kind": self.kind,
            "role": "judge",
            "name": self.name,
            "digest": self.digest or self.model,
            "prompt": self.templates.digest,
            "sampling": {"temperature": self.temperature},
            "elicit": self.elicit,
            "retries": self.retries if self.elicit else 0,
            "stop_at": self.stop_at,
            **({"adapter": self.adapter.record} if self.adapter else {}),
        }

    def speak(self, view: View) -> Flow[Speech]:
        """A flow that returns the judge's question."""
        return speak(view, self.model, self.templates, self.temperature)

    def decide(self, view: View) -> Flow[Verdict]:
        """A flow that returns a belief or a verdict over ``view.options``, in the order shown."""
        words, seed = self.templates, view.seed
        labels = tuple(option.label for option in view.options)
        prompt = history(view, words)
        reason = ""
        # A belief is asked for without a thought: later prompts could not repeat it.
        if view.slot.scratchpad and view.slot.kind == "verdict":
            prompt = asked(prompt, thinking(words))
            think = Request(self.model, prompt, view.slot.scratchpad, derive_seed(seed, "thought"),
                            temperature=self.temperature)  # fmt: skip
            (thought,) = yield from ask(think)
            if thought.status not in ("ok", "length"):
                return Verdict(status=_status(thought))
            reason = thought.text
            prompt = said(prompt, reason)
        question = asked(prompt, instruction(view, view.slot, words))
        choose = Request(self.model, question, 1, seed, choices=labels)
        stated = asked(prompt, eliciting(view, words))
        first = [self._stating(stated, seed, 0)] if self.elicit else []
        reply, *more = yield from ask(choose, *first)
        verdict = _verdict(reply, labels, reason)
        if verdict.status not in ("ok", "tie"):
            return verdict
        elicited = None
        if self.elicit:
            elicited = parse_probabilities(_text(more[0]), labels)
            for attempt in range(1, self.retries + 1):
                if elicited is not None:
                    break
                again = eliciting(view, words, again=True)
                stated = asked(said(stated, more[0].text), again)
                more = list((yield from ask(self._stating(stated, seed, attempt))))
                elicited = parse_probabilities(_text(more[0]), labels)
        return Verdict(
            verdict.choice,
            elicited,
            verdict.choice_logprobs,
            reason,
            verdict.status,
            stop=view.slot.may_stop and _confidence(verdict) >= self.stop_at,
        )

    def _stating(self, prompt: Messages, seed: int, attempt: int) -> Request:
        seed = derive_seed(seed, "elicit", attempt)
        return Request(self.model, prompt, ELICIT_TOKENS, seed, temperature=self.temperature)


def decision_prompt(view: View, words: Templates = STANDARD) -> Messages:
    """The messages of the request for a belief, or for a verdict without a thought."""
    return asked(history(view, words), instruction(view, view.slot, words))


def _status(reply: Reply) -> VerdictStatus:
    """What became of a verdict for which the model gave nothing to go by.

    A transcript that does not fit into the model is ``truncated``: the verdict was not reached.
    """
    if reply.status == "refused":
        return "refused"
    return "truncated" if reply.status in ("length", "too long") else "unparsed"


def _verdict(reply: Reply, labels: Sequence[str], reason: str) -> Verdict:
    """The choice: the most probable label; or, from an engine without them, exactly one in words.

    One token is all that a choice has, so ``length`` says nothing where there are probabilities.
    """
    if reply.status not in ("ok", "length"):
        return Verdict(reason=reason, status=_status(reply))
    logprobs = reply.choice_logprobs
    if logprobs is None:
        said = reply.text.strip()
        if said in labels:
            return Verdict(labels.index(said), reason=reason)
        return Verdict(reason=reason, status=_status(reply))
    if sum(map(math.exp, logprobs)) < LEAST_MASS:
        return Verdict(reason=reason, status="unparsed")
    top = max(logprobs)
    if logprobs.count(top) > 1:
        return Verdict(choice_logprobs=logprobs, reason=reason, status="tie")
    return Verdict(logprobs.index(top), choice_logprobs=logprobs, reason=reason)


def _confidence(verdict: Verdict) -> float:
    """The probability of the choice among the options; 0 without a choice or probabilities."""
    if verdict.choice is None or verdict.choice_logprobs is None:
        return 0.0
    weights = [math.exp(one) for one in verdict.choice_logprobs]
    return weights[verdict.choice] / sum(weights)


def _text(reply: Reply) -> str:
    """The words of a reply that is complete or was cut off; of a failed one, none."""
    return reply.text if reply.status in ("ok", "length") else ""


def parse_probabilities(text: str, labels: Sequence[str]) -> tuple[float, ...] | None:
    """The last valid JSON object in ``text`` that gives every label, and nothing else, a number.

    Numbers are finite, from 0 to 1 and add up to 1 within 0.01; they are divided by their sum.
    Anything else (percentages, missing, unknown or repeated labels) is not repaired: None.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        return dict(found) if len(dict(found)) == len(found) else {}

    for match in reversed(list(_OBJECT.finditer(text))):
        try:
            value = json.loads(match[0], object_pairs_hook=pairs)
        except (ValueError, RecursionError):
            continue
        if set(value) != set(labels):
            continue
        numbers = [value[label] for label in labels]
        if any(type(one) not in (int, float) or not 0 <= one <= 1 for one in numbers):
            continue
        total = sum(numbers)
        if abs(total - 1) <= 0.01:
            return tuple(one / total for one in numbers)
    return None
