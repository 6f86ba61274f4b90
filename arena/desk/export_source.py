"""What an export of a run covers: its matches, their paths and judges' leaves, read in one go."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from arena.desk.pseudonyms import Names
from arena.match import Match
from arena.protocols import Protocol
from arena.store import Store, _turn
from arena.turns import Turn

KINDS = "('practice', 'gold', 'duplicate', 'judging', 'debating')"  # not the machines' own leases
_TELLS = re.compile("[tg][0-9a-f]{32}")  # ids of turns and of assignments
IN = "IN (SELECT value FROM json_each(?))"


class Source:
    """The matches of a run, and those of other runs that its people judged for it.

    Of these (practice, gold, repeated debates: ``guests``) only what the run's own people did is
    covered.
    """

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run
        self.names = Names(store)
        self.people = self.names.people()
        self.claims: dict[str, tuple[int | None, dict[str, Any]]] = {}
        sql = "SELECT match, position, labels FROM run_matches WHERE run = ? ORDER BY position"
        for row in store.query(sql, run):
            self.claims.setdefault(row["match"], (row["position"], json.loads(row["labels"])))
        self.own = list(self.claims)
        self.guests: dict[str, set[str]] = {}
        sql = (
            f"SELECT match, holder FROM assignments WHERE run = ? AND kind IN {KINDS} "
            "ORDER BY match, holder"
        )
        for row in store.query(sql, run):
            if row["match"] not in self.claims:
                self.guests.setdefault(row["match"], set()).add(row["holder"])
        self.keys = [*self.own, *sorted(self.guests)]
        self._matches()
        self._turns()

    # -- what there is ------------------------------------------------------------------------

    def _matches(self) -> None:
        self.questions = {
            row["id"]: row
            for row in self.store.query(
                "SELECT * FROM questions WHERE id IN "
                f"(SELECT question FROM matches WHERE id {IN}) ORDER BY id",
                json.dumps(self.keys),
            )
        }
        self.protocols: dict[str, Protocol] = {}
        self.matches: dict[str, Match] = {}
        self.played: set[str] = set()
        asked = {key: self.store.question(key) for key in self.questions}
        sql = f"SELECT * FROM matches WHERE id {IN}"
        for row in self.store.query(sql, json.dumps(self.keys)):
            rules = row["protocol"]
            if rules not in self.protocols:
                self.protocols[rules] = self.store.protocol(rules)
            sides, seats = json.loads(row["sides"]), json.loads(row["seats"])
            self.matches[row["id"]] = Match(
                asked[row["question"]],
                self.protocols[rules],
                tuple((seat, option) for seat, option in sides),
                tuple((seat, who) for seat, who in seats),
                row["seed"],
                row["proposal"],
            )
            if row["played"]:
                self.played.add(row["id"])

    def _turns(self) -> None:
        """The path of each match as `Store.transcript` has it, and all judges' leaves."""
        keys = json.dumps(self.keys)
        sql = f"SELECT match, turn FROM events WHERE kind = 'withdrawn' AND match {IN}"
        self.undone = {(row["match"], row["turn"]) for row in self.store.query(sql, keys)}
        self.path: dict[str, list[Turn]] = {}
        self.spoken: dict[str, list[Turn]] = {}
        self.leaves: dict[str, list[Turn]] = {}
        after: dict[str, dict[str, Turn]] = {}
        sql = Store._TURNS.replace("SELECT ", "SELECT match_turns.match AS of_match, ", 1) + (
            f"JOIN match_turns ON match_turns.turn = turns.id WHERE match_turns.match {IN} "
            "ORDER BY match_turns.rowid"
        )
        for row in self.store.query(sql, keys):
            match, turn = row["of_match"], _turn(row)
            if turn.is_leaf:
                if match not in self.guests or turn.author in self.guests[match]:
                    self.leaves.setdefault(match, []).append(turn)
                continue
            self.spoken.setdefault(match, []).append(turn)
            if turn.origin != "candidate" and (match, turn.id) not in self.undone:
                after.setdefault(match, {}).setdefault(turn.parent, turn)
        for key in self.keys:
            spoken: list[Turn] = []
            node: str = self.matches[key].root
            while (following := after.get(key, {}).get(node)) is not None:
                spoken.append(following)
                node = following.id
            self.path[key] = spoken

    def setting(self, key: str) -> str:
        """The setting that reports give a match."""
        labels = self.claims[key][1] if key in self.claims else {}
        return str(labels.get("setting", self.matches[key].protocol.name))

    def who(self, author: str) -> str:
        """A person's pseudonym, or a machine's id."""
        return self.names(author) if self.names.kind(author) == "person" else author

    def plain(self, value: Any) -> Any:
        """JSON values with people's names and ids replaced by their pseudonyms, and without ids
        that are hashes of a person's among other things."""
        if isinstance(value, str):
            return "" if _TELLS.fullmatch(value) else self.people.get(value, value)
        if isinstance(value, Mapping):
            return {str(self.plain(key)): self.plain(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(one) for one in value]
        return value
