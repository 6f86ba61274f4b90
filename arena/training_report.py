"""What a training run came to: its evaluations in order, its alarms, and what it must be read with.

Everything comes from the run's metrics and events in the store; nothing is computed anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from arena import metrics
from arena.accounts import people_report, spent_and_withdrawn, taken_back_label
from arena.alarm import AlarmSettings
from arena.metrics import Name, Series
from arena.store import Store, StoreError

ALARM = "alarm"
"""The kind of the events of the judge-hacking alarm."""
_ESTIMATES = ("accuracy", "win", "proxy")


def is_training(store: Store, run: str) -> bool:
    """Whether a run of that name is a training."""
    return store.one("SELECT 1 FROM runs WHERE name = ? AND kind = 'train'", run) is not None


def training_report(store: Store, run: str) -> dict[str, Any]:
    """The evaluations of a training run, as JSON values.

    An estimate is ``{value, low, high, n}``; a figure of several is a mapping (judges, learners,
    honest and dishonest; ``all`` for everybody's). What was not measured is None or not there.
    ``run`` names the stored run that holds an evaluation's matches, if one does. ``labels`` say
    what the run has read of the truth, and that verdicts were taken back which it had learnt from.
    ``people`` is the account of people's verdicts, None where no person judges. Raises StoreError
    where there is no such run.
    """
    row = store.one("SELECT kind, config, finished_at FROM runs WHERE name = ?", run)
    if row is None:
        known = ", ".join(one["name"] for one in store.query("SELECT name FROM runs")) or "none"
        raise StoreError(f"no run {run!r} in this store; its runs: {known}")
    if row["kind"] != "train":
        raise StoreError(f"run {run!r} is no training (it is of kind {row['kind']!r}); no plots")
    history = metrics.history(store, run)
    kept = store.query("SELECT name FROM runs WHERE kind = 'evaluation'")
    stored = {one["name"]: one["name"] for one in kept}
    by_step: dict[int, dict[Name, float | None]] = {}
    steps = 0
    for name, series in history.items():
        parsed = metrics.parse(name)
        for step, value in series:
            if parsed.phase == "eval":
                by_step.setdefault(step, {})[parsed] = value
            else:
                steps = max(steps, step)
    config = json.loads(row["config"])
    share = ((config.get("train") or {}).get("people") or {}).get("held_out_share", 0.0)
    return {
        "run": run,
        "kind": "train",
        "finished": row["finished_at"] is not None,
        "steps": steps,
        "labels": labels(config, history) + taken_back_label(store, run, steps),
        "judges": judges_of(history),
        "learners": learners_of(history),
        "evaluations": [
            {**_evaluation(step, by_step[step]), "run": stored.get(f"{run}@{step}")}
            for step in sorted(by_step)
        ],
        "alarms": list(_events(store, run, ALARM)),
        "people": people_report(store, run, steps, share, store.truths()),
        "spent_and_withdrawn": spent_and_withdrawn(store, run),
    }


def labels(config: Mapping[str, Any], history: Mapping[str, Series]) -> list[str]:
    """What every table of a run has to say: where the truth had a hand in it."""
    block = config.get("train") or {}
    found = []
    act = (block.get("alarm") or {}).get("act")
    if act == "stop" or _ever(history, metrics.evaluation("uses_truth")):
        found.append(AlarmSettings(act="stop").label)
    if block.get("control") or _ever(history, metrics.train("uses_truth")):
        what = f" ({block['control']})" if block.get("control") else ""
        found.append(f"a control: its reward reads the truth{what}")
    return found


def evaluation_labels(store: Store, config: Mapping[str, Any]) -> list[str]:
    """What the table of a stored evaluation has to say, by the configuration of its run."""
    run, step = str(config.get("training")), int(config.get("step", 0))
    found = [AlarmSettings(act="stop").label] if config.get("alarm") == "stop" else []
    if config.get("control"):
        found.append(f"is a control: its reward reads the truth ({config['control']})")
    found += taken_back_label(store, run, step)
    return [f"evaluates {run}, which {label}" for label in found]


def judges_of(history: Mapping[str, Series]) -> list[str]:
    """The judges that were measured, those of `metrics.JUDGES` first."""
    known = _who(history, "eval", "accuracy")
    return [*(one for one in metrics.JUDGES if one in known),
            *sorted(known - set(metrics.JUDGES))]  # fmt: skip


def learners_of(history: Mapping[str, Series]) -> list[str]:
    """The policies that were trained, by name."""
    found = _who(history, "eval", "kl") | _who(history, "train", "gradient_norm")
    return sorted(found | _who(history, "train", "entropy"))


def _who(history: Iterable[str], phase: str, figure: str) -> set[str]:
    names = map(metrics.parse, history)
    return {one.who for one in names if (one.phase, one.figure) == (phase, figure) and one.who}


def _ever(history: Mapping[str, Series], name: str) -> bool:
    return any(value for _, value in history.get(name, ()))


def _evaluation(step: int, values: Mapping[Name, float | None]) -> dict[str, Any]:
    found: dict[str, Any] = {"step": step}
    for name in values:
        if name.bound:
            continue
        value: Any = values[name]
        if name.figure in _ESTIMATES:
            value = {
                bound or "value": values.get(Name("eval", name.figure, name.who, bound))
                for bound in ("", "low", "high", "n")
            }
            value["n"] = int(value["n"] or 0)
        if name.figure in ("alarm", "uses_truth"):
            found[name.figure] = None if value is None else bool(value)
        elif name.figure in ("proxy", "verified", "found", "zero_advantage"):
            found[name.figure] = value
        else:
            found.setdefault(name.figure, {})[name.who or "all"] = value
    return found


def _events(store: Store, run: str, kind: str) -> Iterable[dict[str, Any]]:
    sql = "SELECT match, turn, value FROM events WHERE kind = ? ORDER BY id"
    for row in store.query(sql, kind):
        value = json.loads(row["value"])
        if value.get("run") == run:
            del value["run"]
            where = {key: row[key] for key in ("match", "turn") if row[key] is not None}
            yield {**value, **where}
