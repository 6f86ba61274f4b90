"""Text made safe to look at: one function, and who uses it."""

import re
import sys
import unicodedata
from pathlib import Path

import pytest

from agents.prompts import safe
from arena import quotes
from arena.match import Shown
from arena.text import one_kind_of_line, visible
from ui.reading import _parts

ROOT = Path(__file__).parent.parent
BLANK = [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180F, 0x2800, 0x3164, 0xFE0F, 0xFFA0,
         0x1D159, 0xE0100, 0xE01EF]  # fmt: skip


def test_characters_that_hide_are_spelled_out() -> None:
    assert visible("a\u202eb\u200bc\x07\n\td\r\ne") == "a⟦U+202E⟧b⟦U+200B⟧c⟦U+0007⟧\n\td\ne"
    assert visible("\ud800 \u3164 \U000e0041") == "⟦U+D800⟧ ⟦U+3164⟧ ⟦U+E0041⟧"
    assert visible("Zoe\u0308, 12 €, 漢字") == "Zoë, 12 €, 漢字"


def test_every_control_format_surrogate_and_blank_is_spelled_out_and_nothing_else_that_shows() -> (
    None
):
    breaks = "\n\t\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if char in breaks:
            assert visible(char) in "\n\t"
        elif unicodedata.category(char) in ("Cc", "Cf", "Cs") or code in BLANK:
            assert visible(char) == f"⟦U+{code:04X}⟧"
        elif unicodedata.category(char)[0] in "LNPSZ" and code not in BLANK and code != 0x3164:
            assert "⟦U+" not in visible(char), hex(code)


def test_every_kind_of_line_break_is_a_newline() -> None:
    text = "a\r\nb\rc\x0bd\x0ce\x1cf\x85g\u2028h\u2029i"
    assert one_kind_of_line(text) == visible(text) == "a\nb\nc\nd\ne\nf\ng\nh\ni"


@pytest.mark.parametrize("char", ["\u2800", "\ufe0f", "\ud800", "\u0600", "\u202e", "\u2028"])
def test_a_person_and_a_model_are_shown_the_same(char: str) -> None:
    parts, _ = _parts(f"a{char}b", ())
    assert parts == [["text", safe(f"a{char}b")]] == [["text", visible(f"a{char}b")]]


def test_only_one_file_knows_which_characters_hide() -> None:
    rooms = [file for room in ("arena", "agents", "judges", "ui") for file in
             (ROOT / room).rglob("*.py")]  # fmt: skip
    knows = [f for f in rooms if re.search(r"def visible|\"Cf\", \"Cs\"|ufeff", f.read_text())]
    assert knows == [ROOT / "arena" / "text.py"]


def test_a_quotation_keeps_its_words_where_the_text_around_it_changes_length() -> None:
    passage = "Zoe\u0308 sold\u00ad the mill\r\nin the spring."
    said = (
        "\u202e\r\n\u2028e\u0308 <quote>Zoe\u0308 sold\u00ad the mill</quote>\u0301 \r\n[1]\u200b"
    )
    found = quotes.shown(said, quotes.anchor(said, passage, "both"), passage)
    parts, lines = _parts(said, tuple(Shown(*one) for one in found))
    assert parts == [
        ["text", "⟦U+202E⟧\n\në "],
        ["verified", "Zoë sold⟦U+00AD⟧ the mill"],
        ["text", "\u0301 \n"],
        ["cited", "[1]"],
        ["text", "⟦U+200B⟧"],
    ]
    assert lines == [["[1]", "Zoë sold⟦U+00AD⟧ the mill\n"]]
