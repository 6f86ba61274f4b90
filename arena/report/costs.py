"""What a run cost, by setting, role and player, and how much its judges were given to read.

Costs are what was paid: every turn counts, discarded candidates and forfeited speeches too, and a
turn that matches of one setting share counts once. The judge's view is measured in *visible
tokens*, words and punctuation marks of the speeches that it is shown, counted in one way
(`TOKEN`) whoever reads and whatever model wrote them, so that arms can be compared; what a model
has read by its own tokenizer is kept beside, where it was recorded.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

from arena import quotes
from arena.desk.events import EVENT, event
from arena.match import PERSON
from arena.participants import describe
from arena.protocols import JUDGE, Protocol
from arena.store import Store
from arena.studyfile import Matched, Price

TOKEN = re.compile(r"\w+|[^\w\s]")
"""A word, or one mark that is no white space: what visible tokens count, in every arm."""
_MARKS = re.compile(f"{re.escape(quotes.OPEN)}|{re.escape(quotes.CLOSE)}")
MILLION = 1_000_000

_TURNS = """
SELECT rm.labels, m.protocol, t.seat, t.author, t.id,
  coalesce(length(s.text) + length(s.thought), 0)
FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match
JOIN match_turns AS mt ON mt.match = m.id JOIN turns AS t ON t.id = mt.turn
LEFT JOIN speeches AS s ON s.id = t.speech WHERE rm.run = ? ORDER BY rm.position
"""
_CALLS = """
SELECT rm.labels, m.protocol, t.seat, t.author, r.key, r.prompt_tokens, r.completion_tokens,
  r.seconds
FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match
JOIN match_turns AS mt ON mt.match = m.id JOIN turns AS t ON t.id = mt.turn
JOIN calls AS c ON c.turn = t.id JOIN replies AS r ON r.key = c.reply
WHERE rm.run = ? ORDER BY rm.position
"""
_SAID = """
SELECT m.id, m.protocol, m.question, t.place, t.seat, t.kind, s.id, s.text, s.quotes
FROM (SELECT DISTINCT match FROM run_matches WHERE run = ?) AS rm
JOIN matches AS m ON m.id = rm.match
JOIN match_turns AS mt ON mt.match = m.id JOIN turns AS t ON t.id = mt.turn
JOIN speeches AS s ON s.id = t.speech
WHERE t.origin <> 'candidate' AND t.seat <> 'judge' AND s.status <> 'over limit'
"""
_READ = """
SELECT rm.labels, m.protocol, v.match, v.place, v.author
FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match JOIN verdicts AS v ON v.match = m.id
WHERE rm.run = ? ORDER BY rm.position
"""


def tokens(text: str) -> int:
    """Words and punctuation marks of a text; the marks around a quotation are not among them."""
    return len(TOKEN.findall(_MARKS.sub(" ", text) if "<" in text else text))


# ---------------------------------------------------------------------------------------------
# Prices.


def keep_prices(store: Store, run: str, prices: Mapping[str, Price]) -> None:
    """Note what a run's participants cost, by their ids. What was noted last stands; a price is no
    part of what a run is."""
    found = {who: {"input": one.input, "output": one.output} for who, one in prices.items()}
    if found != prices_of(store, run):
        now = time.time()
        store.execute({EVENT: [event("prices", None, now, value={"run": run, "prices": found})]})


def prices_of(store: Store, run: str) -> dict[str, dict[str, float]]:
    """The prices that stand for a run: participant id -> input and output, per million tokens."""
    sql = (
        "SELECT value FROM events WHERE kind = 'prices' AND json_extract(value, '$.run') = ? "
        "ORDER BY id DESC LIMIT 1"
    )
    row = store.one(sql, run)
    return {} if row is None else dict(json.loads(row["value"])["prices"])


# ---------------------------------------------------------------------------------------------
# What was paid.


@dataclass(slots=True)
class _Row:
    """What the turns of a player in a role and a setting took."""

    turns: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    sampled_tokens: int = 0
    characters: int = 0
    seconds: float = 0.0


class _Names:
    """Settings, roles and players of a run's matches, by what the store keeps of them."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self.people = {row["id"] for row in store.query("SELECT id FROM people")}
        self.called = _called(store, run)
        self.labels = lru_cache(maxsize=1024)(json.loads)
        self.protocol = lru_cache(maxsize=None)(store.protocol)

    def setting(self, labels: str, protocol: str) -> str:
        """The setting of a match."""
        found = self.labels(labels).get("setting")
        return self.protocol(protocol).name if found is None else str(found)

    def author(self, who: str) -> str:
        """Whose turn it is; people are one."""
        return PERSON if who in self.people else who

    def key(self, labels: str, protocol: str, seat: str, who: str) -> tuple[str, str, str, str]:
        """The setting, role, player and participant id of a turn."""
        author = self.author(who)
        player = (self.labels(labels).get("players") or {}).get(seat)
        if player is None:
            if author not in self.called:
                self.called[author] = _describe(self.store, author)
            player = self.called[author]
        role = self.protocol(protocol).role(seat)
        return self.setting(labels, protocol), role, str(player), author


def costs(store: Store, run: str) -> list[dict[str, Any]]:
    """A row for every setting, role and player: what its turns took.

    ``setting, role, player, player_id, turns, calls, prompt_tokens, sampled_tokens, characters``
    (spoken and thought), ``seconds`` (that models took, one call after another) and ``money``, by
    the run's prices per million tokens; None where there is none for a player.
    """
    names = _Names(store, run)
    key_of = lru_cache(maxsize=4096)(names.key)
    found: dict[tuple[str, str, str, str], _Row] = {}
    seen: set[int] = set()

    def counted(key: tuple[str, ...], what: str) -> bool:
        """Whether a setting's turn or reply has been counted before; it is now."""
        before = len(seen)
        seen.add(hash((key, what)))
        return len(seen) == before

    for labels, protocol, seat, author, turn, characters in store.conn.execute(_TURNS, (run,)):
        key = key_of(labels, protocol, seat, author)
        if not counted(key, turn):
            one = found.setdefault(key, _Row())
            one.turns += 1
            one.characters += characters
    seen.clear()
    for labels, protocol, seat, author, reply, read, written, seconds in store.conn.execute(
        _CALLS, (run,)
    ):
        key = key_of(labels, protocol, seat, author)
        if not counted(key, reply):
            one = found[key]
            one.calls += 1
            one.prompt_tokens += read
            one.sampled_tokens += written
            one.seconds += seconds
    prices = prices_of(store, run)
    rows = []
    for (setting, role, player, who), one in found.items():
        row = {"setting": setting, "role": role, "player": player, "player_id": who, **asdict(one)}
        rows.append({**row, "money": _money(row, prices.get(who))})
    return rows


def _money(row: Mapping[str, Any], price: Mapping[str, Any] | None) -> float | None:
    if price is None:
        return None
    paid = row["prompt_tokens"] * price["input"] + row["sampled_tokens"] * price["output"]
    return float(paid / MILLION)


def _called(store: Store, run: str) -> dict[str, str]:
    """What the file calls the run's judges and players, by participant id."""
    row = store.one("SELECT config FROM runs WHERE name = ?", run)
    config = {} if row is None else json.loads(row["config"])
    found: dict[str, str] = {}
    for part in ("players", "judges"):
        given = config.get(part) if isinstance(config, dict) else None
        if isinstance(given, dict):
            found |= {who: name for name, who in given.items() if isinstance(who, str)}
    return found | {PERSON: PERSON}


def _describe(store: Store, who: str) -> str:
    row = store.one("SELECT record FROM participants WHERE id = ?", who)
    return who if row is None else describe(json.loads(row["record"]))


# ---------------------------------------------------------------------------------------------
# What judges were given to read.


@dataclass(frozen=True, slots=True)
class Visible:
    """What the judges of a setting were shown: the mean visible tokens of a verdict, of how many
    ``verdicts``, and the tokens of a model's own prompts for each, None where none is recorded."""

    tokens: float
    verdicts: int
    prompt_tokens: float | None = None


def shown_to_judges(
    store: Store, run: str, rows: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Visible]:  # fmt: skip
    """What judges were shown, by setting. A judge who decided early was shown less.

    ``rows`` are those of `costs`, from which the prompts' own tokens are taken.
    """
    found: dict[str, list[int]] = {}
    for setting, _, shown in _shown(store, run):
        one = found.setdefault(setting, [0, 0])
        one[0] += shown
        one[1] += 1
    prompts: dict[str, int] = {}
    for row in rows:
        if row["role"] == "judge" and row["calls"]:
            prompts[row["setting"]] = prompts.get(row["setting"], 0) + row["prompt_tokens"]
    return {
        setting: Visible(total / n, n, prompts[setting] / n if setting in prompts else None)
        for setting, (total, n) in found.items()
    }


def _shown(store: Store, run: str) -> Iterable[tuple[str, str, int]]:
    """Setting, author (`PERSON` for people) and visible tokens of each verdict of a run."""
    names = _Names(store, run)
    hidden = lru_cache(maxsize=None)(lambda key: _hidden(names.protocol(key)))
    passage = lru_cache(maxsize=1024)(lambda key: store.question(key).passage or "")
    length = lru_cache(maxsize=65536)(_length)

    @lru_cache(maxsize=65536)
    def cited(question: str, begin: int, end: int) -> int:
        return tokens(passage(question)[begin:end])

    places: dict[str, dict[int, int]] = {}  # match -> place -> tokens
    for match, rules, question, place, seat, kind, _, text, marks in store.conn.execute(
        _SAID, (run,)
    ):
        if (place, seat, kind) in hidden(rules):
            continue
        n, spans = length(text, marks)
        mine = places.setdefault(match, {})
        mine[place] = mine.get(place, 0) + n + sum(cited(question, *span) for span in spans)
    for labels, rules, match, place, author in store.conn.execute(_READ, (run,)):
        shown = sum(n for at, n in places.get(match, {}).items() if at < place)
        yield names.setting(labels, rules), names.author(author), shown


def _length(text: str, marks: str) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Visible tokens of a speech, and the lines of the passage that it shows: a cited line is read
    by the judge, the words of a verbatim quotation stand in the speech."""
    spans: list[tuple[int, int]] = []
    if marks != "[]":
        spans = [
            (span[0], span[1]) for begin, _, span in json.loads(marks)
            if span is not None and text[begin : begin + 1] == "["
        ]  # fmt: skip
    return tokens(text), tuple(spans)


def _hidden(protocol: Protocol) -> set[tuple[int, str, str]]:
    """The places of speeches that the judge does not see: place, seat, kind."""
    rounds = (*protocol.opening, *protocol.cycle * protocol.cycles, *protocol.closing)
    return {
        (place, slot.seat, slot.kind)
        for place, one in enumerate(rounds)
        for slot in one.slots
        if "all" not in slot.seen_by and JUDGE not in slot.seen_by
    }


# ---------------------------------------------------------------------------------------------
# Arms that are matched.

_PLAYED = """
SELECT coalesce(json_extract(rm.labels, '$.setting'), p.name) AS setting,
  count(DISTINCT rm.match) AS n
FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match JOIN protocols AS p ON p.id = m.protocol
WHERE rm.run = ? AND EXISTS (SELECT 1 FROM verdicts AS v WHERE v.match = rm.match) GROUP BY setting
"""


@dataclass(frozen=True, slots=True)
class Amount:
    """What a verdict of an arm took: ``value``, or None with the ``reason`` why it is not known."""

    value: float | None
    reason: str = ""


class Measured:
    """What the arms of a run took, for any number of comparisons; read once, when first asked."""

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run

    @cached_property
    def shown(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Visible tokens and verdicts of each setting and judge."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for setting, author, tokens_ in _shown(self.store, self.run):
            total, n = found.get((setting, author), (0, 0))
            found[setting, author] = total + tokens_, n + 1
        return found

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of `costs`."""
        return costs(self.store, self.run)

    @cached_property
    def played(self) -> dict[str, int]:
        """How many matches of each setting were judged."""
        return {row["setting"]: row["n"] for row in self.store.query(_PLAYED, self.run)}

    def amounts(
        self, on: Matched, settings: Collection[str], judges: Collection[str]
    ) -> dict[str, Amount]:
        """What a verdict by one of ``judges`` (ids) took in each of ``settings``.

        Visible tokens: of what it was shown. Total tokens and cost: the speakers' for a match, and
        its judge's own for a verdict. Settings without a verdict are not in the result.
        """
        found: dict[str, Amount] = {}
        for setting in settings:
            mine = [self.shown[setting, who] for who in judges if (setting, who) in self.shown]
            verdicts = sum(n for _, n in mine)
            if not verdicts:
                continue
            if on == "visible tokens":
                found[setting] = Amount(sum(total for total, _ in mine) / verdicts)
            else:
                found[setting] = self._paid(on, setting, judges, verdicts)
        return found

    def _paid(
        self, on: Matched, setting: str, judges: Collection[str], verdicts: int
    ) -> Amount:  # fmt: skip
        total = 0.0
        for row in self.rows:
            judge = row["role"] == "judge"
            if row["setting"] != setting or (judge and row["player_id"] not in judges):
                continue
            paid: float | None = row["prompt_tokens"] + row["sampled_tokens"]
            if on == "cost":
                paid = row["money"] if row["calls"] else 0.0
            if paid is None:
                return Amount(None, f"prices has none for {row['player']!r}")
            total += paid / (verdicts if judge else self.played[setting])
        return Amount(total)


def matched(first: float, second: float, within: float) -> bool:
    """Whether two amounts differ by at most ``within``, as a share of the larger one."""
    return abs(first - second) <= within * max(abs(first), abs(second)) + 1e-12
