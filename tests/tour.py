"""Every page of the desk in one store, one stop each: for what is looked at on all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seasons
from browser import Watch, entered
from stage import PERSON, match, question, stage
from test_browse import model_verdict

from arena.desk import acts, identity, planning, steps, worklist
from arena.desk.planning import PlanRequest
from arena.desk.settings import Settings, set_settings
from arena.match import Match
from arena.protocols import JUDGE, Limits, debate
from arena.turns import Verdict


@dataclass(frozen=True)
class Stop:
    """A page: its name, whose it is (nobody's: the sign-in), its address, a text that it has when
    it is drawn, and what is done on it then."""

    name: str
    role: str
    path: str
    seen: str
    then: Callable[[Watch], object] = lambda watch: None


@dataclass
class Tour:
    """Where to stop, and the sessions of those who do."""

    stops: list[Stop]
    sessions: dict[str, str]

    def at(self, browser: Any, url: str, stop: Stop, **options: Any) -> Watch:
        """A browser at a stop, its page drawn."""
        watch = Watch(browser, url, self.sessions.get(stop.role), **options)
        self.to(watch, stop)
        return watch

    def to(self, watch: Watch, stop: Stop) -> None:
        """A browser of the role goes on to a stop, whose page is drawn."""
        watch.open(stop.path)
        watch.sees(stop.seen)
        if stop.role:
            watch.settle()
        stop.then(watch)
        if stop.role:
            watch.settle(1.0)


def press(*keys: str) -> Callable[[Watch], object]:
    """Keys, one after the other."""

    def pressed(watch: Watch) -> None:
        for key in keys:
            watch.page.keyboard.press(key)
            watch.settle()

    return pressed


def click(*names: str) -> Callable[[Watch], object]:
    """Switches, parts and buttons, by what they say."""

    def clicked(watch: Watch) -> None:
        for name in names:
            radio = watch.page.get_by_role("radio", name=name, exact=True)
            button = watch.page.get_by_role("button", name=name, exact=True)
            text = watch.page.get_by_text(name, exact=True)
            next(one for one in (radio, button, text) if one.count()).first.click()
            watch.settle()

    return clicked


def unfold(watch: Watch) -> None:
    """Every fold of the page."""
    for fold in watch.page.locator("details > summary:visible").all():
        fold.click()
    watch.settle()


def build(file: Path) -> Tour:
    """The store, and the tour through it."""
    names = {"judge": "Ada", "researcher": "Rita", "admin": "Carol"}
    sessions = {role: entered(file, name, role) for role, name in names.items()}
    whole = [match(question(n, f"story {n}"), debate(rounds=3)) for n in range(3)]
    stepped = [match(question(n, f"story {n}"), debate(rounds=3)) for n in range(3, 8)]
    chair = match(question(9, "story 9"), debate(rounds=2, simultaneous=False, limits=Limits()))
    chair = Match(chair.question, chair.protocol, chair.sides, (chair.seats[0], ("B", PERSON)))
    timed = match(question(10, "story 10"), debate(rounds=2))
    stage(file, whole, name="read at once").close()
    stage(file, stepped, name="read in steps").close()
    stage(file, [timed], name="read in time").close()
    seasons.cup(file)
    seasons.lab(file)
    with stage(file, [chair], name="with people") as store:
        ada, carol = (identity.named(store, name).id for name in ("Ada", "Carol"))
        bob = identity.register(store, "Bob")
        told = Settings(mode="whole", undo=0, survey=("sides", "key", "human"), feedback=True,
                        calibration=True,
                        instructions="Judge what was said, and nothing else.")  # fmt: skip
        set_settings(store, "read at once", told)
        set_settings(store, "read in time", Settings(mode="timed", seconds=3600))
        in_steps = Settings(instructions="Say what you believe before each next step.")
        set_settings(store, "read in steps", in_steps)
        plan = planning.preview(store, PlanRequest("read in steps", (ada,), 1))
        planning.commit(store, plan, carol)
        for one in whole[:2]:
            acts.submit(store, one, bob, "A", 0.75, "Nobody contradicted it.")
            model_verdict(store, one, Verdict(1, (0.25, 0.75), reason="The quotations are false."))
        place = {}
        for name, one, seat in (("read", whole[2], JUDGE), ("done", whole[0], JUDGE),
                                ("timed", timed, JUDGE), ("chair", chair, "B"),
                                ("step", stepped[0], JUDGE),
                                ("prior", stepped[1], JUDGE)):  # fmt: skip
            assert worklist.take(store, one, ada, time.time(), 36_000, seat)
            place[name] = worklist.assignment_id(one.id, seat, ada)
        acts.submit(store, whole[0], ada, "A", 0.8, "It was quoted.", settings=told)
        for p in (0.5, 0.6):
            shown = steps.reading(store, stepped[0], ada, in_steps).view.digest
            steps.believe(store, stepped[0], ada, in_steps, p, shown)
        link = f"/join/{identity.invite(store, 'Dora')}"
    one = whole[0].id
    stops = [
        Stop("signin", "", "/signin", "Were you sent a link?"),
        Stop("join", "", link, "This link signs in"),
        Stop("passcode", "judge", "/passcode", "Keep it"),
        Stop("leave", "judge", "/leave", "Stay"),
        Stop("queue", "judge", "/", "What there is"),
        Stop("judge-before", "judge", f"/judge?a={place['prior']}", "Before you read"),
        Stop("judge-step", "judge", f"/judge?a={place['step']}", "Your probability"),
        Stop("judge-whole", "judge", f"/judge?a={place['read']}", "Submit verdict"),
        Stop("judge-quotes", "judge", f"/judge?a={place['read']}", "Submit verdict", press("t")),
        Stop("judge-help", "judge", f"/judge?a={place['read']}", "Submit verdict", press("h")),
        Stop("judge-skip", "judge", f"/judge?a={place['read']}", "Submit verdict",
             press("Shift+S")),
        Stop("judge-report", "judge", f"/judge?a={place['read']}", "Submit verdict",
             click("Report")),
        Stop("judge-down", "judge", f"/judge?a={place['read']}", "Submit verdict",
             click("Step down")),
        Stop("judge-refused", "judge", f"/judge?a={place['read']}", "Submit verdict", press("s")),
        Stop("judge-beside", "judge", f"/judge?a={place['read']}", "Submit verdict",
             click("Side by side")),
        Stop("judge-nothing", "judge", "/judge", "No debate is open"),
        Stop("judge-timed", "judge", f"/judge?a={place['timed']}", "Time left"),
        Stop("judge-after", "judge", f"/judge?a={place['done']}", "Your verdict is recorded"),
        Stop("chairs", "judge", "/chair", "Your chairs"),
        Stop("chair", "judge", f"/chair?a={place['chair']}", "You argue for answer B"),
        Stop("chair-quotes", "judge", f"/chair?a={place['chair']}", "You argue for answer B",
             click("All quotations so far", "Rules and limits")),
        Stop("chair-down", "judge", f"/chair?a={place['chair']}", "You argue for answer B",
             click("Give up this chair")),
        Stop("record", "judge", "/record", "Your time"),
        Stop("you", "judge", "/you", "Sign out"),
        Stop("debates", "researcher", "/debates", "debates fit"),
        Stop("debate", "researcher", f"/debate?id={one}&turn=1", "Quotations"),
        Stop("debate-switches", "researcher", f"/debate?id={one}&turn=1", "Quotations",
             click("Truth", "Judges' reports", "Metadata", "Reports")),
        Stop("debate-fork", "researcher", f"/debate?id={one}&turn=1", "Quotations", click("Fork")),
        Stop("debate-record", "researcher", f"/debate?id={one}&turn=1", "Quotations",
             click("Metadata", "Record")),
        Stop("debate-nothing", "researcher", "/debate", "Choose a debate"),
        Stop("tournament", "researcher", "/tournament?run=cup", "Cost per role"),
        Stop("tournament-effects", "researcher", "/tournament?run=cup", "Cost per role",
             click("Honesty", "Judge")),
        Stop("studies", "researcher", "/studies?run=cup", "The whole report as a file"),
        *(Stop(f"studies-{part}", "researcher", f"/studies?run=cup&part={part}",
               "The whole report as a file")
          for part in ("differences", "calibration", "rounds", "judges", "players", "costs")),
        Stop("training", "researcher", "/training?run=lab", "Debates of the evaluations"),
        Stop("training-tables", "researcher", "/training?run=lab", "Debates of the evaluations",
             unfold),
        Stop("training-verdicts", "researcher", "/training?run=lab", "Debates of the evaluations",
             click("Verdicts")),
        Stop("data", "admin", "/data", "Codebook"),
        Stop("data-import", "admin", "/data", "Codebook", click("Import")),
        Stop("people", "admin", "/people", "One person"),
        Stop("people-revoke", "admin", "/people", "One person", click("Revoke access")),
        Stop("assignments", "admin", "/assignments", "Judges for each debate"),
        Stop("assignments-preview", "admin", "/assignments", "Judges for each debate",
             click("Preview")),
        Stop("assignments-places", "admin", "/assignments", "Judges for each debate",
             click("Places")),
        Stop("assignments-progress", "admin", "/assignments", "Judges for each debate",
             click("Progress")),
        Stop("assignments-settings", "admin", "/assignments", "Judges for each debate",
             click("Settings")),
        Stop("audit", "admin", "/audit", "Audit"),
        Stop("system", "admin", "/system", "Signed in now"),
    ]  # fmt: skip
    return Tour(stops, sessions)
