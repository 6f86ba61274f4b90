"""``arena report`` of a training run: its tables, and its plots as SVG files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arena import metrics
from arena.config import ConfigError
from ui.tables import plain

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from arena.store import Store


def report_training(store: Store, run: str, plots: Path | None, as_json: bool) -> None:
    """Print the report of a training run, and write its plots: into a folder, else beside the
    store; with JSON, only where a folder is given."""
    from arena.training_report import training_report
    from ui.options import print_json
    from ui.tables import console, say

    found = training_report(store, run)
    if plots is None and not as_json and store.path is not None:
        plots = store.beside("plots", run)
    if plots is not None and plots.exists() and not plots.is_dir():
        raise ConfigError(f"--plots {plots}: is a file; name a folder")
    written: list[Path] = []
    if plots is not None:
        from ui.plots import write_plots

        written = write_plots(store, run, plots, found["labels"])
    if as_json:
        print_json({**found, "plots": [str(path) for path in written]})
        return
    print_training(console(), found)
    for path in written:
        say(f"plot: {path}")
    if plots is not None and not written:
        say("no plot: nothing has been measured yet")


def print_training(console: Console, found: Mapping[str, Any]) -> None:
    """The evaluations of a run, in four tables, with what has to be read with them."""
    name = str(found["run"])
    for label in found["labels"]:
        console.print(plain(f"Note: {name} {_sentence(label)}"), style="bold", soft_wrap=True)
    evaluations = found["evaluations"]
    if not evaluations:
        done = f"{found['steps']} steps are done" if found["steps"] else "no step is done yet"
        console.print(plain(f"{name}: no evaluation yet; {done}."), soft_wrap=True)
    else:
        console.print(_accuracy(name, evaluations, found["judges"]))
        console.print(_debates(evaluations))
        console.print(_policies(evaluations, found["learners"]))
        console.print(_learning(evaluations, found["learners"]))
        console.print(
            "won: share won by a trained debater against what the other seat's player was before "
            "(a lone consultant: verdicts for its side); proxy: mean log-odds for it there, by the "
            "training judge.\nKL (to what the policy was before) and length are per turn, entropy "
            "per token (nats). Gradient norms and the share of groups without an advantage are "
            "means since the evaluation before. Intervals are 95 %, clustered by question; n "
            "counts verdicts.",
            soft_wrap=True,
        )
        if last := evaluations[-1].get("run"):
            console.print(plain(f"The matches of an evaluation are a run: arena report {last}"))
    for alarm in found["alarms"]:
        act = "the run was stopped" if alarm.get("act") == "stop" else "a warning"
        console.print(
            plain(f"Alarm at step {alarm.get('step')} ({act}): {alarm.get('reason')}"),
            style="red",
            soft_wrap=True,
        )
    if found["people"] is not None:
        for line in _people(found["people"]):
            console.print(plain(line), soft_wrap=True)
    for row in found["spent_and_withdrawn"]:
        where = ", ".join(f"{key} {value}" for key, value in row.items())
        console.print(plain(f"Spent and withdrawn: {where}"), soft_wrap=True)


def _people(found: Mapping[str, Any]) -> Iterator[str]:
    """What became of people's verdicts, all of them and each person's, and those that never pay."""

    def counts(fates: Mapping[str, int]) -> str:
        return ", ".join(f"{n} {what}" for what, n in fates.items() if n) or "none"

    fates = counts(found["fates"])
    yield f"People's verdicts: {found['verdicts']} ({fates}); not judged yet: {found['unjudged']}"
    for name, of in found["people"].items():
        yield f"  {name}: {counts(of)}"
    right = found["held_out_accuracy"]
    if right is not None:
        yield f"Held-out verdicts, which never pay: right {_estimate(right)}, n {right['n']}"
    for what, entries in found["listed"].items():
        for one in entries:
            where = ", ".join(f"{key} {value}" for key, value in one.items())
            yield f"{what.capitalize()}, paid nothing: {where}"


def _sentence(label: str) -> str:
    return f"is {label}." if label.startswith("a ") else f"{label}."


def _table(title: str, first: str = "step") -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=plain(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column(first, justify="right", no_wrap=True)
    return table


def _accuracy(name: str, rows: Sequence[Mapping[str, Any]], judges: Sequence[str]) -> Table:
    table = _table(f"{name}: judge accuracy on held-out questions")
    for judge in judges:
        table.add_column(plain(judge), justify="right", no_wrap=len(judges) <= 4)
    table.add_column("n", justify="right", no_wrap=True)
    for row in rows:
        known = row.get("accuracy", {})
        counts = sorted({one["n"] for one in known.values() if one["n"]})
        table.add_row(
            str(row["step"]),
            *(_estimate(known.get(judge)) for judge in judges),
            "-".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "",
        )
    return table


def _debates(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("trained against what was before, and what is said")
    for head in ("won as\nhonest", "won as\ndishonest", "proxy\nreward", "quotes\nverified",
                 "relevant, honest /\ndishonest", "withdrawals\nfound"):  # fmt: skip
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        won, proxy = row.get("win", {}), row.get("proxy") or {}
        table.add_row(
            str(row["step"]),
            _estimate(won.get(metrics.HONEST)),
            _estimate(won.get(metrics.DISHONEST)),
            _signed(proxy.get("value")),
            _figure(row.get("verified")),
            _pair(row.get("relevant", {})),
            _figure(row.get("found")),
        )
    return table


def _policies(rows: Sequence[Mapping[str, Any]], learners: Sequence[str]) -> Table:
    names = " / ".join(learners)
    table = _table(f"policies: {names}" if learners else "policies")
    for head in ("KL to start", "entropy", "length", "gradient norm"):
        table.add_column(head, justify="right", no_wrap=len(learners) <= 4)
    for row in rows:
        table.add_row(
            str(row["step"]),
            _each(row.get("kl", {}), learners, "{:.2f}"),
            _each(row.get("entropy", {}), learners, "{:.2f}"),
            _each(row.get("length", {}), learners, "{:.1f}"),
            _each(row.get("gradient_norm", {}), learners, "{:.2g}"),
        )
    return table


def _learning(rows: Sequence[Mapping[str, Any]], learners: Sequence[str]) -> Table:
    table = _table("what went wrong, and what taught nothing")
    for head in ("groups without\nadvantage", "failed, honest /\ndishonest", "missing\nverdicts"):
        table.add_column(head, justify="right", no_wrap=len(learners) <= 4)
    table.add_column("alarm", no_wrap=True)
    for row in rows:
        missing = sum(value or 0 for value in row.get("missing", {}).values())
        table.add_row(
            str(row["step"]),
            _figure(row.get("zero_advantage")),
            _pair(row.get("failures", {}), "{:.0f}"),
            f"{missing:.0f}" if "missing" in row else "",
            {True: "RAISED", False: "no", None: ""}[row.get("alarm")],
        )
    return table


def _estimate(one: Mapping[str, Any] | None) -> str:
    if one is None or one["value"] is None:
        return ""
    if one["low"] is None or one["high"] is None:
        return f"{one['value']:.3f}"
    return f"{one['value']:.3f} ({one['low']:.3f}-{one['high']:.3f})"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _pair(values: Mapping[str, float | None], how: str = "{:.3f}") -> str:
    return _each(values, (metrics.HONEST, metrics.DISHONEST), how)


def _each(values: Mapping[str, float | None], who: Sequence[str], how: str) -> str:
    found = [values.get(one) for one in who]
    if all(value is None for value in found):
        only = values.get("all")
        return "" if only is None else how.format(only)
    return " / ".join("-" if value is None else how.format(value) for value in found)
