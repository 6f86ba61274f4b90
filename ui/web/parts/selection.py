"""Which turn is selected, told to all other parts by a window event."""

from __future__ import annotations

from ui.web.parts import element

_select = element("select")


def select(selected: int | None, key: str = "select", address: bool = False) -> None:
    """Tell reader, tree, list of quotations and clock the number of the selected turn.

    A message of its own, so that a key that moves the selection does not send the debate again.
    Draw it after the others. The event is ``arena:select`` and its ``detail`` the number.
    With ``address`` it is also in the address, as ``turn``, so that a reload and a link come back
    to it; the browser's history has no entry for it.
    """
    _select(data={"selected": selected, "address": address}, key=key)
