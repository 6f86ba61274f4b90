"""The lock of a study: what was declared before the first verdict, by its hash.

An event keeps all that a study declares (`arena.study.content`), its SHA-256 and the verdicts that
its matches had at that moment. Afterwards nothing of it may change; what is added is allowed, and
exploratory. A report holds what the store now says against the lock: an altered record of the
lock, another plan or another declaration is named. Whoever can write to the store could forge all
of it at once, so the hash is printed, to be kept where the store's owner cannot reach it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from arena.desk.audit import moment
from arena.desk.events import EVENT_ONCE, event
from arena.desk.settings import settings_of
from arena.ids import content_id
from arena.match import PERSON
from arena.store import Store, StoreError
from arena.study import digest, digests
from arena.values import apart

LOCKED = "locked"
"""The kind of the event."""
Content = Mapping[str, Any]
_DECLARED = (
    "seed", "questions", "primary", "exclude", "stop", "match", "prices", "desk", "sandwich"
)  # fmt: skip
"""What is compared as it stands; conditions, judges, contrasts and prices may be added to. A lock
from before the prices and the desk were part of it has neither."""
LONGEST = 60  # characters of a value in a message


@dataclass(frozen=True, slots=True)
class Lock:
    """A study's lock: the hash of its ``content``, when it was made (seconds since 1970), and the
    verdicts (match, turn) that were there. ``whole`` is whether the record still agrees with its
    own hashes."""

    hash: str
    at: float
    content: Content
    older: frozenset[tuple[str, str]]
    whole: bool


def lock(store: Store, run: str, content: Content, now: float | None = None) -> Lock:
    """Lock a study whose matches are claimed; the same content again changes nothing.

    Raises StoreError, in one line that says what differs, where it is locked with another content;
    additions do not.
    """
    there = lock_of(store, run)
    if there is None:
        older = sorted(_verdicts(store, run))
        now = time.time() if now is None else now
        value = {"run": run, "hash": digest(content), "content": content,
                 "verdicts": [list(one) for one in older],
                 "seal": _seal(digest(content), now, older)}  # fmt: skip
        store.execute(
            {EVENT_ONCE: [event(LOCKED, None, now, value=value, key=_key(run))]}, full=True
        )
        there = lock_of(store, run)
        assert there is not None
    check(run, there, content)
    return there


def _key(run: str) -> str:
    return content_id("e", [LOCKED, run])


def _seal(hash_: str, at: float, older: list[tuple[str, str]]) -> str:
    return digest([hash_, at, [list(one) for one in older]])


def _verdicts(store: Store, run: str) -> set[tuple[str, str]]:
    sql = (
        "SELECT DISTINCT match, id FROM verdicts "
        "WHERE match IN (SELECT match FROM run_matches WHERE run = ?)"
    )
    return {(row["match"], row["id"]) for row in store.query(sql, run)}


def lock_of(store: Store, run: str) -> Lock | None:
    """The lock of a study; None where it was never locked."""
    row = store.one("SELECT at, value FROM events WHERE key = ? AND kind = ?", _key(run), LOCKED)
    if row is None:
        return None
    value = json.loads(row["value"])
    older = [(match, turn) for match, turn in value["verdicts"]]
    whole = value["hash"] == digest(value["content"]) and value["seal"] == _seal(
        value["hash"], row["at"], older
    )
    return Lock(value["hash"], row["at"], value["content"], frozenset(older), whole)


# ---------------------------------------------------------------------------------------------
# What has changed, and what was added.


def check(run: str, there: Lock, content: Content) -> None:
    """Raise StoreError, in one line, where what was locked is not what is declared now."""
    if found := changed(there.content, content):
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise StoreError(
            f"study {run!r} is locked since {moment(there.at)} ({there.hash[:12]}): "
            f"{found[0]}{more}; put it back, or give the study another name"
        )


def changed(locked: Content, now: Content) -> list[str]:
    """What was locked and is another now, a line each; additions are none."""
    found: list[str] = []
    for name in _DECLARED:
        if locked.get(name) is None:  # what was not declared can still be: exploratory then
            continue
        if name == "questions":
            found += _questions(locked[name], now[name])
        elif name == "prices":
            found += _prices(locked, now.get(name) or {})
        else:
            found += _lines(locked[name], now.get(name), name)
    for name, one in locked["conditions"].items():
        if name in now["conditions"]:
            found += _condition(one, now["conditions"][name], f"conditions.{name}")
        else:
            found.append(f"conditions.{name} is gone")
    declared = [*now["contrasts"], now["primary"]]
    found += [f"the contrast {contrast_name(one)} is gone"
              for one in locked["contrasts"] if one not in declared]  # fmt: skip
    return found


def _questions(locked: Content, now: Content) -> list[str]:
    lines = _lines(locked["n"], now["n"], "questions.n")
    if not lines and locked != now:
        lines = [f"the {now['n']} questions are others than those at the lock"]
    return lines


def _prices(locked: Content, now: Content) -> list[str]:
    """The locked prices that are others now, by the name of who has them."""
    names = _participants(locked)
    return [
        line
        for who, one in locked["prices"].items()
        for line in _lines(one, now.get(who), f"prices.{names.get(who, who)}")
    ]


def _desk(store: Store, run: str, there: Lock) -> list[str]:
    """What a desk that was locked is now, or has been since: an admin's page can change it."""
    locked = there.content.get("desk")
    if locked is None:
        return []
    if found := _lines(locked, asdict(settings_of(store, run)), "desk"):
        return found
    sql = "SELECT settings FROM desks WHERE run = ? AND at > ?"
    since = [json.loads(row["settings"]) for row in store.query(sql, run, there.at)]
    if any(apart(locked, one) for one in since):
        return ["the desk was another one for a while after the lock"]
    return []


def _condition(locked: Content, now: Content, at: str) -> list[str]:
    """What has changed of a condition; judges may have come, with matches of their own. Other
    matches are named where nothing says what makes them so."""
    found: list[str] = []
    for field, one in locked.items():
        if field == "judges":
            found += _lines(one, {name: now[field].get(name) for name in one}, f"{at}.{field}")
        elif field != "matches":
            found += _lines(one, now[field], f"{at}.{field}")
    if not found and any(now["matches"].get(who) != one for who, one in locked["matches"].items()):
        found.append(f"{at}: its matches are others than those at the lock")
    return found


def _lines(locked: Any, now: Any, at: str) -> list[str]:
    return [
        f"{path} was {_shown(was)} at the lock and is {_shown(value)} now"
        for path, was, value in apart(locked, now, at)
    ]


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def contrast_name(one: Mapping[str, Any]) -> str:
    """A contrast in words: ``accuracy of debate - consultancy under literal``."""
    figure = str(one["figure"]).replace("_", " ")
    return f"{figure} of {one['first']} - {one['second']} under {one['judge']}"


def added(locked: Content, now: Content) -> list[dict[str, str]]:
    """What is declared now and was not at the lock: ``what`` it is, its ``name``."""
    found: list[dict[str, str]] = []
    for name, one in now["conditions"].items():
        if name not in locked["conditions"]:
            found.append({"what": "condition", "name": name})
            continue
        known = locked["conditions"][name]["judges"]
        found += [{"what": "judge", "name": f"{judge} ({name})"}
                  for judge in one["judges"] if judge not in known]  # fmt: skip
    there = [*locked["contrasts"], locked["primary"]]
    if now["primary"] in locked["contrasts"]:  # which of them is the primary one was chosen later
        found.append({"what": "primary", "name": contrast_name(now["primary"])})
    found += [{"what": "contrast", "name": contrast_name(one)}
              for one in (now["primary"], *now["contrasts"])
              if one is not None and one not in there]  # fmt: skip
    return found


def findings(store: Store, run: str, there: Lock, declared: Content) -> list[str]:
    """What does not agree with a lock, a line each: its own record, the declaration that the run
    has now, the desk and the prices that stand, and the plan as the store claims it, recomputed
    from what it holds."""
    from arena.report.costs import prices_of  # its package imports this module

    found = [] if there.whole else ["the record of the lock was altered: its hash is not its own"]
    found += changed(there.content, declared)
    stands = _desk(store, run, there)
    if there.content.get("prices") is not None:
        stands += _prices(there.content, prices_of(store, run))
    found += [line for line in stands if line not in found]
    claimed = digests(_claims(store, run))
    for name, one in there.content["conditions"].items():
        mine = claimed.get(name, {})
        if {who: mine.get(who) for who in one["matches"]} != one["matches"]:
            found.append(f"the matches of {name!r} are not those that were locked")
    found += _forged(store, run, there.content)
    if declared["arena"] != there.content["arena"]:
        found.append(f"locked with version {there.content['arena']}, and {declared['arena']} now")
    return found


def _forged(store: Store, run: str, locked: Content) -> list[str]:
    """What is not what its id, the hash of its content, says: protocols, questions, players."""
    sql = "SELECT DISTINCT m.{0} AS id FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match "
    sql += "WHERE rm.run = ?"
    keys = {what: [row["id"] for row in store.query(sql.format(what), run)]
            for what in ("protocol", "question")}  # fmt: skip
    bad = [f"protocol {key}" for key in keys["protocol"] if store.protocol(key).id != key]
    bad += [f"question {key}" for key in keys["question"] if store.question(key).id != key]
    for who in sorted(_participants(locked)):
        row = store.one("SELECT record FROM participants WHERE id = ?", who)
        if row is None or content_id("a", json.loads(row["record"])) != who:
            bad.append(f"participant {who}")
    return [f"the {one} is not what its id says" for one in bad]


def _participants(locked: Content) -> dict[str, str]:
    """The names of the locked conditions' participants by their ids, without people."""
    found: dict[str, str] = {}
    for one in locked["conditions"].values():
        found |= {debater["id"]: debater["name"] for debater in one["debaters"].values()}
        found |= {who: name for name, who in one["judges"].items()}
    found.pop(PERSON, None)
    return found


def _claims(store: Store, run: str) -> Any:
    sql = (
        "SELECT json_extract(rm.labels, '$.condition') AS condition, m.id, m.seats "
        "FROM run_matches AS rm JOIN matches AS m ON m.id = rm.match WHERE rm.run = ?"
    )
    for row in store.query(sql, run):
        seats = dict(json.loads(row["seats"]))
        yield str(row["condition"]), str(seats.get("judge", "")), row["id"]
