"""Truth-flip invariance with model players, and of the bytes of the judging page.

`tests/test_play.py` inverts the truth under scripted players and judges; here the debaters and the
judge are prompted models (behind an engine that answers by a function of the request), and what a
person's page is sent is compared as well.
"""

import json
import random

import pytest
from players import EXTRA

from agents.debater import Debater
from arena.desk import chairs, identity
from arena.flow import Reply, Request, batch
from arena.match import participant_id
from arena.protocols import BUILT_IN, Protocol
from arena.questions import Item, Question
from arena.runner import Planned, enrol, execute, plan
from arena.sources.witness import items
from arena.store import Store
from arena.tournament import matches
from judges.prompted import PromptedJudge
from ui.reading import page

PLAIN = Question("Which is larger?", ("two", "three"), "Three is larger than two.\nSo they say.")
SOURCES = {
    "witness": [item.question for item in items(5, 2, "test")],
    "witness, free faces": [item.question for item in items(5, 1, "test", "free")],
    "jsonl": [PLAIN],
}
TABLES = ("questions", "matches", "run_matches", "participants", "protocols", "turns", "speeches",
          "match_turns", "calls", "replies", "rewards")  # fmt: skip


def answer(request: Request) -> Reply:
    draw = random.Random(request.key)
    if request.choices:
        weights = [draw.random() for _ in request.choices]
        total = sum(weights) / 0.9
        return Reply(choice_logprobs=tuple(-3 * weight / total for weight in weights))
    words = " ".join(draw.choices(("see [1]", "no", "because", "[2-3]"), k=4))
    return Reply(text=words, usage=(1, 4))


def everything(
    questions: list[Question], protocol: Protocol, truth: int
) -> tuple[list[object], list[Request], list[str]]:
    """All rows, every request, and the page of every match, with this answer recorded as true."""
    asked: list[Request] = []

    def engine(requests: tuple[Request, ...]) -> list[Reply]:
        asked.extend(requests)
        return [answer(request) for request in requests]

    debater, judge = Debater(model="m", digest="d"), PromptedJudge(model="m", digest="d")
    who, by = participant_id(debater), participant_id(judge)
    planned = [
        Planned(match, {"i": i}, () if protocol.asks else (by,))
        for i, question in enumerate(questions)
        for match in matches(
            question, i, protocol, (who,) * len(protocol.speakers), 3, 0, by, mirrored=True
        )
    ]
    with Store(None) as store:
        enrol(store, (debater, judge))
        plan(store, "run", [Item(question, truth) for question in questions], planned)
        execute(store, planned, {who: debater}, {by: judge}, batch(engine), listings="both")
        rows = [store.conn.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]
        person = identity.register(store, "somebody")
        pages = []
        for one in planned:
            at = chairs.chair(store, one.match, person)
            assert at is not None
            seen = chairs.page_view(one.match, at.transcript, person, at)
            pages.append(json.dumps(page(one.match, seen, at.transcript)))
    return rows, asked, pages


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("protocol", {**BUILT_IN, **EXTRA}.values(), ids={**BUILT_IN, **EXTRA})
def test_inverting_the_truth_changes_no_prompt_no_row_and_no_page(
    source: str, protocol: Protocol
) -> None:
    rows, asked, pages = everything(SOURCES[source], protocol, 0)
    turned_rows, turned_asked, turned_pages = everything(SOURCES[source], protocol, 1)
    assert asked and [one.record() for one in asked] == [one.record() for one in turned_asked]
    assert rows == turned_rows
    assert pages and pages == turned_pages
