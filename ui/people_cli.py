"""``arena people ...``: who may sign in at the desk, and as what; done at the machine of the store.

Links and passcodes are shown or asked for on the terminal only; the store keeps their hashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.options import DEFAULT_STORE, AsJson, StorePath, one_line, open_store, print_json

if TYPE_CHECKING:
    from arena.store import Store

people = typer.Typer(
    help="Who may sign in at the desk: invite, list, role, passcode, sign-out, unbind, revoke, "
    "restore.",
    no_args_is_help=True,
)


class Role(StrEnum):
    """What a person may do: judge; read everything too; and manage."""

    judge = "judge"
    researcher = "researcher"
    admin = "admin"


Name = Annotated[str, typer.Argument(help="The person's name in the record.")]


@contextmanager
def _store(path: Path) -> Iterator[Store]:
    """The store; what does not fit a person is said in one line, with exit code 2."""
    from arena.desk.chairs import PersonError
    from ui.tables import say

    with one_line(), open_store(path, must_exist=True) as store:
        try:
            yield store
        except PersonError as error:
            say(f"arena: {error}", error=True)
            raise typer.Exit(2) from None


@people.command()
def invite(
    name: Name,
    role: Annotated[
        Role | None, typer.Option(help="Left out: as it is; a new person is a judge.")
    ] = None,
    hours: Annotated[float, typer.Option(help="How long the link may wait to be used.")] = 72.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Print the link by which a person signs in, once; earlier open links to them end."""
    from arena.desk import identity
    from ui.tables import say

    with _store(store) as opened:
        token = identity.invite(opened, name, None if role is None else role.value, hours)
        found = identity.named(opened, name)
    if as_json:
        print_json({"name": found.name, "role": found.role, "hours": hours,
                    "link": f"/join/{token}"})  # fmt: skip
        return
    say(f"A link for {found.name} ({found.role}): the desk's address, then", error=True)
    say(f"/join/{token}")
    say(f"It works once, within {hours:g} h, and is not shown again.", error=True)


@people.command("list")
def list_verb(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """List people: role, how they can sign in, and whether they are signed in."""
    import time

    from arena.desk import identity, logins, passcodes
    from ui.tables import say

    with _store(store) as opened:
        now, sessions = time.time(), identity.session_counts(opened)
        vouched = {one.person for one in logins.bound(opened)}
        links = {one.person for one in identity.invites(opened) if one.state(now) == "open"}
        listed = [
            {
                "name": one.name,
                "role": one.role,
                "revoked": one.revoked_at is not None,
                "passcode": passcodes.has_passcode(opened, one.id),
                "login": one.id in vouched,
                "invited": one.id in links,
                "sessions": sessions.get(one.id, 0),
            }
            for one in identity.people(opened)
        ]
    if as_json:
        print_json({"people": listed})
        return
    for row in listed:
        words = [word for word in ("revoked", "passcode", "login", "invited") if row[word]]
        signed = f"{row['sessions']} signed in" if row["sessions"] else ""
        say(", ".join(filter(None, [f"{row['name']}: {row['role']}", *words, signed])))
    if not listed:
        say("nobody yet; invite somebody: arena people invite NAME", error=True)


@people.command()
def role(
    name: Name,
    role: Annotated[Role, typer.Argument(help="judge, researcher or admin.")],
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Give a person another role, and sign them out; the last admin keeps theirs."""
    from arena.desk import identity
    from ui.tables import say

    with _store(store) as opened:
        ended = identity.set_role(opened, identity.named(opened, name).id, role.value)
    say(f"{name}: {role.value}{_ended(ended)}", error=True)


@people.command()
def passcode(name: Name, store: StorePath = DEFAULT_STORE) -> None:
    """Ask (hidden) for the passcode by which a person signs in with their name; sign them out."""
    from arena.desk import identity, passcodes
    from ui.tables import say

    with _store(store) as opened:
        person = identity.named(opened, name)
        given = typer.prompt("Passcode", hide_input=True, confirmation_prompt=True, err=True)
        ended = passcodes.set_passcode(opened, person.id, given)
    say(f"{name} has a passcode now{_ended(ended)}", error=True)


@people.command("sign-out")
def sign_out(name: Name, store: StorePath = DEFAULT_STORE) -> None:
    """End all sessions of a person, who may sign in again."""
    from arena.desk import identity
    from ui.tables import say

    with _store(store) as opened:
        ended = identity.end_sessions(opened, identity.named(opened, name).id)
    say(f"{name}: {ended} sessions ended", error=True)


@people.command()
def unbind(
    name: Name,
    subject: Annotated[
        str | None,
        typer.Option(help="The login with this subject only; all of them if absent."),
    ] = None,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Take an organisation's login from a person, and sign them out; a new invite can bind it."""
    from arena.desk import identity, logins
    from arena.desk.chairs import PersonError
    from ui.tables import say

    with _store(store) as opened:
        person = identity.named(opened, name)
        had = logins.bound(opened, person.id)
        some = [one for one in had if subject in (None, one.subject)]
        if not some:
            theirs = ", ".join(one.subject for one in had) or "none"
            raise PersonError(f"{person.name} has no such login; the subjects of theirs: {theirs}")
        for one in some:
            ended = logins.unbind(opened, one)
            say(f"{name}: {one.issuer} {one.subject} is taken away{_ended(ended or 0)}", error=True)


def _ended(ended: int) -> str:
    """The words about sessions that were ended."""
    return f"; signed out on {ended} device{'' if ended == 1 else 's'}" if ended else ""


@people.command()
def revoke(name: Name, store: StorePath = DEFAULT_STORE) -> None:
    """End a person's access: sessions and open links, at once; not the last admin's. Their
    judgments stay."""
    from arena.desk import identity
    from ui.tables import say

    with _store(store) as opened:
        ended = identity.revoke(opened, identity.named(opened, name).id)
    say(f"{name} may not sign in any more{_ended(ended)}", error=True)


@people.command()
def restore(name: Name, store: StorePath = DEFAULT_STORE) -> None:
    """Let a person in again who was revoked; send them a new link."""
    from arena.desk import identity
    from ui.tables import say

    with _store(store) as opened:
        identity.restore(opened, identity.named(opened, name).id)
    say(f"{name} may sign in again; they need a link: arena people invite", error=True)
