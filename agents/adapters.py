"""LoRA adapters as values and as folders: what makes one, where it lies, and what is refused.

A folder is what peft writes (``adapter_config.json``, ``adapter_model.safetensors``) and one file
of ours, which names the base that the adapter was made for.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

if TYPE_CHECKING:
    import torch

CONFIG, WEIGHTS, OURS = "adapter_config.json", "adapter_model.safetensors", "arena.json"
_PLAIN = {  # keys of peft's configuration that two matrices beside a linear layer can have
    "auto_mapping", "base_model_name_or_path", "bias", "exclude_modules", "fan_in_fan_out",
    "inference_mode", "init_lora_weights", "layers_pattern", "layers_to_transform", "lora_alpha",
    "alpha_pattern", "lora_dropout", "megatron_core", "peft_type", "peft_version",
    "qalora_group_size", "r", "rank_pattern", "revision", "runtime_config", "target_modules",
    "task_type", "use_rslora", "ensure_weight_tying",
}  # fmt: skip
_INITS = (True, False, None, "gaussian", "eva", "orthogonal")
"""Initialisations that leave the base as it is; others rewrite it, and their adapters want that."""


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """A fresh adapter: ``targets`` are names of linear layers, as ``q_proj``; ``seed`` draws it."""

    rank: int = 16
    alpha: int = 32
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"rank must be 1 or more, got {self.rank}")
        if not self.targets or (isinstance(self.targets, str) and self.targets != "all-linear"):
            raise ValueError(f"targets must be names or 'all-linear', got {self.targets!r}")


@dataclass(frozen=True, slots=True)
class AdapterRef:
    """Which adapter: ``digest`` says what it is, name and version what somebody called it."""

    name: str
    version: str = ""
    digest: str = ""
    path: str = field(default="", compare=False)

    @property
    def record(self) -> dict[str, object]:
        """As JSON values; where it lies is no part of it."""
        return {"name": self.name, "version": self.version, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Stored:
    """What an adapter's folder holds. ``base`` is the digest of its base, where that was noted."""

    config: Mapping[str, Any]
    tensors: Mapping[str, torch.Tensor]
    base: str | None


def find_adapter(model: Path, adapter: str, version: str | None = None) -> Path:
    """The folder of an adapter: the folder that ``adapter`` names, else ``adapters/ADAPTER`` beside
    the files of ``model``; with a version, that folder in it. ValueError where there is none."""
    places = [Path(adapter).expanduser(), model / "adapters" / adapter]
    for place in places:
        folder = place / version if version else place
        if (folder / CONFIG).is_file():
            return folder
    found = [place for place in places if place.is_dir()]
    if not found:
        own = ", ".join(_inside(model / "adapters")) or "none"
        raise ValueError(f"there is no adapter {adapter!r}; adapters of this model: {own}")
    what = f"version {version!r}" if version else CONFIG
    known = [
        f"@{name}"
        for place in found
        for name in _inside(place)
        if (place / name / CONFIG).is_file()
    ]
    versions = ", ".join(known) or "none"
    raise ValueError(f"adapter {adapter!r} has no {what}; its versions: {versions}")


def _inside(folder: Path) -> list[str]:
    """The names of the folders in a folder."""
    return sorted(one.name for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


def read_adapter(folder: Path, base: str) -> Stored:
    """What lies in ``folder``, for the base of that digest.

    ValueError, in one line, for what is missing or broken, made for another base, or no plain LoRA.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    name = folder.name
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise ValueError(f"adapter {name!r} has no {file}: not a complete adapter")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        ours = folder / OURS
        noted = json.loads(ours.read_text(encoding="utf-8")) if ours.is_file() else {}
        tensors = load_file(folder / WEIGHTS)
    except (ValueError, OSError, SafetensorError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"adapter {name!r} cannot be read; get its files again: {why}") from None
    if not isinstance(config, dict) or not isinstance(noted, dict):
        raise ValueError(f"adapter {name!r} cannot be read; get its files again: no JSON object")
    _check_plain(name, config)
    made_for = noted.get("base")
    if made_for not in (None, base):
        raise ValueError(
            f"adapter {name!r} was made for base {made_for}, this base is {base}; "
            "load it on its own base, or train one for this"
        )
    return Stored(config, tensors, made_for)


def _check_plain(name: str, config: Mapping[str, Any]) -> None:
    """Refuse what is not two matrices beside each of some linear layers."""
    kind = config.get("peft_type")
    if kind != "LORA":
        raise ValueError(f"adapter {name!r} is of type {kind}; expected LORA")
    found = sorted(key for key, value in config.items() if value and key not in _PLAIN)
    if config.get("bias", "none") != "none":
        found.append("bias")
    if config.get("init_lora_weights") not in _INITS:
        found.append("init_lora_weights")
    if found:
        raise ValueError(
            f"adapter {name!r} uses {', '.join(found)}; expected plain LoRA, "
            "whose rows can share a batch with others'"
        )


def save_adapter(
    folder: Path, config: Any, tensors: Mapping[str, torch.Tensor], ours: Mapping[str, object]
) -> None:
    """Write an adapter's folder at once: it is there whole or not at all.

    ``config`` is peft's; ``ours`` says at least which ``base`` it is for. What was there is
    replaced.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (
        folder.with_name(f".{folder.name}.{uuid4().hex}.{kind}") for kind in ("new", "old")
    )
    fresh.mkdir()
    try:
        config = copy(config)
        config.inference_mode = True
        config.base_model_name_or_path = ours.get("base")
        config.save_pretrained(fresh)
        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        try:
            save_file(plain, fresh / WEIGHTS, metadata={"format": "pt"})
        except SafetensorError as error:
            raise OSError(f"an adapter cannot be written to {folder.parent}: {error}") from None
        (fresh / OURS).write_text(json.dumps(dict(ours), indent=2) + "\n", encoding="utf-8")
        if folder.exists():
            os.rename(folder, old)
        os.rename(fresh, folder)
    finally:
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)
