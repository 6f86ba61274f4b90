"""The audits of the shipped studies: they find what is planted, and what they say is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.models import Models
from arena.flow import Flow
from arena.match import View, participant_id
from arena.protocols import debate
from arena.questions import Item
from arena.report import report
from arena.sources.witness import world
from arena.store import Store
from arena.tournament import schedule
from arena.turns import Speech
from ui.runs import Cast, perform

FOLDER = Path(__file__).parent.parent / "experiments"


@pytest.fixture(autouse=True)
def _experiments_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


@dataclass(frozen=True)
class Telling:
    """Says a little, and one word more where its side is the true one, if it ``leaks``."""

    truths: Mapping[str, str]
    leaks: bool

    @property
    def record(self) -> Mapping[str, object]:
        return {"kind": "test", "name": "telling", "leaks": self.leaks}

    def speak(self, view: View) -> Flow[Speech]:
        yield from ()
        (mine,) = (one.text for one in view.answers if one.label == view.side)
        more = self.leaks and mine == self.truths[view.question_id]
        return Speech("It was so, I say" + (" indeed." if more else "."))


def heard(leaks: bool) -> dict[str, Any]:
    """The audit of a report on debates of such speakers."""
    asked = [Item(one.question, one.truth) for one in (world(3, i) for i in range(60))]
    truths = {one.question.id: one.question.answers[one.truth or 0] for one in asked}
    agent = Telling(truths, leaks)
    with Store(None) as store:
        cast = Cast(Models(), store)
        who = participant_id(agent)
        cast.agents[who], cast.specs[who] = agent, "scripted:random"
        planned = list(schedule([one.question for one in asked], {"debate": debate()},
                                {"telling": who}, {}, 0, mirrored=False))  # fmt: skip
        perform(store, "told", "play", {}, asked, planned, cast)
        found: dict[str, Any] = report(store, "told", sections=("leaks",))["leaks"]
    return found


def test_a_true_side_that_always_says_more_is_found_in_the_report() -> None:
    found = heard(True)
    assert found["warning"] and found["each"]["characters"]["value"] == 1.0
    assert found["auc"]["interval"][0] > 0.9
    assert "characters" in found["leaking"]
    plain = heard(False)
    assert "characters" not in plain.get("features", ()) and not plain.get("leaking")


def test_a_true_answer_that_is_always_longer_is_found_in_the_worlds() -> None:
    from leaks import QUESTION, failed, of_worlds

    plain = [world(5, i, "test") for i in range(150)]
    planted = [
        replace(one, answers=tuple(
            text + " indeed" * (i == one.truth) for i, text in enumerate(one.answers)
        ))
        for one in plain
    ]  # fmt: skip
    found = of_worlds(planted, QUESTION)
    assert found["leaking"][0] == "all together"
    assert "characters of the answer" in found["leaking"]
    assert failed([{"claim": "chance", **found}])
    assert not of_worlds(plain, QUESTION)["leaking"]


def test_worlds_of_equal_faces_tell_nothing_and_those_of_free_faces_do() -> None:
    from leaks import QUESTION, SHOWN, WITHDRAWN, of_worlds

    equal, free = ([world(11, i, "test", faces) for i in range(300)] for faces in ("equal", "free"))
    for names in (QUESTION, SHOWN):
        low, high = of_worlds(equal, names)["auc"]["interval"]
        assert low < 0.5 < high
    assert of_worlds(equal, WITHDRAWN)["auc"]["value"] > 0.95
    low, high = of_worlds(free, QUESTION)["auc"]["interval"]
    assert low < 0.5 < high
    assert of_worlds(free, SHOWN)["auc"]["interval"][0] > 0.95


def test_what_equal_debaters_open_with_tells_nothing() -> None:
    from leaks import audited, failed, shipped

    (study,) = (one for one in shipped() if one.study == "equal")
    plain = replace(study, seed=7, debates=("debate without rebuttal",))
    rows = list(audited(plain, 150, {}))
    claimed = {row["what"] for row in rows if row["claim"] == "chance"}
    assert claimed == {"question", "passage", "debate without rebuttal, weak",
                       "consultancy of 1, weak"}  # fmt: skip
    assert failed(rows) == []


def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "leaks.json").read_text(encoding="utf-8"))
    return found


def names() -> Iterator[str]:
    for file in FOLDER.glob("*.yaml"):
        yield yaml.safe_load(file.read_text(encoding="utf-8"))["name"]


def test_the_kept_audits_are_of_every_study_and_every_claim_of_chance_holds() -> None:
    from leaks import failed, markdown

    found = kept()
    studies = {one["study"] for one in found["audits"]}
    assert {*names(), "arena demo", "arena demo --scripted"} <= studies
    assert failed(found["audits"]) == []
    for one in found["audits"]:
        if one.get("claim") == "chance":
            low, high = one["auc"]["interval"]
            assert low < 0.5 < high and one["n"] >= 2000
    text = (FOLDER / "leaks.md").read_text(encoding="utf-8")
    assert text == "\n".join(markdown(found)) + "\n"
    # What leaks by design is said to, with its figure.
    free = next(one for one in found["audits"] if one["study"] == "free" and
                one["what"] == "debate without rebuttal, optimal")  # fmt: skip
    assert free["claim"] == "by design" and free["auc"]["value"] > 0.7
