"""``arena power``: how many verdicts tell two accuracies apart, before any is asked for."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from typing import Annotated, Any

import typer

from ui.options import AsJson, one_line, print_json

MOST = 1_000_000
"""No simulated study has more verdicts in an arm."""
WIDEST = 10.0
"""No deviation of log-odds is larger: hardly a verdict would be in doubt."""


def power(
    p1: Annotated[float, typer.Argument(metavar="P1", help="The accuracy of one arm, as in .74.")],
    p2: Annotated[float, typer.Argument(metavar="P2", help="The accuracy of the other.")],
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, help="Verdicts of each arm; with --paired, shared questions."),
    ] = None,
    target: Annotated[
        float | None, typer.Option("--power", help="Without --n: the power to reach; .8 if absent.")
    ] = None,
    level: Annotated[float, typer.Option(help="The level of the interval.")] = 0.95,
    cluster_size: Annotated[
        float | None, typer.Option(help="Verdicts that share a story (or a judge), on average.")
    ] = None,
    icc: Annotated[
        float | None, typer.Option(help="The correlation of verdicts that share one.")
    ] = None,
    paired: Annotated[
        bool, typer.Option("--paired", help="Both arms judge the same questions.")
    ] = False,
    sd: Annotated[
        float | None,
        typer.Option(help="How much questions differ: the deviation of their log-odds."),
    ] = None,
    verdicts: Annotated[
        int | None, typer.Option(min=1, help="Verdicts on a question in each arm; 1 if absent.")
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Draw studies and analyse each as a report does.")
    ] = False,
    stories: Annotated[
        int | None, typer.Option(min=1, help="Stories that the questions lie in (simulated).")
    ] = None,
    story_sd: Annotated[
        float | None, typer.Option(help="How much stories differ, in log-odds (simulated).")
    ] = None,
    judges: Annotated[
        int | None, typer.Option(min=1, help="Judges who share the verdicts (simulated).")
    ] = None,
    judge_sd: Annotated[
        float | None, typer.Option(help="How much judges differ, in log-odds (simulated).")
    ] = None,
    judge_arm_sd: Annotated[
        float | None, typer.Option(help="How much judges differ in P2 less P1 (simulated).")
    ] = None,
    by_judge: Annotated[
        bool, typer.Option("--by-judge", help="Two-way intervals, by judge too (simulated).")
    ] = False,
    simulations: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Studies to draw; 1000 if absent.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulation.")] = 0,
    as_json: AsJson = False,
) -> None:
    """The power to tell two judge accuracies apart, or the verdicts that a power takes.

    Closed forms: two shares, with a design effect (--cluster-size, --icc); or --paired, on
    questions that differ (--sd). With --simulate, a whole design: --n questions of each arm.
    """
    drawn = {
        "--stories": stories, "--story-sd": story_sd, "--judges": judges, "--judge-sd": judge_sd,
        "--judge-arm-sd": judge_arm_sd, "--simulations": simulations,
        "--by-judge": by_judge or None,
    }  # fmt: skip
    effect = {"--cluster-size": cluster_size, "--icc": icc}
    numbers = {"P1": p1, "P2": p2, "--power": target, "--level": level, "--sd": sd, **drawn}
    with one_line():
        _finite({**numbers, **effect})
        if simulate:
            _absent({**effect, "--power": target}, "--simulate has none: it draws what --n says")
            found = _simulated(
                p1, p2, n, verdicts or 1, paired, sd or 0.0, stories, story_sd or 0.0, judges,
                judge_sd or 0.0, judge_arm_sd or 0.0, simulations or 1000, seed, by_judge,
                level,
            )  # fmt: skip
        else:
            _absent(drawn, "it is of a simulated design: add --simulate")
            if n is not None:
                _absent({"--power": target}, "with --n the power is what is computed: leave one")
            if paired:
                _absent(effect, "it is for arms on questions of their own: leave --paired out")
                found = _on_shared(
                    p1, p2, n, 0.8 if target is None else target, sd or 0.0, verdicts or 1, level
                )
            else:
                what = "it is for questions that arms share or that are simulated: "
                _absent({"--sd": sd, "--verdicts": verdicts}, f"{what}--paired or --simulate")
                found = _apart(
                    p1, p2, n, 0.8 if target is None else target, cluster_size, icc, level
                )
    if as_json:
        print_json(found)
        return
    _print(found)


def _finite(given: dict[str, float | None]) -> None:
    from arena.config import ConfigError

    for name, value in given.items():
        if value is not None and not isfinite(value):
            raise ConfigError(f"{name}: expected a finite number, got {value}")
        if value is not None and name.endswith("sd") and not 0 <= value <= WIDEST:
            raise ConfigError(
                f"{name}: expected a deviation of log-odds from 0 to {WIDEST:g}, got {value:g}"
            )


def _absent(given: dict[str, float | None], why: str) -> None:
    from arena.config import ConfigError

    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"{name}: {why}")


def _apart(
    p1: float, p2: float, n: int | None, target: float, size: float | None, icc: float | None,
    level: float,
) -> dict[str, Any]:  # fmt: skip
    """Two shares on questions of their own."""
    from arena.config import ConfigError
    from arena.stats import power

    if (size is None) != (icc is None):
        raise ConfigError("expected --cluster-size and --icc together: one alone says nothing")
    try:
        effect = 1.0 if size is None or icc is None else power.design_effect(size, icc)
        count = power.needed(p1, p2, target, effect, level) if n is None else n
        reached = power.two_proportions(p1, p2, count, count, effect, level)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return {"method": "two proportions", "p1": p1, "p2": p2, "level": level, "n": count,
            "design_effect": effect, "power": reached}  # fmt: skip


def _on_shared(
    p1: float, p2: float, n: int | None, target: float, sd: float, verdicts: int, level: float
) -> dict[str, Any]:
    """Two shares on the same questions."""
    from arena.config import ConfigError
    from arena.stats import power

    try:
        count = power.needed_pairs(p1, p2, target, sd, verdicts, level) if n is None else n
        found = power.paired(p1, p2, count, sd, verdicts, level)
    except (ValueError, ZeroDivisionError) as error:
        plain = isinstance(error, ValueError)
        why = str(error) if plain else f"expected accuracies between 0 and 1, got {p1} and {p2}"
        raise ConfigError(why) from None
    return {"method": "paired", "p1": p1, "p2": p2, "level": level, "n": count,
            "verdicts": verdicts, "sd": sd, "power": found.paired,
            "power_unpaired": found.unpaired, "se": found.se}  # fmt: skip


def _simulated(
    p1: float, p2: float, n: int | None, verdicts: int, paired: bool, sd: float,
    stories: int | None, story_sd: float, judges: int | None, judge_sd: float,
    judge_arm_sd: float, simulations: int, seed: int, by_judge: bool,
    level: float,
) -> dict[str, Any]:  # fmt: skip
    """A design, and what its simulated studies came to."""
    from arena.config import ConfigError
    from arena.stats import power
    from arena.stats.intervals import check_level
    from ui.tables import say

    if n is None:
        raise ConfigError("--simulate: expected --n, the number of questions of each arm")
    if n * verdicts > MOST:
        raise ConfigError(
            f"--n: expected at most {MOST} verdicts of each arm to simulate, got {n * verdicts}; "
            "the closed forms have no such limit"
        )
    try:
        design = power.Design(
            (p1, p2), n, stories, judges, verdicts, paired, sd, story_sd, judge_sd, judge_arm_sd
        )
        check_level(level)
        if by_judge and (paired or judges is None):
            raise ValueError("--by-judge: expected --judges, and no --paired")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if n * verdicts * simulations > 2 * MOST:
        say(f"drawing {simulations} studies of {2 * n * verdicts} verdicts", error=True)
    try:
        found = power.simulate(design, simulations, seed, by_judge=by_judge, level=level)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    planned = {name: value for name, value in asdict(design).items() if name != "p"}
    seen = isfinite(found.half_width)  # of one cluster no study has an interval
    return {
        "method": "simulated", "p1": p1, "p2": p2, "level": level, "n": n, "seed": seed,
        "design": planned, "by": "story and judge" if by_judge else "story",
        "simulations": found.simulations, "power": found.power,
        "interval": [found.low, found.high], "covered": found.covered if seen else None,
        "mean": found.mean, "half_width": found.half_width if seen else None,
    }  # fmt: skip


def _print(found: dict[str, Any]) -> None:
    from ui.tables import say

    arms = f"{found['p1']:g} against {found['p2']:g} at {100 * found['level']:g} %"
    n, reached = found["n"], found["power"]
    if found["method"] == "two proportions":
        say(f"{arms}, {n} verdicts of each arm: power {reached:.3f}")
        if found["design_effect"] != 1:
            alone = n / found["design_effect"]
            say(f"design effect {found['design_effect']:.3g}: worth {alone:.0f} that share nothing")
    elif found["method"] == "paired":
        each = (
            "" if found["verdicts"] == 1 else f", {found['verdicts']} verdicts of each arm on each"
        )
        say(f"{arms}, {n} questions that both arms judge{each}: power {reached:.3f}")
        say(f"taken for independent arms: power {found['power_unpaired']:.3f}")
    else:
        low, high = found["interval"]
        shared = "that both arms judge" if found["design"]["shared"] else "of each arm"
        say(f"{arms}, {n} questions {shared}, by {found['by']}: power {reached:.3f} "
            f"({low:.3f}-{high:.3f}, {found['simulations']} studies)")  # fmt: skip
        if found["half_width"] is None:
            say("one cluster is all there is: no study has an interval")
        else:
            say(f"intervals of {found['mean']:+.3f} ± {found['half_width']:.3f} on average, of "
                f"which {100 * found['covered']:.1f} % hold the true difference")  # fmt: skip
