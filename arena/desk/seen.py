"""What a person has seen of a question or a story that its judges must not have seen.

Whoever opens a debate as a researcher reads all of it, and the passage; with the switches also the
truth, what others judged, and who debates. Whoever takes a debater's chair reads the passage.
Whoever is told the right answer after a verdict knows it. Such a person does not judge that
question any more, nor, where it has read a passage or debated, anything about the same story: no
plan gives it such a debate, no queue offers one, and no belief, question or verdict of it is taken.
Nothing here reads ground truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from arena.desk.events import EVENT_ONCE, event
from arena.match import Match
from arena.protocols import JUDGE
from arena.store import Store
from arena.twins import SAME, one_name, twins

How = Literal["looked", "debated", "told"]
LINES: dict[How, str] = {
    "looked": "You have read debates about this as a researcher, with what judges do not see, so "
    "you cannot judge it: choose another one.",
    "debated": "You have sat in a debater's chair about this, so you cannot judge it: choose "
    "another one.",
    "told": "You have been told the answer to this question, so you cannot judge it again: choose "
    "another one.",
}
"""What is said to whoever is refused."""

_CHAIR = (
    "(e.kind = 'taken' AND EXISTS (SELECT 1 FROM assignments AS a WHERE a.id = e.assignment "
    f"AND a.seat <> '{JUDGE}'))"
)
# Of the whole story, and not only of the question: the passage is the story's.
_WIDE = (
    "(e.kind IN ('speech', 'taken') OR e.kind = 'looked' AND json_extract(e.value, '$.passage'))"
)
_ACTS = f"(e.kind IN ('speech', 'looked', 'feedback') OR {_CHAIR})"
SEEN = (
    "SELECT 1 FROM events AS e JOIN matches AS em ON em.id = e.match "
    "JOIN questions AS eq ON eq.id = em.question, "
    "matches AS om JOIN questions AS oq ON oq.id = om.question "
    f"WHERE om.id = {{match}} AND e.person = {{person}} AND {_ACTS} AND (eq.id = oq.id "
    f"OR {SAME.format(a='eq', b='oq')} "
    f"OR {_WIDE} AND coalesce(eq.grp, eq.id) = coalesce(oq.grp, oq.id))"
)
"""A query that finds something where the person must not judge the match; both are expressions."""
_OF = (
    "SELECT e.person, e.kind, m.question, "
    f"iif({_WIDE}, coalesce(q.grp, q.id), NULL) AS story FROM json_each(?) AS wanted "
    "CROSS JOIN events AS e ON e.person = wanted.value JOIN matches AS m ON m.id = e.match "
    f"JOIN questions AS q ON q.id = m.question WHERE {_ACTS} ORDER BY e.id"
)
# People of an imported study are people here as well, where they have the same name.
_IMPORTED = (
    "SELECT t.author AS person, m.question, coalesce(q.grp, q.id) AS story FROM runs AS r "
    "JOIN run_matches AS rm ON rm.run = r.name JOIN match_turns AS mt ON mt.match = rm.match "
    "JOIN turns AS t ON t.id = mt.turn JOIN matches AS m ON m.id = rm.match "
    f"JOIN questions AS q ON q.id = m.question WHERE r.kind = 'import' AND t.seat <> '{JUDGE}' "
    "GROUP BY 1, 2"
)
_IMPORTS = (
    "SELECT count(*) AS n, max(r.created_at) AS at FROM runs AS r "
    "JOIN run_matches AS rm ON rm.run = r.name WHERE r.kind = 'import'"
)
_PLACES = (
    "SELECT a.match, a.id FROM assignments AS a JOIN matches AS m ON m.id = a.match "
    "JOIN questions AS q ON q.id = m.question "
    f"WHERE a.holder = ?1 AND a.seat = '{JUDGE}' AND a.closed IS NULL AND a.done = 0 "
    "AND (a.made_by NOT NULL OR a.until > ?4) "
    "AND (m.question IN (SELECT value FROM json_each(?2)) OR coalesce(q.grp, q.id) = ?3) "
    "AND NOT EXISTS (SELECT 1 FROM verdicts AS v WHERE v.match = a.match AND v.author = a.holder)"
)
_LEAVE = (
    "UPDATE assignments SET closed = 'recused', closed_at = ?3, until = 0 WHERE match = ?1 "
    f"AND holder = ?2 AND seat = '{JUDGE}' AND closed IS NULL AND done = 0"
)


@dataclass(slots=True)
class Known:
    """What one person has seen so, and how: questions with their twins, and whole stories, of
    which one without a name is called after its question (`arena.twins.one_name`)."""

    questions: dict[str, How] = field(default_factory=dict)
    stories: dict[str, How] = field(default_factory=dict)

    def bars(self, question: str, story: str) -> How | None:
        """How the person comes to know this question of this story, if it does."""
        return self.questions.get(question) or self.stories.get(story)


_kept: dict[str, tuple[tuple[int, float], dict[str, list[tuple[str, str]]]]] = {}


def _speakers(store: Store) -> dict[str, list[tuple[str, str]]]:
    """The questions and stories that each author of imported speeches debated. It takes a look at
    every turn of them, so it is kept until another import comes; an import is written whole."""
    row = store.one(_IMPORTS)
    if row is None or not row["n"]:
        return {}
    stamp, path = (row["n"], row["at"]), str(store.path)
    if store.path is not None and path in _kept and _kept[path][0] == stamp:
        return _kept[path][1]
    found: dict[str, list[tuple[str, str]]] = {}
    for one in store.query(_IMPORTED):
        found.setdefault(one["person"], []).append((one["question"], one["story"]))
    _kept[path] = (stamp, found)
    return found


def known(store: Store, people: Sequence[str]) -> dict[str, Known]:
    """What each of these people has seen that judges must not have seen."""
    found = {one: Known() for one in people}
    wanted = json.dumps(list(people))
    how: dict[str, How] = {"looked": "looked", "feedback": "told"}
    rows, speakers = list(store.query(_OF, wanted)), _speakers(store)
    same = twins(store) if rows or speakers else {}

    def add(mine: Known, question: str, story: str | None, kind: str) -> None:
        for one in same.get(question, (question,)):
            mine.questions.setdefault(one, how.get(kind, "debated"))
        if story is not None:
            mine.stories.setdefault(one_name(same, story), how.get(kind, "debated"))

    for row in rows:
        add(found[row["person"]], row["question"], row["story"], row["kind"])
    for person, mine in found.items():
        for question, story in speakers.get(person, ()):
            add(mine, question, story, "speech")
    return found


def left_out(store: Store, person: str) -> bool:
    """Whether there is a debate that this person has no verdict on and is kept from judging."""
    sql = (
        "SELECT 1 FROM json_each(?) AS seen CROSS JOIN matches AS m ON m.question = seen.value "
        "WHERE m.played = 1 AND NOT EXISTS "
        "(SELECT 1 FROM verdicts AS v WHERE v.match = m.id AND v.author = ?) LIMIT 1"
    )
    questions = known(store, [person])[person].questions
    return store.one(sql, json.dumps(list(questions)), person) is not None


def refusal(store: Store, match: Match, person: str) -> str | None:
    """Why this person must not judge the match, as a line for the page; None where it may."""
    question = match.question
    story = question.group or one_name(twins(store), question.id)
    how = known(store, [person])[person].bars(question.id, story)
    return None if how is None else LINES[how]


# ---------------------------------------------------------------------------------------------
# Looking, as a researcher.


def _places(store: Store, match: Match, person: str, now: float) -> list[dict[str, str]]:
    question = match.question
    story = (question.group or question.id) if question.passage is not None else None
    return list(store.query(_PLACES, person, _ids(store, question.id), story, now))


def _ids(store: Store, question: str) -> str:
    """A question's id and its twins', as JSON."""
    return json.dumps(twins(store).get(question, (question,)))


def judging(store: Store, match: Match, person: str, now: float) -> bool:
    """Whether this person is to judge a debate about the story of the match, or is at it: it does
    not sit down as a debater there, which would shut it out from its own place."""
    question = match.question
    story = question.group or question.id
    return store.one(_PLACES, person, _ids(store, question.id), story, now) is not None


def costs(store: Store, match: Match, person: str, now: float | None = None) -> int:
    """How many places as a judge this person would give up by reading the match as a researcher."""
    return len(_places(store, match, person, time.time() if now is None else now))


def look(
    store: Store,
    match: Match,
    person: str,
    truth: bool = False,
    reports: bool = False,
    metadata: bool = False,
    now: float | None = None,
) -> None:
    """Note, once, that this person reads the match as a researcher, and with what; in the same
    transaction it steps down from every place where it was to judge the question. Called before
    the first page is drawn that shows it."""
    now = time.time() if now is None else now
    value = {
        "passage": match.question.passage is not None,
        "truth": truth, "reports": reports, "metadata": metadata,
    }  # fmt: skip
    key = f"looked:{match.id}:{person}:{truth:d}{reports:d}{metadata:d}"
    if store.one("SELECT 1 FROM events WHERE key = ?", key) is not None:
        return
    places = _places(store, match, person, now)
    why = {"reason": "read as a researcher", "seat": JUDGE}
    store.execute(
        {
            EVENT_ONCE: [
                event("looked", person, now, match.id, value=value, key=key),
                *(event("recused", person, now, place["match"], value=why,
                        key=f"recused:{place['match']}:{person}", assignment=place["id"])
                  for place in places),
            ],
            _LEAVE: [(place["match"], person, now) for place in places],
        },
        full=True,
    )  # fmt: skip
