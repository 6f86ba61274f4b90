"""Text that somebody wrote, made safe to look at: every invisible character is made visible.

Control characters, direction overrides, zero-width and tag characters can hide words from one
reader and show them to another, or drive a terminal. The record keeps the raw text; whoever shows
it, to a person or to a model, shows this.
"""

from __future__ import annotations

import re
import unicodedata

_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# Controls, formats (Cc, Cf), surrogates, and letters, marks and symbols that draw nothing: fillers,
# joiners, selectors, a blank Braille cell, a note without a head.
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891"
    "\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800"
    "\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)


def one_kind_of_line(text: str) -> str:
    """``text`` with every kind of line break as ``\\n``."""
    return _LINE_BREAKS.sub("\n", text)


def visible(text: str) -> str:
    """``text`` in NFC with one kind of line break, and hidden characters shown as ``⟦U+202E⟧``."""
    text = unicodedata.normalize("NFC", one_kind_of_line(text))
    return _HIDDEN.sub(lambda found: f"⟦U+{ord(found.group()):04X}⟧", text)
