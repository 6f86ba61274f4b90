"""What an export holds: every table and column with its type, its unit, its meaning and what a
missing value says. The files and the book beside them are made from this one list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

Type = Literal["text", "integer", "number", "boolean", "integers", "numbers", "texts", "json"]
TYPES: dict[Type, str] = {
    "text": "UTF-8 text, as it was written",
    "integer": "a whole number",
    "number": "a floating-point number, with every digit that the record has",
    "boolean": "true or false; in SQLite 1 or 0",
    "integers": "a list of whole numbers; in CSV and SQLite as JSON",
    "numbers": "a list of numbers; in CSV and SQLite as JSON",
    "texts": "a list of texts; in CSV and SQLite as JSON",
    "json": "a JSON value, as text in CSV, Parquet and SQLite",
}


class Column(NamedTuple):
    """A column: ``missing`` is what an absent value means, empty where a value is always there."""

    name: str
    type: Type
    meaning: str
    missing: str = ""
    unit: str = ""


class Table(NamedTuple):
    """A table: what a row is, and its columns in their order."""

    row: str
    columns: tuple[Column, ...]


C = Column
_MATCH = C("match", "text", "The debate; the same in every table.")
_WHO = "a person by pseudonym, a machine by its id"
_TURN = "Number of a turn in reading order, from 0"
_AT, _MS = "seconds since 1970, UTC", "milliseconds"
_EVENT = (
    C("sitting", "integer", "The person's sitting: a gap of 30 minutes begins another.",
      "not an act of a person, or one from before sittings were counted"),
    C("number", "integer", "Number of the act within the sitting, from 1.",
      "as for sitting"),
    C("active_ms", "number", "Time that this debate had been visible, in focus and not idle for "
      "this person by then.", "not an act of a person on a debate", _MS),
)  # fmt: skip

TABLES: dict[str, Table] = {
    "judgments": Table(
        "One belief or verdict of a person or a machine, those taken back as well.",
        (
            _MATCH,
            C("judgment", "integer", "Number of the report on its debate, in the order they came."),
            C("in_run", "boolean", "Whether the debate is one of the run's own; practice, gold and "
              "repeated debates are not, and no figure of the run counts them."),
            C("who", "text", f"The judge: {_WHO}."),
            C("judge_kind", "text", "person or model."),
            C("protocol", "text", "The name of the rules."),
            C("setting", "text", "The setting, as reports have it."),
            C("report", "text", "belief (on the way) or verdict."),
            C("mode", "text", "live (seated in the debate), stepped, whole or timed."),
            C("shown", "integer", "How many turns had been said and could be read.",
              "the turn that it followed is no longer part of the debate"),
            C("step", "integer", "How many standing reports on this debate the judge had made "
              "before, in this mode and listing."),
            C("listing", "integers", "The order in which the options were listed, as their "
              "numbers in canonical order."),
            C("p", "numbers", "The probability of each option, in canonical order.",
              "no probabilities were obtained", "probability"),
            C("quantity", "text", "Where p comes from: elicited (stated), or choice_logprobs "
              "(normalised over the options).", "as for p"),
            C("choice", "integer", "The number of the option chosen, in canonical order, from 0.",
              "a tie, or no decision"),
            C("status", "text", "ok, tie, or why there is no decision: unparsed, refused, "
              "truncated, timed out."),
            C("reason", "text", "The reason given; may be empty."),
            C("stop", "boolean", "Whether the judge ended the debate with it."),
            C("sample", "integer", "Which attempt of this judge, from 0."),
            C("at", "number", "When, by the server's clock.",
              "a machine's, whose turns carry no time", _AT),
            *_EVENT,
            C("kind", "text", "judging, practice, gold or again (the same debate a second time).",
              "a machine, or a judge of an import"),
            C("late", "boolean", "Whether it came after the time allowed.", "no time was set"),
            C("undone", "boolean", "Whether the judge took it back; it counts for nothing then."),
        ),
    ),
    "debates": Table(
        "One debate.",
        (
            _MATCH,
            C("run", "text", "The run that is exported."),
            C("in_run", "boolean", "As in judgments."),
            C("position", "integer", "The place of the debate in the run.", "not the run's own"),
            C("setting", "text", "The setting, as reports have it."),
            C("labels", "json", "What the run notes about it."),
            C("question", "text", "The question; see the table questions."),
            C("protocol", "text", "The name of the rules."),
            C("rules", "text", "The id of the rules; see the table protocols."),
            C("options", "texts", "What a verdict is over, in canonical order."),
            C("sides", "json", "The option that each seat was assigned, by its number."),
            C("seats", "json", "Who sits where; person is a chair kept for people."),
            C("proposal", "integer", "The answer that a proposer was told to defend.",
              "the rules have no proposer, or it may choose"),
            C("seed", "text", "The seed, in decimal digits (it may exceed 53 bits)."),
            C("played", "boolean", "Whether it is over."),
            C("turns", "integer", "How many turns were said."),
        ),
    ),
    "turns": Table(
        "One turn of a debate's path; what else was written in its place: the table alternatives.",
        (
            _MATCH,
            C("turn", "integer", f"{_TURN}."),
            C("seat", "text", "The seat that spoke."),
            C("role", "text", "debater, consultant, proposer, critic or judge."),
            C("kind", "text", "speech, answer, critique or question."),
            C("place", "integer", "The number of its round, from 0."),
            C("round", "text", "The name of its round; may be empty."),
            C("who", "text", f"The author: {_WHO}."),
            C("text", "text", "What was said, with the marks around quotations; of a speech over "
              "its limits (status) nobody else saw it."),
            C("thought", "text", "Private thought before it, which nobody else saw; may be empty."),
            C("side", "integer", "The answer that the speaker chose to defend.",
              "sides were assigned, or chosen before"),
            C("stop", "boolean", "Whether the speaker would end the debate, or conceded."),
            C("status", "text", "ok, length, refused, too long, error or over limit."),
            C("origin", "text", "sampled, fork, imported or person."),
            C("replies_to", "integers", "Numbers of the turns that it answers."),
            C("sample", "integer", "Which sample it is, from 0."),
            C("at", "number", "When it was said.", "a machine's, whose turns carry no time", _AT),
            C("requests", "integer", "How many requests were made for it."),
            C("prompt_tokens", "integer", "Of all its requests.", "no request was made", "tokens"),
            C("completion_tokens", "integer", "Of all its requests.", "no request was made",
              "tokens"),
            C("sampled_ids", "integer", "How many sampled token ids the record holds.",
              "no request was made"),
            C("seconds", "number", "Of all its requests.", "no request was made", "seconds"),
        ),
    ),
    "alternatives": Table(
        "One speech that was written for a debate and is not on its path: a candidate that was not "
        "chosen, another sample, or one that was taken back. A fork is a debate of its own.",
        (
            _MATCH,
            C("alternative", "integer", "Number of the speech among these of its debate, from 0."),
            C("instead_of", "integer", "Number of the turn that stands in its place.",
              "the debate has none there"),
            C("after", "integer", "Number of the turn that it follows.",
              "it is a first turn, or follows a turn that is not on the path either"),
            C("seat", "text", "The seat that it is for."),
            C("kind", "text", "As in turns."),
            C("place", "integer", "The number of its round, from 0."),
            C("who", "text", f"The author: {_WHO}."),
            C("text", "text", "As in turns."),
            C("thought", "text", "As in turns."),
            C("side", "integer", "As in turns.", "as in turns"),
            C("status", "text", "As in turns."),
            C("origin", "text", "candidate, sampled, fork, imported or person."),
            C("sample", "integer", "Which sample it is, from 0."),
            C("score", "number", "What it was given by whoever chose among candidates; higher is "
              "better.", "it was not one of several candidates"),
            C("undone", "boolean", "Whether it was taken back."),
        ),
    ),
    "quotes": Table(
        "One quotation in a turn.",
        (
            _MATCH,
            C("turn", "integer", f"{_TURN}."),
            C("quote", "integer", "Number of the quotation in its turn, from 0."),
            C("begin", "integer", "Where it begins in the turn's text.", unit="characters"),
            C("end", "integer", "Where it ends, exclusive.", unit="characters"),
            C("said", "text", "What the speaker wrote."),
            C("verified", "boolean", "Whether the platform found it in the passage."),
            C("start", "integer", "Where the passage has it.", "not verified", "characters"),
            C("stop", "integer", "Where that ends, exclusive.", "not verified", "characters"),
            C("words", "text", "The passage's own words.", "not verified"),
        ),
    ),
    "assignments": Table(
        "One person's place at one debate.",
        (
            _MATCH,
            C("who", "text", "The person, by pseudonym."),
            C("seat", "text", "The seat."),
            C("kind", "text", "judging, practice, gold, again or debating."),
            C("position", "integer", "Its place in the person's list.", "taken, not planned"),
            C("listing", "integers", "The order of options that was planned.",
              "drawn for the person"),
            C("planned", "boolean", "Whether an admin planned it; else it was taken."),
            C("made_at", "number", "When it was made.", "from before this was noted", _AT),
            C("until", "number", "When the hold ends or ended.", unit=_AT),
            C("done", "boolean", "Whether it is done."),
            C("closed", "text", "recused or withdrawn.", "neither"),
            C("closed_at", "number", "When.", "not closed", _AT),
        ),
    ),
    "surveys": Table(
        "One answer to one item of a survey.",
        (
            _MATCH,
            C("who", "text", "Who answered, by pseudonym."),
            C("at", "number", "When.", unit=_AT),
            C("item", "text", "The item; parts of a nested one are joined by dots."),
            C("answer", "text", "The answer as text.", "left open"),
            C("score", "number", "The answer where it is a number (a Likert scale).",
              "not a number"),
            C("stands", "boolean", "Whether the person gave no later answers on the debate."),
        ),
    ),
    "events": Table(
        "One thing that happened on a debate: the record that all else about people follows from.",
        (
            _MATCH,
            C("event", "integer", "Number of the event on its debate, in the order they came."),
            C("at", "number", "When, by the server's clock.", unit=_AT),
            C("kind", "text", "What happened: taken, shown, belief, verdict, withdrawn, ..."),
            C("who", "text", "Who did it, by pseudonym.", "the platform, or an import"),
            C("turn", "integer", f"{_TURN}, that it is about.", "it is not about a turn"),
            C("judgment", "integer", "The judgment that it is about.", "it is not about one"),
            *_EVENT,
            C("value", "json", "What it carries, without secrets and without the truth."),
        ),
    ),
    "questions": Table(
        "One question that the debates are about. Its true answer is not here.",
        (
            C("question", "text", "The question's id."),
            C("text", "text", "The question."),
            C("answers", "texts", "Its answers, in canonical order."),
            C("passage", "text", "The passage that it is about.", "it is about none"),
            C("source", "text", "Where it is from."),
            C("story", "text", "Questions about the same story share this.", "it has none"),
            C("split", "text", "The part of the data that it belongs to.", "it has none"),
        ),
    ),
    "protocols": Table(
        "The rules of some of the debates.",
        (
            C("rules", "text", "The id of the rules: it covers each of them, not the name."),
            C("protocol", "text", "The name."),
            C("record", "json", "The rules."),
        ),
    ),
    "participants": Table(
        "Whoever spoke or judged.",
        (
            C("who", "text", f"As in the other tables: {_WHO}."),
            C("kind", "text", "person or model."),
            C("called", "text", "What a machine is called.", "a person"),
            C("record", "json", "What decides a machine's behaviour.", "a person"),
        ),
    ),
    "truth": Table(
        "The true answer of a debate's question, where it is known. Made only when asked for.",
        (
            _MATCH,
            C("question", "text", "The question."),
            C("answer", "integer", "The true answer's number, from 0."),
            C("option", "integer", "The option that is true, as choices are numbered.",
              "the verdict is about an answer that was never given"),
        ),
    ),
    "names": Table(
        "The name of a person. Made only when asked for.",
        (
            C("who", "text", "The pseudonym."),
            C("name", "text", "The name."),
        ),
    ),
}  # fmt: skip
ON_REQUEST = ("truth", "names")
NOTES = (
    "Probabilities, choices and sides are indexed by option in canonical order, never by how the "
    "options were listed for somebody.",
    "Rows are in a fixed order; the same store gives the same bytes. manifest.json has the SHA-256 "
    "of every file.",
    "A person is called by a pseudonym, the same in every export of one store; another store has "
    "others. Ids that are hashes of a person's name are in no file.",
    "What a person writes for itself is in no file: notes and highlights in the text, and drafts "
    "of what was never sent.",
    "JSON Lines: one object a line, every column in it, null where a value is missing.",
    'CSV (RFC 4180, UTF-8, CRLF): texts are between quotation marks, so an empty text is "" and '
    "a missing value is nothing at all; numbers and true/false are bare. A text that begins with "
    "one of = + - @ ' (or their full-width forms), a tab, a carriage return or a line feed has an "
    "apostrophe put before it, so that no spreadsheet takes it for a formula; to read it back, "
    "drop one leading apostrophe from every text that has one.",
    "Parquet: lists are lists, json is text; null where a value is missing.",
    "SQLite: one database with all tables, and this book as the table codebook; NULL where a value "
    "is missing.",
)


def book(tables: Iterable[str]) -> dict[str, Any]:
    """The codebook of some tables, as JSON values."""
    return {
        "notes": list(NOTES),
        "types": dict(TYPES),
        "tables": {
            name: {
                "row": TABLES[name].row,
                "columns": [column._asdict() for column in TABLES[name].columns],
            }
            for name in tables
        },
    }


def markdown(run: str, tables: Iterable[str]) -> str:
    """The codebook of some tables, to be read."""
    name = run.replace("\\", "\\\\")
    for mark in "`*_[]<>#|!":  # a run's name is somebody's text
        name = name.replace(mark, "\\" + mark)
    lines = [f"# Codebook: {' '.join(name.split())}", ""]
    lines += [f"- {note}" for note in NOTES]
    lines += ["", "Types:", ""]
    lines += [f"- `{kind}`: {said}" for kind, said in TYPES.items()]
    for table in tables:
        found = TABLES[table]
        lines += ["", f"## {table}", "", found.row, ""]
        lines += ["| column | type | unit | meaning | missing means |", "|---|---|---|---|---|"]
        lines += [
            f"| {c.name} | {c.type} | {c.unit} | {c.meaning} | {c.missing or 'never missing'} |"
            for c in found.columns
        ]
    return "\n".join(lines) + "\n"
