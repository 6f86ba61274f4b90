"""How people are called where their names are not asked for.

A person's id is the hash of a name, so whoever guesses the name can check the guess: an id is no
pseudonym. What is given out instead is keyed with times that the store alone holds (when its first
run was made, when the person came) and that nothing exports.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Literal

from arena.ids import canonical
from arena.match import PERSON
from arena.participants import describe
from arena.store import Store


class Names:
    """What everybody in a store is called: people by pseudonym, machines by their record.

    The same store gives the same pseudonyms for ever; another store gives others. ``named`` gives
    people's own names instead.
    """

    def __init__(self, store: Store, named: bool = False) -> None:
        first = store.one("SELECT min(created_at) AS at FROM runs")
        self._key = None if first is None else first["at"]
        self._came = {row["id"]: row["created_at"] for row in store.query("SELECT * FROM people")}
        self._records: dict[str, dict[str, Any]] = {
            row["id"]: json.loads(row["record"])
            for row in store.query("SELECT id, record FROM participants")
        }
        self.named = named

    def kind(self, who: str) -> Literal["person", "model"]:
        """Whether this author is a person, here or in an import."""
        known = self._records.get(who, {}).get("kind") == PERSON
        return "person" if known or who == PERSON or who in self._came else "model"

    def pseudonym(self, who: str) -> str:
        """The pseudonym of a person: ``person-`` and 12 hexadecimal digits."""
        value = [self._key, self._came.get(who), who]
        return f"person-{sha256(canonical(value).encode()).hexdigest()[:12]}"

    def record(self, who: str) -> dict[str, Any]:
        """What is known of a participant, names included; empty where nothing is."""
        return self._records.get(who, {})

    def name(self, who: str) -> str:
        """The name that a person has in the record; of a machine, its description."""
        record = self._records.get(who)
        if record is None:
            return "a person" if who == PERSON else who
        return str(record.get("name", "")) if self.kind(who) == "person" else describe(record)

    def __call__(self, who: str) -> str:
        """What to call this author."""
        if who == PERSON:
            return "a person"  # an empty chair, or whoever took it
        if self.kind(who) == "person" and not self.named:
            return self.pseudonym(who)
        return self.name(who)

    def people(self) -> dict[str, str]:
        """The pseudonym of every person's name and id, for texts that hold one of them whole."""
        found = {}
        for who in sorted({*self._records, *self._came}):
            if self.kind(who) == "person":
                found[who] = self.pseudonym(who)
                found.setdefault(self.name(who), self.pseudonym(who))
        return found
