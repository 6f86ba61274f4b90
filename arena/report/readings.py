"""Readings: every verdict on a run's matches with what scoring it takes, from SQL.

Truth comes in here, from `Store.truths`, and nowhere earlier. A verdict whose stored numbers are no
probabilities, or whose choice is none of the options, counts as missing, with a status that says
so: nothing is mended, and no figure is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from arena.match import PERSON
from arena.participants import describe
from arena.protocols import JUDGE, Protocol
from arena.report.spoken import NOTHING, Leaf, Spoken, leaves, spoken
from arena.report.units import DECIDED, Group, Reading, Step, probabilities
from arena.store import Store, StoreError
from arena.text import visible
from arena.twins import name_of

Sample = Literal["paper", "all"]
NOT_PROBABILITIES = "not probabilities"
"""The status of a stored verdict whose numbers do not sum to one, or are none."""
NO_OPTION = "no such option"
"""The status of a stored verdict that chose none of the options."""

_MATCHES = """
SELECT run_matches.labels, m.id, m.question, m.protocol, m.sides, m.seats, m.proposal
FROM run_matches JOIN matches AS m ON m.id = run_matches.match WHERE run = ? ORDER BY position
"""
_VERDICTS = """
SELECT match, id, author, choice, elicited, choice_logprobs, status, listing, mode, origin
FROM verdicts WHERE match IN (SELECT match FROM run_matches WHERE run = ?) ORDER BY match
"""
_QUESTIONS = """
SELECT id, text, answers, passage, source, grp FROM questions WHERE id IN (
  SELECT m.question FROM run_matches JOIN matches AS m ON m.id = run_matches.match WHERE run = ?)
"""
_PEOPLE = """
SELECT id FROM people UNION SELECT id FROM participants WHERE json_extract(record, '$.kind') = ?
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """What reports need of a protocol: its speaking seats, whether one speaker defends an answer
    alone, and what of the performance gap it measures, where nobody speaks."""

    protocol: Protocol
    speakers: tuple[str, ...]
    alone: bool
    anchor: Literal["floor", "ceiling"] | None


@dataclass(slots=True)
class Bout:
    """A match that the run claims, judged or not, with what reports need of it.

    ``sides`` are seats' options, ``right`` the true option where it is known, ``position`` the
    place among the question's answers of the answer on trial. ``concerned``, ``first``, ``second``
    and ``longer`` are those of its verdicts (`arena.report.units.Reading`).
    """

    match: str
    setting: str
    rules: Rules
    question: str
    story: str | None
    sides: Mapping[str, int]
    right: int | None
    options: int
    position: int | None
    said: Spoken
    players: str
    concerned: str
    first: int | None = None
    second: int | None = None
    longer: int = 0
    judged: bool = False


@dataclass(slots=True)
class Evidence:
    """All that a report is made of: its matches, and its verdicts in groups.

    ``own`` are an import's settings under the rooms' own judges, ``read`` the settings under each
    judge (and mode, where that is told apart). ``names`` are judges by id, ``people`` those who are
    no machines, ``protocols`` the run's names of protocols by setting.
    """

    run: str
    kind: str
    bouts: list[Bout] = field(default_factory=list)
    own: dict[str, Group] = field(default_factory=dict)
    read: dict[tuple[str, ...], Group] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    protocols: dict[str, str] = field(default_factory=dict)

    @property
    def imported(self) -> bool:
        """Whether the run is an import."""
        return self.kind == "import"


def collect(
    store: Store, run: str, kind: str, sample: Sample = "paper", judge: Collection[str] = ()
) -> Evidence:
    """The evidence of a run. ``judge`` keeps the verdicts of judges so named, or with such ids.

    Raises StoreError for a name that no judge of the run has.
    """
    found = Evidence(run, kind, people={row["id"] for row in store.query(_PEOPLE, PERSON)})
    said, beliefs = spoken(store, run)
    on_the_way = leaves(store, run, said) if beliefs else {}
    by_match: dict[str, list[dict[str, Any]]] = {}
    authors: dict[str, None] = {}
    for row in store.query(_VERDICTS, run):
        by_match.setdefault(row["match"], []).append(row)
        authors[row["author"]] = None
    found.names = {who: _name(store, who) for who in sorted(authors)}
    wanted = _wanted(found, judge)
    seen: set[tuple[str, str]] = set()
    numbers = lru_cache(maxsize=4096)(_numbers)
    for labels, bout in _bouts(store, run, said):
        # A match that the run claims twice counts once. Replicates that say the same are matches
        # of their own, which share a verdict's turn, and each counts it.
        claim = (bout.setting, bout.match)
        left_out = found.imported and sample == "paper" and labels.get("sample") != "paper"
        if left_out or claim in seen:
            continue
        seen.add(claim)
        found.bouts.append(bout)
        if isinstance(labels.get("protocol"), str):
            found.protocols.setdefault(bout.setting, labels["protocol"])
        verdicts = by_match.get(bout.match, ())
        for row in sorted(verdicts, key=_order):
            bout.judged = True
            if wanted is not None and row["author"] not in wanted:
                continue
            live = found.imported and row["mode"] == "live" and row["origin"] == "imported"
            _add(found, bout, row, live, on_the_way.get(bout.match, ()), numbers)
    return found


def _order(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["author"], row["id"]


def _numbers(elicited: str | None, logprobs: str | None, options: int) -> Any:
    """The probabilities of a stored report; the status that it has where they are none."""
    try:
        p, quantity = probabilities(
            None if elicited is None else json.loads(elicited),
            None if logprobs is None else json.loads(logprobs),
        )
    except (ValueError, TypeError, OverflowError, RecursionError):
        return NOT_PROBABILITIES
    return NOT_PROBABILITIES if p is not None and len(p) != options else (p, quantity)


def _add(
    found: Evidence, bout: Bout, row: Mapping[str, Any], live: bool,
    on_the_way: Collection[Leaf], numbers: Any,
) -> None:  # fmt: skip
    """Put a verdict into its group."""
    status, choice, p, quantity = row["status"], row["choice"], None, None
    if status in DECIDED:
        told = numbers(row["elicited"], row["choice_logprobs"], bout.options)
        if isinstance(told, str):
            status, choice = told, None
        elif (status == "ok") != (choice is not None and 0 <= choice < bout.options):
            status, choice = NO_OPTION, None
        else:
            p, quantity = told
    listing = _listing(row["listing"], bout.options)
    steps, before, after = _steps(bout, row, live, on_the_way, numbers)
    turns = len(before) if live else len(bout.said.rounds)
    told_before = tuple(one for one in before if one is not None) if before else ()
    reading = Reading(
        bout.match, status, choice, p, quantity, listing, turns, bout.right, bout.concerned,
        bout.question, bout.story, row["author"], told_before, bout.players, bout.options,
        bout.first, bout.second, bout.longer, steps, after, row["mode"] or "whole",
    )  # fmt: skip
    _group(found, bout, row, live).readings.append(reading)


def _steps(
    bout: Bout, row: Mapping[str, Any], live: bool, on_the_way: Collection[Leaf], numbers: Any
) -> tuple[tuple[Step, ...], Sequence[Any], int]:
    """What a judge reported before a verdict, in the same reading; for an import's own verdict, all
    live reports of its room; and after how many rounds the verdict came."""
    if not on_the_way:
        return (), (), len(bout.said.places)
    steps, before, after = [], [], len(bout.said.places)
    for leaf in on_the_way:
        one = leaf.row
        if one["kind"] == "verdict":
            if leaf.turn == row["id"]:
                after = leaf.round
            continue
        theirs = live and one["mode"] == "live" and one["origin"] == "imported"
        same = (one["author"], one["mode"]) == (row["author"], row["mode"])
        if not theirs and not (same and one["listing"] == row["listing"]):
            continue
        told = numbers(one["elicited"], one["choice_logprobs"], bout.options)
        p = None if isinstance(told, str) else told[0]
        if theirs:
            before.append(p if one["elicited"] is not None else None)
        if one["status"] in DECIDED and not isinstance(told, str):
            steps.append(Step(leaf.round, p, one["choice"]))
    return tuple(steps), before, after


def _group(found: Evidence, bout: Bout, row: Mapping[str, Any], live: bool) -> Group:
    """The group of a verdict, made where it is the first of it."""
    setting, rules = bout.setting, bout.rules
    if live:
        if setting not in found.own:
            head = {"setting": setting}
            found.own[setting] = Group(head, rules.alone, True, anchor=rules.anchor)
        return found.own[setting]
    who = row["author"]
    # A seated judge's verdict and its second listing, read afterwards, are one judgment.
    mode = row["mode"] if found.imported or row["mode"] in ("stepped", "timed") else ""
    key = (setting, who, mode) if mode else (setting, who)
    group = found.read.get(key)
    if group is None:
        head = {"setting": setting, "judge": found.names[who], "judge_id": who}
        if mode:
            head["mode"] = mode
        group = found.read[key] = Group(head, rules.alone, anchor=rules.anchor)
    return group


@lru_cache(maxsize=256)
def _listing(text: str | None, options: int) -> tuple[int, ...]:
    """The order in which options were listed; nothing where what is stored is no order of them."""
    found = tuple(json.loads(text or "[]"))
    return found if sorted(map(str, found)) == sorted(map(str, range(options))) else ()


def _bouts(
    store: Store, run: str, said: Mapping[str, Spoken]
) -> Iterator[tuple[Mapping[str, Any], Bout]]:
    """Every claim of the run on a match, in its order, with the labels that it gives."""
    truths = store.truths()
    labels_of = lru_cache(maxsize=1024)(json.loads)
    pairs = lru_cache(maxsize=1024)(json.loads)
    known: dict[str, Rules] = {}
    asked = questions_of(store, run)
    options: dict[str, int] = {}
    for row in store.query(_QUESTIONS, run):
        options[row["id"]] = len(json.loads(row["answers"]))
    for row in store.query(_MATCHES, run):
        heard, key = said.get(row["id"], NOTHING), row["protocol"]
        rules = known.get(key)
        if rules is None:
            rules = known[key] = _rules(store.protocol(key))
        sides: Mapping[str, int] = dict(pairs(row["sides"])) or heard.chosen or {}
        truth, position = truths.get(row["question"]), None
        right, count = truth, options[row["question"]]
        if truth is not None and not 0 <= truth < count:
            truth = right = None  # no answer of the question
        if rules.protocol.options == "right or wrong":
            position = heard.answered if row["proposal"] is None else row["proposal"]
            right = None if truth is None or position is None else int(position != truth)
            count = 2
        labels: Mapping[str, Any] = labels_of(row["labels"])
        setting = str(labels["setting"]) if "setting" in labels else rules.protocol.name
        bout = Bout(
            row["id"], setting, rules, *asked[row["question"]], sides, right, count, position,
            heard, _players(rules, dict(pairs(row["seats"])), heard),
            _concerned(rules, sides, right),
        )  # fmt: skip
        if len(rules.speakers) == 2:
            one, other = rules.speakers
            bout.first, bout.second = sides.get(one), sides.get(other)
            a, b = heard.seats.get(one), heard.seats.get(other)
            bout.longer = (a.characters if a else 0) - (b.characters if b else 0)
        yield labels, bout


def _rules(protocol: Protocol) -> Rules:
    speakers, answers = protocol.speakers, protocol.options == "answers"
    anchor: Literal["floor", "ceiling"] | None = None
    if not speakers and answers:
        anchor = "ceiling" if JUDGE in protocol.passage_to else "floor"
    return Rules(protocol, speakers, len(speakers) == 1 and answers, anchor)


def _players(rules: Rules, seats: Mapping[str, str], said: Spoken) -> str:
    """Who speaks in a match, whatever the seats; in a chair of people, who spoke first there."""
    who = []
    for seat in rules.speakers:
        one = seats.get(seat, PERSON)
        if one == PERSON and seat in said.seats:
            one = said.seats[seat].author
        who.append(one)
    return " v ".join(sorted(who))


def questions_of(store: Store, run: str) -> dict[str, tuple[str, str | None]]:
    """Of each question: one name for it whatever the order of its answers, and its story.

    A question whose answers are listed the other way round has another id, yet is the same one to
    whoever argues or judges it, so the two are one cluster and can be paired.
    """
    names: dict[str, str] = {}
    stories: dict[str, str] = {}
    for row in store.query(_QUESTIONS, run):
        answers = json.loads(row["answers"])
        name = name_of(row["id"], row["text"], answers, row["passage"], row["source"])
        names[row["id"]] = name
        if row["grp"] is not None:
            stories.setdefault(name, row["grp"])
    return {question: (name, stories.get(name)) for question, name in names.items()}


def _concerned(rules: Rules, sides: Mapping[str, int], right: int | None) -> str:
    """The side that a verdict concerned: honest or dishonest for a single speaker, else the seat
    whose option is the true one."""
    if right is None:
        return "unknown"
    if rules.alone:
        side = sides.get(rules.speakers[0])
        return "unknown" if side is None else "honest" if side == right else "dishonest"
    return next((seat for seat in rules.speakers if sides.get(seat) == right), "neither")


def _name(store: Store, author: str) -> str:
    row = store.one("SELECT record FROM participants WHERE id = ?", author)
    return author if row is None else describe(json.loads(row["record"]))


def _wanted(found: Evidence, judge: Collection[str]) -> set[str] | None:
    """The ids of the judges that are asked for; None where all are."""
    if not judge:
        return None
    wanted: set[str] = set()
    for name in judge:
        ids = {who for who, called in found.names.items() if name in (who, called)}
        if not ids:
            known = sorted(set(found.names.values()))
            listed = ", ".join(visible(one) for one in known[:20]) or "none"
            more = f" and {len(known) - 20} more" if len(known) > 20 else ""
            raise StoreError(
                f"run {found.run!r} has no verdict of a judge {visible(name)!r}; "
                f"its judges: {listed}{more}"
            )
        wanted |= ids
    return wanted
