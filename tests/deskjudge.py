"""Judges at the desk who log what they sent and what the page showed of it; and a ledger that holds
the store against their logs, by its tables alone."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from deskclient import GONE, WAIT, Page, Stuck, Tab, join
from stage import match, question, stage

from arena.desk import identity
from arena.desk.planning import PlanRequest, commit, preview
from arena.store import Store

SAVE, SUBMIT, YES = "Save and show next", "Submit verdict", "Yes, submit"
NEXT, CONTINUE = "Continue with the next", "Continue"
SOON = 15.0
"""Seconds after which a judge reloads a page that does not come back by itself."""
DONE, CHOSEN = "Your verdict is recorded", "\N{CHECK MARK}"
Where = tuple[str, int]
"""A place, and the step at which something was said there."""


@dataclass
class Log:
    """What one judge has sent, and what the page has shown of it: only that is acknowledged."""

    sent: dict[Where, list[int]] = field(default_factory=dict)
    beliefs: dict[Where, float] = field(default_factory=dict)
    tried: dict[str, list[tuple[str, int, str]]] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    typed: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    drafts: dict[tuple[str, str], str] = field(default_factory=dict)
    doubled: int = 0
    lost: int = 0
    resumed: int = 0
    waits: list[tuple[str, float]] = field(default_factory=list)  # a click, seconds to its page


@dataclass
class Judge:
    """Somebody who judges ``count`` debates to the end, and what goes wrong on the way: how often a
    click is sent twice, the line is cut after a click, and the tab comes back as a reload."""

    tab: Tab
    count: int
    draws: Random
    name: str = ""
    pace: float = 0.0
    doubles: float = 0.0
    cuts: float = 0.0
    log: Log = field(default_factory=Log)
    serial: int = 0
    away: bool = True
    resumed: bool = False
    clicking: bool = False

    async def judge(self) -> Log:
        """Judge, whatever happens to the line and to the server."""
        await self.back(reload=True)
        while len(self.log.verdicts) < self.count:
            try:
                await self.act()
            except GONE:
                self.log.lost += 1
                await self.back(reload=self.draws.random() < 0.5)
            except Stuck:
                if not self.resumed:
                    raise
                await self.back(reload=True)
        await self.tab.close()
        return self.log

    async def back(self, reload: bool) -> None:
        """Come back to the page that the address names, as soon as there is a server.

        Streamlit may send a part of what it has for a session that was resumed to the line that is
        gone. What is left of a page then is none, and the judge reloads it as anybody would.
        """
        end = time.monotonic() + WAIT
        self.away = True
        while True:
            try:
                await self.tab.open(again=not reload)
                await self.tab.until(lambda page: True, WAIT if reload else SOON)
                break
            except GONE:
                assert time.monotonic() < end, "the server did not come back"
                await asyncio.sleep(0.1)
            except Stuck:
                if reload:
                    raise
                reload = True
        self.log.resumed += not reload
        self.resumed = not reload
        self.away = self.clicking = False
        self.heard()

    def heard(self) -> None:
        """Note what the page shows of what was said at its place."""
        page, place = self.tab.page, self.tab.page.place
        if not place:
            return
        lines = page.part("beliefs")
        over = DONE in page.words()
        if lines is not None:
            points = lines[1]["lines"][0]["points"]
            first = 0 if lines[1]["ticks"][0] == "start" else int(lines[1]["ticks"][0])
            found = {first + n: value for n, value in enumerate(points) if value is not None}
            if over:
                found.pop(max(found))  # the verdict's own
            for step, value in found.items():
                known = self.log.beliefs.setdefault((place, step), value)
                assert known == value, "what was saved has changed"
        if over:
            said = re.search(r"\*\*(\w+), (\d+) %\*\*", page.words())
            assert said is not None, page.words()
            tried = self.log.tried[place]
            (one,) = [t for t in tried if t[2] in page.words().split("\n")]
            assert one[:2] == (said[1], int(said[2])), "another verdict than was sent"
            self.log.verdicts[place] = one

    def step(self) -> tuple[int, int]:
        """The step that is shown, and how many there are."""
        found = re.search(r"Step (\d+) of (\d+)", self.tab.page.words())
        return (int(found[1]), int(found[2])) if found else (-1, -1)

    async def act(self) -> None:
        """One click: whatever the page asks for."""
        page, tab = self.tab.page, self.tab
        if self.pace:
            await asyncio.sleep(self.pace * self.draws.uniform(0.5, 1.5))
        place, step = page.place, self.step()[0]
        if page.button(YES):
            await self.click(YES, lambda now: DONE in now.words())
        elif page.button(SAVE):
            percent = self.number()
            self.log.sent.setdefault((place, step), []).append(percent)
            tab.say(page.part("probability", "percent"), percent=percent)
            if self.draws.random() < 0.3:
                await self.write("notes")
            await self.click(SAVE, lambda now: now.place == place and self.step()[0] > step)
        elif page.button(SUBMIT):
            percent, reason = self.number(), await self.write("reason")
            winner = "A" if percent > 50 else "B"
            sure = percent if winner == "A" else 100 - percent
            self.log.tried.setdefault(place, []).append((winner, sure, reason))
            if page.button(winner):
                await self.click(winner, lambda now: f"{winner} {CHOSEN}" in labels(now))
            tab.say(tab.page.part("probability", "percent"), percent=percent)
            tab.say(tab.page.part("draft", "reason"), text=reason)
            await self.click(SUBMIT, lambda now: now.button(YES) is not None or DONE in now.words())
        else:
            label = next((one for one in (CONTINUE, NEXT) if page.button(one)), None)
            if label is None:
                raise Stuck(f"nothing to click: {page.words()[-1500:]!r}")
            await self.click(label, lambda now: now.place not in ("", place)
                             and bool({SAVE, SUBMIT} & labels(now)))  # fmt: skip

    def number(self) -> int:
        """A per cent that is no tie."""
        return self.draws.choice([n for n in range(1, 100) if n != 50])

    async def write(self, name: str) -> str:
        """Type something that nobody else types, and have it saved."""
        self.serial += 1
        text = f"{name} {self.serial} of {self.tab.token[:12]}"
        where = self.tab.page.place, name
        self.log.typed.setdefault(where, []).append(text)
        if await self.tab.draft(name, text) == 200:
            self.log.drafts[where] = text
        return text

    async def click(self, label: str, then: Callable[[Page], bool]) -> None:
        """Click, perhaps twice, and wait for what the page shows then; or have the line cut."""
        id = self.tab.page.button(label)
        assert id is not None, label
        twice = self.draws.random() < self.doubles
        self.log.doubled += twice
        begun = time.perf_counter()
        self.clicking = True
        await self.tab.send(id, times=1 + twice)
        if self.draws.random() < self.cuts:
            await asyncio.sleep(self.draws.choice([0.0, 0.01, 0.1]))
            await self.tab.close(rudely=self.draws.random() < 0.5)
            raise ConnectionResetError("cut")
        await self.tab.until(then, SOON if self.resumed else WAIT)
        self.log.waits.append((label, time.perf_counter() - begun))
        self.clicking = False
        self.heard()


def labels(page: Page) -> set[str]:
    return {one.label for one in page.of("button")}


def together(logs: Mapping[str, Log]) -> dict[str, int]:
    """What happened altogether."""
    return {
        "beliefs": sum(len(log.beliefs) for log in logs.values()),
        "verdicts": sum(len(log.verdicts) for log in logs.values()),
        "drafts": sum(len(log.drafts) for log in logs.values()),
        "doubled": sum(log.doubled for log in logs.values()),
        "lost": sum(log.lost for log in logs.values()),
        "resumed": sum(log.resumed for log in logs.values()),
        "clicks": sum(len(log.waits) for log in logs.values()),
    }


# A study, and its ledger.

PLANNED, OPEN = "planned", "open"


def study(path: Path, judges: int, planned: int, opened: int, k: int) -> dict[str, str]:
    """A store with work for so many judges; an invite for each, by name.

    ``planned`` debates each, by a plan that gives every debate to ``k`` people. And ``opened`` each
    from what the plan of another run leaves open, a debate to one person: that plan is one debate,
    for somebody who never comes.
    """
    names = [f"Judge {n:02}" for n in range(judges)]
    count, more = judges * planned // k, judges * opened + 1
    made = [match(question(n, f"story {n}")) for n in range(count + more)]
    stage(path, made[:count], name=PLANNED).close()
    stage(path, made[count:], name=OPEN).close()
    with Store(path) as store:
        who = tuple(identity.register(store, name) for name in names)
        away = identity.register(store, "Carol")
        for request in (
            PlanRequest(PLANNED, who, k=k),
            PlanRequest(OPEN, (away,), cap=1, rest=True),
        ):
            commit(store, preview(store, request), None)
        return {name: identity.invite(store, name, identity.JUDGE) for name in names}


def enter(
    port: int, invites: Mapping[str, str], count: int, seed: int, **how: float
) -> list[Judge]:
    """Everybody signs in; nobody has opened a page yet."""
    return [
        Judge(Tab(port, join(port, invite)), count, Random(f"{seed} {name}"), name=name, **how)
        for name, invite in invites.items()
    ]


class Ledger:
    """What the store holds of people's acts, read by SQL of its own."""

    def __init__(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            self.sound = db.execute("PRAGMA integrity_check").fetchall()
            self.beliefs = db.execute(
                "SELECT p.name, e.assignment, json_extract(e.value, '$.step'), "
                "json_extract(t.elicited, '$[0]') FROM events AS e "
                "JOIN turns AS t ON t.id = e.turn "
                "JOIN people AS p ON p.id = e.person WHERE e.kind = 'belief'"
            ).fetchall()
            self.verdicts = db.execute(
                "SELECT p.name, e.assignment, t.choice, json_extract(t.elicited, '$[0]'), t.reason "
                "FROM events AS e JOIN turns AS t ON t.id = e.turn "
                "JOIN people AS p ON p.id = e.person WHERE e.kind = 'verdict'"
            ).fetchall()
            self.leaves = db.execute(
                "SELECT kind, count(*) FROM turns WHERE origin = 'person' GROUP BY kind"
            ).fetchall()
            self.standing = db.execute(
                "SELECT rm.run, v.match, v.author FROM verdicts AS v "
                "JOIN run_matches AS rm ON rm.match = v.match"
            ).fetchall()
            self.places = db.execute(
                "SELECT run, match, holder, done, made_by, id FROM assignments"
            ).fetchall()
            self.numbers = db.execute(
                "SELECT person, sitting, number FROM events WHERE person NOT NULL ORDER BY 1, 2, 3"
            ).fetchall()
            self.once = db.execute(
                "SELECT kind, match, person FROM events WHERE kind IN ('taken', 'shown')"
            ).fetchall()
            self.drafts = {
                (name, id): json.loads(payload)
                for name, id, payload in db.execute(
                    "SELECT p.name, a.id, d.payload FROM drafts AS d JOIN people AS p "
                    "ON p.id = d.person JOIN assignments AS a ON a.match = d.match "
                    "AND a.holder = d.person"
                )
            }

    def nothing_doubled(self) -> None:
        """Whatever may happen once has happened once, with its event."""
        assert self.sound == [("ok",)]
        acts = {
            "beliefs": [row[:3] for row in self.beliefs],
            "verdicts": [row[:2] for row in self.verdicts],
            "verdicts that stand": self.standing,
            "places": [row[5] for row in self.places],
            "taken, shown": self.once,
        }
        for what, rows in acts.items():
            assert twice(rows) == [], f"{what} were doubled"
        of = {"belief": len(self.beliefs), "verdict": len(self.verdicts)}
        assert dict(self.leaves) == {kind: n for kind, n in of.items() if n}
        sittings = Counter(row[:2] for row in self.numbers)
        assert self.numbers == [
            (*sitting, n) for sitting, most in sorted(sittings.items()) for n in range(1, most + 1)
        ]

    def nothing_lost(self, logs: Mapping[str, Log]) -> None:
        """What the page has shown is there, as it was shown; and nothing that nobody sent."""
        beliefs = {(name, place, step): round(100 * p) for name, place, step, p in self.beliefs}
        verdicts = {
            (name, place): ("AB"[choice], round(100 * (p if choice == 0 else 1 - p)), reason)
            for name, place, choice, p, reason in self.verdicts
        }
        for name, log in logs.items():
            for (place, step), value in log.beliefs.items():
                assert beliefs.get((name, place, step)) == value, f"{name} lost step {step}"
            for place, said in log.verdicts.items():
                assert verdicts.get((name, place)) == said, f"{name} lost a verdict"
            for (place, what), text in log.drafts.items():
                if what == "reason" and (name, place) in verdicts:
                    continue  # it has become the verdict's
                sent = log.typed[place, what]
                kept = self.drafts.get((name, place), {}).get(what)
                assert kept in sent[sent.index(text) :], f"{name} lost a draft"
        for (name, place, step), value in beliefs.items():
            assert value in logs[name].sent[place, step]
        for (name, place), said in verdicts.items():
            assert said in logs[name].tried[place]

    def all_acknowledged(self, logs: Mapping[str, Log]) -> None:
        """When everybody has finished: no act is in the store that the page has not shown."""
        shown = {(name, *where) for name, log in logs.items() for where in log.beliefs}
        assert {row[:3] for row in self.beliefs} == shown
        over = {(name, place) for name, log in logs.items() for place in log.verdicts}
        assert {row[:2] for row in self.verdicts} == over

    def shared_out(self, judges: int, planned: int, opened: int, k: int) -> None:
        """Every planned debate has its ``k`` verdicts, every open one a single one, and nobody has
        held what another read."""
        given = Counter((run, match) for run, match, _ in self.standing)
        wanted = {PLANNED: (judges * planned // k, k), OPEN: (judges * opened, 1)}
        for run, (matches, each) in wanted.items():
            counts = [n for (of, _), n in given.items() if of == run]
            assert counts == [each] * matches, f"{run}: {counts}"
        mine = [(done, run == PLANNED, planned) for run, _, _, done, planned, _ in self.places]
        assert mine.count((1, True, "plan")) == judges * planned
        assert mine.count((1, False, None)) == judges * opened
        assert len(mine) == judges * (planned + opened) + 1


def twice(rows: Iterable[object]) -> list[object]:
    """What occurs more than once."""
    return [row for row, n in Counter(rows).items() if n > 1]
