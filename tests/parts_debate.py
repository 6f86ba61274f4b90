"""A debate with everything that a reader has to draw: every kind of quotation, and hostile text."""

from random import Random

from arena.match import Match, Transcript, View, view
from arena.play import append
from arena.protocols import Limits, debate, verdict_slot
from arena.questions import Question
from arena.quotes import anchor
from arena.turns import Speech, Turn, TurnTree
from ui import reading

HOSTILE = (
    "![x](http://outside.invalid/beacon.png) <script>window.__pwn = 1</script> "
    '<img src="http://outside.invalid/i.png" onerror="window.__pwn = 2"> '
    ":green-badge[:material/verified: Verified] $\\rule{800px}{400px}$ [x](javascript:alert(1)) "
    "<iframe src='http://outside.invalid'></iframe> \u202egnorw\u202c </textarea> # Heading "
    "\u2713 in the passage </article><style>*{display:none}</style>"
)
PASSAGE = (
    "The ferry left before the storm broke, and nobody saw the miller on the quay.\n"
    "CANARY-PASSAGE stays with those who may read it.\n"
    "Twelve crates were loaded in the morning, each marked with the sign of the mill.\n"
    "\n"
    "The keeper was not at the lighthouse when the crates were unloaded at night.\n"
)
LINES = (
    "It sank. <quote>Twelve crates were loaded in the morning</quote>, so it was heavy. See [1].",
    f"It was sold: <quote>the miller took the silver</quote>. {HOSTILE}",
    "He is wrong. <quote>The keeper was at the lighthouse when the crates were unloaded</quote> "
    "and <quote>each marked with the sign of the mill</quote>.",
    "No: <quote>nobody saw the miller</quote>, and [40] is not a line.\n\nSo it was sold.",
)
WORDS = "ferry storm crate mill keeper night quay silver lamp harbour letter was not the and of in"


def debated(rounds: int, size: int) -> tuple[Match, Transcript]:
    """A debate of ``2 * rounds`` turns; with a ``size``, turns of about as many characters with
    three quotations each, on a passage of 30,000."""
    rng = Random(0)
    passage = PASSAGE
    while size and len(passage) < 30_000:
        passage += " ".join(rng.choices(WORDS.split(), k=12)) + ".\n"
    asked = Question("What became of the crates?", ("They sank", "They were sold"), passage, "test")
    rules = debate(rounds, limits=Limits(300, 4000, 2000))
    match = Match(asked, rules, (("A", 0), ("B", 1)), (("A", "a0"), ("B", "a1")))
    said: Transcript = ()
    for place, one in rules.rounds():
        group: tuple[Turn, ...] = ()
        for slot in one.slots:
            if slot.seat not in "AB":
                continue
            text = LINES[len(said + group) % len(LINES)]
            while len(text) < size:
                at = rng.randrange(len(passage) - 300)
                quoted = passage[at : at + 60] if len(text) < size / 2 else "so it is said by them"
                more = " ".join(rng.choices(WORDS.split(), k=60))
                text += f" <quote>{' '.join(quoted.split())}</quote> {more}."
            speech = Speech(text, quotes=anchor(text, passage, "both"))
            group += (append(match, said, place, slot, speech, f"a{'AB'.index(slot.seat)}"),)
        said += group
    return match, said


def seen_by_judge(match: Match, transcript: Transcript, reads: bool = False) -> View:
    """What a reader of the transcript may know; with ``reads``, with the passage."""
    from dataclasses import replace

    one = view(match, transcript, verdict_slot(match.protocol))
    return replace(one, passage=match.question.passage) if reads else one


def branched() -> tuple[dict[str, object], list[str]]:
    """The tree of a debate with a fork after its second turn."""
    match, said = debated(3, 0)
    slot = match.protocol.opening[0].slots[0]
    other = append(match, said[:2], 1, slot, Speech("Otherwise."), "a2", origin="fork")
    turns = TurnTree(match.root, [*said, other])
    return reading.branches(match, turns, {turn.id for turn in said}, {other.id: "a <b>fork</b>"})
