"""Which turn is selected, told to all other parts by a window event."""

from __future__ import annotations

from ui.web.parts import element

_select = element("select")


def select(selected: int | None, key: str = "select") -> None:
    """Tell reader, tree, list of quotations and clock the number of the selected turn.

    A message of its own, so that a key that moves the selection does not send the debate again.
    Draw it after the others. The event is ``arena:select`` and its ``detail`` the number.
    """
    _select(data={"selected": selected}, key=key)
