"""Plots of a training run, as SVG files: altair charts, drawn by vl-convert.

vl-convert is altair's own way to an SVG: no browser, no network. Data goes in as plain lists, so
nothing of pandas is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from arena import metrics
from arena.metrics import Name, Series
from arena.text import visible

if TYPE_CHECKING:
    from arena.store import Store

Row: TypeAlias = dict[str, Any]
History: TypeAlias = Mapping[str, Series]
COLOURS = {  # of the judges; Okabe and Ito 2008, which colour-blind people can tell apart
    metrics.TRAINING: "#d55e00",
    metrics.HELD_OUT: "#0072b2",
    metrics.LITERAL: "#009e73",
    metrics.STRATEGIC: "#cc79a7",
}
_OTHERS = ("#e69f00", "#56b4e9", "#000000", "#999999")
WIDTH, HEIGHT = 460, 220


def write_plots(store: Store, run: str, folder: Path, labels: Sequence[str] = ()) -> list[Path]:
    """Write the plots of a run that there are figures for; returns the files.

    ``labels`` (see `arena.training_report`) stand below every title. Raises OSError where the
    folder cannot be written.
    """
    history = {visible(name): series for name, series in metrics.history(store, run).items()}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, make in (
        ("accuracy", accuracy),
        ("reward-and-truth", reward_and_truth),
        ("policies", policies),
        ("gradients", gradients),
    ):
        chart = make(history)
        if chart is None:
            continue
        title = {
            "text": f"{visible(run)}: {chart.title}", "subtitle": list(map(visible, labels)),
            "anchor": "start",
        }  # fmt: skip
        path = folder / f"{name}.svg"
        styled(chart.properties(title=title)).save(str(path))
        written.append(path)
    return written


def styled(chart: Any) -> Any:
    """With the looks that all plots share."""
    return (
        chart.configure_view(stroke=None)
        .configure_axis(grid=True, gridColor="#e8e8e8", domainColor="#888", tickColor="#888")
        .configure_title(fontSize=14, subtitleFontSize=11, subtitleColor="#a00000")
        .configure_legend(symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1)
    )


def _altair() -> Any:
    import altair

    return altair


def _data(rows: Iterable[Row]) -> Any:
    alt = _altair()
    return alt.Data(values=list(rows))


def _named(history: History, phase: metrics.Phase, figure: str) -> dict[str, Series]:
    """The series of a figure, by whom they are of; without those of all where there are others."""
    found = {}
    for text, series in history.items():
        name = metrics.parse(text)
        if (name.phase, name.figure, name.bound) == (phase, figure, ""):
            found[name.who] = series
    return {who: found[who] for who in sorted(found) if who or len(found) == 1}


def _estimates(history: History, figure: str) -> list[Row]:
    """One row for every evaluation and judge (or side): its value and its interval."""
    rows: list[Row] = []
    for who, series in _named(history, "eval", figure).items():
        bounds = {
            bound: dict(history.get(str(Name("eval", figure, who, bound)), ()))
            for bound in ("low", "high")
        }
        for step, value in series:
            if value is not None:
                low, high = bounds["low"].get(step), bounds["high"].get(step)
                rows.append(
                    {"step": step, "who": who or "all", "value": value,
                     "low": value if low is None else low, "high": value if high is None else high}
                )  # fmt: skip
    return rows


def _colour(names: Iterable[str], title: str) -> Any:
    """A colour for every name, the same in every plot for the judges that every run has."""
    alt = _altair()
    known = list(dict.fromkeys(names))
    ordered = [one for one in COLOURS if one in known]
    others = [one for one in known if one not in COLOURS]
    colours = [COLOURS[one] for one in ordered]
    colours += [_OTHERS[i % len(_OTHERS)] for i in range(len(others))]
    scale = alt.Scale(domain=[*ordered, *others], range=colours)
    return alt.Color("who:N", scale=scale, legend=alt.Legend(title=title))


def _steps(title: str = "training step") -> Any:
    alt = _altair()
    return alt.X("step:Q", title=title, axis=alt.Axis(tickMinStep=1))


def accuracy(history: History) -> Any:
    """Judge accuracy on held-out questions over the steps, by judge; None without evaluations."""
    alt = _altair()
    rows = _estimates(history, "accuracy")
    if not rows:
        return None
    low = min(0.45, *(row["low"] for row in rows))
    scale = alt.Scale(domain=[math.floor(low * 20) / 20, 1], nice=False)
    title = "judge accuracy"
    chance = alt.Chart(_data([{"y": 0.5}])).mark_rule(strokeDash=[4, 4], color="#666")
    base = alt.Chart(_data(rows)).encode(
        x=_steps(), color=_colour((row["who"] for row in rows), "judge")
    )
    band = base.mark_area(opacity=0.15, line=False).encode(
        y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=2, point={"size": 30}).encode(
        y=alt.Y("value:Q", title=title, scale=scale)
    )
    chart = chance.encode(y=alt.Y("y:Q", title=title, scale=scale)) + band + line
    chart = chart.properties(width=WIDTH, height=HEIGHT)
    return chart.properties(title="judge accuracy on held-out questions, with 95 % intervals")


def reward_and_truth(history: History) -> Any:
    """Proxy reward, and the accuracy of judges that nothing is trained against, over the square
    root of the KL to the start (nats per turn, mean of the policies); None without any of these.
    """
    alt = _altair()
    policies_ = _named(history, "eval", "kl").values()
    by_step: dict[int, list[float]] = {}
    for series in policies_:
        for step, value in series:
            if value is not None:
                by_step.setdefault(step, []).append(value)
    root = {step: math.sqrt(max(0.0, sum(v) / len(v))) for step, v in by_step.items()}

    def along(rows: Sequence[Row]) -> list[Row]:
        return [{**row, "root": root[row["step"]]} for row in rows if row["step"] in root]

    proxy = along(_estimates(history, "proxy"))
    gold = [row for row in along(_estimates(history, "accuracy")) if row["who"] != metrics.TRAINING]
    panels = []
    x = alt.X("root:Q", title="√ KL to the start (nats per turn)", scale=alt.Scale(nice=False))
    for rows, title in ((proxy, "proxy reward"), (gold, "judge accuracy")):
        if not rows:
            continue
        rows = [{**row, "who": "training" if rows is proxy else row["who"]} for row in rows]
        colour = _colour((row["who"] for row in rows), "judge")
        base = alt.Chart(_data(rows)).encode(x=x, color=colour)
        y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
        bars = base.mark_rule(opacity=0.4).encode(y=alt.Y("low:Q", title=title), y2="high:Q")
        line = base.mark_line(strokeWidth=2, point={"size": 30}).encode(y=y, order="step:Q")
        one = [{**row, "label": f"step {row['step']}"} for row in rows
               if row["who"] == rows[0]["who"]]  # fmt: skip
        first = alt.Chart(_data(one[:1])).mark_text(align="left", dx=5, dy=-8)
        last = alt.Chart(_data(one[-1:])).mark_text(align="right", dx=-5, dy=-8)
        label = alt.layer(first, last).encode(x=x, y="value:Q", text="label:N")
        panels.append((bars + line + label).properties(width=WIDTH, height=HEIGHT * 0.8))
    if not panels:
        return None
    chart = alt.vconcat(*panels).resolve_scale(color="independent")
    return chart.properties(title="reward and truth as the policies move away")


def _panels(history: History, wanted: Sequence[tuple[metrics.Phase, str, str]]) -> list[Any]:
    """A panel for each figure that there is: a line for every learner, over the steps."""
    alt = _altair()
    panels = []
    for phase, figure, title in wanted:
        rows: list[Row] = [
            {"step": step, "value": value, "who": who or "all"}
            for who, series in _named(history, phase, figure).items()
            for step, value in series
            if value is not None
        ]
        if not rows:
            continue
        colour = _colour((row["who"] for row in rows), "policy")
        mark = {"point": {"size": 30}} if phase == "eval" else {}
        panels.append(
            alt.Chart(_data(rows))
            .mark_line(strokeWidth=1.5, **mark)
            .encode(x=_steps(), y=alt.Y("value:Q", title=title), color=colour)
            .properties(width=WIDTH, height=HEIGHT * 0.6)
        )
    return panels


def _stacked(panels: Sequence[Any], title: str) -> Any:
    alt = _altair()
    if not panels:
        return None
    return alt.vconcat(*panels).resolve_scale(color="independent").properties(title=title)


def policies(history: History) -> Any:
    """Entropy, length and KL of the policies over the steps; None without any of them."""
    wanted: list[tuple[metrics.Phase, str, str]] = []
    for figure, title in (("entropy", "entropy (nats per token)"), ("length", "tokens per turn"),
                          ("kl", "KL to the start (nats)")):  # fmt: skip
        phase: metrics.Phase = "train" if _named(history, "train", figure) else "eval"
        wanted.append((phase, figure, title))
    return _stacked(_panels(history, wanted), "the policies")


def gradients(history: History) -> Any:
    """Gradient norms, and the share of groups that taught nothing; None without any of them."""
    wanted: list[tuple[metrics.Phase, str, str]] = [
        ("train", "gradient_norm", "gradient norm"),
        ("train", "zero_advantage", "no advantage (share)"),
        ("train", "reward", "mean reward"),
    ]
    return _stacked(_panels(history, wanted), "what a step learns from")
