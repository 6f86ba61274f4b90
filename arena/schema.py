"""The store's schema, as named migrations. A new column or table is a new function at the end.

Every table of the record (turns, speeches, replies, events, rewards and what they name) is
append-only; a row's id is the hash of its content wherever the design says so, and the first writer
of an id wins. Rows that say how things stand change: ``runs``, ``matches``, ``spent``, and at the
desk ``people``, ``invites``, ``sessions``, ``passcodes``, ``assignments``, ``drafts`` and
``activity``. Whatever a person changes there leaves an event.

Two views leave out what a person took back (the event ``withdrawn`` of that turn in that match):
``verdicts`` are the verdicts that stand, and ``paid`` the rows of ``rewards`` that those earned.
Whoever learns from rewards or sums them up reads ``paid``.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

NAME = "arena"

TABLES = """
CREATE TABLE runs (
  name TEXT PRIMARY KEY, kind TEXT NOT NULL, config TEXT NOT NULL, provenance TEXT NOT NULL,
  created_at REAL NOT NULL, finished_at REAL);
CREATE TABLE run_matches (
  run TEXT NOT NULL, position INTEGER NOT NULL, match TEXT NOT NULL, labels TEXT NOT NULL,
  PRIMARY KEY (run, position)) WITHOUT ROWID;
CREATE INDEX run_matches_match ON run_matches (match);
CREATE TABLE participants (id TEXT PRIMARY KEY, kind TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE protocols (id TEXT PRIMARY KEY, name TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE questions (
  id TEXT PRIMARY KEY, text TEXT NOT NULL, answers TEXT NOT NULL, passage TEXT,
  source TEXT NOT NULL, grp TEXT, split TEXT);
CREATE TABLE truths (question TEXT PRIMARY KEY, truth INTEGER NOT NULL);
CREATE TABLE matches (
  id TEXT PRIMARY KEY, root TEXT NOT NULL, question TEXT NOT NULL, protocol TEXT NOT NULL,
  sides TEXT NOT NULL, seats TEXT NOT NULL, seed INTEGER NOT NULL, proposal INTEGER,
  played INTEGER NOT NULL DEFAULT 0);
CREATE INDEX matches_root ON matches (root);
CREATE TABLE speeches (
  id TEXT PRIMARY KEY, text TEXT NOT NULL, thought TEXT NOT NULL, quotes TEXT NOT NULL,
  side INTEGER, stop INTEGER NOT NULL, status TEXT NOT NULL);
CREATE TABLE turns (
  id TEXT PRIMARY KEY, root TEXT NOT NULL, parent TEXT NOT NULL, place INTEGER NOT NULL,
  seat TEXT NOT NULL, kind TEXT NOT NULL, author TEXT NOT NULL, sample INTEGER NOT NULL,
  seen TEXT NOT NULL, replies_to TEXT NOT NULL, origin TEXT NOT NULL, score REAL, at REAL,
  speech TEXT,
  choice INTEGER, elicited TEXT, choice_logprobs TEXT, reason TEXT, status TEXT, listing TEXT,
  mode TEXT, stop INTEGER);
CREATE INDEX turns_root ON turns (root);
CREATE TABLE match_turns (
  match TEXT NOT NULL, turn TEXT NOT NULL, PRIMARY KEY (match, turn));
CREATE INDEX match_turns_turn ON match_turns (turn);
CREATE TABLE calls (
  turn TEXT NOT NULL, position INTEGER NOT NULL, reply TEXT NOT NULL,
  PRIMARY KEY (turn, position)) WITHOUT ROWID;
CREATE TABLE replies (
  key TEXT PRIMARY KEY, request TEXT NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL,
  prompt_ids BLOB NOT NULL, token_ids BLOB NOT NULL, logprobs BLOB NOT NULL,
  choice_logprobs TEXT, model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE TABLE events (
  id INTEGER PRIMARY KEY, key TEXT UNIQUE, at REAL NOT NULL, kind TEXT NOT NULL,
  match TEXT, turn TEXT, person TEXT, value TEXT NOT NULL);
CREATE INDEX events_turn ON events (turn);
CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at REAL NOT NULL);
CREATE TABLE invites (
  hash TEXT PRIMARY KEY, person TEXT NOT NULL, expires REAL NOT NULL, used_at REAL);
CREATE TABLE sessions (hash TEXT PRIMARY KEY, person TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE assignments (
  match TEXT NOT NULL, seat TEXT NOT NULL, holder TEXT NOT NULL, until REAL NOT NULL,
  done INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (match, seat, holder)) WITHOUT ROWID;
CREATE TABLE drafts (
  person TEXT NOT NULL, match TEXT NOT NULL, payload TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (person, match)) WITHOUT ROWID;
CREATE TABLE rewards (
  match TEXT NOT NULL, turn TEXT NOT NULL, seat TEXT NOT NULL, judge TEXT NOT NULL,
  rule TEXT NOT NULL, quantity TEXT NOT NULL, value REAL, uses_truth INTEGER NOT NULL,
  PRIMARY KEY (match, turn, seat, rule, quantity)) WITHOUT ROWID;
CREATE TABLE metrics (
  run TEXT NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL, value REAL,
  PRIMARY KEY (run, step, name)) WITHOUT ROWID;
CREATE TABLE artifacts (
  run TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, place TEXT NOT NULL,
  PRIMARY KEY (run, name)) WITHOUT ROWID;
CREATE VIEW verdicts AS
  SELECT match_turns.match AS match, turns.* FROM match_turns JOIN turns ON turns.id = turn
  WHERE kind = 'verdict' AND NOT EXISTS (
    SELECT 1 FROM events WHERE events.turn = turns.id AND events.match = match_turns.match
    AND events.kind = 'withdrawn');
CREATE VIEW paid AS
  SELECT * FROM rewards WHERE NOT EXISTS (
    SELECT 1 FROM events WHERE events.turn = rewards.turn AND events.match = rewards.match
    AND events.kind = 'withdrawn');
"""

SPENT = """
CREATE TABLE spent (
  run TEXT NOT NULL, match TEXT NOT NULL, turn TEXT NOT NULL, step INTEGER NOT NULL,
  version INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (run, match, turn)) WITHOUT ROWID
"""
"""A person's verdict that a step of a training run learns from, and which version of the policies
spoke. A row goes only where its verdict is withdrawn before weights of its step have been kept."""

DESK = """
ALTER TABLE people ADD COLUMN role TEXT NOT NULL DEFAULT 'judge';
ALTER TABLE people ADD COLUMN revoked_at REAL;
ALTER TABLE invites ADD COLUMN made_at REAL;
ALTER TABLE invites ADD COLUMN made_by TEXT;
ALTER TABLE invites ADD COLUMN revoked_at REAL;
ALTER TABLE sessions ADD COLUMN made_at REAL;
CREATE TABLE passcodes (person TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL,
  at REAL NOT NULL);
CREATE TABLE logins (
  issuer TEXT NOT NULL, subject TEXT NOT NULL, person TEXT NOT NULL,
  PRIMARY KEY (issuer, subject)) WITHOUT ROWID;
CREATE TABLE desks (
  run TEXT NOT NULL, at REAL NOT NULL, settings TEXT NOT NULL, person TEXT,
  PRIMARY KEY (run, at)) WITHOUT ROWID;
ALTER TABLE assignments ADD COLUMN id TEXT;
ALTER TABLE assignments ADD COLUMN run TEXT;
ALTER TABLE assignments ADD COLUMN kind TEXT NOT NULL DEFAULT 'judging';
ALTER TABLE assignments ADD COLUMN position INTEGER;
ALTER TABLE assignments ADD COLUMN listing TEXT;
ALTER TABLE assignments ADD COLUMN made_at REAL;
ALTER TABLE assignments ADD COLUMN made_by TEXT;
ALTER TABLE assignments ADD COLUMN closed TEXT;
ALTER TABLE assignments ADD COLUMN closed_at REAL;
CREATE INDEX assignments_id ON assignments (id);
CREATE INDEX assignments_holder ON assignments (holder);
ALTER TABLE events ADD COLUMN sitting INTEGER;
ALTER TABLE events ADD COLUMN number INTEGER;
ALTER TABLE events ADD COLUMN active REAL;
ALTER TABLE events ADD COLUMN assignment TEXT;
CREATE INDEX events_person ON events (person, at);
CREATE INDEX events_sitting ON events (person, sitting, number);
CREATE INDEX events_match ON events (match);
CREATE INDEX events_acts ON events (person, kind, match);
CREATE INDEX questions_of ON questions (grp, id);
CREATE INDEX questions_story ON questions (id, grp);
CREATE TABLE activity (
  person TEXT NOT NULL, match TEXT NOT NULL, place INTEGER NOT NULL, milliseconds REAL NOT NULL,
  at REAL NOT NULL, PRIMARY KEY (person, match, place)) WITHOUT ROWID
"""
"""The judging desk: who may sign in and how, what a run allows at the desk (the last row of
``desks`` stands), who is to do what, and for how long a page was read (milliseconds in which it was
visible, had the focus and was not idle). An event knows its place in the person's ``sitting``."""


def migrations() -> Migrations:
    """The migration set; applied ones are rows of the store."""
    from sqlite_utils.migrations import Migrations

    known = Migrations(NAME)

    @known()
    def m001_the_record(db: Database) -> None:
        for statement in TABLES.split(";"):
            if statement.strip():
                typing.cast("typing.Any", db.conn).execute(statement)

    @known()
    def m002_spent_verdicts(db: Database) -> None:
        typing.cast("typing.Any", db.conn).execute(SPENT)

    @known()
    def m003_the_desk(db: Database) -> None:
        for statement in DESK.split(";"):
            typing.cast("typing.Any", db.conn).execute(statement)

    return known
