"""What judges, or a panel of them, decided between two players, from SQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import fsum
from typing import Any, Literal, TypeAlias

from arena.config import validate
from arena.match import PERSON
from arena.panel import Decision, PanelBlock, Vote, decide
from arena.ratings.meetings import Meeting, printed
from arena.stats.scores import normalised
from arena.store import Store, StoreError

_VERDICTS = (
    "SELECT match, author, choice, status, listing{more} FROM verdicts WHERE match IN ({of})"
)
_NUMBERS = ", elicited, choice_logprobs"
_RUN = "SELECT match FROM run_matches WHERE run = ?"
_THESE = "SELECT value FROM json_each(?)"
NO_VERDICT = "no verdict"
"""Why a member of a panel has no part in a decision on which it was never asked."""
NOT_PROBABILITIES, NO_OPTION = "not probabilities", "no such option"
"""What else a stored verdict may be that is no part of a decision."""
_ROUNDING = 1e-5
"""Probabilities may miss a sum of 1 by so much, as verdicts may and as scores let them."""
Panel: TypeAlias = PanelBlock | Literal["declared"] | None
"""Whose decisions are the outcomes: each judge's own (None), a panel's, or whatever the file of the
run declares."""
STRANGER = "judge not of this tournament"
"""Why a verdict of somebody whom the file of a tournament does not name does not count."""
PANEL = "panel"
"""Who decides where a panel does."""


@dataclass(slots=True)
class Outcomes:
    """``points``: of each match and judge, by listing, what the first seat got in each verdict.

    Besides: missing verdicts by status and whose case was true, verdicts left out by reason, the
    matches judged, and what there is to say of the panel (None without one).
    """

    points: dict[tuple[str, str], dict[str, list[float]]] = field(default_factory=dict)
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    judged: set[str] = field(default_factory=set)
    panel: dict[str, Any] | None = None

    def kept(
        self, found: Mapping[str, Meeting], truthful: bool = False, apart: bool = False
    ) -> tuple[list[tuple[str, str]], Counter[str]]:
        """The matches and judges that compare two players in ratings of this kind, in an order of
        their own, and the number of verdicts that do not, by reason.

        A run that was stopped and taken up again, or judged in another order, has the same table.
        """
        left_out = Counter(self.left_out)
        unwanted = {match: one.unwanted(truthful, apart) for match, one in found.items()}
        keys = []
        for key, by in self.points.items():
            if (why := unwanted[key[0]]) is None:
                keys.append(key)
            else:
                left_out[why] += sum(map(len, by.values()))
        return sorted(keys), left_out

    def score(self, key: tuple[str, str]) -> float:
        """The first seat's points of a comparison: the mean over listings of the mean in each."""
        by = self.points[key]
        return mean([mean(values) for values in by.values()])


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, whatever the order."""
    return values[0] if len(values) == 1 else fsum(values) / len(values)


def outcomes(
    store: Store,
    run: str,
    found: Mapping[str, Meeting],
    panel: Panel = "declared",
    these: bool = False,
) -> Outcomes:
    """What was decided on the matches ``found``; on no others of the run where ``these`` is set.

    A match may be in several runs, and anybody may read it later: of a tournament the judges that
    its file names decide, and what others said is left out and counted. Raises StoreError where a
    panel names a judge that the run has not.
    """
    block = declared(store, run) if panel == "declared" else panel
    out = Outcomes()
    useless = {match: one.useless() for match, one in found.items()}
    of, given = (_THESE, json.dumps(list(found))) if these else (_RUN, run)
    more = _NUMBERS if block is not None and block.rule != "majority" else ""
    rows = store.query(_VERDICTS.format(of=of, more=more), given)
    if block is not None:
        _Members(store, run, block).decisions(rows, found, useless, out)
    else:
        named = _Members(store, run, PanelBlock()) if _is_tournament(store, run) else None
        for row in rows:
            if (one := found.get(row["match"])) is None:
                continue
            if named is not None and not named.sits(row["author"]):
                out.left_out[STRANGER] += 1
                continue
            if row["status"] not in ("ok", "tie"):
                _miss(out, row["match"], row["status"], one)
                continue
            _count(out, (row["match"], row["author"]), row["listing"], row["choice"], one, useless)
    out.missing = {
        status: {"n": sides.pop("n"), **dict(sorted(sides.items()))}
        for status, sides in sorted(out.missing.items())
    }
    return out


def _miss(out: Outcomes, match: str, status: str, one: Meeting) -> None:
    out.judged.add(match)
    sides = out.missing.setdefault(status, {"n": 0})
    sides["n"] += 1
    sides[one.concerned()] = sides.get(one.concerned(), 0) + 1


def _count(
    out: Outcomes, key: tuple[str, str], listing: str | None, choice: int | None, one: Meeting,
    useless: Mapping[str, str | None],
) -> None:  # fmt: skip
    """Count a decision for an option; None is a tie."""
    out.judged.add(key[0])
    why = useless[key[0]]
    if why is None and choice is not None and choice not in one.sides:
        why = "neither side chosen"
    if why is not None:
        out.left_out[why] += 1
        return
    won = 0.5 if choice is None else float(choice == one.sides[0])
    out.points.setdefault(key, {}).setdefault(listing or "", []).append(won)


# ---------------------------------------------------------------------------------------------
# Panels.


def declared(store: Store, run: str) -> PanelBlock | None:
    """The panel that the file of a run declares, under ``tournament`` or beside it."""
    config = _config(store, run)
    block = config.get("tournament")
    value = (block.get("panel") if isinstance(block, dict) else None) or config.get("panel")
    return None if value is None else validate(PanelBlock, value, f"run {run!r}: panel")


def _config(store: Store, run: str) -> dict[str, Any]:
    row = store.one("SELECT config FROM runs WHERE name = ?", run)
    value = {} if row is None else json.loads(row["config"])
    return value if isinstance(value, dict) else {}


def _is_tournament(store: Store, run: str) -> bool:
    row = store.one("SELECT kind FROM runs WHERE name = ?", run)
    return row is not None and row["kind"] == "tournament"


class _Members:
    """Who is on a panel: judges of the run by id, and whether people are.

    Without a run file's judges everybody who judged is on it.
    """

    def __init__(self, store: Store, run: str, block: PanelBlock) -> None:
        judges = _config(store, run).get("judges")
        ids = {str(name): str(who) for name, who in judges.items()} if judges else {}
        strangers = [name for name in block.judges if name not in ids]
        if strangers:
            raise StoreError(
                f"run {run!r}: panel: no judge {strangers[0]!r}; its judges: "
                f"{', '.join(ids) or 'none that a file names'}"
            )
        chosen = [ids[name] for name in block.judges or ids]
        self.block, self.store = block, store
        self.machines = tuple(dict.fromkeys(who for who in chosen if who != PERSON))
        self.named = bool(ids)
        self.people = PERSON in chosen
        sql = "SELECT id FROM participants WHERE kind != ?"
        self.others = {row["id"] for row in store.query(sql, PERSON)} if ids else set()
        self.seen: set[str] = set(self.machines)

    def sits(self, author: str) -> bool:
        """Whether an author of verdicts is on the panel."""
        return author in self.machines or (
            (self.people or not self.named) and author not in self.others
        )

    def decisions(
        self, rows: Any, found: Mapping[str, Meeting], useless: Mapping[str, str | None],
        out: Outcomes,
    ) -> None:  # fmt: skip
        """Count the panel's decision on each match under each listing."""
        read = lru_cache(maxsize=1 << 16)(_probabilities)
        wanted = self.block.rule != "majority"
        votes: dict[tuple[str, str], dict[str, list[Vote]]] = {}
        for row in rows:
            if (one := found.get(row["match"])) is None or not self.sits(row["author"]):
                continue
            if row["status"] not in ("ok", "tie"):
                _miss(out, row["match"], row["status"], one)
                vote = Vote(None, None, row["status"])
            elif wanted:
                p = read(row["elicited"], row["choice_logprobs"], one.options)
                vote = Vote(row["choice"], p or None, "ok" if p != () else NOT_PROBABILITIES)
            elif row["choice"] is None or 0 <= row["choice"] < one.options:
                vote = Vote(row["choice"])
            else:
                vote = Vote(None, None, NO_OPTION)
            self.seen.add(row["author"])
            by = votes.setdefault((row["match"], row["listing"] or ""), {})
            by.setdefault(row["author"], []).append(vote)
        told = {"decisions": 0, "undecided": 0, "incomplete": 0}
        missing: Counter[str] = Counter()
        for (match, listing), by in votes.items():
            found_ = self.decision(by, found[match].options)
            missing.update(found_.missing)
            told["decisions" if found_.voted else "undecided"] += 1
            told["incomplete"] += bool(found_.voted and found_.missing)
            if found_.status == "missing":
                out.judged.add(match)
            else:
                _count(out, (match, PANEL), listing, found_.choice, found[match], useless)
        if self.people and self.seen <= {*self.machines}:
            self.seen.add(PERSON)
        names = printed(self.store, self.seen, {})
        out.panel = {
            "rule": self.block.rule, "judges": sorted(names.values()), **told,
            "missing": dict(sorted(missing.items())),
        }  # fmt: skip

    def decision(self, by: Mapping[str, Sequence[Vote]], options: int) -> Decision:
        """One vote a member: of several readings of one listing, what they decide by the rule."""
        rule, members = self.block.rule, []
        people: Sequence[str] = [one for one in by if one not in self.machines]
        if self.people and not people:
            people = (PERSON,)  # whose chair was empty
        for who in (*self.machines, *people):
            own = by.get(who, ())
            if len(own) > 1:
                one = decide(own, rule, options)
                status = "ok" if one.status != "missing" else own[0].status
                members.append(Vote(one.choice, one.probabilities, status))
            else:
                members.append(own[0] if own else Vote(None, None, NO_VERDICT))
        return decide(members, rule, options)


def _probabilities(
    elicited: str | None, logprobs: str | None, options: int
) -> tuple[float, ...] | None:
    """A verdict's probabilities; None where it has none, empty where they cannot be."""
    if elicited is None and logprobs is None:
        return None
    try:
        if elicited is not None:
            p = tuple(map(float, json.loads(elicited)))
        else:
            p = normalised(json.loads(logprobs or ""))
    except (TypeError, ValueError, OverflowError):
        return ()
    good = len(p) == options and all(x >= 0 for x in p) and abs(fsum(p) - 1) < _ROUNDING
    return p if good else ()
