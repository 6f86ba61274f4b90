"""Every room of the NYU debates as plain values, read from the files by the standard library alone.

`nyu_reports` has the judges' reports of the published sample; this has all rooms, with speeches,
quotations and the judges who read afterwards. Nothing of the importer is used, nor of the
estimators, so figures from here are the data's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from test_nyu import data

TOKENS = {
    "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}",
    "``": '"', "''": '"', "--": "-", "/-": "-", "/.": ".", "/?": "?",
}  # fmt: skip
BEFORE = frozenset(
    [*".,!?;:%-+)]}°", "''", "n't", "'s", "'re", "'ve", "'ll", "na", "'m", "'d", "-RRB-", "-RSB-",
     "-RCB-"]
)  # fmt: skip
AFTER = frozenset([*"$£€#-([{", "``", "-LRB-", "-LSB-", "-LCB-"])


def rendered(tokens: Sequence[str]) -> str:
    """Penn tokens as text, by the rule of the study's own library (`Text.render`)."""
    out, tight, opened = "", True, {'"': False, "'": False}
    for token in tokens:
        if token == "%pw":
            continue
        shown, closes, opens = TOKENS.get(token, token), token in BEFORE, token in AFTER
        if token in opened:
            closes, opens = opened[token], not opened[token]
            opened[token] = not opened[token]
        out += ("" if tight or closes else " ") + shown
        tight = opens
    return out


@dataclass(frozen=True)
class Spoken:
    """A speech: its own characters, and the story's tokens that it quotes, as ranges."""

    written: int
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Reader:
    """A judge who read afterwards; ``p`` of the first answer, None if it never came to an end."""

    name: str
    mode: str
    p: float | None


@dataclass(frozen=True)
class RawRoom:
    """One room. ``p`` are the live reports of the first answer, in order, ``true`` of the truth."""

    name: str
    setting: str
    paper: bool
    complete: bool
    truth: int
    debaters: tuple[tuple[int, str], ...]  # whose answer, who
    judge: str | None
    story: str
    question: str
    tokens: tuple[str, ...]
    p: tuple[float, ...]
    rounds: tuple[dict[int, Spoken], ...]  # by whose answer
    readers: tuple[Reader, ...]
    true: tuple[float, ...]

    @property
    def final(self) -> float:
        return self.true[-1]

    @property
    def honest(self) -> bool | None:
        return None if len(self.debaters) > 1 else self.debaters[0][0] == self.truth

    @property
    def turns(self) -> int:
        return len(self.p) - 1

    @property
    def finals(self) -> tuple[float, ...]:
        """The last report of the first answer of each of its judges, live or afterwards."""
        live = self.p[-1:] if self.complete else ()
        return live + tuple(one.p for one in self.readers if one.p is not None)

    def characters(self, side: int) -> int:
        """All that a side said, its quotations as text."""
        said = [one[side] for one in self.rounds if side in one]
        return sum(
            one.written + sum(len(rendered(self.tokens[a:b])) for a, b in one.spans) for one in said
        )

    def new_quoted(self) -> Iterator[int]:
        """Of each round, the characters that are quoted in it and in none before.

        Both speeches of a round are held against the rounds before it.
        """
        before: set[int] = set()
        for one in self.rounds:
            here, total = set(), 0
            for speech in one.values():
                fresh = {i for a, b in speech.spans for i in range(a, min(b, len(self.tokens)))}
                here |= fresh
                total += sum(len(text) for text in self._runs(fresh - before))
            before |= here
            yield total

    def quoted(self) -> int:
        """The characters of all quotations, those that overlap in one speech once."""
        return sum(
            len(text)
            for one in self.rounds
            for speech in one.values()
            for text in self._runs(
                {i for a, b in speech.spans for i in range(a, min(b, len(self.tokens)))}
            )
        )

    def _runs(self, places: set[int]) -> Iterator[str]:
        ordered = sorted(places)
        begin = 0
        for at in range(1, len(ordered) + 1):
            if at == len(ordered) or ordered[at] != ordered[at - 1] + 1:
                yield rendered(self.tokens[ordered[begin] : ordered[at - 1] + 1])
                begin = at


@lru_cache(maxsize=1)
def every_room() -> tuple[RawRoom, ...]:
    """All rooms of the part that lies beside the checkout."""
    lines = (data() / "debates-metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(map(_room, map(json.loads, lines)))


def paper(setting: str) -> list[RawRoom]:
    """The rooms of a setting that are in the published sample."""
    return [one for one in every_room() if one.paper and one.setting == setting]


def _room(line: dict[str, Any]) -> RawRoom:
    file = data() / "debates" / "official" / f"{line['name']}.json"
    room = json.loads(file.read_text(encoding="utf-8"))
    setup = room["setup"]
    roles, truth = setup["roles"], setup["correctAnswerIndex"]
    seats = {"Debater A": 0, "Debater B": 1}
    debaters = tuple(sorted((seats[role], who) for role, who in roles.items() if role in seats))
    live, rounds, readers = [], [], []
    for one in room["rounds"]:
        ((kind, body),) = one.items()
        if kind == "JudgeFeedback":
            live.append(body["distribution"])
        elif kind.endswith("Speeches"):
            rounds.append({int(i): _spoken(said) for i, said in body["speeches"].items()})
        elif kind == "OfflineJudgments":
            for name, reading in sorted(body["judgments"].items()):
                reports = reading["judgments"]
                done = bool(reports) and reports[-1]["endDebate"]
                p = reports[-1]["distribution"][0] if done else None
                readers.append(Reader(name, reading["mode"], p))
    story = setup["sourceMaterial"]["QuALITYSourceMaterial"]
    human = "ai" if "GPT-4" in roles.values() else "human"
    kind = "debate" if len(debaters) == 2 else "consultancy"
    return RawRoom(
        line["name"], f"{human} {kind}", line["includedInPaper"], "Complete" in line["status"],
        truth, debaters, roles.get("Judge"), story["articleId"], setup["question"],
        tuple(story["contents"]), tuple(one[0] for one in live), tuple(rounds), tuple(readers),
        tuple(one[truth] for one in live),
    )  # fmt: skip


def _spoken(said: dict[str, Any]) -> Spoken:
    content = said["content"]
    return Spoken(
        sum(len(one["Text"]["text"]) for one in content if "Text" in one),
        tuple(tuple(one["Quote"]["span"]) for one in content if "Quote" in one),
    )
