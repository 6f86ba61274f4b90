"""What a study allows at the desk: how debates are read, what is asked, and what is told after.

Settings belong to a run. They come from the block ``desk`` of a run file or from an admin's page,
and every change is kept: the last row of the table ``desks`` stands.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

from arena.config import validate
from arena.desk.events import EVENT, event
from arena.ids import canonical
from arena.stats.scores import TURN_PENALTY
from arena.store import Store

Reading = Literal["stepped", "whole", "timed"]
Score = Literal["log", "brier", "none"]
Ask = Literal["sides", "key", "human"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the judges of a run are shown, asked and told.

    ``mode``: ``stepped`` (a probability before each next turn is shown), ``whole`` (everything at
    once) or ``timed`` (everything at once, ``seconds`` to read it). ``prior``: a probability before
    anything is shown, when stepped. ``early``: a stepped reader may decide before the last turn.
    ``score`` with ``price``, in points a step, is the payoff that is shown beside the slider and
    never tells the truth. ``undo`` is for how many seconds a verdict may be taken back; None is
    without limit. ``survey`` asks after the verdict: ``sides`` (how convincing, a Likert item for
    each side), ``key`` (is the answer key right?), ``human`` (who was a person?). ``feedback``
    shows the truth after the verdict, ``calibration`` the judge's own record. ``practice`` and
    ``gold`` name runs of this store whose debates are given first, with feedback, and among the
    others, unmarked; ``gold_share`` and ``again_share`` are shares of a judge's debates that are
    gold, or are given a second time. With either there is no ``feedback``, which would give away
    what comes again, and a record is shown when all that was planned for its judge is done.
    """

    mode: Reading = "stepped"
    seconds: int | None = None
    prior: bool = True
    early: bool = True
    tie: bool = True
    reason: bool = True
    confirm: bool = True
    undo: float | None = 60.0
    score: Score = "log"
    price: float = TURN_PENALTY
    survey: tuple[Ask, ...] = ()
    feedback: bool = False
    calibration: bool = False
    notes: bool = True
    instructions: str = ""
    practice: str | None = None
    gold: str | None = None
    gold_share: float = 0.0
    again_share: float = 0.0

    def __post_init__(self) -> None:
        if (self.mode == "timed") != (self.seconds is not None):
            raise ValueError(
                "mode timed needs seconds, and no other mode has them; "
                f"got {self.mode} and {self.seconds}"
            )
        if self.seconds is not None and not 1 <= self.seconds <= 86_400:
            raise ValueError(f"seconds must be from 1 to 86400, got {self.seconds}")
        if self.undo is not None and not self.undo >= 0:
            raise ValueError(f"undo must be 0 or more seconds, or null, got {self.undo}")
        if not 0 <= self.price <= 1:
            raise ValueError(f"price must be from 0 to 1 point a step, got {self.price}")
        for name in ("gold_share", "again_share"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ValueError(f"{name} must be from 0 to 0.5, got {getattr(self, name)}")
        if self.feedback and (self.gold_share or self.again_share):
            raise ValueError(
                "feedback must be false where gold_share or again_share is above 0, since whoever "
                "is told answers knows those of what comes again; got feedback true with "
                f"gold_share {self.gold_share:g} and again_share {self.again_share:g}: set "
                "feedback to false or both shares to 0 (practice tells its answers all the same)"
            )
        if self.gold_share and self.gold is None:
            raise ValueError("gold_share needs gold, the name of a run with known answers")
        if len(set(self.survey)) < len(self.survey):
            raise ValueError(f"survey names a question twice: {list(self.survey)}")
        if "key" in self.survey and not self.feedback:
            raise ValueError("survey asks whether the key is right: that needs feedback: true")


def settings_of(store: Store, run: str | None) -> Settings:
    """The settings that stand for a run; the defaults where none were ever set.

    A verdict on a training run pays every speech, so there a judge reads all of them: never early.
    """
    sql = (
        "SELECT (SELECT settings FROM desks WHERE run = ?1 ORDER BY at DESC LIMIT 1) AS settings, "
        "(SELECT kind FROM runs WHERE name = ?1) AS kind"
    )
    row = None if run is None else store.one(sql, run)
    if row is None:
        return Settings()
    known = {field.name for field in fields(Settings)}
    kept = json.loads(row["settings"] or "{}")
    value = {name: one for name, one in kept.items() if name in known}
    found = validate(Settings, value, f"the desk of {run}")
    return replace(found, early=False) if row["kind"] == "train" else found


def set_settings(
    store: Store, run: str, settings: Settings, person: str | None = None, now: float | None = None
) -> bool:
    """Keep the settings of a run, with an event; False where they stand already.

    ``person`` is the admin who set them, None for a run file.
    """
    if settings_of(store, run) == settings and store.one("SELECT 1 FROM desks WHERE run = ?", run):
        return False
    now = time.time() if now is None else now
    kept = asdict(settings)
    store.execute(
        {
            "INSERT OR REPLACE INTO desks (run, at, settings, person) VALUES (?,?,?,?)": [
                (run, now, canonical(kept), person)
            ],
            EVENT: [
                event("settings", person, now, value={"run": run, "settings": kept}),
            ],
        },
        full=True,
    )
    return True
