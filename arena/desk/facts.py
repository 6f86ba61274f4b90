"""What a plan rests on, read from the store: matches, people, what they know, what is planned.

The digest of all this says whether a plan still fits the store. Nothing here reads ground truth.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from arena.desk.chairs import PersonError
from arena.desk.seen import Known
from arena.desk.seen import known as seen_by
from arena.desk.settings import Settings, settings_of
from arena.desk.standing import AGAIN, plans
from arena.ids import canonical, content_id
from arena.match import PERSON
from arena.protocols import JUDGE
from arena.store import Store
from arena.twins import one_name, twins

Once = Literal["story", "question", "debate"]

MATCHES = (
    "SELECT rm.match AS id, m.question, coalesce(q.grp, q.id) AS story, m.sides, m.seats, m.played,"
    " iif(json_extract(p.record, '$.options') = 'answers', json_array_length(q.answers), 2) "
    "AS options, r.kind, p.name AS protocol, "
    "coalesce(json_extract(rm.labels, '$.setting'), p.name) AS setting "
    "FROM run_matches AS rm JOIN runs AS r ON r.name = rm.run "
    "JOIN matches AS m ON m.id = rm.match JOIN questions AS q ON q.id = m.question "
    "JOIN protocols AS p ON p.id = m.protocol WHERE rm.run = ? ORDER BY rm.position"
)
PEOPLE = (
    "SELECT p.id, name, revoked_at FROM json_each(?) AS wanted CROSS JOIN people AS p "
    "ON p.id = wanted.value"
)
# Whatever shows that a person has had a debate before it.
DONE = (
    "SELECT e.person, e.match, e.kind = 'speech' AS spoke FROM json_each(?) AS wanted "
    "CROSS JOIN events AS e ON e.person = wanted.value WHERE e.match NOT NULL AND e.kind IN "
    "('taken', 'shown', 'belief', 'verdict', 'question', 'speech', 'skipped', 'recused', "
    "'reported', 'survey', 'feedback', 'looked') GROUP BY 1, 2, 3"
)
# People of an imported study are people here as well, where they have the same name.
IMPORTED = (
    "SELECT t.author AS person, mt.match, max(t.seat <> 'judge') AS spoke FROM runs AS r "
    "JOIN run_matches AS rm ON rm.run = r.name JOIN match_turns AS mt ON mt.match = rm.match "
    "JOIN turns AS t ON t.id = mt.turn WHERE r.kind = 'import' "
    "AND t.author IN (SELECT value FROM json_each(?)) GROUP BY 1, 2"
)
PLACES = (
    "SELECT match, seat, holder, run, kind, position, listing, until, done, closed, made_by "
    "FROM json_each(?) AS wanted CROSS JOIN assignments ON holder = wanted.value"
)
# Who a match of the run has, whoever it is: by plan, at it now, or done.
TAKEN = (
    "SELECT DISTINCT a.match, a.seat, a.holder, a.listing FROM run_matches AS rm "
    "CROSS JOIN assignments AS a ON a.match = rm.match WHERE rm.run = ?1 AND a.closed IS NULL "
    "AND a.kind <> 'machines' AND (a.made_by NOT NULL OR a.until > ?2)"
)
JUDGED = (
    "SELECT DISTINCT v.match, v.author FROM run_matches AS rm "
    "CROSS JOIN verdicts AS v ON v.match = rm.match WHERE rm.run = ? AND v.origin = 'person'"
)
SPOKEN = (
    "SELECT DISTINCT mt.match, t.seat, t.author FROM run_matches AS rm "
    "CROSS JOIN match_turns AS mt ON mt.match = rm.match JOIN turns AS t ON t.id = mt.turn "
    "WHERE rm.run = ? AND t.origin = 'person' AND t.kind NOT IN ('belief', 'verdict')"
)


@dataclass(frozen=True, slots=True)
class Debate:
    """What a plan needs to know of a match. ``open``: a judge can read it, or sit in it.

    ``name`` is the question's, and its twins' (`arena.twins`); a question without a story is one.
    """

    id: str
    question: str
    name: str
    story: str
    setting: str
    sides: str
    people: tuple[str, ...]  # the seats that wait for people
    played: bool
    open: bool
    options: int

    def unit(self, once: Once) -> str:
        """What a person is given one of."""
        return {"story": self.story, "question": self.name, "debate": self.id}[once]

    @property
    def whole(self) -> bool:
        """Whether everybody reads it as it is: it is over, and no person's chair is part of it."""
        return self.played and JUDGE not in self.people

    @property
    def value(self) -> list[Any]:
        """All of it, for a digest."""
        return [self.id, self.setting, self.story, self.people, self.played, self.open]

    @property
    def names(self) -> frozenset[str]:
        """All that an exclusion may call it by."""
        return frozenset((self.id, self.question, self.name, self.story))


@dataclass(frozen=True, slots=True)
class Place:
    """A place that a person has, or had, at a match."""

    match: str
    seat: str
    run: str | None
    kind: str
    position: int | None
    first: int | None  # the first option in the planned listing
    planned: bool
    closed: bool

    @property
    def value(self) -> list[Any]:
        """All of it, for a digest."""
        return [self.match, self.seat, self.run, self.kind, self.position, self.first, self.planned,
                self.closed]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a plan is a function of, besides what was asked for.

    ``known`` are, by person, the units (`Debate.unit`) that it is given nothing more about: it has
    had them before, has a place there, or has seen of them what judges must not see; ``seen`` is
    the last of these alone (`arena.desk.seen`). ``taken``
    are, by match and seat, the people who have it; ``leaning`` is, by match, by how many its
    planned listings have more of the usual one than of the reversed.
    """

    run: str
    once: Once
    settings: Settings
    debates: tuple[Debate, ...]
    practice: tuple[Debate, ...]
    gold: tuple[Debate, ...]
    names: Mapping[str, str]
    known: Mapping[str, frozenset[str]]
    seen: Mapping[str, Known]
    places: Mapping[str, tuple[Place, ...]]
    taken: Mapping[tuple[str, str], frozenset[str]]
    leaning: Mapping[str, int]
    number: int
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        value = [
            self.run, self.once, asdict(self.settings), self.number, dict(self.names),
            [[one.value for one in part] for part in (self.debates, self.practice, self.gold)],
            {who: sorted(what) for who, what in self.known.items()},
            {who: [sorted(one.questions), sorted(one.stories)] for who, one in self.seen.items()},
            {
                who: sorted(canonical(one.value) for one in what)
                for who, what in self.places.items()
            },
            sorted([*key, *sorted(who)] for key, who in self.taken.items()),
        ]  # fmt: skip
        object.__setattr__(self, "digest", content_id("d", value))


def facts(store: Store, run: str, people: Sequence[str], once: Once, now: float) -> Facts:
    """Everything that a plan for these people rests on, as it stands ``now``.

    Raises PersonError where run or people are not there, or somebody may not sign in any more.
    """
    settings = settings_of(store, run)
    debates = _debates(store, run)
    practice = () if settings.practice is None else _debates(store, settings.practice)
    gold = () if settings.gold is None else _debates(store, settings.gold)
    wanted = json.dumps(sorted(set(people)))
    rows = {row["id"]: row for row in store.query(PEOPLE, wanted)}
    missing = sum(one not in rows for one in people)
    if missing:
        raise PersonError(f"{missing} of the {len(people)} people are not in this store.")
    revoked = sum(row["revoked_at"] is not None for row in rows.values())
    if revoked:
        raise PersonError(
            f"{revoked} of the {len(people)} people may not sign in any more: leave them out."
        )
    scope = {one.id: one for one in (*debates, *practice, *gold)}
    places: dict[str, list[Place]] = {one: [] for one in rows}
    for row in store.query(PLACES, wanted):
        if row["match"] not in scope and row["run"] != run:
            continue
        first = None if row["listing"] is None else json.loads(row["listing"])[0]
        places[row["holder"]].append(
            Place(row["match"], row["seat"], row["run"], row["kind"], row["position"], first,
                  row["made_by"] is not None, row["closed"] is not None)
        )  # fmt: skip
    taken: dict[tuple[str, str], set[str]] = {}
    leaning: Counter[str] = Counter()
    for row in store.query(TAKEN, run, now):
        taken.setdefault((row["match"], row["seat"]), set()).add(row["holder"])
        if row["listing"] is not None:
            leaning[row["match"]] += 1 if json.loads(row["listing"])[0] == 0 else -1
    for row in store.query(JUDGED, run):
        taken.setdefault((row["match"], JUDGE), set()).add(row["author"])
    for row in store.query(SPOKEN, run):
        if row["seat"] != JUDGE:
            taken.setdefault((row["match"], row["seat"]), set()).add(row["author"])
    seen = seen_by(store, sorted(rows))
    return Facts(
        run, once, settings, debates, practice, gold,
        {one: rows[one]["name"] for one in rows},
        _known(store, once, list(scope.values()), places, wanted, seen), seen,
        {who: tuple(what) for who, what in places.items()},
        {key: frozenset(who) for key, who in taken.items()}, leaning,
        plans(store).get(run, {}).get("number", 0),
    )  # fmt: skip


def _known(
    store: Store,
    once: Once,
    scope: Sequence[Debate],
    places: Mapping[str, Sequence[Place]],
    wanted: str,
    seen: Mapping[str, Known],
) -> dict[str, frozenset[str]]:
    """The units that each person is given nothing more about."""
    acts = [row for sql in (DONE, IMPORTED) for row in store.query(sql, wanted)]
    about = _about(store, {row["match"] for row in acts})
    units = {one.unit(once) for one in scope}
    of_story: dict[str, set[str]] = {}
    for one in scope:
        of_story.setdefault(one.story, set()).add(one.unit(once))
    by_id = {one.id: one for one in scope}
    known: dict[str, set[str]] = {
        who: {one.unit(once) for one in scope if seen[who].bars(one.question, one.story)}
        for who in places
    }
    for row in acts:
        names = about.get(row["match"], ())
        known[row["person"]] |= units.intersection(names)
        if row["spoke"]:
            known[row["person"]] |= of_story.get(names[-1], set()) if names else set()
    for who, what in places.items():
        for place in what:
            held = by_id.get(place.match)
            if held is None or place.closed:
                continue
            known[who] |= {held.unit(once)} if place.seat == JUDGE else of_story[held.story]
    return {who: frozenset(what) for who, what in known.items()}


def _debates(store: Store, run: str) -> tuple[Debate, ...]:
    if store.one("SELECT 1 FROM runs WHERE name = ?", run) is None:
        raise PersonError("There is no run of that name in this store.")
    found: dict[str, Debate] = {}
    same = twins(store)
    for row in store.query(MATCHES, run):
        people = tuple(seat for seat, who in json.loads(row["seats"]) if who == PERSON)
        played = bool(row["played"])
        sits = JUDGE in people and row["kind"] not in ("import", AGAIN)
        found.setdefault(
            row["id"],
            Debate(row["id"], row["question"], one_name(same, row["question"]),
                   one_name(same, row["story"]), str(row["setting"]), row["sides"], people, played,
                   played or sits, row["options"]),
        )  # fmt: skip
    return tuple(found.values())


def _about(store: Store, matches: set[str]) -> dict[str, tuple[str, ...]]:
    """What each match may be called by, its story last."""
    sql = (
        "SELECT m.id, m.question, coalesce(q.grp, q.id) AS story FROM json_each(?) AS wanted "
        "CROSS JOIN matches AS m ON m.id = wanted.value JOIN questions AS q ON q.id = m.question"
    )
    rows, same = store.query(sql, json.dumps(sorted(matches))), twins(store)
    return {
        row["id"]: (row["id"], *(one_name(same, row[what]) for what in ("question", "story")))
        for row in rows
    }


def tallies(facts: Facts) -> dict[str, tuple[Counter[str], Counter[str]]]:
    """What people have by earlier plans of the run: how many of each kind, and of each group."""
    debates = {one.id: one for one in facts.debates}
    found: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for person, places in facts.places.items():
        kinds, groups = found[person] = Counter(), Counter()
        for place in places:
            if place.run == facts.run and place.planned and not place.closed:
                kinds[place.kind] += 1
                if place.match in debates and place.kind in ("judging", "debating"):
                    groups.update(groups_of(debates[place.match], place.seat))
    return found


def groups_of(one: Debate, seat: str) -> tuple[str, str, str]:
    """What a plan is balanced over: setting and sides, setting, kind of seat."""
    kind = "judging" if seat == JUDGE else "debating"
    return (f"{kind}/{one.setting}/{one.sides}", f"{kind}/{one.setting}", kind)
