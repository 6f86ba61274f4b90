"""A probability that a person must touch before it counts."""

from __future__ import annotations

from collections.abc import Sequence

from streamlit.runtime.state import WidgetCallback

from ui.web.parts import element, nothing, value

_probability = element("probability")


def probability(
    key: str,
    *,
    label: str,
    ends: tuple[str, str] = ("", ""),
    initial: float | None = None,
    payoffs: Sequence[tuple[str, Sequence[float]]] = (),
    note: str = "",
    keys: bool = True,
    disabled: bool = False,
    live: bool = False,
    on_change: WidgetCallback | None = None,
) -> float | None:
    """A slider and a number box for 1 to 99 per cent; what they say, None while untouched.

    ``ends`` are the words at 1 and at 99. ``initial`` is a value that the person gave before (an
    undo, another device); without one the slider is drawn without a handle, and no value exists
    until the person clicks, moves or types, 50 included (Enter or Space on the slider says 50).
    ``payoffs`` are rows such as ("if A is right", 99 numbers, for 1 to 99 per cent), of which the
    row's number at the current value is shown without asking the server; ``note`` stands below.

    Left and Right change it by 5, with Shift by 1; with ``keys`` also from elsewhere on the page,
    unless something there uses the arrows. Dragging and typing cause no run: the value comes with
    the next click or shortcut, whichever it is (`given`). With ``live`` it is sent as soon as the
    person has let go of it as well, once for each time: for pages that say something about it.
    """
    rows = [[name, [round(float(one), 4) for one in row]] for name, row in payoffs]
    if any(len(row) != 99 for _, row in rows):
        raise ValueError("payoffs need 99 numbers each, for 1 to 99 per cent")
    now = given(key)
    now = initial if now is None else now
    _probability(
        data={
            "label": label, "ends": list(ends), "initial": now, "payoffs": rows, "note": note,
            "keys": keys, "disabled": disabled, "live": live,
        },
        key=key,
        on_percent_change=on_change or nothing,
    )  # fmt: skip
    return now


def given(key: str) -> float | None:
    """The per cent that the person has set on the page; None while untouched. For callbacks."""
    percent = value(key, "percent")
    number = isinstance(percent, int | float) and not isinstance(percent, bool)
    return float(percent) if number and 1 <= percent <= 99 else None
