"""Questions that are one but for the order of their answers: twins.

A question whose answers are listed the other way round has another id, and a truth of its own, yet
is the same one to whoever argues, judges or has judged it. Reports count twins as one cluster;
nobody is given one of them after the other. Nothing here reads ground truth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

from arena.ids import content_id
from arena.store import Store

_OTHER = (
    "EXISTS (SELECT value FROM json_each({0}.answers) "
    "EXCEPT SELECT value FROM json_each({1}.answers))"
)
SAME = (
    "({a}.text = {b}.text AND json_array_length({a}.answers) = json_array_length({b}.answers) AND "
    f"{{a}}.source = {{b}}.source AND NOT {_OTHER.format('{a}', '{b}')} "
    f"AND NOT {_OTHER.format('{b}', '{a}')} AND {{a}}.passage IS {{b}}.passage)"
)
"""Whether two rows of ``questions`` are twins, or the same row; both are names of tables in SQL."""
_ALL = "SELECT id, text, answers FROM questions ORDER BY id"
_REST = (
    "SELECT id, passage, source FROM questions WHERE id IN (SELECT value FROM json_each(?)) "
    "ORDER BY id"
)
_Kept = tuple[tuple[int, int], dict[str, tuple[str, ...]]]
_of_file: dict[str, _Kept] = {}
_in_memory: WeakKeyDictionary[Store, _Kept] = WeakKeyDictionary()


def name_of(
    id: str, text: str, answers: Sequence[str], passage: str | None, source: str
) -> str:  # fmt: skip
    """One name for a question whatever the order of its answers: its id where they are sorted."""
    ordered = sorted(answers)
    return id if list(answers) == ordered else content_id("q", [text, ordered, passage, source])


def twins(store: Store) -> Mapping[str, tuple[str, ...]]:
    """Of each question that has a twin in the store: its id and its twins', in order.

    Most stores have none. It is looked for again when a question has come.
    """
    row = store.one("SELECT coalesce(max(rowid), 0) AS last FROM questions")
    assert row is not None
    file = store.path
    stamp = (row["last"], 0 if file is None else file.stat().st_ino)
    kept = _in_memory.get(store) if file is None else _of_file.get(str(file))
    if kept is not None and kept[0] == stamp:
        return kept[1]
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    listed: dict[str, tuple[str, list[str]]] = {}
    for id, text, answers in store.conn.execute(_ALL):
        given = json.loads(answers)
        alike.setdefault((text, tuple(sorted(given))), []).append(id)
        listed[id] = (text, given)
    wanted = json.dumps([id for ids in alike.values() if len(ids) > 1 for id in ids])
    named: dict[str, list[str]] = {}
    for one in store.query(_REST, wanted):
        text, given = listed[one["id"]]
        name = name_of(one["id"], text, given, one["passage"], one["source"])
        named.setdefault(name, []).append(one["id"])
    found = {id: tuple(ids) for ids in named.values() if len(ids) > 1 for id in ids}
    if file is None:
        _in_memory[store] = (stamp, found)
    else:
        _of_file[str(file)] = (stamp, found)
    return found


def one_name(twins: Mapping[str, tuple[str, ...]], id: str) -> str:
    """The id that stands for a question and its twins; of a story, what it is called anyway."""
    return twins[id][0] if id in twins else id
