"""The queue of people's verdicts that a training run waits for, and what becomes of each of them.

A match of a run whose judge is a person waits in the store with its sampled ids and their
log-probabilities until its reward is spent. The rows are the truth: ``run_matches`` says which
matches wait and which version of the policies spoke in them, ``turns`` and ``events`` what people
said and took back, and ``spent`` which verdict was learnt from at which step. What has become of a
verdict is a function of these (`fate`). Nothing here reads ground truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from arena.batch import Batch, RewardRow
from arena.grow import Grown, Spoken
from arena.ids import content_id, derive_seed
from arena.match import PERSON, Match
from arena.play import noise_node, path
from arena.protocols import JUDGE
from arena.rewards import log_odds, stake, win
from arena.store import Store
from arena.turns import Verdict

RULE = "person"
"""The rule of the reward rows that are paid here: `pay`."""
OLDEST = 2
"""A verdict feeds a policy at most so many versions after the one that spoke."""

Fate = Literal["waiting", "spent", "tie", "held out", "withdrawn", "disagreeing", "too old"]
FATES: tuple[Fate, ...] = get_args(Fate)
"""What may have become of a verdict; a tie is one that was spent, at reward 0."""


def agrees(verdict: Verdict) -> bool:
    """Whether a verdict says one thing: its winner has the highest probability, if there are
    probabilities; in a tie all are equal."""
    numbers = verdict.elicited
    if verdict.status not in ("ok", "tie"):
        return False
    if numbers is None:
        return True
    own = min(numbers) if verdict.choice is None else numbers[verdict.choice]
    return own == max(numbers)


def pay(verdict: Verdict, option: int) -> float | None:
    """What a person's verdict pays for ``option``: 0 in a tie; the log-odds of the probability that
    was given, held within [.01, .99]; where none was given, 1 or -1 by the winner; None where
    winner and probability disagree."""
    if not agrees(verdict):
        return None
    if verdict.status == "tie":
        return 0.0
    if verdict.elicited is not None:
        return log_odds(verdict, option, "elicited")
    return win(verdict, option)


def held_out(person: str, question: str, share: float) -> bool:
    """Whether this person's verdicts on this question are for evaluation only.

    A function of the two ids and the share alone, so it is fixed before the first verdict; what is
    held out at one share is at every larger one.
    """
    return derive_seed("held out", person, question) < share * 2.0**63


@dataclass(frozen=True, slots=True)
class Judged:
    """A person's verdict on a match of the queue.

    ``version`` of the policies spoke in the match; ``step`` has learnt from the verdict, None if
    none has. One turn may stand in two matches: match and turn together make a verdict. ``again``:
    a step has learnt from another verdict of this person on the match, which was taken back.
    """

    match: str
    turn: str
    person: str
    question: str
    verdict: Verdict
    version: int
    step: int | None = None
    withdrawn: bool = False
    again: bool = False


def fate(one: Judged, version: int, share: float) -> Fate:
    """What has become of a verdict, now that the policies are at ``version``. One that comes after
    its person has taught by the match is too old from the first: a match teaches once."""
    if one.step is not None:
        return "tie" if one.verdict.status == "tie" else "spent"
    if one.withdrawn:
        return "withdrawn"
    if held_out(one.person, one.question, share):
        return "held out"
    if not agrees(one.verdict):
        return "disagreeing"
    return "too old" if one.again or version - one.version > OLDEST else "waiting"


# ---------------------------------------------------------------------------------------------
# What waits.

_VERSION = "json_extract(rm.labels, '$.version')"  # no other run has this label
_TAUGHT = (
    "EXISTS (SELECT 1 FROM spent AS o JOIN turns AS ot ON ot.id = o.turn "
    "WHERE o.run = {run} AND o.match = {match} AND o.turn <> {turn} AND ot.author = {author})"
)
_JUDGED = (
    "SELECT rm.match, t.id AS turn, t.author, m.question, t.choice, t.elicited, t.status, "
    f"{_VERSION} AS of_version, s.step, EXISTS (SELECT 1 FROM events AS e WHERE e.turn = t.id "
    "AND e.match = rm.match AND e.kind = 'withdrawn') AS withdrawn, "
    f"{_TAUGHT.format(run='rm.run', match='rm.match', turn='t.id', author='t.author')} AS again "
    "FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match "
    "JOIN match_turns AS mt ON mt.match = rm.match JOIN turns AS t ON t.id = mt.turn "
    "LEFT JOIN spent AS s ON s.run = rm.run AND s.match = rm.match AND s.turn = t.id "
    f"WHERE rm.run = ? AND {_VERSION} NOT NULL AND t.kind = 'verdict' AND t.origin = 'person' "
    "ORDER BY rm.position, mt.rowid"
)
_OPEN = (
    "SELECT rm.match FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match "
    f"WHERE rm.run = ? AND {_VERSION} >= ? AND m.played = 1 AND NOT EXISTS "
    "(SELECT 1 FROM verdicts AS v WHERE v.match = rm.match AND v.origin = 'person') "
    "ORDER BY rm.position"
)


def enqueue(
    store: Store,
    run: str,
    version: int,
    matches: Sequence[tuple[Match, Mapping[str, object]]],
    rest: Batch,
) -> None:
    """Claim the matches that ``version`` of the policies is about to play, with their labels
    (``learners``: the player at each learning seat), and write ``rest``, in one transaction.
    Claiming them again changes nothing."""
    sql = "SELECT position, match FROM run_matches WHERE run = ?"
    known = {row["match"]: row["position"] for row in store.query(sql, run)}
    begin = 1 + max(known.values(), default=-1)
    fresh = [(match, labels) for match, labels in matches if match.id not in known]
    rest.matches = [match for match, _ in fresh]
    rest.run_matches = [
        (run, begin + n, match.id, {**labels, "step": version + 1, "version": version})
        for n, (match, labels) in enumerate(fresh)
    ]
    store.write(rest)


def is_queue(store: Store, run: str) -> bool:
    """Whether matches of this run wait, or have waited, for people."""
    sql = f"SELECT 1 FROM run_matches AS rm WHERE run = ? AND {_VERSION} NOT NULL"
    return store.one(sql, run) is not None


def judged(store: Store, run: str) -> list[Judged]:
    """Every verdict that people gave on the queue of a run, in the order of its matches."""
    found = []
    for row in store.query(_JUDGED, run):
        numbers = None if row["elicited"] is None else tuple(json.loads(row["elicited"]))
        verdict = Verdict(row["choice"], numbers, status=row["status"])
        found.append(
            Judged(row["match"], row["turn"], row["author"], row["question"], verdict,
                   row["of_version"], row["step"], bool(row["withdrawn"]), bool(row["again"]))
        )  # fmt: skip
    return found


def open_matches(store: Store, run: str, version: int) -> list[str]:
    """The matches that a policy at ``version`` could still learn from and nobody has judged."""
    return [row["match"] for row in store.query(_OPEN, run, version - OLDEST)]


def spendable(store: Store, run: str, version: int, share: float) -> list[Judged]:
    """The verdicts that wait for the next step of policies at ``version``."""
    return [
        one for one in judged(store, run)
        if one.version <= version and fate(one, version, share) == "waiting"
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------
# Spending.

# Rows are unique, so that a second one is an error; a person teaches once by a match. Whoever takes
# a verdict back while it is being spent comes before this statement, or after its transaction.
_SPEND = (
    "INSERT INTO spent SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM events "
    "WHERE match = ?2 AND turn = ?3 AND kind = 'withdrawn') AND NOT "
    + _TAUGHT.format(
        run="?1", match="?2", turn="?3", author="(SELECT author FROM turns WHERE id = ?3)"
    )
)
_PAY = (
    "INSERT INTO rewards SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 0 WHERE EXISTS (SELECT 1 FROM spent "
    "WHERE match = ?1 AND turn = ?2) ON CONFLICT DO NOTHING"
)
_DROP = (
    "DELETE FROM spent WHERE run = ? AND step > ? AND EXISTS (SELECT 1 FROM events AS e "
    "WHERE e.turn = spent.turn AND e.match = spent.match AND e.kind = 'withdrawn')"
)


def of_step(store: Store, run: str, step: int) -> list[Judged]:
    """The verdicts that a step learns from."""
    return [one for one in judged(store, run) if one.step == step]


def spend(store: Store, run: str, step: int, share: float) -> list[Judged]:
    """Give every verdict that waits to ``step``, durably, with its reward rows; returns them.

    To be called before the step changes a weight. Whoever is killed after this and before the
    step's weights are kept takes the step again from the same rows (`of_step`): nothing is lost.
    Rows are written once and for one step: nothing is spent twice.
    """
    found, now = spendable(store, run, step - 1, share), time.time()
    rows = [(run, one.match, one.turn, step, one.version, now) for one in found]
    paid = [
        (row.match, row.turn, row.seat, row.judge, row.rule, row.quantity, row.value)
        for one in found
        for row in rewards(store, one)
    ]
    store.execute({_SPEND: rows, _PAY: paid}, full=True)
    return of_step(store, run, step)


def rewards(store: Store, one: Judged) -> list[RewardRow]:
    """What a verdict pays each speaking seat, with who gave it and what was read from it."""
    match = store.match(one.match)
    transcript = store.transcript(match) if match.protocol.sides == "chosen" else ()
    quantity = "choice" if one.verdict.elicited is None else "elicited"
    sides = [(seat, stake(match, seat, transcript)) for seat in match.protocol.speakers]
    return [
        RewardRow(match.id, one.turn, seat, one.person, RULE, quantity, pay(one.verdict, side))
        for seat, side in sides
        if side is not None
    ]


def retake(store: Store, run: str, step: int) -> None:
    """The steps after ``step`` are taken again, and no weights of theirs have ever been kept: what
    was withdrawn from them meanwhile was withdrawn before its step."""
    store.execute({_DROP: [(run, step)]}, full=True)


def ledger(store: Store, run: str, step: int) -> str:
    """The hash of all that was spent up to ``step``: what its weights have learnt from."""
    sql = "SELECT step, match, turn FROM spent WHERE run = ? AND step <= ? ORDER BY 1, 2, 3"
    return content_id("q", [list(row.values()) for row in store.query(sql, run, step)])


# ---------------------------------------------------------------------------------------------
# What a step learns from.


@dataclass(frozen=True, slots=True)
class Waited:
    """A match of the queue with the verdicts that a step learns from hung on it.

    ``tree`` has one path, and of its speeches those of the learning seats. ``rows`` are in one
    judge's name, so that one baseline serves all people. ``learners`` names the player at each
    learning seat, ``opponent`` is (the learner's seat, the frozen opponent's name) or None.
    """

    tree: Grown
    rows: list[RewardRow]
    version: int
    learners: Mapping[str, str]
    opponent: tuple[str, str] | None


def waited(store: Store, run: str, found: Iterable[Judged]) -> list[Waited]:
    """The matches of some verdicts of a run, each once, in the order in which they come."""
    by_match: dict[str, list[Judged]] = {}
    for one in found:
        by_match.setdefault(one.match, []).append(one)
    sql = "SELECT labels FROM run_matches WHERE run = ? AND match = ?"
    made = []
    for key, verdicts in by_match.items():
        row = store.one(sql, run, key)
        labels: dict[str, Any] = {} if row is None else json.loads(row["labels"])
        match, learners = store.match(key), dict(labels["learners"])
        leaves = {one.turn for one in verdicts}
        rows = [
            RewardRow(key, r.turn, r.seat, PERSON, RULE, RULE, r.value)
            for one in verdicts
            for r in rewards(store, one)
        ]
        tree = _grown(store, match, frozenset(learners), leaves)
        met = labels.get("opponent")
        made.append(
            Waited(tree, rows, labels["version"], learners, None if met is None else tuple(met))
        )
    return made


def _grown(store: Store, match: Match, seats: frozenset[str], leaves: set[str]) -> Grown:
    """A stored match as the tree that it is, with these verdicts."""
    spoken, said = path(store.transcript(match)), []
    authors = dict(match.seats)
    for n, turn in enumerate(spoken):
        if turn.seat not in seats:
            continue
        side = stake(match, turn.seat, spoken[: n + 1])
        node = noise_node(match, spoken[:n], turn.place)
        said.append(
            Spoken(node, turn.place, turn.seat, turn.kind, turn.sample, authors[turn.seat], side,
                   turn.seen, turn.speech, turn.calls, (turn.id,))
        )  # fmt: skip
    hung = [turn for turn in store.turns(match.id) if turn.id in leaves]
    return Grown(match, (*spoken, *hung), tuple(said), (spoken,))


# ---------------------------------------------------------------------------------------------
# Who is asked to judge what.

_HOLD = (
    "INSERT INTO assignments (match, seat, holder, until, done) "
    "SELECT rm.match, ?2, ?3, 1e12, 0 FROM run_matches AS rm "
    f"WHERE rm.run = ?1 AND {_VERSION} < ?4 AND NOT EXISTS (SELECT 1 FROM assignments AS a "
    "WHERE a.match = rm.match AND a.seat = ?2 AND a.holder <> ?3 AND a.until > ?5 AND a.done = 0) "
    "ON CONFLICT DO NOTHING"
)


def retire(store: Store, run: str, version: int) -> None:
    """Offer nobody a match any more that a policy at ``version`` cannot learn from: the run holds
    it. Whoever is reading it now may go on."""
    row = (run, JUDGE, f"run {run}", version - OLDEST, time.time())
    store.execute({_HOLD: [row]})
