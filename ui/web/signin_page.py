"""The pages in front of the desk: sign-in, an invite, a passcode, leaving, and refusals.

Whole documents of our own, without a script: every text goes through `words`, the style is one
file of the same origin. They are drawn before anybody is known, so they say nothing about who is.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from urllib.parse import quote

from arena.desk.passcodes import LONGEST, SHORTEST
from arena.text import visible

STYLE_PATH = "/signin.css"
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#2f5d8a"/>'
    '<path d="M8 9h9v7h-5l-3 3v-3H8z" fill="#fff"/>'
    '<path d="M24 14h-5v5h-4v4h5l3 3v-3h1z" fill="#f3c577"/></svg>'
)
"""The desk's icon, as SVG: two who speak. Nothing is fetched for it."""

STYLE = """
:root { color-scheme: light dark; --paper: #fcfcfa; --card: #fff; --ink: #22252a;
  --quiet: #555b63; --line: #8d9299; --tint: #2f5d8a; --on-tint: #fff; --no: #a3261b; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181b; --card: #1d2024; --ink: #e4e3de; --quiet: #b3b4b1; --line: #7c828a;
    --tint: #8fbbe3; --on-tint: #10202f; --no: #ff9d92; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.25rem;
  background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { width: 100%; max-width: 25rem; background: var(--card); border-radius: .75rem;
  border: 1px solid color-mix(in srgb, var(--line) 45%, transparent); padding: 1.75rem; }
.place { margin: 0 0 .35rem; color: var(--quiet); font-size: .875rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
p, form { margin: 0 0 1rem; } p:last-child, form:last-child { margin-bottom: 0; }
.quiet { color: var(--quiet); font-size: .9rem; }
.said { unicode-bidi: isolate; white-space: pre-wrap; }
.problem { border-left: .25rem solid var(--no); padding: .35rem .75rem; color: var(--no);
  background: color-mix(in srgb, var(--no) 8%, transparent); }
label { display: block; font-weight: 600; margin: 0 0 1rem; }
input { display: block; width: 100%; margin-top: .3rem; padding: .6rem .7rem; font: inherit;
  color: var(--ink); background: var(--paper); border: 1px solid var(--line);
  border-radius: .5rem; }
button, .button { display: block; width: 100%; min-height: 2.75rem; padding: .6rem 1rem;
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
  color: var(--on-tint); background: var(--tint); border: 1px solid var(--tint);
  border-radius: .5rem; }
.second { color: var(--tint); background: none; margin-top: .75rem; }
a { color: var(--tint); }
:focus-visible { outline: .2rem solid var(--tint); outline-offset: .15rem; }
@media (max-width: 30rem) { body { place-items: start stretch; } main { padding: 1.25rem; } }
@media (prefers-contrast: more) { :root { --line: currentColor; --quiet: var(--ink); } }
"""


def words(text: str) -> str:
    """A text of anybody's, as visible characters and never as markup."""
    return html.escape(visible(text), quote=True)


def document(title: str, *parts: str) -> str:
    """A whole page; ``title`` is plain text, ``parts`` are HTML made here."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{words(title)} · Arena</title>'
        f'<link rel="icon" href="data:image/svg+xml,{quote(ICON)}">'
        f'<link rel="stylesheet" href="{STYLE_PATH}"></head><body><main>'
        f'<p class="place">The judging desk</p><h1>{words(title)}</h1>{"".join(parts)}'
        "</main></body></html>\n"
    )


def _problem(text: str) -> str:
    return f'<p class="problem" role="alert">{words(text)}</p>' if text else ""


def _form(action: str, *parts: str) -> str:
    return f'<form method="post" action="{words(action)}">{"".join(parts)}</form>'


def sign_in(problem: str = "", name: str = "", providers: Sequence[str] = ()) -> str:
    """Name and passcode, the organisation's logins where there are any, and the word on links."""
    logins = "".join(
        f'<p><a class="button second" href="/login/{quote(one, safe="")}">'
        f"Sign in with {words('your organisation' if one == 'default' else one)}</a></p>"
        for one in providers
    )
    form = _form(
        "/signin",
        f'<label>Name<input name="name" autocomplete="username" required maxlength="80" '
        f'autofocus value="{words(name)}"></label>',
        '<label>Passcode<input name="passcode" type="password" autocomplete="current-password" '
        f'required maxlength="{LONGEST}"></label><p><button>Sign in</button></p>',
    )
    link = "Were you sent a link? Open it instead: it signs you in, once, without a passcode."
    return document("Sign in", _problem(problem), form, logins, f'<p class="quiet">{link}</p>')


def join(path: str, name: str) -> str:
    """The button that uses up an invite; opening the link does nothing, since mail scanners do."""
    who = f'<p>This link signs in <b class="said">{words(name)}</b>, once, on this device.</p>'
    less = '<p class="quiet">If that is not you, close this page and leave the link unused.</p>'
    return document("Welcome", who, _form(path, "<p><button autofocus>Continue</button></p>"), less)


def passcode(problem: str = "", name: str = "", has: bool = False) -> str:
    """A new passcode, given twice; and the one until now, where there is one."""
    rule = (
        f"{SHORTEST} to {LONGEST} characters. You sign in with it and your name next time. "
        "Other devices on which you are signed in now are signed out."
    )
    who = (
        '<label>Name<input name="name" autocomplete="username" readonly '
        f'value="{words(name)}"></label>'
    )
    asked = [("New passcode", "passcode", "new"), ("The same again", "again", "new")]
    if has:
        asked.insert(0, ("Your passcode until now", "old", "current"))
    fields = "".join(
        f'<label>{label}<input name="{field}" type="password" autocomplete="{kind}-password" '
        f'required minlength="{SHORTEST}" maxlength="{LONGEST}"></label>'
        for label, field, kind in asked
    )
    form = _form("/passcode", who, fields, "<p><button>Keep it</button></p>")
    return document("Set a passcode", _problem(problem), f"<p>{rule}</p>", form)


def renewed(ended: int) -> str:
    """A passcode was kept, and so many other sessions have ended."""
    devices = "Your other device is" if ended == 1 else f"Your {ended} other devices are"
    said = f"<p>{devices} signed out. Sign in there with the new passcode.</p>"
    return document("Your passcode is kept", said, '<p><a href="/">To the desk</a></p>')


def leave() -> str:
    """The button that ends the session."""
    kept = "<p>What you have judged and drafted is kept.</p>"
    stay = '<p><a href="/">Stay</a></p>'
    return document("Sign out?", kept, _form("/leave", "<p><button>Sign out</button></p>"), stay)


def enter() -> str:
    """What a local desk shows to a browser that has not come by the address that was printed."""
    how = (
        "<p>Open the address that <b>arena ui</b> printed when it was started: it is for you "
        "alone, and lets this browser in.</p>"
    )
    less = '<p class="quiet">It is new with every start. <a href="/">I have opened it</a></p>'
    return document("Open the printed address", how, less)


def refusal(title: str, text: str, home: bool = True) -> str:
    """What cannot be done, and what to do."""
    link = '<p><a href="/signin">To the sign-in</a></p>' if home else ""
    return document(title, f"<p>{words(text)}</p>", link)
