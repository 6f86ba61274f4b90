"""A run of the desk's script: who is it, and which pages are there for them.

A page that a role does not have is not in the list, so no address leads to it; each page asks again
who acts (`ui.web.who.require`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module

import streamlit as st

from arena.desk.identity import ADMIN, JUDGE, RESEARCHER, Person
from arena.desk.shelf import borrowed
from arena.store import StoreError
from arena.text import visible
from ui.serve import Arguments, arguments
from ui.web import who
from ui.web.signin_page import ICON
from ui.web.views.look import look

EVERYBODY = (JUDGE, RESEARCHER, ADMIN)
READERS = (RESEARCHER, ADMIN)


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name in the list, its address, ``ui/web/views/MODULE.py`` and whom it is for."""

    title: str
    url: str
    module: str
    roles: tuple[str, ...]


PAGES = (
    Page("Queue", "queue", "queue_view", EVERYBODY),
    Page("Judge", "judge", "judging_view", EVERYBODY),
    Page("Debate", "chair", "chair_view", EVERYBODY),
    Page("My record", "record", "record_view", EVERYBODY),
    Page("Debates", "debates", "debates_view", READERS),
    Page("Transcript", "debate", "transcript_view", READERS),
    Page("Tournament", "tournament", "tournament_view", READERS),
    Page("Studies", "studies", "studies_view", READERS),
    Page("Training", "training", "training_view", READERS),
    Page("Data", "data", "data_view", READERS),
    Page("People", "people", "people_view", (ADMIN,)),
    Page("Assignments", "assignments", "assignments_view", (ADMIN,)),
    Page("Audit", "audit", "audit_view", (ADMIN,)),
    Page("System", "system", "system_view", (ADMIN,)),
)
# In the order of the list; everybody begins with the first one.

WAY = """
export default function ({ data, parentElement }) {
  if (parentElement.querySelector('.way')) return;
  const way = document.createElement(data.post ? 'button' : 'a');
  way.className = 'way';
  way.textContent = data.label;
  if (!data.post) { way.href = data.path; parentElement.appendChild(way); return; }
  const form = document.createElement('form');
  form.method = 'post';
  form.action = data.path;
  form.appendChild(way);
  parentElement.appendChild(form);
}
"""
WAY_STYLE = """
.way { display: inline-block; box-sizing: border-box; font: 600 1rem/1.5 var(--st-font);
  padding: .55rem 1.1rem; min-height: 2.75rem; cursor: pointer; text-decoration: none;
  color: var(--st-text-color); background: var(--st-secondary-background-color);
  border: 1px solid color-mix(in srgb, var(--st-text-color) 45%, transparent);
  border-radius: .5rem; }
.way:focus-visible { outline: .2rem solid var(--st-primary-color); outline-offset: .15rem; }
"""


def pages_of(role: str) -> list[Page]:
    """The pages that a role has, in their order."""
    return [page for page in PAGES if role in page.roles]


def draw(page: Page, args: Arguments, person: Person) -> None:
    """Draw one page for a person."""
    shown: Callable[[Arguments, Person], None] = import_module(f"ui.web.views.{page.module}").draw
    shown(args, person)


def way(label: str, path: str, post: bool = False) -> None:
    """A link or a button out of the script, to an endpoint of the desk's own, in the same tab."""
    mount = st.components.v2.component("way", css=WAY_STYLE, js=WAY)
    mount(data={"label": label, "path": path, "post": post}, key=f"way {path}")


def you(person: Person) -> None:
    """Who one is here, and the way out."""
    look()
    st.subheader("You", anchor=False)
    st.text(visible(f"{person.name} ({person.role})"))
    way("Sign out", "/leave", post=True)
    way("Set a new passcode", "/passcode")


@lru_cache(maxsize=8)
def _arguments(words: tuple[str, ...]) -> Arguments:
    return arguments(words)


def main() -> None:
    """One run: find out who it is, and run the page that they are on."""
    args = _arguments(tuple(sys.argv[1:]))
    st.set_page_config(
        page_title="The judging desk", page_icon=ICON, layout="wide",
        initial_sidebar_state="collapsed",
    )  # fmt: skip
    try:
        with borrowed(args.store) as store:
            person = who.current(store, args)
    except StoreError:
        st.error("The store cannot be opened. Start the desk again with the path of a store.")
        return
    if person is None:
        st.subheader("You are signed out", anchor=False)
        st.text("What you have saved is kept. Sign in again to go on.")
        way("Sign in", "/signin")
        return
    listed = [
        st.Page(partial(draw, page, args, person), title=page.title, url_path=page.url,
                default=page is PAGES[0])
        for page in pages_of(person.role)
    ]  # fmt: skip
    if not args.local:
        listed.append(st.Page(partial(you, person), title="You", url_path="you"))
    st.navigation(listed, position="top").run()
