"""The conditions of a study with their names found: arms, and what stands beside them.

A run file names players, judges and protocols; here names become values, and what does not fit is
refused in a line that names the field. Nothing is read from a store, and nothing of the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from arena.config import ConfigError, find_protocol
from arena.match import PERSON
from arena.participants import parse
from arena.protocols import JUDGE, Protocol, Round, Slot
from arena.questions import Question
from arena.runfile import RunFile
from arena.runner import Listings
from arena.studyfile import Condition, Contrast, StudyBlock
from arena.tournament import Seats, arranged

Kind = Literal["naive", "expert", "consultancy", "debate", "critique only", "critique"]
SPOKEN = ("speech", "answer", "critique")


@dataclass(frozen=True, slots=True)
class Arm:
    """A condition with its names found: ``rules`` is what the file calls its protocol, ``debaters``
    are players in the order of the speaking seats, ``beside`` is the debate that a critique-only
    arm stands beside."""

    name: str
    kind: Kind
    protocol: Protocol
    rules: str
    debaters: tuple[str, ...]
    judges: tuple[str, ...]
    mirrored: bool = False
    seats: Seats = "fixed"
    listings: Listings = "listed"
    replicates: int = 1
    beside: str | None = None

    def per_question(self, answers: int) -> int:
        """How many matches each judge has on a question with so many answers."""
        question = Question("?", tuple(str(i) for i in range(answers)))
        found = arranged(question, 0, self.protocol, self.debaters, 0, mirrored=self.mirrored,
                         seats=self.seats)  # fmt: skip
        return self.replicates * len(found)

    @property
    def speeches(self) -> int:
        """How many speeches a match has at most."""
        return len(_spoken(self.protocol))


@dataclass(frozen=True, slots=True)
class Design:
    """A study's arms, in the order of its tables, and what is proposed and not done."""

    block: StudyBlock
    arms: tuple[Arm, ...]
    proposals: tuple[str, ...]

    def arm(self, name: str) -> Arm:
        """The arm of this name."""
        return next(one for one in self.arms if one.name == name)


def design(run: RunFile, folder: Path) -> Design:
    """The arms of a run file's study. Raises ConfigError naming the field that does not fit."""
    block = run.study
    if block is None:
        raise ConfigError("study: expected a block with conditions, got none")
    if not run.judges:
        raise ConfigError("judges: expected at least one, as in `judges: {me: person}`")
    found = [_arm(run, name, one, folder) for name, one in block.conditions.items()]
    found = _sandwiched(run, block, found)
    arms, proposals = _with_critiques(run, block, found)
    proposals += _matchable(arms)
    made = Design(block, tuple(arms), tuple(proposals))
    for i, one in enumerate(block.declared):
        first = "primary" if block.primary is not None and i == 0 else ""
        at = first or f"contrasts.{i - (block.primary is not None)}"
        _check_contrast(made, one, f"study.{at}")
    return made


def _arm(run: RunFile, name: str, one: Condition, folder: Path) -> Arm:
    at = f"study.conditions.{name}"
    try:
        protocol = find_protocol(one.protocol, folder)
        builtin = isinstance(one.protocol, str) and not one.protocol.endswith((".yaml", ".yml"))
        rules = str(one.protocol) if builtin else protocol.name
        if one.speeches is not None:
            protocol = of_speeches(protocol, one.speeches)
        if one.information.passage_to is not None:
            protocol = replace(protocol, passage_to=one.information.passage_to)
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{at}: {error}") from None
    speakers = protocol.speakers
    if len(speakers) > 2:
        raise ConfigError(f"{at}.protocol: two seats speak at most, got {', '.join(speakers)}")
    judges = tuple(run.judges) if one.judges is None else one.judges
    for judge in judges:
        if judge not in run.judges:
            raise ConfigError(_unknown(f"{at}.judges", judge, run.judges))
    return Arm(
        name, kind_of(protocol), protocol, rules, _debaters(run, at, one, speakers),
        tuple(dict.fromkeys(judges)), one.mirrored, one.seats, one.listings, one.replicates,
    )  # fmt: skip


def _unknown(at: str, name: str, known: Mapping[str, object]) -> str:
    return f"{at}: {name!r} is not one of {', '.join(known) or 'none'}"


def _debaters(
    run: RunFile, at: str, one: Condition, speakers: tuple[str, ...]
) -> tuple[str, ...]:  # fmt: skip
    """The players of a condition in the order of its speaking seats."""
    given = one.debaters
    if isinstance(given, dict):
        for seat in given:
            if seat not in speakers:
                raise ConfigError(f"{at}.debaters: {seat!r} is no speaking seat of {speakers}")
        empty = [seat for seat in speakers if seat not in given]
        if empty:
            raise ConfigError(f"{at}.debaters: nobody sits at {', '.join(empty)}")
        named = tuple(given[seat] for seat in speakers)
    elif given:
        named = given
        if len(named) != len(speakers):
            raise ConfigError(
                f"{at}.debaters: {len(speakers)} speaking seats {list(speakers)}, got {len(named)}"
            )
    else:
        named = tuple(run.players)
        if speakers and not named:
            raise ConfigError(f"players: {at} needs {len(speakers)}, got none; add players")
        named = (named * 2)[: len(speakers)] if len(named) == 1 else named[: len(speakers)]
    for player in named:
        if player not in run.players:
            raise ConfigError(_unknown(f"{at}.debaters", player, run.players))
    return named


def kind_of(protocol: Protocol) -> Kind:
    """What an arm is called after its rules."""
    roles = [protocol.role(seat) for seat in protocol.speakers]
    if not roles:
        return "expert" if JUDGE in protocol.passage_to else "naive"
    if "proposer" in roles or "critic" in roles:
        return "critique"
    return "consultancy" if len(roles) == 1 else "debate"


def _spoken(protocol: Protocol) -> list[Slot]:
    """The speakers' slots of the longest playing."""
    rounds = (*protocol.opening, *protocol.cycle * protocol.cycles, *protocol.closing)
    return [slot for one in rounds for slot in one.slots if slot.kind in SPOKEN]


def of_speeches(protocol: Protocol, n: int) -> Protocol:
    """A consultancy of ``n`` speeches: so many as the debate has that it is compared with.

    Raises ValueError where not one consultant alone speaks.
    """
    speeches = _spoken(protocol)
    if len(protocol.speakers) != 1 or not speeches:
        raise ValueError(f"speeches is for one consultant, got {protocol.name!r}")
    again = Round((speeches[0],), name="speech")
    return replace(
        protocol, opening=(again,), cycle=(again,) if n > 1 else (), cycles=n - 1
    )  # fmt: skip


def critique_only(protocol: Protocol) -> Protocol | None:
    """A debate without answering: each debater speaks once, and none has heard the other.

    The judge hears one independent critique of each answer, by the debater that argues for the
    other one. Seats, sides, limits, quotations, who sees the passage and what the verdict is over
    stay as they are, so what is taken away is just what makes a debate of it, answering, and the
    difference of the two arms is what the answers were worth. (The protocol ``critique`` asks
    another question, whether one proposed answer is right, and gives its seats other tasks: no
    difference of accuracy to it would be due to the rebuttals. It can be a condition of its own.)
    The judge asks nothing in between. None where there is nothing to take away: one speaker, no
    second speech, or a protocol of critiques already.
    """
    slots = _spoken(protocol)
    if kind_of(protocol) != "debate" or any(slot.kind == "critique" for slot in slots):
        return None
    if len(slots) <= len(protocol.speakers):
        return None
    first: dict[str, Slot] = {}
    for slot in slots:
        first.setdefault(slot.seat, slot)
    once = tuple(
        replace(first[seat], replies_to="nothing", may_stop=False, seen_by=("all",))
        for seat in protocol.speakers if seat in first
    )  # fmt: skip
    verdict = Round((Slot(JUDGE, "verdict", seen_by=(JUDGE,)),), name="verdict")
    return replace(
        protocol, name=f"{protocol.name}, critique only", opening=(Round(once, True, "opening"),),
        cycle=(), cycles=0, closing=(verdict,), stop="rounds", beliefs_to=(),
    )  # fmt: skip


def by_people(run: RunFile, arm: Arm) -> bool:
    """Whether a person judges an arm."""
    return any(parse(run.judges[name]).kind == PERSON for name in arm.judges)


def _sandwiched(run: RunFile, block: StudyBlock, found: list[Arm]) -> list[Arm]:
    """The arms with the floor and the ceiling that a sandwich lies between."""
    between = block.between
    if between is None:
        return found
    out = list(found)
    for field, name, kind in (("floor", between.floor, "naive"),
                              ("ceiling", between.ceiling, "expert")):  # fmt: skip
        there = next((one for one in out if one.name == name), None)
        if there is None:
            given = Condition(kind)
            out.insert(0 if kind == "naive" else len(out), _arm(run, name, given, Path()))
        elif there.kind != kind:
            what = "nobody speaks and nobody has the passage" if kind == "naive" else (
                "nobody speaks and the judge has the passage")  # fmt: skip
            raise ConfigError(f"study.sandwich.{field}: expected a condition in which {what}, got "
                              f"{name!r} ({there.rules})")  # fmt: skip
    return out


def _with_critiques(
    run: RunFile, block: StudyBlock, found: Sequence[Arm]
) -> tuple[list[Arm], list[str]]:
    """The arms with a critique-only arm after every debate that models judge; and proposals."""
    out: list[Arm] = []
    proposals: list[str] = []
    for arm in found:
        out.append(arm)
        less = critique_only(arm.protocol)
        if less is None or not block.critique:
            continue
        name = f"{arm.name}: critique only"
        there = [one for one in found
                 if one.protocol.id == less.id and one.debaters == arm.debaters]  # fmt: skip
        if there or any(one.name == name for one in found):
            continue  # the study has this arm already
        if by_people(run, arm):
            proposals.append(
                f"{name}: each debater of {arm.name!r} speaks once and answers nothing, on the "
                "same questions, judged by other people; add it as a condition of its own to learn "
                "what answering is worth"
            )
            continue
        out.append(replace(arm, name=name, kind="critique only", protocol=less, rules=less.name,
                           beside=arm.name))  # fmt: skip
    return out, proposals


def _matchable(arms: Sequence[Arm]) -> list[str]:
    """Consultancies that show fewer speeches than the debates beside them."""
    most = max((one.speeches for one in arms if one.kind == "debate"), default=0)
    return [
        f"{one.name}: a judge reads {one.speeches} "
        f"speech{'' if one.speeches == 1 else 'es'} here and {most} in a debate; write "
        f"speeches: {most} to show as many"
        for one in arms
        if one.kind == "consultancy" and one.speeches < most
    ]


def _check_contrast(made: Design, one: Contrast, at: str) -> None:
    names = {arm.name: arm for arm in made.arms}
    for field in ("first", "second"):
        if (name := getattr(one, field)) not in names:
            raise ConfigError(_unknown(f"{at}.{field}", name, names))
    floor = made.block.between.floor if made.block.between else None
    if made.block.exclude.known is not None:
        floors = [arm.name for arm in made.arms if arm.kind == "naive"]
        if not floors:
            raise ConfigError(
                "study.exclude.known: no condition asks the judge with nothing to read; add "
                "`naive: {protocol: naive}`"
            )
        if {one.first, one.second} & {*floors, floor}:
            raise ConfigError(
                f"{at}: study.exclude.known chooses questions by the verdicts of {floors[0]!r}, "
                "which biases every comparison with it; leave one of the two out"
            )
    judge_of(made, one, at)


def judge_of(made: Design, one: Contrast, at: str = "study.primary") -> str:
    """The judge of a contrast. Raises ConfigError where it does not judge both arms."""
    first, second = made.arm(one.first), made.arm(one.second)
    both = [name for name in first.judges if name in second.judges]
    if one.judge is None:
        if len(both) != 1:
            listed = ", ".join(both) or "none"
            raise ConfigError(f"{at}.judge: name the one that counts; those of both: {listed}")
        return both[0]
    if one.judge not in both:
        raise ConfigError(_unknown(f"{at}.judge", one.judge, dict.fromkeys(both)))
    return one.judge
