"""Rooms in the format of the NYU human debates, made here: every kind of round and every oddity.

Nothing of the data set is copied. ``SECRETS`` are words that no later judge may be shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

STORY = [
    "The", "SECRETSTORY", "door", "was", "red", ",", "she", "said", ".", "\n",
    "It", "did", "n't", "open", ";", "the", "key", "(", "a", "small", "one", ")", "was", "lost",
    ".", "``", "Wait", "!", "''", "cried", "Ann", ".",
]  # fmt: skip
SECRETS = ("SECRETSTORY", "SECRETREASON", "SECRETNOTE", "SECRETSURVEY", "SECRETREADER")
START = 1_676_000_000_000

JUDGED = {"JudgeFeedbackRound": {"reportBeliefs": True, "charLimit": 750}}
VOTE = {"NegotiateEndRound": {"assignedDebatersOnly": False}}


def _speeches(kind: str, assigned: bool, quote: int | None = 250) -> dict[str, Any]:
    rule = {"charLimit": 750, "quoteLimit": quote, "assignedDebatersOnly": assigned}
    return {kind: rule}


def rules(opening: list[Any], cycle: list[Any], closing: Any = None) -> dict[str, Any]:
    scoring = {"LogScoreWithLinearPenalty": {"baseCoefficient": 1, "perTurnPenalty": 0.05}}
    return {
        "fixedOpening": opening, "repeatingStructure": cycle, "fixedClosing": closing,
        "globalQuoteRestriction": None, "scoringFunction": scoring,
    }  # fmt: skip


SIM = _speeches("SimultaneousSpeechesRound", False)
SEQ = _speeches("SequentialSpeechesRound", False)
DEBATE = rules([JUDGED, SIM, JUDGED], [SEQ, JUDGED])
ONE_SIDED = rules([JUDGED], [_speeches("SequentialSpeechesRound", True, 500), JUDGED])
AGREE = rules([SIM, VOTE], [SEQ, VOTE])
CLOSING = rules([SIM], [SEQ], {"maxRepeatCycles": 2, "rounds": [VOTE, SEQ, VOTE, SEQ]})

DEBATERS = {"Debater A": "Anna Apple", "Debater B": "Bert Birch"}
BOTH = {**DEBATERS, "Judge": "Jo Juniper"}
MACHINES = {"Debater A": "GPT-4", "Debater B": "GPT-4", "Judge": "Jo Juniper"}

Content = str | tuple[int, int]


def said(speaker: str, *content: Content, at: int = START) -> dict[str, Any]:
    parts = [
        {"Text": {"text": one}} if isinstance(one, str) else {"Quote": {"span": list(one)}}
        for one in content
    ]
    return {"speaker": speaker, "timestamp": at, "content": parts}


def report(
    p: float, *content: Content, end: bool = False, by: str = "Jo Juniper"
) -> dict[str, Any]:
    return {"distribution": [p, 1 - p], "feedback": said(by, *content), "endDebate": end}


def judge(p: float, *content: Content, end: bool = False, by: str = "Jo Juniper") -> dict[str, Any]:
    return {"JudgeFeedback": report(p, *content, end=end, by=by)}


def sim(**speeches: Any) -> dict[str, Any]:
    """``sim(a=..., b=...)``: in the order given, which the file keeps."""
    return {"SimultaneousSpeeches": {"speeches": {_INDEX[k]: v for k, v in speeches.items()}}}


def seq(**speeches: Any) -> dict[str, Any]:
    return {"SequentialSpeeches": {"speeches": {_INDEX[k]: v for k, v in speeches.items()}}}


def vote(**votes: bool) -> dict[str, Any]:
    return {"NegotiateEnd": {"votes": {_INDEX[k]: v for k, v in votes.items()}}}


def readings(**by: dict[str, Any]) -> dict[str, Any]:
    return {"OfflineJudgments": {"judgments": {k.replace("_", " "): v for k, v in by.items()}}}


def reading(mode: str, *reports: dict[str, Any]) -> dict[str, Any]:
    return {"mode": mode, "startTimeMillis": START + 500, "judgments": list(reports)}


_INDEX = {"a": "0", "b": "1"}


def a(*content: Content) -> dict[str, Any]:
    return said("Anna Apple", *content, at=START + 1000)


def b(*content: Content) -> dict[str, Any]:
    return said("Bert Birch", *content, at=START + 2000)


def gpt(*content: Content) -> dict[str, Any]:
    return said("GPT-4", *content, at=START + 3000)


def room(
    name: str,
    rounds: list[Any],
    roles: Mapping[str, str] = BOTH,
    by: Mapping[str, Any] = DEBATE,
    truth: int = 0,
    question: str = "What colour was the door? ",
    paper: bool = True,
    complete: bool = True,
    ended: str = "JudgeDecided",
    feedback: Mapping[str, Any] | None = None,
    scratchpads: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A room's line of metadata and its file, which agree."""
    story = {"articleId": "90001", "title": "The Door", "contents": STORY}
    body = {
        "setup": {
            "question": question, "answers": ["Red", "Blue "], "correctAnswerIndex": truth,
            "roles": dict(roles), "offlineJudges": {}, "creationTime": START - 1000,
            "sourceMaterial": {"QuALITYSourceMaterial": story}, "rules": by,
        },
        "rounds": rounds, "feedback": feedback or {}, "scratchpads": scratchpads or {},
    }  # fmt: skip
    status: dict[str, Any] = {"InProgress" if rounds else "WaitingToBegin": {}}
    if complete:
        reports = [one["JudgeFeedback"] for one in rounds if "JudgeFeedback" in one]
        info = None
        if reports:
            info = {"correctAnswerIndex": truth, "numContinues": len(reports) - 1,
                    "finalJudgement": reports[-1]["distribution"], "judgeReward": -0.5}  # fmt: skip
        result = {"timestamp": START + 9000, "correctAnswerIndex": truth, "endedBy": {ended: {}},
                  "judgingInfo": info}  # fmt: skip
        status = {"Complete": {"result": result, "offlineJudgingResults": {}}}
    debaters = [role for role in roles if role != "Judge"]
    line = {
        "name": name, "question": question, "storyTitle": "The Door",
        "setting": {"isHuman": "GPT-4" not in roles.values(), "isDebate": len(debaters) == 2},
        "sourceMaterialId": {"QuALITYStory": {"id": "90001", "title": "The Door"}},
        "roleAssignments": dict(roles), "offlineJudges": {}, "creationTime": START - 1000,
        "status": status, "latestUpdateTime": START + 9000, "includedInPaper": paper,
    }  # fmt: skip
    return line, body


def good_rooms() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """One room of every kind."""
    only_a = {"Debater A": "Anna Apple", "Judge": "Jo Juniper"}
    only_b = {"Debater B": "GPT-4", "Judge": "Jo Juniper"}
    survey = {"Jo Juniper": {"Judge": {"answers": {"clarity": {"first": 3, "second": 1},
                                                   "other": "SECRETSURVEY"}}}}  # fmt: skip
    notes = {"Debater A": [[{"Text": {"text": "SECRETNOTE "}}, {"Quote": {"span": [2, 5]}}]]}
    read = readings(
        Rita_Reader=reading(
            "stepped", report(0.5, by="Rita Reader"), report(0.7, by="Rita Reader"),
            report(0.8, "SECRETREADER", end=True, by="Rita Reader"),
        ),
        Tim_Timed=reading("timed", report(0.6, "SECRETREADER", end=True, by="Tim Timed")),
    )  # fmt: skip
    early = readings(
        Rita_Reader=reading(
            "stepped", report(0.5, by="Rita Reader"), report(0.9, end=True, by="Rita Reader")
        )
    )
    unfinished = readings(Rita_Reader=reading("stepped", report(0.4, by="Rita Reader")))
    return [
        room(
            "door-0",
            [judge(0.5, "Which?"), sim(a=a("I say ", (2, 5), "."), b=b((15, 24))), judge(0.6),
             seq(a=a("Yes"), b=b("No", " and no")), judge(0.9, "SECRETREASON", end=True), read],
            feedback=survey, scratchpads=notes,
        ),
        room(  # the second speech comes first in the file; a tie; machines
            "door-1",
            [judge(0.4), sim(b=gpt("Blue", (10, 14)), a=gpt("Red")),
             judge(0.5, "SECRETREASON", end=True)],
            MACHINES,
        ),
        room("key-0", [judge(0.5), seq(a=a("Lost")), judge(0.2, "SECRETREASON", end=True)],
             only_a, ONE_SIDED, question="Who?"),
        room("key-1", [judge(0.5), seq(b=gpt("Kept")), judge(0.4, "Sure?"), seq(b=gpt("Kept!")),
                       judge(0.3, "SECRETREASON", end=True, by="Nan Nettle")],
             only_b, ONE_SIDED, question="Where?", truth=1),
        room("pilot-0", [sim(a=a("x"), b=b("y")), vote(a=False, b=True), seq(a=a("x"), b=b("y")),
                         vote(a=True, b=True), early],
             DEBATERS, AGREE, ended="MutualAgreement", paper=False),
        room("pilot-1", [sim(a=a("x"), b=b("y")), seq(a=a("1"), b=b("2")), seq(a=a("3"), b=b("4")),
                         vote(a=False, b=False), seq(a=a("5"), b=b("6")), vote(a=True, b=False),
                         seq(a=a("7"), b=b("8")), unfinished],
             DEBATERS, CLOSING, ended="TimeUp", paper=False),
        room("pilot-2", [sim(a=a("x"), b=b("y")), seq(a=a("1"), b=b("2")), seq(a=a("3"), b=b("4")),
                         vote(a=True, b=True)],
             DEBATERS, CLOSING, ended="MutualAgreement", paper=False),
        room("waiting-0", [], complete=False, paper=False),
        room("open-0", [judge(0.5), sim(b=b("SECRETHELD ", (2, 5)))], complete=False, paper=False),
        room("open-1", [judge(0.5), sim(a=a("SECRETHELD"))], complete=False, paper=False),
        room("open-2", [judge(0.5), sim(a=a("x"), b=b("y")), judge(0.5), seq(a=a("z"))],
             complete=False, paper=False),
        room("past-0", [judge(0.5), sim(a=a("See ", (29, len(STORY) + 2)), b=b()),
                        judge(0.7, "SECRETREASON", end=True)], paper=False),
    ]  # fmt: skip


def write(folder: Path, rooms: Iterable[tuple[Any, Any]]) -> Path:
    """Write rooms as the data set lies on disk; a body may be None (no file) or raw text."""
    official = folder / "debates" / "official"
    official.mkdir(parents=True)
    lines = []
    for line, body in rooms:
        lines.append(line if isinstance(line, str) else json.dumps(line))
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            (official / f"{line['name']}.json").write_text(text, encoding="utf-8")
    (folder / "debates-metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def flipped(line: dict[str, Any], body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same room where the other answer is the right one."""
    line, body = json.loads(json.dumps(line)), json.loads(json.dumps(body))
    body["setup"]["correctAnswerIndex"] ^= 1
    if "Complete" in line["status"]:
        result = line["status"]["Complete"]["result"]
        result["correctAnswerIndex"] ^= 1
        if result["judgingInfo"] is not None:
            result["judgingInfo"]["correctAnswerIndex"] ^= 1
            result["judgingInfo"]["judgeReward"] = -9.0
    return line, body
