"""How a plan is worked out, from what was asked for and what the store holds. Nothing is written.

Sides are read off the matches, never off the answer key: nothing here reads ground truth.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from math import floor
from random import Random

from arena.desk.balance import Task, share_out
from arena.desk.chairs import PersonError
from arena.desk.facts import Debate, Facts, groups_of, tallies
from arena.desk.orders import listings, spread, twice
from arena.desk.plans import Planned, PlanRequest, Preview, again_of
from arena.desk.standing import Kind
from arena.desk.words import shortfalls, uneven
from arena.ids import content_id, derive_seed
from arena.protocols import JUDGE
from arena.store import Store


class Draft:
    """A plan while it is worked out. ``said`` is what could not be done, in words."""

    def __init__(self, store: Store, request: PlanRequest, known: Facts) -> None:
        self.store, self.request, self.facts = store, request, known
        self.said: list[str] = []
        self.share = (known.settings.gold_share, known.settings.again_share)
        if sum(self.share) >= 1:
            raise PersonError(
                "Gold and duplicates together leave nothing to judge: lower gold_share or "
                "again_share in the settings of the run."
            )
        self.excluded: dict[str, set[str]] = defaultdict(set)
        for person, what in request.exclusions:
            self.excluded[person].add(what)
        self.had = {who: {place.match for place in what} for who, what in known.places.items()}
        self.debated: list[tuple[str, Task]] = []
        self.units: dict[str, set[str]] = {who: set(what) for who, what in known.known.items()}
        self.before = tallies(known)
        self.debates = {one.id: one for one in (*known.debates, *known.practice, *known.gold)}

    def seed(self, *what: str) -> int:
        return derive_seed("plan", self.request.seed, self.request.run, *what)

    def barred(self, person: str) -> set[str]:
        """The names of all that this person is not given, whatever else the plan says."""
        return self.units[person] | self.had[person] | self.excluded[person]

    def preview(self) -> Preview:
        request = self.request
        practice = self.practice()
        given = self.given("debating") + self.given("judging")
        for person, task in given:
            self.units[person].add(self.debates[task.key[0]].unit(request.once))
        gold = self.gold(given)
        reading = [(p, t.key[0]) for p, t in given if t.key[1] == JUDGE]
        reading += [(p, one.id) for p, found in gold.items() for one in found]
        turned = dict(zip(reading, self.listings(reading), strict=True))
        made: list[Planned] = []
        for person in request.people:
            at = 1 + max((p.position for p in self.facts.places[person] if p.position is not None),
                         default=-1)  # fmt: skip
            for one in practice[person]:
                made.append(Planned(person, at, one.id, JUDGE, "practice", one.setting))
                at += 1
            made += self.sequence(person, at, [t for p, t in given if p == person], gold[person],
                                  turned)  # fmt: skip
        self.said += uneven(self.facts.names, self.loads_of(made))
        return self.summary(tuple(made))

    def practice(self) -> dict[str, list[Debate]]:
        """What each person does first: the same for all, less what it has had."""
        able = [one for one in self.facts.practice if one.whole]
        left = len(self.facts.practice) - len(able)
        if left:
            self.said.append(f"{left} practice debates are left out: they are not finished.")
        found = {}
        for person in self.request.people:
            found[person] = [
                one for one in able
                if one.id not in self.had[person] and not one.names & self.excluded[person]
                and not self.facts.seen[person].bars(one.question, one.story)
            ]  # fmt: skip
            self.units[person] |= {one.unit(self.request.once) for one in found[person]}
        return found

    def given(self, what: str) -> list[tuple[str, Task]]:
        """Who debates, or who judges, which match."""
        request, k = self.request, self.request.k
        judging = what == "judging"
        tasks, wanted = [], {}
        unfinished = 0
        for one in self.facts.debates:
            if judging and JUDGE in request.seats and not one.open:
                unfinished += 1
                continue
            for seat in request.seats:
                if (seat == JUDGE) != judging or (
                    not judging and (one.played or seat not in one.people)
                ):
                    continue
                has = len(self.facts.taken.get((one.id, seat), ()))
                need = (k if judging else 1) - has
                if need > 0:
                    unit = one.unit(request.once) if judging else one.story
                    tasks.append(Task((one.id, seat), unit, one.names, groups_of(one, seat), need))
                    wanted[one.id, seat] = has
        if unfinished:
            self.said.append(
                f"{unfinished} of {len(self.facts.debates)} matches are not finished and keep no "
                "chair for a judge: nobody is asked to judge them."
            )
        before = self.before
        load = {p: kinds["judging"] + kinds["debating"] for p, (kinds, _) in before.items()}
        cap = self.main_cap()
        if judging:
            for person, _ in self.debated:
                load[person] += 1
        pairs = share_out(
            tasks, request.people, {p: self.barred(p) for p in request.people}, cap,
            self.seed(what), load, {p: groups for p, (_, groups) in before.items()},
        )  # fmt: skip
        if not judging:
            self.debated = pairs
            for person, task in pairs:  # who debates has seen the passage
                story = self.debates[task.key[0]].story
                self.units[person] |= {
                    one.unit(request.once) for one in self.debates.values() if one.story == story
                }  # fmt: skip
        self.said += shortfalls(
            tasks, wanted, pairs, request.people, what, request.once,
            lambda p, t: self.why(p, t, cap, load, pairs),
        )  # fmt: skip
        return pairs

    def why(
        self,
        person: str,
        task: Task,
        cap: int | None,
        load: Mapping[str, int],
        pairs: Sequence[tuple[str, Task]],
    ) -> str:
        """Why this person was not given this task, in one word (of `arena.desk.words`)."""
        one = self.debates[task.key[0]]
        if one.names & self.excluded[person]:
            return "excluded"
        if one.id in self.had[person]:
            return "had"
        if self.facts.seen[person].bars(one.question, one.story):
            return "seen"
        if one.unit(self.request.once) in self.units[person]:
            return "read"
        if cap is not None and load[person] + sum(p == person for p, _ in pairs) >= cap:
            return "cap"
        return "other"

    def main_cap(self) -> int | None:
        """How many debates may be given to a person besides gold and duplicates."""
        cap = self.request.cap
        return None if cap is None else floor(cap * (1 - sum(self.share)) + 1e-9)

    def extra(self, person: str, judging: int) -> tuple[int, int]:
        """How many gold debates and duplicates go with so many others, under the cap."""
        found = [round(judging * share / (1 - sum(self.share))) for share in self.share]
        kinds, _ = self.before[person]
        own = sum(who == person for who, _ in self.debated) + judging
        own += sum(kinds.values()) - kinds["practice"]
        while self.request.cap is not None and own + sum(found) > self.request.cap and any(found):
            found[found.index(max(found))] -= 1
        return found[0], found[1]

    def gold(self, given: Iterable[tuple[str, Task]]) -> dict[str, list[Debate]]:
        """What is mixed in for each person: the least used first, one of each story."""
        mine = Counter(person for person, task in given if task.key[1] == JUDGE)
        own = {one.id for one in self.facts.debates}
        pool = [one for one in self.facts.gold if one.whole and one.id not in own]
        random = Random(self.seed("gold"))
        random.shuffle(pool)
        used: Counter[str] = Counter()
        found: dict[str, list[Debate]] = {}
        for person in self.request.people:
            wanted, found[person] = self.extra(person, mine[person])[0], []
            for one in sorted(pool, key=lambda one: used[one.id]):
                if len(found[person]) < wanted and one.names.isdisjoint(self.barred(person)):
                    found[person].append(one)
                    used[one.id] += 1
                    self.units[person].add(one.unit(self.request.once))
            if len(found[person]) < wanted:
                name = self.facts.names[person]
                self.said.append(
                    f"{name} gets {len(found[person])} gold debates instead of {wanted}: there are "
                    "no others that it has not read about."
                )
        return found

    def listings(self, reading: Sequence[tuple[str, str]]) -> list[int]:
        """0 for the usual listing of the options, 1 for the reversed one."""
        before = dict(self.facts.leaning)
        for person in self.request.people:
            firsts = [
                place.first for place in self.facts.places[person]
                if place.first is not None and not place.closed and place.kind != "duplicate"
            ]  # fmt: skip
            before[person] = sum(1 if first == 0 else -1 for first in firsts)
        return listings(reading, self.seed("listings"), before)

    def sequence(
        self,
        person: str,
        at: int,
        tasks: Sequence[Task],
        gold: Sequence[Debate],
        turned: Mapping[tuple[str, str], int],
    ) -> list[Planned]:
        """A person's debates in order: stories apart, gold anywhere, some a second time."""
        lines = [(self.debates[task.key[0]], task.key[1], False) for task in tasks]
        lines += [(one, JUDGE, True) for one in gold]
        order = spread([one.story for one, _, _ in lines], self.seed("order", person))
        lines = [lines[n] for n in order]
        able = [
            n for n, (one, seat, is_gold) in enumerate(lines)
            if seat == JUDGE and not is_gold and one.whole
        ]  # fmt: skip
        judging = sum(seat == JUDGE and not is_gold for _, seat, is_gold in lines)
        wanted = self.extra(person, judging)[1]
        both = twice(len(lines), able, wanted, self.request.distance, self.seed("again", person))
        came = sum(again for _, again in both)
        if came < wanted:
            self.said.append(
                f"{self.facts.names[person]} reads {came} debates a second time instead of "
                f"{wanted}: {self.request.distance} others are to lie between, and only debates "
                "that are finished and have no person's chair come again."
            )
        made = []
        for place, (n, again) in enumerate(both, start=at):
            one, seat, is_gold = lines[n]
            if seat != JUDGE:
                made.append(Planned(person, place, one.id, seat, "debating", one.setting))
                continue
            shown = tuple(range(one.options))
            if bool(turned[person, one.id]) != again:
                shown = shown[::-1]
            if again:
                key = again_of(self.store.match(one.id)).id
                made.append(Planned(person, place, key, seat, "duplicate", one.setting, shown,
                                    one.id))  # fmt: skip
            else:
                kind: Kind = "gold" if is_gold else "judging"
                made.append(Planned(person, place, one.id, seat, kind, one.setting, shown))
        return made

    def loads_of(self, made: Iterable[Planned]) -> dict[str, int]:
        """How much of the run each person has, with earlier plans, by id."""
        found = Counter(row.person for row in made if row.kind in ("judging", "debating"))
        for person in self.request.people:
            kinds, _ = self.before[person]
            found[person] += kinds["judging"] + kinds["debating"]
        return dict(found)

    def summary(self, made: tuple[Planned, ...]) -> Preview:
        """The plan with its tables."""
        people, loads = self.request.people, self.loads_of(made)
        counts: dict[str, Counter[str]] = {}
        table = []
        sides: Counter[str] = Counter()
        for person in people:
            mine = [row for row in made if row.person == person]
            counts[person] = Counter(self.before[person][1])
            for row in mine:
                if row.kind in ("judging", "debating"):
                    counts[person].update(groups_of(self.debates[row.match], row.seat))
            listed = [row for row in mine if row.kind in ("judging", "gold") and row.listing]
            usual = sum(row.listing is not None and row.listing[0] == 0 for row in listed)
            for row in listed:
                lean = 1 if row.listing is not None and row.listing[0] == 0 else -1
                sides[row.match] += lean
                sides[person] += lean
            kinds = Counter(row.kind for row in mine)
            table.append({
                "person": person, "name": self.facts.names[person], "practice": kinds["practice"],
                "judging": kinds["judging"], "debating": kinds["debating"], "gold": kinds["gold"],
                "again": kinds["duplicate"], "with earlier plans": loads[person],
                "usual listing": usual, "reversed": len(listed) - usual,
                "settings": dict(Counter(r.setting for r in mine
                                         if r.kind in ("judging", "debating"))),
            })  # fmt: skip

        def span(level: int) -> int:
            groups = {groups_of(self.debates[row.match], row.seat)[level] for row in made
                      if row.kind in ("judging", "debating")}  # fmt: skip
            each = ([counts[person][group] for person in people] for group in groups)
            return max((max(found) - min(found) for found in each), default=0)

        spans = {
            "load": max(loads.values()) - min(loads.values()),
            "listing": max((abs(one) for one in sides.values()), default=0),
            "setting": span(1),
            "sides": span(0),
        }
        lines = [
            [r.person, r.position, r.match, r.seat, r.kind, r.listing, r.of] for r in made
        ]  # fmt: skip
        key = content_id("l", [asdict(self.request), self.facts.digest, lines])
        return Preview(self.request, made, tuple(table), spans, tuple(self.said),
                       self.facts.digest, self.facts.number + 1, key)  # fmt: skip
