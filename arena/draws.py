"""Which questions a training run asks: each step's own, and the held-out ones of its evaluations.

A step's questions are a function of the seed and the step's number alone, so a resumed run asks
what an uninterrupted one would have. The two kinds never share a question, nor a group (a story).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arena.config import ConfigError
from arena.ids import derive_seed
from arena.questions import Item
from arena.runfile import RunFile, items_of
from arena.sources.witness import DEFAULT, Dials, items
from arena.store import Store
from arena.trainfile import TrainBlock


@dataclass(frozen=True)
class Draws:
    """The questions of training: ``count`` at each step.

    From ``known`` they come in an order that is drawn anew for each time through; where there are
    none, from the witness world of ``run``, which has no end.
    """

    run: RunFile
    count: int
    known: Sequence[Item] = ()

    def at(self, step: int) -> list[Item]:
        """The questions of a step (from 0)."""
        begin = step * self.count
        if not self.known:
            asked = self.run.questions
            dials = DEFAULT if asked.lines is None else Dials(lines=asked.lines)
            made = items(asked.seed, self.count, "train", asked.faces, begin, dials)
            return list(made)
        n = len(self.known)
        turns = range(begin // n, (begin + self.count - 1) // n + 1)
        orders = {turn: self._order(turn) for turn in turns}
        return [orders[i // n][i % n] for i in range(begin, begin + self.count)]

    def _order(self, turn: int) -> list[Item]:
        """The known questions in the order of one time through."""
        seed = self.run.seed
        return sorted(
            self.known, key=lambda one: derive_seed(seed, "questions", turn, one.question.id)
        )


def draws_of(
    run: RunFile, block: TrainBlock, folder: Path, store: Store
) -> tuple[Draws, list[Item]]:
    """The questions that are trained on, and those of every evaluation.

    Trained on is the split that ``questions`` names, ``train`` if it names none. Raises ConfigError
    where a split is empty, and where the two share a question or a group.
    """
    asked, held = run.questions, block.evaluate
    if asked.source == "witness":
        if asked.split not in (None, "train"):
            raise ConfigError(
                f"questions.split: training is on the witness world's train split, got "
                f"{asked.split!r}; leave it out, or write train"
            )
        if (held.split, held.seed) == ("train", asked.seed):
            raise ConfigError(
                f"train.evaluate: the worlds of split 'train' and seed {asked.seed} are trained "
                "on; name another split or seed"
            )
        training = replace(run, questions=replace(asked, split="train"))
        known = items_of(training, folder, store) if asked.n is not None else []
        other = replace(asked, split=held.split, seed=held.seed, n=held.n)
        kept = items_of(replace(run, questions=other), folder, store)
    else:
        every = items_of(replace(run, questions=replace(asked, split=None, n=None)), folder, store)
        known = _of_split(every, asked.split or "train", "questions.split")[: asked.n]
        kept = _of_split(every, held.split, "train.evaluate.split")
        kept.sort(key=lambda one: derive_seed(held.seed, "held out", one.question.id))
        del kept[held.n :]
    _apart(known, kept)
    return Draws(run, block.questions, known), kept


def _of_split(every: Sequence[Item], split: str, field: str) -> list[Item]:
    found = [one for one in every if one.split == split]
    if not found:
        names = ", ".join(sorted({one.split or "none" for one in every}))
        raise ConfigError(
            f"{field}: no question is of split {split!r}; the questions' splits are: {names}"
        )
    return found


def _apart(known: Sequence[Item], kept: Sequence[Item]) -> None:
    for what in ("id", "group"):
        trained = {getattr(one.question, what) for one in known} - {None}
        both = [one for one in kept if getattr(one.question, what) in trained]
        if both:
            raise ConfigError(
                f"train.evaluate: {len(both)} of its questions are trained on as well (same "
                f"{'question' if what == 'id' else 'group'} as {both[0].question.text[:40]!r}); "
                "name another split or seed"
            )
