"""A countdown that asks the server nothing, until it is over."""

from __future__ import annotations

import streamlit as st

SCRIPT = """
export default function ({ data, parentElement, setTriggerValue }) {
  let said = parentElement.querySelector('span');
  if (!said) {
    said = document.createElement('span');
    said.setAttribute('role', 'timer');
    parentElement.appendChild(said);
  }
  const end = performance.now() + 1000 * data.left;
  let timer = 0;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    const minutes = Math.floor(left / 60), seconds = String(left % 60).padStart(2, '0');
    said.textContent = data.words + ' ' + minutes + ':' + seconds;
    if (left > 0) timer = setTimeout(tick, 250);
    else setTriggerValue('end', true);
  };
  tick();
  return () => clearTimeout(timer);
}
"""
STYLE = """
span { font: .88rem/1.6 var(--st-font); font-variant-numeric: tabular-nums;
  color: color-mix(in srgb, var(--st-text-color) 68%, var(--st-background-color)); }
"""

_countdown = st.components.v2.component("arena-countdown", css=STYLE, js=SCRIPT)


def countdown(key: str, left: float, words: str = "possible for") -> None:
    """Draw ``words`` and how many minutes and seconds are left; at the end the page runs again.

    It shows what holds, and holds nothing: the server goes by its own clock.
    """
    _countdown(data={"left": round(left, 2), "words": words}, key=key, on_end_change=_over)


def _over() -> None:
    """At the end the page is drawn again, which is all."""
