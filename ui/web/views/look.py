"""What Streamlit's own elements look like on the desk: constant rules, and no text of anybody's."""

from __future__ import annotations

import streamlit as st

STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding: 4rem 1.4rem .6rem; }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: .5rem; }
[data-testid="stMainBlockContainer"] h3 { padding: .6rem 0 .1rem; font-size: 1.3rem;
  line-height: 1.3; }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] >
  [data-testid="stElementContainer"]:first-child h3 { padding-top: 0; }
/* Streamlit pulls what follows a heading or a caption upwards, into it. */
[data-testid="stHeading"] [data-testid="stMarkdownContainer"],
[data-testid="stMainBlockContainer"] [data-testid="stCaptionContainer"],
[data-testid="stMainBlockContainer"] [data-testid="stCaptionContainer"] p { margin: 0; }
[data-testid="stHorizontalBlock"]:has(> [data-testid="stElementContainer"] >
  [data-testid="stMetric"]) { row-gap: .6rem; }
.st-key-header { border-bottom: 1px solid color-mix(in srgb, currentColor 12%, transparent);
  padding-bottom: .3rem; }
.st-key-header p { margin: 0; }
.st-key-question { min-width: 12rem; }
.st-key-question [data-testid="stText"] { font-weight: 600; line-height: 1.3;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.st-key-options [data-testid="stText"] { font-size: .88rem; line-height: 1.35;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; }
.st-key-options p { font-size: .88rem; line-height: 1.35; margin: 0; }
.st-key-text { max-width: 49rem; margin: 0 auto; scroll-margin-top: 4rem; }
.st-key-text:has([class*="st-key-read-as-Side-by-side"] [data-testid="stBaseButton-primary"]) {
  max-width: none; }
.st-key-report [data-testid="stMarkdown"] p { margin: 0; }
.st-key-report [data-testid="stMarkdown"] [data-testid="stMarkdownContainer"] { margin: 0; }
.st-key-report h3 { padding: 0; font-size: 1.15rem; }
.st-key-report, .st-key-tree, .st-key-text { gap: .6rem; }
/* Streamlit's own colours of captions, and of what is chosen, have too little contrast. */
[data-testid="stMainBlockContainer"] [data-testid="stCaptionContainer"],
[data-testid="stMainBlockContainer"] [data-testid="stCaptionContainer"] p {
  color: inherit; opacity: .88; }
button[data-selected="true"] p { color: canvastext; }
button kbd[aria-label] { opacity: 1; align-self: center; padding: 0 .3em; border-radius: .25rem;
  border: 1px solid color-mix(in srgb, currentColor 40%, transparent);
  font-size: .72rem; line-height: 1.4; }
/* One act of a page is filled: the way in which it is read is not. */
.st-key-way [data-testid="stBaseButton-primary"] { color: inherit; border-width: 2px;
  background: color-mix(in srgb, currentColor 8%, transparent); }
.st-key-way [data-testid="stBaseButton-primary"] p { font-weight: 700; }
.st-key-text [data-testid="stHorizontalBlock"] { row-gap: .4rem; }
@media (max-width: 999px) {
  .st-key-desk [data-testid="stHorizontalBlock"]:has(.st-key-tree) { flex-direction: column; }
  .st-key-desk [data-testid="stHorizontalBlock"]:has(.st-key-tree) > [data-testid="stColumn"] {
    width: 100%; min-width: 100%; flex: none; }
  .st-key-desk [data-testid="stColumn"]:has(.st-key-tree) { order: 3; }
  [data-testid="stMainBlockContainer"] { padding-left: .7rem; padding-right: .7rem; }
  .st-key-header > [data-testid="stLayoutWrapper"]:has(> .st-key-question) { display: none; }
  .st-key-acts { gap: .9rem; }
}
</style>
"""


def look() -> None:
    """Draw nothing, and make the rest look as it should."""
    st.html(STYLE)
