"""A store with a secret in every place that has one, and a judge who goes through it in a browser.

Words that begin with CANARY stand for what must not reach a judge; `SPOKEN` ones are speeches,
which reach it once they are shown.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browser import Watch, served
from stage import PASSAGE, Decides, Says, go_on

from arena.batch import Batch
from arena.desk import acts, drafts, identity, planning
from arena.desk.planning import PlanRequest
from arena.desk.settings import Settings, set_settings
from arena.flow import Message, Reply, Request
from arena.match import Match, participant_id
from arena.play import append, path
from arena.protocols import debate
from arena.questions import Item, Question
from arena.rewards import reward_rows
from arena.store import Store
from arena.turns import Speech, Verdict

ROUNDS = 3
NEVER = (
    "CANARY-PASSAGE", "CANARY-THOUGHT", "CANARY-DEBATER", "CANARY-MODEL", "CANARY-VERDICT",
    "CANARY-REASON", "CANARY-BOB", "CANARY-DRAFT", "CANARY-REPORT", "CANARY-CONFIG",
    "CANARY-PROVENANCE", "CANARY-LABEL", "CANARY-SOURCE", "CANARY-STORY", "CANARY-SPLIT",
    "CANARY-CANDIDATE", "CANARY-REQUEST", "CANARY-REPLY", "CANARY-GOLD", "CANARY-ADMIN",
)  # fmt: skip
"""What no byte to or from a judge's browser may hold, however long it judges."""
IDS = (
    "SELECT id FROM matches", "SELECT root FROM matches", "SELECT id FROM questions",
    "SELECT id FROM turns", "SELECT seen FROM turns", "SELECT id FROM speeches",
    "SELECT id FROM participants WHERE id <> ?1", "SELECT id FROM people WHERE id <> ?1",
    "SELECT id FROM protocols", "SELECT key FROM replies", "SELECT hash FROM sessions",
    "SELECT hash FROM invites", "SELECT id FROM assignments WHERE holder <> ?1",
)  # fmt: skip
"""Ids and hashes that would tell what is the same elsewhere, or who somebody is."""


def spoken(about: str, seat: str, place: int) -> str:
    """The canary in one speech."""
    return f"SPOKEN-{about}-{seat}{place}."


def speakers(about: str) -> tuple[Says, Says]:
    """Two debaters of a debate, who say its canaries, round by round."""
    quoted = {"A": "<quote>Twelve crates were loaded</quote> ", "B": "<quote>made up</quote> "}
    one, other = (
        Says(
            f"CANARY-DEBATER {about} {seat}",
            tuple(f"{quoted[seat]}{spoken(about, seat, n)}" for n in range(ROUNDS)),
        )
        for seat in "AB"
    )
    return one, other


def asked(about: str) -> Question:
    """The question of a debate."""
    return Question(
        f"What became of crate {about}?", ("It sank", "It was sold"), PASSAGE,
        "CANARY-SOURCE", f"CANARY-STORY {about}",
    )  # fmt: skip


def debated(store: Store, run: str, names: str, truth: int) -> list[Match]:
    """A run of debates, each with secrets beside what it says."""
    store.start_run(run, "play", {"note": "CANARY-CONFIG"}, {"note": "CANARY-PROVENANCE"})
    made = []
    for n, about in enumerate(names):
        agents = speakers(about)
        seats = [(seat, participant_id(who)) for seat, who in zip("AB", agents, strict=True)]
        one = Match(asked(about), debate(rounds=ROUNDS), (("A", 0), ("B", 1)), tuple(seats))
        _write(store, run, n, one, truth)
        said = path(go_on(store, one, agents))
        model = Decides("CANARY-MODEL")
        slot = one.protocol.closing[-1].slots[-1]
        verdict = Verdict(0, (0.875, 0.125), reason="CANARY-VERDICT")
        leaf = append(one, said, 99, slot, verdict, participant_id(model))
        first = one.protocol.opening[0].slots[0]
        speech = Speech("CANARY-CANDIDATE")
        other = append(one, (), 0, first, speech, seats[0][1], sample=1, origin="candidate")
        store.write(
            Batch(
                participants={participant_id(model): model.record},
                turns=[(one, leaf), (one, other)],
                rewards=reward_rows(one, leaf, said),
                replies=[_call(about)],
            )
        )
        made.append(one)
    return made


def _call(about: str) -> tuple[Request, Reply]:
    said = Message("user", f"CANARY-REQUEST {about}")
    return Request("CANARY-MODEL", (said,), 8, 0), Reply(text="CANARY-REPLY")


def _write(store: Store, run: str, n: int, one: Match, truth: int) -> None:
    labels = {"note": "CANARY-LABEL", "true": truth}
    store.write(
        Batch(
            items=[Item(one.question, truth, "CANARY-SPLIT")],
            protocols=[one.protocol],
            matches=[one],
            run_matches=[(run, n, one.id, labels)],
        )
    )


def build(file: Path, truth: int = 0) -> str:
    """A store of planned debates for Ada and Bob, and Ada's link. ``truth`` is the right option of
    every question, and nothing else in the store that a judge could be shown depends on it."""
    with Store(file) as store:
        (first, *_) = debated(store, "study", "PQ", truth)
        debated(store, "CANARY-GOLD", "X", truth)
        ada, bob = (identity.register(store, name) for name in ("Ada", "CANARY-BOB"))
        identity.invite(store, "CANARY-ADMIN", "admin")
        settings = Settings(gold="CANARY-GOLD", gold_share=0.34, again_share=0.34, undo=None)
        set_settings(store, "study", settings)
        acts.submit(store, first, bob, "A", 0.8125, "CANARY-REASON")
        drafts.save(store, bob, first.id, "reason", "CANARY-DRAFT")
        acts.report(store, first, bob, settings, "CANARY-REPORT", 0)
        plan = planning.preview(store, PlanRequest("study", (ada,), 2, distance=0))
        planning.commit(store, plan, identity.named(store, "CANARY-ADMIN").id)
        return f"/join/{identity.invite(store, 'Ada')}"


@contextmanager
def judging(browser: Any, file: Path, har: Path, **options: Any) -> Iterator[Watch]:
    """Ada's browser at the desk of a store; when the block ends, ``har`` has what went by HTTP."""
    with served(file) as url:
        ada = Watch(browser, url, record_har_path=har, record_har_content="embed", **options)
        try:
            yield ada
        finally:
            ada.close()


def http(har: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """Every exchange by HTTP: the address, what the browser sent (its head and body), and what came
    back, headers included."""
    for entry in json.loads(har.read_text())["log"]["entries"]:
        ask, answer = entry["request"], entry["response"]
        content = answer["content"]
        text = content.get("text", "")
        body = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()
        sent = json.dumps([ask["headers"], ask.get("postData", {})]).encode()
        yield ask["url"], sent, json.dumps(answer["headers"]).encode() + body


# What she does.


def percent(ada: Watch) -> str:
    """The number beside the slider."""
    value: str = ada.page.get_by_label("The same as a number").input_value()
    return value


def likely(ada: Watch, key: str, wanted: str) -> None:
    """Move the untouched slider by one key."""
    ada.page.get_by_text("Not set yet").wait_for()
    ada.settle()
    ada.page.keyboard.press(key)
    ada.until(lambda: percent(ada) == wanted, f"the probability never was {wanted}")


def join(ada: Watch, link: str) -> None:
    """By the link to the queue."""
    ada.open(link)
    ada.sees("This link signs in")
    ada.button("Continue").click()
    ada.sees("What there is")
    ada.button("Continue")
    ada.settle()


def step(ada: Watch, number: int) -> None:
    """Say a probability, and see the next step."""
    likely(ada, "ArrowRight", "55")
    ada.settle()
    ada.page.keyboard.press("n")
    ada.sees(f"Step {number} of {ROUNDS}")
    ada.until(lambda: ada.page.locator(".turn").count() == 2 * number, "the step is not shown")
    ada.settle()


def decide(ada: Watch) -> None:
    """From the form of the verdict to the page after it."""
    likely(ada, "ArrowRight", "55")
    ada.page.keyboard.press("1")
    ada.page.get_by_label("Why?").fill("Nobody saw the sale.")
    ada.page.get_by_label("Why?").blur()
    ada.sees("Draft saved")
    ada.settle()
    ada.page.keyboard.press("s")
    ada.sees("Submit this verdict?")
    ada.settle()
    ada.page.keyboard.press("y")
    ada.sees("Your verdict is recorded")
    ada.settle()


def look_around(ada: Watch) -> None:
    """All quotations, the help, the other pages of a judge, and back."""
    ada.page.keyboard.press("t")
    ada.page.locator(".quotes").wait_for()
    ada.settle()
    ada.page.keyboard.press("t")
    ada.page.locator(".reader").wait_for()
    ada.settle()
    ada.page.keyboard.press("h")
    ada.sees("Keys do not act while you write.")
    ada.settle()
    ada.page.keyboard.press("Escape")
    ada.page.get_by_text("Keys do not act").wait_for(state="hidden")
    ada.settle()
    here = ada.page.url.removeprefix(ada.url)
    for address, seen in (("/record", "Your time"), ("/you", "Sign out"), ("/", "What there is"),
                       (here, "Step ")):  # fmt: skip
        ada.open(address)
        ada.sees(seen)
        ada.settle()


def about(ada: Watch) -> str:
    """The letter of the debate that is open."""
    text: str = ada.page.locator(".reader h1").inner_text()
    return text.removesuffix("?").split()[-1]


def judge(ada: Watch, after: Callable[[str, int], None] = lambda about, steps: None) -> str:
    """The debate that is open, from its question to the verdict, undone once and given again;
    ``after`` is told of every step that is shown. The debate's letter."""
    which = about(ada)
    after(which, 0)
    for number in range(1, ROUNDS + 1):
        step(ada, number)
        after(which, number)
        if number == 1:
            look_around(ada)
            after(which, number)
    decide(ada)
    ada.page.keyboard.press("Control+z")
    ada.sees("Taken back.")
    ada.until(lambda: percent(ada) == "55", "what was taken back is not in the form")
    ada.settle()
    ada.page.keyboard.press("s")
    ada.sees("Submit this verdict?")
    ada.settle()
    ada.page.keyboard.press("y")
    ada.sees("Your verdict is recorded")
    ada.settle()
    after(which, ROUNDS)
    return which


def next_debate(ada: Watch) -> None:
    """On to what comes next."""
    ada.page.keyboard.press("g")
    ada.sees("Before you read")
    ada.settle()
