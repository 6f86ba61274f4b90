"""A text that is saved on the server while it is written."""

from __future__ import annotations

from streamlit.runtime.state import WidgetCallback

from ui.web.parts import element, nothing, value

_draft = element("draft", "saving")


def draft(
    key: str,
    *,
    assignment: str,
    field: str,
    label: str,
    initial: str = "",
    limit: int | None = None,
    lines: int = 5,
    hint: str = "",
    disabled: bool = False,
    drawn: float | None = None,
    url: str = "/api/draft",
    on_change: WidgetCallback | None = None,
) -> str:
    """A text box with a label, a status and a counter; what it holds, as far as this run knows.

    ``initial`` is what the server has (table `drafts`). While the person types, the text is posted
    to ``url`` 600 ms after the last key, with the header ``X-Arena: 1`` and the body
    ``{assignment, field, text}``, with ``drawn`` if given (the server's time at which the page was
    drawn), and again until the server takes it (2xx); 400, 401, 403, 404, 409, 413 and 422 are
    final and said so. A hidden or closed page posts what is left.

    The text reaches Python together with the click or the shortcut that asks for it, to the last
    letter (`written`); typing itself causes no run. Over ``limit`` characters (code points, as
    Python counts them) nothing is cut: the box says so, and the act has to refuse it. Plain keys
    and those of editing (Ctrl with Z, Y, A, C, V, X) are no shortcuts while the box has the focus.
    Quotations picked for ``field`` (`ui.web.parts.picker`) are inserted at the caret.
    ``key`` must name the assignment and the field.
    """
    said = value(key, "text")
    text = said if isinstance(said, str) else initial
    _draft(
        data={
            "box": key, "assignment": assignment, "field": field, "label": label, "initial": text,
            "limit": limit, "lines": lines, "hint": hint, "disabled": disabled, "drawn": drawn,
            "url": url,
        },
        key=key,
        on_text_change=on_change or nothing,
    )  # fmt: skip
    return text


def written(key: str) -> str | None:
    """What the box holds, to the last letter: for the callback of a button. None: never touched,
    so what the server has is still what the person sees."""
    text = value(key, "text")
    return text if isinstance(text, str) else None
