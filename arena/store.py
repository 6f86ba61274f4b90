"""The store: one SQLite file that players, judges, reports and trainers share.

Everything is written through `Batch`es, each in one short ``BEGIN IMMEDIATE`` transaction that no
model call can hold open. What a batch holds is content-addressed, so writing it twice changes
nothing and the first writer wins. `Store.truths` is the only reader of ground truth.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena import schema
from arena.batch import Batch, request_of, rows, unpack
from arena.flow import Reply, Request
from arena.ids import canonical
from arena.match import Match, Transcript
from arena.protocols import Protocol
from arena.questions import Item, Question
from arena.turns import Quote, Speech, Turn, TurnTree, Verdict

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

BUSY_SECONDS = 10.0
RETRIES = 3


class StoreError(Exception):
    """The store cannot be used as asked; the message is one line and says what to do."""


class Store:
    """A store in ``path`` (``None``: in memory), created and migrated when it is opened."""

    def __init__(self, path: str | Path | None) -> None:
        from sqlite_utils import Database

        self.path = None if path is None else Path(path)
        if self.path is not None and not self.path.parent.is_dir():
            raise StoreError(
                f"store {self.path}: the folder {self.path.parent} does not exist; make it"
            )
        name = ":memory:" if self.path is None else str(self.path.absolute())
        try:
            connection = sqlite3.connect(
                name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise StoreError(self._explain(error)) from error
        self.db = Database(connection)
        self.conn: sqlite3.Connection = connection
        try:
            self._migrate()  # first: a file of something else is left as it is
            self._write_ahead()
            self.conn.execute("PRAGMA synchronous = NORMAL")
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.Error):
                raise StoreError(self._explain(error)) from error
            raise

    def _explain(self, error: sqlite3.Error) -> str:
        text = str(error)
        where = f"store {self.path or 'in memory'}"
        if "locked" in text or "busy" in text:
            return (f"{where} stays locked by another process; "
                    "wait for that process or stop it, then run this again")  # fmt: skip
        if "readonly" in text or "read-only" in text:
            return f"{where} is read-only here; make file and folder writable, or copy it"
        if "unable to open" in text:
            return (f"{where} cannot be opened; check that it is a file, "
                    "and that you may write file and folder")  # fmt: skip
        if "not a database" in text or "malformed" in text:
            return f"{where} is not an arena store (not a SQLite file); name another file"
        return f"{where}: {text}"

    def _migrate(self) -> None:
        known = schema.migrations()
        if not self._lacks(known):
            return
        self.conn.execute("BEGIN IMMEDIATE")
        try:
            if self._lacks(known):  # another process that opens a new store may have been faster
                known.apply(self.db)
            self.conn.execute("COMMIT")
        except BaseException:
            self.conn.execute("ROLLBACK")
            raise

    def _lacks(self, known: Migrations) -> bool:
        """Whether migrations are missing. Raises StoreError for a file that is not ours to change:
        of a newer arena, or of something else."""
        used = self.conn.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
        applied = [one.name for one in known.applied(self.db)]
        ours = [one.name for one in known._migrations]
        newer = [name for name in applied if name not in ours]
        if newer:
            raise StoreError(
                f"store {self.path} was written by a newer arena (its schema has {newer[-1]!r}, "
                "unknown here); upgrade arena to open it"
            )
        if used and not applied:
            raise StoreError(
                f"store {self.path} is a database of something else; name another file"
            )
        return applied != ours

    def _write_ahead(self) -> None:
        """Set write-ahead logging. SQLite does not wait for the lock that the first setting needs,
        so this does."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.conn.execute("PRAGMA journal_mode = WAL").fetchall()
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def beside(self, kind: str, run: str) -> Path:
        """A folder for a run's files: ``arena.db`` -> ``arena-KIND/RUN`` beside the store. Raises
        StoreError for a store in memory."""
        if self.path is None:
            raise StoreError(f"a run's {kind} needs a store in a file: name one with --store")
        plain = re.sub(r"[^\w.-]+", "_", run).strip(".") or "_"
        return self.path.parent / f"{self.path.stem}-{kind}" / plain

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self.conn.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- writing ------------------------------------------------------------------------------

    def write(self, batch: Batch, full: bool = False) -> dict[str, int]:
        """Write a batch in one transaction; ``full`` makes it durable before returning (a person's
        act is acknowledged only then). Returns how many rows each statement wrote: fewer than
        given where some were there. Raises StoreError when the file stays locked."""
        return self.execute(rows(batch), full) if batch else {}

    def execute(
        self, statements: Mapping[str, Sequence[tuple[Any, ...]]], full: bool = False
    ) -> dict[str, int]:
        """Run each statement over its rows, all in one ``BEGIN IMMEDIATE`` transaction; return how
        many rows each changed."""
        changed: dict[str, int] = {}
        for attempt in range(RETRIES):
            try:
                if full:
                    self.conn.execute("PRAGMA synchronous = FULL")
                try:
                    self.conn.execute("BEGIN IMMEDIATE")
                    for statement, values in statements.items():
                        done = self.conn.executemany(statement, values)
                        changed[statement] = max(0, done.rowcount)
                    self.conn.execute("COMMIT")
                except BaseException:
                    if self.conn.in_transaction:
                        self.conn.execute("ROLLBACK")
                    raise
                return changed
            except sqlite3.OperationalError as error:
                busy = "locked" in str(error) or "busy" in str(error)
                if not busy or attempt + 1 == RETRIES:
                    raise StoreError(self._explain(error)) from error
            finally:
                if full:
                    self.conn.execute("PRAGMA synchronous = NORMAL")
        raise AssertionError("unreachable: the last attempt returns or raises")

    def start_run(self, name: str, kind: str, config: object, provenance: object) -> None:
        """Begin or resume the run ``name``. Raises StoreError where it exists with other settings,
        because one name must not stand for two experiments."""
        text = canonical(config)
        self.execute(
            {"INSERT INTO runs VALUES (?,?,?,?,?,NULL) ON CONFLICT DO NOTHING": [
                (name, kind, text, canonical(provenance), time.time())]}
        )  # fmt: skip
        row = self.one("SELECT kind, config FROM runs WHERE name = ?", name)
        if row is not None and (row["kind"], row["config"]) != (kind, text):
            raise StoreError(
                f"run {name!r} is in this store with other settings; give this one another name, "
                "or use another store"
            )

    def finish_run(self, name: str) -> None:
        """Note that every match of the run has been handled."""
        self.execute(
            {"UPDATE runs SET finished_at = ? WHERE name = ? AND finished_at IS NULL": [
                (time.time(), name)]}
        )  # fmt: skip

    # -- reading ------------------------------------------------------------------------------

    def query(self, sql: str, *values: Any) -> Iterator[dict[str, Any]]:
        """The rows of a query, as dictionaries."""
        try:
            cursor = self.conn.execute(sql, values)
        except sqlite3.OperationalError as error:
            raise StoreError(self._explain(error)) from error
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row, strict=True)) for row in cursor)

    def one(self, sql: str, *values: Any) -> dict[str, Any] | None:
        """The first row of a query, or None."""
        return next(self.query(sql, *values), None)

    def truths(self) -> dict[str, int]:
        """Ground truth: question id -> index of the true answer. For reports and controls only."""
        return dict(self.conn.execute("SELECT question, truth FROM truths"))

    def question(self, key: str) -> Question:
        """The question with this id, without its truth."""
        row = self._need("SELECT * FROM questions WHERE id = ?", key, "question")
        return Question(
            row["text"],
            tuple(json.loads(row["answers"])),
            row["passage"],
            row["source"],
            row["grp"],
        )

    def protocol(self, key: str) -> Protocol:
        """The protocol value with this id."""
        from arena.config import protocol_of

        row = self._need("SELECT record FROM protocols WHERE id = ?", key, "protocol")
        return protocol_of(row["record"])

    def participant(self, key: str) -> dict[str, Any]:
        """The record of a participant."""
        row = self._need("SELECT record FROM participants WHERE id = ?", key, "participant")
        record: dict[str, Any] = json.loads(row["record"])
        return record

    def match(self, key: str) -> Match:
        """The match with this id."""
        row = self._need("SELECT * FROM matches WHERE id = ?", key, "match")
        return Match(
            question=self.question(row["question"]),
            protocol=self.protocol(row["protocol"]),
            sides=tuple((seat, option) for seat, option in json.loads(row["sides"])),
            seats=tuple((seat, who) for seat, who in json.loads(row["seats"])),
            seed=row["seed"],
            proposal=row["proposal"],
        )

    def _need(self, sql: str, key: str, what: str) -> dict[str, Any]:
        row = self.one(sql, key)
        if row is None:
            raise StoreError(f"store {self.path or 'in memory'} holds no {what} {key!r}")
        return row

    _TURNS = (
        "SELECT turns.*, s.text AS s_text, s.thought, s.quotes, s.side, s.stop AS s_stop, "
        "s.status AS s_status, (SELECT json_group_array(reply) FROM (SELECT reply FROM calls "
        "WHERE calls.turn = turns.id ORDER BY position)) AS called "
        "FROM turns LEFT JOIN speeches AS s ON s.id = turns.speech "
    )
    _OF_MATCH = _TURNS + "JOIN match_turns ON match_turns.turn = turns.id WHERE match = ? "
    _IN_ORDER = "ORDER BY match_turns.rowid"

    def turns(self, match: str) -> list[Turn]:
        """Every turn of a match: path, candidates, and all judges' leaves, oldest first."""
        return [_turn(row) for row in self.query(self._OF_MATCH + self._IN_ORDER, match)]

    def leaves(self, match: str, author: str) -> list[Turn]:
        """The beliefs and verdicts of one judge in a match, oldest first, withdrawn ones as well:
        what others have said of it is not even read."""
        sql = self._OF_MATCH + "AND turns.speech IS NULL AND turns.author = ? " + self._IN_ORDER
        return [_turn(row) for row in self.query(sql, match, author)]

    def transcript(self, match: Match) -> Transcript:
        """The path of a match and the leaves of its seated participants, in order.

        Leaves that were withdrawn are not part of it: their slots wait again.
        """
        authors = dict(match.seats)
        sql = "SELECT turn FROM events WHERE kind = 'withdrawn' AND match = ?"
        withdrawn = {row["turn"] for row in self.query(sql, match.id)}
        sql = self._OF_MATCH + (
            "AND turns.origin <> 'candidate' AND (turns.speech NOT NULL OR turns.mode = 'live') "
        )
        seated = [
            t for t in map(_turn, self.query(sql + self._IN_ORDER, match.id))
            if t.id not in withdrawn and (not t.is_leaf or t.seat in authors)
        ]  # fmt: skip
        by_parent: dict[str, list[Turn]] = {}
        for turn in seated:
            by_parent.setdefault(turn.parent, []).append(turn)
        out: list[Turn] = []
        node: str | None = match.root
        while node is not None:
            after = by_parent.get(node, [])
            out += [turn for turn in after if turn.is_leaf]
            spoken = [turn for turn in after if not turn.is_leaf]
            out += spoken[:1]
            node = spoken[0].id if spoken else None
        return tuple(out)

    def tree(self, root: str) -> TurnTree:
        """The tree of every turn below a root, of all matches that share it."""
        return TurnTree(
            root, (_turn(row) for row in self.query(self._TURNS + "WHERE turns.root = ?", root))
        )

    def replies(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The kept replies among these request keys."""
        found: dict[str, Reply] = {}
        for begin in range(0, len(keys), 500):
            part = list(keys[begin : begin + 500])
            sql = f"SELECT * FROM replies WHERE key IN ({','.join('?' * len(part))})"
            for row in self.query(sql, *part):
                numbers = row["choice_logprobs"]
                found[row["key"]] = Reply(
                    row["status"], row["text"], unpack(row["prompt_ids"], "i"),
                    unpack(row["token_ids"], "i"), unpack(row["logprobs"], "d"),
                    None if numbers is None else tuple(json.loads(numbers)), row["model"],
                    (row["prompt_tokens"], row["completion_tokens"]), row["seconds"],
                )  # fmt: skip
        return found

    def requests(self, keys: Sequence[str]) -> dict[str, Request]:
        """The kept requests among these keys."""
        found: dict[str, Request] = {}
        for begin in range(0, len(keys), 500):
            part = list(keys[begin : begin + 500])
            sql = f"SELECT request FROM replies WHERE key IN ({','.join('?' * len(part))})"
            for row in self.query(sql, *part):
                one = request_of(json.loads(row["request"]))
                found[one.key] = one
        return found

    def artifacts(self, run: str) -> dict[str, tuple[str, str]]:
        """What a run has left in files: name -> (digest, place)."""
        sql = "SELECT name, digest, place FROM artifacts WHERE run = ?"
        return {row["name"]: (row["digest"], row["place"]) for row in self.query(sql, run)}


def _tuple(text: str | None) -> tuple[Any, ...] | None:
    return None if text is None else tuple(json.loads(text))


def _turn(row: Mapping[str, Any]) -> Turn:
    said: Speech | Verdict
    if row["speech"] is not None:
        marks = (Quote(b, e, None if span is None else tuple(span)) for b, e, span in json.loads(row["quotes"]))  # fmt: skip  # noqa: E501
        said = Speech(
            row["s_text"], row["thought"], tuple(marks), row["side"], bool(row["s_stop"]),
            row["s_status"],
        )  # fmt: skip
    else:
        said = Verdict(
            row["choice"], _tuple(row["elicited"]), _tuple(row["choice_logprobs"]), row["reason"],
            row["status"], _tuple(row["listing"]) or (), row["mode"], bool(row["stop"]),
        )  # fmt: skip
    return Turn(
        row["parent"], row["place"], row["seat"], row["kind"], row["author"], said, row["sample"],
        row["seen"], tuple(json.loads(row["replies_to"])), row["origin"], row["score"],
        tuple(json.loads(row["called"])), row["at"],
    )  # fmt: skip


def agree_on_truth(store: Store, items: Iterable[Item]) -> list[Item]:
    """The items as a list; raises StoreError where the store holds another truth for one.

    The first writer of a truth wins, so a contradiction must be said, not passed over.
    """
    found, known = list(items), store.truths()
    for item in found:
        kept = known.get(item.question.id)
        if kept is not None and item.truth is not None and kept != item.truth:
            raise StoreError(
                f"the question {item.question.text[:60]!r} is in store {store.path} with another "
                "true answer; correct one of the two, or use another store"
            )
    return found


def add_items(store: Store, items: Iterable[Item]) -> int:
    """Write questions and truths; return how many were given."""
    found = agree_on_truth(store, items)
    store.write(Batch(items=found))
    return len(found)
