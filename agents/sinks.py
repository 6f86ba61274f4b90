"""Where a training's figures can be watched besides: TensorBoard, trackio, Weights & Biases.

The store is the record. A sink is a copy for looking at, so one that fails in the middle of a run
is said so once and left, and the training goes on.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeAlias

PROJECT = "arena"
"""The project under which trackio and Weights & Biases list the runs."""


_Shown: TypeAlias = Mapping[str, float]


class _Backend(Protocol):
    def write(self, step: int, values: _Shown) -> None: ...

    def close(self) -> None: ...


class Sink(Protocol):
    """Takes the figures of a step."""

    def write(self, step: int, values: Mapping[str, float | None]) -> None:
        """Show these figures (named as in `arena.metrics`) at a step; None is shown as nothing."""

    def close(self) -> None:
        """Finish; called once."""


class _TensorBoard:
    """Event files in ``folder``; what an earlier start wrote after ``step`` is not shown."""

    def __init__(self, run: str, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        writer: Any = SummaryWriter
        self._writer = writer(str(folder / "tensorboard" / _file(run)), purge_step=step + 1)

    def write(self, step: int, values: _Shown) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _Trackio:
    """A local trackio run; every start of a training is one, and their group is the training."""

    def __init__(self, run: str, folder: Path, step: int) -> None:
        self._trackio: Any = import_module("trackio")
        with redirect_stdout(sys.stderr):  # ours may hold one JSON document
            self._trackio.init(project=PROJECT, name=f"{run} from {step}", group=run, embed=False)

    def write(self, step: int, values: _Shown) -> None:
        self._trackio.log(dict(values), step=step)

    def close(self) -> None:
        with redirect_stdout(sys.stderr):
            self._trackio.finish()


class _Wandb:
    """A run of Weights & Biases, online or not as its own settings (``WANDB_MODE``) say."""

    def __init__(self, run: str, folder: Path, step: int) -> None:
        library: Any = import_module("wandb")
        self._run = library.init(
            project=PROJECT, name=f"{run} from {step}", group=run, dir=str(folder)
        )

    def write(self, step: int, values: _Shown) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


_KNOWN: dict[str, Callable[[str, Path, int], _Backend]] = {
    "tensorboard": _TensorBoard,
    "trackio": _Trackio,
    "wandb": _Wandb,
}
SINKS = tuple(_KNOWN)


class _Safe:
    """A sink that cannot stop a training."""

    def __init__(self, name: str, sink: _Backend, say: Callable[[str], None]) -> None:
        self._name, self._say = name, say
        self._sink: _Backend | None = sink

    def write(self, step: int, values: Mapping[str, float | None]) -> None:
        shown = {k: v for k, v in values.items() if v is not None and math.isfinite(v)}
        if self._sink is not None and shown:
            self._try(lambda sink: sink.write(step, shown))

    def close(self) -> None:
        if self._sink is not None:
            self._try(lambda sink: sink.close())
        self._sink = None

    def _try(self, act: Callable[[_Backend], None]) -> None:
        assert self._sink is not None
        try:
            act(self._sink)
        except Exception as error:
            self._sink = None
            self._say(f"sink {self._name!r} is left, the store keeps everything: {_why(error)}")


def check_sinks(names: Sequence[str]) -> None:
    """Raise ValueError, in one line, for a name that there is not and for a missing package."""
    for name in names:
        if name not in _KNOWN:
            raise ValueError(f"sinks: expected some of {', '.join(SINKS)}, got {name!r}")
        if find_spec(name) is None:
            raise ValueError(
                f"sinks: {name} is not installed; install it with: pip install {name} "
                "(or all of them: pip install 'oversight-arena[track]')"
            )


def open_sinks(
    names: Sequence[str],
    run: str,
    folder: Path,
    step: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> list[Sink]:
    """The sinks of these names for a run; what they keep in files goes into ``folder``.

    ``step``: how many steps the run has done (more than 0 when it goes on). ``say`` is given one
    line where a sink fails later. Raises ValueError, in one line, as `check_sinks` does and for a
    sink that cannot start; then none is open.
    """
    check_sinks(names)
    opened: list[Sink] = []
    for name in dict.fromkeys(names):
        try:
            opened.append(_Safe(name, _KNOWN[name](run, folder, step), say))
        except Exception as error:
            for sink in opened:
                sink.close()
            raise ValueError(f"sinks: {name} cannot be started: {_why(error)}") from error
    return opened


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _file(name: str) -> str:
    """A name as one folder's name."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip(". ") or "run"
