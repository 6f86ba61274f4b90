"""Several probabilities that make 100 per cent together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ui.web.parts import element, nothing, value

_percents = element("percents")


def percents(
    key: str,
    *,
    label: str,
    letters: Sequence[str],
    initial: Mapping[str, float | None],
    disabled: bool = False,
) -> None:
    """A number box for each letter, and a line that says what is left to 100.

    ``initial`` is what the person gave before, by letter; without it a box is empty. Typing causes
    no run: what the boxes hold, to the last digit, comes with the next click or shortcut (`given`).
    """
    now = given(key, letters) or {one: initial.get(one) for one in letters}
    _percents(
        data={"label": label, "letters": list(letters), "initial": now, "disabled": disabled},
        key=key,
        on_percents_change=nothing,
    )


def given(key: str, letters: Sequence[str]) -> dict[str, float | None] | None:
    """The per cents that stand in the boxes, None for an empty one; None as a whole where nobody
    has touched them. For callbacks."""
    found = value(key, "percents")
    if not isinstance(found, Mapping):
        return None
    return {one: _number(found.get(one)) for one in letters}


def _number(found: object) -> float | None:
    number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if number and 0 <= found <= 100 else None  # type: ignore[arg-type, operator]
