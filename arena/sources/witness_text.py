"""The words of the witness world: its lines as values, as English, and back.

A passage is one line per statement or withdrawal. `parse` reads a line, `parse_question` a
question: all that scripted debaters and Bayes judges know of a world goes through these two, so
they see the same text as any other participant. Names, adjectives and nouns of the two splits
are disjoint; the values (places, people, colours, days, prices) are shared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

Split = Literal["train", "test"]
GRADES: tuple[str, ...] = ("saw", "heard", "guessed")
"""The plain words of reliability, the most reliable first."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fact: how it is asked about, how it is stated, and what its value may be."""

    name: str
    question: str
    verb: str
    values: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_PLACES = _words(
    "cellar attic stable kitchen garden chapel mill tower library barn orchard pantry workshop "
    "courtyard hallway bakery harbour market forge boathouse dairy greenhouse tavern schoolroom"
)
_PEOPLE = _words(
    "baker miller doctor sailor teacher farmer carpenter tailor porter gardener blacksmith weaver "
    "painter priest cook fisherman shepherd mayor potter groom clerk nurse"
)
_NUMBERS = _words(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
_DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
_COLOURS = _words("red green blue yellow white black purple orange brown grey pink turquoise")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("where", "Where was the {}?", "was", tuple(f"in the {p}" for p in _PLACES)),
        Kind("who", "Who had the {}?", "was with", tuple(f"the {p}" for p in _PEOPLE)),
        Kind("colour", "Which colour was the {}?", "was painted", _COLOURS),
        Kind("day", "When did the {} arrive?", "arrived", tuple(f"on {d}" for d in _DAYS)),
        Kind(
            "price",
            "For how much was the {} sold?",
            "was sold for",
            tuple(f"{n} coins" for n in _NUMBERS),
        ),
    )
}
"""The kinds of fact by name."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that one split has to itself."""

    names: tuple[str, ...]
    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]


VOCABULARIES: dict[Split, Vocabulary] = {
    "train": Vocabulary(
        names=_words(
            "Mara Abel Ned Ann Rosa Lena Tess Leo Zack Faye Kurt Ida Otto Vera Hugo Nina Paul Ruth "
            "Sven Tilda Boris Clara Edgar Flora Gus Hanna Ivan Jutta Karl Lotte Milo Nora Oscar "
            "Petra Quinn Rolf Stella Theo Ursula Victor Wanda Xenia York Zelda Arno Berta Conrad "
            "Dora Emil Frida Georg Helga Igor Julia Knut Linda Magnus Nadia Olaf Paula Ralf Sonja "
            "Tomas Ulla Viggo Willa Yara Zeno Agnes Bruno Celia Dirk Elsa Felix Greta Henrik Irma "
            "Jonas Katja Lars Mona Nils Olga Pablo Rita Simon Thea Uwe Viola Walter Anton Birgit"
        ),
        adjectives=_words(
            "brass silver wooden iron velvet woollen glass copper leather marble painted carved "
            "broken rusty dusty polished heavy light small large narrow wide round square tall "
            "short thick thin old new ancient modern plain striped dotted folded cracked bent "
            "borrowed stolen hidden missing spare foreign royal rural simple splendid shiny smooth "
            "rough soft hard cold warm damp faded patched hollow solid"
        ),
        nouns=_words(
            "lamp book clock scarf key box chair table mirror basket kettle drum flute violin map "
            "letter coat hat boot glove ring necklace candle vase bowl plate cup spoon knife "
            "hammer pump ladder rope bucket barrel cart wheel saddle bridle sword shield flag tent "
            "blanket pillow carpet curtain picture statue bell whistle compass lantern trunk desk "
            "stool shelf broom shovel anchor"
        ),
    ),
    "test": Vocabulary(
        names=_words(
            "Adele Basil Carmen Dennis Esther Fergus Gloria Harold Ingrid Jasper Kirsten Lionel "
            "Miriam Norbert Odette Philip Ramona Stefan Tamara Ulrich Veronica Wilfred Yvonne "
            "Zachary Alma Benno Cora Damian Erna Frank Gerda Hector Ilse Joachim Klara Luther "
            "Maude Nestor Ottilie Percy Renate Samuel Trudy Valentin Wilma Xaver Yolanda Zita "
            "Astrid Bernard"
        ),
        adjectives=_words(
            "golden bronze bamboo granite silken woven engraved scratched gilded crooked slender "
            "massive tiny enormous oval pointed curved antique curious humble elegant worn torn "
            "muddy dented varnished quilted portable ceremonial unfinished"
        ),
        nouns=_words(
            "chest harp trumpet teapot jug tray ladle chisel axe rake wagon sled oar net banner "
            "cloak belt apron brooch bracelet crown quilt rug tapestry globe telescope hourglass "
            "birdcage bench cradle"
        ),
    ),
}
"""The words of each split; no name, adjective or noun is in both."""

WITHDRAWALS: tuple[str, ...] = (
    "said that it had been the other",
    "took that back: it had been a different",
    "admitted to having been wrong about the",
)
"""The wordings of a withdrawal, between the witness's name and the noun."""

_SENSES = {"saw": "seen", "heard": "heard", "guessed": "guessed"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A witness says, with a grade, what the value of a fact was. A fact is object and kind."""

    witness: str
    grade: str
    object: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A witness takes its one statement of the passage back. ``wording`` indexes `WITHDRAWALS`."""

    witness: str
    noun: str
    wording: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """The fact that a question asks for."""

    object: str
    kind: str

    @property
    def text(self) -> str:
        """The question in English."""
        return KINDS[self.kind].question.format(self.object)

    def about(self, line: Statement) -> bool:
        """Whether a statement is about this fact."""
        return line.object == self.object and line.kind == self.kind


Line: TypeAlias = Statement | Withdrawal


def render(line: Line) -> str:
    """The English of a line.

    What is claimed comes before who vouches for it, and nothing stands between the two: a small
    model that has begun to restate a claim finds its witness by going on as the passage does.
    """
    if isinstance(line, Withdrawal):
        return f"Later {line.witness} {WITHDRAWALS[line.wording]} {line.noun}."
    verb = KINDS[line.kind].verb
    sense = _SENSES[line.grade]
    return f"The {line.object} {verb} {line.value}, as {sense} by {line.witness}."


_KIND_OF_VERB = {kind.verb: kind.name for kind in KINDS.values()}
_VERBS = "|".join(sorted(_KIND_OF_VERB, key=len, reverse=True))  # "was with" before "was"
_GRADE_OF_SENSE = {sense: grade for grade, sense in _SENSES.items()}
_STATEMENT = re.compile(
    rf"The (\w+ \w+) ({_VERBS}) ([\w ]+), as ({'|'.join(_GRADE_OF_SENSE)}) by (\w+)\.?"
)
_WORDING = {wording: i for i, wording in enumerate(WITHDRAWALS)}
_WITHDRAWAL = re.compile(rf"Later (\w+) ({'|'.join(WITHDRAWALS)}) (\w+)\.?")
_QUESTIONS = [
    (kind.name, re.compile(re.escape(kind.question).replace(r"\{\}", r"(\w+ \w+)")))
    for kind in KINDS.values()
]


@lru_cache(maxsize=4096)
def parse(line: str) -> Line | None:
    """What a line says; None where it is no line of a witness world (or not a whole one)."""
    line = line.strip()
    found = _STATEMENT.fullmatch(line)
    if found:
        thing, verb, value, sense, witness = found.groups()
        return Statement(witness, _GRADE_OF_SENSE[sense], thing, _KIND_OF_VERB[verb], value)
    found = _WITHDRAWAL.fullmatch(line)
    if found:
        return Withdrawal(found[1], found[3], _WORDING[found[2]])
    return None


@lru_cache(maxsize=256)
def parse_passage(passage: str) -> tuple[Line | None, ...]:
    """What each line of a passage says; line number n of a citation is at index n - 1."""
    return tuple(map(parse, passage.split("\n")))


@lru_cache(maxsize=256)
def parse_question(question: str) -> Ask | None:
    """The fact that a question asks for; None where it is no question of a witness world."""
    for kind, pattern in _QUESTIONS:
        found = pattern.fullmatch(question)
        if found:
            return Ask(found[1], kind)
    return None


def withdrawn(lines: Sequence[Line | None]) -> frozenset[str]:
    """The witnesses whose statements are withdrawn by any of ``lines``."""
    return frozenset(line.witness for line in lines if isinstance(line, Withdrawal))
