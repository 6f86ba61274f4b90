"""What the shipped judges are taught: transcripts of the witness world, and what they are worth.

Speakers of every kind, in the very prompts of judging: lines for the own side, for the other, on
other facts (some about the asked values), withdrawals that hit and that do not, quotations that are
not in the passage, silence. The lesson is the posterior of what was shown at face value, whoever
showed it (`literal_posterior`). Outcomes as labels would teach that who shows a weak line has
nothing better, and then showing evidence does not pay for the side that has less of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from agents.nano.lessons import SHORT, quotation, spoken
from agents.prompts import PASSAGE, Messages
from agents.templates import TERSE
from arena.ids import derive_seed
from arena.match import Match, Transcript, view
from arena.protocols import consultancy, critique, debate, naive, pending, verdict_slot
from arena.sources.witness import Faces, World, world
from arena.sources.witness_odds import literal_posterior
from arena.sources.witness_text import Split, Statement, Withdrawal, parse, render
from judges.prompted import decision_prompt


@dataclass(frozen=True, slots=True)
class Mixture:
    """What speakers show: weights of the kinds of line, and of protocols."""

    own: float = 0.42
    theirs: float = 0.14
    other: float = 0.16
    near: float = 0.10  # on another fact, with one of the asked values or the asked noun
    stray: float = 0.06
    invented: float = 0.06
    silent: float = 0.06
    hit: float = 0.6  # a rebuttal shows the withdrawal of what the opponent showed, if there is
    miss: float = 0.25  # a rebuttal that does not hit shows the withdrawal of something else
    undo: float = 0.0  # before that: a rebuttal shows the withdrawal of its own side's line
    protocols: tuple[float, ...] = (0.05, 0.08, 0.27, 0.52, 0.08)  # as in `PROTOCOLS`


MIXED = Mixture()
DRILL = Mixture(
    own=1.0, theirs=0, other=0.15, near=0, stray=0, invented=0, silent=0, miss=0,
    protocols=(0, 0.2, 0.8, 0, 0),
)  # fmt: skip
"""Openings that are mostly to the point: from these a judge finds out what it is about."""
DRILL_BOTH = replace(DRILL, own=0.55, theirs=0.35, other=0.1)
"""The same for whichever side: a judge cannot go by who speaks, which some seeds did at first."""
PLAIN = Mixture(hit=0.55, miss=0, protocols=(0.05, 0.10, 0.35, 0.42, 0.08))
"""Few withdrawals, most of which hit: a judge that meets many that do not before it knows what a
single line is worth does not find out."""
PROTOCOLS = (naive(), consultancy(), debate(rounds=1), debate(rounds=2), critique())


def contested(how: Mixture) -> Mixture:
    """What a mixture becomes in the last course: more rebuttals, some of which show the withdrawal
    of their own side's line. A judge that credits whoever shows one pays for that, and debaters
    trained on such a judge found it."""
    return replace(how, undo=0.2, protocols=(0.04, 0.06, 0.16, 0.66, 0.08))


@dataclass(frozen=True, slots=True)
class Judged:
    """A judge's prompt, and the probability of each option as they are listed in it.

    ``notes`` say of every line that the prompt shows as found, in its order, what it is worth: the
    label of the answer that a statement speaks for, or whose shown statement a withdrawal takes
    back; empty where it is about neither.
    """

    messages: Messages
    target: tuple[float, ...]
    notes: tuple[str, ...] = ()


def _show(
    one: World, side: int, mine: int | None, shown: int | None, how: Mixture, rng: Random
) -> tuple[str, int | None]:
    """The words of a speech, and the index of the line in them that is in the passage."""
    withdrawals = [i for i, line in enumerate(one.lines) if isinstance(line, Withdrawal)]
    held = None if mine is None else one.lines[mine]
    undone = one.withdrawn_by(held) if isinstance(held, Statement) else None
    if undone is not None and how.undo and rng.random() < how.undo:
        return quotation(render(one.lines[undone])), undone
    if shown is not None:
        line = one.lines[shown]
        hit = one.withdrawn_by(line) if isinstance(line, Statement) else None
        if hit is not None and rng.random() < how.hit:
            return quotation(render(one.lines[hit])), hit
        misses = [i for i in withdrawals if i != hit]
        if misses and rng.random() < how.miss:
            miss = rng.choice(misses)
            return quotation(render(one.lines[miss])), miss
    statements = [i for i, line in enumerate(one.lines) if isinstance(line, Statement)]
    about = {i: one.supports(one.lines[i]) for i in statements}
    other = [i for i in statements if about[i] is None]
    noun = one.ask.object.split()[1]
    near = [
        i
        for i in other
        if isinstance(line := one.lines[i], Statement)
        and (line.value in one.answers or line.object.split()[1] == noun)
    ]
    kinds = {
        "own": [i for i in statements if about[i] == side],
        "theirs": [i for i in statements if about[i] == 1 - side],
        "other": other,
        "near": near,
        "stray": withdrawals,
    }
    weights = [(name, getattr(how, name)) for name in (*kinds, "invented", "silent")]
    (kind,) = rng.choices([name for name, _ in weights], [weight for _, weight in weights])
    if kind == "silent":
        return "", None
    if kind == "invented":
        line = one.lines[rng.choice(statements)]
        assert isinstance(line, Statement)
        claim = Statement(line.witness, rng.choice(("saw", "heard")), one.ask.object, one.ask.kind,
                          one.answers[side])  # fmt: skip
        if claim in one.lines:
            return "", None
        return quotation(render(claim)), None
    lines = kinds[kind] or other
    index = rng.choice(lines)
    return quotation(render(one.lines[index])), index


def lesson(one: World, how: Mixture, rng: Random) -> Judged:
    """A transcript on a world, as a judge reads it, with the posterior of what it shows."""
    (protocol,) = rng.choices(PROTOCOLS, how.protocols)
    speakers = protocol.speakers
    first = rng.randrange(2)
    speaks_for = {seat: (first + n) % 2 for n, seat in enumerate(speakers)}
    on_trial = protocol.options != "answers"
    sides = tuple((seat, n) for n, seat in enumerate(speakers)) if on_trial else speaks_for.items()
    match = Match(
        one.question, protocol, tuple(sides), tuple((seat, "") for seat in speakers),
        proposal=first if on_trial else None,
    )  # fmt: skip
    transcript: Transcript = ()
    seen: list[int] = []
    last: dict[str, int | None] = {}
    while slots := pending(protocol, transcript, list(speakers))[1]:
        before = dict(last)
        for slot in slots:
            opponent = next((s for s in speakers if s != slot.seat), "")
            shown = before.get(slot.seat), before.get(opponent)
            text, index = _show(one, speaks_for[slot.seat], *shown, how, rng)
            seen += [] if index is None else [index]
            last[slot.seat] = index
            transcript = spoken(match, transcript, slot, text)
    order = (0, 1) if rng.random() < 0.5 else (1, 0)
    read = view(match, transcript, verdict_slot(protocol), None, order)
    lines = [one.lines[i] for i in seen]
    posterior = literal_posterior(
        one.question.text,
        one.answers,
        [line for line in lines if isinstance(line, Statement)],
        [line for line in lines if isinstance(line, Withdrawal)],
    )
    if on_trial:
        posterior = (posterior[first], 1 - posterior[first])
    prompt = decision_prompt(read, TERSE)
    target = tuple(posterior[i] for i in order)
    return Judged(prompt, target, _notes(one, prompt, "12" if on_trial else "AB"))


def _notes(one: World, prompt: Messages, labels: str) -> tuple[str, ...]:
    """What every line that a prompt shows as found is about."""
    about: dict[str, str] = {}
    found = []
    for text in prompt[-1].content.split("\n"):
        line = parse(text.removeprefix(PASSAGE)) if text.startswith(PASSAGE) else None
        if isinstance(line, Statement):
            side = one.supports(line)
            about[line.witness] = "" if side is None else labels[side]
        if line is not None:
            found.append(about.get(line.witness, ""))
    return tuple(found)


def course(seed: int, how: Mixture = MIXED, start: int = 0) -> Iterator[Judged]:
    """Lessons without end, from number ``start``; both kinds of faces, all words."""
    index = start
    while True:
        rng = Random(derive_seed("judged", seed, index))
        faces: Faces = "equal" if rng.random() < 0.6 else "free"
        split: Split = "test" if rng.random() < 0.3 else "train"
        one = world(derive_seed("bench", seed), index, split, faces, SHORT)
        yield lesson(one, how, rng)
        index += 1
