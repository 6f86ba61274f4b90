"""On a narrow screen, what has just been shown is above the button that asked for it."""

from __future__ import annotations

import streamlit as st

SCRIPT = """
export default function ({ data, parentElement }) {
  const before = parentElement.arenaStep;
  parentElement.arenaStep = data.step;
  if (before === undefined || before === data.step || window.innerWidth >= 1000) return;
  // again after the other parts, which bring what is selected in them into view
  const come = () => document.querySelector('.st-key-text')?.scrollIntoView({ block: 'start' });
  for (const wait of [150, 600]) setTimeout(come, wait);
}
"""

_arriving = st.components.v2.component("arena-arriving", js=SCRIPT)


def arriving(key: str, step: int) -> None:
    """Bring the transcript into view when ``step`` has changed, where the columns are stacked."""
    _arriving(data={"step": step}, key=key)
