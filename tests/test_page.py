"""A report as one HTML file: all of its figures, nothing of anybody else's, for every reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import reported
import studies
from test_sheets import FIGURES, told

from arena.config import ConfigError
from arena.text import visible
from ui.page import POLICY, page, refuse_page, write_page
from ui.sections import KEYS, present, warnings

VOID = {"meta", "br", "link", "img", "input", "base", "embed", "source", "hr"}
KNOWN = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "nav", "ul", "li",
    "a", "main", "section", "div", "figure", "figcaption", "b", "details", "summary", "table",
    "caption", "span", "thead", "tbody", "tr", "th", "td", "footer",
}  # fmt: skip
DRAWN = {"svg", "title", "desc", "g", "path", "text", "tspan", "line", "rect", "circle", "defs",
         "clippath", "lineargradient", "stop"}  # fmt: skip


class Reader(HTMLParser):
    """What a page is made of: tags with attributes, the text of each element, cells by table."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None], bool]] = []
        self.texts: list[tuple[str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs), "svg" in self.open or tag == "svg"))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs), "svg" in self.open))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))
            if self.open[-1] in ("td", "th"):
                self.tables[-1][-1][-1] += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}-->")

    def unknown_decl(self, data: str) -> None:
        self.wrong.append(data)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Pages of the fixtures, drawn once."""
    made = (reported.whole, reported.hostile, reported.imported)
    return {make.__name__: page(make()) for make in made}


def test_every_section_has_its_figures_on_the_page(pages: dict[str, str]) -> None:
    read = Reader(pages["whole"])
    text = pages["whole"]
    assert read.wrong == [] and read.open == []
    assert len(re.findall("<h2 id=", text)) == len(FIGURES)
    for section, figures in FIGURES.items():
        begin = text.index(f'<h2 id="{section}">')
        part = text[begin : text.index("</section>", begin)]
        part = re.sub("<svg.*?</svg>", "", part, flags=re.DOTALL)  # in the tables, not in drawings
        for figure in figures:
            assert told(part, figure.replace("<", "&lt;")), f"{section}: {figure}"


@pytest.mark.parametrize("name", ["whole", "hostile", "imported"])
def test_the_tables_are_the_sheets_and_every_cell_is_text(pages: dict[str, str], name: str) -> None:
    found = getattr(reported, name)()
    read = Reader(pages[name])
    assert read.wrong == []
    sheets = [one for sheets in present(found).values() for one in sheets]
    assert read.tables == [
        [[column.title for column in one.columns]]
        + [[" ".join(visible(cell).split()) for cell in row] for row in one.rows]
        for one in sheets
    ]


@pytest.mark.parametrize("name", ["whole", "hostile", "imported"])
def test_a_page_needs_nothing_from_anywhere(pages: dict[str, str], name: str) -> None:
    ids = set()
    for tag, attributes, drawn in Reader(pages[name]).tags:
        assert tag in (DRAWN if drawn else KNOWN), tag
        assert not {one for one in attributes if one.startswith("on") or ":" in one}, attributes
        assert not {"src", "srcset", "style", "action", "data", "poster"} & set(attributes)
        if "href" in attributes:
            assert tag == "a" and re.fullmatch("#[a-z]+", attributes["href"] or "")
        for value in attributes.values():
            found = re.findall(r"url\(([^)]*)\)", value or "")
            assert all(re.fullmatch("#[a-z][a-z0-9_-]*", one) for one in found)
        if "id" in attributes:
            assert attributes["id"] not in ids, "an id that is there twice"
            ids.add(attributes["id"])
    text = pages[name]
    policy = POLICY.replace("'", "&#x27;")
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style and "@import" not in style
    references = {one for _, attributes, _ in Reader(text).tags
                  for key in ("href", "aria-labelledby") if (given := attributes.get(key))
                  for one in given.removeprefix("#").split()}  # fmt: skip
    assert references <= ids


def test_the_reader_of_pages_sees_what_is_wrong() -> None:
    read = Reader("<p><script src=x>1</script><!-- y --><b></p>")
    assert [tag for tag, _, _ in read.tags] == ["p", "script", "b"] and read.wrong == [
        "<!-- y -->", "</p>",
    ]  # fmt: skip


def test_a_page_is_accessible_by_its_markup(pages: dict[str, str]) -> None:
    read = Reader(pages["whole"])
    tags = [tag for tag, _, _ in read.tags]
    assert tags.count("caption") == tags.count("table") == tags.count("thead") > 30
    heads = [attributes.get("scope") for tag, attributes, _ in read.tags if tag == "th"]
    assert set(heads) == {"col", "row"}
    svgs = [attributes for tag, attributes, _ in read.tags if tag == "svg"]
    assert len(svgs) == 10 and all(one["role"] == "img" for one in svgs)
    assert [tag for tag, _, drawn in read.tags if drawn].count("desc") == 10
    assert {"lang": "en"} in [attributes for tag, attributes, _ in read.tags if tag == "html"]


def test_warnings_provenance_and_long_tables(tmp_path: Path) -> None:
    found = reported.wide()
    for key in ("settings", "behaviour", "calibration", "rounds", "trajectories", "costs"):
        found[key] = found[key][:50]  # enough for a table to be folded
    found["differences"] = found["differences"][:45]
    path = tmp_path / "r.html"
    write_page(found, path, ("accuracy", "differences"))
    text = path.read_text(encoding="utf-8")
    for line in warnings(found):
        assert f'<p class="warning">Note: {line}</p>' in text.replace("&#x27;", "'")
    assert "<summary>Differences of accuracy on the same questions: 45 rows</summary>" in text
    assert re.search(r"arena \S+, written 20\d\d-\d\d-\d\d \d\d:\d\d UTC; SHA-256", text)
    again = page({**found, "run": "another"}, ("accuracy",))
    digests = re.findall("SHA-256 of the figures ([0-9a-f]{16})", text + again)
    assert len(set(digests)) == 2
    assert Reader(text).wrong == [] and text.count("<h2 ") == 2


def test_the_digest_is_of_the_figures_alone() -> None:
    found = {"run": "r", "settings": [], "notes": ["é"]}
    known = sha256('{"notes":["é"],"run":"r","settings":[]}'.encode()).hexdigest()[:16]
    assert f"SHA-256 of the figures {known}" in page(found)


def test_no_page_is_written_over_a_store(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"SQLite format 3\0rest")
    with pytest.raises(ConfigError, match="is a store; name another file"):
        write_page(reported.imported(), path)
    assert path.read_bytes() == b"SQLite format 3\0rest"
    to_be = tmp_path / "to-be.db"
    refuse_page(to_be)
    with pytest.raises(ConfigError, match="is a store; name another file"):
        refuse_page(tmp_path / "." / "to-be.db", to_be)


@pytest.mark.parametrize(
    "there", ["name: small\n", "\n<!doctype html>", "<html></html>", "<!doctype", "\0", "SQLite"]
)
def test_no_page_is_written_over_a_file_of_something_else(there: str, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text(there)
    with pytest.raises(ConfigError, match=r"is no page .*; name another file") as refused:
        write_page(reported.imported(), path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    assert path.read_text() == there


@pytest.mark.parametrize("there", ["", "<!doctype html>\nof yesterday", "<!DOCTYPE HTML PUBLIC"])
def test_a_page_is_written_over_a_page_and_over_an_empty_file(there: str, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text(there)
    for _ in range(2):  # the second is over our own
        write_page(reported.imported(), path)
        assert (
            path.read_text().startswith("<!doctype html>\n<html") and "</html>" in path.read_text()
        )


def test_a_study_is_not_written_over_by_its_own_page(tmp_path: Path) -> None:
    path = studies.file(tmp_path, "  conditions: {naive: {protocol: naive, judges: [coin]}}\n")
    declared = path.read_bytes()
    line = studies.refused(path, "--html", path)
    assert f"--html {path}" in line and "name another file" in line
    assert path.read_bytes() == declared and not (tmp_path / "s.db").exists()


def test_a_wish_that_the_report_cannot_fill_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    with pytest.raises(ConfigError, match="nothing of readers"):
        write_page(reported.whole(), path, ("readers",))
    assert not path.exists() and "readers" in KEYS


# ---------------------------------------------------------------------------------------------
# In a browser.


@pytest.fixture(scope="module")
def opened(
    chromium: Any, pages: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Opens a page of the fixtures; what it gives back is the page, and what the page asked for."""
    folder = tmp_path_factory.mktemp("pages")
    contexts = []

    def go(name: str, scheme: str = "light", width: int = 1200, **options: Any) -> Any:
        path = folder / f"{name}.html"
        path.write_text(pages[name], encoding="utf-8")
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        contexts.append(context)
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        one = context.new_page()
        one.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
        one.on("console", lambda message: asked.append(message.text))
        one.goto(path.as_uri())
        return one, [entry for entry in asked if entry != path.as_uri()]

    yield go
    for context in contexts:
        context.close()


def look(opened: Any, name: str, scheme: str, width: int) -> None:
    """What axe finds on a page, and whether all of it has to be scrolled sideways."""
    from axe_playwright_python.sync_playwright import Axe

    one, _ = opened(name, scheme, width, bypass_csp=True)
    found = Axe().run(one, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert one.evaluate("document.documentElement.scrollWidth") == width


def test_axe_finds_nothing_on_a_page(opened: Any) -> None:
    look(opened, "whole", "light", 1200)
    look(opened, "imported", "dark", 390)


@pytest.mark.check
@pytest.mark.parametrize("name", ["whole", "hostile", "imported"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_nothing_on_any_page(opened: Any, name: str, scheme: str, width: int) -> None:
    look(opened, name, scheme, width)


def test_hostile_names_do_nothing_in_a_browser(opened: Any) -> None:
    one, asked = opened("hostile")
    assert asked == []
    assert one.evaluate("window.__pwn") is None
    assert one.evaluate("document.querySelectorAll('script, img, iframe, link, image').length") == 0
    assert one.evaluate("document.querySelectorAll('style').length") == 1
    assert one.locator("h1").inner_text() == f"Report: {reported.HOSTILE['cup']}"
    assert one.locator("h2").first.is_visible()


def test_the_policy_stops_what_would_be_asked_for(opened: Any) -> None:
    one, _ = opened("imported")
    told_of: list[str] = []
    one.on("console", lambda message: told_of.append(message.text))
    one.evaluate(
        "() => { const i = new Image(); i.src = 'http://beacon.invalid/x.png';"
        " document.body.append(i); const s = document.createElement('script');"
        " s.textContent = 'window.__pwn = 3'; document.body.append(s) }"
    )
    one.wait_for_timeout(200)
    assert one.evaluate("window.__pwn") is None
    assert sum("Content Security Policy" in line for line in told_of) == 2
