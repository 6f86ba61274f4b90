"""``arena study``: declared conditions on the same questions, locked, played and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ui.options import (
    DEFAULT_STORE,
    AsJson,
    AsMarkdown,
    Html,
    StorePath,
    Unmatched,
    one_line,
    open_store,
    print_json,
)
from ui.play_cli import File, Set, conclude


def study(
    file: File,
    store: StorePath = DEFAULT_STORE,
    override: Set = None,
    lock: Annotated[
        bool, typer.Option("--lock", help="Keep the hash of all that is declared, then play.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be played, and play nothing.")
    ] = False,
    unmatched: Unmatched = False,
    as_markdown: AsMarkdown = False,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Play a study's conditions on the same questions and compare them; start it again to resume,
    or with more conditions or judges to go on."""
    from arena.config import ConfigError
    from arena.report import report
    from arena.runfile import read_run_file, refuse_verb
    from ui.study import run_study
    from ui.tables import progress_bar

    with one_line():
        run = read_run_file(file, tuple(override or ()))
        refuse_verb(run, "study", file)
        if as_json and as_markdown:
            raise ConfigError("--markdown: expected it or --json, got both")
        if plan:
            if lock or as_markdown or html is not None:
                raise ConfigError("--plan: it prints a plan, and locks and writes nothing else")
            _plan(run, file.parent, store, as_json)
            return
        from arena.conditions import design

        design(run, file.parent)  # what is refused here leaves no store behind
        if html is not None:
            from ui.page import refuse_page

            refuse_page(html, store)
        with open_store(store) as opened:
            with progress_bar(f"study {run.name}") as progress:
                outcome = run_study(run, file.parent, opened, progress, lock, _say_lock)
            found = report(opened, run.name, unmatched=unmatched)
            if html is not None:
                from ui.page import write_page

                write_page(found, html)
            if as_markdown:
                from ui.markdown import markdown
                from ui.tables import say

                for note in outcome.notes:
                    say(f"arena: {note}", error=True)
                typer.echo(markdown(found), nl=False)
                return
            conclude(opened, store, run.name, outcome, as_json, found)


def _say_lock(lock: Any) -> None:
    from arena.desk.audit import moment
    from ui.tables import say

    say(f"arena: locked since {moment(lock.at)}: SHA-256 {lock.hash}", error=True)


def _plan(run: Any, folder: Path, store: Path, as_json: bool) -> None:
    from arena.store import Store
    from ui.study import plan_of, resolve

    with Store(store if store.is_file() else None) as opened:
        found = plan_of(resolve(run, folder, opened), opened)
    if as_json:
        print_json(found)
        return
    _print_plan(found)


def _print_plan(found: dict[str, Any]) -> None:
    from ui.sheets import figures, name, sheet, texts
    from ui.tables import console, plain, say, table

    rows = [
        (name(one["condition"]), name(one["protocol"]),
         name(", ".join(f"{seat}: {who}" for seat, who in one["debaters"].items())),
         name(", ".join(one["judges"])), str(one["speeches"] or ""), str(one["matches"]),
         str(one["verdicts"]))
        for one in found["conditions"]
    ]  # fmt: skip
    columns = (*texts("condition", "protocol", "debaters", "judges"),
               *figures("speeches", "matches", "verdicts"))  # fmt: skip
    stories = f" in {found['stories']} stories" if found["stories"] else ""
    title = f"{found['study']}: {found['questions']} questions{stories}"
    to = console()
    for one in sheet("plan", title, columns, rows):
        to.print(table(one))
    say(f"In all {found['matches']} matches and {found['verdicts']} verdicts; how many tokens they "
        "take is not known before they are played.")  # fmt: skip
    if found["contrasts"] and (found["stories"] or found["questions"]) < found["questions"]:
        say("The powers below take the questions of a story for independent: arena power "
            f"--simulate --stories {found['stories']} does not.")  # fmt: skip
    for one in found["contrasts"]:
        for line in _told(one):
            to.print(plain(line), soft_wrap=True)
    for line in found["proposals"]:
        to.print(plain(f"Proposed: {line}"), soft_wrap=True)
    if found["locked"] is None:
        say(f"Not locked. --lock would hold SHA-256 {found['hash']}")
        return
    now = "the same" if found["locked"]["hash"] == found["hash"] else "more than that now"
    now = "something else now, which is not played" if found["changed"] else now
    say(f"Locked: SHA-256 {found['locked']['hash']} ({now})")
    for line in found["changed"]:
        to.print(plain(f"Changed: {line}"), soft_wrap=True)


def _told(one: dict[str, Any]) -> list[str]:
    """The power of a contrast, in words."""
    kind = "Primary contrast" if one["primary"] else "Contrast"
    figure = one["figure"].replace("_", " ")
    each = "" if one["verdicts"] == 1 else f", {one['verdicts']} verdicts of each arm on each"
    head = (f"{kind}: {figure} of {one['first']} less that of {one['second']} under "
            f"{one['judge']}, on {one['questions']} questions{each}.")  # fmt: skip
    where = "" if figure == "accuracy" else " (of accuracy)"
    if one["expect"] is not None:
        first, second = one["expect"]
        power = f"Power{where} for {first:g} against {second:g}: {one['power']:.3f}"
        more = f"; {one['needed']} questions reach .8" if one["needed"] else ""
        return [head, f"  {power}{more}. See arena power --paired for other designs."]
    told = [
        f"{float(p):g} from {least:.3f}" for p, least in one["detectable"].items()
        if least is not None
    ]  # fmt: skip
    apart = "; ".join(told) or "nothing, these are too few questions"
    return [head, f"  Told apart with power .8{where}: {apart}. Say expect: [FIRST, SECOND] for "
                  "the power of what you expect."]  # fmt: skip
