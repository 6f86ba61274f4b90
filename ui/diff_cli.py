"""``arena diff``: what two runs' configurations differ in."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ui.options import DEFAULT_STORE, AsJson, StorePath, one_line, open_store, print_json


def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A run, study or import.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="The other one.")],
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Say what two runs of a store differ in: settings, versions, protocols, players, judges,
    prices, what the desk allows, questions, and whether they are locked."""
    from arena.configdiff import compare, snapshot
    from ui.sheets import name, sheet, texts
    from ui.tables import console, say, table

    with one_line(), open_store(store, must_exist=True) as opened:
        found = compare(snapshot(opened, first), snapshot(opened, second))
    if as_json:
        print_json({"first": first, "second": second, "equal": not found,
                    "differences": [one.value for one in found]})  # fmt: skip
        return
    if not found:
        say(f"{first} and {second} have the same configuration")
        return
    rows = [(one.part, name(one.field), _shown(one.first), _shown(one.second)) for one in found]
    columns = texts("part", "field", name(first), name(second))
    for one in sheet("diff", f"{name(first)} and {name(second)}", columns, rows):
        console().print(table(one))


def _shown(value: Any) -> str:
    from ui.sheets import name

    if value is None:
        return "-"
    return name(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 60)
