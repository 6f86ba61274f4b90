"""What a study's report adds: exclusions, declared contrasts, what is exploratory, stopping.

`StudyOf` stands between a run's evidence and its report: it leaves out what the study's rules
exclude, before any figure is made, and adds the key ``study`` when the others are there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from arena.lock import Lock, added, findings, lock_of
from arena.match import PERSON
from arena.report.arms import PEOPLE
from arena.report.costs import Amount, Measured, matched
from arena.report.differences import adjust, compared
from arena.report.excluded import exclude, floor_of
from arena.report.readings import Evidence
from arena.report.units import Reading, Units, by_match, mean, units
from arena.stats import scores
from arena.store import Store, StoreError
from arena.study import KIND

CHOSEN = "questions were chosen by the floor's own verdicts"
NOT_LOCKED = "not locked: everything is exploratory"
OLDER, ASIDE = "verdicts", "contrasts"

_SHARED = """
SELECT match FROM run_matches WHERE run = ? GROUP BY match
HAVING count(DISTINCT json_extract(labels, '$.condition')) > 1
"""
_SAMPLED = """
SELECT coalesce(sum(completion_tokens), 0) AS n FROM replies WHERE key IN (
  SELECT c.reply FROM run_matches AS rm JOIN match_turns AS mt ON mt.match = rm.match
  JOIN calls AS c ON c.turn = mt.turn WHERE rm.run = ?)
"""
MODES = ("stepped", "timed")
"""How only people read in a study; what a machine read so was added to it."""
Key = tuple[str, str, tuple[int, ...]]  # match, judge, listing


def study_of(store: Store, evidence: Evidence) -> StudyOf | None:
    """The study that evidence is of, with what its rules exclude taken out of the evidence; None
    for a run of another kind."""
    return StudyOf(store, evidence) if evidence.kind == KIND else None


def sampled_tokens(store: Store, run: str) -> int:
    """The tokens that the players of a run have sampled, each reply once."""
    row = store.one(_SAMPLED, run)
    return 0 if row is None else int(row["n"])


class StudyOf:
    """A study's declaration, held against the evidence of its run."""

    def __init__(self, store: Store, evidence: Evidence) -> None:
        row = store.one("SELECT config, created_at FROM runs WHERE name = ?", evidence.run)
        assert row is not None
        self.store, self.evidence, self.run = store, evidence, evidence.run
        self.began = float(row["created_at"])
        self.content: dict[str, Any] = json.loads(row["config"])["study"]
        self.lock: Lock | None = lock_of(store, self.run)
        self.undeclared = self._drop_undeclared()
        self.judged = self._judged()
        self._drop_strangers()
        self.excluded = exclude(store, evidence, self.content, self._who)
        self.older = self._older()

    def finish(self, found: dict[str, Any], unmatched: bool = False) -> None:
        """Add the key ``study`` to a report, and mark its exploratory rows.

        Raises StoreError where the primary contrast is of arms that are not matched as declared,
        unless ``unmatched``; another such contrast is given without figures and says why.
        """
        exploratory = self._exploratory()
        for row in (*found["settings"], *found.get("pooled", ())):
            later = row.get("mode") in MODES and self._who(row["judge_id"]) != PERSON
            if later or not self._locked(row["setting"], row["judge_id"]):
                row["exploratory"] = True
        found["study"] = {
            "lock": self._lock(),
            **({} if self.lock else {"note": NOT_LOCKED}),
            **self._contrasts(unmatched),
            "exploratory": exploratory,
            "excluded": self.excluded,
            "rules": self.content["exclude"],
            "stopping": self._stopping(),
            "older": len(self.older),
        }

    def part_from_floor(self, found: dict[str, Any]) -> None:
        """Take out of a report what compares the floor, where its verdicts chose the questions that
        the other conditions are left with (the rule ``known``): all of it would be that choice."""
        if self.content["exclude"]["known"] is None:
            return
        floor = floor_of(self.content)
        for row in found.get("recovered") or ():
            row |= {"value": None, "gain": None, "gap": None, "undefined": CHOSEN}
        kept = [
            row for row in found.get("differences") or ()
            if floor not in (row["first"], row["second"])
        ]  # fmt: skip
        if len(kept) < len(found.get("differences") or ()):
            adjust(kept)
            note = f"differences: {floor!r} is compared with nothing, as {CHOSEN}"
            found["differences"], found["notes"] = kept, [*found.get("notes", ()), note]

    # -- who judged what --------------------------------------------------------------------------

    def _who(self, judge: str) -> str:
        """A judge's id; all people are one."""
        return PERSON if judge == PEOPLE or judge in self.evidence.people else judge

    def _judges(self, condition: str) -> dict[str, str]:
        found: dict[str, str] = self.content["conditions"].get(condition, {}).get("judges", {})
        return found

    def _locked(self, setting: str, judge: str) -> bool:
        """Whether a row is of a condition and a judge that the lock names."""
        if self.lock is None:
            return False
        one = self.lock.content["conditions"].get(setting)
        return one is not None and self._who(judge) in one["judges"].values()

    def _judged(self) -> dict[str, int]:
        """By condition, how many of the verdicts that it asks for are there, missing ones too."""
        pairs: dict[str, set[Key]] = {name: set() for name in self.content["conditions"]}
        for group in self.evidence.read.values():
            setting = group.head["setting"]
            who = self._who(group.head["judge_id"])
            if who in self._judges(setting).values():
                twice = self._readings_of(setting, who) > 1
                pairs[setting] |= {
                    (one.match, who, one.listing if twice else ()) for one in group.readings
                }
        return {name: len(found) for name, found in pairs.items()}

    def _readings_of(self, condition: str, who: str) -> int:
        """How often a judge is to read each match: in both listings, but a person in one."""
        both = self.content["conditions"][condition]["listings"] == "both"
        return 2 if both and who != PERSON else 1

    def _drop_undeclared(self) -> int:
        """Take out what a condition's own judges read in a listing that it does not declare, such
        as by ``arena judge`` afterwards; how many verdicts. People are given a listing each."""
        count = 0
        for group in self.evidence.read.values():
            setting, who = group.head["setting"], self._who(group.head["judge_id"])
            if who == PERSON or who not in self._judges(setting).values():
                continue
            declared = self.content["conditions"][setting]["listings"]
            if declared == "both":
                continue
            swapped = declared == "swapped"
            kept = [
                one for one in group.readings
                if not one.listing or (one.listing[0] > one.listing[-1]) == swapped
            ]  # fmt: skip
            count += len(group.readings) - len(kept)
            group.readings = kept
        return count

    def _drop_strangers(self) -> None:
        """Two conditions that differ in their judges alone share matches: each has the verdicts of
        its own judges, and of those that no condition names."""
        shared = {row["match"] for row in self.store.query(_SHARED, self.run)}
        if not shared:
            return
        named = {who for name in self.content["conditions"] for who in self._judges(name).values()}
        for key, group in list(self.evidence.read.items()):
            who = self._who(group.head["judge_id"])
            if who in named and who not in self._judges(group.head["setting"]).values():
                group.readings = [one for one in group.readings if one.match not in shared]
                if not group.readings:
                    del self.evidence.read[key]

    # -- the lock ---------------------------------------------------------------------------------

    def _older(self) -> set[Key]:
        """The verdicts that stand and are older than the lock."""
        if self.lock is None or not self.lock.older:
            return set()
        keys = {turn: match for match, turn in self.lock.older}
        sql = (
            "SELECT id, author, listing FROM turns "
            "WHERE id IN (SELECT value FROM json_each(?))"
        )  # fmt: skip
        told = {row["id"]: (row["author"], tuple(json.loads(row["listing"] or "[]")))
                for row in self.store.query(sql, json.dumps(list(keys)))}  # fmt: skip
        found = {(match, *told[turn]) for match, turn in self.lock.older if turn in told}
        there = {(one.match, one.judge, one.listing)
                 for group in self.evidence.read.values() for one in group.readings}  # fmt: skip
        return found & there

    def _lock(self) -> dict[str, Any] | None:
        if self.lock is None:
            return None
        return {"hash": self.lock.hash, "at": self.lock.at,
                "changed": findings(self.store, self.run, self.lock, self.content)}  # fmt: skip

    def _exploratory(self) -> list[dict[str, str]]:
        """What a reader is to take for exploratory: ``what`` it is, its ``name`` and ``why``."""
        if self.lock is None:
            return [{"what": "everything", "name": self.run, "why": NOT_LOCKED}]
        later, made = "added after the lock", "made the primary contrast after the lock"
        found = [{**one, "why": made if one["what"] == "primary" else later}
                 for one in added(self.lock.content, self.content)]  # fmt: skip
        for group in self.evidence.read.values():
            setting, who = group.head["setting"], group.head["judge_id"]
            if setting not in self.lock.content["conditions"] or self._locked(setting, who):
                continue
            if self._who(who) not in self._judges(setting).values():
                found.append({"what": "judge", "name": f"{group.head['judge']} ({setting})",
                              "why": "no judge of this study"})  # fmt: skip
        if self.undeclared:
            found.append({"what": OLDER, "name": f"{self.undeclared} verdicts",
                          "why": "in a listing that was not declared; in no figure"})  # fmt: skip
        if self.older:
            found.append({"what": OLDER, "name": f"{len(self.older)} verdicts",
                          "why": "older than the lock; in no declared contrast"})  # fmt: skip
        found.append({"what": ASIDE, "name": "every comparison but those that the lock declares",
                      "why": "not declared"})  # fmt: skip
        return found

    # -- contrasts --------------------------------------------------------------------------------

    def _contrasts(self, unmatched: bool) -> dict[str, Any]:
        """The declared contrasts, the primary one apart, and how far their arms are matched."""
        from arena.stats.paired import holm

        primary, others = self.content["primary"], self.content["contrasts"]
        found = [self._contrast(one) for one in (primary, *others) if one is not None]
        if primary is not None and self.lock is not None:  # not one that was made so afterwards
            found[0]["exploratory"] = primary != self.lock.content["primary"]
        p = [(one["paired"] or {}).get("p") for one in found]
        # One without a p, such as one without verdicts yet, was declared as well, and counts.
        adjusted = holm({str(i): 1.0 if one is None else one for i, one in enumerate(p)})
        for i, one in enumerate(found):
            one["holm"] = None if p[i] is None else adjusted[str(i)]
        arms = self._match(found, unmatched, primary is not None)
        first = found[0] if primary is not None else None
        return {"primary": first, "contrasts": found[1:] if first else found, "matched": arms}

    def _readings(self, setting: str, judge: str) -> tuple[list[Reading], int]:
        """The verdicts of a judge in a setting that count, and how many are older than the lock."""
        mine = [
            one
            for group in self.evidence.read.values()
            if group.head["setting"] == setting
            and self._who(group.head["judge_id"]) == judge
            and (judge == PERSON or group.head.get("mode") not in MODES)
            for one in group.readings
        ]
        kept = [one for one in mine if (one.match, one.judge, one.listing) not in self.older]
        return kept, len(mine) - len(kept)

    def _contrast(self, one: Mapping[str, Any]) -> dict[str, Any]:
        names = (one["first"], one["second"])
        judge = self._judges(names[0])[one["judge"]]
        values: list[float] = []
        arms: list[str] = []
        questions: list[str] = []
        clusters: list[str] = []
        judges: list[str] = []
        older, by = 0, "question"
        missing: dict[str, dict[str, int]] = {}
        for name in names:
            readings, before = self._readings(name, judge)
            older += before
            decided = sum(reading.status in ("ok", "tie") for reading in readings)
            missing[name] = {"n": len(readings) - decided, "of": len(readings)}
            column, seen = _columns(readings, one["figure"])
            stories = seen.stories
            values += column
            arms += [name] * len(column)
            questions += seen.question
            clusters += seen.clusters
            judges += seen.judge
            by = "story" if stories else by
        bounded = one["figure"] != "log2_score"
        return {
            **one,
            "judge_id": judge,
            "exploratory": self.lock is None or not self._declared(one),
            **compared(values, arms, questions, clusters, judges, names, by, bounded),
            "older": older,
            "missing": missing,
        }

    def _declared(self, one: Mapping[str, Any]) -> bool:
        """Whether a contrast is in the lock."""
        assert self.lock is not None
        return one in (self.lock.content["primary"], *self.lock.content["contrasts"])

    def _match(
        self, found: Sequence[dict[str, Any]], unmatched: bool, primary: bool
    ) -> dict[str, Any] | None:
        """What a verdict took in the arms of each contrast; each is marked as matched or not, and
        one that is not has no figures unless ``unmatched``.

        An arm in which nobody speaks (the floor, the ceiling) takes nothing that others could be
        matched on, and is compared as it is."""
        rule = self.content["match"]
        for one in found:
            one["matched"] = None
        if rule is None:
            return None
        measured = Measured(self.store, self.run)
        arms: dict[str, float | None] = {}
        for i, one in enumerate(found):
            pair = (one["first"], one["second"])
            silent = [not self.content["conditions"][name]["debaters"] for name in pair]
            took = measured.amounts(rule["on"], pair, [one["judge_id"]])
            if any(silent) or len(took) < 2:
                continue  # or one of them has no verdict yet
            first, second = (took[name] for name in pair)
            arms |= {name: took[name].value for name in pair}
            if first.value is not None and second.value is not None:
                one["matched"] = matched(first.value, second.value, rule["within"])
            else:
                one["matched"] = False
            if i == 0 and primary and not one["matched"] and not unmatched:
                raise StoreError(f"study {self.run!r}: {_not_matched(pair, first, second, rule)}; "
                                 "--unmatched compares them all the same")  # fmt: skip
            if not one["matched"] and not unmatched:
                why = _not_matched(pair, first, second, rule)
                one |= {"paired": None, "unpaired": None, "holm": None, "refused": why}
        told = found[0]["matched"] if found and primary else None
        return {**rule, "arms": arms, "matched": told, "overridden": bool(unmatched and not told)}

    # -- stopping ---------------------------------------------------------------------------------

    def _stopping(self) -> dict[str, Any]:
        """The stop rule, how many verdicts each condition asks for and has, and what ended it."""
        rule, wanted = self.content["stop"], {}
        for name, one in self.content["conditions"].items():
            wanted[name] = sum(
                part["n"] * self._readings_of(name, who)
                for seated, part in one["matches"].items()
                for who in ({seated} if seated else set(one["judges"].values()))
            )
        complete = all(self.judged[name] >= n for name, n in wanted.items())
        ended = "complete" if complete else None
        if ended is None and rule["minutes"] is not None:
            ended = "minutes" if time.time() > self.began + 60 * rule["minutes"] else None
        if ended is None and rule["budget"] is not None:
            ended = "budget" if sampled_tokens(self.store, self.run) >= rule["budget"] else None
        return {"rule": rule, "questions": self.content["questions"]["n"], "planned": wanted,
                "judged": self.judged, "ended": ended, "interim": ended is None}  # fmt: skip


def _columns(readings: Sequence[Reading], figure: str) -> tuple[list[float], Units]:
    """A figure of each match, the mean over its listings; with the units that they are of."""
    known = [one for one in readings if one.known and (figure == "accuracy" or one.p is not None)]
    seen = units(known, "half")
    if figure == "accuracy":
        return seen.credit, seen
    score = scores.log2_score if figure == "log2_score" else scores.brier
    values = []
    for listings in by_match(known).values():
        per = [
            mean([float(_score(score, figure, one)) for one in some]) for some in listings.values()
        ]
        values.append(mean(per))
    return values, seen


def _score(score: Any, figure: str, one: Reading) -> float:
    assert one.p is not None and one.right is not None
    return score(one.p[one.right]) if figure == "log2_score" else score(one.p, one.right)  # type: ignore[no-any-return]


def _not_matched(
    pair: tuple[str, str], first: Amount, second: Amount, rule: Mapping[str, Any]
) -> str:
    """Why two arms are not to be compared, in words."""
    on = rule["on"]
    for name, one in zip(pair, (first, second), strict=True):
        if one.value is None:
            return f"the {on} of {name!r} is not known: {one.reason}"
    assert first.value is not None and second.value is not None
    apart = abs(first.value - second.value) / max(first.value, second.value)
    return (
        f"{pair[0]!r} and {pair[1]!r} are not matched on {on} ({first.value:.4g} and "
        f"{second.value:.4g} a verdict, {100 * apart:.0f} % apart; study.match allows "
        f"{100 * rule['within']:g} %)"
    )
