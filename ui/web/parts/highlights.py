"""The person's own marks in the turns, kept on the server while they are made."""

from __future__ import annotations

from arena.desk.drafts import MOST_HIGHLIGHTS
from ui.web.parts import element

_highlights = element("highlights", "saving")


def highlights(key: str, *, assignment: str, text: str, url: str = "/api/draft") -> None:
    """Keep the highlights of a place; the reader with the same ``place`` draws them and says what
    was added and taken away.

    Nothing is shown here, and nothing reaches the script: a click in the reader causes no run.
    ``text`` is what the server has (`arena.desk.drafts`, field ``highlights``): a JSON list of
    ``[number of the turn in reading order, begin, end]``, in code points of the turn's text as the
    reader shows it. Every change is posted to ``url`` as a draft is (`ui.web.parts.draft`), and the
    reader tells how that stands. No text of the debate is kept or sent.
    """
    _highlights(
        data={
            "box": key, "assignment": assignment, "field": "highlights", "text": text,
            "most": MOST_HIGHLIGHTS, "saying": "Saved", "drawn": None, "url": url,
        },
        key=key,
    )  # fmt: skip
