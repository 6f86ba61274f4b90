"""Checkpoints of a training run: a folder that is there whole or not at all.

It holds the learners (weights and optimisers, to the bit), the opponents of the pool as adapters,
and ``state.json``: the trainer's state, the caller's own, and the digest of every other file.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from agents.training import Trainer

STATE = "state.json"
FORMAT = 1
KEPT = 2  # checkpoints of a run that stay: the newest, and the one before it


def save(trainer: Trainer, root: Path, extra: Mapping[str, Any]) -> tuple[str, Path]:
    """Write the checkpoint of the step that was taken last to ``root/STEP``; its digest and place.

    ``extra`` is JSON that `load` gives back. Older checkpoints but one are deleted afterwards.
    """
    import torch

    root.mkdir(parents=True, exist_ok=True)
    place = root / str(trainer.step)
    fresh = root / f".{trainer.step}.{uuid4().hex}.new"
    fresh.mkdir()
    try:
        for n, learner in enumerate(trainer.learners):
            try:
                torch.save(learner.snapshot(), fresh / f"learner-{n}.pt")
            except RuntimeError as error:  # what torch makes of a full disk
                why = " ".join(str(error).split())[:200]
                raise OSError(f"a checkpoint cannot be written to {root}: {why}") from None
        for policy, name, _ in trainer.opponents.snapshots():
            policy.engine.save(name, fresh / "pool" / name)
        files = {name: _digest(fresh / name) for name in _files(fresh)}
        state = {"format": FORMAT, "trainer": trainer.state(), "extra": extra, "files": files}
        text = json.dumps(state, indent=1, sort_keys=True, allow_nan=False) + "\n"
        (fresh / STATE).write_text(text, encoding="utf-8")
        for name in _files(fresh):
            _sync(fresh / name)
        if place.exists():  # of a run that was taken back to an older one
            shutil.rmtree(place)
        os.rename(fresh, place)
        _sync(root)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _tidy(root)
    return sha256(text.encode()).hexdigest(), place


def load(trainer: Trainer, place: Path) -> dict[str, Any]:
    """Take a new trainer to where a checkpoint was written; returns the ``extra`` of that time.

    Raises ValueError, in one line, where the files are not those that were written, or are of other
    policies.
    """
    import torch

    state = _state(place)
    trainer_state = state["trainer"]
    for n, learner in enumerate(trainer.learners):
        learner.restore(torch.load(place / f"learner-{n}.pt", weights_only=True))
    trainer.resume(trainer_state)
    for policy, name, model in trainer.opponents.snapshots():
        policy.engine.attach(name, place / "pool" / name, trainable=False)
        if policy.engine.model_of(name) != model:
            raise ValueError(f"checkpoint {place.name}: opponent {name} is not what was kept")
    extra: dict[str, Any] = state["extra"]
    return extra


def newest(root: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint whose files are those that were written (None where there is none), and
    what is wrong with each that is newer."""
    wrong = []
    for place in reversed(_places(root)):
        try:
            _state(place)
        except ValueError as error:
            wrong.append(str(error))
            continue
        return place, wrong
    return None, wrong


def extra_of(place: Path) -> dict[str, Any]:
    """The ``extra`` of a checkpoint, without loading it. Raises ValueError as `load` does."""
    found: dict[str, Any] = _state(place)["extra"]
    return found


def drop_after(root: Path, step: int) -> None:
    """Delete the checkpoints of later steps, which cannot be read: their steps are taken again."""
    for place in _places(root):
        if int(place.name) > step:
            shutil.rmtree(place)


def digest(place: Path) -> str:
    """What a checkpoint is: `save` gave the same."""
    return _digest(place / STATE)


def _state(place: Path) -> dict[str, Any]:
    """What a checkpoint says it holds, its files compared with it."""
    try:
        state: dict[str, Any] = json.loads((place / STATE).read_text(encoding="utf-8"))
        if state.get("format") != FORMAT:
            raise ValueError(f"it is of format {state.get('format')}, expected {FORMAT}")
        wrong = [name for name, kept in state["files"].items() if _digest(place / name) != kept]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"checkpoint {place.name} cannot be read: {why}") from None
    if wrong:
        raise ValueError(f"checkpoint {place.name}: {wrong[0]} is not what was written")
    return state


def _places(root: Path) -> list[Path]:
    found = [one for one in root.iterdir() if one.name.isdigit()] if root.is_dir() else []
    return sorted(found, key=lambda one: int(one.name))


def _tidy(root: Path) -> None:
    """Delete what is older than the last checkpoints, and what a killed process has left."""
    for old in _places(root)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    for left in root.glob(".*.new"):
        shutil.rmtree(left, ignore_errors=True)


def _files(folder: Path) -> list[str]:
    found = (one for one in folder.rglob("*") if one.is_file())
    return sorted(one.relative_to(folder).as_posix() for one in found)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
