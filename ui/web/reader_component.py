"""The reading part of the judge's page: static script and style, and data drawn as text alone.

The script makes elements by name and fills them through ``textContent``; no text that a person or
a model wrote is ever read as markup, by the browser or by Streamlit.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

# When the button that was clicked goes, the keyboard would start again from the top of the page:
# for a second, what came in its place takes the focus if nothing else has it.
TAKE_PLACE = """
function takePlace(find, tries = 10) {
  const target = find();
  if (target && document.activeElement === document.body) {
    target.tabIndex = -1;
    target.style.outline = 'none';
    target.focus({ preventScroll: true });
  } else if (tries) setTimeout(takePlace, 100, find, tries - 1);
}
"""

SCRIPT = """
const TAGS = {
  verified: '\\u2713 in the passage',
  unverified: '\\u2717 not in the passage',
  unknown: '\\u2717 no such line',
};
const WHY = {
  verified: 'The platform found these words in the passage.',
  cited: 'The platform shows the words of this line below.',
  unverified: 'The platform did not find these words in the passage.',
  unknown: 'The passage has no such line.',
};

function el(name, kind, text) {
  const node = document.createElement(name);
  if (kind) node.className = kind;
  if (text) node.textContent = text;
  return node;
}

function put(parent, ...children) {
  children.forEach((child) => child && parent.appendChild(child));
  return parent;
}

function part([kind, text]) {
  if (kind === 'text') return el('span', '', text);
  const box = el('span', 'quote ' + kind);
  box.title = WHY[kind];
  const line = kind === 'cited' || kind === 'unknown';
  put(box, el(line ? 'span' : 'q', 'words', text));
  return put(box, TAGS[kind] ? el('span', 'tag', TAGS[kind]) : null);
}

function line([mark, text]) {
  return put(el('li'), el('span', 'mark', mark), put(el('div', 'said'),
    el('span', '', text), el('span', 'tag', TAGS.verified)));
}

function options(list) {
  const box = el('ul', 'options');
  list.forEach(([label, text]) => {
    put(box, put(el('li', 'tone' + label),
      el('span', 'letter', label), el('span', 'said', text)));
  });
  return box;
}

function turn(one) {
  const box = el('article', 'turn tone' + one.tone);
  const head = put(el('header'), el('span', 'who', one.who), one.kind && el('span', '', one.kind));
  one.notes.forEach((note) => put(head, el('span', 'note', note)));
  const body = el('div', 'said');
  one.parts.forEach((piece) => put(body, part(piece)));
  const cited = el('ul', 'cited-lines');
  one.lines.forEach((pair) => put(cited, line(pair)));
  return put(box, head, one.parts.length ? body : null, one.lines.length ? cited : null);
}

function draw(data) {
  const sheet = el('div', 'sheet');
  put(sheet, el('p', 'where', data.where.join('  \\u00b7  ')));
  put(sheet, el('h1', 'said', data.question));
  if (data.answers.length) {
    put(sheet, el('h2', '', 'Possible answers'), options(data.answers),
      el('h2', '', 'What you decide'));
  }
  put(sheet, options(data.options), el('p', 'rules', data.rules));
  if (data.passage !== null) {
    const box = el('details');
    box.open = true;
    put(sheet, put(box, el('summary', '', 'The passage'), el('div', 'passage said', data.passage)));
  }
  const kinds = new Set();
  data.rounds.forEach((round) => {
    const box = put(el('section'), put(el('h2', 'round'),
      el('span', '', round.title), el('span', 'name', round.name)));
    round.turns.forEach((one) => {
      put(box, turn(one));
      one.parts.forEach(([kind]) => kinds.add(kind));
    });
    put(sheet, box);
  });
  kinds.delete('text');
  if (kinds.size) {
    put(sheet, el('p', 'legend',
      'Only the platform draws the boxed marks. \\u201cIn the passage\\u201d means that the words '
      + 'are there, not that they are to the point.'));
  }
  return sheet;
}

export default function ({ data, parentElement }) {
  const signature = JSON.stringify(data);
  const old = parentElement.querySelector('.sheet');
  if (old && old.signature === signature) return;
  const fresh = draw(data);
  fresh.signature = signature;
  if (old) old.replaceWith(fresh); else parentElement.appendChild(fresh);
  takePlace(() => fresh.querySelector('h1'));
}
"""

FOCUS = """
export default function () {
  takePlace(() => document.querySelector('[data-testid="stAlert"]'));
}
"""

STYLE = """
.sheet {
  --a: var(--st-blue-text-color); --b: var(--st-orange-text-color);
  --yes: var(--st-green-text-color); --no: var(--st-red-text-color);
  --line: color-mix(in srgb, var(--st-text-color) 14%, transparent);
  --quiet: color-mix(in srgb, var(--st-text-color) 68%, var(--st-background-color));
  font-family: var(--st-font); color: var(--st-text-color); line-height: 1.6; max-width: 44rem;
}
.sheet h1, .sheet h2, .sheet p, .sheet ul { margin: 0; padding: 0; }
.said {
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate;
  font-family: "Source Serif", "Source Serif Pro", Georgia, "Times New Roman", serif;
}
.where { color: var(--quiet); font-size: .82rem; letter-spacing: .02em; unicode-bidi: isolate;
  overflow-wrap: anywhere; white-space: pre-wrap; }
.sheet h1.said { font-size: 1.65rem; line-height: 1.3; font-weight: 600; margin: .5rem 0 1.1rem; }
.sheet h2 { font-size: .85rem; font-weight: 600; color: var(--quiet); margin: 1rem 0 .4rem; }
.toneA { --tone: var(--a); } .toneB { --tone: var(--b); }
.options { list-style: none; display: grid; gap: .6rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
.options li { display: flex; gap: .75rem; align-items: baseline; padding: .7rem .9rem;
  border: 1px solid var(--line); border-radius: .5rem; overflow: hidden;
  background: var(--st-secondary-background-color); }
.options .said { font-size: 1.06rem; min-width: 0; }
.letter { font-weight: 700; color: var(--tone, var(--st-text-color)); }
.sheet .rules { color: var(--quiet); font-size: .92rem; margin: .9rem 0 0; }
.sheet .round { display: flex; gap: .6rem; align-items: baseline; border-bottom: 1px solid
  var(--line); padding-bottom: .3rem; margin: 2rem 0 1.1rem; color: var(--st-text-color); }
.round .name { font-weight: 400; color: var(--quiet); unicode-bidi: isolate; }
.turn { border-left: 3px solid var(--tone, var(--line)); padding: .1rem 0 .1rem 1.1rem;
  margin: 0 0 1.5rem; overflow: hidden; contain: paint; }
.turn.toneB { border-left-style: double; border-left-width: 5px; }
.turn header { display: flex; flex-wrap: wrap; gap: .1rem .7rem; align-items: baseline;
  font-size: .88rem; color: var(--quiet); margin-bottom: .25rem; }
.who { font-weight: 700; color: var(--tone, var(--st-text-color)); unicode-bidi: isolate; }
.note { font-style: italic; }
.turn .said { font-size: 1.08rem; line-height: 1.65; }
.quote .words { quotes: "\\201c" "\\201d"; padding: .05em 0; -webkit-box-decoration-break: clone;
  box-decoration-break: clone; }
.verified, .cited { --mark: var(--yes); } .unverified, .unknown { --mark: var(--no); }
.verified .words, .cited .words { background: color-mix(in srgb, var(--yes) 12%, transparent);
  text-decoration: underline solid var(--yes) 1px; text-underline-offset: .22em; }
.unverified .words { text-decoration: underline dashed var(--no) 1.5px;
  text-underline-offset: .22em; }
.cited-lines { list-style: none; margin: .6rem 0 0 !important; --mark: var(--yes);
  border-left: 2px solid var(--yes); background: color-mix(in srgb, var(--yes) 8%, transparent);
  border-radius: 0 .3rem .3rem 0; padding: .35rem .8rem !important; }
.cited-lines li { display: flex; gap: .6rem; align-items: baseline; }
.cited-lines .mark { color: var(--quiet); font-size: .85rem; }
.turn .cited-lines .said { font-size: 1rem; line-height: 1.5; min-width: 0; }
.tag { display: inline-block; margin: 0 .15em 0 .3em; padding: 0 .45em;
  border: 1px solid var(--mark); border-radius: .3em; color: var(--mark);
  font: 600 .72rem/1.5 var(--st-font); white-space: nowrap; vertical-align: .1em;
  user-select: none; }
details { margin-top: 1.2rem; } summary { cursor: pointer; font-weight: 600; }
.passage { max-height: 26rem; overflow: auto; margin-top: .6rem; padding: .9rem 1.1rem;
  border: 1px solid var(--line); border-radius: .5rem; contain: paint; }
.sheet .legend { color: var(--quiet); font-size: .82rem; margin-top: 1rem; }
.sheet .end { border-top: 1px solid var(--line); margin: 2rem 0 .4rem; }
"""


def reader(data: dict[str, Any], key: str) -> None:
    """Draw the reading part; mounted anew for every match."""
    st.components.v2.component("reader", css=STYLE, js=TAKE_PLACE + SCRIPT)(data=data, key=key)


def focus_on_message() -> None:
    """Hand the keyboard's place to the message above, where the button that led to it is gone."""
    st.components.v2.component("focus on message", js=TAKE_PLACE + FOCUS)(key="focus on message")
