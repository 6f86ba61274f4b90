"""Sheets of a report, and how a terminal and Markdown show them: every figure, and nobody's text as
anything but text. The page is in test_page.py."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import reported
from markdown_it import MarkdownIt
from rich.console import Console
from typer.testing import CliRunner

from arena.config import ConfigError
from arena.protocols import debate
from arena.questions import Question
from arena.store import Store
from arena.text import visible
from ui.cli import app
from ui.markdown import markdown
from ui.page import page
from ui.sections import KEYS, SECTIONS, asked, present, remarks, selected, warnings
from ui.sheets import (
    Sheet,
    counted,
    figures,
    interval_of,
    name,
    number,
    p_value,
    sheet,
    signed,
    span,
    texts,
    whole,
)  # fmt: skip
from ui.tables import console, print_report

FIGURES: dict[str, tuple[str, ...]] = {
    "study": ("+0.127", "+0.021, +0.233", "37 questions", "0.018", "0.036", "s0123456789abcdef",
              "2026-01-01 00:00:00 UTC", "large (debate)", "13", "17", "83", "160",
              "-0.012, +0.247", "812.5"),
    "ratings": ("1087", "1041-1133", "80", "59", "1021 (951-1091, n 40)",
                "1153 (none, n 40)", "0.738", "0.643", "0.561-0.718", "0.633"),
    "crossplay": ("26.5/40", "7.5/40"),
    "effects": ("+0.212", "+0.014, +0.410", "120", "+1.910"),
    "accuracy": ("0.611", "0.491-0.721", "20 stories", "0.531-0.681", "-0.842", "0.775 / 0.450",
                 "exploratory"),
    "pooled": ("0.701", "321", "0.581-0.811", "29 stories"),
    "stratified": ("0.613", "0.501-0.712", "40"),
    "differences": ("+0.123", "+0.021, +0.224", "38", "0.036", "primary", "exploratory"),
    "recovered": ("0.438", "0.214-0.662", "240", "+0.162", "+0.371"),
    "missing": ("3 unparsed", "A 2, B 1", "0.591", "0.631", "0.437", "Fisher"),
    "intervals": ("0.496-0.716", "0.481-0.731", "0.471-0.736", "40 questions",
                  "pigeonhole bootstrap"),
    "unpaired": ("+0.119", "-0.012, +0.247", "160", "0.072", "0.021", "14 / 4"),
    "scores": ("-0.992", "3.25", "0.655", "0.552-0.753", "+0.310"),
    "calibration": ("+0.082", "+0.011, +0.152", "0.2314", "0.0176", "0.0287", "0.2419", "0.0006",
                    "0.53", "0.38-0.69", "0.069", "0.054", "0.087", "0.214", "0.780",
                    "0.630-0.930"),
    "rounds": ("0.680", "0.600-0.760", "77", "0.650", "21"),
    "behaviour": ("+1.892", "+1.204, +2.591", "+0.272", "0.667", "+0.041", "+0.883", "+0.417",
                  "0.125", "+0.055", "240"),
    "agreement": ("0.789", "0.632-0.895", "0.571", "0.312-0.801", "0.604", "0.573", "38 questions"),
    "cards": ("0.694", "0.617-0.762", "0.688", "0.621-0.749", "3 beside 160"),
    "leaks": ("0.637", "0.541-0.733", "0.571", "0.521", "it can be told"),
    "costs": ("340", "123,456", "23,456", "98,765", "512", "1.375", "812.5"),
}  # fmt: skip
"""By section, figures of `reported.whole` as they are to be read."""
IMPORTED = ("0.172", "0.072", "+0.055", "3.66", "0.651-0.871", "-0.086", "-0.290, +0.126", "0.419",
            "25 stories")  # fmt: skip


def printed(found: dict[str, Any], wanted: tuple[str, ...] | None = KEYS, width: int = 130) -> str:
    file = io.StringIO()
    print_report(Console(file=file, width=width, highlight=False, markup=False), found, wanted)
    return file.getvalue()


def told(text: str, figure: str) -> bool:
    """Whether a figure is there by itself, not as a part of another."""
    return re.search(rf"(?<![\w.+-]){re.escape(figure)}(?![\w]|\.\d)", text) is not None


def cells(found: dict[str, Any]) -> list[tuple[str, ...]]:
    return [row for sheets in present(found).values() for one in sheets for row in one.rows]


# ---------------------------------------------------------------------------------------------
# What is said.


def test_the_fixture_has_every_section_but_those_of_imports() -> None:
    assert set(present(reported.whole())) == set(FIGURES) == set(KEYS) - {"pairs", "readers"}
    assert {"pairs", "readers"} <= set(present(reported.imported()))


@pytest.mark.parametrize("section", FIGURES)
def test_a_section_has_its_figures_in_every_rendering(section: str) -> None:
    found = reported.whole()
    out = {
        "terminal": printed(found, (section,)), "markdown": markdown(found, (section,)),
        "sheets": "\n".join("\t".join(row) for one in present(found)[section] for row in one.rows),
    }  # fmt: skip
    for where, text in out.items():
        for figure in FIGURES[section]:
            assert told(text, figure), f"{section}: {figure} is not in {where}"


def test_of_an_import_its_own_figures_are_there() -> None:
    found = reported.imported()
    for text in (printed(found), markdown(found), page(found)):
        assert all(told(text, figure) for figure in IMPORTED)
        assert "prompted:some/model (stepped)" in text


def test_every_estimate_stands_with_its_interval_its_n_and_its_clustering() -> None:
    found = reported.whole()
    rows = cells(found)
    known = reported.estimates(found)
    assert len(known) > 80
    for one in known:
        values = {f"{one['value']:.3f}", f"{one['value']:+.3f}"}
        low, high = one["interval"]
        spans = {f"{low:.3f}-{high:.3f}", f"{low:+.3f}, {high:+.3f}"}
        rest = {str(one.get("questions", one["n"])), f"{one['clusters']} questions"}
        assert any(values & set(row) and spans & set(row) and rest <= set(row) for row in rows), one


def test_a_section_without_content_yields_no_sheet() -> None:
    row = reported.whole()["settings"][2] | {"missing": {}}
    plain = {key: row[key] for key in ("setting", "judge", "n", "accuracy", "wilson", "clustered",
                                       "widest", "missing")}  # fmt: skip
    assert set(present({"run": "r", "settings": [plain]})) == {"accuracy", "intervals", "scores"}
    empty = {"run": "r", "settings": [], "differences": [], "leaks": None, "ratings": None}
    assert present(empty) == {}
    for text in (printed(empty), printed(empty, None), markdown(empty), page(empty)):
        assert "There is no verdict to report on yet." in text
    assert "# Report: r" in markdown({"run": "r", "settings": [plain]})


def test_what_is_undefined_says_why() -> None:
    (recovered, _) = present(reported.whole())["recovered"]
    assert "undefined: the ceiling (0.52) does not exceed the floor (0.52)" in recovered.column(
        "recovered"
    )
    found = {"run": "r", "settings": [], "leaks": {"reason": "no debate has two sides"},
             "ratings": {"reason": "the players a and b never meet"}}  # fmt: skip
    there = present(found)
    assert there["leaks"][0].rows == (("undefined", "no debate has two sides"),)
    assert there["ratings"][0].rows == (("undefined", "the players a and b never meet"),)
    agreement = reported.whole()
    agreement["agreement"][0]["alpha"] = None
    assert "not defined" in present(agreement)["agreement"][0].column("value")


def test_one_cluster_has_no_interval_and_that_is_said() -> None:
    found = reported.whole()
    row = found["settings"][0]
    row["clustered"] = {"question": {"interval": None, "clusters": 1}}
    row["widest"] = "question"
    (one,) = present(found)["accuracy"]
    assert one.rows[0][4:6] == ("none", "1 question")
    shown, _ = selected(found, ("accuracy",))
    assert any(line.startswith("none: one cluster") for line in remarks(found, shown))


def test_exploratory_rows_are_marked_and_the_declared_contrast_is_not() -> None:
    found = reported.whole()
    there = present(found)
    assert there["accuracy"][0].column("part") == ["declared"] * 3 + ["exploratory"]
    assert there["differences"][0].column("part") == ["primary", "exploratory"]
    found["study"]["primary"]["figure"] = "brier"  # the table is of accuracy
    assert present(found)["differences"][0].column("part") == ["exploratory", "exploratory"]
    found["study"] = {"lock": None, "note": "not locked: everything is exploratory"}
    assert present(found)["differences"][0].column("part") == ["exploratory", "exploratory"]
    assert "This study is not locked: everything is exploratory." in warnings(found)
    del found["study"]
    assert [c.title for c in present(found)["differences"][0].columns][-1] == "Holm's p"


def test_what_has_to_be_read_first_is_read_first() -> None:
    lines = warnings(reported.whole())
    assert lines[0] == "cup has learnt from 2 verdicts that were taken back."
    for part in ("seed: 1 was locked, 2 is in the store", "interim", "exploratory",
                 "Leak: the truth can be guessed", "AUC 0.637, 0.541-0.733"):  # fmt: skip
        assert sum(part in line for line in lines) == 1
    found = reported.whole()
    found["leaks"]["leaking"] = ["characters", "quotes"]
    assert warnings(found)[-1] == (
        "Leak: the truth can be guessed from characters alone and 1 more (AUC 0.571, 0.499-0.644)."
    )
    text = printed(reported.whole(), None)
    assert all(line in text.split("Declared contrasts")[0] for line in lines)


def test_figures_have_sensible_digits() -> None:
    assert (number(0.12349), signed(-0.00001), number(-1e-12), number(None)) == (
        "0.123", "+0.000", "0.000", "",
    )  # fmt: skip
    assert (p_value(0.0004), p_value(0.0314), p_value(None)) == ("<0.001", "0.031", "")
    assert span([0.1, 0.25]) == "0.100-0.250" and span([-0.1, 0.25]) == "-0.100, 0.250"
    assert span([0.1, 0.25], sign=True) == "+0.100, +0.250" and span(None) == ""
    assert (whole(1234567), whole(3.5), whole(12345.6), whole(0), whole(None)) == (
        "1,234,567", "3.5", "12,346", "0", "",
    )  # fmt: skip
    assert interval_of({"interval": None}) == "none"
    assert (counted(1, "story"), counted(2, "story"), counted(2, "ward")) == (
        "1 story", "2 stories", "2 ward",
    )  # fmt: skip


def test_columns_that_say_nothing_are_left_out_and_rows_must_fit() -> None:
    (one,) = sheet("x", "t", (*texts("a"), *figures("b", "c")), [("p", "", "1"), ("q", "", "")])
    assert [column.head for column in one.columns] == ["a", "c"]
    with pytest.raises(ValueError, match="2 cells in 1 columns"):
        Sheet("x", "t", texts("a"), (("p", "q"),))


# ---------------------------------------------------------------------------------------------
# The terminal.


def test_the_first_tables_are_no_wall_and_the_rest_is_named() -> None:
    found = reported.wide()
    text = printed(found, None)
    more = " ".join(text[text.index("More: ") :].split())
    assert more.startswith("More: arena report cup --sections all, or some of ")
    for key in ("differences", "calibration", "costs"):
        assert re.search(rf"\b{key}\b", more)
    assert "Judge cards" not in text and "cup: judge accuracy" in text
    assert len(text.splitlines()) < 140  # with the leaderboard, however long
    assert "More:" not in printed(found, ("cards",))


def test_of_a_section_with_a_long_sheet_the_short_ones_are_printed_and_the_rest_is_named() -> None:
    shown, further = selected(reported.wide(), None)
    assert [one.title for one in shown["ratings"]] == ["Ratings"] and "ratings" in further
    shown, further = selected(reported.whole(), None)
    assert len(shown["ratings"]) == 2 and "ratings" not in further
    found = reported.whole()
    found["ratings"] = reported.wide()["ratings"]
    found["ratings"]["players"] *= 2  # a leaderboard is printed however long it is
    assert [len(one.rows) for one in selected(found, None)[0]["ratings"]] == [28]


def test_no_figure_is_cut_however_narrow_the_terminal() -> None:
    found = reported.whole()
    text = printed(found, width=40)
    for sheets in present(found).values():
        for one in sheets:
            for place, column in enumerate(one.columns):
                if not column.text or column.short:
                    assert all(row[place] in text for row in one.rows), (one.title, column.title)


def test_the_terminal_wraps_words_and_loses_none() -> None:
    found = reported.with_names(reported.whole(), {"debate": "d" * 50, "literal": "j" * 60})
    text = printed(found, ("accuracy",))
    assert text.count("d") >= 2 * 50 and text.count("j") >= 2 * 60
    assert max(map(len, text.splitlines())) <= 130


def test_unknown_and_empty_sections_are_refused_in_one_line() -> None:
    assert asked(None) is None and asked("all") == KEYS
    assert asked(" cards, leaks ") == ("cards", "leaks")
    with pytest.raises(ConfigError, match="got 'lies'"):
        asked("cards,lies")
    with pytest.raises(ConfigError, match="got none"):
        asked(" , ")
    with pytest.raises(ConfigError, match="nothing of readers; it has study, ratings"):
        selected(reported.whole(), ("readers",))
    assert len(set(KEYS)) == len(SECTIONS)


# ---------------------------------------------------------------------------------------------
# Hostile names.


def test_hostile_names_are_visible_text_in_the_terminal() -> None:
    text = printed(reported.hostile())
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text
    )
    squeezed = re.sub(r"\s+", "", text)
    assert "⟦U+001B⟧[31mred" in squeezed and "⟦U+202E⟧dlrow" in squeezed
    assert "verylong" in squeezed and "…" in squeezed


def test_a_long_name_shows_that_it_is_cut_and_keeps_both_ends() -> None:
    long = "head " + "x" * 500 + " tail"
    assert len(name(long, 60)) == 60 and name(long, 60).startswith("head xxx")
    assert name(long, 60).endswith("xx tail") and "…" in name(long, 60)
    assert name("a\n\tb") == "a b" and name("x" * 120) == "x" * 120


def parsed(text: str) -> tuple[list[list[list[str]]], set[str], list[str]]:
    """The tables of a Markdown text (cells by row), the kinds of its tokens, and headings."""
    tables: list[list[list[str]]] = []
    kinds: set[str] = set()
    headings = []
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = reader.parse(text)
    for i, token in enumerate(tokens):
        kinds.add(token.type)
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline":
            kinds |= {child.type for child in token.children or ()}
            said = "".join(child.content for child in token.children or ())
            if tokens[i - 1].type in ("th_open", "td_open"):
                tables[-1][-1].append(said)
            elif tokens[i - 1].type == "heading_open":
                headings.append(said)
    return tables, kinds, headings


@pytest.mark.parametrize("make", [reported.whole, reported.hostile, reported.imported])
def test_markdown_says_the_cells_and_nothing_else(make: Any) -> None:
    found = make()
    text = markdown(found)
    tables, kinds, headings = parsed(text)
    sheets = [one for sheets in present(found).values() for one in sheets]
    assert tables == [
        [[column.title for column in one.columns]]
        + [[" ".join(visible(cell).split()) for cell in row] for row in one.rows]
        for one in sheets
    ]
    assert kinds <= {
        "inline", "text", "text_special", "strong_open", "strong_close", "paragraph_open",
        "paragraph_close", "heading_open", "heading_close", *(
            f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td")
            for end in ("open", "close")
        ),
    }  # fmt: skip
    assert text.count("**") == 2 * len(warnings(found))
    assert headings[0] == f"Report: {name(found['run'])}"
    assert [one for one in headings if one.startswith("Table: ")] == [
        f"Table: {name(one.title, 10_000)}" for one in sheets
    ]


def test_the_reader_of_markdown_sees_what_is_wrong() -> None:
    _, kinds, _ = parsed("| a |\n|---|\n| <b>x</b> [y](z) `c` ~~s~~ ![i](j) |\n\n<div>\n")
    assert {"html_inline", "link_open", "code_inline", "s_open", "image", "html_block"} <= kinds


def test_markdown_has_nothing_that_a_reader_would_link() -> None:
    text = markdown(reported.hostile())
    assert "beacon.invalid" in text
    assert not re.search(r"(?i)https?://|www\.|<[a-z/!]", text)


# ---------------------------------------------------------------------------------------------
# The command.


@pytest.fixture
def store(tmp_path: Path) -> Path:
    from test_report import Hand

    path = tmp_path / "s.db"
    with Store(path) as opened:
        hand = Hand(opened)
        for i in range(6):
            asked_ = Question(f"question {i}?", ("yes", "no"), group=f"story {i // 2}")
            hand.verdict(hand.match(debate(), 0, question=asked_), 0.8 if i else 0.3)
        hand.report()
        (row,) = opened.query("SELECT name FROM runs")
        assert row["name"] == hand.name
    return path


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["report", *words])


def test_report_prints_writes_and_chooses(store: Path, tmp_path: Path) -> None:
    with Store(store) as opened:
        (known,) = (row["name"] for row in opened.query("SELECT name FROM runs"))
    plain = run(known, "--store", str(store))
    assert plain.exit_code == 0 and "0.833" in plain.stdout and "More: " in plain.stdout
    chosen = run(known, "--store", str(store), "--sections", "scores")
    assert chosen.exit_code == 0 and "0.833" not in chosen.stdout.split("Balanced")[0]
    as_markdown = run(known, "--store", str(store), "--markdown")
    assert as_markdown.stdout.startswith("# Report: ") and "| 0.833 |" in as_markdown.stdout
    html = tmp_path / "r.html"
    both = run(known, "--store", str(store), "--html", str(html), "--json")
    assert both.exit_code == 0 and json.loads(both.stdout)["run"] == known
    assert html.read_text().startswith("<!doctype html>") and "0.833" in html.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sections", "lies"), "--sections: expected names from"),
        (("--json", "--markdown"), "--markdown: not with --json"),
        (("--json", "--sections", "scores"), "--sections: not with --json"),
        (("--sections", "readers"), "this report has nothing of readers"),
        (("--html", "{store}"), "is a store; name another file"),
        (("--html", "{store}.d/x/r.html"), "no file can be written there"),
    ],
)
def test_a_wrong_call_is_one_line_and_does_nothing(
    store: Path, words: tuple[str, ...], said: str
) -> None:
    with Store(store) as opened:
        (known,) = (row["name"] for row in opened.query("SELECT name FROM runs"))
    before = store.read_bytes()
    done = run(known, "--store", str(store), *(word.format(store=store) for word in words))
    assert done.exit_code == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == "" and store.read_bytes() == before


def test_the_console_is_wide_enough_for_the_widest_first_table() -> None:
    found = reported.whole()
    shown, _ = selected(found, None)
    lines = printed(found, tuple(shown), width=console().width).splitlines()
    assert max(map(len, lines)) <= 130
