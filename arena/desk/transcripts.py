"""A debate as a researcher reads it, as plain values: with three switches, all off at first.

What is off is not computed and so is in nothing that is returned: the truth, judges' reports, and
what the record knows of how a turn came about. Every text is made safe to look at; it is cut into
pieces first, so that offsets are those of the record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from arena import quotes
from arena.batch import unpack
from arena.desk.browse import BrowseError
from arena.desk.pseudonyms import Names
from arena.match import Match
from arena.play import path
from arena.protocols import round_at
from arena.stats.scores import normalised
from arena.store import Store
from arena.text import visible
from arena.turns import Speech, Turn, Verdict

AROUND = 120  # characters of the passage on either side of a quotation


def transcript(
    store: Store, match: Match, *, truth: bool = False, reports: bool = False,
    metadata: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """The debate: its question, its sides, every turn of its path, every quotation.

    Turns are numbered ``n`` from 0 in reading order. ``truth`` adds ``truth`` (the true answer and
    option, who is honest); ``reports`` adds ``reports``, every judge's beliefs and verdicts, each
    ``after`` so many turns; ``metadata`` adds ``metadata`` and one to each turn (author's record,
    private thought, ids, times, tokens). With truth and reports each report says whether it is
    ``right``.
    """
    spoken = path(store.transcript(match))
    labels = match.labels
    answers = match.question.answers
    found: dict[str, Any] = {
        "id": match.id,
        "question": visible(match.question.text),
        "answers": [visible(answer) for answer in answers],
        "options": [
            [label, visible(text)] for label, text in zip(labels, match.options, strict=True)
        ],
        "sides": {seat: labels[option] for seat, option in match.sides},
        "protocol": visible(match.protocol.name),
        "passage": None if match.question.passage is None else visible(match.question.passage),
        "turns": [_turn(match, spoken, n) for n in range(len(spoken))],
        "quotes": _quotes(match, spoken),
    }
    names = Names(store)
    right = _right(store, match, spoken) if truth else None
    if truth:
        found["truth"] = _truth(match, spoken, store.truths().get(match.question.id), right)
    if metadata:
        found["metadata"] = _about(store, match, names)
        for n, turn in enumerate(spoken):
            found["turns"][n]["metadata"] = _metadata(store, turn, names)
    if reports:
        found["reports"] = []
        for leaf, after, undone in _leaves(store, match, spoken):
            one = _report(match, leaf, after, names) | {"undone": undone}
            if truth:
                known = right is not None and leaf.verdict.choice is not None
                one["right"] = leaf.verdict.choice == right if known else None
            if metadata:
                one["metadata"] = _metadata(store, leaf, names)
            found["reports"].append(one)
    return found


def _turn(match: Match, spoken: Sequence[Turn], n: int) -> dict[str, Any]:
    turn, speech = spoken[n], spoken[n].speech
    at = {one.id: i for i, one in enumerate(spoken)}
    held = round_at(match.protocol, spoken, turn.place)
    side = speech.side
    return {
        "n": n,
        "seat": turn.seat,
        "role": match.protocol.role(turn.seat),
        "kind": turn.kind,
        "place": turn.place,
        "round": "" if held is None else visible(held.name),
        "replies_to": [at[target] for target in turn.replies_to if target in at],
        "side": None if side is None else answer_label(match, side),
        "stop": speech.stop,
        "status": speech.status,
        "parts": parts(speech),
    }


def answer_label(match: Match, answer: int) -> str:
    """What an answer is called: its option's label, or its number where options are others."""
    return match.labels[answer] if match.protocol.options == "answers" else str(answer + 1)


def parts(speech: Speech) -> list[list[str]]:
    """A speech as [kind, text] pairs: ``text``, and quotations ``verified`` or ``unverified`` by
    the platform; the marks around a quotation are left out."""
    text, at = speech.text, 0
    found: list[list[str]] = []
    for quote in sorted(speech.quotes, key=lambda one: one.begin):
        marked = text[: quote.begin].endswith(quotes.OPEN) and text.startswith(
            quotes.CLOSE, quote.end
        )
        found.append(["text", text[at : quote.begin - len(quotes.OPEN) * marked]])
        kind = "unverified" if quote.span is None else "verified"
        found.append([kind, text[quote.begin : quote.end]])
        at = quote.end + len(quotes.CLOSE) * marked
    found.append(["text", text[at:]])
    return [[kind, visible(said)] for kind, said in found if said]


def _quotes(match: Match, spoken: Sequence[Turn]) -> list[dict[str, Any]]:
    """Every quotation in the order of the passage, those that are not in it at the end."""
    passage = match.question.passage or ""
    found = []
    for n, turn in enumerate(spoken):
        for quote in turn.speech.quotes:
            said = visible(turn.speech.text[quote.begin : quote.end])
            one: dict[str, Any] = {
                "n": n,
                "seat": turn.seat,
                "said": said,
                "verified": False,
                "span": None,
                "words": None,
                "before": "",
                "after": "",
            }
            if quote.span is not None:
                start, stop = quote.span
                one |= {
                    "verified": True,
                    "span": [start, stop],
                    "words": visible(passage[start:stop]),
                    "before": visible(passage[max(0, start - AROUND) : start]),
                    "after": visible(passage[stop : stop + AROUND]),
                }
            found.append(one)
    return sorted(found, key=lambda one: (not one["verified"], one["span"] or [], one["n"]))


# -- truth ------------------------------------------------------------------------------------


def tried(match: Match, spoken: Iterable[Turn]) -> int | None:
    """The answer that a verdict of right or wrong is about: the one set, else the first given."""
    if match.proposal is not None:
        return match.proposal
    given = (turn.speech.side for turn in spoken if turn.kind == "answer")
    return next((side for side in given if side is not None), None)


def right_option(match: Match, spoken: Iterable[Turn], truth: int | None) -> int | None:
    """The option that is true, where the true answer is ``truth``; None where that is unknown."""
    if truth is None or match.protocol.options == "answers":
        return truth
    answer = tried(match, spoken)
    return None if answer is None else int(answer != truth)


def _right(store: Store, match: Match, spoken: Sequence[Turn]) -> int | None:
    return right_option(match, spoken, store.truths().get(match.question.id))


def _truth(
    match: Match, spoken: Sequence[Turn], truth: int | None, right: int | None
) -> dict[str, Any]:
    """The true answer and option, and the seats that argue for it."""
    chosen: dict[str, int] = {}
    for turn in spoken:
        if turn.speech.side is not None:
            chosen.setdefault(turn.seat, turn.speech.side)
    # Where the verdict is right or wrong, a seat stands for one of these, not for an answer.
    about = truth if match.protocol.options == "answers" else right
    roles = {"proposer": 0, "critic": 1}
    honest = []
    for seat in match.protocol.speakers:
        stands = match.side(seat)
        if stands is None and match.protocol.options == "answers":
            stands = chosen.get(seat)
        elif stands is None:
            stands = roles.get(match.protocol.role(seat))
        if about is not None and stands == about:
            honest.append(seat)
    return {
        "known": truth is not None,
        "answer": truth,
        "text": None if truth is None else visible(match.question.answers[truth]),
        "option": None if right is None else match.labels[right],
        "honest": honest,
    }


# -- reports ----------------------------------------------------------------------------------


def _leaves(
    store: Store, match: Match, spoken: Sequence[Turn]
) -> Iterator[tuple[Turn, int | None, bool]]:
    """Every judge's leaves in the order in which they came, after how many turns of the path, and
    whether they were taken back."""
    after = {match.root: 0} | {turn.id: n + 1 for n, turn in enumerate(spoken)}
    sql = "SELECT turn FROM events WHERE kind = 'withdrawn' AND match = ?"
    undone = {row["turn"] for row in store.query(sql, match.id)}
    for turn in store.turns(match.id):
        if turn.is_leaf:
            yield turn, after.get(turn.parent), turn.id in undone


def numbers(verdict: Verdict) -> tuple[tuple[float, ...] | None, str | None]:
    """A verdict's probabilities in canonical order and where they come from: ``elicited``, or
    ``choice_logprobs`` normalised over the options; None where it has none."""
    if verdict.elicited is not None:
        return verdict.elicited, "elicited"
    if verdict.choice_logprobs is not None:
        return normalised(verdict.choice_logprobs), "choice_logprobs"
    return None, None


def _report(match: Match, leaf: Turn, after: int | None, names: Names) -> dict[str, Any]:
    verdict = leaf.verdict
    p, quantity = numbers(verdict)
    return {
        "judge": visible(names(leaf.author)),
        "judge_kind": names.kind(leaf.author),
        "kind": leaf.kind,
        "mode": verdict.mode,
        "after": after,
        "listing": [match.labels[option] for option in verdict.order],
        "p": None if p is None else list(p),
        "quantity": quantity,
        "choice": None if verdict.choice is None else match.labels[verdict.choice],
        "status": verdict.status,
        "reason": visible(verdict.reason),
        "stop": verdict.stop,
    }


def belief_lines(store: Store, match: Match) -> list[dict[str, Any]]:
    """Every judge's probabilities by turn, people and models: a line for each reading.

    A line has ``judge``, ``judge_kind``, ``mode``, ``listing``, ``again`` (how often this judge had
    read it so before) and ``points``: ``after`` (turns read), ``p`` in canonical order of
    ``match.labels``, ``kind``. Reports without probabilities, and those taken back, are no points.
    """
    spoken = path(store.transcript(match))
    names = Names(store)
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for leaf, after, undone in _leaves(store, match, spoken):
        p, _ = numbers(leaf.verdict)
        if p is None or after is None or undone:
            continue
        verdict = leaf.verdict
        key = (leaf.author, verdict.mode, verdict.order, leaf.sample)
        if key not in lines:
            lines[key] = {
                "judge": visible(names(leaf.author)),
                "judge_kind": names.kind(leaf.author),
                "mode": verdict.mode,
                "listing": [match.labels[option] for option in verdict.order],
                "again": sum(one[:3] == key[:3] for one in lines),
                "points": [],
            }
        lines[key]["points"].append({"after": after, "p": list(p), "kind": leaf.kind})
    for line in lines.values():
        line["points"].sort(key=lambda point: (point["after"], point["kind"] == "verdict"))
    return list(lines.values())


# -- metadata, and the raw record -------------------------------------------------------------


def _about(store: Store, match: Match, names: Names) -> dict[str, Any]:
    sql = "SELECT run, position, labels FROM run_matches WHERE match = ? ORDER BY run, position"
    return {
        "root": match.root,
        "question": match.question.id,
        "source": visible(match.question.source),
        "story": None if match.question.group is None else visible(match.question.group),
        "protocol": match.protocol.id,
        "seed": match.seed,
        "seats": [[seat, visible(names(who)), _plain(names.record(who))] for seat, who in match.seats],  # noqa: E501
        "runs": [
            {"run": visible(row["run"]), "position": row["position"],
             "labels": _plain(json.loads(row["labels"]))}
            for row in store.query(sql, match.id)
        ],
    }  # fmt: skip


def _metadata(store: Store, turn: Turn, names: Names) -> dict[str, Any]:
    """Who made a turn and how; tokens and seconds are those of its requests, None without any."""
    marks = ",".join("?" * len(turn.calls))
    sql = (
        "SELECT group_concat(DISTINCT model) AS models, sum(prompt_tokens) AS prompt, "
        "sum(completion_tokens) AS completion, sum(length(token_ids)) / 4 AS sampled, "
        f"sum(seconds) AS seconds FROM replies WHERE key IN ({marks})"
    )
    row = store.one(sql, *turn.calls) or {}
    return {
        "id": turn.id,
        "author": visible(names.name(turn.author)),
        "record": _plain(names.record(turn.author)),
        "origin": turn.origin,
        "sample": turn.sample,
        "at": turn.at,
        "seen": turn.seen,
        "score": turn.score,
        "thought": "" if turn.is_leaf else visible(turn.speech.thought),
        "calls": len(turn.calls),
        "models": visible(row.get("models") or ""),
        "prompt_tokens": row.get("prompt"),
        "completion_tokens": row.get("completion"),
        "sampled_ids": row.get("sampled"),
        "seconds": row.get("seconds"),
    }


def _plain(value: Any) -> Any:
    """JSON values with every text, keys included, made safe to look at."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible(str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def raw(store: Store, match: Match, turn: int | str) -> list[dict[str, Any]]:
    """The exact requests made for a turn, and the replies, in order: for researchers who ask.

    ``turn`` is a number in reading order, or the id that a turn's or a report's metadata gives.
    Empty for a turn that no model was asked for. Raises BrowseError where there is no such turn.
    """
    if isinstance(turn, int):
        spoken = path(store.transcript(match))
        one = spoken[turn] if 0 <= turn < len(spoken) else None
    else:
        one = next((known for known in store.turns(match.id) if known.id == turn), None)
    if one is None:
        raise BrowseError("This debate has no such turn; choose one of those that are shown.")
    kept = {
        row["key"]: row
        for row in store.query(
            f"SELECT * FROM replies WHERE key IN ({','.join('?' * len(one.calls))})", *one.calls
        )
    }
    return [
        {
            "key": key,
            "request": _plain(json.loads(row["request"])),
            "reply": {
                "status": row["status"],
                "text": visible(row["text"]),
                "model": visible(row["model"]),
                "prompt_ids": list(unpack(row["prompt_ids"], "i")),
                "token_ids": list(unpack(row["token_ids"], "i")),
                "prompt_tokens": row["prompt_tokens"],
                "completion_tokens": row["completion_tokens"],
                "seconds": row["seconds"],
            },
        }
        for key in one.calls
        if (row := kept.get(key)) is not None
    ]
