"""The accounts of people's verdicts in a training run: what has become of every one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from arena.monitors import true_option
from arena.queue import FATES, Fate, Judged, fate, is_queue, judged, open_matches
from arena.stats.means import share
from arena.store import Store


@dataclass(frozen=True, slots=True)
class Account:
    """Every verdict of a queue with its fate; each has one."""

    entries: tuple[tuple[Judged, Fate], ...]

    def of(self, *fates: Fate) -> list[Judged]:
        """The verdicts of these fates."""
        return [one for one, what in self.entries if what in fates]

    @property
    def counts(self) -> dict[Fate, int]:
        """How many there are of each fate."""
        found = Counter(what for _, what in self.entries)
        return {what: found[what] for what in FATES}

    @property
    def taken_back(self) -> list[Judged]:
        """Those that were withdrawn after their step: the weights have learnt from them."""
        return [one for one in self.of("spent", "tie") if one.withdrawn]


def account(store: Store, run: str, version: int, held_out: float) -> Account:
    """The account of a run whose policies are at ``version``."""
    return Account(tuple((one, fate(one, version, held_out)) for one in judged(store, run)))


def people_report(
    store: Store, run: str, version: int, held_out: float, truths: Mapping[str, int]
) -> dict[str, Any] | None:
    """The account as JSON values, and how people judged where their verdicts never paid; None for a
    run that waits for nobody.

    ``people`` are the counts of each, by name. ``held_out_accuracy`` is an estimate against
    ``truths``, a tie one half, None where no truth is known.
    """
    if not is_queue(store, run):
        return None
    found = account(store, run, version, held_out)
    names = {row["id"]: row["name"] for row in store.query("SELECT id, name FROM people")}
    people: dict[str, dict[Fate, int]] = {}
    for one, what in found.entries:
        counts = people.setdefault(names.get(one.person, one.person), dict.fromkeys(FATES, 0))
        counts[what] += 1
    lists = {what: found.of(what) for what in FATES if what in ("too old", "disagreeing")}
    return {
        "verdicts": len(found.entries),
        "fates": found.counts,
        "people": people,
        "unjudged": len(open_matches(store, run, version)),
        "held_out_accuracy": _accuracy(store, found.of("held out"), truths),
        "listed": {
            what: [{**_entry(one, names), "age": version - one.version} for one in entries]
            for what, entries in lists.items()
        },
    }


def spent_and_withdrawn(store: Store, run: str) -> list[dict[str, Any]]:
    """The verdicts that were taken back after a step had learnt from them, as JSON values."""
    sql = (
        "SELECT s.step, coalesce(p.name, e.person) AS person, s.match, s.turn FROM spent AS s "
        "JOIN events AS e ON e.match = s.match AND e.turn = s.turn AND e.kind = 'withdrawn' "
        "LEFT JOIN people AS p ON p.id = e.person WHERE s.run = ? ORDER BY e.id"
    )
    return list(store.query(sql, run))


def taken_back_label(store: Store, run: str, step: int) -> list[str]:
    """What every report of weights at ``step`` has to say of verdicts that were taken back after
    these had learnt from them; nothing where there are none."""
    n = sum(row["step"] <= step for row in spent_and_withdrawn(store, run))
    what = "a verdict that was" if n == 1 else f"{n} verdicts that were"
    return [f"has learnt from {what} taken back afterwards"] if n else []


def _entry(one: Judged, names: Mapping[str, str]) -> dict[str, Any]:
    return {"person": names.get(one.person, one.person), "match": one.match, "turn": one.turn}


def _accuracy(
    store: Store, found: Sequence[Judged], truths: Mapping[str, int]
) -> dict[str, Any] | None:
    values, clusters = [], []
    for one in found:
        if one.question not in truths:
            continue
        match = store.match(one.match)
        right = true_option(match, store.transcript(match), truths[one.question])
        if right is None:  # no answer was on trial
            continue
        tie = one.verdict.choice is None
        values.append(1 / len(match.options) if tie else float(one.verdict.choice == right))
        clusters.append(match.question.group or match.question.id)
    estimate = share(values, clusters)
    return None if estimate is None else asdict(estimate)
