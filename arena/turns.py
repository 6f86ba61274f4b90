"""Turns: what was said, by whom, after what and in reply to what; and the tree they form.

A `Turn` is a node. Its ``parent`` is the turn before it (history and alternatives); ``replies_to``
names the turns that it answers (argument). What is said is a `Speech` or, at a leaf, a `Verdict`;
both are stored once by content and shared by every turn that carries them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from arena.ids import content_id

if TYPE_CHECKING:
    import networkx

Kind = Literal["speech", "answer", "critique", "question", "belief", "verdict"]
SpeechStatus = Literal["ok", "length", "refused", "too long", "error", "over limit"]
VerdictStatus = Literal["ok", "tie", "unparsed", "refused", "truncated", "timed out"]
Mode = Literal["whole", "stepped", "timed", "live"]
Origin = Literal["sampled", "candidate", "fork", "imported", "person"]
LEAF_KINDS: frozenset[str] = frozenset({"belief", "verdict"})


@dataclass(frozen=True, slots=True)
class Quote:
    """A quotation in a speech: characters ``[begin, end)`` of the speech's text.

    ``span`` is what they quote, characters ``[start, stop)`` of the passage, or None where the
    words are not in the passage (an unverified quote).
    """

    begin: int
    end: int
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """What a speaker said. ``thought`` is private to its seat.

    ``side`` is the answer that the speaker chose to defend (open protocols, proposers), an index
    into the question's answers. ``stop`` ends or concedes, where the slot lets it. A speech over
    its limits keeps its text here and is shown to nobody.
    """

    text: str
    thought: str = ""
    quotes: tuple[Quote, ...] = ()
    side: int | None = None
    stop: bool = False
    status: SpeechStatus = "ok"
    id: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        quotes = [(q.begin, q.end, q.span) for q in self.quotes]
        value = [self.text, self.thought, quotes, self.side, self.stop, self.status]
        object.__setattr__(self, "id", content_id("s", value))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's decision, or its belief on the way. Every tuple is indexed by option.

    ``choice``, ``elicited`` (a stated probability, summing to 1) and ``choice_logprobs`` (natural
    log, on the whole vocabulary, not normalised) are obtained in different ways, kept apart, and
    None where they were not obtained. ``order`` is the listing in which the options were shown.
    Only the statuses ok and tie carry probabilities; an ok verdict has a choice, a tie has none.
    ``stop`` on a belief means that the judge ends the debate with it.
    """

    choice: int | None = None
    elicited: tuple[float, ...] | None = None
    choice_logprobs: tuple[float, ...] | None = None
    reason: str = ""
    status: VerdictStatus = "ok"
    order: tuple[int, ...] = ()
    mode: Mode = "whole"
    stop: bool = False
    id: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        has_numbers = self.elicited is not None or self.choice_logprobs is not None
        if self.status == "ok" and self.choice is None:
            raise ValueError("a verdict with status ok needs a choice; a draw has status tie")
        if self.status == "tie" and self.choice is not None:
            raise ValueError(f"a tie chooses no option, got choice {self.choice}")
        if self.status not in ("ok", "tie") and (self.choice is not None or has_numbers):
            raise ValueError(f"a verdict with status {self.status!r} carries no choice or number")
        if self.choice is not None and self.choice < 0:
            raise ValueError(f"a choice is an index of an option, got {self.choice}")
        if self.elicited is not None:
            total = sum(self.elicited)
            if abs(total - 1) > 1e-6 or min(self.elicited) < 0:
                raise ValueError(f"elicited probabilities must be >= 0 and sum to 1, got {total}")
        value = [
            self.choice, self.elicited, self.choice_logprobs, self.reason,
            self.status, self.order, self.mode, self.stop,
        ]  # fmt: skip
        object.__setattr__(self, "id", content_id("v", value))


@dataclass(frozen=True, slots=True)
class Turn:
    """A filled slot. The id covers parent, place, seat, kind, author, what was said and sample.

    ``place`` is the number of the round within its playing; ``parent`` is the id of the turn
    before, or of the root. ``seen`` is the hash of the view that the speaker was given, ``calls``
    the keys of the exact requests made for this turn, in order. Beliefs and verdicts are leaves.
    """

    parent: str
    place: int
    seat: str
    kind: Kind
    author: str
    said: Speech | Verdict
    sample: int = 0
    seen: str = ""
    replies_to: tuple[str, ...] = ()
    origin: Origin = "sampled"
    score: float | None = None  # of a candidate, by whoever chose among them
    calls: tuple[str, ...] = ()
    at: float | None = None  # seconds since 1970, where a person or an import says so
    id: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if (self.kind in LEAF_KINDS) != isinstance(self.said, Verdict):
            raise ValueError(f"a {self.kind} turn cannot hold a {type(self.said).__name__}")
        value = [
            self.parent, self.place, self.seat, self.kind, self.author, self.said.id, self.sample,
        ]  # fmt: skip
        object.__setattr__(self, "id", content_id("t", value))

    @property
    def is_leaf(self) -> bool:
        """Whether this turn can never have children."""
        return self.kind in LEAF_KINDS

    @property
    def speech(self) -> Speech:
        """What was said, on a turn that is not a leaf."""
        if not isinstance(self.said, Speech):
            raise TypeError(f"a {self.kind} turn holds a verdict, not a speech")
        return self.said

    @property
    def verdict(self) -> Verdict:
        """The belief or verdict, on a leaf."""
        if not isinstance(self.said, Verdict):
            raise TypeError(f"a {self.kind} turn holds a speech, not a verdict")
        return self.said


class TurnTree:
    """All turns below one root: a graph with two kinds of edge, ``parent`` and ``reply``.

    A transcript is a path; best-of-n candidates, forks and the groups of a policy gradient are
    siblings; judges' beliefs and verdicts are leaves. Built for one root, on demand.
    """

    def __init__(self, root: str, turns: Iterable[Turn] = ()) -> None:
        import networkx

        self.root = root
        self.graph: networkx.MultiDiGraph = networkx.MultiDiGraph()
        self.graph.add_node(root)
        self._turns: dict[str, Turn] = {}
        waiting: dict[str, list[Turn]] = {}
        for turn in turns:  # in any order
            waiting.setdefault(turn.parent, []).append(turn)
        reached = [root]
        while reached:
            for turn in waiting.pop(reached.pop(), ()):
                self.add(turn)
                reached.append(turn.id)
        if waiting:
            lost = sorted(turn.id for group in waiting.values() for turn in group)
            raise ValueError(f"turns that are not below root {root}: {', '.join(lost[:5])}")

    def add(self, turn: Turn) -> None:
        """Add a turn below its parent; adding it again changes nothing."""
        if turn.id in self._turns:
            return
        parent = self._turns.get(turn.parent)
        if parent is None and turn.parent != self.root:
            raise ValueError(f"turn {turn.id} has an unknown parent {turn.parent}")
        if parent is not None and parent.is_leaf:
            raise ValueError(f"a {parent.kind} is a leaf: turn {turn.id} cannot hang below it")
        for target in turn.replies_to:
            if target not in self._turns:
                raise ValueError(f"turn {turn.id} replies to {target}, which is not in the tree")
        self._turns[turn.id] = turn
        self.graph.add_edge(turn.parent, turn.id, key="parent")
        for target in turn.replies_to:
            self.graph.add_edge(turn.id, target, key="reply")

    def __len__(self) -> int:
        return len(self._turns)

    def __contains__(self, turn: str) -> bool:
        return turn in self._turns

    def __getitem__(self, turn: str) -> Turn:
        return self._turns[turn]

    def __iter__(self) -> Iterator[Turn]:
        return iter(self._turns.values())

    def children(self, node: str) -> list[Turn]:
        """The turns right after ``node``, in the order in which they were added."""
        edges = self.graph.out_edges(node, keys=True)
        return [self._turns[child] for _, child, key in edges if key == "parent"]

    def path(self, turn: str) -> tuple[Turn, ...]:
        """The turns from the root to ``turn``, both ends included."""
        steps: list[Turn] = []
        while turn != self.root:
            steps.append(self._turns[turn])
            turn = self._turns[turn].parent
        return tuple(reversed(steps))

    def answers_to(self, turn: str) -> list[Turn]:
        """The turns that reply to ``turn``."""
        edges = self.graph.in_edges(turn, keys=True)
        return [self._turns[source] for source, _, key in edges if key == "reply"]

    def depth_first(self) -> Iterator[tuple[int, Turn]]:
        """Every turn with its depth, parents before children, siblings in order."""
        stack = [(0, turn) for turn in reversed(self.children(self.root))]
        while stack:
            depth, turn = stack.pop()
            yield depth, turn
            stack.extend((depth + 1, child) for child in reversed(self.children(turn.id)))
