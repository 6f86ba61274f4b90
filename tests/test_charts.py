"""Charts of a report: their data are the report's figures, their drawings are shapes and text."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import reported

from ui import charts, charts_players
from ui.charts import MOST_PANELS, MOST_ROWS, plots
from ui.drawing import COLOURS, clean, labels, svg

KEYS = {
    "leaderboard", "cross", "win-accuracy", "pooled", "accuracy", "differences", "reliability",
    "rounds", "trajectories", "costs",
}  # fmt: skip


def data(chart: Any) -> list[dict[str, Any]]:
    """Every row of data that a chart's specification carries, wherever in it."""
    found: list[dict[str, Any]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, one in value.items():
                if key == "values" and isinstance(one, list) and one and isinstance(one[0], dict):
                    found.extend(one)
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    spec = chart.to_dict()
    assert spec.get("datasets") is None
    walk(spec)
    return found


def panels(chart: Any) -> list[Any]:
    spec: dict[str, Any] = chart.to_dict()
    return list(spec["concat"])


def test_every_chart_is_there_and_belongs_to_a_section_that_is_there() -> None:
    from ui.sections import present

    found = reported.whole()
    made = plots(found)
    assert {one.key for one in made} == KEYS
    assert {one.section for one in made} <= set(present(found))
    assert all(one.says and one.title for one in made)
    assert plots({"run": "r", "settings": []}) == []
    assert {one.key for one in plots(found, ("rounds", "leaks"))} == {"rounds", "trajectories"}


def test_accuracies_are_the_reports_with_their_widest_interval_and_a_line_at_one_half() -> None:
    found = reported.whole()
    rows = data(charts.accuracy(found))
    assert next(row for row in rows if "at" in row) == {"at": 0.5}
    shown = [row for row in rows if "value" in row]
    for row in found["settings"]:
        low, high = row["clustered"]["story"]["interval"]  # the widest by construction
        assert {"setting": row["setting"], "who": row["judge"], "n": row["n"],
                "value": row["accuracy"], "low": low, "high": high} in shown  # fmt: skip
    (pooled,) = {str(row) for row in data(charts.pooled(found)) if "value" in row}
    assert "'n': 321" in pooled


def test_an_accuracy_without_an_interval_is_a_point() -> None:
    row = reported.whole()["settings"][0]
    row |= {"clustered": {"question": {"interval": None, "clusters": 1}}, "widest": "question"}
    shown = next(one for one in data(charts.accuracy({"settings": [row]})) if "value" in one)
    assert shown["low"] == shown["value"] == shown["high"] == row["accuracy"]
    gone = row | {"accuracy": None}
    assert charts.accuracy({"settings": [gone]}) is None


def test_differences_are_the_paired_ones() -> None:
    found = reported.whole()
    rows = [row for row in data(charts.differences(found)) if "value" in row]
    for one in found["differences"]:
        low, high = one["paired"]["interval"]
        assert {"setting": "debate - consultancy", "who": one["judge"], "n": 38,
                "value": one["paired"]["value"], "low": low, "high": high} in rows  # fmt: skip
    (shown,) = charts.difference_rows(reported.imported())
    assert (shown["value"], shown["n"], shown["low"]) == (-0.0862, 29, -0.2901)


def test_reliability_rounds_and_trajectories_are_the_reports() -> None:
    found = reported.whole()
    shown = data(charts.reliability(found))
    for bin in found["calibration"][0]["bins"]:
        assert {"confidence": bin["confidence"], "n": bin["n"], "value": bin["accuracy"],
                "low": bin["interval"][0], "high": bin["interval"][1]} in shown  # fmt: skip
    for key, figure, make in (("rounds", "accuracy", charts.rounds),
                              ("trajectories", "mean", charts.trajectories)):  # fmt: skip
        shown = data(make(found))
        for one in found[key][0]["rounds"]:
            assert {"round": one["round"], "n": one["n"], "value": one[figure],
                    "low": one["interval"][0], "high": one["interval"][1]} in shown  # fmt: skip
    single = [row["value"] for row in shown if row.get("line") == 3][:4]
    assert single == found["trajectories"][0]["lines"][3]
    titles = [one["title"]["text"] for one in panels(charts.rounds(found))]
    assert titles[1] == ["consultancy", "prompted:some/model"] and len(titles) == 4


def test_players_have_their_ratings_their_shares_and_their_judges_accuracy() -> None:
    found = reported.whole()
    players = found["ratings"]["players"]
    shown = data(charts_players.leaderboard(found))
    for one in players:
        low, high = one["interval"]
        assert {"setting": one["name"], "who": "all", "n": one["n"], "value": one["elo"],
                "low": low, "high": high} in shown  # fmt: skip
        honest = one["honest"]["elo"]  # it has no interval
        assert {"setting": one["name"], "who": "honest", "n": 40, "value": honest,
                "low": honest, "high": honest} in shown  # fmt: skip
    cells = {(row["row"], row["column"]): row for row in charts_players.cross_rows(found)}
    assert set(cells) == {(a, b) for a in reported.PLAYERS for b in reported.PLAYERS if a != b}
    assert cells["strong", "weak"] | {"row": 0, "column": 0} == {
        "row": 0, "column": 0, "points": 32.5, "n": 40, "share": 32.5 / 40,
    }  # fmt: skip
    assert cells["strong", "weak"] in data(charts_players.cross(found))
    scatter = next(row for row in data(charts_players.win_accuracy(found)) if "elo" in row)
    assert (scatter["who"], scatter["elo"]) == ("strong", 1087.0)
    assert (scatter["value"], scatter["low"], scatter["high"]) == (0.643, 0.561, 0.718)


def test_of_many_players_a_scatter_tells_ranks() -> None:
    rows = charts_players.win_accuracy_rows(reported.wide())
    assert [row["who"] for row in rows] == [str(i + 1) for i in range(14)]


def test_names_of_players_that_are_nearly_alike_do_not_lie_on_each_other() -> None:
    rows: list[dict[str, Any]] = [
        {"who": f"player {n}", "elo": 1500 + n, "value": 0.6 + n / 1000} for n in range(6)
    ]
    rows.append({"who": "far", "elo": 1900, "value": 0.603})
    found = charts_players.named(rows, (1450, 1950), (0.4, 1))
    pixels = {row["who"]: row["at"] / 0.6 * charts_players.DOWN for row in found}
    heights = sorted(pixels[f"player {n}"] for n in range(6))
    assert min(b - a for a, b in pairwise(heights)) >= 11.9
    assert {row["who"]: row["at"] for row in found}["far"] == pytest.approx(0.603)
    best = max(rows[:6], key=lambda row: row["value"])
    assert pixels[best["who"]] == max(heights) == pytest.approx(0.605 / 0.6 * charts_players.DOWN)


def test_costs_are_tokens_by_role_or_characters_where_there_are_none() -> None:
    found = reported.whole()
    title, rows = charts_players.cost_rows(found)
    assert title.startswith("tokens") and rows[0]["value"] == 123456 + 23456
    for row in found["costs"]:
        row |= {"prompt_tokens": 0, "sampled_tokens": 0}
    found["costs"].append({**found["costs"][0], "player": "another", "characters": 5})
    title, rows = charts_players.cost_rows(found)
    assert title.startswith("characters") and rows[0]["value"] == 98765 + 5
    assert all(row["value"] for row in rows if row in data(charts_players.costs(found)))


def test_what_is_too_much_for_a_chart_is_left_out_and_said() -> None:
    found = reported.wide()
    found["settings"].append({**found["settings"][0], "setting": "one more"})
    chart = charts.accuracy(found).to_dict()
    assert chart["title"]["subtitle"] == ["the first 100 of 101 rows: the table has all"]
    assert len({row["setting"] for row in data(charts.accuracy(found)) if "value" in row}) == 20
    assert len(charts.accuracy_rows(found)) == MOST_ROWS + 1
    made = charts.reliability(found)
    assert len(panels(made)) == MOST_PANELS
    assert made.to_dict()["title"]["subtitle"][0] == "the first 12 of 100 panels: the table has all"
    lines = found["trajectories"][0]
    lines["lines"] = lines["lines"] * 10
    assert "at most 60 single judgments a panel" in charts.trajectories(
        {"trajectories": [lines]}
    ).to_dict()["title"]["subtitle"]  # fmt: skip


def test_judges_are_told_apart_by_colour_and_by_shape() -> None:
    found = reported.wide()
    judges = [{**found["settings"][0], "judge": f"judge {i}"} for i in range(20)]
    spec = charts.accuracy({"settings": judges}).to_dict()
    (marks,) = (layer["encoding"] for layer in spec["layer"] if "shape" in layer["encoding"])
    colours, shapes = (marks[one]["scale"]["range"] for one in ("color", "shape"))
    pairs = list(zip(colours, shapes, strict=True))
    assert len(pairs) == len(set(pairs)) == 20
    assert len({colour for colour, _ in pairs}) == len(COLOURS)


def test_labels_are_short_visible_and_no_two_alike() -> None:
    long = [f"protocol number {i} with a name of some length" for i in range(12)]
    found = labels(long, 24)
    assert len(set(found.values())) == 12 and max(map(len, found.values())) <= 24
    assert all(str(i) in found[one] and "…" in found[one] for i, one in enumerate(long))
    alike = ["x" * 99 + "a" + "y" * 99, "x" * 99 + "b" + "y" * 99, "short"]
    assert len(set(labels(alike).values())) == 3
    assert labels(["a\u202eb", "a"]) == {"a\u202eb": "a⟦U+202E⟧b", "a": "a"}
    assert labels(["x", "x"]) == {"x": "x"} and labels([]) == {}


# ---------------------------------------------------------------------------------------------
# Drawings.


def test_a_drawing_has_its_title_its_numbers_and_only_shapes() -> None:
    found = reported.whole()
    for one in plots(found):
        text = one.svg()
        root = ElementTree.fromstring(text)
        kinds = {node.tag.rpartition("}")[2] for node in root.iter()}
        assert kinds <= {"svg", "title", "desc", "g", "path", "text", "tspan", "line", "rect",
                         "circle", "defs", "clipPath", "linearGradient", "stop"}  # fmt: skip
        title, says = root[0], root[1]
        assert (title.text, says.text) == (one.title, one.says)
        assert root.get("aria-labelledby") == f"{title.get('id')} {says.get('id')}"
        ids = [node.get("id") for node in root.iter() if node.get("id")]
        assert len(ids) == len(set(ids)) and all((i or "").startswith(one.key) for i in ids)
        assert "currentColor" in text and "#000" not in text.replace("#000000", "")
    drawn = next(one for one in plots(found) if one.key == "cross").svg()
    texts = [node.text for node in ElementTree.fromstring(drawn).iter() if node.text]
    assert {"strong", "middling", "weak", "0.81", "0.19", "n 40"} <= set(texts)


def test_hostile_names_are_text_in_a_drawing() -> None:
    found = reported.hostile()
    for one in plots(found):
        text = one.svg()
        root = ElementTree.fromstring(text)
        for node in root.iter():
            assert not [at for at in node.attrib if at.startswith("on") or "href" in at]
            assert "beacon" not in "".join(node.attrib.values())
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)
        assert "<script" not in text and "<image" not in text
    (board,) = (one.svg() for one in plots(found) if one.key == "leaderboard")
    said = {node.text or "" for node in ElementTree.fromstring(board).iter()}
    assert sum("⟦U+2067⟧x" in one for one in said) == 1
    assert sum(one.startswith("datum.x + ''") for one in said) == 1


def test_what_is_not_a_drawing_is_taken_out() -> None:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'width="9" onload="x()"><script>1</script><style>*{}</style><a xlink:href="http://x"><g/>'
        '</a><image href="http://x"/><foreignObject/><g id="i" clip-path="url(#i)" '
        'fill="url(http://x)" style="fill:red"><text>&lt;b&gt;</text></g></svg>'
    )
    text = clean(drawn, "a <title>", "says & more", "k")
    root = ElementTree.fromstring(text)
    assert [node.tag.rpartition("}")[2] for node in root.iter()] == [
        "svg", "title", "desc", "g", "text",
    ]  # fmt: skip
    assert root[2].attrib == {"id": "k-i", "clip-path": "url(#k-i)"}
    assert (root[0].text, root[2][0].text) == ("a <title>", "<b>")
    assert "onload" not in text and "http://x" not in text
    with pytest.raises(ValueError, match="expected a key"):
        svg(None, "t", key='"><script>')


def test_altair_is_not_imported_before_a_chart_is_made() -> None:
    code = (
        "import sys, ui.cli, ui.charts, ui.page, ui.markdown, ui.tables, ui.sections\n"
        "assert not {'altair', 'vl_convert', 'pandas'} & set(sys.modules)\n"
        "assert ui.charts.plots({'run': 'r', 'settings': []}) == []\n"
        "assert 'altair' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
