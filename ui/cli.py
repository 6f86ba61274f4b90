"""The command line: ``arena VERB ...``. Every verb is thin; what it does lives in the rooms.

Exit codes: 0 done; 1 it ran and found something wrong; 2 the call or its input is at fault, with
one line that says what was expected, what came and what to do. With ``--json`` standard output
holds one JSON document; progress and notes go to standard error.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ui.backup_cli import backup
from ui.demo_cli import demo
from ui.diff_cli import diff
from ui.export_cli import dry_run as _dry_run
from ui.export_cli import export
from ui.nano_cli import nano
from ui.options import DEFAULT_STORE, AsJson, StorePath
from ui.options import one_line as _one_line
from ui.options import open_store as _open
from ui.options import print_json as _print_json
from ui.people_cli import people
from ui.play_cli import judge, play, tournament
from ui.power_cli import power
from ui.report_cli import report_verb
from ui.study_cli import study
from ui.train_cli import train
from ui.work_cli import work

PACKAGES = ("arena", "agents", "judges", "ui")


class OneLine(TyperGroup):
    """The verbs; a call that does not fit them is refused in one line too, with exit code 2."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the verb that the command line names."""
        if not extra.get("standalone_mode", True):
            return super().main(*args, **extra)
        try:
            sys.exit(super().main(*args, **{**extra, "standalone_mode": False}))
        except typer.Abort:
            sys.exit(1)
        except Exception as error:
            message = getattr(error, "format_message", None)  # what every usage error has
            if message is None:
                raise
            from ui.tables import say

            verbs, at = "", getattr(error, "ctx", None)
            while at is not None and at.parent is not None:
                verbs, at = f" {at.info_name}{verbs}", at.parent
            if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
                typer.echo(message(), err=True)
            else:
                say(f"arena: {message().rstrip('.')}; see arena{verbs} --help", error=True)
            sys.exit(2)


app = typer.Typer(
    cls=OneLine,
    help="Debate and critique for scalable oversight: play, judge, reward, measure.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
imports = typer.Typer(
    help="Import debates (nyu) or questions (jsonl) into a store.", no_args_is_help=True
)
app.add_typer(imports, name="import")
app.add_typer(nano, name="nano")
app.add_typer(people, name="people")


app.command()(demo)


app.command()(play)
app.command()(tournament)
app.command()(study)
app.command()(judge)
app.command()(train)
app.command()(export)
app.command()(backup)
app.command()(work)
app.command()(power)
app.command("report")(report_verb)
app.command()(diff)


DryRun = Annotated[bool, typer.Option("--dry-run", help="Report, and write nothing.")]


@imports.command("nyu")
def import_nyu_verb(
    path: Annotated[Path, typer.Argument(help="The folder of the data set.")],
    store: StorePath = DEFAULT_STORE,
    name: Annotated[str, typer.Option(help="The name of the import.")] = "nyu",
    look: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import the NYU human-debate data set; a bad room is named and passed over."""
    if look:
        _dry_run("nyu", path, store, name, as_json)
        return
    from arena.sources.nyu import contents, import_nyu
    from ui.tables import progress_bar, say

    with _one_line():
        contents(path)  # what is refused here leaves no store behind
    with _one_line(), _open(store) as opened:
        with progress_bar("importing rooms") as progress:
            result = import_nyu(path, opened, name, progress)
        if as_json:
            failed = [{"room": room, "reason": reason} for room, reason in result.failures]
            _print_json({"run": name, "store": str(store), "done": result.imported,
                         "changed": result.changed, "failed": failed})  # fmt: skip
        else:
            change = "imported" if result.changed else "all there already, nothing changed:"
            say(f"{change} {result.imported} rooms as {name!r} in {store}")
        for room, reason in result.failures:
            say(f"arena: not imported: {room}: {reason}", error=True)
    if result.failures:
        raise typer.Exit(1)


@imports.command("jsonl")
def import_jsonl_verb(
    path: Annotated[Path, typer.Argument(help="A file of question lines.")],
    store: StorePath = DEFAULT_STORE,
    name: Annotated[str | None, typer.Option(help="The name; the file's stem if absent.")] = None,
    look: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import questions, one JSON object a line; bad lines are named and passed over."""
    if look:
        _dry_run("jsonl", path, store, name, as_json)
        return
    from arena.sources.jsonl import agreeing, read_jsonl
    from arena.store import add_items
    from ui.tables import say

    called = name or path.stem
    source = f"jsonl:{called}"
    with _one_line():
        read = read_jsonl(path, source)  # what is refused here leaves no store behind
    with _one_line(), _open(store) as opened:
        items, bad, _ = agreeing(read, opened, source)
        before = opened.conn.total_changes
        add_items(opened, items)
        changed = opened.conn.total_changes > before
        if as_json:
            failed = [{"line": one.number, "reason": one.reason} for one in bad]
            _print_json({"run": called, "store": str(store), "done": len(items),
                         "changed": changed, "failed": failed})  # fmt: skip
        else:
            change = "imported" if changed else "all there already, nothing changed:"
            say(f"{change} {len(items)} questions as {called!r} in {store}")
        for one in bad:
            say(f"arena: {path}: line {one.number}: {one.reason}", error=True)
    if bad:
        raise typer.Exit(1)


@app.command()
def show(
    match: Annotated[str, typer.Argument(help="A match id, or its beginning.")],
    store: StorePath = DEFAULT_STORE,
    tree: Annotated[bool, typer.Option("--tree", help="Show the whole tree of turns.")] = False,
) -> None:
    """Print a match: what was said, and every judge's verdict."""
    from arena.store import StoreError
    from ui.tables import console, print_match

    with _one_line(), _open(store, must_exist=True) as opened:
        sql = "SELECT id FROM matches WHERE substr(id, 1, ?) = ? LIMIT 2"
        found = [row["id"] for row in opened.query(sql, len(match), match)]
        if len(found) != 1:
            what = "no match" if not found else "more than one match"
            raise StoreError(f"{what} in {store} begins with {match!r}; give (more of) its id")
        print_match(console(), opened, opened.match(found[0]), tree)


@app.command("ui")
def ui_verb(
    store: StorePath = DEFAULT_STORE,
    person: Annotated[
        str | None,
        typer.Option("--person", help="Your name in the record; your login name if absent."),
    ] = None,
    run: Annotated[str | None, typer.Option("--run", help="Judge this run only.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on this machine.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Where to listen; on any but a loopback address people sign in.")
    ] = "127.0.0.1",
    local: Annotated[
        bool | None,
        typer.Option("--local/--sign-in", help="No sign-in (on a loopback address only), or one."),
    ] = None,
    https: Annotated[
        bool, typer.Option("--https", help="Browsers come by https, through a proxy in front.")
    ] = False,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="Answer to this host name only; may be given again."),
    ] = None,
) -> None:
    """Open the judging desk in the browser; stop it with Ctrl+C."""
    from ui import doorkey
    from ui.serve import DESK, address_of, command, first_invite
    from ui.tables import say

    hosts = host or []
    with _one_line():
        call = command(store, person, run, port, address, local, https, hosts)
        at = address_of(address, port, https, hosts)
        signed = str(DESK) in call and "--local" not in call
        link = first_invite(store, person) if signed else None
        if not https:  # no proxy: what a request says about its origin is not believed
            os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
        if signed:
            say(f"The desk: {at} (Ctrl+C stops it)", error=True)
        else:
            token = doorkey.token_of(os.environ) or doorkey.new_token()
            os.environ[doorkey.TOKEN] = token
            say(f"Open {at}{doorkey.PATH}{token} (Ctrl+C stops it)", error=True)
        if link is not None:
            say(f"The first admin signs in here, once, within 24 h: {at}{link}", error=True)
        os.execv(call[0], call)


def _one_place() -> None:
    """Exit 2 unless the four packages come from one place: their names are generic."""
    homes: dict[str, Path] = {}
    for name in PACKAGES:
        found = find_spec(name)
        places = list(found.submodule_search_locations or []) if found else []
        homes[name] = Path(places[0]).resolve().parent if places else Path()
    if len(set(homes.values())) > 1:
        listed = ", ".join(f"{name} in {home}" for name, home in homes.items())
        typer.echo(
            f"arena: its packages must come from one place, but another package shadows one: "
            f"{listed}; uninstall the other or use a fresh environment",
            err=True,
        )
        sys.exit(2)


def main() -> None:
    """The console script."""
    _one_place()
    app()


if __name__ == "__main__":
    main()
