"""Alternatives to a turn side by side: samples, candidates, forks; with the verdicts below each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arena.desk.browse import BrowseError
from arena.desk.fork import forks_of
from arena.desk.pseudonyms import Names
from arena.desk.transcripts import numbers, parts
from arena.match import Match
from arena.play import path
from arena.rewards import node_values
from arena.store import Store
from arena.text import visible
from arena.turns import Turn, TurnTree


def siblings(store: Store, match: Match, turn: int) -> list[dict[str, Any]]:
    """What else was said in the place of a turn: samples, candidates and forks, side by side.

    Each has its ``parts``, ``author``, ``origin``, ``score`` (of a candidate), ``mine`` (said in
    this debate), ``matches`` (the debates that hold it) and what came ``below``: standing verdicts
    by status, choices by label, the mean probability of each option, and ``values``: for each judge
    and rule the value to its seat as training has it (the plain mean over sampled turns; forks,
    candidates and imported turns never enter). Raises BrowseError where there is no such turn.
    """
    spoken = path(store.transcript(match))
    if not 0 <= turn < len(spoken):
        raise BrowseError("This debate has no such turn; choose one of those that are shown.")
    here, names = spoken[turn], Names(store)
    known = list(store.tree(match.root))
    holders: dict[str, set[str]] = {}
    sql = "SELECT match, turn FROM match_turns WHERE turn IN (SELECT id FROM turns WHERE root = ?)"
    for row in store.query(sql, match.root):
        holders.setdefault(row["turn"], set()).add(row["match"])
    forks = forks_of(store, match.root)
    # What only forks hold was played in a fork, whoever went on with it.
    tree = TurnTree(
        match.root,
        (
            replace(one, origin="fork")
            if one.origin == "sampled" and holders.get(one.id, {""}) <= forks else one
            for one in known
        ),
    )  # fmt: skip
    sql = "SELECT DISTINCT id FROM verdicts WHERE root = ?"
    standing = {row["id"] for row in store.query(sql, match.root)}
    paid: dict[tuple[str, str], dict[str, float | None]] = {}
    sql = (
        "SELECT turn, judge, rule, value FROM paid WHERE seat = ? AND turn IN "
        "(SELECT id FROM turns WHERE root = ?)"
    )
    for row in store.query(sql, here.seat, match.root):
        paid.setdefault((row["judge"], row["rule"]), {})[row["turn"]] = row["value"]
    values = {key: node_values(tree, leaves) for key, leaves in sorted(paid.items())}
    found = []
    for one in tree.children(here.parent):
        if one.is_leaf or (one.seat, one.place, one.kind) != (here.seat, here.place, here.kind):
            continue
        found.append(
            {
                "mine": one.id == here.id,
                "id": one.id,
                "author": visible(names(one.author)),
                "origin": one.origin,
                "sample": one.sample,
                "score": one.score,
                "status": one.speech.status,
                "parts": parts(one.speech),
                "matches": sorted(holders.get(one.id, ())),
                "below": _below(match, tree, one, standing),
                "values": [
                    {"judge": visible(names(judge)), "rule": rule, "value": found_values[one.id]}
                    for (judge, rule), found_values in values.items()
                    if found_values.get(one.id) is not None
                ],
            }
        )
    return sorted(found, key=lambda one: not one["mine"])


def _below(match: Match, tree: TurnTree, turn: Turn, standing: set[str]) -> dict[str, Any]:
    """The standing verdicts below a turn, counted."""
    waiting, verdicts = [turn.id], []
    while waiting:
        for child in tree.children(waiting.pop()):
            if child.kind == "verdict" and child.id in standing:
                verdicts.append(child.verdict)
            elif not child.is_leaf:
                waiting.append(child.id)
    statuses: dict[str, int] = {}
    choices: dict[str, int] = {}
    for verdict in verdicts:
        statuses[verdict.status] = statuses.get(verdict.status, 0) + 1
        if verdict.choice is not None:
            label = match.labels[verdict.choice]
            choices[label] = choices.get(label, 0) + 1
    told = [p for p, _ in map(numbers, verdicts) if p is not None]
    mean = [sum(column) / len(told) for column in zip(*told, strict=True)] if told else None
    return {"verdicts": len(verdicts), "statuses": statuses, "choices": choices, "p": mean}
