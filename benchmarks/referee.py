"""CPU time of the referee: three-round debates over an engine that answers at once.

The peer is a bare loop that builds the same prompts and calls the same engine with no referee:
no views, no turns, no ids, no limits. What is left over is what the arena costs.
Run ``python benchmarks/referee.py [--json]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from timing import alternate, median, show

from arena.flow import Flow, Message, Reply, Request, batch, nothing, run
from arena.match import Match, View
from arena.play import play
from arena.protocols import debate
from arena.questions import Question
from arena.turns import Speech, Verdict

ROUNDS, DEBATES, REPEATS = 3, 300, 7
ANSWERS = ("It was red.", "It was blue.")
PASSAGE = "\n".join(f"Line {i}: somebody saw the lamp that evening and said so." for i in range(20))
RULES = "You debate. Argue for your answer, cite lines of the passage."
SAID = (
    "Line 3 says that somebody saw the lamp that evening [3]. My opponent has not answered this, "
    "and nothing else in the passage speaks against it, so my answer stands as it is."
)


def answer(requests: tuple[Request, ...]) -> Sequence[Reply]:
    """The instant engine: the same speech to everybody, a number to whoever is given choices."""
    verdict = Reply(text="A", choice_logprobs=(-0.3, -1.4), usage=(0, 1))
    speech = Reply(text=SAID, usage=(0, 40))
    return [verdict if request.choices else speech for request in requests]


def prompt(question: str, passage: str | None, seat: str, said: Sequence[tuple[str, str]]) -> str:
    """What a participant is asked: the same text with and without the referee."""
    heard = "\n\n".join(f"Debater {who}: {text}" for who, text in said)
    shown = "" if passage is None else f"Passage:\n{passage}\n\n"
    return f"{shown}Question: {question}\nYou are {seat}.\n\n{heard}"


def request(text: str, seed: int, choices: tuple[str, ...] = ()) -> Request:
    """A request of the debate's one model."""
    messages = (Message("system", RULES), Message("user", text))
    return Request("m", messages, 1 if choices else 300, seed, choices)


class Debater:
    """Asks once for each speech."""

    record: ClassVar[Mapping[str, object]] = {"kind": "benchmark", "name": "debater"}

    def speak(self, view: View) -> Flow[Speech]:
        """What the engine says."""
        said = [(turn.seat, turn.text) for turn in view.turns]
        text = prompt(view.question, view.passage, view.seat, said)
        (reply,) = yield (request(text, view.seed),)
        return Speech(reply.text)


class Judge:
    """Asks once, for the log-probabilities of the labels."""

    record: ClassVar[Mapping[str, object]] = {"kind": "benchmark", "name": "judge"}

    def decide(self, view: View) -> Flow[Verdict]:
        """The likelier label."""
        said = [(turn.seat, turn.text) for turn in view.turns]
        text = prompt(view.question, view.passage, view.seat, said)
        labels = tuple(option.label for option in view.options)
        (reply,) = yield (request(text, view.seed, labels),)
        numbers = reply.choice_logprobs or ()
        return Verdict(numbers.index(max(numbers)), choice_logprobs=numbers)


def matches(n: int) -> list[Match]:
    """``n`` three-round debates about as many questions, with a judge in its seat."""
    rules = debate(rounds=ROUNDS)
    seats = (("A", "a"), ("B", "a"), ("judge", "j"))
    return [
        Match(Question(f"What colour was lamp {i}?", ANSWERS, PASSAGE), rules, (("A", 0), ("B", 1)),
              seats, i)
        for i in range(n)
    ]  # fmt: skip


def refereed(n: int) -> Callable[[], None]:
    """Play ``n`` debates through `run` and `play`."""
    planned = matches(n)
    cast = {"A": Debater(), "B": Debater(), "judge": Judge()}

    def go() -> None:
        flows = (play(match, cast) for match in planned)
        for transcript in run(flows, batch(answer), 64, nothing):
            assert len(transcript) == 2 * ROUNDS + 1

    return go


def bare(n: int) -> Callable[[], None]:
    """The same requests, asked by a loop."""
    questions = [match.question for match in matches(n)]

    def go() -> None:
        for question in questions:
            said: list[tuple[str, str]] = []
            for _ in range(ROUNDS):
                asked = tuple(
                    request(prompt(question.text, question.passage, seat, said), 0)
                    for seat in ("A", "B")
                )
                said += zip(("A", "B"), (reply.text for reply in answer(asked)), strict=True)
            (reply,) = answer((request(prompt(question.text, None, "judge", said), 0, ("A", "B")),))
            numbers = reply.choice_logprobs or ()
            Verdict(numbers.index(max(numbers)), choice_logprobs=numbers)

    return go


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    times = alternate({"referee": refereed(DEBATES), "bare loop": bare(DEBATES)}, REPEATS)
    each = {name: 1000 * median(found) / DEBATES for name, found in times.items()}
    show(
        f"CPU per debate of {ROUNDS} rounds, {DEBATES} debates, median of {REPEATS}",
        {
            "referee, ms": each["referee"],
            "bare loop, ms": each["bare loop"],
            "ratio": each["referee"] / each["bare loop"],
            "of the referee alone, ms": each["referee"] - each["bare loop"],
        },
        given.json,
    )


if __name__ == "__main__":
    main()
