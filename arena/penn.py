"""Penn Treebank tokens as readable text, with the place of every token in it.

The NYU debates store a story as tokens and a quotation as a range of tokens; the arena stores
text and character spans. The rule is ``Text.render`` of julianmichael/jjm, changed where whole
stories would read badly or could not be quoted: a quotation mark is taken at its word (a speech of
several paragraphs never closes its first mark, and counting marks turns the rest of the story
around), a newline token is a newline without blanks, and a double hyphen stays one, because as a
hyphen it would join the words beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = {
    "`": "'", "``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "-LCB-": "{", "-RCB-": "}",
    "-LSB-": "[", "-RSB-": "]", "/.": ".", "/?": "?", "/-": "-",
}  # fmt: skip
_TIGHT_BEFORE = frozenset(  # no blank before these: punctuation and clitics
    (*".,!?;:%-+)]}°", "--", "n't", "'s", "'re", "'ve", "'ll", "na", "'m", "'d")
)
_TIGHT_AFTER = frozenset((*"$£€#-([{", "--"))  # no blank after these
_OPENERS = frozenset((*"$£€#([{:\n", "``", "`"))  # a straight mark after these opens a quotation
_HIDDEN = frozenset({"%pw"})


def render_tokens(tokens: Sequence[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text that ``tokens`` stand for, and the characters ``[start, stop)`` of each token.

    Hidden tokens have an empty span. The token range ``[b, e)`` is, for ``b < e <= len(tokens)``,
    the characters ``[spans[b][0], spans[e - 1][1])``: the blanks between its tokens and none
    around, unless it begins or ends with hidden tokens. Every list of strings has a rendering.
    """
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    at = 0
    before = "\n"  # the token before, hidden ones aside
    tight = True  # no blank before the next token
    inside = {"'": False, '"': False}  # such marks, on this line
    for token in tokens:
        # A few stories hold whole sentences as tokens, with their margin.
        shown = "\n" if token == "\n" else _SHOWN.get(token, token).replace("\\/", "/").strip()
        if token in _HIDDEN or not shown:
            spans.append((at, at))
            continue
        opens = token in ("``", "`")
        closes = False
        if shown in inside and not opens:  # a closing mark, unless there is nothing to close
            begins = token == '"' or before in _OPENERS or _SHOWN.get(before) in _OPENERS
            opens = begins and not inside[shown]
            closes = not opens
        if not (tight or closes or shown == "\n" or shown.lower() in _TIGHT_BEFORE):
            parts.append(" ")
            at += 1
        parts.append(shown)
        spans.append((at, at + len(shown)))
        at += len(shown)
        if shown == "\n":
            inside = dict.fromkeys(inside, False)
        elif shown in inside:
            inside[shown] = opens
        tight = opens or shown == "\n" or shown in _TIGHT_AFTER
        before = token
    return "".join(parts), tuple(spans)
