"""The passage as numbered lines, from which a speaker picks what it quotes."""

from __future__ import annotations

from typing import Any

from ui.web.parts import element

_picker = element("picker")


def picker(data: dict[str, Any], key: str, field: str) -> None:
    """Draw what `ui.reading.picker` gives; what is picked goes into the draft called ``field``.

    A click chooses a line, with Shift a range of lines; a click on a word of the chosen line
    narrows it to that word, with Shift to a range of words. With the keyboard: Up and Down between
    lines, Left and Right between words, Shift to extend, Enter to insert, Escape to let go.
    The insertion is the window event ``arena:insert`` with ``{field, text}``: it reaches the draft
    on this page without a run.
    """
    _picker(data={**data, "field": field}, key=key)
