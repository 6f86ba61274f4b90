"""What the charts of reports share: data, labels, the encodings of names, and the way to an SVG.

vl-convert is altair's own way to an SVG, with no browser and no network. What it draws is taken
apart afterwards and put together from shapes, plain text and figures alone, so nothing that is
not a drawing can be in it, and it is given a title and a description.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from xml.etree import ElementTree

from arena.text import visible
from ui.sheets import name

Row: TypeAlias = dict[str, Any]
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a8a")
"""Okabe and Ito 2008, which colour-blind people can tell apart; the last one stands back."""
SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross")
LABEL = 30
"""Characters of a name beside an axis."""
INK = "#1a1a1a"
WIDTH = 300
_SVG = "http://www.w3.org/2000/svg"
_DRAWN = {
    "svg", "g", "path", "text", "tspan", "line", "rect", "circle", "defs", "clipPath",
    "linearGradient", "stop",
}  # fmt: skip
_TOLD = re.compile(
    "d|x|y|x1|x2|y1|y2|r|rx|ry|cx|cy|dx|dy|width|height|transform|fill|stroke|opacity|offset|id|"
    "clip-path|text-anchor|viewBox|gradientUnits|(fill|stroke|font|stop)-[a-z-]+"
)


def altair() -> Any:
    """altair, when it is first needed."""
    import altair

    return altair


def data(rows: Iterable[Row]) -> Any:
    """Rows as a chart's data: plain lists, so nothing of pandas is loaded."""
    return altair().Data(values=list(rows))


def labels(names: Iterable[object], most: int = LABEL) -> dict[Any, str]:
    """A short label for every name, and no label for two.

    Of long names, less is shown of what all begin and end with; then each is cut in its middle.
    """
    known = {one: name(one) for one in dict.fromkeys(names)}
    if len(known) > 1 and max(map(len, known.values())) > most:
        known = dict(zip(known, _without_shared(list(known.values()), most), strict=True))
    found: dict[Any, str] = {}
    taken: set[str] = set()
    for one, text in known.items():
        label, i = name(text, most), 1
        while label in taken:
            i += 1
            label = f"{name(text, most - 5)} ({i})"
        taken.add(label)
        found[one] = label
    return found


def _without_shared(texts: Sequence[str], most: int) -> list[str]:
    """Texts of up to ``most`` characters with less of what all begin and end with."""

    def shared(given: Sequence[str]) -> int:
        low, high = min(given), max(given)
        alike = (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b)
        return next(alike, min(len(low), len(high)))

    begin = shared(texts)
    end = shared([text[begin:][::-1] for text in texts])
    head, dots = texts[0][:begin], "…" if end > 3 else ""
    end = end if dots else 0
    middles = [text[begin : len(text) - end] + dots for text in texts]
    room = most - max(map(len, middles))
    if len(head) > max(0, room):
        head = f"{head[: max(0, room - 1)]}…"
    return [head + middle for middle in middles]


def ends(value: float, interval: Sequence[float] | None) -> Row:
    """A value with the ends of its interval; of one without, itself."""
    low, high = interval if interval is not None else (value, value)
    return {"value": value, "low": low, "high": high}


def told_apart(who: Sequence[str], title: str | None = "judge") -> Row:
    """Encodings of names, by colour and by shape; where there is one name, of no legend."""
    alt = altair()
    if len(who) < 2:
        return {"color": alt.value(COLOURS[0])}
    n, wide = len(COLOURS), max(map(len, who))
    legend = alt.Legend(title=title, orient="top", columns=1 if wide > 22 else 2 if wide > 9 else 4)
    shapes = [SHAPES[(i + i // n) % len(SHAPES)] for i in range(len(who))]
    colours = [COLOURS[i % n] for i in range(len(who))]
    return {
        "color": alt.Color(
            "who:N", scale=alt.Scale(domain=list(who), range=colours), legend=legend
        ),
        "shape": alt.Shape("who:N", scale=alt.Scale(domain=list(who), range=shapes), legend=legend),
    }


def cut(shown: int, of: int, what: str) -> list[str]:
    """What a subtitle says where a chart has not got all."""
    return [f"the first {shown} of {of} {what}: the table has all"] if shown < of else []


def titled(chart: Any, subtitle: Sequence[str]) -> Any:
    """With a subtitle, where there is one to give."""
    if not subtitle:
        return chart
    return chart.properties(title={"text": "", "subtitle": list(subtitle), "anchor": "start"})


def by_row(
    rows: Sequence[Row], scale: Any, title: str, rule: float, form: str = "", legend: str = "judge"
) -> Any:
    """Values with intervals: a line of its own for each setting, within it one for each name."""
    alt = altair()
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    who = list(dict.fromkeys(row["who"] for row in rows))
    step = 12 if len(who) > 1 else 20
    y = alt.Y("setting:N", sort=settings, title=None, scale=alt.Scale(paddingInner=0.25))
    place: Row = {"y": y}
    if len(who) > 1:
        place["yOffset"] = alt.YOffset("who:N", sort=who, scale=alt.Scale(domain=who))
    axis = {"axis": alt.Axis(format=form)} if form else {}
    x = alt.X("value:Q", title=title, scale=scale, **axis)
    given = told_apart(who, legend)
    base = alt.Chart(data(rows)).encode(**place)
    line = alt.Chart(data([{"at": rule}])).mark_rule(strokeDash=[4, 4], opacity=0.7)
    marks = [
        line.encode(x=alt.X("at:Q", title=title, scale=scale)),
        base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title=title, scale=scale, **axis), x2="high:Q", color=given["color"]
        ),
        base.mark_point(filled=True, size=46, opacity=1).encode(x=x, **given),
        base.transform_calculate(count="'n ' + datum.n")
        .mark_text(align="left", dx=9, fontSize=9)
        .encode(x=alt.value(WIDTH), text="count:N"),
    ]
    return alt.layer(*marks).properties(width=WIDTH, height={"step": step})


def svg(chart: Any, title: str, says: str = "", key: str = "chart", ink: str = INK) -> str:
    """The chart as an SVG element with its title and what it ``says``.

    ``ink`` is the colour of text and axes: ``currentColor`` takes the page's. ``key`` begins the
    ids in it, which have to differ between drawings on one page.
    """
    if not re.fullmatch("[a-z][a-z0-9-]*", key):
        raise ValueError(f"expected a key of small letters, digits and hyphens, got {key!r}")
    import vl_convert

    version = ".".join(altair().SCHEMA_VERSION.lstrip("v").split(".")[:2])
    spec = styled(chart, ink).to_dict(validate=False)  # its parts were, when they were made
    return clean(vl_convert.vegalite_to_svg(spec, vl_version=version), title, says, key)


def styled(chart: Any, ink: str = INK) -> Any:
    """With the looks that all charts share, on whatever background the page has."""
    legend = {"labelColor": ink, "titleColor": ink, "labelLimit": 260, "symbolOpacity": 1}
    axis = {"labelColor": ink, "titleColor": ink, "domainColor": ink, "tickColor": ink,
            "gridColor": ink, "gridOpacity": 0.12, "domainOpacity": 0.5, "tickOpacity": 0.5,
            "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal",
            "labelLimit": 270}  # fmt: skip
    titles = {"color": ink, "subtitleColor": ink, "subtitleFontSize": 11}
    return chart.configure(
        aria=False, background="transparent", view={"stroke": None}, axis=axis, legend=legend,
        title=titles, text={"color": ink}, rule={"color": ink}, line={"color": ink},
    )  # fmt: skip


def clean(drawn: str, title: str, says: str, key: str) -> str:
    """An SVG with nothing but shapes, text and references within itself, and with a title."""
    root = ElementTree.fromstring(drawn)
    _strip(root, key)
    root.attrib |= {"role": "img", "aria-labelledby": f"{key}-title {key}-says"}
    for place, (tag, text) in enumerate((("title", title), ("desc", says))):
        one = ElementTree.Element(f"{{{_SVG}}}{tag}")
        one.attrib["id"] = f"{key}-{'title' if tag == 'title' else 'says'}"
        one.text = visible(text)
        root.insert(place, one)
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="unicode")


def _strip(one: ElementTree.Element, key: str) -> None:
    for child in list(one):
        if child.tag.removeprefix(f"{{{_SVG}}}") in _DRAWN:
            _strip(child, key)
        else:
            one.remove(child)
    kept: Mapping[str, str] = {at: value for at, value in one.attrib.items() if _TOLD.fullmatch(at)}
    one.attrib.clear()
    for at, value in kept.items():
        found = re.fullmatch(r"url\(#([\w-]+)\)", value)
        if found is not None:
            one.set(at, f"url(#{key}-{found[1]})")
        elif at == "id":
            one.set(at, f"{key}-{value}")
        elif "url" not in value.lower():
            one.set(at, value)
