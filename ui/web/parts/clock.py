"""Active time for each turn, and the time that is left where a study limits it."""

from __future__ import annotations

from collections.abc import Sequence

from streamlit.runtime.state import WidgetCallback

from ui.web.parts import element, nothing, value

_clock = element("clock")


def clock(
    key: str,
    *,
    assignment: str,
    places: Sequence[int] | None = None,
    left: float | None = None,
    idle: float = 30.0,
    every: float = 10.0,
    url: str = "/api/active",
    on_end: WidgetCallback | None = None,
) -> None:
    """Count the time for which the page is visible, focused and in use, by selected turn.

    Nothing is shown unless ``left`` is given: the seconds that are left in the timed mode, by the
    server's clock, drawn as a countdown that a screen reader hears at 5 minutes, 1 minute, 30 and
    10 seconds and at the end. At the end ``on_end`` runs once (`ended`); the server must hold the
    limit by its own clock all the same.

    Time counts for the selected turn: its number in reading order, or ``places[number]`` where
    given; -1 before any turn is selected. It stops ``idle`` seconds after the last key, click,
    move or scroll. Every ``every`` seconds, and when the page is hidden, what has come together is
    posted to ``url``: ``{assignment, spent: [[place, milliseconds], ...]}``. What the server did
    not take goes with the next; an answer that is lost may count twice, so the server should take
    no more than its own clock allows.
    """
    _clock(
        data={
            "assignment": assignment, "places": None if places is None else list(places),
            "left": left, "idle": idle, "every": every, "url": url,
        },
        key=key,
        on_end_change=on_end or nothing,
    )  # fmt: skip


def ended(key: str) -> bool:
    """Whether the time has just run out: for ``on_end``."""
    return bool(value(key, "end"))
